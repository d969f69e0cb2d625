"""Sealed secrets: only the right key opens them, only for their use, and no two look alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamic_api.sealing import Unopened, keyring
from registry_builder.core.errors import Misuse

FIRST, SECOND, HOUSE = "a" * 32, "b" * 32, "c" * 48


@given(st.binary(max_size=2000), st.text(max_size=50))
def test_what_was_sealed_is_opened(plain: bytes, about: str) -> None:
    keys = keyring([FIRST], HOUSE)
    sealed = keys.seal(plain, about)
    assert keys.open(sealed, about) == plain
    assert len(sealed) == len(plain) + 21 + 16


def test_no_two_look_alike() -> None:
    keys = keyring([], HOUSE)
    assert len({keys.seal(b"same", "x") for _ in range(1000)}) == 1000


def test_sealed_value_of_another_does_not_open() -> None:
    keys = keyring([], HOUSE)
    with pytest.raises(Unopened):
        keys.open(keys.seal(b"secret", "user 1"), "user 2")


def test_altered_value_does_not_open() -> None:
    keys = keyring([], HOUSE)
    sealed = keys.seal(b"secret", "x")
    for place in range(len(sealed)):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(Unopened):
            keys.open(altered, "x")
    for length in range(len(sealed)):
        with pytest.raises(Unopened):
            keys.open(sealed[:length], "x")


def test_older_keys_still_open_and_the_first_seals() -> None:
    house, one, both = keyring([], HOUSE), keyring([FIRST], HOUSE), keyring([SECOND, FIRST], HOUSE)
    oldest, old = house.seal(b"1", "x"), one.seal(b"2", "x")
    assert (both.open(oldest, "x"), both.open(old, "x")) == (b"1", b"2")
    assert both.seal(b"3", "x").startswith(both.stamp)
    assert not old.startswith(both.stamp)
    with pytest.raises(Unopened):
        one.open(both.seal(b"3", "x"), "x")


def test_short_key_is_refused() -> None:
    with pytest.raises(Misuse) as refusal:
        keyring(["short"], HOUSE)
    assert (refusal.value.code, refusal.value.place) == ("weak-secret", "credentials.keys")


def test_keys_do_not_show() -> None:
    assert FIRST not in repr(keyring([FIRST], HOUSE))
