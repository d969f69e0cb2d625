"""The table of all rules."""

from __future__ import annotations

from registry_builder.core.rules import (
    assets,
    fields,
    links,
    names,
    paths,
    prompt,
    scripts,
    secrets,
    size,
    text,
)
from registry_builder.core.rules.rule import Rule

THEMES: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("The prompt file and its front matter", prompt.RULES),
    ("Name and fields", fields.RULES),
    ("Between assets", names.RULES),
    ("Paths", paths.RULES),
    ("Size, links and leftovers", size.RULES),
    ("Manifests", assets.RULES),
    ("Text", text.RULES),
    ("Secrets", secrets.RULES),
    ("Links in Markdown", links.RULES),
    ("Scripts", scripts.RULES),
)
RULES: tuple[Rule, ...] = tuple(
    sorted((rule for _, rules in THEMES for rule in rules), key=lambda rule: rule.id)
)
RULES_BY_ID = {rule.id: rule for rule in RULES}
