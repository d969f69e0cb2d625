"""Sync and diff of a machine with the drive (contracts/skillzdrive.md rows 12–15)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta, field
from sqlalchemy import Connection

from dynamic_api.catalogue.skill import PUBLIC
from dynamic_api.routes.endpoint import Auth, Body, Call, Endpoint, Mode
from dynamic_api.services import sync_execute, sync_preview, sync_runs, sync_view
from dynamic_api.services.sync_execute import Executed, Kind, Link, Wanted
from dynamic_api.services.sync_execute import Mode as SyncMode
from dynamic_api.services.sync_plan import Classification
from dynamic_api.services.sync_preview import Preview
from dynamic_api.services.sync_runs import Counters, Finalized, ItemResult
from dynamic_api.services.sync_view import MOST, Difference, Hosted, Known, Local
from registry_builder.core.key import download_key

InstallId = Annotated[
    str, Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$(?!\n)", description="A UUID")
]
_Many = Meta(max_length=MOST)


class PreviewBody(Body, frozen=True):
    """What the machine has, and what it last saw on the drive."""

    local: Annotated[tuple[Local, ...], _Many]
    hosted_known: Annotated[tuple[Known, ...], _Many] = ()


class ExecuteBody(Body, frozen=True):
    """What preview gave, and how much of it to do."""

    install_id: InstallId
    kind: Kind
    mode: SyncMode
    classifications: Annotated[tuple[Classification, ...], _Many]


class FinalizeBody(Body, frozen=True):
    """What came of it on the machine."""

    run_id: Annotated[str, Meta(min_length=1, max_length=64)]
    item_results: Annotated[tuple[ItemResult, ...], _Many] = ()
    counters: Annotated[Counters, Meta(max_length=64)] = field(default_factory=dict)


class DiffBody(Body, frozen=True):
    """What the machine has."""

    local: Annotated[tuple[Known, ...], _Many]


def preview(db: Connection, call: Call) -> Preview:
    context, body = call.context, call.body
    prices = context.settings.credits
    return sync_preview.preview(
        db, context.published, call.caller, prices, body.local, body.hosted_known, now=call.now
    )


def execute(db: Connection, call: Call) -> Executed:
    context, body = call.context, call.body
    wanted = Wanted(
        install_id=body.install_id.lower(),
        kind=body.kind,
        mode=body.mode,
        classifications=body.classifications,
    )
    prices = context.settings.credits

    return sync_execute.execute(
        db, context.published, call.caller, wanted, prices, _links(call), now=call.now, trace=call.trace
    )


def _links(call: Call) -> Link:
    """Published bytes under their digest for ever, private ones under a signature for a day."""
    context = call.context
    moment = datetime.fromtimestamp(call.now / 1000, UTC)
    good_for = timedelta(hours=context.settings.downloads.hours)

    def link(hosted: Hosted) -> str:
        item = hosted.item
        if item.category == PUBLIC:
            return f"{context.public_url}/{download_key(item.slug, hosted.sha256)}"
        return context.signer.url(
            hosted.sha256, call.caller.user_id, f"{item.slug}-{item.version}.zip", moment, good_for
        )

    return link


def finalize(db: Connection, call: Call) -> Finalized:
    body = call.body
    return sync_runs.finalize(
        db, call.caller, body.run_id, body.item_results, body.counters, now=call.now, trace=call.trace
    )


def diff(db: Connection, call: Call) -> Difference:
    return sync_view.difference(db, call.context.published, call.caller, call.body.local)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/v1/drive/sync/preview",
        name="sync_preview",
        handler=preview,
        mode=Mode.READ,
        auth=Auth.KEY,
        tag="Sync",
        summary="What a sync would do to each skill, and what it would cost; changes nothing",
        body=PreviewBody,
        answer=Preview,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/drive/sync/execute",
        name="sync_execute",
        handler=execute,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Sync",
        summary="Claim published skills for nothing, and say what to upload and to download",
        body=ExecuteBody,
        answer=Executed,
        costs=True,
        errors={402: ("insufficient_credits",)},
    ),
    Endpoint(
        method="POST",
        path="/api/v1/drive/sync/finalize",
        name="sync_finalize",
        handler=finalize,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Sync",
        summary="Close a run; a repeat gets the first answer",
        body=FinalizeBody,
        answer=Finalized,
        errors={404: ("sync_run_not_found",)},
    ),
    Endpoint(
        method="POST",
        path="/api/v1/drive/diff",
        name="drive_diff",
        handler=diff,
        mode=Mode.READ,
        auth=Auth.KEY,
        tag="Sync",
        summary="Where a machine and the drive differ",
        body=DiffBody,
        answer=Difference,
    ),
)
