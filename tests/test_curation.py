"""What users decide about cleaning holds: in every version, after every import and rebuild."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shilu import curation, upkeep
from shilu.archive import database, schema, warc
from shilu.archive.store import DATABASE
from shilu.errors import ArchiveDamaged, UsageError
from shilu.extraction.article import Reading, article_id, read_capture
from shilu.pipeline import TO_READ_AGAIN, Archive, open_archive
from shilu.records import Choices, Content, Removed, Version
from shilu.sources.catalog import load_catalog
from shilu.text import content_key
from tests.mirrors import START, Mirror, Step, make_record

SOURCE = "news.example"
LEAD = "<p>（海潮社晨港10日电）两国外长周四会晤，商谈渔业。</p>"
SHARE = "<div>分享 :</div>"
RELATED = '<div class="related">相关文章：<a href="/zh/9">渔业谈判</a> <button>点击</button></div>'
END = "<p>双方将于周五签署协议，{}。</p>"


def article(n: int, *, edit: str = "细节未公布", extra: str = "", host: str = SOURCE) -> bytes:
    return make_record(
        f"外长会晤之{n}", f"{LEAD}{SHARE}{RELATED}{END.format(edit)}{extra}",
        url=f"https://{host}/zh/{n}", at=START + timedelta(hours=n),
    )  # fmt: skip


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    """Three articles of one outlet, the first edited twice, and one of another."""
    made = Mirror(tmp_path / "mirror.git")
    made.commits(
        [
            Step(
                START,
                {
                    **{f"articles/x/{n}.md": article(n) for n in (1, 2, 3)},
                    "articles/y/1.md": article(1, host="other.example"),
                },
            ),
            Step(START + timedelta(hours=9), {"articles/x/1.md": article(1, edit="细节周六公布")}),
            Step(START + timedelta(hours=10), {"articles/x/1.md": article(1, edit="细节周日公布")}),
        ]
    )
    return made


@pytest.fixture
def path(mirror: Mirror, tmp_path: Path) -> Path:
    """The archive of the mirror."""
    with open_archive(tmp_path / "archive", create=True) as archive:
        archive.import_paths([mirror.path])
    return tmp_path / "archive"


@pytest.fixture
def opened(path: Path) -> Iterator[Archive]:
    with open_archive(path) as archive:
        yield archive


FIRST = f"{SOURCE}/https://{SOURCE}/zh/1"


def ids(archive: Archive, reference: str = FIRST) -> list[str]:
    return [version.id for version in archive.versions(reference)]


def everything(archive: Archive) -> dict[str, list[tuple[str, str, str]]]:
    """Return of every article the ids, texts and extractors of its versions."""
    return {
        f"{one.source}/{one.key}": [
            (version.id, version.text, version.extractor) for version in archive.versions(one.id)
        ]
        for one in list(archive.store.stream_articles())
    }


def pieces(archive: Archive, version: Version) -> list[str]:
    return [one.text for one in curation.removed(archive, version)]


def assert_sound(path: Path, *, stale: int = 0) -> None:
    """Verify finds nothing, and a rebuild, also of a deleted database, makes the same again."""
    with open_archive(path) as archive:
        checks = {check.name: check for check in upkeep.verify(archive)}
        assert {name: check.faults for name, check in checks.items() if check.faults} == {}
        assert checks["stale"].count == stale
        noted = archive.store.fact("logical_digest")
        assert noted == archive.store.logical_digest()
        before = everything(archive)
    if stale:
        return
    for delete in (False, True):
        if delete:
            for file in path.glob("shilu.db*"):
                file.unlink()
        rebuilt = upkeep.rebuild(path)
        assert rebuilt.before == rebuilt.after
    with open_archive(path) as archive:
        assert everything(archive) == before


# --------------------------------------------------------------------------- restore


def test_restored_piece_stands_at_its_place_in_every_version(path: Path) -> None:
    with open_archive(path) as archive:
        old = ids(archive)
        number = 1 + pieces(archive, archive.versions(FIRST)[-1]).index("分享 :")
        version = curation.restore(archive, FIRST, [number])
        versions = archive.versions(FIRST)
        assert version == versions[-1]
        assert len(versions) == 3
        for one in versions:
            lines = one.text.split("\n")
            assert lines.index("分享 :") == 2  # after title and lead, before the last paragraph
            assert lines[3].startswith("双方将于周五")
            assert "分享 :" not in pieces(archive, one)
        assert not set(ids(archive)) & set(old)
        assert len({one.content_hash for one in versions}) == 3
        assert [one.text for one in curation.restored(archive, FIRST)] == ["分享 :"]
        assert curation.restored(archive, f"{SOURCE}/https://{SOURCE}/zh/2") == []
    assert_sound(path)


def test_undo_brings_back_the_very_same_versions(path: Path) -> None:
    with open_archive(path) as archive:
        before, digest = everything(archive), archive.store.logical_digest()
        curation.restore(archive, FIRST, [1, 2])
        assert everything(archive) != before
        assert len(curation.restored(archive, FIRST)) == 2
        curation.restore(archive, FIRST, [1, 2], undo=True)
        assert curation.restored(archive, FIRST) == []
        assert everything(archive) == before
        assert archive.store.logical_digest() == digest
    assert_sound(path)


def test_only_the_article_itself_is_read_again(path: Path) -> None:
    with open_archive(path) as archive:
        before = everything(archive)
        curation.restore(archive, FIRST, [1])
        after = everything(archive)
    assert {name for name in before if before[name] != after[name]} == {FIRST}


@pytest.mark.parametrize(
    ("numbers", "named"), [([0], "0"), ([3], "3"), ([1, 9], "9"), ([-1], "-1")]
)
def test_number_out_of_range_is_wrong_use_and_changes_nothing(
    opened: Archive, numbers: list[int], named: str
) -> None:
    before = everything(opened)
    with pytest.raises(UsageError) as caught:
        curation.restore(opened, FIRST, numbers)
    assert caught.value.problem.code == "use.no_such_piece"
    assert caught.value.problem.details == {"n": named, "count": "2"}
    assert "shilu show" in str(caught.value)
    assert everything(opened) == before
    assert opened.store.choices().restored == {}


def test_undo_of_what_is_not_restored_is_wrong_use(opened: Archive) -> None:
    with pytest.raises(UsageError) as caught:
        curation.restore(opened, FIRST, [1], undo=True)
    assert caught.value.problem.code == "use.no_such_piece"


def test_piece_of_an_older_version_is_restored_by_that_versions_numbers(
    mirror: Mirror, path: Path
) -> None:
    bare = make_record("外长会晤之1", f"{LEAD}<p>只剩这些。</p>", url=f"https://{SOURCE}/zh/1")
    mirror.commit(START + timedelta(days=2), {"articles/x/1.md": bare})
    with open_archive(path) as archive:
        archive.import_paths([mirror.path])
        with pytest.raises(UsageError):
            curation.restore(archive, FIRST, [1])
        with pytest.raises(UsageError) as caught:
            curation.restore(archive, FIRST, [1], n=9)
        assert caught.value.problem.code == "use.no_such_version"
        curation.restore(archive, FIRST, [1], n=1)
        (kept,) = curation.restored(archive, FIRST)
        texts = [version.text for version in archive.versions(FIRST)]
        assert [kept.text in text for text in texts] == [True, True, True, False]
    assert_sound(path)


def test_restored_box_brings_what_other_rules_take_from_within_it(path: Path) -> None:
    with open_archive(path) as archive:
        number = 1 + pieces(archive, archive.versions(FIRST)[-1]).index("相关文章：渔业谈判 点击")
        version = curation.restore(archive, FIRST, [number])
        assert "相关文章：渔业谈判 点击" in version.text.split("\n")
        assert pieces(archive, version) == ["分享 :"]
    assert_sound(path)


def test_no_line_is_left_out_within_a_restored_box(path: Path) -> None:
    box = "<nav><p>要闻</p><p>滚动 12</p></nav>"
    add_rules(path, SOURCE, "[[remove]]\nrule = 'ticker'\nline = '滚动 \\d+'\n")
    record = make_record("栏目", LEAD + box + END.format("细节"), url=f"https://{SOURCE}/zh/7")
    reference = f"https://{SOURCE}/zh/7"
    with open_archive(path) as archive:
        importing(archive, path, {"7.md": record})
        before = everything(archive)
        (outer,) = pieces(archive, archive.versions(reference)[-1])
        version = curation.restore(archive, reference, [1])
        assert "要闻\n滚动 12" in version.text
        assert pieces(archive, version) == []
        assert [one.text for one in curation.restored(archive, reference)] == [outer]
        curation.restore(archive, reference, [1], undo=True)
        assert everything(archive) == before


def test_restored_piece_stays_in_captures_that_come_later(mirror: Mirror, path: Path) -> None:
    with open_archive(path) as archive:
        number = 1 + pieces(archive, archive.versions(FIRST)[-1]).index("分享 :")
        curation.restore(archive, FIRST, [number])
    mirror.commit(START + timedelta(days=2), {"articles/x/1.md": article(1, edit="已经公布")})
    with open_archive(path) as archive:
        archive.import_paths([mirror.path])
        versions = archive.versions(FIRST)
        assert len(versions) == 4
        assert all("分享 :" in version.text.split("\n") for version in versions)
    assert_sound(path)


def test_choices_go_with_a_backup_and_into_another_archive_of_the_same_mirror(
    mirror: Mirror, path: Path, tmp_path: Path
) -> None:
    with open_archive(path) as archive:
        curation.restore(archive, FIRST, [1])
        curation.switch_rule(archive, "other.example", "generic.share", off=True)
        expected = everything(archive)
        upkeep.backup(archive, tmp_path / "copy")
    assert_sound(tmp_path / "copy")
    with open_archive(tmp_path / "copy") as archive:
        assert everything(archive) == expected
    # In another order: the choices first, then the captures.
    (tmp_path / "late").mkdir()
    with open_archive(tmp_path / "late", create=True):
        pass
    shutil.copyfile(tmp_path / "copy" / "state.db", tmp_path / "late" / "state.db")
    with closing(sqlite3.connect(tmp_path / "late" / "state.db")) as connection:
        connection.execute("DELETE FROM mirror_tips")
        connection.commit()
    with open_archive(tmp_path / "late") as archive:
        archive.import_paths([mirror.path])
        assert everything(archive) == expected


def test_forgotten_article_leaves_no_choice_behind(path: Path) -> None:
    with open_archive(path) as archive:
        curation.restore(archive, FIRST, [1])
        assert archive.store.choices().restored
    upkeep.forget(path, FIRST, "auf Wunsch")
    with open_archive(path) as archive:
        assert archive.store.choices().restored == {}
    assert_sound(path)


# --------------------------------------------------------------------------- rules


def test_switched_off_rule_leaves_nothing_out_of_its_source_alone(path: Path) -> None:
    with open_archive(path) as archive:
        before, digest = everything(archive), archive.store.logical_digest()
        curation.switch_rule(archive, SOURCE, "generic.share", off=True)
        after = everything(archive)
        for name, versions in after.items():
            is_ours = name.startswith(f"{SOURCE}/")
            assert all(("分享 :" in text.split("\n")) is is_ours for _, text, _ in versions)
            for old, new in zip(before[name], versions, strict=True):
                assert (old[2] != new[2]) is is_ours
        rows = {row.name: row for row in curation.rules(archive, SOURCE)}
        assert rows["generic.share"].is_off
        assert rows["generic.share"].fired_on == 0
        assert rows["generic.read_more"].fired_on == rows["generic.read_more"].captures == 5
        assert not any(row.is_off for row in curation.rules(archive, "other.example"))
    assert_sound(path)
    with open_archive(path) as archive:
        curation.switch_rule(archive, SOURCE, "generic.share", off=False)
        assert everything(archive) == before
        assert archive.store.logical_digest() == digest
    assert_sound(path)


def test_switching_twice_is_switching_once(path: Path) -> None:
    with open_archive(path) as archive:
        for _ in range(2):
            curation.switch_rule(archive, SOURCE, "generic.share", off=True)
        once = everything(archive)
        curation.switch_rule(archive, SOURCE, "generic.read_more", off=False)  # was on
        assert everything(archive) == once
    assert_sound(path)


def test_piece_restored_under_a_switched_off_rule_is_kept_when_it_is_on_again(path: Path) -> None:
    with open_archive(path) as archive:
        before = everything(archive)
        curation.restore(archive, FIRST, [1])
        kept = curation.restored(archive, FIRST)
        curation.switch_rule(archive, SOURCE, kept[0].rule, off=True)
        assert curation.restored(archive, FIRST) == []  # nothing of it would be left out
        curation.switch_rule(archive, SOURCE, kept[0].rule, off=False)
        assert curation.restored(archive, FIRST) == kept
        curation.restore(archive, FIRST, [1], undo=True)
        assert everything(archive) == before


def test_generic_rule_that_is_code_can_be_switched_off_before_it_fires(path: Path) -> None:
    twice = make_record("外长会晤", f"<p>外长会晤</p>{LEAD}", url="https://third.example/1")
    with open_archive(path) as archive:
        importing(archive, path, {"1.md": twice})
        (row,) = (
            one for one in curation.rules(archive, SOURCE) if one.name == "generic.repeated_title"
        )
        assert row.fired_on == 0
        curation.switch_rule(archive, SOURCE, row.name, off=True)
        assert archive.rulebook.choices.switched_off == {SOURCE: frozenset({row.name})}
    assert_sound(path)


@pytest.mark.parametrize(
    ("source", "rule", "code", "near"),
    [
        (SOURCE, "generic.shares", "use.no_such_rule", "generic.share"),
        (SOURCE, "dw.follow", "use.no_such_rule", ""),
        ("news.exampel", "generic.share", "use.no_such_source", SOURCE),
        ("dww", "generic.share", "use.no_such_source", "dw"),
    ],
)
def test_unknown_rule_or_source_is_wrong_use_with_the_nearest(
    opened: Archive, source: str, rule: str, code: str, near: str
) -> None:
    with pytest.raises(UsageError) as caught:
        curation.switch_rule(opened, source, rule, off=True)
    assert caught.value.problem.code == code
    assert near in caught.value.problem.details["near"]
    assert opened.store.choices().switched_off == {}


def test_declared_source_without_articles_has_its_rules(opened: Archive) -> None:
    rows = curation.rules(opened, "dw")
    assert any(row.name.startswith("dw.") for row in rows)
    assert {(row.fired_on, row.captures) for row in rows} == {(0, 0)}
    assert curation.boilerplate(opened, "dw") == []
    # A decision may come before the articles.
    curation.switch_rule(opened, "dw", rows[0].name, off=True)
    assert opened.store.choices().switched_off == {"dw": frozenset({rows[0].name})}


# --------------------------------------------------------------------------- interruptions


def test_decision_of_a_process_that_died_is_taken_up_at_the_next_opening(path: Path) -> None:
    with open_archive(path) as archive:
        before = everything(archive)
        found = archive.find(FIRST)
        number = 1 + pieces(archive, archive.versions(FIRST)[-1]).index("分享 :")
        piece = curation.removed(archive, archive.versions(FIRST)[-1])[number - 1]
        archive.store.restore(
            found.id, [piece.key], undo=False, fact=f"{TO_READ_AGAIN} article {found.id}"
        )
        archive.store.switch(
            "other.example", "generic.share", off=True, fact=f"{TO_READ_AGAIN} source other.example"
        )
        assert everything(archive) == before  # here the process dies
    with open_archive(path) as archive:
        assert archive.store.facts(TO_READ_AGAIN) == []
        after = everything(archive)
        changed = {name for name in before if before[name] != after[name]}
        assert changed == {FIRST, "other.example/https://other.example/zh/1"}
        assert all("分享 :" in text for name in changed for _, text, _ in after[name])
    assert_sound(path)


KILLED = """
import os, signal, sys
from pathlib import Path
from shilu import curation
from shilu.archive.store import Store
from shilu.pipeline import open_archive
path, source, moment = sys.argv[1:]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with open_archive(Path(path)) as archive:
    if moment == "before":
        Store.refile = die
    elif moment == "between":
        Store.settle = die
    curation.switch_rule(archive, source, "generic.share", off=True, tick=die)
