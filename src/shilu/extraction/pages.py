"""Whole pages: what lies around the element that holds the prose."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from operator import attrgetter, itemgetter

from shilu.extraction.lines import LeftOut, PageLine, PageLines
from shilu.extraction.markup import Outline, Part

_OUTSIDE = "generic.outside"

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
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

_start = attrgetter("start")


def outside(outline: Outline, base: str | None) -> LeftOut:
    """Find what lies around the article on a whole page.

    The article is the smallest element that holds nearly all prose, with its head from the headline
    on; what readers say is no prose. Lines right below that tell who made it are kept. An item of a
    feed is no page: it has no ``<title>``.
    """
    found: LeftOut = {}
    if not _is_page(outline):
        return found
    lines = PageLines(outline, base)
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
    attributes = part.attributes
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


def _kept_spans(outline: Outline, lines: PageLines, article: Part) -> list[tuple[int, int]]:
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


def _is_about(line: PageLine) -> bool:
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
