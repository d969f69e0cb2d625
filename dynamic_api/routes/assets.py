"""What sx reads of assets: versions, metadata and bundles (contracts/sx.md R3 to R5)."""

from __future__ import annotations

import asyncio

from starlette.responses import RedirectResponse, Response

from dynamic_api.errors import Absent
from dynamic_api.routes import sx_answers
from dynamic_api.routes.downloads import elsewhere
from dynamic_api.routes.endpoint import Auth, Call, Endpoint, Mode
from dynamic_api.services import asset_reads, audit
from dynamic_api.services.asset_reads import Bytes
from dynamic_api.services.caller import require_all_skills
from dynamic_api.sx.lock import MEDIA_TYPE
from dynamic_api.tasks.accesses import Access
from registry_builder.core.artifact import Limits, read
from registry_builder.core.key import download_key

ZIP = "application/zip"
_YEAR = "max-age=31536000, immutable"
_ANY_SIZE = Limits(archive_bytes=1 << 31, unpacked_bytes=1 << 31, files=100_000)


async def versions(call: Call) -> Response:
    """Every version, one a line, newest last; nothing for an unknown name, which sx is about to make."""
    require_all_skills(call.caller)
    labels = await call.context.database.read(
        lambda db: asset_reads.labels(db, call.context.published, call.caller, call.path["name"])
    )
    text = "".join(f"{label}\n" for label in labels)
    return Response(text, 200, {"Cache-Control": "private, no-cache"}, "text/plain; charset=utf-8")


async def metadata(call: Call) -> Response:
    """The metadata.toml in the bundle."""
    found = await _found(call)
    data = await _bytes(call, found)
    files = await asyncio.to_thread(read, data, _ANY_SIZE)
    text = next((file.data for file in files if file.path == "metadata.toml"), None)
    if text is None:
        raise Absent("metadata_not_found", f"{found.slug} {found.label} has no metadata.toml")
    return Response(text, 200, _immutable(found), MEDIA_TYPE)


async def bundle(call: Call) -> Response:
    """The zip of a version. What is private never is for a cache that others share (ADR 0018)."""
    context = call.context
    found = await _found(call)
    _require_its_name(call, found)
    headers = {**_immutable(found), "ETag": f'"{found.sha256}"'}
    if call.request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    bucket = elsewhere(context) if found.is_published else None
    response: Response
    if bucket is not None:
        target = f"{bucket}/{download_key(found.slug, found.sha256)}"
        response = RedirectResponse(target, 302, {"Cache-Control": "private, no-store"})
    else:
        response = Response(await _bytes(call, found), 200, headers, ZIP)
    row = audit.row(
        "DOWNLOADED",
        "asset",
        now=call.now,
        caller=call.caller,
        trace=call.trace,
        target_id=found.skill_id,
        target_name=found.slug,
        data={"version": found.label, "sha256": found.sha256},
    )
    access = Access(row, call.now, found.skill_id)
    if found.is_published:
        context.accesses.note(access)
    else:
        await context.accesses.keep(access)
    return response


async def _found(call: Call) -> Bytes:
    require_all_skills(call.caller)
    path, published = call.path, call.context.published
    sha256 = call.request.query_params.get("sha256")
    return await call.context.database.read(
        lambda db: asset_reads.bundle(db, published, call.caller, path["name"], path["version"], sha256)
    )


def _require_its_name(call: Call, found: Bytes) -> None:
    """Raise Absent for a file name that is not made of the asset's name and version, as sx makes it."""
    name, version, filename = call.path["name"], call.path["version"], call.path["filename"]
    mine = f"{found.slug}-{found.label}.zip"
    if filename not in {mine, f"{name}-{version}.zip"}:
        raise Absent("file_not_found", f"{found.slug} {found.label} has no such file", mend=f"it is {mine}")


async def _bytes(call: Call, found: Bytes) -> bytes:
    if found.is_published:
        return await call.context.public_bytes.body(found.slug, found.sha256)
    return await asyncio.to_thread(call.context.private_store.get, found.sha256)


def _immutable(found: Bytes) -> dict[str, str]:
    who = "public" if found.is_published else "private"
    return {"Cache-Control": f"{who}, {_YEAR}", "X-Content-Type-Options": "nosniff"}


_ASSET = "/api/skills/assets/{name}"
_MISSING = {
    304: (),
    403: ("all_skills_key_required",),
    404: ("asset_not_found", "version_not_found"),
    410: ("withdrawn",),
}

ENDPOINTS = (
    Endpoint(
        method="GET",
        path=f"{_ASSET}/list.txt",
        name="sx_versions",
        handler=versions,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        bots=True,
        refusal=sx_answers.refused,
        tag="sx",
        summary="The versions of an asset, one a line, newest last; empty for an unknown name",
        wrap=False,
        media_type="text/plain",
        errors={403: ("all_skills_key_required",)},
    ),
    Endpoint(
        method="GET",
        path=f"{_ASSET}/{{version}}/metadata.toml",
        name="sx_metadata",
        handler=metadata,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        bots=True,
        refusal=sx_answers.refused,
        tag="sx",
        summary="The metadata.toml of a version",
        wrap=False,
        media_type=MEDIA_TYPE,
        errors=_MISSING,
    ),
    Endpoint(
        method="GET",
        path=f"{_ASSET}/{{version}}/{{filename}}",
        name="sx_bundle",
        handler=bundle,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        bots=True,
        refusal=sx_answers.refused,
        tag="sx",
        summary="The bundle of a version; a redirect for published ones where the bucket has its own host",
        limit="none",  # one lock names hundreds, machines share a bot's key, and sx never tries again
        wrap=False,
        media_type=ZIP,
        errors={302: (), **_MISSING, 404: (*_MISSING[404], "file_not_found")},
    ),
)
