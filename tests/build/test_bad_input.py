"""What may be wrong around a build: one row each, with the exit code and what the person is told."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from content_repo import BASE_URL, COMMAND, Repo, build, environment, promised, skill_text, skillpress, tree
from contracts.references import check_tree

# Root may write everywhere; without its capabilities it is an owner like any other.
WITHOUT_PRIVILEGE = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.geteuid() == 0 else ()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "dist"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("-C", "nowhere"), 3, "nowhere: no such folder [no-repo]"),
        (("-C", "plain"), 3, "plain: not in a Git repository [no-repo] (skillpress init makes one)"),
        (("-C", "empty"), 3, "the repository has no commit yet [empty-repo] (commit something)"),
        (("-C", "content", "--rev", "v9"), 3, "no such revision: v9 [no-rev]"),
        (("-C", "content", "--rev=--all"), 3, "no such revision: --all [no-rev]"),
        (("-C", "content", "--rev=-n1"), 3, "no such revision: -n1 [no-rev]"),
        (("-C", "content", "--rev", "HEAD:skills"), 3, "no such revision: HEAD:skills [no-rev]"),
        (("-C", "content", "--rev", ""), 3, "no such revision"),
        (("-C", "content", "--rev", "HEAD\nHEAD"), 3, "no such revision"),
        (
            ("-C", "content", "--base-url", "skills.example"),
            2,
            "'skills.example' is no base URL [bad-base-url]",
        ),
        (("-C", "content", "--name", "Not A Name"), 2, "'Not A Name' is no registry name [bad-name]"),
        (
            ("-C", "content", "--emit", "claud"),
            2,
            "no emitter or group 'claud' [unknown-emitter] (did you mean claude?)",
        ),
        (("-C", "content", "--preset", "strict"), 2, "'strict' is not one of 'portable', 'lenient'"),
    ],
)
def test_refusal(two: Repo, target: Path, words: tuple[str, ...], code: int, said: str) -> None:
    (two.path.parent / "plain").mkdir()
    Repo.init(two.path.parent / "empty")
    answer = skillpress("build", "--to", target, *words, cwd=two.path.parent)
    assert answer.code == code
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not target.exists()


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "registry.toml",
            '[registry]\ntitel = "x"\n',
            "registry.toml:2: unknown key titel in registry [unknown-key] (did you mean title?)",
        ),
        (
            "registry.toml",
            "[chek]\n",
            "registry.toml:1: unknown key chek [unknown-key] (did you mean check?)",
        ),
        (
            "registry.toml",
            "[registry]\nname = 3\n",
            "registry.toml:2: registry.name: Expected `str`, got `int` [bad-value]",
        ),
        ("registry.toml", "[registry\n", "registry.toml:1: not TOML"),
        ("registry.toml", b"\xff\xfe", "registry.toml: not UTF-8 at byte 0 [bad-utf8]"),
        (
            "registry.toml",
            '[check.levels]\nbody-too-lng = "off"\n',
            "no rule body-too-lng [unknown-rule] (did you mean body-too-long?)",
        ),
        (
            "registry.toml",
            '[content.roots]\nskil = "x"\n',
            "no asset type skil [unknown-type] (did you mean skill?)",
        ),
        (
            "registry.toml",
            '[content.roots]\nskill = "../x"\n',
            "'../x' is no folder below the content [bad-root]",
        ),
        ("registry.toml", '[emit]\nenable = ["croe"]\n', "(did you mean core?)"),
        ("collections.toml", "[both]\nskils = []\n", "collections.toml:2: unknown key skils"),
        ("collections.toml", "[both]\n", "collections.toml"),
        ("collections.toml", '[both]\nskills = ["alpah"]\n', "both names alpah, which is not there"),
        ("collections.toml", '[alpha]\nskills = ["beta"]\n', "alpha is also the name of an asset"),
        ("advisories.toml", '[[advisory]]\nskill = "alpha"\nstate = "gone"\n', "advisories.toml"),
        (
            "advisories.toml",
            '[[advisory]]\nskill = "alpha"\nstate = "yanked"\n',
            "alpha is yanked without a reason",
        ),
        ("advisories.toml", '[[advisory]]\nskil = "alpha"\n', "advisories.toml:2: unknown key skil"),
        ("advisories.toml", "[reclaim]\nalpha = 3\n", "advisories.toml:1: reclaim[...]: Expected `str`"),
    ],
)
def test_file_of_ours_is_refused_with_its_line_and_the_nearest_key(
    two: Repo, target: Path, file: str, text: str | bytes, said: str
) -> None:
    two.write(file, text)
    two.commit()
    for answer in (build(two, target), skillpress("check", "-C", two.path)):
        assert answer.code == 1
        assert said in answer.err + answer.out
        assert "Traceback" not in answer.err
    assert not target.exists()


@pytest.mark.parametrize(
    "text", ['\ufeff[registry]\ntitle = "T"\n', '[registry]\r\ntitle = "T"\r\n'], ids=["bom", "crlf"]
)
def test_file_of_ours_may_have_a_byte_order_mark_or_windows_lines(two: Repo, target: Path, text: str) -> None:
    two.write("registry.toml", text)
    two.commit()
    assert build(two, target).code == 0
    assert "<title>T" in (target / "index.html").read_text()


def test_file_of_ours_that_is_a_link_is_refused(two: Repo, target: Path) -> None:
    two.write("elsewhere.toml", '[registry]\ntitle = "T"\n')
    (two.path / "registry.toml").symlink_to("elsewhere.toml")
    two.commit()
    answer = build(two, target)
    assert answer.code == 1
    assert "registry.toml: is a symbolic link [not-a-file] (make it a file)" in answer.err
    assert not target.exists()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda place: place.write_text("mine"), "is not a folder [not-ours]"),
        (
            lambda place: (place.mkdir(), (place / "thesis.txt").write_text("mine")),
            "has no release.json, so it is not a registry [not-ours]",
        ),
        (
            lambda place: (place.mkdir(), (place / ".git").mkdir()),
            "has no release.json, so it is not a registry [not-ours]",
        ),
        (
            lambda place: (place.mkdir(), (place / "release.json").write_text("mine")),
            "not a release of skillpress",
        ),
        (
            lambda place: (place.mkdir(), (place / "release.json").write_text('{"tag_name": "v1"}')),
            "not a release of skillpress",
        ),
        (
            lambda place: (place.mkdir(), (place / "release.json").write_bytes(b"\xff\x00")),
            "not a release of skillpress",
        ),
        (lambda place: (place.mkdir(), (place / "release.json").mkdir()), "release.json"),
        (lambda place: place.symlink_to("nowhere"), "dist"),
    ],
    ids=["file", "other-files", "repository", "text", "other-json", "binary", "folder", "dangling-link"],
)
def test_target_that_is_not_ours_is_not_touched(
    two: Repo, target: Path, make: Callable[[Path], object], said: str
) -> None:
    make(target)
    before = tree(target.parent)
    answer = build(two, target)
    assert answer.code == 3
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert tree(target.parent) == before


def test_target_may_be_an_empty_folder_or_deep_in_new_ones(two: Repo, target: Path) -> None:
    target.mkdir()
    assert build(two, target).code == 0
    assert build(two, target / "../a/b/c").code == 0


def test_what_a_killed_build_left_beside_goes_with_the_next(two: Repo, target: Path) -> None:
    (target / ".tmp").mkdir(parents=True)
    (target / ".tmp/17").write_text("half")
    assert build(two, target).code == 0
    assert not (target / ".tmp").exists()


@pytest.mark.parametrize("what", ["new-target", "target", "folder-of-an-index"])
def test_target_that_may_not_be_written_is_named(two: Repo, tmp_path: Path, what: str) -> None:
    target = tmp_path / "there" / "dist"
    target.parent.mkdir()
    if what != "new-target":
        assert build(two, target).code == 0
    two.skill("alpha", "Something new.")
    two.commit()
    closed = {"new-target": target.parent, "target": target, "folder-of-an-index": target / "api/v1/index"}
    closed[what].chmod(0o555)
    before = tree(tmp_path)
    answer = skillpress(
        "build", "-C", two.path, "--to", target, "--base-url", BASE_URL, prefix=WITHOUT_PRIVILEGE
    )
    assert answer.code == 3
    assert "[no-permission] (give this user the right to write there)" in answer.err
    assert "Traceback" not in answer.err
    if what == "folder-of-an-index":
        assert check_tree(target, BASE_URL) == []
    else:
        assert tree(tmp_path) == before
    closed[what].chmod(0o755)
    assert build(two, target).code == 0
    assert check_tree(target, BASE_URL) == []


@pytest.mark.parametrize("size", [200, 2_000, 8_000])
def test_file_that_outgrows_what_may_be_written_stops_the_build_and_harms_nothing(
    two: Repo, target: Path, size: int
) -> None:
    assert build(two, target).code == 0
    two.skill("alpha", "A much longer text.\n" * 1_000)
    two.commit()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    command = [*COMMAND, "build", "-C", str(two.path), "--to", str(target), "--base-url", BASE_URL]
    done = subprocess.run(command, preexec_fn=limit, env=environment(), capture_output=True, text=True)
    assert done.returncode == 3
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert check_tree(target, BASE_URL) == []
    assert build(two, target).code == 0
    assert check_tree(target, BASE_URL) == []


def _private_mounts() -> bool:
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"], capture_output=True
    )
    return done.returncode == 0


@pytest.mark.skipif(not _private_mounts(), reason="needs the right to mount")
@pytest.mark.parametrize("room", ["96k", "160k", "200k", "240k"])
def test_full_disk_is_said_and_the_next_build_with_room_finishes(
    two: Repo, tmp_path: Path, room: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = " ".join(
        [*COMMAND, "build", "-C", str(two.path), "--to", f"{disk}/dist", "--base-url", BASE_URL]
    )
    two.skill("alpha", "Words. " * 6_000)
    two.commit()
    script = f"""
        mount -t tmpfs -o size={room} none {disk}
        {command}; echo "code $?" >&2
        mkdir -p {disk}/dist && cp -a {disk}/dist {tmp_path}/left
        mount -o remount,size=64M {disk} && {command} --json >/dev/null; echo "then $?" >&2
        cp -a {disk}/dist {tmp_path}/whole
    """
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], env=environment(), capture_output=True, text=True
    )
    assert "code 3" in done.stderr
    assert "[disk-full] (make room and run again: nothing that is served was harmed)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "then 0" in done.stderr
    left, whole = tmp_path / "left", tmp_path / "whole"
    assert [line for line in check_tree(left, BASE_URL) if "holds no file" not in line] == []
    assert check_tree(whole, BASE_URL) == []
    assert build(two, tmp_path / "fresh").code == 0
    assert promised(whole) == promised(tmp_path / "fresh")


def test_process_that_is_killed_leaves_a_tree_that_holds_and_the_next_finishes(
    two: Repo, target: Path, tmp_path: Path
) -> None:
    chance = random.Random(2)
    assert build(two, target).code == 0
    command = [*COMMAND, "build", "-C", str(two.path), "--to", str(target), "--base-url", BASE_URL]
    killed = 0
    for number in range(8):
        two.skill("alpha", f"Edit {number}.")
        two.skill(f"more-{number}")
        two.commit()
        process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=chance.uniform(0.15, 0.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
        assert check_tree(target, BASE_URL) == []
    assert build(two, target).code == 0
    assert killed
    assert check_tree(target, BASE_URL) == []
    assert not (target / ".tmp").exists()


def test_two_builds_into_one_folder_end_with_one_whole_tree(two: Repo, target: Path) -> None:
    for number in range(60):
        two.skill(f"more-{number}")
    two.commit()
    command = [*COMMAND, "build", "-C", str(two.path), "--to", str(target), "--base-url", BASE_URL]
    both = [
        subprocess.Popen(
            command, env=environment(), stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    said = {process.wait(): (process.stderr.read() if process.stderr else "") for process in both}
    for process in both:
        assert process.stderr
        process.stderr.close()
    assert 0 in said
    if 3 in said:
        assert "another run is writing this folder [locked] (wait for it)" in said[3]
    assert set(said) <= {0, 3}
    assert check_tree(target, BASE_URL) == []


def test_build_beside_one_that_holds_the_folder_says_so(two: Repo, target: Path) -> None:
    assert build(two, target).code == 0
    two.skill("alpha", "Another text.")
    two.commit()
    before = tree(target)
    hold = (
        f"import fcntl, os, sys\nfcntl.flock(os.open({str(target)!r}, os.O_RDONLY), fcntl.LOCK_EX)\n"
        "print('held', flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdin
        assert holder.stdout.readline() == "held\n"
        answer = build(two, target)
        holder.stdin.close()
    assert answer.code == 3
    assert "another run is writing this folder [locked] (wait for it)" in answer.err
    assert tree(target) == before
    assert build(two, target).code == 0


def _node_of(target: Path, field: str) -> Path:
    pointer = json.loads((target / "release.json").read_bytes())
    return target / "r" / pointer[field]


@pytest.mark.parametrize("harm", ["missing", "other-bytes"])
def test_node_that_is_lost_or_changed_stops_the_build_and_is_named(
    two: Repo, target: Path, harm: str
) -> None:
    assert build(two, target).code == 0
    node = _node_of(target, "root")
    node.unlink() if harm == "missing" else node.write_text("{}")
    two.skill("alpha", "Another text.")
    two.commit()
    before = tree(target)
    answer = build(two, target)
    assert answer.code == 3
    assert f"r/{node.name}" in answer.err
    assert "restore it from a back-up, or build into a new folder" in answer.err
    assert tree(target) == before


def test_index_changed_by_hand_stops_the_build_and_is_named(two: Repo, target: Path) -> None:
    assert build(two, target).code == 0
    (target / "marketplace.json").write_text("{}")
    two.skill("alpha", "Another text.")
    two.commit()
    answer = build(two, target)
    assert answer.code == 3
    assert "marketplace.json: holds bytes that no release of ours put there [changed-by-hand]" in answer.err
    assert (target / "marketplace.json").read_text() == "{}"
    (target / "marketplace.json").unlink()
    assert build(two, target).code == 0
    assert check_tree(target, BASE_URL) == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("missing", "was published, and it is gone [no-artifact]"),
        ("other-bytes", "holds other bytes than were published [bad-artifact]"),
        ("other-zip", "holds other bytes than were published [bad-artifact]"),
    ],
)
def test_artifact_that_is_lost_or_changed_never_becomes_a_page(
    two: Repo, target: Path, harm: str, said: str
) -> None:
    build(two, target)
    ours, other = (_newest_artifact(target, name) for name in ("alpha", "beta"))
    two.skill("alpha", "Second.")
    two.commit()
    assert build(two, target).code == 0
    ours.unlink() if harm == "missing" else ours.write_bytes(
        b"PK" if harm == "other-bytes" else other.read_bytes()
    )
    two.write(
        "advisories.toml", '[[advisory]]\nskill = "alpha"\nversions = [2]\nstate = "yanked"\nreason = "r"\n'
    )
    two.commit()
    before = tree(target)
    answer = build(two, target)
    assert answer.code == 3
    assert f"{ours.relative_to(target)}: {said}" in answer.err
    assert "(restore it from a back-up, or build into a new folder)" in answer.err
    assert tree(target) == before


def _newest_artifact(target: Path, name: str) -> Path:
    answer = json.loads((target / f"api/v1/index/{name}.json").read_bytes())
    return target / f"api/v1/downloads/public/{name}/{answer['versions'][-1]['sha256']}.zip"


def test_keys_that_were_switched_off_and_on_again_are_still_ours(two: Repo, target: Path) -> None:
    assert build(two, target).code == 0
    two.skill("alpha", "Second.")
    two.commit()
    assert build(two, target, "--emit", "claude").code == 0
    two.skill("alpha", "Third.")
    two.commit()
    assert build(two, target).code == 0
    assert check_tree(target, BASE_URL) == []


def empty_folder(two: Repo) -> tuple[Path, ...]:
    two.write("docs/README.md", "no skills here")
    two.commit()
    return (two.path / "docs",)


def other_roots(two: Repo) -> tuple[Path, ...]:
    two.write("registry.toml", '[content.roots]\nskill = "skils"\n')
    (two.path / "collections.toml").unlink()
    two.commit()
    return (two.path,)


def other_repository(two: Repo) -> tuple[Path, ...]:
    other = Repo.init(two.path.parent / "other")
    other.write("README.md", "nothing")
    other.commit()
    return (other.path,)


def orphan_branch(two: Repo) -> tuple[Path, ...]:
    two.git("checkout", "-q", "--orphan", "new")
    two.git("rm", "-rfq", ".")
    two.commit()
    return (two.path,)


@pytest.mark.parametrize("look", [empty_folder, other_roots, other_repository, orphan_branch])
def test_wrong_place_without_any_asset_buries_nothing_unless_told_to(
    two: Repo, target: Path, look: Callable[[Repo], tuple[Path]]
) -> None:
    assert build(two, target, "--name", "content").code == 0
    before = tree(target)
    (place,) = look(two)
    answer = build(place, target, "--name", "content")
    assert answer.code == 1
    assert "but the registry has 2 [nothing-left]" in answer.err
    assert "--allow-empty deletes them all" in answer.err
    assert tree(target) == before
    assert build(place, target, "--name", "content", "--allow-empty").code == 0
    assert check_tree(target, BASE_URL) == []
    assert "already holds" in build(place, target, "--name", "content").out


def test_last_asset_may_be_deleted_by_a_commit(two: Repo, target: Path) -> None:
    assert build(two, target).code == 0
    shutil.rmtree(two.path / "skills")
    (two.path / "collections.toml").unlink()
    two.commit()
    answer = build(two, target, "--json")
    assert (answer.code, answer.json["removed"]) == (0, ["alpha", "beta", "both"])
    assert check_tree(target, BASE_URL) == []


GOOD, BAD = 0, 1


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        (b"skills/alpha/with space.txt", GOOD, ""),
        (b"skills/alpha/a#b.txt", GOOD, ""),
        (b"skills/alpha/a%2fb.txt", GOOD, ""),
        (b"skills/alpha/-rf.txt", GOOD, ""),
        (b"skills/alpha/'quoted'.txt", GOOD, ""),
        (b"skills/alpha/$(id).txt", GOOD, ""),
        ("skills/alpha/größe.txt".encode(), GOOD, ""),
        ("skills/alpha/🎉.txt".encode(), GOOD, ""),
        (b"skills/alpha/" + b"deep/" * 40 + b"file.txt", GOOD, ""),
        (b'skills/alpha/"double".txt', GOOD, ""),
        (b"skills/alpha/new\nline.txt", BAD, "[path-control]"),
        (b"skills/alpha/back\\slash.txt", BAD, "[path-backslash]"),
        (b"skills/alpha/\xff.txt", BAD, "[path-not-utf8]"),
        ("skills/alpha/gro\u0308sse.txt".encode(), BAD, "[path-not-nfc]"),
        (b"skills/alpha/nul.txt", BAD, "[path-device]"),
        (b"skills/alpha/trailing.", BAD, "[path-trailing]"),
        (b"skills/alpha/skill.MD", BAD, ""),
        (b"skills/--help/SKILL.md", BAD, "[name"),
        (b"skills/.hidden/SKILL.md", BAD, "[name"),
        (b"skills/con/SKILL.md", BAD, "[name"),
        (b"skills/Upper/SKILL.md", BAD, "[name"),
        (b"skills/sync/SKILL.md", BAD, "[name"),
        (b"skills/new\nline/SKILL.md", BAD, "[name"),
        (b"skills/\xff/SKILL.md", BAD, "[name"),
        ("skills/größe/SKILL.md".encode(), BAD, "[name"),
        (b"skills/notes.txt", GOOD, ""),
        (b"skills/empty/notes.txt", BAD, "SKILL.md"),
    ],
)
def test_path_in_a_commit(repo: Repo, target: Path, path: bytes, code: int, said: str) -> None:
    name = path.split(b"/")[1].decode("utf-8", "replace")
    body = skill_text(name).encode() if path.endswith(b"SKILL.md") else b"text\n"
    entries = [(b"100644", b"skills/alpha/SKILL.md", skill_text("alpha").encode()), (b"100644", path, body)]
    repo.commit_tree(entries)
    checked = skillpress("check", "-C", repo.path)
    answer = build(repo, target)
    assert (checked.code, answer.code) == (code, code), answer.err + answer.out
    assert said in answer.out
    assert said in checked.out
    assert "Traceback" not in checked.err + answer.err
    if code == GOOD:
        assert check_tree(target, BASE_URL) == []
    else:
        assert not target.exists()
        assert build(repo, target, "--skip-invalid").code == 0
        assert check_tree(target, BASE_URL) == []


@pytest.mark.parametrize(
    ("mode", "path", "body", "said"),
    [
        (b"120000", b"skills/alpha/link", b"SKILL.md", "[symlink]"),
        (b"120000", b"skills/alpha/link", b"../beta", "[symlink-outside]"),
        (b"120000", b"skills/alpha/link", b"/etc/passwd", "[symlink-outside]"),
        (b"120000", b"skills/alpha/link", b"nowhere", "[symlink-dangling]"),
        (b"160000", b"skills/alpha/module", b"1" * 40, "[submodule]"),
    ],
)
def test_link_or_submodule_in_a_skill_is_refused_and_never_followed(
    repo: Repo, target: Path, mode: bytes, path: bytes, body: bytes, said: str
) -> None:
    skill = (b"100644", b"skills/alpha/SKILL.md", skill_text("alpha").encode())
    repo.commit_tree([skill, (mode, path, body)])
    answer = build(repo, target)
    assert answer.code == 1
    assert said in answer.out
    assert not target.exists()


@pytest.mark.parametrize(
    ("mode", "path", "body"),
    [
        (b"120000", b"skills", b"/etc"),
        (b"120000", b"skills", b"elsewhere"),
        (b"100644", b"skills", b"text"),
        (b"160000", b"skills", b"1" * 40),
    ],
    ids=["link-out", "link-in", "file", "submodule"],
)
def test_skills_that_is_no_folder_holds_nothing_and_is_said(
    repo: Repo, target: Path, mode: bytes, path: bytes, body: bytes
) -> None:
    other = (b"100644", b"elsewhere/alpha/SKILL.md", skill_text("alpha").encode())
    repo.commit_tree([other, (mode, path, body)])
    answer = build(repo, target)
    assert answer.code == 0
    assert "the registry is empty: there is no skills/<name>/SKILL.md at this commit" in answer.err


def test_skill_that_is_a_link_or_a_submodule_is_left_out(repo: Repo, target: Path) -> None:
    skill = (b"100644", b"skills/alpha/SKILL.md", skill_text("alpha").encode())
    repo.commit_tree([skill, (b"120000", b"skills/beta", b"alpha"), (b"160000", b"skills/gamma", b"1" * 40)])
    answer = build(repo, target, "--json")
    assert (answer.code, answer.json["skills"]) == (0, 1)


def test_every_problem_of_every_skill_is_said_in_one_run_and_nothing_is_written(
    two: Repo, target: Path
) -> None:
    two.write("skills/one/SKILL.md", "no front matter\n")
    two.write("skills/two/SKILL.md", "---\nname: two\n---\n\nText.\n")
    two.write("skills/two/nul", "text")
    two.commit()
    answer = build(two, target, "--json")
    assert answer.code == 1
    found = {(finding["name"], finding["rule"]) for finding in answer.json["findings"]}
    assert {name for name, _ in found} == {"one", "two"}
    assert ("two", "path-device") in found
    assert not target.exists()
