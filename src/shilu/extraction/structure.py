"""What on a page is not the article, told by where it stands and what is beside it.

Cleaners that a selector and a pattern cannot tell. Each takes the outline of an item and its
address, and says which parts are left out under which rule; ``CLEANERS`` names them in the order
in which they are asked.

- ``lines_left_out``: lines that say what they are (© …, 关注我们, 上一篇), headings of related
  links with the links below them, lines of nothing but links; the words are in ``generic.toml``.
- ``link_lists``: lists whose every item is a link to the outlet's own pages.
- ``outside``: on whole pages, what lies around the element that holds the prose.

All of it is linear in the size of the page. A digest whose links are the article is restored by
``clean.is_mostly_links``.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from itertools import accumulate
from operator import attrgetter, itemgetter

from selectolax.lexbor import LexborNode

from shilu.config import Expected, check_table, parse_toml, texts
from shilu.errors import UsageError
from shilu.extraction.markup import Outline, Part
from shilu.urls import absolute, host_of

LeftOut = dict[int, str]  # index of a part in the outline: the rule that says it is no article

RELATED_LINKS = "generic.related_links"
_NAVIGATION = "generic.navigation"
_CONTROL = "generic.control"
_OUTSIDE = "generic.outside"

_ITEM_LISTS = frozenset({"ul", "ol"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_CELLS = frozenset({"td", "th"})
_PICTURES = frozenset({"img", "video", "iframe", "audio", "object", "embed", "picture"})
_UNDER_PICTURES = frozenset({"figcaption", "figure", "small"})

_MAX_LIST = 1000  # parts; "related" lists are short, and lists within lists are looked at each

# Chinese prose of a news agency seldom has a paragraph below this; headlines are shorter.
_PROSE_CHARS = 45
_SENTENCE_CHARS = 12
_SENTENCE_END = re.compile(r"[。！？!?…][”」』\"'’）)】]*$|[a-z0-9)”\"’'][.][”\"’')]*$")
# Set around labels: 【延伸閱讀】, ▲ …, » …, ： at the end
_AROUND = (
    " 【】[]［］（）()〔〕<>《》〈〉＜＞«»‹›|｜·•・‧－—–-_=~～*＊※●○■□▪▶►▷▼▲△▽→←↓↑★☆◆◇☞👉🔗📌"
    ":：.。…!！,，、;；\"“”'"
)
# What stands between and around links: bullets, dates, numbers, times.
_BESIDE_LINKS = re.compile(
    r"(?:[\s|｜·•・‧／/、,，;；>»›＞<《》「」“”▶►→▪■●○◆◇★☆※*+\-–—―:：.。()（）\[\]【】〔〕_=~#&…]"
    r"|\d{1,4}(?:[年月日/.:-]\d{0,2}){0,5}日?|20\d\d|[年月日]|\d|NEW|new|[图圖]|视频|組圖|组图)*"
)
_FILLER = re.compile(
    r"(?:\d{1,4}[-/.年月]\d{1,2}[-/.月]?(?:\d{1,4}日?)?(?:\s*\d{1,2}:\d{2}(?::\d{2})?)?|\d{1,2}:\d{2}"
    r"|\d{1,2}\s*(?:秒|分钟|分鐘|小时|小時|天|minutes?|hours?|days?)\s*(?:之?前|ago)"
    r"|[\d\s,.]{1,8}|\w{1,8}|[A-Za-z]{3,9}\.? \d{1,2}, \d{4})"
)
_MAX_BESIDE = 24  # characters beside each link of such a line
_ANNOUNCES = (":", "：")
_MAX_FILLERS = 2  # between two links of one list
_MAX_BOX = 1500  # characters of a box that a heading of related links begins
_MIN_HEADLINE = 8  # characters; a shorter line that is a link names a section or a person
_ROW = 3  # links on one line that make it a row
# The pictures of these are icons, QR codes and thumbnails, where they stand in one of these tags.
_OWN_PICTURES = frozenset({
    "generic.app", "generic.follow", "generic.share", "generic.donation", "generic.contact",
    RELATED_LINKS, _NAVIGATION, _CONTROL,
})  # fmt: skip
_WITH_PICTURE = frozenset({"a", "span", "p", "li", "strong", "b", "em"})
_TIERS = (60, 180, 500)  # characters; most rules look at short lines only, and those are few
_MAX_LINES = 10_000  # more are no article; each costs some microseconds
_SHARED_HOSTS = (
    "blogspot.com", "wordpress.com", "github.io", "substack.com", "medium.com", "tumblr.com",
    "pixnet.net", "weebly.com",
)  # fmt: skip


# ---------------------------------------------------------------------- words, read once


@dataclass(frozen=True, slots=True)
class LineRule:
    """What a whole line says that is not the article."""

    rule: str
    text: re.Pattern[str]  # matches the line, marks around it left out
    max_chars: int
    hints: tuple[str, ...]  # in lower case; the page must hold one
    label: bool  # what ends like a sentence does not count
    linked: bool  # only lines that hold a link
    place: str  # "end": only below the last line of prose; "top": above the first; "" anywhere


_LINE: Mapping[str, Expected] = {
    "rule": str, "text": str, "max_chars": int, "hints": list, "label": bool, "linked": bool,
    "place": str,
}  # fmt: skip
_HEADING: Mapping[str, Expected] = {"text": str, "max_chars": int}


class Hints:
    """One search of many lines for the hints of many rules."""

    def __init__(self, rules: Mapping[int, LineRule]) -> None:
        """*rules* by their number in the table."""
        self._rules = rules
        of_hint: dict[str, list[int]] = {}
        for number, rule in rules.items():
            for hint in rule.hints:
                of_hint.setdefault(hint, []).append(number)
        # Latin letters are few in Chinese text, and every one of them begins some hint.
        self._latin = [hint for hint in of_hint if hint.isascii()]
        others = [hint for hint in of_hint if not hint.isascii()]
        self._pattern = _any_of(others)
        self._of_hint = of_hint
        # A hint that is found hides one that begins within it.
        self._hidden = {
            hint: sorted(
                {
                    number
                    for other in others
                    if other != hint and _may_be_hidden(other, hint)
                    for number in of_hint[other]
                }.difference(of_hint[hint])
            )
            for hint in others
        }

    def found(self, lines: Sequence[_Line], among: dict[int, list[_Line]]) -> None:
        """Add to *among* by rule number the lines that hold one of its hints."""
        low = [line.text.lower() for line in lines]
        text = "\n".join(low)
        latin = text.encode("ascii", "ignore").decode("ascii")
        for hint in self._latin:
            if hint in latin:
                for line, words in zip(lines, low, strict=True):
                    if hint in words:
                        for number in self._of_hint[hint]:
                            _add(line, among.setdefault(number, []))
        if text.isascii():
            return
        starts = [0, *accumulate(len(words) + 1 for words in low)]
        for match in self._pattern.finditer(text):
            place = bisect_right(starts, match.start()) - 1
            line, hint = lines[place], match[0]
            for number in self._of_hint[hint]:
                _add(line, among.setdefault(number, []))
            for number in self._hidden[hint]:
                if any(other in low[place] for other in self._rules[number].hints):
                    _add(line, among.setdefault(number, []))


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of literals that looks at their first characters only once."""
    rests: dict[str, list[str]] = {}
    for word in words:
        rests.setdefault(word[0], []).append(re.escape(word[1:]))
    return re.compile("|".join(f"{re.escape(one)}(?:{'|'.join(r)})" for one, r in rests.items()))


