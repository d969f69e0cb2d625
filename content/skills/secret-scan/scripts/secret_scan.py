#!/usr/bin/env python3
"""Find credentials in files or in a diff. Values are never printed whole.

Exit 0 when nothing was found, 1 when something was, 2 when the input cannot be read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import signal
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

SIZE_LIMIT = 5 * 1024 * 1024
SKIPPED_FOLDERS = {".git", "node_modules", ".venv", "venv", "__pycache__", ".mypy_cache", ".tox"}
ALLOW_MARK = "secret-scan: allow"
# (rule, severity, pattern with the secret as its last group)
RULES = [(name, severity, re.compile(pattern)) for name, severity, pattern in [
    ("private-key", "high", r"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?)-----"),
    ("aws-access-key", "high", r"\b((?:AKIA|ASIA)[A-Z2-7]{16})\b"),
    ("aws-secret-key", "high", r"(?i:aws.{0,20}secret.{0,20})['\"=:\s]([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"),
    ("github-token", "high", r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})"),
    ("gitlab-token", "high", r"\b(glpat-[A-Za-z0-9_-]{20,})"),
    ("slack-token", "high", r"\b(xox[abprs]-[A-Za-z0-9-]{20,})"),
    ("slack-webhook", "high", r"(hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,})"),
    ("stripe-key", "high", r"\b((?:sk|rk)_live_[A-Za-z0-9]{20,})"),
    ("google-api-key", "high", r"\b(AIza[A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])"),
    ("anthropic-key", "high", r"\b(sk-ant-[A-Za-z0-9_-]{32,})"),
    ("openai-key", "high", r"\b(sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{40,})"),
    ("package-token", "high", r"\b(npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{80,})"),
    ("sendgrid-key", "high", r"\b(SG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{40,})"),
    ("json-web-token", "medium", r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})"),
    ("url-password", "medium", r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"<>]+:([^\s/@'\"<>]{3,})@[A-Za-z0-9.-]+"),
    ("assigned-secret", "medium",
     r"(?i)(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?secret)"
     r"[\"']?\s*(?:=|:=|:|=>)\s*[\"']([^\"'\s]{8,})[\"']"),
    ("assigned-secret", "medium",
     r"^(?:export\s+)?[A-Z][A-Z0-9_]*(?:PASSWORD|SECRET|TOKEN|API_KEY)=([^\s\"'#]{8,})\s*$"),
]]
PLACEHOLDER = re.compile(
    r"(?i)^(?:x+|\*+|\.+|<.*>|\$\{.*|\$\(.*|\$[A-Z_]+|%\(?\w+\)?[%s]?|\{\{?.*\}?\}|your[-_ ].*|.*example.*|.*placeholder.*"
    r"|change[-_ ]?me.*|.*dummy.*|.*redacted.*|none|null|true|false|process\.env.*|os\.environ.*|env[.(:].*)$")


@dataclass(frozen=True)
class Finding:
    """One credential: where it is, what it looks like, and a fingerprint to allow it by."""

    file: str
    line: int
    rule: str
    severity: str
    shown: str
    fingerprint: str


def entropy(text: str) -> float:
    """Shannon entropy of `text` in bits a character: 0 for "aaaa", above 3 for random words."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def is_noise(rule: str, secret: str) -> bool:
    """Whether a match is a placeholder or a word rather than a value somebody made up or drew."""
    if rule == "private-key":
        return False
    if PLACEHOLDER.match(secret):
        return True
    if rule == "assigned-secret":
        return entropy(secret) < 2.8 or bool(re.fullmatch(r"[A-Za-z]+([._ -][A-Za-z]+)*", secret))
    return rule != "url-password" and entropy(secret) < 2.5


def redacted(secret: str) -> str:
    """Enough of `secret` to find it again, and no more."""
    return f"{secret[:4]}… ({len(secret)} characters)" if len(secret) >= 12 else f"({len(secret)} characters)"


def scan_line(file: str, number: int, line: str) -> list[Finding]:
    """What one line gives away; the same value is reported once, by the first rule that knows it."""
    if ALLOW_MARK in line:
        return []
    found: dict[str, Finding] = {}
    for rule, severity, pattern in RULES:
        for match in pattern.finditer(line):
            secret = match[match.lastindex or 0]
            if is_noise(rule, secret) or any(secret in known or known in secret for known in found):
                continue
            shown = secret if rule == "private-key" else redacted(secret)
            # A key block's first line is the same in every file, so the place must count too.
            basis = f"{rule}\0{file if rule == 'private-key' else ''}\0{secret}"
            fingerprint = hashlib.sha256(basis.encode("utf-8", "replace")).hexdigest()[:16]
            found[secret] = Finding(file, number, rule, severity, shown, fingerprint)
    return list(found.values())


