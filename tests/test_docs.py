"""The documentation is true: examples run, every command and error is described."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import click
import pytest

from shilu.cli import cli
from shilu.errors import MESSAGES
from shilu.upkeep import verify

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

MODULES_WITH_EXAMPLES = sorted(
    path.relative_to(ROOT / "src")
    .with_suffix("")
    .as_posix()
    .replace("/", ".")
    .removesuffix(".__init__")
    for path in (ROOT / "src").rglob("*.py")
    if ">>>" in path.read_text("utf-8")
)


def leaves(group: click.Group, start: str = "") -> dict[str, click.Command]:
    """Return the commands that do something, by their whole name: "export markdown"."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= leaves(command, f"{start}{name} ")
        else:
            found[f"{start}{name}"] = command
    return found


COMMANDS = leaves(cli)


def test_python_page_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "python.md").read_text("utf-8")
    test = doctest.DocTestParser().get_doctest(text, {}, "python.md", "docs/python.md", 0)
    failures, attempts = doctest.DocTestRunner().run(test)
    assert attempts > 15
    assert failures == 0


@pytest.mark.parametrize("name", MODULES_WITH_EXAMPLES)
def test_docstring_examples_run(name: str) -> None:
    failures, attempts = doctest.testmod(importlib.import_module(name))
    assert attempts
    assert failures == 0


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_cli_page_describes_every_command_and_option(name: str) -> None:
    text = (DOCS / "cli.md").read_text("utf-8")
    sections = re.split(r"^## ", text, flags=re.M)
    section = next((s for s in sections if s.startswith(f"shilu {name}")), None)
    assert section, f"docs/cli.md has no section '## shilu {name}'"
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option) and parameter.name not in (
            "archive_path",
            "as_json",
        ):
            assert any(option in section for option in parameter.opts), (
                f"docs/cli.md, section '{name}', does not name {parameter.opts[0]}"
            )


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_json_and_an_example(name: str) -> None:
    command = COMMANDS[name]
    assert any("--json" in parameter.opts for parameter in command.params)
    assert "shilu " + name in (command.help or "")


def test_every_message_is_in_both_languages() -> None:
    for code, message in MESSAGES.items():
        assert all(message), code
        places = [set(re.findall(r"{(\w+)}", text)) for text in message]
        assert places[0] == places[2], f"{code}: the reasons name other details"
        assert re.search(r"[\u4e00-\u9fff]", message.reason_zh), code


def test_cli_page_lists_every_check_of_verify() -> None:
    text = (DOCS / "cli.md").read_text("utf-8")
    for name in re.findall(r"``(\w+)``", verify.__doc__ or ""):
        assert f"| {name} |" in text, f"docs/cli.md does not describe the check '{name}'"


def test_relative_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md")]:
        prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text("utf-8"), flags=re.S)
        for target in re.findall(r"\]\(([^)#\s]+)\)", prose):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
