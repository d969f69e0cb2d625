"""The AI query and the login: each answer that sx forbids is refused. contracts/sx.md 1.2, 1.4."""

from __future__ import annotations

import json

import pytest
from starlette.responses import JSONResponse, Response
from sx_canned import Canned, Said
from sx_client import (
    BadAnswer,
    LoginFailed,
    SxClient,
    SxFailure,
)
from sx_client.wire import LONGEST_LINE

EMPTY = 'lock-version = "1.0"\nversion = "{}"\ncreated-by = "test/1"\n'
LOCK = "GET /api/skills/sx.lock"
UPLOAD = "POST /api/skills/assets"
USAGE = "POST /api/skills/usage"
ACTIVE = "POST /api/skills/sx.profiles/active"
QUERY = "POST /api/skills/ai-query/stream"
ROLE = {"title": "Back", "slug": "back", "description": ""}


def lock(version: str, etag: str) -> Response:
    return Response(EMPTY.format(version), headers={"ETag": etag})


FRAME = 'data: {"type": "done", "result": {"data": "42"}}\n\n'


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (FRAME, "42"),
        (": beat\n\nevent: x\ndata:{}\ndata: nonsense\ndata: 3\n" + FRAME, "42"),
        ('data: {"type": "ToolCallEvent", "tool": "x"}\n\n' + FRAME.replace("\n", "\r\n"), "42"),
        ('data: {"type": "done", "result": {"data": 42}}\n\n', ""),
        ('data: {"type": "done"}\n\n' + FRAME, ""),
        (FRAME.strip(), "42"),
        (": beat\n\n", ""),
    ],
)
def test_query_is_read_line_by_line(server: Canned, sx: SxClient, body: str, answer: str) -> None:
    server.rest[QUERY] = body
    assert sx.query("why", "github", {"repoUrl": "https://github.com/a/b"}) == answer
    _, headers, sent = server.seen[0]
    assert headers["accept"] == "text/event-stream"
    context = {"repoUrl": "https://github.com/a/b", "branch": "", "commitSha": ""}
    assert json.loads(sent) == {"query": "why", "provider": "GITHUB", "context": context}


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ('data: {"type": "error", "error": "no provider"}\n\n', "no provider"),
        (Response(FRAME, 201), "HTTP 201"),
        (401, "HTTP 401"),
        ("data: " + "x" * LONGEST_LINE + "\n" + FRAME, "longer than 1 MiB"),
    ],
)
def test_query_is_refused(server: Canned, sx: SxClient, said: Said, problem: str) -> None:
    server.rest[QUERY] = said
    with pytest.raises(SxFailure, match=problem):
        sx.query("why", "GITHUB")


AUTHORIZE = "POST /api/oauth/device-authorization/"
TOKEN = "POST /api/oauth/token/"
DEVICE = {
    "device_code": "d", "user_code": "AB-CD", "verification_uri": "https://example.com/device",
    "expires_in": 600, "interval": 2,
}  # fmt: skip


def test_login_asks_after_each_interval_and_slows_down(server: Canned, sx: SxClient) -> None:
    turns = iter([
        JSONResponse({"error": "authorization_pending"}, 400),
        JSONResponse({"error": "slow_down"}, 400),
        JSONResponse({"access_token": "fresh"}, 500),
    ])  # fmt: skip
    server.rest |= {LOCK: 404, AUTHORIZE: DEVICE, TOKEN: lambda _: next(turns)}
    waits: list[float] = []
    opened: list[str] = []
    assert sx.init(lambda device: opened.append(device.open_url), waits.append) == "fresh"
    assert waits == [2.0, 2.0, 7.0]
    assert opened == ["https://example.com/device?user_code=AB-CD"]
    assert sx.requests() == ["GET /api/skills/sx.lock", AUTHORIZE, TOKEN, TOKEN, TOKEN]
    assert [headers.get("authorization") for _, headers, _ in server.seen[1:]] == [None] * 4
    assert server.seen[1][2] == b"client_id=sleuth-skills-claude-code"
    assert (sx.home / "config.json").stat().st_mode & 0o777 == 0o600


def test_login_is_spared_when_the_token_works(server: Canned, sx: SxClient) -> None:
    server.rest[LOCK] = lock("1", '"a"')
    assert sx.init(lambda _: None) == "secret"
    assert sx.requests() == ["GET /api/skills/sx.lock"]


@pytest.mark.parametrize(
    "said",
    [
        JSONResponse(DEVICE, 201),
        {**DEVICE, "verification_uri": "javascript:x"},
        {**DEVICE, "device_code": ""},
        {**DEVICE, "expires_in": "600"},
        "not json",
    ],
)
def test_authorization_is_refused(server: Canned, sx: SxClient, said: Said) -> None:
    server.rest[AUTHORIZE] = said
    with pytest.raises(SxFailure):
        sx.init(lambda _: None, lambda _: None)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("<html>", BadAnswer),
        ("[]", BadAnswer),
        ({"error": "expired_token"}, LoginFailed),
        ({"error": "access_denied"}, LoginFailed),
        ({"error": "odd", "error_description": "why"}, LoginFailed),
        ({"error": "authorization_pending"}, LoginFailed),
    ],
)
def test_token_is_refused(server: Canned, sx: SxClient, said: Said, error: type[Exception]) -> None:
    server.rest |= {AUTHORIZE: DEVICE, TOKEN: said}
    with pytest.raises(error):
        sx.init(lambda _: None, lambda _: None)
