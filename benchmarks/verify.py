"""Race `verify`, with and without --rebuild, against the cold build of the same folder.

    python benchmarks/verify.py [--skills N] [--emit LIST] [--rounds N] [--folder DIR]

Prints one table: medians of CPU seconds (children included) and of wall, the ratio of the medians to the
cold build, and the peak of memory. All that is compared runs in turn, in every round. Nothing stays behind.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import synthetic
from _measure import Cost, middle, peak_megabytes, run

COMMAND = (sys.executable, "-m", "registry_builder.cli")
PLAIN = "json_api,claude,npm,well_known,sx"
BASE_URL = "https://skills.test"


class Race:
    """The subjects in one folder; `costs` maps each to what its rounds cost."""

    def __init__(self, folder: Path, skills: int, emit: str) -> None:
        repo, out = folder / "repo", folder / "out"
        self.throw_away = folder / "cold"
        synthetic.make(repo, skills)
        flags = ["--emit", emit, "--base-url", BASE_URL]
        build = [*COMMAND, "build", "-C", str(repo), *flags, "--to"]
        run([*build, str(out)])
        self.files = sum(path.is_file() for path in out.rglob("*"))
        self.subjects = {
            "cold build": [*build, str(self.throw_away)],
            "cold build --jobs 1": [*build, str(self.throw_away), "--jobs", "1"],
            "verify --sample 100": [*COMMAND, "verify", str(out), "--sample", "100"],
            "verify": [*COMMAND, "verify", str(out)],
            "verify --rebuild": [*COMMAND, "verify", str(out), "--rebuild", str(repo), *flags],
        }
        self.costs: dict[str, list[Cost]] = {name: [] for name in self.subjects}

    def round(self) -> None:
        """Run every subject once."""
        for name, words in self.subjects.items():
            self.costs[name].append(run(words))
            shutil.rmtree(self.throw_away, ignore_errors=True)

    def peak(self, name: str) -> float:
        """The most memory of one run, in MB."""
        found = peak_megabytes(self.subjects[name])
        shutil.rmtree(self.throw_away, ignore_errors=True)
        return found


def table(race: Race, say: Callable[[str], None]) -> None:
    """A row for each subject."""
    cold = middle(race.costs["cold build"])
    say("| what | CPU s | ÷ cold build | wall s | ÷ cold build | to reach | peak MB |")
    say("| --- | --- | --- | --- | --- | --- | --- |")
    for name, costs in race.costs.items():
        mine = middle(costs)
        reach = "3.0" if name == "verify --rebuild" else ""
        say(
            f"| {name} | {mine.cpu:.2f} | {mine.cpu / cold.cpu:.2f} | {mine.wall:.2f} "
            f"| {mine.wall / cold.wall:.2f} | {reach} | {race.peak(name):.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--skills", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--emit", default=PLAIN, metavar="LIST")
    parser.add_argument("--folder", help="where to work; a file system as fast as the one that matters")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        race = Race(Path(name), options.skills, options.emit)
        git = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout.strip()
        cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
        print(
            f"{options.skills:,} skills, {race.files:,} files, {options.rounds} rounds, "
            f"{cores} cores, load {load:.1f}"
        )
        print(
            f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {git}\n",
            flush=True,
        )
        for _ in range(options.rounds):
            race.round()
        table(race, print)


if __name__ == "__main__":
    main()
