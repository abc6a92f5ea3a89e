"""The same article in other wrapping, and another article in the same: which must make a version?

A mirror reads a page again and again, and most of what changes is not the article: a footer comes
or goes, attributes and proxies change, blanks move. Each case changes one thing in a record; only
changes of the text may change the content's hash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eval.cleaning.labels import Label, Range
from eval.cleaning.visible import visible

# Two records of one article, by the names of their labels: its text or its title was changed.
PAIRS = (
    ("dw-1024275", "dw-1024274"),
    ("dw-1024244", "dw-1024243"),
    ("cdt-392409-a", "cdt-392409-b"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One record changed in one way."""

    change: str  # what was done
    is_text: bool  # True: another version; False: the same content
    data: bytes


def cases(label: Label) -> Iterator[Case]:
    """Yield every change that this record admits of."""
    head, html = label.raw[: label.body], label.raw[label.body :]
    later = re.sub(r"<!--(\d+)-->", lambda stamp: f"<!--{int(stamp[1]) + 3_600_000}-->", head)
    if later != head:
        yield Case("collector's stamp", False, (later + html).encode())
    for change, rewrap in _WRAPPERS.items():
        other = rewrap(html.rstrip("\n")) + "\n"
        if other != html:
            yield Case(change, False, (head + other).encode())
    yield Case("literals as entities", False, _as_entities(label).encode())
    if label.article:
        block = label.article[len(label.article) // 2]
        yield Case("one character replaced", True, _edited(label, block, "某").encode())
        yield Case("one character deleted", True, _edited(label, block, "").encode())
    yield Case("title edited", True, _edited(label, label.title, "某").encode())


# ------------------------------------------------------------------------------- wrappers

_FOOTER = re.compile(r"<br><hr><div>获取更多RSS：.*?</div>", re.S)
_NEW_FOOTER = (
    "<br><hr><div>获取更多RSS："
    '<br><a href="https://feedx.net" style="color:orange" target="_blank">https://feedx.net</a> '
    '<br><a href="https://feedx.site" style="color:orange" target="_blank">https://feedx.site</a>'
    "<br></div>"
)
_SHARE = re.compile(
    r"<div><div>分享 :.*?</div></div>|<div class=\"addtoany_share_save_container.*?</div></div>",
    re.S,
)
_NEW_SHARE = (
    '<div class="share-bar"><span>分享</span>'
    '<a href="https://www.facebook.com/sharer/sharer.php?u=1">Facebook</a>'
    '<a href="https://twitter.com/intent/tweet?url=1">Twitter</a>'
    '<a href="https://api.whatsapp.com/send?text=1">WhatsApp</a></div>'
)


def _footer(html: str) -> str:
    without = _FOOTER.sub("", html)
    return without if without != html else html + _NEW_FOOTER


def _share_block(html: str) -> str:
    """Move the share block to the top; where there is none, one comes at the end."""
    block = _SHARE.search(html)
    if block is None:
        return html + _NEW_SHARE
    return block[0] + html[: block.start()] + html[block.end() :]


def _attributes(html: str) -> str:
    html = re.sub(r"<(p|div|img|a|span)(?=[\s>])", r'<\1 data-v-7f3a="1"', html)
    return html.replace('width="100%"', 'width="660" loading="lazy"')


def _image_proxy(html: str) -> str:
    direct = re.sub(r"https://images\.weserv\.nl/?\?url=", "https://", html)
    if direct != html:
        return direct
    return re.sub(r'(<img [^>]*?src=")https?://', r"\1https://images.weserv.nl/?url=", html)


def _blank_in_tags(html: str) -> str:
    return re.sub(r"<(div|p|span|em|strong|i)>", r"<\1 >", html)


def _blanks(html: str) -> str:
    return html.replace("<p>", "<p>    ").replace("</p>", "\u00a0</p>\n")


_WRAPPERS: dict[str, Callable[[str], str]] = {
    "feed footer": _footer,
    "share block": _share_block,
    "attributes": _attributes,
    "image proxy": _image_proxy,
    "<div > for <div>": _blank_in_tags,
    "blanks": _blanks,
}

# ------------------------------------------------------------------------------- text

_EACH = 5  # every fifth character that is not ASCII is written as an entity


def _as_entities(label: Label) -> str:
    places = [at for text, at in visible(label.raw, label.body) if label.raw[at] == text > "\x7f"]
    chosen = set(places[::_EACH])
    return "".join(
        f"&#{ord(character)};" if at in chosen else character
        for at, character in enumerate(label.raw)
    )


def _edited(label: Label, where: Range, by: str) -> str:
    """Replace one letter in the middle of a range."""
    raw = label.raw
    letters = [at for text, at in visible(raw, where.start, where.end) if text.isalpha()]
    at = letters[len(letters) // 2]
    return raw[:at] + by + raw[at + 1 :]
