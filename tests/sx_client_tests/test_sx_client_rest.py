"""Each answer that sx forbids is refused, call by call. contracts/sx.md 1.2 to 1.5."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response
from sx_canned import Canned, Said, bundle
from sx_client import (
    BadAnswer,
    HttpError,
    NotFound,
    SxClient,
    SxFailure,
    rest,
)
from sx_client.lock import Row

EMPTY = 'lock-version = "1.0"\nversion = "{}"\ncreated-by = "test/1"\n'
LOCK = "GET /api/skills/sx.lock"
UPLOAD = "POST /api/skills/assets"
USAGE = "POST /api/skills/usage"
ACTIVE = "POST /api/skills/sx.profiles/active"
QUERY = "POST /api/skills/ai-query/stream"
ROLE = {"title": "Back", "slug": "back", "description": ""}


def lock(version: str, etag: str) -> Response:
    return Response(EMPTY.format(version), headers={"ETag": etag})


def test_headers_are_those_of_sx(server: Canned, sx: SxClient) -> None:
    server.rest[LOCK] = lock("1", '"a"')
    sx.lock()
    headers = server.seen[0][1]
    names = ("user-agent", "authorization", "accept-encoding", "accept")
    assert [headers.get(name) for name in names] == ["skills/2.3.4", "Bearer secret", "gzip", None]


def test_empty_token_is_not_sent_but_with_usage(server: Canned, tmp_path: Path) -> None:
    sx = SxClient(server.url, "", tmp_path)
    server.rest |= {LOCK: lock("1", '"a"'), USAGE: 204}
    sx.lock()
    rest.report_usage(sx.wire, [{"asset_name": "a"}])
    assert [headers.get("authorization") for _, headers, _ in server.seen] == [None, "Bearer"]


def test_etag_is_sent_verbatim_for_seven_days(server: Canned, tmp_path: Path) -> None:
    clock = [0.0]
    sx = SxClient(server.url, "secret", tmp_path, now=lambda: clock[0])
    server.rest[LOCK] = lock("1", 'W/"a b"')
    sx.lock()
    server.rest[LOCK] = 304
    clock[0] = 7 * 86400.0 - 1
    assert sx.lock() == sx.lock()
    clock[0] += 1
    server.rest[LOCK] = lock("2", '"c"')
    assert getattr(sx.lock(), "version", "") == "2"
    sent = [headers.get("if-none-match") for _, headers, _ in server.seen]
    assert sent == [None, 'W/"a b"', 'W/"a b"', None]


def test_cache_is_by_server_and_not_by_token(server: Canned, tmp_path: Path) -> None:
    """So a server whose tags do not depend on the caller hands one caller the other's lock."""
    server.rest[LOCK] = lock("alice", '"same"')
    SxClient(server.url, "alice", tmp_path).lock()
    server.rest[LOCK] = 304
    assert getattr(SxClient(server.url, "bob", tmp_path).lock(), "version", "") == "alice"


def test_lock_of_404_is_nothing_yet(server: Canned, sx: SxClient) -> None:
    assert sx.lock() is None
    assert sx.install().message == "No assets installed yet"


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 500, 503])
def test_lock_of_another_status_is_a_failure(server: Canned, sx: SxClient, status: int) -> None:
    server.rest[LOCK] = status
    with pytest.raises(HttpError, match=f"HTTP {status}"):
        sx.lock()


def test_304_that_nobody_asked_for_is_refused(server: Canned, sx: SxClient) -> None:
    server.rest[LOCK] = 304
    with pytest.raises(BadAnswer):
        sx.lock()


def test_compressed_lock_is_read(server: Canned, sx: SxClient) -> None:
    body = gzip.compress(EMPTY.format("z").encode())
    server.rest[LOCK] = Response(body, headers={"Content-Encoding": "gzip"})
    assert getattr(sx.lock(), "version", "") == "z"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_token_is_dropped_when_a_redirect_changes_the_host(server: Canned, sx: SxClient, status: int) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    server.rest |= {
        "GET /a.zip": Response(status_code=status, headers={"Location": f"{elsewhere}/b.zip"}),
        "GET /b.zip": bundle(),
    }
    rest.download(sx.wire, Row("pdf", "1", "skill", f"{server.url}/a.zip"))
    assert [headers.get("authorization") for _, headers, _ in server.seen] == ["Bearer secret", None]


