"""What the API refuses, as one tree; `app.py` has the one table from class to status.

Refusal
├── Invalid            the request itself is wrong
│   ├── TooSlow        … in coming
│   ├── TooLarge       … in bytes
│   ├── WrongType      … in its media type
│   └── Unprocessable  … in what it holds: well-formed, and still not acceptable
├── Unauthenticated    no credential, or one that does not hold
├── Unpaid             the balance is too low
├── Forbidden          a good credential that may not do this
├── Absent             no such thing, or none that this caller may see
├── Withdrawn          it was there, and is taken back for good (DESIGN.md D14)
├── Conflict           somebody or something is already there
├── Limited            too often, or too much this month
└── Unavailable        not the caller's fault
    ├── Upstream       … but that of a service behind us
    └── TimedOut       … it took too long
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Inside(str):
    """A place in a file that was sent, as `SKILL.md:3`; no name of a value, though it may look like one."""

    __slots__ = ()


class Refusal(Exception):  # noqa: N818 - named by what happened
    """A request that is answered with an error: a stable code, what is wrong, where, and how to mend it."""

    def __init__(  # noqa: PLR0913 - each is a field of the answer
        self,
        code: str,
        message: str,
        *,
        place: str | None = None,
        mend: str | None = None,
        suggestions: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.place = place
        self.mend = mend
        self.suggestions = tuple(suggestions)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def __reduce__(self) -> tuple[Any, ...]:
        """As any exception, though its arguments have names: so that it can come from another process."""
        return _again, (type(self), self.code, self.message, self.__dict__)

    def body(self) -> dict[str, object]:
        """The error object of an answer (contracts/skillzdrive.md 2.1): empty fields are left out."""
        fields: dict[str, object] = {"code": self.code, "message": self.message}
        if self.place is not None:
            fields["place"] = str(self.place)
        if self.mend is not None:
            fields["mend"] = self.mend
        if self.suggestions:
            fields["suggestions"] = list(self.suggestions)
        return {**fields, **self.extra}


def _again(kind: type[Refusal], code: str, message: str, fields: Mapping[str, object]) -> Refusal:
    error = kind(code, message)
    error.__dict__.update(fields)
    return error


class Invalid(Refusal):
    """The request itself is wrong: 400."""


class TooSlow(Invalid):
    """A body that did not come in time: 408."""


class TooLarge(Invalid):
    """More bytes than are read: 413."""


class WrongType(Invalid):
    """A body of another media type than is read: 415."""


class Unprocessable(Invalid):
    """Well-formed, and still not acceptable: 422."""


class Unauthenticated(Refusal):
    """No credential, or one that does not hold: 401."""


class Unpaid(Refusal):
    """The balance is too low: 402."""


class Forbidden(Refusal):
    """A good credential that may not do this: 403."""


class Absent(Refusal):
    """No such thing, or none that this caller may see: 404."""


class Withdrawn(Refusal):
    """Taken back for good: 410, never to be cached."""


class Conflict(Refusal):
    """Somebody or something is already there: 409."""


class Limited(Refusal):
    """Too often, or too much this month: 429."""


class Unavailable(Refusal):
    """Not the caller's fault; worth another try: 503."""


class Upstream(Unavailable):
    """A service behind us failed: 502."""


class TimedOut(Unavailable):
    """It took too long: 504."""
