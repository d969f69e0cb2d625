"""What GitHub's REST API sends, as far as it is read, and the rows that are made of it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from dynamic_api.ai_query.provider import Row, one_line


class User(Struct):
    """Somebody."""

    login: str


class Team(Struct):
    """A team that was asked for a review."""

    slug: str


class Label(Struct):
    """A label."""

    name: str


class Ref(Struct):
    """One end of a pull request."""

    ref: str


class Pull(Struct):
    """A pull request."""

    number: int
    title: str
    html_url: str
    state: str
    updated_at: str
    head: Ref
    base: Ref
    user: User | None = None
    draft: bool = False
    merged_at: str | None = None
    requested_reviewers: list[User] = field(default_factory=list)
    requested_teams: list[Team] = field(default_factory=list)


class Review(Struct):
    """A review; those of a pull request come oldest first."""

    state: str
    user: User | None = None


class Issue(Struct):
    """An issue; GitHub lists pull requests among them, and marks those."""

    number: int
    title: str
    html_url: str
    state: str
    updated_at: str
    user: User | None = None
    assignees: list[User] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    pull_request: dict[str, object] | None = None


class Signature(Struct):
    """Who wrote a commit, and when."""

    name: str = ""
    date: str = ""


class CommitData(Struct):
    """What Git knows of a commit."""

    message: str
    author: Signature | None = None


class Commit(Struct):
    """A commit."""

    sha: str
    commit: CommitData
    html_url: str = ""
    author: User | None = None


class Run(Struct):
    """A run of a workflow."""

    status: str | None
    html_url: str
    created_at: str
    run_number: int
    name: str | None = None
    conclusion: str | None = None
    head_branch: str | None = None
    head_sha: str = ""
    event: str = ""


class Runs(Struct):
    """A page of runs."""

    total_count: int
    workflow_runs: list[Run]


class Check(Struct):
    """A check of a commit."""

    name: str
    status: str
    conclusion: str | None = None
    html_url: str | None = None


class Checks(Struct):
    """A page of checks."""

    total_count: int
    check_runs: list[Check]


def pull(item: Pull) -> Row:
    """A pull request in a row."""
    return {
        "number": item.number,
        "title": one_line(item.title),
        "author": item.user.login if item.user else "",
        "state": "merged" if item.merged_at else item.state,
        "draft": item.draft,
        "head": item.head.ref,
        "base": item.base.ref,
        "updated": item.updated_at,
        "url": item.html_url,
    }


def verdict(item: Pull, reviews: Sequence[Review]) -> Row:
    """How the review stands: the last word of each reviewer counts, a comment is no word."""
    last: dict[str, str] = {}
    for review in reviews:
        if review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
            last[review.user.login if review.user else ""] = review.state
    against = sorted(login for login, state in last.items() if state == "CHANGES_REQUESTED")
    agreed = sorted(login for login, state in last.items() if state == "APPROVED")
    asked = [
        *(user.login for user in item.requested_reviewers),
        *(team.slug for team in item.requested_teams),
    ]
    word = "changes requested" if against else "approved" if agreed else "waiting"
    return {"review": word, "approved_by": agreed, "changes_requested_by": against, "waiting_for": asked}


def issue(item: Issue) -> Row:
    """An issue in a row."""
    return {
        "number": item.number,
        "title": one_line(item.title),
        "author": item.user.login if item.user else "",
        "state": item.state,
        "assignees": [user.login for user in item.assignees],
        "labels": [label.name for label in item.labels],
        "updated": item.updated_at,
        "url": item.html_url,
    }


def commit(item: Commit) -> Row:
    """A commit in a row: the first line of its message."""
    signed = item.commit.author or Signature()
    return {
        "sha": item.sha[:12],
        "title": one_line(item.commit.message.strip().partition("\n")[0]),
        "author": item.author.login if item.author else signed.name,
        "date": signed.date,
        "url": item.html_url,
    }


def run(item: Run) -> Row:
    """A run in a row; its state is the conclusion, once there is one."""
    return {
        "name": one_line(item.name or "workflow"),
        "number": item.run_number,
        "state": item.conclusion or item.status or "unknown",
        "branch": item.head_branch or "",
        "commit": item.head_sha[:12],
        "event": item.event,
        "created": item.created_at,
        "url": item.html_url,
    }


def check(item: Check) -> Row:
    """A check in a row."""
    return {
        "name": one_line(item.name),
        "state": item.conclusion or item.status,
        "url": item.html_url or "",
    }
