"""What can be asked of an archive.

``Reader`` reads tables and capture files and changes nothing; ``store.Store`` adds writing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from shilu.archive import schema, warc
from shilu.archive.codec import from_ms, inflate, unpack
from shilu.archive.database import STATE, database_errors
from shilu.archive.firing import Fired
from shilu.archive.versions import Seen
from shilu.errors import ArchiveDamaged, UsageError
from shilu.records import Article, Choices, Content, Origin, Problem, Version

_Value = TypeVar("_Value")

_LIST = 500  # values in one IN list

# Refusals whose record holds no bytes of the news.
BYTELESS = frozenset(
    {"record.too_large", "record.unreadable", "record.not_a_file", "git.blob_missing",
     "article.forgotten"}
)  # fmt: skip


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


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says of a capture, to be held against the capture itself."""

    capture: StoredCapture
    article_id: bytes | None
    feed_ms: int | None
    source: str
    extractor: str
    data: bytes | None  # of the version it opens; None when it opens none
    problems: tuple[str, ...]  # their codes, sorted


@dataclass(frozen=True, slots=True)
class InFull:
    """What the archive has of an article."""

    versions: list[Version]  # oldest first
    opening: dict[str, StoredCapture]  # the captures that open them, by id
    seen: list[Seen]  # all its captures


