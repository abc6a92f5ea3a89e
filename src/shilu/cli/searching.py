"""The command that finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shilu import forms
from shilu.cli.program import (
    archive_option,
    cli,
    complain,
    json_option,
    opened,
    print_json,
    source_names,
    tr,
)
from shilu.terminal import local_day, progress

if TYPE_CHECKING:
    from shilu.records import Span
    from shilu.search.hits import Hit, Results, Why


@cli.command(
    help=tr(
        'Find articles: words, "phrases", AND OR NOT, ( ), source: lang: title: author: date: '
        "has:image versions: sort:date. Names are found under their other names too, unless "
        "quoted.\n\n"
        "\b\nExample:\n  shilu search 川普\n  shilu search '普京 访华 date:2024 -source:dw'",
        "查找文章：词语、“短语”、AND OR NOT、括号、source: lang: title: author: date: has:image "
        "versions: sort:date。人名地名连同其他译名一并查找，加引号则只按原样查找。\n\n"
        "\b\n示例：\n  shilu search 川普\n  shilu search '普京 访华 date:2024 -source:dw'",
    )
)
@click.argument("query", nargs=-1)
@click.option(
    "--limit",
    type=click.IntRange(0, 1000),
    default=20,
    show_default=True,
    metavar="N",
    help=tr("How many articles to show.", "显示多少篇。"),
)
@click.option(
    "--cursor",
    metavar="CURSOR",
    help=tr("Go on where the page before ended.", "从上一页末尾继续。"),
)
@archive_option
@json_option
def search(  # noqa: D103
    query: Sequence[str],
    limit: int,
    cursor: str | None,
    archive_path: Path | None,
    as_json: bool,
) -> int:
    with opened(archive_path) as archive:
        with progress(tr("indexing", "建立索引")) as tick:
            results = archive.search(" ".join(query), limit=limit, cursor=cursor, tick=tick)
        names = source_names(archive, {hit.article.source for hit in results.hits})
    if as_json:
        print_json(forms.results_json(results))
        return 0
    _show_head(results)
    for hit in results.hits:
        click.echo()
        _show_hit(hit, names[hit.article.source])
    if results.cursor:
        click.echo()
        click.echo(
            tr(f"More: add --cursor {results.cursor}", f"更多结果：加上 --cursor {results.cursor}")
        )
    show_behind(results.behind)
    return 0


def show_behind(behind: int) -> None:
    """Tell of articles that are not in the index yet."""
    if behind:
        click.echo(
            tr(
                f"{behind:,} articles are still being indexed by another process.",
                f"另有 {behind:,} 篇文章正由其他进程建立索引。",
            ),
            err=True,
        )


def _show_head(results: Results) -> None:
    for note in results.notes:
        complain(note)
    if results.is_nearest:
        said = tr(
            f"Nothing has all of it. Nearest to it: {results.total:,} articles",
            f"没有完全符合的文章。最接近的有 {results.total:,} 篇",
        )
    else:
        said = tr(f"{results.total:,} articles", f"{results.total:,} 篇文章")
    click.echo(f"{said}{tr(': ', '：')}{results.read_as}")
    if results.names:
        forms_found = tr(", ", "、").join(
            f"{form} ({count:,})" for form, count in results.names.items()
        )
        click.echo(tr(f"also matched {forms_found}", f"也匹配 {forms_found}"))
    for name, heading in (("source", tr("sources", "媒体")), ("lang", tr("languages", "语言"))):
        values = results.facets.get(name, {})
        if len(values) > 1:
            click.echo(f"{heading}: " + "  ".join(f"{value} {n:,}" for value, n in values.items()))


def _show_hit(hit: Hit, source: str) -> None:
    version = hit.version
    title = _marked(version.text, 0, len(version.title), hit.spans)
    click.echo(f"{local_day(hit.at)}  {source}  {title or '-'}")
    key = hit.article.key
    reference = key if key == hit.article.url else f"{hit.article.source}/{key}  {hit.article.url}"
    click.echo(f"    {reference}")
    for snippet in hit.snippets:
        before, after = ("… " if cut else "" for cut in snippet.is_cut)
        text = _marked(version.text, snippet.span.start, snippet.span.end, hit.spans)
        click.echo(f"    {before}{text}{after.strip() and ' …'}")
    if hit.why:
        click.echo(tr("    why: ", "    原因：") + tr("; ", "；").join(map(_reason, hit.why[:6])))
    if not hit.is_newest:
        click.echo(
            tr(
                f"    only version {version.n} has it; the article has changed since",
                f"    仅第 {version.n} 版符合；文章此后已修改",
            )
        )
    if hit.older:
        older = ", ".join(map(str, hit.older))
        click.echo(tr(f"    older versions that match: {older}", f"    符合的旧版本：{older}"))


_FIELDS = {
    "title": ("title", "标题"), "text": ("text", "正文"), "caption": ("caption", "图说"),
    "author": ("author", "作者"),
}  # fmt: skip


def _reason(why: Why) -> str:
    said = f"{why.form} × {why.count} ({tr(*_FIELDS[why.field])})"
    if why.how == "name":
        said += tr(f", another name of {why.asked}", f"，即 {why.asked}")
    return said


def _marked(text: str, start: int, end: int, spans: Sequence[Span]) -> str:
    """Return a piece of a text on one line, with what was found in it highlighted."""
    parts = []
    at = start
    for span in spans:
        first, last = max(span.start, at), min(span.end, end)
        if first < last:
            parts += [text[at:first], click.style(text[first:last], bold=True, underline=True)]
            at = last
    return "".join([*parts, text[at:end]]).replace("\n", " ")
