from __future__ import annotations

from pathlib import Path

import pytest

from shilu.errors import UsageError
from shilu.records import Entry
from shilu.sources.catalog import Catalog, load_catalog, parse_source


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


# --------------------------------------------------------------------------- keys

# Every form of address an outlet has had, with the key that must not change.
KEYS = [
    ("dw", "https://www.dw.com/zh/%E7%94%B2/a-70241396", "a-70241396"),
    ("dw", "https://www.dw.com/zh/%E4%B9%99/a-70241396?maca=chi-rss", "a-70241396"),
    ("dw", "https://www.dw.com/zh/x/av-55200001", "av-55200001"),
    ("dw", "https://m.dw.com/zh/x/live-69000001", "live-69000001"),
    ("dw", "https://www.dw.com/zh/x/g-5", "g-5"),
    ("voa", "https://www.voachinese.com/a/slug-20241129/7881283.html", "7881283"),
    ("voa", "https://www.voachinese.com/amp/7881283.html?x=1", "7881283"),
    ("voa", "https://m.voachinese.com/z/1739/7881283.html", "7881283"),
    ("bbc", "http://www.bbc.com/zhongwen/simp/world-54314785", "simp/world-54314785"),
    ("bbc", "https://www.bbc.com/zhongwen/trad/world-54314785", "trad/world-54314785"),
    (
        "bbc",
        "https://www.bbc.com/zhongwen/simp/chinese-news-57281238",
        "simp/chinese-news-57281238",
    ),
    ("bbc", "https://www.bbc.com/zhongwen/simp/57187804", "simp/57187804"),
    ("bbc", "https://www.bbc.com/zhongwen/articles/c0123456789o/simp", "simp/c0123456789o"),
    ("bbc", "https://www.bbc.com/zhongwen/articles/c0123456789o/trad", "trad/c0123456789o"),
    ("bbc", "https://www.bbc.com/zhongwen/simp/articles/c0123456789o", "simp/c0123456789o"),
    ("bbc", "https://www.bbc.com/zhongwen/articles/c0123456789o", "c0123456789o"),
    ("bbc", "https://www.bbc.com/zhongwen/simp/live/world-60000001", "simp/live/world-60000001"),
    (
        "bbc",
        "https://www.bbc.com/zhongwen/simp/world/2013/05/130501_slug.shtml",
        "simp/2013/05/130501_slug",
    ),
    (
        "bbc",
        "http://news.bbc.co.uk/chinese/simp/hi/newsid_7170000/newsid_7171500/7171500.stm",
        "simp/7171500",
    ),
    ("reuters", "https://cn.reuters.com/article/any-slug-1011-sun-idCNKBS26X0D0", "idCNKBS26X0D0"),
    ("reuters", "https://cn.reuters.com/article/idCNKBS26X0D0?il=0", "idCNKBS26X0D0"),
    (
        "reuters",
        "https://cn.reuters.com/markets/x-ABCDEFGHIJKLMNOPQRSTUVWXY2-2024-01-09/",
        "ABCDEFGHIJKLMNOPQRSTUVWXY2",
    ),
    ("rfa", "https://www.rfa.org/mandarin/a/b/hc-10072020112757.html", "hc-10072020112757"),
    ("rfa", "https://www.rfa.org/mandarin/a/hc-10072020112757.html/x.jpg", "hc-10072020112757"),
    (
        "rfa",
        "https://www.rfa.org/mandarin/a/hc-10072020112757.html?encoding=traditional",
        "hc-10072020112757/traditional",
    ),
    ("rfa", "https://www.rfa.org/cantonese/news/2024/12/20/slug/", "2024/12/20/slug"),
    ("ft", "http://www.ftchinese.com/story/001094889?full=y", "001094889"),
    ("ft", "https://m.ftchinese.com/premium/001094889/en", "001094889/en"),
    ("ft", "http://big5.ftchinese.com/story/001094889", "big5/001094889"),
    ("ft", "http://www.ftchinese.com/interactive/12345", "interactive/12345"),
    (
        "nyt",
        "https://cn.nytimes.com/asia-pacific/20201012/north-korea-icbm/",
        "20201012/north-korea-icbm",
    ),
    (
        "nyt",
        "https://cn.nytimes.com/world/20201012/north-korea-icbm/zh-hant/",
        "20201012/north-korea-icbm/zh-hant",
    ),
    ("nyt", "https://cn.nytimes.com/world/20201012/slug/dual/", "20201012/slug/dual"),
    ("nyt", "https://www.nytimes.com/zh-hans/2020/10/12/world/asia/slug.html", "2020/10/12/slug"),
    ("cdt", "https://chinadigitaltimes.net/chinese/715858.html", "715858"),
    ("cdt", "https://chinadigitaltimes.net/chinese/?p=715858", "715858"),
    # RFI has only the slug
    ("rfi", "http://www.rfi.fr//cn/%E4%B8%AD/20201010-x", "https://www.rfi.fr/cn/中/20201010-x"),
    ("rfi", "https://www.rfi.fr/cn/%e4%b8%ad/20201010-x", "https://www.rfi.fr/cn/中/20201010-x"),
    ("rfi", "https://www.rfi.fr/tw/%E4%B8%AD/20201010-x", "https://www.rfi.fr/tw/中/20201010-x"),
]


