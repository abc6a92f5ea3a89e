"""Markup to lines: blanks, marks, captions, what is left out; nothing lost, whatever comes in."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from shilu.extraction import clean, markup
from shilu.extraction.article import extract_entry
from shilu.records import Content, Entry
from shilu.sources.catalog import SourceRules, load_catalog

CATALOG = load_catalog()
BASE = "https://news.example/a/1"


def content(html: str, title: str = "", url: str = BASE, outlet: str = "") -> Content:
    rules: SourceRules = CATALOG.get(outlet) if outlet else CATALOG.for_url(url)
    return extract_entry(Entry(title=title, url=url, html=html), rules, "s")


def lines(html: str, **given: str) -> list[str]:
    found = content(html, **given)
    return found.text.split("\n") if found.text else []


def marks(html: str) -> list[tuple[str, str]]:
    found = content(html)
    return [(mark.kind, found.text[mark.start : mark.end]) for mark in found.marks]


def removed(html: str, **given: str) -> list[tuple[str, str]]:
    return [(gone.rule, gone.text) for gone in content(html, **given).removed]


# --------------------------------------------------------------------------- lines and blanks


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>甲</p><p>乙</p>", ["甲", "乙"]),
        ("甲<br>乙<br/><br />丙", ["甲", "乙", "丙"]),
        ("甲 — <p>乙</p>丙", ["甲 —", "乙", "丙"]),
        ("<p>  甲\u3000\u00a0乙 \n</p>", ["甲 乙"]),
        ("<p>国防\n  部长</p>", ["国防部长"]),
        ("<p>port\n  of</p>", ["port of"]),
        ("<p>马勒斯（</p><p>Marles）</p>", ["马勒斯（", "Marles）"]),
        (
            "<p><span>马勒斯（</span><span>Richard Marles）说</span></p>",
            ["马勒斯（Richard Marles）说"],
        ),
        ("<p>the <b> port</b> <i>of </i> Leda</p>", ["the port of Leda"]),
        ("<p>a<b> </b>b</p>", ["a b"]),
        ("<p>a\u200b<b>\ufeff</b>b</p>", ["ab"]),
        ("<p>a<!-- x -->b<script>c</script><style>d</style></p>", ["ab"]),
        ("<pre>甲\n  乙\n</pre>", ["甲", "乙"]),
        ("<ul><li>甲<li>乙<ul><li>丙</ul></ul>", ["甲", "乙", "丙"]),
        ("<table><tr><td>甲<td>乙<tr><td>丙</table>", ["甲", "乙", "丙"]),
        ("&lt;p&gt;甲&amp;乙&#183;丙", ["<p>甲&乙·丙"]),
        ("<p>甲</p> \u00a0 <p> </p><div></div>", ["甲"]),
        ("", []),
    ],
)
def test_lines_are_what_a_reader_sees(html: str, expected: list[str]) -> None:
    assert lines(html) == expected


def test_block_kinds_and_levels() -> None:
    found = content(
        "<h2>a</h2><p>b</p><blockquote><p>c</p></blockquote><ul><li>d<ol><li>e</ol></ul>"
        "<table><tr><th>f</table><pre>g</pre>",
        title="t",
    )
    assert [(block.kind, block.level) for block in found.blocks] == [
        ("title", 0),
        ("heading", 2),
        ("paragraph", 0),
        ("quote", 0),
        ("item", 1),
        ("item", 2),
        ("cell", 0),
        ("code", 0),
    ]


def test_blocks_cover_the_text_line_by_line() -> None:
    found = content("<p>甲</p><p>乙</p>", title="题")
    assert [found.text[block.start : block.end] for block in found.blocks] == ["题", "甲", "乙"]
    assert found.body_start == 2


# --------------------------------------------------------------------------- marks


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<p>甲 <a href="/x"> 乙 丙 </a> 丁</p>', [("link", "乙 丙")]),
        ("<p>甲<b>乙</b>丙</p>", [("strong", "乙")]),
        ("<p>甲 <b>乙</b></p>", [("strong", "乙")]),
        ("<p>  <b>  甲  </b>  乙</p>", [("strong", "甲")]),
        ("<p>甲<b> </b>乙<b></b></p>", []),
        # bold is bold, however often it is said
        ("<p><b><strong>甲</strong></b>乙</p><p>丙</p>", [("strong", "甲")]),
        ("<p><b><b>甲</b>乙</b>丙</p>", [("strong", "甲乙")]),
        ("<p><b>甲<i>乙</i></b></p>", [("strong", "甲乙"), ("emphasis", "乙")]),
        ("<b>甲<p>乙</p></b>丙", [("strong", "甲"), ("strong", "乙")]),
        ('<a href="/x"><p>甲</p><p>乙</p></a>', [("link", "甲"), ("link", "乙")]),
        ("<p>甲<b>乙<br>丙</b>丁</p>", [("strong", "乙"), ("strong", "丙")]),
        (
            '<p>甲<b>乙<img src="https://a.example/p.jpg">丙</b></p>',
            [("strong", "乙"), ("strong", "丙")],
        ),
        ("<p>国防<b>\n部长</b>说</p>", [("strong", "部长")]),
        ("<p>甲<b>乙<button>分享</button> 丙</b></p>", [("strong", "乙 丙")]),
        ("<p>甲<a>乙</a><a href=''>丙</a><a href='javascript:x'>丁</a></p>", []),
        ("<pre>甲<b>乙\n丙</b></pre>", [("strong", "乙"), ("strong", "丙")]),
    ],
)
def test_marks_cover_the_right_text(html: str, expected: list[tuple[str, str]]) -> None:
    assert marks(html) == expected


def test_links_are_absolute() -> None:
    found = content('<p><a href="../b?x=1">甲</a> <a href="//c.example">乙</a></p>')
    assert [mark.url for mark in found.marks] == ["https://news.example/b?x=1", "https://c.example"]


# --------------------------------------------------------------------------- pictures

ONE, TWO = '<img src="https://a.example/1.jpg">', '<img src="https://a.example/2.jpg">'


def captions(html: str) -> list[tuple[str, str | None, str | None]]:
    found = content(html)
    return [
        (
            medium.url[-5:],
            medium.caption.of(found.text) if medium.caption else None,
            medium.credit,
        )
        for medium in found.media
    ]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            f"{ONE}<div><small>甲</small></div><p>x</p>{TWO}<div><small>乙</small></div>",
            [("1.jpg", "甲", None), ("2.jpg", "乙", None)],
        ),
        (f"{ONE}<p>x</p><div><small>小字</small></div>", [("1.jpg", None, None)]),
        (f"<figure>{ONE}<figcaption>甲</figcaption></figure>", [("1.jpg", "甲", None)]),
        # the caption above its picture
        (
            f"{ONE}<p>x</p><figure><figcaption>乙</figcaption>{TWO}</figure>",
            [("1.jpg", None, None), ("2.jpg", "乙", None)],
        ),
        (
            f"{ONE}<figure><figcaption>乙</figcaption>{TWO}</figure>",
            [("1.jpg", None, None), ("2.jpg", "乙", None)],
        ),
        (
            f"<div>{ONE}</div><div class='image-caption'><span>甲</span></div>",
            [("1.jpg", "甲", None)],
        ),
        # a caption class far below the picture belongs to no picture we know
        (f"{ONE}<p>x</p><p class='caption'>乙</p>", [("1.jpg", None, None)]),
        (f"{ONE}<p><span>图像来源，</span><span>Getty</span></p>", [("1.jpg", None, "Getty")]),
        (f"{ONE}<p>图片来源：某社</p><figcaption>甲</figcaption>", [("1.jpg", "甲", "某社")]),
        (f"{ONE}<p>x</p><p>图片来源：某社</p>", [("1.jpg", None, None)]),
        (f"{ONE}<p>图像加注文字，甲</p>", [("1.jpg", "图像加注文字，甲", None)]),
        (f"{ONE}{ONE}", [("1.jpg", None, None)]),
        (f"<p>x</p><p>{ONE}</p><span>图源：某报</span><p>y</p>", [("1.jpg", None, "某报")]),
        # templates of the BBC: 2024, 2021, 2020; a caption is alone with the picture's frame
        (
            f"<div><div>{ONE}</div><span data-testid='caption-paragraph'>甲</span></span></div>",
            [("1.jpg", "甲", None)],
        ),
        (
            f"<div><div><div data-e2e='image-placeholder'>{ONE}<p><span>图像来源，</span>某社</p>"
            "</div></div><div><p>甲</p></div></div><div><p>x</p></div>",
            [("1.jpg", "甲", "某社")],
        ),
        (
            f"<div><div><div class='css-1-ImagePlaceholder e1'>{ONE}</div></div>"
            "<div><p>甲</p></div></div>",
            [("1.jpg", "甲", None)],
        ),
        (
            f"<div><div><picture>{ONE}</picture><p role='text'><span>图像来源，</span>某社</p>"
            "</div><p>甲</p></span></div><div><p>x</p></div>",
            [("1.jpg", "甲", "某社")],
        ),
        (
            f"<div><div data-e2e='image-placeholder'>{ONE}</div></div><div><p>x</p></div>"
            "<div><p>y</p></div>",
            [("1.jpg", None, None)],
        ),
        (f"<noscript>{ONE}</noscript>{ONE}<p>x</p>", [("1.jpg", None, None)]),
    ],
)
def test_captions_join_the_right_picture(
    html: str, expected: list[tuple[str, str | None, str | None]]
) -> None:
    assert captions(html) == expected


def test_sentence_that_begins_like_a_credit_is_prose() -> None:
    sentence = "图片来源不明的时候，编辑部的做法是先核实、再刊登，" * 5
    assert [block.kind for block in content(f"{ONE}<p>{sentence}</p>").blocks] == ["paragraph"]
    assert captions(f"{ONE}<p>Photo bylines were dropped</p>") == [("1.jpg", None, None)]


def test_picture_stands_before_the_block_that_follows() -> None:
    found = content(f"<p>甲</p>{ONE}<p>乙</p>{TWO}", title="题")
    assert [medium.before for medium in found.media] == [2, 3]
    repeated = content(f"{ONE}<p>题</p><p>甲</p>{TWO}", title="题")
    assert [medium.before for medium in repeated.media] == [1, 2]


def test_players_have_an_address_or_are_none() -> None:
    html = (
        '<video controls></video><video><source src="https://a.example/v.mp4"></video>'
        '<iframe src="//b.example/e" title="片"></iframe><audio src="s.mp3"></audio>'
    )
    assert [(medium.kind, medium.url, medium.alt) for medium in content(html).media] == [
        ("video", "https://a.example/v.mp4", None),
        ("frame", "https://b.example/e", "片"),
        ("audio", "https://news.example/a/s.mp3", None),
    ]


def test_caption_of_a_player_in_its_frame() -> None:
    html = (
        '<div><div data-e2e="media-player"><iframe src="/av/1"></iframe></div><p>视频：甲</p></div>'
        "<div><p>正文。</p></div>"
    )
    found = content(html)
    assert [block.kind for block in found.blocks] == ["caption", "paragraph"]
    assert found.media[0].caption is not None


def test_article_swallowed_by_an_open_player_is_kept() -> None:
    sentence = "<p>这一句话讲的是北湾的渔民怎样过冬。</p>"
    for tag in ("video", "audio", "object", "noscript"):
        assert len(lines(f"<p>甲</p><{tag}>" + sentence * 40)) == 41, tag


# --------------------------------------------------------------------------- never prose

PROSE = [
    # about sharing, newsletters, advertisements
    "<p><span>分享</span><span>经济的兴起改变了租车业。</span></p>",
    "<p>他们<b>分享</b>了获奖的喜悦。</p>",
    "<p><strong>广告</strong>法修订草案周一提交议会。</p>",
    "<p><a href='/x'>延伸阅读</a>是这家书店的名字。</p>",
    '<p class="share-price">海潮银行股价收于12.4元，上涨3%。</p>',
    '<div class="shareholders"><p>股东大会周一举行。</p></div>',
    '<p class="social-science">社会学者何思敏说，人口正在老去。</p>',
    '<section id="market-share"><p>市场份额第一。</p></section>',
    '<div class="newsletter-economy"><p>付费通讯这门生意，三年里涨了十倍。</p></div>',
    '<div class="newsletter"><p>本报的通讯停刊了。</p></div>',
    "<p>获取更多RSS订阅源的读者，多半也听播客。</p>",
    "<div>获取更多RSS：一项调查说，读者想要的不是这个。</div>",
    "<div>分享：他在会上说，渔民不该再等下去。</div>",
    '<section aria-label="广告业年度回顾"><p>广告支出下降。</p></section>',
    '<p><a href="https://www.facebook.com/sharer/sharer.php?u=1">“分享”按钮本身已成为研究对象，这是报告全文</a></p>',
    # class names of pages' parts, on prose
    '<div class="related-party"><p>相关文章援引的数字，出自一份旧报告。</p></div>',
    '<p class="post-meta">作者没有署名，报社也不愿说是谁。</p>',
    "<p>标签：<b>一张</b>纸条救了一家店。</p>",
    "<footer><p>如果你问渔民，他们会说，订阅天气预报是每天的头一件事。</p></footer>",
    # times in sentences
    "<p>火灾发生在<time datetime='2024-05-01'>3 天前</time>，无人受伤。</p>",
    "<p>会议于<time datetime='2024-05-01T10:00:00Z'>5月1日</time>举行。</p>",
    "<div>他在<i>2024-09-17 10:00:00</i>按下了按钮。</div>",
    "<p>火灾发生在<span>2 小时前</span>。</p>",
    # links
    "<p>两家公司受罚：</p>"
    "<ul><li><a href='/c/1'>甲公司</a></li><li><a href='/c/2'>乙公司</a></li></ul>",
    "<ul><li><a href='https://elsewhere.example/1'>维斯特议会的决议全文</a></li></ul><p>"
    + "x" * 99,
    # controls that hold a paragraph
    "<button>"
    + "他们问的每一个问题，答案都在这份两百页的报告里，只是没有人读到最后一页。" * 4
    + "</button>",
    "<nav>" + "<p>这一段不是导航，只是放在了导航里。</p>" * 60 + "</nav>",
]


@pytest.mark.parametrize("html", PROSE)
@pytest.mark.parametrize("around", ["{}", "<p>前一段。</p>{}<p>后一段。</p>"])
def test_prose_is_never_left_out(html: str, around: str) -> None:
    html = around.format(html)
    found = content(html)
    assert found.removed == ()
    assert visible_signs(html) == signs(found.text)
    assert found.published_at is None
    assert found.published_on is None


def test_digest_of_links_is_the_article() -> None:
    html = "<p>本周要闻</p><ul>" + "".join(
        f"<li><a href='/a/{n}'>维斯特本周第{n}件大事</a></li>" for n in range(9)
    )
    found = content(html + "</ul>")
    assert len(found.blocks) == 10
    assert found.removed == ()


BOILERPLATE = [
    (
        "generic.feed_footer",
        "<div>获取更多RSS：<br><a href='https://f.example'>https://f.example</a></div>",
    ),
    (
        "generic.share",
        '<div class="social-bar"><a href="#">微信</a> <a href="#">Facebook</a></div>',
    ),
    ("generic.share", '<div class="share-box"><span>分享到：</span><a href="/x">微博</a></div>'),
    ("generic.share", "<p>分享：</p>"),
    ("generic.share", '<div class="addtoany_share_save_container"><a href="/x">Facebook</a></div>'),
    ("generic.share", '<p><a href="https://twitter.com/intent/tweet?x">Tweet</a></p>'),
    ("generic.advertisement", "<div>广告</div>"),
    ("generic.advertisement", '<section aria-label="广告 2">赞助</section>'),
    ("generic.newsletter", '<div class="newsletter-box">订阅我们的每日通讯</div>'),
    ("generic.newsletter", "<footer><p>如果您喜欢本站，<a href='/s'>请订阅</a>。</p></footer>"),
    ("generic.share", '<div class="service-links"><a href="/g">谷歌</a></div>'),
    ("generic.comments", '<div id="comments"><h2>评论</h2><p>读者某某说，他不信。</p></div>'),
    ("generic.comments", '<ol class="commentlist"><li>读者某某说，他不信。</li></ol>'),
    ("generic.related", '<div class="block related"><h2>您可能感兴趣的文章</h2><p>甲</p></div>'),
    ("generic.hidden", '<h2 class="element-invisible"><a href="/file/1">untitled.png</a></h2>'),
    ("generic.tags", '<p>Tagged: <a href="/t" rel="tag">大学</a> - <a href="/u">理想</a></p>'),
    ("generic.entry_meta", '<ul class="post-meta"><li>By: 某甲. 2008-3-7. 13,591</li></ul>'),
    ("generic.entry_meta", '<div class="submitted">某甲 在 星期三, 08/20/2014 - 11:03 提交</div>'),
    ("generic.player_fallback", "<p>您的浏览器不支持播放</p>"),
    ("generic.player_fallback", "<video>No video here</video>"),
    ("generic.read_more", "<h3>相关报道</h3>"),
    ("generic.relative_time", "<div><time>17 分钟前</time></div>"),
    ("generic.related_links", '<ul><li><a href="/b">北湾渔民露宿议会门前</a></li></ul>'),
    ("generic.control", "<button>复制</button>"),
    ("generic.navigation", '<nav><a href="/">首页</a></nav>'),
    ("generic.noscript", "<noscript>请启用脚本</noscript>"),
    ("generic.svg", "<svg><text>图标</text></svg>"),
]


@pytest.mark.parametrize(("rule", "html"), BOILERPLATE)
def test_boilerplate_is_left_out_with_its_rule(rule: str, html: str) -> None:
    article = "<p>北湾渔民周三再次递交请愿书。</p><p>他们打了三十通电话，没有人接。</p>"
    found = content(article + html)
    assert len(found.text.split("\n")) == 2
    assert {gone.rule for gone in found.removed} == {rule}
    assert signs("".join(gone.text for gone in found.removed)) == visible_signs(html)


# --------------------------------------------------------------------------- nothing is lost


def signs(text: str) -> Counter[str]:
    """Count the characters that are not blank."""
    return Counter("".join(text.split()))


def visible_signs(html: str) -> Counter[str]:
    """Count what a browser shows, as the parser alone sees it."""
    tree = LexborHTMLParser(html)
    for tag in ("script", "style", "template", "title"):
        for node in tree.css(tag):
            node.decompose()
    return signs(tree.body.text() if tree.body else "")


_WORDS = st.sampled_from(
    [
        "甲",
        "乙丙",
        "。",
        "分享",
        "广告",
        "，",
        "2小时前",
        "分享：",
        "延伸阅读",
        "a",
        "bc",
        "12",
        "\n",
        "（",
        "）",
        "获取更多RSS：",
        "图像来源，",
        "2024-05-01",
        "首尔—",
        "作者：",
    ]
)
_TAGS = st.sampled_from(
    [
        "p",
        "div",
        "span",
        "b",
        "i",
        "strong",
        "em",
        "ul",
        "li",
        "h2",
        "small",
        "blockquote",
        "figure",
        "figcaption",
        "section",
        "button",
        "nav",
        "noscript",
        "pre",
        "time",
        "address",
        "a href='/x'",
        "a href='https://b.example/'",
        "div class='share-box'",
        "p class=caption",
        "time datetime='2024-05-01'",
    ]
)
_VOIDS = st.sampled_from(["<br>", "<hr>", ONE, TWO, "<!-- 注 -->", "<script>x</script>", " "])


def _element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda tag, inside: f"<{tag}>{inside}</{tag.split()[0]}>", _TAGS, children
    ) | st.lists(children, max_size=4).map("".join)


_HTML = st.recursive(_WORDS | _VOIDS, _element, max_leaves=12)


@given(_HTML)
@settings(deadline=None)
def test_kept_and_removed_are_all_there_is(html: str) -> None:
    found = content(html)
    gone = "".join(gone.text for gone in found.removed)
    assert signs(found.text + gone) == visible_signs(html)


@given(_HTML)
@settings(deadline=None)
def test_text_keeps_the_order_of_the_page(html: str) -> None:
    tree = LexborHTMLParser(html)
    shown = iter("".join((tree.body.text() if tree.body else "").split()))
    assert all(char in shown for char in "".join(content(html).text.split()))


@given(_HTML, st.sampled_from(["", "甲", "分享"]))
@settings(deadline=None)
def test_spans_lie_within_their_block(html: str, title: str) -> None:
    found = content(html, title=title)
    assert found.text == "\n".join(found.text[block.start : block.end] for block in found.blocks)
    for block in found.blocks:
        line = found.text[block.start : block.end]
        assert line
        assert line == " ".join(line.split())
    for mark in found.marks:
        marked = found.text[mark.start : mark.end]
        assert marked == marked.strip() != ""
        assert "\n" not in marked
    for medium in found.media:
        assert bool(title) <= medium.before <= len(found.blocks)
        if medium.caption:
            assert found.text[medium.caption.start : medium.caption.end]


# --------------------------------------------------------------------------- made to harm


def test_nesting_counts_as_a_parser_does() -> None:
    for flat in (
        "<p>甲" * 2000,
        "<br>" * 2000,
        "<img src=x>" * 2000,
        "<ul>" + "<li>甲" * 2000,
        "<p><b>甲</p>" * 2000,
        "<table>" + "<tr><td><font>甲" * 2000,
        "<p>甲</p></div></b>" * 2000,
        "<svg>" + "<path d=x />" * 2000 + "</svg>",
        "<dl>" + "<dt>甲<dd>乙" * 2000,
        "<div><p>甲</div>" * 2000,
        "<li><a href=x>甲" * 2000,
        "<ul>" + "<li><div>甲" * 2000,
    ):
        assert markup.nesting(flat) == 0, flat[:20]
    for deep in (
        "<div>" * 2000,
        "<div></span>" * 2000,
        "<span><div></span>" * 2000,
        "<b><div></b>" * 2000,
        "<ul><li>" * 2000,
        "<div><table><td></div>" * 2000,
        "<td><div>" * 2000,
        "<tr><td><div></td></tr>" * 2000,
        "".join(f"<p><b id={n}>x" for n in range(700)),
    ):
        assert markup.nesting(deep) > 600, deep[:20]


WORD = "北湾"
HOSTILE = {
    "div": f"<div>{WORD}" * 100_000,
    "b": f"<b>{WORD}" * 100_000,
    "table": f"<table><tr><td>{WORD}" * 100_000,
    "mix": f"<div><b><p><ul><li>{WORD}" * 20_000,
    "mix, wrongly closed": f"<div>{WORD}</span><b><p></div></i>" * 20_000,
    "closed": f"{'<div>' * 100_000}{WORD}{'</div>' * 100_000}",
    "lists": f"<ul><li>{WORD}" * 5_000,
    "items": f"<ul>{f'<li>{WORD}' * 12_000}</ul>",
    "formatting": "".join(f"<p><b id={n}>{WORD}</p>" for n in range(4_000)),
    "formatting and blocks": "".join(f"<b id={n}>" for n in range(590)) + f"<p>{WORD}</p>" * 20_000,
    "one line": WORD * 2_500_000,
    "one line in spans": f"<p>{f'<span>{WORD}</span>' * 20_000}</p>",
    "short lines": f"{WORD}<br>" * 20_000,
    "short lines below a picture": ONE + f"<p>{WORD}</p>" * 10_000,
    "blanks": f"{WORD}{' ' * 5_000_000}{WORD}",
    "breaks": f"{WORD}{chr(10) * 1_000_000}{WORD}",
    "attributes": f"<p {' '.join(f'a{n}=1' for n in range(50_000))}>{WORD}</p>",
    "quotes": f"{WORD}<a {chr(34)} {chr(39)}>" * 30_000,
    "comments": f"{'<div>' * 1000}{WORD}{'<!-' * 100_000}",
    "comment starts": f"{'<div>' * 1000}{WORD}" + f"<!-- x --> {WORD}" * 50_000,
    "scripts": f"{'<div>' * 1000}{WORD}" + f"<script>x</script>{WORD}" * 50_000,
    "less than": f"{WORD}{'<' * 1_000_000}",
    "ampersands": f"{WORD}{'&' * 1_000_000}",
    "links": f"<ul>{f'<li><a href=/x>{WORD}</a>' * 6_000}</ul>",
    "share": f"<p>{'<span>分享</span>' * 10_000}</p>",
    "small": f"{ONE}<div><small>{WORD}</small></div>" * 4_000,
    "figures": f"<figure>{ONE}<figcaption>{WORD}</figcaption>" * 500,
    "srcset": f"<img srcset='{'a' * 19_000} b{'c' * 900}'>{WORD}" * 50,
    "players": f"<video>{WORD}" * 500 + f"<p>{WORD}</p>" * 5_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_markup_is_read_and_no_text_lost(name: str) -> None:
    html = HOSTILE[name]
    found = content(html, title="题")
    kept = found.text[found.body_start :] + "".join(gone.text for gone in found.removed)
    assert kept.count(WORD) + kept.count(f"{WORD[0]} {WORD[1]}") == html.count(WORD)
    if name == "share":
        assert kept.count("分享") == html.count("分享")


@pytest.mark.parametrize("end", ["</script", "-->", "</style", "</template"])
def test_flattened_finds_ends_once(end: str) -> None:
    start = {"-->": "<!--"}.get(end, f"<{end[2:]}")
    html = start * 100_000
    assert markup.flattened(f"{WORD}{html}").startswith(WORD)
    assert markup.flattened(f"甲{start} 乙 {end}>丙") == ("甲丙" if end != "-->" else "甲>丙")


def test_flattened_keeps_lines_and_drops_quoted_brackets() -> None:
    assert markup.flattened('<div title="a>b">甲</div>乙<b>丙</b>') == "<br>甲<br>乙丙"
    tree = markup.parse(markup.flattened("<p>甲<p>乙"))
    assert [line.text for line in clean.Walk(markup.Outline(tree.body), None, {}).run().lines] == [
        "甲",
        "乙",
    ]


def test_glued_tags_are_taken_apart() -> None:
    html = '<picture><sourcetype="image/webp"srcset="x.webp 1x"><imgsrc="https://a.example/p.jpg"alt="甲"></picture><p>乙</p>'
    found = content(html)
    assert [(medium.url, medium.alt) for medium in found.media] == [
        ("https://a.example/p.jpg", "甲")
    ]
    assert found.text == "乙"


def cleaned(html: str) -> Content:
    entry = Entry(title="题目", url="https://news.example/a", html=html)
    return extract_entry(entry, load_catalog().get("unknown"), "s")


LONG = "<p>北湾渔民周三再次递交请愿书，要求恢复航班，议会没有答复。</p>"


@pytest.mark.parametrize(
    "player",
    [
        "<iframe src='https://www.youtube.com/embed/x' />", "<video src='/v.mp4'/>",
        "<audio src='/a.mp3' />", "<noscript/>", "<script src='/x.js' />", "<style/>",
    ],
)  # fmt: skip
def test_self_closed_players_do_not_swallow_the_article(player: str) -> None:
    found = cleaned(player + LONG + LONG)
    assert found.text[found.body_start :].count("北湾渔民") == 2


@pytest.mark.parametrize(
    ("html", "kind", "url"),
    [
        ("<div class='fb-post' data-href='https://www.facebook.com/x/posts/2'></div>", "post",
         "https://www.facebook.com/x/posts/2"),
        ("<blockquote class='telegram-post' data-telegram-post='x/1'></blockquote>", "post",
         "https://t.me/x/1"),
        ("<div class='twitter-tweet'><a href='https://twitter.com/x/status/1'>推</a></div>", "post",
         "https://twitter.com/x/status/1"),
        ("<lite-youtube videoid='a-b_c'></lite-youtube>", "video",
         "https://www.youtube.com/watch?v=a-b_c"),
        ("<amp-img src='/1.jpg'></amp-img>", "image", "https://news.example/1.jpg"),
        ("<picture><source srcset='/240.jpg 240w, /800.jpg 800w'><img src='/240.jpg'></picture>",
         "image", "https://news.example/800.jpg"),
        ("<picture><source type='image/webp' srcset='/800.webp 800w'><img src='/1.jpg'></picture>"
         "<noscript><img src='/2.jpg'></noscript>", "image", "https://news.example/1.jpg"),
    ],
)  # fmt: skip
def test_embeds_are_media_with_their_address(html: str, kind: str, url: str) -> None:
    found = cleaned(LONG + html + LONG)
    assert [(medium.kind, medium.url) for medium in found.media] == [(kind, url)]


def test_equal_links_within_each_other_are_one_mark() -> None:
    from shilu.extraction.rendering import to_html

    html = "<a href='/x'><table><tr><td><a href='/x'>一段链接在这里</a></td></tr></table></a>"
    found = cleaned(LONG + html + LONG)
    assert "一段链接在这里" in to_html(found)
    assert len(found.marks) == len(set(found.marks))


def test_caption_that_says_so_below_a_picture() -> None:
    found = cleaned(LONG + "<p><img src='/1.jpg'></p><p>图为会场。（路透社）</p>" + LONG)
    (picture,) = found.media
    assert picture.caption is not None
    assert picture.caption.of(found.text) == "图为会场。（路透社）"
    assert (picture.credit, found.credits) == ("路透社", ())


def test_day_printed_on_the_page_of_an_undeclared_outlet_is_read() -> None:
    found = cleaned("<p>2024年9月17日 14:15</p>" + LONG * 4)
    assert str(found.published_on) == "2024-09-17"
