"""Uploads: what is kept of them, under which names, and everything that is wrong with them at once."""

from __future__ import annotations

import io
import tomllib
import zipfile
from collections.abc import Mapping

import pytest
import tomli_w
from contracts.sx_bundle import check_bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamic_api.errors import Invalid, TooLarge
from dynamic_api.sx.bundle import Bundle, read_bundle
from dynamic_api.sx.identity import Form, slug_of
from dynamic_api.sx.vocabulary import APP_PLUGIN, KINDS, kind_of, lock_type
from registry_builder.core.artifact import Limits, read
from registry_builder.emit.sx_metadata import TYPES

NOTHING = Form()
SECTIONS: dict[str, tuple[dict[str, object], list[str]]] = {
    "skill": ({"prompt-file": "SKILL.md"}, ["SKILL.md"]),
    "agent": ({"prompt-file": "AGENT.md"}, ["AGENT.md"]),
    "command": ({"prompt-file": "c.md"}, ["c.md"]),
    "rule": ({"globs": ["*.py"]}, ["RULE.md"]),
    "hook": ({"event": "stop", "script-file": "run.sh"}, ["run.sh"]),
    "mcp": ({"command": "npx", "args": ["x"]}, []),
    "claude-code-plugin": ({"auto-enable": False}, [".claude-plugin/plugin.json"]),
}


