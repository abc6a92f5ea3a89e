"""Captures as WARC records: built, appended, scanned, taken out again.

Every record is one gzip member (WARC 1.1, annex D), so that any WARC tool reads the files and one
record can be read or lost by itself. The forms written are in ``docs/archive-format.md``:

- ``resource``: an imported record, block = its bytes; origin in ``Shilu-…`` headers;
- ``metadata`` with ``Shilu-Refusal``: a record whose bytes are not kept (too large, unreadable);
- ``metadata`` with ``Shilu-Forgotten``: the tombstone of an article taken out on request.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import io
import json
import os
import re
import secrets
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from shilu.archive.database import sync
from shilu.errors import ArchiveError
from shilu.records import Capture, Origin

_READ_BYTES = 1 << 20
_MEMBER_START = b"\x1f\x8b\x08"
_MAX_RECORD_BYTES = 512 << 20  # a member that inflates to more is not one of ours

REWRITING = ".rewriting"  # ends the name of a file that is to take another's place

RECORD_TYPE = "text/markdown; charset=utf-8"


# ------------------------------------------------------------------------------ building members


def capture_uuid(origin: Origin, payload_name: str) -> str:
    """Return the id of a capture: a UUID over where it came from and what it was.

    *payload_name* is the SHA-256 of loose files and the blob's object name in a repository, so
    that the same capture gets the same id wherever and whenever it is imported.
    """
    name = "\0".join((origin.kind, origin.commit or "", origin.path, payload_name))
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def build_capture(capture: Capture, url: str | None, payload: bytes) -> bytes:
    """Return a ``resource`` member. *url* is percent-encoded; None for records without one."""
    digest = "sha256:" + base64.b32encode(bytes.fromhex(capture.digest)).decode()
    headers = {
        **_identity(capture.id, capture.captured_at),
        **_origin_headers(capture.origin),
        "WARC-Block-Digest": digest,
        "WARC-Payload-Digest": digest,
    }
    target = url or "urn:shilu:record:" + quote(capture.origin.path, safe="/", errors="replace")
    return _member("resource", target, RECORD_TYPE, headers, payload)


def build_refusal(capture: Capture, code: str, details: Mapping[str, str]) -> bytes:
    """Return a ``metadata`` member that stands for bytes which are not kept."""
    body = json.dumps(
        {"code": code, "details": dict(details), "size_bytes": capture.size_bytes,
         "sha256": capture.digest},
        ensure_ascii=False,
    )  # fmt: skip
    headers = {
        **_identity(capture.id, capture.captured_at),
        **_origin_headers(capture.origin),
        "Shilu-Refusal": code,
    }
    target = "urn:shilu:record:" + quote(capture.origin.path, safe="/", errors="replace")
    return _member("metadata", target, "application/json", headers, body.encode())


@dataclass(frozen=True, slots=True)
class Tombstone:
    """An article taken out for good: no title, no address, no bytes; only what keeps it out."""

    article_id: str
    forgotten_at: datetime
    reason: str
    capture_ids: tuple[str, ...]


def build_tombstone(tombstone: Tombstone) -> bytes:
    """Return the ``metadata`` member of a forgotten article."""
    body = json.dumps(
        {"article": tombstone.article_id, "reason": tombstone.reason,
         "captures": list(tombstone.capture_ids)},
        ensure_ascii=False,
    )  # fmt: skip
    record_id = str(uuid.UUID(bytes=hashlib.sha256(body.encode()).digest()[:16], version=5))
    headers = {**_identity(record_id, tombstone.forgotten_at), "Shilu-Forgotten": "yes"}
    target = f"urn:shilu:article:{tombstone.article_id}"
    return _member("metadata", target, "application/json", headers, body.encode())


def _identity(record_id: str, at: datetime) -> dict[str, str]:
    return {
        "WARC-Record-ID": f"<urn:uuid:{record_id}>",
        "WARC-Date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _origin_headers(origin: Origin) -> dict[str, str]:
    headers = {"Shilu-Path": quote(origin.path, safe="/ ", errors="surrogateescape")}
    if origin.commit:
        headers["Shilu-Commit"] = origin.commit
        headers["Shilu-Generation"] = str(origin.generation)
    elif origin.kind == "export":
        headers["Shilu-Export"] = str(origin.generation)
    return headers


def _member(
    kind: str, target: str, media_type: str, headers: Mapping[str, str], payload: bytes
) -> bytes:
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=True, warc_version="1.1")
    fields = [("WARC-Type", kind)]
    if target:
        fields.append(("WARC-Target-URI", target))
    fields += list(headers.items())
    record = writer.create_warc_record(
        target,
        kind,
        payload=io.BytesIO(payload),
        length=len(payload),
        warc_content_type=media_type,
        warc_headers=StatusAndHeaders("", fields, protocol="WARC/1.1"),
    )
    writer.write_record(record)
    return buffer.getvalue()


def _warcinfo() -> bytes:
    from shilu import __version__

    body = f"software: shilu/{__version__}\r\nformat: WARC File Format 1.1\r\n".encode()
    return _member(
        "warcinfo", "", "application/warc-fields",
        _identity(str(uuid.uuid4()), datetime.now(UTC)), body,
    )  # fmt: skip


# ------------------------------------------------------------------------------ reading members


@dataclass(frozen=True, slots=True)
class Member:
    """One gzip member of a capture file."""

    offset: int
    length: int
    crc: int  # CRC-32 over the compressed bytes
    data: bytes | None  # inflated; None when it cannot be
    fault: str | None = None  # why not
    torn: bool = False  # nothing that can be read follows: the file ends inside it


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A WARC record as read back."""

    kind: str  # WARC-Type
    id: str
    date: datetime
    headers: Mapping[str, str]  # names in lower case
    payload: bytes

    @property
    def refusal(self) -> str | None:
        """The code under which a record without bytes was refused."""
        return self.headers.get("shilu-refusal")

    @property
    def is_tombstone(self) -> bool:
        """Whether this stands for a forgotten article."""
        return "shilu-forgotten" in self.headers

    def origin(self) -> Origin:
        """Return where the capture came from."""
        path = unquote(self.headers.get("shilu-path", ""), errors="surrogateescape")
        commit = self.headers.get("shilu-commit")
        if commit:
            return Origin("git", path, commit, int(self.headers.get("shilu-generation", "0")))
        if "shilu-export" in self.headers:
            return Origin("export", path, generation=int(self.headers["shilu-export"]))
        return Origin("file", path)

    def capture(self) -> Capture:
        """Return the capture; the digest is computed over the payload, or told by a refusal."""
        if self.refusal:
            told = self.details()
            return Capture(
                self.id, self.origin(), self.date, told["sha256"], int(told["size_bytes"])
            )
        digest = hashlib.sha256(self.payload).hexdigest()
        return Capture(self.id, self.origin(), self.date, digest, len(self.payload))

    def details(self) -> dict[str, Any]:
        """Return the body of a ``metadata`` record."""
        return dict(json.loads(self.payload))

    def tombstone(self) -> Tombstone:
        """Return the tombstone a ``Shilu-Forgotten`` record stands for."""
        told = self.details()
        return Tombstone(told["article"], self.date, told["reason"], tuple(told["captures"]))

    def declared_digest(self) -> str | None:
        """Return the SHA-256 its header declares, hexadecimal; None without one."""
        value = self.headers.get("warc-payload-digest", "")
        if not value.startswith("sha256:"):
            return None
        return base64.b32decode(value.removeprefix("sha256:")).hex()


