"""The checker for sx accepts what sx accepts, and each of its rules fails on an input that breaks it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from contracts.sx import (
    check_asset,
    check_bundle,
    check_list_txt,
    check_lock,
    check_metadata,
    check_profiles,
)

BASE = "https://skills.example"
METADATA = '[asset]\nname = "aa"\nversion = "3"\ntype = "skill"\n[skill]\nprompt-file = "SKILL.md"\n'
FILES = {"SKILL.md": "text", "metadata.toml": METADATA}


def archive(files: dict[str, str], mode: int = 0o100644, first: str = "") -> bytes:
    """A zip of `files`; `mode` is that of the entry `first`, the others have 0644."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for path, text in files.items():
            info = zipfile.ZipInfo(path)
            info.external_attr = (mode if path == first else 0o100644) << 16
            target.writestr(info, text)
    return out.getvalue()


BUNDLE = archive(FILES)
DIGEST = hashlib.sha256(BUNDLE).hexdigest()
HEAD = 'lock-version = "1.0"\nversion = "7"\ncreated-by = "test"\n'


def row(
    name: str = "aa",
    kind: str = 'type = "skill"',
    version: str = '"3"',
    extra: str = "",
    source: str | None = None,
) -> str:
    table = f'url = "{BASE}/aa.zip"\nhashes = {{ sha256 = "{DIGEST}" }}\nsize = {len(BUNDLE)}\n'
    return f'[[assets]]\nname = "{name}"\nversion = {version}\n{kind}\n{extra}\n' + (
        "[assets.source-http]\n" + table if source is None else source
    )


def fetch(url: str) -> bytes | None:
    return {f"{BASE}/aa.zip": BUNDLE, f"{BASE}/bb.zip": archive({"SKILL.md": "text"})}.get(url)


def http(line: str) -> str:
    """A source table with one line changed."""
    lines = {"url": f'"{BASE}/aa.zip"', "hashes": f'{{ sha256 = "{DIGEST}" }}', "size": str(len(BUNDLE))}
    key, _, value = line.partition(" = ")
    lines[key] = value
    return "[assets.source-http]\n" + "".join(f"{name} = {text}\n" for name, text in lines.items() if text)


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD + row(),
        HEAD + row(extra='clients = ["claude-code", "kiro"]'),
        HEAD + row() + '[[assets.scopes]]\nrepo = "https://git.example/x"\n',
    ],
)
def test_good_lock_has_no_problem(text: str) -> None:
    assert check_lock(text, fetch) == []


NEEDS = 'dependencies = [{ name = "%s" }]'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEAD + "x", "lock: "),
        (HEAD + "assets = 3\n", "assets is no array of tables"),
        (HEAD.replace('"1.0"', '""'), "lock-version is no text or empty"),
        (HEAD.replace('version = "7"\n', ""), "version is no text or empty"),
        (HEAD.replace('"test"', "1"), "created-by is no text or empty"),
        (HEAD + row() + row(), "'aa' has two rows"),
        (HEAD + row() + row(version='"4"'), "'aa' has two rows"),
        (HEAD + row(name="a/b"), "the name is missing"),
        (HEAD + row(version="3"), "no quoted semantic version"),
        (HEAD + row(version='"latest"'), "no quoted semantic version"),
        (HEAD + row(kind='type = "plugin"'), "the type 'plugin' is unknown"),
        (HEAD + row(kind='type = "mcp_server"'), "the type 'mcp_server' is unknown"),
        (HEAD + row(kind=""), "the type None is unknown"),
        (HEAD + row(extra='clients = ["emacs"]'), "['emacs'] are unknown"),
        (HEAD + row(extra='clients = "codex"'), "clients is no list"),
        (HEAD + row(source=""), "has the sources []"),
        (HEAD + row(source='[assets.source-path]\npath = "x"\n'), "has the sources ['source-path']"),
        (HEAD + row() + '[assets.source-path]\npath = "x"\n', "has the sources"),
        (HEAD + row(source="source-http = 1\n"), "source-http is no table"),
        (HEAD + row(source=http('url = "/aa.zip"')), "is not absolute"),
        (HEAD + row(source=http("url = ")), "is not absolute"),
        (HEAD + row(source=http('url = "https:///aa.zip"')), "is not absolute"),
        (HEAD + row(source=http("hashes = {}")), "there are no hashes"),
        (HEAD + row(source=http(f'hashes = {{ sha256 = "sha256:{DIGEST}" }}')), "the hash sha256"),
        (HEAD + row(source=http(f'hashes = {{ sha256 = "{DIGEST.upper()}" }}')), "the hash sha256"),
        (HEAD + row(source=http(f'hashes = {{ md5 = "{DIGEST}" }}')), "the hash md5"),
        (HEAD + row(source=http(f'hashes = {{ sha256 = "{"0" * 64}" }}')), "is not that of the bytes"),
        (HEAD + row(source=http('size = "9"')), "is no number of bytes"),
        (HEAD + row(source=http("size = 9")), "size is 9, but there are"),
        (HEAD + row(source=http(f'url = "{BASE}/cc.zip"')), "is not there"),
        (HEAD + row() + NEEDS % "aa", "dependencies stands behind"),
        (HEAD + row(extra="dependencies = 1"), "dependencies is no array of tables"),
        (HEAD + row(extra=NEEDS % "bb"), "depends on 'bb', which has no row"),
        (HEAD + row(extra=NEEDS % "aa"), "depends on itself"),
        (
            HEAD + row(extra='dependencies = [{ name = "bb", version = "9" }]') + row(name="bb"),
            "depends on another version of bb",
        ),
        (
            HEAD + row(extra=NEEDS % "bb") + row(name="bb", extra=NEEDS % "aa"),
            "circle of dependencies",
        ),
        (HEAD + row(name="bb"), "name is 'aa', elsewhere 'bb'"),
        (HEAD + row(version='"4"'), "version is '3', elsewhere '4'"),
        (HEAD + row(kind='type = "rule"'), "type is 'skill', elsewhere 'rule'"),
    ],
)
def test_broken_lock_is_found(text: str, problem: str) -> None:
    assert problem in "\n".join(check_lock(text, fetch))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"PK\x05\x06" + bytes(18), "does not begin with PK 03 04"),
        (BUNDLE[:-30], "zip: "),
        (archive({f"aa/{path}": text for path, text in FILES.items()}), "but a wrapping folder"),
        (archive({"SKILL.md": "text"}), "no metadata.toml at the root"),
        (archive({"SKILL.md": "x", "Metadata.toml": METADATA}), "no metadata.toml at the root"),
        (archive(FILES, 0o100600, "SKILL.md"), "'SKILL.md' has mode 100600"),
        (archive(FILES, 0o120777, "SKILL.md"), "'SKILL.md' has mode 120777"),
        (archive({**FILES, "x/": ""}, 0o40600, "x/"), "'x/' is a folder with mode 600"),
        (archive({**FILES, "../x": ""}), "leads out of the folder"),
        (archive({**FILES, "/x": ""}), "leads out of the folder"),
        (archive({"metadata.toml": METADATA}), "the file 'SKILL.md' is not in the zip"),
    ],
)
def test_broken_bundle_is_found(data: bytes, problem: str) -> None:
    assert problem in "\n".join(check_bundle(data, "aa", "3", "skill"))


