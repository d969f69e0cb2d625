#!/usr/bin/env python3
"""Profile a CSV file: type, gaps, range and oddities of each column. Exit 0, or 2 when it cannot be read."""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import re
import signal
import sys
from collections import Counter
from pathlib import Path

NULLS = {"", "na", "n/a", "nan", "null", "none", "-", "#n/a"}
INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)", re.ASCII)
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
LEADING_ZERO = re.compile(r"0[0-9]+", re.ASCII)
GROUPED = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", re.ASCII)
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+(\.[0-9]{3})*,[0-9]+", re.ASCII)
ISO_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ][0-9:.]+(Z|[+-][0-9:]+)?)?", re.ASCII)
LOCAL_DATE = re.compile(r"[0-9]{1,2}([./-])[0-9]{1,2}\1([0-9]{4}|[0-9]{2})", re.ASCII)
BOOLEANS = {"true", "false", "yes", "no"}
ODD_KINDS = {
    "leading-zero": "digits with leading zeros, which are lost unless kept as text",
    "grouped": "numbers with thousands separators (1,234)",
    "decimal-comma": "numbers with a decimal comma (3,14)",
    "local-date": "dates that are not ISO 8601, so day and month can be confused",
}


def kind_of(value: str) -> str:
    """The narrowest kind that one non-null value has."""
    if LEADING_ZERO.fullmatch(value):
        return "leading-zero"
    for pattern, kind in ((INTEGER, "integer"), (NUMBER, "number"), (GROUPED, "grouped"),
                          (DECIMAL_COMMA, "decimal-comma"), (ISO_DATE, "date"), (LOCAL_DATE, "local-date")):
        if pattern.fullmatch(value):
            return kind
    return "boolean" if value.lower() in BOOLEANS else "text"


class Column:
    """What has been seen of one column."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kinds: Counter[str] = Counter()
        self.values: Counter[str] = Counter()
        self.missing = 0
        self.padded = 0
        self.longest = 0
        self.first_row: dict[str, int] = {}

    def add(self, raw: str, line: int) -> None:
        """Count one cell, found at `line` of the file."""
        value = raw.strip()
        self.padded += value != raw
        if value.lower() in NULLS:
            self.missing += 1
            return
        kind = kind_of(value)
        self.kinds[kind] += 1
        self.first_row.setdefault(kind, line)
        self.values[value] += 1
        self.longest = max(self.longest, len(value))

    @property
    def type(self) -> str:
        """The one kind that fits every value, else "text"."""
        kinds = set(self.kinds)
        if not kinds:
            return "empty"
        if kinds == {"integer", "number"}:
            return "number"
        return kinds.pop() if len(kinds) == 1 else "text"

    def numbers(self) -> list[float]:
        return [float(v) for v, count in self.values.items() for _ in range(count)]

    def notes(self) -> list[str]:
        """What a person should look at before using this column."""
        notes = []
        if self.padded:
            notes.append(f"cells with spaces around the value: {self.padded}")
        for kind, text in ODD_KINDS.items():
            if self.kinds[kind]:
                notes.append(f"{text}: {self.kinds[kind]}, first at line {self.first_row[kind]}")
        filled = sum(self.kinds.values())
        main, count = max(self.kinds.items(), key=lambda item: (item[1], item[0]), default=("", 0))
        strays = {k: n for k, n in self.kinds.items() if k != main and {k, main} != {"integer", "number"}}
        if filled and strays and count >= 0.8 * filled:
            for kind in sorted(strays):
                notes.append(f"{strays[kind]} of {filled} values are {kind}, the rest {main}; "
                             f"first at line {self.first_row[kind]}")
        if filled > 1 and len(self.values) == 1:
            notes.append("the same value in every filled row")
        if filled > 1 and len(self.values) == filled and not self.missing:
            notes.append("every value is different: a candidate key")
        return notes

    def summary(self, top: int) -> dict[str, object]:
        """This column as a JSON-ready mapping."""
        out: dict[str, object] = {
            "name": self.name, "type": self.type, "filled": sum(self.kinds.values()),
            "missing": self.missing, "distinct": len(self.values),
        }
        if self.type in ("integer", "number"):
            numbers = [n for n in self.numbers() if math.isfinite(n)]
            if numbers:
                out.update(min=tidy(min(numbers)), max=tidy(max(numbers)),
                           mean=tidy(math.fsum(numbers) / len(numbers)))
        elif self.values and self.type == "date":
            out.update(min=min(self.values), max=max(self.values))
        elif self.values:
            out["longest"] = self.longest
        ranked = sorted(self.values.items(), key=lambda item: (-item[1], item[0]))
        out["top"] = [[value, count] for value, count in ranked[:top]]
        out["notes"] = self.notes()
        return out


def tidy(number: float) -> float | int:
    """Six significant digits at most behind the point; whole numbers as integers."""
    if number == int(number) and abs(number) < 1e15:
        return int(number)
    return float(f"{number:.6g}") if abs(number) < 1e6 else round(number, 2)


def guess_delimiter(text: str) -> str:
    """The delimiter that cuts the first lines into the most equal columns; a comma when none does."""
    sample = text[:65536]
    best, best_score = ",", 1.0
    for delimiter in ",;\t|":
        widths = Counter(len(row) for row in list(csv.reader(io.StringIO(sample), delimiter=delimiter))[:50] if row)
        if not widths:
            continue
        width, rows = max(widths.items(), key=lambda item: (item[1], item[0]))
        score = width * rows / sum(widths.values()) if width > 1 else 0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def read_text(path: str, encoding: str) -> str:
    """The file's text. Exits with a mend when the bytes are not in `encoding`."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        fail(f"cannot read {path}: {error.strerror}")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fail(f"{path} is not {encoding}: byte 0x{data[error.start]:02x} at line {line}; "
             "try --encoding cp1252 (Excel on Windows) or utf-16")
    except LookupError:
        fail(f"there is no encoding {encoding!r}")
    if "\0" in text:
        fail(f"{path} holds NUL characters: it is binary, or UTF-16 (--encoding utf-16)")
    return text


