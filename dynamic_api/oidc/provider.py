"""The provider: what it says of itself, its keys, and the exchange of a code for who signed in.

Sources: OpenID Connect Discovery 1.0, 4; RFC 6749, 4.1; RFC 7636; RFC 9207. Every address is asked through
the guarded client: those that the discovery document names too.
"""

from __future__ import annotations

import re
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from joserfc.jwk import KeySet
from msgspec import Struct

from dynamic_api.clock import MINUTE
from dynamic_api.errors import Refusal, TimedOut, Unauthenticated, Upstream
from dynamic_api.oidc.id_token import Expected, UnknownKey, key_set, person_of
from dynamic_api.oidc.login import Login
from dynamic_api.oidc.person import Person, refused
from dynamic_api.oidc_settings import Oidc
from dynamic_api.outbound import Answer, Bounds, Outbound

T = TypeVar("T")
FORM = "application/x-www-form-urlencoded"
WELL_KNOWN = "/.well-known/openid-configuration"
_FRESH = 60 * MINUTE
_KEYS_AGAIN = MINUTE
"""How often the keys are asked for again because a token names another one."""
_ANSWER_BYTES = 256 * 1024
_MEND = "try again later, or sign in with an API key"
_ERROR = re.compile(r"[a-z_]{1,60}")


class Discovered(Struct, frozen=True):
    """What we need of the discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Keys(Struct, frozen=True):
    keys: list[object]


class _Tokens(Struct, frozen=True):
    id_token: str
    access_token: str | None = None


class _Failed(Struct, frozen=True):
    error: str = ""


class Provider:
    """One provider, as the settings name it. What it says of itself is remembered for an hour."""

    def __init__(self, rules: Oidc, secret: str | None, redirect_uri: str, client: Outbound) -> None:
        self.rules = rules
        self.issuer = rules.issuer or ""
        self.name = rules.name or urlsplit(self.issuer).netloc
        self._secret = secret
        self._redirect_uri = redirect_uri
        self._client = client
        self._discovered: tuple[int, Discovered] | None = None
        self._keys: tuple[int, KeySet] | None = None

    async def address(self, login: Login, now: int) -> str:
        """Where the browser goes to sign in. Raises Upstream, TimedOut."""
        found = await self._discover(now)
        return str(
            prepare_grant_uri(
                found.authorization_endpoint,
                self.rules.client_id,
                "code",
                redirect_uri=self._redirect_uri,
                scope=" ".join(self.rules.scopes),
                state=login.state,
                nonce=login.nonce,
                code_challenge=login.challenge,
                code_challenge_method="S256",
            )
        )

    async def person(self, code: str, login: Login, now: int) -> Person:
        """Who signed in. Raises Unauthenticated, Upstream, TimedOut."""
        found = await self._discover(now)
        tokens = await self._exchange(found, code, login)
        expected = Expected(
            issuer=self.issuer,
            client_id=self.rules.client_id,
            nonce=login.nonce,
            algorithms=self.rules.algorithms,
            leeway_seconds=self.rules.leeway_seconds,
            now=now // 1000,
            access_token=tokens.access_token,
        )
        try:
            return person_of(tokens.id_token, await self._key_set(found, now, _FRESH), expected)
        except UnknownKey:
            keys = await self._key_set(found, now, _KEYS_AGAIN)
        try:
            return person_of(tokens.id_token, keys, expected)
        except UnknownKey as error:
            raise refused("its ID token is signed by a key that it does not publish") from error

    async def _exchange(self, found: Discovered, code: str, login: Login) -> _Tokens:
        auth = ClientAuth(self.rules.client_id, self._secret, self._auth_method(found))
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=self._redirect_uri,
            code=code,
            code_verifier=login.verifier,
        )
        url, headers, body = auth.prepare(
            "POST", found.token_endpoint, {"Content-Type": FORM, "Accept": "application/json"}, body
        )
        answer = await self._ask("POST", url, headers, body.encode())
        if answer.status != 200:
            raise self._failed(answer)
        return self._read(answer, _Tokens)

    def _auth_method(self, found: Discovered) -> str:
        """In the form where that is understood: not all agree on how to write a secret into a header."""
        if self._secret is None:
            return "none"
        known = found.token_endpoint_auth_methods_supported
        return "client_secret_post" if "client_secret_post" in known else "client_secret_basic"

    def _failed(self, answer: Answer) -> Refusal:
        try:
            said = msgspec.json.decode(answer.body, type=_Failed).error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = ""
        if answer.status == 400 and said == "invalid_grant":
            return Unauthenticated(
                "oidc_code", f"{self.name} did not accept the code it gave", mend="sign in again from here"
            )
        why = said if _ERROR.fullmatch(said) else f"HTTP {answer.status}"
        return Upstream("oidc_failed", f"{self.name} refused this registry: {why}", mend=_MEND)

    async def _discover(self, now: int) -> Discovered:
        if self._discovered is not None and now < self._discovered[0] + _FRESH:
            return self._discovered[1]
        answer = await self._ask("GET", self.issuer.rstrip("/") + WELL_KNOWN, {}, b"")
        found = self._read(self._good(answer), Discovered)
        if found.issuer != self.issuer:
            raise Upstream("oidc_issuer", f"{self.name} calls itself by another name", mend=_MEND)
        try:
            self._client.url(found.authorization_endpoint)
        except Refusal as error:
            raise self._nonsense() from error
        self._discovered = (now, found)
        return found

    async def _key_set(self, found: Discovered, now: int, fresh: int) -> KeySet:
        if self._keys is not None and now < self._keys[0] + fresh:
            return self._keys[1]
        answer = await self._ask("GET", found.jwks_uri, {}, b"")
        keys = key_set(self._read(self._good(answer), _Keys).keys)
        self._keys = (now, keys)
        return keys

    async def _ask(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
        bounds = Bounds(self.rules.timeout_seconds, _ANSWER_BYTES)
        try:
            return await self._client.send(method, url, headers=headers, body=body, bounds=bounds)
        except TimedOut as error:
            seconds = f"{bounds.deadline_seconds:g} seconds"
            message = f"{self.name} did not answer within {seconds}"
            raise TimedOut("oidc_timeout", message, mend=_MEND) from error
        except Refusal as error:
            raise Upstream("oidc_unavailable", f"{self.name} could not be asked", mend=_MEND) from error

    def _good(self, answer: Answer) -> Answer:
        if answer.status != 200:
            raise Upstream("oidc_failed", f"{self.name} answered HTTP {answer.status}", mend=_MEND)
        return answer

    def _read(self, answer: Answer, form: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.body, type=form)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._nonsense() from error

    def _nonsense(self) -> Upstream:
        return Upstream("oidc_nonsense", f"{self.name} answered what cannot be used", mend=_MEND)
