"""The skill secret-scan. The secrets are put together here, so that no scanner takes this file for a leak."""

from __future__ import annotations

import json

import pytest

SCRIPT = "skills/secret-scan/scripts/secret_scan.py"
GITHUB = "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
AWS = "AK" + "IA" + "QWERTY23UIOP45AS"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYzzKq2TbN9s"
DRAWN = "8f3KqLw92hXz" + "PmT4vRb6YcNd"

SECRETS = [
    (f"key = {AWS}", "high", "aws-access-key", "AKIA… (20 characters)"),
    (f"aws_secret_access_key = {AWS_SECRET}", "high", "aws-secret-key", "wJal… (40 characters)"),
    (f"clone https://{GITHUB}@github.com/x", "high", "github-token", "ghp_… (40 characters)"),
    ("-----BEGIN RSA " + "PRIVATE KEY-----", "high", "private-key", "RSA PRIVATE KEY"),
    ("xox" + "b-123456789012-abcdefGHIJKL", "high", "slack-token", "xoxb… (30 characters)"),
    ("sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", "high", "stripe-key", "sk_l… (32 characters)"),
    ("url = postgres://app:hunter" + "2pw@db.internal/x", "medium", "url-password", "(9 characters)"),
    (f'"api_key": "{DRAWN}"', "medium", "assigned-secret", "8f3K… (24 characters)"),
    (f"export DB_PASSWORD={DRAWN}", "medium", "assigned-secret", "8f3K… (24 characters)"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "severity", "rule", "shown"), SECRETS)
def test_each_shape_is_found_once_and_never_printed_whole(run, tmp_path, line, severity, rule, shown):
    (tmp_path / "f.txt").write_text(f"first\n{line}\n")
    done = run(SCRIPT, "f.txt", "--json")
    (finding,) = json.loads(done.stdout)
    fingerprint = finding.pop("fingerprint")
    assert finding == {"file": "f.txt", "line": 2, "rule": rule, "severity": severity, "shown": shown}
    assert done.returncode == 1
    assert (
        run(SCRIPT, "f.txt").stdout
        == f"f.txt:2: {severity} {rule}: {shown} [{fingerprint}]\nfound: 1, allowed: 0\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        'password = "${DB_PASSWORD}"',
        'token: "<your token here>"',
        'secret = "changeme-please-1"',
        'api_key = "EXAMPLE1234567890"',
        'password = "correct.horse.battery"',
        'password_field = "aaaaaaaaaaaa"',
        "url = https://user:${PASSWORD}@host/",
        "token = os.environ['TOKEN_OF_MINE']",
        "AKIA is how such a key begins",
        f'api_key = "{DRAWN}"  # secret-scan: allow',
        "sha256 = 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_placeholders_words_digests_and_marked_lines_are_passed_over(run, tmp_path, line):
    (tmp_path / "f.txt").write_text(line)
    done = run(SCRIPT, "f.txt")
    assert (done.returncode, done.stdout, done.stderr) == (0, "found: 0, allowed: 0\n", "")


def test_a_folder_is_walked_in_order_without_binaries_and_tool_folders(run, tmp_path):
    for name in ("b/two.py", "a/one.py", "node_modules/three.js", ".git/config"):
        file = tmp_path / "src" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(GITHUB)
    (tmp_path / "src" / "image.bin").write_bytes(b"\0" + GITHUB.encode())
    done = run(SCRIPT, "src", "--json")
    assert [finding["file"] for finding in json.loads(done.stdout)] == ["src/a/one.py", "src/b/two.py"]


def test_of_a_staged_diff_only_added_lines_count_at_their_new_numbers(run, repository):
    repository.write("app.py", f"one\nold = '{GITHUB}'\nthree\n")
    repository.commit("Begin")
    repository.write("app.py", f"one\nthree\n++ {AWS}\n")
    diff = repository.git("diff", "--cached", "--no-color")
    done = run(SCRIPT, "--diff", "--json", stdin=diff)
    (finding,) = json.loads(done.stdout)
    assert (finding["file"], finding["line"], finding["rule"]) == ("app.py", 3, "aws-access-key")


def test_an_allowed_fingerprint_stays_allowed_when_the_line_moves(run, tmp_path):
    (tmp_path / "f.txt").write_text(GITHUB)
    fingerprint = json.loads(run(SCRIPT, "f.txt", "--json").stdout)[0]["fingerprint"]
    (tmp_path / "allow").write_text(f"# known\n{fingerprint}  # of the sandbox\n")
    (tmp_path / "f.txt").write_text(f"\n\n{GITHUB}\n{AWS}\n")
    done = run(SCRIPT, "f.txt", "--allow", "allow")
    assert done.returncode == 1
    assert done.stdout.startswith("f.txt:4: high aws-access-key: ")
    assert done.stdout.endswith("found: 1, allowed: 1\n")


def test_bad_input_is_an_error_and_never_a_clean_result(run, tmp_path):
    (tmp_path / "f.txt").write_text("x")
    (tmp_path / "allow").write_text("not-a-fingerprint\n")
    for arguments, message in (
        (["nowhere"], "secret_scan: nowhere: no such file or folder\n"),
        (["f.txt", "--allow", "gone"], "secret_scan: gone: No such file or directory\n"),
        (
            ["f.txt", "--allow", "allow"],
            "secret_scan: allow: 'not-a-fingerprint' is no fingerprint of 16 hex digits\n",
        ),
    ):
        done = run(SCRIPT, *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
    both = run(SCRIPT, "f.txt", "--diff")
    assert both.returncode == 2
    assert both.stderr.endswith("error: name files or folders, or pass --diff and a diff on standard input\n")
