"""Which outlet an address belongs to, how its articles are named, and what its pages look like.

``load_catalog()`` reads the TOML files beside this module and those in an archive's ``sources/``
folder (a file there replaces ours of the same id; one that holds only ``[[remove]]`` adds to what
we know). Adding an outlet is adding a file. For every other outlet a source is made from its host:
unknown is never an error.

The keys of a file are those in ``_TOP`` and the tables below; ``docs/sources.md`` explains them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shilu.config import Expected, check_table, parse_toml, texts
from shilu.errors import UsageError
from shilu.records import Entry, Source
from shilu.sources.literals import required_literals
from shilu.urls import canonical, host_of


def _holds_any(text: str, literals: tuple[str, ...]) -> bool:
    for literal in literals:  # noqa: SIM110 - asked for every rule and page: any() takes twice as long
        if literal in text:
            return True
    return False


@dataclass(frozen=True, slots=True)
class DateRule:
    """Where an outlet prints its time and in which form."""

    select: str  # CSS: elements that may hold it; the first that can be read counts
    form: str  # "iso", "rfc1123" or a strptime form; forms without an hour give a day only
    attribute: str | None = None  # read this attribute instead of the element's text
    zone: ZoneInfo | None = None  # of forms that print none; None: the source's


@dataclass(frozen=True, slots=True)
class RemoveRule:
    """What on an outlet's pages is not the article."""

    rule: str  # its name, "<source>.<what>"
    select: str  # CSS; "" for rules over lines
    line: re.Pattern[str] | None = None  # all of a line, whatever element it is in
    cut: re.Pattern[str] | None = None  # what of a line is cut off, at its start or end
    text: re.Pattern[str] | None = None  # only elements whose text this matches from its start
    max_chars: int | None = None  # only elements with no more text than this
    since: date | None = None  # the layout's period, by feed date
    until: date | None = None
    # Literals in lower case of which the visible text must hold one for text, line or cut.
    words: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()  # where select is a list of tag names: these names

    def holds_on(self, day: date | None) -> bool:
        """Tell whether *day* is in the layout's period."""
        return day is None or (
            (self.since is None or day >= self.since) and (self.until is None or day <= self.until)
        )

    def meets_line(self, text: str) -> bool:
        """Tell whether a line is what a rule over lines looks for."""
        return (
            self.line is not None
            and (self.max_chars is None or len(text) <= self.max_chars)
            and self.line.fullmatch(text) is not None
        )

    def may_cut(self, text: str) -> bool:
        """Tell cheaply whether there may be something to cut off a line."""
        return not self.words or _holds_any(text.lower(), self.words)

    def may_apply(self, html: str, text: str, day: date | None) -> bool:
        """Tell cheaply whether the rule can matter for a page on a day.

        *html* is the page, *text* what is visible of it, both in lower case.
        """
        return (not self.select or bool(narrowed(self.select, html, html, None))) and self.may_mean(
            text, day
        )

    def may_mean(self, text: str, day: date | None) -> bool:
        """Tell cheaply whether its patterns can match in a text on a day, whatever is selected."""
        return (not self.words or _holds_any(text, self.words)) and self.holds_on(day)


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed an outlet offers."""

    url: str
    verified: bool  # False: taken from the outlet's pages, not tried from here


@dataclass(frozen=True)
class SourceRules:
    """A source and all that is known of its pages."""

    source: Source
    key_patterns: tuple[re.Pattern[str], ...] = ()
    file_id_complement: int | None = None
    title_suffixes: tuple[str, ...] = ()
    dates: tuple[DateRule, ...] = ()
    title_prefixes: tuple[str, ...] = ()  # what the outlet's system puts before titles
    columns: tuple[str, ...] = ()  # series that titles name at their end, after a dash
    section: re.Pattern[str] | None = None  # in the URL, percent-decoded; its first group
    authors: tuple[str, ...] = ()  # CSS of elements that name the authors
    cards: tuple[str, ...] = ()  # CSS of boxes with lines 作者：…, 来源：…
    lead_authors: bool = False  # the authors stand before the colon of the first line
    subtitle: tuple[str, ...] = ()  # CSS of elements that hold it
    captions: tuple[str, ...] = ()  # CSS of elements that hold one where they stand below a picture
    remove: tuple[RemoveRule, ...] = ()
    feeds: tuple[Feed, ...] = ()

    @cached_property
    def over_lines(self) -> tuple[RemoveRule, ...]:
        """The rules that look at lines, not at elements."""
        return tuple(rule for rule in self.remove if not rule.select)

    def key(self, entry: Entry) -> str:
        """Return the article key: the outlet's own stable id, else the canonical URL.

        The entry's URL must be a web address. Groups of a key pattern are joined by "/", so that
        ``zhongwen/(?P<a>simp)/(?P<b>world-1)`` gives ``simp/world-1``.
        """
        url = canonical(entry.url)
        for pattern in self.key_patterns:
            match = pattern.search(url)
            if match:
                return "/".join(group for group in match.groups() if group)
        # The mirror numbered this outlet's items downwards from the complement (0: no number).
        if self.file_id_complement and entry.file_id:
            return str(self.file_id_complement - entry.file_id)
        return url


_TOP: Mapping[str, Expected] = MappingProxyType(
    {
        "id": str, "names": dict, "hosts": list, "time_zone": str, "languages": list,
        "folders": list, "key": dict, "title_suffixes": list, "title_prefixes": list,
        "columns": list, "section": dict, "cards": list, "lead_authors": bool, "dates": list,
        "authors": list, "subtitle": list, "captions": list, "remove": list, "feeds": list,
    }
)  # fmt: skip
_KEY: Mapping[str, Expected] = {"patterns": list, "file_id_complement": int}
_SECTION: Mapping[str, Expected] = {"pattern": str}
_DATE: Mapping[str, Expected] = {"select": str, "form": str, "attribute": str, "zone": str}
_REMOVE: Mapping[str, Expected] = {
    "rule": str, "select": str, "text": str, "line": str, "cut": str, "max_chars": int,
    "since": date, "until": date,
}  # fmt: skip
_FEED: Mapping[str, Expected] = {"url": str, "verified": bool}

_MAX_CHARS = 2000  # of rules with a text that name no other: labels and notices are short


def parse_source(text: str, subject: str) -> SourceRules:
    """Read one outlet's TOML; raise ``UsageError`` naming the key that is wrong."""
    table = parse_toml(text, subject)
    check_table(table, _TOP, subject)
    _require(table, ("id", "names", "hosts", "time_zone", "languages"), subject)
    source = Source(
        id=table["id"],
        names=MappingProxyType(dict(table["names"])),
        hosts=texts(table, "hosts", subject),
        time_zone=_zone(table["time_zone"], "time_zone", subject).key,
        languages=texts(table, "languages", subject),
        folders=texts(table, "folders", subject),
    )
    key = table.get("key", {})
    check_table(key, _KEY, f"{subject} [key]")
    section = table.get("section", {})
    check_table(section, _SECTION, f"{subject} [section]")
    return SourceRules(
        source=source,
        key_patterns=tuple(
            _pattern(pattern, "patterns", subject) for pattern in texts(key, "patterns", subject)
        ),
        file_id_complement=key.get("file_id_complement"),
        title_suffixes=texts(table, "title_suffixes", subject),
        title_prefixes=texts(table, "title_prefixes", subject),
        columns=texts(table, "columns", subject),
        section=_pattern(section["pattern"], "pattern", subject) if section else None,
        dates=tuple(_date_rules(table.get("dates", []), subject)),
        authors=tuple(
            _selector(select, "authors", subject) for select in texts(table, "authors", subject)
        ),
        cards=tuple(
            _selector(select, "cards", subject) for select in texts(table, "cards", subject)
        ),
        lead_authors=table.get("lead_authors", False),
        captions=tuple(
            _selector(select, "captions", subject) for select in texts(table, "captions", subject)
        ),
        subtitle=tuple(
            _selector(select, "subtitle", subject) for select in texts(table, "subtitle", subject)
        ),
        remove=tuple(parse_remove_rules(table.get("remove", []), source.id, subject)),
        feeds=tuple(_feeds(table.get("feeds", []), subject)),
    )


