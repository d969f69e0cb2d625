"""Cases for the rules about the prompt file and its front matter."""

from __future__ import annotations

from core.rule_cases.case import BODY, HEAD, Case, case, folder, front, skill

_P = "SKILL.md"
_TEXT = HEAD + BODY


def _head(old: str, new: str) -> str:
    assert old in HEAD
    return HEAD.replace(old, new) + BODY


CASES: tuple[Case, ...] = (
    case("prompt-missing", folder({"notes.md": "x"}), "", 0),
    case("prompt-missing", folder({"one/SKILL.md": _TEXT}), "", 0),
    case("prompt-misspelt", folder({"skill.md": _TEXT}), "skill.md", 0),
    case("prompt-misspelt", folder({"Skill.MD": _TEXT}), "Skill.MD", 0),
    case("prompt-twice", skill(files={"skill.md": "x"}), "skill.md", 0),
    case(
        "prompt-nested",
        skill(files={"examples/one/SKILL.md": _TEXT}),
        "examples/one/SKILL.md",
        0,
        skill(files={"examples/one/EXAMPLE-SKILL.md": _TEXT}),
    ),
    case("not-utf8", skill(_TEXT.encode() + b"caf\xe9\n"), _P, 8, skill(_TEXT + "café\n")),
    case("not-utf8", skill(_TEXT.encode("utf-16")), _P, 1),
    case("bom", skill(b"\xef\xbb\xbf" + _TEXT.encode()), _P, 1),
    case("front-matter-missing", skill("# PDF tools\n\nname: pdf-tools\n"), _P, 1),
    case("front-matter-missing", skill(""), _P, 1),
    case("front-matter-missing", skill("----\nname: pdf-tools\n---\n"), _P, 1),
    case("front-matter-late", skill("\n\n" + _TEXT), _P, 3),
    case("front-matter-late", skill("# A comment\n" + _TEXT), _P, 2),
    case("front-matter-late", skill("<!-- x -->\n" + _TEXT), _P, 2),
    case("front-matter-unclosed", skill("---\nname: pdf-tools\ndescription: x\n"), _P, 1),
    case("front-matter-unclosed", skill("---"), _P, 1),
    case("fence-spaces", skill(_TEXT.replace("---\n", "--- \n", 1)), _P, 1),
    case(
        "fence-spaces",
        skill(_TEXT.replace("\n---\n", "\n---\t\n", 1) + "\n---\n"),
        _P,
        4,
        skill(_TEXT + "\n---\n"),
    ),
    case("fence-lookalike", skill(front("---x: 1")), _P, 4, skill(front("x: ---x"))),
    case("fence-lookalike", skill(front("----")), _P, 4, skill(front("# ----"))),
    case("fence-lookalike", skill(front("...")), _P, 4, skill(front("x: ..."))),
    case(
        "fence-in-value",
        skill(front("notes: |", "  one", "  ---", "  two")),
        _P,
        6,
        skill(front("notes: |", "  ----")),
    ),
    case(
        "front-matter-crlf",
        skill(_TEXT.replace("\n", "\r\n")),
        _P,
        1,
        skill(HEAD + BODY.replace("\n", "\r\n")),
    ),
    case("front-matter-control", skill(front("x: a\0b")), _P, 4, skill(front("x: a\tb"))),
    case("front-matter-control", skill(front("x: a\rb")), _P, 4, skill(front("x: aéb"))),
    case("front-matter-control", skill(front('x: "a\\u2028b"')), _P, 4, skill(front('x: "a\\nb"'))),
    case("front-matter-control", skill(front("x: a\u0085b")), _P, 4),
    case(
        "front-matter-merge-marker",
        skill(front("<<<<<<< HEAD", "x: 1", "=======", "x: 2", ">>>>>>> other")),
        _P,
        4,
        skill(front("x: <<<<<<< HEAD")),
        ("front-matter-merge-marker", _P, 6),
        ("front-matter-merge-marker", _P, 8),
    ),
    case(
        "yaml-bad",
        skill(_head("Reads PDF files.", "Use: reads PDF")),
        _P,
        3,
        skill(_head("Reads PDF", "Use:reads PDF")),
    ),
    case("yaml-bad", skill(front("\tx: 1")), _P, 4, skill(front("x:\t1"))),
    case("yaml-bad", skill(front("x: 'open")), _P, 4, skill(front("x: 'closed'"))),
    case("yaml-bad", skill(front("x: [a, b")), _P, 4, skill(front("x: [a, b]"))),
    case("yaml-bad", skill(front("%YAML 1.1")), _P, 4, skill(front("x: '%YAML 1.1'"))),
    case("yaml-not-mapping", skill("---\n- name: pdf-tools\n---\n"), _P, 2),
    case("yaml-not-mapping", skill("---\npdf-tools\n---\n"), _P, 2),
    case("yaml-duplicate-key", skill(front("name: pdf-tools")), _P, 4, skill(front("x: {name: pdf-tools}"))),
    case(
        "yaml-duplicate-key",
        skill(front("metadata:", "  a: 1", "  a: 2")),
        _P,
        6,
        skill(front("metadata:", "  a: 1", "  b: 2")),
    ),
    case(
        "yaml-alias",
        skill(front("x: &a [1]", "y: *a")),
        _P,
        4,
        skill(front("x: a & b", "y: '*a'")),
        ("yaml-alias", _P, 5),
    ),
    case("yaml-alias", skill(front("x: {<<: {a: 1}}")), _P, 4, skill(front("x: {'<<': {a: 1}}"))),
    case("yaml-tag", skill(front("x: !!python/object:os.system {}")), _P, 4, skill(front("x: '!!python'"))),
    case("yaml-tag", skill(front("x: !!binary aGk=")), _P, 4, skill(front("x: !!str 1"))),
    case("yaml-key", skill(front("? [a, b]", ": 1")), _P, 4, skill(front("? a", ": 1"))),
    case("yaml-key", skill(front("~: 1")), _P, 4, skill(front("'~': 1"))),
    case(
        "yaml-too-big",
        skill(front("x: " + "[" * 40 + "]" * 40)),
        _P,
        4,
        skill(front("x: " + "[" * 30 + "]" * 30)),
    ),
    case("yaml-too-big", skill(front("x: " + "[" * 30_000)), _P, 4),
    case(
        "yaml-too-big",
        skill(front("x: [" + "1," * 10_000 + "]")),
        _P,
        4,
        skill(front("x: [" + "1," * 900 + "]")),
    ),
    case("yaml-too-big", skill(front("x: " + "a" * 70_000)), _P, 2, skill(front("x: " + "a" * 60_000))),
    case(
        "text-unquoted",
        skill(_head("Reads PDF files.", "2026")),
        _P,
        3,
        skill(_head("Reads PDF files.", "'2026'")),
    ),
    Case(
        "text-unquoted",
        skill("---\nname: 123\ndescription: x\n---\nx\n", name="123"),
        (("text-unquoted", _P, 2),),
        skill(name="123x"),
    ),
    Case(
        "text-unquoted",
        skill("---\nname: yes\ndescription: x\n---\nx\n", name="yes"),
        (("text-unquoted", _P, 2),),
        skill("---\nname: 'yes'\ndescription: x\n---\nx\n", name="yes"),
    ),
    Case(
        "text-unquoted",
        skill("---\nname: 2026-01-01\ndescription: x\n---\nx\n", name="2026-01-01"),
        (("text-unquoted", _P, 2),),
        skill('---\nname: "2026-01-01"\ndescription: x\n---\nx\n', name="2026-01-01"),
    ),
)
