"""Mirrors with all that happened in them: every version is found, in whatever way it comes in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from shilu import upkeep
from shilu.archive import warc
from shilu.pipeline import Archive, ImportReport, SourceReport, open_archive
from tests.mirrors import START, Mirror, Step, make_record

Mirrors = Callable[..., Mirror]
Record = Callable[[str, bytes], Path]


def after(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


def record(
    number: int, body: str, *, title: str = "两国外长会晤", at: datetime | int | None = None
) -> bytes:
    stamp = START + after(number) if at is None else at
    return make_record(
        title, f"<p>{body}</p>", url=f"https://news.example/zh/{number}", at=stamp
    )  # fmt: skip


FOOTER = '<br><hr><div>获取更多RSS：<br><a href="https://feedx.net">https://feedx.net</a></div>'

UNDATED = make_record(body="<p>无日期</p>", url="https://news.example/zh/9", at=None)

# A history with all that was seen in real mirrors. What each step must come to stands beside it.
HISTORY = [
    Step(START, {"articles/x/1.md": record(1, "甲"), "articles/x/2.md": record(2, "子")}),  # 2 new
    Step(START + after(1), {"articles/x/1.md": record(1, "乙")}),  # edited
    Step(START + after(2), {"articles/x/1.md": record(1, "甲")}),  # and back: a third version
    Step(START + after(2), {"articles/x/1.md": record(1, "丙")}),  # in the same second: a fourth
    Step(START + after(3), {}, ["articles/x/2.md"]),  # deleted
    Step(START + after(4), {"articles/x/2.md": record(2, "子")}),  # back again: same
    Step(START + after(5), {"articles/x/1000000.md": record(3, "千里之外")}),  # new
    Step(START + after(6), {"articles/x/999999.md": record(4, "另一件事")}),  # new
    Step(START + after(7), {"articles/x/999999.md": record(5, "再一件事")}),  # new, overwrites
    Step(START + after(8), {"articles/x/999999.md": record(6, "又一件事")}),  # new, overwrites
    Step(START + after(9), {"articles/x/7.md": record(7, "无日期", at=-1)}),  # new, implausible
    Step(START + after(10), {"articles/x/8.md": b"no head\n"}),  # refused
    Step(START + after(11), {"articles/x/9.md": UNDATED}),  # new
    Step(START + after(12), {"articles/x/2.md": record(2, "子" + FOOTER)}),  # other wrapper: same
    Step(START + after(13), {"articles/x/2.md": record(2, "子", title="新标题")}),  # retitled
    Step(START + after(14), {"lists/x.md": b"10-10 [a](/articles/x)\n", "readme.txt": b"no"}),
]  # fmt: skip
VERSIONS = {1: 4, 2: 2, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 9: 1}
RECORDS = sum(len(step.write) for step in HISTORY[:-1])


def balanced(report: ImportReport) -> ImportReport:
    rows: list[ImportReport | SourceReport] = [report, *report.by_source.values()]
    for row in rows:
        assert row.read == row.versions + row.same + row.refused
    for name in ("read", "articles", "versions", "same", "refused"):
        assert getattr(report, name) == sum(getattr(r, name) for r in report.by_source.values())
    return report


def sound(archive: Archive) -> str:
    """Check the archive; return its digest."""
    assert [fault for check in upkeep.verify(archive) for fault in check.faults] == []
    counts = archive.store.counts()
    records = 0
    for path in warc.capture_files(archive.store.captures_path):
        for member in warc.scan(path):
            assert member.data is not None
            stored = warc.parse_member(member.data)
            records += stored.kind == "resource" or bool(stored.refusal)
    assert counts.captures + counts.refused + len(copies(archive)) == records
    return archive.store.logical_digest()


def copies(archive: Archive) -> list[object]:
    return [*archive.store.copies(ids=[row.id for row in archive.store.captures()])]


def digest_of(path: Path, *imports: Sequence[Path]) -> str:
    with open_archive(path, create=True) as archive:
        for paths in imports:
            balanced(archive.import_paths(paths))
        return sound(archive)


# --------------------------------------------------------------------------- what is found


def test_history_of_a_mirror_gives_every_version(mirror: Mirrors, archive: Archive) -> None:
    made = mirror()
    made.commits(HISTORY)
    report = balanced(archive.import_paths([made.path]))
    found = {}
    for number in range(1, report.articles + 1):
        article = archive.store.article_by_number(number)
        assert article is not None
        assert article.source == "news.example"
        found[int(article.key.rpartition("/")[2])] = len(archive.versions(article.id))
    assert found == VERSIONS
    assert (report.read, report.refused) == (RECORDS, 1)
    assert (report.articles, report.versions) == (len(VERSIONS), sum(VERSIONS.values()))
    assert report.same == RECORDS - 1 - report.versions
    counts = archive.stats()
    assert counts.captures + counts.refused == RECORDS
    assert report.problems["record.no_date"] == 1
    assert report.problems["record.no_head"] == 1
    sound(archive)


def test_versions_tell_their_times_and_texts(mirror: Mirrors, archive: Archive) -> None:
    made = mirror()
    made.commits(HISTORY)
    archive.import_paths([made.path])
    versions = archive.versions("https://news.example/zh/1")
    assert [version.text.split("\n")[1] for version in versions] == ["甲", "乙", "甲", "丙"]
    assert [version.n for version in versions] == [1, 2, 3, 4]
    assert [version.captured_at for version in versions] == [
        START, START + after(1), START + after(2), START + after(2)
    ]  # fmt: skip
    assert all(version.feed_at == START + after(1) for version in versions)
    retitled = archive.versions("news.example/https://news.example/zh/2")
    assert [version.title for version in retitled] == ["两国外长会晤", "新标题"]


def test_raw_bytes_are_kept_as_they_came(mirror: Mirrors, archive: Archive) -> None:
    made = mirror()
    made.commits(HISTORY)
    archive.import_paths([made.path])
    kept = sorted(archive.raw(capture.id) for capture in archive.store.captures())
    assert kept == sorted(data for step in HISTORY[:-1] for data in step.write.values())


# --------------------------------------------------------------------------- again, and in parts


def test_second_import_adds_nothing(mirror: Mirrors, archive: Archive) -> None:
    made = mirror()
    made.commits(HISTORY)
    archive.import_paths([made.path])
    digest = sound(archive)
    files = [path.stat().st_size for path in warc.capture_files(archive.store.captures_path)]
    report = balanced(archive.import_paths([made.path]))
    assert report.read == 0
    assert sound(archive) == digest
    assert files == [p.stat().st_size for p in warc.capture_files(archive.store.captures_path)]


def test_new_commits_alone_are_read(mirror: Mirrors, tmp_path: Path) -> None:
    made = mirror()
    with open_archive(tmp_path / "parts", create=True) as archive:
        for cut in range(0, len(HISTORY), 5):
            steps = HISTORY[cut : cut + 5]
            made.commits(steps)
            report = balanced(archive.import_paths([made.path]))
            assert report.read == sum(
                path.startswith("articles/") for step in steps for path in map(str, step.write)
            )
        digest = sound(archive)
    assert digest == digest_of(tmp_path / "whole", [made.path])


def test_rewritten_history_leaves_what_was_read(mirror: Mirrors, archive: Archive) -> None:
    made = mirror()
    made.commits(HISTORY)
    archive.import_paths([made.path])
    before = archive.stats()
    other = mirror("other.git")
    other.commits([Step(START, {"articles/x/77.md": record(77, "新开始")})])
    made.git("fetch", "--quiet", str(other.path), "+main:main")
    made.git("gc", "--prune=now", "--quiet")
    report = balanced(archive.import_paths([made.path]))
    assert (report.read, report.articles) == (1, 1)
    assert archive.stats().captures == before.captures + 1
    sound(archive)


def test_any_order_and_mix_of_imports_gives_the_same_archive(
    mirror: Mirrors, record_file: Record, tmp_path: Path
) -> None:
    made = mirror()
    made.commits(HISTORY)
    half = mirror("half.git")  # the same beginning, so that its commits are the same
    half.commits(HISTORY[:6])
    folder = record_file("x/1.md", record(1, "乙"))  # a copy of what the mirror had
    record_file("x/30.md", record(30, "只在文件夹里"))
    record_file("x/2.md", record(2, "更早的", at=START - after(60)))
    record_file("y/1.md", make_record(url="https://news.example/zh/1", body="<p>丁</p>", at=None))
    files = sorted(folder.rglob("*.md"))
    digests = {
        digest_of(tmp_path / "a", [made.path, folder]),
        digest_of(tmp_path / "b", [folder, made.path]),
        digest_of(tmp_path / "c", [folder], [made.path]),
        digest_of(tmp_path / "d", [made.path], [folder]),
        digest_of(tmp_path / "e", [half.path], files[:2], [made.path], files[2:]),
        digest_of(tmp_path / "f", *([file] for file in reversed(files)), [half.path, made.path]),
        digest_of(tmp_path / "g", [folder, folder], [made.path, half.path], [folder]),
    }
    assert len(digests) == 1


def test_import_order_of_an_edit_does_not_matter_even_when_it_falls_between(
    record_file: Record, tmp_path: Path
) -> None:
    # A … A without B is one version; B makes the second A open one, whose content is read again.
    texts = [("1", "甲", 0), ("2", "甲" + FOOTER, 2), ("3", "乙", 1)]
    for name, body, minute in texts:
        data = record(1, body, at=START + after(minute))
        folder = record_file(f"x/{name}.md", data)
    files = sorted(folder.rglob("*.md"))
    late = digest_of(tmp_path / "late", [files[0]], [files[1]], [files[2]])
    assert late == digest_of(tmp_path / "early", [files[2]], [files[1]], [files[0]])
    with open_archive(tmp_path / "late") as archive:
        assert len(archive.versions("https://news.example/zh/1")) == 3


# --------------------------------------------------------------------------- two at once


IMPORT = """
import sys
from pathlib import Path
from shilu.pipeline import open_archive
with open_archive(Path(sys.argv[1]), create=True) as archive:
    sys.stdin.readline()
    report = archive.import_paths([Path(path) for path in sys.argv[2:]])
    assert report.read == report.versions + report.same + report.refused
    print(report.read, report.articles, report.versions, report.refused)
