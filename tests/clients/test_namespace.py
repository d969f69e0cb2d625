"""The namespace itself: if something could get out of it, the other tests would prove less."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from .namespace import ADDRESS, HOST, Namespace

pytestmark = pytest.mark.client

ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
TRY = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
except OSError as error:
    print(type(error).__name__, error.errno)
else:
    print("connected")
"""


@pytest.mark.parametrize(
    ("host", "outcome"),
    [
        ("203.0.113.1", "OSError 101"),
        ("8.8.8.8", "OSError 101"),
        ("2001:db8::1", "OSError 101"),
        (ADDRESS, "ConnectionRefusedError 111"),
        (HOST, "ConnectionRefusedError 111"),
    ],
)
def test_only_our_own_address_can_be_reached(
    namespace: Namespace, tmp_path: Path, host: str, outcome: str
) -> None:
    finished = namespace.run([sys.executable, "-c", TRY, host, "443"], ENV, tmp_path, timeout_seconds=10)
    assert finished.output.strip() == outcome


def test_a_public_name_leads_nowhere(namespace: Namespace, tmp_path: Path) -> None:
    """How it fails depends on the machine: some resolve names over a Unix socket, which is still there."""
    finished = namespace.run(
        [sys.executable, "-c", TRY, "example.com", "443"], ENV, tmp_path, timeout_seconds=30
    )
    assert finished.output.split()[0] in {"gaierror", "OSError"}


def test_there_is_no_interface_but_loopback(namespace: Namespace, tmp_path: Path) -> None:
    rows = namespace.run(["ip", "-oneline", "link", "show"], ENV, tmp_path).output.splitlines()
    assert [row.split(": ")[1] for row in rows] == ["lo"]
    assert namespace.run(["ip", "route", "show", "default"], ENV, tmp_path).output == ""


def test_nothing_of_our_environment_gets_in(
    namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", "secret")
    finished = namespace.run(["env"], ENV, tmp_path)
    assert dict(line.split("=", 1) for line in finished.output.splitlines()) == ENV


def test_what_a_program_leaves_running_ends_with_it(namespace: Namespace, tmp_path: Path) -> None:
    script = "sleep 300 </dev/null >/dev/null 2>&1 & echo $!"
    child = int(namespace.run(["sh", "-c", script], ENV, tmp_path).output)
    deadline = time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < deadline


def _runs(process: int) -> bool:
    """A killed process keeps its number until its parent collects it."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}
