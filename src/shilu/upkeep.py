"""Looking after an archive: verify, rebuild, backup, forget.

These keep the promises: the archive is the truth and everything else can be made again from it;
nothing is lost silently; you can leave. Like ``pipeline`` they write only through ``Store``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from shilu.archive import warc
from shilu.archive.codec import inflate, unpack
from shilu.archive.commit import shown_path
from shilu.archive.store import (
    DATABASE,
    REBUILDING,
    Deposit,
    Place,
    Standing,
    Store,
    StoredCapture,
    bytes_seen_in,
    copy_database,
    copy_prefix,
    open_store,
)
from shilu.archive.versions import chain, in_order
from shilu.errors import ArchiveDamaged, ArchiveError, UsageError
from shilu.extraction.article import article_id, content_hash
from shilu.pipeline import Archive, Raw, Tick, prepared, quiet, read_files

_BATCH = 256

# ------------------------------------------------------------------------------ verify


@dataclass(slots=True)
class Check:
    """One thing verified: how many were looked at, and each that is wrong, named."""

    name: str
    count: int = 0
    faults: list[str] = field(default_factory=list)


def verify(archive: Archive, tick: Tick = quiet) -> list[Check]:
    """Check the whole archive against itself; changes nothing, streams.

    - ``database``: SQLite's own check, and that no row refers to one that is not there; where
      SQLite cannot read it, the others are not tried;
    - ``members``: every WARC record on disk inflates and is known, none is missing;
    - ``digests``: every capture's bytes have the digest, origin and time they came in with;
    - ``extraction``: every capture, read again, gives what is stored of it;
    - ``stale``: those made by another extractor, which is no fault: they are passed over;
    - ``versions``: every article's versions follow from its captures;
    - ``counts``: every capture is accepted or refused, every refusal has a reason;
    - ``forgotten``: every tombstone is known, and nothing of a forgotten article is left.
    """
    database, is_readable = _check_database(archive)
    if not is_readable:
        return [database]
    run = _Verification(archive, archive.store.bytes_seen())
    run.files(tick)
    return [
        database, run.members, run.digests, run.extraction, run.stale, _check_versions(archive),
        _check_counts(archive), run.forgotten(),
    ]  # fmt: skip


class _Verification:
    """The pass over all capture files."""

    def __init__(self, archive: Archive, seen: dict[str, int]) -> None:
        self._archive = archive
        self._store = archive.store
        self._seen = seen
        self._tombstones = archive.store.forgotten()
        self.members, self.digests = Check("members"), Check("digests")
        self.extraction, self.stale = Check("extraction"), Check("stale")
        self._forgotten = Check("forgotten", len(self._tombstones))

    def files(self, tick: Tick) -> None:
        """Go through every file, those that are missing included."""
        folder = self._store.captures_path
        names = {path.relative_to(folder).as_posix() for path in warc.capture_files(folder)}
        total, done = sum(self._seen.values()), 0
        for name in sorted(names | set(self._seen)):
            if name not in names:
                count = sum(1 for _ in self._store.stream_captures(name))
                self.members.faults.append(f"{name}: the file is missing; it held {count} captures")
                continue
            batches = self._batches(folder / name, name)
            for deposits, (captures, end) in prepared(batches, self._archive.rulebook):
                for deposit, standing in zip(deposits, self._store.standing(captures), strict=True):
                    self._compare(deposit, standing)
                tick(done + end, total, "bytes")
            done += self._seen.get(name, 0)

    def _batches(
        self, path: Path, name: str
    ) -> Iterator[tuple[list[Raw], tuple[list[StoredCapture], int]]]:
        """Check a file's members one by one; yield the sound captures for extraction."""
        seen = self._seen.get(name, 0)
        size = path.stat().st_size
        if size < seen:
            self.members.faults.append(
                f"{name}: it has {size} bytes, {seen} were indexed: its end is lost"
            )
        rows = (row for row in self._store.stream_captures(name) if row.place.offset < seen)
        row = next(rows, None)
        copies = {place.offset: (one, place) for one, place in self._store.copies(file=name)}
        raws: list[Raw] = []
        captures: list[StoredCapture] = []
        end = 0
        for member in warc.scan(path):
            if member.offset >= seen:
                # What another process is writing now, or a crash left: read when the archive is
                # opened next, not a fault.
                break
            end = member.offset + member.length
            self.members.count += 1
            while row is not None and row.place.offset < member.offset:
                self._miss(row)
                row = next(rows, None)
            if row is not None and row.place.offset == member.offset:
                raw = self._check_capture(member, row)
                if raw is not None:
                    raws.append(raw)
                    captures.append(row)
                row = next(rows, None)
            else:
                self._check_other(member, name, copies.pop(member.offset, None))
            if len(raws) >= _BATCH:
                yield raws, (captures, end)
                raws, captures = [], []
        while row is not None:
            self._miss(row)
            row = next(rows, None)
        yield raws, (captures, end)

    def _miss(self, row: StoredCapture) -> None:
        self.members.faults.append(f"{row.subject}: its record is not in the file")

    def _check_capture(self, member: warc.Member, row: StoredCapture) -> Raw | None:
        """Hold a member against its row; return it for extraction when it is sound."""
        subject = row.subject
        if member.data is None:
            self.members.faults.append(f"{subject}: {member.fault}")
            return None
        if (member.crc, member.length) != (row.place.crc, row.place.length):
            self.members.faults.append(f"{subject}: its compressed bytes have changed")
        try:
            record = warc.parse_member(member.data)
            capture = record.capture()
        except ValueError as error:
            self.members.faults.append(f"{subject}: {error}")
            return None
        self.digests.count += 1
        if record.id != row.id:
            self.digests.faults.append(f"{subject}: it is another record than the database says")
            return None
        if row.refusal == "article.forgotten" and record.kind == "resource":
            self._forgotten.faults.append(f"{subject}: bytes of a forgotten article")
            return None
        if record.declared_digest() not in (None, capture.digest) or capture.digest != row.digest:
            self.digests.faults.append(f"{subject}: its digest is not the one it came in with")
            return None
        told = (shown_path(capture.origin.path), capture.origin.commit, capture.captured_at,
                capture.size_bytes, record.refusal)  # fmt: skip
        stored = (row.origin.path, row.origin.commit, row.captured_at, row.size_bytes,
                  row.refusal if record.refusal else None)  # fmt: skip
        if told != stored:
            self.digests.faults.append(f"{subject}: its origin is not what the database says")
        return Raw(capture, record.payload, stored=True) if record.kind == "resource" else None

    def _check_other(self, member: warc.Member, name: str, copy: tuple[str, Place] | None) -> None:
        """Check a member that no capture stands for: file heads, tombstones, second records."""
        subject = f"{name}, byte {member.offset}"
        if copy is not None and (member.crc, member.length) != (copy[1].crc, copy[1].length):
            self.members.faults.append(f"{subject} (a copy): its compressed bytes have changed")
            return
        try:
            if member.data is None:
                raise ValueError(member.fault)
            record = warc.parse_member(member.data)
            if record.is_tombstone:
                tombstone = record.tombstone()
                if bytes.fromhex(tombstone.article_id) not in self._tombstones:
                    self._forgotten.faults.append(f"{subject}: a tombstone the database lacks")
            elif copy is None and record.kind != "warcinfo":
                raise ValueError("no capture in the database stands for it")
        except ValueError as error:
            self.members.faults.append(f"{subject}: {error}")

    def _compare(self, deposit: Deposit, standing: Standing) -> None:
        """Hold what a capture says, read again, against what is stored of it."""
        capture, filed = standing.capture, deposit.filed
        if standing.extractor != deposit.extractor:
            self.stale.count += 1
            if standing.data is not None and not _is_whole(standing):
                self.extraction.faults.append(f"{capture.subject}: the stored text is damaged")
            return
        self.extraction.count += 1
        told: tuple[object, ...] = (None, None, None, deposit.source)
        if filed is not None:
            told = (filed.article_id, filed.feed_ms, filed.content_hash, filed.source)
        stored = (standing.article_id, standing.feed_ms, capture.content_hash, standing.source)
        refusal = None if filed else deposit.problems[0].code
        codes = tuple(sorted(problem.code for problem in deposit.problems))
        if refusal != capture.refusal:
            self.extraction.faults.append(f"{capture.subject}: read again, it is judged otherwise")
        elif told != stored:
            self.extraction.faults.append(f"{capture.subject}: what is stored of it differs")
        elif filed and standing.data is not None and not _is_equal(standing.data, filed.data):
            self.extraction.faults.append(f"{capture.subject}: the stored text is another")
        elif codes != standing.problems:
            self.extraction.faults.append(f"{capture.subject}: its problems are listed otherwise")

    def forgotten(self) -> Check:
        """Return the check of forgotten articles, completed by what the database still has."""
        for buried, tombstone in self._tombstones.items():
            if self._store.article_of(buried):
                self._forgotten.faults.append(
                    f"article {tombstone.article_id}: captures are still there; "
                    f"run 'shilu forget {tombstone.article_id}' again"
                )
        return self._forgotten


