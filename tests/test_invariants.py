"""What holds of every cleaning, whatever comes in.

- The text is a subsequence of what is visible, blanks aside: nothing is added, moved or changed.
- What is kept and what is removed account for every visible character.
- Cleaning what is clean changes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from shilu.extraction.article import extract_entry
from shilu.extraction.markup import CLEAN
from shilu.extraction.rendering import to_html
from shilu.recordform import read_record
from shilu.records import Content, Entry
from shilu.sources.catalog import load_catalog
from tests import real_records
from tests.real_records import needs_records

CATALOG = load_catalog()
GOLDENS = sorted((Path(__file__).parent / "sources").glob("*/*.md"))
URL = "https://news.example/a/1"


def cleaned(html: str, url: str = URL, title: str = "题目与正文无关") -> Content:
    rules = CATALOG.for_url(url)
    return extract_entry(Entry(title=title, url=url, html=html), rules, "s")


def body(content: Content) -> str:
    return content.text[content.body_start :]


def visible_text(html: str) -> str:
    """Return what a page shows, by the parser alone."""
    tree = LexborHTMLParser(html)
    tree.strip_tags(["script", "style", "template", "head"])
    root = tree.body or tree.root
    return root.text(separator="") if root is not None else ""


def is_subsequence(text: str, of: str) -> bool:
    found = iter(of)
    return all(character in found for character in text)


def bare(text: str) -> str:
    return re.sub(r"[\s\u200b\u2060\ufeff\u00ad\x00-\x1f\x7f]+", "", text)


def records() -> Iterator[tuple[str, Entry]]:
    for path in GOLDENS:
        name = f"articles/{path.parent.name}/{path.name}"
        entry = read_record(path.read_bytes(), name, name)
        if isinstance(entry, Entry):
            yield name, entry


# --------------------------------------------------------------------------- generated pages

PIECES = [
    "中国国防部长周四访问了白俄罗斯。", "他说：“我们会继续合作。”", "分享 :", "延伸阅读：",
    "相关文章", "© 2024 版权所有", "订阅我们的电子报", "2 小时前", "记者：王甲  责编：李乙",
    "（路透社、法新社）", "（完）", "图像来源，Getty Images", "Read more", "阅读 1234", "A & B <c>",
    "\u00a0\u3000 ", "10:20", "编者按：甲。", "The minister arrived on Thursday.", "华盛顿 —",
    "（法新社华盛顿10日电）", "广告",
]  # fmt: skip
TAGS = ["p", "div", "span", "b", "strong", "em", "a href='/x'", "a href='https://other.example/y'",
        "ul", "li", "h2", "blockquote", "section", "figure", "figcaption", "small", "table", "tr",
        "td", "pre", "aside", "footer", "nav"]  # fmt: skip
VOID = ["<br>", "<img src='/1.jpg'>", "<hr>", "<img src='https://i.example/2.jpg' alt='图'>"]

leaves = st.one_of(st.sampled_from(PIECES), st.sampled_from(VOID), st.text(max_size=8))
trees = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag.split()[0]}>",
        st.sampled_from(TAGS), st.lists(inner, max_size=5),
    ),
    max_leaves=40,
)  # fmt: skip
pages = st.lists(trees, max_size=8).map("".join)


@settings(max_examples=400, deadline=None)
@given(pages)
def test_text_is_a_subsequence_of_the_page(html: str) -> None:
    assert is_subsequence(bare(body(cleaned(html))), bare(visible_text(html)))


@settings(max_examples=400, deadline=None)
@given(pages)
def test_kept_and_removed_account_for_everything(html: str) -> None:
    found = cleaned(html)
    gone = "".join(piece.text for piece in found.removed)
    assert Counter(bare(body(found) + gone)) == Counter(bare(visible_text(html)))


prose = st.lists(
    st.sampled_from(
        [
            "<p>中国国防部长李尚福周四访问了白俄罗斯，并会见了总统。</p>",
            "<p>他说：<b>“我们会继续合作。”</b>随后离开。</p>",
            "<p>报道见<a href='https://other.example/y'>那家报纸</a>，全文很长，值得一读。</p>",
            "<h2>背景与历史</h2>",
            "<ul><li>第一点：两国将举行演习。</li><li>第二点：明年继续。</li></ul>",
            "<blockquote>这是一段引文，出自去年的讲话。</blockquote>",
            "<img src='/1.jpg'><div><small>图为两国部长在机场握手。</small></div>",
            "<figure><img src='/2.jpg'><figcaption>仪仗队列队欢迎。</figcaption></figure>",
            "<table><tr><td>年份</td><td>人数</td></tr><tr><td>2023</td><td>三千</td></tr></table>",
            "<pre>第一行\n第二行</pre>",
            "<div>没有段落标记的一行，说的是同一件事。<br>换行之后还有一句。</div>",
            "<p>分享 :</p>",
            "<div><a href='/1'>更多新闻</a></div>",
        ]
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(prose)
def test_cleaning_what_is_clean_changes_nothing(parts: list[str]) -> None:
    once = cleaned("".join(parts))
    again = cleaned(as_found(once))
    assert again.text == once.text
    assert [block.kind for block in again.blocks] == [block.kind for block in once.blocks]
    assert again.marks == once.marks
    assert [medium.url for medium in again.media] == [medium.url for medium in once.media]


@settings(max_examples=400, deadline=None)
@given(pages)
def test_cleaning_own_html_of_anything_changes_nothing(html: str) -> None:
    once = cleaned(html)
    again = cleaned(to_html(once))
    assert again.text == once.text
    assert not again.removed


@pytest.mark.parametrize(("name", "entry"), list(records()))
def test_golden_records_stay_as_they_are_when_cleaned_again(name: str, entry: Entry) -> None:
    unchanged(name, entry)


def as_found(content: Content) -> str:
    """Return an article's HTML without the word that it is clean: all rules apply to it."""
    return to_html(content).removeprefix(CLEAN).removesuffix("</article>")


def unchanged(name: str, entry: Entry) -> None:
    rules = CATALOG.for_url(entry.url)
    once = extract_entry(entry, rules, name)
    again = extract_entry(
        Entry(title=entry.title, url=entry.url, html=as_found(once), feed_at=entry.feed_at),
        rules, name,
    )  # fmt: skip
    assert again.text.split("\n") == once.text.split("\n"), name
    assert is_subsequence(bare(body(once)), bare(visible_text(entry.html))), name


@needs_records
def test_real_records_stay_as_they_are_when_cleaned_again() -> None:
    count = 0
    for path, data in real_records.every():
        entry = read_record(data, path, path)
        if isinstance(entry, Entry):
            unchanged(path, entry)
            count += 1
    assert count >= 28
