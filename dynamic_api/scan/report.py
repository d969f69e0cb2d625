"""What a scan found, and the letter that sums it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SEVERITIES = ("low", "medium", "high", "critical")
GRADES = {"low": "B", "medium": "C", "high": "D", "critical": "F"}
"""The worst finding decides; without any the grade is A."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. `line` counts from 1, 0 is the whole file; `path` is inside the folder."""

    rule: str
    severity: str
    path: str
    line: int
    message: str
    mend: str

    @property
    def place(self) -> str:
        """`path:line`, or the path alone."""
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True)
class Report:
    """`findings` have the worst first, then go by place. `scanner` is the version of the rules."""

    grade: str
    findings: tuple[Finding, ...]
    scanner: int


def report_of(findings: Sequence[Finding], scanner: int) -> Report:
    """The report of `findings`, each once."""
    ordered = sorted(
        set(findings),
        key=lambda finding: (
            -SEVERITIES.index(finding.severity),
            finding.path,
            finding.line,
            finding.rule,
            finding.message,
        ),
    )
    return Report(GRADES[ordered[0].severity] if ordered else "A", tuple(ordered), scanner)


def lower(severity: str) -> str:
    """One step less: for what is told and not run, or quoted and not told."""
    return SEVERITIES[max(0, SEVERITIES.index(severity) - 1)]
