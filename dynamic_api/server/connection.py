"""A connection that answers at once what the app has at hand: no task, no messages, one write."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from dynamic_api.server.patience import Patient
from dynamic_api.server.wire import AtHand, Soon, Wire, lines_of

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
        self._soon: Soon | None = None

    def on_headers_complete(self) -> None:
        found = self._found(self._app) if self._app is not None and self._is_plain() else None
        if isinstance(found, Wire):
            self.begin_body()
            self.cycle = cast(Any, _Answered)
            self._send(found, self.scope)
        else:
            self._soon = found
            super().on_headers_complete()
            self._soon = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._soon is None:
            super()._start_asgi_task(cycle, app)
        else:
            self._soon.ready.add_done_callback(lambda _: self._look_again(cycle, app))

    def _look_again(self, cycle: RequestResponseCycle, app: AtHand) -> None:
        """Answer what is at hand by now; else go the usual way after all."""
        if cycle.disconnected:
            return
        can_be_sent = cycle.keep_alive and not self.flow.write_paused
        found = self._looked_for(app, cycle.scope) if can_be_sent else None
        if isinstance(found, Wire):
            cycle.response_started = cycle.response_complete = True
            self._send(found, cycle.scope)
        else:
            super()._start_asgi_task(cycle, cast(Any, app))

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

    def _found(self, app: AtHand) -> Wire | Soon | None:
        scope, fields = cast(Scope, self.scope), dict(self.headers)
        if len(fields) != len(self.headers) or not _WITH_A_BODY.isdisjoint(fields):
            return None
        scope["fields"], scope["url"] = fields, self.url
        scope["method"] = self.parser.get_method().decode("ascii")
        return self._looked_for(app, scope)

    def _looked_for(self, app: AtHand, scope: Any) -> Wire | Soon | None:
        try:
            return app.at_hand(scope)
        except Exception:
            # The usual way will meet the same, and knows how to answer it.
            self.logger.exception("what is at hand could not be looked at")
            return None

    def _send(self, wire: Wire, scope: Any) -> None:
        head = b"%b%b%b\r\n" % (
            STATUS_LINE[wire.status],
            lines_of(self.server_state.default_headers),
            wire.lines,
        )
        self.transport.write(head + wire.body if scope["method"] == "GET" else head)
        self.on_response_complete()
