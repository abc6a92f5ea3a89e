"""Mirrors of the news: every state of every record in a Git repository, or loose record files."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shilu.errors import UsageError
from shilu.fetch.git import Blob, Change, Commit, Repository
from shilu.recordform import is_record_path, looks_like_record
from shilu.records import Origin, Problem

_HEAD_BYTES = 4096
_BLOBS_A_TIME = 256  # requests of 41 bytes: well below what a pipe holds
_CHECKPOINT_RECORDS = 64  # after about so many records an interrupted walk goes on from here


@dataclass(frozen=True, slots=True)
class Found:
    """A record met on the way: its bytes, or why there are none."""

    origin: Origin
    payload_name: str  # names the bytes within the origin: blob name or SHA-256
    at: datetime | None  # the origin's instant
    data: bytes | None
    size_bytes: int = 0
    sha256: str | None = None  # where data is None and the bytes could be read
    refusal: Problem | None = None


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file that is no record."""

    path: str


@dataclass(frozen=True, slots=True)
class Walked:
    """Everything before this step is read: what that changes in the set of tips walked from.

    Every commit that has been read can be reached from a tip in the set.
    """

    reached: tuple[str, ...]
    passed: tuple[str, ...]  # no tips any more: a child of theirs is read too


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a walk has come, in *total* equal steps."""

    done: int
    total: int
    unit: str


Step = Found | PassedOver | Walked | Progress | Problem


# ------------------------------------------------------------------------------ repositories


def walk_repository(
    git_dir: Path, subject: str, known: Sequence[str], limit: int
) -> Iterator[Step]:
    """Yield every record state of a repository's history that is not reachable from *known*.

    Streams: holds the list of commits and one window of blobs. ``Walked`` steps are yielded only
    for complete clones: after a deepening fetch, a shallow one has older commits to be read.
    """
    with Repository(git_dir) as repository:
        reports = repository.reports(subject)
        yield from reports
        commits, cause = repository.commits(known)
        if cause:
            yield Problem("git.damaged", subject, {"cause": cause}, refused=True)
        if not commits and not cause and not known:
            yield Problem("git.no_commits", subject)
        complete = not reports and not cause
        reached: set[str] = set()
        passed: set[str] = set()
        window: list[tuple[Commit, Change]] = []
        done = 0
        for commit, changes in repository.changes(commits):
            done += 1
            for change in changes:
                if not change.path.endswith(".md"):
                    continue
                if change.path.startswith("lists/"):
                    yield PassedOver(change.path)
                    continue
                window.append((commit, change))
                if len(window) >= _BLOBS_A_TIME:
                    complete &= yield from _read_window(repository, window, limit)
                    window = []
            passed.update(commit.parents)
            reached.difference_update(commit.parents)
            reached.add(commit.name)
            if len(window) >= _CHECKPOINT_RECORDS or done == len(commits):
                complete &= yield from _read_window(repository, window, limit)
                window = []
                yield Progress(done, len(commits), "commits")
                if complete:
                    yield Walked(tuple(sorted(reached)), tuple(sorted(passed)))
                    passed.clear()
        if done < len(commits):
            yield from _read_window(repository, window, limit)
            cause = f"it stopped at commit {commits[done].name}"
            yield Problem("git.damaged", subject, {"cause": cause}, refused=True)


def _read_window(
    repository: Repository, window: Sequence[tuple[Commit, Change]], limit: int
) -> Generator[Step, None, bool]:
    """Yield the records of a window; return whether all bytes were there."""
    if not window:
        return True
    blobs = repository.blobs([change.blob for _, change in window], limit)
    for (commit, change), blob in zip(window, blobs, strict=True):
        yield _state(commit, change, blob, limit)
    return not any(blob.missing for blob in blobs)


def _state(commit: Commit, change: Change, blob: Blob, limit: int) -> Step:
    origin = Origin("git", change.path, commit.name, commit.generation)
    at = commit.committed_at
    subject = display(origin)
    if blob.missing:
        if not is_record_path(change.path):
            return PassedOver(change.path)
        refusal = Problem("git.blob_missing", subject, {"object": change.blob}, refused=True)
        return Found(origin, f"missing {change.blob}", at, None, refusal=refusal)
    if blob.data is None:
        if not is_record_path(change.path):
            return PassedOver(change.path)
        return _too_large(origin, at, blob.size, blob.sha256 or "", limit)
    if not is_record_path(change.path) and not looks_like_record(blob.data[:_HEAD_BYTES]):
        return PassedOver(change.path)
    return Found(origin, change.blob, at, blob.data, blob.size)


def display(origin: Origin) -> str:
    """Return an origin's name with undecodable bytes made visible."""
    return origin.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _too_large(
    origin: Origin, at: datetime | None, size: int, sha256: str, limit: int
) -> Found:
    refusal = Problem(
        "record.too_large", display(origin), {"size": str(size), "limit": str(limit)}, refused=True
    )
    return Found(origin, f"above the limit {sha256}", at, None, size, sha256, refusal)


# ------------------------------------------------------------------------------ loose files


def walk_files(path: Path, limit: int) -> Iterator[Step]:
    """Yield the record at *path*, or those below it in the order of their names."""
    if not path.is_dir():
        yield _file(path, limit, named=True)
        return
    total, done = count_files(path), 0
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(".md") and not name.startswith("."):
                yield _file(Path(folder) / name, limit, named=False)
                done += 1
                if done % _BLOBS_A_TIME == 0:
                    yield Progress(done, total, "files")


def count_files(path: Path) -> int:
    """Return how many files ``walk_files`` looks at in a folder, for a progress bar."""
    return sum(
        name.endswith(".md") for _, _, names in os.walk(path) for name in names
    )


def record_path(path: Path) -> str:
    """Return the part of a path by which a mirror files a record: folder and name.

    Taken from the absolute path, so that it is the same whichever way the file was named.

    >>> record_path(Path("/data/mirror/articles/rfi/1015022.md"))
    'articles/rfi/1015022.md'
    """
    parts = Path(os.path.abspath(path)).parts[-3:]
    if len(parts) == 3 and parts[0] not in ("articles",):
        parts = parts[1:]
    return "/".join(parts)


def _file(path: Path, limit: int, *, named: bool) -> Step:
    name = record_path(path)
    origin = Origin("file", name)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = _kind(mode)
            if named:
                raise UsageError("record.not_a_file", path, kind=kind)
            refusal = Problem("record.not_a_file", name, {"kind": kind}, refused=True)
            return Found(origin, f"a {kind}", None, None, refusal=refusal)
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            if not named and not is_record_path(name) and not looks_like_record(head):
                return PassedOver(name)
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                digest = hashlib.sha256(head)
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
                return _too_large(origin, None, size, digest.hexdigest(), limit)
            data = head + file.read(limit + 1 - len(head))
    except OSError as error:
        cause = error.strerror or str(error)
        refusal = Problem("record.unreadable", name, {"cause": cause}, refused=True)
        return Found(origin, "unreadable", None, None, refusal=refusal)
    sha256 = hashlib.sha256(data).hexdigest()
    return Found(origin, sha256, None, data, len(data), sha256)


def _kind(mode: int) -> str:
    for test, kind in (
        (stat.S_ISSOCK, "socket"), (stat.S_ISFIFO, "pipe"), (stat.S_ISBLK, "block device"),
        (stat.S_ISCHR, "character device"), (stat.S_ISDIR, "folder"),
    ):  # fmt: skip
        if test(mode):
            return kind
    return "special file"
