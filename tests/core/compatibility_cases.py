"""Assets in short, and for each rule of compatibility one that it minds and one that it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from registry_builder.core.compatibility.facts import facts_of
from registry_builder.core.folder import File, Folder, git_tree, sorted_files
from registry_builder.core.rules import Limits, Policy, check_folder
from registry_builder.core.skill import Skill

PROMPTS = {"skill": "SKILL.md", "agent": "AGENT.md", "command": "COMMAND.md", "rule": "RULE.md"}
LARGE = Policy(preset="lenient", limits=Limits(files=20_000, bytes=1 << 30, file_bytes=1 << 30))
PLUGIN = ".claude-plugin/plugin.json"
MEBIBYTE = 1 << 20
Paths = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Asset:
    """A folder in short: `files` beside the prompt; those in `bits` are executable."""

    files: Paths
    bits: tuple[str, ...] = ()
    type: str = "skill"
    description: str = "Does it."
    front: str = ""
    body: str = "Text.\n"

    def folder(self) -> Folder:
        said = json.dumps(self.description, ensure_ascii=False)
        front = f"---\nname: aa\ndescription: {said}\n{self.front}---\n\n{self.body}"
        prompt = {PROMPTS[self.type]: front.encode()} if self.type in PROMPTS else {}
        given = {**prompt, **self.files}
        files = sorted_files(File(path, data, path in self.bits) for path, data in given.items())
        return Folder("aa", f"{self.type}s/aa", git_tree(files), files, (), self.type)


def plugin(**fields: str) -> dict[str, bytes]:
    return {PLUGIN: json.dumps({"name": "aa", "description": "Does it.", **fields}).encode()}


def read(asset: Asset) -> tuple[Skill, Folder]:
    folder = asset.folder()
    skill, findings = check_folder(folder, LARGE)
    assert skill is not None, [item for item in findings if item.level == "error"]
    return skill, folder


def many(count: int) -> Paths:
    """So many files that there are `count` with SKILL.md."""
    return {f"data/{number}.txt": b"x" for number in range(count - 1)}


def weighing(size: int) -> Asset:
    """A skill whose artifact has `size` bytes."""
    skill, folder = read(Asset({"data/a.bin": b""}))
    return Asset({"data/a.bin": bytes(size - facts_of(skill, folder.files).size)})


def holding(size: int) -> Asset:
    """A skill of `size` bytes unpacked."""
    skill, folder = read(Asset({"data/a.bin": b""}))
    return Asset({"data/a.bin": bytes(size - facts_of(skill, folder.files).bytes)})


def below_name(length: int) -> str:
    """A path of `length` bytes whose last part is as long as ustar's field for it allows."""
    folder = "f" * (length - 100 - 1)
    return f"{folder}/{'n' * 100}"


RUN = {"scripts/run.sh": b"#!/bin/sh\n"}
CASES: dict[str, tuple[Asset, Asset]] = {
    "archive-size": (weighing(256 * MEBIBYTE + 1), weighing(256 * MEBIBYTE)),
    "bits-lost": (Asset(RUN, ("scripts/run.sh",)), Asset(RUN)),
    "catalogue-description": (Asset({}, description="ä" * 1025), Asset({}, description="😀" * 1024)),
    "copilot-description": (Asset({}, description="😀" * 513), Asset({}, description="ä" * 1024)),
    "copilot-zip-path": (
        Asset({"/".join(["d" * 250] * 4) + "/" + "n" * 10: b""}),
        Asset({"/".join(["d" * 250] * 4) + "/" + "n": b""}),
    ),
    "copilot-zip-size": (Asset(many(10_001)), Asset(many(10_000))),
    "git-path": (
        Asset({".claude-plugin/.gitattributes": b"", **plugin()}, type="plugin"),
        Asset({".gitignore": b"", "gitattributes": b"", **plugin()}, type="plugin"),
    ),
    "index-description": (Asset({}, description="😀" * 513), Asset({}, description="ä" * 1024)),
    "internal": (
        Asset({}, front="metadata:\n  internal: true\n"),
        Asset({}, front='metadata:\n  internal: "true"\n'),
    ),
    "npm-ignore-file": (Asset({"data/.gitignore": b"x"}), Asset({"a.gitignore": b"x", ".npmignore": b"x"})),
    "npm-manifest": (Asset({"Package.JSON": b"{}"}), Asset({"sub/package.json": b"{}"})),
    "npm-path": (Asset({f"d/{'ä' * 51}": b""}), Asset({below_name(247): b"", f"d/{'ä' * 50}": b""})),
    "opencode-files": (Asset(many(1_001)), Asset(many(1_000))),
    "opencode-path": (Asset({"data/a#b.txt": b""}), Asset({"data/a +&é 日.txt": b""})),
    "plugin-name": (Asset(plugin(name="bb"), type="plugin"), Asset(plugin(), type="plugin")),
    "plugin-version": (Asset(plugin(version="1.0.0")), Asset(plugin())),
    "prompt-only": (
        Asset({"notes.md": b"# Notes\n"}, type="agent"),
        Asset({"metadata.toml": b""}, type="rule"),
    ),
    "skill-md-only": (Asset({"notes.md": b"# Notes\n"}), Asset({})),
    "skills-bytes": (holding(50 * MEBIBYTE + 1), holding(50 * MEBIBYTE)),
    "skills-files": (Asset(many(1_001)), Asset(many(1_000))),
    "unknown-type": (Asset({}, type="command"), Asset({})),
}
