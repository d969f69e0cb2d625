"""Every rule about one folder in one pass: all problems at once, and the skill if none is an error."""

from __future__ import annotations

from collections.abc import Iterator

from registry_builder.core.finding import Finding
from registry_builder.core.folder import Folder
from registry_builder.core.frontmatter import FrontMatter
from registry_builder.core.problem import Problem
from registry_builder.core.rules.assets import check_metadata, check_plugin
from registry_builder.core.rules.fields import check_fields, check_name
from registry_builder.core.rules.links import check_links
from registry_builder.core.rules.manifest import ManifestError, metadata_toml, plugin_json
from registry_builder.core.rules.paths import check_paths
from registry_builder.core.rules.prompt import PROMPT_FILES, read_prompt
from registry_builder.core.rules.rule import Policy, finding_of
from registry_builder.core.rules.scripts import check_scripts
from registry_builder.core.rules.secrets import check_secrets
from registry_builder.core.rules.size import check_leftovers, check_size, check_strays
from registry_builder.core.rules.table import RULES_BY_ID
from registry_builder.core.rules.text import check_body, check_texts
from registry_builder.core.skill import Skill, skill_of


def check_folder(folder: Folder, policy: Policy) -> tuple[Skill | None, tuple[Finding, ...]]:
    """Read and check `folder`. The skill is None exactly if a finding has level "error"."""
    front: FrontMatter | None = None
    problems: list[Problem] = []
    if folder.type in PROMPT_FILES:
        prompt = PROMPT_FILES[folder.type]
        front, found = read_prompt(folder)
        problems += found
        file = folder.get(prompt)
        if front is not None and file is not None:
            problems += check_fields(folder, front, prompt)
            problems += check_body(front, file.data, prompt)
    else:
        front = _manifest(folder)
    problems += _everywhere(folder, policy)
    findings = _findings(problems, folder, policy)
    if front is None or any(finding.level == "error" for finding in findings):
        assert any(finding.level == "error" for finding in findings)
        return None, findings
    return skill_of(folder, front), findings


def _everywhere(folder: Folder, policy: Policy) -> Iterator[Problem]:
    """What every type has in common."""
    yield from check_name(folder)
    yield from check_paths(folder, PROMPT_FILES.get(folder.type, ""))
    yield from check_size(folder, policy.limits)
    yield from check_strays(folder)
    yield from check_leftovers(folder)
    yield from check_plugin(folder)
    yield from check_metadata(folder)
    yield from check_texts(folder)
    yield from check_secrets(folder)
    yield from check_links(folder)
    yield from check_scripts(folder)


def _manifest(folder: Folder) -> FrontMatter | None:
    """The fields of a type without prompt file, from its manifest; None if that cannot be read."""
    try:
        manifest = plugin_json(folder) if folder.type == "plugin" else metadata_toml(folder)
    except ManifestError:
        return None
    if manifest is None:
        return None
    if folder.type != "plugin":
        asset = manifest.get("asset", manifest.get("artifact", {}))
        manifest = asset if isinstance(asset, dict) else {}
    fields = {
        key: manifest[key] for key in ("description", "license", "author", "homepage") if key in manifest
    }
    for key, source in (("author", "authors"), ("tags", "keywords")):
        if key not in fields and isinstance(value := manifest.get(source), list):
            fields[key] = (
                ", ".join(item for item in value if isinstance(item, str)) if key == "author" else value
            )
    return FrontMatter(fields, {}, "", 1)


def _findings(problems: list[Problem], folder: Folder, policy: Policy) -> tuple[Finding, ...]:
    findings = []
    for problem in problems:
        rule = RULES_BY_ID[problem.rule]
        level = policy.level(rule)
        if level != "off":
            findings.append(finding_of(problem, rule, level, folder))
    return tuple(
        sorted(findings, key=lambda finding: (finding.path, finding.line, finding.rule, finding.message))
    )