def _may_be_hidden(hint: str, by: str) -> bool:
    """Tell whether a hint can begin within another.

    >>> _may_be_hidden("阅读全文", "继续阅读"), _may_be_hidden("阅读", "继续")
    (True, False)
    """
    return hint in by or any(hint.startswith(by[cut:]) for cut in range(len(by)))


def _add(line: _Line, lines: list[_Line]) -> None:
    if not lines or lines[-1] is not line:
        lines.append(line)


@dataclass(frozen=True)
class Words:
    """The line rules of ``generic.toml``."""

    rules: tuple[LineRule, ...]
    tiers: tuple[Hints, ...]  # of lines up to each length of _TIERS, of the rules that reach there
    heading: re.Pattern[str]
    max_heading: int


@cache
def words() -> Words:
    """Read ``[[line]]`` and ``[heading]`` of ``generic.toml``."""
    subject = "extraction/generic.toml"
    text = files("shilu.extraction").joinpath("generic.toml").read_text("utf-8")
    table = parse_toml(text, subject)
    rules = tuple(_line_rules(table["line"], subject))
    heading = table["heading"]
    check_table(heading, _HEADING, f"{subject} [heading]")
    return Words(
        rules,
        tuple(
            Hints({number: rule for number, rule in enumerate(rules) if rule.max_chars > over})
            for over in (0, *_TIERS[:-1])
        ),
        _pattern(heading["text"], f"{subject} [heading]"),
        heading["max_chars"],
    )


