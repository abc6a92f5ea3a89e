"""The full-text index of an archive: a tantivy index in its ``index/`` folder, derived.

One document a version. A change of an article deletes its documents and adds those of its versions
as they are now, so that doing it twice does no harm. What the index is complete to stands in a
document of its own and is committed with the changes, so that a process may die at any moment: the
next one goes on after the last commit. An index that was made in another form, for another
database, or cannot be read, is made anew.

Everyone may search at any time. Only writing is for one process at a time; who cannot have the
lock searches what there is and says how far it is behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tantivy
from tantivy import Occur

from shilu.errors import ArchiveDamaged, ArchiveError, UsageError
from shilu.records import Article, Version
from shilu.search import variants
from shilu.search.folding import fold_text
from shilu.search.highlights import highlight
from shilu.search.hits import Hit, Results
from shilu.search.matching import Compiler, needles
from shilu.search.query import Named, Node, Order, parse
from shilu.search.tokens import tokenize

_FORM = 1  # of the documents; raised with every change of what is indexed
_HEAP_BYTES = 64 << 20  # of the writer, before it writes a segment; 15 MB is the engine's least
_COMMIT = 10_000  # articles between two commits, which are what a crash can cost
_DEEPEST = 10_000  # hits that can be paged through; who wants more asks more narrowly
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FACETS = ("source", "lang", "month")
_FACET_VALUES = 1000

NAME = "index"


@dataclass(frozen=True, slots=True)
class Changed:
    """An article as it is now; without versions where it is gone."""

    number: int  # the archive's own for it
    change: int  # the number of its last change
    article: Article | None
    versions: Sequence[Version]  # oldest first


# Returns articles with all their versions, oldest first, by the archive's numbers for them.
Fetch = Callable[[Sequence[int]], Mapping[int, tuple[Article, Sequence[Version]]]]


def remove(archive: Path) -> None:
    """Delete the index of an archive that nobody else has open, with all that it holds of texts."""
    shutil.rmtree(archive / NAME, ignore_errors=True)


def moment(versions: Sequence[Version]) -> datetime:
    """Return when an article appeared: the outlet's time, else the feed's, else the capture's.

    Of its oldest version, so that an edit does not move it.
    """
    oldest = versions[0]
    content = oldest.content
    if content.published_at is None and content.published_on is not None:
        on = content.published_on
        return (
            oldest.feed_at
            if oldest.feed_at and oldest.feed_at.date() == on
            else datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
        )
    return content.published_at or oldest.feed_at or oldest.captured_at


def day(versions: Sequence[Version]) -> date:
    """Return the day under which an article is found: the outlet's own, else that of its moment."""
    return versions[0].content.published_on or moment(versions).date()


