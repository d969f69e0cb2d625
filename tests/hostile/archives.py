"""Zips that must be refused, each for one reason. `HOSTILE` is the table for every way in."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any, NamedTuple

from hostile.zip_parts import LINK, UTF8, Part, archive, deflated, extra, unicode_path

from registry_builder.core.artifact import pack
from registry_builder.core.folder import File

MIB = 1024 * 1024
FOLDER = 0o040755 << 16 | 0x10


class Hostile(NamedTuple):
    """A zip, the code with which it is refused, and words of the message."""

    id: str
    data: bytes
    code: str
    words: str


SKILL = Part(b"SKILL.md", b"---\nname: x\ndescription: y\n---\n")
OTHER = Part(b"other.md", b"other\n")
GOOD = archive(SKILL)
ZIP64_END = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, 0, 0)
ZIP64_LOCATOR = b"PK\6\7" + struct.pack("<IQI", 0, 0, 1)
TWO = archive(Part(b"a"), Part(b"b", offset=0))


def _named(name: bytes, flags: int = UTF8) -> bytes:
    return archive(SKILL, Part(name, flags=flags))


def _pair(one: str, two: str) -> bytes:
    return archive(*(Part(name.encode(), flags=UTF8) for name in (one, two)))


def _skill(**changes: Any) -> bytes:
    return archive(replace(SKILL, **changes))


def _said(**local: int | bytes) -> bytes:
    return _skill(local=local)


def _quine() -> bytes:
    """Two entries, the second inside the stored bytes of the first."""
    inner = Part(b"b")
    hidden = inner.local_header() + inner.body()
    outer = Part(b"a", hidden)
    first = outer.local_header() + hidden
    directory = outer.central_header(0) + inner.central_header(len(outer.local_header()))
    return first + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(directory), len(first), 0)


def _inside_comment() -> bytes:
    """A whole zip in the comment of another one: which of both is read depends on the program."""
    inner = Part(b"SKILL.md", b"evil\n")
    before = len(GOOD)
    local = inner.local_header() + inner.body()
    directory = inner.central_header(before)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), before + len(local), 0)
    return archive(SKILL, comment=local + directory + end)


def _swallowed_end() -> bytes:
    """An entry whose stored bytes are an end record with a comment up to the last byte."""
    blank = archive(SKILL, Part(b"z.bin", bytes(22)))
    at = blank.rindex(bytes(22), 0, blank.index(b"PK\1\2"))
    fake = b"PK\5\6" + bytes(16) + struct.pack("<H", len(blank) - at - 22)
    return archive(SKILL, Part(b"z.bin", fake))


def _many(count: int, suffix: str = "") -> bytes:
    return archive(*(Part(f"{number}{suffix}".encode(), b"") for number in range(count)))


_ROWS = (
    # The file as a whole
    ("empty-file", b"", "zip-no-end", "not a zip"),
    ("text", b"SKILL.md is not zipped\n" * 9, "zip-no-end", "not a zip"),
    ("gzip", b"\x1f\x8b\x08\x00" + bytes(60), "zip-no-end", "not a zip"),
    ("cut-in-the-directory", GOOD[:-30], "zip-no-end", "cut off"),
    ("cut-in-the-end-record", GOOD[:-3], "zip-no-end", "cut off"),
    ("comment-cut-off", archive(SKILL, comment=b"hello")[:-1], "zip-no-end", "cut off"),
    ("over-10-MiB", archive(Part(b"a", bytes(10 * MIB))), "zip-too-big", "10485760 are allowed"),
    ("1001-files", _many(1_001), "zip-too-many-files", "1001 entries"),
    (
        "1001-folders",
        archive(SKILL, *(Part(b"%d/" % n, b"", attributes=FOLDER) for n in range(1_001))),
        "zip-too-many-files",
        "1001 entries",
    ),
    ("2001-entries", _many(2_001), "zip-too-many-files", "2001 entries"),
    # Bombs
    (
        "over-25-MiB-unpacked",
        archive(Part(b"a", bytes(26 * MIB), method=8)),
        "zip-unpacked-too-big",
        "27262976",
    ),
    (
        "over-25-MiB-in-pieces",
        archive(*(Part(b"%d" % n, bytes(9 * MIB), method=8) for n in range(3))),
        "zip-unpacked-too-big",
        "28311552",
    ),
    ("ratio-over-100", archive(Part(b"a", bytes(MIB), method=8)), "zip-ratio", "100 times"),
    (
        "bomb-declares-10-bytes",
        archive(Part(b"a", bytes(40 * MIB), method=8, size=10)),
        "zip-size",
        "than 10",
    ),
    ("bomb-declares-nothing", archive(Part(b"a", bytes(MIB), method=8, size=0)), "zip-size", "than 0"),
    ("entries-that-share-bytes", TWO, "zip-overlap", "overlaps"),
    ("inside-another", _quine(), "zip-overlap", "overlaps"),
    # Bytes that belong to nobody, and ends that are none
    ("script-before-the-zip", b"#!/bin/sh\n" + GOOD, "zip-directory", "does not end where"),
    ("script-before-right-offsets", archive(SKILL, lead=b"#!/bin/sh\n"), "zip-leading-bytes", "no entry"),
    ("only-bytes-and-an-end", archive(lead=b"hello"), "zip-leading-bytes", "no entry"),
    ("gap-between-entries", archive(replace(SKILL, after=b"x"), OTHER), "zip-gap", "no entry"),
    ("gap-before-the-directory", archive(SKILL, gap=b"hidden"), "zip-gap", "no entry"),
    ("unlisted-entry", archive(SKILL, gap=OTHER.local_header() + OTHER.body()), "zip-gap", "no entry"),
    ("trailing-byte", GOOD + b"\n", "zip-trailing-bytes", "follow"),
    ("trailing-zeros", GOOD + bytes(512), "zip-trailing-bytes", "follow"),
    ("zip-after-a-zip", GOOD + archive(OTHER), "zip-directory", "does not end where"),
    ("zip-in-the-comment", _inside_comment(), "zip-two-ends", "more than one end"),
    ("end-in-the-comment", archive(SKILL, comment=GOOD[-22:]), "zip-two-ends", "more than one end"),
    ("signature-in-the-comment", archive(SKILL, comment=b"PK\5\6"), "zip-two-ends", "more than one end"),
    ("end-in-an-entry", _swallowed_end(), "zip-two-ends", "more than one end"),
    # The end record and the directory
    (
        "count-too-low",
        archive(SKILL, OTHER, here=1, count=1),
        "zip-count",
        "counts 1 entries, there are more",
    ),
    ("count-too-high", archive(SKILL, here=2, count=2), "zip-count", "counts 2 entries, there are 1"),
    ("two-counts", archive(SKILL, OTHER, here=1), "zip-count", "counts 1 entries, and 2"),
    ("count-zero", archive(SKILL, here=0, count=0), "zip-count", "counts 0 entries"),
    ("directory-too-short", archive(SKILL, size=40), "zip-directory", "does not end where"),
    ("directory-offset-wrong", archive(SKILL, offset=1), "zip-directory", "does not end where"),
    ("late-directory", archive(SKILL, OTHER, size=53, offset=168), "zip-directory", "not an entry"),
    ("directory-signature", GOOD.replace(b"PK\1\2", b"PK\1\3"), "zip-directory", "not an entry"),
    (
        "signed-directory",
        archive(SKILL, size=61).replace(b"PK\5\6", b"PK\5\5\1\0xPK\5\6"),
        "zip-directory",
        "not an entry",
    ),
    ("name-too-long", GOOD[: -22 - 54 + 28] + b"\xff\0" + GOOD[-22 - 54 + 30 :], "zip-directory", "beyond"),
    ("disk-1", archive(SKILL, disk=1), "zip-many-disks", "several"),
    ("directory-on-disk-1", archive(SKILL, start=1), "zip-many-disks", "several"),
    ("entry-on-disk-1", _skill(disk=1), "zip-many-disks", "another disk"),
    ("split-marker", b"PK\7\x08" + GOOD, "zip-directory", "does not end where"),
    # zip64
    ("zip64-locator", GOOD[:-22] + ZIP64_END + ZIP64_LOCATOR + GOOD[-22:], "zip-zip64", "zip64 records"),
    ("zip64-in-a-comment", _skill(comment=ZIP64_LOCATOR), "zip-zip64", "zip64 records"),
    ("zip64-offset", archive(SKILL, offset=0xFFFFFFFF), "zip-zip64", "zip64 records"),
    ("zip64-extra-not-needed", _skill(extra=extra(1, bytes(16))), "zip-zip64", "zip64 field"),
    ("zip64-local-extra", _skill(local_extra=extra(1, bytes(16))), "zip-zip64", "zip64 field"),
    ("zip64-size", _skill(size=0xFFFFFFFF, extra=extra(1, bytes(8))), "zip-zip64", "zip64 field"),
    ("zip64-entry-offset", _skill(offset=0xFFFFFFFF), "zip-zip64", "zip64 field"),
    # Local headers
    ("local-name", _said(name=b"EVIL.md\0"), "zip-disagrees", "another name"),
    ("local-name-longer", _said(name=b"SKILL.md/../evil"), "zip-disagrees", "another name"),
    ("local-flags", _said(flags=UTF8), "zip-disagrees", "another flags"),
    ("local-descriptor-flag", _said(flags=8), "zip-disagrees", "another flags"),
    ("local-method", _said(method=8), "zip-disagrees", "another method"),
    ("local-crc", _said(crc=1), "zip-disagrees", "another CRC"),
    ("local-packed-size", _said(packed_size=1), "zip-disagrees", "another packed size"),
    ("local-size", _said(size=1), "zip-disagrees", "another size"),
    ("no-local-header", GOOD.replace(b"PK\3\4", b"PK\3\5"), "zip-no-header", "no local header"),
    ("entry-beyond-the-end", _skill(offset=1_000_000), "zip-outside", "beyond"),
    (
        "body-too-long",
        _skill(data=bytes(40), packed=bytes(39), packed_size=40),
        "zip-outside",
        "reaches into",
    ),
    ("local-extra-too-long", GOOD[:28] + b"\xff\0" + GOOD[30:], "zip-outside", "reaches into"),
    (
        "folder-name",
        archive(Part(b"a/", b"", attributes=FOLDER, local={"name": b"ab"})),
        "zip-disagrees",
        "name",
    ),
    # Flags, methods, extra fields
    ("encrypted", _skill(flags=1), "zip-encrypted", "encrypted"),
    ("strongly-encrypted", _skill(flags=0x40), "zip-encrypted", "encrypted"),
    ("masked-headers", _skill(flags=0x2000), "zip-encrypted", "encrypted"),
    ("aes", _skill(method=99), "zip-encrypted", "encrypted"),
    ("aes-extra", _skill(extra=extra(0x9901, b"\2\0AE\3\0\0")), "zip-encrypted", "encrypted"),
    ("data-descriptor", _skill(flags=8), "zip-descriptor", "data descriptor"),
    ("patch-data", _skill(flags=0x20), "zip-flags", "0x0020"),
    ("unknown-flag", _skill(flags=0x8000), "zip-flags", "0x8000"),
    ("bzip2", _skill(method=12), "zip-method", "method 12"),
    ("lzma", _skill(method=14), "zip-method", "method 14"),
    ("deflate64", _skill(method=9), "zip-method", "method 9"),
    ("version-of-tomorrow", _skill(needed=64), "zip-version", "version 64"),
    ("extra-cut-off", _skill(extra=b"UT\x09\0x"), "zip-extra", "cut off"),
    ("extra-of-three-bytes", _skill(extra=b"abc"), "zip-extra", "cut off"),
    ("local-extra-cut-off", _skill(local_extra=b"UT\x09\0x"), "zip-extra", "cut off"),
    (
        "unicode-path",
        _skill(extra=unicode_path(b"SKILL.md", b"evil.md")),
        "zip-disagrees",
        "extra field gives",
    ),
    (
        "local-unicode-path",
        _skill(local_extra=unicode_path(b"SKILL.md", b"evil.md")),
        "zip-disagrees",
        "extra field gives",
    ),
    # Kinds
    ("symlink", archive(SKILL, Part(b"link", b"/etc/passwd", attributes=LINK)), "zip-special", "link"),
    (
        "symlink-on-dos",
        archive(SKILL, Part(b"link", b"../x", attributes=LINK, system=0)),
        "zip-special",
        "link",
    ),
    ("symlink-folder", archive(SKILL, Part(b"link/", b"", attributes=LINK)), "zip-special", "link"),
    ("fifo", archive(Part(b"pipe", attributes=0o010644 << 16)), "zip-special", "special"),
    ("character-device", archive(Part(b"dev", attributes=0o020644 << 16)), "zip-special", "special"),
    ("block-device", archive(Part(b"dev", attributes=0o060644 << 16)), "zip-special", "special"),
    ("socket", archive(Part(b"socket", attributes=0o140644 << 16)), "zip-special", "special"),
    ("setuid", archive(Part(b"run", attributes=0o104755 << 16)), "zip-special", "setuid"),
    ("setgid", archive(Part(b"run", attributes=0o102755 << 16)), "zip-special", "setgid"),
    ("reparse-point", archive(Part(b"link", attributes=0x400, system=0)), "zip-special", "link"),
    ("volume-label", archive(Part(b"label", attributes=0x08, system=0)), "zip-special", "special"),
    ("mode-in-an-extra", archive(Part(b"link", extra=extra(0x756E, bytes(14)))), "zip-special", "mode"),
    ("folder-with-content", archive(Part(b"folder/", b"x", attributes=0x10)), "zip-kind", "has content"),
    ("folder-with-a-size", archive(Part(b"a/", b"", method=8, size=9)), "zip-kind", "has content"),
    ("folder-without-slash", archive(Part(b"folder", b"", attributes=0o040755 << 16)), "zip-kind", "differ"),
    ("dos-folder-no-slash", archive(Part(b"folder", b"", attributes=0x10, system=0)), "zip-kind", "differ"),
    ("file-with-slash", archive(Part(b"file/", b"")), "zip-kind", "differ"),
    # Content
    ("crc", _skill(crc=7), "zip-crc", "does not match"),
    ("stored-with-two-sizes", _skill(size=3), "zip-size", "two sizes"),
    ("unpacks-to-more", _skill(method=8, size=5), "zip-size", "another size than 5"),
    ("unpacks-to-less", _skill(method=8, size=500), "zip-size", "another size than 500"),
    ("deflate-cut-off", _skill(method=8, packed=deflated(SKILL.data)[:-2]), "zip-deflate", "cut off"),
    ("hiding-folder", archive(Part(b"a/", b"", 8, b"\3\0x", attributes=FOLDER)), "zip-deflate", "after"),
    ("deflate-of-nothing", _skill(method=8, packed=b"", data=b""), "zip-deflate", "cut off"),
    ("after-deflate", _skill(method=8, packed=deflated(SKILL.data) + b"hidden"), "zip-deflate", "after"),
    ("deflate-damaged", _skill(method=8, packed=b"\xff" * 20), "zip-deflate", "damaged"),
    # Names
    ("dot-dot", _named(b"../evil"), "path-unsafe", '".."'),
    ("dot-dot-inside", _named(b"a/../../evil"), "path-unsafe", '".."'),
    ("dot-dot-folder", archive(Part(b"../", b"", attributes=FOLDER)), "path-unsafe", '".."'),
    ("dot", _named(b"./SKILL.txt"), "path-unsafe", '"."'),
    ("absolute", _named(b"/etc/passwd"), "path-unsafe", "absolute"),
    ("unc", _named(b"//host/share"), "path-unsafe", "absolute"),
    ("slash-alone", archive(Part(b"/", b"", attributes=FOLDER)), "path-unsafe", "empty"),
    ("backslash", _named(b"..\\evil"), "path-unsafe", "backslash"),
    ("drive", _named(b"C:/evil"), "path-unsafe", "colon"),
    ("drive-relative", _named(b"C:evil"), "path-unsafe", "colon"),
    ("stream", _named(b"SKILL.md::$DATA"), "path-unsafe", "colon"),
    ("nul", _named(b"a.md\0.txt"), "path-unsafe", "control"),
    ("escape-sequence", _named(b"\x1b[2Jx"), "path-unsafe", "control"),
    ("line-feed", _named(b"a\nb"), "path-unsafe", "control"),
    ("delete", _named(b"a\x7fb"), "path-unsafe", "control"),
    ("c1-control", _named("a\x85b".encode()), "path-unsafe", "control"),
    ("empty-name", _named(b""), "path-unsafe", "empty"),
    ("empty-part", _named(b"a//b"), "path-unsafe", "empty part"),
    ("two-slashes-at-the-end", archive(Part(b"a//", b"", attributes=FOLDER)), "path-unsafe", "empty part"),
    ("trailing-dot", _named(b"SKILL.md."), "path-unsafe", "dot or a space"),
    ("trailing-space", _named(b"SKILL.md "), "path-unsafe", "dot or a space"),
    ("dot-dot-space", _named(b".. /evil"), "path-unsafe", "dot or a space"),
    ("three-dots", _named(b".../evil"), "path-unsafe", "dot or a space"),
    ("device", _named(b"CON"), "path-unsafe", "device"),
    ("device-with-suffix", _named(b"docs/aux.md"), "path-unsafe", "device"),
    ("device-with-number", _named("Com¹.txt".encode()), "path-unsafe", "device"),
    ("latin-1", _named(b"caf\xe9"), "path-not-utf8", "not UTF-8"),
    ("utf-8-not-flagged", _named("café".encode(), flags=0), "path-not-utf8", "not marked"),
    ("surrogate", _named(b"\xed\xa0\x80"), "path-not-utf8", "not UTF-8"),
    ("overlong", _named(b"..\xc0\xaf"), "path-not-utf8", "not UTF-8"),
    ("part-of-256-bytes", _named(b"a" * 256), "path-too-long", "255"),
    ("path-of-1025-bytes", _named(b"abcd/" * 204 + b"abcde"), "path-too-long", "1025"),
    ("same-name-twice", _pair("a", "a"), "path-duplicate", "twice"),
    ("same-name-but-for-case", _pair("SKILL.md", "skill.md"), "path-duplicate", "two spellings"),
    ("same-folder-but-for-case", _pair("Docs/a", "docs/A"), "path-duplicate", "two spellings"),
    ("nfc-and-nfd", _pair("caf\u00e9", "cafe\u0301"), "path-duplicate", "two spellings"),
    ("kelvin-sign", _pair("k", "\u212a"), "path-duplicate", "two spellings"),
    ("folder-twice", archive(*[Part(b"a/", b"", attributes=FOLDER)] * 2), "path-duplicate", "there twice"),
    ("file-and-folder", _pair("a", "a/b"), "path-clash", "a folder as well"),
    ("file-and-folder-but-for-case", _pair("A/b/c", "a/B"), "path-clash", "a folder as well"),
    ("file-and-folder-2", archive(Part(b"a"), Part(b"a/", b"", attributes=FOLDER)), "path-clash", "a folder"),
)

HOSTILE = tuple(Hostile(*row) for row in _ROWS)

CANONICAL = pack([File("SKILL.md", SKILL.data), File("scripts/run.py", b"print()\n", executable=True)])
