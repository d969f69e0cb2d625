"""The section [oidc] of the settings: sign-in at a provider of OpenID Connect, on the page `/device`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from dynamic_api.sections import Section

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]


class Oidc(Section, frozen=True):
    """[oidc]: sign-in at a provider of OpenID Connect, on the page `/device`; off without `issuer`."""

    issuer: Annotated[str, Meta(max_length=255)] | None = None
    """The provider, exactly as it calls itself; its discovery document says where everything else is."""
    client_id: str = ""
    """What the provider calls this registry; its redirect URI is `<public_url>/device/oidc/callback`."""
    client_secret: str | None = None
    """Sent to the provider's token endpoint only. A public client has none: PKCE is used always."""
    client_secret_file: str | None = None
    """File that holds the secret, instead of `client_secret`."""
    name: str = ""
    """What the button says after "Sign in with"; default: the issuer's host."""
    scopes: tuple[str, ...] = ("openid", "email")
    """What is asked for; `openid` belongs to it."""
    match: Literal["email", "subject"] = "email"
    """`email`: a verified address finds the account, once, and binds it. `subject`: operators bind."""
    create_accounts: bool = False
    """Whether somebody unknown with a verified address of `email_domains` gets an account."""
    email_domains: tuple[str, ...] = ()
    """Domains whose addresses find or make an account; empty: any finds one, and none makes one."""
    algorithms: tuple[Algorithm, ...] = ("RS256", "ES256")
    """How an ID token may be signed. Without a signature, or by a shared secret: never."""
    timeout_seconds: float = 10.0
    """For each answer of the provider."""
    leeway_seconds: Annotated[int, Meta(ge=0, le=300)] = 60
    """How far the provider's clock may be off."""
    allow_hosts: tuple[str, ...] = ()
    """`host:port` that may be private, loopback or plain HTTP, for tests and a provider inside the house."""
