"""How long a client may take to say what it wants and to take what it gets; uvicorn would wait for ever."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""The request line and headers together, at the most."""
REST_BYTES = 16 * 1024 * 1024
"""What may still come of a body that was answered before its end."""
SLOWEST = 1024
"""Bytes a second that a client has to take of an answer that waits for it."""
SEND_SECONDS = 30.0
_AT_ONCE = struct.pack("ii", 1, 0)


class Patient(HttpToolsProtocol):
    """A connection of uvicorn's that ends when the head of a request is not there in time.

    Between two requests uvicorn's own limit holds, and for a body that of its route. What comes of a body
    after the answer is thrown away: who sends all before reading would lose the answer with the connection.

    An answer of which less than SLOWEST a second was taken for `send_seconds` is cut off: uvicorn keeps at
    most one piece of a streamed answer in memory, but would keep that, and what makes the next one, for ever.
    """

    head_seconds = 15.0
    _waiting: asyncio.TimerHandle | None = None
    _watching: asyncio.TimerHandle | None = None
    _in_head = False
    _head = 0
    _in_body = False
    _rest = 0
    _left = 0

    def __init__(self, *args: Any, send_seconds: float = SEND_SECONDS, **more: Any) -> None:
        super().__init__(*args, **more)
        self.send_seconds = send_seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)
        self._stop_watching()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_watching()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch()

    def data_received(self, data: bytes) -> None:
        in_rest = self._in_body and self._is_answered()
        if in_rest:
            self._rest += len(data)
        elif self._waiting is not None:
            self._head += len(data)
        super().data_received(data)
        if in_rest and self._in_body and self._rest > REST_BYTES:
            self.transport.close()
        if self._waiting is not None and self._head > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of this request is too large.")
        # Most heads come whole: then there is nothing to wait for.
        if self._waiting is None and (self._in_head or self._is_idle()):
            self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self.begin_body()
        super().on_headers_complete()

    def begin_body(self) -> None:
        """The head of a request has ended."""
        self._in_head = False
        self._stop_waiting()
        self._in_body, self._rest = True, 0

    def on_message_complete(self) -> None:
        self._in_body = False
        if self._is_answered():
            self._stop_waiting()
        super().on_message_complete()

    def _is_idle(self) -> bool:
        """Whether nobody counts: bytes that begin no request have ended uvicorn's own patience."""
        counted = self._waiting is not None or self.timeout_keep_alive_task is not None
        return self._is_answered() and not counted and not self.transport.is_closing()

    def _is_answered(self) -> bool:
        return self.cycle is not None and self.cycle.response_complete

    def _wait(self) -> None:
        self._head = 0
        self._waiting = self.loop.call_later(self.head_seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _close(self) -> None:
        self.transport.close()
        self._watch()

    def _watch(self) -> None:
        """Look later whether the client took something of what waits for it. Closing waits for that too."""
        self._left = self.transport.get_write_buffer_size()
        if self._left and self._watching is None:
            self._watching = self.loop.call_later(self.send_seconds, self._look)

    def _look(self) -> None:
        self._watching = None
        taken = self._left - self.transport.get_write_buffer_size()
        if taken < min(self._left, SLOWEST * self.send_seconds):
            # At once, or the system would go on to offer what it has buffered.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self.transport.abort()
        else:
            self._watch()

    def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
