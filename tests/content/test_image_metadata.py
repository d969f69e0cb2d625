"""The skill image-metadata, on pictures coded here by hand."""

from __future__ import annotations

import json
import struct
import zlib

import pytest

SCRIPT = "skills/image-metadata/scripts/image_metadata.py"


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def tiff(order: str) -> bytes:
    """An EXIF block: make, orientation 6, a time, and a position in Paris (west, to see the sign)."""

    def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
        return struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")

    def number(value: int) -> bytes:
        return struct.pack(order + "I", value)

    head = (b"MM" if order == ">" else b"II") + struct.pack(order + "HI", 42, 8)
    main, detail, place, data = 8, 8 + 2 + 48 + 4, 8 + 2 + 48 + 4 + 18, 8 + 2 + 48 + 4 + 18 + 54
    blob = b"Pixelmaker\0" + b"2025:06:01 09:30:00\0"
    angles = struct.pack(order + "12I", 48, 1, 51, 1, 296, 10, 2, 1, 17, 1, 402, 10)
    out = head + struct.pack(order + "H", 4)
    assert len(out) == main + 2
    out += entry(0x010F, 2, 11, number(data)) + entry(0x0112, 3, 1, struct.pack(order + "H", 6))
    out += entry(0x8769, 4, 1, number(detail)) + entry(0x8825, 4, 1, number(place)) + number(0)
    out += struct.pack(order + "H", 1) + entry(0x9003, 2, 20, number(data + 11)) + number(0)
    out += struct.pack(order + "H", 4) + entry(1, 2, 2, b"N\0") + entry(2, 5, 3, number(data + len(blob)))
    out += entry(3, 2, 2, b"W\0") + entry(4, 5, 3, number(data + len(blob) + 24)) + number(0)
    return out + blob + angles


PIXELS = zlib.compress(b"\0\xff\0\0")
HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
SIGNATURE = b"\x89PNG\r\n\x1a\n"
BARE_PNG = SIGNATURE + HEADER + chunk(b"gAMA", b"\0\0\xb1\x8f") + chunk(b"IDAT", PIXELS) + chunk(b"IEND", b"")
FULL_PNG = (
    SIGNATURE
    + HEADER
    + chunk(b"gAMA", b"\0\0\xb1\x8f")
    + chunk(b"tEXt", b"Author\0Ada\x1b[31m")
    + chunk(b"zTXt", b"Note\0\0" + zlib.compress(b"packed"))
    + chunk(b"iTXt", "Titel\0\0\0de\0\0größer".encode())
    + chunk(b"tIME", struct.pack(">HBBBBB", 2025, 6, 1, 9, 30, 0))
    + chunk(b"IDAT", PIXELS)
    + chunk(b"prVt", b"secret")
    + chunk(b"IEND", b"")
    + b"PK\3\4"
)

# One grey block of 8 by 8: each code table has the single one-bit code for "nothing follows".
FRAME = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC0, struct.pack(">BHHB3B", 8, 8, 8, 1, 1, 0x11, 0))
TABLES = segment(0xC4, b"\0\1" + b"\0" * 16) + segment(0xC4, b"\x10\1" + b"\0" * 16)
SCAN = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x3f\xff\0\xff\xd0\x3f"
JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
BARE_JPEG = b"\xff\xd8" + JFIF + FRAME + TABLES + SCAN + b"\xff\xd9"


def full_jpeg(order: str) -> bytes:
    private = segment(0xE1, b"Exif\0\0" + tiff(order)) + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    return BARE_JPEG[:20] + private + segment(0xFE, b"by Ada") + BARE_JPEG[20:] + b"trailing video"


def test_a_png_shows_size_text_time_and_what_hides_behind_its_end(run, tmp_path):
    (tmp_path / "a.png").write_bytes(FULL_PNG)
    done = run(SCRIPT, "show", "a.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "a.png\n  format: PNG\n  width: 1\n  height: 1\n  bits: 8\n  colours: RGB\n"
        "  modified: 2025-06-01 09:30:00\n"
        "  text:\n    Author: Ada\\x1b[31m\n    Note: packed\n    Titel: größer\n"
        "  other_chunks: prVt\n  bytes_after_end: 4\n"
    )


