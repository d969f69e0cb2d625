"""Collections (contracts/skillzdrive.md rows 16–21; 1.2, 1.3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from dynamic_api.services.keys import KeyOptions
from tests.api import shelf
from tests.api.collecting import PATH, as_key, make, names, publish
from tests.api.shelf import drive_slugs, error
from tests.api.world import Person, World


def test_create_shows_the_key_once(api: World, holder: Person) -> None:
    """Row 17."""
    answer = make(holder, "acme-user-42", "pdf-tools")
    assert answer.status_code == 201
    collection = answer.json()["data"]["collection"]
    prefix, created = collection.pop("keyPrefix"), collection.pop("createdAt")
    assert collection == {
        "name": "acme-user-42",
        "scope": "scoped",
        "skillCount": 1,
        "includeTeamSkills": True,
        "includeSharedSkills": True,
        "isPublicMarketplace": False,
        "enabled": True,
        "notice": None,
    }
    secret = answer.json()["data"]["api_key"]
    assert secret.startswith(prefix)
    assert created.endswith("Z")
    assert secret not in holder.get(PATH).text
    assert drive_slugs(as_key(api, holder, answer)) == ["pdf-tools"]


def test_without_a_list_the_key_sees_everything(api: World, holder: Person) -> None:
    """Row 17; an empty list is a list."""
    whole = holder.post(PATH, json={"name": "whole"})
    assert whole.json()["data"]["collection"]["scope"] == "all_skills"
    assert drive_slugs(as_key(api, holder, whole)) == ["my-notes", "pdf-tools"]
    empty = make(holder, "empty")
    assert (empty.json()["data"]["collection"]["scope"], drive_slugs(as_key(api, holder, empty))) == (
        "scoped",
        [],
    )


def test_list(api: World, holder: Person) -> None:
    """Row 16: every key with a name, but for those that may upload only."""
    make(holder, "two", "pdf-tools", "my-notes")
    api.key(holder, KeyOptions(kind="upload_only"))
    found = holder.get(PATH).json()["data"]["collections"]
    assert [(item["name"], item["scope"], item["skillCount"]) for item in found] == [
        ("main", "all_skills", "all"),
        ("two", "scoped", 2),
    ]


def test_sources_that_a_key_leaves_out(api: World, holder: Person) -> None:
    """Rows 17 and 18, 3.3."""
    other = api.person()
    ours = shelf.private(api, other, "ours")
    shelf.team(api, other, [ours.skill_id], holder)
    answer = make(holder, "alone", "ours", "pdf-tools", includeTeamSkills=False, includeSharedSkills=False)
    key = as_key(api, holder, answer)
    assert drive_slugs(key) == ["pdf-tools"]
    holder.patch(f"{PATH}/alone", json={"includeTeamSkills": True})
    assert drive_slugs(key) == ["ours", "pdf-tools"]


def test_name_is_unique_for_each_owner(api: World, holder: Person) -> None:
    """Row 17; 1.2."""
    assert make(holder, "PDF Tools").status_code == 201
    assert error(make(holder, "PDF Tools")) == (409, "name_taken")
    assert make(holder, "pdf tools").status_code == 201
    assert make(api.person(), "PDF Tools").status_code == 201


def test_names_are_matched_exactly_and_percent_decoded(holder: Person) -> None:
    """1.2."""
    for name in ("PDF Tools", "Äpfel & Birnen?", "100%", "a+b", "日本"):
        make(holder, name, "pdf-tools")
        answer = holder.patch(f"{PATH}/{quote(name)}", json={"includeTeamSkills": False})
        assert answer.json()["data"]["collection"]["name"] == name
    wrong = holder.patch(f"{PATH}/{quote('pdf tools')}", json={"includeTeamSkills": False})
    assert error(wrong) == (404, "collection_not_found")


def test_skill_that_the_key_does_not_see_cannot_be_listed(api: World, holder: Person) -> None:
    """Rows 17 to 19: and names no other than what is not there."""
    shelf.private(api, api.person(), "theirs")
    texts = set()
    for slug in ("theirs", "nothing"):
        answer = make(holder, "bad", "pdf-tools", slug)
        assert error(answer) == (404, "skill_not_found")
        assert answer.json()["error"]["place"] == "body.skillSlugs[1]"
        texts.add(answer.text.replace(slug, "x"))
        assert error(holder.post(f"{PATH}/main/skills", json={"skillSlug": slug})) == (
            400,
            "collection_ineligible",
        )
    assert len(texts) == 1
    assert names(holder) == ["main"]
    assert make(holder, "bad", "pdf-tool").json()["error"]["suggestions"] == ["pdf-tools"]


def test_rename_and_list_others(api: World, holder: Person) -> None:
    """Row 18: only what is given changes."""
    key = as_key(api, holder, make(holder, "before", "pdf-tools", includeSharedSkills=False))
    answer = holder.patch(f"{PATH}/before", json={"newName": "After All", "skillSlugs": ["my-notes"]})
    collection = answer.json()["data"]["collection"]
    assert (collection["name"], collection["skillCount"], collection["includeSharedSkills"]) == (
        "After All",
        1,
        False,
    )
    assert drive_slugs(key) == ["my-notes"]
    assert names(holder) == ["After All", "main"]
    assert error(holder.patch(f"{PATH}/before", json={"newName": "x"})) == (404, "collection_not_found")
    make(holder, "other")
    assert error(holder.patch(f"{PATH}/other", json={"newName": "main"})) == (409, "name_taken")


def test_add_and_remove_one_skill(api: World, holder: Person) -> None:
    """Rows 19 and 20."""
    key = as_key(api, holder, make(holder, "My List"))
    path = f"{PATH}/My%20List/skills"
    added = holder.post(path, json={"skillSlug": "pdf-tools"})
    assert (added.status_code, added.json()["data"]) == (
        201,
        {"name": "My List", "skillSlug": "pdf-tools", "status": "added"},
    )
    again = holder.post(path, json={"skillSlug": "pdf-tools"})
    assert (again.status_code, again.json()["data"]["status"]) == (200, "already_there")
    assert drive_slugs(key) == ["pdf-tools"]
    assert error(holder.post(path, json={"skillSlug": "text-facts"})) == (404, "skill_not_found")
    assert holder.delete(f"{path}/pdf-tools").json()["data"]["status"] == "removed"
    assert error(holder.delete(f"{path}/pdf-tools")) == (404, "skill_not_found")
    assert drive_slugs(key) == []
    assert drive_slugs(holder) == ["my-notes", "pdf-tools"]


def test_collection_of_everything_has_no_list(holder: Person) -> None:
    """Rows 18 to 20."""
    for answer in (
        holder.post(f"{PATH}/main/skills", json={"skillSlug": "pdf-tools"}),
        holder.delete(f"{PATH}/main/skills/pdf-tools"),
        holder.patch(f"{PATH}/main", json={"skillSlugs": ["pdf-tools"]}),
    ):
        assert error(answer) == (400, "collection_ineligible")


def test_delete_revokes_the_key(api: World, holder: Person) -> None:
    """Row 21."""
    key = as_key(api, holder, make(holder, "Gone Soon", "pdf-tools"))
    assert key.get("/api/v1/drive").status_code == 200
    answer = holder.delete(f"{PATH}/Gone%20Soon")
    assert answer.json()["data"] == {"name": "Gone Soon", "deleted": True}
    assert error(key.get("/api/v1/drive")) == (401, "unauthorized")
    assert error(holder.delete(f"{PATH}/Gone%20Soon")) == (404, "collection_not_found")
    assert make(holder, "Gone Soon").status_code == 201


def test_scoped_key_manages_nothing(api: World, holder: Person) -> None:
    """Rows 16, 17, 21: not even itself."""
    key = as_key(api, holder, make(holder, "scoped", "pdf-tools"))
    for answer in (
        key.get(PATH),
        make(key, "new"),
        key.delete(f"{PATH}/scoped"),
        key.delete(f"{PATH}/main"),
        key.delete(f"{PATH}/nothing"),
        publish(key, "scoped"),
    ):
        assert error(answer) == (403, "all_skills_key_required")


def test_scoped_key_can_only_lose_by_changing_itself(api: World, holder: Person) -> None:
    """3.3."""
    key = as_key(api, holder, make(holder, "scoped", "pdf-tools"))
    make(holder, "other", "my-notes")
    for answer in (
        key.post(f"{PATH}/scoped/skills", json={"skillSlug": "my-notes"}),
        key.patch(f"{PATH}/scoped", json={"skillSlugs": ["pdf-tools", "my-notes"]}),
    ):
        assert error(answer) == (404, "skill_not_found")
    hidden = key.patch(f"{PATH}/other", json={"newName": "mine"})
    absent = key.patch(f"{PATH}/nobody", json={"newName": "mine"})
    assert error(hidden) == error(absent) == (404, "collection_not_found")
    assert hidden.text.replace("other", "x") == absent.text.replace("nobody", "x")
    assert key.delete(f"{PATH}/scoped/skills/pdf-tools").status_code == 200
    assert drive_slugs(key) == []


def test_collections_of_others_are_not_there(api: World, holder: Person) -> None:
    """2.2: no oracle."""
    make(holder, "secret", "pdf-tools")
    other = api.person()
    for method, path, body in (
        ("PATCH", "", {"newName": "x"}),
        ("POST", "/skills", {"skillSlug": "pdf-tools"}),
        ("DELETE", "/skills/pdf-tools", None),
        ("DELETE", "", None),
    ):
        texts = set()
        for name in ("secret", "absent"):
            answer = other.request(method, f"{PATH}/{name}{path}", json=body)
            assert error(answer) == (404, "collection_not_found")
            texts.add(answer.text.replace(name, "x"))
        assert len(texts) == 1


BAD_CREATES = [
    {},
    {"name": None},
    {"name": 7},
    {"name": ""},
    {"name": "   "},
    {"name": "x" * 201},
    {"name": "a/b"},
    {"name": ".."},
    {"name": "a\nb"},
    {"name": "a\0b"},
    {"Name": "a"},
    {"name": "a", "extra": 1},
    {"name": "a", "skillSlugs": None},
    {"name": "a", "skillSlugs": "pdf-tools"},
    {"name": "a", "skillSlugs": [None]},
    {"name": "a", "skillSlugs": [""]},
    {"name": "a", "skillSlugs": ["x"] * 2001},
    {"name": "a", "includeTeamSkills": None},
    {"name": "a", "includeTeamSkills": "yes"},
    {"name": "a", "includeSharedSkills": 1},
    {"name": "a", "include_team_skills": True},
    [],
    None,
]


@pytest.mark.parametrize("body", BAD_CREATES)
def test_bad_body_of_a_new_collection(person: Person, body: Any) -> None:
    assert error(person.post(PATH, json=body)) == (400, "validation_error")
    assert names(person) == ["main"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"newName": None},
        {"newName": ""},
        {"newName": "x" * 201},
        {"newName": "a/b"},
        {"name": "x"},
        {"skillSlugs": None},
        {"isPublicMarketplace": None},
        {"isPublicMarketplace": "true"},
        {"includeTeamSkills": 0},
        [],
    ],
)
def test_bad_body_of_a_change(person: Person, body: Any) -> None:
    make(person, "list")
    assert error(person.patch(f"{PATH}/list", json=body)) == (400, "validation_error")


@pytest.mark.parametrize(
    "body", [{}, {"skillSlug": None}, {"skillSlug": ["pdf-tools"]}, {"skillSlug": ""}, {"skillSlugs": ["a"]}]
)
def test_bad_body_of_an_addition(person: Person, body: Any) -> None:
    """Row 19: one slug, never an array."""
    make(person, "list")
    assert error(person.post(f"{PATH}/list/skills", json=body)) == (400, "validation_error")


@pytest.mark.parametrize("name", ["%00", "%ff", "%ed%a0%80", "x" * 3000])
def test_name_in_the_path_that_is_none(api: World, person: Person, name: str) -> None:
    answer = person.delete(f"{PATH}/{name}")
    assert error(answer) in {(400, "validation_error"), (404, "collection_not_found")}
    public = person.get(f"/marketplace/collections/{name}.json")
    assert error(public) in {(400, "validation_error"), (404, "collection_not_found")}
