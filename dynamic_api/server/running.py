"""A server from its first socket to its graceful end: one process, or many behind one socket."""

from __future__ import annotations

import gc
import logging
import signal
import socket
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import LOGGING_CONFIG
from uvicorn.supervisors import Multiprocess

from dynamic_api import logs
from dynamic_api.server.allocator import keep_few_arenas
from dynamic_api.server.connection import Connection
from dynamic_api.server.data_folder import DataFolder
from dynamic_api.server.listener import authority
from dynamic_api.settings import Server, Settings
from registry_builder.core.errors import Trouble


@dataclass(frozen=True, slots=True)
class Make:
    """Makes the API in the process that serves it."""

    settings: Settings
    folder: DataFolder
    public_url: str
    published_folder: Path | None = None

    def __call__(self) -> ASGIApp:
        keep_few_arenas()
        from dynamic_api.app import build

        logs.set_up()
        app = build(self.settings, self.folder, self.public_url, published_folder=self.published_folder)
        # These parts last as long as the process: to look through them took 57 ms, again and again.
        gc.collect()
        gc.freeze()
        return app


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of a chain and its key; without them HTTP is spoken."""

    chain: Path | None = None
    key: Path | None = None

    def url(self, listener: socket.socket) -> str:
        """Where a server with this certificate answers, without a slash at the end."""
        return f"{'http' if self.chain is None else 'https'}://{authority(listener)}"


def configured(app: ASGIApp | Make, rules: Server, certificate: Certificate, **more: Any) -> uvicorn.Config:
    """A server's configuration. Raises Trouble for a certificate that cannot be used."""
    tls: dict[str, Any] = {"ssl_certfile": certificate.chain, "ssl_keyfile": certificate.key}
    try:
        # The real configuration would make the app here; the certificate is all that is to be tried.
        uvicorn.Config(_nothing, log_config=None, **tls).load()
    except OSError as error:
        mend = "give a PEM chain and the key that belongs to its first certificate"
        raise Trouble("bad-tls", f"cannot use this certificate and key: {error}", mend=mend) from error
    return uvicorn.Config(
        app,
        factory=isinstance(app, Make),
        access_log=False,
        log_level="error",
        http=cast(Any, partial(Connection, send_seconds=rules.send_seconds)),
        # Its own lines are no JSON: those of the API's process go where all others go.
        log_config=None if isinstance(app, Make) else LOGGING_CONFIG,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=max(1, round(rules.grace_seconds)),
        **tls,
        **more,
    )


async def _nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    """An app for a configuration that is only tried."""


def run(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM. uvicorn raises the signal again when it is done; that ends us with 0."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    if not server.started:
        raise Trouble("not-started", "the server did not start", mend="its message is above")


def run_many(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve by as many processes as `config` says, each restarted when it dies, until a signal."""
    Multiprocess(config, sockets=[listener]).run()


def _is_news(record: logging.LogRecord) -> bool:
    """Whether to log `record`: answers that our leaving cuts short are counted there, and need no stacks."""
    from asyncio import CancelledError

    return record.exc_info is None or not isinstance(record.exc_info[1], CancelledError)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
