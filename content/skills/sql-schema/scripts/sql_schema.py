#!/usr/bin/env python3
"""Compare and lint SQLite schemas, given as .sql files or database files. Nothing is changed or written.

diff: exit 0 when equal, 1 when they differ. lint: exit 0 when clean, 1 with findings. 2: unreadable input.
"""

from __future__ import annotations

import argparse
import re
import signal
import sqlite3
import sys
from dataclasses import dataclass, field
from pathlib import Path

MAGIC = b"SQLite format 3\0"
# Statements that would reach beyond the database in memory, and what has no place in a schema.
DENIED = {sqlite3.SQLITE_ATTACH: "ATTACH or VACUUM INTO", sqlite3.SQLITE_DETACH: "DETACH"}
RESERVED = set("""add all alter and as between by case check collate commit constraint create cross default delete desc
distinct drop else end escape except exists foreign from full group having in index inner insert intersect into is join
key left like limit natural not null offset on or order outer primary references right rollback row rows select set
table then to transaction trigger union unique update user using values view when where with""".split())


class Unreadable(Exception):
    """The input is no schema that SQLite understands."""


@dataclass(frozen=True)
class Column:
    """One column as SQLite has understood it."""

    name: str
    type: str
    not_null: bool
    default: str | None
    key: int
    generated: bool

    def spelled(self) -> str:
        parts = [self.name, self.type or "(no type)"]
        parts += [f"PRIMARY KEY #{self.key}"] if self.key else []
        parts += ["NOT NULL"] if self.not_null else []
        parts += [f"DEFAULT {self.default}"] if self.default is not None else []
        parts += ["GENERATED"] if self.generated else []
        return " ".join(parts)


@dataclass(frozen=True)
class Index:
    """One index. `columns` holds None for an expression; `origin` is c (CREATE INDEX), u (UNIQUE) or pk."""

    name: str
    columns: tuple[str | None, ...]
    unique: bool
    origin: str
    sql: str

    def identity(self) -> tuple[object, ...]:
        """What makes two indexes the same one; those of constraints have made-up names."""
        return (self.name, comparable(self.sql)) if self.origin == "c" else (self.origin, self.columns)

    def spelled(self) -> str:
        columns = ", ".join(column or "(expression)" for column in self.columns)
        return f"{'UNIQUE ' if self.unique else ''}({columns}){' partial' if ' where ' in self.sql.lower() else ''}"


@dataclass(frozen=True)
class Reference:
    """One foreign key."""

    columns: tuple[str, ...]
    table: str
    targets: tuple[str | None, ...]
    actions: str

    def spelled(self) -> str:
        targets = ", ".join(target or "its key" for target in self.targets)
        return f"({', '.join(self.columns)}) -> {self.table} ({targets}){self.actions}"


@dataclass
class Table:
    """One table with all that hangs on it."""

    name: str
    sql: str
    columns: dict[str, Column] = field(default_factory=dict)
    indexes: list[Index] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)

    @property
    def key(self) -> list[str]:
        return [c.name for c in sorted(self.columns.values(), key=lambda c: c.key) if c.key]


@dataclass
class Schema:
    """Tables, and the SQL of views and triggers, by name."""

    tables: dict[str, Table] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def pieces(sql: str) -> list[tuple[bool, str]]:
    """(is quoted, text) of `sql`: comments and layout are gone from what is not quoted."""
    out: list[tuple[bool, str]] = []
    code = ""
    for token in re.findall(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|[^'\"/-]+|.", sql, re.S):
        if token[0] in "'\"" and len(token) > 1:
            out += [(False, code), (True, token)]
            code = ""
        else:
            code += " " if token[:2] in ("--", "/*") else token
    tidy = []
    for quoted, text in [*out, (False, code)]:
        if not quoted:
            text = re.sub(r"\( | (?=[(),])|(?<=,) ", lambda m: m[0].strip(), re.sub(r"\s+", " ", text))
        tidy.append((quoted, text))
    return tidy


def plain(sql: str | None) -> str:
    """`sql` on one line without comments; what is quoted stays as it is."""
    return "".join(text for _, text in pieces(sql or "")).strip()


def comparable(sql: str) -> str:
    """`sql` such that only what differs in meaning differs: keywords in one case, needless quotes gone."""
    out = []
    for quoted, text in pieces(sql):
        name = text[1:-1]
        needless = text.startswith('"') and re.fullmatch(r"[A-Za-z_]\w*", name) and name.lower() not in RESERVED
        out.append(name.lower() if needless else text if quoted else text.lower())
    return re.sub(r"^create table (if not exists )?[^(]*\(", "create table(", "".join(out).strip())


def connect(path: Path) -> sqlite3.Connection:
    """A database with the schema of `path`: the file itself, read only, or its SQL run in memory."""
    try:
        with path.open("rb") as file:
            is_database = file.read(16) == MAGIC
        if is_database:
            return sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True)
        script = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Unreadable(error.strerror) from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"neither a SQLite database nor UTF-8 text (byte {error.start})") from error
    database = sqlite3.connect(":memory:", isolation_level=None)
    refused: list[str] = []

    def authorise(action: int, *_: object) -> int:
        if action in DENIED:
            refused.append(DENIED[action])
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    database.set_authorizer(authorise)
    for line, statement in statements(script):
        try:
            database.execute(statement)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            database.close()
            raise Unreadable(f"line {line}: {f'{refused[0]} is not allowed here' if refused else error}") from error
    return database


