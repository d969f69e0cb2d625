"""Sign-in at a provider of OpenID Connect: code flow with PKCE, by Authlib, over our guarded client."""

from __future__ import annotations

from dynamic_api.oidc.configured import CALLBACK, provider_of
from dynamic_api.oidc.login import Login, begin, carried
from dynamic_api.oidc.person import Person, refused

__all__ = ["CALLBACK", "Login", "Person", "begin", "carried", "provider_of", "refused"]