def _is_whole(standing: Standing) -> bool:
    """Tell whether a stored content is the one it was filed as, whatever extractor made it."""
    assert standing.data is not None
    try:
        return bytes.fromhex(content_hash(unpack(standing.data))) == standing.capture.content_hash
    except ValueError:
        return False


def _is_equal(stored: bytes, derived: bytes) -> bool:
    """Tell whether two stored contents are the same; zstd releases compress differently."""
    try:
        return stored == derived or inflate(stored) == inflate(derived)
    except ValueError:
        return False


def _check_versions(archive: Archive) -> Check:
    check = Check("versions")
    for article_no, group, stored in archive.store.seen_and_stored():
        check.count += len(stored)
        derived = [(link.n, link.opened_by, link.id) for link in chain(in_order(group))]
        if sorted(stored) != derived:
            article = archive.store.article_by_number(article_no)
            name = f"{article.source}/{article.key}" if article else f"article no. {article_no}"
            check.faults.append(f"{name}: its versions do not follow from its captures")
    _check_articles(archive, check)
    return check


def _check_articles(archive: Archive, check: Check) -> None:
    """Add to *check* the articles whose id is not the one of their source and key."""
    for article in archive.store.stream_articles():
        if article.id != article_id(article.source, article.key):
            check.faults.append(f"{article.source}/{article.key}: its id is another's")


