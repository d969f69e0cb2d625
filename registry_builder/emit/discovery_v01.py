"""Discovery v0.1: an index of files, and each file of each skill under its own name.

Source: OpenCode 1.18.33 resolves each of `files` against <index>/<name>/ as a relative URL, needs SKILL.md,
and takes a new `version` only if it gets all of its files. `copilot skill add` reads a SKILL.md, and older
versions of `skills` the index without `version`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from registry_builder.core.finding import Finding
from registry_builder.core.ledger import encode
from registry_builder.core.shown import shown
from registry_builder.emit.base import PATHS, Budget, Emission, Made, Page, Site, Summary, cut, listed

BUDGETS: tuple[Budget, ...] = ()
ENTRIES = 200
KEY = ".well-known/skills/index.json"

_DESCRIPTION = 1_024
# What a relative URL says otherwise than by standing for itself.
_NO_URL = re.compile(r"^[\x00-\x20]|[\x00-\x1f\x7f#%:?\\]")


def emit_skill(page: Page, site: Site) -> Iterator[Made]:
    """Every file of a skill, as it is."""
    if page.document.type == "skill" and page.skill:
        for file in page.files:
            yield f".well-known/skills/{page.document.name}/{file.path}", file.data


def emit_registry(summaries: Sequence[Summary], site: Site) -> Emission:
    """The index. OpenCode downloads all that it names, so it names no more than 200 skills."""
    skills = listed(summaries, "skill")
    problems = [(item, problem) for item in skills if (problem := _problem(item))]
    fit = [item for item in skills if not _problem(item)]
    wanted = _wanted(fit, site)
    findings = [_left_out(item, problem) for item, problem in problems]
    if len(wanted) > ENTRIES:
        findings.append(_cut(len(wanted), site))
    entries = [_entry(item) for item in sorted(_newest(wanted), key=lambda item: item.name)]
    return Emission(((KEY, encode({"skills": entries})),), tuple(findings))


def _problem(summary: Summary) -> str:
    """Why the client would not get all the files, empty when it would."""
    if summary.files > PATHS:
        return f"it has {summary.files:,} files, each of them a request, and {PATHS:,} are allowed"
    if "SKILL.md" not in summary.paths:
        return "it has no SKILL.md"
    odd = next((path for path in summary.paths if _NO_URL.search(path)), None)
    return f"{shown(odd)} would have to be written otherwise in a URL" if odd is not None else ""


def _wanted(skills: list[Summary], site: Site) -> list[Summary]:
    """All, or the collection `default` where all would be too many."""
    if len(skills) <= ENTRIES:
        return skills
    default = next(
        (frozenset(item.members) for item in site.collections if item.name == "default"), frozenset()
    )
    return [item for item in skills if item.name in default] or skills


def _newest(skills: Sequence[Summary]) -> list[Summary]:
    by_name = sorted(skills, key=lambda item: item.name)
    return sorted(by_name, key=lambda item: item.time, reverse=True)[:ENTRIES]


def _entry(summary: Summary) -> dict[str, object]:
    text = summary.description.strip() or summary.title.strip() or summary.name
    return {
        "name": summary.name,
        "description": cut(text, _DESCRIPTION),
        "files": summary.paths,
        "version": str(summary.version),
    }


def _left_out(summary: Summary, problem: str) -> Finding:
    return Finding(
        rule="discovery-left-out",
        level="warning",
        name=summary.name,
        path=summary.path,
        line=0,
        message=f"is left out of the index for OpenCode: {problem}",
        mend="rename or remove what is named, or leave the skill to the other clients",
    )


def _cut(total: int, site: Site) -> Finding:
    return Finding(
        rule="discovery-cut",
        level="warning",
        name=site.name,
        path=KEY,
        line=0,
        message=f"lists the newest {ENTRIES} of {total} skills: OpenCode downloads every file of an index",
        mend=f"make a collection called default of at most {ENTRIES} skills",
    )
