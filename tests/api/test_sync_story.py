"""Two machines and one drive, from the first run to a conflict and back (issue 5, "Shown by" 4)."""

from __future__ import annotations

import re
from pathlib import Path

from tests.api import shelf
from tests.api.machine import Machine
from tests.api.world import Person, World

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sync.md"


def test_two_machines(api: World, person: Person, tmp_path: Path) -> None:
    """5: what the page tells is what happens, on both databases."""
    told: list[str] = []

    def machine(name: str) -> Machine:
        (tmp_path / name).mkdir()
        return Machine(name, tmp_path / name, api, person, told=told)

    laptop, desktop = machine("laptop"), machine("desktop")

    # A published skill that was installed long ago, and one that was written here.
    url = api.anonymous.get("/api/v1/skills/text-facts").json()["data"]["download"]["url"]
    laptop.unpack("text-facts", api.anonymous.get(url).content)
    laptop.sources["text-facts"] = "skillzdrive:text-facts"
    laptop.write("my-notes", "Write things down.")
    assert laptop.sync("first_run") == {"text-facts": "claim_public", "my-notes": "upload_private"}

    # The other machine has nothing, and gets both, byte for byte.
    assert desktop.sync("first_run") == {"text-facts": "download_install", "my-notes": "download_install"}
    assert desktop.skills() == laptop.skills()
    assert laptop.sync() == desktop.sync() == {}

    # A change goes up from one and comes down on the other.
    laptop.write("my-notes", "Write things down, twice.")
    assert [item["slug"] for item in laptop.diff()["divergent"]] == ["my-notes"]
    assert laptop.sync() == {"my-notes": "upload_update"}
    assert desktop.sync() == {"my-notes": "download_update"}
    assert "twice" in desktop.read("my-notes")

    # Both change it: the second to come is told, and nothing of it is lost.
    laptop.write("my-notes", "The laptop's word.")
    desktop.write("my-notes", "The desktop's word.")
    assert laptop.sync() == {"my-notes": "upload_update"}
    assert desktop.sync() == {"my-notes": "conflict"}
    assert "The desktop's word." in desktop.read("my-notes")

    # Its user keeps both.
    desktop.write("desk-notes", "The desktop's word.")
    desktop.remove("my-notes")
    del desktop.known["my-notes"]
    assert desktop.sync() == {"desk-notes": "upload_private", "my-notes": "download_install"}
    assert "The laptop's word." in desktop.read("my-notes")
    assert laptop.sync() == {"desk-notes": "download_install"}
    assert desktop.skills() == laptop.skills()

    # What is removed on one side is reported on the other, and deleted nowhere.
    laptop.remove("desk-notes")
    assert laptop.sync() == {"desk-notes": "removed_local"}
    assert person.delete("/api/v1/drive/text-facts").status_code == 200
    assert desktop.sync() == {"text-facts": "removed_remote"}
    assert (desktop.disk / "text-facts" / "SKILL.md").exists()
    assert shelf.drive_slugs(person) == ["desk-notes", "my-notes"]

    # Four uploads were paid, one credit each; nothing else cost anything.
    assert [entry[1:3] for entry in shelf.entries(api, person)] == [("grant", 25), *[("upload", -1)] * 4]
    _, _, chapter = PAGE.read_text(encoding="utf-8").partition("## Two machines\n")
    assert "".join(re.findall(r"```text\n(.*?)```", chapter, re.DOTALL)) == "\n".join(told) + "\n"
