"""The queries of sx (contracts/sx.md 2.1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from dynamic_api.clock import written
from dynamic_api.routes.graphql_api import views
from dynamic_api.routes.graphql_api.scope import Node, Scope, connection, moment_cursor, page_size, words
from dynamic_api.services import (
    asset_collections,
    asset_listing,
    asset_reads,
    asset_usage,
    assets,
    audit_log,
    bots,
    organisation,
    repositories,
)
from dynamic_api.services.assets import Found
from dynamic_api.sx.vocabulary import KINDS, kind_of

_LOCK = {kind.graphql: kind.lock for kind in KINDS}


def user(scope: Scope) -> Node | None:
    """A bot is nobody to sx."""
    found = None if scope.caller.is_bot else organisation.person(scope.db, scope.caller.user_id)
    return None if found is None else views.person(found)


def vault(scope: Scope) -> Node:
    return {
        "assets": lambda _info, **given: _assets(scope, **given),
        "assetBenchmarks": None,
        "latestAssetBenchmarks": None,
        "appPluginPolicy": None,
        "appPluginStorage": None,
    }


def _assets(scope: Scope, first: int | None = None, after: str | None = None, **given: Any) -> Node:
    size = page_size(first)
    kind, slug, search = (given.get(name) for name in ("type", "slug", "search"))
    found: list[Found] = []
    if kind is not None and kind not in _LOCK:
        found = []  # APP_PLUGIN: there never is one
    elif slug is not None:
        found = _with_slug(scope, slug, kind)
    elif search:
        found = _searched(scope, words(search, "search"), kind, after or "", size)
    else:
        context = scope.context
        found = asset_listing.page(
            scope.db,
            context.published,
            context.catalogue,
            scope.caller,
            after=after or "",
            limit=size + 1,
            kind=_LOCK.get(kind or ""),
        )
    return connection(found, size, lambda each: each.slug, lambda page: views.assets(scope, page))


def _with_slug(scope: Scope, slug: str, type_: str | None) -> list[Found]:
    named = assets.named(scope.db, scope.context.published, slug)
    found = asset_reads.visible(scope.db, scope.caller, [each for each in named if each.slug == slug])
    return [each for each in found[:1] if type_ is None or _LOCK[type_] == each.type]


def _searched(scope: Scope, text: str, type_: str | None, after: str, size: int) -> list[Found]:
    offered = scope.searched.get(text)
    if offered is None:
        offered = asset_listing.offered(scope.context.catalogue, text)
    return asset_listing.search(
        scope.db,
        scope.context.published,
        offered,
        scope.caller,
        text,
        after=after,
        limit=size + 1,
        kind=_LOCK.get(type_ or ""),
    )


def organization(scope: Scope) -> Node:
    return {
        "name": urlsplit(scope.context.public_url).hostname or "skillpress",
        "iconUrl": None,
        "teams": lambda _info, **given: _teams(scope, **given),
        "users": lambda _info, **given: _users(scope, **given),
        "repositories": lambda _info, **given: _repositories(scope, **given),
    }


def _teams(
    scope: Scope,
    first: int | None = None,
    after: str | None = None,
    term: str | None = None,
    parent: object = None,
) -> Node:
    size, term = page_size(first), words(term, "term")
    found = organisation.page(scope.db, term, after or "", size + 1)
    return connection(
        found,
        size,
        lambda team: team.name,
        lambda page: views.teams(scope, page),
        lambda: organisation.count(scope.db, term),
    )


def _users(scope: Scope, term: str | None = None, first: int | None = None, after: str | None = None) -> Node:
    size, term = page_size(first), words(term, "term")
    found = organisation.people(scope.db, term, after or "", size + 1)
    return connection(
        found,
        size,
        lambda one: one.email,
        lambda page: [views.person(one) for one in page],
        lambda: organisation.count_people(scope.db, term),
    )


def _repositories(
    scope: Scope, first: int | None = None, after: str | None = None, term: str | None = None
) -> Node:
    size, term = page_size(first), words(term, "term")
    found = repositories.page(scope.db, after or "", size + 1, term)
    return connection(
        found,
        size,
        lambda pair: pair[0],
        lambda page: [views.repository(one) for _, one in page],
        lambda: repositories.count(scope.db, term),
    )


def repository(scope: Scope, id: str) -> Node | None:  # noqa: A002 - the name in the schema
    found = repositories.find(scope.db, id)

    def configs() -> list[Node]:
        return [
            {"id": each.id, "name": ", ".join(each.paths), "sourcePathPrefixIncludes": list(each.paths)}
            for each in repositories.path_configs_of(scope.db, [found.id])
        ]

    return views.repository(found, configs)


def all_bots(scope: Scope) -> list[Node]:
    return views.bots_of(scope, bots.everyone(scope.db))


def bot(scope: Scope, slug: str | None = None) -> Node | None:
    return next(iter(views.bots_of(scope, bots.everyone(scope.db, [slug or ""]))), None)


def usage(scope: Scope, first: int | None = None, after: str | None = None, **given: Any) -> Node:
    size = page_size(first)
    named = given.get("assetType") or None
    kind = kind_of(named) if named else None
    wanted = asset_usage.Filter(
        asset_name=given.get("assetName") or None,
        asset_type=kind.lock if kind else named,
        actor=(given.get("actor") or "").strip().lower() or None,
        since=_milliseconds(given.get("since")),
        until=_milliseconds(given.get("until")),
    )
    found = asset_usage.page(scope.db, scope.caller, wanted, moment_cursor(after), size + 1)
    return connection(found, size, _at, lambda page: [_used(each) for each in page])


def audit(scope: Scope, first: int | None = None, after: str | None = None, **given: Any) -> Node:
    """sx filters by itself; other clients need not read everything."""
    size = page_size(first)
    wanted = audit_log.Filter(
        event=given.get("event") or None,
        actor=given.get("actor") or None,
        target=given.get("target") or None,
        since=_milliseconds(given.get("since")),
        until=_milliseconds(given.get("until")),
    )
    found = audit_log.page(scope.db, scope.caller, wanted, moment_cursor(after), size + 1)
    return connection(found, size, _at, lambda page: [_entry(each) for each in page])


def collections(scope: Scope, first: int | None = None, after: str | None = None) -> Node:
    size = page_size(first)
    found = asset_collections.page(scope.db, after or "", size + 1)
    return connection(
        found, size, lambda each: each.name, lambda page: [collection_of(scope, each) for each in page]
    )


def collection(scope: Scope, id: str) -> Node | None:  # noqa: A002 - the name in the schema
    return collection_of(scope, asset_collections.find(scope.db, id))


def collection_of(scope: Scope, found: asset_collections.Collection) -> Node:
    """A collection as a node."""

    def members(_info: object, first: int | None = None, after: str | None = None) -> Node:
        ids = asset_collections.members(scope.db, found.id)
        held = assets.by_ids(scope.db, scope.context.published, ids)
        held = asset_reads.visible(scope.db, scope.caller, held)
        left = sorted((each for each in held if each.slug > (after or "")), key=lambda each: each.slug)
        size = page_size(first)
        return connection(left, size, lambda each: each.slug, lambda page: views.assets(scope, page))

    def installed(_info: object) -> list[Node]:
        rows = asset_listing.installs_of_collection(scope.db, found.id)
        return [views.installation(each) for each in rows]

    return {
        "id": found.id,
        "name": found.name,
        "description": found.description,
        "assets": members,
        "installations": installed,
    }


def _at(each: Any) -> str:
    return f"{each.at}:{each.id}"


def _used(each: asset_usage.Used) -> Node:
    return {
        "timestamp": written(each.at),
        "actorEmail": each.actor,
        "assetName": each.asset_name,
        "assetVersion": each.asset_version,
        "assetType": each.asset_type,
    }


def _entry(each: audit_log.Entry) -> Node:
    return {
        "id": each.id,
        "date": written(each.at),
        "actorEmail": each.actor if "@" in each.actor else None,
        "actorName": each.actor,
        "event": each.event,
        "targetType": each.target_type,
        "targetName": each.target_name or None,
        "data": each.data,
    }


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
