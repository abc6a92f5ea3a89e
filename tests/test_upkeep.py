"""Verify, rebuild, preview, backup, forget: an archive looked after."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from shilu import upkeep
from shilu.archive import database, warc
from shilu.archive.store import DATABASE, REBUILDING, Store, open_store
from shilu.errors import ArchiveDamaged, ArchiveError, UsageError
from shilu.pipeline import Archive, open_archive
from tests.mirrors import START, Mirror, make_record
from tests.test_import import HISTORY, IMPORT, after, record, synthetic

SECRET = "应当被遗忘的句子"
TITLE = "应当被遗忘的标题"
ADDRESS = "https://news.example/zh/secret-address"


def fill_up(path: Path) -> None:
    """Make the first capture file count as full, so that the next import begins another."""
    first, *_ = warc.capture_files(path / "captures")
    (path / "shilu.toml").write_text(f"format = 1\nmax_warc_bytes = {first.stat().st_size}\n")


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """An archive of a mirror with history, in two capture files."""
    mirror = Mirror(tmp_path / "mirror.git")
    path = tmp_path / "archive"
    for steps in (HISTORY[:8], HISTORY[8:]):
        mirror.commits(steps)
        with open_archive(path, create=True) as archive:
            archive.import_paths([mirror.path])
        fill_up(path)
    assert len(warc.capture_files(path / "captures")) == 2
    return path


def faults(path: Path) -> dict[str, list[str]]:
    """Verify; return the faults by check."""
    with open_archive(path) as archive:
        return {check.name: check.faults for check in upkeep.verify(archive) if check.faults}


def digest(path: Path) -> str:
    with open_archive(path) as archive:
        return archive.store.logical_digest()


def change(path: Path, *statements: str) -> None:
    """Change the derived database behind the program's back."""
    with closing(sqlite3.connect(path / DATABASE)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
        connection.commit()


# --------------------------------------------------------------------------- verify


def test_verify_of_a_sound_archive_finds_nothing(filled: Path) -> None:
    with open_archive(filled) as archive:
        checks = {check.name: check for check in upkeep.verify(archive)}
        counts = archive.stats()
    assert all(check.faults == [] for check in checks.values())
    assert checks["digests"].count == counts.captures + counts.refused == checks["counts"].count
    assert checks["extraction"].count == checks["digests"].count
    assert checks["members"].count == checks["digests"].count + 2  # a head in each file
    assert checks["versions"].count == counts.versions
    assert checks["stale"].count == 0


def test_verify_names_the_record_of_any_flipped_bit(filled: Path) -> None:
    with open_archive(filled) as archive:
        captures = archive.store.captures()
        chance = random.Random(11)
        for number in range(60):
            capture = captures[number % len(captures)]
            path = archive.store.captures_path / capture.place.file
            whole = path.read_bytes()
            # The gzip header in turn, byte by byte; then anywhere.
            within = number if number < 10 else chance.randrange(capture.place.length)
            data = bytearray(whole)
            data[capture.place.offset + within] ^= 1 << chance.randrange(8)
            path.write_bytes(data)
            found = [fault for check in upkeep.verify(archive) for fault in check.faults]
            path.write_bytes(whole)
            assert len(found) == 1, (within, found)
            assert found[0].startswith(capture.subject)
        assert [check.faults for check in upkeep.verify(archive) if check.faults] == []


def test_verify_names_a_capture_file_that_is_gone(filled: Path) -> None:
    first, _ = warc.capture_files(filled / "captures")
    first.unlink()
    (fault,) = faults(filled)["members"]
    assert first.name in fault
    assert "missing" in fault


def test_verify_names_every_record_of_a_truncated_file(filled: Path) -> None:
    first, _ = warc.capture_files(filled / "captures")
    members = list(warc.scan(first))
    with first.open("r+b") as file:
        file.truncate(members[3].offset + 5)
    found = faults(filled)["members"]
    assert any("its end is lost" in fault for fault in found)
    for member in members[3:]:
        assert sum(f"byte {member.offset})" in fault for fault in found) == 1
    assert len(found) == 1 + len(members) - 3


def test_verify_names_a_record_nobody_knows(filled: Path) -> None:
    first, _ = warc.capture_files(filled / "captures")
    members = list(warc.scan(first))
    change(filled, f"DELETE FROM captures WHERE offset = {members[4].offset} AND file_no = 1")
    found = faults(filled)
    (fault,) = found["members"]
    assert f"byte {members[4].offset}" in fault


@pytest.mark.parametrize(
    "table", ["articles", "captures", "versions", "problems", "commits", "files", "extractors"]
)
def test_verify_notices_any_row_that_is_deleted(table: str, filled: Path) -> None:
    with closing(sqlite3.connect(filled / DATABASE)) as connection:
        rows = [row for (row,) in connection.execute(f"SELECT rowid FROM {table}")]
    if table == "files":
        rows.pop()  # opening reads the file again, and its row is back under the same number
    assert rows
    whole = filled.with_name("whole.db")
    shutil.copyfile(filled / DATABASE, whole)
    for row in rows[:6]:
        change(filled, f"DELETE FROM {table} WHERE rowid = {row}")
        assert faults(filled), (table, row)
        database.remove_database(filled / DATABASE)
        shutil.copyfile(whole, filled / DATABASE)
    assert faults(filled) == {}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE versions SET data = (SELECT data FROM versions WHERE rowid = 2) WHERE rowid = 1",
        "UPDATE versions SET data = x'00' WHERE rowid = 1",
        "UPDATE versions SET n = 2 WHERE rowid = 2",
        "UPDATE versions SET id = x'00' WHERE rowid = 2",
        "UPDATE captures SET content_hash = x'00' WHERE no = 1",
        "UPDATE captures SET feed_ms = 1 WHERE no = 1",
        "UPDATE captures SET captured_ms = captured_ms + 1000 WHERE no = 1",
        "UPDATE captures SET path = 'articles/y/1.md' WHERE no = 1",
        "UPDATE captures SET digest = x'00' WHERE no = 1",
        "UPDATE captures SET size_bytes = 1 WHERE no = 1",
        "UPDATE captures SET article_no = 2 WHERE no = 1",
        "UPDATE captures SET crc = 1 WHERE no = 1",
        "UPDATE captures SET refusal = NULL WHERE refusal IS NOT NULL",
        "UPDATE captures SET id = x'00112233445566778899aabbccddeeff' WHERE no = 1",
        "UPDATE problems SET code = 'text.nul' WHERE no = 1",
        "UPDATE commits SET name = x'00' WHERE no = 1",
        "UPDATE articles SET id = x'00112233445566778899aabbccddeeff' WHERE no = 1",
    ],
)
def test_verify_finds_any_value_that_is_changed(statement: str, filled: Path) -> None:
    change(filled, statement)
    assert faults(filled)


