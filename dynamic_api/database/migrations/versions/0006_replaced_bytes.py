"""Private bytes that a rename replaced, until they are removed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "replaced_bytes",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_replaced_bytes")),
    )
    op.create_index(op.f("ix_replaced_bytes_at"), "replaced_bytes", ["at"])


def downgrade() -> None:
    op.drop_table("replaced_bytes")
