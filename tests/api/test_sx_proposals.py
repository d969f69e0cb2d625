"""Proposals end as one commit that touches the folder of one skill, and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sx_client import PermissionDenied

from dynamic_api.cli.proposal_commit import Commit, make
from dynamic_api.cli.proposals import proposals as command
from dynamic_api.services import proposals
from registry_builder.core.errors import Unfit
from registry_builder.core.folder import File
from tests.api.conftest import build_registry
from tests.api.packages import zipped
from tests.api.sx_room import SKILL, client, skill_folder
from tests.api.world import World, world

METADATA = b"""
[asset]
name = "fresh"
version = "1"
type = "skill"
[skill]
prompt-file = "SKILL.md"
"""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose data directory the command line can open."""
    folder = tmp_path_factory.mktemp("proposals")
    with world(folder / "data", None, {}, build_registry(folder)) as made:
        yield made


def git(clone: Path, *command: str) -> str:
    done = subprocess.run(["git", "-C", str(clone), *command], capture_output=True, text=True, check=True)
    return done.stdout


def asked_for(local: World, tmp_path: Path) -> tuple[Any, str]:
    """Who asks for a change of a published skill, and the address that sx prints."""
    author = local.person()
    sx = client(local, author, tmp_path / "author")
    folder = skill_folder(tmp_path, "pdf-tools", " <b>")
    with pytest.raises(PermissionDenied) as refused:
        sx.add(folder, name="pdf-tools")
    return author, sx.request_change(refused.value, {"SKILL.md": b"s3cret text"}, "A <b>better</b> one")


def test_source_url_says_what_became_of_the_request(local: World, tmp_path: Path) -> None:
    """contracts/sx.md 2.2: sx prints it; who has the address, the author and the staff may read the page."""
    author, url = asked_for(local, tmp_path)
    bare = url.partition("?")[0]
    page = local.anonymous.get(url)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["cache-control"] == "no-store"
    for text in ("A &lt;b&gt;better&lt;/b&gt; one", "waits for a maintainer", "SKILL.md", author.email):
        assert text in page.text
    assert "s3cret" not in page.text
    assert "<b>" not in page.text
    assert author.get(bare).text == page.text
    assert local.person(role="moderator").get(bare).text == page.text
    run(local, "reject", bare.rpartition("/")[2], "--reason", "too short")
    assert "rejected: too short" in local.anonymous.get(url).text


@pytest.mark.parametrize(
    "change", ["", "?signature=", "?signature=00", "?signature=%c3%a9", "0?signature={mark}"]
)
def test_the_page_is_not_there_for_others(local: World, tmp_path: Path, change: str) -> None:
    _, url = asked_for(local, tmp_path)
    bare, _, mark = url.partition("?signature=")
    for who in (local.anonymous, local.person().http):
        answer = who.get(bare + change.format(mark=mark))
        assert answer.status_code == 404
        assert "better" not in answer.text


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    place = tmp_path / "clone"
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    git(place, "config", "user.email", "maintainer@example.com")
    git(place, "config", "user.name", "Maintainer")
    (place / "skills/pdf-tools").mkdir(parents=True)
    (place / "skills/pdf-tools/SKILL.md").write_text("old\n")
    (place / "skills/pdf-tools/kept.md").write_text("kept\n")
    (place / "registry.toml").write_text('[registry]\nname = "acme"\n')
    git(place, "add", ".")
    git(place, "commit", "-qm", "Begin")
    return place


def run(local: World, *arguments: str) -> Any:
    return CliRunner().invoke(command, ["--data", str(local.data), *arguments])


