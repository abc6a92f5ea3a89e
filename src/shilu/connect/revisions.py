"""What changed between two versions, in words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Literal, NamedTuple

# difflib is cubic in the worst case, a word changed in each of many like lines. Up to so many words
# every word may anchor a match (0.4 s for that case); beyond, only those that are not frequent (2 s
# at the second figure); beyond that whole lines are compared. Articles have some 500.
_EXACT_WORDS = 1_200
_MAX_WORDS = 10_000

_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKENS = re.compile(rf"[{_HAN}]+|[^\W{_HAN}]+|\s+|.", re.DOTALL)
_IS_HAN = re.compile(f"[{_HAN}]")


class Change(NamedTuple):
    """A piece of the newer text, the older, or both."""

    kind: Literal["same", "inserted", "deleted"]
    text: str


def words(text: str) -> list[str]:
    """Cut a text into words whose concatenation is the text; Chinese by rjieba's dictionary."""
    import rjieba

    found: list[str] = []
    for piece in _TOKENS.findall(text):
        if len(piece) > 1 and _IS_HAN.match(piece):
            found += rjieba.cut(piece)  # with its model of names: 汪文涛 is one word
        else:
            found.append(piece)
    return found


def word_diff(older: str, newer: str) -> list[Change]:
    """Return the steps from one text to the other, word by word.

    The kept and inserted pieces make the newer text, the kept and deleted ones the older.

    >>> [tuple(change) for change in word_diff("商务部长汪文涛会晤", "商务部长王文涛会晤")]
    [('same', '商务部长'), ('deleted', '汪文涛'), ('inserted', '王文涛'), ('same', '会晤')]
    """
    before, after = words(older), words(newer)
    if max(len(before), len(after)) > _MAX_WORDS:
        before, after = older.splitlines(keepends=True), newer.splitlines(keepends=True)
    changes = _merged(_steps(before, after))
    return [
        Change(kind, "".join(change.text for change in group))
        for kind, group in groupby(changes, key=lambda change: change.kind)
    ]


def _steps(before: list[str], after: list[str]) -> Iterator[Change]:
    autojunk = max(len(before), len(after)) > _EXACT_WORDS
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=autojunk)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield Change("same", "".join(before[i1:i2]))
            continue
        if i1 < i2:
            yield Change("deleted", "".join(before[i1:i2]))
        if j1 < j2:
            yield Change("inserted", "".join(after[j1:j2]))


def _merged(steps: Iterator[Change]) -> Iterator[Change]:
    """Join changes that only a single shared character or sign keeps apart.

    "汪文涛" cut as 汪|文涛 and "王文涛" as 王文|涛 would otherwise read as noise.
    """
    deleted = inserted = ""
    for step in steps:
        if step.kind == "deleted":
            deleted += step.text
        elif step.kind == "inserted":
            inserted += step.text
        elif len(step.text) <= 1 and (deleted or inserted) and not step.text.isspace():
            deleted += step.text
            inserted += step.text
        else:
            yield from _trimmed(deleted, inserted)
            deleted = inserted = ""
            yield step
    yield from _trimmed(deleted, inserted)


def _trimmed(deleted: str, inserted: str) -> Iterator[Change]:
    """Yield a pair of changes, with a sign that ends both taken out as unchanged."""
    tail = ""
    if deleted and inserted and deleted[-1] == inserted[-1] and not deleted[-1].isalnum():
        tail = deleted[-1]
        deleted, inserted = deleted[:-1], inserted[:-1]
    if deleted:
        yield Change("deleted", deleted)
    if inserted:
        yield Change("inserted", inserted)
    if tail:
        yield Change("same", tail)
