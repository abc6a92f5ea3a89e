"""The tables of names beside this module, as values.

They are tab-separated: a comment line that says what the table is and where it comes from, a line
with the names of the columns, then one row a thing; several names in a cell are joined by "|".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

CITY_COLUMNS = ("hans", "hant", "latin", "country")

_ALPHA_3 = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class City:
    """A city, or a territory that stands in datelines as one, under all its names."""

    hans: tuple[str, ...]  # in simplified characters; the mainland's name first
    hant: tuple[str, ...]  # in traditional characters; Taiwan's name first where it is another
    latin: tuple[str, ...]
    country: str  # ISO 3166-1 alpha-3


@cache
def cities() -> tuple[City, ...]:
    """Return all cities in the order of the table."""
    name = "cities.tsv"
    return parse_cities(files(__package__).joinpath(name).read_text("utf-8"), name)


@cache
def city_names() -> frozenset[str]:
    """Return every name of every city in all scripts, as written in the table.

    >>> {"华盛顿", "華府", "Washington"} <= city_names()
    True
    """
    return frozenset(name for city in cities() for name in (*city.hans, *city.hant, *city.latin))


@cache
def country_names() -> frozenset[str]:
    """Return the Chinese names of countries and territories, in both scripts (Unicode CLDR).

    >>> {"韩国", "南韓", "法國"} <= country_names()
    True
    """
    from babel import Locale

    return frozenset(
        name
        for tag in ("zh_Hans", "zh_Hans_HK", "zh_Hant", "zh_Hant_HK")
        for name in Locale.parse(tag).territories.values()
    )


def parse_cities(text: str, subject: str) -> tuple[City, ...]:
    """Read a table of cities; raise ``ValueError`` naming file, line and what is wrong."""
    found = []
    for where, cells in _rows(text, CITY_COLUMNS, subject):
        hans, hant, latin, country = cells
        if not _ALPHA_3.fullmatch(country):
            raise ValueError(f"{where}: country is {country!r}, not three capital letters")
        found.append(
            City(
                hans=_names(hans, "hans", where),
                hant=_names(hant, "hant", where),
                latin=_names(latin, "latin", where),
                country=country,
            )
        )
    return tuple(found)


def _rows(text: str, columns: tuple[str, ...], subject: str) -> list[tuple[str, list[str]]]:
    """Return the rows below the two heading lines, each with its file and line for messages."""
    lines = text.removesuffix("\n").split("\n")
    if not lines[0].startswith("# "):
        raise ValueError(f"{subject}:1: no comment line that says what the table is")
    header = "\t".join(columns)
    if len(lines) < 2 or lines[1] != header:
        raise ValueError(f"{subject}:2: the header is not {header!r}")
    found = []
    for number, line in enumerate(lines[2:], 3):
        where = f"{subject}:{number}"
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise ValueError(f"{where}: {len(cells)} columns, not {len(columns)}")
        found.append((where, cells))
    return found


def _names(cell: str, column: str, where: str) -> tuple[str, ...]:
    names = tuple(cell.split("|"))
    for name in names:
        if not name or name != name.strip():
            raise ValueError(f"{where}: {column} has an empty name or one with blanks: {cell!r}")
    if len(set(names)) != len(names):
        raise ValueError(f"{where}: {column} has a name twice: {cell!r}")
    return names