class SearchIndex:
    """The index of one archive."""

    def __init__(self, folder: Path, database: str) -> None:
        """Open the index in *folder*; *database* names the database whose numbers it holds."""
        self.folder = folder
        libraries = f"{version('opencc')} {version('snowballstemmer')}"
        self._identity = f"{_FORM} {unicodedata.unidata_version} {libraries} {database}"
        self._index: tantivy.Index | None = None
        self.complete_to = 0
        self.reload()

    def reload(self) -> None:
        """Open what is there now, if it is ours; else the index counts as empty."""
        self._index, self.complete_to = None, 0
        if not (self.folder / "meta.json").is_file():
            return
        try:
            with _engine_errors(self.folder):
                index = tantivy.Index.open(str(self.folder))
                index.config_reader("manual")
                index.reload()
                mark = _mark(index.searcher())
        except ArchiveDamaged:
            return
        if mark is not None and mark[0] == self._identity:
            self._index, self.complete_to = index, mark[1]

    # -------------------------------------------------------------------------- writing

    def update(
        self,
        changes: Callable[[int], Iterable[Changed]],
        tick: Callable[[int], None] = lambda _done: None,
    ) -> bool:
        """Take in what changed since the index was complete; False when another process is at it.

        *changes* returns what changed after a number, in order of change. Raises ``ArchiveDamaged``
        when the engine cannot write into what is there.
        """
        with self._lock() as is_ours:
            if not is_ours:
                return False
            self.reload()  # another process may have written since
            index = self._index or self._new()
            with _engine_errors(self.folder), _writer(index) as writer:
                self._write(writer, changes(self.complete_to), tick)
            self.reload()
        return True

    def _write(
        self, writer: tantivy.IndexWriter, changes: Iterable[Changed], tick: Callable[[int], None]
    ) -> None:
        done, complete_to = 0, self.complete_to
        for change in changes:
            _delete(writer, "article", change.number)
            for document in _documents(change):
                writer.add_document(document)
            done, complete_to = done + 1, change.change
            if done % _COMMIT == 0:
                self._commit(writer, complete_to)
            if done % 256 == 0:
                tick(done)
        if done % _COMMIT or done == 0:
            self._commit(writer, complete_to)
        tick(done)

    def _commit(self, writer: tantivy.IndexWriter, complete_to: int) -> None:
        _delete(writer, "mark", 1)
        writer.add_document(
            tantivy.Document.from_dict(
                {"mark": 1, "identity": self._identity, "complete_to": complete_to}, _SCHEMA
            )
        )
        writer.commit()

    def _new(self) -> tantivy.Index:
        """Make an empty index in the place of whatever is there."""
        for path in self.folder.iterdir():
            if path.name == ".lock":
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        return tantivy.Index(_SCHEMA, str(self.folder), reuse=False)

    def clear(self) -> bool:
        """Empty the index, so that the next update makes it anew; False while one writes."""
        with self._lock() as is_ours:
            if is_ours:
                self._new()
                self.reload()
        return is_ours

    @contextlib.contextmanager
    def _lock(self) -> Iterator[bool]:
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    # -------------------------------------------------------------------------- searching

    def search(
        self,
        text: str,
        fetch: Fetch,
        *,
        limit: int = 20,
        cursor: str | None = None,
        behind: int = 0,
        forms: variants.Forms | None = None,
    ) -> Results:
        """Answer a query; see ``query.parse`` for its language.

        *fetch* returns the articles of a page; *behind* is told in the answer; *forms* are other
        forms of names, by default the lexicon's. Raises ``UsageError`` for a query beyond the
        limits, and for a cursor that is none of this index and query; ``ArchiveDamaged`` when the
        index cannot be read: cleared and updated it is as new.
        """
        query = parse(text)
        root = variants.expand(query.root, forms)
        order: Order = query.order or ("relevance" if needles(root) else "date")
        offset = self._offset(cursor, query.read_as)
        nothing = Results(0, query.read_as, query.notes, (), {}, {}, None, False, behind)
        if self._index is None:
            return nothing
        is_nearest = False
        with _engine_errors(self.folder):
            search = _Search(self._index.searcher(), root, order)
            if search.total == 0 and (nearest := search.compiler.nearest(query.root)):
                search = _Search(self._index.searcher(), root, order, nearest)
                is_nearest = search.total > 0
            page = search.page(offset, limit)
            facets = search.facets()
            names = {} if is_nearest else search.names()
        hits = self._hits(page, root, fetch, search)
        end = offset + limit
        more = limit > 0 and end < min(search.total, _DEEPEST)
        return Results(
            total=search.total,
            read_as=query.read_as,
            notes=query.notes,
            hits=tuple(hits),
            facets=facets,
            names=names,
            cursor=f"{end}.{self.complete_to}.{_digest(query.read_as)}" if more else None,
            is_nearest=is_nearest,
            behind=behind,
        )

    def _offset(self, cursor: str | None, read_as: str) -> int:
        if cursor is None:
            return 0
        offset, _, rest = cursor.partition(".")
        if rest != f"{self.complete_to}.{_digest(read_as)}" or not offset.isdecimal():
            raise UsageError("query.cursor", cursor)
        return min(int(offset), _DEEPEST)

    def _hits(
        self, page: Sequence[_Found], root: Node, fetch: Fetch, search: _Search
    ) -> Iterator[Hit]:
        looked_for = needles(root)
        articles = fetch([found.number for found in page]) if page else {}
        older = search.older()
        for found in page:
            if found.number not in articles:  # it was forgotten a moment ago
                continue
            article, versions = articles[found.number]
            shown = next((one for one in versions if one.n == found.n), versions[-1])
            lights = highlight(shown.content, looked_for)
            yield Hit(
                article, shown, moment(versions), found.score, lights.spans, lights.why,
                lights.snippets, shown.n == versions[-1].n,
                tuple(n for n in older.get(found.number, ()) if n < shown.n),
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Found:
    """An article found: by its newest version, or an older one where only such match."""

    number: int
    n: int
    score: float
    address: tantivy.DocAddress
    rank: float  # by which it is ordered


class _Search:
    """One query asked of one state of the index.

    Newest versions and older ones are asked for apart: there are few older ones, and only those
    must be looked at one by one to count each article once.
    """

    def __init__(
        self,
        searcher: tantivy.Searcher,
        root: Node,
        order: Order,
        query: tantivy.Query | None = None,
    ) -> None:
        self._searcher = searcher
        self._root = root
        self._is_scored = order == "relevance"
        self.compiler = Compiler(_SCHEMA)
        self._query = query or self.compiler.query(root, scored=self._is_scored)
        self._older, self._only_older = self._old_ones(self._query)
        self._newest = self._among(self._query, "newest", 1)
        self._new = _count(searcher.search(self._newest, 1, **self._by_order()))
        self.total: int = self._new + len(self._only_older)

    def _among(self, query: tantivy.Query, field: str, value: int) -> tantivy.Query:
        return tantivy.Query.boolean_query(
            [(Occur.Must, query), (Occur.Must, self.compiler.term(field, value))]
        )

    def _by_order(self) -> dict[str, Any]:
        return {} if self._is_scored else {"order_by_field": "at"}

    def _all_of(self, query: tantivy.Query) -> list[_Found]:
        """Return all documents of a query, ranked; for older versions and changed articles."""
        found = self._searcher.search(query, 100, **self._by_order())
        if _count(found) > len(found.hits):
            found = self._searcher.search(query, _count(found), **self._by_order())
        return self._read(found.hits)

    def _read(self, hits: list[tuple[Any, tantivy.DocAddress]]) -> list[_Found]:
        addresses = [address for _, address in hits]
        numbers = self._searcher.fast_field_values("article", addresses)
        ns = self._searcher.fast_field_values("n", addresses)
        return [
            _Found(int(number or 0), int(n or 0), rank if self._is_scored else 0.0, address, rank)
            for (rank, address), number, n in zip(hits, numbers, ns, strict=True)
        ]

    def _old_ones(self, query: tantivy.Query) -> tuple[dict[int, list[int]], list[_Found]]:
        """Return the older versions that match, by article, and articles by their newest of these
        where the newest of all does not match.
        """  # fmt: skip
        old = self._all_of(self._among(query, "newest", 0))
        if not old:
            return {}, []
        older: dict[int, list[int]] = {}
        newest_of: dict[int, _Found] = {}
        for found in old:
            older.setdefault(found.number, []).append(found.n)
            if found.number not in newest_of or newest_of[found.number].n < found.n:
                newest_of[found.number] = found
        for ns in older.values():
            ns.sort(reverse=True)
        edited = self._among(self._among(query, "newest", 1), "edited", 1)
        current = {found.number for found in self._all_of(edited)}
        only = [found for number, found in newest_of.items() if number not in current]
        return older, sorted(only, key=lambda found: -found.rank)

    def older(self) -> dict[int, list[int]]:
        """Return the older versions that match, by article, newest first."""
        return self._older

    def page(self, offset: int, limit: int) -> list[_Found]:
        """Return the hits from *offset* on."""
        end = min(offset + limit, _DEEPEST)
        if end <= offset:
            return []
        found = self._searcher.search(self._newest, end, **self._by_order())
        if not self._only_older:
            return self._read(found.hits[offset:])
        merged = [*self._read(found.hits), *self._only_older]
        merged.sort(key=lambda one: -one.rank)
        return merged[offset:end]

    def facets(self) -> dict[str, dict[str, int]]:
        """Count the articles by source, language and month."""
        asked = {name: {"terms": {"field": name, "size": _FACET_VALUES}} for name in _FACETS}
        answer = self._searcher.aggregate(self._newest, asked)
        counted = {
            name: {bucket["key"]: bucket["doc_count"] for bucket in answer[name]["buckets"]}
            for name in _FACETS
        }
        for found in self._only_older:
            document = self._searcher.doc(found.address)
            for name in _FACETS:
                value = document.get_first(name)
                counted[name][value] = counted[name].get(value, 0) + 1
        return {
            name: dict(sorted(
                values.items(), key=lambda item: (item[0] if name == "month" else -item[1], item[0])
            ))
            for name, values in counted.items()
        }  # fmt: skip

    def names(self) -> dict[str, int]:
        """Return the other names that were looked for, with how many of the articles have each."""
        found: dict[str, int] = {}
        for named in _named(self._root):
            for form in named.forms:
                query = tantivy.Query.boolean_query(
                    [
                        (Occur.Must, self._newest),
                        (Occur.Must, self.compiler.query(form, scored=False)),
                    ]
                )
                count = _count(self._searcher.search(query, 1, order_by_field="at"))
                if count:
                    found[form.text] = count
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def _count(result: Any) -> int:
    return int(result.count)  # which the engine's type hints leave out


def _named(node: Node) -> Iterator[Named]:
    if isinstance(node, Named):
        yield node
    for part in getattr(node, "parts", ()):
        yield from _named(part)


# ------------------------------------------------------------------------------ documents


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for start in ("", "title_", "author_"):
        for name, option in (("sequence", "position"), ("characters", "basic"), ("stems", "freq")):
            builder.add_text_field(
                f"{start}{name}", tokenizer_name="whitespace", index_option=option
            )
    for name in _FACETS:
        builder.add_text_field(
            name, stored=True, fast=True, tokenizer_name="raw", index_option="basic"
        )
    for name in ("article", "day", "versions"):
        builder.add_unsigned_field(name, indexed=True, fast=True)
    builder.add_unsigned_field("n", fast=True)
    builder.add_integer_field("at", fast=True)
    for name in ("newest", "edited", "image", "mark"):
        builder.add_unsigned_field(name, indexed=True)
    builder.add_text_field("identity", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("complete_to", stored=True)
    return builder.build()


_SCHEMA = _schema()


def _documents(change: Changed) -> Iterator[tantivy.Document]:
    """Yield the documents of an article's versions."""
    if change.article is None or not change.versions:
        return
    versions = change.versions
    on = day(versions)
    newest = versions[-1]
    shared = {
        "article": change.number,
        "source": change.article.source,
        "lang": newest.content.lang,
        "month": f"{on:%Y-%m}",
        "day": on.toordinal(),
        "at": (moment(versions) - _EPOCH) // timedelta(milliseconds=1),
        "versions": len(versions),
    }
    for one in versions:
        content = one.content
        text = tokenize(fold_text(content.text))
        title = tokenize(fold_text(content.title))
        fields = {
            **shared,
            "n": one.n,
            "newest": int(one is newest),
            "edited": int(len(versions) > 1),
            "image": int(any(medium.kind == "image" for medium in content.media)),
            "sequence": text.sequence,
            "characters": text.characters,
            "stems": text.stems,
            "title_sequence": title.sequence,
            "title_characters": title.characters,
            "title_stems": title.stems,
        }
        if content.authors:
            authors = tokenize(fold_text("\n".join(content.authors)))
            fields |= {
                "author_sequence": authors.sequence,
                "author_characters": authors.characters,
                "author_stems": authors.stems,
            }
        yield tantivy.Document.from_dict(fields, _SCHEMA)


def _delete(writer: tantivy.IndexWriter, field: str, value: int) -> None:
    # By a query: deleting by a term silently finds no numbers in tantivy-py 0.27.
    writer.delete_documents_by_query(tantivy.Query.term_query(_SCHEMA, field, value, "basic"))


def _mark(searcher: tantivy.Searcher) -> tuple[str, int] | None:
    """Return for what an index was made, and what it is complete to."""
    query = tantivy.Query.term_query(_SCHEMA, "mark", 1, "basic")
    hits = searcher.search(query, 1).hits
    if not hits:
        return None
    document = searcher.doc(hits[0][1])
    identity, complete_to = document.get_first("identity"), document.get_first("complete_to")
    return str(identity), int(complete_to or 0)


@contextlib.contextmanager
def _writer(index: tantivy.Index) -> Iterator[tantivy.IndexWriter]:
    """Write in one thread: the engine's own would only wait for the one that makes the tokens."""
    writer = index.writer(_HEAP_BYTES, 1)
    yield writer
    writer.wait_merging_threads()


@contextlib.contextmanager
def _engine_errors(folder: Path) -> Iterator[None]:
    """Turn what the engine raises into our errors; it panics over files that are cut short."""
    try:
        yield
    except BaseException as error:
        is_panic = type(error).__name__ == "PanicException"  # which cannot be imported
        if not is_panic and not isinstance(error, ValueError | OSError):
            raise
        if "space" in str(error):
            raise ArchiveError("archive.full", folder, cause=error) from error
        raise ArchiveDamaged("archive.index_damaged", folder, cause=error) from error


def _digest(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
