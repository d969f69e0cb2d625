"""What each client makes of an asset: clients, rules that were measured, verdicts with reasons."""

from registry_builder.core.compatibility.page import compatibility_page
from registry_builder.core.compatibility.rules import RULES, WORDS, WORKS, Reason, Rule
from registry_builder.core.compatibility.verdict import CLIENTS, Client, Verdict, named, offered, verdicts

__all__ = [
    "CLIENTS",
    "RULES",
    "WORDS",
    "WORKS",
    "Client",
    "Reason",
    "Rule",
    "Verdict",
    "compatibility_page",
    "named",
    "offered",
    "verdicts",
]
