"""The scan itself: each file by what it is, every rule, and a report that is the same for the same folder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from dynamic_api.scan.advisories import Advisories, built_in
from dynamic_api.scan.dependencies import check_manifest, is_lock
from dynamic_api.scan.files import kind_of, split_fences
from dynamic_api.scan.hidden import hidden_characters, hidden_comments
from dynamic_api.scan.languages import CODE, SHELL_SPAWN, is_scrambled
from dynamic_api.scan.python_code import check_python, parse
from dynamic_api.scan.report import Finding, Report, lower, report_of
from dynamic_api.scan.rules import RULES
from dynamic_api.scan.shell import COMMANDS, READS_CREDENTIALS, SENDS
from dynamic_api.scan.text import MOST_HITS, Budget, Hit, Text, commands, hits, prose
from dynamic_api.scan.wording import WORDING, is_quoted
from registry_builder.core.folder import File, Folder
from registry_builder.core.rules.secrets import check_secrets
from registry_builder.core.rules.text import check_texts
from registry_builder.core.shown import shown

SCANNER = 1
"""The version of the rules: a report says by which it was made."""


def scan(folder: Folder, advisories: Advisories | None = None) -> Report:
    """What is suspicious in `folder`, in a time that is in proportion to its size."""
    running = _Scan(advisories if advisories is not None else built_in())
    locks = {file.path.rpartition("/")[0] for file in folder.files if is_lock(file.path.rpartition("/")[2])}
    for file in folder.files:
        running.file(file, file.path.rpartition("/")[0] in locks)
    for problem in check_secrets(folder):
        running.add("secret", problem.path, problem.line, problem.message)
    for problem in check_texts(folder):
        if problem.rule == "hidden-unicode":
            running.add("hidden-characters", problem.path, problem.line, problem.message)
    if running.budget.left < 0:
        running.add("scan-incomplete", "", 0, "not every place could be looked at")
    return report_of(running.findings, SCANNER)


@dataclass(slots=True)
class _Scan:
    advisories: Advisories
    budget: Budget = field(default_factory=Budget)
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, rule: str, path: str, line: int, message: str, severity: str = "") -> None:
        """Keep a finding; of one rule in one file, the first few. The rule's own severity is the default."""
        self.counts[rule, path] += 1
        if self.counts[rule, path] <= MOST_HITS:
            known = RULES[rule]
            severity = severity or known.severity
            self.findings.append(Finding(rule, severity, shown(path, 300), line, message, known.mend))

    def file(self, file: File, locked: bool) -> None:
        kind = kind_of(file.path, file.data)
        if kind == "program":
            self.add("binary-program", file.path, 0, "this is a program for a machine")
        elif kind == "archive":
            self.add("nested-archive", file.path, 0, "this is an archive")
        elif kind == "python":
            self._python(file)
        elif kind == "shell":
            self._code(file, b"#")
        elif kind == "code":
            self._code(file, b"//", b"#", b"*", b"--")
        elif kind == "config":
            self._code(file, b"//", b"#", b";")
            self._wording(file, file.data, quotes=False)
        elif kind == "text":
            self._text(file)
        if kind not in ("program", "archive"):
            for rule, offset, message in hidden_characters(file.data):
                self.add(rule, file.path, Text(file.data, b"").line(offset), message)
        for rule, line, message in check_manifest(file.path, file.data, self.advisories, locked, self.budget):
            self.add(rule, file.path, line, message)

    def _python(self, file: File) -> None:
        tree = parse(file.data, self.budget)
        if tree is not None:
            for rule, line, message in check_python(tree, self.budget):
                self.add(rule, file.path, line, message)
            return
        self.add("not-parsed", file.path, 0, "this could not be parsed as Python")
        self._code(file, b"#")

    def _code(self, file: File, *comments: bytes) -> None:
        text = commands(file.data)
        for hit in [*hits(text, COMMANDS, self.budget), *hits(text, CODE, self.budget)]:
            if not _is_comment(text, hit, comments):
                self.add(hit.pattern.rule, file.path, text.line(hit.start), hit.pattern.message)
        self._credentials(file, text, comments)
        self._shells(file, text)
        if is_scrambled(file.data):
            self.add("obfuscated", file.path, 0, "its names are those of an obfuscator")

    def _credentials(self, file: File, text: Text, comments: tuple[bytes, ...]) -> None:
        read = [
            hit for hit in hits(text, READS_CREDENTIALS, self.budget) if not _is_comment(text, hit, comments)
        ]
        if not read:
            return
        rule = "credential-near-network" if any(hits(text, SENDS, self.budget)) else "credential-read"
        self.add(rule, file.path, text.line(read[0].start), read[0].pattern.message)

    def _shells(self, file: File, text: Text) -> None:
        joined = any(
            word in text.searched
            for word in (b"net.socket", b"net.connect", b"net.createconnection", b"tcpsocket")
        )
        if joined and (b".pipe(" in text.searched or b"stdin" in text.searched):
            for hit in hits(text, SHELL_SPAWN, self.budget):
                self.add("reverse-shell", file.path, text.line(hit.start), hit.pattern.message)

    def _text(self, file: File) -> None:
        """What a text says to run counts one step less, and what it quotes counts little."""
        split = split_fences(file.data)
        text = Text(file.data, b"")
        found = [
            *hits(commands(split.shell), COMMANDS, self.budget),
            *hits(commands(split.code), CODE, self.budget),
        ]
        for hit in found:
            rule = RULES[hit.pattern.rule]
            message = f"{hit.pattern.message}, if the text is followed"
            self.add(rule.id, file.path, text.line(hit.start), message, lower(rule.severity))
        self._wording(file, split.prose, quotes=True)
        for rule_id, offset, message in hidden_comments(file.data, self.budget):
            self.add(rule_id, file.path, text.line(offset), message)

    def _wording(self, file: File, plain: bytes, *, quotes: bool) -> None:
        """What the file tells an agent. `plain` has spaces where code is; `quotes`: it may quote others."""
        text = prose(file.data)
        for hit in hits(text, WORDING, self.budget):
            said = shown(file.data[hit.start : hit.end].decode("utf-8", "replace"), 80)
            severity = RULES[hit.pattern.rule].severity
            if quotes and is_quoted(text.line_text(hit.start)):
                severity = "low"
            elif plain[hit.start] != file.data[hit.start]:
                severity = lower(severity)
            message = f"{hit.pattern.message}: {said}"
            self.add(hit.pattern.rule, file.path, text.line(hit.start), message, severity)


def _is_comment(text: Text, hit: Hit, comments: tuple[bytes, ...]) -> bool:
    return text.line_text(hit.start).lstrip().startswith(comments)
