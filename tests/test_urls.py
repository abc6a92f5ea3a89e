from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shilu.extraction.pictures import image_address, largest_candidate, player_address
from shilu.urls import absolute, as_ascii, canonical, host_of, is_web_address, unproxied


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-",
        "/cn/x",
        "//www.rfi.fr/cn",
        "www.rfi.fr/cn",
        "ftp://a.example/",
        "mailto:a@b.c",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "http://[::1",
        "https://a.example:port/",
        "https://a b/",
        "https://<a>/",
        "data:text/html,x",
        "https://?x",
    ],
)
def test_is_web_address_refuses_what_leads_nowhere(url: str) -> None:
    assert not is_web_address(url)


@pytest.mark.parametrize("url", ["HTTPS://A.example", "http://中国.example/x", "http://[::1]:80/"])
def test_is_web_address_takes_hosts_of_every_form(url: str) -> None:
    assert is_web_address(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        # http and a double slash: RFI in 2020
        ("http://www.rfi.fr//cn/%E4%B8%AD/20201010-a", "https://www.rfi.fr/cn/中/20201010-a"),
        # escapes in lower case: CDT
        ("https://a.example/%e4%b8%ad", "https://a.example/中"),
        ("https://a.example/中", "https://a.example/中"),
        ("https://a.example/a%20b", "https://a.example/a%20b"),
        ("https://a.example/a b", "https://a.example/a%20b"),
        # reserved characters that were encoded stay so
        ("https://a.example/a%2fb%3F%23%25", "https://a.example/a%2Fb%3F%23%25"),
        # bytes that are not UTF-8 (GBK) stay as they are
        ("https://a.example/%d6%d0", "https://a.example/%D6%D0"),
        ("https://a.example/?t=%d6%d0", "https://a.example/?t=%D6%D0"),
        ("https://A.Example:443/x/#top", "https://a.example/x/"),
        ("https://user:word@a.example:8080/x", "https://a.example:8080/x"),
        ("https://a.example./", "https://a.example/"),
        ("https://a.example", "https://a.example/"),
        ("http://[2001:DB8::1]/x", "https://[2001:db8::1]/x"),
        ("https://a.example/x?utm_source=rss&at_campaign=x&id=5", "https://a.example/x?id=5"),
        ("https://a.example/x?maca=chi-rss&fbclid=1", "https://a.example/x"),
        ("https://a.example/chinese?p=715774", "https://a.example/chinese?p=715774"),
        ("https://a.example/%00%7F", "https://a.example/%00%7F"),
        ("https://a.example/\ud800", "https://a.example/\ufffd"),
    ],
)
def test_canonical_has_one_form(url: str, expected: str) -> None:
    assert canonical(url) == expected


_PATH = st.text(st.characters(codec="utf-8"), max_size=12) | st.from_regex(
    r"(%[0-9a-fA-F]{2}){1,6}"
)


@given(_PATH, _PATH)
def test_canonical_twice_is_the_same(path: str, query: str) -> None:
    url = f"https://a.example/{path}?{query}"
    once = canonical(url)
    assert is_web_address(once)
    assert canonical(once) == once
    assert as_ascii(once).isascii()
    assert canonical(as_ascii(once)) == once


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://images.weserv.nl?url=a.example/x.jpg", "https://a.example/x.jpg"),
        ("https://images.weserv.nl/?url=a.example/x.jpg&w=900", "https://a.example/x.jpg"),
        ("https://images.weserv.nl/?w=9&url=ssl:a.example/x.jpg", "https://a.example/x.jpg"),
        ("//wsrv.nl/?url=https%3A%2F%2Fa.example%2Fx.jpg%3Fs%3D1", "https://a.example/x.jpg?s=1"),
        ("https://images.weserv.nl/https://a.example/x.jpg", "https://a.example/x.jpg"),
        (
            "https://external-content.duckduckgo.com/iu/?u=https%3A%2F%2Fa.example%2Fx.jpg&f=1",
            "https://a.example/x.jpg",
        ),
        ("https://b.example/_next/image?url=%2Fx.jpg&w=640&q=75", "/x.jpg"),
        ("https://a-example.cdn.ampproject.org/i/s/a.example/x.jpg", "https://a.example/x.jpg"),
        (
            "https://res.cloudinary.com/b/image/fetch/w_300/https://a.example/x.jpg",
            "https://a.example/x.jpg",
        ),
        ("https://p.example/sig/plain/https://a.example/x.jpg", "https://a.example/x.jpg"),
        ("https://i0.wp.com/a.example/x.jpg?resize=1", "https://a.example/x.jpg"),
        ("https://wsrv.nl/?url=images.weserv.nl/?url=a.example/x.jpg", "https://a.example/x.jpg"),
        ("https://a.example/?url=b.example/x.jpg", "https://a.example/?url=b.example/x.jpg"),
    ],
)
def test_unproxied_gives_the_picture_itself(url: str, expected: str) -> None:
    assert unproxied(url) == expected


