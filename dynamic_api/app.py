"""The composition root: settings and a data directory become one ASGI app."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.routing import Router as Lifespan
from starlette.types import ASGIApp, Receive, Scope, Send

from dynamic_api import clock
from dynamic_api.aside import Aside
from dynamic_api.catalogue import Catalogue
from dynamic_api.context import Context
from dynamic_api.database import migrate
from dynamic_api.database.engine import Database, open_database
from dynamic_api.limiter import Limiter
from dynamic_api.memory.leaderboard import Leaderboard
from dynamic_api.memory.locks import Locks
from dynamic_api.memory.public_bytes import PublicBytes
from dynamic_api.memory.registry_documents import RegistryDocuments
from dynamic_api.memory.remembered import Remembered
from dynamic_api.memory.serial import Serial
from dynamic_api.metrics import Metrics
from dynamic_api.oidc import provider_of
from dynamic_api.outbound import Outbound
from dynamic_api.outbound.github import GitHub, Host
from dynamic_api.outbound.sources import Sources
from dynamic_api.private_store import Signer, open_private_store
from dynamic_api.routes.identify import bearer, caller_of
from dynamic_api.routes.openapi import described
from dynamic_api.routes.router import Router, has_credential, nothing_here
from dynamic_api.routes.table import ENDPOINTS
from dynamic_api.runs.making import make_runs
from dynamic_api.scan import load_osv
from dynamic_api.sealing import keyring
from dynamic_api.server.data_folder import CATALOGUE, PRIVATE, DataFolder
from dynamic_api.server.edge import Edge, Inner
from dynamic_api.server.paths import has
from dynamic_api.server.static import published
from dynamic_api.server.view import Kept, following, freshness
from dynamic_api.server.wire import Soon, Wire
from dynamic_api.services import access, popularity
from dynamic_api.services.audit_seal import CHAINS, MAIN, sealing
from dynamic_api.services.published import Published
from dynamic_api.settings import GitHub as GitHubRules
from dynamic_api.settings import Settings
from dynamic_api.tasks.accesses import Accesses
from dynamic_api.tasks.anchors import Anchors
from dynamic_api.tasks.background import Task, running
from dynamic_api.tasks.bundle_keeper import BundleKeeper
from dynamic_api.tasks.bundle_maker import BundleMaker
from dynamic_api.tasks.deliverer import Deliverer
from dynamic_api.tasks.grader import Grader
from dynamic_api.tasks.housekeeping import Housekeeper
from dynamic_api.tasks.inbox import Inbox
from dynamic_api.tasks.source_keeper import SourceKeeper
from dynamic_api.tasks.usage import Usage
from registry_builder.core.errors import Misuse
from registry_builder.store.target import open_reader

_STATIC = "static"
"""The route of what the bucket has."""


@dataclass(frozen=True, slots=True)
class App:
    """The API. `context` is what it was made from."""

    context: Context
    _edge: Edge
    _lifespan: Lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan.lifespan(scope, receive, send)
        else:
            await self._edge(scope, receive, send)

    def at_hand(self, scope: Scope) -> Wire | Soon | None:
        """The answer to a request, if there is nothing to wait for."""
        return self._edge.at_hand(scope)


def connect(settings: Settings, folder: DataFolder) -> Database:
    """The database that settings name, with the newest schema. Raises Trouble."""
    url = settings.data.database_url or folder.database_url
    with migrate.trouble_told():
        database = open_database(url, settings.data.pool_size, _ending(_chain(settings)))
        try:
            migrate.upgrade(database.engine)
        except BaseException:
            database.close()
            raise
    return database


def _ending(chain: str) -> Callable[[Connection], None]:
    """What writes the rows that a transaction has kept for its end; the head of the chain is locked last."""
    seal = sealing(chain)

    def end(db: Connection) -> None:
        popularity.add_counts(db)
        seal(db)

    return end


def _chain(settings: Settings) -> str:
    """SQLite has one writer at a time, PostgreSQL a chain for each of a few (services/audit_seal.py)."""
    return f"w{os.getpid() % CHAINS}" if settings.data.database_url else MAIN


def build(
    settings: Settings,
    folder: DataFolder,
    public_url: str,
    *,
    published_folder: Path | None = None,
    now: Callable[[], int] = clock.now,
) -> App:
    """The app on `folder`; it serves `published_folder` as well, as the bucket would. Raises Misuse."""
    address = settings.data.registry or (str(published_folder) if published_folder else None)
    if address is None:
        mend = "set it to the bucket that is published to: a folder, s3://… or https://…"
        raise Misuse("no-registry", "no registry to serve", place="data.registry", mend=mend)
    context = _context(settings, folder, address, (settings.server.public_url or public_url).rstrip("/"), now)
    context.runs = make_runs(context, folder.path)
    context.probes["runs"] = context.runs.probe
    context.probes["catalogue"] = lambda: freshness(context.catalogue, time.time())
    endpoints = (*ENDPOINTS, *described(ENDPOINTS))
    inner: Inner
    if published_folder is None:
        inner = Router(context, endpoints, None)
    else:
        static = Kept(context.catalogue, context.published, published(published_folder))
        inner = _StaticFirst(
            published_folder, static, Router(context, endpoints, _Checked(context, published_folder, static))
        )
    edge = Edge(inner, context.metrics, settings.server.cors_origins, settings.server.access_log)
    return App(context, edge, Lifespan(lifespan=_lifespan(context)))


def _context(
    settings: Settings, folder: DataFolder, address: str, public_url: str, now: Callable[[], int]
) -> Context:
    catalogue = Catalogue(folder.path / CATALOGUE)
    database, known, registry = connect(settings, folder), Published(catalogue), open_reader(address)
    secret, rules = folder.secret(settings.data.secret), settings.github
    github = _github(rules)
    if settings.uploads.osv_folder:
        # It is read aside, when it is needed; a folder that cannot be read is to be told at the start.
        load_osv(Path(settings.uploads.osv_folder))
    signer = Signer(public_url, (hashlib.sha256(f"links {secret}".encode()).digest(),))
    private = settings.data.private_store or str(folder.path / PRIVATE)
    return Context(
        settings=settings,
        database=database,
        registry=registry,
        catalogue=catalogue,
        published=known,
        remembered=Remembered(database, known),
        limiter=Limiter(settings.limits.storage),
        metrics=Metrics(),
        clock=now,
        public_url=public_url,
        secret=secret,
        signer=signer,
        private_store=open_private_store(private, published=[address] if _is_place(address) else []),
        public_bytes=PublicBytes(registry),
        documents=RegistryDocuments(registry, known),
        aside=Aside(),
        keys=keyring(settings.credentials.keys, secret),
        webhook_client=Outbound(allowed=settings.webhooks.allow_hosts, ports=settings.webhooks.ports),
        github=github,
        sources=Sources(github, rules.sources, fresh=timedelta(seconds=rules.source_seconds)),
        inbox=Inbox(database, catalogue, settings.telemetry),
        leaderboard=Leaderboard(database, known),
        locks=Locks(database, known, public_url),
        accesses=Accesses(database),
        usage=Usage(database),
        callers_serial=Serial(database, access.stamp),
        oidc=provider_of(settings.oidc, public_url),
    )


def _github(rules: GitHubRules) -> GitHub:
    host = Host(
        web=rules.web_url.removeprefix("https://").rstrip("/"),
        api_url=rules.api_url.rstrip("/"),
        archive_url=rules.archive_url.rstrip("/"),
    )
    return GitHub(Outbound(allowed=rules.allow_hosts), host=host, token=rules.token)


def _is_place(address: str) -> bool:
    """Whether the registry is a store that could meet the private one, not a web address."""
    return not address.startswith(("https://", "http://"))


def _lifespan(context: Context) -> Callable[[object], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(_app: object) -> AsyncIterator[None]:
        async with AsyncExitStack() as parts:
            parts.callback(context.database.close)
            parts.callback(context.catalogue.close)
            parts.callback(context.aside.close)
            await parts.enter_async_context(following(context))
            await parts.enter_async_context(running(_tasks(context)))
            await parts.enter_async_context(context.runs.serving())
            yield

    return life


def _tasks(context: Context) -> tuple[Task, ...]:
    rules, clock = context.settings.webhooks, context.clock
    deliverer = Deliverer(
        context.database, context.webhook_client, context.keys, rules, clock, context.metrics
    )
    housekeeper = Housekeeper(context.database, context.private_store, context.settings, clock)
    keeper = SourceKeeper(context.sources, clock)
    own = (context.inbox.run, context.accesses.run, context.usage.run, Anchors(context.database, clock).run)
    bundles = BundleKeeper(context.database, context.published, context.private_store, clock)
    maker = BundleMaker(context.database, context.private_store)
    grader = Grader(context.published.grades, context.public_bytes, context.aside, context.settings.uploads)
    return (deliverer.run, grader.run, *own, housekeeper.run, keeper.run, bundles.run, maker.run)


@dataclass(frozen=True, slots=True)
class _StaticFirst:
    """What the bucket has is answered as the bucket would, unless a credential asks for the API's view."""

    folder: Path
    static: Kept
    api: Router

    def at_hand(self, scope: Scope) -> Wire | Soon | None:
        if has_credential(scope):
            return self.api.at_hand(scope)
        scope["route_name"] = _STATIC
        return self.static.at_hand(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        as_bucket = scope["method"] in {"GET", "HEAD"} and not has_credential(scope)
        if as_bucket and has(self.folder, scope["path"]):
            scope["route_name"] = _STATIC
            await self.static(scope, receive, send)
        else:
            await self.api(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Checked:
    """The folder for what no route took. Below /api a credential must hold, and what is missing is JSON."""

    context: Context
    folder: Path
    static: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/api/"):
            if secret := bearer(Request(scope)):
                await caller_of(self.context, secret, self.context.clock())
            if not has(self.folder, scope["path"]):
                raise nothing_here()
        await self.static(scope, receive, send)
