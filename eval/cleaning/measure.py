"""How much of the article cleaning keeps, and how much else it leaves, by the labels.

    python -m eval.cleaning.measure [--json] [--details] [--raise-floors]

``eval/README.md`` says what the figures mean. Exit codes: 0; 1 when a figure is below its floor in
``eval/floors.toml``; 2 when the sample records are not on this machine.
"""

from __future__ import annotations

import argparse
import html
import json
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from itertools import groupby
from pathlib import Path
from typing import Any

import shilu
from eval.cleaning.churn import PAIRS, cases
from eval.cleaning.labels import ROOT, Label, LabelError, NoRecords, Range, load_all
from eval.cleaning.systems import SHILU, UNDECLARED, Output, read, systems
from eval.cleaning.visible import seen, visible
from shilu.extraction.article import content_hash
from shilu.records import Content

FLOORS = ROOT / "eval" / "floors.toml"
TUNED, HELD_OUT = "tuned", "held_out"

# ------------------------------------------------------------------------------- text


@dataclass(frozen=True, slots=True)
class Tally:
    """Characters seen, white space left out."""

    article: int = 0  # in the record
    found: int = 0  # of them in the output
    boilerplate: int = 0  # in the record
    stayed: int = 0  # of them in the output
    output: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.article + other.article,
            self.found + other.found,
            self.boilerplate + other.boilerplate,
            self.stayed + other.stayed,
            self.output + other.output,
        )

    @property
    def kept(self) -> float | None:
        """Return the share of the article that is in the output, None without an article."""
        return _share(self.found, self.article)

    @property
    def left(self) -> float | None:
        """Return the share of the boilerplate that is in the output, None without any."""
        return _share(self.stayed, self.boilerplate)

    @property
    def left_of_output(self) -> float | None:
        """Return which share of the output is boilerplate, None for no output."""
        return _share(self.stayed, self.output)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, slots=True)
class Score:
    """How one output compares with its label."""

    tally: Tally
    missed: tuple[str, ...] = ()  # pieces of the article that are not in the output
    leftover: tuple[str, ...] = ()  # pieces of boilerplate that are


def score(label: Label, output: Output) -> Score:
    """Compare an output with what the label says is the article.

    The output is laid along everything that is seen of the record, longest common pieces first
    (Ratcliff and Obershelp), so that it need not be a part of it.
    """
    places = list(visible(label.raw, label.body))
    text = "".join(character for character, _ in places)
    out = seen(output.text)
    kinds = _kinds(label, [at for _, at in places])
    found = bytearray(len(text))
    for block in SequenceMatcher(None, text, out, autojunk=False).get_matching_blocks():
        found[block.a : block.a + block.size] = b"\1" * block.size
    _find_aside(label.article, places, kinds, output.aside, found)
    return Score(
        Tally(
            article=kinds.count(_ARTICLE),
            found=_count(kinds, found, _ARTICLE),
            boilerplate=kinds.count(_BOILERPLATE),
            stayed=_count(kinds, found, _BOILERPLATE),
            output=len(out),
        ),
        missed=tuple(_pieces(text, kinds, found, _ARTICLE, 0)),
        leftover=tuple(_pieces(text, kinds, found, _BOILERPLATE, 1)),
    )


_BOILERPLATE, _ARTICLE, _METADATA = b"bam"


def _kinds(label: Label, offsets: Sequence[int]) -> bytearray:
    """Return what each character is."""
    raw = bytearray(b"b" * len(label.raw))
    for rows, kind in ((label.article, b"a"), (label.metadata, b"m")):
        for row in rows:
            raw[row.start : row.end] = kind * (row.end - row.start)
    return bytearray(raw[at] for at in offsets)


def _find_aside(
    blocks: Iterable[Range],
    places: Sequence[tuple[str, int]],
    kinds: Sequence[int],
    aside: Iterable[str],
    found: bytearray,
) -> None:
    """Count credits of pictures as found that are kept with the picture and not in the text."""
    kept = {seen(one) for one in aside}
    for block in blocks:
        if block.kind in ("credits", "caption"):
            inside = [i for i, (_, at) in enumerate(places) if block.start <= at < block.end]
            if "".join(places[i][0] for i in inside) in kept:
                for i in inside:
                    found[i] = 1


