r"""The mirror's record form, read and written.

A record is one Markdown file::

    <!--1602356177000-->                      epoch milliseconds: the collector's feed stamp
    [title](absolute url)
    ------

    <html body on one line>

Its sibling form puts Jekyll front matter before the head, or in its place. ``docs/record-form.md``
tells every variation that is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

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
_HEAD_BYTES = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<!--[ \t]*(?:-?\d+(?:\.\d+)?|NaN)[ \t]*-->[ \t]*\r?\n")
_FRONT_BYTES = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(?:.*\r?\n)*?(?:from|title)[ \t]*:")

_FILE_NAME = re.compile(r"^(\d{1,9})(?:_.*)?\.md$", re.S)
_DATED_NAME = re.compile(r"^\d{4}-\d{2}-\d{2}-.*\.md$", re.S)

# Stamps outside are slips (seconds for milliseconds, zero, overflow), not news.
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)

_MAX_FRONT_MATTER = 64 * 1024  # characters; longer is no front matter of a record


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
    front: Mapping[str, Any] = {}
    match = _FRONT_MATTER.match(text[:_MAX_FRONT_MATTER])
    if match:
        front = _front_matter(match[1] or "", subject, problems)
        text = text[match.end() :]
    head = _HEAD.match(text)
    if head is None and not front:
        return Problem("record.no_head", subject, refused=True)
    if head is not None:
        title, url = head["title"], head["url"].strip()
        feed_at = _stamp(head["stamp"], subject, problems)
        html = text[head.end() :]
    else:
        title, url = _text(front.get("title")), ""
        feed_at = None
        html = text
    title = title or _text(front.get("title"))
    url = url or _text(front.get("from")).strip()
    if feed_at is None:
        feed_at = _front_date(front.get("date"))
        if feed_at is None and head is None:
            problems.append(Problem("record.no_date", subject, {"stamp": "-"}))
    author = single_blanks(_text(front.get("author")))
    folder, file_id = file_place(path)
    return Entry(
        title=title.strip(),
        url=url,
        html=html.strip("\r\n"),
        feed_at=feed_at,
        authors=(author,) if author else (),
        file_id=file_id,
        folder=folder,
        problems=tuple(problems),
    )


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


def _front_matter(text: str, subject: str, problems: list[Problem]) -> Mapping[str, Any]:
    try:
        loaded = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError, TypeError):
        loaded = None
    if isinstance(loaded, dict):
        return {str(key): value for key, value in loaded.items()}
    # Titles with loose quotation marks are the usual cause; the keys are one a line.
    problems.append(Problem("record.front_matter", subject))
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip().strip("\"'") for key, colon, value in pairs if colon}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value[:20])
    if isinstance(value, dict):
        return ""
    return storable(str(value)).replace("\0", "")


def _front_date(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        return None
    instant = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return instant if _EARLIEST <= instant <= _LATEST else None
