"""Python, parsed and never run: what is called, with which values, and where those come from."""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from dynamic_api.scan.shell import COMMANDS, CREDENTIALS
from dynamic_api.scan.text import Budget, commands, hits

PARSED_BYTES = 256 * 1024
DEEPEST_NAME = 12

_RUNS = re.compile(
    r"os\.(?:system|popen|exec[lv]p?e?|spawn[lv]p?e?)|subprocess\.\w+|pty\.spawn|asyncio\.create_subprocess_\w+"
)
_EVALUATES = frozenset(("eval", "exec", "builtins.eval", "builtins.exec"))
_DECODES = re.compile(
    r"base64\.\w*(?:decode|decodebytes)|(?:zlib|gzip|lzma|bz2)\.decompress|marshal\.loads|codecs\.decode"
    r"|bytes\.fromhex|bytearray\.fromhex|binascii\.(?:unhexlify|a2b_\w+)"
)
_FETCHES = re.compile(
    r"(?:requests|httpx2?|urllib3)(?:\.\w+)*\.(?:get|post|put|patch|request|stream|urlopen)|urllib\.request\.\w+"
    r"|aiohttp\.\w+|http\.client\.HTTPS?Connection|socket\.(?:socket|create_connection)|smtplib\.\w+|ftplib\.\w+"
)
_SENDS = re.compile(
    r"(?:requests|httpx2?|urllib3)(?:\.\w+)*\.(?:post|put|patch|request|get)|urllib\.request\.\w+"
)
_BLOB = re.compile(r"[A-Za-z0-9+/=_-]{1000}")
_AT_START = re.compile(
    r"authorized_keys|/etc/cron|launch(?:agents|daemons)/|/systemd/(?:system|user)/|\\currentversion\\run"
    r"|\.config/autostart|\.git/hooks/|sitecustomize\.py|usercustomize\.py"
)
_WRITES = re.compile(r"open|(?:\w+\.)*(?:write_text|write_bytes|copy2?|copyfile|move)")

_lock = threading.Lock()

Row = tuple[str, int, str]
"""A rule, the line of what broke it, and the message."""


def parse(data: bytes, budget: Budget) -> ast.Module | None:
    """The tree of a file, None if it is no Python, too large, or too deep."""
    if len(data) > min(PARSED_BYTES, budget.parsed):
        return None
    budget.parsed -= len(data)
    with _lock, warnings.catch_warnings():
        # The filters are the process's: one thread at a time may change and restore them.
        warnings.simplefilter("ignore")
        try:
            return ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


