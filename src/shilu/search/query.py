"""The query language: what a reader types, as a tree.

::

    普京 北京                    both words, anywhere
    "普京访华"                   exactly this; names are not expanded, words not stemmed
    普京 OR 泽连斯基, NOT 川普, -川普, (a OR b) c
    title:峰会  author:王文涛
    source:dw,rfi  lang:zh-Hant  has:image  versions:>1
    date:2024  date:2024-05..2024-11  date:>=2024-05-03  date:..2024年5月
    sort:date  sort:relevance

Reading never fails for what is typed wrongly: a slip gets the nearest sensible reading, ``notes``
say what was done about it, and ``read_as`` is the query as it was understood, in the one canonical
form, which reads back to the same tree. Only length, depth and number of terms are limited. The
time is linear in the length.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Literal, TypeAlias

from shilu.errors import UsageError
from shilu.records import Problem
from shilu.search.folding import fold_text
from shilu.search.tokens import pieces
from shilu.text import storable

MAX_LENGTH = 4_000  # characters: two pages; the longest headline seen has 200
MAX_DEPTH = 50  # nested parentheses
MAX_TERMS = 256
_GUESSES = 10  # at what fields misspelt are meant
_NEAR = 0.85  # of difflib: souce, athor, sources; not update or state for date
_NOTES = 20  # of the last ones none says the same twice

Place = Literal["title", "author"]
Order = Literal["relevance", "date"]


@dataclass(frozen=True, slots=True)
class Word:
    """What was typed without quotes: found in all its forms, a name under its other names too."""

    text: str
    place: Place | None = None  # None: anywhere in title and text


@dataclass(frozen=True, slots=True)
class Phrase:
    """What was typed in quotes: found as it stands."""

    text: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Articles of one outlet."""

    id: str


@dataclass(frozen=True, slots=True)
class Language:
    """Articles in a language; ``zh`` is Chinese in either script."""

    tag: str


@dataclass(frozen=True, slots=True)
class Dates:
    """Articles of the days from first to last, both included; None: no bound."""

    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class HasImage:
    """Articles with a picture."""


@dataclass(frozen=True, slots=True)
class Versions:
    """Articles with so many versions."""

    least: int
    most: int | None = None


@dataclass(frozen=True, slots=True)
class And:
    """All of these; two parts or more, none of them an And."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of these; two parts or more, none of them an Or."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """What this does not find; no Not within."""

    part: Node


@dataclass(frozen=True, slots=True)
class Everything:
    """All articles: an empty query, or one that only sorts."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No article: there was nothing in the query that could be searched."""


@dataclass(frozen=True, slots=True)
class Named:
    """Words that are a name, or hold one, and the same under its other names.

    Never typed and never read: ``variants.expand`` puts it in the place of words.
    """

    typed: Node  # Word, or an And of words
    forms: tuple[Phrase, ...]


