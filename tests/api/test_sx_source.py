"""What the source of sx does with answers beyond what contracts/sx.md tells of it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from sx_client import SxClient, Targets, graphql, people, targets

from tests.api.sx_room import api, client, skill_folder
from tests.api.world import Person, World

__all__ = ["api"]
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"source-{next(_numbers)}"


@pytest.fixture
def sx(api: World, person: Person, tmp_path: Path) -> SxClient:
    return client(api, person, tmp_path / "home")


def direct_installs(sx: SxClient, name: str) -> list[dict[str, Any]]:
    return [row for row in sx.vault_show(name).installations if row["viaCollectionId"] is None]


@pytest.mark.parametrize(
    "url", ["https://gitlab.example/group/sub/tool", "git@example.com:Acme/Api.git", "acme/short"]
)
def test_what_a_repository_is_called_can_be_sent_back_as_its_url(
    sx: SxClient, name: str, url: str, tmp_path: Path
) -> None:
    """The scope editor sends the targets that it read with `url` = entityName; owner/name is one too."""
    sx.add(skill_folder(tmp_path, name), name=name, targets=Targets(repos=[url]))
    before = direct_installs(sx, name)
    targets.set_installations(sx.wire, name, Targets(repos=[before[0]["entityName"]]), append=False)
    assert direct_installs(sx, name) == before


def test_a_repository_in_nested_groups_is_found_by_the_end_of_its_url(
    sx: SxClient, name: str, tmp_path: Path
) -> None:
    """`sx team repo add` compares owner/name with no more than the last two parts of the URL."""
    sx.team_create(name)
    url = f"https://gitlab.example/group/sub/{name}"
    sx.add(skill_folder(tmp_path, name), name=name, targets=Targets(repos=[url]))
    sx.team_set_repositories(name, [f"sub/{name}"])
    (row,) = sx.team_show(name)["skillsRepositories"]
    assert (row["owner"], row["name"]) == ("sub", name)


def test_a_team_of_others_gets_its_admins_from_who_makes_it(api: World, sx: SxClient, name: str) -> None:
    """`sx team create NAME --member a --admin b --admin c`: CreateTeam, then SetTeamAdmin for each."""
    member, one, two = (api.person().email for _ in range(3))
    people.create_team(sx.wire, name, [member], [one, two])
    team = sx.team_show(name)
    assert {each["email"] for each in team["members"]["nodes"]} == {member, one, two}
    assert {each["email"] for each in team["adminMembers"]} == {one, two}


def test_who_makes_a_team_of_others_leads_it_also_once_in_it(
    api: World, sx: SxClient, person: Person, name: str
) -> None:
    member = api.person().email
    graphql.change(sx.wire, "CreateTeam", name=name, members=[targets.find_user(sx.wire, member)["id"]])
    assert sx.team_show(name)["adminMembers"] == []
    sx.team_add_member(name, person.email)
    assert [each["email"] for each in sx.team_show(name)["adminMembers"]] == [person.email]


def test_the_number_of_teams_is_that_of_all_pages(sx: SxClient, name: str) -> None:
    """`sx team list` shows "2 of 3 teams"."""
    for number in range(3):
        sx.team_create(f"{name} {number}")
    data = graphql.call(sx.wire, "ListTeams", first=2, term=name, memberFirst=50)
    teams = data["organization"]["teams"]
    assert (len(teams["nodes"]), teams["pageInfo"]["hasNextPage"], teams["totalCount"]) == (2, True, 3)
    query = '{ organization { repositories(term: "none") { totalCount } users(first: 1) { totalCount } } }'
    answer = sx.wire.post(
        "/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    assert b'"repositories":{"totalCount":0}' in answer.body
    assert b'"users":{"totalCount":1}' not in answer.body


@pytest.mark.parametrize("kind", ["claude-code-plugin", "mcp", "skill"])
def test_the_type_of_what_a_bot_has_is_that_of_the_asset_in_any_case(
    sx: SxClient, name: str, kind: str, tmp_path: Path
) -> None:
    """ClearAssetInstallations compares the `type` of AssetGID with `assetType` of BotInstalled."""
    bot = sx.bot_create(f"Bot {name}")
    place = folder_of(tmp_path, name, kind)
    sx.add(place, name=name, kind=kind, targets=Targets(bots=[bot.name]))
    (row,) = [each for each in sx.bot_installed(bot.slug) if each["name"] == name]
    (node,) = [
        each for each in graphql.pages(sx.wire, "AssetGID", ("vault", "assets")) if each["slug"] == name
    ]
    assert row["assetType"].lower() == node["type"].lower()


def folder_of(place: Path, name: str, kind: str) -> Path:
    if kind == "skill":
        return skill_folder(place, name)
    folder = place / name
    (folder / ".claude-plugin").mkdir(parents=True)
    (folder / ".claude-plugin/plugin.json").write_text(f'{{"name": "{name}"}}')
    own = '[mcp]\ncommand = "node"\nargs = ["x"]\n' if kind == "mcp" else ""
    (folder / "metadata.toml").write_text(f'[asset]\nname = "{name}"\nversion = "1"\ntype = "{kind}"\n{own}')
    return folder


def test_people_are_one_whatever_the_case_of_their_address(
    api: World, sx: SxClient, person: Person, name: str
) -> None:
    """An import names who used it as another vault wrote them."""
    event = {"asset_name": name, "asset_version": "1", "asset_type": "skill"}
    for number, actor in enumerate((person.email, person.email.upper())):
        sx.usage.put({**event, "timestamp": f"2026-11-28T10:00:0{number}Z", "actor": actor})
    sx.usage.flush(sx.wire)
    api.settle()
    assert sx.stats(asset=name).by_actor == {person.email: 2}
    assert len(sx.stats(asset=name, actor=person.email.upper()).events) == 2


def test_a_search_with_many_hits_is_paged_to_its_end(sx: SxClient, name: str, tmp_path: Path) -> None:
    """ListAssets asks until there is no next page, and would ask for ever when a page came again."""
    for letter in "abc":
        sx.add(skill_folder(tmp_path, f"{name}-{letter}"), name=f"{name}-{letter}", no_install=True)
    path, kind = ("vault", "assets"), {"assetType": "SKILL", "search": name}
    found = graphql.pages(sx.wire, "VaultAssets", path, size=2, **kind)
    assert [each["slug"] for each in found] == [f"{name}-a", f"{name}-b", f"{name}-c"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ('{ vault { assets(after: "\\u0000") { nodes { slug } } } }', "NUL"),
        ('{ vault { assets(slug: "a\\u{0}b") { nodes { slug } } } }', "NUL"),
        (f'{{ vault {{ assets(search: "{"a" * 60_000}") {{ nodes {{ slug }} }} }} }}', "1000 characters"),
        (f'{{ organization {{ users(term: "{"a" * 60_000}") {{ totalCount }} }} }}', "1000 characters"),
        (f'{{ organization {{ teams(term: "{"a" * 60_000}") {{ totalCount }} }} }}', "1000 characters"),
        (
            f'{{ organization {{ repositories(term: "{"a" * 60_000}") {{ totalCount }} }} }}',
            "1000 characters",
        ),
    ],
)
def test_no_text_in_a_document_reaches_the_database_that_it_cannot_take(
    person: Person, query: str, told: str
) -> None:
    answer = person.post("/graphql", json={"query": query})
    assert answer.status_code == 200
    assert told in answer.json()["errors"][0]["message"]


def test_nobody_leaves_a_large_team_by_not_being_shown(
    api: World, sx: SxClient, person: Person, name: str
) -> None:
    """`sx team member add` and `team repo add` send back the 50 members that they read as all there are."""
    everybody = [api.person(email=f"{name}-{number:02}@example.com").email for number in range(52)]
    ids = [targets.find_user(sx.wire, email)["id"] for email in (*everybody, person.email)]
    graphql.change(sx.wire, "CreateTeam", name=name, members=ids)
    sx.team_add_member(name, api.person().email)
    assert sx.team_show(name)["members"]["totalCount"] == 54
    sx.team_remove_member(name, everybody[0])
    team = targets.find_team(sx.wire, name)
    kept = [each["id"] for each in team["members"]["nodes"] if each["email"] != everybody[1]]
    graphql.change(sx.wire, "UpdateTeam", id=team["id"], members=kept)
    assert sx.team_show(name)["members"]["totalCount"] == 52


@pytest.mark.parametrize("operation", ["AssetGID", "AssetInstallations"])
def test_private_and_published_assets_come_once_each_however_they_fall_on_pages(
    sx: SxClient, name: str, operation: str, tmp_path: Path
) -> None:
    for letter in "abc":
        sx.add(skill_folder(tmp_path, f"{name}-{letter}"), name=f"{name}-{letter}", no_install=True)
    slugs = [node["slug"] for node in graphql.pages(sx.wire, operation, ("vault", "assets"), size=3)]
    assert slugs == sorted(set(slugs))
    assert {"pdf-tools", "text-facts", *(f"{name}-{letter}" for letter in "abc")} <= set(slugs)
