"""Every frozen record that crosses a stage, in the order in which news flows.

Conventions that hold for all of them:

- Instants are aware UTC ``datetime`` objects named ``…_at``; days are ``date`` objects named
  ``…_on``; sizes are ``…_bytes``; scores lie between 0 and 1.
- Offsets are half-open ``[start, end)`` intervals in Unicode code points of ``Version.text``.
- Countries are ISO 3166-1 alpha-3, languages BCP 47 (``zh-Hans``, ``zh-Hant``, ``en``, ``und``).
- ``None`` means "not known" unless the field says otherwise; it never means "failed".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

# --------------------------------------------------------------------------- what goes wrong


@dataclass(frozen=True, slots=True)
class Problem:
    """Something refused or doubtful, as a value: a code, its subject and the particulars.

    The sentence a person reads is made from ``code`` and ``details`` by ``errors.explain`` in the
    reader's language; see the table there for every code.
    """

    code: str
    subject: str  # the record, article, file or repository it is about
    details: Mapping[str, str] = field(default_factory=dict)  # fills the message's {places}
    refused: bool = False  # True: no article came of it; False: kept, but look at it


# --------------------------------------------------------------------------- sources and captures


@dataclass(frozen=True, slots=True)
class Source:
    """An outlet. Declared ones come from ``sources/<id>.toml``, others are made from their host."""

    id: str  # "rfi"; for an outlet nobody declared, its host
    names: Mapping[str, str]  # by language tag
    hosts: tuple[str, ...]  # "www.rfi.fr/cn": a host, or a host and a path prefix
    time_zone: str  # IANA name in which the outlet prints its times
    languages: tuple[str, ...]
    folders: tuple[str, ...] = ()  # the names a mirror files it under
    declared: bool = True


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the bytes of a capture came from.

    ``git``: a blob at ``path`` as of ``commit``. ``file``: a record file. ``http``: an address.
    ``export``: a version that an archive wrote as a readable file, which says since when it stood.
    """

    kind: Literal["git", "file", "http", "export"]
    path: str  # as the origin names it: "articles/rfi/1015022.md"
    commit: str | None = None  # hexadecimal object name
    # Tells equal instants apart. git: 1 + the longest way to a root; export: the version's n,
    # negative where the version stood at no known instant.
    generation: int = 0

    @property
    def name(self) -> str:
        """How a person would point at it: ``articles/rfi/1.md@1f0c2ab41d0e``."""
        return f"{self.path}@{self.commit[:12]}" if self.commit else self.path


@dataclass(frozen=True, slots=True)
class Capture:
    """Bytes received from one origin at one instant; one WARC record."""

    id: str  # UUID, a pure function of the origin and the payload's name
    origin: Origin
    captured_at: datetime  # commit time, HTTP date, or the import for loose files
    digest: str  # SHA-256 of the payload, hexadecimal
    size_bytes: int

    @property
    def origin_at(self) -> datetime | None:
        """The origin's own instant; None for loose files, whose import proves no order.

        Exported versions of such have none either.
        """
        has_none = self.origin.kind == "file" or self.origin.generation < 0
        return None if has_none else self.captured_at


@dataclass(frozen=True, slots=True)
class Entry:
    """One item as a feed or mirror presents it, before anything is cleaned."""

    title: str  # may be empty
    url: str  # may be empty or broken
    html: str
    feed_at: datetime | None = None  # the collector's stamp
    authors: tuple[str, ...] = ()
    file_id: int | None = None  # the number a mirror filed it under
    folder: str | None = None  # the folder a mirror filed it in
    problems: tuple[Problem, ...] = ()
    # Of a readable file that an archive wrote: what its front matter says; html is Markdown then.
    front_matter: Mapping[str, tuple[str, ...]] | None = None


# --------------------------------------------------------------------------- articles and versions


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of ``Version.text``."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the text it covers."""
        return text[self.start : self.end]