def statements(script: str) -> list[tuple[int, str]]:
    """(line, statement) of each statement of `script`, cut where SQLite would cut."""
    out, begin = [], 0
    for match in re.finditer(r";", script):
        piece = script[begin:match.end()]
        if sqlite3.complete_statement(piece):
            out.append((begin, piece))
            begin = match.end()
    if plain(script[begin:]):
        out.append((begin, script[begin:]))
    lines = []
    for start, piece in out:
        lead = len(piece) - len(piece.lstrip())
        lines.append((script.count("\n", 0, start + lead) + 1, piece))
    return lines


def read_schema(path: Path) -> Schema:
    """The schema of a .sql file or database. Raises Unreadable."""
    database = connect(path)
    try:
        schema = Schema()
        rows = database.execute("SELECT type, name, sql FROM sqlite_master "
                                "WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name").fetchall()
        for kind, name, sql in rows:
            if kind == "table":
                schema.tables[name] = read_table(database, name, sql or "")
            elif kind in ("view", "trigger"):
                schema.others[f"{kind} {name}"] = plain(sql)
    except sqlite3.Error as error:
        raise Unreadable(str(error)) from error
    finally:
        database.close()
    return schema


def read_table(database: sqlite3.Connection, name: str, sql: str) -> Table:
    table = Table(name, plain(sql))
    for _, column, kind, not_null, default, key, hidden in database.execute(f"PRAGMA table_xinfo({quote(name)})"):
        if hidden != 1:
            table.columns[column] = Column(column, kind.upper(), bool(not_null), default, key, hidden in (2, 3))
    for _, index, unique, origin, _ in database.execute(f"PRAGMA index_list({quote(name)})").fetchall():
        columns = tuple(row[2] for row in database.execute(f"PRAGMA index_info({quote(index)})"))
        made = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
        table.indexes.append(Index(index, columns, bool(unique), origin, plain(made[0]) if made else ""))
    table.indexes.sort(key=lambda index: (index.origin, index.name))
    grouped: dict[int, list[tuple]] = {}
    for row in database.execute(f"PRAGMA foreign_key_list({quote(name)})"):
        grouped.setdefault(row[0], []).append(row)
    for rows in grouped.values():
        rows.sort(key=lambda row: row[1])
        first = rows[0]
        actions = "".join(f" {word} {act}" for word, act in (("ON UPDATE", first[5]), ("ON DELETE", first[6]))
                          if act != "NO ACTION")
        table.references.append(Reference(tuple(r[3] for r in rows), first[2], tuple(r[4] for r in rows), actions))
    table.references.sort(key=Reference.spelled)
    return table


def can_add(column: Column) -> bool:
    """Whether ALTER TABLE ADD COLUMN takes this column into a table with rows."""
    constant = column.default is None or not (
        column.default.startswith("(") or column.default.upper() in ("CURRENT_TIME", "CURRENT_DATE", "CURRENT_TIMESTAMP"))
    filled = column.default is not None and column.default.upper() != "NULL"
    return not column.key and not column.generated and constant and (filled or not column.not_null)


