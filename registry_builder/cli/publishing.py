"""One commit onto one store: what `build` and `quarantine` have in common."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from registry_builder.cli.options import preset_option
from registry_builder.core.errors import Missing, Misuse
from registry_builder.core.tree import Pointer
from registry_builder.jobs import cores
from registry_builder.previous import Previous
from registry_builder.publish import Plan, Published, Publisher, Tick, in_force, plan
from registry_builder.settings import Flags, Settings
from registry_builder.source import Commit, Source
from registry_builder.spool import Spool
from registry_builder.store.base import Store

if TYPE_CHECKING:  # a build that finds nothing to do does not pay for these
    from registry_builder.git_remote import Remote
    from registry_builder.release import Release
    from registry_builder.workshop import Workshop

F = TypeVar("F", bound=Callable[..., Any])


def release_options(function: F) -> F:
    """The flags that decide what a release holds."""
    for option in (
        click.option(
            "--skip-invalid", is_flag=True, help="Leave what has errors at its last version and list it."
        ),
        click.option(
            "--emit", metavar="LIST", help="Emitters or groups, separated by commas: core, claude, npm …"
        ),
        preset_option,
        click.option("--name", help="The registry's name: marketplace and npm scope."),
        click.option("--base-url", help="Where the folder will be served; every link starts with it."),
    ):
        function = option(function)
    return function


def store_option(function: F) -> F:
    """`--to STORE`, and what to do when it is a weak one."""
    target = click.option(
        "--to",
        "target",
        required=True,
        metavar="STORE",
        help="A folder, or s3://bucket/prefix?endpoint_url=…",
    )
    alone = click.option(
        "--single-writer",
        is_flag=True,
        help="Publish to a store without conditional writes: nobody else does.",
    )
    return target(alone(function))


def git_options(function: F) -> F:
    """Where the commits of the emitter `git` are pushed as well."""
    branch = click.option(
        "--git-branch", default="main", show_default=True, help="The branch that --git-remote pushes to."
    )
    remote = click.option(
        "--git-remote", metavar="URL", help="Push the repository of the emitter git there as well."
    )
    return remote(branch(function))


def remote_of(url: str | None, branch: str) -> Remote | None:
    """The branch to push to, None when there is none."""
    if not url:
        return None
    from registry_builder.git_remote import Remote

    return Remote(url, branch)


def flags_of(
    base_url: str | None, name: str | None, preset: str | None, emit: str | None, skip_invalid: bool
) -> Flags:
    """The flags as one value."""
    chosen = tuple(part.strip() for part in emit.split(",") if part.strip()) if emit is not None else None
    return Flags(base_url=base_url, name=name, preset=preset, emit=chosen, skip_invalid=skip_invalid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One commit to be released over what a store holds. `before` may change the ledger first."""

    previous: Previous
    source: Source
    commit: Commit
    settings: Settings
    tick: Tick
    before: Callable[[Workshop], None] | None = None
    jobs: int = field(default_factory=cores)
    reconcile: bool = False
    after: int = 0

    def release(self, spool: Spool) -> Release:
        """The release, its bodies in `spool`. Raises Refused with every finding."""
        from registry_builder.build import Build
        from registry_builder.templates import load_templates

        build = Build(self.source, self.commit, self.settings, self.previous, spool, load_templates())
        build.before, build.tick, build.jobs = self.before, self.tick, self.jobs
        return build.run()

    def publish(self, store: Store) -> tuple[Release, Published]:
        """Write what changed. Raises Refused with every finding, and all that stores raise."""
        with Spool() as spool:
            release = self.release(spool)
            return release, self.apply(store, spool, release, plan(release, self.previous))

    def apply(self, store: Store, spool: Spool, release: Release, changes: Plan) -> Published:
        """Write what `changes` says."""
        publisher = Publisher(
            store, spool, self.previous, self.settings, _who(), lambda: datetime.now(UTC), self.tick
        )
        publisher.reconcile, publisher.after = self.reconcile, self.after
        return publisher.apply(release, changes)


def same_settings(previous: Previous, settings: Settings, place: str) -> Pointer:
    """The pointer, if the release was made with `settings`. Raises Missing, Misuse."""
    pointer = previous.pointer
    if pointer is None:
        raise Missing("no-release", "holds no release", place=place, mend="skillpress build --to DIR")
    if pointer.complete and pointer.settings != in_force(settings, previous.revoked):
        mend = "give the flags (--base-url, --name, --preset, --emit, --skip-invalid) of the last build"
        raise Misuse("other-settings", "the last build had other settings", place=place, mend=mend)
    return pointer


def _who() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
