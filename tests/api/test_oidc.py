"""Sign-in on `/device` at a provider of OpenID Connect: whose account it is, on both databases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from sqlalchemy import Connection, select

from dynamic_api.database.tables import audit_events
from dynamic_api.errors import Conflict
from dynamic_api.oidc_settings import Oidc
from dynamic_api.services import accounts, identities
from tests.api.oidc_room import PROXY, Visit, address_of, told
from tests.api.oidc_stand_in import CLIENT_ID, StandIn, rules, stand_in
from tests.api.test_sx_login import ask, form_of
from tests.api.world import Person, World, world
from tests.databases import KINDS, new_url

_subjects = itertools.count(1)


@pytest.fixture(scope="module")
def provider() -> Iterator[StandIn]:
    with stand_in() as made:
        yield made


@pytest.fixture(scope="module", params=KINDS)
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    registry: Path,
    provider: StandIn,
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(f"oidc-{request.param}")
    url = new_url(request.param, folder, request)
    with world(folder / "data", url, {"oidc": rules(provider), "server": PROXY}, registry) as made:
        provider.now = lambda: made.clock() // 1000
        yield made


@pytest.fixture
def visit(house: World, provider: StandIn) -> Visit:
    provider.honest(sub=f"s{next(_subjects)}")
    return Visit(house, provider)


def verified(visit: Visit, email: str) -> None:
    visit.provider.person |= {"email": email, "email_verified": True}


def rule(house: World, **more: Any) -> None:
    """Other settings, as if the API had been started with them."""
    known = house.app.context.oidc
    assert known is not None
    known.rules = msgspec.convert({**rules_of(house), **more}, Oidc)


def rules_of(house: World) -> dict[str, Any]:
    return dict(msgspec.to_builtins(house.settings.oidc))


@pytest.fixture(autouse=True)
def usual(house: World) -> Iterator[None]:
    yield
    rule(house)


def events(house: World, subject: str) -> list[tuple[str, str]]:
    query = select(audit_events).where(audit_events.c.target_name == subject).order_by(audit_events.c.at)
    return sorted((row.event, row.actor_name) for row in house.read(lambda db: db.execute(query).all()))


def test_verified_address_opens_its_account_and_the_code_wants_a_yes(house: World, visit: Visit) -> None:
    person = house.person()
    verified(visit, person.email.upper())
    assert visit.sign_in().headers["location"] == f"/device?user_code={visit.code}"
    assert ask(house, visit.device["device_code"])["error"] == "authorization_pending"
    assert person.email in visit.question().text
    assert visit.decide().status_code == 200
    house.clock.ahead += 10_000
    token = ask(house, visit.device["device_code"])["access_token"]
    assert house.client(token).get("/api/v1/account/credits").status_code == 200
    subject = visit.provider.person["sub"]
    assert events(house, subject) == [("IDENTITY_BOUND", "operator"), ("SIGNED_IN", person.email)]
    assert "Sign in a device" in visit.question().text, "the session ended with the decision"


def test_the_way_there_is_the_code_flow_with_pkce(house: World, visit: Visit) -> None:
    answer = visit.leave()
    assert (answer.status_code, "form-action 'self'" in answer.headers["content-security-policy"]) == (
        200,
        True,
    )
    asked = {name: value[0] for name, value in parse_qs(urlsplit(address_of(answer.text)).query).items()}
    random = {name: asked.pop(name) for name in ("state", "nonce", "code_challenge")}
    assert asked == {
        "tenant": "1",
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": f"{house.url}/device/oidc/callback",
        "scope": "openid email",
        "code_challenge_method": "S256",
    }
    assert {name: len(value) for name, value in random.items()} == {
        "state": 64,
        "nonce": 64,
        "code_challenge": 43,
    }
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Max-Age=900", "Path=/device"))


def test_button_names_the_provider_as_text(visit: Visit) -> None:
    assert "Sign in with Acme &lt;ID&gt;</button>" in visit.question().text


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_secret_goes_where_the_provider_wants_it(house: World, visit: Visit, method: str) -> None:
    house.clock.ahead += 3_600_000
    visit.code = Visit(house, visit.provider).code
    visit.provider.methods = (method,)
    verified(visit, house.person().email)
    assert visit.sign_in().status_code == 303
    [sent] = visit.provider.tokens
    assert ("client_secret" in sent) is (method == "client_secret_post")


def bound(house: World, person: Person, provider: StandIn, subject: str) -> None:
    house.write(lambda db: identities.bind(db, person.id, provider.url, subject, now=house.clock()) and None)


def test_what_operators_bind_opens_the_account_whatever_the_address(house: World, visit: Visit) -> None:
    person, other = house.person(), house.person()
    rule(house, match="subject")
    bound(house, person, visit.provider, visit.provider.person["sub"])
    verified(visit, other.email)
    assert visit.sign_in().status_code == 303
    assert person.email in visit.question().text


def test_binding_outlives_a_change_of_address(house: World, visit: Visit) -> None:
    person = house.person()
    verified(visit, person.email)
    assert visit.sign_in().status_code == 303
    verified(visit, "married@example.com")
    again = Visit(house, visit.provider)
    assert again.sign_in().status_code == 303
    assert person.email in again.question().text


def test_unbinding_ends_the_session_at_once(house: World, visit: Visit) -> None:
    person = house.person()
    verified(visit, person.email)
    visit.sign_in()
    assert person.email in visit.question().text
    unbind(house, person, visit)
    assert "Sign in a device" in visit.question().text


def unbind(house: World, person: Person, visit: Visit, *, keep_keys: bool = False) -> list[str]:
    """The names of the keys that ended."""
    at = visit.provider.url
    return house.write(
        lambda db: [
            key.name for key in identities.unbind(db, person.id, at, None, house.clock(), keep_keys=keep_keys)
        ]
    )


@pytest.mark.parametrize("keep_keys", [False, True])
def test_keys_of_devices_end_with_the_sign_in_that_let_them_in(
    house: World, visit: Visit, keep_keys: bool
) -> None:
    person = house.person()
    verified(visit, person.email)
    visit.sign_in()
    visit.decide()
    token = ask(house, visit.device["device_code"])["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert house.client(**headers).get("/api/v1/drive").status_code == 200
    assert len(unbind(house, person, visit, keep_keys=keep_keys)) == (0 if keep_keys else 1)
    status = 200 if keep_keys else 401
    assert house.client(**headers).get("/api/v1/drive").status_code == status
    assert person.get("/api/v1/drive").status_code == 200, "a key that was made otherwise stays"


def test_device_that_was_approved_gets_no_key_after_the_unbinding(house: World, visit: Visit) -> None:
    person = house.person()
    verified(visit, person.email)
    visit.sign_in()
    visit.decide()
    assert unbind(house, person, visit) == []
    assert ask(house, visit.device["device_code"])["error"] == "access_denied"


def test_somebody_unknown_gets_an_account_only_by_the_settings(house: World, visit: Visit) -> None:
    verified(visit, "new.one@acme.example")
    visit.provider.person["name"] = "New One"
    answer = visit.sign_in()
    assert (answer.status_code, "no account of new.one@acme.example" in told(answer)) == (403, True)
    assert f"bind {visit.provider.person['sub']}" in told(answer)
    rule(house, create_accounts=True, email_domains=("acme.example",))
    assert visit.sign_in().status_code == 303
    made = house.read(lambda db: accounts.find(db, "new.one@acme.example"))
    assert (made.name, made.role, made.balance, made.tier) == ("New One", "user", 25, "free")


PEOPLE = {
    "unverified": ({"email": "{email}", "email_verified": False}, {}, "names no verified address"),
    "nothing said of it": ({"email": "{email}"}, {}, "names no verified address"),
    "verified as text": ({"email": "{email}", "email_verified": "true"}, {}, "names no verified address"),
    "no address": ({"email_verified": True}, {}, "names no verified address"),
    "a list of addresses": ({"email": ["{email}"], "email_verified": True}, {}, "names no verified address"),
    "another domain": (
        {"email": "{email}", "email_verified": True},
        {"email_domains": ("acme.example",)},
        "Addresses of example.com are not let in",
    ),
    "domain as a part": (
        {"email": "a@acme.example@example.com", "email_verified": True},
        {"email_domains": ("acme.example",)},
        "names no verified address",
    ),
    "operators bind": (
        {"email": "{email}", "email_verified": True},
        {"match": "subject"},
        "No account is bound",
    ),
    "no address that can be one": (
        {"email": "a b@acme.example", "email_verified": True},
        {"create_accounts": True, "email_domains": ("acme.example",)},
        "names no verified address",
    ),
}


@pytest.mark.parametrize("case", PEOPLE)
def test_whoever_is_not_known_stays_outside(house: World, visit: Visit, case: str) -> None:
    claims, settings, words = PEOPLE[case]
    email = house.person().email
    visit.provider.person |= {
        name: value.format(email=email) if isinstance(value, str) else value for name, value in claims.items()
    }
    if isinstance(visit.provider.person.get("email"), list):
        visit.provider.person["email"] = [email]
    rule(house, **settings)
    answer = visit.sign_in()
    assert answer.status_code == 403, answer.text
    assert words in told(answer)
    assert "Sign in a device" in visit.question().text
    assert events(house, visit.provider.person["sub"]) == []


def test_disabled_account_stays_shut(house: World, visit: Visit) -> None:
    person = house.person()
    shut: Any = lambda enabled: house.write(  # noqa: E731 - a switch
        lambda db: (
            accounts.change(db, person.id, house.settings.credits, now=house.clock(), enabled=enabled)
            and None
        )
    )
    verified(visit, person.email)
    shut(False)
    first = visit.sign_in()
    assert (first.status_code, "is disabled" in told(first)) == (403, True)
    assert events(house, visit.provider.person["sub"]) == [], "nothing was bound"
    shut(True)
    assert visit.sign_in().status_code == 303
    shut(False)
    assert "Sign in a device" in visit.question().text, "the session ended too"
    assert visit.sign_in().status_code == 403


def test_address_that_was_given_to_somebody_else_opens_nothing(house: World, visit: Visit) -> None:
    person = house.person()
    verified(visit, person.email)
    assert visit.sign_in().status_code == 303
    visit.provider.person["sub"] = f"s{next(_subjects)}"
    answer = Visit(house, visit.provider).sign_in()
    assert (answer.status_code, "belongs to another sign-in" in told(answer)) == (403, True)


def test_first_sign_ins_of_one_person_at_once_all_succeed(house: World, visit: Visit) -> None:
    person = house.person()
    verified(visit, person.email)
    visits = [Visit(house, visit.provider) for _ in range(6)]
    ways = [each.there() for each in visits]
    with ThreadPoolExecutor(len(visits)) as pool:
        back = pool.map(lambda pair: pair[0].http.get(pair[1]).status_code, zip(visits, ways, strict=True))
        assert [*back] == [303] * len(visits)
    assert len(house.read(lambda db: identities.of_account(db, person.id))) == 1


def test_of_two_who_show_one_address_at_once_one_gets_the_account(house: World, visit: Visit) -> None:
    person = house.person()
    verified(visit, person.email)
    visits = [Visit(house, visit.provider) for _ in range(4)]
    ways = [each.there() for each in visits]
    subjects = iter([f"s{next(_subjects)}" for _ in visits])
    visit.provider.forge = lambda p, claims: p.signed({**claims, "sub": next(subjects)})
    with ThreadPoolExecutor(len(visits)) as pool:
        back = pool.map(lambda pair: pair[0].http.get(pair[1]).status_code, zip(visits, ways, strict=True))
        assert sorted(back) == [303, 403, 403, 403]
    assert len(house.read(lambda db: identities.of_account(db, person.id))) == 1


def test_identity_opens_one_account(house: World, visit: Visit) -> None:
    subject = visit.provider.person["sub"]
    bound(house, house.person(), visit.provider, subject)
    with pytest.raises(Conflict) as taken:
        bound(house, house.person(), visit.provider, subject)
    assert taken.value.code == "identity_taken"


def test_binding_goes_with_its_account(house: World, visit: Visit) -> None:
    person = house.person()
    bound(house, person, visit.provider, visit.provider.person["sub"])

    def listed(db: Connection) -> list[str]:
        return [item.subject for item in identities.of_account(db, person.id)]

    assert house.read(listed) == [visit.provider.person["sub"]]


def test_only_a_form_of_ours_begins_a_sign_in(house: World, visit: Visit) -> None:
    page = visit.question()
    data = {"form": form_of(page.text), "user_code": visit.code}
    foreign = visit.http.post("/device/oidc", data=data, headers={"origin": "https://evil.example"})
    forged = visit.http.post("/device/oidc", data={**data, "form": "0" * 64})
    bare = house.anonymous.post("/device/oidc", data=data)
    assert [each.status_code for each in (foreign, forged, bare)] == [403] * 3
    assert visit.http.get("/device/oidc").status_code == 405
    assert visit.provider.asked == [], "nobody was sent anywhere"


def test_wrong_code_is_asked_for_again_after_the_sign_in(house: World, visit: Visit) -> None:
    verified(visit, house.person().email)
    code, visit.code = visit.code, ""
    assert visit.sign_in().headers["location"] == "/device?user_code="
    assert "Which device?" in visit.question().text
    visit.code = "ABCD-EFGH"
    wrong = visit.question()
    assert (wrong.status_code, "No login waits for this code" in told(wrong)) == (404, True)
    visit.code = code
    assert visit.decide("deny").status_code == 200
    assert ask(house, visit.device["device_code"])["error"] == "access_denied"
