"""How long, and how much, a client may take to say what it wants; uvicorn would wait and read for ever."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""The request line and headers together, at the most."""


class Patient(HttpToolsProtocol):
    """A connection of uvicorn's that ends when the head of a request is not there in time.

    Between two requests uvicorn's own limit holds, and for a body that of its route.
    """

    head_seconds = 15.0
    _waiting: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._waiting is not None:
            self._head += len(data)
        super().data_received(data)
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
        super().on_headers_complete()

    def _is_idle(self) -> bool:
        """Whether nobody counts: bytes that begin no request have ended uvicorn's own patience."""
        answered = self.cycle is not None and self.cycle.response_complete
        counted = self._waiting is not None or self.timeout_keep_alive_task is not None
        return answered and not counted and not self.transport.is_closing()

    def _wait(self) -> None:
        self._head = 0
        self._waiting = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
