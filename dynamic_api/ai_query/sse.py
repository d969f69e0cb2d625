"""Frames as server-sent events that sx reads: `data: {json}`, at most 1 MiB a line, comments in silences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from dynamic_api.ai_query.frames import Frame

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": still working\n\n"
LONGEST_LINE = 1024 * 1024
CUT = "\n… [cut: an answer has at most 1 MiB]"
_PREFIX = b"data: "


async def events(
    frames: AsyncGenerator[Frame, None], heartbeat_seconds: float = 10.0
) -> AsyncGenerator[bytes, None]:
    """The bytes of each frame, and a comment after each silence. Closing it closes `frames`."""
    pending = asyncio.ensure_future(anext(frames))
    try:
        while True:
            ready, _ = await asyncio.wait({pending}, timeout=heartbeat_seconds)
            if not ready:
                yield HEARTBEAT
                continue
            try:
                frame = pending.result()
            except StopAsyncIteration:
                return
            pending = asyncio.ensure_future(anext(frames))
            yield encode(frame)
    finally:
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
        await frames.aclose()


def encode(frame: Frame) -> bytes:
    """One event. JSON has no line breaks of its own, so that it is one line."""
    line = _PREFIX + msgspec.json.encode(frame)
    if len(line) >= LONGEST_LINE:
        line = _PREFIX + msgspec.json.encode(_shorter(frame, len(line)))
    return line + b"\n\n"


def _shorter(frame: Frame, size: int) -> Frame:
    """`frame` with its text cut; of an intermediate one only what it is."""
    result = frame.get("result")
    if isinstance(result, dict) and isinstance(result.get("data"), str):
        room = LONGEST_LINE - (size - _encoded(result["data"])) - _encoded(CUT) - 1
        return {**frame, "result": {**result, "data": _cut(result["data"], room) + CUT}}
    if isinstance(frame.get("error"), str):
        return {"type": "error", "error": _cut(str(frame["error"]), LONGEST_LINE // 2) + CUT}
    tool = str(frame.get("tool", ""))[:200]
    return {"type": str(frame.get("type", ""))[:200], "tool": tool, "cut": True}


def _cut(text: str, room: int) -> str:
    """The longest beginning of `text` that takes at most `room` bytes in JSON."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _encoded(text[:middle]) <= room else (low, middle - 1)
    return text[:low]


def _encoded(text: str) -> int:
    return len(msgspec.json.encode(text)) - 2
