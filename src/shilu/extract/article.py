"""The article in an item: title, times, byline, dateline, blocks, marks, pictures.

``read_capture`` is the whole way from a record's bytes to a ``Reading``; ``extract_entry`` is its
second half, for items that did not come as records. Both are pure functions of their arguments and
never raise for any bytes.
"""

from __future__ import annotations

import hashlib
import html as html_entities
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from selectolax.lexbor import LexborHTMLParser, LexborNode

from shilu.config import parse_toml
from shilu.extract import clean, datelines
from shilu.recordform import file_place, looks_like_record, read_record
from shilu.records import (
    Block,
    Content,
    Dateline,
    Entry,
    Mark,
    Media,
    Problem,
    Removed,
    Span,
)
from shilu.sources.catalog import (
    Catalog,
    DateRule,
    RemoveRule,
    SourceRules,
    load_catalog,
    parse_remove_rules,
)
from shilu.text import content_key, language_of, single_blanks, storable
from shilu.urls import absolute, canonical, is_web_address


@dataclass(frozen=True, slots=True)
class Reading:
    """What one capture says, and of which article."""

    source: str
    key: str
    url: str  # canonical
    feed_at: datetime | None
    content: Content


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no article can come of a capture."""

    source: str  # as far as known, else "unknown"
    problem: Problem
    doubts: tuple[Problem, ...] = ()


def article_id(source: str, key: str) -> str:
    """Return the lasting id of an article: 128 bits of SHA-256 over source and key."""
    return hashlib.sha256(f"{source}\0{key}".encode("utf-8", "replace")).hexdigest()[:32]


def content_hash(content: Content) -> str:
    """Return the hash by which two contents are the same: title and text, blanks ignored."""
    body = content.text[content.body_start :]
    key = f"{content_key(content.title)}\0{content_key(body)}"
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32]


@cache
def extractor_digest(catalog_digest: str) -> str:
    """Return the digest of everything a content depends on besides the bytes: code and rules."""
    digest = hashlib.sha256(catalog_digest.encode())
    package = files("shilu")
    for name in (
        "extract/article.py", "extract/clean.py", "extract/datelines.py", "extract/generic.toml",
        "recordform.py", "text.py", "urls.py", "sources/catalog.py",
    ):  # fmt: skip
        digest.update(package.joinpath(name).read_bytes())
    return digest.hexdigest()[:16]


# ------------------------------------------------------------------------------- the whole way


def read_capture(data: bytes, path: str, catalog: Catalog, subject: str) -> Reading | Refusal:
    """Read a record's bytes, filed by a mirror under *path*; *subject* names it in problems.

    Refuses when no article can come of it: no record head, no address, or neither title nor text.
    """
    entry = read_record(data, path, subject)
    folder_rules = catalog.for_folder(file_place(path)[0])
    if isinstance(entry, Problem):
        return Refusal(folder_rules.source.id if folder_rules else "unknown", entry)
    url = entry.url
    if url.startswith("/") and folder_rules is not None:
        # Mirrors of sites that link relatively; the folder says whose site it is.
        url = absolute(url, f"https://{folder_rules.source.hosts[0]}") or ""
    valid = is_web_address(url)
    rules = catalog.for_url(url) if valid else folder_rules or catalog.get("unknown")
    if valid:
        entry = replace(entry, url=url)
    content = extract_entry(entry, rules, subject)
    if is_empty(content):
        problem = Problem("record.empty", subject, refused=True)
        return Refusal(rules.source.id, problem, entry.problems)
    if not valid:
        problem = Problem("url.invalid", subject, {"url": entry.url[:200] or "-"}, refused=True)
        return Refusal(rules.source.id, problem, entry.problems)
    return Reading(
        source=rules.source.id,
        key=rules.key(entry),
        url=canonical(url),
        feed_at=entry.feed_at,
        content=content,
    )


def extract(data: bytes | str, url: str | None = None, source: str | None = None) -> Content:
    """Extract the article from a record file, an item's HTML or a page.

    *url* is where it stood (needed to resolve relative links, and to know the outlet); *source*
    names the outlet instead. What is wrong stands in ``Content.problems``.

    >>> extract("<p>俄罗斯国防部长访问朝鲜。</p>", url="https://www.voachinese.com/a/1.html").text
    '俄罗斯国防部长访问朝鲜。'
    """
    catalog = load_catalog()
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    subject = url or "-"
    if looks_like_record(raw[:4096]):
        entry = read_record(raw, subject, subject)
        if isinstance(entry, Problem):
            return _nothing(entry)
        entry = replace(entry, url=url or entry.url)
    else:
        text = raw.decode("utf-8", "replace").removeprefix("\ufeff").replace("\0", "")
        entry = Entry(title=_page_title(text), url=url or "", html=text)
    if source:
        rules = catalog.get(source)
    else:
        rules = catalog.for_url(entry.url) if is_web_address(entry.url) else catalog.get("unknown")
    content = extract_entry(entry, rules, subject)
    if is_empty(content):
        empty = Problem("record.empty", subject, refused=True)
        return replace(content, problems=(*content.problems, empty))
    return content


def is_empty(content: Content) -> bool:
    """Tell whether there is neither title, text nor picture."""
    return not content.text and not content.media


def _nothing(problem: Problem) -> Content:
    return Content(title="", text="", body_start=0, blocks=(), problems=(problem,))


def _page_title(text: str) -> str:
    """Return the title of a whole page, "" for a fragment."""
    if "<title" not in text[:200_000].lower() or clean.nesting(text):
        return ""
    tree = LexborHTMLParser(text)
    for select, attribute in (('meta[property="og:title"]', "content"), ("h1", None), ("title", None)):
        node = tree.css_first(select)
        if node is not None:
            found = node.attributes.get(attribute) if attribute else " ".join(clean._texts(node))
            if found and found.strip():
                return found
    return ""


# ------------------------------------------------------------------------------- one item


def extract_entry(entry: Entry, rules: SourceRules, subject: str) -> Content:
    """Clean one item. *subject* names it in problems."""
    problems = list(entry.problems)
    html = storable(entry.html)
    depth = clean.nesting(html)
    if depth:
        problems.append(Problem("html.too_deep", subject, {"depth": str(depth)}))
        html = clean.flattened(html)
    tree = clean.parse(html)
    root = tree.body or tree.root
    day = entry.feed_at.date() if entry.feed_at else None
    base = entry.url if is_web_address(entry.url) else None

    # The outlet's time is looked for first: a generic rule must not take "2 小时前" away before the
    # date beside it is read.
    left_out: dict[int, str] = {}
    printed = _find_date(tree, html, rules, left_out, subject)
    for rule_set in (rules.remove, _generic_rules()):
        left_out = clean.removals(tree, html, rule_set, day) | left_out
    for cleaner in clean.CLEANERS:
        left_out = cleaner(tree, html) | left_out
    problems += printed.problems
    authors = list(entry.authors)
    authors += [name for name in printed.authors if name not in authors]
    for select in rules.authors:
        for node in tree.css(select):
            for line in clean.element_lines(node):
                authors += [name for name in author_names(line) if name not in authors]
            left_out[node.mem_id] = f"{rules.source.id}.authors"

    page = clean.Walk(base, left_out).run(root) if root is not None else clean.Page()
    if clean.is_mostly_links(page):
        # A digest: the list of links is the article.
        left_out = {node: rule for node, rule in left_out.items() if rule != clean.RELATED_LINKS}
        page = clean.Walk(base, left_out).run(root) if root is not None else clean.Page()
    title = _title(entry.title, rules)
    removed = list(page.removed)
    lines = page.lines
    if len(lines) > 1 and title and content_key(lines[0].text) == content_key(title):
        removed.append(Removed("generic.repeated_title", lines[0].text))
        _drop_first(page)
    if not title:
        if lines or page.media:
            problems.append(Problem("record.no_title", subject))
    if (title or lines or page.media) and not any(line.kind != "caption" for line in lines):
        found = ", ".join(sorted({medium.kind for medium in page.media})) or "title"
        problems.append(Problem("text.none", subject, {"what": found}))
    local_day = printed.on or _local_day(entry.feed_at, rules)
    dateline = _dateline(lines, local_day)
    text, body_start, blocks, marks, spans = _assemble(title, lines)
    return Content(
        title=title,
        text=text,
        body_start=body_start,
        blocks=blocks,
        marks=marks,
        media=_media(page, title, spans),
        authors=tuple(authors),
        lang=_language(text, rules),
        published_at=printed.at,
        published_on=printed.on,
        dateline=dateline,
        removed=tuple(removed),
        problems=tuple(problems),
    )


@cache
def _generic_rules() -> tuple[RemoveRule, ...]:
    text = files("shilu.extract").joinpath("generic.toml").read_text("utf-8")
    table = parse_toml(text, "extract/generic.toml")
    return tuple(parse_remove_rules(table["remove"], "generic", "extract/generic.toml"))


def _title(raw: str, rules: SourceRules) -> str:
    title = single_blanks(storable(html_entities.unescape(raw)))
    for suffix in rules.title_suffixes:
        # An article whose whole title is the suffix keeps it.
        if title.endswith(suffix) and len(title) > len(suffix):
            title = title.removesuffix(suffix).rstrip()
    return title


def _drop_first(page: clean.Page) -> None:
    del page.lines[0]
    for medium in page.media:
        medium.before = max(0, medium.before - 1)


def _local_day(instant: datetime | None, rules: SourceRules) -> date | None:
    return instant.astimezone(ZoneInfo(rules.source.time_zone)).date() if instant else None


def _language(text: str, rules: SourceRules) -> str:
    found = language_of(text)
    # Where counting cannot tell (a few characters), an outlet of one language decides.
    if found in ("zh", "und") and len(rules.source.languages) == 1:
        return rules.source.languages[0]
    return found


def _assemble(
    title: str, lines: list[clean.Line]
) -> tuple[str, int, tuple[Block, ...], tuple[Mark, ...], list[Span]]:
    """Join title and lines into the one text; blocks and marks become spans of it."""
    pieces: list[str] = []
    blocks: list[Block] = []
    marks: list[Mark] = []
    spans: list[Span] = []
    position = 0
    if title:
        pieces.append(title)
        blocks.append(Block("title", 0, len(title)))
        position = len(title) + 1
    body_start = position
    for line in lines:
        end = position + len(line.text)
        pieces.append(line.text)
        blocks.append(Block(line.kind, position, end, line.level))
        marks += [
            Mark(mark.kind, position + mark.start, position + mark.end, mark.url)  # type: ignore[arg-type]
            for mark in line.marks
        ]
        spans.append(Span(position, end))
        position = end + 1
    text = "\n".join(pieces)
    return text, min(body_start, len(text)), tuple(blocks), tuple(marks), spans


def _media(page: clean.Page, title: str, spans: list[Span]) -> tuple[Media, ...]:
    offset = 1 if title else 0
    captions: dict[int, Span] = {}
    for line, span in zip(page.lines, spans, strict=True):
        if line.of_media is not None and line.of_media not in captions:
            captions[line.of_media] = span
    return tuple(
        Media(
            kind=medium.kind,  # type: ignore[arg-type]
            url=medium.url,
            before=medium.before + offset,
            caption=captions.get(index),
            credit=medium.credit,
            alt=medium.alt,
        )
        for index, medium in enumerate(page.media)
    )


# ------------------------------------------------------------------------------- dateline

_DATELINE_LINES = 3  # a dateline stands in the first lines: a lead in bold may come before it


def _dateline(lines: list[clean.Line], local_day: date | None) -> Dateline | None:
    prose = [line for line in lines if line.kind == "paragraph"][:_DATELINE_LINES]
    for line in prose:
        found = datelines.find_dateline(line.text, alone=len(line.text) <= 16)
        if found is None:
            continue
        dateline, length = found
        if length >= len(line.text):
            line.kind = "dateline"
        if local_day is not None:
            on = datelines.resolve_day(dateline.month, dateline.day, local_day)
            dateline = replace(dateline, on=on)
        return dateline
    return None


# ------------------------------------------------------------------------------- outlet's time


@dataclass(frozen=True, slots=True)
class _Printed:
    """The outlet's own time and byline as printed on the page."""

    at: datetime | None = None
    on: date | None = None
    authors: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