"""


@pytest.mark.parametrize("moment", ["before", "after", "between"])
def test_kill_while_a_decision_is_taken_up_is_made_up_for(
    path: Path, run_python: Callable[..., subprocess.Popen[str]], moment: str
) -> None:
    process = run_python(KILLED, path, SOURCE, moment)
    assert process.wait(60) == -signal.SIGKILL
    with open_archive(path) as archive:
        assert archive.store.facts(TO_READ_AGAIN) == []
        for name, versions in everything(archive).items():
            for _, text, _ in versions:
                assert ("分享 :" in text) is name.startswith(f"{SOURCE}/")
    assert_sound(path)


def test_decision_made_while_another_is_taken_up_is_not_lost(path: Path) -> None:
    fact = f"{TO_READ_AGAIN} source {SOURCE}"
    with open_archive(path) as archive, open_archive(path) as other:
        done: list[bool] = []

        def meanwhile(_done: int, _total: int | None, _unit: str) -> None:
            if not done:
                done.append(True)
                other.store.switch(SOURCE, "generic.read_more", off=True, fact=fact)

        curation.switch_rule(archive, SOURCE, "generic.share", off=True, tick=meanwhile)
        assert archive.store.facts(TO_READ_AGAIN) == []
        # What stands in a box that is kept is judged by the other rules.
        assert pieces(archive, archive.versions(FIRST)[-1]) == ["点击"]
    assert_sound(path)


def test_captures_that_come_in_under_old_choices_are_stale_until_a_rebuild(
    mirror: Mirror, path: Path
) -> None:
    mirror.commit(START + timedelta(days=2), {"articles/x/4.md": article(4)})
    with open_archive(path) as old, open_archive(path) as archive:
        curation.switch_rule(archive, SOURCE, "generic.share", off=True)
        old.import_paths([mirror.path])
    assert_sound(path, stale=1)
    upkeep.rebuild(path)
    with open_archive(path) as archive:
        assert "分享 :" in archive.versions(f"https://{SOURCE}/zh/4")[-1].text
    assert_sound(path)


def test_damaged_capture_does_not_keep_the_archive_closed(path: Path) -> None:
    with open_archive(path) as archive:
        (capture,) = archive.captures(f"https://{SOURCE}/zh/2")
    file = path / "captures" / capture.place.file
    data = bytearray(file.read_bytes())
    data[capture.place.offset + capture.place.length // 2] ^= 0xFF
    file.write_bytes(data)
    with open_archive(path) as archive:
        curation.switch_rule(archive, SOURCE, "generic.share", off=True)
        assert "分享 :" in archive.versions(FIRST)[-1].text
        faults = [fault for check in upkeep.verify(archive) for fault in check.faults]
        assert faults
        assert all("articles/x/2.md" in fault for fault in faults)


# --------------------------------------------------------------------------- captures judged anew


def importing(archive: Archive, path: Path, records: dict[str, bytes], folder: str = "x") -> None:
    """Import loose records."""
    target = path.parent / "loose" / "articles" / folder
    target.mkdir(parents=True, exist_ok=True)
    for name, data in records.items():
        (target / name).write_bytes(data)
    archive.import_paths([target])


def add_rules(path: Path, source: str, text: str) -> None:
    """Write an archive's file that adds rules to what is known of a source."""
    (path / "sources").mkdir(exist_ok=True)
    (path / "sources" / f"{source}.toml").write_text(f"id = '{source}'\n{text}", "utf-8")


