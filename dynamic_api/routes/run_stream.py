"""The output of a run while it runs, as server-sent events: `output` …, then `result` or `error`."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive

from dynamic_api.errors import Refusal
from dynamic_api.routes.answers import NO_STORE
from dynamic_api.runs.attempt import CLIENT_GONE, STOPPING, Attempt
from dynamic_api.runs.reply import Reply
from dynamic_api.sandbox.base import Stream

STILL_THERE_SECONDS = 15.0
_HEADERS = {"Cache-Control": NO_STORE, "X-Accel-Buffering": "no"}
_STILL_THERE = b": still running\n\n"


def _decoders() -> dict[Stream, codecs.IncrementalDecoder]:
    make = codecs.getincrementaldecoder("utf-8")
    return {"stdout": make("replace"), "stderr": make("replace")}


@dataclass(slots=True)
class Listener:
    """Takes output on the event loop; a character that comes in two pieces stays whole."""

    heard_of: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    _decoders: dict[Stream, codecs.IncrementalDecoder] = field(default_factory=_decoders)

    def heard(self, stream: Stream, data: bytes) -> None:
        """A piece of output."""
        self._tell(stream, self._decoders[stream].decode(data))

    def end(self) -> None:
        """No more comes."""
        for stream, decoder in self._decoders.items():
            self._tell(stream, decoder.decode(b"", final=True))
        self.heard_of.put_nowait(None)

    def _tell(self, stream: Stream, text: str) -> None:
        if text:
            self.heard_of.put_nowait(_event("output", {"stream": stream, "text": text}))


class _Events(StreamingResponse):
    """Tells a client that leaves from a server that stops."""

    def __init__(self, attempt: Attempt, content: AsyncIterator[bytes]) -> None:
        super().__init__(content, 200, _HEADERS, "text/event-stream")
        self._attempt = attempt

    async def listen_for_disconnect(self, receive: Receive) -> None:
        await super().listen_for_disconnect(receive)
        self._attempt.leave(CLIENT_GONE)


async def streamed(
    attempt: Attempt, task: asyncio.Task[Reply], listener: Listener, whole: Callable[[Reply], Response]
) -> Response:
    """The events; or a plain answer for what ended before anything was run. Raises Refusal."""
    beginning = asyncio.create_task(attempt.begun.wait())
    try:
        await asyncio.wait({task, beginning}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        attempt.leave(STOPPING)
        raise
    finally:
        beginning.cancel()
    if not attempt.begun.is_set():
        return whole(task.result())
    task.add_done_callback(lambda _: listener.end())
    return _Events(attempt, _events(attempt, task, listener))


async def _events(attempt: Attempt, task: asyncio.Task[Reply], listener: Listener) -> AsyncIterator[bytes]:
    try:
        while True:
            try:
                async with asyncio.timeout(STILL_THERE_SECONDS):
                    event = await listener.heard_of.get()
            except TimeoutError:
                yield _STILL_THERE
                continue
            if event is None:
                break
            yield event
        yield _last(task)
    finally:
        attempt.leave(STOPPING)


def _last(task: asyncio.Task[Reply]) -> bytes:
    failure = task.exception()
    if isinstance(failure, Refusal):
        return _event("error", {"error": failure.body()})
    if failure is not None:
        raise failure
    stored = task.result().stored
    name = "result" if stored.status == 200 else "error"
    return b"event: %s\ndata: %s\n\n" % (name.encode(), stored.body)


def _event(name: str, value: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(value))
