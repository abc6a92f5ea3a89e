"""What leaves the archive as Markdown comes back the same; see docs/export.md."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shilu import upkeep
from shilu.cli import cli
from shilu.errors import UsageError
from shilu.export import markdown as exporter
from shilu.export.markdown import ExportReport, export_markdown
from shilu.export.names import file_names, folded, folder_names, slug
from shilu.extraction import readable
from shilu.extraction.article import content_hash, extract, read_capture
from shilu.fetch.manifest import MANIFEST, Row, read_row
from shilu.pipeline import Archive, open_archive
from shilu.recordform import read_record, readable_standing
from shilu.records import (
    Article,
    Block,
    Content,
    Credit,
    Dateline,
    Entry,
    Mark,
    Media,
    Origin,
    Span,
    Version,
)
from shilu.sample import newsroom
from shilu.sources.catalog import load_catalog
from shilu.text import single_blanks
from tests import real_records
from tests.mirrors import START, Mirror, Step, make_record

FORMS = pytest.mark.parametrize("raw", [True, False], ids=["raw", "clean"])


def new_archive(path: Path, *, sample: bool = False) -> Archive:
    if sample:
        (path / "sources").mkdir(parents=True)
        for name, text in newsroom.source_files().items():
            (path / "sources" / name).write_text(text, "utf-8")
    return open_archive(path, create=True)


def everything(archive: Archive) -> dict[tuple[str, int], tuple[Any, ...]]:
    """All that must come back, by article id and n."""
    found: dict[tuple[str, int], tuple[Any, ...]] = {}
    for _, article in archive.store.numbered_articles():
        for version in archive.versions(article.id):
            found[article.id, version.n] = (
                article, version.id, version.content_hash, version.feed_at, version.content,
            )  # fmt: skip
    return found


def exported(folder: Path) -> list[Path]:
    return sorted((folder / "articles").rglob("*.md"))


def sound(archive: Archive) -> None:
    assert [fault for check in upkeep.verify(archive) for fault in check.faults] == []


# ------------------------------------------------------------------------------ there and back


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("sample")
    newsroom.build_mirror(folder / "mirror")
    with new_archive(folder / "archive", sample=True) as archive:
        archive.import_paths([folder / "mirror"])
        yield archive


@FORMS
def test_sample_news_comes_back(sample: Archive, tmp_path: Path, raw: bool) -> None:
    out = tmp_path / "out"
    report = export_markdown(sample, out, all_versions=True, raw=raw)
    counts = sample.stats()
    assert (report.articles, report.versions) == (counts.articles, counts.versions)
    assert report.written == len(exported(out)) == counts.versions
    assert report.refused == counts.refused == 1
    with new_archive(tmp_path / "again", sample=True) as again:
        read = again.import_paths([out])
        assert (read.articles, read.versions) == (counts.articles, counts.versions)
        assert (read.same, read.refused) == (0, 0)
        assert everything(again) == everything(sample)
        assert again.store.text_digest() == sample.store.text_digest()
        sound(again)
        before = again.store.logical_digest()
        upkeep_digest = again.store.text_digest()
    upkeep.rebuild(tmp_path / "again")
    with open_archive(tmp_path / "again") as again:
        assert again.store.logical_digest() == before
        assert again.store.text_digest() == upkeep_digest


@real_records.needs_records
@FORMS
def test_real_records_come_back(tmp_path: Path, raw: bool) -> None:
    out = tmp_path / "out"
    with new_archive(tmp_path / "archive") as archive:
        archive.import_paths([real_records.RECORDS])
        export_markdown(archive, out, all_versions=True, raw=raw)
        with new_archive(tmp_path / "again") as again:
            again.import_paths([out])
            assert everything(again) == everything(archive)
            assert again.store.text_digest() == archive.store.text_digest()
            sound(again)
        report = archive.import_paths([out])
        assert (report.articles, report.versions, report.refused) == (0, 0, 0)


@real_records.needs_records
def test_seeds_come_back_byte_for_byte(tmp_path: Path) -> None:
    with new_archive(tmp_path / "archive") as archive:
        archive.import_paths([real_records.RECORDS])
        export_markdown(archive, tmp_path / "out", all_versions=True, raw=True)
    files = {path.read_bytes() for path in exported(tmp_path / "out")}
    for name in ("rfi/seed-000", "voa/seed-001"):
        assert real_records.one(name)[1] in files
    assert files <= {data for _, data in real_records.every()}


@FORMS
def test_an_export_adds_nothing_to_its_own_archive(
    sample: Archive, tmp_path: Path, raw: bool
) -> None:
    before = everything(sample), sample.store.text_digest(), sample.stats()
    export_markdown(sample, tmp_path / "out", all_versions=True, raw=raw)
    upkeep.backup(sample, tmp_path / "copy")
    with open_archive(tmp_path / "copy") as copy:
        report = copy.import_paths([tmp_path / "out"])
        assert (report.articles, report.versions, report.refused) == (0, 0, 0)
        assert report.same == before[2].versions
        assert (everything(copy), copy.store.text_digest()) == before[:2]
        if raw:
            assert copy.stats() == before[2]  # the very captures it has
        sound(copy)


def test_raw_export_gives_the_same_captures(sample: Archive, tmp_path: Path) -> None:
    export_markdown(sample, tmp_path / "out", all_versions=True, raw=True)
    with new_archive(tmp_path / "again", sample=True) as again:
        again.import_paths([tmp_path / "out"])
        for article, n in everything(sample):
            one = sample.versions(article)[n - 1]
            other = again.versions(article)[n - 1]
            assert (one.capture_id, one.captured_at) == (other.capture_id, other.captured_at)
            assert sample.raw(one.capture_id) == again.raw(other.capture_id)


# Versions within one second, a return to an earlier text, and versions that stood at no instant.
TANGLED = [
    Step(START, {"articles/x/1.md": make_record(body="<p>甲</p>")}),
    Step(START, {"articles/x/1.md": make_record(body="<p>乙</p>")}),
    Step(START, {"articles/x/1.md": make_record(body="<p>甲</p>")}),
    Step(START + timedelta(minutes=1), {"articles/x/1.md": make_record(body="<p>丙</p>")}),
]


@FORMS
def test_tangled_histories_come_back(
    mirror: Callable[..., Mirror], tmp_path: Path, raw: bool
) -> None:
    made = mirror()
    made.commits(TANGLED)
    loose = tmp_path / "loose"
    loose.mkdir()
    url = "https://news.example/zh/2"
    for name, at in (("a", None), ("b", None), ("c", 1602331200123), ("d", 1602331200456)):
        data = make_record(body=f"<p>{name}</p>", url=url, at=at)
        (loose / f"{name}.md").write_bytes(data)
    with new_archive(tmp_path / "archive") as archive:
        archive.import_paths([made.path, loose])
        numbered = archive.store.numbered_articles()
        assert [len(archive.versions(article.id)) for _, article in numbered] == [4, 4]
        export_markdown(archive, tmp_path / "out", all_versions=True, raw=raw)
        wanted = everything(archive)
        with new_archive(tmp_path / "again") as again:
            again.import_paths([tmp_path / "out"])
            assert everything(again) == wanted
            # The originals after their export, and an export of the export.
            again.import_paths([made.path, loose])
            assert everything(again) == wanted
            export_markdown(again, tmp_path / "second", all_versions=True, raw=raw)
            sound(again)
        report = archive.import_paths([tmp_path / "out"])
        assert (report.articles, report.versions) == (0, 0)
        assert everything(archive) == wanted
        sound(archive)
    with new_archive(tmp_path / "third") as third:
        third.import_paths([tmp_path / "second"])
        assert everything(third) == wanted


def test_clean_files_need_no_manifest(sample: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_markdown(sample, out, all_versions=True)
    (out / MANIFEST).unlink()
    with new_archive(tmp_path / "again", sample=True) as again:
        again.import_paths([out])
        assert everything(again) == everything(sample)


def test_raw_files_without_manifest_are_loose_records(sample: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_markdown(sample, out, raw=True)
    (out / MANIFEST).unlink()
    with new_archive(tmp_path / "again", sample=True) as again:
        again.import_paths([out])
        articles = {one for one, _ in everything(again)}
        assert articles == {one for one, _ in everything(sample)}


def test_newest_versions_alone(sample: Archive, tmp_path: Path) -> None:
    report = export_markdown(sample, tmp_path / "out")
    assert report.versions == report.articles == sample.stats().articles
    with new_archive(tmp_path / "again", sample=True) as again:
        again.import_paths([tmp_path / "out"])
        for article, n in everything(again):
            assert n == 1
            assert again.versions(article)[0].text == sample.versions(article)[-1].text


def test_forgotten_articles_are_not_exported(sample: Archive, tmp_path: Path) -> None:
    upkeep.backup(sample, tmp_path / "copy")
    gone = next(one for _, one in sample.store.numbered_articles())
    upkeep.forget(tmp_path / "copy", gone.id, "a court order")
    with open_archive(tmp_path / "copy") as copy:
        export_markdown(copy, tmp_path / "out", all_versions=True)
    manifest = (tmp_path / "out" / MANIFEST).read_text("utf-8")
    assert gone.id not in manifest
    assert gone.id not in "".join(path.read_text("utf-8") for path in exported(tmp_path / "out"))


# ------------------------------------------------------------------------------ the folder


def small(archive: Archive, tmp_path: Path, *bodies: str, number: int = 1) -> None:
    """Import an article that stood with these bodies, a minute apart."""
    folder = tmp_path / f"news-{number}-{len(bodies)}"
    folder.mkdir()
    url = f"https://news.example/zh/{number}"
    for n, body in enumerate(bodies):
        data = make_record(body=f"<p>{body}</p>", url=url, at=START + timedelta(minutes=n))
        (folder / f"r{n}.md").write_bytes(data)
    archive.import_paths([folder])


def test_a_folder_with_anything_else_is_refused(archive: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.md").write_text("mine", "utf-8")
    with pytest.raises(UsageError) as caught:
        export_markdown(archive, out)
    assert caught.value.problem.code == "use.not_empty"
    (out / MANIFEST).write_text('{"path": "mine.md"}\n', "utf-8")  # another program's
    with pytest.raises(UsageError):
        export_markdown(archive, out)
    assert (out / "mine.md").read_text("utf-8") == "mine"


def test_the_archive_itself_is_no_place(archive: Archive) -> None:
    with pytest.raises(UsageError) as caught:
        export_markdown(archive, archive.store.path / "out")
    assert caught.value.problem.code == "use.inside_the_archive"


def test_an_export_of_nothing_is_an_export(archive: Archive, tmp_path: Path) -> None:
    for _ in range(2):
        assert export_markdown(archive, tmp_path / "out") == ExportReport()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(archive: Archive, tmp_path: Path) -> None:
    small(archive, tmp_path, "甲")
    out = tmp_path / "out"
    out.mkdir(mode=0o500)
    with pytest.raises(UsageError) as caught:
        export_markdown(archive, out)
    assert caught.value.problem.code == "use.output_failed"


def test_a_file_in_the_way_is_told(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", "utf-8")
    for place in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(UsageError) as caught:
            export_markdown(archive, place)
        assert caught.value.problem.code == "use.output_failed"


def test_what_a_link_leads_to_is_not_deleted(archive: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small(archive, tmp_path, "甲")
    export_markdown(archive, out)
    (path,) = exported(out)
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.symlink_to(tmp_path / "elsewhere")
    home = archive.store.path
    (article,) = (one for _, one in archive.store.numbered_articles())
    archive.close()
    upkeep.forget(home, article.id, "a court order")
    with open_archive(home) as opened:
        export_markdown(opened, out)
    assert (tmp_path / "elsewhere" / path.name).is_file()


def test_a_full_disk_is_told(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(archive, tmp_path, "甲")

    def fail(self: object, path: str, data: bytes, **_: object) -> None:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(exporter._Export, "_write", fail)
    with pytest.raises(UsageError) as caught:
        export_markdown(archive, tmp_path / "out")
    assert "No space left" in caught.value.problem.details["cause"]
    monkeypatch.undo()
    assert export_markdown(archive, tmp_path / "out").written == 1


@FORMS
def test_an_export_is_brought_up_to_date(archive: Archive, tmp_path: Path, raw: bool) -> None:
    out = tmp_path / "out"
    small(archive, tmp_path, "甲")
    small(archive, tmp_path, "子", number=2)
    export_markdown(archive, out, all_versions=True, raw=raw)
    again = export_markdown(archive, out, all_versions=True, raw=raw)
    assert (again.written, again.unchanged, again.deleted) == (0, 2, 0)
    small(archive, tmp_path, "甲", "乙")
    report = export_markdown(archive, out, all_versions=True, raw=raw)
    assert (report.versions, report.unchanged, report.deleted, report.kept) == (3, 1, 0, [])
    newest = export_markdown(archive, out, raw=raw)
    assert (newest.versions, newest.unchanged, newest.deleted) == (2, 2, 1)
    assert len(exported(out)) == 2 == len((out / MANIFEST).read_bytes().splitlines())


def test_forms_may_change_places(archive: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small(archive, tmp_path, "甲", "乙")
    export_markdown(archive, out, all_versions=True, raw=True)
    export_markdown(archive, out, all_versions=True)
    assert len(exported(out)) == 2
    assert all(b"form: shilu/1" in path.read_bytes() for path in exported(out))


def test_what_a_user_changed_stays_and_is_imported_as_theirs(
    archive: Archive, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    small(archive, tmp_path, "甲")
    export_markdown(archive, out)
    (path,) = exported(out)
    path.write_text(path.read_text("utf-8").replace("甲", "丁"), "utf-8")
    (out / "articles" / "notes.txt").write_text("mine", "utf-8")
    (out / "lists" / "news.example.md").write_text("mine", "utf-8")
    report = export_markdown(archive, out)
    assert report.kept == [path.relative_to(out).as_posix(), "lists/news.example.md"]
    assert (report.versions, report.written) == (1, 1)
    assert "丁" in path.read_text("utf-8")
    assert (out / "lists" / "news.example.md").read_text("utf-8") == "mine"
    assert len(exported(out)) == 2
    archive.import_paths([out])
    kinds = {one.origin.path: one.origin.kind for one in archive.store.captures()}
    assert kinds[path.relative_to(out).as_posix()] == "file"
    (article,) = (one for _, one in archive.store.numbered_articles())
    assert {version.text.split("\n")[1] for version in archive.versions(article.id)} == {"甲", "丁"}
    # Once the article is gone from the export the file still stands.
    upkeep_path = archive.store.path
    archive.close()
    upkeep.forget(upkeep_path, article.id, "a court order")
    with open_archive(upkeep_path) as opened:
        report = export_markdown(opened, out)
        assert report.deleted == 1
        assert exported(out) == [path]
        assert (out / "articles" / "notes.txt").is_file()


def test_one_source_leaves_the_others_alone(sample: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_markdown(sample, out, all_versions=True)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.md")}
    lines = (out / MANIFEST).read_bytes()
    report = export_markdown(sample, out, source="beiou")
    assert 0 < report.versions < len(before)
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.md")}
    assert {path for path in before if before[path] != after.get(path)} <= {
        path for path in before if "beiou" in path.parts
    }
    assert len((out / MANIFEST).read_bytes().splitlines()) == len(exported(out))
    export_markdown(sample, out, all_versions=True)
    assert sorted((out / MANIFEST).read_bytes().splitlines()) == sorted(lines.splitlines())
    with pytest.raises(UsageError):
        export_markdown(sample, tmp_path / "other", source="nobody")


@FORMS
def test_an_interrupted_export_goes_on(
    sample: Archive, tmp_path: Path, raw: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def stop(done: int, _total: int | None, _unit: str) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_markdown(sample, out, all_versions=True, raw=raw, tick=stop)
    some = len(exported(out))
    assert 0 < some < sample.stats().versions
    with new_archive(tmp_path / "part", sample=True) as part:  # what is there is right already
        assert part.import_paths([out]).versions == some
    report = export_markdown(sample, out, all_versions=True, raw=raw)
    assert (report.unchanged, report.kept, report.deleted) == (some, [], 0)
    with pytest.raises(KeyboardInterrupt):  # and while it is brought to another form
        export_markdown(sample, out, all_versions=True, raw=not raw, tick=stop)
    report = export_markdown(sample, out, all_versions=True, raw=not raw)
    assert (report.kept, len(exported(out))) == ([], sample.stats().versions)
    with new_archive(tmp_path / "again", sample=True) as again:
        again.import_paths([out])
        assert everything(again) == everything(sample)


def test_a_damaged_record_is_named_and_the_rest_exported(archive: Archive, tmp_path: Path) -> None:
    small(archive, tmp_path, "甲")
    small(archive, tmp_path, "子", number=2)
    capture = archive.store.captures()[0]
    path = archive.store.captures_path / capture.place.file
    data = bytearray(path.read_bytes())
    data[capture.place.offset + capture.place.length // 2] ^= 0xFF
    path.write_bytes(data)
    report = export_markdown(archive, tmp_path / "out", raw=True)
    assert (report.versions, len(report.damaged)) == (1, 1)
    assert export_markdown(archive, tmp_path / "clean").versions == 2


def test_lists_are_newest_first_with_the_outlets_day(archive: Archive, tmp_path: Path) -> None:
    for n, at in ((1, START), (2, START + timedelta(days=400)), (3, None)):
        path = tmp_path / f"{n}.md"
        title = f"标题[{n}](x)" if n < 3 else ""
        path.write_bytes(make_record(title, url=f"https://www.dw.com/zh/a-{n}", at=at))
        archive.import_paths([path])
    export_markdown(archive, tmp_path / "out")
    text = (tmp_path / "out" / "lists" / "dw.md").read_text("utf-8")
    rows = re.findall(r"^(\S{10}) \[(.*)\]\((\S+)\)$", text, flags=re.M)
    assert [row[0] for row in rows] == ["2021-11-14", "2020-10-10", "----------"]
    assert rows[0][1] == r"标题\[2\](x)"
    assert all((tmp_path / "out" / "lists" / row[2]).is_file() for row in rows)


def test_hostile_manifests_lead_nowhere(archive: Archive, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small(archive, tmp_path, "甲")
    export_markdown(archive, out, raw=True)
    good = (out / MANIFEST).read_bytes()
    row = json.loads(good)
    victim = tmp_path / "victim.md"
    victim.write_bytes(exported(out)[0].read_bytes())
    bad: list[Any] = [
        {**row, "path": "../victim.md"}, {**row, "path": "/victim.md"},
        {**row, "path": "articles/../victim.md"}, {**row, "path": "articles/x/../../victim.md"},
        {**row, "origin": {"kind": "http", "path": "x"}}, {**row, "origin": None},
        {**row, "origin": {"kind": "git", "path": "x", "commit": "zz"}}, {**row, "n": "a"},
        {**row, "origin": {"kind": "git", "path": "x", "commit": 5}}, {**row, "captured_at": "x"},
        {**row, "origin": {"kind": "file", "path": "x", "commit": "a" * 40}}, [], 7, "x", None,
        {**row, "origin": {"kind": "git", "path": "x\0", "commit": "a" * 40, "generation": 1}},
        {**row, "captured_at": "0001-01-01T00:00:00Z"},
    ]  # fmt: skip
    assert all(read_row(json.dumps(one).encode()) is None for one in bad)
    for line in (b"{", b"[" * 100_000, b"\xff", b""):
        assert read_row(line) is None
    lines = [json.dumps(one).encode() for one in bad]
    (out / MANIFEST).write_bytes(good + b"\n".join(lines))
    archive.import_paths([out])
    export_markdown(archive, out)
    assert victim.is_file()


@given(
    st.sampled_from(["git", "file", "export"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).map(
        lambda text: text + "\udcff"
    ),
)
def test_rows_come_back(kind: Any, path: str) -> None:
    commit = "ab" * 20 if kind == "git" else None
    row = Row(
        "articles/a/b.md", "0" * 64, "raw", "1" * 32, "a", "k", "2" * 32, 3,
        Origin(kind, path, commit, 0 if kind == "file" else 4), START,
    )  # fmt: skip
    assert read_row(row.line()) == row


# ------------------------------------------------------------------------------ trust


def clean_file(catalog_url: str, **front: str) -> bytes:
    lines = {"form": "shilu/1", "title": "标题", "url": catalog_url} | front
    body = "".join(f"{key}: {value}\n" for key, value in lines.items())
    return f"---\n{body}---\n<!--1602356177000-->\n[标题](x)\n------\n\n正文。\n".encode()


def test_source_and_key_follow_from_the_address() -> None:
    catalog = load_catalog()
    for url, front, wanted in (
        ("https://evil.example/1", {"source": "rfi", "key": "x"}, ("evil.example", None)),
        ("https://www.dw.com/zh/a-70241396", {"key": "a-1"}, ("dw", "a-70241396")),
        ("https://chinadigitaltimes.net/chinese/2020/09/x/", {"key": "656166"}, ("cdt", "656166")),
        ("https://chinadigitaltimes.net/chinese/2020/09/x/", {"key": "../x"}, ("cdt", None)),
        ("https://chinadigitaltimes.net/chinese/2020/09/x/", {"key": "9999999"}, ("cdt", None)),
    ):
        reading = read_capture(clean_file(url, **front), "articles/rfi/1.md", catalog, "-")
        assert hasattr(reading, "key"), reading
        assert (reading.source, reading.key) == (wanted[0], wanted[1] or url)


def test_front_matter_from_anywhere_never_raises() -> None:
    hostile = {
        "authors": "{a: [b]}", "credits": '["reporter: 张三 [3, 999999999]", "x", "king: 李 []"]',
        "published_at": "0001-01-01T00:00:00+23:59", "published_on": "2024-99-99",
        "published_zone": "../../etc/passwd", "lang": "javascript:alert(1)",
        "dateline": '"x"', "dateline_month": "13", "dateline_day": "٣", "version": "-5",
        "stands_at": "yesterday", "content_hash": "[[[]]]",
    }  # fmt: skip
    data = clean_file("https://news.example/1", **hostile)
    content = extract(data)
    assert content.text == "标题\n正文。"
    assert content.credits == (Credit("reporter", "张三"),)
    assert (content.published_at, content.published_on, content.published_zone) == (None,) * 3
    assert content.lang == "zh"
    assert content.dateline == Dateline("x")
    standing = readable_standing(data)
    assert standing is not None
    assert (standing.n, standing.at) == (1, None)


def test_files_touched_by_other_programs_are_read() -> None:
    data = clean_file("https://news.example/1", authors="[张三, 李四]").decode()
    for one in (
        data.replace("\n", "\r\n"), "\ufeff" + data,
        data.replace("form: shilu/1", "form: 'shilu/1'"),
        data.replace("<!--1602356177000-->\n[标题](x)\n------\n", ""),
    ):  # fmt: skip
        content = extract(one)
        assert content.text == "标题\n正文。"
        assert content.authors == ("张三", "李四")


EDITED = """\
Setext heading
==============

