"""The labels: which characters of a record are its article, by places in the raw file.

    python -m eval.cleaning.labels                    check every label against its record
    python -m eval.cleaning.labels dw/1024275         print what one label says, to be read

No text of a record stands in a label; ``eval/README.md`` tells the form.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from eval.cleaning.visible import visible

ROOT = Path(__file__).resolve().parents[2]
LABELS = Path(__file__).parent / "labels"
KINDS = frozenset({
    "paragraph", "heading", "item", "quote", "caption", "cell", "note", "credits", "dateline",
})  # fmt: skip

# The head is read here once more, so that a fault in Shilu's reader cannot hide in the measure.
_HEAD = re.compile(
    r"\A\ufeff?(?:---\n.*?\n---\n)?\s*<!--(?:\d+|NaN)-->\n\[(.*)\]\((\S+)\)\n-{3,}\n\n", re.S
)
_KEYS = frozenset({
    "record", "sha256", "held_out", "title", "authors", "published", "dateline", "article",
    "metadata",
})  # fmt: skip
_HASH_DIGITS = 16  # of a slice's SHA-256


class LabelError(Exception):
    """A label and its record do not belong together; says which, and every fault."""


class NoRecords(Exception):
    """The sample records are not on this machine."""


@dataclass(frozen=True, slots=True)
class Range:
    """[start, end) in code points of the raw file."""

    start: int
    end: int
    kind: str = ""  # of article blocks: one of KINDS

    def of(self, raw: str) -> str:
        """Return the raw text it covers."""
        return raw[self.start : self.end]


@dataclass(frozen=True, slots=True)
class DatelineLabel:
    """The dateline as printed; None where it does not say."""

    place: Range | None
    agency: Range | None
    on: date | None


@dataclass(frozen=True, slots=True)
class Label:
    """What a careful reader takes from one record."""

    name: str  # of the label's file: "dw-1024275"
    outlet: str  # the record's folder: "dw"
    path: str  # as a mirror would have it: "articles/dw/1024275.md"
    data: bytes
    raw: str
    body: int  # where the HTML begins
    held_out: bool  # not read by those who write rules
    title: Range
    authors: tuple[Range, ...]
    published: datetime | date | None  # the outlet's own instant, or only its day
    dateline: DatelineLabel | None
    article: tuple[Range, ...]
    metadata: tuple[Range, ...]


# ------------------------------------------------------------------------------- reading


def records_folder() -> Path:
    """Return where the sample records are; raise ``NoRecords`` when they are not there.

    The environment variable SHILU_RECORDS says where, else they lie beside the work tree.
    """
    folder = Path(os.environ.get("SHILU_RECORDS", ROOT.parent / "shared" / "records"))
    if not folder.is_dir():
        raise NoRecords(f"the sample records are not at {folder}; set SHILU_RECORDS")
    return folder


def load_all(folder: Path | None = None) -> list[Label]:
    """Read and check every label; raise ``LabelError`` with all faults of the first bad one."""
    records = folder or records_folder()
    return [load(path, records) for path in sorted(LABELS.glob("*.json"))]


def load(path: Path, records: Path) -> Label:
    """Read one label and check it against its record."""
    table = json.loads(path.read_text("utf-8"))
    record = _record(table, records, path.name)
    raw = record.read_bytes().decode()
    faults = list(find_faults(table, raw))
    if faults:
        raise LabelError(f"{path.name}: " + "; ".join(faults))
    return build(table, path.stem, f"articles/{record.parent.name}/{record.name}", raw)


def build(table: dict[str, Any], name: str, path: str, raw: str) -> Label:
    """Make a label of its table; the table has been checked."""
    head = _HEAD.match(raw)
    assert head is not None
    return Label(
        name=name,
        outlet=path.split("/")[-2],
        path=path,
        data=raw.encode(),
        raw=raw,
        body=head.end(),
        held_out=table["held_out"],
        title=_range(table["title"]),
        authors=tuple(map(_range, table["authors"])),
        published=_published(table["published"]),
        dateline=_dateline(table["dateline"]),
        article=tuple(map(_range, table["article"])),
        metadata=tuple(map(_range, table["metadata"])),
    )


def _record(table: dict[str, Any], records: Path, name: str) -> Path:
    """Return the record with the label's prefix and hash; two files may begin alike."""
    starts = [
        path
        for path in sorted(records.glob("*/*.md"))
        if f"{path.parent.name}/{path.name}".startswith(table["record"])
    ]
    for path in starts:
        if hashlib.sha256(path.read_bytes()).hexdigest() == table["sha256"]:
            return path
    what = "has other bytes than those labelled" if starts else "is not there"
    raise LabelError(f"{name}: record {table['record']} {what}")


