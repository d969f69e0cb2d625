"""Which private skills of others an account holds: in its drive, by a team, by an accepted share.

What a key may see (contracts/skillzdrive.md 3.3), as sx needs it: by id alone, with how near it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, literal, select, union_all

from dynamic_api.database.tables import drive_items, shares, team_members, team_skills
from dynamic_api.services.caller import Caller
from dynamic_api.services.visibility import ACCEPTED

BY_TEAM, BY_HAND = 1, 2
"""How near what is held stands: a team's before what was shared or granted (DESIGN.md D9)."""


def held(with_teams: bool, with_shares: bool) -> Any:
    """The ids, as a statement with the parameter `me`; a bot holds nothing."""
    return select(_holdings(with_teams, with_shares).subquery().c.skill_id)


def nearness(db: Connection, caller: Caller, skill_ids: Sequence[str]) -> dict[str, int]:
    """Id → how near, for those of `skill_ids` that the caller holds."""
    holdings = _holdings(caller.include_team, caller.include_shared).subquery()
    wanted = select(holdings).where(holdings.c.skill_id.in_(list(skill_ids)))
    near: dict[str, int] = {}
    for skill_id, how in db.execute(wanted, {"me": caller.user_id}):
        near[skill_id] = min(how, near.get(skill_id, how))
    return near


@cache
def _holdings(with_teams: bool, with_shares: bool) -> Any:
    me: Any = bindparam("me")
    sources: list[Any] = [
        select(drive_items.c.skill_id, literal(BY_HAND).label("how")).where(drive_items.c.user_id == me)
    ]
    if with_teams:
        mine = team_members.c.team_id == team_skills.c.team_id
        sources.append(
            select(team_skills.c.skill_id, literal(BY_TEAM).label("how"))
            .join(team_members, mine)
            .where(team_members.c.user_id == me, team_members.c.accepted_at.is_not(None))
        )
    if with_shares:
        sources.append(
            select(shares.c.skill_id, literal(BY_HAND).label("how")).where(
                shares.c.recipient_id == me, shares.c.status == ACCEPTED
            )
        )
    return union_all(*sources)
