"""The whole flow, and the only writer.

::

    fetch.mirror      Found           bytes, and where they came from
        ↓ prepare     Deposit         extracted, compressed, named: pure, on every processor
    archive.append                    WARC member on disk, synced
    archive.commit    Outcome         indexed; the article's versions derived

``Archive`` is what programs hold (``shilu.open_archive``). What looks after an archive that exists
(verify, rebuild, backup, forget) is in ``upkeep``.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shilu import jobs
from shilu.archive import warc
from shilu.archive.codec import pack, to_ms
from shilu.archive.store import (
    Counts,
    Deposit,
    Filed,
    ListedProblem,
    Place,
    SourceRow,
    Store,
    StoredCapture,
    open_store,
)
from shilu.errors import ArchiveDamaged, UsageError
from shilu.extraction.article import (
    NO_CHOICES,
    Reading,
    Refusal,
    article_id,
    content_hash,
    extractor_digest,
    read_capture,
)
from shilu.fetch import git, mirror
from shilu.records import (
    Article,
    Capture,
    Choices,
    Content,
    Entry,
    Problem,
    Version,
)
from shilu.sources.catalog import Catalog, load_catalog
from shilu.urls import as_ascii, canonical, is_web_address

if TYPE_CHECKING:
    from shilu.search.hits import Results
    from shilu.search.index import Changed, SearchIndex

_BATCH_RECORDS = 256
_BATCH_BYTES = 8 << 20  # a batch of large records is cut earlier, so that memory stays level

# Every catalogued outlet publishes daily; a week of nothing is a broken feed or a dead outlet.
SILENT_AFTER = timedelta(days=7)

# What is to be judged anew since the user decided something, one fact a source or article: noted
# with the decision, dropped when it is done, so that a process that dies in between leaves it to
# the next opening.
TO_READ_AGAIN = "to_read_again"
_LIMIT_WALKED = "max_record_bytes_walked"  # the limit under which mirrors have been walked

Tick = Callable[[int, int | None, str], None]  # done, total (None: not known), unit


def quiet(_done: int, _total: int | None, _unit: str) -> None:
    """Show no progress."""


# ------------------------------------------------------------------------------ pure: one capture


@dataclass(frozen=True, slots=True)
class Raw:
    """A capture and its bytes, ready to be prepared."""

    capture: Capture
    data: bytes | None
    refusal: Problem | None = None  # where there are no bytes
    stored: bool = False  # it stands in a capture file already


@dataclass(frozen=True, slots=True)
class Rulebook:
    """By what captures are judged: the outlets' rules, and what the user decided against them."""

    sources_folder: str  # of the archive; its files come before ours
    catalog_digest: str  # by which a process knows that it has read the same files
    choices: Choices = NO_CHOICES

    @property
    def catalog(self) -> Catalog:
        """The outlets, read once a process."""
        return _catalog(self.sources_folder, self.catalog_digest)

    def extractor(self, source: str, article_id: str = "") -> str:
        """Return the digest of all that decides what an article's captures say."""
        choices = self.choices.digest(source, article_id)
        return extractor_digest(self.catalog.digest_of(source), choices)


def prepare(raw: Raw, rulebook: Rulebook) -> Deposit:
    """Extract a capture and make its WARC member. Pure; whatever fails becomes a refusal."""
    capture = raw.capture
    subject = mirror.display(capture.origin)
    if raw.data is None:
        assert raw.refusal is not None
        rules = rulebook.catalog.for_folder(capture.origin.path.split("/")[-2:][0])
        source = rules.source.id if rules else "unknown"
        return _refused(raw, source, (raw.refusal,), rulebook)
    try:
        reading = read_capture(
            raw.data, capture.origin.path, rulebook.catalog, subject, rulebook.choices
        )
    except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the user the batch
        cause = f"{type(error).__name__}: {error}"
        problem = Problem("extract.failed", subject, {"cause": cause}, refused=True)
        return _refused(raw, "unknown", (problem,), rulebook)
    if isinstance(reading, Refusal):
        return _refused(raw, reading.source, (reading.problem, *reading.doubts), rulebook)
    filed = _filed(reading)
    return Deposit(
        capture=capture,
        member=b"" if raw.stored else warc.build_capture(capture, as_ascii(reading.url), raw.data),
        filed=filed,
        source=reading.source,
        extractor=rulebook.extractor(reading.source, filed.article_id.hex()),
        problems=reading.content.problems,
        fired=tuple(sorted({removed.rule for removed in reading.content.removed})),
    )


