"""The archive: one folder with captures, what is derived from them, and what cannot be derived.

Order of safety: a batch's WARC members are synced, then SQLite commits. Opening reads again what
SQLite has not seen. ``Store`` knows tables and files; what to put there is decided by its callers
(``pipeline``) and by ``versions``, which is pure. What can be asked is in ``queries``, what a
commit does in ``commit``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import tomllib
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shilu.archive import schema, warc
from shilu.archive.commit import Commit, Deposit, Filed, Outcome, Refill
from shilu.archive.database import (
    STATE,
    bytes_seen_in,
    copy_database,
    database_errors,
    immediate,
    open_database,
    remove_database,
    replace_database,
    sync,
)
from shilu.archive.queries import (
    BYTELESS,
    Counts,
    ListedProblem,
    Place,
    Reader,
    SourceRow,
    Standing,
    StoredCapture,
    choices_in,
    slices,
)
from shilu.config import Settings, default_settings_text, parse_settings
from shilu.errors import ArchiveDamaged, ArchiveError, ArchiveHeld, UsageError
from shilu.records import Choices

__all__ = [
    "BYTELESS", "DATABASE", "REBUILDING", "Counts", "Deposit", "Filed", "ListedProblem", "Outcome",
    "Place", "Refill", "SourceRow", "Standing", "Store", "StoredCapture", "bytes_seen_in",
    "copy_database", "copy_prefix", "open_store",
]  # fmt: skip

# Contents have 0.5 to 5 kB: in pages of 4 kB a fifth of the database was empty space.
_PAGE_BYTES = 16_384

DATABASE = "shilu.db"
REBUILDING = "shilu.db.rebuilding"  # a new one on its way to take the other's place


@dataclass(slots=True)
class Store(Reader):
    """An open archive; use ``open_store``, close it or use it as a context manager."""

    settings: Settings
    lock_file: int
    _writer: warc.CaptureWriter | None = field(default=None, init=False)
    _is_unindexed: bool = field(default=False, init=False)  # what _writer's file ends with

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release files and locks."""
        self._close_writer()
        self.engine.dispose()
        self.state_engine.dispose()
        if self.lock_file >= 0:
            os.close(self.lock_file)
            self.lock_file = -1

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    # -------------------------------------------------------------------------- captures

    def append(self, deposits: Sequence[Deposit]) -> list[Place]:
        """Write members to this process's capture file and sync it; ``commit`` must follow."""
        if self._is_unindexed:
            # An append or commit failed. What follows must not move the mark past what it left.
            self._close_writer()
        if self._writer is None:
            self._writer = warc.CaptureWriter(
                self.captures_path, self.settings.max_warc_bytes, self._may_continue,
                lambda: datetime.now(UTC),
            )  # fmt: skip
        self._is_unindexed = True
        places = []
        for deposit in deposits:
            name, offset = self._writer.append(deposit.member)
            places.append(Place(name, offset, len(deposit.member), zlib.crc32(deposit.member)))
        self._writer.sync()
        return places

    def _may_continue(self, name: str, size: int) -> bool:
        """Tell whether this database has seen all of a capture file, so that it may grow on."""
        return self.bytes_seen().get(name) == size

    def commit(
        self,
        deposits: Sequence[Deposit],
        places: Sequence[Place],
        refill: Refill,
        seen: dict[str, int] | None = None,
        tombstones: Sequence[warc.Tombstone] = (),
    ) -> list[Outcome]:
        """Index members that are on disk, and derive the versions of the articles they touch.

        One transaction. *refill* extracts a capture of old again, for when it opens a version only
        now; *seen* moves the mark up to which files are indexed, where that is not simply the end
        of the last member. Returns for each deposit what became of it.
        """
        for name in seen or {}:
            # Left by a process that may have died before it synced them.
            sync(self.captures_path / name)
        with self._writing() as connection:
            outcomes = Commit(connection, refill).run(deposits, places, seen or {}, tombstones)
        if not seen:
            self._is_unindexed = False
        return outcomes

    def cut_tail(self, name: str, offset: int) -> bool:
        """Deal with a capture file from *offset* on, where nothing can be read any more.

        What was never acknowledged is cut; what another process is writing is left to it. Both
        are True: what is indexed of the file ends at *offset*. False is damage to what had been
        acknowledged, which stays as it is and is named by ``verify``.
        """
        f = schema.files.c
        with self.reading() as connection:
            kept = connection.scalar(sa.select(f.bytes_kept).where(f.name == name))
        if kept is not None and offset < kept:
            return False
        warc.cut_torn_tail(self.captures_path / name, offset)
        return True

    def refile(self, deposits: Sequence[Deposit], places: Sequence[Place], refill: Refill) -> None:
        """Index captures again that are indexed already: what they say has changed."""
        with self._writing() as connection:
            Commit(connection, refill).rerun(deposits, places)

    def unfile(self, name: str, refill: Refill) -> None:
        """Drop what is derived from one capture file, so that it is read again from its start."""
        with self._writing() as connection:
            Commit(connection, refill).unfile(name)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with (
            database_errors(self.path),
            self.engine.connect() as connection,
            immediate(connection),
        ):
            yield connection

    # -------------------------------------------------------------------------- state

    def move_tips(self, reached: Iterable[str], passed: Iterable[str]) -> None:
        """Note how far mirrors are walked; their captures must be committed."""
        table = schema.mirror_tips
        rows = [{"name": name} for name in reached]
        with self._writing_state() as connection:
            for some in slices(list(passed)):
                connection.execute(sa.delete(table).where(table.c.name.in_(some)))
            if rows:
                connection.execute(
                    sa.insert(table).prefix_with("OR IGNORE", dialect="sqlite"), rows
                )

    def remember(self, name: str, value: str) -> None:
        """Remember a fact in ``state.db``."""
        with self._writing_state() as connection:
            _remember(connection, name, value)

    def settle(self, name: str, choices: Choices) -> bool:
        """Drop a fact from ``state.db``, unless the user has decided otherwise than *choices*."""
        f = schema.state_facts.c
        with self._writing_state() as connection:
            if choices_in(connection) != choices:
                return False
            connection.execute(sa.delete(schema.state_facts).where(f.name == name))
        return True

    def switch(self, source: str, rule: str, *, off: bool, fact: str) -> None:
        """Note that a rule is not to be followed for a source, or is again; and *fact* with it."""
        table = schema.switched_off
        row = {"source": source, "rule": rule}
        with self._writing_state() as connection:
            _add_or_remove(connection, table, [row], add=off)
            _remember(connection, fact, "")

    def restore(self, article_id: str, keys: Iterable[str], *, undo: bool, fact: str) -> None:
        """Note that removed pieces of an article are to stay, or not any more; and *fact*."""
        rows = [{"article_id": bytes.fromhex(article_id), "key": key} for key in keys]
        with self._writing_state() as connection:
            _add_or_remove(connection, schema.restored, rows, add=not undo)
            _remember(connection, fact, "")

    def forget_restored(self, article_id: str) -> None:
        """Drop what was decided about the pieces of an article."""
        table = schema.restored
        with self._writing_state() as connection:
            connection.execute(
                sa.delete(table).where(table.c.article_id == bytes.fromhex(article_id))
            )

    @contextlib.contextmanager
    def _writing_state(self) -> Iterator[sa.Connection]:
        with (
            database_errors(self.path / STATE),
            self.state_engine.connect() as connection,
            immediate(connection),
        ):
            yield connection

    # -------------------------------------------------------------------------- the whole database

    def start_over(self) -> None:
        """Go on with an empty database beside the archive's own, for ``adopt`` to take over."""
        self.engine.dispose()
        remove_database(self.path / REBUILDING)
        self.engine = _open_derived(self.path, REBUILDING)

    def adopt(self) -> None:
        """Put the database begun by ``start_over`` in the place of the archive's."""
        self.engine.dispose()
        with database_errors(self.path):
            replace_database(self.path / REBUILDING, self.path / DATABASE)
        self.engine = _open_derived(self.path, DATABASE)

    def compact(self) -> None:
        """Overwrite and give back what deleted rows left in the database."""
        with database_errors(self.path), self.engine.connect() as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _remember(connection: sa.Connection, name: str, value: str) -> None:
    connection.execute(
        sa.insert(schema.state_facts).prefix_with("OR REPLACE", dialect="sqlite"),
        [{"name": name, "value": value}],
    )


