"""Lines and lists of nothing but links: related articles below their heading, navigation."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from operator import attrgetter

from shilu.extraction.line_rules import Words, words
from shilu.extraction.lines import (
    AROUND,
    NAVIGATION,
    RELATED_LINKS,
    UNDER_PICTURES,
    LeftOut,
    PageLine,
    PageLines,
    is_sentence,
)
from shilu.extraction.markup import Outline, Part
from shilu.urls import absolute, host_of

_ITEM_LISTS = frozenset({"ul", "ol"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_CELLS = frozenset({"td", "th"})
_MAX_LIST = 1000  # parts; "related" lists are short, and lists within lists are looked at each
_FILLER = re.compile(
    r"(?:\d{1,4}[-/.年月]\d{1,2}[-/.月]?(?:\d{1,4}日?)?(?:\s*\d{1,2}:\d{2}(?::\d{2})?)?|\d{1,2}:\d{2}"
    r"|\d{1,2}\s*(?:秒|分钟|分鐘|小时|小時|天|minutes?|hours?|days?)\s*(?:之?前|ago)"
    r"|[\d\s,.]{1,8}|\w{1,8}|[A-Za-z]{3,9}\.? \d{1,2}, \d{4})"
)
_ANNOUNCES = (":", "：")
_MAX_FILLERS = 2  # between two links of one list
_MAX_BOX = 1500  # characters of a box that a heading of related links begins
_MIN_HEADLINE = 8  # characters; a shorter line that is a link names a section or a person
_ROW = 3  # links on one line that make it a row
READ_MORE = "generic.read_more"
# Feeds cut an item off and append the way to the rest: "… [继续阅读]".
_WAY_ON = re.compile(
    r"(?:read|see|view) (?:more|the rest|full (?:article|story|post))|continue reading.{0,20}|more|"
    r"(?:[阅閱][读讀]|查看|[继繼][续續][阅閱][读讀]|[点點][击擊][查阅閱][看读讀])(?:全文|更多|原文)?|[详詳][细細情]|更多",
    re.IGNORECASE,
)
_MAX_WAY_ON = 32  # characters
_AROUND_WAY_ON = " [(（【〔<《»>→"
_SENTENCE_ENDS = tuple('。！？….!?”」』"')


class LinkLines:
    """The pass over the lines that leaves out headings of related links and lines of links."""

    def __init__(self, lines: PageLines, table: Words) -> None:
        self._lines = lines
        self._rows = lines.lines
        self._table = table
        self.ways_on: list[Part] = []  # links to the rest of the text at the end of a paragraph
        self._single: list[PageLine] = []  # lines of one link with no other beside them

    @cached_property
    def _prose(self) -> list[int]:
        return [number for number, row in enumerate(self._rows) if self._lines.is_prose(row)]

    def run(self) -> None:
        """Set the rule of every line that is left out."""
        number = 0
        while number < len(self._rows):
            number = self._at(number)
        # A digest has a link for every item; an article has one between many paragraphs.
        if self._single and len(self._prose) >= max(3, 4 * len(self._single) - 3):
            for line in self._single:
                line.rule = RELATED_LINKS

    def _at(self, number: int) -> int:
        """Decide about the lines from one on; return the next to look at."""
        line = self._rows[number]
        if self._is_heading(line):
            return self._below_heading(number)
        if line.rule is not None or not line.links:
            return number + 1
        if self._is_labelled(line):
            line.rule = RELATED_LINKS
            return number + 1
        if not self._lines.is_link(line):
            if line.last is not None and self._is_way_on(line, line.last):
                self.ways_on.append(line.last)
            return number + 1
        if line.links >= _ROW and len(line.text) <= 12 * line.links:
            if not self._is_announced(number):
                line.rule = NAVIGATION
            return number + 1
        if line.outward:
            return number + 1
        return self._run_of_links(number)

    def _is_way_on(self, line: PageLine, link: Part) -> bool:
        text = self._lines.outline.text
        if link.stop < line.stop - 2 or link.stop - link.start > _MAX_WAY_ON:
            return False
        before = text[line.start : link.start].rstrip(_AROUND_WAY_ON)
        return (
            _WAY_ON.fullmatch(text[link.start : link.stop].strip(AROUND)) is not None
            and before[-1:] in _SENTENCE_ENDS
        )

    # ------------------------------------------------------------------ headings

    def _is_heading(self, line: PageLine) -> bool:
        if line.rule is not None:
            return line.rule == READ_MORE
        if len(line.text) > self._table.max_heading:
            return False
        if line.bare is None:
            line.bare = line.text.strip(AROUND)
        return self._table.heading.fullmatch(line.bare) is not None

    def _is_labelled(self, line: PageLine) -> bool:
        """Tell whether a line is a heading of related links with the link beside it."""
        if len(line.text) - line.linked > 2 * self._table.max_heading:
            return False
        label = self._lines.unlinked(line).strip(AROUND)
        return (
            bool(label)
            and line.text.lstrip(AROUND).startswith(label)
            and self._table.heading.fullmatch(label) is not None
            and not is_sentence(line.text)
        )

    def _below_heading(self, number: int) -> int:
        """Leave out a heading with the links that follow it until prose resumes."""
        last = self._last_link(number + 1, is_any=True)
        box = self._box(number)
        last = max(last, box)
        if last <= number:
            return number + 1
        for line in self._rows[number : last + 1]:
            if line.rule is None:
                line.rule = RELATED_LINKS
        return last + 1

    def _box(self, number: int) -> int:
        """Return the last line of the box that a heading begins, its own when it begins none."""
        heading = self._rows[number]
        limit = min(_MAX_BOX, int(0.4 * len(self._lines.outline.text)))
        stop = heading.stop
        for part in self._lines.around(heading):
            if part.start < heading.start or part.stop - part.start > limit:
                break
            stop = part.stop
        last, links = number, 0
        while last + 1 < len(self._rows) and self._rows[last + 1].start < stop:
            last += 1
            links += self._lines.is_link(self._rows[last])
        return last if links * 4 >= last - number and links else number

    # ------------------------------------------------------------------ runs

    def _last_link(self, number: int, is_any: bool = False) -> int:
        """Return the last line of a run of links from a line on; the one before it for none."""
        last, fillers = number - 1, 0
        for index in range(number, len(self._rows)):
            line = self._rows[index]
            if self._lines.is_link(line) and (is_any or not line.outward):
                last, fillers = index, 0
            elif fillers < _MAX_FILLERS and _FILLER.fullmatch(line.text):
                fillers += 1
                if last == index - 1 and last >= number and not line.text.isalpha():
                    last = index  # a date below its headline
            else:
                break
        return last

    def _run_of_links(self, number: int) -> int:
        last = self._last_link(number)
        rows = self._rows[number : last + 1]
        links = [line for line in rows if line.links]
        if self._is_announced(number) or not self._prose or self._is_kept_place(rows[0]):
            return last + 1
        if len(links) == 1:
            line = links[0]
            if (
                number > self._prose[0]
                and len(line.text) >= _MIN_HEADLINE
                and not is_sentence(line.text)
                and not any(part.tag in _HEADINGS for part in self._lines.around(line))
            ):
                self._single.append(line)
        elif number > self._prose[0] or len(links) >= _ROW:
            for line in rows:
                if line.rule is None:
                    line.rule = RELATED_LINKS
        return last + 1

    def _is_kept_place(self, line: PageLine) -> bool:
        """Tell whether links belong to what they stand in: a table, a caption, a quote."""
        return any(
            part.tag in _CELLS or part.tag in UNDER_PICTURES or part.tag == "blockquote"
            for part in self._lines.around(line)
        )

    def _is_announced(self, number: int) -> bool:
        before = self._rows[number - 1] if number else None
        return before is not None and before.rule is None and before.text.endswith(_ANNOUNCES)


# ---------------------------------------------------------------------- lists


def link_lists(outline: Outline, base: str | None) -> LeftOut:
    """Find lists whose every item is only a link to the outlet's own pages: "related", not prose.

    A list that a colon announces belongs to the text, and so does one that leads elsewhere, and
    so do those of a digest, each under a heading of its own.
    """
    found: LeftOut = {}
    if base is None:
        return found
    host = host_of(base)
    for part in outline.elements(_ITEM_LISTS):
        if part.after - part.index > _MAX_LIST:
            continue
        inside = outline.parts[part.index + 1 : part.after]
        linked = 0
        for link in inside:
            if link.tag == "a":
                url = absolute(link.attributes.get("href") or "", base)
                if url is None or not _same_site(host_of(url), host):
                    break
                linked += _visible_chars(outline.text[link.start : link.stop])
        else:
            whole = outline.text[part.start : part.stop]
            announced = (
                outline.text[max(0, part.start - 3) : part.start].rstrip()[-1:] in _ANNOUNCES
            )
            if linked and linked == _visible_chars(whole) and not announced:
                found[part.index] = RELATED_LINKS
    headed = [index for index in found if _is_headed(outline.parts[index], outline)]
    if len(headed) >= _DIGEST:
        for index in headed:
            del found[index]
    return found


_DIGEST = 3  # lists right below headings of their own: a digest, whose links are its text


def _is_headed(part: Part, outline: Outline) -> bool:
    """Tell whether a heading that does not speak of related links stands right above a part."""
    headings = outline.elements(_HEADINGS)
    place = bisect_right(headings, part.start, key=attrgetter("stop"))
    if not place:
        return False
    above = headings[place - 1]
    words_above = outline.words(above).strip(AROUND)
    return (
        not outline.text[above.stop : part.start].strip()
        and bool(words_above)
        and words().heading.fullmatch(words_above.lower()) is None
    )


def _visible_chars(text: str) -> int:
    return len("".join(text.split()))


def _same_site(host: str, other: str) -> bool:
    return host == other or host.endswith(f".{other}") or other.endswith(f".{host}")
