"""`skillpress history`: what was published, when and by whom."""

from __future__ import annotations

import click
from msgspec import to_builtins

from registry_builder.cli.findings import count
from registry_builder.cli.options import echo_json, json_option
from registry_builder.core.errors import Missing
from registry_builder.previous import Previous
from registry_builder.rollback import records
from registry_builder.store.target import open_store


@click.command()
@click.argument("store", metavar="STORE")
@click.option("-n", "--limit", type=click.IntRange(1), help="Show only the newest N.")
@json_option
def history(store: str, limit: int | None, as_json: bool) -> None:
    """List the generations of STORE, newest first."""
    reader = open_store(store)
    pointer = Previous(reader).pointer
    if pointer is None:
        raise Missing("no-release", "holds no release", place=store, mend="skillpress publish --to STORE")
    found = list(records(reader, pointer.record))[:limit]
    if as_json:
        echo_json({"generations": [to_builtins(record) for record in found]})
        return
    if not pointer.complete:
        click.echo(f"{pointer.generation:>5}  {pointer.commit[:12]}  being published by {pointer.owner}")
    for record in found:
        changed = f"{count(len(record.minted), 'version')} minted, {len(record.removed)} removed"
        click.echo(f"{record.generation:>5}  {record.commit[:12]}  {record.when}  {changed}  {record.who}")
