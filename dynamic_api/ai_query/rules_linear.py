"""What can be asked of LINEAR without a model."""

from __future__ import annotations

from dynamic_api.ai_query.provider import Row
from dynamic_api.ai_query.rules import Asked, Plan, Rule, Unclear

_ISSUES = r"\b(?:issues?|tickets?|bugs?|tasks?|stories|work)\b"
_STATES = (
    ("in_progress", "Issues in progress", r"\b(?:in[ -]progress|started|working on|under way)\b"),
    ("done", "Done issues", r"\b(?:done|completed|closed|finished|resolved)\b"),
    ("all", "All issues", r"\ball (?:issues|tickets)\b"),
)


def _one(asked: Asked) -> Plan | None:
    identifier = asked.take(r"\b([A-Za-z][A-Za-z0-9]{0,9}-\d{1,9})\b")
    if not identifier:
        return None
    asked.has(_ISSUES)
    return Plan("get_issue", {"identifier": identifier}, f"Issue {identifier.upper()}", _issue_line)


def _cycles(asked: Asked) -> Plan | None:
    if not asked.has(r"\b(?:cycles?|sprints?)\b"):
        return None
    asked.has(r"\b(?:active|running)\b")
    return Plan("list_cycles", {"limit": asked.limit(20)}, "Active cycles", _cycle_line)


def _projects(asked: Asked) -> Plan | None:
    if not asked.has(r"\b(?:projects|roadmap)\b"):
        return None
    return Plan("list_projects", {"limit": asked.limit(20)}, "Projects", _project_line)


def _issues(asked: Asked) -> Plan | None:
    if not asked.has(_ISSUES):
        return None
    state, heading = "open", "Open issues"
    for name, words, pattern in _STATES:
        if state == "open" and asked.has(pattern):
            state, heading = name, words
    asked.has(r"\b(?:open|last|latest|newest|recent\w*|updated)\b")
    team = asked.take(r"\bteam\s+([A-Za-z][A-Za-z0-9]*)\b") or asked.take(r"\b([A-Z][A-Z0-9]{1,6}) team\b")
    text = asked.take(r"\b(?:about|mentioning|titled|containing)\s+[\"'`“]?([^\"'`”?]*\w)")
    assignee, limit = _assignee(asked), asked.limit(20)
    arguments = {"state": state, "assignee": assignee, "team": team, "text": text, "limit": limit}
    whose = {"": "", "none": " assigned to nobody"}.get(assignee, f" assigned to {assignee}")
    where = (f" of team {team.upper()}" if team else "") + (f" with “{text}” in the title" if text else "")
    return Plan("list_issues", arguments, f"{heading}{whose}{where}", _issue_line)


def _assignee(asked: Asked) -> str:
    if asked.has(r"\b(?:unassigned|assigned to (?:nobody|no one)|without (?:an )?assignee)\b"):
        return "none"
    if asked.take(r"\b(?:to|by|for) (?:me|myself)\b") or asked.take(
        r"\bmy (?:open )?(?:issues?|tickets?|tasks?|work)\b"
    ):
        raise Unclear(
            "Not answered: your name at Linear is not known here. Ask again with it instead of “me”."
        )
    quoted = asked.take(r"\b(?:assigned to|assignee(?: is|:)?)\s+[\"'`“]([^\"'`”]+)[\"'`”]")
    return quoted or asked.take(r"\b(?:assigned to|assignee(?: is|:)?)\s+@?([\w.+-]+(?:@[\w.-]*\w)?)")


def _issue_line(row: Row) -> str:
    whose = row["assignee"] or "nobody"
    facts = f"{row['state']}, {row['priority'] or 'no priority'}, assigned to {whose}"
    return f"{row['identifier']} {row['title']} ({facts}) {row['url']}"


def _project_line(row: Row) -> str:
    return f"{row['name']} ({row['state']}, {row['progress']}) {row['url']}"


def _cycle_line(row: Row) -> str:
    return f"{row['team']} {row['name']} ({row['from']} to {row['to']}, {row['progress']})"


LINEAR_RULES = (
    Rule("What is ENG-123 about?", _one),
    Rule("How far is the current cycle?", _cycles),
    Rule("Which projects are there?", _projects),
    Rule("Open tickets assigned to NAME … unassigned, in progress, done, of team KEY, about WORDS", _issues),
)
