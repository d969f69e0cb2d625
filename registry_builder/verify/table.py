"""Every pin of a release in little room: 56 bytes a key, whatever the key's length."""

from __future__ import annotations

import re
from bisect import bisect_left
from hashlib import blake2b
from itertools import pairwise

from registry_builder.core.tree import Pin

_KEY, _SHA256 = 16, 32
_HEX = re.compile(r"[0-9a-f]{64}")
_LARGEST = 2**63


class Table:
    """Key → pin. Keys are added first, then `close` is called once, then they are found."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, key: str, item: Pin) -> None:
        """Add a pin. Raises ValueError for one that no bytes could have."""
        if not _HEX.fullmatch(item.sha256) or not 0 <= item.size < _LARGEST:
            raise ValueError(f"pins {key} with no sha256 and size")
        self._rows.append(hash_of(key) + bytes.fromhex(item.sha256) + item.size.to_bytes(8))

    def close(self) -> None:
        """Make it ready to be searched."""
        self._rows.sort()

    def find(self, key: str) -> Pin | None:
        """The pin of `key`, None when there is none."""
        wanted = hash_of(key)
        place = bisect_left(self._rows, wanted)
        if place == len(self._rows) or not self._rows[place].startswith(wanted):
            return None
        return _pin(self._rows[place])

    def twice(self, key: str) -> bool:
        """Whether `key` is pinned more than once."""
        wanted = hash_of(key)
        place = bisect_left(self._rows, wanted) + 1
        return place < len(self._rows) and self._rows[place].startswith(wanted)

    def any_twice(self) -> bool:
        """Whether any key is."""
        return any(one[:_KEY] == two[:_KEY] for one, two in pairwise(self._rows))


def hash_of(key: str, salt: str = "") -> bytes:
    """A short digest of `key`."""
    return blake2b(f"{salt}{key}".encode("utf-8", "surrogatepass"), digest_size=_KEY).digest()


def _pin(row: bytes) -> Pin:
    return Pin(row[_KEY : _KEY + _SHA256].hex(), int.from_bytes(row[_KEY + _SHA256 :]))
