"""The lines of an item, and what is asked of each: its links, its picture, whether it is prose."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from operator import attrgetter

from selectolax.lexbor import LexborNode

from shilu.extraction.markup import Outline, Part
from shilu.urls import host_of

LeftOut = dict[int, str]  # index of a part in the outline: the rule that says it is no article

RELATED_LINKS = "generic.related_links"
NAVIGATION = "generic.navigation"
_CONTROL = "generic.control"

_PICTURES = frozenset({"img", "video", "iframe", "audio", "object", "embed", "picture"})
UNDER_PICTURES = frozenset({"figcaption", "figure", "small"})
# Chinese prose of a news agency seldom has a paragraph below this; headlines are shorter.
_PROSE_CHARS = 45
_SENTENCE_CHARS = 12
_SENTENCE_END = re.compile(r"[。！？!?…][”」』\"'’）)】]*$|[a-z0-9)”\"’'][.][”\"’')]*$")
# Set around labels: 【延伸閱讀】, ▲ …, » …, ： at the end
AROUND = (
    " 【】[]［］（）()〔〕<>《》〈〉＜＞«»‹›|｜·•・‧－—–-_=~～*＊※●○■□▪▶►▷▼▲△▽→←↓↑★☆◆◇☞👉🔗📌"
    ":：.。…!！,，、;；\"“”'"
)
# What stands between and around links: bullets, dates, numbers, times.
_BESIDE_LINKS = re.compile(
    r"(?:[\s|｜·•・‧／/、,，;；>»›＞<《》「」“”▶►→▪■●○◆◇★☆※*+\-–—―:：.。()（）\[\]【】〔〕_=~#&…]"
    r"|\d{1,4}(?:[年月日/.:-]\d{0,2}){0,5}日?|20\d\d|[年月日]|\d|NEW|new|[图圖]|视频|組圖|组图)*"
)
_MAX_BESIDE = 24  # characters beside each link of such a line
# The pictures of these are icons, QR codes and thumbnails, where they stand in one of these tags.
_OWN_PICTURES = frozenset({
    "generic.app", "generic.follow", "generic.share", "generic.donation", "generic.contact",
    RELATED_LINKS, NAVIGATION, _CONTROL,
})  # fmt: skip
_WITH_PICTURE = frozenset({"a", "span", "p", "li", "strong", "b", "em"})
_SHARED_HOSTS = (
    "blogspot.com", "wordpress.com", "github.io", "substack.com", "medium.com", "tumblr.com",
    "pixnet.net", "weebly.com",
)  # fmt: skip


class PageLine:
    """A line of the outline that is not blank."""

    bare: str | None = None  # the text without the marks around it, once asked for
    links = 0  # how many links it holds, or parts of them
    last: Part | None = None  # the last of them
    linked = 0  # how many of its characters are in links
    spans: list[tuple[int, int]] | None = None  # where the links are, in Outline.text
    outward = False  # whether one of them leads to another outlet
    rule: str | None = None  # by which it is left out

    def __init__(self, start: int, stop: int, text: str, lower: str) -> None:
        self.start = start  # in Outline.text
        self.stop = stop
        self.text = text
        self.lower = lower  # the same in lower case


class PageLines:
    """The lines of an item, and what is asked of them."""

    def __init__(self, outline: Outline, base: str | None) -> None:
        self.outline = outline
        self.lines: list[PageLine] = []
        position = 0
        raw_lines, lower_lines = outline.text.split("\n"), outline.lower.split("\n")
        for raw, lower in zip(raw_lines, lower_lines, strict=True):
            stop = position + len(raw)
            text = raw.strip()
            if text:
                self.lines.append(PageLine(position, stop, text, lower.strip()))
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
            href = link.attributes.get("href")
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

    def unlinked(self, line: PageLine) -> str:
        """Return what of a line is not in a link."""
        text = self.outline.text
        rest: list[str] = []
        position = line.start
        for start, stop in line.spans or ():
            rest.append(text[position : max(position, start)])
            position = max(position, stop)
        return " ".join((*rest, text[position : line.stop]))

    def is_link(self, line: PageLine) -> bool:
        """Tell whether there is nothing on a line but links, bullets and dates."""
        return (
            line.links > 0
            and len(line.text) - line.linked <= _MAX_BESIDE * line.links + _MAX_BESIDE
            and _BESIDE_LINKS.fullmatch(self.unlinked(line)) is not None
        )

    def is_prose(self, line: PageLine) -> bool:
        """Tell whether a line is a sentence, or as long as one."""
        length = len(line.text)
        if length >= _PROSE_CHARS and line.linked * 3 <= length * 2:
            return True
        return length >= _SENTENCE_CHARS and _SENTENCE_END.search(line.text) is not None

    def is_under_picture(self, line: PageLine) -> bool:
        """Tell whether a line stands in a figure or right below a picture."""
        pictures = self._all_pictures()
        number = bisect_right(pictures, line.start, key=_start) - 1
        if number >= 0 and not self.outline.text[pictures[number].start : line.start].strip():
            return True
        return any(part.tag in UNDER_PICTURES for part in self.around(line))

    def _all_pictures(self) -> list[Part]:
        if self._pictures is None:
            self._pictures = self.outline.elements(_PICTURES)
        return self._pictures

    def around(self, line: PageLine) -> Iterator[Part]:
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


def is_sentence(text: str) -> bool:
    """Tell whether a line ends like a sentence; three points end a label."""
    text = text.rstrip("”」』\"'’）)】] ")
    return text[-1:] in ("。", "！", "？") or (text[-1:] == "." and text[-2:] != "..")
