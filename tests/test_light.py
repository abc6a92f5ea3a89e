"""``import shilu`` and ``shilu --help`` stay light: what they load is listed here."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Third-party packages that may be loaded before a command begins to work.
ALLOWED = {"click"}
TELL = (
    "import sys\nbefore = set(sys.modules)\n{run}\n"
    "names = {{name.partition('.')[0] for name in set(sys.modules) - before}}\n"
    "print('LOADED', *sorted(names - set(sys.stdlib_module_names)), file=sys.stderr)\n"
)
HELP = """
sys.argv = ["shilu", *{arguments}]
try:
    import runpy
    runpy.run_module("shilu", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize(
    ("what", "run"),
    [
        ("import shilu", "import shilu"),
        ("shilu --help", HELP.format(arguments=["--help"])),
        ("shilu import --help", HELP.format(arguments=["import", "--help"])),
        ("shilu --version", HELP.format(arguments=["--version"])),
    ],
)
def test_start_loads_only_what_is_listed(what: str, run: str) -> None:
    process = subprocess.run(
        [sys.executable, "-I", "-c", TELL.format(run=run)], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    (line,) = (one for one in process.stderr.splitlines() if one.startswith("LOADED"))
    loaded = {name for name in line.split()[1:] if not name.startswith("_")} - {"shilu"}
    assert loaded <= ALLOWED, (
        f"{what} now loads {', '.join(sorted(loaded - ALLOWED))} as well; import it inside the "
        "function that needs it, or add it to ALLOWED and say why"
    )


def test_help_does_not_load_the_stages() -> None:
    run = HELP.format(arguments=["--help"]) + "print('STAGES', *sys.modules, file=sys.stderr)"
    process = subprocess.run(
        [sys.executable, "-I", "-c", TELL.format(run=run)], capture_output=True, text=True
    )
    (line,) = (one for one in process.stderr.splitlines() if one.startswith("STAGES"))
    heavy = {"shilu.pipeline", "shilu.archive", "shilu.extraction", "shilu.fetch", "shilu.upkeep"}
    assert not heavy & set(line.split())
