"""Credentials of the caller's account: stored sealed, never shown (contracts/skillzdrive.md 13)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import Connection

from dynamic_api.routes.endpoint import Answer, Auth, Body, Call, Endpoint, Mode
from dynamic_api.services import credentials
from dynamic_api.services.credentials import Credential

_PATH = "/api/v1/account/credentials"


class ValueBody(Body, frozen=True):
    """What is to be kept."""

    value: Annotated[str, Meta(min_length=1)]

    def __repr__(self) -> str:
        return "ValueBody(…)"


class Credentials(Struct, frozen=True):
    """Credentials by name."""

    credentials: list[Credential]


def list_credentials(db: Connection, call: Call) -> Credentials:
    return Credentials(credentials.of_account(db, call.caller))


def show_credential(db: Connection, call: Call) -> Credential:
    return credentials.require(db, call.caller, call.path["name"])


def put_credential(db: Connection, call: Call) -> Credential:
    context = call.context
    return credentials.put(
        db,
        context.keys,
        call.caller,
        call.trace,
        call.path["name"],
        call.body.value,
        context.settings.credentials,
        call.now,
    )


def delete_credential(db: Connection, call: Call) -> Answer:
    credentials.remove(db, call.caller, call.trace, call.path["name"], call.now)
    return Answer(None, 204)


_MISSING = {404: ("credential_not_found",)}

ENDPOINTS = (
    Endpoint(
        method="GET",
        path=_PATH,
        name="credentials_list",
        handler=list_credentials,
        mode=Mode.READ,
        auth=Auth.KEY,
        tag="Account",
        summary="Credentials, masked; all-skills keys only",
        answer=Credentials,
        errors={403: ("all_skills_key_required",)},
    ),
    Endpoint(
        method="GET",
        path=f"{_PATH}/{{name}}",
        name="credentials_show",
        handler=show_credential,
        mode=Mode.READ,
        auth=Auth.KEY,
        tag="Account",
        summary="One credential, masked",
        answer=Credential,
        errors=_MISSING,
    ),
    Endpoint(
        method="PUT",
        path=f"{_PATH}/{{name}}",
        name="credentials_put",
        handler=put_credential,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Account",
        summary="Keep a value that runs get in their environment",
        body=ValueBody,
        answer=Credential,
        errors={400: ("validation_error", "reserved_name"), 409: ("too_many_credentials",)},
    ),
    Endpoint(
        method="DELETE",
        path=f"{_PATH}/{{name}}",
        name="credentials_delete",
        handler=delete_credential,
        mode=Mode.WRITE,
        auth=Auth.KEY,
        tag="Account",
        summary="Forget a credential",
        status=204,
        errors=_MISSING,
    ),
)
