"""Everything that the builder refuses, as one tree.

Refusal                 what failed (message), a stable code, the place, the mend
├── Misuse              the caller asked for something that makes no sense: exit 2
├── Unfit               content that cannot be published as it is: exit 1
│   ├── BadArchive      a zip that the strict reader refuses
│   └── OverBudget      a file that one of its clients would refuse
└── Trouble             the world around us: exit 3
    ├── Missing         a key, a revision or a name that is not there
    ├── Busy            somebody else is writing
    └── Foreign         the target, or a key in it, is not ours
"""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - the tree is named by what happened, not by the word Error
    """Base of all. `code` is stable, `place` says where (file:line, key, option), `mend` what to do."""

    exit_code = 3

    def __init__(self, code: str, message: str, *, place: str = "", mend: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.place = place
        self.mend = mend

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        mend = f" ({self.mend})" if self.mend else ""
        return f"{where}{self.message} [{self.code}]{mend}"


class Misuse(Refusal):
    """The command or a settings file asks for something that makes no sense."""

    exit_code = 2


class Unfit(Refusal):
    """Content that cannot be published as it is."""

    exit_code = 1


class BadArchive(Unfit):
    """A zip that the strict reader refuses; `place` is the entry."""


class OverBudget(Unfit):
    """A file that one of its clients would refuse; `place` is the key."""


class Trouble(Refusal):
    """The world around us: file systems, Git, the network."""


class Missing(Trouble):
    """A key, a revision or a name that is not there."""


class Busy(Trouble):
    """Somebody else is writing, or took over while we were."""


class Foreign(Trouble):
    """The target, or a key in it, holds what we did not write."""
