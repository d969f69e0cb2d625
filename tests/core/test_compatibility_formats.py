"""Verdicts against our own formats: what is refused is left out of them, and what is truncated is cut."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from compatibility_cases import CASES, LARGE, Asset

from registry_builder.core.config import RegistryFile
from registry_builder.core.ledger import Document, Moment
from registry_builder.emit import claude, copilot, discovery_v01, git_tree, npm, sx, well_known
from registry_builder.emit.base import Collection, Page, Site, Source, summarise
from registry_builder.press import check, press
from registry_builder.settings import Flags, Settings, settle

SITE = Site(
    name="reg",
    title="Reg",
    description="All.",
    base_url="https://skills.test",
    owner={"name": "Reg"},
    source_url=None,
    builder="skillpress",
)
SAID = b'[asset]\ndescription = "Does it."\n'
# Not archive-size: there Claude Code refuses what its catalogue names, and 256 MiB take their time.
OWN = [
    *((name, asset) for name, pair in sorted(CASES.items()) if name != "archive-size" for asset in pair),
    ("package-folder", Asset({"package.json/a.txt": b""})),
    ("package-sign", Asset({"PacKage.json/a.txt": b""})),
    ("hook", Asset({"metadata.toml": SAID + b'[hook]\nevent = "stop"\ncommand = "true"\n'}, type="hook")),
    ("mcp", Asset({"metadata.toml": SAID + b'[mcp]\ncommand = "x"\nargs = ["y"]\n'}, type="mcp")),
]


def settings() -> Settings:
    flags = Flags(name="reg", base_url="https://skills.test", emit=("core", "extras"))
    return replace(settle(RegistryFile(), flags, folder_name="reg", origin=None), policy=LARGE)


def pressed(asset: Asset) -> Page:
    checked = check(asset.folder(), settings())
    made = press(checked, None, Moment(commit="c", time="2026-11-20T10:00:00Z"), settings(), SITE)
    return Page(made.document, checked.skill, checked.folder.files)


def listed(body: bytes, document: Document) -> bool:
    return document.name.encode() in {item["name"].encode() for item in json.loads(body)["plugins"]}


@pytest.mark.parametrize(("name", "asset"), OWN, ids=[f"{name}-{at}" for at, (name, _) in enumerate(OWN)])
def test_what_is_refused_is_what_our_formats_leave_out(name: str, asset: Asset) -> None:
    page = pressed(asset)
    document = page.document
    offers: dict[str, bool] = {}
    summary = summarise(document, page.files)
    ((_, body),) = claude.emit_registry([summary], SITE).entries
    offers["claude"] = listed(body, document)
    offers["npm"] = offers["claude-npm"] = npm.derive(Source(page.skill, 1, page.files), SITE) is not None
    indexes = [json.loads(body)["skills"] for _, body in well_known.emit_skill(page, SITE)]
    offers["skills"] = any(indexes)
    ((_, body),) = discovery_v01.emit_registry([summary], SITE).entries
    offers["opencode"] = bool(json.loads(body)["skills"])
    offers["codex"] = document.type in {"plugin", "skill"} and not git_tree.problem_of(summary, page.files)
    offers["sx"] = sx.derive(Source(page.skill, 1, page.files), SITE) is not None
    collection = Collection(name="docs", title="Docs", description="", members=("aa",))
    zipped = copilot.emit_collection(collection, [summary], lambda _: page.files, SITE)
    offers["copilot-zip"] = document.type in {"plugin", "skill"} and not zipped.findings
    hidden = {"skills"} if name == "internal" else {"copilot-zip"} if "description" in name else set()
    told = {client: word != "refused" for client, word in document.clients.items() if client in offers}
    assert {client: offer for client, offer in told.items() if client not in hidden} == {
        client: offer for client, offer in offers.items() if client not in hidden
    }


@pytest.mark.parametrize("description", ["ä" * 1024, "ä" * 1025, "😀" * 512, "😀" * 513, "😀" * 1025])
def test_what_is_truncated_is_what_our_formats_cut(description: str) -> None:
    page = pressed(Asset({}, description=description))
    summary = summarise(page.document, page.files)
    ((_, catalogue),) = claude.emit_registry([summary], SITE).entries
    ((_, index),) = well_known.emit_skill(page, SITE)
    shown = {
        "claude": json.loads(catalogue)["plugins"][0]["description"],
        "skills": json.loads(index)["skills"][0]["description"],
    }
    cut = {client: text != description for client, text in shown.items()}
    assert cut == {client: page.document.clients[client] == "truncated" for client in cut}
