"""The frames of a stream. Source: contracts/sx.md 1.4; fields that sx does not know are skipped by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dynamic_api.ai_query.provider import Found, Provider
from dynamic_api.errors import Refusal

Frame = dict[str, object]
Emit = Callable[[Frame], None]
HIDDEN = "[hidden]"


def done(answer: str) -> Frame:
    """The last frame of an answer."""
    return {"type": "done", "result": {"data": answer}}


def failed(refusal: Refusal) -> Frame:
    """The last frame of a failure: one sentence, since sx shows nothing else."""
    mend = f"; {refusal.mend}" if refusal.mend else ""
    return {"type": "error", "error": f"{refusal.message}{mend}", "code": refusal.code}


async def run_tool(provider: Provider, tool: str, arguments: Mapping[str, object], emit: Emit) -> Found:
    """Call `tool` between a frame that says so and one that says what came of it."""
    name = f"{provider.name.lower()}.{tool}"
    emit({"type": "ToolCallEvent", "tool": name, "arguments": dict(arguments)})
    try:
        found = await provider.call(tool, arguments)
    except Refusal as refusal:
        emit({"type": "ToolResultEvent", "tool": name, "ok": False, "error": refusal.message})
        raise
    emit({"type": "ToolResultEvent", "tool": name, "ok": True, "rows": len(found.rows), "more": found.more})
    return found


def without_secrets(value: object, secrets: Sequence[str]) -> object:
    """`value` with each secret hidden, however deep, and with every text fit for UTF-8."""
    if isinstance(value, str):
        text = value.encode("utf-8", "replace").decode()
        for secret in secrets:
            text = text.replace(secret, HIDDEN)
        return text
    if isinstance(value, Mapping):
        return {
            str(without_secrets(str(key), secrets)): without_secrets(item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(item, secrets) for item in value]
    return value
