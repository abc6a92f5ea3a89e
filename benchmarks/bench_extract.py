"""How fast records are cleaned on one core, beside its peers, and that hostile pages cost no more.

    python benchmarks/bench_extract.py [--rounds N] [--json FILE]

The records are the real samples where they are there (``SHILU_RECORDS``), and as many generated
ones of the same outlets; the peers read the same HTML. ``benchmarks/README.md`` says how to read
the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench_import import machine
from mirror_generator import record, states
from shilu.extraction.article import extract_entry, read_capture
from shilu.recordform import read_record
from shilu.records import Entry
from shilu.sources.catalog import load_catalog, undeclared

_ROOT = Path(__file__).resolve().parent.parent
_RECORDS = Path(os.environ.get("SHILU_RECORDS", _ROOT.parent / "shared" / "records"))
_GENERATED = 400
CATALOG = load_catalog()


@dataclass(frozen=True)
class Speed:
    """A cleaner's speed on one set of records, its best round."""

    records: str
    cleaner: str
    per_second: float
    megabytes_per_second: float


@dataclass(frozen=True)
class Growth:
    """What a hostile page costs, and one of twice its size."""

    page: str
    megabytes: float
    seconds: float
    seconds_of_twice: float

    @property
    def ratio(self) -> float:
        """2 is linear, 4 quadratic."""
        return self.seconds_of_twice / self.seconds


# ------------------------------------------------------------------------------ speed


def real_records() -> list[tuple[str, bytes]]:
    return [
        (f"articles/{path.parent.name}/{path.name}", path.read_bytes())
        for path in sorted(_RECORDS.glob("*/*.md"))
    ]


def generated_records() -> list[tuple[str, bytes]]:
    return [(path, record(item)) for path, item in states(_GENERATED, seed=7)]


def cleaners() -> dict[str, Callable[[str, bytes, Entry], object]]:
    """Return what is measured, by name; peers that are not installed are left out."""
    from selectolax.lexbor import LexborHTMLParser

    found: dict[str, Callable[[str, bytes, Entry], object]] = {
        "selectolax, text alone": lambda _path, _data, entry: LexborHTMLParser(entry.html).text(),
        "shilu": lambda path, data, _entry: read_capture(data, path, CATALOG, path),
        "shilu, undeclared outlet": lambda path, _data, entry: extract_entry(
            entry, undeclared("news.example"), path
        ),
    }
    try:
        import trafilatura
        from readability import Document
    except ImportError:
        return found
    found["trafilatura"] = lambda _path, _data, entry: trafilatura.extract(_page(entry))
    found["readability"] = lambda _path, _data, entry: Document(_page(entry)).summary()
    return found


def _page(entry: Entry) -> str:
    return f"<html><head><title>{entry.title}</title></head><body>{entry.html}</body></html>"


def speeds(name: str, records: list[tuple[str, bytes]], rounds: int) -> list[Speed]:
    """Measure every cleaner on the records; rounds alternate, so that a slow minute meets all."""
    readable = [
        (path, data, entry)
        for path, data in records
        if isinstance(entry := read_record(data, path, path), Entry)
    ]
    size = sum(len(data) for _, data, _ in readable)
    best: dict[str, float] = {}
    for _ in range(rounds):
        for cleaner, clean in cleaners().items():
            start = time.perf_counter()
            for path, data, entry in readable:
                clean(path, data, entry)
            taken = time.perf_counter() - start
            best[cleaner] = min(best.get(cleaner, taken), taken)
    title = f"{name}: {len(readable)} of {size / len(readable) / 1000:.1f} kB"
    return [
        Speed(title, cleaner, len(readable) / taken, size / taken / 1e6)
        for cleaner, taken in best.items()
    ]


# ------------------------------------------------------------------------------ hostile pages

HOSTILE: dict[str, Callable[[int], str]] = {
    "nested tags": lambda n: "<div>" * (20 * n) + "正文。",
    "nested formatting": lambda n: "<div><b><i>" * (7 * n) + "正文。",
    "everything unclosed": lambda n: "<p>甲<b>丙<i>丁<a href=x>戊<table><tr><td>己" * (4 * n),
    "tables of tables": lambda n: "<table><tr><td>甲" * (20 * n),
    "one line": lambda n: "<p>" + "部长周四访问了首都。" * (350 * n) + "</p>",
    "one line of blanks": lambda n: "<p>" + " \u00a0" * (3500 * n) + "甲</p>",
    "line breaks": lambda n: "甲<br>" * (20 * n),
    "link lists": lambda n: "<ul>" + "<li><a href='/x'>一个标题</a></li>" * (10 * n) + "</ul>",
    "share bars": lambda n: "<p>分享 :</p>" * (20 * n),
    "pictures": lambda n: "<img src='/1.jpg'><div><small>图</small></div>" * (10 * n),
    "entities": lambda n: "&amp;" * (100 * n),
    "comments": lambda n: "<!--" * (100 * n),
}


def growth(scale: int) -> list[Growth]:
    """Clean every hostile page at *scale*, and at twice that."""
    rows = []
    for name, make in HOSTILE.items():
        seconds = []
        for n in (scale, 2 * scale):
            entry = Entry(title="题", url="https://news.example/1", html=make(n))
            start = time.perf_counter()
            extract_entry(entry, undeclared("news.example"), name)
            seconds.append(time.perf_counter() - start)
        size = len(make(scale).encode()) / 1e6
        rows.append(Growth(name, size, *seconds))
    return rows


# ------------------------------------------------------------------------------ report


def report(rows: list[Speed], grown: list[Growth]) -> str:
    """Return both tables as Markdown."""
    lines = ["| records | cleaner | records/s | MB/s | of shilu |", "|---|---|---:|---:|---:|"]
    for row in rows:
        own = next(one for one in rows if one.records == row.records and one.cleaner == "shilu")
        lines.append(
            f"| {row.records} | {row.cleaner} | {row.per_second:,.0f} |"
            f" {row.megabytes_per_second:.1f} | {row.per_second / own.per_second:.2f} |"
        )
    lines += ["", "| hostile page | MB | s | twice the size | ratio |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {row.page} | {row.megabytes:.1f} | {row.seconds:.2f} | {row.seconds_of_twice:.2f} |"
        f" {row.ratio:.1f} |"
        for row in grown
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=int, default=1000, help="of the hostile pages")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    for name, records in (("real", real_records()), ("generated", generated_records())):
        if records:
            rows += speeds(name, records, arguments.rounds)
    grown = growth(arguments.scale)
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    print()
    print(report(rows, grown))
    if arguments.json:
        arguments.json.write_text(
            json.dumps(
                {
                    "machine": machine(),
                    "speed": [asdict(row) for row in rows],
                    "growth": [asdict(row) for row in grown],
                },
                ensure_ascii=False, indent=1,
            )
        )  # fmt: skip


if __name__ == "__main__":
    main()
