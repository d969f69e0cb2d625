"""Log lines as JSON on standard error: what happened, never a secret, a query string or a body."""

from __future__ import annotations

import logging
import os
import sys
import traceback

import msgspec
from msgspec import Struct

from dynamic_api import clock

log = logging.getLogger("skillpress")
_NAMES = ("skillpress", "dynamic_api")
_encode = msgspec.json.Encoder().encode


class Access(Struct, frozen=True):
    """One request that was answered. `caller` is the prefix of a key, `ms` how long it took."""

    time: str
    request_id: str
    method: str
    route: str
    path: str
    status: int
    ms: float
    address: str
    caller: str | None
    level: str = "info"


def access(line: Access) -> None:
    """Write the line, whole and at once: logging's own way costs as much as a bare request."""
    try:
        os.write(sys.stderr.fileno(), _encode(line) + b"\n")
    except (OSError, ValueError):
        # Whoever read standard error has gone; the request was answered all the same.
        return


class _Lines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": clock.written(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields["trace"] = "".join(traceback.format_exception(record.exc_info[1]))
        return msgspec.json.encode(fields).decode()


def set_up(level: int = logging.INFO) -> None:
    """Write the lines of this program to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    for name in _NAMES:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
