"""Mirrors, record files and archives for the tests, built anew in a temporary folder each."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shilu.pipeline import Archive, open_archive
from tests.mirrors import Mirror, clean_environment


@pytest.fixture
def mirror(tmp_path: Path) -> Callable[..., Mirror]:
    """Make an empty mirror in the temporary folder."""

    def make(name: str = "mirror.git") -> Mirror:
        return Mirror(tmp_path / name)

    return make


@pytest.fixture
def record_file(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Write a loose record file below ``articles/``; return the folder to import."""

    def write(name: str, data: bytes) -> Path:
        path = tmp_path / "articles" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return tmp_path / "articles"

    return write


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Open a new archive."""
    with open_archive(tmp_path / "archive", create=True) as made:
        yield made


@pytest.fixture
def run_python(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python code in a process of its own, with this package importable."""
    started = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=clean_environment(tmp_path) | {"PYTHONPATH": path, "SHILU_LANG": "en"},
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
