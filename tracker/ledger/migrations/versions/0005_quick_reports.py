"""Quick reports"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import tracker.ledger.types

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('answers',
    sa.Column('id', tracker.ledger.types.Id(length=32), nullable=False),
    sa.Column('brand_id', tracker.ledger.types.Id(length=32), nullable=False),
    sa.Column('report', sa.String(length=40), nullable=False),
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('asked_at', tracker.ledger.types.Moment(length=32), nullable=False),
    sa.Column('due_at', tracker.ledger.types.Moment(length=32), nullable=True),
    sa.Column('drawn_at', tracker.ledger.types.Moment(length=32), nullable=True),
    sa.Column('rows', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_answers_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_answers'))
    )
    with op.batch_alter_table('answers', schema=None) as batch_op:
        batch_op.create_index('ix_answers_due_at', ['due_at'], unique=False)

    with op.batch_alter_table('commission_steps', schema=None) as batch_op:
        batch_op.create_index('ix_commission_steps_at', ['at'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('commission_steps', schema=None) as batch_op:
        batch_op.drop_index('ix_commission_steps_at')

    with op.batch_alter_table('answers', schema=None) as batch_op:
        batch_op.drop_index('ix_answers_due_at')

    op.drop_table('answers')
