"""A browser without a browser: it goes from `/device` to the provider and back, with cookies of its own."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from html import unescape
from typing import Any

from tests.api.oidc_stand_in import StandIn
from tests.api.test_sx_login import CLIENT, form_of
from tests.api.world import World

PROXY = {"trusted_proxies": ["127.0.0.0/8"]}
"""The setting `server` of a house that believes which address a browser has."""


@dataclass
class Visit:
    """One browser. `code` is what the device shows."""

    api: World
    provider: StandIn
    code: str = ""

    def __post_init__(self) -> None:
        # An address of its own: sign-ins are limited for each.
        address = ".".join(map(str, secrets.token_bytes(3)))
        self.http = self.api.client(**{"x-forwarded-for": f"203.{address}"})
        self.device = self.http.post("/api/oauth/device-authorization/", data={"client_id": CLIENT}).json()
        self.code = self.device["user_code"]

    def leave(self) -> Any:
        """The page that leads to the provider."""
        page = self.http.get("/device", params={"user_code": self.code})
        return self.http.post("/device/oidc", data={"form": form_of(page.text), "user_code": self.code})

    def there(self, link: str = "yes") -> str:
        """Go to the provider, and choose; gives the address that it sends the browser back to."""
        return self.choose(address_of(self.leave().text), link)

    def choose(self, address: str, link: str = "yes") -> str:
        page = self.http.get(address)
        assert page.status_code == 200, page.text
        found = re.search(f'id="{link}" href="([^"]+)"', page.text)
        assert found, page.text
        return unescape(found[1])

    def sign_in(self) -> Any:
        """There and back; gives our answer."""
        return self.http.get(self.there())

    def question(self) -> Any:
        return self.http.get("/device", params={"user_code": self.code})

    def decide(self, decision: str = "approve") -> Any:
        data = {"form": form_of(self.question().text), "user_code": self.code, "decision": decision}
        return self.http.post("/device/decide", data=data)


def address_of(page: str) -> str:
    """Where a page leads by itself."""
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page)
    assert found, page
    return unescape(found[1])


def told(page: Any) -> str:
    """What a page says went wrong."""
    found = re.search(r'role="alert" class="bad">([^<]*)<', page.text)
    assert found, page.text
    return unescape(found[1])
