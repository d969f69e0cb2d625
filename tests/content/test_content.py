"""Every asset of our own content keeps the promises of the format and of its own text."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONTENT = ROOT / "content"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SKILLS = sorted(path.name for path in (CONTENT / "skills").iterdir())
FILES = sorted(
    path for path in CONTENT.rglob("*") if path.is_file() and not {"__pycache__"} & set(path.parts)
)
SCRIPTS = [path for path in FILES if path.suffix in (".py", ".sh", ".mjs")]
PAGES = [path for path in FILES if path.suffix == ".md"]
# Type of asset → the file that carries its front matter.
WITH_FRONT_MATTER = {"skills": "SKILL.md", "agents": "AGENT.md", "commands": "COMMAND.md", "rules": "RULE.md"}
FIELDS = {"name", "description", "license", "tags", "version", "metadata", "allowed-tools", "compatibility"}
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^\s*(?:.*\|\s*)?(sh|python3|node) (scripts/\S+)", re.MULTILINE)


def shown(path: Path) -> str:
    return path.relative_to(CONTENT).as_posix()


def front_matter(path: Path) -> tuple[dict[str, Any], str]:
    """The front matter and the body of one page."""
    _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def assets() -> list[Path]:
    """The page with front matter of each asset that has one."""
    return [
        folder / page
        for kind, page in WITH_FRONT_MATTER.items()
        if (CONTENT / kind).is_dir()
        for folder in sorted((CONTENT / kind).iterdir())
    ]


@pytest.mark.parametrize("page", assets(), ids=shown)
def test_the_front_matter_names_the_folder_and_says_what_and_when(page):
    fields, body = front_matter(page)
    assert fields["name"] == page.parent.name
    assert NAME.fullmatch(fields["name"])
    assert len(fields["name"]) <= 64
    assert 80 <= len(fields["description"]) <= 400
    assert "Use " in fields["description"] or "Applies " in fields["description"]
    assert body.lstrip().startswith("# ")
    assert len(body.splitlines()) < 300


@pytest.mark.parametrize("skill", SKILLS)
def test_a_skill_has_a_licence_tags_and_only_known_fields(skill):
    fields, _ = front_matter(CONTENT / "skills" / skill / "SKILL.md")
    assert set(fields) <= FIELDS
    assert fields["license"] == "MIT"
    assert isinstance(fields["version"], str)
    assert fields["tags"]
    assert all(NAME.fullmatch(tag) for tag in fields["tags"])


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_relative_link_leads_to_a_file_of_the_same_asset(page):
    asset = CONTENT.joinpath(*page.relative_to(CONTENT).parts[:2])
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in LINK.findall(text):
        if "://" in target or target.startswith("#"):
            continue
        file = (page.parent / target.split("#")[0]).resolve()
        assert file.is_file(), target
        assert file.is_relative_to(asset), target


@pytest.mark.parametrize("skill", SKILLS)
def test_a_skill_calls_its_scripts_by_interpreter_and_names_every_file_it_brings(skill):
    folder = CONTENT / "skills" / skill
    texts = {page: page.read_text(encoding="utf-8") for page in folder.rglob("*.md")}
    for page, text in texts.items():
        assert "./scripts/" not in text, page
        for program, script in COMMAND.findall(text):
            assert (folder / script).is_file(), script
            assert program == {".sh": "sh", ".py": "python3", ".mjs": "node"}[Path(script).suffix]
    rest = [path for path in FILES if path.is_relative_to(folder) and path.name != "SKILL.md"]
    for path in rest:
        assert path.relative_to(folder).as_posix() in texts[folder / "SKILL.md"], path


def test_the_collections_name_skills_that_exist_and_none_is_left_out():
    collections = tomllib.loads((CONTENT / "collections.toml").read_text(encoding="utf-8"))
    assert "default" in collections
    for name, collection in collections.items():
        assert NAME.fullmatch(name)
        assert name not in SKILLS
        assert set(collection) == {"title", "description", "skills"}
        assert collection["skills"] == sorted(set(collection["skills"]))
        assert set(collection["skills"]) <= set(SKILLS)
    assert {skill for collection in collections.values() for skill in collection["skills"]} == set(SKILLS)


def test_the_registry_says_who_owns_it_and_not_where_it_is():
    registry = tomllib.loads((CONTENT / "registry.toml").read_text(encoding="utf-8"))["registry"]
    assert registry["name"] == "skillpress"
    assert registry["owner"] == {"name": "Skillpress"}
    assert set(registry) == {"name", "title", "description", "owner"}


def test_what_is_executable_has_a_shebang_and_every_script_is_executable_in_git():
    listed = subprocess.run(
        ["git", "ls-files", "--stage", "-z", "--", "content"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    modes = {entry.split("\t")[1]: entry.split()[0] for entry in listed.split("\0") if entry}
    executable = {path for path, mode in modes.items() if mode == "100755"}
    assert set(modes.values()) <= {"100644", "100755"}
    for path in executable:
        assert (ROOT / path).read_bytes().startswith(b"#!/"), path
    scripts = {path.relative_to(ROOT).as_posix() for path in SCRIPTS}
    assert scripts & set(modes) == executable


@pytest.mark.parametrize("script", SCRIPTS, ids=shown)
def test_every_script_is_run_by_a_test_that_names_it(script):
    asset = script.relative_to(CONTENT).parts[1]
    test = ROOT / "tests" / "content" / f"test_{asset.replace('-', '_')}.py"
    assert shown(script) in test.read_text(encoding="utf-8")


@pytest.mark.parametrize("script", [path for path in SCRIPTS if "skills" in path.parts], ids=shown)
def test_every_script_explains_itself_and_refuses_unknown_options(run, script):
    explained = run(shown(script), "--help")
    assert (explained.returncode, explained.stderr) == (0, "")
    assert explained.stdout.lower().startswith("usage: ")
    assert script.name in explained.stdout
    wrong = run(shown(script), "--no-such-option")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert script.stem in wrong.stderr


@pytest.mark.parametrize("script", [path for path in SCRIPTS if path.suffix == ".py"], ids=shown)
def test_python_scripts_are_written_for_3_9_and_import_only_the_standard_library(script):
    tree = ast.parse(script.read_text(encoding="utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] in sys.stdlib_module_names


def test_no_file_is_large_and_all_are_text():
    for path in FILES:
        data = path.read_bytes()
        assert len(data) <= 60_000, path
        assert b"\0" not in data, path
        assert b"\r" not in data, path
        assert data.endswith(b"\n"), path
        data.decode("utf-8")


def test_our_own_link_checker_and_secret_scanner_are_content_with_the_content(run):
    links = run("skills/markdown-links/scripts/check_links.py", CONTENT, "--root", CONTENT, "--json")
    assert (links.returncode, json.loads(links.stdout)) == (0, [])
    secrets = run("skills/secret-scan/scripts/secret_scan.py", CONTENT, "--json")
    assert (secrets.returncode, json.loads(secrets.stdout)) == (0, [])