def test_stripping_a_png_leaves_exactly_the_picture(run, tmp_path):
    (tmp_path / "a.png").write_bytes(FULL_PNG)
    done = run(SCRIPT, "strip", "a.png", "b.png")
    assert (tmp_path / "b.png").read_bytes() == BARE_PNG
    assert (tmp_path / "a.png").read_bytes() == FULL_PNG
    assert done.stdout == (
        f"b.png: {len(FULL_PNG)} -> {len(BARE_PNG)} bytes\n"
        "  removed tEXt (27 bytes)\n  removed zTXt (32 bytes)\n  removed iTXt (32 bytes)\n"
        "  removed tIME (19 bytes)\n  removed prVt (18 bytes)\n  removed bytes after the end (4)\n"
    )
    again = run(SCRIPT, "strip", "b.png", "c.png")
    assert again.stdout == f"c.png: {len(BARE_PNG)} -> {len(BARE_PNG)} bytes\n  nothing to remove\n"


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_jpeg_shows_camera_time_and_place_in_either_byte_order(run, tmp_path, order):
    (tmp_path / "a.jpg").write_bytes(full_jpeg(order))
    done = run(SCRIPT, "show", "--json", "a.jpg")
    assert json.loads(done.stdout) == [
        {
            "file": "a.jpg",
            "format": "JPEG",
            "width": 8,
            "height": 8,
            "bits": 8,
            "colours": "grey",
            "progressive": False,
            "exif": {
                "make": "Pixelmaker",
                "orientation": 6,
                "taken": "2025:06:01 09:30:00",
                "gps": "48.858222, -2.294500",
            },
            "comment": "by Ada",
            "other_segments": {"xmp": "33 bytes"},
            "bytes_after_end": 14,
        }
    ]


def test_stripping_a_jpeg_keeps_the_pixels_and_only_its_orientation(run, tmp_path):
    (tmp_path / "a.jpg").write_bytes(full_jpeg("<"))
    assert run(SCRIPT, "strip", "a.jpg", "b.jpg").returncode == 0
    shown = json.loads(run(SCRIPT, "show", "--json", "b.jpg").stdout)[0]
    assert shown["exif"] == {"orientation": 6}
    assert set(shown) == {"file", "format", "width", "height", "bits", "colours", "progressive", "exif"}
    stripped = (tmp_path / "b.jpg").read_bytes()
    turned = segment(
        0xE1, b"Exif\0\0" + bytes.fromhex("4d4d002a0000000800010112000300000001000600000000" + "0000")
    )
    assert stripped == BARE_JPEG[:20] + turned + BARE_JPEG[20:]


def test_the_private_check_names_kinds_and_never_values(run, tmp_path):
    (tmp_path / "a.jpg").write_bytes(full_jpeg(">"))
    (tmp_path / "b.png").write_bytes(BARE_PNG)
    done = run(SCRIPT, "show", "--private", "a.jpg", "b.png")
    assert done.returncode == 1
    assert done.stdout == (
        "a.jpg\n  private: exif gps, exif make, exif taken, comment, other_segments, bytes_after_end\n"
        "b.png\n  private: nothing\n"
    )
    assert run(SCRIPT, "show", "--private", "b.png").returncode == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GIF89a", "neither PNG nor JPEG"),
        (BARE_PNG[:-4], "cut off: no IEND chunk"),
        (BARE_PNG[:65], "cut off in the IDAT chunk at byte 49"),
        (BARE_PNG[:41] + b"!" + BARE_PNG[42:], "the gAMA chunk at byte 33 is damaged (wrong CRC)"),
        (BARE_JPEG[:-2], "cut off: no end-of-image marker"),
        (b"\xff\xd8" + JFIF + b"\xff\xd9", "no frame header: there is no picture in it"),
        (b"\xff\xd8\xff\xe1\xff\xff", "cut off in the segment 0xE1 at byte 2"),
    ],
)
def test_damaged_and_foreign_files_are_refused(run, tmp_path, data, message):
    (tmp_path / "x").write_bytes(data)
    done = run(SCRIPT, "show", "x")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"image_metadata: x: {message}\n")


def test_stripping_never_overwrites_by_accident(run, tmp_path):
    (tmp_path / "a.png").write_bytes(FULL_PNG)
    (tmp_path / "b.png").write_bytes(b"precious")
    for output, arguments, message in (
        ("a.png", ["--force"], "the output is the input; name another file, so that the original stays"),
        ("b.png", [], "b.png exists; pass --force to overwrite it"),
    ):
        done = run(SCRIPT, "strip", "a.png", output, *arguments)
        assert (done.returncode, done.stderr) == (2, f"image_metadata: a.png: {message}\n")
    assert (tmp_path / "b.png").read_bytes() == b"precious"
