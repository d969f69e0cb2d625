"""`skillpress prune`: delete what no recent release reaches; without `--yes` it only lists."""

from __future__ import annotations

import click

from registry_builder.cli.findings import count
from registry_builder.cli.options import echo_json, json_option
from registry_builder.core.errors import Missing
from registry_builder.previous import Previous
from registry_builder.prune import delete, prunable
from registry_builder.store.target import open_store

SHOWN = 50


@click.command()
@click.argument("store", metavar="STORE")
@click.option("--keep", type=click.IntRange(2), default=10, show_default=True, help="Generations to spare.")
@click.option("--yes", is_flag=True, help="Delete what was listed.")
@json_option
def prune(store: str, keep: int, yes: bool, as_json: bool) -> None:
    """List, and with --yes delete, the keys of STORE that the last releases do not reach.

    What a version pins for ever is always reached; what goes are old indexes, old nodes and left-overs.
    """
    with open_store(store) as opened:
        previous = Previous(opened)
        if previous.pointer is None:
            raise Missing("no-release", "holds no release", place=store, mend="skillpress publish --to STORE")
        found = prunable(previous, keep)
        if yes:
            delete(opened, previous, found)
    if as_json:
        rows = [{"key": item.key, "bytes": item.size} for item in found]
        echo_json({"deleted": yes, "bytes": sum(item.size for item in found), "keys": rows})
        return
    for item in found[:SHOWN]:
        click.echo(f"{item.size:>10,}  {item.key}")
    if len(found) > SHOWN:
        click.echo(f"… and {len(found) - SHOWN} more; --json prints all")
    size = sum(item.size for item in found)
    done = "deleted" if yes else "would go; --yes deletes them"
    click.echo(f"{count(len(found), 'key')}, {size:,} bytes {done}")
