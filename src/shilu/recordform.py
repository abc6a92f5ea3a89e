r"""The mirror's record form, read and written.

A record is one Markdown file::

    <!--1602356177000-->                      epoch milliseconds: the collector's feed stamp
    [title](absolute url)
    ------

    <html body on one line>

Its sibling form puts Jekyll front matter before the head, or in its place. So does the readable
form that ``shilu export markdown`` writes: its front matter says ``form: shilu/1``, and what
follows the head is Markdown. ``docs/record-form.md`` tells every variation that is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import yaml

from shilu.records import Entry, Problem
from shilu.text import single_blanks, storable

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.S)
# The title is greedy: it may hold brackets, and the address is what stands in the last pair.
_HEAD = re.compile(
    r"\A\s*<!--[ \t]*(?P<stamp>[^\r\n>]{0,64}?)[ \t]*-->[ \t]*\r?\n"
    r"[ \t]*\[(?P<title>[^\r\n]*)\]\((?P<url>[^\r\n]*)\)[ \t]*\r?\n"
    r"-{3,}[ \t]*(?:\r?\n|\Z)"
)
_HEAD_BYTES = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*<!--[ \t]*(?:-?\d+(?:\.\d+)?|NaN)[ \t]*-->[ \t]*\r?\n"
)
_FRONT_BYTES = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(?:.*\n)*?(?:from|title)[ \t]*:")

_FILE_NAME = re.compile(r"^(\d{1,9})(?:_.*)?\.md$", re.S)
_DATED_NAME = re.compile(r"^\d{4}-\d{2}-\d{2}-.*\.md$", re.S)

# Stamps outside are slips (seconds for milliseconds, zero, overflow), not news.
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)

_MAX_FRONT_MATTER = 64 * 1024  # characters; longer is no front matter of a record
_MAX_NESTING = 8  # of YAML; front matter is flat, and the reader's time grows with the square
_MAX_ITEMS = 20  # of one list of names

READABLE = "shilu/1"  # what the front matter of readable files gives as their form
_READABLE_START = f"---\nform: {READABLE}\n"
# Whom an article names, each with its place, can be many; what an archive wrote is read in full.
_MAX_READABLE = 1024 * 1024
_MAX_READABLE_ITEMS = 10_000


def is_record_path(path: str) -> bool:
    """Tell whether a path by itself says that a record stands there.

    >>> is_record_path("articles/rfi/1015022.md"), is_record_path("lists/法广.md")
    (True, False)
    """
    if not path.endswith(".md"):
        return False
    *folders, name = path.split("/")
    if "articles" in folders or "_posts" in folders:
        return True
    return "lists" not in folders and bool(_FILE_NAME.match(name) or _DATED_NAME.match(name))


def looks_like_record(head: bytes) -> bool:
    """Tell whether a file's first bytes (some 4 KiB) are those of a record."""
    return bool(_HEAD_BYTES.match(head) or _FRONT_BYTES.match(head))


