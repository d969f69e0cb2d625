"""The bytes of the stream, and what happens when its client goes away."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from ai_asking import CONTEXT, settings
from ai_services import Services, running
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from sx_client import SxClient, SxFailure

from dynamic_api.ai_query import MEDIA_TYPE, AiQuery, events, stream
from dynamic_api.ai_query.frames import Frame, done
from dynamic_api.ai_query.sse import CUT, LONGEST_LINE, encode

LONG = "x" * LONGEST_LINE


def api(given: AiQuery) -> Starlette:
    """An app as ours will be: one route that streams."""

    async def answer(request: Request) -> StreamingResponse:
        body = await request.json()
        frames = stream(body.get("query"), body.get("provider"), body.get("context"), given)
        return StreamingResponse(events(frames, given.heartbeat_seconds), media_type=MEDIA_TYPE)

    paths = ("/q", "/api/skills/ai-query/stream")
    return Starlette(routes=[Route(path, answer, methods=["POST"]) for path in paths])


def body(query: str) -> dict[str, object]:
    return {"query": query, "provider": "GITHUB", "context": CONTEXT}


def as_sx_reads(text: str) -> list[dict[str, object]]:
    """The frames, by the rules of sx: lines that begin with `data: `, whatever else there is."""
    return [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: ")]


def test_stream_over_http_is_what_sx_reads(outside: Services) -> None:
    with running(api(settings(outside))) as url:
        answer = httpx2.post(f"{url}/q", json=body("commits"), trust_env=False)
    assert answer.headers["content-type"].split(";")[0] == "text/event-stream"
    frames = as_sx_reads(answer.text)
    assert [frame["type"] for frame in frames] == ["ToolCallEvent", "ToolResultEvent", "done"]
    assert answer.text.count("\n") == 2 * len(frames)


def test_client_that_reads_as_sx_does_gets_the_answer(outside: Services, tmp_path: Path) -> None:
    with running(api(settings(outside))) as url:
        sx = SxClient(url, "token", tmp_path)
        assert sx.query("Is PR 12 approved?", "github", CONTEXT).startswith(
            "Pull request 12 of acme/shop: 1\n- #12"
        )
        with pytest.raises(SxFailure, match="unknown provider 'JIRA'; configured: GITHUB, CIRCLECI, LINEAR"):
            sx.query("x", "jira", CONTEXT)


@pytest.mark.parametrize("phase", ["provider", "model"])
def test_vanished_client_ends_the_calls_behind_it(outside: Services, phase: str) -> None:
    outside.faults["github" if phase == "provider" else "openai"] = "hang"
    given = settings(outside, model="none" if phase == "provider" else "openai", call_seconds=60.0)
    content = json.dumps(body("commits")).encode()
    with running(api(given)) as url:
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as client:
            head = f"POST /q HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
            client.sendall(head.encode() + content)
            assert outside.asked.wait(10)
            assert not outside.left.is_set()
        assert outside.left.wait(10)


def test_closing_the_generator_ends_the_calls_behind_it(outside: Services) -> None:
    outside.faults["github"] = "hang"

    async def leave() -> set[str]:
        frames = stream("commits", "GITHUB", CONTEXT, settings(outside))
        assert (await anext(frames))["type"] == "ToolCallEvent"
        await asyncio.to_thread(outside.asked.wait, 10)
        await frames.aclose()
        return {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    assert asyncio.run(leave()) == set()
    assert outside.left.wait(10)


async def frames_of(*frames: Frame, silent: asyncio.Event | None = None) -> AsyncGenerator[Frame, None]:
    for frame in frames:
        if silent is not None:
            await silent.wait()
        yield frame


def test_silence_is_filled_with_comments() -> None:
    async def collect() -> list[bytes]:
        silent = asyncio.Event()
        lines = []
        async for line in events(frames_of(done("x"), silent=silent), 0.01):
            lines.append(line)
            if len(lines) == 3:
                silent.set()
        return lines

    lines = asyncio.run(collect())
    assert lines[:3] == [b": still working\n\n"] * 3
    assert lines[-1] == b'data: {"type":"done","result":{"data":"x"}}\n\n'


@pytest.mark.parametrize("text", ["x", "\n", "é", "😀", '"'])
@pytest.mark.parametrize("surplus", [-10, 0, 100, 3_000_000])
def test_line_has_at_most_one_mebibyte(text: str, surplus: int) -> None:
    line = encode(done(text * (LONGEST_LINE + surplus)))
    assert len(line) - 2 <= LONGEST_LINE
    assert line.count(b"\n") == 2
    (frame,) = as_sx_reads(line.decode())
    data = frame["result"]["data"]  # type: ignore[index]
    assert data.startswith(text * 100)
    assert data.endswith(CUT)


def test_short_answer_is_left_alone() -> None:
    (frame,) = as_sx_reads(encode(done("line 1\nline 2\r\n\x85\u2028")).decode())
    assert frame == done("line 1\nline 2\r\n\x85\u2028")


@pytest.mark.parametrize(
    ("frame", "kept"),
    [
        ({"type": "TextEvent", "text": LONG}, {"type": "TextEvent", "tool": "", "cut": True}),
        ({"type": "X", "tool": "a", "arguments": LONG}, {"type": "X", "tool": "a", "cut": True}),
        ({"type": "error", "error": LONG}, {"type": "error", "error": LONG[: LONGEST_LINE // 2] + CUT}),
    ],
)
def test_other_long_frame_keeps_what_it_is(frame: Frame, kept: Frame) -> None:
    assert as_sx_reads(encode(frame).decode()) == [kept]


def test_mistake_of_ours_is_a_frame_and_then_raised(outside: Services) -> None:
    async def collect() -> Frame:
        frames = stream("x", "GITHUB", CONTEXT, settings(outside, github_url=7))
        frame = await anext(frames)
        with pytest.raises(TypeError):
            await anext(frames)
        return frame

    frame = asyncio.run(collect())
    assert frame["error"] == "something went wrong on our side; try again later"
