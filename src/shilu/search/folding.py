"""Text as search compares it: one script, one width, one case; every character knows its origin.

Folding is NFKC (UAX #15), simplified characters (OpenCC's ``t2s``, character by character) and
case folding; what nobody sees (UAX #44, Default_Ignorable) is dropped. It goes character by
character, so that a piece of a text folds to a piece of the folded text, whatever stands around
it: by phrases 乾隆 would keep its 乾 and a search for 乾 alone would miss it. Only marks that
combine with the character before them (é typed as two) are folded together with it.
"""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from shilu.records import Span

# Characters that the mainland writes as others and that ``t2s`` leaves, since they stay in some
# words: 著陆/着陆, 藉口/借口, 瞭解/了解, 妳/你; and old forms it does not know.
_ALSO = dict(zip("著藉瞭妳祇牠擧敎歩吿靑囯", "着借了你只它举教步告青国", strict=True))

_SPECIAL = "\U0010ffff"  # a noncharacter: stands for whatever does not fold one to one
_MARKS_TOGETHER = 30  # combining marks folded as one piece: the limit of UAX #15, Stream-Safe Text
_ROUNDS = 4  # case folding and NFKC undo each other's form at most twice

# Vowel signs of Indic scripts that are no marks by class and yet compose with what is before them.
_COMPOSING = frozenset(
    "\u09be\u09d7\u0b3e\u0b56\u0b57\u0bbe\u0bd7\u0cc2\u0cd5\u0cd6\u0d3e\u0d57\u0dcf\u0ddf\u102e"
    "\u1b35\U00011127\U0001133e\U00011357\U000114b0\U000114ba\U000114bd\U000115af\U00011930"
)


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text; character i of it stands for [starts[i], ends[i]) of the original."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def original(self, start: int, end: int) -> Span:
        """Return the place in the original of [start, end) of the folded text, which is not empty.

        >>> fold("㎞ＡＢ").original(2, 3)
        Span(start=1, end=2)
        """
        return Span(self.starts[start], self.ends[end - 1])


def fold(text: str) -> Folded:
    """Fold a text.

    >>> fold("美國總統川普 ＧＤＰ").text
    '美国总统川普 gdp'
    """
    simple = text.translate(_table())
    place = simple.find(_SPECIAL)
    if place < 0:
        return Folded(simple, range(len(text)), range(1, len(text) + 1))
    pieces: list[str] = []
    starts, ends = array("I"), array("I")
    done = 0
    while place >= 0:
        start, end = place, place + 1
        if place > done and _combines(text[place]):
            start -= 1
        while end < len(text) and end - start <= _MARKS_TOGETHER and _combines(text[end]):
            end += 1
        pieces.append(simple[done:start])
        starts.extend(range(done, start))
        ends.extend(range(done + 1, start + 1))
        piece = _fold_piece(text[start:end])
        pieces.append(piece)
        starts.extend([start] * len(piece))
        ends.extend([end] * len(piece))
        done = end
        place = simple.find(_SPECIAL, done)
    pieces.append(simple[done:])
    starts.extend(range(done, len(text)))
    ends.extend(range(done + 1, len(text) + 1))
    return Folded("".join(pieces), starts, ends)


def fold_text(text: str) -> str:
    """Return the folded text alone."""
    simple = text.translate(_table())
    return fold(text).text if _SPECIAL in simple else simple


class _Table(dict[int, str]):
    """Fills itself with what is asked for: the whole of Unicode would take seconds and 100 MB."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        folded = _SPECIAL if _combines(char) else _fold_piece(char)
        if len(folded) != 1:
            folded = _SPECIAL
        if code < 0x30000:
            self[code] = folded
        return folded


@cache
def _table() -> _Table:
    return _Table()


@cache
def _simplified() -> dict[int, str]:
    """Return traditional characters with the simplified ones they fold to."""
    from opencc import OpenCC

    blocks = ((0x3400, 0xA000), (0xF900, 0xFB00), (0x20000, 0x32400))
    characters = [chr(code) for first, end in blocks for code in range(first, end)]
    # Each on its own line: by phrases the same character would come out in two ways.
    found = OpenCC("t2s").convert("\n".join(characters)).split("\n")
    pairs = {
        old: new for old, new in zip(characters, found, strict=True) if old != new and len(new) == 1
    } | _ALSO
    for old, new in pairs.items():  # 薴 → 苧 → 苎
        pairs[old] = pairs.get(new, new)
    return {ord(old): new for old, new in pairs.items()}


def _fold_piece(piece: str) -> str:
    """Fold a character, or one with the marks that combine with it, by the definition."""
    for _ in range(_ROUNDS):
        before = piece
        piece = unicodedata.normalize("NFKC", piece).translate(_simplified())
        piece = unicodedata.normalize("NFKC", piece.casefold())
        piece = "".join(char for char in piece if not _is_ignorable(char))
        if piece == before:
            break
    return piece


def _is_ignorable(char: str) -> bool:
    """Tell whether a character is not seen: joiners, direction marks, variation selectors."""
    return (
        unicodedata.category(char) == "Cf"
        or char in _UNSEEN
        or "\ufe00" <= char <= "\ufe0f"
        or ("\U000e0100" <= char <= "\U000e01ef")
    )


_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")


def _combines(char: str) -> bool:
    """Tell whether a character may become one with what stands before it."""
    if char < "\u0300":
        return False
    first = unicodedata.normalize("NFKD", char)[0]
    return (
        unicodedata.combining(first) != 0
        or "\u1161" <= first <= "\u1175"
        or "\u11a8" <= first <= "\u11c2"
        or first in _COMPOSING
    )