def _count(kinds: Sequence[int], found: Sequence[int], kind: int) -> int:
    return sum(1 for one, here in zip(kinds, found, strict=True) if here and one == kind)


def _pieces(
    text: str, kinds: Sequence[int], found: Sequence[int], kind: int, state: int
) -> Iterator[str]:
    """Yield the stretches of *text* of one kind that are found, or are not."""
    rows = zip(text, kinds, found, strict=True)
    for (one, here), group in groupby(rows, key=lambda row: (row[1], row[2])):
        if one == kind and here == state:
            yield "".join(character for character, _, _ in group)


# ------------------------------------------------------------------------------- facts


def facts(label: Label, content: Content) -> dict[str, bool]:
    """Tell which facts of the head are exactly right; where the label has none, none is right."""
    return {
        "title": content.title == _written(label, label.title),
        "authors": list(content.authors) == [_written(label, one) for one in label.authors],
        "published": _published(content) == label.published,
        "dateline": _dateline(content) == _labelled_dateline(label),
    }


def _written(label: Label, where: Range | None) -> str | None:
    return " ".join(html.unescape(where.of(label.raw)).split()) if where else None


def _published(content: Content) -> object:
    return content.published_at or content.published_on


_Dateline = tuple[str | None, str | None, object] | None


def _dateline(content: Content) -> _Dateline:
    found = content.dateline
    return _where_or_when(found.place, found.agency, found.on) if found else None


def _labelled_dateline(label: Label) -> _Dateline:
    found = label.dateline
    if found is None:
        return None
    return _where_or_when(_written(label, found.place), _written(label, found.agency), found.on)


def _where_or_when(place: str | None, agency: str | None, on: object) -> _Dateline:
    """Return a dateline, None for the bare name of the house: （德国之声中文网）.

    It says neither where nor when; whether it is called a dateline is a matter of taste, on which
    neither labels nor extractors are judged.
    """
    return (place, agency, on) if place or on else None


# ------------------------------------------------------------------------------- versions


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a change to a record was taken for what it is."""

    label: str
    held_out: bool
    change: str
    shilu: bool  # the content's hash told rightly
    naive: bool  # so did comparing the files


def judge_versions(labels: Sequence[Label]) -> Iterator[Judgement]:
    """Yield a judgement for every known pair and every change made to every record."""
    by_name = {label.name: label for label in labels}
    hashes = {label.name: content_hash(read(label)) for label in labels}
    for one, other in PAIRS:
        if one in by_name and other in by_name:
            pair = by_name[one]
            yield Judgement(
                one, pair.held_out, "known pair", hashes[one] != hashes[other],
                pair.data != by_name[other].data,
            )  # fmt: skip
    for label in labels:
        for case in cases(label):
            differs = content_hash(shilu.extract(case.data)) != hashes[label.name]
            yield Judgement(
                label.name, label.held_out, case.change, differs == case.is_text,
                (case.data != label.data) == case.is_text,
            )  # fmt: skip


# ------------------------------------------------------------------------------- everything


@dataclass(slots=True)
class Report:
    """Every figure of a run."""

    scores: dict[str, dict[str, Score]] = field(default_factory=dict)  # by label, by system
    facts: dict[str, dict[str, bool]] = field(default_factory=dict)  # by label
    judgements: list[Judgement] = field(default_factory=list)
    labels: dict[str, Label] = field(default_factory=dict)
    systems: tuple[str, ...] = ()

    def tally(self, chosen: Iterable[Label], system: str) -> Tally:
        """Add up a system's scores; micro-average, every character weighs the same."""
        return sum((self.scores[label.name][system].tally for label in chosen), Tally())

    def split(self, held_out: bool) -> list[Label]:
        """Return the labels of one half."""
        return [label for label in self.labels.values() if label.held_out == held_out]


