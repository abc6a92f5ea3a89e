"""Commands that clean, and that decide how cleaning is done."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from pathlib import Path

import click

from shilu import forms
from shilu.cli.program import (
    REFUSED,
    archive_option,
    cli,
    complain,
    json_option,
    opened,
    print_json,
    said,
    tr,
)
from shilu.errors import UsageError
from shilu.terminal import progress, sparkline, table


@cli.command(
    help=tr(
        "Extract the article from a record file or HTML; '-' reads standard input.\n\n"
        "\b\nExample:\n  shilu extract page.html --url https://www.dw.com/zh/a-70241396 --json",
        "从记录文件或 HTML 中提取文章；“-” 读取标准输入。\n\n"
        "\b\n示例：\n  shilu extract page.html --url https://www.dw.com/zh/a-70241396 --json",
    )
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--url", help=tr("Where it stood.", "原网址。"))
@click.option(
    "--source", metavar="ID", help=tr("Which outlet's rules to use.", "采用哪家媒体的规则。")
)
@json_option
def extract(file: Path, url: str | None, source: str | None, as_json: bool) -> int:  # noqa: D103
    from shilu.config import nearest
    from shilu.extraction.article import extract as extract_article
    from shilu.sources.catalog import load_catalog

    if source:
        declared = load_catalog().rules
        if source not in declared and "." not in source:
            raise UsageError("use.no_such_source", source, near=nearest(source, list(declared)))
    content = extract_article(_read(file), url=url, source=source)
    if as_json:
        print_json(forms.content_json(content))
    else:
        click.echo(content.text)
        for problem in content.problems:
            complain(problem)
    return REFUSED if any(problem.refused for problem in content.problems) else 0


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise UsageError("use.no_such_path", file) from None
    except IsADirectoryError:
        raise UsageError("record.not_a_file", file, kind=tr("folder", "文件夹")) from None
    except OSError as error:
        raise UsageError("record.unreadable", file, cause=error.strerror) from None


@cli.command(
    help=tr(
        "List the cleaning rules of a source with what each did, month by month; switch one off "
        "for this source, or on again. Its articles are then cleaned anew at once.\n\n"
        "\b\nExample:\n  shilu rules dw\n  shilu rules dw --off dw.follow",
        "列出某媒体的清理规则及其逐月作用；可对该媒体停用某条规则，或重新启用。文章随即重新清理。\n\n"
        "\b\n示例：\n  shilu rules dw\n  shilu rules dw --off dw.follow",
    )
)
@click.argument("source")
@click.option("--off", metavar="RULE", help=tr("Switch a rule off.", "停用一条规则。"))
@click.option("--on", metavar="RULE", help=tr("Switch it on again.", "重新启用。"))
@archive_option
@json_option
def rules(  # noqa: D103
    source: str, off: str | None, on: str | None, archive_path: Path | None, as_json: bool
) -> int:
    from shilu import curation

    with opened(archive_path) as archive:
        with progress(tr("cleaning anew", "重新清理")) as tick:
            for rule, is_off in ((off, True), (on, False)):
                if rule:
                    curation.switch_rule(archive, source, rule, off=is_off, tick=tick)
        rows = curation.rules(archive, source)
    if as_json:
        print_json({"source": source, "rules": [forms.rule_json(row) for row in rows]})
        return 0
    shown = [
        (
            row.name,
            tr("off", "停用") if row.is_off else "",
            row.fired_on,
            f"{row.fired_on / row.captures:.0%}" if row.captures else "-",
            sparkline([share for _, share in row.by_month[-_MONTHS:]]),
        )
        for row in rows
        if row.fired_on or row.is_off or row.name.startswith(f"{source}.")
    ]
    months = rows[0].by_month[-_MONTHS:] if rows else []
    period = f"{months[0][0]} … {months[-1][0]}" if months else ""
    head = (
        tr("rule", "规则"), tr("state", "状态"), tr("captures", "捕获"), tr("share", "比例"),
        period or tr("months", "各月"),
    )  # fmt: skip
    click.echo(table(shown, head))
    return 0


_MONTHS = 24


@cli.command(
    help=tr(
        "Keep pieces that cleaning left out of an article, by their numbers in "
        "'shilu show ARTICLE --removed'; every later import and rebuild honours it.\n\n"
        "\b\nExample:\n  shilu restore dw/a-70241396 2",
        "保留清理时从文章中移除的片段（编号见 “shilu show ARTICLE --removed”）；"
        "此后的导入与重建均照此办理。\n\n"
        "\b\n示例：\n  shilu restore dw/a-70241396 2",
    )
)
@click.argument("article")
@click.argument("numbers", nargs=-1, type=int, required=True, metavar="N...")
@click.option(
    "--undo",
    is_flag=True,
    help=tr(
        "Leave out again what was restored; N counts the restored pieces.",
        "撤销恢复；N 为已恢复片段的编号。",
    ),
)
@click.option(
    "--version",
    "number",
    type=int,
    metavar="N",
    help=tr(
        "N counts what was left out of this version, not of the newest.",
        "编号取自该版本（默认最新）。",
    ),
)
@archive_option
@json_option
def restore(  # noqa: D103
    article: str,
    numbers: tuple[int, ...],
    undo: bool,
    number: int | None,
    archive_path: Path | None,
    as_json: bool,
) -> int:
    from shilu import curation

    with opened(archive_path) as archive:
        version = curation.restore(archive, article, numbers, n=number, undo=undo)
        kept = curation.restored(archive, version.article_id)
    if as_json:
        print_json(
            {"version": forms.version_json(version), "restored": [asdict(one) for one in kept]}
        )
        return 0
    if kept:
        rows = [(n, piece.rule, said(piece)) for n, piece in enumerate(kept, 1)]
        click.echo(table(rows, ("n", tr("rule", "规则"), tr("restored", "已恢复"))))
    else:
        click.echo(tr("Nothing of it is restored now.", "现在没有恢复的片段。"))
    return 0


@cli.command(
    help=tr(
        "Find the lines that recur across a source's articles, and propose rules against them; "
        "with --save they are added to the archive's sources/ folder and take effect at once.\n\n"
        "\b\nExample:\n  shilu boilerplate news.example\n"
        "  shilu boilerplate news.example --save 1,3",
        "找出某媒体各篇文章中反复出现的行，并建议规则；"
        "加 --save 即写入档案库的 sources/ 文件夹并立即生效。\n\n"
        "\b\n示例：\n  shilu boilerplate news.example\n  shilu boilerplate news.example --save 1,3",
    )
)
@click.argument("source")
@click.option(
    "--save",
    metavar="N,N...|all",
    help=tr("Make rules of these lines.", "将这些行写成规则。"),
)
@archive_option
@json_option
def boilerplate(source: str, save: str | None, archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu import curation

    with opened(archive_path) as archive:
        with progress(tr("looking for what recurs", "查找重复内容")) as tick:
            found = curation.boilerplate(archive, source, tick)
        saved = None
        if save is not None and (found or save != "all"):
            picked = _picked(save, len(found), source)
            with progress(tr("cleaning anew", "重新清理")) as tick:
                saved = curation.save_rules(archive, source, [found[n] for n in picked], tick)
    if as_json:
        print_json(
            {
                "source": source,
                "recurring": [asdict(one) for one in found],
                "rules": curation.rules_toml(found),
                "saved": saved and str(saved),
            }
        )
        return 0
    if not found:
        click.echo(tr("No line recurs.", "没有反复出现的行。"))
        return 0
    shown = [
        (n, one.articles, f"{one.share:.0%}", f"{one.where:.0%}",
         one.text + (" …" if one.is_start else ""))
        for n, one in enumerate(found, 1)
    ]  # fmt: skip
    head = (
        "n", tr("articles", "文章"), tr("share", "比例"), tr("place", "位置"), tr("text", "文字"),
    )  # fmt: skip
    click.echo(table(shown, head))
    click.echo()
    if saved is None:
        click.echo(curation.rules_toml(found))
        click.echo(
            tr(
                f"To use them: shilu boilerplate {source} --save 1,2 (or all).",
                f"如需采用：shilu boilerplate {source} --save 1,2（或 all）。",
            )
        )
    else:
        click.echo(tr(f"Saved in {saved}.", f"已写入 {saved}。"))
    return 0


def _picked(save: str, count: int, source: str) -> list[int]:
    """Return which of the lines are meant, counted from 0."""
    if save == "all":
        return list(range(count))
    try:
        numbers = [int(piece) for piece in re.split(r"[,，、\s]+", save.strip(" ,，、"))]
    except ValueError:
        numbers = [0]
    for n in numbers:
        if not 1 <= n <= count:
            raise UsageError("use.no_such_line", source, n=save or "-", count=count)
    return [n - 1 for n in dict.fromkeys(numbers)]
