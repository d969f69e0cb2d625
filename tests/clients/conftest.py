"""The namespace, the registry served in it over TLS, and a person's account with nothing in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .authority import Authority, certify
from .namespace import ADDRESS, HOST, Finished, Namespace, NoNamespace, loopback_only
from .tree import PORT, ROOT, SKILLPRESS, Registry, begin

PROGRAMS = Path(os.environ.get("SKILLPRESS_CLIENTS") or Path(__file__).parent / "node_modules")
"""Where `make setup` puts the pinned programs; the variable tries others."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person with an empty home, who trusts the test authority, inside the namespace."""

    home: Path
    namespace: Namespace
    env: dict[str, str]

    def run(self, *command: str | Path) -> Finished:
        return self.namespace.run(command, self.env, self.home)

    def does(self, *command: str | Path) -> str:
        """The output of a command that must succeed."""
        finished = self.run(*command)
        assert finished.code == 0, f"{command} ended with {finished.code}:\n{finished.output}"
        return finished.output


@pytest.fixture(scope="session")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespace]:
    try:
        with loopback_only(tmp_path_factory.mktemp("namespace")) as made:
            yield made
    except NoNamespace as error:
        pytest.skip(f"no namespace on this machine: {error}")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return certify(tmp_path_factory.mktemp("authority"), HOST)


@pytest.fixture
def account(tmp_path: Path, namespace: Namespace, authority: Authority) -> Account:
    """The environment is written out whole: nothing of the person who runs the tests gets in."""
    if not (PROGRAMS / ".bin" / "node").exists():
        pytest.skip(f"the client programs are not installed in {PROGRAMS}: make setup")
    home = tmp_path / "home"
    home.mkdir()
    npm = f"cafile={authority.root}\nupdate-notifier=false\nfund=false\naudit=false\nfetch-retries=0\n"
    (home / ".npmrc").write_text(npm)
    env = {
        "HOME": str(home),
        "PATH": f"{PROGRAMS / '.bin'}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TMPDIR": str(tmp_path),
        "NODE_EXTRA_CA_CERTS": str(authority.root),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
    }
    return Account(home, namespace, env)


@pytest.fixture
def registry(tmp_path: Path, namespace: Namespace, authority: Authority) -> Iterator[Registry]:
    """A registry that is built and served at BASE; later builds are seen at once."""
    made = begin(tmp_path)
    listen = ["--host", ADDRESS, "--port", str(PORT)]
    tls = ["--tls-cert", authority.cert, "--tls-key", authority.key]
    command = [*SKILLPRESS, "serve", made.dist, "--no-api", *listen, *tls]
    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    with namespace.started(command, env, ROOT) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        assert f"https://{ADDRESS}:{PORT}/" in line, line + server.stderr.read()
        yield made
        assert server.poll() is None, "the server ended by itself"
