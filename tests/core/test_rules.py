"""Every rule has a folder that breaks it and one that does not, and says where and how to mend it."""

from __future__ import annotations

import pytest
from core.rule_cases import assets, fields, paths, prompt, text
from core.rule_cases.case import BODY, HEAD, Case, folder, front, skill

from registry_builder.core.finding import Finding
from registry_builder.core.folder import Folder
from registry_builder.core.rules import RULES, Policy, Rule, apply_fixes, check_folder
from registry_builder.core.rules.names import RULES as NAME_RULES

CASES = (*prompt.CASES, *fields.CASES, *paths.CASES, *text.CASES, *assets.CASES)
LENIENT = Policy(preset="lenient")


def _rows(folder: Folder, findings: tuple[Finding, ...]) -> list[tuple[str, str, int]]:
    start = len(folder.path)
    return [(finding.rule, finding.path[start:].removeprefix("/"), finding.line) for finding in findings]


def _identity(case: Case) -> str:
    return case.rule


@pytest.mark.parametrize("case", CASES, ids=_identity)
def test_bad_folder_has_exactly_these_findings(case: Case) -> None:
    _, findings = check_folder(case.bad, case.policy)
    assert sorted(_rows(case.bad, findings)) == sorted(case.found)
    assert all(finding.mend and finding.message for finding in findings)


@pytest.mark.parametrize("case", CASES, ids=_identity)
def test_near_folder_has_none(case: Case) -> None:
    read, findings = check_folder(case.good, case.policy)
    assert findings == ()
    assert read is not None


@pytest.mark.parametrize("case", CASES, ids=_identity)
@pytest.mark.parametrize("preset", ["portable", "lenient"])
def test_levels_are_those_of_the_table_and_an_error_means_no_skill(case: Case, preset: str) -> None:
    policy = Policy(preset=preset, limits=case.policy.limits)
    read, findings = check_folder(case.bad, policy)
    levels = {rule.id: rule.levels[preset] for rule in RULES}
    assert {finding.rule: finding.level for finding in findings} == {
        rule: levels[rule] for rule, _, _ in case.found if levels[rule] != "off"
    }
    assert (read is None) == any(finding.level == "error" for finding in findings)


def _uncovered(rules: tuple[Rule, ...]) -> set[str]:
    return {rule.id for rule in rules} - {case.rule for case in CASES} - {rule.id for rule in NAME_RULES}


def test_every_rule_has_a_case() -> None:
    assert _uncovered(RULES) == set()
    assert {case.rule for case in CASES} <= {rule.id for rule in RULES}


def test_a_rule_without_a_case_would_be_seen() -> None:
    new = Rule("new-rule", "New", {"portable": "error", "lenient": "error"}, fixed=True, why="x", mend="y")
    assert _uncovered((*RULES, new)) == {"new-rule"}


def test_ids_are_sorted_and_unique() -> None:
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.fixed], ids=lambda rule: rule.id)
def test_what_is_unsafe_cannot_be_lowered(rule: Rule) -> None:
    assert set(rule.levels.values()) == {"error"}
    assert Policy(levels={rule.id: "off"}).level(rule) == "error"


def test_other_levels_can_be_set() -> None:
    bad = skill(HEAD + "x\n" * 501)
    assert check_folder(bad, Policy(levels={"body-too-long": "off"}))[1] == ()
    read, findings = check_folder(bad, Policy(levels={"body-too-long": "error"}))
    assert (read, [finding.level for finding in findings]) == (None, ["error"])


def test_all_problems_of_a_folder_come_at_once() -> None:
    bad = skill(
        "---\nname: other\ndescription:\nversion: [1]\n---\n[a](b.md)\n/home/alice\n",
        {"CON": "x", "a.pyc": "x"},
        runnable={"run": "x"},
    )
    _, findings = check_folder(bad, Policy())
    assert _rows(bad, findings) == [
        ("path-device", "CON", 0),
        ("name-mismatch", "SKILL.md", 2),
        ("description-missing", "SKILL.md", 3),
        ("field-not-text", "SKILL.md", 4),
        ("link-missing", "SKILL.md", 6),
        ("home-path", "SKILL.md", 7),
        ("leftover", "a.pyc", 0),
        ("exec-without-shebang", "run", 1),
    ]


