"""An article as readable Markdown, and read back from it without any cleaning rule.

``write`` makes the clean form of ``shilu export markdown``: front matter, the mirror's head, and
the blocks in CommonMark; ``read`` is its inverse for what ``write`` made, and takes whatever else a
user put into such a file the way CommonMark means it. ``docs/export.md`` describes the form.

What Markdown has no words for stands in a comment above the block, which no viewer shows:
``<!--note-->``, ``<!--dateline-->``, ``<!--video-->``, ``<!--caption of=2-->``.
"""

from __future__ import annotations

import html as html_entities
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

from shilu.extraction import clean, markup
from shilu.extraction.pictures import image_address
from shilu.recordform import READABLE, read_instant
from shilu.records import (
    Article,
    Block,
    BlockKind,
    Content,
    Credit,
    CreditRole,
    Dateline,
    Entry,
    Mark,
    Media,
    Problem,
    Span,
    Version,
)
from shilu.sources.catalog import SourceRules
from shilu.text import language_of, single_blanks, storable, visible
from shilu.urls import absolute, canonical, host_of, is_web_address

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_KINDS = frozenset(get_args(BlockKind))
_PLAYERS: Mapping[str, str] = {"video": "▶", "audio": "▶", "frame": "↗", "post": "↗"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DEPTH = 20  # of lists written as lists; deeper ones say their depth in a comment


# ------------------------------------------------------------------------------ a whole file


def write(article: Article, version: Version, stands_at: datetime | None) -> str:
    """Return a version as a file: front matter, head, Markdown.

    *stands_at* is the instant by which the version is ordered among the article's others, None
    where nothing tells one.
    """
    content = version.content
    feed_at = version.feed_at
    stamp = "NaN" if feed_at is None else str((feed_at - _EPOCH) // timedelta(milliseconds=1))
    lines = ["---", *_front_matter(article, version, stands_at), "---"]
    lines += [f"<!--{stamp}-->", f"[{escaped(content.title)}]({_destination(article.url)})"]
    lines += ["------", "", to_markdown(content), ""]
    return "\n".join(lines)


def _front_matter(article: Article, version: Version, stands_at: datetime | None) -> Iterator[str]:
    content, dateline = version.content, version.content.dateline
    fields: list[tuple[str, object]] = [
        ("form", READABLE),
        ("title", _quoted(content.title)),
        ("source", _quoted(article.source)),
        ("key", _quoted(article.key)),
        ("url", _quoted(article.url)),
        ("authors", _listed(content.authors)),
        ("credits", _listed([_credit(credit) for credit in content.credits])),
    ]
    if dateline is not None:
        fields += [
            ("dateline", _quoted(dateline.text)),
            ("dateline_agency", _quoted(dateline.agency)),
            ("dateline_place", _quoted(dateline.place)),
            ("dateline_reporter", _quoted(dateline.reporter)),
            ("dateline_month", dateline.month),
            ("dateline_day", dateline.day),
            ("dateline_on", dateline.on),
        ]
    fields += [
        ("feed_at", _instant(version.feed_at)),
        ("published_at", _instant(content.published_at)),
        ("published_on", content.published_on),
        ("published_zone", _quoted(content.published_zone)),
        ("column", _quoted(content.column)),
        ("section", _quoted(content.section)),
        ("site_suffix", _quoted(content.site_suffix)),
        ("lang", _quoted(content.lang)),
        ("version", version.n),
        ("content_hash", _quoted(version.content_hash)),
        ("stands_at", _instant(stands_at)),
    ]
    return (f"{key}: {value}" for key, value in fields if value is not None)


def _quoted(text: str | None) -> str | None:
    """Return a YAML scalar in double quotes; only what YAML cannot hold is escaped."""
    if text is None:
        return None
    return '"' + "".join(map(_yaml_char, text)) + '"'


def _yaml_char(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08X}"


def _listed(texts: Sequence[str]) -> str | None:
    return f"[{', '.join(_quoted(text) or '' for text in texts)}]" if texts else None


def _instant(instant: datetime | None) -> str | None:
    return instant.isoformat().replace("+00:00", "Z") if instant else None


def _credit(credit: Credit) -> str:
    place = f"{credit.span.start}, {credit.span.end}" if credit.span else ""
    return f"{credit.role}: {credit.name} [{place}]"


_CREDIT = re.compile(r"(\w+): (.*) \[(?:(\d{1,9}), (\d{1,9}))?\]", re.S | re.A)


def key_of(entry: Entry, rules: SourceRules, derived: str) -> str:
    """Return the article key of a readable file, *derived* being the one its address gives.

    The front matter's key is believed only where the outlet's key may come from the number of the
    mirror's file, which this file does not have: there it tells no more than a file's name may.
    """
    if entry.front_matter is None:
        return derived
    claimed = _one(entry.front_matter, "key") or ""
    if (
        rules.file_id_complement
        and derived == canonical(entry.url)
        and re.fullmatch(r"[1-9]\d{0,9}", claimed, re.A)
        and int(claimed) <= rules.file_id_complement
    ):
        return claimed
    return derived


def read(entry: Entry, subject: str) -> Content:
    """Return what a readable file says; nothing in it is taken for boilerplate.

    Never raises for any entry. *subject* names it in problems.
    """
    front = entry.front_matter or {}
    base = entry.url if is_web_address(entry.url) else None
    page = from_markdown(entry.html, base)
    title = single_blanks(entry.title)
    text, body_start, blocks, marks, spans = _assembled(title, page.lines)
    problems = list(entry.problems)
    if not title and (page.lines or page.media):
        problems.append(Problem("record.no_title", subject))
    if (title or page.lines or page.media) and all(line.kind == "caption" for line in page.lines):
        found = ", ".join(sorted({medium.kind for medium in page.media})) or "title"
        problems.append(Problem("text.none", subject, {"what": found}))
    return Content(
        title=title,
        text=text,
        body_start=body_start,
        blocks=blocks,
        marks=marks,
        media=_media(page, 1 if title else 0, spans),
        authors=front.get("authors", ()),
        credits=tuple(_credits(front.get("credits", ()), text)),
        column=_one(front, "column"),
        site_suffix=_one(front, "site_suffix"),
        section=_one(front, "section"),
        lang=_language(_one(front, "lang"), text),
        published_at=read_instant(_one(front, "published_at") or ""),
        published_on=_read_day(_one(front, "published_on")),
        published_zone=_zone(_one(front, "published_zone")),
        dateline=_dateline(front),
        problems=tuple(problems),
    )


def _one(front: Mapping[str, tuple[str, ...]], key: str) -> str | None:
    values = front.get(key, ())
    return values[0] if values else None


def _credits(written: Sequence[str], text: str) -> Iterator[Credit]:
    for one in written:
        match = _CREDIT.fullmatch(one)
        if match is None or match[1] not in get_args(CreditRole):
            continue
        name, span = match[2], None
        if match[3]:
            start = int(match[3])
            # In a text that was edited the name has moved.
            if text[start : int(match[4])] != name:
                start = text.find(name)
            span = Span(start, start + len(name)) if start >= 0 else None
        yield Credit(match[1], name, span)  # type: ignore[arg-type]


def _language(written: str | None, text: str) -> str:
    if written and re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}", written):
        return written
    return language_of(text)


def _read_day(written: str | None) -> date | None:
    try:
        return date.fromisoformat(written or "")
    except ValueError:
        return None


def _zone(name: str | None) -> str | None:
    try:
        return ZoneInfo(name).key if name else None
    except (ValueError, OSError, KeyError):  # no zone, or no name a zone could have
        return None


def _dateline(front: Mapping[str, tuple[str, ...]]) -> Dateline | None:
    text = _one(front, "dateline")
    if text is None:
        return None
    return Dateline(
        text,
        agency=_one(front, "dateline_agency"),
        place=_one(front, "dateline_place"),
        reporter=_one(front, "dateline_reporter"),
        month=_number(_one(front, "dateline_month"), 12),
        day=_number(_one(front, "dateline_day"), 31),
        on=_read_day(_one(front, "dateline_on")),
    )


def _number(written: str | None, most: int) -> int | None:
    value = int(written) if re.fullmatch(r"\d{1,4}", written or "", re.A) and written else 0
    return value if 1 <= value <= most else None


def _assembled(
    title: str, lines: Sequence[clean.Line]
) -> tuple[str, int, tuple[Block, ...], tuple[Mark, ...], list[Span]]:
    """Join title and lines into the one text; also return the span of each line."""
    blocks = [Block("title", 0, len(title))] if title else []
    marks: list[Mark] = []
    spans: list[Span] = []
    position = body_start = len(title) + 1 if title else 0
    for line in lines:
        span = Span(position, position + len(line.text))
        blocks.append(Block(line.kind, span.start, span.end, line.level))
        marks += [
            Mark(mark.kind, position + mark.start, position + mark.end, mark.url)  # type: ignore[arg-type]
            for mark in line.marks
        ]
        spans.append(span)
        position = span.end + 1
    text = "\n".join(([title] if title else []) + [line.text for line in lines])
    return text, min(body_start, len(text)), tuple(blocks), tuple(marks), spans


def _media(page: clean.Page, offset: int, spans: Sequence[Span]) -> tuple[Media, ...]:
    captions: dict[int, Span] = {}
    for line, span in zip(page.lines, spans, strict=True):
        if line.of_media is not None and not line.is_label:
            captions.setdefault(line.of_media, span)
    return tuple(
        Media(
            medium.kind,  # type: ignore[arg-type]
            medium.url,
            medium.before + offset,
            captions.get(index),
            medium.credit,
            medium.alt,
        )
        for index, medium in enumerate(page.media)
    )


# ------------------------------------------------------------------------------ written


@dataclass(frozen=True, slots=True)
class _Note:
    """What the comment above a block says of it."""

    kind: str
    level: int | None = None  # where it is not the one its form gives
    of: int | None = None  # of captions: number of the picture, from 1; 0: of none
    titled: bool = False  # of players: whether the link's words are its title

    def __str__(self) -> str:
        words = [self.kind]
        words += [f"level={self.level}"] if self.level is not None else []
        words += [f"of={self.of}"] if self.of is not None else []
        words += ["titled"] if self.titled else []
        return f"<!--{' '.join(words)}-->"


_NOTE = re.compile(r"<!--\s*([a-z]+)((?:\s+(?:level|of)=\d{1,6}|\s+titled)*)\s*-->\s*")


def _read_note(written: str) -> _Note | None:
    match = _NOTE.fullmatch(written)
    if match is None or (match[1] not in _KINDS and match[1] not in _PLAYERS):
        return None
    values = dict(word.partition("=")[::2] for word in match[2].split())
    level, of = (int(values[name]) if name in values else None for name in ("level", "of"))
    return _Note(match[1], level, of, "titled" in values)


def to_markdown(content: Content) -> str:
    """Return everything after the title as CommonMark; ``from_markdown`` reads it back.

    Anything in the text that could be taken for markup is escaped.
    """
    return _Writer(content).run()


class _Writer:
    """Writes one content; runs of items, quotes, cells and code stand together."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._pieces: list[str] = []
        self._run: list[str] = []
        self._run_kind = ""
        self._depth = 0  # of the list that is open
        self._owners = {
            medium.caption.start: index
            for index, medium in enumerate(content.media)
            if medium.caption is not None
        }
        # What a reader makes of a caption that says nothing: as in ``_Page``.
        self._picture: int | None = None
        self._captioned: set[int] = set()

    def run(self) -> str:
        content = self._content
        first = 1 if content.title else 0
        media = sorted(enumerate(content.media), key=lambda item: item[1].before)
        # stable: of marks over the same words the outer one stays first
        marks = sorted(content.marks, key=lambda mark: (mark.start, -mark.end))
        next_medium = next_mark = 0
        for index in range(first, len(content.blocks)):
            while next_medium < len(media) and media[next_medium][1].before <= index:
                self._medium(*media[next_medium])
                next_medium += 1
            block = content.blocks[index]
            end = next_mark
            while end < len(marks) and marks[end].start < block.end:
                end += 1
            self._block(block, marks[next_mark:end])
            next_mark = end
        for number, medium in media[next_medium:]:
            self._medium(number, medium)
        self._end_run()
        return "\n\n".join(self._pieces)

    # ------------------------------------------------------------------ pictures

    def _medium(self, number: int, medium: Media) -> None:
        self._end_run()
        self._picture = number
        title = f' "{_TITLE.sub(_backslash, medium.credit)}"' if medium.credit else ""
        address = f"({_destination(medium.url)}{title})"
        if medium.kind == "image":
            self._pieces.append(f"![{escaped(medium.alt or '')}]{address}")
            return
        note = _Note(medium.kind, titled=bool(medium.alt))
        words = escaped(medium.alt or host_of(medium.url))
        self._pieces.append(f"{note}\n[{_PLAYERS[medium.kind]} {words}]{address}")

    def _of(self, block: Block) -> int | None:
        """Return what a block must say of the picture it belongs to: nothing where it is clear."""
        owner = self._owners.get(block.start)
        usual = None
        if block.kind == "caption":
            usual = None if self._picture in self._captioned else self._picture
        else:
            self._picture = None
        if owner is not None:
            self._captioned.add(owner)
        if owner == usual:
            return None
        return 0 if owner is None else owner + 1

    # ------------------------------------------------------------------ blocks

    def _block(self, block: Block, marks: Sequence[Mark]) -> None:
        of = self._of(block)
        words = _inline(self._content.text[block.start : block.end], block.start, marks)
        kind, level = block.kind, block.level
        if of is None and level == 0:
            if kind == "quote":
                self._add_to_run("quote", ("\n>\n" if self._is_in("quote") else "") + f"> {words}")
                return
            if kind == "code" and not marks:
                self._add_to_run("code", self._content.text[block.start : block.end])
                return
            if kind == "cell":
                self._add_to_run("cell", f"| {words.replace('|', '&#124;')} |")
                return
            if kind == "caption":
                self._add(f"<small>{words}</small>")
                return
            if kind == "paragraph":
                self._add(words)
                return
        if of is None and kind == "heading" and 1 <= level <= 6:
            self._add(f"{'#' * level} {words}")
            return
        if of is None and kind == "item" and 1 <= level <= _MAX_DEPTH:
            self._item(level, words)
            return
        note = _Note(kind, level or None, of)
        self._add(f"{note}\n" + (f"<small>{words}</small>" if kind == "caption" else words))

    def _item(self, level: int, words: str) -> None:
        if not self._is_in("item"):
            self._end_run()
            self._depth = 0
        parent = min(level - 1, self._depth)
        self._add_to_run("item", "  " * parent + "- " * (level - parent) + words)
        self._depth = level

    def _is_in(self, kind: str) -> bool:
        return self._run_kind == kind

    def _add_to_run(self, kind: str, line: str) -> None:
        if self._run_kind != kind:
            self._end_run()
            self._run_kind = kind
        self._run.append(line)

    def _add(self, piece: str) -> None:
        self._end_run()
        self._pieces.append(piece)

    def _end_run(self) -> None:
        if not self._run:
            return
        run, kind = self._run, self._run_kind
        self._run, self._run_kind = [], ""
        if kind == "code":
            longest = max((len(ticks) for line in run for ticks in _TICKS.findall(line)), default=0)
            fence = "`" * max(3, longest + 1)
            run = [fence, *run, fence]
        elif kind == "cell":
            run.insert(1, "| --- |")
        self._pieces.append(("" if kind == "quote" else "\n").join(run))


_TICKS = re.compile("`+")

# Signs that mean something to CommonMark, GitHub ($, ~) or Obsidian (#tag, ==, %%) wherever they
# stand. All may be written with a backslash before them (CommonMark 0.31, section 2.4).
_SIGNS = re.compile(r"[\\`*_\[\]<#~$]|&(?=#?[A-Za-z0-9]+;)|(?<==)=|(?<=%)%")
_TITLE = re.compile(r'[\\"&]')
# What is no text at the start of a line: quotes, bullets, numbers, lines of dashes.
_LINE_START = re.compile(r"[>]|[-+](?=\s|$)|-(?=[- ]*$)|\d{1,9}(?P<stop>[.)])(?=\s|$)", re.A)


def _backslash(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


def escaped(text: str) -> str:
    """Return text in which nothing is markup where it stands within a line.

    >>> escaped("*中国*[1] <b>")
    '\\\\*中国\\\\*\\\\[1\\\\] \\\\<b>'
    """
    return _SIGNS.sub(_backslash, text)


def _at_line_start(words: str) -> str:
    match = _LINE_START.match(words)
    if match is None:
        return words
    stop = match.start("stop") if match["stop"] else 0
    return f"{words[:stop]}\\{words[stop:]}"


_PLAIN_ADDRESS = re.compile(r"(?:[^\s<>()\\&\"'\x00-\x20\x7f]|&(?!#?[A-Za-z0-9]+;))+")
_IN_ADDRESS = re.compile(r"[<>\\\r\n]|&(?=#?[A-Za-z0-9]+;)")


def _destination(url: str) -> str:
    """Return an address as it stands in a link."""
    if _PLAIN_ADDRESS.fullmatch(url):
        return url
    return f"<{_IN_ADDRESS.sub(_in_address, url)}>"


def _in_address(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};" if match[0] in "\r\n" else f"\\{match[0]}"


def _inline(text: str, offset: int, marks: Sequence[Mark]) -> str:
    """Return one line with its marks; those that start together have the outer one first."""
    marks = [
        mark for mark in marks
        if mark.start < mark.end <= offset + len(text) and (mark.kind != "link" or mark.url)
    ]  # fmt: skip
    if not marks:
        return _at_line_start(escaped(text))
    tags = [_tags(mark, marks, text, offset) for mark in marks]
    borders = sorted({*(mark.start for mark in marks), *(mark.end for mark in marks)})
    pieces: list[str] = []
    is_open: list[int] = []
    position = offset
    following = 0  # the mark to be opened next
    for border in borders:
        pieces.append(escaped(text[position - offset : border - offset]))
        position = border
        pieces += [tags[index][1] for index in reversed(is_open) if marks[index].end == border]
        is_open = [index for index in is_open if marks[index].end > border]
        while following < len(marks) and marks[following].start == border:
            # An exclamation mark before a link would make it a picture.
            if tags[following][0] == "[" and pieces[-1].endswith("!"):
                pieces[-1] = f"{pieces[-1][:-1]}\\!"
            pieces.append(tags[following][0])
            is_open.append(following)
            following += 1
    pieces.append(escaped(text[position - offset :]))
    return _at_line_start("".join(pieces))


def _tags(mark: Mark, marks: Sequence[Mark], text: str, offset: int) -> tuple[str, str]:
    """Return what opens and closes a mark: Markdown's own signs, or tags where those would fail."""
    others = [other for other in marks if other is not mark]
    crossed = any(
        other.start < mark.start < other.end < mark.end
        or mark.start < other.start < mark.end < other.end
        for other in others
    )
    if mark.kind == "link":
        url = mark.url or ""
        if crossed or any(
            other.kind == "link" and other.start < mark.end and mark.start < other.end
            for other in others
        ):
            return f'<a href="{_NEWLINES.sub(_reference, html_entities.escape(url))}">', "</a>"
        return "[", f"]({_destination(url)})"
    name, sign = ("strong", "**") if mark.kind == "strong" else ("em", "*")
    # Between a letter and Chinese punctuation ** does not open or close (CommonMark, "flanking").
    # It does beside a letter of its own, and at either end of a line; and as no two such marks
    # touch or nest, each closes its own.
    start, end = mark.start - offset, mark.end - offset
    is_safe = (
        not crossed
        and (start == 0 or text[start].isalnum())
        and (end == len(text) or text[end - 1].isalnum())
        and not any(_interferes(other, mark) for other in others)
    )
    return (sign, sign) if is_safe else (f"<{name}>", f"</{name}>")


_NEWLINES = re.compile(r"[\r\n]")


def _reference(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"


def _interferes(other: Mark, mark: Mark) -> bool:
    if other.kind == "link":  # its brackets within: punctuation where a letter must stand
        is_within = mark.start <= other.start and other.end <= mark.end
        return is_within and (other.start == mark.start or other.end == mark.end)
    return other.start <= mark.end and mark.start <= other.end


# ------------------------------------------------------------------------------ read


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    class Parser(MarkdownIt):
        """CommonMark with tables; addresses stay as they are written and are judged by us."""

        def normalizeLink(self, url: str) -> str:  # noqa: N802 - the library's name
            return url

        def validateLink(self, url: str) -> bool:  # noqa: N802
            return True

    # What is nested deeper than this is hostile: each level costs the parser some stack.
    return Parser("commonmark", {"maxNesting": 100}).enable("table")


def from_markdown(markdown: str, base: str | None = None) -> clean.Page:
    """Return the lines and pictures of a body in Markdown; *base* resolves relative links."""
    reader = _Reader(base)
    reader.read(_parser().parse(storable(markdown)))
    return reader.page


_MARK_TAGS: Mapping[str, str] = {
    "strong": "strong", "b": "strong", "em": "emphasis", "i": "emphasis", "a": "link",
}  # fmt: skip
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)")


class _Reader:
    """Goes through the tokens of a body once."""

    def __init__(self, base: str | None) -> None:
        self.page = clean.Page()
        self._base = base
        self._kinds: list[tuple[BlockKind, int]] = [("paragraph", 0)]
        self._depth = 0  # of lists
        self._note: _Note | None = None  # what the comment above says
        self._is_caption = False
        self._picture: int | None = None  # only captions stand between it and here
        self._captioned: set[int] = set()
        # the line at work
        self._pieces: list[str] = []
        self._length = 0
        self._has_blank = False  # before what comes next
        self._open: list[clean.LineMark] = []
        self._closed: list[clean.LineMark] = []

    def read(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            kind = token.type
            if kind == "inline":
                self._inline(token.children or ())
                self._flush()
            elif kind == "heading_open":
                self._kinds.append(("heading", int(token.tag[1])))
            elif kind == "blockquote_open":
                self._kinds.append(("quote", 0))
            elif kind in ("bullet_list_open", "ordered_list_open"):
                self._depth += 1
            elif kind in ("bullet_list_close", "ordered_list_close"):
                self._depth -= 1
            elif kind == "list_item_open":
                self._kinds.append(("item", self._depth))
            elif kind in ("th_open", "td_open"):
                self._kinds.append(("cell", 0))
            elif kind in (
                "heading_close", "blockquote_close", "list_item_close", "th_close", "td_close",
            ):  # fmt: skip
                self._kinds.pop()
            elif kind in ("fence", "code_block"):
                self._code(token.content)
            elif kind == "html_block":
                self._html(token.content)

    # ------------------------------------------------------------------ blocks

    def _code(self, content: str) -> None:
        self._kinds.append(("code", 0))
        for line in content.split("\n"):
            self._add(line)
            self._flush()
        self._kinds.pop()

    def _html(self, written: str) -> None:
        note = _read_note(written)
        if note is not None:
            self._note = note
            return
        html = written
        if markup.nesting(html) or markup.overloaded(html):
            html = markup.flattened(html)
        tree = markup.parse(html)
        outline = markup.Outline(tree.body or tree.root)
        found = clean.Walk(outline, self._base, {}).run()
        if not found.lines and not found.media:
            return
        lines, media = len(self.page.lines), len(self.page.media)
        for line in found.lines:
            if line.of_media is not None:
                line.of_media += media
        for medium in found.media:
            medium.before += lines
        self.page.lines += found.lines
        self.page.media += found.media
        self._picture = None
        self._captioned.update(one.of_media for one in found.lines if one.of_media is not None)

    # ------------------------------------------------------------------ lines

    def _inline(self, tokens: Sequence[Token]) -> None:
        if self._note is not None and self._note.kind in _PLAYERS:
            if self._player(self._note, tokens):
                return
            self._note = None
        for token in tokens:
            kind = token.type
            if kind in ("text", "code_inline", "text_special"):
                self._add(token.content)
            elif kind == "softbreak":
                self._add(" ")
            elif kind == "hardbreak":
                self._flush()
            elif kind == "strong_open":
                self._start("strong", None)
            elif kind == "em_open":
                self._start("emphasis", None)
            elif kind == "link_open":
                self._start("link", str(token.attrs.get("href", "")))
            elif kind in ("strong_close", "em_close", "link_close"):
                self._end({"s": "strong", "e": "emphasis", "l": "link"}[kind[0]])
            elif kind == "image":
                self._image(token)
            elif kind == "html_inline":
                self._tag(token.content)

    def _player(self, note: _Note, tokens: Sequence[Token]) -> bool:
        """Read the link below the comment of a player; False when there is none."""
        link = next((token for token in tokens if token.type == "link_open"), None)
        url = self._address(str(link.attrs.get("href", ""))) if link else None
        if link is None or url is None:
            return False
        words = _words(tokens).partition(" ")[2]
        alt = single_blanks(words) if note.titled else ""
        self._add_media(note.kind, url, alt, str(link.attrs.get("title", "")))
        return True

    def _image(self, token: Token) -> None:
        url = self._address(str(token.attrs.get("src", "")))
        if url is not None:
            self._flush()
            credit = str(token.attrs.get("title", ""))
            self._add_media("image", url, single_blanks(_words(token.children or ())), credit)

    def _add_media(self, kind: str, url: str, alt: str, credit: str) -> None:
        self._note = None
        self._picture = len(self.page.media)
        self.page.media.append(
            clean.RawMedia(kind, url, len(self.page.lines), alt or None, credit or None)
        )

    def _address(self, url: str) -> str | None:
        return url if is_web_address(url) else absolute(url, self._base)

    def _tag(self, written: str) -> None:
        match = _TAG.match(written)
        if match is None:  # a comment
            return
        tag = match[2].lower()
        if tag == "br":
            self._flush()
        elif tag == "small":
            if not match[1]:
                self._is_caption |= not self._length
        elif tag == "img":
            node = markup.parse(written).css_first("img")
            url = image_address(node.attributes, self._base) if node else None
            if node is not None and url is not None:
                self._flush()
                alt = single_blanks(node.attributes.get("alt") or "")
                self._add_media("image", url, alt, "")
        elif tag in _MARK_TAGS and match[1]:
            self._end(_MARK_TAGS[tag])
        elif tag == "a":
            node = markup.parse(written).css_first("a")
            self._start("link", (node and node.attributes.get("href")) or "")
        elif tag in _MARK_TAGS:
            self._start(_MARK_TAGS[tag], None)

    def _start(self, kind: str, url: str | None) -> None:
        self._open.append(clean.LineMark(kind, self._length, -1, url))

    def _end(self, kind: str) -> None:
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index].kind == kind:
                self._open[index].end = self._length
                self._closed.append(self._open.pop(index))
                return

    def _add(self, text: str) -> None:
        """Add text to the line; blanks become one, as in ``clean.Walk``."""
        text = visible(text)
        words = text.split()
        if not words:
            self._has_blank |= bool(text)
            return
        self._has_blank |= text[0].isspace()
        for word in words:
            if self._has_blank and self._length:
                self._pieces.append(" ")
                for mark in self._open:  # one opened just before the blank begins after it
                    if mark.start == self._length:
                        mark.start += 1
                self._length += 1
            self._pieces.append(word)
            self._length += len(word)
            self._has_blank = True
        self._has_blank = text[-1].isspace()

    def _flush(self) -> None:
        """End the current line."""
        if self._length:
            for mark in self._open:  # a mark that spans lines is one mark a line
                self._closed.append(clean.LineMark(mark.kind, mark.start, self._length, mark.url))
            self._end_line("".join(self._pieces))
            self._is_caption = False
        for mark in self._open:
            mark.start = 0
        self._closed = []
        self._pieces = []
        self._length = 0
        self._has_blank = False

    def _end_line(self, text: str) -> None:
        kind, level = self._kinds[-1]
        if self._is_caption:
            kind, level = "caption", 0
        note, self._note = self._note, None
        if note is not None and note.kind in _KINDS and note.kind != "title":
            kind = note.kind  # type: ignore[assignment]
            level = note.level or 0
        line = clean.Line(kind, text, level, self._marks())
        if kind != "caption":
            self._picture = None
        if note is not None and note.of is not None:
            line.of_media = note.of - 1 if note.of else None
        elif kind == "caption" and self._picture not in self._captioned:
            line.of_media = self._picture
        if line.of_media is not None:
            self._captioned.add(line.of_media)
        self.page.lines.append(line)

    def _marks(self) -> list[clean.LineMark]:
        found = []
        for mark in self._closed:
            if mark.start >= mark.end:
                continue
            if mark.kind == "link":
                mark.url = self._address(mark.url or "")
                if mark.url is None:
                    continue
            found.append(mark)
        # Inner marks are closed first; of those that start and end together the outer one leads.
        found.reverse()
        found.sort(key=lambda mark: (mark.start, -mark.end))
        return found


def _words(tokens: Sequence[Token]) -> str:
    """Return the bare words of inline tokens."""
    return "".join(
        _words(token.children) if token.children
        else " " if token.type in ("softbreak", "hardbreak")
        else "" if token.type == "html_inline"
        else token.content
        for token in tokens
    )  # fmt: skip
