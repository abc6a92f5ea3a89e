"""Commands that show what the archive holds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shilu import forms
from shilu.cli.program import (
    archive_option,
    cli,
    json_option,
    opened,
    print_json,
    said,
    source_name,
    source_names,
    state_of,
    tr,
)
from shilu.errors import UsageError, explain, sentence
from shilu.terminal import local_day, local_time, marked_diff, table

if TYPE_CHECKING:
    from shilu.records import Version


@cli.command(
    help=tr(
        "Show an article: by id (or its first digits), source/key, or URL.\n\n"
        "\b\nExample:\n  shilu show dw/a-70241396 --diff 1 2",
        "显示一篇文章：用 id（或其开头几位）、媒体/键 或网址指定。\n\n"
        "\b\n示例：\n  shilu show dw/a-70241396 --diff 1 2",
    )
)
@click.argument("article")
@click.option(
    "--versions", "all_versions", is_flag=True, help=tr("List every version.", "列出所有版本。")
)
@click.option(
    "--diff",
    nargs=2,
    type=int,
    metavar="A B",
    help=tr("What changed from version A to B, word by word.", "从第 A 版到第 B 版逐词比较。"),
)
@click.option(
    "--raw",
    is_flag=True,
    help=tr(
        "The bytes as received (of --version N, else the newest).",
        "收到时的原始字节（--version N 指定版本，默认最新）。",
    ),
)
@click.option(
    "--removed",
    is_flag=True,
    help=tr("What cleaning left out, each with its rule.", "清理时移除的内容及其规则。"),
)
@click.option(
    "--version",
    "number",
    type=int,
    metavar="N",
    help=tr("Another version than the newest.", "指定版本（默认最新）。"),
)
@archive_option
@json_option
def show(  # noqa: D103
    article: str,
    all_versions: bool,
    diff: tuple[int, int] | None,
    raw: bool,
    removed: bool,
    number: int | None,
    archive_path: Path | None,
    as_json: bool,
) -> int:
    from shilu import curation

    with opened(archive_path) as archive:
        found = archive.find(article)
        versions = archive.versions(found.id)
        chosen = versions[-1] if number is None else _version(versions, number, article)
        if raw:
            sys.stdout.buffer.write(archive.raw(chosen.capture_id))
            return 0
        changes = None
        if diff:
            from shilu.connect.revisions import word_diff

            older, newer = (_version(versions, n, article) for n in diff)
            changes = word_diff(older.text, newer.text)
        left_out = None
        if removed:
            left_out = curation.removed(archive, chosen)
        zone = archive.catalog.get(found.source).source.time_zone
        if as_json:
            value: dict[str, object] = {
                "article": asdict(found),
                "versions": [forms.version_json(version) for version in versions],
            }
            if changes is not None:
                value["diff"] = [change._asdict() for change in changes]
            if left_out is not None:
                value["removed"] = [asdict(piece) for piece in left_out]
                value["restored"] = [
                    asdict(piece) for piece in curation.restored(archive, found.id)
                ]
            print_json(value)
            return 0
        click.echo(f"{source_name(archive, found.source)} · {found.source}/{found.key}")
        click.echo(f"{found.url}  ({found.id[:12]})")
        click.echo()
        if all_versions or changes is not None:
            click.echo(_versions_table(versions, zone))
            click.echo()
        if changes is not None:
            click.echo(marked_diff(changes))
        elif left_out is not None:
            click.echo(
                table(
                    [(n, piece.rule, said(piece)) for n, piece in enumerate(left_out, 1)],
                    ("n", tr("rule", "规则"), tr("text", "文字")),
                )
            )
            kept = curation.restored(archive, found.id)
            if kept:
                rows = [(n, piece.rule, said(piece)) for n, piece in enumerate(kept, 1)]
                click.echo()
                click.echo(table(rows, ("n", tr("rule", "规则"), tr("restored", "已恢复"))))
        elif not all_versions:
            _show_version(chosen, len(versions), zone)
    return 0


def _version(versions: Sequence[Version], n: int, reference: str) -> Version:
    for version in versions:
        if version.n == n:
            return version
    raise UsageError("use.no_such_version", reference, n=n, count=len(versions))


def _versions_table(versions: Sequence[Version], zone: str) -> str:
    rows = [
        (
            version.n,
            local_time(version.feed_at, zone),
            local_time(version.content.published_at, zone),
            len(version.text),
            version.title,
        )
        for version in versions
    ]
    return table(
        rows,
        (
            "n",
            tr("feed", "订阅源时间"),
            tr("published", "发布"),
            tr("characters", "字数"),
            tr("title", "标题"),
        ),
    )


def _role(role: str) -> str:
    names = {
        "editor": tr("editor", "责编"),
        "web_editor": tr("web editor", "网编"),
        "translator": tr("translator", "翻译"),
        "photographer": tr("photographer", "摄影"),
        "source": tr("after", "来源"),
    }
    return names.get(role, role)


def _show_version(version: Version, count: int, zone: str) -> None:
    content = version.content
    click.secho(version.title, bold=True)
    when = content.published_at or version.feed_at
    shown = local_time(when, zone) if when else str(content.published_on or "-")
    click.echo(
        " · ".join(
            [
                shown,
                *([content.column] if content.column else []),
                *content.authors,
                *(
                    f"{_role(one.role)} {one.name}"
                    for one in content.credits
                    if one.role != "reporter"
                ),
                tr(f"version {version.n} of {count}", f"第 {version.n} 版，共 {count} 版"),
            ]
        )
    )
    click.echo()
    captions = {medium.caption for medium in content.media}
    for block in content.blocks:
        if block.kind == "title":
            continue
        text = version.text[block.start : block.end]
        if block.kind == "heading":
            click.secho(text, bold=True)
        elif block.kind == "item":
            click.echo("  " * block.level + "• " + text)
        elif block.kind == "quote":
            click.echo("  │ " + text)
        elif block.kind == "caption":
            click.secho(f"[{text}]", dim=True)
        else:
            click.echo(text)
        click.echo()
    for medium in content.media:
        if medium.caption is None or medium.caption in captions:
            click.secho(f"{medium.kind}: {medium.url}", dim=True)


@cli.command(
    help=tr(
        "Count what the archive holds.\n\n\b\nExample:\n  shilu stats --json",
        "统计档案库的内容。\n\n\b\n示例：\n  shilu stats --json",
    )
)
@click.option(
    "--digest",
    is_flag=True,
    help=tr(
        "Also a digest over every version's title and text, by which two archives compare.",
        "另给出所有版本标题与正文的摘要，可据以比较两个档案库。",
    ),
)
@archive_option
@json_option
def stats(digest: bool, archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    with opened(archive_path) as archive:
        counts = archive.stats()
        rows, silent = archive.sources(), archive.silent()
        sizes = archive.sizes()
        text_digest = archive.store.text_digest() if digest else None
    if as_json:
        print_json(
            {
                **asdict(counts),
                **({"text_digest": text_digest} if digest else {}),
                "sources": len(rows),
                "by_source": {row.source: forms.source_json(row, silent) for row in rows},
                "bytes": sizes,
            }
        )
        return 0
    labels = (
        (tr("articles", "文章"), counts.articles),
        (tr("versions", "版本"), counts.versions),
        (tr("captures", "捕获"), counts.captures),
        (tr("refused", "拒收"), counts.refused),
        (tr("sources", "媒体"), len(rows)),
        (tr("bytes of captures", "捕获字节数"), sizes["captures"]),
        (tr("bytes of derived data", "派生数据字节数"), sizes["derived"]),
    )
    for label, value in labels:
        click.echo(f"{value:>14,}  {label}")
    if text_digest:
        click.echo(f"{text_digest}  {tr('text digest', '文本摘要')}")
    return 0


@cli.command(
    help=tr(
        "Tell of each source what there is, and whether it has fallen silent.\n\n"
        "\b\nExample:\n  shilu sources",
        "逐个列出媒体：收有多少文章，是否已经沉默。\n\n\b\n示例：\n  shilu sources",
    )
)
@archive_option
@json_option
def sources(archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu import curation

    with opened(archive_path) as archive:
        rows, silent = archive.sources(), archive.silent()
        names = source_names(archive, [row.source for row in rows])
        drifts = curation.drifts(archive)
    if as_json:
        value = [
            {
                "id": row.source,
                "name": names[row.source],
                **forms.source_json(row, silent),
                "problems": [forms.problem_json(one) for one in drifts.get(row.source, ())],
            }
            for row in rows
        ]
        print_json({"sources": value})
        return 0
    rows_shown = [
        (
            row.source,
            names[row.source],
            row.articles,
            row.refused,
            local_day(row.first_at),
            local_day(row.last_at),
            state_of(row, silent),
        )
        for row in rows
    ]
    head = (
        tr("source", "媒体"),
        tr("name", "名称"),
        tr("articles", "文章"),
        tr("refused", "拒收"),
        tr("first", "最早"),
        tr("last", "最近"),
        tr("state", "状态"),
    )
    click.echo(table(rows_shown, head))
    for problems in drifts.values():
        for problem in problems:
            click.echo(sentence(problem))
    return 0


@cli.command(
    help=tr(
        "List every refused or doubtful record: what, why, what to do, where its bytes are.\n\n"
        "\b\nExample:\n  shilu problems --refused\n  shilu problems --raw CAPTURE > record.md",
        "列出每条被拒收或存疑的记录：内容、原因、处理办法、原始字节所在。\n\n"
        "\b\n示例：\n  shilu problems --refused\n  shilu problems --raw CAPTURE > record.md",
    )
)
@click.option("--source", metavar="ID", help=tr("Only of this source.", "只列该媒体。"))
@click.option("--refused", is_flag=True, help=tr("Only refused records.", "只列被拒收的记录。"))
@click.option(
    "--raw",
    metavar="CAPTURE",
    help=tr("Print the bytes of a capture as received.", "输出某次捕获的原始字节。"),
)
@archive_option
@json_option
def problems(  # noqa: D103
    source: str | None, refused: bool, raw: str | None, archive_path: Path | None, as_json: bool
) -> int:
    with opened(archive_path) as archive:
        if raw:
            sys.stdout.buffer.write(archive.raw(raw))
            return 0
        listed = [item for item in archive.problems(source) if item.problem.refused or not refused]
    if as_json:
        print_json(
            {
                "problems": [
                    {
                        **forms.problem_json(item.problem),
                        "source": item.source,
                        "capture": item.capture_id,
                        "where": {
                            "file": f"captures/{item.place.file}",
                            "offset": item.place.offset,
                            "length": item.place.length,
                            "has_bytes": item.has_bytes,
                        },
                    }
                    for item in listed
                ]
            }
        )
        return 0
    for item in listed:
        reason, action = explain(item.problem)
        verdict = tr("refused", "拒收") if item.problem.refused else tr("in doubt", "存疑")
        click.secho(f"{item.problem.subject}", bold=True)
        click.echo(f"  {verdict} · {item.problem.code} · {item.source}")
        click.echo(f"  {reason}")
        click.echo(f"  → {action}")
        click.echo(f"  captures/{item.place.file} @ {item.place.offset}  ({item.capture_id})")
    if not listed:
        click.echo(tr("No problems.", "没有问题。"))
    return 0