def _filed(reading: Reading) -> Filed:
    return Filed(
        article_id=bytes.fromhex(article_id(reading.source, reading.key)),
        source=reading.source,
        key=reading.key,
        url=reading.url,
        feed_ms=to_ms(reading.feed_at),
        content_hash=bytes.fromhex(content_hash(reading.content)),
        data=pack(reading.content),
    )


def _refused(raw: Raw, source: str, problems: tuple[Problem, ...], rulebook: Rulebook) -> Deposit:
    if raw.stored:
        member = b""
    elif raw.data is None:
        member = warc.build_refusal(raw.capture, problems[0].code, problems[0].details)
    else:
        member = warc.build_capture(raw.capture, None, raw.data)
    return Deposit(raw.capture, member, None, source, rulebook.extractor(source), problems)


@cache
def _catalog(folder: str, _digest: str) -> Catalog:
    return load_catalog(Path(folder))


def prepare_batch(batch: Sequence[Raw], rulebook: Rulebook) -> list[Deposit]:
    """Prepare captures; what workers run."""
    return [prepare(raw, rulebook) for raw in batch]


def prepared(
    batches: Iterable[tuple[Sequence[Raw], Any]], rulebook: Rulebook
) -> Generator[tuple[list[Deposit], Any], None, None]:
    """Prepare batches on every processor, in order; what is paired with a batch stays with it.

    A record that kills its worker is found by going through the batch alone, and refused.
    """

    def near(pair: tuple[Sequence[Raw], Any]) -> list[Deposit]:
        return prepare_batch(pair[0], rulebook)

    class Far(jobs.Workers):
        def submit(self, batch: Any) -> Any:
            return super().submit(batch[0])

    def far() -> jobs.Workers:
        return Far("shilu.pipeline:prepare_batch", rulebook)

    for (raws, paired), result in jobs.in_order(batches, near, far):
        if isinstance(result, jobs.WorkerDied):
            result = _one_by_one(raws, rulebook)
        yield result, paired


def _one_by_one(raws: Sequence[Raw], rulebook: Rulebook) -> list[Deposit]:
    deposits = []
    with jobs.Workers("shilu.pipeline:prepare_batch", rulebook, count=1) as workers:
        for raw in raws:
            try:
                deposits += workers.submit([raw]).result()
            except jobs.WorkerDied as error:
                subject = mirror.display(raw.capture.origin)
                problem = Problem("extract.failed", subject, {"cause": str(error)}, refused=True)
                deposits.append(_refused(raw, "unknown", (problem,), rulebook))
    return deposits


# ------------------------------------------------------------------------------ import


def check_paths(paths: Iterable[Path]) -> dict[Path, Path | None]:
    """Return what is to be imported, with the Git directory of repositories.

    Raises ``UsageError`` for a path where there is nothing, or nothing that may be looked at.
    """
    found: dict[Path, Path | None] = {}
    for path in paths:
        try:
            mode = path.stat().st_mode
            if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
                raise UsageError("record.not_a_file", path, kind=mirror.kind_of(mode))
            found[path] = git.git_directory(path) if path.is_dir() else None
        except FileNotFoundError:
            raise UsageError("use.no_such_path", path) from None
        except OSError as error:
            raise UsageError("record.unreadable", path, cause=error.strerror) from None
    return found


@dataclass(slots=True)
class SourceReport:
    """What an import did for one source."""

    read: int = 0
    articles: int = 0
    versions: int = 0
    same: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)  # of refusals, by code


