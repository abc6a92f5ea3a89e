"""What a search answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shilu.records import Article, Problem, Span, Version

Field = Literal["title", "text", "caption", "author"]
How = Literal["exact", "form", "name"]


@dataclass(frozen=True, slots=True)
class Why:
    """One reason why a version was found."""

    asked: str  # as the query has it
    form: str  # as the version has it, where it stands first
    field: Field
    how: How  # form: another form of an English word; name: another name of whom was asked for
    count: int  # times


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of a version's text, from sentence border to sentence border where it fits."""

    span: Span
    is_cut: tuple[bool, bool]  # whether the sentence goes on before it, after it


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that was found, by the newest of its versions that match."""

    article: Article
    version: Version
    at: datetime | None  # by which it is ordered and filtered
    score: float  # relevance within this answer; 0 where the order is by date
    spans: tuple[Span, ...]  # what to highlight in version.text; sorted, apart
    why: tuple[Why, ...]
    snippets: tuple[Snippet, ...]
    is_newest: bool  # False: the article has changed since, and does not match any more
    older: tuple[int, ...]  # numbers n of the older versions that match too, newest first


@dataclass(frozen=True, slots=True)
class Results:
    """The answer to a query."""

    total: int  # articles
    read_as: str
    notes: tuple[Problem, ...]
    hits: tuple[Hit, ...]
    facets: Mapping[str, Mapping[str, int]]  # source, month, lang → value → articles
    names: Mapping[str, int]  # other names that were looked for too → articles that have them
    cursor: str | None  # for the next page; None after the last
    is_nearest: bool  # nothing matches: these have most in common with the query
    behind: int  # articles that changed and are not indexed yet
