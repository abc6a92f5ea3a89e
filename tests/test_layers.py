"""News flows one way: who may import whom, and who may touch the world outside.

Every import counts, also those inside functions and under ``TYPE_CHECKING``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "shilu"

BASE = ["records", "errors", "config", "text", "urls", "sanitize", "recordform", "lexicon"]
BASE += ["sources"]
STAGES = ["fetch", "extraction", "archive", "search", "understand", "connect"]
# part: what it may import of shilu besides itself and, but for jobs, the base
ALLOWED: dict[str, list[str]] = {
    **{part: [] for part in [*BASE, *STAGES]},
    "jobs": [],
    "pipeline": [*STAGES, "jobs"],
    "upkeep": [*STAGES, "jobs", "pipeline"],
    "curation": [*STAGES, "jobs", "pipeline"],
    "forms": ["archive", "search", "pipeline", "curation"],
    "terminal": [],
    "export": [*STAGES, "pipeline", "curation", "forms"],
    "serve": ["archive", "search", "pipeline", "forms"],
    "sample": [],
    "cli": [
        *STAGES,
        "jobs",
        "pipeline",
        "upkeep",
        "curation",
        "forms",
        "terminal",
        "export",
        "serve",
        "sample",
    ],
    "__init__": ["extraction", "pipeline"],
    "__main__": ["cli"],
}
# Narrower than its part: how contents lie on disk must not depend on anything that may change.
ALLOWED_FILES = {"archive/codec.py": {"records"}}

OUTSIDE = {"socket", "socketserver", "ssl", "http", "urllib.request", "subprocess", "sqlite3",
           "sqlalchemy", "shutil", "tempfile", "fcntl", "mmap"}  # fmt: skip
FILE_CALLS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir"}
MAY_TOUCH_THE_OUTSIDE = ("fetch/", "archive/", "search/index.py", "jobs.py", "serve/", "cli/",
                         "sample/", "export/")  # fmt: skip
# What single files do besides, with the reason.
EXCEPTIONS = {
    # the outlets' TOML files: the package's own and those of an archive
    "sources/catalog.py": {"calls read_text()"},
    # the package's own data and code, whose digest names the extractor
    "extraction/article.py": {"calls read_text()", "calls read_bytes()"},
    # the words of the generic line rules
    "extraction/line_rules.py": {"calls read_text()"},
    # the tables' own files
    "lexicon/tables.py": {"calls read_text()"},
    # the user's rules for an outlet, written into the archive's folder
    "curation.py": {"calls read_text()", "calls mkdir()", "imports tempfile"},
    # backup copies an archive file by file
    "upkeep.py": {"imports shutil", "calls mkdir()"},
}
FORBIDDEN_NAMES = {"utils", "util", "common", "misc", "base", "core", "manager", "helpers"}


def files() -> list[tuple[str, ast.Module]]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return [(p.relative_to(PACKAGE).as_posix(), ast.parse(p.read_text("utf-8"))) for p in paths]


def imports(name: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import, made absolute."""
    package = ["shilu", *name.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *filter(None, [node.module])])
            # ``from shilu import jobs`` imports a part, ``from shilu import __version__`` none
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}" if module == "shilu" else module


def part_of(dotted: str) -> str | None:
    """Return the part of shilu an import leads to; None for other packages."""
    first, _, rest = dotted.partition(".")
    if first != "shilu":
        return None
    part = rest.partition(".")[0]
    is_part = (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").is_file()
    return part if part and is_part else None  # None: a name of ``shilu`` itself, such as a version


def test_imports_go_one_way() -> None:
    faults = []
    for name, tree in files():
        own = name.partition("/")[0].removesuffix(".py")
        if own not in ALLOWED:
            faults.append(f"src/shilu/{name}: a new part; say in ALLOWED what it may import")
            continue
        allowed = {own, *ALLOWED[own], *(BASE if own != "jobs" else ())}
        allowed = ALLOWED_FILES.get(name, allowed)
        for line, dotted in imports(name, tree):
            part = part_of(dotted)
            if part is not None and part not in allowed:
                faults.append(
                    f"src/shilu/{name}:{line}: imports {dotted}; "
                    f"{own} may import {', '.join(sorted(allowed))}"
                )
    assert not faults, "\n" + "\n".join(faults)


def test_base_has_no_cycles() -> None:
    uses = {part: set[str]() for part in BASE}
    for name, tree in files():
        own = name.partition("/")[0].removesuffix(".py")
        if own in uses:
            found = {part_of(dotted) for _, dotted in imports(name, tree)}
            uses[own] |= {part for part in found if part in uses and part != own}
    while ready := [part for part, used in uses.items() if not used & uses.keys()]:
        for part in ready:
            del uses[part]
    assert not uses, f"these import one another: {uses}"


def test_only_some_parts_touch_the_outside() -> None:
    faults = []
    for name, tree in files():
        if name.startswith(MAY_TOUCH_THE_OUTSIDE):
            continue
        touched = [
            (line, f"imports {dotted}") for line, dotted in imports(name, tree)
            if any(f"{dotted}.".startswith(f"{module}.") for module in OUTSIDE)
        ]  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if called in FILE_CALLS:
                    touched.append((node.lineno, f"calls {called}()"))
        faults += [
            f"src/shilu/{name}:{line}: {what}; only {', '.join(MAY_TOUCH_THE_OUTSIDE)} may"
            for line, what in touched
            if what not in EXCEPTIONS.get(name, ())
        ]
    assert not faults, "\n" + "\n".join(faults)


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = {path.stem: path for path in (ROOT / "src").rglob("*")}
    assert not FORBIDDEN_NAMES & named.keys(), [named[n] for n in FORBIDDEN_NAMES & named.keys()]
