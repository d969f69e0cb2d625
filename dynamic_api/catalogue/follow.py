"""Follow a bucket for as long as the server runs: the loader at its two rhythms."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dynamic_api.catalogue.loader import Loader
from dynamic_api.catalogue.status import Fault, Status
from registry_builder.core.errors import Busy, Refusal
from registry_builder.store.base import Reader

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How many seconds to wait between two looks at release.json, and at revoked.json; and the clock."""

    release_seconds: float = 10.0
    revoked_seconds: float = 2.0
    clock: Callable[[], float] = time.time


def follow(reader: Reader, folder: Path, stop: threading.Event, rhythm: Rhythm = Rhythm()) -> None:
    """Feed `folder` until `stop` is set. For a thread, or better a process of its own.

    While another process of this host does it, waits for its place. Nothing that fails ends it.
    """
    while not stop.is_set():
        try:
            with Loader(reader, folder) as loader:
                _feed(loader, stop, rhythm)
        except Busy:
            stop.wait(rhythm.release_seconds)
        except Refusal as error:
            _log.warning("catalogue: %s", error)
            stop.wait(rhythm.release_seconds)


def _feed(loader: Loader, stop: threading.Event, rhythm: Rhythm) -> None:
    clock, said = rhythm.clock, ""
    due = clock()
    while not stop.is_set():
        status = loader.load_revoked(clock())
        if clock() >= due:
            status = loader.load(clock())
            due = clock() + rhythm.release_seconds
        said = _say(status, said)
        stop.wait(rhythm.revoked_seconds)


def _say(status: Status, said: str) -> str:
    """Log a fault once, when it begins, and its end."""
    faults = [fault for fault in (status.fault, status.revoked_fault) if fault]
    news = "; ".join(map(_told, faults))
    if news != said:
        _log.log(
            logging.WARNING if news else logging.INFO, "catalogue: %s", news or "follows the bucket again"
        )
    return news


def _told(fault: Fault) -> str:
    return f"{fault.place}: {fault.message} [{fault.code}]"
