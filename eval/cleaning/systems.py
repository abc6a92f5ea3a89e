"""What is measured: Shilu, Shilu as if it did not know the outlet, and its peers."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import shilu
from eval.cleaning.labels import Label
from eval.cleaning.visible import visible
from shilu.extraction.article import extract_entry
from shilu.recordform import read_record
from shilu.records import Content, Problem
from shilu.sources.catalog import undeclared
from shilu.urls import host_of


@dataclass(frozen=True, slots=True)
class Output:
    """What a system makes of a record."""

    text: str  # without the title
    aside: tuple[str, ...] = ()  # pieces of the article kept elsewhere: whose a picture is


def read(label: Label) -> Content:
    """Read a record as anyone would."""
    return shilu.extract(label.data)


def read_undeclared(label: Label) -> Content:
    """Read a record as if nobody had declared its outlet.

    The host stays its own, so that links to its other pages look like what they are.
    """
    entry = read_record(label.data, label.path, label.path)
    if isinstance(entry, Problem):
        raise ValueError(f"{label.path}: {entry.code}")
    return extract_entry(entry, undeclared(host_of(entry.url)), label.path)


def _output(content: Content) -> Output:
    owners = tuple(medium.credit for medium in content.media if medium.credit)
    return Output(content.text[content.body_start :], owners)


# ------------------------------------------------------------------------------- peers


def _page(label: Label) -> str:
    """Return the record as peers take it: a whole page."""
    title, body = label.title.of(label.raw), label.raw[label.body :]
    return f"<html><head><title>{title}</title></head><body>{body}</body></html>"


def _trafilatura(label: Label, **favor: bool) -> Output:
    module: Any = importlib.import_module("trafilatura")
    text = module.extract(_page(label), include_comments=False, **favor)
    return Output(text or "")


def _readability(label: Label) -> Output:
    module: Any = importlib.import_module("readability")
    html = module.Document(_page(label)).summary()
    return Output("".join(text for text, _ in visible(html)))


def _selectolax(label: Label) -> Output:
    module: Any = importlib.import_module("selectolax.lexbor")
    tree = module.LexborHTMLParser(_page(label))
    return Output(tree.body.text(separator="\n"))


SHILU, UNDECLARED = "shilu", "undeclared"

_SYSTEMS: dict[str, tuple[str, Callable[[Label], Output]]] = {
    SHILU: ("shilu", lambda label: _output(read(label))),
    UNDECLARED: ("shilu", lambda label: _output(read_undeclared(label))),
    "trafilatura recall": ("trafilatura", lambda label: _trafilatura(label, favor_recall=True)),
    "trafilatura precision": (
        "trafilatura",
        lambda label: _trafilatura(label, favor_precision=True),
    ),
    "readability": ("readability", _readability),
    "all text": ("selectolax", _selectolax),
}


def systems(peers: bool) -> dict[str, Callable[[Label], Output]]:
    """Return Shilu in both modes, and the *peers* whose package is here."""
    return {
        name: run
        for name, (package, run) in _SYSTEMS.items()
        if package == "shilu" or (peers and importlib.util.find_spec(package) is not None)
    }
