"""`skillpress init`: a content repository to begin with."""

from __future__ import annotations

from pathlib import Path

import click
import tomlkit

from registry_builder.core.errors import Foreign, Trouble
from registry_builder.settings import slugify

_COLLECTIONS = """\
# Groups of skills that are installed together. Each is also a marketplace, a scope for `skills` and a bundle.
#
# [documents]
# title = "Documents"
# description = "Read, write and convert documents."
# skills = ["pdf-tools"]
"""
_ADVISORIES = """\
# What to tell those who have a version already, and names that may come back after they were deleted.
#
# [[advisory]]
# skill = "old-pdf"
# versions = [1, 2]          # leave out for all
# state = "deprecated"       # or "yanked", "quarantined"
# reason = "superseded"      # required for yanked and quarantined
# replacement = "pdf-tools"
#
# [reclaim]
# old-name = "rewritten by the same team"
"""
_IGNORED = "/dist/\n.DS_Store\n__pycache__/\n"


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path), metavar="[DIR]")
def init(folder: Path) -> None:
    """Make DIR (default: here) a content repository: Git, settings, a place for skills.

    Files that are there already are left as they are.
    """
    import git

    if folder.exists() and not folder.is_dir():
        raise Foreign("not-ours", "is not a folder", place=str(folder), mend="choose another place")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            git.Repo(folder, search_parent_directories=True)
        except git.InvalidGitRepositoryError:
            git.Repo.init(folder, initial_branch="main")
        made = [name for name, text in _files(folder.resolve().name) if _write(folder / name, text)]
    except git.GitCommandError as error:
        said = error.stderr.strip().removeprefix("stderr: ") or "git init failed"
        raise Trouble("git-failed", said, place=str(folder), mend="see what Git says") from error
    except OSError as error:
        raise Trouble("unwritable", error.strerror or str(error), place=str(folder)) from error
    for name in made:
        click.echo(f"wrote {folder / name}")
    where = "" if folder == Path() else f"cd {folder}\n  "
    click.echo(
        f"next:\n  {where}skillpress new my-skill\n  git add -A && git commit -m 'Add my-skill'\n"
        "  skillpress build --to dist\n  skillpress serve dist"
    )


def _files(folder_name: str) -> list[tuple[str, str]]:
    return [
        ("registry.toml", _registry(folder_name)),
        ("collections.toml", _COLLECTIONS),
        ("advisories.toml", _ADVISORIES),
        (".gitignore", _IGNORED),
    ]


def _registry(folder_name: str) -> str:
    document = tomlkit.document()
    document.add(
        tomlkit.comment("Settings of this registry; every key is optional. docs/content.md has them all.")
    )
    table = tomlkit.table()
    name = slugify(folder_name)
    table.add("name", name)
    table.add("title", folder_name)
    table.add("description", f"Agent skills of {folder_name}")
    table.add(tomlkit.comment('base_url = "https://skills.example"   # where the folder will be served'))
    table.add("owner", tomlkit.inline_table().add("name", folder_name))
    document.add("registry", table)
    check = tomlkit.table()
    check.add("preset", "portable")
    document.add("check", check)
    return tomlkit.dumps(document)


def _write(place: Path, text: str) -> bool:
    if place.exists():
        return False
    place.write_text(text, "utf-8")
    return True
