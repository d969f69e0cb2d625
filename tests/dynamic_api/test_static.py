"""A built folder over real HTTP: what a CDN answers, and what must never get out."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
import uvicorn
from click.testing import CliRunner
from clients.authority import certify

from dynamic_api.server.connection import Connection
from dynamic_api.server.static import CHUNK, METHODS, POLICY, Folder, published
from registry_builder.cli import skillpress
from registry_builder.core.errors import Missing, Misuse, Refusal, Trouble

# To load the authorities of this machine for each client takes longer than all the requests.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ZIP = b"PK\x03\x04 not really a zip, but bytes are bytes"
DIGEST = hashlib.sha256(ZIP).hexdigest()
ARTIFACT = f"/api/v1/downloads/public/alpha/{DIGEST}.zip"
PAGE = b"<!doctype html><title>All skills</title>"
MISSING_PAGE = b"<!doctype html><title>Not here</title>"
BIG = bytes(range(256)) * (CHUNK * 3 // 256) + b"tail"
FILES = {
    "release.json": b'{"generation":1}',
    "index.html": PAGE,
    "404.html": MISSING_PAGE,
    "marketplace.json": b"{}",
    "skills/alpha/index.html": b"<!doctype html><title>alpha</title>",
    "skills/alpha/logo.svg": b"<svg/>",
    "api/v1/skills/alpha": b'{"slug":"alpha"}',
    "npm/@reg/alpha": b'{"name":"@reg/alpha"}',
    ARTIFACT[1:]: ZIP,
    "api/skills/assets/alpha/list.txt": b"1\n2\n",
    "api/skills/assets/alpha/2/alpha-2.zip": ZIP,
    ".well-known/agent-skills/index.json": b"{}",
    ".well-known/skills/alpha/.claude-plugin/plugin.json": b"{}",
    "s/alpha/.well-known/agent-skills/index.json": b"{}",
    "git/reg.git/info/refs": b"",
    "odd/a b#c?d%é.txt": b"odd",
    "odd/new\nline.txt": b"newline",
    "big.bin": BIG,
    ".tmp/half": b"half written",
    ".git/config": b"[secret]",
    ".env": b"secret",
    "s/alpha/.tmp/half": b"half written",
    ".well-known/skills/.tmp/half": b"half written",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every class of key, and everything around them that must stay inside."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.json").write_bytes(b"secret")
    root = tmp_path_factory.mktemp("dist")
    for key, body in FILES.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (root / "leaves.json").symlink_to(outside / "secret.json")
    (root / "leaves").symlink_to(outside)
    (root / "to-hidden.json").symlink_to(root / ".env")
    (root / "stays.json").symlink_to(root / "marketplace.json")
    (root / "circle").symlink_to(root / "circle")
    (root / "empty").mkdir()
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture(scope="module")
def base(folder: Path) -> Iterator[str]:
    yield from _served(folder)


def _served(folder: Path, app: Folder | None = None) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app or published(folder), http=Connection, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


def _ask(base: str, target: str, method: str = "GET", **headers: str) -> httpx2.Response:
    """One request with `target` on the wire exactly as it stands, dot segments and all."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx2.Client(trust_env=False, verify=PLAIN) as client:
        request = client.build_request(
            method, base, headers=named, extensions={"target": target.encode("ascii")}
        )
        return client.send(request)


IMMUTABLE = "public, max-age=31536000, immutable"
INDEX = "public, max-age=60"


