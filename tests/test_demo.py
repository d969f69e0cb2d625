"""`make demo`: its proof refuses what is wrong, and the whole of it runs, stays up and leaves nothing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import demo
import pytest

ROOT = Path(__file__).resolve().parent.parent
INDEX = ".well-known/agent-skills/index.json"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server calls it by
        """Say nothing: a test's output is its result."""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the URL under which a plain web server has it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def skill_name() -> str:
    return min(path.split("/")[0] for path in demo.committed("content/skills"))


def publish(folder: Path, url: str, files: dict[str, bytes], digest: str = "") -> str:
    """Write an index with one skill, and its zip; give the zip's sha256."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    (folder / "skill.zip").write_bytes(buffer.getvalue())
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    entry = {"name": skill_name(), "url": f"{url}/skill.zip", "digest": f"sha256:{digest or sha256}"}
    (folder / INDEX).parent.mkdir(parents=True)
    (folder / INDEX).write_text(json.dumps({"skills": [entry]}))
    return sha256


def test_proof_names_the_skill_its_digest_and_the_number_of_its_files(registry: tuple[Path, str]) -> None:
    folder, url = registry
    files = demo.committed(f"content/skills/{skill_name()}")
    sha256 = publish(folder, url, files)
    assert demo.prove(url) == demo.Proof(skill_name(), f"{url}/skill.zip", sha256, len(files))


@pytest.mark.parametrize(
    ("change", "digest", "message"),
    [
        ({}, "0" * 64, "but .* says sha256:0000"),
        ({"SKILL.md": b"other"}, "", "not those that Git has"),
        ({"more.txt": b""}, "", "not those that Git has"),
    ],
)
def test_proof_refuses_other_bytes(
    registry: tuple[Path, str], change: dict[str, bytes], digest: str, message: str
) -> None:
    folder, url = registry
    publish(folder, url, demo.committed(f"content/skills/{skill_name()}") | change, digest)
    with pytest.raises(demo.Failed, match=message):
        demo.prove(url)


def test_proof_refuses_an_empty_registry(registry: tuple[Path, str]) -> None:
    folder, url = registry
    with pytest.raises(demo.Failed, match="404"):
        demo.prove(url)
    (folder / INDEX).parent.mkdir(parents=True)
    (folder / INDEX).write_text('{"skills": []}')
    with pytest.raises(demo.Failed, match="names no skill"):
        demo.prove(url)


def test_port_that_is_taken_is_not_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert demo.free_port(port) != port
    assert demo.free_port(port) == port


@pytest.mark.slow
def test_demo_stays_up_until_interrupted_and_leaves_nothing(tmp_path: Path) -> None:
    program: list[str | Path] = [sys.executable, ROOT / ".ci" / "demo.py"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "DEMO_ONCE": ""}
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        output = ""
        for line in run.stdout:
            output += line
            if line.startswith("Ctrl-C"):
                break
        base = re.search(r"http://localhost:\d+", output)
        assert base is not None, output
        assert demo.fetch(f"{base[0]}/marketplace.json")
        found, imported, account = typed(output)
        assert found["data"]["skills"]
        assert imported["data"]["credits_charged"] == 1
        assert account["data"]["balance"] == 24
        run.send_signal(signal.SIGINT)
        assert run.stdout.read() == "\nThe registry is down, and its folder is removed.\n"
    assert run.returncode == 0
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(demo.Failed):
        demo.fetch(f"{base[0]}/marketplace.json")


def typed(output: str) -> list[Any]:
    """What the three calls that the demo tells to type give, typed into a shell."""
    lines = [line.strip() for line in output.splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith("export KEY="))
    calls = lines[start + 1 : start + 4]
    assert all(call.startswith("curl ") for call in calls), calls
    return [
        json.loads(
            subprocess.run(["sh", "-c", f"{lines[start]}; {call}"], capture_output=True, check=True).stdout
        )
        for call in calls
    ]


@pytest.mark.slow
def test_demo_with_once_ends_after_its_proof(tmp_path: Path) -> None:
    program: list[str | Path] = [sys.executable, ROOT / ".ci" / "demo.py"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "DEMO_ONCE": "1"}
    run = subprocess.run(program, capture_output=True, text=True, env=environment, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "byte for byte what Git has" in run.stdout
    clients = [
        line for line in run.stdout.splitlines() if line in {"Claude Code", "skills", "npm", "sx", "curl"}
    ]
    assert clients == ["Claude Code", "skills", "npm", "sx", "curl"]
    assert list(tmp_path.iterdir()) == []
