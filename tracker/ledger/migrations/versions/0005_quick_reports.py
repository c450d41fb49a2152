"""Quick reports"""

from __future__ import annotations

from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('commission_steps', schema=None) as batch_op:
        batch_op.create_index('ix_commission_steps_at', ['at'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('commission_steps', schema=None) as batch_op:
        batch_op.drop_index('ix_commission_steps_at')
