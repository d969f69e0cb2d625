"""The page `/upload`: sign in with a key, drop a zip; driven in Chromium against the real API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import build_registry
from tests.api.packages import skill_zip, zipped
from tests.api.world import World, world

from .conftest import Open, Served
from .test_pages import faults

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("upload")
    with world(folder / "data", None, {}, build_registry(folder)) as made:
        yield made


def served(api: World) -> Served:
    return Served(f"{api.url}/", api.registry or Path())


def send(page: Any, key: str, name: str, data: bytes) -> str:
    """Fill the form by keyboard and file chooser; gives what the page says afterwards."""
    page.get_by_label("API key").fill(key)
    page.set_input_files("#file", {"name": name, "mimeType": "application/zip", "buffer": data})
    page.get_by_role("button", name="Upload").click()
    page.wait_for_selector("button:not([aria-disabled])")
    return str(page.get_by_role("status").inner_text())


def test_zip_is_uploaded_and_its_price_and_grade_are_shown(tab: Open, api: World) -> None:
    person = api.person()
    page = tab(served(api), "upload").page
    said = send(page, person.key, "by-page.zip", skill_zip("by-page"))
    assert "version 1 of by-page is in the drive" in said
    assert "1 credit charged, 24 left." in said
    assert "grade A" in said
    (item,) = person.get("/api/v1/drive").json()["data"]["skills"]
    assert item["slug"] == "by-page"


def test_dropped_zip_is_taken(tab: Open, api: World) -> None:
    page = tab(served(api), "upload").page
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["PK"], "dropped.zip"));
          document.getElementById("drop").dispatchEvent(new DragEvent("drop", {dataTransfer: data}));
        }"""
    )
    assert page.locator("#chosen").inner_text().startswith("dropped.zip")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_nothing_against_the_page(tab: Open, api: World, scheme: str) -> None:
    assert faults(tab(served(api), "upload", color_scheme=scheme).page) == []


def test_scoped_link_names_its_collection(tab: Open, api: World) -> None:
    page = tab(served(api), "upload?key_id=1&key_name=acme-user-42").page
    assert page.get_by_label("Collection").input_value() == "acme-user-42"


def test_refusals_are_told_with_their_mend(chromium: Any, api: World) -> None:
    """Chromium itself reports each refused request on its console, so this tab is not watched."""
    person = api.person()
    with closing(chromium.new_context()) as context:
        page = context.new_page()
        page.goto(f"{api.url}/upload")
        page.get_by_role("button", name="Upload").click()
        assert "Enter an API key first." in page.get_by_role("status").inner_text()
        assert "not known" in send(page, "sk_live_wrong", "a.zip", skill_zip("a-b"))
        bad = zipped({"SKILL.md": "---\nname: bad\n---\n<script>alert(1)</script>\n"})
        said = send(page, person.key, "bad.zip", bad)
        assert "SKILL.md" in said
        assert page.locator("#result script").count() == 0
