"""Skills: search, discover, and one by slug (contracts/skillzdrive.md rows 1 to 3)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field
from starlette.responses import Response

from dynamic_api.routes import answers
from dynamic_api.routes.endpoint import Auth, Call, Endpoint, Mode, Query
from dynamic_api.services import discovery, finding, showing
from dynamic_api.services.discovery import Discovered
from dynamic_api.services.finding import Wanted
from registry_builder.core.key import CACHE_CONTROL, KeyClass

LIMIT = 20
PUBLIC, PRIVATE = CACHE_CONTROL[KeyClass.INDEX], "private, no-cache"


class Search(Query, frozen=True):
    """Query of a search. A limit beyond 50 counts as 50."""

    q: Annotated[str, Meta(max_length=1000)] = ""
    limit: Annotated[int, Meta(ge=1)] = LIMIT
    collection: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    where: Literal["short", "body"] = field(name="in", default="short")


class Keywords(Query, frozen=True):
    """Query of discover: pages of ten."""

    keywords: Annotated[str, Meta(min_length=1, max_length=1000)]
    offset: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0


class Skills(Struct, frozen=True):
    """Skills, those of the caller first, then published ones, best first."""

    skills: list[dict[str, Any]]


class OneSkill(Struct, frozen=True):
    """A skill, and the artifact of its newest version; null while there is none, and for private skills."""

    skill: dict[str, Any]
    download: dict[str, Any] | None


async def search(call: Call) -> object:
    context, query = call.context, call.query
    wanted = Wanted(query.q, query.limit, query.collection, query.where == "body")
    return await finding.find(context.remembered, context.catalogue, context.published, call.who, wanted)


async def show(call: Call) -> Response:
    context = call.context
    answer = await showing.show(
        context.remembered, context.catalogue, context.published, call.who, call.path["slug"]
    )
    control = PUBLIC if call.who is None else PRIVATE
    return answers.tagged(answer.body, answer.etag, control)


async def discover(call: Call) -> object:
    context, query = call.context, call.query
    return await discovery.discover(
        context.catalogue, context.sources, query.keywords, query.offset, call.now
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/skills/discover",
        name="discover",
        handler=discover,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        tag="Skills",
        summary="Search what is published and the listed GitHub repositories, ten at a time",
        query=Keywords,
        answer=Discovered,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/skills",
        name="skills",
        handler=search,
        mode=Mode.ASYNC,
        auth=Auth.ANONYMOUS,
        tag="Skills",
        summary="Search, or with a key list what it sees; `in=body` looks into the text",
        query=Search,
        answer=Skills,
        errors={404: ("collection_not_found",)},
    ),
    Endpoint(
        method="GET",
        path="/api/v1/skills/{slug}",
        name="skill",
        handler=show,
        mode=Mode.ASYNC,
        auth=Auth.ANONYMOUS,
        tag="Skills",
        summary="One skill, with the address of its artifact",
        remembered=True,
        answer=OneSkill,
        errors={404: ("skill_not_found",), 410: ("withdrawn",)},
    ),
)
