"""The rules of the OAuth device flow: codes, states, how often a client may ask.

Source: RFC 8628; contracts/sx.md R11 and R12. sx reads only the body of an answer, never its status.

    pending ── approve ──▶ approved ── poll ──▶ used
       └────── deny ─────▶ denied               any of them ── time ──▶ expired
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from dynamic_api.errors import Conflict, Invalid, Withdrawn

State = Literal["pending", "approved", "denied", "used"]
PENDING: State = "pending"
APPROVED: State = "approved"
DENIED: State = "denied"
USED: State = "used"

CLIENT = "sleuth-skills-claude-code"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
RANDOM_BYTES = 48
LIFETIME = timedelta(minutes=10)
INTERVAL_SECONDS = 5
SLOWER_SECONDS = 5

# RFC 8628 section 6.1: consonants only, so that no word comes out and no two letters look alike.
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
_USER_CODE_LENGTH = 8
# A timer of the client and a clock of ours never agree to the millisecond.
_GRACE = timedelta(seconds=1)


class Grant(Struct, frozen=True, kw_only=True):
    """What is kept of a login: the device code only as its digest. `subject` is who approved it, and
    `identity_id` how they had signed in, if by a provider.
    """

    device_sha256: str
    user_code: str
    client_id: str
    created: datetime
    expires: datetime
    state: State = PENDING
    interval_seconds: int = INTERVAL_SECONDS
    polled: datetime | None = None
    subject: str | None = None
    identity_id: str | None = None


class Started(Struct, frozen=True):
    """A new grant, and the code that only the device gets."""

    grant: Grant
    device_code: str

    def body(self, origin: str) -> dict[str, object]:
        """The answer to R11; `origin` has no slash at its end."""
        grant, page = self.grant, f"{origin}/device"
        return {
            "device_code": self.device_code,
            "user_code": grant.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={grant.user_code}",
            "expires_in": int((grant.expires - grant.created).total_seconds()),
            "interval": grant.interval_seconds,
        }


class Polled(Struct, frozen=True):
    """What came of a question for the token.

    `grant` is to be kept in place of the old one, None when there is nothing to keep. Without an `error` a
    token is issued now, to whoever keeps `grant` first.
    """

    grant: Grant | None
    error: str = ""
    description: str = ""

    def body(self) -> dict[str, object]:
        """The error as R12 answers it."""
        return {"error": self.error, "error_description": self.description}


def start(randomness: bytes, client_id: str, now: datetime, lifetime: timedelta = LIFETIME) -> Started:
    """A pending grant, with codes made of `randomness` (RANDOM_BYTES of it). Raises Invalid."""
    if len(randomness) != RANDOM_BYTES:
        raise AssertionError(f"a device code needs {RANDOM_BYTES} random bytes")
    if not client_id or len(client_id) > 200 or not client_id.isprintable():
        mend = f"send client_id={CLIENT}"
        raise Invalid("invalid_client", "the client_id is missing or not fit to be shown", mend=mend)
    device_code = base64.urlsafe_b64encode(randomness[:32]).rstrip(b"=").decode()
    grant = Grant(
        device_sha256=device_sha256(device_code),
        user_code=_user_code(randomness[32:]),
        client_id=client_id,
        created=now,
        expires=now + lifetime,
    )
    return Started(grant, device_code)


def device_sha256(device_code: str) -> str:
    """Under what a device code is kept and looked up."""
    return hashlib.sha256(device_code.encode("utf-8", "replace")).hexdigest()


def normalized(user_code: str) -> str:
    """`user_code` as somebody typed it, in the form that is kept; empty when it cannot be one."""
    letters = "".join(char for char in user_code.upper() if char.isalnum())
    if len(letters) != _USER_CODE_LENGTH or set(letters) - set(_ALPHABET):
        return ""
    return f"{letters[:4]}-{letters[4:]}"


def is_expired(grant: Grant, now: datetime) -> bool:
    """Whether nothing can come of `grant` any more for lack of time."""
    return now >= grant.expires


def poll(grant: Grant | None, grant_type: str, client_id: str, now: datetime) -> Polled:
    """The answer to R12 for the `grant` that was found, None for none.

    Asking again before the interval is over makes the interval longer, for good (RFC 8628 section 3.5).
    """
    if grant_type != GRANT_TYPE:
        return Polled(None, "unsupported_grant_type", f"grant_type has to be {GRANT_TYPE}")
    if grant is None:
        return Polled(None, "invalid_grant", "the device code is unknown")
    if not hmac.compare_digest(client_id.encode("utf-8", "replace"), grant.client_id.encode()):
        return Polled(None, "invalid_client", "the device code was given to another client")
    if grant.state == USED:
        return Polled(None, "invalid_grant", "the device code has been used")
    if is_expired(grant, now):
        return Polled(grant, "expired_token", "the code has expired; start again")
    if grant.polled and now < grant.polled + timedelta(seconds=grant.interval_seconds) - _GRACE:
        slower = replace(grant, polled=now, interval_seconds=grant.interval_seconds + SLOWER_SECONDS)
        return Polled(slower, "slow_down", f"ask every {slower.interval_seconds} seconds")
    asked = replace(grant, polled=now)
    if grant.state == DENIED:
        return Polled(asked, "access_denied", "the login was refused in the browser")
    if grant.state == PENDING:
        return Polled(asked, "authorization_pending", "waiting for the browser")
    return Polled(replace(asked, state=USED))


def approve(grant: Grant, subject: str, now: datetime, identity_id: str | None = None) -> Grant:
    """`grant`, approved by `subject`. Raises Conflict when it is decided already, Withdrawn when expired."""
    return replace(_undecided(grant, now), state=APPROVED, subject=subject, identity_id=identity_id)


def deny(grant: Grant, subject: str, now: datetime) -> Grant:
    """`grant`, refused by `subject`. Raises as `approve`."""
    return replace(_undecided(grant, now), state=DENIED, subject=subject)


def _undecided(grant: Grant, now: datetime) -> Grant:
    mend = "start the login on the device again"
    if is_expired(grant, now):
        raise Withdrawn("device-code-expired", "the code has expired", mend=mend)
    if grant.state != PENDING:
        raise Conflict("device-code-decided", f"the code is {grant.state} already", mend=mend)
    return grant


def _user_code(randomness: bytes) -> str:
    """16 random bytes as 8 letters: the modulus of so long a number prefers no letter to any measure."""
    number = int.from_bytes(randomness, "big")
    letters = ""
    for _ in range(_USER_CODE_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        letters += _ALPHABET[index]
    return f"{letters[:4]}-{letters[4:]}"
