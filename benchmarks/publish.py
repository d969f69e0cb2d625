"""Race a publish against bare clients that PUT the same files, all to an S3 stub that costs next to nothing.

    python benchmarks/publish.py [--skills N] [--rounds N] [--repo DIR] [--folder DIR]

The peers are obstore, the fastest client there is, and `aws s3 sync`; both are installed for the run and go
with it. Prints a table of CPU and wall seconds with ratios, then requests against the plan, then the peak.
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
import urllib.request
import venv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import synthetic
from _measure import Cost, middle, peak_megabytes, run

PYTHON = sys.executable
SKILLPRESS = (PYTHON, "-m", "registry_builder.cli")
PLAIN = "json_api,claude,npm,well_known,sx"
NOOP_REQUESTS, CHANGED_EXTRA, PEAK_MEGABYTES = 12, 40, 300
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PAGER": "",
}


class Stub:
    """A stub that runs, at `endpoint`."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.store = f"s3://bucket/reg?endpoint_url={self.endpoint}&region=us-east-1"

    def requests(self) -> Counter[str]:
        """Method, or LIST → how many there were since this was asked last."""
        with urllib.request.urlopen(f"{self.endpoint}/-/requests") as answer:
            told = json.load(answer)
        return Counter("LIST" if "?list-type" in path or "&list-type" in path else how for how, path in told)