@pytest.mark.parametrize(
    ("target", "key", "kind", "cache"),
    [
        ("/", "index.html", "text/html; charset=utf-8", INDEX),
        ("/index.html", "index.html", "text/html; charset=utf-8", INDEX),
        ("/skills/alpha/", "skills/alpha/index.html", "text/html; charset=utf-8", INDEX),
        ("/release.json", "release.json", "application/json", "public, max-age=5"),
        ("/api/v1/skills/alpha", "api/v1/skills/alpha", "application/json", INDEX),
        (ARTIFACT, ARTIFACT[1:], "application/zip", IMMUTABLE),
        (
            "/api/skills/assets/alpha/list.txt",
            "api/skills/assets/alpha/list.txt",
            "text/plain; charset=utf-8",
            INDEX,
        ),
        (
            "/api/skills/assets/alpha/2/alpha-2.zip",
            "api/skills/assets/alpha/2/alpha-2.zip",
            "application/zip",
            IMMUTABLE,
        ),
        ("/npm/@reg%2Falpha", "npm/@reg/alpha", "application/json", INDEX),
        ("/npm/@reg%2falpha", "npm/@reg/alpha", "application/json", INDEX),
        ("/npm/%40reg/alpha", "npm/@reg/alpha", "application/json", INDEX),
        ("//npm///@reg//alpha", "npm/@reg/alpha", "application/json", INDEX),
        ("/marketplace.json?v=2&x=../..", "marketplace.json", "application/json", INDEX),
        ("/stays.json", "marketplace.json", "application/json", INDEX),
        (
            "/.well-known/agent-skills/index.json",
            ".well-known/agent-skills/index.json",
            "application/json",
            INDEX,
        ),
        (
            "/s/alpha/.well-known/agent-skills/index.json",
            "s/alpha/.well-known/agent-skills/index.json",
            "application/json",
            INDEX,
        ),
        (
            "/.well-known/skills/alpha/.claude-plugin/plugin.json",
            ".well-known/skills/alpha/.claude-plugin/plugin.json",
            "application/octet-stream",
            "no-cache",
        ),
        ("/git/reg.git/info/refs", "git/reg.git/info/refs", "application/octet-stream", "no-cache"),
        ("/odd/a%20b%23c%3Fd%25%C3%A9.txt", "odd/a b#c?d%é.txt", "text/plain; charset=utf-8", INDEX),
        ("/odd/new%0Aline.txt", "odd/new\nline.txt", "text/plain; charset=utf-8", INDEX),
        ("/big.bin", "big.bin", "application/octet-stream", INDEX),
    ],
)
def test_a_key_is_served_with_its_type_cache_header_and_strong_tag(
    base: str, target: str, key: str, kind: str, cache: str
) -> None:
    answer = _ask(base, target, authorization="Bearer nobody-asked")
    head = _ask(base, target, "HEAD")
    assert (answer.status_code, answer.content) == (200, FILES[key])
    expected = {
        "accept-ranges": "bytes",
        "access-control-allow-origin": "*",
        "cache-control": cache,
        "content-length": str(len(FILES[key])),
        "content-type": kind,
        "etag": f'"{hashlib.sha256(FILES[key]).hexdigest()}"',
        "x-content-type-options": "nosniff",
    }
    if kind.startswith("text/html"):
        expected["content-security-policy"] = POLICY
    ignored = {"date", "server", "access-control-expose-headers"}
    assert {name: value for name, value in answer.headers.items() if name not in ignored} == expected
    assert (head.status_code, head.content) == (200, b"")
    assert {name: value for name, value in head.headers.items() if name not in ignored} == expected


@pytest.mark.parametrize(
    "target",
    [
        "/nothing",
        "/marketplace.json/",
        "/marketplace.json/x",
        "/skills",
        "/skills/",
        "/empty",
        "/empty/",
        "/npm/@reg",
        "/.tmp/half",
        "/.tmp/",
        "/.git/config",
        "/.env",
        "/%2eenv",
        "/s/alpha/.tmp/half",
        "/.well-known/skills/.tmp/half",
        "/leaves.json",
        "/leaves/secret.json",
        "/leaves/",
        "/to-hidden.json",
        "/circle",
        "/pipe",
        "/skills/../release.json",
        "/./release.json",
        "/skills/%2e%2e/release.json",
        "/skills%2f..%2frelease.json",
        "/.well-known/skills/alpha/../../../release.json",
        "/../../../../etc/hostname",
        "/%2Fetc/hostname",
        "//etc/hostname",
        "/release.json%00",
        "/release.json%00.html",
        "/%ff%fe",
        "/" + "a" * 300,
        "/" + "a/" * 3000,
        "/..%5c..%5crelease.json",
    ],
)
def test_what_is_not_published_is_not_found(base: str, target: str) -> None:
    for method, body in (("GET", b"not found\n"), ("HEAD", b"")):
        answer = _ask(base, target, method, accept="application/json")
        assert (answer.status_code, answer.content) == (404, body)
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "etag" not in answer.headers


