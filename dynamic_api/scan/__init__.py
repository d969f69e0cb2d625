"""The security scan of a skill that somebody uploads or imports: findings with places, and a grade A to F."""

from __future__ import annotations

from dynamic_api.scan.advisories import Advisories, Advisory, built_in, load_osv
from dynamic_api.scan.report import GRADES, Finding, Report
from dynamic_api.scan.rules import RULES, Rule
from dynamic_api.scan.scan import scan

__all__ = [
    "GRADES",
    "RULES",
    "Advisories",
    "Advisory",
    "Finding",
    "Report",
    "Rule",
    "built_in",
    "load_osv",
    "scan",
]
