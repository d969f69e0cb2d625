"""Small files of a folder as they were sent, for who asks again: each is looked at before, none is opened."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import dataclass

from starlette.types import Scope

from dynamic_api.memory.memo import Memo
from dynamic_api.routes.header_fields import fields_of
from dynamic_api.server.wire import Kept, Wire, url_of

MOST_BYTES = 64 * 1024
"""Bytes of a file that is kept, at the most."""
KEPT_BYTES = 8 * 1024 * 1024
_ALONE = "alone"
_PARTS = (b"range", b"if-range")

Stamps = tuple[int, ...]
"""What the file system says of a file: while it says the same, the bytes are the same."""


@dataclass(frozen=True, slots=True)
class _File:
    answer: Kept
    place: str
    stamps: Stamps
    path: str


class SmallFiles:
    """By URL, and by the view of the bucket (`scope["view"]`) under which they were let out.

    `place` is the path as it was asked for, with its links: where they lead may change.
    """

    def __init__(self) -> None:
        self._memo: Memo[bytes, _File] = Memo(KEPT_BYTES)

    def at_hand(self, scope: Scope) -> Wire | None:
        """The answer; None where the file, or what was asked for, is another."""
        view = _view(scope)
        known = None if view is None else self._memo.at(view).known.get(scope["url"])
        if known is None or _stamps_at(known.place) != known.stamps:
            return None
        fields = fields_of(scope)
        if any(name in fields for name in _PARTS):
            return None
        scope["path"] = known.path
        return known.answer.wire(fields.get(b"if-none-match"))

    def keep(self, scope: Scope, place: str, stamps: Stamps, answer: Kept) -> None:
        """Know what was just answered, as it was when it was opened."""
        view = _view(scope)
        if view is not None:
            file = _File(answer, place, stamps, scope["path"])
            self._memo.at(view).keep(url_of(scope), file, answer.size)


def stamps_of(status: os.stat_result) -> Stamps:
    """The stamps of a file, the two that are times at the end."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _stamps_at(place: str) -> Stamps | None:
    try:
        return stamps_of(os.stat(place))  # noqa: PTH116 - a Path costs more than the look
    except OSError:
        return None


def _view(scope: Scope) -> Hashable | None:
    view: Hashable | None = scope.get("view", _ALONE)
    return view
