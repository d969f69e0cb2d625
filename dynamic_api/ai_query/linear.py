"""LINEAR: issues, projects and active cycles of the workspace that the token belongs to, by GraphQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import httpx2
from msgspec import Meta, Struct, convert, field
from msgspec import ValidationError as FormError

from dynamic_api.ai_query.config import AiQuery
from dynamic_api.ai_query.provider import Arguments, Found, Row, Tool, call, one_line
from dynamic_api.ai_query.question import Question
from dynamic_api.ai_query.wire import Wire, check_url
from dynamic_api.errors import Absent, Upstream

NAME = "LINEAR"
Limit = Annotated[int, Meta(ge=1, le=100, description="how many at most")]
_ISSUE = (
    "identifier title url updatedAt priorityLabel "
    "state{name type} assignee{displayName} team{key} project{name}"
)
_STATES: Mapping[str, dict[str, list[str]] | None] = {
    "open": {"nin": ["completed", "canceled", "duplicate"]},
    "in_progress": {"in": ["started"]},
    "done": {"in": ["completed"]},
    "all": None,
}


class Issues(Arguments, frozen=True):
    """Arguments of list_issues."""

    state: Literal["open", "in_progress", "done", "all"] = "open"
    assignee: Annotated[
        str, Meta(description="a name or e-mail; `none` for unassigned; empty for anybody")
    ] = ""
    team: Annotated[str, Meta(description="a team's key, such as ENG; empty for any")] = ""
    text: Annotated[str, Meta(description="words that the title contains; empty for any")] = ""
    limit: Limit = 20


class Issue(Arguments, frozen=True):
    """Arguments of get_issue."""

    identifier: Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9]*-[0-9]+$", description="such as ENG-123")]


class Few(Arguments, frozen=True):
    """Arguments of list_projects and list_cycles."""

    limit: Limit = 20


class _Error(Struct):
    message: str = ""


class _Answer(Struct):
    data: dict[str, Any] | None = None
    errors: list[_Error] = field(default_factory=list)


class _Named(Struct):
    name: str = ""
    type: str = ""


class _Person(Struct, rename="camel"):
    display_name: str = ""


class _Team(Struct):
    key: str = ""


class _Issue(Struct, rename="camel"):
    identifier: str
    title: str
    url: str
    updated_at: str
    state: _Named
    priority_label: str = ""
    assignee: _Person | None = None
    team: _Team | None = None
    project: _Named | None = None


class _Project(Struct):
    name: str
    url: str
    state: str = ""
    progress: float = 0.0


class _Cycle(Struct, rename="camel"):
    number: float
    starts_at: str
    ends_at: str
    progress: float = 0.0
    name: str | None = None
    team: _Team | None = None


class _Page(Struct, rename="camel"):
    has_next_page: bool = False


class _Nodes(Struct, rename="camel"):
    nodes: list[dict[str, Any]]
    page_info: _Page = field(default_factory=_Page)


class Linear:
    """Linear, opened for one question."""

    name = NAME

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.tools: Sequence[Tool] = (
            Tool("list_issues", "Issues, last updated first.", Issues, self._issues),
            Tool("get_issue", "One issue.", Issue, self._issue),
            Tool("list_projects", "Projects with their progress.", Few, self._projects),
            Tool("list_cycles", "The active cycle of each team.", Few, self._cycles),
        )

    async def call(self, tool: str, arguments: Mapping[str, object]) -> Found:
        """Run a tool by its name."""
        return await call(self.tools, tool, arguments)

    async def _issues(self, wanted: Issues) -> Found:
        query = (
            "query Issues($first: Int!, $filter: IssueFilter) {"
            "issues(first: $first, filter: $filter, orderBy: updatedAt) "
            f"{{nodes{{{_ISSUE}}} pageInfo{{hasNextPage}}}}}}"
        )
        data = await self._ask(query, {"first": wanted.limit, "filter": _filter(wanted)})
        nodes = _read(data.get("issues"), _Nodes)
        return Found([_issue_row(_read(node, _Issue)) for node in nodes.nodes], nodes.page_info.has_next_page)

    async def _issue(self, wanted: Issue) -> Found:
        query = f"query Issue($id: String!) {{issue(id: $id) {{{_ISSUE}}}}}"
        data = await self._ask(query, {"id": wanted.identifier.upper()})
        if data.get("issue") is None:
            raise Absent("not-there", f"{NAME} has no issue {wanted.identifier.upper()}")
        return Found([_issue_row(_read(data["issue"], _Issue))])

    async def _projects(self, wanted: Few) -> Found:
        query = (
            "query Projects($first: Int!) {projects(first: $first, orderBy: updatedAt) "
            "{nodes{name url state progress} pageInfo{hasNextPage}}}"
        )
        nodes = _read((await self._ask(query, {"first": wanted.limit})).get("projects"), _Nodes)
        rows = [_project_row(_read(node, _Project)) for node in nodes.nodes]
        return Found(rows, nodes.page_info.has_next_page)

    async def _cycles(self, wanted: Few) -> Found:
        query = (
            "query Cycles($first: Int!) {cycles(first: $first, filter: {isActive: {eq: true}}) "
            "{nodes{number name startsAt endsAt progress team{key}} pageInfo{hasNextPage}}}"
        )
        nodes = _read((await self._ask(query, {"first": wanted.limit})).get("cycles"), _Nodes)
        return Found([_cycle_row(_read(node, _Cycle)) for node in nodes.nodes], nodes.page_info.has_next_page)

    async def _ask(self, query: str, variables: Mapping[str, object]) -> dict[str, Any]:
        answer = await self._wire.post({"query": query, "variables": variables}, _Answer)
        if answer.errors:
            said = one_line(answer.errors[0].message or "no reason")
            raise Upstream("provider-failed", f"{NAME} refuses the query: {said}")
        if answer.data is None:
            raise Upstream("provider-nonsense", f"{NAME} answered neither data nor errors")
        return answer.data


def _filter(wanted: Issues) -> dict[str, object]:
    """An IssueFilter: https://linear.app/developers/filtering."""
    found: dict[str, object] = {}
    if _STATES[wanted.state] is not None:
        found["state"] = {"type": _STATES[wanted.state]}
    if wanted.assignee == "none":
        found["assignee"] = {"null": True}
    elif wanted.assignee:
        exact = {"eqIgnoreCase": wanted.assignee}
        named = {"name": {"containsIgnoreCase": wanted.assignee}}
        found["assignee"] = {"or": [{"email": exact}, {"displayName": exact}, named]}
    if wanted.team:
        found["team"] = {"key": {"eq": wanted.team.upper()}}
    if wanted.text:
        found["title"] = {"containsIgnoreCase": wanted.text}
    return found


