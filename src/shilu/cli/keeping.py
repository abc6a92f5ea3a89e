"""Commands that take news in and look after the archive."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shilu import forms
from shilu.cli import searching
from shilu.cli.program import (
    DAMAGED,
    REFUSED,
    archive_option,
    chosen,
    cli,
    complain,
    json_option,
    opened,
    print_json,
    source_names,
    tr,
)
from shilu.terminal import progress, table

if TYPE_CHECKING:
    from shilu.pipeline import ImportReport


@cli.command(
    "import",
    help=tr(
        "Take in Git mirrors (their whole history), folders, or single record files.\n\n"
        "Safe to interrupt: run it again and it goes on where it stopped.\n\n"
        "\b\nExample:\n  shilu import ~/mirrors/news --archive ~/my-archive",
        "导入 Git 镜像（含全部历史）、文件夹或单个记录文件。\n\n"
        "可随时中断：再次运行即从中断处继续。\n\n"
        "\b\n示例：\n  shilu import ~/mirrors/news --archive ~/my-archive",
    ),
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@archive_option
@json_option
def import_command(paths: tuple[Path, ...], archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu.pipeline import check_paths

    check_paths(paths)  # before an archive is made for nothing
    with opened(archive_path, create=True) as archive, progress(tr("importing", "导入")) as tick:
        report = archive.import_paths(paths, tick=tick)
        names = source_names(archive, report.by_source)
    if as_json:
        print_json(forms.import_json(report))
    else:
        show_import(report, names, chosen(archive_path))
    damaged = any(problem.refused for problem in report.reports)
    return REFUSED if report.refused or damaged else 0


def show_import(report: ImportReport, names: dict[str, str], archive_path: Path) -> None:
    """Print what an import did, by source."""
    rows = [
        (
            source,
            names[source],
            row.read,
            row.articles,
            row.versions,
            row.same,
            row.refused,
            ", ".join(f"{code} {count}" for code, count in sorted(row.reasons.items())),
        )
        for source, row in sorted(report.by_source.items(), key=lambda item: -item[1].read)
    ]
    rows.append(
        (
            tr("total", "合计"),
            "",
            report.read,
            report.articles,
            report.versions,
            report.same,
            report.refused,
            "",
        )
    )
    head = (
        tr("source", "媒体"),
        tr("name", "名称"),
        tr("read", "读入"),
        tr("new articles", "新文章"),
        tr("new versions", "新版本"),
        tr("same content", "内容相同"),
        tr("refused", "拒收"),
        tr("because of", "原因"),
    )
    if report.read:
        click.echo(table(rows, head))
    for problem in report.reports:
        complain(problem)
    if report.passed_over:
        count = report.passed_over
        click.echo(
            tr(f"Files passed over as no records: {count}.", f"不是记录而略过的文件：{count}。")
        )
    if not report.read and not report.reports:
        click.echo(tr("Nothing new.", "没有新内容。"))
    about_records = report.problems - Counter(problem.code for problem in report.reports)
    del about_records["article.forgotten"]  # said in the table; nothing of them is kept to look at
    if about_records:
        codes = ", ".join(f"{code} {count}" for code, count in sorted(about_records.items()))
        click.echo(
            tr(
                f"Look at: {codes}. See 'shilu problems --archive {archive_path}'.",
                f"请留意：{codes}。详见 “shilu problems --archive {archive_path}”。",
            )
        )


@cli.command(
    help=tr(
        "Check the whole archive: digests, texts, versions, counts. Changes nothing.\n\n"
        "\b\nExample:\n  shilu verify --archive ~/my-archive",
        "核对整个档案库：摘要、文本、版本、数目。不作任何改动。\n\n"
        "\b\n示例：\n  shilu verify --archive ~/my-archive",
    )
)
@archive_option
@json_option
def verify(archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu import upkeep

    with opened(archive_path) as archive, progress(tr("verifying", "核对")) as tick:
        checks = upkeep.verify(archive, tick)
    ok = not any(check.faults for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            mark = "✗" if check.faults else "✓"
            found = tr(f"{len(check.faults)} faults", f"{len(check.faults)} 处错误")
            click.echo(f"{mark} {check.name:<12} {check.count:>10,}   {found}")
            for fault in check.faults:
                click.echo(f"    {fault}")
        stale = next((check.count for check in checks if check.name == "stale"), 0)
        if stale:
            click.echo(
                tr(
                    f"{stale:,} captures were read by older rules; 'shilu rebuild' renews them.",
                    f"有 {stale:,} 次捕获由较旧的规则读取；“shilu rebuild” 可更新。",
                )
            )
        click.echo(
            tr("The archive is sound.", "档案库完好。")
            if ok
            else tr("The archive is damaged.", "档案库有损坏。")
        )
    return 0 if ok else DAMAGED


@cli.command(
    help=tr(
        "Throw away everything derived and make it again from the captures. The search index "
        "follows with the next search; --index makes only the index anew, at once.\n\n"
        "\b\nExample:\n  shilu rebuild --preview\n  shilu rebuild --index",
        "丢弃全部派生数据，从捕获重新生成。搜索索引在下次搜索时随之更新；"
        "--index 只立即重建索引。\n\n"
        "\b\n示例：\n  shilu rebuild --preview\n  shilu rebuild --index",
    )
)
@click.option(
    "--preview",
    is_flag=True,
    help=tr("Only list the texts that would change.", "只列出会改变的文本。"),
)
@click.option("--index", is_flag=True, help=tr("Only the search index.", "只重建搜索索引。"))
@archive_option
@json_option
def rebuild(preview: bool, index: bool, archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu import upkeep

    if index:
        with opened(archive_path) as archive, progress(tr("indexing", "建立索引")) as tick:
            behind = archive.update_index(tick, anew=True)
            articles = archive.stats().articles - behind
        if as_json:
            print_json({"articles": articles, "behind": behind})
        else:
            click.echo(tr(f"{articles:,} articles indexed.", f"已索引 {articles:,} 篇文章。"))
            searching.show_behind(behind)
        return 0
    if preview:
        with opened(archive_path) as archive, progress(tr("comparing", "比较")) as tick:
            changed, unchanged = upkeep.preview(archive, tick)
        if as_json:
            print_json({"changed": [asdict(row) for row in changed], "unchanged": unchanged})
            return 0
        for row in changed:
            click.echo(f"{row.article}  v{row.n}  {row.change}  {row.title}")
        click.echo(
            tr(
                f"{len(changed)} would change, {unchanged} would not.",
                f"{len(changed)} 个会改变，{unchanged} 个不变。",
            )
        )
        return 0
    with progress(tr("rebuilding", "重建")) as tick:
        rebuilt = upkeep.rebuild(chosen(archive_path), tick)
    if as_json:
        print_json(
            {
                "digest_before": rebuilt.before,
                "digest_after": rebuilt.after,
                "records": rebuilt.records,
                "damaged": list(rebuilt.damaged),
            }
        )
        return DAMAGED if rebuilt.damaged else 0
    click.echo(f"{tr('before', '之前')}  {rebuilt.before or '-'}")
    click.echo(f"{tr('after', '之后')}   {rebuilt.after}")
    if rebuilt.damaged:
        click.echo(
            tr(
                "These records are damaged and could not be read; import them again, or restore "
                "their capture files from a backup:",
                "以下记录已损坏、无法读取；请重新导入，或从备份恢复其捕获文件：",
            )
        )
        for name in rebuilt.damaged:
            click.echo(f"    {name}")
        return DAMAGED
    if rebuilt.before is None:
        click.echo(
            tr(f"{rebuilt.records} records read again.", f"重新读取 {rebuilt.records} 条记录。")
        )
    elif rebuilt.before == rebuilt.after:
        click.echo(
            tr(
                f"{rebuilt.records} records read again: everything is as it was.",
                f"重新读取 {rebuilt.records} 条记录：一切如旧。",
            )
        )
    else:
        click.echo(
            tr(
                "The content differs: rules or code are newer than what had been derived.",
                "内容有所不同：规则或程序比先前派生时更新。",
            )
        )
    return 0


@cli.command(
    help=tr(
        "Copy a live archive to a new folder.\n\n\b\nExample:\n  shilu backup /media/disk/shilu",
        "将（使用中的）档案库复制到新文件夹。\n\n\b\n示例：\n  shilu backup /media/disk/shilu",
    )
)
@click.argument("target", type=click.Path(path_type=Path))
@archive_option
@json_option
def backup(target: Path, archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu import upkeep

    with opened(archive_path) as archive, progress(tr("copying", "复制")) as tick:
        copied = upkeep.backup(archive, target, tick)
    if as_json:
        print_json({"target": str(target), **copied})
    else:
        click.echo(
            tr(
                f"{copied['files']} capture files, {copied['bytes']:,} bytes. "
                f"Check the copy: shilu verify --archive {target}",
                f"{copied['files']} 个捕获文件，{copied['bytes']:,} 字节。"
                f"核对副本：shilu verify --archive {target}",
            )
        )
    return 0


@cli.command(
    help=tr(
        "Take an article's bytes out of the archive for good; a tombstone without title or "
        "address stays.\n\n\b\nExample:\n  shilu forget dw/a-70241396 --reason 'court order 12/26'",
        "将一篇文章的全部字节永久删除，只留下不含标题与网址的记号。\n\n"
        "\b\n示例：\n  shilu forget dw/a-70241396 --reason '法院命令 12/26'",
    )
)
@click.argument("article")
@click.option(
    "--reason", required=True, help=tr("Why; kept with the tombstone.", "原因；与记号一同保存。")
)
@archive_option
@json_option
def forget(article: str, reason: str, archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu import upkeep

    with progress(tr("rewriting", "改写")) as tick:
        gone = upkeep.forget(chosen(archive_path), article, reason, tick)
    if as_json:
        print_json(asdict(gone))
    else:
        click.echo(
            tr(
                f"Forgotten: {gone.captures} captures in {gone.files} files. "
                "Backups made before still hold them.",
                f"已删除：{gone.files} 个文件中的 {gone.captures} 次捕获。此前的备份仍含有它们。",
            )
        )
    return 0
