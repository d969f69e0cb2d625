"""`sx team`, `sx bot` and `sx bot key`. contracts/sx.md 2.1, 2.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sx_client import graphql, targets, vault
from sx_client.errors import BadAnswer, NotFound, Refused
from sx_client.wire import Wire


@dataclass(frozen=True, slots=True)
class NewBot:
    """A bot, and its first key, which is shown once."""

    id: str
    name: str
    slug: str
    key: str


def list_teams(wire: Wire, term: str | None = None) -> list[dict[str, Any]]:
    """`sx team list`; the caller is asked for first."""
    targets.me(wire)
    return targets.teams(wire, term)


def create_team(wire: Wire, name: str, members: Sequence[str] = (), admins: Sequence[str] = ()) -> str:
    """The id of a new team. Without admins the caller is the one; they are made admins one by one."""
    leads = list(admins) or [targets.me(wire)["email"]]
    ids = [targets.find_user(wire, email)["id"] for email in dict.fromkeys([*members, *leads])]
    made = _team(graphql.change(wire, "CreateTeam", name=name, members=ids))
    for email in leads:
        set_admin(wire, name, email)
    return made


def rename_team(wire: Wire, name: str, new: str) -> None:
    """Lists that are null stay as they are."""
    _team(graphql.change(wire, "UpdateTeam", id=targets.find_team(wire, name)["id"], name=new))


def add_member(wire: Wire, name: str, email: str) -> None:
    """The whole list of members is replaced."""
    team = targets.find_team(wire, name)
    ids = [member["id"] for member in team["members"]["nodes"]]
    user = targets.find_user(wire, email)["id"]
    _team(graphql.change(wire, "UpdateTeam", id=team["id"], members=list(dict.fromkeys([*ids, user]))))


def remove_member(wire: Wire, name: str, email: str) -> None:
    """Raises NotFound for somebody who is not in the team."""
    team = targets.find_team(wire, name)
    graphql.change(wire, "RemoveTeamMember", teamId=team["id"], memberId=_member(team, email))


def set_admin(wire: Wire, name: str, email: str, *, admin: bool = True) -> None:
    """Raises NotFound for somebody who is not in the team."""
    team = targets.find_team(wire, name)
    graphql.change(wire, "SetTeamAdmin", teamId=team["id"], userId=_member(team, email), isAdmin=admin)


def set_repositories(wire: Wire, name: str, repositories: Sequence[str]) -> None:
    """Replace the repositories of a team; each is `owner/name`. An empty list goes out as null: all stay."""
    team = targets.find_team(wire, name)
    found = [targets.find_repository(wire, *text.split("/", 1))["id"] for text in repositories]
    rows = [{"repositoryId": identifier} for identifier in found]
    _team(graphql.change(wire, "UpdateTeam", id=team["id"], skillsRepositories=rows or None))


def delete_team(wire: Wire, name: str) -> None:
    """Raises NotFound."""
    graphql.change(wire, "DeleteTeam", id=targets.find_team(wire, name)["id"])


def create_bot(wire: Wire, name: str, description: str | None = None, teams: Sequence[str] = ()) -> NewBot:
    """A bot with a default key."""
    ids = [targets.find_team(wire, team)["id"] for team in teams]
    payload = graphql.change(wire, "CreateBot", name=name, description=description, teamIds=ids or None)
    bot, key = payload["bot"], payload["botKey"]
    if bot is None or not key:
        raise BadAnswer("CreateBot: no bot or no key")
    return NewBot(bot["id"], bot["name"], bot["slug"], key)


def update_bot(
    wire: Wire,
    name: str,
    *,
    new: str | None = None,
    description: str | None = None,
    teams: Sequence[str] | None = None,
) -> None:
    """None keeps; an empty text or list clears."""
    bot = targets.find_bot(wire, name)
    ids = None if teams is None else [targets.find_team(wire, team)["id"] for team in teams]
    graphql.change(wire, "UpdateBot", id=bot["id"], name=new, description=description, teamIds=ids)


def delete_bot(wire: Wire, name: str) -> None:
    """Raises NotFound."""
    graphql.change(wire, "DeleteBot", id=targets.find_bot(wire, name)["id"])


def installed(wire: Wire, name: str) -> list[dict[str, Any]]:
    """The assets of a bot."""
    return list(_bot(wire, "BotInstalled", name)["installedSkills"])


def install_to_bot(wire: Wire, name: str, asset: str) -> None:
    """Doing it twice is no error."""
    bot = targets.find_bot(wire, name)
    payload = graphql.change(wire, "InstallSkillToBot", botId=bot["id"], skillId=vault.gid(wire, asset))
    if payload["success"] is not True:
        raise Refused(f"{asset} was not installed to {name}")


def uninstall_from_bot(wire: Wire, name: str, asset: str) -> bool:
    """Whether it was there."""
    bot = targets.find_bot(wire, name)
    payload = graphql.change(wire, "UninstallSkillFromBot", botId=bot["id"], skillId=vault.gid(wire, asset))
    return payload["success"] is True


def create_key(wire: Wire, name: str, label: str) -> str:
    """A new key, shown once."""
    bot = targets.find_bot(wire, name)
    key = graphql.change(wire, "CreateBotApiKey", botId=bot["id"], label=label)["botKey"]
    if not isinstance(key, str) or not key:
        raise BadAnswer("CreateBotApiKey: no botKey")
    return key


def keys(wire: Wire, name: str) -> list[dict[str, Any]]:
    """Id, label, masked token and time of each key."""
    return list(_bot(wire, "BotApiKeys", targets.find_bot(wire, name)["slug"])["apiKeys"])


def delete_key(wire: Wire, name: str, label: str) -> None:
    """By its label or id."""
    for key in keys(wire, name):
        if label in {key["id"], key["label"]}:
            if graphql.change(wire, "DeleteBotApiKey", keyId=key["id"])["success"] is not True:
                raise Refused(f"the key {label} was not deleted")
            return
    raise NotFound(f"no key {label}")


def runtime_token(
    wire: Wire, name: str, label: str | None = None, ttl_seconds: int | None = None
) -> dict[str, Any]:
    """A token that expires: `botKey` and `expiresAt`."""
    bot = targets.find_bot(wire, name)
    return graphql.change(wire, "CreateBotRuntimeToken", botId=bot["id"], label=label, ttlSeconds=ttl_seconds)


def revoke_runtime_tokens(wire: Wire, name: str) -> int:
    """How many there were."""
    bot = targets.find_bot(wire, name)
    return int(graphql.change(wire, "RevokeBotRuntimeTokens", botId=bot["id"])["revokedCount"])


def _bot(wire: Wire, operation: str, slug: str) -> dict[str, Any]:
    bot = graphql.call(wire, operation, slug=slug)["bot"]
    if bot is None:
        raise NotFound(f"no bot {slug}")
    return dict(bot)


def _member(team: dict[str, Any], email: str) -> str:
    for member in team["members"]["nodes"]:
        if member["email"].lower() == email.lower():
            return str(member["id"])
    raise NotFound(f"{email} is not in {team['name']}")


def _team(payload: dict[str, Any]) -> str:
    if payload["team"] is None:
        raise BadAnswer("neither a team nor errors")
    return str(payload["team"]["id"])
