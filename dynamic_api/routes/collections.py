"""Collections (contracts/skillzdrive.md rows 16–21)."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import Connection

from dynamic_api.routes.endpoint import Answer, Auth, Body, Call, Endpoint, Mode
from dynamic_api.services import collections
from dynamic_api.services.collection_values import (
    Change,
    Changed,
    Collections,
    Created,
    Deleted,
    Membership,
    New,
)

MOST = 2_000
"""Skills on one list."""
_Name = Annotated[str, Meta(min_length=1, max_length=200)]
_Slug = Annotated[str, Meta(min_length=1, max_length=200)]
_Slugs = Annotated[tuple[_Slug, ...], Meta(max_length=MOST)]


class CreateBody(Body, frozen=True, rename="camel"):
    """A name, and the list of its skills. Without a list the key sees the whole drive."""

    name: _Name
    skill_slugs: _Slugs | UnsetType = UNSET
    include_team_skills: bool = True
    include_shared_skills: bool = True


class ChangeBody(Body, frozen=True, rename="camel"):
    """The fields to change."""

    new_name: _Name | UnsetType = UNSET
    skill_slugs: _Slugs | UnsetType = UNSET
    is_public_marketplace: bool | UnsetType = UNSET
    include_team_skills: bool | UnsetType = UNSET
    include_shared_skills: bool | UnsetType = UNSET


class AddBody(Body, frozen=True, rename="camel"):
    """One skill that the key sees."""

    skill_slug: _Slug


def show(db: Connection, call: Call) -> Collections:
    return collections.listed(db, call.context.published, call.caller)


def create(db: Connection, call: Call) -> Created:
    body = call.body
    new = New(
        name=body.name,
        slugs=None if body.skill_slugs is UNSET else body.skill_slugs,
        include_team=body.include_team_skills,
        include_shared=body.include_shared_skills,
    )
    return collections.create(db, call.context.published, call.caller, new, now=call.now, trace=call.trace)


def change(db: Connection, call: Call) -> Changed:
    body = call.body
    asked = Change(
        name=body.new_name,
        slugs=body.skill_slugs,
        include_team=body.include_team_skills,
        include_shared=body.include_shared_skills,
        public=body.is_public_marketplace,
    )
    name, published = call.path["name"], call.context.published
    return collections.change(db, published, call.caller, name, asked, now=call.now, trace=call.trace)


def add(db: Connection, call: Call) -> Answer:
    name, slug = call.path["name"], call.body.skill_slug
    done = collections.add(db, call.caller, name, slug, now=call.now, trace=call.trace)
    return Answer(done, 201 if done.status == "added" else 200)


def remove(db: Connection, call: Call) -> Membership:
    name, slug = call.path["name"], call.path["slug"]
    return collections.remove(db, call.caller, name, slug, now=call.now, trace=call.trace)


def end(db: Connection, call: Call) -> Deleted:
    return collections.end(db, call.caller, call.path["name"], now=call.now, trace=call.trace)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/collections",
        name="collections",
        handler=show,
        mode=Mode.READ,
        auth=Auth.KEY,
        tag="Collections",
        summary="Every collection of the account (all-skills key)",
        answer=Collections,
        errors={403: ("all_skills_key_required",)},
    ),
    Endpoint(
        method="POST",
        path="/api/v1/collections",
        name="collection_create",
        handler=create,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Collections",
        summary="Make a collection; its key is in this answer and never again (all-skills key)",
        body=CreateBody,
        answer=Created,
        status=201,
        errors={
            403: ("all_skills_key_required",),
            404: ("skill_not_found",),
            409: ("name_taken",),
        },
    ),
    Endpoint(
        method="PATCH",
        path="/api/v1/collections/{name}",
        name="collection_change",
        handler=change,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Collections",
        summary="Rename, list other skills, publish as a marketplace",
        body=ChangeBody,
        answer=Changed,
        errors={
            400: ("validation_error", "collection_ineligible"),
            403: ("all_skills_key_required",),
            404: ("collection_not_found", "skill_not_found"),
            409: ("name_taken",),
            422: ("unfit_name",),
        },
    ),
    Endpoint(
        method="POST",
        path="/api/v1/collections/{name}/skills",
        name="collection_add",
        handler=add,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Collections",
        summary="Put one skill on the list",
        body=AddBody,
        answer=Membership,
        status=201,
        errors={
            400: ("validation_error", "collection_ineligible"),
            404: ("collection_not_found", "skill_not_found"),
        },
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/collections/{name}/skills/{slug}",
        name="collection_remove",
        handler=remove,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Collections",
        summary="Take one skill off the list",
        answer=Membership,
        errors={400: ("collection_ineligible",), 404: ("collection_not_found", "skill_not_found")},
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/collections/{name}",
        name="collection_end",
        handler=end,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Collections",
        summary="Delete a collection and revoke its key, for good (all-skills key)",
        answer=Deleted,
        errors={403: ("all_skills_key_required",), 404: ("collection_not_found",)},
    ),
)
