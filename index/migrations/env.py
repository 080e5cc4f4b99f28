"""Alembic's entry: it migrates over the connection that the catalogue hands in."""

from alembic import context

from index.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