def test_captures_become_accepted_and_refused_again_by_a_rule(path: Path) -> None:
    nothing = make_record("", "<div>分享 :</div>", url=f"https://{SOURCE}/zh/50")
    reference = f"https://{SOURCE}/zh/50"
    with open_archive(path) as archive:
        importing(archive, path, {"50.md": nothing})
        before, counts = everything(archive), archive.stats()
        problems = [item.problem for item in archive.problems()]
        assert [problem.code for problem in problems] == ["record.empty"]
        with pytest.raises(UsageError):
            archive.find(reference)

        curation.switch_rule(archive, SOURCE, "generic.share", off=True)
        assert archive.versions(reference)[-1].text == "分享 :"
        assert (archive.stats().captures, archive.stats().refused) == (counts.captures + 1, 0)
        assert [item.problem.code for item in archive.problems()] == ["record.no_title"]
    assert_sound(path)
    with open_archive(path) as archive:
        curation.switch_rule(archive, SOURCE, "generic.share", off=False)
        with pytest.raises(UsageError):
            archive.find(reference)
        assert archive.stats() == counts
        assert everything(archive) == before
        assert [item.problem for item in archive.problems()] == problems
    assert_sound(path)


def test_hundreds_of_captures_in_several_files_are_judged_anew(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "mirror.git")
    steps = []
    for start in range(0, 600, 60):
        write = {}
        for n in range(start, start + 60):
            edit = f"第{n}次写成"
            number = n - 100 if n % 5 == 4 and n > 100 else n  # an edit, batches later
            write[f"articles/x/{number}.md"] = article(number, edit=edit)
        if start % 120 == 0:
            write[f"articles/x/e{start}.md"] = make_record(
                "", SHARE, url=f"https://{SOURCE}/zh/e{start}"
            )
        steps.append(Step(START + timedelta(days=start), write))
    path = tmp_path / "archive"
    for some in (steps[:4], steps[4:]):
        mirror.commits(some)
        with open_archive(path, create=True) as archive:
            archive.import_paths([mirror.path])
        first, *_ = warc.capture_files(path / "captures")
        (path / "shilu.toml").write_text(f"format = 1\nmax_warc_bytes = {first.stat().st_size}\n")
    assert len(warc.capture_files(path / "captures")) > 1
    with open_archive(path) as archive:
        before, digest, counts = (
            everything(archive),
            archive.store.logical_digest(),
            archive.stats(),
        )
        assert counts.captures == 600
        assert counts.refused == 5
        told: list[tuple[int, int | None]] = []
        curation.switch_rule(
            archive, SOURCE, "generic.share", off=True,
            tick=lambda done, total, _unit: told.append((done, total)),
        )  # fmt: skip
        assert told[-1] == (605, 605)
        assert archive.stats().refused == 0
        after = everything(archive)
        assert len(after) == len(before) + 5
        assert all("分享 :" in text for versions in after.values() for _, text, _ in versions)
        assert {name: len(versions) for name, versions in before.items()}.items() <= {
            name: len(versions) for name, versions in after.items()
        }.items()
    assert_sound(path)
    with open_archive(path) as archive:
        curation.switch_rule(archive, SOURCE, "generic.share", off=False)
        assert everything(archive) == before
        assert archive.store.logical_digest() == digest
        assert archive.stats() == counts
    assert_sound(path)


