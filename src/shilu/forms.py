"""The JSON of every record that leaves the program, one function a form.

``docs/cli.md`` documents the keys; commands now, API and exports later print these, no others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from shilu.errors import explain

if TYPE_CHECKING:
    from shilu.archive.queries import SourceRow
    from shilu.curation import RuleRow
    from shilu.pipeline import ImportReport
    from shilu.records import Content, Problem, Version
    from shilu.search.hits import Hit, Results


def as_json(value: object) -> str:
    """Return readable JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def rfc3339(instant: datetime | None) -> str | None:
    """Return an instant as RFC 3339 in UTC, with fractions only where there are any."""
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


def local(instant: datetime | None, zone: str | None) -> str | None:
    """Return an instant as RFC 3339 with the offset it had in a zone."""
    return instant.astimezone(ZoneInfo(zone)).isoformat() if instant and zone else None


def problem_json(problem: Problem) -> dict[str, object]:
    """Return a refusal or doubt, explained in the user's language."""
    reason, action = explain(problem)
    return {
        "code": problem.code,
        "subject": problem.subject,
        "refused": problem.refused,
        "reason": reason,
        "action": action,
        "details": dict(problem.details),
    }


def import_json(report: ImportReport) -> dict[str, object]:
    """Return the documented form of an import's outcome."""
    return {
        "read": report.read,
        "articles": report.articles,
        "versions": report.versions,
        "same": report.same,
        "refused": report.refused,
        "passed_over": report.passed_over,
        "by_source": {
            source: {
                "read": row.read,
                "articles": row.articles,
                "versions": row.versions,
                "same": row.same,
                "refused": row.refused,
                "reasons": dict(sorted(row.reasons.items())),
            }
            for source, row in sorted(report.by_source.items())
        },
        "problems": dict(sorted(report.problems.items())),
        "reports": [problem_json(problem) for problem in report.reports],
    }


def version_json(version: Version) -> dict[str, object]:
    """Return the documented form of a version."""
    content = version.content
    return {
        "n": version.n,
        "id": version.id,
        "title": version.title,
        "text": version.text,
        "body_start": content.body_start,
        "feed_at": rfc3339(version.feed_at),
        "published_at": rfc3339(content.published_at),
        "published_on": content.published_on and content.published_on.isoformat(),
        "dateline_on": content.dateline and content.dateline.on and content.dateline.on.isoformat(),
        "captured_at": rfc3339(version.captured_at),
        **told_apart(content),
        "content_hash": version.content_hash,
        "capture": version.capture_id,
        "extractor": version.extractor,
        "images": images(content),
    }


def told_apart(content: Content) -> dict[str, object]:
    """Return what is known about an article besides its text."""
    return {
        "authors": list(content.authors),
        "translators": [one.name for one in content.credits if one.role == "translator"],
        "credits": [
            {
                "role": one.role,
                "name": one.name,
                "span": one.span and [one.span.start, one.span.end],
            }
            for one in content.credits
        ],
        "sources_credited": [one.name for one in content.credits if one.role == "source"],
        "subtitle": next(
            (
                content.text[block.start : block.end]
                for block in content.blocks
                if block.kind == "subtitle"
            ),
            None,
        ),
        "column": content.column,
        "site_suffix": content.site_suffix,
        "section": content.section,
        "published_local": local(content.published_at, content.published_zone),
        "published_zone": content.published_zone,
        "lang": content.lang,
    }


def images(content: Content) -> list[dict[str, object]]:
    """Return the pictures with their captions' text."""
    return [
        {
            "url": medium.url,
            "caption": medium.caption and medium.caption.of(content.text),
            "credit": medium.credit,
        }
        for medium in content.media
        if medium.kind == "image"
    ]


def source_json(row: SourceRow, silent: Mapping[str, datetime]) -> dict[str, object]:
    """Return what there is of a source; *silent* as of ``Archive.silent``."""
    gap = row.longest_gap
    return {
        "articles": row.articles,
        "captures": row.captures,
        "refused": row.refused,
        "first_at": rfc3339(row.first_at),
        "last_at": rfc3339(row.last_at),
        "silent_since": rfc3339(silent.get(row.source)),
        "longest_gap": [rfc3339(gap[0]), rfc3339(gap[1])] if gap else None,
    }


def rule_json(row: RuleRow) -> dict[str, object]:
    """Return a cleaning rule with what it did."""
    return {
        "rule": row.name,
        "off": row.is_off,
        "fired_on": row.fired_on,
        "captures": row.captures,
        "by_month": dict(row.by_month),
    }


def results_json(results: Results) -> dict[str, object]:
    """Return the documented form of a search's answer."""
    return {
        "total": results.total,
        "read_as": results.read_as,
        "notes": [problem_json(note) for note in results.notes],
        "names": dict(results.names),
        "nearest": results.is_nearest,
        "behind": results.behind,
        "hits": [_hit_json(hit) for hit in results.hits],
        "facets": {name: dict(values) for name, values in results.facets.items()},
        "cursor": results.cursor,
    }


def _hit_json(hit: Hit) -> dict[str, object]:
    version = hit.version
    return {
        "article": hit.article.id,
        "key": hit.article.key,
        "version": version.id,
        "n": version.n,
        "newest": hit.is_newest,
        "older": list(hit.older),
        "title": version.title,
        "url": hit.article.url,
        "source": hit.article.source,
        "lang": version.content.lang,
        "published_at": rfc3339(version.content.published_at),
        "at": rfc3339(hit.at),
        "score": round(hit.score, 4),
        "spans": [[span.start, span.end] for span in hit.spans],
        "why": [asdict(why) for why in hit.why],
        "snippets": [
            {
                "span": [snippet.span.start, snippet.span.end],
                "text": snippet.span.of(version.text),
                "cut": list(snippet.is_cut),
            }
            for snippet in hit.snippets
        ],
    }


def content_json(content: Content) -> dict[str, object]:
    """Return the documented form of an extracted content."""
    dateline = asdict(content.dateline) if content.dateline else None
    if dateline is not None:
        dateline["on"] = dateline["on"] and dateline["on"].isoformat()
    return {
        "title": content.title,
        **told_apart(content),
        "date": rfc3339(content.published_at)
        or (content.published_on and content.published_on.isoformat()),
        "text": content.text,
        "body_start": content.body_start,
        "blocks": [asdict(block) for block in content.blocks],
        "marks": [asdict(mark) for mark in content.marks],
        "images": images(content),
        "media": [
            {**asdict(medium), "caption": medium.caption and medium.caption.of(content.text)}
            for medium in content.media
        ],
        "dateline": dateline,
        "removed": [asdict(piece) for piece in content.removed],
        "problems": [problem_json(problem) for problem in content.problems],
    }
