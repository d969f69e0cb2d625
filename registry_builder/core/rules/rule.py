"""A rule with its levels, and the policy that decides which of them count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from registry_builder.core.finding import Finding
from registry_builder.core.folder import Folder
from registry_builder.core.problem import Problem
from registry_builder.core.shown import shown

LEVELS = ("error", "warning", "off")
PRESETS = ("portable", "lenient")


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong: `levels` maps preset → level.

    A `fixed` rule guards what is unsafe, unreadable or collides: its level cannot be lowered.
    `why` is for the page of rules, `mend` for findings, `mechanical` says that `--fix` can apply it.
    """

    id: str
    title: str
    levels: Mapping[str, str]
    fixed: bool
    why: str
    mend: str
    mechanical: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one asset may weigh; the defaults are those of the strictest client that is served."""

    files: int = 1000
    bytes: int = 25 * 2**20
    file_bytes: int = 10 * 2**20


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in force: a preset, levels by rule id that override it, limits, names that may look alike."""

    preset: str = "portable"
    levels: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    allow_confusable: frozenset[tuple[str, str]] = frozenset()

    def level(self, rule: Rule) -> str:
        """The level of `rule`: the override if there is one and it may be lowered, else the preset's."""
        if rule.fixed:
            return "error"
        return self.levels.get(rule.id, rule.levels[self.preset])

    def allows(self, one: str, other: str) -> bool:
        """Whether these two names were declared to be different on purpose."""
        return not self.allow_confusable.isdisjoint({(one, other), (other, one)})


def refused(identity: str, title: str, why: str, mend: str, *, mechanical: bool = False) -> Rule:
    """A rule that is an error whatever the policy says."""
    return Rule(identity, title, dict.fromkeys(PRESETS, "error"), True, why, mend, mechanical)


def rule(  # noqa: PLR0913 - a table row, each column named at the call
    identity: str, title: str, portable: str, lenient: str, *, why: str, mend: str, mechanical: bool = False
) -> Rule:
    """A rule whose level depends on the preset and can be overridden."""
    return Rule(identity, title, {"portable": portable, "lenient": lenient}, False, why, mend, mechanical)


def finding_of(problem: Problem, rule: Rule, level: str, folder: Folder) -> Finding:
    """`problem` as a finding about `folder`."""
    path = f"{folder.path}/{problem.path}" if problem.path else folder.path
    mend = problem.mend or rule.mend
    return Finding(rule.id, level, shown(folder.name), shown(path, 500), problem.line, problem.message, mend)
