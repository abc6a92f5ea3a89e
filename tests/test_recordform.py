from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shilu.recordform import (
    file_place,
    is_record_path,
    looks_like_record,
    read_record,
    write_record,
)
from shilu.records import Entry, Problem
from tests import real_records

AT = datetime(2023, 8, 18, 10, 15, 2, tzinfo=UTC)
STAMP = 1692353702000
URL = "https://www.rfi.fr/cn/x"


def read(data: str | bytes, path: str = "articles/rfi/1000001.md") -> Entry:
    found = read_record(data.encode() if isinstance(data, str) else data, path, "s")
    assert isinstance(found, Entry), found
    return found


def codes(entry: Entry) -> list[str]:
    return [problem.code for problem in entry.problems]


# --------------------------------------------------------------------------- the head


def test_record_as_the_mirror_writes_it_is_read() -> None:
    entry = read(f"<!--{STAMP}-->\n[题目]({URL})\n------\n\n<p>正文</p>\n")
    assert entry == Entry(
        title="题目", url=URL, html="<p>正文</p>", feed_at=AT, file_id=1000001, folder="rfi"
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n", "\ufeff \n\n"])
def test_byte_order_mark_blank_lines_and_crlf_change_nothing(newline: str, start: str) -> None:
    text = f"{start}<!--{STAMP}-->\n[题目]({URL})\n------\n\n<p>正文</p>\n"
    data = text.replace("\n", newline).encode()
    assert looks_like_record(data)
    entry = read(data)
    assert (entry.title, entry.url, entry.html, entry.feed_at) == ("题目", URL, "<p>正文</p>", AT)


@pytest.mark.parametrize(
    "title",
    [
        "",
        "[[live 直播 ] 选举…",
        "甲[乙](丙)丁",
        "甲](乙",
        "a) b (c",
        "甲|乙｜丙",
        "&quot;甲&quot;",
        "\\“甲\\”",
        "“甲”…",
        "甲  乙\u3000丙",
        "央行公告--海关",
        "甲 – 法国国际广播电台 - RFI",
        "]",
        "[",
        "()",
    ],
)
@pytest.mark.parametrize("url", [URL, "https://a.example/x_(y)", "", "/cn/x", "not an address"])
def test_title_and_address_of_any_form_are_told_apart(title: str, url: str) -> None:
    entry = read(write_record(STAMP, title, url, "<p>x</p>"))
    assert (entry.title, entry.url, entry.html) == (title, url, "<p>x</p>")
    assert entry.problems == ()


def test_blanks_around_a_title_are_dropped() -> None:
    assert read(write_record(STAMP, "  题目 ", URL, "")).title == "题目"


@pytest.mark.parametrize(
    ("stamp", "code"),
    [
        ("NaN", "record.no_date"),
        ("", "record.no_date"),
        ("yesterday", "record.no_date"),
        ("1692353702000.5", "record.no_date"),
        ("0", "record.date_out_of_range"),
        ("-5", "record.date_out_of_range"),
        ("1692353702", "record.date_out_of_range"),  # seconds
        ("9" * 30, "record.date_out_of_range"),
    ],
)
def test_stamp_that_is_no_time_is_a_problem_and_the_record_is_kept(stamp: str, code: str) -> None:
    entry = read(write_record(stamp, "题目", URL, "<p>正文</p>"))
    assert entry.feed_at is None
    assert codes(entry) == [code]
    assert entry.title == "题目"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"# heading\n",
        b"<p>x</p>",
        b"<!--1-->",
        b"<!--1-->\n[t](u)\n",
        b"<!--1-->\nt\n------\n",
        b"---\n",
        b"---\n---\n",
        b"---\n- a\n---\n<p>x</p>",
        b"---\ntitle: x\n<p>never closed</p>",
        b"\xff\xfe<\x00!\x00",
    ],
)
def test_what_does_not_begin_as_a_record_is_refused(data: bytes) -> None:
    found = read_record(data, "articles/rfi/1.md", "rfi/1")
    assert isinstance(found, Problem)
    assert (found.code, found.subject, found.refused) == ("record.no_head", "rfi/1", True)


def test_body_may_be_empty() -> None:
    assert read(f"<!--{STAMP}-->\n[题目]({URL})\n------\n").html == ""
    assert read(f"<!--{STAMP}-->\n[题目]({URL})\n------").html == ""


# --------------------------------------------------------------------------- bytes


