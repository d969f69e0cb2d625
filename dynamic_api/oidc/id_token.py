"""An ID token: signed by the provider, for us, now, and for this login.

Source: OpenID Connect Core 1.0, 3.1.3.7 (ID Token Validation). The checks are Authlib's and joserfc's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, Key, KeySet, RSAKey
from joserfc.jws import JWSRegistry
from msgspec import Struct

from dynamic_api.oidc.person import Person, refused

MOST_OF_A_TOKEN = 64 * 1024
# What is no plain address could be read in two ways.
_EMAIL = re.compile(r"[\x21-\x3f\x41-\x7e]{1,64}@[A-Za-z0-9.-]{1,255}")
_KINDS: Mapping[str, type[RSAKey | ECKey]] = {"RSA": RSAKey, "EC": ECKey}


class Expected(Struct, frozen=True):
    """What a token has to say. `now` is in seconds."""

    issuer: str
    client_id: str
    nonce: str
    algorithms: Sequence[str]
    leeway_seconds: int
    now: int
    access_token: str | None = None


class UnknownKey(Exception):  # noqa: N818 - named by what happened
    """The token names a key that is not in the set: the provider may have changed its keys."""


def key_set(keys: Sequence[object]) -> KeySet:
    """The public keys among `keys` that sign; others are left out, as RFC 7517, section 5 has it."""
    found: list[Key] = []
    for item in keys:
        kind = _KINDS.get(str(item.get("kty"))) if isinstance(item, dict) else None
        if kind is None or not isinstance(item, dict) or item.get("use", "sig") != "sig":
            continue
        try:
            found.append(kind.import_key(item))
        except (JoseError, ValueError, TypeError):
            continue
    return KeySet(found)


def person_of(text: str, keys: KeySet, expected: Expected) -> Person:
    """Whom the token `text` is about. Raises Unauthenticated, UnknownKey."""
    claims = _signed(text, keys, expected)
    try:
        claims.validate(now=expected.now, leeway=expected.leeway_seconds)
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise refused(f"its ID token does not hold: {_told(error)}") from error
    subject = str(claims["sub"])
    if not 1 <= len(subject) <= 255 or not subject.isprintable():
        raise refused("its ID token names nobody")
    email = claims.get("email")
    verified = claims.get("email_verified") is True and isinstance(email, str) and _EMAIL.fullmatch(email)
    name = claims.get("name")
    return Person(
        expected.issuer,
        subject,
        str(email).lower() if verified else "",
        name[:200] if isinstance(name, str) and name.isprintable() else "",
    )


def _signed(text: str, keys: KeySet, expected: Expected) -> Any:
    if len(text) > MOST_OF_A_TOKEN:
        raise refused("its ID token is too long")
    # The list is ours: never what the token or the provider say of themselves.
    registry = JWSRegistry(algorithms=[*expected.algorithms], strict_check_header=False)
    try:
        token = jwt.decode(text, keys, registry=registry)
    except InvalidKeyIdError as error:
        raise UnknownKey from error
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise refused(f"its ID token is not signed as it must be: {_told(error)}") from error
    options = {
        "iss": {"essential": True, "value": expected.issuer},
        "aud": {"essential": True, "value": expected.client_id},
    }
    more: Mapping[str, object] = {
        "nonce": expected.nonce,
        "client_id": expected.client_id,
        "access_token": expected.access_token,
    }
    return CodeIDToken(token.claims, token.header, options, dict(more))


def _told(error: Exception) -> str:
    """What joserfc says, without a full stop; other libraries' words are left to the log."""
    if isinstance(error, JoseError):
        return str(error.description or error.error).rstrip(".")
    return "it cannot be read"