# --------------------------------------------------------------------------- drift


def drifting(n: int, body: str) -> bytes:
    return make_record(
        f"第{n}篇", f"<p>第{n}篇的正文，两国外长会晤。</p>{body}",
        url=f"https://{SOURCE}/zh/{n}", at=START + timedelta(hours=n),
    )  # fmt: skip


def test_rule_that_stops_firing_is_a_problem_of_its_source(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    with open_archive(path, create=True) as archive:
        importing(archive, path, {f"{n}.md": drifting(n, SHARE) for n in range(1, 140)})
        assert curation.drifts(archive) == {}
        importing(archive, path, {f"{n}.md": drifting(n, "") for n in range(140, 190)})
        (problem,) = curation.drifts(archive)[SOURCE]
    assert problem.code == "rule.drift"
    assert problem.details == {
        "source": SOURCE, "rule": "generic.share", "before": "100%", "now": "0%",
        "captures": "50", "since": f"{START + timedelta(hours=140):%Y-%m-%d}",
    }  # fmt: skip


def test_new_rules_are_no_drift_before_and_after_a_rebuild(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    lines = "<p>下载应用</p>"
    with open_archive(path, create=True) as archive:
        importing(archive, path, {f"{n}.md": drifting(n, lines) for n in range(1, 130)})
    add_rules(path, SOURCE, "[[remove]]\nrule = 'app'\nline = '下载应用'\n")
    with open_archive(path) as archive:
        importing(archive, path, {f"{n}.md": drifting(n, lines) for n in range(130, 190)})
        assert curation.drifts(archive) == {}
    upkeep.rebuild(path)
    with open_archive(path) as archive:
        assert curation.drifts(archive) == {}
        (row,) = (row for row in curation.rules(archive, SOURCE) if row.name.startswith(SOURCE))
        assert (row.name, row.fired_on, row.captures) == (f"{SOURCE}.app", 189, 189)


# --------------------------------------------------------------------------- what recurs

PROMO = "下载“晨港”应用（C:\\news 版）{免费}，价格$1.50+税 [it's 'free']!"
TOPICS = ["渔业", "航运", "关税", "教育", "签证", "能源", "气候"]


def words(n: int, seed: int) -> str:
    """Return words that no other article has."""
    chance = random.Random(1000 * seed + n)
    return "".join(chr(chance.randrange(0x4E00, 0x9000)) for _ in range(18))


def outlet(n: int) -> bytes:
    """Return an article with what surrounds it on the pages of an outlet nobody declared."""
    topic = TOPICS[n % len(TOPICS)]
    body = (
        f"<p>代表就{topic}发言：{words(n, 1)}，双方没有发表声明。</p>"
        f"<p>问：{words(n, 2)}？</p>"
        f"<p>外交部：{words(n, 3)}。</p>"
        f"<p>代表最后说，{words(n, 4)}。</p>"
        f"<p>{PROMO}</p>"
        f"<p>本文已有 {n * 37} 人读过</p>"
        f"<p>专题阅读：{topic}观察之{n}</p>"
        f"<p>责编：李四{'' if n % 2 else '　网编：王五'}</p>"
    )
    return make_record(
        f"{topic}会议：{words(n, 5)}", body,
        url=f"https://{SOURCE}/zh/{n}", at=START + timedelta(hours=n),
    )  # fmt: skip


@pytest.fixture
def surrounded(tmp_path: Path) -> Path:
    path = tmp_path / "surrounded"
    with open_archive(path, create=True) as archive:
        importing(archive, path, {f"{n}.md": outlet(n) for n in range(1, 31)})
        importing(archive, path, {"1.md": article(1, host=f"blog.{SOURCE}")}, "blog")
    return path


def test_lines_that_recur_are_found_and_what_belongs_to_articles_is_not(surrounded: Path) -> None:
    with open_archive(surrounded) as archive:
        found = {one.text: one for one in curation.boilerplate(archive, SOURCE)}
    assert PROMO in found
    assert found[PROMO].share == 1.0
    (running,) = (one for text, one in found.items() if text.startswith("本文已有"))
    assert running.articles == 30
    assert not running.is_start
    label = found["专题阅读："]
    assert label.is_start
    assert label.where > 0.8
    assert len(found) == 3, list(found)


def test_saved_rules_clean_the_outlet_at_once_and_for_good(surrounded: Path) -> None:
    with open_archive(surrounded) as archive:
        before = everything(archive)
        found = curation.boilerplate(archive, SOURCE)
        promo = [one for one in found if one.text == PROMO]
        others = [one for one in found if one.text != PROMO]
        file = curation.save_rules(archive, SOURCE, promo)
        assert file == surrounded / "sources" / f"{SOURCE}.toml"
        table = tomllib.loads(file.read_text("utf-8"))
        assert set(table) == {"id", "remove"}
        assert [row["rule"] for row in table["remove"]] == ["recurring_1"]
        newest = archive.versions(f"https://{SOURCE}/zh/3")[-1]
        assert PROMO not in newest.text
        assert Removed(f"{SOURCE}.recurring_1", PROMO) in curation.removed(archive, newest)
        assert "专题阅读" in newest.text
        assert [one.text for one in curation.boilerplate(archive, SOURCE)] == [
            one.text for one in others
        ]
    assert_sound(surrounded)
    with open_archive(surrounded) as archive:
        curation.save_rules(archive, SOURCE, others)
        rows = tomllib.loads(file.read_text("utf-8"))["remove"]
        assert [row["rule"] for row in rows] == ["recurring_1", "recurring_2", "recurring_3"]
        names = {row.name: row for row in curation.rules(archive, SOURCE)}
        for n in (1, 2, 3):
            assert names[f"{SOURCE}.recurring_{n}"].fired_on == 30
        assert curation.boilerplate(archive, SOURCE) == []
        after = everything(archive)
        for n in range(1, 31):
            ((_, text, _),) = after[f"{SOURCE}/https://{SOURCE}/zh/{n}"]
            assert text.split("\n")[-2].startswith("代表最后说")
            assert text.split("\n")[-1].startswith("责编：李四")
        # Those of a host below it are another source's, as they were.
        (blog,) = (name for name in before if name.startswith("blog."))
        assert after[blog] == before[blog]
        assert set(after) == set(before)
    assert_sound(surrounded)


def test_process_that_died_after_writing_rules_is_made_up_for(
    surrounded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_archive(surrounded) as archive:
        found = curation.boilerplate(archive, SOURCE)
        with monkeypatch.context() as patch:
            patch.setattr(Archive, "take_up_choices", lambda *_: (_ for _ in ()).throw(KeyError))
            with pytest.raises(KeyError):
                curation.save_rules(archive, SOURCE, found)
        assert PROMO in archive.versions(f"https://{SOURCE}/zh/3")[-1].text
    with open_archive(surrounded) as archive:
        assert PROMO not in archive.versions(f"https://{SOURCE}/zh/3")[-1].text
    assert_sound(surrounded)


def test_rules_are_added_to_those_of_a_declared_outlet(tmp_path: Path) -> None:
    path = tmp_path / "archive"

    def record(n: int) -> bytes:
        body = (
            f"<p>第{n}号代表就渔业发言，会议持续到{n}日。</p><p>{PROMO}</p>"
            '<div class="col3"><a class="follow">转发脸书</a></div><p>他说完了。</p>'
        )
        return make_record(
            f"第{n}天", body, url=f"https://www.dw.com/zh/x/a-{7000 + n}",
            at=START + timedelta(hours=n),
        )  # fmt: skip

    with open_archive(path, create=True) as archive:
        importing(archive, path, {f"{n}.md": record(n) for n in range(1, 8)}, "dw")
        ours = archive.catalog.rules["dw"]
        found = [one for one in curation.boilerplate(archive, "dw") if one.text == PROMO]
        file = curation.save_rules(archive, "dw", found)
        assert file.read_text("utf-8").startswith("id = 'dw'\n\n[[remove]]\n")
        now = archive.catalog.rules["dw"]
        assert now.remove[: len(ours.remove)] == ours.remove
        assert [rule.rule for rule in now.remove[len(ours.remove) :]] == ["dw.recurring_1"]
        assert (now.source, now.key_patterns, now.dates) == (
            ours.source, ours.key_patterns, ours.dates,
        )  # fmt: skip
        assert PROMO not in archive.versions("dw/a-7001")[-1].text
    assert_sound(path)


def test_file_of_the_archive_that_declares_an_outlet_is_appended_to(surrounded: Path) -> None:
    declared = (
        f"# ours\nid = '{SOURCE}'\nhosts = ['{SOURCE}']\ntime_zone = 'Asia/Taipei'\n"
        "languages = ['zh-Hans']\n[names]\nzh-Hans = '晨港'\n"
    )
    (surrounded / "sources").mkdir()
    file = surrounded / "sources" / f"{SOURCE}.toml"
    file.write_text(declared, "utf-8")
    with open_archive(surrounded) as archive:
        curation.save_rules(archive, SOURCE, curation.boilerplate(archive, SOURCE))
        assert archive.catalog.rules[SOURCE].source.time_zone == "Asia/Taipei"
    assert file.read_text("utf-8").startswith(declared.rstrip())


def test_file_whose_rules_cannot_be_appended_to_is_left_as_it_is(surrounded: Path) -> None:
    (surrounded / "sources").mkdir()
    file = surrounded / "sources" / f"{SOURCE}.toml"
    file.write_text(f"id = '{SOURCE}'\nremove = [{{ rule = 'x', line = 'y' }}]\n", "utf-8")
    text = file.read_text("utf-8")
    with open_archive(surrounded) as archive:
        with pytest.raises(UsageError) as caught:
            curation.save_rules(archive, SOURCE, curation.boilerplate(archive, SOURCE))
        assert caught.value.problem.code == "config.unreadable"
        assert file.read_text("utf-8") == text
    assert [one.name for one in (surrounded / "sources").iterdir()] == [file.name]


def test_saving_nothing_is_wrong_use_and_writes_nothing(surrounded: Path) -> None:
    with open_archive(surrounded) as archive:
        with pytest.raises(UsageError) as caught:
            curation.save_rules(archive, SOURCE, [])
        assert caught.value.problem.code == "use.no_such_line"
    assert not (surrounded / "sources").exists()


@pytest.mark.parametrize(
    "text",
    [
        PROMO,
        "it's",
        "\"quoted\" and 'quoted'",
        "back\\slash \\d+ \\",
        "a|b (c) [d] {e} ^f$ .* +? #g ~h & - ",
        "１２３ 全角 45 人",
        "''' triple \"\"\" # comment",
        "emoji 😀 \u200d\u007f é",
        "tab\tand \u3000ideographic blank",
    ],
)
def test_any_line_makes_a_rule_that_meets_it(text: str, tmp_path: Path) -> None:
    line = " ".join(text.split())
    for is_start in (False, True):
        seen = curation._Seen()
        seen.note(1, line, 1.0)
        one = seen.told(1, is_start=is_start)
        (tmp_path / "news.example.toml").write_text(
            f"id = 'news.example'\n\n{curation.rules_toml([one, one])}", "utf-8"
        )
        rules = load_catalog(tmp_path).rules["news.example"]
        assert [rule.rule for rule in rules.remove] == [
            "news.example.recurring_1", "news.example.recurring_2",
        ]  # fmt: skip
        assert rules.remove[0].meets_line(line + ("：以及其他" if is_start else ""))
        assert not rules.remove[0].meets_line("x" + line)
        assert rules.remove[0].meets_line(line + "x") is is_start


def test_a_text_published_twice_and_few_articles_are_no_boilerplate(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    with open_archive(path, create=True) as archive:
        importing(archive, path, {f"{n}.md": outlet(n) for n in (1, 2)})
        assert curation.boilerplate(archive, SOURCE) == []
        with pytest.raises(UsageError) as caught:
            curation.boilerplate(archive, "news.exampel")
    assert caught.value.problem.code == "use.no_such_source"
    assert caught.value.problem.details["near"] == SOURCE


# --------------------------------------------------------------------------- rules over lines

GOOD = "id = 'leda'\nhosts = ['leda.example']\ntime_zone = 'UTC'\nlanguages = ['en']\n"
GOOD += "[names]\nen = 'Leda'\n"


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ("select = 'p'\nline = 'x'", "select"),
        ("max_chars = 5", "select"),
        ("line = 'x'\ntext = 'y'", "select"),
        ("line = '('", "line"),
        ("line = 5", "line"),
    ],
)
def test_rule_over_lines_with_a_slip_is_refused_by_name(
    tmp_path: Path, keys: str, named: str
) -> None:
    (tmp_path / "leda.toml").write_text(f"{GOOD}[[remove]]\nrule = 'x'\n{keys}\n", "utf-8")
    with pytest.raises(UsageError) as caught:
        load_catalog(tmp_path)
    assert caught.value.problem.code == "config.bad_value"
    assert caught.value.problem.details["key"] == named


@pytest.mark.parametrize("name", ["", "two words", "a.b", "tab\\t"])
def test_rule_names_are_one_word(tmp_path: Path, name: str) -> None:
    text = f'{GOOD}[[remove]]\nrule = "{name}"\nline = "x"\n'
    (tmp_path / "leda.toml").write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        load_catalog(tmp_path)
    assert caught.value.problem.details["key"] == "rule"


def test_added_rules_must_bear_the_id_of_their_file(tmp_path: Path) -> None:
    for name in ("dw", "news.example"):
        (tmp_path / f"{name}.toml").write_text(
            "id = 'rfi'\n[[remove]]\nrule = 'x'\nline = 'y'\n", "utf-8"
        )
        with pytest.raises(UsageError) as caught:
            load_catalog(tmp_path)
        assert caught.value.problem.details["expected"] == name
        (tmp_path / f"{name}.toml").unlink()


def test_added_rules_change_the_digest_of_their_source_alone(tmp_path: Path) -> None:
    before = load_catalog()
    for name in ("dw", "news.example"):
        (tmp_path / f"{name}.toml").write_text(
            f"id = '{name}'\n[[remove]]\nrule = 'x'\nline = 'y'\n", "utf-8"
        )
    after = load_catalog(tmp_path)
    changed = {name for name in after.rules if before.digest_of(name) != after.digest_of(name)}
    assert changed == {"dw", "news.example"}
    assert not after.rules["news.example"].source.declared
    assert after.for_url("https://news.example/x").source.id == "news.example"
    assert [rule.rule for rule in after.for_url("https://news.example/x").remove] == [
        "news.example.x"
    ]
    assert after.for_url("https://blog.news.example/x").source.id == "blog.news.example"
    assert after.for_folder("news.example") is None


def test_rule_over_lines_keeps_to_its_period_and_length_and_says_what_it_took(
    tmp_path: Path,
) -> None:
    path = tmp_path / "archive"
    with open_archive(path, create=True):
        pass
    add_rules(
        path, SOURCE,
        "[[remove]]\nrule = 'promo'\nline = '推广.*'\nmax_chars = 6\n"
        "since = 2020-10-10\nuntil = 2020-10-11\n",
    )  # fmt: skip

    def record(n: int, at: datetime) -> bytes:
        body = "<h2>推广一</h2><p>两国外长会晤。</p><p>推广<b>二</b></p><p>推广三，长得多的一行</p>"
        return make_record(f"第{n}天", body, url=f"https://{SOURCE}/zh/{n}", at=at)

    with open_archive(path) as archive:
        records = {f"{n}.md": record(n, START + timedelta(days=n - 2)) for n in range(1, 6)}
        importing(archive, path, records)
        left_out = {}
        for n in range(1, 6):
            version = archive.versions(f"https://{SOURCE}/zh/{n}")[-1]
            left_out[n] = curation.removed(archive, version)
            kept = version.text.split("\n")[1:]
            removed = [one.text for one in left_out[n]]
            assert sorted([*kept, *removed]) == sorted(
                ["推广一", "两国外长会晤。", "推广二", "推广三，长得多的一行"]
            )
    ours = tuple(Removed(f"{SOURCE}.promo", text) for text in ("推广一", "推广二"))
    assert left_out == {1: (), 2: ours, 3: ours, 4: (), 5: ()}
    assert_sound(path)


# --------------------------------------------------------------------------- forms of the databases


def test_state_of_an_earlier_release_gets_the_tables_it_lacks(path: Path) -> None:
    with closing(sqlite3.connect(path / database.STATE)) as connection:
        connection.execute("DROP TABLE switched_off")
        connection.execute("DROP TABLE restored")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
        tips = connection.execute("SELECT * FROM mirror_tips").fetchall()
    with open_archive(path) as archive:
        assert sorted(archive.store.tips()) == sorted(name for (name,) in tips)
        curation.switch_rule(archive, SOURCE, "generic.share", off=True)
    with closing(sqlite3.connect(path / database.STATE)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.STATE,)
    assert_sound(path)


def test_database_of_an_earlier_release_is_made_anew_by_a_rebuild(path: Path) -> None:
    with open_archive(path) as archive:
        curation.restore(archive, FIRST, [1])
        before, digest = everything(archive), archive.store.logical_digest()
    with closing(sqlite3.connect(path / DATABASE)) as connection:
        connection.execute("DROP TABLE rule_sets")
        connection.execute(f"PRAGMA user_version = {schema.DERIVED - 1}")
        connection.commit()
    with pytest.raises(ArchiveDamaged) as caught:
        open_archive(path)
    assert caught.value.problem.code == "archive.database_older"
    assert "shilu rebuild" in str(caught.value)
    rebuilt = upkeep.rebuild(path)
    assert rebuilt.before == rebuilt.after == digest
    with open_archive(path) as archive:
        assert everything(archive) == before
    assert_sound(path)


# --------------------------------------------------------------------------- every outlet's pages

PAGES = sorted((Path(__file__).parent / "sources").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_any_piece_can_be_restored_and_any_rule_switched_off(page: Path) -> None:
    data, place = page.read_bytes(), f"articles/{page.parent.name}/{page.name}"
    catalog = load_catalog()
    read = read_capture(data, place, catalog, place)
    assert isinstance(read, Reading)
    old = read.content
    for piece in old.removed:
        choices = Choices(restored={article_id(read.source, read.key): frozenset({piece.key})})
        kept = read_capture(data, place, catalog, place, choices)
        assert isinstance(kept, Reading)
        assert piece not in kept.content.removed
        assert_all_there(piece, old, kept.content)
    for rule in {piece.rule for piece in old.removed}:
        choices = Choices(switched_off={read.source: frozenset({rule})})
        kept = read_capture(data, place, catalog, place, choices)
        assert isinstance(kept, Reading)
        assert rule not in {piece.rule for piece in kept.content.removed}
        for piece in old.removed:
            if piece.rule == rule:
                assert_all_there(piece, old, kept.content)


def assert_all_there(piece: Removed, old: Content, new: Content) -> None:
    """A piece kept stands in the text, but for what other rules take from within it."""
    within = [one for one in new.removed if one not in old.removed]
    left = Counter(content_key(piece.text))
    for one in within:
        left -= Counter(content_key(one.text))
    if within:
        assert not left - Counter(content_key(new.text))
    else:
        assert content_key(piece.text) in content_key(new.text)
