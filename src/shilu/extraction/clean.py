"""From the outline of an item to lines of text, pictures and a list of what was left out.

What is not the article is decided first, element by element, by the rules of the source and the
generic ones (``generic.toml``); then one pass over the outline makes the lines. Every visible
character goes either into a line or into the list of removals, together with the name of the rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from selectolax.lexbor import LexborHTMLParser, LexborNode

from shilu.extraction.lines import RELATED_LINKS
from shilu.extraction.markup import BLOCK_TAGS, LABEL_CHARS, Outline, Part, is_emoji
from shilu.extraction.pictures import image_address, player_address, player_kind, post_address
from shilu.records import BlockKind, Removed
from shilu.sources.catalog import RemoveRule, narrowed
from shilu.text import single_blanks
from shilu.urls import absolute

_HEADINGS = MappingProxyType({f"h{level}": level for level in range(1, 7)})
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_CREDIT = "credit"  # a mark that does not outlive its line: whose picture it is, in a caption
_CREDIT_CLASS = re.compile(
    r"(?:^|[\s_-])(?:credits?|copyright|cite|source|photographer)(?:$|[\s_-])", re.I
)
_SUBTITLE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:sub-?(?:title|head(?:line)?)|standfirst|deck|dek|chapo|kicker-lead)(?:$|[\s_-])",
    re.I,
)
_POST_CLASS = re.compile(
    r"twitter-tweet|twitter-video|instagram-media|fb-(?:post|video)|tiktok-embed|bluesky-embed"
    r"|telegram-post|reddit-embed|mastodon-embed",
    re.I,
)
_MARKS: Mapping[str, str] = MappingProxyType(
    {"a": "link", "b": "strong", "strong": "strong", "em": "emphasis", "i": "emphasis"}
)
_PLAYERS = frozenset({"video", "audio", "iframe", "object", "embed"})
_LINE_BLOCKS = BLOCK_TAGS - _PLAYERS  # blocks that hold lines
_KINDS: Mapping[str, tuple[BlockKind, int]] = MappingProxyType(
    {
        **{tag: ("heading", level) for tag, level in _HEADINGS.items()},
        "blockquote": ("quote", 0), "td": ("cell", 0), "th": ("cell", 0), "pre": ("code", 0),
        "figcaption": ("caption", 0),
    }
)  # fmt: skip
_CAPTION_CLASS = re.compile(r"caption|legend", re.I)
_CAPTION_TEXT = re.compile(
    r"^(?:图像加注文字|圖像加註文字|Image caption)\s*[,，:：]|^Image$"  # NYT, for screen readers
    r"|^[▲△▼■◆↑]?\s*(?:[图圖][为為：:]|资料[图圖]|資料圖)(?=.{2,80}$)"
)
# The end of a caption that says whose picture it is: … © REUTERS - 某某, …Credit...某某
_CREDIT_TAIL = re.compile(r"(?:\s*©\s*|(?:Photo )?Credit(?:\.\.\.|:)\s*)(?P<name>[^©]{2,80})$")
# …握手。（美联社照片）, …（照片由某某提供）, … REUTERS/某某
_CREDIT_END = re.compile(
    r"[（(](?P<name>[^（()）]{2,40})[）)]\s*[。.]?$"
    r"|(?:^|[\s。.])(?P<agency>(?:REUTERS|Reuters|AFP|AP|EPA|Getty Images)"
    r"(?:\s*/\s*[\w .'’-]{2,40})?)$"
)
_IS_CREDIT = re.compile(
    r"社(?![会會区區交])|[摄攝]|提供|截[图圖屏]|[制製][图圖]|照片由|照片来源|照片來源|[电電]台|美国之音|美國之音|"
    r"德国之声|德國之聲|维基|維基|推特|脸书|臉書|微博|Getty|AFP|\bAP\b|(?i:reuters)|VOA|RFA|EPA|dpa|Photo|Courtesy"
)
_CREDIT_WORDS = re.compile(
    r"^(?:照片由|照片来源|照片來源|图片来源|圖片來源|Photo by|Courtesy of)\s*[:：]?\s*"
    r"|\s*(?:照片|图片|圖片|提供|拍摄|拍攝|摄|攝)$"
)
_FOR_BROWSERS = re.compile(r"webp|avif|jxl|heic", re.I)
_PICTURE_CLASS = re.compile(r"(?:^|[\s_-])(?:pic|picture|image|img|photo)(?:$|[\s_-])", re.I)
_MAX_BARE_CAPTION = 100  # characters beside a picture in an element of its own
_CREDIT_TEXT = re.compile(
    r"^(?:图像来源|圖像來源|图片来源|圖片來源|Image source|Photo by)(?:\s*[,，:：]\s*|\s+|$)"
    r"|^(?:图片版权|圖片版權|Image copyright)\s*[,，:：]?\s*"
    r"|^[图圖]源\s*[:：]\s*"
)
# What a picture or player with its credit stands in where no figure is (the templates of the BBC);
# what stands beside it, and nothing else there, is the caption.
_FRAMES = frozenset({"image-placeholder", "media-player"})
_FRAME_CLASS = re.compile(r"ImagePlaceholder\b")
_MAX_CREDIT = 80  # characters; a longer line that begins so is prose

# What a player, noscript or drawing says in place of itself is short. More than this is an article
# that an element left open has swallowed.
_MAX_FALLBACK = 400

_MAX_SOURCES = 50  # parts in a player among which its addresses are looked for

# What is left out because the same stands elsewhere is not worth telling where it says nothing.
_DOUBLES = ("generic.noscript", "generic.svg", "generic.player_fallback")

LeftOut = dict[int, str]  # index of a part in the outline: the rule that says it is no article


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
    of_media: int | None = None  # captions: index of the picture they belong to
    is_label: bool = False  # a caption that only says whose picture it is, or that it is one
    is_restored: bool = False  # by the user: nothing leaves it out any more


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
    """What the pass over the outline found."""

    lines: list[Line] = field(default_factory=list)
    media: list[RawMedia] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)


# ---------------------------------------------------------------------- what is left out


def removals(
    tree: LexborHTMLParser,
    outline: Outline,
    html: str,
    ascii_html: str,
    rules: Iterable[RemoveRule],
    day: date | None,
) -> LeftOut:
    """Return which parts the rules say are not the article.

    *html* is what the tree was made from: rules whose literals it lacks are skipped. *ascii_html*
    is the same in lower case and without all that is not ASCII.
    """
    found: LeftOut = {}
    text, tags = outline.lower, outline.tags
    for rule in rules:
        if not rule.select or (rule.tags and rule.tags.isdisjoint(tags)):
            continue
        select = rule.select
        if not rule.tags:
            select = narrowed(select, html, ascii_html, tags)
        if not select or not rule.may_mean(text, day):
            continue
        if rule.tags and rule.max_chars is not None and rule.max_chars <= LABEL_CHARS:
            candidates: Iterable[tuple[int, str, Part]] = outline.labels(rule.tags)
        else:
            candidates = _candidates(rule, select, tree, outline)
        for length, words, part in candidates:
            if rule.max_chars is not None and length > rule.max_chars:
                continue
            if rule.text is not None:
                if not rule.text.match(words):
                    continue
                # A word in a sentence is no label, however it is marked: <b>分享</b>经济的兴起
                if part.tag not in BLOCK_TAGS and outline.beside(part):
                    continue
            found.setdefault(part.index, rule.rule)
    return found


def _candidates(
    rule: RemoveRule, select: str, tree: LexborHTMLParser, outline: Outline
) -> list[tuple[int, str, Part]]:
    """Return what a rule selects, with its words where the rule asks for them."""
    if rule.tags:
        parts = outline.elements(rule.tags)
    else:
        parts = [part for node in tree.css(select) if (part := outline.find(node))]
    if rule.max_chars is None:
        return [(0, "", part) for part in parts]
    longest = outline.longest(rule.max_chars)
    return [
        (len(words := outline.words(part)), words, part)
        for part in parts
        if part.stop - part.start <= longest
    ]


def is_mostly_links(page: Page) -> bool:
    """Tell whether the lists of links left out are longer than everything kept."""
    links = sum(len(removed.text) for removed in page.removed if removed.rule == RELATED_LINKS)
    return links > 0 and links > sum(len(line.text) for line in page.lines)


# ---------------------------------------------------------------------- lines


def _is_under_frame(node: LexborNode) -> bool:
    """Tell whether *node* shares its parent with a picture's frame alone, and comes second.

    The frame may stand in a <div> of its own. Prose has other paragraphs beside it.
    """
    before = node.prev
    if before is None or before.tag != "div" or before.prev or node.next:
        return False
    if _is_frame(before):
        return True
    inner = before.first_child
    return inner is not None and inner.next is None and _is_frame(inner)


def _is_frame(node: LexborNode) -> bool:
    attributes = node.attributes
    if attributes.get("data-e2e") in _FRAMES:
        return True
    if _FRAME_CLASS.search(attributes.get("class") or ""):
        return True
    # 2024: nothing but the picture and <p role="text">, the credit
    picture = node.first_child
    credit = picture.next if picture is not None else None
    return (
        picture is not None
        and picture.tag in ("img", "picture")
        and credit is not None
        and credit.next is None
        and credit.tag == "p"
        and credit.attributes.get("role") == "text"
    )


class _Open:
    """An element the pass is inside of."""

    __slots__ = ("after", "figure", "mark", "tag")

    def __init__(self, part: Part) -> None:
        self.after = part.after  # the part at which it is left
        self.tag = part.tag
        self.mark: LineMark | None = None  # of inline elements
        self.figure: tuple[int, int] | None = None  # of figures: first picture, first line in it


class Walk:
    """The one pass over an outline that makes lines; build it, call ``run`` once."""

    def __init__(
        self,
        outline: Outline,
        base: str | None,
        left_out: Mapping[int, str],
        off: Set[str] = frozenset(),
        restored: Set[str] = frozenset(),
        subtitles: Set[int] = frozenset(),
        captions: Set[int] = frozenset(),
    ) -> None:
        """*off* are rules that are not to be followed, *restored* the keys of pieces to be kept;

        *subtitles* and *captions* the parts that hold one by the outlet's rules.
        """
        self._outline = outline
        self._base = base
        self._left_out = left_out
        self._off = off
        self._restored = restored
        self._restored_to = 0  # the part at which what is restored ends
        self._keeps_line = False  # whether any of the current line is restored
        self._subtitles = subtitles
        self._captions = captions
        self._page = Page()
        self._seen_media: set[str] = set()
        self._last_image = -1  # the part of the picture noted last
        self._below_prose = True  # since the last picture
        self._pieces: list[str] = []
        self._length = 0
        self._pending_blank = False
        self._open: list[_Open] = []
        self._open_marks: list[LineMark] = []
        self._line_marks: list[LineMark] = []
        self._kinds: list[tuple[BlockKind, int]] = [("paragraph", 0)]
        self._list_depth = 0

    def run(self) -> Page:
        """Go through the outline in document order; time linear in its size."""
        parts, left_out, is_open = self._outline.parts, self._left_out, self._open
        index, count = 0, len(parts)
        while index < count:
            while is_open and is_open[-1].after <= index:
                self._leave(is_open.pop())
            part = parts[index]
            rule = left_out.get(index)
            if rule is not None and self._leaves_out(part, rule):
                index = self._leave_out(part, rule)
            elif part.tag == "-text":
                if index < self._restored_to:
                    self._keeps_line = True
                self._add(part.text)
                index += 1
            else:
                index = self._enter(part)
        while is_open:
            self._leave(is_open.pop())
        self._flush()
        return self._page

    # ------------------------------------------------------------------ elements

    def _enter(self, part: Part) -> int:
        """Take note of an element; return the index of the part to go on with."""
        tag = part.tag
        if tag in _LINE_BLOCKS:  # most elements: asked first
            self._enter_block(part)
        elif tag == "br":
            self._flush()
        elif tag in ("img", "amp-img"):
            self._image(part)
        elif tag in _PLAYERS or tag.endswith(("-player", "-youtube")):
            self._player(part)
            if self._is_fallback(part) and self._leaves_out(part, "generic.player_fallback"):
                return self._leave_out(part, "generic.player_fallback")
        elif tag in ("noscript", "noembed", "noframes", "svg"):
            # doubles of lazy pictures
            if self._is_fallback(part) and self._leaves_out(part, f"generic.{tag}"):
                if not self._doubles_a_picture(part):
                    for inner in self._outline.parts[part.index + 1 : part.after]:
                        if inner.tag == "img" and inner.index not in self._left_out:
                            self._image(inner)
                return self._leave_out(part, f"generic.{tag}")
        elif self._kinds[-1][0] == "caption" and self._is_credit(part):
            self._open_mark(part, _CREDIT, None)
        elif tag in _MARKS:
            self._enter_mark(part)
        elif tag == "small" or (tag == "span" and self._is_caption(part)):
            self._enter_block(part)
        return part.index + 1

    def _leaves_out(self, part: Part, rule: str) -> bool:
        """Tell whether the user has not decided against leaving a part out."""
        if part.index < self._restored_to or rule in self._off:
            return False
        if self._restored and Removed(rule, self._text(part)).key in self._restored:
            self._restored_to = part.after
            return False
        return True

    def _text(self, part: Part) -> str:
        return single_blanks(self._outline.text[part.start : part.stop])

    def _leave_out(self, part: Part, rule: str) -> int:
        if part.tag in BLOCK_TAGS:
            self._flush()
        text = self._text(part)
        if text:
            self._page.removed.append(Removed(rule, text))
        elif not rule.startswith(_DOUBLES):
            inside = self._outline.parts[part.index : part.after]
            links = sum(inner.tag == "a" for inner in inside)
            pictures = sum(inner.tag == "img" for inner in inside)
            if links or pictures:
                self._page.removed.append(Removed(rule, "", links, pictures))
        return part.after

    def _is_fallback(self, part: Part) -> bool:
        # What stands in an <iframe> is never markup.
        return part.tag == "iframe" or part.stop - part.start <= _MAX_FALLBACK

    def _enter_mark(self, part: Part) -> None:
        kind = _MARKS[part.tag]
        url = None
        if kind == "link":
            url = absolute(part.attributes.get("href") or "", self._base)
            if url is None:
                return
        if any(mark.kind == kind and mark.url == url for mark in self._open_marks):
            return  # <b><strong>: bold is bold
        self._open_mark(part, kind, url)

    def _open_mark(self, part: Part, kind: str, url: str | None) -> None:
        opened = _Open(part)
        opened.mark = LineMark(kind, self._length, -1, url)
        self._open.append(opened)
        self._open_marks.append(opened.mark)

    def _enter_block(self, part: Part) -> None:
        tag = part.tag
        kind, level = self._kinds[-1]
        if tag in _KINDS:
            kind, level = _KINDS[tag]
            if tag == "blockquote":
                self._post(part)
        elif tag == "li":
            kind, level = "item", max(1, self._list_depth)
        elif tag == "div" and part.attributes and self._has_class(part, _POST_CLASS):
            self._post(part)
        elif self._is_caption(part):
            kind, level = "caption", 0
        if part.index in self._subtitles or (
            not self._page.lines and self._has_class(part, _SUBTITLE_CLASS)
        ):
            kind, level = "subtitle", 0
        if self._length:
            self._flush()
        opened = _Open(part)
        if tag == "figure":
            opened.figure = len(self._page.media), len(self._page.lines)
        elif tag in _LISTS:
            self._list_depth += 1
        self._kinds.append((kind, level))
        self._open.append(opened)

    def _leave(self, opened: _Open) -> None:
        if opened.mark is not None:
            self._open_marks.pop()
            opened.mark.end = self._length
            self._line_marks.append(opened.mark)
            return
        if self._length:
            self._flush()
        self._kinds.pop()
        if opened.tag in _LISTS:
            self._list_depth -= 1
        if opened.figure is not None:
            self._join_figure(*opened.figure)

    # ------------------------------------------------------------------ pictures

    def _has_class(self, part: Part, words: re.Pattern[str]) -> bool:
        name = part.attributes.get("class")
        return name is not None and words.search(name) is not None

    def _is_credit(self, part: Part) -> bool:
        return part.tag == "cite" or (
            part.tag in ("span", "small", "em", "i") and self._has_class(part, _CREDIT_CLASS)
        )

    def _is_caption(self, part: Part) -> bool:
        # <small>: the feeds' own form, <div><small>caption</small></div> after <img>
        if part.tag == "small" or part.index in self._captions:
            return not self._length and self._picture_above() is not None
        if self._page.media and part.tag in ("div", "p", "dd", "span"):
            attributes = part.attributes
            if attributes:  # most paragraphs have none
                marker = attributes.get("data-testid") or ""
                if part.tag != "span":
                    marker = f"{attributes.get('class') or ''} {marker}"
                if _CAPTION_CLASS.search(marker):
                    return True
            return part.tag in ("div", "p") and _is_under_frame(part.node)
        return False

    def _picture_above(self) -> int | None:
        """Return the picture or player right above; only captions may stand between."""
        return None if self._below_prose else len(self._page.media) - 1

    def _join_figure(self, first_media: int, first_line: int) -> None:
        """Join captions that stand above their picture in a figure."""
        if first_media == len(self._page.media):
            return
        for line in self._page.lines[first_line:]:
            if line.kind == "caption" and (line.of_media is None or line.of_media < first_media):
                line.of_media = first_media

    def _image(self, part: Part) -> None:
        attributes = part.attributes
        url = image_address(self._with_sources(part), self._base)
        if url is None or url in self._seen_media or is_emoji(part):
            return
        self._flush()
        self._add_media("image", url, attributes.get("alt"))
        self._last_image = part.index
        if self._open and self._open[-1].tag == "div" and self._is_bare_caption(part):
            self._kinds[-1] = "caption", 0

    def _is_bare_caption(self, part: Part) -> bool:
        """Tell whether a picture stands in an element of its own with a few words below it."""
        parent = part.node.parent
        if parent is None or not _PICTURE_CLASS.search(parent.attributes.get("class") or ""):
            return False
        around = self._outline.find(parent)
        return (
            around is not None
            and part.index == around.index + 1
            and around.after - around.index <= _MAX_SOURCES
            and part.stop - around.start == 0
            and 0 < around.stop - around.start <= _MAX_BARE_CAPTION
        )

    def _doubles_a_picture(self, part: Part) -> bool:
        """Tell whether the picture right before a ``<noscript>`` was taken: then it is the same."""
        before = self._outline.parts[max(0, part.index - _MAX_SOURCES) : part.index]
        image = next((one for one in reversed(before) if one.tag == "img"), None)
        return image is not None and image.index == self._last_image

    def _with_sources(self, part: Part) -> Mapping[str, str | None]:
        """Return an image's attributes, with the candidates of the ``<source>``s beside it."""
        attributes = part.attributes
        parent = part.node.parent
        if parent is None or parent.tag != "picture":
            return attributes
        candidates = [attributes.get("srcset") or attributes.get("data-srcset") or ""]
        sibling = parent.first_child
        while sibling is not None and len(candidates) < _MAX_SOURCES:
            beside = sibling.attributes if sibling.tag == "source" else {}
            # The forms for browsers only: what archives and readers of old can show comes first.
            if beside and not _FOR_BROWSERS.search(beside.get("type") or ""):
                candidates.append(beside.get("srcset") or beside.get("data-srcset") or "")
            sibling = sibling.next
        return {**attributes, "srcset": ", ".join(filter(None, candidates))}

    def _player(self, part: Part) -> None:
        self._flush()
        inside = self._outline.parts[part.index + 1 : min(part.after, part.index + _MAX_SOURCES)]
        for candidate in (part, *(inner for inner in inside if inner.tag == "source")):
            attributes = candidate.attributes
            url = player_address(attributes, self._base)
            if url and url not in self._seen_media:
                self._add_media(player_kind(part.tag, url), url, attributes.get("title"))

    def _post(self, part: Part) -> None:
        """Note the address of an embedded post; what it says is a quote."""
        if not self._has_class(part, _POST_CLASS):
            return
        inside = self._outline.parts[part.index + 1 : min(part.after, part.index + _MAX_SOURCES)]
        links = [inner.attributes.get("href") for inner in inside if inner.tag == "a"]
        attributes = part.attributes
        url = post_address(
            (attributes.get("cite"), attributes.get("data-instgrm-permalink"),
             attributes.get("data-href"), _telegram(attributes.get("data-telegram-post")),
             *reversed(links)), self._base,
        )  # fmt: skip
        if url and url not in self._seen_media:
            self._flush()
            self._add_media("post", url, None)
            self._below_prose = True  # what follows is what it says, no caption

    def _add_media(self, kind: str, url: str, words: str | None) -> None:
        self._seen_media.add(url)
        alt = single_blanks(words or "") or None
        self._page.media.append(RawMedia(kind, url, len(self._page.lines), alt))
        self._below_prose = False

    # ------------------------------------------------------------------ text

    def _add(self, text: str) -> None:
        if "\n" in text:  # code: the outline keeps no other line feeds
            for number, piece in enumerate(text.split("\n")):
                if number:
                    self._flush()
                self._add(piece)
            return
        if text[:1] == " ":
            self._pending_blank = self._length > 0
            text = text[1:]
        if not text:
            return
        if self._pending_blank:
            self._pieces.append(" ")
            self._length += 1
            for mark in self._open_marks:  # a mark opened just before the blank begins after it
                if mark.start == self._length - 1:
                    mark.start = self._length
        self._pending_blank = text[-1] == " "
        text = text.removesuffix(" ")
        self._pieces.append(text)
        self._length += len(text)

    def _flush(self) -> None:
        """End the current line."""
        if not self._length:
            self._line_marks = []
            return
        for mark in self._open_marks:  # a mark that spans lines is one mark a line
            self._line_marks.append(LineMark(mark.kind, mark.start, self._length, mark.url))
            mark.start = 0
        kind, level = self._kinds[-1]
        marks = [mark for mark in self._line_marks if mark.start < mark.end]
        if len(marks) > 1:
            marks.sort(key=lambda mark: (mark.start, -mark.end, mark.kind))
        line = Line(kind, "".join(self._pieces), level, marks, is_restored=self._keeps_line)
        self._end_line(line)
        self._keeps_line = False
        self._line_marks = []
        self._pieces = []
        self._length = 0
        self._pending_blank = False

    def _end_line(self, line: Line) -> None:
        picture = self._picture_above()
        if line.marks and any(mark.kind == _CREDIT for mark in line.marks):
            for mark in line.marks:
                if mark.kind == _CREDIT and picture is not None:
                    self._page.media[picture].credit = (
                        line.text[mark.start : mark.end].strip("©/ ") or None
                    )
            line.marks = [mark for mark in line.marks if mark.kind != _CREDIT]
        if picture is not None and line.kind in ("paragraph", "caption"):
            credit = _CREDIT_TEXT.match(line.text)
            if credit and len(line.text) <= _MAX_CREDIT:
                line.kind, line.is_label = "caption", True
                self._page.media[picture].credit = line.text[credit.end() :] or None
            elif label := _CAPTION_TEXT.match(line.text):
                line.kind, line.is_label = "caption", label.end() == len(line.text)
        if line.kind == "caption":
            line.of_media = picture
            if picture is not None and self._page.media[picture].credit is None:
                self._page.media[picture].credit = _credit_at_end(line.text)
        else:
            self._below_prose = True
        self._page.lines.append(line)


def _telegram(post: str | None) -> str | None:
    return f"https://t.me/{post}" if post else None


def _credit_at_end(caption: str) -> str | None:
    """Return whose picture it is, where a caption ends with that.

    >>> _credit_at_end("两国部长握手。（美联社照片）"), _credit_at_end("部长在机场。（资料照片）")
    ('美联社', None)
    """
    if "©" in caption or "Credit" in caption:
        tail = _CREDIT_TAIL.search(caption)
        if tail and tail.start():
            return tail["name"].strip()
    end = _CREDIT_END.search(caption[-80:])
    if end is None:
        return None
    if end["agency"]:
        return end["agency"]
    if not _IS_CREDIT.search(end["name"]):
        return None
    return _CREDIT_WORDS.sub("", end["name"].strip()).strip() or None
