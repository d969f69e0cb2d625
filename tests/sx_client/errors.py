"""How sx fails. Each class is an end that its user can tell from the others.

SxFailure
├── HttpError          an unexpected status: `HTTP <code>: <body>`
├── BadAnswer          a status that fits, with content that does not
│   └── LockRefused    one bad row, and nothing of the lock is installed
├── NotFound           no such asset, profile, team, bot, collection
├── VersionExists      an upload of a version that is there
├── PermissionDenied   an upload that may become a change request
├── GraphQlError       top-level errors
├── Refused            business errors of a mutation
└── LoginFailed        the device flow ended without a token
"""

from __future__ import annotations

from collections.abc import Sequence


class SxFailure(Exception):  # noqa: N818 - named by what happened
    """sx stops with a message."""


class HttpError(SxFailure):
    """A status that is not expected here."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}: {body.decode(errors='replace')[:2000]}")
        self.status = status
        self.body = body


class BadAnswer(SxFailure):
    """An answer that sx cannot use, or that would make it misbehave."""


class LockRefused(BadAnswer):
    """A lock that is refused as a whole."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


class NotFound(SxFailure):
    """Nothing has that name."""


class VersionExists(SxFailure):
    """The server has that version already."""

    def __init__(self, message: str, slug: str | None) -> None:
        super().__init__(message)
        self.slug = slug


class PermissionDenied(SxFailure):
    """The upload is refused; sx offers a change request with these."""

    def __init__(self, message: str, skill_id: str | None, skill_slug: str | None) -> None:
        super().__init__(message)
        self.skill_id = skill_id
        self.skill_slug = skill_slug


class GraphQlError(SxFailure):
    """Top-level errors of an answer."""

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__("; ".join(messages))
        self.messages = list(messages)


class Refused(SxFailure):
    """`errors: [{field, messages}]`, or `success` that is not true."""


class LoginFailed(SxFailure):
    """`error` of the device flow."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
