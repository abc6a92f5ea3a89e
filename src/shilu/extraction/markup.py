"""From markup to a flat outline of it: what is parsed, and what each element says.

The parser builds a tree; ``Outline`` walks it once and lays it out as a list, so that everything
after it (rules, dates, lines) asks a list and not the tree. Markup that a parser could only read in
time growing with its square (made to harm, or broken beyond repair) is flattened first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from functools import cached_property
from types import MappingProxyType

from selectolax.lexbor import LexborHTMLParser, LexborNode

from shilu.text import BREAK_IN_WIDE, visible

# HTML Standard, "Rendering": elements with display block, list-item or table-*; br and the
# embedded ones, which stand on a line of their own here too.
BLOCK_TAGS = frozenset({
    "address", "article", "aside", "audio", "blockquote", "body", "caption", "center", "dd",
    "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure",
    "footer", "form", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr",
    "html", "iframe", "legend", "li", "main", "menu", "nav", "object", "ol", "p", "pre",
    "search", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
    "video",
})  # fmt: skip
_BORDERS = BLOCK_TAGS | {"br", "img", "embed", "small"}
_INVISIBLE_TAGS = frozenset({
    "head", "link", "meta", "script", "style", "template", "title",
})  # fmt: skip
_VOID_TAGS = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param",
    "source", "track", "wbr",
})  # fmt: skip

# Tags that an upstream generator glued to their first attribute by joining lines without a blank:
# <imgsrc="…", <sourcetype="…", <youtube-playertype="em".
_GLUED_TAG = re.compile(
    r"<(img|source|picture|video|audio|iframe|figure|div|span|p|a|ul|li|(?:youtube|video|audio)-player)"
    r"(?=(?:src|srcset|type|class|id|href|alt|width|height|style|title|media|sizes|loading|target"
    r"|fetchpriority|decoding|crossorigin|allow|source|media-id|role|aria-[\w-]+|data-[\w-]+|v-[\w:-]+)=)",
    re.I,
)

_LIKE_GLUED = re.compile(r"<[A-Za-z][\w:-]*=")


# What our own HTML of an article begins with (``rendering``).
CLEAN = '<article data-shilu="clean">'

# Written as in XML these end at once; as HTML they hold all that follows, mostly as raw text.
_SELF_CLOSED = re.compile(
    r"<(iframe|script|style|noscript|video|audio|object|title|textarea|noembed|noframes)\b"
    r"((?:[^<>\"']|\"[^\"<]{0,4096}\"|'[^'<]{0,4096}')*+)(?<=/)>", re.I
)  # fmt: skip


def parse(html: str) -> LexborHTMLParser:
    """Parse HTML (by its Standard, but for self-closed players; never fails)."""
    if "/>" in html:
        html = _SELF_CLOSED.sub(r"<\1\2></\1>", html)
    if _LIKE_GLUED.search(html):  # hardly any page; the pattern above is dear on all of them
        html = _GLUED_TAG.sub(r"<\1 ", html)
    return LexborHTMLParser(html)


# ---------------------------------------------------------------------- what is dear to parse

# html5 parsers look through the open elements at every start tag, so nesting costs its square;
# real pages stay below 60 deep.
MAX_DEPTH = 600
# Up to this many tags the worst nesting that the count below could miss is parsed in a second or
# two; with more, end tags must stand in their right order to count. Real pages have some hundreds.
_MANY_TAGS = 10_000
# Formatting elements left open are opened again in every block that follows (HTML Standard,
# "reconstruct the active formatting elements"), a copy each. Broken pages leave a handful open.
_MAX_FORMATTING = 64
_MAX_COPIES = 500_000
# Each attribute is compared with all before it.
_MAX_ATTRIBUTES = 5_000

_FORMATTING = frozenset({
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt",
    "u",
})  # fmt: skip
_CELLS = frozenset({"td", "th", "caption"})
_WALLS = _CELLS | {"table", "html", "template", "object", "marquee", "applet", "select", "button"}
# Which open element a new one ends, looking past what may stand between.
_IMPLIED_ENDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "li": frozenset({"li"}),
        **dict.fromkeys(("dt", "dd"), frozenset({"dt", "dd"})),
    }
)
_LOOKED_PAST = frozenset({"p", "div", "address"})
_P, _NOTHING = frozenset({"p"}), frozenset[str]()
_NOT_TABLE = BLOCK_TAGS - {"table"}
# Which open part of a table a new one ends; outside a table the tags are nothing.
_TABLE_PARTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **dict.fromkeys(("td", "th"), frozenset({"td", "th"})),
        "tr": frozenset({"tr"}),
        **dict.fromkeys(("tbody", "thead", "tfoot"), frozenset({"tbody", "thead", "tfoot"})),
        "caption": frozenset({"caption"}),
    }
)
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)([^<>]*)", re.I)
_LONG_TAG = re.compile(rf"<[a-z][^<>]{{{_MAX_ATTRIBUTES},}}", re.I)


def nesting(html: str, limit: int = MAX_DEPTH) -> int:
    """Return how deep *html* nests as far as counted when more than *limit*, else 0.

    Counts much as a parser would: void tags do not nest, an end tag closes only what is open,
    ``<p>`` and ``<li>`` end the one before. Linear in the length, whatever stands in it.

    >>> nesting("<div>" * 700) > 600, nesting("<br><p>一<p>二<img src=x>" * 700)
    (True, 0)
    """
    count = html.count("<")
    if count <= limit:
        return 0
    open_tags = _OpenTags(is_strict=count > _MANY_TAGS)
    for match in _TAG.finditer(html):
        tag = match[2].lower()
        if match[1]:
            open_tags.end(tag)
        elif tag not in _VOID_TAGS:
            open_tags.start(tag, match[3])
        depth = len(open_tags.stack)
        if depth > limit or open_tags.copies > _MAX_COPIES:
            return max(depth, limit + 1)
        if len(open_tags.formatting) > _MAX_FORMATTING:
            return limit + 1
    return 0


class _OpenTags:
    """The stack of open elements and the active formatting elements of the HTML Standard."""

    def __init__(self, is_strict: bool) -> None:
        self._is_strict = is_strict  # whether an end tag closes only the innermost element
        self.stack: list[str] = []
        self.formatting: list[tuple[str, str]] = []  # ("", "") marks the border of a cell
        self.copies = 0  # bound on the elements made by reopening formatting

    def start(self, tag: str, attributes: str) -> None:
        if attributes.endswith("/") and ("svg" in self.stack or "math" in self.stack):
            return
        if tag in _TABLE_PARTS:
            if "table" not in self.stack:
                return
            self._end_open(_TABLE_PARTS[tag], _NOT_TABLE)
        elif tag in ("option", "select") and tag in self.stack[-2:]:
            self._pop(max(len(self.stack) - 2, 0) + self.stack[-2:].index(tag))
        elif tag in _IMPLIED_ENDS and self._end_open(_IMPLIED_ENDS[tag], _LOOKED_PAST):
            pass
        elif tag in BLOCK_TAGS:
            self._end_open(_P, _NOTHING)
        if tag in _FORMATTING:
            key = (tag, "" if tag == "a" else attributes)
            # At most three that are alike ("Noah's Ark"), and one link.
            if self.formatting.count(key) >= (1 if tag == "a" else 3):
                self.formatting.remove(key)
            self.formatting.append(key)
        elif tag in _CELLS:
            self.formatting.append(("", ""))
        self.stack.append(tag)

    def _end_open(self, ended: frozenset[str], looked_past: frozenset[str]) -> bool:
        for index in range(len(self.stack) - 1, -1, -1):
            name = self.stack[index]
            if name in ended:
                self._pop(index)
                return True
            if name in BLOCK_TAGS and name not in looked_past:
                return False
        return False

    def end(self, tag: str) -> None:
        for index in range(len(self.formatting) - 1, -1, -1):
            name = self.formatting[index][0]
            if name == tag:
                del self.formatting[index]
                break
            if not name:
                break
        is_block = tag in BLOCK_TAGS
        for index in range(len(self.stack) - 1, -1, -1):
            name = self.stack[index]
            if name == tag:
                # A form is closed and what was opened in it stays open.
                if index == len(self.stack) - 1 or not (self._is_strict or tag == "form"):
                    self._pop(index)
                return
            # A cell keeps what was opened outside it open, and a block the inline tags outside.
            if name in _WALLS and not (tag == "table" or (tag == "tr" and name in _CELLS)):
                return
            if name in BLOCK_TAGS and not is_block:
                return

    def _pop(self, index: int) -> None:
        if any(name in _CELLS for name in self.stack[index:]) and ("", "") in self.formatting:
            while self.formatting.pop() != ("", ""):
                pass
        del self.stack[index:]
        self.copies += len(self.formatting)


def overloaded(html: str) -> bool:
    """Tell whether a tag has more attributes than any page gives one."""
    return len(html) > _MAX_ATTRIBUTES and any(
        match[0].count("=") + len(match[0].split()) > _MAX_ATTRIBUTES
        for match in _LONG_TAG.finditer(html)
    )


# The bound on a quoted value keeps the pattern linear where quotation marks do not pair.
_ANY_TAG = re.compile(
    r"</?([a-z][a-z0-9]*)(?:[^<>\"']|\"[^\"<]{0,4096}\"|'[^'<]{0,4096}'|[\"'])*+>?", re.I
)
_BREAKS = re.compile(r"<br>(?:\s*<br>)+")
_UNSEEN_START = re.compile(r"<(?:(script|style|template)\b|!--)", re.I)


def flattened(html: str) -> str:
    """Return markup without its tags, block tags as line breaks; linear in its length."""
    lines = _ANY_TAG.sub(
        lambda match: "<br>" if match[1].lower() in _BORDERS else "", _without_unseen(html)
    )
    return _BREAKS.sub("<br>", lines)


def _without_unseen(html: str) -> str:
    """Return markup without comments, scripts and styles that are closed."""
    kept: list[str] = []
    position = 0
    lower = html.lower()
    unclosed: set[str] = set()
    for match in _UNSEEN_START.finditer(html):
        if match.start() < position:
            continue
        end_tag = f"</{match[1].lower()}" if match[1] else "-->"
        # Once an end was not found there is none further on: without the note each start would
        # search to the end again.
        end = -1 if end_tag in unclosed else lower.find(end_tag, match.end())
        if end < 0:
            unclosed.add(end_tag)
            continue
        kept.append(html[position : match.start()])
        position = end + len(end_tag)
        if match[1]:
            position = html.find(">", position) + 1 or len(html)
    kept.append(html[position:])
    return "".join(kept)


# ---------------------------------------------------------------------- the outline


# Most rules that look at an element's words are for shorter ones than this; they are put in words
# once for all of these rules.
LABEL_CHARS = 80


_EMOJI_CLASS = re.compile(r"(?:^|[\s_-])(?:emoji|wp-smiley|smiley)(?:$|[\s_-])")


def is_emoji(image: Part) -> bool:
    """Tell whether an ``<img>`` stands for a character in a line (WordPress, Twitter)."""
    return _EMOJI_CLASS.search(image.attributes.get("class") or "") is not None


class Part:
    """An element, or a piece of text (tag "-text"), at its place in the outline."""

    __slots__ = (
        "_attributes", "after", "index", "node", "start", "stop", "tag", "text", "words",
    )  # fmt: skip

    def __init__(self, tag: str, node: LexborNode, index: int, start: int) -> None:
        self.tag = tag
        self.node = node
        self.index = index  # its own in Outline.parts
        self.start = start  # where its text begins in Outline.text
        self.stop = start  # where its text ends
        self.after = 0  # index of the first part that is not inside it
        self.text = ""  # of pieces of text: blanks made one, one blank kept at either end
        self.words: str | None = None  # of elements: their text on one line, once asked for
        self._attributes: Mapping[str, str | None] | None = None

    @property
    def attributes(self) -> Mapping[str, str | None]:
        """The attributes of an element; the parser makes them anew whenever it is asked."""
        if self._attributes is None:
            self._attributes = self.node.attributes
        return self._attributes


class Outline:
    """The visible parts of a tree in document order, and the text they make.

    ``text`` has every run of blanks as one and a line feed where a line ends (blocks, ``<br>``,
    pictures). Comments, scripts and the like are not in it.
    """

    def __init__(self, root: LexborNode | None) -> None:
        self.parts: list[Part] = []
        self.text = self._lay_out(root) if root is not None else ""
        self.lower = self.text.lower()  # in which rules look for their words
        self._of_tags: dict[frozenset[str], list[Part]] = {}
        self._labels_of_tags: dict[frozenset[str], list[tuple[int, str, Part]]] = {}
        self._of_node: dict[int, Part] | None = None

    # ------------------------------------------------------------------ asked

    @cached_property
    def tags(self) -> Set[str]:
        """The tag names of all parts."""
        return {part.tag for part in self.parts}

    def elements(self, tags: frozenset[str]) -> list[Part]:
        """Return the elements with one of these tag names, in document order."""
        if tags not in self._of_tags:
            self._of_tags[tags] = [part for part in self.parts if part.tag in tags]
        return self._of_tags[tags]

    def labels(self, tags: frozenset[str]) -> list[tuple[int, str, Part]]:
        """Return the elements short enough to be a label: length of their words, words, part."""
        if tags not in self._labels_of_tags:
            longest = self.longest(LABEL_CHARS)
            self._labels_of_tags[tags] = [
                (len(words), words, part)
                for part in self.elements(tags)
                if part.stop - part.start <= longest
                and len(words := self.words(part)) <= LABEL_CHARS
            ]
        return self._labels_of_tags[tags]

    def find(self, node: LexborNode) -> Part | None:
        """Return the part of a node; None for invisible ones."""
        if self._of_node is None:
            self._of_node = {part.node.mem_id: part for part in self.parts if part.tag != "-text"}
        return self._of_node.get(node.mem_id)

    def words(self, part: Part) -> str:
        """Return the text of a part on one line."""
        if part.words is None:
            part.words = " ".join(self.text[part.start : part.stop].split())
        return part.words

    @staticmethod
    def longest(max_chars: int) -> int:
        """Return the greatest length in ``text`` of what has no more than *max_chars* on one line.

        A line feed and a blank at most stand between two characters. Asked before ``words``, so
        that blocks within blocks are not read again for each.
        """
        return 3 * max_chars + 2

    def lines(self, part: Part) -> list[str]:
        """Return the lines of a part, blank ones left out."""
        pieces = self.text[part.start : part.stop].split("\n")
        return [" ".join(piece.split()) for piece in pieces if piece.strip()]

    def beside(self, part: Part, max_chars: int = 16) -> str | None:
        """Return the rest of the line(s) a part stands on; None when more than *max_chars*.

        "" says that the part has its line to itself.
        """
        before = self.text[max(0, part.start - max_chars - 2) : part.start]
        before = before[before.rfind("\n") + 1 :]
        after = self.text[part.stop : part.stop + max_chars + 2].split("\n", 1)[0]
        rest = f"{before.strip()}{after.strip()}"
        return rest if len(rest) <= max_chars else None

    # ------------------------------------------------------------------ made

    def _lay_out(self, root: LexborNode) -> str:
        """Fill ``parts`` and return the text; one loop, since it meets every node of every page."""
        parts = self.parts
        pieces: list[str] = []
        length = 0
        last = "\n"  # the last character written, "\n" at the start
        open_parts: list[Part] = []
        code_depth = 0  # how many <pre> are open
        node = root.first_child
        while node is not None:
            tag = node.tag or ""
            child = None
            if tag == "-text":
                raw = node.text_content or ""
                if not raw.isprintable() or "  " in raw:
                    raw = _one_blank_each(visible(raw), code_depth > 0)
                if raw:
                    part = Part(tag, node, len(parts), length)
                    part.text = raw
                    parts.append(part)
                    part.after = len(parts)
                    if raw[0] == " " and last in " \n":
                        raw = raw[1:]
                    if raw:
                        pieces.append(raw)
                        length += len(raw)
                        last = raw[-1]
                    part.stop = length
            elif tag[:1] != "-" and tag not in _INVISIBLE_TAGS:
                part = Part(tag, node, len(parts), length)
                if last != "\n" and tag in _BORDERS and not (tag == "img" and is_emoji(part)):
                    pieces.append("\n")
                    length += 1
                    last = "\n"
                    part.start = part.stop = length
                parts.append(part)
                child = node.first_child
                if child is None:
                    part.after = len(parts)
                else:
                    open_parts.append(part)
                    code_depth += tag == "pre"
            following = node.next if child is None else child
            while following is None and open_parts:
                part = open_parts.pop()
                part.stop = length
                part.after = len(parts)
                code_depth -= part.tag == "pre"
                if last != "\n" and part.tag in _BORDERS:
                    pieces.append("\n")
                    length += 1
                    last = "\n"
                following = part.node.next
            node = following
        return "".join(pieces)


def _one_blank_each(text: str, is_code: bool) -> str:
    """Make each run of blanks one; keep line feeds in code, drop those Chinese was broken at."""
    if is_code:
        return "\n".join(_one_blank_each(line, False) for line in text.split("\n"))
    if "\n" in text:
        text = BREAK_IN_WIDE.sub("", text)
    words = " ".join(text.split())
    if not words:
        return " " if text else ""
    before = " " if text[0].isspace() else ""
    after = " " if text[-1].isspace() else ""
    return f"{before}{words}{after}"
