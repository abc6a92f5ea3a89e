"""What a text must hold for a pattern to match it: the cheap test before the dear one.

Most rules meet few pages. A pattern that asks for 德国之声 somewhere need not be tried on a page
without it, and looking for a few characters in a page costs a hundredth of a match.
"""

from __future__ import annotations

import re
from typing import Any

_MAX_LITERALS = 24  # with more, looking for them costs what it saves
_MAX_CHARS = 16


def required_literals(pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Return literals in lower case of which every text that *pattern* matches holds one.

    The text is to be looked at in lower case too. () where no such set can be told.

    >>> required_literals(re.compile("(?:分享|转发)[^。]*给|评论"))
    ('分享', '评论', '转发')
    """
    try:
        # The parser of the re module itself; a release that hides it costs speed, nothing else.
        from re import _parser  # type: ignore[attr-defined]

        found = _of_sequence(_parser.parse(pattern.pattern, pattern.flags))
    except (ImportError, AttributeError, TypeError, ValueError, re.error):
        return ()
    if found is None or len(found) > _MAX_LITERALS or "" in found:
        return ()
    return tuple(sorted(found))


def _of_sequence(parts: Any) -> frozenset[str] | None:
    """Return the best set that any part of a sequence requires."""
    best: frozenset[str] | None = None
    run = ""
    for name, value in [*((str(name), value) for name, value in parts), ("END", None)]:
        if name == "LITERAL" and len(run) < _MAX_CHARS:
            run += chr(value).lower()
            continue
        found = [frozenset({run})] if run else []
        run = chr(value).lower() if name == "LITERAL" else ""
        inner = _of_part(name, value)
        if inner is not None:
            found.append(inner)
        for one in found:
            if best is None or _worth(one) > _worth(best):
                best = one
    return best


def _of_part(name: str, value: Any) -> frozenset[str] | None:
    if name == "SUBPATTERN":
        return _of_sequence(value[-1])
    if name == "ATOMIC_GROUP":
        return _of_sequence(value)
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return _of_sequence(value[2]) if value[0] > 0 else None
    if name == "BRANCH":
        found: set[str] = set()
        for branch in value[1]:
            inner = _of_sequence(branch)
            if inner is None:
                return None
            found |= inner
        return frozenset(found)
    if name == "IN":
        characters = set()
        for kind, character in value:
            if str(kind) != "LITERAL":
                return None
            characters.add(chr(character).lower())
        return frozenset(characters)
    return None


def _worth(literals: frozenset[str]) -> tuple[int, int]:
    """Long literals are rare in texts, and few are quickly looked for."""
    return min(map(len, literals)), -len(literals)
