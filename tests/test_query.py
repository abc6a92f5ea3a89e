from __future__ import annotations

import contextlib
import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shilu.errors import UsageError, explain
from shilu.search.query import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    And,
    Dates,
    Everything,
    HasImage,
    Language,
    Node,
    Not,
    Nothing,
    Or,
    Phrase,
    Source,
    Versions,
    Word,
    canonical,
    parse,
)

A, B, C = Word("普京"), Word("北京"), Word("上海")


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("普京", A),
        ("普京 北京", And((A, B))),
        ("普京\u3000北京", And((A, B))),
        ("普京 AND 北京 AND 上海", And((A, B, C))),
        ("普京 OR 北京 上海", Or((A, And((B, C))))),
        ("(普京 OR 北京) 上海", And((Or((A, B)), C))),
        ("（普京 | 北京） & 上海", And((Or((A, B)), C))),
        ("NOT 普京", Not(A)),
        ("-普京 -(北京 上海)", And((Not(A), Not(And((B, C)))))),
        ("NOT NOT 普京", A),
        ('"普京  访华"', Phrase("普京 访华")),
        ("“普京访华”", Phrase("普京访华")),
        ("「普京」『北京』", And((Phrase("普京"), Phrase("北京")))),
        ("or and not", And((Word("or"), Word("and"), Word("not")))),
        ("习近平：讲话", Word("习近平：讲话")),
        ("https://www.dw.com/zh/", Word("https://www.dw.com/zh/")),
        ("title:普京 北京", And((Word("普京", "title"), B))),
        ("标题：“普京”", Phrase("普京", "title")),
        ("title:(普京 OR 北京)", Or((Word("普京", "title"), Word("北京", "title")))),
        ("author:王文涛", Word("王文涛", "author")),
        ("source:DW", Source("dw")),
        ("source:dw,rfi", Or((Source("dw"), Source("rfi")))),
        ("-source:dw", Not(Source("dw"))),
        ("lang:zh-hant", Language("zh-Hant")),
        ("lang:繁體", Language("zh-Hant")),
        ("lang:zh-TW", Language("zh-Hant")),
        ("has:image", HasImage()),
        ("versions:>1", Versions(2)),
        ("versions:2..3", Versions(2, 3)),
        ("versions:<=3", Versions(0, 3)),
        ("", Everything()),
        ("  ", Everything()),
        ("*", Everything()),
        ("sort:date", Everything()),
        ("！？", Nothing()),
        ('""', Nothing()),
        ("普京 ！", A),
    ],
)
def test_parse(text: str, root: Node) -> None:
    query = parse(text)
    assert query.root == root
    assert parse(query.read_as).root == root


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2024-05-03", "2024-05-03", "2024-05-03"),
        ("2024/5/3", "2024-05-03", "2024-05-03"),
        ("20240503", "2024-05-03", "2024-05-03"),
        ("2024年5月3日", "2024-05-03", "2024-05-03"),
        ("2024年5月", "2024-05-01", "2024-05-31"),
        ("2024-05..2024-11", "2024-05-01", "2024-11-30"),
        ("2024.05..2024.11.02", "2024-05-01", "2024-11-02"),
        ("2024年～2025年", "2024-01-01", "2025-12-31"),
        ("2024-05..", "2024-05-01", None),
        ("..2024", None, "2024-12-31"),
        (">=2024", "2024-01-01", None),
        (">2024", "2025-01-01", None),
        ("<2024", None, "2023-12-31"),
        ("<=2024-02", None, "2024-02-29"),
        ("2024-11..2024-05", "2024-05-01", "2024-11-30"),
    ],
)
def test_parse_dates(value: str, first: str | None, last: str | None) -> None:
    query = parse(f"date:{value}")
    days = [date.fromisoformat(day) if day else None for day in (first, last)]
    assert query.root == Dates(*days)
    assert parse(query.read_as).root == query.root


