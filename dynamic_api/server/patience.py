"""How long, and how much, a client may take to say what it wants; uvicorn would wait and read for ever."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""The request line and headers together, at the most."""
REST_BYTES = 16 * 1024 * 1024
"""What may still come of a body that was answered before its end."""


class Patient(HttpToolsProtocol):
    """A connection of uvicorn's that ends when the head of a request is not there in time.

    Between two requests uvicorn's own limit holds, and for a body that of its route. What comes of a body
    after the answer is thrown away: who sends all before reading would lose the answer with the connection.
    """

    head_seconds = 15.0
    _waiting: asyncio.TimerHandle | None = None
    _head = 0
    _in_body = False
    _rest = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

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
        if self._is_idle():
            self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._waiting is None:
            self._wait()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._in_body, self._rest = True, 0
        super().on_headers_complete()

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
        self._waiting = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
