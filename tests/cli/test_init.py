"""The workflows that `skillpress init` writes."""

from __future__ import annotations

import json
import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from content_repo import Repo, skillpress, tree

from registry_builder.cli.workflows import UNKNOWN, is_action, known_action, workflows

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ACTION = f"acme/skillpress@{COMMIT}"
NAMES = ["check.yml", "comment.yml", "publish.yml"]


def written(place: Path) -> list[str]:
    return sorted(path.name for path in (place / ".github/workflows").glob("*"))


def test_init_writes_workflows_that_use_the_action_it_was_told(tmp_path: Path) -> None:
    place = tmp_path / "registry"
    assert skillpress("init", place, "--action", ACTION).code == 0
    assert written(place) == NAMES
    texts = [(place / ".github/workflows" / name).read_text("utf-8") for name in NAMES]
    assert [text for text in texts if re.search(r"@[A-Z]+@", text)] == []
    uses = {use for text in texts for use in re.findall(r"uses: (acme/\S+)", text)}
    assert uses == {f"acme/skillpress/.github/actions/{name}@{COMMIT}" for name in ("skillpress", "comment")}


def test_init_without_workflows_writes_none(tmp_path: Path) -> None:
    assert skillpress("init", tmp_path / "registry", "--no-workflows").code == 0
    assert written(tmp_path / "registry") == []


def test_init_leaves_workflows_that_are_there(tmp_path: Path) -> None:
    mine = tmp_path / ".github/workflows/check.yml"
    mine.parent.mkdir(parents=True)
    mine.write_text("name: mine\n")
    assert skillpress("init", tmp_path, "--action", ACTION).code == 0
    assert (mine.read_text(), written(tmp_path)) == ("name: mine\n", NAMES)
    before = tree(tmp_path)
    assert "wrote" not in skillpress("init", tmp_path, "--action", ACTION).out
    assert tree(tmp_path) == before


def test_init_in_a_folder_writes_workflows_where_the_host_reads_them(repo: Repo) -> None:
    repo.git("switch", "-q", "-c", "trunk's # [odd]".replace(" ", "-").replace("[", "(").replace("]", ")"))
    assert skillpress("init", "registry", cwd=repo.path).code == 0
    assert (written(repo.path), written(repo.path / "registry")) == (NAMES, [])
    publish = yaml.safe_load((repo.path / ".github/workflows/publish.yml").read_text("utf-8"))
    # YAML 1.1 reads the key `on` as true.
    assert publish[True]["push"]["branches"] == ["trunk's-#-(odd)"]
    assert publish["jobs"]["publish"]["steps"][0]["with"]["ref"] == "trunk's-#-(odd)"


def test_init_says_when_the_address_of_the_action_is_missing(tmp_path: Path) -> None:
    answer = skillpress("init", tmp_path / "registry")
    assert answer.code == 0
    text = (tmp_path / "registry/.github/workflows/check.yml").read_text("utf-8")
    unknown = UNKNOWN.partition("@")[2] in text
    assert ("put your copy of Skillpress for OWNER" in answer.out) == unknown == (known_action() is None)


@pytest.mark.parametrize(
    "action",
    [
        "acme/skillpress",
        "acme/skillpress@main",
        f"acme@{COMMIT}",
        f"acme/skillpress@{COMMIT[:-1]}",
        f"acme/skillpress@{COMMIT.upper()}",
        f"acme/skillpress@{COMMIT}\nevil: true",
        f"acme/skill press@{COMMIT}",
        f"a/b/c@{COMMIT}",
        "",
    ],
)
def test_init_refuses_an_action_that_is_not_pinned(tmp_path: Path, action: str) -> None:
    answer = skillpress("init", tmp_path / "registry", "--action", action)
    assert (answer.code, "[bad-action]" in answer.err) == (2, True)
    assert not (tmp_path / "registry").exists()
    assert not is_action(action)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://github.com/acme/skillpress.git", ACTION),
        ("https://github.com/acme/skillpress", ACTION),
        ("ssh://git@github.com/acme/skillpress.git", ACTION),
        ("git@github.com:acme/skillpress.git", ACTION),
        ("https://git.github.example/acme/skillpress.git", ACTION),
        ("https://gitlab.example/acme/skillpress.git", None),
        ("https://github.com/acme", None),
        ("https://github.com/acme/a/b", None),
        ("https://notgithub.com/acme/skillpress", None),
        ("file:///srv/skillpress", None),
    ],
)
def test_the_action_is_where_the_builder_was_installed_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, found: str | None
) -> None:
    folder = tmp_path / "skillpress-9.9.9.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: skillpress\nVersion: 9.9.9\n")
    origin = {"url": url, "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    (folder / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert distribution("skillpress").version == "9.9.9"
    assert known_action() == found


def test_every_mark_of_the_templates_has_a_value() -> None:
    assert [path for path, _ in workflows(ACTION, "main")] == [f".github/workflows/{name}" for name in NAMES]
