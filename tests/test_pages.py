"""The pages speak of what is there: settings, emitters, rules, links, modules, and commands that run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from registry_builder.core import config
from registry_builder.core.key import CACHE_CONTROL, classify
from registry_builder.core.rules import RULES
from registry_builder.emit.table import EMITTERS, GROUPS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
_FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<word>[^\n]*)\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\((?P<target>[^()\s]+)\)")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def without_fences(text: str) -> str:
    return _FENCE.sub("", text)


def rows_of(text: str, header: str) -> dict[str, str]:
    """First cell → second cell of the table whose first heading is `header`."""
    found: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        inside = bool(cells) and (inside or cells[0] == header)
        if inside and cells[0] != header and not set(cells[0]) <= {"-"}:
            found[cells[0]] = cells[1]
    return found


def anchors_of(page: Path) -> set[str]:
    """The anchors that a Git host gives to the headings of `page`."""
    headings = re.findall(r"^#{1,6} +(.+?) *$", without_fences(text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def settings_of(section: str) -> set[str]:
    """The keys that content.md explains in rows such as "`[site] logo`, `accent`"."""
    cells = re.findall(r"^\| `(\[[^|]*) \|", text_of(DOCS / "content.md"), re.MULTILINE)
    rows = [re.match(r"\[([^\]]+)\](.*)", cell) for cell in cells]
    return {word for row in rows if row and row[1] == section for word in re.findall(r"\w+", row[2])}


def names_of(form: type[Struct]) -> set[str]:
    return set(form.__struct_fields__)


@pytest.mark.parametrize(
    ("section", "form"),
    [
        ("registry", config.RegistryTable),
        ("content", config.ContentTable),
        ("check.limits", config.LimitsTable),
        ("emit", config.EmitTable),
        ("publish", config.PublishTable),
        ("skills.<name>", config.SkillTable),
        ("site", config.SiteTable),
    ],
)
def test_every_setting_has_a_row_and_no_row_is_left_over(section: str, form: type[Struct]) -> None:
    assert settings_of(section) == names_of(form)


def test_the_rows_of_check_are_its_settings_but_for_the_limits() -> None:
    assert settings_of("check") == names_of(config.CheckTable) - {"limits"}


def test_every_section_is_explained() -> None:
    explained = {"registry", "content", "check", "emit", "publish", "skills", "site"}
    assert names_of(config.RegistryFile) == explained
    assert names_of(config.Owner) <= set(re.findall(r"`(\w+)`", text_of(DOCS / "content.md")))


@pytest.mark.parametrize(
    ("header", "form"), [("key", config.CollectionTable), ("key of `[[advisory]]`", config.Advisory)]
)
def test_the_other_files_have_a_row_for_each_key(header: str, form: type[Struct]) -> None:
    rows = {cell.strip("`") for cell in rows_of(text_of(DOCS / "content.md"), header) if "[" not in cell}
    assert rows == names_of(form)


def keys_of_the_bucket() -> list[tuple[str, str, str]]:
    """(key, emitter, class) of each row; a cell with several keys gives several."""
    rows = re.findall(r"^\| (`[^|]*) \| ([^|]*) \| (\w+) \|", text_of(DOCS / "bucket.md"), re.MULTILINE)
    return [(key, emitter, name) for cell, emitter, name in rows for key in re.findall(r"`([^`]+)`", cell)]


def test_every_emitter_has_keys_on_the_page_of_the_bucket() -> None:
    text = text_of(DOCS / "bucket.md")
    assert set(EMITTERS) - {emitter for _, emitter, _ in keys_of_the_bucket()} == set()
    assert [name for group in GROUPS for name in (group, *GROUPS[group]) if name not in text] == []


@pytest.mark.parametrize(
    ("key", "name"), [(key, name) for key, _, name in keys_of_the_bucket() if not re.search("…|\\*", key)]
)
def test_the_page_of_the_bucket_gives_each_key_its_class(key: str, name: str) -> None:
    digest = "0" * 64
    filled = re.sub("<[a-z]+>", lambda found: {"<h>": digest, "<v>": "1"}.get(found[0], "name"), key)
    assert classify(filled) == name


def test_the_page_of_the_bucket_gives_each_class_its_header() -> None:
    rows = rows_of(text_of(DOCS / "bucket.md"), "class")
    assert rows == {str(name): f"`{header}`" for name, header in CACHE_CONTROL.items()}


def test_every_rule_has_a_section() -> None:
    sections = re.findall(r"^### (.+)$", text_of(DOCS / "rules.md"), re.MULTILINE)
    assert sorted(sections) == sorted(rule.id for rule in RULES)


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for link in _LINK.finditer(without_fences(text_of(page))):
            if not re.match(r"[a-z]+:", link["target"]):
                yield page, link["target"]


@pytest.mark.parametrize(
    ("page", "target"), [pytest.param(*link, id=f"{link[0].name}:{link[1]}") for link in links()]
)
def test_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    place = (page.parent / path).resolve() if path else page
    assert place.is_relative_to(ROOT)
    assert place.exists(), f"{page.name} links to {target}"
    if anchor:
        assert anchor in anchors_of(place), f"{page.name} links to {target}"


def test_every_module_that_the_architecture_names_is_there() -> None:
    text = text_of(DOCS / "architecture.md")
    named = set(re.findall(r"`([\w/]+\.py|\w+/(?:\w+/)*)`", text))
    places = (ROOT, ROOT / "registry_builder", ROOT / "dynamic_api")
    rules = ROOT / "registry_builder" / "core"
    assert len(named) > 40
    assert [
        name
        for name in sorted(named)
        if not any((place / name).exists() for place in places) and not list(rules.rglob(name))
    ] == []


def runnable() -> list[tuple[str, str]]:
    """(page, script) of every fenced block that says that it runs: ```sh run."""
    blocks = ((page.name, block) for page in PAGES for block in _FENCE.finditer(text_of(page)))
    return [(name, block["body"]) for name, block in blocks if block["word"].strip() == "sh run"]


@pytest.mark.parametrize(("page", "script"), runnable())
def test_a_block_marked_as_runnable_runs(tmp_path: Path, page: str, script: str) -> None:
    """In an empty folder, `skillpress` on the PATH; its last line may be anything that ends with 0."""
    program = tmp_path / "bin" / "skillpress"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m registry_builder.cli "$@"\n'
    )
    program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    env = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(work)}
    done = subprocess.run(
        ["sh", "-eu", "-c", script], cwd=work, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{page}:\n{done.stdout}{done.stderr}"


def test_some_block_is_marked_as_runnable() -> None:
    assert runnable()
