"""Race the build against the bare floor on the same data, and against dumb-pypi on as many packages.

    python benchmarks/build.py [--skills N] [--html] [--memory-at N] [--rounds N] [--folder DIR]

Prints one table: medians of CPU seconds (children included) and of wall, and the ratio of the medians. All
that is compared runs in turn, in every round. Nothing stays behind.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

import synthetic
from _measure import Cost, middle, peak_megabytes, run

PYTHON = sys.executable
BUILD = (PYTHON, "-m", "registry_builder.cli", "build")
FLOOR = (PYTHON, str(Path(__file__).with_name("_floor.py")))
PLAIN = "json_api,claude,npm,well_known,sx"
FOUR = "claude,well_known,sx"
Row = tuple[str, str, float | None]


class Race:
    """Everything that is run, in one folder; `costs` maps a subject to what each round cost."""

    def __init__(self, folder: Path, skills: int, *, html: bool) -> None:
        self.folder = folder
        self.skills = skills
        self.costs: dict[str, list[Cost]] = {}
        self.repo = folder / "repo"
        self.moving = folder / "moving"
        self.kinds = {"plain": PLAIN, "four": FOUR} | ({"core": f"{PLAIN},html"} if html else {})
        self.dumb, self.why_not = self._install()
        synthetic.make(self.repo, skills)
        synthetic.git(folder, "clone", "-q", "--no-local", str(self.repo), str(self.moving))
        run([*BUILD, "-C", str(self.moving), "--to", str(folder / "kept"), "--emit", PLAIN])

    def _install(self) -> tuple[str, str]:
        place = self.folder / "venv"
        venv.create(place, with_pip=True)
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-q", "dumb-pypi==1.15.0"]
        done = subprocess.run(pip, capture_output=True, text=True)
        why = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        return (str(place / "bin" / "dumb-pypi"), "") if done.returncode == 0 else ("", why[0])

    def round(self, number: int) -> None:
        """Run every subject once."""
        for kind in self.kinds:
            self._cold(kind)
        self._cores()
        self._again()
        self._changed(number)
        if self.dumb:
            self._dumb(number)
        for name, words in (
            ("version", ["-m", "registry_builder.cli", "--version"]),
            ("click", ["-c", "import click"]),
        ):
            self._time(name, [PYTHON, *words])

    def _time(self, name: str, words: Sequence[str], core: int | None = None) -> None:
        self.costs.setdefault(name, []).append(run(words, core))

    def _cold(self, kind: str) -> None:
        tree, plan, bare = self.folder / "tree", self.folder / f"{kind}.plan", self.folder / "bare"
        self._time(
            f"cold {kind}", [*BUILD, "-C", str(self.repo), "--to", str(tree), "--emit", self.kinds[kind]]
        )
        if not plan.exists():
            files = sorted(path for path in tree.rglob("*") if path.is_file())
            plan.write_text("".join(f"{path.stat().st_size}\t{path.relative_to(tree)}\n" for path in files))
        shutil.rmtree(tree)
        self._time(f"floor {kind}", [*FLOOR, "cold", str(self.repo), str(plan), str(bare)])
        shutil.rmtree(bare)

    def _cores(self) -> None:
        for name, core in (("one core", 0), ("all cores", None)):
            tree = self.folder / "tree"
            self._time(name, [*BUILD, "-C", str(self.repo), "--to", str(tree), "--emit", PLAIN], core)
            shutil.rmtree(tree)

    def _again(self) -> None:
        kept = str(self.folder / "kept")
        self._time("again", [*BUILD, "-C", str(self.moving), "--to", kept, "--emit", PLAIN])
        self._time("floor again", [*FLOOR, "noop", str(self.moving), f"{kept}/release.json"])

    def _changed(self, number: int) -> None:
        first = number * 10 % self.skills
        synthetic.change(self.moving, self.skills, range(first, min(first + 10, self.skills)), number + 2)
        kept = str(self.folder / "kept")
        self._time("floor changed", [*FLOOR, "changed", str(self.moving), kept, str(self.folder / "index")])
        self._time("changed", [*BUILD, "-C", str(self.moving), "--to", kept, "--emit", PLAIN])

    def _dumb(self, number: int) -> None:
        out, lists = self.folder / "dumb", [self.folder / "before.json", self.folder / "after.json"]
        for path, more in zip(lists, (0, 1), strict=True):
            names = (f"package-{n}" for n in range(self.skills + more))
            rows = (
                json.dumps({"filename": f"{name}-1.0-py3-none-any.whl", "hash": "sha256=" + "0" * 64})
                for name in names
            )
            path.write_text("\n".join(rows) + "\n")
        words = [
            self.dumb,
            "--packages-url",
            "https://packages.test",
            "--output-dir",
            str(out),
            "--package-list-json",
        ]
        self._time("dumb", [*words, str(lists[0])])
        self._time("dumb one", [*words, str(lists[1]), "--previous-package-list-json", str(lists[0])])
        shutil.rmtree(out)

    def rows(self) -> list[Row]:
        """Subject, what it is compared with, and the ratio to reach."""
        cold = [(f"cold {kind}", f"floor {kind}", {"plain": 2.0}.get(kind)) for kind in self.kinds]
        dumb: list[Row] = [("cold four", "dumb", 1.0), ("changed", "dumb one", 0.5)] if self.dumb else []
        return [
            *cold,
            ("again", "floor again", 3.0),
            ("changed", "floor changed", 2.5),
            *dumb,
            ("version", "click", 2.0),
        ]


def table(race: Race, say: Callable[[str], None]) -> None:
    """The rows of `race`, CPU against CPU, but for the cores, whose wall is compared."""
    say("| what | against | CPU s | its CPU s | ratio | to reach | wall s | its wall s |")
    say("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, other, goal in race.rows():
        mine, theirs = middle(race.costs[name]), middle(race.costs[other])
        reach = f"{goal:.1f}" if goal else ""
        say(
            f"| {name} | {other} | {mine.cpu:.2f} | {theirs.cpu:.2f} | {mine.cpu / theirs.cpu:.2f} | {reach} "
            f"| {mine.wall:.2f} | {theirs.wall:.2f} |"
        )
    one, all_ = middle(race.costs["one core"]), middle(race.costs["all cores"])
    say(
        f"| all cores | one core, by wall | {all_.cpu:.2f} | {one.cpu:.2f} | {all_.wall / one.wall:.2f} "
        f"| 0.65 | {all_.wall:.2f} | {one.wall:.2f} |"
    )
    if not race.dumb:
        say(f"\nno row for dumb-pypi: it could not be installed ({race.why_not})")


def memory(folder: Path, skills: int, repo: Path | None, say: Callable[[str], None]) -> None:
    """The peak of a cold build, by one process and by all."""
    if repo is None:
        repo = folder / "large"
        synthetic.make(repo, skills)
    for jobs in ("1", str(len(os.sched_getaffinity(0)))):
        tree = folder / "tree"
        words = [*BUILD, "-C", str(repo), "--to", str(tree), "--emit", PLAIN, "--jobs", jobs]
        say(f"peak at {skills:,} skills, --jobs {jobs}: {peak_megabytes(words):.0f} MB")
        shutil.rmtree(tree)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--skills", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--html", action="store_true", help="a row with the pages for people as well")
    parser.add_argument("--memory-at", type=int, metavar="N", help="measure the peak with N skills too")
    parser.add_argument("--folder", help="where to work; a file system as fast as the one that matters")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        git = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout.strip()
        cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
        print(
            f"{options.skills:,} skills, {options.rounds} rounds, {cores} cores, load {load:.1f} at the start"
        )
        print(
            f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {git}\n",
            flush=True,
        )
        race = Race(folder, options.skills, html=options.html)
        for number in range(options.rounds):
            race.round(number)
        table(race, print)
        print(flush=True)
        memory(folder, options.skills, race.repo, print)
        if options.memory_at:
            memory(folder, options.memory_at, None, print)


if __name__ == "__main__":
    main()
