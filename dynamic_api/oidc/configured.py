"""From the settings to the provider, with everything checked that can be before it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dynamic_api.errors import Refusal
from dynamic_api.oidc_settings import Oidc
from dynamic_api.outbound import Outbound
from registry_builder.core.errors import Misuse

if TYPE_CHECKING:
    from dynamic_api.oidc.provider import Provider

CALLBACK = "/device/oidc/callback"


def provider_of(rules: Oidc, public_url: str) -> Provider | None:
    """The provider of the settings; None when they name none. Raises Misuse."""
    if rules.issuer is None:
        return None
    client = Outbound(allowed=rules.allow_hosts)
    try:
        address = client.url(rules.issuer)
    except Refusal as error:
        mend = "give the issuer as the provider's discovery document does"
        raise _bad("issuer", error.message, mend) from error
    if address.query or "#" in rules.issuer:
        raise _bad("issuer", "holds a query or a fragment", "give the issuer alone")
    if not rules.client_id or not _is_ascii(rules.client_id):
        raise _bad("client_id", "is missing, or not ASCII", "give what the provider calls this registry")
    if "openid" not in rules.scopes:
        raise _bad("scopes", "openid is not among them", 'add it: ["openid", "email"]')
    if not rules.algorithms:
        raise _bad("algorithms", "is empty", 'name what the provider signs with, such as ["RS256"]')
    if rules.create_accounts and not rules.email_domains:
        raise _bad("email_domains", "is empty, and accounts are made", "name the domains that may have one")
    if rules.create_accounts and rules.match == "subject":
        raise _bad("create_accounts", "is on, and operators bind", 'set match = "email", or turn it off')
    # Its libraries take 11 MB.
    from dynamic_api.oidc.provider import Provider

    return Provider(rules, _secret(rules), f"{public_url}{CALLBACK}", client)


def _secret(rules: Oidc) -> str | None:
    secret = rules.client_secret
    if rules.client_secret_file is not None:
        if secret is not None:
            raise _bad("client_secret_file", "is set beside client_secret", "keep one of them")
        try:
            secret = Path(rules.client_secret_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _bad("client_secret_file", "cannot be read", "name a file of this user") from error
    if secret is not None and not (secret and _is_ascii(secret)):
        raise _bad("client_secret", "is empty, or not ASCII", "leave it out for a public client")
    return secret


def _is_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _bad(key: str, what: str, mend: str) -> Misuse:
    return Misuse("bad-setting", what, place=f"oidc.{key}", mend=mend)