@dataclass(slots=True)
class ImportReport:
    """What an import did. read = versions + same + refused, always."""

    read: int = 0
    articles: int = 0  # articles that did not exist before
    versions: int = 0  # records that opened a version, first versions included
    same: int = 0  # records that said what the version before them said, or were known
    refused: int = 0
    passed_over: int = 0  # files that are no records
    by_source: dict[str, SourceReport] = field(default_factory=lambda: defaultdict(SourceReport))
    problems: Counter[str] = field(default_factory=Counter)
    reports: list[Problem] = field(default_factory=list)  # about repositories as a whole

    def count(self, source: str, outcome: str, code: str | None = None) -> None:
        """Count one record; *code* says why it was refused."""
        if code:
            self.by_source[source].reasons[code] += 1
        for target in (self, self.by_source[source]):
            target.read += 1
            if outcome == "article":
                target.articles += 1
            if outcome in ("article", "version"):
                target.versions += 1
            elif outcome == "refused":
                target.refused += 1
            else:
                target.same += 1


@dataclass(slots=True)
class _Batch:
    """Records on their way, and what is to be noted once they are safe."""

    raws: list[Raw] = field(default_factory=list)
    # id → (source, code of its refusal)
    known: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    twins: list[str] = field(default_factory=list)  # met twice in this import
    walked: list[mirror.Walked] = field(default_factory=list)
    progress: mirror.Progress | None = None


def unless_forgotten(
    deposit: Deposit, forgotten: dict[bytes, warc.Tombstone], rulebook: Rulebook
) -> Deposit:
    """Return the deposit, or the refusal that keeps a forgotten article out."""
    tombstone = forgotten.get(deposit.filed.article_id) if deposit.filed else None
    if tombstone is None:
        return deposit
    # File names of old mirrors hold the title, and a digest recognises a text: neither is kept.
    old = deposit.capture
    path = re.sub(r"^(\d+)_.*(?=\.md$)", r"\1", old.origin.path.rpartition("/")[2])
    origin = replace(old.origin, path=path if path[:1].isdigit() else "-")
    capture = replace(old, origin=origin, digest="0" * 64, size_bytes=0)
    problem = Problem(
        "article.forgotten",
        mirror.display(origin),
        {"day": f"{tombstone.forgotten_at:%Y-%m-%d}", "why": tombstone.reason},
        refused=True,
    )
    return _refused(Raw(capture, None), deposit.source, (problem,), rulebook)


