"""The outlet's own time and byline as printed on the page.

A time is read only where it stands by itself or behind a label (发布时间：…), never out of a
sentence: in 会议于<time>5月1日</time>举行 it says when the meeting was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from zoneinfo import ZoneInfo

from selectolax.lexbor import LexborHTMLParser

from shilu.extraction.clean import LeftOut
from shilu.extraction.markup import Outline, Part
from shilu.records import Problem
from shilu.sources.catalog import DateRule, SourceRules, narrowed
from shilu.text import single_blanks


@dataclass(frozen=True, slots=True)
class Printed:
    """What the page says about when and by whom."""

    at: datetime | None = None
    on: date | None = None
    zone: str | None = None  # in which it is printed
    authors: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


# The generator of the full-text feeds puts author and time in one italic div before the text,
# whatever the outlet; the forms are unambiguous wherever they stand.
_GENERIC = (
    *(DateRule("div > i:only-child", form) for form in ("iso", "rfc1123", "%Y-%m-%d %H:%M:%S")),
    DateRule("time[datetime]", "iso", attribute="datetime"),
)

_MAX_BYLINE = 200  # characters; a longer element is prose
_CANDIDATES = 12  # elements looked at for one rule; times stand at the top of a page
_TOP = 300  # characters before which a feed's byline stands: nothing, or a caption
_LABEL = re.compile(
    r"(?:本文|首次|最后|最後)?(?:发布|發布|发表|發表|更新|修改|刊登|时间|時間|日期|"
    r"Published|Updated|Last updated|Posted|Date)(?:于|於|日期|时间|時間| on| at)?\s*[:：]?",
    re.I,
)
_AUTHOR_LABEL = re.compile(r"(?:作者|撰文|记者|記者|文)\s*[:：/]|By\b", re.I)


def find_byline(
    tree: LexborHTMLParser,
    outline: Outline,
    html: str,
    ascii_html: str,
    rules: SourceRules,
    left_out: LeftOut,
    subject: str,
) -> Printed:
    """Read the printed time by the outlet's rules, then by the generic ones.

    The elements it was read from are noted in *left_out*: they are no text. *html* is what the
    tree was made from, *ascii_html* the same in lower case and without all that is not ASCII.
    """
    unread: Problem | None = None
    zone = zone_info(rules.source.time_zone)
    found: dict[str, list[Part]] = {}
    for number, rule in enumerate((*rules.dates, *_GENERIC)):
        is_own = number < len(rules.dates)
        if rule.select not in found:
            select = narrowed(rule.select, html, ascii_html, outline.tags)
            found[rule.select] = _candidates(tree, outline, select)
        for part in found[rule.select]:
            beside = outline.beside(part)
            if beside is None or (beside and not _LABEL.fullmatch(beside)):
                continue
            if not is_own and rule.attribute is None and part.start > _TOP:
                continue
            lines = _lines(part, outline, rule)
            if not lines:
                continue
            when = parse_time(lines[-1], rule.form, rule.zone or zone)
            if when is None:
                if is_own and rule.select.startswith("time"):
                    details = {"text": lines[-1][:80], "source": rules.source.id}
                    unread = Problem("date.unreadable", subject, details)
                continue
            if not beside:
                left_out[part.index] = f"{rules.source.id}.date"
            byline = () if rule.attribute else tuple(lines[:-1])
            authors = tuple(name for line in byline for name in author_names(line))
            printed_in = _zone_name(lines[-1], rule.form) or (rule.zone or zone).key
            if isinstance(when, datetime):
                return Printed(when, when.astimezone(zone).date(), printed_in, authors)
            return Printed(None, when, printed_in, authors)
    return Printed(problems=(unread,) if unread else ())


def _zone_name(text: str, form: str) -> str | None:
    """Return UTC where the time says so itself; other offsets name no zone."""
    if form in ("iso", "rfc1123") and _UTC.search(text):
        return "UTC"
    return None


_UTC = re.compile(r"(?:Z|GMT|UTC|[+-]00:?00)$")


def _candidates(tree: LexborHTMLParser, outline: Outline, select: str) -> list[Part]:
    nodes = tree.css(select)[:_CANDIDATES] if select else ()
    return [part for node in nodes if (part := outline.find(node)) is not None]


def _lines(part: Part, outline: Outline, rule: DateRule) -> list[str]:
    if rule.attribute:
        value = single_blanks(part.attributes.get(rule.attribute) or "")
        return [value] if value else []
    return [] if part.stop - part.start > _MAX_BYLINE else outline.lines(part)


@cache
def zone_info(name: str) -> ZoneInfo:
    """Return the time zone; kept, since making one costs more than reading a byline."""
    return ZoneInfo(name)


def parse_time(text: str, form: str, zone: ZoneInfo) -> datetime | date | None:
    """Read a printed time in a declared form, to the millisecond; None when it does not fit.

    An instant is UTC; *zone* is that of times that print none.

    >>> parse_time("18/08/2023 - 11:59", "%d/%m/%Y - %H:%M", ZoneInfo("Europe/Paris")).isoformat()
    '2023-08-18T09:59:00+00:00'
    """
    if len(text) > 64:
        return None
    when: datetime | date
    try:
        if form == "iso":
            if not _ISO.match(text):
                return None
            when = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
        elif form == "rfc1123":
            when = parsedate_to_datetime(text)
        elif "%d" in form and not _DIGIT.search(text):  # to let strptime fail is dear
            return None
        else:
            when = datetime.strptime(text, form)
            if not any(mark in form for mark in ("%H", "%I", "%X", "%c")):
                when = when.date()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if not 1990 <= when.year <= 2100:
        return None
    if not isinstance(when, datetime):
        return when
    when = when.replace(microsecond=when.microsecond // 1000 * 1000)
    return (when if when.tzinfo else when.replace(tzinfo=zone)).astimezone(UTC)


_DIGIT = re.compile(r"\d")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}|$)", re.ASCII)


_AUTHOR_NOISE = re.compile(
    r"^(?:(?:作者|撰文|记者|記者)\s*[:：]?|By\b\s*[:：]?)\s*|[（(][^）)]*[）)]|\bnull\b", re.I
)


def author_names(line: str) -> Iterable[str]:
    """Split a byline into names.

    >>> list(author_names(" null 邹宗翰")), list(author_names("CHOE SANG-HUN, Lara Jakes"))
    (['邹宗翰'], ['CHOE SANG-HUN', 'Lara Jakes'])
    """
    cleaned = _AUTHOR_NOISE.sub(" ", line)
    for name in re.split(r"[、,，;；/|]|\s+(?:and|与|和)\s+", cleaned):
        name = single_blanks(name)
        if name:
            yield name


def is_author_label(line: str) -> bool:
    """Tell whether a line is only the word before an author's name: 文/."""
    return len(line) <= 8 and _AUTHOR_LABEL.fullmatch(line.strip()) is not None


