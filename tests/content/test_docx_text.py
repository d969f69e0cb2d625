"""The skill docx-text, on documents built here part by part."""

# ruff: noqa: E501 (XML is easier to read when an element stays on its line)

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

SCRIPT = "skills/docx-text/scripts/docx_text.py"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"

BODY = """
<w:p><w:pPr><w:pStyle w:val="Fancy"/></w:pPr><w:r><w:rPr><w:b/></w:rPr><w:t>Annual report</w:t></w:r></w:p>
<w:p><w:r><w:t xml:space="preserve">We grew </w:t></w:r><w:del w:id="1"><w:r><w:delText>a lot</w:delText></w:r></w:del>
<w:ins w:id="2"><w:r><w:t xml:space="preserve">by 7 % </w:t></w:r></w:ins><w:r><w:rPr><w:b/></w:rPr><w:t>this year</w:t></w:r>
<w:r><w:footnoteReference w:id="3"/></w:r><w:r><w:t>.</w:t></w:r><w:r><w:commentReference w:id="0"/></w:r></w:p>
<w:p/>
<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="5"/></w:numPr></w:pPr><w:r><w:t>first</w:t></w:r></w:p>
<w:p><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="5"/></w:numPr></w:pPr><w:r><w:t>inner</w:t></w:r></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a|b</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc></w:tr>
<w:tr><w:tc><w:p><w:r><w:t>1</w:t></w:r></w:p><w:p><w:r><w:t>2</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
<w:p><w:hyperlink r:id="rId9"><w:r><w:t>the site</w:t></w:r></w:hyperlink><w:r><w:tab/><w:t>caf\u00e9</w:t></w:r></w:p>
"""
PARTS = {
    "_rels/.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship Id="a" Type="{OFFICE}/officeDocument" '
    'Target="word/document.xml"/></Relationships>',
    "word/_rels/document.xml.rels": f'<Relationships xmlns="{RELATIONS}">'
    f'<Relationship Id="s" Type="{OFFICE}/styles" Target="styles.xml"/>'
    f'<Relationship Id="n" Type="{OFFICE}/numbering" Target="/word/numbering.xml"/>'
    f'<Relationship Id="f" Type="{OFFICE}/footnotes" Target="footnotes.xml"/>'
    f'<Relationship Id="c" Type="{OFFICE}/comments" Target="comments.xml"/>'
    f'<Relationship Id="rId9" Type="{OFFICE}/hyperlink" Target="https://example.com/" TargetMode="External"/>'
    "</Relationships>",
    "word/styles.xml": f'<w:styles xmlns:w="{WORD}">'
    '<w:style w:styleId="H2"><w:name w:val="heading 2"/></w:style>'
    '<w:style w:styleId="Fancy"><w:name w:val="Fancy"/><w:basedOn w:val="H2"/></w:style></w:styles>',
    "word/numbering.xml": f'<w:numbering xmlns:w="{WORD}"><w:abstractNum w:abstractNumId="1">'
    '<w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/></w:lvl><w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl>'
    '</w:abstractNum><w:num w:numId="5"><w:abstractNumId w:val="1"/></w:num></w:numbering>',
    "word/footnotes.xml": f'<w:footnotes xmlns:w="{WORD}"><w:footnote w:id="3"><w:p><w:r><w:t>Unaudited.</w:t></w:r>'
    "</w:p></w:footnote></w:footnotes>",
    "word/comments.xml": f'<w:comments xmlns:w="{WORD}"><w:comment w:id="0" w:author="Grace"><w:p><w:r>'
    "<w:t>Source?</w:t></w:r></w:p></w:comment></w:comments>",
}


def write_docx(path: Path, body: str = BODY, **changed: str) -> Path:
    document = f'<w:document xmlns:w="{WORD}" xmlns:r="{OFFICE}"><w:body>{body}</w:body></w:document>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in ({"word/document.xml": document} | PARTS | changed).items():
            archive.writestr(name, text)
    return path


