"""Every kind of page: by keyboard, without scripts, on a narrow screen, on paper, in both colour schemes."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import PROGRAMS, Open, Served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

KINDS = (
    "index.html",
    "skills/index.html",
    "types/skill.html",
    "collections/default/index.html",
    "skills/csv-profile/index.html",
    "skills/csv-profile/files.html",
    "skills/markdown-links/changes.html",
    "registry.html",
    "404.html",
)
SKILL = "skills/csv-profile/index.html"
AXE = PROGRAMS / "axe-core" / "axe.min.js"


def faults(page: Any) -> list[str]:
    """What axe has against `page` as it is now."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make setup")
    # Not a script of the page, which its policy would refuse, but of the browser's own console.
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document)")["violations"]
    return [
        f"{item['id']}: {node['html']}: {node['failureSummary']}" for item in found for node in item["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", KINDS)
def test_axe_has_nothing_against_a_page(tab: Open, site: Served, path: str, scheme: str) -> None:
    assert faults(tab(site, path, color_scheme=scheme).page) == []


@pytest.mark.parametrize(
    "path", ["skills/index.html?q=file&type=skill", f"{SKILL}?q=file", f"{SKILL}?q=zzzzzz"]
)
def test_axe_has_nothing_against_results(tab: Open, site: Served, path: str) -> None:
    page = tab(site, path, color_scheme="dark").page
    page.wait_for_selector(".results", state="visible")
    assert faults(page) == []


def test_no_page_complains_or_asks_another_host(tab: Open, site: Served) -> None:
    watched = tab(site)
    pages = site.pages()
    assert {*KINDS} <= {*pages}
    for path in pages:
        watched.open(site.url + path)
        watched.check()


def test_a_missing_page_has_the_way_back(tab: Open, site: Served) -> None:
    watched = tab(site)
    watched.page.goto(f"{site.url}no/such/page")
    [said] = watched.broken
    assert "404 (Not Found)" in said
    watched.broken.clear()
    watched.page.click("main a")
    assert watched.page.url.startswith(site.url)
    assert "no/such" not in watched.page.url


@pytest.mark.parametrize("path", KINDS)
def test_a_phone_of_320_pixels_scrolls_no_page_sideways(tab: Open, site: Served, path: str) -> None:
    page = tab(site, path, viewport={"width": 320, "height": 640}).page
    assert page.evaluate("() => document.documentElement.scrollWidth") == 320
    beyond = """() => [...document.querySelectorAll("header *, main > *")]
        .filter((each) => each.getBoundingClientRect().right > 320).map((each) => each.outerHTML)"""
    assert page.evaluate(beyond) == []


@pytest.mark.parametrize("path", KINDS)
def test_without_scripts_everything_can_be_read(tab: Open, site: Served, path: str) -> None:
    page = tab(site, path, java_script_enabled=False).page
    assert page.locator("h1").is_visible()
    assert page.locator("main [hidden]:not(.results)").count() == 0
    for each in page.locator("main :is(section, h3, pre, li, p)").all():
        assert each.is_visible(), each.evaluate("(element) => element.outerHTML")
    assert page.locator("[role=tab], button:not([type=submit])").count() == 0


def test_on_paper_every_command_is_printed_and_no_button(tab: Open, site: Served) -> None:
    page = tab(site, SKILL).page
    page.emulate_media(media="print")
    commands = page.locator("[data-tabs] pre").all()
    assert len(commands) > 1
    assert all(each.is_visible() for each in [*commands, *page.locator("[data-tabs] h3").all()])
    assert not any(each.is_visible() for each in page.locator("button").all())


def shown(page: Any) -> list[str]:
    """The clients whose commands can be seen."""
    return [each.text_content() for each in page.locator("[role=tabpanel]:visible > h3").all()]


def test_tabs_go_by_arrow_keys_and_the_next_page_remembers(tab: Open, site: Served) -> None:
    page = tab(site, SKILL).page
    names = page.locator("[role=tab]").all_inner_texts()
    assert names == page.locator("[role=tabpanel] > h3").all_text_contents()
    assert shown(page) == names[:1]
    page.locator("[role=tab]").first.focus()
    for key, at in (
        ("ArrowRight", 1),
        ("ArrowLeft", 0),
        ("ArrowLeft", -1),
        ("ArrowRight", 0),
        ("End", -1),
        ("Home", 0),
        ("ArrowRight", 1),
    ):
        page.keyboard.press(key)
        assert page.locator("[role=tab]:focus").inner_text() == names[at]
        assert page.locator("[aria-selected=true]").all_inner_texts() == [names[at]]
        assert shown(page) == [names[at]]
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.getAttribute('role')") == "tabpanel"
    page.goto(f"{site.url}skills/json-shape/index.html")
    assert shown(page) == [names[1]]
    page.click(f"[role=tab] >> text={names[0]}")
    assert shown(page) == names[:1]


def test_a_button_copies_the_command(tab: Open, site: Served) -> None:
    page = tab(site, SKILL, permissions=["clipboard-read", "clipboard-write"]).page
    button = page.locator("[role=tabpanel]:visible .copy")
    button.click()
    page.wait_for_function("() => document.querySelector('.copy').textContent === 'Copied'")
    assert page.locator("p.unseen[role=status]").inner_text() == "Copied to the clipboard"
    command = page.locator("[role=tabpanel]:visible pre").inner_text().rstrip("\n")
    assert "csv-profile" in command
    assert page.evaluate("() => navigator.clipboard.readText()") == command


def test_where_there_is_no_clipboard_the_command_is_selected(tab: Open, site: Served) -> None:
    watched = tab(site)
    watched.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined });")
    page = watched.open(site.url + SKILL)
    page.locator("[role=tabpanel]:visible .copy").click()
    page.wait_for_function("() => document.querySelector('.copy').textContent !== 'Copy'")
    command = page.locator("[role=tabpanel]:visible pre").inner_text().strip()
    assert page.evaluate("() => getSelection().toString()").strip() == command


