"""What the catalogue tells of a registry that the builder made."""

from __future__ import annotations

import hashlib
import json

from catalogue.conftest import World

from dynamic_api.catalogue import skill_id


def test_answer_is_the_static_twin_byte_for_byte(world: World) -> None:
    for slug in ("alpha", "beta", "both"):
        twin = (world.bucket / "api/v1/skills" / slug).read_bytes()
        answer = world.catalogue.answer(slug)
        assert answer is not None
        assert answer.body == twin
        assert answer.etag == f'"{hashlib.sha256(twin).hexdigest()}"'
    assert world.catalogue.answer("gamma") is None


def test_whole_record_of_a_skill(world: World) -> None:
    skill = world.catalogue.skill("beta")
    assert skill is not None
    twin = json.loads((world.bucket / "api/v1/skills/beta").read_bytes())["data"]
    assert json.loads(skill.json) == twin["skill"]
    assert skill.download is not None
    assert (skill.download.sha256, skill.download.size) == (
        twin["download"]["content_sha"],
        twin["download"]["content_size"],
    )
    assert (skill.id, skill.slug, skill.name, skill.version) == (skill_id("beta"), "beta", "beta", 1)
    assert (skill.has_scripts, skill.offered, skill.category) == (True, True, "public")
    assert skill.versions == (skill.download,)
    assert world.catalogue.skill_by_id(skill.id) == skill


def test_search_and_suggest(world: World) -> None:
    assert [skill.slug for skill in world.catalogue.search("beta")] == ["beta"]
    assert [skill.slug for skill in world.catalogue.search("alpah")] == ["alpha"]
    assert world.catalogue.suggest("betta") == ("beta",)
