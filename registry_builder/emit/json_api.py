"""The JSON that programs read: route 2 of the reference API as files, the ledger's documents, and schemas.

Source: the reference API's page, "One skill by slug": {"data": {"skill": …, "download": … or null}}.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct

from registry_builder.core.config import AdvisoriesFile, CollectionsFile, RegistryFile
from registry_builder.core.key import download_key
from registry_builder.core.ledger import SERVED, Document, Row, encode
from registry_builder.core.revoked import Revoked
from registry_builder.core.tree import Pointer
from registry_builder.emit.base import Budget, Emission, Made, Page, Site, Summary


class Listed(Struct, frozen=True, kw_only=True):
    """One name and the newest version that is served."""

    name: str
    type: str
    version: int
    state: str
    sha256: str
    time: str
    description: str


class Index(Struct, frozen=True, kw_only=True):
    """Every name that serves something, by name."""

    schema: int = 1
    skills: tuple[Listed, ...]


BUDGETS: tuple[Budget, ...] = ()
NAMESPACE = UUID("5d0f6c1e-8a43-5b77-9f2e-31c4a6d8b905")
SCHEMAS: tuple[tuple[str, object], ...] = (
    ("schemas/index.json", Index),
    ("schemas/ledger-document.json", Document),
    ("schemas/registry.json", RegistryFile),
    ("schemas/collections.json", CollectionsFile),
    ("schemas/advisories.json", AdvisoriesFile),
    ("schemas/release.json", Pointer),
    ("schemas/revoked.json", Revoked),
)


def skill_id(name: str) -> str:
    """The id of a published name: the same on every deployment and after every rebuild."""
    return str(uuid5(NAMESPACE, name))


def emit_skill(page: Page, site: Site) -> Iterator[Made]:
    """Route 2's answer, and the ledger's document."""
    document = page.document
    row = document.current if document.state in SERVED else None
    answer = {"skill": _skill(page, row or document.newest, site), "download": _download(document, row)}
    yield f"api/v1/skills/{document.name}", encode({"data": answer})
    yield f"api/v1/index/{document.name}.json", encode(document)


def emit_registry(summaries: Sequence[Summary], site: Site) -> Emission:
    """The list of names, and a JSON Schema of each file that is ours."""
    skills = tuple(_listed(item) for item in summaries if item.version and item.state in SERVED)
    index = Index(skills=tuple(sorted(skills, key=lambda item: item.name)))
    schemas = [(key, _schema(key, described, site)) for key, described in SCHEMAS]
    return Emission((("api/v1/index.json", encode(index)), *schemas))


def _skill(page: Page, row: Row, site: Site) -> dict[str, object]:
    document = page.document
    return {
        "id": skill_id(document.name),
        "slug": document.name,
        "name": document.title,
        "description": document.description,
        "tags": document.tags,
        "version": row.version,
        "github_url": _github_url(row, site.source_url),
        "category": "public",
        "type": document.type,
        "state": document.state,
        "licence": document.licence,
        "hasScripts": bool(page.skill and page.skill.scripts),
        "execution_tier": document.execution_tier,
        "requiredEnvVars": document.required_env,
        "credit_cost_per_use": document.credit_cost_per_use,
    }


def _download(document: Document, row: Row | None) -> dict[str, object] | None:
    if row is None:
        return None
    return {
        "content_sha": row.sha256,
        "content_size": row.size,
        "version": row.version,
        "url": f"/{download_key(document.name, row.sha256)}",
    }


def _github_url(row: Row, source_url: str | None) -> str | None:
    parts = urlsplit(source_url or "")
    repository = parts.path.strip("/").removesuffix(".git")
    if parts.scheme not in {"http", "https"} or parts.hostname not in {"github.com", "www.github.com"}:
        return None
    return f"https://github.com/{repository}/tree/{row.commit}/{quote(row.path)}".rstrip("/")


def _listed(summary: Summary) -> Listed:
    return Listed(
        name=summary.name,
        type=summary.type,
        version=summary.version,
        state=summary.state,
        sha256=summary.sha256,
        time=summary.time,
        description=summary.description,
    )


def _schema(key: str, described: object, site: Site) -> bytes:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": site.url(key)}
    return encode({**head, **msgspec.json.schema(described)})
