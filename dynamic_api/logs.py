"""Log lines as JSON on standard error: what happened, never a secret, a query string or a body."""

from __future__ import annotations

import logging
import os
import sys
import traceback

import msgspec
from msgspec import Struct

from dynamic_api import clock
from dynamic_api.errors import Unavailable

log = logging.getLogger("skillpress")
_NAMES = ("skillpress", "dynamic_api")
_MOST_OF_A_CAUSE = 300
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


def fault(request_id: str, refusal: Unavailable) -> None:
    """Write what the caller was told to try again, and what the cause was, of which callers hear nothing."""
    cause = refusal.__cause__
    why = str(getattr(cause, "orig", None) or cause).partition("\n")[0][:_MOST_OF_A_CAUSE]
    told = f"{refusal.message} [{refusal.code}]" + (f": {type(cause).__name__}: {why}" if cause else "")
    log.warning("request %s: %s", request_id, told)


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
    # Libraries have little to say; but whoever reads our lines as JSON must be able to read theirs.
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
