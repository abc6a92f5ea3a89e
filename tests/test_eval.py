"""The measure itself on invented records; the labels and floors where the real records are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from eval.cleaning import labels as labels_module
from eval.cleaning.churn import cases
from eval.cleaning.labels import LABELS, Label, LabelError, build, find_faults, lines, load_all
from eval.cleaning.measure import (
    Report,
    as_json,
    below_floor,
    facts,
    figures,
    judge_versions,
    main,
    measure,
    raise_floors,
    score,
)
from eval.cleaning.systems import SHILU, UNDECLARED, Output
from eval.cleaning.visible import seen, visible

from shilu.records import Content, Dateline
from tests.real_records import needs_records

ARTICLE = "洛兰尼亚总统周四访问维斯特。", "双方谈及口岸&amp;铁路，未透露细节。"
BOILERPLATE = "获取更多RSS：", "https://feedx.net"
RAW = (
    "<!--1718000000000-->\n[洛兰尼亚总统访维斯特 - 要闻](https://news.example/a-1)\n------\n\n"
    f"<div><i>2024-06-10T05:48:12Z</i></div><p>{ARTICLE[0]}</p><p>{ARTICLE[1]}</p>"
    f"<br><hr><div>{BOILERPLATE[0]}<br><a>{BOILERPLATE[1]}</a></div>\n"
)
CLEAN = "洛兰尼亚总统周四访问维斯特。\n双方谈及口岸&铁路，未透露细节。"


def place(text: str, kind: str | None = None) -> dict[str, Any]:
    start = RAW.index(text)
    row: dict[str, Any] = {
        "start": start,
        "end": start + len(text),
        "sha256": hashlib.sha256(text.encode()).hexdigest()[:16],
    }
    return row | ({"kind": kind} if kind else {})


def table(**changes: Any) -> dict[str, Any]:
    return {
        "record": "news/1",
        "sha256": hashlib.sha256(RAW.encode()).hexdigest(),
        "held_out": False,
        "title": place("洛兰尼亚总统访维斯特"),
        "authors": [],
        "published": "2024-06-10T05:48:12Z",
        "dateline": None,
        "article": [place(text, "paragraph") for text in ARTICLE],
        "metadata": [place("2024-06-10T05:48:12Z")],
    } | changes


def label(**changes: Any) -> Label:
    return build(table(**changes), "news-1", "articles/news/1.md", RAW)


# ------------------------------------------------------------------------------- what is seen


def test_visible_drops_tags_and_decodes_with_raw_offsets() -> None:
    raw = '<p title="a>b">军 &#183;&nbsp;A</p><!-- x --><script>1</script>B'
    assert "".join(text for text, _ in visible(raw)) == "军·AB"
    assert all(raw[at] in "军&AB" for _, at in visible(raw))
    assert seen("军\u3000事\u200b\n") == "军事"


# ------------------------------------------------------------------------------- text


def test_score_perfect_output_keeps_all_and_leaves_nothing() -> None:
    result = score(label(), Output(CLEAN))
    assert (result.tally.kept, result.tally.left) == (1.0, 0.0)
    assert (result.missed, result.leftover) == ((), ())


def test_score_dropped_paragraph_is_missed() -> None:
    first, second = CLEAN.split("\n")
    result = score(label(), Output(first))
    assert result.tally.kept == pytest.approx(len(first) / len(first + second))
    assert result.missed == (second,)


def test_score_half_of_the_text_is_a_half() -> None:
    text = CLEAN.replace("\n", "")
    assert score(label(), Output(text[: len(text) // 2])).tally.kept == 0.5


def test_score_boilerplate_that_stays_counts() -> None:
    result = score(label(), Output(f"{CLEAN}\n{BOILERPLATE[1]}"))
    assert result.tally.kept == 1.0
    assert result.tally.left == pytest.approx(17 / 25)
    assert result.tally.left_of_output == pytest.approx(17 / (len(CLEAN) - 1 + 17))
    assert result.leftover == (BOILERPLATE[1],)


def test_score_metadata_is_neither() -> None:
    assert score(label(), Output(f"2024-06-10T05:48:12Z\n{CLEAN}")).tally.left == 0.0


def test_score_output_in_other_words_is_not_found() -> None:
    assert score(label(), Output("今天天气很好")).tally.kept == 0.0


def test_score_credit_kept_beside_the_text_is_found() -> None:
    credited = label(article=[place(ARTICLE[0], "paragraph"), place(ARTICLE[1], "credits")])
    first, second = CLEAN.split("\n")
    assert score(credited, Output(first, aside=(second,))).tally.kept == 1.0
    assert score(credited, Output(first, aside=(second[1:],))).tally.kept != 1.0


# ------------------------------------------------------------------------------- facts, versions


def content(**fields: Any) -> Content:
    at = datetime(2024, 6, 10, 5, 48, 12, tzinfo=UTC)
    title = "洛兰尼亚总统访维斯特"
    return replace(Content(title, title, len(title), (), published_at=at), **fields)


@pytest.mark.parametrize(
    ("fields", "changes", "wrong"),
    [
        ({}, {}, set()),
        ({"title": "洛兰尼亚总统访维斯特 - 要闻"}, {}, {"title"}),
        ({"authors": ("林若川",)}, {}, {"authors"}),
        ({}, {"authors": [place("洛兰尼亚")]}, {"authors"}),
        ({"authors": ("洛兰尼亚",)}, {"authors": [place("洛兰尼亚")]}, set()),
        ({"published_at": None}, {}, {"published"}),
        ({"published_at": None, "published_on": date(2024, 6, 10)}, {}, {"published"}),
        ({}, {"published": None}, {"published"}),
        (
            {"published_at": None, "published_on": date(2024, 6, 10)},
            {"published": "2024-06-10"},
            set(),
        ),
    ],
)
def test_facts_are_exact(fields: dict[str, Any], changes: dict[str, Any], wrong: set[str]) -> None:
    right = facts(label(**changes), content(**fields))
    assert {name for name, is_right in right.items() if not is_right} == wrong


def test_bare_house_name_is_no_dateline() -> None:
    house = label(dateline={"place": None, "agency": place("洛兰尼亚"), "on": None})
    where = label(dateline={"place": place("维斯特"), "agency": None, "on": "2024-06-10"})
    said = Dateline("维斯特6月10日", place="维斯特", on=date(2024, 6, 10))
    assert facts(house, content())["dateline"] is True
    assert facts(house, content(dateline=said))["dateline"] is False
    assert facts(where, content(dateline=said))["dateline"] is True
    assert facts(where, content(dateline=replace(said, on=None)))["dateline"] is False
    assert facts(where, content())["dateline"] is False


def test_cases_change_wrapper_or_text() -> None:
    found = {case.change: case for case in cases(label())}
    assert "https://feedx.net" not in found["feed footer"].data.decode()
    assert found["one character replaced"].is_text
    assert not found["blanks"].is_text
    assert all(case.data != RAW.encode() for case in found.values())
    entities = found["literals as entities"].data.decode()
    assert [one for one, _ in visible(entities)] == [one for one, _ in visible(RAW)]


def test_judge_versions_naive_comparison_is_wrong_on_wrappers() -> None:
    judged = list(judge_versions([label()]))
    assert {one.change for one in judged if one.naive} == {
        "one character replaced", "one character deleted", "title edited",
    }  # fmt: skip


# ------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"title": place(ARTICLE[0])}, "outside the head"),
        ({"article": [place(ARTICLE[1], "paragraph"), place(ARTICLE[0], "paragraph")]}, "order"),
        ({"article": [place(ARTICLE[0], "prose")]}, "none of ours"),
        ({"metadata": [place(ARTICLE[0])]}, "overlaps"),
        ({"metadata": [place("</p><p>")]}, "nothing that is seen"),
        ({"authors": [place(ARTICLE[0]) | {"sha256": "0" * 16}]}, "another hash"),
        ({"published": "2024-06-10T05:48:12"}, "no zone"),
        ({"published": "yesterday"}, "isoformat"),
        ({"records": 1}, "keys"),
    ],
)
def test_find_faults_names_the_fault(changes: dict[str, Any], fault: str) -> None:
    found = list(find_faults(table(**changes), RAW))
    assert found, changes
    assert any(fault in one for one in found), found


def test_find_faults_finds_none_in_a_good_label() -> None:
    assert list(find_faults(table(), RAW)) == []
    printed = "\n".join(lines(label()))
    assert "- - -      获取更多RSS：https://feedx.net" in printed


def test_load_refuses_other_bytes(tmp_path: Path) -> None:
    (tmp_path / "news").mkdir()
    record = tmp_path / "news" / "1.md"
    path = tmp_path / "news-1.json"
    path.write_text(json.dumps(table()))
    record.write_text(RAW, "utf-8")
    assert labels_module.load(path, tmp_path).name == "news-1"
    record.write_text(RAW.replace("周四", "周五"), "utf-8")
    with pytest.raises(LabelError, match="other bytes"):
        labels_module.load(path, tmp_path)


# ------------------------------------------------------------------------------- floors


def test_floors_complain_and_only_rise(tmp_path: Path) -> None:
    path = tmp_path / "floors.toml"
    path.write_text("# why\n[tuned]\nkept = 0.990\ntitle = 0.500\n")
    assert below_floor({"tuned": {"kept": 0.99, "title": 0.75}}, path) == []
    (complaint,) = below_floor({"tuned": {"kept": 0.98}, "held_out": {}}, path)[:1]
    assert "tuned.kept: 0.9800 is below its floor, 0.990" in complaint
    raise_floors({"tuned": {"kept": 0.5, "title": 0.7509}, "held_out": {"kept": 1.0}}, path)
    assert path.read_text() == (
        "# why\n\n[tuned]\nkept = 0.990\ntitle = 0.750\n\n[held_out]\nkept = 1.000\n"
    )


def test_main_without_records_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SHILU_RECORDS", str(tmp_path / "none"))
    assert main([]) == 2
    assert "set SHILU_RECORDS" in capsys.readouterr().err


# ------------------------------------------------------------------------------- real records


@pytest.fixture(scope="module")
def report() -> Report:
    return measure(load_all(), peers=False)


@needs_records
def test_labels_fit_their_records(report: Report) -> None:
    assert len(report.labels) == len(list(LABELS.glob("*.json"))) == 28
    assert sum(one.held_out for one in report.labels.values()) == 7
    assert len({one.path for one in report.labels.values()}) == 28


@needs_records
def test_floors_are_met(report: Report) -> None:
    found = figures(report)
    assert below_floor(found) == [], "see: python -m eval.cleaning.measure --details"
    assert set(found) == {"tuned", "held_out"}


@needs_records
def test_json_holds_every_record_and_no_text(report: Report) -> None:
    printed = as_json(report)
    assert len(printed["records"]) == 28
    assert all({SHILU, UNDECLARED} == set(row["systems"]) for row in printed["records"].values())
    assert json.dumps(printed, ensure_ascii=False).isascii()
