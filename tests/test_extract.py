"""From a record's bytes to the article: goldens of every outlet, real records, identity."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shilu.archive.codec import pack, unpack
from shilu.extraction.article import (
    Reading,
    Refusal,
    article_id,
    content_hash,
    extract,
    extract_entry,
    extractor_digest,
    read_capture,
)
from shilu.extraction.bylines import author_names, parse_time
from shilu.recordform import write_record
from shilu.records import Content, Entry
from shilu.sources.catalog import load_catalog
from tests import real_records
from tests.real_records import RECORDS as REAL
from tests.real_records import needs_records

CATALOG = load_catalog()
STAMP = 1692353702000
URL = "https://www.voachinese.com/a/x/7000001.html"


def reading(data: str | bytes, path: str = "articles/voa/1.md") -> Reading:
    found = read_capture(data.encode() if isinstance(data, str) else data, path, CATALOG, "s")
    assert isinstance(found, Reading), found
    return found


def refusal(data: str, path: str = "articles/voa/1.md") -> Refusal:
    found = read_capture(data.encode(), path, CATALOG, "s")
    assert isinstance(found, Refusal), found
    return found


def content(html: str, title: str = "题目", url: str = URL) -> Content:
    return reading(write_record(STAMP, title, url, html)).content


# --------------------------------------------------------------------------- goldens

GOLDENS = Path(__file__).parent / "sources"
RECORDS = sorted(GOLDENS.glob("*/*.md"))
REWRITE = "SHILU_REWRITE_GOLDENS=1 python -m pytest tests/test_extract.py -k golden"


def described(path: Path) -> dict[str, Any]:
    """Say what is read from a golden record, in the form of expected.json."""
    found = reading(path.read_bytes(), f"articles/{path.parent.name}/{path.name}")
    read = found.content
    dateline = read.dateline
    return {
        "source": found.source,
        "key": found.key,
        "feed_at": found.feed_at.isoformat() if found.feed_at else None,
        "title": read.title,
        "told_apart": {
            key: value
            for key, value in (
                ("column", read.column),
                ("section", read.section),
                ("site_suffix", read.site_suffix),
                ("zone", read.published_zone),
                ("credits", [f"{one.role}: {one.name}" for one in read.credits]),
            )
            if value
        },
        "body": read.text[read.body_start :].split("\n"),
        "kinds": [block.kind for block in read.blocks if block.kind != "title"],
        "authors": list(read.authors),
        "published_at": read.published_at.isoformat() if read.published_at else None,
        "published_on": read.published_on.isoformat() if read.published_on else None,
        "dateline": None
        if dateline is None
        else [
            dateline.text,
            dateline.agency,
            dateline.place,
            dateline.on and dateline.on.isoformat(),
        ],
        "lang": read.lang,
        "media": [
            [
                medium.kind,
                medium.url,
                medium.caption and medium.caption.of(read.text),
                medium.credit,
            ]
            for medium in read.media
        ],
        "marks": [[mark.kind, read.text[mark.start : mark.end], mark.url] for mark in read.marks],
        "removed": [gone.rule for gone in read.removed],
        "problems": [problem.code for problem in read.problems],
    }


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_golden_record_is_read_as_expected(path: Path) -> None:
    expected_path = path.parent / "expected.json"
    found = described(path)
    if os.environ.get("SHILU_REWRITE_GOLDENS"):
        table = json.loads(expected_path.read_text("utf-8")) if expected_path.exists() else {}
        text = json.dumps({**table, path.name: found}, ensure_ascii=False, indent=1, sort_keys=True)
        expected_path.write_text(text + "\n", "utf-8")
    expected = json.loads(expected_path.read_text("utf-8"))
    assert found == expected[path.name], f"after reading the difference: {REWRITE}"


def test_golden_files_hold_no_broken_text_and_no_widgets() -> None:
    for path in GOLDENS.glob("*/expected.json"):
        text = path.read_text("utf-8")
        widgets = re.findall(
            "\ufffd|分享 ?[:：]|feedx|addtoany|share-|whatsapp|获取更多|版权声明", text
        )
        assert widgets == [], path
        assert set(json.loads(text)) == {record.name for record in path.parent.glob("*.md")}


def test_golden_records_cover_every_outlet() -> None:
    outlets = {path.parent.name for path in RECORDS}
    assert outlets == set(CATALOG.rules)
    assert all(len(list((GOLDENS / outlet).glob("*.md"))) >= 2 for outlet in outlets)


# --------------------------------------------------------------------------- real records


@needs_records
def test_seeds_give_what_a_careful_reader_takes_from_them() -> None:
    gold = json.loads((REAL.parent / "gold" / "seeds.json").read_text("utf-8"))
    for article in gold["articles"]:
        path, data = real_records.one(article["record"].removeprefix("records/"))
        found = reading(data, path)
        read = found.content
        assert found.feed_at == datetime.fromisoformat(article["feed_at"])
        assert read.published_at == datetime.fromisoformat(article["published_at"])
        assert read.lang == article["language"]
        for kind in ("statements", "events"):
            for row in article[kind]:
                assert row["evidence"] in read.text
        for row in article["times"]:
            assert row["text"] in read.text
        for row in article["people"]:
            assert row["name"] in read.text
        kept = json.dumps(dataclasses.asdict(read), default=str, ensure_ascii=False)
        for absent in article["must_not_contain"]:
            assert absent not in read.text
            assert absent not in kept.split('"removed"')[0]
        if "image_origins" in article:
            assert [medium.url for medium in read.media] == [
                f"https://{origin}" for origin in article["image_origins"]
            ]
            assert all(medium.caption for medium in read.media)
        place = read.dateline and read.dateline.place
        assert place == article.get("dateline_place")


@needs_records
def test_real_records_keep_order_and_account_for_everything() -> None:
    from tests.test_clean import signs, visible_signs

    for path, data in real_records.every():
        html = data.decode().split("\n------\n", 1)[-1].split("\n---\n")[-1]
        found = read_capture(data, path, CATALOG, path)
        if isinstance(found, Refusal):
            assert found.problem.code == "record.empty"
            assert path.startswith("articles/oped2/2019")
            continue
        read = found.content
        assert found.source not in ("unknown", "")
        gone = "".join(gone.text for gone in read.removed)
        assert signs(read.text[read.body_start :] + gone) == visible_signs(html), path
        assert "\ufffd" not in read.text
        assert not re.search("feedx|分享 :|addtoany|版权声明|版權聲明", read.text), path
        assert not re.search(r"^\d+ ?(分钟|小时)前$", read.text, re.M), path


@needs_records
@pytest.mark.parametrize(
    ("one", "other", "same_key"),
    [
        ("dw/1024275", "dw/1024274", True),
        ("dw/1024244", "dw/1024243", True),
        (
            "cdt/392409_【CDTV】老雷：任志强被判18年",
            "cdt/392409_【CDTV】老雷：任志强被判18是",
            True,
        ),
        ("rfi/1042187", "rfi/1042178", False),
        ("dw/1024445", "dw/1024440", False),
    ],
)
def test_versions_of_one_article_share_the_key_and_not_the_hash(
    one: str, other: str, same_key: bool
) -> None:
    (path, data), (other_path, other_data) = real_records.one(one), real_records.one(other)
    first, second = reading(data, path), reading(other_data, other_path)
    assert (first.key == second.key) is same_key
    assert content_hash(first.content) != content_hash(second.content)


# --------------------------------------------------------------------------- the same content

BODY = "<p>北湾渔民周三再次递交请愿书。</p><p>秦勤（Qin Qin）说，没有人接电话。</p>"
PICTURE = '<img src="https://images.weserv.nl?url=a.example/p.jpg">'
SAME = {
    "footer": BODY
    + '<br><hr><div>获取更多RSS：<br><a href="https://feedx.net">https://feedx.net</a></div>',
    "footer of another host": BODY + "<hr><div>获取更多RSS：<br>https://feedx.best<br></div>",
    "share widget": BODY + '<div class="sharedaddy"><a href="/x">Facebook</a></div>',
    "blanks": BODY.replace("<p>", "<p>    ")
    .replace("再次", "再次\u00a0")
    .replace("</p>", " </p>\n"),
    "no-break space": BODY.replace("Qin Qin", "Qin\u00a0Qin"),
    "line break within": BODY.replace("请愿书", "请愿\n书"),
    "invisible": BODY.replace("请愿书", "请\u200b愿\ufeff书"),
    "markup": BODY.replace("<p>", '<p class="x"><span style="color:#404040">'),
    "br for p": "<p>" + BODY.replace("<p>", "").replace("</p>", "<br /><br />") + "</p>",
    "entities": BODY.replace("秦勤", "&#31206;勤"),
    "picture": PICTURE + BODY,
    "picture through another proxy": PICTURE.replace("images.weserv.nl", "wsrv.nl/") + BODY,
    "outlet's time": "<div><i>Fri, 18 Aug 2023 09:59:00 GMT</i></div>" + BODY,
}


@pytest.mark.parametrize("name", SAME)
def test_wrapper_and_blanks_do_not_change_the_hash(name: str) -> None:
    assert content_hash(content(SAME[name])) == content_hash(content(BODY))


@pytest.mark.parametrize(
    ("html", "title"),
    [
        (BODY.replace("周三", "周四"), "题目"),
        (BODY + "<p>甲</p>", "题目"),
        (BODY, "题目二"),
        (BODY.replace("Qin Qin", "QinQin"), "题目"),
        ("", "题目"),
        (BODY.replace("。", "，"), "题目"),
    ],
)
def test_changed_title_or_text_changes_the_hash(html: str, title: str) -> None:
    assert content_hash(content(html, title)) != content_hash(content(BODY))


def test_title_and_text_do_not_run_together_in_the_hash() -> None:
    assert content_hash(content("<p>乙丙</p>", "甲")) != content_hash(content("<p>丙</p>", "甲乙"))


# --------------------------------------------------------------------------- which article


def test_address_forms_of_one_rfi_article_are_one_key() -> None:
    forms = (
        "http://www.rfi.fr//cn/%E4%B8%AD/20201010-x",
        "https://www.rfi.fr/cn/%E4%B8%AD/20201010-x",
        "https://www.rfi.fr/cn/%e4%b8%ad/20201010-x?utm_source=rss#top",
        "/cn/%E4%B8%AD/20201010-x",
        "//www.rfi.fr/cn/%E4%B8%AD/20201010-x",
    )
    keys = {
        (found.source, found.key, found.url)
        for found in (
            reading(write_record(1, "题", url, BODY), "articles/法广/1.md") for url in forms
        )
    }
    address = "https://www.rfi.fr/cn/中/20201010-x"
    assert keys == {("rfi", address, address)}


def test_cdt_items_without_number_go_by_their_address() -> None:
    url = "https://chinadigitaltimes.net/chinese/2020/09/%e7%94%b2/"
    record = write_record(STAMP, "题", url, BODY)
    assert reading(record, "articles/cdt/392409.md").key == "656166"
    assert reading(record, "articles/中国数字时代/392409_题.md").key == "656166"
    assert reading(record, "articles/cdt/0.md").key.endswith("/甲/")


@pytest.mark.parametrize("url", ["", "not an address", "javascript:alert(1)", "http://[::1"])
@pytest.mark.parametrize("path", ["articles/voa/1.md", "x/1.md"])
def test_bad_address_is_refused(url: str, path: str) -> None:
    found = refusal(write_record(STAMP, "题", url, BODY), path)
    assert found.problem.code == "url.invalid"
    assert found.problem.refused
    assert found.source == ("voa" if "voa" in path else "unknown")


def test_relative_address_in_an_unknown_folder_is_refused() -> None:
    assert refusal(write_record(STAMP, "题", "/a/1.html", BODY), "x/1.md").problem.details == {
        "url": "/a/1.html"
    }


def test_nothing_in_it_is_refused_with_its_doubts() -> None:
    found = refusal(write_record("NaN", "", URL, "<p> </p>"))
    assert found.problem.code == "record.empty"
    assert [problem.code for problem in found.doubts] == ["record.no_date"]


def test_no_head_is_refused_under_the_folder_s_source() -> None:
    assert refusal("text", "articles/德国之声/1.md").source == "dw"
    assert refusal("text", "articles/x/1.md").problem.code == "record.no_head"


def test_title_or_picture_alone_is_an_article() -> None:
    assert [problem.code for problem in content("").problems] == ["text.none"]
    alone = content(PICTURE, title="")
    assert [problem.code for problem in alone.problems] == ["record.no_title", "text.none"]
    assert content(BODY, title="").body_start == 0


def test_ids_are_pure_functions() -> None:
    assert article_id("rfi", "x") == article_id("rfi", "x") != article_id("rfix", "")
    assert len(article_id("\ud800", "")) == 32
    assert extractor_digest(CATALOG.digest) != extractor_digest("")


# --------------------------------------------------------------------------- titles


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("甲 – 法国国际广播电台 - RFI", "甲"),
        ("甲 - 要闻分析", "甲"),
        ("甲 - 要闻分析 - RFI", "甲"),
        ("要闻分析", "要闻分析"),
        ("甲 - 乙", "甲 - 乙"),
        ("CLONE - 甲", "甲"),
        ("- RFI", "- RFI"),
        ("&quot;甲&quot;  乙\u3000丙", '"甲" 乙 丙'),
        ("甲\u200b乙", "甲乙"),
        ("[[直播] 甲](乙)", "[[直播] 甲](乙)"),
    ],
)
def test_title_is_cleaned(title: str, expected: str) -> None:
    assert content(BODY, title, "https://www.rfi.fr/cn/x").title == expected


def test_title_repeated_at_the_head_of_the_body_is_left_out() -> None:
    found = content("<h1>题 目</h1>" + BODY)
    assert [(gone.rule, gone.text) for gone in found.removed] == [
        ("generic.repeated_title", "题 目")
    ]
    assert len(found.blocks) == 3
    assert content("<p>题目</p>").text == "题目\n题目"  # all there is stays


# --------------------------------------------------------------------------- times and authors


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2024-09-17T14:15:34.773Z", "iso", "2024-09-17T14:15:34.773000+00:00"),
        ("2024-09-17T14:15:34.773999Z", "iso", "2024-09-17T14:15:34.773000+00:00"),
        ("2024-09-17 14:15", "iso", "2024-09-17T06:15:00+00:00"),
        ("2024-09-17T14:15:00+09:00", "iso", "2024-09-17T05:15:00+00:00"),
        ("2024-09-17", "iso", "2024-09-17"),
        ("Fri, 29 Nov 2024 17:28:27 GMT", "rfc1123", "2024-11-29T17:28:27+00:00"),
        ("10/11/2020 - 08:50", "%d/%m/%Y - %H:%M", "2020-11-10T00:50:00+00:00"),
        ("2025年2月14日", "%Y年%m月%d日", "2025-02-14"),
    ],
)
def test_printed_time_of_every_form(text: str, form: str, expected: str) -> None:
    found = parse_time(text, form, ZoneInfo("Asia/Shanghai"))
    assert found is not None
    assert found.isoformat() == expected


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("0001-01-01", "iso"),
        ("9999-12-31T23:59:59-23:00", "iso"),
        ("2024-09", "iso"),
        ("2024-W38-2", "iso"),
        ("20240917", "iso"),
        ("２０２４-09-17", "iso"),
        ("2024-13-40", "iso"),
        ("0001年1月1日", "%Y年%m月%d日"),
        ("x", "rfc1123"),
        ("", "rfc1123"),
        ("", "iso"),
        ("Fri, 99 Nov 2024 17:28:27 GMT", "rfc1123"),
        ("2024-09-17T14:15:34Z" * 9, "iso"),
    ],
)
def test_printed_time_that_is_none_is_not_guessed(text: str, form: str) -> None:
    assert parse_time(text, form, ZoneInfo("UTC")) is None


@pytest.mark.parametrize(
    ("html", "at", "on"),
    [
        (
            "<div><i>2020-10-12T01:16:42Z</i></div>",
            datetime(2020, 10, 12, 1, 16, 42, tzinfo=UTC),
            date(2020, 10, 12),
        ),
        ("<time datetime='2020-10-12'>2 小时前</time>", None, date(2020, 10, 12)),
        ("<p>发布时间：<time datetime='2020-10-12'>10月12日</time></p>", None, date(2020, 10, 12)),
        # in a sentence, below the text, out of range
        ("<p>会议<time datetime='2020-10-12'>12日</time>举行</p>", None, None),
        ("<div>记于<i>2020-10-12T01:16:42Z</i></div>", None, None),
        (f"<p>{'甲' * 400}</p><div><i>2020-10-12 01:16:42</i></div>", None, None),
        ("<time datetime='0001-01-01'>x</time>", None, None),
        ("<div><i></i></div>", None, None),
    ],
)
def test_undeclared_outlet_s_time_is_read_where_it_stands_alone(
    html: str, at: datetime | None, on: date | None
) -> None:
    found = content(html + BODY, url="https://leda.example/1")
    assert (found.published_at, found.published_on) == (at, on)


def test_unreadable_time_of_the_outlet_is_a_problem() -> None:
    found = content("<time pubdate datetime='yesterday'>x</time>" + BODY)
    assert [problem.code for problem in found.problems] == ["date.unreadable"]
    assert found.problems[0].details == {"text": "yesterday", "source": "voa"}


def test_relative_link_to_an_author_in_a_sentence_names_nobody() -> None:
    url = "https://www.rfi.fr/cn/x"
    html = "<p><span>据</span><a href='/cn/作者/x'>沈远山</a>去年的报道，渔民已经走了。</p>"
    found = content(html, url=url)
    assert (found.authors, found.removed) == ((), ())
    byline = content(
        "<div><span>作者：</span><a href='/cn/作者/x'>沈远山</a></div>" + html, url=url
    )
    assert byline.authors == ("沈远山",)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (" null 林若川", ["林若川"]),
        ("  洪沙 （综合报道）", ["洪沙"]),
        ("null", []),
        ("", []),
        ("作者：甲某、乙某", ["甲某", "乙某"]),
        ("By Ann Bee and C. Dee", ["Ann Bee", "C. Dee"]),
        ("MARIA ELD, JON PARK", ["MARIA ELD", "JON PARK"]),
        ("Byron Nullman", ["Byron Nullman"]),
    ],
)
def test_byline_is_split_into_names(line: str, names: list[str]) -> None:
    assert list(author_names(line)) == names


@pytest.mark.parametrize(
    ("html", "body"),
    [
        ("<h1>题</h1><p>秦川</p><p>甲。</p><p>乙。</p>", "甲。\n乙。"),
        ("<div>文/</div><a href='/u'>秦川</a><p>甲。</p><p>乙。</p>", "甲。\n乙。"),
        ("<p>作者：秦川</p><p>甲。</p><p>乙。</p>", "甲。\n乙。"),
        ("<p>（综合报道）</p><p>甲。</p>", "（综合报道）\n甲。"),
        ("<p>秦川、申明</p><p>甲。</p>", "秦川、申明\n甲。"),
        ("<p>秦川</p>", "秦川"),
    ],
)
def test_authors_repeated_at_the_head_of_the_body_are_left_out(html: str, body: str) -> None:
    entry = Entry(title="题", url="https://news.example/1", html=html, authors=("秦川",))
    found = extract_entry(entry, CATALOG.get("unknown"), "s")
    assert found.text[found.body_start :] == body
    assert found.authors == ("秦川",)


def test_title_repeated_below_a_caption_is_left_out() -> None:
    html = "<img src='/1.jpg'><div><small>图注</small></div><h1>题</h1><p>甲。</p>"
    entry = Entry(title="题", url="https://news.example/1", html=html)
    found = extract_entry(entry, CATALOG.get("unknown"), "s")
    assert found.text == "题\n图注\n甲。"
    assert [medium.before for medium in found.media] == [1]


def test_dateline_resolves_against_the_outlet_s_day() -> None:
    html = "<p>（法新社洛兰城30日电）总统说。</p>"
    found = reading(write_record(1709337600000, "题", "https://www.rfi.fr/cn/x", html)).content
    assert found.dateline is not None
    assert found.dateline.on == date(2024, 1, 30)
    assert [block.kind for block in found.blocks] == ["title", "paragraph"]


# --------------------------------------------------------------------------- any input


def test_extract_takes_records_fragments_and_pages() -> None:
    record = write_record(STAMP, "题目", URL, BODY)
    page = (
        "<html><head><title>题目 - 美国之音</title><meta property='og:title' content='题目'></head>"
        f"<body>{BODY}</body></html>"
    )
    assert extract(record).text == extract(record.encode()).text == extract(page, url=URL).text
    assert extract(BODY).title == ""
    assert extract(BODY, source="dw").lang == "zh-Hans"
    assert [problem.code for problem in extract("").problems] == ["record.empty"]
    assert [problem.code for problem in extract("---\ntitle:\n---\n").problems][
        -1
    ] == "record.empty"
    assert extract("<p>\ud83d\ude00 \ud800</p>").text == "\U0001f600 \ufffd"


@given(st.binary(), st.sampled_from(["", "voa", "cdt", "x"]))
@settings(deadline=None)
def test_reading_never_fails_for_any_bytes(data: bytes, folder: str) -> None:
    path = f"articles/{folder}/1.md"
    assert isinstance(read_capture(data, path, CATALOG, "s"), Reading | Refusal)
    headed = write_record(STAMP, "题", URL, "").encode() + data
    assert isinstance(read_capture(headed, path, CATALOG, "s"), Reading)
    extract(data)


_MARKUP = st.lists(
    st.sampled_from(
        [
            "<",
            ">",
            "<p>",
            "</p>",
            "<div",
            " class=share",
            "<a href=",
            '"',
            "'",
            "<i>",
            "</i>",
            "<time datetime=",
            "2024-05-01",
            "<table>",
            "<td>",
            "<select>",
            "<option>",
            "<svg>",
            "<math>",
            "<frameset>",
            "<body>",
            "<template>",
            "<noscript>",
            "<iframe>",
            "<video src=",
            "<img src=",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "&#0;",
            "&#xD800;",
            "&nbsp;",
            "甲",
            "\0",
            "\ud800",
            "\n",
            " ",
            "<plaintext>",
            "<textarea>",
            "<title>",
            "<pre>",
            "<figure>",
            "<figcaption>",
            "<ul>",
            "<li>",
            "</",
            "<b>",
            "</b>",
            "http://[",
            "=",
            "/",
        ]
    )
).map("".join)


@given(_MARKUP, _MARKUP, st.sampled_from(sorted(CATALOG.rules)))
@settings(deadline=None)
def test_extraction_never_fails_for_any_markup(html: str, title: str, outlet: str) -> None:
    rules = CATALOG.rules[outlet]
    entry = Entry(title=title, url=f"https://{rules.source.hosts[0]}/x", html=html)
    found = extract_entry(entry, rules, "s")
    found.text.encode()
    content_hash(found)
    extract(html)


@given(_MARKUP, st.text(max_size=20), st.sampled_from(sorted(CATALOG.rules)))
@settings(deadline=None)
def test_stored_form_gives_the_content_back(html: str, title: str, outlet: str) -> None:
    rules = CATALOG.rules[outlet]
    byline = "<div><i>2024-09-17T14:15:34.773123Z</i></div>华盛顿 — "
    entry = Entry(title=title, url=f"https://{rules.source.hosts[0]}/x", html=byline + html)
    found = extract_entry(entry, rules, "s")
    assert unpack(pack(found)) == dataclasses.replace(found, removed=(), problems=())


def test_stored_form_of_goldens_gives_them_back() -> None:
    for path in RECORDS:
        found = reading(path.read_bytes(), f"articles/{path.parent.name}/{path.name}").content
        assert unpack(pack(found)) == dataclasses.replace(found, removed=(), problems=())
