"""What is used and liked most (contracts/skillzdrive.md row 4), and stars, a route of our own."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import Connection

from dynamic_api.routes.endpoint import Answer, Auth, Body, Call, Endpoint, Mode, Query
from dynamic_api.services import ratings
from dynamic_api.services.popularity import SortBy
from dynamic_api.services.ratings import Rated

_RATING = "/api/v1/skills/{slug}/rating"


class Order(Query, frozen=True):
    """Query of the leaderboard."""

    sort_by: SortBy = "executions"


class Leaders(Struct, frozen=True):
    """The first ten skills by what was asked, each with executions, installs, rating, ratings."""

    sort_by: SortBy
    days: int
    skills: list[dict[str, Any]]


class Stars(Body, frozen=True):
    """A rating."""

    stars: Annotated[int, Meta(ge=1, le=5)]


async def show(call: Call) -> object:
    return await call.context.leaderboard.show(call.query.sort_by, call.now)


def rate(db: Connection, call: Call) -> Rated:
    published, slug = call.context.published, call.path["slug"]
    return ratings.rate(db, published, call.caller, call.trace, slug, call.body.stars, call.now)


def unrate(db: Connection, call: Call) -> Answer:
    ratings.remove(db, call.context.published, call.caller, call.trace, call.path["slug"], call.now)
    return Answer(None, 204)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/skills/leaderboard",
        name="leaderboard",
        handler=show,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        tag="Skills",
        summary="The ten skills that were run, installed or liked most in the last 30 days",
        query=Order,
        answer=Leaders,
    ),
    Endpoint(
        method="PUT",
        path=_RATING,
        name="rating_put",
        handler=rate,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Skills",
        summary="Give a published skill one to five stars, in place of earlier ones",
        body=Stars,
        answer=Rated,
        errors={404: ("skill_not_found",), 410: ("withdrawn",)},
    ),
    Endpoint(
        method="DELETE",
        path=_RATING,
        name="rating_delete",
        handler=unrate,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Skills",
        summary="Take the stars back",
        status=204,
        errors={404: ("skill_not_found", "rating_not_found"), 410: ("withdrawn",)},
    ),
)
