"""What can be asked of GITHUB without a model."""

from __future__ import annotations

from dynamic_api.ai_query.provider import Row
from dynamic_api.ai_query.rules import Asked, Plan, Rule, Unclear

_PULLS = r"\b(?:pull[ -]requests?|prs?|merge requests?|mrs?)\b"
_RUNS = r"\b(?:runs?|workflows?|builds?|ci|actions?|pipelines?|checks?|tests?|jobs?)\b"
_FAILING = r"\b(?:fail\w*|broken?|red|error\w*|unsuccessful)\b"
_BLOCKED = r"\b(?:block\w*|wait\w*|need\w*|await\w*|pending|stuck|without|lack\w*|missing|unreviewed|not?)\b"
_ISSUES = r"\b(?:issues?|tickets?|bugs?)\b"
_LAST = r"\b(?:last|latest|newest|recent\w*|history|passing|green|ok|succe\w*|status|state)\b"
_COMMITS = r"\b(?:commits?|committed|changes|changed)\b"


def _blocked(asked: Asked) -> Plan | None:
    if not asked.has(_PULLS, r"\b(?:un)?(?:review\w*|approv\w*)\b", _BLOCKED):
        return None
    asked.has(r"\bopen\b")
    author, limit = _person(asked), asked.limit(20)
    arguments = {"author": author, "limit": limit}
    heading = f"Open pull requests blocked on review in {asked.question.repository}{_by(author)}"
    return Plan("list_pull_requests_blocked_on_review", arguments, heading, _blocked_line)


def _one_pull(asked: Asked) -> Plan | None:
    number = asked.take(r"\b(?:pull[ -]request|pr)\s*#?(\d{1,9})\b")
    if not number:
        return None
    asked.has(r"\b(?:review\w*|approv\w*)\b")
    heading = f"Pull request {number} of {asked.question.repository}"
    return Plan("get_pull_request", {"number": int(number)}, heading, _blocked_line)


def _pulls(asked: Asked) -> Plan | None:
    if not asked.has(_PULLS):
        return None
    state = "closed" if asked.has(r"\b(?:closed|merged)\b") else "open"
    state = "all" if asked.has(r"\b(?:open (?:and|or) closed|any state)\b") else state
    asked.has(r"\bopen\b")
    asked.has(r"\b(?:last|latest|newest|recent\w*)\b")
    limit, base, author = asked.limit(20), asked.branch(), _person(asked)
    arguments = {"state": state, "author": author, "base": base, "limit": limit}
    heading = f"{_which(state)} pull requests in {asked.question.repository}{_by(author)}{_on(base, 'into')}"
    return Plan("list_pull_requests", arguments, heading, _pull_line)


def _checks(asked: Asked) -> Plan | None:
    wanted = r"\b(?:this|current|my|the|head) commit\b"
    if not (asked.has(wanted, _RUNS) or asked.has(wanted, r"\b(?:status|state|pass\w*|green)\b")):
        return None
    commit = asked.question.commit
    if not commit:
        raise Unclear("Not answered: the call names no commit. Send context.commit_sha, or ask for a branch.")
    asked.has(_RUNS)
    asked.has(rf"{_LAST}|{_FAILING}")
    return Plan("list_checks", {"commit": commit}, f"Checks of commit {commit[:12]}", _check_line)


def _runs(asked: Asked) -> Plan | None:
    if not asked.has(_RUNS):
        return None
    status = "failure" if asked.has(_FAILING) else ""
    status = status or ("in_progress" if asked.has(r"\b(?:running|in[ -]progress|under way)\b") else "")
    status = status or ("queued" if asked.has(r"\bqueued\b") else "")
    one = asked.has(r"\b(?:last|latest|newest|most recent)\s+(?:\w+\s+)?(?:run|build|workflow|pipeline)\b")
    limit, branch = asked.limit(1 if one else 10), asked.branch()
    asked.has(_LAST)
    if not branch and one and not status:
        branch = asked.question.branch
    heading = f"{_STATES[status]} in {asked.question.repository}{_on(branch, 'on')}"
    arguments = {"status": status, "branch": branch, "limit": limit}
    return Plan("list_workflow_runs", arguments, heading, _run_line)


def _commits(asked: Asked) -> Plan | None:
    if not asked.has(_COMMITS):
        return None
    one = asked.has(r"\b(?:last|latest|newest|most recent)\s+(?:commit|change)\b")
    limit, branch, author = asked.limit(1 if one else 10), asked.branch(), _person(asked)
    asked.has(_LAST)
    heading = (
        f"Commits of {asked.question.repository}{_by(author)}{_on(branch, 'on') or ' on its main branch'}"
    )
    return Plan("list_commits", {"branch": branch, "author": author, "limit": limit}, heading, _commit_line)