def _line_rules(rows: Iterable[dict[str, object]], subject: str) -> Iterator[LineRule]:
    for number, row in enumerate(rows, 1):
        where = f"{subject} [[line]] #{number}"
        check_table(row, _LINE, where)
        yield LineRule(
            rule=f"generic.{row['rule']}",
            text=_pattern(str(row["text"]), where),
            max_chars=int(str(row["max_chars"])),
            hints=texts(row, "hints", where),
            label=bool(row.get("label")),
            linked=bool(row.get("linked")),
            place=_place(row.get("place", ""), where),
        )


def _place(place: object, subject: str) -> str:
    if place not in ("", "top", "end"):
        raise UsageError(
            "config.bad_value", subject, key="place", value=repr(place), expected='"top" or "end"'
        )
    return str(place)


def _pattern(text: str, subject: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise UsageError(
            "config.bad_value", subject, key="text", value=text, expected=f"a pattern ({error})"
        ) from None


# ---------------------------------------------------------------------- lines


class _Line:
    """A line of the outline that is not blank."""

    bare: str | None = None  # the text without the marks around it, once asked for
    links = 0  # how many links it holds, or parts of them
    last: Part | None = None  # the last of them
    linked = 0  # how many of its characters are in links
    spans: list[tuple[int, int]] | None = None  # where the links are, in Outline.text
    outward = False  # whether one of them leads to another outlet
    rule: str | None = None  # by which it is left out

    def __init__(self, start: int, stop: int, text: str) -> None:
        self.start = start  # in Outline.text
        self.stop = stop
        self.text = text


class _Lines:
    """The lines of an item, and what is asked of them."""

    def __init__(self, outline: Outline, base: str | None) -> None:
        self.outline = outline
        self.lines: list[_Line] = []
        position = 0
        for raw in outline.text.split("\n"):
            stop = position + len(raw)
            text = raw.strip()
            if text:
                self.lines.append(_Line(position, stop, text))
            position = stop + 1
        self.has_links = False
        self._note_links(base)
        self._starts: list[int] | None = None
        self._pictures: list[Part] | None = None

    def _note_links(self, base: str | None) -> None:
        links = self.outline.elements(_LINKS)
        if not links:
            return
        sites: dict[str, bool] = {}
        own = _site(host_of(base)) if base else None
        index, count = 0, len(self.lines)
        for link in links:
            if link.stop <= link.start:
                continue
            href = link.node.attributes.get("href")
            if not href:
                continue
            outward = _leads_out(href, own, sites)
            while index < count and self.lines[index].stop <= link.start:
                index += 1
            number = index
            while number < count and self.lines[number].start < link.stop:
                line = self.lines[number]
                line.links += 1
                line.last = link
                line.outward = line.outward or outward
                start, stop = max(link.start, line.start), min(link.stop, line.stop)
                line.linked += stop - start
                if line.spans is None:
                    line.spans = []
                line.spans.append((start, stop))
                number += 1
                self.has_links = True

    # ------------------------------------------------------------------ of one line

    def unlinked(self, line: _Line) -> str:
        """Return what of a line is not in a link."""
        text = self.outline.text
        rest: list[str] = []
        position = line.start
        for start, stop in line.spans or ():
            rest.append(text[position : max(position, start)])
            position = max(position, stop)
        return " ".join((*rest, text[position : line.stop]))

    def is_link(self, line: _Line) -> bool:
        """Tell whether there is nothing on a line but links, bullets and dates."""
        return (
            line.links > 0
            and len(line.text) - line.linked <= _MAX_BESIDE * line.links + _MAX_BESIDE
            and _BESIDE_LINKS.fullmatch(self.unlinked(line)) is not None
        )

    def is_prose(self, line: _Line) -> bool:
        """Tell whether a line is a sentence, or as long as one."""
        length = len(line.text)
        if length >= _PROSE_CHARS and line.linked * 3 <= length * 2:
            return True
        return length >= _SENTENCE_CHARS and _SENTENCE_END.search(line.text) is not None

    def is_under_picture(self, line: _Line) -> bool:
        """Tell whether a line stands in a figure or right below a picture."""
        pictures = self._all_pictures()
        number = bisect_right(pictures, line.start, key=_start) - 1
        if number >= 0 and not self.outline.text[pictures[number].start : line.start].strip():
            return True
        return any(part.tag in _UNDER_PICTURES for part in self.around(line))

    def _all_pictures(self) -> list[Part]:
        if self._pictures is None:
            self._pictures = self.outline.elements(_PICTURES)
        return self._pictures

    def around(self, line: _Line) -> Iterator[Part]:
        """Yield the elements a line lies in, from the innermost outwards."""
        parts = self.outline.parts
        node: LexborNode | None = parts[bisect_right(self.starts(), line.start) - 1].node
        for _ in range(_MAX_ANCESTORS):
            if node is None or node.tag in ("body", "html"):
                return
            part = self.outline.find(node)
            if part is not None:
                yield part
            node = node.parent

    def starts(self) -> list[int]:
        """Return where each part of the outline begins."""
        if self._starts is None:
            self._starts = [part.start for part in self.outline.parts]
        return self._starts

    # ------------------------------------------------------------------ left out

    def cover(self, start: int, stop: int, rule: str, found: LeftOut) -> None:
        """Leave out the greatest parts between two positions; pictures of the article are kept."""
        parts = self.outline.parts
        index = bisect_left(self.starts(), start)
        count = len(parts)
        while index < count:
            part = parts[index]
            if part.start >= stop:
                return
            if (
                part.stop <= stop + 1
                and part.stop > part.start
                and (
                    (part.tag in _WITH_PICTURE and rule in _OWN_PICTURES)
                    or not self._holds_picture(part)
                )
            ):
                found.setdefault(index, rule)
                index = part.after
            else:
                index += 1

    def _holds_picture(self, part: Part) -> bool:
        pictures = self._all_pictures()
        number = bisect_left(pictures, part.index, key=_index)
        return number < len(pictures) and pictures[number].index < part.after


_start = attrgetter("start")
_index = attrgetter("index")
_LINKS = frozenset({"a"})
_MAX_ANCESTORS = 40


def _leads_out(href: str, own: str | None, sites: dict[str, bool]) -> bool:
    """Tell whether a link leads to another outlet; *sites* remembers the answer by host."""
    if "//" not in href[:8]:
        return href.startswith("mailto:")
    host = href.split("/", 3)[2].lower()
    if host not in sites:
        sites[host] = own is None or _site(host.rpartition("@")[2].partition(":")[0]) != own
    return sites[host]


def _site(host: str) -> str:
    """Return the part of a host that all of an outlet's hosts share.

    >>> _site("culture.news.com.cn"), _site("www.news.example"), _site("a.blogspot.com")
    ('news.com.cn', 'news.example', 'a.blogspot.com')
    """
    if host.endswith(_SHARED_HOSTS):
        return host
    labels = host.removeprefix("www.").split(".")
    is_two_part = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3 if is_two_part else -2 :])