_CARD_LINE = re.compile(
    r"(?:(?P<author>(?:原)?作者|撰文|文)|(?P<source>来源|來源|原载|原載|首发|首發|出处|出處))"
    r"\s*[:：]\s*(?P<value>.{1,60})"
)
_LEAD_AUTHORS = re.compile(r"(?P<names>[^\W\d_][\w·•．、，, ]{1,24}?)(?:等)?\s*[:：]")
_NO_AUTHORS = re.compile(r"[的了是在对為为不]|注|问|問|答|报告|報告|研究|调查|調查|更正|视频|視頻")


def read_cards(
    tree: LexborHTMLParser, outline: Outline, html: str, ascii_html: str, rules: SourceRules
) -> tuple[list[str], list[str]]:
    """Return the authors and sources that the outlet's boxes of facts name."""
    authors: list[str] = []
    sources: list[str] = []
    for select in rules.cards:
        select = narrowed(select, html, ascii_html, outline.tags)
        for part in _candidates(tree, outline, select):
            for line in outline.lines(part):
                match = _CARD_LINE.fullmatch(line)
                if match is None:
                    continue
                names = list(author_names(match["value"])) if match["author"] else []
                authors += (name for name in names if name not in authors)
                if match["source"] and match["value"] not in sources:
                    sources.append(match["value"].strip())
    return authors, sources


def lead_authors(line: str) -> list[str]:
    """Return the authors before the colon of a lead.

    >>> lead_authors("肖甲栋、史乙：电网的转型没有捷径。"), lead_authors("报告：电价上涨")
    (['肖甲栋', '史乙'], [])
    """
    match = _LEAD_AUTHORS.match(line[:40])
    if match is None or _NO_AUTHORS.search(match["names"]):
        return []
    return list(author_names(match["names"]))


def find_authors(
    tree: LexborHTMLParser,
    outline: Outline,
    html: str,
    ascii_html: str,
    rules: SourceRules,
    left_out: LeftOut,
) -> Iterator[str]:
    """Yield the authors by the outlet's selectors; the elements are noted in *left_out*."""
    for select in rules.authors:
        select = narrowed(select, html, ascii_html, outline.tags)
        for node in tree.css(select) if select else ():
            part = outline.find(node)
            if part is None or part.stop - part.start > _MAX_BYLINE:
                continue
            # A link to an author in a sentence names a person, not who wrote this.
            beside = outline.beside(part)
            if beside is None or (beside and not _AUTHOR_LABEL.match(beside)):
                continue
            for line in outline.lines(part):
                yield from author_names(line)
            left_out[part.index] = f"{rules.source.id}.authors"
