"""registry.toml and flags as one frozen Settings: the only place that decides a default."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

import msgspec

from registry_builder.core.config import (
    CheckTable,
    ContentTable,
    EmitTable,
    LimitsTable,
    PublishTable,
    RegistryFile,
    RegistryTable,
    SiteTable,
    SkillTable,
)
from registry_builder.core.errors import Misuse, Refusal, Unfit
from registry_builder.core.rules import RULES, Limits, Policy
from registry_builder.emit.table import GROUPS, choose

DEFAULT_BASE_URL = "http://localhost:8080"
ROOTS = {
    "skill": "skills",
    "agent": "agents",
    "command": "commands",
    "rule": "rules",
    "hook": "hooks",
    "mcp": "mcp",
    "plugin": "plugins",
}
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
# Names that Claude Code keeps for its vendor or gives another meaning (contracts/clients.md A.5).
_RESERVED_NAMES = frozenset(
    (
        "agent-skills",
        "anthropic-agent-skills",
        "anthropic-marketplace",
        "anthropic-plugin-directory",
        "anthropic-plugins",
        "builtin",
        "claude-code-marketplace",
        "claude-code-plugins",
        "claude-community",
        "claude-for-financial-services",
        "claude-for-legal",
        "claude-plugin-directory",
        "claude-plugin-test",
        "claude-plugins-community",
        "claude-plugins-official",
        "claude-tag-plugins",
        "financial-services-plugins",
        "first-party-plugins",
        "healthcare",
        "inline",
        "knowledge-work-plugins",
        "life-sciences",
        "skills-dir",
        "synced",
    )
)
_OFFICIAL = re.compile(
    r"official.*(anthropic|claude)|(anthropic|claude).*official"
    r"|^(anthropic|claude)-?(marketplace|plugins|official|directory)"
)
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says; None leaves it to registry.toml."""

    base_url: str | None = None
    name: str | None = None
    preset: str | None = None
    emit: tuple[str, ...] | None = None
    skip_invalid: bool = False
    allow_empty: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides a release besides Git, the ledger and the builder's version."""

    name: str
    title: str
    description: str
    base_url: str
    owner: Mapping[str, str]
    source_url: str | None
    roots: Mapping[str, str]
    seed: str
    policy: Policy
    emitters: tuple[str, ...]
    skills: Mapping[str, SkillTable] = field(default_factory=dict)
    site: SiteTable = field(default_factory=SiteTable)
    skip_invalid: bool = False
    allow_empty: bool = False
    publish: PublishTable = field(default_factory=PublishTable)

    @property
    def sha256(self) -> str:
        """Digest of what decides the release: not `allow_empty`, nor where the ledger is copied to."""
        ours = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "publish"}
        ours["allow_empty"] = False
        return hashlib.sha256(msgspec.json.encode(ours, order="sorted", enc_hook=sorted)).hexdigest()


def settle(file: RegistryFile, flags: Flags, *, folder_name: str, origin: str | None) -> Settings:
    """`file` with `flags` over it; `origin` is the remote's URL. Raises Misuse (flags), Unfit (the file)."""
    table = file.registry
    name = _name(flags.name, table.name, folder_name, origin)
    owner = msgspec.to_builtins(table.owner) if table.owner else {"name": table.title or name}
    return Settings(
        name=name,
        title=table.title or name,
        description=table.description or f"Agent skills of {table.title or name}",
        base_url=_base_url(flags.base_url, table),
        owner={key: value for key, value in owner.items() if value is not None},
        source_url=table.source_url or _web_url(origin),
        roots=_roots(file.content),
        seed=file.content.seed,
        policy=_policy(file.check, flags.preset),
        emitters=_emitters(file.emit, flags.emit),
        skills=file.skills,
        site=file.site,
        skip_invalid=flags.skip_invalid,
        allow_empty=flags.allow_empty,
        publish=file.publish,
    )


def environment(name: str) -> str | None:
    """What the environment says for `name`, None when it does not."""
    return os.environ.get(name)  # noqa: TID251 - the one reader that the rule speaks of


