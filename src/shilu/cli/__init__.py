"""The command line: parse, call, print.

Exit codes: 0 done · 1 something was refused, and is listed · 2 wrong use · 3 the archive is
damaged, held, newer or full. Everything a command prints for programs (``--json``) is documented in
``docs/cli.md``. Heavy imports stay inside the commands, so that ``shilu --help`` is light.
"""

from shilu.cli import (  # noqa: F401 - they register
    cleaning,
    keeping,
    leaving,
    reading,
    searching,
    starting,
)
from shilu.cli.program import cli, main, tr

__all__ = ["cli", "main", "tr"]
