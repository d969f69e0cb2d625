"""`skillpress serve`: a built folder on a local port, with or without TLS."""

from __future__ import annotations

import errno
import logging
import signal
import socket
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from registry_builder.core.errors import Missing, Misuse, Trouble

if TYPE_CHECKING:
    import uvicorn

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
# How long answers that are still being sent may take after the first signal.
_GRACE_SECONDS = 2


@click.command()
@click.argument("folder", metavar="[DIR]", default="dist", type=click.Path(path_type=Path))
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or address to listen on.")
@click.option("--tls-cert", type=_FILE, help="PEM file with the certificate chain; serves HTTPS.")
@click.option("--tls-key", type=_FILE, help="PEM file with its private key.")
def serve(folder: Path, port: int, host: str, tls_cert: Path | None, tls_key: Path | None) -> None:
    """Serve the built folder DIR (default: dist) as a CDN would, until Ctrl-C."""
    if (tls_cert is None) != (tls_key is None):
        given, other = ("--tls-cert", "--tls-key") if tls_key is None else ("--tls-key", "--tls-cert")
        raise Misuse("half-tls", f"is of no use without {other}", place=given, mend=f"give {other} as well")
    _require_built(folder)
    config = _config(folder, tls_cert, tls_key)
    with _listening(host, port) as listener:
        scheme = "http" if tls_cert is None else "https"
        click.echo(f"serving {folder} at {scheme}://{_authority(listener)}/", err=True)
        _run(config, listener)


def _require_built(folder: Path) -> None:
    mend = f"build it: skillpress build --to {folder}"
    if not folder.exists():
        raise Missing("no-folder", "no such folder", place=str(folder), mend=mend)
    if not folder.is_dir():
        raise Misuse("not-a-folder", "not a folder", place=str(folder), mend="name the folder that was built")
    if not (folder / "release.json").is_file():
        raise Missing("not-built", "holds no release.json", place=str(folder), mend=mend)


def _config(folder: Path, tls_cert: Path | None, tls_key: Path | None) -> uvicorn.Config:
    import uvicorn

    from dynamic_api.static import published

    config = uvicorn.Config(
        published(folder),
        access_log=False,
        log_level="error",
        lifespan="off",
        server_header=False,
        ws="none",
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    try:
        config.load()
    except OSError as error:
        mend = "give a PEM chain and the key that belongs to its first certificate"
        raise Trouble("bad-tls", f"cannot use this certificate and key: {error}", mend=mend) from error
    return config


def _listening(host: str, port: int) -> socket.socket:
    """A socket that already takes connections, so that the printed URL works from its first moment."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
    except (OSError, UnicodeError) as error:
        raise Trouble("no-host", f"cannot listen on {host}: {error}", place="--host") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            mend = "stop the other program, or give another --port (0 takes a free one)"
            raise Trouble(
                "port-taken", f"port {port} is taken on {host}", place="--port", mend=mend
            ) from error
        raise Trouble("no-listener", f"cannot listen on {host}:{port}: {error}", place="--host") from error
    return listener


def _authority(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _run(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM. uvicorn raises the signal again when it is done; that ends us with 0."""
    import uvicorn

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    uvicorn.Server(config).run(sockets=[listener])


def _is_news(record: logging.LogRecord) -> bool:
    """Whether to log `record`: answers that our leaving cuts short are counted there, and need no stacks."""
    from asyncio import CancelledError

    return record.exc_info is None or not isinstance(record.exc_info[1], CancelledError)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
