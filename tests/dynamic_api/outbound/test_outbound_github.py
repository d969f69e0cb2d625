"""Imports from GitHub and the lists of its repositories, against a stand-in over real Git."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import tarfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from github_host import TOKEN, Stand, commit, git, standing
from outbound_server import ok, saying, serving

from dynamic_api.errors import Absent, Invalid, Limited, Refusal, Unprocessable, Upstream
from dynamic_api.outbound import Bounds
from dynamic_api.outbound.github_url import Place, is_github_url, parse_repository, parse_url
from dynamic_api.outbound.imports import import_folder
from dynamic_api.outbound.sources import Found, Sources
from dynamic_api.outbound.tar_reader import TarLimits
from registry_builder.core.artifact import OWN, Limits, read
from registry_builder.core.folder import File, Stray

URL = "https://github.com/acme/skills/tree/main/skills/pdf"
PROMPT = b"---\nname: pdf\ndescription: Reads PDF files.\ntags: [document]\n---\n# PDF\n\nRead on.\n"
FILES = {
    "README.md": b"# Skills\n",
    "skills/pdf/SKILL.md": PROMPT,
    "skills/pdf/scripts/run.sh": b"#!/bin/sh\necho hi\n",
    "skills/pdf/references/" + "long-name-" * 12 + "/a.md": b"long\n",
    "skills/pdfs/SKILL.md": PROMPT.replace(b"name: pdf", b"name: pdfs"),
}
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    commit(tmp_path / "repository", FILES)
    return tmp_path / "repository"


def run(repository: Path, scenario: Callable[[Stand], Awaitable[None]]) -> None:
    async def main() -> None:
        async with standing(repository) as stand:
            await scenario(stand)

    asyncio.run(main())


async def refused(request: Awaitable[object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await request
    return caught.value


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (URL, Place("acme", "skills", ("main", "skills", "pdf"))),
        (URL + "/", Place("acme", "skills", ("main", "skills", "pdf"))),
        ("https://github.com/acme/skills", Place("acme", "skills")),
        ("https://github.com/acme/skills.git", Place("acme", "skills")),
        ("https://github.com/a-b/c.d_e-f/tree/v1.2", Place("a-b", "c.d_e-f", ("v1.2",))),
    ],
)
def test_address_is_read(url: str, place: Place) -> None:
    assert parse_url(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pdf",
        "http://github.com/acme/skills/tree/main/a",
        "https://www.github.com/acme/skills/tree/main/a",
        "https://github.com.evil.example/acme/skills/tree/main/a",
        "https://github.com@evil.example/acme/skills/tree/main/a",
        "https://evil.example/github.com/acme/skills/tree/main/a",
        "https://github.com:443/acme/skills/tree/main/a",
        "https://user@github.com/acme/skills/tree/main/a",
        "https://GITHUB.com/acme/skills/tree/main/a",
        "https://github.com/acme",
        "https://github.com/acme/",
        "https://github.com//skills",
        "https://github.com/acme/..",
        "https://github.com/acme/skills/blob/main/a",
        "https://github.com/acme/skills/tree",
        "https://github.com/acme/skills/tree/",
        "https://github.com/acme/skills/tree/main//a",
        "https://github.com/acme/skills/tree/main/../a",
        "https://github.com/acme/skills/tree/main/./a",
        "https://github.com/acme/skills/tree/-main/a",
        "https://github.com/acme/skills/tree/main/a?x=1",
        "https://github.com/acme/skills/tree/main/a#b",
        "https://github.com/acme/skills/tree/main/%2e%2e/a",
        "https://github.com/acme/skills/tree/main/a\\b",
        "https://github.com/acme/skills/tree/main/a\n",
        "https://github.com/acme/skills/tree/@/a",
        "https://github.com/-acme/skills/tree/main/a",
        "https://github.com/acme/sk ills/tree/main/a",
        " https://github.com/acme/skills/tree/main/a",
        "https://github.com/acme/skills/tree/" + "a/" * 500,
        "https://github.com/acme/skills/tree/" + "/".join("abcdefghijklmnopq"),
    ],
)
def test_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_url(url)
    assert caught.value.code == "bad_github_url"


def test_name_of_a_skill_is_no_address() -> None:
    assert [is_github_url(text) for text in ("pdf", "github-com", "a/b")] == [False] * 3
    assert [is_github_url(text) for text in (URL, "github.com/a/b", "http://x")] == [True] * 3
    assert parse_repository("acme/skills") == Place("acme", "skills")


def test_folder_is_imported_at_its_commit_as_git_keeps_it(repository: Path) -> None:
    async def scenario(stand: Stand) -> None:
        imported = await import_folder(stand.github(TOKEN), URL)
        head = git(repository, "rev-parse", "HEAD").decode().strip()
        assert (imported.repository, imported.ref, imported.commit) == ("acme/skills", "main", head)
        assert (imported.path, imported.folder.name) == ("skills/pdf", "pdf")
        assert imported.folder.tree == git(repository, "rev-parse", "HEAD:skills/pdf").decode().strip()
        expected = [
            File(path.removeprefix("skills/pdf/"), data, data.startswith(b"#!"))
            for path, data in sorted(FILES.items())
            if path.startswith("skills/pdf/")
        ]
        assert list(imported.folder.files) == expected == list(read(imported.artifact, OWN))
        assert imported.sha256 == hashlib.sha256(imported.artifact).hexdigest()
        assert imported.skill is not None
        assert (imported.skill.description, imported.skill.tags) == ("Reads PDF files.", ("document",))
        assert not any(finding.level == "error" for finding in imported.findings)
        assert stand.asked() == [
            "/repos/acme/skills/commits/main",
            f"/repos/acme/skills/tarball/{head}",
        ]

    run(repository, scenario)


def test_token_goes_to_the_api_and_to_nobody_else(repository: Path) -> None:
    async def scenario(stand: Stand) -> None:
        await import_folder(stand.github(TOKEN), URL)
        bearer = f"\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
        assert all(bearer in request for request in stand.api.requests)
        assert [TOKEN.encode() in request for request in stand.archives.requests] == [False]
        stand.api.requests.clear()
        await import_folder(stand.github(), URL)
        assert not any(b"uthorization" in request for request in stand.api.requests)

    run(repository, scenario)


def test_branch_with_slashes_tags_commits_and_the_whole_repository(repository: Path, tmp_path: Path) -> None:
    old = git(repository, "rev-parse", "HEAD").decode().strip()
    git(repository, "checkout", "-qb", "feature/new/thing")
    new = commit(repository, {"skills/pdf/SKILL.md": PROMPT + b"More.\n"})
    git(repository, "tag", "v1", old)
    git(repository, "checkout", "-q", "main")
    top = commit(tmp_path / "one", {"SKILL.md": PROMPT.replace(b"name: pdf", b"name: one")})

    async def scenario(stand: Stand) -> None:
        base = "https://github.com/acme/skills"
        for ref, pinned in (("feature/new/thing", new), ("v1", old), (new, new), ("HEAD", old)):
            imported = await import_folder(stand.github(), f"{base}/tree/{ref}/skills/pdf")
            assert (imported.ref, imported.commit, imported.path) == (ref, pinned, "skills/pdf")
        stand.repository = tmp_path / "one"
        whole = await import_folder(stand.github(), base)
        assert (whole.ref, whole.commit, whole.path) == ("HEAD", top, "")
        assert (whole.folder.name, whole.folder.path) == ("one", "one")

    run(repository, scenario)


def test_what_is_not_there_is_said_with_what_is(repository: Path) -> None:
    commit(repository, {"docs/a.md": b"a\n"})
    base = "https://github.com/acme/skills/tree"

    async def scenario(stand: Stand) -> None:
        rows = [
            (f"{base}/gone/skills/pdf", Absent, "ref_not_found", ()),
            ("https://github.com/acme/other/tree/main/a", Absent, "ref_not_found", ()),
            ("https://github.com/acme/other", Absent, "repository_not_found", ()),
            (f"{base}/main/skills/pd", Absent, "folder_not_found", ("skills/pdf", "skills/pdfs")),
            (f"{base}/main/skills/pdf/SKILL.md", Absent, "folder_not_found", ("skills/pdf", "skills/pdfs")),
            (f"{base}/main/docs", Unprocessable, "not_a_skill", ("skills/pdf", "skills/pdfs")),
        ]
        for url, kind, code, suggestions in rows:
            error = await refused(import_folder(stand.github(), url))
            assert (type(error), error.code, error.suggestions) == (kind, code, suggestions)

    run(repository, scenario)


def test_links_are_findings_and_never_followed(repository: Path) -> None:
    commit(repository, {}, {"skills/pdf/key": "/etc/passwd", "skills/pdf/up": "../../README.md"})

    async def scenario(stand: Stand) -> None:
        imported = await import_folder(stand.github(), URL)
        assert imported.folder.strays == (
            Stray("key", "symlink", "/etc/passwd"),
            Stray("up", "symlink", "../../README.md"),
        )
        assert imported.skill is None
        assert {finding.level for finding in imported.findings if "link" in finding.rule} == {"error"}

    run(repository, scenario)


def test_too_big_folder_is_refused_and_its_neighbours_do_not_count(repository: Path) -> None:
    commit(repository, {"big/blob.bin": bytes(300_000)})

    async def scenario(stand: Stand) -> None:
        github = stand.github()
        assert (await import_folder(github, URL, limits=Limits(unpacked_bytes=2000))).skill is not None
        for limits in (Limits(unpacked_bytes=50), Limits(files=2)):
            error = await refused(import_folder(github, URL, limits=limits))
            assert (type(error), error.code) == (Unprocessable, "skill_too_big")
        small = stand.github(archive=Bounds(deadline_seconds=10, body_bytes=500))
        assert (await refused(import_folder(small, URL))).code == "outbound_too_large"

    run(repository, scenario)


def test_redirect_leads_to_the_two_known_hosts_or_nowhere(repository: Path) -> None:
    async def scenario(stand: Stand) -> None:
        async with serving(saying(ok(b"secret"))) as inside:
            for location in (
                f"http://127.0.0.1:{inside.port}/x",
                f"http://codeload.example:{inside.port}/x",
                "https://codeload.github.com.evil.example/x",
                f"http://codeload.example:{stand.archives.port}@evil.example/",
                "file:///etc/passwd",
                "http://[::1",
            ):
                stand.location = location
                error = await refused(import_folder(stand.github(TOKEN), URL))
                assert (type(error), error.code) == (Upstream, "github_redirect"), location
            stand.location = (
                "/repos/acme/skills/tarball/" + git(repository, "rev-parse", "HEAD").decode().strip()
            )
            assert "circle" in (await refused(import_folder(stand.github(), URL))).message
            assert inside.requests == []

    run(repository, scenario)


def test_renamed_repository_is_followed_inside_the_api(repository: Path) -> None:
    async def scenario(stand: Stand) -> None:
        old = "https://github.com/acme/old"
        moved = ok(b"", "301 Moved", Location="/repos/acme/skills/commits/HEAD")
        stand.instead["/repos/acme/old/commits/HEAD"] = moved
        pinned = await stand.github().pin(parse_url(old))
        assert pinned.commit == git(repository, "rev-parse", "HEAD").decode().strip()

    run(repository, scenario)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (
            ok(b"", "403 Forbidden", X_RateLimit_Remaining="0", Retry_After="60"),
            Limited,
            "github_rate_limited",
        ),
        (ok(b"", "429 Too Many"), Limited, "github_rate_limited"),
        (ok(b"", "451 Unavailable"), Absent, "ref_not_found"),
        (ok(b"", "500 Oops"), Upstream, "github_failed"),
        (ok(b"../../evil"), Upstream, "github_failed"),
        (ok(b"A" * 40), Upstream, "github_failed"),
        (b"nonsense", Upstream, "outbound_failed"),
    ],
)
def test_answer_of_the_api_that_does_not_help(
    repository: Path, answer: bytes, kind: type[Refusal], code: str
) -> None:
    async def scenario(stand: Stand) -> None:
        for ref in ("main", "main/skills", "main/skills/pdf"):
            stand.instead[f"/repos/acme/skills/commits/{ref}"] = answer
        error = await refused(import_folder(stand.github(), URL))
        assert (type(error), error.code) == (kind, code)
        assert error.headers == ({"Retry-After": "60"} if b"Retry-After" in answer else {})

    run(repository, scenario)


def tar(*entries: tuple[tarfile.TarInfo, bytes], comment: str | None = None) -> bytes:
    """A gzipped tar with the given entries, below a top folder."""
    buffer = io.BytesIO()
    headers = {"comment": comment} if comment else {}
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
        for info, data in entries:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def info(path: str, kind: bytes = tarfile.REGTYPE, **fields: str) -> tarfile.TarInfo:
    found = tarfile.TarInfo(f"top/{path}")
    found.type = kind
    for name, value in fields.items():
        setattr(found, name, value)
    return found


SKILL = (info("skills/pdf/SKILL.md"), PROMPT)
GOOD = tar(SKILL)
BOMB = gzip.compress(bytes(40_000_000))


@pytest.mark.parametrize(
    ("archive", "code"),
    [
        (b"", "bad_archive"),
        (b"not gzip", "bad_archive"),
        (GOOD[:-30], "bad_archive"),
        (GOOD[:60], "bad_archive"),
        (gzip.compress(b"x" * 512), "bad_archive"),
        (BOMB + GOOD, "folder_not_found"),
        (gzip.compress(gzip.decompress(GOOD)[:512] + bytes(511)), "bad_archive"),
        (gzip.compress(gzip.decompress(GOOD).replace(b"0000644", b"0000645", 1)), "bad_archive"),
        (tar(SKILL, comment="0" * 40), "bad_archive"),
        (tar(SKILL, (info("dev", tarfile.CHRTYPE), b"")), "bad_archive"),
        (tar(SKILL, (info("hard", tarfile.LNKTYPE, linkname="top/SKILL.md"), b"")), "bad_archive"),
        (tar(SKILL, (info("fifo", tarfile.FIFOTYPE), b"")), "bad_archive"),
        (tar(SKILL, (info("a" * 70_000), b"")), "bad_archive"),
        (tar(SKILL, (info("skills/pdf/../../../etc/x"), b"x")), "invalid_skill"),
        (tar(SKILL, (info("skills/pdf//etc/x"), b"x")), "invalid_skill"),
        (tar(SKILL, (info("skills/pdf/a\\b"), b"x")), "invalid_skill"),
        (tar(SKILL, (info("skills/pdf/con"), b"x")), "invalid_skill"),
        (tar(SKILL, SKILL), "invalid_skill"),
        (tar(SKILL, (info("skills/pdf/skill.md"), b"x")), "invalid_skill"),
        (tar(SKILL, (info("skills/pdf/e\u0301.md"), b"x")), "invalid_skill"),
    ],
    ids=range(20),  # the bytes of some have the time in them, and workers must agree on names
)
def test_hostile_archive_is_refused(repository: Path, archive: bytes, code: str) -> None:
    async def scenario(stand: Stand) -> None:
        stand.changed = lambda _: archive
        assert (await refused(import_folder(stand.github(), URL))).code == code

    run(repository, scenario)


def test_archive_that_unpacks_to_too_much_or_never_ends_is_left(repository: Path) -> None:
    async def scenario(stand: Stand) -> None:
        github = stand.github()
        error = await refused(import_folder(github, URL, tar_limits=TarLimits(entries=3)))
        assert (error.code, "entries" in error.message) == ("bad_archive", True)
        stand.changed = lambda _: tar((info("blob"), bytes(9_000_000)), SKILL)
        error = await refused(import_folder(github, URL, tar_limits=TarLimits(unpacked_bytes=8_000_000)))
        assert (error.code, "unpacks" in error.message) == ("bad_archive", True)
        assert (await import_folder(github, URL)).skill is not None

    run(repository, scenario)


def found(name: str, path: str, ref: str = "HEAD") -> Found:
    url = f"https://github.com/acme/skills/tree/{ref}/{path}"
    return Found(name, "Reads PDF files.", ("document",), "acme/skills", path, url)


def test_sources_are_listed_with_their_age_and_read_again_when_old(repository: Path) -> None:
    async def scenario(stand: Stand) -> None:
        sources = Sources(stand.github(), ["acme/skills"], fresh=timedelta(hours=1))
        assert (sources.skills, sources.snapshots[0].age(NOW)) == ((), None)
        await sources.refresh(NOW)
        both = (found("pdf", "skills/pdf"), found("pdfs", "skills/pdfs"))
        assert sources.skills == both
        later = NOW + timedelta(minutes=59)
        assert (sources.snapshots[0].age(later), sources.due(later)) == (timedelta(minutes=59), ())
        asked = len(stand.api.requests)
        await sources.refresh(later)
        assert len(stand.api.requests) == asked
        later = NOW + timedelta(hours=1)
        await sources.refresh(later)
        assert sources.snapshots[0].fetched_at == later
        assert len(stand.archives.requests) == 1
        assert await import_folder(stand.github(), both[0].url)
        commit(repository, {"more/new/SKILL.md": PROMPT.replace(b"name: pdf", b"name: new")})
        await sources.refresh(NOW + timedelta(hours=2))
        assert sources.skills == (found("new", "more/new"), *both)

    run(repository, scenario)


def test_source_that_fails_keeps_what_it_had_and_says_why(repository: Path) -> None:
    async def scenario(stand: Stand) -> None:
        sources = Sources(
            stand.github(),
            ["https://github.com/acme/skills/tree/main/skills", "acme/gone"],
            fresh=timedelta(hours=1),
            retry=timedelta(minutes=10),
        )
        await sources.refresh(NOW)
        before = sources.skills
        assert before == (found("pdf", "skills/pdf", "main"), found("pdfs", "skills/pdfs", "main"))
        good, gone = sources.snapshots
        assert (good.failure, gone.fetched_at, gone.failed_at) == (None, None, NOW)
        assert gone.failure == "acme/gone is not there, or not public"
        stand.instead["/repos/acme/skills/commits/main"] = ok(b"", "500 Oops")
        later = NOW + timedelta(hours=1)
        await sources.refresh(later)
        good, _ = sources.snapshots
        assert (sources.skills, good.fetched_at, good.failed_at) == (before, NOW, later)
        assert sources.due(later + timedelta(minutes=9)) == ()
        assert len(sources.due(later + timedelta(minutes=10))) == 2

    run(repository, scenario)


def test_folders_that_are_no_skills_are_not_listed(repository: Path) -> None:
    odd = {
        "a/SKILL.md": b"no front matter\n",
        "b/SKILL.md": b"---\nname: b\n---\nno description\n",
        "c/SKILL.md": b"---\nname: Bad Name\ndescription: x\n---\n",
        "d/SKILL.md": b"---\nname: d\ndescription: x\n---\n" + bytes(300_000),
        "e/skill.md": PROMPT,
        "f/SKILL.md": b"\xff\xfe",
    }
    commit(repository, odd, {"g/SKILL.md": "../skills/pdf/SKILL.md"})

    async def scenario(stand: Stand) -> None:
        sources = Sources(stand.github(), ["acme/skills"])
        await sources.refresh(NOW)
        assert [skill.name for skill in sources.skills] == ["pdf", "pdfs"]

    run(repository, scenario)


def test_source_that_is_written_wrong_is_refused_at_once(repository: Path) -> None:
    async def scenario(stand: Stand) -> None:
        for text in ("acme", "acme/skills/tree/main", "https://evil.example/a/b", ""):
            with pytest.raises(Invalid):
                Sources(stand.github(), [text])

    run(repository, scenario)
