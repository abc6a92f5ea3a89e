"""Which rules leave something out of a source's articles, and whether that has changed.

An outlet that changes its layout does not say so. Its rules then fire on far fewer articles than
they used to, because what they look for is gone; or on far more, because they meet what they were
not written for. Pure functions of which rules fired on which capture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

_RECENT = 50  # captures that count as "now"
_EARLIER_MIN, _EARLIER_MAX = 100, 1000  # captures before them that count as "used to"
# Half of the articles is far more than chance does to 50 of them, however often the rule fired:
# its standard error is at most .07 + .05.
_FAR = 0.5
# What three in ten articles had is gone from 50 by chance once in 50 million.
_NO_MORE = 0.3


@dataclass(frozen=True, slots=True)
class Fired:
    """Which rules fired on a capture."""

    at: datetime | None  # the feed's stamp, else the origin's instant
    rules: frozenset[str]
    extractor_no: int = 0  # by which code and rules it was read


@dataclass(frozen=True, slots=True)
class Drift:
    """A rule that fires on far more or fewer articles of a source than it used to."""

    rule: str
    before: float  # share of the captures it fired on
    now: float
    captures: int  # how many are "now"
    since: datetime | None  # of the first of them


def drifts(fired: Sequence[Fired]) -> list[Drift]:
    """Compare the newest captures of a source, given in order of time, with those before them.

    Only what was read by the same rules tells of the outlet: after an update of this program the
    captures of old count again once a rebuild has renewed them.
    """
    if not fired:
        return []
    ((extractor_no, _),) = Counter(one.extractor_no for one in fired[-_RECENT:]).most_common(1)
    alike = [one for one in fired if one.extractor_no == extractor_no]
    recent, earlier = alike[-_RECENT:], alike[:-_RECENT][-_EARLIER_MAX:]
    if len(earlier) < _EARLIER_MIN:
        return []
    now, before = count(recent), count(earlier)
    found = []
    for rule in sorted(now | before):
        old, new = before[rule] / len(earlier), now[rule] / len(recent)
        begun_or_ended = not (new and old) and abs(new - old) >= _NO_MORE
        if begun_or_ended or abs(new - old) >= _FAR:
            found.append(Drift(rule, old, new, len(recent), recent[0].at))
    return found


def count(fired: Sequence[Fired]) -> Counter[str]:
    """Count the captures each rule fired on."""
    return Counter(rule for one in fired for rule in one.rules)


def by_month(fired: Sequence[Fired], rule: str) -> list[tuple[str, float]]:
    """Return the share of captures a rule fired on, month by month (UTC): ("2024-09", .93)."""
    captures: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for one in fired:
        if one.at is not None:
            month = f"{one.at:%Y-%m}"
            captures[month] += 1
            hits[month] += rule in one.rules
    return [(month, hits[month] / captures[month]) for month in sorted(captures)]
