"""The search: by keyboard alone, on any page, under any path, and only from the shards that a query needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from content_repo import Repo

from .conftest import Open, Served, tabs

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NAMES = ".results li .name a"


def skill(description: str, body: str = "", **fields: str) -> str:
    """A prompt file with `fields` in its front matter."""
    lines = "".join(f"{key}: {value}\n" for key, value in fields.items())
    return (
        f"---\nname: {{name}}\ndescription: {description}\nlicense: MIT\n{lines}---\n\n# {{name}}\n\n{body}\n"
    )


SKILLS = {
    "parse-invoices": skill(
        "Reads invoices. Use it when a bill is to be read.", "Look for the remittance slip."
    ),
    "make-slides": skill(
        "Makes slides. Use it for talks.", "## Kerning\n\nSet text with care.", tags="[deck]"
    ),
    "zeitplan": skill("Prüft Straßen und Übergänge. Use it for timetables.", "Café, naïve, Ærø."),
    "japanese": skill("日本語の文章を校正する。Use it for Japanese text.", "全角文字を使う。"),
    "numbers": skill("Counts to 2038. Use it for years.", "x86 and 3.11"),
    "invoices": skill("Sends invoices out. Use it when billing.", "Nothing else."),
}


@pytest.fixture(scope="module")
def words(served: Callable[..., Served], repo: Callable[[], Repo]) -> Served:
    made = repo()
    for name, text in SKILLS.items():
        made.write(f"skills/{name}/SKILL.md", text.replace("{name}", name))
    made.write("registry.toml", '[registry]\nname = "words"\n')
    made.commit()
    return served(made.path, "under/a/path/")


@pytest.fixture(scope="module")
def box(chromium: Any, words: Served) -> Iterator[Any]:
    """A page on which one search after the other is made."""
    with tabs(chromium) as open_tab:
        yield open_tab(words).page


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("invoices", ["invoices", "parse-invoices"]),
        ("INVOICES", ["invoices", "parse-invoices"]),
        ("invoi", ["invoices", "parse-invoices"]),
        ("parse invoices", ["parse-invoices"]),
        ("parse-invoices", ["parse-invoices"]),
        ("the invoices of the parse", ["parse-invoices"]),
        ("remittance", ["parse-invoices"]),
        ("kerning", ["make-slides"]),
        ("deck", ["make-slides"]),
        ("invioces", ["invoices", "parse-invoices"]),
        ("invoicse", ["invoices", "parse-invoices"]),
        ("kernnig", ["make-slides"]),
        ("kering", ["make-slides"]),
        ("strassen", ["zeitplan"]),
        ("straßen", ["zeitplan"]),
        ("ubergange", ["zeitplan"]),
        ("Übergänge", ["zeitplan"]),
        ("cafe\u0301", ["zeitplan"]),
        ("日本語", ["japanese"]),
        ("校正", ["japanese"]),
        ("語の", ["japanese"]),
        ("2038", ["numbers"]),
        ("x86", ["numbers"]),
        ("qqqqqq", []),
        ("<img src=x onerror=alert(1)>", []),
        ("__proto__", []),
        ("constructor", []),
        ("../../zz", []),
    ],
)
def test_what_a_query_finds(box: Any, query: str, names: list[str]) -> None:
    box.fill("[name=q]", "")
    box.wait_for_selector(".results", state="hidden")
    box.fill("[name=q]", query)
    box.wait_for_selector(".results", state="visible")
    assert box.locator(NAMES).all_inner_texts() == names
    assert box.locator(".results [role=status]").inner_text() == f"{len(names) or 'Nothing'} found"


@pytest.mark.parametrize("query", ["", "   ", "%", "🙂"])
def test_without_a_word_nothing_is_looked_for(tab: Open, words: Served, query: str) -> None:
    page = tab(words, "?q=deck").page
    page.wait_for_selector(NAMES)
    page.fill("[name=q]", query)
    page.wait_for_selector(".results", state="hidden")


def test_words_that_no_skill_has_together_are_said_to_be_apart(tab: Open, words: Served) -> None:
    page = tab(words, "?q=kerning+remittance").page
    page.wait_for_selector(NAMES)
    assert (
        page.locator("[role=status]").first.inner_text()
        == "Nothing has all of these words; 2 found with some"
    )


def test_a_skill_is_found_and_opened_by_keyboard_alone(tab: Open, words: Served) -> None:
    page = tab(words).page
    page.keyboard.press("/")
    page.keyboard.type("invoices")
    page.wait_for_function(f"() => document.querySelectorAll('{NAMES}').length === 2")
    assert page.url.endswith("?q=invoices")
    focused = "() => document.activeElement.name || document.activeElement.textContent"
    for key, where in (
        ("ArrowUp", "q"),
        ("ArrowDown", "invoices"),
        ("ArrowDown", "parse-invoices"),
        ("ArrowDown", "parse-invoices"),
        ("ArrowUp", "invoices"),
        ("ArrowUp", "q"),
        ("ArrowDown", "invoices"),
        ("Escape", "q"),
    ):
        page.keyboard.press(key)
        assert page.evaluate(focused) == where, key
    assert not page.locator(".results").is_visible()
    page.keyboard.type(" ")
    page.wait_for_selector(NAMES)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/skills/parse-invoices/index.html")


def test_enter_opens_the_best_even_before_it_is_shown(tab: Open, words: Served) -> None:
    page = tab(words, "skills/numbers/index.html").page
    page.keyboard.press("/")
    page.keyboard.type("slides")
    page.keyboard.press("Enter")
    page.wait_for_url("**/skills/make-slides/index.html")


def test_a_slash_in_a_field_is_a_slash(tab: Open, words: Served) -> None:
    page = tab(words).page
    page.keyboard.press("/")
    page.keyboard.type("a/b")
    assert page.input_value("[name=q]") == "a/b"


def test_an_address_with_a_query_shows_its_results(tab: Open, words: Served) -> None:
    page = tab(words, "skills/numbers/index.html?q=deck").page
    page.wait_for_selector(NAMES)
    assert page.input_value("[name=q]") == "deck"
    assert page.locator(NAMES).all_inner_texts() == ["make-slides"]
    page.fill("[name=q]", "")
    page.wait_for_function("() => !location.search")
    assert not page.locator(".results").is_visible()


def test_a_broken_index_is_said_in_the_page(tab: Open, words: Served) -> None:
    watched = tab(words)
    watched.page.route("**/search/index.json", lambda route: route.fulfill(body="{"))
    watched.page.fill("[name=q]", "deck")
    watched.page.wait_for_selector("text=The search index could not be read")


def test_only_the_shards_of_a_query_are_loaded(
    tab: Open, served: Callable[..., Served], repo: Callable[[], Repo]
) -> None:
    made = repo()
    letters = "abcdefghjkmnopqrstuvwxyz"  # without i and l, which make names that look alike
    for first in letters:
        for second in letters[::3]:
            body = " ".join(f"{first}{second}{third}{fourth}term" for third in letters for fourth in "aeiou")
            name = f"n{first}{second}"
            text = skill(f"Does {name}. Use it for that.", body).replace("{name}", name)
            made.write(f"skills/{name}/SKILL.md", text)
    made.write("registry.toml", '[registry]\nname = "many"\n')
    made.commit()
    many = served(made.path)
    everything = sorted(path.name for path in (many.folder / "search").iterdir())
    watched = tab(many)
    asked: list[str] = []
    watched.page.on("request", lambda request: asked.append(Path(request.url).name))
    watched.page.fill("[name=q]", "kaboterm")
    watched.page.wait_for_selector(NAMES)
    assert watched.page.locator(NAMES).all_inner_texts() == ["nka"]
    shards = [name for name in everything if name.startswith("terms-")]
    assert len(shards) > 10
    assert len([name for name in asked if name.startswith("terms-")]) <= 2
    assert len([name for name in asked if name.startswith("names-")]) == 1


def test_names_and_descriptions_are_shown_as_text(
    tab: Open, served: Callable[..., Served], repo: Callable[[], Repo]
) -> None:
    made = repo()
    hostile = '"<img src=x onerror=alert(1)> <script>alert(2)</script> zebra. Use it."'
    made.write("skills/odd/SKILL.md", skill(hostile, title=hostile).replace("{name}", "odd"))
    made.write("registry.toml", '[registry]\nname = "odd"\n')
    made.commit()
    page: Any = tab(served(made.path), "?q=zebra").page
    page.wait_for_selector(NAMES)
    assert page.locator(".results :is(img, script)").count() == 0
    assert "<script>alert(2)</script>" in page.locator(".results .about").inner_text()
