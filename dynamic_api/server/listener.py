"""A socket that already takes connections, so that a printed address works from its first moment."""

from __future__ import annotations

import errno
import socket

from registry_builder.core.errors import Trouble


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises Trouble for a port that is taken, or a host that is not ours."""
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


def authority(listener: socket.socket) -> str:
    """host:port as in a URL."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