NOT_REFUSED = {
    "plain": skill(),
    "flow collections": skill(front("tags: [pdf, 'a, b']", "metadata: {a: {b: [1, 2.5, true, null]}}")),
    "unknown fields": skill(front("model: opus", "hooks:", "  - on: save", "x-y.z: {}")),
    "version that YAML takes for a number": skill(front("version: 1.10")),
    "version that YAML takes for a date": skill(front("version: 2026-01-02")),
    "licence that YAML takes for a boolean": skill(front("license: no")),
    "folded description": skill(
        "---\nname: pdf-tools\ndescription: >-\n  Reads PDF files.\n\n  Writes them.\n---\nx\n"
    ),
    "quoted colon and hash": skill("---\nname: pdf-tools\ndescription: 'Use: always # really'\n---\nx\n"),
    "comment inside the front matter": skill(front("# a comment", "", "x: 1 # another")),
    "horizontal rule in the body": skill(HEAD + BODY + "\n---\n\n--- x\n"),
    "no final newline after the fence": skill(HEAD.rstrip() + "\n" + BODY.rstrip()),
    "non-ASCII everywhere but in the name": skill(
        front("author: Zoë", body="# Größe\n\n日本語 العربية\n"), {"docs/größe 日本.md": "x"}
    ),
    "odd file names": skill(
        files={"a b.md": "x", "#1.md": "x", "it's.md": "x", "-n.md": "x", ".hidden/x": "x", "--help/x": "x"}
    ),
    "208-byte path": skill(files={"a/" * 60 + "b" * 88: "x"}),
    "empty file": skill(files={"scripts/__init__.py": ""}),
    "binary file": skill(files={"assets/a.bin": bytes(range(256)) * 8}),
    "999 files beside": skill(files={f"f/{n}": "x" for n in range(999)}),
    "executable with interpreter": skill(runnable={"scripts/run": "#!/bin/sh\necho\n"}),
    "flag of Scotland": skill(
        HEAD + "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f\n"
    ),
    "description of 1,024 characters": skill(f"---\nname: pdf-tools\ndescription: {'é' * 1024}\n---\nx\n"),
    "name of 64 characters": skill(name="a" * 64),
    "name of one letter": skill(name="a"),
    "name that begins with a digit": skill(name="3d-print"),
    "tools with parentheses": skill(front("allowed-tools: Bash(git log:*) Bash(npm run *), Read")),
    "document inside of code": skill(HEAD + "```\n---\nname: x\n---\n[a](b.md)\n```\n"),
    "agent": folder({"AGENT.md": HEAD + BODY}, type="agent"),
    "command": folder({"COMMAND.md": HEAD + BODY}, type="command"),
    "rule": folder({"RULE.md": HEAD + BODY}, type="rule"),
    "hook": assets.hook(),
    "server": assets.mcp(),
    "plugin": assets.plugin(),
}
WARNED_ONLY = {
    "CRLF": skill((HEAD + BODY).replace("\n", "\r\n")),
    "byte order mark": skill("\ufeff" + HEAD + BODY),
    "1 MB": skill(HEAD + "many words here\n" * 65_536),
    "a line of 130,000 characters": skill(HEAD + "x" * 130_000),
    "filled .env": skill(files={".env": "A=b"}),
    "pointer": skill(files={"a": "version https://git-lfs.github.com/spec/v1\n"}),
    "script without interpreter": skill(runnable={"scripts/a": "echo"}),
}