def measure(labels: Sequence[Label], peers: bool = True) -> Report:
    """Run every system on every labelled record; without *peers*, Shilu alone."""
    run_by_name = systems(peers)
    report = Report(systems=tuple(run_by_name), labels={label.name: label for label in labels})
    for label in labels:
        report.scores[label.name] = {
            name: score(label, run(label)) for name, run in run_by_name.items()
        }
        report.facts[label.name] = facts(label, read(label))
    report.judgements = list(judge_versions(labels))
    return report


def figures(report: Report) -> dict[str, dict[str, float]]:
    """Return what has a floor: shares, the higher the better, of each half."""
    return {
        split: dict(_split_figures(report, held_out))
        for split, held_out in ((TUNED, False), (HELD_OUT, True))
    }


def _split_figures(report: Report, held_out: bool) -> Iterator[tuple[str, float]]:
    labels = report.split(held_out)
    for system, suffix in ((SHILU, ""), (UNDECLARED, "_undeclared")):
        tally = report.tally(labels, system)
        if tally.kept is not None:
            yield f"kept{suffix}", tally.kept
        if tally.left is not None:
            yield f"dropped{suffix}", 1 - tally.left
    for fact, (right, count) in _fact_counts(report, labels).items():
        yield fact, right / count
    judged = [one.shilu for one in report.judgements if one.held_out == held_out]
    if judged:
        yield "versions", sum(judged) / len(judged)


def _fact_counts(report: Report, labels: Sequence[Label]) -> dict[str, tuple[int, int]]:
    rows = [report.facts[label.name] for label in labels]
    names = rows[0] if rows else ()
    return {name: (sum(row[name] for row in rows), len(rows)) for name in names}


# ------------------------------------------------------------------------------- floors


def below_floor(found: Mapping[str, Mapping[str, float]], path: Path = FLOORS) -> list[str]:
    """Return, in words, every figure below its floor and every floor without a figure."""
    complaints = []
    for split, floors in tomllib.loads(path.read_text("utf-8")).items():
        for name, floor in floors.items():
            figure = found.get(split, {}).get(name)
            if figure is None:
                complaints.append(f"{split}.{name}: has a floor, {floor:.3f}, and no figure")
            elif figure < floor:
                complaints.append(f"{split}.{name}: {figure:.4f} is below its floor, {floor:.3f}")
    return complaints


def raise_floors(found: Mapping[str, Mapping[str, float]], path: Path = FLOORS) -> None:
    """Write today's figures, rounded down, where they are above the floors that stand."""
    text = path.read_text("utf-8")
    old = tomllib.loads(text)
    lines = [line for line in text.splitlines() if line.startswith("#")]
    for split, row in found.items():
        lines += ["", f"[{split}]"]
        for name, figure in row.items():
            floor = max(int(figure * 1000) / 1000, old.get(split, {}).get(name, 0.0))
            lines.append(f"{name} = {floor:.3f}")
    path.write_text("\n".join(lines) + "\n", "utf-8")


# ------------------------------------------------------------------------------- printing


def _text_lines(report: Report) -> Iterator[str]:
    width = max(map(len, report.systems)) + 2
    for title, held_out in (("tuned", False), ("held out", True)):
        labels = report.split(held_out)
        yield f"\n{title}: article kept / boilerplate left ({len(labels)} records)"
        yield "  outlet    n" + "".join(f"{name:>{width}}" for name in report.systems)
        outlets = sorted({label.outlet for label in labels})
        for outlet in outlets:
            chosen = [label for label in labels if label.outlet == outlet]
            yield _text_row(report, outlet, chosen, width)
        yield _text_row(report, "all", labels, width)
        shares = [_figure(report.tally(labels, name).left_of_output) for name in report.systems]
        yield "  of output  " + "".join(f"{share:>{width}}" for share in shares)
        total = report.tally(labels, SHILU)
        yield f"  ({total.article} characters of articles, {total.boilerplate} of boilerplate)"
        counts = _fact_counts(report, labels)
        yield "  right: " + ", ".join(f"{name} {a}/{b}" for name, (a, b) in counts.items())
        yield "  versions: " + _agreement(
            one for one in report.judgements if one.held_out == held_out
        )


