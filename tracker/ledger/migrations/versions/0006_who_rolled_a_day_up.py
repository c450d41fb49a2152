"""Who rolled a day up"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import tracker.ledger.types

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('rolled_days', schema=None) as batch_op:
        batch_op.add_column(sa.Column('rolling', tracker.ledger.types.Id(length=32), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('rolled_days', schema=None) as batch_op:
        batch_op.drop_column('rolling')
