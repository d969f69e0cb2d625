"""Issue 6: what was uploaded to the drive is an asset of sx as well, for whoever may have it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
import tomllib
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sx_client import SxClient, Targets

from dynamic_api.database.tables import skill_versions
from dynamic_api.ids import undashed
from dynamic_api.tasks.bundle_maker import BundleMaker
from tests.api import shelf
from tests.api.packages import zipped
from tests.api.sx_room import api, client, installed, skill_folder
from tests.api.world import Person, World
from tests.content_repo import skill_text

__all__ = ["api"]
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"private-{next(_numbers)}"


@pytest.fixture
def sx(api: World, person: Person, tmp_path: Path) -> SxClient:
    return client(api, person, tmp_path / "home")


def uploaded(
    api: World, person: Person, name: str, text: str = "Work.", files: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The answer to an upload by a ticket."""
    ticket = person.post("/api/v1/uploads/ticket", json={}).json()["data"]["uploadToken"]
    data = zipped({"SKILL.md": skill_text(name, text), **(files or {})})
    sent = api.anonymous.post(
        "/api/uploads/process-skill",
        headers={"authorization": f"Bearer {ticket}"},
        files={"file": (f"{name}.zip", data)},
    )
    assert sent.status_code == 201, sent.text
    answer: dict[str, Any] = sent.json()
    return answer


def fetch(person: Person, name: str, version: str = "1", **query: str) -> Any:
    return person.get(f"/api/skills/assets/{name}/{version}/{name}-{version}.zip", params=query)