_CONTRADICTIONS = {
    "articles without a capture": (
        "SELECT count(*) FROM articles WHERE no NOT IN "
        "(SELECT article_no FROM captures WHERE article_no IS NOT NULL)"
    ),
    "refusals without a reason": (
        "SELECT count(*) FROM captures WHERE refusal IS NOT NULL AND no NOT IN "
        "(SELECT capture_no FROM problems)"
    ),
    "captures neither accepted nor refused": (
        "SELECT count(*) FROM captures WHERE (refusal IS NULL) = (article_no IS NULL)"
    ),
}


def _check_counts(archive: Archive) -> Check:
    counts = archive.store.counts()
    check = Check("counts", counts.captures + counts.refused)
    with archive.store.reading() as connection:
        for what, statement in _CONTRADICTIONS.items():
            found = connection.exec_driver_sql(statement).scalar()
            if found:
                check.faults.append(f"{found} {what}")
    return check


def _check_database(archive: Archive) -> tuple[Check, bool]:
    """Return the check, and whether the database can be read at all."""
    check = Check("database", 1)
    try:
        with archive.store.reading() as connection:
            rows = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check").all()]
            check.faults += [row for row in rows if row != "ok"][:20]
            if check.faults:
                return check, False
            loose = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except ArchiveDamaged as error:
        check.faults.append(str(error))
        return check, False
    missing: dict[tuple[str, str], int] = {}
    for table, _row, parent, _key in loose:
        missing[table, parent] = missing.get((table, parent), 0) + 1
    check.faults += [
        f"{count} rows of {table} refer to rows of {parent} that are not there"
        for (table, parent), count in missing.items()
    ]
    return check, True


