"""GITHUB: pull requests, reviews, issues, commits, checks and workflow runs of one repository, by REST."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Literal, TypeVar

import httpx2
from msgspec import Meta

from dynamic_api.ai_query import github_rows as rows
from dynamic_api.ai_query.config import AiQuery
from dynamic_api.ai_query.provider import Arguments, Found, Row, Tool, call, together
from dynamic_api.ai_query.question import Question
from dynamic_api.ai_query.wire import Wire, check_url
from dynamic_api.errors import Invalid

NAME = "GITHUB"
PAGE = 100
PAGES = 3
# Pull requests whose reviews are read for one question: one request each.
REVIEWED = 30

Limit = Annotated[int, Meta(ge=1, le=100, description="how many at most")]
Login = Annotated[str, Meta(description="a login name; empty for anybody")]
Branch = Annotated[str, Meta(description="a branch; empty for any")]
T = TypeVar("T")


class PullRequests(Arguments, frozen=True):
    """Arguments of list_pull_requests."""

    state: Literal["open", "closed", "all"] = "open"
    author: Login = ""
    base: Branch = ""
    limit: Limit = 20


class Blocked(Arguments, frozen=True):
    """Arguments of list_pull_requests_blocked_on_review."""

    author: Login = ""
    limit: Limit = 20


class Number(Arguments, frozen=True):
    """The number of a pull request or an issue."""

    number: Annotated[int, Meta(ge=1)]


class Issues(Arguments, frozen=True):
    """Arguments of list_issues."""

    state: Literal["open", "closed", "all"] = "open"
    assignee: Annotated[str, Meta(description="a login, `none` for unassigned; empty for anybody")] = ""
    label: str = ""
    limit: Limit = 20


class Commits(Arguments, frozen=True):
    """Arguments of list_commits."""

    branch: Branch = ""
    author: Login = ""
    limit: Limit = 10


class Runs(Arguments, frozen=True):
    """Arguments of list_workflow_runs."""

    status: Literal["", "failure", "success", "in_progress", "queued", "cancelled"] = ""
    branch: Branch = ""
    limit: Limit = 10


class Checks(Arguments, frozen=True):
    """Arguments of list_checks."""

    commit: Annotated[str, Meta(pattern="^[0-9a-fA-F]{7,64}$")]


class GitHub:
    """GitHub, opened for the repository of one question."""

    name = NAME

    def __init__(self, wire: Wire, repository: str) -> None:
        self._wire = wire
        self._at = f"/repos/{repository}"
        self.tools: Sequence[Tool] = (
            Tool("list_pull_requests", "Pull requests, newest first.", PullRequests, self._pulls),
            Tool(
                "list_pull_requests_blocked_on_review",
                "Open pull requests, no drafts, without an approval or with a request for changes.",
                Blocked,
                self._blocked,
            ),
            Tool("get_pull_request", "One pull request with its reviews.", Number, self._pull),
            Tool("list_issues", "Issues, without pull requests, newest first.", Issues, self._issues),
            Tool("get_issue", "One issue.", Number, self._issue),
            Tool(
                "list_commits",
                "Commits of a branch (default: the main one), newest first.",
                Commits,
                self._commits,
            ),
            Tool("list_workflow_runs", "Runs of GitHub Actions, newest first.", Runs, self._runs),
            Tool("list_checks", "The checks of one commit.", Checks, self._checks),
        )

    async def call(self, tool: str, arguments: Mapping[str, object]) -> Found:
        """Run a tool by its name."""
        return await call(self.tools, tool, arguments)

    async def _pulls(self, wanted: PullRequests) -> Found:
        found, more = await self._open_pulls(wanted.state, wanted.author, wanted.base, wanted.limit)
        return Found([rows.pull(item) for item in found], more)

    async def _blocked(self, wanted: Blocked) -> Found:
        pulls, more = await self._open_pulls("open", wanted.author, "", PAGE * PAGES)
        ready = [item for item in pulls if not item.draft]
        looked = ready[:REVIEWED]
        reviewed = await together([partial(self._reviewed, item) for item in looked])
        blocked = [row for row in reviewed if row["review"] != "approved"]
        more = more or len(ready) > len(looked) or len(blocked) > wanted.limit
        note = "" if len(ready) == len(looked) else f"reviews were read of the newest {REVIEWED} only"
        return Found(blocked[: wanted.limit], more, note)

    async def _reviewed(self, item: rows.Pull) -> Row:
        path = f"{self._at}/pulls/{item.number}/reviews"
        reviews = await self._wire.get(path, list[rows.Review], per_page=PAGE)
        return rows.pull(item) | rows.verdict(item, reviews)

    async def _pull(self, wanted: Number) -> Found:
        item = await self._wire.get(f"{self._at}/pulls/{wanted.number}", rows.Pull)
        return Found([await self._reviewed(item)])

    async def _issues(self, wanted: Issues) -> Found:
        found, more = await self._pages(
            "/issues",
            list[rows.Issue],
            wanted.limit,
            lambda item: item.pull_request is None,
            state=wanted.state,
            assignee=wanted.assignee,
            labels=wanted.label,
        )
        return Found([rows.issue(item) for item in found], more)

    async def _issue(self, wanted: Number) -> Found:
        item = await self._wire.get(f"{self._at}/issues/{wanted.number}", rows.Issue)
        if item.pull_request is not None:
            raise Invalid("no-issue", f"{wanted.number} is a pull request", mend="ask for the pull request")
        return Found([rows.issue(item)])

    async def _commits(self, wanted: Commits) -> Found:
        found, more = await self._pages(
            "/commits",
            list[rows.Commit],
            wanted.limit,
            lambda _: True,
            sha=wanted.branch,
            author=wanted.author,
        )
        return Found([rows.commit(item) for item in found], more)

    async def _runs(self, wanted: Runs) -> Found:
        path = f"{self._at}/actions/runs"
        status, branch = wanted.status, wanted.branch
        answer = await self._wire.get(path, rows.Runs, status=status, branch=branch, per_page=wanted.limit)
        found = answer.workflow_runs[: wanted.limit]
        return Found([rows.run(item) for item in found], answer.total_count > len(found))

    async def _checks(self, wanted: Checks) -> Found:
        path = f"{self._at}/commits/{wanted.commit}/check-runs"
        answer = await self._wire.get(path, rows.Checks, per_page=PAGE)
        found = answer.check_runs[:PAGE]
        return Found([rows.check(item) for item in found], answer.total_count > len(found))

    async def _open_pulls(
        self, state: str, author: str, base: str, limit: int
    ) -> tuple[list[rows.Pull], bool]:
        def by(item: rows.Pull) -> bool:
            return not author or (item.user is not None and item.user.login.lower() == author.lower())

        return await self._pages("/pulls", list[rows.Pull], limit, by, state=state, base=base)

    async def _pages(
        self, path: str, form: type[list[T]], limit: int, keep: Callable[[T], bool], **params: str
    ) -> tuple[list[T], bool]:
        """Up to `limit` items that `keep` keeps, out of a few pages, and whether there are more."""
        kept: list[T] = []
        for page in range(1, PAGES + 1):
            items = await self._wire.get(f"{self._at}{path}", form, **params, per_page=PAGE, page=page)
            kept += [item for item in items if keep(item)]
            if len(kept) > limit or len(items) < PAGE:
                return kept[:limit], len(kept) > limit
        return kept[:limit], True


def open_github(question: Question, settings: AiQuery, http: httpx2.AsyncClient) -> GitHub:
    """GitHub for the repository of `question`. Raises Invalid for one that lies elsewhere."""
    repository = question.repository
    assert repository is not None
    if repository.host not in settings.github_hosts:
        hosts = ", ".join(settings.github_hosts)
        message = f"{NAME} is configured for {hosts}, the repository lies on {repository.host}"
        raise Invalid("other-host", message, place="body.context.repo_url")
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {settings.github_token}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    url = check_url(settings.github_url, "github_url")
    return GitHub(Wire(NAME, http, url, headers, "github_token", settings.call_seconds), str(repository))
