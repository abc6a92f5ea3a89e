from __future__ import annotations

import fcntl
import hashlib
import io
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from warcio.archiveiterator import ArchiveIterator

from shilu.archive import warc
from shilu.errors import ArchiveError
from shilu.records import Capture, Origin

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

AT = datetime(2020, 10, 10, 19, 36, 17, tzinfo=UTC)
COMMIT = "1f0c2ab41d0e" + "0" * 28
TEXT = "<!--1602356177000-->\n[标题](https://news.example/1)\n------\n\n<p>正文。</p>\n".encode()
PATHS = [
    "articles/rfi/1015022.md",
    "articles/美国之音/1048575_拜登： “两国” ？.md",
    "articles/rfi/1\r\nWARC-Type: response\r\n\r\ninjected.md",
    "articles/rfi/1\nShilu-Refusal: yes\n.md",
    "articles/rfi/%0d%0aX: y.md",
    b"articles/rfi/\xff\xfe\x80.md".decode("utf-8", "surrogateescape"),
    "articles/rfi/tab\tnul-free\x7f .md",
    "articles/rfi/" + "长" * 80 + ".md",
]


def capture_of(data: bytes, path: str = PATHS[0], commit: str | None = COMMIT) -> Capture:
    origin = Origin("git", path, commit, 7) if commit else Origin("file", path)
    digest = hashlib.sha256(data).hexdigest()
    return Capture(warc.capture_uuid(origin, digest), origin, AT, digest, len(data))


def member_of(data: bytes, path: str = PATHS[0], commit: str | None = COMMIT) -> bytes:
    return warc.build_capture(capture_of(data, path, commit), "https://news.example/1", data)


def parsed(member: bytes, tmp_path: Path) -> warc.StoredRecord:
    (tmp_path / "one.warc.gz").write_bytes(member)
    (found,) = warc.scan(tmp_path / "one.warc.gz")
    assert found.data is not None
    return warc.parse_member(found.data)


def whole_file(folder: Path, count: int = 5) -> tuple[Path, list[bytes]]:
    """Write a capture file through the writer; return it and its payloads."""
    payloads = [TEXT + f"<p>{number}</p>\n".encode() for number in range(count)]
    writer = warc.CaptureWriter(folder, 1 << 20, lambda _name, _size: False, lambda: AT)
    for payload in payloads:
        name, _ = writer.append(member_of(payload))
    writer.sync()
    writer.close()
    return folder / name, payloads


# --------------------------------------------------------------------------- members


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("commit", [COMMIT, None])
@pytest.mark.parametrize("payload", [TEXT, b"", b"\r\n\r\nWARC/1.1\r\n", bytes(range(256))])
def test_capture_read_back_is_the_one_written(
    path: str, commit: str | None, payload: bytes, tmp_path: Path
) -> None:
    record = parsed(member_of(payload, path, commit), tmp_path)
    assert record.capture() == capture_of(payload, path, commit)
    assert (record.kind, record.payload, record.refusal) == ("resource", payload, None)
    assert record.declared_digest() == hashlib.sha256(payload).hexdigest()
    assert not record.is_tombstone


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("url", [None, "https://news.example/%E6%96%B0%E9%97%BB"])
def test_warcio_reads_every_form_with_sound_digests(path: str, url: str | None) -> None:
    capture = capture_of(TEXT, path)
    refused = warc.build_refusal(capture, "record.too_large", {"size": "9", "limit": "8\r\nX: y"})
    tombstone = warc.build_tombstone(warc.Tombstone("ab" * 16, AT, "a\r\nb", (capture.id,)))
    members = warc.build_capture(capture, url, TEXT), refused, tombstone
    records = []
    for record in ArchiveIterator(io.BytesIO(b"".join(members)), check_digests="raise"):
        headers = record.rec_headers.headers
        names = [name for name, _ in headers]
        assert len(names) == len(set(names))
        assert not any(char in value for _, value in headers for char in "\r\n\0")
        assert set(names) <= {
            "WARC-Type", "WARC-Target-URI", "WARC-Record-ID", "WARC-Date", "Shilu-Path",
            "Shilu-Commit", "Shilu-Generation", "Shilu-Refusal", "Shilu-Forgotten", "Content-Type",
            "Content-Length", "WARC-Block-Digest", "WARC-Payload-Digest",
        }  # fmt: skip
        records.append((record.rec_type, record.raw_stream.read()))
    assert [kind for kind, _ in records] == ["resource", "metadata", "metadata"]
    assert records[0][1] == TEXT


