"""Calls that cost happen once for each Idempotency-Key; a repeat gets the first answer (DESIGN.md D11)."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, tuple_

from dynamic_api.database.tables import idempotency_keys
from dynamic_api.errors import Conflict, Invalid

MAX_LENGTH = 255


class Stored(Struct, frozen=True):
    """An answer as it was sent."""

    status: int
    body: bytes


class Once(Struct, frozen=True):
    """What binds a key: the account, the route, and the digest of the body."""

    user_id: str
    key: str
    route: str
    body_sha256: str


def require_fit(key: str) -> None:
    """Raise Invalid for a key that is empty, too long, or not printable ASCII."""
    if not key or len(key) > MAX_LENGTH or not key.isascii() or not key.isprintable():
        raise Invalid(
            "validation_error",
            f"must be 1 to {MAX_LENGTH} printable ASCII characters",
            place="header.Idempotency-Key",
            mend="send a UUID",
        )


def recall(db: Connection, once: Once) -> Stored | None:
    """The answer of an earlier call with this key. Raises Conflict when that call was another one."""
    row = db.execute(
        select(idempotency_keys).where(
            idempotency_keys.c.user_id == once.user_id, idempotency_keys.c.key == once.key
        )
    ).one_or_none()
    if row is None:
        return None
    if (row.route, row.body_sha256) != (once.route, once.body_sha256):
        raise Conflict(
            "idempotency_key_reused",
            "this key was used for another call",
            place="header.Idempotency-Key",
            mend="send a new key with each new call",
        )
    return Stored(row.status, row.answer)


def keep(db: Connection, once: Once, stored: Stored, now: int) -> None:
    """Store the answer. The unique key makes the slower of two calls at once fail as a whole."""
    db.execute(
        insert(idempotency_keys),
        {
            "user_id": once.user_id,
            "key": once.key,
            "route": once.route,
            "body_sha256": once.body_sha256,
            "status": stored.status,
            "answer": stored.body,
            "at": now,
        },
    )


def forget(db: Connection, before: int, most: int) -> int:
    """Remove up to `most` answers from before `before`; how many they were."""
    keys = idempotency_keys.c
    old = select(keys.user_id, keys.key).where(keys.at < before).limit(most)
    mine = tuple_(keys.user_id, keys.key)
    return int(db.execute(delete(idempotency_keys).where(mine.in_(old))).rowcount)
