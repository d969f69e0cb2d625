"""The planner without a model: the first rule that fits names one tool, and says what it left out.

Nothing is guessed: a word of the question that no part of a rule used is named in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dynamic_api.ai_query.frames import Emit, run_tool
from dynamic_api.ai_query.provider import Found, Provider, Row
from dynamic_api.ai_query.question import Question

_IDLE = (
    "a about all an and any are as at available be been can could currently did do does done find "
    "for from get give has have how i in is it its list many me my of on or our please project "
    "repo repository right now show tell that the their there these they this those to us was we "
    "were what when where which who whose will with you your s state status"
)
IDLE = frozenset(_IDLE.split())
_WORD = re.compile(r"[\w#@][\w.@/#'’-]*")
_NEGATION = re.compile(r"not|never|except|excluding|neither|nor|other|\w+n['’]t", re.IGNORECASE)


@dataclass(slots=True)
class Asked:
    """A question on its way through a rule; `taken` has the spans of the words that were used."""

    question: Question
    text: str
    taken: list[tuple[int, int]] = field(default_factory=list)

    def take(self, pattern: str) -> str:
        """The first group (or all) of the first match, marked as used; empty without a match."""
        found = re.search(pattern, self.text, re.IGNORECASE)
        if found is None:
            return ""
        self.taken.append(found.span())
        return found[1] if found.re.groups else found[0]

    def has(self, *patterns: str) -> bool:
        """Whether each pattern occurs; all their matches count as used."""
        spans = [[found.span() for found in re.finditer(one, self.text, re.IGNORECASE)] for one in patterns]
        if not all(spans):
            return False
        self.taken += [span for found in spans for span in found]
        return True

    def limit(self, otherwise: int) -> int:
        """`the last 5 …`, within what the tools take."""
        number = self.take(r"\b(?:last|latest|newest|recent|first|top)\s+(\d{1,4})\b")
        return max(1, min(int(number), 50)) if number else otherwise

    def branch(self) -> str:
        """A branch that is named, or the checked out one if the question says so."""
        if self.take(r"\b(?:this|my|current) branch\b"):
            return self.question.branch
        named = self.take(r"\bbranch\s+[\"'`]?(?!is\b|has\b)([\w./-]*\w)")
        named = named or self.take(r"\b(?:on|to|into|against|for|of)\s+[\"'`]?([\w./-]*\w)[\"'`]?\s+branch\b")
        return named or self.take(r"\b(?:on|to|into|against|for|of)\s+(main|master|develop|trunk)\b")

    def ignored(self) -> list[str]:
        """The words that played no part."""
        words = _WORD.finditer(self.text)
        left = [
            word[0].rstrip(".-/")
            for word in words
            if not any(start < word.end() and word.start() < end for start, end in self.taken)
        ]
        return [word for word in dict.fromkeys(left) if word.lower() not in IDLE]


@dataclass(frozen=True, slots=True)
class Plan:
    """One call, and how to read its result aloud."""

    tool: str
    arguments: Mapping[str, object]
    heading: str
    line: Callable[[Row], str]
    none: str = "None."


@dataclass(frozen=True, slots=True)
class Rule:
    """`example` is a question that it answers; `plan` gives None for questions of others."""

    example: str
    plan: Callable[[Asked], Plan | None]


@dataclass(frozen=True, slots=True)
class Unclear(Exception):  # noqa: N818 - it is an answer, not an error
    """A rule fits, but the question lacks something that only the asker knows."""

    answer: str


async def answer_by_rules(question: Question, provider: Provider, rules: Sequence[Rule], emit: Emit) -> str:
    """The answer in words. Raises what the provider raises."""
    for rule in rules:
        asked = Asked(question, question.text)
        try:
            plan = rule.plan(asked)
        except Unclear as unclear:
            return unclear.answer
        if plan is not None:
            ignored = asked.ignored()
            if any(_NEGATION.fullmatch(word) for word in ignored):
                return (
                    "Not answered: no rule understands a “not”. Ask for what is, instead of for what is not."
                )
            found = await run_tool(provider, plan.tool, plan.arguments, emit)
            return _say(plan, found, ignored)
    return _cannot(question, rules)


def _say(plan: Plan, found: Found, ignored: Sequence[str]) -> str:
    parts = [f"{plan.heading}: {plan.none if not found.rows else _count(found)}"]
    parts += [f"- {plan.line(row)}" for row in found.rows]
    if found.note:
        parts.append(f"Note: {found.note}.")
    if ignored:
        parts.append(f"Not taken into account: {', '.join(ignored)}.")
    return "\n".join(parts)


def _count(found: Found) -> str:
    return f"{len(found.rows)}{', and there are more' if found.more else ''}"


def _cannot(question: Question, rules: Sequence[Rule]) -> str:
    examples = "\n".join(f"- {rule.example}" for rule in rules)
    return (
        f"Not answered: no language model is configured here, and no rule for {question.provider} fits this "
        f"question. What can be asked:\n{examples}"
    )