def test_an_unreadable_file_is_not_found_rather_than_forbidden(tmp_path: Path) -> None:
    """Root reads everything, so when the test runs as root its server gives that power up."""
    for name in ("release.json", "closed.json"):
        (tmp_path / name).write_bytes(b"{}")
    (tmp_path / "closed.json").chmod(0)
    humble = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    process, url = _start(tmp_path, before=humble)
    try:
        assert _ask(url, "/release.json").status_code == 200
        assert _ask(url, "/closed.json").status_code == 404
    finally:
        process.terminate()
        process.communicate()


def test_a_browser_gets_the_page_404_html(base: str) -> None:
    answer = _ask(base, "/nothing", accept="text/html,application/xhtml+xml")
    assert (answer.status_code, answer.content) == (404, MISSING_PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert (answer.headers["cache-control"], answer.headers["vary"]) == ("no-cache", "Accept")
    assert "etag" not in answer.headers
    ranged = _ask(base, "/nothing", accept="text/html", range="bytes=0-3")
    assert (ranged.status_code, ranged.content) == (404, MISSING_PAGE)


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/skills/alpha", "/skills/alpha/"),
        ("/skills/alpha?q=a%20b", "/skills/alpha/?q=a%20b"),
        ("//skills//alpha", "/skills/alpha/"),
    ],
)
def test_a_folder_without_its_slash_is_redirected_within_the_host(
    base: str, target: str, location: str
) -> None:
    answer = _ask(base, target)
    assert (answer.status_code, answer.headers["location"], answer.content) == (308, location, b"")


TAG = f'"{DIGEST}"'


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (TAG, 304),
        (f"W/{TAG}", 304),
        ("*", 304),
        (f'"other", {TAG}', 304),
        (f'W/"other" ,W/{TAG},"third"', 304),
        ('"other"', 200),
        (f'"{DIGEST[:-1]}"', 200),
        (DIGEST, 200),
        ("", 200),
        (f"w/{TAG}", 200),
        ('"*"', 200),
    ],
)
def test_if_none_match_is_compared_weakly(base: str, sent: str, status: int) -> None:
    answer = _ask(base, ARTIFACT, if_none_match=sent)
    assert (answer.status_code, answer.content) == (status, b"" if status == 304 else ZIP)
    assert (answer.headers["etag"], answer.headers["cache-control"]) == (TAG, IMMUTABLE)
    assert _ask(base, ARTIFACT, "HEAD", if_none_match=sent).status_code == status


SIZE = len(BIG)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=5-9", 5, 9),
        ("BYTES=5-9", 5, 9),
        (f"bytes={CHUNK - 1}-{CHUNK * 2}", CHUNK - 1, CHUNK * 2),
        ("bytes=-4", SIZE - 4, SIZE - 1),
        (f"bytes=-{SIZE * 9}", 0, SIZE - 1),
        (f"bytes={SIZE - 1}-{SIZE * 9}", SIZE - 1, SIZE - 1),
    ],
)
def test_a_range_gives_exactly_these_bytes(base: str, asked: str, first: int, last: int) -> None:
    answer = _ask(base, "/big.bin", range=asked)
    assert (answer.status_code, answer.content) == (206, BIG[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["content-length"] == str(last + 1 - first)
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE * 2}-{SIZE * 3}", "bytes=-0"])
def test_a_range_outside_the_file_is_416(base: str, asked: str) -> None:
    answer = _ask(base, "/big.bin", range=asked)
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{SIZE}")


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=",
        "bytes=-",
        "bytes=9-5",
        "bytes=a-b",
        "items=0-1",
        "bytes=0-1,4-5",
        "0-5",
        "bytes=" + "9" * 5000,
    ],
)
def test_a_range_that_is_not_understood_gets_the_whole(base: str, asked: str) -> None:
    answer = _ask(base, "/big.bin", range=asked)
    assert (answer.status_code, answer.content) == (200, BIG)


