"""The mutations of teams, bots and the audit log (contracts/sx.md 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dynamic_api.clock import written
from dynamic_api.errors import Forbidden
from dynamic_api.routes.graphql_api import views
from dynamic_api.routes.graphql_api.asset_changes import known_asset
from dynamic_api.routes.graphql_api.scope import Node, Scope
from dynamic_api.services import audit_log, bots, installs, organisation, teams
from dynamic_api.services.audit_log import Imported
from dynamic_api.services.bots import Bot
from dynamic_api.services.installs import Target
from dynamic_api.services.keys import NewKey
from dynamic_api.sx.values import BOT

Input = Mapping[str, Any]


def create_team(scope: Scope, input: Input) -> Node:  # noqa: A002 - the name in the schema
    _require_person(scope)
    members = input.get("members") or ()
    team = organisation.create(scope.db, scope.caller, scope.trace, input["name"], members, scope.now)
    return {"team": views.teams(scope, [team])[0]}


def update_team(scope: Scope, input: Input) -> Node:  # noqa: A002
    rows = input.get("skillsRepositories")
    team = organisation.change(
        scope.db,
        scope.caller,
        scope.trace,
        organisation.find(scope.db, input["id"]),
        name=input.get("name") or None,
        member_ids=input.get("members"),
        repository_ids=None if rows is None else [row["repositoryId"] for row in rows],
        now=scope.now,
    )
    return {"team": views.teams(scope, [team])[0]}


def delete_team(scope: Scope, id: str) -> Node:  # noqa: A002
    found = organisation.find(scope.db, id)
    organisation.require_leads(scope.db, scope.caller, found)
    installs.forget(scope.db, "TEAM", found.id)
    teams.remove(scope.db, teams.find(scope.db, found.id), now=scope.now, by=scope.caller)
    return {}


def remove_member(scope: Scope, input: Input) -> Node:  # noqa: A002
    team = organisation.find(scope.db, input["teamId"])
    organisation.remove_member(scope.db, scope.caller, scope.trace, team, input["memberId"], scope.now)
    return {}


def set_admin(scope: Scope, input: Input) -> Node:  # noqa: A002
    team, leads = organisation.find(scope.db, input["teamId"]), bool(input.get("isAdmin"))
    organisation.set_admin(scope.db, scope.caller, scope.trace, team, input["userId"], leads, scope.now)
    return {}


def create_bot(scope: Scope, input: Input) -> Node:  # noqa: A002
    """With its first key, which is told this once."""
    _require_person(scope)
    team_ids = input.get("teamIds") or ()
    _require_in(scope, team_ids)
    bot, key = bots.create(
        scope.db,
        input["name"],
        input.get("description") or "",
        team_ids,
        now=scope.now,
        by=scope.caller,
        trace=scope.trace,
    )
    return {"bot": views.bots_of(scope, [bot])[0], "botKey": key.secret}


def update_bot(scope: Scope, input: Input) -> Node:  # noqa: A002
    bot = _bot(scope, input["id"])
    team_ids = input.get("teamIds")
    _require_in(scope, set(team_ids or ()) - {team_id for team_id, _ in bot.teams})
    changed = bots.change(
        scope.db,
        bot,
        name=input.get("name"),
        description=input.get("description"),
        team_ids=team_ids,
        now=scope.now,
        by=scope.caller,
        trace=scope.trace,
    )
    return {"bot": views.bots_of(scope, [changed])[0]}


def delete_bot(scope: Scope, id: str) -> Node:  # noqa: A002
    bots.remove(scope.db, _bot(scope, id), now=scope.now, by=scope.caller, trace=scope.trace)
    return {}


def install_to_bot(scope: Scope, botId: str, skillId: str) -> Node:  # noqa: N803
    """Doing it twice is no error. Who made the bot chooses what it gets."""
    _, thing = known_asset(scope, skillId)
    installs.require_not_lent([thing])
    bot = _bot(scope, botId)
    own = installs.Thing(thing.kind, thing.id, thing.name, True)
    installs.add(scope.db, scope.caller, scope.trace, own, [Target(BOT, bot.id)], scope.now)
    return {"success": True}


def uninstall_from_bot(scope: Scope, botId: str, skillId: str) -> Node:  # noqa: N803
    """`success` is whether it was there."""
    _, thing = known_asset(scope, skillId)
    bot = _bot(scope, botId)
    own = installs.Thing(thing.kind, thing.id, thing.name, True)
    gone = installs.remove(scope.db, scope.caller, scope.trace, own, [Target(BOT, bot.id)], scope.now)
    return {"success": gone > 0}


def create_key(scope: Scope, botId: str, label: str | None = None) -> Node:  # noqa: N803
    key = _key(scope, _bot(scope, botId), label or "")
    return {"botKey": key.secret, "rawToken": key.secret}


def delete_key(scope: Scope, keyId: str) -> Node:  # noqa: N803
    bot = bots.holder(scope.db, keyId)
    bots.require_may(scope.caller, bot)
    bots.remove_key(scope.db, bot, keyId, now=scope.now, by=scope.caller, trace=scope.trace)
    return {"success": True}


def create_runtime_token(
    scope: Scope,
    botId: str,  # noqa: N803
    label: str | None = None,
    ttlSeconds: int | None = None,  # noqa: N803
) -> Node:
    bot = _bot(scope, botId)
    key = bots.add_key(
        scope.db,
        bot,
        label or "",
        now=scope.now,
        ttl_seconds=ttlSeconds,
        runtime=True,
        by=scope.caller,
        trace=scope.trace,
    )
    seconds = min(ttlSeconds or bots.RUNTIME, bots.LONGEST_RUNTIME)
    return {"botKey": key.secret, "expiresAt": written(scope.now + seconds * 1000)}


def revoke_runtime_tokens(scope: Scope, botId: str) -> Node:  # noqa: N803
    bot = _bot(scope, botId)
    count = bots.revoke_runtime(scope.db, bot, now=scope.now, by=scope.caller, trace=scope.trace)
    return {"revokedCount": count}


def import_events(scope: Scope, events: Sequence[Input] | None = None) -> Node:
    taken = [
        Imported(
            at=int(row["timestamp"].timestamp() * 1000),
            event=row["event"],
            target_type=row["targetType"],
            actor=row.get("actor") or "",
            target=row.get("target") or "",
            data=row.get("data") or "{}",
        )
        for row in events or ()
    ]
    count = audit_log.take(scope.db, scope.caller, scope.trace, taken, scope.now)
    return {"importedCount": count}


def _bot(scope: Scope, bot_id: str) -> Bot:
    bot = bots.find(scope.db, bot_id)
    bots.require_may(scope.caller, bot)
    return bot


def _key(scope: Scope, bot: Bot, label: str) -> NewKey:
    return bots.add_key(scope.db, bot, label, now=scope.now, by=scope.caller, trace=scope.trace)


def _require_person(scope: Scope) -> None:
    if scope.caller.is_bot:
        raise Forbidden("permission_denied", "PERMISSION_DENIED: a bot may not do this")


def _require_in(scope: Scope, team_ids: Any) -> None:
    """A bot gets what its teams get, so who puts it there has to be one of them."""
    mine = organisation.memberships(scope.db, scope.caller.user_id)
    if not scope.caller.is_staff and (others := set(team_ids) - mine):
        what = f"PERMISSION_DENIED: you are not in the team {sorted(others)[0]}"
        raise Forbidden("permission_denied", what, place="teamIds", mend="ask one of its admins")
