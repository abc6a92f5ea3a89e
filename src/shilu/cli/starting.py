"""Commands for the first minutes: sample news, shell completion."""

from __future__ import annotations

from pathlib import Path

import click

from shilu import forms
from shilu.cli.keeping import show_import
from shilu.cli.program import cli, json_option, print_json, source_name, source_names, state_of, tr
from shilu.terminal import progress


@cli.command(
    help=tr(
        "Show Shilu on invented sample news: builds a Git mirror, imports it, tells what came of "
        "it.\n\n\b\nExample:\n  shilu demo ./demo",
        "用虚构的样例新闻演示：生成一个 Git 镜像、导入，并说明结果。\n\n"
        "\b\n示例：\n  shilu demo ./demo",
    )
)
@click.argument("folder", type=click.Path(path_type=Path), default=Path("demo"))
@json_option
def demo(folder: Path, as_json: bool) -> int:  # noqa: D103
    from shilu.pipeline import open_archive
    from shilu.sample import newsroom

    mirror, target = folder / "mirror", folder / "archive"
    if not (mirror / ".git").is_dir():
        newsroom.build_mirror(mirror)
    (target / "sources").mkdir(parents=True, exist_ok=True)
    for name, text in newsroom.source_files().items():
        (target / "sources" / name).write_text(text, "utf-8")
    with open_archive(target, create=True) as archive, progress(tr("importing", "导入")) as tick:
        report = archive.import_paths([mirror], tick=tick)
        names = source_names(archive, report.by_source)
        if as_json:
            print_json(forms.import_json(report))
            return 0
        click.echo(
            tr(
                f"The sample news: an invented Git mirror in {mirror}, kept in {target}\n",
                f"样例新闻：虚构的 Git 镜像位于 {mirror}，存入 {target}\n",
            )
        )
        if report.read:
            show_import(report, names, target)
        else:
            click.echo(
                tr(
                    "Everything in it was imported before; nothing was added.",
                    "其中内容此前均已导入，未添加任何东西。",
                )
            )
        counts, rows, silent = archive.stats(), archive.sources(), archive.silent()
        click.echo()
        click.echo(
            tr(
                f"{counts.captures} + {counts.refused} refused = "
                f"{counts.captures + counts.refused} record states in the mirror's history; "
                f"{counts.articles} articles in {counts.versions} versions.",
                f"镜像历史中共 {counts.captures + counts.refused} 个记录状态 = "
                f"收入 {counts.captures} + "
                f"拒收 {counts.refused}；{counts.articles} 篇文章，{counts.versions} 个版本。",
            )
        )
        for row in rows:
            if row.source in silent:
                click.echo(f"{source_name(archive, row.source)}: {state_of(row, silent)}")
    click.echo()
    click.echo(tr("Next:", "接下来："))
    click.echo(f"  shilu show {newsroom.EDITED} --diff 1 2 --archive {target}")
    click.echo(f"  shilu problems --archive {target}")
    click.echo(f"  shilu verify --archive {target}")
    return 0


@cli.command(
    help=tr(
        "Print the shell completion script.\n\n\b\nExample:\n  shilu completion bash >> ~/.bashrc",
        "输出命令行补全脚本。\n\n\b\n示例：\n  shilu completion bash >> ~/.bashrc",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
def completion(shell: str, as_json: bool) -> int:  # noqa: D103
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(cli, {}, "shilu", "_SHILU_COMPLETE").source()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
    return 0
