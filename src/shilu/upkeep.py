"""Looking after an archive: verify, rebuild, backup, forget.

These keep the promises: the archive is the truth and everything else can be made again from it;
nothing is lost silently; you can leave. Like ``pipeline`` they write only through ``Store``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from shilu.archive import warc
from shilu.archive.store import (
    StoredCapture,
    bytes_seen_in,
    copy_database,
    copy_prefix,
    open_store,
    remove_database,
)
from shilu.archive.versions import chain, in_order
from shilu.errors import ArchiveError, UsageError
from shilu.pipeline import Archive, Raw, Tick, _quiet, prepared, read_files
from shilu.sources.catalog import load_catalog

_BATCH = 256

# ------------------------------------------------------------------------------ verify


@dataclass(slots=True)
class Check:
    """One thing verified: how many were looked at, and each that is wrong, named."""

    name: str
    count: int = 0
    faults: list[str] = field(default_factory=list)


def verify(archive: Archive, tick: Tick = _quiet) -> list[Check]:
    """Check the whole archive against itself; changes nothing.

    - ``members``: every WARC record on disk inflates and is known, none is missing;
    - ``digests``: every capture's bytes have the digest they came in with;
    - ``extraction``: every capture, read again, gives the stored content (one made by another
      extractor is stale, not faulty, and passed over);
    - ``versions``: every article's versions follow from its captures;
    - ``counts``: captures + refused = records in the files;
    - ``forgotten``: nothing of a forgotten article is left;
    - ``database``: SQLite's own check.
    """
    members, digests = Check("members"), Check("digests")
    extraction, stale = Check("extraction"), Check("stale")
    by_place: dict[str, dict[int, StoredCapture]] = {}
    for capture in archive.store.stream_captures():
        by_place.setdefault(capture.place.file, {})[capture.place.offset] = capture
    seen = archive.store.bytes_seen()
    openers = _openers(archive)
    current = archive.extractor
    total = sum(seen.values())
    done = 0
    for name, rows in _all_files(archive, by_place, seen):
        path = archive.store.captures_path / name
        if not path.is_file():
            members.faults.append(f"{name}: the file is missing; it held {len(rows)} captures")
            continue
        batches = _checked(path, name, rows, seen.get(name, 0), members, digests)
        for deposits, (captures, end) in prepared(batches, archive.sources_folder):
            for deposit, capture in zip(deposits, captures, strict=True):
                stored_data, extractor = openers.get(capture.number, (None, current))
                if extractor != current:
                    stale.count += 1
                    continue
                extraction.count += 1
                if (deposit.filed is None) != (capture.refusal is not None):
                    extraction.faults.append(f"{capture.subject}: read again, it is judged otherwise")
                elif deposit.filed is not None and (
                    deposit.filed.content_hash != capture.content_hash
                    or (stored_data is not None and stored_data != deposit.filed.data)
                ):
                    extraction.faults.append(f"{capture.subject}: the stored text is another")
            tick(done + end, total, "bytes")
        done += seen.get(name, 0)
    return [
        members, digests, extraction, stale, _check_versions(archive), _check_counts(archive, members),
        _check_forgotten(archive), _check_database(archive),
    ]  # fmt: skip


def _all_files(
    archive: Archive, by_place: dict[str, dict[int, StoredCapture]], seen: dict[str, int]
) -> Iterator[tuple[str, dict[int, StoredCapture]]]:
    names = set(by_place) | set(seen)
    for path in warc.capture_files(archive.store.captures_path):
        names.add(path.relative_to(archive.store.captures_path).as_posix())
    for name in sorted(names):
        yield name, by_place.get(name, {})


def _checked(
    path: Path,
    name: str,
    rows: dict[int, StoredCapture],
    seen: int,
    members: Check,
    digests: Check,
) -> Iterator[tuple[list[Raw], tuple[list[StoredCapture], int]]]:
    """Check a file's members one by one; yield the sound captures for extraction."""
    missing = dict(rows)
    raws: list[Raw] = []
    captures: list[StoredCapture] = []
    end = 0
    if path.stat().st_size < seen:
        members.faults.append(
            f"{name}: it has {path.stat().st_size} bytes, {seen} were indexed: its end is lost"
        )
    for member in warc.scan(path):
        end = member.offset + member.length
        if member.offset >= seen:
            # What another process is writing now, or a crash left: read when the archive is
            # opened next, not a fault.
            break
        members.count += 1
        row = missing.pop(member.offset, None)
        subject = row.subject if row else f"{name}, byte {member.offset}"
        if member.data is None:
            members.faults.append(f"{subject}: {member.fault}")
            continue
        if row is not None and (member.crc != row.place.crc or member.length != row.place.length):
            members.faults.append(f"{subject}: its compressed bytes have changed")
        try:
            record = warc.parse_member(member.data)
        except ValueError as error:
            members.faults.append(f"{subject}: {error}")
            continue
        if row is None:
            if (record.kind == "resource" or record.refusal) and not archive_knows(record, rows):
                members.faults.append(f"{subject}: no capture in the database stands for it")
            continue
        digests.count += 1
        capture = record.capture()
        declared = record.declared_digest() or row.digest
        if record.id != row.id:
            digests.faults.append(f"{subject}: it is another record than the database says")
        elif record.kind == "resource" and not capture.digest == declared == row.digest:
            digests.faults.append(f"{subject}: its digest is not the one it came in with")
        elif record.kind == "resource":
            raws.append(Raw(capture, record.payload, stored=True))
            captures.append(row)
        if len(raws) >= _BATCH:
            yield raws, (captures, end)
            raws, captures = [], []
    for row in missing.values():
        members.faults.append(f"{row.subject}: its record is not in the file")
    yield raws, (captures, end)


