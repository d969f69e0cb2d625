"""A plan for reviewers: the document of `plan --json`, and the Markdown of a job summary or a comment.

What a plan quotes comes from whoever wrote the change, so it only ever appears inside code spans, where
Markdown has no mentions, no links, no HTML and no way out of the table's cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from registry_builder.cli.findings import count, printable
from registry_builder.core.errors import Misuse

ROWS = 50
WIDTH = 120
LONGEST = 60_000
_NOT_IN_CELLS = {ord("`"): "'", ord("|"): "\\u007c"}
"""A backtick would end the code span, and a bar the cell; mends quote with backticks."""


class Minted(Struct, frozen=True):
    """A version that would be made."""

    name: str
    version: int
    tree: str


class Written(Struct, frozen=True, rename={"group": "class"}):
    """A key that would be written."""

    change: str
    group: str
    bytes: int


class Found(Struct, frozen=True):
    """A finding of the check."""

    rule: str
    level: str
    path: str
    line: int
    message: str
    mend: str = ""


class PlanDocument(Struct, frozen=True, kw_only=True):
    """What `plan --json` prints, as far as people are shown it; `error` when there can be no release."""

    schema: int = 1
    minted: list[Minted] = []
    removed: list[str] = []
    refused: list[str] = []
    keys: list[Written] = []
    dropped: list[str] = []
    error: dict[str, str] = {}
    findings: list[Found] = []


def read_plan(body: bytes | dict[str, object]) -> PlanDocument:
    """A plan from JSON, or from what is to become JSON. Raises Misuse."""
    try:
        if isinstance(body, bytes):
            plan = msgspec.json.decode(body, type=PlanDocument)
        else:
            plan = msgspec.convert(body, type=PlanDocument)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Misuse("bad-plan", f"no plan: {error}", mend="make it with skillpress plan --json") from error
    if plan.schema != 1:
        raise Misuse("bad-plan", f"a plan of schema {plan.schema}", mend="use the builder that made it")
    return plan


def markdown(plan: PlanDocument) -> str:
    """`plan` as GitHub's Markdown, at most `LONGEST` characters."""
    parts = ["### Skillpress plan", *_verdict(plan)]
    parts += _findings(plan.findings)
    parts += _table(
        "Minted",
        ("skill", "version", "tree"),
        ((code(row.name), str(row.version), code(row.tree[:12])) for row in plan.minted[:ROWS]),
        len(plan.minted),
    )
    for title, names in (("Removed", plan.removed), ("Left at the last version", plan.refused)):
        parts += _table(title, ("skill",), ((code(name),) for name in names[:ROWS]), len(names))
    parts += _table("Keys", ("change", "class", "keys", "bytes"), *_keys(plan.keys))
    text = "\n\n".join(parts) + "\n"
    return text if len(text) <= LONGEST else "\n\n".join(parts[:2]) + "\n\nThe rest is too long to show.\n"


def code(text: str) -> str:
    """`text` as one code span of one line that a table's cell can hold, cut to `WIDTH` characters."""
    flat = " ".join(text[: WIDTH * 8].split())
    cut = flat if len(flat) <= WIDTH else f"{flat[: WIDTH - 1]}…"
    safe = printable(cut).translate(_NOT_IN_CELLS)
    return f"`{safe}`" if safe else "–"


def _verdict(plan: PlanDocument) -> list[str]:
    if plan.error:
        return [f"**This would not be published**: {code(plan.error.get('message', 'refused'))}."]
    if not (plan.minted or plan.removed or plan.keys):
        return ["Nothing would change."]
    size = sum(row.bytes for row in plan.keys)
    changes = [
        f"{count(len(plan.minted), 'version')} minted",
        f"{count(len(plan.removed), 'skill')} removed",
        f"{count(len(plan.keys), 'key')} written ({size:,} bytes)",
    ]
    return [f"Merging this: {', '.join(changes)}."]


def _findings(findings: Sequence[Found]) -> list[str]:
    ordered = sorted(findings, key=lambda item: item.level != "error")[:ROWS]
    rows = (
        (
            code(item.level),
            code(f"{item.path}:{item.line}"),
            code(item.rule),
            code(item.message),
            code(item.mend),
        )
        for item in ordered
    )
    return _table("Findings", ("level", "place", "rule", "finding", "mend"), rows, len(findings))


def _keys(keys: Sequence[Written]) -> tuple[Iterable[tuple[str, ...]], int]:
    numbers: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for row in keys:
        numbers[row.change, row.group] += 1
        sizes[row.change, row.group] += row.bytes
    rows = [
        (code(change), code(group), f"{number:,}", f"{sizes[change, group]:,}")
        for (change, group), number in sorted(numbers.items())
    ]
    return rows[:ROWS], len(rows)


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], total: int) -> list[str]:
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]
    if total == 0:
        return []
    more = [f"… and {total - ROWS:,} more."] if total > ROWS else []
    return [f"**{title}**", "\n".join(lines), *more]