def read_record(data: bytes, path: str, subject: str) -> Entry | Problem:
    """Read one record file.

    *path* is where the mirror filed it; folder and number are read from it. *subject* names it in
    problems. Returns a refusing ``Problem`` when the bytes do not begin as a record. Never raises
    for any input.
    """
    problems: list[Problem] = []
    text = _decode(data, subject, problems)
    text = text.removeprefix("\ufeff")
    front: Mapping[str, tuple[str, ...]] = {}
    match = _front_match(text)
    if match:
        front = _front_matter(match[1] or "", subject, problems)
        text = text[match.end() :]
    is_readable = front.get("form") == (READABLE,)
    head = _HEAD.match(text)
    if head is None and not front:
        return Problem("record.no_head", subject, refused=True)
    if head is not None:
        title, url = head["title"], head["url"].strip()
        feed_at = _stamp(head["stamp"], subject, problems)
        html = text[head.end() :]
    else:
        title, url, feed_at, html = "", "", None, text
    if is_readable:  # the head, which is for the eye, has them as Markdown writes them
        title, url = " ".join(front.get("title", ())), " ".join(front.get("url", ())).strip()
    title = title or " ".join(front.get("title", ()))
    url = url or " ".join(front.get("from", ())).strip()
    if feed_at is None and is_readable:
        feed_at = read_instant(" ".join(front.get("feed_at", ())))
    elif feed_at is None:
        written = " ".join(front.get("date", ()))
        feed_at = _front_date(written)
        if feed_at is None and head is None:
            problems.append(Problem("record.no_date", subject, {"stamp": written[:64] or "-"}))
    authors = dict.fromkeys(map(single_blanks, front.get("author", ())))
    folder, file_id = file_place(path)
    return Entry(
        title=title.strip(),
        url=url,
        html=html.strip("\r\n"),
        feed_at=feed_at,
        authors=tuple(author for author in authors if author),
        file_id=None if is_readable else file_id,
        folder=folder,
        problems=tuple(problems),
        front_matter=front if is_readable else None,
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """Which version a readable file holds."""

    n: int
    at: datetime | None  # the instant by which it is ordered; None: not known


def readable_standing(data: bytes) -> Standing | None:
    """Return which version a readable file holds; None for any other file."""
    if READABLE.encode() not in data[:_MAX_READABLE]:
        return None
    text = data[:_MAX_READABLE].decode("utf-8", "replace").removeprefix("\ufeff")
    match = _front_match(text)
    front = _front_matter(match[1] or "", "", []) if match else {}
    if front.get("form") != (READABLE,):
        return None
    n = " ".join(front.get("version", ()))
    return Standing(
        int(n) if re.fullmatch(r"[1-9]\d{0,8}", n, re.A) else 1,
        read_instant(" ".join(front.get("stands_at", ()))),
    )


def read_instant(text: str) -> datetime | None:
    """Read an instant as RFC 3339 writes it; None for anything else.

    >>> read_instant("2024-09-17T22:17:00+08:00").isoformat()
    '2024-09-17T14:17:00+00:00'
    """
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _front_match(text: str) -> re.Match[str] | None:
    is_readable = text[: 2 * len(_READABLE_START)].replace("\r\n", "\n").startswith(_READABLE_START)
    return _FRONT_MATTER.match(text[: _MAX_READABLE if is_readable else _MAX_FRONT_MATTER])


def write_record(stamp_ms: int | str, title: str, url: str, html: str) -> str:
    """Write the record form; the inverse of ``read_record`` for records without front matter."""
    return f"<!--{stamp_ms}-->\n[{title}]({url})\n------\n\n{html}\n"


def file_place(path: str) -> tuple[str | None, int | None]:
    """Return the mirror's folder and number of a path.

    >>> file_place("articles/rfi/1015022.md")
    ('rfi', 1015022)
    """
    parts = path.split("/")
    match = _FILE_NAME.match(parts[-1])
    folder = parts[-2] if len(parts) > 1 else None
    return folder, int(match[1]) if match else None


def _decode(data: bytes, subject: str, problems: list[Problem]) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
        count = text.count("\ufffd") - data.count("\ufffd".encode())
        problems.append(Problem("text.invalid_utf8", subject, {"count": str(count)}))
    if "\0" in text:
        problems.append(Problem("text.nul", subject, {"count": str(text.count("\0"))}))
        text = text.replace("\0", "")
    return text


def _stamp(stamp: str, subject: str, problems: list[Problem]) -> datetime | None:
    try:
        milliseconds = int(stamp)
    except ValueError:
        problems.append(Problem("record.no_date", subject, {"stamp": stamp or "-"}))
        return None
    try:
        instant = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        instant = None
    if instant is None or not _EARLIEST <= instant <= _LATEST:
        problems.append(Problem("record.date_out_of_range", subject, {"stamp": stamp}))
        return None
    return instant


def _front_matter(
    text: str, subject: str, problems: list[Problem]
) -> Mapping[str, tuple[str, ...]]:
    """Return the top-level keys with their values as they are written."""
    try:
        found = _yaml_pairs(text)
    except yaml.YAMLError:
        found = {}
    if found:
        return found
    # Titles with loose quotation marks are the usual cause; the keys are one a line.
    problems.append(Problem("record.front_matter", subject))
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): (value.strip().strip("\"'"),) for key, colon, value in pairs if colon}


def _yaml_pairs(text: str) -> dict[str, tuple[str, ...]]:
    """Read ``key: value`` and ``key: [value, …]``; what is nested deeper is passed over.

    Only the events of the parser are used: nothing is built from aliases and merge keys, which a
    few bytes can make exhaust the memory, and a title of 007 or yes stays what it is.
    """
    pairs: dict[str, list[str]] = {}
    key: str | None = None  # whose value comes next
    depth = 0
    in_list = False  # whether the value is a list; of nested tables nothing is taken
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            key = None if depth == 1 else key
            continue
        value = _written(event) if isinstance(event, yaml.ScalarEvent) else ""
        starts = isinstance(event, yaml.CollectionStartEvent)
        if depth == 1 and key is None:
            key = value
        elif depth == 1:
            pairs[key or ""] = [value] if value else []
            in_list = isinstance(event, yaml.SequenceStartEvent)
            key = key if starts else None
        elif depth == 2 and in_list and value:
            pairs.setdefault(key or "", []).append(value)
        if starts:
            depth += 1
            if depth == 1 and not isinstance(event, yaml.MappingStartEvent):
                return {}
            if depth > _MAX_NESTING:
                raise yaml.YAMLError("nested too deep")
    most = _MAX_READABLE_ITEMS if pairs.get("form") == [READABLE] else _MAX_ITEMS
    return {key: tuple(values[:most]) for key, values in pairs.items()}


def _written(scalar: yaml.ScalarEvent) -> str:
    """Return a scalar as it is written, "" for null."""
    is_null = scalar.implicit[0] and scalar.value.lower() in ("", "~", "null")
    return "" if is_null else storable(scalar.value).replace("\0", "")


_FRONT_DATE = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?"
    r"\s*(?:[Zz]|([+-])(\d{1,2}):?(\d{2})?)?)?",
    re.ASCII,
)


def _front_date(text: str) -> datetime | None:
    """Read a YAML or Jekyll date, which is UTC when it names no zone; None for any other.

    >>> _front_date("2019-10-14 11:56:40 +0100").isoformat()
    '2019-10-14T10:56:40+00:00'
    """
    match = _FRONT_DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[group] or 0) for group in range(1, 7))
    offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0))
    try:
        local = datetime(
            year, month, day, hour, minute, second, int((match[7] or "0").ljust(6, "0")), UTC
        )
        instant = local + offset if match[8] == "-" else local - offset
    except (ValueError, OverflowError):
        return None
    return instant if _EARLIEST <= instant <= _LATEST else None
