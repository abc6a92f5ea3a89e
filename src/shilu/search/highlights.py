"""Why a version was found: spans in its own text, the forms that matched, snippets."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from shilu.records import Content, Span
from shilu.search.folding import fold, fold_text
from shilu.search.hits import Field, How, Snippet, Why
from shilu.search.matching import Needle
from shilu.search.tokens import distinct

_SNIPPETS = 2
_LOOKED_AT = 20  # sentences of a version among which those are chosen
_LENGTH = 120  # characters of a snippet: three lines on a telephone
_BEFORE = 40  # of them before what was found, where a sentence is too long
_SENTENCE_END = re.compile(r"[。！？!?…]+[”’」』）)\"]*|[.;；](?=\s)|\n|$")
_CLAUSE = re.compile(r"[，、；：,;:]\s*|\s+")
_SPANS = 1000  # of a version; a query for 的 has more in a long one than anyone looks at


@dataclass(frozen=True, slots=True)
class Highlights:
    """What to show of a version that was found."""

    spans: tuple[Span, ...]
    why: tuple[Why, ...]
    snippets: tuple[Snippet, ...]


def highlight(content: Content, needles: Sequence[Needle]) -> Highlights:
    """Find what a query looked for in a version, through the folding back to its own text."""
    text = content.text
    folded = fold(text)
    found: list[tuple[Needle, Span]] = []
    shown: dict[tuple[str, Field, str, How], int] = {}
    first: dict[tuple[str, Field, str, How], str] = {}
    starts = [block.start for block in content.blocks]
    for needle in needles:
        if needle.place == "author":
            for author in content.authors:
                if count := len(needle.find(fold_text(author))):
                    _note(shown, first, needle, "author", author, count, author)
            continue
        for start, end in needle.find(folded.text)[:_SPANS]:
            span = folded.original(start, end)
            field = _field(content, starts, span)
            if needle.place == "title" and field != "title":
                continue
            found.append((needle, span))
            form = folded.text[start:end]
            _note(shown, first, needle, field, form, 1, span.of(text))
    reasons = tuple(
        Why(asked, first[key], field, how, count)
        for key, count in shown.items()
        for asked, field, _, how in [key]
    )
    spans = tuple(Span(*pair) for pair in distinct((span.start, span.end) for _, span in found))
    return Highlights(spans, reasons, _snippets(content, found))


def _note(
    shown: dict[tuple[str, Field, str, How], int],
    first: dict[tuple[str, Field, str, How], str],
    needle: Needle,
    field: Field,
    form: str,
    count: int,
    as_written: str,
) -> None:
    how: How = "form" if needle.is_stemmed and form != needle.folded else needle.how
    key = (needle.asked, field, form, how)
    shown[key] = shown.get(key, 0) + count
    first.setdefault(key, as_written)


def _field(content: Content, starts: list[int], span: Span) -> Field:
    at = bisect_right(starts, span.start) - 1
    kind = content.blocks[at].kind if at >= 0 else "title"
    if kind == "title" or (content.body_start and span.start < content.body_start):
        return "title"
    return "caption" if kind == "caption" else "text"


# ------------------------------------------------------------------------------ snippets


def _snippets(content: Content, found: Sequence[tuple[Needle, Span]]) -> tuple[Snippet, ...]:
    """Return the sentences with most of what was looked for, in their order."""
    text = content.text
    by_sentence: dict[tuple[int, int], list[tuple[Needle, Span]]] = {}
    start = end = content.body_start
    for needle, span in sorted(found, key=lambda one: one[1].start):
        if span.start < content.body_start:
            continue
        while end <= span.start:
            start, end = end, _sentence_end(text, end)
        by_sentence.setdefault((start, max(end, span.end)), []).append((needle, span))
        if len(by_sentence) >= _LOOKED_AT:
            break
    if not by_sentence:
        end = _sentence_end(text, content.body_start)
        return (_cut(text, content.body_start, end, None),) if end > content.body_start else ()
    ranked = sorted(
        by_sentence.items(), key=lambda item: (-len({needle for needle, _ in item[1]}), item[0])
    )
    return tuple(
        _cut(text, start, end, inside[0][1])
        for (start, end), inside in sorted(ranked[:_SNIPPETS], key=lambda item: item[0])
    )


def _sentence_end(text: str, start: int) -> int:
    match = _SENTENCE_END.search(text, start)
    return max(match.end(), start + 1) if match and start < len(text) else len(text)


def _cut(text: str, start: int, end: int, span: Span | None) -> Snippet:
    """Return a sentence, or of a long one the part around what was found, cut between clauses."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    first, last = start, end
    if last - first > _LENGTH:
        if span is not None and span.start - first > _BEFORE:
            first = span.start - _BEFORE
            clause = _CLAUSE.search(text, first, span.start)
            first = clause.end() if clause else first
        last = min(end, max(first + _LENGTH, span.end if span else 0))
        if last < end:
            clauses = list(_CLAUSE.finditer(text, max(first, span.end if span else first), last))
            last = clauses[-1].start() if clauses and clauses[-1].start() > first else last
    return Snippet(Span(first, last), (first > start, last < end))