def test_bundle_with_an_entry_twice_is_found() -> None:
    out = io.BytesIO(BUNDLE)
    with zipfile.ZipFile(out, "a") as target, pytest.warns(UserWarning, match="Duplicate"):
        target.writestr(zipfile.ZipInfo("SKILL.md"), "other")
    assert "zip: an entry occurs twice" in check_bundle(out.getvalue(), "aa", "3", "skill")


def test_bundle_with_metadata_that_is_no_text_is_found() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr("metadata.toml", b"\xff")
    assert "metadata: not UTF-8" in check_bundle(out.getvalue(), "aa", "3", "skill")


def asset(kind: str, section: str, extra: str = "") -> str:
    return f'[asset]\nname = "aa"\nversion = "3"\ntype = "{kind}"\n{extra}\n{section}'


NAMES = [
    "SKILL.md",
    "AGENT.md",
    "COMMAND.md",
    "RULE.md",
    "run.sh",
    ".claude-plugin/plugin.json",
    "metadata.toml",
]
SKILL = '[skill]\nprompt-file = "SKILL.md"'
HOOK = '[hook]\nevent = "stop"\n'


@pytest.mark.parametrize(
    ("kind", "section"),
    [
        ("skill", SKILL),
        ("agent", '[agent]\nprompt-file = "AGENT.md"\n[agent.kiro]\nx = 1'),
        ("command", '[command]\nprompt-file = "COMMAND.md"'),
        ("rule", ""),
        ("rule", '[rule]\nprompt-file = "SKILL.md"'),
        ("hook", HOOK + 'script-file = "run.sh"'),
        ("hook", HOOK + 'command = "true"\ntimeout = 5'),
        ("mcp", '[mcp]\ncommand = "node"\nargs = ["x"]'),
        ("mcp", '[mcp]\ntransport = "http"\nurl = "https://mcp.example"'),
        ("claude-code-plugin", ""),
        ("claude-code-plugin", '[claude-code-plugin]\nsource = "marketplace"\nmarketplace = "m"'),
    ],
)
def test_good_metadata_has_no_problem(kind: str, section: str) -> None:
    assert check_metadata(asset(kind, section), NAMES, "aa", "3", kind) == []


