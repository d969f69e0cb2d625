"""R11 and R12 by the strict client, and the page `/device` as a form without a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sx_client import LoginFailed, SxClient
from sx_client.login import Device

from dynamic_api.services import keys
from tests.api.world import Person, World

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CLIENT = "sleuth-skills-claude-code"


def start(api: World) -> dict[str, Any]:
    answer = api.anonymous.post("/api/oauth/device-authorization/", data={"client_id": CLIENT})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_form_of_too_many_fields_is_refused(api: World) -> None:
    fields = {"client_id": CLIENT} | {f"x{number}": "1" for number in range(30)}
    for path in ("/api/oauth/device-authorization/", "/api/oauth/token/", "/device/sign-in"):
        answer = api.anonymous.post(path, data=fields)
        assert answer.status_code == 400, answer.text
        assert "more than 20 fields" in answer.text.lower()


def ask(api: World, code: str) -> dict[str, Any]:
    data = {"grant_type": GRANT, "device_code": code, "client_id": CLIENT}
    return dict(api.anonymous.post("/api/oauth/token/", data=data).json())


def form_of(page: str) -> str:
    found = re.search(r'name="form" value="([0-9a-f]+)"', page)
    assert found, page
    return found[1]


def sign_in(api: World, person: Person, code: str) -> Any:
    """A client of its own with its own cookies, signed in; gives the client."""
    browser = api.client()
    page = browser.get("/device", params={"user_code": code})
    data = {"form": form_of(page.text), "user_code": code, "key": person.key}
    answer = browser.post("/device/sign-in", data=data)
    assert answer.status_code == 303, answer.text
    return browser


def decide(api: World, person: Person, code: str, decision: str = "approve") -> Any:
    browser = sign_in(api, person, code)
    page = browser.get("/device", params={"user_code": code})
    assert person.email in page.text
    data = {"form": form_of(page.text), "user_code": code, "decision": decision}
    return browser.post("/device/decide", data=data)


def waiting(api: World) -> Callable[[float], None]:
    """Time passes for the API alone."""

    def wait(seconds: float) -> None:
        api.clock.ahead += int(seconds * 1000)

    return wait


def test_sx_init_gets_a_token_that_lasts(api: World, person: Person, tmp_path: Path) -> None:
    sx = SxClient(api.url, "", tmp_path)

    def approve(device: Device) -> None:
        assert decide(api, person, device.user_code).status_code == 200

    token = sx.init(approve, waiting(api))
    assert token.startswith("sk_live_")
    assert sx.lock() is not None
    again = SxClient(api.url, token, tmp_path)
    assert again.init(lambda _: pytest.fail("the token is good"), waiting(api)) == token


def test_a_token_is_listed_and_revoked_as_any_key(api: World, person: Person, tmp_path: Path) -> None:
    """By its owner over REST, and by `skillpress admin key`; other logins of theirs go on."""
    tokens = []
    for _ in range(2):
        made = start(api)
        assert decide(api, person, made["user_code"]).status_code == 200
        tokens.append(str(ask(api, made["device_code"])["access_token"]))
    first, second = (SxClient(api.url, token, tmp_path / token[-6:]) for token in tokens)
    listed = person.get("/api/v1/collections").json()["data"]["collections"]
    names = {each["keyPrefix"]: each["name"] for each in listed}
    assert names[tokens[0][:12]].startswith(CLIENT)
    assert {each.prefix for each in api.read(lambda db: keys.of_owner(db, person.id))} == names.keys()
    assert first.lock() is not None
    gone = person.delete(f"/api/v1/collections/{quote(names[tokens[0][:12]])}")
    assert gone.status_code == 200, gone.text
    assert first.wire.get("/api/skills/sx.lock").status == 401
    assert second.lock() is not None
    (left,) = [
        each for each in api.read(lambda db: keys.of_owner(db, person.id)) if each.prefix == tokens[1][:12]
    ]
    api.write(lambda db: keys.revoke(db, left.id, now=api.clock()))
    assert second.wire.get("/api/skills/sx.lock").status == 401


def test_a_refused_login_gives_no_token(api: World, person: Person, tmp_path: Path) -> None:
    sx = SxClient(api.url, "", tmp_path)
    with pytest.raises(LoginFailed) as failed:
        sx.init(lambda device: decide(api, person, device.user_code, "deny") and None, waiting(api))
    assert failed.value.code == "access_denied"


def test_a_token_is_given_once(api: World, person: Person) -> None:
    started = start(api)
    decide(api, person, started["user_code"])
    assert ask(api, started["device_code"])["access_token"].startswith("sk_live_")
    assert ask(api, started["device_code"])["error"] == "invalid_grant"


def test_impatience_is_slowed_down_and_time_runs_out(api: World) -> None:
    started = start(api)
    assert ask(api, started["device_code"])["error"] == "authorization_pending"
    assert ask(api, started["device_code"])["error"] == "slow_down"
    api.clock.ahead += 11 * 60_000
    assert ask(api, started["device_code"])["error"] == "expired_token"


def test_a_login_is_decided_once(api: World, person: Person) -> None:
    started = start(api)
    assert decide(api, person, started["user_code"]).status_code == 200
    browser = sign_in(api, api.person(), started["user_code"])
    assert browser.get("/device", params={"user_code": started["user_code"]}).status_code == 404


@pytest.mark.parametrize("grant", ["", "password"])
def test_other_grants_are_refused_in_json(api: World, grant: str) -> None:
    answer = api.anonymous.post("/api/oauth/token/", data={"grant_type": grant})
    assert answer.json()["error"] == "unsupported_grant_type"
    unknown = api.anonymous.post("/api/oauth/token/", data={"grant_type": GRANT, "device_code": "x"})
    assert unknown.json()["error"] == "invalid_grant"
    nobody = api.anonymous.post("/api/oauth/device-authorization/", data={})
    assert nobody.json()["error"] == "invalid_request"


def test_a_form_from_elsewhere_decides_nothing(api: World, person: Person) -> None:
    started = start(api)
    browser = sign_in(api, person, started["user_code"])
    page = browser.get("/device", params={"user_code": started["user_code"]})
    data = {"form": form_of(page.text), "user_code": started["user_code"], "decision": "approve"}
    foreign = browser.post("/device/decide", data=data, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    forged = browser.post("/device/decide", data={**data, "form": "0" * 64})
    assert forged.status_code == 403
    bare = api.anonymous.post("/device/decide", data=data)
    assert bare.status_code == 403
    assert ask(api, started["device_code"])["error"] == "authorization_pending"


def test_a_wrong_key_signs_nobody_in(api: World) -> None:
    browser = api.client()
    page = browser.get("/device", params={"user_code": '"><script>alert(1)</script>'})
    assert "<script" not in page.text
    data = {"form": form_of(page.text), "user_code": "X", "key": "sk_live_wrong"}
    answer = browser.post("/device/sign-in", data=data)
    assert answer.status_code == 401
    assert "not known" in answer.text
