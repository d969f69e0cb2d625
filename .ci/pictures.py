"""docs/home.png and docs/skill.png for the README: two pages of our own content, as Chromium shows them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = {"home": "index.html", "skill": "skills/csv-profile/index.html"}
CHROMIUM = "/usr/bin/chromium"
PORT = "8347"


def main() -> None:
    """Build, serve and photograph; the server ends with the script."""
    skillpress = str(Path(sys.executable).with_name("skillpress"))
    with tempfile.TemporaryDirectory() as folder:
        base = f"http://localhost:{PORT}"
        built = Path(folder, "registry")
        subprocess.run(
            [skillpress, "build", "-C", str(ROOT), "--to", str(built), "--base-url", base], check=True
        )
        server = subprocess.Popen(
            [skillpress, "serve", str(built), "--no-api", "--port", PORT], stderr=subprocess.PIPE, text=True
        )
        try:
            assert server.stderr is not None
            server.stderr.readline()
            photograph(base)
        finally:
            server.terminate()
            server.wait()


def photograph(base: str) -> None:
    """One picture a page, at the width of a README."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 700})
        for name, path in PICTURES.items():
            page.goto(f"{base}/{path}")
            page.screenshot(path=ROOT / "docs" / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
