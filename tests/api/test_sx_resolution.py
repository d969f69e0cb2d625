"""The resolution matrix end to end: who gets what, from installs in the database to a lock on the wire."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, update
from sx_client import SxClient, Targets

from dynamic_api.database.tables import skill_versions
from dynamic_api.services import access, asset_lock
from dynamic_api.sx.lock import lock
from tests.api.shelf import withdraw
from tests.api.sx_room import client, installed, skill_folder
from tests.api.world import World, world
from tests.databases import KINDS, new_url


@pytest.fixture(params=KINDS)
def api(request: pytest.FixtureRequest, tmp_path: Path, registry: Path) -> Iterator[World]:
    with world(tmp_path / "data", new_url(request.param, tmp_path, request), {}, registry) as made:
        yield made


def scopes(sx: SxClient, name: str) -> set[tuple[str, tuple[str, ...]]] | None:
    lock = sx.lock()
    assert lock is not None
    rows = [row for row in lock.rows if row.name == name]
    return {(scope.repo, scope.paths) for scope in rows[0].scopes} if rows else None


def test_each_entity_reaches_its_own(api: World, tmp_path: Path) -> None:
    """Rows org, user, team with and without repositories, bot, repository, path."""
    people = [api.person() for _ in range(3)]
    ada, bob, eve = (client(api, each, tmp_path / each.id) for each in people)
    ada.team_create("one", [people[0].email, people[1].email])
    bot = ada.bot_create("robot", None, ["one"])
    robot = client(api, bot.key, tmp_path / "robot")
    repo, path = "https://example.com/acme/api", "https://example.com/acme/web#a,b"
    for name, targets in {
        "for-org": Targets(org=True),
        "for-bob": Targets(users=[people[1].email]),
        "for-team": Targets(teams=["one"]),
        "for-bot": Targets(bots=["robot"]),
        "for-repo": Targets(repos=[repo]),
        "for-path": Targets(paths=[path]),
    }.items():
        ada.add(skill_folder(tmp_path, name), name=name, targets=targets, no_install=True)
    everybody = {"for-org", "for-repo", "for-path"}
    assert installed(ada).keys() == {*everybody, "for-team"}
    assert installed(bob).keys() == {*everybody, "for-team", "for-bob"}
    assert installed(eve).keys() == everybody
    assert installed(robot).keys() == {"for-org", "for-team", "for-bot"}
    assert scopes(eve, "for-org") == set()
    assert scopes(eve, "for-repo") == {(repo, ())}
    assert scopes(eve, "for-path") == {("https://example.com/acme/web", ("a", "b"))}
    assert_made_alone_as_together(api, [*(each.key for each in people), bot.key])
    ada.team_set_repositories("one", ["acme/api"])
    assert scopes(bob, "for-team") == {(repo, ())}
    ada.team_remove_member("one", people[1].email)
    assert "for-team" not in installed(bob)


def assert_made_alone_as_together(api: World, keys: list[str]) -> None:
    """What locks have in common is read once; whose comes first makes no difference to any of them."""

    def bodies(keys: list[str], parts: asset_lock.Parts) -> list[bytes]:
        def work(db: Connection) -> list[bytes]:
            callers = [access.caller_of(db, key, api.clock()) for key in keys]
            return asset_lock.bodies(db, api.app.context.published, callers, parts)

        return api.read(work)

    def resolved(key: str) -> bytes:
        def work(db: Connection) -> bytes:
            caller = access.caller_of(db, key, api.clock())
            had, resolution = asset_lock.resolved(db, api.app.context.published, caller)
            return lock(resolution.entries, "http://h", asset_lock.CREATED_BY, exact=had.shared_names())

        return api.read(work)

    alone = {key: resolved(key) for key in keys}
    for order in (keys, keys[::-1]):
        parts = asset_lock.Parts("http://h")
        assert {key: bodies([key], parts) for key in order} == {key: [body] for key, body in alone.items()}
        assert bodies(order, asset_lock.Parts("http://h")) == [alone[key] for key in order]


def test_what_is_needed_comes_with_it_and_follows_the_states(api: World, tmp_path: Path) -> None:
    """Rows dependency, yanked, quarantined."""
    person = api.person()
    sx = client(api, person, tmp_path / "home")
    me = Targets(users=["me"])
    sx.add(skill_folder(tmp_path, "base"), name="base", targets=me, no_install=True)
    sx.add(skill_folder(tmp_path, "base", " more"), name="base", targets=me, no_install=True)
    folder = skill_folder(tmp_path, "top", dependencies=["base<2", "pdf-tools", "nowhere"])
    sx.add(folder, name="top", targets=Targets(org=True), no_install=True)
    other = client(api, api.person(), tmp_path / "other")
    assert installed(other) == {"top": "1", "base": "1", "pdf-tools": "2"}
    assert_made_alone_as_together(api, [person.key, api.person().key])
    lock = other.lock()
    assert lock is not None
    (top,) = [row for row in lock.rows if row.name == "top"]
    assert [need.name for need in top.dependencies] == ["base", "pdf-tools"]
    other.install()
    yank(api, "yanked")
    assert installed(other) == {"top": "1", "pdf-tools": "2"}
    (row,) = [row for row in lock.rows if row.name == "top"]
    withdraw(api, row.hashes["sha256"])
    # The stamp of the published view is looked at a few times a second; bytes are refused at once.
    assert other.wire.get("/api/skills/assets/top/1/top-1.zip").status == 410
    deadline = time.monotonic() + 20
    while (left := installed(other)) and time.monotonic() < deadline:
        continue
    assert left == {}


def yank(api: World, state: str) -> None:
    """Every private version but those of `top`: its lock is told by the trigger."""
    mine = skill_versions.c.label.is_not(None), skill_versions.c.facts.not_like("%nowhere%")
    api.write(lambda db: db.execute(update(skill_versions).where(*mine).values(state=state)) and None)


def test_a_private_asset_of_ones_own_comes_before_the_organisation(api: World, tmp_path: Path) -> None:
    """Two assets of one name: the nearest stays, in the lock and behind its URL."""
    person = api.person()
    sx = client(api, person, tmp_path / "home")
    sx.add(skill_folder(tmp_path, "twin", " for all"), name="twin", no_install=True)
    files = {"file": ("twin-1.zip", zipped_skill("twin", "mine"))}
    data = {"name": "twin", "version": "1", "type": "skill", "owned_by": "user"}
    answer = person.post("/api/skills/assets", data=data, files=files)
    assert answer.status_code == 201, answer.text
    sx.install()
    assert "mine" in (tmp_path / "home/.claude/skills/twin/SKILL.md").read_text()
    other = client(api, api.person(), tmp_path / "other")
    other.install()
    assert "for all" in (tmp_path / "other/.claude/skills/twin/SKILL.md").read_text()
    assert_made_alone_as_together(api, [person.key, api.person().key])


def zipped_skill(name: str, text: str) -> bytes:
    from sx_client.publish import pack, with_metadata

    body = f"---\nname: {name}\ndescription: Does it.\n---\n{text}\n".encode()
    return pack(with_metadata({"SKILL.md": body}, name, "1", "skill"))


BAD = [
    ({"name": "other"}, 400, "form-disagrees"),
    ({"version": "2"}, 400, "form-disagrees"),
    ({"type": "agent"}, 400, "bundle-invalid"),
    ({"version": "2024-1-2"}, 400, ""),
    ({"type": "app-plugin"}, 400, ""),
    ({"installations": "{broken"}, 400, "bad_installations"),
    ({"installations": '[{"entity_type":"PLANET"}]'}, 400, "bad_entity"),
    ({"installations": '[{"entity_type":"TEAM","entity_id":"nobody"}]'}, 404, "entity_not_found"),
    ({"owned_by": "aliens"}, 400, "bad_owned_by"),
]


@pytest.mark.parametrize(("fields", "status", "code"), BAD)
def test_bad_forms_keep_nothing(api: World, fields: dict[str, str], status: int, code: str) -> None:
    person = api.person()
    data = {"name": "good", "version": "1", "type": "skill"} | fields
    answer = person.post(
        "/api/skills/assets", data=data, files={"file": ("good-1.zip", zipped_skill("good", "x"))}
    )
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["error"], str)
    assert not code or answer.json()["code"] == code
    assert person.get("/api/skills/assets/good/list.txt").text == ""
