"""Small Git repositories of any shape, made through one ``git fast-import``, and their truth.

What a history holds is computed here from its description alone, without Git, so that it can be
compared with what the program reads.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

REGULAR = ("100644", "100755")
RECORD = "<!--1700000000000-->\n[第{n}篇](https://news.example/a/{n})\n------\n\n<p>第{n}篇的正文。</p>\n"

# path → (mode, content or, for submodules, an object name)
Tree = dict[bytes, tuple[str, bytes]]


@dataclass(frozen=True)
class Made:
    """A commit of a history: what it takes from its parents and what it writes."""

    parents: tuple[int, ...] = ()  # indices of earlier commits; the first one's tree is the start
    writes: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)
    deletes: tuple[bytes, ...] = ()
    at: int = 1_600_000_000


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which no configuration but a repository's own is in force."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return clean | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull} | more


def git(folder: Path, *arguments: str, given: bytes = b"", **more: str) -> str:
    """Run Git in a folder; return what it prints."""
    run = subprocess.run(
        ["git", "-c", "user.name=T", "-c", "user.email=t@t.example", *arguments],
        cwd=folder, env=environment(**more), input=given, check=True, capture_output=True,
    )  # fmt: skip
    return run.stdout.decode("utf-8", "replace").strip()


def record(n: int | str) -> bytes:
    """Return an invented record."""
    return RECORD.format(n=n).encode()


def build(
    folder: Path,
    history: Sequence[Made],
    *,
    bare: bool = True,
    object_format: str = "sha1",
    refs: Iterable[tuple[str, int]] | None = None,
) -> list[str]:
    """Make a repository; return the commits' names. *refs* are by default one a leaf."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--bare"] if bare else []
    git(folder, "init", "-q", "--template=", f"--object-format={object_format}", "-b", "main",
        *options)  # fmt: skip
    stream = []
    for number, made in enumerate(history, 1):
        who = b"T <t@t.example> %d +0000" % made.at
        stream.append(b"commit refs/made/%d\nmark :%d\n" % (number, number))
        stream.append(b"author %b\ncommitter %b\ndata 0\n" % (who, who))
        for index, parent in enumerate(made.parents):
            stream.append(b"%b :%d\n" % (b"merge" if index else b"from", parent + 1))
        stream += [b"D %b\n" % quoted(path) for path in made.deletes]
        for path, (mode, content) in made.writes.items():
            if mode == "160000":
                stream.append(b"M 160000 %b %b\n" % (content, quoted(path)))
            else:
                stream.append(b"M %b inline %b\n" % (mode.encode(), quoted(path)))
                stream.append(b"data %d\n%b\n" % (len(content), content))
        stream.append(b"\n")
    for name, index in leaves(history) if refs is None else refs:
        stream.append(b"reset %b\nfrom :%d\n\n" % (name.encode(), index + 1))
    marks = folder / "marks"
    git(folder, "fast-import", "--quiet", "--done", f"--export-marks={marks}",
        given=b"".join([*stream, b"done\n"]))  # fmt: skip
    names = dict(line.split() for line in marks.read_text("ascii").splitlines())
    marks.unlink()
    return [names[f":{number}"] for number in range(1, len(history) + 1)]


def leaves(history: Sequence[Made]) -> list[tuple[str, int]]:
    """Return a ref for every commit without children, of every kind of ref in turn."""
    inner = {parent for made in history for parent in made.parents}
    kinds = ("refs/heads/m{}", "refs/tags/t{}", "refs/remotes/origin/r{}", "refs/heads/b{}")
    found = [index for index in range(len(history)) if index not in inner]
    names = ["refs/heads/main", *(kinds[i % 4].format(i) for i in range(1, len(found)))]
    return list(zip(names, reversed(found), strict=False))


def quoted(path: bytes) -> bytes:
    """Return a path as fast-import reads it, whatever bytes are in it."""
    return b'"' + b"".join(b"\\%03o" % byte for byte in path) + b'"'


def trees(history: Sequence[Made]) -> list[Tree]:
    """Return what each commit's tree holds."""
    found: list[Tree] = []
    for made in history:
        tree = dict(found[made.parents[0]]) if made.parents else {}
        for path in made.deletes:
            _remove(tree, path)
        for path, entry in made.writes.items():
            _remove(tree, path)
            for depth in range(1, path.count(b"/") + 1):  # a file where a folder is to be
                tree.pop(b"/".join(path.split(b"/")[:depth]), None)
            tree[path] = entry
        found.append(tree)
    return found


def _remove(tree: Tree, path: bytes) -> None:
    for other in [one for one in tree if one == path or one.startswith(path + b"/")]:
        del tree[other]


def blob_name(content: bytes, object_format: str = "sha1") -> str:
    """Return the name Git gives to these bytes."""
    return hashlib.new(object_format, b"blob %d\0%b" % (len(content), content)).hexdigest()


def states(history: Sequence[Made]) -> set[tuple[int, bytes, bytes]]:
    """Return (commit, path, content) of every new state: it differs from that of every parent."""
    all_trees = trees(history)
    found = set()
    for index, made in enumerate(history):
        for path, (mode, content) in all_trees[index].items():
            above = [all_trees[parent].get(path) for parent in made.parents]
            if mode in REGULAR and not any(
                old and old[0] in REGULAR and old[1] == content for old in above
            ):
                found.add((index, path, content))
    return found
