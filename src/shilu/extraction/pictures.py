"""Which address a picture or player on a page has: largest candidate, proxies unwrapped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from shilu.urls import absolute, unproxied

# Lazy loading puts the address in one of these and a placeholder into src.
_SOURCES = ("data-src", "data-original", "data-lazy-src", "data-actualsrc", "src")
_PLAYER_SOURCES = ("src", "data-src", "data-lazy-src", "data")
_PLACEHOLDER = re.compile(
    r"(?:^|/)(?:blank|spacer|placeholder|grey[-_]?line|pixel|1x1|transparent)"
    r"[\w-]*\.(?:gif|png|svg)$",
    re.I,
)
_TRACKER = re.compile(
    r"/_/stat\?|/pixel(?:\.gif)?\?|google-analytics|doubleclick\.net|feedburner\.com/~r|/b\.gif\?",
    re.I,
)


def image_address(attributes: Mapping[str, str | None], base: str | None) -> str | None:
    """Return the address of the picture an ``<img>`` shows.

    None for placeholders, tracking pixels and inline data.

    >>> image_address({"src": "https://images.weserv.nl/?url=news.example/a.jpg"}, None)
    'https://news.example/a.jpg'
    """
    if _tiny(attributes.get("width")) or _tiny(attributes.get("height")):
        return None
    largest = largest_candidate(attributes.get("srcset") or attributes.get("data-srcset") or "")
    for address in (largest, *(attributes.get(name) for name in _SOURCES)):
        if not address or address.lstrip()[:5].lower() == "data:":
            continue
        url = absolute(unproxied(address.strip()), base)
        if url and not _PLACEHOLDER.search(url) and not _TRACKER.search(url):
            return url
    return None


def player_address(attributes: Mapping[str, str | None], base: str | None) -> str | None:
    """Return the address a ``<video>``, ``<source>``, ``<iframe>`` … plays, None without one."""
    for name in _PLAYER_SOURCES:
        url = absolute(attributes.get(name) or "", base)
        if url:
            return url
    return None


def largest_candidate(srcset: str) -> str | None:
    """Return the address with the largest width or density of a ``srcset`` (HTML Standard).

    >>> largest_candidate("a.jpg 240w, b.jpg 800w,c.jpg 480w")
    'b.jpg'
    """
    candidates = [(_size(size), url) for url, size in _candidates(srcset[:20_000]) if url]
    return max(candidates, key=lambda candidate: candidate[0])[1] if candidates else None


def _candidates(srcset: str) -> Iterator[tuple[str, str]]:
    """Yield addresses with their descriptor ("800w", "2x" or "")."""
    url = ""
    for word in srcset.split():
        if url:
            # Generators forget the blank after the comma: "240w,b.jpg 480w".
            descriptor, _, following = word.partition(",")
            yield url, descriptor
            url = following
        else:
            url = word.lstrip(",")
        if url.endswith(","):  # no descriptor
            yield url.rstrip(","), ""
            url = ""
    yield url, ""


def _size(descriptor: str) -> float:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)[wx]", descriptor)
    return float(match[1]) if match else 1.0


def _tiny(value: str | None) -> bool:
    """Tell whether a width or height attribute is that of a tracking pixel."""
    return value is not None and value.strip().removesuffix("px") in ("0", "1", "2")
