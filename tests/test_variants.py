from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shilu.search.query import And, Named, Node, Not, Or, Phrase, Word, canonical, parse
from shilu.search.variants import by_key, expand, lexicon

ROWS = [
    ["特朗普", "川普", "唐納·川普", "Trump", "Donald Trump"],
    ["普京", "普丁", "蒲亭", "Putin"],
    ["朝鲜", "北韓", "North Korea"],
    ["李強", "Li Qiang"],
]
FORMS = by_key({form: [o for o in row if o != form] for row in ROWS for form in row})


def forms(text: str) -> list[str]:
    node = expand(parse(text).root, FORMS)
    return [phrase.text for phrase in node.forms] if isinstance(node, Named) else []


def test_a_name_is_found_under_its_other_names() -> None:
    assert forms("川普") == ["特朗普", "唐納·川普", "Trump", "Donald Trump"]
    assert forms("TRUMP") == ["特朗普", "川普", "唐納·川普", "Donald Trump"]
    assert forms("蒲亭") == ["普京", "普丁", "Putin"]


@pytest.mark.parametrize("text", ['"川普"', "「川普」", "川", "关税", "李强" + "大", "title:关税"])
def test_what_is_no_name_or_quoted_stays(text: str) -> None:
    assert expand(parse(text).root, FORMS) == parse(text).root


def test_a_name_typed_in_either_script_has_no_variant_that_is_but_the_other_script() -> None:
    assert forms("李强") == ["Li Qiang"]
    assert forms("北韩") == ["朝鲜", "North Korea"]


def test_words_in_a_row_may_be_one_name() -> None:
    node = expand(parse("donald trump 关税").root, FORMS)
    assert isinstance(node, And)
    name, rest = node.parts
    assert isinstance(name, Named)
    assert name.typed == And((Word("donald"), Word("trump")))
    assert Phrase("川普") in name.forms
    assert rest == Word("关税")


def test_a_name_within_a_word_is_put_in_its_other_forms() -> None:
    assert forms("特朗普关税") == ["川普关税", "唐納·川普关税"]
    assert set(forms("普京访朝鲜")) >= {"普丁访北韓", "普京访北韓", "蒲亭访朝鲜"}
    assert "普京访朝鲜" not in forms("普京访朝鲜")


def test_place_goes_with_the_forms() -> None:
    node = expand(parse("title:川普").root, FORMS)
    assert isinstance(node, Named)
    assert node.forms[0] == Phrase("特朗普", "title")


def test_expansion_reaches_into_every_part() -> None:
    node = expand(parse("(川普 OR 普丁) -北韓").root, FORMS)
    assert isinstance(node, And)
    either, without = node.parts
    assert isinstance(either, Or)
    assert all(isinstance(part, Named) for part in either.parts)
    assert isinstance(without, Not)
    assert isinstance(without.part, Named)


@example(["donald", "trump", "OR", "川普"])
@given(st.lists(st.sampled_from(["川普", "普京", "trump", "donald", "李强", "大", " ", "OR", "-"])))
def test_expansion_says_what_was_typed(words: list[str]) -> None:
    query = parse(" ".join(words))
    assert canonical(expand(query.root, FORMS)) == canonical(query.root)


def count(node: Node) -> int:
    return len(node.forms) if isinstance(node, Named) else 0


def test_many_names_in_one_word_stay_few_forms() -> None:
    assert 0 < count(expand(Word("特朗普普京朝鲜" * 100), FORMS)) <= 24


@pytest.mark.parametrize("name", ["川普", "普京", "习近平", "Putin"])
def test_the_lexicon_has_the_best_known(name: str) -> None:
    assert expand(Word(name)) != Word(name) or not lexicon()
