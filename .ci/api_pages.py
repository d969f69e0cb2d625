"""Pages of docs/ about the API, made from its declarations and from the docstrings of its tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dynamic_api import settings
from dynamic_api.routes.endpoint import Auth, Endpoint
from dynamic_api.routes.table import ENDPOINTS

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "api"
# Row of contracts/skillzdrive.md, 1.1 → what answers it.
ROWS: Mapping[int, str] = {
    1: "GET /api/v1/skills",
    2: "GET /api/v1/skills/{slug}",
    3: "GET /api/v1/skills/discover",
    4: "GET /api/v1/skills/leaderboard",
    5: "GET /api/v1/drive",
    6: "POST /api/v1/drive/import",
    7: "DELETE /api/v1/drive/{slug}",
    8: "POST /api/v1/drive/{slug}/toggle",
    9: "GET /api/v1/drive/updates",
    10: "POST /api/v1/drive/updates/{slug}/accept",
    11: "POST /api/v1/drive/updates/{slug}/dismiss",
    12: "POST /api/v1/drive/sync/preview",
    13: "POST /api/v1/drive/sync/execute",
    14: "POST /api/v1/drive/sync/finalize",
    15: "POST /api/v1/drive/diff",
    16: "GET /api/v1/collections",
    17: "POST /api/v1/collections",
    18: "PATCH /api/v1/collections/{name}",
    19: "POST /api/v1/collections/{name}/skills",
    20: "DELETE /api/v1/collections/{name}/skills/{slug}",
    21: "DELETE /api/v1/collections/{name}",
    22: "POST /api/v1/uploads/ticket",
    23: "GET /api/v1/uploads/url",
    24: "POST /api/uploads/process-skill",
    25: "POST /api/v1/downloads",
    26: "GET /api/v1/downloads/public/{slug}/{sha256}.zip",
    27: "POST /api/v1/runs",
    28: "GET /api/v1/account/credits",
    29: "GET /api/v1/account/webhooks",
    30: "POST /api/v1/account/webhooks",
    31: "DELETE /api/v1/account/webhooks/{id}",
    32: "GET /marketplace.json",
    33: "GET /marketplace/collections/{name}.json",
    34: "POST /api/v1/telemetry/anonymous",
    35: "POST /api/v1/migrations/anonymous-adopt",
}
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_ROWS = re.compile(r"\bRows? (\d+(?:(?:, | and | to |–)\d+(?!\d|\.\d))*)")
# Its sections that are rules of this API; 3.4 and 8 are MCP's, 5.7 and 11 a client's, 9.3 is superseded.
RULES = (
    *("1.2", "1.3", "2.1", "2.2", "2.3", "2.4", "2.5", "3.1", "3.2", "3.3", "3.5", "3.6"),
    *("4.1", "4.2", "4.3", "4.4", "5", "5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "6"),
    *("7.1", "7.2", "7.3", "7.4", "9.1", "9.2", "9.4", "9.5", "10", "12.1", "12.2", "12.3", "12.4"),
)
_RULE = re.compile(r"(?<![\d.])(\d{1,2}\.\d)(?!\d|\.\d)|^(\d{1,2})(?=[:,.])")
_KEYS = {
    Auth.ANONYMOUS: "none, or a key",
    Auth.KEY: "key",
    Auth.UPLOAD: "key, upload-only too",
    Auth.OWN: "its own",
    Auth.NONE: "none",
}
_MADE = "Made by `make docs`; `make check` compares.\n"


def api_page() -> str:
    """Every route with its key and errors, and which tests hold which row of the contract."""
    lines = ["# The API", "", _MADE, _INTRODUCTION, "## Routes", ""]
    for tag in dict.fromkeys(endpoint.tag for endpoint in ENDPOINTS):
        lines += [f"### {tag}", "", "| route | key | what | errors |", "|---|---|---|---|"]
        lines += [_route(endpoint) for endpoint in ENDPOINTS if endpoint.tag == tag]
        lines.append("")
    tests = list(_tests())
    lines += ["## Conformance", "", _CONFORMANCE, "| row | route | tests |", "|---|---|---|"]
    for number, route in ROWS.items():
        found = [name for name, rows, _ in tests if number in rows]
        lines.append(f"| {number} | `{route}` | {_listed(found)} |")
    lines += ["", "| rule | tests |", "|---|---|"]
    lines += [
        f"| {rule} | {_listed([name for name, _, named in tests if rule in named])} |" for rule in RULES
    ]
    return "\n".join(lines) + "\n"


def _route(endpoint: Endpoint) -> str:
    path = _PARAMETER.sub(r"{\1}", endpoint.path)
    codes = [f"{status} {code}" for status, codes in endpoint.errors.items() for code in codes]
    costs = "; takes `Idempotency-Key`" if endpoint.costs else ""
    errors = ", ".join(f"`{code}`" for code in codes)
    return f"| `{endpoint.method} {path}` | {_KEYS[endpoint.auth]} | {endpoint.summary}{costs} | {errors} |"


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"


def _tests() -> Iterator[tuple[str, frozenset[int], frozenset[str]]]:
    """Each test that names rows or rules of the contract: its name, the rows, the rules."""
    for path in sorted(set(TESTS.glob("test_*.py")) - set(TESTS.glob("test_sx_*.py"))):  # contracts/sx.md
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                text = ast.get_docstring(node) or ""
                rows, rules = _rows_in(text), frozenset(part or whole for part, whole in _RULE.findall(text))
                if rows or rules:
                    yield f"{path.stem}::{node.name}", rows, rules


def _rows_in(text: str) -> frozenset[int]:
    found: set[int] = set()
    for group in _ROWS.findall(text):
        numbers = [int(number) for number in re.findall(r"\d+", group)]
        if " to " in group or "–" in group:
            numbers = list(range(numbers[0], numbers[-1] + 1))
        found.update(numbers)
    return frozenset(found)


def settings_page() -> str:
    """Every setting with its variable, its default, and what it means."""
    lines = ["# Settings of the API", "", _MADE, _SETTINGS]
    meanings = _meanings()
    names = {where: name for name, where in settings.environment_names().items()}
    for section, form in settings.SECTIONS.items():
        lines += [f"## [{section}]", "", "| key | variable | default | meaning |", "|---|---|---|---|"]
        default = getattr(settings.Settings(), section)
        for key in form.__struct_fields__:
            value = _shown(getattr(default, key))
            meaning = meanings.get((form.__name__, key), "")
            lines.append(f"| `{key}` | `{names[section, key]}` | {value} | {meaning} |")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def _shown(value: object) -> str:
    if value is None or value in ((), ""):
        return "–"
    if isinstance(value, tuple):
        return f"`[{', '.join(repr(item) for item in value)}]`"
    if isinstance(value, dict):
        return ", ".join(f"`{name}`" for name in value) or "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meanings() -> dict[tuple[str, str], str]:
    """Class and field → the text below the field, of every settings class in the package."""
    found: dict[tuple[str, str], str] = {}
    for path in sorted((ROOT / "dynamic_api").rglob("*settings*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found |= _of_class(node)
    return found


def _of_class(node: ast.ClassDef) -> dict[tuple[str, str], str]:
    found = {}
    for field, text in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            found[node.name, field.target.id] = " ".join(str(text.value.value).split())
    return found


_INTRODUCTION = """\
`skillpress serve` answers all of this beside the published folder, `skillpress api` alone;
[settings](api-settings.md), [OpenAPI 3.1](../dynamic_api/routes/openapi.py) at `/openapi.json`, the
same as a page at `/docs`.

