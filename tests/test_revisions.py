from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shilu.connect.revisions import Change, word_diff, words

WORDS = [
    "国务院",
    "总理",
    "汪文涛",
    "王文涛",
    "，",
    "。",
    "\n",
    " ",
    "Richard",
    "Marles",
    "2,600",
    "的",
]
texts = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=30).map("".join),
    st.text(max_size=40),
)


def side(changes: list[Change], left_out: str) -> str:
    return "".join(change.text for change in changes if change.kind != left_out)


words("词典")  # loads the dictionary, which no example's time limit should pay for


@given(texts)
def test_words_joined_are_the_text(text: str) -> None:
    assert "".join(words(text)) == text


@given(texts, texts)
def test_diff_holds_both_texts_whole(older: str, newer: str) -> None:
    changes = word_diff(older, newer)
    assert side(changes, "deleted") == newer
    assert side(changes, "inserted") == older
    assert all(change.text for change in changes)
    kinds = [change.kind for change in changes]
    assert all(one != two for one, two in pairwise(kinds))


@given(texts)
def test_diff_of_equal_texts_is_the_text(text: str) -> None:
    assert word_diff(text, text) == ([Change("same", text)] if text else [])


def shown(older: str, newer: str) -> str:
    marks = {"same": "{}", "deleted": "[-{}-]", "inserted": "{{+{}+}}"}
    return "".join(marks[change.kind].format(change.text) for change in word_diff(older, newer))


@pytest.mark.parametrize(
    ("older", "newer", "expected"),
    [
        # The seed pair: DW corrected the minister's name half an hour later.
        ("商务部长汪文涛会晤", "商务部长王文涛会晤", "商务部长[-汪文涛-]{+王文涛+}会晤"),
        (
            "欧盟贸易专员东布罗夫斯基斯周四会见了中国商务部长汪文涛。",
            "欧盟贸易专员东布罗夫斯基斯周四会见了中国商务部长王文涛。",
            "欧盟贸易专员东布罗夫斯基斯周四会见了中国商务部长[-汪文涛-]{+王文涛+}。",
        ),
        ("造成3人死亡。", "造成13人死亡。", "造成[-3-]{+13+}人死亡。"),
        ("两国外长会晤。", "两国外长会晤。双方商谈渔业。", "两国外长会晤。{+双方商谈渔业。+}"),
        (
            "周四发表声明说，他将访问。",
            "周五发表声明说，他将访问。",
            "[-周四-]{+周五+}发表声明说，他将访问。",
        ),
        ("他说，这是误会。", "他说：这是误会。", "他说[-，-]{+：+}这是误会。"),
        ("Minister Marles said", "Minister Wong said", "Minister [-Marles-]{+Wong+} said"),
        ("", "新", "{+新+}"),
        ("旧", "", "[-旧-]"),
    ],
)
def test_diff_reads_as_a_person_would_mark_it(older: str, newer: str, expected: str) -> None:
    assert shown(older, newer) == expected


LINE = "第{}段，两国外长周四在晨港会晤，商谈渔业。"


@pytest.mark.parametrize("count", [80, 600])
@pytest.mark.parametrize("change", [("第40段", "第四十段"), ("周四", "周五")])
def test_diff_of_long_texts_is_quick_and_small(count: int, change: tuple[str, str]) -> None:
    # A word changed in every line of many is the worst there is: it took hours.
    older = "\n".join(LINE.format(number) for number in range(count))
    newer = older.replace(*change)
    started = time.monotonic()
    changes = word_diff(older, newer)
    assert time.monotonic() - started < 20
    assert side(changes, "deleted") == newer
    assert side(changes, "inserted") == older
    deleted = sum(len(piece.text) for piece in changes if piece.kind == "deleted")
    # Here and there a match takes a word more than it must.
    assert deleted <= 1.1 * len(change[0]) * older.count(change[0])
