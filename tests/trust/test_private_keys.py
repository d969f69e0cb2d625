"""Private keys are written for their owner alone, read with care, and never seen anywhere else."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from history import Repo, make_repo, skill

from registry_builder.cli import run
from registry_builder.core.errors import Misuse
from registry_builder.trust.keyring import read_file, read_text

BASE = ["--base-url", "https://skills.test", "--name", "reg"]


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = make_repo(tmp_path / "content")
    made.commit({"skills/alpha/SKILL.md": skill("alpha")})
    return made


def _pem(key: object, password: bytes | None = None) -> str:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    body: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)  # type: ignore[attr-defined]
    return body.decode()


def _secrets(folder: Path) -> set[bytes]:
    """Every private key below `folder` as its PEM text, its DER in base64, its raw bytes, and in hex."""
    found: set[bytes] = set()
    for path in folder.rglob("*.pem"):
        for signer in read_file(path).signers.values():
            raw = signer._private_key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())  # type: ignore[call-arg]
            found |= {raw, raw.hex().encode(), base64.b64encode(raw)}
            found.add(b"".join(path.read_bytes().splitlines()[1:-1]))
    return found


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pem"]


def test_nothing_but_the_key_files_ever_holds_a_private_key(
    repo: Repo,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    folder, dist = tmp_path / "keys", tmp_path / "dist"
    assert run(["keys", "init", "--dir", str(folder), "--threshold", "2", "--root-keys", "3"]) == 0
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.rglob("*.pem"))
    assert (folder / "private").stat().st_mode & 0o077 == 0
    online = folder / "private" / "online"
    monkeypatch.setenv("ONLINE", "".join(path.read_text() for path in sorted(online.glob("*.pem"))))
    elsewhere = tmp_path / "elsewhere"
    online.rename(elsewhere)
    sign = ["--keys", str(folder), "--key-env", "ONLINE"]
    publish = ["publish", "-C", str(repo.path), "--to", str(dist), *BASE]
    assert run([*publish, "--sign", *sign, "--json"]) == 0
    assert run(["keys", "rotate", "root", "--dir", str(folder)]) == 0
    assert run(["keys", "show", "--dir", str(folder), "--json"]) == 0
    assert run(["sign", "--to", str(dist), *sign, "--renew"]) == 0
    monkeypatch.setenv("ONLINE", "".join(path.read_text()[:90] for path in elsewhere.glob("*.pem")))
    assert run(["sign", "--to", str(dist), *sign]) == 2
    captured = capfd.readouterr()
    secrets = _secrets(folder) | _secrets(elsewhere)
    seen = [captured.out.encode(), captured.err.encode(), caplog.text.encode()]
    seen += _files(folder) + _files(dist) + _files(repo.path)
    assert len(secrets) == 4 * (6 + 3 + 3)
    assert [text for text in seen if any(secret in text for secret in secrets)] == []


def test_keys_are_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "keys"
    assert run(["keys", "init", "--dir", str(folder)]) == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert run(["keys", "init", "--dir", str(folder)]) == 2
    assert "[keys-exist]" in capsys.readouterr().err
    for role in ("root", "targets", "releases", "snapshot", "timestamp"):
        assert run(["keys", "rotate", role, "--dir", str(folder)]) == 0
    after = {path: path.read_bytes() for path in before if path.name != "root.json"}
    assert after == {path: body for path, body in before.items() if path.name != "root.json"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no private key"),
        ("secret", "holds no private key"),
        ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "cannot be read"),
        ("-----BEGIN PRIVATE KEY-----\nsecret", "holds no private key"),
        (_pem(generate_private_key(65537, 2048)), "is not Ed25519"),
        (_pem(Ed25519PrivateKey.generate(), b"secret"), "cannot be read"),
    ],
    ids=["empty", "no PEM", "no key", "cut off", "RSA", "encrypted"],
)
def test_text_that_is_no_key_is_refused_and_not_quoted(text: str, said: str) -> None:
    with pytest.raises(Misuse, match=said) as caught:
        read_text(text, "NAME")
    assert "secret" not in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_one_text_holds_several_keys_and_carriage_returns(tmp_path: Path) -> None:
    text = "".join(_pem(Ed25519PrivateKey.generate()) for _ in range(3))
    assert len(read_text(text, "NAME").signers) == 3
    assert (
        read_text(text.replace("\n", "\r\n"), "NAME").signers.keys() == read_text(text, "NAME").signers.keys()
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.pem"
    path.write_text(_pem(Ed25519PrivateKey.generate()))
    path.chmod(mode)
    with pytest.raises(Misuse, match="open-key"):
        read_file(path)
    path.chmod(0o400)
    assert len(read_file(path).signers) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--sign"], 2, "no-keys"),
        (["--sign", "--keys", "{empty}"], 2, "no-keys"),
        (["--sign", "--keys", "{public}"], 2, "too-few-keys"),
        (["--sign", "--keys", "{public}", "--key-env", "NOT_SET_ANYWHERE"], 2, "no-such-variable"),
        (["--sign", "--keys", "{public}", "--key", "{public}/root.json"], 2, "-key]"),
    ],
)
def test_publish_with_unfit_keys_stops_before_it_writes(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    public, empty, dist = tmp_path / "public", tmp_path / "empty", tmp_path / "dist"
    empty.mkdir()
    assert run(["keys", "init", "--dir", str(public)]) == 0
    (public / "private").rename(tmp_path / "safe")
    given = [word.format(empty=empty, public=public) for word in words]
    assert run(["publish", "-C", str(repo.path), "--to", str(dist), *BASE, *given]) == code
    assert said in capsys.readouterr().err
    assert not dist.exists()


def test_published_to_s3_signed_renewed_and_checked(
    repo: Repo, tmp_path: Path, s3_address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from datetime import UTC, datetime

    from registry_builder.store.target import open_store
    from registry_builder.trust.check import check_trust

    folder = tmp_path / "keys"
    assert run(["keys", "init", "--dir", str(folder), "--timestamp-days", "3"]) == 0
    publish = ["publish", "-C", str(repo.path), "--to", s3_address, *BASE, "--sign", "--keys", str(folder)]
    capsys.readouterr()
    assert run([*publish, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["signed"]
    assert run([*publish, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["signed"]
    assert (again["versions"], again["written"]) == (first["versions"], [])
    assert run(["sign", "--to", s3_address, "--keys", str(folder), "--renew"]) == 0
    with open_store(s3_address) as store:
        report = check_trust(
            store, (folder / "root.json").read_bytes(), datetime.now(UTC), tmp_path / "state"
        )
    assert (report.faults, report.root, report.versions["timestamp"]) == ((), first["root"], 2)