A *soft*
break and  hard
break\\
here, `code` and <https://news.example/a> [rel](/b) [bad](javascript:x) ![alt](/p.jpg "Reuters") end

1. one

   still one
2. two
   > quoted

| a | b |
|---|---|
| c | *d* |

<div class="x"><p>html <b>bold</b></p><img src="/q.jpg"><figcaption>words</figcaption></div>

    indented code

<script>alert(1)</script>

***
"""


def test_other_markdown_is_read_as_commonmark_means_it() -> None:
    page = readable.from_markdown(EDITED, "https://news.example/x")
    assert [(line.kind, line.level, line.text) for line in page.lines] == [
        ("heading", 1, "Setext heading"),
        ("paragraph", 0, "A soft break and hard break"),
        ("paragraph", 0, "here, code and https://news.example/a rel bad"),
        ("paragraph", 0, "end"),
        ("item", 1, "one"), ("item", 1, "still one"), ("item", 1, "two"), ("quote", 0, "quoted"),
        ("cell", 0, "a"), ("cell", 0, "b"), ("cell", 0, "c"), ("cell", 0, "d"),
        ("paragraph", 0, "html bold"), ("caption", 0, "words"),
        ("code", 0, "indented code"),
    ]  # fmt: skip
    assert [(one.url, one.alt, one.credit) for one in page.media] == [
        ("https://news.example/p.jpg", "alt", "Reuters"),
        ("https://news.example/q.jpg", None, None),
    ]
    links = [mark.url for line in page.lines for mark in line.marks if mark.kind == "link"]
    assert links == ["https://news.example/a", "https://news.example/b"]


# ------------------------------------------------------------------------------ any content

NASTY = [
    "#", "# ", "-", "- ", "+ ", "1. ", "12) ", "> ", "`", "```", "~~~", "*", "**", "_", "[", "]",
    "](", "(", ")", "<", "<b>", "</b>", "<!--", "-->", "<small>", "&", "&amp;", "&#38;", "&lt;",
    "!", "![", "|", "\\", "\\\\", "\\|", "$", "~~", "==", "%%", "---", "***", "====", "|---|", ":",
    '"', "'", "<!--note-->", "[x]: http://a", "http://a.example/b", "a@b.example", "。", "，", "“",
    "”", "（", "）", "「", "《", "·", "—", "…", "中国", "普京", "１０月", "a", "B", "1", " ", "😀",
    "👩\u200d👧", "שלום", "\u202e", "é", "e\u0301", "\u0338", "{", "}", "{{", "^", "=", "\ufffd",
    "https://x.example/(a)", "form: shilu/1",
]  # fmt: skip
words = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=3)), min_size=1, max_size=8)


def one_line(pieces: list[str]) -> str:
    return single_blanks("".join(pieces).encode("utf-8", "replace").decode())


lines = words.map(one_line).filter(bool)
urls = st.builds(
    lambda tail: "https://news.example/" + tail.strip(),
    st.one_of(
        st.sampled_from(["a(b)c", "a b", "a\\b", "a<b>", 'q"x"', "中国/x", "`", "|", "[", "!"]),
        st.sampled_from(["a?b=1&copy=2", "a?b&lt;", "a&#38;b", "a&b;"]),
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
    ),
)  # fmt: skip
optional_lines = st.one_of(st.none(), lines)
instants = st.one_of(
    st.none(),
    st.datetimes(datetime(1990, 1, 1), datetime(2099, 1, 1)).map(
        lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)
    ),
)
KINDS = [
    "subtitle", "dateline", "paragraph", "heading", "item", "quote", "caption", "cell", "code",
    "note", "credits",
]  # fmt: skip


@st.composite
def nested_marks(draw: Any, length: int) -> list[tuple[int, int, str, str | None]]:
    """Marks of one line, nested as elements are."""
    found: list[tuple[int, int, str, str | None]] = []

    def within(start: int, end: int, depth: int) -> None:
        position = start
        while position < end and depth < 3 and draw(st.booleans()):
            first = draw(st.integers(position, end - 1))
            last = draw(st.integers(first + 1, end))
            kind = draw(st.sampled_from(["strong", "emphasis", "link"]))
            found.append((first, last, kind, draw(urls) if kind == "link" else None))
            within(first, last, depth + 1)
            position = last

    within(0, length, 0)
    return found


@st.composite
def contents(draw: Any) -> Content:
    """Any content that extraction could make, and some that it could not."""
    title = draw(st.one_of(st.just(""), lines))
    pieces, blocks, marks = [], [], []
    position = 0
    if title:
        pieces.append(title)
        blocks.append(Block("title", 0, len(title)))
        position = len(title) + 1
    body_start = position
    for text in draw(st.lists(lines, max_size=7)):
        kind = draw(st.sampled_from(KINDS))
        level = (
            draw(st.integers(1, 30 if kind == "item" else 6)) if kind in ("heading", "item") else 0
        )
        blocks.append(Block(kind, position, position + len(text), level))
        rows = draw(nested_marks(len(text)))
        rows = [row for row in rows if text[row[0]] != " " and text[row[1] - 1] != " "]
        rows.sort(key=lambda row: (row[0], -row[1], row[2]))
        marks += [Mark(kind, position + a, position + b, url) for a, b, kind, url in rows]
        pieces.append(text)
        position += len(text) + 1
    text = "\n".join(pieces)
    offset = 1 if title else 0
    free = [Span(one.start, one.end) for one in blocks[offset:] if one.kind != "code"]
    media = []
    for before in sorted(draw(st.lists(st.integers(offset, len(blocks)), max_size=4))):
        caption = draw(st.sampled_from([None, *free])) if free else None
        if caption:
            free.remove(caption)
        kind = draw(st.sampled_from(["image", "video", "audio", "frame", "post"]))
        media.append(
            Media(kind, draw(urls), before, caption, draw(optional_lines), draw(optional_lines))
        )
    named = []
    for start in draw(st.lists(st.integers(0, max(0, len(text) - 1)), max_size=3)):
        end = min(len(text), start + draw(st.integers(1, 4)))
        role = draw(st.sampled_from(["reporter", "editor", "source", "translator"]))
        name = text[start:end]
        if name and "\n" not in name:
            is_named = draw(st.booleans())
            named.append(Credit(role, name, Span(start, end) if is_named else None))
    has_dateline = draw(st.booleans())
    return Content(
        title=title, text=text, body_start=min(body_start, len(text)), blocks=tuple(blocks),
        marks=tuple(marks), media=tuple(media), authors=tuple(draw(st.lists(lines, max_size=30))),
        credits=tuple(named), column=draw(optional_lines), site_suffix=draw(optional_lines),
        section=draw(optional_lines), lang=draw(st.sampled_from(["und", "zh-Hans", "en", "zh"])),
        published_at=draw(instants),
        published_on=draw(st.one_of(st.none(), st.dates(date(1990, 1, 1), date(2099, 1, 1)))),
        published_zone=draw(st.sampled_from([None, "Asia/Shanghai", "UTC"])),
        dateline=Dateline(
            draw(lines), draw(optional_lines), draw(optional_lines), draw(optional_lines),
            draw(st.sampled_from([None, 1, 12])), draw(st.sampled_from([None, 1, 31])),
            draw(st.sampled_from([None, date(2020, 2, 29)])),
        ) if has_dateline else None,
    )  # fmt: skip


def as_file(content: Content, feed_at: datetime | None, stands_at: datetime | None) -> bytes:
    article = Article("0" * 32, "news.example", "k", "https://news.example/zh/1")
    version = Version(
        "1" * 32, article.id, 3, content_hash(content), content, "c", feed_at, START, "e"
    )
    return readable.write(article, version, stands_at).encode()


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(contents(), instants, instants)
def test_any_content_comes_back(
    content: Content, feed_at: datetime | None, stands_at: datetime | None
) -> None:
    data = as_file(content, feed_at, stands_at)
    entry = read_record(data, "articles/x/1.md", "-")
    assert isinstance(entry, Entry)
    assert (entry.url, entry.feed_at) == ("https://news.example/zh/1", feed_at)
    standing = readable_standing(data)
    assert standing is not None
    assert (standing.n, standing.at) == (3, stands_at)
    back = replace(readable.read(entry, "-"), problems=())
    for field in fields(Content):
        assert getattr(back, field.name) == getattr(content, field.name), data.decode()
    assert content_hash(back) == content_hash(content)


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.lists(st.sampled_from(NASTY)))
def test_any_body_is_read_and_written_again(text: str, nasty: list[str]) -> None:
    """What a user typed becomes a content, and that one comes back."""
    data = clean_file("https://news.example/1") + ("".join(nasty) + text).encode()
    content = extract(data)
    if not content.text or "\r" in text or "\0" in text:
        return
    entry = read_record(as_file(content, None, None), "articles/x/1.md", "-")
    assert isinstance(entry, Entry)
    back = readable.read(entry, "-")
    assert back.text == content.text
    assert back.blocks == content.blocks


@pytest.mark.parametrize(
    "body",
    ["> " * 5000 + "x", "- " * 5000 + "x", "[" * 20_000, "![" * 5000, "*a **b " * 5000,
     "<div>" * 5000, "<!--" * 5000, "|a" * 3000 + "\n" + "|-" * 3000, "`" * 20_000],
)  # fmt: skip
def test_hostile_markdown_is_read(body: str) -> None:
    extract(clean_file("https://news.example/1") + body.encode())


@example("**粗体。**后文")
@given(lines)
def test_escaped_text_is_no_markup(text: str) -> None:
    (line,) = readable.from_markdown(readable.escaped(f"字{text}")).lines
    assert (line.text, line.marks) == (f"字{text}", [])


def test_marks_beside_chinese_punctuation_are_tags() -> None:
    text = "他说“你好”，然后。"
    content = Content(
        "", text, 0, (Block("paragraph", 0, len(text)),),
        (Mark("strong", 2, 6), Mark("emphasis", 7, 9)),
    )  # fmt: skip
    assert readable.to_markdown(content) == "他说<strong>“你好”</strong>，*然后*。"


# ------------------------------------------------------------------------------ names

titles = st.one_of(
    st.text(max_size=120),
    words.map("".join),
    st.sampled_from(["CON", "con.txt", "NUL", "2024", "2024_x", "..", ".", "", " "]),
    st.sampled_from(["a" * 500, "中" * 300]),
)  # fmt: skip


def is_safe(name: str) -> bool:
    return (
        0 < len(name.encode()) <= 255
        and unicodedata.is_normalized("NFC", name)
        and not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f#%\[\]^ ]', name)
        and name[-1] not in ". "
        and name[0] not in ". -"
        and not re.match(r"(?i)(?:CON|PRN|AUX|NUL|COM\d|LPT\d)(?:\.|$)", name)
        and all(char.isprintable() for char in name)
    )


@given(titles, st.one_of(st.none(), st.integers(1, 10**6)), st.integers(1, 10**9 - 1))
def test_file_names_are_safe_everywhere(title: str, older: int | None, number: int) -> None:
    for filed in (None, number):
        names = list(islice(file_names(title, "0123456789abcdef" * 2, older, filed), 6))
        assert all(is_safe(name) for name in names), names
        assert len({folded(name) for name in names}) == len(names)
        mirrored = re.match(r"(\d{1,9})(?:_.*)?\.md$", names[0])
        assert (int(mirrored[1]) if mirrored else None) == filed
    assert len(slug(title).encode()) <= 80


@given(st.one_of(titles, st.from_regex(r"[a-z0-9.-]{1,60}\.[a-z]{2,5}", fullmatch=True)))
def test_folder_names_are_safe_everywhere(source: str) -> None:
    names = list(islice(folder_names(source), 4))
    assert all(is_safe(name) for name in names), names
    assert len({folded(name) for name in names}) == len(names)


def test_names_that_differ_in_case_alone_are_told_apart(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, title in enumerate(("Straße", "STRASSE", "strasse", "é", "e\u0301")):
        path = tmp_path / f"{n}.md"
        path.write_bytes(make_record(title, f"<p>{n}</p>", url=f"https://news.example/zh/{n}"))
        archive.import_paths([path])
    monkeypatch.setattr(exporter, "file_names", same_names)
    export_markdown(archive, tmp_path / "out")
    names = [path.name for path in exported(tmp_path / "out")]
    assert len(names) == len({folded(name) for name in names}) == 5


def same_names(title: str, *_: object) -> Iterator[str]:
    yield f"{slug(title)}.md"
    for count in range(2, 100):
        yield f"{slug(title)}_{count}.md"


# ------------------------------------------------------------------------------ the command


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, arguments, standalone_mode=False)


def test_command_exports_and_says_so(sample: Archive, tmp_path: Path) -> None:
    upkeep.backup(sample, tmp_path / "copy")
    where = ["--archive", str(tmp_path / "copy")]
    digest = sample.store.text_digest()
    done = run("export", "markdown", str(tmp_path / "out"), "--versions", "all", *where)
    assert done.return_value == 0
    assert digest in done.output
    assert "1 refused records are not in the export" in done.output
    told = json.loads(
        run(
            "export", "markdown", str(tmp_path / "out"), "--versions", "all", "--json", *where
        ).output
    )
    assert told["text_digest"] == digest
    assert (told["written"], told["unchanged"]) == (0, told["versions"])
    newest = run("export", "markdown", str(tmp_path / "new"), "--json", *where)
    assert json.loads(newest.output)["text_digest"] is None
    stats = json.loads(run("stats", "--digest", "--json", *where).output)
    assert stats["text_digest"] == digest
    assert digest in run("stats", "--digest", *where).output
    assert "text_digest" not in json.loads(run("stats", "--json", *where).output)