@dataclass(slots=True)
class Reader:
    """An open archive to be asked."""

    path: Path
    engine: sa.Engine
    state_engine: sa.Engine

    @property
    def captures_path(self) -> Path:
        """The folder of the WARC files."""
        return self.path / "captures"

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one state of the database throughout."""
        with database_errors(self.path), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")

    # -------------------------------------------------------------------------- state

    def tips(self) -> list[str]:
        """Return the commits from which every walked commit can be reached."""
        with database_errors(self.path / STATE), self.state_engine.connect() as connection:
            return list(connection.scalars(sa.select(schema.mirror_tips.c.name)))

    def fact(self, name: str) -> str | None:
        """Return a remembered fact of ``state.db``."""
        table = schema.state_facts
        with database_errors(self.path / STATE), self.state_engine.connect() as connection:
            return connection.scalar(sa.select(table.c.value).where(table.c.name == name))

    def facts(self, start: str) -> list[str]:
        """Return the names of the facts that begin so."""
        name = schema.state_facts.c.name
        with database_errors(self.path / STATE), self.state_engine.connect() as connection:
            statement = sa.select(name).where(name.startswith(start, autoescape=True))
            return list(connection.scalars(statement.order_by(name)))

    # -------------------------------------------------------------------------- captures

    def bytes_seen(self) -> dict[str, int]:
        """Return how far each capture file is indexed."""
        f = schema.files.c
        with self.reading() as connection:
            rows = connection.execute(sa.select(f.name, f.bytes_seen))
            return {row.name: row.bytes_seen for row in rows}

    def known(self, ids: Sequence[str]) -> dict[str, tuple[str, str | None]]:
        """Return which captures the archive holds already: id → (source, code of its refusal).

        Those of forgotten articles are among them, as refused.
        """
        c, a, b = schema.captures.c, schema.articles.c, schema.buried.c
        statement = sa.select(
            c.id, sa.func.coalesce(a.source, c.source, "unknown"), c.refusal
        ).select_from(schema.captures.outerjoin(schema.articles, c.article_no == a.no))
        found: dict[str, tuple[str, str | None]] = {}
        with self.reading() as connection:
            for some in slices([uuid.UUID(one).bytes for one in ids]):
                for one in connection.scalars(
                    sa.select(b.capture_id).where(b.capture_id.in_(some))
                ):
                    found[str(uuid.UUID(bytes=one))] = ("unknown", "article.forgotten")
                for one, source, refusal in connection.execute(statement.where(c.id.in_(some))):
                    found[str(uuid.UUID(bytes=one))] = (source, refusal)
        return found

    def captures(
        self, article_no: int | None = None, capture_id: str | None = None
    ) -> list[StoredCapture]:
        """Return captures: of one article, one by id, or all; in order of their places."""
        c = schema.captures.c
        statement = capture_rows()
        if article_no is not None:
            statement = statement.where(c.article_no == article_no)
        if capture_id is not None:
            statement = statement.where(c.id == uuid.UUID(capture_id).bytes)
        with self.reading() as connection:
            return [to_stored(row) for row in connection.execute(statement)]

    def stream_captures(self, file: str | None = None) -> Iterator[StoredCapture]:
        """Yield every capture, or those in one file, in order of place, without holding them."""
        statement = capture_rows()
        if file is not None:
            statement = statement.where(schema.files.c.name == file)
        with self.reading() as connection:
            result = connection.execution_options(yield_per=1000).execute(statement)
            for row in result:
                yield to_stored(row)

    def copies(self, file: str | None = None, ids: Iterable[str] = ()) -> list[tuple[str, Place]]:
        """Return second records of captures, with the capture's id: of one file, or of captures."""
        k, f = schema.copies.c, schema.files.c
        statement = sa.select(k.capture_id, f.name, k.offset, k.length, k.crc).select_from(
            schema.copies.join(schema.files, k.file_no == f.no)
        )
        if file is not None:
            statements = [statement.where(f.name == file)]
        else:
            binary = [uuid.UUID(one).bytes for one in ids]
            statements = [statement.where(k.capture_id.in_(some)) for some in slices(binary)]
        with self.reading() as connection:
            return [
                (str(uuid.UUID(bytes=row.capture_id)),
                 Place(row.name, row.offset, row.length, row.crc))
                for statement in statements
                for row in connection.execute(statement)
            ]  # fmt: skip

    def standing(self, captures: Sequence[StoredCapture]) -> list[Standing]:
        """Return what the database says of some captures, in their order."""
        c, a, e, v, p = (
            schema.captures.c, schema.articles.c, schema.extractors.c, schema.versions.c,
            schema.problems.c,
        )  # fmt: skip
        statement = sa.select(
            c.no, a.id.label("article_id"), c.feed_ms, e.digest, v.data,
            sa.func.coalesce(a.source, c.source, "unknown").label("owner"),
        ).select_from(
            schema.captures.outerjoin(schema.articles, c.article_no == a.no)
            .outerjoin(schema.extractors, c.extractor_no == e.no)
            .outerjoin(schema.versions, v.capture_no == c.no)
        )  # fmt: skip
        rows: dict[int, Any] = {}
        codes: dict[int, list[str]] = defaultdict(list)
        with self.reading() as connection:
            for some in slices([capture.number for capture in captures]):
                for row in connection.execute(statement.where(c.no.in_(some))):
                    rows[row.no] = row
                for number, code in connection.execute(
                    sa.select(p.capture_no, p.code).where(p.capture_no.in_(some))
                ):
                    codes[number].append(code)
        found = []
        for capture in captures:
            row = rows[capture.number]
            found.append(
                Standing(
                    capture, row.article_id, row.feed_ms, row.owner, row.digest or "", row.data,
                    tuple(sorted(codes[capture.number])),
                )
            )  # fmt: skip
        return found

    def counts(self) -> Counts:
        """Count what the archive holds."""
        c = schema.captures.c
        with self.reading() as connection:

            def count(table: sa.Table, *tests: sa.ColumnElement[bool]) -> int:
                statement = sa.select(sa.func.count()).select_from(table).where(*tests)
                return connection.scalar(statement) or 0

            return Counts(
                articles=count(schema.articles),
                versions=count(schema.versions),
                captures=count(schema.captures, c.refusal.is_(None)),
                refused=count(schema.captures, c.refusal.is_not(None), ~_superseded()),
            )

    def source_rows(self) -> list[SourceRow]:
        """Count by source, with the first and last time each was heard of.

        The time of a capture is the feed's stamp, else the origin's instant.
        """
        c, a = schema.captures.c, schema.articles.c
        moment = sa.func.coalesce(c.feed_ms, _own_instant()).label("moment")
        articles: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        captures: Counter[str] = Counter()
        heard: dict[str, _Heard] = defaultdict(_Heard)
        with self.reading() as connection:
            for source, count in connection.execute(
                sa.select(a.source, sa.func.count()).group_by(a.source)
            ):
                articles[source] = count
            for source, count in connection.execute(
                sa.select(c.source, sa.func.count())
                .where(c.refusal.is_not(None), ~_superseded())
                .group_by(c.source)
            ):
                refused[source or "unknown"] = count
            for source, at in connection.execute(
                sa.select(a.source, moment)
                .select_from(schema.captures.join(schema.articles, c.article_no == a.no))
                .order_by(moment)
            ):
                captures[source] += 1
                if at is not None:
                    heard[source].note(at)
        return [
            SourceRow(
                source, articles[source], captures[source], refused[source],
                from_ms(heard[source].first), from_ms(heard[source].last), heard[source].gap(),
            )
            for source in sorted({*articles, *refused})
        ]  # fmt: skip

    def fired(self, source: str | None = None) -> dict[str, list[Fired]]:
        """Return which rules fired on each capture, by source, in order of time."""
        a, c, r = schema.articles.c, schema.captures.c, schema.rule_sets.c
        moment = sa.func.coalesce(c.feed_ms, _own_instant()).label("moment")
        statement = (
            sa.select(a.source, moment, c.rule_set_no, c.extractor_no)
            .select_from(schema.captures.join(schema.articles, c.article_no == a.no))
            .order_by(moment, c.id)
        )
        if source is not None:
            statement = statement.where(a.source == source)
        found: dict[str, list[Fired]] = defaultdict(list)
        with self.reading() as connection:
            sets = {
                row.no: frozenset(row.rules.split())
                for row in connection.execute(sa.select(r.no, r.rules))
            }
            for row in connection.execution_options(yield_per=1000).execute(statement):
                rules = sets.get(row.rule_set_no, frozenset())
                found[row.source].append(Fired(from_ms(row.moment), rules, row.extractor_no))
        return found

    def rules_fired(self) -> set[str]:
        """Return the names of all rules that ever fired."""
        with self.reading() as connection:
            sets = connection.scalars(sa.select(schema.rule_sets.c.rules))
            return {name for names in sets for name in names.split()}

    def newest_articles(self, source: str, limit: int) -> list[int]:
        """Return the numbers of a source's articles last heard of, the newest first."""
        c, a = schema.captures.c, schema.articles.c
        latest = sa.func.max(sa.func.coalesce(c.feed_ms, c.captured_ms))
        with self.reading() as connection:
            return list(
                connection.scalars(
                    sa.select(a.no)
                    .select_from(schema.captures.join(schema.articles, c.article_no == a.no))
                    .where(a.source == source)
                    .group_by(a.no)
                    .order_by(latest.desc(), a.id)
                    .limit(limit)
                )
            )

    def captures_of_source(self, source: str) -> Iterator[StoredCapture]:
        """Yield the captures of a source, refused ones with bytes included."""
        c, a = schema.captures.c, schema.articles.c
        of_source = sa.select(a.no).where(a.source == source).scalar_subquery()
        statement = capture_rows().where(
            sa.or_(c.article_no.in_(of_source), c.source == source),
            sa.or_(c.refusal.is_(None), c.refusal.not_in(sorted(BYTELESS))),
        )
        with self.reading() as connection:
            for row in connection.execution_options(yield_per=1000).execute(statement):
                yield to_stored(row)

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

    # -------------------------------------------------------------------------- articles

    def find(self, reference: str, canonical_url: str | None = None) -> tuple[int, Article]:
        """Return the article a person means: an id or its start, source/key, a key, or a URL.

        Raises ``UsageError`` when none or several answer.
        """
        a = schema.articles.c
        tests: list[sa.ColumnElement[bool]] = []
        digits = reference.lower()
        if re.fullmatch("[0-9a-f]{6,32}", digits):
            first, last = bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))
            tests.append(a.id.between(first, last))
        source, slash, key = reference.partition("/")
        if slash:
            tests.append(sa.and_(a.source == source, a.key == key))
        if canonical_url:
            tests += [a.key == canonical_url, a.url == canonical_url]
        tests.append(a.key == reference)
        with self.reading() as connection:
            for test in tests:
                rows = connection.execute(sa.select(schema.articles).where(test)).all()
                if len(rows) > 1 and not canonical_url:
                    raise UsageError("use.ambiguous_reference", reference, count=len(rows))
                if rows:
                    return rows[0].no, _article(rows[0])
        raise UsageError("use.bad_reference", reference)

    def stream_articles(self) -> Iterator[Article]:
        """Yield every article."""
        with self.reading() as connection:
            result = connection.execution_options(yield_per=1000).execute(
                sa.select(schema.articles)
            )
            for row in result:
                yield _article(row)

    def numbered_articles(self, source: str | None = None) -> list[tuple[int, Article]]:
        """Return every article, or those of a source, with the archive's own numbers.

        By source, then id.
        """
        a = schema.articles.c
        statement = sa.select(schema.articles).order_by(a.source, a.id)
        if source is not None:
            statement = statement.where(a.source == source)
        with self.reading() as connection:
            return [(row.no, _article(row)) for row in connection.execute(statement)]

    def in_full(self, article_numbers: Sequence[int]) -> dict[int, InFull]:
        """Return all that is known of some articles, as of one moment."""
        c, v = schema.captures.c, schema.versions.c
        found = {number: InFull([], {}, []) for number in article_numbers}
        with self.reading() as connection:
            for some in slices(article_numbers):
                for number, version in _versions(connection, some):
                    found[number].versions.append(version)
                opening = sa.select(v.capture_no).where(v.article_no.in_(some)).scalar_subquery()
                for row in connection.execute(capture_rows().where(c.no.in_(opening))):
                    capture = to_stored(row)
                    found[row.article_no].opening[capture.id] = capture
                for row in connection.execute(seen_rows().where(c.article_no.in_(some))):
                    found[row.article_no].seen.append(to_seen(row))
        return found

    def identity(self) -> str:
        """Return what this database is told by from one that a rebuild puts in its place."""
        with self.reading() as connection:
            return connection.scalar(sa.select(schema.identity.c.value)) or ""

    def last_change(self) -> int:
        """Return the number of the last change of any article."""
        with self.reading() as connection:
            return connection.scalar(sa.select(sa.func.max(schema.changes.c.no))) or 0

    def count_changed(self, after: int) -> int:
        """Count the articles that changed after a number of change."""
        no = schema.changes.c.no
        with self.reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(no > after)) or 0

    def changed(self, after: int, limit: int) -> list[tuple[int, int]]:
        """Return what changed after a number of change: (change, article's number), in order.

        Those of articles that are gone are among them.
        """
        h = schema.changes.c
        statement = sa.select(h.no, h.article_no).where(h.no > after).order_by(h.no).limit(limit)
        with self.reading() as connection:
            return [(row.no, row.article_no) for row in connection.execute(statement)]

    def with_versions(
        self, article_numbers: Sequence[int]
    ) -> dict[int, tuple[Article, list[Version]]]:
        """Return articles with their versions, oldest first, as of one moment."""
        a = schema.articles.c
        found: dict[int, tuple[Article, list[Version]]] = {}
        with self.reading() as connection:
            for some in slices(article_numbers):
                for row in connection.execute(sa.select(schema.articles).where(a.no.in_(some))):
                    found[row.no] = (_article(row), [])
                for number, version in _versions(connection, some):
                    found[number][1].append(version)
        return found

    def text_digest(self) -> str:
        """Return a digest over what a reader reads: every version's ids, title and text.

        Unlike ``logical_digest`` it does not change with the origins of the captures: an archive
        made from an export of all versions has the same.
        """
        a, v = schema.articles.c, schema.versions.c
        statement = (
            sa.select(a.id, a.source, a.key, v.n, v.id.label("version"), v.data)
            .select_from(schema.versions.join(schema.articles, v.article_no == a.no))
            .order_by(a.id, v.n)
        )
        digest = hashlib.sha256()
        with self.reading() as connection:
            stream = connection.execution_options(yield_per=1000).execute(statement)
            for row in stream:
                content = _unpacked(row.data, f"{row.source}/{row.key} v{row.n}")
                fields = (row.id.hex(), str(row.n), row.version.hex(), content.title, content.text)
                for part in (field.encode() for field in fields):
                    digest.update(b"%d:%b" % (len(part), part))
        return digest.hexdigest()

    def article_of(self, article_id: bytes) -> tuple[int, Article] | None:
        """Return an article by its id."""
        with self.reading() as connection:
            row = connection.execute(
                sa.select(schema.articles).where(schema.articles.c.id == article_id)
            ).first()
        return (row.no, _article(row)) if row else None

    def versions_of(self, article_no: int) -> list[Version]:
        """Return an article's versions, oldest first."""
        with self.reading() as connection:
            return [version for _, version in _versions(connection, [article_no])]

    def article_by_number(self, number: int) -> Article | None:
        """Return an article by the archive's own number."""
        with self.reading() as connection:
            row = connection.execute(
                sa.select(schema.articles).where(schema.articles.c.no == number)
            ).first()
        return _article(row) if row else None

    def choices(self) -> Choices:
        """Return what the user decided about cleaning."""
        with database_errors(self.path / STATE), self.state_engine.connect() as connection:
            return choices_in(connection)

    def forgotten(self) -> dict[bytes, warc.Tombstone]:
        """Return the tombstones by article id."""
        t, b = schema.tombstones.c, schema.buried.c
        ids: dict[bytes, list[str]] = defaultdict(list)
        with self.reading() as connection:
            for row in connection.execute(sa.select(schema.buried).order_by(b.capture_id)):
                ids[row.article_id].append(str(uuid.UUID(bytes=row.capture_id)))
            rows = connection.execute(sa.select(t.article_id, t.forgotten_ms, t.reason)).all()
        found = {}
        for row in rows:
            at = from_ms(row.forgotten_ms)
            assert at is not None
            found[row.article_id] = warc.Tombstone(
                row.article_id.hex(), at, row.reason, tuple(ids[row.article_id])
            )
        return found

    def seen_and_stored(self) -> Iterator[tuple[int, list[Seen], list[tuple[int, int, bytes]]]]:
        """Yield every article's number, its captures, and its versions: (n, opened by, id).

        Both are of one moment; either may be empty where the database contradicts itself.
        """
        c, v = schema.captures.c, schema.versions.c
        with self.reading() as connection:
            stream = connection.execution_options(yield_per=1000)
            captures = stream.execute(
                seen_rows().where(c.article_no.is_not(None)).order_by(c.article_no)
            )
            versions = stream.execute(
                sa.select(v.article_no, v.n, v.capture_no, v.id).order_by(v.article_no, v.n)
            )
            seen, stored = next(captures, None), next(versions, None)
            while seen is not None or stored is not None:
                article_no = min(row.article_no for row in (seen, stored) if row is not None)
                group: list[Seen] = []
                chain: list[tuple[int, int, bytes]] = []
                while seen is not None and seen.article_no == article_no:
                    group.append(to_seen(seen))
                    seen = next(captures, None)
                while stored is not None and stored.article_no == article_no:
                    chain.append((stored.n, stored.capture_no, stored.id))
                    stored = next(versions, None)
                yield article_no, group, chain

    def logical_digest(self) -> str:
        """Return a digest over everything derived that a reader could see.

        The sum of the SHA-256 of every row modulo 2^256, so that neither the order of import nor
        the numbers of rows matter. Left out: where bytes stand, and when loose files came in.
        """
        total = 0

        def add(kind: bytes, fields: Iterable[object]) -> None:
            nonlocal total
            digest = hashlib.sha256(kind)
            for field in fields:
                part = field if isinstance(field, bytes) else str(field).encode()
                digest.update(b"%d:%b" % (len(part), part))  # netstrings: no two rows read alike
            total += int.from_bytes(digest.digest(), "big")

        a, c, v = schema.articles.c, schema.captures.c, schema.versions.c
        with self.reading() as connection:
            stream = connection.execution_options(yield_per=1000)
            for article in stream.execute(sa.select(a.id, a.source, a.key, a.url)):
                add(b"article", article)
            for capture in stream.execute(
                sa.select(
                    c.id,
                    c.digest,
                    c.size_bytes,
                    c.feed_ms,
                    c.content_hash,
                    c.refusal,
                    _own_instant(),
                )
            ):
                add(b"capture", capture)
            for *version, data in stream.execute(
                sa.select(a.id, v.n, v.id, c.id, v.data).select_from(
                    schema.versions.join(schema.articles, v.article_no == a.no).join(
                        schema.captures, v.capture_no == c.no
                    )
                )
            ):
                add(b"version", (*version, _inflated(data)))
            for tombstone in stream.execute(sa.select(schema.tombstones.c.article_id)):
                add(b"tombstone", tombstone)
            for buried in stream.execute(sa.select(schema.buried)):
                add(b"buried", buried)
        return f"{total % (1 << 256):064x}"


