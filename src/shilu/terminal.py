"""What a terminal needs: tables that align in Chinese, times in two zones, progress, diffs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from unicodedata import east_asian_width

import click


def table(rows: Sequence[Sequence[object]], head: Sequence[str]) -> str:
    """Lay out a table for a terminal; Chinese characters count two columns, numbers align right."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    columns = [max(width(row[i]) for row in cells) for i in range(len(head))]
    numeric = [
        bool(rows) and all(isinstance(row[i], int) for row in rows) for i in range(len(head))
    ]
    lines = []
    for row in cells:
        parts = []
        for cell, column, right in zip(row, columns, numeric, strict=True):
            blank = " " * (column - width(cell))
            parts.append(blank + cell if right else cell + blank)
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def width(text: str) -> int:
    """Return how many columns a text takes."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def local_time(instant: datetime | None, zone: str | None = None) -> str:
    """Return an instant in the reader's zone, the outlet's beside it where it differs."""
    if instant is None:
        return "-"
    here = instant.astimezone()
    text = f"{here:%Y-%m-%d %H:%M %Z}"
    if zone:
        from zoneinfo import ZoneInfo

        there = instant.astimezone(ZoneInfo(zone))
        if there.utcoffset() != here.utcoffset():
            day = "" if there.date() == here.date() else f"{there:%m-%d} "
            text += f" ({day}{there:%H:%M} {_offset(there)})"
    return text


def _offset(instant: datetime) -> str:
    """Return ``UTC+8`` or ``UTC+5:30``."""
    digits = f"{instant:%z}"
    minutes = "" if digits[3:] == "00" else f":{digits[3:]}"
    return f"UTC{digits[0]}{int(digits[1:3])}{minutes}"


def local_day(instant: datetime | None) -> str:
    """Return the day of an instant in the reader's zone."""
    return f"{instant.astimezone():%Y-%m-%d}" if instant else "-"


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int | None, str], None]]:
    """Show rate and time left on standard error once something takes over two seconds."""
    from tqdm import tqdm

    with tqdm(
        desc=what,
        delay=2,
        unit="",
        unit_scale=True,
        dynamic_ncols=True,
        leave=False,
        disable=None,
        file=sys.stderr,
    ) as bar:

        def tick(done: int, total: int | None, unit: str) -> None:
            bar.unit = "B" if unit == "bytes" else f" {unit}"
            if total is not None and bar.total != total:
                bar.total = total
                bar.n = min(bar.n, total)
            if done < bar.n:
                bar.reset(total)
            bar.update(done - bar.n)

        yield tick


def marked_diff(changes: Iterable[tuple[str, str]]) -> str:
    """Mark insertions and deletions by signs as well as by colour."""
    parts = []
    for kind, text in changes:
        if kind == "inserted":
            parts.append(click.style(f"{{+{text}+}}", fg="green", underline=True))
        elif kind == "deleted":
            parts.append(click.style(f"[-{text}-]", fg="red", strikethrough=True))
        else:
            parts.append(text)
    return "".join(parts)


def sparkline(shares: Sequence[float]) -> str:
    """Draw shares between 0 and 1 as a row of bars, one character each.

    >>> sparkline([0, 0.5, 1])
    '▁▅█'
    """
    bars = "▁▂▃▄▅▆▇█"
    return "".join(bars[round(share * (len(bars) - 1))] for share in shares)