# The generator of the full-text feeds puts author and time in one italic div before the text,
# whatever the outlet; the forms here are unambiguous wherever they stand.
_FEED_BYLINE = tuple(
    DateRule("div > i:only-child", form) for form in ("iso", "rfc1123", "%Y-%m-%d %H:%M:%S")
)
_PAGE_TIME = (DateRule("time[datetime]", "iso", attribute="datetime"),)

_MAX_BYLINE = 200  # characters; a longer element is prose
_CANDIDATES = 12  # elements looked at for one rule; times stand at the top of a page


def _find_date(
    tree: LexborHTMLParser, html: str, rules: SourceRules, left_out: dict[int, str], subject: str
) -> _Printed:
    """Read the printed time by the outlet's rules, then by the generic ones; mark it as no text."""
    unread: Problem | None = None
    zone = ZoneInfo(rules.source.time_zone)
    for rule in (*rules.dates, *_FEED_BYLINE, *_PAGE_TIME):
        if "<time" not in html and rule.select.startswith("time"):
            continue
        if "<i" not in html and "> i" in rule.select:
            continue
        for node in tree.css(rule.select)[:_CANDIDATES]:
            lines = _candidate_lines(node, rule)
            if not lines:
                continue
            when = parse_time(lines[-1], rule.form, rule.zone or zone)
            if when is None:
                if rule in rules.dates and rule.select.startswith("time"):
                    unread = Problem(
                        "date.unreadable", subject, {"text": lines[-1][:80], "source": rules.source.id}
                    )
                continue
            left_out[node.mem_id] = f"{rules.source.id}.date"
            byline = () if rule.attribute else tuple(lines[:-1])
            authors = tuple(name for line in byline for name in author_names(line))
            if isinstance(when, datetime):
                return _Printed(when.astimezone(UTC), when.astimezone(zone).date(), authors)
            return _Printed(None, when, authors)
    return _Printed(problems=(unread,) if unread else ())