def _is_sentence(text: str) -> bool:
    """Tell whether a line ends like a sentence; three points end a label."""
    text = text.rstrip("”」』\"'’）)】] ")
    return text[-1:] in ("。", "！", "？") or (text[-1:] == "." and text[-2:] != "..")


# ---------------------------------------------------------------------- what lines say


def lines_left_out(outline: Outline, base: str | None) -> LeftOut:
    """Find lines that say that they are no article, and lines of nothing but links."""
    lines = _Lines(outline, base)
    found: LeftOut = {}
    if not lines.lines:
        return found
    table = words()
    candidates = _candidates(table, lines) if len(lines.lines) <= _MAX_LINES else []
    for rule, among in candidates:
        if not rule.place:
            _apply(rule, lines, among)
    if lines.has_links:
        links = _Links(lines, table)
        links.run()
        found.update((link.index, _READ_MORE) for link in links.ways_on)
    for rule, among in candidates:
        if rule.place:
            _apply(rule, lines, _placed(rule.place, lines, among))
    _cover_lines(lines, found)
    return found


def _candidates(table: Words, lines: _Lines) -> list[tuple[LineRule, list[_Line]]]:
    """Return the rules that may say something, in their order, each with the lines it may mean."""
    tiers: list[list[_Line]] = [[] for _ in _TIERS]
    for line in lines.lines:
        length = len(line.text)
        if length <= _TIERS[-1]:
            tiers[0 if length <= _TIERS[0] else 1 if length <= _TIERS[1] else 2].append(line)
    among: dict[int, list[_Line]] = {}
    for hints, some in zip(table.tiers, tiers, strict=True):
        if some:
            hints.found(some, among)
    return [(table.rules[number], among[number]) for number in sorted(among)]