@dataclass(slots=True)
class _Heard:
    """When a source was heard of: fed with epoch milliseconds in order."""

    first: int | None = None
    last: int | None = None
    longest: tuple[int, int] | None = None

    def note(self, at: int) -> None:
        if self.last is None:
            self.first = at
        elif self.longest is None or at - self.last > self.longest[1] - self.longest[0]:
            self.longest = (self.last, at)
        self.last = at

    def gap(self) -> tuple[datetime, datetime] | None:
        start, end = map(from_ms, self.longest or (None, None))
        return (start, end) if start and end else None


def choices_in(connection: sa.Connection) -> Choices:
    """Read what the user decided about cleaning from ``state.db``."""
    off, kept = schema.switched_off.c, schema.restored.c
    switched: dict[str, set[str]] = defaultdict(set)
    restored: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(sa.select(off.source, off.rule)):
        switched[row.source].add(row.rule)
    for row in connection.execute(sa.select(kept.article_id, kept.key)):
        restored[row.article_id.hex()].add(row.key)
    return Choices(
        {source: frozenset(rules) for source, rules in switched.items()},
        {article: frozenset(keys) for article, keys in restored.items()},
    )


def _superseded() -> sa.ColumnElement[bool]:
    """A byteless refusal of a record that has come in since."""
    # One join over all of them: asked row by row, a partial clone of 100,000 refusals takes hours.
    without = schema.captures.alias("without")
    later = schema.captures.alias("later")
    return schema.captures.c.no.in_(
        sa.select(without.c.no)
        .join(
            later,
            sa.and_(
                later.c.path == without.c.path,
                later.c.commit_no.is_not_distinct_from(without.c.commit_no),
            ),
        )
        .where(
            without.c.refusal.in_(sorted(BYTELESS - {"article.forgotten"})),
            sa.or_(later.c.refusal.is_(None), later.c.refusal.not_in(sorted(BYTELESS))),
        )
    )


