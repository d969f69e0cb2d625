"""Uploads: tickets, the page, and the zip itself (contracts/skillzdrive.md rows 22–24, 12.4)."""

from __future__ import annotations

import asyncio
from typing import Annotated
from urllib.parse import urlencode

from msgspec import Meta, Struct
from starlette.responses import Response

from dynamic_api import pages
from dynamic_api.clock import written
from dynamic_api.errors import Invalid
from dynamic_api.ids import undashed
from dynamic_api.routes import forms, identify
from dynamic_api.routes.endpoint import Answer, Auth, Body, Call, Endpoint, Mode
from dynamic_api.services import access, asset_bundles, examined, tickets, uploads
from dynamic_api.services.caller import SCOPED
from dynamic_api.services.uploads import Uploaded

_Name = Annotated[str, Meta(min_length=1, max_length=200)]
PROCESS = "/api/uploads/process-skill"
SCRIPT = "upload-skill.sh"
_OVERHEAD = 64 * 1024
"""Bytes of a multipart body beside its file."""
_UNSAFE = str.maketrans("", "", "'\\\n\r\0")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


class Asked(Body, frozen=True, rename="camel"):
    """Body of a ticket. A scoped key uploads to its own collection whatever this says."""

    collection_name: _Name | None = None
    filename: _Name | None = None


class Ticket(Struct, frozen=True, rename="camel"):
    """The union of both forms that clients of the reference read (contracts/skillzdrive.md 15)."""

    upload_token: str
    upload_url: str
    target_type: str
    target_collection: str | None
    script_filename: str
    script_content: str
    website_fallback_url: str
    expires_at: str
    max_bytes: int


class Page(Struct, frozen=True):
    """Where a person uploads."""

    url: str


async def mint(call: Call) -> Ticket:
    context, limits = call.context, call.context.settings.uploads
    made = await context.database.write(
        lambda db: tickets.mint(
            db,
            call.caller,
            call.body.collection_name,
            call.body.filename,
            limits,
            now=call.now,
            trace=call.trace,
        )
    )
    filename = (call.body.filename or "").translate(_UNSAFE)
    return Ticket(
        upload_token=made.token,
        upload_url=context.public_url + PROCESS,
        target_type="collection" if made.target else "drive",
        target_collection=made.target.name if made.target else None,
        script_filename=SCRIPT,
        script_content=pages.filled("upload.sh", server=context.public_url, filename=filename),
        website_fallback_url=_page_url(call),
        expires_at=written(made.expires_at),
        max_bytes=limits.zip_bytes,
    )


async def show_url(call: Call) -> Page:
    return Page(_page_url(call))


def _page_url(call: Call) -> str:
    url = f"{call.context.public_url}/upload"
    caller = call.caller
    if caller.key_kind != SCOPED:
        return url
    return f"{url}?{urlencode({'key_id': caller.key_id, 'key_name': caller.key_name})}"


async def process(call: Call) -> Answer:
    """The ticket is used up first; what fails afterwards costs nothing, and wants another ticket."""
    context, now = call.context, call.now
    token = identify.bearer(call.request)
    if token is None:
        raise access.refused(tickets.REFUSED, code="ticket_invalid")
    limits = context.settings.uploads
    most = limits.zip_bytes + _OVERHEAD
    boundary = forms.boundary_of(call.request)
    ticket = await context.database.write(lambda db: tickets.use(db, token, now=now))
    form = forms.parse(await forms.raw_body(call.request, most), boundary)
    if not form.filename.lower().endswith((".zip", ".skill")):
        raise Invalid("validation_error", "is not a .zip or .skill", place="form.file", mend="name it so")
    name = ticket.filename or form.filename
    read = await context.aside.run(examined.upload, form.data, name, limits)
    await asyncio.to_thread(context.private_store.put, read.version.sha256, [read.artifact])
    done: Uploaded = await context.database.write(
        lambda db: uploads.keep(
            db,
            access.caller_with(db, ticket.key_id, now),
            ticket,
            read,
            len(form.data),
            context.settings.credits,
            now=now,
            trace=call.trace,
        )
    )
    await asset_bundles.complete(context.database, context.private_store, undashed(done.skill.id))
    return Answer(done)


def _served(name: str, media_type: str) -> Endpoint:
    async def show(_call: Call) -> Response:
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
        headers |= {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
        return Response(pages.text(name), 200, headers, media_type)

    return Endpoint(
        method="GET",
        path=f"/{name.removesuffix('.html')}",
        name=f"page_{name.replace('.', '_')}",
        handler=show,
        mode=Mode.ASYNC,
        auth=Auth.NONE,
        tag="Uploads",
        summary=f"{name}: what a person uploads with",
        wrap=False,
        media_type=media_type,
    )


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/v1/uploads/ticket",
        name="upload_ticket",
        handler=mint,
        mode=Mode.ASYNC,
        auth=Auth.UPLOAD,
        tag="Uploads",
        summary="A token for one upload within ten minutes, and a script that uses it",
        body=Asked,
        answer=Ticket,
        status=201,
        errors={
            400: ("collection_ineligible",),
            403: ("collection_not_owned",),
            404: ("collection_not_found",),
            429: ("too_many_active_tickets",),
        },
    ),
    Endpoint(
        method="GET",
        path="/api/v1/uploads/url",
        name="upload_url",
        handler=show_url,
        mode=Mode.ASYNC,
        auth=Auth.UPLOAD,
        tag="Uploads",
        summary="The page where a person uploads",
        answer=Page,
    ),
    Endpoint(
        method="POST",
        path=PROCESS,
        name="upload_process",
        handler=process,
        mode=Mode.ASYNC,
        auth=Auth.OWN,
        tag="Uploads",
        summary="Upload one zip with a ticket: read, scanned, priced by size, put into the drive",
        answer=Uploaded,
        status=201,
        wrap=False,
        form={"file": "The zip (.zip or .skill), with SKILL.md at its root or in one top folder"},
        errors={
            400: ("validation_error",),
            401: ("ticket_invalid",),
            402: ("insufficient_credits", "quota_exceeded"),
            413: ("payload_too_large",),
            415: ("unsupported_media_type",),
            422: ("invalid_skill", "scan_refused"),
            503: ("scan_failed",),
        },
    ),
    _served("upload.html", "text/html"),
    _served("upload.js", "text/javascript"),
    _served("upload.css", "text/css"),
)
