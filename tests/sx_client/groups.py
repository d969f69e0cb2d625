"""`sx collection`. contracts/sx.md 2.1, 2.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sx_client import graphql, targets, vault
from sx_client.errors import BadAnswer, NotFound, Refused
from sx_client.scope import normal
from sx_client.wire import Wire


@dataclass(frozen=True, slots=True)
class Collection:
    """What `sx collection show` prints; `assets` are slugs."""

    id: str
    name: str
    description: str
    assets: list[str]
    installations: list[dict[str, Any]]


def listed(wire: Wire) -> list[dict[str, Any]]:
    """Id, name and description of each."""
    return list(graphql.pages(wire, "ListCollections", ("collections",)))


def show(wire: Wire, name: str) -> Collection:
    """Raises NotFound."""
    node = _find(wire, name)
    members = graphql.pages(wire, "CollectionAssets", ("collection", "assets"), id=node["id"])
    slugs = [item["slug"] for item in members]
    rows = graphql.call(wire, "CollectionInstallations", id=node["id"])["collection"]
    if rows is None:
        raise NotFound(f"no collection {name}")
    return Collection(node["id"], node["name"], node["description"] or "", slugs, rows["installations"])


def create(wire: Wire, name: str, description: str | None = None, assets: Sequence[str] = ()) -> str:
    """The id of a new collection."""
    gids = [vault.gid(wire, asset) for asset in assets] or None
    return _id(
        graphql.change(wire, "CreateAssetCollection", name=name, description=description, assetGids=gids)
    )


def update(wire: Wire, name: str, *, new: str | None = None, description: str | None = None) -> None:
    """None keeps."""
    gid = _find(wire, name)["id"]
    _id(graphql.change(wire, "UpdateAssetCollection", gid=gid, name=new, description=description))


def delete(wire: Wire, name: str) -> None:
    """Raises NotFound."""
    payload = graphql.change(wire, "DeleteAssetCollection", gid=_find(wire, name)["id"])
    if payload["success"] is not True:
        raise Refused(f"the collection {name} was not deleted")


def add(wire: Wire, name: str, assets: Sequence[str]) -> None:
    """Put assets into a collection."""
    gids = [vault.gid(wire, asset) for asset in assets]
    _id(graphql.change(wire, "AddAssetsToCollection", collectionGid=_find(wire, name)["id"], assetGids=gids))


def remove(wire: Wire, name: str, assets: Sequence[str]) -> None:
    """Take assets out of a collection."""
    gids = [vault.gid(wire, asset) for asset in assets]
    _id(
        graphql.change(
            wire, "RemoveAssetsFromCollection", collectionGid=_find(wire, name)["id"], assetGids=gids
        )
    )


def install(wire: Wire, name: str, wanted: targets.Targets) -> None:
    """Install all of it for teams, users, bots, repositories, or the organisation."""
    _id(
        graphql.change(
            wire, "InstallCollection", gid=_find(wire, name)["id"], installations=_rows(wire, wanted)
        )
    )


def uninstall(wire: Wire, name: str, wanted: targets.Targets) -> None:
    """Take it from each target; that it was not there is no error."""
    gid = _find(wire, name)["id"]
    for row in _rows(wire, wanted):
        try:
            graphql.change(wire, "UninstallCollection", gid=gid, **row)
        except Refused as refused:
            if "Installation not found" not in str(refused):
                raise


def _rows(wire: Wire, wanted: targets.Targets) -> list[dict[str, Any]]:
    """An entity for each target; a repository is found by its owner and name."""
    rows: list[dict[str, Any]] = [{"entityType": "ORGANIZATION", "entityId": None}] if wanted.org else []
    for url in wanted.repos:
        owner, name = normal(url).split("/")[-2:]
        found = targets.find_repository(wire, owner, name)
        rows.append({"entityType": "REPOSITORY", "entityId": found["id"]})
    people = targets.Targets(teams=wanted.teams, users=wanted.users, bots=wanted.bots)
    return rows + targets.resolve(wire, people).installations


def _find(wire: Wire, name: str) -> dict[str, Any]:
    for node in listed(wire):
        if node["name"].lower() == name.lower():
            return dict(node)
    raise NotFound(f"no collection {name}")


def _id(payload: dict[str, Any]) -> str:
    if payload["collection"] is None:
        raise BadAnswer("neither a collection nor errors")
    return str(payload["collection"]["id"])
