"""`skillpress keys`: make, replace and show the keys that sign a registry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from registry_builder.cli.options import echo_json, json_option
from registry_builder.cli.sign import key_options, read_keys
from registry_builder.core.errors import Misuse
from registry_builder.trust.ceremony import PRIVATE, Chain, Rotation, load
from registry_builder.trust.ceremony import init as make
from registry_builder.trust.ceremony import renew as sign_anew
from registry_builder.trust.ceremony import rotate as replace
from registry_builder.trust.keyring import Keyring
from registry_builder.trust.metadata import (
    OFFLINE,
    ONLINE,
    ROOT,
    Held,
    Lifetimes,
    keyids_of,
    threshold_of,
)

F = TypeVar("F", bound=Callable[..., Any])
ROLES = (*OFFLINE, *ONLINE)
SHOWN = 12


def _folder(function: F) -> F:
    return click.option(
        "--dir", "folder", required=True, metavar="DIR", type=click.Path(path_type=Path), help="The folder."
    )(function)


def _days(function: F) -> F:
    for role in reversed(ROLES):
        default = getattr(Lifetimes(), role)
        text = f"For how many days what {role} signs holds."
        days = click.IntRange(1, 3650)
        option = click.option(f"--{role}-days", type=days, default=default, show_default=True, help=text)
        function = option(function)
    return function


@click.group()
def keys() -> None:
    """Make, replace and show the keys that sign a registry (docs/signing.md)."""


@keys.command()
@_folder
@click.option("--threshold", type=click.IntRange(1), default=1, show_default=True, help="How many sign.")
@click.option(
    "--root-keys",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    help="How many keys root and targets have.",
)
@_days
def init(folder: Path, threshold: int, root_keys: int, **days: int) -> None:
    """Make every key in a new folder: private ones of mode 0600, and root.json to hand out."""
    lifetimes = Lifetimes(**{name.removesuffix("_days"): value for name, value in days.items()})
    chain = make(folder, lifetimes, threshold, root_keys, datetime.now(UTC))
    _show(chain, read_keys(folder, (), ()))
    click.echo(f"hand out {folder / 'root.json'}; take {folder / PRIVATE / 'offline'} off this machine")


@keys.command()
@click.argument("role", type=click.Choice(ROLES))
@_folder
@key_options
@click.option("--only", metavar="KEY", help="Replace one key, by the beginning of its id.")
@click.option("--threshold", type=click.IntRange(1), help="How many of root or targets sign from now on.")
@click.option("--root-keys", type=click.IntRange(1, 20), help="How many keys they have from now on.")
def rotate(
    role: str,
    folder: Path,
    key: tuple[Path, ...],
    key_env: tuple[str, ...],
    only: str | None,
    threshold: int | None,
    root_keys: int | None,
) -> None:
    """Give ROLE new keys. `skillpress sign` publishes the change, and clients follow by themselves.

    Needs the offline keys: of targets for releases, of root for the others, of both for targets.
    """
    if role in ONLINE and (threshold or root_keys):
        raise Misuse("one-key", f"{role} has one key", place=role, mend="leave --threshold and --root-keys")
    rotation = Rotation(role=role, key=only, threshold=threshold, count=root_keys)
    before = _all_keyids(load(folder))
    chain = replace(folder, read_keys(folder, key, key_env), rotation, datetime.now(UTC))
    _show(chain, read_keys(folder, key, key_env))
    gone = ", ".join(keyid[:SHOWN] for keyid in sorted(before - _all_keyids(chain)))
    click.echo(f"no longer used: {gone}; destroy them after the next `skillpress sign`")


@keys.command()
@click.argument("role", type=click.Choice(OFFLINE))
@_folder
@key_options
def renew(role: str, folder: Path, key: tuple[Path, ...], key_env: tuple[str, ...]) -> None:
    """Sign ROLE again with the same keys, before it ends. `skillpress sign` publishes it."""
    chain = sign_anew(folder, read_keys(folder, key, key_env), role, datetime.now(UTC))
    version, until = _offline(chain, role)
    click.echo(f"{role} {version} holds until {until}")


@keys.command()
@_folder
@json_option
def show(folder: Path, as_json: bool) -> None:
    """List the roles, their keys, and which private keys are in the folder."""
    chain, ring = load(folder), read_keys(folder, (), ())
    if as_json:
        echo_json({"roles": _rows(chain, ring), "lifetimes": msgspec.to_builtins(chain.lifetimes)})
    else:
        _show(chain, ring)


def _rows(chain: Chain, ring: Keyring) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for role in ROLES:
        delegator = chain.delegator(role)
        listed = [{"id": keyid, "private": keyid in ring.signers} for keyid in keyids_of(delegator, role)]
        row = {"role": role, "threshold": threshold_of(delegator, role), "keys": listed}
        if role in OFFLINE:
            version, until = _offline(chain, role)
            row |= {"version": version, "until": until}
        rows.append(row)
    return rows


def _show(chain: Chain, ring: Keyring) -> None:
    for role in ROLES:
        delegator = chain.delegator(role)
        ids = keyids_of(delegator, role)
        listed = ", ".join(
            f"{keyid[:SHOWN]}{'' if keyid in ring.signers else ' (not here)'}" for keyid in ids
        )
        if role in OFFLINE:
            version, until = _offline(chain, role)
            ends = f"version {version} until {until}"
        else:
            ends = f"each signature holds {getattr(chain.lifetimes, role)} d"
        click.echo(f"{role:<9}  {threshold_of(delegator, role)} of {len(ids)}  {ends:<26}  {listed}")


def _offline(chain: Chain, role: str) -> tuple[int, str]:
    held: Held[Any] = chain.root if role == ROOT else chain.targets
    return held.version, f"{held.signed.expires:%Y-%m-%d}"


def _all_keyids(chain: Chain) -> set[str]:
    return {keyid for role in ROLES for keyid in keyids_of(chain.delegator(role), role)}
