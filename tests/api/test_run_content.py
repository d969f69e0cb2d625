"""All scripts of the registry's own skills through the API say what they say on a machine (issue 7)."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.api.lab import SESSIONS, done, laboratory, run
from tests.api.world import Person, World
from tests.content_repo import Repo, build

ROOT = Path(__file__).resolve().parents[2]
SKILLS = ROOT / "content" / "skills"
_TEXT = (
    b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
)
DOCUMENT = _TEXT + b"<w:t>Hello, paper.</w:t></w:r></w:p></w:body></w:document>"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="a" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>'
)
LINKS = b"# Top\n\n[here](#top), [there](other.md), [nowhere](#bottom)\n"


@dataclass(frozen=True, slots=True)
class Case:
    """A script, its arguments, its input, and how it ends."""

    path: str
    args: tuple[str, ...]
    code: int
    files: Mapping[str, bytes] = field(default_factory=dict)
    stdin: str = ""
    repo: bool = False

    @property
    def slug(self) -> str:
        return self.path.partition("/")[0]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def docx() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("_rels/.rels", RELATIONS)
        archive.writestr("word/document.xml", DOCUMENT)
    return buffer.getvalue()


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"tEXt", b"Author\0Nobody"), chunk(b"IDAT", zlib.compress(b"\0\0"))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


CASES = [
    Case("csv-profile/scripts/csv_profile.py", ("-",), 0, stdin="name,age\nAda,36\nBob,\n"),
    Case(
        "csv-profile/scripts/csv_clean.py",
        ("in.csv", "out.csv", "--delimiter", ";"),
        0,
        {"in.csv": b"a;b\n 1;2 \n"},
    ),
    Case("docx-text/scripts/docx_text.py", ("paper.docx",), 0, {"paper.docx": docx()}),
    Case("http-headers/scripts/http_headers.sh", ("-",), 1, stdin="HTTP/1.1 200 OK\r\nServer: x/1.0\r\n\r\n"),
    Case("image-metadata/scripts/image_metadata.py", ("show", "a.png"), 0, {"a.png": png()}),
    Case(
        "json-shape/scripts/check_json.mjs",
        ("schema.json", "-"),
        1,
        {"schema.json": b'{"type":"object","required":["b"]}'},
        '{"a":1}',
    ),
    Case("json-shape/scripts/infer_schema.mjs", ("-",), 0, stdin='{"a":1}'),
    Case("markdown-links/scripts/check_links.py", ("a.md",), 1, {"a.md": LINKS}),
    Case("release-notes/scripts/changelog.py", (), 0, repo=True),
    Case("repo-health/scripts/repo_health.sh", ("--large", "1"), 1, repo=True),
    Case(
        "secret-scan/scripts/secret_scan.py",
        ("a.py",),
        1,
        {"a.py": b'token = "ghp_' + b"a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8" + b'"\n'},
    ),
    Case("sql-schema/scripts/sql_schema.py", ("lint", "a.sql"), 1, {"a.sql": b"CREATE TABLE t (a);\n"}),
]


def test_every_script_has_a_case() -> None:
    found = {path.relative_to(SKILLS).as_posix() for path in SKILLS.glob("*/scripts/*")}
    assert {case.path for case in CASES} == found


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The registry that `content/` is, served by an API with a sandbox."""
    folder = tmp_path_factory.mktemp("content")
    repo = Repo.init(folder / "content")
    shutil.copytree(ROOT / "content", repo.path, dirs_exist_ok=True)
    repo.commit("Copy our own content")
    answer = build(repo, folder / "dist")
    assert answer.code == 0, answer.err
    with laboratory(folder / "data", None, folder / "dist", credits={"default_tier": "pro"}) as made:
        yield made


@pytest.fixture(scope="module")
def reader(own: World) -> Person:
    person = own.person()
    for slug in sorted({case.slug for case in CASES}):
        assert person.post("/api/v1/drive/import", json={"skillSlug": slug}).status_code == 201
    return person


def put_everything(person: Person, session: str, folder: Path) -> None:
    """Copy a folder into /work of a session."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        url = f"{SESSIONS}/{session}/files/work/{path.relative_to(folder).as_posix()}"
        assert person.put(url, content=path.read_bytes()).status_code == 200


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path)
def test_script_says_what_it_says_on_a_machine(
    own: World, reader: Person, tmp_path: Path, case: Case
) -> None:
    languages = own.app.context.runs.parts.sandbox.health.languages
    if case.name.endswith(".mjs") and "node" not in languages:
        assert run(reader, case.name, "--help", slug=case.slug).status_code == 422
        return
    work = tmp_path / "work"
    prepare(work, case)
    session = done(reader, case.name, "--help", slug=case.slug, sessionMinutes=30)["sessionId"]
    put_everything(reader, session, work)
    expected = on_this_machine(work, case)
    result = done(reader, case.name, *case.args, slug=case.slug, sessionId=session, stdin=case.stdin)
    assert (result["exit_code"], result["stdout"]) == expected, result["stderr"]
    assert result["exit_code"] == case.code


def prepare(work: Path, case: Case) -> None:
    work.mkdir()
    if case.repo:
        repo = Repo.init(work)
        for number in range(3):
            repo.write("notes.txt", f"{number}\n")
            repo.commit(f"feat: add note {number}")
        shutil.rmtree(work / ".git" / "hooks", ignore_errors=True)
    for name, data in case.files.items():
        (work / name).write_bytes(data)


def on_this_machine(work: Path, case: Case) -> tuple[int, str]:
    """Exit code and output of the same script as a program."""
    program = {"py": sys.executable, "sh": "sh", "mjs": shutil.which("node") or "node"}[
        case.name.rpartition(".")[2]
    ]
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(work), "GIT_CONFIG_NOSYSTEM": "1"}
    words = [program, str(SKILLS / case.path), *case.args]
    ended = subprocess.run(words, cwd=work, input=case.stdin, capture_output=True, text=True, env=env)
    return ended.returncode, ended.stdout
