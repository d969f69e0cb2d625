#!/usr/bin/env python3
"""Check the local links, images and anchors of Markdown files, offline.

Exit 0 when all resolve, 1 when some do not, 2 when the input cannot be read.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import signal
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

SKIPPED_FOLDERS = {".git", "node_modules", ".venv", "venv", "__pycache__"}
SUFFIXES = {".md", ".markdown", ".mdown"}
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*")
DEFINITION = re.compile(r" {0,3}\[([^\]\n]+)\]:[ \t]*(?:<([^>\n]*)>|(\S+))")
DESTINATION = r"(?:<([^<>\n]*)>|((?:[^\s()<>\\]|\\.|\((?:[^\s()\\]|\\.)*\))*))"
# Each character of a label can be matched in one way only, and labels are bounded: no input makes this slow.
INLINE = re.compile(r"\[((?:[^\[\]\\]|\\.|\[[^\[\]]*\]){0,2000})\]\([ \t]*" + DESTINATION
                    + r"(?:[ \t]+(?:\"[^\"]*\"|'[^']*'|\([^)]*\)))?[ \t]*\)")
REFERENCE = re.compile(r"\[((?:[^\[\]\\]|\\.)+)\]\[((?:[^\[\]\\]|\\.)*)\]")
IN_HTML = re.compile(r"<(?:a|img|source)\b[^>]*?\s(?:href|src)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.I)
HTML_ANCHOR = re.compile(r"<[a-z][a-z0-9]*\b[^>]*?\s(?:id|name)\s*=\s*(?:\"([^\"]+)\"|'([^']+)')", re.I)
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)


def prose(text: str) -> list[str]:
    """The lines of `text`, those of code blocks and HTML comments made empty."""
    text = re.sub(r"<!--.*?-->", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    lines, fence = [], ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
            line = ""
        elif mark and not (mark[1][0] == "`" and "`" in mark[2]):
            fence, line = mark[1], ""
        lines.append(line)
    return front_matter_cut(lines)


def front_matter_cut(lines: list[str]) -> list[str]:
    """`lines` with a leading YAML block made empty."""
    if lines and lines[0].rstrip() == "---":
        for end in range(1, len(lines)):
            if lines[end].rstrip() == "---":
                return [""] * (end + 1) + lines[end + 1:]
    return lines


def without_code(line: str) -> str:
    """`line` with inline code blanked, so that what it shows is not taken for a link."""
    return re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", lambda m: " " * len(m.group()), line)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = INLINE.sub(lambda m: m[1], heading)
    text = re.sub(r"<[^>]+>", "", html.unescape(text)).strip().lower()
    text = re.sub(r"(?<!\w)_+|_+(?!\w)", "", text)
    kept = (c for c in text if c in " -_" or unicodedata.category(c)[0] in "LNM")
    return "".join(kept).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """Every fragment that a link into this file can name."""
    found: set[str] = set()
    times: Counter[str] = Counter()
    lines = prose(text)
    for before, line in zip(["", *lines], lines):
        heading = HEADING.fullmatch(line)
        title = heading[2] or "" if heading else None
        if title is None and SETEXT.fullmatch(line) and before.strip() and not HEADING.fullmatch(before):
            title = before
        if title is not None:
            base = slug(title)
            found.add(f"{base}-{times[base]}" if times[base] else base)
            times[base] += 1
        found.update(m[1] or m[2] for m in HTML_ANCHOR.finditer(without_code(line)))
    return found


def label(text: str) -> str:
    return " ".join(text.split()).casefold()


def links(text: str) -> list[tuple[int, str | None, str]]:
    """(line, destination, as written) of each link; None for a reference that nothing defines."""
    lines = [without_code(line) for line in prose(text)]
    defined = {}
    for line in lines:
        found = DEFINITION.match(line)
        if found and not found[1].startswith("^"):
            defined.setdefault(label(found[1]), found[2] if found[2] is not None else found[3])
    out: list[tuple[int, str | None, str]] = []
    for number, line in enumerate(lines, 1):
        found = DEFINITION.match(line)
        if found:
            if not found[1].startswith("^"):
                out.append((number, found[2] if found[2] is not None else found[3], found[0].strip()))
            continue
        pending = [line]
        while pending:
            part = pending.pop()
            for m in INLINE.finditer(part):
                out.append((number, m[2] if m[2] is not None else m[3], m[0]))
                pending.append(m[1])
        rest = INLINE.sub("", line)
        for m in REFERENCE.finditer(rest):
            if label(m[2] or m[1]) not in defined and not m[1].startswith("^") and m[1] not in (" ", "x", "X"):
                out.append((number, None, m[0]))
        out += [(number, html.unescape(m[1] or m[2] or ""), m[0]) for m in IN_HTML.finditer(rest)]
    return out


class Checker:
    """Resolves links against the files below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cached: dict[Path, set[str]] = {}

    def problem(self, page: Path, destination: str | None) -> str | None:
        """What is wrong with one link of `page`, or None."""
        if destination is None:
            return "no definition for this reference"
        destination = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", destination)
        if not destination:
            return "empty destination"
        path, hash_mark, fragment = destination.partition("#")
        path = unquote(path.partition("?")[0])
        base = self.root if path.startswith("/") else page.parent
        target = Path(os.path.normpath(base / path.lstrip("/"))) if path else page
        if self.root != target and self.root not in target.parents:
            return f"leads out of {self.root.name}/"
        if not target.exists():
            return "no such file"
        wrong = misspelt(self.root, target)
        if wrong:
            return f"the case differs: the file is called {wrong}"
        if not hash_mark or not fragment or target.suffix.lower() not in SUFFIXES:
            return None
        known = self.anchors(target)
        wanted = unquote(fragment)
        if wanted in known or wanted.lower() in known:
            return None
        near = sorted(name for name in known if name.replace("-", "") == wanted.lower().replace("-", ""))
        return "no such heading" + (f"; there is #{near[0]}" if near else "")

    def anchors(self, target: Path) -> set[str]:
        if target not in self.cached:
            self.cached[target] = anchors(read(target))
        return self.cached[target]