@pytest.mark.parametrize(("source", "url", "key"), KEYS)
def test_key_of_every_stated_form(catalog: Catalog, source: str, url: str, key: str) -> None:
    rules = catalog.for_url(url)
    assert rules.source.id == source
    assert rules.key(Entry(title="", url=url, html="")) == key


def test_every_outlet_has_its_keys_tested(catalog: Catalog) -> None:
    assert {source for source, _, _ in KEYS} == set(catalog.rules)


def test_key_of_cdt_2020_is_the_post_number_behind_the_file_id(catalog: Catalog) -> None:
    rules = catalog.rules["cdt"]
    url = "https://chinadigitaltimes.net/chinese/2020/09/%e7%94%b2/"

    def key(file_id: int | None) -> str:
        return rules.key(Entry(title="", url=url, html="", file_id=file_id))

    assert key(392409) == "656166"
    # 0 says that the feed named no number: all such items share the file name.
    assert key(0) == key(None) == "https://chinadigitaltimes.net/chinese/2020/09/甲/"
    numbered = Entry("", "https://chinadigitaltimes.net/chinese/715858.html", "", file_id=332717)
    assert rules.key(numbered) == "715858" == str(1048575 - 332717)


# --------------------------------------------------------------------------- whose address


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://www.rfi.fr/cn/x", "rfi"),
        ("https://www.rfi.fr//cn/x", "rfi"),
        ("https://www.rfi.fr/cn", "rfi"),
        ("https://www.rfi.fr/fr/x", "rfi.fr"),
        ("https://www.rfi.fr/cnx/x", "rfi.fr"),
        ("https://www.dw.com/zhuanti", "dw.com"),
        ("https://www.dw.com/en/x/a-1", "dw.com"),
        ("https://www.bbc.com/news/world-1", "bbc.com"),
        ("https://mobile.cn.reuters.com/article/x", "reuters"),
        ("https://a.b.cn.reuters.com/article/x", "reuters"),
        ("https://www.reuters.com/x", "reuters.com"),
        ("https://notcn.reuters.com/x", "notcn.reuters.com"),
        ("https://localhost/x", "localhost"),
        ("https://Blog.Example/x", "blog.example"),
    ],
)
def test_for_url_goes_by_host_and_path(catalog: Catalog, url: str, source: str) -> None:
    assert catalog.for_url(url).source.id == source


def test_undeclared_outlet_is_made_from_its_host(catalog: Catalog) -> None:
    rules = catalog.for_url("https://blog.example/a/1?utm_source=x")
    assert not rules.source.declared
    assert rules.source.time_zone == "UTC"
    entry = Entry(title="", url="http://blog.example/a/1?utm_source=x", html="")
    assert rules.key(entry) == "https://blog.example/a/1"


@pytest.mark.parametrize("outlet", ["rfi", "dw", "voa", "bbc", "nyt", "reuters", "rfa", "cdt"])
def test_for_folder_knows_old_and_new_names_in_any_case(catalog: Catalog, outlet: str) -> None:
    for folder in (outlet, outlet.upper(), *catalog.rules[outlet].source.folders):
        found = catalog.for_folder(folder)
        assert found is not None
        assert found.source.id == outlet
    assert catalog.for_folder("elsewhere") is catalog.for_folder(None) is None