def _add_or_remove(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], *, add: bool
) -> None:
    for row in rows:
        same = [table.c[name] == value for name, value in row.items()]
        connection.execute(sa.delete(table).where(*same))
        if add:
            connection.execute(sa.insert(table), [row])


# ------------------------------------------------------------------------------ opening


def open_store(
    path: Path, *, create: bool = False, exclusive: bool = False, database: str = DATABASE
) -> Store:
    """Open the archive at *path*; with *create* make one where there is none.

    *database* names the derived database within it. Opened exclusively, it is rid of what an
    interrupted rebuild or forget left behind.

    Raises ``UsageError`` where there is no archive, ``ArchiveError`` when it is newer, held or
    cannot be written.
    """
    settings_path = path / "shilu.toml"
    if not settings_path.is_file() and not (path / "captures").is_dir():
        if not create:
            raise UsageError("use.not_an_archive", path)
        _make(path)
    try:
        text = settings_path.read_text("utf-8") if settings_path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("config.unreadable", settings_path, cause=error) from None
    _check_format(text, path)
    settings = parse_settings(text, str(settings_path))
    with _one_at_a_time(path), contextlib.ExitStack() as undo:
        lock = _lock(path, exclusive=exclusive)
        undo.callback(os.close, lock)
        if exclusive:  # nobody else is at work: what is half done was left behind
            remove_database(path / REBUILDING)
            warc.remove_leftovers(path / "captures")
        engine = _open_derived(path, database)
        undo.callback(engine.dispose)
        state_engine = open_database(path / STATE, schema.state, schema.STATE)
        undo.pop_all()
    return Store(path, engine, state_engine, settings, lock)


