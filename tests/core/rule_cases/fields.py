"""Cases for the rules about the name and the fields."""

from __future__ import annotations

from core.rule_cases.case import BODY, HEAD, Case, case, front, skill

_P = "SKILL.md"


def _head(old: str, new: str) -> str:
    assert old in HEAD
    return HEAD.replace(old, new) + BODY


def _named(name: str) -> Case:
    return Case(
        "name-invalid",
        skill(f"---\nname: '{name}'\ndescription: x\n---\nx\n", name=name),
        (("name-invalid", "", 0),),
        skill(),
    )


def _reserved(name: str) -> Case:
    return Case("name-reserved", skill(name=name), (("name-reserved", "", 0),), skill(name=name + "-x"))


CASES: tuple[Case, ...] = (
    *map(
        _named,
        (
            "PDF-tools",
            "pdf_tools",
            "pdf--tools",
            "-pdf",
            "pdf-",
            "--help",
            ".hidden",
            "pdf tools",
            "pdf.tools",
            "café",
            "a" * 65,
        ),
    ),
    *map(_reserved, ("discover", "sync", "con", "nul", "com1", "lpt9")),
    case("name-missing", skill("---\ndescription: x\n---\nx\n"), _P, 1),
    case("name-missing", skill("---\nname:\ndescription: x\n---\nx\n"), _P, 2),
    case("description-missing", skill("---\nname: pdf-tools\n---\nx\n"), _P, 1),
    case(
        "description-missing",
        skill(_head("Reads PDF files.", "# Title")),
        _P,
        3,
        skill(_head("Reads PDF files.", "'# Title'")),
    ),
    case("description-missing", skill(_head("Reads PDF files.", "'  '")), _P, 3),
    case(
        "field-not-text",
        skill(_head("Reads PDF files.", "[a, b]")),
        _P,
        3,
        skill(_head("Reads PDF files.", "'[a, b]'")),
    ),
    case("field-not-text", skill(_head(" pdf-tools", "\n  a: b")), _P, 2),
    case("field-not-text", skill(front("license: [MIT]")), _P, 4, skill(front("license: MIT"))),
    case("field-not-text", skill(front("version: {a: b}")), _P, 4, skill(front("version: 1.0"))),
    case("name-mismatch", skill(_head("pdf-tools", "pdf-tool")), _P, 2),
    case(
        "description-too-long",
        skill(_head("Reads PDF files.", "x" * 1025)),
        _P,
        3,
        skill(_head("Reads PDF files.", "x" * 1024)),
    ),
    case(
        "description-too-long",
        skill(_head("Reads PDF files.", "😀" * 513)),
        _P,
        3,
        skill(_head("Reads PDF files.", "😀" * 512)),
    ),
    case(
        "compatibility-too-long",
        skill(front("compatibility: " + "x" * 501)),
        _P,
        4,
        skill(front("compatibility: " + "x" * 500)),
    ),
    case("metadata-not-mapping", skill(front("metadata: x")), _P, 4, skill(front("metadata: {a: x}"))),
    case(
        "metadata-internal",
        skill(front("metadata: {internal: true}")),
        _P,
        4,
        skill(front("metadata: {internal: false}")),
    ),
    case(
        "homepage-not-url",
        skill(front("homepage: example.com")),
        _P,
        4,
        skill(front("homepage: https://example.com/a?b=c")),
    ),
    case("homepage-not-url", skill(front("homepage: 'javascript:alert(1)'")), _P, 4),
    case("homepage-not-url", skill(front("homepage: https://[x")), _P, 4),
    case("field-shape", skill(front("tags: 3")), _P, 4, skill(front("tags: a, b"))),
    case("field-shape", skill(front("tags: [a, {b: c}]")), _P, 4, skill(front("tags: [a, b]"))),
    case(
        "field-shape",
        skill(front("requiredEnvVars: [API KEY]")),
        _P,
        4,
        skill(front("requiredEnvVars: [API_KEY]")),
    ),
    case("field-shape", skill(front("execution_tier: remote")), _P, 4, skill(front("execution_tier: local"))),
    case("field-shape", skill(front("author: [a]")), _P, 4, skill(front("author: {name: a}"))),
    case(
        "field-shape",
        skill(front("allowed-tools: {a: b}")),
        _P,
        4,
        skill(front("allowed-tools: Bash(git log:*), Read")),
    ),
    case("field-misspelt", skill(front("licence: MIT")), _P, 4, skill(front("licences-of-parts: MIT"))),
    case(
        "field-misspelt", skill(front("allowed_tools: Read")), _P, 4, skill(front("disallowed-things: Read"))
    ),
)
