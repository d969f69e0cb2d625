"""The walls of the house stand: each import contract, the guard against skipped tests, and the wheel."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("registry_builder", "dynamic_api")
BUILDER_LAYERS = "Builder: layers of the packages"
EMITTERS = "Emitters: none imports another"
PURE = "Core and emit: no files, clock, chance, processes or network"
CORE_TEMPLATES = "Core: no templates"
WITHOUT_API = "Builder: never imports the API"
API_USES = "API: of the builder only core, emit and store"
API_LAYERS = "API: layers of the packages"
SERVICES = "API: services know no HTTP"
SX_PURE = "API: sx knows no files, clock, chance, network or database"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the packages and of the contracts."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def broken_contracts(house: Path) -> set[str]:
    """The contracts that import-linter reports as broken."""
    program = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([program, "--no-cache"], cwd=house, capture_output=True, text=True, timeout=60)
    broken = set(re.findall(r"^(.+?) BROKEN", run.stdout, re.MULTILINE))
    assert "Contracts: " in run.stdout, run.stdout + run.stderr
    assert (run.returncode == 0) == (not broken), run.stdout
    return broken


def add(house: Path, lines: dict[str, str]) -> None:
    for name, line in lines.items():
        path = house / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{line}\n")


@pytest.mark.parametrize(
    ("contract", "lines"),
    [
        (BUILDER_LAYERS, {"registry_builder/core/odd.py": "import registry_builder.emit"}),
        (BUILDER_LAYERS, {"registry_builder/store/odd.py": "import registry_builder.cli"}),
        (BUILDER_LAYERS, {"registry_builder/emit/odd.py": "import registry_builder.store"}),
        (
            BUILDER_LAYERS,
            {
                "registry_builder/build.py": "import registry_builder.publish",
                "registry_builder/publish.py": "",
            },
        ),
        (
            BUILDER_LAYERS,
            {
                "registry_builder/publish.py": "import registry_builder.verify",
                "registry_builder/verify.py": "",
            },
        ),
        (
            BUILDER_LAYERS,
            {"registry_builder/source.py": "import registry_builder.build", "registry_builder/build.py": ""},
        ),
        (BUILDER_LAYERS, {"registry_builder/emit/odd.py": "import registry_builder.source"}),
        (BUILDER_LAYERS, {"registry_builder/source.py": "import registry_builder.emit"}),
        (BUILDER_LAYERS, {"registry_builder/helpers.py": ""}),
        (EMITTERS, {"registry_builder/emit/claude.py": "import registry_builder.emit.npm"}),
        (EMITTERS, {"registry_builder/emit/base.py": "import registry_builder.emit.sx"}),
        (EMITTERS, {"registry_builder/emit/sx.py": "import registry_builder.emit.table"}),
        (PURE, {"registry_builder/core/odd.py": "import os"}),
        (PURE, {"registry_builder/core/odd.py": "from pathlib import Path"}),
        (PURE, {"registry_builder/core/odd.py": "def now():\n    import time"}),
        (PURE, {"registry_builder/emit/odd.py": "import random"}),
        (PURE, {"registry_builder/emit/odd.py": "from subprocess import run"}),
        (CORE_TEMPLATES, {"registry_builder/core/odd.py": "import jinja2"}),
        (WITHOUT_API, {"registry_builder/cli/odd.py": "import dynamic_api"}),
        (
            WITHOUT_API,
            {"registry_builder/core/odd.py": "from dynamic_api import app", "dynamic_api/app.py": ""},
        ),
        (API_USES, {"dynamic_api/odd.py": "import registry_builder.cli"}),
        (API_USES, {"dynamic_api/odd.py": "import registry_builder.build", "registry_builder/build.py": ""}),
        (API_LAYERS, {"dynamic_api/services.py": "import dynamic_api.routes", "dynamic_api/routes.py": ""}),
        (SERVICES, {"dynamic_api/services/odd.py": "import starlette"}),
        (SERVICES, {"dynamic_api/database/odd.py": "from starlette.requests import Request"}),
        (API_LAYERS, {"dynamic_api/database/odd.py": "import dynamic_api.app", "dynamic_api/app.py": ""}),
        (
            API_LAYERS,
            {"dynamic_api/sx/resolve.py": "import dynamic_api.database", "dynamic_api/database/odd.py": ""},
        ),
        (SX_PURE, {"dynamic_api/sx/lock.py": "import time"}),
        (SX_PURE, {"dynamic_api/sx/lock.py": "import sqlalchemy"}),
    ],
)
def test_forbidden_import_breaks_its_contract(house: Path, contract: str, lines: dict[str, str]) -> None:
    add(house, {name.replace("/odd.py", "/__init__.py"): "" for name in lines if name.endswith("/odd.py")})
    add(house, lines)
    assert contract in broken_contracts(house)


def test_allowed_imports_break_nothing(house: Path) -> None:
    add(
        house,
        {
            "registry_builder/emit/odd.py": "import jinja2\nimport registry_builder.emit.base\n"
            "import registry_builder.core.errors",
            "registry_builder/store/odd.py": "import os\nimport registry_builder.core.errors",
            "dynamic_api/odd.py": "import os\nimport registry_builder\nimport registry_builder.core.errors\n"
            "import registry_builder.emit\nimport registry_builder.store",
        },
    )
    assert broken_contracts(house) == set()


def contracts() -> dict[str, dict[str, list[str]]]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["name"]: contract for contract in table["tool"]["importlinter"]["contracts"]}


def test_every_contract_has_a_row_above() -> None:
    assert set(contracts()) == {
        BUILDER_LAYERS,
        EMITTERS,
        PURE,
        CORE_TEMPLATES,
        WITHOUT_API,
        API_USES,
        API_LAYERS,
        SERVICES,
        SX_PURE,
    }


def test_every_emitter_of_the_table_is_in_the_contract() -> None:
    from registry_builder.emit import table

    assert sorted(module.__name__ for module in table.EMITTERS.values()) == contracts()[EMITTERS]["modules"]


def test_no_emitter_but_those_that_the_table_asks_makes_bundles() -> None:
    from registry_builder.emit import table

    for function in ("derive", "row_keys"):
        having = tuple(name for name, module in table.EMITTERS.items() if hasattr(module, function))
        assert having == table.BUNDLERS


IMPURE_NAMES = {"open", "input", "print"}
IMPURE_METHODS = {"now", "utcnow", "today", "uuid1", "uuid4"}


def impure_calls(code: str) -> set[str]:
    """The calls in `code` that import contracts cannot see, because the module has pure uses as well."""
    calls = [node.func for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    methods = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    return (names & (IMPURE_NAMES | IMPURE_METHODS)) | (methods & IMPURE_METHODS)


def test_core_and_emit_call_no_clock_no_chance_and_no_file() -> None:
    modules = [path for name in ("core", "emit") for path in (ROOT / "registry_builder" / name).rglob("*.py")]
    assert modules
    calls = {path.name: impure_calls(path.read_text(encoding="utf-8")) for path in modules}
    assert {name: found for name, found in calls.items() if found} == {}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("open(path)", {"open"}),
        ("def f(x):\n    return print(x)", {"print"}),
        ("datetime.now(UTC)", {"now"}),
        ("datetime.date.today()", {"today"}),
        ("uuid.uuid4()", {"uuid4"}),
        ("from uuid import uuid4\nuuid4()", {"uuid4"}),
        ("archive.open(entry)", set()),
        ("def open(self): pass", set()),
        ("uuid.uuid5(space, name)", set()),
        ("known(now)", set()),
    ],
)
def test_impure_call_is_seen(line: str, found: set[str]) -> None:
    assert impure_calls(line) == found


SKIPS = {
    "decorator": "@pytest.mark.skip(reason='no moon')\ndef test_a(): pass",
    "condition": "@pytest.mark.skipif(True, reason='no moon')\ndef test_a(): pass",
    "call": "def test_a(): pytest.skip('no moon')",
    "fixture": "@pytest.fixture\ndef moon(): pytest.skip('no moon')\ndef test_a(moon): pass",
    "module": "pytest.skip('no moon', allow_module_level=True)",
}


def run_pytest(folder: Path, body: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on `body` under this project's own conftest.py."""
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    (folder / "test_one.py").write_text(f"import pytest\n{body}\n")
    environment = {**os.environ, "CI": ci}
    command: list[str | Path] = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, "--rootdir", folder, folder]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("how", SKIPS)
