"""Uploads of sx (contracts/sx.md R6 and 1.3): a zip, and what is said of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Connection

from dynamic_api.database.tables.skills import ORGANISATION
from dynamic_api.errors import Invalid, Refusal
from dynamic_api.routes import forms, sx_answers
from dynamic_api.routes.decode import refuse_nul
from dynamic_api.routes.endpoint import Answer, Auth, Call, Endpoint, Mode
from dynamic_api.services import asset_uploads, examined, installs, proposals, repositories
from dynamic_api.services.caller import require_all_skills
from dynamic_api.services.installs import EVERYBODY, Target
from dynamic_api.sx.bundle import Bundle, read_bundle
from dynamic_api.sx.identity import Form
from dynamic_api.sx.lock import bundle_path
from registry_builder.core.artifact import Limits

_OVERHEAD = 64 * 1024
_TRUE = frozenset({"true", "1", "yes", "on"})


class Asset(Struct, frozen=True):
    """`name` is the slug that was kept."""

    name: str
    version: str
    url: str
    skill_id: str
    is_first_version: bool


class Uploaded(Struct, frozen=True, omit_defaults=True):
    """The answer to an upload. `proposal` is set when it waits for a maintainer."""

    success: bool
    asset: Asset
    proposal: str | None = None


class _Entity(Struct, frozen=True):
    entity_type: Annotated[str, Meta(max_length=32)]
    entity_id: Annotated[str, Meta(max_length=64)] | None = None


async def upload(call: Call) -> Answer:
    """Read, check, scan, keep the bytes, and then the version: it is there whole, or not at all."""
    context, caller = call.context, call.caller
    require_all_skills(caller)
    limits = context.settings.uploads
    fields, bundle = await _bundle(call)
    result = await context.aside.run(examined.bundle, bundle, limits)
    if fields.get("public", "").lower() in _TRUE:
        return await _propose(call, bundle)
    space = _space(call, fields)
    await context.database.read(lambda db: asset_uploads.admit(db, context.published, caller, bundle, space))
    await asyncio.to_thread(context.private_store.put, bundle.sha256, [bundle.body])
    kept = await context.database.write(
        lambda db: asset_uploads.keep(
            db,
            context.published,
            caller,
            bundle,
            result,
            _targets(db, call, fields),
            prices=context.settings.credits,
            space=space,
            now=call.now,
            trace=call.trace,
        )
    )
    return Answer(Uploaded(True, _asset(call, kept.skill_id, bundle, kept.is_first_version)))


async def _bundle(call: Call) -> tuple[Mapping[str, str], Bundle]:
    """The fields of the form, and what is in its zip."""
    limits = call.context.settings.uploads
    boundary = forms.boundary_of(call.request)
    form = forms.parse(await forms.raw_body(call.request, limits.zip_bytes + _OVERHEAD), boundary)
    fields = form.fields
    said = Form(
        name=fields.get("name"),
        version=fields.get("version"),
        type=fields.get("type"),
        file_name=form.filename,
    )
    size = Limits(archive_bytes=limits.zip_bytes, unpacked_bytes=limits.unpacked_bytes, files=limits.files)
    return fields, await asyncio.to_thread(read_bundle, form.data, said, size)


async def _propose(call: Call, bundle: Bundle) -> Answer:
    await asyncio.to_thread(call.context.private_store.put, bundle.sha256, [bundle.body])
    made = await call.context.database.write(
        lambda db: proposals.of_upload(db, call.caller, call.trace, bundle, call.now)
    )
    return Answer(Uploaded(True, _asset(call, made, bundle, False), made), 202)


def _asset(call: Call, skill_id: str, bundle: Bundle, first: bool) -> Asset:
    url = call.context.public_url + bundle_path(bundle.name, bundle.version)
    return Asset(bundle.name, bundle.version, url, skill_id, first)


def _space(call: Call, fields: Mapping[str, str]) -> str | None:
    """`owned_by=user` keeps an asset to oneself, another owner or installs give it to the organisation.

    None when the form says nothing, as sx does: then the name decides.
    """
    owner, installations = fields.get("owned_by", "").strip().lower(), fields.get("installations", "").strip()
    if not owner and not installations:
        return None
    alone = owner == "user" and not installations
    return call.caller.user_id if alone and not call.caller.is_bot else ORGANISATION


def _targets(db: Connection, call: Call, fields: Mapping[str, str]) -> Sequence[Target] | None:
    """Whom the form says it is for; None when it does not say."""
    if text := fields.get("installations", "").strip():
        refuse_nul(text.encode(), "installations")
        try:
            rows = msgspec.json.decode(text, type=list[_Entity])
        except msgspec.MsgspecError as error:
            mend = "send a JSON array of {entity_type, entity_id}"
            raise Invalid("bad_installations", str(error), place="installations", mend=mend) from error
        return [_target(db, row, number) for number, row in enumerate(rows)]
    owner = fields.get("owned_by", "").strip().lower()
    if owner == "repository":
        where = (fields.get("repository_owner", ""), fields.get("repository_name", ""))
        found = repositories.owned(db, *where, call.now)
        return [Target("REPOSITORY", found.id)]
    if owner == "user" and not call.caller.is_bot:
        return [Target("USER", call.caller.user_id)]
    if owner in {"organization", "organisation"}:
        return [EVERYBODY]
    if owner:
        mend = "send organization, user or repository"
        raise Invalid("bad_owned_by", f"{owner[:40]!r} is none of those", place="owned_by", mend=mend)
    return None


def _target(db: Connection, row: _Entity, number: int) -> Target:
    try:
        return installs.target(db, row.entity_type, row.entity_id)
    except Refusal as refusal:
        refusal.place = f"form.installations[{number}]"
        raise


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/skills/assets",
        name="sx_upload",
        handler=upload,
        mode=Mode.ASYNC,
        auth=Auth.KEY,
        bots=True,
        refusal=sx_answers.refused,
        tag="sx",
        summary="Upload a version of an asset; a new one is installed for everybody unless told otherwise",
        answer=Uploaded,
        status=201,
        wrap=False,
        form={
            "file": "the zip, with metadata.toml at its root",
            "name": "the name; default: the metadata's",
            "version": "the version; default: the metadata's",
            "type": "skill (default), agent, rule, command, hook, mcp, claude-code-plugin",
            "installations": "JSON array of {entity_type, entity_id}",
            "owned_by": "organization, user or repository, without installations",
            "repository_owner": "for owned_by=repository",
            "repository_name": "for owned_by=repository",
            "public": "true: propose it for the public catalogue",
        },
        errors={
            202: (),
            400: ("bundle-invalid",),
            402: ("quota_exceeded",),
            403: ("permission_denied",),
            409: ("version_exists", "type_differs", "name_taken"),
            413: ("payload_too_large",),
        },
    ),
)
