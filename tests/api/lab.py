"""A registry whose skills have scripts, and a world that runs them in the real sandbox."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import select

from dynamic_api.database.tables import runs, users
from dynamic_api.services import credits
from tests.api.world import Person, World, world
from tests.content_repo import Repo, build, skill_text

RUNS = "/api/v1/runs"
SESSIONS = "/api/v1/runs/sessions"
PRICE = 2
SCRIPTS = {
    "echo.py": "import sys\nprint('args', sys.argv[1:])\nprint(sys.stdin.read(), end='')\n",
    "fail.sh": "echo half done\necho no such thing >&2\nexit 3\n",
    "wait.py": "import sys, time\nprint('begun')\ntime.sleep(float(sys.argv[1]))\nprint('done')\n",
    "spin.py": "while True: pass\n",
    "flood.py": "import sys\nwhile True: sys.stdout.write('x' * 65536)\n",
    "much.py": "for n in range(20000): print(n)\n",
    "bytes.py": r"import sys; sys.stdout.buffer.write(b'caf\xe9 \xff\n'); sys.stderr.buffer.write(b'\x80')"
    "\n",
    "env.py": "import os; print(sorted(os.environ)); print(os.environ.get('TOKEN'))\n",
    "keep.py": "import sys\nopen('/work/notes', 'a').write(sys.argv[1])\nprint(open('/work/notes').read())\n",
    "read.py": "import sys\nprint(open(sys.argv[1]).read())\n",
    "hog.py": "x = bytearray(1 << 31)\nprint(len(x))\n",
    "node.mjs": "console.log('from node', process.argv.slice(2).join(' '))\n",
    "crlf.sh": "#!/bin/sh\r\necho hello\r\n",
    "other.rb": "puts 'ruby'\n",
}
FETCH = """import os, sys, urllib.error, urllib.request
for name in ('NO_PROXY', 'no_proxy'):
    os.environ.pop(name, None)
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(type(error).__name__)
"""
TEXT = {"needs-token": "requiredEnvVars: [TOKEN]\n", "at-home": "execution_tier: local\n"}


def build_lab(folder: Path) -> Path:
    """Skills: `kit` has every script, `needs-token` declares one, `at-home` is local, `talk` has none.

    `fetcher` reads an address.
    """
    repo = Repo.init(folder / "content")
    repo.write(
        "registry.toml",
        f'[registry]\nname = "lab"\n[skills.kit]\ncredit_cost_per_use = {PRICE}\n',
    )
    for name in ("kit", "needs-token", "at-home", "talk"):
        head = f"license: MIT\n{TEXT.get(name, '')}"
        repo.write(f"skills/{name}/SKILL.md", skill_text(name).replace("license: MIT\n", head))
    for name, body in SCRIPTS.items():
        repo.write(f"skills/kit/scripts/{name}", body, executable=True)
    for name in ("needs-token", "at-home"):
        repo.write(f"skills/{name}/scripts/env.py", SCRIPTS["env.py"], executable=True)
    repo.skill("fetcher")
    repo.write("skills/fetcher/scripts/fetch.py", FETCH, executable=True)
    repo.commit("Add skills with scripts")
    answer = build(repo, folder / "dist")
    assert answer.code == 0, answer.err
    return folder / "dist"


@contextmanager
def public_folder() -> Iterator[Path]:
    """A folder that an unprivileged user can enter, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="skillpress-runs-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def laboratory(folder: Path, url: str | None, registry: Path, **settings: Any) -> Iterator[World]:
    """A world with bubblewrap, and prices that tests can do sums with. `runs` is over what suits tests."""
    with public_folder() as store:
        given = {
            "backend": "bubblewrap",
            "allow_no_cgroup": True,
            "store": str(store / "store"),
            "sweep_seconds": 0.05,
            **settings.pop("runs", {}),
        }
        prices = {"initial_grant": 100, "import_cost_public": 0, **settings.pop("credits", {})}
        with world(folder, url, {"runs": given, "credits": prices, **settings}, registry) as made:
            yield made


def scientist(lab: World, *slugs: str, **account: Any) -> Person:
    """A new account with these skills in its drive; default: all."""
    person = lab.person(**account)
    for slug in slugs or ("kit", "needs-token", "at-home", "talk"):
        answer = person.post("/api/v1/drive/import", json={"skillSlug": slug})
        assert answer.status_code == 201, answer.text
    return person


def run(person: Person, script: str, *args: str, slug: str = "kit", **more: Any) -> Any:
    """The answer to a run."""
    headers = more.pop("headers", {})
    body = {"skillSlug": slug, "scriptName": script, "args": list(args), **more}
    return person.post(RUNS, json=body, headers=headers)


def done(person: Person, script: str, *args: str, **more: Any) -> dict[str, Any]:
    """The result of a run that ended."""
    answer = run(person, script, *args, **more)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["data"]
    return result


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what happens soon in another thread or process."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def until_busy(person: Person, session: str | None = None) -> str:
    """Wait until a session is running something; its id."""
    found: list[str] = []

    def look() -> bool:
        rows = person.get(SESSIONS).json()["data"]["sessions"]
        busy = [row["sessionId"] for row in rows if row["busy"]]
        found[:] = [name for name in busy if session in {None, name}]
        return bool(found)

    until(look)
    return found[0]


def scripts_of_runs(name: str, argument: str) -> list[int]:
    """Processes that run this script with this argument."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or [""]
        if words[-1] == argument and any(word.endswith(f"/{name}") for word in words):
            found.append(process.pid)
    return found


def balance(lab: World, person: Person) -> int:
    return int(
        lab.read(lambda db: db.execute(select(users.c.balance).where(users.c.id == person.id)).scalar_one())
    )


def states(lab: World, person: Person) -> list[tuple[str, str | None]]:
    """(state, reason) of the account's runs, oldest first."""
    query = select(runs.c.state, runs.c.reason).where(runs.c.user_id == person.id).order_by(runs.c.created_at)
    return [tuple(row) for row in lab.read(lambda db: db.execute(query).all())]


def assert_balanced(lab: World) -> None:
    """The ledger holds, and every run in it is paid or given back exactly once."""
    assert lab.read(credits.verify)[1] == []