def zipped(files: Mapping[str, str | bytes], executable: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            info = zipfile.ZipInfo(path, (2026, 11, 20, 1, 2, 4))
            mode = 0o40775 if path.endswith("/") else 0o100755 if path == executable else 0o100664
            info.external_attr = mode << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def toml(kind: str = "skill", **asset: object) -> str:
    section, _ = SECTIONS[kind]
    table = {"name": "my-skill", "version": "1", "type": kind, **asset}
    return tomli_w.dumps({"asset": {key: value for key, value in table.items() if value}, kind: section})


def files_of(kind: str = "skill", **asset: object) -> dict[str, str | bytes]:
    return {"metadata.toml": toml(kind, **asset), **dict.fromkeys(SECTIONS[kind][1], "text")}


def checked(bundle: Bundle) -> Bundle:
    """`bundle`, whose zip says what `bundle` says and is installable."""
    assert check_bundle(bundle.body, bundle.name, bundle.version, bundle.type) == []
    assert read(bundle.body) == bundle.files
    assert dict(zip((file.path for file in bundle.files), bundle.files, strict=True))[
        "metadata.toml"
    ].data == (bundle.metadata)
    return bundle


def problems(data: bytes, form: Form = NOTHING) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read_bundle(data, form)
    told = caught.value.extra.get("problems")
    if told is None:
        return [caught.value.code]
    assert isinstance(told, list)
    assert all(problem["message"] in caught.value.message for problem in told)
    return [problem["code"] for problem in told]


def test_vocabulary_has_one_row_for_each_type() -> None:
    assert [tuple(kind[:5]) for kind in (*KINDS, APP_PLUGIN)] == [
        ("skill", "SKILL", "Skill", "skill", "skill"),
        ("agent", "AGENT", "Agent", "agent", "agent"),
        ("command", "COMMAND", "Command", "command", "command"),
        ("rule", "RULE", "Rule", "rule", "rule"),
        ("hook", "HOOK", "Hook", "hook", "hook"),
        ("mcp", "MCP", "McpServer", "mcp", "mcp_server"),
        ("claude-code-plugin", "CLAUDE_CODE_PLUGIN", "ClaudeCodePlugin", "plugin", "plugin"),
        ("app-plugin", "APP_PLUGIN", "AppPlugin", "app-plugin", "app-plugin"),
    ]
    assert {lock_type(ours): sx for ours, sx in TYPES.items()} == {sx: sx for sx in TYPES.values()}
    assert kind_of("mcp-remote") is kind_of("mcp_server") is kind_of("MCP")
    assert kind_of("planet") is None


@pytest.mark.parametrize("kind", SECTIONS)
def test_each_type_is_kept_as_it_is(kind: str) -> None:
    given_files = files_of(kind)
    bundle = checked(read_bundle(zipped(given_files), Form(name="my-skill", version="1", type=kind)))
    assert (bundle.name, bundle.version, bundle.type, bundle.findings) == ("my-skill", "1", kind, ())
    assert bundle.metadata.decode() == given_files["metadata.toml"]


@pytest.mark.parametrize(
    ("sent", "stated", "section"),
    [
        ("mcp_server", "mcp_server", "mcp_server"),
        ("mcp", "mcp_server", "mcp"),
        ("mcp_server", "mcp", "mcp"),
        ("mcp", "mcp-remote", "mcp-remote"),
        ("", "mcp_server", "mcp"),
        ("MCP", "", "mcp"),
        ("plugin", "plugin", "plugin"),
        ("claude-code-plugin", "plugin", "claude-code-plugin"),
        ("plugin", "claude-code-plugin", "claude-code-plugin"),
    ],
)
def test_both_vocabularies_come_out_as_sx_spells_them(sent: str, stated: str, section: str) -> None:
    kind = "mcp" if "mcp" in section else "claude-code-plugin"
    asset = {"name": "a", "version": "1", **({"type": stated} if stated else {})}
    text = tomli_w.dumps({"asset": asset, section: SECTIONS[kind][0]})
    paths = dict.fromkeys(SECTIONS[kind][1], "{}")
    bundle = checked(read_bundle(zipped({"metadata.toml": text, **paths}), Form(type=sent)))
    assert bundle.type == kind
    assert tomllib.loads(bundle.metadata.decode()) == {
        "asset": {"name": "a", "version": "1", "type": kind},
        kind: SECTIONS[kind][0],
    }


def test_wrapping_folder_and_litter_go_and_modes_stay() -> None:
    given_files = {f"my-skill-1/{path}": data for path, data in files_of().items()}
    given_files |= {"my-skill-1/": "", "my-skill-1/run.sh": "true", "my-skill-1/.DS_Store": "x"}
    data = zipped({**given_files, "__MACOSX/my-skill-1/._SKILL.md": "x"}, "my-skill-1/run.sh")
    bundle = checked(read_bundle(data, NOTHING))
    assert [(file.path, file.executable) for file in bundle.files] == [
        ("SKILL.md", False),
        ("metadata.toml", False),
        ("run.sh", True),
    ]
    assert bundle.body == read_bundle(zipped({**files_of(), "run.sh": "true"}, "run.sh"), NOTHING).body


def test_name_becomes_the_slug_everywhere() -> None:
    data = zipped(files_of(name="My_Skill"))
    bundle = checked(read_bundle(data, Form(name="My Skill", version=" 1 ")))
    assert (bundle.name, bundle.given) == ("my-skill", "My Skill")
    assert tomllib.loads(bundle.metadata.decode())["asset"]["name"] == "my-skill"
    assert [finding.message for finding in bundle.findings] == [
        "the name 'My Skill' is kept as my-skill, in the zip as well",
        "the name 'My_Skill' is kept as my-skill, in the zip as well",
    ]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("PDF Tools", "pdf-tools"),
        ("__a__b--c", "a-b-c"),
        ("Café ﬁne", "cafe-fine"),
        ("日本", ""),
        ("../../etc", "etc"),
        ("a" * 63 + "-bc", "a" * 63),
        ("a" * 80, "a" * 64),
        ("", ""),
    ],
)
def test_slug(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_form_and_file_name_fill_what_metadata_leaves_out() -> None:
    given_files = files_of(name="", version="", type="")
    bundle = checked(read_bundle(zipped(given_files), Form(file_name=r"C:\tmp\pdf-tools-1.2.zip")))
    assert (bundle.name, bundle.version, bundle.type) == ("pdf-tools", "1.2", "skill")
    bundle = checked(read_bundle(zipped(given_files), Form(name="x", version="3", type="skill")))
    assert (bundle.name, bundle.version, bundle.type) == ("x", "3", "skill")


def test_what_a_lock_copies_is_told() -> None:
    asset = {"clients": ["codex"], "dependencies": ["aa>=1,<2", "bb"], "description": "Does."}
    bundle = checked(read_bundle(zipped(files_of(**asset)), NOTHING))
    assert (bundle.clients, bundle.dependencies, bundle.description) == (
        ("codex",),
        ("aa>=1,<2", "bb"),
        "Does.",
    )


def test_old_table_and_sections_of_other_types_do_not_stay() -> None:
    text = '[artifact]\nname = "a"\nversion = "1"\ntype = "skill"\nx = 1\n[skill]\nprompt-file = "SKILL.md"\n'
    text += "[mcp]\nargs = 7\n[custom]\nwhen = 2026-11-20\n"
    bundle = checked(
        read_bundle(zipped({"metadata.toml": b"\xef\xbb\xbf" + text.encode(), "SKILL.md": ""}), NOTHING)
    )
    assert sorted(tomllib.loads(bundle.metadata.decode())) == ["asset", "custom", "skill"]


META = "[skill]\nprompt-file = 'SKILL.md'\n[asset]\nname = 'a'\nversion = '1'\ntype = 'skill'\n"


@pytest.mark.parametrize(
    ("text", "form", "codes"),
    [
        ("[asset", NOTHING, ["metadata-toml"]),
        (b"\xff", NOTHING, ["metadata-toml"]),
        ("x = " + "[" * 5000, NOTHING, ["metadata-toml"]),
        ("asset = 1", NOTHING, ["metadata-section"]),
        (META.replace("'a'", "7"), NOTHING, ["metadata-not-text", "name-missing"]),
        (META.replace("'1'", "1"), NOTHING, ["metadata-not-text", "version-missing"]),
        (META.replace("'1'", "'latest'"), NOTHING, ["version-invalid"]),
        (META.replace("'1'", "'01'"), NOTHING, ["version-invalid"]),
        (META.replace("'a'", "'日本'"), NOTHING, ["name-invalid"]),
        (META.replace("'a'", "'con'"), NOTHING, ["name-reserved"]),
        (META.replace("'a'", "'Discover'"), NOTHING, ["name-reserved"]),
        (META.replace("'skill'", "'planet'"), NOTHING, ["type-unknown"]),
        (META.replace("'skill'", "'app-plugin'"), NOTHING, ["type-refused"]),
        (META, Form(type="app-plugin"), ["form-disagrees", "type-refused"]),
        (META, Form(name="b"), ["form-disagrees"]),
        (META, Form(version="1.0"), ["form-disagrees"]),
        (META, Form(type="mcp"), ["form-disagrees", "metadata-section"]),
        (META.replace("SKILL", "Skill"), NOTHING, ["metadata-file"]),
        (META.replace("'SKILL.md'", "''"), NOTHING, ["metadata-section"]),
        (META.replace("[skill]\nprompt-file = 'SKILL.md'\n", ""), NOTHING, ["metadata-section"]),
        ("metadata-version = 1\ncustom = 2\n" + META, NOTHING, ["metadata-section", "metadata-section"]),
        ("big = 9223372036854775808\n" + META, NOTHING, ["metadata-section"]),
        (META + "clients = ['emacs']\ndescription = 3\n", NOTHING, ["metadata-section", "metadata-section"]),
        (META + "dependencies = ['a*b']\n", NOTHING, ["metadata-section"]),
        (META + "dependencies = ['a~=1', 'b=2']\n", NOTHING, ["dependency-invalid", "dependency-invalid"]),
        (META + "dependencies = 'a'\nauthors = [1]\n", NOTHING, ["metadata-section", "metadata-section"]),
        (
            META.replace("'1'", "'x'").replace("SKILL", "Skill") + "clients = ['emacs']\n",
            Form(name="b"),
            ["form-disagrees", "version-invalid", "metadata-section", "metadata-file"],
        ),
    ],
)
def test_everything_that_is_wrong_is_told_at_once(text: str | bytes, form: Form, codes: list[str]) -> None:
    assert problems(zipped({"metadata.toml": text, "SKILL.md": "x"}), form) == codes


@pytest.mark.parametrize(
    ("kind", "section", "code"),
    [
        ("hook", {"event": "noon", "command": "x"}, "metadata-section"),
        ("hook", {"event": "stop"}, "metadata-section"),
        ("hook", {"event": "stop", "command": "x", "script-file": "run.sh"}, "metadata-section"),
        ("hook", {"event": "stop", "command": "x", "timeout": -1}, "metadata-section"),
        ("hook", {"event": "stop", "script-file": "no.sh"}, "metadata-file"),
        ("mcp", {"command": "npx"}, "metadata-section"),
        ("mcp", {"command": "npx", "args": []}, "metadata-section"),
        ("mcp", {"transport": "http"}, "metadata-section"),
        ("mcp", {"transport": "sse", "url": "https://x", "args": ["y"]}, "metadata-section"),
        ("mcp", {"transport": "carrier-pigeon"}, "metadata-section"),
        ("claude-code-plugin", {"manifest-file": "no.json"}, "metadata-file"),
        ("claude-code-plugin", {"source": "marketplace"}, "metadata-section"),
        ("rule", {"prompt-file": "no.md"}, "metadata-file"),
        ("agent", {}, "metadata-section"),
    ],
)
def test_rules_of_the_sections(kind: str, section: dict[str, object], code: str) -> None:
    text = tomli_w.dumps({"asset": {"name": "a", "version": "1", "type": kind}, kind: section})
    files = {"metadata.toml": text, **dict.fromkeys(SECTIONS[kind][1], "x")}
    assert problems(zipped(files)) == [code]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"SKILL.md": "x"}, "metadata-missing"),
        ({"a/metadata.toml": META, "b/SKILL.md": "x"}, "metadata-missing"),
        ({"Metadata.toml": META, "SKILL.md": "x"}, "metadata-collision"),
        ({"metadata.toml/x": META, "SKILL.md": "x"}, "metadata-collision"),
        ({"metadata.toml": META, "SKILL.md": "x", "e\u0301.md": "y"}, "path-not-nfc"),
        ({"metadata.toml": META, "SKILL.md": "x", "../x": "y"}, "path-unsafe"),
    ],
)
def test_zip_that_cannot_be_taken(files: dict[str, str], code: str) -> None:
    assert problems(zipped(files)) == [code]


