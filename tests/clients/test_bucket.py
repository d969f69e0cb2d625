"""From a fresh clone into a bucket of an S3 server by one command, and from there into every client."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from . import installs
from .authority import Authority
from .conftest import PROGRAMS, Account
from .namespace import ADDRESS, HOST, Finished, Namespace
from .tree import BUNDLE, MEMBERS, NAME, ROOT, SKILLPRESS, SKILLS, Files, Registry, bytes_of, in_folder, write

pytestmark = [pytest.mark.client, pytest.mark.xdist_group("bucket")]

PORT = 8444
BASE = f"https://{HOST}:{PORT}"
SETTINGS = f"""\
[registry]
name = "{NAME}"
base_url = "{BASE}"
[emit]
enable = ["core", "extras"]
"""
ENV = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
OPENCODE = pytest.mark.skipif(
    not (PROGRAMS / ".bin" / "opencode").exists(), reason="OpenCode is pinned for Linux on x64 alone"
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A clone, and the bucket that it is published to; BASE serves that one."""

    clone: Registry
    store: str
    namespace: Namespace
    trusts: Path

    def skillpress(self, *words: str) -> Finished:
        """The program, started in the clone, that trusts what serves BASE."""
        trust = {"SSL_CERT_FILE": str(self.trusts)}
        return self.namespace.run([*SKILLPRESS, *words], {**ENV, **trust}, self.clone.repo)


@pytest.fixture(scope="module")
def bucket(
    tmp_path_factory: pytest.TempPathFactory, namespace: Namespace, authority: Authority
) -> Iterator[Bucket]:
    """Published by one command that is given nothing but the store."""
    folder = tmp_path_factory.mktemp("bucket")
    write(folder / "origin", SETTINGS)
    clone = Registry(folder / "clone", folder / "nothing")
    subprocess.run(["git", "clone", "--quiet", folder / "origin", clone.repo], check=True)
    program = [sys.executable, Path(__file__).with_name("cdn.py"), "skills", "registry"]
    listen = [ADDRESS, str(PORT), authority.cert, authority.key]
    with namespace.started([*program, *listen], ENV, ROOT) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        endpoint = running.stdout.readline().strip() or pytest.fail(running.stderr.read())
        store = f"s3://skills/registry?endpoint_url={endpoint}&region=us-east-1"
        made = Bucket(clone, store, namespace, authority.root)
        published = made.skillpress("publish", "--to", store)
        assert published.code == 0, published.output
        yield made


@pytest.mark.parametrize(
    ("install", "name"),
    [
        (installs.claude, "beta"),
        (installs.claude_npm, "beta"),
        (installs.npm, "beta"),
        (installs.codex, "beta"),
        (installs.skills, "beta"),
        (installs.clawhub, "beta"),
        # `beta` has a file with # and % in its name, which this client cannot ask for.
        pytest.param(installs.opencode, "alpha", marks=OPENCODE),
    ],
)
def test_a_client_installs_from_the_bucket_what_git_has(
    account: Account, bucket: Bucket, install: Callable[[Account, str, str], Files], name: str
) -> None:
    files = bytes_of(install(account, name, BASE))
    if install in {installs.claude_npm, installs.npm}:
        assert json.loads(files.pop("package.json"))["name"] == f"@{NAME}/{name}"
    assert files == bytes_of(bucket.clone.in_git(name))


@pytest.mark.parametrize("install", [installs.claude, installs.npm, installs.codex])
def test_executable_bits_come_through_the_bucket(
    account: Account, bucket: Bucket, install: Callable[[Account, str, str], Files]
) -> None:
    """By the clients that keep them: they are in the archives, not in the bucket."""
    files = install(account, "gamma", BASE)
    assert {path for path, (_, executable) in files.items() if executable} == {"scripts/run.sh"}


