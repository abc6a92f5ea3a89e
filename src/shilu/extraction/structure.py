"""What on a page is not the article, told by where it stands and what is beside it.

Cleaners that a selector and a pattern cannot tell. Each takes the outline of an item and its
address, and says which parts are left out under which rule; ``CLEANERS`` names them in the order
in which they are asked.

- ``lines_left_out``: lines that say what they are (© …, 关注我们, 上一篇), headings of related
  links with the links below them, lines of nothing but links; the words are in ``generic.toml``
  (``line_rules.py``, ``links.py``).
- ``link_lists``: lists whose every item is a link to the outlet's own pages (``links.py``).
- ``outside``: on whole pages, what lies around the element that holds the prose (``pages.py``).

All of it is linear in the size of the page. A digest whose links are the article is restored by
``clean.is_mostly_links``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from shilu.extraction.line_rules import TIERS, LineRule, Words, words
from shilu.extraction.lines import AROUND, LeftOut, PageLine, PageLines, is_sentence
from shilu.extraction.links import READ_MORE, LinkLines, link_lists
from shilu.extraction.markup import Outline
from shilu.extraction.pages import outside

_MAX_LINES = 10_000  # more are no article; each costs some microseconds
_MAX_WORD = 16  # characters: 广告, 分享, Advertisement
_MAX_ROW = 300  # characters of a row or a list; a page may stand in a table


def lines_left_out(outline: Outline, base: str | None) -> LeftOut:
    """Find lines that say that they are no article, and lines of nothing but links."""
    lines = PageLines(outline, base)
    found: LeftOut = {}
    if not lines.lines:
        return found
    table = words()
    candidates = _candidates(table, lines) if len(lines.lines) <= _MAX_LINES else []
    for rule, among in candidates:
        if not rule.place:
            _apply(rule, lines, among)
    if lines.has_links:
        links = LinkLines(lines, table)
        links.run()
        found.update((link.index, READ_MORE) for link in links.ways_on)
    for rule, among in candidates:
        if rule.place:
            _apply(rule, lines, _placed(rule.place, lines, among))
    _cover_lines(lines, found)
    return found


def _candidates(table: Words, lines: PageLines) -> list[tuple[LineRule, list[PageLine]]]:
    """Return the rules that may say something, in their order, each with the lines it may mean."""
    tiers: list[list[PageLine]] = [[] for _ in TIERS]
    for line in lines.lines:
        length = len(line.text)
        if length <= TIERS[-1]:
            tiers[0 if length <= TIERS[0] else 1 if length <= TIERS[1] else 2].append(line)
    among: dict[int, list[PageLine]] = {}
    for hints, some in zip(table.tiers, tiers, strict=True):
        if some:
            hints.found(some, among)
    return [(table.rules[number], among[number]) for number in sorted(among)]


def _apply(rule: LineRule, lines: PageLines, among: Iterable[PageLine]) -> None:
    if rule.linked and not lines.has_links:
        return
    for line in among:
        text = line.text
        if len(text) > rule.max_chars or line.rule is not None or (rule.linked and not line.links):
            continue
        if line.bare is None:
            line.bare = text.strip(AROUND)
        if not rule.text.fullmatch(line.bare):
            continue
        if rule.label and is_sentence(text):
            continue
        if rule.place == "end" and lines.is_under_picture(line):
            continue
        if len(line.bare) <= _MAX_WORD and _is_entry(lines, line):
            continue
        line.rule = rule.rule


def _is_entry(lines: PageLines, line: PageLine) -> bool:
    """Tell whether a word stands in a table's row or in a list that a colon announces.

    收入来源： <li>广告</li> <li>打赏</li>; a table of 点赞, 转发, 评论.
    """
    text = lines.outline.text
    for part in lines.around(line):
        if part.stop - part.start > _MAX_ROW:
            return False
        if part.tag == "tr":
            return text[part.start : part.stop].strip() != line.text
        if part.tag in ("ul", "ol"):
            return text[max(0, part.start - 3) : part.start].rstrip()[-1:] in (":", "：")
    return False


def _placed(place: str, lines: PageLines, among: Sequence[PageLine]) -> list[PageLine]:
    """Return the lines that stand above the first prose, or below the last, that is kept."""
    is_top = place == "top"
    for line in lines.lines if is_top else reversed(lines.lines):
        if line.rule is None and lines.is_prose(line):
            edge = line.start
            return [line for line in among if (line.start < edge if is_top else line.start > edge)]
    return [] if is_top else list(among)


_FEED_FOOTER = "generic.feed_footer"
_ADDRESS = re.compile(r"(?:https?://)?[\w.-]+\.[a-z]{2,}(?:/\S*)?", re.IGNORECASE)


def _goes_with(line: PageLine, rule: str) -> bool:
    return line.rule == rule or (
        rule == _FEED_FOOTER and line.rule is None and _ADDRESS.fullmatch(line.text) is not None
    )


def _cover_lines(lines: PageLines, found: LeftOut) -> None:
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


# In the order in which they are asked; the first that names a part counts.
CLEANERS: Sequence[Callable[[Outline, str | None], LeftOut]] = (
    lines_left_out,
    link_lists,
    outside,
)
