"""A registry full of attacks, page by page: no script of theirs runs, and nothing is asked of anybody."""

from __future__ import annotations

import pytest
from hostile.markup import ATTACKS

from .conftest import Open, Served
from .test_validity import invalid

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-hostile")]

ODD = """() => {
  const all = [...document.querySelectorAll("*")];
  const inert = "main :is(script, iframe, object, embed, style, base, meta, svg, math, video)";
  return [
    ...all.filter((one) => one.getAttributeNames().some((name) => name.startsWith("on"))),
    ...document.querySelectorAll(inert),
    ...all.filter((one) => one.matches("a[href]") && !/^https?:$/.test(one.protocol)),
  ].map((one) => one.outerHTML);
}"""
BREAK = """() => {
  attacked();
  document.body.append(Object.assign(document.createElement("img"), { src: "//evil.example/x" }));
}"""


def test_most_attacks_are_published(hostile: Served) -> None:
    pages = [
        key for key in hostile.pages() if key.startswith("skills/attack-") and key.endswith("/index.html")
    ]
    assert len(pages) >= 60
    assert len(pages) <= len(ATTACKS)


def test_no_page_of_hostile_content_runs_or_asks_anything(tab: Open, hostile: Served) -> None:
    watched = tab(hostile)
    for path in hostile.pages():
        page = watched.open(hostile.url + path)
        assert page.evaluate(ODD) == [], path
        assert page.url == hostile.url + path
        watched.check()


@pytest.mark.parametrize("query", ["attack", "script", "onerror", "javascript", "Use it"])
def test_results_out_of_hostile_content_are_text(tab: Open, hostile: Served, query: str) -> None:
    page = tab(hostile, f"?q={query}").page
    page.wait_for_selector(".results li")
    assert page.evaluate(ODD) == []
    assert page.locator(".results :not(ol, li, p, a, bdi, button, span)").count() == 0


def test_filters_out_of_hostile_content_are_text(tab: Open, hostile: Served) -> None:
    page = tab(hostile, "skills/index.html").page
    assert page.locator("select[name=tags] option").count() > 50
    assert page.evaluate(ODD) == []


def test_the_watch_sees_what_no_page_may_do(tab: Open, site: Served) -> None:
    watched = tab(site)
    watched.page.evaluate(BREAK)
    watched.page.wait_for_function("() => globalThis.violations.length > 1")
    with pytest.raises(AssertionError, match="a script out of content ran"):
        watched.check()
    assert any("img-src" in line for line in watched.broken)
    watched.page.goto(site.url)
    watched.broken.clear()


def test_every_page_of_hostile_content_is_valid(hostile: Served) -> None:
    assert invalid([hostile.folder / key for key in hostile.pages()]) == []
