"""Makes a synthetic mirror of any size: invented news in the record form, as a Git repository.

    python benchmarks/mirror_generator.py /tmp/mirror --records 100000

Texts are drawn word by word from an invented vocabulary under a Zipf-Mandelbrot law (exponent 1.0,
shift 2.7: the form found for words of Chinese news), a few topic words more often within one
article, so that they compress and extract like real ones; the markup is that of the outlets'
feeds, with their widgets, footers and dates. The same arguments make the same repository.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import accumulate
from pathlib import Path
from urllib.parse import quote

_START = datetime(2021, 1, 1, tzinfo=UTC)
_STEP = timedelta(minutes=7)  # between two records: about 200 a day, as in the mirror of 2021-24
_KEPT = 3000  # so many of the newest articles may still be edited
_POOL = 1 << 18
_FIRST_ID = 0xFFFFF  # file numbers count down from here


@dataclass(frozen=True, slots=True)
class Item:
    """An article as one of its feeds presented it."""

    outlet: str
    number: int  # within the outlet: the address's stable id
    file_id: int
    at: datetime
    title: str
    slug: str
    paragraphs: tuple[str, ...]


class Writer:
    """Writes invented Chinese news."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        draw = random.Random("vocabulary")  # one language, whatever the seed of the mirror
        # GB 2312 level 1: the 3,755 characters of everyday text.
        characters = [
            bytes((high, low)).decode("gb2312")
            for high in range(0xB0, 0xD8) for low in range(0xA1, 0xFF)
            if (high, low) < (0xD7, 0xFA)
        ]  # fmt: skip
        draw.shuffle(characters)
        character_weights = _zipf(len(characters), 20.0)
        lengths = draw.choices((1, 2, 3, 4), (12, 70, 13, 5), k=24_000)
        words = {
            "".join(draw.choices(characters, cum_weights=character_weights, k=length))
            for length in lengths
        }
        self._pool = _pool(["的", "在", "了", "和", "是", *sorted(words)], draw)
        syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "or")]
        self._persons = [
            (
                "".join(draw.choices(characters, k=draw.choice((2, 3, 3, 4)))),
                " ".join(
                    "".join(draw.choices(syllables, k=draw.randint(2, 3))).title() for _ in "ab"
                ),
            )
            for _ in range(4000)
        ]
        self._person_weights = _zipf(len(self._persons), 2.7)

    def words(self, count: int) -> list[str]:
        """Draw words."""
        pool, draw = self._pool, self.random.random
        return [pool[int(draw() * _POOL)] for _ in range(count)]

    def title(self) -> str:
        """Write a headline of 12 to 26 characters or so."""
        half = self.random.randint(3, 6)
        words = self.words(2 * half)
        return "".join(words[:half]) + self.random.choice((" ", "：", "，")) + "".join(words[half:])

    def paragraphs(self, characters: int) -> tuple[str, ...]:
        """Write paragraphs of about so many characters in all."""
        # What a text is about comes again and again, and half of it are names of several words.
        topic = [*self.words(4), *("".join(self.words(2)) for _ in range(4))]
        persons = self.random.choices(self._persons, cum_weights=self._person_weights, k=3)
        found = []
        while characters > 0:
            sentences = [self._sentence(topic, persons) for _ in range(self.random.randint(1, 4))]
            found.append("".join(sentences))
            characters -= len(found[-1])
        return tuple(found)

    def _sentence(self, topic: list[str], persons: list[tuple[str, str]]) -> str:
        rng = self.random
        words = self.words(rng.randint(9, 28))
        for index in range(0, len(words), 4):
            words[index] = rng.choice(topic)
        for index in range(rng.randint(5, 9), len(words) - 2, rng.randint(6, 9)):
            words[index] += "，"
        kind = rng.random()
        if kind < 0.25:
            name, latin = rng.choice(persons)
            words[0] = f"{name}（{latin}）" if kind < 0.04 else name
        if kind > 0.85:
            words.insert(1, f"{rng.randint(1, 12)}月{rng.randint(1, 28)}日")
        elif kind > 0.7:
            words.insert(rng.randrange(len(words)), str(rng.randint(2, 9999)))
        elif kind > 0.6:
            return f"{words[0]}表示：“{''.join(words[1:])}。”"
        return "".join(words) + "。"

    def edited(self, item: Item) -> Item:
        """Change a sentence or add a paragraph; now and then the title too."""
        rng = self.random
        paragraphs = list(item.paragraphs)
        place = rng.randrange(len(paragraphs))
        if rng.random() < 0.5:
            paragraphs[place] = self.paragraphs(60)[0]
        else:
            paragraphs.insert(place + 1, self.paragraphs(60)[0])
        title = self.title() if rng.random() < 0.5 else item.title
        return replace(item, title=title, paragraphs=tuple(paragraphs))