def profile(text: str, delimiter: str, top: int) -> dict[str, object]:
    """The profile of one CSV text with a header row."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = next((row for row in reader if row), [])
    columns = [Column(name.strip()) for name in header]
    problems, seen = [], Counter()
    rows, ragged, first_ragged, blank = 0, 0, 0, 0
    for row in reader:
        if not any(cell.strip() for cell in row):
            blank += 1
            continue
        rows += 1
        seen[tuple(row)] += 1
        if len(row) != len(columns):
            ragged += 1
            first_ragged = first_ragged or reader.line_num
        for column, cell in zip(columns, row):
            column.add(cell, reader.line_num)
        for column in columns[len(row):]:
            column.missing += 1
    for name, count in sorted(Counter(column.name for column in columns).items()):
        if not name:
            problems.append(f"columns without a name in the header: {count}")
        elif count > 1:
            problems.append(f"the header names {name!r} {count} times")
    if ragged:
        problems.append(f"rows that do not have {len(columns)} cells: {ragged}; first at line {first_ragged}")
    if blank:
        problems.append(f"blank rows: {blank}")
    duplicates = sum(count - 1 for count in seen.values())
    if duplicates:
        problems.append(f"rows that repeat an earlier one exactly: {duplicates}")
    return {"rows": rows, "delimiter": delimiter, "problems": problems,
            "columns": [column.summary(top) for column in columns]}


def render(report: dict[str, object]) -> str:
    """The report as text for people."""
    shown = {"\t": "tab"}.get(str(report["delimiter"]), report["delimiter"])
    columns = report["columns"]
    lines = [f"{report['rows']} rows, {len(columns)} columns, delimiter {shown}"]
    lines += [f"! {problem}" for problem in report["problems"]]
    for column in columns:
        lines += ["", f"{column['name'] or '(no name)'}: {column['type']}"]
        facts = [f"{column['filled']} filled", f"{column['missing']} missing", f"{column['distinct']} distinct"]
        facts += [f"{key} {column[key]}" for key in ("min", "max", "mean", "longest") if key in column]
        lines.append("  " + ", ".join(facts))
        if column["top"]:
            lines.append("  top: " + ", ".join(f"{value!r} x{count}" for value, count in column["top"]))
        lines += [f"  ! {note}" for note in column["notes"]]
    return "\n".join(lines)


def fail(message: str) -> None:
    print(f"csv_profile: {message}", file=sys.stderr)
    raise SystemExit(2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="CSV file with a header row, or - for standard input")
    parser.add_argument("--delimiter", help="one character, or 'tab'; default: guessed from , ; tab |")
    parser.add_argument("--encoding", default="utf-8-sig", help="default: utf-8, with or without a BOM")
    parser.add_argument("--top", type=int, default=3, metavar="N", help="most frequent values to show (default 3)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    args = parser.parse_args()
    text = read_text(args.file, args.encoding)
    if not text.strip():
        fail(f"{args.file} is empty")
    delimiter = {"tab": "\t", "\\t": "\t", None: None}.get(args.delimiter, args.delimiter)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        fail(f"a delimiter is one character and no quote or line end, not {args.delimiter!r}")
    csv.field_size_limit(2**31 - 1)
    try:
        report = profile(text, delimiter or guess_delimiter(text), max(args.top, 0))
    except csv.Error as error:
        fail(f"{args.file} is not CSV: {error}")
    print(json.dumps(report, indent=2, ensure_ascii=False) if args.json else render(report))
    return 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(main())
