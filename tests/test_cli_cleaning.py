"""Rules, restore, boilerplate, and drift in ``sources``, as a person and a program use them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.mirrors import START
from tests.test_cli import answer, shilu
from tests.test_curation import PROMO, SHARE, SOURCE, article, drifting, outlet

FIRST = f"{SOURCE}/https://{SOURCE}/zh/1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive: two outlets with a few articles, one with many."""
    folder = tmp_path_factory.mktemp("made")
    loose = folder / "articles"
    records = {f"x/{n}.md": article(n) for n in (1, 2)}
    records |= {f"y/{n}.md": article(n, host="other.example") for n in (1, 2)}
    for name, data in records.items():
        (loose / name).parent.mkdir(parents=True, exist_ok=True)
        (loose / name).write_bytes(data)
    answer("import", "articles", "--archive", "a", cwd=folder)
    many = folder / "many" / "articles" / "x"
    many.mkdir(parents=True)
    for n in range(10, 40):
        (many / f"{n}.md").write_bytes(outlet(n))
    answer("import", "many/articles", "--archive", "m", cwd=folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of the archives that may be changed."""
    for name in ("a", "m"):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


def test_restore_by_the_numbers_that_show_gives(folder: Path) -> None:
    listed = shilu("show", FIRST, "--removed", "--archive", "a", cwd=folder).stdout
    assert "1  generic.share      分享 :" in listed
    assert "2  generic.read_more  相关文章：渔业谈判 点击" in listed
    before = answer("show", FIRST, "--removed", "--archive", "a", cwd=folder)
    assert [set(piece) for piece in before["removed"]] == [
        {"rule", "text", "links", "pictures"}
    ] * 2
    assert before["restored"] == []

    told = answer("restore", FIRST, 1, "--archive", "a", cwd=folder)
    assert set(told) == {"version", "restored"}
    assert "分享 :" in told["version"]["text"]
    assert [(one["rule"], one["text"]) for one in told["restored"]] == [("generic.share", "分享 :")]
    after = answer("show", FIRST, "--removed", "--archive", "a", cwd=folder)
    assert after["restored"] == told["restored"]
    assert [piece["rule"] for piece in after["removed"]] == ["generic.read_more"]
    assert after["versions"][0] == told["version"]
    text = shilu("show", FIRST, "--removed", "--archive", "a", cwd=folder).stdout
    assert "1  generic.share  分享 :" in text
    zh = shilu("show", FIRST, "--removed", "--archive", "a", cwd=folder, SHILU_LANG="zh").stdout
    assert "已恢复" in zh
    assert answer("verify", "--archive", "a", cwd=folder)["ok"] is True

    undone = answer("restore", FIRST, 1, "--undo", "--archive", "a", cwd=folder)
    assert undone == {"version": before["versions"][0], "restored": []}


def test_restore_tells_what_is_kept_in_both_languages(folder: Path) -> None:
    en = shilu("restore", FIRST, 1, 2, "--archive", "a", cwd=folder)
    assert en.returncode == 0
    assert "1  generic.share      分享 :" in en.stdout
    assert "restored" in en.stdout
    zh = shilu("restore", FIRST, 1, 2, "--undo", "--archive", "a", cwd=folder, SHILU_LANG="zh")
    assert zh.stdout == "现在没有恢复的片段。\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["restore", FIRST, "3"], "use.no_such_piece", "--removed"),
        (["restore", FIRST, "1", "--undo"], "use.no_such_piece", "--removed"),
        (["restore", FIRST, "1", "--version", "2"], "use.no_such_version", "from 1 to 1"),
        (["restore", "nothing/at-all", "1"], "use.bad_reference", "source/key"),
        (["rules", "news.exampl"], "use.no_such_source", SOURCE),
        (["rules", SOURCE, "--off", "generic.shar"], "use.no_such_rule", "generic.share?"),
        (["rules", SOURCE, "--on", "generic.shar"], "use.no_such_rule", "generic.share?"),
        (["boilerplate", "news.exampl"], "use.no_such_source", SOURCE),
        (["boilerplate", SOURCE, "--save", "1"], "use.no_such_line", "all"),
        (["boilerplate", SOURCE, "--save", "x"], "use.no_such_line", "all"),
        (["boilerplate", SOURCE, "--save", ""], "use.no_such_line", "all"),
        (["boilerplate", SOURCE, "--save", ","], "use.no_such_line", "all"),
    ],
)
def test_wrong_use_exits_with_two_and_says_what_to_do(
    made: Path, arguments: list[str], code: str, words: str
) -> None:
    error = answer(*arguments, "--archive", "a", cwd=made, code=2)["error"]
    assert error["code"] == code
    assert words in error["action"]
    if code == "use.no_such_line":
        run = shilu(*arguments, "--archive", "a", cwd=made, SHILU_LANG="zh")
        assert run.returncode == 2
        assert "编号" in run.stderr


def test_restore_needs_numbers(made: Path) -> None:
    assert shilu("restore", FIRST, "--archive", "a", cwd=made).returncode == 2
    assert shilu("restore", FIRST, "one", "--archive", "a", cwd=made).returncode == 2


def test_rule_is_switched_off_for_one_source_and_on_again(folder: Path) -> None:
    before = answer("show", FIRST, "--archive", "a", cwd=folder)
    told = answer("rules", SOURCE, "--off", "generic.share", "--archive", "a", cwd=folder)
    assert set(told) == {"source", "rules"}
    rows = {row["rule"]: row for row in told["rules"]}
    assert rows["generic.share"] == {
        "rule": "generic.share", "off": True, "fired_on": 0, "captures": 2,
        "by_month": {f"{START:%Y-%m}": 0.0},
    }  # fmt: skip
    assert rows["generic.read_more"]["by_month"] == {f"{START:%Y-%m}": 1.0}
    assert "分享 :" in answer("show", FIRST, "--archive", "a", cwd=folder)["versions"][0]["text"]
    other = FIRST.replace(SOURCE, "other.example")
    assert "分享" not in answer("show", other, "--archive", "a", cwd=folder)["versions"][0]["text"]
    assert answer("rebuild", "--preview", "--archive", "a", cwd=folder)["changed"] == []
    zh = shilu("rules", SOURCE, "--archive", "a", cwd=folder, SHILU_LANG="zh").stdout
    assert "停用" in zh
    en = shilu("rules", SOURCE, "--on", "generic.share", "--archive", "a", cwd=folder).stdout
    assert f"{START:%Y-%m} … {START:%Y-%m}" in en
    (row,) = (line.split() for line in en.splitlines() if line.startswith("generic.share "))
    assert row == ["generic.share", "2", "100%", "█"]
    assert answer("show", FIRST, "--archive", "a", cwd=folder) == before


def test_boilerplate_is_listed_saved_and_gone(folder: Path) -> None:
    told = answer("boilerplate", SOURCE, "--archive", "m", cwd=folder)
    assert set(told) == {"source", "recurring", "rules", "saved"}
    assert told["saved"] is None
    assert set(told["recurring"][0]) == {
        "text", "is_start", "articles", "looked_at", "where", "pattern",
    }  # fmt: skip
    texts = [one["text"] for one in told["recurring"]]
    shown = shilu("boilerplate", SOURCE, "--archive", "m", cwd=folder).stdout
    assert told["rules"] in shown
    assert "--save 1,2" in shown
    assert "专题阅读： …" in shown
    zh = shilu("boilerplate", SOURCE, "--archive", "m", cwd=folder, SHILU_LANG="zh").stdout
    assert "如需采用" in zh

    picked = ",".join(str(n) for n, text in enumerate(texts, 1) if text != PROMO)
    saved = shilu("boilerplate", SOURCE, "--save", picked, "--archive", "m", cwd=folder)
    assert f"Saved in m/sources/{SOURCE}.toml" in saved.stdout
    left = answer("boilerplate", SOURCE, "--save", "all", "--archive", "m", cwd=folder)
    assert [one["text"] for one in left["recurring"]] == [PROMO]
    assert left["saved"] == f"m/sources/{SOURCE}.toml"
    rows = {
        row["rule"]: row for row in answer("rules", SOURCE, "--archive", "m", cwd=folder)["rules"]
    }
    assert [rows[f"{SOURCE}.recurring_{n}"]["fired_on"] for n in (1, 2, 3)] == [30, 30, 30]
    assert answer("verify", "--archive", "m", cwd=folder)["ok"] is True
    # Nothing recurs any more: saving all of it is no fault and changes nothing.
    file = (folder / left["saved"]).read_bytes()
    none = answer("boilerplate", SOURCE, "--save", "all", "--archive", "m", cwd=folder)
    assert (none["recurring"], none["saved"]) == ([], None)
    assert shilu("boilerplate", SOURCE, "--archive", "m", cwd=folder).stdout == "No line recurs.\n"
    assert (folder / left["saved"]).read_bytes() == file


def test_a_number_given_twice_makes_one_rule(folder: Path) -> None:
    answer("boilerplate", SOURCE, "--save", "2, 2，1", "--archive", "m", cwd=folder)
    text = (folder / "m" / "sources" / f"{SOURCE}.toml").read_text("utf-8")
    assert text.count("[[remove]]") == 2


def test_drift_is_told_by_sources_in_both_languages(tmp_path: Path) -> None:
    loose = tmp_path / "articles" / "x"
    loose.mkdir(parents=True)
    for n in range(1, 171):
        (loose / f"{n}.md").write_bytes(drifting(n, SHARE if n <= 120 else ""))
    answer("import", "articles", "--archive", "d", cwd=tmp_path)
    (row,) = answer("sources", "--archive", "d", cwd=tmp_path)["sources"]
    (problem,) = row["problems"]
    assert set(problem) == {"code", "subject", "refused", "reason", "action", "details"}
    assert (problem["code"], problem["details"]["rule"]) == ("rule.drift", "generic.share")
    assert f"shilu rules {SOURCE}" in problem["action"]
    en = shilu("sources", "--archive", "d", cwd=tmp_path).stdout
    assert "generic.share fired on 100% of its articles, and on 0% of the last 50" in en
    zh = shilu("sources", "--archive", "d", cwd=tmp_path, SHILU_LANG="zh").stdout
    assert "规则 generic.share 过去对 100% 的文章起作用，最近 50 篇" in zh


def test_sources_without_drift_have_no_problems(made: Path) -> None:
    for row in answer("sources", "--archive", "a", cwd=made)["sources"]:
        assert row["problems"] == []


DETAILS = {
    "subtitle", "column", "site_suffix", "section", "credits", "sources_credited", "translators",
    "published_local", "published_zone",
}  # fmt: skip


def test_what_is_told_apart_stands_in_show_and_extract(tmp_path: Path) -> None:
    from tests.mirrors import make_record

    body = (
        "<h2 class='standfirst'>渔业谈判没有结果</h2><p>两国外长周四会晤。</p>"
        "<p>（路透社、法新社）</p><p>责编：李四　译者：王五</p>"
    )
    record = make_record("外长会晤", body, url=f"https://{SOURCE}/zh/1")
    folder = tmp_path / "articles" / "x"
    folder.mkdir(parents=True)
    (folder / "1.md").write_bytes(record)
    answer("import", "articles", "--archive", "a", cwd=tmp_path)
    (version,) = answer("show", FIRST, "--archive", "a", cwd=tmp_path)["versions"]
    found = answer("extract", "articles/x/1.md", cwd=tmp_path)
    assert set(version) >= DETAILS
    for key in DETAILS:
        assert version[key] == found[key]
    assert found["subtitle"] == "渔业谈判没有结果"
    assert found["sources_credited"] == ["路透社", "法新社"]
    assert found["translators"] == ["王五"]
    for credit in found["credits"]:
        assert set(credit) == {"role", "name", "span"}
        start, end = credit["span"]
        assert found["text"][start:end] == credit["name"]
    assert found["published_zone"] is found["published_local"] is None


def test_help_of_the_commands_is_in_both_languages(tmp_path: Path) -> None:
    for command in ("rules", "restore", "boilerplate"):
        assert "Example:" in shilu(command, "--help", cwd=tmp_path).stdout
        assert "示例" in shilu(command, "--help", cwd=tmp_path, SHILU_LANG="zh").stdout
