"""On PostgreSQL: indexes, jobs, and the turns of processes. SQLite has files for the first."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.create_table(
        "generations",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("manifest", JSONB, nullable=False),
        sa.Column("sentences", sa.LargeBinary, nullable=False),
        sa.Column("own_table", sa.Text, nullable=False, server_default=""),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "live",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    # The width is the model's, and no model's but one stands in a row beside it.
    op.execute(
        "CREATE TABLE embeddings (scope text NOT NULL, generation text NOT NULL,"
        " row integer NOT NULL, sentence halfvec NOT NULL, window_ halfvec NOT NULL,"
        " PRIMARY KEY (scope, generation, row))"
    )
    op.create_table(
        "postings",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("generation", sa.Text, primary_key=True),
        sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("word", sa.Text, primary_key=True),
        sa.Column("rows", sa.LargeBinary, nullable=False),
        sa.Column("scores", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "registrations",
        sa.Column("place", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
    )
    op.create_table(
        "identifies",
        sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("asked", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("held_until", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("result", JSONB),
    )
    op.create_index(
        "jobs_open", "jobs", ["created_at"], postgresql_where=sa.text("done_at IS NULL")
    )
