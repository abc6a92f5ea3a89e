"""``shilu export markdown``: one Markdown file a version, lists by source, and a manifest.

::

    DIR/articles/<source>/<title>_<article>.md      newer versions; older ones end in _v<n>
    DIR/lists/<source>.md                           newest first
    DIR/records.jsonl                               where each file's record came from

A folder that holds an earlier export is brought up to date. What its user changed or added there is
never written over or deleted. ``docs/export.md`` describes all of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from shilu.archive.codec import from_ms
from shilu.archive.queries import InFull, StoredCapture
from shilu.archive.versions import instants
from shilu.errors import ArchiveDamaged, UsageError
from shilu.export.names import file_names, folded, folder_names
from shilu.extraction import readable
from shilu.fetch.manifest import MANIFEST, Manifest, Row, is_manifest
from shilu.pipeline import Archive, Tick, quiet
from shilu.recordform import file_place
from shilu.records import Article, Origin, Version

_ARTICLES, _LISTS = "articles", "lists"
_LIST_MARK = "<!--list: written anew by every export-->"
_GROUP = 128  # articles read at once
_PART = ".part"  # ends the name of a file on its way


@dataclass(slots=True)
class ExportReport:
    """What an export did."""

    articles: int = 0
    versions: int = 0
    written: int = 0  # files that are new or changed
    unchanged: int = 0
    deleted: int = 0  # of an earlier export, and in this one no more
    refused: int = 0  # records of the archive that no article came of
    kept: list[str] = field(default_factory=list)  # files that their user changed or added
    damaged: list[str] = field(default_factory=list)  # captures whose bytes cannot be read


def export_markdown(
    archive: Archive,
    target: Path,
    *,
    all_versions: bool = False,
    raw: bool = False,
    source: str | None = None,
    tick: Tick = quiet,
) -> ExportReport:
    """Write an archive's articles into the folder *target*, new, empty or an earlier export.

    *raw* writes the bytes of the records as they were received, else readable Markdown; *source*
    leaves the others as they are. Safe to interrupt: called again it goes on. Raises ``UsageError``
    for a folder that holds anything else, or cannot be written.
    """
    folder = _prepared(archive, target)
    report = ExportReport(refused=_refused(archive, source))
    articles = archive.store.numbered_articles(source)
    if source is not None and not articles:
        _check_source(archive, source)
    try:
        with _Export(folder, raw, report) as export:
            known = _in_full(archive, articles)
            for owner, group in groupby(known, key=lambda pair: pair[0].source):
                rows = []
                for article, found in group:
                    rows.append(_article(archive, article, found, all_versions, export))
                    tick(report.articles, len(articles), "articles")
                export.list_of(owner, _list_text(archive, owner, rows))
            export.finish(source)
    except OSError as error:
        subject = error.filename or folder
        raise UsageError("use.output_failed", subject, cause=error.strerror or error) from None
    return report


def _prepared(archive: Archive, target: Path) -> Path:
    """Return the folder, made where it was not; raise ``UsageError`` for one that is not ours."""
    folder = target.absolute()
    home = archive.store.path.resolve()
    if folder.resolve().is_relative_to(home):
        raise UsageError("use.inside_the_archive", target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not is_manifest(folder / MANIFEST):
            raise UsageError("use.not_empty", target)
    except OSError as error:
        raise UsageError("use.output_failed", target, cause=error.strerror) from None
    return folder


def _check_source(archive: Archive, source: str) -> None:
    from shilu.config import nearest

    known = [row.source for row in archive.sources()]
    if source not in known:
        raise UsageError("use.no_such_source", source, near=nearest(source, known))


def _refused(archive: Archive, source: str | None) -> int:
    if source is None:
        return archive.stats().refused
    return sum(row.refused for row in archive.sources() if row.source == source)


# ------------------------------------------------------------------------------ one article


def _in_full(
    archive: Archive, articles: Sequence[tuple[int, Article]]
) -> Iterator[tuple[Article, InFull]]:
    """Yield articles with all that is known of them, asked for in groups: asking costs the most."""
    for start in range(0, len(articles), _GROUP):
        group = articles[start : start + _GROUP]
        found = archive.store.in_full([number for number, _ in group])
        for number, article in group:
            if found[number].versions:  # else it was forgotten meanwhile
                yield article, found[number]


def _article(
    archive: Archive, article: Article, known: InFull, all_versions: bool, export: _Export
) -> _Listed:
    """Write an article's versions; return its row in the list."""
    versions, placed = known.versions, instants(known.seen)
    newest = versions[-1]
    path = None
    export.report.articles += 1
    # The newest comes last: older versions make room for it where a folder is brought up to date.
    for version in versions if all_versions else versions[-1:]:
        capture = known.opening[version.capture_id]
        stands_at = from_ms(placed[capture.number])
        try:
            origin, data = _bytes(archive, article, version, capture, stands_at, export.raw)
        except ArchiveDamaged as error:
            export.damaged(version.id, error.problem.subject)
            continue
        older = None if version is newest else version.n
        filed = file_place(capture.origin.path)[1] if export.raw else None
        path = export.version(article, version, older, filed, origin, capture.captured_at, data)
    return _listed(archive, article, newest, path)


