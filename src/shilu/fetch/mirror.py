"""Mirrors of the news: every state of every record in a Git repository, or loose record files.

Among the latter are our own exports, whose files say where their records came from.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shilu.errors import UsageError
from shilu.fetch.git import Blob, Change, Repository
from shilu.fetch.manifest import MANIFEST, Manifest, payload_name
from shilu.recordform import is_record_path, looks_like_record, readable_standing
from shilu.records import Origin, Problem

_HEAD_BYTES = 4096
_BLOBS_A_TIME = 256
_FILES_A_TICK = 256
_CHUNK_BYTES = 1 << 20
# An interrupted walk goes on from the last checkpoint: the end of the commit in which so many
# records were reached, or, where commits hold none, so many commits.
_CHECKPOINT_RECORDS = 256
_CHECKPOINT_COMMITS = 1000


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
    try:
        with Repository(git_dir) as repository:
            yield from _walk(repository, subject, known, limit)
    except OSError as error:
        cause = error.strerror or str(error)
        yield Problem("git.damaged", subject, {"cause": cause}, refused=True)


def _walk(repository: Repository, subject: str, known: Sequence[str], limit: int) -> Iterator[Step]:
    reports = repository.reports(subject)
    yield from reports
    commits, cause = repository.commits(known)
    if cause:
        yield Problem("git.damaged", subject, {"cause": cause}, refused=True)
    if not commits and not cause and not known:
        yield Problem("git.no_commits", subject)
    complete = not reports and not cause
    unread: list[str] = []
    reached: set[str] = set()
    passed: set[str] = set()
    window: list[Change] = []
    done = records = 0
    for step in repository.changes(commits):
        if isinstance(step, Change):
            if not step.path.endswith(".md"):
                continue
            if step.path.startswith("lists/"):
                yield PassedOver(step.path)
                continue
            window.append(step)
            records += 1
            if len(window) >= _BLOBS_A_TIME:
                complete &= yield from _read_window(repository, window, limit)
                window = []
            continue
        done += 1
        if not step.whole:
            unread.append(step.commit.name)
            complete = False
        if complete:
            passed.update(step.commit.parents)
            reached.difference_update(step.commit.parents)
            reached.add(step.commit.name)
        if (
            records >= _CHECKPOINT_RECORDS
            or done % _CHECKPOINT_COMMITS == 0
            or done == len(commits)
        ):
            complete &= yield from _read_window(repository, window, limit)
            window, records = [], 0
            yield Progress(done, len(commits), "commits")
            if complete:
                yield Walked(tuple(sorted(reached)), tuple(sorted(passed)))
                passed.clear()
    if unread:
        cause = f"{len(unread)} commit(s) lack a part of their tree, the first is {unread[0]}"
        yield Problem("git.damaged", subject, {"cause": cause}, refused=True)


def _read_window(
    repository: Repository, window: Sequence[Change], limit: int
) -> Generator[Step, None, bool]:
    """Yield the records of a window; return whether all bytes were there."""
    blobs = repository.blobs([change.blob for change in window], limit)
    for change, blob in zip(window, blobs, strict=True):
        yield _state(change, blob, limit)
    return not any(blob.missing for blob in blobs)


def _state(change: Change, blob: Blob, limit: int) -> Step:
    origin = Origin("git", change.path, change.commit.name, change.commit.generation)
    at = change.commit.committed_at
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


def _too_large(origin: Origin, at: datetime | None, size: int, sha256: str, limit: int) -> Found:
    refusal = Problem(
        "record.too_large", display(origin), {"size": str(size), "limit": str(limit)}, refused=True
    )
    return Found(origin, f"above the limit {sha256}", at, None, size, sha256, refusal)


# ------------------------------------------------------------------------------ loose files


def walk_files(path: Path, limit: int) -> Iterator[Step]:
    """Yield the record at *path*, or those below it in the order of their names.

    Links to folders below *path* are not followed: they may lead round in circles. In an export of
    ours, files that were not changed since have the origin that the export names.
    """
    if not path.is_dir():
        yield _file(path, limit, named=True)
        return
    export = Manifest(path / MANIFEST)
    total, done = sum(isinstance(found, Path) for found in _files(path)), 0
    for found in _files(path):
        if isinstance(found, OSError):
            yield _unreadable_folder(found)
            continue
        yield _file(found, limit, named=False, export=export, root=path)
        done += 1
        if done % _FILES_A_TICK == 0 or done == total:
            yield Progress(done, max(done, total), "files")


def _files(path: Path) -> Iterator[Path | OSError]:
    """Yield what may be records in a folder, and the errors of folders that cannot be listed."""
    errors: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=errors.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(".md") and not name.startswith("."):
                yield Path(folder, name)
    yield from errors


def _unreadable_folder(error: OSError) -> Problem:
    subject = os.fsencode(error.filename or "?").decode("utf-8", "backslashreplace")
    cause = error.strerror or str(error)
    return Problem("record.unreadable", subject, {"cause": cause}, refused=True)


def record_path(path: Path) -> str:
    """Return the part of a path by which a mirror files a record: folder and name.

    Taken from the absolute path, so that it is the same whichever way the file was named.

    >>> record_path(Path("/data/mirror/articles/rfi/1015022.md"))
    'articles/rfi/1015022.md'
    """
    parts = Path(os.path.abspath(path)).parts[-3:]  # noqa: PTH100 - links keep their own names
    if len(parts) == 3 and parts[0] not in ("articles",):
        parts = parts[1:]
    return "/".join(parts)


def _file(
    path: Path, limit: int, *, named: bool, export: Manifest | None = None, root: Path | None = None
) -> Step:
    name = record_path(path)
    origin = Origin("file", name)
    subject = display(origin)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = kind_of(mode)
            if named:
                raise UsageError("record.not_a_file", path, kind=kind)
            refusal = Problem("record.not_a_file", subject, {"kind": kind}, refused=True)
            return Found(origin, f"a {kind}", None, None, refusal=refusal)
        with open(path, "rb", opener=_open_at_once) as file:
            head = file.read(_HEAD_BYTES)
            if not named and not is_record_path(name) and not looks_like_record(head):
                return PassedOver(subject)
            # The file may grow while it is read: what was read counts, not what stat says.
            data = head + file.read(max(0, limit + 1 - len(head)))
            if len(data) > limit:
                digest, size = hashlib.sha256(data), len(data)
                del data
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
                return _too_large(origin, None, size, digest.hexdigest(), limit)
    except OSError as error:
        cause = error.strerror or str(error)
        refusal = Problem("record.unreadable", subject, {"cause": cause}, refused=True)
        return Found(origin, "unreadable", None, None, refusal=refusal)
    sha256 = hashlib.sha256(data).hexdigest()
    if export is not None and root is not None:
        within = os.fsencode(path.relative_to(root)).decode("utf-8", "replace")
        row = export.find(within, sha256)
        if row is not None and row.form == "raw":
            at = row.captured_at if row.origin.kind == "git" or row.origin.generation > 0 else None
            return Found(row.origin, payload_name(row.origin, data, sha256), at, data, len(data))
        if row is None and within in export:  # changed by its user since: a file like any other
            return Found(origin, sha256, None, data, len(data), sha256)
    standing = readable_standing(data)
    if standing is not None:
        generation = standing.n if standing.at else -standing.n
        origin = Origin("export", name, generation=generation)
        return Found(origin, sha256, standing.at, data, len(data), sha256)
    return Found(origin, sha256, None, data, len(data), sha256)


def _open_at_once(path: str, flags: int) -> int:
    # A pipe that has taken the file's place since must not be waited for.
    return os.open(path, flags | os.O_NONBLOCK)


def kind_of(mode: int) -> str:
    """Return what a file that is no regular one is, in words."""
    for test, kind in (
        (stat.S_ISSOCK, "socket"), (stat.S_ISFIFO, "pipe"), (stat.S_ISBLK, "block device"),
        (stat.S_ISCHR, "character device"), (stat.S_ISDIR, "folder"),
    ):  # fmt: skip
        if test(mode):
            return kind
    return "special file"
