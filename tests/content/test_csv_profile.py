"""The skill csv-profile: what it says of a file, and what it makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PROFILE = "skills/csv-profile/scripts/csv_profile.py"
CLEAN = "skills/csv-profile/scripts/csv_clean.py"

ORDERS = """zip;Ordered; Unit Price
01234;13/02/2025;1.234,50
04109;03/04/2025;3,14
01234;13/02/2025;1.234,50

09111;01/01/2025; NA
"""


def test_the_profile_of_a_semicolon_file_names_every_trap_in_it(run, tmp_path):
    (tmp_path / "orders.csv").write_text(ORDERS)
    done = run(PROFILE, "orders.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "4 rows, 3 columns, delimiter ;\n"
        "! blank rows: 1\n"
        "! rows that repeat an earlier one exactly: 1\n"
        "\n"
        "zip: leading-zero\n"
        "  4 filled, 0 missing, 3 distinct, longest 5\n"
        "  top: '01234' x2, '04109' x1, '09111' x1\n"
        "  ! digits with leading zeros, which are lost unless kept as text: 4, first at line 2\n"
        "\n"
        "Ordered: local-date\n"
        "  4 filled, 0 missing, 3 distinct, longest 10\n"
        "  top: '13/02/2025' x2, '01/01/2025' x1, '03/04/2025' x1\n"
        "  ! dates that are not ISO 8601, so day and month can be confused: 4, first at line 2\n"
        "\n"
        "Unit Price: decimal-comma\n"
        "  3 filled, 1 missing, 2 distinct, longest 8\n"
        "  top: '1.234,50' x2, '3,14' x1\n"
        "  ! cells with spaces around the value: 1\n"
        "  ! numbers with a decimal comma (3,14): 3, first at line 2\n"
    )


def test_the_json_profile_has_ranges_and_finds_the_ragged_row_and_the_footer(run):
    text = "id,when,amount\n1,2025-01-31,2.5\n2,2025-01-02,3\n3,2024-12-24,4\n4,2025-01-05,0.5\nTotal,,10,x\n"
    done = run(PROFILE, "-", "--json", "--top", "1", stdin=text)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {
        "rows": 5,
        "delimiter": ",",
        "problems": ["rows that do not have 3 cells: 1; first at line 6"],
        "columns": [
            {
                "name": "id",
                "type": "text",
                "filled": 5,
                "missing": 0,
                "distinct": 5,
                "longest": 5,
                "top": [["1", 1]],
                "notes": [
                    "1 of 5 values are text, the rest integer; first at line 6",
                    "every value is different: a candidate key",
                ],
            },
            {
                "name": "when",
                "type": "date",
                "filled": 4,
                "missing": 1,
                "distinct": 4,
                "min": "2024-12-24",
                "max": "2025-01-31",
                "top": [["2024-12-24", 1]],
                "notes": [],
            },
            {
                "name": "amount",
                "type": "number",
                "filled": 5,
                "missing": 0,
                "distinct": 5,
                "min": 0.5,
                "max": 10,
                "mean": 4,
                "top": [["0.5", 1]],
                "notes": ["every value is different: a candidate key"],
            },
        ],
    }


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        (b"", [], "x.csv is empty"),
        (
            b"a,b\n1,caf\xe9\n",
            [],
            "x.csv is not utf-8-sig: byte 0xe9 at line 2; try --encoding cp1252 (Excel on Windows) or utf-16",
        ),
        (b"a\0b\n", [], "x.csv holds NUL characters: it is binary, or UTF-16 (--encoding utf-16)"),
        (b"a,b\n", ["--delimiter", ",,"], "a delimiter is one character and no quote or line end, not ',,'"),
        (b"a,b\n", ["--encoding", "utf-99"], "there is no encoding 'utf-99'"),
    ],
)
def test_a_file_that_cannot_be_profiled_is_refused_with_the_mend(run, tmp_path, data, arguments, message):
    (tmp_path / "x.csv").write_bytes(data)
    done = run(PROFILE, "x.csv", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"csv_profile: {message}\n")


def test_cleaning_changes_what_was_named_and_reports_it(run, tmp_path):
    (tmp_path / "orders.csv").write_text(ORDERS)
    done = run(
        CLEAN, "orders.csv", "clean.csv", "--delimiter", ";", "--null", "NA", "--date", "Ordered=%d/%m/%Y",
        "--decimal-comma", "Unit Price", "--drop-duplicates", "--snake",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "clean.csv").read_bytes() == (
        b"zip,ordered,unit_price\n01234,2025-02-13,1234.50\n04109,2025-04-03,3.14\n09111,2025-01-01,\n"
    )
    assert done.stdout == (
        "rows written: 3\n"
        "cells trimmed: 1\n"
        "null words emptied: 1\n"
        "dates made ISO 8601: 4\n"
        "decimal commas made points: 3\n"
        "blank rows dropped: 1\n"
        "repeated rows dropped: 1\n"
        "column 'Ordered' is now 'ordered'\n"
        "column 'Unit Price' is now 'unit_price'\n"
    )
    assert (tmp_path / "orders.csv").read_text() == ORDERS


MEND = "mend it, or pass --ragged drop (or pad, for short rows)"
YEARLESS = "--date takes COLUMN=PATTERN with a year, such as when=%d/%m/%Y, not 'a=%d'"
REFUSALS = [
    ("a,b\n1\n", [], f"line 2: a row of width 1 under a header of width 2; {MEND}"),
    ("a,b\n1,2,3\n", ["--ragged", "pad"], f"line 2: a row of width 3 under a header of width 2; {MEND}"),
    ("a,b\n31/02/2025,1\n", ["--date", "a=%d/%m/%Y"], "line 2: a '31/02/2025' is not a date like %d/%m/%Y"),
    ("a,b\n1,2\n", ["--date", "a=%d"], YEARLESS),
    ("a,b\n1.5,2\n", ["--decimal-comma", "a"], "line 2: a '1.5' is not a number with a decimal comma"),
    ("a,b\n1,2\n", ["--decimal-comma", "c"], "the header has 0 columns named 'c'; it has: a, b"),
    ("a;b\n1;2\n", [], "the header is a single cell with ';' in it; pass --delimiter for the input's own"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "arguments", "message"), REFUSALS)
def test_a_value_that_does_not_fit_stops_cleaning_with_its_line(run, tmp_path, text, arguments, message):
    (tmp_path / "in.csv").write_text(text)
    done = run(CLEAN, "in.csv", "out.csv", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"csv_clean: {message}\n")
    assert not (tmp_path / "out.csv").exists()


def test_cleaning_never_overwrites_by_accident(run, tmp_path: Path):
    (tmp_path / "in.csv").write_text("a\n1\n")
    (tmp_path / "out.csv").write_text("precious")
    same = run(CLEAN, "in.csv", "./in.csv", "--force")
    taken = run(CLEAN, "in.csv", "out.csv")
    assert (same.returncode, same.stderr) == (
        2, "csv_clean: the output is the input; name another file, so that the original stays\n",
    )  # fmt: skip
    assert (taken.returncode, taken.stderr) == (
        2,
        "csv_clean: out.csv exists; pass --force to overwrite it\n",
    )
    assert (tmp_path / "out.csv").read_text() == "precious"
    assert run(CLEAN, "in.csv", "out.csv", "--force").returncode == 0
    assert (tmp_path / "out.csv").read_text() == "a\n1\n"
