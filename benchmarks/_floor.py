"""The bare floors of the build, each a program of its own: the same data and the same files, nothing thought.

`cold` reads every blob by one `git cat-file`, hashes it, packs each folder stored, and writes as many files
of the same sizes at the same paths as a built tree has. `noop` asks Git for HEAD and reads the pointer.
`changed` reads the folders that the last commit changed, and reads and writes one index of all.
"""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_PADDING = bytes(range(32, 127)) * 64


def cold(repo: str, plan: str, out: str) -> None:
    """`plan` has a line "size<TAB>key" for each file; zips are what was packed, padded or cut to the size."""
    filler = _PADDING
    for packed in _packed(repo):
        filler = packed
    made: set[str] = set()
    for line in Path(plan).read_text().splitlines():
        size, key = line.split("\t")
        folder, _, _ = key.rpartition("/")
        if folder not in made:
            os.makedirs(f"{out}/{folder}", exist_ok=True)  # noqa: PTH103 - the floor is bare
            made.add(folder)
        while len(filler) < int(size):
            filler += filler or _PADDING
        file = os.open(f"{out}/{key}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(file, memoryview(filler)[: int(size)])
        os.close(file)


def noop(repo: str, pointer: str) -> None:
    """One `git rev-parse` and the pointer; what a command line and JSON need is imported."""
    import click
    import msgspec

    head = subprocess.run(["git", "-C", repo, "rev-parse", "HEAD"], capture_output=True, check=True).stdout
    found = msgspec.json.decode(Path(pointer).read_bytes())
    click.echo(found["commit"] == head.decode().strip())


def changed(repo: str, tree: str, out: str) -> None:
    """What every keeper of one index does: the diff, the changed folders, the index read and written."""
    import click
    import msgspec

    git = ["git", "-C", repo]
    head = (
        subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, check=True).stdout.decode().strip()
    )
    diff = [*git, "diff-tree", "-r", "-z", "--name-only", "--no-commit-id", head]
    paths = subprocess.run(diff, capture_output=True, check=True).stdout.decode().split("\0")[:-1]
    folders = sorted({"/".join(path.split("/")[:2]) for path in paths})
    listing = subprocess.run([*git, "ls-tree", "-r", head, "--", *folders], capture_output=True, check=True)
    ids = b"".join(row.split()[2] + b"\n" for row in listing.stdout.splitlines())
    blobs = subprocess.run([*git, "cat-file", "--batch"], input=ids, capture_output=True, check=True).stdout
    hashlib.sha256(blobs).hexdigest()
    index = msgspec.json.decode(Path(tree, "api/v1/index.json").read_bytes())
    Path(out).write_bytes(msgspec.json.encode(index, order="sorted"))
    click.echo(len(folders))


def _packed(repo: str) -> Iterator[bytes]:
    listing = subprocess.run(["git", "-C", repo, "ls-tree", "-rz", "HEAD"], capture_output=True, check=True)
    rows = [row.partition(b"\t") for row in listing.stdout.split(b"\0")[:-1]]
    blobs = [(head.split()[2], path) for head, _, path in rows]
    git = subprocess.Popen(
        ["git", "-C", repo, "cat-file", "--batch", "--buffer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert git.stdin is not None
    assert git.stdout is not None
    feeder = threading.Thread(target=_feed, args=(git.stdin, [id_ for id_, _ in blobs]))
    feeder.start()
    for _, folder in groupby(blobs, key=lambda blob: blob[1].split(b"/")[:2]):
        files = []
        for _, path in folder:
            size = int(git.stdout.readline().split()[2])
            data = git.stdout.read(size)
            git.stdout.read(1)
            hashlib.sha256(data).hexdigest()
            files.append((path, data))
        body = _zip(files)
        hashlib.sha256(body).hexdigest()
        yield body
    feeder.join()
    git.wait()


def _feed(pipe: object, ids: list[bytes]) -> None:
    pipe.write(b"\n".join(ids) + b"\n")  # type: ignore[attr-defined]
    pipe.close()  # type: ignore[attr-defined]


def _zip(files: list[tuple[bytes, bytes]]) -> bytes:
    local, central, offset = [], [], 0
    for path, data in files:
        crc, size = zlib.crc32(data), len(data)
        head = _LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, 33, crc, size, size, len(path), 0)
        local += (head, path, data)
        central += (
            _CENTRAL.pack(b"PK\1\2", 20, 20, 0, 0, 0, 33, crc, size, size, len(path), 0, 0, 0, 0, 0, offset),
            path,
        )
        offset += len(head) + len(path) + size
    size = sum(map(len, central))
    end = _END.pack(b"PK\5\6", 0, 0, len(files), len(files), size, offset, 0)
    return b"".join([*local, *central, end])


if __name__ == "__main__":
    {"cold": cold, "noop": noop, "changed": changed}[sys.argv[1]](*sys.argv[2:])
