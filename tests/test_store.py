"""The archive below the pipeline: opening, locks, formats, recovery of what a crash left."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shilu import upkeep
from shilu.archive import database, schema, warc
from shilu.archive.commit import Commit
from shilu.archive.store import Deposit, open_store
from shilu.errors import ArchiveDamaged, ArchiveError, ArchiveHeld, UsageError
from shilu.pipeline import Archive, open_archive
from shilu.records import Capture, Origin
from tests.mirrors import START, Mirror, make_record

Record = Callable[[str, bytes], Path]


def code_of(error: pytest.ExceptionInfo[Any]) -> str:
    return str(error.value.problem.code)


def filled(path: Path, material: Path) -> str:
    """Import into an archive; return its logical digest."""
    with open_archive(path, create=True) as archive:
        archive.import_paths([material])
        return archive.store.logical_digest()


def is_sound(archive: Archive) -> bool:
    faults = [fault for check in upkeep.verify(archive) for fault in check.faults]
    assert faults == []
    return True


@pytest.fixture
def records(record_file: Record) -> Path:
    """Six loose records, three of them of one article."""
    for number in range(6):
        data = make_record(
            f"第{number}条", f"<p>正文之{number}。</p>" * 5, at=1602356177000 + number,
            url=f"https://news.example/zh/{max(number, 3)}",
        )  # fmt: skip
        folder = record_file(f"example/{number}.md", data)
    return folder


# --------------------------------------------------------------------------- opening


def test_folder_that_is_no_archive_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(UsageError) as caught:
        open_archive(tmp_path)
    assert code_of(caught) == "use.not_an_archive"
    assert [entry.name for entry in tmp_path.iterdir()] == ["readme.txt"]


@pytest.mark.parametrize("place", ["file/archive", "/proc/archive"])
def test_folder_that_cannot_be_written_is_told(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file, not a folder")
    with pytest.raises(ArchiveError) as caught:
        open_archive(tmp_path / place, create=True)
    assert code_of(caught) == "archive.unwritable"
    assert caught.value.exit_code == 3


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("where", ["shilu.toml", "shilu.db", "state.db"])
def test_archive_of_a_newer_format_is_left_as_it_is(
    where: str, records: Path, tmp_path: Path
) -> None:
    path = tmp_path / "archive"
    filled(path, records)
    if where == "shilu.toml":
        (path / where).write_text(f"format = {schema.FORMAT + 1}\n")
    else:
        with closing(sqlite3.connect(path / where)) as connection:
            connection.execute(f"PRAGMA user_version = {schema.FORMAT + 9}")
    before = contents(path)
    calls: list[Callable[[], object]] = [
        lambda: open_archive(path, create=True),
        lambda: upkeep.rebuild(path),
        lambda: upkeep.forget(path, "news.example/1", "why"),
    ]
    for call in calls:
        with pytest.raises(ArchiveError) as caught:
            call()
        assert code_of(caught) == "archive.newer"
        assert caught.value.exit_code == 3
    assert contents(path) == before


@pytest.mark.parametrize("where", ["shilu.db", "state.db"])
def test_database_that_is_none_is_damage(where: str, records: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    filled(path, records)
    (path / where).write_bytes(b"not a database " * 400)
    with pytest.raises(ArchiveDamaged) as caught:
        open_archive(path)
    # What to do differs: one can be made again, the other cannot.
    assert code_of(caught) == {
        "shilu.db": "archive.database_damaged", "state.db": "archive.state_damaged",
    }[where]  # fmt: skip


def test_settings_that_are_not_toml_are_wrong_use(records: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    filled(path, records)
    for wrong in (b"max_record_bytes = ", b"\xff\xfe", b"unknown = 1\n"):
        (path / "shilu.toml").write_bytes(wrong)
        with pytest.raises(UsageError):
            open_archive(path)


# --------------------------------------------------------------------------- locks


def test_archive_held_by_a_writer_refuses_rebuild_and_forget(records: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    filled(path, records)
    with open_archive(path):
        for call in (
            lambda: upkeep.rebuild(path),
            lambda: upkeep.forget(path, "news.example/1", "why"),
        ):
            with pytest.raises(ArchiveHeld) as caught:
                call()
            assert caught.value.exit_code == 3
        with open_archive(path) as other:  # writers share it
            assert is_sound(other)
    with open_store(path, exclusive=True), pytest.raises(ArchiveHeld):
        open_archive(path)
    assert upkeep.rebuild(path).records == 6


def test_archive_opened_for_the_first_time_by_many_is_made_once(
    tmp_path: Path, run_python: Callable[..., subprocess.Popen[str]]
) -> None:
    code = (
        "import sys; sys.stdin.readline()\n"
        "from pathlib import Path; from shilu.archive.store import open_store\n"
        "for n in range(5): open_store(Path(sys.argv[1]) / str(n), create=True).close()"
    )
    processes = [run_python(code, tmp_path) for _ in range(6)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")


# --------------------------------------------------------------------------- after a crash


def the_file(path: Path) -> Path:
    (file,) = warc.capture_files(path / "captures")
    return file


def test_missing_derived_database_is_made_again(records: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    digest = filled(path, records)
    database.remove_database(path / "shilu.db")
    with open_archive(path) as archive:
        assert archive.store.logical_digest() == digest
        assert is_sound(archive)


def test_missing_state_costs_reading_but_doubles_nothing(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "mirror.git")
    for number in range(3):
        mirror.commit(START, {"articles/x/1.md": make_record(body=f"<p>{number}</p>")})
    path = tmp_path / "archive"
    digest = filled(path, mirror.path)
    database.remove_database(path / "state.db")
    with open_archive(path) as archive:
        report = archive.import_paths([mirror.path])
        assert (report.read, report.same, report.versions) == (3, 3, 0)
        assert archive.store.logical_digest() == digest
        assert is_sound(archive)


def behind(path: Path, records: Path) -> tuple[str, bytes, int]:
    """Make an archive whose database has not seen the last member of its capture file.

    Returns the digest with it, the whole file, and where the last member begins.
    """
    first, *_ = sorted(records.rglob("*.md"))
    filled(path, first)
    database.copy_database(path / "shilu.db", path / "old.db")
    digest = filled(path, records)
    whole = the_file(path).read_bytes()
    database.remove_database(path / "shilu.db")
    (path / "old.db").rename(path / "shilu.db")
    *_, last = warc.scan(the_file(path))
    return digest, whole, last.offset


def test_unseen_tail_is_read_when_the_archive_is_opened(records: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    digest, whole, _ = behind(path, records)
    with open_archive(path) as archive:
        assert archive.store.logical_digest() == digest
        assert is_sound(archive)
    assert the_file(path).read_bytes() == whole


def test_tail_torn_at_any_byte_is_cut_and_imported_again(records: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    digest, whole, last = behind(path, records)
    old = (path / "shilu.db").read_bytes()
    with open_store(path) as store:
        first = store.bytes_seen()
    for size in range(last, len(whole)):
        database.remove_database(path / "shilu.db")
        (path / "shilu.db").write_bytes(old)
        the_file(path).write_bytes(whole[:size])
        with Archive(open_store(path)) as archive:
            archive.recover()
            assert the_file(path).stat().st_size == last
            if size % 200 == 0 or size in (last, len(whole) - 1):
                report = archive.import_paths([records])
                assert (report.versions, report.same) == (1, 5)
                assert archive.store.logical_digest() == digest
                assert is_sound(archive)
    assert list(first.values()) < [last]


@pytest.mark.parametrize("tail", [bytes(4096), b"\x1f\x8b\x08\0\0", b"\xffgarbage" * 50])
def test_garbage_at_the_unseen_end_is_cut(tail: bytes, records: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    digest, whole, _ = behind(path, records)
    the_file(path).write_bytes(whole + tail)
    with open_archive(path) as archive:
        assert the_file(path).read_bytes() == whole
        assert archive.store.logical_digest() == digest
        assert is_sound(archive)


@pytest.mark.parametrize("remove", [True, False])
def test_damage_to_what_was_acknowledged_is_never_cut(
    remove: bool, records: Path, tmp_path: Path
) -> None:
    # One flipped bit in the last record can read as "the file ends inside it".
    path = tmp_path / "archive"
    filled(path, records)
    *_, last = warc.scan(the_file(path))
    data = bytearray(the_file(path).read_bytes())
    data[last.offset + last.length // 2] ^= 0x10
    the_file(path).write_bytes(data)
    if remove:
        database.remove_database(path / "shilu.db")
    else:
        upkeep.rebuild(path)
    for _ in range(2):
        with open_archive(path) as archive:
            assert the_file(path).read_bytes() == bytes(data)
            faults = [fault for check in upkeep.verify(archive) for fault in check.faults]
            assert len(faults) == 1
            assert f"byte {last.offset}" in faults[0]


def test_tail_that_another_process_writes_is_left_to_it(records: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    digest, whole, last = behind(path, records)
    the_file(path).write_bytes(whole[:-7])
    with the_file(path).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with open_archive(path) as archive:
            assert archive.store.counts().captures == 1
            report = archive.import_paths([records])  # into a file of its own
            assert (report.articles, report.read, report.same) == (2, 6, 1)
            assert len(warc.capture_files(path / "captures")) == 2
            assert archive.store.logical_digest() == digest
    with open_archive(path) as archive:  # the other process has died: its records are copies
        assert archive.store.logical_digest() == digest
        assert is_sound(archive)
        assert len(archive.store.copies(ids=[row.id for row in archive.store.captures()])) == 4
    assert len(whole) > last


def test_file_with_an_unseen_tail_is_not_continued(records: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    behind(path, records)
    whole = the_file(path).read_bytes()
    with open_store(path) as store:  # without reading the tail
        capture = Capture("0" * 32, Origin("file", "x"), START, "0" * 64, 0)
        (place,) = store.append([Deposit(capture, b"member", None, "x", "an extractor")])
        assert store.captures_path / place.file != warc.capture_files(store.captures_path)[0]
    assert whole == min(warc.capture_files(path / "captures"), key=os.path.getmtime).read_bytes()


def test_failed_commit_leaves_its_members_to_the_next_opening(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "archive"
    first, *_ = sorted(records.rglob("*.md"))
    with open_archive(path, create=True) as archive:

        def fail(*_: object) -> None:
            raise ArchiveError("archive.full", path, cause="test")

        with monkeypatch.context() as patch:
            patch.setattr(Commit, "run", fail)
            with pytest.raises(ArchiveError):
                archive.import_paths([first])
        report = archive.import_paths([records])  # the same process goes on
        assert report.versions == 6
        assert archive.store.counts().captures == 6
        digest = archive.store.logical_digest()
    with open_archive(path) as archive:
        assert archive.store.logical_digest() == digest
        assert is_sound(archive)


# --------------------------------------------------------------------------- replacing a database


@pytest.mark.parametrize("stop", range(1, 5))
def test_replacing_a_database_leaves_a_whole_one_at_every_moment(
    stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, fresh = tmp_path / "db", tmp_path / "db.fresh"
    for path, value in ((old, "old"), (fresh, "new")):
        with closing(sqlite3.connect(tmp_path / "live")) as live:
            live.execute("PRAGMA journal_mode = WAL")
            live.execute("CREATE TABLE t (x)")
            live.execute("INSERT INTO t VALUES (?)", (value,))
            live.commit()
            for suffix in ("", "-wal"):  # as a process that was killed leaves it
                shutil.copyfile(f"{tmp_path / 'live'}{suffix}", f"{path}{suffix}")
        database.remove_database(tmp_path / "live")
    steps = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **named: object) -> object:
            nonlocal steps
            steps += 1
            if steps == stop:
                raise KeyboardInterrupt
            return real(*arguments, **named)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", counted(Path.unlink))
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(database, "_take_in_log", counted(database._take_in_log))
        with pytest.raises(KeyboardInterrupt):
            database.replace_database(fresh, old)
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [("old",)]
    database.replace_database(fresh, old)
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [("new",)]
    assert not list(tmp_path.glob("db.fresh*"))