def scan_text(file: str, text: str) -> list[Finding]:
    return [f for number, line in enumerate(text.split("\n"), 1) for f in scan_line(file, number, line.rstrip("\r"))]


def scan_diff(text: str) -> list[Finding]:
    """What the added lines of a unified diff give away, at the new file's line numbers."""
    findings: list[Finding] = []
    file, number, left_old, left_new = "(diff)", 0, 0, 0
    for line in text.split("\n"):
        hunk = re.match(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line)
        if left_old <= 0 and left_new <= 0:
            if line.startswith("+++ "):
                name = line[4:].split("\t")[0].strip('"')
                file = name[2:] if name[:2] in ("a/", "b/", "i/", "w/") else name
            elif hunk:
                left_old, number, left_new = int(hunk[1] or 1), int(hunk[2]), int(hunk[3] or 1)
            continue
        if line.startswith("+"):
            findings += scan_line(file, number, line[1:].rstrip("\r"))
        if not line.startswith(("-", "\\")):
            number, left_new = number + 1, left_new - 1
        if not line.startswith(("+", "\\")):
            left_old -= 1
    return findings


def files_below(path: Path) -> list[Path]:
    """The files at or below `path`, sorted, without tool folders and links."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        fail(f"{path}: no such file or folder")
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        found += [file for file in (Path(folder, name) for name in names) if file.is_file() and not file.is_symlink()]
    return sorted(found)


def scan_files(paths: list[Path]) -> tuple[list[Finding], list[str]]:
    """The findings in `paths`, and a remark for each file that was not scanned."""
    findings, remarks = [], []
    for file in sorted({file for path in paths for file in files_below(path)}):
        name = file.as_posix()
        try:
            if file.stat().st_size > SIZE_LIMIT:
                remarks.append(f"{name}: not scanned, above {SIZE_LIMIT >> 20} MiB")
                continue
            data = file.read_bytes()
        except OSError as error:
            remarks.append(f"{name}: not scanned, {error.strerror}")
            continue
        if b"\0" not in data[:8192]:
            findings += scan_text(name, data.decode("utf-8", "replace"))
    return findings, remarks


def allowed(path: Path | None) -> set[str]:
    """The fingerprints in an allow file: one a line, anything behind # is a comment."""
    if path is None:
        return set()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    words = [line.split("#")[0].strip() for line in lines]
    wrong = [word for word in words if word and not re.fullmatch(r"[0-9a-f]{16}", word)]
    if wrong:
        fail(f"{path}: {wrong[0]!r} is no fingerprint of 16 hex digits")
    return {word for word in words if word}


def fail(message: str) -> None:
    print(f"secret_scan: {message}", file=sys.stderr)
    raise SystemExit(2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, help="files or folders")
    parser.add_argument("--diff", action="store_true", help="read a unified diff on standard input; only added lines count")
    parser.add_argument("--allow", type=Path, metavar="FILE", help="fingerprints that were looked at and are no secrets")
    parser.add_argument("--json", action="store_true", help="one JSON array instead of lines")
    args = parser.parse_args()
    if args.diff == bool(args.paths):
        parser.error("name files or folders, or pass --diff and a diff on standard input")
    known = allowed(args.allow)
    if args.diff:
        findings, remarks = scan_diff(sys.stdin.buffer.read().decode("utf-8", "replace")), []
    else:
        findings, remarks = scan_files(args.paths)
    shown = [finding for finding in findings if finding.fingerprint not in known]
    if args.json:
        print(json.dumps([asdict(finding) for finding in shown], indent=2, ensure_ascii=False))
    else:
        for f in shown:
            print(f"{f.file}:{f.line}: {f.severity} {f.rule}: {f.shown} [{f.fingerprint}]")
        print(f"found: {len(shown)}, allowed: {len(findings) - len(shown)}")
    for remark in remarks:
        print(f"secret_scan: {remark}", file=sys.stderr)
    return 1 if shown else 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(main())