def _apply(rule: LineRule, lines: _Lines, among: Iterable[_Line]) -> None:
    if rule.linked and not lines.has_links:
        return
    for line in among:
        text = line.text
        if len(text) > rule.max_chars or line.rule is not None or (rule.linked and not line.links):
            continue
        if line.bare is None:
            line.bare = text.strip(_AROUND)
        if not rule.text.fullmatch(line.bare):
            continue
        if rule.label and _is_sentence(text):
            continue
        if rule.place == "end" and lines.is_under_picture(line):
            continue
        line.rule = rule.rule


def _placed(place: str, lines: _Lines, among: Sequence[_Line]) -> list[_Line]:
    """Return the lines that stand above the first prose, or below the last, that is kept."""
    is_top = place == "top"
    for line in lines.lines if is_top else reversed(lines.lines):
        if line.rule is None and lines.is_prose(line):
            edge = line.start
            return [line for line in among if (line.start < edge if is_top else line.start > edge)]
    return [] if is_top else list(among)


_FEED_FOOTER = "generic.feed_footer"
_ADDRESS = re.compile(r"(?:https?://)?[\w.-]+\.[a-z]{2,}(?:/\S*)?", re.IGNORECASE)


def _goes_with(line: _Line, rule: str) -> bool:
    return line.rule == rule or (
        rule == _FEED_FOOTER and line.rule is None and _ADDRESS.fullmatch(line.text) is not None
    )


