"""The rules of compatibility: what a client refuses, cuts or drops of an asset, and where that was measured.

A rule says what a real program was seen to do, or what our own format for it does. Of what nobody has
measured there is no rule. The tests in tests/clients drive the programs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from registry_builder.core.compatibility import causes
from registry_builder.core.compatibility.facts import Facts

WORKS, FIELD_IGNORED, TRUNCATED, REFUSED = "works", "field-ignored", "truncated", "refused"
WORDS = (WORKS, FIELD_IGNORED, TRUNCATED, REFUSED)
"""Every verdict, the mildest first."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a client does not take an asset as it is: the rule, its verdict, what is the case, what helps."""

    rule: str
    word: str
    message: str
    mend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that `clients` do: `cause` says in words what is the case, "" when nothing is.

    `measured` names a section of contracts/clients.md or contracts/sx.md, and the test that shows it.
    """

    id: str
    clients: frozenset[str]
    word: str
    title: str
    measured: str
    mend: str
    cause: Callable[[Facts], str]


_CATALOGUES = frozenset({"claude", "claude-npm"})
_TARBALL = frozenset({"claude-npm", "npm"})
_NO_BITS = frozenset({"clawhub", "opencode", "skills"})
_SKILLS = frozenset({"skills"})
_CODEX = frozenset({"codex"})
_OPENCODE = frozenset({"opencode"})
_COPILOT_ZIP = frozenset({"copilot-zip"})
_SMALLER = "make it smaller, or leave it to the other clients"
_SHOWN = "tests/clients/test_compatibility.py"

RULES = (
    Rule(
        id="archive-size",
        clients=_CATALOGUES,
        word=REFUSED,
        title="The archive has more than 256 MiB, which Claude Code does not download",
        measured="contracts/clients.md A.2",
        mend=_SMALLER,
        cause=causes.huge,
    ),
    Rule(
        id="bits-lost",
        clients=_NO_BITS,
        word=FIELD_IGNORED,
        title="A file is executable, and this client writes every file as 0644",
        measured=f"contracts/clients.md, consequence 8; {_SHOWN}",
        mend="name the interpreter where the text says what to run",
        cause=causes.bits_lost,
    ),
    Rule(
        id="catalogue-description",
        clients=frozenset({*_CATALOGUES, "opencode"}),
        word=TRUNCATED,
        title="The catalogue has 1,024 characters of the description; the prompt file keeps it whole",
        measured="registry_builder/emit/catalogue.py",
        mend="say it in 1,024 characters",
        cause=causes.long_for_catalogue,
    ),
    Rule(
        id="copilot-description",
        clients=frozenset({"copilot", "copilot-zip"}),
        word=REFUSED,
        title="The description has more than 1,024 characters, and Copilot does not load the skill",
        measured=_SHOWN,
        mend="say it in 1,024 characters",
        cause=causes.long_for_copilot,
    ),
    Rule(
        id="copilot-zip-path",
        clients=_COPILOT_ZIP,
        word=REFUSED,
        title="A path is too long below plugins/ in the zip of a collection",
        measured="registry_builder/emit/copilot.py",
        mend="shorten the path",
        cause=causes.long_in_zip,
    ),
    Rule(
        id="copilot-zip-size",
        clients=_COPILOT_ZIP,
        word=REFUSED,
        title="The zip of a collection holds 10,000 files and 64 MiB, and this alone is more",
        measured="registry_builder/emit/copilot.py",
        mend=_SMALLER,
        cause=causes.zip_full,
    ),
    Rule(
        id="git-path",
        clients=_CODEX,
        word=REFUSED,
        title="A path means something to Git, so the asset cannot be in a repository that is cloned",
        measured="registry_builder/emit/git_tree.py",
        mend="rename the file",
        cause=causes.obeyed,
    ),
    Rule(
        id="index-description",
        clients=_SKILLS,
        word=TRUNCATED,
        title="The description is cut to 1,024 characters in the index, since `skills` skips longer ones",
        measured="contracts/clients.md C.1",
        mend="say it in 1,024 characters",
        cause=causes.long_for_index,
    ),
    Rule(
        id="internal",
        clients=_SKILLS,
        word=REFUSED,
        title="`metadata.internal: true` hides a skill from `skills` unless --skill names it",
        measured=f"contracts/clients.md C.1; {_SHOWN}",
        mend="drop the field, or have people name the skill with --skill",
        cause=causes.internal,
    ),
    Rule(
        id="npm-ignore-file",
        clients=frozenset({"npm"}),
        word=FIELD_IGNORED,
        title="npm renames .gitignore to .npmignore when it installs",
        measured=_SHOWN,
        mend="give the file another name",
        cause=causes.git_ignore,
    ),
    Rule(
        id="npm-manifest",
        clients=_TARBALL,
        word=FIELD_IGNORED,
        title="The tarball needs a package.json of its own: name and version are the registry's, and "
        "nothing runs on install",
        measured=f"registry_builder/emit/npm.py; {_SHOWN}",
        mend="move package.json into a folder, or do not count on those fields",
        cause=causes.own_package,
    ),
    Rule(
        id="npm-path",
        clients=_TARBALL,
        word=REFUSED,
        title="A path does not fit into npm's tar: 100 bytes of name and 155 of folder, cut at a slash",
        measured=f"registry_builder/core/artifact/tgz.py; {_SHOWN}",
        mend="shorten the path",
        cause=causes.no_tarball,
    ),
    Rule(
        id="opencode-files",
        clients=_OPENCODE,
        word=REFUSED,
        title="There are more than 1,000 files, and OpenCode would ask for each by itself",
        measured="registry_builder/emit/discovery_v01.py",
        mend=_SMALLER,
        cause=causes.many_requests,
    ),
    Rule(
        id="opencode-path",
        clients=_OPENCODE,
        word=REFUSED,
        title="A path reads otherwise as a relative URL, and OpenCode wants every file",
        measured="registry_builder/emit/discovery_v01.py",
        mend="rename the file",
        cause=causes.no_url,
    ),
    Rule(
        id="plugin-name",
        clients=_CODEX,
        word=REFUSED,
        title="The name in plugin.json is not the folder's, and Codex refuses two names",
        measured="contracts/clients.md E",
        mend="use the folder's name",
        cause=causes.other_name,
    ),
    Rule(
        id="plugin-version",
        clients=_CATALOGUES,
        word=FIELD_IGNORED,
        title="A version in plugin.json wins over the registry's: no update is seen until it changes",
        measured="contracts/clients.md A.6",
        mend="remove `version` from plugin.json",
        cause=causes.own_version,
    ),
    Rule(
        id="prompt-only",
        clients=frozenset({"sx"}),
        word=FIELD_IGNORED,
        title="Of an agent, a command or a rule sx installs the prompt and no other file",
        measured="contracts/sx.md section 6",
        mend="put what is needed into the prompt, or make it a skill",
        cause=causes.only_prompt,
    ),
    Rule(
        id="skill-md-only",
        clients=frozenset({"copilot"}),
        word=FIELD_IGNORED,
        title="`copilot skill add` downloads SKILL.md and no other file",
        measured="contracts/clients.md B",
        mend="use the zip of a collection, which brings every file",
        cause=causes.only_skill_md,
    ),
    Rule(
        id="skills-bytes",
        clients=_SKILLS,
        word=REFUSED,
        title="There are more than 50 MiB unpacked, and `skills` drops the archive",
        measured="contracts/clients.md C.1",
        mend=_SMALLER,
        cause=causes.too_large,
    ),
    Rule(
        id="skills-files",
        clients=_SKILLS,
        word=REFUSED,
        title="There are more than 1,000 files, and `skills` drops the archive",
        measured=f"contracts/clients.md C.1; {_SHOWN}",
        mend=_SMALLER,
        cause=causes.too_many,
    ),
)
