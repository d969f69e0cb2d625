"""`/device` and `/upload` by keyboard alone, in each state: names, focus, contrast, a narrow screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import build_registry
from tests.api.oidc_stand_in import StandIn, rules
from tests.api.packages import skill_zip
from tests.api.test_sx_login import start
from tests.api.world import World, world

from .test_pages import faults

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CODE, KEY, SIGN_IN, PROVIDER = "Code on the device", "API key", "Sign in", "Sign in with Acme ID"
FOCUS = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
}"""
NAME = """() => {
  const element = document.activeElement;
  if (element === document.body) return "";
  return (element.labels?.[0] ?? element).innerText.replace(/\\s+/g, " ").trim();
}"""
# WCAG 2.5.8: a target is at least 24 pixels high and wide.
SMALL = """() => [...document.querySelectorAll("button, input:not([type=hidden])")].filter((each) => {
  const box = each.getBoundingClientRect();
  return box.width < 24 || box.height < 24;
}).map((each) => each.outerHTML)"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("accessible")
    settings = {"oidc": rules(StandIn("http://127.0.0.1:1"), name="Acme ID")}
    with world(folder / "data", None, settings, build_registry(folder)) as made:
        yield made


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, chromium: Any) -> Iterator[Any]:
    """A narrow screen, and no mouse."""
    options = {"viewport": {"width": 320, "height": 640}, "color_scheme": request.param}
    with closing(chromium.new_context(**options)) as context:
        yield context.new_page()


def fit(page: Any, title: str) -> None:
    """The page is called `title`, says one thing at the top, and nobody is kept from it."""
    assert page.title() == title
    assert page.locator("h1").count() == 1
    assert faults(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth") == 320
    assert page.evaluate(SMALL) == []


def stops(page: Any, most: int = 8) -> list[str]:
    """What the key Tab reaches, each with a mark of the focus that can be seen."""
    found = []
    for _ in range(most):
        page.keyboard.press("Tab")
        name = page.evaluate(NAME)
        if not name:
            break
        assert page.evaluate(FOCUS), name
        found.append(name)
    return found


def problem(page: Any, label: str) -> str:
    """What is told of the field `label`, which has the focus."""
    field = page.get_by_label(label, exact=True)
    assert page.evaluate(NAME) == label
    assert field.get_attribute("aria-invalid") == "true"
    assert "problem" in str(field.get_attribute("aria-describedby")).split()
    return str(page.locator("#problem[role=alert]").inner_text())


def test_device_is_let_in_by_keyboard_alone(page: Any, house: World) -> None:
    person, code = house.person(), start(house)["user_code"]
    page.goto(f"{house.url}/device")
    fit(page, "Sign in a device")
    assert stops(page) == [CODE, KEY, SIGN_IN, PROVIDER]

    page.goto(f"{house.url}/device?user_code=BCDF-GHJK")
    page.get_by_label(KEY).press_sequentially("sk_live_wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")
    fit(page, "Error: Sign in a device")
    assert "not known" in problem(page, KEY)

    page.keyboard.type(person.key)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Go on")
    fit(page, "Error: Which device?")
    assert "No login waits for this code" in problem(page, CODE)
    page.keyboard.press("Control+a")
    page.keyboard.type(code.lower().replace("-", ""))
    page.keyboard.press("Enter")
    page.wait_for_selector(f"text={code}")
    fit(page, "Let this device in?")
    assert stops(page) == ["Approve", "Deny", "Sign in as somebody else"]

    page.get_by_role("button", name="Approve").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]")
    fit(page, "Approved")
    page.go_back()
    page.goto(f"{house.url}/device?user_code={code}")
    fit(page, "Sign in a device")


def test_somebody_else_signs_in_by_keyboard(page: Any, house: World) -> None:
    person, code = house.person(), start(house)["user_code"]
    page.goto(f"{house.url}/device?user_code={code}")
    page.get_by_label(KEY).fill(person.key)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign in as somebody else").press("Enter")
    page.wait_for_selector("text=API key")
    assert page.get_by_label(CODE).input_value() == code
    assert page.get_by_label(KEY).input_value() == ""


def test_provider_that_is_away_is_told(page: Any, house: World) -> None:
    page.goto(f"{house.url}/device")
    page.get_by_role("button", name=PROVIDER).press("Enter")
    page.wait_for_selector("[role=alert]")
    fit(page, "Error: Sign in a device")
    assert "Acme ID could not be asked" in page.get_by_role("alert").inner_text()


def test_page_that_refuses_has_the_way_back(page: Any, house: World) -> None:
    page.goto(f"{house.url}/device/oidc/callback?code=x&state=y")
    fit(page, "Error: That did not work")
    assert stops(page) == ["Begin again"]
    page.keyboard.press("Shift+Tab")
    page.get_by_role("link", name="Begin again").press("Enter")
    page.wait_for_selector("text=API key")


def test_skill_is_uploaded_by_keyboard_alone(page: Any, house: World, tmp_path: Path) -> None:
    person = house.person()
    page.goto(f"{house.url}/upload")
    fit(page, "Upload a skill")
    names = stops(page)
    assert (len(names), names[0], names[-1]) == (4, KEY, "Upload")
    page.get_by_role("button", name="Upload").press("Enter")
    assert "Enter an API key first." in page.get_by_role("status").inner_text()
    assert page.evaluate(NAME) == KEY, "the focus is where something is missing"
    fit(page, "Upload a skill")
    page.keyboard.type("sk_live_wrong")
    page.set_input_files(
        "#file", {"name": "by-key.zip", "mimeType": "application/zip", "buffer": skill_zip("by-key")}
    )
    page.get_by_role("button", name="Upload").press("Enter")
    page.wait_for_selector("#result .bad")
    assert "not known" in page.get_by_role("status").inner_text()
    assert page.evaluate(NAME) == "Upload", "the focus stays on the button while it works"
    fit(page, "Upload a skill")
    page.get_by_label(KEY, exact=True).fill(person.key)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=is in the drive")
    fit(page, "Upload a skill")