def test_copilot_takes_the_skill_file_and_the_zip_of_a_collection(account: Account, bucket: Bucket) -> None:
    wanted = {name: bucket.clone.in_git(name) for name in MEMBERS}
    added = installs.copilot(account, "beta", BASE)
    assert added["SKILL.md"] == wanted["beta"]["SKILL.md"]
    archive, folder = account.home / "market.zip", account.home / "market"
    account.does("curl", "-fsS", "--cacert", bucket.trusts, "-o", archive, f"{BASE}/copilot/{BUNDLE}.zip")
    account.does("unzip", "-q", archive, "-d", folder)
    account.does("copilot", "plugin", "marketplace", "add", folder)
    for name, files in wanted.items():
        account.does("copilot", "plugin", "install", f"{name}@{NAME}-{BUNDLE}")
        assert in_folder(folder / "plugins" / name) == files


def test_skills_finds_what_it_can_add(account: Account, bucket: Bucket) -> None:
    told = replace(account, env={**account.env, "SKILLS_API_URL": BASE})
    lines = re.sub(r"\x1b\[[0-9;]*m", "", told.does("skills", "find", "notes")).splitlines()
    found = [line for line in lines if line.startswith(BASE)]
    assert found == [f"{BASE}/s/{name}@{name}" for name in SKILLS]
    source, _, name = found[0].rpartition("@")
    account.does("skills", "add", source, "--skill", name, "-a", "claude-code", "-g", "-y")
    folder = (account.home / ".claude/skills" / name).resolve()
    assert bytes_of(in_folder(folder)) == bytes_of(bucket.clone.in_git(name))


def test_sx_installs_the_lock_of_a_collection(account: Account, bucket: Bucket) -> None:
    """By the checker of its rules and the client that behaves as it does; both send a token."""
    program = [sys.executable, Path(__file__).with_name("sx.py"), f"{BASE}/sx/{BUNDLE}", account.home]
    told = replace(account, env={**account.env, "PYTHONPATH": str(ROOT / "tests")})
    done = json.loads(told.does(*program, bucket.trusts))
    members = list(MEMBERS)
    assert done == {"problems": [], "installed": members, "unchanged": members}
    for name in MEMBERS:
        files = in_folder(account.home / ".claude/skills" / name)
        assert files.pop("metadata.toml")
        assert files == bucket.clone.in_git(name)


def test_the_bucket_is_proved_from_the_outside_and_a_second_publish_writes_nothing(bucket: Bucket) -> None:
    proved = bucket.skillpress("verify", BASE, "--strict", "--rebuild", ".")
    assert proved.code == 0, proved.output
    for place in (BASE, bucket.store):
        told = bucket.skillpress("versions", "alpha", "--from", place, "--json")
        assert json.loads(told.output)["versions"][0]["tree"] == bucket.clone.tree("alpha")
    again = bucket.skillpress("publish", "--to", bucket.store)
    assert (again.code, "already holds" in again.output) == (0, True), again.output


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (["/npm/@reg%2falpha?write=true", "-H", "Authorization: Bearer x"], "200 application/json"),
        (["/"], "200 text/html; charset=utf-8"),
        (["/skills/alpha/"], "200 text/html; charset=utf-8"),
        (["/nothing"], "404 text/plain"),
        (["/release.json", "-X", "PUT"], "501 text/html;charset=utf-8"),
    ],
)
def test_the_front_answers_as_a_cdn_does(
    account: Account, bucket: Bucket, told: list[str], status: str
) -> None:
    path, *words = told
    shown = ["-sS", "--cacert", bucket.trusts, "-o", "/dev/null", "-w", "%{http_code} %{content_type}"]
    assert account.does("curl", *shown, *words, f"{BASE}{path}") == status


def test_the_front_passes_the_headers_that_the_publisher_set(account: Account, bucket: Bucket) -> None:
    told = account.does("curl", "-fsSI", "--cacert", bucket.trusts, f"{BASE}/release.json")
    headers = dict(line.lower().split(": ", 1) for line in told.splitlines() if ": " in line)
    assert (headers["cache-control"], headers["content-type"]) == (
        "public, max-age=5",
        "application/json",
    )
    assert re.fullmatch(r'"[0-9a-f]{32}"', headers["etag"])