def test_verify_of_a_broken_database_says_so(filled: Path) -> None:
    with closing(sqlite3.connect(filled / DATABASE)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'problems'"
        ).fetchone()
    data = bytearray((filled / DATABASE).read_bytes())
    data[(page - 1) * size : page * size] = bytes([255]) * size
    (filled / DATABASE).write_bytes(data)
    with open_archive(filled) as archive:
        (check,) = upkeep.verify(archive)
    assert check.name == "database"
    assert check.faults


def test_work_of_another_extractor_is_stale_and_no_fault(filled: Path) -> None:
    change(filled, "UPDATE extractors SET digest = 'an older one'")
    with open_archive(filled) as archive:
        checks = {check.name: check for check in upkeep.verify(archive)}
        assert checks["stale"].count == archive.stats().captures + archive.stats().refused
        assert checks["extraction"].count == 0
    assert faults(filled) == {}


def test_verify_during_an_import_finds_no_fault(
    tmp_path: Path, run_python: Callable[..., subprocess.Popen[str]]
) -> None:
    mirror = Mirror(tmp_path / "mirror.git")
    mirror.commits(synthetic(400, a_commit=20))
    process = run_python(IMPORT, tmp_path / "archive", mirror.path)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    looks = copies = 0
    while process.poll() is None:
        if (tmp_path / "archive" / "state.db").exists():
            assert faults(tmp_path / "archive") == {}
            looks += 1
            if copies < 2:
                with open_archive(tmp_path / "archive") as archive:
                    upkeep.backup(archive, tmp_path / f"copy-{copies}")
                copies += 1
    assert process.returncode == 0
    assert looks > 1
    final = digest(tmp_path / "archive")
    for number in range(copies):
        copy = tmp_path / f"copy-{number}"
        assert faults(copy) == {}
        with open_archive(copy) as archive:
            # What state.db of the copy says is walked is among its captures: nothing is left out.
            archive.import_paths([mirror.path])
            assert archive.store.logical_digest() == final


