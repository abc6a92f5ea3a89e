"""The line under which an agency copy stands, in the styles agencies use.

============================================  =============================
（法新社华盛顿10日电）                         AFP and most mainland copy
（中央社記者某某台北20日電）                   CNA, with the reporter
路透首尔10月10日 -                             Reuters Chinese, month and day
路透10月10日 -                                 the same, market reports
华盛顿 —                                       VOA, place only
韩国首尔——                                     translated papers, in running text
〔記者某某／台北報導〕                          Taiwan's papers
（本报记者 某某 北京报道）                       mainland papers
【某报2024年9月18日讯】                         overseas papers
PORT LEDA, March 4 (Tidewire) -                English agencies
PORT LEDA —                                    English papers
============================================  =============================

A place without a day counts only where it is known: ``lexicon/cities.tsv``.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from shilu.lexicon.tables import city_names, country_names
from shilu.records import Dateline

# Names end in 社/通讯社 …; a few agencies stand without. Written for any agency, then place, then
# day: a place is what is left between them, two to twelve characters. Publishers, travel agencies
# and cooperatives end in 社 too and send no telegrams.
_AGENCY = (
    r"(?P<agency>[\w·]{1,10}?(?:通讯社|通訊社|新闻社|新聞社|(?<![版行作公会會报報志誌结結旅])社)"
    r"|路透|彭博|中新网|新华网|[\w·]{1,8}?(?:日报|日報|时报|時報|电台|電台|电视台|電視台|网|網))"
)
_REPORTER = r"(?:(?:特派)?(?:记者|記者|(?<=特派)[员員])(?P<reporter>[\w·．、]{2,16}?))?"
# Market reports name no place: 路透10月10日 -. The month is no place either.
_PLACE = r"(?:(?P<place>(?:[^\W\d_]|[·/／．、]){2,16}?)\s*)?"
_DAY = r"(?:(?:\d{4}\s*年\s*)?(?P<month>\d{1,2})\s*月\s*)?(?P<day>\d{1,2})\s*日"
# "10日电" is a telegram of the 10th, "10日电话" a call.
_WIRE = (
    r"\s*(?:综合|綜合|专|專)?外?"
    r"(?:[电電](?![话話视視影邮郵子台臺力网網]|[^，。]{0,2}[访訪])|[讯訊](?![问問息号號]))"
)
# A range of days is no dateline: 5月3日—8日
_DASH = r"\s*[-–—]+(?!\s*\d)"

_STYLES = (
    # （中央社記者某某台北20日電）, also in half-width brackets or 【】
    re.compile(rf"\s*[（(【\[]\s*{_AGENCY}\s*{_REPORTER}\s*{_PLACE}{_DAY}{_WIRE}[^）)】\]]{{0,12}}[）)】\]]"),
    # 【某报2024年9月18日讯】: what says so in brackets may have any name
    re.compile(rf"\s*[（(【\[]\s*(?P<agency>[^\W\d_]{{2,10}}?)(?P<place>){_DAY}\s*[讯訊]\s*[）)】\]]"),
    # 新华社北京10月10日电 / 中新社 首尔 5日电 (without brackets)
    re.compile(rf"\s*{_AGENCY}\s*{_REPORTER}\s*{_PLACE}{_DAY}{_WIRE}"),
    # 路透首尔10月10日 -
    re.compile(rf"\s*{_AGENCY}\s*{_PLACE}{_DAY}{_DASH}"),
)  # fmt: skip
_SENTENCE = 24  # characters; a shorter line with a dash is a heading: 香港——一个时代的终结
_AFTER_DAY = re.compile("[电電讯訊–—-]")  # every style has one of these behind the day
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ENGLISH = re.compile(
    r"^\s*(?P<place>[A-Z][A-Z.'’ /-]{2,40})(?:,\s*[A-Z][A-Za-z. ]{2,20}?)?"
    r"(?:,\s*(?P<month>[A-Z][a-z]{2,8})\.?\s+(?P<day>\d{1,2}))?"
    r"\s*\((?P<agency>[A-Z][\w .&'-]{1,30})\)\s*[-–—]+"
)
_ENGLISH_AGENCY = re.compile(
    r"AP|AFP|UPI|Reuters|Xinhua|Kyodo(?: News)?|Yonhap|Bloomberg(?: News)?|DPA|dpa|EFE|ANSA|TASS"
    r"|PTI|ANI|IANS|CNA|CNN|NYT|Associated Press|[A-Z]\w*(?: [A-Z]\w*)? News(?: Agency| Service)?"
)
_HOW = re.compile(r"(?:综合|綜合|连线|連線|即时|即時|专题|專題|现场|現場)$")
# A line of its own: 华盛顿 —. A double dash without a blank is speech: 答——
_PLACE_ONLY = re.compile(r"(?P<place>[\w·/]{2,10})(?:\s+(?:—+|–|--+)|—|–)")


# 韩国首尔——警察…, at the start of a line of prose
_PLACE_FIRST = re.compile(
    r"\s*(?P<place>[^\W\d_]{2,12}(?:\s*[/／、，,]\s*[^\W\d_]{2,12}){0,2})\s*(?:—{1,2}|–|―{1,2}|--)\s*(?=\S)"
)
_LATIN_PLACE_FIRST = re.compile(
    r"\s*(?P<place>[A-Z][A-Z.'’ -]{2,30}?)(?:, [A-Z][A-Za-z. ]{1,20}?)?\s+(?:—|–|--)\s*(?=\S)"
)
_BY_REPORTER = re.compile(
    r"\s*(?P<bracket>[〔（(【［\[])?\s*(?P<agency>(?!特派|特约|特約|专题|專題|实习|實習)[^\W\d_]{2,8}?)?\s*"
    r"(?:特派|特约|特約|专题|專題|实习|實習)?(?:记者|記者)\s*"
    r"(?P<names>[^\W\d_]{2,4}?(?:[、\s]+[^\W\d_]{2,4}?)*?)(?:\s*[／/]\s*|\s+)?"
    r"(?P<place>[^\W\d_]{2,6}?)?\s*(?:综合|綜合|连线|連線|即时|即時|专题|專題|现场|現場)?"
    r"(?:报道|報道|報導|报导|专电|專電|外电|外電|[电電讯訊](?![话話视視影邮郵子台臺力网網问問息]))"
    r"\s*(?P<end>[〕）)】］\]]|$)"
)


def find_dateline(line: str) -> tuple[Dateline, int] | None:
    """Read the dateline at the start of a line; return it with its length in code points.

    The day is not resolved here; see
    ``resolve_day``.

    >>> find_dateline("（法新社华盛顿10日电）美国总统今天……")[0].place
    '华盛顿'
    """
    head = line[:120]
    if "日" in head[:80] and _AFTER_DAY.search(head):
        for style in _STYLES:
            match = style.match(head[:80])
            if match:
                groups = match.groupdict()
                agency = groups["agency"].removeprefix("据").removeprefix("據")
                reporter, place = _parted(groups.get("reporter"), groups["place"] or None)
                if place is None and _is_city(agency):  # （吉隆坡10日讯）
                    agency, place = None, agency
                elif place is not None and (other := _SECOND_AGENCY.match(place)):
                    agency, place = f"{agency}/{other[1]}", place[other.end() :] or None
                return Dateline(
                    text=match[0].strip(),
                    agency=agency,
                    place=place,
                    reporter=reporter,
                    month=int(groups["month"]) if groups["month"] else None,
                    day=int(groups["day"]),
                ), match.end()
    match = _ENGLISH.match(head)
    if match and (match["day"] or _is_wire(match)):
        month = (match["month"] or "")[:3].lower()
        return Dateline(
            text=match[0].strip(),
            agency=match["agency"],
            place=match["place"].strip(" -").title(),
            month=_MONTHS.index(month) + 1 if month in _MONTHS else None,
            day=int(match["day"]) if match["day"] else None,
        ), match.end()
    match = _PLACE_ONLY.fullmatch(line.strip()) if len(line) <= 16 else None
    if match:
        return Dateline(text=match[0], place=match["place"]), len(line)
    if "记者" in head[:24] or "記者" in head[:24]:
        return _by_reporter(head)
    if len(line) >= _SENTENCE and any(dash in head[:40] for dash in ("—", "–", "―", "--")):
        return _place_first(head)
    return None


def _parted(reporter: str | None, place: str | None) -> tuple[str | None, str | None]:
    """Part 王小明台北 where a city begins: nothing else says where the name ends."""
    if reporter is None or place is None or _is_city(place):
        return reporter, place
    head, comma, last = (reporter + place).rpartition("、")
    for cut in range(2, min(len(last) - 1, 5)):
        if _is_city(last[cut:]):
            return head + comma + last[:cut], last[cut:]
    # Names have three characters more often than two, and places two at least.
    if len(last) >= _NAME_AND_PLACE:
        return head + comma + last[:3], last[3:]
    return reporter, place


_NAME_AND_PLACE = 5


_SECOND_AGENCY = re.compile(r"[/／](\w{1,6}社)")


def _is_city(name: str) -> bool:
    """Tell whether a name is a city's, also as 嘉義縣 or 北京市."""
    return name in city_names() or (name[-1:] in _CITY_ENDS and name[:-1] in city_names())


