"""Values that were made from something which changes, kept until it does."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(slots=True)
class Values(Generic[K, T]):
    """What was made at one stamp, by what was asked."""

    stamp: object
    known: dict[K, T] = field(default_factory=dict)
    weight: int = 0

    def keep(self, asked: K, value: T, weight: int = 1) -> None:
        """Know `value` from now on."""
        self.known[asked] = value
        self.weight += weight


AnyValues = Values[Hashable, Any]


class Memo(Generic[K, T]):
    """Forgets everything when the stamp changes, or when what it knows weighs more than `most`.

    Who makes a value keeps it in the `Values` it got before: what changes meanwhile makes it anew next time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: Values[K, T] = Values(None)

    @property
    def last(self) -> Values[K, T]:
        """What was known when last somebody looked."""
        return self._values

    def at(self, stamp: object) -> Values[K, T]:
        """What is known at `stamp`."""
        values = self._values
        if values.stamp != stamp or values.weight > self._most:
            values = self._values = Values(stamp)
        return values
