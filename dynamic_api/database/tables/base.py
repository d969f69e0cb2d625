"""What every table shares: the names of its constraints, and the kinds of its columns."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def key() -> Column[str]:
    """The id of a row: 32 hex digits."""
    return Column("id", String(32), primary_key=True)


def reference(name: str, target: str, **options: Any) -> Column[str]:
    """A column that holds the id of a row of `target` ("table.id")."""
    options.setdefault("nullable", False)
    return Column(name, String(32), ForeignKey(target, ondelete="CASCADE"), **options)


def moment(name: str, *, nullable: bool = False) -> Column[int]:
    """A time in whole milliseconds since 1970, UTC."""
    return Column(name, BigInteger, nullable=nullable)
