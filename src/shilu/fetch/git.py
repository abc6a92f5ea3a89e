"""Reading a Git repository that somebody else configured.

The repository's own configuration is never in force: Git runs on a *shadow*, a temporary Git
directory of ours whose ``objects`` and ``refs`` point into the repository. No hook, alias, filter,
pager, credential helper or remote of the repository exists there, so nothing of it can be executed
and nothing can be fetched; missing objects are simply missing.

A damaged repository is read as far as it goes: commits whose parents are gone count as roots, and a
commit whose neighbour has no readable tree is compared with the nearest one that has.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from shilu.errors import UsageError
from shilu.records import Problem

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
# The defaults map whole packs and cache 96 MiB of delta bases, and hold a blob of any size in
# memory: too much for a helper of a program that promises 400 MB. A commit graph is a cache that
# says what the history is; only the commits themselves are believed.
_CONFIG = """\
[core]
repositoryformatversion = 1
bare = true
commitGraph = false
packedGitWindowSize = 8m
packedGitLimit = 32m
deltaBaseCacheLimit = 24m
bigFileThreshold = 16m
"""
_REGULAR = (b"100644", b"100755", b"100664")
_NAME = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REQUESTS = 256  # at most 65 bytes each: well below the 64 KiB a pipe holds
_CHUNK_BYTES = 1 << 20
_SILENCES = 8  # after so many runs of Git without one answer no more are tried


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit to be read."""

    name: str  # hexadecimal object name
    committed_at: datetime
    generation: int  # 1 for roots
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A state that a commit gave to a path."""

    commit: Commit
    path: str  # undecodable bytes as surrogate escapes
    blob: str  # hexadecimal object name


@dataclass(frozen=True, slots=True)
class CommitRead:
    """All changes of a commit were told; *whole* is False when some could not be seen."""

    commit: Commit
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Blob:
    """An answer of ``git cat-file --batch``."""

    size: int
    data: bytes | None  # None: larger than the limit, or missing
    sha256: str | None = None  # of blobs above the limit
    missing: bool = False  # or damaged: the bytes that are there are not those it is named after


_MISSING = Blob(0, None, missing=True)


def git_directory(path: Path) -> Path | None:
    """Return the Git directory of a work tree or bare repository at *path*, else None."""
    dot = path / ".git"
    try:
        if dot.is_file():  # a linked work tree or submodule
            text = dot.read_text("utf-8", "surrogateescape")
            if text.startswith("gitdir:"):
                target = (path / text.removeprefix("gitdir:").strip()).resolve()
                return target if target.is_dir() else None
        for candidate in (dot, path):
            if (candidate / "HEAD").is_file() and (candidate / "objects").is_dir():
                return candidate
            # A linked work tree's own directory: what is shared is elsewhere.
            if (candidate / "HEAD").is_file() and (candidate / "commondir").is_file():
                return candidate
    except OSError:  # unreadable: whoever reads it as a folder says so
        return None
    return None


class Repository:
    """A repository read through its shadow; a context manager."""

    def __init__(self, git_dir: Path) -> None:
        self._real = git_dir = git_dir.resolve()  # Git runs elsewhere
        program = shutil.which("git")
        if program is None:
            raise UsageError("use.git_missing", git_dir)
        self._program = program
        self._common = git_dir
        self._cat: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Repository:
        self._folder = tempfile.TemporaryDirectory(prefix="shilu-git-")
        self._shadow = Path(self._folder.name)
        try:
            self._build()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._cat is not None:
            _stop(self._cat)
        self._folder.cleanup()

    def _build(self) -> None:
        pointer = self._real / "commondir"
        if pointer.is_file():
            text = pointer.read_text("utf-8", "surrogateescape").strip()
            self._common = (self._real / text).resolve()
        for name in ("objects", "refs", "packed-refs", "reftable", "shallow"):
            if (self._common / name).exists():
                (self._shadow / name).symlink_to((self._common / name).resolve())
        if not (self._shadow / "refs").exists():
            (self._shadow / "refs").mkdir()
        shutil.copyfile(self._real / "HEAD", self._shadow / "HEAD")
        extensions = [
            f"{name} = {value}\n"
            for name, value in (
                ("objectformat", self._setting("extensions.objectformat")),
                ("refstorage", self._setting("extensions.refstorage")),
            )
            if value in ("sha256", "reftable")
        ]
        config = _CONFIG + ("[extensions]\n" + "".join(extensions) if extensions else "")
        (self._shadow / "config").write_text(config, "utf-8")

    @property
    def is_shallow(self) -> bool:
        """Whether history was cut off when it was cloned."""
        return bool(self._cut_off())

    def _cut_off(self) -> set[str]:
        with contextlib.suppress(OSError):
            return set((self._common / "shallow").read_text("ascii", "replace").split())
        return set()

    def reports(self, subject: str) -> list[Problem]:
        """Return what is doubtful about the repository as a whole."""
        found = []
        if self.is_shallow:
            found.append(Problem("git.shallow", subject, {"count": str(len(self._cut_off()))}))
        partial = self._partial_filter()
        if partial:
            found.append(Problem("git.partial", subject, {"filter": partial}))
        return found

    def _partial_filter(self) -> str | None:
        run = self._run(
            "config", "--file", str(self._common / "config"), "--get-regexp",
            r"^remote\..*\.partialclonefilter$|^extensions\.partialclone$|^remote\..*\.promisor$",
        )  # fmt: skip
        lines = run.stdout.decode("utf-8", "replace").splitlines()
        filters = [line.split()[-1] for line in lines if "partialclonefilter" in line.lower()]
        return filters[0] if filters else ("?" if lines else None)

    def _setting(self, name: str) -> str | None:
        # --file reads the one file as data: no includes, nothing is put in force.
        run = self._run("config", "--file", str(self._common / "config"), "--get", name)
        return run.stdout.decode("utf-8", "replace").strip().lower() or None

    # -------------------------------------------------------------------------- running Git

    def _arguments(self, *arguments: str) -> list[str]:
        return [self._program, f"--git-dir={self._shadow}", *arguments]

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("GIT_")
        }
        # Git before 2.32 does not know GIT_CONFIG_GLOBAL.
        home = {"HOME": str(self._shadow), "XDG_CONFIG_HOME": str(self._shadow)}
        return inherited | home | _ENVIRONMENT

    def _run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self._arguments(*arguments), input=stdin, capture_output=True, check=False,
            env=self._environment(), cwd=self._shadow, process_group=0,
        )  # fmt: skip

    def _open(self, *arguments: str, stdin: int | IO[bytes]) -> subprocess.Popen[bytes]:
        # Complaints go nowhere: nobody reads them here, and a full pipe would stop Git for ever.
        # A process group of its own: Ctrl-C is for us to act on, not an end of the history.
        return subprocess.Popen(
            self._arguments(*arguments), stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, bufsize=1 << 16, process_group=0,
            env=self._environment(), cwd=self._shadow,
        )  # fmt: skip

    def _lines(self, lines: Iterable[str]) -> IO[bytes]:
        """Return a file with these lines: input that no one has to feed while output is read."""
        file = tempfile.TemporaryFile(dir=self._shadow)  # noqa: SIM115 - the caller closes it
        file.writelines(line.encode() + b"\n" for line in lines)
        file.seek(0)
        return file

    # -------------------------------------------------------------------------- history

    def commits(self, known: Iterable[str]) -> tuple[list[Commit], str | None]:
        """Return the commits not reachable from *known* ones, parents before children.

        *known* names that this repository does not hold are ignored. The second value says what
        is wrong with the history, None when it is whole.
        """
        tips, cause = self._tips()
        try:
            return self._commits(tips, known), cause
        except _GitError as failure:
            cause = str(failure)
        # Commits are missing or damaged: their children become roots, and all else is read.
        try:
            return self._commits(self._mended(tips), known), cause
        except _GitError as failure:
            return [], str(failure)

    def _tips(self) -> tuple[list[str], str | None]:
        """Return the commits that branches, tags, remotes and the work trees stand at."""
        run = self._run(
            "for-each-ref", "--format=%(objectname)", "refs/heads", "refs/tags", "refs/remotes"
        )
        names = run.stdout.decode().split()
        names += self._run("rev-parse", "--verify", "--quiet", "HEAD").stdout.decode().split()
        for head in (self._common / "HEAD", *self._common.glob("worktrees/*/HEAD")):
            with contextlib.suppress(OSError):
                names += _NAME.findall(head.read_text("ascii", "replace"))
        names = list(dict.fromkeys(names))
        # A tag may name anything; only what it comes to counts.
        answers = self._kinds([f"{name}^{{}}" for name in names])
        gone = [name for name, (_, kind) in zip(names, answers, strict=True) if kind is None]
        cause = _cause(run) or (f"object {gone[0]}, named by a ref, is missing" if gone else None)
        return [name for name, kind in answers if kind == "commit"], cause

    def _commits(self, tips: Sequence[str], known: Iterable[str]) -> list[Commit]:
        excluded = [name for name, kind in self._kinds(known) if kind == "commit"]
        fresh: set[str] | None = None
        if excluded:
            revisions = [*tips, *(f"^{name}" for name in excluded)]
            fresh = {line.strip() for line in self._revisions(revisions)}
        order = "--topo-order", "--reverse", "--parents", "--timestamp"
        generations: dict[str, int] = {}
        spelled: dict[str, str] = {}  # one string a name, however many children repeat it
        found = []
        for line in self._revisions(tips, *order):
            timestamp, name, *parents = line.split()
            generations[name] = 1 + max((generations.get(one, 0) for one in parents), default=0)
            spelled[name] = name
            if fresh is None or name in fresh:
                commit = Commit(
                    name, _instant(int(timestamp)), generations[name],
                    tuple(spelled.get(one, one) for one in parents),
                )  # fmt: skip
                found.append(commit)
        return found

    def _revisions(self, revisions: Sequence[str], *options: str) -> Iterator[str]:
        """Yield the lines of ``git rev-list``; raise ``_GitError``."""
        with (
            self._lines(revisions) as stdin,
            tempfile.TemporaryFile(dir=self._shadow) as stdout,
            tempfile.TemporaryFile(dir=self._shadow) as stderr,
        ):
            status = subprocess.call(
                self._arguments("rev-list", *options, "--stdin"),
                stdin=stdin, stdout=stdout, stderr=stderr,
                env=self._environment(), cwd=self._shadow, process_group=0,
            )  # fmt: skip
            if status:
                stderr.seek(0)
                raise _GitError(_last_line(stderr.read(1 << 16), status))
            stdout.seek(0)
            for line in stdout:
                yield line.decode("ascii")

    def _kinds(self, names: Iterable[str]) -> list[tuple[str, str | None]]:
        """Return (object name, kind) of each; the kind is None for what is missing."""
        names = list(names)
        found: list[tuple[str, str | None]] = []
        silences = 0
        while len(found) < len(names):
            asked = "".join(f"{name}\n" for name in names[len(found) :]).encode()
            run = self._run("cat-file", "--batch-check", stdin=asked)
            for line in run.stdout.decode("utf-8", "replace").splitlines():
                name, *rest = line.split()
                found.append((name, rest[0] if len(rest) == 2 else None))
            if len(found) < len(names):  # it died of one that is damaged, or cannot run at all
                silences = 0 if run.stdout else silences + 1
                lost = names[len(found) :][: None if silences > _SILENCES else 1]
                found += [(name, None) for name in lost]
        return found

    def _mended(self, tips: Sequence[str]) -> list[str]:
        """Make roots of the commits whose parents are gone; return tips that reach all others."""
        roots = self._cut_off()
        parents: dict[str, list[str]] = {}
        gone: set[str] = set()
        queue = list(dict.fromkeys(tips))
        while queue:
            wanted, queue = queue[:_REQUESTS], queue[_REQUESTS:]
            for name, answer in zip(wanted, self._objects(wanted, b"commit", 1 << 24), strict=True):
                if answer.data is None:
                    gone.add(name)
                    continue
                head = answer.data.partition(b"\n\n")[0].decode("utf-8", "replace")
                parents[name] = (
                    [] if name in roots else re.findall("^parent ([0-9a-f]+)$", head, re.M)
                )
                queue += [one for one in parents[name] if one not in parents and one not in gone]
            queue = [one for one in dict.fromkeys(queue) if one not in parents]
        cut = {name for name, above in parents.items() if gone.intersection(above)}
        shallow = self._shadow / "shallow"
        shallow.unlink(missing_ok=True)
        shallow.write_text("".join(f"{name}\n" for name in sorted(roots | cut)), "ascii")
        # Without its parents a commit reaches less than before.
        beyond = [one for name in cut for one in parents[name]]
        return [name for name in dict.fromkeys([*tips, *beyond]) if name not in gone]

    # -------------------------------------------------------------------------- changes

    def changes(self, commits: Sequence[Commit]) -> Iterator[Change | CommitRead]:
        """Yield the regular files each commit gave a new state, then the commit itself.

        Of a merge, only states that differ from every parent's: the others came with their own
        commits. A change of mode alone is none.
        """
        unreadable: set[str] | None = None  # commits without a whole tree; sought when Git dies
        by_name: dict[str, Commit] = {}
        position = 0
        while position < len(commits):
            if unreadable and _touches(commits[position], unreadable):
                yield from self._salvaged(commits[position], by_name, unreadable)
                position += 1
                continue
            end = position
            while end < len(commits) and not (unreadable and _touches(commits[end], unreadable)):
                end += 1
            told = 0
            for step in self._differences(commits[position:end]):
                yield step
                told += 1
                if isinstance(step, CommitRead):
                    position, told = position + 1, 0
            if position == end:
                continue
            if unreadable is None:
                unreadable = self._without_trees(commits[position:])
                by_name = {commit.name: commit for commit in commits}
            # Git died of this commit or of one after it; alone we see which.
            steps = list(self._differences(commits[position : position + 1]))
            if not steps or not isinstance(steps[-1], CommitRead):
                steps = list(self._salvaged(commits[position], by_name, unreadable))
            yield from steps[told:]
            position += 1

    def _differences(self, commits: Sequence[Commit]) -> Iterator[Change | CommitRead]:
        """Yield what ``git diff-tree`` says; ends early, in silence, when it dies."""
        if not commits:
            return
        with self._lines(commit.name for commit in commits) as names:
            process = self._open(
                "diff-tree", "--stdin", "-r", "-c", "--root", "-z", "--raw", "--no-renames",
                "--no-abbrev", stdin=names,
            )  # fmt: skip
        assert process.stdout is not None
        try:
            waiting = iter(commits)
            current: Commit | None = None
            tokens = _tokens(process.stdout)
            for token in tokens:
                if token.startswith(b":"):
                    path = next(tokens, None)
                    if path is None or current is None:
                        break
                    change = _change(current, token, path)
                    if change:
                        yield change
                    continue
                name = token.decode("ascii", "replace").strip()
                if current is not None:
                    yield CommitRead(current)
                # diff-tree prints nothing for a commit without changes
                for current in waiting:
                    if current.name == name:
                        break
                    yield CommitRead(current)
            if process.wait() == 0:
                if current is not None:
                    yield CommitRead(current)
                for commit in waiting:
                    yield CommitRead(commit)
        finally:
            _stop(process)

    def _without_trees(self, commits: Sequence[Commit]) -> set[str]:
        """Return the commits whose topmost tree is missing; deeper ones show when they are read."""
        kinds = self._kinds(f"{commit.name}^{{tree}}" for commit in commits)
        return {
            commit.name for commit, (_, kind) in zip(commits, kinds, strict=True) if kind != "tree"
        }

    def _salvaged(
        self, commit: Commit, by_name: dict[str, Commit], unreadable: set[str]
    ) -> Iterator[Change | CommitRead]:
        """Compare what can be read of a commit with the nearest ancestors that can be read."""
        states, whole = self._states(commit.name)
        if not whole:
            unreadable.add(commit.name)
        queue, visited = list(commit.parents), {commit.name}
        old: set[tuple[bytes, str]] = set()
        while queue and states:
            name = queue.pop()
            if name in visited:
                continue
            visited.add(name)
            if name not in unreadable:
                above, readable = self._states(name)
                old |= above
                if readable:
                    continue
                unreadable.add(name)
            queue += by_name[name].parents if name in by_name else ()
        for path, blob in sorted(states - old):
            yield Change(commit, path.decode("utf-8", "surrogateescape"), blob)
        yield CommitRead(commit, whole=whole and not unreadable.intersection(commit.parents))

    def _states(self, commit: str) -> tuple[set[tuple[bytes, str]], bool]:
        """Return (path, blob) of the regular files of a commit, and whether these are all."""
        run = self._run("ls-tree", "-r", "-z", "--full-tree", commit)
        found = set()
        for line in run.stdout.split(b"\0"):
            head, tab, path = line.partition(b"\t")
            if tab and head.startswith(_REGULAR):
                found.add((path, head.split(b" ")[2].decode("ascii")))
        return found, run.returncode == 0

    # -------------------------------------------------------------------------- blobs

    def blobs(self, names: Sequence[str], limit: int) -> list[Blob]:
        """Read blobs by name, in order; of those above *limit* bytes only the digest."""
        return self._objects(names, b"blob", limit)

    def _objects(self, names: Sequence[str], kind: bytes, limit: int) -> list[Blob]:
        found: list[Blob] = []
        while len(found) < len(names):
            asked = names[len(found) : len(found) + _REQUESTS]
            answered = 0
            with contextlib.suppress(OSError):
                for answer in self._answers(asked, kind, limit):
                    found.append(answer)
                    answered += 1
            if answered < len(asked):
                # Git died of the next object, which is damaged; the rest is asked of a new one.
                self._end_cat()
                found.append(_MISSING)
        return found

    def _answers(self, names: Sequence[str], kind: bytes, limit: int) -> Iterator[Blob]:
        """Yield one answer a name; ends early when Git does."""
        if self._cat is None:
            self._cat = self._open("cat-file", "--batch", stdin=subprocess.PIPE)
        assert self._cat.stdin is not None
        assert self._cat.stdout is not None
        self._cat.stdin.write("".join(f"{name}\n" for name in names).encode())
        self._cat.stdin.flush()
        for name in names:
            header = self._cat.stdout.readline().split()
            if len(header) != 3:
                if not header:
                    return
                yield _MISSING
                continue
            size = int(header[2])
            answer = _read_object(self._cat.stdout, name, header[1], size, limit)
            if answer is None:
                return
            yield answer if header[1] == kind else _MISSING

    def _end_cat(self) -> None:
        if self._cat is not None:
            _stop(self._cat)
            self._cat = None


class _GitError(Exception):
    """Git ended with an error; the text says which."""


def _read_object(stream: IO[bytes], name: str, kind: bytes, size: int, limit: int) -> Blob | None:
    """Read an object's bytes and see that they are those it is named after; None: cut short."""
    hasher = hashlib.sha256 if len(name) == 64 else hashlib.sha1
    own = hasher(b"%b %d\0" % (kind, size), usedforsecurity=False)
    if size <= limit:
        data = stream.read(size)
        if len(data) < size or not stream.read(1):
            return None
        own.update(data)
        return Blob(size, data) if own.hexdigest() == name else _MISSING
    digest = hashlib.sha256()
    left = size
    while left:
        chunk = stream.read(min(left, _CHUNK_BYTES))
        if not chunk:
            return None
        own.update(chunk)
        digest.update(chunk)
        left -= len(chunk)
    if not stream.read(1):
        return None
    return Blob(size, None, digest.hexdigest()) if own.hexdigest() == name else _MISSING


