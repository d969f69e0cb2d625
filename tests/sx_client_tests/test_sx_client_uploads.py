"""Uploads, usage and roles: each answer that sx forbids is refused. contracts/sx.md 1.2, 1.3, 1.5."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from sx_canned import Canned, Said, bundle
from sx_client import (
    BadAnswer,
    HttpError,
    NotFound,
    PermissionDenied,
    SxClient,
    SxFailure,
    VersionExists,
    rest,
)

EMPTY = 'lock-version = "1.0"\nversion = "{}"\ncreated-by = "test/1"\n'
LOCK = "GET /api/skills/sx.lock"
UPLOAD = "POST /api/skills/assets"
USAGE = "POST /api/skills/usage"
ACTIVE = "POST /api/skills/sx.profiles/active"
QUERY = "POST /api/skills/ai-query/stream"
ROLE = {"title": "Back", "slug": "back", "description": ""}


GOOD = bundle()
FILE_PART = (
    b'Content-Disposition: form-data; name="file"; filename="pdf-1.zip"\r\n'
    b"Content-Type: application/octet-stream"
)
DENIED = {"permission_denied": True, "skill_id": "A1", "skill_slug": "pdf"}
DONE = {"success": True, "asset": {"name": "pdf", "version": "1", "url": "u", "is_first_version": True}}


@pytest.mark.parametrize("status", [200, 201])
def test_upload_is_one_form_with_its_parts_in_order(server: Canned, sx: SxClient, status: int) -> None:
    forms: list[Any] = []
    server.rest[UPLOAD] = JSONResponse(DONE, status)
    assert rest.upload(sx.wire, "pdf", "1", "skill", GOOD) == rest.Uploaded("pdf", "1", True, "u")
    _, headers, body = server.seen[0]
    forms += [part.split(b"\r\n\r\n")[0] for part in body.split(b"--sx-client-boundary-7d1f0c\r\n")[1:]]
    assert forms == [
        FILE_PART,
        b'Content-Disposition: form-data; name="name"',
        b'Content-Disposition: form-data; name="version"',
        b'Content-Disposition: form-data; name="type"',
    ]
    assert headers["content-type"].startswith("multipart/form-data; boundary=")


def test_upload_is_a_form_that_servers_read(server: Canned, sx: SxClient) -> None:
    from starlette.testclient import TestClient

    async def read(scope: Any, receive: Any, send: Any) -> None:
        async with Request(scope, receive).form() as form:
            file = form["file"]
            assert not isinstance(file, str)
            found = {key: value for key, value in form.multi_items() if isinstance(value, str)}
            await JSONResponse({**found, "file": file.filename, "size": file.size})(scope, receive, send)

    content = {"Content-Type": "multipart/form-data; boundary=sx-client-boundary-7d1f0c"}
    answer = TestClient(read).post("/", content=rest.multipart("pdf", "1", "skill", GOOD), headers=content)
    assert answer.json() == {
        "name": "pdf",
        "version": "1",
        "type": "skill",
        "file": "pdf-1.zip",
        "size": len(GOOD),
    }


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        (200, {**DONE, "success": False, "error": "no"}, BadAnswer, "no"),
        (200, {"success": "true", "asset": {"name": "pdf"}}, BadAnswer, "does not say success"),
        (201, {"success": True}, BadAnswer, "does not say success"),
        (204, None, HttpError, "HTTP 204"),
        (202, DONE, HttpError, "HTTP 202"),
        (409, {"success": False, "error": "taken", "asset": {"name": "p-d-f"}}, VersionExists, "taken"),
        (400, {"error": "version 1 already exists"}, VersionExists, "already exists"),
        (403, {**DENIED, "error": "ask"}, PermissionDenied, "ask"),
        (403, {}, PermissionDenied, ""),
        (422, {"permission_denied": True, "skill_id": "A1"}, PermissionDenied, ""),
        (400, {"error": "no metadata.toml"}, SxFailure, "no metadata.toml"),
        (500, None, HttpError, "HTTP 500"),
    ],
)  # fmt: skip
def test_upload_is_refused(
    server: Canned, sx: SxClient, status: int, body: Any, error: type[Exception], message: str
) -> None:
    server.rest[UPLOAD] = Response(status_code=status) if body is None else JSONResponse(body, status)
    with pytest.raises(error) as refused:
        rest.upload(sx.wire, "pdf", "1", "skill", GOOD)
    assert message in str(refused.value)
    assert type(refused.value) is error
    if isinstance(refused.value, VersionExists) and status == 409:
        assert refused.value.slug == "p-d-f"
    if isinstance(refused.value, PermissionDenied) and "skill_slug" in body:
        assert (refused.value.skill_id, refused.value.skill_slug) == ("A1", "pdf")


EVENT = {
    "asset_name": "pdf",
    "asset_version": "1",
    "asset_type": "skill",
    "timestamp": "2026-05-01T00:00:00Z",
}


@pytest.mark.parametrize("status", [200, 201, 202, 400, 404, 500])
def test_usage_is_kept_and_sent_again_until_204(server: Canned, sx: SxClient, status: int) -> None:
    server.rest[USAGE] = status
    assert sx.report_usage(EVENT) == 0
    assert sx.report_usage(EVENT) == 0
    server.rest[USAGE] = 204
    assert sx.report_usage(EVENT) == 3
    assert sx.usage.flush(sx.wire) == 0
    _, headers, body = server.seen[-1]
    assert headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in body.split(b"\n")] == [EVENT] * 3


def test_usage_is_flushed_a_hundred_at_once(server: Canned, sx: SxClient) -> None:
    server.rest[USAGE] = 204
    for _ in range(101):
        sx.usage.put(EVENT)
    assert [sx.usage.flush(sx.wire), sx.usage.flush(sx.wire)] == [100, 1]


def test_roles(server: Canned, sx: SxClient) -> None:
    server.rest["GET /api/skills/sx.profiles"] = {"profiles": [ROLE], "active": None}
    server.rest[ACTIVE] = {"profile": ROLE}
    assert (sx.role_list()[0].slug, sx.role_current()) == ("back", None)
    assert getattr(sx.role_set("back"), "title", "") == "Back"
    server.rest[ACTIVE] = {"profile": None}
    sx.role_clear()
    assert [json.loads(body) for name, _, body in server.seen if name == ACTIVE] == [
        {"slug": "back"},
        {"slug": None},
    ]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (ROLE, BadAnswer),
        ({"profile": None}, BadAnswer),
        ({"profile": {"slug": "back"}}, BadAnswer),
        (204, HttpError),
        ("null", BadAnswer),
        (JSONResponse({"error": "no such role"}, 404), NotFound),
    ],
)
def test_role_is_refused(server: Canned, sx: SxClient, said: Said, error: type[Exception]) -> None:
    server.rest[ACTIVE] = said
    with pytest.raises(error):
        sx.role_set("back")


@pytest.mark.parametrize(
    "said",
    [
        404,
        "[]",
        {"profiles": None, "active": None},
        {"profiles": [{}], "active": None},
        {"profiles": [], "active": 3},
    ],
)  # fmt: skip
def test_roles_are_refused(server: Canned, sx: SxClient, said: Said) -> None:
    server.rest["GET /api/skills/sx.profiles"] = said
    with pytest.raises(SxFailure):
        sx.role_list()
