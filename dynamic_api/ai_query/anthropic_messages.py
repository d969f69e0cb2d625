"""A model behind an Anthropic-compatible endpoint: messages with tools, by the vendor's SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx2
from msgspec import Struct

from dynamic_api.ai_query import endpoint
from dynamic_api.ai_query.config import AiQuery
from dynamic_api.ai_query.model import Call, Outcome, Turn
from dynamic_api.ai_query.provider import Tool

VENDOR = "https://api.anthropic.com"


class _Message(Struct):
    content: list[dict[str, Any]]


class AnthropicMessages:
    """A conversation in the protocol of messages."""

    def __init__(
        self, settings: AiQuery, http: httpx2.AsyncClient, system: str, question: str, tools: Sequence[Tool]
    ) -> None:
        try:
            import anthropic
        except ImportError as error:
            raise endpoint.missing("anthropic") from error
        self._error = anthropic.AnthropicError
        self._settings = settings
        self._system = system
        self._client = anthropic.AsyncAnthropic(
            api_key=endpoint.key(settings),
            base_url=endpoint.base_url(settings, VENDOR),
            http_client=http,
            timeout=settings.budget_seconds,
            max_retries=1,
        )
        self._messages: list[Any] = [{"role": "user", "content": question}]
        self._tools: list[Any] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema()}
            for tool in tools
        ]

    async def say(self, outcomes: Sequence[Outcome], *, may_call: bool) -> Turn:
        """One message."""
        if outcomes:
            self._messages.append({"role": "user", "content": [_result(outcome) for outcome in outcomes]})
        try:
            raw = await self._client.messages.with_raw_response.create(
                model=self._settings.model_name,
                max_tokens=self._settings.model_tokens,
                system=self._system,
                messages=self._messages,
                tools=self._tools,
                tool_choice={"type": "auto"} if may_call else {"type": "none"},
            )
        except self._error as error:
            raise endpoint.translated(error, self._settings) from error
        blocks = endpoint.read(raw.http_response, _Message).content
        self._messages.append({"role": "assistant", "content": blocks or [{"type": "text", "text": "…"}]})
        texts = [str(block.get("text") or "") for block in blocks if block.get("type") == "text"]
        return Turn("".join(texts), [_call(block) for block in blocks if block.get("type") == "tool_use"])


def _call(block: dict[str, Any]) -> Call:
    return Call(str(block.get("id")), str(block.get("name")), endpoint.arguments(block.get("input")))


def _result(outcome: Outcome) -> dict[str, object]:
    return {
        "type": "tool_result",
        "tool_use_id": outcome.call.id,
        "content": outcome.text,
        "is_error": outcome.failed,
    }