def diff_table(old: Table, new: Table) -> tuple[list[str], list[str]]:
    """The differences of one table, and the statements that carry them out."""
    lines, steps, rebuild = [], [], False
    for name in [*old.columns, *(n for n in new.columns if n not in old.columns)]:
        before, after = old.columns.get(name), new.columns.get(name)
        if before == after:
            continue
        if before is None:
            lines.append(f"  + column {after.spelled()}")
            if can_add(after):
                rest = [after.type] + (["NOT NULL"] if after.not_null else [])
                rest += [f"DEFAULT {after.default}"] if after.default is not None else []
                steps.append(f"ALTER TABLE {quote(new.name)} ADD COLUMN {' '.join([quote(name), *filter(None, rest)])};")
            else:
                rebuild = True
        elif after is None:
            lines.append(f"  - column {before.spelled()}  (its data is lost)")
            steps.append(f"ALTER TABLE {quote(new.name)} DROP COLUMN {quote(name)};")
        else:
            lines.append(f"  ~ column {before.spelled()}\n        now {after.spelled()}")
            rebuild = True
    for mark, ours, theirs in (("-", old, new), ("+", new, old)):
        known = {index.identity() for index in theirs.indexes}
        for index in ours.indexes:
            if index.identity() in known:
                continue
            label = f"index {index.name}" if index.origin == "c" else "constraint"
            lines.append(f"  {mark} {label} {index.spelled()}")
            rebuild |= index.origin != "c"
            if index.origin == "c":
                steps.append(index.sql + ";" if mark == "+" else f"DROP INDEX {quote(index.name)};")
        for reference in ours.references:
            if reference not in theirs.references:
                lines.append(f"  {mark} foreign key {reference.spelled()}")
                rebuild = True
    if not lines and comparable(old.sql) != comparable(new.sql):
        lines.append("  ~ the text of CREATE TABLE differs (CHECK, COLLATE, STRICT, order of columns …)")
        rebuild = True
    if rebuild:
        steps = [f"-- {new.name}: SQLite cannot alter this in place; rebuild the table (see SKILL.md)"]
    return lines, steps


def order(step: str) -> int:
    """Drops of indexes before columns, additions before the indexes on them."""
    starts = ("DROP TRIGGER", "DROP VIEW", "DROP INDEX", "DROP TABLE", "CREATE TABLE", "ALTER TABLE", "--", "CREATE INDEX",
              "CREATE UNIQUE", "CREATE VIEW", "CREATE TRIGGER")
    return next((rank for rank, start in enumerate(starts) if step.upper().startswith(start)), len(starts))


def diff(old: Schema, new: Schema) -> tuple[list[str], list[str]]:
    """The report lines and the migration's statements from `old` to `new`."""
    lines: list[str] = []
    steps: list[str] = []
    for name in sorted({*old.tables, *new.tables}):
        if name not in new.tables:
            lines.append(f"- table {name}  (its data is lost)")
            steps.append(f"DROP TABLE {quote(name)};")
        elif name not in old.tables:
            table = new.tables[name]
            lines.append(f"+ table {name} ({', '.join(table.columns)})")
            steps += [table.sql + ";", *(i.sql + ";" for i in table.indexes if i.origin == "c")]
        else:
            changed, needed = diff_table(old.tables[name], new.tables[name])
            if changed:
                lines += [f"~ table {name}", *changed]
            steps += needed
    for name in sorted({*old.others, *new.others}):
        before, after = old.others.get(name), new.others.get(name)
        if before is None or after is None or comparable(before) != comparable(after):
            lines.append(f"{'+' if before is None else '-' if after is None else '~'} {name}")
            kind, _, bare = name.partition(" ")
            steps += [f"DROP {kind.upper()} {quote(bare)};"] if before else []
            steps += [after + ";"] if after else []
    return lines, sorted(steps, key=order)


def affinity(kind: str) -> str:
    """Source: sqlite.org/datatype3.html, "Determination Of Column Affinity"."""
    for words, name in ((("INT",), "INTEGER"), (("CHAR", "CLOB", "TEXT"), "TEXT"), (("BLOB",), "BLOB"),
                        (("REAL", "FLOA", "DOUB"), "REAL")):
        if any(word in kind for word in words):
            return name
    return "NUMERIC" if kind else "BLOB"


def lint(schema: Schema) -> list[str]:
    """One line for each finding, sorted by table."""
    out: list[str] = []
    folded = {name.lower(): table for name, table in schema.tables.items()}
    for table in schema.tables.values():
        if table.sql.lower().startswith("create virtual"):
            continue
        out += [f"{table.name}: {text}" for text in (*lint_columns(table), *lint_indexes(table), *lint_references(table, folded))]
    return out


