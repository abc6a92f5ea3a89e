"""Where the real sample records are: they belong to their outlets and are not in the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RECORDS = Path(os.environ.get("SHILU_RECORDS", ROOT.parent / "shared" / "records"))

# On CI they are demanded: there these tests run and fail, instead of being passed over.
needs_records = pytest.mark.skipif(
    not RECORDS.is_dir() and not os.environ.get("CI"),
    reason=f"the sample records are not at {RECORDS}; set SHILU_RECORDS",
)


def every() -> list[tuple[str, bytes]]:
    """Return every record: the path a mirror would have it under, and its bytes."""
    found = sorted(RECORDS.glob("*/*.md"))
    assert found, f"no sample records in {RECORDS}; set SHILU_RECORDS"
    return [(f"articles/{path.parent.name}/{path.name}", path.read_bytes()) for path in found]


def one(start: str) -> tuple[str, bytes]:
    """Return the record whose path below the folder begins with *start*: "dw/1024275"."""
    found = [row for row in every() if row[0].startswith(f"articles/{start}")]
    assert len(found) == 1, (start, [path for path, _ in found])
    return found[0]
