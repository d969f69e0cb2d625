"""The page `/device`: a device's login, decided in Chromium; the device is the strict client of sx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sx_client import SxClient
from sx_client.login import Device

from tests.api.conftest import build_registry
from tests.api.world import World, world

from .conftest import Open, Served
from .test_pages import faults

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("device")
    with world(folder / "data", None, {}, build_registry(folder)) as made:
        yield made


def served(api: World) -> Served:
    return Served(f"{api.url}/", api.registry or Path())


def log_in(api: World, home: Path, approve: Any) -> str:
    """`sx init` of a client whose time is that of the API."""

    def wait(seconds: float) -> None:
        api.clock.ahead += int(seconds * 1000)

    return SxClient(api.url, "", home).init(approve, wait)


def test_person_signs_in_and_lets_the_device_in(tab: Open, api: World, tmp_path: Path) -> None:
    person = api.person()

    def approve(device: Device) -> None:
        path = device.open_url.removeprefix(f"{api.url}/")
        page = tab(served(api), path).page
        page.get_by_label("API key").fill(person.key)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text(device.user_code).wait_for()
        assert page.get_by_text(person.email).is_visible()
        assert faults(page) == []
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("status").wait_for()
        assert "signed in" in page.get_by_role("status").inner_text()

    token = log_in(api, tmp_path, approve)
    assert token.startswith("sk_live_")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_nothing_against_the_page(tab: Open, api: World, scheme: str) -> None:
    assert faults(tab(served(api), "device", color_scheme=scheme).page) == []
