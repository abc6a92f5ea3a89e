from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shilu.text import BREAK_IN_WIDE, content_key, language_of, single_blanks, storable, visible


def test_single_blanks_every_width_becomes_one_blank() -> None:
    assert single_blanks("\u3000甲\u00a0\u2003乙\t\r\n丙\u2028丁\x85") == "甲 乙 丙 丁"


def test_single_blanks_invisible_between_blanks_leaves_one() -> None:
    assert single_blanks("甲 \u200b \ufeff乙") == "甲 乙"


def test_visible_drops_what_nobody_sees_and_keeps_joiners() -> None:
    assert visible("军\u200b事\u00ad\x00\x7f") == "军事"
    family = "\U0001f468\u200d\U0001f469"
    assert visible(family) == family
    assert visible("می\u200cخواهم") == "می\u200cخواهم"


def test_content_key_ignores_blanks_beside_wide_characters() -> None:
    assert content_key("沃恩（ Tristan\u00a0Vaughn ）周四 说") == "沃恩（Tristan Vaughn）周四说"
    assert content_key("“甲” 说… 乙") == content_key("“甲”说…乙")


def test_content_key_keeps_blanks_between_latin_words() -> None:
    assert content_key("the  port\nof Leda") == "the port of Leda"
    assert content_key("theport") != content_key("the port")


def test_content_key_keeps_blanks_between_korean_words() -> None:
    assert content_key("한국 정부") != content_key("한국정부")


@given(st.text())
def test_content_key_twice_is_the_same(text: str) -> None:
    assert content_key(content_key(text)) == content_key(text)


@given(st.text())
def test_single_blanks_has_one_line_and_no_double_blank(text: str) -> None:
    found = single_blanks(text)
    assert len(found.splitlines()) <= 1
    assert "  " not in found
    assert found == found.strip()


def test_break_in_wide_joins_chinese_and_not_words_with_blanks() -> None:
    assert BREAK_IN_WIDE.sub("", "国防\r\n  部长") == "国防部长"
    assert BREAK_IN_WIDE.sub("", "port\nof") == "port\nof"
    assert BREAK_IN_WIDE.sub("", "한국\n정부") == "한국\n정부"


def test_storable_joins_pairs_and_replaces_lone_surrogates() -> None:
    assert storable("甲\ud83d\ude00乙\udc80") == "甲\U0001f600乙\ufffd"


@given(st.text(st.characters(exclude_categories=())))
def test_storable_can_always_be_written(text: str) -> None:
    found = storable(text)
    found.encode()
    assert storable(found) == found


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("维斯特总统周四访问洛兰尼亚", "zh-Hans"),
        ("維斯特總統週四訪問洛蘭尼亞", "zh-Hant"),
        ("山川日月", "zh"),
        ("The port of Leda was closed on Monday, said the mayor.", "en"),
        ("Le port de Leda est ferme", "und"),
        ("日本の首相は東京で記者会見した", "und"),
        ("한국 정부는 발표했다 大韓", "und"),
        ("", "und"),
        ("12345 —", "und"),
        ("卡琳·霍尔姆（Karin Holm）对美联社说", "zh-Hans"),
    ],
)
def test_language_of_counts_scripts(text: str, language: str) -> None:
    assert language_of(text) == language