def misspelt(root: Path, target: Path) -> str | None:
    """The real name of the first path component that a case-insensitive disk let through."""
    current = root
    for part in target.relative_to(root).parts:
        names = os.listdir(current)
        if part not in names:
            same = [n for n in names if unicodedata.normalize("NFC", n).casefold()
                    == unicodedata.normalize("NFC", part).casefold()]
            if same:
                return same[0]
        current = current / part
    return None


def read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except UnicodeDecodeError as error:
        fail(f"{path} is not UTF-8 (byte {error.start})")


def pages(arguments: list[Path]) -> list[Path]:
    """The Markdown files named, and those below the folders named, sorted."""
    found: set[Path] = set()
    for argument in arguments:
        if argument.is_dir():
            for folder, folders, names in os.walk(argument):
                folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
                found.update(Path(folder, n).absolute() for n in names if Path(n).suffix.lower() in SUFFIXES)
        elif argument.is_file():
            found.add(argument.absolute())
        else:
            fail(f"{argument}: no such file or folder")
    return sorted(Path(os.path.normpath(page)) for page in found)


def fail(message: str) -> None:
    print(f"check_links: {message}", file=sys.stderr)
    raise SystemExit(2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="Markdown files, or folders to search for them")
    parser.add_argument("--root", type=Path, default=Path(), help="no link may leave this folder; /x is x in it (default .)")
    parser.add_argument("--external", action="store_true", help="list the links to other hosts instead; none is fetched")
    parser.add_argument("--json", action="store_true", help="one JSON array instead of lines")
    args = parser.parse_args()
    if not args.root.is_dir():
        fail(f"{args.root}: no such folder")
    root = Path(os.path.normpath(args.root.absolute()))
    checker, checked, rows = Checker(root), 0, []
    files = pages(args.paths)
    for page in files:
        for line, destination, written in links(read(page)):
            outside = destination is not None and (SCHEME.match(destination) or destination.startswith("//"))
            name = os.path.relpath(page, root).replace(os.sep, "/")
            if args.external and outside:
                rows.append({"file": name, "line": line, "url": destination})
            if args.external or outside:
                continue
            checked += 1
            problem = checker.problem(page, destination)
            if problem:
                rows.append({"file": name, "line": line, "link": written, "problem": problem})
    if args.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    elif args.external:
        print("".join(f"{row['file']}:{row['line']}: {row['url']}\n" for row in rows), end="")
    else:
        print("".join(f"{row['file']}:{row['line']}: {row['problem']}: {row['link']}\n" for row in rows), end="")
        print(f"files: {len(files)}, local links: {checked}, broken: {len(rows)}")
    return 1 if rows and not args.external else 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(main())