def test_zip_that_is_none_or_too_big_is_refused_with_the_mend() -> None:
    with pytest.raises(Invalid) as caught:
        read_bundle(b"PK\x03\x04nonsense", NOTHING)
    assert (type(caught.value), caught.value.code) == (Invalid, "zip-no-end")
    with pytest.raises(TooLarge) as big:
        read_bundle(zipped(files_of()), NOTHING, Limits(archive_bytes=10))
    assert big.value.mend == "leave out what the skill does not need"


def test_many_problems_are_cut() -> None:
    text = toml(dependencies=["b=1"] * 80)
    with pytest.raises(Invalid) as caught:
        read_bundle(zipped({"metadata.toml": text, "SKILL.md": "x"}), NOTHING)
    assert caught.value.message.startswith("80 problems: ")
    assert caught.value.message.endswith("; and 30 more")


texts = st.sampled_from(
    ["", "a", "My Skill", "1", "1.2.3-rc.1", "01", "SKILL.md", "stdio", "mcp", "stop", "con", "…\x00"]
)
lists = st.lists(texts, max_size=2)
values = st.one_of(texts, st.integers(-1, 2), lists, st.booleans())
assets = st.dictionaries(
    st.sampled_from(["name", "version", "type", "description", "clients", "dependencies", "keywords"]),
    values,
    max_size=4,
)
keys = ["prompt-file", "event", "command", "url", "transport", "script-file", "manifest-file", "source"]
sections = st.builds(
    lambda texts, lists: {**texts, **lists},
    st.dictionaries(st.sampled_from(keys), texts, max_size=4),
    st.dictionaries(st.sampled_from(["args", "globs"]), lists, max_size=1),
)
kinds = st.sampled_from([*SECTIONS, "mcp_server", "plugin", "app-plugin"])
others = st.dictionaries(
    st.one_of(kinds, st.sampled_from(["custom", "artifact", "metadata-version"])),
    st.one_of(sections, texts),
    max_size=3,
)
forms = st.builds(Form, name=st.none() | texts, version=st.none() | texts, type=st.none() | kinds)


@settings(max_examples=300)
@given(assets, kinds, others, forms)
def test_upload_is_refused_or_installable(
    asset: dict[str, object], kind: str, others: dict[str, object], form: Form
) -> None:
    text = tomli_w.dumps({"asset": {"name": "a", "version": "1", "type": kind, **asset}, **others})
    files = {"metadata.toml": text, "SKILL.md": "", "a": "", ".claude-plugin/plugin.json": "{}"}
    try:
        bundle = read_bundle(zipped(files), form)
    except Invalid:
        return
    again = checked(bundle)
    form = Form(name=again.name, version=again.version, type=again.type)
    assert read_bundle(again.body, form).body == again.body
