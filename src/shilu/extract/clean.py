"""From the markup of an item to lines of text, pictures and a list of what was left out.

One walk over the parsed tree makes the lines; nothing in the tree is changed. What is not the
article is decided before the walk, element by element, by the rules of the source and the generic
ones (``generic.toml``); every visible character then goes either into a line or into the list of
removals, together with the name of the rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from selectolax.lexbor import LexborHTMLParser, LexborNode

from shilu.records import BlockKind, Removed
from shilu.sources.catalog import RemoveRule
from shilu.text import BLANKS, BREAK_IN_WIDE, INVISIBLE, single_blanks
from shilu.urls import absolute, unproxied

# HTML Standard, "Rendering": elements with display block, list-item or table-*.
_BLOCK_TAGS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol p "
    "pre search section summary table tbody td tfoot th thead tr ul video audio iframe".split()
)
_INVISIBLE_TAGS = frozenset("script style template head title meta link svg object embed".split())
_HEADINGS = MappingProxyType({f"h{level}": level for level in range(1, 7)})
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_MARKS: Mapping[str, str] = MappingProxyType(
    {"a": "link", "b": "strong", "strong": "strong", "em": "emphasis", "i": "emphasis"}
)
_CAPTION_CLASS = re.compile(r"caption|legend|wp-caption-text", re.I)
_CREDIT_CLASS = re.compile(r"credit|copyright|photographer", re.I)
_CREDIT_TEXT = re.compile(r"^(图像来源|圖像來源|图片来源|圖片來源|Image source|Photo by)\s*[,，:：]?\s*")

# html5 parsers look through the open elements at every start tag, so nesting costs its square;
# real pages stay below 60 deep. Deeper than this the tags are stripped without a tree.
_MAX_DEPTH = 600

# Tags that an upstream generator glued to their first attribute by joining lines without a blank:
# <imgsrc="…", <sourcetype="…".
_GLUED_TAG = re.compile(
    r"<(img|source|picture|video|audio|iframe|figure|div|span|p|a)"
    r"(?=(?:src|srcset|type|class|id|href|alt|width|height|style|title|media|sizes|loading"
    r"|data-[\w-]+)=)",
    re.I,
)


@dataclass(slots=True)
class LineMark:
    """An inline mark on a line, offsets within the line."""

    kind: str
    start: int
    end: int
    url: str | None


@dataclass(slots=True)
class Line:
    """One line of the article to be."""

    kind: BlockKind
    text: str
    level: int = 0
    marks: list[LineMark] = field(default_factory=list)
    of_media: int | None = None  # captions: index of the picture they stand under


@dataclass(slots=True)
class RawMedia:
    """A picture or player as found, before captions become spans."""

    kind: str
    url: str
    before: int  # index of the line it stands before
    alt: str | None = None
    credit: str | None = None


@dataclass(slots=True)
class Page:
    """What the walk found."""

    lines: list[Line] = field(default_factory=list)
    media: list[RawMedia] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)
    depth: int = 0  # of the markup when it was too deep to be parsed, else 0


def parse(html: str) -> LexborHTMLParser:
    """Parse an HTML fragment or page (HTML Standard; never fails)."""
    return LexborHTMLParser(_GLUED_TAG.sub(r"<\1 ", html) if "<" in html else html)


def nesting(html: str, limit: int = _MAX_DEPTH) -> int:
    """Return a bound on how deep *html* nests; 0 when it cannot reach *limit*."""
    if html.count("<") <= limit:
        return 0
    depth = deepest = 0
    for close, void in _TAG_SCAN.findall(html):
        if close:
            depth = max(0, depth - 1)
        elif not void:
            depth += 1
            deepest = max(deepest, depth)
    return deepest if deepest > limit else 0


_TAG_SCAN = re.compile(
    r"<(?:(/)[a-z]|(?:(img|br|hr|input|meta|link|source|wbr|embed|area|col|track|base|param)\b|[a-z]))",
    re.I,
)
_STRIPPED = re.compile(r"<(script|style|template)\b.*?</\1\s*>|<!--.*?-->", re.S | re.I)
_ANY_TAG = re.compile(r"</?([a-z][a-z0-9]*)[^<>]*>?", re.I)


def flattened(html: str) -> str:
    """Return deep markup without its tags, block tags as line breaks; linear in its length."""
    return _ANY_TAG.sub(
        lambda match: "<br>" if match[1].lower() in _BLOCK_TAGS or match[1].lower() == "br" else "",
        _STRIPPED.sub("", html),
    )


def removals(
    tree: LexborHTMLParser, html: str, rules: Iterable[RemoveRule], day: date | None
) -> dict[int, str]:
    """Return which elements are not the article: node id to rule name."""
    found: dict[int, str] = {}
    for rule in rules:
        if not rule.may_apply(html, day):
            continue
        for node in tree.css(rule.select):
            if node.mem_id in found:
                continue
            if rule.text is not None or rule.max_chars is not None:
                text = _short_text(node, rule.max_chars)
                if text is None or (rule.text is not None and not rule.text.match(text)):
                    continue
            found[node.mem_id] = rule.rule
    return found


def _short_text(node: LexborNode, max_chars: int | None) -> str | None:
    """Return the blank-stripped text of a node, None when it has more than *max_chars*."""
    limit = max_chars if max_chars is not None else 1_000_000
    parts: list[str] = []
    length = 0
    for piece in _texts(node):
        parts.append(piece)
        length += len(piece.strip())
        if length > limit:
            return None
    text = single_blanks("".join(parts))
    return text if len(text) <= limit else None


def _texts(node: LexborNode) -> Iterator[str]:
    """Yield the visible text nodes below a node, in order, without recursion."""
    current = node.first_child
    while current is not None:
        if current.is_text_node:
            yield current.text_content or ""
            following = None
        else:
            following = None if current.tag in _INVISIBLE_TAGS else current.first_child
        while following is None and current is not None:
            following = current.next
            if following is None:
                current = current.parent
                if current is None or current.mem_id == node.mem_id:
                    return
        current = following


def element_lines(node: LexborNode) -> list[str]:
    """Return the text of an element, split at line breaks and block borders, blanks stripped."""
    page = Walk(base=None, removed_nodes={}).run(node)
    return [line.text for line in page.lines]


class Walk:
    """The one pass over a tree that makes lines; build it, call ``run`` once."""

    def __init__(self, base: str | None, removed_nodes: Mapping[int, str]) -> None:
        self._base = base
        self._removed_nodes = removed_nodes
        self._page = Page()
        self._seen_media: set[str] = set()
        self._parts: list[str] = []
        self._length = 0
        self._pending_blank = False
        self._open_marks: list[LineMark] = []
        self._line_marks: list[LineMark] = []
        self._kinds: list[tuple[BlockKind, int]] = [("paragraph", 0)]
        self._list_depth = 0

    def run(self, root: LexborNode) -> Page:
        """Walk everything below *root* in document order; time linear in its size."""
        node: LexborNode | None = root.first_child
        closers: list[Callable[[], None] | None] = []
        while node is not None:
            descend, close = self._enter(node)
            child = node.first_child if descend else None
            if child is not None:
                closers.append(close)
                node = child
                continue
            if close:
                close()
            while node is not None:
                sibling = node.next
                if sibling is not None:
                    node = sibling
                    break
                node = node.parent
                if node is None or node.mem_id == root.mem_id:
                    node = None
                    break
                closer = closers.pop()
                if closer:
                    closer()
        self._flush()
        return self._page

    # ------------------------------------------------------------------ elements

    def _enter(self, node: LexborNode) -> tuple[bool, Callable[[], None] | None]:
        """Take note of a node; tell whether to go below it and what to do on leaving it."""
        if node.is_text_node:
            self._add(node.text_content or "")
            return False, None
        tag = (node.tag or "").lower()
        if node.is_comment_node or tag in _INVISIBLE_TAGS:
            return False, None
        rule = self._removed_nodes.get(node.mem_id)
        if rule is not None:
            return self._leave_out(node, rule, tag)
        if tag == "br":
            self._flush()
            return False, None
        if tag == "img":
            self._image(node)
            return False, None
        if tag in ("video", "audio", "iframe"):
            self._player(node, tag)
            return False, None
        if tag == "noscript":  # doubles of lazy pictures
            for image in node.css("img"):
                self._image(image)
            return self._leave_out(node, "generic.noscript", tag)
        if tag in _MARKS:
            return self._enter_mark(node, tag)
        if tag == "small" or tag in _BLOCK_TAGS:
            return self._enter_block(node, tag)
        return True, None

    def _leave_out(self, node: LexborNode, rule: str, tag: str) -> tuple[bool, None]:
        if tag in _BLOCK_TAGS:
            self._flush()
        text = single_blanks(" ".join(_texts(node)))
        if text:
            self._page.removed.append(Removed(rule, text))
        return False, None

    def _enter_mark(self, node: LexborNode, tag: str) -> tuple[bool, Callable[[], None] | None]:
        url = None
        if tag == "a":
            url = absolute(node.attributes.get("href") or "", self._base)
            if url is None:
                return True, None
        mark = LineMark(_MARKS[tag], self._length, -1, url)
        self._open_marks.append(mark)

        def close() -> None:
            if mark in self._open_marks:
                self._open_marks.remove(mark)
            mark.end = self._length
            self._line_marks.append(mark)

        return True, close

    def _enter_block(self, node: LexborNode, tag: str) -> tuple[bool, Callable[[], None] | None]:
        kind, level = self._kinds[-1]
        if tag in _HEADINGS:
            kind, level = "heading", _HEADINGS[tag]
        elif tag == "li":
            kind, level = "item", max(1, self._list_depth)
        elif tag == "blockquote":
            kind, level = "quote", 0
        elif tag in ("td", "th"):
            kind, level = "cell", 0
        elif tag == "pre":
            kind, level = "code", 0
        elif tag == "figcaption" or self._is_caption(node, tag):
            kind, level = "caption", 0
        if tag in _LISTS:
            self._list_depth += 1
        self._flush()
        self._kinds.append((kind, level))

        def close() -> None:
            self._flush()
            self._kinds.pop()
            if tag in _LISTS:
                self._list_depth -= 1

        return True, close

    def _is_caption(self, node: LexborNode, tag: str) -> bool:
        if not self._page.media:
            return False
        if tag == "small":  # the feeds' own form: <div><small>caption</small></div> after <img>
            return self._page.media[-1].before == len(self._page.lines) and not self._length
        if tag in ("div", "p", "dd"):
            attributes = node.attributes
            marker = f"{attributes.get('class') or ''} {attributes.get('data-testid') or ''}"
            return bool(marker.strip()) and bool(_CAPTION_CLASS.search(marker))
        return False

    # ------------------------------------------------------------------ media

    def _image(self, node: LexborNode) -> None:
        attributes = node.attributes
        url = image_address(attributes, self._base)
        if url is None or url in self._seen_media:
            return
        self._seen_media.add(url)
        self._flush()
        alt = single_blanks(attributes.get("alt") or "")
        self._page.media.append(RawMedia("image", url, len(self._page.lines), alt or None))

    def _player(self, node: LexborNode, tag: str) -> None:
        self._flush()
        kind = "frame" if tag == "iframe" else tag
        candidates = [node, *node.css("source")] if tag != "iframe" else [node]
        for candidate in candidates:
            attributes = candidate.attributes
            for name in ("src", "data-src", "data-lazy-src"):
                url = absolute(attributes.get(name) or "", self._base)
                if url and url not in self._seen_media:
                    self._seen_media.add(url)
                    title = single_blanks(attributes.get("title") or "") or None
                    self._page.media.append(RawMedia(kind, url, len(self._page.lines), title))
                    break
        text = single_blanks(" ".join(_texts(node)))
        if text:
            self._page.removed.append(Removed("generic.player_fallback", text))

    # ------------------------------------------------------------------ text

    def _add(self, text: str) -> None:
        if self._kinds[-1][0] == "code" and "\n" in text:
            for piece in text.split("\n"):
                self._append(piece)
                self._flush()
            return
        if "\n" in text:
            text = BREAK_IN_WIDE.sub("", text)
        self._append(text)

    def _append(self, text: str) -> None:
        text = BLANKS.sub(" ", INVISIBLE.sub("", text))
        if not text:
            return
        if text[0] == " ":
            self._pending_blank = self._pending_blank or self._length > 0
            text = text[1:]
        if not text:
            return
        if self._pending_blank and self._length:
            self._parts.append(" ")
            self._length += 1
            for mark in self._open_marks:  # a mark opened just before the blank begins after it
                if mark.start == self._length - 1:
                    mark.start = self._length
        self._pending_blank = text[-1] == " "
        text = text.removesuffix(" ")
        self._parts.append(text)
        self._length += len(text)

    def _flush(self) -> None:
        """End the current line."""
        if self._length:
            for mark in self._open_marks:  # a mark that spans lines is one mark a line
                self._line_marks.append(LineMark(mark.kind, mark.start, self._length, mark.url))
            kind, level = self._kinds[-1]
            marks = [mark for mark in self._line_marks if mark.start < mark.end]
            marks.sort(key=lambda mark: (mark.start, -mark.end, mark.kind))
            self._end_line(Line(kind, "".join(self._parts), level, marks))
        for mark in self._open_marks:
            mark.start = 0
        self._line_marks = []
        self._parts = []
        self._length = 0
        self._pending_blank = False

    def _end_line(self, line: Line) -> None:
        media = self._page.media
        if media and media[-1].kind == "image" and _CREDIT_TEXT.match(line.text):
            line.kind = "caption"
            media[-1].credit = _CREDIT_TEXT.sub("", line.text) or None
        if line.kind == "caption" and media:
            line.of_media = len(media) - 1
        self._page.lines.append(line)


# ---------------------------------------------------------------------- addresses of pictures

_SOURCES = ("data-src", "data-original", "data-lazy-src", "data-actualsrc", "src")
_PLACEHOLDER = re.compile(r"(?:^|/)(?:blank|spacer|placeholder|grey[-_]?line|pixel|1x1|transparent)[\w-]*\.(?:gif|png|svg)$", re.I)
_TRACKER = re.compile(r"/_/stat\?|/pixel(?:\.gif)?\?|google-analytics|doubleclick\.net|feedburner\.com/~r|/b\.gif\?", re.I)


def image_address(attributes: Mapping[str, str | None], base: str | None) -> str | None:
    """Return the address of the picture an ``<img>`` shows: largest candidate, proxy unwrapped.

    None for placeholders, tracking pixels and inline data.
    """
    if _tiny(attributes.get("width")) or _tiny(attributes.get("height")):
        return None
    largest = largest_candidate(attributes.get("srcset") or attributes.get("data-srcset") or "")
    for address in (largest, *(attributes.get(name) for name in _SOURCES)):
        if not address or address.lstrip().lower().startswith("data:"):
            continue
        url = absolute(unproxied(address.strip()), base)
        if url and not _PLACEHOLDER.search(url) and not _TRACKER.search(url):
            return url
    return None


def largest_candidate(srcset: str) -> str | None:
    """Return the address with the largest width or density of a ``srcset`` (HTML Standard)."""
    best: tuple[float, str] | None = None
    for match in re.finditer(r"(\S*[^\s,])(?:\s+([\d.]+)[wx])?\s*(?:,|$)", srcset[:20_000]):
        try:
            size = float(match[2] or 1)
        except ValueError:
            continue
        if best is None or size > best[0]:
            best = (size, match[1])
    return best[1] if best else None


def _tiny(value: str | None) -> bool:
    """Tell whether a width or height attribute is that of a tracking pixel."""
    return value is not None and value.strip().removesuffix("px") in ("0", "1", "2")


# ---------------------------------------------------------------------- rules that need code


def link_lists(tree: LexborHTMLParser, html: str) -> dict[int, str]:
    """Find lists whose every item is only a link: "related", not prose."""
    found: dict[int, str] = {}
    if "<li" not in html and "<LI" not in html:
        return found
    for node in tree.css("ul, ol"):
        items = node.css("li")
        if items and all(_only_a_link(item) for item in items):
            found[node.mem_id] = RELATED_LINKS
    return found


RELATED_LINKS = "generic.related_links"


def is_mostly_links(page: Page) -> bool:
    """Tell whether the lists of links left out are longer than everything kept."""
    links = sum(len(removed.text) for removed in page.removed if removed.rule == RELATED_LINKS)
    return links > 0 and links > sum(len(line.text) for line in page.lines)


def _only_a_link(item: LexborNode) -> bool:
    linked = "".join(piece for link in item.css("a[href]") for piece in _texts(link))
    return bool(linked.strip()) and BLANKS.sub("", linked) == BLANKS.sub("", "".join(_texts(item)))


CLEANERS: Sequence[Callable[[LexborHTMLParser, str], dict[int, str]]] = (link_lists,)