# --------------------------------------------------------------------------- strict files

GOOD = """
id = "leda"
hosts = ["leda.example"]
time_zone = "UTC"
languages = ["en"]
[names]
en = "Leda"
"""


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        (GOOD + "[[dates]]\nform = 'iso'", "config.bad_value", "select"),
        (GOOD + "[[dates]]\nselect = 'time'", "config.bad_value", "form"),
        (GOOD + "[[dates]]\nselect = 'time'\nform = 'isoo'", "config.bad_value", "form"),
        (GOOD + "[[dates]]\nselect = 'time['\nform = 'iso'", "config.bad_value", "select"),
        (GOOD + "[[dates]]\nselect='i'\nform='iso'\nzone='Mars'", "config.bad_value", "zone"),
        (GOOD + "[[remove]]\nrule = 'x'", "config.bad_value", "select"),
        (GOOD + "[[remove]]\nselect = 'p'", "config.bad_value", "rule"),
        (GOOD + "[[remove]]\nrule = 'x'\nselect = 'p:has('", "config.bad_value", "select"),
        (GOOD + "[[remove]]\nrule='x'\nselect='p'\ntext='('", "config.bad_value", "text"),
        (GOOD + "[[remove]]\nrule='x'\nselect='p'\nmax_char=1", "config.unknown_key", "max_char"),
        (GOOD + "[[feeds]]\nverified = true", "config.bad_value", "url"),
        (GOOD + "[key]\npattern = []", "config.unknown_key", "pattern"),
        (GOOD + "[key]\npatterns = ['(']", "config.bad_value", "patterns"),
        (GOOD.replace('"UTC"', '"Mars/Base"'), "config.bad_value", "time_zone"),
        (GOOD.replace("time_zone", "timezone"), "config.unknown_key", "timezone"),
        (GOOD.replace('id = "leda"', ""), "config.bad_value", "id"),
        (GOOD.replace('["en"]', '"en"'), "config.bad_value", "languages"),
        (GOOD.replace('["en"]', "[1]"), "config.bad_value", "languages"),
        ("id = ", "config.unreadable", ""),
    ],
)
def test_source_file_with_a_slip_is_refused_by_name(text: str, code: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_source(text, "sources/leda.toml")
    problem = caught.value.problem
    assert problem.code == code
    assert problem.subject.startswith("sources/leda.toml")
    assert problem.details.get("key", "") == named


def test_author_selectors_are_checked_too() -> None:
    with pytest.raises(UsageError):
        parse_source("authors = ['a[']\n" + GOOD, "sources/leda.toml")


def test_file_in_the_archive_wins_over_ours(tmp_path: Path) -> None:
    (tmp_path / "rfi.toml").write_text(GOOD.replace("leda", "rfi"), "utf-8")
    (tmp_path / "leda.toml").write_text(GOOD, "utf-8")
    catalog = load_catalog(tmp_path)
    assert catalog.rules["rfi"].source.hosts == ("rfi.example",)
    assert catalog.for_url("https://www.leda.example/x").source.id == "leda"
    assert catalog.digest != load_catalog().digest
    assert load_catalog().digest == load_catalog().digest


def test_file_must_be_named_after_its_outlet(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(GOOD, "utf-8")
    with pytest.raises(UsageError):
        load_catalog(tmp_path)


# --------------------------------------------------------------------------- hints


@pytest.mark.parametrize(
    ("select", "html", "applies"),
    [
        (".share-box", '<div class="SHARE-BOX">', True),
        (".share-box", '<div class="box">', False),
        ("a[href*='x.com/intent'], .abc", "<p class=abc>", True),
        ("div:not(.xyz)", "<div>", True),
        ("div > i:only-child", "<div><i>", True),
        ("div > i:only-child", "<div><b>", False),
        ("section[aria-label^='Most-Read' i]", "<section aria-label='most-read'>", True),
        ("tbody", "<table><td>", True),
    ],
)
def test_rule_is_tried_only_where_it_can_match(select: str, html: str, applies: bool) -> None:
    quoted = select.replace('"', "'")
    rules = parse_source(GOOD + f'[[remove]]\nrule = "x"\nselect = "{quoted}"', "s")
    assert rules.remove[0].may_apply(html.lower(), "", None) is applies