def _pool(words: list[str], draw: random.Random) -> list[str]:
    """Lay words out so that an evenly drawn place holds each as often as its rank demands."""
    function_words, rest = words[:5], words[5:]
    draw.shuffle(rest)
    words = [*function_words, *rest]
    weights = _zipf(len(words), 2.7)
    return [words[bisect(weights, (i + 0.5) / _POOL * weights[-1])] for i in range(_POOL)]


def _zipf(count: int, shift: float) -> list[float]:
    return list(accumulate(1 / (rank + shift) for rank in range(count)))


# ------------------------------------------------------------------------------ outlets
# What their feeds wrap a text in; the structure is that of the real records, the words are not.


def _paragraphs(item: Item) -> str:
    return "".join(f"<p>{paragraph}</p>" for paragraph in item.paragraphs)


def _picture(item: Item, host: str) -> str:
    return f"https://images.weserv.nl/?url={host}/image/{item.number * 7919:09d}_303.jpg"


def _rfi(item: Item) -> tuple[str, str]:
    url = f"https://www.rfi.fr/cn/{quote('国际')}/{item.at:%Y%m%d}-{quote(item.slug)}-{item.number}"
    short, twice = f"https%3A%2F%2Frfi.my%2F{item.number:x}", quote(url, safe="")
    text = quote(item.title)
    lead, *rest = item.paragraphs
    body = "".join(f"<p>{paragraph}</p>" for paragraph in rest)
    links = "".join(
        f'<a href="{address}" target="_blank" rel="noopener nofollow"><span></span></a>'
        for address in (
            f"https://www.facebook.com/dialog/share?app_id=113&amp;href={short}.F"
            f"&amp;redirect_uri={twice}&amp;locale=zh_CN",
            f"whatsapp://send?text={text}%20-%20{short}.W",
            f"https://web.whatsapp.com/send?text={text}%20-%20{short}.W",
            f"https://twitter.com/intent/tweet?url={short}.T&amp;via=RFI_Cn&amp;text={text}",
        )
    )
    return url, (
        f"<div>{item.at:%d/%m/%Y} - {item.at:%H:%M}</div>"
        f'<img src="https://s.rfi.fr/media/display/{item.number:08x}/w:1280/p:16x9/A.jpg">'
        f"<p><strong>{lead}        </strong></p><div>{body}"
        "<div data-selfpromo-newsletter></div><div data-selfpromo-app></div></div>"
        f"<div><div>分享 :</div><div>{links}<span data-root-share>"
        '<share-button v-on:open="openModal"></share-button></span></div></div>'
    )


