"""`sx vault list | show | rename`, and who has an asset. contracts/sx.md 1.6 and 2.1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sx_client import graphql, rest, semver
from sx_client.cache import Cache
from sx_client.errors import BadAnswer, GraphQlError, NotFound, Refused
from sx_client.lock import Lock
from sx_client.selection import TYPENAMES
from sx_client.wire import Wire

TYPES = {name.lower().replace("_", "-"): name for name in TYPENAMES}
"""A type as sx spells it → AssetType."""
_UNKNOWN_TYPE = ("got invalid value", "Cannot query field", "cannot represent")
_ASSETS = ("vault", "assets")


@dataclass(frozen=True, slots=True)
class Shown:
    """What `sx vault show` prints. `versions` are oldest first."""

    slug: str
    name: str
    type: str
    description: str
    versions: list[str]
    metadata: dict[str, Any]
    installations: list[dict[str, Any]]


def listed(wire: Wire, kind: str | None = None, search: str | None = None) -> list[dict[str, Any]]:
    """Every asset, or those of one type: eight paged queries, or one."""
    if kind is not None and kind not in TYPES:
        raise NotFound(f"no type {kind}")
    found = []
    for name in [TYPES[kind]] if kind else TYPENAMES:
        try:
            found += list(graphql.pages(wire, "VaultAssets", _ASSETS, assetType=name, search=search))
        except GraphQlError as error:
            if name != "APP_PLUGIN" or kind or not any(text in str(error) for text in _UNKNOWN_TYPE):
                raise
    if stray := [node["slug"] for node in found if kind and node["type"] != TYPES[kind]]:
        raise BadAnswer(f"VaultAssets: {', '.join(stray)} are of another type than was asked for")
    return found


def lookup(wire: Wire, name: str) -> dict[str, Any] | None:
    """An asset by its slug, else by its display name."""
    found = graphql.nodes_of(graphql.call(wire, "VaultAssetLookup", slug=name, first=graphql.PAGE), *_ASSETS)
    if any(node["slug"] != name for node in found) or len(found) > 1:
        raise BadAnswer(f"VaultAssetLookup: the slug {name!r} gave {[node['slug'] for node in found]}")
    if not found:
        nodes = graphql.nodes_of(
            graphql.call(wire, "VaultAssetLookup", search=name, first=graphql.PAGE), *_ASSETS
        )
        found = [node for node in nodes if name.lower() in {node["slug"].lower(), node["name"].lower()}]
    if not found:
        return None
    versions = [item["version"] for item in found[0]["versions"]]
    if versions != semver.sort(versions)[::-1]:
        raise BadAnswer(f"VaultAssetLookup: the versions {versions} are not newest first")
    return dict(found[0])


def show(wire: Wire, name: str) -> Shown:
    """Raises NotFound."""
    node = lookup(wire, name)
    if node is None:
        raise NotFound(f"no asset {name}")
    versions = [item["version"] for item in node["versions"]][::-1]
    metadata = rest.metadata(wire, node["slug"], versions[-1]) if versions else {}
    description = node["description"] or ""
    rows = installations(wire, node["slug"])
    return Shown(node["slug"], node["name"], node["type"], description, versions, metadata, rows)


def rename(wire: Wire, cache: Cache, old: str, new: str) -> Lock | None:
    """Raises NotFound for `old`, Refused when `new` is there; gives the lock after it."""
    show_only = lookup(wire, old)
    if show_only is None:
        raise NotFound(f"no asset {old}")
    if show_only["versions"]:
        rest.metadata(wire, show_only["slug"], show_only["versions"][0]["version"])
    if lookup(wire, new) is not None:
        raise Refused(f"an asset {new} is there already")
    if graphql.change(wire, "RenameAsset", oldName=show_only["slug"], newName=new)["success"] is not True:
        raise Refused(f"{old} was not renamed")
    return rest.fetch_lock(wire, cache)


def installations(wire: Wire, name: str) -> list[dict[str, Any]]:
    """Whom an asset is installed for, without what came by a collection. All pages are read."""
    for node in graphql.pages(wire, "AssetInstallations", _ASSETS):
        if name in {node["slug"], node["name"]}:
            return [row for row in node["installations"] if row["viaCollectionId"] is None]
    raise NotFound(f"no asset {name}")


def gid(wire: Wire, name: str) -> str:
    """The id of an asset, found among all of them."""
    for node in graphql.pages(wire, "AssetGID", _ASSETS):
        if name in {node["slug"], node["name"]}:
            return str(node["id"])
    raise NotFound(f"no asset {name}")


def uninstall_targets(wire: Wire, name: str, targets: list[dict[str, Any]]) -> int:
    """Take an asset from some; how many rows that were."""
    rows = [{"monoRepoConfigId": None, **target} for target in targets]
    payload = graphql.change(wire, "UninstallAssetTargets", assetName=name, targets=rows)
    return int(payload["removedCount"] or 0)


def remove_installations(wire: Wire, name: str, *, delete: bool) -> None:
    """RemoveAssetInstallations: repositories, teams, users and the organisation, not bots."""
    payload = graphql.change(wire, "RemoveAssetInstallations", assetName=name, delete=delete)
    if payload["success"] is not True:
        raise Refused(f"the installations of {name} were not removed")
