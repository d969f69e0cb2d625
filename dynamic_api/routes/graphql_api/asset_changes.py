"""The mutations of assets, proposals and collections (contracts/sx.md 2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dynamic_api.errors import Absent
from dynamic_api.routes import proposal_page
from dynamic_api.routes.graphql_api import views
from dynamic_api.routes.graphql_api.queries import collection_of
from dynamic_api.routes.graphql_api.scope import Node, Scope
from dynamic_api.services import (
    asset_changes,
    asset_collections,
    asset_reads,
    asset_texts,
    asset_uploads,
    assets,
    drive,
    installs,
    proposals,
    repositories,
)
from dynamic_api.services.asset_texts import Text
from dynamic_api.services.assets import Found
from dynamic_api.services.installs import EVERYBODY, Target, Thing
from dynamic_api.sx.values import ORGANIZATION, REPOSITORY, TEAM, USER

Input = Mapping[str, Any]
_BUT_BOTS = (ORGANIZATION, REPOSITORY, TEAM, USER)


def set_installations(scope: Scope, input: Input) -> Node:  # noqa: A002 - the name in the schema
    """The table under SetAssetInstallations: nothing at all stands for everybody."""
    found, thing = _thing(scope, input["assetName"])
    wanted = _targets(scope, input.get("installations") or ())
    for each in input.get("repositories") or ():
        wanted += _repository(scope, each)
    append = bool(input.get("append"))
    if input.get("personalOnly") and not wanted:
        wanted = [Target(USER, scope.caller.user_id)]
        append = append or not thing.owned  # to take it from others is not theirs
    elif not wanted and not append:
        wanted = [EVERYBODY]
    if append:
        if wanted:
            installs.add(scope.db, scope.caller, scope.trace, thing, wanted, scope.now)
    else:
        installs.replace(scope.db, scope.caller, scope.trace, thing, wanted, scope.now)
    return {"asset": _node(scope, found)}


def uninstall_targets(scope: Scope, input: Input) -> Node:  # noqa: A002
    """Best effort: what is not installed there counts for nothing."""
    found, thing = _thing(scope, input["assetName"])
    wanted = _targets(scope, input.get("targets") or ())
    count = installs.remove(scope.db, scope.caller, scope.trace, thing, wanted, scope.now)
    return {"asset": _node(scope, found), "removedCount": count}


def remove_installations(scope: Scope, input: Input) -> Node:  # noqa: A002
    """From everybody but bots; with `delete` the asset itself goes."""
    found, thing = _thing(scope, input["assetName"])
    if input.get("delete"):
        asset_changes.remove(scope.db, scope.caller, scope.trace, found, scope.now)
    else:
        installs.replace(scope.db, scope.caller, scope.trace, thing, (), scope.now, kinds=_BUT_BOTS)
    return {"success": True}


def rename(scope: Scope, input: Input) -> Node:  # noqa: A002
    context = scope.context
    plan = asset_changes.plan(scope.db, context.published, scope.caller, input["oldName"], input["newName"])
    ready = scope.made(plan, lambda: asset_changes.rewritten(context.private_store, plan))
    asset_changes.rename(scope.db, scope.caller, scope.trace, ready, scope.now)
    return {"success": True}


def create(scope: Scope, input: Input) -> Node:  # noqa: A002
    rows, context = input.get("installations"), scope.context
    text = Text(
        name=input["name"],
        kind=input.get("assetType") or "agent",
        text=input.get("rawContent") or "",
        description=input.get("description") or "",
    )
    known = asset_reads.find(scope.db, context.published, scope.caller, text.name)
    made = scope.made(
        (text, known),
        lambda: asset_texts.write(context.private_store, text, known, context.settings.uploads),
    )
    kept = asset_uploads.keep(
        scope.db,
        context.published,
        scope.caller,
        made.bundle,
        made.scanned,
        None if rows is None else _targets(scope, rows),
        prices=context.settings.credits,
        now=scope.now,
        trace=scope.trace,
    )
    return {"asset": _node(scope, assets.by_ids(scope.db, context.published, [kept.skill_id])[0])}


def begin_request(scope: Scope, input: Input) -> Node:  # noqa: A002
    """A change request of sx becomes a proposal."""
    (found,) = _with_ids(scope, [input["assetId"]])
    made = proposals.of_change(
        scope.db,
        scope.caller,
        scope.trace,
        found,
        input["title"],
        input.get("description") or "",
        scope.now,
    )
    return {"pullRequest": {"id": made, "sourceUrl": proposal_page.address(scope.context, made)}}


def add_file(scope: Scope, input: Input) -> Node:  # noqa: A002
    """`path` is the folder of the file, null at the root."""
    folder = (input.get("path") or "").strip("/")
    path = f"{folder}/{input['name']}" if folder else input["name"]
    action, content = input.get("action") or "ADD", input.get("content") or ""
    proposals.add_file(scope.db, scope.caller, input["pullRequestId"], path, action, content, scope.now)
    return {"success": True}


def create_collection(scope: Scope, input: Input) -> Node:  # noqa: A002
    ids = _known_ids(scope, input.get("assetGids") or ())
    made = asset_collections.create(
        scope.db,
        scope.caller,
        scope.trace,
        input["name"],
        input.get("description") or "",
        ids,
        scope.now,
    )
    return {"collection": collection_of(scope, made)}


def update_collection(scope: Scope, input: Input) -> Node:  # noqa: A002
    held = _collection(scope, input["gid"])
    gids = input.get("assetGids")
    ids = None if gids is None else _known_ids(scope, gids)
    changed = asset_collections.change(scope.db, held, input.get("name"), input.get("description"), ids)
    return _noted(scope, "COLLECTION_CHANGED", changed)


def delete_collection(scope: Scope, gid: str) -> Node:
    held = _collection(scope, gid)
    asset_collections.remove(scope.db, held)
    asset_collections.note(scope.db, "COLLECTION_DELETED", scope.caller, scope.trace, held, scope.now)
    return {"success": True}


def add_to_collection(scope: Scope, input: Input) -> Node:  # noqa: A002
    held = _collection(scope, input["collectionGid"])
    asset_collections.add(scope.db, held, _known_ids(scope, input.get("assetGids") or ()))
    return _noted(scope, "COLLECTION_CHANGED", held)


def take_from_collection(scope: Scope, input: Input) -> Node:  # noqa: A002
    held = _collection(scope, input["collectionGid"])
    asset_collections.take_out(scope.db, held, input.get("assetGids") or ())
    return _noted(scope, "COLLECTION_CHANGED", held)


def install_collection(scope: Scope, input: Input) -> Node:  # noqa: A002
    thing = installs.collection_thing(scope.db, scope.caller, input["gid"])
    wanted = _targets(scope, input.get("installations") or ())
    installs.add(scope.db, scope.caller, scope.trace, thing, wanted, scope.now)
    return {"collection": collection_of(scope, asset_collections.find(scope.db, thing.id))}


def uninstall_collection(scope: Scope, input: Input) -> Node:  # noqa: A002
    """sx takes "Installation not found" for done."""
    thing = installs.collection_thing(scope.db, scope.caller, input["gid"])
    wanted = _targets(scope, [input])
    if not installs.remove(scope.db, scope.caller, scope.trace, thing, wanted, scope.now):
        raise Absent("installation_not_found", "Installation not found", place="entityId")
    return {"collection": collection_of(scope, asset_collections.find(scope.db, thing.id))}


def _find(scope: Scope, name: str) -> Found:
    return asset_reads.require(scope.db, scope.context.published, scope.caller, name)


def _thing(scope: Scope, name: str) -> tuple[Found, Thing]:
    """An asset that can be installed: a published one is noted in the database first."""
    found = _find(scope, name)
    _note_published(scope, [found])
    return found, installs.of_asset(scope.db, scope.caller, found)


def known_asset(scope: Scope, asset_id: str) -> tuple[Found, Thing]:
    """The same by id. Raises Absent."""
    (found,) = _with_ids(scope, [asset_id])
    _note_published(scope, [found])
    return found, installs.of_asset(scope.db, scope.caller, found)


def _known_ids(scope: Scope, ids: Sequence[str]) -> list[str]:
    """What goes into a collection is given on: nothing that was only lent."""
    found = _with_ids(scope, list(dict.fromkeys(ids)))
    installs.require_not_lent(installs.of_asset(scope.db, scope.caller, each) for each in found)
    _note_published(scope, found)
    return [each.id for each in found]


def _with_ids(scope: Scope, ids: Sequence[str]) -> list[Found]:
    found = assets.by_ids(scope.db, scope.context.published, ids)
    seen = {each.id: each for each in asset_reads.visible(scope.db, scope.caller, found)}
    if missing := [each for each in ids if each not in seen]:
        raise asset_reads.no_asset(missing[0][:64])
    return [seen[each] for each in ids]


def _note_published(scope: Scope, found: Iterable[Found]) -> None:
    ids = [each.id for each in found if each.is_published]
    records = scope.context.published.by_ids(ids)
    drive.know(scope.db, [records[each] for each in ids], scope.now)


def _targets(scope: Scope, rows: Iterable[Input]) -> list[Target]:
    return [
        installs.target(scope.db, row["entityType"], row.get("entityId"), row.get("monoRepoConfigId"))
        for row in rows
    ]


def _repository(scope: Scope, row: Input) -> list[Target]:
    known = repositories.known(scope.db, row["url"], scope.now)
    folders = repositories.folders(scope.db, known, row.get("paths") or ())
    return [Target(REPOSITORY, known.id, folders.id if folders else None)]


def _collection(scope: Scope, gid: str) -> asset_collections.Collection:
    held = asset_collections.find(scope.db, gid)
    asset_collections.require_may(scope.caller, held)
    return held


def _noted(scope: Scope, event: str, held: asset_collections.Collection) -> Node:
    asset_collections.note(scope.db, event, scope.caller, scope.trace, held, scope.now)
    return {"collection": collection_of(scope, held)}


def _node(scope: Scope, found: Found) -> Node | None:
    return next(iter(views.assets(scope, [found])), None)
