"""Seal anew what an older key sealed, so that the older key can be thrown away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Table, bindparam, func, select, update

from dynamic_api.database.tables import credentials, webhooks
from dynamic_api.sealing import Keyring, Unopened
from dynamic_api.services import audit
from dynamic_api.services import credentials as of_credentials
from dynamic_api.services import webhooks as of_webhooks

BATCH = 500


class Rotated(Struct, frozen=True):
    """How many were sealed anew, and what no key opened. `last` is where to go on, "" at the end."""

    resealed: int
    unreadable: tuple[str, ...]
    last: str


def rotate(db: Connection, keys: Keyring, *, now: int, after: str = "", most: int = BATCH) -> Rotated:
    """Seal up to `most` values with the first key, those after `after`. Call it until `last` is empty.

    What no key opens is left alone and named.
    """
    kind, _, place = after.partition(" ")
    if kind != "webhook":
        found = _reseal(db, keys, _CREDENTIALS, place, most)
        last = f"credential {found.last}" if found.last else "webhook "
    else:
        found = _reseal(db, keys, _WEBHOOKS, place, most)
        last = f"webhook {found.last}" if found.last else ""
    if found.resealed:
        data = {"resealed": found.resealed}
        audit.record(db, "CREDENTIALS_ROTATED", "credential", now=now, data=data)
    return Rotated(found.resealed, found.unreadable, last)


class _Kind(Struct, frozen=True):
    """A table with sealed values: the columns of its key, and what a row was sealed for."""

    table: Table
    columns: tuple[str, ...]
    about: Callable[..., str]

    @property
    def place(self) -> ColumnElement[str]:
        """The key as one text, in whose order rows are gone through."""
        first, *more = (self.table.c[name] for name in self.columns)
        return first + "/" + more[0] if more else first + ""


_CREDENTIALS = _Kind(credentials, ("user_id", "name"), of_credentials.about)
_WEBHOOKS = _Kind(webhooks, ("id",), of_webhooks.about)


def _reseal(db: Connection, keys: Keyring, kind: _Kind, after: str, most: int) -> Rotated:
    table, stamp = kind.table, keys.stamp
    rows = db.execute(
        select(*(table.c[name] for name in kind.columns), table.c.sealed, kind.place.label("place"))
        .where(kind.place > after, func.substr(table.c.sealed, 1, len(stamp)) != stamp)
        .order_by(kind.place)
        .limit(most)
        .with_for_update()
    ).all()
    values, unreadable = [], []
    for row in rows:
        own = tuple(row[: len(kind.columns)])
        try:
            plain = keys.open(row.sealed, kind.about(*own))
        except Unopened:
            unreadable.append(row.place)
        else:
            values.append((own, keys.seal(plain, kind.about(*own))))
    _write(db, kind, values)
    return Rotated(len(values), tuple(unreadable), rows[-1].place if len(rows) == most else "")


def _write(db: Connection, kind: _Kind, values: Sequence[tuple[tuple[str, ...], bytes]]) -> None:
    if values:
        table = kind.table
        where = [table.c[name] == bindparam(f"own_{name}") for name in kind.columns]
        rows = [
            {**{f"own_{name}": part for name, part in zip(kind.columns, own, strict=True)}, "fresh": sealed}
            for own, sealed in values
        ]
        db.execute(update(table).where(*where).values(sealed=bindparam("fresh")), rows)
