"""One skill by each client program, as a person installs it, and the files that are there then."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from .conftest import Account
from .tree import BASE, NAME, Files, in_folder


def claude(account: Account, name: str, base: str = BASE, catalogue: str = "marketplace.json") -> Files:
    account.run("claude", "plugin", "install", name, "--marketplace", f"{base}/{catalogue}")
    noted = account.home / ".claude/plugins/installed_plugins.json"
    places = json.loads(noted.read_text())["plugins"].get(f"{name}@{NAME}") if noted.exists() else None
    return in_folder(Path(places[0]["installPath"])) if places else {}


def claude_npm(account: Account, name: str, base: str = BASE) -> Files:
    return claude(account, name, base, "marketplace-npm.json")


def clawhub(account: Account, name: str, base: str = BASE) -> Files:
    told = ["--no-input", "--registry", f"{base}/clawhub/{name}", "--workdir", account.home]
    account.run("clawhub", *told, "install", name)
    return _without(".clawhub/", in_folder(account.home / "skills" / name))


def codex(account: Account, name: str, base: str = BASE) -> Files:
    """Codex starts Git, which trusts the test authority by a variable of its own."""
    trust = {"GIT_SSL_CAINFO": account.env["NODE_EXTRA_CA_CERTS"]}
    told = dataclasses.replace(account, env={**account.env, **trust})
    told.does("codex", "plugin", "marketplace", "add", f"{base}/git/{NAME}.git")
    told.does("codex", "plugin", "add", f"{name}@{NAME}")
    (version,) = (account.home / ".codex/plugins/cache" / NAME / name).iterdir()
    return in_folder(version / "skills" / name)


def copilot(account: Account, name: str, base: str = BASE) -> Files:
    account.run("copilot", "skill", "add", f"{base}/.well-known/skills/{name}/SKILL.md")
    return in_folder(account.home / ".copilot/skills" / name)


def npm(account: Account, name: str, base: str = BASE) -> Files:
    account.run("npm", "install", f"@{NAME}/{name}", f"--registry={base}/npm/")
    return in_folder(account.home / f"node_modules/@{NAME}/{name}")


def opencode(account: Account, name: str, base: str = BASE) -> Files:
    urls = {"skills": {"urls": [f"{base}/.well-known/skills/"]}}
    (account.home / "opencode.json").write_text(json.dumps(urls))
    found = json.loads(account.does("opencode", "debug", "skill"))
    folder = next((Path(item["location"]).parent for item in found if item["name"] == name), None)
    return _without(".opencode-version", in_folder(folder) if folder else {})


def skills(account: Account, name: str, base: str = BASE) -> Files:
    account.run("skills", "add", f"{base}/s/{name}", "-a", "claude-code", "-y", "-g")
    return in_folder((account.home / ".claude/skills" / name).resolve())


def _without(noted: str, files: Files) -> Files:
    """`files` but for what the client notes there for itself."""
    return {path: file for path, file in files.items() if not path.startswith(noted)}