def _bytes(
    archive: Archive,
    article: Article,
    version: Version,
    capture: StoredCapture,
    stands_at: datetime | None,
    raw: bool,
) -> tuple[Origin, bytes]:
    """Return what a version's file holds, and the origin of its record."""
    if not raw:
        return capture.origin, readable.write(article, version, stands_at).encode()
    record = archive.store.read_record(capture)
    if hashlib.sha256(record.payload).hexdigest() != capture.digest:
        raise ArchiveDamaged("archive.damaged", capture.subject, cause="its digest differs")
    return record.origin(), record.payload  # the database's path is for display


# ------------------------------------------------------------------------------ lists


@dataclass(frozen=True, slots=True)
class _Listed:
    """An article's row in the list of its source."""

    day: date | None
    at: datetime | None
    title: str
    path: str | None  # None: its record is damaged


def _listed(archive: Archive, article: Article, newest: Version, path: str | None) -> _Listed:
    content = newest.content
    zone = content.published_zone or archive.catalog.get(article.source).source.time_zone
    at = content.published_at or newest.feed_at
    day = at.astimezone(ZoneInfo(zone)).date() if at else content.published_on
    return _Listed(day, at, newest.title or article.key, path)


def _list_text(archive: Archive, source: str, rows: Iterable[_Listed]) -> str:
    """Return the list of a source, newest first, as the mirror's but with the year."""
    ordered = sorted(
        (row for row in rows if row.path is not None),
        key=lambda row: (
            row.day or date.min,
            row.at.timestamp() if row.at else 0.0,
            row.path or "",
        ),
        reverse=True,
    )
    names = archive.catalog.get(source).source.names
    name = names.get("zh-Hans") or names.get("zh-Hant") or names.get("en") or source
    pieces = [_LIST_MARK, f"# {readable.escaped(name)}"]
    for row in ordered:
        day = row.day.isoformat() if row.day else "----------"
        # The names hold nothing that would have to be escaped in an address.
        pieces.append(f"{day} [{readable.escaped(row.title)}](../{row.path})")
    return "\n\n".join(pieces) + "\n"


# ------------------------------------------------------------------------------ the folder


