#!/usr/bin/env python3
"""Write a cleaned copy of a CSV file and say what was changed. Exit 0, or 2 with nothing written."""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import sys
from datetime import datetime
from pathlib import Path


class Refused(Exception):
    """The input cannot be cleaned as asked; the text says where and why."""


def snake(name: str) -> str:
    """`name` in snake_case, as a column name for code and SQL."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_") or "column"


def unique(names: list[str]) -> list[str]:
    """`names` with _2, _3 … behind those that were taken already."""
    out: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in out:
            number += 1
            candidate = f"{name}_{number}"
        out.append(candidate)
    return out


def fit(row: list[str], width: int, line: int, ragged: str) -> list[str] | None:
    """`row` with exactly `width` cells, or None when it is to be dropped."""
    if len(row) == width:
        return row
    if ragged == "drop":
        return None
    if ragged == "pad" and len(row) < width:
        return row + [""] * (width - len(row))
    raise Refused(f"line {line}: a row of width {len(row)} under a header of width {width}; "
                  "mend it, or pass --ragged drop (or pad, for short rows)")


def to_iso(value: str, pattern: str, line: int, column: str) -> str:
    try:
        return datetime.strptime(value, pattern).date().isoformat()
    except ValueError:
        raise Refused(f"line {line}: {column} {value!r} is not a date like {pattern}") from None


def from_decimal_comma(value: str, line: int, column: str) -> str:
    if not re.fullmatch(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?|[+-]?[0-9]+(,[0-9]+)?", value):
        raise Refused(f"line {line}: {column} {value!r} is not a number with a decimal comma")
    return value.replace(".", "").replace(",", ".")


def clean(text: str, args: argparse.Namespace) -> tuple[str, list[str]]:
    """The cleaned CSV and one line for each kind of change."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=args.delimiter)
    header = next((row for row in reader if row), None)
    if header is None:
        raise Refused("the file is empty")
    other = next((mark for mark in (";", "\t", "|", ",") if mark in header[0]), None)
    if len(header) == 1 and other:
        raise Refused(f"the header is a single cell with {other!r} in it; pass --delimiter for the input's own")
    header = [name.strip() for name in header]
    dates = dict(pair(value) for value in args.date)
    for column in [*dates, *args.decimal_comma]:
        if header.count(column) != 1:
            raise Refused(f"the header has {header.count(column)} columns named {column!r}; it has: {', '.join(header)}")
    nulls = {value.lower() for value in args.null}
    counts = dict.fromkeys(("trimmed", "nulls", "dates", "numbers", "blank", "ragged", "duplicates"), 0)
    seen: set[tuple[str, ...]] = set()
    rows: list[list[str]] = []
    for raw in reader:
        if not any(cell.strip() for cell in raw):
            counts["blank"] += 1
            continue
        row = fit(raw, len(header), reader.line_num, args.ragged)
        counts["ragged"] += row is not raw
        if row is None:
            continue
        cells = []
        for column, cell in zip(header, row):
            value = cell.strip()
            counts["trimmed"] += value != cell
            if value and value.lower() in nulls:
                counts["nulls"] += 1
                value = ""
            if value and column in dates:
                counts["dates"] += 1
                value = to_iso(value, dates[column], reader.line_num, column)
            if value and column in args.decimal_comma:
                counts["numbers"] += 1
                value = from_decimal_comma(value, reader.line_num, column)
            cells.append(value)
        if args.drop_duplicates and tuple(cells) in seen:
            counts["duplicates"] += 1
            continue
        if args.drop_duplicates:
            seen.add(tuple(cells))
        rows.append(cells)
    names = unique([snake(name) for name in header]) if args.snake else header
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([names, *rows])
    labels = {"trimmed": "cells trimmed", "nulls": "null words emptied", "dates": "dates made ISO 8601",
              "numbers": "decimal commas made points", "blank": "blank rows dropped",
              "ragged": f"rows of the wrong width {'padded' if args.ragged == 'pad' else 'dropped'}",
              "duplicates": "repeated rows dropped"}
    changes = [f"{label}: {counts[key]}" for key, label in labels.items() if counts[key]]
    changes += [f"column {old!r} is now {new!r}" for old, new in zip(header, names) if old != new]
    return out.getvalue(), [f"rows written: {len(rows)}", *changes]


def pair(value: str) -> tuple[str, str]:
    column, equals, pattern = value.partition("=")
    if not equals or "%y" not in pattern.lower():
        raise Refused(f"--date takes COLUMN=PATTERN with a year, such as when=%d/%m/%Y, not {value!r}")
    return column, pattern


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path, help="CSV file with a header row")
    parser.add_argument("output", type=Path, help="file to write: UTF-8, commas, LF")
    parser.add_argument("--delimiter", default=",", help="of the input: one character, or 'tab' (default ,)")
    parser.add_argument("--encoding", default="utf-8-sig", help="of the input (default utf-8, BOM or not)")
    parser.add_argument("--null", action="append", default=[], metavar="WORD", help="make cells that are WORD empty")
    parser.add_argument("--date", action="append", default=[], metavar="COLUMN=PATTERN",
                        help="make a column's dates ISO 8601, such as when=%%d/%%m/%%Y")
    parser.add_argument("--decimal-comma", action="append", default=[], metavar="COLUMN",
                        help="make 1.234,5 in a column 1234.5")
    parser.add_argument("--drop-duplicates", action="store_true", help="drop rows equal to an earlier one")
    parser.add_argument("--ragged", choices=("error", "pad", "drop"), default="error",
                        help="rows with too few or too many cells (default: stop with the line number)")
    parser.add_argument("--snake", action="store_true", help="make column names snake_case and unique")
    parser.add_argument("--force", action="store_true", help="overwrite OUTPUT if it exists")
    args = parser.parse_args()
    args.delimiter = "\t" if args.delimiter in ("tab", "\\t") else args.delimiter
    csv.field_size_limit(2**31 - 1)
    try:
        if len(args.delimiter) != 1 or args.delimiter in '"\r\n':
            raise Refused(f"a delimiter is one character and no quote or line end, not {args.delimiter!r}")
        if args.output.exists() and os.path.samefile(args.input, args.output):
            raise Refused("the output is the input; name another file, so that the original stays")
        if args.output.exists() and not args.force:
            raise Refused(f"{args.output} exists; pass --force to overwrite it")
        text = args.input.read_bytes().decode(args.encoding)
        if "\0" in text:
            raise Refused(f"{args.input} holds NUL characters: it is binary, or UTF-16 (--encoding utf-16)")
        cleaned, report = clean(text, args)
        args.output.write_bytes(cleaned.encode("utf-8"))
    except OSError as error:
        print(f"csv_clean: {error.filename}: {error.strerror}", file=sys.stderr)
    except (UnicodeDecodeError, LookupError) as error:
        print(f"csv_clean: {args.input} cannot be decoded: {error}; see --encoding", file=sys.stderr)
    except (Refused, csv.Error) as error:
        print(f"csv_clean: {error}", file=sys.stderr)
    else:
        print("\n".join(report))
        return 0
    return 2


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(main())