@pytest.mark.parametrize(
    ("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
def test_post_stays_a_post_on_307_and_308_only(
    server: Canned, sx: SxClient, status: int, method: str
) -> None:
    server.rest |= {USAGE: Response(status_code=status, headers={"Location": "/x"}), f"{method} /x": 204}
    rest.report_usage(sx.wire, [{"asset_name": "a"}])
    assert server.seen[1][0] == f"{method} /x"


def test_redirects_end(server: Canned, sx: SxClient) -> None:
    server.rest[LOCK] = Response(status_code=302, headers={"Location": "/api/skills/sx.lock"})
    with pytest.raises(SxFailure, match="stopped after 10 redirects"):
        sx.lock()


def test_slash_at_the_end_of_the_server_url_is_doubled(server: Canned, tmp_path: Path) -> None:
    server.rest["GET /base//api/skills/sx.lock"] = lock("1", '"a"')
    assert SxClient(f"{server.url}/base/", "secret", tmp_path).lock() is not None


GOOD = bundle()


@pytest.mark.parametrize(
    ("said", "row", "problem"),
    [
        (Response(GOOD, 201), {}, "HTTP 201"),
        (Response(GOOD, 206), {}, "HTTP 206"),
        (404, {}, "HTTP 404"),
        (b"PK\x05\x06" + bytes(18), {}, "pdf: no zip"),
        (b"#!/bin/sh\n" + GOOD, {}, "pdf: no zip"),
        (b"", {}, "pdf: no zip"),
        (GOOD, {"size": 3}, f"pdf: {len(GOOD)} bytes, the lock says 3"),
        (GOOD, {"hashes": {"sha256": "0" * 64}}, "its sha256 is not that of the lock"),
        (GOOD, {"hashes": {"sha512": "0" * 128}}, "its sha512 is not that of the lock"),
    ],
)
def test_bundle_is_refused(
    server: Canned, sx: SxClient, said: Said, row: dict[str, Any], problem: str
) -> None:
    server.rest["GET /a.zip"] = said
    with pytest.raises(SxFailure) as refused:
        rest.download(sx.wire, Row("pdf", "1", "skill", f"{server.url}/a.zip", **row))
    assert problem in str(refused.value)


def test_bundle_is_taken_whatever_its_type(server: Canned, sx: SxClient) -> None:
    server.rest["GET /a.zip"] = Response(GOOD, media_type="text/html")
    row = Row(
        "pdf", "1", "skill", f"{server.url}/a.zip", {"sha256": hashlib.sha256(GOOD).hexdigest()}, len(GOOD)
    )
    assert rest.download(sx.wire, row) == GOOD


@pytest.mark.parametrize(
    ("said", "versions"),
    [("", []), ("\n\r\n", []), ("10\r\n2\n\n 1 \n", ["1", "2", "10"]), ("1.0.0\n", ["1.0.0"])],
)
def test_versions_are_read(server: Canned, sx: SxClient, said: str, versions: list[str]) -> None:
    server.rest["GET /api/skills/assets/pdf/list.txt"] = said
    assert rest.list_versions(sx.wire, "pdf") == versions


@pytest.mark.parametrize(("said", "error"), [(404, NotFound), (204, HttpError), ("latest\n", BadAnswer)])
def test_versions_are_refused(server: Canned, sx: SxClient, said: Said, error: type[Exception]) -> None:
    server.rest["GET /api/skills/assets/pdf/list.txt"] = said
    with pytest.raises(error):
        rest.list_versions(sx.wire, "pdf")


METADATA = "GET /api/skills/assets/pdf/1/metadata.toml"


def test_metadata_may_be_toml_or_a_zip(server: Canned, sx: SxClient) -> None:
    server.rest[METADATA] = '[asset]\nname = "pdf"\n'
    plain = rest.metadata(sx.wire, "pdf", "1")
    server.rest[METADATA] = GOOD
    assert (plain["asset"]["name"], rest.metadata(sx.wire, "pdf", "1")["asset"]["name"]) == ("pdf", "pdf")


@pytest.mark.parametrize("said", [404, b"\xff", "x", "[skill]\n", b"PK\x03\x04broken"])
def test_metadata_is_refused(server: Canned, sx: SxClient, said: Said) -> None:
    server.rest[METADATA] = said
    with pytest.raises(SxFailure):
        rest.metadata(sx.wire, "pdf", "1")


def test_zip_that_is_not_there_is_tolerated_and_one_that_is_none_is_not(server: Canned, sx: SxClient) -> None:
    assert rest.fetch_zip(sx.wire, "pdf", "1") is None
    server.rest["GET /api/skills/assets/pdf/1/pdf-1.zip"] = "<html>"
    with pytest.raises(BadAnswer):
        rest.fetch_zip(sx.wire, "pdf", "1")
