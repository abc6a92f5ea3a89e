"""The command line: parse, call, print.

Exit codes: 0 done · 1 something was refused, and is listed · 2 wrong use · 3 the archive is damaged,
held, newer or full. Everything a command prints for programs (``--json``) is documented in
``docs/cli.md``. Heavy imports stay inside the commands, so that ``shilu --help`` is light.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from shilu import __version__, forms
from shilu.errors import ShiluError, UsageError, explain, sentence, user_language
from shilu.terminal import local_day, local_time, marked_diff, progress, table

if TYPE_CHECKING:
    from shilu.archive.queries import SourceRow
    from shilu.pipeline import Archive, ImportReport
    from shilu.records import Problem, Version

REFUSED, WRONG_USE, DAMAGED, INTERRUPTED = 1, 2, 3, 130

Command = TypeVar("Command", bound=Callable[..., Any])


def tr(en: str, zh: str) -> str:
    """Return the text in the user's language."""
    return zh if user_language() == "zh" else en


# ------------------------------------------------------------------------------ shared pieces


def _archive_option(command: Command) -> Command:
    return click.option(
        "--archive",
        "archive_path",
        type=click.Path(path_type=Path),
        envvar="SHILU_ARCHIVE",
        metavar="DIR",
        help=tr(
            "The archive's folder (default: this folder if it is one, else ./my-archive).",
            "档案库所在文件夹（默认：当前文件夹若是档案库即为它，否则为 ./my-archive）。",
        ),
    )(command)


def _json_option(command: Command) -> Command:
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help=tr("Print JSON for programs.", "输出供程序读取的 JSON。"),
    )(command)


def _chosen(archive_path: Path | None) -> Path:
    if archive_path is not None:
        return archive_path
    here = Path()
    return here if (here / "shilu.toml").is_file() else Path("my-archive")


@contextmanager
def _open(archive_path: Path | None, *, create: bool = False) -> Iterator[Archive]:
    from shilu.pipeline import open_archive

    with progress(tr("reading captures", "读取捕获")) as tick:
        archive = open_archive(_chosen(archive_path), create=create, tick=tick)
    with archive:
        yield archive


def _print_json(value: object) -> None:
    click.echo(forms.as_json(value))


def _complain(problem: Problem) -> None:
    click.echo(sentence(problem), err=True)


# ------------------------------------------------------------------------------ the program


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=tr(
        "Shilu 实录 keeps the news you follow: every article, every version of it, in files you "
        "own.\n\n\b\nExample:\n  shilu import ~/mirrors/news --archive ~/my-archive\n"
        "  shilu show dw/a-70241396 --versions\n\n"
        "Exit codes: 0 done, 1 something was refused (and is listed), 2 wrong use, 3 the archive "
        "is damaged or held.",
        "实录（Shilu）保存你关注的新闻：每篇文章、每个版本，都存放在你自己的文件里。\n\n\b\n示例：\n"
        "  shilu import ~/mirrors/news --archive ~/my-archive\n"
        "  shilu show dw/a-70241396 --versions\n\n"
        "退出码：0 完成，1 有内容被拒收（已列出），2 用法错误，3 档案库损坏或被占用。",
    ),
)
@click.version_option(__version__, prog_name="shilu")
def cli() -> None:  # noqa: D103 - its help is above, in two languages
    pass