def test_refusal_read_back_tells_what_was_refused(tmp_path: Path) -> None:
    capture = capture_of(TEXT, PATHS[5])
    details = {"size": "99", "limit": "8"}
    record = parsed(warc.build_refusal(capture, "record.too_large", details), tmp_path)
    assert (record.kind, record.refusal) == ("metadata", "record.too_large")
    assert record.capture() == capture
    assert record.details()["details"] == details


def test_tombstone_read_back_names_no_address(tmp_path: Path) -> None:
    tombstone = warc.Tombstone("ab" * 16, AT, "应当事人要求", (capture_of(TEXT).id,))
    record = parsed(warc.build_tombstone(tombstone), tmp_path)
    assert record.is_tombstone
    assert record.refusal is None
    assert record.tombstone() == tombstone


def test_capture_id_depends_on_origin_and_bytes_alone() -> None:
    one = warc.capture_uuid(Origin("git", "a/1.md", COMMIT, 3), "blob")
    assert one == warc.capture_uuid(Origin("git", "a/1.md", COMMIT, 9), "blob")
    others = [
        warc.capture_uuid(Origin("git", "a/2.md", COMMIT), "blob"),
        warc.capture_uuid(Origin("git", "a/1.md", "2" * 40), "blob"),
        warc.capture_uuid(Origin("git", "a/1.md", COMMIT), "other"),
        warc.capture_uuid(Origin("file", "a/1.md"), "blob"),
    ]
    assert len({one, *others}) == 5


@pytest.mark.parametrize(
    "data",
    [b"", b"WARC/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"WARC/1.1\r\nContent-Length: x\r\n\r\n",
     b"WARC/1.1\r\nWARC-Type: resource\r\nContent-Length: 99\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
     b"WARC-Date: 2020-10-10T00:00:00Z\r\n\r\nshort", b"\0" * 600],
)  # fmt: skip
def test_what_is_no_record_raises_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="record"):
        warc.parse_member(data)


# --------------------------------------------------------------------------- whole files


