"""What PostgreSQL holds beside the catalogue: indexes, which can be built again, and the fleet's
turns and jobs. The scope is the first column of every key of what belongs to one.

A sentence's vectors lie in half precision: both in one page of the table, and their products
within 0.0001 of the exact ones. Those of a large generation lie in a table of its own with a
graph to search it by, whose name is in ``generations``.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

fleet = sa.MetaData()

generations = sa.Table(
    "generations",
    fleet,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    # ``generation.Manifest``, and the records of its sentences as they lie in memory.
    sa.Column("manifest", JSONB, nullable=False),
    sa.Column("sentences", sa.LargeBinary, nullable=False),
    # The table that holds its vectors alone, "" where ``embeddings`` does.
    sa.Column("own_table", sa.Text, nullable=False, server_default=""),
    sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
)

live = sa.Table(
    "live",
    fleet,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    # Of the articles that it was built from: no older one takes its place.
    sa.Column("revision", sa.Integer, nullable=False),
)

postings = sa.Table(
    "postings",
    fleet,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("generation", sa.Text, primary_key=True),
    # Whose words: 0 sentences, 1 windows, 2 chunks.
    sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("word", sa.Text, primary_key=True),
    # The rows that hold the word as int32, and what it adds to their scores as float32.
    sa.Column("rows", sa.LargeBinary, nullable=False),
    sa.Column("scores", sa.LargeBinary, nullable=False),
)

registrations = sa.Table(
    "registrations",
    fleet,
    # Where commands were registered last, and their fingerprint.
    sa.Column("place", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
)

identifies = sa.Table(
    "identifies",
    fleet,
    # The shards whose number leaves the same rest share a bucket: one may log in at a time.
    sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
)

jobs = sa.Table(
    "jobs",
    fleet,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("asked", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    # Nobody waits for it from then on.
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    # Who does it, until when nobody else may, and how often it was begun.
    sa.Column("worker", sa.Text),
    sa.Column("held_until", sa.DateTime(timezone=True)),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("done_at", sa.DateTime(timezone=True)),
    # What came of it; until it is done, how far it has come.
    sa.Column("result", JSONB),
    sa.Index("jobs_open", "created_at", postgresql_where=sa.text("done_at IS NULL")),
)