def test_skipped_test_fails_in_ci_with_its_reason(tmp_path: Path, how: str) -> None:
    run = run_pytest(tmp_path, SKIPS[how], "true")
    assert run.returncode in {1, 2}, run.stdout
    assert "CI runs every test, but this one was skipped. " in run.stdout
    assert "no moon" in run.stdout


@pytest.mark.parametrize("how", SKIPS)
def test_skipped_test_is_skipped_elsewhere(tmp_path: Path, how: str) -> None:
    run = run_pytest(tmp_path, SKIPS[how] + "\ndef test_b(): pass", "")
    assert run.returncode in {0, 5}, run.stdout
    assert "1 skipped" in run.stdout


def test_expected_failure_is_no_skip_in_ci(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, "@pytest.mark.xfail(strict=True)\ndef test_a(): assert False", "true")
    assert (run.returncode, "1 xfailed" in run.stdout) == (0, True), run.stdout


@pytest.mark.slow
def test_wheel_holds_both_packages_the_site_and_nothing_else(tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    command += ["--outdir", tmp_path, ROOT]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (scripts,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        assert "skillpress = registry_builder.cli:main" in archive.read(scripts).decode()
    code = {name for package in PACKAGES for name in files_below(ROOT / package, ROOT)}
    pages = files_below(ROOT / "site", ROOT / "site")
    assert pages
    assert names == code | {f"registry_builder/_site/{page}" for page in pages}


def files_below(folder: Path, base: Path) -> set[str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(base).as_posix() for path in paths}
