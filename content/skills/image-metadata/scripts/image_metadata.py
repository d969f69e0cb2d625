#!/usr/bin/env python3
"""Show or strip the metadata of PNG and JPEG files. Pixels are copied byte by byte, never encoded again.

Exit 0; 1 when `show --private` found something that identifies a person or device; 2 when a file cannot be read.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n"
# What PNG viewers need to show the same picture; everything else is about the picture.
PNG_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs",
            b"hIST", b"sPLT", b"acTL", b"fcTL", b"fdAT", b"cICP", b"mDCV", b"cLLI"}
PNG_COLOURS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}
PNG_TEXT_LIMIT = 1 << 20
EXIF_TAGS = {
    0x010E: "description", 0x010F: "make", 0x0110: "model", 0x0112: "orientation", 0x0131: "software",
    0x0132: "modified", 0x013B: "artist", 0x8298: "copyright", 0x9003: "taken", 0x9004: "digitised",
    0x829A: "exposure_seconds", 0x829D: "f_number", 0x8827: "iso", 0x920A: "focal_length_mm",
    0x9010: "utc_offset", 0xA430: "owner", 0xA431: "serial_number", 0xA433: "lens_make", 0xA434: "lens_model",
    0xA435: "lens_serial_number", 0x9286: "user_comment", 0xA420: "unique_id",
}
PRIVATE = {"artist", "owner", "serial_number", "lens_serial_number", "gps", "unique_id", "user_comment", "make", "model",
           "taken", "digitised", "modified", "copyright", "description", "software"}
FIRST = ("format", "width", "height", "bits", "colours", "progressive")
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}


class Unreadable(Exception):
    """Not a PNG or JPEG, or a damaged one."""


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """(type, payload, whole chunk) up to IEND. Raises Unreadable at the first damage."""
    at = len(PNG)
    while True:
        if at + 12 > len(data):
            raise Unreadable("cut off: no IEND chunk")
        size, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        if end > len(data):
            raise Unreadable(f"cut off in the {kind.decode('latin-1')} chunk at byte {at}")
        payload = data[at + 8:end - 4]
        if zlib.crc32(kind + payload) != struct.unpack_from(">I", data, end - 4)[0]:
            raise Unreadable(f"the {kind.decode('latin-1')} chunk at byte {at} is damaged (wrong CRC)")
        yield kind, payload, data[at:end]
        at = end
        if kind == b"IEND":
            return


def png_text(kind: bytes, payload: bytes) -> tuple[str, str]:
    """Keyword and text of a tEXt, zTXt or iTXt chunk."""
    keyword, _, rest = payload.partition(b"\0")
    if kind == b"tEXt":
        text = rest.decode("latin-1")
    elif kind == b"zTXt":
        text = inflate(rest[1:]).decode("latin-1")
    else:
        packed, body = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
        text = (inflate(body) if packed else body).decode("utf-8", "replace")
    return keyword.decode("latin-1"), text


def inflate(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, PNG_TEXT_LIMIT)
    except zlib.error:
        return b"(damaged)"


def read_png(data: bytes) -> dict[str, object]:
    """Size, colours and metadata of a PNG."""
    found: dict[str, object] = {"format": "PNG"}
    texts, others, end = {}, [], len(PNG)
    for kind, payload, chunk in png_chunks(data):
        end += len(chunk)
        if kind == b"IHDR" and len(payload) == 13:
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", payload)
            found.update(width=width, height=height, bits=depth, colours=PNG_COLOURS.get(colour, str(colour)))
            if interlaced:
                found["interlaced"] = True
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, text = png_text(kind, payload)
            texts[keyword] = text
        elif kind == b"tIME" and len(payload) == 7:
            found["modified"] = "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(*struct.unpack(">HBBBBB", payload))
        elif kind == b"eXIf":
            found["exif"] = read_exif(payload)
        elif kind == b"iCCP":
            found["icc_profile"] = payload.partition(b"\0")[0].decode("latin-1")
        elif kind == b"acTL" and len(payload) == 8:
            found["frames"] = struct.unpack(">I", payload[:4])[0]
        elif kind not in PNG_KEPT:
            others.append(kind.decode("latin-1"))
    if "width" not in found:
        raise Unreadable("no IHDR chunk")
    if texts:
        found["text"] = texts
    if others:
        found["other_chunks"] = others
    if end < len(data):
        found["bytes_after_end"] = len(data) - end
    return found


def strip_png(data: bytes) -> tuple[bytes, list[str]]:
    """The PNG with only what is needed to show it, and what was taken out."""
    kept, removed, end = [PNG], [], len(PNG)
    for kind, payload, chunk in png_chunks(data):
        end += len(chunk)
        if kind in PNG_KEPT:
            kept.append(chunk)
        elif kind == b"eXIf" and orientation(payload) != 1:
            kept.append(png_chunk(b"eXIf", minimal_exif(orientation(payload))))
            removed.append(f"eXIf ({len(chunk)} bytes, orientation kept)")
        else:
            removed.append(f"{kind.decode('latin-1')} ({len(chunk)} bytes)")
    if end < len(data):
        removed.append(f"bytes after the end ({len(data) - end})")
    return b"".join(kept), removed


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(marker, payload, whole segment) up to EOI; a scan's coded data belongs to its SOS segment."""
    at = 2
    while True:
        if at + 2 > len(data):
            raise Unreadable("cut off: no end-of-image marker")
        if data[at] != 0xFF:
            raise Unreadable(f"no marker at byte {at}")
        start = at
        while at + 1 < len(data) and data[at + 1] == 0xFF:
            at += 1
        if at + 1 >= len(data):
            raise Unreadable("cut off: no end-of-image marker")
        marker = data[at + 1]
        if marker == 0xD9 or marker == 0x01 or 0xD0 <= marker <= 0xD7:
            yield marker, b"", data[start:at + 2]
            at += 2
            if marker == 0xD9:
                return
            continue
        if at + 4 > len(data):
            raise Unreadable(f"cut off at byte {at}")
        size = struct.unpack_from(">H", data, at + 2)[0]
        end = at + 2 + size
        if size < 2 or end > len(data):
            raise Unreadable(f"cut off in the segment 0x{marker:02X} at byte {at}")
        payload = data[at + 4:end]
        if marker == 0xDA:
            end = scan_end(data, end)
        yield marker, payload, data[start:end]
        at = end


