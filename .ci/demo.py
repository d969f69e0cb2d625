"""`make demo`: build content/, serve it and the API here, prove a skill by its digest, say what to type.

DEMO_ONCE=1 ends after the proof.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKILLPRESS = Path(sys.executable).with_name("skillpress")
FIRST_PORT = 8321
START_SECONDS = 30


class Failed(Exception):  # noqa: N818 - named by what happened, as the project's own errors are
    """The demo cannot go on; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A skill fetched over HTTP: its bytes have `sha256`, and its `files` are those that Git keeps."""

    name: str
    url: str
    sha256: str
    files: int


def main() -> int:
    """Build, serve, prove, and stay up until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="skillpress-demo-") as folder:
            _run(Path(folder) / "registry")
    except KeyboardInterrupt:
        _say("\nThe registry is down, and its folder is removed.")
    except Failed as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1
    return 0


def _run(folder: Path) -> None:
    port = free_port(FIRST_PORT)
    base = f"http://localhost:{port}"
    _say(f"Building {ROOT / 'content'} into {folder}")
    build: list[str | Path] = [
        SKILLPRESS,
        "build",
        "--to",
        folder,
        "-C",
        ROOT / "content",
        "--base-url",
        base,
    ]
    if subprocess.run(build, check=False).returncode:
        raise Failed("the build failed; its message is above")
    with serving(folder, port, base, "--data", folder.parent / "data") as server:
        proof = prove(base)
        _say(f"Fetched {proof.url}\n  sha256 {proof.sha256}: as the index says")
        _say(f"  {proof.files} files: byte for byte what Git has in content/skills/{proof.name}\n")
        _say(instructions(base, proof))
        key = (folder.parent / "data" / "admin.key").read_text(encoding="ascii").strip()
        _say(
            "\n".join(
                ["The API, with the administrator's key", *(f"  {line}" for line in calls(base, key, proof))]
            )
        )
        _say("")
        if os.environ.get("DEMO_ONCE", "") in {"", "0"}:
            _say("Ctrl-C ends the demo.")
            raise Failed(f"`skillpress serve` ended with status {server.wait()}")


def free_port(first: int) -> int:
    """`first` when nobody listens there, else a free port that the system chooses."""
    for port in (first, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Failed("no free port on 127.0.0.1")


@contextmanager
def serving(folder: Path, port: int, base: str, *words: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """`skillpress serve` on `port`, answering; stopped at the end."""
    command: list[str | Path] = [SKILLPRESS, "serve", folder, "--port", str(port), *words]
    quiet = {**os.environ, "SKILLPRESS_API_SERVER_ACCESS_LOG": "false"}
    # Of its own session, so that Ctrl-C reaches this program only and the server is stopped in order.
    with subprocess.Popen(command, start_new_session=True, env=quiet) as server:
        try:
            _wait_for(server, f"{base}/release.json")
            yield server
        finally:
            server.terminate()


def _wait_for(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Failed(f"`skillpress serve` ended with status {server.returncode}; its message is above")
        try:
            fetch(url)
        except Failed:
            time.sleep(0.1)
        else:
            return
    raise Failed(f"{url} did not answer within {START_SECONDS} seconds")


def fetch(url: str) -> bytes:
    """The body at `url`, without any proxy. Raises Failed."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
            return bytes(answer.read())
    except (OSError, urllib.error.URLError) as error:
        raise Failed(f"{url}: {error}") from error


def prove(base: str) -> Proof:
    """Fetch the first skill that the discovery index names; compare its digest, and its files with Git's."""
    index = f"{base}/.well-known/agent-skills/index.json"
    entries = json.loads(fetch(index))["skills"]
    if not entries:
        raise Failed(f"{index} names no skill")
    entry = entries[0]
    name, url = str(entry["name"]), str(entry["url"])
    body = fetch(url)
    sha256 = hashlib.sha256(body).hexdigest()
    if f"sha256:{sha256}" != entry["digest"]:
        raise Failed(f"{url} has sha256 {sha256}, but {index} says {entry['digest']}")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        served = {item.filename: archive.read(item) for item in archive.infolist()}
    if served != committed(f"content/skills/{name}"):
        raise Failed(f"the files in {url} are not those that Git has in content/skills/{name}")
    return Proof(name, url, sha256, len(served))


def committed(folder: str) -> dict[str, bytes]:
    """Path within `folder` → bytes, as the newest commit has them."""
    listing = _git("ls-tree", "-r", "-z", "--name-only", f"HEAD:{folder}")
    names = [os.fsdecode(name) for name in listing.split(b"\0") if name]
    return {name: _git("cat-file", "blob", f"HEAD:{folder}/{name}") for name in names}


def _git(*arguments: str) -> bytes:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    if run.returncode:
        raise Failed(f"git {' '.join(arguments)}: {os.fsdecode(run.stderr).strip()}")
    return run.stdout


def instructions(base: str, proof: Proof) -> str:
    """What to type into each client. On plain http Claude Code installs through its npm source only."""
    market = json.loads(fetch(f"{base}/marketplace-npm.json"))
    plugin = next(entry for entry in market["plugins"] if entry["name"] == proof.name)
    package, registry = plugin["source"]["package"], plugin["source"]["registry"]
    file = proof.url.rsplit("/", 1)[1]
    typed = {
        "Claude Code": [
            f"export NPM_CONFIG_REGISTRY={registry}",
            f"claude plugin marketplace add {base}/marketplace-npm.json",
            f"claude plugin install {proof.name}@{market['name']}",
            f"# over https: claude plugin install {proof.name} --marketplace URL/marketplace.json",
        ],
        "skills": [f"npx skills add {base}/s/{proof.name}"],
        "npm": [f"npm pack {package} --registry {registry}"],
        "sx": _sx(base),
        "curl": [f"curl -fsSO {proof.url}", f"echo '{proof.sha256}  {file}' | sha256sum -c"],
        "A browser": [f"{base}/"],
    }
    return "\n".join(
        client + "".join(f"\n  {line}" for line in lines) + "\n" for client, lines in typed.items() if lines
    )


def calls(base: str, key: str, proof: Proof) -> list[str]:
    """Three calls of the API, to be typed: search, put a skill into the drive, see what is left."""
    word, head = proof.name.split("-")[0], '-H "Authorization: Bearer $KEY"'
    body = f"-H 'Content-Type: application/json' -d '{json.dumps({'skillSlug': proof.name})}'"
    return [
        f"export KEY={key}",
        f"curl -fsS {head} '{base}/api/v1/skills?q={word}'",
        f"curl -fsS {head} {body} {base}/api/v1/drive/import",
        f"curl -fsS {head} {base}/api/v1/account/credits",
        f"# all of it: {base}/docs",
    ]


def _sx(base: str) -> list[str]:
    """sx installs all of one collection, so there is nothing to type without one."""
    path = ROOT / "content" / "collections.toml"
    collections = sorted(tomllib.loads(path.read_text(encoding="utf-8"))) if path.exists() else []
    if not collections:
        return []
    profile = {"type": "sleuth", "serverUrl": f"{base}/sx/{collections[0]}", "authToken": "any"}
    return [
        "mkdir -pm 700 sx-demo",
        f"echo '{json.dumps(profile)}' > sx-demo/config.json",
        'SX_CONFIG_DIR="$PWD/sx-demo" sx install',
    ]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
