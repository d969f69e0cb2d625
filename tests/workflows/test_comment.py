"""The one comment: written, updated, never anybody else's; against a server that answers as GitHub does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from content_repo import ROOT

from registry_builder.cli.review import markdown, read_plan

SCRIPT = ROOT / ".github/actions/comment/comment.py"
SHA = "0123456789abcdef0123456789abcdef01234567"
HEAD = "someone:fix/läuft & mehr"
BOT = "github-actions[bot]"
MARK = "<!-- skillpress plan -->"
PLAN = {"schema": 1, "minted": [{"name": "alpha", "version": 2, "tree": SHA}], "keys": []}


class Host:
    """Pull requests and comments of acme/skills, behind the four calls that we make."""

    def __init__(self) -> None:
        self.pulls = [{"number": 7, "head": {"sha": SHA}}]
        self.comments: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.heads: list[str] = []
        self.token = "t0ken"

    def answer(self, method: str, target: str, token: str, body: dict[str, str]) -> tuple[int, Any]:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        self.calls.append(f"{method} {path}")
        if token != f"Bearer {self.token}":
            return 401, {}
        if (method, path) == ("GET", "/repos/acme/skills/pulls"):
            self.heads += query["head"]
            return 200, self.pulls
        if (method, path) == ("GET", "/repos/acme/skills/issues/7/comments"):
            first = (int(query["page"][0]) - 1) * 100
            return 200, self.comments[first : first + 100]
        if (method, path) == ("POST", "/repos/acme/skills/issues/7/comments"):
            self.comments.append({"id": len(self.comments), "user": {"login": BOT}, "body": body["body"]})
            return 201, self.comments[-1]
        known = re.fullmatch(r"/repos/acme/skills/issues/comments/(\d+)", path)
        if method == "PATCH" and known:
            self.comments[int(known[1])]["body"] = body["body"]
            return 200, self.comments[int(known[1])]
        return 404, {}


@pytest.fixture
def host() -> Iterator[tuple[Host, str]]:
    """The host, and the URL of its interface."""
    state = Host()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            code, value = state.answer(self.command, self.path, self.headers["Authorization"], body)
            data = json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PATCH(self) -> None:
            self._serve()

        def log_request(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield state, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """The file that was fetched."""
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(PLAN), "utf-8")
    return file


def say(url: str, plan: Path, sha: str = SHA, token: str = "t0ken") -> tuple[int, str]:
    words = ["--plan", plan, "--api", url, "--repository", "acme/skills", f"--head={HEAD}", f"--sha={sha}"]
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT, *words], input=f"{token}\n", capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_there_is_one_comment_that_follows_the_plan(host: tuple[Host, str], plan: Path) -> None:
    state, url = host
    assert say(url, plan) == (0, "#7: commented\n")
    assert say(url, plan) == (0, "#7: already says so\n")
    plan.write_text('{"schema": 1}', "utf-8")
    assert say(url, plan) == (0, "#7: comment updated\n")
    page = markdown(read_plan(plan.read_bytes()))
    assert [item["body"] for item in state.comments] == [f"{MARK}\n{page}\nFor `{SHA[:12]}`.\n"]
    assert set(state.heads) == {HEAD}


def test_a_comment_of_somebody_else_is_left_alone(host: tuple[Host, str], plan: Path) -> None:
    state, url = host
    others = [
        {"id": 0, "user": {"login": "octocat"}, "body": f"{MARK}\nmine"},
        {"id": 1, "user": None, "body": f"{MARK}\nghost"},
        {"id": 2, "user": {"login": BOT}, "body": "another workflow"},
    ]
    others += [{"id": number, "user": {"login": "octocat"}, "body": "me too"} for number in range(3, 150)]
    state.comments += [dict(item) for item in others]
    assert say(url, plan) == (0, "#7: commented\n")
    assert state.comments[:-1] == others
    assert say(url, plan) == (0, "#7: already says so\n")


def test_an_older_check_says_nothing(host: tuple[Host, str], plan: Path) -> None:
    state, url = host
    assert say(url, plan, sha="f" * 40) == (0, "")
    assert state.calls == ["GET /repos/acme/skills/pulls"]


def test_without_a_plan_there_is_no_call(host: tuple[Host, str], tmp_path: Path) -> None:
    state, url = host
    assert say(url, tmp_path / "none.json") == (0, "the check left no plan: nothing to comment\n")
    assert state.calls == []


@pytest.mark.parametrize("kind", ["not json", "wrong form", "link", "folder", "too large"])
def test_what_is_no_plan_is_never_posted(
    host: tuple[Host, str], plan: Path, kind: str, tmp_path: Path
) -> None:
    state, url = host
    plan.unlink()
    if kind == "link":
        (tmp_path / "secret").write_text(json.dumps(PLAN), "utf-8")
        plan.symlink_to(tmp_path / "secret")
    elif kind == "folder":
        plan.mkdir()
    elif kind == "too large":
        with plan.open("wb") as file:
            file.truncate(33 * 2**20)
    else:
        plan.write_text({"not json": "@octocat", "wrong form": '{"minted": {"a": 1}}'}[kind], "utf-8")
    code, said = say(url, plan)
    assert (code, "[bad-plan]" in said, state.calls) == (2, True, [])


@pytest.mark.parametrize(("token", "said"), [("wrong", "HTTP 401"), ("", "HTTP 401")])
def test_a_host_that_refuses_is_named_without_the_token(
    host: tuple[Host, str], plan: Path, token: str, said: str
) -> None:
    code, log = say(host[1], plan, token=token)
    assert (code, said in log, "t0ken" in log) == (3, True, False)


def test_a_host_that_is_not_there_is_named(plan: Path) -> None:
    code, log = say("http://127.0.0.1:9", plan)
    assert (code, "[no-answer]" in log) == (3, True)
