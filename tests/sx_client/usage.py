"""Usage events: queued on disk, sent by hooks, kept until the server says 204. contracts/sx.md 1.5."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sx_client import rest
from sx_client.errors import HttpError
from sx_client.wire import Wire

FILES_AT_ONCE = 100
LINES_AT_ONCE = 1000
Event = dict[str, str]


@dataclass(frozen=True, slots=True)
class Queue:
    """One file for each event."""

    folder: Path

    def put(self, event: Event) -> None:
        """Keep an event until it is sent."""
        assert event["asset_type"] in rest.USAGE_TYPES
        self.folder.mkdir(parents=True, exist_ok=True)
        waiting = self.waiting()
        number = int(waiting[-1].stem) + 1 if waiting else 1
        (self.folder / f"{number:08}.json").write_text(json.dumps(event))

    def waiting(self) -> list[Path]:
        """The files, oldest first."""
        return sorted(self.folder.glob("*.json"))

    def flush(self, wire: Wire) -> int:
        """Send at most a hundred; how many. They stay for any answer but 204, and are sent again for ever."""
        files = self.waiting()[:FILES_AT_ONCE]
        if not files:
            return 0
        try:
            rest.report_usage(wire, [json.loads(path.read_text()) for path in files])
        except HttpError:
            return 0
        for path in files:
            path.unlink()
        return len(files)


def report_imported(wire: Wire, events: Sequence[Event]) -> int:
    """Send events of the past, a thousand at once; each may name its `actor`."""
    for part in _parts(events):
        rest.report_usage(wire, part)
    return len(events)


def _parts(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    for start in range(0, len(events), LINES_AT_ONCE):
        yield events[start : start + LINES_AT_ONCE]
