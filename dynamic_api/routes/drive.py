"""The drive: list, import, remove, toggle (contracts/skillzdrive.md rows 5–8)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field
from sqlalchemy import Connection
from starlette.responses import Response

from dynamic_api.ids import undashed
from dynamic_api.routes.base import recalled, write
from dynamic_api.routes.endpoint import Answer, Auth, Body, Call, Endpoint, Mode, Query
from dynamic_api.services import asset_bundles, drive, drive_list
from dynamic_api.services.drive import Removed, Toggled
from dynamic_api.services.drive_list import Drive
from dynamic_api.services.github_imports import Workshop
from dynamic_api.services.import_orders import prepare
from dynamic_api.services.imports import Imported
from dynamic_api.services.private_skills import PRIVATE


class Listing(Query, frozen=True):
    """Query of the list."""

    include_disabled: bool = field(name="includeDisabled", default=False)


class Wanted(Body, frozen=True):
    """Body of an import: a slug of the marketplace, or the address of a folder on GitHub."""

    skill_slug: Annotated[str, Meta(min_length=1, max_length=1000)] = field(name="skillSlug")


def show(db: Connection, call: Call) -> Drive:
    return drive_list.listed(db, call.context.published, call.caller, hidden=call.query.include_disabled)


async def take(call: Call) -> Response:
    """Looked up or fetched before the transaction, which has to be short."""
    context, settings = call.context, call.context.settings
    if known := await recalled(IMPORT, call):
        return known
    workshop = Workshop(
        context.github,
        context.private_store,
        settings.uploads,
        context.aside,
        settings.github.timeout_seconds,
    )
    order = await prepare(context.database, context.published, workshop, call.body.skill_slug)

    private: set[str] = set()

    def handler(db: Connection, _call: Call) -> Answer:
        imported, new = order(db, call.caller, prices=settings.credits, now=call.now, trace=call.trace)
        if imported.category == PRIVATE:
            private.add(undashed(imported.id))
        return Answer(imported, 201 if new else 200)

    response = await write(IMPORT, call, handler)
    for skill_id in private:
        await asset_bundles.complete(context.database, context.private_store, skill_id)
    return response


def remove(db: Connection, call: Call) -> Removed:
    return drive.remove(db, call.caller, call.path["slug"], now=call.now, trace=call.trace)


def toggle(db: Connection, call: Call) -> Toggled:
    return drive.toggle(db, call.caller, call.path["slug"], now=call.now, trace=call.trace)


IMPORT = Endpoint(
    method="POST",
    path="/api/v1/drive/import",
    name="drive_import",
    handler=take,
    mode=Mode.ASYNC,
    auth=Auth.KEY,
    tag="Drive",
    summary="Put a skill of the marketplace, or a folder of a GitHub repository, into the drive",
    body=Wanted,
    answer=Imported,
    status=201,
    costs=True,
    errors={
        400: ("validation_error", "bad_github_url"),
        402: ("insufficient_credits", "quota_exceeded"),
        404: ("skill_not_found", "repository_not_found", "ref_not_found", "folder_not_found"),
        409: ("already_in_drive", "name_taken", "idempotency_key_reused"),
        410: ("withdrawn",),
        422: ("invalid_skill", "not_a_skill", "skill_too_big", "scan_refused"),
        429: ("github_rate_limited",),
        502: ("github_failed", "github_redirect", "bad_archive"),
        503: ("scan_failed",),
        504: ("import_timeout",),
    },
)

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/drive",
        name="drive",
        handler=show,
        mode=Mode.READ,
        auth=Auth.KEY,
        tag="Drive",
        summary="Every skill that the key sees: drive, teams and accepted shares",
        query=Listing,
        answer=Drive,
        remembered=True,
    ),
    IMPORT,
    Endpoint(
        method="POST",
        path="/api/v1/drive/{slug}/toggle",
        name="drive_toggle",
        handler=toggle,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Drive",
        summary="Hide a skill of the drive, or show it again",
        answer=Toggled,
        errors={404: ("skill_not_found",)},
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/drive/{slug}",
        name="drive_remove",
        handler=remove,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Drive",
        summary="Take a skill out of the drive and of every collection, for good",
        answer=Removed,
        errors={404: ("skill_not_found",)},
    ),
)
