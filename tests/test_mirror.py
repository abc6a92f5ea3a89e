"""What a mirror holds is found: in its history, in folders, in single files; nothing is lost."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shilu.errors import UsageError
from shilu.fetch import mirror
from shilu.fetch.mirror import (
    Found,
    PassedOver,
    Progress,
    Step,
    Walked,
    display,
    walk_files,
    walk_repository,
)
from shilu.recordform import is_record_path, looks_like_record
from shilu.records import Problem
from tests.repositories import Made, blob_name, build, git, record, states

LIMIT = 1 << 20
Key = tuple[str, str, str]  # commit, path, name of the bytes


@pytest.fixture(autouse=True)
def nothing_may_hang() -> Iterator[None]:
    timer = threading.Timer(120, lambda: os._exit(70))
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


def keys(steps: Sequence[Step]) -> list[Key]:
    return [
        (step.origin.commit or "", step.origin.path, step.payload_name)
        for step in steps if isinstance(step, Found)
    ]  # fmt: skip


def codes(steps: Sequence[Step]) -> list[str]:
    found = [step for step in steps if isinstance(step, Problem)]
    found += [step.refusal for step in steps if isinstance(step, Found) and step.refusal]
    return [problem.code for problem in found]


def truth(history: list[Made], names: list[str]) -> set[Key]:
    """Return every record state, by the description of the history alone."""
    return {
        (names[index], path.decode("utf-8", "surrogateescape"), blob_name(content))
        for index, path, content in states(history)
        if is_record_path(path.decode("utf-8", "surrogateescape"))
        or (path.startswith(b"README") and looks_like_record(content))
    }


# ------------------------------------------------------------------------------ repositories

RECORD_PATHS = (
    b"articles/rfi/1048575.md", "articles/法广/7_“题”？.md".encode(), b"articles/BBC/1.md",
    b"articles/bbc/1.md", b"lists/rfi.md", b"README.md", b"articles/dw/\xff\n\t.md",
)  # fmt: skip


@st.composite
def mirrors(draw: st.DrawFn) -> list[Made]:
    history: list[Made] = []
    for index in range(draw(st.integers(1, 10))):
        parents = draw(
            st.lists(st.integers(0, index - 1), max_size=2, unique=True) if index else st.just([])
        )
        content = st.sampled_from((record(1), record(2), b"broken", b""))
        writes = draw(st.dictionaries(st.sampled_from(RECORD_PATHS), content, max_size=3))
        deletes = draw(st.lists(st.sampled_from(RECORD_PATHS), max_size=1))
        entries = {path: ("100644", data) for path, data in writes.items()}
        history.append(Made(tuple(parents), entries, tuple(deletes), 1_600_000_000 + index))
    return history


def test_every_state_of_a_record_is_found_with_its_origin(tmp_path: Path) -> None:
    path = b"articles/rfi/999999.md"
    history = [
        Made(writes={path: ("100644", record("A")), b"lists/rfi.md": ("100644", b"list")}),
        Made((0,), {path: ("100644", record("B"))}, at=1_600_000_100),
        Made((1,), {path: ("100644", record("A"))}, at=1_600_000_200),
        Made((2,), {}, (path,), at=1_600_000_300),
        Made((3,), {b"about.md": ("100644", b"no record"), b"x.md": ("100644", record("C"))}),
    ]
    names = build(tmp_path, history)
    steps = list(walk_repository(tmp_path, "x", [], LIMIT))
    found = [step for step in steps if isinstance(step, Found)]
    assert [step.data for step in found] == [record(n) for n in "ABAC"]
    assert [step.origin.commit for step in found] == [names[0], names[1], names[2], names[4]]
    assert [step.origin.generation for step in found] == [1, 2, 3, 5]
    assert found[1].at is not None
    assert found[1].at.timestamp() == 1_600_000_100
    passed_over = [step.path for step in steps if isinstance(step, PassedOver)]
    assert passed_over == ["lists/rfi.md", "about.md"]
    assert codes(steps) == []
    assert isinstance(steps[-1], Walked)
    assert steps[-1].reached == (names[4],)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=mirrors(), data=st.data())
def test_walk_that_is_stopped_and_resumed_loses_nothing(
    history: list[Made], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Only what was found before the last checkpoint counts as kept, as after kill -9."""
    folder = tmp_path_factory.mktemp("resumed")
    names = build(folder, history)
    tips: set[str] = set()
    kept: list[Key] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mirror, "_CHECKPOINT_RECORDS", data.draw(st.integers(1, 4)))
        patch.setattr(mirror, "_BLOBS_A_TIME", data.draw(st.integers(1, 4)))
        for stop in [*data.draw(st.lists(st.integers(0, 30), max_size=4)), 1000]:
            steps = walk_repository(folder, "x", sorted(tips), LIMIT)
            waiting: list[Step] = []
            for count, step in enumerate(steps):
                if count >= stop:
                    break
                waiting.append(step)
                if isinstance(step, Walked):
                    kept += keys(waiting)
                    waiting = []
                    tips = tips.difference(step.passed).union(step.reached)
            steps.close()  # type: ignore[attr-defined]
    assert set(kept) == truth(history, names)
    assert len(kept) == len(set(kept))  # and what is walked is not walked again
    again = list(walk_repository(folder, "x", sorted(tips), LIMIT))
    assert keys(again) == []
    shutil.rmtree(folder)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=mirrors(), data=st.data())
