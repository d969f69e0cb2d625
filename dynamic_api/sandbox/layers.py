"""What scripts depend on, prepared ahead: a read-only folder named by the digest of what was declared.

Nothing of a dependency runs while it is prepared: wheels only, and npm without install scripts.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dynamic_api.errors import Unavailable, Unprocessable
from dynamic_api.sandbox.artifacts import put_in_place

PREPARE_SECONDS = 600
_DECLARATIONS = ("requirements.txt", "package.json")
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[\w,. ]+\])?\s*([<>=!~][\w.,<>=!~*+\s]*)?(;[\w.,<>=!~*\s'\"()]*)?\\?"
)
_HASH = re.compile(r"--hash=sha(256|384|512):[0-9a-f]+\s*\\?")
_RANGE = re.compile(r"[0-9A-Za-z^~<>=|*.\s+-]*")
_PYTHON_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


@dataclass(frozen=True, slots=True)
class Tools:
    """What prepares: the sandbox's Python decides for which version, npm may be absent."""

    python: str
    npm: str | None
    pip_options: tuple[str, ...] = ()
    npm_options: tuple[str, ...] = ()


def digest_of(folder: Path) -> str | None:
    """The name of the layer that this skill needs; None when it declares nothing."""
    declared = _declared(folder)
    if not declared:
        return None
    text = json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in sorted(declared.items())})
    return hashlib.sha256(text.encode()).hexdigest()


def find_layer(layers: Path, folder: Path) -> Path | None:
    """The prepared layer; None for a skill that declares nothing. Raises Unprocessable when it is missing."""
    digest = digest_of(folder)
    if digest is None:
        return None
    if not (layers / digest).is_dir():
        raise Unprocessable(
            "dependencies_missing",
            "what this skill depends on was not prepared on this server",
            place=sorted(_declared(folder))[0],
            mend="ask the operator to run: skillpress sandbox prepare",
        )
    return layers / digest


def prepare(layers: Path, folder: Path, tools: Tools) -> Path | None:
    """Make the layer of a skill, unless it is there. Raises Unprocessable and Unavailable."""
    digest = digest_of(folder)
    if digest is None or (layers / digest).is_dir():
        return None if digest is None else layers / digest
    declared = _declared(folder)
    beside = Path(tempfile.mkdtemp(prefix=".new-", dir=layers))
    try:
        if "requirements.txt" in declared:
            _install_python(beside, check_requirements(declared["requirements.txt"]), tools)
        if "package.json" in declared:
            _install_node(beside, declared, tools)
        for top, _folders, _files in os.walk(beside):
            Path(top).chmod(0o755)
        put_in_place(beside, layers / digest)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside)
    return layers / digest


def _declared(folder: Path) -> dict[str, bytes]:
    found = {name: folder / name for name in _DECLARATIONS}
    return {
        name: path.read_bytes() for name, path in found.items() if path.is_file() and not path.is_symlink()
    }


def check_requirements(data: bytes) -> str:
    """The text of requirements that only names packages. Raises Unprocessable with the line.

    Options, addresses and paths would let a skill choose where the server downloads from, or what it reads.
    """
    text = data.decode("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r"(^|\s)#.*", "", line).strip()
        words = re.split(r"\s+(?=--hash)", bare)
        if not bare or all(_REQUIREMENT.fullmatch(word) or _HASH.fullmatch(word) for word in words):
            continue
        raise Unprocessable(
            "bad_requirements",
            "only names with versions are allowed: no options, addresses or paths",
            place=f"requirements.txt:{number}",
        )
    return text


def check_package(data: bytes) -> dict[str, str]:
    """The dependencies of a package.json, by name, as version ranges. Raises Unprocessable."""
    try:
        found = json.loads(data).get("dependencies", {})
        pairs = {str(name): str(wanted) for name, wanted in found.items()}
    except (ValueError, AttributeError):
        raise Unprocessable("bad_package", "not a package.json", place="package.json") from None
    for name, wanted in pairs.items():
        if not _RANGE.fullmatch(wanted):
            raise Unprocessable(
                "bad_package",
                f"{name}: only version ranges are allowed: no addresses, paths or aliases",
                place="package.json",
            )
    return pairs


def _install_python(beside: Path, requirements: str, tools: Tools) -> None:
    listed = beside / "requirements.txt"
    listed.write_text(requirements, encoding="utf-8")
    version = _output(beside, [tools.python, "-I", "-c", _PYTHON_VERSION])
    _output(
        beside,
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"),
            *("--only-binary", ":all:", "--python-version", version.strip(), "--no-compile"),
            *("--target", str(beside / "python"), "--requirement", str(listed)),
            *tools.pip_options,
        ],
    )
    listed.unlink()


def _install_node(beside: Path, declared: Mapping[str, bytes], tools: Tools) -> None:
    if tools.npm is None:
        raise Unavailable("npm_missing", "npm is not installed, and this skill has a package.json")
    package = {"name": "layer", "private": True, "dependencies": check_package(declared["package.json"])}
    (beside / "package.json").write_text(json.dumps(package))
    _output(
        beside,
        [
            *(tools.npm, "install", "--prefix", str(beside), "--ignore-scripts", "--omit=dev", "--no-audit"),
            *("--no-fund", "--no-package-lock", "--loglevel=error", *tools.npm_options),
        ],
    )


def _output(folder: Path, words: Sequence[str]) -> str:
    """What a program printed that ran in `folder`. Raises Unavailable with what it said last."""
    try:
        run = subprocess.run(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PREPARE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable("prepare_failed", f"{words[0]}: {error}") from error
    if run.returncode != 0:
        said = run.stderr.decode("utf-8", "replace").strip().splitlines()[-3:]
        raise Unavailable("prepare_failed", f"{Path(words[0]).name}: {' '.join(said)}")
    return run.stdout.decode("utf-8", "replace")
