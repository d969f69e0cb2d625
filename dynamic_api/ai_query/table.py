"""Each provider with what opens it and what can be asked of it by rules, and each protocol of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx2

from dynamic_api.ai_query.anthropic_messages import AnthropicMessages
from dynamic_api.ai_query.circleci import open_circleci
from dynamic_api.ai_query.config import AiQuery
from dynamic_api.ai_query.github import open_github
from dynamic_api.ai_query.linear import open_linear
from dynamic_api.ai_query.model import Conversation
from dynamic_api.ai_query.openai_chat import OpenAiChat
from dynamic_api.ai_query.provider import Provider, Tool
from dynamic_api.ai_query.question import Question
from dynamic_api.ai_query.rules import Rule
from dynamic_api.ai_query.rules_ci import CIRCLECI_RULES
from dynamic_api.ai_query.rules_github import GITHUB_RULES
from dynamic_api.ai_query.rules_linear import LINEAR_RULES

Open = Callable[[Question, AiQuery, httpx2.AsyncClient], Provider]
Talk = Callable[[AiQuery, httpx2.AsyncClient, str, str, Sequence[Tool]], Conversation]


@dataclass(frozen=True, slots=True)
class Entry:
    """A provider."""

    open: Open
    rules: Sequence[Rule]


PROVIDERS: Mapping[str, Entry] = {
    "GITHUB": Entry(open_github, GITHUB_RULES),
    "CIRCLECI": Entry(open_circleci, CIRCLECI_RULES),
    "LINEAR": Entry(open_linear, LINEAR_RULES),
}

MODELS: Mapping[str, Talk] = {"openai": OpenAiChat, "anthropic": AnthropicMessages}
