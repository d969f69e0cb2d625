"""`skills`: discovery v0.2, an index of archives with their digests.

Source: the schema named below and skills 1.7.4: `description` has 1 to 1024 characters, counted as
JavaScript does; an archive at most 1,000 files and 50 MiB unpacked; every archive of an index is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry_builder.core.finding import Finding
from registry_builder.core.key import download_key
from registry_builder.core.ledger import encode
from registry_builder.emit.base import Budget, Emission, Made, Page, Site, Summary, cut, listed, summarise

BUDGETS: tuple[Budget, ...] = ()
ENTRIES = 200
SCHEMA = "https://schemas.agentskills.io/discovery/0.2.0/schema.json"

_KEY = ".well-known/agent-skills/index.json"
_DESCRIPTION = 1_024
_MEBIBYTE = 1_048_576
_LIMITS = (
    ("files", 1_000, "files"),
    ("bytes", 50 * _MEBIBYTE, "bytes unpacked"),
)


def emit_skill(page: Page, site: Site) -> Iterator[Made]:
    """The index of one skill, empty when nothing is served or the client would refuse it."""
    if page.document.type == "skill":
        fit = [item for item in listed([summarise(page.document)], "skill") if not _excess(item)]
        yield f"s/{page.document.name}/{_KEY}", _index(fit, site)


def emit_registry(summaries: Sequence[Summary], site: Site) -> Emission:
    """The index of the root, and one per collection under s/<c>/; those of retired collections are empty."""
    skills = listed(summaries, "skill")
    fit = [item for item in skills if not _excess(item)]
    findings = [_refused(item) for item in skills if _excess(item)]
    scopes = {f"s/{name}/{_KEY}": list[Summary]() for name in site.retired}
    for collection in site.collections:
        scopes[f"s/{collection.name}/{_KEY}"] = _members(fit, collection.members)
    scopes[_KEY] = _root(fit, site)
    entries: list[Made] = []
    for key, items in sorted(scopes.items()):
        entries.append((key, _index(_newest(items), site)))
        if len(items) > ENTRIES:
            findings.append(_cut(key, len(items), site))
    return Emission(tuple(entries), tuple(findings))


def _members(skills: Sequence[Summary], names: Sequence[str]) -> list[Summary]:
    wanted = frozenset(names)
    return [item for item in skills if item.name in wanted]


def _root(skills: list[Summary], site: Site) -> list[Summary]:
    """All, or the collection `default` where all would be too many."""
    if len(skills) <= ENTRIES:
        return skills
    default = next((item.members for item in site.collections if item.name == "default"), ())
    return _members(skills, default) or skills


def _newest(skills: Sequence[Summary]) -> list[Summary]:
    by_name = sorted(skills, key=lambda item: item.name)
    return sorted(by_name, key=lambda item: item.time, reverse=True)[:ENTRIES]


def _index(skills: Sequence[Summary], site: Site) -> bytes:
    entries = [_entry(item, site) for item in sorted(skills, key=lambda item: item.name)]
    return encode({"$schema": SCHEMA, "skills": entries})


def _entry(summary: Summary, site: Site) -> dict[str, str]:
    return {
        "name": summary.name,
        "type": "archive",
        "description": _description(summary),
        "url": site.url(download_key(summary.name, summary.sha256)),
        "digest": f"sha256:{summary.sha256}",
    }


def _description(summary: Summary) -> str:
    """1 to 1024 of JavaScript's characters, of which one beyond the basic plane takes two."""
    text = summary.description.strip() or summary.title.strip() or summary.name
    fits = text.encode("utf-16-le")[: 2 * _DESCRIPTION].decode("utf-16-le", "ignore")
    return cut(text, len(fits))


def _excess(summary: Summary) -> str:
    """The first of the client's limits that the archive exceeds, in words; empty when there is none."""
    for field, limit, unit in _LIMITS:
        if (found := getattr(summary, field)) > limit:
            return f"{found:,} {unit}, and `skills` takes {limit:,}"
    return ""


def _refused(summary: Summary) -> Finding:
    return Finding(
        rule="client-limit",
        level="warning",
        name=summary.name,
        path=summary.path,
        line=0,
        message=f"is left out of the indexes for `skills`: it has {_excess(summary)}",
        mend="make the skill smaller, or leave it to the other clients",
    )


def _cut(key: str, total: int, site: Site) -> Finding:
    return Finding(
        rule="discovery-cut",
        level="warning",
        name=site.name,
        path=key,
        line=0,
        message=f"lists the newest {ENTRIES} of {total} skills: `skills` downloads every archive of an index",
        mend=f"make collections of at most {ENTRIES} skills, and one called default for the root index",
    )
