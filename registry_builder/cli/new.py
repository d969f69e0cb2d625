"""`skillpress new`: a first version of an asset, which passes `check` once its text is yours."""

from __future__ import annotations

from pathlib import Path

import click

from registry_builder.cli import findings as shown
from registry_builder.cli.options import content_option, settings_at
from registry_builder.core.errors import Foreign, Misuse, Trouble
from registry_builder.core.folder import File, Folder, git_tree
from registry_builder.core.rules import Policy, check_folder
from registry_builder.settings import ROOTS, Flags
from registry_builder.source import open_source
from registry_builder.starters import starter


@click.command()
@click.argument("name")
@click.option(
    "--type",
    "kind",
    type=click.Choice(sorted(ROOTS)),
    default="skill",
    show_default=True,
    help="What kind of asset it is.",
)
@content_option
def new(name: str, kind: str, content: Path) -> None:
    """Write the first files of an asset called NAME."""
    files = tuple(File(path, text.encode(), executable) for path, text, executable in starter(name, kind))
    folder = Folder(name, name, git_tree(files), files, (), kind)
    _, findings = check_folder(folder, Policy())
    for finding in findings:
        if finding.level == "error":
            raise Misuse(finding.rule, finding.message, place=name, mend=finding.mend)
    place = _root(content, kind) / name
    if place.exists():
        raise Foreign("exists", "is there already", place=str(place), mend="choose another name")
    try:
        for file in files:
            target = place / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.data)
            target.chmod(0o755 if file.executable else 0o644)
    except OSError as error:
        raise Trouble("unwritable", error.strerror or str(error), place=str(place)) from error
    click.echo(
        f"wrote {shown.count(len(files), 'file')} in {place}: edit, then skillpress check --worktree {name}"
    )


def _root(content: Path, kind: str) -> Path:
    with open_source(content) as source:
        if source.repository.bare:
            raise Misuse("bare", "a bare repository has no files on disk", mend="use a clone")
        base = Path(str(source.repository.working_tree_dir)) / source.prefix
        below = base / "content"
        if not (base / "registry.toml").exists() and (below / "registry.toml").exists():
            base = below
        registry = base / "registry.toml"
        settings = settings_at(registry.read_bytes() if registry.is_file() else None, source, Flags())
    return base / settings.roots[kind]