def test_only_new_commits_are_walked_after_a_pull(
    history: list[Made], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("pulled")
    shown = sorted(data.draw(st.sets(st.integers(0, len(history) - 1))))
    names = build(folder, history, refs=[(f"refs/heads/b{n}", n) for n in shown])
    tips: set[str] = set()
    found: list[Key] = []

    def walk() -> None:
        nonlocal tips
        for step in walk_repository(folder, "x", sorted(tips), LIMIT):
            found.extend(keys([step]))
            if isinstance(step, Walked):
                tips = tips.difference(step.passed).union(step.reached)

    walk()
    pulled = "".join(f"create refs/heads/new{n} {name}\n" for n, name in enumerate(names))
    git(folder, "update-ref", "--stdin", given=pulled.encode())
    walk()
    assert set(found) == truth(history, names)
    assert len(found) == len(set(found))
    shutil.rmtree(folder)


def linear(count: int) -> list[Made]:
    return [
        Made((n - 1,) if n else (), {f"articles/rfi/{n}.md".encode(): ("100644", record(n))})
        for n in range(count)
    ]


def test_shallow_clone_is_reported_and_comes_in_whole_later(tmp_path: Path) -> None:
    names = build(tmp_path / "origin", linear(6))
    git(tmp_path, "clone", "-q", "--depth=2", (tmp_path / "origin").as_uri(), "clone")
    git_dir = tmp_path / "clone" / ".git"
    steps = list(walk_repository(git_dir, "x", [], LIMIT))
    assert codes(steps) == ["git.shallow"]
    assert not any(isinstance(step, Walked) for step in steps)  # older commits may come yet
    git(tmp_path / "clone", "fetch", "-q", "--unshallow")
    later = list(walk_repository(git_dir, "x", [], LIMIT))
    assert codes(later) == []
    assert set(keys(later)) == truth(linear(6), names)
    assert isinstance(later[-1], Walked)


def test_partial_clone_names_every_record_it_lacks(tmp_path: Path) -> None:
    build(tmp_path / "origin", linear(6))
    git(tmp_path / "origin", "config", "uploadpack.allowFilter", "true")
    url = (tmp_path / "origin").as_uri()
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", url, "clone")
    (tmp_path / "origin").rename(tmp_path / "elsewhere")
    steps = list(walk_repository(tmp_path / "clone", "x", [], LIMIT))
    assert codes(steps) == ["git.partial", *["git.blob_missing"] * 6]
    assert len({key[1] for key in keys(steps)}) == 6
    assert not any(isinstance(step, Walked) for step in steps)


def test_damage_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    names = build(tmp_path, linear(8))
    tree = git(tmp_path, "rev-parse", f"{names[3]}:articles")
    blob = blob_name(record(6))
    for name in (tree, blob):
        (tmp_path / "objects" / name[:2] / name[2:]).unlink()
    steps = list(walk_repository(tmp_path, "x", [], LIMIT))
    assert codes(steps) == ["git.damaged", "git.blob_missing"]
    read = {step.origin.path for step in steps if isinstance(step, Found) and step.data}
    assert read == {f"articles/rfi/{n}.md" for n in (0, 1, 2, 3, 4, 5, 7)}
    walked = [step for step in steps if isinstance(step, Walked)]
    assert not walked  # a repaired repository is read in full
    problem = next(step for step in steps if isinstance(step, Problem))
    assert names[3] in problem.details["cause"]


def test_repository_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    assert codes(list(walk_repository(tmp_path / "gone", "x", [], LIMIT))) == ["git.damaged"]
    build(tmp_path / "empty", [])
    assert codes(list(walk_repository(tmp_path / "empty", "x", [], LIMIT))) == ["git.no_commits"]
    (tmp_path / "empty" / "config").write_text("[broken")
    (tmp_path / "empty" / "HEAD").write_bytes(b"\xff")
    assert "git.damaged" in codes(list(walk_repository(tmp_path / "empty", "x", [], LIMIT)))


def test_record_above_the_limit_leaves_digest_and_size(tmp_path: Path) -> None:
    big = record("B") + b"x" * LIMIT
    history = [
        Made(writes={
            b"articles/rfi/1.md": ("100644", big), b"articles/rfi/2.md": ("100644", record(2)),
            b"huge.md": ("100644", big),
        })
    ]  # fmt: skip
    build(tmp_path, history)
    steps = list(walk_repository(tmp_path, "x", [], LIMIT))
    large, small = (step for step in steps if isinstance(step, Found))
    assert (large.data, large.size_bytes) == (None, len(big))
    assert large.sha256 == hashlib.sha256(big).hexdigest()
    assert codes([large]) == ["record.too_large"]
    assert small.data == record(2)


# ------------------------------------------------------------------------------ memory

MEASURE = """
    import resource, sys
    from pathlib import Path
    from shilu.fetch.mirror import Found, Walked, walk_files, walk_repository
    path = Path(sys.argv[1])
    steps = walk_files(path, 1 << 25) if path.suffix == ".md" else (
        walk_repository(path, "x", [], 1 << 25))
    found = walked = 0
    for step in steps:
        found += isinstance(step, Found)
        walked += isinstance(step, Walked)
    # ru_maxrss of this process would tell of the one it was forked from.
    status = Path("/proc/self/status").read_text().split()
    own = int(status[status.index("VmHWM:") + 1])
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(found, walked, own // 1024, children // 1024)
"""


def measured(path: Path) -> tuple[int, int, int, int]:
    """Walk in a process of its own; return records, checkpoints, MB of it and of Git."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEASURE), path], capture_output=True, check=True
    )
    found, walked, own, children = map(int, run.stdout.split())
    return found, walked, own, children


def test_file_of_200_mb_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "1.md"
    with path.open("wb") as file:
        file.write(record(1))
        file.truncate(200 << 20)
    found, _, own, _ = measured(path)
    assert found == 1
    assert own < 120


def test_blob_of_200_mb_takes_no_memory(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "--template=")
    size = 200 << 20
    process = subprocess.Popen(
        ["git", "-c", "core.bigFileThreshold=1m", "-c", "core.compression=1", "fast-import",
         "--quiet"], cwd=tmp_path, stdin=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    with process.stdin as stdin:
        who = b"T <t@t.example> 1600000000 +0000"
        stdin.write(b"commit refs/heads/main\ncommitter %b\ndata 0\n" % who)
        stdin.write(b"M 100644 inline articles/rfi/1.md\ndata %d\n" % size)
        for _ in range(200):
            stdin.write(bytes(1 << 20))
    assert process.wait() == 0
    found, _, own, children = measured(tmp_path)
    assert found == 1
    assert own < 120
    assert children < 120


def test_history_of_100000_commits_streams(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "--template=", "-b", "main")
    process = subprocess.Popen(
        ["git", "fast-import", "--quiet"], cwd=tmp_path, stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    who = "T <t@t.example> 1600000000 +0000"
    blob = record(1).decode()
    with process.stdin as stdin:
        stdin.write(f"blob\nmark :1\ndata {len(blob.encode())}\n{blob}\n".encode())
        for n in range(100_000):
            stdin.write(f"commit refs/heads/main\ncommitter {who}\ndata 0\n".encode())
            if n % 5 == 0:  # few records, few in one folder: Git's own work is not measured here
                stdin.write(f"M 100644 :1 articles/{n % 7}/{n % 1000}.md\n".encode())
                stdin.write(f"D articles/{(n - 50) % 7}/{(n - 50) % 1000}.md\n".encode())
    assert process.wait() == 0
    found, walked, own, children = measured(tmp_path)
    assert found == 20_000
    assert walked >= 50
    assert own < 200
    assert children < 200


# ------------------------------------------------------------------------------ folders and files


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_folder_is_read_in_order_whatever_the_names(tmp_path: Path) -> None:
    names = ["articles/rfi/2.md", "articles/rfi/10.md", "articles/BBC/1.md", "articles/bbc/1.md",
             "articles/法广/1042191_“阅兵”？ .md", "_posts/2018-12-31-新年快樂！.md"]  # fmt: skip
    for name in names:
        write(tmp_path / name, record(name))
    odd = os.fsencode(tmp_path) + b'/articles/rfi/3_\xff\n".md'
    Path(os.fsdecode(odd)).write_bytes(record("odd"))
    for name in ("README.md", "lists/rfi.md", "a.txt", ".git.md", ".hidden/1.md"):
        write(tmp_path / name, b"no record")
    steps = list(walk_files(tmp_path, LIMIT))
    found = [step for step in steps if isinstance(step, Found)]
    assert len(found) == 7
    assert [step.origin.path for step in found] == sorted(step.origin.path for step in found)
    assert {step.path.rpartition("/")[2] for step in steps if isinstance(step, PassedOver)} == {
        "README.md", "rfi.md",
    }  # fmt: skip
    progress = [step for step in steps if isinstance(step, Progress)]
    assert (progress[-1].done, progress[-1].total) == (9, 9)
    for step in found:
        assert step.data is not None
        assert step.sha256 == hashlib.sha256(step.data).hexdigest()
        display(step.origin).encode()


def test_same_record_has_the_same_origin_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "articles" / "rfi" / "1.md", record(1))
    monkeypatch.chdir(path.parent)
    ways = [path, Path("1.md"), Path("../rfi/1.md"), tmp_path, tmp_path / "articles", Path()]
    found = {step for way in ways for step in walk_files(way, LIMIT) if isinstance(step, Found)}
    assert [step.origin.path for step in found] == ["articles/rfi/1.md"]


def special(path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            folder = os.open(path.parent, os.O_RDONLY)  # the path itself may be too long for one
            server.bind(f"/proc/self/fd/{folder}/{path.name}")
            os.close(folder)
    elif kind == "character device":
        try:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # endless zeros
        except PermissionError:
            path.symlink_to("/dev/zero")


@pytest.mark.parametrize("kind", ["pipe", "socket", "character device"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "articles" / "rfi" / "1.md"
    special(path, kind)
    with pytest.raises(UsageError) as error:
        list(walk_files(path, LIMIT))
    assert error.value.problem.details["kind"] == kind
    write(path.with_name("2.md"), record(2))
    steps = list(walk_files(tmp_path, LIMIT))
    assert codes(steps) == ["record.not_a_file"]
    assert len(keys(steps)) == 2


def test_pipe_that_takes_a_files_place_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "articles" / "rfi" / "1.md", record(1))
    as_it_was = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda *_args, **_more: as_it_was)
    found = mirror._file(path, LIMIT, named=True)
    assert isinstance(found, Found)
    assert found.data in (None, b"")


def test_links_are_read_but_not_round_in_circles(tmp_path: Path) -> None:
    path = write(tmp_path / "articles" / "rfi" / "1.md", record(1))
    path.with_name("2.md").symlink_to(path)
    path.with_name("3.md").symlink_to("nowhere")
    path.with_name("4.md").symlink_to("4.md")
    path.with_name("round").symlink_to(tmp_path, target_is_directory=True)
    path.with_name("5.md").mkdir()
    steps = list(walk_files(tmp_path, LIMIT))
    assert codes(steps) == ["record.unreadable", "record.unreadable"]
    assert [step.data for step in steps if isinstance(step, Found)] == [record(1)] * 2 + [None] * 2


def test_unreadable_file_is_refused_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in (1, 2, 3):
        write(tmp_path / "articles" / "rfi" / f"{n}.md", record(n))
    really_open = os.open

    def refusing(path: Any, *arguments: Any, **more: Any) -> int:
        if str(path).endswith("2.md"):
            raise PermissionError(13, "Permission denied", path)
        return really_open(path, *arguments, **more)

    monkeypatch.setattr(os, "open", refusing)
    steps = list(walk_files(tmp_path, LIMIT))
    (refused,) = (step for step in steps if isinstance(step, Found) and step.refusal)
    assert refused.refusal is not None
    assert refused.refusal.details == {"cause": "Permission denied"}
    assert len(keys(steps)) == 3


def test_folder_that_cannot_be_listed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for source in ("rfi", "voa"):
        write(tmp_path / "articles" / source / "1.md", record(source))
    really_list = os.scandir

    def refusing(path: Any) -> Any:
        if str(path).endswith("rfi"):
            raise PermissionError(13, "Permission denied", path)
        return really_list(path)

    monkeypatch.setattr(os, "scandir", refusing)
    steps = list(walk_files(tmp_path, LIMIT))
    (problem,) = (step for step in steps if isinstance(step, Problem))
    assert problem.code == "record.unreadable"
    assert problem.refused
    assert problem.subject.endswith("articles/rfi")
    assert len(keys(steps)) == 1


def test_file_that_vanishes_or_grows_is_told_as_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in (1, 2, 3):
        write(tmp_path / "articles" / "rfi" / f"{n}.md", record(n))
    really_open = os.open

    def changing(path: Any, *arguments: Any, **more: Any) -> int:
        if str(path).endswith("1.md"):
            Path(path).unlink()
        if str(path).endswith("2.md"):
            with Path(path).open("ab") as file:
                file.write(b"and more")
        return really_open(path, *arguments, **more)

    files = mirror._files(tmp_path)
    monkeypatch.setattr(mirror, "_files", lambda _path: list(files))
    listed = mirror._files(tmp_path)
    monkeypatch.setattr(mirror, "_files", lambda _path: listed)
    monkeypatch.setattr(os, "open", changing)
    steps = list(walk_files(tmp_path, LIMIT))
    found = [step for step in steps if isinstance(step, Found)]
    assert codes(found) == ["record.unreadable"]
    assert [step.data for step in found] == [None, record(2) + b"and more", record(3)]


@pytest.mark.parametrize("extra", [-1, 0, 1, 5000])
@pytest.mark.parametrize("limit", [100, 4096, 10_000])
def test_limit_is_exact_for_files(tmp_path: Path, limit: int, extra: int) -> None:
    data = record(1) + b"x" * (limit + extra - len(record(1)))
    path = write(tmp_path / "articles" / "rfi" / "1.md", data)
    (found,) = walk_files(path, limit)
    assert isinstance(found, Found)
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.size_bytes == len(data)
    assert (found.data is None) is (len(data) > limit)
    assert codes([found]) == (["record.too_large"] if len(data) > limit else [])
