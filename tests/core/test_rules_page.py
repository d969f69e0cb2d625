"""docs/rules.md has an entry for every rule and says what the table says."""

from __future__ import annotations

import re
from pathlib import Path

from registry_builder.core.rules import RULES, rules_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rules.md"


def test_page_is_the_one_that_the_table_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == rules_page()


def test_page_has_each_rule_once() -> None:
    entries = re.findall(r"^### (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(entries) == [rule.id for rule in RULES]


def test_every_rule_says_what_why_and_how_to_mend() -> None:
    assert [rule.id for rule in RULES if not (rule.title and rule.why.endswith(".") and rule.mend)] == []
    assert [rule.id for rule in RULES if rule.mend.endswith(".") or rule.title.endswith(".")] == []
