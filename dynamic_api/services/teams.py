"""Teams: a library that several accounts share. Members count once they have accepted."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from dynamic_api.clock import written
from dynamic_api.database.tables import skills, team_members, team_skills, teams, users
from dynamic_api.errors import Absent, Conflict, Invalid
from dynamic_api.ids import new_id
from dynamic_api.services import audit
from dynamic_api.services.accounts import User
from dynamic_api.services.caller import Caller

OWNER, ADMIN, MEMBER = "owner", "admin", "member"
ROLES = (OWNER, ADMIN, MEMBER)
NAME_LENGTH = 200


class Member(Struct, frozen=True):
    """One account in a team. `accepted_at` is null while the invitation is pending."""

    id: str
    email: str
    role: str
    invited_at: str
    accepted_at: str | None


class Team(Struct, frozen=True):
    """A team and how large it is."""

    id: str
    name: str
    members: int
    skills: int
    created_at: str


def create(db: Connection, name: str, owner: User, *, now: int, by: Caller | None = None) -> Team:
    """A new team of one. Raises Invalid, Conflict."""
    if not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
        raise Invalid("validation_error", f"must be 1 to {NAME_LENGTH} printable characters", place="name")
    team_id = new_id()
    try:
        with db.begin_nested():
            db.execute(insert(teams), {"id": team_id, "name": name, "created_at": now})
    except IntegrityError as error:
        raise Conflict("name_taken", f"there is a team {name!r}", place="name") from error
    row = {"team_id": team_id, "user_id": owner.id, "role": OWNER, "invited_at": now, "accepted_at": now}
    db.execute(insert(team_members), row)
    audit.record(db, "TEAM_CREATED", "team", now=now, caller=by, target_id=team_id, target_name=name)
    return find(db, name)


def everyone(db: Connection) -> list[Team]:
    """All teams, by name."""
    members = (
        select(team_members.c.team_id, func.count().label("members"))
        .where(team_members.c.accepted_at.is_not(None))
        .group_by(team_members.c.team_id)
        .subquery()
    )
    held = (
        select(team_skills.c.team_id, func.count().label("skills")).group_by(team_skills.c.team_id).subquery()
    )
    rows = db.execute(
        select(teams, func.coalesce(members.c.members, 0), func.coalesce(held.c.skills, 0))
        .outerjoin(members, members.c.team_id == teams.c.id)
        .outerjoin(held, held.c.team_id == teams.c.id)
        .order_by(teams.c.name)
    )
    return [Team(row.id, row.name, row[3], row[4], written(row.created_at)) for row in rows]


def find(db: Connection, name: str) -> Team:
    """The team with this name or id. Raises Absent."""
    found = next((team for team in everyone(db) if name in {team.name, team.id}), None)
    if found is None:
        raise Absent("team_not_found", f"no team {name!r}", mend="list them: skillpress admin team list")
    return found


def members(db: Connection, team: Team) -> list[Member]:
    """Who belongs to a team, invited ones too, by email."""
    rows = db.execute(
        select(team_members, users.c.email)
        .join(users, users.c.id == team_members.c.user_id)
        .where(team_members.c.team_id == team.id)
        .order_by(users.c.email)
    )
    return [
        Member(
            row.user_id,
            row.email,
            row.role,
            written(row.invited_at),
            None if row.accepted_at is None else written(row.accepted_at),
        )
        for row in rows
    ]


def invite(db: Connection, team: Team, user: User, role: str, *, now: int, by: Caller | None = None) -> None:
    """Invite an account; it belongs to the team once it accepts. Raises Invalid, Conflict."""
    _require_role(role)
    row = {"team_id": team.id, "user_id": user.id, "role": role, "invited_at": now}
    try:
        with db.begin_nested():
            db.execute(insert(team_members), row)
    except IntegrityError as error:
        raise Conflict("already_member", f"{user.email} is in {team.name} already") from error
    _note(db, "TEAM_MEMBER_INVITED", team, user, now, by, {"role": role})


def accept(db: Connection, team: Team, user: User, *, now: int, by: Caller | None = None) -> None:
    """Accept an invitation; again is no error. Raises Absent."""
    _change(db, team, user, {"accepted_at": func.coalesce(team_members.c.accepted_at, now)})
    _note(db, "TEAM_MEMBER_ACCEPTED", team, user, now, by, {})


def set_role(
    db: Connection, team: Team, user: User, role: str, *, now: int, by: Caller | None = None
) -> None:
    """Give a member another role. Raises Absent, Invalid, Conflict for the last owner."""
    _require_role(role)
    if role != OWNER:
        _require_other_owner(db, team, user)
    _change(db, team, user, {"role": role})
    _note(db, "TEAM_MEMBER_CHANGED", team, user, now, by, {"role": role})


def remove_member(db: Connection, team: Team, user: User, *, now: int, by: Caller | None = None) -> None:
    """Take an account out of a team. Raises Absent, Conflict for the last owner."""
    _require_other_owner(db, team, user)
    done = db.execute(
        delete(team_members)
        .where(team_members.c.team_id == team.id, team_members.c.user_id == user.id)
        .returning(team_members.c.user_id)
    ).all()
    if not done:
        raise _no_member(team, user)
    _note(db, "TEAM_MEMBER_REMOVED", team, user, now, by, {})


def remove(db: Connection, team: Team, *, now: int, by: Caller | None = None) -> None:
    """Delete a team. What its members hold in their own drives stays."""
    db.execute(delete(teams).where(teams.c.id == team.id))
    audit.record(db, "TEAM_DELETED", "team", now=now, caller=by, target_id=team.id, target_name=team.name)


def add_skill(db: Connection, team: Team, skill_id: str, user: User, *, now: int) -> None:
    """Put a skill into the team's library; again is no error."""
    held = select(team_skills.c.skill_id).where(
        team_skills.c.team_id == team.id, team_skills.c.skill_id == skill_id
    )
    if db.execute(held).one_or_none() is None:
        row = {"team_id": team.id, "skill_id": skill_id, "added_by": user.id, "added_at": now}
        db.execute(insert(team_skills), row)
        _note(db, "TEAM_SKILL_ADDED", team, user, now, None, {"skill_id": skill_id})


