from __future__ import annotations

import difflib
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from shilu.errors import UsageError
from shilu.records import Entry
from shilu.sample import newsroom
from shilu.sources.catalog import Catalog, load_catalog, parse_source
from shilu.urls import canonical, is_web_address

# The safe grammar of the mirror's records, as the sample records of the project were read by.
RECORD = re.compile(
    r"\A<!--(?P<ms>\d+|NaN)-->\n\[(?P<title>.*)\]\((?P<url>\S+)\)\n-{3,}\n\n(?P<html>.*)\n\Z"
)
COMMITS = newsroom.load_commits()
WRITES: list[dict[str, Any]] = [row for commit in COMMITS for row in commit.get("write", [])]
RAW: list[dict[str, Any]] = [row for commit in COMMITS for row in commit.get("write_raw", [])]


def git(folder: Path, *arguments: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    run = subprocess.run(
        ["git", "-c", "core.quotePath=false", *arguments],
        cwd=folder, env=clean, capture_output=True, check=True,
    )  # fmt: skip
    return run.stdout.decode("utf-8")


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("sample") / "mirror"
    return folder, newsroom.build_mirror(folder)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("sources")
    for name, text in newsroom.source_files().items():
        (folder / name).write_text(text, "utf-8")
    return load_catalog(folder)


def articles(catalog: Catalog) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (source, article key, record) for every record that can be read."""
    for row in WRITES:
        rules = catalog.for_url(row["url"])
        entry = Entry(row["title"], row["url"], row["html"])
        yield rules.source.id, rules.key(entry), row


# --------------------------------------------------------------------------- the repository


def test_history_is_as_declared(mirror: tuple[Path, int]) -> None:
    folder, states = mirror
    log = git(folder, "log", "--reverse", "--format=%H %at %ct %ae %s").splitlines()
    assert len(log) == len(COMMITS)
    for line, commit in zip(log, COMMITS, strict=True):
        name, authored, committed, email, subject = line.split(" ", 4)
        assert int(authored) == int(committed) == int(commit["at"].timestamp())
        assert (email, subject) == ("newsroom@mirror.example", "update")
        for row in commit.get("write", []):
            assert git(folder, "show", f"{name}:{row['path']}") == newsroom.record_text(row)
        for row in commit.get("write_raw", []):
            assert git(folder, "show", f"{name}:{row['path']}") == row["text"]
        changed = git(folder, "show", "--format=", "--name-status", "--no-renames", name)
        touched = {line.split("\t")[1]: line[0] for line in changed.splitlines()}
        assert {path for path, kind in touched.items() if kind == "D"} == {
            row["path"] for row in commit.get("delete", [])
        }
        assert {path for path, kind in touched.items() if kind in "AM"} == {
            row["path"] for key in ("write", "write_raw") for row in commit.get(key, [])
        }
    assert states == len(WRITES) + 1 == 42


def test_git_finds_nothing_wrong_and_the_work_tree_is_there(mirror: tuple[Path, int]) -> None:
    folder, _ = mirror
    git(folder, "fsck", "--strict")
    assert git(folder, "status", "--porcelain") == ""
    assert git(folder, "rev-parse", "--abbrev-ref", "HEAD") == "main\n"
    assert (folder / "articles" / "chenbao" / "999999.md").is_file()
    assert (folder / "lists" / "望潮晨报.md").is_file()
    assert not (folder / "articles" / "courier" / "1048571.md").exists()


def test_building_again_gives_the_same_commits(
    mirror: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Neither a surrounding Git nor a person's settings reach the sample.
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
    (tmp_path / ".gitconfig").write_text("[core]\n\tautocrlf = true\n", "utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    again = Path("again")
    newsroom.build_mirror(again)
    assert git(again, "rev-parse", "HEAD") == git(mirror[0], "rev-parse", "HEAD")
    assert b"\r" not in (again / "articles" / "chenbao" / "999999.md").read_bytes()
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(UsageError) as caught:
        newsroom.build_mirror(tmp_path)
    assert caught.value.problem.code == "use.not_empty"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_without_git_the_system_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError):
        newsroom.build_mirror(tmp_path / "mirror")


# --------------------------------------------------------------------------- the data


def test_records_have_the_mirror_form() -> None:
    for row in WRITES:
        match = RECORD.match(newsroom.record_text(row))
        assert match, row["path"]
        assert match["title"] == row["title"]
        assert match["url"] == row["url"]
        assert match["url"].isascii()
        assert is_web_address(match["url"])
        assert "\n" not in match["html"]
        assert "\ufffd" not in match["html"]
        assert re.fullmatch(r"articles/(chenbao|beiou|courier)/\d{6,7}\.md", row["path"])


def test_times_are_in_order() -> None:
    at = [commit["at"] for commit in COMMITS]
    assert at == sorted(set(at))
    assert all(moment.tzinfo is not None and moment.minute == 20 for moment in at)
    for commit in COMMITS:
        for row in commit.get("write", []):
            if row["feed_at_ms"] == "NaN":
                continue
            feed_at = datetime.fromtimestamp(row["feed_at_ms"] / 1000, UTC)
            # The hourly script files what the feed took up since its last run.
            assert commit["at"] - timedelta(hours=1) < feed_at < commit["at"], row["path"]
            printed = outlet_time(row["html"])
            assert printed is None or printed < feed_at, row["path"]


def outlet_time(html: str) -> datetime | None:
    """Read the time the sample's outlets print; only the iframe has none."""
    for pattern, read in (
        (
            r"<div>(\d\d/\d\d/\d{4} - \d\d:\d\d)</div>",
            lambda text: datetime.strptime(text, "%d/%m/%Y - %H:%M").replace(
                tzinfo=timezone(timedelta(hours=8))
            ),
        ),
        (r"<br>(\d{4}-\d\d-\d\dT[\d:.]+Z)</i>", datetime.fromisoformat),
        (r"<br>(\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT)</i>", parsedate_to_datetime),
    ):
        match = re.search(pattern, html)
        if match:
            moment: datetime = read(match[1])
            return moment
    assert "<iframe" in html
    return None


def test_weekdays_named_beside_a_date_are_right() -> None:
    names = "一二三四五六日"
    found = 0
    for row in WRITES:
        printed = outlet_time(row["html"])
        if printed is None:
            continue
        for day, month, number in re.findall(r"週(.)（(\d+)月(\d+)日）", row["html"]):
            moment = datetime(printed.year, int(month), int(number), tzinfo=UTC)
            assert names[moment.weekday()] == day, row["path"]
            found += 1
    assert found > 10


def test_nothing_real_is_in_the_data(catalog: Catalog) -> None:
    package = files("shilu.sample")
    texts = [package.joinpath("newsroom.toml").read_text("utf-8")]
    texts += newsroom.source_files().values()
    data = "\n".join(texts)
    sample_ids = {name.removesuffix(".toml") for name in newsroom.source_files()}
    for rules in catalog.rules.values():
        if rules.source.id in sample_ids:
            continue
        for host in rules.source.hosts:
            assert host.split("/")[0].removeprefix("www.") not in data, host
        for name in rules.source.names.values():
            assert name not in data, name
    # Every host ends in .example, but for the two image proxies mirrors send pictures through.
    hosts = set(re.findall(r"(?:https?://|%2F%2F|\?url=)([\w.-]+\.[a-z]{2,})", data))
    assert {host for host in hosts if not host.endswith(".example")} == {
        "images.weserv.nl", "wsrv.nl",
    }  # fmt: skip


def test_source_files_are_of_the_catalog_form(catalog: Catalog) -> None:
    sources = newsroom.source_files()
    assert sorted(sources) == ["beiou.toml", "chenbao.toml", "ledacourier.toml"]
    for name, text in sources.items():
        source = parse_source(text, name).source
        assert f"{source.id}.toml" == name
        assert set(source.names) == {"zh-Hans", "zh-Hant", "en"}
        assert all(host.endswith(".example") for host in source.hosts)
    for source_id, _, row in articles(catalog):
        folder = row["path"].split("/")[1]
        rules = catalog.for_folder(folder)
        assert rules is not None
        assert rules.source.id == source_id


# --------------------------------------------------------------------------- what it must hold


def test_articles_counted_by_key(catalog: Catalog) -> None:
    states = Counter((source, key) for source, key, _ in articles(catalog))
    assert len(states) == 35
    assert {key: count for key, count in states.items() if count > 1} == {
        ("ledacourier", "3110478"): 2,  # (b) a body edit over the same file
        ("beiou", "n-4417730"): 3,  # (a) two new files
        ("beiou", "n-4423316"): 3,  # (d) A, B, A
        ("beiou", "n-4430082"): 2,  # (h) another wrapper
    }
    assert all(key.startswith("https://") for source, key in states if source == "chenbao")


def states_of(path: str) -> list[dict[str, Any]]:
    return [row for row in WRITES if row["path"] == path]


def test_a_name_is_corrected_then_paragraphs_added() -> None:
    first, second, third = (row for row in WRITES if canonical(row["url"]).endswith("/n-4417730"))
    assert len({row["path"] for row in (first, second, third)}) == 3
    assert len({row["url"] for row in (first, second, third)}) == 3
    assert "鄔明秀" in first["title"] + first["html"]
    for row in (second, third):
        assert "鄔明秀" not in row["title"] + row["html"]
    assert third["html"].count("<p>") == second["html"].count("<p>") + 2


def test_a_body_edit_and_an_edit_taken_back() -> None:
    before, after = states_of("articles/courier/1048575.md")
    assert (before["title"], before["url"]) == (after["title"], after["url"])
    assert before["html"] != after["html"]
    a, b, again = states_of("articles/beiou/1048568.md")
    assert a["html"] == again["html"] != b["html"]
    assert a["feed_at_ms"] < b["feed_at_ms"] < again["feed_at_ms"]


def test_a_wrapper_changes_and_the_text_does_not() -> None:
    before, after = states_of("articles/beiou/1048567.md")
    assert before["html"] != after["html"]
    assert before["html"].replace("images.weserv.nl?", "wsrv.nl/?").replace(
        "feedmill-run.example", "freshmill.example"
    ) == after["html"]  # fmt: skip


def test_agency_text_is_printed_twice() -> None:
    (original,) = states_of("articles/chenbao/1000001.md")
    (reprint,) = states_of("articles/beiou/1048572.md")

    def prose(html: str) -> str:
        body = html[html.index("（海潮社") : html.rindex("態度" if "態度" in html else "态度")]
        return re.sub(r"\s|[“”「」]", "", re.sub(r"<[^>]+>", "", body))

    one, other = prose(original["html"]), prose(reprint["html"])
    # One script against the other, character by character: the same length, and a common skeleton.
    assert abs(len(one) - len(other)) <= 2
    assert difflib.SequenceMatcher(None, one, other, autojunk=False).ratio() > 0.6


def test_one_event_has_three_outlets_and_spellings() -> None:
    for day in (datetime(2025, 11, 10).date(), datetime(2026, 3, 4).date()):
        rows = [
            row
            for commit in COMMITS
            if commit["at"].date() == day
            for row in commit.get("write", [])
        ]
        assert {row["path"].split("/")[1] for row in rows} == {"chenbao", "beiou", "courier"}
        assert all("Tristan Vaughn" in row["html"] for row in rows)
        for name in ("特里斯坦·沃恩", "崔斯坦·佛恩", "Marchenik", "马切尼克", "馬臣"):
            assert any(name in row["html"] for row in rows), name


def test_one_outlet_falls_silent() -> None:
    last = {
        folder: max(
            commit["at"]
            for commit in COMMITS
            for row in commit.get("write", [])
            if row["path"].split("/")[1] == folder
        )
        for folder in ("chenbao", "beiou", "courier")
    }
    assert last["courier"] < datetime(2026, 3, 5, tzinfo=UTC)
    assert last["chenbao"] == last["beiou"] == COMMITS[-1]["at"]


def test_the_odd_records_are_there() -> None:
    deleted = [row["path"] for commit in COMMITS for row in commit.get("delete", [])]
    assert deleted == ["articles/courier/1048571.md"]
    assert [row["path"] for row in WRITES if row["feed_at_ms"] == "NaN"] == [
        "articles/beiou/1048566.md"
    ]
    films = [row for row in WRITES if "<iframe" in row["html"]]
    assert [row["path"] for row in films] == ["articles/beiou/1048564.md"]
    assert re.sub(r"<[^>]+>|\s", "", films[0]["html"]) == ""
    broken = [row for row in RAW if row["path"].startswith("articles/")]
    assert [row["path"] for row in broken] == ["articles/beiou/1048560.md"]
    assert not RECORD.match(broken[0]["text"])
    assert sum(row["path"].startswith("lists/") for row in RAW) == 2


def test_the_counter_falls_below_a_million() -> None:
    paths = [row["path"] for row in WRITES if row["path"].startswith("articles/chenbao/")]
    numbers = [int(Path(path).stem) for path in paths]
    assert numbers[:6] == [1000003, 1000002, 1000001, 1000000, 999999, 999999]
    at_999999 = states_of("articles/chenbao/999999.md")
    assert len(at_999999) == len({row["url"] for row in at_999999}) == 9