_CITY_ENDS = ("县", "縣", "市", "省", "州")


def _by_reporter(head: str) -> tuple[Dateline, int] | None:
    match = _BY_REPORTER.match(head)
    if match is None or bool(match["bracket"]) != bool(match["end"]):
        return None
    if not match["bracket"] and match.end() < len(head):
        return None
    names, place = match["names"], match["place"]
    if place is not None and match.end("names") == match.start("place") and not _is_city(place):
        # 甲乙丙綜合報導: nothing parts them, and what was taken for a place ends a name.
        names, place = _HOW.sub("", names + place), None
    reporter, place = _parted(names, place)
    if place is None and reporter is not None:
        reporter, place = _parted(reporter[:2], reporter[2:] or None)
        reporter = reporter if place in city_names() else names
        place = place if place in city_names() else None
    dateline = Dateline(
        text=match[0].strip(), agency=match["agency"], place=place, reporter=reporter
    )
    return dateline, match.end()


def _place_first(head: str) -> tuple[Dateline, int] | None:
    match = _PLACE_FIRST.match(head)
    if match and _joins_cities(match[0], head[match.end() :]):
        return None
    if match and all(_is_place(piece) for piece in re.split(r"\s*[/／、，,]\s*", match["place"])):
        return Dateline(text=match[0].strip(), place=match["place"]), match.end()
    match = _LATIN_PLACE_FIRST.match(head)
    if match and match["place"].strip().title() in city_names():
        place = match["place"].strip().title()
        return Dateline(text=match[0].strip(), place=place), match.end()
    return None


def _is_wire(match: re.Match[str]) -> bool:
    """Tell whether THE CAT (Felis) — is a place and an agency."""
    return (
        _ENGLISH_AGENCY.fullmatch(match["agency"]) is not None
        or match["place"].strip(" -").title() in city_names()
    )


def _joins_cities(start: str, rest: str) -> bool:
    """Tell whether a line begins with a way from a city to another: 东京—大阪新干线."""
    is_single = start[-1:] in "—–―" and start[-2:-1] not in "—–― "
    return is_single and any(rest[:length] in city_names() for length in range(2, 6))


def _is_place(name: str) -> bool:
    """Tell whether a name is a city's, with its country before it or without."""
    if name in city_names():
        return True
    return any(
        name[cut:] in city_names() and name[:cut] in country_names()
        for cut in range(2, len(name) - 1)
    )


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
