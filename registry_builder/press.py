"""One folder through the pure steps: check, pack, derive, mint. Nothing here reads or writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from registry_builder.core.artifact import pack
from registry_builder.core.compatibility import offered, verdicts
from registry_builder.core.errors import Unfit
from registry_builder.core.finding import Finding
from registry_builder.core.folder import File, Folder, git_tree
from registry_builder.core.key import digest, download_key
from registry_builder.core.ledger import (
    QUARANTINED,
    Candidate,
    Derived,
    Document,
    Edition,
    Moment,
    keep,
    mint,
    next_version,
)
from registry_builder.core.rules import Policy, check_folder
from registry_builder.core.skill import Skill
from registry_builder.emit.base import Collection, Made, Site, Source
from registry_builder.emit.claude import bundle_files
from registry_builder.emit.table import derive
from registry_builder.settings import Settings

BUNDLE = "bundle"
_LENIENT = Policy(preset="lenient")


@dataclass(frozen=True, slots=True)
class Checked:
    """A folder and what the rules say of it; `skill` is None when it may not be published."""

    folder: Folder
    skill: Skill | None
    findings: tuple[Finding, ...]
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pressed:
    """A document after a commit, and the objects of the version minted (none when nothing was)."""

    document: Document
    minted: bool
    objects: tuple[Made, ...]


def check(folder: Folder, settings: Settings) -> Checked:
    """`folder` under the policy in force."""
    skill, findings = check_folder(folder, settings.policy)
    return Checked(folder, skill, findings)


def press(
    checked: Checked, previous: Document | None, moment: Moment, settings: Settings, site: Site
) -> Pressed:
    """Mint what `checked` deserves over `previous`. Raises Unfit when no bundle can be made of it."""
    skill = checked.skill
    if skill is None:
        raise AssertionError("only a folder without errors is pressed")
    candidate = _candidate(checked, skill, settings)
    version = next_version(previous, candidate)
    if version is None and previous is not None:
        return Pressed(keep(previous, candidate), False, ())
    made = objects_of(Source(skill, version or 1, checked.folder.files), settings, site)
    edition = Edition(
        sha256=made.sha256,
        size=made.size,
        files=len(checked.folder.files),
        bytes=sum(len(file.data) for file in checked.folder.files),
        derived=made.derived,
    )
    return Pressed(mint(previous, candidate, moment, edition), True, made.objects)


@dataclass(frozen=True, slots=True)
class Objects:
    """Every key that one version pins for ever, with its bytes; those of emitters that are off left out.

    `sha256` and `size` are the artifact's.
    """

    sha256: str
    size: int
    derived: Mapping[str, Derived]
    objects: tuple[Made, ...]


def objects_of(source: Source, settings: Settings, site: Site) -> Objects:
    """The artifact of `source` and all that is derived from it; the record names every bundle there is."""
    artifact = pack(source.files)
    sha256 = digest(artifact)
    objects = [(download_key(source.skill.name, sha256), artifact)]
    derived = {}
    for name, derivation in derive(source, site):
        derived[name] = derivation.record
        if name in settings.emitters:
            objects += derivation.objects
    return Objects(sha256, len(artifact), derived, tuple(objects))


def _candidate(checked: Checked, skill: Skill, settings: Settings) -> Candidate:
    folder = checked.folder
    table = settings.skills.get(skill.name)
    counts = Counter(finding.level for finding in checked.findings)
    judged = verdicts(skill, folder.files, offered(settings.emitters))
    document = Document(
        name=skill.name,
        type=skill.type,
        title=skill.title,
        description=skill.description,
        tags=skill.tags,
        licence=skill.licence,
        author=skill.author,
        homepage=skill.homepage,
        owner=table.owner if table else None,
        credit_cost_per_use=table.credit_cost_per_use if table else 1,
        execution_tier=skill.execution_tier,
        required_env=skill.required_env,
        clients={item.client: item.word for item in judged},
        dependencies=checked.dependencies,
        manifest=folder.get(".claude-plugin/plugin.json") is not None,
        versions=(),
    )
    findings = {"warning": counts["warning"], "info": 0}
    return Candidate(
        document=document, tree=folder.tree, path=folder.path, label=skill.label, findings=findings
    )


def bundle_of(collection: Collection) -> Checked:
    """The bundle plugin of `collection` as a folder of one file, with the tree id that Git would give it."""
    files = bundle_files(collection)
    path = f"collections.toml#{collection.name}"
    folder = Folder(collection.name, path, git_tree(files), files, (), BUNDLE)
    skill = _bundle_skill(collection.name, collection.title, collection.description)
    return Checked(folder, skill, (), collection.members)


def published_skill(document: Document, files: tuple[File, ...]) -> Skill | None:
    """The skill in files that were published once: whatever rules came since, it is read."""
    folder = Folder(document.name, "", "", files, (), document.type)
    if document.type != BUNDLE:
        return check_folder(folder, _LENIENT)[0]
    manifest = json.loads(files[0].data)
    return _bundle_skill(document.name, document.title, manifest["description"])


def in_words_of(document: Document, skill: Skill | None) -> Document:
    """`document` described as its served version is, and not at all where only revoked ones are left."""
    current = document.current
    if current is None and document.newest.state == QUARANTINED:
        withheld = "Withheld: every version is quarantined."
        return replace(
            document, title=document.name, description=withheld, tags=(), author=None, homepage=None
        )
    if current is None or current is document.newest or skill is None:
        return document
    return replace(
        document,
        title=skill.title,
        description=skill.description,
        tags=skill.tags,
        licence=skill.licence,
        author=skill.author,
        homepage=skill.homepage,
    )


def _bundle_skill(name: str, title: str, description: str) -> Skill:
    return Skill(
        name=name,
        type=BUNDLE,
        title=title,
        description=description,
        label=None,
        licence=None,
        tags=(),
        author=None,
        homepage=None,
        execution_tier=None,
        required_env=(),
        allowed_tools=(),
        metadata={},
        extra={},
        body="",
        scripts=(),
    )


def unfit(error: Unfit, folder: Folder) -> Finding:
    """A refusal of one emitter as a finding about `folder`."""
    place = f"{folder.path}/{error.place}" if error.place else folder.path
    return Finding(error.code, "error", folder.name, place, 0, error.message, error.mend)
