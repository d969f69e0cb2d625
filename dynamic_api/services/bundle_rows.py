"""Which bundles are promised to somebody, and the bytes of those that no longer are.

A bundle is remade with the same bytes when the same skills are asked for again, so forgetting and promising
take turns by its digest: on PostgreSQL by a lock, on SQLite because there is one writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from dynamic_api.database.tables import bundles
from dynamic_api.ids import new_id

FORGOTTEN_AT_ONCE = 20
Withdrawn = Callable[[Iterable[str]], Mapping[str, str]]
"""Digests → why they were taken back, for those that were."""


def promise(
    db: Connection,
    user_id: str,
    sha256: str,
    filename: str,
    inside: Sequence[str],
    expires_at: int,
    now: int,
) -> None:
    """Write down that the bytes are wanted until `expires_at`. Look whether they are there afterwards.

    `inside` are the digests of the artifacts, which may be taken back one day.
    """
    _take_turn(db, sha256)
    row = {
        "id": new_id(),
        "user_id": user_id,
        "sha256": sha256,
        "filename": filename,
        "digests": msgspec.json.encode(inside).decode(),
        "created_at": now,
        "expires_at": expires_at,
    }
    db.execute(insert(bundles), row)


def inside(db: Connection, sha256: str) -> list[str]:
    """The digests of the artifacts in the bundle `sha256`; none when it is no bundle."""
    row = db.execute(select(bundles.c.digests).where(bundles.c.sha256 == sha256).limit(1)).first()
    return _digests(row.digests) if row else []


def tainted(db: Connection, withdrawn: Withdrawn, now: int) -> list[str]:
    """Bundles with a living link and something inside that was taken back."""
    rows = db.execute(select(bundles.c.sha256, bundles.c.digests).where(bundles.c.expires_at > now)).all()
    inside = {row.sha256: _digests(row.digests) for row in rows}
    gone = withdrawn({digest for digests in inside.values() for digest in digests})
    return sorted(sha256 for sha256, digests in inside.items() if any(digest in gone for digest in digests))


def _digests(text: str) -> list[str]:
    return msgspec.json.decode(text, type=list[str])


def overdue(db: Connection, before: int, most: int) -> list[str]:
    """Digests whose last promise ended before `before`."""
    query = (
        select(bundles.c.sha256)
        .group_by(bundles.c.sha256)
        .having(func.max(bundles.c.expires_at) < before)
        .order_by(func.max(bundles.c.expires_at))
        .limit(most)
    )
    return list(db.execute(query).scalars())


def forget(db: Connection, sha256: str, before: int, remove: Callable[[str], None]) -> bool:
    """Remove the bytes and their rows, unless they were promised again meanwhile.

    `remove` may run again after a lost race: removing what is gone is no error. No artifact can have the
    digest of a bundle, in which every file lies below the folder of its skill.
    """
    _take_turn(db, sha256)
    latest = db.execute(select(func.max(bundles.c.expires_at)).where(bundles.c.sha256 == sha256)).scalar_one()
    if latest is None or latest >= before:
        return False
    remove(sha256)
    db.execute(delete(bundles).where(bundles.c.sha256 == sha256))
    return True


def _take_turn(db: Connection, sha256: str) -> None:
    if db.dialect.name == "postgresql":
        db.execute(select(func.pg_advisory_xact_lock(int(sha256[:15], 16))))
