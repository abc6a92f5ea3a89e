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