def capture_rows() -> sa.Select[Any]:
    """Select captures with their file and commit, in order of place; ``to_stored`` reads a row."""
    c, f, k = schema.captures.c, schema.files.c, schema.commits.c
    return (
        sa.select(
            c.no, c.id, f.name, c.offset, c.length, c.crc, c.kind, k.name.label("commit_name"),
            c.generation, c.path, c.captured_ms, c.digest, c.size_bytes, c.article_no,
            c.content_hash, c.refusal,
        )
        .select_from(
            schema.captures.join(schema.files, c.file_no == f.no).outerjoin(
                schema.commits, c.commit_no == k.no
            )
        )
        .order_by(f.name, c.offset)
    )  # fmt: skip


def to_stored(row: Any) -> StoredCapture:
    """Read a row of ``capture_rows``."""
    at = from_ms(row.captured_ms)
    assert at is not None
    commit = row.commit_name.hex() if row.commit_name else None
    origin = Origin(row.kind, row.path, commit, row.generation)
    return StoredCapture(
        row.no, str(uuid.UUID(bytes=row.id)), Place(row.name, row.offset, row.length, row.crc),
        origin, at, row.digest.hex(), row.size_bytes, row.article_no, row.content_hash, row.refusal,
    )  # fmt: skip


def seen_rows() -> sa.Select[Any]:
    """Select what ordering needs to know of captures; ``to_seen`` reads a row."""
    c = schema.captures.c
    return sa.select(
        c.article_no, c.no, c.id, c.digest, c.content_hash, c.feed_ms,
        _own_instant().label("origin_ms"), c.generation, c.kind,
    )  # fmt: skip


