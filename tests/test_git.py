"""Reading other people's Git repositories: all of the history, whatever state they are in."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shilu.fetch.git import Change, CommitRead, Repository, git_directory
from tests.repositories import Made, blob_name, build, git, record, states

MB = 1 << 20
# Names a mirror can hold and a careless reader stumbles over.
PATHS = (
    b"articles/rfi/1.md", b"articles/rfi", b"articles/rfi/1.md/2.md", b"a", b"a/b", b"a/b/c.md",
    "articles/法广/1042191_“阅兵”？.md".encode(), b"n\nl\t\"'\\.md", b"\xff\xfe\x80.md", b" ",
    b"-r", b":0:x", b"articles/BBC/1.md", b"articles/bbc/1.md",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_may_hang() -> Iterator[None]:
    """End the whole run when a test gets stuck: a deadlock must not wait for ever."""
    timer = threading.Timer(120, lambda: os._exit(70))
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


def walk(
    path: Path, known: list[str] | None = None
) -> tuple[set[tuple[str, str, str]], str | None]:
    """Return (commit, path, blob) of every change, and what is wrong with the history."""
    directory = git_directory(path)
    assert directory is not None
    with Repository(directory) as repository:
        commits, cause = repository.commits(known or [])
        steps = list(repository.changes(commits))
    changes = [(one.commit.name, one.path, one.blob) for one in steps if isinstance(one, Change)]
    assert len(changes) == len(set(changes))
    assert [one.commit for one in steps if isinstance(one, CommitRead)] == commits
    return set(changes), cause


def truth(
    history: list[Made], names: list[str], object_format: str = "sha1"
) -> set[tuple[str, str, str]]:
    return {
        (names[index], path.decode("utf-8", "surrogateescape"), blob_name(content, object_format))
        for index, path, content in states(history)
    }


# ------------------------------------------------------------------------------ histories


@st.composite
def histories(draw: st.DrawFn) -> list[Made]:
    """Histories with merges, orphans, renames, deletions, modes, links and submodules."""
    entries = st.one_of(
        st.tuples(st.sampled_from(("100644", "100755")), st.sampled_from((b"1", b"2", b"3"))),
        st.just(("120000", b"1")),
        st.just(("160000", b"1" * 40)),
    )
    history: list[Made] = []
    for index in range(draw(st.integers(1, 9))):
        parents = draw(
            st.lists(st.integers(0, index - 1), max_size=3, unique=True) if index else st.just([])
        )
        writes = draw(st.dictionaries(st.sampled_from(PATHS), entries, max_size=3))
        deletes = draw(st.lists(st.sampled_from(PATHS), max_size=2, unique=True))
        history.append(Made(tuple(parents), writes, tuple(deletes), 1_600_000_000 + index // 3))
    return history


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories())
def test_walk_finds_exactly_the_states_of_any_history(
    history: list[Made], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    names = build(folder, history)
    try:
        assert walk(folder) == (truth(history, names), None)
    finally:
        shutil.rmtree(folder)


HISTORY = [
    Made(writes={b"articles/rfi/1.md": ("100644", b"A"), b"README.md": ("100644", b"r")}),
    Made((0,), {b"articles/rfi/1.md": ("100644", b"B")}),
    Made((1,), {b"articles/rfi/1.md": ("100644", b"A")}),
    Made((1,), {b"articles/voa/2.md": ("100644", b"C")}, (b"README.md",)),
    Made((2, 3), {b"articles/voa/2.md": ("100644", b"C")}),
    Made((4,)),
    Made((5,), {b"articles/rfi/1.md": ("100755", b"A")}),
]


def test_walk_agrees_with_git_log(tmp_path: Path) -> None:
    build(tmp_path, HISTORY)
    found, _ = walk(tmp_path)
    log = git(
        tmp_path, "log", "--all", "--format=%H", "--diff-filter=AM", "--raw", "--no-abbrev",
        "--no-renames", "--full-history",
    )  # fmt: skip
    told, commit = set(), ""
    for line in filter(None, log.splitlines()):
        if not line.startswith(":"):
            commit = line
            continue
        _, _, old, new, rest = line.split(" ", 4)
        if old != new:
            told.add((commit, rest.split("\t")[1], new))
    assert found == told


def test_merge_with_its_own_text_is_a_state(tmp_path: Path) -> None:
    history = [*HISTORY[:4], Made((2, 3), {b"articles/voa/2.md": ("100644", b"merged")})]
    names = build(tmp_path, history)
    found, _ = walk(tmp_path)
    assert (names[4], "articles/voa/2.md", blob_name(b"merged")) in found
    assert len(found) == 6


def test_generations_and_order_follow_the_history(tmp_path: Path) -> None:
    names = build(tmp_path, HISTORY)
    with Repository(tmp_path) as repository:
        commits, _ = repository.commits([])
        generation = {commit.name: commit.generation for commit in commits}
        assert [generation[name] for name in names] == [1, 2, 3, 3, 4, 5, 6]
        seen: set[str] = set()
        for commit in commits:
            assert seen.issuperset(commit.parents)
            seen.add(commit.name)
        fresh, _ = repository.commits([names[2], "0" * 40])
        assert {commit.name for commit in fresh} == {*names[3:]}
        assert all(generation[commit.name] == commit.generation for commit in fresh)


def test_sha256_repository_is_read(tmp_path: Path) -> None:
    names = build(tmp_path, HISTORY, object_format="sha256")
    assert walk(tmp_path) == (truth(HISTORY, names, "sha256"), None)
    with Repository(tmp_path) as repository:
        (blob,) = repository.blobs([blob_name(b"B", "sha256")], 10)
        assert blob.data == b"B"


# ------------------------------------------------------------------------------ layouts


def test_every_layout_is_read(tmp_path: Path) -> None:
    work = tmp_path / "work"
    names = build(work, HISTORY, bare=False)
    expected = truth(HISTORY, names), None
    assert walk(work) == expected
    git(work, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"), names[3])
    assert walk(tmp_path / "linked") == expected
    git(work, "repack", "-adq")
    git(work, "pack-refs", "--all")
    git(work, "commit-graph", "write", "--reachable")
    assert walk(work) == expected
    git(tmp_path, "clone", "-q", "--shared", "work", "shared")
    assert walk(tmp_path / "shared") == expected
    git(tmp_path, "clone", "-q", "--mirror", "work", "mirror.git")
    assert walk(tmp_path / "mirror.git") == expected
    (tmp_path / "pointed").mkdir()
    (tmp_path / "pointed" / ".git").write_text("gitdir: ../mirror.git\n")
    assert walk(tmp_path / "pointed") == expected
    (tmp_path / "link").symlink_to(work)
    assert walk(tmp_path / "link") == expected


def test_commits_of_detached_heads_and_tags_are_read(tmp_path: Path) -> None:
    work = tmp_path / "work"
    build(work, [*HISTORY, Made((6,), {b"x.md": ("100644", b"1")})],
          bare=False, refs=[("refs/heads/main", 6)])  # fmt: skip
    lost = git(work, "rev-parse", "refs/made/8")
    git(work, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"), lost)
    assert (lost, "x.md", blob_name(b"1")) in walk(work)[0]
    git(work, "worktree", "remove", "--force", str(tmp_path / "linked"))
    assert (lost, "x.md", blob_name(b"1")) not in walk(work)[0]
    git(work, "tag", "-a", "-m", "t", "once", lost)
    git(work, "tag", "-a", "-m", "t", "twice", "once")
    git(work, "tag", "a-blob", blob_name(b"1"))
    git(work, "tag", "-a", "-m", "t", "a-tree", lost + "^{tree}")
    found, cause = walk(work)
    assert (lost, "x.md", blob_name(b"1")) in found
    assert cause is None


def test_ordinary_folders_are_no_repositories(tmp_path: Path) -> None:
    assert git_directory(tmp_path) is None
    (tmp_path / ".git").write_text("nothing of the kind")
    assert git_directory(tmp_path) is None
    (tmp_path / ".git").write_text("gitdir: /nowhere")
    assert git_directory(tmp_path) is None


def test_reading_leaves_the_repository_as_it_was(tmp_path: Path) -> None:
    work = tmp_path / "work"
    build(work, HISTORY, bare=False)

    def files() -> dict[str, tuple[int, int]]:
        return {
            str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in work.rglob("*")
        }

    before = files()
    walk(work)
    assert files() == before


def test_environment_of_the_caller_does_not_disturb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = build(tmp_path / "a", HISTORY)
    build(tmp_path / "b", HISTORY[:1])
    for name, value in {
        "GIT_DIR": str(tmp_path / "b"), "GIT_WORK_TREE": str(tmp_path),
        "GIT_INDEX_FILE": "/nowhere", "GIT_OBJECT_DIRECTORY": str(tmp_path / "b" / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "/nowhere", "GIT_NAMESPACE": "x",
        "GIT_CONFIG_PARAMETERS": "'core.bare'='nonsense'", "GIT_CONFIG_COUNT": "nonsense",
        "GIT_SHALLOW_FILE": "/etc/passwd", "GIT_GRAFT_FILE": "/etc/passwd", "GIT_TRACE": "1",
        "GIT_EXTERNAL_DIFF": "/bin/false", "GIT_REPLACE_REF_BASE": "refs/heads/",
        "GIT_CEILING_DIRECTORIES": str(tmp_path), "GIT_DEFAULT_HASH": "sha256",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert walk(tmp_path / "a") == (truth(HISTORY, names), None)


def test_deleted_working_folder_does_not_disturb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = build(tmp_path / "a", HISTORY)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert walk(tmp_path / "a") == (truth(HISTORY, names), None)


# ------------------------------------------------------------------------------ distrust


def test_nothing_the_repository_configures_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, marker, script = tmp_path / "work", tmp_path / "marker", tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch {marker}\nexit 0\n")
    script.chmod(0o755)
    attributes = b"*.md diff=evil filter=evil merge=evil\n"
    history = [Made(writes={b".gitattributes": ("100644", attributes)}), Made((0,)), *[
        Made((index + 1,), {f"articles/rfi/{index}.md".encode(): ("100644", record(index))})
        for index in range(3)
    ]]  # fmt: skip
    names = build(work, history, bare=False)
    (tmp_path / "included").write_text(f"[core]\n\tfsmonitor = {script}\n\tpager = {script}\n")
    for name, value in {
        "core.fsmonitor": script, "core.pager": script, "core.editor": script,
        "core.sshCommand": script, "core.gitProxy": script, "core.hooksPath": tmp_path / "hooks",
        "core.alternateRefsCommand": script, "core.askPass": script, "core.worktree": tmp_path,
        "diff.external": script, "diff.evil.textconv": script, "diff.evil.command": script,
        "filter.evil.clean": script, "filter.evil.smudge": script, "filter.evil.process": script,
        "merge.evil.driver": script, "gpg.program": script, "log.showSignature": "true",
        "credential.helper": script, "include.path": tmp_path / "included",
        "alias.rev-list": f"!{script}", "alias.cat-file": f"!{script}",
        "alias.diff-tree": f"!{script}", "pager.rev-list": script, "pager.diff-tree": script,
        "uploadpack.packObjectsHook": script, "gc.auto": "1", "protocol.ext.allow": "always",
        "remote.origin.url": f"ext::{script}", "remote.origin.promisor": "true",
        "remote.origin.partialclonefilter": "blob:none", "interactive.diffFilter": script,
        "sequence.editor": script, "trace2.eventTarget": marker, "browser.web.cmd": script,
    }.items():  # fmt: skip
        git(work, "config", name, str(value))
    hooks = [tmp_path / "hooks", work / ".git" / "hooks"]
    for folder in hooks:
        folder.mkdir(exist_ok=True)
        for hook in ("post-index-change", "reference-transaction", "pre-auto-gc", "post-checkout"):
            shutil.copy(script, folder / hook)
    info = work / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_bytes(attributes)
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(work / ".git" / "config", home / ".gitconfig")
    monkeypatch.setenv("HOME", str(home))
    marker.unlink(missing_ok=True)

    gone = blob_name(record(2))
    (work / ".git" / "objects" / gone[:2] / gone[2:]).unlink(missing_ok=True)
    assert walk(work) == (truth(history, names), None)
    directory = git_directory(work)
    assert directory is not None
    with Repository(directory) as repository:
        assert repository.reports("x")[0].code == "git.partial"
        repository.blobs([blob_name(record(index)) for index in range(3)] + ["0" * 40], MB)
    assert not marker.exists()


def test_repository_of_another_user_is_read(tmp_path: Path) -> None:
    names = build(tmp_path / "a", HISTORY)
    if os.getuid() == 0:
        for path in [tmp_path / "a", *(tmp_path / "a").rglob("*")]:
            os.chown(path, 12345, 12345)
    with pytest.raises(subprocess.CalledProcessError):  # Git by itself refuses
        git(tmp_path / "a", "log", GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert walk(tmp_path / "a") == (truth(HISTORY, names), None)


def test_lying_caches_of_the_repository_are_not_believed(tmp_path: Path) -> None:
    names = build(tmp_path, HISTORY)
    git(tmp_path, "replace", names[1], names[0])
    (tmp_path / "info").mkdir(exist_ok=True)
    (tmp_path / "info" / "grafts").write_text(f"{names[6]}\n")
    (tmp_path / "objects" / "info").mkdir(exist_ok=True)
    (tmp_path / "objects" / "info" / "commit-graph").write_bytes(b"CGPH\1\1\0\0" + b"\0" * 100)
    assert walk(tmp_path) == (truth(HISTORY, names), None)


# ------------------------------------------------------------------------------ clones


def clone(tmp_path: Path, *options: str) -> Path:
    build(tmp_path / "origin", HISTORY)
    git(tmp_path / "origin", "config", "uploadpack.allowFilter", "true")
    url = (tmp_path / "origin").as_uri()
    git(tmp_path, "clone", "-q", "--bare", *options, url, "clone")
    return tmp_path / "clone"


def test_shallow_clone_is_told_and_deepened(tmp_path: Path) -> None:
    path = clone(tmp_path, "--depth=2")
    with Repository(path) as repository:
        assert [problem.code for problem in repository.reports("x")] == ["git.shallow"]
    shallow, cause = walk(path)
    assert cause is None
    git(path, "fetch", "-q", "--unshallow", "origin", "refs/*:refs/*")
    whole, _ = walk(path)
    assert whole == walk(tmp_path / "origin")[0]
    assert shallow - whole  # what stood at the boundary counted as new there


@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
def test_partial_clone_fetches_nothing(tmp_path: Path, filtered: str) -> None:
    path = clone(tmp_path, f"--filter={filtered}")
    before = git(path, "count-objects", "-v")
    (tmp_path / "origin").rename(tmp_path / "elsewhere")
    with Repository(path) as repository:
        (problem,) = repository.reports("x")
        assert (problem.code, problem.details["filter"]) == ("git.partial", filtered)
        found, cause = walk(path)
        assert cause is None
        blobs = repository.blobs([blob for _, _, blob in found], MB)
        assert all(blob.missing for blob in blobs)
    if filtered == "blob:none":
        assert found == walk(tmp_path / "elsewhere")[0]
    (tmp_path / "elsewhere").rename(tmp_path / "origin")
    walk(path)
    assert git(path, "count-objects", "-v") == before


# ------------------------------------------------------------------------------ damage


def loose(folder: Path, name: str) -> Path:
    """Return the file of an object; unpacks everything first."""
    for pack in (folder / "objects" / "pack").glob("*.pack"):
        outside = folder / "outside.pack"
        pack.rename(outside)
        for rest in (folder / "objects" / "pack").glob("*"):
            rest.unlink()
        git(folder, "unpack-objects", "-q", given=outside.read_bytes())
        outside.unlink()
    return folder / "objects" / name[:2] / name[2:]


def overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


LONG = [
    Made((index - 1,) if index else (), {
        f"articles/rfi/{index}.md".encode(): ("100644", record(index)),
        **({b"_posts/x.md": ("100644", b"x")} if not index else {}),
    })
    for index in range(8)
]  # fmt: skip


@pytest.mark.parametrize("tree", ["", "articles", "articles/rfi"])
@pytest.mark.parametrize("how", ["missing", "garbage"])
def test_missing_tree_costs_only_its_own_states(tmp_path: Path, tree: str, how: str) -> None:
    names = build(tmp_path, LONG)
    target = loose(tmp_path, git(tmp_path, "rev-parse", f"{names[3]}:{tree}"))
    if how == "missing":
        target.unlink()
    else:
        overwrite(target, b"garbage")
    with Repository(tmp_path) as repository:
        commits, cause = repository.commits([])
        assert cause is None
        steps = list(repository.changes(commits))
    read = [step for step in steps if isinstance(step, CommitRead)]
    assert [step.commit for step in read] == commits
    assert {step.commit.name for step in read if not step.whole} == {names[3], names[4]}
    found = {(one.path, one.blob) for one in steps if isinstance(one, Change)}
    # What commit 3 wrote still stands in commit 4's tree.
    assert found == {(path, blob) for _, path, blob in truth(LONG, names)}
    changes = [step for step in steps if isinstance(step, Change)]
    assert len(changes) == len(LONG) + 1  # nothing is told twice


@pytest.mark.parametrize("how", ["missing", "garbage"])
def test_missing_commit_cuts_the_history_there(tmp_path: Path, how: str) -> None:
    side = Made((1,), {b"side.md": ("100644", b"side")})
    history = [*LONG, side, Made((8, 7), {b"merged.md": ("100644", b"m")})]
    names = build(tmp_path, history)
    target = loose(tmp_path, names[3])
    if how == "missing":
        target.unlink()
    else:
        overwrite(target, b"garbage")
    found, cause = walk(tmp_path)
    assert cause
    assert {commit for commit, _, _ in found} == {*names} - {names[3], names[2]}
    expected = {(path, blob) for _, path, blob in truth(history, names)}
    assert {(path, blob) for _, path, blob in found} == expected


def test_missing_tip_and_broken_ref_are_told(tmp_path: Path) -> None:
    names = build(tmp_path, LONG)
    (tmp_path / "refs" / "heads" / "gone").write_text("1" * 40 + "\n")
    found, cause = walk(tmp_path)
    assert found == truth(LONG, names)
    assert cause
    (tmp_path / "refs" / "heads" / "gone").write_text("garbage")
    found, cause = walk(tmp_path)
    assert found == truth(LONG, names)
    assert cause


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_corrupt_blob_is_missing_and_the_rest_is_read(tmp_path: Path, damage: bytes | None) -> None:
    names = build(tmp_path, LONG)
    blobs = [blob_name(record(index)) for index in range(8)]
    target = loose(tmp_path, blobs[3])
    if damage is None:  # the head can be read, the content cannot
        overwrite(target, target.read_bytes()[:-20])
    else:
        overwrite(target, damage)
    assert walk(tmp_path) == (truth(LONG, names), None)
    for limit in (MB, 10):
        with Repository(tmp_path) as repository:
            found = repository.blobs([*blobs, *blobs], limit)
        assert [blob.missing for blob in found] == [n % 8 == 3 for n in range(16)]


def test_bytes_under_a_foreign_name_are_not_taken(tmp_path: Path) -> None:
    build(tmp_path, LONG)
    one, other = blob_name(record(1)), blob_name(record(2))
    content = loose(tmp_path, one).read_bytes()
    overwrite(loose(tmp_path, other), content)
    with Repository(tmp_path) as repository:
        assert [blob.missing for blob in repository.blobs([one, other], MB)] == [False, True]
        assert [blob.missing for blob in repository.blobs([one, other], 3)] == [False, True]


def packed(folder: Path, history: list[Made]) -> Path:
    """Make a repository of one pack; return the pack."""
    build(folder, history)
    git(folder, "repack", "-adq")
    (pack,) = (folder / "objects" / "pack").glob("*.pack")
    return pack


def test_corrupt_pack_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    pack = packed(tmp_path, LONG)
    lost = blob_name(record(3))
    listing = git(tmp_path, "verify-pack", "-v", str(pack.with_suffix(".idx")))
    (place,) = (line.split() for line in listing.splitlines() if line.startswith(lost))
    data = bytearray(pack.read_bytes())
    data[int(place[4]) + int(place[3]) // 2] ^= 0xFF
    overwrite(pack, bytes(data))
    found, cause = walk(tmp_path)
    assert cause is None
    with Repository(tmp_path) as repository:
        names = [blob for _, _, blob in found]
        blobs = dict(zip(names, repository.blobs(names, MB), strict=True))
    assert [name for name, blob in blobs.items() if blob.missing] == [lost]


def test_ruined_pack_ends_with_a_cause(tmp_path: Path) -> None:
    pack = packed(tmp_path, LONG)
    data = pack.read_bytes()
    ruins = [data[:40], data[: len(data) // 2], data[:-1], b"", b"garbage" * 500]
    ruins += [data[:cut] + bytes(1000) + data[cut + 1000 :] for cut in range(0, len(data), 150)]
    for ruin in ruins:
        overwrite(pack, ruin)
        with Repository(tmp_path) as repository:
            commits, cause = repository.commits([])
            steps = list(repository.changes(commits))
            names = [step.blob for step in steps if isinstance(step, Change)]
            blobs = repository.blobs(names, MB)
        unread = [step for step in steps if isinstance(step, CommitRead) and not step.whole]
        whole = len(commits) == len(LONG) and len(names) == len(LONG) + 1
        assert cause or unread or any(blob.missing for blob in blobs) or whole


def test_repository_without_commits_is_empty(tmp_path: Path) -> None:
    build(tmp_path, [])
    assert walk(tmp_path) == (set(), None)


def test_many_complaints_of_git_do_not_stop_it(tmp_path: Path) -> None:
    # Each missing object is a line on its error stream; a pipe holds 64 KiB.
    build(tmp_path, LONG)
    wanted = [f"{number:040x}" for number in range(3000)]
    with Repository(tmp_path) as repository:
        assert all(blob.missing for blob in repository.blobs(wanted, MB))


# ------------------------------------------------------------------------------ sizes


def test_thousands_of_blobs_of_any_size_pass_the_pipe(tmp_path: Path) -> None:
    small = [b"%d" % number for number in range(5000)]
    large = [b"%d" % number + b"\0" * MB for number in range(100)]
    writes = {b"%d.md" % n: ("100644", content) for n, content in enumerate(small + large)}
    build(tmp_path, [Made(writes=writes)])
    names = [blob_name(content) for content in small + large]
    with Repository(tmp_path) as repository:
        for start in range(0, len(names), 700):
            for blob, content in zip(
                repository.blobs(names[start : start + 700], 2 * MB),
                (small + large)[start : start + 700],
                strict=True,
            ):
                assert blob.data == content
        above = repository.blobs(names[-3:] + names[:1], MB)
        assert [(blob.data, blob.size) for blob in above] == [
            (None, MB + 2), (None, MB + 2), (None, MB + 2), (b"0", 1),
        ]  # fmt: skip


def test_walk_can_be_left_at_any_moment(tmp_path: Path) -> None:
    history = [Made((index - 1,) if index else ()) for index in range(2000)]
    writes = {b"%d.md" % n: ("100644", b"%d" % n) for n in range(3000)}
    build(tmp_path, [*history, Made((1999,), writes), Made((2000,), {b"0.md": ("100644", b"x")})])
    for leave_after in (1, 1999, 2001, 2500):
        with Repository(tmp_path) as repository:
            commits, _ = repository.commits([])
            steps = repository.changes(commits)
            for _ in range(leave_after):
                next(steps)
            steps.close()  # type: ignore[attr-defined]
    running = [
        Path(f"/proc/{child}/comm").read_text()
        for task in Path("/proc/self/task").glob("*/children")
        for child in task.read_text().split()
    ]
    assert "git\n" not in running


def test_a_repository_named_by_a_relative_path_keeps_its_object_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(
        ["git", "init", "-q", "--object-format=sha256", "m"], check=True, capture_output=True
    )
    (tmp_path / "m" / "1.md").write_text("<!--1-->\n[a](https://a.example/1)\n------\n\nx\n")
    subprocess.run(["git", "-C", "m", "add", "."], check=True)
    subprocess.run(
        ["git", "-C", "m", "-c", "user.name=n", "-c", "user.email=e@e", "commit", "-qm", "u"],
        check=True,
    )
    for name in ("m", "."):
        if name == ".":
            monkeypatch.chdir(tmp_path / "m")
        found = git_directory(Path(name))
        assert found is not None
        with Repository(found) as repository:
            commits, cause = repository.commits([])
        assert cause is None
        assert len(commits) == 1
