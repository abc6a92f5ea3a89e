"""Reading a Git repository that somebody else configured.

The repository's own configuration is never in force: Git runs on a *shadow*, a temporary Git
directory of ours whose ``objects`` and ``refs`` point into the repository. No hook, alias, filter,
pager, credential helper or remote of the repository exists there, so nothing of it can be executed
and nothing can be fetched; missing objects are simply missing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
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
_REGULAR = (b"100644", b"100755", b"100664")


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

    path: str  # undecodable bytes as surrogate escapes
    blob: str  # hexadecimal object name


@dataclass(frozen=True, slots=True)
class Blob:
    """An answer of ``git cat-file --batch``."""

    size: int
    data: bytes | None  # None: larger than the limit, or missing
    sha256: str | None = None  # of blobs above the limit
    missing: bool = False


def git_directory(path: Path) -> Path | None:
    """Return the Git directory of a work tree or bare repository at *path*, else None."""
    dot = path / ".git"
    if dot.is_file():  # a linked work tree or submodule
        text = dot.read_text("utf-8", "replace")
        if text.startswith("gitdir:"):
            target = (path / text.removeprefix("gitdir:").strip()).resolve()
            return target if target.is_dir() else None
    for candidate in (dot, path):
        if (candidate / "HEAD").is_file() and (candidate / "objects").is_dir():
            return candidate
    return None


class Repository:
    """A repository read through its shadow; a context manager."""

    def __init__(self, git_dir: Path) -> None:
        self._real = git_dir
        program = shutil.which("git")
        if program is None:
            raise UsageError("use.git_missing", git_dir)
        self._program = program
        self._shadow = tempfile.TemporaryDirectory(prefix="shilu-git-")
        self._cat: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Repository:
        shadow = Path(self._shadow.name)
        common = self._real
        pointer = self._real / "commondir"
        if pointer.is_file():
            common = (self._real / pointer.read_text("utf-8").strip()).resolve()
        self._common = common
        for name in ("objects", "refs", "packed-refs", "shallow"):
            if (common / name).exists():
                (shadow / name).symlink_to((common / name).resolve())
        if not (shadow / "refs").exists():
            (shadow / "refs").mkdir()
        shutil.copyfile(self._real / "HEAD", shadow / "HEAD")
        lines = ["[core]", "repositoryformatversion = 1", "bare = true"]
        if self._setting("extensions.objectformat") == "sha256":
            lines += ["[extensions]", "objectformat = sha256"]
        (shadow / "config").write_text("\n".join(lines) + "\n", "utf-8")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._cat is not None:
            _stop(self._cat)
        self._shadow.cleanup()

    @property
    def is_shallow(self) -> bool:
        """Whether history was cut off when it was cloned."""
        return (self._common / "shallow").is_file()

    def reports(self, subject: str) -> list[Problem]:
        """Return what is doubtful about the repository as a whole."""
        found = []
        if self.is_shallow:
            count = len((self._common / "shallow").read_text("ascii", "replace").split())
            found.append(Problem("git.shallow", subject, {"count": str(count)}))
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
        return run.stdout.decode("utf-8", "replace").strip() or None

    def _arguments(self, *arguments: str) -> list[str]:
        return [self._program, f"--git-dir={self._shadow.name}", *arguments]

    @staticmethod
    def _environment() -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("GIT_")
        }
        return inherited | _ENVIRONMENT

    def _run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self._arguments(*arguments),
            input=stdin, capture_output=True, env=self._environment(), check=False,
        )  # fmt: skip

    def _open(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._arguments(*arguments),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self._environment(), bufsize=1 << 16,
        )  # fmt: skip

    # -------------------------------------------------------------------------- history

    def commits(self, known: Iterable[str]) -> tuple[list[Commit], str | None]:
        """Return the commits not reachable from *known* ones, parents before children.

        *known* names that this repository does not hold are ignored. The second value says why
        the walk ended early, None when it did not.
        """
        tips = ["HEAD"] if self._run("rev-parse", "--verify", "-q", "HEAD^{commit}").stdout else []
        refs = ["--branches", "--tags", "--remotes"]
        walk = self._run(
            "rev-list", "--topo-order", "--reverse", "--parents", "--timestamp", *refs, *tips
        )
        excluded = self._held(known)
        if excluded:
            fresh_run = self._run(
                "rev-list", "--stdin", *refs, *tips,
                stdin="".join(f"^{name}\n" for name in excluded).encode(),
            )  # fmt: skip
            fresh: set[bytes] | None = set(fresh_run.stdout.split())
        else:
            fresh = None
        generations: dict[bytes, int] = {}
        found = []
        for line in walk.stdout.splitlines():
            timestamp, name, *parents = line.split()
            generation = 1 + max((generations.get(parent, 0) for parent in parents), default=0)
            generations[name] = generation
            if fresh is None or name in fresh:
                found.append(
                    Commit(
                        name.decode(),
                        _instant(int(timestamp)),
                        generation,
                        tuple(parent.decode() for parent in parents),
                    )
                )
        return found, _cause(walk)

    def _held(self, names: Iterable[str]) -> list[str]:
        run = self._run("cat-file", "--batch-check", stdin="".join(f"{n}\n" for n in names).encode())
        return [
            parts[0] for parts in (line.split() for line in run.stdout.decode().splitlines())
            if len(parts) == 3 and parts[1] == "commit"
        ]  # fmt: skip

    def changes(self, commits: Sequence[Commit]) -> Iterator[tuple[Commit, list[Change]]]:
        """Yield for each commit the regular files it gave a new state.

        Of a merge, only states that differ from every parent's: the others came with their own
        commits. Ends early, without raising, when Git does; compare what was yielded.
        """
        process = self._open(
            "diff-tree", "--stdin", "-r", "-c", "--root", "-z", "--raw", "--no-renames", "--no-abbrev"
        )
        assert process.stdin is not None
        assert process.stdout is not None
        feeder = threading.Thread(
            target=_feed, args=(process.stdin, [commit.name for commit in commits]), daemon=True
        )
        feeder.start()
        try:
            by_name = iter(commits)
            current: Commit | None = None
            states: list[Change] = []
            tokens = _tokens(process.stdout)
            for token in tokens:
                if token.startswith(b":"):
                    path = next(tokens, b"")
                    change = _change(token, path)
                    if change:
                        states.append(change)
                    continue
                name = token.decode("ascii", "replace").strip()
                if current is not None:
                    yield current, states
                # diff-tree prints nothing for a commit without changes
                for commit in by_name:
                    if commit.name == name:
                        current, states = commit, []
                        break
                    yield commit, []
            if process.wait() == 0:
                if current is not None:
                    yield current, states
                for commit in by_name:
                    yield commit, []
        finally:
            _stop(process)
            feeder.join()

    # -------------------------------------------------------------------------- blobs

    def blobs(self, names: Sequence[str], limit: int) -> list[Blob]:
        """Read blobs by name, in order; of those above *limit* bytes only the digest.

        Up to some hundred names a call: all requests must fit the pipe.
        """
        import hashlib

        if self._cat is None or self._cat.poll() is not None:
            self._cat = self._open("cat-file", "--batch")
        process = self._cat
        assert process.stdin is not None
        assert process.stdout is not None
        found = []
        try:
            process.stdin.write("".join(f"{name}\n" for name in names).encode())
            process.stdin.flush()
            for _ in names:
                header = process.stdout.readline().split()
                if len(header) != 3 or header[1] != b"blob":
                    if not header:  # Git ended: a damaged object stops it
                        break
                    if len(header) == 3 and header[2].isdigit():
                        process.stdout.read(int(header[2]) + 1)
                    found.append(Blob(0, None, missing=True))
                    continue
                size = int(header[2])
                if size > limit:
                    digest = hashlib.sha256()
                    left = size
                    while left:
                        chunk = process.stdout.read(min(left, 1 << 20))
                        if not chunk:
                            break
                        digest.update(chunk)
                        left -= len(chunk)
                    found.append(Blob(size, None, digest.hexdigest()))
                else:
                    found.append(Blob(size, process.stdout.read(size)))
                process.stdout.read(1)
        except OSError:
            pass
        if len(found) < len(names):
            # The object after the last answer broke the process: it is missing, the rest is asked
            # again of a new one.
            _stop(process)
            self._cat = None
            found.append(Blob(0, None, missing=True))
            if len(found) < len(names):
                found += self.blobs(names[len(found) :], limit)
        return found


def _instant(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _feed(stdin: IO[bytes], names: Iterable[str]) -> None:
    # The reader notices when Git has gone; the feeder just stops.
    with contextlib.suppress(OSError, ValueError):
        for name in names:
            stdin.write(name.encode() + b"\n")
        stdin.close()


def _tokens(stream: IO[bytes]) -> Iterator[bytes]:
    """Split a stream at NULs."""
    rest = b""
    while chunk := stream.read1(1 << 16):  # type: ignore[attr-defined]
        *tokens, rest = (rest + chunk).split(b"\0")
        yield from tokens
    if rest.strip():
        yield rest


def _change(raw: bytes, path: bytes) -> Change | None:
    """Read a raw diff line: colons, modes, object names, status (git-diff, "Raw output format")."""
    parents = len(raw) - len(raw.lstrip(b":"))
    fields = raw.lstrip(b":").split(b" ")
    mode, blob = fields[parents], fields[2 * parents + 1]
    if mode not in _REGULAR:
        return None
    return Change(path.decode("utf-8", "surrogateescape"), blob.decode("ascii"))


def _cause(run: subprocess.CompletedProcess[bytes]) -> str | None:
    if run.returncode == 0:
        return None
    lines = run.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"git ended with status {run.returncode}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    process.kill()
    process.wait()
