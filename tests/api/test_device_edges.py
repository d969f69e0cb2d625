"""Logins of devices at their edges: too late, too often, twice, at once; on both databases."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dynamic_api.services import access
from tests.api.oidc_room import PROXY
from tests.api.test_sx_login import CLIENT, GRANT, ask, decide, form_of, sign_in, start
from tests.api.world import Person, World, world
from tests.databases import KINDS, new_url


@pytest.fixture(scope="module", params=KINDS)
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, registry: Path
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(f"edges-{request.param}")
    url = new_url(request.param, folder, request)
    with world(folder / "data", url, {"server": PROXY}, registry) as made:
        yield made


@pytest.fixture
def api(house: World) -> World:
    """Each test comes from an address of its own: logins are limited for each."""
    house.address = "203." + ".".join(map(str, secrets.token_bytes(3)))
    house.anonymous.headers["x-forwarded-for"] = house.address
    return house


@pytest.fixture
def person(api: World) -> Person:
    return api.person()


def at_once(work: Callable[[], Any], times: int = 8) -> list[Any]:
    with ThreadPoolExecutor(times) as pool:
        return [each.result() for each in [pool.submit(work) for _ in range(times)]]


def pass_time(api: World, seconds: float) -> None:
    api.clock.ahead += int(seconds * 1000)


def test_each_question_too_early_makes_the_wait_longer(api: World) -> None:
    """RFC 8628, 3.5: five seconds more for this and all that follow."""
    code = start(api)["device_code"]
    said = []
    for seconds in (0, 0, 6, 11, 20):
        pass_time(api, seconds)
        said.append(ask(api, code)["error"])
    pending, early = "authorization_pending", "slow_down"
    # The wait is 5, 10, 15, 20 seconds.
    assert said == [pending, early, early, early, pending]


def test_patience_is_asked_for_after_the_approval_too(api: World, person: Person) -> None:
    started = start(api)
    assert ask(api, started["device_code"])["error"] == "authorization_pending"
    decide(api, person, started["user_code"])
    assert ask(api, started["device_code"])["error"] == "slow_down"
    pass_time(api, 11)
    assert ask(api, started["device_code"])["access_token"].startswith("sk_live_")


def test_code_that_ran_out_is_told_so_though_others_began_since(api: World, person: Person) -> None:
    started = start(api)
    pass_time(api, 11 * 60)
    start(api)
    answer = ask(api, started["device_code"])
    assert answer["error"] == "expired_token"
    browser = sign_in(api, person, started["user_code"])
    page = browser.get("/device", params={"user_code": started["user_code"]})
    assert (page.status_code, "No login waits for this code" in page.text) == (404, True)
    assert f'value="{started["user_code"]}"' in page.text, "it can be corrected in place"


def test_approval_that_comes_too_late_gives_no_token(api: World, person: Person) -> None:
    started = start(api)
    browser = sign_in(api, person, started["user_code"])
    form = form_of(browser.get("/device", params={"user_code": started["user_code"]}).text)
    pass_time(api, 10 * 60)
    data = {"form": form, "user_code": started["user_code"], "decision": "approve"}
    assert browser.post("/device/decide", data=data).status_code == 404
    assert ask(api, started["device_code"])["error"] == "expired_token"


def test_token_that_nobody_fetched_in_time_is_not_given(api: World, person: Person) -> None:
    started = start(api)
    assert decide(api, person, started["user_code"]).status_code == 200
    pass_time(api, 10 * 60)
    assert ask(api, started["device_code"])["error"] == "expired_token"


@pytest.mark.parametrize(
    ("first", "second"), [("approve", "deny"), ("deny", "approve"), ("approve", "approve")]
)
def test_second_decision_changes_nothing(api: World, person: Person, first: str, second: str) -> None:
    """Two browsers have the question open; the second button comes too late."""
    started = start(api)
    other = api.person()
    ready = []
    for who, decision in ((person, first), (other, second)):
        browser = sign_in(api, who, started["user_code"])
        form = form_of(browser.get("/device", params={"user_code": started["user_code"]}).text)
        ready.append((browser, {"form": form, "user_code": started["user_code"], "decision": decision}))
    answers = [browser.post("/device/decide", data=data).status_code for browser, data in ready]
    assert answers == [200, 404]
    said = ask(api, started["device_code"])
    if first == "deny":
        assert said["error"] == "access_denied"
    else:
        token = said["access_token"]
        assert api.read(lambda db: access.caller_of(db, token, api.clock())).email == person.email


def test_same_button_twice_is_refused_the_second_time(api: World, person: Person) -> None:
    started = start(api)
    browser = sign_in(api, person, started["user_code"])
    form = form_of(browser.get("/device", params={"user_code": started["user_code"]}).text)
    data = {"form": form, "user_code": started["user_code"], "decision": "approve"}
    cookie = {"cookie": f"skillpress_device={browser.cookies['skillpress_device']}"}
    bare = api.client()
    answers = at_once(lambda: bare.post("/device/decide", data=data, headers=cookie).status_code)
    assert sorted(answers) == [200] + [404] * 7


def test_of_many_questions_at_once_one_gets_the_token(api: World, person: Person) -> None:
    started = start(api)
    decide(api, person, started["user_code"])
    data = {"grant_type": GRANT, "device_code": started["device_code"], "client_id": CLIENT}
    found = at_once(lambda: api.client().post("/api/oauth/token/", data=data).json())
    assert len([each for each in found if "access_token" in each]) == 1
    assert {each["error"] for each in found if "error" in each} <= {"invalid_grant", "slow_down"}


@pytest.mark.parametrize("decision", ["", "perhaps", None])
def test_neither_yes_nor_no_decides_nothing(api: World, person: Person, decision: str | None) -> None:
    started = start(api)
    browser = sign_in(api, person, started["user_code"])
    form = form_of(browser.get("/device", params={"user_code": started["user_code"]}).text)
    data = {"form": form, "user_code": started["user_code"]} | (
        {} if decision is None else {"decision": decision}
    )
    assert browser.post("/device/decide", data=data).status_code == 400
    assert ask(api, started["device_code"])["error"] == "authorization_pending"


def test_device_code_of_another_program_is_not_answered(api: World, person: Person) -> None:
    started = start(api)
    decide(api, person, started["user_code"])
    data = {"grant_type": GRANT, "device_code": started["device_code"], "client_id": "another"}
    assert api.anonymous.post("/api/oauth/token/", data=data).json()["error"] == "invalid_client"
    assert ask(api, started["device_code"])["access_token"].startswith("sk_live_")


def test_whoever_signed_in_may_be_somebody_else(api: World, person: Person) -> None:
    started = start(api)
    browser = sign_in(api, person, started["user_code"])
    form = form_of(browser.get("/device", params={"user_code": started["user_code"]}).text)
    data = {"form": form, "user_code": started["user_code"]}
    assert api.client().post("/device/sign-out", data=data).status_code == 403
    left = browser.post("/device/sign-out", data=data)
    assert left.headers["location"] == f"/device?user_code={started['user_code']}"
    page = browser.get(left.headers["location"])
    assert "Sign in a device" in page.text
    assert ask(api, started["device_code"])["error"] == "authorization_pending"
