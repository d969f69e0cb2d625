"""`skillpress sign`: sign what a store holds, or give its signatures more time."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from registry_builder.cli.options import echo_json, json_option
from registry_builder.cli.publishing import store_option
from registry_builder.core.errors import Misuse
from registry_builder.core.key import TIMESTAMP_KEY
from registry_builder.settings import environment
from registry_builder.store.base import Store
from registry_builder.store.target import open_store

if TYPE_CHECKING:
    # Publishing without signatures does not pay for the import of cryptography.
    from registry_builder.trust.keyring import Keyring
    from registry_builder.trust.sign import Signed

F = TypeVar("F", bound=Callable[..., Any])


def key_options(function: F) -> F:
    """Where private keys come from besides the folder."""
    file = click.option(
        "--key",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        multiple=True,
        help="A file with private keys, besides those in the folder; may be given again.",
    )
    variable = click.option(
        "--key-env",
        metavar="NAME",
        multiple=True,
        help="An environment variable that holds private keys (PEM); may be given again.",
    )
    return file(variable(function))


def signing_options(*, required: bool) -> Callable[[F], F]:
    """Where the public files and the private keys are."""

    def decorate(function: F) -> F:
        folder = click.option(
            "--keys",
            metavar="DIR",
            required=required,
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            help="The folder of `keys init`; the offline keys need not be in it.",
        )
        return folder(key_options(function))

    return decorate


def read_keys(folder: Path, files: tuple[Path, ...], variables: tuple[str, ...]) -> Keyring:
    """The private keys below `folder`, in `files` and in environment variables."""
    from registry_builder.trust.ceremony import PRIVATE
    from registry_builder.trust.keyring import read_file, read_folder, read_text

    ring = read_folder(folder / PRIVATE)
    for path in files:
        ring = ring.plus(read_file(path))
    for name in variables:
        text = environment(name)
        if text is None:
            raise Misuse("no-such-variable", "is not set", place=name, mend="give the name, not the key")
        ring = ring.plus(read_text(text, name))
    return ring


def signing(
    folder: Path | None, files: tuple[Path, ...], variables: tuple[str, ...], *, renew: bool = False
) -> Callable[[Store], Signed]:
    """What signs a store. Raises before anything is published when the keys would not do."""
    from registry_builder.trust import sign as trust
    from registry_builder.trust.ceremony import load

    if folder is None:
        raise Misuse("no-keys", "signing needs keys", place="--sign", mend="give --keys DIR")
    authority = trust.Authority(load(folder), read_keys(folder, files, variables))
    authority.check(datetime.now(UTC))
    return lambda store: trust.sign(store, authority, datetime.now(UTC), renew=renew)


def signed_row(signed: Signed) -> dict[str, object]:
    """A signature as `--json` prints it."""
    return {
        "root": signed.root,
        "versions": signed.versions,
        "until": signed.until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "written": signed.written,
        "notes": signed.notes,
    }


def say_signed(signed: Signed) -> None:
    """One line for a person, and a note for what needs care."""
    for note in signed.notes:
        click.echo(f"note: {note}", err=True)
    what = "signed" if signed.written else "already signed:"
    until = signed.until.strftime("%Y-%m-%d %H:%M")
    click.echo(f"{what} r/{signed.root[:12]}, timestamp {signed.versions['timestamp']} holds until {until}Z")


def sign_release(
    store: Store, target: str, sign: Callable[[Store], Signed] | None, *, as_json: bool
) -> dict[str, object]:
    """Sign what was just published; without `sign`, warn when the registry is a signed one.

    Gives what `--json` tells of it.
    """
    if sign:
        signed = sign(store)
        if not as_json:
            say_signed(signed)
        return {"signed": signed_row(signed)}
    if store.tag(TIMESTAMP_KEY) is None:
        return {}
    mend = f"skillpress sign --to {shlex.quote(target)} --keys DIR"
    click.echo(
        "warning: the registry is signed and this release is not yet, "
        f"so clients that check stay with the last; run {mend}",
        err=True,
    )
    return {"unsigned": mend}


@click.command()
@store_option
@signing_options(required=True)
@click.option("--renew", is_flag=True, help="Only give what is signed more time: the daily job.")
@json_option
def sign(
    target: str,
    single_writer: bool,
    keys: Path,
    key: tuple[Path, ...],
    key_env: tuple[str, ...],
    renew: bool,
    as_json: bool,
) -> None:
    """Sign the newest complete release of STORE, as `publish --sign` does after it published.

    Nothing is written when the signature there holds already and has more than half of its time left.
    With --renew the signed content stays the same, whatever release.json says meanwhile.
    """
    work = signing(keys, key, key_env, renew=renew)
    with open_store(target, single_writer=single_writer) as store:
        signed = work(store)
    if as_json:
        echo_json(signed_row(signed))
    else:
        say_signed(signed)
