"""What lines say that is no article: the rules of ``generic.toml``, and one search for them all."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate

from shilu.config import Expected, check_table, parse_toml, texts
from shilu.errors import UsageError
from shilu.extraction.lines import PageLine

TIERS = (60, 180, 500)  # characters; most rules look at short lines only, and those are few


@dataclass(frozen=True, slots=True)
class LineRule:
    """What a whole line says that is not the article."""

    rule: str
    text: re.Pattern[str]  # matches the line, marks around it left out
    max_chars: int
    hints: tuple[str, ...]  # in lower case; the page must hold one
    label: bool  # what ends like a sentence does not count
    linked: bool  # only lines that hold a link
    place: str  # "end": only below the last line of prose; "top": above the first; "" anywhere


_LINE: Mapping[str, Expected] = {
    "rule": str, "text": str, "max_chars": int, "hints": list, "label": bool, "linked": bool,
    "place": str,
}  # fmt: skip
_HEADING: Mapping[str, Expected] = {"text": str, "max_chars": int}


class Hints:
    """One search of many lines for the hints of many rules."""

    def __init__(self, rules: Mapping[int, LineRule]) -> None:
        """*rules* by their number in the table."""
        self._rules = rules
        of_hint: dict[str, list[int]] = {}
        for number, rule in rules.items():
            for hint in rule.hints:
                of_hint.setdefault(hint, []).append(number)
        # Latin letters are few in Chinese text, and every one of them begins some hint.
        self._latin = [hint for hint in of_hint if hint.isascii()]
        others = [hint for hint in of_hint if not hint.isascii()]
        self._latin_pattern = _any_of(self._latin)
        self._pattern = _any_of(others)
        self._of_hint = of_hint
        # A hint that is found hides one that begins within it.
        self._hidden = {
            hint: sorted(
                {
                    number
                    for other in others
                    if other != hint and _may_be_hidden(other, hint)
                    for number in of_hint[other]
                }.difference(of_hint[hint])
            )
            for hint in others
        }

    def found(self, lines: Sequence[PageLine], among: dict[int, list[PageLine]]) -> None:
        """Add to *among* by rule number the lines that hold one of its hints."""
        text = "\n".join([line.lower for line in lines])
        latin = text.encode("ascii", "ignore").decode("ascii")
        for hint in self._latin if self._latin_pattern.search(latin) else ():
            if hint in latin:
                for line in lines:
                    if hint in line.lower:
                        for number in self._of_hint[hint]:
                            _add(line, among.setdefault(number, []))
        if text.isascii():
            return
        starts = [0, *accumulate(len(line.lower) + 1 for line in lines)]
        for match in self._pattern.finditer(text):
            place = bisect_right(starts, match.start()) - 1
            line, hint = lines[place], match[0]
            for number in self._of_hint[hint]:
                _add(line, among.setdefault(number, []))
            for number in self._hidden[hint]:
                if any(other in line.lower for other in self._rules[number].hints):
                    _add(line, among.setdefault(number, []))


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of literals that looks at their first characters only once."""
    rests: dict[str, list[str]] = {}
    for word in words:
        rests.setdefault(word[0], []).append(re.escape(word[1:]))
    return re.compile("|".join(f"{re.escape(one)}(?:{'|'.join(r)})" for one, r in rests.items()))


def _may_be_hidden(hint: str, by: str) -> bool:
    """Tell whether a hint can begin within another.

    >>> _may_be_hidden("阅读全文", "继续阅读"), _may_be_hidden("阅读", "继续")
    (True, False)
    """
    return hint in by or any(hint.startswith(by[cut:]) for cut in range(len(by)))


def _add(line: PageLine, lines: list[PageLine]) -> None:
    if not lines or lines[-1] is not line:
        lines.append(line)


@dataclass(frozen=True)
class Words:
    """The line rules of ``generic.toml``."""

    rules: tuple[LineRule, ...]
    tiers: tuple[Hints, ...]  # of lines up to each length of TIERS, of the rules that reach there
    heading: re.Pattern[str]
    max_heading: int


@cache
def words() -> Words:
    """Read ``[[line]]`` and ``[heading]`` of ``generic.toml``."""
    subject = "extraction/generic.toml"
    text = files("shilu.extraction").joinpath("generic.toml").read_text("utf-8")
    table = parse_toml(text, subject)
    rules = tuple(_line_rules(table["line"], subject))
    heading = table["heading"]
    check_table(heading, _HEADING, f"{subject} [heading]")
    return Words(
        rules,
        tuple(
            Hints({number: rule for number, rule in enumerate(rules) if rule.max_chars > over})
            for over in (0, *TIERS[:-1])
        ),
        _pattern(heading["text"], f"{subject} [heading]"),
        heading["max_chars"],
    )


def _line_rules(rows: Iterable[dict[str, object]], subject: str) -> Iterator[LineRule]:
    for number, row in enumerate(rows, 1):
        where = f"{subject} [[line]] #{number}"
        check_table(row, _LINE, where)
        yield LineRule(
            rule=f"generic.{row['rule']}",
            text=_pattern(str(row["text"]), where),
            max_chars=int(str(row["max_chars"])),
            hints=texts(row, "hints", where),
            label=bool(row.get("label")),
            linked=bool(row.get("linked")),
            place=_place(row.get("place", ""), where),
        )


def _place(place: object, subject: str) -> str:
    if place not in ("", "top", "end"):
        raise UsageError(
            "config.bad_value", subject, key="place", value=repr(place), expected='"top" or "end"'
        )
    return str(place)


def _pattern(text: str, subject: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise UsageError(
            "config.bad_value", subject, key="text", value=text, expected=f"a pattern ({error})"
        ) from None
