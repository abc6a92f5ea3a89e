"""What a user decides about cleaning, and what helps to decide it.

The rules of an outlet are a guess that holds for most of its pages. Here the user sees what they
did (``rules``, ``drifts``), overrules them (``restore``, ``switch_rule``), and makes new ones from
what recurs in the archive (``boilerplate``, ``save_rules``). Decisions stand in ``state.db``, rules
in the archive's ``sources/`` folder; both are honoured by every later import and rebuild.
"""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shilu.archive.firing import Drift, by_month, count
from shilu.archive.firing import drifts as drifts_of
from shilu.config import nearest, parse_toml
from shilu.errors import ArchiveError, UsageError
from shilu.extraction.article import Reading, generic_rule_names
from shilu.pipeline import TO_READ_AGAIN, Archive, Tick, quiet
from shilu.records import Choices, Content, Problem, Removed, Version
from shilu.sources.catalog import parse_remove_rules

# ------------------------------------------------------------------------------ rules


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A cleaning rule, and what it did on a source's captures."""

    name: str
    is_off: bool  # by the user's decision
    fired_on: int  # captures
    captures: int
    by_month: list[tuple[str, float]]  # month, share of its captures


def rules(archive: Archive, source: str) -> list[RuleRow]:
    """Return the rules of a source with what they did: its own first, then those for all.

    Raises ``UsageError`` for a source that is neither declared nor in the archive.
    """
    fired = archive.store.fired(source).get(source, [])
    if not fired:
        _check_source(archive, source)
    hits = count(fired)
    off = archive.rulebook.choices.switched_off.get(source, frozenset())
    declared = [rule.rule for rule in archive.catalog.get(source).remove]
    # Those that are no tables but code are known by what they did, to whatever source.
    generic = {one for one in archive.store.rules_fired() if one.startswith("generic.")}
    names = dict.fromkeys(
        (*declared, *generic_rule_names(), *sorted(generic), *sorted(hits), *sorted(off))
    )
    return [
        RuleRow(name, name in off, hits[name], len(fired), by_month(fired, name)) for name in names
    ]


def switch_rule(archive: Archive, source: str, rule: str, *, off: bool, tick: Tick = quiet) -> None:
    """Follow a rule no more for a source, or again; its articles are read anew at once."""
    known = [one.name for one in rules(archive, source)]
    if rule not in known:
        raise UsageError("use.no_such_rule", rule, source=source, near=nearest(rule, known))
    archive.store.switch(source, rule, off=off, fact=f"{TO_READ_AGAIN} source {source}")
    archive.take_up_choices(tick)


def _check_source(archive: Archive, source: str) -> None:
    """Raise ``UsageError`` for a source that is neither declared nor in the archive."""
    known = [*archive.catalog.rules, *(row.source for row in archive.sources())]
    if source not in known:
        raise UsageError("use.no_such_source", source, near=nearest(source, sorted(set(known))))


def drifts(archive: Archive) -> dict[str, list[Problem]]:
    """Return the rules that fire on far more or fewer articles than they used to, by source."""
    found = {}
    for source, fired in archive.store.fired().items():
        problems = [_drifted(source, drift) for drift in drifts_of(fired)]
        if problems:
            found[source] = problems
    return found


def _drifted(source: str, drift: Drift) -> Problem:
    return Problem(
        "rule.drift",
        source,
        {
            "source": source,
            "rule": drift.rule,
            "before": f"{drift.before:.0%}",
            "now": f"{drift.now:.0%}",
            "captures": str(drift.captures),
            "since": f"{drift.since:%Y-%m-%d}" if drift.since else "-",
        },
    )


# ------------------------------------------------------------------------------ pieces


def removed(archive: Archive, version: Version) -> tuple[Removed, ...]:
    """Return what cleaning leaves out of a version, each piece with its rule."""
    content = archive.content_of(version.capture_id)
    return content.removed if content else ()


def restored(archive: Archive, article: str) -> list[Removed]:
    """Return the pieces of an article that the user restored."""
    number, found = archive.locate(article)
    keys = archive.rulebook.choices.restored.get(found.id, frozenset())
    pieces: dict[str, Removed] = {}
    kept: frozenset[str] | None = None
    # One may stand within another, where only its being kept shows it.
    while keys and kept != frozenset(pieces):
        kept = frozenset(pieces)
        choices = Choices(archive.rulebook.choices.switched_off, {found.id: kept})
        for capture in archive.store.captures(article_no=number):
            reading = archive.read_capture_again(capture, choices)
            if isinstance(reading, Reading):
                pieces |= {one.key: one for one in reading.content.removed if one.key in keys}
    return list(pieces.values())


