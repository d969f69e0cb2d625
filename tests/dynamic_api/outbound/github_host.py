"""A stand-in for GitHub on loopback: its API and the host of its archives, over a real Git repository."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from outbound_server import Names, Served, ok, serving

from dynamic_api.outbound import Outbound
from dynamic_api.outbound.github import GitHub, Host

TOKEN = "ghp_" + "sesame"


def git(folder: Path, *arguments: str) -> bytes:
    run = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=True, timeout=30)
    return run.stdout


def commit(folder: Path, files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> str:
    """Commit `files` and `links` on top of what is there; gives the commit's id."""
    if not (folder / ".git").exists():
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "-q")
    for path, body in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(body)
        (folder / path).chmod(0o755 if body.startswith(b"#!") else 0o644)
    for path, target in (links or {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(target)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "change")
    return git(folder, "rev-parse", "HEAD").decode().strip()


@dataclass
class Stand:
    """Both hosts over `repository`, which is `acme/skills`. Tests change what they answer by path."""

    repository: Path
    api: Served = field(default_factory=lambda: Served(0))
    archives: Served = field(default_factory=lambda: Served(0))
    instead: dict[str, bytes] = field(default_factory=dict)
    changed: Callable[[bytes], bytes] = bytes
    location: str | None = None

    def asked(self) -> list[str]:
        """The paths that the API was asked for, in order."""
        return [request.split(b" ")[1].decode() for request in self.api.requests]

    def github(self, token: str | None = None, **settings: object) -> GitHub:
        """A client that knows these two hosts and no other."""
        pairs = [f"api.example:{self.api.port}", f"codeload.example:{self.archives.port}"]
        names = Names({"api.example": [["127.0.0.1"]], "codeload.example": [["127.0.0.1"]]})
        host = Host(api_url=f"http://{pairs[0]}", archive_url=f"http://{pairs[1]}")
        return GitHub(Outbound(allowed=pairs, resolver=names), host=host, token=token, **settings)  # type: ignore[arg-type]

    def answer_api(self, path: str) -> bytes:
        if path in self.instead:
            return self.instead[path]
        if match := re.fullmatch(r"/repos/acme/skills/commits/(.+)", path):
            found = subprocess.run(
                ["git", "rev-parse", "-q", "--verify", f"{match[1]}^{{commit}}"],
                cwd=self.repository,
                capture_output=True,
                timeout=30,
            )
            if found.returncode:
                return ok(b'{"message":"No commit found for SHA"}', "422 Unprocessable Entity")
            return ok(found.stdout.strip())
        if match := re.fullmatch(r"/repos/acme/skills/tarball/([0-9a-f]{40})", path):
            there = f"http://codeload.example:{self.archives.port}/acme/skills/legacy.tar.gz/{match[1]}"
            return ok(b"", "302 Found", Location=self.location or there)
        return ok(b'{"message":"Not Found"}', "404 Not Found")

    def answer_archive(self, path: str) -> bytes:
        commit = path.rpartition("/")[2]
        prefix = f"acme-skills-{commit[:7]}/"
        archive = git(self.repository, "archive", "--format=tar.gz", f"--prefix={prefix}", commit)
        return ok(self.changed(archive), Content_Type="application/x-gzip")


@asynccontextmanager
async def standing(repository: Path) -> AsyncIterator[Stand]:
    """The two hosts, listening."""
    stand = Stand(repository)

    async def api(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(stand.answer_api(head.split(b" ")[1].decode()))
        await writer.drain()

    async def archives(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(stand.answer_archive(head.split(b" ")[1].decode()))
        await writer.drain()

    async with serving(api) as stand.api, serving(archives) as stand.archives:
        yield stand
