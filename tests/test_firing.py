"""Rules that fire on far more or fewer articles than they used to are found; chance is not."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from shilu.archive.firing import Fired, by_month, count, drifts

START = datetime(2024, 1, 1, tzinfo=UTC)


def history(
    *stretches: tuple[int, dict[str, float]], seed: int = 1, extractor_no: int = 1
) -> list[Fired]:
    """Return captures an hour apart: in each stretch so many, each rule with its chance."""
    chance = random.Random(seed)
    found: list[Fired] = []
    for length, rates in stretches:
        for _ in range(length):
            fired = frozenset(rule for rule, rate in rates.items() if chance.random() < rate)
            at = START + timedelta(hours=len(found))
            found.append(Fired(at, fired, extractor_no))
    return found


def names(fired: list[Fired]) -> list[str]:
    return [drift.rule for drift in drifts(fired)]


@pytest.mark.parametrize("earlier", [100, 150, 1000, 3000])
def test_steady_rules_never_drift_whatever_their_rate(earlier: int) -> None:
    rates = {f"x.r{percent}": percent / 100 for percent in range(0, 101, 4)}
    for seed in range(150 if earlier < 1000 else 12):
        assert names(history((earlier + 50, rates), seed=seed)) == []


@pytest.mark.parametrize(
    ("before", "now"),
    [(1.0, 0.0), (0.95, 0.02), (0.5, 0.0), (0.4, 0.0), (0.0, 1.0), (0.0, 0.6), (0.05, 0.9)],
)
def test_a_rule_that_stops_or_begins_is_found(before: float, now: float) -> None:
    for seed in range(30):
        fired = history((300, {"x.share": before}), (50, {"x.share": now}), seed=seed)
        (drift,) = drifts(fired)
        assert drift.rule == "x.share"
        assert abs(drift.before - before) < 0.15
        assert abs(drift.now - now) < 0.25
        assert drift.captures == 50
        assert drift.since == START + timedelta(hours=300)


@pytest.mark.parametrize(("before", "now"), [(0.5, 0.6), (0.3, 0.1), (0.9, 0.75), (0.15, 0.0)])
def test_a_small_change_is_none(before: float, now: float) -> None:
    for seed in range(30):
        fired = history((300, {"x.share": before}), (50, {"x.share": now}), seed=seed)
        assert names(fired) == []


def test_too_few_captures_tell_nothing() -> None:
    assert drifts([]) == []
    assert names(history((99, {"x.share": 1.0}), (50, {}))) == []
    assert names(history((100, {"x.share": 1.0}), (50, {}))) == ["x.share"]


def test_only_the_last_thousand_before_count_as_earlier() -> None:
    longer_ago = history((5000, {"x.old": 1.0}), (1050, {}))
    assert names(longer_ago) == []


def test_captures_read_by_other_rules_are_not_compared() -> None:
    before = history((300, {"x.share": 1.0}), extractor_no=1)
    after = history((60, {"x.renamed": 1.0}), extractor_no=2)
    assert names([*before, *after]) == []
    # A restored piece gives a few captures an extractor of their own: the others still count.
    few = [Fired(one.at, one.rules, 3) for one in history((5, {"x.share": 1.0}))]
    assert names([*before, *few]) == []
    assert names([*before, *history((50, {}), extractor_no=1), *few]) == ["x.share"]


def test_captures_without_a_time_are_compared_and_stand_in_no_month() -> None:
    timeless = [Fired(None, one.rules) for one in history((200, {"x.share": 1.0}), (50, {}))]
    (drift,) = drifts(timeless)
    assert drift.since is None
    assert by_month(timeless, "x.share") == []


def test_by_month_gives_shares_in_order() -> None:
    fired = [
        Fired(datetime(2024, 1, 31, 23, tzinfo=UTC), frozenset({"a"})),
        Fired(datetime(2024, 1, 31, 23, 59, tzinfo=UTC), frozenset()),
        Fired(datetime(2024, 3, 1, tzinfo=UTC), frozenset({"a", "b"})),
    ]
    assert by_month(fired, "a") == [("2024-01", 0.5), ("2024-03", 1.0)]
    assert by_month(fired, "b") == [("2024-01", 0.0), ("2024-03", 1.0)]
    assert by_month(fired, "c") == [("2024-01", 0.0), ("2024-03", 0.0)]
    assert count(fired) == {"a": 2, "b": 1}
