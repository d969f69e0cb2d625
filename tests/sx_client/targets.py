"""Whom an asset is installed for, and what sx asks to find their ids. contracts/sx.md 2.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sx_client import graphql
from sx_client.errors import NotFound
from sx_client.wire import Wire


@dataclass(frozen=True, slots=True)
class Targets:
    """The scope flags: `paths` are `URL#path,path`; `user` `me` is the caller."""

    org: bool = False
    teams: Sequence[str] = ()
    users: Sequence[str] = ()
    bots: Sequence[str] = ()
    repos: Sequence[str] = ()
    paths: Sequence[str] = ()

    def __bool__(self) -> bool:
        return self.org or any((self.teams, self.users, self.bots, self.repos, self.paths))


@dataclass(slots=True)
class Entities:
    """What the flags came to."""

    repositories: list[dict[str, Any]] = field(default_factory=list)
    installations: list[dict[str, str]] = field(default_factory=list)


def me(wire: Wire) -> dict[str, Any]:
    """The caller. Raises NotFound for a bot, or without a good token."""
    user = graphql.call(wire, "GetMe")["user"]
    if user is None:
        raise NotFound("not authenticated")
    return dict(user)


def find_user(wire: Wire, email: str) -> dict[str, Any]:
    """The user with exactly this address."""
    found = graphql.nodes_of(graphql.call(wire, "FindUser", term=email), "organization", "users")
    return _one(found, "email", email, "user")


def teams(wire: Wire, term: str | None = None, first: int = graphql.PAGE) -> list[dict[str, Any]]:
    """Teams whose name contains `term`; the first page is all that sx reads."""
    data = graphql.call(wire, "ListTeams", first=first, term=term, memberFirst=graphql.PAGE)
    return graphql.nodes_of(data, "organization", "teams")


def find_team(wire: Wire, name: str) -> dict[str, Any]:
    """The team with exactly this name."""
    return _one(teams(wire, name), "name", name, "team")


def bots(wire: Wire) -> list[dict[str, Any]]:
    """All bots; the list is not paged."""
    return list(graphql.call(wire, "ListBots")["bots"])


def find_bot(wire: Wire, name: str) -> dict[str, Any]:
    """The bot with this name or slug."""
    found = [bot for bot in bots(wire) if name in {bot["name"], bot["slug"]}]
    return _one(found, "name", found[0]["name"] if found else name, "bot")


def find_repository(wire: Wire, owner: str, name: str) -> dict[str, Any]:
    """The repository that the server knows by owner and name."""
    for node in graphql.pages(wire, "OrgRepositories", ("organization", "repositories")):
        if (node["owner"].lower(), node["name"].lower()) == (owner.lower(), name.lower()):
            return dict(node)
    raise NotFound(f"no repository {owner}/{name}")


def resolve(wire: Wire, wanted: Targets) -> Entities:
    """The ids behind the names."""
    found = Entities()
    found.repositories += [{"url": url, "paths": None} for url in wanted.repos]
    for text in wanted.paths:
        url, _, paths = text.partition("#")
        found.repositories.append({"url": url, "paths": paths.split(",")})
    for name in wanted.users:
        user = me(wire) if name == "me" else find_user(wire, name)
        found.installations.append({"entityType": "USER", "entityId": user["id"]})
    for name in wanted.teams:
        found.installations.append({"entityType": "TEAM", "entityId": find_team(wire, name)["id"]})
    for name in wanted.bots:
        found.installations.append({"entityType": "BOT", "entityId": find_bot(wire, name)["id"]})
    return found


def set_installations(wire: Wire, name: str, wanted: Targets, *, append: bool) -> None:
    """SetAssetInstallations by the table of the contract: org-wide and personal ones replace everything."""
    given: dict[str, Any] = {"assetName": name, "repositories": [], "personalOnly": False, "append": append}
    if wanted.org:
        given["append"] = False
    elif list(wanted.users) == ["me"] and not (wanted.teams or wanted.bots or wanted.repos or wanted.paths):
        given |= {"personalOnly": True, "append": False}
        me(wire)
    else:
        found = resolve(wire, wanted)
        given |= {"repositories": found.repositories, "installations": found.installations}
    graphql.change(wire, "SetAssetInstallations", **given)


def _one(found: Sequence[dict[str, Any]], key: str, name: str, what: str) -> dict[str, Any]:
    for item in found:
        if item[key].lower() == name.lower():
            return item
    raise NotFound(f"no {what} {name}")
