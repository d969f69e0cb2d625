"""A model behind an OpenAI-compatible endpoint: chat completions with tools, by the vendor's SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx2
from msgspec import Struct, field

from dynamic_api.ai_query import endpoint
from dynamic_api.ai_query.config import AiQuery
from dynamic_api.ai_query.model import Call, Outcome, Turn
from dynamic_api.ai_query.provider import Tool

VENDOR = "https://api.openai.com/v1"


class _Function(Struct):
    name: str
    arguments: Any = ""


class _ToolCall(Struct):
    id: str
    function: _Function


class _Message(Struct):
    content: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(Struct):
    message: _Message


class _Completion(Struct):
    choices: list[_Choice] = field(default_factory=list)


class OpenAiChat:
    """A conversation in the protocol of chat completions."""

    def __init__(
        self, settings: AiQuery, http: httpx2.AsyncClient, system: str, question: str, tools: Sequence[Tool]
    ) -> None:
        try:
            import openai
        except ImportError as error:
            raise endpoint.missing("openai") from error
        self._error = openai.OpenAIError
        self._settings = settings
        self._client = openai.AsyncOpenAI(
            api_key=endpoint.key(settings),
            base_url=endpoint.base_url(settings, VENDOR),
            http_client=http,
            timeout=settings.budget_seconds,
            max_retries=1,
        )
        self._messages: list[Any] = [
            {"role": "system", "content": system},
            {"role": "user", "content": question},
        ]
        self._tools: list[Any] = [{"type": "function", "function": _described(tool)} for tool in tools]

    async def say(self, outcomes: Sequence[Outcome], *, may_call: bool) -> Turn:
        """One completion."""
        for outcome in outcomes:
            self._messages.append({"role": "tool", "tool_call_id": outcome.call.id, "content": outcome.text})
        try:
            raw = await self._client.chat.completions.with_raw_response.create(
                model=self._settings.model_name,
                messages=self._messages,
                tools=self._tools,
                tool_choice="auto" if may_call else "none",
                max_completion_tokens=self._settings.model_tokens,
            )
        except self._error as error:
            raise endpoint.translated(error, self._settings) from error
        completion = endpoint.read(raw.http_response, _Completion)
        message = completion.choices[0].message if completion.choices else _Message()
        self._messages.append(_echo(message))
        calls = message.tool_calls or []
        return Turn(
            message.content or "",
            [Call(one.id, one.function.name, endpoint.arguments(one.function.arguments)) for one in calls],
        )


def _described(tool: Tool) -> dict[str, object]:
    return {"name": tool.name, "description": tool.description, "parameters": tool.schema()}


def _echo(message: _Message) -> dict[str, object]:
    """The model's own message, as it has to be sent back."""
    calls = [
        {
            "id": one.id,
            "type": "function",
            "function": {"name": one.function.name, "arguments": _text(one.function.arguments)},
        }
        for one in message.tool_calls or []
    ]
    return {"role": "assistant", "content": message.content or "", **({"tool_calls": calls} if calls else {})}


def _text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else "{}"
