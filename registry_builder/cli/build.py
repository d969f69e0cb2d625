"""`skillpress build`: compile a commit into a folder, which is a publish onto the filesystem store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import click

from registry_builder.build import Refused
from registry_builder.cli import findings as shown
from registry_builder.cli.options import Progress, content_option, echo_json, finding_row, json_option, opened
from registry_builder.cli.publishing import flags_of, publish_commit, release_options
from registry_builder.core.finding import Finding
from registry_builder.core.tree import Pointer
from registry_builder.git_remote import Remote, check_remote, push
from registry_builder.previous import Previous
from registry_builder.publish import Published, is_noop
from registry_builder.release import Release
from registry_builder.settings import DEFAULT_BASE_URL, Settings
from registry_builder.source import Commit, Source
from registry_builder.store.filesystem import FilesystemStore


@click.command()
@content_option
@click.option(
    "--to", "target", required=True, type=click.Path(path_type=Path), help="The folder to build into."
)
@click.option("--rev", default="HEAD", show_default=True, help="The commit to build.")
@release_options
@click.option("--git-remote", metavar="URL", help="Push the repository of the emitter git there as well.")
@click.option(
    "--git-branch", default="main", show_default=True, help="The branch that --git-remote pushes to."
)
@json_option
def build(
    content: Path,
    target: Path,
    rev: str,
    base_url: str | None,
    name: str | None,
    preset: str | None,
    emit: str | None,
    skip_invalid: bool,
    git_remote: str | None,
    git_branch: str,
    as_json: bool,
) -> int:
    """Compile a commit into a folder that any static web server can serve.

    Only what changed is written; a build that was killed is finished by the next one. A folder that is not
    empty and holds no release is not touched.
    """
    flags = flags_of(base_url, name, preset, emit, skip_invalid)
    started = monotonic()
    with opened(content, rev, flags) as (source, commit, settings):
        run = Run(source, commit, settings, target, as_json, started)
        return run.run(Remote(git_remote, git_branch) if git_remote else None)


class Run:
    """One call of `build`."""

    def __init__(
        self, source: Source, commit: Commit, settings: Settings, target: Path, as_json: bool, started: float
    ) -> None:
        self.source = source
        self.commit = commit
        self.settings = settings
        self.target = target
        self.as_json = as_json
        self.started = started
        self.pushed: str | None = None

    def run(self, remote: Remote | None) -> int:
        progress = Progress()
        if remote:
            check_remote(remote, self.settings.emitters)
        with FilesystemStore(self.target) as store:
            previous = Previous(store)
            if is_noop(previous, self.commit.id, self.settings) and previous.pointer:
                self._push(store, remote)
                return self._say_noop(previous.pointer)
            try:
                release, published = publish_commit(
                    store, previous, self.source, self.commit, self.settings, progress.tick
                )
            except Refused as error:
                progress.end()
                return self._say_refused(error)
            finally:
                progress.end()
            self._push(store, remote)
        return self._say(release, published)

    def _push(self, store: FilesystemStore, remote: Remote | None) -> None:
        if remote:
            self.pushed = push(Previous(store).view, remote)
            click.echo(f"pushed {self.pushed[:12]} to {remote}", err=True)

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
            **({"pushed": self.pushed} if self.pushed else {}),
            "seconds": round(monotonic() - self.started, 3),
        }


def _skipped(release: Release) -> list[tuple[str, list[Finding]]]:
    errors = [finding for finding in release.findings if finding.level == "error"]
    names = sorted({finding.name for finding in errors} | set(release.refused))
    return [(name, [finding for finding in errors if finding.name == name]) for name in names]