class Archive:
    """An open archive. Use as a context manager, or call ``close``."""

    def __init__(self, store: Store) -> None:
        """Hold an open store; raises ``UsageError`` for a fault in its ``sources/`` files."""
        self.store = store
        self._index: SearchIndex | None = None  # opened by the first search
        self.reload_rules()

    def reload_rules(self) -> None:
        """Read the outlets' files and the user's decisions."""
        folder = self.store.path / "sources"
        self.catalog = load_catalog(folder)
        self.rulebook = Rulebook(str(folder), self.catalog.digest, self.store.choices())

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the archive."""
        self.store.close()

    # -------------------------------------------------------------------------- in

    def import_paths(
        self,
        paths: Sequence[Path],
        *,
        tick: Tick = quiet,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> ImportReport:
        """Import Git mirrors, folders and record files; see ``docs/record-form.md``.

        Every path is looked at before anything is read. Safe to interrupt at any moment: call it
        again and it goes on where it stopped.
        """
        repositories = check_paths(paths)
        report = ImportReport()
        forgotten = self.store.forgotten()
        batches = self._batches(self._steps(repositories), report, now().astimezone(UTC))
        pairs = ((batch.raws, batch) for batch in batches)
        added = 0
        with closing(prepared(pairs, self.rulebook)) as ready:
            for deposits, batch in ready:
                self._keep(
                    [unless_forgotten(one, forgotten, self.rulebook) for one in deposits], report
                )
                added += len(deposits)
                known = batch.known | (self.store.known(batch.twins) if batch.twins else {})
                for capture_id in (*batch.known, *batch.twins):
                    source, refusal = known[capture_id]
                    report.count(source, "refused" if refusal else "same", refusal)
                    report.problems.update([refusal] if refusal else [])
                self._note_walked(batch.walked)
                if batch.progress:
                    tick(batch.progress.done, batch.progress.total, batch.progress.unit)
        self.store.remember(_LIMIT_WALKED, str(self.store.settings.max_record_bytes))
        if added:
            self.store.remember("logical_digest", self.store.logical_digest())
        return report

    def _steps(self, repositories: Mapping[Path, Path | None]) -> Iterator[mirror.Step]:
        limit = self.store.settings.max_record_bytes
        # With a higher limit than before, records once refused for their size can come in: then
        # all of history is walked again; what the archive has is known by its ids.
        walked_with = int(self.store.fact(_LIMIT_WALKED) or limit)
        for path, git_dir in repositories.items():
            if git_dir is not None:
                known = self.store.tips() if limit <= walked_with else []
                yield from mirror.walk_repository(git_dir, str(path), known, limit)
                continue
            is_empty = True
            for step in mirror.walk_files(path, limit):
                is_empty = is_empty and not isinstance(step, mirror.Found)
                yield step
            if is_empty:
                yield Problem("import.no_records", str(path), refused=True)

    def _note_walked(self, steps: Sequence[mirror.Walked]) -> None:
        """Note checkpoints, all of a batch at once."""
        reached: set[str] = set()
        passed: set[str] = set()
        for step in steps:
            reached = reached - set(step.passed) | set(step.reached)
            passed.update(step.passed)
        if steps:
            self.store.move_tips(sorted(reached), sorted(passed - reached))

    def _batches(
        self, steps: Iterable[mirror.Step], report: ImportReport, now: datetime
    ) -> Iterator[_Batch]:
        """Group steps, leaving out captures the archive has."""
        found: list[Raw] = []
        batch = _Batch()
        size = 0
        on_the_way: set[str] = set()
        for step in steps:
            match step:
                case mirror.Found():
                    raw = _raw(step, now)
                    found.append(raw)
                    size += len(step.data or b"")
                case mirror.PassedOver():
                    report.passed_over += 1
                case mirror.Walked():
                    batch.walked.append(step)
                case mirror.Progress():
                    batch.progress = step
                case Problem():
                    report.reports.append(step)
                    report.problems[step.code] += 1
            if len(found) >= _BATCH_RECORDS or size >= _BATCH_BYTES:
                yield self._without_known(batch, found, on_the_way)
                found, batch, size = [], _Batch(), 0
        if found or batch.walked or batch.progress:
            yield self._without_known(batch, found, on_the_way)

    def _without_known(self, batch: _Batch, found: list[Raw], on_the_way: set[str]) -> _Batch:
        known = self.store.known([raw.capture.id for raw in found])
        for raw in found:
            if raw.capture.id in known:
                if raw.capture.id in batch.known:
                    batch.twins.append(raw.capture.id)
                batch.known[raw.capture.id] = known[raw.capture.id]
            elif raw.capture.id in on_the_way:
                batch.twins.append(raw.capture.id)
            else:
                on_the_way.add(raw.capture.id)
                batch.raws.append(raw)
        if len(on_the_way) > 20 * _BATCH_RECORDS:  # the oldest are committed by now
            on_the_way.clear()
            on_the_way.update(raw.capture.id for raw in batch.raws)
        return batch

    def _keep(self, deposits: Sequence[Deposit], report: ImportReport) -> None:
        """Write, index and count a batch."""
        if not deposits:
            return
        places = self.store.append(deposits)
        outcomes = self.store.commit(deposits, places, self.refill)
        for deposit, outcome in zip(deposits, outcomes, strict=True):
            code = deposit.problems[0].code if outcome == "refused" else None
            report.count(deposit.source, outcome, code)
            report.problems.update(problem.code for problem in deposit.problems)

    # -------------------------------------------------------------------------- after a crash

    def recover(self, tick: Tick = quiet) -> int:
        """Read what capture files hold and the database has not seen; return how many records.

        A torn record at the end of a file was never acknowledged and is cut. Files that another
        process is writing are left alone.
        """
        seen = self.store.bytes_seen()
        todo = []
        for path in warc.capture_files(self.store.captures_path):
            name = path.relative_to(self.store.captures_path).as_posix()
            start = seen.get(name, 0)
            if path.stat().st_size > start and not warc.is_being_written(path):
                todo.append((path, name, start))
        if not todo:
            return 0
        return read_files(self, todo, tick)

    def refill(self, capture: StoredCapture) -> tuple[bytes, str]:
        """Extract a capture again; return its content in stored form, and its extractor.

        One that the rules now in force refuse stands with an empty text until the next rebuild,
        which judges all captures anew.
        """
        reading = self.read_capture_again(capture)
        if isinstance(reading, Refusal):
            nothing = Content(title="", text="", body_start=0, blocks=())
            return pack(nothing), self.rulebook.extractor(reading.source)
        of = article_id(reading.source, reading.key)
        return pack(reading.content), self.rulebook.extractor(reading.source, of)

    def read_capture_again(
        self, capture: StoredCapture, choices: Choices | None = None
    ) -> Reading | Refusal:
        """Extract a capture by the rules in force, or with other *choices*."""
        record = self.store.read_record(capture)
        origin = record.origin()  # the database's path is for display
        return read_capture(
            record.payload, origin.path, self.catalog, mirror.display(origin),
            choices or self.rulebook.choices,
        )  # fmt: skip

    # -------------------------------------------------------------------------- what users decide

    def take_up_choices(self, tick: Tick = quiet) -> None:
        """Read again what a decision of the user concerns that has not been taken up yet."""
        for fact in self.store.facts(f"{TO_READ_AGAIN} "):
            is_settled = False
            while not is_settled:  # another process may decide something at the same time
                self.reload_rules()
                self._read_again(self._concerned(fact), tick)
                is_settled = self.store.settle(fact, self.rulebook.choices)

    def _concerned(self, fact: str) -> list[StoredCapture]:
        """Return the captures that a fact of what is to be read again names."""
        _, kind, name = fact.split(" ", 2)
        if kind == "source":
            return list(self.store.captures_of_source(name))
        found = self.store.article_of(bytes.fromhex(name))
        return self.store.captures(article_no=found[0]) if found else []

    def _read_again(self, captures: Sequence[StoredCapture], tick: Tick) -> None:
        """Judge captures anew by the rules now in force.

        Those that cannot be read any more stay as they are; ``verify`` names them.
        """
        forgotten = self.store.forgotten()
        done = 0
        for deposits, places in prepared(self._stored(captures), self.rulebook):
            deposits = [unless_forgotten(one, forgotten, self.rulebook) for one in deposits]
            self.store.refile(deposits, places, self.refill)
            done += len(deposits)
            tick(done, len(captures), "records")
        self.store.remember("logical_digest", self.store.logical_digest())

    def _stored(self, captures: Sequence[StoredCapture]) -> Iterator[tuple[list[Raw], list[Place]]]:
        raws: list[Raw] = []
        places: list[Place] = []
        size = 0
        for capture in captures:
            with suppress(ArchiveDamaged):
                record = self.store.read_record(capture)
                raws.append(Raw(record.capture(), record.payload, stored=True))
                places.append(capture.place)
                size += len(record.payload)
            if len(raws) >= _BATCH_RECORDS or size >= _BATCH_BYTES:
                yield raws, places
                raws, places, size = [], [], 0
        if raws:
            yield raws, places

    # -------------------------------------------------------------------------- asking

    def stats(self) -> Counts:
        """Count articles, versions, captures and refusals."""
        return self.store.counts()

    def sources(self) -> list[SourceRow]:
        """Tell of each source what there is, and when it was first and last heard of."""
        return self.store.source_rows()

    def silent(self) -> dict[str, datetime]:
        """Return the sources that have fallen silent, with when they were last heard of.

        Measured against the newest record of the whole archive, not the clock: a mirror of 2020 is
        not silent because it is old.
        """
        rows = [row for row in self.sources() if row.last_at is not None]
        newest = max((row.last_at for row in rows if row.last_at), default=None)
        return {
            row.source: row.last_at
            for row in rows
            if row.last_at is not None
            and newest is not None
            and newest - row.last_at > SILENT_AFTER
        }

    def problems(self, source: str | None = None) -> Iterator[ListedProblem]:
        """Yield every refused or doubtful record."""
        return self.store.problems(source)

    def find(self, reference: str) -> Article:
        """Return the article with this id (or its first digits), source/key, or URL."""
        return self.locate(reference)[1]

    def versions(self, reference: str) -> list[Version]:
        """Return an article's versions, oldest first."""
        return self.store.versions_of(self.locate(reference)[0])

    def captures(self, reference: str) -> list[StoredCapture]:
        """Return an article's captures."""
        return self.store.captures(article_no=self.locate(reference)[0])

    def raw(self, capture_id: str) -> bytes:
        """Return the bytes of a capture as they were received."""
        try:
            found = self.store.captures(capture_id=str(UUID(capture_id)))
        except ValueError:
            found = []
        if not found:
            raise UsageError("use.bad_reference", capture_id)
        return self.store.read_payload(found[0])

    def sizes(self) -> dict[str, int]:
        """Return the bytes on disk: captures, and what is derived from them."""
        captures = sum(path.stat().st_size for path in warc.capture_files(self.store.captures_path))
        derived = sum(path.stat().st_size for path in self.store.path.glob("shilu.db*"))
        return {"captures": captures, "derived": derived}

    def content_of(self, capture_id: str) -> Content | None:
        """Extract a capture anew, removals included; None when it is refused."""
        (capture,) = self.store.captures(capture_id=capture_id)
        reading = self.read_capture_again(capture)
        return reading.content if isinstance(reading, Reading) else None

    # -------------------------------------------------------------------------- searching

    def search(
        self, query: str, *, limit: int = 20, cursor: str | None = None, tick: Tick = quiet
    ) -> Results:
        """Find articles; ``docs/search.md`` has the language of queries.

        What changed since the last search is taken into the index first; where another process is
        doing that, ``Results.behind`` says how many articles are not in it yet. *cursor* is that of
        the page before. Raises ``UsageError`` for queries beyond the limits.
        """
        behind = self.update_index(tick)
        index = self._search_index()
        try:
            return index.search(
                query, self.store.with_versions, limit=limit, cursor=cursor, behind=behind
            )
        except ArchiveDamaged as error:
            if error.problem.code != "archive.index_damaged" or not index.clear():
                raise
        behind = self.update_index(tick)  # it is derived: made anew
        return index.search(
            query, self.store.with_versions, limit=limit, cursor=cursor, behind=behind
        )

    def update_index(self, tick: Tick = quiet, *, anew: bool = False) -> int:
        """Take into the index what changed; return how many articles are not in it still.

        *anew*: throw the index away first.
        """
        index = self._search_index()
        last = self.store.last_change()
        if anew or index.complete_to > last:  # ahead: the database was put back from a backup
            index.clear()
        if index.complete_to == last:
            return 0
        total = self.store.count_changed(index.complete_to)
        try:
            is_done = index.update(self._changes, lambda done: tick(done, total, "articles"))
        except ArchiveDamaged as error:
            if error.problem.code != "archive.index_damaged" or not index.clear():
                raise
            is_done = index.update(self._changes, lambda done: tick(done, None, "articles"))
        if is_done:
            return 0
        index.reload()
        return self.store.count_changed(index.complete_to)

    def _search_index(self) -> SearchIndex:
        from shilu.search.index import NAME, SearchIndex

        if self._index is None:
            self._index = SearchIndex(self.store.path / NAME, self.store.identity())
        return self._index

    def _changes(self, after: int) -> Iterator[Changed]:
        from shilu.search.index import Changed

        while rows := self.store.changed(after, _BATCH_RECORDS):
            articles = self.store.with_versions([number for _, number in rows])
            for change, number in rows:
                article, versions = articles.get(number, (None, []))
                yield Changed(number, change, article, versions)
            after = rows[-1][0]

    def locate(self, reference: str) -> tuple[int, Article]:
        """Return an article with the archive's own number for it."""
        url = None
        if is_web_address(reference):
            url = canonical(reference)
            rules = self.catalog.for_url(reference)
            key = rules.key(Entry(title="", url=reference, html=""))
            found = self.store.article_of(bytes.fromhex(article_id(rules.source.id, key)))
            if found:
                return found
        return self.store.find(reference, url)