Node: TypeAlias = (
    Word | Phrase | Source | Language | Dates | HasImage | Versions | And | Or | Not
    | Everything | Nothing | Named
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it was understood."""

    root: Node
    order: Order | None = None  # None: not said
    notes: tuple[Problem, ...] = ()  # what was read otherwise than it was typed

    @property
    def read_as(self) -> str:
        """The query in its canonical form; ``parse`` reads it back to the same tree."""
        said = canonical(self.root)
        if self.order is None:
            return said
        sort = f"sort:{self.order}"
        if isinstance(self.root, Everything):
            return sort
        return f"({said}) {sort}" if isinstance(self.root, Or) else f"{said} {sort}"


def canonical(node: Node) -> str:
    """Write a tree in the query language.

    >>> canonical(parse("普京 北京 or 川普 -source:DW").root)
    '普京 AND 北京 AND or AND 川普 AND NOT source:dw'
    """
    match node:
        case Word(text, place):
            return f"{place}:{text}" if place else text
        case Phrase(text, place):
            return f'{place}:"{text}"' if place else f'"{text}"'
        case Source(source):
            return f"source:{source}"
        case Language(tag):
            return f"lang:{tag}"
        case Dates(first, last):
            if first == last:
                return f"date:{first}"
            return f"date:{first or ''}..{last or ''}"
        case HasImage():
            return "has:image"
        case Versions(least, most):
            return f"versions:{least}" if least == most else f"versions:{least}..{most or ''}"
        case Not(part):
            return f"NOT {_within(part, And | Or)}"
        case And(parts):
            return " AND ".join(_within(part, Or) for part in parts)
        case Or(parts):
            return " OR ".join(_within(part, And) for part in parts)
        case Everything():
            return "*"
        case Nothing():
            return '""'
        case Named(typed):
            return canonical(typed)


def _within(node: Node, kinds: object) -> str:
    said = canonical(node)
    node = node.typed if isinstance(node, Named) else node
    return f"({said})" if isinstance(node, kinds) else said  # type: ignore[arg-type]


# ------------------------------------------------------------------------------ reading

_QUOTES = '"“”＂„‟'
_CLOSING = {**dict.fromkeys(_QUOTES, _QUOTES), "「": "」", "『": "』", "«": "»"}
_ENDS = re.escape("()（）" + "".join(_CLOSING))
_FIELD = r"[A-Za-z_]{2,16}|来源|來源|媒体|媒體|语言|語言|标题|標題|作者|日期|版本|排序"
_LEXEME = re.compile(
    rf"""
    (?P<blank>\s+)
    | (?P<open>[(（])
    | (?P<close>[)）])
    | (?P<operator>(?:AND|OR|NOT|&&?|\|\|?)(?=[\s{_ENDS}]|$))
    | (?P<minus>[-－](?=[^\s)）]))
    | (?P<field>(?:{_FIELD}))[:：]
    | (?P<quote>[{re.escape("".join(_CLOSING))}])
    | (?P<word>[^\s{_ENDS}]+)
    | (?P<stray>.)
    """,
    re.X | re.S,
)
_FIELDS = {
    "source": "source", "来源": "source", "來源": "source", "媒体": "source", "媒體": "source",
    "lang": "lang", "language": "lang", "语言": "lang", "語言": "lang",
    "title": "title", "标题": "title", "標題": "title",
    "author": "author", "by": "author", "作者": "author",
    "date": "date", "日期": "date",
    "has": "has", "versions": "versions", "version": "versions", "版本": "versions",
    "sort": "sort", "order": "sort", "排序": "sort",
}  # fmt: skip
_OPERATORS = {"&": "AND", "&&": "AND", "|": "OR", "||": "OR"}
_LANGUAGES = {
    "简体": "zh-Hans", "簡體": "zh-Hans", "zh-cn": "zh-Hans", "zh-sg": "zh-Hans", "hans": "zh-Hans",
    "繁体": "zh-Hant", "繁體": "zh-Hant", "正體": "zh-Hant", "zh-tw": "zh-Hant", "zh-hk": "zh-Hant",
    "hant": "zh-Hant", "中文": "zh", "英文": "en", "english": "en", "chinese": "zh",
}  # fmt: skip
_ORDERS: dict[str, Order] = {
    "date": "date", "time": "date", "newest": "date", "日期": "date", "时间": "date",
    "時間": "date", "relevance": "relevance", "score": "relevance", "best": "relevance",
    "相关": "relevance", "相關": "relevance",
}  # fmt: skip
_IMAGES = {"image", "images", "picture", "pictures", "photo", "photos", "图", "圖", "图片", "圖片"}


def parse(text: str) -> Query:
    """Read a query.

    Raises ``UsageError`` for one that is too long, too deep or has too many terms, and for nothing
    else.

    >>> parse("普京 (北京 OR 上海").read_as
    '普京 AND (北京 OR 上海)'
    >>> parse("source:dw date:2024-05..").read_as
    'source:dw AND date:2024-05-01..'
    """
    if len(text) > MAX_LENGTH:
        raise UsageError("query.too_long", _start(text), length=len(text), limit=MAX_LENGTH)
    return _Reading(storable(text).replace("\0", " ")).query()


@dataclass(frozen=True, slots=True)
class _Lexeme:
    kind: str  # open, close, operator, minus, field, phrase, word
    text: str


class _Reading:
    """One pass over a query."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._notes: list[Problem] = []
        self._order: Order | None = None
        self._terms = 0
        self._guesses = _GUESSES
        self._is_dropped = False  # whether something was there that cannot be searched
        self._lexemes = self._lexed()
        self._at = 0

    def query(self) -> Query:
        parts = []
        while self._at < len(self._lexemes):
            node = self._any(0, None)
            if node is not None:
                parts.append(node)
            if self._at < len(self._lexemes):  # a parenthesis that closes nothing
                self._note("query.parenthesis", ")")
                self._at += 1
        root = _joined(And, parts)
        if root is None:
            root = Nothing() if self._is_dropped else Everything()
        return Query(root, self._order, tuple(self._notes))

    # -------------------------------------------------------------------------- lexemes

    def _lexed(self) -> list[_Lexeme]:
        found = []
        at, text = 0, self._text
        while at < len(text):
            match = _LEXEME.match(text, at)
            assert match is not None
            kind = match.lastgroup or ""
            at = match.end()
            if kind == "quote":
                closing = _CLOSING[match[0]]
                end = next((i for i in range(at, len(text)) if text[i] in closing), None)
                if end is None:
                    self._note("query.quote", _start(text[at - 1 :]))
                    end = len(text)
                found.append(_Lexeme("phrase", _unquoted(text[at:end])))
                at = end + 1
            elif kind == "field":
                # Any word before a colon; most are none of ours (https://…, 习近平：…).
                field = self._field(match["field"], text[at : at + 1])
                if field is None:
                    rest = _WORD.match(text, match.start())
                    assert rest is not None
                    found.append(_Lexeme("word", rest[0]))
                    at = rest.end()
                else:
                    found.append(_Lexeme("field", field))
            elif kind not in ("blank", "stray"):
                found.append(_Lexeme(kind, _OPERATORS.get(match[0], match[0])))
        return found

    def _field(self, name: str, value: str) -> str | None:
        known = _FIELDS.get(name.lower())
        if known is None and len(name) > 3 and value.isalnum() and self._guesses:
            self._guesses -= 1
            near = get_close_matches(name.lower(), _FIELDS, 1, _NEAR)
            if near:
                known = _FIELDS[near[0]]
                self._note("query.field", f"{name}:", near=known)
        return known

    def _peek(self) -> _Lexeme | None:
        return self._lexemes[self._at] if self._at < len(self._lexemes) else None

    def _next_is(self, kind: str, text: str | None = None) -> bool:
        lexeme = self._peek()
        return lexeme is not None and lexeme.kind == kind and text in (None, lexeme.text)

    # -------------------------------------------------------------------------- the grammar

    def _any(self, depth: int, place: Place | None) -> Node | None:
        """any = all {OR all}."""
        parts = [self._all(depth, place)]
        while self._next_is("operator", "OR"):
            self._at += 1
            parts.append(self._all(depth, place))
        if len(parts) > 1 and any(part is None for part in parts):
            self._note("query.operator", "OR")
        return _joined(Or, [part for part in parts if part is not None])

    def _all(self, depth: int, place: Place | None) -> Node | None:
        """all = one {[AND] one}."""
        parts: list[Node] = []
        is_waiting = False  # an AND for its second part
        while (
            (lexeme := self._peek())
            and lexeme.kind != "close"
            and not self._next_is("operator", "OR")
        ):
            if self._next_is("operator", "AND"):
                if is_waiting or not parts:
                    self._note("query.operator", "AND")
                is_waiting = True
                self._at += 1
                continue
            node = self._one(depth, place)
            if node is not None:
                parts.append(node)
                is_waiting = False
        if is_waiting and parts:
            self._note("query.operator", "AND")
        return _joined(And, parts)

    def _one(self, depth: int, place: Place | None) -> Node | None:
        """one = {NOT} (group | field | phrase | word)."""
        is_not = False
        while self._next_is("operator", "NOT") or self._next_is("minus"):
            is_not = not is_not
            self._at += 1
        lexeme = self._peek()
        if lexeme is None or lexeme.kind in ("close", "operator"):
            self._note("query.operator", "NOT")
            return None
        self._at += 1
        node = self._group(lexeme, depth, place)
        if is_not and node is not None:
            return node.part if isinstance(node, Not) else Not(node)
        return node

    def _group(self, lexeme: _Lexeme, depth: int, place: Place | None) -> Node | None:
        if lexeme.kind == "open":
            if depth >= MAX_DEPTH:
                raise UsageError("query.too_deep", _start(self._text), limit=MAX_DEPTH)
            node = self._any(depth + 1, place)
            if self._next_is("close"):
                self._at += 1
            else:
                self._note("query.parenthesis", "(")
            return node
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise UsageError("query.too_many_terms", _start(self._text), limit=MAX_TERMS)
        if lexeme.kind == "field":
            return self._of_field(lexeme.text, depth)
        return self._words(lexeme, place)

    def _words(self, lexeme: _Lexeme, place: Place | None) -> Node | None:
        text = lexeme.text
        if lexeme.kind == "word" and text == "*":
            return Everything()
        if not any(pieces(fold_text(text))):
            self._note("query.nothing", lexeme.text or '""')
            self._is_dropped = True
            return None
        if lexeme.kind == "phrase":
            return Phrase(text, place)
        if "*" in text:
            self._note("query.wildcard", text)
        return Word(text, place)

    # -------------------------------------------------------------------------- fields

    def _of_field(self, field: str, depth: int) -> Node | None:
        lexeme = self._peek()
        if lexeme is None or lexeme.kind not in ("word", "phrase", "open"):
            self._note("query.value", f"{field}:", value="")
            return None
        self._at += 1
        if field in ("title", "author"):
            return self._group(lexeme, depth, "title" if field == "title" else "author")
        if lexeme.kind == "open":  # source:(dw OR rfi): any of the words within
            values = []
            while (inner := self._peek()) and inner.kind != "close":
                if inner.kind in ("word", "phrase"):
                    values.append(inner.text)
                self._at += 1
            self._at += 1
        else:
            values = re.split("[,，、]", lexeme.text) if field != "date" else [lexeme.text]
        read = getattr(self, f"_{field}")
        parts = [self._value(field, value.strip(), read) for value in values if value.strip()]
        self._terms += len(parts)
        if self._terms > MAX_TERMS:
            raise UsageError("query.too_many_terms", _start(self._text), limit=MAX_TERMS)
        return _joined(Or, [part for part in parts if part is not None])

    def _value(self, field: str, value: str, read: Callable[[str], Node | None]) -> Node | None:
        node = read(value)
        if node is None and field != "sort":
            self._note("query.value", f"{field}:{value}", value=value)
        return node

    def _source(self, value: str) -> Node | None:
        name = value.lower()
        return Source(name) if re.fullmatch(r"[\w.-]+", name) and name[0] != "-" else None

    def _lang(self, value: str) -> Node | None:
        tag = _LANGUAGES.get(value.lower(), value)
        language, _, script = tag.partition("-")
        if not re.fullmatch("[A-Za-z]{2,3}", language) or not re.fullmatch("[A-Za-z]*", script):
            return None
        return Language("-".join(filter(None, (language.lower(), script.capitalize()))))

    def _has(self, value: str) -> Node | None:
        return HasImage() if value.lower() in _IMAGES else None

    def _versions(self, value: str) -> Node | None:
        match = re.fullmatch(r"(>=|<=|>|<|=|≥|≤)?\s*([0-9]{1,6})(?:(\.\.)([0-9]{1,6})?)?", value)
        if match is None:
            return None
        sign, number = match[1] or "", int(match[2])
        if match[3]:
            most = int(match[4]) if match[4] else None
            return Versions(
                min(number, most or number), None if most is None else max(number, most)
            )
        match sign:
            case ">":
                return Versions(number + 1)
            case ">=" | "≥":
                return Versions(number)
            case "<":
                return Versions(0, max(0, number - 1))
            case "<=" | "≤":
                return Versions(0, number)
        return Versions(number, number)

    def _sort(self, value: str) -> Node | None:
        order = _ORDERS.get(value.lower())
        if order is None:
            self._note("query.value", f"sort:{value}", value=value)
        self._order = order or self._order
        return None

    def _date(self, value: str) -> Node | None:
        match = _RANGE.fullmatch(value)
        if match is None:
            return None
        sign, one, dots, other = match.groups()
        first, last = _days(one), _days(other)
        if (one and first is None) or (other and last is None) or not (one or other):
            return None
        if dots:
            if first and last and first[0] > last[1]:
                self._note("query.dates", value)
                first, last = last, first
            return Dates(first and first[0], last and last[1])
        assert first is not None
        match sign:
            case ">=" | "≥":
                return Dates(first[0], None)
            case "<=" | "≤":
                return Dates(None, first[1])
            case ">":
                return Dates(_next(first[1]), None)
            case "<":
                return Dates(None, _before(first[0]))
        return Dates(*first)

    def _note(self, code: str, subject: str, **details: str) -> None:
        if not any((note.code, note.subject) == (code, subject) for note in self._notes[-_NOTES:]):
            self._notes.append(Problem(code, subject, details))


