"""Whatever is wrong with the bucket, the last good view stays, and the fault is told."""

from __future__ import annotations

import json
import shutil

import pytest
from catalogue.world import Counting, Mapped, World, dump, fresh, node, revoke

from dynamic_api.catalogue.file import LINK
from dynamic_api.errors import Unavailable
from registry_builder.store.filesystem import FilesystemStore


def broken(world: World, of: str, body: bytes | None) -> Mapped:
    return Mapped(FilesystemStore(world.bucket), {of if "." in of else node(world, of=of): body})


@pytest.mark.parametrize("of", ["release.json", "root", "bin", "document"])
@pytest.mark.parametrize("body", [None, b"", b"{", b'{"schema": 1}', b"\xff\xfe"], ids=str)
def test_a_fault_of_the_bucket_keeps_the_last_good_view(world: World, of: str, body: bytes | None) -> None:
    before = dump(world.folder)
    world.go_on()
    status = world.load(broken(world, of, body))
    kind = "release" if of == "release.json" else "node"
    code = f"no-{kind}" if body is None else {"release": "bad-pointer", "node": "bad-node"}[kind]
    assert status.fault is not None
    assert (status.fault.code, status.fault.since) == (code, 1_020.0)
    assert status.fault.place == ("release.json" if kind == "release" else node(world, of=of))
    assert dump(world.folder) == before
    again = world.load(broken(world, of, body))
    assert again.fault is not None
    assert (again.fault.since, again.checked, again.age(1_030.0)) == (1_020.0, 1_010.0, 20.0)
    assert world.catalogue.status() == again
    mended = world.load()
    assert (mended.fault, mended.generation, mended.age(1_040.0)) == (None, 2, 0.0)
    assert dump(world.folder) == fresh(world)


@pytest.mark.parametrize("body", [None, b"", b"{", b"\xff"], ids=str)
def test_a_fault_of_the_revocations_keeps_those_that_are_known(world: World, body: bytes | None) -> None:
    skill = world.catalogue.skill("alpha")
    assert skill is not None
    revoke(world, skill.versions[0].sha256)
    world.load()
    status = world.load(Mapped(FilesystemStore(world.bucket), {"revoked.json": body}))
    assert (status.revoked_fault.code if status.revoked_fault else None) == (
        None if body is None else "bad-revoked"
    )
    assert world.catalogue.withdrawn(skill.versions[0].sha256) == "sends files away"
    assert status.fault is None


def test_a_lower_generation_is_refused(world: World) -> None:
    old = world.bucket.with_name("old")
    shutil.copytree(world.bucket, old)
    world.go_on()
    world.load()
    before = dump(world.folder)
    status = world.load(FilesystemStore(old))
    assert status.fault is not None
    assert (status.fault.code, status.generation) == ("older-release", 2)
    assert str(world.folder) in status.fault.mend
    assert dump(world.folder) == before
    (world.folder / LINK).unlink()
    again = world.load(FilesystemStore(old))
    assert again.fault is not None
    assert again.fault.code == "older-release"


def test_an_open_pointer_means_the_release_before(world: World) -> None:
    before, root = dump(world.folder), world.pointer["root"]
    world.point(
        generation=2, state="open", root="f" * 64, previous=root, owner="x", lease_until="x", commit="0" * 40
    )
    reader = Counting(FilesystemStore(world.bucket))
    status = world.load(reader)
    assert (status.fault, status.generation, status.root) == (None, 1, root)
    assert reader.keys == ["revoked.json", "release.json"]
    assert dump(world.folder) == before
    world.point(generation=3, state="complete", root=root)
    assert world.load().generation == 3
    assert dump(world.folder) == fresh(world)


def test_an_open_pointer_of_the_first_release_is_no_release(bare: World) -> None:
    bare.point(state="open", previous=None, owner="x", lease_until="x")
    status = bare.load()
    assert status.fault is not None
    assert (status.fault.code, status.ready) == ("no-release", False)
    with pytest.raises(Unavailable):
        bare.catalogue.skill("alpha")


def test_answers_ahead_of_the_release_are_made_here_until_it_is_complete(bare: World) -> None:
    """A publisher at work has replaced the static answers, and the pointer still says what was before."""
    root = bare.pointer["root"]
    expected = json.loads((bare.bucket / "api/v1/skills/beta").read_bytes())
    bare.repo.write("skills/beta/scripts/more.sh", "echo more\n", executable=True)
    bare.build()
    complete = bare.pointer
    bare.point(state="open", previous=root, owner="x", lease_until="x")
    status = bare.load()
    assert (status.fault, status.root, status.unsettled) == (None, root, 1)
    answer = bare.catalogue.answer("beta")
    assert answer is not None
    assert json.loads(answer.body) == expected
    assert bare.load().unsettled == 1
    (bare.bucket / "release.json").write_text(json.dumps(complete))
    assert (bare.load().unsettled, dump(bare.folder)) == (0, fresh(bare))


def test_a_stale_answer_is_read_again_and_again(world: World) -> None:
    """A CDN may hold an older answer for a minute."""
    old = (world.bucket / "api/v1/skills/alpha").read_bytes()
    world.go_on()
    stale = Mapped(FilesystemStore(world.bucket), {"api/v1/skills/alpha": old})
    for _ in range(2):
        status = world.load(stale)
        assert (status.fault, status.generation, status.unsettled) == (None, 2, 1)
    skill = world.catalogue.skill("alpha")
    assert skill is not None
    assert skill.version == 2
    assert (world.load().unsettled, dump(world.folder)) == (0, fresh(world))


@pytest.mark.parametrize("body", [None, b"", b"PK\3\4"], ids=str)
def test_without_an_artifact_only_its_text_is_missing(bare: World, body: bytes | None) -> None:
    sha256 = json.loads((bare.bucket / "api/v1/index/alpha.json").read_bytes())["versions"][0]["sha256"]
    key = f"api/v1/downloads/public/alpha/{sha256}.zip"
    status = bare.load(Mapped(FilesystemStore(bare.bucket), {key: body}))
    assert (status.fault, status.unsettled) == (None, 1)
    assert (bare.found("alpha"), bare.found("work", body=True)) == (["alpha"], ["beta"])
    assert (bare.load().unsettled, dump(bare.folder)) == (0, fresh(bare))


def test_without_the_emitter_the_answers_are_made_here(bare: World) -> None:
    shutil.rmtree(bare.bucket)
    bare.build("--emit", "claude")
    status = bare.load()
    assert (status.fault, status.unsettled) == (None, 0)
    skill, answer = bare.catalogue.skill("beta"), bare.catalogue.answer("beta")
    assert skill is not None
    assert answer is not None
    assert (skill.has_scripts, json.loads(answer.body)["data"]["skill"]["hasScripts"]) == (True, True)