def test_warcio_check_passes_on_a_capture_file(tmp_path: Path) -> None:
    path, _ = whole_file(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", "from warcio.cli import main; main(['check', '-v', __import__('sys')"
         ".argv[1]])", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "fail" not in run.stdout


def payloads_found(path: Path) -> list[bytes]:
    found = []
    end = 0
    for member in warc.scan(path):
        assert member.offset == end  # every byte is accounted for
        end = member.offset + member.length
        if member.data is not None:
            record = warc.parse_member(member.data)
            if record.kind == "resource":
                found.append(record.payload)
    assert end == path.stat().st_size
    return found


def test_scan_of_a_sound_file_finds_all(tmp_path: Path) -> None:
    path, payloads = whole_file(tmp_path)
    assert payloads_found(path) == payloads
    assert not any(member.torn for member in warc.scan(path))


def test_scan_of_a_file_torn_anywhere_finds_what_is_whole(tmp_path: Path) -> None:
    path, payloads = whole_file(tmp_path, 2)
    whole = path.read_bytes()
    ends = [member.offset + member.length for member in warc.scan(path)]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert payloads_found(path) == payloads[: max(sum(end <= size for end in ends) - 1, 0)]
        torn = [member.offset for member in warc.scan(path) if member.torn]
        assert torn == ([] if size in (0, *ends) else [max([0, *(e for e in ends if e < size)])])


def test_scan_of_flipped_bytes_finds_all_other_members(tmp_path: Path) -> None:
    path, payloads = whole_file(tmp_path)
    whole = path.read_bytes()
    members = list(warc.scan(path))
    chance = random.Random(7)
    for _ in range(150):
        index = chance.randrange(len(whole))
        path.write_bytes(
            whole[:index] + bytes([whole[index] ^ 1 << chance.randrange(8)]) + whole[index + 1 :]
        )
        hit = next(n for n, m in enumerate(members) if m.offset <= index < m.offset + m.length)
        found = list(warc.scan(path))
        assert [(m.offset, m.crc) for m in found if m.offset != members[hit].offset] == [
            (m.offset, m.crc) for m in members if m.offset != members[hit].offset
        ]
        assert found[hit].crc != members[hit].crc
    assert len(payloads) == 5


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole, cut: whole[:cut] + bytes(500) + whole[cut:],
        lambda whole, cut: whole[:cut] + b"\x1f\x8b\x08garbage\x1f\x8b\x08" + whole[cut:],
        lambda whole, cut: whole[:cut] + random.Random(1).randbytes(3000) + whole[cut:],
        lambda whole, cut: bytes(10) + whole,
    ],
)  # fmt: skip
def test_scan_passes_over_foreign_bytes_between_members(
    damage: Callable[[bytes, int], bytes], tmp_path: Path
) -> None:
    path, payloads = whole_file(tmp_path)
    cut = list(warc.scan(path))[3].offset
    path.write_bytes(damage(path.read_bytes(), cut))
    assert payloads_found(path) == payloads
    assert sum(member.fault is not None for member in warc.scan(path)) == 1


def test_scan_of_zeros_at_the_end_calls_them_torn(tmp_path: Path) -> None:
    # What a power cut leaves when the file had grown and its blocks were not written.
    path, payloads = whole_file(tmp_path)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert payloads_found(path) == payloads
    assert [member.offset for member in warc.scan(path) if member.torn] == [size]


def test_members_across_read_boundaries_are_read_whole(tmp_path: Path) -> None:
    chance = random.Random(3)
    payloads = [chance.randbytes(size) for size in (1 << 20, 3 << 20, 16_384, 100)]
    path = tmp_path / "large.warc.gz"
    path.write_bytes(b"".join(member_of(payload) for payload in payloads))
    assert payloads_found(path) == payloads


# --------------------------------------------------------------------------- writing


def test_writer_rolls_over_and_continues_only_what_is_indexed(tmp_path: Path) -> None:
    asked: list[tuple[str, int]] = []

    def may_continue(name: str, size: int) -> bool:
        asked.append((name, size))
        return len(asked) == 1

    first, _ = whole_file(tmp_path)
    before = first.stat().st_size
    writer = warc.CaptureWriter(tmp_path, before + 100, may_continue, lambda: AT)
    name, offset = writer.append(member_of(TEXT))
    assert (tmp_path / name, offset) == (first, before)
    assert asked == [(name, before)]
    other, offset = writer.append(member_of(TEXT))  # the first is full now
    assert other != name
    assert offset > 0  # after the file's head
    writer.close()
    assert len(warc.capture_files(tmp_path)) == 2


def test_writer_leaves_a_file_that_another_holds(tmp_path: Path) -> None:
    path, _ = whole_file(tmp_path)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert warc.is_being_written(path)
        writer = warc.CaptureWriter(tmp_path, 1 << 20, lambda _name, _size: True, lambda: AT)
        name, _ = writer.append(member_of(TEXT))
        writer.close()
        assert tmp_path / name != path
    assert not warc.is_being_written(path)


def test_failed_write_leaves_whole_members_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, payloads = whole_file(tmp_path)
    writer = warc.CaptureWriter(tmp_path, 1 << 20, lambda _name, _size: True, lambda: AT)
    writer.append(member_of(TEXT))

    class Full(io.FileIO):
        def write(self, data: Buffer) -> int:
            if self.tell() > path.stat().st_size - 1:
                super().write(bytes(memoryview(data)[:40]))
            raise OSError(28, "No space left on device")

    assert writer._file is not None
    writer._file.close()
    full = Full(path, "r+")
    full.seek(0, io.SEEK_END)
    monkeypatch.setattr(writer, "_file", full)
    with pytest.raises(ArchiveError) as caught:
        writer.append(member_of(TEXT))
    assert caught.value.problem.code == "archive.full"
    writer.close()
    assert payloads_found(path) == [*payloads, TEXT]
    assert not any(member.fault for member in warc.scan(path))


def test_cut_of_a_torn_tail_spares_what_came_since(tmp_path: Path) -> None:
    path, payloads = whole_file(tmp_path)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + member_of(TEXT)[:-9])
    assert warc.cut_torn_tail(path, size)
    assert path.stat().st_size == size
    # Another process, as slow to cut what it saw torn as this one was quick to write on:
    path.write_bytes(path.read_bytes() + member_of(TEXT))
    assert not warc.cut_torn_tail(path, size)
    assert payloads_found(path) == [*payloads, TEXT]


