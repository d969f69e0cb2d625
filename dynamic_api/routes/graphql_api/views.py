"""Values as nodes of the schema. What costs a query is asked once for a whole page, when it is selected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from dynamic_api.clock import written
from dynamic_api.routes.graphql_api.scope import Node, Scope, connection, page_size
from dynamic_api.services import asset_listing, bots, organisation
from dynamic_api.services.asset_listing import Installed
from dynamic_api.services.assets import Found
from dynamic_api.services.bots import Bot, BotKey
from dynamic_api.services.organisation import Member, Person, Team
from dynamic_api.services.repositories import Repository
from dynamic_api.sx.values import BOT as A_BOT
from dynamic_api.sx.values import ORGANIZATION, TEAM
from dynamic_api.sx.vocabulary import KINDS

_KINDS = {kind.lock: kind for kind in KINDS}


class _Assets:
    """A page of assets, and their installs in one query."""

    def __init__(self, scope: Scope, found: Sequence[Found]) -> None:
        self._scope = scope
        self._ids = [each.id for each in found]

    @cached_property
    def installs(self) -> Mapping[str, list[Installed]]:
        return asset_listing.installs_of(self._scope.db, self._ids)


def assets(scope: Scope, found: Sequence[Found]) -> list[Node]:
    """Assets as nodes."""
    page = _Assets(scope, found)
    return [_asset(each, page) for each in found if each.type in _KINDS]


def _asset(found: Found, page: _Assets) -> Node:
    kind = _KINDS[found.type]
    newest = found.served()
    return {
        "__typename": kind.typename,
        "id": found.id,
        "slug": found.slug,
        "name": found.name,
        "type": kind.graphql,
        "description": found.description,
        "latestVersion": newest[0].version.label if newest else None,
        "versionsCount": len(found.versions),
        "createdAt": written(found.created_at),
        "updatedAt": written(found.updated_at),
        "versions": [
            {"version": kept.version.label, "createdAt": written(kept.at), "filesCount": kept.files}
            for kept in found.newest_first()
        ],
        "installations": lambda _info: [installation(each) for each in page.installs.get(found.id, [])],
        "evaluating": False,
        "source": None,
    }


def installation(each: Installed) -> Node:
    """For whom something is installed."""
    return {
        "entityType": each.entity_type,
        "entityName": each.entity_name,
        "entityRef": each.entity_ref,
        "entityId": each.entity_id,
        "monoRepoConfigId": each.path_config_id,
        "monoRepoConfigName": each.path_config_name,
        "viaCollectionId": each.via_collection,
    }


def person(one: Person) -> Node:
    """An account."""
    first, _, last = one.name.partition(" ")
    return {"id": one.id, "username": one.email, "email": one.email, "firstName": first, "lastName": last}


class _Teams:
    """A page of teams, their members and repositories in one query each."""

    def __init__(self, scope: Scope, ids: Sequence[str]) -> None:
        self._scope = scope
        self._ids = ids

    @cached_property
    def members(self) -> Mapping[str, list[Member]]:
        return organisation.members(self._scope.db, self._ids)

    @cached_property
    def repositories(self) -> Mapping[str, list[Repository]]:
        return organisation.repositories_of(self._scope.db, self._ids)


def teams(scope: Scope, found: Sequence[Team]) -> list[Node]:
    """Teams as nodes."""
    page = _Teams(scope, [team.id for team in found])
    return [_team(team, page) for team in found]


def _team(team: Team, page: _Teams) -> Node:
    def members(_info: object, first: int | None = None, after: str | None = None) -> Node:
        people = [member.person for member in page.members.get(team.id, [])]
        left = [one for one in people if one.email > (after or "")]
        return connection(left, page_size(first), lambda one: one.email, _people, lambda: len(people))

    return {
        "id": team.id,
        "name": team.name,
        "adminMembers": lambda _info: [
            person(member.person) for member in page.members.get(team.id, []) if member.leads
        ],
        "members": members,
        "skillsRepositories": lambda _info: [
            {"repositoryId": each.id, "owner": _owner(each), "name": each.name}
            for each in page.repositories.get(team.id, [])
        ],
    }


def _people(people: Sequence[Person]) -> list[Node]:
    return [person(one) for one in people]


def repository(one: Repository, configs: Callable[[], list[Node]] | None = None) -> Node:
    """A repository; its folders when asked for."""
    return {
        "id": one.id,
        "owner": _owner(one),
        "name": one.name,
        "monoRepoConfigs": lambda _info: configs() if configs else [],
    }


def _owner(one: Repository) -> str:
    """The part of the address before the name: sx compares no more than the last two parts of a URL."""
    return one.owner.rpartition("/")[2]


class _Bots:
    """A page of bots, their keys and what they get in a few queries."""

    def __init__(self, scope: Scope, found: Sequence[Bot]) -> None:
        self._scope = scope
        self._found = found

    @cached_property
    def keys(self) -> Mapping[str, list[BotKey]]:
        return bots.keys(self._scope.db, [bot.id for bot in self._found])

    @cached_property
    def installed(self) -> Mapping[tuple[str, str], list[tuple[str, str, bool]]]:
        """(entity type, id) → (name, type, whether directly) of what is installed for it."""
        entities = {(A_BOT, bot.id) for bot in self._found} | {(ORGANIZATION, "")}
        entities |= {(TEAM, team_id) for bot in self._found for team_id, _ in bot.teams}
        return asset_listing.installed_for(self._scope.db, self._scope.context.published, entities)

    def skills(self, bot: Bot) -> list[Node]:
        """What a bot gets, each once; what is installed for itself first."""
        entities = [(A_BOT, bot.id), *((TEAM, team_id) for team_id, _ in bot.teams), (ORGANIZATION, "")]
        nodes: dict[str, Node] = {}
        for entity in entities:
            for name, kind, direct in self.installed.get(entity, []):
                is_direct = direct and entity[0] == A_BOT
                type_ = _KINDS[kind].graphql.lower() if kind in _KINDS else kind
                nodes.setdefault(name, {"name": name, "assetType": type_, "isDirectInstall": is_direct})
        return [nodes[name] for name in sorted(nodes)]


def bots_of(scope: Scope, found: Sequence[Bot]) -> list[Node]:
    """Bots as nodes."""
    page = _Bots(scope, found)
    return [_bot(scope, bot, page) for bot in found]


def _bot(scope: Scope, bot: Bot, page: _Bots) -> Node:
    return {
        "id": bot.id,
        "name": bot.name,
        "slug": bot.slug,
        "description": bot.description,
        "teams": lambda _info: teams(scope, [Team(*each) for each in bot.teams]),
        "installedSkills": lambda _info: page.skills(bot),
        "apiKeys": lambda _info: [_key(key) for key in page.keys.get(bot.id, [])],
    }


def _key(key: BotKey) -> Node:
    return {
        "id": key.id,
        "label": key.label,
        "maskedToken": f"{key.prefix}…",
        "createdAt": written(key.created_at),
    }


def typename(node: Any, *_rest: object) -> str:
    """The type of a node of an interface."""
    return str(node["__typename"])