def _raw(found: mirror.Found, now: datetime) -> Raw:
    data = found.data
    digest = hashlib.sha256(data).hexdigest() if data is not None else found.sha256 or "0" * 64
    at = found.at or now
    capture = Capture(
        id=warc.capture_uuid(found.origin, found.payload_name),
        origin=found.origin,
        captured_at=at.replace(microsecond=0),
        digest=digest,
        size_bytes=len(data) if data is not None else found.size_bytes,
    )
    return Raw(capture, data, found.refusal)


# ------------------------------------------------------------------------------ from the captures


def read_files(
    archive: Archive,
    todo: Sequence[tuple[Path, str, int]],
    tick: Tick,
    damaged: list[tuple[str, int]] | None = None,
) -> int:
    """Index capture files from given places on; return how many records came in.

    What cannot be read is passed by and, as file and offset, added to *damaged*; ``verify`` names
    it. Torn ends are cut.
    """
    total = sum(path.stat().st_size - start for path, _, start in todo)
    count = done = 0
    forgotten = archive.store.forgotten()
    for path, name, start in todo:
        for deposits, (places, end, buried) in prepared(
            _stored_batches(archive.store, path, name, start, damaged), archive.rulebook
        ):
            forgotten |= {bytes.fromhex(one.article_id): one for one in buried}
            deposits = [unless_forgotten(one, forgotten, archive.rulebook) for one in deposits]
            archive.store.commit(deposits, places, archive.refill, {name: end}, buried)
            count += len(deposits)
            tick(done + end - start, total, "bytes")
        done += path.stat().st_size - start
    return count


