"""A registry that nobody touched holds, wherever it lies and whatever happened to it."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from history import Registry, Repo, make_repo, skill
from verify.conftest import BASE, FLAGS, World, fill, look, store_of

from dynamic_api.server.static import published
from registry_builder.cli import run
from registry_builder.core.errors import Busy, Missing, Trouble
from registry_builder.previous import Previous
from registry_builder.settings import Flags
from registry_builder.store.filesystem import FilesystemStore
from registry_builder.store.memory import MemoryStore
from registry_builder.store.target import open_store
from registry_builder.store.web import WebReader

WORDS = ["--base-url", BASE, "--name", "reg"]


def spread(objects: dict[str, bytes], out: Path) -> Path:
    """`objects` as a folder."""
    for key, body in objects.items():
        (out / key).parent.mkdir(parents=True, exist_ok=True)
        (out / key).write_bytes(body)
    return out


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The base URL of `folder` behind the server of `skillpress serve`."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(published(folder), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def look_pins(objects: dict[str, bytes]) -> list[str]:
    """Every key that the release pins, as the builder reads it."""
    return list(Previous(store_of(objects)).view.every_pin())


def test_every_generation_holds_and_is_what_git_says(world: World) -> None:
    for objects in world.generations:
        report = look(store_of(objects), world.repo)
        assert (report.faults, report.unprovable, report.unread) == ([], [], [])
        assert report.checked["rows"] >= 5
        in_git = [key for key in look_pins(objects) if key.startswith("git/")]
        assert report.checked["keys rebuilt"] + len(in_git) == report.checked["keys"]
        assert report.checked["git objects"] > 20


def test_what_a_listing_finds_beside_the_release_is_a_note(world: World) -> None:
    assert look(store_of(world.generations[0])).notes == []
    more = {**world.now, "skills/alpha/evil.html": b"x", "tuf/1.root.json": b"{}"}
    assert [note.key for note in look(store_of(more)).notes if "evil" in note.key] == [
        "skills/alpha/evil.html"
    ]


def test_a_folder_is_proven_by_the_command(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = spread(world.now, tmp_path / "out")
    assert run(["verify", str(out)]) == 0
    assert "everything holds" in capsys.readouterr().out
    assert run(["verify", str(out), "--rebuild", str(world.repo), *WORDS, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["base_url"], said["generation"]) == (True, BASE, 4)
    (out / "odd.txt").write_text("odd")
    assert run(["verify", str(out)]) == 0
    assert run(["verify", str(out), "--strict"]) == 1
    assert not (out / ".tmp").exists()


def test_a_mirror_without_listing_is_proven_over_http(world: World, tmp_path: Path) -> None:
    with served(spread(world.now, tmp_path / "out")) as url:
        assert run(["verify", url]) == 0
        assert run(["verify", url, "--rebuild", str(world.repo), *WORDS]) == 0
        (tmp_path / "out/marketplace.json").unlink()
        assert run(["verify", url]) == 1


def test_a_web_server_says_what_is_wrong_with_a_request(tmp_path: Path) -> None:
    with served(spread({"release.json": b"{}", "a/b c": b"1"}, tmp_path)) as url:
        reader = WebReader(url)
        assert reader.get("a/b c") == b"1"
        with pytest.raises(Missing):
            reader.get("none")
        with pytest.raises(Trouble, match="does not list"):
            reader.list()
        reader.close()


def test_a_bucket_behind_s3_is_proven(world: World, s3_address: str) -> None:
    with open_store(s3_address) as store:
        for key, body in world.generations[0].items():
            store.put(key, body)
    assert run(["verify", s3_address]) == 0
    assert run(["verify", s3_address, "--rebuild", str(world.repo), *WORDS]) == 0


def test_many_readers_find_the_same_as_one(world: World) -> None:
    one, many = look(store_of(world.now)), look(store_of(world.now), parallel=16)
    assert (one.checked, one.notes) == (many.checked, many.notes)


def test_a_sample_is_the_same_for_the_same_root_and_finds_what_is_in_it(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = spread(world.now, tmp_path / "out")
    counts = []
    for size in (5, 5, 10_000):
        assert run(["verify", str(out), "--sample", str(size), "--json"]) == 0
        counts.append(json.loads(capsys.readouterr().out)["checked"]["keys"])
    pins = look_pins(world.now)
    assert counts == [5, 5, len(pins)]
    for key in pins:
        (out / key).write_bytes(b"evil")
    # Two schemas are called as the pointer and the revocations are: they are keys like others.
    assert {"schemas/release.json", "schemas/revoked.json"} <= set(pins)
    for size in (5, len(pins)):
        assert run(["verify", str(out), "--sample", str(size), "--json"]) == 1
        faults = json.loads(capsys.readouterr().out)["faults"]
        assert len({fault["key"] for fault in faults if fault["kind"] == "other-bytes"}) == size


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = make_repo(tmp_path / "repo")
    fill(made)
    return made


def edit(repo: Repo, out: Path) -> None:
    repo.commit({"skills/beta/SKILL.md": skill("beta", "More.")})


def rollback(repo: Repo, out: Path) -> None:
    edit(repo, out)
    build(repo, out)
    words = ["--to", str(out), "-C", str(repo.path), *WORDS]
    assert run(["rollback", "--to-generation", "1", *words]) == 0


def quarantine_one_version(repo: Repo, out: Path) -> None:
    words = ["--to", str(out), "-C", str(repo.path), *WORDS]
    assert run(["quarantine", "alpha@1", "--reason", "bad", *words]) == 0


def quarantine_twice_over_an_edit(repo: Repo, out: Path) -> None:
    quarantine_one_version(repo, out)
    edit(repo, out)
    build(repo, out)
    words = ["--to", str(out), "-C", str(repo.path), *WORDS]
    assert run(["quarantine", "beta", "--reason", "bad", *words]) == 0


def yank(repo: Repo, out: Path) -> None:
    repo.commit({"advisories.toml": '[[advisory]]\nskill = "alpha"\nstate = "yanked"\nreason = "odd"\n'})


def bring_back(repo: Repo, out: Path) -> None:
    repo.commit(
        {"skills/gone/SKILL.md": skill("gone", "Anew."), "advisories.toml": '[reclaim]\ngone = "ours"\n'}
    )


def move_and_retype(repo: Repo, out: Path) -> None:
    repo.commit({"agents/helper": None, "commands/helper/COMMAND.md": skill("helper", "Now a command.")})


def disband(repo: Repo, out: Path) -> None:
    repo.commit({"collections.toml": None})


def two_names_alike(repo: Repo, out: Path) -> None:
    repo.commit({"collections.toml": '[more]\nskills = ["beta"]\n[things]\nskills = ["beta"]\n'})


LIVES = [
    edit,
    rollback,
    quarantine_one_version,
    quarantine_twice_over_an_edit,
    yank,
    bring_back,
    move_and_retype,
    disband,
    two_names_alike,
]


def build(repo: Repo, out: Path, *more: str) -> None:
    assert run(["build", "-C", str(repo.path), "--to", str(out), *WORDS, *more]) == 0


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_whatever_was_published_is_what_git_says(
    repo: Repo, tmp_path: Path, life: Callable[[Repo, Path], None]
) -> None:
    out = tmp_path / "out"
    build(repo, out)
    life(repo, out)
    build(repo, out)
    report = look(FilesystemStore(out), repo.path)
    assert (report.faults, report.unprovable) == ([], [])


ODD = """[a](nowhere.md) [b](../../etc/passwd) [c](//evil.example/x) [d](#top) [e](<x y.html>)
<a href="raw.html">f</a>

![pic](none.png) href="text.html" src='x' `<a href="code.html">`

```html
<a href="fence.html" src="x.js"><img src="y.png">
```
"""


def test_links_that_an_author_wrote_are_no_references(repo: Repo) -> None:
    repo.commit({"skills/beta/SKILL.md": skill("beta", ODD), 'skills/beta/odd <a href="x">.html': ODD})
    registry = Registry(MemoryStore(), FLAGS)
    registry.build(repo.path)
    assert look(registry.store, repo.path).faults == []


def test_flags_that_made_the_release_are_named_when_they_are_missing(world: World) -> None:
    (fault,) = look(store_of(world.now), world.repo, Flags()).faults
    assert (fault.kind, fault.key) == ("not-rebuilt", "release.json")
    assert fault.message.endswith(f"give --base-url {BASE} --name reg")


def test_a_registry_that_was_called_otherwise_has_rows_that_hold(repo: Repo) -> None:
    registry = Registry(MemoryStore(), Flags(name="old", base_url=BASE))
    registry.build(repo.path)
    registry.flags = FLAGS
    registry.build(repo.path)
    assert look(registry.store, repo.path).faults == []


def test_a_commit_that_git_lost_is_unprovable_and_no_fault(repo: Repo, tmp_path: Path) -> None:
    registry = Registry(MemoryStore(), FLAGS)
    registry.build(repo.path)
    clone = tmp_path / "clone"
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.path}", str(clone))
    report = look(registry.store, clone)
    assert report.faults == []
    assert {item.key for item in report.unprovable} >= {"api/v1/index/alpha.json", "api/v1/index/beta.json"}
    assert (report.exit_code(strict=False), report.exit_code(strict=True)) == (0, 1)


def test_an_open_release_says_so_and_the_one_before_is_proven(world: World) -> None:
    objects = world.now
    pointer = json.loads(objects["release.json"])
    opened = {"state": "open", "previous": pointer["root"], "root": "0" * 64, "owner": "ci:1"}
    opened |= {"generation": pointer["generation"] + 1, "lease_until": "2026-11-20T20:00:00Z"}
    objects["release.json"] = json.dumps(pointer | opened).encode()
    report = look(store_of(objects), world.repo)
    assert report.faults == []
    assert [note.kind for note in report.notes if note.key == "release.json"] == ["open", "not-rebuilt"]


def test_indexes_that_a_publisher_wrote_already_are_no_fault(world: World) -> None:
    before, after = world.generations[1], world.generations[2]
    old, new = json.loads(before["release.json"]), json.loads(after["release.json"])
    opened = {**new, "state": "open", "previous": old["root"], "record": old["record"], "owner": "ci:1"}
    objects = {**before, **after, "release.json": json.dumps(opened).encode()}
    report = look(store_of(objects))
    assert report.faults == []
    assert report.checked["ahead"] > 5


def test_a_release_that_is_published_meanwhile_is_no_fault(world: World) -> None:
    class Moving(MemoryStore):
        def get(self, key: str) -> bytes:
            body = super().get(key)
            if key == "release.json":
                self.objects = dict(world.generations[1]) | {"r/x": b""}
            return body

    store = Moving()
    store.objects = dict(world.generations[0])
    with pytest.raises(Busy, match="while this one was looked at"):
        look(store)


def test_revoked_keys_that_the_tree_still_pins_are_withheld(world: World) -> None:
    """Between the list of revocations and the release without them."""
    objects = dict(world.generations[-2]) | {"revoked.json": world.now["revoked.json"]}
    for key in world.revoked:
        del objects[key]
    report = look(store_of(objects))
    assert report.faults == []
    assert set(report.withheld) == set(world.revoked)


def test_an_empty_registry_holds(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    repo.commit()
    registry = Registry(MemoryStore(), FLAGS)
    registry.build(repo.path)
    report = look(registry.store, repo.path)
    assert (report.faults, report.notes) == ([], [])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere"], 3, "[no-release]"),
        (["http://127.0.0.1:1/reg"], 3, "[no-answer]"),
        (["ftp://host/x"], 2, "[bad-store]"),
        (["nowhere", "--sample", "0"], 2, "--sample"),
    ],
)
def test_what_cannot_be_looked_at_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    os.chdir(tmp_path)
    assert run(["verify", *words]) == code
    assert said in capsys.readouterr().err


def test_a_key_that_cannot_be_read_is_named_and_is_no_proof(world: World) -> None:
    class Locked(MemoryStore):
        def get(self, key: str) -> bytes:
            if key == "marketplace.json":
                raise Trouble("no-permission", "Permission denied", place=key)
            return super().get(key)

    store = Locked()
    store.objects = world.now
    report = look(store)
    assert ([item.key for item in report.unread], report.exit_code(strict=False)) == (["marketplace.json"], 3)
