"""Worlds for the tests of the API: one for each database, shared by the tests of a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api import shelf
from tests.api.lab import build_lab, laboratory, scientist
from tests.api.world import Person, World, world
from tests.content_repo import Repo, build
from tests.databases import KINDS, new_url, postgres_url

__all__ = ["postgres_url"]


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built registry of three skills, one of them with a script and a second version."""
    return build_registry(tmp_path_factory.mktemp("registry"))


def build_registry(folder: Path) -> Path:
    """Commit a few skills, and build them into `folder/dist`."""
    repo = Repo.init(folder / "content")
    repo.write("registry.toml", '[registry]\nname = "acme"\n')
    for name in ("pdf-tools", "release-helper", "text-facts"):
        repo.skill(name)
    repo.write("skills/text-facts/scripts/facts.py", "print('facts')\n", executable=True)
    repo.write("collections.toml", '[documents]\ntitle = "Documents"\nskills = ["pdf-tools", "text-facts"]\n')
    repo.commit("Add three skills")
    _built(repo, folder)
    repo.skill("pdf-tools", "Do the work better.")
    repo.commit("Change one")
    _built(repo, folder)
    return folder / "dist"


def _built(repo: Repo, folder: Path) -> None:
    answer = build(repo, folder / "dist")
    assert answer.code == 0, answer.err


@pytest.fixture(scope="session", params=KINDS)
def api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, registry: Path
) -> Iterator[World]:
    """The API on each database, without limits on how often it may be called."""
    folder = tmp_path_factory.mktemp(f"api-{request.param}")
    url = new_url(request.param, folder, request)
    with world(folder / "data", url, {}, registry) as made:
        yield made


@pytest.fixture
def person(api: World) -> Person:
    """A new account."""
    return api.person()


@pytest.fixture
def holder(api: World, person: Person) -> Person:
    """Holds a published and a private skill."""
    person.post("/api/v1/drive/import", json={"skillSlug": "pdf-tools"})
    shelf.private(api, person, "my-notes")
    return person


@pytest.fixture(scope="session")
def lab_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built registry of skills with scripts."""
    return build_lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="session", params=KINDS)
def lab(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, lab_registry: Path
) -> Iterator[World]:
    """The API with a real sandbox, on each database."""
    folder = tmp_path_factory.mktemp(f"lab-{request.param}")
    url = new_url(request.param, folder, request)
    with laboratory(folder / "data", url, lab_registry) as made:
        yield made


@pytest.fixture
def runner(lab: World) -> Person:
    """A new account of `lab` with 100 credits and every skill."""
    return scientist(lab)
