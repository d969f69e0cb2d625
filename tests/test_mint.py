"""What mints a version and what does not (DESIGN.md D1, D2): tables over real histories."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from history import Registry, Repo, make_repo, skill

from registry_builder.build import Refused
from registry_builder.core.errors import Missing
from registry_builder.settings import Flags

A = "skills/alpha/SKILL.md"
LENIENT = Flags(name="reg", base_url="https://skills.test", skip_invalid=True)

Step = Callable[[Repo], object]


def edit(text: str) -> Step:
    return lambda repo: repo.commit({A: skill("alpha", text)})


def other(repo: Repo) -> None:
    repo.commit({"README.md": str(repo.clock)})


def invalid(repo: Repo) -> None:
    repo.commit({A: "no front matter\n"})


def delete(repo: Repo) -> None:
    repo.commit({"skills/alpha": None})


def executable(repo: Repo) -> None:
    repo.write(A, skill("alpha", "one"), executable=True)
    repo.commit()


def reclaim(repo: Repo) -> None:
    repo.commit({"advisories.toml": '[reclaim]\nalpha = "rewritten"\n', A: skill("alpha", "one")})


def rename(repo: Repo) -> None:
    repo.git("mv", "skills/alpha", "skills/beta")
    repo.commit({"skills/beta/SKILL.md": skill("beta", "one")})


def revert(repo: Repo) -> None:
    repo.clock += 60
    repo.git("revert", "--no-edit", "HEAD")


CASES = {
    "an edit mints": ([edit("one"), edit("two")], [1, 2]),
    "no edit mints nothing": ([edit("one"), other], [1]),
    "a revert mints again with the old tree": ([edit("one"), edit("two"), revert], [1, 2, 1]),
    "a deletion leaves the rows": ([edit("one"), delete], [1]),
    "a reclaimed return goes on": ([edit("one"), delete, reclaim], [1, 1]),
    "an invalid state mints nothing": ([edit("one"), invalid], [1]),
    "invalid and mended again mints once": ([edit("one"), invalid, edit("two")], [1, 2]),
    "invalid and mended to the same mints nothing": ([edit("one"), invalid, edit("one")], [1]),
    "the executable bit alone mints": ([edit("one"), executable], [1, 2]),
    "a rename ends one name": ([edit("one"), rename], [1]),
}


def trees(registry: Registry, name: str = "alpha") -> list[int]:
    """The rows' trees, numbered in the order in which they first appeared."""
    seen: list[str] = []
    found = []
    for _, tree in registry.versions(name):
        if tree not in seen:
            seen.append(tree)
        found.append(seen.index(tree) + 1)
    return found


@pytest.mark.parametrize(("steps", "expected"), CASES.values(), ids=CASES)
def test_each_commit_mints_what_the_table_says(
    tmp_path: Path, steps: list[Step], expected: list[int]
) -> None:
    repo, registry = make_repo(tmp_path / "repo"), Registry(flags=LENIENT)
    for step in steps:
        step(repo)
        registry.build(repo.path)
    assert trees(registry) == expected
    assert [number for number, _ in registry.versions("alpha")] == list(range(1, len(expected) + 1))


@pytest.mark.parametrize(("steps", "expected"), CASES.values(), ids=CASES)
def test_seeding_at_the_end_gives_the_same_rows(
    tmp_path: Path, steps: list[Step], expected: list[int]
) -> None:
    repo, each, once = make_repo(tmp_path / "repo"), Registry(flags=LENIENT), Registry(flags=LENIENT)
    for step in steps:
        step(repo)
        each.build(repo.path)
    once.build(repo.path)
    assert once.document("alpha") == each.document("alpha")
    assert once.pins() == each.pins()
    assert trees(once) == expected


def test_a_retry_of_the_same_commit_is_a_noop(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path / "repo"), Registry()
    edit("one")(repo)
    assert registry.build(repo.path) is not None
    before = dict(registry.store.objects)  # type: ignore[attr-defined]
    assert registry.build(repo.path) is None
    assert registry.store.objects == before  # type: ignore[attr-defined]


def test_two_skills_in_one_commit_mint_one_version_each(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path / "repo"), Registry()
    commit = repo.commit({A: skill("alpha"), "skills/beta/SKILL.md": skill("beta")})
    registry.build(repo.path)
    for name in ("alpha", "beta"):
        document = registry.document(name)
        assert document is not None
        assert [(row.version, row.commit) for row in document.versions] == [(1, commit)]


