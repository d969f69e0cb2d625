"""Race the catalogue against Hugo on the same Markdown, and measure in Chromium what a visitor waits for.

    python benchmarks/site.py [--skills N] [--rounds N] [--folder DIR]

Prints medians of CPU seconds and of wall. "Emitters alone" is the build with html and search_index, less the
build with json_api. Hugo renders one page per skill; ours are that page, its files, lists, feeds and twins.
What is not installed (hugo, chromium, lighthouse) is named and left out. Nothing stays behind.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import synthetic
from _measure import Cost, middle, run

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / ".ci"))
from demo import free_port, serving  # noqa: E402 - it lies beside the packages

BUILD = (sys.executable, "-m", "registry_builder.cli", "build")
PAGES = "html,search_index"
CHROMIUM = shutil.which("chromium")
NODE = ROOT / "tests" / "clients" / "node_modules" / ".bin" / "node"
LIGHTHOUSE = ROOT / "tests" / "browser" / "node_modules" / "lighthouse" / "cli" / "index.js"
SANDBOX = ["--no-sandbox"] if os.geteuid() == 0 else []
QUERIES = ("cache build", "release server", "versoin", "report 12")
LAYOUT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ .Title }}</title></head>
<body><h1>{{ .Title }}</h1><p>{{ .Description }}</p>{{ .Content }}</body></html>
"""
TIMED = """() => {
  globalThis.waits = [];
  let pressed = 0;
  const typed = () => { pressed = performance.now(); };
  document.querySelector("[name=q]").addEventListener("keydown", typed, true);
  new MutationObserver(() => waits.push(performance.now() - pressed))
    .observe(document.querySelector(".results ol"), { childList: true });
}"""
Costs = dict[str, list[Cost]]


def race(folder: Path, skills: int, rounds: int) -> Costs:
    """What each subject cost in each round; the last site built is left in `folder`/site."""
    repo, site = folder / "repo", folder / "site"
    costs: Costs = {}
    synthetic.make(repo, skills)
    source = folder / "hugo"
    hugo = shutil.which("hugo")
    if hugo:
        write_hugo(repo, source)
    for number in range(rounds):
        for name, emit in (("pipeline", "json_api"), ("pages", PAGES)):
            shutil.rmtree(site, ignore_errors=True)
            costs.setdefault(name, []).append(run(build(repo, site, emit)))
        first = number * 10
        synthetic.change(repo, skills, range(first, min(first + 10, skills)), number + 2)
        costs.setdefault("ten changed", []).append(run(build(repo, site, PAGES)))
        if hugo:
            shutil.rmtree(folder / "public", ignore_errors=True)
            words = [hugo, "--quiet", "-s", str(source), "-d", str(folder / "public")]
            costs.setdefault("hugo", []).append(run(words))
    return costs


def build(repo: Path, site: Path, emit: str) -> list[str]:
    """The command that builds `repo` into `site`."""
    return [*BUILD, "-C", str(repo), "--to", str(site), "--emit", emit]


def write_hugo(repo: Path, place: Path) -> None:
    """A Hugo site with a page for the SKILL.md of each skill."""
    (place / "content").mkdir(parents=True)
    (place / "layouts" / "_default").mkdir(parents=True)
    (place / "layouts" / "_default" / "single.html").write_text(LAYOUT)
    kinds = '["taxonomy", "term", "RSS", "sitemap", "home", "section", "404"]'
    (place / "config.toml").write_text(f'baseURL = "https://skills.test/"\ndisableKinds = {kinds}\n')
    names = synthetic.git(repo, "ls-tree", "--name-only", "HEAD:skills").split()
    asked = "".join(f"HEAD:skills/{name}/SKILL.md\n" for name in names)
    read = ["git", "-C", str(repo), "cat-file", "--batch"]
    told = subprocess.run(read, input=asked.encode(), capture_output=True, check=True).stdout
    with io.BytesIO(told) as stream:
        for name in names:
            text = stream.read(int(stream.readline().split()[-1]))
            stream.readline()
            (place / "content" / f"{name}.md").write_bytes(text.replace(b"name:", b"title:", 1))