def test_cut_leaves_a_file_that_another_holds(tmp_path: Path) -> None:
    path, _ = whole_file(tmp_path)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"\x1f\x8b\x08 being written")
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not warc.cut_torn_tail(path, size)
    assert warc.cut_torn_tail(path, size)


# --------------------------------------------------------------------------- taking out


def test_rewrite_without_takes_members_out_and_adds_the_tombstone(tmp_path: Path) -> None:
    path, payloads = whole_file(tmp_path)
    members = list(warc.scan(path))
    tombstone = warc.build_tombstone(warc.Tombstone("ab" * 16, AT, "why", ()))
    warc.rewrite_without(path, frozenset({members[2].offset, members[4].offset}), tombstone)
    assert payloads_found(path) == [payloads[0], payloads[2], payloads[4]]
    *_, last = warc.scan(path)
    assert last.data is not None
    assert warc.parse_member(last.data).is_tombstone
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_rewrite_without_keeps_damaged_members_as_they_are(tmp_path: Path) -> None:
    path, payloads = whole_file(tmp_path)
    members = list(warc.scan(path))
    data = bytearray(path.read_bytes())
    data[members[2].offset + 30] ^= 0xFF
    path.write_bytes(data)
    warc.rewrite_without(path, frozenset({members[4].offset}), None)
    gone = slice(members[4].offset, members[4].offset + members[4].length)
    del data[gone]
    assert path.read_bytes() == bytes(data)
    # A damaged member can be taken out too.
    warc.rewrite_without(path, frozenset({members[2].offset}), None)
    assert payloads_found(path) == [payloads[0], payloads[2], payloads[4]]


def test_leftovers_of_an_interrupted_rewrite_are_removed(tmp_path: Path) -> None:
    path, _ = whole_file(tmp_path)
    left = path.with_name(path.name + warc.REWRITING)
    left.write_bytes(b"half")
    assert warc.capture_files(tmp_path) == [path]
    warc.remove_leftovers(tmp_path)
    assert not left.exists()


def test_the_indexer_of_the_pywb_family_finds_every_record_by_address(tmp_path: Path) -> None:
    files = tmp_path / "captures"
    writer = warc.CaptureWriter(files, 1 << 20, lambda _name, _size: True, lambda: AT)
    urls = [f"https://www.rfi.fr/cn/%E4%B8%AD%E5%9B%BD/2020-{number}" for number in range(3)]
    for number, url in enumerate(urls):
        data = TEXT + str(number).encode()
        capture = capture_of(data, f"articles/rfi/{number}.md")
        writer.append(warc.build_capture(capture, url, data))
    writer.sync()
    writer.close()
    (file,) = warc.capture_files(files)
    run = subprocess.run(
        [str(Path(sys.executable).with_name("cdxj-indexer")), str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(f'"url": "{url}"' in run.stdout for url in urls)
    assert run.stdout.count(f" {AT:%Y%m%d%H%M%S} ") == 3
