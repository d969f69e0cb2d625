"""`skillpress init`: a content repository to begin with."""

from __future__ import annotations

from pathlib import Path

import click
import tomlkit

from registry_builder.cli.workflows import UNKNOWN, is_action, known_action, workflows
from registry_builder.core.errors import Foreign, Misuse, Trouble
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
@click.option("--no-workflows", is_flag=True, help="Write no GitHub workflows.")
@click.option(
    "--action",
    metavar="OWNER/REPO@COMMIT",
    help="Where the workflows take Skillpress from; told by itself when it was installed from there.",
)
def init(folder: Path, no_workflows: bool, action: str | None) -> None:
    """Make DIR (default: here) a content repository: Git, settings, a place for skills, workflows.

    Files that are there already are left as they are.
    """
    if action is not None and not is_action(action):
        mend = "give the repository and the 40 digits of a commit: acme/skillpress@<commit>"
        raise Misuse("bad-action", f"{action!r} is no action", place="--action", mend=mend)
    if folder.exists() and not folder.is_dir():
        raise Foreign("not-ours", "is not a folder", place=str(folder), mend="choose another place")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        top, branch = _repository(folder)
        texts = [(folder / name, text) for name, text in _files(folder.resolve().name)]
        if not no_workflows:
            ours = action or known_action() or UNKNOWN
            texts += [(top / name, text) for name, text in workflows(ours, branch)]
        made = [place for place, text in texts if _write(place, text)]
    except OSError as error:
        raise Trouble("unwritable", error.strerror or str(error), place=str(folder)) from error
    for place in made:
        click.echo(f"wrote {place}")
    if any(UNKNOWN.partition("@")[2] in place.read_text("utf-8") for place in made):
        click.echo("the workflows need an address: put your copy of Skillpress for OWNER, and its commit")
    where = "" if folder == Path() else f"cd {folder}\n  "
    click.echo(
        f"next:\n  {where}skillpress new my-skill\n  git add -A && git commit -m 'Add my-skill'\n"
        "  skillpress build --to dist\n  skillpress serve dist"
    )


def _repository(folder: Path) -> tuple[Path, str]:
    """The top of the repository around `folder`, made when there is none, and its branch."""
    import git

    try:
        repository = git.Repo(folder, search_parent_directories=True)
    except git.InvalidGitRepositoryError:
        try:
            repository = git.Repo.init(folder, initial_branch="main")
        except git.GitError as error:
            raise Trouble("no-repository", str(error), place=str(folder)) from error
    with repository:
        top = Path(repository.working_tree_dir or folder)
        inside = folder if top.resolve() == folder.resolve() else top
        detached = repository.head.is_detached
        return inside, "main" if detached else repository.active_branch.name


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
    if place.exists() or place.is_symlink():
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, "utf-8")
    return True