@cli.command(
    "import",
    help=tr(
        "Take in Git mirrors (their whole history), folders, or single record files.\n\n"
        "Safe to interrupt: run it again and it goes on where it stopped.\n\n"
        "\b\nExample:\n  shilu import ~/mirrors/news --archive ~/my-archive",
        "导入 Git 镜像（含全部历史）、文件夹或单个记录文件。\n\n可随时中断：再次运行即从中断处继续。\n\n"
        "\b\n示例：\n  shilu import ~/mirrors/news --archive ~/my-archive",
    ),
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@_archive_option
@_json_option
def import_command(paths: tuple[Path, ...], archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu.pipeline import check_paths

    check_paths(paths)  # before an archive is made for nothing
    with _open(archive_path, create=True) as archive, progress(tr("importing", "导入")) as tick:
        report = archive.import_paths(paths, tick=tick)
        names = _names(archive, report.by_source)
    if as_json:
        _print_json(forms.import_json(report))
    else:
        _show_import(report, names, _chosen(archive_path))
    damaged = any(problem.refused for problem in report.reports)
    return REFUSED if report.refused or damaged else 0


def _names(archive: Archive, ids: Iterable[str]) -> dict[str, str]:
    return {source: _source_name(archive, source) for source in ids}


def _source_name(archive: Archive, source: str) -> str:
    names = archive.catalog.get(source).source.names
    order = ("zh-Hans", "zh-Hant", "en") if user_language() == "zh" else ("en", "zh-Hans")
    return next((names[tag] for tag in order if tag in names), source)


def _show_import(report: ImportReport, names: dict[str, str], archive_path: Path) -> None:
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
        _complain(problem)
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
@_archive_option
@_json_option
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
    with _open(archive_path) as archive:
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
            content = archive.content_of(chosen.capture_id)
            left_out = content.removed if content else ()
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
            _print_json(value)
            return 0
        click.echo(f"{_source_name(archive, found.source)} · {found.source}/{found.key}")
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
                    [(piece.rule, piece.text) for piece in left_out],
                    (tr("rule", "规则"), tr("text", "文字")),
                )
            )
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


