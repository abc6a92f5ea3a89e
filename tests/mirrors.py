"""Builds mirrors of the news for tests: records, and bare repositories with their history."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shilu.recordform import write_record

START = datetime(2020, 10, 10, 12, 0, tzinfo=UTC)


def make_record(
    title: str = "两国外长会晤",
    body: str = "<p>（海潮社晨港10日电）两国外长周四会晤。</p>",
    *,
    url: str = "https://news.example/zh/1",
    at: datetime | int | None = START,
) -> bytes:
    """Return a record as the mirror writes it; *at* None is its NaN, a number milliseconds."""
    stamp = "NaN" if at is None else at if isinstance(at, int) else int(at.timestamp() * 1000)
    return write_record(stamp, title, url, body).encode()


def clean_environment(home: Path) -> dict[str, str]:
    """Return an environment in which Git knows nobody's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(home),
        "GIT_AUTHOR_NAME": "Mirror", "GIT_AUTHOR_EMAIL": "mirror@mirror.example",
        "GIT_COMMITTER_NAME": "Mirror", "GIT_COMMITTER_EMAIL": "mirror@mirror.example",
        "LC_ALL": "C",
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """A commit to be made."""

    at: datetime
    write: Mapping[Any, bytes]  # by path, a str or bytes
    delete: Sequence[str | bytes] = ()


class Mirror:
    """A bare Git repository that is written to by ``git fast-import``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(path))
        self._has_commits = False

    def git(self, *arguments: str, given: bytes = b"") -> str:
        at = [] if arguments[0] == "init" else [f"--git-dir={self.path}"]
        run = subprocess.run(
            ["git", *at, *arguments], input=given, capture_output=True, check=True,
            env=clean_environment(self.path.parent),
        )  # fmt: skip
        return run.stdout.decode().strip()

    def commit(
        self,
        at: datetime,
        write: Mapping[str, bytes] | Mapping[bytes, bytes],
        delete: Sequence[str | bytes] = (),
    ) -> str:
        """Make one commit; return its name."""
        self.commits([Step(at, dict(write.items()), delete)])
        return self.git("rev-parse", "main")

    def commits(self, steps: Sequence[Step]) -> None:
        """Make commits, one after the other."""
        self.git("fast-import", "--quiet", "--done", given=b"".join(self._stream(steps)))
        self._has_commits = True

    def _stream(self, steps: Sequence[Step]) -> Iterator[bytes]:
        for number, step in enumerate(steps):
            yield b"commit refs/heads/main\ncommitter Mirror <mirror@mirror.example> %d +0000\n" % (
                int(step.at.timestamp())
            )
            yield b"data 6\nupdate\n"
            if number == 0 and self._has_commits:
                yield b"from refs/heads/main^0\n"
            for path, data in step.write.items():
                yield b"M 100644 inline %b\ndata %d\n%b\n" % (_quoted(path), len(data), data)
            for path in step.delete:
                yield b"D %b\n" % _quoted(path)
        yield b"done\n"


def _quoted(path: str | bytes) -> bytes:
    """Quote a path as fast-import reads it: octal for every byte that could be misread."""
    raw = path.encode() if isinstance(path, str) else path
    return b'"' + b"".join(
        bytes([byte]) if 32 <= byte < 127 and byte not in b'"\\' else b"\\%03o" % byte
        for byte in raw
    ) + b'"'  # fmt: skip
