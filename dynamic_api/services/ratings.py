"""Stars for published skills: one rating for each account and skill."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, delete

from dynamic_api.catalogue import Skill
from dynamic_api.database.tables import ratings
from dynamic_api.database.upsert import put
from dynamic_api.errors import Absent
from dynamic_api.ids import undashed
from dynamic_api.services import audit, popularity
from dynamic_api.services.caller import Caller, Trace
from dynamic_api.services.published import Published, no_skill


class Rated(Struct, frozen=True):
    """The caller's stars, and the mean of all in the last 30 days."""

    slug: str
    stars: int
    rating: float | None
    ratings: int


def rate(
    db: Connection, published: Published, caller: Caller, trace: Trace, slug: str, stars: int, now: int
) -> Rated:
    """Give a skill stars, in place of earlier ones. Raises Absent, Withdrawn."""
    skill_id = _id(published, slug)
    put(db, ratings, [{"skill_id": skill_id, "user_id": caller.user_id, "stars": stars, "at": now}])
    _record(db, "SKILL_RATED", caller, trace, slug, skill_id, now, stars)
    return Rated(slug, stars, *popularity.rating_of(db, skill_id, now))


def remove(db: Connection, published: Published, caller: Caller, trace: Trace, slug: str, now: int) -> None:
    """Take the caller's stars back. Raises Absent, Withdrawn."""
    skill_id = _id(published, slug)
    own = (ratings.c.skill_id == skill_id, ratings.c.user_id == caller.user_id)
    if not db.execute(delete(ratings).where(*own)).rowcount:
        raise Absent("rating_not_found", f"you have not rated {slug}", place="slug")
    _record(db, "RATING_REMOVED", caller, trace, slug, skill_id, now, None)


def _id(published: Published, slug: str) -> str:
    skill: Skill | None = published.offer(slug)
    if skill is None:
        raise no_skill(slug, place="slug")
    return undashed(skill.id)


def _record(
    db: Connection,
    event: str,
    caller: Caller,
    trace: Trace,
    slug: str,
    skill_id: str,
    now: int,
    stars: int | None,
) -> None:
    data = {} if stars is None else {"stars": stars}
    audit.record(
        db,
        event,
        "skill",
        now=now,
        caller=caller,
        trace=trace,
        target_id=skill_id,
        target_name=slug,
        data=data,
    )
