"""What can be the case with an asset that some client minds: each function says it in words, or "".

A cause never looks at who minds; rules.py joins the two.
"""

from __future__ import annotations

import posixpath
import re
from shlex import quote

from registry_builder.core.artifact import pack_tgz
from registry_builder.core.artifact.paths import PATH_BYTES
from registry_builder.core.compatibility.facts import Facts
from registry_builder.core.errors import Unfit
from registry_builder.core.folder import File, path_bytes
from registry_builder.core.git_object import is_obeyed
from registry_builder.core.rules.manifest import PLUGIN_JSON
from registry_builder.core.rules.prompt import PROMPT_FILES
from registry_builder.core.shown import shown

_MEBIBYTE = 1_048_576
_DESCRIPTION = 1_024
_PACKAGE = "package.json"
_NO_URL = re.compile(r"^[\x00-\x20]|[\x00-\x1f\x7f#%:?\\]")
_CALLS, _BODY = 20, 65_536
_TAR_NAME = 100 - len("package/")
_WORD = rb"([A-Za-z0-9][A-Za-z0-9.+_-]{0,31})(?=\s|\Z)"
_SHEBANG = re.compile(rb"#![ \t]*(?:/\S*/)?(?:env[ \t]+(?:-S[ \t]+)?(?:/\S*/)?)?" + _WORD)


def too_many(facts: Facts) -> str:
    return _over(len(facts.files), 1_000, "files", "`skills` takes")


def too_large(facts: Facts) -> str:
    return _over(facts.bytes, 50 * _MEBIBYTE, "bytes unpacked", "`skills` takes")


def huge(facts: Facts) -> str:
    return _over(facts.size, 256 * _MEBIBYTE, "bytes in its archive", "Claude Code downloads")


def many_requests(facts: Facts) -> str:
    return _over(len(facts.files), 1_000, "files", "OpenCode asks for each, at most")


def zip_full(facts: Facts) -> str:
    return _over(len(facts.files), 10_000, "files", "the zip holds") or _over(
        facts.size, 64 * _MEBIBYTE, "bytes in its archive", "the zip holds"
    )


def _over(found: int, limit: int, unit: str, who: str) -> str:
    return f"it has {found:,} {unit}, and {who} {limit:,}" if found > limit else ""


def internal(facts: Facts) -> str:
    hidden = facts.skill.metadata.get("internal") is True
    return "`metadata.internal: true` hides it unless it is asked for with --skill" if hidden else ""


def bits_lost(facts: Facts) -> str:
    if not facts.executable:
        return ""
    called = _called(facts)
    file = called or facts.executable[0]
    more = f" and {len(facts.executable) - 1:,} more" if len(facts.executable) > 1 else ""
    path = f", and the text calls it as ./{shown(file.path)}" if called else ""
    call = f"{_interpreter(file)} {shown(quote(file.path))}"
    return f"executable bit of {shown(file.path)}{more} is lost{path}: say `{call}`"


def _called(facts: Facts) -> File | None:
    """An executable file that the text calls by its path; not looked for without end."""
    some, body = facts.executable[:_CALLS], facts.skill.body
    return next((file for file in some if body.find(f"./{file.path}", 0, _BODY) >= 0), None)


def _interpreter(file: File) -> str:
    """The program that the first line names; sh when it names none."""
    found = _SHEBANG.match(file.data[:256].partition(b"\n")[0])
    return found[1].decode() if found else "sh"


def long_for_index(facts: Facts) -> str:
    return _longer(_units(facts.skill.description), "the index shows")


def long_for_copilot(facts: Facts) -> str:
    return _longer(_units(facts.skill.description), "Copilot takes")


def long_for_catalogue(facts: Facts) -> str:
    return _longer(len(facts.skill.description.strip()), "the catalogue shows")


def _units(text: str) -> int:
    """How long `text` is for JavaScript, where a character beyond the basic plane counts twice."""
    return len(text.strip().encode("utf-16-le", "surrogatepass")) // 2


def _longer(length: int, who: str) -> str:
    if length <= _DESCRIPTION:
        return ""
    return f"its description has {length:,} characters, and {who} {_DESCRIPTION:,}"


def no_tarball(facts: Facts) -> str:
    """Asks the packer itself, but only about paths that could trouble it: nearly none can."""
    doubtful = [
        File(path, b"")
        for path in (file.path for file in facts.files)
        if (len(path) > _TAR_NAME or not path.isascii() or _is_package(path.partition("/")[0]))
        and not _is_package(path)
    ]
    if not doubtful:
        return ""
    try:
        pack_tgz([*doubtful, File(_PACKAGE, b"")])
    except Unfit as error:
        return f"npm's tar cannot hold {error.place or 'its paths'}: {error.message}"
    return ""


def long_in_zip(facts: Facts) -> str:
    room = PATH_BYTES - len(f"plugins/{facts.skill.name}/")
    found = next(
        (f.path for f in facts.files if 4 * len(f.path) > room and len(path_bytes(f.path)) > room), ""
    )
    return f"{shown(found)} is too long for the zip, where it is below plugins/" if found else ""


def no_url(facts: Facts) -> str:
    found = next((file.path for file in facts.files if _NO_URL.search(file.path)), "")
    return f"{shown(found)} would have to be written otherwise in a URL" if found else ""


def _is_package(name: str) -> bool:
    return name[:1] in "pP" and name.casefold() == _PACKAGE


def own_package(facts: Facts) -> str:
    found = next((file.path for file in facts.files if _is_package(file.path)), "")
    if found and found != _PACKAGE:
        return f"{shown(found)} gives way to the package.json that npm needs"
    return (
        "the name, version, `private` and install scripts of its package.json are not kept" if found else ""
    )


def git_ignore(facts: Facts) -> str:
    paths = (file.path for file in facts.files if file.path.endswith(".gitignore"))
    found = next((path for path in paths if posixpath.basename(path) == ".gitignore"), "")
    return f"npm installs {shown(found)} as .npmignore" if found else ""


def own_version(facts: Facts) -> str:
    if facts.manifest is None or "version" not in facts.manifest:
        return ""
    return f"{PLUGIN_JSON} has a version, which is compared in place of the registry's"


def other_name(facts: Facts) -> str:
    if facts.manifest is None or facts.manifest.get("name") == facts.skill.name:
        return ""
    return f"the name in {PLUGIN_JSON} is not {shown(facts.skill.name)}"


def obeyed(facts: Facts) -> str:
    found = next((file.path for file in facts.files if is_obeyed(file.path)), "")
    return f"{shown(found)} means something to Git, in every clone" if found else ""


def only_skill_md(facts: Facts) -> str:
    others = len(facts.files) - 1
    if others < 1:
        return ""
    return f"only SKILL.md arrives, without its {others:,} other {'file' if others == 1 else 'files'}"


def only_prompt(facts: Facts) -> str:
    if facts.skill.type not in {"agent", "command", "rule"}:
        return ""
    kept = (PROMPT_FILES[facts.skill.type], "metadata.toml")
    found = next((file.path for file in facts.files if file.path not in kept), "")
    return f"sx installs the prompt of this type alone, without {shown(found)}" if found else ""
