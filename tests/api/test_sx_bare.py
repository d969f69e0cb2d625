"""sx against the bare bucket, served beside the API: its token means nothing there, and is not looked at."""

from __future__ import annotations

import socket
from pathlib import Path

from sx_client import SxClient

from tests.api.test_serve import running
from tests.content_repo import Repo, fill, skillpress


def test_collection_is_installed_from_the_bucket_that_serve_serves(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    repo = Repo.init(tmp_path / "content")
    fill(repo)
    words = ("--to", tmp_path / "dist", "--base-url", f"http://127.0.0.1:{port}")
    assert skillpress("build", "-C", repo.path, *words).code == 0
    serve = ("serve", tmp_path / "dist", "--port", str(port), "--data", tmp_path / "data")
    with running(*serve, cwd=tmp_path) as (_, url, _):
        client = SxClient(f"{url}/sx/both", "any", tmp_path / "home")
        client.install()
        asked = client.requests()
    assert asked[0] == "GET /api/skills/sx.lock"
    assert len(asked) == 3
    installed = sorted(path.name for path in (tmp_path / "home").rglob("SKILL.md"))
    assert installed == ["SKILL.md", "SKILL.md"]