def _read(value: object, form: type[Any]) -> Any:
    try:
        return convert(value, form)
    except FormError as error:
        raise Upstream("provider-nonsense", f"{NAME} answered what cannot be understood: {error}") from error


def _issue_row(item: _Issue) -> Row:
    return {
        "identifier": item.identifier,
        "title": one_line(item.title),
        "state": item.state.name,
        "assignee": item.assignee.display_name if item.assignee else "",
        "priority": item.priority_label,
        "team": item.team.key if item.team else "",
        "project": item.project.name if item.project else "",
        "updated": item.updated_at,
        "url": item.url,
    }


def _project_row(item: _Project) -> Row:
    return {
        "name": one_line(item.name),
        "state": item.state,
        "progress": _percent(item.progress),
        "url": item.url,
    }


def _cycle_row(item: _Cycle) -> Row:
    return {
        "name": one_line(item.name or f"cycle {item.number:g}"),
        "team": item.team.key if item.team else "",
        "from": item.starts_at,
        "to": item.ends_at,
        "progress": _percent(item.progress),
    }


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %"


def open_linear(_question: Question, settings: AiQuery, http: httpx2.AsyncClient) -> Linear:
    """Linear, for any question: its issues belong to no repository."""
    url = check_url(settings.linear_url, "linear_url")
    headers = {"Authorization": str(settings.linear_token)}
    return Linear(Wire(NAME, http, url, headers, "linear_token", settings.call_seconds))