def test_invalid_utf8_is_counted_and_the_rest_read() -> None:
    entry = read(write_record(STAMP, "题目", URL, "<p>甲X乙X</p>").encode().replace(b"X", b"\xff"))
    assert entry.html == "<p>甲\ufffd乙\ufffd</p>"
    assert codes(entry) == ["text.invalid_utf8"]
    assert entry.problems[0].details["count"] == "2"


def test_replacement_character_of_the_source_is_no_problem() -> None:
    assert read(write_record(STAMP, "题\ufffd目", URL, "")).problems == ()


def test_nul_is_dropped_and_noted() -> None:
    entry = read(write_record(STAMP, "题\0目", URL, "<p>正\0文</p>"))
    assert (entry.title, entry.html) == ("题目", "<p>正文</p>")
    assert codes(entry) == ["text.nul"]


def test_surrogates_written_as_bytes_are_invalid_utf8() -> None:
    data = write_record(STAMP, "题目", URL, "X").encode().replace(b"X", b"\xed\xa0\x80")
    assert codes(read(data)) == ["text.invalid_utf8"]


# --------------------------------------------------------------------------- front matter

FRONT = """---
layout: post
title: "新年"
date: 2018-12-31T18:40:59.000Z
author: 李某
from: https://blog.example/x?source=rss
tags: [ blog ]
---
"""


def test_front_matter_before_the_head_gives_the_author() -> None:
    entry = read(
        FRONT + write_record(1546281659000, "新年快乐", "https://blog.example/y", "<p>x</p>")
    )
    assert (entry.title, entry.url) == ("新年快乐", "https://blog.example/y")
    assert entry.feed_at == datetime(2018, 12, 31, 18, 40, 59, tzinfo=UTC)
    assert entry.authors == ("李某",)


def test_front_matter_in_place_of_the_head_is_enough() -> None:
    entry = read(FRONT + "\n<div>正文</div>\n", "_posts/2018-12-31-新年.md")
    assert (entry.title, entry.url) == ("新年", "https://blog.example/x?source=rss")
    assert entry.feed_at == datetime(2018, 12, 31, 18, 40, 59, tzinfo=UTC)
    assert entry.html == "<div>正文</div>"
    assert entry.file_id is None
    assert entry.problems == ()


def test_front_matter_date_stands_in_for_nan() -> None:
    entry = read(FRONT + write_record("NaN", "新年", "https://blog.example/y", ""))
    assert entry.feed_at == datetime(2018, 12, 31, 18, 40, 59, tzinfo=UTC)
    assert codes(entry) == ["record.no_date"]


def front(line: str) -> Entry:
    return read(f"---\nfrom: https://blog.example/x\n{line}\n---\n<p>x</p>")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2019-10-14T11:56:40+01:00", datetime(2019, 10, 14, 10, 56, 40, tzinfo=UTC)),
        ("2019-10-14 11:56:40 +0800", datetime(2019, 10, 14, 3, 56, 40, tzinfo=UTC)),
        ('"2019-10-14 11:56:40"', datetime(2019, 10, 14, 11, 56, 40, tzinfo=UTC)),
        ("2019-10-14", datetime(2019, 10, 14, tzinfo=UTC)),
        ("2019-1-4 1:02", datetime(2019, 1, 4, 1, 2, tzinfo=UTC)),
        ("2021-07-22T10:47:16.645Z", datetime(2021, 7, 22, 10, 47, 16, 645000, tzinfo=UTC)),
        ("2019-13-45", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("9999-12-31T23:59:59-23:00", None),
        ("14 October 2019", None),
        ("[2019]", None),
        ("", None),
    ],
)
def test_front_matter_date_of_every_form(written: str, expected: datetime | None) -> None:
    entry = front(f"date: {written}")
    assert entry.feed_at == expected
    assert codes(entry) == ([] if expected else ["record.no_date"])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("007", "007"),
        ("yes", "yes"),
        ("2018-12-31", "2018-12-31"),
        ("1_000", "1_000"),
        ("~", ""),
        ("null", ""),
        ('"null"', "null"),
        ("", ""),
        ("'甲: 乙'", "甲: 乙"),
        ('"\\U0001f600"', "\U0001f600"),
        ('"甲\\0乙"', "甲乙"),
        ("{a: b}", ""),
        ("[甲, 乙]", "甲 乙"),
        ("|\n  甲\n  乙", "甲\n乙"),
    ],
)
def test_front_matter_title_stays_as_written(written: str, expected: str) -> None:
    assert front(f"title: {written}").title == expected