_WORD = re.compile(rf"[^\s{_ENDS}]+")
_RANGE = re.compile(
    r"(>=|<=|>|<|=|≥|≤)?\s*([^.~～至到]*(?:\.[^.~～至到]+){0,2})(\.\.+|…|~|～|至|到)?(.*)", re.S
)
_DAY = re.compile(
    r"([12][0-9]{3})(?:\s*[-/.年]\s*([01]?[0-9])(?:\s*[-/.月]\s*([0-3]?[0-9])\s*日?)?\s*月?)?\s*年?"
    r"|([12][0-9]{3})([01][0-9])([0-3][0-9])?"
)


def _days(text: str | None) -> tuple[date, date] | None:
    """Return the first and last day of a year, a month or a day.

    >>> _days("2024年2月")
    (datetime.date(2024, 2, 1), datetime.date(2024, 2, 29))
    """
    match = _DAY.fullmatch((text or "").strip())
    if match is None:
        return None
    year, month, day = (
        int(part) if part else None
        for part in (match.groups()[:3] if match[1] else match.groups()[3:])
    )
    assert year is not None
    try:
        if month is None:
            return date(year, 1, 1), date(year, 12, 31)
        if day is None:
            return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
        return date(year, month, day), date(year, month, day)
    except (ValueError, calendar.IllegalMonthError):
        return None


def _next(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


def _before(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


def _unquoted(text: str) -> str:
    """Return what stands in quotes on one line and without quotes in it."""
    return " ".join("".join(" " if char in _QUOTES else char for char in text).split())


def _start(text: str) -> str:
    """Return the beginning of a query for a message."""
    return text if len(text) <= 40 else text[:40] + "…"


def _joined(kind: type[And] | type[Or], parts: list[Node]) -> Node | None:
    flat: list[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    if not flat:
        return None
    return flat[0] if len(flat) == 1 else kind(tuple(flat))
