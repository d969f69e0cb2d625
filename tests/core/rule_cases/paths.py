"""Cases for the rules about paths, sizes, links and leftovers."""

from __future__ import annotations

from core.rule_cases.case import Case, case, limited, skill

from registry_builder.core.folder import Stray


def _path(rule: str, bad: str, good: str, *more: tuple[str, str, int], shown: str = "") -> Case:
    path = shown or bad
    found = tuple(sorted([(rule, path, 0), *more], key=lambda row: (row[1], row[2], row[0])))
    return Case(rule, skill(files={bad: "x"}), found, skill(files={good: "x"}))


def _stray(rule: str, kind: str, target: str, good: dict[str, str]) -> Case:
    return Case(
        rule, skill(strays=(Stray("docs/link", kind, target),)), ((rule, "docs/link", 0),), skill(files=good)
    )


CASES: tuple[Case, ...] = (
    _path("path-absolute", "/etc/passwd", "etc/passwd"),
    _path("path-absolute", "C:/x", "C/x"),
    _path("path-absolute", "a//b", "a/b"),
    _path("path-parent", "../x", "..x"),
    _path("path-parent", "a/./b", "a/.b"),
    _path("path-backslash", "a\\b", "a-b", shown="a\\b"),
    _path("path-control", "a\nb", "a b", shown="a\\x0ab"),
    _path("path-control", "a\x7fb", "a b", shown="a\\x7fb"),
    _path("path-too-long", "a" * 256, "b/" + "a" * 80, ("path-ustar", "a" * 256, 0)),
    _path("path-too-long", "é" * 128, "é" * 40, ("path-ustar", "é" * 128, 0)),
    _path(
        "path-too-long",
        "/".join(["a" * 250] * 5)[:1030],
        "a" * 90,
        shown="/".join(["a" * 250] * 5)[: 499 - 17] + "…",
    ),
    _path("path-not-utf8", "caf\udce9", "café", shown="caf\\xe9"),
    _path("path-not-nfc", "cafe\u0301", "caf\u00e9"),
    _path("path-trailing", "a.", "a.b"),
    _path("path-trailing", "a /b", "a b/b"),
    _path("path-device", "docs/NUL.txt", "docs/null.txt"),
    _path("path-device", "con", "cone"),
    _path("path-device", "Lpt1 .log", "lpt10.log"),
    Case(
        "path-collision",
        skill(files={"docs/A.md": "x", "docs/a.md": "x"}),
        (("path-collision", "docs/a.md", 0),),
        skill(files={"docs/A.md": "x", "docs/b.md": "x"}),
    ),
    Case(
        "path-collision",
        skill(files={"Docs/a.md": "x", "docs/b.md": "x"}),
        (("path-collision", "docs/b.md", 0),),
        skill(files={"docs/a.md": "x", "docs/b.md": "x"}),
    ),
    Case(
        "path-collision",
        skill(files={"straße": "x", "strasse": "x"}),
        (("path-collision", "straße", 0),),
        skill(files={"straße": "x"}),
    ),
    _path("path-git", ".git/config", ".github/config"),
    _path("path-git", "a/.GIT/hooks/x", ".gitignore"),
    Case(
        "path-twice",
        skill(files={"a": "x"}, runnable={"a": "#!/bin/sh\n"}),
        (("path-twice", "a", 0),),
        skill(files={"a": "x"}),
    ),
    Case(
        "path-twice",
        skill(files={"a": "x", "a/b": "x"}),
        (("path-twice", "a", 0),),
        skill(files={"a/b": "x"}),
    ),
    _path("path-hidden", "a\u202eb", "a-b", shown="a\\u{202e}b"),
    _path("path-hidden", "a\u200bb", "a\u00e9b", shown="a\\u{200b}b"),
    _path("path-windows", 'say "hi".md', "say 'hi' #1.md"),
    _path("path-windows", "a?b", "a!b"),
    _path("path-ustar", "a" * 101, "a/" * 60 + "b" * 80),
    _path("path-ustar", "a/" * 130 + "b", "a/" * 70 + "b"),
    Case(
        "too-many-files",
        skill(files={"a": "", "b": ""}),
        (("too-many-files", "", 0),),
        skill(files={"a": ""}),
        limited(files=2),
    ),
    Case(
        "too-many-bytes",
        skill(files={"a": "x" * 900}),
        (("too-many-bytes", "", 0),),
        skill(),
        limited(bytes=900),
    ),
    Case(
        "file-too-big",
        skill(files={"a": "x" * 901}),
        (("file-too-big", "a", 0),),
        skill(files={"a": "x" * 900}),
        limited(file_bytes=900),
    ),
    _stray("symlink", "symlink", "../SKILL.md", {}),
    _stray("symlink", "symlink", "..", {}),
    _stray("symlink-outside", "symlink", "../../other/SKILL.md", {}),
    _stray("symlink-outside", "symlink", "/etc/passwd", {}),
    _stray("symlink-dangling", "symlink", "nothing", {"docs/link": "x"}),
    _stray("submodule", "submodule", "0" * 40, {"docs/link": "x"}),
    case(
        "leftover",
        skill(files={"node_modules/a/x.js": "x", "node_modules/b.js": "x"}),
        "node_modules/a/x.js",
        0,
    ),
    case("leftover", skill(files={"scripts/__pycache__/x.pyc": b"\0"}), "scripts/__pycache__/x.pyc", 0),
    case(
        "leftover",
        skill(files={"a/.DS_Store": b"\0"}),
        "a/.DS_Store",
        0,
        skill(files={"a/.env.example": "A="}),
    ),
)