@pytest.mark.parametrize(
    ("text", "kind", "problem"),
    [
        ("x", "skill", "metadata: "),
        (SKILL, "skill", "no [asset]"),
        (asset("skill", ""), "skill", "no [skill]"),
        (asset("skill", SKILL).replace('"3"', "3"), "skill", "no quoted semantic version"),
        (asset("skill", SKILL).replace('"aa"', '"a b"'), "skill", "the name is missing"),
        (asset("plugin", ""), "plugin", "the type 'plugin' is unknown"),
        (asset("skill", SKILL, "description = 1"), "skill", "description is no text"),
        (asset("skill", SKILL, 'authors = "Ann"'), "skill", "authors is no list of texts"),
        (asset("skill", SKILL, "keywords = [1]"), "skill", "keywords is no list of texts"),
        (asset("skill", SKILL, 'dependencies = ["a b"]'), "skill", "the dependency 'a b'"),
        (asset("skill", SKILL, 'clients = ["emacs"]'), "skill", "['emacs'] are unknown"),
        (asset("skill", '[skill]\nprompt-file = "skill.md"'), "skill", "'skill.md' is not in the zip"),
        (asset("skill", "[skill]"), "skill", "'' is not in the zip"),
        (asset("skill", "[skill]\nprompt-file = 1"), "skill", "prompt-file is no text"),
        (
            asset("skill", SKILL + "\n[[custom]]"),
            "skill",
            "is no table",
        ),
        (asset("agent", '[agent]\nprompt-file = "x"'), "agent", "'x' is not in the zip"),
        (asset("command", '[command]\nprompt-file = "x"'), "command", "'x' is not in the zip"),
        (asset("rule", '[rule]\nprompt-file = "x"'), "rule", "'x' is not in the zip"),
        (asset("hook", ""), "hook", "no [hook]"),
        (asset("hook", '[hook]\nevent = "x"\ncommand = "y"'), "hook", "the event 'x' is unknown"),
        (asset("hook", HOOK), "hook", "exactly one of"),
        (asset("hook", HOOK + 'script-file = "run.sh"\ncommand = "x"'), "hook", "exactly one of"),
        (asset("hook", HOOK + 'script-file = "x"'), "hook", "'x' is not in the zip"),
        (asset("hook", HOOK + 'command = "x"\ntimeout = -1'), "hook", "timeout or args"),
        (asset("mcp", ""), "mcp", "no [mcp]"),
        (asset("mcp", '[mcp]\ncommand = "x"\nargs = []'), "mcp", "stdio needs"),
        (asset("mcp", '[mcp]\ncommand = "x"\nargs = ["y"]\nurl = "z"'), "mcp", "stdio needs"),
        (asset("mcp", '[mcp]\ntransport = "sse"'), "mcp", "sse needs url"),
        (asset("mcp", '[mcp]\ntransport = "sse"\nurl = "x"\ncommand = "y"'), "mcp", "sse needs url"),
        (asset("mcp", '[mcp]\ntransport = "pigeon"'), "mcp", "'pigeon' is unknown"),
        (
            asset("claude-code-plugin", '[claude-code-plugin]\nsource = "marketplace"'),
            "claude-code-plugin",
            "does not say from which",
        ),
        (
            asset("claude-code-plugin", '[claude-code-plugin]\nmanifest-file = "x"'),
            "claude-code-plugin",
            "'x' is not in the zip",
        ),
        (asset("skill", SKILL), "rule", "type is 'skill', elsewhere 'rule'"),
    ],
)
def test_broken_metadata_is_found(text: str, kind: str, problem: str) -> None:
    assert problem in "\n".join(check_metadata(text, NAMES, "aa", "3", kind))


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", []),
        ("1\n2\r\n\n10\n", []),
        ("v1.2.3-rc.1+b", []),
        ("latest\n", ["list.txt: 'latest' is no version"]),
        ("1\n1\n", ["list.txt: '1' twice"]),
    ],
)
def test_list_txt(text: str, problems: list[str]) -> None:
    assert check_list_txt(text) == problems


ROLE = {"title": "Docs", "slug": "docs", "description": ""}


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        ({"profiles": [], "active": None}, True),
        ({"profiles": [ROLE], "active": "docs"}, True),
        ({"profiles": []}, False),
        ([], False),
        ({"profiles": {}, "active": None}, False),
        ({"profiles": [ROLE], "active": "x"}, False),
        ({"profiles": [{"slug": "docs"}], "active": None}, False),
    ],
)
def test_profiles(answer: object, good: bool) -> None:
    assert (check_profiles(json.dumps(answer)) == []) is good


def test_profiles_that_are_no_json_are_found() -> None:
    assert check_profiles("profiles") != []


FOLDER = f"{BASE}/api/skills/assets/aa"
VAULT = {
    f"{FOLDER}/list.txt": b"3\n",
    f"{FOLDER}/3/metadata.toml": METADATA.encode(),
    f"{FOLDER}/3/aa-3.zip": BUNDLE,
}


@pytest.mark.parametrize(
    ("key", "body", "problem"),
    [
        ("list.txt", b"3\n", ""),
        ("list.txt", None, "no list.txt"),
        ("list.txt", b"3\n4\n", "aa 4: metadata.toml or zip is missing"),
        ("3/metadata.toml", None, "metadata.toml or zip is missing"),
        ("3/metadata.toml", b"x", "is another than the one beside it"),
        ("3/aa-3.zip", b"x", "does not begin with PK 03 04"),
    ],
)
def test_asset(key: str, body: bytes | None, problem: str) -> None:
    vault = {**VAULT, f"{FOLDER}/{key}": body}
    found = "\n".join(check_asset(BASE, "aa", "skill", vault.get))
    assert problem in found if problem else found == ""
