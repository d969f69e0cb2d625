"""Many skills in one zip, a folder for each: the same bytes for the same skills, made while they are sent.

The profile is that of the artifact (docs/artifact.md): stored, sorted, without times. So the size is known
before the first byte, and no more than one artifact and the list of names is ever in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dynamic_api.errors import TooLarge
from dynamic_api.private_store.base import PrivateStore
from registry_builder.core.artifact import zip_format
from registry_builder.core.artifact.zip_records import find_end
from registry_builder.core.artifact.zip_writer import MOST_BYTES, MOST_MEMBERS

_NAME_AT = 26  # where the length of the name stands in a local header, and two bytes later in a central one
_OFFSET_AT = 42


@dataclass(frozen=True, slots=True)
class Part:
    """A skill: its slug, the size and number of files of its canonical artifact, and how to read that."""

    slug: str
    size: int
    files: int
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip of `size` bytes; each iteration makes it anew."""

    parts: Sequence[Part]
    size: int

    def __iter__(self) -> Iterator[bytes]:
        directory: list[bytes] = []
        offset = 0
        for part in self.parts:
            artifact = part.read()
            if len(artifact) != part.size or find_end(artifact).count != part.files:
                raise AssertionError(f"the artifact of {part.slug} is not what was announced")
            for local, central in _entries(artifact, f"{part.slug}/".encode()):
                directory.append(
                    central[:_OFFSET_AT] + offset.to_bytes(4, "little") + central[_OFFSET_AT + 4 :]
                )
                offset += len(local)
                yield local
        size = sum(map(len, directory))
        yield from directory
        count = len(directory)
        yield zip_format.END_RECORD.pack(zip_format.END, 0, 0, count, count, size, offset, 0)


def bundle(parts: Iterable[Part]) -> Bundle:
    """The bundle of `parts`, in any order; slugs are all different. Raises TooLarge."""
    # By the whole path: "a-b/" comes before "a/".
    ordered = tuple(sorted(parts, key=lambda part: f"{part.slug}/".encode()))
    if len({part.slug for part in ordered}) < len(ordered):
        raise AssertionError("a slug is there twice")
    # The prefix stands in the local and in the central header of each file.
    grown = sum(2 * part.files * (len(part.slug.encode()) + 1) for part in ordered)
    size = sum(part.size - zip_format.END_SIZE for part in ordered) + grown + zip_format.END_SIZE
    if size > MOST_BYTES or sum(part.files for part in ordered) > MOST_MEMBERS:
        message = f"together these skills have more than {MOST_BYTES} bytes or {MOST_MEMBERS} files"
        raise TooLarge("bundle_too_large", message, mend="download them by collection, or one by one")
    return Bundle(ordered, size)


def keep(store: PrivateStore, made: Bundle) -> str:
    """Put the bundle into `store`; gives its sha256. It is made twice, to know its key and to send it."""
    state = hashlib.sha256()
    for chunk in made:
        state.update(chunk)
    sha256 = state.hexdigest()
    if not store.exists(sha256):
        store.put(sha256, made)
    return sha256


def _entries(artifact: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each file with its local header, and its central header, both with `prefix` before the name."""
    at = find_end(artifact).directory
    while artifact[at : at + 4] == zip_format.CENTRAL:
        size, named = (
            int.from_bytes(artifact[at + place : at + place + width], "little")
            for place, width in ((20, 4), (28, 2))
        )
        start = int.from_bytes(artifact[at + _OFFSET_AT : at + _OFFSET_AT + 4], "little")
        name = prefix + artifact[at + zip_format.CENTRAL_SIZE : at + zip_format.CENTRAL_SIZE + named]
        length = len(name).to_bytes(2, "little")
        body = start + zip_format.LOCAL_SIZE + named
        local = artifact[start : start + _NAME_AT] + length + bytes(2) + name + artifact[body : body + size]
        central = (
            artifact[at : at + _NAME_AT + 2]
            + length
            + artifact[at + 30 : at + zip_format.CENTRAL_SIZE]
            + name
        )
        yield local, central
        at += zip_format.CENTRAL_SIZE + named
