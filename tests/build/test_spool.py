"""The spool keeps what it is given, and writes the same bytes under two keys once."""

from __future__ import annotations

import os

from registry_builder.core.tree import pin
from registry_builder.spool import Spool


def test_two_keys_of_the_same_bytes_share_a_place_and_no_other_key_does() -> None:
    one, other = b"x" * 1000, b"y" * 10
    with Spool() as spool:
        pins = [spool.add("a", one), spool.add("b", one), spool.add("c", other), spool.add("d", one)]
        assert pins == [pin(one), pin(one), pin(other), pin(one)]
        spool.add("b", other)
        assert {key: spool.get(key) for key in spool} == {"a": one, "b": other, "c": other, "d": one}
        assert list(spool) == ["a", "b", "c", "d"]
        assert spool.drain()["a"] == (0, 0, 1000)


def test_a_fork_writes_bytes_of_its_parent_to_its_own_file() -> None:
    body = os.urandom(100)
    with Spool() as spool:
        spool.add("a", body)
        spool.share(1)
        spool.divert(0)
        spool.add("b", body)
        assert spool.drain() == {"b": (1, 0, 100)}
        assert spool.get("a") == body
