"""Alembic runs this with the connection that `tracker.ledger.schema` hands it."""

from __future__ import annotations

from alembic import context

from tracker.ledger.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    user_module_prefix="tracker.ledger.types.",
)
with context.begin_transaction():
    context.run_migrations()
