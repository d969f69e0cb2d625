"""Issue 6, "Bad input": odd names and paths on every route of assets, as bytes on a real socket."""

from __future__ import annotations

import itertools
import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.api.packages import zipped
from tests.api.sx_room import api
from tests.api.test_sx_drive import uploaded
from tests.api.world import Person, World
from tests.content_repo import skill_text

__all__ = ["api"]
_numbers = itertools.count(1)
MARK = "ONLY-FOR-ITS-OWNER"
NAMES = (
    b"",
    b".",
    b"..",
    b"%2e%2e",
    b"../..",
    b"%2e%2e%2f%2e%2e",
    b"/",
    b"//",
    b"%2f",
    b"%2F%2f",
    b"a%2fb",
    b"a/b",
    b"a//b",
    b"\\..\\",
    b"%5c",
    b"%00",
    b"a%00b",
    b"%0a%0d",
    b"%ff%fe",
    b"%c0%af",
    b"%",
    b"%zz",
    b"%u0041",
    "é".encode(),
    b"%c3%a9",
    b"a b",
    b"<script>",
    b"'or'1'='1",
    b"%25%32%66",
    b"{name}",
    b"*",
    b"%",
    b"_",
    b";a=b",
    b"?a",
    b"#a",
    b"list.txt",
    b"sx.lock",
    b"x" * 2000,
    b"%61" * 600,
)
PATHS = (
    b"/api/skills/assets/%s/list.txt",
    b"/api/skills/assets/%s/1/metadata.toml",
    b"/api/skills/assets/%s/1/%s-1.zip",
    b"/api/skills/assets/OWNED/%s/metadata.toml",
    b"/api/skills/assets/OWNED/%s/OWNED-%s.zip",
    b"/api/skills/assets/OWNED/1/%s",
    b"/api/skills/assets/OWNED/1/%s?sha256=%s",
    b"/api/skills/assets/%s",
    b"/api/skills/%s",
    b"//api//skills/%s",
    b"/api/skills/%s/sx.lock",
    b"/%s/api/skills/sx.lock",
    b"/proposals/%s",
)
ASKED = {
    "lookup": "query Q($n: String) { vault { assets(slug: $n, first: 5) { nodes { __typename slug } } } }",
    "search": "query Q($n: String) { vault { assets(search: $n, first: 5) { nodes { __typename slug } } } }",
    "after": "query Q($n: String) { vault { assets(after: $n, first: 5) { nodes { __typename slug } } } }",
    "audit": "query Q($n: String) { assetAuditLog(target: $n, first: 5) { nodes { event } } }",
    "usage": "query Q($n: String) { assetUsageEvents(assetName: $n, first: 5) { nodes { assetName } } }",
    "bot": "query Q($n: String) { bot(slug: $n) { name } }",
    "people": "query Q($n: String) { organization { users(term: $n) { nodes { id } }"
    " teams(term: $n) { nodes { id } } } }",
    "rename": 'mutation M($n: String!) { renameAsset(input: {oldName: "OWNED", newName: $n})'
    " { success errors { messages } } }",
    "renamed": 'mutation M($n: String!) { renameAsset(input: {oldName: $n, newName: "taken"})'
    " { success errors { messages } } }",
    "installs": "mutation M($n: String!) { setAssetInstallations(input: {assetName: $n, repositories: []})"
    " { errors { messages } } }",
    "team": "mutation M($n: String!) { createTeam(input: {name: $n, members: []}) { errors { messages } } }",
    "collection": "mutation M($n: String!) { createAssetCollection(input: {name: $n})"
    " { errors { messages } } }",
    "bots": "mutation M($n: String!) { createBot(input: {name: $n}) { errors { messages } } }",
    "text": 'mutation M($n: String!) { createAsset(input: {name: $n, assetType: "agent", rawContent: "x"})'
    " { errors { messages } } }",
    "request": 'mutation M($n: String!) { createAssetPullRequest(input: {assetId: $n, title: "t"})'
    " { errors { messages } } }",
}


