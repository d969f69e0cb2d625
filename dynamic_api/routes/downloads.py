"""Downloads: bundles on request, and bytes by digest (contracts/skillzdrive.md rows 25 and 26)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta
from starlette.responses import RedirectResponse, Response, StreamingResponse

from dynamic_api.context import Context
from dynamic_api.private_store import Link, absent, bundle, disposition, keep
from dynamic_api.routes.endpoint import Answer, Auth, Body, Call, Endpoint, Mode, Query
from dynamic_api.routes.header_fields import field_of
from dynamic_api.routes.kept import Ready
from dynamic_api.server.wire import names_tag
from dynamic_api.services import downloads, links
from dynamic_api.services.downloads import Choice, Download, Scope, Wanted
from registry_builder.core.key import download_key

IMMUTABLE = "public, max-age=31536000, immutable"
REDIRECT_SECONDS = 300
ZIP = "application/zip"
_NO_STORE = {"Cache-Control": "private, no-store"}
_NOSNIFF = {"X-Content-Type-Options": "nosniff"}
_OF_BYTES = ((b"cache-control", IMMUTABLE.encode()), (b"x-content-type-options", b"nosniff"))
_ZIP_FIELD = (b"content-type", ZIP.encode())


class Asked(Body, frozen=True, rename="camel"):
    """Body: `collectionName` goes with the scope "collection", `skillSlug` with "skill"."""

    scope: Scope
    collection_name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    skill_slug: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class Signed(Query, frozen=True):
    """What a signed link carries."""

    expires: str
    filename: str
    holder: str
    signature: str


async def make(call: Call) -> Answer:
    context, caller = call.context, call.caller
    wanted = Wanted(call.body.scope, call.body.collection_name, call.body.skill_slug)
    choice = await context.database.read(lambda db: downloads.choose(db, context.published, caller, wanted))
    good_for = timedelta(hours=context.settings.downloads.hours)
    sha256, size = await asyncio.to_thread(_kept, context, choice)
    now = datetime.fromtimestamp(call.now / 1000, UTC)
    made = (sha256, size, context.signer.url(sha256, caller.user_id, choice.filename, now, good_for))
    expires_at = call.now + int(good_for.total_seconds() * 1000)
    done: Download = await context.database.write(
        lambda db: downloads.record(
            db, caller, choice, wanted, made, expires_at, now=call.now, trace=call.trace
        )
    )
    # Forgotten between its making and its promise? Then it is made once more.
    if not await asyncio.to_thread(context.private_store.exists, sha256):
        await asyncio.to_thread(_kept, context, choice)
    return Answer(done)


def _kept(context: Context, choice: Choice) -> tuple[str, int]:
    """Make the bundle and keep it; its digest and size. For a thread."""

    def read(slug: str, sha256: str, published: bool) -> bytes:
        if published:
            return context.public_bytes.read(slug, sha256)
        return context.private_store.get(sha256)

    made = bundle(downloads.parts(choice, read))
    return keep(context.private_store, made), made.size


async def fetch_private(call: Call) -> Response:
    """Bytes behind a link that we signed, or where they are for a moment. Never for a cache others share."""
    context, sha256, asked = call.context, call.path["sha256"], call.query
    link, store = Link(asked.expires, asked.filename, asked.holder), context.private_store
    context.signer.check(sha256, link, asked.signature, datetime.fromtimestamp(call.now / 1000, UTC))
    await context.database.read(lambda db: links.require_good(db, context.published, sha256, link.holder))
    if (target := store.elsewhere(sha256, link.filename)) is not None:
        if not await asyncio.to_thread(store.exists, sha256):
            raise absent()
        return RedirectResponse(target, 302, _NO_STORE)
    chunks = await asyncio.to_thread(store.stream, sha256)
    headers = {**_NO_STORE, "Content-Disposition": disposition(link.filename)}
    return StreamingResponse(chunks, 200, {**headers, **_NOSNIFF}, ZIP)


async def fetch_public(call: Call) -> Response:
    """The exact bytes of a digest, or where they are: a redirect that dies before anything it could carry."""
    context, slug, sha256 = call.context, call.path["slug"], call.path["sha256"]
    context.published.require_served(slug, sha256)
    etag = f'"{sha256}"'
    fields = [*_OF_BYTES, (b"etag", etag.encode())]
    shown = field_of(call.request, b"if-none-match")
    if shown is not None and names_tag(shown, etag):
        return Ready(b"", 304, fields)
    bucket = elsewhere(context)
    if bucket is not None:
        target = f"{bucket}/{download_key(slug, sha256)}"
        return RedirectResponse(target, 302, {"Cache-Control": f"public, max-age={REDIRECT_SECONDS}"})
    body = await context.public_bytes.body(slug, sha256)
    return Ready(body, 200, [(b"content-length", b"%d" % len(body)), _ZIP_FIELD, *fields])


def elsewhere(context: Context) -> str | None:
    """The bucket's public address, when it is on another host than ours (9.4)."""
    url = context.settings.server.assets_url
    if url is None or urlsplit(url).netloc == urlsplit(context.public_url).netloc:
        return None
    return url.rstrip("/")


FETCH_PUBLIC = Endpoint(
    method="GET",
    path="/api/v1/downloads/public/{slug}/{sha256}.zip",
    name="download_public",
    handler=fetch_public,
    mode=Mode.ASYNC,
    # Whoever has the digest may have the bytes. sx sends its token, whatever it is, wherever a lock points.
    auth=Auth.NONE,
    tag="Downloads",
    summary="The exact zip of a digest, immutable; a redirect where the bucket has its own host",
    remembered=True,
    of_bucket=True,
    wrap=False,
    media_type=ZIP,
    errors={302: (), 304: (), 404: ("artifact_not_found",), 410: ("withdrawn",), 502: ("damaged_artifact",)},
)

ENDPOINTS = (
    FETCH_PUBLIC,
    Endpoint(
        method="GET",
        path="/api/v1/downloads/private/{sha256}",
        name="download_private",
        handler=fetch_private,
        mode=Mode.ASYNC,
        auth=Auth.NONE,
        tag="Downloads",
        summary="Bytes behind a link that the API has signed; a redirect where they lie in a bucket",
        query=Signed,
        wrap=False,
        media_type=ZIP,
        errors={302: (), 403: ("bad_signature", "link_expired"), 404: ("not_found",), 410: ("withdrawn",)},
    ),
    Endpoint(
        method="POST",
        path="/api/v1/downloads",
        name="download_make",
        handler=make,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        tag="Downloads",
        summary="Bundle the drive, a collection or one skill; the link is good for 24 hours, and free",
        body=Asked,
        answer=Download,
        status=201,
        errors={
            403: ("premium_source_restricted",),
            404: ("collection_not_found", "skill_not_found", "nothing_to_download"),
            410: ("withdrawn",),
            413: ("bundle_too_large",),
        },
    ),
)
