"""The article in an item: title, times, byline, dateline, blocks, marks, pictures.

``read_capture`` is the whole way from a record's bytes to a ``Reading``; ``extract_entry`` is its
second half, for items that did not come as records. Both are pure functions of their arguments and
never raise for any bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import html as html_entities
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser

from shilu.config import parse_toml
from shilu.extraction import bylines, clean, contributors, datelines, markup, readable, structure
from shilu.extraction.line_rules import words
from shilu.extraction.lines import RELATED_LINKS
from shilu.recordform import file_place, looks_like_record, read_record
from shilu.records import (
    Block,
    Choices,
    Content,
    Credit,
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
    RemoveRule,
    SourceRules,
    load_catalog,
    parse_remove_rules,
)
from shilu.text import content_key, language_of, single_blanks, storable
from shilu.urls import absolute, canonical, is_web_address

NO_CHOICES = Choices()


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
def extractor_digest(catalog_digest: str, choices: str = "") -> str:
    """Return the digest of everything a content depends on besides the bytes: code and rules.

    *choices* is what the user decided against the rules (``Choices.digest``).
    """
    if choices:
        whole = f"{extractor_digest(catalog_digest)}\0{choices}"
        return hashlib.sha256(whole.encode()).hexdigest()[:16]
    digest = hashlib.sha256(catalog_digest.encode())
    package = files("shilu")
    own = [path for path in package.joinpath("extraction").iterdir() if path.is_file()]
    others = (
        "recordform.py", "text.py", "urls.py", "sources/catalog.py", "lexicon/tables.py",
        "lexicon/cities.tsv", "sources/literals.py",
    )  # fmt: skip
    for path in (*sorted(own, key=lambda path: path.name), *map(package.joinpath, others)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# ------------------------------------------------------------------------------- the whole way


def read_capture(
    data: bytes, path: str, catalog: Catalog, subject: str, choices: Choices = NO_CHOICES
) -> Reading | Refusal:
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
        url = absolute(url, f"https://{folder_rules.source.hosts[0]}") or url
    valid = is_web_address(url)
    rules = catalog.for_url(url) if valid else folder_rules or catalog.get("unknown")
    if valid and url != entry.url:
        entry = replace(entry, url=url)
    key = readable.key_of(entry, rules, rules.key(entry)) if valid else ""
    content = extract_entry(
        entry, rules, subject,
        off=choices.switched_off.get(rules.source.id, frozenset()),
        restored=choices.restored.get(article_id(rules.source.id, key), frozenset())
        if choices.restored else frozenset(),
    )  # fmt: skip
    if is_empty(content):
        problem = Problem("record.empty", subject, refused=True)
        return Refusal(rules.source.id, problem, entry.problems)
    if not valid:
        problem = Problem("url.invalid", subject, {"url": entry.url[:200] or "-"}, refused=True)
        return Refusal(rules.source.id, problem, entry.problems)
    return Reading(
        source=rules.source.id,
        key=key,
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
    catalog = _packaged_catalog()
    raw = storable(data).encode() if isinstance(data, str) else data
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


@cache
def _packaged_catalog() -> Catalog:
    return load_catalog()


def is_empty(content: Content) -> bool:
    """Tell whether there is neither title, text nor picture."""
    return not content.text and not content.media


def _nothing(problem: Problem) -> Content:
    return Content(title="", text="", body_start=0, blocks=(), problems=(problem,))


def _page_title(html: str) -> str:
    """Return the title of a whole page, "" for a fragment."""
    if "<title" not in html[:200_000].lower() or _costly(html, "-"):
        return ""
    tree = markup.parse(html)
    for select, attribute in (
        ('meta[property="og:title"]', "content"), ("h1", None), ("title", None),
    ):  # fmt: skip
        node = tree.css_first(select)
        if node is not None:
            found = node.attributes.get(attribute) if attribute else node.text(separator=" ")
            if found and found.strip():
                return found
    return ""


# ------------------------------------------------------------------------------- one item


def extract_entry(
    entry: Entry,
    rules: SourceRules,
    subject: str,
    *,
    off: Set[str] = frozenset(),
    restored: Set[str] = frozenset(),
) -> Content:
    """Clean one item. *subject* names it in problems.

    *off* are rules not to be followed, *restored* the keys of removed pieces that are to stay.
    """
    if entry.front_matter is not None:
        return readable.read(entry, subject)
    problems = list(entry.problems)
    html = storable(entry.html)
    costly = _costly(html, subject)
    if costly:
        problems.append(costly)
        html = markup.flattened(html)
    tree = markup.parse(html)
    outline = markup.Outline(tree.body or tree.root)
    # Nearly all that rules look for in markup is ASCII, and without the Chinese it is soon seen.
    lower_ascii = html.encode("ascii", "ignore").decode("ascii").lower()
    day = entry.feed_at.date() if entry.feed_at else None
    base = entry.url if is_web_address(entry.url) else None

    # The outlet's time is looked for first: a generic rule must not take "2 小时前" away before the
    # date beside it is read.
    left_out: clean.LeftOut = {}
    printed = bylines.find_byline(tree, outline, html, lower_ascii, rules, left_out, subject)
    problems += printed.problems
    authors = list(entry.authors)
    card_authors, card_sources = bylines.read_cards(tree, outline, html, lower_ascii, rules)
    found_authors = bylines.find_authors(tree, outline, html, lower_ascii, rules, left_out)
    for name in (*printed.authors, *found_authors, *card_authors):
        if name not in authors:
            authors.append(name)
    for rule_set in (rules.remove, _generic_rules()):
        in_force = [rule for rule in rule_set if rule.rule not in off] if off else rule_set
        left_out = clean.removals(tree, outline, html, lower_ascii, in_force, day) | left_out
    for cleaner in structure.CLEANERS:
        left_out = cleaner(outline, base) | left_out
    is_clean = html.startswith(markup.CLEAN)
    if is_clean:
        left_out = {}
    declared = (
        _parts(tree, outline, rules.subtitle),
        _parts(tree, outline, rules.captions),
    )

    page = clean.Walk(outline, base, left_out, off, restored, *declared).run()
    if clean.is_mostly_links(page):
        # A digest: the list of links is the article.
        left_out = {part: rule for part, rule in left_out.items() if rule != RELATED_LINKS}
        page = clean.Walk(outline, base, left_out, off, restored, *declared).run()
    titled = _title(entry.title, rules)
    trimming = _Trimming(page, off, restored)
    if not is_clean:
        trimming.repeated_title(titled.text)
        trimming.repeated_authors(authors)
        trimming.lines(rules.over_lines, outline.lower, day)
        while trimming.end_mark():
            pass
    lines = page.lines
    named = contributors.tell_apart(lines, authors)
    if not authors and rules.lead_authors:
        first = next((line.text for line in lines if line.kind != "caption"), "")
        authors += bylines.lead_authors(first)
    if not authors:
        authors += dict.fromkeys(one.name for one in named if one.role == "reporter")
    if not titled.text and (lines or page.media):
        problems.append(Problem("record.no_title", subject))
    if (titled.text or lines or page.media) and all(line.kind == "caption" for line in lines):
        found = ", ".join(sorted({medium.kind for medium in page.media})) or "title"
        problems.append(Problem("text.none", subject, {"what": found}))
    printed_on = printed.on or _day_in(page.removed)
    local_day = printed_on or _local_day(entry.feed_at, rules)
    dateline = _dateline(lines, local_day)
    text, body_start, blocks, marks, starts = _assemble(titled.text, lines)
    return Content(
        title=titled.text,
        text=text,
        body_start=body_start,
        blocks=blocks,
        marks=marks,
        media=_media(page, titled.text, starts),
        authors=tuple(authors),
        credits=tuple(
            Credit(
                one.role,
                one.name,
                Span(starts[one.line] + one.start, starts[one.line] + one.end),
            )
            for one in named
        )
        + tuple(Credit("source", name) for name in card_sources),
        column=titled.column,
        site_suffix=titled.suffix,
        section=_section(entry.url, rules),
        lang=_language(text, rules),
        published_at=printed.at,
        published_on=printed_on,
        published_zone=printed.zone,
        dateline=dateline,
        removed=tuple(page.removed),
        problems=tuple(problems),
    )


def _parts(tree: LexborHTMLParser, outline: markup.Outline, selectors: Sequence[str]) -> set[int]:
    """Return the parts that the selectors name."""
    nodes = (node for select in selectors for node in tree.css(select))
    return {part.index for node in nodes if (part := outline.find(node)) is not None}


def _costly(html: str, subject: str) -> Problem | None:
    """Say why the markup cannot be parsed in reasonable time, None when it can."""
    depth = markup.nesting(html)
    if depth:
        return Problem("html.too_deep", subject, {"depth": str(depth)})
    if markup.overloaded(html):
        return Problem("html.overloaded", subject)
    return None


def generic_rule_names() -> tuple[str, ...]:
    """Return the names of the rules for the pages of any outlet, each once."""
    of_elements = (rule.rule for rule in _generic_rules())
    of_lines = (rule.rule for rule in words().rules)
    return tuple(dict.fromkeys((*of_elements, *of_lines, *_OF_THE_CODE)))


# Rules that no file names.
_OF_THE_CODE = (
    "generic.related_links", "generic.outside", "generic.player_fallback", "generic.noscript",
    "generic.repeated_title", "generic.repeated_authors", "generic.end_mark",
)  # fmt: skip


@cache
def _generic_rules() -> tuple[RemoveRule, ...]:
    text = files("shilu.extraction").joinpath("generic.toml").read_text("utf-8")
    table = parse_toml(text, "extraction/generic.toml")
    return tuple(parse_remove_rules(table["remove"], "generic", "extraction/generic.toml"))


@dataclass(frozen=True, slots=True)
class _Titled:
    """A raw title's parts."""

    text: str
    column: str | None = None
    suffix: str | None = None  # the site's name


