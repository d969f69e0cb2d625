"""Who signed in, as the provider says, and the refusal of what it says."""

from __future__ import annotations

from msgspec import Struct

from dynamic_api.errors import Unauthenticated


class Person(Struct, frozen=True):
    """Who the provider says it is. `email` is empty unless the provider says that it was verified."""

    issuer: str
    subject: str
    email: str = ""
    name: str = ""


def refused(why: str) -> Unauthenticated:
    """The refusal of what the provider sent."""
    mend = "sign in again; if it stays so, tell your operator"
    return Unauthenticated("oidc_refused", f"the provider's answer was refused: {why}", mend=mend)