def restore(
    archive: Archive,
    article: str,
    numbers: Sequence[int],
    *,
    n: int | None = None,
    undo: bool = False,
) -> Version:
    """Keep pieces that cleaning left out of an article; return its newest version as it is now.

    *numbers* count from 1 in what is ``removed`` of version *n*, None: the newest; with *undo* in
    ``restored``: those are left out again. A piece is known by its rule and words: it stays in
    every version that has it, now and later.
    """
    number, found = archive.locate(article)
    versions = archive.store.versions_of(number)
    if undo:
        pieces: Sequence[Removed] = restored(archive, found.id)
    elif n is not None and not 1 <= n <= len(versions):
        raise UsageError("use.no_such_version", article, n=n, count=len(versions))
    else:
        pieces = removed(archive, versions[-1 if n is None else n - 1])
    for one in numbers:
        if not 1 <= one <= len(pieces):
            raise UsageError("use.no_such_piece", article, n=one, count=len(pieces))
    keys = {pieces[one - 1].key for one in numbers}
    archive.store.restore(found.id, keys, undo=undo, fact=f"{TO_READ_AGAIN} article {found.id}")
    archive.take_up_choices()
    return archive.versions(found.id)[-1]


# ------------------------------------------------------------------------------ what recurs

_LOOKED_AT = 2000  # articles of a source, the newest
_MIN_ARTICLES = 3
_MIN_SHARE = 0.02
_MAX_LINE = 300  # characters: what recurs and is longer is a text published twice
_MOSTLY = 0.8  # of the articles with a label: have nothing after it; have the same line
_PROSE = frozenset({"paragraph", "heading", "item", "quote", "cell", "subtitle", "note"})
_ASIDE = frozenset({"credits", "caption", "dateline"})  # no prose
_LABEL = re.compile(r"[^\s:：。！？，,]{2,12}\s*[:：]")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Recurring:
    """A line, or the beginning of lines, that stands in many articles of a source."""

    text: str  # as it stands in one of them
    is_start: bool  # other words follow it from article to article: 延伸阅读：…
    articles: int  # how many have it
    looked_at: int
    where: float  # 0: at the top, 1: at the end, on average
    pattern: str  # what the proposed rule looks for, a regular expression over whole lines

    @property
    def share(self) -> float:
        """The part of the articles looked at that has it."""
        return self.articles / self.looked_at


