"""Installing, adding and uninstalling, request by request. contracts/sx.md 1.6 and 0."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.responses import JSONResponse
from sx_canned import Canned, bundle
from sx_client import BadAnswer, HttpError, NotFound, PermissionDenied, SxClient, Targets
from sx_house import LIST, LOCK, NEEDS_BASE, UPLOAD, ZIP, gql, row, serve, uploaded


def test_install_brings_repairs_and_removes(server: Canned, sx: SxClient, pdf: bytes) -> None:
    assert sx.install(dry_run=True).installed == ["pdf"]
    assert sx.requests() == [LOCK]
    assert sx.install().installed == ["pdf"]
    assert sx.requests() == [LOCK, f"GET {server.url}/pdf-1.zip".replace(server.url, "")]
    folder = sx.home / ".claude" / "skills" / "pdf"
    assert (folder / "SKILL.md").read_text() == "# A skill\n"
    assert sx.install().unchanged == ["pdf"]
    (folder / "SKILL.md").write_text("broken")
    assert sx.install(repair=True).installed == ["pdf"]
    assert (folder / "SKILL.md").read_text() == "# A skill\n"
    assert sx.requests() == [LOCK, LOCK]
    serve(server)
    assert sx.install().removed == ["pdf"]
    assert not folder.exists()


def test_failure_of_the_lock_removes_nothing(server: Canned, sx: SxClient, pdf: bytes) -> None:
    sx.install()
    server.rest[LOCK] = 503
    with pytest.raises(HttpError):
        sx.install()
    server.rest[LOCK] = 404
    assert sx.install().removed == []
    assert (sx.home / ".claude" / "skills" / "pdf").is_dir()


def test_cached_bundle_is_never_looked_at_again(server: Canned, sx: SxClient, pdf: bytes) -> None:
    """Other bytes under a version that was installed stay unseen: sx has no check there."""
    sx.install()
    other = bundle(more="x")
    serve(server, row(server.url, other), pdf_1=other)
    sx.requests()
    assert sx.install(repair=True).installed == ["pdf"]
    assert sx.requests() == [LOCK]
    assert not (sx.home / ".claude" / "skills" / "pdf" / "more").exists()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (bundle("other"), "name is 'other', elsewhere 'pdf'"),
        (bundle(version="2"), "version is '2', elsewhere '1'"),
        (bundle(**{"..__evil": "x"}), "leads out of the folder"),
        (bundle(**{"metadata.toml": "[asset]\n"}), "metadata"),
    ],
)
def test_one_bad_bundle_installs_nothing(server: Canned, sx: SxClient, data: bytes, problem: str) -> None:
    good = bundle("good")
    serve(server, row(server.url, good, "good"), row(server.url, data), good_1=good, pdf_1=data)
    with pytest.raises(BadAnswer, match=problem):
        sx.install()
    assert not (sx.home / ".claude").exists()


def test_scopes_clients_and_dependencies_decide(server: Canned, sx: SxClient) -> None:
    names = ("base", "cursor", "here", "there")
    bundles = {f"{name}_1": bundle(name) for name in names}
    serve(
        server,
        row(server.url, bundles["base_1"], "base", scope="https://github.com/acme/elsewhere"),
        row(server.url, bundles["cursor_1"], "cursor", extra='clients = ["cursor"]\n'),
        row(server.url, bundles["here_1"], "here", scope="https://github.com/acme/api", extra=NEEDS_BASE),
        row(server.url, bundles["there_1"], "there", scope="https://github.com/acme/web"),
        **bundles,
    )  # fmt: skip
    outcome = sx.install(remote="git@github.com:Acme/api.git")
    assert (outcome.installed, outcome.out_of_scope) == (["base", "here"], ["there"])


def test_uninstall_asks_for_the_lock_first(server: Canned, sx: SxClient, pdf: bytes) -> None:
    sx.install()
    sx.requests()
    with pytest.raises(NotFound):
        sx.uninstall("nothing")
    assert sx.uninstall("pdf") == ["pdf"]
    assert sx.requests() == [LOCK, LOCK]
    sx.install()
    assert sx.uninstall(everything=True) == ["pdf"]


def skill(folder: Path, text: str = "# A skill\n") -> Path:
    folder.mkdir()
    (folder / "SKILL.md").write_text(text)
    return folder


def test_add_of_a_new_asset(server: Canned, sx: SxClient, pdf: bytes, tmp_path: Path) -> None:
    server.rest |= {LIST: "", UPLOAD: uploaded()}
    published = sx.add(skill(tmp_path / "pdf"))
    assert (published.name, published.version) == ("pdf", "1")
    assert sx.requests() == [LIST, UPLOAD, *gql("AssetInstallations"), LOCK, "GET /pdf-1.zip"]


def test_add_without_installing(server: Canned, sx: SxClient, tmp_path: Path) -> None:
    server.rest |= {LIST: "", UPLOAD: uploaded()}
    sx.add(skill(tmp_path / "pdf"), no_install=True)
    assert sx.requests() == [LIST, UPLOAD]


def test_add_of_a_name_that_nobody_knows_needs_an_empty_list(
    server: Canned, sx: SxClient, tmp_path: Path
) -> None:
    server.rest[LIST] = 404
    with pytest.raises(NotFound, match="failed to get version list"):
        sx.add(skill(tmp_path / "pdf"))


def test_add_of_the_same_contents_uploads_nothing(
    server: Canned, sx: SxClient, pdf: bytes, tmp_path: Path
) -> None:
    folder = skill(tmp_path / "pdf")
    server.rest |= {LIST: "", UPLOAD: uploaded()}
    sx.add(folder, no_install=True)
    sent = server.seen[-1][2]
    start, end = (
        sent.index(b"PK\x03\x04"),
        sent.index(b'\r\n--sx-client-boundary-7d1f0c\r\nContent-Disposition: form-data; name="name"'),
    )
    server.rest |= {LIST: "1\n", ZIP: sent[start:end]}
    sx.requests()
    assert sx.add(folder, no_install=True).uploaded is None
    assert sx.requests() == [LIST, ZIP]
    (folder / "SKILL.md").write_text("# Another\n")
    assert sx.add(folder, no_install=True).version == "2"
    assert sx.requests() == [LIST, ZIP, UPLOAD]


def test_add_with_scope_flags(server: Canned, sx: SxClient, pdf: bytes, house: None, tmp_path: Path) -> None:
    server.rest |= {LIST: "", UPLOAD: uploaded()}
    targets = Targets(teams=["Core"], bots=["ci"], users=["me", "a@example.com"])
    sx.add(skill(tmp_path / "pdf"), targets=targets, no_install=True)
    asked = gql("AssetInstallations", "GetMe", "FindUser", "ListTeams", "ListBots", "SetAssetInstallations")
    assert sx.requests() == [LIST, UPLOAD, *asked]
    assert [item["entityType"] for item in server.variables[-1]["input"]["installations"]] == [
        "USER",
        "USER",
        "TEAM",
        "BOT",
    ]


def test_refused_upload_becomes_a_change_request(server: Canned, sx: SxClient, tmp_path: Path) -> None:
    denied = {"permission_denied": True, "skill_id": "A1", "skill_slug": "pdf", "error": "not yours"}
    server.rest |= {LIST: "", UPLOAD: JSONResponse(denied, 403)}
    request = {"pullRequest": {"id": "p1", "sourceUrl": "https://example.com/p1"}, "errors": []}
    server.graphql |= {
        "CreateAssetPullRequest": {"createAssetPullRequest": request},
        "AddAssetPullRequestFileChange": {"addAssetPullRequestFileChange": {"success": True, "errors": []}},
    }
    with pytest.raises(PermissionDenied) as refused:
        sx.add(skill(tmp_path / "pdf"))
    files = {"SKILL.md": b"# A", "scripts/x.py": b"pass", "metadata.toml": b""}
    assert sx.request_change(refused.value, files, "Mend it") == "https://example.com/p1"
    changes = [variables["input"] for variables in server.variables[1:]]
    assert [(item["name"], item["path"], item["action"]) for item in changes] == [
        ("SKILL.md", None, "ADD"),
        ("x.py", "scripts", "ADD"),
    ]


def test_add_of_an_existing_name(server: Canned, sx: SxClient, pdf: bytes, house: None) -> None:
    assert sx.add_name("pdf", Targets(org=True)) == ["1"]
    assert sx.requests() == [LOCK, *gql("AssetInstallations", "SetAssetInstallations")]
    serve(server)
    assert sx.add_name("pdf") == ["1"]
    assert sx.requests() == [LOCK, LIST, *gql("AssetInstallations")]
    assert all("if-none-match" not in headers for _, headers, _ in server.seen)
