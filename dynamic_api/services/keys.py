"""API keys: made once, shown once, stored as a digest."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from dynamic_api.clock import written
from dynamic_api.database.tables import api_keys, collection_skills
from dynamic_api.errors import Absent, Conflict, Invalid
from dynamic_api.ids import KEY_PREFIX, SHOWN, digest, new_id, new_secret
from dynamic_api.services import audit
from dynamic_api.services.accounts import User
from dynamic_api.services.caller import ALL_SKILLS, SCOPED, UPLOAD_ONLY, Caller, Trace

KINDS = (ALL_SKILLS, SCOPED, UPLOAD_ONLY)
NAME_LENGTH = 200


class Key(Struct, frozen=True):
    """A key, without its secret."""

    id: str
    name: str
    kind: str
    prefix: str
    enabled: bool
    created_at: str
    expires_at: str | None
    revoked: bool


class NewKey(Struct, frozen=True):
    """A key and its secret, which is not to be had again."""

    id: str
    secret: str


class KeyOptions(Struct, frozen=True, kw_only=True):
    """What a key may be told beside its name (contracts/skillzdrive.md 3.2)."""

    kind: str = ALL_SKILLS
    skill_ids: tuple[str, ...] = ()
    include_team: bool = True
    include_shared: bool = True
    rate_limit_per_minute: int | None = None
    monthly_execution_quota: int = 0
    expires_at: int | None = None
    identity_id: str | None = None


def create(
    db: Connection, owner_id: str, name: str, options: KeyOptions, *, now: int, secret: str | None = None
) -> NewKey:
    """A new key of `owner_id`. Raises Invalid for a bad name, Conflict for one that is in use."""
    require_name(name)
    key_id, secret = new_id(), secret or new_secret(KEY_PREFIX)
    row = {
        "id": key_id,
        "owner_id": owner_id,
        "name": name,
        "live_name": name,
        "kind": options.kind,
        "sha256": digest(secret),
        "prefix": secret[:SHOWN],
        "include_team": options.include_team,
        "include_shared": options.include_shared,
        "rate_limit_per_minute": options.rate_limit_per_minute,
        "monthly_execution_quota": options.monthly_execution_quota,
        "expires_at": options.expires_at,
        "identity_id": options.identity_id,
        "created_at": now,
    }
    try:
        with db.begin_nested():
            db.execute(insert(api_keys), row)
    except IntegrityError as error:
        raise Conflict(
            "name_taken", f"there is a collection or key {name!r}", place="name", mend="take another name"
        ) from error
    if options.skill_ids:
        rows = [{"key_id": key_id, "skill_id": skill_id, "added_at": now} for skill_id in options.skill_ids]
        db.execute(insert(collection_skills), rows)
    return NewKey(key_id, secret)


def issue(db: Connection, owner: User, name: str, options: KeyOptions, *, now: int) -> NewKey:
    """`create` by an operator, with its line in the audit log."""
    made = create(db, owner.id, name, options, now=now)
    data = {"owner": owner.email, "kind": options.kind}
    audit.record(db, "KEY_CREATED", "key", now=now, target_id=made.id, target_name=name, data=data)
    return made


def require_name(name: str, place: str = "name") -> None:
    """Raise Invalid for a name that is empty, too long, or not printable."""
    if (
        not name.strip()
        or len(name) > NAME_LENGTH
        or not name.isprintable()
        or "/" in name
        or name in {".", ".."}
    ):
        raise Invalid(
            "validation_error",
            f"must be 1 to {NAME_LENGTH} printable characters without a slash",
            place=place,
        )


def of_owner(db: Connection, owner_id: str) -> list[Key]:
    """The keys of an account that are not revoked, by name."""
    rows = db.execute(
        select(api_keys)
        .where(api_keys.c.owner_id == owner_id, api_keys.c.revoked_at.is_(None))
        .order_by(api_keys.c.name)
    )
    return [
        Key(
            row.id,
            row.name,
            row.kind,
            row.prefix,
            row.enabled,
            written(row.created_at),
            None if row.expires_at is None else written(row.expires_at),
            row.revoked_at is not None,
        )
        for row in rows
    ]


def revoke(
    db: Connection, key_id: str, *, now: int, by: Caller | None = None, trace: Trace | None = None
) -> None:
    """End a key for good; its name is free again. Raises Absent."""
    _change(db, key_id, {"revoked_at": now, "live_name": None, "published_name": None})
    audit.record(db, "KEY_REVOKED", "key", now=now, caller=by, trace=trace, target_id=key_id)


def revoke_of_identities(db: Connection, owner_id: str, identity_ids: Sequence[str], now: int) -> list[Key]:
    """End the keys of devices that these identities let in; gives what they were."""
    named = select(api_keys.c.id).where(
        api_keys.c.owner_id == owner_id, api_keys.c.identity_id.in_(identity_ids)
    )
    ids = set(db.execute(named).scalars())
    ended = [key for key in of_owner(db, owner_id) if key.id in ids]
    for key in ended:  # those of the devices of one person
        revoke(db, key.id, now=now)
    return ended


def enable(db: Connection, key_id: str, enabled: bool, *, now: int) -> None:
    """Let a key work, or stop it for now. Raises Absent."""
    _change(db, key_id, {"enabled": enabled})
    event = "KEY_ENABLED" if enabled else "KEY_DISABLED"
    audit.record(db, event, "key", now=now, target_id=key_id)


def _change(db: Connection, key_id: str, values: dict[str, object]) -> None:
    done = db.execute(
        update(api_keys)
        .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        .values(values)
        .returning(api_keys.c.id)
    ).one_or_none()
    if done is None:
        raise Absent("key_not_found", "no such key, or it is revoked")