def _tables(
    rows: Iterable[Any], allowed: Mapping[str, Expected], required: Iterable[str], subject: str
) -> Iterator[Any]:
    for number, row in enumerate(rows, 1):
        where = f"{subject} #{number}"
        if not isinstance(row, dict):
            raise UsageError("config.bad_value", where, key="", value=repr(row), expected="a table")
        check_table(row, allowed, where)
        _require(row, required, where)
        yield row


def _require(table: Mapping[str, Any], keys: Iterable[str], subject: str) -> None:
    for key in keys:
        if key not in table:
            raise UsageError(
                "config.bad_value", subject, key=key, value="absent", expected="a value"
            )


def _zone(name: str, key: str, subject: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise UsageError(
            "config.bad_value", subject, key=key, value=name, expected="an IANA time zone"
        ) from None


def _pattern(text: str, key: str, subject: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(
            "config.bad_value", subject, key=key, value=text, expected=f"a pattern ({error})"
        ) from None


def _date_rules(rows: Iterable[Any], subject: str) -> Iterator[DateRule]:
    for row in _tables(rows, _DATE, ("select", "form"), f"{subject} [[dates]]"):
        zone = _zone(row["zone"], "zone", subject) if "zone" in row else None
        select = _selector(row["select"], "select", subject)
        if row["form"] not in ("iso", "rfc1123") and "%" not in row["form"]:
            raise UsageError(
                "config.bad_value", subject, key="form", value=row["form"],
                expected='"iso", "rfc1123" or a strptime form',
            )  # fmt: skip
        yield DateRule(select, row["form"], row.get("attribute"), zone)


def parse_remove_rules(rows: Iterable[Any], owner: str, subject: str) -> Iterator[RemoveRule]:
    """Read ``[[remove]]`` tables; rule names get the owner's id in front."""
    for row in _tables(rows, _REMOVE, ("rule",), f"{subject} [[remove]]"):
        kinds = [key for key in ("select", "line", "cut") if key in row]
        if len(kinds) != 1 or ("text" in row and kinds != ["select"]):
            raise UsageError(
                "config.bad_value", f"{subject} [[remove]]", key="select",
                value=", ".join(kinds) or "absent",
                expected="one of select (with text or without), line, cut",
            )  # fmt: skip
        if not _RULE_NAME.fullmatch(row["rule"]):
            raise UsageError(
                "config.bad_value", f"{subject} [[remove]]", key="rule", value=row["rule"],
                expected="a name of letters, digits, - and _",
            )  # fmt: skip
        select = _selector(row.get("select", ""), "select", subject) if "select" in row else ""
        names = {name.strip() for name in select.split(",")}
        patterns = {
            key: _pattern(row[key], key, subject) for key in ("text", "line", "cut") if key in row
        }
        yield RemoveRule(
            rule=f"{owner}.{row['rule']}",
            select=select,
            text=patterns.get("text"),
            line=patterns.get("line"),
            cut=patterns.get("cut"),
            words=next((required_literals(pattern) for pattern in patterns.values()), ()),
            max_chars=row.get("max_chars", None if "text" not in row else _MAX_CHARS),
            since=row.get("since"),
            until=row.get("until"),
            tags=frozenset(names)
            if select and all(map(_TAG_NAME.fullmatch, names))
            else frozenset(),
        )


_RULE_NAME = re.compile(r"[\w-]+")  # the archive joins names by blanks
_TAG_NAME = re.compile(r"[a-z][a-z0-9]*")
# The parser makes these where a page leaves their tags out.
_IMPLIED_TAGS = frozenset({"html", "head", "body", "tbody", "tr", "colgroup"})


def _selector(select: str, key: str, subject: str) -> str:
    """Return a CSS selector the parser understands; raise ``UsageError`` for others."""
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        LexborHTMLParser("").css(select)
    except SelectolaxError:
        raise UsageError(
            "config.bad_value", subject, key=key, value=select, expected="a CSS selector"
        ) from None
    return select


def narrowed(select: str, html: str, ascii_html: str, tags: Set[str] | None) -> str:
    """Return what of a CSS selector can match anything in a page, "" for nothing.

    The cheap test before the dear one. *html* is the page, *ascii_html* the same in lower case,
    at best without all that is not ASCII; *tags* are the names of its tags, None where not known.

    >>> narrowed(".share-box, a[href*='x.com/intent']", "", "<p class=share-box>", None)
    '.share-box'
    """
    needs = _needs(select)
    if tags is not None and needs.subjects and needs.subjects.isdisjoint(tags):
        return ""
    if not needs.hints:
        return select
    page = ascii_html if needs.is_ascii else html.lower()
    if needs.attributes and not _holds_any(page, needs.attributes):
        return ""
    if needs.alternatives:
        return ", ".join([one for hint, one in needs.alternatives if hint in page])
    return select if _holds_any(page, needs.hints) else ""


@dataclass(frozen=True, slots=True)
class _Needs:
    """What a page must hold for a CSS selector to match anything in it."""

    hints: tuple[str, ...]  # one of these literals, looked for in lower case; () where none is told
    is_ascii: bool  # whether the hints are
    attributes: tuple[str, ...]  # where every hint belongs to an attribute: one of these names
    # Where select is a list of selectors without brackets: each with its hint.
    alternatives: tuple[tuple[str, str], ...]
    subjects: frozenset[str]  # one of these tags has every element that is matched; or not told


@cache
def _needs(select: str) -> _Needs:
    hints = _hints(select)
    alternatives = [one.strip() for one in select.split(",")]
    values = re.findall(r"\"[^\"]*\"|'[^']*'", select)
    is_list = len(alternatives) > 1 and "(" not in select and "," not in "".join(values)
    return _Needs(
        hints=tuple(dict.fromkeys(hints)),
        is_ascii="".join(hints).isascii(),
        attributes=_attributes(select),
        alternatives=tuple(zip(hints, alternatives, strict=True)) if is_list and hints else (),
        subjects=_subjects(select),
    )


def _hints(select: str) -> list[str]:
    """Return literals of which a page must hold one for the CSS selector to match anything.

    One from each comma-separated alternative, in lower case: the longest class, id or attribute
    value, else an attribute's name, else the tag. When an alternative gives none, the selector is
    tried on every page.
    """
    hints = []
    for alternative in re.sub(r":not\([^)]*\)", "", select).split(","):
        found = [word for groups in _HINT.findall(alternative) if len(word := max(groups)) > 2]
        names = re.findall(r"\[([\w-]{3,})", alternative)
        tag = _LAST_TAG.search(alternative)
        if found or names:
            hints.append(max(found or names, key=len).lower())
        elif tag and tag[1] not in _IMPLIED_TAGS:
            hints.append(f"<{tag[1]}")
        else:
            return []
    return hints


# A class or id, a quoted value, a bare one. Names of attributes stand on most pages.
_HINT = re.compile(r"[.#]([\w-]+)|[\"']([^\"']*)[\"']|=([\w-]+)")
_LAST_TAG = re.compile(r"(?:^|[\s>+~])([a-z][a-z0-9]*)[^\s>+~]*\s*$")


def _attributes(select: str) -> tuple[str, ...]:
    """Return names of attributes of which an element that a CSS selector matches has one.

    () where one of its alternatives asks for none. Many items of feeds have not a single class.

    >>> _attributes(".share-box, [role=navigation]"), _attributes(".share-box, nav")
    (('class', 'role'), ())
    """
    if "(" in select:
        return ()
    found = [_ATTRIBUTE.search(alternative) for alternative in select.split(",")]
    names = {".": "class", "#": "id"}
    if not all(found):
        return ()
    return tuple(dict.fromkeys(names.get(one[0], one[1]) for one in found if one))


_ATTRIBUTE = re.compile(r"[.#]|\[([a-z-]+)")


def _subjects(select: str) -> frozenset[str]:
    """Return tag names of which every element a CSS selector matches has one.

    Empty where one of its alternatives does not end in a tag.

    >>> sorted(_subjects("div:has(> a, > b) > i:only-child, time[datetime]")), _subjects("p, .box")
    (['i', 'time'], frozenset())
    """
    bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", select)
    while (shorter := re.sub(r"\([^()]*\)|\[[^]]*\]", "", bare)) != bare:
        bare = shorter
    last = (re.split(r"[\s>+~]", one.strip())[-1] for one in bare.split(","))
    tags = {re.split("[.#:]", name)[0] for name in last}
    return frozenset(tags) if all(map(_TAG_NAME.fullmatch, tags)) else frozenset()


def _feeds(rows: Iterable[Any], subject: str) -> Iterator[Feed]:
    for row in _tables(rows, _FEED, ("url",), f"{subject} [[feeds]]"):
        yield Feed(row["url"], row.get("verified", False))


@dataclass(frozen=True)
class Catalog:
    """Every declared outlet, and the means to make a source for any other."""

    rules: Mapping[str, SourceRules]
    digest: str  # over the text of every file
    digests: Mapping[str, str]  # over each source's own: a part of the extractor's digest
    _by_host: Mapping[str, tuple[tuple[str, str], ...]] = field(repr=False)
    _by_folder: Mapping[str, str] = field(repr=False)

    def digest_of(self, source_id: str) -> str:
        """Return the digest of a source's rules; "" for one nobody declared."""
        return self.digests.get(source_id, "")

    def for_url(self, url: str) -> SourceRules:
        """Return the outlet of a web address; one is made from the host when none is declared.

        >>> load_catalog().for_url("https://www.dw.com/zh/a-1").source.id
        'dw'
        """
        host, path = host_of(url), urlsplit(url).path
        if "//" in path:
            path = re.sub(r"/{2,}", "/", path)
        # cn.reuters.com is declared, mobile.cn.reuters.com is the same outlet
        for index in range(max(1, host.count("."))):
            for prefix, source_id in self._by_host.get(host.split(".", index)[-1], ()):
                # /zh is the prefix of /zh and /zh/a-1, not of /zhuanti
                if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                    return self.rules[source_id]
        return self.get(host)

    def for_folder(self, folder: str | None) -> SourceRules | None:
        """Return the outlet a mirror's folder name stands for, ignoring case."""
        source_id = self._by_folder.get((folder or "").casefold())
        return self.rules[source_id] if source_id else None

    def get(self, source_id: str) -> SourceRules:
        """Return the outlet with this id, declared or made from its host."""
        return self.rules.get(source_id) or undeclared(source_id)


def undeclared(host: str) -> SourceRules:
    """Make the source of an outlet nobody declared."""
    return SourceRules(
        Source(
            id=host,
            names=MappingProxyType({"en": host}),
            hosts=(host,),
            time_zone="UTC",
            languages=(),
            declared=False,
        )
    )


def load_catalog(extra: Path | None = None) -> Catalog:
    """Read the packaged outlets and those in the folder *extra*, which win over ours."""
    found: dict[str, list[str]] = {}  # name of the file: texts, the later ones add to the first
    packaged = sorted(
        (entry for entry in files(__package__).iterdir() if entry.name.endswith(".toml")),
        key=lambda entry: entry.name,
    )
    for entry in packaged:
        found[entry.name] = [entry.read_text("utf-8")]
    if extra is not None and extra.is_dir():
        for path in sorted(extra.glob("*.toml")):
            text = path.read_text("utf-8")
            ours = found.get(path.name, [""])
            found[path.name] = [*ours, text] if _is_addition(text, path.name) else [text]
    rules: dict[str, SourceRules] = {}
    digests: dict[str, str] = {}
    for name, (first, *additions) in sorted(found.items()):
        if first or not additions:
            parsed = parse_source(first, f"sources/{name}")
        else:
            parsed = undeclared(name.removesuffix(".toml"))
        for text in additions:
            parsed = _with_addition(parsed, text, f"sources/{name}")
        if f"{parsed.source.id}.toml" != name:
            raise UsageError(
                "config.bad_value", f"sources/{name}", key="id", value=parsed.source.id,
                expected=name.removesuffix(".toml"),
            )  # fmt: skip
        rules[parsed.source.id] = parsed
        whole = "\0".join((name, first, *additions))
        digests[parsed.source.id] = hashlib.sha256(whole.encode()).hexdigest()
    return build_catalog(rules, digests)


def _is_addition(text: str, name: str) -> bool:
    """Tell whether an archive's file only adds rules to what we know: an id and ``[[remove]]``."""
    return set(parse_toml(text, f"sources/{name}")) == {"id", "remove"}


def _with_addition(rules: SourceRules, text: str, subject: str) -> SourceRules:
    table = parse_toml(text, subject)
    if table["id"] != rules.source.id:
        raise UsageError(
            "config.bad_value", subject, key="id", value=table["id"], expected=rules.source.id
        )
    check_table(table, _TOP, subject)
    added = tuple(parse_remove_rules(table["remove"], rules.source.id, subject))
    return replace(rules, remove=(*rules.remove, *added))


def build_catalog(rules: Mapping[str, SourceRules], digests: Mapping[str, str]) -> Catalog:
    """Index outlets by host and folder."""
    digest = hashlib.sha256("\0".join(digests[one] for one in sorted(digests)).encode()).hexdigest()
    by_host: dict[str, list[tuple[str, str]]] = {}
    by_folder: dict[str, str] = {}
    for source_id, rule in rules.items():
        if not rule.source.declared:
            continue  # known by its host alone: those below it are sources of their own
        for host in rule.source.hosts:
            name, slash, prefix = host.partition("/")
            by_host.setdefault(name.removeprefix("www."), []).append((slash + prefix, source_id))
        for folder in (source_id, *rule.source.folders):
            by_folder[folder.casefold()] = source_id
    ordered = {
        host: tuple(sorted(rows, key=lambda row: -len(row[0]))) for host, rows in by_host.items()
    }
    return Catalog(
        MappingProxyType(dict(rules)), digest, MappingProxyType(dict(digests)), ordered, by_folder
    )
