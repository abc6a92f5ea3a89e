from __future__ import annotations

import hashlib
import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shilu.archive.versions import Seen, chain, in_order


def seen(
    number: int,
    content: str,
    *,
    at: int | None = None,
    generation: int = 1,
    feed: int | None = None,
    wrapper: str = "",
) -> Seen:
    """A capture: *content* is what it says, *wrapper* what else its bytes hold."""
    return Seen(
        number=number,
        id=hashlib.sha256(f"{number}".encode()).digest()[:16],
        digest=hashlib.sha256(f"{content}|{wrapper}".encode()).digest(),
        content_hash=hashlib.sha256(content.encode()).digest()[:16],
        origin_ms=at,
        generation=generation if at is not None else 0,
        feed_ms=feed,
    )


captures = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        st.one_of(st.none(), st.integers(1, 4)),  # few instants, so that they meet
        st.integers(1, 3),
        st.one_of(st.none(), st.integers(1, 4)),
        st.sampled_from(["", "footer"]),
    ),
    max_size=12,
)


@given(rows=captures, seed=st.integers())
def test_chain_of_any_permutation_is_the_same(
    rows: list[tuple[str, int | None, int, int | None, str]], seed: int
) -> None:
    group = [
        seen(number, content, at=at, generation=generation, feed=feed, wrapper=wrapper)
        for number, (content, at, generation, feed, wrapper) in enumerate(rows)
    ]
    shuffled = random.Random(seed).sample(group, len(group))
    links = chain(in_order(group))
    assert chain(in_order(shuffled)) == links
    assert [link.n for link in links] == list(range(1, len(links) + 1))
    assert len({link.id for link in links}) == len(links)
    assert all(one.content_hash != two.content_hash for one, two in pairwise(links))
    assert {link.content_hash for link in links} == {capture.content_hash for capture in group}


def test_return_to_an_earlier_text_opens_a_third_version() -> None:
    group = [seen(1, "A", at=10), seen(2, "B", at=20), seen(3, "A", at=30)]
    links = chain(in_order(group))
    assert [link.opened_by for link in links] == [1, 2, 3]
    assert links[0].content_hash == links[2].content_hash
    assert links[0].id != links[2].id


def test_other_wrapper_around_the_same_content_opens_none() -> None:
    group = [seen(1, "A", at=10), seen(2, "A", at=20, wrapper="footer"), seen(3, "B", at=30)]
    assert [link.opened_by for link in chain(in_order(group))] == [1, 3]


def test_commits_of_one_second_are_ordered_by_generation() -> None:
    group = [seen(1, "child", at=10, generation=8), seen(2, "parent", at=10, generation=7)]
    assert [capture.number for capture in in_order(group)] == [2, 1]


def test_loose_copy_of_a_git_record_stands_beside_it() -> None:
    # The file's own feed stamp would put it last, between the two others' instants or nowhere.
    for feed in (None, 5, 25, 99):
        group = [
            seen(1, "A", at=10, feed=feed), seen(2, "B", at=20), seen(3, "A", feed=feed),
        ]  # fmt: skip
        ordered = [capture.number for capture in in_order(group)]
        assert ordered.index(2) == 2
        assert len(chain(in_order(group))) == 2


def test_loose_copy_of_a_text_that_returned_stands_at_its_first_time() -> None:
    group = [
        seen(1, "A", at=10), seen(2, "B", at=20), seen(3, "A", at=30), seen(4, "A"),
    ]  # fmt: skip
    assert {capture.number for capture in in_order(group)[:2]} == {1, 4}
    assert len(chain(in_order(group))) == 3


def test_loose_files_are_ordered_by_their_feed_stamp() -> None:
    group = [seen(1, "B", feed=20), seen(2, "C", at=30), seen(3, "A", feed=10)]
    assert [capture.number for capture in in_order(group)] == [3, 1, 2]


def test_captures_without_any_instant_come_last_in_a_fixed_order() -> None:
    group = [seen(1, "A"), seen(2, "B"), seen(3, "C", feed=5), seen(4, "D", at=7)]
    ordered = in_order(group)
    assert [capture.number for capture in ordered][:2] == [3, 4]
    assert in_order(reversed(group)) == ordered


def test_ids_are_stable() -> None:
    # Citations pin them: a change here changes every id that was ever given out.
    links = chain(in_order([seen(1, "A", at=10), seen(2, "B", at=20), seen(3, "A", at=30)]))
    assert [link.id.hex() for link in links] == [
        "ecd408d6ceaabeacc526f142253b1666",
        "62c926e3eb3e4096bdee60a202412e77",
        "4c717c1c43c93ac088388883fef824f7",
    ]