def parse_member(data: bytes) -> StoredRecord:
    """Parse an inflated member with warcio; raise ``ValueError`` when it is no WARC record."""
    from warcio.exceptions import ArchiveLoadFailed
    from warcio.recordloader import ArcWarcRecordLoader

    try:
        record = ArcWarcRecordLoader().parse_record_stream(io.BytesIO(data), no_record_parse=True)
        headers = {name.lower(): value for name, value in record.rec_headers.headers}
        length = int(headers["content-length"])
        payload = record.raw_stream.read(length)
        found = headers["warc-record-id"].strip("<>").removeprefix("urn:uuid:")
        date = datetime.fromisoformat(headers["warc-date"])
    except (ArchiveLoadFailed, EOFError, KeyError, ValueError, AttributeError) as error:
        raise ValueError(f"not a WARC record: {error}") from None
    if len(payload) != length:
        raise ValueError("the record is shorter than its Content-Length")
    return StoredRecord(record.rec_type, found, date, headers, payload)


def scan(path: Path, start: int = 0) -> Iterator[Member]:
    """Yield every gzip member of a file from *start* on; streams, never raises for bad bytes.

    A damaged member is yielded with its fault and skipped to the next that can be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        offset = start
        while offset < size:
            member = _read_member(file, offset)
            if member.fault:
                following = _next_start(file, offset + 1, size)
                member = Member(
                    offset, following - offset, 0, None, member.fault, torn=following == size
                )
            yield member
            offset += member.length


def _read_member(file: io.BufferedReader, offset: int) -> Member:
    file.seek(offset)
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    pieces: list[bytes] = []
    crc = length = inflated = 0
    while True:
        chunk = file.read(_READ_BYTES if length else 16384)
        if not chunk:
            return Member(offset, length, 0, None, "the file ends inside the record")
        try:
            pieces.append(inflater.decompress(chunk))
        except zlib.error as error:
            return Member(offset, length, 0, None, f"it cannot be inflated ({error})")
        used = len(chunk) - len(inflater.unused_data)
        crc = zlib.crc32(memoryview(chunk)[:used], crc)
        length += used
        inflated += len(pieces[-1])
        if inflater.eof:
            return Member(offset, length, crc, b"".join(pieces))
        if inflated > _MAX_RECORD_BYTES:
            return Member(offset, length, 0, None, "it inflates beyond every limit")


def _next_start(file: io.BufferedReader, position: int, size: int) -> int:
    """Return where the next readable member starts at or after *position*; *size* if none."""
    while position < size:
        file.seek(position)
        chunk = file.read(_READ_BYTES)
        for match in re.finditer(re.escape(_MEMBER_START), chunk):
            member = _read_member(file, position + match.start())
            if member.data is not None and member.data.startswith(b"WARC/"):
                return position + match.start()
        position += max(1, len(chunk) - 2)
    return size


def read_at(path: Path, offset: int) -> Member:
    """Read one member by its place."""
    with path.open("rb") as file:
        return _read_member(file, offset)


# ------------------------------------------------------------------------------ files


class CaptureWriter:
    """Appends members to one file that is locked for this process.

    Nothing counts as written before ``sync`` returns. A write that fails is cut off again.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        may_continue: Callable[[str, int], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        # Whether an existing file of this name and size is indexed to its end.
        self._may_continue = may_continue
        self._now = now
        self._file: io.FileIO | None = None
        self._size = 0
        self.path = folder

    def append(self, member: bytes) -> tuple[str, int]:
        """Write one member; return the file's name relative to the folder, and the offset."""
        try:
            if self._file is None or self._size >= self._max_bytes:
                self._open()
            assert self._file is not None
            offset = self._size
            view = memoryview(member)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self._cut()
            raise ArchiveError("archive.full", self.path, cause=error.strerror) from error
        self._size += len(member)
        return self.path.relative_to(self._folder).as_posix(), offset

    def sync(self) -> None:
        """Wait until everything appended is on the disk."""
        if self._file is None:
            return
        try:
            os.fdatasync(self._file.fileno())
        except OSError as error:
            raise ArchiveError("archive.full", self.path, cause=error.strerror) from error

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> None:
        self.close()
        now = self._now().astimezone(UTC)
        folder = self._folder / f"{now:%Y}" / f"{now:%m}"
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.warc.gz"), reverse=True):
            if path.stat().st_size < self._max_bytes and self._lock(path):
                if self._may_continue(path.relative_to(self._folder).as_posix(), self._size):
                    return
                self.close()
        self._lock(folder / f"{now:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(4)}.warc.gz")
        self.append(_warcinfo())
        for one in (folder, folder.parent, self._folder):
            sync(one)

    def _lock(self, path: Path) -> bool:
        file = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file, self.path = file, path
        self._size = file.seek(0, os.SEEK_END)
        return True

    def _cut(self) -> None:
        """Take back what a failed write left behind."""
        if self._file is not None:
            self._file.truncate(self._size)


def capture_files(folder: Path) -> list[Path]:
    """Return every capture file, in the order of their names (the order of writing)."""
    return sorted(folder.glob("*/*/*.warc.gz"), key=lambda path: path.as_posix())


def cut_torn_tail(path: Path, offset: int) -> bool:
    """Cut a file at *offset* if nothing from there on can be read; tell whether that was done.

    Looked at anew under the file's lock: since the caller read it, another process may have cut it
    and written on.
    """
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        first = next(scan(path, offset), None)
        if first is None or not first.torn:
            return False
        file.truncate(offset)
        os.fdatasync(file.fileno())
    return True


def is_being_written(path: Path) -> bool:
    """Tell whether another process holds a capture file."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def rewrite_without(path: Path, offsets: frozenset[int], tombstone: bytes | None) -> None:
    """Take members out of a file for good, and put a tombstone at its end.

    The new file is complete and synced before it takes the old one's name. Bytes that cannot be
    read are taken over as they are, unless they are at one of the offsets.
    """
    fresh = path.with_name(path.name + REWRITING)
    with path.open("rb") as old, fresh.open("wb") as new:
        for member in scan(path):
            if member.offset in offsets:
                continue
            old.seek(member.offset)
            left = member.length
            while left:
                chunk = old.read(min(left, _READ_BYTES))
                new.write(chunk)
                left -= len(chunk)
        if tombstone:
            new.write(tombstone)
        new.flush()
        os.fsync(new.fileno())
    fresh.replace(path)
    sync(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Delete what an interrupted ``rewrite_without`` left behind."""
    for path in folder.glob(f"*/*/*{REWRITING}"):
        path.unlink()