def _open_derived(path: Path, name: str) -> sa.Engine:
    captures = path / "captures"
    return open_database(
        path / name,
        schema.derived,
        schema.DERIVED,
        lambda connection: _begin(connection, captures),
        _PAGE_BYTES,
    )


def _begin(connection: sa.Connection, captures: Path) -> None:
    """Give a new database its identity, and note that nothing of capture files may be cut.

    It cannot know how much of them was acknowledged.
    """
    connection.execute(sa.insert(schema.identity), [{"value": uuid.uuid4().hex}])
    rows = [
        {"name": file.relative_to(captures).as_posix(), "bytes_seen": 0,
         "bytes_kept": file.stat().st_size}
        for file in warc.capture_files(captures)
    ]  # fmt: skip
    if rows:
        connection.execute(sa.insert(schema.files), rows)


def _make(path: Path) -> None:
    try:
        (path / "captures").mkdir(parents=True, exist_ok=True)
        # Two processes may be making it.
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path, prefix="shilu.toml.", delete=False
        ) as fresh:
            fresh.write(default_settings_text(schema.FORMAT))
            fresh.flush()
            os.fsync(fresh.fileno())
        Path(fresh.name).chmod(0o644)
        Path(fresh.name).replace(path / "shilu.toml")
        sync(path)
    except OSError as error:
        raise ArchiveError("archive.unwritable", path, cause=error.strerror or error) from None


def _check_format(text: str, path: Path) -> None:
    with contextlib.suppress(tomllib.TOMLDecodeError):
        found = tomllib.loads(text).get("format", schema.FORMAT)
        if isinstance(found, int) and found > schema.FORMAT:
            raise ArchiveError("archive.newer", path, found=found, known=schema.FORMAT)


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Hold the folder while databases are made: SQLite cannot turn WAL on in two processes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ArchiveError("archive.unwritable", path, cause=error.strerror) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path, *, exclusive: bool) -> int:
    try:
        descriptor = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ArchiveError("archive.unwritable", path, cause=error.strerror) from None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise ArchiveHeld("archive.held", path) from None
    return descriptor


def copy_prefix(source: Path, target: Path, size: int) -> None:
    """Copy the first *size* bytes of a growing file, synced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as old, target.open("wb") as new:
        left = size
        while left:
            chunk = old.read(min(left, 1 << 20))
            if not chunk:
                raise ArchiveDamaged("archive.damaged", source, cause="it is shorter than indexed")
            new.write(chunk)
            left -= len(chunk)
        new.flush()
        os.fsync(new.fileno())
    shutil.copystat(source, target)
