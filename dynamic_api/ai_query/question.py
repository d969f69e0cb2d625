"""A question as it was sent: its text, its provider, and the repository that it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dynamic_api.ai_query.config import AiQuery, setting
from dynamic_api.errors import Invalid, Unavailable

LONGEST = 8_000
LONGEST_CONTEXT = 1_000
_PART = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_SCP = re.compile(r"(?:[\w.-]+@)?([\w.-]+):(?!//)(.+)")
_URL = re.compile(r"(?:https?|ssh|git)://(?:[^@/]*@)?([\w.-]+)(?::\d+)?/(.+)", re.IGNORECASE)
_SHA = re.compile(r"[0-9a-fA-F]{7,64}")
_KEYS = {"repo_url": "repoUrl", "branch": "branch", "commit_sha": "commitSha"}


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at a host."""

    host: str
    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class Question:
    """`branch` and `commit` are those that the caller has checked out; empty when unknown."""

    text: str
    provider: str
    repository: Repository | None
    branch: str = ""
    commit: str = ""


def read_question(query: object, provider: object, context: object, settings: AiQuery) -> Question:
    """The checked question. Raises Invalid, and Unavailable when the provider is not configured."""
    if not isinstance(query, str) or not query.strip():
        raise Invalid("no-query", "the query is empty", place="body.query", mend="ask something")
    if len(query) > LONGEST:
        message = f"the query has {len(query)} characters, at most {LONGEST} are read"
        raise Invalid("long-query", message, place="body.query", mend="ask shorter")
    name = _provider(provider, settings)
    fields = _context(context)
    repository = _repository(fields["repo_url"]) if fields["repo_url"] else None
    if repository is None and name != "LINEAR":
        mend = "call from a clone that has a remote"
        raise Invalid("no-repository", f"{name} needs a repository", place="body.context.repo_url", mend=mend)
    commit = fields["commit_sha"] if _SHA.fullmatch(fields["commit_sha"]) else ""
    return Question(query.strip(), name, repository, fields["branch"], commit)


def _provider(provider: object, settings: AiQuery) -> str:
    name = provider.strip().upper() if isinstance(provider, str) else ""
    configured = ", ".join(settings.configured()) or "none"
    known = {"GITHUB", "CIRCLECI", "LINEAR"}
    if name not in known:
        shown = f"{provider[:40]!r}" if isinstance(provider, str) else "none"
        message = f"unknown provider {shown}; configured: {configured}"
        raise Invalid("unknown-provider", message, place="body.provider")
    if not settings.token(name):
        mend = f"an operator sets {setting(f'{name.lower()}_token')}"
        message = f"the provider {name} is not configured; configured: {configured}"
        raise Unavailable("no-provider", message, place="body.provider", mend=mend)
    return name


def _context(context: object) -> dict[str, str]:
    """The known keys, in either form, as text; null and a missing key are empty."""
    if context is not None and not isinstance(context, Mapping):
        raise Invalid("bad-context", "the context is no object", place="body.context")
    fields = {}
    for key, other in _KEYS.items():
        given = context or {}
        value = given.get(key) or given.get(other) or ""
        if not isinstance(value, str) or len(value) > LONGEST_CONTEXT or not value.isprintable():
            message = f"{key} is no plain text of up to {LONGEST_CONTEXT} characters"
            raise Invalid("bad-context", message, place=f"body.context.{key}")
        fields[key] = value.strip()
    return fields


def _repository(url: str) -> Repository:
    found = _URL.fullmatch(url) or _SCP.fullmatch(url)
    parts = found[2].strip("/").removesuffix(".git").split("/") if found else []
    if found is None or len(parts) != 2 or not all(_is_name(part) for part in parts):
        mend = "send https://host/owner/name or git@host:owner/name.git"
        raise Invalid(
            "bad-repository", "not the URL of a repository", place="body.context.repo_url", mend=mend
        )
    return Repository(found[1].lower().removeprefix("www."), *parts)


def _is_name(part: str) -> bool:
    return _PART.fullmatch(part) is not None and part.strip(".") != ""
