"""SQLite as the archive uses it: opened, guarded, copied, removed.

Write-ahead log, every commit synced. What SQLite raises becomes one of our errors, with the next
step.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError

from shilu.archive import schema
from shilu.errors import ArchiveDamaged, ArchiveError, ArchiveHeld

STATE = "state.db"

_BUSY_MS = 60_000  # how long a short transaction of another process is waited for
_CACHE_KIB = 16_384
_LOG_PAGES = 500  # of the write-ahead log, before it is taken into the file
_SUFFIXES = ("", "-wal", "-shm")


def open_database(
    path: Path,
    metadata: sa.MetaData,
    version: int,
    on_create: Callable[[sa.Connection], None] = lambda _connection: None,
    page_bytes: int = 4096,
) -> sa.Engine:
    """Open a database, with its tables made where it is new.

    *version* is that of the tables. A database without any gets them, *on_create* within the same
    transaction; one of an older version gets those it lacks where that is enough (``state.db``).
    Raises ``ArchiveError`` for a newer version, ``ArchiveDamaged`` for an older one that must be
    made anew; either is left as it is.
    """
    # Connections are kept: the last one to close would copy the whole log into the file each time.
    engine = sa.create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute(f"PRAGMA page_size = {page_bytes}")  # heeded by new databases
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")

    try:
        with database_errors(path), engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA user_version").scalar() or 0
            if found > version:
                raise ArchiveError("archive.newer", path.parent, found=found, known=version)
            if 0 < found < version and metadata is schema.derived:
                raise ArchiveDamaged("archive.database_older", path, found=found, known=version)
            if found < version:
                with immediate(connection):
                    metadata.create_all(connection)
                    on_create(connection)
                    connection.exec_driver_sql(f"PRAGMA user_version = {version}")
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextlib.contextmanager
def immediate(connection: sa.Connection) -> Iterator[None]:
    """A transaction that holds the only write lock from its start."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        # After a full disk SQLite may have rolled back by itself.
        with contextlib.suppress(DatabaseError):
            connection.exec_driver_sql("ROLLBACK")
        raise


@contextlib.contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turn the database's own errors into ours, with the next step."""
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        cause = str(getattr(error, "orig", None) or error)
        if isinstance(error, OperationalError | sqlite3.OperationalError):
            if "locked" in cause:
                raise ArchiveHeld("archive.held", path) from error
            if any(word in cause for word in ("full", "I/O", "readonly", "unable to open")):
                raise ArchiveError("archive.full", path, cause=cause) from error
        code = "archive.state_damaged" if path.name == STATE else "archive.database_damaged"
        raise ArchiveDamaged(code, path, cause=cause) from error


def remove_database(path: Path) -> None:
    """Delete an SQLite database with its write-ahead log."""
    for suffix in _SUFFIXES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def replace_database(fresh: Path, old: Path) -> None:
    """Put a complete, closed database in the place of another one, which nobody has open.

    At every moment there is one whole database under the name: the old one takes its log in before
    the log is deleted, so that it can do without, and a log never meets another's file.
    """
    if old.exists():
        # One that is too damaged for it is of no use with its log either.
        with contextlib.suppress(sqlite3.DatabaseError):
            _take_in_log(old)
    for suffix in _SUFFIXES[1:]:
        Path(f"{old}{suffix}").unlink(missing_ok=True)
    _take_in_log(fresh)
    fresh.replace(old)
    for suffix in _SUFFIXES[1:]:
        Path(f"{fresh}{suffix}").unlink(missing_ok=True)
    sync(old.parent)


def _take_in_log(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copy_database(source: Path, target: Path) -> None:
    """Copy a live SQLite database by its online backup."""
    with (
        database_errors(target),
        contextlib.closing(sqlite3.connect(source)) as live,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        live.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        live.backup(copy)


def bytes_seen_in(database: Path) -> dict[str, int]:
    """Return how far each capture file is indexed by a copied database."""
    with database_errors(database), contextlib.closing(sqlite3.connect(database)) as connection:
        return dict(connection.execute("SELECT name, bytes_seen FROM files").fetchall())


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk, whoever wrote them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
