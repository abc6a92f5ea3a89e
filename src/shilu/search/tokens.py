"""What is indexed of a folded text, and what must be looked for to find a piece of it exactly.

A text is a sequence of *runs* of wide characters (Han, kana, hangul, bopomofo), which are written
without blanks between words, and of words in other scripts. A run becomes its overlapping pairs,
with its two ends as if < and > stood there; a word becomes itself. The tokens stand one after
another, each at the next position::

    G20峰会上，普京   →   g20 <峰 峰会 会上 上> <普 普京 京>

Pairs at consecutive positions are therefore always overlapping pairs of one run. A piece of a run
is found exactly by the pairs it is made of: every second one and the last, at the distances they
have in it. Pieces that go over several runs and words are found in the same way.

Single characters have a field of their own, without positions, and so have the stems of English
words. Everything between runs and words (blanks, punctuation) is nothing to search.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

# Folded text: NFKC leaves no half-width or compatibility forms. U+30FB ・ and U+30A0 ゠ are
# punctuation between words.
WIDE = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u3096"
    "\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U00016fe0-\U00016fff\U0001aff0-\U0001b16f\U00020000-\U0003fffd"
)
_PIECE = re.compile(rf"[{WIDE}]+|[^\W_{WIDE}]+")
_RUN_OR_WORD = re.compile(rf"([{WIDE}]+)|([^\W_{WIDE}]+)")
_IS_WIDE = re.compile(rf"[{WIDE}]")
_IS_ENGLISH = re.compile(r"[a-z]{3,}")

_UINT_32 = "I" if array("I").itemsize == 4 else "L"
MAX_WORD = 64  # characters of a word that count; longer ones are no words
_MAX_PIECE = 4096  # characters of a phrase that are looked for


@dataclass(frozen=True, slots=True)
class Piece:
    """A run or a word, and where it stands in the folded text."""

    text: str
    start: int
    end: int
    is_run: bool


def pieces(folded: str) -> Iterator[Piece]:
    """Yield the runs and words of a folded text.

    >>> [piece.text for piece in pieces("g20峰会上，普京")]
    ['g20', '峰会上', '普京']
    """
    for found in _PIECE.finditer(folded):
        text = found[0]
        is_run = _IS_WIDE.match(text) is not None
        yield Piece(text, found.start(), found.end(), is_run)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the index's fields hold of a text, each joined by blanks."""

    sequence: str  # at positions
    characters: str  # each once, in any order
    stems: str


def tokenize(folded: str) -> Tokens:
    """Return what is indexed of a folded text.

    >>> tokenize("峰elections峰")
    Tokens(sequence='<峰 峰> elections <峰 峰>', characters='峰', stems='elect')
    """
    found = _RUN_OR_WORD.findall(folded)
    runs = [run for run, _ in found if run]
    pairs = iter(_pairs("".join([f"<{run}>" for run in runs])).split(" >< "))
    words = [word for _, word in found if word]
    return Tokens(
        " ".join([next(pairs) if run else word[:MAX_WORD] for run, word in found]),
        " ".join(set("".join(runs))),
        " ".join(map(stem, words)),
    )


_UTF_32 = f"utf-32-{'le' if sys.byteorder == 'little' else 'be'}"


