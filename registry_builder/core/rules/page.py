"""The page of rules in the documentation, made from the table."""

from __future__ import annotations

from registry_builder.core.rules.rule import Rule
from registry_builder.core.rules.table import THEMES

_HEAD = """\
# Rules

What `skillpress check` looks for. Generated from the table of rules by `make docs`; a test compares.

- `portable` (the default) makes an error of whatever a client would refuse, drop or misread; `lenient` only
  of what is unreadable, unsafe or collides.
- The level of a rule can be set in `registry.toml`: `[check] levels = { body-too-long = "off" }`. **Always
  an error** means that it cannot be lowered.
- `--fix` applies a mend that is marked as mechanical.
"""


def rules_page() -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD]
    for theme, rules in THEMES:
        parts.append(f"\n## {theme}\n")
        parts += [_entry(rule) for rule in sorted(rules, key=lambda rule: rule.id)]
    return "".join(parts)


def _entry(rule: Rule) -> str:
    levels = "; ".join(f"{preset}: {level}" for preset, level in rule.levels.items())
    level = "Always an error" if rule.fixed else levels.capitalize()
    mechanical = " Mechanical: `--fix` does it." if rule.mechanical else ""
    return f"\n### {rule.id}\n\n{rule.title}. **{level}.**\n\n{rule.why}\n\nMend: {rule.mend}.{mechanical}\n"