- A key goes as `Authorization: Bearer sk_live_…`. Answers are under `data`; a refusal is `{"error":
  {"code", "message", "place", "mend", "suggestions"}}` with a 4xx or 5xx status. Codes are stable,
  messages are for people.
- `place` says where: `body.name`, `body.local[1].slug`, `body:3` (its third line), `query.limit`,
  `path.slug`, `header.Range`, `form.file`; in a file that was sent, its path and line: `SKILL.md:3`.
- Whatever is not yours is answered like what does not exist: 404, the same code and body.
- Unknown fields of a body are refused, with the nearest known one. Unknown query parameters are
  left alone.
- What costs credits takes `Idempotency-Key`: a repeat gets the first answer (`Idempotency-Replayed:
  true`), the same key with another body 409. Nothing that fails for another reason than the
  caller's is charged.
- `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` come with what is limited,
  `Retry-After` with 429.
- Under `serve`, a key of the bucket answers as on a CDN while no `Authorization` is sent; with one
  the API answers, and a bad one is 401 whatever lies there. Bytes by digest are for everybody, and
  no credential is looked at: sx sends its token wherever a lock points, also from the bare bucket.
"""

_CONFORMANCE = """\
Rows are those of `contracts/skillzdrive.md` 1.1, rules its sections. Every test runs over HTTP
against a real server, on SQLite and on PostgreSQL.
"""

_SETTINGS = """\
A TOML file (`skillpress serve --settings FILE`, `skillpress api --settings FILE`), and over it the
environment. Lists and tables in the environment are written as in TOML:
`SKILLPRESS_API_SERVER_TRUSTED_PROXIES='["10.0.0.0/8"]'`. A name that is not known is refused with
the nearest one that is.
"""