def _title(raw: str, rules: SourceRules) -> _Titled:
    title = single_blanks(storable(html_entities.unescape(raw)))
    for prefix in rules.title_prefixes:
        title = title.removeprefix(prefix).lstrip() or title
    cut = title
    for suffix in rules.title_suffixes:
        # An article whose whole title is the suffix keeps it.
        if cut.endswith(suffix) and len(cut) > len(suffix):
            cut = cut.removesuffix(suffix).rstrip()
    site = title[len(cut) :].strip(" -–—|｜") or None
    match = _COLUMN.search(cut)
    if match and match["name"] in rules.columns:
        return _Titled(cut[: match.start()].rstrip(), match["name"], site)
    return _Titled(cut, None, site)


# A series that a title names at its end: … - 要闻分析
_COLUMN = re.compile(r"(?<=\S)\s*(?:\s[-–—]|[|｜])\s+(?P<name>[^-–—|｜]{2,40})$")


def _section(url: str, rules: SourceRules) -> str | None:
    match = rules.section.search(unquote(url)) if rules.section else None
    return next((group for group in match.groups() if group), None) if match else None


_MAX_AUTHORS_LINE = 80  # characters
# （完） ends an agency's copy; some put it behind the last words.
_END_MARK = re.compile(r"\s*(?:[（(【]\s*(?:全文)?(?:完|END)\s*[)）】]|(?<=[。”])\s*完)\s*$")
_CUT_LINES = 6  # lines at either end that rules with `cut` look at
_END_LINES = 4  # lines at the end within which it stands: credits may follow it


