"""No input crashes the reader, and none is read differently by a plain YAML loader without a finding."""

from __future__ import annotations

import json

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_builder.core.folder import File, Folder
from registry_builder.core.frontmatter import read_front_matter
from registry_builder.core.rules import Policy, check_folder

EXAMPLES = settings(max_examples=600, database=None, suppress_health_check=[HealthCheck.too_slow])

PIECES = st.sampled_from(
    [
        "---", "--- ", "---x", "...", "  ---", "\n", "\r\n", "\r", "\t", " ", "  ", "- ", "? ",
        ": ", ":", "#", " # c", "name", "description", "version", "license", "metadata", "a", "b",
        "'", '"', "|", ">", "|-", "&x", "*x", "<<", "!t ", "!!str ", "[", "]", "{", "}", ",", "yes",
        "1.10", "2026-01-02", "null", "~", "é", "\u2028", "\x85", "\0", "\ufeff", "\\n", "\\u0000",
        "%YAML 1.1", "<<<<<<< x", "=======", "name: a\n", "x:\n  - 1\n", "k: |\n  t\n",
    ]
)  # fmt: skip
BLOCKS = st.lists(PIECES, max_size=25).map("".join)
KEYS = st.sampled_from(["name", "description", "version", "metadata", "a", "'b'", '"c"', "1", "yes", "? d\n"])
VALUES = st.one_of(
    st.sampled_from(
        ["[a, {b: 1.10}]", "{x: [yes, 2]}", "|\n  a\n   ---\n", ">-\n  b\n", "\n  - c\n  - 1e3", "'---'", ""]
    ),
    st.lists(PIECES, max_size=3).map("".join),
    st.text(max_size=12),
)
ODD_LINES = st.sampled_from(
    ["---", "--- ", "---\t", "---x", "--- x", "----", "...", " ---", "# c", "", "a:\r"]
)
LINES = st.lists(st.one_of(st.tuples(KEYS, VALUES).map(": ".join), ODD_LINES), max_size=6).map("\n".join)
ODD_FILES = st.one_of(
    LINES.map(lambda block: f"---\n{block}\n---\nbody\n".encode("utf-8", "replace")),
    st.binary(max_size=200),
    BLOCKS.map(str.encode),
    BLOCKS.map(lambda block: f"---\n{block}\n---\nbody\n".encode()),
)


WORDS = {
    "": "null",
    "~": "null",
    "Null": "null",
    "NULL": "null",
    "True": "true",
    "TRUE": "true",
    "False": "false",
    "FALSE": "false",
}


def same(ours: object, theirs: object) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, str):
        return ours == theirs
    return isinstance(theirs, str) and json.dumps(ours) == WORDS.get(theirs, theirs)


def strict_block(text: str) -> str | None:
    """The front matter by the letter of the rule: from a first line `---` to the next line `---`."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0] != "---" or "---" not in lines[1:]:
        return None
    return "\n".join(lines[1 : lines.index("---", 1)])


@EXAMPLES
@given(ODD_FILES)
def test_nothing_crashes_the_reader_and_what_it_gives_is_json(data: bytes) -> None:
    front, problems = read_front_matter(data)
    assert front is not None or problems
    if front is not None:
        json.dumps([front.fields, front.body], allow_nan=False)
        assert front.fields.keys() == front.lines.keys()
    last = data.count(b"\n") + 1
    assert all(1 <= problem.line <= last for problem in problems)


@EXAMPLES
@given(ODD_FILES)
def test_what_is_read_without_a_problem_is_what_a_strict_splitter_and_a_yaml_loader_read(data: bytes) -> None:
    front, problems = read_front_matter(data)
    if front is None or problems:
        return
    block = strict_block(data.decode())
    assert block is not None
    theirs = yaml.load(block, Loader=yaml.CBaseLoader)
    assert same(dict(front.fields), theirs or {})
    lax = data.decode().replace("\r\n", "\n").partition("\n")[2].partition("\n---")[0]
    assert lax == block or not block


@EXAMPLES
@given(ODD_FILES)
def test_no_skill_without_an_error_and_no_error_with_a_skill(data: bytes) -> None:
    folder = Folder("a", "skills/a", "0" * 40, (File("SKILL.md", data),))
    for policy in (Policy(), Policy(preset="lenient")):
        read, findings = check_folder(folder, policy)
        assert (read is None) == any(finding.level == "error" for finding in findings)
        assert all(finding.mend for finding in findings)
        "".join(finding.message for finding in findings).encode()
