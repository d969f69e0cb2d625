"""How fresh the local view is, and what keeps it from being fresher: a small file beside it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

FILE = "status.json"


class Fault(Struct, frozen=True, kw_only=True):
    """Why the bucket could not be followed; `since` is the first time in a row, in Unix seconds."""

    code: str
    message: str
    place: str
    mend: str
    since: float


class Status(Struct, frozen=True, kw_only=True):
    """What the loader came to. Times are Unix seconds, 0 for never.

    `generation` and `root` are the view's; `changed` is when it last changed, `checked` when the bucket was
    last seen to hold nothing newer. `revoked` is when the revocations were last read. `unsettled` counts
    names whose newest files could not all be read yet.
    """

    generation: int = 0
    root: str | None = None
    commit: str | None = None
    changed: float = 0.0
    checked: float = 0.0
    fault: Fault | None = None
    revoked: float = 0.0
    revoked_fault: Fault | None = None
    revocations: int = 0
    unsettled: int = 0

    def age(self, now: float) -> float | None:
        """For how many seconds the view may have been behind the bucket; None when there is no view."""
        return max(0.0, now - self.checked) if self.checked else None

    @property
    def ready(self) -> bool:
        """Whether there is a view to answer from, and it is known what is revoked."""
        return self.checked > 0 and self.revoked > 0


def read_status(folder: Path) -> Status:
    """The status in `folder`; a missing or damaged one says that nothing was read yet."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Status)
    except (OSError, msgspec.MsgspecError):
        return Status()


def write_status(folder: Path, status: Status) -> None:
    """Replace the status whole."""
    replace_file(folder / FILE, msgspec.json.encode(status))


def replace_file(path: Path, body: bytes) -> None:
    """Write `path` so that a reader or a kill sees the old bytes or the new ones."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
