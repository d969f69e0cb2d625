"""Chromium, and registries that `skillpress serve` serves; a page that breaks a promise fails its test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from content_repo import Repo
from demo import free_port, serving

from . import attacked

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "node_modules"
# html-validate wants a newer Node than Debian's; the client tests pin one.
NODE = ROOT / "tests" / "clients" / "node_modules" / ".bin" / "node"

_VIOLATIONS = """
globalThis.violations = [];
globalThis.attacked = () => globalThis.violations.push("a script out of content ran");
document.addEventListener("securitypolicyviolation", (event) => {
  globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""


Open = Callable[..., "Watched"]


@dataclass(frozen=True, slots=True)
class Served:
    """A built registry at `url`, which ends with a slash; its files are in `folder`."""

    url: str
    folder: Path

    def pages(self) -> list[str]:
        """The key of every page, 404.html too."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.html"))


@dataclass  # without slots: Playwright keeps its wrappers of our methods on the instance
class Watched:
    """A tab that notes what no page may do: `broken` stays empty unless a page is at fault."""

    page: Any
    origin: str
    broken: list[str] = field(default_factory=list)

    def watch(self) -> None:
        page = self.page
        page.add_init_script(_VIOLATIONS)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.broken.append(f"error: {error}"))
        page.on("dialog", self._asked)
        page.on("popup", lambda _: self.broken.append("opened a window"))
        page.route(re.compile(f"^(?!{re.escape(self.origin)})"), self._fetched)

    def open(self, url: str) -> Any:
        self.page.goto(url)
        return self.page

    def check(self) -> None:
        """What was noted since the tab was opened, and what the policy of the page that it shows reported."""
        self.broken += self.page.evaluate("globalThis.violations ?? []")
        assert not self.broken, "\n".join(self.broken)

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.broken.append(f"{message.type}: {message.text} {message.location.get('url', '')}")

    def _asked(self, dialog: Any) -> None:
        self.broken.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _fetched(self, route: Any) -> None:
        self.broken.append(f"asked for {route.request.url}")
        route.abort()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for the tests of one module: its event loop in this thread must not reach others."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make setup")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: make setup")
    # As root, as in containers, Chromium has no sandbox of its own.
    switches = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=switches)
        yield browser
        browser.close()


def build(content: Path, folder: Path, base_url: str) -> None:
    """Build the commit at HEAD of `content` into `folder`, without what is refused."""
    command: list[str | Path] = [sys.executable, "-m", "registry_builder.cli", "build", "--to", folder]
    done = subprocess.run(
        [*command, "-C", content, "--base-url", base_url, "--skip-invalid"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Builds a repository and serves it until the tests end."""
    with ExitStack() as running:

        def serve(content: Path, prefix: str = "") -> Served:
            outer, port = tmp_path_factory.mktemp("registry"), free_port(0)
            base = f"http://localhost:{port}"
            build(content, outer / prefix, f"{base}/{prefix}".rstrip("/"))
            if prefix:
                (outer / "release.json").write_bytes((outer / prefix / "release.json").read_bytes())
            running.enter_context(serving(outer, port, base, "--no-api"))
            return Served(f"{base}/{prefix}", outer / prefix)

        yield serve


@pytest.fixture(scope="session")
def hostile(served: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A registry in which every text that can be chosen is an attack."""
    return served(attacked.write(tmp_path_factory.mktemp("content")).path)


@pytest.fixture(scope="session")
def site(served: Callable[..., Served]) -> Served:
    """The registry of content/, as it is committed."""
    return served(ROOT / "content")


@contextmanager
def tabs(chromium: Any) -> Iterator[Open]:
    """Opens tabs, each in a browser of its own, on the registry given; at the end nothing may be noted."""
    opened: list[Watched] = []
    with ExitStack() as contexts:

        def open_tab(served: Served, path: str = "", **options: Any) -> Watched:
            context = contexts.enter_context(closing(chromium.new_context(**options)))
            watched = Watched(context.new_page(), served.url)
            watched.watch()
            opened.append(watched)
            watched.open(served.url + path)
            return watched

        yield open_tab
        for watched in opened:
            watched.check()


@pytest.fixture
def tab(chromium: Any) -> Iterator[Open]:
    with tabs(chromium) as open_tab:
        yield open_tab


@pytest.fixture(scope="session")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Repo]:
    return lambda: Repo.init(tmp_path_factory.mktemp("content"))
