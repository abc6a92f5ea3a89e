"""How fast a mirror goes in, how much memory and disk it takes, and how that compares.

    python benchmarks/bench_import.py [SIZE …] [--full] [--rounds N] [--json FILE]

Every figure comes from a fresh process. ``benchmarks/README.md`` says how to read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
_SAMPLE_S = 0.05
_LIMIT, _PEER, _IMPORT = "git cat-file --batch", "peer: parse + FTS5", "shilu import"


@dataclass
class Row:
    """One step at one size."""

    records: int
    step: str
    seconds: float  # wall clock
    cpu_s: float  # user and system, of all its processes
    rss_mb: float  # highest sum over its processes; pages they share count once each

    @property
    def rate(self) -> float:
        return self.records / self.seconds


# ------------------------------------------------------------------------------ steps


def step_names(mirror: str, names: str) -> None:
    """Write down the blobs an import reads, in its order. Not measured."""
    from shilu.fetch.mirror import Found, walk_repository

    found = walk_repository(Path(mirror), mirror, [], 1 << 25)
    text = "".join(f"{one.payload_name}\n" for one in found if isinstance(one, Found))
    Path(names).write_text(text, "ascii")


def step_limit(mirror: str, names: str) -> None:
    """Read the blobs and do nothing with them: nothing that reads a mirror is faster."""
    with Path(names).open("rb") as stdin:
        subprocess.run(
            ["git", f"--git-dir={mirror}", "cat-file", "--batch"],
            stdin=stdin, stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip


def step_walk(mirror: str) -> None:
    """Walk the history and read every record, without preparing it."""
    from shilu.fetch.mirror import walk_repository

    for _ in walk_repository(Path(mirror), mirror, [], 1 << 25):
        pass


def step_peer(mirror: str, names: str, database: str) -> None:
    """Do the least a program of today would: one process, no versions, no captures."""
    from selectolax.lexbor import LexborHTMLParser

    head = re.compile(r"<!--(\d+)-->\n\[(.*)\]\((\S+)\)\n-+\n\n(.*)", re.S)
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE VIRTUAL TABLE fts USING fts5(stamp UNINDEXED, title, url, body)")
    with Path(names).open("rb") as stdin:
        process = subprocess.Popen(
            ["git", f"--git-dir={mirror}", "cat-file", "--batch"],
            stdin=stdin, stdout=subprocess.PIPE,
        )  # fmt: skip
    assert process.stdout is not None
    count = 0
    while header := process.stdout.readline():
        data = process.stdout.read(int(header.split()[2]))
        process.stdout.read(1)
        found = head.match(data.decode())
        assert found
        stamp, title, url, html = found.groups()
        body = LexborHTMLParser(html).body
        row = (stamp, title, url, body.text() if body else "")
        connection.execute("INSERT INTO fts VALUES (?, ?, ?, ?)", row)
        count += 1
        if count % 100 == 0:
            connection.commit()
    connection.commit()
    connection.close()


STEPS: dict[str, Callable[..., None]] = {
    "names": step_names,
    "limit": step_limit,
    "walk": step_walk,
    "peer": step_peer,
}


# ------------------------------------------------------------------------------ measuring


def measure(records: int, step: str, command: Sequence[str | Path], allowed: int = 0) -> Row:
    """Run a command; watch its whole process tree."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(_resident(pid) for pid in _tree(process.pid)))
            time.sleep(_SAMPLE_S)
        seconds = time.perf_counter() - start
        if process.returncode not in (0, allowed):
            output.seek(0)
            raise SystemExit(f"{step}: {output.read().decode('utf-8', 'replace')}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Row(records, step, seconds, cpu_s, peak * os.sysconf("SC_PAGE_SIZE") / 1e6)


def _tree(pid: int) -> Iterable[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # it has ended
            continue
        for child in children:
            yield from _tree(int(child))


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0


def bench(records: int, folder: Path, rounds: int) -> tuple[list[Row], dict[str, Any]]:
    """Measure every step at one size; of several rounds the quickest counts."""
    python, mirror, names = sys.executable, folder / f"mirror-{records}", folder / "names"
    archive, peer = folder / "archive", folder / "peer.db"
    if not mirror.exists():
        generator = HERE.with_name("mirror_generator.py")
        subprocess.run([python, generator, mirror, "--records", str(records)], check=True)

    def step(name: str, *arguments: Path) -> list[str | Path]:
        return [python, HERE, "--step", name, *arguments]

    def shilu(command: str, *arguments: Path) -> list[str | Path]:
        return [python, "-m", "shilu", command, *arguments, "--archive", archive]

    plan: list[tuple[str, list[str | Path]]] = [
        (_LIMIT, step("limit", mirror, names)),
        ("Git walk alone", step("walk", mirror)),
        (_PEER, step("peer", mirror, names, peer)),
        (_IMPORT, shilu("import", mirror)),
        ("import again", shilu("import", mirror)),
        ("verify", shilu("verify")),
        ("rebuild", shilu("rebuild")),
    ]
    subprocess.run(step("names", mirror, names), check=True)
    counted = len(names.read_text("ascii").split())
    best: dict[str, Row] = {}
    sizes: dict[str, int] = {}
    for _ in range(rounds):
        shutil.rmtree(archive, ignore_errors=True)
        for left in folder.glob("peer.db*"):
            left.unlink()
        for name, command in plan:
            row = measure(counted, name, command, allowed=1 if "import" in name else 0)
            best[name] = min(row, best.get(name, row), key=lambda one: one.seconds)
            if name == _IMPORT:
                sizes = _sizes(archive)
    raw = _raw_bytes(mirror, names)
    shutil.rmtree(archive)
    return list(best.values()), {"records": counted, "raw_bytes": raw, **sizes}


def _sizes(archive: Path) -> dict[str, int]:
    def size(pattern: str) -> int:
        return sum(path.stat().st_size for path in archive.glob(pattern) if path.is_file())

    return {
        "captures_bytes": size("captures/**/*"),
        "shilu_db_bytes": size("shilu.db*"),
        "state_db_bytes": size("state.db*"),
    }


def _raw_bytes(mirror: Path, names: Path) -> int:
    check = ["git", f"--git-dir={mirror}", "cat-file", "--batch-check=%(objectsize)"]
    with names.open("rb") as stdin:
        run = subprocess.run(check, stdin=stdin, capture_output=True, check=True)
    return sum(map(int, run.stdout.split()))


# ------------------------------------------------------------------------------ telling


def machine() -> dict[str, str]:
    """Tell what it ran on."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    git = subprocess.run(["git", "--version"], capture_output=True, check=True, text=True)
    return {
        "cpu": cpu[1] if cpu else platform.processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "git": git.stdout.split()[-1],
        "sqlite": sqlite3.sqlite_version,
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def table(rows: Sequence[Row], disk: Sequence[dict[str, Any]]) -> str:
    """Lay the figures out as Markdown."""
    lines = [
        "| records | step | seconds | CPU s | records/s | of the limit | × the peer | peak MB |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        same = {other.step: other for other in rows if other.records == row.records}
        lines.append(
            f"| {row.records:,} | {row.step} | {row.seconds:.2f} | {row.cpu_s:.2f} "
            f"| {row.rate:,.0f} | {row.rate / same[_LIMIT].rate:.3f} "
            f"| {row.rate / same[_PEER].rate:.2f} | {row.rss_mb:.0f} |"
        )
    lines += [
        "",
        "| records | raw bytes | captures | shilu.db | state.db | archive bytes per raw byte |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for sizes in disk:
        raw = sizes["raw_bytes"]
        parts = [sizes[f"{name}_bytes"] for name in ("captures", "shilu_db", "state_db")]
        shares = " | ".join(f"{part / raw:.3f}" for part in parts)
        lines.append(f"| {sizes['records']:,} | {raw:,} | {shares} | **{sum(parts) / raw:.3f}** |")
    rates = [row.rate for row in rows if row.step == _IMPORT]
    if len(rates) > 1:
        largest, smallest = rates[-1], rates[0]
        lines += ["", f"Rate at the largest size / rate at the smallest: {largest / smallest:.2f}"]
    return "\n".join(lines)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000], metavar="SIZE")
    parser.add_argument("--full", action="store_true", help="measure 100,000 records too")
    parser.add_argument("--rounds", type=int, default=1, help="the quickest of so many counts")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--folder", type=Path, help="where mirrors are kept between runs")
    options = parser.parse_args()
    sizes = [*options.sizes, *([100_000] if options.full else [])]
    told = {"machine": machine()}
    print(" · ".join(f"{name} {value}" for name, value in told["machine"].items()), flush=True)
    rows: list[Row] = []
    disk: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="shilu-bench-") as temporary:
        for size in sizes:
            found, sizes_on_disk = bench(size, options.folder or Path(temporary), options.rounds)
            rows += found
            disk.append(sizes_on_disk)
    print(f"\n{table(rows, disk)}")
    if options.json:
        figures = {**told, "rows": [asdict(row) for row in rows], "disk": disk}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        STEPS[sys.argv[2]](*sys.argv[3:])
    else:
        main()
