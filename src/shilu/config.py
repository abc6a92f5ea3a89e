"""Strict tables: the settings of an archive, and the reader every TOML file of ours goes through.

A key nobody knows is an error with "did you mean", never silently ignored.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple

from shilu.errors import UsageError

Expected = type | tuple[type, ...]


def parse_toml(text: str, subject: str) -> dict[str, Any]:
    """Parse a TOML document; raise ``UsageError`` naming *subject* when it is not one."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError("config.unreadable", subject, cause=error) from None


def nearest(word: str, known: Sequence[str]) -> str:
    """Return the known word most like *word*, for "did you mean"."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
    return found[0] if found else ", ".join(known)


_WORDS: Mapping[type, str] = MappingProxyType(
    {
        str: "a text",
        int: "a whole number",
        bool: "true or false",
        list: "a list",
        dict: "a table",
        date: "a date",
    }
)


def check_table(table: Mapping[str, Any], allowed: Mapping[str, Expected], subject: str) -> None:
    """Raise ``UsageError`` for an unknown key or a value of another type.

    Lists are checked to be lists only; their items are the caller's to check.
    """
    for key, value in table.items():
        if key not in allowed:
            raise UsageError(
                "config.unknown_key", subject, key=key, near=nearest(key, list(allowed))
            )
        expected = allowed[key]
        kinds = expected if isinstance(expected, tuple) else (expected,)
        # bool is an int to Python, but `limit = true` is a slip.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            words = " / ".join(_WORDS.get(kind, kind.__name__) for kind in kinds)
            raise UsageError(
                "config.bad_value", subject, key=key, value=repr(value), expected=words
            )


def texts(table: Mapping[str, Any], key: str, subject: str) -> tuple[str, ...]:
    """Return a list of texts, ``()`` when the key is absent."""
    values = table.get(key, [])
    for value in values:
        if not isinstance(value, str):
            raise UsageError(
                "config.bad_value", subject, key=key, value=repr(value), expected="a list of texts"
            )
    return tuple(values)


class Setting(NamedTuple):
    """One row of the settings table."""

    name: str
    default: int | str
    why: str


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "max_record_bytes",
        32 * 1024 * 1024,
        "larger records are listed by digest, size and origin, and their bytes are not kept",
    ),
    Setting(
        "max_warc_bytes",
        256 * 1024 * 1024,
        "a capture file that has reached this size is closed and the next one begun",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one archive, from its ``shilu.toml``."""

    max_record_bytes: int = 32 * 1024 * 1024
    max_warc_bytes: int = 256 * 1024 * 1024


def parse_settings(text: str, subject: str) -> Settings:
    """Read ``shilu.toml``; absent settings take their default."""
    table = parse_toml(text, subject)
    check_table(table, {row.name: type(row.default) for row in SETTINGS} | {"format": int}, subject)
    chosen = {name: value for name, value in table.items() if name != "format"}
    for name, value in chosen.items():
        if isinstance(value, int) and value <= 0:
            raise UsageError("config.bad_value", subject, key=name, value=value, expected="> 0")
    return Settings(**chosen)


def default_settings_text(archive_format: int) -> str:
    """Return the ``shilu.toml`` of a new archive: every setting, commented out, with its reason."""
    lines = [
        "# The settings of this archive. Lines that begin with # show the defaults.",
        f"format = {archive_format}",
    ]
    for row in SETTINGS:
        lines += ["", f"# {row.why}", f"# {row.name} = {row.default!r}"]
    return "\n".join(lines) + "\n"
