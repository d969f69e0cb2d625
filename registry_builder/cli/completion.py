"""`skillpress completion`: the script that lets a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  skillpress completion bash > ~/.local/share/bash-completion/completions/skillpress
    zsh:   skillpress completion zsh > "${fpath[1]}/_skillpress"
    fish:  skillpress completion fish > ~/.config/fish/completions/skillpress.fish
    """
    found = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    if found is None:
        raise AssertionError(f"click completes {shell}")
    click.echo(found(root, {}, "skillpress", "_SKILLPRESS_COMPLETE").source())
