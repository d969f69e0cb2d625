"""Credentials of an account for its runs: sealed, shown masked, opened for a run only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from dynamic_api.clock import written
from dynamic_api.database.tables import credentials, users
from dynamic_api.errors import Absent, Conflict, TooLarge, Unavailable, Unprocessable
from dynamic_api.sealing import Keyring, Unopened
from dynamic_api.sections import Credentials
from dynamic_api.services import audit, credential_names
from dynamic_api.services.caller import Caller, Trace, require_all_skills

_SHOWN, _LONG_ENOUGH = 4, 16
_MASK = "…"


class Credential(Struct, frozen=True):
    """A credential without its value: `masked` is its end, if it is long enough for that to tell nothing."""

    name: str
    masked: str
    created_at: str
    updated_at: str


def put(
    db: Connection,
    keys: Keyring,
    caller: Caller,
    trace: Trace,
    name: str,
    value: str,
    rules: Credentials,
    now: int,
) -> Credential:
    """Keep `value` under `name`, in place of another. Raises Invalid, TooLarge, Conflict, Forbidden."""
    require_all_skills(caller)
    credential_names.require_fit(name)
    plain = value.encode()
    if len(plain) > rules.value_bytes:
        message = f"more than {rules.value_bytes} bytes"
        raise TooLarge("payload_too_large", message, place="value", mend="keep a shorter value")
    # Two at once count one after the other.
    db.execute(select(users.c.id).where(users.c.id == caller.user_id).with_for_update())
    values = {
        "sealed": keys.seal(plain, about(caller.user_id, name)),
        "masked": masked(value),
        "updated_at": now,
    }
    own = credentials.c.user_id == caller.user_id
    if not db.execute(update(credentials).where(own, credentials.c.name == name).values(values)).rowcount:
        _require_room(db, caller, rules)
        row = {**values, "user_id": caller.user_id, "name": name, "created_at": now}
        db.execute(insert(credentials), row)
    _record(db, "CREDENTIAL_SET", caller, trace, name, now)
    return require(db, caller, name)


def _require_room(db: Connection, caller: Caller, rules: Credentials) -> None:
    count = select(func.count()).select_from(credentials).where(credentials.c.user_id == caller.user_id)
    if db.execute(count).scalar_one() >= rules.per_account:
        message = f"there are {rules.per_account} already"
        raise Conflict("too_many_credentials", message, mend="delete one that is not needed")


def require(db: Connection, caller: Caller, name: str) -> Credential:
    """One credential, masked. Raises Absent."""
    require_all_skills(caller)
    own = (credentials.c.user_id == caller.user_id, credentials.c.name == name)
    row = db.execute(select(credentials).where(*own)).one_or_none()
    if row is None:
        raise _absent()
    return _credential(row)


def of_account(db: Connection, caller: Caller) -> list[Credential]:
    """Every credential of the account, masked, by name."""
    require_all_skills(caller)
    own = credentials.c.user_id == caller.user_id
    rows = db.execute(select(credentials).where(own).order_by(credentials.c.name))
    return [_credential(row) for row in rows]


def remove(db: Connection, caller: Caller, trace: Trace, name: str, now: int) -> None:
    """Forget a credential. Raises Absent."""
    require_all_skills(caller)
    own = (credentials.c.user_id == caller.user_id, credentials.c.name == name)
    if not db.execute(delete(credentials).where(*own)).rowcount:
        raise _absent()
    _record(db, "CREDENTIAL_DELETED", caller, trace, name, now)


def open_credentials(db: Connection, keys: Keyring, user_id: str, names: Iterable[str]) -> dict[str, str]:
    """Name → value, for the environment of a run and nothing else.

    Raises Unprocessable (missing_credentials) that names all that are not there, Unavailable for one that no
    key opens.
    """
    wanted = sorted(set(names))
    rows = db.execute(
        select(credentials.c.name, credentials.c.sealed).where(
            credentials.c.user_id == user_id, credentials.c.name.in_(wanted)
        )
    )
    sealed = {row.name: row.sealed for row in rows}
    if missing := [name for name in wanted if name not in sealed]:
        mend = f"PUT /api/v1/account/credentials/{missing[0]}"
        raise Unprocessable("missing_credentials", f"not stored: {', '.join(missing)}", mend=mend)
    try:
        return {name: keys.open(sealed[name], about(user_id, name)).decode() for name in wanted}
    except Unopened as error:
        mend = "the operator gives back the key that sealed it (credentials.keys), or it is stored anew"
        raise Unavailable("credentials_unreadable", "a stored credential does not open", mend=mend) from error


def masked(value: str) -> str:
    """What may be shown of `value`."""
    return _MASK + (value[-_SHOWN:] if len(value) >= _LONG_ENOUGH and value[-_SHOWN:].isprintable() else "")


def about(user_id: str, name: str) -> str:
    """What a credential is sealed for."""
    return f"credential\0{user_id}\0{name}"


def _absent() -> Absent:
    mend = "GET /api/v1/account/credentials lists them"
    return Absent("credential_not_found", "no such credential", place="name", mend=mend)


def _record(db: Connection, event: str, caller: Caller, trace: Trace, name: str, now: int) -> None:
    audit.record(db, event, "credential", now=now, caller=caller, trace=trace, target_name=name)


def _credential(row: Row[Any]) -> Credential:
    return Credential(row.name, row.masked, written(row.created_at), written(row.updated_at))
