"""Names of files and folders that every file system takes.

At most 255 bytes in UTF-8, NFC, nothing that Windows forbids or reserves, no blank or dot at either
end (Microsoft, "Naming Files, Paths, and Namespaces"); nor what has a meaning in links or in notes
of Obsidian (``# % [ ] ( )`` …). Two names that differ in case alone are one on many systems: who
gives out names compares ``folded`` ones.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator

_SLUG_BYTES = 80
_FOLDER_BYTES = 120
_RESERVED = re.compile(
    r"(?:CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])(?=\.|$)", re.I
)
_NUMBER = re.compile(r"\d{1,9}")  # what a mirror's file names begin with


def folded(name: str) -> str:
    """Return what two names share that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def slug(title: str) -> str:
    """Return a title as a part of a file name, "untitled" where nothing of it can stand there.

    >>> slug("李尚福：与2俄 “加强”军事合作? (上)")
    '李尚福：与2俄-“加强”军事合作-上'
    """
    kept = "".join(char if _stays(char) else "-" for char in unicodedata.normalize("NFC", title))
    short = _cut(_begun(re.sub("-{2,}", "-", kept)), _SLUG_BYTES).rstrip("-")
    return short or "untitled"


def _begun(text: str) -> str:
    """Return text from its first character that can stand alone: no dash, no accent."""
    for index, char in enumerate(text):
        if char != "-" and unicodedata.category(char)[0] != "M":
            return text[index:]
    return ""


def _stays(char: str) -> bool:
    if char.isascii():
        return char.isalnum()
    category = unicodedata.category(char)
    return char.isalnum() or category[0] == "M" or (category[0] == "P" and char.isprintable())


def _cut(text: str, most: int) -> str:
    """Cut a text to so many bytes, at the border of a character."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def file_names(title: str, article_id: str, older: int | None, number: int | None) -> Iterator[str]:
    """Yield names for a version's file, the best first; they never end.

    *older* is the version's n where a newer one has the name without it; *number* the one under
    which a mirror filed the record, which stands first where a mirror would look for it.
    """
    stem = slug(title)
    if number is not None:
        stem = f"{number}_{stem}"
    elif _NUMBER.fullmatch(stem):
        stem += "-"  # or it would be taken for a mirror's number
    ending = "" if older is None else f"_v{older}"
    for digits in (10, 20, 32):
        yield f"{stem}_{article_id[:digits]}{ending}.md"
    count = 2
    while True:
        yield f"{stem}_{article_id}{ending}_{count}.md"
        count += 1


def folder_names(source: str) -> Iterator[str]:
    """Yield names for a source's folder, its id first where that can be a name.

    >>> next(folder_names("news.example")), next(folder_names("con"))
    ('news.example', '_con')
    """
    kept = "".join(
        char if char.isalnum() or char in "-_." else "-"
        for char in unicodedata.normalize("NFC", source)
    )
    name = _cut(_begun(kept.lstrip(".-")), _FOLDER_BYTES).rstrip(".") or "unnamed"
    if _RESERVED.match(name):
        name = f"_{name}"
    yield name
    digest = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()
    for digits in range(8, len(digest) + 1):
        yield f"{name}_{digest[:digits]}"
