"""The tables, declared once for every database (SQLAlchemy Core).

``shilu.db`` holds only what can be derived from the captures; ``state.db`` what cannot. Ids are
binary: 16 bytes for captures (UUID), articles and versions, 32 for SHA-256. Instants are epoch
milliseconds, UTC. ``docs/archive-format.md`` explains every column.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

# Raised when an archive written now could be misread by an older program.
FORMAT = 1
# Of the tables of shilu.db: an older one is made anew by a rebuild.
DERIVED = 3
# Of the tables of state.db: an older one gets the tables it lacks.
STATE = 2

derived = MetaData()

files = Table(
    "files",
    derived,
    Column("no", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),  # relative to captures/
    Column("bytes_seen", BigInteger, nullable=False),  # everything before is in this database
    Column("bytes_kept", BigInteger, nullable=False),  # everything before stays, whatever it is
)

commits = Table(
    "commits",
    derived,
    Column("no", Integer, primary_key=True),
    Column("name", LargeBinary, nullable=False, unique=True),
)

extractors = Table(
    "extractors",
    derived,
    Column("no", Integer, primary_key=True),
    Column("digest", String, nullable=False, unique=True),
)

# Which rules left something out of a capture: few combinations, many captures.
rule_sets = Table(
    "rule_sets",
    derived,
    Column("no", Integer, primary_key=True),
    Column("rules", Text, nullable=False, unique=True),  # names, sorted, joined by blanks
)

articles = Table(
    "articles",
    derived,
    Column("no", Integer, primary_key=True),
    Column("id", LargeBinary, nullable=False, unique=True),
    Column("source", String, nullable=False),
    Column("key", Text, nullable=False),
    Column("url", Text),  # of the newest capture; NULL when it equals the key
    Index("articles_by_source", "source"),
)

captures = Table(
    "captures",
    derived,
    Column("no", Integer, primary_key=True),
    Column("id", LargeBinary, nullable=False, unique=True),
    Column("file_no", SmallInteger, ForeignKey("files.no"), nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("length", Integer, nullable=False),
    Column("crc", Integer, nullable=False),  # CRC-32 over the compressed member
    Column("kind", String, nullable=False),  # of its origin
    Column("commit_no", Integer, ForeignKey("commits.no")),
    Column("generation", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("captured_ms", BigInteger, nullable=False),
    Column("feed_ms", BigInteger),
    Column("digest", LargeBinary, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("article_no", Integer, ForeignKey("articles.no"), index=True),  # NULL: refused
    Column("content_hash", LargeBinary),
    Column("extractor_no", SmallInteger, ForeignKey("extractors.no"), nullable=False),
    Column("rule_set_no", Integer, ForeignKey("rule_sets.no")),  # NULL: refused
    Column("refusal", String),  # the code, when refused
    Column("source", String),  # of refused ones, as far as known
)

# Second records of captures, which two imports at the same time or a crash can leave behind.
copies = Table(
    "copies",
    derived,
    Column("file_no", SmallInteger, ForeignKey("files.no"), primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("length", Integer, nullable=False),
    Column("crc", Integer, nullable=False),
    Column("capture_id", LargeBinary, nullable=False, index=True),
    sqlite_with_rowid=False,
)

versions = Table(
    "versions",
    derived,
    Column("capture_no", Integer, ForeignKey("captures.no"), primary_key=True),  # opened by
    Column("id", LargeBinary, nullable=False),
    Column("article_no", Integer, ForeignKey("articles.no"), nullable=False, index=True),
    Column("n", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),  # archive.codec
)

problems = Table(
    "problems",
    derived,
    Column("no", Integer, primary_key=True),
    Column("capture_no", Integer, ForeignKey("captures.no"), nullable=False, index=True),
    Column("code", String, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),  # JSON
)

tombstones = Table(
    "tombstones",
    derived,
    Column("article_id", LargeBinary, primary_key=True),
    Column("forgotten_ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)

# The captures of forgotten articles, by which they are known when they come again.
buried = Table(
    "buried",
    derived,
    Column("capture_id", LargeBinary, primary_key=True),
    Column("article_id", LargeBinary, ForeignKey("tombstones.article_id"), nullable=False),
    sqlite_with_rowid=False,
)

# Which articles changed, those that are gone included: the search index follows this.
changes = Table(
    "changes",
    derived,
    Column("article_no", Integer, primary_key=True, autoincrement=False),
    Column("no", BigInteger, nullable=False, unique=True),  # grows; of its last change
)

# One row: by which this database is told from the one that a rebuild puts in its place.
identity = Table(
    "identity",
    derived,
    Column("value", String, primary_key=True),
)

state = MetaData()

state_facts = Table(
    "facts",
    state,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

# What the user decided about cleaning.
switched_off = Table(
    "switched_off",
    state,
    Column("source", String, primary_key=True),
    Column("rule", String, primary_key=True),
)

restored = Table(
    "restored",
    state,
    Column("article_id", LargeBinary, primary_key=True),
    Column("key", String, primary_key=True),  # Removed.key
)

mirror_tips = Table(
    "mirror_tips",
    state,
    Column("name", String, primary_key=True),  # commits from which all that was read is reachable
)