def _show_version(version: Version, count: int, zone: str) -> None:
    content = version.content
    click.secho(version.title, bold=True)
    when = content.published_at or version.feed_at
    shown = local_time(when, zone) if when else str(content.published_on or "-")
    click.echo(
        " · ".join(
            [
                shown,
                *content.authors,
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
@_archive_option
@_json_option
def stats(archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    with _open(archive_path) as archive:
        counts = archive.stats()
        rows, silent = archive.sources(), archive.silent()
        sizes = archive.sizes()
    if as_json:
        _print_json(
            {
                **asdict(counts),
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
    return 0


@cli.command(
    help=tr(
        "Tell of each source what there is, and whether it has fallen silent.\n\n"
        "\b\nExample:\n  shilu sources",
        "逐个列出媒体：收有多少文章，是否已经沉默。\n\n\b\n示例：\n  shilu sources",
    )
)
@_archive_option
@_json_option
def sources(archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    with _open(archive_path) as archive:
        rows, silent = archive.sources(), archive.silent()
        names = _names(archive, [row.source for row in rows])
    if as_json:
        value = [
            {"id": row.source, "name": names[row.source], **forms.source_json(row, silent)}
            for row in rows
        ]
        _print_json({"sources": value})
        return 0
    rows_shown = [
        (
            row.source,
            names[row.source],
            row.articles,
            row.refused,
            local_day(row.first_at),
            local_day(row.last_at),
            _state(row, silent),
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
    return 0


def _state(row: SourceRow, silent: Mapping[str, datetime]) -> str:
    said = []
    if row.source in silent:
        day = local_day(silent[row.source])
        said.append(tr(f"silent since {day}", f"自 {day} 起沉默"))
    if row.longest_gap:
        start, end = row.longest_gap
        days = (end - start).days
        if days >= 7:
            said.append(
                tr(
                    f"longest gap {days} days from {local_day(start)}",
                    f"最长间隔 {days} 天，自 {local_day(start)} 起",
                )
            )
    return tr("; ", "；").join(said)


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
@_archive_option
@_json_option
def problems(  # noqa: D103
    source: str | None, refused: bool, raw: str | None, archive_path: Path | None, as_json: bool
) -> int:
    with _open(archive_path) as archive:
        if raw:
            sys.stdout.buffer.write(archive.raw(raw))
            return 0
        listed = [item for item in archive.problems(source) if item.problem.refused or not refused]
    if as_json:
        _print_json(
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


@cli.command(
    help=tr(
        "Check the whole archive: digests, texts, versions, counts. Changes nothing.\n\n"
        "\b\nExample:\n  shilu verify --archive ~/my-archive",
        "核对整个档案库：摘要、文本、版本、数目。不作任何改动。\n\n"
        "\b\n示例：\n  shilu verify --archive ~/my-archive",
    )
)
@_archive_option
@_json_option
def verify(archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu import upkeep

    with _open(archive_path) as archive, progress(tr("verifying", "核对")) as tick:
        checks = upkeep.verify(archive, tick)
    ok = not any(check.faults for check in checks)
    if as_json:
        _print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
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
        "Throw away everything derived and make it again from the captures.\n\n"
        "\b\nExample:\n  shilu rebuild --preview",
        "丢弃全部派生数据，从捕获重新生成。\n\n\b\n示例：\n  shilu rebuild --preview",
    )
)
@click.option(
    "--preview",
    is_flag=True,
    help=tr("Only list the texts that would change.", "只列出会改变的文本。"),
)
@_archive_option
@_json_option
def rebuild(preview: bool, archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu import upkeep

    if preview:
        with _open(archive_path) as archive, progress(tr("comparing", "比较")) as tick:
            changed, unchanged = upkeep.preview(archive, tick)
        if as_json:
            _print_json({"changed": [asdict(row) for row in changed], "unchanged": unchanged})
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
        rebuilt = upkeep.rebuild(_chosen(archive_path), tick)
    if as_json:
        _print_json(
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
@_archive_option
@_json_option
def backup(target: Path, archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu import upkeep

    with _open(archive_path) as archive, progress(tr("copying", "复制")) as tick:
        copied = upkeep.backup(archive, target, tick)
    if as_json:
        _print_json({"target": str(target), **copied})
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
@_archive_option
@_json_option
def forget(article: str, reason: str, archive_path: Path | None, as_json: bool) -> int:  # noqa: D103
    from shilu import upkeep

    with progress(tr("rewriting", "改写")) as tick:
        gone = upkeep.forget(_chosen(archive_path), article, reason, tick)
    if as_json:
        _print_json(asdict(gone))
    else:
        click.echo(
            tr(
                f"Forgotten: {gone.captures} captures in {gone.files} files. "
                "Backups made before still hold them.",
                f"已删除：{gone.files} 个文件中的 {gone.captures} 次捕获。此前的备份仍含有它们。",
            )
        )
    return 0


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
@_json_option
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
        _print_json(forms.content_json(content))
    else:
        click.echo(content.text)
        for problem in content.problems:
            _complain(problem)
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
        "Show Shilu on invented sample news: builds a Git mirror, imports it, tells what came of "
        "it.\n\n\b\nExample:\n  shilu demo ./demo",
        "用虚构的样例新闻演示：生成一个 Git 镜像、导入，并说明结果。\n\n\b\n示例：\n  shilu demo ./demo",
    )
)
@click.argument("folder", type=click.Path(path_type=Path), default=Path("demo"))
@_json_option
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
        names = _names(archive, report.by_source)
        if as_json:
            _print_json(forms.import_json(report))
            return 0
        click.echo(
            tr(
                f"The sample news: an invented Git mirror in {mirror}, kept in {target}\n",
                f"样例新闻：虚构的 Git 镜像位于 {mirror}，存入 {target}\n",
            )
        )
        if report.read:
            _show_import(report, names, target)
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
                f"镜像历史中共 {counts.captures + counts.refused} 个记录状态 = 收入 {counts.captures} + "
                f"拒收 {counts.refused}；{counts.articles} 篇文章，{counts.versions} 个版本。",
            )
        )
        for row in rows:
            if row.source in silent:
                click.echo(f"{_source_name(archive, row.source)}: {_state(row, silent)}")
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
@_json_option
def completion(shell: str, as_json: bool) -> int:  # noqa: D103
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(cli, {}, "shilu", "_SHILU_COMPLETE").source()
    if as_json:
        _print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
    return 0


# ------------------------------------------------------------------------------ entry


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit with its code."""
    try:
        code = cli.main(args=arguments, prog_name="shilu", standalone_mode=False)
        sys.stdout.flush()
    except ShiluError as error:
        _fail(error)
    except click.ClickException as error:
        error.show()
        sys.exit(WRONG_USE)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            tr(
                "Interrupted; all that was acknowledged is kept. Run it again to go on.",
                "已中断；已确认的内容都已保留。再次运行即可继续。",
            ),
            err=True,
        )
        sys.exit(INTERRUPTED)
    except OSError as error:  # a full disk under our own output: `shilu show … > /dev/full`
        _fail(UsageError("use.output_failed", "stdout", cause=error.strerror))
    sys.exit(code if isinstance(code, int) else 0)


def _fail(error: ShiluError) -> NoReturn:
    if "--json" in sys.argv:
        _print_json({"error": forms.problem_json(error.problem)})
    click.echo(tr(f"shilu: {error}", f"shilu：{error}"), err=True)
    sys.exit(error.exit_code)
