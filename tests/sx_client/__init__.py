"""A client that behaves as the sx CLI does, for tests. Written from contracts/sx.md alone.

It is strict: what sx refuses is refused, and so is what would make sx misbehave without a word.
"""

from __future__ import annotations

from sx_client.client import SxClient
from sx_client.errors import (
    BadAnswer,
    GraphQlError,
    HttpError,
    LockRefused,
    LoginFailed,
    NotFound,
    PermissionDenied,
    Refused,
    SxFailure,
    VersionExists,
)
from sx_client.targets import Targets

__all__ = [
    "BadAnswer",
    "GraphQlError",
    "HttpError",
    "LockRefused",
    "LoginFailed",
    "NotFound",
    "PermissionDenied",
    "Refused",
    "SxClient",
    "SxFailure",
    "Targets",
    "VersionExists",
]
