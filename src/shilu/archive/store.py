"""The archive: one folder with captures, what is derived from them, and what cannot be derived.

Order of safety: a batch's WARC members are synced, then SQLite commits. Opening reads again what
SQLite has not seen. ``Store`` knows tables and files; what to put there is decided by its callers
(``pipeline``) and by ``versions``, which is pure.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError

from shilu.archive import schema, warc
from shilu.archive.codec import from_ms, to_ms, unpack
from shilu.archive.versions import Link, Seen, chain, in_order
from shilu.config import Settings, default_settings_text, parse_settings
from shilu.errors import ArchiveDamaged, ArchiveError, ArchiveHeld, UsageError
from shilu.records import Article, Capture, Origin, Problem, Version

Outcome = Literal["article", "version", "same", "refused", "known"]

_BUSY_MS = 60_000  # how long a short transaction of another process is waited for
_LIST = 500  # values in one IN list


@dataclass(frozen=True, slots=True)
class Filed:
    """Where an accepted capture belongs and what it says."""

    article_id: bytes
    source: str
    key: str
    url: str
    feed_ms: int | None
    content_hash: bytes
    data: bytes  # archive.codec


@dataclass(frozen=True, slots=True)
class Deposit:
    """A capture made ready for the archive."""

    capture: Capture
    member: bytes  # its WARC record, compressed; b"" when it is on disk already
    filed: Filed | None  # None: refused
    source: str
    problems: tuple[Problem, ...] = ()  # the refusing one first


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member stands."""

    file: str  # relative to captures/
    offset: int
    length: int
    crc: int


@dataclass(frozen=True, slots=True)
class StoredCapture:
    """A row of the captures table, joined with its file and commit."""

    number: int
    id: str
    place: Place
    origin: Origin
    captured_at: datetime
    digest: str
    size_bytes: int
    article_no: int | None
    content_hash: bytes | None
    refusal: str | None

    @property
    def subject(self) -> str:
        """How a person would point at the record."""
        return f"{self.origin.name} ({self.place.file}, byte {self.place.offset})"


