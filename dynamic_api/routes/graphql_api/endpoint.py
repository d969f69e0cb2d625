"""POST /graphql. What runs it, and the library below that, is loaded when sx asks for the first time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from dynamic_api.routes import sx_answers
from dynamic_api.routes.endpoint import Auth, Call, Endpoint, Mode


class Asked(Struct, frozen=True, rename="camel"):
    """A request. `extensions` and whatever else clients add is left alone."""

    query: str = ""
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


async def run(call: Call) -> Response:
    # In a thread: the first time takes half a second.
    execute = await asyncio.to_thread(_loaded)
    return await execute(call)


def _loaded() -> Callable[[Call], Awaitable[Response]]:
    from dynamic_api.routes.graphql_api import execute

    return execute.run


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/graphql",
        name="graphql",
        handler=run,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        bots=True,
        refusal=sx_answers.refused,
        tag="sx",
        summary="What sx asks beyond REST; the schema is in docs/sx.md",
        body=Asked,
        wrap=False,
        errors={403: ("all_skills_key_required",)},
    ),
)