def _cover_lines(lines: _Lines, found: LeftOut) -> None:
    """Note the parts of the lines left out; neighbours under one rule go together."""
    rows = lines.lines
    first = 0
    while first < len(rows):
        rule = rows[first].rule
        last = first
        if rule is not None:
            while last + 1 < len(rows) and _goes_with(rows[last + 1], rule):
                last += 1
            lines.cover(rows[first].start, rows[last].stop, rule, found)
        first = last + 1


# ---------------------------------------------------------------------- links


_READ_MORE = "generic.read_more"
# Feeds cut an item off and append the way to the rest: "… [继续阅读]".
_WAY_ON = re.compile(
    r"(?:read|see|view) (?:more|the rest|full (?:article|story|post))|continue reading.{0,20}|more|"
    r"(?:[阅閱][读讀]|查看|[继繼][续續][阅閱][读讀]|[点點][击擊][查阅閱][看读讀])(?:全文|更多|原文)?|[详詳][细細情]|更多",
    re.IGNORECASE,
)
_MAX_WAY_ON = 32  # characters
_AROUND_WAY_ON = " [(（【〔<《»>→"
_SENTENCE_ENDS = tuple('。！？….!?”」』"')


class _Links:
    """The pass over the lines that leaves out headings of related links and lines of links."""

    def __init__(self, lines: _Lines, table: Words) -> None:
        self._lines = lines
        self._rows = lines.lines
        self._table = table
        self.ways_on: list[Part] = []  # links to the rest of the text at the end of a paragraph
        self._single: list[_Line] = []  # lines of one link with no other beside them

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
                line.rule = _NAVIGATION
            return number + 1
        if line.outward:
            return number + 1
        return self._run_of_links(number)

    def _is_way_on(self, line: _Line, link: Part) -> bool:
        text = self._lines.outline.text
        if link.stop < line.stop - 2 or link.stop - link.start > _MAX_WAY_ON:
            return False
        before = text[line.start : link.start].rstrip(_AROUND_WAY_ON)
        return (
            _WAY_ON.fullmatch(text[link.start : link.stop].strip(_AROUND)) is not None
            and before[-1:] in _SENTENCE_ENDS
        )

    # ------------------------------------------------------------------ headings

    def _is_heading(self, line: _Line) -> bool:
        if line.rule is not None:
            return line.rule == _READ_MORE
        if len(line.text) > self._table.max_heading:
            return False
        if line.bare is None:
            line.bare = line.text.strip(_AROUND)
        return self._table.heading.fullmatch(line.bare) is not None

    def _is_labelled(self, line: _Line) -> bool:
        """Tell whether a line is a heading of related links with the link beside it."""
        if len(line.text) - line.linked > 2 * self._table.max_heading:
            return False
        label = self._lines.unlinked(line).strip(_AROUND)
        return (
            bool(label)
            and line.text.lstrip(_AROUND).startswith(label)
            and self._table.heading.fullmatch(label) is not None
            and not _is_sentence(line.text)
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
                and not _is_sentence(line.text)
                and not any(part.tag in _HEADINGS for part in self._lines.around(line))
            ):
                self._single.append(line)
        elif number > self._prose[0] or len(links) >= _ROW:
            for line in rows:
                if line.rule is None:
                    line.rule = RELATED_LINKS
        return last + 1

    def _is_kept_place(self, line: _Line) -> bool:
        """Tell whether links belong to what they stand in: a table, a caption, a quote."""
        return any(
            part.tag in _CELLS or part.tag in _UNDER_PICTURES or part.tag == "blockquote"
            for part in self._lines.around(line)
        )

    def _is_announced(self, number: int) -> bool:
        before = self._rows[number - 1] if number else None
        return before is not None and before.rule is None and before.text.endswith(_ANNOUNCES)


# ---------------------------------------------------------------------- lists of links


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
                url = absolute(link.node.attributes.get("href") or "", base)
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
    words_above = outline.words(above).strip(_AROUND)
    return (
        not outline.text[above.stop : part.start].strip()
        and bool(words_above)
        and words().heading.fullmatch(words_above.lower()) is None
    )


