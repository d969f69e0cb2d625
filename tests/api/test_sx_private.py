"""Issue 6: who may have a private skill by sx, and do what with it (contracts/skillzdrive.md 3.3)."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import pytest
from sqlalchemy import update
from sx_client import GraphQlError, NotFound, PermissionDenied, SxClient, Targets, vault

from dynamic_api.database.tables import shares
from dynamic_api.ids import undashed
from dynamic_api.services.keys import KeyOptions
from tests.api import shelf
from tests.api.sx_room import api, client, installed, skill_folder
from tests.api.test_sx_drive import fetch, inside, lock_row, uploaded
from tests.api.world import Person, World

__all__ = ["api"]
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"held-{next(_numbers)}"


@pytest.fixture
def sx(api: World, person: Person, tmp_path: Path) -> SxClient:
    return client(api, person, tmp_path / "home")


def test_it_is_its_owners_alone_until_they_install_it_for_others(
    api: World, sx: SxClient, person: Person, name: str, tmp_path: Path
) -> None:
    friend = api.person()
    theirs = client(api, friend, tmp_path / "friend")
    uploaded(api, person, name)
    assert friend.get(f"/api/skills/assets/{name}/list.txt").text == ""
    assert fetch(friend, name).status_code == 404
    assert name not in {node["slug"] for node in theirs.vault_list("skill")}
    with pytest.raises(NotFound):
        theirs.vault_show(name)
    sx.team_create(f"team {name}", [person.email, friend.email])
    sx.install_name(name, Targets(teams=[f"team {name}"]))
    assert installed(theirs)[name] == "1"
    assert name in theirs.install().installed
    sx.install_name(name, Targets(repos=["https://example.com/acme/api"]))
    sx.team_delete(f"team {name}")
    assert [scope.repo for scope in lock_row(theirs, name).scopes] == ["https://example.com/acme/api"]


def test_of_two_with_one_name_each_caller_gets_one_row(
    api: World, sx: SxClient, person: Person, name: str, tmp_path: Path
) -> None:
    """Own before what somebody else has installed for everybody; the URL says which bytes."""
    other = api.person()
    theirs = client(api, other, tmp_path / "other")
    uploaded(api, person, name, "Mine.")
    uploaded(api, other, name, "Theirs.")
    assert fetch(person, name).content != fetch(other, name).content
    sx.install_name(name, Targets(org=True))
    assert inside(fetch(other, name).content)["SKILL.md"].endswith(b"Mine.\n")
    theirs.add_name(name, Targets(users=["me"]))  # what the name means for them: that of their lock
    mine = fetch(person, name).content
    for home, who in ((sx, person), (theirs, other)):
        assert name in home.install().installed
        assert lock_row(home, name).hashes["sha256"] == hashlib.sha256(mine).hexdigest()
        assert sum(node["slug"] == name for node in home.vault_list("skill")) == 1
        assert who.get(f"/api/skills/assets/{name}/list.txt").text == "1\n"


def test_what_is_shared_can_be_installed_for_oneself_while_it_is_shared(
    api: World, sx: SxClient, person: Person, name: str, tmp_path: Path
) -> None:
    """contracts/skillzdrive.md 3.3: an accepted share, and no longer."""
    friend = api.person()
    theirs = client(api, friend, tmp_path / "friend")
    skill_id = undashed(uploaded(api, person, name)["skill"]["id"])
    shelf.share(api, person, skill_id, friend)
    assert theirs.vault_show(name).versions == ["1"]
    assert theirs.add_name(name, Targets(users=["me"])) == ["1"]
    assert name in theirs.install().installed
    made = theirs.bot_create(f"bot {name}")
    for forbidden in (
        lambda: theirs.add_name(name, Targets(org=True)),
        lambda: theirs.collection_create(f"all {name}", None, [name]),
        lambda: theirs.bot_install(made.name, name),
        lambda: theirs.vault_rename(name, f"{name}-mine"),
    ):
        with pytest.raises(GraphQlError, match="PERMISSION_DENIED"):
            forbidden()
    with pytest.raises(PermissionDenied):
        theirs.add(skill_folder(tmp_path, name, " mine"), name=name)
    taken_back = update(shares).where(shares.c.skill_id == skill_id).values(status="revoked")
    api.write(lambda db: db.execute(taken_back) and None)
    assert name in theirs.install().removed
    assert fetch(friend, name).status_code == 404
    assert friend.get(f"/api/skills/assets/{name}/list.txt").text == ""


def test_a_teams_skill_is_seen_by_keys_that_see_teams(
    api: World, person: Person, name: str, tmp_path: Path
) -> None:
    member = api.person()
    skill_id = undashed(uploaded(api, person, name)["skill"]["id"])
    shelf.team(api, person, [skill_id], member)
    narrow = api.key(member, KeyOptions(include_team=False))
    seen = client(api, member, tmp_path / "wide").vault_list("skill")
    assert name in {node["slug"] for node in seen}
    assert name not in {node["slug"] for node in client(api, narrow, tmp_path / "narrow").vault_list("skill")}
    assert (fetch(member, name).status_code, fetch(narrow, name).status_code) == (200, 404)


def test_nobody_else_reads_of_it_in_the_log_or_a_collection(
    api: World, sx: SxClient, person: Person, name: str, tmp_path: Path
) -> None:
    stranger = client(api, api.person(), tmp_path / "stranger")
    uploaded(api, person, name)
    sx.add_name(name, Targets(users=["me"]))
    assert [row["event"] for row in sx.audit(target=name)] == ["ASSET_INSTALLED", "SKILL_UPLOADED"]
    assert stranger.audit(target=name) == []
    asked = f'{{ assetAuditLog(event: "ASSET_INSTALLED", target: "{name}") {{ nodes {{ event }} }} }}'
    told = person.post("/graphql", json={"query": asked}).json()["data"]["assetAuditLog"]["nodes"]
    assert told == [{"event": "ASSET_INSTALLED"}]
    sx.collection_create(f"some {name}", None, [name, "pdf-tools"])
    assert sorted(sx.collection_show(f"some {name}").assets) == sorted([name, "pdf-tools"])
    assert stranger.collection_show(f"some {name}").assets == ["pdf-tools"]


def test_whoever_brings_a_deleted_asset_back_answers_for_it(
    api: World, sx: SxClient, name: str, tmp_path: Path
) -> None:
    """Its numbers go on, as list.txt says, and it is theirs: the next version is no change request."""
    other = client(api, api.person(), tmp_path / "other")
    sx.add(skill_folder(tmp_path, name), name=name)
    vault.remove_installations(sx.wire, name, delete=True)
    other.add(skill_folder(tmp_path, name, " again"), name=name)
    assert other.add(skill_folder(tmp_path, name, " and again"), name=name).version == "3"
    with pytest.raises(PermissionDenied):
        sx.add(skill_folder(tmp_path, name, " mine"), name=name)
    assert installed(other)[name] == "3"


def test_who_uses_it_is_told_to_its_owner_alone(
    api: World, sx: SxClient, person: Person, name: str, tmp_path: Path
) -> None:
    """`sx stats`: neither name nor users of what is somebody else's."""
    uploaded(api, person, name)
    stranger = client(api, api.person(), tmp_path / "stranger")
    event = {"asset_name": name, "asset_version": "1", "asset_type": "skill"}
    sx.report_usage(event)
    api.settle()
    assert sx.stats(asset=name).by_asset == {name: 1}
    assert stranger.stats(asset=name).events == []
    stranger.report_usage(event)
    api.settle()
    assert stranger.stats(asset=name).by_asset == {name: 1}