def archive_knows(record: warc.StoredRecord, rows: dict[int, StoredCapture]) -> bool:
    """Tell whether a record is a second copy of a capture that is indexed elsewhere.

    Two imports of the same material at the same time can each write one; one of them counts.
    """
    return any(row.id == record.id for row in rows.values())


def _openers(archive: Archive) -> dict[int, tuple[bytes | None, str]]:
    """Return for every capture who extracted it and, where it opens a version, the content."""
    extractors = archive.store.extractor_by_capture()
    found: dict[int, tuple[bytes | None, str]] = {
        number: (None, digest) for number, digest in extractors.items()
    }
    for _article, _n, number, _id, data in archive.store.all_versions():
        found[number] = (data, extractors[number])
    return found


def _check_versions(archive: Archive) -> Check:
    check = Check("versions")
    stored: dict[int, list[tuple[int, int, bytes]]] = {}
    for article_no, n, number, version, _data in archive.store.all_versions():
        stored.setdefault(article_no, []).append((n, number, version))
        check.count += 1
    for article_no, group in archive.store.seen_by_article():
        derived = [(link.n, link.opened_by, link.id) for link in chain(in_order(group))]
        if sorted(stored.pop(article_no, [])) != derived:
            check.faults.append(
                f"article no. {article_no}: its versions do not follow from its captures"
            )
    check.faults += [f"article no. {article_no}: versions without captures" for article_no in stored]
    return check


def _check_counts(archive: Archive, members: Check) -> Check:
    counts = archive.store.counts()
    check = Check("counts", counts.captures + counts.refused)
    with archive.store.reading() as connection:
        def one(statement: str) -> int:
            return int(connection.exec_driver_sql(statement).scalar() or 0)

        empty = one(
            "SELECT count(*) FROM articles WHERE no NOT IN "
            "(SELECT article_no FROM captures WHERE article_no IS NOT NULL)"
        )
        unexplained = one(
            "SELECT count(*) FROM captures WHERE refusal IS NOT NULL AND no NOT IN "
            "(SELECT capture_no FROM problems)"
        )
        neither = one(
            "SELECT count(*) FROM captures WHERE (refusal IS NULL) = (article_no IS NULL)"
        )
    if empty:
        check.faults.append(f"{empty} articles without a capture")
    if unexplained:
        check.faults.append(f"{unexplained} refusals without a reason")
    if neither:
        check.faults.append(f"{neither} captures neither accepted nor refused")
    return check