def test_moving_the_root_keeps_the_numbers(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path / "repo"), Registry()
    edit("one")(repo)
    registry.build(repo.path)
    repo.git("mv", "skills", "lib")
    repo.commit({"registry.toml": '[content]\nroots = { skill = "lib" }\n'})
    registry.build(repo.path)
    assert trees(registry) == [1]
    repo.commit({"lib/alpha/SKILL.md": skill("alpha", "two")})
    registry.build(repo.path)
    document = registry.document("alpha")
    assert document is not None
    assert [row.path for row in document.versions] == ["skills/alpha", "lib/alpha"]


def branch(repo: Repo) -> str:
    """Two commits on a branch; gives its tip."""
    repo.git("checkout", "-qb", "work")
    edit("two")(repo)
    edit("three")(repo)
    tip = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "-q", "main")
    return tip


def merge(repo: Repo) -> None:
    repo.git("merge", "-q", "--no-ff", "-m", "merge", branch(repo))


def squash(repo: Repo) -> None:
    repo.git("merge", "-q", "--squash", branch(repo))
    repo.commit()


def rebase(repo: Repo) -> None:
    repo.git("merge", "-q", "--ff-only", branch(repo))


def foxtrot(repo: Repo) -> None:
    """The branch becomes the first parent, as `git pull` on a branch and a push to main would do."""
    tip = branch(repo)
    other(repo)
    repo.git("checkout", "-q", "work")
    repo.git("merge", "-q", "-m", "foxtrot", "main")
    repo.git("branch", "-qf", "main", "HEAD")
    repo.git("checkout", "-q", "main")
    assert tip


def force_push(repo: Repo) -> None:
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.clock += 60
    edit("forced")(repo)


@pytest.mark.parametrize(
    ("join", "after_each_build", "seeded"),
    [(merge, 3, 3), (squash, 3, 3), (rebase, 3, 4), (foxtrot, 3, 4), (force_push, 3, 2)],
    ids=["merge", "squash", "rebase", "foxtrot", "force push"],
)
def test_however_work_is_joined_a_ledger_only_sees_head(
    tmp_path: Path, join: Step, after_each_build: int, seeded: int
) -> None:
    """Two edits, built each; then a branch of two more is joined and built once."""
    repo, registry = make_repo(tmp_path / "repo"), Registry()
    for text in ("zero", "one"):
        edit(text)(repo)
        registry.build(repo.path)
    published = registry.versions("alpha")
    join(repo)
    registry.build(repo.path)
    assert registry.versions("alpha")[:2] == published
    assert len(registry.versions("alpha")) == after_each_build
    fresh = Registry()
    fresh.build(repo.path)
    assert len(fresh.versions("alpha")) == seeded


def test_time_never_runs_backwards(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path / "repo"), Registry()
    edit("one")(repo)
    registry.build(repo.path)
    repo.clock -= 1_000_000
    edit("two")(repo)
    registry.build(repo.path)
    document = registry.document("alpha")
    assert document is not None
    assert document.versions[0].time == document.versions[1].time


def shallow_clone(repo: Repo, place: Path) -> Path:
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.path}", str(place))
    return place


def test_a_shallow_clone_works_once_a_ledger_exists(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path / "repo"), Registry()
    edit("one")(repo)
    registry.build(repo.path)
    edit("two")(repo)
    registry.build(shallow_clone(repo, tmp_path / "shallow"))
    assert trees(registry) == [1, 2]


