"""From the words of `serve` and `api` to a server that is ready to run; what does not fit is refused."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path

import click
import uvicorn

from dynamic_api import clock, limiter
from dynamic_api.server import data_folder, running
from dynamic_api.server.data_folder import DataFolder
from dynamic_api.server.running import Certificate
from dynamic_api.server.static import published
from dynamic_api.settings import Server, Settings, load
from registry_builder.core.errors import Missing, Misuse

GRACE_SECONDS = 2
"""How long answers of the folder that are still being sent may take after the first signal."""


@dataclass(frozen=True, slots=True)
class Start:
    """A server before its first request."""

    config: uvicorn.Config
    key: str | None = None
    """The first administrator's, if it was made just now."""
    warning: str | None = None

    def run(self, listener: socket.socket, data: Path) -> None:
        """Say what is to be known, the key once, and serve until a signal."""
        if self.warning:
            click.echo(self.warning, err=True)
        if self.key:
            click.echo(f"first start: admin key {self.key}, kept in {data / 'admin.key'}", err=True)
        if self.config.workers == 1:
            running.run(self.config, listener)
        else:
            running.run_many(self.config, listener)


def certificate(chain: Path | None, key: Path | None) -> Certificate:
    """Both parts or none. Raises Misuse for one of them."""
    if (chain is None) != (key is None):
        given, other = ("--tls-cert", "--tls-key") if key is None else ("--tls-key", "--tls-cert")
        raise Misuse("half-tls", f"is of no use without {other}", place=given, mend=f"give {other} as well")
    return Certificate(chain, key)


def require_built(folder: Path) -> None:
    """Raises Missing or Misuse unless a registry was built into `folder`."""
    mend = f"build it: skillpress build --to {folder}"
    if not folder.exists():
        raise Missing("no-folder", "no such folder", place=str(folder), mend=mend)
    if not folder.is_dir():
        raise Misuse("not-a-folder", "not a folder", place=str(folder), mend="name the folder that was built")
    if not (folder / "release.json").is_file():
        raise Missing("not-built", "holds no release.json", place=str(folder), mend=mend)


def settings_for(settings_file: Path | None, workers: int) -> Settings:
    """Settings of the API alone. Raises Misuse when so many workers cannot serve them."""
    settings = load(settings_file)
    if workers > 1 and not settings.data.database_url:
        mend = "set data.database_url to a PostgreSQL database, or start one worker"
        raise Misuse("one-process", "SQLite serves one process", place="--workers", mend=mend)
    if settings.data.registry is None:
        mend = "set it to the bucket that is published to: a folder, s3://… or https://…"
        raise Misuse("no-registry", "no registry to serve", place="data.registry", mend=mend)
    return settings


def folder_alone(folder: Path, certificate: Certificate) -> Start:
    """The published folder, as a CDN would serve it."""
    rules = Server(grace_seconds=GRACE_SECONDS)
    return Start(running.configured(published(folder), rules, certificate, lifespan="off"))


def folder_and_api(
    folder: Path, data: Path, settings_file: Path | None, url: str, certificate: Certificate
) -> Start:
    """The published folder and the API in one process."""
    settings = load(settings_file)
    place, key = _prepared(settings, data, exclusive=True)
    make = running.Make(settings, place, url, folder.resolve())
    return Start(running.configured(make, settings.server, certificate), key)


def api_alone(settings: Settings, data: Path, url: str, certificate: Certificate, workers: int) -> Start:
    """The API for a registry in a bucket, by `workers` processes."""
    place, key = _prepared(settings, data, exclusive=not settings.data.database_url)
    make = running.Make(settings, place, url)
    config = running.configured(make, settings.server, certificate, workers=workers)
    return Start(config, key, limiter.warning(settings.limits.storage, workers))


def _prepared(settings: Settings, data: Path, *, exclusive: bool) -> tuple[DataFolder, str | None]:
    """The data directory, locked where one process may use it; and the first administrator's key if new."""
    # The folder alone needs neither.
    from dynamic_api.app import connect
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
