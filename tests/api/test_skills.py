"""Search, and one skill by slug (contracts/skillzdrive.md rows 1 and 2; DESIGN.md D9, D14)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dynamic_api.services.keys import KeyOptions
from tests.api import shelf
from tests.api.conftest import build_registry
from tests.api.shelf import error
from tests.api.world import Person, World, world

PATH = "/api/v1/skills"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, registry: Path) -> Iterator[World]:
    """The API alone, beside a bucket that somebody else serves."""
    folder = tmp_path_factory.mktemp("bare")
    with world(folder / "data", None, {"data": {"registry": str(registry)}}) as made:
        yield made


def slugs(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [skill["slug"] for skill in answer.json()["data"]["skills"]]


def test_search_without_a_key(api: World, registry: Path) -> None:
    """Row 1: {data: {skills: [Skill]}}, each as route 2 shows it."""
    answer = api.anonymous.get(PATH, params={"q": "pdf"})
    assert slugs(answer) == ["pdf-tools"]
    twin = json.loads((registry / "api/v1/skills/pdf-tools").read_bytes())["data"]["skill"]
    assert answer.json() == {"data": {"skills": [twin]}}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("text-facts", ["text-facts"]),
        ("pdf tools", ["pdf-tools"]),
        ("PDF", ["pdf-tools"]),
        ("rele", ["release-helper"]),
        ("relezse", ["release-helper"]),
        ("nothing-like-this-at-all", []),
        ("***", []),
        ("' OR 1=1 --", []),
    ],
)
def test_words(api: World, query: str, found: list[str]) -> None:
    """Row 1: prefix and typo tolerance; no character means anything to the search."""
    assert slugs(api.anonymous.get(PATH, params={"q": query}))[:1] == found


def test_text_is_searched_when_asked(api: World) -> None:
    assert slugs(api.anonymous.get(PATH, params={"q": "better", "in": "body"})) == ["pdf-tools"]
    assert slugs(api.anonymous.get(PATH, params={"q": "better"})) == []


@pytest.mark.parametrize("query", [{}, {"q": ""}, {"q": "  "}, {"limit": 5}])
def test_words_are_needed_without_a_key(api: World, query: dict[str, Any]) -> None:
    """Row 1: q required if anonymous."""
    answer = api.anonymous.get(PATH, params=query)
    assert error(answer) == (400, "validation_error")
    assert answer.json()["error"]["place"] == "query.q"


def test_collection_needs_a_key(api: World) -> None:
    """Row 1."""
    assert error(api.anonymous.get(PATH, params={"q": "a", "collection": "x"})) == (401, "access_denied")


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("q=a&limit=-1", "query.limit"),
        ("q=a&limit=0", "query.limit"),
        ("q=a&limit=x", "query.limit"),
        ("q=a&limit=1.5", "query.limit"),
        ("q=a&limit=", "query.limit"),
        ("q=a&limit=1e3", "query.limit"),
        ("q=a&limit=5.0", "query.limit"),
        ("q=a&limit=%2B5", "query.limit"),
        ("q=a&limit=%205", "query.limit"),
        ("q=a&limit=5%0A", "query.limit"),
        ("q=a&limit=-0", "query.limit"),
        ("q=a&limit=0x10", "query.limit"),
        ("q=a&limit=null", "query.limit"),
        ("q=a&limit=%D9%A3", "query.limit"),
        ("q=a&limit=%C2%B2", "query.limit"),
        ("q=a&in=everywhere", "query.in"),
        ("q=" + "a" * 1001, "query.q"),
        ("q=a%00b", "query.q"),
        ("q=a&collection=" + "x" * 201, "query.collection"),
    ],
)
def test_bad_query(api: World, query: str, place: str) -> None:
    answer = api.anonymous.get(f"{PATH}?{query}")
    assert error(answer) == (400, "validation_error")
    assert answer.json()["error"]["place"] == place


def test_limit(api: World) -> None:
    """Row 1: default 20, cap 50; more than that is no error."""
    assert len(slugs(api.anonymous.get(PATH, params={"q": "does", "limit": 2}))) == 2
    assert len(slugs(api.anonymous.get(PATH, params={"q": "does", "limit": 10**12}))) == 3


def test_default_limit_and_cap(api: World) -> None:
    rich = api.person()
    for number in range(60):
        shelf.private(api, rich, f"mass-{number:02d}")
    assert len(slugs(rich.get(PATH))) == 20
    assert len(slugs(rich.get(PATH, params={"limit": 1000}))) == 50
    assert slugs(rich.get(PATH, params={"q": "mass", "limit": 3})) == ["mass-00", "mass-01", "mass-02"]


def test_key_finds_its_private_skills_first(api: World, person: Person) -> None:
    """Row 1, 3.3: own, of teams, shared; and what everybody sees."""
    shelf.private(api, person, "pdf-of-mine")
    mate = api.person()
    shelf.team(api, mate, [shelf.private(api, mate, "pdf-of-team").skill_id], mate, person)
    shelf.share(api, mate, shelf.private(api, mate, "pdf-shared").skill_id, person)
    shelf.private(api, mate, "pdf-secret")
    found = person.get(PATH, params={"q": "pdf"})
    assert sorted(slugs(found)[:3]) == ["pdf-of-mine", "pdf-of-team", "pdf-shared"]
    assert slugs(found)[3:] == ["pdf-tools"]
    assert found.json()["data"]["skills"][0]["category"] == "private"
    assert slugs(api.anonymous.get(PATH, params={"q": "pdf"})) == ["pdf-tools"]


@pytest.mark.parametrize("query", ["***", "-", '"'])
def test_words_without_a_letter_find_nothing_of_the_caller_either(person: Person, query: str) -> None:
    """Row 1: only no words at all list everything."""
    person.post("/api/v1/drive/import", json={"skillSlug": "text-facts"})
    assert slugs(person.get(PATH, params={"q": query})) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("wekly", ["weekly-rota"]),
        ("rota week", ["weekly-rota"]),
        ("rtoa", ["weekly-rota"]),
        ("qzk", ["qkz-notes"]),
        ("weekly pdf", ["pdf-tools", "weekly-rota"]),
        ("pdf tools", ["pdf-tools"]),
        ("zebra", []),
    ],
)
def test_private_skills_are_found_as_published_ones_are(api: World, query: str, found: list[str]) -> None:
    """Row 1: prefix and typo tolerance, in the same order; what fits worse is not put first."""
    person = api.person()
    for slug in ("weekly-rota", "qkz-notes"):
        shelf.private(api, person, slug)
    assert sorted(slugs(person.get(PATH, params={"q": query}))) == found


def test_list_of_a_key(api: World, person: Person) -> None:
    """Row 1: without words, everything accessible to the caller."""
    shelf.private(api, person, "aaa-mine")
    person.post("/api/v1/drive/import", json={"skillSlug": "text-facts"})
    found = slugs(person.get(PATH, params={"limit": 50}))
    assert found[:1] == ["aaa-mine"]
    assert sorted({"aaa-mine", "pdf-tools", "release-helper", "text-facts"} - set(found)) == []
    assert len(found) == len(set(found))


def test_scoped_key_lists_its_part_and_searches_what_is_public(api: World, person: Person) -> None:
    first = shelf.private(api, person, "pdf-first")
    shelf.private(api, person, "pdf-second")
    scoped = collection(api, person, "part", first.skill_id)
    listed = set(slugs(scoped.get(PATH)))
    assert ("pdf-first" in listed, "pdf-second" in listed) == (True, False)
    assert slugs(scoped.get(PATH, params={"q": "pdf"})) == ["pdf-first", "pdf-tools"]


def collection(api: World, owner: Person, name: str, *skill_ids: str) -> Any:
    """A client with a scoped key of `owner`."""
    from dynamic_api.services import keys

    options = KeyOptions(kind="scoped", skill_ids=skill_ids)
    made = api.write(lambda db: keys.create(db, owner.id, name, options, now=api.clock()))
    return api.client(made.secret)


def test_collection_filters(api: World, person: Person) -> None:
    """Row 1: filter to a named collection, exact spelling."""
    first = shelf.private(api, person, "pdf-first")
    shelf.private(api, person, "pdf-second")
    person.post("/api/v1/drive/import", json={"skillSlug": "pdf-tools"})
    scoped = collection(api, person, "PDF Tools", first.skill_id, shelf.published_id("pdf-tools"))
    assert slugs(person.get(PATH, params={"collection": "PDF Tools"})) == ["pdf-first", "pdf-tools"]
    assert slugs(person.get(PATH, params={"collection": "PDF Tools", "q": "first"})) == ["pdf-first"]
    assert slugs(scoped.get(PATH, params={"collection": "PDF Tools"})) == ["pdf-first", "pdf-tools"]
    assert slugs(person.get(PATH, params={"collection": "main"})) == ["pdf-first", "pdf-second", "pdf-tools"]
    for client, name in ((person, "pdf tools"), (scoped, "main"), (api.person(), "PDF Tools")):
        assert error(client.get(PATH, params={"collection": name})) == (404, "collection_not_found")


def test_collection_of_the_registry(person: Person) -> None:
    assert slugs(person.get(PATH, params={"collection": "documents"})) == ["pdf-tools", "text-facts"]
    assert slugs(person.get(PATH, params={"collection": "documents", "q": "facts"})) == ["text-facts"]


def test_skill_of_the_organisation(api: World, person: Person) -> None:
    added = shelf.private(api, api.person(), "zebra-rules")
    shelf.organisation(api, added)
    assert slugs(person.get(PATH, params={"q": "zebra"})) == ["zebra-rules"]
    assert person.get(f"{PATH}/zebra-rules").json()["data"]["skill"]["slug"] == "zebra-rules"
    assert error(api.anonymous.get(f"{PATH}/zebra-rules", headers={"accept": "application/json"}))[0] == 404


def test_bytes_are_those_of_the_bucket(bare: World, registry: Path) -> None:
    """Row 2: {data: {skill, download}}, byte for byte what is published; conditional requests."""
    published = (registry / "api/v1/skills/pdf-tools").read_bytes()
    answer = bare.anonymous.get(f"{PATH}/pdf-tools")
    assert (answer.status_code, answer.content) == (200, published)
    assert answer.headers["etag"] == f'"{hashlib.sha256(published).hexdigest()}"'
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.headers["vary"] == "Authorization"
    assert list(answer.json()["data"]["download"]) == ["content_sha", "content_size", "url", "version"]
    keyed = bare.person().get(f"{PATH}/pdf-tools")
    assert (keyed.content, keyed.headers["cache-control"]) == (published, "private, no-cache")


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_known_bytes_are_not_sent_again(bare: World, form: str) -> None:
    """Row 2: 304."""
    tag = bare.anonymous.get(f"{PATH}/pdf-tools").headers["etag"]
    for client in (bare.anonymous, bare.person()):
        answer = client.get(f"{PATH}/pdf-tools", headers={"if-none-match": form.format(tag)})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    other = bare.anonymous.get(f"{PATH}/pdf-tools", headers={"if-none-match": '"other"'})
    assert other.status_code == 200


def test_head(bare: World) -> None:
    answer = bare.anonymous.head(f"{PATH}/pdf-tools")
    assert (answer.status_code, answer.content) == (200, b"")


def test_private_skill_hides_the_published_one_of_its_name(api: World, person: Person) -> None:
    """D9: own → team → shared → organisation → published."""
    shelf.private(api, person, "release-helper")
    answer = person.get(f"{PATH}/release-helper")
    data = answer.json()["data"]
    assert (data["skill"]["category"], data["download"]) == ("private", None)
    tag = answer.headers["etag"]
    assert person.get(f"{PATH}/release-helper", headers={"if-none-match": tag}).status_code == 304
    others = api.person().get(f"{PATH}/release-helper").json()["data"]
    assert others["skill"]["category"] == "public"
    assert slugs(person.get(PATH, params={"q": "release"})) == ["release-helper"]


def test_private_skill_of_another_is_not_there(api: World, person: Person) -> None:
    """2.2: bad slug or no access are not told apart."""
    shelf.private(api, api.person(), "somebody-elses")
    one, other = (person.get(f"{PATH}/{slug}") for slug in ("somebody-elses", "somebody-elsex"))
    assert error(one) == error(other) == (404, "skill_not_found")
    assert one.text.replace("elses", "") == other.text.replace("elsex", "")


@pytest.mark.parametrize(
    ("slug", "suggestions"),
    [
        ("pdf-tool", ["pdf-tools"]),
        ("PDF-Tools", ["pdf-tools"]),
        ("textfacts", ["text-facts"]),
        ("x" * 300, []),
        ("%F0%9F%98%80", []),
    ],
)
def test_misspelt_slug_is_told_what_is_near(bare: World, slug: str, suggestions: list[str]) -> None:
    """2.1: nearest matches by Levenshtein distance."""
    answer = bare.anonymous.get(f"{PATH}/{slug}")
    assert error(answer) == (404, "skill_not_found")
    assert answer.json()["error"].get("suggestions", []) == suggestions


@pytest.mark.parametrize("slug", ["a%00b", "%ff", "..%2f..%2fetc"])
def test_odd_slug(bare: World, slug: str) -> None:
    assert bare.anonymous.get(f"{PATH}/{slug}").status_code in {400, 404}


@pytest.mark.parametrize("serves_the_folder", [False, True])
def test_what_was_taken_back_is_gone(tmp_path: Path, serves_the_folder: bool) -> None:
    """D14: 410 and never cached, for everybody, at once; and in no list. Also from the folder we serve."""
    registry = build_registry(tmp_path / "registry")
    folder = registry if serves_the_folder else None
    with world(tmp_path / "data", None, {"data": {"registry": str(registry)}}, folder) as made:
        if serves_the_folder:
            # Without a key the static twin answers.
            assert made.anonymous.get(f"{PATH}/text-facts").headers["accept-ranges"] == "bytes"
        person = made.person()
        for version in made.app.context.catalogue.versions("text-facts"):
            shelf.withdraw(made, version.sha256)
        for client in (made.anonymous, person):
            answer = client.get(f"{PATH}/text-facts")
            assert error(answer) == (410, "withdrawn")
            assert answer.headers["cache-control"] == "no-store"
            assert slugs(client.get(PATH, params={"q": "text-facts"})) == []


def test_without_a_view_it_is_unavailable(tmp_path: Path) -> None:
    """A bucket that cannot be read yet: 503, and the process says so."""
    (tmp_path / "empty").mkdir()
    with world(tmp_path / "data", None, {"data": {"registry": str(tmp_path / "empty")}}) as made:
        for path in (f"{PATH}?q=a", f"{PATH}/pdf-tools"):
            assert made.anonymous.get(path).status_code == 503
        assert made.anonymous.get("/readyz").status_code == 503
