"""What is wrong with an asset: a table of rules, each with a stable id, a level by preset, and a mend."""

from registry_builder.core.rules.check import check_folder
from registry_builder.core.rules.fields import name_problem
from registry_builder.core.rules.fix import apply_fixes
from registry_builder.core.rules.names import check_names
from registry_builder.core.rules.page import rules_page
from registry_builder.core.rules.prompt import PROMPT_FILES
from registry_builder.core.rules.rule import LEVELS, PRESETS, Limits, Policy, Rule
from registry_builder.core.rules.table import RULES

__all__ = [
    "LEVELS",
    "PRESETS",
    "PROMPT_FILES",
    "RULES",
    "Limits",
    "Policy",
    "Rule",
    "apply_fixes",
    "check_folder",
    "check_names",
    "name_problem",
    "rules_page",
]
