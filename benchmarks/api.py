"""Measure the API per request against a bare Starlette answer, on SQLite and on PostgreSQL.

    python benchmarks/api.py [--skills N] [--rounds N] [--seconds S] [--databases sqlite,postgresql]
                             [--only rows|beside] [--search N] [--verdaccio DIR]

Builds a synthetic registry (2,000 skills by default), starts `skillpress api` with one worker, everything on
(keys, limits, metrics, log), pinned to one core, and drives it with wrk and 16 connections from the other.
Rounds of a row take turns with rounds of the bare server. A row is requests a second, p50 and p99 in ms,
microseconds of server CPU a request, and the ratio of the bare answer's CPU to that: medians. Writes are
bounded in number: each import is a new one. Then come slug reads beside searches, uploads and a load of the
whole registry, and 1,000 connections. `--skills 10000` gives the rows at that size; `--search N` adds search
over HTTP of N skills whose registry is not built (100,000: some minutes); `--verdaccio DIR` adds verdaccio,
which `npm install --prefix DIR verdaccio` put there. Nothing stays behind.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote

import _api_world
import _catalogue
import _verdaccio
import psutil
import search
from _http import CONNECTIONS, HELLO, Row, driving, each_of, free_port, reads, serving, writes

from dynamic_api.catalogue.file import DAMAGED, open_to_read
from dynamic_api.server.data_folder import CATALOGUE
from tests import postgres

DRIVE, QUERIES, EVENTS, MANY = 50, 200, 1000, 1000
Measure = Callable[[], Row]
# The API row of DESIGN.md section 7: the ratio to reach.
AIMS = {
    "GET /skills/:slug": 0.40,
    "304 of /skills/:slug": 0.60,
    "content-addressed 10 kB": 0.60,
    "GET /drive of 50": 0.12,
    "search": 0.04,
    "POST telemetry": 0.30,
    "POST import": 0.05,
}


@dataclass(frozen=True, slots=True)
class Api:
    """A running API: its process, port, slugs, and the keys of a reader and of a writer."""

    server: psutil.Process
    port: int
    dist: Path
    slugs: Sequence[str]
    reader: str
    writer: str

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def head(self) -> list[str]:
        return [f"Authorization: Bearer {self.reader}"]


@contextmanager
def running(
    database: str, dist: Path, place: Path, look_seconds: float = 5.0, served: bool = False
) -> Iterator[Api]:
    """The API on one kind of database; its reader holds fifty skills. `served`: with the folder beside it."""
    with ExitStack() as stack:
        url = stack.enter_context(postgres.running()) if database == "postgresql" else None
        table, data = _api_world.settings(dist, url, look_seconds), place / database
        port = free_port()
        reader, writer = _api_world.people(table, data)
        rules = _api_world.written(table, place / f"{database}.toml")
        command = ["serve", str(dist)] if served else ["api"]
        words = ["-m", "registry_builder.cli", *command, "--port", str(port), "--data", str(data)]
        server = stack.enter_context(serving([*words, "--settings", str(rules)], port, {}))
        api = Api(server, port, dist, _api_world.slugs_of(dist), reader, writer)
        _api_world.wait_until_ready(api.base)
        imports(api, reader, api.slugs[:DRIVE])
        yield api


def imports(api: Api, key: str, slugs: Sequence[str]) -> Row:
    """Import each of `slugs`, once."""
    bodies: list[dict[str, object]] = [{"skillSlug": slug} for slug in slugs]
    return writes("POST import", api.server, api.port, "/api/v1/drive/import", key, bodies)


def measures(api: Api, arguments: argparse.Namespace) -> list[tuple[str, Measure]]:
    """The rows, each as what runs one round of it."""
    one = f"{api.base}/api/v1/skills/{api.slugs[len(api.slugs) // 2]}"
    slug, sha256 = _api_world.artifact_of(api.dist, api.slugs)
    known = [*api.head, f"If-None-Match: {_api_world.etag_of(one, api.reader)}"]
    left = list(api.slugs)
    share = max(CONNECTIONS, len(left) // arguments.rounds)

    def read(name: str, url: str, head: Sequence[str], lua: str = "") -> tuple[str, Measure]:
        return name, lambda: reads(name, api.server, url, arguments.seconds, lua, head)

    def take() -> Row:
        some = [left.pop() for _ in range(min(share, len(left)))]
        return imports(api, api.writer, some)

    def report() -> Row:
        path = "/api/v1/telemetry/anonymous"
        return writes("POST telemetry", api.server, api.port, path, None, _api_world.events(EVENTS))

    download = f"{api.base}/api/v1/downloads/public/{slug}/{sha256}.zip"
    return [
        read("GET /skills/:slug", one, api.head),
        read("GET /skills/:slug, all", f"{api.base}/", api.head, each_of("/api/v1/skills/", api.slugs)),
        read("304 of /skills/:slug", one, known),
        read("content-addressed 10 kB", download, api.head),
        read("content-addressed, no key", download, ()),
        read("GET /drive of 50", f"{api.base}/api/v1/drive", api.head),
        read("search", f"{api.base}/", api.head, searches(api, arguments.seed)),
        ("POST telemetry", report),
        ("POST import", take),
    ]


def searches(api: Api, seed: int) -> str:
    """Two hundred words of names, in turn, for wrk."""
    words = [word for slug in api.slugs for word in slug.split("-")[:2]]
    chance = random.Random(seed)
    return each_of("/api/v1/skills?q=", [chance.choice(words) for _ in range(QUERIES)])


def paired(name: str, measure: Measure, bare: Measure, rounds: int) -> str:
    """One line of the table: rounds of a row and of the bare server in turn, and their medians."""
    pairs = [(bare(), measure()) for _ in range(rounds)]

    def middle(of: Callable[[Row], float]) -> float:
        return median(of(row) for _, row in pairs)

    ratio = median(floor.cpu / row.cpu for floor, row in pairs)
    stretch = median(row.p99 / floor.p99 for floor, row in pairs)
    aim = f"  aim {AIMS[name]:.2f}" if name in AIMS else ""
    rate, p50, p99, cpu = (
        middle(of) for of in (lambda r: r.per_second, lambda r: r.p50, lambda r: r.p99, lambda r: r.cpu)
    )
    return (
        f"{name:26} {rate:7.0f}/s  p50 {p50:7.2f}  p99 {p99:7.2f} ms = {stretch:4.1f} x bare"
        f"  {cpu:6.0f} µs  ratio {ratio:5.3f}{aim}"
    )


def beside(api: Api, arguments: argparse.Namespace) -> Iterator[str]:
    """Slug reads alone, then beside searches on four connections, and beside uploads on two."""
    lua = searches(api, arguments.seed)
    seconds = arguments.seconds + 1
    loads = {
        "searches": lambda: driving(f"{api.base}/", seconds, lua, api.head, connections=4),
        "uploads": lambda: _api_world.uploading(api.base, api.writer, seconds, 2),
    }
    for name, load in loads.items():
        alone, busy = [], []
        for _ in range(arguments.rounds):
            alone.append(slug_reads(api, arguments.seconds))
            with load():
                busy.append(slug_reads(api, arguments.seconds))
        yield from stretched(f"beside {name}", alone, busy)


def beside_first_load(dist: Path, place: Path, arguments: argparse.Namespace) -> Iterator[str]:
    """Slug reads while another view of the same size is read from nothing: what a large release does."""
    with running("sqlite", dist, place, look_seconds=0.2) as api:
        alone = [slug_reads(api, arguments.seconds) for _ in range(arguments.rounds)]
        busy = []
        for _ in range(arguments.rounds):
            # The loader makes the file anew, in the server's own thread; workers go on with the old one.
            (place / "sqlite" / CATALOGUE / DAMAGED).touch()
            busy.append(slug_reads(api, arguments.seconds))
        yield from stretched("beside a load of everything", alone, busy)


def slug_reads(api: Api, seconds: int) -> Row:
    """One round of reads of one skill."""
    return reads("slug", api.server, f"{api.base}/api/v1/skills/{api.slugs[0]}", seconds, headers=api.head)


def stretched(what: str, alone: Sequence[Row], busy: Sequence[Row]) -> Iterator[str]:
    """How much longer reads take beside something."""
    for name, of in (("p50", lambda row: row.p50), ("p99", lambda row: row.p99)):
        still, loaded = median(map(of, alone)), median(map(of, busy))
        yield f"slug reads {what}: {name} {loaded:.2f} ms, alone {still:.2f}: {loaded / still:.1f} x  aim 3"


def table(database: str, dist: Path, place: Path, bare: Measure, arguments: argparse.Namespace) -> None:
    """Print every row of one database."""
    with running(database, dist, place) as api:
        for name, measure in measures(api, arguments) if arguments.only != "beside" else ():
            print(f"{database:10}  {paired(name, measure, bare, arguments.rounds)}", flush=True)
        for line in beside(api, arguments) if arguments.only != "rows" else ():
            print(f"{database:10}  {line}", flush=True)
        url = f"{api.base}/api/v1/skills/{api.slugs[0]}"
        many = reads("many", api.server, url, arguments.seconds, headers=api.head, connections=MANY)
        print(
            f"{database:10}  {MANY} connections: {many.per_second:.0f}/s, p99 {many.p99:.0f} ms, all answered"
        )
        print(f"{database:10}  memory of the worker: {api.server.memory_info().rss / 1e6:.0f} MB", flush=True)


def many_skills(count: int, place: Path, bare: Measure, arguments: argparse.Namespace) -> None:
    """Print search over HTTP among `count` skills, by the queries of benchmarks/search.py."""
    data, table = place / "many", _api_world.settings(place, None)
    table["data"]["registry"] = "http://127.0.0.1:9/"  # Nothing answers there: the view stays as it is made.
    reader, _ = _api_world.people(table, data)
    _catalogue.make(data / CATALOGUE, count, arguments.seed, 100)
    with closing(open_to_read(data / CATALOGUE)) as connection:
        asked = [quote(one) for some in search.queries(connection, arguments.seed).values() for one in some]
    random.Random(arguments.seed).shuffle(asked)
    rules, port = _api_world.written(table, place / "many.toml"), free_port()
    words = ["-m", "registry_builder.cli", "api", "--port", str(port), "--data", str(data)]
    with serving([*words, "--settings", str(rules)], port, {}) as server:
        head, base = [f"Authorization: Bearer {reader}"], f"http://127.0.0.1:{port}"
        _api_world.wait_for_search(base)
        lua = each_of("/api/v1/skills?q=", asked)

        def round_() -> Row:
            return reads("search", server, f"{base}/", arguments.seconds, lua, head)

        name, aim = f"search, {count:,} skills", 0.04 if count <= 10_000 else 0.01
        print(f"{'sqlite':10}  {paired(name, round_, bare, arguments.rounds)}  aim {aim}", flush=True)


def against_verdaccio(dist: Path, place: Path, bare: Measure, arguments: argparse.Namespace) -> None:
    """Print what a document costs each, one process on one core, in turn with each other and a bare answer.

    Like for like is the packument that both have, without a key; the other row is the API's, with one.
    """
    path, document = _verdaccio.packument(dist)
    with (
        running("sqlite", dist, place, served=True) as api,
        _verdaccio.running(arguments.verdaccio, place, path, document) as (server, url),
    ):
        rows = {
            "packument, no key": (path, ()),
            "skill, with a key": (f"api/v1/skills/{api.slugs[0]}", api.head),
        }
        for name, (ours, head) in rows.items():
            rounds = [
                (
                    reads(name, api.server, f"{api.base}/{ours}", arguments.seconds, headers=head),
                    reads("verdaccio", server, url, arguments.seconds),
                    bare(),
                )
                for _ in range(arguments.rounds)
            ]
            print(f"{'serve':10}  {_verdaccio.told(name, len(document), rounds)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--skills", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--only", choices=("rows", "beside"))
    parser.add_argument("--search", type=int, default=0, metavar="N")
    parser.add_argument("--verdaccio", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="skillpress-bench-") as folder:
        place, port = Path(folder), free_port()
        dist = _api_world.registry(place, arguments.skills, arguments.seed)
        with serving(["-c", HELLO, str(port)], port, {}) as server:
            url = f"http://127.0.0.1:{port}/"
            print(f"{arguments.skills} skills, {CONNECTIONS} connections, one worker; ratio = bare CPU / CPU")

            def bare() -> Row:
                return reads("bare", server, url, arguments.seconds)

            for database in filter(None, arguments.databases.split(",")):
                table(database, dist, place, bare, arguments)
            if arguments.search:
                many_skills(arguments.search, place, bare, arguments)
            if arguments.only != "rows":
                for line in beside_first_load(dist, place / "load", arguments):
                    print(f"{'sqlite':10}  {line}", flush=True)
            if arguments.verdaccio:
                against_verdaccio(dist, place / "race", bare, arguments)


if __name__ == "__main__":
    main()
