"""Manifests for Claude Code and Copilot (contracts/skillzdrive.md rows 32 and 33, 9.4)."""

from __future__ import annotations

import hashlib

from starlette.responses import Response

from dynamic_api.routes.endpoint import Auth, Call, Endpoint, Mode
from dynamic_api.services import collection_manifest
from registry_builder.core.key import CACHE_CONTROL, KeyClass

MANIFEST = "marketplace.json"


async def whole(call: Call) -> Response:
    return _manifest(call, await call.context.documents.body(MANIFEST))


async def of_collection(call: Call) -> Response:
    """The registry's own collection comes first: what is merged wins."""
    context, name = call.context, call.path["name"]
    if context.published.has_collection(name):
        return _manifest(call, await context.documents.body(f"marketplace/collections/{name}.json"))
    frame = collection_manifest.frame_of(await context.documents.body(MANIFEST))
    base_url = (context.settings.server.assets_url or context.public_url).rstrip("/")
    body = await context.database.read(
        lambda db: collection_manifest.manifest(db, context.published, name, frame, base_url, call.now)
    )
    return _manifest(call, body)


def _manifest(call: Call, body: bytes) -> Response:
    """`body`, cached as its twin in the bucket: an index (DESIGN.md D5)."""
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    headers = {"Cache-Control": CACHE_CONTROL[KeyClass.INDEX], "ETag": etag}
    asked = [
        tag.strip().removeprefix("W/") for tag in call.request.headers.get("if-none-match", "").split(",")
    ]
    if etag in asked or asked == ["*"]:
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, "application/json")


def _endpoint(path: str, name: str, handler: object, summary: str, code: str) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        name=name,
        handler=handler,  # type: ignore[arg-type]
        mode=Mode.ASYNC,
        auth=Auth.ANONYMOUS,
        limit="none",
        tag="Marketplace",
        summary=summary,
        wrap=False,
        errors={304: (), 404: (code,)},
    )


ENDPOINTS = (
    _endpoint(
        "/marketplace.json", "marketplace", whole, "The registry's catalogue, as published", "not_found"
    ),
    _endpoint(
        "/marketplace/collections/{name}.json",
        "marketplace_collection",
        of_collection,
        "The catalogue of a collection: the registry's, or one published from a drive",
        "collection_not_found",
    ),
)
