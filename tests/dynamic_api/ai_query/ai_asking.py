"""Ask a question as a client would, and read the frames."""

from __future__ import annotations

import asyncio
from typing import Any

from ai_data import SHA
from ai_services import TOKENS, Services

from dynamic_api.ai_query import AiQuery, stream

CONTEXT = {"repoUrl": "git@github.com:acme/shop.git", "branch": "main", "commitSha": SHA}


def settings(outside: Services, **more: Any) -> AiQuery:
    model = more.get("model", "none")
    return AiQuery(
        **{
            "github_url": f"{outside.url}/github",
            "github_token": TOKENS["github"],
            "circleci_url": f"{outside.url}/circleci",
            "circleci_token": TOKENS["circleci"],
            "linear_url": f"{outside.url}/linear/graphql",
            "linear_token": TOKENS["linear"],
            "model_url": f"{outside.url}/{model}" + ("/v1" if model == "openai" else ""),
            "model_key": TOKENS["model"],
            "model_name": "some-model",
            "call_seconds": 5.0,
            **more,
        }
    )


def ask(query: object, provider: object, given: AiQuery, context: object = None) -> list[dict[str, Any]]:
    """All frames of the answer."""

    async def collect() -> list[dict[str, Any]]:
        return [
            frame async for frame in stream(query, provider, CONTEXT if context is None else context, given)
        ]

    return asyncio.run(collect())


def answer(frames: list[dict[str, Any]]) -> str:
    """The text of the last frame, which has to be `done`."""
    assert frames[-1]["type"] == "done", frames
    assert [frame["type"] for frame in frames].count("done") == 1
    return str(frames[-1]["result"]["data"])


def error(frames: list[dict[str, Any]]) -> str:
    """The text of the last frame, which has to be `error`."""
    assert frames[-1]["type"] == "error", frames
    assert [frame["type"] for frame in frames].count("error") == 1
    return str(frames[-1]["error"])
