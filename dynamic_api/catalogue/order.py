"""The order of all skills by slug: rows are large, and hits that are equal come by slug."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence


class Order:
    """Reads it when it is asked for and the local file has changed; four bytes for each number."""

    def __init__(self) -> None:
        self._known: tuple[int, Sequence[int]] = (-1, ())

    def places(self, connection: sqlite3.Connection, serial: int) -> Sequence[int]:
        """Number of a skill → its place by slug, at this serial of the file."""
        known, places = self._known
        if known != serial:
            places = _places(connection)
            self._known = (serial, places)
        return places


def _places(connection: sqlite3.Connection) -> Sequence[int]:
    numbers = [number for (number,) in connection.execute("SELECT number FROM skill ORDER BY slug")]
    places = array("I", bytes(4 * (max(numbers, default=0) + 1)))
    for place, number in enumerate(numbers):
        places[number] = place
    return places
