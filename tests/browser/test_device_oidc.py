"""Sign-in on `/device` at a provider, in Chromium: there, back, and the question."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sx_client import SxClient
from sx_client.login import Device

from tests.api.conftest import build_registry
from tests.api.oidc_stand_in import StandIn, rules, stand_in
from tests.api.world import World, world

from .test_pages import faults

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def provider() -> Iterator[StandIn]:
    with stand_in() as made:
        yield made


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("device-oidc")
    settings = {"oidc": rules(provider, name="Acme ID")}
    with world(folder / "data", None, settings, build_registry(folder)) as made:
        provider.now = lambda: made.clock() // 1000
        yield made


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A tab of its own; it goes to another origin, so what it fetches is not watched."""
    with closing(chromium.new_context(viewport={"width": 800, "height": 700})) as context:
        yield context.new_page()


def init(house: World, home: Path, approve: Any) -> str:
    def wait(seconds: float) -> None:
        house.clock.ahead += int(seconds * 1000)

    return SxClient(house.url, "", home).init(approve, wait)


def test_person_signs_in_at_the_provider_and_lets_the_device_in(
    page: Any, house: World, provider: StandIn, tmp_path: Path
) -> None:
    person = house.person()
    provider.honest(sub="ann", email=person.email, email_verified=True)

    def approve(device: Device) -> None:
        page.goto(device.open_url)
        assert faults(page) == []
        page.get_by_role("button", name="Sign in with Acme ID").press("Enter")
        page.get_by_role("link", name="Continue").click()
        page.get_by_text(device.user_code).wait_for()
        assert page.get_by_text(person.email).is_visible()
        assert page.url == f"{house.url}/device?user_code={device.user_code}"
        assert faults(page) == []
        page.get_by_role("button", name="Approve").click()
        assert "signed in" in page.get_by_role("status").inner_text()

    assert init(house, tmp_path, approve).startswith("sk_live_")


def test_typed_code_comes_back_from_the_provider(page: Any, house: World, provider: StandIn) -> None:
    person = house.person()
    provider.honest(sub="bob", email=person.email, email_verified=True)
    page.goto(f"{house.url}/device")
    page.get_by_label("Code on the device").fill("bcdf-ghjk")
    page.get_by_role("button", name="Sign in with Acme ID").click()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("alert").wait_for()
    assert "No login waits for this code" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Code on the device").input_value() == "bcdf-ghjk"
    assert faults(page) == []


def test_enter_in_the_form_sends_the_key_to_us(page: Any, house: World) -> None:
    """The first button of the form is what the key Enter presses."""
    person = house.person()
    page.goto(f"{house.url}/device?user_code=BCDF-GHJK")
    page.get_by_label("API key").fill(person.key)
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert page.get_by_text(person.email).is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_refusal_is_told_and_begins_anew(page: Any, house: World, provider: StandIn, scheme: str) -> None:
    provider.honest(sub="eve", email="eve@example.com", email_verified=True)
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{house.url}/device")
    page.get_by_role("button", name="Sign in with Acme ID").click()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("alert").wait_for()
    assert "no account of eve@example.com" in page.get_by_role("alert").inner_text()
    assert faults(page) == []
    page.get_by_role("button", name="Sign in with Acme ID").click()
    page.get_by_role("link", name="Cancel").click()
    page.get_by_text("was refused").wait_for()
    assert page.get_by_label("API key").is_visible()
