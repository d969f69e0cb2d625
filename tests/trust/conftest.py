"""Two generations of a small registry, and keys of two out of three."""

from __future__ import annotations

from pathlib import Path

import pytest
from history import Registry, make_repo, skill
from signed_registry import NOW, Signatures

from registry_builder.store.memory import MemoryStore
from registry_builder.trust import ceremony
from registry_builder.trust.metadata import Lifetimes


@pytest.fixture(scope="session")
def generations(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """What an unsigned bucket holds after the first and after the second release."""
    repo = make_repo(tmp_path_factory.mktemp("content"))
    store = MemoryStore()
    registry, found = Registry(store), []
    for text in ("One.", "Two."):
        repo.commit({"skills/alpha/SKILL.md": skill("alpha", text)})
        assert registry.build(repo.path)
        found.append(dict(store.objects))
    return found


@pytest.fixture
def signatures(tmp_path: Path, generations: list[dict[str, bytes]]) -> Signatures:
    """The first generation, not signed yet, and a folder of keys."""
    folder = tmp_path / "keys"
    ceremony.init(folder, Lifetimes(), 2, 3, NOW)
    store = MemoryStore()
    store.objects.update(generations[0])
    trusted = (folder / "root.json").read_bytes()
    return Signatures(folder, store, trusted, tmp_path / "state", generations)
