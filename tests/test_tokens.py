from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st

from shilu.search.folding import fold_text
from shilu.search.tokens import (
    MAX_WORD,
    Wanted,
    distinct,
    occurrences,
    stem_occurrences,
    tokenize,
    wanted,
)

# Few characters, so that pieces meet by accident as often as they can.
SMALL = st.text("国防部a1 ，x··\n", max_size=24)


def matches(text: str, want: Wanted) -> bool:
    """Do what the engine does: tokens at their distances in the sequence of a field."""
    found = getattr(tokenize(text), want.field).split(" ")
    return any(
        all(
            at + distance < len(found) and found[at + distance] == token
            for distance, token in want.tokens
        )
        for at in range(len(found))
    )


@given(SMALL, st.text("国防部", min_size=1, max_size=6))
def test_any_run_is_found_exactly(text: str, piece: str) -> None:
    want = wanted(piece)
    assert want is not None
    assert matches(text, want) is (piece in text)
    assert bool(occurrences(piece, text)) is (piece in text)


@given(SMALL, SMALL)
def test_what_the_engine_finds_is_what_is_highlighted(text: str, piece: str) -> None:
    want = wanted(piece)
    if want is None:
        assert occurrences(piece, text) == []
    else:
        assert matches(text, want) is bool(occurrences(piece, text))


@given(SMALL, st.integers(0, 24), st.integers(0, 24))
def test_every_piece_of_a_text_between_words_is_found(text: str, start: int, end: int) -> None:
    piece = text[min(start, end) : max(start, end)]
    if not piece.isspace() and piece.strip("a1x ，·\n") == piece and piece:
        assert occurrences(piece, text), piece


@pytest.mark.parametrize(
    ("needle", "text", "found"),
    [
        ("普京", "普京与普京", ["普京", "普京"]),
        ("防部", "国防，部长", []),
        ("国防部长", "国防，部长", []),
        ("约翰·史", "约翰·史密斯 约翰•史密斯", ["约翰·史", "约翰•史"]),
        ("1月", "1月份 11月 1 月", ["1月", "1 月"]),
        ("g20峰会", "在g20 峰会上", ["g20 峰会"]),
        ("kim jong", "kimjong kim-jong", ["kim-jong"]),
        ("trump", "trump's trumpets atrump", ["trump"]),
        ("한국", "한국어", ["한국"]),
        ("！？", "什么！？", []),
    ],
)
def test_occurrences(needle: str, text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in occurrences(needle, text)] == found


def test_words_are_found_in_their_english_forms() -> None:
    text = "an election, elected; 选举election dying"
    assert [text[a:b] for a, b in stem_occurrences("elections", text)] == [
        "election", "elected", "election",
    ]  # fmt: skip
    assert [text[a:b] for a, b in stem_occurrences("die", text)] == ["dying"]
    assert wanted("elections", stemmed=True) == Wanted("stems", ((0, "elect"),))
    assert wanted("elections") == Wanted("sequence", ((0, "elections"),))


def test_a_word_of_thousands_of_letters_counts_by_its_beginning() -> None:
    word = "x" * 10_000
    want = wanted(word)
    assert want is not None
    assert len(want.tokens[0][1]) == MAX_WORD
    assert matches(word, want)
    assert occurrences(word, f"a {word}") == [(2, 10_002)]


def test_distinct_joins_what_overlaps() -> None:
    assert distinct([(4, 6), (0, 3), (2, 4), (8, 9), (8, 9)]) == [(0, 4), (4, 6), (8, 9)]


# ------------------------------------------------------------------------------ the engine itself


def engine(texts: Sequence[str]) -> tuple[tantivy.Schema, tantivy.Searcher]:
    builder = tantivy.SchemaBuilder()
    for field, option in (("sequence", "position"), ("characters", "basic"), ("stems", "freq")):
        builder.add_text_field(field, tokenizer_name="whitespace", index_option=option)
    builder.add_unsigned_field("n", fast=True)
    schema = builder.build()
    index = tantivy.Index(schema)
    writer = index.writer(15_000_000, 1)
    for n, text in enumerate(texts):
        tokens = tokenize(text)
        writer.add_document(
            tantivy.Document.from_dict(
                {"sequence": tokens.sequence, "characters": tokens.characters, "n": n}, schema
            )
        )
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return schema, index.searcher()


def test_engine_agrees_with_a_scan_of_the_folded_texts() -> None:
    """Recall and precision 1.0 for Han substrings: drawn from the texts, and at random."""
    rng = random.Random(4)
    alphabet = "的一是国在人中普京特朗川总统國會總統訪問俄羅斯"
    marks = "，。 \n（）G20a"
    texts = [
        fold_text(
            "".join(
                rng.choice(marks) if rng.random() < 0.12 else rng.choice(alphabet)
                for _ in range(rng.randint(0, 120))
            )
        )
        for _ in range(300)
    ]
    schema, searcher = engine(texts)
    asked = 0
    while asked < 2_000:
        if rng.random() < 0.6:
            text = rng.choice(texts)
            start = rng.randrange(len(text) + 1)
            piece = text[start : start + rng.randint(1, 7)]
        else:
            piece = fold_text("".join(rng.choices(alphabet, k=rng.randint(1, 4))))
        want = wanted(piece)
        if want is None or not all("\u4e00" <= char <= "\u9fff" for char in piece):
            continue
        asked += 1
        words: list[str | tuple[int, str]] = list(want.tokens)
        only = want.tokens[0][1]
        query = (
            tantivy.Query.term_query(schema, want.field, only)
            if len(words) == 1
            else tantivy.Query.phrase_query(schema, want.field, words)
        )
        hits = searcher.search(query, len(texts), order_by_field="n").hits
        assert {n for n, _ in hits} == {n for n, text in enumerate(texts) if piece in text}, piece