def test_front_matter_list_of_authors_is_several() -> None:
    assert front("author: [李某, 王某, 李某]").authors == ("李某", "王某")
    assert front("author:\n- 李某\n- 王某").authors == ("李某", "王某")
    assert front("author: {name: 李某}").authors == ()


def test_broken_front_matter_is_read_line_by_line() -> None:
    entry = front('title: "甲" 说: "乙"\nauthor: 李某')
    assert entry.title == '甲" 说: "乙'
    assert (entry.url, entry.authors) == ("https://blog.example/x", ("李某",))
    assert codes(entry)[0] == "record.front_matter"


def bomb(name: str) -> str:
    if name == "aliases":
        levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
        return "\n".join(["a0: &a0 [x]", *levels, "title: *a29"])
    if name == "merge keys":
        levels = [f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * 9)}]}}" for n in range(1, 30)]
        return "\n".join(["b0: &b0 {x: y}", *levels])
    if name == "itself":
        return "title: &a [*a, *a]"
    return "title: " + {"lists": "[", "tables": "{a: ", "items": "- "}[name] * 15_000


@pytest.mark.parametrize("name", ["aliases", "merge keys", "itself", "lists", "tables", "items"])
def test_front_matter_made_to_harm_is_read_at_once(name: str) -> None:
    entry = front(bomb(name))
    assert entry.url == "https://blog.example/x"
    assert len(entry.title) < 64 * 1024


def test_front_matter_head_of_many_lines_is_looked_at_at_once() -> None:
    assert not looks_like_record(b"---\r\n" + b"a\r\n" * 1000)
    assert looks_like_record(b"---\r\n" + b"a: b\r\n" * 50 + b"title: x\r\n")


# --------------------------------------------------------------------------- places


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("articles/rfi/1015022.md", ("rfi", 1015022)),
        ("articles/德国之声/1046254_俄 达成 .md", ("德国之声", 1046254)),
        ("articles/cdt/0.md", ("cdt", 0)),
        ("_posts/2018-12-31-新年.md", ("_posts", None)),
        ("1015022.md", (None, 1015022)),
        ("articles/x/1_a\nb.md", ("x", 1)),
        ("", (None, None)),
    ],
)
def test_file_place_gives_folder_and_number(
    path: str, expected: tuple[str | None, int | None]
) -> None:
    assert file_place(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("articles/rfi/1015022.md", True),
        ("articles/BBC/1_x.md", True),
        ("1_x.md", True),
        ("_posts/2018-12-31-x.md", True),
        ("x/2018-12-31-x.md", True),
        ("lists/法广.md", False),
        ("lists/1.md", False),
        ("README.md", False),
        ("articles/rfi/1.txt", False),
    ],
)
def test_is_record_path_knows_the_mirrors(path: str, expected: bool) -> None:
    assert is_record_path(path) is expected


# --------------------------------------------------------------------------- always

_LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"))


@given(
    st.integers(631152000000, 4102444800000),
    _LINE,
    st.from_regex(r"[!-~]{0,20}", fullmatch=True),
    _LINE,
)
def test_writing_then_reading_gives_the_same(stamp: int, title: str, url: str, html: str) -> None:
    url = url.replace("](", "")  # the last pair of brackets is the address
    entry = read(write_record(stamp, title, url, html))
    assert entry.feed_at is not None
    assert round(entry.feed_at.timestamp() * 1000) == stamp
    assert (entry.title, entry.url, entry.html) == (title.strip(), url, html)
    assert entry.problems == ()


@given(
    st.binary() | st.builds(lambda a, b: b"---\n" + a + b"\n---\n" + b, st.binary(), st.binary())
)
def test_reading_never_fails_for_any_bytes(data: bytes) -> None:
    looks_like_record(data)
    assert isinstance(read_record(data, "articles/x/1.md", "x"), Entry | Problem)


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@`#, \n\t?~<")))
def test_front_matter_of_any_signs_never_fails(text: str) -> None:
    assert isinstance(read_record(f"---\n{text}\n---\n".encode(), "x", "x"), Entry | Problem)


@real_records.needs_records
def test_sample_records_are_read_and_come_out_unchanged() -> None:
    refused = 0
    for path, data in real_records.every():
        assert looks_like_record(data[:4096]), path
        assert is_record_path(path)
        entry = read(data, path)
        head = data.decode()
        if head.startswith("---"):
            refused += not entry.title
            continue
        stamp = head[4 : head.index("-->")]
        assert write_record(stamp, entry.title, entry.url, entry.html) == head
    assert refused == 1
