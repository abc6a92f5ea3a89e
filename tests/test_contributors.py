"""Credits and notes are told from prose; names have their role and their exact place."""

from __future__ import annotations

import pytest

from shilu.extraction.clean import Line
from shilu.extraction.contributors import tell_apart


def told(text: str, *, at_end_of: int = 0) -> tuple[str, list[tuple[str, str]]]:
    """Return the kind of a line below *at_end_of* paragraphs, and the names in it with roles."""
    lines = [Line("paragraph", "甲乙丙丁。") for _ in range(at_end_of)]
    lines.append(Line("paragraph", text))
    named = tell_apart(lines)
    assert all(lines[one.line].text[one.start : one.end] == one.name for one in named)
    return lines[-1].kind, [(one.role, one.name) for one in named]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (
            "记者：秦川     责编：申明     网编：洪大",
            [("reporter", "秦川"), ("editor", "申明"), ("web_editor", "洪大")],
        ),
        (
            "記者：高鋒、陳然  責編：畢成",
            [("reporter", "高鋒"), ("reporter", "陳然"), ("editor", "畢成")],
        ),
        (
            "记者：秦川 高大锋、责编：申明",
            [("reporter", "秦川"), ("reporter", "高大锋"), ("editor", "申明")],
        ),
        ("海潮电台记者秦小川 洛兰报道   责编 申明", [("reporter", "秦小川"), ("editor", "申明")]),
        ("海潮电台特约记者秦小川报道 责编：申明", [("reporter", "秦小川"), ("editor", "申明")]),
        ("海潮电台记者秦小川    责编：申明", [("reporter", "秦小川"), ("editor", "申明")]),
        ("记者一冰 责编：申明", [("reporter", "一冰"), ("editor", "申明")]),
        ("记者：秦小川 台北 责编：申明", [("reporter", "秦小川"), ("editor", "申明")]),
        (
            "海潮电台特约记者秦川旧金山报道     责编：申明",
            [("reporter", "秦川"), ("editor", "申明")],
        ),
        ("海潮电台记者秦小川华盛顿报道   责编：申明", [("reporter", "秦小川"), ("editor", "申明")]),
        # where the name ends nobody can tell
        ("海潮电台记者秦川洛兰报道   责编：申明", [("editor", "申明")]),
        ("（路透社 韩联社 法新社等）", [
            ("source", "路透社"), ("source", "韩联社"), ("source", "法新社"),
        ]),
        ("整理 秦川；审校 申明", [("reporter", "秦川"), ("editor", "申明")]),
        ("(编译 秦小川; 审校 申明)", [("translator", "秦小川"), ("editor", "申明")]),
        ("（编译：秦小川；审校：申明）", [("translator", "秦小川"), ("editor", "申明")]),
        ("翻译：秦川、申明", [("translator", "秦川"), ("translator", "申明")]),
        ("译者/何川", [("translator", "何川")]),
        ("文 / 秦川  摄影 / 申明", [("reporter", "秦川"), ("photographer", "申明")]),
        ("（责任编辑：申明）", [("editor", "申明")]),
        (
            "Reporting by Ann Bee and C. Dee; Editing by Jon Park",
            [("reporter", "Ann Bee"), ("reporter", "C. Dee"), ("editor", "Jon Park")],
        ),
        ("川石/海蓝（潮汐社、《洛兰日报》等）", [  # pen names
            ("reporter", "川石"), ("reporter", "海蓝"), ("source", "潮汐社"),
            ("source", "洛兰日报"),
        ]),
        ("（路透社，法新社）", [("source", "路透社"), ("source", "法新社")]),
        ("（本文参考了法新社、路透社和美联社的报道。）", [
            ("source", "法新社"), ("source", "路透社"), ("source", "美联社"),
        ]),
        ("来源：新华社", [("source", "新华社")]),
        ("川石/海蓝 (综合报导)", [("reporter", "川石"), ("reporter", "海蓝")]),
        ("翻译：潮汐时报中文网", [("translator", "潮汐时报中文网")]),
        ("（翻译和编辑：秦小川）", [("translator", "秦小川")]),
        ("秦小川、申明对本文有报道贡献。", [("reporter", "秦小川"), ("reporter", "申明")]),
        ("海潮电台记者秦川巴黎报道  责编：申明", [("reporter", "秦川"), ("editor", "申明")]),
        ("（综合报道）", []),
        ("（譯者：何宏川/核稿：劉學海）1100806", [("translator", "何宏川"), ("editor", "劉學海")]),
        ("责任编辑：申明_NB1234", [("editor", "申明")]),
        ("(责编:常小川)", [("editor", "常小川")]),
        ("【编辑:符海】", [("editor", "符海")]),
        (
            "（執筆記者：馬川；參與記者：張修海、林惠川）",
            [("reporter", "馬川"), ("reporter", "張修海"), ("reporter", "林惠川")],
        ),
        ("（记者 秦小川 通讯员 申明）", [("reporter", "秦小川"), ("reporter", "申明")]),
        ("文、图/秦小川", [("reporter", "秦小川")]),
        ("翻译：欧阳秦川", [("translator", "欧阳秦川")]),
    ],
)  # fmt: skip
def test_a_line_of_credits(line: str, names: list[tuple[str, str]]) -> None:
    assert told(line, at_end_of=5) == ("credits", names)


