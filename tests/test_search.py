"""Search in archives: kept up to date through imports, rebuilds, forgetting and crashes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from shilu import upkeep
from shilu.cli import main
from shilu.errors import UsageError
from shilu.pipeline import Archive, open_archive

HEAD = "<!--{stamp}-->\n[{title}]({url})\n------\n\n<div><p>{text}</p></div>\n"


def record(number: int, title: str, text: str, stamp: int = 1_720_000_000_000) -> bytes:
    url = f"https://www.voachinese.com/a/{7_881_280 + number}.html"
    return HEAD.format(stamp=stamp + number, title=title, url=url, text=text).encode()


@pytest.fixture
def three(archive: Archive, record_file: Callable[[str, bytes], Path]) -> tuple[Archive, Path]:
    record_file("voa/1.md", record(1, "川普談關稅", "美國總統川普週四說，他與普丁通了電話。"))
    record_file("voa/2.md", record(2, "特朗普会见普京", "两人谈了三小时。"))
    folder = record_file("voa/3.md", record(3, "纳卡局势", "亚美尼亚军队撤出。"))
    archive.import_paths([folder])
    return archive, folder


def keys(archive: Archive, query: str) -> set[str]:
    return {hit.article.key[-1] for hit in archive.search(query).hits}


def test_search_finds_what_was_imported(three: tuple[Archive, Path]) -> None:
    archive, _ = three
    assert keys(archive, "川普") == {"1", "2"}
    assert keys(archive, '"川普"') == {"1"}
    results = archive.search("普京")
    assert {why.form for hit in results.hits for why in hit.why} == {"普丁", "普京"}
    for hit in results.hits:
        assert [span.of(hit.version.text) for span in hit.spans] in (["普丁"], ["普京"])
    assert results.facets["source"] == {"voa": 2}


def test_search_follows_imports(
    three: tuple[Archive, Path], record_file: Callable[[str, bytes], Path]
) -> None:
    archive, folder = three
    assert keys(archive, "停火") == set()
    record_file("voa/3.md", record(3, "纳卡停火", "亚美尼亚军队撤出。"))
    archive.import_paths([folder])
    assert keys(archive, "停火") == {"3"}
    (hit,) = archive.search("撤出").hits
    assert len(archive.versions(hit.article.id)) == 2
    assert (len(hit.older), hit.is_newest) == (1, True)


def test_search_follows_forgetting_and_nothing_stays(three: tuple[Archive, Path]) -> None:
    archive, _ = three
    assert keys(archive, "纳卡") == {"3"}
    path = archive.store.path
    archive.close()
    upkeep.forget(path, "voa/7881283", "court order")
    assert not (path / "index").exists()
    with open_archive(path) as again:
        assert keys(again, "纳卡") == set()
        assert keys(again, "") == {"1", "2"}


def test_search_follows_a_rebuild(three: tuple[Archive, Path]) -> None:
    archive, _ = three
    assert keys(archive, "纳卡") == {"3"}
    path = archive.store.path
    archive.close()
    before = json.dumps(sorted(p.name for p in (path / "index").iterdir()))
    upkeep.rebuild(path)
    with open_archive(path) as again:
        assert keys(again, "纳卡") == {"3"}
        assert again.search("").total == 3
    assert before != json.dumps(sorted(p.name for p in (path / "index").iterdir()))


def test_search_makes_a_damaged_index_anew(three: tuple[Archive, Path]) -> None:
    archive, _ = three
    assert keys(archive, "纳卡") == {"3"}
    for path in (archive.store.path / "index").glob("*.idx"):
        path.write_bytes(b"")
    with open_archive(archive.store.path) as again:
        assert keys(again, "纳卡") == {"3"}


def test_search_makes_an_index_anew_that_is_ahead_of_the_database(
    three: tuple[Archive, Path],
) -> None:
    archive, _ = three
    assert keys(archive, "纳卡") == {"3"}
    with archive.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM changes WHERE no > 1")
    assert archive.search("").total == 1


def test_search_says_what_is_wrong_with_a_query(three: tuple[Archive, Path]) -> None:
    archive, _ = three
    with pytest.raises(UsageError):
        archive.search("国" * 10_000)
    assert [note.code for note in archive.search("(纳卡").notes] == ["query.parenthesis"]


KILLED = """
import os, sys
from pathlib import Path
import shilu.search.index as index
from shilu.pipeline import open_archive
index._COMMIT = 1
commits = 0
if sys.argv[2] == "before":
    old = index.SearchIndex._commit
    def commit(*args):
        global commits
        commits += 1
        if commits == 2:
            os._exit(9)
        old(*args)
else:
    old = index.SearchIndex._commit
    def commit(*args):
        old(*args)
        os._exit(9)
index.SearchIndex._commit = commit
open_archive(Path(sys.argv[1])).search("")
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_indexing_the_next_search_catches_up(
    three: tuple[Archive, Path],
    run_python: Callable[..., subprocess.Popen[str]],
    when: str,
) -> None:
    archive, _ = three
    process = run_python(KILLED, archive.store.path, when)
    assert process.wait(60) == 9, process.stderr and process.stderr.read()
    assert archive._search_index().complete_to == 1
    assert keys(archive, "") == {"1", "2", "3"}
    assert keys(archive, "纳卡") == {"3"}


# ------------------------------------------------------------------------------ the command


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(str(end.value.code)), capsys.readouterr().out


def test_command_prints_json(
    three: tuple[Archive, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = three[0].store.path
    code, out = run(capsys, "search", "川普", "--archive", path, "--json", "--limit", 1)
    answer = json.loads(out)
    assert code == 0
    assert set(answer) == {
        "total", "read_as", "notes", "names", "nearest", "behind", "hits", "facets", "cursor",
    }  # fmt: skip
    assert (answer["total"], answer["read_as"]) == (2, "川普")
    (hit,) = answer["hits"]
    start, end = hit["spans"][0]
    with open_archive(path) as archive:
        text = archive.versions(hit["article"])[hit["n"] - 1].text
    assert text[start:end] in ("川普", "特朗普")
    assert hit["why"][0]["asked"] == "川普"
    code, out = run(
        capsys, "search", "川普", "--archive", path, "--json", "--cursor", answer["cursor"]
    )
    assert [one["article"] for one in json.loads(out)["hits"]] != [hit["article"]]


def test_command_shows_why(
    three: tuple[Archive, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHILU_LANG", "zh")
    path = three[0].store.path
    code, out = run(capsys, "search", "川普", "(普京", "--archive", path)
    assert code == 0
    assert "特朗普 × 1（标题），即 川普" in out.replace(" (标题)", "（标题）")
    code, out = run(capsys, "rebuild", "--index", "--archive", path)
    assert (code, out) == (0, "已索引 3 篇文章。\n")


def test_command_refuses_what_is_too_long(
    three: tuple[Archive, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = three[0].store.path
    assert run(capsys, "search", "国" * 10_000, "--archive", path) == (2, "")
