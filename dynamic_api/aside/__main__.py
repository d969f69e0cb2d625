"""The child: it answers one call after the other, and ends when no more can come."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from contextlib import suppress
from typing import Any

LATER = 10
"""How much it gives way to those who answer requests."""


def main() -> None:
    """Serve the process that started us."""
    # Ctrl-C in a terminal reaches us too; we end with our parent, which may have something under way.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(LATER)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(EOFError, BrokenPipeError):
        while True:
            work, values = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our parent
            answers.write(_answer(work, values))
            answers.flush()


def _answer(work: Any, values: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps((True, work(*values)))
    except Exception as error:  # noqa: BLE001 - it is the caller's to see
        return pickle.dumps((False, error))


if __name__ == "__main__":
    main()