@dataclass(slots=True)
class _Module:
    """What a file imports and assigns: local name → dotted name, name → what its value was made of."""

    imports: dict[str, str] = field(default_factory=dict)
    values: dict[str, set[str]] = field(default_factory=dict)

    def name(self, node: ast.expr) -> str:
        """The dotted name of `node` with imports resolved, "" if it is none."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute) and len(parts) < DEEPEST_NAME:
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            parts.append(self.imports.get(node.id, node.id))
        return ".".join(reversed(parts)) if parts and isinstance(node, ast.Name | ast.Call) else ""

    def origins(self, nodes: Iterable[ast.expr]) -> set[str]:
        """What made the values of `nodes`: "decoded", "fetched", "environment"; one assignment back."""
        found: set[str] = set()
        for node in nodes:
            for part in ast.walk(node):
                if isinstance(part, ast.Call):
                    found |= _origin_of(self.name(part.func))
                elif isinstance(part, ast.Name):
                    found |= self.values.get(part.id, set())
            found |= {"environment"} if _whole_environment(self, node) else set()
        return found


def _origin_of(name: str) -> set[str]:
    if _DECODES.fullmatch(name):
        return {"decoded"}
    return {"fetched"} if _FETCHES.fullmatch(name) else set()


def _whole_environment(module: _Module, node: ast.expr) -> bool:
    """Whether `os.environ` stands in `node` without being asked for one name."""
    asked: set[int] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript):
            asked.add(id(part.value))
        elif isinstance(part, ast.Attribute):
            asked.update({id(part.value)} if part.attr not in ("copy", "items", "values") else ())
        elif isinstance(part, ast.Compare):
            asked.update(id(side) for side in part.comparators)
    names = (part for part in ast.walk(node) if isinstance(part, ast.Attribute | ast.Name))
    return any(module.name(part) == "os.environ" and id(part) not in asked for part in names)


def check_python(tree: ast.Module, budget: Budget) -> Iterator[Row]:
    """What is wrong with a file."""
    module = _Module()
    nodes = [*ast.walk(tree)]
    for node in nodes:
        _learn(module, node)
    calls = [(node, module.name(node.func)) for node in nodes if isinstance(node, ast.Call)]
    for call, name in calls:
        yield from _call(module, call, name, budget)
    yield from _whole(calls)
    yield from _constants(nodes, calls)


def _learn(module: _Module, node: ast.AST) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname:
                module.imports[alias.asname] = alias.name
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            module.imports[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        module.values.setdefault(node.targets[0].id, set()).update(module.origins([node.value]))


def _call(module: _Module, call: ast.Call, name: str, budget: Budget) -> Iterator[Row]:
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    if name in _EVALUATES:
        yield from _evaluated(module, call, values)
    elif _RUNS.fullmatch(name):
        yield from _run(module, call, values, budget)
    elif _SENDS.fullmatch(name) and "environment" in module.origins(values):
        yield "environment-sent", call.lineno, f"{name} sends the whole environment"
    elif name == "shutil.rmtree" and values and _is_everything(module, values[0]):
        yield "destructive", call.lineno, "it removes the whole system, or a whole home"
    elif name == "__import__" and values and not isinstance(values[0], ast.Constant):
        yield "dynamic-code", call.lineno, "a module is imported by a computed name"
    elif name == "getattr" and values and module.name(values[0]) in ("builtins", "__builtins__"):
        yield "obfuscated", call.lineno, "a built-in function is looked up by its name"
    elif name == "ssl._create_unverified_context" or _is_false(call, "verify"):
        yield "tls-off", call.lineno, "certificates are not checked"


def _evaluated(module: _Module, call: ast.Call, values: list[ast.expr]) -> Iterator[Row]:
    origins = module.origins(values)
    if "decoded" in origins:
        yield "run-decoded", call.lineno, "decoded text is run as code"
    elif "fetched" in origins:
        yield "run-downloaded", call.lineno, "downloaded text is run as code"
    elif values and not isinstance(values[0], ast.Constant):
        yield "dynamic-code", call.lineno, "text is run as code"


def _run(module: _Module, call: ast.Call, values: list[ast.expr], budget: Budget) -> Iterator[Row]:
    """A process is started: its command line, as far as it stands there, is read like a script."""
    texts = [part.value for value in values for part in ast.walk(value) if isinstance(part, ast.Constant)]
    line = " ".join(text for text in texts if isinstance(text, str)).encode("utf-8", "replace")
    for hit in hits(commands(line), COMMANDS, budget):
        yield hit.pattern.rule, call.lineno, hit.pattern.message
    if "decoded" in module.origins(values):
        yield "run-decoded", call.lineno, "a decoded command line is run"
    shell = any(
        keyword.arg == "shell" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True
        for keyword in call.keywords
    )
    is_shell = shell or module.name(call.func) in ("os.system", "os.popen")
    if is_shell and values and isinstance(values[0], ast.JoinedStr | ast.BinOp | ast.Call):
        yield "shell-injection", call.lineno, "a shell runs a line that is put together from values"


def _is_everything(module: _Module, node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        name = module.name(node.func)
        if name == "pathlib.Path.home":
            return True
        return (
            name in ("os.path.expanduser", "pathlib.Path")
            and bool(node.args)
            and _is_everything(module, node.args[0])
        )
    return isinstance(node, ast.Constant) and node.value in ("/", "~", "~/", "/home", "/etc", "/usr", "C:\\")


def _is_false(call: ast.Call, name: str) -> bool:
    return any(
        keyword.arg == name and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        for keyword in call.keywords
    )


def _whole(calls: list[tuple[ast.Call, str]]) -> Iterator[Row]:
    """What only several calls together show."""
    lines: Mapping[str, int] = {name: call.lineno for call, name in reversed(calls)}
    if "socket.socket" in lines and ("os.dup2" in lines or "pty.spawn" in lines):
        line = lines.get("os.dup2", lines.get("pty.spawn", 0))
        yield "reverse-shell", line, "a shell is connected to a socket"


def _constants(nodes: list[ast.AST], calls: list[tuple[ast.Call, str]]) -> Iterator[Row]:
    network = any(_FETCHES.fullmatch(name) for _, name in calls)
    documents = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if not isinstance(node, ast.Constant) or id(node) in documents:
            continue
        text = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        if not isinstance(text, str):
            continue
        if (
            len(text) < 200
            and " " not in text.strip()
            and CREDENTIALS.search(text.lower().encode("utf-8", "replace"))
        ):
            rule = "credential-near-network" if network else "credential-read"
            yield rule, node.lineno, "a file of credentials is named"
        if len(text) >= 1000 and _BLOB.match(text):
            yield "obfuscated", node.lineno, f"a text of {len(text)} characters is encoded"
    for call, name in calls:
        if _WRITES.fullmatch(name):
            yield from _written(call)


def _written(call: ast.Call) -> Iterator[Row]:
    parts = [part for value in [call.func, *call.args] for part in ast.walk(value)]
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    reads = isinstance(call.func, ast.Name) and not any(
        text.strip("btU+") in ("w", "a", "x") for text in texts
    )
    if not reads and any(_AT_START.search(text.lower()) for text in texts):
        yield "persistence", call.lineno, "a file that runs at start is written"
