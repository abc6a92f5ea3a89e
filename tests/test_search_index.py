from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shilu.errors import ArchiveDamaged, UsageError
from shilu.records import Article, Block, Content, Media, Span, Version
from shilu.search.folding import fold_text
from shilu.search.hits import Hit, Results
from shilu.search.index import Changed, SearchIndex
from shilu.search.variants import by_key

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
ROWS = [["特朗普", "川普", "Trump"], ["普京", "普丁", "Putin"]]
FORMS = by_key({form: [o for o in row if o != form] for row in ROWS for form in row})


def content(title: str, *paragraphs: str, **fields: object) -> Content:
    lines = [title, *paragraphs]
    blocks: list[Block] = []
    at = 0
    for n, line in enumerate(lines):
        kind = "title" if n == 0 else "caption" if line.startswith("图：") else "paragraph"
        blocks.append(Block(kind, at, at + len(line)))  # type: ignore[arg-type]
        at += len(line) + 1
    made = Content(title, "\n".join(lines), len(title) + bool(paragraphs), tuple(blocks))
    return replace(made, **{"lang": "zh-Hans", **fields})  # type: ignore[arg-type]


class Shelf:
    """A small archive: articles by number, each a list of contents, with numbered changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.articles: dict[int, tuple[Article, list[Version]]] = {}
        self.changed: dict[int, int] = {}  # article: number of its last change
        self.last = 0
        self.index = SearchIndex(folder, "one")

    def put(self, number: int, *contents: Content, source: str = "rfi", day: int = 0) -> None:
        article = Article(
            f"{number:032x}", source, str(number), f"https://{source}.example/{number}"
        )
        at = START + timedelta(days=day)
        self.articles[number] = (
            article,
            [
                Version(f"{number:016x}{n:016x}", article.id, n, f"{n:064x}", one, "c", at, at, "x")
                for n, one in enumerate(contents, 1)
            ],
        )
        self.note(number)

    def note(self, number: int) -> None:
        self.last += 1
        self.changed[number] = self.last

    def drop(self, number: int) -> None:
        del self.articles[number]
        self.note(number)

    def changes(self, after: int) -> Iterator[Changed]:
        for number, change in sorted(self.changed.items(), key=lambda item: item[1]):
            if change > after:
                article, versions = self.articles.get(number, (None, []))
                yield Changed(number, change, article, versions)

    def fetch(self, numbers: Sequence[int]) -> Mapping[int, tuple[Article, Sequence[Version]]]:
        return {number: self.articles[number] for number in numbers if number in self.articles}

    def search(self, query: str, **options: object) -> Results:
        self.index.update(self.changes)
        return self.index.search(query, self.fetch, forms=FORMS, **options)  # type: ignore[arg-type]

    def found(self, query: str) -> set[int]:
        return {int(hit.article.id, 16) for hit in self.search(query, limit=1000).hits}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "index")


def marked(hit: Hit) -> list[str]:
    return [span.of(hit.version.text) for span in hit.spans]


def snippets(hit: Hit) -> list[str]:
    return [snippet.span.of(hit.version.text) for snippet in hit.snippets]


@pytest.fixture
def news(shelf: Shelf) -> Shelf:
    shelf.put(
        1,
        content("特朗普宣布關稅", "美國總統川普週四說。他還會見了普丁。", lang="zh-Hant"),
        source="voa",
    )
    shelf.put(2, content("川普与普京会谈", "两人谈了三小时。", "图：普京抵达"), day=1)
    shelf.put(
        3,
        content("Trump meets Putin", "They discussed elections.", lang="en", authors=("Ann Li",)),
        source="dw", day=40,
    )  # fmt: skip
    shelf.put(
        4,
        content("纳卡局势", "俄羅斯防長訪問，四川普通话考试。", authors=("王文涛",),
                media=(Media("image", "https://x.example/1.jpg", 0),)),
        day=300,
    )  # fmt: skip
    shelf.put(5, content("旧题目", "汪文涛今天说"), content("旧题目", "王文涛今天说"), day=10)
    return shelf


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("川普", {1, 2, 3, 4}),  # 4: a substring is a substring
        ('"川普"', {1, 2, 4}),
        ('"特朗普"', {1}),
        ("特朗普 普京", {1, 2, 3}),
        ("普丁 -川普", set()),
        ("纳卡 OR 会谈", {2, 4}),
        ("election", {3}),
        ('"election"', set()),
        ("title:普京", {2, 3}),
        ('title:"普京"', {2}),
        ("title:京", {2}),
        ("图", {2}),
        ("author:王文涛", {4}),
        ("author:li", {3}),
        ("source:dw", {3}),
        ("source:dw,voa", {1, 3}),
        ("lang:zh", {1, 2, 4, 5}),
        ("lang:zh-Hant", {1}),
        ("has:image", {4}),
        ("versions:>1", {5}),
        ("date:2024-05", {1, 2, 5}),
        ("date:>=2024-06", {3, 4}),
        ("date:..2024-05-02", {1, 2}),
        ("NOT date:2024", {4}),
        ("", {1, 2, 3, 4, 5}),
        ("国家", set()),
        ("总统川普", {1}),
        ("說。他還", {1}),
        ("汪文涛", {5}),
        ("！！", set()),
    ],
)
def test_search_finds(news: Shelf, query: str, numbers: set[int]) -> None:
    assert news.found(query) == numbers
    assert news.search(query).total == len(numbers)


def test_highlights_lead_to_the_original_text(news: Shelf) -> None:
    (hit,) = news.search("俄罗斯防长").hits
    assert marked(hit) == ["俄羅斯防長"]
    (hit,) = news.search('"總統川普"').hits
    assert marked(hit) == ["總統川普"]
    (hit,) = news.search("discuss election").hits
    assert marked(hit) == ["discussed", "elections"]


def test_why_says_which_form_stands_where(news: Shelf) -> None:
    hits = {int(hit.article.id, 16): hit for hit in news.search("川普").hits}
    assert [(why.asked, why.form, why.field, why.how) for why in hits[1].why] == [
        ("川普", "川普", "text", "exact"), ("川普", "特朗普", "title", "name"),
    ]  # fmt: skip
    assert [(why.form, why.how) for why in hits[3].why] == [("Trump", "name")]
    assert news.search("川普").names == {"特朗普": 1, "Trump": 1}
    (hit,) = news.search("抵达").hits
    assert [why.field for why in hit.why] == ["caption"]
    (hit,) = news.search("author:王文涛").hits
    assert [(why.form, why.field) for why in hit.why] == [("王文涛", "author")]


def test_snippets_are_sentences(news: Shelf) -> None:
    hits = {int(hit.article.id, 16): hit for hit in news.search("普京").hits}
    assert snippets(hits[1]) == ["他還會見了普丁。"]
    assert snippets(hits[2]) == ["图：普京抵达"]
    assert snippets(hits[3]) == ["They discussed elections."]  # only the title has it


def test_long_sentence_is_cut_around_what_was_found(shelf: Shelf) -> None:
    shelf.put(1, content("题", "前文很长，" * 60 + "普京在这里，" + "后文很长，" * 60 + "完。"))
    (hit,) = shelf.search("普京").hits
    (snippet,) = hit.snippets
    assert "普京在这里" in snippets(hit)[0]
    assert len(snippets(hit)[0]) <= 130
    assert snippet.is_cut == (True, True)


def test_older_versions_lie_beneath(news: Shelf) -> None:
    (hit,) = news.search("今天说").hits
    assert (hit.version.n, hit.is_newest, hit.older) == (2, True, (1,))
    results = news.search("汪文涛")
    (hit,) = results.hits
    assert (hit.version.n, hit.is_newest, hit.older) == (1, False, ())
    assert marked(hit) == ["汪文涛"]
    assert results.facets == {"source": {"rfi": 1}, "lang": {"zh-Hans": 1}, "month": {"2024-05": 1}}


def test_facets_count_articles(news: Shelf) -> None:
    facets = news.search("").facets
    assert facets["source"] == {"rfi": 3, "dw": 1, "voa": 1}
    assert facets["lang"] == {"zh-Hans": 3, "en": 1, "zh-Hant": 1}
    assert facets["month"] == {"2024-05": 3, "2024-06": 1, "2025-02": 1}


def test_order_by_date_and_relevance(news: Shelf) -> None:
    numbers = [int(hit.article.id, 16) for hit in news.search("川普 sort:date").hits]
    assert numbers == [4, 3, 2, 1]
    assert int(news.search("普京").hits[0].article.id, 16) in (2, 3)  # in the title
    scores = [hit.score for hit in news.search("普京").hits]
    assert scores == sorted(scores, reverse=True)
    assert int(news.search("").hits[0].article.id, 16) == 4  # newest first where nothing is asked


def test_pages_by_cursor(shelf: Shelf) -> None:
    for number in range(1, 48):
        shelf.put(number, content(f"普京第{number}次", "正文"), day=number)
    for query in ("普京", "普京 sort:date", ""):
        seen: list[str] = []
        cursor = None
        for _ in range(5):
            results = shelf.search(query, limit=10, cursor=cursor)
            assert results.total == 47
            seen += [hit.article.id for hit in results.hits]
            cursor = results.cursor
        assert cursor is None
        assert len(seen) == len(set(seen)) == 47


def test_a_cursor_of_another_query_or_state_is_refused(shelf: Shelf) -> None:
    for number in range(1, 5):
        shelf.put(number, content("普京", "正文"))
    cursor = shelf.search("普京", limit=2).cursor
    assert cursor
    for query, given in (("正文", cursor), ("普京", "x"), ("普京", "")):
        with pytest.raises(UsageError):
            shelf.search(query, limit=2, cursor=given)
    shelf.put(9, content("普京", "正文"))
    with pytest.raises(UsageError):
        shelf.search("普京", limit=2, cursor=cursor)


def test_what_is_nearest_is_shown_when_nothing_matches(news: Shelf) -> None:
    results = news.search("川普与普京会谈了三小时之后")
    assert results.is_nearest
    assert int(results.hits[0].article.id, 16) == 2
    assert not news.search("完全无关的另外一件事情").hits
    assert not news.search('"川普与普京会谈了三小时之后"').hits


# ------------------------------------------------------------------------------ kept up to date


def test_changes_replace_and_remove(news: Shelf) -> None:
    assert news.found("会谈") == {2}
    news.put(2, content("川普与普京会晤", "两人谈了三小时。"))
    assert news.found("会谈") == set()
    assert news.found("会晤") == {2}
    news.drop(2)
    assert news.found("会晤") == set()
    assert news.search("").total == 4


def test_taking_in_the_same_changes_again_does_no_harm(news: Shelf) -> None:
    total = news.search("").total
    for number in list(news.articles):
        news.note(number)
    assert news.search("").total == total
    assert news.index.complete_to == news.last


def test_a_crash_between_commits_is_caught_up(news: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shilu.search.index._COMMIT", 2)

    def broken(after: int) -> Iterator[Changed]:
        for n, change in enumerate(news.changes(after)):
            if n == 3:
                raise RuntimeError("killed")
            yield change

    with pytest.raises(RuntimeError):
        news.index.update(broken)
    again = SearchIndex(news.folder, "one")
    assert again.complete_to == 2  # the third was not committed
    news.index = again
    assert news.found("") == {1, 2, 3, 4, 5}


def test_an_index_of_another_database_counts_as_empty(news: Shelf) -> None:
    assert news.search("").total == 5
    news.index = SearchIndex(news.folder, "two")
    assert news.index.complete_to == 0
    news.drop(1)
    news.last = 100
    assert news.found("") == {2, 3, 4, 5}


@pytest.mark.parametrize("damage", ["meta.json", "*.store", "*.term"])
def test_a_damaged_index_is_made_anew(news: Shelf, damage: str) -> None:
    assert news.search("").total == 5
    for path in news.folder.glob(damage):
        path.write_bytes(path.read_bytes()[:7])
    news.index = SearchIndex(news.folder, "one")
    assert news.search("").total == 5


def test_damage_that_shows_only_later_is_named(news: Shelf) -> None:
    assert news.search("").total == 5
    for path in news.folder.glob("*.idx"):
        data = path.read_bytes()
        path.write_bytes(bytes(len(data) // 2) + data[len(data) // 2 :])
    news.index = SearchIndex(news.folder, "one")
    try:
        news.index.search("普京 的", news.fetch, forms=FORMS)
    except ArchiveDamaged as error:
        assert error.problem.code == "archive.index_damaged"
    assert news.index.clear()
    assert news.search("").total == 5


def test_only_one_writes_and_the_others_search(news: Shelf) -> None:
    assert news.search("").total == 5
    other = SearchIndex(news.folder, "one")
    news.put(6, content("新的", "新的"))

    def meanwhile(after: int) -> Iterable[Changed]:
        assert other.update(news.changes) is False
        assert other.search("", news.fetch).total == 5
        return news.changes(after)

    assert news.index.update(meanwhile)
    assert other.update(news.changes)
    assert other.search("", news.fetch).total == 6


def test_clear_empties(news: Shelf) -> None:
    assert news.search("").total == 5
    assert news.index.clear()
    assert news.index.complete_to == 0
    assert news.found("") == {1, 2, 3, 4, 5}


# ------------------------------------------------------------------------------ recall, precision


def naive(shelf: Shelf, test: Callable[[str], bool]) -> set[int]:
    return {
        number
        for number, (_, versions) in shelf.articles.items()
        if any(test(fold_text(one.text)) for one in versions)
    }


def test_any_han_substring_is_found_and_nothing_else(shelf: Shelf) -> None:
    rng = random.Random(1)
    alphabet = "的一是國国在人中普京特朗川总統会會訪問俄罗羅斯后後乾"
    marks = "，。 （）G20aé①"

    def line(length: int) -> str:
        return "".join(rng.choice(marks if rng.random() < 0.1 else alphabet) for _ in range(length))

    for number in range(1, 200):
        shelf.put(
            number,
            *(content(line(8), *(line(rng.randint(1, 40)) for _ in range(3)))
              for _ in range(1 + (rng.random() < 0.1))),
        )  # fmt: skip
    shelf.index.update(shelf.changes)
    texts = [one.text for _, versions in shelf.articles.values() for one in versions]
    asked = 0
    while asked < 1_000:
        if rng.random() < 0.7:
            text = rng.choice(texts)
            start = rng.randrange(len(text))
            piece = text[start : start + rng.randint(1, 6)]
        else:
            piece = "".join(rng.choices(alphabet, k=rng.randint(1, 3)))
        if not all("\u4e00" <= char <= "\u9fff" for char in piece):
            continue
        asked += 1
        folded = fold_text(piece)
        expected = naive(shelf, lambda text, folded=folded: folded in text)  # type: ignore[misc]
        results = shelf.index.search(f'"{piece}"', shelf.fetch, limit=1000)
        assert {int(hit.article.id, 16) for hit in results.hits} == expected
        assert results.total == len(expected)
        for hit in results.hits:
            assert hit.spans
            folded_marks = "".join(fold_text(mark) for mark in marked(hit))
            assert folded in folded_marks
            assert all(isinstance(span, Span) for span in hit.spans)


HOSTILE = [
    "'; DROP TABLE articles; --", "*", "a*", "?", "^普", "普~2", "[a TO z]", "{}", "\\", "/x/",
    "title:", "NOT", "(((", "\ud800", "\x00", "\u202e普京", "🇨🇳", "ﷺ", "𠮷", "한국", "ひらがな",
    "".join(chr(code) for code in range(0x20, 0x3000, 7))[:3900],
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE)
def test_hostile_queries_get_an_answer(news: Shelf, query: str) -> None:
    results = news.search(query)
    assert 0 <= results.total <= 5


def test_every_block_of_unicode_is_answered(news: Shelf) -> None:
    news.index.update(news.changes)
    for first in range(0x80, 0x32000, 0x400):
        text = " ".join(chr(code) for code in range(first, first + 0x400, 21))
        for query in (text, f'"{text}"'):
            assert news.index.search(query, news.fetch, forms=FORMS).total >= 0
