"""What the catalogue tells of a registry that the builder made."""

from __future__ import annotations

import gc
import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from catalogue.world import World

from dynamic_api.catalogue import Catalogue, Collection, Holder, skill_id
from dynamic_api.catalogue.readers import IDLE
from dynamic_api.errors import Unavailable


def twin(world: World, slug: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((world.bucket / "api/v1/skills" / slug).read_bytes())["data"]
    return read


def test_answer_is_the_static_twin_byte_for_byte(world: World) -> None:
    for slug in ("alpha", "beta", "both"):
        body = (world.bucket / "api/v1/skills" / slug).read_bytes()
        answer = world.catalogue.answer(slug)
        assert answer is not None
        assert (answer.body, answer.etag) == (body, f'"{hashlib.sha256(body).hexdigest()}"')


def test_whole_record_of_a_skill(world: World) -> None:
    world.repo.write(
        "skills/gamma/SKILL.md",
        "---\nname: gamma\ndescription: Does gamma. Use it when gamma is asked for.\nlicense: MIT\n"
        "tags: [pdf, x]\nauthor: Ann\nhomepage: https://ann.example\nversion: 0.3\n"
        "execution_tier: local\nrequiredEnvVars: [TOKEN]\n---\n\n# The gamma\n\nDo it.\n",
    )
    world.repo.write("registry.toml", '[skills.gamma]\ncredit_cost_per_use = 7\nowner = "acme-docs"\n')
    world.build()
    world.load()
    skill, shown = world.catalogue.skill("gamma"), twin(world, "gamma")
    assert skill is not None
    assert json.loads(skill.json) == shown["skill"]
    assert skill.download is not None
    assert skill.versions == (skill.download,)
    told = {
        name: getattr(skill, name)
        for name in skill.__struct_fields__
        if name not in {"json", "download", "versions"}
    }
    assert told == {
        "id": skill_id("gamma"),
        "slug": "gamma",
        "type": "skill",
        "state": "active",
        "name": "The gamma",
        "description": "Does gamma. Use it when gamma is asked for.",
        "tags": ("pdf", "x"),
        "licence": "MIT",
        "author": "Ann",
        "homepage": "https://ann.example",
        "github_url": None,
        "owner": "acme-docs",
        "replacement": None,
        "version": 1,
        "has_scripts": False,
        "execution_tier": "local",
        "required_env": ("TOKEN",),
        "credit_cost_per_use": 7,
        "manifest": False,
    }
    row = skill.download
    assert (row.ordinal, row.label, row.state, row.reason) == (1, "0.3", "active", None)
    assert (row.sha256, row.size) == (shown["download"]["content_sha"], shown["download"]["content_size"])
    assert (skill.category, skill.offered) == ("public", True)
    assert world.catalogue.skill_by_id(skill.id) == skill
    assert world.catalogue.versions("gamma") == skill.versions


def test_versions_are_oldest_first_and_have_their_numbers(world: World) -> None:
    world.go_on()
    world.load()
    versions = world.catalogue.versions("alpha")
    assert [item.ordinal for item in versions] == [1, 2]
    skill = world.catalogue.skill("alpha")
    assert skill is not None
    assert (skill.version, skill.download, skill.at(1), skill.at(3)) == (2, versions[1], versions[0], None)


def test_bytes_are_found_by_their_digest(world: World) -> None:
    document = json.loads((world.bucket / "api/v1/index/alpha.json").read_bytes())
    (row,) = document["versions"]
    bundle = row["derived"]["sx"]
    sha256 = row["sha256"]
    held = Holder("alpha", 1, "active", sha256, row["size"], sha256)
    assert world.catalogue.holder(sha256) == held
    assert world.catalogue.holder(sha256, "alpha") == held
    assert world.catalogue.holder(sha256, "beta") is None
    expected = Holder("alpha", 1, "active", bundle["sha256"], bundle["size"], sha256, "sx")
    assert world.catalogue.holder(bundle["sha256"]) == expected
    assert world.catalogue.holder("0" * 64) is None


def test_a_revert_belongs_to_the_newest_of_its_versions(world: World) -> None:
    skill = world.catalogue.skill("alpha")
    assert skill is not None
    assert skill.download is not None
    first = skill.download.sha256
    for text in ("Do it otherwise.", "Do the work."):
        world.repo.skill("alpha", text)
        world.build()
    world.load()
    held = world.catalogue.holder(first)
    assert held is not None
    assert (held.slug, held.ordinal) == ("alpha", 3)


def test_many_are_read_at_once(world: World) -> None:
    found = world.catalogue.many(["alpha", "nobody", "\ud800", "alpha"], [skill_id("beta"), "no-id"])
    assert sorted(found) == ["alpha", "beta"]
    assert found["alpha"] == world.catalogue.skill("alpha")
    assert world.catalogue.many() == {}


def test_pages_follow_each_other_without_collections(world: World) -> None:
    assert [skill.slug for skill in world.catalogue.page()] == ["alpha", "beta"]
    assert [skill.slug for skill in world.catalogue.page(limit=1)] == ["alpha"]
    assert [skill.slug for skill in world.catalogue.page("alpha", 1)] == ["beta"]
    assert world.catalogue.page("beta") == ()
    assert world.catalogue.page(limit=-1) == ()


def test_collections_name_what_they_offer(world: World) -> None:
    both = Collection("both", "Both", "The collection Both", ("alpha", "beta"))
    assert world.catalogue.collections() == (both,)
    assert world.catalogue.collection("both") == both
    assert world.catalogue.collection("alpha") is None
    world.repo.git("rm", "-rq", "skills/beta")
    world.repo.write(
        "collections.toml", '[both]\ntitle = "One"\ndescription = "Of two."\nskills = ["alpha"]\n'
    )
    world.build()
    world.load()
    assert world.catalogue.collections() == (Collection("both", "One", "Of two.", ("alpha",)),)


ODD = (
    "",
    "nobody",
    "ALPHA",
    "alpha\0",
    "\ud800",
    "\u00e4lpha",
    "x" * 100_000,
    "' OR 1=1 --",
    "%",
    "../alpha",
)


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_what_is_no_name_is_not_there(world: World, value: str) -> None:
    catalogue = world.catalogue
    found = (catalogue.skill(value), catalogue.skill_by_id(value), catalogue.answer(value))
    assert found == (None, None, None)
    assert (catalogue.holder(value), catalogue.withdrawn(value), catalogue.collection(value)) == (None,) * 3
    assert (catalogue.versions(value), catalogue.many([value], [value])) == ((), {})


READS: dict[str, Callable[[Catalogue], object]] = {
    "skill": lambda catalogue: catalogue.skill("alpha"),
    "answer": lambda catalogue: catalogue.answer("alpha"),
    "holder": lambda catalogue: catalogue.holder("0" * 64),
    "withdrawn": lambda catalogue: catalogue.withdrawn("0" * 64),
    "many": lambda catalogue: catalogue.many(["alpha"]),
    "page": lambda catalogue: catalogue.page(),
    "collections": lambda catalogue: catalogue.collections(),
    "search": lambda catalogue: catalogue.search("alpha"),
    "suggest": lambda catalogue: catalogue.suggest("alpha"),
    "generation": lambda catalogue: catalogue.generation,
}


@pytest.mark.parametrize("name", READS)
def test_before_the_first_view_nothing_is_said_to_be_missing(bare: World, name: str) -> None:
    with pytest.raises(Unavailable) as caught:
        READS[name](bare.catalogue)
    assert (caught.value.code, caught.value.headers) == ("catalogue_unavailable", {"Retry-After": "5"})
    assert not bare.catalogue.status().ready


def test_id_of_a_name_is_for_ever() -> None:
    assert skill_id("pdf-tools") == "7a060654-d550-5000-952a-2d5bf3fb5d81"


def test_threads_share_a_catalogue_and_leave_few_connections(world: World) -> None:
    together, before = threading.Barrier(24), connections()

    def ask(number: int) -> tuple[object, ...]:
        together.wait(30)
        skill = world.catalogue.skill("alpha")
        return (skill, world.catalogue.answer("beta"), world.catalogue.search("alhpa"), number % 2)

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(24)))
    assert len(set(answers)) == 2
    assert connections() - before <= IDLE


def connections() -> int:
    """How many of SQLite this process has; files that SQLite closes once no lock is held do not count."""
    gc.collect()
    return sum(issubclass(type(each), sqlite3.Connection) for each in gc.get_objects())
