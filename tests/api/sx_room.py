"""Clients of sx against a running API, and folders to publish."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from sx_client import SxClient

from tests.api.world import Person, World, world
from tests.databases import KINDS, new_url

SKILL = "---\nname: {name}\ndescription: Does {name}.\n---\nDo {name}{more}.\n"


@pytest.fixture(scope="module", params=KINDS)
def api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, registry: Path
) -> Iterator[World]:
    """A world for the tests of one file: what sx publishes is there for the whole organisation."""
    folder = tmp_path_factory.mktemp(f"sx-{request.param}")
    with world(folder / "data", new_url(request.param, folder, request), {}, registry) as made:
        yield made


def client(api: World, token: Person | str, home: Path) -> SxClient:
    """sx as that person, or with that token."""
    secret = token if isinstance(token, str) else token.key
    return SxClient(api.url, secret, home)


def skill_folder(place: Path, name: str, more: str = "", **asset: Any) -> Path:
    """A folder as an author has it; `asset` goes under [asset]."""
    folder = place / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_text(SKILL.format(name=name, more=more))
    if asset:
        table = {"asset": asset, "skill": {"prompt-file": "SKILL.md"}}
        (folder / "metadata.toml").write_text(tomli_w.dumps(table))
    return folder


def installed(sx: SxClient) -> dict[str, str]:
    """Name → version of what the lock has."""
    lock = sx.lock()
    assert lock is not None
    return {row.name: row.version for row in lock.rows}
