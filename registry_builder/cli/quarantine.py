"""`skillpress quarantine`: take harmful bytes back, in every name and format, in one command."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from registry_builder.cli.findings import count
from registry_builder.cli.options import Progress, content_option, echo_json, json_option, opened
from registry_builder.cli.publishing import Job, flags_of, release_options, same_settings, store_option
from registry_builder.cli.sign import sign_release, signing, signing_options
from registry_builder.previous import Previous
from registry_builder.revoke import revoke, sweep
from registry_builder.store.target import open_store


@click.command()
@click.argument("asset", metavar="NAME[@VERSION]")
@store_option
@click.option("--reason", required=True, help="Why; it is published in revoked.json and on the page.")
@content_option
@release_options
@click.option("--sign", "signed", is_flag=True, help="Sign what was published; needs --keys.")
@signing_options(required=False)
@json_option
def quarantine(
    asset: str,
    target: str,
    single_writer: bool,
    reason: str,
    content: Path,
    base_url: str | None,
    name: str | None,
    preset: str | None,
    emit: str | None,
    skip_invalid: bool,
    signed: bool,
    keys: Path | None,
    key: tuple[Path, ...],
    key_env: tuple[str, ...],
    as_json: bool,
) -> None:
    """Delete the bytes of NAME (all versions, or one) wherever the registry serves them.

    The digest goes into revoked.json first, so no later build brings it back. Then the same commit is
    released again without it: give the flags of the last build.
    """
    sign = signing(keys, key, key_env) if signed else None
    flags = flags_of(base_url, name, preset, emit, skip_invalid)
    store = open_store(target, single_writer=single_writer)
    with store:
        previous = Previous(store)
        rev = previous.pointer.commit if previous.pointer else "HEAD"
        with opened(content, rev, flags) as (source, commit, settings):
            same_settings(previous, settings, target)
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            made = revoke(store, previous, asset, reason, now)
            progress = Progress()
            previous = Previous(store)
            job = Job(previous=previous, source=source, commit=commit, settings=settings, tick=progress.tick)
            release, published = job.publish(store)
            progress.end()
            gone = sweep(store, previous, release, made)
        trust = sign_release(store, target, sign, as_json=as_json)
    rows = sorted({row for item in made for row in item.rows})
    if as_json:
        digests = [item.sha256 for item in made]
        generation = published.pointer.generation
        echo_json({"generation": generation, "rows": rows, "sha256": digests, "deleted": gone, **trust})
        return
    click.echo(f"quarantined {', '.join(rows)}: {count(len(made), 'digest')} revoked")
    click.echo(f"generation {published.pointer.generation} no longer names them; purge your CDN's cache")