def test_if_range_gives_the_part_only_of_the_same_bytes(base: str) -> None:
    tag = _ask(base, "/big.bin", "HEAD").headers["etag"]
    told = {
        tag: 206,
        f"W/{tag}": 200,
        '"other"': 200,
        "Fri, 20 Nov 2026 00:00:00 GMT": 200,
    }
    answers = {value: _ask(base, "/big.bin", range="bytes=0-3", if_range=value).status_code for value in told}
    assert answers == told
    assert _ask(base, "/big.bin", range="bytes=0-3", if_none_match=tag).status_code == 304
    assert _ask(base, "/big.bin", "HEAD", range="bytes=0-3").status_code == 200


def test_a_preflight_is_answered_for_any_path(base: str) -> None:
    for target in ("/marketplace.json", "/nothing"):
        answer = _ask(
            base,
            target,
            "OPTIONS",
            origin="https://example.com",
            access_control_request_method="GET",
            access_control_request_headers="authorization, range",
        )
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-allow-methods"] == METHODS
        assert "Authorization" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_other_methods_are_refused_with_those_allowed(base: str, method: str) -> None:
    answer = _ask(base, "/marketplace.json", method)
    assert (answer.status_code, answer.headers["allow"]) == (405, METHODS)


def test_svg_cannot_run_scripts_either(base: str) -> None:
    assert _ask(base, "/skills/alpha/logo.svg").headers["content-security-policy"] == POLICY


def test_a_file_swapped_in_the_middle_of_an_answer_is_still_sent_as_it_was(tmp_path: Path) -> None:
    old, new = b"a" * (CHUNK * 40), b"b" * (CHUNK * 40)
    (tmp_path / "big.bin").write_bytes(old)
    serving = _served(tmp_path)
    base = next(serving)
    with httpx2.stream("GET", f"{base}/big.bin", trust_env=False) as answer:
        parts = answer.iter_bytes(CHUNK)
        begin = next(parts)
        (tmp_path / "next").write_bytes(new)
        (tmp_path / "next").replace(tmp_path / "big.bin")
        assert begin + b"".join(parts) == old
        assert answer.headers["etag"] == f'"{hashlib.sha256(old).hexdigest()}"'
    after = _ask(base, "/big.bin")
    assert (after.content, after.headers["etag"]) == (new, f'"{hashlib.sha256(new).hexdigest()}"')
    next(serving, None)


