"""Who wrote an article, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("versions") as versions:
        versions.add_column(sa.Column("author", sa.Text, nullable=False, server_default=""))
        versions.add_column(sa.Column("published", sa.Text, nullable=False, server_default=""))
