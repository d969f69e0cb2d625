"""`skillpress serve`: folder and API in one process. `skillpress api`: the API alone, by many processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dynamic_api.server.listener import authority, listening
from registry_builder.core.errors import Missing, Misuse

if TYPE_CHECKING:
    from dynamic_api.server.data_folder import DataFolder
    from dynamic_api.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
# How long answers of the folder that are still being sent may take after the first signal.
_GRACE_SECONDS = 2
DATA = "skillpress-data"

_data = click.option(
    "--data",
    default=DATA,
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the API's database, private files and keys; made at the first start.",
)
_settings = click.option(
    "--settings",
    "settings_file",
    type=_FILE,
    help="TOML file with the API's settings; SKILLPRESS_API_… variables win over it.",
)
_host = click.option("--host", default="127.0.0.1", show_default=True, help="Name or address to listen on.")
_tls_cert = click.option("--tls-cert", type=_FILE, help="PEM file with the certificate chain; serves HTTPS.")
_tls_key = click.option("--tls-key", type=_FILE, help="PEM file with its private key.")


@click.command()
@click.argument("folder", metavar="[DIR]", default="dist", type=click.Path(path_type=Path))
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@_host
@_tls_cert
@_tls_key
@_data
@_settings
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
    _require_both(tls_cert, tls_key)
    _require_built(folder)
    with listening(host, port) as listener:
        url = f"{'http' if tls_cert is None else 'https'}://{authority(listener)}"
        from dynamic_api.server import running

        key = None
        if no_api:
            from dynamic_api.server.static import published
            from dynamic_api.settings import Server

            rules, certificate = Server(grace_seconds=_GRACE_SECONDS), running.Certificate(tls_cert, tls_key)
            config = running.configured(published(folder), rules, certificate, lifespan="off")
        else:
            from dynamic_api.settings import load

            settings = load(settings_file)
            place, key = _prepared(settings, data, exclusive=True)
            make = running.Make(settings, place, url, folder.resolve())
            config = running.configured(make, settings.server, running.Certificate(tls_cert, tls_key))
        click.echo(f"serving {folder} at {url}/", err=True)
        _tell(key, data)
        running.run(config, listener)


@click.command()
@click.option(
    "--port", default=8081, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@_host
@_tls_cert
@_tls_key
@_data
@_settings
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
    _require_both(tls_cert, tls_key)
    from dynamic_api import limiter
    from dynamic_api.server import running
    from dynamic_api.settings import load

    settings = load(settings_file)
    if workers > 1 and not settings.data.database_url:
        mend = "set data.database_url to a PostgreSQL database, or start one worker"
        raise Misuse("one-process", "SQLite serves one process", place="--workers", mend=mend)
    if settings.data.registry is None:
        mend = "set it to the bucket that is published to: a folder, s3://… or https://…"
        raise Misuse("no-registry", "no registry to serve", place="data.registry", mend=mend)
    with listening(host, port) as listener:
        url = f"{'http' if tls_cert is None else 'https'}://{authority(listener)}"
        place, key = _prepared(settings, data, exclusive=not settings.data.database_url)
        make = running.Make(settings, place, url)
        config = running.configured(
            make, settings.server, running.Certificate(tls_cert, tls_key), workers=workers
        )
        click.echo(f"serving the API at {url}/", err=True)
        if told := limiter.warning(settings.limits.storage, workers):
            click.echo(told, err=True)
        _tell(key, data)
        if workers == 1:
            running.run(config, listener)
        else:
            running.run_many(config, listener)


def _require_both(tls_cert: Path | None, tls_key: Path | None) -> None:
    if (tls_cert is None) != (tls_key is None):
        given, other = ("--tls-cert", "--tls-key") if tls_key is None else ("--tls-key", "--tls-cert")
        raise Misuse("half-tls", f"is of no use without {other}", place=given, mend=f"give {other} as well")


def _require_built(folder: Path) -> None:
    mend = f"build it: skillpress build --to {folder}"
    if not folder.exists():
        raise Missing("no-folder", "no such folder", place=str(folder), mend=mend)
    if not folder.is_dir():
        raise Misuse("not-a-folder", "not a folder", place=str(folder), mend="name the folder that was built")
    if not (folder / "release.json").is_file():
        raise Missing("not-built", "holds no release.json", place=str(folder), mend=mend)


def _prepared(settings: Settings, data: Path, *, exclusive: bool) -> tuple[DataFolder, str | None]:
    """The data directory, locked where one process may use it; and the first administrator's key if new."""
    import asyncio

    from dynamic_api import clock
    from dynamic_api.app import connect
    from dynamic_api.server import data_folder
    from dynamic_api.server.first_start import greet

    folder = data_folder.open_folder(data)
    if exclusive:
        data_folder.lock(folder)
    folder.secret(settings.data.secret)
    database = connect(settings, folder)
    try:
        key = asyncio.run(database.write(lambda db: greet(db, folder, settings.credits, clock.now())))
    finally:
        database.close()
    return folder, key


def _tell(key: str | None, data: Path) -> None:
    """Show the first administrator's key, once."""
    if key is not None:
        click.echo(f"first start: admin key {key}, kept in {data / 'admin.key'}", err=True)