def _text_row(report: Report, name: str, labels: Sequence[Label], width: int) -> str:
    cells = []
    for system in report.systems:
        tally = report.tally(labels, system)
        cells.append(f"{_figure(tally.kept)} / {_figure(tally.left)}")
    return f"  {name:<8} {len(labels):>2}" + "".join(f"{cell:>{width}}" for cell in cells)


def _figure(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


def _agreement(judgements: Iterable[Judgement]) -> str:
    rows = list(judgements)
    ours, naive = sum(one.shilu for one in rows), sum(one.naive for one in rows)
    return f"{ours}/{len(rows)} changes told rightly; by comparing files {naive}/{len(rows)}"


_QUOTED = 60  # characters of a piece that --details prints


def _details(report: Report) -> Iterator[str]:
    """Yield what went wrong where. Nothing held out is quoted: it would be read and tuned on."""
    for label in report.labels.values():
        yield from _label_details(report, label)
    for one in report.judgements:
        if not one.shilu:
            yield f"{one.label}: versions: {one.change} taken for what it is not"


def _label_details(report: Report, label: Label) -> Iterator[str]:
    for system in (SHILU, UNDECLARED):
        result = report.scores[label.name][system]
        for what, pieces in (("missed", result.missed), ("left", result.leftover)):
            if pieces and label.held_out:
                yield f"{label.name}: {system}: {what} {sum(map(len, pieces))} characters"
            elif pieces:
                shown = " | ".join(piece[:_QUOTED] for piece in pieces)
                yield f"{label.name}: {system}: {what} {sum(map(len, pieces))}: {shown}"
    wrong = [name for name, right in report.facts[label.name].items() if not right]
    if wrong and label.held_out:
        yield f"{label.name}: wrong: {', '.join(wrong)}"
    elif wrong:
        content = read(label)
        said = {
            "title": content.title, "authors": content.authors,
            "published": _published(content), "dateline": content.dateline,
        }  # fmt: skip
        yield from (f"{label.name}: wrong {name}: {said[name]!r}" for name in wrong)


def as_json(report: Report) -> dict[str, Any]:
    """Return every figure of a run, by record; no text."""
    return {
        "figures": figures(report),
        "records": {
            name: {
                "outlet": label.outlet,
                "held_out": label.held_out,
                "systems": {
                    system: {
                        **asdict(one.tally),
                        "kept": one.tally.kept,
                        "left": one.tally.left,
                        "left_of_output": one.tally.left_of_output,
                    }
                    for system, one in report.scores[name].items()
                },
                "right": report.facts[name],
            }
            for name, label in report.labels.items()
        },
        "versions": [asdict(one) for one in report.judgements],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, compare with the floors."""
    parser = argparse.ArgumentParser(prog="python -m eval.cleaning.measure")
    parser.add_argument("--json", action="store_true", help="every figure, for machines")
    parser.add_argument("--details", action="store_true", help="what went wrong where")
    parser.add_argument(
        "--raise-floors", action="store_true", help="make today's figures the floors"
    )
    chosen = parser.parse_args(arguments)
    try:
        labels = load_all()
    except NoRecords as error:
        print(error, file=sys.stderr)
        return 2
    except LabelError as error:
        print(error, file=sys.stderr)
        return 1
    report = measure(labels)
    found = figures(report)
    if chosen.json:
        print(json.dumps(as_json(report), ensure_ascii=False, indent=1))
    else:
        print("\n".join(_text_lines(report)))
    if chosen.details:
        print("\n".join(_details(report)), file=sys.stderr if chosen.json else sys.stdout)
    if chosen.raise_floors:
        raise_floors(found)
    complaints = below_floor(found)
    print("\n".join(complaints) or "no figure below its floor", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
