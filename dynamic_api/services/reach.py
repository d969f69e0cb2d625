"""What is installed for a caller: directly, through teams and bots, and through collections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, bindparam, or_, select, union_all

from dynamic_api.database.tables import (
    active_profiles,
    asset_collection_items,
    asset_installs,
    bot_teams,
    path_configs,
    profile_items,
    repositories,
    team_members,
    team_repositories,
)
from dynamic_api.services.caller import Caller
from dynamic_api.sx.values import BOT, ORGANIZATION, REPOSITORY, TEAM, USER, Install
from dynamic_api.sx.values import Caller as Asking

_PATHS = msgspec.json.Decoder(tuple[str, ...])


def installs(db: Connection, caller: Caller) -> list[Install]:
    """Every install that may concern `caller`, in one query."""
    rows = db.execute(_installs(caller.is_bot), {"me": caller.user_id}).fetchall()
    return [
        Install(
            asset=row.skill_id,
            entity_type=row.entity_type,
            entity_id=row.entity_id,
            url=row.url or "",
            paths=_PATHS.decode(row.paths) if row.paths else (),
            via_collection=row.collection_id,
        )
        for row in rows
    ]


def reaches(db: Connection, caller: Caller, skill_ids: Sequence[str]) -> set[str]:
    """Those of `skill_ids` that are installed for the caller."""
    if not skill_ids:
        return set()
    given = {"me": caller.user_id, "ids": list(skill_ids)}
    return set(db.execute(_installs(caller.is_bot, some=True), given).scalars())


def given(db: Connection, caller: Caller, skill_ids: Sequence[str]) -> set[str]:
    """Those of `skill_ids` that somebody else has installed for the caller."""
    values = {"me": caller.user_id, "ids": list(skill_ids)}
    return set(db.execute(_installs(caller.is_bot, some=True, by_others=True), values).scalars())


def giving(is_bot: bool) -> Select[Any]:
    """All that `given` may give, as a statement with the parameter `me`."""
    return select(_installs(is_bot, by_others=True).subquery().c.skill_id)


def asking(db: Connection, caller: Caller) -> Asking:
    """The caller as the resolver wants it: teams with their repositories, and the profile in force."""
    return Asking(
        id=caller.user_id,
        is_bot=caller.is_bot,
        teams=_teams(db, caller),
        repositories=None,
        profile=_profile(db, caller.user_id),
    )


def _teams(db: Connection, caller: Caller) -> dict[str, tuple[str, ...]]:
    urls: defaultdict[str, list[str]] = defaultdict(list)
    for team_id, url in db.execute(_team_urls(caller.is_bot), {"me": caller.user_id}):
        urls[team_id] += [url] if url else []
    return {team_id: tuple(sorted(found)) for team_id, found in urls.items()}


def _profile(db: Connection, holder_id: str) -> frozenset[str] | None:
    rows = db.execute(_PROFILE, {"me": holder_id}).fetchall()
    return frozenset(row.skill_id for row in rows if row.skill_id) if rows else None


_PROFILE = (
    select(active_profiles.c.profile_id, profile_items.c.skill_id)
    .select_from(
        active_profiles.outerjoin(profile_items, profile_items.c.profile_id == active_profiles.c.profile_id)
    )
    .where(active_profiles.c.holder_id == bindparam("me"))
)


def _memberships(is_bot: bool) -> Select[Any]:
    if is_bot:
        return select(bot_teams.c.team_id).where(bot_teams.c.bot_id == bindparam("me"))
    return select(team_members.c.team_id).where(
        team_members.c.user_id == bindparam("me"), team_members.c.accepted_at.is_not(None)
    )


@cache
def _team_urls(is_bot: bool) -> Select[Any]:
    mine = _memberships(is_bot).subquery()
    joined = mine.outerjoin(
        team_repositories.join(repositories, repositories.c.id == team_repositories.c.repository_id),
        team_repositories.c.team_id == mine.c.team_id,
    )
    return select(mine.c.team_id, repositories.c.url).select_from(joined)


@cache
def _installs(is_bot: bool, *, some: bool = False, by_others: bool = False) -> Any:
    """Direct installs, and those of collections with each of their assets.

    `some`: of the given ids only. `by_others`: not those that the caller made.
    """
    install = asset_installs.c
    entity = or_(
        install.entity_type == ORGANIZATION,
        and_(
            install.entity_type == (BOT if is_bot else USER),
            install.entity_id == bindparam("me"),
        ),
        and_(install.entity_type == TEAM, install.entity_id.in_(_memberships(is_bot))),
        *(() if is_bot else (install.entity_type == REPOSITORY,)),
    )
    if by_others:
        entity = and_(entity, install.created_by != bindparam("me"))
    place = asset_installs.outerjoin(
        repositories,
        and_(install.entity_type == REPOSITORY, repositories.c.id == install.entity_id),
    ).outerjoin(path_configs, path_configs.c.id == install.path_config_id)
    shown = (
        install.collection_id,
        install.entity_type,
        install.entity_id,
        repositories.c.url,
        path_configs.c.paths,
    )
    direct = select(install.skill_id, *shown).select_from(place).where(install.skill_id.is_not(None), entity)
    item = asset_collection_items.c
    through = (
        select(item.skill_id, *shown)
        .select_from(place.join(asset_collection_items, item.collection_id == install.collection_id))
        .where(entity)
    )
    if some:
        ids: Any = bindparam("ids", expanding=True)
        direct, through = direct.where(install.skill_id.in_(ids)), through.where(item.skill_id.in_(ids))
    return union_all(direct, through)
