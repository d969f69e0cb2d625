"""The folder of a ceremony: what is in it, which roles end when, and files that do not hold together."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from signed_registry import DAY, NOW, Signatures

from registry_builder.cli import run
from registry_builder.core.errors import Foreign, Misuse, Refusal
from registry_builder.trust import ceremony
from registry_builder.trust.metadata import Lifetimes, keyids_of

PUBLIC = ["1.root.json", "1.targets.json", "lifetimes.json", "private", "root.json"]


def test_init_makes_public_files_and_one_private_key_for_each_holder(tmp_path: Path) -> None:
    assert run(["keys", "init", "--dir", str(tmp_path / "keys"), "--threshold", "2", "--root-keys", "3"]) == 0
    folder = tmp_path / "keys"
    assert sorted(path.name for path in folder.iterdir()) == PUBLIC
    assert (folder / "root.json").read_bytes() == (folder / "1.root.json").read_bytes()
    assert (folder / "private" / ".gitignore").read_text() == "*\n"
    found = sorted(path.name.partition("-")[0] for path in folder.rglob("*.pem"))
    assert found == ["releases", *["root"] * 3, "snapshot", *["targets"] * 3, "timestamp"]


@pytest.mark.parametrize("role", ["targets", "releases", "snapshot", "timestamp"])
def test_each_role_ends_when_its_own_lifetime_does(signatures: Signatures, tmp_path: Path, role: str) -> None:
    days = {"targets": 90, "releases": 90, "snapshot": 90, "timestamp": 90} | {role: 2}
    signatures.folder = tmp_path / "short"
    ceremony.init(signatures.folder, Lifetimes(**days), 1, 1, NOW)
    signatures.trusted = (signatures.folder / "root.json").read_bytes()
    signatures.sign()
    signatures.now = NOW + 2 * DAY - timedelta(seconds=1)
    assert signatures.refusals() == []
    signatures.now = NOW + 2 * DAY
    key = "tuf/timestamp.json" if role == "timestamp" else f"tuf/1.{role}.json"
    assert signatures.refusals() == [(f"expired-{role}", key)]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"timestamp": 0}', '{"timestamp": 1.5}', '{"timestap": 1}', '{"root": 4000}']
)
def test_lifetimes_that_make_no_sense_are_refused(signatures: Signatures, text: str) -> None:
    (signatures.folder / "lifetimes.json").write_text(text)
    with pytest.raises(Misuse, match="bad-lifetimes"):
        ceremony.load(signatures.folder)


@pytest.mark.parametrize("name", ["1.root.json", "1.targets.json", "2.root.json"])
@pytest.mark.parametrize("what", ["cut off", "no JSON", "of others", "of another role"])
def test_public_file_that_was_changed_is_refused(
    signatures: Signatures, tmp_path: Path, name: str, what: str
) -> None:
    signatures.rotate("root")
    path = signatures.folder / name
    body = path.read_bytes()
    if what == "cut off":
        path.write_bytes(body[:-1])
    elif what == "no JSON":
        path.write_bytes(b"")
    elif what == "of others":
        ceremony.init(tmp_path / "others", Lifetimes(), 1, 1, NOW)
        path.write_bytes((tmp_path / "others" / name.replace("2.", "1.")).read_bytes())
    else:
        other = "1.targets.json" if "root" in name else "1.root.json"
        path.write_bytes((signatures.folder / other).read_bytes())
    with pytest.raises(Foreign):
        ceremony.load(signatures.folder)


def test_folder_without_keys_is_misuse(tmp_path: Path) -> None:
    (tmp_path / "x.targets.json").write_text("{}")
    with pytest.raises(Misuse, match="no-keys"):
        ceremony.load(tmp_path)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["timestamp", "--threshold", "2"], "one-key"),
        (["releases", "--root-keys", "2"], "one-key"),
        (["root", "--threshold", "4"], "bad-threshold"),
        (["root", "--only", "zz"], "no-such-key"),
        (["root", "--only", ""], "no-such-key"),
        (["root", "--only", "{first}", "--root-keys", "2"], "bad-threshold"),
    ],
)
def test_rotation_that_makes_no_sense_changes_nothing(
    signatures: Signatures, capsys: pytest.CaptureFixture[str], words: list[str], code: str
) -> None:
    first = keyids_of(ceremony.load(signatures.folder).root.signed, "root")[0]
    before = sorted(signatures.folder.rglob("*"))
    given = [word.format(first=first) for word in words]
    assert run(["keys", "rotate", *given, "--dir", str(signatures.folder)]) == 2
    assert f"[{code}]" in capsys.readouterr().err
    assert sorted(signatures.folder.rglob("*")) == before


def test_lost_threshold_of_root_cannot_be_made_up(signatures: Signatures) -> None:
    signatures.hidden = set(keyids_of(ceremony.load(signatures.folder).root.signed, "root")[:2])
    before = sorted(signatures.folder.rglob("*"))
    for role in ("root", "targets", "snapshot", "timestamp"):
        with pytest.raises(Refusal, match="too-few-keys"):
            signatures.rotate(role)
    assert sorted(signatures.folder.rglob("*")) == before
    signatures.rotate("releases")
    assert ceremony.load(signatures.folder).targets.version == 2


def test_show_says_which_private_keys_are_here(
    signatures: Signatures, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (signatures.folder / "private" / "offline").glob("targets-*"):
        path.unlink()
    assert run(["keys", "show", "--dir", str(signatures.folder), "--json"]) == 0
    rows = {row["role"]: row for row in json.loads(capsys.readouterr().out)["roles"]}
    here = {role: [key["private"] for key in row["keys"]] for role, row in rows.items()}
    assert here == {
        "root": [True] * 3,
        "targets": [False] * 3,
        "releases": [True],
        "snapshot": [True],
        "timestamp": [True],
    }
    assert [rows[role]["threshold"] for role in here] == [2, 2, 1, 1, 1]
    assert (rows["root"]["version"], rows["root"]["until"]) == (1, "2027-01-01")