@dataclass(frozen=True, slots=True)
class Counts:
    """What an archive holds. captures + refused is every record that ever went in."""

    articles: int
    versions: int
    captures: int
    refused: int


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What an archive holds of one source."""

    source: str
    articles: int
    captures: int
    refused: int
    first_at: datetime | None
    last_at: datetime | None
    longest_gap: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class ListedProblem:
    """A problem with the place of its bytes."""

    problem: Problem
    capture_id: str
    place: Place
    source: str
    has_bytes: bool


@dataclass(slots=True)
class Store:
    """An open archive; use ``open_store``, close it or use it as a context manager."""

    path: Path
    settings: Settings
    engine: sa.Engine
    state_engine: sa.Engine
    lock_file: int
    _writer: warc.CaptureWriter | None = field(default=None)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release files and locks."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self.engine.dispose()
        self.state_engine.dispose()
        if self.lock_file >= 0:
            os.close(self.lock_file)
            self.lock_file = -1

    @property
    def captures_path(self) -> Path:
        """The folder of the WARC files."""
        return self.path / "captures"

    # -------------------------------------------------------------------------- transactions

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one state of the database throughout."""
        with _database_errors(self.path), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that holds the only write lock from its start."""
        with _database_errors(self.path), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                # After a full disk SQLite has rolled back by itself.
                with contextlib.suppress(DatabaseError):
                    connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    # -------------------------------------------------------------------------- locks

    def hold_alone(self) -> None:
        """Turn the shared hold on the archive into an exclusive one; raise ``ArchiveHeld``."""
        try:
            fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # flock gives the shared hold up when the exclusive one cannot be had.
            fcntl.flock(self.lock_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            raise ArchiveHeld("archive.held", self.path) from None

    # -------------------------------------------------------------------------- writing

    def known(self, ids: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """Return which captures the archive holds already: id → (source, whether refused)."""
        found: dict[str, tuple[str, bool]] = {}
        c, a = schema.captures.c, schema.articles.c
        statement = sa.select(
            c.id, sa.func.coalesce(a.source, c.source, "unknown"), c.refusal.is_not(None)
        ).select_from(schema.captures.outerjoin(schema.articles, c.article_no == a.no))
        with self.reading() as connection:
            for some in _slices([uuid.UUID(one).bytes for one in ids]):
                for one, source, refused in connection.execute(statement.where(c.id.in_(some))):
                    found[str(uuid.UUID(bytes=one))] = (source, bool(refused))
        return found

    def append(self, deposits: Sequence[Deposit]) -> list[Place]:
        """Write members to this process's capture file and sync it."""
        import zlib

        if self._writer is None:
            self._writer = warc.CaptureWriter(
                self.captures_path, self.settings.max_warc_bytes, self._may_continue,
                lambda: datetime.now(UTC),
            )  # fmt: skip
        places = []
        for deposit in deposits:
            name, offset = self._writer.append(deposit.member)
            places.append(Place(name, offset, len(deposit.member), zlib.crc32(deposit.member)))
        self._writer.sync()
        return places

    def _may_continue(self, name: str, size: int) -> bool:
        """Tell whether this database has seen all of a capture file, so that it may grow on."""
        return self.bytes_seen().get(name) == size

    def bytes_seen(self) -> dict[str, int]:
        """Return how far each capture file is indexed."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(schema.files.c.name, schema.files.c.bytes_seen))
            return {name: seen for name, seen in rows}

    def commit(
        self,
        deposits: Sequence[Deposit],
        places: Sequence[Place],
        extractor: str,
        refill: Callable[[StoredCapture], bytes],
        seen: dict[str, int] | None = None,
        tombstones: Sequence[warc.Tombstone] = (),
    ) -> list[Outcome]:
        """Index members that are on disk, and derive the versions of the articles they touch.

        One transaction. *refill* extracts a capture of old again, for when it opens a version only
        now; *seen* moves the mark up to which files are indexed, where that is not simply the end
        of the last member. Returns for each deposit what became of it.
        """
        with self.writing() as connection:
            work = _Commit(connection, extractor, refill)
            return work.run(deposits, places, seen or {}, tombstones)

    def forgotten(self) -> dict[bytes, warc.Tombstone]:
        """Return the tombstones by article id."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(schema.tombstones)).all()
        found = {}
        for row in rows:
            ids = tuple(
                str(uuid.UUID(bytes=row.captures[i : i + 16]))
                for i in range(0, len(row.captures), 16)
            )
            at = from_ms(row.forgotten_ms)
            assert at is not None
            found[row.article_id] = warc.Tombstone(row.article_id.hex(), at, row.reason, ids)
        return found

    def unfile(self, name: str) -> None:
        """Drop what is derived from one capture file, so that it is read again from its start."""
        with self.writing() as connection:
            number = connection.scalar(
                sa.select(schema.files.c.no).where(schema.files.c.name == name)
            )
            if number is None:
                return
            c = schema.captures.c
            rows = connection.execute(
                sa.select(c.no, c.article_no).where(c.file_no == number)
            ).all()
            numbers = [row.no for row in rows]
            touched = {row.article_no for row in rows if row.article_no is not None}
            for some in _slices(numbers):
                connection.execute(
                    sa.delete(schema.problems).where(schema.problems.c.capture_no.in_(some))
                )
                connection.execute(
                    sa.delete(schema.versions).where(schema.versions.c.capture_no.in_(some))
                )
                connection.execute(sa.delete(schema.captures).where(c.no.in_(some)))
            for some in _slices(sorted(touched)):
                left = {
                    row[0]
                    for row in connection.execute(
                        sa.select(c.article_no).where(c.article_no.in_(some)).distinct()
                    )
                }
                gone = [one for one in some if one not in left]
                connection.execute(
                    sa.delete(schema.articles).where(schema.articles.c.no.in_(gone))
                )
            connection.execute(
                sa.update(schema.files).where(schema.files.c.no == number).values(bytes_seen=0)
            )

    # -------------------------------------------------------------------------- state

    def tips(self) -> list[str]:
        """Return the commits from which every walked commit can be reached."""
        with self.state_engine.connect() as connection:
            return list(connection.scalars(sa.select(schema.mirror_tips.c.name)))

    def move_tips(self, reached: Iterable[str], passed: Iterable[str]) -> None:
        """Note how far mirrors are walked; their captures must be committed."""
        table = schema.mirror_tips
        with _database_errors(self.path), self.state_engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for some in _slices(list(passed)):
                connection.execute(sa.delete(table).where(table.c.name.in_(some)))
            rows = [{"name": name} for name in reached]
            if rows:
                connection.execute(
                    sa.insert(table).prefix_with("OR IGNORE", dialect="sqlite"), rows
                )
            connection.exec_driver_sql("COMMIT")

    def fact(self, name: str) -> str | None:
        """Return a remembered fact of ``state.db``."""
        table = schema.state_facts
        with self.state_engine.connect() as connection:
            return connection.scalar(sa.select(table.c.value).where(table.c.name == name))

    def remember(self, name: str, value: str) -> None:
        """Remember a fact in ``state.db``."""
        table = schema.state_facts
        with _database_errors(self.path), self.state_engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.execute(
                sa.insert(table).prefix_with("OR REPLACE", dialect="sqlite"),
                [{"name": name, "value": value}],
            )
            connection.exec_driver_sql("COMMIT")

    # -------------------------------------------------------------------------- asking

    def counts(self) -> Counts:
        """Count what the archive holds."""
        c = schema.captures.c
        with self.reading() as connection:

            def count(statement: sa.Select[tuple[int]]) -> int:
                return connection.scalar(statement) or 0

            return Counts(
                articles=count(sa.select(sa.func.count()).select_from(schema.articles)),
                versions=count(sa.select(sa.func.count()).select_from(schema.versions)),
                captures=count(sa.select(sa.func.count()).where(c.refusal.is_(None))),
                refused=count(
                    sa.select(sa.func.count()).where(c.refusal.is_not(None), ~_superseded())
                ),
            )

    def source_rows(self) -> list[SourceRow]:
        """Count by source, with the first and last time each was heard of.

        The time of a capture is the feed's stamp, else the origin's instant.
        """
        c, a = schema.captures.c, schema.articles.c
        rows: dict[str, dict[str, Any]] = defaultdict(
            lambda: {"articles": 0, "captures": 0, "refused": 0, "times": []}
        )
        with self.reading() as connection:
            for source, count in connection.execute(
                sa.select(a.source, sa.func.count()).group_by(a.source)
            ):
                rows[source]["articles"] = count
            for source, count in connection.execute(
                sa.select(c.source, sa.func.count())
                .where(c.refusal.is_not(None), ~_superseded())
                .group_by(c.source)
            ):
                rows[source or "unknown"]["refused"] = count
            previous: dict[str, int] = {}
            gaps: dict[str, tuple[int, int, int]] = {}
            first: dict[str, int] = {}
            moment = sa.func.coalesce(
                c.feed_ms, sa.case((c.commit_no.is_not(None), c.captured_ms))
            ).label("moment")
            for source, at in connection.execute(
                sa.select(a.source, moment)
                .select_from(schema.captures.join(schema.articles, c.article_no == a.no))
                .order_by(moment)
            ):
                rows[source]["captures"] += 1
                if at is None:
                    continue
                first.setdefault(source, at)
                if source in previous:
                    gap = (at - previous[source], previous[source], at)
                    gaps[source] = max(gaps.get(source, gap), gap)
                previous[source] = at
        found = []
        for source, row in sorted(rows.items()):
            gap = gaps.get(source)
            between = None
            if gap:
                start, end = from_ms(gap[1]), from_ms(gap[2])
                assert start is not None
                assert end is not None
                between = (start, end)
            found.append(
                SourceRow(
                    source, row["articles"], row["captures"], row["refused"],
                    from_ms(first.get(source)), from_ms(previous.get(source)), between,
                )
            )  # fmt: skip
        return found

    def find(self, reference: str, canonical_url: str | None = None) -> tuple[int, Article]:
        """Return the article a person means: an id or its start, source/key, or a URL.

        Raises ``UsageError`` when none or several answer.
        """
        a = schema.articles.c
        with self.reading() as connection:
            tests = []
            digits = reference.lower().replace("-", "")
            if 6 <= len(digits) <= 32 and all(char in "0123456789abcdef" for char in digits):
                tests.append(sa.func.hex(a.id).startswith(digits.upper()))
            source, slash, key = reference.partition("/")
            if slash:
                tests.append(sa.and_(a.source == source, a.key == key))
            if canonical_url:
                tests.append(a.url == canonical_url)
                tests.append(a.key == canonical_url)
            for test in tests:
                rows = connection.execute(sa.select(schema.articles).where(test).limit(2)).all()
                if len(rows) > 1 and digits and test is tests[0]:
                    count = connection.scalar(sa.select(sa.func.count()).where(test))
                    raise UsageError("use.ambiguous_reference", reference, count=count)
                if rows:
                    return rows[0].no, _article(rows[0])
        raise UsageError("use.bad_reference", reference)

    def article_of(self, article_id: bytes) -> tuple[int, Article] | None:
        """Return an article by its id."""
        with self.reading() as connection:
            row = connection.execute(
                sa.select(schema.articles).where(schema.articles.c.id == article_id)
            ).first()
        return (row.no, _article(row)) if row else None

    def versions_of(self, article_no: int) -> list[Version]:
        """Return an article's versions, oldest first."""
        v, c = schema.versions.c, schema.captures.c
        with self.reading() as connection:
            article = connection.execute(
                sa.select(schema.articles).where(schema.articles.c.no == article_no)
            ).one()
            rows = connection.execute(
                sa.select(
                    v.id, v.n, v.data, c.id.label("capture_id"), c.feed_ms, c.captured_ms,
                    c.content_hash, schema.extractors.c.digest.label("extractor"),
                )
                .select_from(
                    schema.versions.join(schema.captures, v.capture_no == c.no).join(
                        schema.extractors, c.extractor_no == schema.extractors.c.no
                    )
                )
                .where(v.article_no == article_no)
                .order_by(v.n)
            ).all()  # fmt: skip
        found = []
        for row in rows:
            captured_at = from_ms(row.captured_ms)
            assert captured_at is not None
            found.append(
                Version(
                    id=row.id.hex(),
                    article_id=article.id.hex(),
                    n=row.n,
                    content_hash=row.content_hash.hex(),
                    content=_unpacked(row.data, f"{article.source}/{article.key} v{row.n}"),
                    capture_id=str(uuid.UUID(bytes=row.capture_id)),
                    feed_at=from_ms(row.feed_ms),
                    captured_at=captured_at,
                    extractor=row.extractor,
                )
            )
        return found

    def captures(
        self, article_no: int | None = None, capture_id: str | None = None
    ) -> list[StoredCapture]:
        """Return captures: of one article, one by id, or all; in order of their places."""
        c = schema.captures.c
        statement = _capture_rows()
        if article_no is not None:
            statement = statement.where(c.article_no == article_no)
        if capture_id is not None:
            statement = statement.where(c.id == uuid.UUID(capture_id).bytes)
        with self.reading() as connection:
            return [_stored(row) for row in connection.execute(statement)]

    def stream_captures(self) -> Iterator[StoredCapture]:
        """Yield every capture in order of place, without holding them all."""
        with self.reading() as connection:
            result = connection.execution_options(yield_per=1000).execute(_capture_rows())
            for row in result:
                yield _stored(row)

    def read_payload(self, capture: StoredCapture) -> bytes:
        """Return the bytes of a capture; raise ``ArchiveDamaged`` naming it."""
        return self.read_record(capture).payload

    def read_record(self, capture: StoredCapture) -> warc.StoredRecord:
        """Return the WARC record of a capture; raise ``ArchiveDamaged`` naming it."""
        path = self.captures_path / capture.place.file
        try:
            member = warc.read_at(path, capture.place.offset)
            if member.data is None:
                raise ValueError(member.fault)
            return warc.parse_member(member.data)
        except (OSError, ValueError) as error:
            raise ArchiveDamaged("archive.damaged", capture.subject, cause=error) from None

    def problems(
        self, source: str | None = None, codes: Sequence[str] = ()
    ) -> Iterator[ListedProblem]:
        """Yield every refused or doubtful record, refusals first, then in order of arrival.

        A refusal without bytes is left out once the same record has come in.
        """
        p, c, a, f = schema.problems.c, schema.captures.c, schema.articles.c, schema.files.c
        owner = sa.func.coalesce(a.source, c.source, "unknown").label("owner")
        statement = (
            sa.select(
                p.code, p.subject, p.details, c.id, c.refusal, c.size_bytes, f.name, c.offset,
                c.length, c.crc, owner, c.content_hash,
            )
            .select_from(
                schema.problems.join(schema.captures, p.capture_no == c.no)
                .join(schema.files, c.file_no == f.no)
                .outerjoin(schema.articles, c.article_no == a.no)
            )
            .where(sa.or_(c.refusal.is_(None), ~_superseded()))
            .order_by(c.refusal.is_(None), p.no)
        )  # fmt: skip
        if source:
            statement = statement.where(owner == source)
        if codes:
            statement = statement.where(p.code.in_(codes))
        with self.reading() as connection:
            for row in connection.execute(statement):
                refused = row.refusal is not None and row.refusal == row.code
                yield ListedProblem(
                    Problem(row.code, row.subject, json.loads(row.details), refused),
                    str(uuid.UUID(bytes=row.id)),
                    Place(row.name, row.offset, row.length, row.crc),
                    row.owner,
                    row.refusal not in BYTELESS,
                )

    def extractor_by_capture(self) -> dict[int, str]:
        """Return for every capture the digest of the extractor that read it."""
        c, e = schema.captures.c, schema.extractors.c
        with self.reading() as connection:
            rows = connection.execute(
                sa.select(c.no, e.digest).select_from(
                    schema.captures.join(schema.extractors, c.extractor_no == e.no)
                )
            )
            return {number: digest for number, digest in rows}

    def article_by_number(self, number: int) -> Article:
        """Return an article by the archive's own number."""
        with self.reading() as connection:
            return _article(
                connection.execute(
                    sa.select(schema.articles).where(schema.articles.c.no == number)
                ).one()
            )

    def adopt(self, name: str) -> None:
        """Put this store's database in the place of another, atomically."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        self.engine.dispose()
        own = Path(str(self.engine.url.database))
        for suffix in ("-wal", "-shm"):  # of the database replaced: they must not meet the new one
            with contextlib.suppress(FileNotFoundError):
                own.with_name(name + suffix).unlink()
        own.replace(own.with_name(name))
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                own.with_name(own.name + suffix).unlink()
        self.engine = _engine(own.with_name(name), schema.derived)

    def compact(self) -> None:
        """Overwrite and give back what deleted rows left in the database."""
        with _database_errors(self.path), self.engine.connect() as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def all_versions(self) -> Iterator[tuple[int, int, int, bytes, bytes]]:
        """Yield (article number, n, opening capture's number, id, data) of every version."""
        v = schema.versions.c
        with self.reading() as connection:
            result = connection.execution_options(yield_per=1000).execute(
                sa.select(v.article_no, v.n, v.capture_no, v.id, v.data)
            )
            for row in result:
                yield row.article_no, row.n, row.capture_no, row.id, row.data

    def seen_by_article(self) -> Iterator[tuple[int, list[Seen]]]:
        """Yield every article's number with its accepted captures."""
        c = schema.captures.c
        with self.reading() as connection:
            statement = _seen_rows().where(c.article_no.is_not(None)).order_by(c.article_no)
            current: int | None = None
            group: list[Seen] = []
            for row in connection.execution_options(yield_per=1000).execute(statement):
                if row.article_no != current:
                    if current is not None:
                        yield current, group
                    current, group = row.article_no, []
                group.append(_seen(row))
            if current is not None:
                yield current, group

    def logical_digest(self) -> str:
        """Return a digest over everything derived that a reader could see.

        The sum of the SHA-256 of every row modulo 2^256, so that neither the order of import nor
        the numbers of rows matter. Left out: where bytes stand, and when loose files came in.
        """
        total = 0

        def add(*fields: object) -> None:
            nonlocal total
            row = json.dumps(fields, ensure_ascii=False, default=bytes.hex).encode()
            total += int.from_bytes(hashlib.sha256(row).digest(), "big")

        a, c, v = schema.articles.c, schema.captures.c, schema.versions.c
        with self.reading() as connection:
            stream = connection.execution_options(yield_per=1000)
            for row in stream.execute(sa.select(a.id, a.source, a.key, a.url)):
                add("article", row.id, row.source, row.key, row.url)
            own_instant = sa.case((c.commit_no.is_not(None), c.captured_ms))
            for row in stream.execute(
                sa.select(
                    c.id, c.digest, c.size_bytes, c.feed_ms, c.content_hash, c.refusal, own_instant
                )
            ):
                add("capture", *row)
            opener = schema.captures.alias("opener")
            for row in stream.execute(
                sa.select(a.id, v.n, v.id, opener.c.id, v.data).select_from(
                    schema.versions.join(schema.articles, v.article_no == a.no).join(
                        opener, v.capture_no == opener.c.no
                    )
                )
            ):
                article, n, version, capture, data = row
                content = hashlib.sha256(_inflated(data)).digest()
                add("version", article, n, version, capture, content)
            for row in stream.execute(sa.select(schema.tombstones)):
                add("tombstone", row.article_id, row.captures)
        return f"{total % (1 << 256):064x}"


# Refusals whose record holds no bytes of the news.
BYTELESS = frozenset(
    {"record.too_large", "record.unreadable", "record.not_a_file", "git.blob_missing",
     "article.forgotten"}
)  # fmt: skip


def _superseded() -> sa.ColumnElement[bool]:
    """A byteless refusal of a record that has come in since."""
    c = schema.captures.c
    later = schema.captures.alias("later")
    return sa.and_(
        c.refusal.in_(sorted(BYTELESS - {"article.forgotten"})),
        sa.exists().where(
            later.c.path == c.path,
            later.c.no != c.no,
            sa.func.coalesce(later.c.commit_no, -1) == sa.func.coalesce(c.commit_no, -1),
            sa.or_(later.c.refusal.is_(None), later.c.refusal.not_in(sorted(BYTELESS))),
        ),
    )


def _capture_rows() -> sa.Select[Any]:
    c, f, k = schema.captures.c, schema.files.c, schema.commits.c
    return (
        sa.select(
            c.no, c.id, f.name, c.offset, c.length, c.crc, k.name.label("commit_name"),
            k.generation, c.path, c.captured_ms, c.digest, c.size_bytes, c.article_no,
            c.content_hash, c.refusal,
        )
        .select_from(
            schema.captures.join(schema.files, c.file_no == f.no).outerjoin(
                schema.commits, c.commit_no == k.no
            )
        )
        .order_by(f.name, c.offset)
    )  # fmt: skip


def _stored(row: Any) -> StoredCapture:
    at = from_ms(row.captured_ms)
    assert at is not None
    commit = row.commit_name.hex() if row.commit_name else None
    origin = Origin("git" if commit else "file", row.path, commit, row.generation or 0)
    return StoredCapture(
        row.no, str(uuid.UUID(bytes=row.id)), Place(row.name, row.offset, row.length, row.crc),
        origin, at, row.digest.hex(), row.size_bytes, row.article_no, row.content_hash, row.refusal,
    )  # fmt: skip


def _seen_rows() -> sa.Select[Any]:
    c, k = schema.captures.c, schema.commits.c
    return sa.select(
        c.article_no, c.no, c.id, c.digest, c.content_hash, c.feed_ms,
        sa.case((c.commit_no.is_not(None), c.captured_ms)).label("origin_ms"), k.generation,
    ).select_from(schema.captures.outerjoin(schema.commits, c.commit_no == k.no))  # fmt: skip


def _seen(row: Any) -> Seen:
    return Seen(
        row.no, row.id, row.digest, row.content_hash, row.origin_ms, row.generation or 0,
        row.feed_ms,
    )  # fmt: skip


def _article(row: Any) -> Article:
    return Article(row.id.hex(), row.source, row.key, row.url or row.key)


def _unpacked(data: bytes, subject: str) -> Any:
    try:
        return unpack(data)
    except ValueError as error:
        raise ArchiveDamaged("archive.damaged", subject, cause=error) from None


def _inflated(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdDecompressor().decompress(data, max_output_size=256 << 20)


def _slices(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _LIST):
        yield values[start : start + _LIST]


# ------------------------------------------------------------------------------ one commit


class _Commit:
    """The work of ``Store.commit``, inside its transaction."""

    def __init__(
        self,
        connection: sa.Connection,
        extractor: str,
        refill: Callable[[StoredCapture], bytes],
    ) -> None:
        self._connection = connection
        self._refill = refill
        self._extractor_no = self._number(schema.extractors, "digest", extractor, {})

    def run(
        self,
        deposits: Sequence[Deposit],
        places: Sequence[Place],
        seen: dict[str, int],
        tombstones: Sequence[warc.Tombstone],
    ) -> list[Outcome]:
        for tombstone in tombstones:
            self._bury(tombstone)
        ids = [uuid.UUID(deposit.capture.id).bytes for deposit in deposits]
        present = self._present(ids)
        file_numbers = self._files(places, seen)
        article_numbers, created = self._articles(deposits)
        next_no = (self._connection.scalar(sa.select(sa.func.max(schema.captures.c.no))) or 0) + 1
        rows: list[dict[str, Any]] = []
        problem_rows: list[dict[str, Any]] = []
        fresh: dict[int, Filed] = {}  # capture number → what it says
        outcomes: list[Outcome | int] = []
        for deposit, place, capture_id in zip(deposits, places, ids, strict=True):
            if capture_id in present:
                outcomes.append("known")
                continue
            present.add(capture_id)
            number = next_no + len(rows)
            rows.append(
                self._row(number, capture_id, deposit, place, file_numbers, article_numbers)
            )
            problem_rows += [
                {"capture_no": number, "code": problem.code, "subject": problem.subject,
                 "details": json.dumps(dict(problem.details), ensure_ascii=False)}
                for problem in deposit.problems
            ]  # fmt: skip
            if deposit.filed is None:
                outcomes.append("refused")
            else:
                fresh[number] = deposit.filed
                outcomes.append(number)
        if rows:
            self._connection.execute(sa.insert(schema.captures), rows)
        if problem_rows:
            self._connection.execute(sa.insert(schema.problems), problem_rows)
        opened = self._derive(fresh, article_numbers, created)
        return self._told(outcomes, opened, fresh, created)

    def _told(
        self,
        outcomes: Sequence[Outcome | int],
        opened: set[int],
        fresh: dict[int, Filed],
        created: set[bytes],
    ) -> list[Outcome]:
        told: list[Outcome] = []
        untold = set(created)
        for outcome in outcomes:
            if not isinstance(outcome, int):
                told.append(outcome)
            elif outcome not in opened:
                told.append("same")
            elif fresh[outcome].article_id in untold:
                untold.discard(fresh[outcome].article_id)
                told.append("article")
            else:
                told.append("version")
        return told

    def _bury(self, tombstone: warc.Tombstone) -> None:
        self._connection.execute(
            sa.insert(schema.tombstones).prefix_with("OR REPLACE", dialect="sqlite"),
            [
                {
                    "article_id": bytes.fromhex(tombstone.article_id),
                    "forgotten_ms": to_ms(tombstone.forgotten_at),
                    "reason": tombstone.reason,
                    "captures": b"".join(uuid.UUID(one).bytes for one in tombstone.capture_ids),
                }
            ],
        )

    def _present(self, ids: Sequence[bytes]) -> set[bytes]:
        column = schema.captures.c.id
        found: set[bytes] = set()
        for some in _slices(ids):
            found.update(self._connection.scalars(sa.select(column).where(column.in_(some))))
        return found

    def _number(
        self, table: sa.Table, column: str, value: object, others: dict[str, object]
    ) -> int:
        """Return the number of a row, adding it when it is not there."""
        found = self._connection.scalar(sa.select(table.c.no).where(table.c[column] == value))
        if found is None:
            result = self._connection.execute(sa.insert(table).values({column: value, **others}))
            assert result.inserted_primary_key is not None
            found = result.inserted_primary_key[0]
        return int(found)

    def _files(self, places: Sequence[Place], seen: dict[str, int]) -> dict[str, int]:
        ends = dict(seen)
        for place in places:
            ends[place.file] = max(ends.get(place.file, 0), place.offset + place.length)
        numbers = {}
        for name, end in ends.items():
            numbers[name] = self._number(schema.files, "name", name, {"bytes_seen": 0})
            f = schema.files.c
            self._connection.execute(
                sa.update(schema.files)
                .where(f.no == numbers[name], f.bytes_seen < end)
                .values(bytes_seen=end)
            )
        return numbers

    def _articles(self, deposits: Sequence[Deposit]) -> tuple[dict[bytes, int], set[bytes]]:
        filed = {d.filed.article_id: d.filed for d in deposits if d.filed is not None}
        a = schema.articles.c
        numbers: dict[bytes, int] = {}
        for some in _slices(list(filed)):
            for row in self._connection.execute(sa.select(a.id, a.no).where(a.id.in_(some))):
                numbers[row.id] = row.no
        created = {article_id for article_id in filed if article_id not in numbers}
        next_no = (self._connection.scalar(sa.select(sa.func.max(a.no))) or 0) + 1
        rows = []
        for article_id, one in filed.items():
            if article_id in created:
                numbers[article_id] = next_no + len(rows)
                rows.append(
                    {"no": numbers[article_id], "id": article_id, "source": one.source,
                     "key": one.key, "url": None}
                )  # fmt: skip
        if rows:
            self._connection.execute(sa.insert(schema.articles), rows)
        return numbers, created

    def _row(
        self,
        number: int,
        capture_id: bytes,
        deposit: Deposit,
        place: Place,
        file_numbers: dict[str, int],
        article_numbers: dict[bytes, int],
    ) -> dict[str, Any]:
        capture, filed = deposit.capture, deposit.filed
        commit_no = None
        if capture.origin.commit:
            commit_no = self._commit_no(capture.origin)
        return {
            "no": number,
            "id": capture_id,
            "file_no": file_numbers[place.file],
            "offset": place.offset,
            "length": place.length,
            "crc": place.crc,
            "commit_no": commit_no,
            "path": capture.origin.path.encode("utf-8", "surrogateescape").decode(
                "utf-8", "backslashreplace"
            ),
            "captured_ms": to_ms(capture.captured_at),
            "feed_ms": filed.feed_ms if filed else None,
            "digest": bytes.fromhex(capture.digest),
            "size_bytes": capture.size_bytes,
            "article_no": article_numbers[filed.article_id] if filed else None,
            "content_hash": filed.content_hash if filed else None,
            "extractor_no": self._extractor_no,
            "refusal": None if filed else deposit.problems[0].code,
            "source": None if filed else deposit.source,
        }

    _last_commit: tuple[str, int] | None = None

    def _commit_no(self, origin: Origin) -> int:
        assert origin.commit is not None
        if self._last_commit is None or self._last_commit[0] != origin.commit:
            number = self._number(
                schema.commits, "name", bytes.fromhex(origin.commit),
                {"generation": origin.generation},
            )  # fmt: skip
            self._last_commit = (origin.commit, number)
        return self._last_commit[1]

    # -------------------------------------------------------------------------- versions

    def _derive(
        self, fresh: dict[int, Filed], article_numbers: dict[bytes, int], created: set[bytes]
    ) -> set[int]:
        """Derive the versions of touched articles; return which fresh captures open one."""
        touched = {article_numbers[filed.article_id] for filed in fresh.values()}
        groups: dict[int, list[Seen]] = defaultdict(list)
        for some in _slices(sorted(touched)):
            statement = _seen_rows().where(schema.captures.c.article_no.in_(some))
            for row in self._connection.execute(statement):
                groups[row.article_no].append(_seen(row))
        standing = self._standing(
            sorted(touched - {article_numbers[article_id] for article_id in created})
        )
        inserts: list[dict[str, Any]] = []
        opened: set[int] = set()
        urls: list[dict[str, Any]] = []
        for article_no, group in groups.items():
            ordered = in_order(group)
            links = chain(ordered)
            opened.update(link.opened_by for link in links if link.opened_by in fresh)
            inserts += self._changed(article_no, links, standing.get(article_no, {}), fresh)
            newest = fresh.get(ordered[-1].number)
            if newest is not None:
                url = None if newest.url == newest.key else newest.url
                urls.append({"article": article_no, "new_url": url})
        if inserts:
            self._connection.execute(sa.insert(schema.versions), inserts)
        if urls:
            self._connection.execute(
                sa.update(schema.articles)
                .where(schema.articles.c.no == sa.bindparam("article"))
                .values(url=sa.bindparam("new_url")),
                urls,
            )
        return opened

    def _standing(self, article_numbers: Sequence[int]) -> dict[int, dict[int, tuple[int, bytes]]]:
        """Return the versions now stored: article → opening capture → (n, id)."""
        v = schema.versions.c
        found: dict[int, dict[int, tuple[int, bytes]]] = defaultdict(dict)
        for some in _slices(article_numbers):
            for row in self._connection.execute(
                sa.select(v.article_no, v.capture_no, v.n, v.id).where(v.article_no.in_(some))
            ):
                found[row.article_no][row.capture_no] = (row.n, row.id)
        return found

    def _changed(
        self,
        article_no: int,
        links: Sequence[Link],
        standing: dict[int, tuple[int, bytes]],
        fresh: dict[int, Filed],
    ) -> list[dict[str, Any]]:
        """Bring one article's stored versions to *links*; return the rows to insert."""
        v = schema.versions.c
        wanted = {link.opened_by: link for link in links}
        gone = [number for number in standing if number not in wanted]
        inserts = []
        for number, link in wanted.items():
            if number in standing:
                if standing[number] != (link.n, link.id):
                    self._connection.execute(
                        sa.update(schema.versions)
                        .where(v.capture_no == number)
                        .values(n=link.n, id=link.id)
                    )
                continue
            inserts.append(
                {"capture_no": number, "id": link.id, "article_no": article_no, "n": link.n,
                 "data": self._data(number, fresh)}
            )  # fmt: skip
        if gone:
            self._connection.execute(
                sa.delete(schema.versions).where(v.capture_no.in_(gone))
            )
        return inserts

    def _data(self, number: int, fresh: dict[int, Filed]) -> bytes:
        filed = fresh.get(number)
        if filed is not None:
            return filed.data
        row = self._connection.execute(
            _capture_rows().where(schema.captures.c.no == number)
        ).one()
        return self._refill(_stored(row))


# ------------------------------------------------------------------------------ opening


def open_store(
    path: Path, *, create: bool = False, exclusive: bool = False, database: str = "shilu.db"
) -> Store:
    """Open the archive at *path*; with *create* make one where there is none.

    *database* names the derived database within it; any other than the usual one is begun anew.

    Raises ``UsageError`` where there is no archive, ``ArchiveError`` when it is newer, held or
    cannot be written.
    """
    settings_path = path / "shilu.toml"
    if not settings_path.is_file() and not (path / "captures").is_dir():
        if not create:
            raise UsageError("use.not_an_archive", path)
        _make(path)
    try:
        text = settings_path.read_text("utf-8") if settings_path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("config.unreadable", settings_path, cause=error) from None
    _check_format(text, settings_path)
    settings = parse_settings(text, str(settings_path))
    lock = _lock(path, exclusive=exclusive)
    try:
        if database != "shilu.db":
            remove_database(path / database)
        engine = _engine(path / database, schema.derived)
        state_engine = _engine(path / "state.db", schema.state)
    except BaseException:
        os.close(lock)
        raise
    return Store(path, settings, engine, state_engine, lock)


def _make(path: Path) -> None:
    try:
        (path / "captures").mkdir(parents=True, exist_ok=True)
        fresh = path / "shilu.toml.new"
        fresh.write_text(default_settings_text(schema.FORMAT), "utf-8")
        fresh.replace(path / "shilu.toml")
    except OSError as error:
        raise ArchiveError("archive.unwritable", path, cause=error.strerror) from None


def _check_format(text: str, settings_path: Path) -> None:
    import tomllib

    with contextlib.suppress(tomllib.TOMLDecodeError):
        found = tomllib.loads(text).get("format", schema.FORMAT)
        if isinstance(found, int) and found > schema.FORMAT:
            raise ArchiveError(
                "archive.newer", settings_path.parent, found=found, known=schema.FORMAT
            )


def _lock(path: Path, *, exclusive: bool) -> int:
    try:
        descriptor = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ArchiveError("archive.unwritable", path, cause=error.strerror) from None
    try:
        fcntl.flock(
            descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
        )
    except OSError:
        os.close(descriptor)
        raise ArchiveHeld("archive.held", path) from None
    return descriptor


def _engine(path: Path, metadata: sa.MetaData) -> sa.Engine:
    engine = sa.create_engine(
        f"sqlite:///{path}", poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT"
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA cache_size = -32768")

    with _database_errors(path), engine.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA user_version").scalar() or 0
        if found > schema.FORMAT:
            raise ArchiveError("archive.newer", path.parent, found=found, known=schema.FORMAT)
        if found < schema.FORMAT:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {schema.FORMAT}")
            connection.exec_driver_sql("COMMIT")
    return engine


@contextlib.contextmanager
def _database_errors(path: Path) -> Iterator[None]:
    """Turn the database's own errors into ours, with the next step."""
    try:
        yield
    except OperationalError as error:
        cause = str(error.orig)
        if "locked" in cause:
            raise ArchiveHeld("archive.held", path) from error
        if "full" in cause or "I/O" in cause or "readonly" in cause or "unable" in cause:
            raise ArchiveError("archive.full", path, cause=cause) from error
        raise ArchiveDamaged("archive.damaged", path, cause=cause) from error
    except DatabaseError as error:
        raise ArchiveDamaged("archive.damaged", path, cause=error.orig) from error


def remove_database(path: Path) -> None:
    """Delete an SQLite database with its write-ahead log."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").unlink()


def copy_database(source: Path, target: Path) -> None:
    """Copy a live SQLite database by its online backup."""
    with contextlib.closing(sqlite3.connect(source)) as live, contextlib.closing(
        sqlite3.connect(target)
    ) as copy:
        live.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        live.backup(copy)


def bytes_seen_in(database: Path) -> dict[str, int]:
    """Return how far each capture file is indexed by a copied database."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return dict(connection.execute("SELECT name, bytes_seen FROM files").fetchall())


def copy_prefix(source: Path, target: Path, size: int) -> None:
    """Copy the first *size* bytes of a growing file, synced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as old, target.open("wb") as new:
        left = size
        while left:
            chunk = old.read(min(left, 1 << 20))
            if not chunk:
                raise ArchiveDamaged("archive.damaged", source, cause="it is shorter than indexed")
            new.write(chunk)
            left -= len(chunk)
        new.flush()
        os.fsync(new.fileno())
    shutil.copystat(source, target)
