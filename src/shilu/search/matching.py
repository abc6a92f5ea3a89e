"""From a query's tree to the engine's query, and to what is to be highlighted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tantivy import FieldType, Occur, Query, Schema

from shilu.search.folding import fold_text
from shilu.search.hits import How
from shilu.search.query import (
    And,
    Dates,
    Everything,
    HasImage,
    Language,
    Named,
    Node,
    Not,
    Nothing,
    Or,
    Phrase,
    Place,
    Source,
    Versions,
    Word,
)
from shilu.search.tokens import occurrences, stem_occurrences, tokenize, wanted

# How much more a word in the title counts than in the text. Untuned until eval/search exists.
_TITLE_BOOST = 2.0
_CHINESE = ("zh", "zh-Hans", "zh-Hant")
_MANY = 1_000_000  # versions of an article: more than any has
_NEVER = 10_000_000  # days since the year 1: beyond the last that a date can name

_NEAREST_SHARE = 0.3  # of the pairs of a query that what is nearest to it must have
_NEAREST_LEAST = 4  # pairs: with fewer, what is nearest has little to do with the query


class Compiler:
    """Makes the engine's queries for one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def query(self, node: Node, *, scored: bool) -> Query:
        """Return the engine's query for a tree; *scored*: words in the title count more."""
        match node:
            case Word(text, place):
                return self._text(text, place, stemmed=True, scored=scored)
            case Phrase(text, place):
                return self._text(text, place, stemmed=False, scored=scored)
            case Named(typed, forms):
                parts = [self.query(part, scored=scored) for part in (typed, *forms)]
                return Query.disjunction_max_query(parts) if scored else _any(parts)
            case Or(parts):
                return _any([self.query(part, scored=scored) for part in parts])
            case And(parts):
                return self._all(parts, scored)
            case Not():
                return self._all((node,), scored)
            case Everything():
                return _unscored(Query.all_query())
            case Nothing():
                return Query.empty_query()
        return _unscored(self._filter(node))

    def term(self, field: str, value: Any) -> Query:
        """Return a query for a value of a field that does not count for relevance."""
        return _unscored(Query.term_query(self._schema, field, value, "basic"))

    def nearest(self, node: Node) -> Query | None:
        """Return a query for what has much in common with the words of a tree.

        None where there is too little to go by, or where the tree says more than words.
        """
        words = [node] if isinstance(node, Word) else node.parts if isinstance(node, And) else ()
        texts = [word.text for word in words if isinstance(word, Word) and word.place is None]
        if not texts or len(texts) != len(words):
            return None
        tokens = {
            token
            for text in texts
            for token in tokenize(fold_text(text)).sequence.split()
            if len(token) > 1 and token[0] != "<" and token[-1] != ">"
        }
        if len(tokens) < _NEAREST_LEAST:
            return None
        parts = [
            (Occur.Should, Query.term_query(self._schema, "sequence", token))
            for token in sorted(tokens)
        ]
        least = max(2, round(len(tokens) * _NEAREST_SHARE))
        return Query.boolean_query(parts, minimum_number_should_match=least)

    def _text(self, text: str, place: Place | None, *, stemmed: bool, scored: bool) -> Query:
        want = wanted(fold_text(text), stemmed=stemmed)
        if want is None:
            return Query.empty_query()
        start = f"{place}_" if place else ""
        found = self._tokens(f"{start}{want.field}", want.tokens)
        if not scored or place:
            return found
        title = self._tokens(f"title_{want.field}", want.tokens)
        return Query.boolean_query(
            [(Occur.Must, found), (Occur.Should, Query.boost_query(title, _TITLE_BOOST))]
        )

    def _tokens(self, field: str, tokens: tuple[tuple[int, str], ...]) -> Query:
        if len(tokens) == 1:
            return Query.term_query(self._schema, field, tokens[0][1], "freq")
        return Query.phrase_query(self._schema, field, [*tokens])

    def _all(self, parts: tuple[Node, ...], scored: bool) -> Query:
        found = [
            (Occur.MustNot, self.query(part.part, scored=False))
            if isinstance(part, Not)
            else (Occur.Must, self.query(part, scored=scored))
            for part in parts
        ]
        if all(occur == Occur.MustNot for occur, _ in found):
            found.append((Occur.Must, _unscored(Query.all_query())))
        return Query.boolean_query(found)

    def _filter(self, node: Node) -> Query:
        schema = self._schema
        match node:
            case Source(source):
                return Query.term_query(schema, "source", source, "basic")
            case Language(tag):
                tags = _CHINESE if tag == "zh" else (tag,)
                return _any([Query.term_query(schema, "lang", one, "basic") for one in tags])
            case Dates(first, last):
                least = first.toordinal() if first else 0
                most = last.toordinal() if last else _NEVER
                return Query.range_query(schema, "day", FieldType.Unsigned, least, most)
            case HasImage():
                return Query.term_query(schema, "image", 1, "basic")
            case Versions(fewest, largest):
                bounds = (fewest, _MANY if largest is None else largest)
                return Query.range_query(schema, "versions", FieldType.Unsigned, *bounds)
        raise AssertionError(node)


def _any(parts: list[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, part) for part in parts])


def _unscored(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)


# ------------------------------------------------------------------------------ what to highlight


@dataclass(frozen=True, slots=True)
class Needle:
    """A piece of text that a query looks for."""

    asked: str  # the words of the query that it answers
    folded: str
    place: Place | None
    how: How
    is_stemmed: bool = False

    def find(self, folded: str) -> list[tuple[int, int]]:
        """Return where it stands in a folded text."""
        if self.is_stemmed:
            return stem_occurrences(self.folded, folded)
        return occurrences(self.folded, folded)


def needles(node: Node) -> list[Needle]:
    """Return what a query looks for, but for what it looks not for; each once."""
    return list(dict.fromkeys(_needles(node)))


def _needles(node: Node) -> Iterator[Needle]:
    match node:
        case Word(text, place):
            folded = fold_text(text)
            want = wanted(folded, stemmed=True)
            is_stemmed = want is not None and want.field == "stems"
            yield Needle(
                text, _word_of(folded) if is_stemmed else folded, place, "exact", is_stemmed
            )
        case Phrase(text, place):
            yield Needle(text, fold_text(text), place, "exact")
        case Named(typed, forms):
            found = list(_needles(typed))
            yield from found
            asked = " ".join(needle.asked for needle in found)
            for form in forms:
                yield Needle(asked, fold_text(form.text), form.place, "name")
        case And(parts) | Or(parts):
            for part in parts:
                yield from _needles(part)


def _word_of(folded: str) -> str:
    want = wanted(folded)
    return want.tokens[0][1] if want else folded