@pytest.mark.parametrize(
    ("text", "read_as", "codes"),
    [
        ('"普京 访华', '"普京 访华"', ["query.quote"]),
        ("(普京 OR 北京", "普京 OR 北京", ["query.parenthesis"]),
        ("普京) 北京", "普京 AND 北京", ["query.parenthesis"]),
        ("普京 OR", "普京", ["query.operator"]),
        ("AND 普京", "普京", ["query.operator"]),
        ("普京 NOT", "普京", ["query.operator"]),
        ("OR", "*", ["query.operator"]),
        ("souce:dw", "source:dw", ["query.field"]),
        ("date:foo 普京", "普京", ["query.value"]),
        ("date:2024-13 普京", "普京", ["query.value"]),
        ("has:everything", "*", ["query.value"]),
        ("sort:up 普京", "普京", ["query.value"]),
        ("source: ", "*", ["query.value"]),
        ("Zelensk*", "Zelensk*", ["query.wildcard"]),
        ("date:2025..2024", "date:2024-01-01..2025-12-31", ["query.dates"]),
        ("update:2024 普京", "update:2024 AND 普京", []),
    ],
)
def test_a_slip_gets_the_nearest_reading_and_a_note(
    text: str, read_as: str, codes: list[str]
) -> None:
    query = parse(text)
    assert query.read_as == read_as
    assert [note.code for note in query.notes] == codes
    for note in query.notes:
        assert all(explain(note, language) for language in ("en", "zh"))


def test_order_is_said_and_read_back() -> None:
    for text in ("普京 OR 北京 sort:date", "sort:relevance", "普京 排序：时间"):
        query = parse(text)
        assert query.order
        again = parse(query.read_as)
        assert (again.root, again.order) == (query.root, query.order)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("国" * 10_000, "query.too_long"),
        ("(" * 500 + "普京" + ")" * 500, "query.too_deep"),
        ("-(" * 500 + "普京", "query.too_deep"),
        (" ".join("国" * (MAX_TERMS + 1)), "query.too_many_terms"),
        ("source:" + ",".join(["dw"] * (MAX_TERMS + 1)), "query.too_many_terms"),
    ],
)
def test_what_is_too_much_is_refused_in_words(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.problem.code == code
    assert len(str(caught.value)) < 300


def test_what_is_at_the_limit_is_read() -> None:
    assert parse("国" * MAX_LENGTH).root == Word("国" * MAX_LENGTH)
    assert parse("(" * MAX_DEPTH + "普京" + ")" * MAX_DEPTH).root == A
    assert parse("NOT " * 900 + "普京").root == A


PIECES = st.sampled_from(
    [*'()（）"“”「」『』«»-－*?:：,，.~ ', "AND", "OR", "NOT", "&&", "|", "title:", "source:",
     "date:", "2024-05", "..", ">=", "versions:", ">1", "has:image", "lang:", "sort:date", "普京",
     "北京", "Trump's", "author：", "souce:", "\ud800", "\0", "\u200b", "'; DROP TABLE x; --"]
)  # fmt: skip


@given(st.text(max_size=80) | st.lists(PIECES, max_size=40).map("".join))
def test_any_text_is_read_and_its_reading_reads_back(text: str) -> None:
    query = parse(text)
    query.read_as.encode()
    again = parse(query.read_as)
    assert again.root == query.root
    assert again.order == query.order
    assert canonical(again.root) == canonical(query.root)


@given(st.text('()"“ -:ANDORnot普,.*', min_size=MAX_LENGTH - 500, max_size=MAX_LENGTH))
def test_reading_takes_no_time(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(UsageError):
        parse(text)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("unit", ["(", '"', "-", "a:", "souce:x ", "date:", "x,", "((a) ", "*"])
def test_reading_the_worst_takes_no_time(unit: str) -> None:
    started = time.process_time()
    with contextlib.suppress(UsageError):
        parse((unit * MAX_LENGTH)[:MAX_LENGTH])
    assert time.process_time() - started < 0.5