def boilerplate(archive: Archive, source: str, tick: Tick = quiet) -> list[Recurring]:
    """Find the lines that recur across a source's articles, the most frequent first.

    Looks at the newest version of its newest articles. Credits, datelines and captions recur by
    their nature and are left alone, as are labels that prose follows: they belong to the article.
    """
    articles = [_lines(content) for content in _newest(archive, source, tick)]
    enough = max(_MIN_ARTICLES, math.ceil(_MIN_SHARE * len(articles)))
    lines: dict[str, _Seen] = defaultdict(_Seen)
    labels: dict[str, _Seen] = defaultdict(_Seen)
    for number, article in enumerate(articles, 1):
        for position, line in enumerate(article):
            where = position / max(1, len(article) - 1)
            if line.key:
                lines[line.key].note(number, line.text, where)
            if line.label:
                labels[line.label].note(number, line.label, where)
    lines = {key: one for key, one in lines.items() if one.articles >= enough}
    labels = {label: one for label, one in labels.items() if one.articles >= enough}
    at_end = Counter(
        label for article in articles for label in _last_labels(article, lines, labels)
    )
    one_line = {one.label: lines[one.key].articles for one in _labelled(articles, lines)}
    labels = {
        label: one
        for label, one in labels.items()
        if at_end[label] >= _MOSTLY * one.articles
        and one.times < 2 * one.articles  # else they are the speakers of an interview
        and one_line.get(label, 0) < _MOSTLY * one.articles
    }
    covered = {one.key for one in _labelled(articles, lines) if one.label in labels}
    found = [one.told(len(articles), is_start=True) for one in labels.values()]
    found += [
        one.told(len(articles), is_start=False) for key, one in lines.items() if key not in covered
    ]
    return sorted(found, key=lambda one: (-one.articles, one.text))


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of an article."""

    text: str
    key: str  # what it has in common with lines that differ in numbers; "" when it is not looked at
    label: str  # what it begins with when other words follow, else ""


def _lines(content: Content) -> list[_Line]:
    found = []
    for block in content.blocks:
        text = content.text[block.start : block.end]
        if block.kind not in _PROSE or len(text) > _MAX_LINE:
            if block.kind != "title":
                found.append(_Line("" if block.kind in _ASIDE else text, "", ""))
            continue
        label = _LABEL.match(text)
        has_more = label is not None and label.end() < len(text)
        found.append(_Line(text, _DIGITS.sub("0", text), label[0] if label and has_more else ""))
    return found


def _last_labels(
    article: Sequence[_Line], lines: Mapping[str, _Seen], labels: Mapping[str, _Seen]
) -> set[str]:
    """Return the labels after which an article has nothing but what recurs."""
    found = set()
    for line in reversed(article):
        if line.label in labels:
            found.add(line.label)
        elif line.text and line.key not in lines:
            break
    return found


def _labelled(articles: Iterable[Sequence[_Line]], lines: Mapping[str, _Seen]) -> list[_Line]:
    """Return the recurring lines that begin with a label, each once, the most frequent last."""
    found = {
        line.key: line
        for article in articles
        for line in article
        if line.label and line.key in lines
    }
    return sorted(found.values(), key=lambda line: lines[line.key].articles)


class _Seen:
    """In which articles a line was seen."""

    def __init__(self) -> None:
        self.text = ""
        self.articles = 0
        self.times = 0
        self._last = 0
        self._where = 0.0

    def note(self, article: int, text: str, where: float) -> None:
        self.times += 1
        if self._last != article:
            self._last, self.text = article, text
            self.articles += 1
            self._where += where

    def told(self, looked_at: int, *, is_start: bool) -> Recurring:
        pattern = r"\s*".join(_DIGITS.sub(r"\\d+", re.escape(word)) for word in self.text.split())
        if is_start:
            pattern += ".*"
        return Recurring(
            self.text, is_start, self.articles, looked_at, self._where / self.articles, pattern
        )


def _newest(archive: Archive, source: str, tick: Tick) -> Iterator[Content]:
    """Yield the newest contents of a source's newest articles."""
    numbers = archive.store.newest_articles(source, _LOOKED_AT)
    if not numbers:
        _check_source(archive, source)
    for done, number in enumerate(numbers, 1):
        yield archive.store.versions_of(number)[-1].content
        tick(done, len(numbers), "articles")


def rules_toml(found: Iterable[Recurring], first: int = 1) -> str:
    """Return the proposed rules as they stand in a source's file, numbered from *first*."""
    return "\n".join(
        f'[[remove]]\nrule = "recurring_{number}"\nline = {_toml(one.pattern)}\n'
        f"max_chars = {_MAX_LINE if one.is_start else len(one.text) + 20}\n"
        for number, one in enumerate(found, first)
    )


def _toml(text: str) -> str:
    """Return a TOML string: as it is read where that can be."""
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def save_rules(
    archive: Archive, source: str, found: Sequence[Recurring], tick: Tick = quiet
) -> Path:
    """Add rules to the archive's file for a source, and clean its articles by them at once.

    A new file holds the source's id and these rules alone: they are added to what we know of it,
    and what it is called and whose its addresses are stays as it was. Returns the file.
    """
    path = archive.store.path / "sources" / f"{source}.toml"
    if not found:
        raise UsageError("use.no_such_line", source, n="-", count=0)
    old = path.read_text("utf-8") if path.is_file() else f"id = {_toml(source)}\n"
    subject = f"sources/{path.name}"
    text = f"{old.rstrip()}\n\n{rules_toml(found, _next_number(parse_toml(old, subject)))}"
    list(parse_remove_rules(parse_toml(text, subject)["remove"], source, subject))
    archive.store.remember(f"{TO_READ_AGAIN} source {source}", "")
    _write(path, text)
    archive.take_up_choices(tick)
    return path


def _next_number(table: Mapping[str, Any]) -> int:
    """Return the first number that no saved rule of a source's file has."""
    names = (str(row.get("rule")) for row in table.get("remove", ()))
    return 1 + max((int(name[10:]) for name in names if _SAVED.fullmatch(name)), default=0)


_SAVED = re.compile(r"recurring_[0-9]+")


def _write(path: Path, text: str) -> None:
    """Put a text in the place of a file, which is whole at every moment."""
    try:
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=".", delete=False
        ) as fresh:
            fresh.write(text)
            fresh.flush()
            os.fsync(fresh.fileno())
        Path(fresh.name).chmod(0o644)
        Path(fresh.name).replace(path)
    except OSError as error:
        raise ArchiveError("archive.unwritable", path, cause=error.strerror) from None
