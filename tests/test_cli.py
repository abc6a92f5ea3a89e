"""The command line as a person and a program use it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shilu.sample import newsroom

from .real_records import RECORDS, needs_records


def shilu(*arguments: object, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SHILU_", "LC_", "LANG"))
    }
    return subprocess.run(
        [sys.executable, "-m", "shilu", *map(str, arguments)],
        cwd=cwd,
        env={**inherited, "TZ": "UTC", **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def answer(*arguments: object, cwd: Path, code: int = 0) -> Any:
    run = shilu(*arguments, "--json", cwd=cwd)
    assert run.returncode == code, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    newsroom.build_mirror(folder / "mirror")
    (folder / "a" / "sources").mkdir(parents=True)
    for name, text in newsroom.source_files().items():
        (folder / "a" / "sources" / name).write_text(text, "utf-8")
    report = answer("import", "mirror", "--archive", "a", cwd=folder, code=1)
    assert (report["read"], report["articles"], report["versions"]) == (42, 35, 40)
    return folder


def test_import_json_has_the_documented_keys_and_adds_up(tmp_path: Path) -> None:
    newsroom.build_mirror(tmp_path / "mirror")
    report = answer("import", "mirror", "--archive", "a", cwd=tmp_path, code=1)
    assert set(report) == {
        "read",
        "articles",
        "versions",
        "same",
        "refused",
        "passed_over",
        "by_source",
        "problems",
        "reports",
    }
    assert report["read"] == report["versions"] + report["same"] + report["refused"]
    for key in ("read", "articles", "versions", "same", "refused"):
        assert report[key] == sum(row[key] for row in report["by_source"].values())
    again = answer("import", "mirror", "--archive", "a", cwd=tmp_path)
    assert again["read"] == 0, "nothing is walked twice"


def test_show_finds_by_id_prefix_key_and_url(demo: Path) -> None:
    whole = answer("show", newsroom.EDITED, "--archive", "a", cwd=demo)
    article = whole["article"]
    assert set(article) == {"id", "source", "key", "url"}
    assert [version["n"] for version in whole["versions"]] == [1, 2, 3]
    for key in ("title", "text", "feed_at", "published_at", "dateline_on", "captured_at"):
        assert key in whole["versions"][0]
    for reference in (article["id"], article["id"][:10], article["key"], article["url"]):
        assert answer("show", reference, "--archive", "a", cwd=demo)["article"] == article


def test_show_diff_marks_words_by_signs_not_by_colour_alone(demo: Path) -> None:
    run = shilu("show", newsroom.EDITED, "--diff", 1, 2, "--archive", "a", cwd=demo)
    assert "[-鄔明秀-]{+鄔明岫+}" in run.stdout
    steps = answer("show", newsroom.EDITED, "--diff", 1, 2, "--archive", "a", cwd=demo)
    newer = "".join(step["text"] for step in steps["diff"] if step["kind"] != "deleted")
    assert newer == steps["versions"][1]["text"]


def test_show_raw_gives_the_bytes_as_received(demo: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "shilu", "show", newsroom.EDITED, "--raw", "--archive", "a"],
        cwd=demo,
        capture_output=True,
        check=True,
    )
    assert run.stdout == (demo / "mirror/articles/beiou/1048569.md").read_bytes()


def test_show_removed_names_the_rule(demo: Path) -> None:
    removed = answer("show", newsroom.EDITED, "--removed", "--archive", "a", cwd=demo)["removed"]
    assert "beiou.copyright" in {piece["rule"] for piece in removed}


def test_stats_sources_and_problems_agree(demo: Path) -> None:
    stats = answer("stats", "--archive", "a", cwd=demo)
    assert stats["captures"] + stats["refused"] == 42
    assert stats["sources"] == 3
    sources = answer("sources", "--archive", "a", cwd=demo)["sources"]
    assert sum(row["articles"] for row in sources) == stats["articles"]
    silent = {row["id"]: row["silent_since"] for row in sources}
    assert silent["ledacourier"]
    assert silent["ledacourier"].startswith("2026-03-04")
    assert silent["beiou"] is None
    problems = answer("problems", "--archive", "a", cwd=demo)["problems"]
    assert sum(problem["refused"] for problem in problems) == stats["refused"]
    refused = problems[0]
    assert refused["code"] == "record.no_head"
    assert (demo / "a" / refused["where"]["file"]).is_file()
    raw = shilu("problems", "--raw", refused["capture"], "--archive", "a", cwd=demo)
    assert raw.stdout == (demo / "mirror/articles/beiou/1048560.md").read_text("utf-8")


def test_verify_rebuild_and_preview_of_a_sound_archive(demo: Path) -> None:
    verified = answer("verify", "--archive", "a", cwd=demo)
    assert verified["ok"] is True
    assert all(check["faults"] == [] for check in verified["checks"])
    rebuilt = answer("rebuild", "--archive", "a", cwd=demo)
    assert rebuilt["digest_before"] == rebuilt["digest_after"]
    assert answer("rebuild", "--preview", "--archive", "a", cwd=demo)["changed"] == []


def test_backup_and_forget(demo: Path) -> None:
    answer("backup", "copy", "--archive", "a", cwd=demo)
    gone = answer("forget", newsroom.EDITED, "--reason", "test", "--archive", "copy", cwd=demo)
    assert gone["captures"] == 3
    assert answer("verify", "--archive", "copy", cwd=demo)["ok"] is True
    missing = answer("show", newsroom.EDITED, "--archive", "copy", cwd=demo, code=2)
    assert missing["error"]["code"] == "use.bad_reference"


def test_damage_exits_with_three_and_names_the_record(demo: Path) -> None:
    answer("backup", "hurt", "--archive", "a", cwd=demo)
    (file,) = (demo / "hurt" / "captures").rglob("*.warc.gz")
    data = bytearray(file.read_bytes())
    problems = answer("problems", "--archive", "a", cwd=demo)["problems"]
    place = problems[0]["where"]
    data[place["offset"] + place["length"] // 2] ^= 0x10
    file.write_bytes(data)
    verified = answer("verify", "--archive", "hurt", cwd=demo, code=3)
    faults = [fault for check in verified["checks"] for fault in check["faults"]]
    assert any("articles/beiou/1048560.md" in fault for fault in faults)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["import", "nowhere"], "use.no_such_path"),
        (["show", "nothing/at-all"], "use.bad_reference"),
        (["show", newsroom.EDITED, "--version", "9"], "use.no_such_version"),
        (["show", newsroom.EDITED, "--diff", "1", "9"], "use.no_such_version"),
        (["backup", "mirror"], "use.not_empty"),
        (["extract", "nowhere.html"], "use.no_such_path"),
        (["extract", "mirror"], "record.not_a_file"),
        (["extract", "mirror/lists/望潮晨报.md", "--source", "rif"], "use.no_such_source"),
    ],
)
def test_wrong_use_exits_with_two_and_says_what_to_do(
    demo: Path, arguments: list[str], code: str
) -> None:
    where = [] if arguments[0] == "extract" else ["--archive", "a"]
    error = answer(*arguments, *where, cwd=demo, code=2)["error"]
    assert error["code"] == code
    assert error["reason"]
    assert error["action"]


def test_a_socket_is_refused_in_words(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.md"))
        error = answer("import", "s.md", "--archive", "a", cwd=tmp_path, code=2)["error"]
    assert error["code"] == "record.not_a_file"
    assert "socket" in error["reason"]


def test_an_archive_of_a_newer_program_is_left_alone(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "a" / "captures").mkdir(parents=True)
    (tmp_path / "a" / "shilu.toml").write_text("format = 99\n", "utf-8")
    error = answer("stats", "--archive", "a", cwd=tmp_path, code=3)["error"]
    assert error["code"] == "archive.newer"
    assert not (tmp_path / "a" / "shilu.db").exists()


def test_a_slip_in_the_settings_is_named(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "a" / "captures").mkdir(parents=True)
    (tmp_path / "a" / "shilu.toml").write_text("max_record_byte = 5\n", "utf-8")
    error = answer("stats", "--archive", "a", cwd=tmp_path, code=2)["error"]
    assert error["code"] == "config.unknown_key"
    assert "max_record_bytes" in error["action"]


def test_texts_follow_the_language(demo: Path) -> None:
    zh = shilu("problems", "--archive", "a", cwd=demo, LANG="zh_CN.UTF-8")
    en = shilu("problems", "--archive", "a", cwd=demo, LANG="en_US.UTF-8")
    assert "拒收" in zh.stdout
    assert "refused" in en.stdout
    assert (
        "档案库"
        in shilu("--help", cwd=demo, SHILU_LANG="zh").stdout
        + shilu("stats", "--help", cwd=demo, SHILU_LANG="zh").stdout
    )


def test_times_show_the_readers_zone_and_the_outlets(demo: Path) -> None:
    run = shilu("show", newsroom.EDITED, "--archive", "a", cwd=demo, TZ="Asia/Tokyo")
    assert "JST" in run.stdout
    assert "UTC+8" in run.stdout


def test_output_into_a_closed_pipe_leaves_no_traceback(demo: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = subprocess.run(
            [sys.executable, "-m", "shilu", "problems", "--archive", "a"],
            cwd=demo,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert run.stderr == ""


def test_extract_reads_standard_input(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "shilu", "extract", "-", "--json"],
        input="<p>两国外长会晤。</p>".encode(),
        capture_output=True,
        check=True,
    )
    found = json.loads(run.stdout)
    assert found["text"] == "两国外长会晤。"
    assert set(found) >= {
        "title",
        "authors",
        "date",
        "lang",
        "text",
        "body_start",
        "blocks",
        "images",
        "dateline",
        "removed",
        "problems",
    }


def test_completion_prints_a_script(tmp_path: Path) -> None:
    assert "_SHILU_COMPLETE" in shilu("completion", "bash", cwd=tmp_path).stdout


def test_demo_runs_twice_and_shows_the_next_command(tmp_path: Path) -> None:
    first = shilu("demo", "d", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "shilu show beiou/n-4417730 --diff 1 2" in first.stdout
    second = shilu("demo", "d", cwd=tmp_path)
    assert "nothing was added" in second.stdout


@needs_records
def test_the_sample_records_come_in_as_a_careful_reader_counts(tmp_path: Path) -> None:
    report = answer("import", RECORDS, "--archive", "trial", cwd=tmp_path, code=1)
    assert report["read"] == 29
    assert report["refused"] == 1
    assert report["passed_over"] == 1  # README.md
    assert (report["articles"], report["versions"]) == (25, 28)
    for key in ("a-70241396", "a-70283291"):
        shown = answer("show", f"dw/{key}", "--archive", "trial", cwd=tmp_path)
        assert [version["n"] for version in shown["versions"]] == [1, 2]
    assert len(answer("show", "cdt/656166", "--archive", "trial", cwd=tmp_path)["versions"]) == 2
    (refused,) = answer("problems", "--refused", "--archive", "trial", cwd=tmp_path)["problems"]
    assert refused["code"] == "record.empty"
    assert answer("verify", "--archive", "trial", cwd=tmp_path)["ok"] is True


def test_a_folder_without_records_is_told_apart_from_nothing_new(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.md").write_text("# not a record\n", "utf-8")
    report = answer("import", "notes", "--archive", "a", cwd=tmp_path, code=1)
    assert (report["read"], report["passed_over"]) == (0, 1)
    assert [problem["code"] for problem in report["reports"]] == ["import.no_records"]


def test_refusals_are_counted_by_reason_again_on_a_second_import(tmp_path: Path) -> None:
    folder = tmp_path / "articles" / "dw"
    folder.mkdir(parents=True)
    (folder / "1.md").write_bytes(b"")
    for _ in range(2):
        report = answer("import", "articles", "--archive", "a", cwd=tmp_path, code=1)
        assert report["by_source"]["dw"]["reasons"] == {"record.no_head": 1}
        assert report["problems"] == {"record.no_head": 1}


def test_rebuild_names_damaged_records_and_says_so_by_its_exit_code(demo: Path) -> None:
    answer("backup", "torn", "--archive", "a", cwd=demo)
    (file,) = (demo / "torn" / "captures").rglob("*.warc.gz")
    place = answer("problems", "--archive", "a", cwd=demo)["problems"][0]["where"]
    data = bytearray(file.read_bytes())
    data[place["offset"] + place["length"] // 2] ^= 0xFF
    file.write_bytes(data)
    rebuilt = answer("rebuild", "--archive", "torn", cwd=demo, code=3)
    (name,) = rebuilt["damaged"]
    assert "articles/beiou/1048560.md" in name


def test_the_same_records_loose_are_no_new_versions(demo: Path) -> None:
    answer("backup", "twins", "--archive", "a", cwd=demo)
    before = answer("show", newsroom.EDITED, "--archive", "twins", cwd=demo)
    report = answer("import", "mirror/articles", "--archive", "twins", cwd=demo, code=1)
    assert report["versions"] == 0
    after = answer("show", newsroom.EDITED, "--archive", "twins", cwd=demo)
    assert after == before, "a loose copy changes nothing of what its twin says"


def test_a_capture_that_is_none_is_wrong_use(demo: Path) -> None:
    error = answer("problems", "--raw", "nope", "--archive", "a", cwd=demo, code=2)["error"]
    assert error["code"] == "use.bad_reference"


def test_a_full_disk_under_the_output_is_said_in_words(demo: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(
            [sys.executable, "-m", "shilu", "stats", "--archive", "a"],
            cwd=demo,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "Traceback" not in run.stderr
    assert run.returncode == 2


def test_a_backup_into_the_archive_itself_is_refused(demo: Path) -> None:
    error = answer("backup", "a/captures/x", "--archive", "a", cwd=demo, code=2)["error"]
    assert error["code"] == "use.inside_the_archive"


def test_verify_says_what_renews_captures_read_by_older_rules(demo: Path) -> None:
    answer("backup", "older", "--archive", "a", cwd=demo)
    toml = demo / "older" / "sources" / "ledacourier.toml"
    toml.write_text(toml.read_text("utf-8") + "# other rules now\n", "utf-8")
    run = shilu("verify", "--archive", "older", cwd=demo)
    assert run.returncode == 0
    assert "8 captures were read by older rules; 'shilu rebuild' renews them" in run.stdout
