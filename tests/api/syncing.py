"""Calls of sync, and the digests that its tests use."""

from __future__ import annotations

import uuid
from typing import Any

from tests.api import shelf
from tests.api.world import Person, World

SYNC = "/api/v1/drive/sync"
X, Y, Z = "x" * 64, "y" * 64, "z" * 64
A, B, C = (shelf.sha256_of(text) for text in "abc")


def local(slug: str, sha256: str, size: int = 100, source: str = "") -> dict[str, Any]:
    return {"slug": slug, "content_sha": sha256, "size_bytes": size, "source": source}


def known(slug: str, sha256: str) -> dict[str, str]:
    return {"slug": slug, "content_sha": sha256}


def preview(who: Person, *machine: dict[str, Any], base: tuple[dict[str, str], ...] = ()) -> dict[str, Any]:
    answer = who.post(f"{SYNC}/preview", json={"local": machine, "hosted_known": base})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


def actions(who: Person, *machine: dict[str, Any], base: tuple[dict[str, str], ...] = ()) -> dict[str, str]:
    found = preview(who, *machine, base=base)
    return {item["slug"]: item["action"] for item in found["classifications"]}


def execute(who: Person, found: list[Any], mode: str = "all", kind: str = "manual", **headers: str) -> Any:
    body = {"install_id": str(uuid.uuid4()), "kind": kind, "mode": mode, "classifications": found}
    return who.post(f"{SYNC}/execute", json=body, headers=headers)


def finalize(who: Person, run_id: str, **more: Any) -> Any:
    return who.post(f"{SYNC}/finalize", json={"run_id": run_id, **more})


def version(api: World, slug: str, ordinal: int = 1) -> Any:
    return api.app.context.catalogue.versions(slug)[ordinal - 1]
