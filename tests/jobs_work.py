"""Functions that workers run in test_jobs."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any


def double(batch: list[Any], factor: int) -> list[Any]:
    return [value * factor for value in batch]


def chatty(batch: list[Any], factor: int) -> list[Any]:
    print("a stray print")
    sys.stdout.flush()
    return double(batch, factor)


def doomed(batch: list[Any], factor: int) -> list[Any]:
    """Die, fail or end at the values that say so."""
    for value in batch:
        if value == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if value == "fault":
            os.abort()
        if value == "exit":
            os._exit(3)
        if value == "fail":
            raise ValueError("not this one")
        if value == "quit":
            sys.exit(4)
    return double(batch, factor)


def unsendable(_batch: list[Any], _factor: int) -> Any:
    return lambda: 0


def slow(batch: list[Any], _factor: int) -> int:
    time.sleep(batch[0])
    return os.getpid()


def busy(batch: list[Any], _factor: int) -> None:
    """Tell who is at work, then never end."""
    with Path(batch[0]).open("a", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    while True:
        pass


def who(_batch: list[Any], _factor: int) -> tuple[int, str, list[str]]:
    return os.getpid(), str(Path.cwd()), sys.path