def _stored_batches(
    store: Store,
    path: Path,
    name: str,
    start: int,
    damaged: list[tuple[str, int]] | None,
) -> Iterator[tuple[list[Raw], tuple[list[Place], int, list[warc.Tombstone]]]]:
    """Group a file's members; with each group its places, its end, and tombstones met."""
    raws: list[Raw] = []
    places: list[Place] = []
    buried: list[warc.Tombstone] = []
    end = start
    size = 0
    for member in warc.scan(path, start):
        if member.torn and store.cut_tail(name, member.offset):
            break
        end = member.offset + member.length
        try:
            if member.data is None:
                raise ValueError(member.fault)
            record = warc.parse_member(member.data)
        except ValueError:
            if damaged is not None:
                damaged.append((name, member.offset))
            continue
        if record.is_tombstone:
            buried.append(record.tombstone())
        elif record.kind == "resource":
            raws.append(Raw(record.capture(), record.payload, stored=True))
            places.append(Place(name, member.offset, member.length, member.crc))
        elif record.refusal:
            raws.append(_stored_refusal(record))
            places.append(Place(name, member.offset, member.length, member.crc))
        size += len(member.data or b"")
        if len(raws) >= _BATCH_RECORDS or size >= _BATCH_BYTES:
            yield raws, (places, end, buried)
            raws, places, buried, size = [], [], [], 0
    yield raws, (places, end, buried)


def _stored_refusal(record: warc.StoredRecord) -> Raw:
    told = record.details()
    capture = record.capture()
    problem = Problem(told["code"], mirror.display(capture.origin), told["details"], refused=True)
    return Raw(capture, None, problem, stored=True)


# ------------------------------------------------------------------------------ opening


def open_archive(path: str | Path, *, create: bool = False, tick: Tick = quiet) -> Archive:
    """Open the archive in a folder; with *create* make one where there is none.

    What an earlier process wrote and did not index is read first.
    """
    folder = Path(path)
    store = open_store(folder, create=create)
    try:
        archive = Archive(store)
        archive.recover(tick)
        archive.take_up_choices(tick)  # what an earlier process left undone
    except BaseException:
        store.close()
        raise
    return archive
