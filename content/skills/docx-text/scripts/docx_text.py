#!/usr/bin/env python3
"""Print the text of a .docx as Markdown or plain text. Exit 0, or 2 when it is not a readable .docx."""

from __future__ import annotations

import argparse
import posixpath
import signal
import sys
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
PART_LIMIT = 64 * 1024 * 1024
OLE = b"\xd0\xcf\x11\xe0"
OFF = ("0", "false", "none", "off")


class Unreadable(Exception):
    """The file is not a .docx that can be read safely."""


class Package:
    """The parts of a .docx, each size-checked and parsed without entities."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.main = self._main_part()
        self.folder = posixpath.dirname(self.main)
        self.links = {}
        self.parts = {}
        rels = self.xml(posixpath.join(self.folder, "_rels", posixpath.basename(self.main) + ".rels"))
        for rel in rels if rels is not None else ():
            target = rel.get("Target", "")
            if rel.get("TargetMode") == "External":
                self.links[rel.get("Id")] = target
            else:
                kind = rel.get("Type", "").rsplit("/", 1)[-1]
                self.parts[kind] = posixpath.normpath(posixpath.join("/" + self.folder, target)).lstrip("/")

    def _main_part(self) -> str:
        rels = self.xml("_rels/.rels")
        for rel in rels if rels is not None else ():
            if rel.get("Type", "").endswith("/officeDocument"):
                return rel.get("Target", "").lstrip("/")
        raise Unreadable("a zip archive, but no Office document: it has no main part")

    def xml(self, name: str) -> ElementTree.Element | None:
        """The root of a part, or None when there is no such part."""
        try:
            info = self.archive.getinfo(name)
        except KeyError:
            return None
        with self.archive.open(info) as part:
            data = part.read(PART_LIMIT + 1)
        if len(data) > PART_LIMIT:
            raise Unreadable(f"{name} unpacks to more than {PART_LIMIT >> 20} MiB")
        refuse_entities(name, data)
        return ElementTree.fromstring(data)

    def related(self, kind: str) -> ElementTree.Element | None:
        """The part that the document refers to as `kind`, such as "styles"."""
        return self.xml(self.parts[kind]) if kind in self.parts else None


def refuse_entities(name: str, data: bytes) -> None:
    """Office never writes a DTD; one in a part is an attack by entity expansion."""
    def refuse(*_: object) -> None:
        raise Unreadable(f"{name} declares a document type, which no Office program writes")
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)


def value(element: ElementTree.Element | None, path: str) -> str | None:
    """The w:val of the descendant at `path`."""
    found = element.find(path) if element is not None else None
    return None if found is None else found.get(W + "val", "")


def is_on(properties: ElementTree.Element | None, name: str) -> bool:
    """Whether a toggle property such as w:b is set."""
    found = properties.find(W + name) if properties is not None else None
    return found is not None and found.get(W + "val", "1") not in OFF


def heading_levels(styles: ElementTree.Element | None) -> dict[str, int]:
    """Style id → heading level 1–9, by outline level or the built-in name, inherited over basedOn."""
    own, parent = {}, {}
    for style in styles.iter(W + "style") if styles is not None else ():
        identity = style.get(W + "styleId", "")
        outline = value(style, f"{W}pPr/{W}outlineLvl")
        name = (value(style, W + "name") or "").lower()
        if outline is not None and outline.isdigit() and int(outline) < 9:
            own[identity] = int(outline) + 1
        elif name.startswith("heading ") and name[8:].isdigit():
            own[identity] = int(name[8:])
        elif name == "title":
            own[identity] = 1
        parent[identity] = value(style, W + "basedOn")
    levels = {}
    for identity in parent:
        current, visited = identity, set()
        while current and current not in own and current not in visited:
            visited.add(current)
            current = parent.get(current)
        if current in own:
            levels[identity] = own[current]
    return levels


def ordered_lists(numbering: ElementTree.Element | None) -> set[tuple[str, str]]:
    """The (list id, level) pairs that count instead of showing a bullet."""
    ordered = set()
    if numbering is None:
        return ordered
    abstract = {}
    for item in numbering.iter(W + "abstractNum"):
        abstract[item.get(W + "abstractNumId")] = {
            level.get(W + "ilvl", "0") for level in item.iter(W + "lvl")
            if value(level, W + "numFmt") not in ("bullet", "none", None)
        }
    for number in numbering.findall(W + "num"):
        for level in abstract.get(value(number, W + "abstractNumId"), ()):
            ordered.add((number.get(W + "numId", ""), level))
    return ordered


class Writer:
    """Turns the body of a document into lines."""

    def __init__(self, package: Package, markdown: bool) -> None:
        self.package = package
        self.markdown = markdown
        self.levels = heading_levels(package.related("styles"))
        self.ordered = ordered_lists(package.related("numbering"))
        self.notes: list[tuple[str, str]] = []
        self.comments: list[str] = []
        self.tracked = 0

    def blocks(self, parent: ElementTree.Element) -> list[str]:
        """The paragraphs and tables of `parent`, each as one text."""
        out: list[str] = []
        for element in parent:
            if element.tag == W + "p":
                out.append(self.paragraph(element))
            elif element.tag == W + "tbl":
                out.append(self.table(element))
            elif element.tag in (W + "sdt", W + "sdtContent", W + "ins", W + "moveTo", W + "customXml"):
                out += self.blocks(element)
        return out

    def paragraph(self, element: ElementTree.Element) -> str:
        text = self.inline(element).strip()
        properties = element.find(W + "pPr")
        if not text or not self.markdown:
            return text
        level = self.levels.get(value(properties, W + "pStyle") or "")
        if level:
            return "#" * min(level, 6) + " " + text.replace("**", "")
        number = value(properties, f"{W}numPr/{W}numId")
        if number not in (None, "0"):
            depth = value(properties, f"{W}numPr/{W}ilvl") or "0"
            mark = "1." if (number, depth) in self.ordered else "-"
            return "    " * int(depth if depth.isdigit() else 0) + f"{mark} {text}"
        return text

    def table(self, element: ElementTree.Element) -> str:
        rows = []
        for row in element.findall(W + "tr") + element.findall(f"{W}sdt/{W}sdtContent/{W}tr"):
            cells = []
            for cell in row.findall(f"{W}tc") + row.findall(f"{W}sdt/{W}sdtContent/{W}tc"):
                cells.append(" ".join(text for text in self.blocks(cell) if text).replace("\n", " "))
            rows.append(cells)
        if not rows:
            return ""
        if not self.markdown:
            return "\n".join("\t".join(cells) for cells in rows)
        width = max(map(len, rows))
        lines = []
        for cells in rows:
            safe = [cell.replace("|", "\\|") for cell in cells] + [""] * (width - len(cells))
            lines.append("| " + " | ".join(safe) + " |")
        lines.insert(1, "|" + " --- |" * width)
        return "\n".join(lines)

    def inline(self, parent: ElementTree.Element) -> str:
        """The running text of `parent`, with deleted text left out."""
        out: list[str] = []
        for element in parent:
            tag = element.tag
            if tag == W + "r":
                out.append(self.run(element))
            elif tag in (W + "del", W + "moveFrom"):
                self.tracked += 1
            elif tag == W + "hyperlink":
                out.append(self.link(element))
            elif tag in (W + "ins", W + "moveTo"):
                self.tracked += 1
                out.append(self.inline(element))
            elif tag in (W + "sdt", W + "sdtContent", W + "smartTag", W + "fldSimple", W + "customXml"):
                out.append(self.inline(element))
        return "".join(out).replace("****", "")

    def link(self, element: ElementTree.Element) -> str:
        text = self.inline(element)
        target = self.package.links.get(element.get(R + "id"))
        if not target or not text.strip():
            return text
        return f"[{text}]({target})" if self.markdown else f"{text} <{target}>"

    def run(self, element: ElementTree.Element) -> str:
        out: list[str] = []
        for child in element:
            name = child.tag.replace(W, "")
            if name == "t":
                out.append(child.text or "")
            elif name == "tab":
                out.append("\t")
            elif name in ("br", "cr"):
                out.append("\n")
            elif name == "noBreakHyphen":
                out.append("-")
            elif name in ("footnoteReference", "endnoteReference"):
                out.append(self.note(name[:-9], child.get(W + "id", "")))
            elif name == "commentReference":
                self.comments.append(child.get(W + "id", ""))
            elif name in ("drawing", "pict", "object"):
                out.append(self.drawing(child))
            elif child.tag == MC + "AlternateContent":
                choice = child.find(MC + "Choice")
                out += [self.drawing(part) for part in (choice if choice is not None else ())]
        text = "".join(out)
        if self.markdown and is_on(element.find(W + "rPr"), "b") and text.strip():
            core = text.strip()
            text = text.replace(core, f"**{core}**", 1)
        return text

    def drawing(self, element: ElementTree.Element) -> str:
        """The words in a text box, or the alternative text of a picture."""
        boxes = [" ".join(filter(None, self.blocks(box))) for box in element.iter(W + "txbxContent")]
        if boxes:
            return " ".join(boxes)
        alternative = next((p.get("descr") for p in element.iter() if p.tag.endswith("}docPr") and p.get("descr")), "")
        return f"[image: {alternative}]" if alternative else "[image]"

    def note(self, kind: str, identity: str) -> str:
        self.notes.append((kind, identity))
        return f"[^{len(self.notes)}]" if self.markdown else f"[{len(self.notes)}]"

    def note_lines(self) -> list[str]:
        """The foot- and endnotes, in the order of their marks."""
        lines = []
        for number, (kind, identity) in enumerate(list(self.notes), 1):
            text = self.text_of(self.package.related(kind + "s"), kind, identity)
            lines.append(f"[^{number}]: {text}" if self.markdown else f"[{number}] {text}")
        return lines

    def comment_lines(self) -> list[str]:
        lines = []
        root = self.package.related("comments")
        for identity in self.comments:
            comment = by_id(root, "comment", identity)
            author = comment.get(W + "author", "unknown") if comment is not None else "unknown"
            lines.append(f"{'- ' if self.markdown else ''}{author}: {self.text_of(root, 'comment', identity)}")
        return lines

    def text_of(self, root: ElementTree.Element | None, kind: str, identity: str) -> str:
        found = by_id(root, kind, identity)
        return " ".join(filter(None, self.blocks(found))) if found is not None else "(missing)"


def by_id(root: ElementTree.Element | None, tag: str, identity: str) -> ElementTree.Element | None:
    return next((e for e in root.iter(W + tag) if e.get(W + "id") == identity), None) if root is not None else None


def extract(path: Path, markdown: bool, comments: bool) -> tuple[str, str]:
    """The text of the document at `path`, and a remark for the reader or ""."""
    with path.open("rb") as file:
        if file.read(4) == OLE:
            raise Unreadable("an old .doc, or encrypted: save it as .docx without a password")
    with zipfile.ZipFile(path) as archive:
        package = Package(archive)
        root = package.xml(package.main)
        body = root.find(W + "body") if root is not None else None
        if body is None:
            raise Unreadable("not a Word document (a spreadsheet, slides, or strict Open XML)")
        writer = Writer(package, markdown)
        blocks = writer.blocks(body)
        # Items of one list stay together; everything else is set apart by an empty line.
        text = ""
        for before, block in zip(["", *(b for b in blocks if b)], (b for b in blocks if b)):
            tight = markdown and is_item(before) and is_item(block)
            text += ("" if not text else "\n" if tight or not markdown else "\n\n") + block
        if writer.notes:
            text += "\n\n" + "\n".join(writer.note_lines())
        if comments and writer.comments:
            text += ("\n\n## Comments\n\n" if markdown else "\n\nComments\n") + "\n".join(writer.comment_lines())
    remarks = []
    if writer.tracked:
        remarks.append(f"tracked changes: {writer.tracked}; shown as if all were accepted")
    if writer.comments and not comments:
        remarks.append(f"comments left out: {len(writer.comments)}; see --comments")
    return text, "; ".join(remarks)


def is_item(block: str) -> bool:
    return block.lstrip().startswith(("- ", "1. "))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help=".docx file")
    parser.add_argument("--format", choices=("markdown", "text"), default="markdown", help="default: markdown")
    parser.add_argument("--comments", action="store_true", help="add the reviewers' comments at the end")
    args = parser.parse_args()
    try:
        text, remark = extract(args.file, args.format == "markdown", args.comments)
    except OSError as error:
        problem = error.strerror or str(error)
    except zipfile.BadZipFile:
        problem = "not a .docx: it is no zip archive, or a damaged one"
    except (ElementTree.ParseError, expat.ExpatError, zlib.error, EOFError) as error:
        problem = f"damaged: {error}"
    except (NotImplementedError, RuntimeError) as error:
        problem = f"cannot be unpacked: {error}"
    except Unreadable as error:
        problem = str(error)
    else:
        print(text)
        if remark:
            print(f"docx_text: {args.file}: {remark}", file=sys.stderr)
        return 0
    print(f"docx_text: {args.file}: {problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(main())
