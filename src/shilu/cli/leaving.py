"""Commands that take the news out again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from shilu.cli.program import DAMAGED, archive_option, cli, json_option, opened, print_json, tr
from shilu.terminal import progress


@cli.group(
    help=tr(
        "Take the news out, in forms that other programs read.\n\n"
        "\b\nExample:\n  shilu export markdown ~/news-notes --versions all",
        "将新闻导出为其他程序可读的格式。\n\n"
        "\b\n示例：\n  shilu export markdown ~/news-notes --versions all",
    )
)
def export() -> None:  # noqa: D103 - its help is above, in two languages
    pass


@export.command(
    help=tr(
        "Write one Markdown file an article, lists by source and a manifest into a folder; a "
        "folder exported to before is brought up to date, and what you changed there is left "
        "alone. 'shilu import DIR' takes either form back.\n\n"
        "\b\nExample:\n  shilu export markdown ~/news-notes\n"
        "  shilu export markdown ~/news-mirror --raw --versions all",
        "将每篇文章写成一个 Markdown 文件，并按媒体写出列表与清单；"
        "此前导出过的文件夹会更新，你改动过的文件不受影响。"
        "两种格式均可用 “shilu import 目录” 重新导入。\n\n"
        "\b\n示例：\n  shilu export markdown ~/news-notes\n"
        "  shilu export markdown ~/news-mirror --raw --versions all",
    )
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--versions",
    type=click.Choice(["newest", "all"]),
    default="newest",
    show_default=True,
    help=tr("Which versions of each article.", "导出每篇文章的哪些版本。"),
)
@click.option(
    "--raw",
    is_flag=True,
    help=tr(
        "The records' bytes as they were received, instead of readable Markdown.",
        "导出收到时的原始字节，而不是可读的 Markdown。",
    ),
)
@click.option("--source", metavar="ID", help=tr("Only of this source.", "只导出该媒体。"))
@archive_option
@json_option
def markdown(  # noqa: D103
    folder: Path,
    versions: str,
    raw: bool,
    source: str | None,
    archive_path: Path | None,
    as_json: bool,
) -> int:
    from shilu.export.markdown import export_markdown

    with opened(archive_path) as archive:
        with progress(tr("exporting", "导出")) as tick:
            report = export_markdown(
                archive, folder, all_versions=versions == "all", raw=raw, source=source, tick=tick
            )
        is_whole = versions == "all" and source is None and not report.damaged
        digest = archive.store.text_digest() if is_whole else None
    if as_json:
        print_json({"folder": str(folder), **asdict(report), "text_digest": digest})
        return DAMAGED if report.damaged else 0
    click.echo(
        tr(
            f"{report.articles:,} articles in {report.versions:,} files: {report.written:,} "
            f"written, {report.unchanged:,} as they were, {report.deleted:,} deleted.",
            f"{report.articles:,} 篇文章，{report.versions:,} 个文件：写入 {report.written:,}，"
            f"未变 {report.unchanged:,}，删除 {report.deleted:,}。",
        )
    )
    if report.refused:
        click.echo(
            tr(
                f"{report.refused:,} refused records are not in the export; see 'shilu problems'.",
                f"{report.refused:,} 条被拒收的记录不在导出之列；见 “shilu problems”。",
            )
        )
    for path in report.kept:
        click.echo(tr(f"Yours, left as it is: {path}", f"属于你，未作改动：{path}"))
    if digest:
        click.echo(f"{tr('text digest', '文本摘要')}  {digest}")
    if report.damaged:
        click.echo(
            tr(
                "These records are damaged and are not in the export; see 'shilu verify':",
                "以下记录已损坏，不在导出之列；见 “shilu verify”：",
            )
        )
        for subject in report.damaged:
            click.echo(f"    {subject}")
    return DAMAGED if report.damaged else 0
