from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shilu.extraction.datelines import find_dateline, resolve_day

# line, agency, place, reporter, month, day
FOUND = [
    ("（法新社洛兰城10日电）    总统今天", "法新社", "洛兰城", None, None, 10),
    ("(中央社記者某某台北20日電)外交部", "中央社", "台北", "某某", None, 20),
    ("（美联社维斯特港3月4日电）", "美联社", "维斯特港", None, 3, 4),
    ("【海潮社洛兰城10日综合电】总统", "海潮社", "洛兰城", None, None, 10),
    ("新华社洛兰城10月10日电 总统", "新华社", "洛兰城", None, 10, 10),
    ("中新社 洛兰城 5日电 总统", "中新社", "洛兰城", None, None, 5),
    ("路透洛兰城10月11日 - 央行", "路透", "洛兰城", None, 10, 11),
    ("路透巴库/埃里温10月11日 - 两国", "路透", "巴库/埃里温", None, 10, 11),
    ("路透社洛兰城１０月１１日 — 央行", "路透社", "洛兰城", None, 10, 11),
    # market reports name no place
    ("路透10月11日 - 油价周四收低", "路透", None, None, 10, 11),
    ("（法新社7日电）总统", "法新社", None, None, None, 7),
    ("PORT LEDA, March 4 (Tidewire) - The mayor", "Tidewire", "Port Leda", None, 3, 4),
    ("WASHINGTON (AP) — The president", "AP", "Washington", None, None, None),
    ("华盛顿 —", None, "华盛顿", None, None, None),
    ("（中央社記者王小明南投縣20日電）", "中央社", "南投縣", "王小明", None, 20),
    ("（中央社記者王小明、李大華台北20日電）", "中央社", "台北", "王小明、李大華", None, 20),
    ("（吉隆坡10日讯）总统", None, "吉隆坡", None, None, 10),
    ("据新华社洛兰城10月10日电，总统", "新华社", "洛兰城", None, 10, 10),
    ("(德新社/法新社柏林10日电)总统", "德新社/法新社", "柏林", None, None, 10),
    ("首尔/东京 --", None, "首尔/东京", None, None, None),
    ("香港——警察周六在港岛清理了示威者设置的路障，数十人被捕。", None, "香港", None, None, None),
    (
        "韩国首尔——警察周六在市中心清理了示威者设置的路障，数十人被捕。",
        None,
        "韩国首尔",
        None,
        None,
        None,
    ),
    (
        "北京、上海 — 两地周六开始实行新的交通管制，预计持续到月底为止。",
        None,
        "北京、上海",
        None,
        None,
        None,
    ),
    ("HONG KONG — The police said on Saturday", None, "Hong Kong", None, None, None),
    ("（中央社記者王小明台北20日電）外交部", "中央社", "台北", "王小明", None, 20),
    ("〔記者王小明／台北報導〕外交部", None, "台北", "王小明", None, None),
    ("（本报记者 王小明 北京报道）外交部", "本报", "北京", "王小明", None, None),
    ("【海潮报2024年9月18日讯】外交部", "海潮报", None, None, 9, 18),
    ("記者王小明／台北報導", None, "台北", "王小明", None, None),
    ("（中央社莫斯科30日綜合外電報導）總統", "中央社", "莫斯科", None, None, 30),
    ("新華社北京6月5日專電(記者王小明)總統", "新華社", "北京", None, 6, 5),
    ("（中央社記者黃小芳嘉義縣17日電）警方", "中央社", "嘉義縣", "黃小芳", None, 17),
    ("【專題記者黃小明、單師樵綜合報導】水", None, None, "黃小明、單師樵", None, None),
    ("特派記者王小明/北京報導", None, "北京", "王小明", None, None),
    ("NEW YORK (AP) — Stocks fell", "AP", "New York", None, None, None),
]


@pytest.mark.parametrize(("line", "agency", "place", "reporter", "month", "day"), FOUND)
def test_dateline_of_every_style_is_read(
    line: str,
    agency: str | None,
    place: str | None,
    reporter: str | None,
    month: int | None,
    day: int | None,
) -> None:
    found = find_dateline(line)
    assert found is not None
    dateline, length = found
    assert (dateline.agency, dateline.place, dateline.reporter) == (agency, place, reporter)
    assert (dateline.month, dateline.day, dateline.on) == (month, day, None)
    assert dateline.text == line[:length].strip()


@pytest.mark.parametrize(
    "line",
    [
        "他说——是的。",
        "答——",
        "他说 — 这不是真的",
        "洛兰城——周六，三千人",  # not in the table
        "这不是北京——这是上海",
        "香港——一个时代的终结",
        "记者走进北京——一座老城",
        "本报记者王小明在北京报道了此事",
        "记者会报道",
        "该报社在首尔的记者10日电话采访了他",
        "新华社在洛兰城的负责人10日电邮答复说",
        "新闻社的洛兰城分社10日讯问了证人",
        "出版社上海5月3日—8日举办书展",
        "旅行社洛兰城5日电",
        "上海译文出版社北京5日电",
        "新华社洛兰城10月1日-3日举行会议",
        "美联社引述分析人士的话说，10日电",
        "路透未能独立核实",
        "据路透10月11日 - 报道",
        "美联社5月3日-8日举行会议",
        "（德国之声中文网）总统",
        "（综合报道）",
        "(完)",
        "华盛顿",
        "—",
        "",
        "10月10日电",
        "A B (C) - x",
        "THE CAT (Felis) — an animal",
        "FAQ (Frequently Asked) — what to know",
        "东京—大阪新干线周一恢复",
        "The New York Times (NYT) - reports",
    ],
)
def test_prose_is_no_dateline(line: str) -> None:
    assert find_dateline(line) is None


@given(
    st.text(
        st.sampled_from("（）()路透社新华网记者洛兰城日月电讯—-–·/ 0123456789 ABCabc,"),
        max_size=200,
    )
)
def test_dateline_of_anything_is_a_prefix(line: str) -> None:
    found = find_dateline(line)
    if found is not None:
        assert line[: found[1]].strip() == found[0].text


@pytest.mark.parametrize(
    ("month", "day", "reference", "expected"),
    [
        (None, 10, date(2020, 10, 11), date(2020, 10, 10)),
        (None, 12, date(2020, 10, 11), date(2020, 10, 12)),  # west of the dateline
        (None, 13, date(2020, 10, 11), date(2020, 9, 13)),
        (12, 31, date(2021, 1, 1), date(2020, 12, 31)),
        (None, 30, date(2024, 3, 2), date(2024, 1, 30)),
        (2, 29, date(2024, 3, 2), date(2024, 2, 29)),
        (2, 29, date(2023, 3, 2), None),
        (3, 1, date(2020, 10, 11), None),  # longer ago than a report is printed after
        (13, 1, date(2020, 10, 11), None),
        (None, 32, date(2020, 10, 11), None),
        (10, None, date(2020, 10, 11), None),
    ],
)
def test_resolve_day_takes_the_latest_that_fits(
    month: int | None, day: int | None, reference: date, expected: date | None
) -> None:
    assert resolve_day(month, day, reference) == expected