def test_absolute_resolves_and_refuses() -> None:
    base = "https://a.example/x/y"
    assert absolute("../z", base) == "https://a.example/z"
    assert absolute("//b.example/z", None) == "https://b.example/z"
    assert absolute(" https://b.example/z\n", None) == "https://b.example/z"
    for nothing in ("", " ", "javascript:alert(1)", "mailto:a@b.example", "http://[::1"):
        assert absolute(nothing, base) is None
    assert absolute("z", None) is None


def test_host_of_leaves_www_out() -> None:
    assert host_of("https://WWW.Rfi.fr/cn") == "rfi.fr"


# --------------------------------------------------------------------------- pictures


@pytest.mark.parametrize(
    ("srcset", "expected"),
    [
        ("a.jpg 240w, b.jpg 800w, c.jpg 480w", "b.jpg"),
        ("a.jpg 240w,b.jpg 800w,c.jpg 480w", "b.jpg"),
        ("a.jpg, b.jpg 2x", "b.jpg"),
        ("a.jpg", "a.jpg"),
        ("https://a.example/w:1,h:2/a.jpg 1x", "https://a.example/w:1,h:2/a.jpg"),
        ("a.jpg 1.5x, b.jpg 3x", "b.jpg"),
        ("a.jpg twow, b.jpg", "a.jpg"),
        ("", None),
        (" , ,", None),
    ],
)
def test_largest_candidate_is_found(srcset: str, expected: str | None) -> None:
    assert largest_candidate(srcset) == expected


@given(st.text("ab ,.123wx/:", max_size=60))
def test_largest_candidate_never_fails(srcset: str) -> None:
    found = largest_candidate(srcset)
    assert found is None or found in srcset


def test_largest_candidate_of_junk_is_found_at_once() -> None:
    # A pattern that backtracks takes minutes over these.
    assert largest_candidate("a" * 10_000 + " b" + "c" * 9_000) == "a" * 10_000
    assert largest_candidate("a," * 10_000 + " 2x") == "a," * 9_999 + "a"
    assert largest_candidate("a " * 10_000) == "a"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"src": "https://a.example/1x1.gif"}, None),
        ({"src": "https://a.example/p.jpg", "width": "1"}, None),
        ({"src": "https://medium.example/_/stat?event=x"}, None),
        ({"src": "data:image/gif;base64,AAAA"}, None),
        (
            {"src": "data:image/gif;base64,AAAA", "data-src": "//a.example/p.jpg"},
            "https://a.example/p.jpg",
        ),
        (
            {"src": "https://a.example/s.jpg", "srcset": "https://a.example/l.jpg 800w"},
            "https://a.example/l.jpg",
        ),
        ({"src": "p.jpg"}, None),
        ({"src": ""}, None),
        ({"src": None}, None),
        ({}, None),
    ],
)
def test_image_address_knows_pictures_from_placeholders(
    attributes: dict[str, str | None], expected: str | None
) -> None:
    assert image_address(attributes, None) == expected


def test_player_without_address_is_not_the_page_itself() -> None:
    assert player_address({"controls": None}, "https://a.example/x") is None
    assert (
        player_address({"data-src": "v.mp4"}, "https://a.example/x/") == "https://a.example/x/v.mp4"
    )
