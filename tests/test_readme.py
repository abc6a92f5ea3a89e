"""The README's first screen is what the program prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent


def test_readme_shows_the_real_output_of_make_run(tmp_path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "shilu demo demo" in makefile
    run = subprocess.run(
        [sys.executable, "-m", "shilu", "demo", "demo"],
        cwd=tmp_path,
        env={**os.environ, "TZ": "UTC", "SHILU_LANG": "en"},
        capture_output=True,
        text=True,
        check=True,
    )
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = re.search(r"\$ make run\n(.*?)```", readme, re.S)
    assert shown
    assert run.stdout.strip() == shown[1].strip(), "paste the output of 'make run' into README.md"


def test_readme_names_only_commands_and_options_that_exist() -> None:
    from shilu.cli import cli

    readme = (ROOT / "README.md").read_text("utf-8")
    for line in re.findall(r"^shilu (.+?)(?:\s+#.*)?$", readme, re.M):
        name, *rest = line.split()
        command = cli.commands[name]
        if isinstance(command, click.Group):
            name, *rest = rest
            command = command.commands[name]
        known = {option for parameter in command.params for option in parameter.opts}
        for word in rest:
            if word.startswith("--"):
                assert word in known, f"{name} has no {word}"
