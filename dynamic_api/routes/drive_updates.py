"""Updates of the drive (contracts/skillzdrive.md rows 9–11)."""

from __future__ import annotations

from sqlalchemy import Connection

from dynamic_api.routes.endpoint import Auth, Call, Endpoint, Mode
from dynamic_api.services import updates
from dynamic_api.services.updates import Accepted, Dismissed, Updates


def show(db: Connection, call: Call) -> Updates:
    return updates.waiting(db, call.context.published, call.caller, call.context.settings.credits)


def accept(db: Connection, call: Call) -> Accepted:
    context, slug = call.context, call.path["slug"]
    return updates.accept(
        db, context.published, call.caller, slug, context.settings.credits, now=call.now, trace=call.trace
    )


def dismiss(db: Connection, call: Call) -> Dismissed:
    slug = call.path["slug"]
    return updates.dismiss(db, call.context.published, call.caller, slug, now=call.now, trace=call.trace)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/drive/updates",
        name="drive_updates",
        handler=show,
        mode=Mode.READ,
        auth=Auth.KEY,
        tag="Drive",
        summary="Newer versions that wait to be accepted or dismissed",
        answer=Updates,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/drive/updates/{slug}/accept",
        name="drive_update_accept",
        handler=accept,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Drive",
        summary="Move a skill of the drive to its newest version",
        answer=Accepted,
        costs=True,
        errors={
            402: ("insufficient_credits",),
            404: ("skill_not_found", "update_not_found"),
            410: ("withdrawn",),
        },
    ),
    Endpoint(
        method="POST",
        path="/api/v1/drive/updates/{slug}/dismiss",
        name="drive_update_dismiss",
        handler=dismiss,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Drive",
        summary="Stay at the present version",
        answer=Dismissed,
        errors={404: ("skill_not_found", "update_not_found"), 410: ("withdrawn",)},
    ),
)
