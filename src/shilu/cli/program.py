"""The program: what all commands share, and its one way in and out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from shilu import __version__, forms
from shilu.errors import ShiluError, UsageError, sentence, user_language
from shilu.terminal import local_day, progress

if TYPE_CHECKING:
    from shilu.archive.queries import SourceRow
    from shilu.pipeline import Archive
    from shilu.records import Problem, Removed

REFUSED, WRONG_USE, DAMAGED, INTERRUPTED = 1, 2, 3, 130

Command = TypeVar("Command", bound=Callable[..., Any])


def tr(en: str, zh: str) -> str:
    """Return the text in the user's language."""
    return zh if user_language() == "zh" else en


# ------------------------------------------------------------------------------ shared pieces


def archive_option(command: Command) -> Command:
    """Add ``--archive``: which archive to work on."""
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


def json_option(command: Command) -> Command:
    """Add ``--json``."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help=tr("Print JSON for programs.", "输出供程序读取的 JSON。"),
    )(command)


def chosen(archive_path: Path | None) -> Path:
    """Return the archive's folder: the one named, else this folder, else ./my-archive."""
    if archive_path is not None:
        return archive_path
    here = Path()
    return here if (here / "shilu.toml").is_file() else Path("my-archive")


@contextmanager
def opened(archive_path: Path | None, *, create: bool = False) -> Iterator[Archive]:
    """Open the chosen archive; what an earlier process left undone is done first."""
    from shilu.pipeline import open_archive

    with progress(tr("reading captures", "读取捕获")) as tick:
        archive = open_archive(chosen(archive_path), create=create, tick=tick)
    with archive:
        yield archive


def print_json(value: object) -> None:
    """Print a value for programs."""
    click.echo(forms.as_json(value))


def complain(problem: Problem) -> None:
    """Tell of a problem on standard error, in one line."""
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


def source_names(archive: Archive, ids: Iterable[str]) -> dict[str, str]:
    """Return what sources are called in the user's language."""
    return {source: source_name(archive, source) for source in ids}


def source_name(archive: Archive, source: str) -> str:
    """Return what a source is called in the user's language."""
    names = archive.catalog.get(source).source.names
    order = ("zh-Hans", "zh-Hant", "en") if user_language() == "zh" else ("en", "zh-Hans")
    return next((names[tag] for tag in order if tag in names), source)


def said(piece: Removed) -> str:
    """Return the words of a removed piece, or what it has in place of words."""
    return piece.text or tr(
        f"(no words; links: {piece.links}, pictures: {piece.pictures})",
        f"（无文字；链接 {piece.links}，图片 {piece.pictures}）",
    )


def state_of(row: SourceRow, silent: Mapping[str, datetime]) -> str:
    """Say in words whether a source has fallen silent, and its longest gap."""
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
        print_json({"error": forms.problem_json(error.problem)})
    click.echo(tr(f"shilu: {error}", f"shilu：{error}"), err=True)
    sys.exit(error.exit_code)
