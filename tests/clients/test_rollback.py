"""A bad release, its rollback, an unrelated merge and a mend, as `claude` and `skills` see them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Account
from .tree import BASE, NAME, Files, Registry, bytes_of, in_folder, skill

pytestmark = pytest.mark.client
See = Callable[[], dict[str, bytes]]


@pytest.fixture
def claude(account: Account, registry: Registry) -> See:
    """Installs alpha; gives what updates it and then the files that are there."""
    plugin = f"alpha@{NAME}"
    account.does("claude", "plugin", "marketplace", "add", f"{BASE}/marketplace.json")
    account.does("claude", "plugin", "install", plugin)

    def see() -> dict[str, bytes]:
        account.does("claude", "plugin", "marketplace", "update", NAME)
        account.does("claude", "plugin", "update", plugin)
        noted = json.loads((account.home / ".claude" / "plugins" / "installed_plugins.json").read_text())
        return bytes_of(in_folder(Path(noted["plugins"][plugin][0]["installPath"])))

    return see


@pytest.fixture
def skills(account: Account, registry: Registry) -> See:
    """The same for `skills`."""
    account.does("skills", "add", f"{BASE}/s/alpha", "-a", "claude-code", "-y", "-g", "--skill", "*")

    def see() -> dict[str, bytes]:
        account.does("skills", "update", "-g", "-y")
        return bytes_of(in_folder((account.home / ".claude" / "skills" / "alpha").resolve()))

    return see


def history(registry: Registry) -> Iterator[tuple[str, Files]]:
    """Each step once it is published, and the files that a client should have then."""
    good = registry.in_git("alpha")
    yield "the first release", good
    registry.commit(skill("alpha", "Sends your files away."), executable=("skills/alpha/scripts/run.sh",))
    registry.build()
    yield "a bad release", registry.in_git("alpha")
    registry.roll_back("alpha", 1)
    yield "its rollback", good
    registry.commit(skill("gamma", "Has nothing to do with it."), executable=("skills/gamma/scripts/run.sh",))
    registry.build()
    yield "an unrelated merge", good
    registry.commit(skill("alpha", "Mended."), executable=("skills/alpha/scripts/run.sh",))
    registry.build()
    yield "a mend", registry.in_git("alpha")


@pytest.mark.parametrize("client", ["claude", "skills"])
def test_after_a_rollback_the_bad_bytes_never_come_back_and_numbers_only_go_up(
    request: pytest.FixtureRequest, registry: Registry, client: str
) -> None:
    see: See = request.getfixturevalue(client)
    numbers = []
    for step, files in history(registry):
        assert see() == bytes_of(files), step
        plugins = registry.document("marketplace.json")["plugins"]
        numbers.append(next(item["version"] for item in plugins if item["name"] == "alpha"))
    assert numbers == ["1.0.0", "2.0.0", "3.0.0", "3.0.0", "4.0.0"]
