"""Log lines as JSON on standard error: what happened, never a secret, a query string or a body."""

from __future__ import annotations

import logging
import sys
import traceback

import msgspec

from dynamic_api import clock

_ACCESS = "skillpress.access"
access = logging.getLogger(_ACCESS)
log = logging.getLogger("skillpress")


class _Lines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": clock.written(int(record.created * 1000)),
            "level": record.levelname.lower(),
        }
        if record.name == _ACCESS:
            fields.update(record.args if isinstance(record.args, dict) else {})
        else:
            fields |= {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[1] is not None:
            fields["trace"] = "".join(traceback.format_exception(record.exc_info[1]))
        return msgspec.json.encode(fields).decode()


def set_up(level: int = logging.INFO) -> None:
    """Write the lines of this program to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    log.handlers = [handler]
    log.setLevel(level)
    log.propagate = False
