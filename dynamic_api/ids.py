"""New ids and secrets, and the digests by which secrets are found again."""

from __future__ import annotations

import hashlib
import random
import secrets
import uuid

KEY_PREFIX = "sk_live_"
TICKET_PREFIX = "ut_live_"
SHOWN = 12
"""How many characters of a secret may be shown: the prefix and four more."""


def new_id() -> str:
    """A random id: 32 hex digits."""
    return uuid.uuid4().hex


def timed_id(now: int) -> str:
    """An id behind its time (milliseconds): what is written together lies together in an index of ids."""
    return f"{now:012x}{random.getrandbits(80):020x}"


def dashed(identity: str) -> str:
    """An id as callers see it: with the dashes of a UUID."""
    return f"{identity[:8]}-{identity[8:12]}-{identity[12:16]}-{identity[16:20]}-{identity[20:]}"


def undashed(text: str) -> str:
    """An id as the database has it, from what a caller sent."""
    return text.replace("-", "").lower()


def new_secret(prefix: str) -> str:
    """`prefix` and 32 random bytes."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of a secret: it is random and long, so a plain sha256 suffices (MEASURED.md 10.2)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
