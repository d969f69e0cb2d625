"""`skillpress serve`: folder and API in one process. `skillpress api`: the API alone, by many processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from dynamic_api.server.listener import listening

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
DATA = "skillpress-data"
"""The data directory unless another is named."""

_SHARED = (
    click.option("--host", default="127.0.0.1", show_default=True, help="Name or address to listen on."),
    click.option("--tls-cert", type=_FILE, help="PEM file with the certificate chain; serves HTTPS."),
    click.option("--tls-key", type=_FILE, help="PEM file with its private key."),
    click.option(
        "--data",
        default=DATA,
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="Directory of the API's database, private files and keys; made at the first start.",
    ),
    click.option(
        "--settings",
        "settings_file",
        type=_FILE,
        help="TOML file with the API's settings; SKILLPRESS_API_… variables win over it.",
    ),
)


def _shared(command: Command) -> Command:
    """Add the options that both commands have."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


@click.command()
@click.argument("folder", metavar="[DIR]", default="dist", type=click.Path(path_type=Path))
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@_shared
@click.option("--no-api", is_flag=True, help="Serve the folder only, as a CDN would.")
def serve(
    folder: Path,
    port: int,
    host: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    data: Path,
    settings_file: Path | None,
    no_api: bool,
) -> None:
    """Serve the built folder DIR (default: dist) and the API, in one process, until Ctrl-C.

    The first start makes the data directory and prints the key of the first administrator.
    """
    from dynamic_api.cli import starting

    certificate = starting.certificate(tls_cert, tls_key)
    starting.require_built(folder)
    with listening(host, port) as listener:
        url = certificate.url(listener)
        if no_api:
            start = starting.folder_alone(folder, certificate)
        else:
            start = starting.folder_and_api(folder, data, settings_file, url, certificate)
        click.echo(f"serving {folder} at {url}/", err=True)
        start.run(listener, data)


@click.command()
@click.option(
    "--port", default=8081, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@_shared
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes; more than one needs PostgreSQL.",
)
def api(
    port: int,
    host: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    data: Path,
    settings_file: Path | None,
    workers: int,
) -> None:
    """Serve the API alone, for a registry in a bucket behind a CDN, until Ctrl-C.

    The setting data.registry names the bucket; data.database_url the database.
    """
    from dynamic_api.cli import starting

    certificate = starting.certificate(tls_cert, tls_key)
    settings = starting.settings_for(settings_file, workers)
    with listening(host, port) as listener:
        url = certificate.url(listener)
        start = starting.api_alone(settings, data, url, certificate, workers)
        click.echo(f"serving the API at {url}/", err=True)
        start.run(listener, data)
