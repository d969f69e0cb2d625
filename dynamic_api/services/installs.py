"""For whom an asset or a collection is installed, and who may change that.

Members of one organisation trust each other this far: everybody installs for themselves; whoever answers for
an asset or a team (and the staff) installs it for others (docs/sx.md, "Who may do what").
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, exists, select

from dynamic_api.database.tables import (
    asset_collections,
    asset_installs,
    bot_assets,
    bots,
    team_members,
    teams,
    users,
)
from dynamic_api.database.tables.skills import ORGANISATION, PUBLISHED
from dynamic_api.database.upsert import insert_absent
from dynamic_api.errors import Absent, Forbidden, Invalid
from dynamic_api.services import audit, repositories
from dynamic_api.services.assets import Found
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.teams import ADMIN, OWNER
from dynamic_api.sx.values import BOT, ENTITIES, ORGANIZATION, REPOSITORY, TEAM, USER

_NAMES = {"ORG": ORGANIZATION, "ORGANISATION": ORGANIZATION, "REPO": REPOSITORY}


class Target(Struct, frozen=True):
    """An entity that something is installed for; with folders of a repository, in those only."""

    entity_type: str
    entity_id: str = ""
    path_config_id: str | None = None


class Thing(Struct, frozen=True):
    """What is installed: an asset or a collection; `owned` by the caller, or `lent` to them.

    What is lent is private to somebody else: the caller installs it for themselves alone.
    """

    kind: str
    id: str
    name: str
    owned: bool
    lent: bool = False


EVERYBODY = Target(ORGANIZATION)


def target(db: Connection, entity_type: str, entity_id: str | None, config_id: str | None = None) -> Target:
    """An entity that there is. Raises Invalid, Absent."""
    kind = entity_type.strip().upper()
    kind = _NAMES.get(kind, kind)
    if kind not in ENTITIES:
        raise Invalid("bad_entity", f"entity types are {', '.join(ENTITIES)}", place="entityType")
    if kind == ORGANIZATION:
        return EVERYBODY
    table = {TEAM: teams, USER: users, BOT: bots}.get(kind)
    if not entity_id:
        raise Invalid("bad_entity", f"a {kind} needs its id", place="entityId", mend="send entityId")
    if table is None:
        repositories.find(db, entity_id)
        if config_id:
            repositories.path_config(db, config_id, entity_id)
        return Target(kind, entity_id, config_id or None)
    if not db.execute(select(exists().where(table.c.id == entity_id))).scalar_one():
        raise Absent("entity_not_found", f"there is no {kind} {entity_id[:64]!r}", place="entityId")
    return Target(kind, entity_id)


def of_asset(db: Connection, caller: Caller, found: Found) -> Thing:
    """`found` as what is installed."""
    owned = owns(db, caller, found)
    lent = not owned and found.namespace not in {ORGANISATION, PUBLISHED}
    return Thing("skill", found.id, found.slug, owned, lent)


def owns(db: Connection, caller: Caller, found: Found) -> bool:
    """Whether the caller answers for an asset: its owner, the bot that made it, or the staff."""
    if caller.is_staff or (found.owner_id is not None and found.owner_id == caller.user_id):
        return True
    made = exists().where(bot_assets.c.skill_id == found.id, bot_assets.c.bot_id == caller.user_id)
    return caller.is_bot and bool(db.execute(select(made)).scalar_one())


def require_not_lent(things: Iterable[Thing]) -> None:
    """Raise Forbidden for what the caller may not pass on."""
    for thing in things:
        if thing.lent:
            what = f"PERMISSION_DENIED: {thing.name} is private to somebody else"
            raise Forbidden("permission_denied", what, mend="ask its owner to install it for them")


def require_may(db: Connection, caller: Caller, thing: Thing, targets: Iterable[Target]) -> None:
    """Raise Forbidden unless the caller may install `thing` for all `targets`, and take it from them."""
    if thing.owned:
        return
    others = [each for each in targets if (each.entity_type, each.entity_id) != (USER, caller.user_id)]
    if others:
        require_not_lent([thing])
    led = _led_teams(db, caller) if any(each.entity_type == TEAM for each in others) else set()
    for each in others:
        if each.entity_type != TEAM or each.entity_id not in led:
            raise Forbidden(
                "permission_denied",
                f"PERMISSION_DENIED: only who answers for {thing.name} installs it for {each.entity_type}",
                place="installations",
                mend="ask its owner or an administrator",
            )


def _led_teams(db: Connection, caller: Caller) -> set[str]:
    query = select(team_members.c.team_id).where(
        team_members.c.user_id == caller.user_id, team_members.c.role.in_((OWNER, ADMIN))
    )
    return set(db.execute(query).scalars())


def add(
    db: Connection, caller: Caller, trace: Trace, thing: Thing, targets: Sequence[Target], now: int
) -> int:
    """Install `thing` for `targets`; how many are new. Raises Forbidden."""
    require_may(db, caller, thing, targets)
    column = "skill_id" if thing.kind == "skill" else "collection_id"
    rows = [
        {
            "id": _identity(thing, each),
            "skill_id": None,
            "collection_id": None,
            "entity_type": each.entity_type,
            "entity_id": each.entity_id,
            "path_config_id": each.path_config_id,
            "created_by": caller.user_id,
            "created_at": now,
            column: thing.id,
        }
        for each in dict.fromkeys(targets)
    ]
    added = insert_absent(db, asset_installs, rows)
    if added:
        _note(db, "ASSET_INSTALLED", caller, trace, thing, targets, now)
    return added


def remove(
    db: Connection, caller: Caller, trace: Trace, thing: Thing, targets: Sequence[Target], now: int
) -> int:
    """Take `thing` from `targets`; how many had it. Raises Forbidden."""
    require_may(db, caller, thing, targets)
    ids = [_identity(thing, each) for each in targets]
    gone = db.execute(delete(asset_installs).where(asset_installs.c.id.in_(ids))).rowcount
    if gone:
        _note(db, "ASSET_UNINSTALLED", caller, trace, thing, targets, now)
    return int(gone)


def current(db: Connection, thing: Thing, kinds: Sequence[str] = ENTITIES) -> list[Target]:
    """Whom `thing` is installed for, of these kinds, without what comes by collections."""
    column = asset_installs.c.skill_id if thing.kind == "skill" else asset_installs.c.collection_id
    rows = db.execute(
        select(asset_installs).where(column == thing.id, asset_installs.c.entity_type.in_(list(kinds)))
    )
    return [Target(row.entity_type, row.entity_id, row.path_config_id) for row in rows]


def replace(
    db: Connection,
    caller: Caller,
    trace: Trace,
    thing: Thing,
    targets: Sequence[Target],
    now: int,
    *,
    kinds: Sequence[str] = ENTITIES,
) -> None:
    """Install `thing` for exactly `targets`, as far as installs of these kinds go. Raises Forbidden."""
    before = set(current(db, thing, kinds))
    after = set(targets)
    if gone := sorted(before - after, key=_order):
        remove(db, caller, trace, thing, gone, now)
    if new := sorted(after - before, key=_order):
        add(db, caller, trace, thing, new, now)


def forget(db: Connection, entity_type: str, entity_id: str) -> None:
    """Remove what is installed for an entity that goes away."""
    held = (asset_installs.c.entity_type == entity_type, asset_installs.c.entity_id == entity_id)
    db.execute(delete(asset_installs).where(*held))


def collection_thing(db: Connection, caller: Caller, collection_id: str) -> Thing:
    """A collection as what is installed. Raises Absent."""
    row = db.execute(select(asset_collections).where(asset_collections.c.id == collection_id)).one_or_none()
    if row is None:
        raise Absent("collection_not_found", "there is no such collection", place="gid")
    owned = caller.is_staff or row.created_by == caller.user_id
    return Thing("collection", row.id, row.name, owned)


def _order(each: Target) -> tuple[str, str, str]:
    return each.entity_type, each.entity_id, each.path_config_id or ""


def _identity(thing: Thing, each: Target) -> str:
    parts = (thing.kind, thing.id, each.entity_type, each.entity_id, each.path_config_id or "")
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:32]


def _note(
    db: Connection,
    event: str,
    caller: Caller,
    trace: Trace,
    thing: Thing,
    targets: Sequence[Target],
    now: int,
) -> None:
    told: list[Any] = [" ".join(filter(None, _order(each))) for each in targets[:100]]
    audit.record(
        db,
        event,
        "asset" if thing.kind == "skill" else "collection",
        now=now,
        caller=caller,
        trace=trace,
        target_id=thing.id,
        target_name=thing.name,
        data={"targets": told},
    )