@pytest.mark.parametrize(
    "line",
    [
        "记者：他们为什么不回答？",
        "记者：是的",
        "记者：谢谢",
        "记者说，责编把稿子退了回来。",
        "文山是一座城市",
        "编译 是一门手艺",
        "路透社的新闻",
        "来源：不明",
        "摄影：这是一门关于光的艺术，也是关于等待的。",
        "摄影：黄昏的光",
        "记者：安全吗",
        "记者：于是呢",
        "编辑：马上开始",
        "报道：马来西亚",
        "潮汐电台：欢迎收听",
        "Writing by hand is slower than typing; editing by hand is slower still.",
    ],
)
def test_prose_that_begins_like_credits_stays_prose(line: str) -> None:
    assert told(line, at_end_of=5) == ("paragraph", [])


def test_credits_count_at_either_end_only() -> None:
    lines = [Line("paragraph", "甲。") for _ in range(40)]
    lines[20] = Line("paragraph", "记者：秦川")
    assert tell_apart(lines) == []
    assert lines[20].kind == "paragraph"


def test_sources_in_brackets_behind_the_last_words() -> None:
    kind, names = told("他对此表示关切。（德新社、法新社等）", at_end_of=5)
    assert (kind, names) == ("paragraph", [("source", "德新社"), ("source", "法新社")])


@pytest.mark.parametrize(
    "line",
    [
        "编者按：本文写于去年。",
        "【編者按】本文寫於去年。",
        "更正：前文把姓名写错了。",
        "（注：作者是某报评论员，本文仅代表作者观点。）",
        "本文作者秦川是潮汐大学教授。",
        "Editor’s note: This story was updated.",
        "CDT编者按：本文写于去年。",
        "编者按，该文已从原平台消失。",
        "（作者系潮汐大学教授。本文仅代表作者观点。）",
        "Correction: An earlier version misspelled a name.",
    ],
)
def test_notes(line: str) -> None:
    assert told(line)[0] == "note"


@pytest.mark.parametrize(
    "line",
    [
        "更正错误需要勇气。",
        "注意：前方有雾。",
        "本文作者不详，流传甚广。",
        "Notes from the harbour.",
    ],
)
def test_prose_that_begins_like_a_note(line: str) -> None:
    assert told(line)[0] == "paragraph"


def test_who_an_author_is_stands_below_the_article() -> None:
    lines = [Line("paragraph", "甲乙丙丁。") for _ in range(6)]
    lines += [Line("paragraph", "秦小川（Qin Xiaochuan）是潮汐时报驻洛兰记者。")]
    tell_apart(lines, ["秦小川"])
    assert lines[-1].kind == "note"
    lines[-1].kind = "paragraph"
    tell_apart(lines, ["别人"])
    assert lines[-1].kind == "paragraph"


@pytest.mark.parametrize("line", ["AB123", "1234567", "）", "（", "SF183"])
def test_codes_alone_are_no_credits(line: str) -> None:
    assert told(line, at_end_of=5)[1] == []
