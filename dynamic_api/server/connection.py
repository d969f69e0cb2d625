"""A connection that answers at once what the app has at hand: no task, no messages, one write."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from dynamic_api.server.patience import Patient
from dynamic_api.server.wire import AtHand, Wire, lines_of

_WITH_A_BODY = frozenset({b"content-length", b"transfer-encoding", b"expect"})


class _Answered:
    """What uvicorn looks at between two requests, where it has not seen the last one."""

    response_complete = True
    message_event = asyncio.Event()


class Connection(Patient):
    """Asks the app's `at_hand`, if it has one, as soon as the head of a request is there.

    Measured: a task, its cycle of messages and the check of each field are most of what an answer costs us.
    What is not at hand goes the usual way, and so does a request that is not plain: with a body, an upgrade,
    a field sent twice, in an older HTTP, the last of its connection, or behind one that is not answered yet.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._app = cast(AtHand, self.app) if hasattr(self.app, "at_hand") else None

    def on_headers_complete(self) -> None:
        wire = self._wire(self._app) if self._app is not None and self._is_plain() else None
        if wire is None:
            super().on_headers_complete()
            return
        self.begin_body()
        self.cycle = cast(Any, _Answered)
        self._send(wire)

    def _is_plain(self) -> bool:
        parser = self.parser
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and parser.get_method() in {b"GET", b"HEAD"}
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
        )

    def _wire(self, app: AtHand) -> Wire | None:
        scope, fields = cast(Scope, self.scope), dict(self.headers)
        if len(fields) != len(self.headers) or not _WITH_A_BODY.isdisjoint(fields):
            return None
        scope["fields"], scope["url"] = fields, self.url
        scope["method"] = self.parser.get_method().decode("ascii")
        try:
            return app.at_hand(scope)
        except Exception:
            # The usual way will meet the same, and knows how to answer it.
            self.logger.exception("what is at hand could not be looked at")
            return None

    def _send(self, wire: Wire) -> None:
        head = b"%b%b%b\r\n" % (
            STATUS_LINE[wire.status],
            lines_of(self.server_state.default_headers),
            wire.lines,
        )
        self.transport.write(head + wire.body if self.scope["method"] == "GET" else head)
        self.on_response_complete()
