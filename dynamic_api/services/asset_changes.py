"""Changes to a whole asset: its name, and its end.

A new name is written into the zip of each version. That takes its time, so the bytes are made ready before
the transaction (`rewritten`), which only looks whether the asset still is what they were made of (`rename`).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import IntegrityError

from dynamic_api.database.tables import (
    asset_installs,
    collection_skills,
    drive_items,
    skill_versions,
    skills,
)
from dynamic_api.database.tables.skills import ORGANISATION
from dynamic_api.errors import Conflict, Forbidden, Invalid
from dynamic_api.private_store import PrivateStore
from dynamic_api.services import asset_reads, audit, installs, replaced_bytes
from dynamic_api.services.assets import Found, SxFacts
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.published import Published
from dynamic_api.sx.bundle import renamed
from dynamic_api.sx.identity import name_problem, slug_of
from registry_builder.core.key import digest
from registry_builder.core.ledger import QUARANTINED


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall be renamed to what. `rows` are its versions, as they were when that was planned."""

    found: Found
    slug: str
    name: str
    rows: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A plan, and for each ordinal what changes in its row: the bytes are in the store."""

    plan: Plan
    values: tuple[tuple[int, dict[str, Any]], ...]


def require_owned(db: Connection, caller: Caller, found: Found) -> None:
    """Raise Forbidden unless the caller answers for a private asset."""
    if found.is_published:
        why, mend = "it is in the public catalogue", "propose the change there"
    elif not installs.owns(db, caller, found):
        why, mend = "somebody else answers for it", "ask its owner or an administrator"
    else:
        return
    raise Forbidden("permission_denied", f"PERMISSION_DENIED: {found.slug}: {why}", mend=mend)


def plan(db: Connection, published: Published, caller: Caller, old: str, name: str) -> Plan:
    """What it takes to rename `old`. Raises Absent, Forbidden, Invalid, Conflict."""
    found = asset_reads.require(db, published, caller, old)
    require_owned(db, caller, found)
    slug = slug_of(name)
    if why := name_problem(name):
        raise Invalid(why.code, why.message, place="newName", mend=why.mend)
    if found.namespace == ORGANISATION and published.by_slugs([slug]):
        raise Conflict("name_taken", f"{slug} is in the public catalogue", place="newName")
    return Plan(found, slug, name, _rows(db, found.id))


def rewritten(store: PrivateStore, planned: Plan) -> Rewritten:
    """Put the new zips into the store. That they may stay there unused is no harm. Raises Unavailable."""
    quarantined = {kept.version.ordinal for kept in planned.found.versions if _is_quarantined(kept)}
    values = [(row.ordinal, _values(store, row, planned.slug, quarantined)) for row in planned.rows]
    return Rewritten(planned, tuple((ordinal, found) for ordinal, found in values if found))


def rename(db: Connection, caller: Caller, trace: Trace, ready: Rewritten, now: int) -> None:
    """Give an asset its other name. Raises Forbidden, and Conflict when somebody has changed it meanwhile."""
    planned, found = ready.plan, ready.plan.found
    require_owned(db, caller, found)
    still = select(skills.c.slug).where(skills.c.id == found.id, skills.c.deleted_at.is_(None))
    if db.execute(still.with_for_update()).scalar() != found.slug or _rows(db, found.id) != planned.rows:
        what = f"{found.slug} was changed meanwhile"
        raise Conflict("asset_changed", what, place="oldName", mend="try again")
    try:
        with db.begin_nested():
            values = {"slug": planned.slug, "name": planned.name[:200]}
            db.execute(update(skills).where(skills.c.id == found.id).values(values))
    except IntegrityError as error:
        what = f"an asset {planned.slug} already exists"
        raise Conflict("name_taken", what, place="newName") from error
    held = skill_versions.c
    for ordinal, changed in ready.values:  # a few at the most, and all of one asset
        same = (held.skill_id == found.id, held.ordinal == ordinal)
        db.execute(update(skill_versions).where(*same).values(changed))
    replaced_bytes.note(db, found.slug, filter(None, map(_bundle_of, planned.rows)), now)
    _note(db, "ASSET_RENAMED", caller, trace, found.id, planned.slug, now, found.slug)


def remove(db: Connection, caller: Caller, trace: Trace, found: Found, now: int) -> None:
    """Delete a private asset: it is in no list, lock or drive, and its versions are never given again."""
    require_owned(db, caller, found)
    for table in (asset_installs, drive_items, collection_skills):
        db.execute(delete(table).where(table.c.skill_id == found.id))
    db.execute(update(skills).where(skills.c.id == found.id).values(deleted_at=now))
    _note(db, "ASSET_DELETED", caller, trace, found.id, found.slug, now)


def _rows(db: Connection, skill_id: str) -> tuple[Any, ...]:
    held = skill_versions.c
    query = select(held.ordinal, held.sha256, held.facts).where(held.skill_id == skill_id)
    return tuple(db.execute(query.order_by(held.ordinal)).fetchall())


def _is_quarantined(kept: Any) -> bool:
    return bool(kept.version.state == QUARANTINED)


def _values(store: PrivateStore, row: Any, slug: str, quarantined: Container[int]) -> dict[str, Any]:
    """What changes in the row of a version; nothing while it has no bundle."""
    facts = msgspec.json.decode(row.facts, type=dict[str, Any])
    known = facts.get("sx")
    if known is None:
        return {}
    told = msgspec.convert(known, SxFacts)
    body = renamed(store.get(told.sha256 or row.sha256), slug)
    made = digest(body)
    store.put(made, [body])
    # Other bytes are not on the list of what was taken back, so the row has to say it.
    state = {"state": QUARANTINED} if row.ordinal in quarantined else {}
    if not told.sha256:
        return {"sha256": made, "size": len(body), **state}
    facts["sx"] = msgspec.structs.replace(told, sha256=made, size=len(body))
    return {"facts": msgspec.json.encode(facts).decode(), **state}


def _bundle_of(row: Any) -> str | None:
    """The digest of the zip that a version had."""
    known = msgspec.json.decode(row.facts, type=dict[str, Any]).get("sx")
    return None if known is None else msgspec.convert(known, SxFacts).sha256 or str(row.sha256)


def _note(
    db: Connection,
    event: str,
    caller: Caller,
    trace: Trace,
    skill_id: str,
    slug: str,
    now: int,
    before: str | None = None,
) -> None:
    data = {"from": before, "to": slug} if before else {}
    audit.record(
        db,
        event,
        "asset",
        now=now,
        caller=caller,
        trace=trace,
        target_id=skill_id,
        target_name=slug,
        data=data,
    )