@pytest.mark.parametrize("folder", NOT_REFUSED.values(), ids=NOT_REFUSED.keys())
def test_good_folder_has_no_finding_at_all(folder: Folder) -> None:
    read, findings = check_folder(folder, Policy())
    assert findings == ()
    assert read is not None


@pytest.mark.parametrize("folder", WARNED_ONLY.values(), ids=WARNED_ONLY.keys())
def test_odd_folder_is_warned_of_and_read(folder: Folder) -> None:
    read, findings = check_folder(folder, Policy())
    assert {finding.level for finding in findings} == {"warning"}
    assert read is not None


@pytest.mark.parametrize(
    "case", [case for case in text.CASES if case.rule == "secret"], ids=lambda case: case.found[0][0]
)
def test_no_finding_shows_the_secret(case: Case) -> None:
    _, findings = check_folder(case.bad, Policy())
    line = case.bad.files[0].data.decode().split("\n")[8]
    shown = " ".join(finding.message + finding.mend for finding in findings)
    pieces = {line[at : at + 8] for at in range(len(line) - 7)} - {"postgres", "password"}
    assert not any(piece in shown for piece in pieces)


def test_many_secrets_in_a_file_are_a_few_findings() -> None:
    lines = "".join(f"AKIA{n:016d}\n" for n in range(1000))
    _, findings = check_folder(skill(files={"a.txt": lines}), Policy())
    assert [finding.line for finding in findings] == [1, 2, 3, 4, 5, 6]
    assert findings[-1].message == "and more lines that look like secrets"


MECHANICAL = {rule.id for rule in RULES if rule.mechanical}
WORDS_BEFORE = [case for case in prompt.CASES if case.found == (("front-matter-late", "SKILL.md", 2),)]


def _mended(bad: Folder) -> tuple[Folder, set[str]]:
    fixed = apply_fixes(bad, check_folder(bad, Policy())[1])
    files = {file.path: fixed.get(file.path, file.data) for file in bad.files if not file.executable}
    runnable = {file.path: fixed.get(file.path, file.data) for file in bad.files if file.executable}
    return folder(files, name=bad.name, type=bad.type, runnable=runnable), set(fixed)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.rule in MECHANICAL and case not in WORDS_BEFORE], ids=_identity
)
def test_mechanical_mend_leaves_no_finding(case: Case) -> None:
    mended, changed = _mended(case.bad)
    assert changed == {path for _, path, _ in case.found}
    assert check_folder(mended, Policy())[1] == ()


@pytest.mark.parametrize(
    "case", [*WORDS_BEFORE, *(case for case in CASES if case.rule not in MECHANICAL)], ids=_identity
)
def test_nothing_else_is_changed(case: Case) -> None:
    assert apply_fixes(case.bad, check_folder(case.bad, Policy())[1]) == {}


FIXES = [
    ("name: 'other' # mine\n", b"name: pdf-tools # mine\n"),
    ('name: "other"\n', b"name: pdf-tools\n"),
    ("name: other # it's\n", b"name: pdf-tools # it's\n"),
    ("name: other\r\n", b"name: pdf-tools\n"),
    ("name: other\n  thing\n", b"name: other\n  thing\n"),
    ("name: |\n  other\n", b"name: |\n  other\n"),
    ('name: "o\\x74her"\n', b'name: "o\\x74her"\n'),
]


@pytest.mark.parametrize(("before", "after"), FIXES)
def test_a_name_is_mended_where_it_is_simple(before: str, after: bytes) -> None:
    mended, _ = _mended(skill(f"---\n{before}description: Reads.\n---\nx\n"))
    assert mended.files[0].data == b"---\n" + after + b"description: Reads.\n---\nx\n"


def test_mends_of_one_file_go_together() -> None:
    text = b"\xef\xbb\xbf\n--- \r\ndescription: 12\r\n---\t\r\nbody\r\n"
    mended, _ = _mended(skill(text))
    again, _ = _mended(mended)
    assert again.files[0].data == b"---\nname: pdf-tools\ndescription: '12'\n---\nbody\r\n"
