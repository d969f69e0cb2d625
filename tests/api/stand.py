"""A stand-in for GitHub on loopback: its API and the host of its archives, over a real Git repository."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.content_repo import Repo


@dataclass(slots=True)
class Stand:
    """GitHub's API and its archives, over a real Git repository that is `acme/skills`."""

    repo: Repo
    asked: list[str] = field(default_factory=list)
    failing: bool = False

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/repos/acme/skills/commits/{ref:path}", self.commit),
                Route("/repos/acme/skills/tarball/{sha}", self.tarball),
                Route("/archive/{sha}", self.archive),
            ]
        )

    async def commit(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        if self.failing:
            return PlainTextResponse("", 500)
        found = subprocess.run(
            ["git", "-C", self.repo.path, "rev-parse", "-q", "--verify", request.path_params["ref"]],
            capture_output=True,
            text=True,
        )
        return PlainTextResponse(found.stdout.strip(), 422 if found.returncode else 200)

    async def tarball(self, request: Request) -> Response:
        return RedirectResponse(f"/archive/{request.path_params['sha']}", 302)

    async def archive(self, request: Request) -> Response:
        sha = request.path_params["sha"]
        command = [
            "git",
            "-C",
            self.repo.path,
            "archive",
            "--format=tar.gz",
            f"--prefix=acme-{sha[:7]}/",
            sha,
        ]
        made = subprocess.run(command, capture_output=True, check=True)
        return Response(made.stdout, media_type="application/x-gzip")
