"""Shilu 实录 keeps the news you follow: every article, every version of it, in files you own.

>>> import shilu
>>> shilu.extract("<p>（海潮社晨港10日电）两国外长周四会晤。</p>").dateline.place
'晨港'

``open_archive(path)`` gives an ``Archive``; see ``docs/python.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Archive", "__version__", "extract", "open_archive"]

if TYPE_CHECKING:
    from shilu.extraction.article import extract
    from shilu.pipeline import Archive, open_archive

_HOMES = {"open_archive": "shilu.pipeline", "Archive": "shilu.pipeline",
          "extract": "shilu.extraction.article"}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import the few public names when they are first used: ``import shilu`` stays light."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'shilu' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)