def remove_skill(db: Connection, team: Team, slug: str, *, now: int) -> None:
    """Take a skill out of the team's library. Raises Absent."""
    named = select(skills.c.id).where(skills.c.slug == slug)
    done = db.execute(
        delete(team_skills)
        .where(team_skills.c.team_id == team.id, team_skills.c.skill_id.in_(named))
        .returning(team_skills.c.skill_id)
    ).all()
    if not done:
        raise Absent("skill_not_found", f"{team.name} has no skill {slug!r}")
    audit.record(
        db,
        "TEAM_SKILL_REMOVED",
        "team",
        now=now,
        target_id=team.id,
        target_name=team.name,
        data={"slug": slug},
    )


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid("validation_error", f"is none of {', '.join(ROLES)}", place="role")


def _require_other_owner(db: Connection, team: Team, user: User) -> None:
    owners = db.execute(
        select(team_members.c.user_id).where(
            team_members.c.team_id == team.id,
            team_members.c.role == OWNER,
            team_members.c.accepted_at.is_not(None),
        )
    ).scalars()
    if set(owners) == {user.id}:
        mend = "make another member owner first, or delete the team"
        raise Conflict("last_owner", f"{user.email} is the only owner of {team.name}", mend=mend)


def _change(db: Connection, team: Team, user: User, values: dict[str, object]) -> None:
    done = db.execute(
        update(team_members)
        .where(team_members.c.team_id == team.id, team_members.c.user_id == user.id)
        .values(values)
        .returning(team_members.c.user_id)
    ).all()
    if not done:
        raise _no_member(team, user)


def _no_member(team: Team, user: User) -> Absent:
    return Absent("member_not_found", f"{user.email} is not in {team.name}")


def _note(
    db: Connection,
    event: str,
    team: Team,
    user: User,
    now: int,
    by: Caller | None,
    data: dict[str, object],
) -> None:
    audit.record(
        db,
        event,
        "team",
        now=now,
        caller=by,
        target_id=team.id,
        target_name=team.name,
        data={"user_id": user.id, **data},
    )
