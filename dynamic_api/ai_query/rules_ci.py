"""What can be asked of CIRCLECI without a model."""

from __future__ import annotations

from dynamic_api.ai_query.provider import Row
from dynamic_api.ai_query.rules import Asked, Plan, Rule

_BUILDS = r"\b(?:builds?|pipelines?|workflows?|ci|runs?|tests?|jobs?|deploy\w*)\b"
_STATES = (
    ("failed", "Failed builds", r"\b(?:fail\w*|broken?|red|error\w*)\b"),
    ("running", "Running builds", r"\b(?:running|in[ -]progress|under way)\b"),
    ("on_hold", "Builds on hold", r"\b(?:on hold|held|waiting|approval)\b"),
    ("canceled", "Cancelled builds", r"\bcancell?ed\b"),
)
_LAST = r"\b(?:last|latest|newest|recent\w*|history|passing|green|ok|succe\w*)\b"


def _builds(asked: Asked) -> Plan | None:
    if not asked.has(_BUILDS):
        return None
    status, heading = "", "Builds, newest first,"
    for name, words, pattern in _STATES:
        if not status and asked.has(pattern):
            status, heading = name, words
    one = asked.has(
        r"\b(?:last|latest|newest|most recent)\s+(?:\w+\s+)?(?:build|pipeline|run|workflow|deploy)\b"
    )
    limit, branch = asked.limit(1 if one and not status else 10), asked.branch()
    asked.has(_LAST)
    if one and not status and not branch:
        branch = asked.question.branch
    on = f" on {branch}" if branch else ""
    arguments = {"status": status, "branch": branch, "limit": limit}
    return Plan("list_builds", arguments, f"{heading} of {asked.question.repository}{on}", _line)


def _line(row: Row) -> str:
    place = f"{row['branch']} at {row['commit']}, {row['created']}"
    return f"{row['name']} #{row['number']}: {row['state']} ({place}) {row['url']}"


CIRCLECI_RULES = (
    Rule(
        "What is the status of the last build? Which builds failed, run, are on hold? … on branch NAME",
        _builds,
    ),
)