def _check_forgotten(archive: Archive) -> Check:
    tombstones = archive.store.forgotten()
    check = Check("forgotten", len(tombstones))
    for article_id, tombstone in tombstones.items():
        left = [
            capture
            for capture_id in tombstone.capture_ids
            for capture in archive.store.captures(capture_id=capture_id)
        ]
        if left or archive.store.article_of(article_id):
            check.faults.append(
                f"article {tombstone.article_id}: {len(left)} captures are still there; "
                f"run 'shilu forget {tombstone.article_id}' again"
            )
    return check


def _check_database(archive: Archive) -> Check:
    with archive.store.reading() as connection:
        rows = [row[0] for row in connection.exec_driver_sql("PRAGMA quick_check").all()]
    return Check("database", 1, [] if rows == ["ok"] else [str(row) for row in rows[:20]])


# ------------------------------------------------------------------------------ rebuild


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The digests over the logical content before and after; before is None when not known."""

    before: str | None
    after: str
    records: int


def rebuild(path: Path, tick: Tick = _quiet) -> Rebuilt:
    """Throw away what is derived and make it again from the captures.

    The old database stays in place until the new one is complete. Where it was deleted by hand,
    "before" is the digest that was noted after the last import or rebuild.
    """
    existed = (path / "shilu.db").is_file()
    if not (path / "captures").is_dir():
        raise UsageError("use.not_an_archive", path)
    store = open_store(path, exclusive=True)
    try:
        before = store.fact("logical_digest") if not existed else None
        if existed:
            unseen = {
                file.relative_to(store.captures_path).as_posix(): file.stat().st_size
                for file in warc.capture_files(store.captures_path)
            }
            catalog = load_catalog(path / "sources")
            if store.bytes_seen() != unseen:
                Archive(store, catalog, str(path / "sources")).recover()
            before = store.logical_digest()
    finally:
        store.close()

    with open_store(path, exclusive=True, database="shilu.db.rebuilding") as fresh:
        archive = Archive(fresh, load_catalog(path / "sources"), str(path / "sources"))
        todo = [
            (file, file.relative_to(fresh.captures_path).as_posix(), 0)
            for file in warc.capture_files(fresh.captures_path)
        ]
        records = read_files(archive, todo, tick)
        after = fresh.logical_digest()
        fresh.adopt("shilu.db")
        fresh.remember("logical_digest", after)
    return Rebuilt(before, after, records)


@dataclass(frozen=True, slots=True)
class Preview:
    """A text that a rebuild would change."""

    article: str  # source/key
    n: int
    title: str
    change: str  # "text", "details" (times, marks, pictures), "refused" or "accepted"


def preview(archive: Archive, tick: Tick = _quiet) -> tuple[list[Preview], int]:
    """Return which versions would read otherwise after a rebuild, and how many would not."""
    changed: list[Preview] = []
    unchanged = 0
    openers = _openers(archive)
    total = archive.store.counts().captures

    def batches() -> Iterator[tuple[list[Raw], list[StoredCapture]]]:
        raws: list[Raw] = []
        rows: list[StoredCapture] = []
        for row in archive.store.captures():
            if openers.get(row.number, (None, ""))[0] is None and row.refusal is None:
                continue
            record = archive.store.read_record(row)
            if record.kind != "resource":
                continue
            raws.append(Raw(record.capture(), record.payload, stored=True))
            rows.append(row)
            if len(raws) >= _BATCH:
                yield raws, rows
                raws, rows = [], []
        yield raws, rows

    done = 0
    for deposits, rows in prepared(batches(), archive.sources_folder):
        for deposit, row in zip(deposits, rows, strict=True):
            stored = openers[row.number][0]
            if (deposit.filed is None) and row.refusal is None:
                change = "refused"
            elif deposit.filed is not None and row.refusal is not None:
                change = "accepted"
            elif deposit.filed is None or deposit.filed.data == stored:
                unchanged += 1
                continue
            elif deposit.filed.content_hash != row.content_hash:
                change = "text"
            else:
                change = "details"
            changed.append(_named(archive, row, change))
        done += len(rows)
        tick(done, total, "versions")
    return changed, unchanged


def _named(archive: Archive, row: StoredCapture, change: str) -> Preview:
    if row.article_no is None:
        return Preview(row.origin.name, 0, "", change)
    article = archive.store.article_by_number(row.article_no)
    for version in archive.store.versions_of(row.article_no):
        if version.capture_id == row.id:
            return Preview(f"{article.source}/{article.key}", version.n, version.title, change)
    return Preview(f"{article.source}/{article.key}", 0, "", change)


# ------------------------------------------------------------------------------ backup


def backup(archive: Archive, target: Path, tick: Tick = _quiet) -> dict[str, int]:
    """Copy a live archive to a new folder; the copy is complete as of one moment.

    ``state.db`` is copied first: what it says is walked is then surely among the captures.
    """
    if target.exists() and any(target.iterdir()):
        raise UsageError("use.not_empty", target)
    source = archive.store.path
    try:
        target.mkdir(parents=True, exist_ok=True)
        copy_database(source / "state.db", target / "state.db")
        copy_database(source / "shilu.db", target / "shilu.db")
        seen = bytes_seen_in(target / "shilu.db")
        total, done = sum(seen.values()), 0
        for name, size in seen.items():
            copy_prefix(source / "captures" / name, target / "captures" / name, size)
            done += size
            tick(done, total, "bytes")
        for name in ("sources", "media"):
            if (source / name).is_dir():
                shutil.copytree(source / name, target / name)
        # Last, so that an interrupted backup is not taken for an archive.
        shutil.copyfile(source / "shilu.toml", target / "shilu.toml")
    except OSError as error:
        raise ArchiveError("archive.full", target, cause=error.strerror or error) from error
    return {"files": len(seen), "bytes": sum(seen.values())}


# ------------------------------------------------------------------------------ forget


@dataclass(frozen=True, slots=True)
class Forgotten:
    """An article that is gone."""

    article_id: str
    captures: int
    files: int


def forget(path: Path, reference: str, reason: str, tick: Tick = _quiet) -> Forgotten:
    """Take an article's bytes out of the archive for good, leaving a tombstone.

    The tombstone holds the article's id, the reason and the ids of its captures: neither address
    nor title. Backups made earlier keep their copies. Interrupted, it is finished by calling it
    again with the article's id.
    """
    sources_folder = str(path / "sources")
    with open_store(path, exclusive=True) as store:
        archive = Archive(store, load_catalog(Path(sources_folder)), sources_folder)
        archive.recover()
        article_id, captures = _to_forget(archive, reference)
        tombstone: warc.Tombstone | None = warc.Tombstone(
            article_id, datetime.now(UTC).replace(microsecond=0), reason,
            tuple(sorted(capture.id for capture in captures)),
        )  # fmt: skip
        by_file: dict[str, set[int]] = {}
        for capture in captures:
            by_file.setdefault(capture.place.file, set()).add(capture.place.offset)
        for name, offsets in sorted(by_file.items()):
            store.unfile(name)
            file = store.captures_path / name
            member = warc.build_tombstone(tombstone) if tombstone else None
            warc.rewrite_without(file, frozenset(offsets), member)
            tombstone = None
            read_files(archive, [(file, name, 0)], tick)
        store.compact()
        store.remember("logical_digest", store.logical_digest())
    return Forgotten(article_id, len(captures), len(by_file))


def _to_forget(archive: Archive, reference: str) -> tuple[str, list[StoredCapture]]:
    """Return the article's id and captures; also of a tombstone whose work was interrupted."""
    for article_id, tombstone in archive.store.forgotten().items():
        if article_id.hex() == reference.lower():
            left = [
                capture
                for capture_id in tombstone.capture_ids
                for capture in archive.store.captures(capture_id=capture_id)
            ]
            return article_id.hex(), left
    article = archive.find(reference)
    return article.id, archive.captures(article.id)
