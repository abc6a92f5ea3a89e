"""Workers: results in order, deaths told, nobody left behind."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shilu.jobs import WorkerDied, Workers, WorkFailed, in_order
from tests import jobs_work

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def nothing_may_hang() -> Iterator[None]:
    timer = threading.Timer(60, lambda: os._exit(70))
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


def workers(name: str, count: int = 2) -> Workers:
    return Workers(f"tests.jobs_work:{name}", 2, count)


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            found += [int(child) for child in task.read_text().split()]
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def near(batch: list[Any]) -> list[Any]:
    return jobs_work.double(batch, 2)


# ------------------------------------------------------------------------------ results


def test_results_come_in_order() -> None:
    batches: list[list[Any]] = [[n, "x" * (n % 7)] for n in range(60)]
    results = list(in_order(batches, near, lambda: workers("double", 3)))
    assert results == [(batch, [batch[0] * 2, batch[1] * 2]) for batch in batches]


def test_one_batch_starts_no_process() -> None:
    def never() -> Workers:
        raise AssertionError("a worker was called for")

    assert list(in_order([[1]], near, never)) == [([1], [2])]
    assert list(in_order([], near, never)) == []


def test_slow_batch_does_not_hold_up_the_others() -> None:
    batches = [[0.0], [0.6], *([0.0] for _ in range(3))]
    results = [result for _, result in in_order(batches, lambda _: 0, lambda: workers("slow"))]
    assert len(set(results[1:])) == 2


def test_huge_batches_and_stray_prints_pass() -> None:
    with workers("chatty", 1) as pool:
        big = "文" * 20_000_000
        assert pool.submit([big, 1]).result() == [big * 2, 2]


def test_few_batches_are_on_their_way_at_once() -> None:
    read = 0

    def batches() -> Iterator[list[float]]:
        nonlocal read
        for _ in range(40):
            read += 1
            yield [0.0]

    ahead = 0
    for done, _ in enumerate(in_order(batches(), lambda _: 0, lambda: workers("slow")), 1):
        ahead = max(ahead, read - done)
    assert ahead <= 2 * 2 + 1


# ------------------------------------------------------------------------------ deaths


@pytest.mark.parametrize(
    ("fate", "told"),
    [("die", "SIGKILL"), ("fault", "SIGABRT"), ("exit", "status 3"), ("quit", "status 4")],
)
def test_death_of_a_worker_costs_one_batch(fate: str, told: str) -> None:
    batches: list[list[Any]] = [[n] for n in range(12)]
    batches[3], batches[7] = [fate], [fate]
    results = [result for _, result in in_order(batches, near, lambda: workers("doomed"))]
    died = [n for n, result in enumerate(results) if isinstance(result, WorkerDied)]
    assert died == [3, 7]
    assert told in str(results[3])
    assert [result for n, result in enumerate(results) if n not in died] == [
        [n * 2] for n in range(12) if n not in died
    ]


def test_exception_in_the_function_is_told_and_the_worker_lives() -> None:
    with workers("doomed", 1) as pool:
        pool.submit([1]).result()
        (process,) = pool._processes
        with pytest.raises(WorkFailed, match="ValueError: not this one"):
            pool.submit(["fail"]).result()
        assert pool.submit([1]).result() == [2]
        assert process.poll() is None


def test_function_that_does_not_exist_is_a_death() -> None:
    with Workers("tests.jobs_work:nowhere", 2, 1) as pool, pytest.raises(WorkerDied):
        pool.submit([1]).result()


def test_answer_that_cannot_be_sent_is_told() -> None:
    with workers("unsendable", 1) as pool, pytest.raises(WorkFailed, match="lambda"):
        pool.submit([1]).result()


def test_what_cannot_be_sent_is_an_error_of_the_caller() -> None:
    with workers("double", 1) as pool:
        with pytest.raises(Exception, match="pickle"):
            pool.submit([lambda: 0]).result()
        assert pool.submit([1]).result() == [2]


# ------------------------------------------------------------------------------ endings


def test_consumer_that_stops_early_leaves_nobody() -> None:
    steps = in_order(([0.0] for _ in range(100)), lambda _: 0, lambda: workers("slow"))
    for _ in range(3):
        next(steps)
    assert children(os.getpid())
    steps.close()  # type: ignore[attr-defined]
    assert not children(os.getpid())


def test_error_in_the_batches_leaves_nobody() -> None:
    def batches() -> Iterator[list[float]]:
        yield [0.0]
        yield [30.0]
        yield [30.0]
        raise OSError("the disk is gone")

    start = time.monotonic()
    with pytest.raises(OSError, match="the disk is gone"):
        list(in_order(batches(), lambda _: 0, lambda: workers("slow")))
    assert time.monotonic() - start < 10
    assert not children(os.getpid())


def test_closing_while_workers_start_leaves_nobody() -> None:
    for _ in range(5):
        pool = workers("double", 4)
        futures = [pool.submit([n]) for n in range(8)]
        pool.__exit__()
        assert all(future.done() for future in futures)
        assert not children(os.getpid())


def test_no_warning_of_open_files_is_left(recwarn: pytest.WarningsRecorder) -> None:
    with workers("doomed", 2) as pool:
        for fate in (1, "die", 1, "exit"):
            pool.submit([fate]).exception()
    del pool
    gc.collect()
    assert not recwarn.list


PARENT = """
    import sys
    from shilu.jobs import Workers, in_order
    batches = ([sys.argv[1]] for _ in range(9))
    for _ in in_order(batches, lambda _: 0, lambda: Workers("tests.jobs_work:busy", 2, 2)):
        pass
"""


def parent(tmp_path: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    """Start a process whose two workers are busy for ever; return it and them."""
    script, told = tmp_path / "parent.py", tmp_path / "told"
    script.write_text(textwrap.dedent(PARENT))
    process = subprocess.Popen(
        [sys.executable, script, told], stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert within(20, lambda: told.is_file() and len(told.read_text().split()) == 2)
    return process, [int(pid) for pid in told.read_text().split()]


def test_busy_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    process, pids = parent(tmp_path)
    process.kill()
    process.communicate()
    assert within(10, lambda: not any(alive(pid) for pid in pids))


def test_control_c_ends_all_at_once(tmp_path: Path) -> None:
    process, pids = parent(tmp_path)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert b"KeyboardInterrupt" in told
    assert b"WorkerDied" not in told
    assert within(5, lambda: not any(alive(pid) for pid in pids))


def test_modules_of_the_current_folder_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pickle", "shilu", "yaml"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not mine')")
    monkeypatch.chdir(tmp_path)
    with workers("who", 1) as pool:
        pid, folder, search_path = pool.submit([]).result()
    assert pid != os.getpid()
    assert folder == str(tmp_path)
    assert str(tmp_path) not in search_path
