"""Versions as a pure function of an article's captures.

Whatever the order of import, the same captures give the same versions with the same ids:

1. A capture's instant is its origin's own (commit, HTTP). A loose file has none; when an identical
   capture has one, the file is a copy of it and stands beside it; otherwise the feed's stamp
   counts. An exported version says at which instant it stood; where another capture says the same
   at that instant, the export is its copy and stands beside it.
2. Captures are ordered by instant, then generation (children after parents within one second),
   then feed stamp, then digest, copies after their twins, then id. Those without any instant come
   last.
3. Neighbours with the same content are one version, so that a return to an earlier text is a new
   version while another wrapper around the same text is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
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
    is_export: bool = False  # a version that an archive wrote; its generation is ± its n


@dataclass(frozen=True, slots=True)
class Link:
    """One version in the chain."""

    n: int  # from 1
    id: bytes
    content_hash: bytes
    opened_by: int  # number of its first capture


_NEVER = 1 << 62
_Place = tuple[int, int, int, bytes]  # instant, generation, feed stamp, digest


def in_order(captures: Iterable[Seen]) -> list[Seen]:
    """Return captures from oldest to newest (rules 1 and 2)."""
    captures = list(captures)
    place_of = _places(captures)

    def key(capture: Seen) -> tuple[_Place, int, bytes]:
        place, is_copy = place_of(capture)
        # A copy never opens a version before its twin.
        return place, 2 if is_copy else int(capture.origin_ms is None), capture.id

    return sorted(captures, key=key)


def instants(captures: Iterable[Seen]) -> dict[int, int | None]:
    """Return the instants by which captures are ordered, by number; None for those without any."""
    captures = list(captures)
    place_of = _places(captures)
    found = {capture.number: place_of(capture)[0][0] for capture in captures}
    return {number: None if at == _NEVER else at for number, at in found.items()}


def _places(captures: Sequence[Seen]) -> Callable[[Seen], tuple[_Place, bool]]:
    """Return what tells a capture's place, and whether it has that of the capture it copies."""
    twins: dict[bytes, tuple[int, int]] = {}
    for capture in captures:
        if capture.origin_ms is not None:
            own = (capture.origin_ms, capture.generation)
            twins[capture.digest] = min(twins.get(capture.digest, own), own)

    def own_place(capture: Seen) -> _Place:
        if capture.origin_ms is not None:
            instant, generation = capture.origin_ms, capture.generation
        elif capture.digest in twins:
            instant, generation = twins[capture.digest]
        else:
            instant = _or_never(capture.feed_ms)
            generation = -capture.generation if capture.is_export else 0
        return instant, generation, _or_never(capture.feed_ms), capture.digest

    # An export tells its instant in whole seconds.
    exported: dict[tuple[bytes, int], _Place] = {}
    if any(capture.is_export for capture in captures):
        for capture in captures:
            if not capture.is_export:
                place = own_place(capture)
                said = (capture.content_hash, place[0] // 1000)
                exported[said] = min(exported.get(said, place), place)

    def place_of(capture: Seen) -> tuple[_Place, bool]:
        place = own_place(capture)
        twin = exported.get((capture.content_hash, place[0] // 1000)) if capture.is_export else None
        return (place, False) if twin is None else (twin, True)

    return place_of


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
