"""`verify --trust` from outside: over HTTP, with a memory, and its line on a bucket without signatures."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from history import make_repo, skill
from signed_registry import Quiet

from registry_builder.cli import run

BASE = ["--base-url", "https://skills.test", "--name", "reg"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def signed(tmp_path: Path, home: Path) -> Path:
    """A folder that was published and signed; keys are in `keys`, content in `content`."""
    repo = make_repo(tmp_path / "content")
    repo.commit({"skills/alpha/SKILL.md": skill("alpha")})
    assert run(["keys", "init", "--dir", str(tmp_path / "keys")]) == 0
    _publish(tmp_path, "--sign", "--keys", str(tmp_path / "keys"))
    return tmp_path / "dist"


def _publish(folder: Path, *words: str) -> None:
    content, dist = str(folder / "content"), str(folder / "dist")
    assert run(["publish", "-C", content, "--to", dist, *BASE, *words]) == 0


@pytest.fixture
def url(signed: Path) -> Iterator[str]:
    """Where that folder is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(signed)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _verify(capsys: pytest.CaptureFixture[str], target: str, *words: str) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = run(["verify", target, "--base-url", "https://skills.test", "--json", *words])
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return code, found


def _kinds(found: dict[str, object]) -> list[tuple[str, str]]:
    faults = found["faults"]
    assert isinstance(faults, list)
    return [(fault["kind"], fault["key"]) for fault in faults]


def test_signatures_hold_over_http(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = _verify(capsys, url, "--trust", str(tmp_path / "keys" / "root.json"))
    assert (code, found["ok"], found["faults"]) == (0, True, [])
    assert found["signatures"]["root"] == found["root"]  # type: ignore[index]


def test_bucket_that_goes_back_is_refused_by_who_saw_it(
    signed: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trust = ["--trust", str(tmp_path / "keys" / "root.json")]
    shutil.copytree(signed, tmp_path / "old")
    assert run(["sign", "--to", str(signed), "--keys", str(tmp_path / "keys"), "--renew"]) == 0
    assert _verify(capsys, str(signed), *trust)[0] == 0
    assert list(home.rglob("timestamp.json"))
    shutil.rmtree(signed)
    (tmp_path / "old").rename(signed)
    code, found = _verify(capsys, str(signed), *trust)
    assert (code, _kinds(found)) == (1, [("rolled-back", "tuf/timestamp.json")])
    assert _verify(capsys, str(signed), *trust, "--state", str(tmp_path / "new"))[0] == 0


def test_release_that_nobody_signed_is_a_fault_only_for_who_asks(
    signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "content/skills/alpha/SKILL.md").write_text(skill("alpha", "Other."))
    make_repo(tmp_path / "content").commit()
    _publish(tmp_path)
    code, found = _verify(capsys, str(signed), "--trust", str(tmp_path / "keys" / "root.json"))
    assert (code, _kinds(found)) == (1, [("unsigned-release", "release.json")])
    assert _verify(capsys, str(signed))[0] == 0


def test_without_trust_one_line_says_what_there_is(
    signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _verify(capsys, str(signed))[1]["signatures"] == {
        "checked": False,
        "message": "signed, and not checked: give --trust root.json",
    }
    shutil.rmtree(signed / "tuf")
    capsys.readouterr()
    assert run(["verify", str(signed), "--base-url", "https://skills.test"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("signatures: ")]
    assert lines == [
        "signatures: not signed: what is served is as trustworthy as the server (TLS and sha256 only)"
    ]
    code, found = _verify(capsys, str(signed), "--trust", str(tmp_path / "keys" / "root.json"))
    assert (code, _kinds(found)) == (1, [("not-signed", "tuf/timestamp.json")])


def test_root_that_is_none_is_misuse(
    signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(signed), "--trust", str(signed / "release.json")]) == 2
    assert "[bad-trusted-root]" in capsys.readouterr().err