def inside(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {each: archive.read(each) for each in archive.namelist()}


def lock_row(sx: SxClient, name: str) -> Any:
    lock = sx.lock()
    assert lock is not None
    return next((row for row in lock.rows if row.name == name), None)


def test_an_upload_is_listed_shown_and_installed(
    api: World, sx: SxClient, person: Person, name: str, tmp_path: Path
) -> None:
    """list.txt, metadata.toml, the bundle, list, show and, once it is installed, the lock."""
    uploaded(api, person, name, files={"notes.md": "one\n"})
    assert person.get(f"/api/skills/assets/{name}/list.txt").text == "1\n"
    assert name in {node["slug"] for node in sx.vault_list("skill")}
    shown = sx.vault_show(name)
    assert (shown.versions, shown.metadata["asset"]["name"], shown.installations) == (["1"], name, [])
    assert lock_row(sx, name) is None
    assert sx.add_name(name, Targets(users=["me"])) == ["1"]
    row, answer = lock_row(sx, name), fetch(person, name)
    assert (row.version, row.hashes["sha256"], row.size) == (
        "1",
        hashlib.sha256(answer.content).hexdigest(),
        len(answer.content),
    )
    assert answer.headers["cache-control"].startswith("private, ")
    files = inside(answer.content)
    assert sorted(files) == ["SKILL.md", "metadata.toml", "notes.md"]
    assert tomllib.loads(files["metadata.toml"].decode())["asset"]["version"] == "1"
    assert name in sx.install().installed
    assert (tmp_path / f"home/.claude/skills/{name}/notes.md").read_text() == "one\n"


def test_the_next_upload_is_the_next_version(api: World, sx: SxClient, person: Person, name: str) -> None:
    uploaded(api, person, name)
    sx.add_name(name, Targets(users=["me"]))
    uploaded(api, person, name, "Work better.")
    assert installed(sx)[name] == "2"
    assert person.get(f"/api/skills/assets/{name}/list.txt").text == "1\n2\n"
    assert fetch(person, name).content != fetch(person, name, "2").content


def test_uploads_from_before_get_the_same_bundle(api: World, sx: SxClient, person: Person, name: str) -> None:
    """What was there before this, or was cut short, is made up for in the background."""
    skill_id = undashed(uploaded(api, person, name)["skill"]["id"])
    before = fetch(person, name).content
    bare = update(skill_versions).where(skill_versions.c.skill_id == skill_id).values(facts="{}")
    api.write(lambda db: db.execute(bare) and None)
    assert person.get(f"/api/skills/assets/{name}/list.txt").text == ""
    maker = BundleMaker(api.app.context.database, api.app.context.private_store)
    assert asyncio.run(maker.sweep(asyncio.Event())) >= 1
    assert fetch(person, name).content == before
    assert asyncio.run(maker.sweep(asyncio.Event())) == 0


METADATA = '[asset]\nname = "else"\ndependencies = ["pdf-tools>=2"]\nclients = ["claude-code"]\n'


def test_the_authors_metadata_is_kept_where_sx_takes_it(
    api: World, sx: SxClient, person: Person, name: str
) -> None:
    uploaded(api, person, name, files={"metadata.toml": METADATA})
    sx.add_name(name, Targets(users=["me"]))
    row = lock_row(sx, name)
    assert (row.clients, [needed.name for needed in row.dependencies]) == (("claude-code",), ["pdf-tools"])
    assert installed(sx)["pdf-tools"] == "2"
    assert (
        tomllib.loads(inside(fetch(person, name).content)["metadata.toml"].decode())["asset"]["name"] == name
    )


def test_metadata_that_sx_would_refuse_is_told_and_left_out(
    api: World, sx: SxClient, person: Person, name: str
) -> None:
    answer = uploaded(api, person, name, files={"metadata.toml": '[asset]\nclients = ["netscape"]\n'})
    assert [(each["rule"], each["path"]) for each in answer["findings"]] == [
        ("metadata-section", "metadata.toml")
    ]
    assert answer["securityGrade"] == "A"
    assert sx.vault_show(name).metadata["asset"]["name"] == name


def test_rename_changes_the_bundle_and_not_the_drives_bytes(
    api: World, sx: SxClient, person: Person, name: str
) -> None:
    answer = uploaded(api, person, name)
    sx.add_name(name, Targets(users=["me"]))
    sx.vault_rename(name, f"{name}-new")
    assert f"{name}-new" in sx.install().installed
    (item,) = [
        each for each in person.get("/api/v1/drive").json()["data"]["skills"] if each["slug"] == f"{name}-new"
    ]
    assert item["content_sha"] == answer["contentSha"]
    uploaded(api, person, name)  # the old name is free: this is another skill
    assert person.get(f"/api/skills/assets/{name}/list.txt").text == "1\n"


def test_sx_adds_to_ones_own_upload_and_tells_nobody_else(
    api: World, sx: SxClient, person: Person, name: str, tmp_path: Path
) -> None:
    """`sx add NAME` continues what list.txt has; the drive follows, and its numbers go on above."""
    uploaded(api, person, name)
    folder = skill_folder(tmp_path, name, " more")
    assert sx.add(folder, name=name, version="7", no_install=True).uploaded is not None
    (row,) = [each for each in person.get("/api/v1/drive").json()["data"]["skills"] if each["slug"] == name]
    assert (row["version"], row["hasUpdate"]) == (2, False)
    assert name not in installed(client(api, api.person(), tmp_path / "other"))
    assert uploaded(api, person, name, "Again.")["skill"]["version"] == 3
    assert person.get(f"/api/skills/assets/{name}/list.txt").text == "1\n7\n8\n"


def for_oneself(person: Person, name: str, version: str = "1") -> Any:
    """The answer to an upload of sx with owned_by=user."""
    asset = f'[asset]\nname = "{name}"\nversion = "{version}"\ntype = "skill"\n'
    table = asset + '[skill]\nprompt-file = "SKILL.md"\n'
    data = zipped({"SKILL.md": skill_text(name), "metadata.toml": table})
    return person.post(
        "/api/skills/assets", files={"file": ("x.zip", data)}, data={"owned_by": "user", "name": name}
    )


def test_an_asset_for_oneself_is_in_the_drive(api: World, person: Person, name: str, tmp_path: Path) -> None:
    """owned_by=user: a private skill like any other; the drive's maximum holds."""
    sent = for_oneself(person, name)
    assert sent.status_code == 201, sent.text
    assert name in shelf.drive_slugs(person)
    assert installed(client(api, person, tmp_path / "home")).keys() >= {name}
    gone = person.post(
        "/graphql",
        json={
            "query": "mutation R($input: RemoveAssetInstallationsInput!)"
            " { removeAssetInstallations(input: $input) { success } }",
            "variables": {"input": {"assetName": name, "delete": True}},
        },
    )
    assert gone.json()["data"]["removeAssetInstallations"]["success"] is True
    assert name not in shelf.drive_slugs(person)


def test_both_ways_at_once_give_each_version_a_number(api: World, person: Person, name: str) -> None:
    """An upload of sx and one to the drive count the same versions."""
    uploaded(api, person, name)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(4):
            texts = (str(next(_numbers)), str(next(_numbers)))
            by_sx = pool.submit(for_oneself, person, name, version=f"9.{texts[0]}")
            assert uploaded(api, person, name, texts[1])["success"] is True
            assert by_sx.result().status_code == 201, by_sx.result().text
    labels = person.get(f"/api/skills/assets/{name}/list.txt").text.split()
    assert len(labels) == len(set(labels)) == 9


def test_a_full_drive_takes_no_asset_for_oneself(api: World, person: Person, name: str) -> None:
    """The next version of what is in it, it takes."""
    for number in range(10):
        shelf.private(api, person, f"{name}-{number}")
    sent = for_oneself(person, name)
    assert (sent.status_code, sent.json()["code"]) == (402, "quota_exceeded")
    assert isinstance(sent.json()["error"], str)
    assert person.get(f"/api/skills/assets/{name}/list.txt").text == ""


def test_what_was_taken_back_leaves_lock_and_bundle(
    api: World, sx: SxClient, person: Person, name: str
) -> None:
    """DESIGN.md D14, by the digest of the artifact."""
    answer = uploaded(api, person, name)
    sx.add_name(name, Targets(users=["me"]))
    assert installed(sx)[name] == "1"
    shelf.withdraw(api, answer["contentSha"])
    assert fetch(person, name).status_code == 410
    shelf.follows(api, lambda: lock_row(sx, name) is None)


def test_facts_keep_what_the_drive_needs(api: World, person: Person, name: str) -> None:
    skill_id = undashed(uploaded(api, person, name)["skill"]["id"])
    query = select(skill_versions.c.facts).where(skill_versions.c.skill_id == skill_id)
    facts = api.read(lambda db: db.execute(query).scalar_one())
    assert facts.startswith('{"sx":{')
    assert '"execution_tier"' in facts
