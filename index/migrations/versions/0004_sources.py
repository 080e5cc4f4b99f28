"""Where a page says it stands, where a document's pages begin, and when sources were checked."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("versions") as versions:
        versions.add_column(sa.Column("canonical", sa.Text, nullable=False, server_default=""))
        versions.add_column(sa.Column("pages", sa.JSON, nullable=False, server_default="[]"))
    op.create_table(
        "checks",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("article_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("last_modified", sa.Text, nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["scope", "article_id"], ["articles.scope", "articles.id"]),
    )
