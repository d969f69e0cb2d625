"""`skillpress doctor` and `skillpress sandbox`: what can be run on this machine, and preparing it."""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from dynamic_api.errors import Refusal
from dynamic_api.sandbox.base import Health
from dynamic_api.sandbox.bubblewrap.host import SYSTEM_PATH, Unfit, default_store, find_account, make_store
from dynamic_api.sandbox.layers import Tools, prepare
from registry_builder.core.errors import Misuse, Trouble

_TOOLS = {
    "bubblewrap": ("bwrap", "--version"),
    "git": ("git", "--version"),
    "node": ("node", "--version"),
    "python": ("python3", "--version"),
}
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_store = click.option(
    "--store", type=click.Path(path_type=Path), help="Folder of the sandbox, as the API is told."
)
_user = click.option("--user", default="", help="Whom runs belong to when started as root. Default: nobody.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_store
@_user
def doctor(as_json: bool, store: Path | None, user: str) -> int:
    """Try what the API needs from this machine: the sandbox with each of its limits, and programs.

    Exits 1 when no script can be run here.
    """
    health = asyncio.run(_examine(store, user))
    tools = {name: _version(*words) for name, words in _TOOLS.items()}
    tools["skillpress runs on python"] = platform.python_version()
    if as_json:
        click.echo(json.dumps({"sandbox": health.body(), "programs": tools}, indent=2))
    else:
        click.echo("\n".join(_lines(health, tools)))
    return int(health.level == "refused")


async def _examine(store: Path | None, user: str) -> Health:
    from dynamic_api.sandbox.bubblewrap.sandbox import BubblewrapSandbox, Options

    with tempfile.TemporaryDirectory(prefix="skillpress-doctor-") as folder:
        Path(folder).chmod(0o711)
        place = store.absolute() if store else Path(folder, "store")
        sandbox = BubblewrapSandbox(Options(place, user=user, allow_no_cgroup=True))
        try:
            return await sandbox.start()
        finally:
            await sandbox.stop()


def _version(program: str, option: str) -> str | None:
    """The version that a program gives; None when it is not where the sandbox looks for it."""
    path = shutil.which(program, path=SYSTEM_PATH)
    if path is None:
        return None
    run = subprocess.run([path, option], capture_output=True, text=True, timeout=20, check=False)
    words = run.stdout.split()
    return words[-1].lstrip("v") if words else None


def _lines(health: Health, tools: dict[str, str | None]) -> Sequence[str]:
    lines = [f"sandbox: {health.level} ({health.backend})"]
    if health.reason:
        lines.append(f"  {health.reason}")
    if health.level == "no-cgroup":
        lines.append(
            "  no control groups can be made, so totals are not bounded; the API refuses scripts here,"
            " unless allow_no_cgroup = true stands below [runs]"
        )
    if health.languages:
        lines.append(f"  languages: {', '.join(health.languages)}")
    width = max((len(check.name) for check in health.checks), default=0)
    lines += [
        f"  {'ok    ' if check.held else 'FAILED'} {check.name:{width}}  {check.detail}"
        for check in health.checks
    ]
    lines.append("programs:")
    width = max(map(len, tools))
    lines += [f"  {name:{width}}  {version or 'not found'}" for name, version in tools.items()]
    return lines


@click.group()
def sandbox() -> None:
    """Prepare what scripts need in the sandbox of the API."""


@sandbox.command("prepare")
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True, type=_FOLDER)
@_store
@_user
@click.option("--pip-option", "pip_options", multiple=True, help="Passed to pip; may be repeated.")
@click.option("--npm-option", "npm_options", multiple=True, help="Passed to npm; may be repeated.")
def prepare_layers(
    folders: tuple[Path, ...],
    store: Path | None,
    user: str,
    pip_options: tuple[str, ...],
    npm_options: tuple[str, ...],
) -> None:
    """Install what the skills in FOLDER... declare in requirements.txt and package.json.

    Wheels only, and npm without install scripts: nothing of a dependency is run.
    """
    python = shutil.which("python3", path=SYSTEM_PATH)
    if python is None:
        raise Trouble("no-python", "there is no python3 in /usr/local/bin or /usr/bin")
    tools = Tools(python, shutil.which("npm"), pip_options, npm_options)
    place = store or default_store(Path("data"))
    try:
        make_store(place, find_account(user))
        for folder in folders:
            layer = prepare(place / "layers", folder, tools)
            click.echo(f"{folder}: {layer.name if layer else 'declares nothing'}")
    except Unfit as error:
        raise Trouble("unfit", str(error), place=str(place)) from error
    except Refusal as error:
        raise Misuse(error.code, error.message, place=error.place or "", mend=error.mend or "") from error
