"""Manifests of the registry and of published collections (contracts/skillzdrive.md rows 32 and 33; 9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.api import shelf
from tests.api.collecting import PATH, as_key, make, manifest, publish
from tests.api.conftest import build_registry
from tests.api.shelf import error
from tests.api.world import Person, World, world


def test_published_collection_is_a_marketplace(api: World, holder: Person) -> None:
    """Row 33, 9: private skills are never named."""
    name = f"Papers {holder.id[:6]}"
    make(holder, name, "pdf-tools", "my-notes")
    assert error(manifest(api, name)) == (404, "collection_not_found")
    answer = publish(holder, name)
    assert answer.json()["data"]["collection"]["isPublicMarketplace"] is True
    shown = manifest(api, name)
    assert shown.headers["cache-control"] == "public, max-age=60"
    version = api.app.context.catalogue.versions("pdf-tools")[-1]
    document = shown.json()
    assert document["name"] == f"acme-papers-{holder.id[:6]}"
    assert document["owner"] == json.loads((api.registry / "marketplace.json").read_text())["owner"]
    (plugin,) = document["plugins"]
    assert (plugin["name"], plugin["version"], plugin["strict"]) == ("pdf-tools", "2.0.0", False)
    assert plugin["source"] == {
        "source": "archive",
        "url": f"{api.app.context.public_url}/api/v1/downloads/public/pdf-tools/{version.sha256}.zip",
        "sha256": version.sha256,
    }
    assert "my-notes" not in shown.text
    again = manifest(api, name, **{"if-none-match": shown.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", shown.headers["etag"])
    publish(holder, name, False)
    assert error(manifest(api, name)) == (404, "collection_not_found")


def test_entries_are_those_of_the_registry(api: World, holder: Person) -> None:
    """Row 33: one emitter makes both."""
    name = f"all-{holder.id[:6]}"
    make(holder, name, "pdf-tools")
    publish(holder, name)
    whole = json.loads((api.registry / "marketplace.json").read_text())["plugins"]
    theirs = next(item for item in whole if item["name"] == "pdf-tools")
    (ours,) = manifest(api, name).json()["plugins"]
    assert {**ours, "source": None} == {**theirs, "source": None}
    assert ours["source"]["sha256"] == theirs["source"]["sha256"]


def test_published_versions_are_those_of_the_drive(api: World, holder: Person) -> None:
    """3.3, row 33."""
    name = f"old-{holder.id[:6]}"
    shelf.pin(api, holder, "pdf-tools", 1)
    make(holder, name, "pdf-tools")
    publish(holder, name)
    assert manifest(api, name).json()["plugins"][0]["version"] == "1.0.0"
    holder.post("/api/v1/drive/pdf-tools/toggle")
    assert manifest(api, name).json()["plugins"] == []


def test_published_name_is_free_or_refused(api: World, holder: Person) -> None:
    """Row 33, 1.2: among published ones, and those of the registry."""
    other, name = api.person(), f"Shared {holder.id[:6]}"
    make(holder, name)
    make(other, name.lower())
    assert publish(holder, name).status_code == 200
    assert error(publish(other, name.lower())) == (409, "name_taken")
    make(other, "Documents")
    assert error(publish(other, "Documents")) == (409, "name_taken")
    make(other, "free")
    publish(other, "free")
    rename = other.patch(f"{PATH}/free", json={"newName": name.upper()})
    assert error(rename) == (409, "name_taken")
    holder.delete(f"{PATH}/{quote(name)}")
    assert error(manifest(api, name)) == (404, "collection_not_found")
    assert publish(other, name.lower()).status_code == 200
    other.delete(f"{PATH}/free")


@pytest.mark.parametrize("name", ["日本", "!!!", "x" * 65])
def test_name_that_no_client_takes(holder: Person, name: str) -> None:
    """9.2."""
    make(holder, name)
    assert error(publish(holder, name)) == (422, "unfit_name")


@pytest.mark.parametrize("state", ["disabled", "revoked"])
def test_collection_whose_key_is_off_is_not_published(api: World, holder: Person, state: str) -> None:
    """Row 33."""
    name = f"off-{holder.id[:6]}"
    key = as_key(api, holder, make(holder, name, "pdf-tools"))
    publish(holder, name)
    assert manifest(api, name).status_code == 200
    api.spoil(key, state)
    assert error(manifest(api, name)) == (404, "collection_not_found")


def test_manifest_of_the_registry(api: World, person: Person) -> None:
    """Row 32: as published, with a key and without."""
    body = (api.registry / "marketplace.json").read_bytes()
    assert api.anonymous.get("/marketplace.json").content == body
    answer = person.get("/marketplace.json")
    assert answer.content == body
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert (
        person.get("/marketplace.json", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    )


def test_collection_of_the_registry(api: World, person: Person) -> None:
    """Row 33."""
    body = (api.registry / "marketplace/collections/documents.json").read_bytes()
    assert manifest(api, "documents").content == body
    assert person.get("/marketplace/collections/documents.json").content == body


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Path]]:
    """A world that looks at its registry often, and the folder that the registry is made in."""
    folder = tmp_path_factory.mktemp("later")
    registry = build_registry(folder)
    with world(folder / "data", None, {"data": {"refresh_seconds": 0.05}}, registry) as made:
        yield made, folder


def test_collection_that_is_merged_later_wins(later: tuple[World, Path]) -> None:
    """Row 33: with a notice for whom it shadows."""
    api, folder = later
    person = api.person()
    person.post("/api/v1/drive/import", json={"skillSlug": "pdf-tools"})
    make(person, "reports", "pdf-tools")
    publish(person, "reports")
    assert manifest(api, "reports").json()["plugins"][0]["name"] == "pdf-tools"
    shelf.rebuild(
        folder,
        "collections.toml",
        '[documents]\ntitle = "Documents"\nskills = ["pdf-tools", "text-facts"]\n'
        '[reports]\ntitle = "Reports"\nskills = ["text-facts"]\n',
    )
    shelf.follows(api, lambda: api.app.context.catalogue.collection("reports") is not None)
    assert "text-facts" in {
        item["name"] for item in person.get("/marketplace/collections/reports.json").json()["plugins"]
    }
    found = {item["name"]: item["notice"] for item in person.get(PATH).json()["data"]["collections"]}
    assert found["main"] is None
    assert found["reports"].startswith("the registry has a collection of this name")