# ------------------------------------------------------------------------------ rebuild


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The digests over the logical content before and after; before is None when not known."""

    before: str | None
    after: str
    records: int
    damaged: tuple[str, ...]  # records whose bytes cannot be read any more, by name


def rebuild(path: Path, tick: Tick = quiet) -> Rebuilt:
    """Throw away what is derived and make it again from the captures.

    The old database stays in place until the new one is complete. Where it was deleted by hand,
    "before" is the digest that was noted after the last import or rebuild. Records that are damaged
    are named by what the old database knew of them: the new one cannot.
    """
    existed = (path / DATABASE).is_file()
    if not (path / "captures").is_dir():
        raise UsageError("use.not_an_archive", path)
    try:
        store = open_store(path, exclusive=True)
    except ArchiveDamaged:  # nothing of it is needed
        existed = False
        store = open_store(path, exclusive=True, database=REBUILDING)
    with store:
        archive = Archive(store)
        before = _digest_before(archive, existed)
        names = _names_by_place(store) if existed else {}
        damaged: list[tuple[str, int]] = []
        store.start_over()
        todo = [
            (file, file.relative_to(store.captures_path).as_posix(), 0)
            for file in warc.capture_files(store.captures_path)
        ]
        records = read_files(archive, todo, tick, damaged)
        after = store.logical_digest()
        store.adopt()
        store.remember("logical_digest", after)
    unreadable = (names.get(place, f"{place[0]}, byte {place[1]}") for place in damaged)
    return Rebuilt(before, after, records, tuple(unreadable))


def _names_by_place(store: Store) -> dict[tuple[str, int], str]:
    try:
        return {
            (capture.place.file, capture.place.offset): capture.subject
            for capture in store.stream_captures()
        }
    except ArchiveDamaged:
        return {}


def _digest_before(archive: Archive, existed: bool) -> str | None:
    if existed:
        try:
            archive.recover()
            return archive.store.logical_digest()
        except ArchiveDamaged:
            pass
    return archive.store.fact("logical_digest")


@dataclass(frozen=True, slots=True)
class Preview:
    """A text that a rebuild would change."""

    article: str  # source/key
    n: int
    title: str
    change: str  # "text", "details" (times, marks, pictures), "refused" or "accepted"


def preview(archive: Archive, tick: Tick = quiet) -> tuple[list[Preview], int]:
    """Return which versions would read otherwise after a rebuild, and how many would not."""
    changed: list[Preview] = []
    unchanged = done = 0
    counts = archive.store.counts()
    for deposits, (standings, looked_at) in prepared(_readable(archive), archive.rulebook):
        for deposit, standing in zip(deposits, standings, strict=True):
            change = _change(deposit, standing)
            if change is None:
                unchanged += 1
            else:
                changed.append(_named(archive, standing.capture, change))
        done += looked_at
        tick(done, counts.captures + counts.refused, "records")
    return changed, unchanged


def _readable(archive: Archive) -> Iterator[tuple[list[Raw], tuple[list[Standing], int]]]:
    """Yield the captures that open a version or were refused, in batches."""
    rows = archive.store.stream_captures()
    while batch := list(islice(rows, _BATCH)):
        raws: list[Raw] = []
        standings: list[Standing] = []
        for standing in archive.store.standing(batch):
            if standing.data is None and standing.capture.refusal is None:
                continue
            record = archive.store.read_record(standing.capture)
            if record.kind == "resource":
                raws.append(Raw(record.capture(), record.payload, stored=True))
                standings.append(standing)
        yield raws, (standings, len(batch))


def _change(deposit: Deposit, standing: Standing) -> str | None:
    filed, was_refused = deposit.filed, standing.capture.refusal is not None
    if filed is None:
        return None if was_refused else "refused"
    if was_refused:
        return "accepted"
    assert standing.data is not None
    if _is_equal(standing.data, filed.data):
        return None
    return "details" if filed.content_hash == standing.capture.content_hash else "text"


def _named(archive: Archive, row: StoredCapture, change: str) -> Preview:
    article = archive.store.article_by_number(row.article_no) if row.article_no else None
    if article is None or row.article_no is None:
        return Preview(row.origin.name, 0, "", change)
    version = next(
        one for one in archive.store.versions_of(row.article_no) if one.capture_id == row.id
    )
    return Preview(f"{article.source}/{article.key}", version.n, version.title, change)


# ------------------------------------------------------------------------------ backup


def backup(archive: Archive, target: Path, tick: Tick = quiet) -> dict[str, int]:
    """Copy a live archive to a new folder; the copy is complete as of one moment.

    ``state.db`` is copied first: what it says is walked is then surely among the captures.
    """
    source = archive.store.path
    try:
        if archive.store.path.resolve() in target.resolve().parents:
            raise UsageError("use.inside_the_archive", target)
        if target.exists() and any(target.iterdir()):
            raise UsageError("use.not_empty", target)
        target.mkdir(parents=True, exist_ok=True)
        copy_database(source / "state.db", target / "state.db")
        copy_database(source / DATABASE, target / DATABASE)
        seen = bytes_seen_in(target / DATABASE)
        total, done = sum(seen.values()), 0
        for name, size in seen.items():
            if not (source / "captures" / name).is_file():
                raise ArchiveDamaged("archive.damaged", name, cause="the capture file is missing")
            copy_prefix(source / "captures" / name, target / "captures" / name, size)
            done += size
            tick(done, total, "bytes")
        for name in ("sources", "media"):
            if (source / name).is_dir():
                shutil.copytree(source / name, target / name)
        # Last, so that an interrupted backup is not taken for an archive.
        shutil.copyfile(source / "shilu.toml", target / "shilu.toml")
    except OSError as error:
        cause = error.strerror or str(error)
        raise ArchiveError("archive.unwritable", target, cause=cause) from error
    return {"files": len(seen), "bytes": sum(seen.values())}


# ------------------------------------------------------------------------------ forget


@dataclass(frozen=True, slots=True)
class Forgotten:
    """An article that is gone."""

    article_id: str
    captures: int
    files: int


def forget(path: Path, reference: str, reason: str, tick: Tick = quiet) -> Forgotten:
    """Take an article's bytes out of the archive for good, leaving a tombstone.

    The tombstone holds the article's id, the reason and the ids of its captures: neither address
    nor title. Backups made earlier keep their copies. Interrupted, it is finished by calling it
    again with the article's id.
    """
    from shilu.search.index import remove as remove_index

    with open_store(path, exclusive=True) as store:
        archive = Archive(store)
        archive.recover()
        tombstone, files = _to_forget(archive, reference, reason)
        # The tombstone comes with the first file; from then on it is known what is to be done.
        member: bytes | None = warc.build_tombstone(tombstone)
        for name, offsets in sorted(files.items()):
            store.unfile(name, archive.refill)
            file = store.captures_path / name
            warc.rewrite_without(file, frozenset(offsets), member)
            member = None
            read_files(archive, [(file, name, 0)], tick)
        store.compact()
        remove_index(store.path)  # what is deleted from it would stay in its files for a while
        store.forget_restored(tombstone.article_id)
        store.remember("logical_digest", store.logical_digest())
    count = sum(len(offsets) for offsets in files.values())
    return Forgotten(tombstone.article_id, count, len(files))


def _to_forget(
    archive: Archive, reference: str, reason: str
) -> tuple[warc.Tombstone, dict[str, set[int]]]:
    """Return an article's tombstone, and where its records stand: file → offsets.

    Also of one that has a tombstone already, whose work was interrupted.
    """
    store = archive.store
    old = store.forgotten().get(_article_id(reference))
    if old is None:
        article = archive.find(reference)
        article_id, captures = article.id, archive.captures(article.id)
        old = store.forgotten().get(bytes.fromhex(article_id))
    else:
        article_id, captures = old.article_id, []
    ids = {capture.id for capture in captures}
    if old is not None:
        left = (store.captures(capture_id=one) for one in old.capture_ids if one not in ids)
        captures += [capture for found in left for capture in found]
        ids.update(old.capture_ids)
    files: dict[str, set[int]] = {}
    for place in (
        *(capture.place for capture in captures),
        *(place for _, place in store.copies(ids=ids)),
    ):
        files.setdefault(place.file, set()).add(place.offset)
    at = datetime.now(UTC).replace(microsecond=0)
    return warc.Tombstone(article_id, at, reason, tuple(sorted(ids))), files


def _article_id(reference: str) -> bytes:
    try:
        return bytes.fromhex(reference)
    except ValueError:
        return b""
