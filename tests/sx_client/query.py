"""R10, the AI query: the lines of a stream as sx reads them. contracts/sx.md 1.4."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from sx_client.errors import HttpError, SxFailure
from sx_client.wire import Wire

Progress = Callable[[str], None]


def ask(wire: Wire, query: str, provider: str, context: Mapping[str, str], progress: Progress) -> str:
    """The answer; empty when the stream ends without `done`. `progress` gets the tool of each call."""
    names = ("repoUrl", "branch", "commitSha")
    given = {key: context.get(key, "") for key in names}
    body = json.dumps({"query": query, "provider": provider.upper(), "context": given}).encode()
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
    with wire.lines("/api/skills/ai-query/stream", body, headers) as (status, lines):
        if status != 200:
            raise HttpError(status, "\n".join(lines).encode())
        for line in lines:
            frame = _frame(line)
            if frame.get("type") == "ToolCallEvent":
                progress(str(frame.get("tool", "")))
            if frame.get("type") == "error":
                raise SxFailure(str(frame.get("error", "")))
            if frame.get("type") == "done":
                result = frame.get("result")
                data = result.get("data") if isinstance(result, dict) else None
                return data if isinstance(data, str) else ""
    return ""


def _frame(line: str) -> dict[str, object]:
    """The object behind `data: `; empty for any other line, and for JSON that is none."""
    if not line.startswith("data: "):
        return {}
    try:
        frame = json.loads(line[6:])
    except ValueError:
        return {}
    return frame if isinstance(frame, dict) else {}