def scan_end(data: bytes, at: int) -> int:
    """Where the entropy-coded data that begins at `at` ends: the next marker that is no restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise Unreadable("cut off: no end-of-image marker")
        if data[at + 1] not in (0x00, 0xFF) and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 1 if data[at + 1] == 0xFF else 2


def jpeg_kind(marker: int, payload: bytes) -> str:
    """What a JPEG segment holds, or "" when the picture cannot be shown the same without it."""
    if marker == 0xFE:
        return "comment"
    if not 0xE0 <= marker <= 0xEF:
        return ""
    if marker == 0xE0 and payload.startswith(b"JFIF\0"):
        return ""
    if marker == 0xE2 and payload.startswith(b"ICC_PROFILE\0"):
        return ""
    if marker == 0xEE and payload.startswith(b"Adobe"):
        return ""
    names = {b"Exif\0": "exif", b"http://ns.adobe.com/xap/": "xmp", b"http://ns.adobe.com/xmp/": "xmp",
             b"Photoshop 3.0\0": "iptc", b"MPF\0": "further images", b"JFXX\0": "thumbnail"}
    return next((name for start, name in names.items() if payload.startswith(start)), f"APP{marker - 0xE0}")


def read_jpeg(data: bytes) -> dict[str, object]:
    """Size, coding and metadata of a JPEG."""
    found: dict[str, object] = {"format": "JPEG"}
    others: dict[str, int] = {}
    end = 2
    for marker, payload, segment in jpeg_segments(data):
        end += len(segment)
        kind = jpeg_kind(marker, payload)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(payload) >= 6:
            bits, height, width, components = struct.unpack_from(">BHHB", payload)
            found.update(width=width, height=height, bits=bits,
                         colours={1: "grey", 3: "colour", 4: "CMYK"}.get(components, str(components)),
                         progressive=marker in (0xC2, 0xC6, 0xCA, 0xCE))
        elif kind == "exif":
            found["exif"] = read_exif(payload[6:])
        elif kind == "comment":
            found["comment"] = payload.decode("utf-8", "replace")
        elif kind:
            others[kind] = others.get(kind, 0) + len(payload)
        elif marker == 0xE2:
            found["icc_profile"] = True
    if "width" not in found:
        raise Unreadable("no frame header: there is no picture in it")
    if others:
        found["other_segments"] = {kind: f"{size} bytes" for kind, size in sorted(others.items())}
    if end < len(data):
        found["bytes_after_end"] = len(data) - end
    return {key: found[key] for key in sorted(found, key=lambda key: key not in FIRST)}


def strip_jpeg(data: bytes) -> tuple[bytes, list[str]]:
    """The JPEG with only what is needed to show it, and what was taken out."""
    kept, removed, end = [data[:2]], [], 2
    for marker, payload, segment in jpeg_segments(data):
        end += len(segment)
        kind = jpeg_kind(marker, payload)
        if not kind:
            kept.append(segment)
        elif kind == "exif" and orientation(payload[6:]) != 1:
            body = b"Exif\0\0" + minimal_exif(orientation(payload[6:]))
            kept.append(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
            removed.append(f"exif ({len(segment)} bytes, orientation kept)")
        else:
            removed.append(f"{kind} ({len(segment)} bytes)")
    if end < len(data):
        removed.append(f"bytes after the end ({len(data) - end})")
    return b"".join(kept), removed


def minimal_exif(turned: int) -> bytes:
    """A TIFF block that says how the picture is turned, and nothing else."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, turned, 0, 0)


