"""What sx gets: bundles with their metadata.toml, list.txt, and the locks of collections."""

from __future__ import annotations

import hashlib
import io
import json
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from contracts.sx import check_asset, check_bundle, check_list_txt, check_lock, check_profiles
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import SITE, collection, document, page, row, sha, skill, source, summary

from registry_builder.core.errors import Unfit
from registry_builder.core.folder import File
from registry_builder.core.key import KeyClass, classify
from registry_builder.core.ledger import Derived, Row
from registry_builder.emit import sx
from registry_builder.emit.base import Derivation, Page, Source


def nothing(url: str) -> None:
    """A server that has nothing."""


PLUGIN = ".claude-plugin/plugin.json"
HOSTILE = [
    'quote " and \\ and \'\'\' and """',
    "two\nlines\r\n\ttabbed",
    "<script>alert(1)</script>",
    '"\n[asset]\nname = "evil"',
    "crab 🦀, family 👩\u200d👧, \u202egnp.exe\u202c, שלום",
    "\x00\x1b[31m\x7f\x85\u2028",
    "lone \ud800 surrogate",
]


def derive(given: Source) -> Derivation:
    made = sx.derive(given, SITE)
    assert made is not None
    return made


def unzip(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {path: archive.read(path) for path in archive.namelist()}


def metadata_of(made: Derivation) -> str:
    return made.objects[2][1].decode()


def of_type(kind: str, own: str | None = None, **files: bytes) -> Source:
    """An asset of the type `kind`, with the files that it needs and its own metadata.toml."""
    paths = {"agent": "AGENT.md", "command": "COMMAND.md", "rule": "RULE.md", "plugin": PLUGIN}
    given = {paths.get(kind, "README.md"): b"text", "run.sh": b"true", **files}
    if own is not None:
        given["metadata.toml"] = own.encode()
    listed = tuple(File(path, data) for path, data in sorted(given.items()))
    return Source(skill(type=kind), 1, listed)


def test_bundle_is_the_files_and_a_generated_metadata_toml() -> None:
    own = (
        'metadata-version = "0.9"\nother = 1\n[asset]\nname = "else"\nversion = "9.9"\ntype = "agent"\n'
        'dependencies = ["bb>=1.0", "cc"]\nclients = ["codex"]\nkeywords = ["old"]\nreadme = "x"\n'
        '[skill]\nprompt-file = "SKILL.md"\nnew-key = [1, 2]\n[agent]\nprompt-file = "x"\n'
        "[custom]\nwhen = 2026-11-20\n[custom.deep]\nx = 1.5\n"
    )
    given = source(
        {"metadata.toml": own.encode(), "b.txt": b"b"},
        version=3,
        description="Does aa.",
        licence="MIT",
        author="Ann",
        tags=("pdf", "text"),
        homepage="https://acme.example",
    )
    made = derive(given)
    metadata = (
        b'metadata-version = "1.0"\n\n[asset]\nname = "aa"\nversion = "3"\ntype = "skill"\n'
        b'description = "Does aa."\nlicense = "MIT"\nauthors = [\n    "Ann",\n]\n'
        b'keywords = [\n    "pdf",\n    "text",\n]\nhomepage = "https://acme.example"\n'
        b'dependencies = [\n    "bb>=1.0",\n    "cc",\n]\nclients = [\n    "codex",\n]\n'
        b'\n[skill]\nprompt-file = "SKILL.md"\nnew-key = [\n    1,\n    2,\n]\n'
        b"\n[custom]\nwhen = 2026-11-20\n\n[custom.deep]\nx = 1.5\n"
    )
    body = made.objects[0][1]
    digest = hashlib.sha256(body).hexdigest()
    assert made.objects == (
        (f"api/v1/downloads/public/aa/{digest}.zip", body),
        ("api/skills/assets/aa/3/aa-3.zip", body),
        ("api/skills/assets/aa/3/metadata.toml", metadata),
    )
    assert made.record == Derived(
        profile=1,
        sha256=digest,
        size=len(body),
        metadata=hashlib.sha256(metadata).hexdigest(),
        clients=("codex",),
        dependencies=("bb", "cc"),
    )
    assert unzip(body) == {"SKILL.md": given.files[0].data, "b.txt": b"b", "metadata.toml": metadata}


def test_bundle_of_a_plain_skill_has_the_smallest_metadata() -> None:
    assert metadata_of(derive(source())) == (
        'metadata-version = "1.0"\n\n[asset]\nname = "aa"\nversion = "1"\ntype = "skill"\n'
        'description = "Does aa."\n\n[skill]\nprompt-file = "SKILL.md"\n'
    )


def test_bundle_does_not_depend_on_the_site() -> None:
    other = replace(SITE, name="other", base_url="https://other.example", builder="x", owner={})
    assert sx.derive(source(), other) == derive(source())


@pytest.mark.parametrize(
    ("kind", "own", "section"),
    [
        ("agent", None, {"agent": {"prompt-file": "AGENT.md"}}),
        (
            "agent",
            "[agent.kiro]\nmodel = 'x'",
            {"agent": {"kiro": {"model": "x"}, "prompt-file": "AGENT.md"}},
        ),
        ("command", "[command]\nprompt-file = 'run.sh'", {"command": {"prompt-file": "run.sh"}}),
        ("command", "[command]\nprompt-file = 'gone.md'", {"command": {"prompt-file": "COMMAND.md"}}),
        ("rule", "[rule]\nglobs = ['*.py']", {"rule": {"globs": ["*.py"], "prompt-file": "RULE.md"}}),
        ("hook", "[hook]\nevent = 'stop'\ncommand = 'x'", {"hook": {"event": "stop", "command": "x"}}),
        (
            "hook",
            "[hook]\nevent = 'stop'\nscript-file = 'run.sh'",
            {"hook": {"event": "stop", "script-file": "run.sh"}},
        ),
        ("mcp", "[mcp]\ncommand = 'x'\nargs = ['y']", {"mcp": {"command": "x", "args": ["y"]}}),
        (
            "mcp",
            "[mcp]\ntransport = 'http'\nurl = 'https://x'",
            {"mcp": {"transport": "http", "url": "https://x"}},
        ),
        ("plugin", None, {}),
        (
            "plugin",
            "[claude-code-plugin]\nauto-enable = false",
            {"claude-code-plugin": {"auto-enable": False}},
        ),
        (
            "plugin",
            "[claude-code-plugin]\nsource = 'marketplace'\nmarketplace = 'm'",
            {"claude-code-plugin": {"source": "marketplace", "marketplace": "m"}},
        ),
    ],
)
def test_each_type_keeps_its_section(kind: str, own: str | None, section: Mapping[str, object]) -> None:
    made = derive(of_type(kind, own))
    spelled = "claude-code-plugin" if kind == "plugin" else kind
    written = tomllib.loads(metadata_of(made))
    assert written.pop("asset")["type"] == spelled
    assert written == {"metadata-version": "1.0", **section}
    assert check_bundle(made.objects[0][1], "aa", "1", spelled) == []


def test_collection_has_no_bundle_for_sx() -> None:
    assert sx.derive(of_type("bundle"), SITE) is None


def test_bundle_drops_a_byte_order_mark_and_reads_the_old_name_of_the_section() -> None:
    made = derive(of_type("rule", "\ufeff[artifact]\nclients = ['kiro']"))
    assert made.record.clients == ("kiro",)


SKILL = "[skill]\nprompt-file = 'SKILL.md'\n"


@pytest.mark.parametrize(
    ("kind", "own", "code"),
    [
        ("rule", "a = ", "metadata-toml"),
        ("rule", "a = 1\na = 2", "metadata-toml"),
        ("rule", "x = " + "[" * 5_000, "metadata-toml"),
        ("rule", "x = " + "9" * 5_000, "metadata-toml"),
        ("rule", "\x00", "metadata-toml"),
        ("rule", "[custom]\n" + "a." * 64 + "a = 1", "metadata-toml"),
        ("rule", "asset = 1", "metadata-section"),
        ("rule", "rule = 'x'", "metadata-section"),
        ("rule", "custom = []", "metadata-section"),
        ("rule", "[[rule]]", "metadata-section"),
        ("rule", "[custom]\nx = [{ y = 9223372036854775808 }]", "metadata-section"),
        ("rule", "[asset]\nclients = ['emacs']", "metadata-section"),
        ("rule", "[asset]\nclients = 'codex'", "metadata-section"),
        ("rule", "[asset]\ndependencies = ['a b']", "metadata-section"),
        ("rule", "[asset]\ndependencies = [{ name = 'a' }]", "metadata-section"),
        ("rule", "[rule]\nprompt-file = 3", "metadata-section"),
        ("hook", None, "metadata-section"),
        ("hook", "[hook]\nevent = 'stop'", "metadata-section"),
        ("hook", "[hook]\nevent = 'never'\ncommand = 'x'", "metadata-section"),
        ("hook", "[hook]\nevent = 'stop'\ncommand = 'x'\nscript-file = 'run.sh'", "metadata-section"),
        ("hook", "[hook]\nevent = 'stop'\ncommand = 'x'\ntimeout = -1", "metadata-section"),
        ("hook", "[hook]\nevent = 'stop'\ncommand = 'x'\ntimeout = true", "metadata-section"),
        ("hook", "[hook]\nevent = 'stop'\nscript-file = 'gone.sh'", "metadata-file"),
        ("mcp", None, "metadata-section"),
        ("mcp", "[mcp]\ncommand = 'x'", "metadata-section"),
        ("mcp", "[mcp]\ncommand = 'x'\nargs = ['y']\nurl = 'z'", "metadata-section"),
        ("mcp", "[mcp]\ntransport = 'http'", "metadata-section"),
        ("mcp", "[mcp]\ntransport = 'pigeon'\nurl = 'x'", "metadata-section"),
        ("mcp", "[mcp]\ncommand = 'x'\nargs = ['y']\nenv = { A = 1 }", "metadata-section"),
        ("plugin", "[claude-code-plugin]\nmanifest-file = 'gone.json'", "metadata-file"),
        ("plugin", "[claude-code-plugin]\nsource = 'marketplace'", "metadata-section"),
        ("plugin", "[claude-code-plugin]\nauto-enable = 1", "metadata-section"),
        ("skill", None, "metadata-file"),
    ],
)
def test_metadata_that_sx_would_refuse_is_unfit(kind: str, own: str | None, code: str) -> None:
    with pytest.raises(Unfit) as caught:
        sx.derive(of_type(kind, own), SITE)
    assert (caught.value.code, caught.value.place) == (code, "aa/metadata.toml")
    assert caught.value.mend
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("path", ["Metadata.toml", "METADATA.TOML", "metadata.toml/x"])
def test_file_in_the_way_of_metadata_toml_is_unfit(path: str) -> None:
    with pytest.raises(Unfit) as caught:
        sx.derive(source({path: b""}), SITE)
    assert caught.value.code == "metadata-collision"


def check_all(given: Source) -> Derivation:
    """The derivation of `given`, after everything that sx could ask for has been checked."""
    made = derive(given)
    version = row(given.version, given.skill.name, derived={"sx": made.record})
    keys = {f"https://skills.acme.example/{key}": body for key, body in made.objects}
    subject = document(given.skill.name, version, type=given.skill.type)
    keys |= {f"https://skills.acme.example/{key}": body for key, body in sx.emit_skill(page(subject), SITE)}
    kind = "claude-code-plugin" if given.skill.type == "plugin" else given.skill.type
    assert check_asset("https://skills.acme.example", given.skill.name, kind, keys.get) == []
    return made


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    made = check_all(source(description=text, author=text, licence=text, homepage=text, tags=(text, "b")))
    told = text.encode("utf-8", "replace").decode()
    asset = tomllib.loads(metadata_of(made))["asset"]
    assert asset == {
        "name": "aa",
        "version": "1",
        "type": "skill",
        "description": told,
        "license": told,
        "authors": [told],
        "keywords": [told, "b"],
        "homepage": told,
    }


KEYS = st.text("a.\"'\n🦀 ", max_size=4)
TOML_VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.dates()
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("a.\"'\n🦀 ", max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, derandomize=True)
@given(custom=st.dictionaries(KEYS, TOML_VALUES, min_size=1, max_size=4))
def test_custom_section_survives_whole(custom: dict[str, Any]) -> None:
    import tomli_w

    made = derive(source({"metadata.toml": tomli_w.dumps({"custom": custom}).encode()}))
    assert tomllib.loads(metadata_of(made))["custom"] == custom


def test_row_pins_exactly_the_keys_that_were_made() -> None:
    made = derive(source(version=2))
    pinned = sx.row_keys("aa", row(2, derived={"sx": made.record}))
    assert pinned == {key: hashlib.sha256(body).hexdigest() for key, body in made.objects}
    assert [classify(key) for key in pinned] == [KeyClass.IMMUTABLE, KeyClass.FROZEN, KeyClass.FROZEN]


def test_row_without_a_bundle_pins_nothing() -> None:
    assert sx.row_keys("aa", row(2)) == {}


BUNDLE = Derived(profile=1, sha256=sha("bundle"), size=900, metadata=sha("metadata"))


def bundled(version: int, state: str = "active") -> Row:
    return row(version, state=state, derived={"sx": BUNDLE})


@pytest.mark.parametrize(
    ("rows", "state", "text"),
    [
        ([bundled(1)], "active", "1\n"),
        ([bundled(number) for number in range(1, 12)], "active", "".join(f"{n}\n" for n in range(1, 12))),
        ([bundled(1), bundled(2, "deprecated"), bundled(3, "yanked")], "active", "1\n2\n"),
        ([bundled(1, "yanked"), bundled(2, "quarantined")], "active", ""),
        ([bundled(1)], "deprecated", "1\n"),
        ([bundled(1)], "removed", ""),
        ([bundled(1)], "quarantined", ""),
        ([row(1), bundled(2)], "active", "2\n"),
    ],
)
def test_list_txt_has_the_versions_that_are_served(rows: Sequence[Row], state: str, text: str) -> None:
    subject = document("aa", *rows, state=state)
    assert list(sx.emit_skill(page(subject), SITE)) == [("api/skills/assets/aa/list.txt", text.encode())]
    assert check_list_txt(text) == []


def test_collection_has_no_list_txt() -> None:
    assert list(sx.emit_skill(Page(document("docs", type="bundle"), None, ()), SITE)) == []


def item(name: str, *dependencies: str, **changes: Any) -> Any:
    record = Derived(
        profile=1,
        sha256=sha(name),
        size=len(name),
        metadata=sha("m"),
        dependencies=dependencies,
        clients=changes.pop("clients", ()),
    )
    return summary(name, versions=(row(4, name, derived={"sx": record}),), **changes)


def locks(items: Sequence[Any], *collections: Any, retired: tuple[str, ...] = ()) -> dict[str, str]:
    emission = sx.emit_registry(items, replace(SITE, collections=collections, retired=retired))
    return {key: body.decode() for key, body in emission.entries}


def test_each_collection_has_a_lock_and_an_empty_list_of_roles() -> None:
    items = [item("aa"), item("bb", "aa", clients=("codex", "kiro")), item("pp", type="plugin"), item("zz")]
    made = locks(items, collection("docs", "aa", "bb", "pp"), retired=("old", "docs"))
    head = 'lock-version = "1.0"\nversion = "{}"\ncreated-by = "skillpress 0.1.0"\n'
    rows = f"""
[[assets]]
name = "aa"
version = "4"
type = "skill"
[assets.source-http]
url = "https://skills.acme.example/api/v1/downloads/public/aa/{sha("aa")}.zip"
hashes = {{ sha256 = "{sha("aa")}" }}
size = 2

[[assets]]
name = "bb"
version = "4"
type = "skill"
clients = ["codex", "kiro"]
dependencies = [{{ name = "aa" }}]
[assets.source-http]
url = "https://skills.acme.example/api/v1/downloads/public/bb/{sha("bb")}.zip"
hashes = {{ sha256 = "{sha("bb")}" }}
size = 2

[[assets]]
name = "pp"
version = "4"
type = "claude-code-plugin"
[assets.source-http]
url = "https://skills.acme.example/api/v1/downloads/public/pp/{sha("pp")}.zip"
hashes = {{ sha256 = "{sha("pp")}" }}
size = 2
"""
    assert made == {
        "sx/docs/api/skills/sx.lock": head.format(hashlib.sha256(rows.encode()).hexdigest()) + rows,
        "sx/docs/api/skills/sx.profiles": '{"active":null,"profiles":[]}\n',
        "sx/old/api/skills/sx.lock": head.format(hashlib.sha256(b"").hexdigest()),
        "sx/old/api/skills/sx.profiles": '{"active":null,"profiles":[]}\n',
    }
    assert check_profiles(made["sx/old/api/skills/sx.profiles"]) == []
    assert check_lock(made["sx/old/api/skills/sx.lock"], nothing) == []


def test_registry_without_collections_has_no_lock() -> None:
    assert locks([item("aa")]) == {}


@pytest.mark.parametrize("state", ["yanked", "quarantined", "removed"])
def test_lock_leaves_out_what_is_not_served(state: str) -> None:
    made = locks([item("aa", state=state), item("bb")], collection("docs", "aa", "bb"))
    assert [row["name"] for row in tomllib.loads(made["sx/docs/api/skills/sx.lock"])["assets"]] == ["bb"]


def needs(lock: str) -> dict[str, list[str]]:
    rows = tomllib.loads(lock).get("assets", [])
    return {row["name"]: [other["name"] for other in row.get("dependencies", [])] for row in rows}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"aa": ["zz"]}, {"aa": []}),
        ({"aa": ["aa"]}, {"aa": []}),
        ({"aa": ["bb"], "bb": ["aa"]}, {"aa": ["bb"], "bb": []}),
        ({"aa": ["bb", "cc"], "bb": ["cc"], "cc": ["aa"]}, {"aa": ["bb", "cc"], "bb": ["cc"], "cc": []}),
        ({"aa": ["cc"], "bb": ["cc"], "cc": []}, {"aa": ["cc"], "bb": ["cc"], "cc": []}),
    ],
)
def test_lock_keeps_dependencies_that_are_rows_and_no_circle(
    given: Mapping[str, Sequence[str]], kept: Mapping[str, Sequence[str]]
) -> None:
    items = [item(name, *others) for name, others in given.items()]
    site = replace(SITE, collections=(collection("docs", *given),))
    emission = sx.emit_registry(items, site)
    assert needs(emission.entries[0][1].decode()) == kept
    cut = [(name, other) for name, others in given.items() for other in others if other not in kept[name]]
    assert [finding.name for finding in emission.findings] == [name for name, _ in cut]
    assert {finding.rule for finding in emission.findings} <= {"sx-dependency"}


