"""The skill sql-schema: differences, a migration that works, and what it finds unsound."""

from __future__ import annotations

import sqlite3

import pytest

SCRIPT = "skills/sql-schema/scripts/sql_schema.py"

OLD = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, nick TEXT); -- people; all of them
CREATE INDEX users_by_nick ON users (nick);
CREATE TABLE logs (line TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, amount REAL, user_id INTEGER REFERENCES users (id));
CREATE VIEW names AS SELECT name FROM users;
CREATE TRIGGER t AFTER INSERT ON users BEGIN UPDATE users SET nick = 'x;y'; SELECT 1; END;
"""
NEW = """
CREATE TABLE users (
    id   INTEGER PRIMARY KEY,   /* same */
    name TEXT NOT NULL,
    email TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX users_by_name ON users (name);
CREATE TABLE orders (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL,
    user_id INTEGER REFERENCES users (id) ON DELETE CASCADE);
CREATE TABLE refunds (id INTEGER PRIMARY KEY, cents INTEGER);
CREATE INDEX refunds_by_cents ON refunds (cents);
CREATE VIEW names AS SELECT name, email FROM users;
"""


def write(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(text)


def test_a_diff_names_every_change_and_what_loses_data(run, tmp_path):
    write(tmp_path, old=OLD, new=NEW)
    done = run(SCRIPT, "diff", "old.sql", "new.sql")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "- table logs  (its data is lost)",
        "~ table orders",
        "  ~ column amount REAL",
        "        now amount INTEGER NOT NULL",
        "  - foreign key (user_id) -> users (id)",
        "  + foreign key (user_id) -> users (id) ON DELETE CASCADE",
        "+ table refunds (id, cents)",
        "~ table users",
        "  - column nick TEXT  (its data is lost)",
        "  + column email TEXT NOT NULL DEFAULT ''",
        "  - index users_by_nick (nick)",
        "  + index users_by_name UNIQUE (name)",
        "- trigger t",
        "~ view names",
    ]


def test_the_drafted_migration_leads_from_the_old_database_to_the_new_schema(run, tmp_path):
    changed = "amount INTEGER NOT NULL,\n    user_id INTEGER REFERENCES users (id) ON DELETE CASCADE"
    write(tmp_path, new=NEW.replace(changed, "amount REAL, user_id INTEGER REFERENCES users (id)"))
    database = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    database.executescript(OLD)
    drafted = run(SCRIPT, "diff", "app.db", "new.sql", "--sql")
    assert drafted.returncode == 1
    database.executescript(drafted.stdout)
    database.close()
    after = run(SCRIPT, "diff", "app.db", "new.sql")
    assert (after.returncode, after.stdout) == (0, "no difference\n")


def test_what_sqlite_cannot_alter_is_named_in_the_draft(run, tmp_path):
    write(tmp_path, old="CREATE TABLE t (a TEXT);", new="CREATE TABLE t (a TEXT, b INTEGER NOT NULL);")
    done = run(SCRIPT, "diff", "old.sql", "new.sql", "--sql")
    assert done.stdout == (
        "BEGIN;\n-- t: SQLite cannot alter this in place; rebuild the table (see SKILL.md)\nCOMMIT;\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("CREATE TABLE t(a TEXT)", "create table  t ( a TEXT ) -- end", None),
        ("CREATE TABLE t(a TEXT)", 'CREATE TABLE IF NOT EXISTS "t" (a TEXT);', None),
        ("CREATE TABLE t(a DEFAULT 'x,  Y')", "CREATE TABLE t(a  default 'x,  Y')", None),
        (
            "CREATE TABLE t(a CHECK (a <> 'x, y'))",
            "CREATE TABLE t(a CHECK (a <> 'x,y'))",
            "CREATE TABLE differs",
        ),
        ("CREATE TABLE t(a, b)", "CREATE TABLE t(b, a)", "the text of CREATE TABLE differs"),
        (
            "CREATE TABLE t(a CHECK (a > 0))",
            "CREATE TABLE t(a CHECK (a > 1))",
            "the text of CREATE TABLE differs",
        ),
        ("CREATE TABLE t(a UNIQUE)", "CREATE TABLE t(a)", "- constraint UNIQUE (a)"),
        (
            "CREATE TABLE t(a);CREATE INDEX i ON t(a)",
            "CREATE TABLE t(a);CREATE INDEX i ON t(a) WHERE a > 1",
            "partial",
        ),
    ],
)
def test_layout_is_no_difference_and_constraints_are(run, tmp_path, old, new, line):
    write(tmp_path, old=old, new=new)
    done = run(SCRIPT, "diff", "old.sql", "new.sql")
    if line is None:
        assert (done.returncode, done.stdout) == (0, "no difference\n")
    else:
        assert done.returncode == 1
        assert line in done.stdout


UNSOUND = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT);
CREATE TABLE child (
    code TEXT PRIMARY KEY, parent_id TEXT REFERENCES parent (id), parentCode TEXT REFERENCES parent (code),
    gone_id INTEGER REFERENCES nowhere, price REAL, "order" TEXT DEFAULT "x", done BOOLEAN, anything
);
CREATE INDEX child_a ON child (price);
CREATE INDEX child_b ON child (price, done);
CREATE TABLE heap (a TEXT);
CREATE TABLE good (id TEXT PRIMARY KEY NOT NULL, parent_id INTEGER REFERENCES parent, day DATE) WITHOUT ROWID;
CREATE INDEX good_parent ON good (parent_id);
CREATE TABLE tight (id INTEGER PRIMARY KEY, price_cents INTEGER NOT NULL) STRICT;
"""


def test_lint_finds_every_unsound_thing_and_nothing_in_sound_tables(run, tmp_path):
    write(tmp_path, schema=UNSOUND)
    done = run(SCRIPT, "lint", "schema.sql")
    assert (done.returncode, done.stderr) == (1, "")
    loose = "SQLite checks nothing, so add a CHECK or use STRICT"
    assert done.stdout.splitlines() == [
        "child: reserved-name: order is a word of SQL and must be quoted everywhere",
        "child: mixed-names: snake_case and camelCase columns in one table",
        "child: nullable-key: code is part of the primary key, yet SQLite lets it be NULL; add NOT NULL",
        "child: money-as-float: price REAL rounds; store whole cents",
        'child: quoted-default: order has the default "x"; strings take single quotes',
        f"child: loose-type: done BOOLEAN has affinity NUMERIC; {loose}",
        "child: no-type: anything takes any value",
        "child: redundant-index: child_a (price) is covered by child_b (price, done)",
        "child: dangling-reference: (gone_id) -> nowhere, which does not exist",
        "child: reference-to-no-key: (parentCode) -> parent (code) is not unique there; writes will fail",
        "child: unindexed-reference: (parentCode) -> parent; each delete in parent scans this whole table",
        "child: type-mismatch: parent_id TEXT refers to parent.id INTEGER",
        "child: unindexed-reference: (parent_id) -> parent; each delete in parent scans this whole table",
        f"good: loose-type: day DATE has affinity NUMERIC; {loose}",
        "heap: no-primary-key: rows cannot be addressed; add one",
        "tables: 5, findings: 15",
    ]


def test_a_sound_schema_is_clean(run, tmp_path):
    write(tmp_path, schema="CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT NOT NULL);")
    done = run(SCRIPT, "lint", "schema.sql")
    assert (done.returncode, done.stdout) == (0, "tables: 1, findings: 0\n")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("CREATE TABLE a (x);\n\nCREATE TABEL b (y);", 'line 3: near "TABEL": syntax error'),
        ("ATTACH DATABASE 'stolen.db' AS s;", "line 1: ATTACH or VACUUM INTO is not allowed here"),
        (
            "CREATE TABLE a (x);\nVACUUM INTO 'stolen.db';",
            "line 2: ATTACH or VACUUM INTO is not allowed here",
        ),
        ("CREATE TABLE a (x)\nENGINE=InnoDB;", 'line 1: near "=": syntax error'),
    ],
)
def test_sql_that_sqlite_refuses_or_that_writes_files_is_refused_with_its_line(run, tmp_path, sql, message):
    write(tmp_path, bad=sql)
    done = run(SCRIPT, "lint", "bad.sql")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"sql_schema: bad.sql: {message}\n")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".db"] == []


def test_files_that_are_no_schema_are_refused(run, tmp_path):
    (tmp_path / "photo.sql").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 600)
    expected = {
        "photo.sql": "neither a SQLite database nor UTF-8 text (byte 0)",
        "torn.db": "file is not a database",
        "missing.sql": "No such file or directory",
    }
    for name, message in expected.items():
        done = run(SCRIPT, "diff", name, name)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"sql_schema: {name}: {message}\n")
