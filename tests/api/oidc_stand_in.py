"""A provider of OpenID Connect on the loopback: real HTTP, real keys, and as dishonest as a test wants it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import urlencode

from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.api.world import listening, serving

CLIENT_ID = "skillpress-tests"
SECRET = "the-secret-of-the-tests"
Claims = dict[str, Any]
Forge = Callable[["StandIn", Claims], str]


@dataclass
class StandIn:
    """`person` is who sits at the browser; `forge` makes another token than the honest one; `answers` maps a
    path to what it gives instead: a response, "hang" or "drip".
    """

    url: str = ""
    now: Callable[[], int] = lambda: 0
    person: Claims = field(default_factory=dict)
    forge: Forge | None = None
    answers: dict[str, Response | str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: list[dict[str, str]] = field(default_factory=list)
    methods: tuple[str, ...] = ("client_secret_basic", "client_secret_post")
    rsa: Key = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "rsa"}))
    ec: Key = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "ec"}))
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def honest(self, **person: Any) -> None:
        """Be as new, with this person at the browser."""
        self.forge, self.person = None, person
        self.answers.clear()
        self.asked.clear()
        self.tokens.clear()

    def claims(self, nonce: str) -> Claims:
        """What an honest token says."""
        now = self.now()
        return {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.person,
        }

    def signed(self, claims: Claims, key: Key | None = None, **header: Any) -> str:
        """A token by `key`, RS256 unless the header says otherwise."""
        key = key or self.rsa
        algorithm = header.get("alg", "RS256")
        payload = json.dumps(claims).encode()
        return jws.serialize_compact({"alg": algorithm, "kid": key.kid, **header}, payload, key, [algorithm])

    def app(self) -> Starlette:
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/keys", self._keys),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _instead(self, request: Request) -> Response | None:
        self.asked.append(request.url.path)
        answer = self.answers.get(request.url.path)
        if answer == "hang":
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return Response()
        return StreamingResponse(_drip()) if answer == "drip" else answer  # type: ignore[return-value]

    async def _discovery(self, request: Request) -> Response:
        return await self._instead(request) or JSONResponse(self.document())

    def document(self, **more: Any) -> Claims:
        """The discovery document."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?tenant=1",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            # What it claims of itself must not count: "none" and a shared secret are never accepted.
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
            "token_endpoint_auth_methods_supported": list(self.methods),
            **more,
        }

    async def _keys(self, request: Request) -> Response:
        mine = [key.as_dict(private=False) for key in (self.rsa, self.ec)]
        odd = [{"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}, {"kty": "AKP", "kid": "new"}, {"kty": "RSA"}]
        return await self._instead(request) or JSONResponse({"keys": [*odd, *mine]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        wanted = {"response_type": "code", "client_id": CLIENT_ID, "code_challenge_method": "S256"}
        if not {*wanted.items(), ("tenant", "1"), ("scope", "openid email")} <= {*asked.items()}:
            return Response("not what we were registered for", 400)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = {"state": asked["state"], "iss": self.url}
        yes = f"{asked['redirect_uri']}?{urlencode({'code': code, **back})}"
        no = f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', **back})}"
        return HTMLResponse(
            '<!doctype html><html lang="en"><title>Acme</title><h1>Acme</h1>'
            '<link rel="icon" href="data:,">'
            f'<a id="yes" href="{escape(yes)}">Continue</a> <a id="no" href="{escape(no)}">Cancel</a>'
        )

    async def _token(self, request: Request) -> Response:
        if (instead := await self._instead(request)) is not None:
            return instead
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.tokens.append(form)
        if not self._knows(request, form):
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        verifier = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = self.claims(asked["nonce"])
        token = self.forge(self, claims) if self.forge else self.signed(claims)
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "id_token": token})

    def _knows(self, request: Request, form: dict[str, str]) -> bool:
        if form.get("client_id"):
            return (form["client_id"], form.get("client_secret")) == (CLIENT_ID, SECRET)
        basic = base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {basic}"


async def _drip() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.05)


def part(value: object) -> str:
    """A part of a token, as JSON in base64url."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """A provider that runs."""
    listener, url = listening()
    made = StandIn(url)
    with serving(made.app(), listener, lifespan="off"):
        yield made


def rules(provider: StandIn, **more: Any) -> Claims:
    """The section [oidc] that names it."""
    return {
        "issuer": provider.url,
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "name": "Acme <ID>",
        "allow_hosts": [provider.url.removeprefix("http://")],
        **more,
    }
