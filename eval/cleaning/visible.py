"""What a reader sees of an HTML fragment, each character with its place in the raw text.

It is not Shilu's parser on purpose: the measure must not share its mistakes. Tags and comments are
dropped, scripts and styles are not seen, entities are decoded. White space is no character here.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

_UNSEEN = re.compile(
    r"<!--.*?-->|<(script|style)\b.*?</\1\s*>"
    # A tag; a ">" within quotation marks does not end it.
    r"|</?[a-zA-Z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>|</?[a-zA-Z!][^<>]*>",
    re.S | re.I,
)
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);?")


def is_seen(character: str) -> bool:
    """Tell whether a character leaves a mark on the page: no blank, no control, no zero width."""
    return not character.isspace() and unicodedata.category(character) not in ("Cc", "Cf")


def visible(raw: str, start: int = 0, end: int | None = None) -> Iterator[tuple[str, int]]:
    """Yield every character seen of the HTML in ``raw[start:end]``, with its offset in *raw*.

    >>> list(visible("<p>A&amp;B</p>"))
    [('A', 3), ('&', 4), ('B', 9)]
    """
    end = len(raw) if end is None else end
    while start < end:
        tag = _UNSEEN.search(raw, start, end)
        yield from _decoded(raw, start, tag.start() if tag else end)
        start = tag.end() if tag else end


def _decoded(raw: str, start: int, end: int) -> Iterator[tuple[str, int]]:
    while start < end:
        entity = _ENTITY.match(raw, start, end) if raw[start] == "&" else None
        after = entity.end() if entity else start + 1
        for character in html.unescape(raw[start:after]):
            if is_seen(character):
                yield character, start
        start = after


def seen(text: str) -> str:
    """Return plain text without what is not seen.

    >>> seen("周四 访问\\u200b\\n白俄罗斯")
    '周四访问白俄罗斯'
    """
    return "".join(filter(is_seen, text))