def _pairs(text: str) -> str:
    """Return the overlapping pairs of a text, with blanks between them.

    In slices of whole arrays, which takes a tenth of the time of adding characters one by one.

    >>> _pairs("<国防>")
    '<国 国防 防>'
    """
    if not text:
        return ""
    codes = array(_UINT_32)
    codes.frombytes(text.encode(_UTF_32))
    laid_out = array(_UINT_32, [ord(" ")]) * (3 * len(codes) - 3)
    laid_out[0::3] = codes[:-1]
    laid_out[1::3] = codes[1:]
    return laid_out.tobytes().decode(_UTF_32).rstrip(" ")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What finds a piece of text: a character, a stem, or tokens at their distances."""

    field: str  # of Tokens
    tokens: tuple[tuple[int, str], ...]  # distance from the first, token


def wanted(folded: str, *, stemmed: bool = False) -> Wanted | None:
    """Return what finds a piece of a folded text; None where there is nothing to look for.

    *stemmed*: a single English word is to be found in all its forms.

    >>> wanted("国防部长").tokens
    ((0, '国防'), (2, '部长'))
    """
    found = list(pieces(folded[:_MAX_PIECE]))
    if not found:
        return None
    if len(found) == 1:
        only = found[0]
        if only.is_run and len(only.text) == 1:
            return Wanted("characters", ((0, only.text),))
        if not only.is_run and stemmed:
            return Wanted("stems", ((0, stem(only.text)),))
    tokens: list[tuple[int, str]] = []
    at = 0
    for n, piece in enumerate(found):
        text = piece.text
        if not piece.is_run:
            tokens.append((at, text[:MAX_WORD]))
            at += 1
            continue
        if n > 0:  # where it begins is known
            tokens.append((at, f"<{text[0]}"))
            at += 1
        pairs = len(text) - 1
        tokens += ((at + i, text[i : i + 2]) for i in range(0, pairs, 2))
        if pairs and pairs % 2 == 0:
            tokens.append((at + pairs - 1, text[-2:]))
        at += pairs
        if n < len(found) - 1:  # where it ends is known
            tokens.append((at, f"{text[-1]}>"))
            at += 1
    return Wanted("sequence", tuple(tokens))


def occurrences(needle: str, folded: str) -> list[tuple[int, int]]:
    """Return where a folded piece stands in a folded text, as the index finds it.

    Runs at its ends may be parts of longer ones; whatever stands between its runs and words in
    either text is passed over.

    >>> occurrences("g20峰会", "在G20 峰会上".lower())
    [(1, 7)]
    """
    pattern = _pattern(needle)
    return [found.span() for found in pattern.finditer(folded)] if pattern else []


@lru_cache(maxsize=512)
def _pattern(needle: str) -> re.Pattern[str] | None:
    found = list(pieces(needle[:_MAX_PIECE]))
    if not found:
        return None
    parts: list[str] = []
    for n, piece in enumerate(found):
        part = re.escape(piece.text)
        if not piece.is_run:
            if len(piece.text) >= MAX_WORD:
                part = re.escape(piece.text[:MAX_WORD]) + r"[^\W_]*?"
            if n == 0:
                part = rf"(?<![^\W_{WIDE}])" + part
            if n == len(found) - 1:
                part += rf"(?![^\W_{WIDE}])"
        if n:
            # Two words, or two runs, have something between them; a word and a run need not.
            is_apart = piece.is_run == found[n - 1].is_run
            parts.append(rf"(?:(?![{WIDE}])[\W_])" + ("+" if is_apart else "*"))
        parts.append(part)
    return re.compile("".join(parts))


def stem_occurrences(word: str, folded: str) -> list[tuple[int, int]]:
    """Return where an English word stands in a folded text, in any of its forms.

    >>> stem_occurrences("elections", "an election, elected")
    [(3, 11), (13, 20)]
    """
    wanted_stem = stem(word)
    return [
        found.span()
        for found in _words_with(wanted_stem[:1]).finditer(folded)  # dying, die
        if stem(found[0]) == wanted_stem
    ]


@lru_cache(maxsize=512)
def _words_with(start: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_{WIDE}]){re.escape(start)}[^\W_{WIDE}]*")


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Return the stem of an English word (Snowball's Porter 2); other words stay as they are.

    >>> stem("elections"), stem("путин"), stem("g20")
    ('elect', 'путин', 'g20')
    """
    if _IS_ENGLISH.fullmatch(word[:MAX_WORD]):
        return str(_stemmer().stemWord(word[:MAX_WORD]))
    return word[:MAX_WORD]


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


def is_wide(text: str) -> bool:
    """Tell whether a folded text begins with a wide character."""
    return _IS_WIDE.match(text) is not None


def distinct(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return intervals sorted, with those that overlap or lie in another made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
