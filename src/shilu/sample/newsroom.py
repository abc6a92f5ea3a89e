"""Builds the sample mirror: the Git repository that ``newsroom.toml`` tells of."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from shilu.config import Expected, check_table, parse_toml
from shilu.errors import UsageError
from shilu.recordform import write_record

_COMMIT: Mapping[str, Expected] = {
    "at": datetime, "write": list, "write_raw": list, "delete": list,
}  # fmt: skip
_WRITE: Mapping[str, Expected] = {
    "path": str, "feed_at_ms": (int, str), "title": str, "url": str, "html": str,
}  # fmt: skip
_WRITE_RAW: Mapping[str, Expected] = {"path": str, "text": str}
_DELETE: Mapping[str, Expected] = {"path": str}

# The mirror's script signed every commit alike and called each "update".
_AUTHOR = "Newsroom <newsroom@mirror.example>"
_MESSAGE = "update"
_BRANCH = "main"

# The article of the sample that its outlet edited twice: the first thing to look at.
EDITED = "beiou/n-4417730"


def build_mirror(folder: Path) -> int:
    """Make the sample mirror in *folder*, new or empty, with its work tree.

    Returns the number of record states in its history: files written below ``articles/``, among
    them the one that cannot be read. The same data make the same commits, to the last digit.
    Raises ``FileNotFoundError`` when Git is not installed and ``UsageError`` when the folder holds
    anything.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError("use.not_empty", folder)
    commits = load_commits()
    # No template: a person's own hooks and excludes have no place in the sample.
    _git(folder, "init", "--quiet", "--template=", f"--initial-branch={_BRANCH}")
    _git(folder, "fast-import", "--quiet", "--done", given=b"".join(_stream(commits)))
    _git(folder, "reset", "--quiet", "--hard")
    return sum(path.startswith("articles/") for commit in commits for path in _written(commit))


def source_files() -> dict[str, str]:
    """Return the TOML of each sample outlet by file name, for an archive's ``sources/``."""
    found = (files(__package__) / "sources").iterdir()
    return {entry.name: entry.read_text("utf-8") for entry in sorted(found, key=lambda e: e.name)}


def load_commits() -> list[dict[str, Any]]:
    """Read the commits of ``newsroom.toml``, oldest first, and check every key."""
    text = (files(__package__) / "newsroom.toml").read_text("utf-8")
    table = parse_toml(text, "newsroom.toml")
    check_table(table, {"commit": list}, "newsroom.toml")
    commits: list[dict[str, Any]] = table["commit"]
    for commit in commits:
        where = f"newsroom.toml {commit['at']}"
        check_table(commit, _COMMIT, where)
        for key, allowed in (("write", _WRITE), ("write_raw", _WRITE_RAW), ("delete", _DELETE)):
            for row in commit.get(key, []):
                check_table(row, allowed, f"{where} [[commit.{key}]]")
    return commits


def record_text(row: Mapping[str, Any]) -> str:
    """Return a record in the mirror's form; the html, spread over lines in the data, is on one."""
    html = "".join(line.strip() for line in row["html"].splitlines())
    return write_record(row["feed_at_ms"], row["title"], row["url"], html)


def _written(commit: Mapping[str, Any]) -> dict[str, str]:
    """Return the files a commit writes: path and text."""
    records = {row["path"]: record_text(row) for row in commit.get("write", [])}
    return records | {row["path"]: row["text"] for row in commit.get("write_raw", [])}


def _stream(commits: list[dict[str, Any]]) -> Iterator[bytes]:
    """Tell the history in the language of ``git fast-import``."""
    for commit in commits:
        seconds = int(commit["at"].timestamp())
        yield f"commit refs/heads/{_BRANCH}\n".encode()
        yield f"author {_AUTHOR} {seconds} +0000\ncommitter {_AUTHOR} {seconds} +0000\n".encode()
        yield _data(_MESSAGE)
        for path, text in _written(commit).items():
            yield f"M 100644 inline {path}\n".encode() + _data(text)
        for row in commit.get("delete", []):
            yield f"D {row['path']}\n".encode()
    yield b"done\n"


def _data(text: str) -> bytes:
    payload = text.encode()
    return b"data %d\n%b\n" % (len(payload), payload)


def _git(folder: Path, *arguments: str, given: bytes = b"") -> None:
    """Run Git in *folder*, untouched by the settings of the person or of a surrounding Git."""
    environment = {
        name: value for name, value in os.environ.items() if not name.upper().startswith("GIT_")
    } | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_DIR": str(folder / ".git"),
        "HOME": str(folder),  # Git before 2.32 does not know GIT_CONFIG_GLOBAL
        "XDG_CONFIG_HOME": str(folder),
        "LC_ALL": "C",
    }
    subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, input=given, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