def test_readers_beside_a_writer_see_one_version_or_the_other(tmp_path: Path) -> None:
    """Bodies of one size, swapped without pause, so that names, inodes and sizes repeat."""
    bodies = [bytes([letter]) * 5000 for letter in b"abcdef"]
    tags = {body: f'"{hashlib.sha256(body).hexdigest()}"' for body in bodies}
    (tmp_path / "index.json").write_bytes(bodies[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for body in bodies:
                (tmp_path / "next").write_bytes(body)
                (tmp_path / "next").replace(tmp_path / "index.json")

    serving = _served(tmp_path)
    base = next(serving)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        with httpx2.Client(trust_env=False) as client:
            for _ in range(80):
                answer = client.get(f"{base}/index.json")
                assert answer.headers["etag"] == tags[answer.content]
    finally:
        stop.set()
        writer.join()
        next(serving, None)


def _start(folder: Path, *options: str, before: Sequence[str] = ()) -> tuple[subprocess.Popen[str], str]:
    """`serve` as a program on a free port, and the URL that it printed."""
    program = [sys.executable, "-c", "from dynamic_api.cli.serve import serve; serve()", "--no-api"]
    process = subprocess.Popen(
        [*before, *program, folder, "--port", "0", *options], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"https?://\S+", line)
    assert found, line + process.stderr.read()
    return process, found[0].rstrip("/")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_one_line_and_leaves_with_0_on_a_signal(folder: Path, number: int) -> None:
    process, url = _start(folder)
    assert _ask(url, "/release.json").content == FILES["release.json"]
    process.send_signal(number)
    _, rest = process.communicate(timeout=20)
    assert (process.returncode, rest) == (0, "")


def test_a_reader_that_stands_still_does_not_keep_serve_from_leaving(tmp_path: Path) -> None:
    (tmp_path / "release.json").touch()
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(CHUNK * 400)
    process, url = _start(tmp_path)
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as reader:
        reader.sendall(b"GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert reader.recv(12) == b"HTTP/1.1 200"
        process.terminate()
        _, rest = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in rest


def test_serve_over_tls(folder: Path, tmp_path: Path) -> None:
    made = certify(tmp_path, "127.0.0.1")
    process, url = _start(folder, "--tls-cert", str(made.cert), "--tls-key", str(made.key))
    try:
        assert url.startswith("https://127.0.0.1:")
        with httpx2.Client(verify=ssl.create_default_context(cafile=made.root), trust_env=False) as client:
            assert client.get(f"{url}/release.json").content == FILES["release.json"]
    finally:
        process.terminate()
        process.communicate()


def _refused(*arguments: str | Path) -> Refusal:
    outcome = CliRunner().invoke(
        skillpress, ["serve", "--no-api", *(str(argument) for argument in arguments)]
    )
    assert isinstance(outcome.exception, Refusal), outcome
    return outcome.exception


def test_serve_refuses_what_is_not_a_built_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refusals = [_refused(tmp_path / "none"), _refused(tmp_path), _refused(tmp_path / "file")]
    assert [(type(refusal), refusal.code) for refusal in refusals] == [
        (Missing, "no-folder"),
        (Missing, "not-built"),
        (Misuse, "not-a-folder"),
    ]
    assert refusals[1].mend == f"build it: skillpress build --to {tmp_path}"


def test_serve_refuses_a_certificate_without_its_key_or_the_other_way(folder: Path, tmp_path: Path) -> None:
    made = certify(tmp_path, "127.0.0.1")
    cert, key = made.cert, made.key
    assert _refused(folder, "--tls-cert", cert).code == "half-tls"
    assert _refused(folder, "--tls-key", key).code == "half-tls"
    assert _refused(folder, "--tls-cert", key, "--tls-key", cert).code == "bad-tls"


def test_serve_refuses_a_port_that_is_taken_and_a_host_that_is_not_here(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = _refused(folder, "--port", str(other.getsockname()[1]))
    assert (type(taken), taken.code) == (Trouble, "port-taken")
    assert _refused(folder, "--host", "192.0.2.1").code == "no-listener"
    assert _refused(folder, "--host", "a" * 300).code == "no-host"


def test_what_was_sent_before_is_sent_again_and_is_the_same(tmp_path: Path) -> None:
    """A CDN's answer does not depend on who asked before."""
    root = tmp_path / "dist"
    for key in ("release.json", "skills/alpha/index.html", "api/v1/skills/alpha"):
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(FILES[key])
    (root / "current").symlink_to(root / "skills")
    with closing(_served(root, published(root, settled_seconds=0))) as running:
        base = next(running)
        for target in ("/release.json", "/skills/alpha/", "/current/alpha/", "/api/v1/skills/alpha"):
            first = _ask(base, target)
            for method, shown in (("GET", ""), ("HEAD", ""), ("GET", first.headers["etag"]), ("HEAD", "*")):
                again = _ask(base, target, method, **({"if_none_match": shown} if shown else {}))
                status = 304 if shown else 200
                assert (again.status_code, again.content) == (
                    status,
                    first.content if (method, status) == ("GET", 200) else b"",
                )
                of_a_body = {"content-length", "content-type", "content-security-policy"} if shown else set()
                kept = {k: v for k, v in first.headers.items() if k not in {"date", *of_a_body}}
                assert {k: v for k, v in again.headers.items() if k != "date"} == kept
        (root / "beside").write_bytes(b"other bytes")
        (root / "beside").replace(root / "release.json")
        assert _ask(base, "/release.json").content == b"other bytes"