def _one_issue(asked: Asked) -> Plan | None:
    number = asked.take(r"\b(?:issue|ticket|bug)\s*#?(\d{1,9})\b")
    if not number:
        return None
    return Plan(
        "get_issue", {"number": int(number)}, f"Issue {number} of {asked.question.repository}", _issue_line
    )


def _issues(asked: Asked) -> Plan | None:
    if not asked.has(_ISSUES):
        return None
    state = "closed" if asked.has(r"\b(?:closed|resolved|fixed|done)\b") else "open"
    asked.has(r"\b(?:open|last|latest|newest|recent\w*)\b")
    nobody = asked.has(r"\b(?:unassigned|assigned to (?:nobody|no one)|without (?:an )?assignee)\b")
    assignee = "none" if nobody else _person(asked, r"assigned to|assignee(?: is|:)?|for|of")
    label, limit = asked.take(r"\blabel(?:l?ed)?:?\s+[\"'`]?([\w:/.-]*\w)"), asked.limit(20)
    arguments = {"state": state, "assignee": assignee, "label": label, "limit": limit}
    whose = " assigned to nobody" if nobody else f" assigned to {assignee}" if assignee else ""
    labelled = f" labelled {label}" if label else ""
    heading = f"{_which(state)} issues in {asked.question.repository}{whose}{labelled}"
    return Plan("list_issues", arguments, heading, _issue_line)


def _person(asked: Asked, words: str = r"by|from|authored by|author:?|of") -> str:
    """A login that stands behind one of `words`. Raises Unclear for the asker, whose login nobody told us."""
    if asked.take(rf"\b(?:{words})\s+(?:me|myself)\b") or asked.take(
        r"\bmy (?:open |own )?(?:pull|prs?|issues?|tickets?|commits?)\b"
    ):
        raise Unclear(
            "Not answered: your login at GitHub is not known here. Ask again with the login instead of “me”."
        )
    return asked.take(
        rf"\b(?:{words})\s+@?(?!the\b|this\b|these\b|our\b|main\b|master\b|review\b)([A-Za-z0-9][\w-]*)\b"
    )


_STATES = {
    "failure": "Failed workflow runs",
    "in_progress": "Workflow runs in progress",
    "queued": "Queued workflow runs",
    "": "Workflow runs, newest first,",
}


_WORDS = {
    "changes_requested_by": "changes requested by",
    "approved_by": "approved by",
    "waiting_for": "asked of",
}


def _which(state: str) -> str:
    return {"all": "All", "open": "Open", "closed": "Closed"}[state]


def _by(author: str) -> str:
    return f" by {author}" if author else ""


def _on(branch: str, word: str) -> str:
    return f" {word} {branch}" if branch else ""


def _pull_line(row: Row) -> str:
    draft = "draft, " if row["draft"] else ""
    facts = f"{draft}{row['state']}, by {row['author']}, updated {row['updated']}"
    return f"#{row['number']} {row['title']} ({facts}) {row['url']}"


def _blocked_line(row: Row) -> str:
    facts = [] if row["changes_requested_by"] or row["approved_by"] else ["none yet"]
    for key, word in _WORDS.items():
        names = row[key]
        if isinstance(names, list) and names:
            facts.append(f"{word} {', '.join(map(str, names))}")
    return f"#{row['number']} {row['title']} (by {row['author']}; review: {'; '.join(facts)}) {row['url']}"


def _issue_line(row: Row) -> str:
    names = row["assignees"]
    whose = ", ".join(map(str, names)) if isinstance(names, list) and names else "nobody"
    facts = f"{row['state']}, assigned to {whose}, updated {row['updated']}"
    return f"#{row['number']} {row['title']} ({facts}) {row['url']}"


def _run_line(row: Row) -> str:
    place = f"{row['branch']} at {row['commit']}, {row['created']}"
    return f"{row['name']} #{row['number']}: {row['state']} ({place}) {row['url']}"


def _commit_line(row: Row) -> str:
    return f"{row['sha']} {row['title']} (by {row['author']}, {row['date']})"


def _check_line(row: Row) -> str:
    return f"{row['name']}: {row['state']} {row['url']}"


GITHUB_RULES = (
    Rule("Find open PRs blocked on review", _blocked),
    Rule("Is PR 12 approved?", _one_pull),
    Rule("Which pull requests are open? … by LOGIN, into BRANCH; closed ones", _pulls),
    Rule("Do the checks of this commit pass?", _checks),
    Rule("Which workflow runs failed? What is the status of the last build on main?", _runs),
    Rule("Show the last 5 commits … by LOGIN, on branch NAME", _commits),
    Rule("What is issue 7 about?", _one_issue),
    Rule("Open issues assigned to LOGIN … unassigned, labelled NAME", _issues),
)
