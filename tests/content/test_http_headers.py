"""The skill http-headers, on saved responses and on a server of our own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

SCRIPT = "skills/http-headers/scripts/http_headers.sh"
STRICT_CSP = (
    "default-src 'self'; script-src 'nonce-abc' 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
)

GOOD = f"""HTTP/1.1 301 Moved Permanently
Location: https://shop.example/
Server: old/1.0

HTTP/2 200
content-type: text/html; charset=utf-8
Strict-Transport-Security: max-age=31536000; includeSubDomains
X-Content-Type-Options: nosniff
Content-Security-Policy: {STRICT_CSP}
Referrer-Policy: no-referrer, strict-origin-when-cross-origin
Permissions-Policy: camera=()
Set-Cookie: __Host-s=1; Path=/; Secure; HttpOnly; SameSite=Lax
Server: nginx
"""

BAD = """HTTP/1.1 200 OK
Content-Type: text/html
Strict-Transport-Security: max-age=3600
Content-Security-Policy: script-src * 'unsafe-inline' 'unsafe-eval'
Referrer-Policy: unsafe-url
Access-Control-Allow-Origin: *
Access-Control-Allow-Credentials: true
Cache-Control: public, max-age=60
Set-Cookie: session=secure; Path=/httponly
Set-Cookie: embed=1; SameSite=None; HttpOnly
Server: Apache/2.4.1
X-Powered-By: PHP/5.6
"""


def test_of_a_good_response_after_a_redirect_every_check_is_ok(run, tmp_path):
    (tmp_path / "good.txt").write_bytes(GOOD.replace("\n", "\r\n").encode())
    done = run(SCRIPT, "good.txt")
    assert done.stdout == (
        "status 200, responses 2\n"
        "ok    strict-transport-security: max-age=31536000; includeSubDomains\n"
        "ok    x-content-type-options: nosniff\n"
        f"ok    content-security-policy: {STRICT_CSP}\n"
        "ok    framing: frame-ancestors 'none'\n"
        "ok    referrer-policy: strict-origin-when-cross-origin\n"
        "ok    permissions-policy: camera=()\n"
        "ok    cookie __Host-s: Secure, HttpOnly and SameSite as they should be\n"
        "bad 0, weak 0, ok 7\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_of_a_bad_response_every_fault_is_named(run):
    done = run(SCRIPT, "-", stdin=BAD)
    assert done.stdout == (
        "status 200, responses 1\n"
        "WEAK  strict-transport-security: max-age 3600 is below half a year (15552000)\n"
        "BAD   x-content-type-options: is not nosniff: uploads may be run as scripts\n"
        "BAD   content-security-policy: scripts allow 'unsafe-inline' without nonce or hash\n"
        "WEAK  content-security-policy: scripts allow 'unsafe-eval'\n"
        "BAD   content-security-policy: scripts from any host or data: are allowed\n"
        "WEAK  content-security-policy: plug-ins are not restricted (object-src)\n"
        "WEAK  content-security-policy: no base-uri: an injected <base> redirects relative scripts\n"
        "BAD   framing: neither frame-ancestors nor x-frame-options: clickjacking\n"
        "BAD   referrer-policy: unsafe-url sends full addresses to other sites\n"
        "WEAK  permissions-policy: missing: camera, microphone and the like stay available\n"
        "BAD   cors: credentials together with origin *\n"
        "BAD   cookie session: lacks Secure HttpOnly SameSite\n"
        "BAD   cookie session: set by a response that is cache-control: public\n"
        "BAD   cookie embed: SameSite=None without Secure is refused by browsers\n"
        "BAD   cookie embed: set by a response that is cache-control: public\n"
        "WEAK  server: tells the version: Apache/2.4.1\n"
        "WEAK  x-powered-by: tells the technology: PHP/5.6\n"
        "WEAK  content-type: html without charset\n"
        "bad 10, weak 8, ok 0\n"
    )
    assert done.returncode == 1


ORIGIN = "Access-Control-Allow-Origin: https://a.example\nAccess-Control-Allow-Credentials: true"
SINGLE = [
    ("Strict-Transport-Security: preload", "BAD   strict-transport-security: has no max-age, so it is void"),
    ("Access-Control-Allow-Origin: null", "BAD   cors: origin null is every sandboxed page and local file"),
    (ORIGIN, "WEAK  cors: credentials without vary: origin, caches may mix up sites"),
    (f"{ORIGIN}\nVary: Accept, Origin", "ok    cors: https://a.example"),
]


@pytest.mark.parametrize(("headers", "line"), SINGLE)
def test_an_api_answer_is_judged_without_what_only_matters_to_pages(run, headers, line):
    done = run(SCRIPT, "--api", "-", stdin=f"HTTP/1.1 200 OK\nContent-Type: application/json\n{headers}\n")
    assert line in done.stdout.splitlines()
    assert not [name for name in ("content-security-policy", "framing", "referrer") if name in done.stdout]


class Answer(BaseHTTPRequestHandler):
    """Redirects / to /end, which has one good header."""

    def do_GET(self) -> None:
        self.send_response_only(302 if self.path == "/" else 200)
        if self.path == "/":
            self.send_header("Location", "/end")
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_is_fetched_and_its_redirect_followed(run, address):
    done = run(SCRIPT, "--api", f"{address}/")
    assert done.returncode == 1
    assert done.stdout == (
        "status 200, responses 2\n"
        "BAD   transport: plain http: anybody on the way can read and change it\n"
        "ok    x-content-type-options: nosniff\n"
        "bad 1, weak 0, ok 1\n"
    )


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["nowhere.txt"], "", "http_headers: nowhere.txt: no such file, and no http(s) URL\n"),
        (["-"], "<html>\n", "http_headers: no HTTP status line (such as HTTP/1.1 200 OK) in the input\n"),
        (["--fix", "-"], "", "http_headers: unknown option --fix; see --help\n"),
        (["file:///etc/passwd"], "", "http_headers: file:///etc/passwd: no such file, and no http(s) URL\n"),
    ],
)
def test_what_is_no_response_is_refused(run, arguments, stdin, message):
    done = run(SCRIPT, *arguments, stdin=stdin)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
