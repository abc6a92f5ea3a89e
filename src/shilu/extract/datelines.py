"""The line under which an agency copy stands, in the styles agencies use.

============================================  =============================
（法新社华盛顿10日电）                         AFP and most mainland copy
（中央社記者某某台北20日電）                   CNA, with the reporter
路透首尔10月10日 -                             Reuters Chinese, month and day
华盛顿 —                                       VOA, place only
PORT LEDA, March 4 (Tidewire) -                English agencies
============================================  =============================
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from shilu.records import Dateline

# Names end in 社/通讯社 …; a few agencies stand without. Written for any agency, then place, then
# day: a place is what is left between them, two to eight characters.
_AGENCY = (
    r"(?P<agency>[\w·]{1,10}?(?:通讯社|通訊社|新闻社|新聞社|社)|路透|彭博|中新网|新华网"
    r"|[\w·]{1,8}?(?:日报|日報|时报|時報|电台|電台|电视台|電視台|网|網))"
)
_REPORTER = r"(?:(?:特派)?(?:记者|記者)(?P<reporter>[\w·．]{2,8}?))?"
_PLACE = r"(?P<place>[\w·/．]{2,12}?)"
_DAY = r"(?:(?P<month>\d{1,2})\s*月\s*)?(?P<day>\d{1,2})\s*日"

_STYLES = (
    # （中央社記者某某台北20日電）, also in half-width brackets or 【】
    re.compile(rf"^\s*[（(【\[]\s*{_AGENCY}\s*{_REPORTER}\s*{_PLACE}\s*{_DAY}\s*(?:综合|綜合)?[电電讯訊][^）)】\]]{{0,12}}[）)】\]]"),
    # 新华社北京10月10日电 / 中新社 首尔 5日电 (without brackets)
    re.compile(rf"^\s*{_AGENCY}\s*{_REPORTER}\s*{_PLACE}\s*{_DAY}\s*(?:综合|綜合)?[电電讯訊]"),
    # 路透首尔10月10日 -
    re.compile(rf"^\s*{_AGENCY}\s*{_PLACE}\s*{_DAY}\s*[-–—]+"),
)  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ENGLISH = re.compile(
    r"^\s*(?P<place>[A-Z][A-Z.'’ /-]{2,40})(?:,\s*[A-Z][A-Za-z. ]{2,20}?)?"
    r"(?:,\s*(?P<month>[A-Z][a-z]{2,8})\.?\s+(?P<day>\d{1,2}))?"
    r"\s*\((?P<agency>[A-Z][\w .&'-]{1,30})\)\s*[-–—]+"
)
_PLACE_ONLY = re.compile(r"^\s*(?P<place>[\w·/]{2,10})\s*(?:—+|–|--+)\s*")


def find_dateline(line: str, *, alone: bool = False) -> tuple[Dateline, int] | None:
    """Read the dateline at the start of a line; return it with its length in code points.

    With *alone* the line is nothing but the dateline, so that a bare place counts (VOA's
    ``华盛顿 —``). The day is not resolved here; see ``resolve_day``.

    >>> find_dateline("（法新社华盛顿10日电）美国总统今天……")[0].place
    '华盛顿'
    """
    for style in _STYLES:
        match = style.match(line[:80])
        if match:
            groups = match.groupdict()
            return Dateline(
                text=match[0].strip(),
                agency=groups["agency"],
                place=groups["place"],
                reporter=groups.get("reporter"),
                month=int(groups["month"]) if groups["month"] else None,
                day=int(groups["day"]),
            ), match.end()
    match = _ENGLISH.match(line[:120])
    if match:
        month = (match["month"] or "")[:3].lower()
        return Dateline(
            text=match[0].strip(),
            agency=match["agency"],
            place=match["place"].strip(" -").title(),
            month=_MONTHS.index(month) + 1 if month in _MONTHS else None,
            day=int(match["day"]) if match["day"] else None,
        ), match.end()
    match = _PLACE_ONLY.match(line[:40])
    # In running prose a word before a dash is no dateline without a list of places.
    if match and alone:
        return Dateline(text=match[0].strip(), place=match["place"]), match.end()
    return None


def resolve_day(month: int | None, day: int | None, reference: date) -> date | None:
    """Return the latest day up to the day after *reference* with this month and day of month.

    A copy is printed on its dateline's day or later; one day of grace covers outlets west of the
    dateline. None when no such day lies in the past 200 days (the date is then another's).

    >>> resolve_day(None, 30, date(2024, 3, 2))
    datetime.date(2024, 1, 30)
    """
    if day is None:
        return None
    for back in range(-1, 200):
        candidate = reference - timedelta(days=back)
        if candidate.day == day and month in (None, candidate.month):
            return candidate
    return None
