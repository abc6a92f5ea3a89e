"""Which address a picture or player on a page has: largest candidate, proxies unwrapped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from shilu.urls import absolute, host_of, unproxied

# Lazy loading puts the address in one of these and a placeholder into src.
_SOURCES = ("data-src", "data-original", "data-lazy-src", "data-actualsrc", "src")
_PLAYER_SOURCES = ("src", "data-src", "data-lazy-src", "data", "source")
_PLACEHOLDER = re.compile(
    r"(?:^|/)(?:blank|spacer|placeholder|grey[-_]?line|pixel|1x1|transparent)"
    r"[\w-]*\.(?:gif|png|svg)$"
    # what a page shows to the networks for want of a picture of its own
    r"|/(?:meta_og_twcards|og|default|logo)[\w-]*/?[\w-]*(?:_FB|[-_]?(?:logo|default|og))[\w-]*\.(?:png|jpe?g)$",
    re.I,
)
_TRACKER = re.compile(
    r"/_/stat\?|/pixel(?:\.gif)?\?|google-analytics|doubleclick\.net|feedburner\.com/~r|/b\.gif\?",
    re.I,
)

# One of these stands in every address that the patterns above match; they are dear to try.
_SUSPICIOUS = (
    "pixel", "og", "default", "blank", "spacer", "placeholder", "grey", "1x1", "transparent",
    "stat?", "analytics", "doubleclick", "feedburner", "b.gif",
)  # fmt: skip


def image_address(attributes: Mapping[str, str | None], base: str | None) -> str | None:
    """Return the address of the picture an ``<img>`` shows.

    None for placeholders, tracking pixels and inline data.

    >>> image_address({"src": "https://images.weserv.nl/?url=news.example/a.jpg"}, None)
    'https://news.example/a.jpg'
    """
    if _tiny(attributes.get("width")) or _tiny(attributes.get("height")):
        return None
    srcset = attributes.get("srcset") or attributes.get("data-srcset")
    largest = largest_candidate(srcset) if srcset else None
    for address in (largest, *(attributes.get(name) for name in _SOURCES)):
        if not address or address.lstrip()[:5].lower() == "data:":
            continue
        url = absolute(unproxied(address.strip()), base)
        if url and not _is_placeholder(url):
            return url
    return None


def _is_placeholder(url: str) -> bool:
    lower = url.lower()
    return any(word in lower for word in _SUSPICIOUS) and bool(
        _PLACEHOLDER.search(url) or _TRACKER.search(url)
    )


def player_address(attributes: Mapping[str, str | None], base: str | None) -> str | None:
    """Return the address a ``<video>``, ``<source>``, ``<iframe>`` … plays, None without one."""
    youtube = attributes.get("data-videoid") or attributes.get("videoid")
    if youtube and youtube.replace("-", "").replace("_", "").isalnum():
        return f"https://www.youtube.com/watch?v={youtube}"
    for name in _PLAYER_SOURCES:
        url = absolute(attributes.get(name) or "", base)
        if url:
            return url
    return None


_HOSTS_OF: Mapping[str, re.Pattern[str]] = {
    "video": re.compile(
        r"(?:^|\.)(?:youtube(?:-nocookie)?\.com|youtu\.be|vimeo\.com|dailymotion\.com|bilibili\.com|"
        r"v\.qq\.com|youku\.com|rumble\.com|ganjing\.com|odysee\.com|jwplatform\.com|brightcove\.net)$"
    ),
    "audio": re.compile(
        r"(?:^|\.)(?:soundcloud\.com|spotify\.com|podcasts\.apple\.com|acast\.com|megaphone\.fm|"
        r"anchor\.fm|buzzsprout\.com|simplecast\.com|firstory\.me|soundon\.fm)$"
    ),
    "post": re.compile(
        r"(?:^|\.)(?:twitter\.com|x\.com|instagram\.com|facebook\.com|threads\.net|t\.me|tiktok\.com|"
        r"weibo\.com|weibo\.cn|bsky\.app|reddit\.com)$"
    ),
}
_VIDEO_PATH = re.compile(r"/plugins/video|/videos?/|\.(?:mp4|m3u8|webm)(?:$|\?)", re.I)
_AUDIO_PATH = re.compile(r"\.(?:mp3|m4a|ogg|aac|wav)(?:$|\?)", re.I)


def player_kind(tag: str, url: str) -> str:
    """Return what an element that plays or frames *url* is: video, audio, post or frame.

    >>> player_kind("iframe", "https://www.youtube.com/embed/1"), player_kind("iframe", "https://a.b/")
    ('video', 'frame')
    """
    kind = tag.removesuffix("-player")
    if kind in ("video", "audio"):
        return kind
    host, path = host_of(url), urlsplit(url).path
    for kind, hosts in _HOSTS_OF.items():
        if hosts.search(host):
            return "video" if kind == "post" and _VIDEO_PATH.search(path) else kind
    if _AUDIO_PATH.search(path):
        return "audio"
    return "video" if _VIDEO_PATH.search(path) else "frame"


def post_address(addresses: Iterable[str | None], base: str | None) -> str | None:
    """Return the first of these addresses that is a social network's, None when none is."""
    for address in addresses:
        url = absolute(address or "", base)
        if url and _HOSTS_OF["post"].search(host_of(url)):
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
