"""The site of a real build: links, rebuilds, and which pages are made again after a change."""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from history import Registry, Repo, make_repo, skill

from registry_builder.core.errors import Unfit
from registry_builder.core.key import digest

ROOT = Path(__file__).resolve().parent.parent
CONTENT = ROOT / "content"
BASE = "https://skills.test/"


class Tags(HTMLParser):
    """The ids of a page and where it leads."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: set[str] = set()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.ids.update(value for name, value in attrs if name == "id" and value)
        self.targets += [value for name in ("href", "src", "action") if (value := own.get(name)) is not None]


def tags(body: bytes) -> Tags:
    found = Tags()
    found.feed(body.decode())
    return found


def broken_links(registry: Registry) -> list[str]:
    """Every link within the site that leads to no key, or to no place on its page."""
    keys = registry.pins().keys() | {"release.json"}
    pages = {key: tags(registry.store.get(key)) for key in keys if key.endswith(".html")}
    broken = []
    for key, page in pages.items():
        for target in page.targets:
            path, _, fragment = target.partition("#")
            if urlsplit(path).scheme and not path.startswith(BASE):
                continue
            inside = path.removeprefix(BASE) if path.startswith(BASE) else None
            goal = inside if inside is not None else posixpath.join(posixpath.dirname(key), path)
            goal = posixpath.normpath(goal) if path else key
            if goal not in keys or (fragment and goal in pages and fragment not in pages[goal].ids):
                broken.append(f"{key}: {target}")
    return broken


@pytest.fixture
def demo(tmp_path: Path) -> Repo:
    """Our own content with a history of its own."""
    repo = make_repo(tmp_path / "repo")
    shutil.copytree(CONTENT, repo.path, dirs_exist_ok=True)
    repo.commit()
    repo.commit(
        {"skills/csv-profile/SKILL.md": skill("csv-profile", "See [the script](scripts/csv_clean.py).")}
    )
    return repo


def test_every_link_on_the_demo_content_leads_somewhere(demo: Repo) -> None:
    registry = Registry()
    registry.build(demo.path)
    assert "skills/csv-profile/changes.html" in registry.pins()
    assert broken_links(registry) == []


def test_broken_link_is_found(demo: Repo) -> None:
    registry = Registry()
    registry.build(demo.path)
    body = b'<a href="none.html">x</a><a href="#none">y</a><a id="z" href="#z">z</a>'
    registry.store.put("index.html", body)
    assert broken_links(registry) == ["index.html: none.html", "index.html: #none"]


def test_site_is_the_same_bytes_when_it_is_built_again(demo: Repo) -> None:
    first, second = Registry(), Registry()
    first.build(demo.path)
    second.build(demo.path)
    assert first.pins() == second.pins()


def test_building_at_each_commit_gives_the_site_of_building_once(tmp_path: Path) -> None:
    repo = make_repo(tmp_path)
    steps, once = Registry(), Registry()
    for text in ("One.", "Two.", "Three."):
        repo.commit({"skills/aa/SKILL.md": skill("aa", text)})
        steps.build(repo.path)
    once.build(repo.path)
    pages = [
        {key: pin for key, pin in each.pins().items() if not key.startswith("git/")} for each in (steps, once)
    ]
    assert pages[0] == pages[1]


def test_pages_of_unchanged_skills_are_not_rendered_again(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path), Registry()
    repo.commit({f"skills/{name}/SKILL.md": skill(name) for name in ("aa", "bb", "cc")})
    registry.build(repo.path)
    repo.commit({"skills/bb/SKILL.md": skill("bb", "Other.")})
    release = registry.build(repo.path)
    assert release is not None
    rendered = {key for pins in release.changed.values() for key in pins.keys if key.endswith(".html")}
    assert {key.split("/")[1] for key in rendered} == {"bb"}


def test_diff_shows_what_a_commit_changed(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path), Registry()
    for text in ("One.", "Two."):
        repo.commit({"skills/aa/SKILL.md": skill("aa", text)})
        registry.build(repo.path)
    page = registry.store.get("skills/aa/changes.html").decode()
    assert '<span class="del">-One.</span>\n<span class="ins">+Two.</span>' in page


LOGO = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
THEME = '[site]\naccent = "#AA3300"\nlogo = "logo.svg"\nfooter = "Ours </p><script>"\n'


def test_theme_is_files_of_its_own_that_every_page_names(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path), Registry()
    repo.commit({"skills/aa/SKILL.md": skill("aa"), "registry.toml": THEME, "logo.svg": LOGO})
    registry.build(repo.path)
    style = f"static/{digest(b':root { --accent: #aa3300; }' + bytes([10]))}.css"
    logo = f"static/{digest(LOGO)}.svg"
    assert {style, logo} <= registry.pins().keys()
    for key in (key for key in registry.pins() if key.endswith(".html")):
        body = registry.store.get(key).decode()
        assert [name in body for name in (style, logo)] == [True, True], key
        assert "Ours &lt;/p&gt;&lt;script&gt;" in body
    assert broken_links(registry) == []


def test_new_colour_makes_pages_anew_and_mints_nothing(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path), Registry()
    repo.commit({"skills/aa/SKILL.md": skill("aa")})
    registry.build(repo.path)
    repo.commit({"registry.toml": THEME, "logo.svg": LOGO})
    release = registry.build(repo.path)
    assert release is not None
    assert (list(release.changed), release.minted) == (["aa"], ())


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('accent = "red"', "bad-accent"),
        ('accent = "#fff"', "bad-accent"),
        ('accent = "#112233; } * { display: none"', "bad-accent"),
        ('logo = "logo.html"', "bad-logo"),
        ('logo = "../logo.svg"', "bad-logo"),
        ('logo = "none.svg"', "no-logo"),
    ],
)
def test_theme_is_refused(tmp_path: Path, line: str, code: str) -> None:
    repo = make_repo(tmp_path)
    repo.commit({"skills/aa/SKILL.md": skill("aa"), "registry.toml": f"[site]\n{line}\n"})
    with pytest.raises(Unfit) as refusal:
        Registry().build(repo.path)
    assert refusal.value.code == code


def test_renderers_are_loaded_only_when_a_page_is_made() -> None:
    code = "import sys; import registry_builder.emit.html; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"comrak", "nh3", "pygments"} & set(run.stdout.split()) == set()


def test_only_the_pages_use_the_renderers() -> None:
    code = {path: path.read_text("utf-8") for path in (ROOT / "registry_builder").rglob("*.py")}
    uses = re.compile(r"import (comrak|nh3|pygments)|from pygments")
    assert {path.parent.name for path, text in code.items() if uses.search(text)} == {"html"}