def test_a_document_becomes_markdown_with_structure_notes_and_comments(run, tmp_path):
    done = run(SCRIPT, write_docx(tmp_path / "r.docx"), "--comments")
    assert done.returncode == 0
    assert done.stdout == (
        "## Annual report\n\n"
        "We grew by 7 % **this year**[^1].\n\n"
        "1. first\n"
        "    - inner\n\n"
        "| a\\|b | c |\n| --- | --- |\n| 1 2 |  |\n\n"
        "[the site](https://example.com/)\tcaf\u00e9\n\n"
        "[^1]: Unaudited.\n\n"
        "## Comments\n\n"
        "- Grace: Source?\n"
    )
    assert done.stderr == (
        f"docx_text: {tmp_path / 'r.docx'}: tracked changes: 2; shown as if all were accepted\n"
    )


def test_plain_text_has_one_line_a_paragraph_and_tells_of_the_comments(run, tmp_path):
    done = run(SCRIPT, write_docx(tmp_path / "r.docx"), "--format", "text")
    assert done.stdout == (
        "Annual report\nWe grew by 7 % this year[1].\nfirst\ninner\na|b\tc\n1 2\n"
        "the site <https://example.com/>\tcaf\u00e9\n\n[1] Unaudited.\n"
    )
    assert done.stderr == (
        f"docx_text: {tmp_path / 'r.docx'}: tracked changes: 2; shown as if all were accepted; "
        "comments left out: 1; see --comments\n"
    )


def test_a_document_without_styles_or_lists_is_only_paragraphs(run, tmp_path):
    with zipfile.ZipFile(tmp_path / "bare.docx", "w") as archive:
        archive.writestr("_rels/.rels", PARTS["_rels/.rels"])
        archive.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>one</w:t></w:r></w:p>'
            "<w:p><w:r><w:t>two</w:t></w:r></w:p></w:body></w:document>",
        )
    done = run(SCRIPT, "bare.docx")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n\ntwo\n", "")


def test_what_is_no_readable_docx_is_refused_with_the_reason(run, tmp_path):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaa">]><x>&a;</x>'
    write_docx(tmp_path / "dtd.docx", **{"word/styles.xml": bomb})
    write_docx(tmp_path / "broken.docx", body="<w:p>")
    write_docx(tmp_path / "sheet.docx", **{"word/document.xml": "<workbook/>"})
    (tmp_path / "old.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    (tmp_path / "text.docx").write_text("hello")
    with zipfile.ZipFile(tmp_path / "other.docx", "w") as archive:
        archive.writestr("a.txt", "a")
    expected = {
        "dtd.docx": "word/styles.xml declares a document type, which no Office program writes",
        "broken.docx": "damaged: mismatched tag: line 1, column ",
        "sheet.docx": "not a Word document (a spreadsheet, slides, or strict Open XML)",
        "old.docx": "an old .doc, or encrypted: save it as .docx without a password",
        "text.docx": "not a .docx: it is no zip archive, or a damaged one",
        "other.docx": "a zip archive, but no Office document: it has no main part",
        "missing.docx": "No such file or directory",
    }
    for name, message in expected.items():
        done = run(SCRIPT, name)
        assert (done.returncode, done.stdout) == (2, ""), name
        assert done.stderr.startswith(f"docx_text: {name}: {message}"), done.stderr


@pytest.mark.parametrize("on", ["1", "true"])
def test_a_toggle_that_is_switched_off_is_not_bold(run, tmp_path, on):
    body = (
        '<w:p><w:r><w:rPr><w:b w:val="0"/></w:rPr><w:t xml:space="preserve">plain </w:t></w:r>'
        f'<w:r><w:rPr><w:b w:val="{on}"/></w:rPr><w:t>bold</w:t></w:r></w:p>'
    )
    assert run(SCRIPT, write_docx(tmp_path / "b.docx", body)).stdout == "plain **bold**\n"