def test_filters_narrow_a_list_and_stay_in_the_address(tab: Open, site: Served) -> None:
    page = tab(site, "skills/index.html").page
    items = page.locator("ul[data-filter] > li")
    every = items.count()
    assert page.locator("ul[data-filter] > li:visible").count() == every
    page.select_option("select[name=type]", "hook")
    assert page.locator("ul[data-filter] > li:visible").count() == 1
    assert page.locator(".filters [role=status]").inner_text() == f"1 of {every}"
    assert page.url.endswith("?type=hook")
    page.reload()
    assert page.locator("ul[data-filter] > li:visible").get_attribute("data-type") == "hook"
    page.select_option("select[name=collections]", "documents")
    assert page.locator("ul[data-filter] > li:visible").count() == 0
    page.select_option("select[name=type]", "")
    assert 0 < page.locator("ul[data-filter] > li:visible").count() < every
    page.select_option("select[name=collections]", "")
    assert page.locator("ul[data-filter] > li:visible").count() == every
    assert page.locator(".filters [role=status]").inner_text() == ""
    assert page.url.endswith("/skills/index.html")


def test_the_chosen_theme_holds_on_every_page(tab: Open, site: Served) -> None:
    page = tab(site, SKILL, color_scheme="dark").page
    colour = "() => getComputedStyle(document.body).color"
    button, dark = page.locator("button.theme"), page.evaluate(colour)
    assert button.inner_text() == "Theme: auto"
    button.click()
    light = page.evaluate(colour)
    assert button.inner_text() == "Theme: light"
    assert light != dark
    page.goto(site.url)
    assert page.evaluate(colour) == light
    page.click("button.theme")
    assert page.evaluate(colour) == dark
    page.emulate_media(color_scheme="light")
    assert page.evaluate(colour) == dark
    page.click("button.theme")
    assert page.evaluate(colour) == light
    assert page.inner_text("button.theme") == "Theme: auto"


def test_a_browser_that_keeps_nothing_still_switches_theme_and_tab(tab: Open, site: Served) -> None:
    watched = tab(site)
    refuse = "Object.defineProperty(globalThis, 'localStorage', { get() { throw new DOMException('no'); } });"
    watched.page.add_init_script(refuse)
    page = watched.open(site.url + SKILL)
    page.click("button.theme")
    assert page.inner_text("button.theme") == "Theme: light"
    page.locator("[role=tab]").nth(1).click()
    assert page.locator("[role=tab]").nth(1).get_attribute("aria-selected") == "true"


def test_changes_show_what_was_added_and_removed(tab: Open, site: Served) -> None:
    page = tab(site, "skills/markdown-links/changes.html").page
    assert page.locator("pre.diff .ins").count() > 0
    assert page.locator("pre.diff .del").count() > 0


def test_a_line_of_a_file_has_an_address(tab: Open, site: Served) -> None:
    page = tab(site, "skills/csv-profile/files.html").page
    line = page.locator("pre.lines a[href^='#']").nth(4)
    line.click()
    assert page.url.endswith(str(line.get_attribute("href")))
    assert page.evaluate("() => document.querySelector(':target') !== null")