# --------------------------------------------------------------------------- rebuild


def test_rebuild_gives_the_same(filled: Path) -> None:
    before = digest(filled)
    rebuilt = upkeep.rebuild(filled)
    assert (rebuilt.before, rebuilt.after) == (before, before)
    assert faults(filled) == {}
    assert not list(filled.glob(REBUILDING + "*"))


@pytest.mark.parametrize("damage", ["deleted", "overwritten", "pages", "rows"])
def test_rebuild_mends_any_damage_to_what_is_derived(damage: str, filled: Path) -> None:
    before = digest(filled)
    if damage == "deleted":
        database.remove_database(filled / DATABASE)
    elif damage == "overwritten":
        (filled / DATABASE).write_bytes(b"no database" * 1000)
    elif damage == "pages":
        data = bytearray((filled / DATABASE).read_bytes())
        data[8192 : len(data) // 2] = bytes(len(data) // 2 - 8192)
        (filled / DATABASE).write_bytes(data)
    else:
        change(filled, "DELETE FROM versions", "DELETE FROM articles")
    rebuilt = upkeep.rebuild(filled)
    assert rebuilt.after == before
    if damage != "rows":
        assert rebuilt.before == before  # as noted after the import
    assert faults(filled) == {}


@pytest.mark.parametrize("step", ["logical_digest", "adopt", "commit"])
def test_rebuild_that_dies_leaves_the_old_database(
    step: str, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest(filled)
    real = getattr(Store, step)

    def die(store: Store, *arguments: object, **named: object) -> object:
        if str(store.engine.url.database).endswith(REBUILDING):
            raise KeyboardInterrupt
        return real(store, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Store, step, die)
        with pytest.raises(KeyboardInterrupt):
            upkeep.rebuild(filled)
    assert (filled / REBUILDING).exists()
    assert digest(filled) == before
    assert faults(filled) == {}
    assert upkeep.rebuild(filled).after == before
    assert not list(filled.glob(REBUILDING + "*"))


def test_rebuild_of_no_archive_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        upkeep.rebuild(tmp_path)
    assert caught.value.problem.code == "use.not_an_archive"


def test_preview_lists_what_a_rebuild_would_change(filled: Path) -> None:
    with open_archive(filled) as archive:
        counts = archive.stats()
        assert upkeep.preview(archive) == ([], counts.versions + counts.refused)
    change(
        filled,
        "UPDATE versions SET data = (SELECT data FROM versions WHERE rowid = 2) WHERE rowid = 1",
        "UPDATE captures SET content_hash = x'00' WHERE no = 1",
    )
    before = digest(filled)
    with open_archive(filled) as archive:
        ((found,), unchanged) = upkeep.preview(archive)
        assert (found.article, found.n, found.change) == (
            "news.example/https://news.example/zh/1", 1, "text",
        )  # fmt: skip
        assert unchanged == counts.versions + counts.refused - 1
    assert digest(filled) == before


# --------------------------------------------------------------------------- backup


def test_backup_is_an_archive_of_its_own(filled: Path, tmp_path: Path) -> None:
    (filled / "sources").mkdir()
    with open_archive(filled) as archive:
        told = upkeep.backup(archive, tmp_path / "copy")
        assert told["files"] == 2
    assert digest(tmp_path / "copy") == digest(filled)
    assert faults(tmp_path / "copy") == {}
    with open_archive(tmp_path / "copy") as copy:
        assert copy.import_paths([tmp_path / "mirror.git"]).read == 0
    assert upkeep.rebuild(tmp_path / "copy").after == digest(filled)


def test_backup_into_what_is_not_empty_is_wrong_use(filled: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("here")
    with open_archive(filled) as archive:
        with pytest.raises(UsageError):
            upkeep.backup(archive, tmp_path / "full")
        for target in (tmp_path / "full" / "file", Path("/proc/copy")):
            with pytest.raises(ArchiveError):
                upkeep.backup(archive, target)


def test_backup_of_an_archive_that_lacks_a_file_says_so(filled: Path, tmp_path: Path) -> None:
    warc.capture_files(filled / "captures")[0].unlink()
    with open_archive(filled) as archive, pytest.raises(ArchiveDamaged):
        upkeep.backup(archive, tmp_path / "copy")
    with pytest.raises(UsageError):  # half a backup is not taken for an archive
        open_archive(tmp_path / "copy" / "nothing")


# --------------------------------------------------------------------------- forget


def secret(body: str) -> bytes:
    return make_record(TITLE, f"<p>{SECRET}，{body}</p>", url=ADDRESS)


@pytest.fixture
def holding(tmp_path: Path) -> Path:
    """An archive with an article to be forgotten, in two capture files and among others."""
    mirror = Mirror(tmp_path / "mirror.git")
    path = tmp_path / "archive"
    mirror.commits(HISTORY[:8])
    mirror.commit(START + after(60), {f"articles/x/50_{TITLE}.md": secret("之一")})
    with open_archive(path, create=True) as archive:
        archive.import_paths([mirror.path])
    fill_up(path)
    mirror.commit(START + after(61), {f"articles/x/50_{TITLE}.md": secret("之二")})
    mirror.commits(HISTORY[8:])
    with open_archive(path) as archive:
        archive.import_paths([mirror.path])
        assert len(archive.versions(ADDRESS)) == 2
    return path


def inflated(data: bytes) -> bytes:
    """Return what gzip members and zstd frames in some bytes hold."""
    import zstandard

    found = []
    for start in range(len(data)):
        if data.startswith(b"\x1f\x8b\x08", start):
            try:
                found.append(zlib.decompressobj(31).decompress(data[start:]))
            except zlib.error:
                continue
        elif data.startswith(b"\x28\xb5\x2f\xfd", start):
            try:
                raw = zstandard.ZstdDecompressor().decompressobj().decompress(data[start:])
                found.append(raw.decode("gb18030", "replace").encode())
            except zstandard.ZstdError:
                continue
    return b"".join(found)


def traces(path: Path) -> list[str]:
    """Return the files below a folder in which something of the secret article can be found."""
    needles = [SECRET.encode(), TITLE.encode(), ADDRESS.encode(), b"secret-address",
               b"%E5%BA%94%E5%BD%93", "应当被".encode("unicode_escape")]  # fmt: skip
    found = []
    for file in sorted(path.rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            if any(needle in data + inflated(data) for needle in needles):
                found.append(file.relative_to(path).as_posix())
    return found


def test_traces_of_an_article_are_found_before_it_is_forgotten(holding: Path) -> None:
    assert set(traces(holding)) >= {
        "shilu.db",
        *(
            file.relative_to(holding).as_posix()
            for file in warc.capture_files(holding / "captures")
        ),
    }


def test_forgotten_article_is_gone_from_every_file(holding: Path, tmp_path: Path) -> None:
    # Left behind by an earlier crash, with copies of everything:
    shutil.copyfile(holding / DATABASE, holding / REBUILDING)
    first, second = warc.capture_files(holding / "captures")
    shutil.copyfile(first, first.with_name(first.name + warc.REWRITING))
    with open_archive(holding) as archive:
        before = archive.stats()
        article = archive.find(ADDRESS)
    told = upkeep.forget(holding, ADDRESS, "应当事人要求")
    assert (told.article_id, told.captures, told.files) == (article.id, 2, 2)
    assert traces(holding) == []
    assert faults(holding) == {}
    with open_archive(holding) as archive:
        with pytest.raises(UsageError):
            archive.find(ADDRESS)
        counts = archive.stats()
        assert (counts.articles, counts.captures) == (before.articles - 1, before.captures - 2)
        (stone,) = archive.store.forgotten().values()
        assert (stone.article_id, stone.reason) == (article.id, "应当事人要求")
        assert len(stone.capture_ids) == 2
    assert second.exists()
    # Deleted by hand and made again, the tombstone stands.
    rebuilt = upkeep.rebuild(holding)
    assert rebuilt.before == rebuilt.after
    database.remove_database(holding / DATABASE)
    assert digest(holding) == rebuilt.after
    assert faults(holding) == {}
    assert traces(holding) == []


def test_forgotten_article_does_not_come_back(
    holding: Path, tmp_path: Path, record_file: Callable[[str, bytes], Path]
) -> None:
    upkeep.forget(holding, ADDRESS, "why")
    with open_archive(holding) as archive:
        assert archive.import_paths([tmp_path / "mirror.git"]).read == 0
        before = archive.stats()
    database.remove_database(holding / "state.db")  # so that all is read again
    with open_archive(holding) as archive:
        report = archive.import_paths([tmp_path / "mirror.git"])
        assert report.versions == 0
        assert report.refused == 1 + 2  # the one without a head, and the two
        assert archive.stats() == before
    # The same article in another place, with another text.
    folder = record_file(f"x/51_{TITLE}.md", secret("之三"))
    with open_archive(holding) as archive:
        report = archive.import_paths([folder])
        assert (report.read, report.refused, report.versions) == (1, 1, 0)
        assert report.problems["article.forgotten"] == 1
    assert traces(holding) == []
    assert faults(holding) == {}
    assert upkeep.rebuild(holding).after == digest(holding)
    assert faults(holding) == {}


def test_forgetting_takes_second_records_too(holding: Path) -> None:
    with open_archive(holding) as archive:
        (capture, _) = archive.captures(ADDRESS)
        member = warc.build_capture(
            archive.store.read_record(capture).capture(), ADDRESS, archive.raw(capture.id)
        )
    extra = warc.capture_files(holding / "captures")[0].with_name("99991231T235959Z-0.warc.gz")
    extra.write_bytes(member)  # what a second import at the same time had written
    assert faults(holding) == {}
    assert upkeep.forget(holding, ADDRESS, "why").captures == 3
    assert traces(holding) == []
    assert faults(holding) == {}


@pytest.mark.parametrize("step", range(1, 9))
def test_interrupted_forget_can_be_finished(
    step: int, holding: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_archive(holding) as archive:
        article = archive.find(ADDRESS)
        others = archive.stats().articles - 1
    calls = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == step:
                raise KeyboardInterrupt
            return real(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for owner, name in (
            (Store, "unfile"), (warc, "rewrite_without"), (upkeep, "read_files"),
            (Store, "compact"), (Store, "remember"),
        ):  # fmt: skip
            patch.setattr(owner, name, counted(getattr(owner, name)))
        with pytest.raises(KeyboardInterrupt):
            upkeep.forget(holding, ADDRESS, "why")
    # Opened as it is, nothing else is missing, and verify says what there is left to do.
    found = faults(holding)
    assert set(found) <= {"forgotten"}
    with open_archive(holding) as archive:
        assert archive.stats().articles in (others, others + 1)
    upkeep.forget(holding, article.id, "why")
    assert traces(holding) == []
    assert faults(holding) == {}
    with open_archive(holding) as archive:
        assert archive.stats().articles == others
        (stone,) = archive.store.forgotten().values()
        assert len(stone.capture_ids) == 2


def test_unfiled_captures_leave_right_versions_behind(holding: Path) -> None:
    # Should the process die before the file is read again, and be asked before it is repaired.
    expected = digest(holding)
    for file in warc.capture_files(holding / "captures"):
        with open_store(holding) as store:
            archive = Archive(store)
            name = file.relative_to(store.captures_path).as_posix()
            store.unfile(name, archive.refill)
            by_name = {check.name: check for check in upkeep.verify(archive)}
            assert by_name["versions"].faults == []
            assert by_name["counts"].faults == []
            assert by_name["database"].faults == []
        assert digest(holding) == expected  # opening repairs
        assert faults(holding) == {}


def test_forgetting_what_is_not_there_is_wrong_use(holding: Path) -> None:
    before = digest(holding)
    with pytest.raises(UsageError) as caught:
        upkeep.forget(holding, "news.example/no-such-thing", "why")
    assert caught.value.problem.code == "use.bad_reference"
    assert digest(holding) == before


def test_damage_elsewhere_does_not_keep_an_article_from_being_forgotten(holding: Path) -> None:
    with open_archive(holding) as archive:
        kept = archive.captures("https://news.example/zh/1")[0]
        path = archive.store.captures_path / kept.place.file
    data = bytearray(path.read_bytes())
    data[kept.place.offset + kept.place.length // 2] ^= 0xFF
    path.write_bytes(data)
    upkeep.forget(holding, ADDRESS, "why")
    assert traces(holding) == []
    assert len(faults(holding)["members"]) == 1
    assert record(1, "甲") == HISTORY[0].write["articles/x/1.md"]
