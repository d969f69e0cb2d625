"""Copilot: each collection as a zip that is a local marketplace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from emit.samples import SITE, collection, document, row

from registry_builder.core.artifact import OWN, read
from registry_builder.core.folder import File
from registry_builder.core.key import KeyClass, classify, content_type
from registry_builder.emit import copilot
from registry_builder.emit.base import Emission, Summary, summarise

CATALOGUE = ".claude-plugin/marketplace.json"
SKILL = File("SKILL.md", b"# x\n")
RUN = File("scripts/run.sh", b"#!/bin/sh\n", executable=True)


def member(name: str, number: int = 1, **changes: Any) -> Summary:
    fields = changes.pop("row", {})
    return summarise(document(name, row(number, name, **fields), **changes))


def emitted(members: Mapping[str, tuple[File, ...]], *summaries: Summary) -> Emission:
    """The collection `papers` of `summaries`, whose files are `members`."""
    given = collection("papers", *(item.name for item in summaries))
    return copilot.emit_collection(given, summaries, members.__getitem__, SITE)


def unpacked(emission: Emission) -> tuple[dict[str, Any], dict[str, File]]:
    ((key, body),) = emission.entries
    assert key == "copilot/papers.zip"
    files = {file.path: file for file in read(body, OWN)}
    return json.loads(files.pop(CATALOGUE).data), files


def entry(name: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "name": name,
        "description": f"Does {name}.",
        "version": "1.0.0",
        "source": f"./plugins/{name}",
        "strict": False,
        "skills": ["./"],
    }
    return plain | changes


def test_the_zip_is_a_marketplace_with_the_files_of_the_members() -> None:
    emission = emitted({"bb": (SKILL,), "aa": (SKILL, RUN)}, member("bb", 3), member("aa"))
    catalogue, files = unpacked(emission)
    assert catalogue == {
        "name": "acme-papers",
        "description": "All of papers.",
        "owner": {"name": "Acme", "email": "skills@acme.example", "url": "https://acme.example"},
        "plugins": [entry("aa"), entry("bb", version="3.0.0")],
    }
    assert files == {
        f"plugins/{name}/{file.path}": File(f"plugins/{name}/{file.path}", file.data, file.executable)
        for name, file in (("aa", SKILL), ("aa", RUN), ("bb", SKILL))
    }
    assert emission.findings == ()


def test_a_plugin_with_a_manifest_of_its_own_gets_no_component_keys() -> None:
    files = (File(".claude-plugin/plugin.json", b'{"name": "aa"}'), SKILL)
    catalogue, _ = unpacked(emitted({"aa": files}, member("aa", type="plugin", manifest=True)))
    plain = entry("aa")
    assert catalogue["plugins"] == [{key: plain[key] for key in plain if key not in ("strict", "skills")}]


@pytest.mark.parametrize(
    "changes",
    [
        *({"type": kind} for kind in ("agent", "command", "rule", "hook", "mcp", "bundle")),
        {"state": "removed"},
        {"row": {"state": "yanked"}},
        {"row": {"state": "quarantined"}},
    ],
)
def test_what_the_client_does_not_know_or_is_not_served_is_not_in_it(changes: dict[str, Any]) -> None:
    catalogue, files = unpacked(emitted({"bb": (SKILL,)}, member("aa", **changes), member("bb")))
    assert [item["name"] for item in catalogue["plugins"]] == ["bb"]
    assert sorted(files) == ["plugins/bb/SKILL.md"]


def test_a_collection_of_nothing_is_an_empty_marketplace() -> None:
    catalogue, files = unpacked(emitted({}))
    assert (catalogue["plugins"], files) == ([], {})


def test_the_order_of_the_members_does_not_matter() -> None:
    files = {"aa": (SKILL,), "bb": (SKILL, RUN)}
    members = member("aa"), member("bb")
    assert emitted(files, *members) == emitted(files, *members[::-1])


@pytest.mark.parametrize("field", ["size", "files"])
def test_of_a_large_collection_the_newest_that_fit_are_packed(field: str) -> None:
    half = {"size": copilot.BYTES, "files": copilot.FILES}[field] // 2
    members = [member(name, number, row={field: half}) for number, name in enumerate(("aa", "bb", "cc"), 1)]
    emission = emitted(dict.fromkeys(("aa", "bb", "cc"), (SKILL,)), *members)
    catalogue, files = unpacked(emission)
    assert [item["name"] for item in catalogue["plugins"]] == ["bb", "cc"]
    assert sorted(files) == ["plugins/bb/SKILL.md", "plugins/cc/SKILL.md"]
    (finding,) = emission.findings
    assert (finding.rule, finding.level, finding.path) == ("copilot-cut", "warning", "copilot/papers.zip")
    assert finding.message.startswith("holds 2 of 3 members")


def test_files_of_members_that_do_not_fit_are_never_asked_for() -> None:
    emission = emitted({}, member("aa", row={"size": copilot.BYTES + 1}))
    assert unpacked(emission)[0]["plugins"] == []


def test_a_member_whose_path_grows_too_long_is_left_out_with_a_finding() -> None:
    long = File("/".join(["x" * 253] * 4), b"")
    emission = emitted({"aa": (SKILL, long), "bb": (SKILL,)}, member("aa"), member("bb"))
    catalogue, files = unpacked(emission)
    assert [item["name"] for item in catalogue["plugins"]] == ["bb"]
    assert sorted(files) == ["plugins/bb/SKILL.md"]
    (finding,) = emission.findings
    assert finding.rule == "copilot-left-out"
    assert finding.message.startswith("lacks aa: ")
    assert finding.message.isprintable()


def test_the_key_is_a_payload_and_a_zip() -> None:
    key = "copilot/papers.zip"
    assert (classify(key), content_type(key)) == (KeyClass.PAYLOAD, "application/zip")
