"""`skills find`: one list of names, whatever is searched for.

Source: skills 1.7.4 asks $SKILLS_API_URL/api/search, shows `source` and `name`, most installs first, and
installs `name` from `source`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from registry_builder.core.finding import Finding
from registry_builder.core.ledger import encode
from registry_builder.emit.base import Budget, Emission, Site, Summary, listed

KEY = "api/search"
BYTES = 1_048_576
BUDGETS = (Budget(KEY, BYTES, "`skills find` prints all of it, so 1 MiB is what we allow"),)


def emit_registry(summaries: Sequence[Summary], site: Site) -> Emission:
    """The list by name; when it would be too large, of the newest that fit."""
    skills = listed(summaries, "skill")
    kept = _newest(skills, site)
    body = encode({"skills": [_entry(item, site) for item in sorted(kept, key=lambda item: item.name)]})
    findings = (_cut(len(kept), len(skills), site),) if len(kept) < len(skills) else ()
    return Emission(((KEY, body),), findings)


def _newest(skills: Sequence[Summary], site: Site) -> list[Summary]:
    ordered = sorted(skills, key=lambda item: item.name)
    ordered.sort(key=lambda item: item.time, reverse=True)
    # An entry ends with its own newline in `encode`, and with a comma in the list.
    sizes = accumulate(
        (len(encode(_entry(item, site))) for item in ordered), initial=len(encode({"skills": []}))
    )
    next(sizes)
    return [item for item, size in zip(ordered, sizes, strict=True) if size <= BYTES]


def _entry(summary: Summary, site: Site) -> dict[str, object]:
    source = site.url(f"s/{summary.name}")
    return {"id": summary.name, "name": summary.name, "source": source, "installs": 0}


def _cut(kept: int, total: int, site: Site) -> Finding:
    return Finding(
        rule="search-cut",
        level="warning",
        name=site.name,
        path=KEY,
        line=0,
        message=f"lists the newest {kept:,} of {total:,} skills: more would exceed {BYTES:,} bytes",
        mend="let people search the pages or the API instead",
    )
