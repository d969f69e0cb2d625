"""Issue 6: a rename makes its zips outside the transaction, and never of what has changed meanwhile."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from sx_client import SxClient

from dynamic_api.database.tables import skill_versions, skills
from dynamic_api.errors import Conflict
from dynamic_api.services import access, asset_changes, asset_reads
from dynamic_api.services.caller import Caller, Trace
from tests.api import shelf
from tests.api.sx_room import api, client, skill_folder
from tests.api.world import Person, World

__all__ = ["api"]
_numbers = itertools.count(1)
RENAME = "mutation R { %s }"
ONE = '%s: renameAsset(input: {oldName: "%s", newName: "%s"}) { success errors { messages } }'


@pytest.fixture
def name() -> str:
    return f"named-{next(_numbers)}"


@pytest.fixture
def sx(api: World, person: Person, tmp_path: Path) -> SxClient:
    return client(api, person, tmp_path / "home")


def caller(api: World, person: Person) -> Caller:
    from dynamic_api.database.tables import api_keys
    from dynamic_api.ids import digest

    query = select(api_keys.c.id).where(api_keys.c.sha256 == digest(person.key))
    return api.read(lambda db: access.caller_with(db, db.execute(query).scalar_one(), api.clock()))


def test_several_are_renamed_by_one_document(
    api: World, sx: SxClient, person: Person, name: str, tmp_path: Path
) -> None:
    """Also one after the other: each is made of what the one before left."""
    sx.add(skill_folder(tmp_path, name), name=name)
    steps = [(name, f"{name}-a"), (f"{name}-a", f"{name}-b")]
    text = RENAME % " ".join(ONE % (f"r{number}", *step) for number, step in enumerate(steps))
    done = person.post("/graphql", json={"query": text}).json()
    assert [each["success"] for each in done["data"].values()] == [True, True]
    assert sx.vault_show(f"{name}-b").metadata["asset"]["name"] == f"{name}-b"
    assert f"{name}-b" in sx.install().installed


@pytest.mark.parametrize("new", ["", "!!!", "discover", "con"])
def test_a_name_that_no_asset_may_have_is_refused(
    sx: SxClient, person: Person, name: str, tmp_path: Path, new: str
) -> None:
    sx.add(skill_folder(tmp_path, name), name=name)
    done = person.post("/graphql", json={"query": RENAME % (ONE % ("r", name, new))}).json()
    assert done["data"]["r"]["success"] is False
    assert done["data"]["r"]["errors"][0]["messages"]


def test_an_asset_takes_no_name_of_the_catalogue(
    sx: SxClient, person: Person, name: str, tmp_path: Path
) -> None:
    sx.add(skill_folder(tmp_path, name), name=name)
    done = person.post("/graphql", json={"query": RENAME % (ONE % ("r", name, "pdf-tools"))}).json()
    assert "public catalogue" in done["data"]["r"]["errors"][0]["messages"][0]


def test_what_came_meanwhile_is_never_left_under_the_old_name(
    api: World, sx: SxClient, person: Person, name: str, tmp_path: Path
) -> None:
    sx.add(skill_folder(tmp_path, name), name=name)
    who, context = caller(api, person), api.app.context
    plan = api.read(lambda db: asset_changes.plan(db, context.published, who, name, f"{name}-new"))
    ready = asset_changes.rewritten(context.private_store, plan)
    sx.add(skill_folder(tmp_path, name, " more"), name=name)

    def rename(db: Connection) -> None:
        asset_changes.rename(db, who, Trace(), ready, api.clock())

    with pytest.raises(Conflict, match="changed meanwhile"):
        api.write(rename)
    sx.vault_rename(name, f"{name}-new")
    assert sx.vault_show(f"{name}-new").versions == ["1", "2"]


def test_what_was_taken_back_stays_so_under_another_name(
    api: World, sx: SxClient, person: Person, name: str, tmp_path: Path
) -> None:
    """DESIGN.md D14: the new bytes are on no list, so the row says it."""
    sx.add(skill_folder(tmp_path, name), name=name)
    who, published = caller(api, person), api.app.context.published
    found = api.read(lambda db: asset_reads.require(db, published, who, name))
    shelf.withdraw(api, found.versions[0].version.sha256)
    done = person.post("/graphql", json={"query": RENAME % (ONE % ("r", name, f"{name}-new"))}).json()
    assert done["data"]["r"]["success"] is True
    query = select(skill_versions.c.state).join(skills, skills.c.id == skill_versions.c.skill_id)
    states = api.read(lambda db: db.execute(query.where(skills.c.slug == f"{name}-new")).scalars().all())
    assert states == ["quarantined"]
    assert person.get(f"/api/skills/assets/{name}-new/1/{name}-new-1.zip").status_code == 410