def _visible_chars(text: str) -> int:
    return len("".join(text.split()))


def _same_site(host: str, other: str) -> bool:
    return host == other or host.endswith(f".{other}") or other.endswith(f".{host}")


# ---------------------------------------------------------------------- whole pages


_MIN_ARTICLE = 200  # characters of prose; with less the page is no article, or a list of them
_SHARE = 0.8  # of the prose that the element entered next must hold
_NOT_ENTERED = frozenset({"p", "blockquote", "figure", "pre"}) | _HEADINGS
_BESIDE_ARTICLE = frozenset({"p", "blockquote", "figure"})
_ARTICLE_TAGS = frozenset({"article", "main"})
_READERS = re.compile(r"comment|repl(?:y|ies)|discuss|disqus|guestbook|评论", re.IGNORECASE)
_NO_PROSE = frozenset({"footer", "aside", "nav", "form"})
# Around the article these are about it: who made it, where it is from, what was corrected.
_ABOUT = re.compile(
    r"(?:编辑|編輯|责编|責編|记者|記者|作者|撰文|来源|來源|稿源|校对|校對|审核|監製|翻译|翻譯|译者|譯者|"
    r"摄影|攝影|原标题|原標題|Source)\s*[:：/丨|]"
    r"|^[（(【\[]?\s*(?:编者按|編者按|更正|Correction|Editor['’]s note|By\b|Reporting by|"
    r"Editing by|完[）)])"
)
_MAX_ABOUT = 120  # characters of such a line
_ABOUT_LINES = 12  # below the article within which one may stand
_MAX_HEAD = 1200  # characters between the headline and the prose; more is no head of an article


def outside(outline: Outline, base: str | None) -> LeftOut:
    """Find what lies around the article on a whole page.

    The article is the smallest element that holds nearly all prose, with its head from the headline
    on; what readers say is no prose. Lines right below that tell who made it are kept. An item of a
    feed is no page: it has no ``<title>``.
    """
    found: LeftOut = {}
    if not _is_page(outline):
        return found
    lines = _Lines(outline, base)
    readers = _readers(outline)
    prose = [
        line
        for line in lines.lines
        if lines.is_prose(line) and not lines.is_link(line) and not _within(line.start, readers)
    ]
    starts = [line.start for line in prose]
    sums = [0, *accumulate(max(0, len(line.text) - line.linked) for line in prose)]

    def share(part: Part) -> int:
        return sums[bisect_left(starts, part.stop)] - sums[bisect_left(starts, part.start)]

    if sums[-1] < _MIN_ARTICLE:
        return found
    article = _article(outline, share, sums[-1])
    if article is None:
        return found
    spans = _kept_spans(outline, lines, article)
    _leave_out_around(outline, spans, found)
    return found


def _is_page(outline: Outline) -> bool:
    node = outline.parts[0].node.parent if outline.parts else None
    head = node.parent.first_child if node is not None and node.parent is not None else None
    if node is None or node.tag != "body" or head is None or head.tag != "head":
        return False
    child = head.first_child
    while child is not None:
        if child.tag == "title":
            return True
        child = child.next
    return False


def _readers(outline: Outline) -> list[tuple[int, int]]:
    """Return where readers have the word, and where no prose stands; in order, none in another."""
    spans: list[tuple[int, int]] = []
    index, parts = 0, outline.parts
    while index < len(parts):
        part = parts[index]
        index += 1
        if part.tag in _NO_PROSE or (part.tag != "-text" and _is_readers(part)):
            spans.append((part.start, part.stop))
            index = max(index, part.after)
    return spans


def _is_readers(part: Part) -> bool:
    if part.tag not in ("div", "section", "ul", "ol", "li"):
        return False
    attributes = part.node.attributes
    return (
        _READERS.search(f"{attributes.get('class') or ''} {attributes.get('id') or ''}") is not None
    )


