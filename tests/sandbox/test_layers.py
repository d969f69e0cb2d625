"""Dependencies: what may be declared, how they are prepared, and that scripts find them."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from sandbox_room import Room

from dynamic_api.cli.sandbox import sandbox as sandbox_command
from dynamic_api.errors import Unavailable, Unprocessable
from dynamic_api.sandbox.base import Job
from dynamic_api.sandbox.layers import (
    Tools,
    check_package,
    check_requirements,
    digest_of,
    find_layer,
    prepare,
)
from registry_builder.core.artifact import pack_tgz
from registry_builder.core.errors import Misuse
from registry_builder.core.folder import File


def wheel(folder: Path) -> None:
    """A wheel of one module, made by hand."""
    info = "greeter-1.0.dist-info"
    with zipfile.ZipFile(folder / "greeter-1.0-py3-none-any.whl", "w") as file:
        file.writestr("greeter.py", "WORD = 'hello from a wheel'\n")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")


@pytest.fixture
def npm_registry() -> Iterator[str]:
    """The address of a registry that has one package, whose install script must not run."""
    package = {
        "name": "greeter",
        "version": "1.0.0",
        "main": "i.js",
        "scripts": {"install": "touch /tmp/ran"},
    }
    files = [
        File("i.js", b"module.exports = 'hello from npm'"),
        File("package.json", json.dumps(package).encode()),
    ]
    tarball = pack_tgz(files)

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
            dist = {"tarball": f"{address}/greeter.tgz", "integrity": integrity}
            row = {**package, "dist": dist}
            document = {"name": "greeter", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": row}}
            body = tarball if self.path.endswith(".tgz") else json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield address
        server.shutdown()
        thread.join()


def test_script_imports_the_wheel_that_the_operator_prepared(room: Room, tmp_path: Path) -> None:
    wheel(tmp_path)
    folder = room.skill(a_py="import greeter; print(greeter.WORD)")
    (folder / "requirements.txt").write_text("greeter==1.0\n")
    store = room.folder / "store"
    with pytest.raises(Unprocessable, match="not prepared"):
        find_layer(store / "layers", folder)
    options = ["--store", str(store), "--pip-option=--no-index", f"--pip-option=--find-links={tmp_path}"]
    done = CliRunner().invoke(sandbox_command, ["prepare", str(folder), *options], catch_exceptions=False)
    assert (done.exit_code, done.output) == (0, f"{folder}: {digest_of(folder)}\n")
    layer = find_layer(store / "layers", folder)
    outcome = room.run(Job(folder, "a.py", layer=layer))
    assert (outcome.stdout.text(), outcome.stderr.text()) == ("hello from a wheel\n", "")


def test_script_requires_the_package_and_its_install_script_did_not_run(
    room: Room, npm_registry: str, tmp_path: Path
) -> None:
    if "node" not in room.health.languages:
        return
    folder = room.skill(a_js="console.log(require('greeter'))")
    (folder / "package.json").write_text(
        '{"dependencies": {"greeter": "^1.0.0"}, "scripts": {"install": "false"}}'
    )
    options = (f"--registry={npm_registry}", f"--cache={tmp_path}")
    tools = Tools("/usr/bin/python3", shutil.which("npm"), npm_options=options)
    layer = prepare(room.folder / "store" / "layers", folder, tools)
    assert prepare(room.folder / "store" / "layers", folder, tools) == layer
    outcome = room.run(Job(folder, "a.js", layer=layer))
    assert (outcome.stdout.text(), outcome.stderr.text()) == ("hello from npm\n", "")
    assert not Path("/tmp/ran").exists()


def test_no_declaration_needs_no_layer(tmp_path: Path) -> None:
    assert (digest_of(tmp_path), find_layer(tmp_path, tmp_path)) == (None, None)
    assert prepare(tmp_path, tmp_path, Tools("python3", None)) is None


def test_failed_preparation_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "requirements.txt").write_text("no-such-thing-at-all==1\n")
    with pytest.raises(Unavailable, match="no-such-thing-at-all"):
        prepare(tmp_path / "layers", tmp_path, Tools("/usr/bin/python3", None, ("--no-index",)))
    (tmp_path / "requirements.txt").unlink()
    (tmp_path / "package.json").write_text("{}")
    with pytest.raises(Unavailable, match="npm"):
        prepare(tmp_path / "layers", tmp_path, Tools("/usr/bin/python3", None))
    assert list((tmp_path / "layers").iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [
        "requests",
        "requests==2.0.1",
        "requests[socks,http2]>=2,<3  # why",
        "requests ~= 2.0 ; python_version < '3.12'",
        "a==1.* \\\n    --hash=sha256:00ff \\\n    --hash=sha512:00ff",
        "",
        "# only a remark",
    ],
)
def test_requirement_that_names_a_package_is_accepted(line: str) -> None:
    assert check_requirements(line.encode()) == line


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://evil.example/",
        "-r /etc/passwd",
        "-e .",
        ".",
        "./local",
        "/etc",
        "a @ https://evil.example/a.whl",
        "https://evil.example/a.whl",
        "git+https://evil.example/a",
        "a==1 --index-url=https://evil.example",
        "a==1 --config-settings=x=y",
        "a \\\n--pre",
        "a==${HOME}",
        "file:///etc",
    ],
)
def test_requirement_that_names_a_place_or_an_option_is_refused(line: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        check_requirements(b"fine==1\n" + line.encode())
    assert refusal.value.place in {"requirements.txt:2", "requirements.txt:3"}


def test_refusal_reaches_the_operator(tmp_path: Path, public_folder: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-e .\n")
    words = ["prepare", str(tmp_path), "--store", str(public_folder / "other")]
    with pytest.raises(Misuse, match="only names"):
        CliRunner().invoke(sandbox_command, words, catch_exceptions=False)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (
            '{"dependencies": {"a": "^1.2.0", "@b/c": ">=1 <2 || 3.x"}}',
            {"a": "^1.2.0", "@b/c": ">=1 <2 || 3.x"},
        ),
        ("{}", {}),
        ('{"dependencies": {"a": "git+https://evil.example/a"}}', None),
        ('{"dependencies": {"a": "file:../a"}}', None),
        ('{"dependencies": {"a": "npm:b@1"}}', None),
        ('{"dependencies": {"a": "user/repo"}}', None),
        ('{"dependencies": ["a"]}', None),
        ("[]", None),
        ("{", None),
    ],
)
def test_package_json(text: str, pairs: dict[str, str] | None) -> None:
    if pairs is None:
        with pytest.raises(Unprocessable):
            check_package(text.encode())
    else:
        assert check_package(text.encode()) == pairs