@contextmanager
def stub() -> Iterator[Stub]:
    """A new, empty one, in a process of its own."""
    words = [PYTHON, str(Path(__file__).with_name("_s3_stub.py"))]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Stub(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait()


def installed(place: Path, package: str) -> str:
    """ "" when `package` is installed in a new environment at `place`, else why not."""
    venv.create(place, with_pip=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-q", package]
    done = subprocess.run(pip, capture_output=True, text=True)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]


class Race:
    """Everything that is run, in one folder; `costs` maps a subject to what each round cost."""

    def __init__(self, folder: Path, skills: int, repo: Path | None) -> None:
        self.folder, self.skills = folder, skills
        self.costs: dict[str, list[Cost]] = {}
        self.repo = repo or folder / "repo"
        if repo is None:
            synthetic.make(self.repo, skills)
        self.tree = folder / "tree"
        self.peers: dict[str, Sequence[str]] = {}
        self.why_not: dict[str, str] = {}
        self._peer("obstore", "obstore==0.12.1", "python", str(Path(__file__).with_name("_put_all.py")))
        self._peer("aws s3 sync", "awscli", "aws", "s3", "sync", "--quiet")
        self.written: Counter[str] = Counter()

    def _peer(self, name: str, package: str, program: str, *words: str) -> None:
        place = self.folder / name.split(maxsplit=1)[0]
        if why := installed(place, package):
            self.why_not[name] = why
        else:
            self.peers[name] = [str(place / "bin" / program), *words]

    def publish(self, target: str, repo: Path) -> list[str]:
        return [*SKILLPRESS, "publish", "-C", str(repo), "--to", target, "--emit", PLAIN]

    def round(self) -> None:
        """Run every subject once, each against an empty stub."""
        with stub() as server:
            self._time("publish", self.publish(server.store, self.repo))
            self.written = server.requests()
        self._time(
            "build", [*SKILLPRESS, "build", "-C", str(self.repo), "--to", str(self.tree), "--emit", PLAIN]
        )
        for name, words in self.peers.items():
            with stub() as server:
                more = (
                    [str(self.tree), "bucket", server.endpoint]
                    if name == "obstore"
                    else ["--endpoint-url", server.endpoint, str(self.tree), "s3://bucket/reg"]
                )
                self._time(name, [*words, *more])
        shutil.rmtree(self.tree)

    def _time(self, name: str, words: Sequence[str]) -> None:
        self.costs.setdefault(name, []).append(run(words))

    def table(self, say: Callable[[str], None]) -> None:
        """CPU against CPU. The upload is a publish without the build that it does as well."""
        whole, build = middle(self.costs["publish"]), middle(self.costs["build"])
        upload = Cost(max(0.0, whole.cpu - build.cpu), max(0.0, whole.wall - build.wall))
        say("| what | against | CPU s | its CPU s | ratio | to reach | wall s | its wall s | ratio |")
        say("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for name, goal in (("obstore", 1.5), ("aws s3 sync", 0.25)):
            if name not in self.peers:
                say(f"| publish | {name} | | | skipped: {self.why_not[name]} | {goal} | | | |")
                continue
            theirs = middle(self.costs[name])
            for what, mine in (("publish", whole), ("publish less build", upload)):
                say(
                    f"| {what} | {name} | {mine.cpu:.2f} | {theirs.cpu:.2f} | {mine.cpu / theirs.cpu:.2f} "
                    f"| {goal} | {mine.wall:.2f} | {theirs.wall:.2f} | {mine.wall / theirs.wall:.2f} |"
                )
        say(f"\ncold publish: {told(self.written)}")

    def requests(self, say: Callable[[str], None]) -> bool:
        """A publish of the same, and one of ten changed skills against what its plan names."""
        moving = self.folder / "moving"
        synthetic.git(self.folder, "clone", "-q", "--no-local", str(self.repo), str(moving))
        with stub() as server:
            run(self.publish(server.store, moving))
            server.requests()
            run(self.publish(server.store, moving))
            again = server.requests()
            synthetic.change(moving, self.skills, range(10), 2)
            planned = self._planned(server.store, moving)
            server.requests()
            run(self.publish(server.store, moving))
            changed = server.requests()
        quiet = again.total() <= NOOP_REQUESTS and not again["LIST"] and not again["PUT"]
        say(f"nothing changed: {told(again)}; to reach {NOOP_REQUESTS}, no write, no listing: {_yes(quiet)}")
        mutable = planned["index"] + planned["payload"]
        most = planned.total() + mutable + CHANGED_EXTRA
        few = changed.total() <= most
        say(
            f"10 changed: {told(changed)}; the plan names {planned.total()} keys, {mutable} of them mutable; "
            f"to reach {most}: {_yes(few)}"
        )
        return quiet and few

    def _planned(self, target: str, repo: Path) -> Counter[str]:
        words = [*SKILLPRESS, "plan", "-C", str(repo), "--to", target, "--emit", PLAIN, "--json"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        return Counter(row["class"] for row in found["keys"]) + Counter(node=found["nodes"])

    def peak(self, say: Callable[[str], None]) -> bool:
        with stub() as server:
            most = peak_megabytes(self.publish(server.store, self.repo))
        low = most <= PEAK_MEGABYTES
        say(f"peak of a cold publish: {most:.0f} MB; to reach {PEAK_MEGABYTES}: {_yes(low)}")
        return low


def told(requests: Counter[str]) -> str:
    """Such as "12 requests (8 PUT, 4 GET)"."""
    rows = ", ".join(f"{count:,} {how}" for how, count in requests.most_common())
    return f"{requests.total():,} requests" + (f" ({rows})" if rows else "")


def _yes(held: bool) -> str:
    return "yes" if held else "NO"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--skills", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--repo", type=Path, help="made by synthetic.py with as many --skills; else a new one is"
    )
    parser.add_argument("--folder", help="where to work")
    options = parser.parse_args()
    os.environ.update(CREDENTIALS)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
        print(
            f"{options.skills:,} skills, {options.rounds} rounds, {cores} cores, load {load:.1f} at the start"
        )
        print(f"{platform.system()} {platform.release()}, Python {platform.python_version()}\n", flush=True)
        race = Race(Path(name), options.skills, options.repo)
        for _ in range(options.rounds):
            race.round()
        race.table(print)
        print(flush=True)
        held = [race.requests(print), race.peak(print)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
