"""People and teams of the organisation as sx lists and changes them; the rules stay those of `teams`.

A member that is added here belongs at once: whoever leads a team answers for who is in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from dynamic_api.database.tables import repositories, team_members, team_repositories, teams, users
from dynamic_api.database.upsert import insert_absent
from dynamic_api.errors import Absent, Conflict, Forbidden, Invalid
from dynamic_api.ids import new_id
from dynamic_api.services import audit
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.repositories import Repository
from dynamic_api.services.teams import ADMIN, MEMBER, NAME_LENGTH, OWNER

SHOWN_MEMBERS = 50
"""How many members of a team sx reads. It sends them back as all there are whenever it changes the team, so
that whoever comes after them is not taken out by being left out."""


class Person(Struct, frozen=True):
    """An account that is not disabled."""

    id: str
    email: str
    name: str


class Member(Struct, frozen=True):
    """A person in a team, with the role there."""

    person: Person
    role: str

    @property
    def leads(self) -> bool:
        """Whether they may change the team."""
        return self.role in {OWNER, ADMIN}


class Team(Struct, frozen=True):
    """A team."""

    id: str
    name: str


def people(db: Connection, term: str, after: str, limit: int) -> list[Person]:
    """Accounts by email, those after `after` whose email or name holds `term`."""
    query = select(users).where(_active(term), users.c.email > after)
    return [_person(row) for row in db.execute(query.order_by(users.c.email).limit(limit))]


def count_people(db: Connection, term: str) -> int:
    """How many `people` gives in all."""
    return db.execute(select(func.count()).select_from(users).where(_active(term))).scalar_one()


def _active(term: str) -> ColumnElement[bool]:
    fields = (users.c.email, users.c.name) if term else ()
    holds = or_(*(field.icontains(term, autoescape=True) for field in fields)) if fields else true()
    return users.c.disabled_at.is_(None) & holds


def person(db: Connection, user_id: str) -> Person | None:
    """The account with this id."""
    row = db.execute(select(users).where(users.c.id == user_id)).one_or_none()
    return None if row is None else _person(row)


def page(db: Connection, term: str, after: str, limit: int) -> list[Team]:
    """Teams by name, those after `after` whose name holds `term`."""
    query = select(teams).where(teams.c.name > after, _named(term)).order_by(teams.c.name).limit(limit)
    return [Team(row.id, row.name) for row in db.execute(query)]


def count(db: Connection, term: str) -> int:
    """How many `page` gives in all."""
    return db.execute(select(func.count()).select_from(teams).where(_named(term))).scalar_one()


def _named(term: str) -> ColumnElement[bool]:
    return teams.c.name.icontains(term, autoescape=True) if term else true()


def find(db: Connection, team_id: str) -> Team:
    """The team with this id. Raises Absent."""
    row = db.execute(select(teams).where(teams.c.id == team_id)).one_or_none()
    if row is None:
        raise Absent("team_not_found", "there is no such team", place="id", mend="sx team list")
    return Team(row.id, row.name)


def members(db: Connection, team_ids: Sequence[str]) -> Mapping[str, list[Member]]:
    """Team → who belongs to it, by email, in one query."""
    query = (
        select(team_members.c.team_id, team_members.c.role, users.c.id, users.c.email, users.c.name)
        .join(users, users.c.id == team_members.c.user_id)
        .where(team_members.c.team_id.in_(list(team_ids)), team_members.c.accepted_at.is_not(None))
        .order_by(users.c.email)
    )
    found: defaultdict[str, list[Member]] = defaultdict(list)
    for row in db.execute(query):
        found[row.team_id].append(Member(Person(row.id, row.email, row.name), row.role))
    return found


def repositories_of(db: Connection, team_ids: Sequence[str]) -> Mapping[str, list[Repository]]:
    """Team → its repositories, in one query."""
    query = (
        select(team_repositories.c.team_id, repositories)
        .join(repositories, repositories.c.id == team_repositories.c.repository_id)
        .where(team_repositories.c.team_id.in_(list(team_ids)))
        .order_by(repositories.c.address)
    )
    found: defaultdict[str, list[Repository]] = defaultdict(list)
    for row in db.execute(query):
        found[row.team_id].append(Repository(row.id, row.owner, row.name, row.url))
    return found


def create(
    db: Connection, caller: Caller, trace: Trace, name: str, member_ids: Sequence[str], now: int
) -> Team:
    """A team of these people; the caller leads it, as a member or else as one who is invited to.

    sx makes a team of others first, and then one after the other its admins. Raises as `change`.
    """
    wanted = list(dict.fromkeys(member_ids)) or [caller.user_id]
    _require_people(db, wanted)
    team = Team(new_id(), _fit(name))
    try:
        with db.begin_nested():
            db.execute(insert(teams), {"id": team.id, "name": team.name, "created_at": now})
    except IntegrityError as error:
        raise Conflict("name_taken", f"there is a team {team.name!r}", place="name") from error
    _join(db, team, [each for each in wanted if each != caller.user_id], MEMBER, now)
    _join(db, team, [caller.user_id], OWNER, now, belongs=caller.user_id in wanted)
    _note(db, "TEAM_CREATED", caller, trace, team, {"members": wanted[:100]}, now)
    return team


def change(
    db: Connection,
    caller: Caller,
    trace: Trace,
    team: Team,
    *,
    name: str | None,
    member_ids: Sequence[str] | None,
    repository_ids: Sequence[str] | None,
    now: int,
) -> Team:
    """Set what is given; lists replace, those of members up to SHOWN_MEMBERS.

    Raises Forbidden, Invalid, Absent, Conflict.
    """
    require_leads(db, caller, team)
    if name is not None and name != team.name:
        team = Team(team.id, _fit(name))
        try:
            with db.begin_nested():
                db.execute(update(teams).where(teams.c.id == team.id).values(name=team.name))
        except IntegrityError as error:
            raise Conflict("name_taken", f"there is a team {team.name!r}", place="name") from error
    if member_ids is not None:
        _set_members(db, team, list(dict.fromkeys(member_ids)), now)
    if repository_ids is not None:
        _set_repositories(db, team, list(dict.fromkeys(repository_ids)))
    _note(db, "TEAM_CHANGED", caller, trace, team, {}, now)
    return team


def remove_member(db: Connection, caller: Caller, trace: Trace, team: Team, user_id: str, now: int) -> None:
    """Take somebody out; everybody may leave. Raises Forbidden, Absent, Conflict for the last who leads."""
    if user_id != caller.user_id:
        require_leads(db, caller, team)
    _require_leader_left(db, team, {user_id})
    held = (team_members.c.team_id == team.id, team_members.c.user_id == user_id)
    if not db.execute(delete(team_members).where(*held)).rowcount:
        raise Absent("member_not_found", "they are not in the team", place="memberId")
    _note(db, "TEAM_MEMBER_REMOVED", caller, trace, team, {"user_id": user_id}, now)


def set_admin(
    db: Connection, caller: Caller, trace: Trace, team: Team, user_id: str, leads: bool, now: int
) -> None:
    """Let a member lead, or no longer. Raises Forbidden, Absent, Conflict for the last who leads."""
    require_leads(db, caller, team)
    if not leads:
        _require_leader_left(db, team, {user_id})
    held = (team_members.c.team_id == team.id, team_members.c.user_id == user_id)
    values = {"role": ADMIN if leads else MEMBER}
    kept = update(team_members).where(*held, team_members.c.accepted_at.is_not(None))
    if not db.execute(kept.values(values)).rowcount:
        raise Absent("member_not_found", "they are not in the team", place="userId")
    _note(db, "TEAM_MEMBER_CHANGED", caller, trace, team, {"user_id": user_id, **values}, now)


def require_leads(db: Connection, caller: Caller, team: Team) -> None:
    """Raise Forbidden unless the caller leads the team, is invited to lead it, or belongs to the staff."""
    held = (team_members.c.team_id == team.id, team_members.c.user_id == caller.user_id)
    leads = exists().where(*held, team_members.c.role.in_((OWNER, ADMIN)))
    if caller.is_staff or db.execute(select(leads)).scalar_one():
        return
    raise Forbidden(
        "permission_denied",
        f"PERMISSION_DENIED: only who leads the team {team.name} may change it",
        mend="ask one of its admins",
    )


def _set_members(db: Connection, team: Team, wanted: Sequence[str], now: int) -> None:
    _require_people(db, wanted)
    present = [member.person.id for member in members(db, [team.id]).get(team.id, [])]
    gone = set(present[:SHOWN_MEMBERS]) - set(wanted)
    _require_leader_left(db, team, gone)
    held = (team_members.c.team_id == team.id, team_members.c.user_id.in_(gone))
    db.execute(delete(team_members).where(*held))
    _join(db, team, [each for each in wanted if each not in present], MEMBER, now)


def _set_repositories(db: Connection, team: Team, wanted: Sequence[str]) -> None:
    found = select(repositories.c.id).where(repositories.c.id.in_(list(wanted)))
    known = set(db.execute(found).scalars())
    if missing := [each for each in wanted if each not in known]:
        raise Absent("repository_not_found", f"no repository {missing[0][:64]!r}", place="skillsRepositories")
    db.execute(delete(team_repositories).where(team_repositories.c.team_id == team.id))
    insert_absent(db, team_repositories, [{"team_id": team.id, "repository_id": each} for each in wanted])


def _join(
    db: Connection, team: Team, user_ids: Sequence[str], role: str, now: int, *, belongs: bool = True
) -> None:
    """Those who were invited and had not answered belong as well, in the role that they were invited to."""
    invited = team_members.c.team_id == team.id, team_members.c.user_id.in_(list(user_ids))
    pending = update(team_members).where(*invited, team_members.c.accepted_at.is_(None))
    db.execute(pending.values(accepted_at=now))
    accepted = now if belongs else None
    rows = [
        {"team_id": team.id, "user_id": each, "role": role, "invited_at": now, "accepted_at": accepted}
        for each in user_ids
    ]
    insert_absent(db, team_members, rows)


def _require_people(db: Connection, user_ids: Sequence[str]) -> None:
    known = set(db.execute(select(users.c.id).where(users.c.id.in_(list(user_ids)))).scalars())
    if missing := [each for each in user_ids if each not in known]:
        raise Absent("user_not_found", f"there is no user {missing[0][:64]!r}", place="members")


def _require_leader_left(db: Connection, team: Team, gone: set[str]) -> None:
    leaders = {member.person.id for member in members(db, [team.id]).get(team.id, []) if member.leads}
    if leaders and leaders <= gone:
        mend = "make somebody else admin first, or delete the team"
        raise Conflict("last_owner", f"nobody would lead {team.name}", place="members", mend=mend)


def _fit(name: str) -> str:
    if not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
        raise Invalid("validation_error", f"must be 1 to {NAME_LENGTH} printable characters", place="name")
    return name.strip()


def _person(row: Any) -> Person:
    return Person(row.id, row.email, row.name)


def _note(
    db: Connection, event: str, caller: Caller, trace: Trace, team: Team, data: dict[str, Any], now: int
) -> None:
    audit.record(
        db,
        event,
        "team",
        now=now,
        caller=caller,
        trace=trace,
        target_id=team.id,
        target_name=team.name,
        data=data,
    )


def memberships(db: Connection, user_id: str) -> set[str]:
    """The teams that an account belongs to."""
    held = (team_members.c.user_id == user_id, team_members.c.accepted_at.is_not(None))
    return set(db.execute(select(team_members.c.team_id).where(*held)).scalars())