class _Export:
    """A folder that is being written.

    The manifest of before stays until the end, with the new rows added: interrupted, the folder is
    still known as ours, and each file by the row that has its digest.
    """

    def __init__(self, folder: Path, raw: bool, report: ExportReport) -> None:
        self.raw = raw
        self.report = report
        self._folder = folder
        self._before = Manifest(folder / MANIFEST)
        self._file = (folder / MANIFEST).open("ab")
        self._begin = self._file.tell()
        self._taken: set[str] = set()  # paths given out, folded
        self._names: dict[str, str] = {}  # source: name of its folder
        self._lists: set[str] = set()
        self._damaged: set[str] = set()  # ids of versions

    def __enter__(self) -> _Export:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    # -------------------------------------------------------------------------- files

    def version(
        self,
        article: Article,
        version: Version,
        older: int | None,
        filed: int | None,
        origin: Origin,
        captured_at: datetime,
        data: bytes,
    ) -> str:
        """Write a version's file under the first name that is free for it; return its path."""
        sha256 = hashlib.sha256(data).hexdigest()
        for name in file_names(version.title, article.id, older, filed):
            path = f"{_ARTICLES}/{self._name_of(article.source)}/{name}"
            if folded(path) in self._taken:
                continue
            found = self._digest(path)
            if found not in (None, sha256) and self._before.find(path, found or "") is None:
                self._keep(path)
                continue
            self._taken.add(folded(path))
            self._add_row(article, version, path, sha256, origin, captured_at)
            if found == sha256:
                self.report.unchanged += 1
            else:
                self._write(path, data)
            self.report.versions += 1
            return path
        raise AssertionError("names never end")

    def _add_row(
        self,
        article: Article,
        version: Version,
        path: str,
        sha256: str,
        origin: Origin,
        captured_at: datetime,
    ) -> None:
        form = "raw" if self.raw else "clean"
        row = Row(
            path, sha256, form, article.id, article.source, article.key, version.id, version.n,
            origin, captured_at,
        )  # fmt: skip
        self._file.write(row.line())

    def list_of(self, source: str, text: str) -> None:
        """Write the list of a source."""
        path = f"{_LISTS}/{self._name_of(source)}.md"
        self._lists.add(path)
        data = text.encode()
        found = self._digest(path)
        if found == hashlib.sha256(data).hexdigest():
            return
        if found is not None and not self._is_list(self._folder / path):
            self._keep(path)
            return
        self._write(path, data, counts=False)

    def damaged(self, version_id: str, subject: str) -> None:
        """Note a version whose record cannot be read; a file of it from before stays."""
        self._damaged.add(version_id)
        self.report.damaged.append(subject)

    def _name_of(self, source: str) -> str:
        if source not in self._names:
            given = {folded(name) for name in self._names.values()}
            self._names[source] = next(
                name for name in folder_names(source) if folded(name) not in given
            )
        return self._names[source]

    def _keep(self, path: str) -> None:
        if path not in self.report.kept:
            self.report.kept.append(path)

    def _digest(self, path: str) -> str | None:
        """Return the digest of what stands at a path; "" for what is no file, None for nothing."""
        place = self._folder / path
        try:
            if not stat.S_ISREG(place.lstat().st_mode):
                return ""
            with place.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return None

    def _is_list(self, place: Path) -> bool:
        with place.open("rb") as file:
            return file.read(len(_LIST_MARK)) == _LIST_MARK.encode()

    def _write(self, path: str, data: bytes, *, counts: bool = True) -> None:
        """Write a file in one step: whoever looks sees the old one or the new one whole."""
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.parent / f".{hashlib.sha256(path.encode()).hexdigest()[:16]}{_PART}"
        try:
            part.write_bytes(data)
            part.replace(place)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        self.report.written += counts

    # -------------------------------------------------------------------------- the end

    def finish(self, source: str | None) -> None:
        """Delete what an earlier export wrote and this one did not, and close the manifest.

        With *source*, files of other sources stay as they are.
        """
        self._file.flush()
        part = self._folder / f".{MANIFEST}{_PART}"
        with part.open("wb") as file:
            for line in self._carried_over(source):
                file.write(line)
            with (self._folder / MANIFEST).open("rb") as rows:
                rows.seek(self._begin)
                for line in rows:
                    file.write(line)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._folder / MANIFEST)
        if source is None:
            self._delete_lists()

    def _carried_over(self, source: str | None) -> Iterator[bytes]:
        """Yield the rows of before whose files stay; delete the files that are ours and do not."""
        looked_at = set(self._taken)
        for row in self._before.rows():
            if folded(row.path) in looked_at:
                continue
            found = self._digest(row.path)
            is_ours = found is not None and self._before.find(row.path, found) is not None
            if is_ours and found != row.sha256:
                continue  # another of its rows tells of it
            looked_at.add(folded(row.path))
            if row.version in self._damaged or (source is not None and row.source != source):
                if is_ours:
                    yield row.line()
            elif is_ours and self._is_within(self._folder / row.path):
                place = self._folder / row.path
                place.unlink()
                self.report.deleted += 1
                with contextlib.suppress(OSError):  # not empty
                    place.parent.rmdir()
            elif found is not None:
                self._keep(row.path)
                yield row.line()  # its digest tells an import that the file was changed

    def _is_within(self, place: Path) -> bool:
        """Tell whether no link leads out of the folder."""
        return place.resolve().is_relative_to(self._folder.resolve())

    def _delete_lists(self) -> None:
        """Delete the lists of sources that are gone."""
        lists = self._folder / _LISTS
        for place in sorted(lists.glob("*.md")) if lists.is_dir() else ():
            path = f"{_LISTS}/{place.name}"
            if path not in self._lists and place.is_file() and self._is_list(place):
                place.unlink()