"""


def synthetic(count: int, a_commit: int = 40) -> list[Step]:
    """Return a history of records, every tenth an edit of one some commits before."""
    steps = []
    for start in range(0, count, a_commit):
        write = {}
        for n in range(start, min(start + a_commit, count)):
            number = n - 45 if n % 10 == 9 and n > 45 else n
            body = f"第{n}次写成。" + "两国外长周四在晨港会晤，商谈渔业。" * (n % 7)
            write[f"articles/x/{number}.md"] = record(number, body)
        steps.append(Step(START + after(start), write))
    return steps


def test_two_imports_at_once_both_succeed_and_double_nothing(
    mirror: Mirrors, tmp_path: Path, run_python: Callable[..., subprocess.Popen[str]]
) -> None:
    made = mirror()
    made.commits(synthetic(500))
    expected = digest_of(tmp_path / "alone", [made.path])
    processes = [run_python(IMPORT, tmp_path / "both", made.path) for _ in range(2)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = []
    for process in processes:
        output, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
        told.append([int(number) for number in output.split()])
    with open_archive(tmp_path / "both") as archive:
        assert sound(archive) == expected
        counts = archive.stats()
        # Each record was counted as new by one of them and only one.
        assert sum(row[1] for row in told) == counts.articles
        assert sum(row[2] for row in told) == counts.versions
    assert upkeep.rebuild(tmp_path / "both").after == expected


# --------------------------------------------------------------------------- no room


LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
from shilu.errors import ShiluError
from shilu.pipeline import open_archive
try:
    with open_archive(Path(sys.argv[1]), create=True) as archive:
        archive.import_paths([Path(sys.argv[2])])
except ShiluError as error:
    print(error.problem.code, error)
    sys.exit(error.exit_code)
"""


def test_full_disk_is_told_and_costs_nothing_that_was_acknowledged(
    mirror: Mirrors, tmp_path: Path, run_python: Callable[..., subprocess.Popen[str]]
) -> None:
    made = mirror()
    made.commits(synthetic(900))
    expected = digest_of(tmp_path / "undisturbed", [made.path])
    for limit in (20_000, 200_000):
        path = tmp_path / str(limit)
        process = run_python(LIMITED, path, made.path, limit)
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (3, "")
        assert output.startswith("archive.full ")
        assert "make room" in output
        with open_archive(path, create=True) as archive:
            kept = archive.stats().captures
            sound(archive)
            balanced(archive.import_paths([made.path]))
            assert archive.stats().captures == 900 > kept
            assert sound(archive) == expected