class _Trimming:
    """Takes away lines that say again what is known, and end marks, unless the user keeps them."""

    def __init__(self, page: clean.Page, off: Set[str], restored: Set[str]) -> None:
        self._page = page
        self._off = off
        self._restored = restored

    def repeated_title(self, title: str) -> None:
        """Leave out a first line that only says the title again, unless it is all there is."""
        index = self._first_of_body()
        if index is None or not title:
            return
        first = self._page.lines[index]
        # Longer than twice the title it cannot be it, and a long line is dear to compare.
        if len(first.text) > 2 * len(title) + 16:
            return
        if content_key(first.text) == content_key(title):
            self._drop({index: "generic.repeated_title"})

    def repeated_authors(self, authors: Sequence[str]) -> None:
        """Leave out a first line that only names the authors already known."""
        lines = self._page.lines
        index = self._first_of_body()
        if index is None or not authors:
            return
        is_labelled = bylines.is_author_label(lines[index].text)
        named = index + is_labelled
        if named + 1 >= len(lines) or len(lines[named].text) > _MAX_AUTHORS_LINE:
            return
        names = set(bylines.author_names(lines[named].text))
        if names and names <= set(authors):
            self._drop(dict.fromkeys(range(index, named + 1), "generic.repeated_authors"))

    def end_mark(self) -> bool:
        """Take off a mark that ends an agency's copy; tell whether there was one."""
        lines = self._page.lines
        for index in range(len(lines) - 1, max(-1, len(lines) - 1 - _END_LINES), -1):
            line = lines[index]
            match = _END_MARK.search(line.text, max(0, len(line.text) - 16))
            if match is None or line.kind == "caption":
                continue
            removed = Removed("generic.end_mark", match[0].strip())
            if not self._may_drop(removed, line) or (match.start() == 0 and len(lines) == 1):
                return False
            if match.start() == 0:
                self._drop({index: "generic.end_mark"})
            else:
                self._page.removed.append(removed)
                _keep(line, 0, match.start())
            return True
        return False

    def lines(self, rules: Sequence[RemoveRule], text: str, day: date | None) -> None:
        """Leave out what rules over lines match: whole lines, or a line's beginning or end.

        *text* is that of the page, in lower case.
        """
        in_force = [rule for rule in rules if rule.may_apply("", text, day)]
        for rule in in_force:
            if rule.cut is not None:
                self._cut(rule, rule.cut)
        over_lines = [rule for rule in in_force if rule.line is not None]
        if not over_lines:
            return
        gone: dict[int, str] = {}
        for index, line in enumerate(self._page.lines):
            met = next((rule for rule in over_lines if rule.meets_line(line.text)), None)
            if met is not None:
                gone[index] = met.rule
        self._drop(gone)

    def _cut(self, rule: RemoveRule, pattern: re.Pattern[str]) -> None:
        lines = self._page.lines
        for line in (*lines[:_CUT_LINES], *lines[_CUT_LINES:][-_CUT_LINES:]):
            if not rule.may_cut(line.text):
                continue
            match = pattern.search(line.text)
            if match is None or (rule.max_chars is not None and len(match[0]) > rule.max_chars):
                continue
            if match.end() == len(line.text):
                start, stop = 0, len(line.text[: match.start()].rstrip())
            elif match.start() == 0:
                start, stop = (
                    len(line.text) - len(line.text[match.end() :].lstrip()),
                    len(line.text),
                )
            else:
                continue
            removed = Removed(rule.rule, match[0].strip())
            if start < stop and self._may_drop(removed, line):
                self._page.removed.append(removed)
                _keep(line, start, stop)

    def _first_of_body(self) -> int | None:
        """Return the first line that is no caption; None when no other such follows."""
        lines = self._page.lines
        body = [index for index, line in enumerate(lines) if line.kind != "caption"][:2]
        return body[0] if len(body) == 2 else None

    def _may_drop(self, removed: Removed, line: clean.Line) -> bool:
        return (
            not line.is_restored
            and removed.rule not in self._off
            and removed.key not in self._restored
        )

    def _drop(self, gone: Mapping[int, str]) -> None:
        """Leave out lines, each by a rule; linear in the number of lines."""
        page = self._page
        kept: list[clean.Line] = []
        before: list[int] = []  # how many lines are kept before each
        for index, line in enumerate(page.lines):
            before.append(len(kept))
            removed = Removed(gone[index], line.text) if index in gone else None
            if removed is not None and self._may_drop(removed, line):
                page.removed.append(removed)
            else:
                kept.append(line)
        if len(kept) == len(page.lines):
            return
        before.append(len(kept))
        for medium in page.media:
            medium.before = before[medium.before]
        page.lines[:] = kept


