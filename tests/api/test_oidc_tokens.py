"""A provider, or somebody in its place, that is not to be trusted: tokens, answers, silence."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from dynamic_api.oidc import provider_of
from dynamic_api.oidc_settings import Oidc
from dynamic_api.settings import parse
from registry_builder.core.errors import Misuse
from tests.api.oidc_room import PROXY, Visit, address_of, told
from tests.api.oidc_stand_in import CLIENT_ID, SECRET, Claims, Forge, StandIn, part, rules, stand_in
from tests.api.world import World, world

ATTACKER = RSAKey.generate_key(2048, {"kid": "rsa"})
STRANGER = RSAKey.generate_key(2048, {"kid": "new"})
CURVE = ECKey.generate_key("P-256", {"kid": "ec"})
SECONDS = 2.0


@pytest.fixture(scope="module")
def provider() -> Iterator[StandIn]:
    with stand_in() as made:
        yield made


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, registry: Path, provider: StandIn) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("oidc-tokens")
    settings = {"oidc": rules(provider, timeout_seconds=SECONDS), "server": PROXY}
    with world(folder / "data", None, settings, registry) as made:
        provider.now = lambda: made.clock() // 1000
        yield made


@pytest.fixture(scope="module")
def email(house: World) -> str:
    return house.person().email


@pytest.fixture
def visit(house: World, provider: StandIn, email: str) -> Visit:
    """A browser, an honest provider, and nothing remembered of it."""
    house.clock.ahead += 2 * 3_600_000
    provider.honest(sub="ann", email=email, email_verified=True)
    return Visit(house, provider)


def saying(**more: Any) -> Forge:
    """A token that is signed well, and says something else; None takes a claim away."""

    def forge(provider: StandIn, claims: Claims) -> str:
        changed = {name: value for name, value in {**claims, **more}.items() if value is not None}
        return provider.signed(changed)

    return forge


def later(seconds: int, *names: str) -> Forge:
    """A token whose times are moved."""

    def forge(provider: StandIn, claims: Claims) -> str:
        return provider.signed({**claims, **{name: provider.now() + seconds for name in names}})

    return forge


def mac(secret: bytes) -> Forge:
    """A token by HS256 with something that everybody, or the client, knows."""

    def forge(_: StandIn, claims: Claims) -> str:
        text = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(claims)}"
        signature = hmac.new(secret, text.encode(), hashlib.sha256).digest()
        return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    return forge


def with_public_key(provider: StandIn, claims: Claims) -> str:
    return mac(provider.rsa.as_pem(private=False))(provider, claims)


def unsigned(algorithm: str) -> Forge:
    return lambda _, claims: f"{part({'alg': algorithm, 'kid': 'rsa'})}.{part(claims)}."


def tampered(provider: StandIn, claims: Claims) -> str:
    head, _, signature = provider.signed(claims).split(".")
    return f"{head}.{part({**claims, 'sub': 'admin'})}.{signature}"


def other_curve(provider: StandIn, claims: Claims) -> str:
    return provider.signed(claims, CURVE, alg="ES256")


def no_object(provider: StandIn, _: Claims) -> str:
    return jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, b"[]", provider.rsa)


def crit(provider: StandIn, claims: Claims) -> str:
    """RFC 7515, 4.1.11: whoever does not know what is critical must refuse it."""
    text = f"{part({'alg': 'RS256', 'kid': 'rsa', 'crit': ['x'], 'x': 1})}.{part(claims)}"
    key: Any = provider.rsa
    signature = key.private_key.sign(text.encode(), PKCS1v15(), SHA256())
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def own_key(provider: StandIn, claims: Claims) -> str:
    """The header brings the key along."""
    return provider.signed(claims, ATTACKER, jwk=ATTACKER.as_dict(private=False))


FORGED: dict[str, tuple[Forge, str]] = {
    "wrong nonce": (saying(nonce="another"), "'nonce'"),
    "no nonce": (saying(nonce=None), "'nonce'"),
    "wrong aud": (saying(aud="another"), "'aud'"),
    "no aud": (saying(aud=None), "'aud'"),
    "aud of several without azp": (saying(aud=[CLIENT_ID, "another"]), "'azp'"),
    "azp of another": (saying(azp="another"), "'azp'"),
    "wrong iss": (saying(iss="https://evil.example"), "'iss'"),
    "no iss": (saying(iss=None), "'iss'"),
    "no sub": (saying(sub=None), "'sub'"),
    "empty sub": (saying(sub=""), "names nobody"),
    "sub a number": (saying(sub=7), "'sub'"),
    "sub too long": (saying(sub="s" * 256), "names nobody"),
    "expired": (later(-61, "exp"), "expired"),
    "no exp": (saying(exp=None), "'exp'"),
    "exp as text": (saying(exp="tomorrow"), "NumericDate"),
    "no iat": (saying(iat=None), "'iat'"),
    "of the future": (later(61, "iat"), "future"),
    "not yet valid": (later(61, "nbf"), "not yet valid"),
    "at_hash of another token": (saying(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), "'at_hash'"),
    "alg none": (unsigned("none"), "signed as it must be"),
    "alg None": (unsigned("None"), "signed as it must be"),
    "signature cut off": (unsigned("RS256"), "signed as it must be"),
    "HS256 with the public key": (with_public_key, "signed as it must be"),
    "HS256 with the client's secret": (mac(SECRET.encode()), "signed as it must be"),
    "tampered": (tampered, "signed as it must be"),
    "another key of the same name": (lambda p, c: p.signed(c, ATTACKER), "signed as it must be"),
    "a key in the header": (own_key, "signed as it must be"),
    "another curve key of the same name": (other_curve, "signed as it must be"),
    "a key that is not published": (lambda p, c: p.signed(c, STRANGER), "does not publish"),
    "RS512, which is not on our list": (lambda p, c: p.signed(c, alg="RS512"), "signed as it must be"),
    "key of another kind": (lambda p, c: p.signed(c, kid="ec"), "signed as it must be"),
    "no token": (lambda _p, _c: "hello", "signed as it must be"),
    "JSON that is no object": (no_object, "signed as it must be"),
    "an extension that we do not know": (crit, "signed as it must be"),
    "too long": (lambda p, c: p.signed({**c, "more": "x" * 70_000}), "too long"),
}


@pytest.mark.parametrize("case", FORGED)
def test_forged_token_opens_nothing(visit: Visit, case: str) -> None:
    visit.provider.forge, words = FORGED[case]
    answer = visit.sign_in()
    assert answer.status_code == 401, answer.text
    assert words in told(answer)
    assert "Sign in a device" in visit.question().text


GOOD: dict[str, Forge] = {
    "ES256": lambda provider, claims: provider.signed(claims, provider.ec, alg="ES256"),
    "aud of several with azp": saying(aud=[CLIENT_ID, "another"], azp=CLIENT_ID),
    "aud as a list": saying(aud=[CLIENT_ID]),
    "a clock that is a minute off": later(59, "iat"),
    "at_hash": saying(
        at_hash=base64.urlsafe_b64encode(hashlib.sha256(b"opaque").digest()[:16]).rstrip(b"=").decode()
    ),
}


ODD: list[object] = [{}, [], ["x", 7], {"a": {"b": []}}, "", -1, 1e300, True, "\ud800", "\x00", "x" * 300]


@pytest.mark.parametrize(
    "claim", ["iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "azp", "at_hash", "amr"]
)
def test_claim_of_another_kind_is_no_fault_of_ours(house: World, visit: Visit, claim: str) -> None:
    for value in ODD:
        visit.provider.forge = saying(**{claim: value})
        status = Visit(house, visit.provider).sign_in().status_code
        far = claim in {"exp", "iat"} and isinstance(value, int | float)
        harmless = far or claim in {"nbf", "at_hash", "azp", "amr"}
        assert status == 401 or (harmless and status == 303), (value, status)


@pytest.mark.parametrize("case", GOOD)
def test_honest_token_is_taken(visit: Visit, case: str) -> None:
    visit.provider.forge = GOOD[case]
    assert visit.sign_in().status_code == 303


def test_new_keys_are_asked_for_but_not_again_and_again(house: World, visit: Visit) -> None:
    assert visit.sign_in().status_code == 303
    house.clock.ahead += 61_000
    old, visit.provider.rsa = visit.provider.rsa, STRANGER
    assert Visit(house, visit.provider).sign_in().status_code == 303
    assert visit.provider.asked.count("/keys") == 2
    visit.provider.rsa = old
    visit.provider.forge = lambda p, c: p.signed(c, RSAKey.generate_key(2048, {"kid": "nobody's"}))
    for _ in range(2):
        assert Visit(house, visit.provider).sign_in().status_code == 401
    assert visit.provider.asked.count("/keys") == 2, "within a minute nobody makes us ask"


def test_answer_counts_once_and_in_its_own_browser_only(house: World, visit: Visit) -> None:
    other = Visit(house, visit.provider)
    address = visit.there()
    theirs = other.there()
    stolen = other.http.get(address)
    assert (stolen.status_code, "not begun in this browser" in told(stolen)) == (403, True)
    assert house.anonymous.get(address).status_code == 403
    assert other.http.get(theirs).status_code == 303, "the wrong answer did no harm to the right one"
    assert visit.http.get(address).status_code == 303
    again = visit.http.get(address)
    assert again.status_code == 403
    assert len(visit.provider.tokens) == 2, "no code went to the provider but the two good ones"


def test_old_cookie_does_not_bring_an_answer_back(visit: Visit) -> None:
    """The provider takes a code once; a copy of the cookie does not help."""
    address = visit.there()
    copy = visit.http.cookies["skillpress_device"]
    assert visit.http.get(address).status_code == 303
    visit.http.cookies.clear()
    again = visit.http.get(address, headers={"cookie": f"skillpress_device={copy}"})
    assert (again.status_code, "did not accept the code" in told(again)) == (401, True)


def test_sign_in_that_took_too_long_is_over(house: World, visit: Visit) -> None:
    address = visit.there()
    house.clock.ahead += 15 * 60_000
    assert visit.http.get(address).status_code == 403


def changed(address: str, **more: str | None) -> str:
    parts = urlsplit(address)
    query = {**dict(parse_qsl(parts.query)), **more}
    query = {name: value for name, value in query.items() if value is not None}
    return parts._replace(query=urlencode(query)).geturl()


BACK: dict[str, tuple[dict[str, str | None], int, str]] = {
    "state of nobody": ({"state": "x"}, 403, "not begun in this browser"),
    "no state": ({"state": None}, 403, "not begun in this browser"),
    "code of nobody": ({"code": "x"}, 401, "did not accept the code"),
    "no code": ({"code": None}, 401, "no code"),
    "another provider": ({"iss": "https://evil.example"}, 401, "another provider"),
    "cancelled": ({"code": None, "error": "access_denied"}, 401, "was refused"),
    "an error": ({"error": "server_error"}, 401, "server_error"),
    "words of a stranger": ({"error": "Call 555 now"}, 401, "an error"),
}


@pytest.mark.parametrize("case", BACK)
def test_answer_that_is_not_as_it_should_be_opens_nothing(visit: Visit, case: str) -> None:
    more, status, words = BACK[case]
    answer = visit.http.get(changed(visit.there(), **more))
    assert (answer.status_code, words in told(answer)) == (status, True), answer.text
    assert "555" not in answer.text
    assert "Sign in a device" in visit.question().text


def test_callback_leads_nowhere_else(visit: Visit) -> None:
    """No parameter of ours names where to go next."""
    address = changed(visit.there(), next="https://evil.example", redirect_uri="//evil.example")
    assert visit.http.get(address).headers["location"] == f"/device?user_code={visit.code}"


def moved(provider: StandIn, name: str, value: object) -> Response:
    return JSONResponse(provider.document(**{name: value}))


AUTHORIZE = "authorization_endpoint"
DISCOVERY = "/.well-known/openid-configuration"
TROUBLE: dict[str, tuple[str, Any, int, str]] = {
    "down": (DISCOVERY, Response("no", 500), 502, "answered HTTP 500"),
    "hangs": (DISCOVERY, "hang", 504, "did not answer within 2 seconds"),
    "drips": (DISCOVERY, "drip", 504, "did not answer within 2 seconds"),
    "no JSON": (DISCOVERY, PlainTextResponse("hello"), 502, "cannot be used"),
    "half a document": (DISCOVERY, JSONResponse({"issuer": "x"}), 502, "cannot be used"),
    "deep JSON": (DISCOVERY, Response("[" * 100_000), 502, "cannot be used"),
    "elsewhere": (DISCOVERY, RedirectResponse("https://evil.example"), 502, "answered HTTP 307"),
    "too much": (DISCOVERY, Response(b" " * 300_000), 502, "could not be asked"),
    "another issuer": (DISCOVERY, ("issuer", "https://evil.example"), 502, "by another name"),
    "sign-in without TLS": (DISCOVERY, (AUTHORIZE, "http://evil.example/"), 502, "cannot be used"),
    "sign-in by script": (DISCOVERY, (AUTHORIZE, "javascript:alert(1)"), 502, "cannot be used"),
    "tokens from inside": (DISCOVERY, ("token_endpoint", "https://127.0.0.1:1/"), 502, "could not be asked"),
    "tokens from a metadata service": (
        DISCOVERY,
        ("token_endpoint", "http://169.254.169.254/latest"),
        502,
        "could not be asked",
    ),
    "keys from inside": (DISCOVERY, ("jwks_uri", "http://127.0.0.1:1/"), 502, "could not be asked"),
    "keys are down": ("/keys", Response("no", 503), 502, "answered HTTP 503"),
    "no keys": ("/keys", JSONResponse({"keys": []}), 401, "does not publish"),
    "keys are nonsense": (
        "/keys",
        JSONResponse({"keys": [1, {"kty": "RSA", "n": "!", "e": "A"}]}),
        401,
        "does not",
    ),
    "exchange is down": ("/token", Response("no", 500), 502, "refused this registry: HTTP 500"),
    "exchange hangs": ("/token", "hang", 504, "did not answer within 2 seconds"),
    "exchange knows us no more": (
        "/token",
        JSONResponse({"error": "invalid_client"}, 401),
        502,
        "invalid_client",
    ),
    "exchange without a token": ("/token", JSONResponse({"access_token": "x"}), 502, "cannot be used"),
}


@pytest.mark.parametrize("case", TROUBLE)
def test_trouble_with_the_provider_is_told_with_a_way_on(
    visit: Visit, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, instead, status, words = TROUBLE[case]
    if isinstance(instead, tuple):
        instead = moved(visit.provider, *instead)
    visit.provider.answers[path] = instead
    with caplog.at_level(logging.WARNING, logger="skillpress"):
        answer = visit.leave()
        if answer.status_code == 200:
            answer = visit.http.get(visit.choose(address_of(answer.text)))
    assert (answer.status_code, words in told(answer)) == (status, True), answer.text
    assert "API key" in told(answer) or "Sign in again" in told(answer)
    assert "evil" not in answer.text
    assert SECRET not in answer.text + caplog.text
    assert (f"request {answer.headers['x-request-id']}" in caplog.text) is (status > 500)
    visit.provider.answers.clear()
    if path != DISCOVERY or not isinstance(TROUBLE[case][1], tuple):
        fresh = Visit(visit.api, visit.provider)
        assert fresh.leave().status_code == 200, "the failure is not remembered"


def test_provider_that_is_away_is_told(tmp_path: Path, registry: Path) -> None:
    settings = {"oidc": rules(StandIn("http://127.0.0.1:1"))}
    with stand_in() as provider, world(tmp_path, None, settings, registry) as house:
        answer = Visit(house, provider).leave()
    assert (answer.status_code, "could not be asked" in told(answer)) == (502, True)


def test_without_the_section_nothing_is_there(api: World) -> None:
    page = api.client().get("/device")
    assert "Sign in with" not in page.text
    assert api.client().get("/device/oidc/callback?code=x&state=y").status_code == 404


def test_cookie_is_secure_where_the_address_is(tmp_path: Path, registry: Path, provider: StandIn) -> None:
    settings = {"oidc": rules(provider), "server": {"public_url": "https://api.acme.example"}}
    with world(tmp_path, None, settings, registry) as house:
        answer = house.client().get("/device")
        assert "Secure" in answer.headers["set-cookie"]


WRONG = {
    "issuer": ({"issuer": "http://id.acme.example"}, "is not https"),
    "client_id": ({"client_id": ""}, "is missing"),
    "scopes": ({"scopes": ("email",)}, "openid is not among them"),
    "algorithms": ({"algorithms": ()}, "is empty"),
    "email_domains": ({"create_accounts": True}, "accounts are made"),
    "create_accounts": (
        {"create_accounts": True, "match": "subject", "email_domains": ("a.b",)},
        "operators",
    ),
    "client_secret_file": ({"client_secret_file": "/no/such/file", "client_secret": None}, "cannot be read"),
    "client_secret": ({"client_secret": ""}, "is empty"),
}


@pytest.mark.parametrize("key", WRONG)
def test_settings_that_make_no_sense_stop_the_start(key: str) -> None:
    more, words = WRONG[key]
    good = {"issuer": "https://id.acme.example", "client_id": "x", "client_secret": "y"}
    assert provider_of(Oidc(**good), "https://api.acme.example") is not None  # type: ignore[arg-type]
    with pytest.raises(Misuse, match=words) as refused:
        provider_of(Oidc(**{**good, **more}), "https://api.acme.example")  # type: ignore[arg-type]
    assert refused.value.place == f"oidc.{key}"


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_no_setting_lets_a_token_in_without_a_signature(algorithm: str) -> None:
    with pytest.raises(Misuse, match="Invalid enum value"):
        parse({"oidc": {"algorithms": [algorithm]}}, "test")


def test_secret_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("of the file\n")
    settings = Oidc(issuer="https://id.acme.example", client_id="x", client_secret_file=str(file))
    found = provider_of(settings, "https://api.acme.example")
    assert found is not None
    assert "of the file" not in repr(settings)