def test_an_upload_for_the_catalogue_becomes_a_commit(local: World, clone: Path) -> None:
    person = local.person()
    files = {
        "SKILL.md": SKILL.format(name="fresh", more="").encode(),
        "metadata.toml": METADATA,
    }
    data = {"name": "fresh", "version": "1", "type": "skill", "public": "true"}
    answer = person.post("/api/skills/assets", data=data, files={"file": ("fresh-1.zip", zipped(files))})
    assert answer.status_code == 202, answer.text
    identity = answer.json()["proposal"]
    assert "fresh" in run(local, "list").output
    assert "SKILL.md" in run(local, "show", identity[:8]).output
    done = run(local, "fetch", identity, "--repo", str(clone))
    assert done.exit_code == 0, done.output
    branch = f"proposals/fresh-{identity[:8]}"
    assert git(clone, "diff", "--name-only", "main", branch).split() == [
        "skills/fresh/SKILL.md",
        "skills/fresh/metadata.toml",
    ]
    assert git(clone, "log", "-1", "--format=%ae %s", branch).strip() == f"{person.email} fresh 1"
    assert git(clone, "status", "--porcelain") == ""
    again = run(local, "fetch", identity, "--repo", str(clone))
    assert again.exit_code != 0


def test_a_change_request_of_sx_becomes_a_commit(local: World, clone: Path, tmp_path: Path) -> None:
    person = local.person()
    sx = client(local, person, tmp_path / "home")
    denied = PermissionDenied("no", "", "pdf-tools")
    denied.skill_id = next(node["id"] for node in _assets(person) if node["slug"] == "pdf-tools")
    sx.request_change(denied, {"SKILL.md": b"new\n", "metadata.toml": b""}, "Say it better")
    (made,) = [each for each in local.read(proposals.waiting) if each.title == "Say it better"]
    done = run(local, "fetch", made.id, "--repo", str(clone))
    assert done.exit_code == 0, done.output
    branch = f"proposals/pdf-tools-{made.id[:8]}"
    assert git(clone, "diff", "--name-only", "main", branch).split() == ["skills/pdf-tools/SKILL.md"]
    assert git(clone, "show", f"{branch}:skills/pdf-tools/kept.md") == "kept\n"


def _assets(person: Any) -> list[dict[str, str]]:
    query = "{ vault { assets { nodes { __typename id slug } } } }"
    nodes: list[dict[str, str]] = person.post("/graphql", json={"query": query}).json()["data"]["vault"][
        "assets"
    ]["nodes"]
    return nodes


def test_a_rejected_proposal_is_closed(local: World, tmp_path: Path) -> None:
    person = local.person()
    sx = client(local, person, tmp_path / "home")
    denied = PermissionDenied("no", "", "pdf-tools")
    denied.skill_id = next(node["id"] for node in _assets(person) if node["slug"] == "pdf-tools")
    sx.request_change(denied, {"SKILL.md": b"new\n"}, "Not wanted")
    (made,) = [each for each in local.read(proposals.waiting) if each.title == "Not wanted"]
    assert run(local, "reject", made.id, "--reason", "no").exit_code == 0
    assert run(local, "reject", made.id, "--reason", "no").exit_code != 0


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../other/SKILL.md", "bad-path"),
        (".github/workflows/x.yml", "bad-path"),
        (".git/config", "bad-path"),
        ("a/.hidden", "bad-path"),
        ("/etc/passwd", "bad-path"),
        (".claude-plugin", "bad-path"),
        ("a\nM 100644 inline evil", "bad-path"),
    ],
)
def test_paths_that_lead_out_or_hide_are_refused(clone: Path, path: str, code: str) -> None:
    commit = Commit(
        slug="pdf-tools",
        type="skill",
        files=[File(path, b"x")],
        replaces=False,
        author="a@example.com",
        message="x",
        branch="proposals/x",
    )
    with pytest.raises(Unfit) as refused:
        make(clone, "", commit)
    assert refused.value.code == code
    assert git(clone, "branch", "--list", "proposals/*") == ""


def test_a_plugin_manifest_is_taken_and_no_change_is_none(clone: Path) -> None:
    def commit(**more: Any) -> Commit:
        given = {"files": [File(".claude-plugin/plugin.json", b"{}")], "branch": "proposals/one"} | more
        return Commit(
            slug="pdf-tools",
            type="skill",
            replaces=False,
            author='E"vil <x>\nauthor',
            message="One",
            **given,
        )

    assert make(clone, "", commit())
    with pytest.raises(Unfit, match="like that already"):
        make(clone, "", commit(files=[File("SKILL.md", b"old\n")], branch="proposals/two"))
    assert "two" not in git(clone, "branch", "--list", "proposals/*")