def _dw(item: Item) -> tuple[str, str]:
    url = f"https://www.dw.com/zh/{quote(item.slug)}/a-{60_000_000 + item.number}"
    first, *rest = item.paragraphs
    links = [
        f'<a href="https://api.dw.com/api/detail/article/{item.number - back}" rel="ArticleRef">'
        for back in range(len(item.paragraphs))
    ]
    body = "".join(
        f"<p>{link}{paragraph[:5]}</a>{paragraph[5:]}</p>"
        for link, paragraph in zip(links[1:], rest, strict=True)
    )
    return url, (
        f"<div><i><br>{item.at:%Y-%m-%dT%H:%M:%S}.773Z</i></div>"
        f'<img src="{_picture(item, "static.dw.com")}" width="100%">'
        f'<div><small style="color: #999;">{item.title[:9]}</small></div>'
        f"<p>（德国之声中文网）{links[0]}{first[:4]}</a>{first[4:]}</p>{body}"
        f"<p><em>© {item.at:%Y}年德国之声版权声明：本文所有内容受到著作权法保护，"
        "如无德国之声特别授权，不得擅自使用。任何不当行为都将导致追偿，并受到刑事追究。</em></p>"
    )


def _voa(item: Item) -> tuple[str, str]:
    url = f"https://www.voachinese.com/a/{5_000_000 + item.number}.html"
    return url, (
        f"<div><i>{item.at:%a, %d %b %Y %H:%M:%S} GMT</i></div>"
        f'<img src="{_picture(item, "gdb.voanews.com")}" width="100%">'
        f'<div><small style="color: #999;">{item.title[:12]}（资料照片）</small></div>'
        + _paragraphs(item)
    )


def _reuters(item: Item) -> tuple[str, str]:
    url = f"https://cn.reuters.com/article/world-news-{item.at:%m%d}-idCNKBS{item.number:08X}"
    first, *rest = item.paragraphs
    body = "".join(f"<p>{paragraph}</p>" for paragraph in rest)
    return url, (
        f"<div><i>{item.at:%Y-%m-%dT%H:%M:%SZ}</i></div>"
        f"<p>路透晨港{item.at.month}月{item.at.day}日 - {first}</p>{body}<p>(完)</p>"
    )


def _bbc(item: Item) -> tuple[str, str]:
    url = f"https://www.bbc.com/zhongwen/simp/world-{50_000_000 + item.number}"
    cell = (
        '<div class="NestedGridItemChildLarge-sc-12lwanc-9 ichKJL">'
        '<div class="GridItemConstrainedMedium-sc-12lwanc-2 fVauYi">'
    )
    body = "".join(
        f'{cell}<p class="Paragraph-k859h4-0 bWtIRA">{paragraph}</p></div></div>'
        for paragraph in item.paragraphs
    )
    return url, (
        f'<main role="main">{cell}<time dateTime="{item.at:%Y-%m-%d}">2 小时前</time></div></div>'
        f'<img src="{_picture(item, "ichef.bbci.co.uk")}" width="976"/>'
        '<p role="text"><span>图像来源，</span><span lang="en-GB">Getty</span></p>'
        f'{body}<section aria-label="广告 2" role="region" data-e2e="advertisement"></section>'
        "</main>"
    )


Wrap = Callable[[Item], tuple[str, str]]
# outlet: its wrapping, its share of the records, characters of a text
_OUTLETS: dict[str, tuple[Wrap, int, int]] = {
    "rfi": (_rfi, 30, 500),
    "dw": (_dw, 25, 600),
    "voa": (_voa, 20, 720),
    "reuters": (_reuters, 15, 560),
    "bbc": (_bbc, 10, 820),
}


def record(item: Item) -> bytes:
    """Return the record file of an article."""
    url, html = _OUTLETS[item.outlet][0](item)
    stamp = int((item.at + timedelta(minutes=6)).timestamp() * 1000)
    return f"<!--{stamp}-->\n[{item.title}]({url})\n------\n\n{html}\n".encode()


# ------------------------------------------------------------------------------ the history