def lint_columns(table: Table) -> list[str]:
    out = [] if table.key else ["no-primary-key: rows cannot be addressed; add one"]
    for name in [table.name, *table.columns]:
        if name.lower() in RESERVED:
            out.append(f"reserved-name: {name} is a word of SQL and must be quoted everywhere")
        elif not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            out.append(f"odd-name: {name!r} must be quoted everywhere")
    styles = {"snake" if "_" in n else "camel" for n in table.columns
              if "_" in n.strip("_") or re.search(r"[a-z][A-Z]", n)}
    if len(styles) > 1:
        out.append("mixed-names: snake_case and camelCase columns in one table")
    strict = bool(re.search(r"\)[^)]*\bstrict\b[^)]*$", table.sql, re.I))
    for column in table.columns.values():
        if not column.type and not column.generated:
            out.append(f"no-type: {column.name} takes any value")
        if not strict and column.type.split("(")[0] in ("BOOLEAN", "BOOL", "DATE", "DATETIME", "TIMESTAMP", "DECIMAL", "STRING"):
            out.append(f"loose-type: {column.name} {column.type} has affinity {affinity(column.type)}; "
                       "SQLite checks nothing, so add a CHECK or use STRICT")
        if column.type.startswith(("FLOAT", "REAL", "DOUBLE")) and re.search(r"price|amount|cost|balance|total", column.name, re.I):
            out.append(f"money-as-float: {column.name} {column.type} rounds; store whole cents")
        if column.key and not column.not_null and column.type != "INTEGER" and "without rowid" not in table.sql.lower() and not strict:
            out.append(f"nullable-key: {column.name} is part of the primary key, yet SQLite lets it be NULL; add NOT NULL")
        if column.default and column.default.startswith('"'):
            out.append(f"quoted-default: {column.name} has the default {column.default}; strings take single quotes")
    return out


def lint_indexes(table: Table) -> list[str]:
    out = []
    for index in table.indexes:
        if index.origin != "c" or " where " in index.sql.lower() or None in index.columns:
            continue
        for other in table.indexes:
            partial = " where " in other.sql.lower() or None in other.columns
            covers = other.columns[:len(index.columns)] == index.columns
            same = other.columns == index.columns
            if other is index or partial or not covers or (index.unique and not (same and other.unique)):
                continue
            if same and other.origin == "c" and other.unique == index.unique and other.name > index.name:
                continue
            named = other.name if other.origin == "c" else "a key of the table"
            out.append(f"redundant-index: {index.name} {index.spelled()} is covered by {named} {other.spelled()}")
            break
    return out


def lint_references(table: Table, folded: dict[str, Table]) -> list[str]:
    out = []
    for reference in table.references:
        shown = f"({', '.join(reference.columns)}) -> {reference.table}"
        parent = folded.get(reference.table.lower())
        if parent is None:
            out.append(f"dangling-reference: {shown}, which does not exist")
            continue
        targets = [t or (parent.key[n] if n < len(parent.key) else "") for n, t in enumerate(reference.targets)]
        known = {name.lower(): column for name, column in parent.columns.items()}
        missing = [target for target in targets if target.lower() not in known]
        if missing:
            out.append(f"dangling-reference: {shown} has no column {missing[0] or 'for its key'}")
            continue
        wanted = {target.lower() for target in targets}
        keys = [parent.key, *(i.columns for i in parent.indexes if i.unique and " where " not in i.sql.lower())]
        if not any({(c or "").lower() for c in key} == wanted for key in keys):
            out.append(f"reference-to-no-key: {shown} ({', '.join(targets)}) is not unique there; writes will fail")
        own = {name.lower(): column for name, column in table.columns.items()}
        for source, target in zip(reference.columns, targets):
            here, there = own[source.lower()], known[target.lower()]
            if affinity(here.type) != affinity(there.type):
                out.append(f"type-mismatch: {source} {here.type} refers to {parent.name}.{there.name} {there.type}")
        leading = [tuple(name.lower() for name in table.key), *(
            tuple((c or "").lower() for c in i.columns) for i in table.indexes if " where " not in i.sql.lower())]
        sources = {name.lower() for name in reference.columns}
        if not any(set(columns[:len(sources)]) == sources for columns in leading):
            out.append(f"unindexed-reference: {shown}; each delete in {parent.name} scans this whole table")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    differ = commands.add_parser("diff", help="what changed from OLD to NEW")
    differ.add_argument("old", type=Path)
    differ.add_argument("new", type=Path)
    differ.add_argument("--sql", action="store_true", help="print a draft migration instead of the report")
    linter = commands.add_parser("lint", help="what is unsound in a schema")
    linter.add_argument("schema", type=Path)
    args = parser.parse_args()
    schemas = []
    for path in (args.old, args.new) if args.command == "diff" else (args.schema,):
        try:
            schemas.append(read_schema(path))
        except (Unreadable, sqlite3.Error) as error:
            print(f"sql_schema: {path}: {error}", file=sys.stderr)
            return 2
    if args.command == "lint":
        lines = lint(schemas[0])
        print("".join(f"{line}\n" for line in lines), end="")
        print(f"tables: {len(schemas[0].tables)}, findings: {len(lines)}")
        return 1 if lines else 0
    lines, steps = diff(*schemas)
    if args.sql:
        print("".join(f"{line}\n" for line in ["BEGIN;", *steps, "COMMIT;"] if steps), end="")
    else:
        print("\n".join(lines) or "no difference")
    return 1 if lines else 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(main())
