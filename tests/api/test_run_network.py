"""Network for a skill: the operator's list, published skills only (issue 7)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dynamic_api.run_settings import Runs
from dynamic_api.runs.making import _network
from registry_builder.core.errors import Misuse
from tests.api.lab import FETCH, done, laboratory, scientist
from tests.api.packages import zipped
from tests.api.world import Person, World
from tests.content_repo import skill_text


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from outside")

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def outside() -> Iterator[str]:
    """A server of the operator's own network."""
    server = HTTPServer(("127.0.0.1", 0), _Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def wired(lab_registry: Path, tmp_path_factory: pytest.TempPathFactory, outside: str) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("wired")
    rules = {"network": {"fetcher": [outside]}, "network_allow_hosts": [outside]}
    with laboratory(folder / "data", None, lab_registry, runs=rules) as made:
        yield made


def test_published_skill_reaches_what_is_on_its_list(wired: World, outside: str) -> None:
    person = scientist(wired, "fetcher")
    assert done(person, "fetch.py", f"http://{outside}/", slug="fetcher")["stdout"] == "hello from outside\n"
    assert done(person, "fetch.py", "http://127.0.0.1:1/", slug="fetcher")["stdout"] == "403\n"


def test_private_skill_of_that_name_reaches_nothing(wired: World, outside: str) -> None:
    """The list is about what the organisation reviewed and published, not about who takes its name."""
    person = wired.person()
    upload(wired, person, {"SKILL.md": skill_text("fetcher"), "scripts/fetch.py": FETCH})
    printed = done(person, "fetch.py", f"http://{outside}/", slug="fetcher")["stdout"]
    assert printed == "URLError\n"


def upload(world: World, person: Person, files: dict[str, str]) -> None:
    ticket = person.post("/api/v1/uploads/ticket", json={}).json()["data"]["uploadToken"]
    sent = world.anonymous.post(
        "/api/uploads/process-skill",
        headers={"authorization": f"Bearer {ticket}"},
        files={"file": ("skill.zip", zipped(files))},
    )
    assert sent.status_code in {200, 201}, sent.text


def test_wrong_line_in_the_list_is_refused_at_the_start() -> None:
    with pytest.raises(Misuse) as refused:
        _network(Runs(network={"fetcher": ("example.com",)}))
    assert refused.value.place == "runs.network"