def _within(position: int, spans: Sequence[tuple[int, int]]) -> bool:
    number = bisect_right(spans, position, key=itemgetter(0)) - 1
    return number >= 0 and spans[number][0] <= position < spans[number][1]


def _article(outline: Outline, share: Callable[[Part], int], total: int) -> Part | None:
    """Go down from the body into what holds nearly all prose; each part is looked at once."""
    parts = outline.parts
    article: Part | None = None
    index, end = 0, len(parts)
    while index < end:
        part = parts[index]
        if (
            part.tag != "-text"
            and part.tag not in _NOT_ENTERED
            and part.stop - part.start >= total * _SHARE
            and share(part) >= total * _SHARE
        ):
            article = part
            index, end = index + 1, part.after
        else:
            index = part.after
    return article


def _kept_spans(outline: Outline, lines: _Lines, article: Part) -> list[tuple[int, int]]:
    """Return the article, its head from the headline on, and the lines about it, in order."""
    start, stop = article.start, article.stop
    for node in _ancestors(article, outline):
        if node.tag in _ARTICLE_TAGS and node.stop - node.start <= 2 * (stop - start):
            start, stop = node.start, node.stop
            break
    beside = _beside(outline, article)
    rows = lines.lines
    first = bisect_left(rows, start, key=_start)
    after = bisect_left(rows, stop, key=_start)
    headline = next(
        (
            part
            for part in reversed(outline.elements(_HEADLINE))
            if part.stop <= start and start - part.start <= _MAX_HEAD
        ),
        None,
    )
    spans: list[tuple[int, int]] = []
    if headline is not None:
        top = bisect_left(rows, headline.start, key=_start)
        spans += [
            (line.start, line.stop)
            for line in rows[top:first]
            if line.start < headline.stop
            or (lines.is_prose(line) and not lines.is_link(line))
            or _is_about(line)
            or lines.is_under_picture(line)
        ]
    spans += [(start, stop), *((part.start, part.stop) for part in beside)]
    spans += [
        (line.start, line.stop) for line in rows[after : after + _ABOUT_LINES] if _is_about(line)
    ]
    return _joined(spans)


def _beside(outline: Outline, article: Part) -> Iterator[Part]:
    """Yield paragraphs that stand beside the article in the same element: a lead, a note."""
    parent = article.node.parent
    above = outline.find(parent) if parent is not None else None
    if above is None:
        return
    index = above.index + 1
    while index < above.after:
        part = outline.parts[index]
        if part.tag in _BESIDE_ARTICLE:
            yield part
        index = part.after


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, those that touch or overlap as one."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        else:
            joined.append((start, stop))
    return joined


_HEADLINE = frozenset({"h1"})


def _is_about(line: _Line) -> bool:
    return len(line.text) <= _MAX_ABOUT and _ABOUT.search(line.text) is not None


def _ancestors(part: Part, outline: Outline) -> Iterator[Part]:
    node = part.node.parent
    while node is not None and node.tag != "body":
        above = outline.find(node)
        if above is not None:
            yield above
        node = node.parent


def _leave_out_around(outline: Outline, spans: Sequence[tuple[int, int]], found: LeftOut) -> None:
    """Leave out the greatest parts that hold nothing of what is kept."""
    parts = outline.parts
    stops = [stop for _, stop in spans]
    index = 0
    while index < len(parts):
        part = parts[index]
        number = bisect_right(stops, part.start)
        if number < len(spans) and spans[number][0] < max(part.stop, part.start + 1):
            is_whole = spans[number][0] <= part.start and part.stop <= spans[number][1]
            index = part.after if is_whole else index + 1
            continue
        if part.stop > part.start:
            found[index] = _OUTSIDE
        index = part.after


CLEANERS: Sequence[Callable[[Outline, str | None], LeftOut]] = (
    lines_left_out,
    link_lists,
    outside,
)
