"""What an export says of its files: ``records.jsonl``, one line a file.

Written by ``shilu export markdown``; by it ``mirror`` gives files of an export that were not
changed since the origin that their records had, and a later export knows which files it may bring
up to date. ``docs/export.md`` explains every key.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shilu.recordform import read_instant
from shilu.records import Origin

MANIFEST = "records.jsonl"
FORMS = ("raw", "clean")

_MAX_LINE = 1 << 20  # bytes; the longest line we write has some two thousand
_PATH = re.compile(r"articles/(?!\.)[^/\\\0]+/(?!\.)[^/\\\0]+\.md")
_HEX = re.compile(r"[0-9a-f]+")
_KINDS = ("git", "file", "export")


@dataclass(frozen=True, slots=True)
class Row:
    """One file of an export."""

    path: str  # within the export: "articles/dw/1024274_….md"
    sha256: str  # of the file
    form: str  # "raw" or "clean"
    article: str  # its id
    source: str
    key: str
    version: str  # its id
    n: int
    origin: Origin  # of the capture that opened the version
    captured_at: datetime

    def line(self) -> bytes:
        """Return the row as it stands in the file."""
        origin: dict[str, object] = {"kind": self.origin.kind, "path": self.origin.path}
        if self.origin.commit:
            origin["commit"] = self.origin.commit
        if self.origin.generation:
            origin["generation"] = self.origin.generation
        value = {
            "path": self.path, "sha256": self.sha256, "form": self.form, "article": self.article,
            "source": self.source, "key": self.key, "version": self.version, "n": self.n,
            "origin": origin,
            "captured_at": self.captured_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }  # fmt: skip
        try:
            return json.dumps(value, ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:  # a path that is no UTF-8: its bytes as \udcXX
            return json.dumps(value).encode() + b"\n"


def read_row(line: bytes) -> Row | None:
    """Read a line; None for one that is not ours. Never raises: exports come from anywhere."""
    try:
        value = json.loads(line)
        origin = value["origin"]
        commit = origin.get("commit")
        captured_at = read_instant(value["captured_at"])
        row = Row(
            path=value["path"],
            sha256=value["sha256"],
            form=value["form"],
            article=value["article"],
            source=value["source"],
            key=value["key"],
            version=value["version"],
            n=int(value["n"]),
            origin=Origin(origin["kind"], origin["path"], commit, int(origin.get("generation", 0))),
            captured_at=captured_at or datetime.min.replace(tzinfo=UTC),
        )
        texts = (row.path, row.sha256, row.article, row.source, row.key, row.version)
        is_ours = (
            captured_at is not None
            and captured_at.year >= 1970
            and all(isinstance(text, str) for text in texts)
            and _PATH.fullmatch(row.path) is not None
            and row.form in FORMS
            and _is_origin(row.origin)
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return row if is_ours else None


def _is_origin(origin: Origin) -> bool:
    is_git = origin.kind == "git"
    return (
        origin.kind in _KINDS
        and isinstance(origin.path, str)
        and 0 < len(origin.path) <= 4096
        and "\0" not in origin.path
        and is_git is (origin.commit is not None)
        and (not is_git or (len(origin.commit or "") in (40, 64) and _is_hex(origin.commit)))
        and abs(origin.generation) < 1 << 31
        and (origin.generation > 0 if is_git else True)
    )


def _is_hex(text: Any) -> bool:
    return isinstance(text, str) and _HEX.fullmatch(text) is not None


def payload_name(origin: Origin, data: bytes, sha256: str) -> str:
    """Return what names the bytes within their origin: a blob's object name, else the SHA-256."""
    if origin.kind != "git":
        return sha256
    kind = "sha1" if len(origin.commit or "") == 40 else "sha256"
    return hashlib.new(kind, b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()


class Manifest:
    """The manifest of an export, asked by file; holds where its lines stand, not the lines.

    A file may have several lines, of which the one with its digest counts: an export that is
    interrupted while it brings an older one up to date adds lines to it.
    """

    def __init__(self, path: Path) -> None:
        """Read the manifest at *path*; one that is not there says nothing of any file."""
        self._path = path
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, row in _rows(path):
            self._places[named(row.path)].append(place)

    def __contains__(self, path: str) -> bool:
        return named(path) in self._places

    def find(self, path: str, sha256: str) -> Row | None:
        """Return what is said of a file with this digest."""
        places = self._places.get(named(path))
        if not places:
            return None
        with self._path.open("rb") as file:
            for place in reversed(places):
                file.seek(place)
                row = read_row(file.readline(_MAX_LINE))
                if row is not None and row.sha256 == sha256:
                    return row
        return None

    def rows(self) -> Iterator[Row]:
        """Yield every row, in the order of the file."""
        for _, row in _rows(self._path):
            yield row


def named(path: str) -> str:
    """Return a path in the form in which it is compared: file systems differ in theirs."""
    return unicodedata.normalize("NFC", path)


def is_manifest(path: Path) -> bool:
    """Tell whether an export's manifest stands at *path*; that of an empty export is empty."""
    try:
        with path.open("rb") as file:
            first = file.readline(_MAX_LINE)
    except OSError:
        return False
    return not first or read_row(first) is not None


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    if not path.is_file():
        return
    with path.open("rb") as file:
        place = 0
        while line := file.readline(_MAX_LINE):
            row = read_row(line)
            if row is not None:
                yield place, row
            place += len(line)