def states(
    records: int, seed: int = 1, edits: float = 0.05, overwrites: float = 0.02
) -> Iterator[tuple[str, Item]]:
    """Yield (path, article) of every state, oldest first.

    *edits* is the share of states that change an earlier article: under its path, or, where the
    title changed, under a new one, as the mirror did. *overwrites* is the share that put another
    article in an earlier one's place.
    """
    writer = Writer(seed)
    rng = writer.random
    names = list(_OUTLETS)
    shares = list(accumulate(_OUTLETS[name][1] for name in names))
    numbers, file_ids = dict.fromkeys(names, 0), dict.fromkeys(names, _FIRST_ID)
    recent: list[Item] = []
    at = _START
    for _ in range(records):
        at += _STEP
        fate = rng.random()
        if recent and fate < edits:
            place = rng.randrange(len(recent))
            old = recent[place]
            item = replace(writer.edited(old), at=at)
            if item.title != old.title:
                file_ids[item.outlet] -= 1
                item = replace(item, file_id=file_ids[item.outlet])
            recent[place] = item
        else:
            overwritten = rng.choice(recent) if recent and fate < edits + overwrites else None
            outlet = overwritten.outlet if overwritten else names[
                bisect(shares, rng.random() * shares[-1])
            ]  # fmt: skip
            numbers[outlet] += 1
            if overwritten is None:
                file_ids[outlet] -= 1
            length = int(_OUTLETS[outlet][2] * rng.lognormvariate(0, 0.45))
            title = writer.title()
            item = Item(
                outlet, numbers[outlet], overwritten.file_id if overwritten else file_ids[outlet],
                at, title, "".join(char for char in title if char.isalnum()),
                writer.paragraphs(length) or ("。",),
            )  # fmt: skip
            if overwritten is None:
                recent.append(item)
                if len(recent) > _KEPT:
                    del recent[: _KEPT // 2]
            else:
                recent.remove(overwritten)
        yield f"articles/{item.outlet}/{item.file_id}.md", item


def fast_import_stream(items: Iterator[tuple[str, Item]], per_commit: int) -> Iterator[bytes]:
    """Tell the history in the language of ``git fast-import``."""
    batch: list[tuple[str, Item]] = []
    for state in items:
        if len(batch) >= per_commit or state[0] in {path for path, _ in batch}:
            yield _commit(batch)
            batch = []
        batch.append(state)
    if batch:
        yield _commit(batch)
    yield b"done\n"


def _commit(batch: list[tuple[str, Item]]) -> bytes:
    at = int(batch[-1][1].at.timestamp()) + 600
    who = f"mirror <mirror@mirror.example> {at} +0000"
    listing = "\n\n".join(
        f"{item.at.month}-{item.at.day} [{escape(item.title)}](/{path})"
        for path, item in batch[-9:]
    )
    files = [(path, record(item)) for path, item in batch] + [("lists/rfi.md", listing.encode())]
    return b"".join(
        [
            f"commit refs/heads/main\nauthor {who}\ncommitter {who}\ndata 6\nupdate\n".encode(),
            *(
                b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(data), data)
                for path, data in files
            ),
        ]
    )


def make_mirror(
    folder: Path,
    records: int,
    per_commit: int = 100,
    seed: int = 1,
    edits: float = 0.05,
    overwrites: float = 0.02,
) -> None:
    """Make a bare repository of so many record states in *folder*, which must not exist."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(
        ["git", "init", "-q", "--bare", "--template=", "-b", "main", folder],
        env=environment, check=True,
    )  # fmt: skip
    process = subprocess.Popen(
        ["git", "fast-import", "--quiet", "--done"],
        cwd=folder, env=environment, stdin=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    with process.stdin as stdin:
        for piece in fast_import_stream(states(records, seed, edits, overwrites), per_commit):
            stdin.write(piece)
    if process.wait():
        raise SystemExit("git fast-import failed")


def main() -> None:
    """Parse and make."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=10_000, help="states of records in all")
    parser.add_argument("--per-commit", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--edits", type=float, default=0.05, help="share of states")
    parser.add_argument("--overwrites", type=float, default=0.02, help="share of states")
    make_mirror(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
