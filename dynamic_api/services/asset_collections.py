"""Collections of sx: assets that are installed together."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from dynamic_api.database.tables import asset_collection_items, asset_collections
from dynamic_api.database.upsert import insert_absent
from dynamic_api.errors import Absent, Conflict, Forbidden, Invalid
from dynamic_api.ids import new_id
from dynamic_api.services import audit
from dynamic_api.services.caller import Caller, Trace


class Collection(Struct, frozen=True):
    """A collection."""

    id: str
    name: str
    description: str
    created_by: str


def page(db: Connection, after: str, limit: int) -> list[Collection]:
    """Collections by name, those after `after`."""
    held = asset_collections.c
    query = select(asset_collections).where(held.name > after).order_by(held.name).limit(limit)
    return [Collection(row.id, row.name, row.description, row.created_by) for row in db.execute(query)]


def find(db: Connection, collection_id: str) -> Collection:
    """The collection with this id. Raises Absent."""
    query = select(asset_collections).where(asset_collections.c.id == collection_id)
    row = db.execute(query).one_or_none()
    if row is None:
        raise Absent("collection_not_found", "there is no such collection", place="gid")
    return Collection(row.id, row.name, row.description, row.created_by)


def members(db: Connection, collection_id: str) -> list[str]:
    """The ids of its assets."""
    item = asset_collection_items.c
    return list(db.execute(select(item.skill_id).where(item.collection_id == collection_id)).scalars())


def create(
    db: Connection,
    caller: Caller,
    trace: Trace,
    name: str,
    description: str,
    skill_ids: Sequence[str],
    now: int,
) -> Collection:
    """A new collection. Raises Invalid, Conflict."""
    collection_id = new_id()
    row = {
        "id": collection_id,
        "name": _fit(name),
        "description": description,
        "created_by": caller.user_id,
        "created_at": now,
    }
    try:
        with db.begin_nested():
            db.execute(insert(asset_collections), row)
    except IntegrityError as error:
        raise Conflict("name_taken", f"there is a collection {name!r}", place="name") from error
    made = find(db, collection_id)
    add(db, made, skill_ids)
    note(db, "COLLECTION_CREATED", caller, trace, made, now)
    return made


def change(
    db: Connection,
    collection: Collection,
    name: str | None,
    description: str | None,
    skill_ids: Sequence[str] | None,
) -> Collection:
    """Set what is given; a list replaces. Raises Invalid, Conflict."""
    values: dict[str, str] = {}
    if name is not None and name != collection.name:
        values["name"] = _fit(name)
    if description is not None:
        values["description"] = description
    if values:
        try:
            with db.begin_nested():
                held = asset_collections.c.id == collection.id
                db.execute(update(asset_collections).where(held).values(values))
        except IntegrityError as error:
            raise Conflict("name_taken", f"there is a collection {name!r}", place="name") from error
    if skill_ids is not None:
        item = asset_collection_items.c
        db.execute(delete(asset_collection_items).where(item.collection_id == collection.id))
        add(db, collection, skill_ids)
    return find(db, collection.id)


def add(db: Connection, collection: Collection, skill_ids: Sequence[str]) -> None:
    """Put assets in; what is there stays."""
    rows = [{"collection_id": collection.id, "skill_id": each} for each in dict.fromkeys(skill_ids)]
    insert_absent(db, asset_collection_items, rows)


def take_out(db: Connection, collection: Collection, skill_ids: Sequence[str]) -> None:
    """Take assets out; what is not there is no error."""
    item = asset_collection_items.c
    held = (item.collection_id == collection.id, item.skill_id.in_(list(skill_ids)))
    db.execute(delete(asset_collection_items).where(*held))


def remove(db: Connection, collection: Collection) -> None:
    """Delete a collection; what came by it is installed no longer."""
    db.execute(delete(asset_collections).where(asset_collections.c.id == collection.id))


def require_may(caller: Caller, collection: Collection) -> None:
    """Raise Forbidden unless the caller made the collection, or belongs to the staff."""
    if not caller.is_staff and collection.created_by != caller.user_id:
        raise Forbidden(
            "permission_denied",
            f"PERMISSION_DENIED: only who made the collection {collection.name} may change it",
            mend="ask an administrator",
        )


def note(db: Connection, event: str, caller: Caller, trace: Trace, collection: Collection, now: int) -> None:
    """The line of a change in the audit log."""
    audit.record(
        db,
        event,
        "collection",
        now=now,
        caller=caller,
        trace=trace,
        target_id=collection.id,
        target_name=collection.name,
    )


def _fit(name: str) -> str:
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise Invalid("validation_error", "must be 1 to 200 printable characters", place="name")
    return name.strip()
