"""`skillpress pack`: the digest that the registry would give to a folder on disk."""

from __future__ import annotations

from pathlib import Path

import click

from registry_builder.cli.options import echo_json, json_option
from registry_builder.core.artifact import PROFILE
from registry_builder.core.artifact import pack as pack_zip
from registry_builder.core.errors import Trouble, Unfit
from registry_builder.core.key import digest
from registry_builder.worktree import read_folder


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Also write the zip to this file.")
@json_option
def pack(folder: Path, output: Path | None, as_json: bool) -> None:
    """Print the SHA-256 that the registry would give to FOLDER: the `content_sha` of its canonical zip.

    Inside a Git work tree, what Git ignores is left out. Rules are not applied: that is `skillpress check`.
    """
    found = read_folder(folder)
    for stray in found.strays:
        raise Unfit(f"{stray.kind}", f"a {stray.kind} cannot be packed", place=stray.path, mend="remove it")
    if not found.files:
        raise Unfit("empty-folder", "there is no file in it", place=str(folder), mend="add SKILL.md")
    body = pack_zip(found.files)
    if output:
        try:
            output.write_bytes(body)
        except OSError as error:
            raise Trouble("unwritable", error.strerror or str(error), place=str(output)) from error
    if as_json:
        echo_json(
            {
                "name": found.name,
                "sha256": digest(body),
                "size": len(body),
                "files": len(found.files),
                "profile": PROFILE,
                "tree": found.tree,
            }
        )
    else:
        click.echo(digest(body))
