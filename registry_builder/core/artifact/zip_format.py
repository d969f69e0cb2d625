"""The records of a zip that writer and reader share. Source: PKWARE APPNOTE.TXT 6.3.10, section 4.3."""

from __future__ import annotations

from struct import Struct

LOCAL = b"PK\x03\x04"
CENTRAL = b"PK\x01\x02"
END = b"PK\x05\x06"
ZIP64_LOCATOR = b"PK\x06\x07"

COMMON = Struct("<HHHHHIIIHH")
"""Both headers: version, flags, method, time, date, CRC-32, packed size, size, lengths of name and extra."""

CENTRAL_TAIL = Struct("<HHHII")
"""The end of a central header: comment length, disk, internal attributes, external attributes, offset."""

END_RECORD = Struct("<4sHHHHIIH")
"""Signature, disk, disk of directory, entries here, entries, size and offset of directory, comment length."""

LOCAL_SIZE = 30
CENTRAL_SIZE = 46
END_SIZE = 22
LONGEST_COMMENT = 0xFFFF

_RAREST = END[3:]

UTF8 = 0x0800
STORED = 0
DEFLATED = 8
UNIX = 3
MACOS = 19


def ends_of(data: bytes) -> list[int]:
    """Each offset at which a program may see the end record of `data`: its comment reaches the last byte."""
    found = []
    first = max(0, len(data) - END_SIZE - LONGEST_COMMENT)
    last = data.find(_RAREST, first + 3)  # one byte is found several times faster than four
    while last >= 0:
        at = last - 3
        if data[at : last + 1] == END:
            length = int.from_bytes(data[at + 20 : at + 22], "little")
            if at + END_SIZE + length == len(data):
                found.append(at)
        last = data.find(_RAREST, last + 1)
    return found
