"""What the AI query is configured with: a section of the API's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

SECTION = "ai_query"
MIB = 1024 * 1024


class AiQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[ai_query]: whom to ask, and how long."""

    github_token: str | None = None
    """Makes the provider GITHUB available. Read access to pull requests, issues, contents and actions."""
    github_url: str = "https://api.github.com"
    """GitHub's REST API."""
    github_hosts: tuple[str, ...] = ("github.com",)
    """Hosts of repositories that this GitHub holds."""
    circleci_token: str | None = None
    """Makes the provider CIRCLECI available."""
    circleci_url: str = "https://circleci.com/api/v2"
    """CircleCI's REST API, version 2."""
    linear_token: str | None = None
    """Makes the provider LINEAR available: an API key, or `Bearer …` for an OAuth token."""
    linear_url: str = "https://api.linear.app/graphql"
    """Linear's GraphQL API."""
    model: Literal["none", "openai", "anthropic"] = "none"
    """The protocol of the language model's endpoint; none: answers come from rules."""
    model_url: str | None = None
    """The endpoint's base URL; default: the vendor's own."""
    model_key: str | None = None
    """Sent to `model_url` only."""
    model_name: str = ""
    """The model to ask for."""
    model_tokens: int = 2048
    """The longest turn of the model."""
    rounds: int = 6
    """Turns in which the model may call tools; one more follows in which it has to answer."""
    calls: int = 20
    """Calls of tools for one question."""
    budget_seconds: float = 120.0
    """For the whole answer; sx waits no longer."""
    call_seconds: float = 20.0
    """For one answer of a provider."""
    heartbeat_seconds: float = 10.0
    """The longest silence before a comment is sent."""
    answer_bytes: int = 8 * MIB
    """The largest answer of a provider or model that is read."""

    def token(self, provider: str) -> str | None:
        """The token of a provider, by its name as clients send it."""
        return self._tokens()[provider]

    def configured(self) -> list[str]:
        """The providers that have a token."""
        return [name for name, token in self._tokens().items() if token]

    def secrets(self) -> list[str]:
        """What must never leave: the longest first, so that none is cut by another."""
        kept = [self.model_key, *self._tokens().values()]
        bare = {part for token in kept if token for part in (token, token.removeprefix("Bearer "))}
        return sorted(bare - {""}, key=lambda secret: (-len(secret), secret))

    def _tokens(self) -> Mapping[str, str | None]:
        return {"GITHUB": self.github_token, "CIRCLECI": self.circleci_token, "LINEAR": self.linear_token}


def setting(key: str) -> str:
    """How an operator sets `key`."""
    return f"[{SECTION}] {key} (or SKILLPRESS_API_{SECTION.upper()}_{key.upper()})"
