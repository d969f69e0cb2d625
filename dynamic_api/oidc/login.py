"""A login that is on its way to the provider: what only the browser that began it can bring back."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from dynamic_api.errors import Forbidden

_CODE_LENGTH = 40


class Login(Struct, frozen=True):
    """`verifier` is PKCE's (RFC 7636); `user_code` is of the device that the person wants to let in."""

    state: str
    nonce: str
    verifier: str
    user_code: str = ""

    @property
    def challenge(self) -> str:
        """What the provider hears of the verifier."""
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        return str(create_s256_code_challenge(self.verifier))

    def kept(self) -> Mapping[str, str]:
        """The login, for a session to carry."""
        return {name: getattr(self, name) for name in self.__struct_fields__}

    def require_state(self, state: str) -> None:
        """Raise Forbidden unless the provider brought back what this browser took there."""
        if not hmac.compare_digest(state.encode("utf-8", "replace"), self.state.encode()):
            raise stale()


def begin(user_code: str) -> Login:
    """A new login."""
    state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
    return Login(state, nonce, verifier, user_code[:_CODE_LENGTH])


def carried(kept: Mapping[str, str]) -> Login:
    """The login that a session carries. Raises Forbidden without one."""
    try:
        return msgspec.convert(kept, Login)
    except msgspec.ValidationError as error:
        raise stale() from error


def stale() -> Forbidden:
    """The refusal of an answer that this browser does not wait for."""
    return Forbidden(
        "oidc_state",
        "this sign-in was not begun in this browser, was finished before, or took too long",
        place="query.state",
        mend="sign in again from here",
    )
