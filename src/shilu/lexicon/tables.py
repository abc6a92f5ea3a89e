"""The tables of names beside this module, as values.

They are tab-separated: a comment line that says what the table is and where it comes from, a line
with the names of the columns, then one row a thing; several names in a cell are joined by "|".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

CITY_COLUMNS = ("hans", "hant", "latin", "country")
NAME_COLUMNS = ("id", "cn", "tw", "hk", "other", "latin", "country", "shared")
INSIDE_COLUMNS = ("hans", "hant", "inside")

_ALPHA_3 = re.compile(r"[A-Z]{3}")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class City:
    """A city, or a territory that stands in datelines as one, under all its names."""

    hans: tuple[str, ...]  # in simplified characters; the mainland's name first
    hant: tuple[str, ...]  # in traditional characters; Taiwan's name first where it is another
    latin: tuple[str, ...]
    country: str  # ISO 3166-1 alpha-3


@dataclass(frozen=True, slots=True)
class Name:
    """Someone or something in the news under all its names, by where each is in use."""

    id: str  # a lower-case ASCII slug, once in its table
    cn: tuple[str, ...]  # in simplified characters; the usual short name first, full ones after
    tw: tuple[str, ...]  # Taiwan's names, in traditional characters
    hk: tuple[str, ...]  # Hong Kong's, in traditional characters, where they are others
    other: tuple[str, ...]  # Singapore's, Malaysia's and single outlets' names, in either script
    latin: tuple[str, ...]  # the full name first; a surname alone only where all know who is meant
    country: str  # ISO 3166-1 alpha-3; empty for what belongs to no country
    shared: bool  # a form of the row is also the name of someone or something else

    @property
    def forms(self) -> tuple[str, ...]:
        """All forms of the row, each once.

        >>> next(row for row in places() if "朝鲜" in row.cn).forms
        ('朝鲜', '北韓', '北朝鮮', '北韩', '北朝鲜', 'North Korea', 'DPRK')
        """
        every = (*self.cn, *self.tw, *self.hk, *self.other, *self.latin)
        return tuple(dict.fromkeys(every))


@cache
def cities() -> tuple[City, ...]:
    """Return all cities in the order of the table."""
    name = "cities.tsv"
    return parse_cities(files(__package__).joinpath(name).read_text("utf-8"), name)


@cache
def persons() -> tuple[Name, ...]:
    """Return the public figures in the order of the table."""
    return _table("persons.tsv", country_required=True)


@cache
def organisations() -> tuple[Name, ...]:
    """Return international bodies, agencies, parties, armed groups and companies."""
    return _table("organisations.tsv")


@cache
def places() -> tuple[Name, ...]:
    """Return countries, regions and seas; cities stand in their own table."""
    return _table("places.tsv")


@cache
def inside() -> frozenset[str]:
    """Return the names that also stand inside other words, as 罗斯 stands in 俄罗斯.

    >>> {"罗斯", "羅斯", "高通"} <= inside()
    True
    """
    name = "inside.tsv"
    return parse_inside(files(__package__).joinpath(name).read_text("utf-8"), name)


@cache
def variants(fold: Callable[[str], str] = str) -> Mapping[str, tuple[str, ...]]:
    """Return for every form of all tables, as written, the other forms of its row.

    Nothing leads from one row to another: a form that stands in several rows has no variants and
    is nobody's variant, unless these rows have all their forms in common. What stands inside other
    words has variants but is nobody's: whoever looks for Wilbur Ross does not want all of 俄罗斯.
    A city that has its country's name (突尼斯) leaves it to the country.

    ``fold`` says when two forms are the same to whoever looks them up: a search that does not tell
    the scripts apart passes its own folding, and 李強 of one row is then 李强 of another.

    >>> variants()["川普"][0]
    '特朗普'
    >>> variants()["布什"]
    ()
    """
    rows = [row.forms for table in (persons(), organisations(), places()) for row in table]
    countries = {(row.country, form) for row in places() for form in row.forms}
    for city in cities():
        forms = dict.fromkeys((*city.hans, *city.hant, *city.latin))
        rows.append(tuple(form for form in forms if (city.country, form) not in countries))
    return join(rows, inside(), fold)


def join(
    rows: Iterable[tuple[str, ...]],
    within: Iterable[str] = (),
    fold: Callable[[str], str] = str,
) -> dict[str, tuple[str, ...]]:
    """Return for every form of *rows* its variants; those *within* words are nobody's."""
    folded = [(forms, tuple(map(fold, forms))) for forms in rows]
    owners = defaultdict(set)
    for _, keys in folded:
        same = frozenset(keys)
        for key in same:
            owners[key].add(same)
    own = {key for key, sets in owners.items() if len(sets) == 1}
    offered = own - set(map(fold, within))
    found: dict[str, dict[str, None]] = {}
    for forms, keys in folded:
        named = [form for form, key in zip(forms, keys, strict=True) if key in offered]
        for form, key in zip(forms, keys, strict=True):
            others = found.setdefault(form, {})
            if key in own:
                others.update((other, None) for other in named if other != form)
    return {form: tuple(others) for form, others in found.items()}


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


def parse_names(text: str, subject: str, *, country_required: bool = False) -> tuple[Name, ...]:
    """Read a table of names; raise ``ValueError`` naming file, line and what is wrong."""
    found: dict[str, Name] = {}
    for where, cells in _rows(text, NAME_COLUMNS, subject):
        key, cn, tw, hk, other, latin, country, shared = cells
        if not _SLUG.fullmatch(key):
            raise ValueError(f"{where}: id is {key!r}, not lower-case words joined by hyphens")
        if key in found:
            raise ValueError(f"{where}: the id {key!r} stands twice")
        if (country or country_required) and not _ALPHA_3.fullmatch(country):
            raise ValueError(f"{where}: country is {country!r}, not three capital letters")
        if shared not in ("", "yes"):
            raise ValueError(f"{where}: shared is {shared!r}, neither 'yes' nor empty")
        found[key] = Name(
            id=key,
            cn=_names(cn, "cn", where),
            tw=_names(tw, "tw", where),
            hk=_names(hk, "hk", where) if hk else (),
            other=_names(other, "other", where) if other else (),
            latin=_names(latin, "latin", where),
            country=country,
            shared=shared == "yes",
        )
    return tuple(found.values())


def parse_inside(text: str, subject: str) -> frozenset[str]:
    """Read the table of names inside words; raise ``ValueError`` naming file and line."""
    found: set[str] = set()
    for where, (hans, hant, word) in _rows(text, INSIDE_COLUMNS, subject):
        if hans not in word or hans == word or not hant:
            raise ValueError(f"{where}: {hans!r} does not stand inside {word!r}")
        if hans in found:
            raise ValueError(f"{where}: {hans!r} stands twice")
        found |= {hans, hant}
    return frozenset(found)


def _table(name: str, *, country_required: bool = False) -> tuple[Name, ...]:
    text = files(__package__).joinpath(name).read_text("utf-8")
    return parse_names(text, name, country_required=country_required)


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
