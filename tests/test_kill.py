"""``kill -9`` at any moment: nothing lost, nothing doubled, nobody left behind."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from shilu import upkeep
from shilu.archive import warc
from shilu.pipeline import open_archive
from tests.mirrors import Mirror
from tests.test_import import synthetic

RECORDS = 1500
KILLS = 50

# Imports in a child that it kills; forks, so that the modules are loaded but once.
KILLER = """
import os, signal, sys, time
from pathlib import Path
from shilu import extract
from shilu.pipeline import open_archive
import shilu.extraction.article, selectolax.lexbor, sqlalchemy.dialects.sqlite.pysqlite
os.environ["SHILU_TEST_MARK"] = sys.argv[1]
for line in sys.stdin:
    archive_path, mirror_path, delay = line.split()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with open_archive(Path(archive_path), create=True) as archive:
                archive.import_paths([Path(mirror_path)])
            status = 0
        finally:
            os._exit(status)
    done = 0
    while not done and time.monotonic() - started < float(delay):
        done, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.002)
    if not done:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print("killed", flush=True)
    else:
        print("done" if status == 0 else "failed", time.monotonic() - started, flush=True)
"""


def processes_with(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"SHILU_TEST_MARK={mark}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:  # it has ended, or is not ours
                continue
    return found


def test_import_killed_at_fifty_moments_loses_and_doubles_nothing(
    tmp_path: Path, run_python: Callable[..., subprocess.Popen[str]]
) -> None:
    mirror = Mirror(tmp_path / "mirror.git")
    mirror.commits(synthetic(RECORDS, a_commit=5))
    mark = f"kill-{tmp_path.name}-{time.time_ns()}"
    killer = run_python(KILLER, mark)
    assert killer.stdin is not None
    assert killer.stdout is not None

    def run(archive: Path, delay: float) -> list[str]:
        assert killer.stdin is not None
        assert killer.stdout is not None
        killer.stdin.write(f"{archive} {mirror.path} {delay}\n")
        killer.stdin.flush()
        told = killer.stdout.readline().split()
        assert told[0] in ("killed", "done")
        return told

    undisturbed = tmp_path / "undisturbed"
    assert run(undisturbed, 60)[0] == "done"
    word, seconds = run(tmp_path / "timed", 60)
    assert word == "done"
    whole = float(seconds)

    # Over the whole life of a first import, and over what is left for the ones that follow.
    chance = random.Random(20201010)
    killed = rounds = 0
    moments = [whole * (n + chance.random()) / 10 for n in range(10)]
    while killed < KILLS:
        archive = tmp_path / f"archive-{rounds}"
        rounds += 1
        delay = moments.pop(chance.randrange(len(moments))) if moments else whole / 2
        while killed < KILLS and run(archive, delay)[0] == "killed":
            killed += 1
            delay = chance.uniform(0.01, whole / 3)
    with open_archive(undisturbed) as archive_alone:
        expected = archive_alone.store.logical_digest()
    for number in range(rounds):
        path = tmp_path / f"archive-{number}"
        assert run(path, 60)[0] == "done"
        with open_archive(path) as archive_found:
            assert archive_found.stats().captures == RECORDS
            assert archive_found.store.logical_digest() == expected
            # Verifying takes longer than importing: the first ones stand for all in this.
            if number < 3:
                checks = upkeep.verify(archive_found)
                assert [fault for check in checks for fault in check.faults] == []
        assert not any(
            member.fault for file in warc.capture_files(path / "captures")
            for member in warc.scan(file)
        )  # fmt: skip
    killer.stdin.close()
    assert killer.wait(10) == 0
    deadline = time.monotonic() + 5
    while processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.05)  # a worker ends when it sees that its input has
    assert processes_with(mark) == []
