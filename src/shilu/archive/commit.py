"""What goes into the database: captures indexed, versions derived, in one transaction.

``Commit`` is the work of one transaction. It decides nothing about news: what a capture says comes
with it (``Filed``), and which versions follow is ``versions.chain``.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from shilu.archive import schema, warc
from shilu.archive.codec import to_ms
from shilu.archive.queries import (
    Place,
    StoredCapture,
    capture_rows,
    seen_rows,
    slices,
    to_seen,
    to_stored,
)
from shilu.archive.versions import Link, Seen, chain, in_order
from shilu.records import Capture, Origin, Problem

Outcome = Literal["article", "version", "same", "refused", "known"]

# Extracts a capture of old again, for when it opens a version only now; returns the content in
# stored form, and the digest of the rules that made it.
Refill = Callable[[StoredCapture], tuple[bytes, str]]


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
    extractor: str  # digest of the rules that judged it
    problems: tuple[Problem, ...] = ()  # the refusing one first
    fired: tuple[str, ...] = ()  # names of the rules that left something out, sorted


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A capture this commit adds."""

    number: int
    id: bytes
    deposit: Deposit
    place: Place


class Commit:
    """The work of one transaction on the derived database."""

    def __init__(self, connection: sa.Connection, refill: Refill) -> None:
        self._connection = connection
        self._refill = refill
        self._urls: dict[int, str | None] = {}  # what articles made by this commit were given
        self._numbers: dict[tuple[str, str], int] = {}  # (table, value): no
        self._last_commit: tuple[str, int] | None = None

    # -------------------------------------------------------------------------- in

    def run(
        self,
        deposits: Sequence[Deposit],
        places: Sequence[Place],
        seen: dict[str, int],
        tombstones: Iterable[warc.Tombstone],
    ) -> list[Outcome]:
        """Index members that are on disk; see ``Store.commit``."""
        for tombstone in tombstones:
            self._bury(tombstone)
        file_numbers = self._files(places, seen)
        fresh, outcomes = self._sorted_out(deposits, places, file_numbers)
        article_numbers, created = self._articles(fresh)
        if fresh:
            self._add(
                schema.captures, [self._row(one, file_numbers, article_numbers) for one in fresh]
            )
        problem_rows = [row for one in fresh for row in _problem_rows(one)]
        if problem_rows:
            self._add(schema.problems, problem_rows)
        filed = {one.number: one.deposit.filed for one in fresh if one.deposit.filed is not None}
        touched = {article_numbers[one.article_id] for one in filed.values()}
        old = touched - {article_numbers[article_id] for article_id in created}
        opened = self._derive(touched, old, filed)
        return _told(outcomes, opened, filed, created)

    def rerun(self, deposits: Sequence[Deposit], places: Sequence[Place]) -> None:
        """Index captures again that are indexed already; see ``Store.refile``."""
        c = schema.captures.c
        ids = [uuid.UUID(deposit.capture.id).bytes for deposit in deposits]
        for some in slices(ids):
            self._take_out(c.id.in_(some))
        self.run(deposits, places, {}, ())

    def _sorted_out(
        self,
        deposits: Sequence[Deposit],
        places: Sequence[Place],
        file_numbers: dict[str, int],
    ) -> tuple[list[_Fresh], list[Outcome | int]]:
        """Return the captures that are new, and for each deposit its number or what it is."""
        ids = [uuid.UUID(deposit.capture.id).bytes for deposit in deposits]
        present = self._present(ids)
        next_no = (self._connection.scalar(sa.select(sa.func.max(schema.captures.c.no))) or 0) + 1
        fresh: list[_Fresh] = []
        outcomes: list[Outcome | int] = []
        for deposit, place, capture_id in zip(deposits, places, ids, strict=True):
            here = (file_numbers[place.file], place.offset)
            stands = present.get(capture_id)
            if stands is None:
                present[capture_id] = here
                number = next_no + len(fresh)
                fresh.append(_Fresh(number, capture_id, deposit, place))
                outcomes.append("refused" if deposit.filed is None else number)
                continue
            if stands != here:
                self._note_copy(capture_id, here, place)
            outcomes.append("known")
        return fresh, outcomes

    def _present(self, ids: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
        """Return where captures that are indexed already stand: file number and offset."""
        c = schema.captures.c
        found: dict[bytes, tuple[int, int]] = {}
        for some in slices(ids):
            for row in self._connection.execute(
                sa.select(c.id, c.file_no, c.offset).where(c.id.in_(some))
            ):
                found[row.id] = (row.file_no, row.offset)
        return found

    def _note_copy(self, capture_id: bytes, here: tuple[int, int], place: Place) -> None:
        self._connection.execute(
            sa.insert(schema.copies).prefix_with("OR REPLACE", dialect="sqlite"),
            [{"file_no": here[0], "offset": here[1], "length": place.length, "crc": place.crc,
              "capture_id": capture_id}],
        )  # fmt: skip

    def _bury(self, tombstone: warc.Tombstone) -> None:
        article_id = bytes.fromhex(tombstone.article_id)
        self._connection.execute(
            sa.insert(schema.tombstones).prefix_with("OR REPLACE", dialect="sqlite"),
            [{"article_id": article_id, "forgotten_ms": to_ms(tombstone.forgotten_at),
              "reason": tombstone.reason}],
        )  # fmt: skip
        rows = [
            {"capture_id": uuid.UUID(one).bytes, "article_id": article_id}
            for one in tombstone.capture_ids
        ]
        if rows:
            self._connection.execute(
                sa.insert(schema.buried).prefix_with("OR REPLACE", dialect="sqlite"), rows
            )

    def _add(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows that all have the same columns.

        SQLAlchemy writes the statement; the values go to the driver as they are, which takes half
        the time of binding them name by name. They are integers, texts and bytes only.
        """
        columns = list(rows[0])
        compiled = sa.insert(table).compile(dialect=self._connection.dialect, column_keys=columns)
        names = compiled.positiontup or columns
        self._connection.exec_driver_sql(
            str(compiled), [tuple(row[name] for name in names) for row in rows]
        )

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

    def _kept_number(self, table: sa.Table, column: str, value: str) -> int:
        """Return the number of one of few values, asked for once."""
        key = (table.name, value)
        if key not in self._numbers:
            self._numbers[key] = self._number(table, column, value, {})
        return self._numbers[key]

    def _files(self, places: Sequence[Place], seen: dict[str, int]) -> dict[str, int]:
        """Note how far files are indexed; return their numbers."""
        ends = dict(seen)
        for place in places:
            ends[place.file] = max(ends.get(place.file, 0), place.offset + place.length)
        f = schema.files.c
        numbers = {}
        for name, end in ends.items():
            number = self._number(schema.files, "name", name, {"bytes_seen": 0, "bytes_kept": 0})
            numbers[name] = number
            self._connection.execute(
                sa.update(schema.files)
                .where(f.no == number)
                .values(
                    bytes_seen=sa.func.max(f.bytes_seen, end),
                    bytes_kept=sa.func.max(f.bytes_kept, end),
                )
            )
        return numbers

    def _articles(self, fresh: Sequence[_Fresh]) -> tuple[dict[bytes, int], set[bytes]]:
        """Return the numbers of the articles captures belong to, and which did not exist."""
        filed = {
            one.deposit.filed.article_id: one.deposit.filed
            for one in fresh
            if one.deposit.filed is not None
        }
        a = schema.articles.c
        numbers: dict[bytes, int] = {}
        for some in slices(list(filed)):
            for row in self._connection.execute(sa.select(a.id, a.no).where(a.id.in_(some))):
                numbers[row.id] = row.no
        created = {article_id for article_id in filed if article_id not in numbers}
        next_no = (self._connection.scalar(sa.select(sa.func.max(a.no))) or 0) + 1
        rows: list[dict[str, Any]] = []
        for article_id, one in filed.items():
            if article_id in created:
                numbers[article_id] = next_no + len(rows)
                rows.append(
                    {"no": numbers[article_id], "id": article_id, "source": one.source,
                     "key": one.key, "url": _url(one)}
                )  # fmt: skip
                self._urls[numbers[article_id]] = _url(one)
        if rows:
            self._add(schema.articles, rows)
        return numbers, created

    def _row(
        self, fresh: _Fresh, file_numbers: dict[str, int], article_numbers: dict[bytes, int]
    ) -> dict[str, Any]:
        deposit, place = fresh.deposit, fresh.place
        capture, filed = deposit.capture, deposit.filed
        return {
            "no": fresh.number,
            "id": fresh.id,
            "file_no": file_numbers[place.file],
            "offset": place.offset,
            "length": place.length,
            "crc": place.crc,
            "kind": capture.origin.kind,
            "commit_no": self._commit_no(capture.origin) if capture.origin.commit else None,
            "generation": capture.origin.generation,
            "path": shown_path(capture.origin.path),
            "captured_ms": to_ms(capture.captured_at),
            "feed_ms": filed.feed_ms if filed else None,
            "digest": bytes.fromhex(capture.digest),
            "size_bytes": capture.size_bytes,
            "article_no": article_numbers[filed.article_id] if filed else None,
            "content_hash": filed.content_hash if filed else None,
            "extractor_no": self._kept_number(schema.extractors, "digest", deposit.extractor),
            "rule_set_no": (
                self._kept_number(schema.rule_sets, "rules", " ".join(deposit.fired))
                if filed
                else None
            ),
            "refusal": None if filed else deposit.problems[0].code,
            "source": None if filed else deposit.source,
        }

    def _commit_no(self, origin: Origin) -> int:
        assert origin.commit is not None
        if self._last_commit is None or self._last_commit[0] != origin.commit:
            number = self._number(
                schema.commits, "name", bytes.fromhex(origin.commit), {}
            )  # fmt: skip
            self._last_commit = (origin.commit, number)
        return self._last_commit[1]

    # -------------------------------------------------------------------------- out

    def unfile(self, name: str) -> None:
        """Take out what came from one capture file; see ``Store.unfile``."""
        f, c = schema.files.c, schema.captures.c
        number = self._connection.scalar(sa.select(f.no).where(f.name == name))
        if number is None:
            return
        self._take_out(c.file_no == number)
        for statement in (
            sa.delete(schema.copies).where(schema.copies.c.file_no == number),
            sa.update(schema.files).where(f.no == number).values(bytes_seen=0),
        ):
            self._connection.execute(statement)

    def _take_out(self, which: sa.ColumnElement[bool]) -> None:
        """Take out captures, and what follows from them of their articles."""
        c, v, p = schema.captures.c, schema.versions.c, schema.problems.c
        numbers = sa.select(c.no).where(which).scalar_subquery()
        touched = set(
            self._connection.scalars(
                sa.select(c.article_no).where(which, c.article_no.is_not(None)).distinct()
            )
        )
        for statement in (
            sa.delete(schema.problems).where(p.capture_no.in_(numbers)),
            sa.delete(schema.versions).where(v.capture_no.in_(numbers)),
            sa.delete(schema.captures).where(which),
        ):
            self._connection.execute(statement)
        left: set[int] = set()
        for some in slices(sorted(touched)):
            left.update(
                self._connection.scalars(
                    sa.select(c.article_no).where(c.article_no.in_(some)).distinct()
                )
            )
        for some in slices(sorted(touched - left)):
            self._connection.execute(
                sa.delete(schema.articles).where(schema.articles.c.no.in_(some))
            )
        self._note_changes(touched - left)
        # They are read again at once; should that not come to pass, what is left is right.
        self._derive(left, left, {})

    # -------------------------------------------------------------------------- versions

    def _derive(self, touched: set[int], old: set[int], filed: dict[int, Filed]) -> set[int]:
        """Derive the versions of *touched* articles; return which new captures open one.

        *old* are those of them that may have versions already; *filed* the captures added now.
        """
        groups: dict[int, list[Seen]] = defaultdict(list)
        for some in slices(sorted(touched)):
            statement = seen_rows().where(schema.captures.c.article_no.in_(some))
            for row in self._connection.execute(statement):
                groups[row.article_no].append(to_seen(row))
        standing = self._standing(sorted(old))
        inserts: list[dict[str, Any]] = []
        opened: set[int] = set()
        urls: list[dict[str, Any]] = []
        for article_no, group in groups.items():
            ordered = in_order(group)
            links = chain(ordered)
            # A version that stood before is not new for being opened by an earlier capture now.
            stood = {version for _n, version in standing.get(article_no, {}).values()}
            opened.update(
                link.opened_by for link in links if link.opened_by in filed and link.id not in stood
            )
            inserts += self._changed(article_no, links, standing.get(article_no, {}), filed)
            newest = filed.get(ordered[-1].number)
            if newest is not None and self._urls.get(article_no, "") != _url(newest):
                urls.append({"article": article_no, "new_url": _url(newest)})
        if inserts:
            self._add(schema.versions, inserts)
        if urls:
            self._connection.execute(
                sa.update(schema.articles)
                .where(schema.articles.c.no == sa.bindparam("article"))
                .values(url=sa.bindparam("new_url")),
                urls,
            )
        self._note_changes(touched)
        return opened

    def _note_changes(self, article_numbers: Iterable[int]) -> None:
        """Give articles the next numbers of change."""
        last = self._connection.scalar(sa.select(sa.func.max(schema.changes.c.no))) or 0
        rows = [
            {"article_no": number, "no": change}
            for change, number in enumerate(sorted(article_numbers), last + 1)
        ]
        if rows:
            self._connection.execute(
                sa.insert(schema.changes).prefix_with("OR REPLACE", dialect="sqlite"), rows
            )

    def _standing(self, article_numbers: Sequence[int]) -> dict[int, dict[int, tuple[int, bytes]]]:
        """Return the versions now stored: article → opening capture → (n, id)."""
        v = schema.versions.c
        found: dict[int, dict[int, tuple[int, bytes]]] = defaultdict(dict)
        for some in slices(article_numbers):
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
        filed: dict[int, Filed],
    ) -> list[dict[str, Any]]:
        """Bring one article's stored versions to *links*; return the rows to insert."""
        v = schema.versions.c
        wanted = {link.opened_by: link for link in links}
        inserts = []
        for number, link in wanted.items():
            if number not in standing:
                data = filed[number].data if number in filed else self._data(number)
                inserts.append(
                    {"capture_no": number, "id": link.id, "article_no": article_no, "n": link.n,
                     "data": data}
                )  # fmt: skip
            elif standing[number] != (link.n, link.id):
                self._connection.execute(
                    sa.update(schema.versions)
                    .where(v.capture_no == number)
                    .values(n=link.n, id=link.id)
                )
        gone = [number for number in standing if number not in wanted]
        if gone:
            self._connection.execute(sa.delete(schema.versions).where(v.capture_no.in_(gone)))
        return inserts

    def _data(self, number: int) -> bytes:
        """Return the content of a capture of old that opens a version only now."""
        v, c = schema.versions.c, schema.captures.c
        row = self._connection.execute(
            capture_rows()
            .add_columns(schema.extractors.c.digest.label("extractor"))
            .join(schema.extractors, c.extractor_no == schema.extractors.c.no)
            .where(c.no == number)
        ).one()
        content, extractor = self._refill(to_stored(row))
        if row.extractor != extractor:
            # Read again under other rules it might say something else than its hash. The version
            # that it was part of until now says the same in that extractor's words.
            data = self._connection.scalar(
                sa.select(v.data)
                .select_from(schema.versions.join(schema.captures, v.capture_no == c.no))
                .where(v.article_no == row.article_no, c.content_hash == row.content_hash)
                .limit(1)
            )
            if data is not None:
                return bytes(data)
        return content


def shown_path(path: str) -> str:
    """Return a path as the database holds it: undecodable bytes made visible."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _problem_rows(fresh: _Fresh) -> list[dict[str, Any]]:
    return [
        {"capture_no": fresh.number, "code": problem.code, "subject": problem.subject,
         "details": json.dumps(dict(problem.details), ensure_ascii=False)}
        for problem in fresh.deposit.problems
    ]  # fmt: skip


def _told(
    outcomes: Sequence[Outcome | int],
    opened: set[int],
    filed: dict[int, Filed],
    created: set[bytes],
) -> list[Outcome]:
    """Say of each deposit what became of it; the first version of a new article is "article"."""
    told: list[Outcome] = []
    untold = set(created)
    for outcome in outcomes:
        if not isinstance(outcome, int):
            told.append(outcome)
        elif outcome not in opened:
            told.append("same")
        elif filed[outcome].article_id in untold:
            untold.discard(filed[outcome].article_id)
            told.append("article")
        else:
            told.append("version")
    return told


def _url(filed: Filed) -> str | None:
    """Return what is kept as an article's address: nothing where the key is the address."""
    return None if filed.url == filed.key else filed.url