def _range(row: dict[str, Any]) -> Range:
    return Range(row["start"], row["end"], row.get("kind", ""))


def _published(text: str | None) -> datetime | date | None:
    if text is None:
        return None
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def _dateline(row: dict[str, Any] | None) -> DatelineLabel | None:
    if row is None:
        return None
    return DatelineLabel(
        place=_range(row["place"]) if row["place"] else None,
        agency=_range(row["agency"]) if row["agency"] else None,
        on=date.fromisoformat(row["on"]) if row["on"] else None,
    )


# ------------------------------------------------------------------------------- checking


def find_faults(table: dict[str, Any], raw: str) -> Iterator[str]:
    """Yield what is wrong with a label's table for the record *raw*, in words."""
    if table.keys() != _KEYS:
        yield f"keys: {sorted(table.keys() ^ _KEYS)} are missing or unknown"
        return
    head = _HEAD.match(raw)
    if head is None:
        yield "the record has no head"
        return
    dateline = table["dateline"] or {}
    parts = [dateline.get(key) for key in ("place", "agency")]
    named = [table["title"], *table["authors"], *filter(None, parts)]
    for row in (*named, *table["article"], *table["metadata"]):
        yield from _slice_faults(row, raw)
    title = table["title"]
    if not head.start(1) <= title["start"] < title["end"] <= head.end(1):
        yield "the title lies outside the head's title"
    for key in ("article", "metadata"):
        yield from _order_faults(table[key], key, head.end())
    for row in table["article"]:
        if row.get("kind") not in KINDS:
            yield f"article block at {row['start']}: kind {row.get('kind')!r} is none of ours"
    both = sorted([*table["article"], *table["metadata"]], key=lambda row: row["start"])
    yield from _order_faults(both, "article with metadata", head.end())
    try:
        published = _published(table["published"])
        if isinstance(published, datetime) and published.tzinfo is None:
            yield "published has no zone"
        _dateline(table["dateline"])
    except ValueError as error:
        yield str(error)


def _slice_faults(row: dict[str, Any], raw: str) -> Iterator[str]:
    start, end = row["start"], row["end"]
    text = raw[start:end]
    if not 0 <= start < end <= len(raw):
        yield f"{start}-{end} is no range of the record"
    elif hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS] != row["sha256"]:
        yield f"{start}-{end} has another hash"
    elif text != text.strip():
        yield f"{start}-{end} begins or ends with a blank"
    elif next(visible(text), None) is None:
        yield f"{start}-{end} covers nothing that is seen"


def _order_faults(rows: Iterable[dict[str, Any]], what: str, body: int) -> Iterator[str]:
    last = body
    for row in rows:
        if row["start"] < last:
            yield f"{what}: {row['start']}-{row['end']} overlaps, is out of order or in the head"
        last = row["end"]


# ------------------------------------------------------------------------------- by eye


def lines(label: Label) -> Iterator[str]:
    """Yield what a label says of its record, and the text it leaves to be boilerplate."""
    raw = label.raw
    yield f"{label.name}{' (held out)' if label.held_out else ''}"
    yield f"  title      {label.title.of(raw)}"
    yield f"  authors    {', '.join(one.of(raw) for one in label.authors) or '-'}"
    yield f"  published  {label.published or '-'}"
    if label.dateline:
        found = label.dateline
        place, agency = (one.of(raw) if one else "-" for one in (found.place, found.agency))
        yield f"  dateline   place {place}, agency {agency}, on {found.on or '-'}"
    marked = [(one, one.kind) for one in label.article]
    marked += [(one, "(metadata)") for one in label.metadata]
    at = label.body
    for one, kind in sorted(marked, key=lambda pair: pair[0].start):
        yield from _left_over(raw, at, one.start)
        yield f"  {kind:<10} {''.join(text for text, _ in visible(raw, one.start, one.end))}"
        at = one.end
    yield from _left_over(raw, at, len(raw))


def _left_over(raw: str, start: int, end: int) -> Iterator[str]:
    text = "".join(text for text, _ in visible(raw, start, end))
    if text:
        yield f"  - - -      {text}"


def main(arguments: list[str]) -> int:
    """Check all labels, and print those whose record begins as named."""
    try:
        labels = load_all()
    except NoRecords as error:
        print(error, file=sys.stderr)
        return 2
    except LabelError as error:
        print(error, file=sys.stderr)
        return 1
    for label in labels:
        record = label.path.removeprefix("articles/")
        if any(record.startswith(start) for start in arguments):
            print("\n".join(lines(label)))
    held_out = sum(label.held_out for label in labels)
    print(f"{len(labels)} labels fit their records, {held_out} of them held out")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
