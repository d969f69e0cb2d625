"""CIRCLECI: pipelines with their workflows, and the jobs of one, of one project, by REST version 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Literal

import httpx2
from msgspec import Meta, Struct

from dynamic_api.ai_query.config import AiQuery
from dynamic_api.ai_query.provider import Arguments, Found, Row, Tool, call, one_line, together
from dynamic_api.ai_query.question import Question
from dynamic_api.ai_query.wire import Wire, check_url
from dynamic_api.errors import Invalid

NAME = "CIRCLECI"
# Pipelines that are looked through for one question: one request each.
PIPELINES = 30
PAGES = 3
SLUGS = {"github.com": "gh", "bitbucket.org": "bb"}
FAILED = ("failed", "error", "failing", "unauthorized")


class Builds(Arguments, frozen=True):
    """Arguments of list_builds."""

    status: Annotated[
        Literal["", "failed", "success", "running", "on_hold", "canceled"], Meta(description="any")
    ] = ""
    branch: Annotated[str, Meta(description="a branch; empty for any")] = ""
    limit: Annotated[int, Meta(ge=1, le=50, description="how many workflows at most")] = 10


class Jobs(Arguments, frozen=True):
    """Arguments of list_jobs."""

    workflow: Annotated[
        str, Meta(pattern="^[0-9a-fA-F-]{1,64}$", description="the id in a row of list_builds")
    ]


class _Vcs(Struct):
    branch: str | None = None
    revision: str = ""


class _Pipeline(Struct):
    id: str
    number: int
    created_at: str
    vcs: _Vcs | None = None


class _Pipelines(Struct):
    items: list[_Pipeline]
    next_page_token: str | None = None


class _Workflow(Struct):
    id: str
    name: str
    status: str
    created_at: str = ""


class _Workflows(Struct):
    items: list[_Workflow]


class _Job(Struct):
    name: str
    status: str
    job_number: int | None = None


class _Jobs(Struct):
    items: list[_Job]
    next_page_token: str | None = None


class CircleCi:
    """CircleCI, opened for the project of one question."""

    name = NAME

    def __init__(self, wire: Wire, slug: str) -> None:
        self._wire = wire
        self._slug = slug
        self.tools: Sequence[Tool] = (
            Tool("list_builds", "Workflows of the newest pipelines with their states.", Builds, self._builds),
            Tool("list_jobs", "The jobs of one workflow.", Jobs, self._jobs),
        )

    async def call(self, tool: str, arguments: Mapping[str, object]) -> Found:
        """Run a tool by its name."""
        return await call(self.tools, tool, arguments)

    async def _builds(self, wanted: Builds) -> Found:
        pipelines, more = await self._pipelines(wanted)
        found = await together([partial(self._workflows, item) for item in pipelines])
        rows = [row for workflows in found for row in workflows if _fits(row, wanted.status)]
        note = f"the newest {PIPELINES} pipelines were looked at" if wanted.status and more else ""
        return Found(rows[: wanted.limit], more or len(rows) > wanted.limit, note)

    async def _pipelines(self, wanted: Builds) -> tuple[list[_Pipeline], bool]:
        # A state is not known before the workflows were read, so that more pipelines have to be looked at.
        enough = PIPELINES if wanted.status else min(wanted.limit, PIPELINES)
        found: list[_Pipeline] = []
        token = ""
        for _ in range(PAGES):
            path = f"/project/{self._slug}/pipeline"
            params = {"branch": wanted.branch, "page-token": token}
            page = await self._wire.get(path, _Pipelines, **params)
            found += page.items
            token = page.next_page_token or ""
            if len(found) >= enough or not token:
                break
        return found[:enough], len(found) > enough or bool(token)

    async def _workflows(self, pipeline: _Pipeline) -> list[Row]:
        answer = await self._wire.get(f"/pipeline/{_part(pipeline.id)}/workflow", _Workflows)
        vcs = pipeline.vcs or _Vcs()
        return [
            {
                "id": item.id,
                "name": one_line(item.name),
                "number": pipeline.number,
                "state": item.status,
                "branch": vcs.branch or "",
                "commit": vcs.revision[:12],
                "created": item.created_at or pipeline.created_at,
                "url": f"https://app.circleci.com/pipelines/{self._slug}/{pipeline.number}/workflows/{item.id}",
            }
            for item in answer.items
        ]

    async def _jobs(self, wanted: Jobs) -> Found:
        answer = await self._wire.get(f"/workflow/{wanted.workflow}/job", _Jobs)
        rows: list[Row] = [
            {"name": one_line(item.name), "number": item.job_number, "state": item.status}
            for item in answer.items
        ]
        return Found(rows, answer.next_page_token is not None)


def _fits(row: Row, status: str) -> bool:
    return not status or row["state"] == status or (status == "failed" and row["state"] in FAILED)


def _part(identifier: str) -> str:
    """An id out of an answer, before it becomes a part of a path."""
    if not identifier.replace("-", "").isalnum() or not identifier.isascii():
        raise Invalid("bad-id", f"{NAME} names a pipeline by {identifier[:40]!r}, which is no id")
    return identifier


def open_circleci(question: Question, settings: AiQuery, http: httpx2.AsyncClient) -> CircleCi:
    """CircleCI for the repository of `question`. Raises Invalid for one that lies elsewhere."""
    repository = question.repository
    assert repository is not None
    if repository.host not in SLUGS:
        message = f"{NAME} builds repositories on {' and '.join(SLUGS)}, this one lies on {repository.host}"
        raise Invalid("other-host", message, place="body.context.repo_url")
    url = check_url(settings.circleci_url, "circleci_url")
    headers = {"Accept": "application/json", "Circle-Token": str(settings.circleci_token)}
    wire = Wire(NAME, http, url, headers, "circleci_token", settings.call_seconds)
    return CircleCi(wire, f"{SLUGS[repository.host]}/{repository}")
