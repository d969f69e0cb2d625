"""`skillpress quarantine`: take harmful bytes back, in every name and format, in one command."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from registry_builder.cli.findings import count
from registry_builder.cli.options import Progress, content_option, echo_json, json_option, opened
from registry_builder.cli.publishing import flags_of, publish_commit, release_options
from registry_builder.core.errors import Missing, Misuse
from registry_builder.core.tree import Pointer
from registry_builder.previous import Previous
from registry_builder.publish import in_force
from registry_builder.revoke import revoke, sweep
from registry_builder.store.filesystem import FilesystemStore


@click.command()
@click.argument("asset", metavar="NAME[@VERSION]")
@click.option(
    "--to", "target", required=True, type=click.Path(path_type=Path), help="The folder that was built."
)
@click.option("--reason", required=True, help="Why; it is published in revoked.json and on the page.")
@content_option
@release_options
@json_option
def quarantine(
    asset: str,
    target: Path,
    reason: str,
    content: Path,
    base_url: str | None,
    name: str | None,
    preset: str | None,
    emit: str | None,
    skip_invalid: bool,
    as_json: bool,
) -> None:
    """Delete the bytes of NAME (all versions, or one) wherever the registry serves them.

    The digest goes into revoked.json first, so no later build brings it back. Then the same commit is
    released again without it: give the flags of the last build.
    """
    flags = flags_of(base_url, name, preset, emit, skip_invalid)
    with FilesystemStore(target) as store:
        previous = Previous(store)
        pointer = _published(previous, target)
        with opened(content, pointer.commit, flags) as (source, commit, settings):
            if pointer.complete and pointer.settings != in_force(settings, previous.revoked):
                mend = (
                    "give the flags (--base-url, --name, --preset, --emit, --skip-invalid) of the last build"
                )
                raise Misuse(
                    "other-settings", "the last build had other settings", place=str(target), mend=mend
                )
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            made = revoke(store, previous, asset, reason, now)
            progress = Progress()
            previous = Previous(store)
            release, published = publish_commit(store, previous, source, commit, settings, progress.tick)
            progress.end()
            gone = sweep(store, previous, release)
    rows = sorted({row for item in made for row in item.rows})
    if as_json:
        digests = [item.sha256 for item in made]
        echo_json(
            {"generation": published.pointer.generation, "rows": rows, "sha256": digests, "deleted": gone}
        )
        return
    click.echo(f"quarantined {', '.join(rows)}: {count(len(made), 'digest')} revoked")
    click.echo(f"generation {published.pointer.generation} no longer names them; purge your CDN's cache")


def _published(previous: Previous, target: Path) -> Pointer:
    if previous.pointer is None:
        raise Missing("no-release", "holds no release", place=str(target), mend="skillpress build --to DIR")
    return previous.pointer
