"""Keys that hold files of several names are made anew when one of them changed, and only then."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest
from content_repo import BASE_URL, Repo

from registry_builder.build import Build
from registry_builder.cli.options import opened
from registry_builder.core.artifact import OWN, read
from registry_builder.previous import Previous
from registry_builder.publish import Publisher, plan
from registry_builder.settings import Flags
from registry_builder.spool import Spool
from registry_builder.store.memory import MemoryStore
from registry_builder.templates import load_templates

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ZIP = "copilot/both.zip"
EXTRAS = ("core", "extras")
Edit = Callable[[Repo], None]
OURS = ("copilot/", "clawhub/", ".well-known/skills/", "api/search")


def published(
    repo: Repo, objects: Mapping[str, bytes], emit: tuple[str, ...]
) -> tuple[dict[str, bytes], set[str]]:
    """What a bucket of `objects` holds after one more publish, and the names that were made anew."""
    store = MemoryStore()
    store.objects = dict(objects)
    flags = Flags(base_url=BASE_URL, emit=emit)
    with opened(repo.path, "HEAD", flags) as (source, commit, settings), Spool() as spool:
        previous = Previous(store)
        release = Build(source, commit, settings, previous, spool, load_templates()).run()
        publisher = Publisher(store, spool, previous, settings, "somebody", lambda: NOW)
        publisher.apply(release, plan(release, previous))
    return store.objects, set(release.changed)


def edit(repo: Repo) -> None:
    repo.skill("alpha", "Do the work better.")


def elsewhere(repo: Repo) -> None:
    repo.skill("gamma")


def yank(repo: Repo) -> None:
    repo.write("advisories.toml", '[[advisory]]\nskill = "alpha"\nstate = "yanked"\nreason = "it lies"\n')


def describe(repo: Repo) -> None:
    repo.write("collections.toml", '[both]\ndescription = "The two"\nskills = ["alpha", "beta"]\n')


def delete(repo: Repo) -> None:
    shutil.rmtree(repo.path / "skills/alpha")
    repo.write("collections.toml", '[both]\nskills = ["beta"]\n')


@pytest.mark.parametrize(
    ("change", "names", "members"),
    [
        (edit, {"alpha", "both"}, {"alpha", "beta"}),
        (elsewhere, {"gamma"}, {"alpha", "beta"}),
        (yank, {"alpha", "both"}, {"beta"}),
        (describe, {"both"}, {"alpha", "beta"}),
        (delete, {"alpha", "both"}, {"beta"}),
    ],
)
def test_the_zip_follows_its_members_and_is_what_a_first_build_makes(
    two: Repo, change: Edit, names: set[str], members: set[str]
) -> None:
    begun, _ = published(two, {}, EXTRAS)
    change(two)
    two.commit()
    after, changed = published(two, begun, EXTRAS)
    assert changed == names
    assert {
        file.path.split("/")[1] for file in read(after[ZIP], OWN) if file.path.startswith("plugins/")
    } == members
    fresh, _ = published(two, {}, EXTRAS)
    ours = {key: body for key, body in fresh.items() if key.startswith(OURS)}
    assert ours.items() <= after.items()


def test_without_extras_a_member_leaves_its_collection_alone(two: Repo) -> None:
    begun, _ = published(two, {}, ("core",))
    edit(two)
    two.commit()
    after, changed = published(two, begun, ("core",))
    assert changed == {"alpha"}
    assert not [key for key in after if key.startswith(OURS)]


def test_extras_that_are_switched_on_later_are_what_a_first_build_makes(two: Repo) -> None:
    begun, _ = published(two, {}, ("core",))
    after, _ = published(two, begun, EXTRAS)
    fresh, _ = published(two, {}, EXTRAS)
    ours = {key: body for key, body in fresh.items() if key.startswith(OURS)}
    assert ours
    assert ours.items() <= after.items()