def test_long_chain_of_dependencies_is_no_circle() -> None:
    names = [f"n{number:05}" for number in range(3_000)]
    chain = [item(name, *names[at + 1 : at + 2]) for at, name in enumerate(names)]
    emission = sx.emit_registry(chain, replace(SITE, collections=(collection("all", *names),)))
    assert emission.findings == ()
    assert sum(len(others) for others in needs(emission.entries[0][1].decode()).values()) == 2_999


def test_member_without_a_bundle_is_a_finding() -> None:
    site = replace(SITE, collections=(collection("docs", "aa"),))
    emission = sx.emit_registry([summary("aa")], site)
    assert [finding.rule for finding in emission.findings] == ["sx-no-bundle"]
    assert tomllib.loads(emission.entries[0][1].decode()).get("assets", []) == []


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\ud800" not in text])
def test_hostile_builder_and_base_url_stay_text(text: str) -> None:
    site = replace(SITE, builder=text, base_url="https://h/" + 'x"y', collections=(collection("d", "aa"),))
    lock = tomllib.loads(sx.emit_registry([item("aa")], site).entries[0][1].decode())
    assert lock["created-by"] == text
    assert lock["assets"][0]["source-http"]["url"].startswith('https://h/x"y/api/')


def test_lock_names_bundles_that_install() -> None:
    made = [check_all(source(version=4, name=name)) for name in ("aa", "bb")]
    items = [
        summary(name, versions=(row(4, name, derived={"sx": one.record}),))
        for name, one in zip(("aa", "bb"), made, strict=True)
    ]
    lock = locks(items, collection("docs", "aa", "bb"))["sx/docs/api/skills/sx.lock"]
    served = {f"{SITE.base_url}/{key}": body for one in made for key, body in one.objects}
    assert check_lock(lock, served.get) == []
    assert check_lock(lock, nothing) != []


def test_lock_version_changes_with_the_rows_only() -> None:
    one, two, three = (
        tomllib.loads(sx.emit_registry([given], site).entries[0][1].decode())["version"]
        for given, site in [
            (item("aa"), replace(SITE, collections=(collection("docs", "aa"),))),
            (item("aa"), replace(SITE, builder="skillpress 9", collections=(collection("docs", "aa"),))),
            (item("aa", "aa", clients=("kiro",)), replace(SITE, collections=(collection("docs", "aa"),))),
        ]
    )
    assert one == two != three


def test_profiles_are_json() -> None:
    assert json.loads(locks([], collection("docs"))["sx/docs/api/skills/sx.profiles"]) == {
        "profiles": [],
        "active": None,
    }
