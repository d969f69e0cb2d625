"""What each client makes of an asset: a verdict with reasons, from rules that are written down and measured.

docs/compatibility.md is made from the two tables, of clients and of rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from registry_builder.core.compatibility.facts import facts_of
from registry_builder.core.compatibility.rules import REFUSED, RULES, WORDS, WORKS, Reason
from registry_builder.core.folder import File
from registry_builder.core.skill import Skill

_PLUGINS = ("agent", "bundle", "command", "plugin", "skill")
_ALL = ("agent", "command", "hook", "mcp", "plugin", "rule", "skill")


@dataclass(frozen=True, slots=True)
class Client:
    """A program, or one of its ways to install. Without the emitter that serves it there is no verdict.

    `emitter` is empty for what every registry serves; `types` are those that are listed for the client.
    """

    id: str
    title: str
    emitter: str
    types: tuple[str, ...]


CLIENTS = (
    Client("claude", "Claude Code, archive sources", "claude", _PLUGINS),
    Client("claude-npm", "Claude Code, npm sources", "npm", _PLUGINS),
    Client("clawhub", "clawhub", "clawhub", ("skill",)),
    Client("codex", "Codex CLI", "git", ("plugin", "skill")),
    Client("copilot", "Copilot CLI, skill add", "discovery_v01", ("skill",)),
    Client("copilot-zip", "Copilot CLI, the zip of a collection", "copilot", ("plugin", "skill")),
    Client("curl", "curl and unzip", "", (*_ALL, "bundle")),
    Client("npm", "npm", "npm", _PLUGINS),
    Client("opencode", "OpenCode", "discovery_v01", ("skill",)),
    Client("skills", "skills", "well_known", ("skill",)),
    Client("sx", "sx", "sx", _ALL),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `client` (its id) makes of one asset, and why; without a reason the word is "works"."""

    client: str
    word: str
    reasons: tuple[Reason, ...]


_FINE = {client.id: Verdict(client.id, WORKS, ()) for client in CLIENTS}


def offered(emitters: Iterable[str]) -> tuple[Client, ...]:
    """The clients that a registry with these emitters serves."""
    return _offered(frozenset(emitters))


def named(ids: Collection[str]) -> tuple[Client, ...]:
    """The clients with these ids; one that is not known any more is left out."""
    return tuple(client for client in CLIENTS if client.id in ids)


def verdicts(skill: Skill, files: Sequence[File], clients: Sequence[Client]) -> tuple[Verdict, ...]:
    """What each of `clients` makes of `skill`, whose files are `files`; in their order."""
    facts = facts_of(skill, files)
    reasons: dict[str, list[Reason]] = {client.id: [] for client in clients if skill.type in client.types}
    for rule in RULES:
        if reasons.keys().isdisjoint(rule.clients):
            continue
        if what := rule.cause(facts):
            reason = Reason(rule.id, rule.word, what, rule.mend)
            for client in reasons.keys() & rule.clients:
                reasons[client].append(reason)
    return tuple(
        _verdict(client.id, reasons[client.id]) if client.id in reasons else _stranger(client.id, skill.type)
        for client in clients
    )


@lru_cache(maxsize=64)
def _offered(emitters: frozenset[str]) -> tuple[Client, ...]:
    return tuple(client for client in CLIENTS if not client.emitter or client.emitter in emitters)


def _verdict(client: str, reasons: list[Reason]) -> Verdict:
    if not reasons:
        return _FINE[client]
    return Verdict(client, max((reason.word for reason in reasons), key=WORDS.index), tuple(reasons))


@lru_cache(maxsize=128)
def _stranger(client: str, kind: str) -> Verdict:
    reason = Reason(
        "unknown-type", REFUSED, f"the type {kind} is not served to it", "use a client that knows it"
    )
    return Verdict(client, REFUSED, (reason,))
