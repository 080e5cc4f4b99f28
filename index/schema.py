"""The catalogue's tables. The scope is the first column of every key."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

scopes = sa.Table(
    "scopes",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    # Rises with every change of the scope's articles; a generation names the one it holds.
    sa.Column("revision", sa.Integer, nullable=False),
    # When the bot was removed from there.
    sa.Column("left_at", sa.DateTime(timezone=True)),
)

articles = sa.Table(
    "articles",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("removed_at", sa.DateTime(timezone=True)),
    sa.UniqueConstraint("scope", "source"),
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("article_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("headings", sa.JSON, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    # As the source tells them, "" where it does not.
    sa.Column("author", sa.Text, nullable=False, server_default=""),
    sa.Column("published", sa.Text, nullable=False, server_default=""),
    # The address that a page gives as its own, and where a document's pages begin.
    sa.Column("canonical", sa.Text, nullable=False, server_default=""),
    sa.Column("pages", sa.JSON, nullable=False, server_default="[]"),
    sa.ForeignKeyConstraint(["scope", "article_id"], ["articles.scope", "articles.id"]),
)

checks = sa.Table(
    "checks",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("article_id", sa.Integer, primary_key=True, autoincrement=False),
    # When the source was last looked at, and what its server said to ask the next time.
    sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("last_modified", sa.Text, nullable=False),
    # Since when it cannot be read, how often in a row, and why; null, 0 and "" while it can.
    sa.Column("failing_since", sa.DateTime(timezone=True)),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["scope", "article_id"], ["articles.scope", "articles.id"]),
)

feeds = sa.Table(
    "feeds",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    # The pages that it has named and that were added, so that one that was removed stays away.
    sa.Column("seen", sa.JSON, nullable=False),
    # As in ``checks``.
    sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("last_modified", sa.Text, nullable=False),
    sa.Column("failing_since", sa.DateTime(timezone=True)),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.UniqueConstraint("scope", "source"),
)

vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("content_hash", sa.LargeBinary(16), primary_key=True),
    # float32, little-endian, as many as the model has dimensions
    sa.Column("vector", sa.LargeBinary, nullable=False),
)

preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("asker", sa.BigInteger, nullable=False, index=True),
    sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, index=True),
    # Only where the scope's preferences keep it.
    sa.Column("question", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("elapsed_ms", sa.Float, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
)

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("answer_id", sa.Text, primary_key=True),
    sa.Column("user", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
)

golden = sa.Table(
    "golden",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("question", sa.Text, nullable=False),
    # Words that the answer must hold; null: the articles must not say.
    sa.Column("expected", sa.Text),
    sa.UniqueConstraint("scope", "question"),
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    # The highest number ever given, so that none is given out twice.
    sa.Column("last", sa.Integer, nullable=False),
)

HIGHEST = 2**31 - 1
"""The highest number that an article, a feed or a golden question can have."""

SCHEMA = "0006"
"""The newest migration; a catalogue that names it needs none."""