def _candidate_lines(node: LexborNode, rule: DateRule) -> list[str]:
    if rule.attribute:
        value = single_blanks(node.attributes.get(rule.attribute) or "")
        return [value] if value else []
    if clean._short_text(node, _MAX_BYLINE) is None:
        return []
    return clean.element_lines(node)


def parse_time(text: str, form: str, zone: ZoneInfo) -> datetime | date | None:
    """Read a printed time in a declared form; None when it does not fit.

    >>> parse_time("18/08/2023 - 11:59", "%d/%m/%Y - %H:%M", ZoneInfo("Europe/Paris")).isoformat()
    '2023-08-18T11:59:00+02:00'
    """
    if len(text) > 64:
        return None
    try:
        if form == "iso":
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
                return date.fromisoformat(text)
            if not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", text):
                return None
            instant = datetime.fromisoformat(text)
        elif form == "rfc1123":
            instant = parsedate_to_datetime(text)
        else:
            instant = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows below
            if "%H" not in form and "%I" not in form:
                return instant.date()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if not 1990 <= instant.year <= 2100:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=zone)


_AUTHOR_NOISE = re.compile(r"^(?:作者|撰文|记者|記者|By|BY)\s*[:：]?\s*|[（(][^）)]*[）)]|\bnull\b")


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
