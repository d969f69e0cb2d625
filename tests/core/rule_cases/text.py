"""Cases for the rules about text, secrets (made up, put together here), links and scripts."""

from __future__ import annotations

from core.rule_cases.case import BODY, HEAD, Case, case, skill

_P = "SKILL.md"
_TEXT = HEAD + BODY
_ALNUM = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"


def _body(bad: str, good: str, rule: str, line: int = 8) -> Case:
    return case(rule, skill(_TEXT + bad + "\n"), _P, line, skill(_TEXT + good + "\n"))


def _secret(*parts: str) -> Case:
    return _body("x\n" + "".join(parts), "x\n" + parts[0], "secret", 9)


CASES: tuple[Case, ...] = (
    _body("a\u202eb", "a\u00e9b", "hidden-unicode"),
    _body("a\u200bb", "می\u200cخواهم", "hidden-unicode"),
    _body(
        "a" + "".join(chr(0xE0000 + ord(c)) for c in "obey"),
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "hidden-unicode",
    ),
    _body(
        "\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in "obey-me-now") + "\U000e007f",
        "👩\u200d💻 ❤️",
        "hidden-unicode",
    ),
    _body("x\U000e0100\U000e0101", "葛\U000e0100", "hidden-unicode"),
    _body("See /home/alice/notes", "See /home/user/notes or https://x.example/home/alice", "home-path"),
    _body("See /Users/bob", "GET /users/bob", "home-path"),
    _body("See C:\\Users\\bob\\x", "See C:\\Program Files", "home-path"),
    case(
        "merge-marker",
        skill(files={"a.py": "x\n<<<<<<< a\n1\n=======\n2\n>>>>>>> b\n"}),
        "a.py",
        2,
        skill(files={"a.md": "Title\n=======\n"}),
    ),
    case(
        "lfs-pointer",
        skill(files={"assets/a.png": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"}),
        "assets/a.png",
        1,
        skill(files={"assets/a.png": b"\x89PNG\0"}),
    ),
    _body("a\x1b[31mb", "a\tb", "body-control"),
    _body("a\0b", "ab", "body-control"),
    case("body-empty", skill(HEAD), _P, 5),
    case("body-empty", skill(HEAD + "\n \n"), _P, 5),
    case("body-too-long", skill(HEAD + "x\n" * 501), _P, 5, skill(HEAD + "x\n" * 500)),
    case(
        "body-too-long",
        skill(HEAD + "word word\n" * 20 + "word " * 4_000 + "\n" + "word " * 1_000),
        _P,
        5,
        skill(HEAD + ("word " * 1_000 + "\n") * 5),
        ("line-too-long", _P, 25),
    ),
    _body("x" * 10_001, "x" * 10_000, "line-too-long"),
    _body("x" * 130_000, "x", "line-too-long"),
    _secret("AK", "IA" + "ABCDEFGH12345678"),
    _secret("KEY=", "gh", "p_" + _ALNUM[:36]),
    _secret("github", "_pat_" + _ALNUM + _ALNUM),
    _secret("gl", "pat-" + _ALNUM[:20]),
    _secret("xo", "xb-123456789012-" + _ALNUM[:24]),
    _secret("hooks /", "services/T12345678/B12345678/" + _ALNUM[:24]),
    _secret("sk_", "live_" + _ALNUM[:24]),
    _secret("AI", "za" + _ALNUM[:35]),
    _secret("np", "m_" + _ALNUM[:36]),
    _secret("sk-", "ant-api03-" + _ALNUM),
    _secret("sk-", "proj-" + _ALNUM),
    _secret("-----BEGIN ", "OPENSSH PRIVATE", " KEY-----"),
    _secret("postgres://", "admin:", "hunter22x", "@db.example/x"),
    _secret("api_key = ", '"', _ALNUM[:32], '"'),
    _secret('"secret": ', '"', _ALNUM[:32], '"'),
    _secret("password: ", _ALNUM[:24]),
    case(
        "env-file",
        skill(files={".env": "# mine\nA=\nTOKEN=hunter2\n"}),
        ".env",
        3,
        skill(files={".env": "A=\n", ".env.example": "TOKEN=hunter2\n"}),
    ),
    case(
        "env-file",
        skill(files={"x/.env.local": "export A=b\n"}),
        "x/.env.local",
        1,
        skill(files={"x/.environment": "A=b\n"}),
    ),
    _body("[a](../other/SKILL.md)", "[a](references/../SKILL.md)", "link-outside"),
    _body("[a](/etc/passwd)", "[a](//x.example/y)", "link-outside"),
    _body(
        "[a](missing.md#x)",
        "[a](#x) [b](https://x.example) [c](mailto:a@x.example) `[d](missing.md)`",
        "link-missing",
    ),
    _body("![a](<assets/a b.png>)", "```\n[a](missing.md)\n```", "link-missing"),
    _body("[a]: missing.md", "- [ ]: not a link", "link-missing"),
    case(
        "link-missing",
        skill(files={"references/a.md": "[b](b.md)\n"}),
        "references/a.md",
        1,
        skill(files={"references/a.md": "[b](c%20d.md)", "references/c d.md": "[s](../SKILL.md) [f](.)"}),
    ),
    case(
        "exec-without-shebang",
        skill(runnable={"scripts/a.py": "print()\n"}),
        "scripts/a.py",
        1,
        skill(runnable={"scripts/a.py": "#!/usr/bin/env python3\n", "scripts/b": b"\x7fELF\0"}),
    ),
    case(
        "shebang-crlf",
        skill(runnable={"scripts/a.sh": "#!/bin/sh\r\necho\r\n"}),
        "scripts/a.sh",
        1,
        skill(runnable={"scripts/a.sh": "#!/bin/sh\necho\r\n"}),
    ),
)
