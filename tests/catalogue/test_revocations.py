"""A revocation counts at once, on every record, answer and digest, and is never forgotten."""

from __future__ import annotations

import json
import shutil

import pytest
from catalogue.world import Mapped, World, revoke

from dynamic_api.catalogue.loader import Loader
from dynamic_api.errors import Unavailable
from registry_builder.store.filesystem import FilesystemStore


def test_a_revocation_counts_before_the_release_knows_of_it(world: World) -> None:
    world.go_on()
    world.load()
    first, second = world.catalogue.versions("alpha")
    revoke(world, second.sha256)
    with Loader(FilesystemStore(world.bucket), world.folder) as loader:
        assert loader.load_revoked(2_000.0).revocations == 1
    catalogue = world.catalogue
    assert (catalogue.withdrawn(second.sha256), catalogue.withdrawn(first.sha256)) == (
        "sends files away",
        None,
    )
    skill, answer = catalogue.skill("alpha"), catalogue.answer("alpha")
    assert skill is not None
    assert answer is not None
    assert (skill.version, skill.download, skill.versions[1].state) == (1, first, "quarantined")
    data = json.loads(answer.body)["data"]
    assert (data["skill"], data["download"]["content_sha"]) == (json.loads(skill.json), first.sha256)
    assert data["skill"]["version"] == 1
    held = catalogue.holder(second.sha256)
    assert held is not None
    assert held.state == "quarantined"
    bundle = json.loads((world.bucket / "api/v1/index/alpha.json").read_bytes())["versions"][1]["derived"][
        "sx"
    ]
    assert catalogue.withdrawn(bundle["sha256"]) == "sends files away"


def test_a_name_with_nothing_left_is_offered_nowhere(world: World) -> None:
    (only,) = world.catalogue.versions("alpha")
    revoke(world, only.sha256)
    world.load()
    skill, answer = world.catalogue.skill("alpha"), world.catalogue.answer("alpha")
    assert skill is not None
    assert answer is not None
    assert (skill.state, skill.offered) == ("quarantined", False)
    assert json.loads(answer.body)["data"]["download"] is None
    assert (world.found("alpha"), [item.slug for item in world.catalogue.page()]) == ([], ["beta"])


def test_the_answer_of_a_revoked_skill_is_what_the_next_release_says(world: World) -> None:
    world.repo.skill("alpha", "Do it otherwise.")
    world.build()
    world.load()
    revoke(world, world.catalogue.versions("alpha")[1].sha256)
    world.load()
    ahead = world.catalogue.answer("alpha")
    (world.bucket / "revoked.json").unlink()
    world.quarantine("alpha@2")
    assert world.load().fault is None
    assert ahead is not None
    assert ahead == world.catalogue.answer("alpha")
    assert ahead.body == (world.bucket / "api/v1/skills/alpha").read_bytes()


def test_revocations_are_never_forgotten(world: World) -> None:
    (only,) = world.catalogue.versions("alpha")
    revoke(world, only.sha256)
    world.load()
    (world.bucket / "revoked.json").write_text('{"schema": 1, "revoked": []}')
    assert world.load().revocations == 1
    assert world.catalogue.withdrawn(only.sha256) == "sends files away"
    shutil.rmtree(world.folder)
    assert world.catalogue.withdrawn(only.sha256) == "sends files away"


def test_while_no_revocations_were_read_nothing_is_given_out(bare: World) -> None:
    status = bare.load(Mapped(FilesystemStore(bare.bucket), {"revoked.json": b"{"}))
    assert (status.fault, status.ready) == (None, False)
    for read in (
        bare.catalogue.skill,
        bare.catalogue.answer,
        bare.catalogue.withdrawn,
        bare.catalogue.search,
    ):
        with pytest.raises(Unavailable):
            read("alpha")
    assert bare.load().ready
    assert bare.catalogue.answer("alpha") is not None


@pytest.mark.parametrize("body", [None, b"", b"{"], ids=str)
def test_a_copy_of_the_revocations_that_is_gone_or_damaged_is_made_anew(
    world: World, body: bytes | None
) -> None:
    (only,) = world.catalogue.versions("alpha")
    revoke(world, only.sha256)
    world.load()
    copy = world.folder / "revoked.json"
    before = copy.read_bytes()
    assert world.catalogue.withdrawn(only.sha256) == "sends files away"
    copy.unlink() if body is None else copy.write_bytes(body)
    assert world.catalogue.withdrawn(only.sha256) == "sends files away"
    world.load()
    assert copy.read_bytes() == before