def test_a_shallow_clone_without_a_ledger_is_refused_with_the_mend(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    edit("one")(repo)
    edit("two")(repo)
    with pytest.raises(Missing, match=r"git fetch --unshallow.*seed = \"head\""):
        Registry().build(shallow_clone(repo, tmp_path / "shallow"))


def test_seed_head_begins_at_one(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path / "repo"), Registry()
    edit("one")(repo)
    edit("two")(repo)
    repo.commit({"registry.toml": '[content]\nseed = "head"\n'})
    registry.build(shallow_clone(repo, tmp_path / "shallow"))
    assert len(registry.versions("alpha")) == 1


def test_a_changed_preset_renumbers_nothing(tmp_path: Path) -> None:
    """A skill that only `lenient` takes keeps its rows under `portable`, and goes on when mended."""
    repo, registry = make_repo(tmp_path / "repo"), Registry(flags=LENIENT)
    bad = skill("alpha", "one").replace("name: alpha", "name: another")
    repo.commit({A: bad, "registry.toml": '[check]\npreset = "lenient"\n'})
    registry.build(repo.path)
    repo.commit({"registry.toml": '[check]\npreset = "portable"\n'})
    release = registry.build(repo.path)
    assert release is not None
    assert release.refused == ("alpha",)
    assert trees(registry) == [1]
    edit("two")(repo)
    registry.build(repo.path)
    assert trees(registry) == [1, 2]


def test_a_newer_builder_mints_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo, registry = make_repo(tmp_path / "repo"), Registry()
    edit("one")(repo)
    registry.build(repo.path)
    rows = registry.versions("alpha")
    for module in ("build", "publish"):
        monkeypatch.setattr(f"registry_builder.{module}.BUILDER", "skillpress 9.9.9")
    release = registry.build(repo.path)
    assert release is not None
    assert (release.minted, registry.versions("alpha")) == ((), rows)


def test_a_deleted_name_needs_a_line_under_reclaim(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path / "repo"), Registry()
    repo.commit({A: skill("alpha"), "skills/beta/SKILL.md": skill("beta")})
    registry.build(repo.path)
    delete(repo)
    registry.build(repo.path)
    document = registry.document("alpha")
    assert document is not None
    assert (document.state, document.url) == ("removed", None)
    edit("back")(repo)
    with pytest.raises(Refused) as caught:
        registry.build(repo.path)
    assert [(f.rule, f.name) for f in caught.value.findings if f.level == "error"] == [
        ("name-retired", "alpha")
    ]
    reclaim(repo)
    registry.build(repo.path)
    assert [number for number, _ in registry.versions("alpha")] == [1, 2]


def test_an_invalid_skill_stops_the_build_with_all_problems_of_all_skills(tmp_path: Path) -> None:
    repo, registry = make_repo(tmp_path / "repo"), Registry()
    repo.commit(
        {A: "x", "skills/beta/SKILL.md": "---\nname: beta\n---\n", "skills/gamma/SKILL.md": skill("gamma")}
    )
    with pytest.raises(Refused) as caught:
        registry.build(repo.path)
    errors = {(f.name, f.rule) for f in caught.value.findings if f.level == "error"}
    assert {name for name, _ in errors} == {"alpha", "beta"}
    assert registry.store.objects == {}  # type: ignore[attr-defined]


def random_step(repo: Repo, chance: random.Random, there: dict[str, str], buried: set[str]) -> None:
    """One commit of one or two changes out of everything a maintainer does."""
    changes: dict[str, str | bytes | None] = {}
    for _ in range(chance.choice([1, 1, 2])):
        name = f"skill-{chance.randrange(12)}"
        path = f"skills/{name}/SKILL.md"
        kind = chance.choice(["edit", "edit", "edit", "break", "delete", "script", "collection", "nothing"])
        if kind == "delete" and name in there and path not in changes:
            changes[f"skills/{name}"] = None
            del there[name]
            buried.add(name)
        elif kind in {"edit", "break", "script"} and name not in buried and f"skills/{name}" not in changes:
            there[name] = "broken" if kind == "break" else skill(name, f"Number {chance.randrange(4)}.")
            changes[path] = there[name]
            if kind == "script":
                changes[f"skills/{name}/scripts/run.sh"] = f"#!/bin/sh\necho {chance.randrange(3)}\n"
        elif kind == "collection" and there:
            members = sorted(chance.sample(sorted(there), min(3, len(there))))
            changes["collections.toml"] = (
                f'[things]\ntitle = "Things"\ndescription = "d"\nskills = {members}\n'
            )
    changes = {
        path: text for path, text in changes.items() if text is not None or (repo.path / path).exists()
    }
    repo.commit(changes)


@pytest.mark.parametrize("seed", [1, 2])
def test_200_commits_seeded_at_the_end_equal_200_builds(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    repo, each, once = make_repo(tmp_path / "repo"), Registry(flags=LENIENT), Registry(flags=LENIENT)
    there: dict[str, str] = {}
    buried: set[str] = set()
    for _ in range(200):
        random_step(repo, chance, there, buried)
        each.build(repo.path)
    once.build(repo.path)
    assert once.pins() == each.pins()
    names = names_of(each)
    assert {name: once.document(name) for name in names} == {name: each.document(name) for name in names}
    assert sum(len(each.versions(name)) for name in names) > 40


def names_of(registry: Registry) -> list[str]:
    from registry_builder.previous import Previous

    return list(Previous(registry.store).view.noted)
