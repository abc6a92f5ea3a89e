"""An article as plain HTML: what was kept, and nothing else.

Every character is escaped; the only elements and attributes are those written here. The element
around it says that it is clean: extraction leaves nothing out of it, neither a promo that the user
restored nor a line that only looks like one now that its neighbours are gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from shilu.extraction.markup import CLEAN
from shilu.records import Block, Content, Mark, Media

_TAGS = {"link": "a", "strong": "strong", "emphasis": "em"}
_PLAYERS = {"video": "video", "audio": "audio", "frame": "iframe"}


def to_html(content: Content) -> str:
    """Return the body of an article as HTML, one block a line; the title is not part of it.

    >>> from shilu.extraction.article import extract
    >>> print(to_html(extract("<div>甲<br><b>乙</b>丙</div>", url="https://a.example/1")))
    <article data-shilu="clean">
    <p>甲</p>
    <p><strong>乙</strong>丙</p>
    </article>
    """
    writer = _Writer(content)
    for index, block in enumerate(content.blocks):
        writer.media_before(index)
        if block.kind != "title":
            writer.block(block)
    writer.media_before(len(content.blocks))
    writer.close()
    return "\n".join((CLEAN, *writer.lines, "</article>"))


class _Writer:
    """Writes blocks in order; lists and tables stay open from item to item."""

    def __init__(self, content: Content) -> None:
        self.lines: list[str] = []
        self._content = content
        self._marks = iter(content.marks)
        self._next_mark = next(self._marks, None)
        self._media = _by_place(content.media)
        self._depth = 0  # of open lists
        self._run: list[str] = []  # the open list, table or code, as far as written
        self._run_kind = ""

    def media_before(self, index: int) -> None:
        """Write the pictures and players that stand before a block."""
        for medium in self._media.get(index, ()):
            self.close()
            self.lines.append(_medium(medium))

    def block(self, block: Block) -> None:
        """Write a block."""
        inner = self._inner(block)
        match block.kind:
            case "item":
                self._item(inner, max(1, block.level))
            case "cell" | "code":
                if self._run_kind != block.kind:
                    self.close()
                self._run_kind = block.kind
                self._run.append(inner)
            case kind:
                self.close()
                self.lines.append(_element(kind, block, inner))

    def _item(self, inner: str, level: int) -> None:
        if self._run_kind != "item":
            self.close()
            self._run_kind = "item"
        while self._depth > level:
            self._run.append("</li></ul>")
            self._depth -= 1
        if self._depth == level:
            self._run.append("</li>")
        while self._depth < level:
            # A list within a list stands in an item, be it one that says nothing itself.
            self._run.append("<ul>" if self._depth + 1 == level else "<ul><li>")
            self._depth += 1
        self._run.append(f"<li>{inner}")

    def close(self) -> None:
        """End the open list, table or code."""
        if self._run_kind == "item":
            self.lines.append("".join(self._run) + "</li></ul>" * self._depth)
        elif self._run_kind == "cell":
            rows = "".join(f"<tr><td>{cell}</td></tr>" for cell in self._run)
            self.lines.append(f"<table>{rows}</table>")
        elif self._run_kind == "code":
            self.lines.append("<pre>" + "\n".join(self._run) + "</pre>")
        self._run, self._run_kind, self._depth = [], "", 0

    def _inner(self, block: Block) -> str:
        marks: list[Mark] = []
        while self._next_mark is not None and self._next_mark.start < block.end:
            marks.append(self._next_mark)
            self._next_mark = next(self._marks, None)
        return _marked(self._content.text, block.start, block.end, marks)


def _by_place(media: Sequence[Media]) -> dict[int, list[Media]]:
    found: dict[int, list[Media]] = {}
    for medium in media:
        found.setdefault(medium.before, []).append(medium)
    return found


def _element(kind: str, block: Block, inner: str) -> str:
    if kind == "heading":
        level = min(max(block.level, 1), 6)
        return f"<h{level}>{inner}</h{level}>"
    if kind == "quote":
        return f"<blockquote>{inner}</blockquote>"
    if kind == "caption":
        return f"<figcaption>{inner}</figcaption>"
    if kind == "subtitle":
        return f'<p class="subtitle">{inner}</p>'
    return f"<p>{inner}</p>"


def _medium(medium: Media) -> str:
    address = escape(medium.url, quote=True)
    words = escape(medium.alt or "", quote=True)
    if medium.kind == "image":
        return f'<img src="{address}" alt="{words}">'
    if medium.kind == "post":
        return f'<blockquote class="twitter-tweet" cite="{address}"></blockquote>'
    tag = _PLAYERS[medium.kind]
    title = f' title="{words}"' if words else ""
    return f'<{tag} src="{address}"{title}></{tag}>'


def _marked(text: str, start: int, end: int, marks: Sequence[Mark]) -> str:
    """Return a piece of the text with its marks as elements, which nest: what crosses is cut."""
    pieces: list[str] = []
    open_marks: list[Mark] = []
    position = start
    for point, mark in _points(start, end, marks):
        pieces.append(escape(text[position:point], quote=False))
        position = point
        place = next((n for n, one in enumerate(open_marks) if one is mark), None)
        if place is None:
            pieces.append(_start(mark))
            open_marks.append(mark)
            continue
        above = open_marks[place + 1 :]
        pieces += [_end(one) for one in (*reversed(above), mark)]
        pieces += [_start(one) for one in above]
        del open_marks[place]
    pieces.append(escape(text[position:end], quote=False))
    return "".join(pieces)


def _points(start: int, end: int, marks: Sequence[Mark]) -> Iterator[tuple[int, Mark]]:
    """Yield where marks begin and end, in order; at one point the ends come first."""
    points = []
    for number, mark in enumerate(marks):
        points.append((mark.start, 1, number, mark))
        points.append((mark.end, 0, -number, mark))
    points.sort(key=lambda point: point[:3])
    yield from ((min(max(point, start), end), mark) for point, _, _, mark in points)


def _start(mark: Mark) -> str:
    if mark.kind == "link":
        return f'<a href="{escape(mark.url or "", quote=True)}">'
    return f"<{_TAGS[mark.kind]}>"


def _end(mark: Mark) -> str:
    return f"</{_TAGS[mark.kind]}>"
