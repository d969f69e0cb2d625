"""What a verification looked at and what it found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_LEDGER = frozenset(
    ("bad-ledger", "no-record", "other-document", "other-summary", "pinned-twice", "wrong-root")
)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that does not hold: `kind` is stable, `key` the exact place, `message` the reason."""

    kind: str
    key: str
    message: str


@dataclass(slots=True)
class Report:
    """`faults` fail; `notes` and `unprovable` fail only where the caller is strict.

    `unread` are keys that the store could not give, though it may have them; `withheld` are missing because
    they are revoked, as they should be.
    """

    checked: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    unprovable: list[Fault] = field(default_factory=list)
    unread: list[Fault] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)

    def fault(self, kind: str, key: str, message: str) -> None:
        """Add a failure; one that is known already is not repeated."""
        found = Fault(kind, key, message)
        if found not in self.faults[-64:]:
            self.faults.append(found)

    def note(self, kind: str, key: str, message: str) -> None:
        """Add what is worth knowing and breaks no promise."""
        self.notes.append(Fault(kind, key, message))

    @property
    def sound_ledger(self) -> bool:
        """Whether nodes and documents hold, so that a release can be built on them."""
        return not any(fault.key.startswith("r/") or fault.kind in _LEDGER for fault in self.faults)

    def exit_code(self, *, strict: bool) -> int:
        """0 proven, 1 something does not hold, 3 something could not be looked at."""
        if self.faults or (strict and (self.notes or self.unprovable)):
            return 1
        return 3 if self.unread else 0
