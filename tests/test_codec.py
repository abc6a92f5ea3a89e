from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shilu.archive.codec import from_ms, pack, to_ms, unpack
from shilu.records import Block, Content, Dateline, Mark, Media, Span

CONTENT = Content(
    title="两国外长会晤",
    text="两国外长会晤\n（路透首尔10月10日电）\n两国外长周四会晤。\n图：渔港",
    body_start=7,
    blocks=(
        Block("title", 0, 6), Block("dateline", 7, 20), Block("heading", 21, 30, 2),
        Block("caption", 31, 35),
    ),
    marks=(Mark("link", 21, 25, "https://news.example/1"), Mark("strong", 25, 27, None)),
    media=(Media("image", "https://news.example/1.jpg", 3, Span(31, 35), "路透", "渔港"),),
    authors=("李记者",),
    lang="zh-Hans",
    published_at=datetime(2020, 10, 10, 19, 36, 17, tzinfo=UTC),
    published_on=date(2020, 10, 10),
    dateline=Dateline("（路透首尔10月10日电）", "路透", "首尔", None, 10, 10, date(2020, 10, 10)),
)  # fmt: skip


def test_content_unpacked_is_the_one_packed() -> None:
    assert unpack(pack(CONTENT)) == CONTENT
    assert pack(CONTENT) == pack(unpack(pack(CONTENT)))


def test_every_character_of_unicode_survives() -> None:
    every = [chr(n) for n in range(sys.maxunicode + 1) if not 0xD800 <= n <= 0xDFFF and n != 10]
    text = "".join(every)
    content = Content("", text, 0, (Block("paragraph", 0, len(text)),))
    assert unpack(pack(content)).text == text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"))))
def test_any_lines_survive(lines: list[str]) -> None:
    text = "\n".join(lines)
    blocks, start = [], 0
    for line in lines:
        blocks.append(Block("paragraph", start, start + len(line)))
        start += len(line) + 1
    content = Content("", text, 0, tuple(blocks))
    assert unpack(pack(content)) == content


def test_removals_and_problems_are_not_stored() -> None:
    from shilu.records import Problem, Removed

    noisy = replace(
        CONTENT, removed=(Removed("rule", "text"),), problems=(Problem("record.no_date", "x"),)
    )
    assert unpack(pack(noisy)) == CONTENT


def test_damaged_content_raises_value_error() -> None:
    data = pack(CONTENT)
    for index in range(len(data)):
        damaged = bytearray(data)
        damaged[index] ^= 0x55
        with pytest.raises(ValueError):
            unpack(bytes(damaged))
    with pytest.raises(ValueError):
        unpack(b"")


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_instants_survive_to_the_millisecond(instant: datetime) -> None:
    cut = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert from_ms(to_ms(instant)) == cut
