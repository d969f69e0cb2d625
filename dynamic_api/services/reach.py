"""What is installed for a caller: directly, through teams and bots, and through collections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, and_, bindparam, literal, null, or_, select, union_all

from dynamic_api.database.among import among
from dynamic_api.database.among import given as given_as
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
_PROFILE = "PROFILE"


class Own(NamedTuple):
    """A caller as the resolver wants it, and what is installed for nobody else."""

    asking: Asking
    installs: list[Install]


@dataclass(slots=True)
class _Gathered:
    installs: list[Install] = field(default_factory=list)
    teams: dict[str, list[str]] = field(default_factory=dict)
    profile: list[str] | None = None


def own(db: Connection, callers: Sequence[Caller]) -> dict[str, Own]:
    """What there is for each of `callers`, by their ids, in one query."""
    found = {caller.user_id: _Gathered() for caller in callers}
    dialect = db.dialect.name
    rows = db.execute(_own(dialect), {"us": given_as(dialect, found)}).fetchall()
    for holder, skill_id, collection_id, kind, entity_id, url, paths in rows:
        mine = found[holder]
        if kind == TEAM:
            mine.teams.setdefault(entity_id, []).extend([url] if url else [])
        elif kind == _PROFILE:
            mine.profile = [*(mine.profile or ()), *filter(None, [skill_id])]
        else:
            mine.installs.append(_install(skill_id, collection_id, kind, entity_id, url, paths))
    return {
        caller.user_id: Own(_asking(caller, mine := found[caller.user_id]), mine.installs)
        for caller in callers
    }


def _asking(caller: Caller, mine: _Gathered) -> Asking:
    return Asking(
        id=caller.user_id,
        is_bot=caller.is_bot,
        teams={team_id: tuple(sorted(urls)) for team_id, urls in mine.teams.items()},
        repositories=None,
        profile=None if mine.profile is None else frozenset(mine.profile),
    )


def shared(db: Connection, names: Sequence[str]) -> dict[str, tuple[Install, ...]]:
    """Installs for several: of ORGANIZATION, of REPOSITORY (every one), and of teams by their ids."""
    found: dict[str, list[Install]] = {name: [] for name in names}
    for row in db.execute(_shared(), {"names": list(names)}).fetchall():
        found[row.entity_id if row.entity_type == TEAM else row.entity_type].append(_install(*row))
    return {name: tuple(installs) for name, installs in found.items()}


def _install(
    skill_id: str, collection_id: str | None, kind: str, entity_id: str, url: str | None, paths: str | None
) -> Install:
    return Install(
        asset=skill_id,
        entity_type=kind,
        entity_id=entity_id,
        url=url or "",
        paths=_PATHS.decode(paths) if paths else (),
        via_collection=collection_id,
    )


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


def _memberships(is_bot: bool) -> Select[Any]:
    if is_bot:
        return select(bot_teams.c.team_id).where(bot_teams.c.bot_id == bindparam("me"))
    return select(team_members.c.team_id).where(
        team_members.c.user_id == bindparam("me"), team_members.c.accepted_at.is_not(None)
    )


@cache
def _own(dialect: str) -> Any:
    """Rows of installs behind whose they are. A TEAM is a membership with a repository of the team, a PROFILE
    one of its assets. No bot has the id of a user."""
    install, holder = asset_installs.c, asset_installs.c.entity_id
    mine = and_(install.entity_type.in_((USER, BOT)), among(dialect, install.entity_id, "us"))
    return union_all(*_brought(mine, holder), *_teams(dialect), _active(dialect))


def _teams(dialect: str) -> Iterator[Select[Any]]:
    joined = team_repositories.join(repositories, repositories.c.id == team_repositories.c.repository_id)
    for members, holder in ((team_members, team_members.c.user_id), (bot_teams, bot_teams.c.bot_id)):
        place = members.outerjoin(joined, team_repositories.c.team_id == members.c.team_id)
        columns = (holder, null(), null(), literal(TEAM), members.c.team_id, repositories.c.url, null())
        query = select(*columns).select_from(place).where(among(dialect, holder, "us"))
        yield query if members is bot_teams else query.where(team_members.c.accepted_at.is_not(None))


def _active(dialect: str) -> Select[Any]:
    item, active = profile_items.c, active_profiles.c
    joined = active_profiles.outerjoin(profile_items, item.profile_id == active.profile_id)
    columns = (active.holder_id, item.skill_id, null(), literal(_PROFILE), active.profile_id, null(), null())
    return select(*columns).select_from(joined).where(among(dialect, active.holder_id, "us"))


@cache
def _shared() -> Any:
    install = asset_installs.c
    names: Any = bindparam("names", expanding=True)
    for_kinds = and_(install.entity_type.in_((ORGANIZATION, REPOSITORY)), install.entity_type.in_(names))
    for_teams = and_(install.entity_type == TEAM, install.entity_id.in_(names))
    return union_all(*_brought(or_(for_kinds, for_teams)))


@cache
def _installs(is_bot: bool, *, some: bool = False, by_others: bool = False) -> Any:
    """Every install that may concern a caller.

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
    direct, through = _brought(entity)
    if some:
        ids: Any = bindparam("ids", expanding=True)
        direct = direct.where(install.skill_id.in_(ids))
        through = through.where(asset_collection_items.c.skill_id.in_(ids))
    return union_all(direct, through)


def _brought(entity: Any, *before: Any) -> tuple[Select[Any], Select[Any]]:
    """Direct installs of entities, and those of collections with each of their assets, behind `before`."""
    install, item = asset_installs.c, asset_collection_items.c
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
    direct = (
        select(*before, install.skill_id, *shown)
        .select_from(place)
        .where(install.skill_id.is_not(None), entity)
    )
    through = (
        select(*before, item.skill_id, *shown)
        .select_from(place.join(asset_collection_items, item.collection_id == install.collection_id))
        .where(entity)
    )
    return direct, through