def _keep(line: clean.Line, start: int, stop: int) -> None:
    """Keep a piece of a line, with the marks in it."""
    line.text = line.text[start:stop]
    for mark in line.marks:
        mark.start = max(0, mark.start - start)
        mark.end = min(mark.end, stop) - start
    line.marks = [mark for mark in line.marks if mark.start < mark.end]


_PRINTED_DAY = re.compile(r"(20\d\d)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})")


def _day_in(removed: Sequence[Removed]) -> date | None:
    """Return the day that a line with nothing but a time names; no zone says which hour it was."""
    for piece in removed:
        match = _PRINTED_DAY.search(piece.text) if piece.rule == "generic.printed_time" else None
        if match:
            with contextlib.suppress(ValueError):
                return date(int(match[1]), int(match[2]), int(match[3]))
    return None


def _local_day(instant: datetime | None, rules: SourceRules) -> date | None:
    return instant.astimezone(bylines.zone_info(rules.source.time_zone)).date() if instant else None


def _language(text: str, rules: SourceRules) -> str:
    found = language_of(text)
    # Where counting cannot tell (a few characters), an outlet of one language decides.
    if found in ("zh", "und") and len(rules.source.languages) == 1:
        return rules.source.languages[0]
    return found


def _assemble(
    title: str, lines: list[clean.Line]
) -> tuple[str, int, tuple[Block, ...], tuple[Mark, ...], list[int]]:
    """Join title and lines into the one text; blocks and marks become spans of it.

    The last of what is returned is where each line begins.
    """
    pieces: list[str] = []
    blocks: list[Block] = []
    marks: list[Mark] = []
    starts: list[int] = []
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
        for mark in line.marks:
            start, stop = position + mark.start, position + mark.end
            marks.append(Mark(mark.kind, start, stop, mark.url))  # type: ignore[arg-type]
        starts.append(position)
        position = end + 1
    text = "\n".join(pieces)
    return text, min(body_start, len(text)), tuple(blocks), tuple(marks), starts


def _media(page: clean.Page, title: str, starts: Sequence[int]) -> tuple[Media, ...]:
    offset = 1 if title else 0
    captions: dict[int, Span] = {}
    for line, start in zip(page.lines, starts, strict=True):
        if line.of_media is not None and not line.is_label:
            captions.setdefault(line.of_media, Span(start, start + len(line.text)))
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
        found = datelines.find_dateline(line.text)
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