def _touches(commit: Commit, unreadable: set[str]) -> bool:
    return commit.name in unreadable or not unreadable.isdisjoint(commit.parents)


def _instant(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _tokens(stream: IO[bytes]) -> Iterator[bytes]:
    """Split a stream at NULs."""
    rest = b""
    while chunk := stream.read1(1 << 16):  # type: ignore[attr-defined]
        *tokens, rest = (rest + chunk).split(b"\0")
        yield from tokens


def _change(commit: Commit, raw: bytes, path: bytes) -> Change | None:
    """Read a raw diff line: colons, modes, object names, status (git-diff, "Raw output format")."""
    parents = len(raw) - len(raw.lstrip(b":"))
    fields = raw[parents:].split(b" ")
    mode, blob = fields[parents], fields[2 * parents + 1]
    before = zip(fields[:parents], fields[parents + 1 : 2 * parents + 1], strict=True)
    if mode not in _REGULAR or any(old in _REGULAR and same == blob for old, same in before):
        return None
    return Change(commit, path.decode("utf-8", "surrogateescape"), blob.decode("ascii"))


def _cause(run: subprocess.CompletedProcess[bytes]) -> str | None:
    """Return what a listing of refs complained of: broken ones are only warned about."""
    return _last_line(run.stderr, run.returncode) if run.returncode or run.stderr.strip() else None


def _last_line(stderr: bytes, status: int) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"git ended with status {status}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