def table(costs: Costs, site: Path) -> Iterator[str]:
    """The rows of the race, CPU against CPU."""
    found = {name: middle(rounds) for name, rounds in costs.items()}
    alone = Cost(*(getattr(found["pages"], it) - getattr(found["pipeline"], it) for it in ("cpu", "wall")))
    rows = {"cold": found["pages"], "emitters alone": alone, "ten changed": found["ten changed"]}
    yield "| what | CPU s | wall s | to hugo, CPU | to cold, CPU | to reach |"
    yield "| --- | --- | --- | --- | --- | --- |"
    goals = {"cold": "4 × Hugo", "ten changed": "0.05 × cold"}
    for name, cost in rows.items():
        hugo = f"{cost.cpu / found['hugo'].cpu:.2f}" if "hugo" in found else ""
        part = f"{cost.cpu / found['pages'].cpu:.3f}"
        yield f"| {name} | {cost.cpu:.2f} | {cost.wall:.2f} | {hugo} | {part} | {goals.get(name, '')} |"
    if "hugo" in found:
        yield f"| hugo | {found['hugo'].cpu:.2f} | {found['hugo'].wall:.2f} | 1.00 | | |"
    else:
        yield "\nno row for hugo: it is not installed"
    pages = sum(1 for _ in site.rglob("*.html"))
    index = [path.stat().st_size for path in (site / "search").iterdir()]
    sizes = f"{len(index):,} files, {sum(index):,} bytes, largest {max(index):,}"
    yield f"\n{pages:,} pages; search index {sizes}"


def first_visit(site: Path, path: str) -> int:
    """Bytes, compressed, of a page and of what it loads."""
    text = (site / path).read_text()
    assets = sorted({f"static/{found}" for found in re.findall(r"static/([0-9a-f]{64}\.\w+)", text)})
    return sum(len(gzip.compress((site / key).read_bytes(), 9)) for key in (path, *assets))


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SANDBOX)
        yield browser
        browser.close()


def searches(base: str, browser: Any) -> Iterator[str]:
    """A row for each query, typed letter by letter: waits for an answer, and all that was loaded for it."""
    yield "| query | first answer ms | median ms | longest later ms | bytes | files |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for query in QUERIES:
        context = browser.new_context()
        page = context.new_page()
        page.goto(base)
        page.evaluate(TIMED)
        loaded: list[int] = []
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda event, to=loaded: to.append(event["encodedDataLength"]))
        page.keyboard.press("/")
        for letter in query:
            page.keyboard.type(letter)
            page.wait_for_timeout(250)
        first, *later = page.evaluate("() => waits")
        row = f"| {query} | {first:.0f} | {median(later):.0f} | {max(later):.0f} "
        yield f"{row}| {sum(loaded):,} | {len(loaded)} |"
        context.close()


def lighthouse(url: str, folder: Path) -> str:
    """The scores of a page in the four categories."""
    report = folder / "lighthouse.json"
    flags = f"--chrome-flags=--headless=new {' '.join(SANDBOX)}"
    words = [str(NODE), str(LIGHTHOUSE), url, "--quiet", "--output=json", f"--output-path={report}", flags]
    done = subprocess.run(
        words, env={**os.environ, "CHROME_PATH": str(CHROMIUM)}, capture_output=True, text=True
    )
    if done.returncode:
        return f"lighthouse failed: {done.stderr.strip().splitlines()[-1:]}"
    scores = json.loads(report.read_text())["categories"]
    return ", ".join(f"{name} {100 * item['score']:.0f}" for name, item in scores.items())


def visit(site: Path, folder: Path) -> None:
    """Serve `site`, and print what a browser makes of it."""
    skill = sorted((site / "skills").glob("*/index.html"))[0].relative_to(site).as_posix()
    for path in ("index.html", skill, "skills/index.html"):
        print(f"first visit of {path}: {first_visit(site, path):,} bytes compressed (to reach 61,440)")
    if CHROMIUM is None:
        print("no searches and no scores: chromium is not installed")
        return
    port = free_port(0)
    with serving(site, port, f"http://localhost:{port}"):
        with chromium() as browser:
            print("\n".join(["", *searches(f"http://localhost:{port}/", browser), ""]), flush=True)
        for path in ("", skill):
            if LIGHTHOUSE.exists() and NODE.exists():
                print(f"lighthouse of /{path}: {lighthouse(f'http://localhost:{port}/{path}', folder)}")
            else:
                print("no scores: lighthouse is not installed")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--skills", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", help="where to work; a file system as fast as the one that matters")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        load = os.getloadavg()[0]
        print(
            f"{options.skills:,} skills, {len(os.sched_getaffinity(0))} cores, load {load:.1f} at the start\n"
        )
        costs = race(folder, options.skills, options.rounds)
        print("\n".join([*table(costs, folder / "site"), ""]), flush=True)
        visit(folder / "site", folder)


if __name__ == "__main__":
    main()