def slugify(text: str) -> str:
    """`text` as a name: lower case, runs of anything else as one hyphen, at most 64 characters."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:64].strip("-") or "skills"


def _name(flag: str | None, ours: str | None, folder_name: str, origin: str | None) -> str:
    given = flag or ours
    if given is None:
        last = re.split(r"[/:]", origin.rstrip("/"))[-1].removesuffix(".git") if origin else ""
        name = slugify(last or folder_name)
        return f"{name}-registry" if _reserved(name) else name
    refusal: type[Refusal] = Misuse if flag else Unfit
    place = "--name" if flag else "registry.toml"
    if not _NAME.fullmatch(given) or len(given) > 64:
        raise refusal(
            "bad-name", f"{given!r} is no registry name", place=place, mend="use a-z, 0-9 and single hyphens"
        )
    if _reserved(given):
        raise refusal(
            "reserved-name", f"Claude Code reserves the name {given}", place=place, mend="choose another"
        )
    return given


def _reserved(name: str) -> bool:
    return name in _RESERVED_NAMES or bool(_OFFICIAL.search(name))


def _base_url(flag: str | None, table: RegistryTable) -> str:
    given = flag or table.base_url or DEFAULT_BASE_URL
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        refusal: type[Refusal] = Misuse if flag else Unfit
        raise refusal(
            "bad-base-url",
            f"{given!r} is no base URL",
            place="--base-url" if flag else "registry.toml",
            mend="give scheme, host and path, such as https://skills.example/registry",
        )
    return given.rstrip("/")


def _web_url(origin: str | None) -> str | None:
    """The page of a remote on a Git host; None for a path, which means nothing to anybody else."""
    if origin is None:
        return None
    scp = re.fullmatch(r"(?:ssh://)?(?:[^@/]+@)?([^/:]+\.[^/:]+)[:/](?!/)(.+)", origin)
    if origin.startswith(("http://", "https://")):
        return origin.rstrip("/").removesuffix(".git")
    return f"https://{scp[1]}/{scp[2].rstrip('/').removesuffix('.git')}" if scp else None


def _roots(table: ContentTable) -> dict[str, str]:
    for kind, root in table.roots.items():
        if kind not in ROOTS:
            near = difflib.get_close_matches(kind, ROOTS, 1)
            mend = f"did you mean {near[0]}?" if near else f"the types are {', '.join(ROOTS)}"
            raise Unfit("unknown-type", f"no asset type {kind}", place="registry.toml", mend=mend)
        if not root or any(part in {"", ".", ".."} for part in root.split("/")):
            raise Unfit("bad-root", f"{root!r} is no folder below the content", place="registry.toml")
    roots = ROOTS | table.roots
    if len(set(roots.values())) < len(roots):
        raise Unfit("same-root", "two types share one root", place="registry.toml", mend="give each its own")
    return roots


def _policy(table: CheckTable, preset: str | None) -> Policy:
    known = {rule.id for rule in RULES}
    for rule in table.levels:
        if rule not in known:
            near = difflib.get_close_matches(rule, known, 1)
            mend = f"did you mean {near[0]}?" if near else "docs/rules.md lists them"
            raise Unfit("unknown-rule", f"no rule {rule}", place="registry.toml", mend=mend)
    return Policy(
        preset=preset or table.preset,
        levels=table.levels,
        limits=_limits(table.limits),
        allow_confusable=frozenset(table.allow_confusable),
    )


def _limits(table: LimitsTable) -> Limits:
    default = Limits()
    return Limits(
        files=table.files or default.files,
        bytes=_size(table.bytes) or default.bytes,
        file_bytes=_size(table.file_bytes) or default.file_bytes,
    )


def _size(given: int | str | None) -> int | None:
    if given is None or isinstance(given, int):
        return given
    match = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", given.strip())
    if not match or match[2].upper() not in _UNITS:
        raise Unfit("bad-size", f"{given!r} is no size", place="registry.toml", mend='write "25 MiB"')
    return int(match[1]) * _UNITS[match[2].upper()]


def _emitters(table: EmitTable, flag: tuple[str, ...] | None) -> tuple[str, ...]:
    wanted = table.enable if flag is None else flag
    try:
        return choose(wanted)
    except KeyError as error:
        refusal: type[Refusal] = Unfit if flag is None else Misuse
        known = [*GROUPS, *choose(tuple(GROUPS))]
        near = difflib.get_close_matches(str(error.args[0]), known, 1)
        raise refusal(
            "unknown-emitter",
            f"no emitter or group {error.args[0]!r}",
            place="registry.toml" if flag is None else "--emit",
            mend=f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}",
        ) from error
