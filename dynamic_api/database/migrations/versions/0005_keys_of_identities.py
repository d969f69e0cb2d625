"""Through which identity a device was let in: its key ends with it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_TABLES = ("api_keys", "oauth_device_grants")


def upgrade() -> None:
    for table in _TABLES:
        op.add_column(table, sa.Column("identity_id", sa.String(length=32), nullable=True))


def downgrade() -> None:
    for table in _TABLES:
        op.drop_column(table, "identity_id")
