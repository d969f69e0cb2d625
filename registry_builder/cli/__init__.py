"""The command `skillpress`: arguments to values, errors to exit codes.

Exit codes: 0 done, 1 findings, 2 wrong use, 3 trouble around us (Git, disk, network), 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from registry_builder import __version__
from registry_builder.core.errors import Refusal, Trouble

COMMANDS = {
    "admin": "dynamic_api.cli.admin:admin",
    "api": "dynamic_api.cli.serve:api",
    "audit": "dynamic_api.cli.audit:audit",
    "build": "registry_builder.cli.build:build",
    "check": "registry_builder.cli.check:check",
    "completion": "registry_builder.cli.completion:completion",
    "doctor": "dynamic_api.cli.sandbox:doctor",
    "history": "registry_builder.cli.history:history",
    "init": "registry_builder.cli.init:init",
    "keys": "registry_builder.cli.keys:keys",
    "ledger": "registry_builder.cli.ledger:ledger",
    "new": "registry_builder.cli.new:new",
    "pack": "registry_builder.cli.pack:pack",
    "plan": "registry_builder.cli.plan:plan",
    "proposals": "dynamic_api.cli.proposals:proposals",
    "prune": "registry_builder.cli.prune:prune",
    "publish": "registry_builder.cli.publish:publish",
    "quarantine": "registry_builder.cli.quarantine:quarantine",
    "rollback": "registry_builder.cli.rollback:rollback",
    "sandbox": "dynamic_api.cli.sandbox:sandbox",
    "serve": "dynamic_api.cli.serve:serve",
    "show": "registry_builder.cli.look:show",
    "sign": "registry_builder.cli.sign:sign",
    "verify": "registry_builder.cli.verify:verify",
    "versions": "registry_builder.cli.look:versions",
}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """Commands by name, imported when they are called: `--version` pays for none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), function)
        if not isinstance(command, click.Command):
            raise AssertionError(f"{COMMANDS[cmd_name]} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        near = "" if args[0] in COMMANDS or args[0].startswith("-") else _nearest(args[0])
        if near:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near}?")
        return super().resolve_command(ctx, args)


def _nearest(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, 1)
    return near[0] if near else ""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="skillpress")
def skillpress() -> None:
    """Compile a Git repo of agent skills into the static files that real clients install from.

    \b
    Begin with:
      skillpress init my-skills      make a content repo
      skillpress build --to dist     compile the commit at HEAD into a folder
      skillpress serve dist          serve that folder on localhost
    Exit codes: 0 done, 1 findings, 2 wrong use, 3 trouble with Git, disk or network.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; gives the exit code."""
    try:
        code = skillpress.main(args=arguments, prog_name="skillpress", standalone_mode=False)
    except Refusal as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `head` does: nothing is wrong with us.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"error: {where}{error.strerror or error} [io-error]", err=True)
        return Trouble.exit_code
    return code if isinstance(code, int) else 0


def main() -> None:
    """The entry point of the program."""
    code = run()
    if code == INTERRUPTED:
        # `python -m` kills itself at the end if an interrupt, though caught, came while a dataclass was made.
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
