"""Versions as a pure function of an article's captures.

Whatever the order of import, the same captures give the same versions with the same ids:

1. A capture's instant is its origin's own (commit, HTTP). A loose file has none; when an identical
   capture has one, the file is a copy of it and stands beside it; otherwise the feed's stamp
   counts.
2. Captures are ordered by instant, then generation (children after parents within one second),
   then feed stamp, then digest, loose copies after their twins, then id. Those without any instant
   come last.
3. Neighbours with the same content are one version, so that a return to an earlier text is a new
   version while another wrapper around the same text is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """What ordering needs to know of an accepted capture."""

    number: int  # the archive's own
    id: bytes
    digest: bytes  # SHA-256 of the payload
    content_hash: bytes
    origin_ms: int | None  # the origin's instant, epoch milliseconds
    generation: int
    feed_ms: int | None


@dataclass(frozen=True, slots=True)
class Link:
    """One version in the chain."""

    n: int  # from 1
    id: bytes
    content_hash: bytes
    opened_by: int  # number of its first capture


_NEVER = 1 << 62


def in_order(captures: Iterable[Seen]) -> list[Seen]:
    """Return captures from oldest to newest (rules 1 and 2)."""
    captures = list(captures)
    twins: dict[bytes, tuple[int, int]] = {}
    for capture in captures:
        if capture.origin_ms is not None:
            own = (capture.origin_ms, capture.generation)
            twins[capture.digest] = min(twins.get(capture.digest, own), own)

    def place(capture: Seen) -> tuple[int, int, int, bytes, bool, bytes]:
        if capture.origin_ms is not None:
            instant, generation = capture.origin_ms, capture.generation
        elif capture.digest in twins:
            instant, generation = twins[capture.digest]
        else:
            instant, generation = _or_never(capture.feed_ms), 0
        is_loose = capture.origin_ms is None  # a copy never opens a version before its twin
        return (
            instant, generation, _or_never(capture.feed_ms), capture.digest, is_loose, capture.id
        )  # fmt: skip

    return sorted(captures, key=place)


def _or_never(milliseconds: int | None) -> int:
    return _NEVER if milliseconds is None else milliseconds


def chain(ordered: Sequence[Seen]) -> list[Link]:
    """Return the versions of captures in order (rule 3)."""
    links: list[Link] = []
    for capture in ordered:
        if links and links[-1].content_hash == capture.content_hash:
            continue
        previous = links[-1].id if links else b""
        links.append(
            Link(
                n=len(links) + 1,
                id=version_id(capture.content_hash, previous),
                content_hash=capture.content_hash,
                opened_by=capture.number,
            )
        )
    return links


def version_id(content_hash: bytes, previous: bytes) -> bytes:
    """Return a version's id: 128 bits over its content (title included) and the version before."""
    return hashlib.sha256(content_hash + previous).digest()[:16]
