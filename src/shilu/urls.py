"""Addresses: one canonical form, and the original behind image proxies."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from shilu.text import storable

# Query parameters that say how a reader came, not what the page is: the union of what the
# analytics systems of the catalogued outlets append (Piano/AT Internet "at_", Google "utm_",
# Facebook, DW "maca", Adobe "cid", Webtrends "wt").
_TRACKING = re.compile(
    r"^(utm_\w+|at_\w+|fbclid|gclid|maca|cid|wt\.?\w*|ref|ocid|_ga|source)$", re.I
)

# What percent-encoding a path may leave as it is (RFC 3986, pchar and "/"), "%" excluded.
_PATH_SAFE = "/:@!$&'()*+,;=-._~"

_WEB = frozenset({"http", "https"})
# What nearly every address looks like; for these the dear way is spared.
_PLAIN = re.compile(r"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?:/[^\s#\[\]]*)?$")
_BROKEN_HOST = re.compile(r"[\s<>\"\\^`{|}\x00-\x1f\x7f]")


def is_web_address(url: str) -> bool:
    """Tell whether *url* is an absolute http(s) address with a host.

    >>> is_web_address("https://www.dw.com/zh/a-70241396"), is_web_address("javascript:alert(1)")
    (True, False)
    """
    if _PLAIN.match(url):
        return True
    try:
        parts = urlsplit(url)
        host = parts.hostname
        parts.port  # noqa: B018 - raises ValueError for a port that is no number
    except ValueError:
        return False
    return parts.scheme.lower() in _WEB and bool(host) and not _BROKEN_HOST.search(parts.netloc)


@lru_cache(maxsize=1024)  # asked for the key, then for the article's address
def canonical(url: str) -> str:
    """Return the one form under which an address is compared and kept.

    https, lower-case host without default port or user, no doubled slashes, no fragment, no
    tracking parameters, non-ASCII readable (an IRI, RFC 3987). Input must satisfy
    ``is_web_address``.

    >>> canonical("http://www.rfi.fr//cn/%E4%B8%AD%E5%9B%BD/20201010-x?utm_source=t#top")
    'https://www.rfi.fr/cn/中国/20201010-x'
    """
    parts = urlsplit(storable(url.strip()))
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:  # an IPv6 literal
        host = f"[{host}]"
    if parts.port and parts.port not in (80, 443):
        host = f"{host}:{parts.port}"
    path = _SLASHES.sub("/", parts.path) or "/"
    if "%" in path:
        path = _ESCAPES.sub(_readable, _ESCAPE.sub(lambda match: match[0].upper(), path))
    if not path.isprintable() or _UNSAFE.search(path):
        path = "".join(map(_as_written, path))
    query = parts.query and urlencode(
        [
            pair
            # Bytes that are not UTF-8 (old GBK addresses) come through unchanged.
            for pair in parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
            if not _TRACKING.match(pair[0])
        ],
        errors="surrogateescape",
    )
    return urlunsplit(("https", host, path, query, ""))


_SLASHES = re.compile(r"/{2,}")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
# Decoding, then encoding only what must be, makes %E4, %e4 and 中 one. Reserved characters that
# were encoded ("%2F", "%3F", "%23", "%25") stay so, or the address would change.
_ESCAPES = re.compile(r"(?:%(?!2F|3F|23|25)[0-9A-F]{2})+")
_UNSAFE = re.compile(r'[ "<>\\^`{|}]')


def _readable(match: re.Match[str]) -> str:
    """Decode a run of escapes where it is UTF-8 and printable, else leave it."""
    return "".join(map(_as_written, unquote(match[0], errors="surrogateescape")))


def _as_written(char: str) -> str:
    """Return a character as it stands in a readable path: itself, or percent-encoded."""
    if char.isprintable() and not _UNSAFE.match(char):
        return char
    return quote(char.encode("utf-8", "surrogateescape"), safe="")


def as_ascii(url: str) -> str:
    """Return the percent-encoded form (RFC 3986) of an address in canonical form.

    >>> as_ascii("https://www.rfi.fr/cn/中国/x")
    'https://www.rfi.fr/cn/%E4%B8%AD%E5%9B%BD/x'
    """
    return quote(url, safe="%?#[]" + _PATH_SAFE, errors="replace")


# Image proxies that full-text feeds send pictures through. The origin stands in a query parameter
# ("url", with or without scheme) or in the path.
_PROXY_QUERY = re.compile(
    r"^(?:(?:https?:)?//(?:images\.weserv\.nl|wsrv\.nl|images\.duty-machine\.now\.sh"
    r"|(?:external-content|images)\.duckduckgo\.com/iu)/?|[^?#]*/_next/image/?)\?"
    r"(?:[^#]*&)?(?:url|u)=(?P<origin>[^#]+)$",
    re.I,
)
_PROXY_PATH = re.compile(
    r"^(?:https?:)?//(?:i\d\.wp\.com/(?P<wp>[^#?]+)"
    r"|(?:(?:images\.weserv\.nl|wsrv\.nl)/(?=https?:)"
    r"|[\w-]+\.cdn\.ampproject\.org/i/(?:s/)?|cdn\.statically\.io/img/(?!gh/)"
    r"|res\.cloudinary\.com/[^/]+/image/fetch/(?:[^/]*_[^/]*/)*(?=https?:)"
    r"|[^?#]+/plain/(?=https?:))(?P<origin>[^#]+))",
    re.I,
)
_SECURE_PREFIX = re.compile(r"^(?:ssl|https?):/{0,2}", re.I)


def unproxied(url: str) -> str:
    """Return the address of the picture itself when *url* goes through an image proxy.

    >>> unproxied("https://images.weserv.nl?url=gdb.voanews.com/68833289_w900.jpg")
    'https://gdb.voanews.com/68833289_w900.jpg'
    """
    for _ in range(3):  # proxies are at times chained; more than three is no honest page
        match = _PROXY_QUERY.match(url) or _PROXY_PATH.match(url)
        if not match:
            return url
        groups = match.groupdict()
        origin = groups.get("wp") or groups["origin"]
        if match.re is _PROXY_QUERY:
            # Parameters of the proxy itself (&w=, &output=) follow the origin; an origin that was
            # encoded keeps its own "&" as %26.
            origin = origin.split("&", 1)[0]
            if "%2F" in origin.upper() or "%3A" in origin.upper():
                origin = unquote(origin)
            if origin.startswith("/") and not origin.startswith("//"):
                return origin  # the site's own picture
        url = "https://" + _SECURE_PREFIX.sub("", origin).lstrip("/")
    return url


def absolute(url: str, base: str | None) -> str | None:
    """Resolve *url* against *base*; None when no web address comes of it (``javascript:`` …)."""
    url = url.strip()
    if not url:
        return None
    if url.startswith("//"):
        url = "https:" + url
    if _PLAIN.match(url):
        return url
    try:
        resolved = urljoin(base, url) if base else url
    except ValueError:
        return None
    return resolved if is_web_address(resolved) else None


# A host that needs no parsing: neither port nor user, followed by what ends it.
_PLAIN_HOST = re.compile(r"https?://([A-Za-z0-9.-]+)(?:[/?#]|\Z)")


def host_of(url: str) -> str:
    """Return the host without ``www.``, lower-case."""
    match = _PLAIN_HOST.match(url)
    host = match[1].lower() if match else urlsplit(url).hostname or ""
    return host.removeprefix("www.")
