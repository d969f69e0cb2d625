"""The loader takes over what changed, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

from catalogue.world import Counting, World, dump, fresh, node

from registry_builder.store.filesystem import FilesystemStore


def test_nothing_new_costs_a_look_at_the_pointers(world: World) -> None:
    before = dump(world.folder)
    reader = Counting(FilesystemStore(world.bucket))
    status = world.load(reader)
    assert reader.keys == ["revoked.json", "release.json"]
    assert (status.changed, status.checked, status.generation) == (1_010.0, 1_020.0, 1)
    assert dump(world.folder) == before


def test_a_change_costs_what_changed(world: World) -> None:
    world.go_on()
    reader = Counting(FilesystemStore(world.bucket))
    assert world.load(reader).fault is None
    skill = world.catalogue.skill("alpha")
    assert skill is not None
    assert skill.download is not None
    artifact = f"api/v1/downloads/public/alpha/{skill.download.sha256}.zip"
    nodes = [node(world, of="root"), node(world, of="bin"), node(world, of="document")]
    assert reader.keys == ["revoked.json", "release.json", *nodes, "api/v1/skills/alpha", artifact]
    assert world.found("xylophone", body=True) == ["alpha"]
    assert dump(world.folder) == fresh(world)


def test_a_change_of_state_reads_no_artifact(world: World) -> None:
    world.repo.write("advisories.toml", '[[advisory]]\nskill = "alpha"\nstate = "deprecated"\n')
    world.build()
    reader = Counting(FilesystemStore(world.bucket))
    world.load(reader)
    assert [key for key in reader.keys if key.endswith(".zip")] == []
    skill = world.catalogue.skill("alpha")
    assert skill is not None
    assert (skill.state, skill.offered) == ("deprecated", True)
    assert world.found("alpha") == ["alpha"]
    assert dump(world.folder) == fresh(world)


def remove(world: World) -> None:
    world.repo.git("rm", "-rq", "skills/beta")
    world.repo.write("collections.toml", '[both]\ntitle = "Both"\nskills = ["alpha"]\n')


def come_back(world: World) -> None:
    world.repo.skill("beta", "It is back with a banjo.")
    world.repo.write("advisories.toml", '[reclaim]\nbeta = "by the same team"\n')


def advise(state: str) -> Callable[[World], None]:
    def write(world: World) -> None:
        text = f'[[advisory]]\nskill = "alpha"\nversions = [2]\nstate = "{state}"\nreason = "it harms"\n'
        world.repo.write("advisories.toml", text)

    return write


STEPS: tuple[tuple[str, Callable[[World], None]], ...] = (
    ("a new version", lambda world: world.repo.skill("alpha", "Do it otherwise.")),
    ("a new name", lambda world: world.repo.skill("gamma")),
    ("another description", lambda world: world.repo.write("skills/gamma/SKILL.md", "---\nname: gamma\n"
        "description: Plays the zither when music is asked for.\nlicense: MIT\n---\n\n# Zither\n\nPlay.\n")),
    ("a yanked version", advise("yanked")),
    ("a quarantined version", advise("quarantined")),
    ("a lifted advisory", lambda world: world.repo.write("advisories.toml", "")),
    ("a removed name", remove),
    ("a name that comes back", come_back),
    ("nothing", lambda world: None),
)  # fmt: skip


def test_after_every_change_the_view_is_what_a_new_one_would_be(world: World) -> None:
    for name, change in STEPS:
        change(world)
        world.build()
        assert world.load().fault is None, name
        assert dump(world.folder) == fresh(world), name
    assert world.catalogue.generation == len(STEPS) + 1


def test_a_removed_name_is_not_found_but_known(world: World) -> None:
    remove(world)
    world.build()
    world.load()
    skill, answer = world.catalogue.skill("beta"), world.catalogue.answer("beta")
    assert skill is not None
    assert answer is not None
    assert (skill.state, skill.offered, json.loads(answer.body)["data"]["download"]) == (
        "removed",
        False,
        None,
    )
    assert (world.found("beta"), [item.slug for item in world.catalogue.page()]) == ([], ["alpha"])
    assert world.catalogue.holder(skill.versions[0].sha256) is not None


def test_a_quarantine_of_the_release_is_told_with_its_reason(world: World) -> None:
    world.repo.skill("alpha", "Do it otherwise.")
    world.build()
    advise("quarantined")(world)
    world.build()
    world.load()
    first, second = world.catalogue.versions("alpha")
    assert (world.catalogue.withdrawn(first.sha256), world.catalogue.withdrawn(second.sha256)) == (
        None,
        "it harms",
    )
    skill = world.catalogue.skill("alpha")
    assert skill is not None
    assert (skill.version, skill.download) == (1, first)