def orientation(tiff: bytes) -> int:
    value = read_exif(tiff).get("orientation")
    return value if isinstance(value, int) and 2 <= value <= 8 else 1


def read_exif(tiff: bytes) -> dict[str, object]:
    """The tags people ask for, of IFD0 and its Exif and GPS folders. Damaged entries are left out."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return {"damaged": True}
    first = read_folder(tiff, order, struct.unpack_from(order + "I", tiff, 4)[0])
    found = dict(first)
    if isinstance(first.get(0x8769), int):
        found.update(read_folder(tiff, order, first[0x8769]))
    out = {name: found[tag] for tag, name in EXIF_TAGS.items() if found.get(tag) not in (None, "")}
    if isinstance(first.get(0x8825), int):
        position = gps(read_folder(tiff, order, first[0x8825]))
        out["gps"] = position or "present, without a position"
    return out


def read_folder(tiff: bytes, order: str, at: int) -> dict[int, object]:
    """Tag → value of one image file directory."""
    out: dict[int, object] = {}
    if at + 2 > len(tiff):
        return out
    for index in range(struct.unpack_from(order + "H", tiff, at)[0]):
        entry = at + 2 + 12 * index
        if entry + 12 > len(tiff):
            break
        tag, kind, count = struct.unpack_from(order + "HHI", tiff, entry)
        size = TYPE_SIZES.get(kind, 0) * count
        if not size:
            continue
        start = entry + 8 if size <= 4 else struct.unpack_from(order + "I", tiff, entry + 8)[0]
        raw = tiff[start:start + size]
        if len(raw) == size:
            out[tag] = decode(raw, order, kind, count, tag)
    return out


def decode(raw: bytes, order: str, kind: int, count: int, tag: int) -> object:
    if kind == 7 and tag == 0x9286:
        raw = raw[8:]
    if kind in (1, 2, 7):
        return raw.split(b"\0")[0].decode("utf-8", "replace").strip()
    if kind in (3, 4, 9):
        values = struct.unpack(f"{order}{count}{ {3: 'H', 4: 'I', 9: 'i'}[kind]}", raw)
    else:
        parts = struct.unpack(f"{order}{2 * count}{'I' if kind == 5 else 'i'}", raw)
        values = tuple(round(a / b, 6) if b else 0.0 for a, b in zip(parts[::2], parts[1::2]))
    return values[0] if count == 1 else list(values)


def gps(folder: dict[int, object]) -> str:
    """Decimal degrees, "latitude, longitude"; "" when the folder has no position."""
    out = []
    for reference, tag, negative in ((1, 2, "S"), (3, 4, "W")):
        parts = folder.get(tag)
        if not isinstance(parts, list) or len(parts) != 3:
            return ""
        degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
        out.append(f"{-degrees if folder.get(reference) == negative else degrees:.6f}")
    return ", ".join(out)


def private_facts(found: dict[str, object]) -> list[str]:
    """What in the metadata may tell who, where, when or with what."""
    exif = found.get("exif")
    facts = sorted(f"exif {name}" for name in (exif if isinstance(exif, dict) else ()) if name in PRIVATE)
    facts += [key for key in ("comment", "text", "modified", "other_segments", "other_chunks", "bytes_after_end") if key in found]
    return facts


def kind_of(data: bytes) -> str:
    if data.startswith(PNG):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    raise Unreadable("neither PNG nor JPEG")


def show(args: argparse.Namespace) -> int:
    """Print what each file holds; the worst exit code of all."""
    code, report = 0, []
    for path in args.files:
        try:
            data = path.read_bytes()
            found = read_png(data) if kind_of(data) == "PNG" else read_jpeg(data)
        except (OSError, Unreadable) as error:
            print(f"image_metadata: {path}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
            code = 2
            continue
        facts = private_facts(found)
        if args.private and facts:
            code = code or 1
        report.append({"file": str(path), **({"private": facts} if args.private else found)})
    if args.json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
        return code
    for row in report:
        print(row.pop("file"))
        for key, value in row.items():
            if isinstance(value, dict):
                print(f"  {key}:")
                print("".join(f"    {name}: {one_line(item)}\n" for name, item in value.items()), end="")
            else:
                print(f"  {key}: {', '.join(value) or 'nothing'}" if isinstance(value, list) else f"  {key}: {one_line(value)}")
    return code


def one_line(value: object) -> str:
    """`value` with control characters escaped, so that a file cannot paint the terminal."""
    text = value if isinstance(value, str) else json.dumps(value)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"


def strip(args: argparse.Namespace) -> int:
    """Write the stripped copy and say what was left out."""
    try:
        data = args.input.read_bytes()
        if args.output.exists() and os.path.samefile(args.input, args.output):
            raise Unreadable("the output is the input; name another file, so that the original stays")
        if args.output.exists() and not args.force:
            raise Unreadable(f"{args.output} exists; pass --force to overwrite it")
        stripped, removed = strip_png(data) if kind_of(data) == "PNG" else strip_jpeg(data)
        args.output.write_bytes(stripped)
    except (OSError, Unreadable) as error:
        print(f"image_metadata: {args.input}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return 2
    print(f"{args.output}: {len(data)} -> {len(stripped)} bytes")
    print("".join(f"  removed {what}\n" for what in removed) or "  nothing to remove\n", end="")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    shower = commands.add_parser("show", help="print what the files hold")
    shower.add_argument("files", nargs="+", type=Path)
    shower.add_argument("--private", action="store_true", help="only name what may identify a person, place or device")
    shower.add_argument("--json", action="store_true")
    stripper = commands.add_parser("strip", help="write a copy without metadata")
    stripper.add_argument("input", type=Path)
    stripper.add_argument("output", type=Path)
    stripper.add_argument("--force", action="store_true", help="overwrite OUTPUT if it exists")
    args = parser.parse_args()
    return show(args) if args.command == "show" else strip(args)


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(main())