BlockKind = Literal[
    "title", "subtitle", "dateline", "paragraph", "heading", "item", "quote", "caption", "cell",
    "code",
    "note",  # a correction, or what editors and authors say of the article: 编者按, 更正, （注：…）
    "credits",  # who made it, and after whose reports: 记者：… 责编：…, （路透社、法新社）
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, list item …: one line of ``Version.text``."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0  # headings: 1-6; items: depth of the list; otherwise 0


@dataclass(frozen=True, slots=True)
class Mark:
    """An inline mark over a piece of the text."""

    kind: Literal["link", "strong", "emphasis"]
    start: int
    end: int
    url: str | None = None  # of links, absolute


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, film, sound or embedded post, at its place between the blocks."""

    kind: Literal["image", "video", "audio", "frame", "post"]  # post: of a social network
    url: str  # the origin, proxies unwrapped
    before: int  # index into Content.blocks of the block it stands before; len(blocks) = at the end
    caption: Span | None = None
    credit: str | None = None
    alt: str | None = None


@dataclass(frozen=True, slots=True)
class Dateline:
    """The line under which an agency copy stands: 路透首尔10月10日 -."""

    text: str
    agency: str | None = None
    place: str | None = None
    reporter: str | None = None
    month: int | None = None
    day: int | None = None
    on: date | None = None  # resolved against the outlet's time or the feed's


CreditRole = Literal["reporter", "editor", "web_editor", "translator", "photographer", "source"]


@dataclass(frozen=True, slots=True)
class Credit:
    """Whom the article names as having had a part in it, besides its authors.

    ``source``: an agency or outlet after whose reports it was written (路透社). ``reporter``: one
    whom a line of credits names; reporters are among ``Content.authors`` too.
    """

    role: CreditRole
    name: str
    span: Span | None = None  # where the text names it; None where only a byline did


@dataclass(frozen=True, slots=True)
class Removed:
    """A piece of the page that is not the article, and the rule that said so."""

    rule: str
    text: str  # "" where it says nothing: a bar of icons
    links: int = 0  # in what says nothing
    pictures: int = 0

    @property
    def key(self) -> str:
        """What a reader's decision to restore this piece is remembered by."""
        return hashlib.sha256(f"{self.rule}\0{self.text}".encode("utf-8", "replace")).hexdigest()[
            :16
        ]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user decided about cleaning, against the rules."""

    switched_off: Mapping[str, frozenset[str]] = field(default_factory=dict)  # source: rules
    restored: Mapping[str, frozenset[str]] = field(default_factory=dict)  # article: Removed.key

    def digest(self, source: str, article_id: str) -> str:
        """Return what tells these choices apart for an article, "" where there are none."""
        off = sorted(self.switched_off.get(source, ()))
        restored = sorted(self.restored.get(article_id, ()))
        return "\0".join((*off, "", *restored)) if off or restored else ""


@dataclass(frozen=True, slots=True)
class Content:
    """What an article says: the result of extraction, a pure function of bytes and source."""

    title: str
    text: str  # the title, then every block, joined by "\n"
    body_start: int  # where the first block after the title starts; len(text) when there is none
    blocks: tuple[Block, ...]
    marks: tuple[Mark, ...] = ()
    media: tuple[Media, ...] = ()
    authors: tuple[str, ...] = ()
    credits: tuple[Credit, ...] = ()
    column: str | None = None  # the series that a title names at its end: 要闻分析
    site_suffix: str | None = None  # the outlet's name, which its titles may end with
    section: str | None = None  # as the outlet names it, mostly in the address
    lang: str = "und"
    published_at: datetime | None = None  # the outlet's own instant
    published_on: date | None = None  # the outlet's own day, also where it prints no time
    published_zone: str | None = None  # IANA name of the zone in which the outlet printed it
    dateline: Dateline | None = None
    removed: tuple[Removed, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Article:
    """The lasting identity of a piece of news: a source and a key within it."""

    id: str  # 32 hexadecimal digits, hash(source, key)
    source: str
    key: str
    url: str  # the newest version's address


@dataclass(frozen=True, slots=True)
class Version:
    """What an article said at a time."""

    id: str  # hash(content, title, id of the version before)
    article_id: str
    n: int  # 1 for the oldest; for display, may change when older captures come in
    content_hash: str  # over title and text, blanks ignored; what a citation pins
    content: Content
    capture_id: str  # the capture it was first seen in
    feed_at: datetime | None
    captured_at: datetime
    extractor: str  # digest of the rules that made the content

    @property
    def text(self) -> str:
        """The whole text; spans point into it."""
        return self.content.text

    @property
    def title(self) -> str:
        """The cleaned title."""
        return self.content.title


# --------------------------------------------------------------------------- understanding


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a version."""

    version_id: str
    n: int
    span: Span


@dataclass(frozen=True, slots=True)
class Entity:
    """Someone or something that is named."""

    id: str
    kind: Literal["person", "organisation", "place", "country", "office", "agency"]
    names: Mapping[str, str]  # by language tag
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """A span that names an entity."""

    version_id: str
    span: Span
    kind: str
    entity_id: str | None = None  # None: a name we cannot tell whose it is
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class TimeRef:
    """A time named in the text, after TIMEX3 (ISO-TimeML)."""

    version_id: str
    span: Span
    kind: Literal["date", "time", "duration", "set"]
    earliest: datetime | None
    latest: datetime | None
    granularity: Literal["minute", "hour", "day", "week", "month", "season", "year", "decade"]
    anchor: Literal["dateline", "published", "feed", "text", "none"]
    rule: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Who said what, and through whom it reached the reader."""

    version_id: str
    content: Span
    speaker: Span | None
    verb: Span | None
    direct: bool
    via: tuple[str, ...] = ()  # relaying agencies, in order


@dataclass(frozen=True, slots=True)
class Event:
    """Who did what to whom, after PLOVER."""

    version_id: str
    type: str
    mode: str | None
    actors: tuple[str, ...]
    recipients: tuple[str, ...]
    place: str | None
    earliest: date | None
    latest: date | None
    status: Literal["happened", "ongoing", "planned", "alleged", "denied", "conditional"]
    evidence: Span
    contexts: tuple[str, ...] = ()
    reported_by: tuple[str, ...] = ()


# --------------------------------------------------------------------------- connections


@dataclass(frozen=True, slots=True)
class Revision:
    """The step between two versions of an article."""

    article_id: str
    from_version: str
    to_version: str
    kind: Literal["correction", "expansion", "cut", "retitle", "restyle", "unchanged"]


@dataclass(frozen=True, slots=True)
class Story:
    """Articles of any outlet or language about the same event."""

    id: str
    articles: tuple[str, ...]
    independent: int  # reports that are not copies of one another


@dataclass(frozen=True, slots=True)
class Storyline:
    """Stories that follow from one another over time."""

    id: str
    stories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tenure:
    """The interval in which a person is attested in an office."""

    person_id: str
    office: str
    country: str
    first_attested_on: date
    last_attested_on: date
    evidence: tuple[tuple[str, Span], ...] = field(default=())  # (version id, span)
