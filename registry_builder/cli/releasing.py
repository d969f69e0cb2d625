"""One release onto one store and what is said of it: the common part of `build`, `publish` and `rollback`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from registry_builder.cli import findings as shown
from registry_builder.cli.options import Progress, echo_json, finding_row
from registry_builder.cli.publishing import Job
from registry_builder.cli.sign import sign_release
from registry_builder.core.errors import Busy, Refusal
from registry_builder.core.finding import Finding
from registry_builder.core.tree import Pointer
from registry_builder.jobs import cores
from registry_builder.previous import Holes, Previous
from registry_builder.publish import Plan, Published, is_noop, plan
from registry_builder.purge import purge
from registry_builder.settings import DEFAULT_BASE_URL, Settings
from registry_builder.source import Commit, Source
from registry_builder.spool import Spool
from registry_builder.store.base import Store

if TYPE_CHECKING:  # as in publishing
    from registry_builder.build import Refused
    from registry_builder.git_remote import Remote
    from registry_builder.release import Release
    from registry_builder.trust.sign import Signed
    from registry_builder.workshop import Workshop


@dataclass(slots=True, kw_only=True)
class Run:
    """One call of a command that releases. `before` may change the ledger, which then always releases."""

    source: Source
    commit: Commit
    settings: Settings
    store: Store
    target: str
    as_json: bool
    started: float
    remote: Remote | None = None
    before: Callable[[Previous], Callable[[Workshop], None]] | None = None
    expect: Path | None = None
    purge: str | None = None
    reconcile: bool = False
    deep: bool = False
    after: int = 0
    sign: Callable[[Store], Signed] | None = None
    trust: Mapping[str, object] = field(default_factory=dict)
    pushed: str | None = None
    mirrors: bool = False
    mirrored: str | None = None
    jobs: int = field(default_factory=cores)

    def run(self) -> int:
        """Release and report; gives the exit code."""
        progress = Progress()
        if self.remote:
            from registry_builder.git_remote import check_remote

            check_remote(self.remote, self.settings.emitters)
        with self.store as store:
            previous = Previous(store)
            if self.reconcile:
                from registry_builder.reconcile import find_holes

                previous.holes = find_holes(previous, store if self.deep else None)
            whole = previous.holes == Holes()
            if (
                not self.before
                and whole
                and is_noop(previous, self.commit.id, self.settings)
                and previous.pointer
            ):
                self._after()
                return self._say_noop(previous.pointer)
            from registry_builder.build import Refused

            try:
                release, changes, published = self._publish(previous, progress)
            except Refused as error:
                progress.end()
                return self._say_refused(error)
            finally:
                progress.end()
            self._after()
        if self.purge:
            purge(self.purge, changes, self.settings.base_url)
        return self._say(release, published)

    def _publish(self, previous: Previous, progress: Progress) -> tuple[Release, Plan, Published]:
        job = Job(
            previous=previous,
            source=self.source,
            commit=self.commit,
            settings=self.settings,
            tick=progress.tick,
            before=self.before(previous) if self.before else None,
            reconcile=self.reconcile,
            after=self.after,
            jobs=self.jobs,
        )
        with Spool() as spool:
            release = job.release(spool)
            if self.expect:
                from registry_builder.expectation import check_expected

                check_expected(self.expect, release)
            self._check_mirror(release)
            changes = plan(release, previous)
            return release, changes, job.apply(self.store, spool, release, changes)

    def _push(self) -> None:
        if self.remote:
            from registry_builder.git_remote import push

            self.pushed = push(Previous(self.store).view, self.remote)
            click.echo(f"pushed {self.pushed[:12]} to {self.remote}", err=True)

    def _after(self) -> None:
        if self.before or self.sign:  # a publish has no request to spare for a look at signatures
            self.trust = sign_release(self.store, self.target, self.sign, as_json=self.as_json)
        self._push()
        self._mirror()

    def _check_mirror(self, release: Release) -> None:
        """Refuse to give a number out twice. A copy that cannot be read is named after the release."""
        table = self.settings.publish
        if not self.mirrors or table.ledger_ref is None:
            return
        from registry_builder.ledger_mirror import check_mirror, mirror_at

        try:
            mirror = mirror_at(self.source.place, table.ledger_remote, table.ledger_ref)
            check_mirror(release.documents, mirror)
        except Busy:
            raise
        except Refusal:
            return

    def _mirror(self) -> None:
        """Copy the ledger to the ref of the settings. What fails is said, and left to the next publish."""
        table = self.settings.publish
        if not self.mirrors or table.ledger_ref is None:
            return
        from registry_builder.ledger_mirror import mirror_at, renew_mirror

        try:
            mirror = mirror_at(self.source.place, table.ledger_remote, table.ledger_ref)
            self.mirrored = renew_mirror(Previous(self.store), mirror, self.commit)
        except Refusal as error:
            click.echo(f"warning: it is published, but the ledger was not copied: {error}", err=True)
            return
        if self.mirrored:
            click.echo(f"copied the ledger as {self.mirrored[:12]} to {mirror}", err=True)

    def _say_noop(self, pointer: Pointer) -> int:
        if self.as_json:
            echo_json(self._counts(pointer, minted=0, objects=0))
        else:
            click.echo(f"{self.target} already holds {self.commit.id[:12]} (generation {pointer.generation})")
        return 0

    def _say_refused(self, error: Refused) -> int:
        if self.as_json:
            rows = [finding_row(finding) for finding in error.findings]
            echo_json({"error": {"code": error.code, "message": error.message}, "findings": rows})
        else:
            shown.show(error.findings)
            click.echo(f"error: {error}; nothing was written", err=True)
        return error.exit_code

    def _say(self, release: Release, published: Published) -> int:
        skipped = _skipped(release)
        if self.as_json:
            counts = self._counts(published.pointer, minted=len(release.minted), objects=published.written)
            rows = [
                {"name": name, "findings": [finding_row(item) for item in found]} for name, found in skipped
            ]
            echo_json(
                {
                    **counts,
                    "minted_versions": release.minted,
                    "removed": release.removed,
                    "skipped": rows,
                    "healed": published.healed,
                    "findings": [finding_row(finding) for finding in release.findings],
                    "notes": release.notes,
                }
            )
            return 0
        self._say_findings(release, skipped)
        for key in published.healed:
            click.echo(f"warning: {key} held other bytes and was restored", err=True)
        click.echo(
            f"{self.settings.name}: generation {published.pointer.generation} of {self.commit.id[:12]} in "
            f"{self.target}: {shown.count(release.skills, 'skill')}, "
            f"{shown.count(len(release.minted), 'version')} minted, "
            f"{shown.count(published.written, 'object')} written, {monotonic() - self.started:.1f} s"
        )
        if self.settings.base_url == DEFAULT_BASE_URL:
            click.echo(
                f"links point at {DEFAULT_BASE_URL}; --base-url says where it will be served", err=True
            )
        return 0

    def _say_findings(self, release: Release, skipped: Sequence[tuple[str, list[Finding]]]) -> None:
        if skipped:
            shown.show([finding for _, found in skipped for finding in found])
            click.echo(f"{shown.count(len(skipped), 'name')} left at the last good version", err=True)
        for note in release.notes:
            click.echo(f"note: {shown.printable(note)}", err=True)
        hidden = sum(finding.level != "error" for finding in release.findings)
        if hidden:
            click.echo(f"{shown.count(hidden, 'warning')}; skillpress check shows them", err=True)
        if not release.skills:
            click.echo("the registry is empty: there is no skills/<name>/SKILL.md at this commit", err=True)

    def _counts(self, pointer: Pointer, *, minted: int, objects: int) -> dict[str, object]:
        return {
            "generation": pointer.generation,
            "commit": pointer.commit,
            "root": pointer.root,
            "skills": pointer.skills,
            "versions": pointer.versions,
            "minted": minted,
            "objects": objects,
            "skipped": [],
            **self.trust,
            **({"pushed": self.pushed} if self.pushed else {}),
            **({"ledger": self.mirrored} if self.mirrored else {}),
            "seconds": round(monotonic() - self.started, 3),
        }


def _skipped(release: Release) -> list[tuple[str, list[Finding]]]:
    errors = [finding for finding in release.findings if finding.level == "error"]
    names = sorted({finding.name for finding in errors} | set(release.refused))
    return [(name, [finding for finding in errors if finding.name == name]) for name in names]
