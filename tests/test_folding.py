from __future__ import annotations

import itertools
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shilu.records import Span
from shilu.search.folding import _COMPOSING, _combines, _is_ignorable, fold, fold_text

ANY = st.text(max_size=60)
MARKED = st.text(
    "aéi\u0301\u0323\u0327がかﾞ\u3099ﷺ㎞①ßİﬁ\u200b\ufe0f国國 ᄀ\u1161\u11a8가", max_size=30
)
HAN = st.text(st.characters(min_codepoint=0x3400, max_codepoint=0x9FFF), max_size=30)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("川普總統訪問臺灣", "川普总统访问台湾"),
        ("乾隆 乾燥", "干隆 干燥"),  # by character, whatever stands around it
        ("著陸與着陆", "着陆与着陆"),
        ("ＧＤＰ　１２％", "gdp 12%"),
        ("㎞ Ⅳ ½", "km iv 1\u20442"),
        ("STRASSE Straße", "strasse strasse"),
        ("cafe\u0301 café", "café café"),
        ("ｶﾞｽ か\u3099", "ガス が"),
        ("ᄒ\u1161\u11ab글", "한글"),
        ("⼀国\ufe00\u200b内", "一国内"),
        ("", ""),
    ],
)
def test_fold_one_script_width_and_case(text: str, folded: str) -> None:
    assert fold(text).text == fold_text(text) == folded


def test_original_leads_back_through_expansion_and_contraction() -> None:
    text = "㎞外cafe\u0301裡\u200b的國會"
    folded = fold(text)
    assert folded.text == "km外café里的国会"
    found = {word: folded.original(at, at + len(word)) for word in ("k", "é", "里的", "国会")
             if (at := folded.text.index(word)) >= 0}  # fmt: skip
    assert {word: span.of(text) for word, span in found.items()} == {
        "k": "㎞", "é": "e\u0301", "里的": "裡\u200b的", "国会": "國會",
    }  # fmt: skip
    assert fold("國會").original(0, 2) == Span(0, 2)


@given(ANY | MARKED)
@example("İ\u0323")
def test_every_folded_character_has_its_place(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    places = list(zip(folded.starts, folded.ends, strict=True))
    assert places == sorted(places)
    for (start, end), (after, _) in itertools.pairwise(places):
        assert 0 <= start < end <= len(text)
        assert after == start or after >= end
    # what a piece of the original becomes is what stands in its place
    pieces: dict[tuple[int, int], str] = {}
    for char, place in zip(folded.text, places, strict=True):
        pieces[place] = pieces.get(place, "") + char
    for (start, end), piece in pieces.items():
        assert fold_text(text[start:end]) == piece


@given(ANY | MARKED | HAN)
def test_fold_is_idempotent(text: str) -> None:
    # A mark after something unseen meets what stands before it only once that is dropped.
    once = fold_text("".join(char for char in text if not _is_ignorable(char)))
    assert fold_text(once) == once


@given(HAN, HAN)
def test_fold_of_han_goes_piece_by_piece(one: str, other: str) -> None:
    assert fold_text(one + other) == fold_text(one) + fold_text(other)
    assert len(fold_text(one)) == len(one)


@given(MARKED, st.integers(0, 30), st.integers(0, 30))
def test_nothing_but_marks_looks_at_its_neighbours(text: str, start: int, end: int) -> None:
    start, end = sorted((min(start, len(text)), min(end, len(text))))
    if (start < len(text) and _combines(text[start])) or (end < len(text) and _combines(text[end])):
        return
    whole = fold_text(text[:start]) + fold_text(text[start:end]) + fold_text(text[end:])
    assert whole == fold_text(text)


def test_every_character_that_composes_is_known() -> None:
    second = set()
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and "<" not in parts[0] and _is_composed(chr(code)):
            second.add(chr(int(parts[1], 16)))
    assert {char for char in second if unicodedata.combining(char) == 0} <= _COMPOSING
    assert all(_combines(char) for char in second)


def test_thousands_of_marks_take_no_time() -> None:
    text = "国" + "\u0301\u0323\u0327" * 100_000
    assert fold(text).text.startswith("国")


def _is_composed(char: str) -> bool:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", char)) == char
