"""Every row of contracts/sx.md 1.6 by the strict client, over real HTTP, on both databases."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from sx_client import GraphQlError, NotFound, PermissionDenied, Refused, SxClient, Targets, graphql

from tests.api.sx_room import api, client, installed, skill_folder
from tests.api.world import Person, World

__all__ = ["api"]
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"asset-{next(_numbers)}"


@pytest.fixture
def sx(api: World, person: Person, tmp_path: Path) -> SxClient:
    return client(api, person, tmp_path / "home")


@pytest.fixture
def admin(api: World, tmp_path: Path) -> SxClient:
    return client(api, api.person(role="admin"), tmp_path / "admin")


def other(api: World, place: Path) -> tuple[Person, SxClient]:
    person = api.person()
    return person, client(api, person, place)


def test_add_with_scope_flags_installs_for_those_alone(
    api: World, sx: SxClient, name: str, tmp_path: Path
) -> None:
    """`sx add DIR --yes` + scope flags."""
    friend, theirs = other(api, tmp_path / "friend")
    _, stranger = other(api, tmp_path / "stranger")
    sx.add(skill_folder(tmp_path, name), name=name, targets=Targets(users=[friend.email]))
    assert name in installed(theirs)
    assert name not in installed(stranger)
    (row,) = sx.vault_show(name).installations
    assert (row["entityType"], row["entityRef"]) == ("USER", friend.email)


def test_add_of_a_published_skill_for_oneself(sx: SxClient) -> None:
    """`sx add NAME` of an asset that exists."""
    assert sx.add_name("pdf-tools", Targets(users=["me"])) == ["1", "2"]
    assert installed(sx)["pdf-tools"] == "2"
    assert "pdf-tools" in sx.install().installed


def test_install_name_adds_a_target(api: World, sx: SxClient, name: str, tmp_path: Path) -> None:
    """`sx install NAME --repo`, `--path`: the lock carries them as scopes."""
    sx.add(skill_folder(tmp_path, name), name=name, targets=Targets(users=["me"]))
    sx.install_name(name, Targets(repos=["git@example.com:Acme/Api.git"]))
    sx.install_name(name, Targets(paths=["https://example.com/acme/web#services/a,services/b"]))
    kinds = sorted(row["entityType"] for row in sx.vault_show(name).installations)
    assert kinds == ["REPOSITORY", "REPOSITORY", "USER"]
    _, theirs = other(api, tmp_path / "other")
    lock = theirs.lock()
    assert lock is not None
    (row,) = [row for row in lock.rows if row.name == name]
    scopes = {(scope.repo.lower(), scope.paths) for scope in row.scopes}
    assert scopes == {
        ("git@example.com:acme/api.git", ()),
        ("https://example.com/acme/web", ("services/a", "services/b")),
    }
    assert name in theirs.install(remote="https://example.com/acme/api").installed


def test_only_who_answers_for_an_asset_installs_it_for_others(
    api: World, sx: SxClient, name: str, tmp_path: Path
) -> None:
    sx.add(skill_folder(tmp_path, name), name=name, targets=Targets(users=["me"]))
    _, theirs = other(api, tmp_path / "other")
    with pytest.raises(GraphQlError, match="PERMISSION_DENIED"):
        theirs.add_name("text-facts", Targets(org=True))
    theirs.add_name("text-facts", Targets(users=["me"]))


def test_vault_list_and_show(sx: SxClient, name: str, tmp_path: Path) -> None:
    sx.add(skill_folder(tmp_path, name), name=name)
    listed = {node["slug"]: node for node in sx.vault_list()}
    assert listed[name]["latestVersion"] == "1"
    assert listed["pdf-tools"]["versionsCount"] == 2
    assert sx.vault_list("agent") == []
    shown = sx.vault_show(name)
    assert (shown.versions, shown.metadata["asset"]["name"]) == (["1"], name)
    with pytest.raises(NotFound):
        sx.vault_show("no-such-asset")


def test_vault_rename_changes_the_zip_as_well(sx: SxClient, name: str, tmp_path: Path) -> None:
    sx.add(skill_folder(tmp_path, name), name=name)
    sx.add(skill_folder(tmp_path, name, " twice"), name=name)
    sx.vault_rename(name, f"{name}-new")
    assert f"{name}-new" in sx.install().installed
    with pytest.raises(Refused):
        sx.vault_rename(f"{name}-new", "pdf-tools")


def test_vault_copy_takes_versions_and_events(
    api: World, admin: SxClient, sx: SxClient, name: str, tmp_path: Path
) -> None:
    """ImportAuditEvents: what happened elsewhere is marked as brought."""
    from sx_client import reports

    event = {"timestamp": "2026-01-02T03:04:05Z", "event": "OLD", "targetType": "asset", "target": name}
    assert reports.import_events(admin.wire, [event]) == 1
    (row,) = admin.audit(event="OLD", target=name)
    assert "imported_by" in row["data"]
    with pytest.raises(GraphQlError, match="PERMISSION_DENIED"):
        reports.import_events(sx.wire, [event])


def test_removed_installs_leave_an_empty_lock_row(sx: SxClient, name: str, tmp_path: Path) -> None:
    from sx_client import vault

    sx.add(skill_folder(tmp_path, name), name=name)
    vault.remove_installations(sx.wire, name, delete=False)
    assert name not in installed(sx)
    vault.remove_installations(sx.wire, name, delete=True)
    with pytest.raises(NotFound):
        sx.vault_show(name)


def test_teams(api: World, sx: SxClient, person: Person, name: str, tmp_path: Path) -> None:
    """`sx team …`."""
    friend, theirs = other(api, tmp_path / "friend")
    team = f"team {name}"
    sx.team_create(team)
    sx.team_add_member(team, friend.email)
    shown = sx.team_show(team)
    assert {member["email"] for member in shown["members"]["nodes"]} == {person.email, friend.email}
    assert [member["email"] for member in shown["adminMembers"]] == [person.email]
    sx.team_set_admin(team, friend.email)
    sx.add(skill_folder(tmp_path, name), name=name, targets=Targets(teams=[team]))
    assert name in installed(theirs)
    sx.install_name(name, Targets(repos=["https://example.com/acme/api"]))
    sx.team_set_repositories(team, ["acme/api"])
    assert [row["name"] for row in sx.team_show(team)["skillsRepositories"]] == ["api"]
    sx.team_set_repositories(team, [])
    assert [row["name"] for row in sx.team_show(team)["skillsRepositories"]] == ["api"], "null keeps them"
    graphql.change(sx.wire, "UpdateTeam", id=sx.team_show(team)["id"], skillsRepositories=[])
    assert sx.team_show(team)["skillsRepositories"] == []
    sx.team_remove_member(team, friend.email)
    sx.team_rename(team, f"{team} new")
    with pytest.raises(Refused, match="nobody would lead"):
        sx.team_remove_member(f"{team} new", person.email)
    sx.team_delete(f"{team} new")
    assert f"{team} new" not in {row["name"] for row in sx.team_list()}


def test_bots_and_their_keys(api: World, sx: SxClient, name: str, tmp_path: Path) -> None:
    """`sx bot …`, `sx bot key …`; SX_BOT_KEY opens what is for sx, and nothing else."""
    sx.team_create(f"crew {name}")
    made = sx.bot_create(f"Bot {name}", "reviews", [f"crew {name}"])
    sx.add(skill_folder(tmp_path, name), name=name, targets=Targets(bots=[made.name]))
    bot = client(api, made.key, tmp_path / "bot")
    assert installed(bot)[name] == "1"
    assert name in bot.install().installed
    direct = {"name": name, "assetType": "skill", "isDirectInstall": True}
    assert direct in sx.bot_installed(made.slug)
    assert bot.wire.get("/api/v1/drive").status == 403
    sx.bot_install(made.name, "pdf-tools")
    sx.bot_install(made.name, "pdf-tools")
    assert installed(bot)["pdf-tools"] == "2"
    assert sx.bot_uninstall(made.name, "pdf-tools") is True
    assert sx.bot_uninstall(made.name, "pdf-tools") is False
    second = client(api, sx.bot_key_create(made.name, "ci"), tmp_path / "ci")
    assert {key["label"] for key in sx.bot_key_list(made.name)} == {"default", "ci"}
    assert installed(second) == installed(bot)
    sx.bot_key_delete(made.name, "ci")
    assert second.wire.get("/api/skills/sx.lock").status == 401
    token = sx.bot_runtime_token(made.name, "run", 60)
    assert client(api, token["botKey"], tmp_path / "run").lock() is not None
    assert sx.bot_revoke_runtime_tokens(made.name) == 1
    sx.bot_update(made.name, description="", teams=[])
    sx.bot_delete(made.name)
    assert bot.wire.get("/api/skills/sx.lock").status == 401


def test_a_bot_publishes_what_it_made(api: World, sx: SxClient, name: str, tmp_path: Path) -> None:
    made = sx.bot_create(f"CI {name}")
    bot = client(api, made.key, tmp_path / "bot")
    assert bot.add(skill_folder(tmp_path, name), name=name, no_install=True).uploaded is not None
    again = bot.add(skill_folder(tmp_path, name, " more"), name=name, no_install=True)
    assert again.version == "2"


def test_collections(api: World, sx: SxClient, name: str, tmp_path: Path) -> None:
    """`sx collection …`."""
    friend, theirs = other(api, tmp_path / "friend")
    sx.add(skill_folder(tmp_path, name), name=name, targets=Targets(users=["me"]))
    sx.collection_create(name, "Good ones", [name])
    sx.collection_add(name, ["pdf-tools"])
    assert sorted(sx.collection_show(name).assets) == sorted([name, "pdf-tools"])
    sx.collection_install(name, Targets(users=[friend.email]))
    assert {name, "pdf-tools"} <= installed(theirs).keys()
    (row,) = sx.collection_show(name).installations
    assert row["entityRef"] == friend.email
    assert [row["entityType"] for row in sx.vault_show(name).installations] == ["USER"]
    sx.collection_remove(name, ["pdf-tools"])
    assert "pdf-tools" not in installed(theirs)
    sx.collection_uninstall(name, Targets(users=[friend.email]))
    sx.collection_uninstall(name, Targets(users=[friend.email]))
    assert name not in installed(theirs)
    sx.collection_update(name, new=f"{name} new", description="Better")
    sx.collection_delete(f"{name} new")
    with pytest.raises(NotFound):
        sx.collection_show(f"{name} new")


def test_a_change_request_waits_as_a_proposal(api: World, sx: SxClient, name: str, tmp_path: Path) -> None:
    """1.3: permission_denied, then CreateAssetPullRequest and its files."""
    from dynamic_api.services import proposals

    with pytest.raises(PermissionDenied) as refused:
        sx.add(skill_folder(tmp_path, "pdf-tools", " mine"), name="pdf-tools")
    files = {"SKILL.md": b"new text", "scripts/run.py": b"print()", "metadata.toml": b""}
    sx.request_change(refused.value, files, f"Better {name}")
    (made,) = [each for each in api.read(proposals.waiting) if each.title == f"Better {name}"]
    changes = api.read(lambda db: proposals.changes(db, made.id))
    assert {change.path: change.content for change in changes} == {
        "SKILL.md": "new text",
        "scripts/run.py": "print()",
    }


def test_stats_and_audit(api: World, sx: SxClient, person: Person, name: str, tmp_path: Path) -> None:
    """`sx stats`, `sx audit`, in pages of 50."""
    sx.add(skill_folder(tmp_path, name), name=name)
    for number in range(60):
        event = {"asset_name": name, "asset_version": "1", "asset_type": "skill"}
        sx.usage.put({**event, "timestamp": f"2026-11-28T10:00:{number:02}Z"})
    assert sx.usage.flush(sx.wire) == 60
    api.settle()
    found = sx.stats(asset=name, kind="skill", since="2026-11-28T00:00:00Z")
    assert (found.by_asset[name], found.by_actor[person.email]) == (60, 60)
    assert sx.stats(asset=name, until="2026-11-01T00:00:00Z").events == []
    api.settle()
    events = {row["event"] for row in sx.audit(actor=person.email)}
    assert {"ASSET_PUBLISHED", "ASSET_INSTALLED", "LOCK_FILE_ACCESSED"} <= events


def test_an_agent_is_written_from_a_text(sx: SxClient, name: str) -> None:
    """CreateAgentAsset."""
    from sx_client import graphql

    made = graphql.change(
        sx.wire,
        "CreateAgentAsset",
        name=name,
        assetType="agent",
        rawContent="---\nname: x\ndescription: y\n---\nHelp.\n",
        description="Helps",
        installations=None,
    )
    assert made["asset"]["latestVersion"] == "1"
    assert name in sx.install().installed


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ user { id ", "query-syntax"),
        ("{ user { " + "id " * 350 + "} }", "query-too-long"),
        (
            "{" + "organization { teams { nodes { members { nodes { id } } } } }" * 40 + "}",
            "query-too-expensive",
        ),
        ("query A { ...B } fragment B on Query { ...B }", "query-fragment-cycle"),
    ],
)
def test_bombs_are_refused(person: Person, query: str, code: str) -> None:
    answer = person.post("/graphql", json={"query": query})
    assert answer.status_code == 200
    assert answer.json()["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize("cursor", ["²:x", "٣:x", "-1:x", "1", ":x", "1e3:x", "9" * 16 + ":x", "1:"])
@pytest.mark.parametrize("field", ["assetAuditLog", "assetUsageEvents"])
def test_cursor_that_is_not_ours_is_refused(person: Person, field: str, cursor: str) -> None:
    query = f'{{ {field}(after: "{cursor}") {{ pageInfo {{ hasNextPage }} }} }}'
    answer = person.post("/graphql", json={"query": query}).json()
    assert answer["errors"][0]["extensions"]["code"] == "bad_cursor"


@pytest.mark.parametrize("name", ["", "%", "_", "\\", "\u202e"])
def test_text_whose_name_is_none_is_refused(person: Person, name: str) -> None:
    query = """mutation M($n: String!) { createAsset(input: {name: $n, assetType: "agent", rawContent: "x"})
        { errors { field messages } } }"""
    answer = person.post("/graphql", json={"query": query, "variables": {"n": name}})
    assert answer.status_code == 200, answer.text
    (error,) = answer.json()["data"]["createAsset"]["errors"]
    assert error["messages"]


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"]
)
def test_event_of_a_time_that_nobody_can_write_is_refused(api: World, at: str) -> None:
    """One such row would break every page of the log that it is on."""
    admin = api.person(role="admin")
    query = """mutation I($at: DateTime!) { importAuditEvents(events: [{timestamp: $at, event: "e",
        targetType: "asset"}]) { importedCount errors { field messages } } }"""
    answer = admin.post("/graphql", json={"query": query, "variables": {"at": at}})
    assert answer.status_code == 200, answer.text
    told = answer.json()["data"]["importAuditEvents"]
    assert (told["importedCount"], told["errors"][0]["field"]) == (0, "events[0].timestamp")


def test_app_plugins_are_an_empty_list_and_unknown_fields_an_error(person: Person) -> None:
    query = "{ vault { assets(type: APP_PLUGIN) { nodes { __typename slug } } } }"
    assert person.post("/graphql", json={"query": query}).json() == {
        "data": {"vault": {"assets": {"nodes": []}}}
    }
    answer = person.post("/graphql", json={"query": "{ nothing }"}).json()
    assert "Cannot query field" in answer["errors"][0]["message"]