def exchange(api: World, head: bytes) -> tuple[int, bytes]:
    """The status and body of the answer to `head`, sent as it is; 0 when the connection was closed."""
    parts = urlsplit(api.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), 30) as wire:
        wire.sendall(head)
        told = b""
        while piece := wire.recv(65536):
            told += piece
    first, _, rest = told.partition(b"\r\n")
    return (int(first.split()[1]) if first else 0), rest.partition(b"\r\n\r\n")[2]


def request(path: bytes, key: str, method: bytes = b"GET") -> bytes:
    lines = (b"Host: x", b"Connection: close", b"Authorization: Bearer " + key.encode())
    return method + b" " + path + b" HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n"


@pytest.fixture
def owned(api: World) -> str:
    """The name of a private skill that somebody else has."""
    name = f"owned-{next(_numbers)}"
    uploaded(api, api.person(), name, MARK)
    return name


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.decode())
def test_odd_paths_give_no_5xx_and_nothing_of_others(
    api: World, person: Person, owned: str, path: bytes
) -> None:
    for name in NAMES:
        place = path.replace(b"OWNED", owned.encode()).replace(b"%s", name)
        status, body = exchange(api, request(place, person.key))
        assert 200 <= status < 500, (place[:200], status, body[:300])
        assert MARK.encode() not in body, place[:200]
        if status == 200 and b"list.txt" in place.rpartition(b"/")[2]:
            assert body == b"", place[:200]


@pytest.mark.parametrize("what", sorted(ASKED))
def test_odd_names_in_graphql_are_answered(api: World, person: Person, owned: str, what: str) -> None:
    """Each gives data or an error that says what is wrong; none is our failure."""
    names = ("", ".", "..", "/", "a/b", "a\0b", "\0", "é", "\ud7ff￿", "%", "_", "'", "x" * 2000, owned)
    for name in names:
        body = {"query": ASKED[what].replace("OWNED", owned), "variables": {"n": name}}
        answer = person.post("/graphql", json=body)
        assert answer.status_code == (400 if "\0" in name else 200), (what, name[:40], answer.text)
        assert "internal_error" not in answer.text, (what, name[:40], answer.text)
        assert MARK not in answer.text
        if name == owned and what == "lookup":
            assert answer.json()["data"]["vault"]["assets"]["nodes"] == []


@pytest.mark.parametrize("field", ["name", "version", "type", "installations", "owned_by", "repository_name"])
def test_odd_fields_of_an_upload_are_refused(api: World, person: Person, field: str) -> None:
    data = zipped(
        {"SKILL.md": skill_text("any"), "metadata.toml": "[asset]\n[skill]\nprompt-file = 'SKILL.md'\n"}
    )
    for value in (
        "..",
        "/",
        "\0",
        "a\0b",
        "é",
        "x" * 2000,
        "[",
        '[{"entity_type": "USER", "entity_id": "\\u0000"}]',
    ):
        fields = {"name": "any", "version": "1", field: value}
        if field == "repository_name":
            fields |= {"owned_by": "repository", "repository_owner": "acme"}
        answer = person.post("/api/skills/assets", files={"file": ("x.zip", data)}, data=fields)
        assert answer.status_code < 500, (field, value[:40], answer.text)
        assert isinstance(json.loads(answer.text).get("error", ""), str)


@pytest.mark.parametrize("line", ['{"asset_name": "a\\u0000b"}', '{"asset_name": "x", "actor": "\\u0000"}'])
def test_usage_with_odd_names_is_counted_or_refused(api: World, person: Person, line: str) -> None:
    answer = person.post("/api/skills/usage", content=line)
    assert answer.status_code in {204, 400}, answer.text


def test_headers_are_kept_as_they_can_be(api: World, person: Person, tmp_path: Path) -> None:
    """x-session-id and the user agent are somebody else's bytes."""
    for value in (b"\xff\xfe", "é".encode(), b"x" * 4000):
        head = request(b"/api/skills/sx.lock", person.key)[:-2]
        extra = b"x-session-id: " + value + b"\r\nUser-Agent: " + value + b"\r\n\r\n"
        status, _ = exchange(api, head + extra)
        assert status == 200
    import asyncio

    asyncio.run(api.app.context.accesses.flush())
