"""Whether a download link still holds: looked at whenever it is used, for it needs no key (DESIGN.md D14)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select

from dynamic_api.database.tables import (
    drive_items,
    shares,
    skill_versions,
    skills,
    team_members,
    team_skills,
)
from dynamic_api.database.tables.skills import ORGANISATION
from dynamic_api.private_store import absent
from dynamic_api.services import bundle_rows
from dynamic_api.services.published import Published, taken_back
from dynamic_api.services.visibility import ACCEPTED


def require_good(db: Connection, published: Published, sha256: str, holder_id: str) -> None:
    """Raise Withdrawn or Absent unless `holder_id` may still have the bytes `sha256`, a bundle or not.

    Withdrawn when something in them was taken back; Absent when a private skill in them was deleted, or is
    no longer the holder's: neither their own, nor in their drive, nor of a team, nor shared with them.
    """
    digests = [sha256, *bundle_rows.inside(db, sha256)]
    for reason in published.withdrawn(digests).values():
        raise taken_back(reason)
    lost = _out_of_reach(db, holder_id, digests)
    if lost and lost.difference(published.by_sha256s(lost)):
        raise absent()


def _out_of_reach(db: Connection, holder_id: str, digests: Sequence[str]) -> set[str]:
    """Those of `digests` that are private bytes of which `holder_id` has no skill."""
    skill = skills.c
    living = and_(skill.deleted_at.is_(None), _reached(holder_id))
    query = (
        select(skill_versions.c.sha256)
        .join(skills, skill.id == skill_versions.c.skill_id)
        .where(skill_versions.c.sha256.in_(digests))
        .group_by(skill_versions.c.sha256)
        .having(func.max(case((living, 1), else_=0)) == 0)
    )
    return set(db.execute(query).scalars())


def _reached(holder_id: str) -> ColumnElement[bool]:
    """Whether the holder has a skill, at whatever version: an update ends no link to an older one."""
    skill = skills.c
    through_team = team_skills.join(team_members, team_members.c.team_id == team_skills.c.team_id)
    return or_(
        skill.namespace.in_((holder_id, ORGANISATION)),
        skill.owner_id == holder_id,
        exists().where(drive_items.c.skill_id == skill.id, drive_items.c.user_id == holder_id),
        exists()
        .select_from(through_team)
        .where(
            team_skills.c.skill_id == skill.id,
            team_members.c.user_id == holder_id,
            team_members.c.accepted_at.is_not(None),
        ),
        exists().where(
            shares.c.skill_id == skill.id, shares.c.recipient_id == holder_id, shares.c.status == ACCEPTED
        ),
    )