def _own_instant() -> sa.Case[Any]:
    """The instant of a capture's origin; NULL for loose files, whose import proves no order.

    As ``records.Capture.origin_at``.
    """
    c = schema.captures.c
    return sa.case((sa.and_(c.kind != "file", c.generation >= 0), c.captured_ms))


def to_seen(row: Any) -> Seen:
    """Read a row of ``seen_rows``."""
    return Seen(
        row.no, row.id, row.digest, row.content_hash, row.origin_ms, row.generation, row.feed_ms,
        row.kind == "export",

    )  # fmt: skip


def _versions(
    connection: sa.Connection, article_numbers: Sequence[int]
) -> Iterator[tuple[int, Version]]:
    """Yield some articles' versions with the number of their article, oldest first."""
    a, v, c = schema.articles.c, schema.versions.c, schema.captures.c
    statement = (
        sa.select(
            v.id, v.n, v.data, v.article_no, c.id.label("capture_id"), c.feed_ms, c.captured_ms,
            c.content_hash, schema.extractors.c.digest.label("extractor"),
            a.id.label("article_id"), a.source, a.key,
        )
        .select_from(
            schema.versions.join(schema.captures, v.capture_no == c.no)
            .join(schema.extractors, c.extractor_no == schema.extractors.c.no)
            .join(schema.articles, v.article_no == a.no)
        )
        .where(v.article_no.in_(article_numbers))
        .order_by(v.article_no, v.n)
    )  # fmt: skip
    for row in connection.execute(statement):
        captured_at = from_ms(row.captured_ms)
        assert captured_at is not None
        yield (
            row.article_no,
            Version(
                id=row.id.hex(),
                article_id=row.article_id.hex(),
                n=row.n,
                content_hash=row.content_hash.hex(),
                content=_unpacked(row.data, f"{row.source}/{row.key} v{row.n}"),
                capture_id=str(uuid.UUID(bytes=row.capture_id)),
                feed_at=from_ms(row.feed_ms),
                captured_at=captured_at,
                extractor=row.extractor,
            ),
        )


def _article(row: Any) -> Article:
    return Article(row.id.hex(), row.source, row.key, row.url or row.key)


def _unpacked(data: bytes, subject: str) -> Content:
    try:
        return unpack(data)
    except ValueError as error:
        raise ArchiveDamaged("archive.damaged", subject, cause=error) from None


def _inflated(data: bytes) -> bytes:
    try:
        return inflate(data)
    except ValueError as error:
        raise ArchiveDamaged("archive.damaged", "shilu.db", cause=error) from None


def slices(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    """Cut values into pieces short enough for an IN list."""
    for start in range(0, len(values), _LIST):
        yield values[start : start + _LIST]
