"""Every rule of the scan: what it finds, how bad that is, and what the author can do."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """`severity` is for code that runs; in the text of a skill, commands count one step less."""

    id: str
    severity: str
    title: str
    mend: str


_ROWS = (
    # What runs.
    (
        "run-downloaded",
        "high",
        "runs what it downloads",
        "ship the program with the skill, or check its digest before it runs",
    ),
    ("run-decoded", "critical", "runs code that is hidden in an encoding", "write the code as it is"),
    ("reverse-shell", "critical", "hands a shell to another machine", "remove it"),
    ("credential-theft", "critical", "sends credentials away", "remove it"),
    (
        "credential-near-network",
        "high",
        "reads credentials, and talks to the network",
        "ask for the one value it needs in an environment variable",
    ),
    (
        "credential-read",
        "medium",
        "reads a file of credentials",
        "ask for the one value it needs in an environment variable",
    ),
    (
        "environment-sent",
        "high",
        "sends the whole environment away",
        "send the values that are needed, by name",
    ),
    (
        "persistence",
        "high",
        "makes itself run again later",
        "leave start-up files, schedules and keys to the user",
    ),
    ("shell-profile", "low", "changes the user's shell profile", "tell the user what to add"),
    ("destructive", "high", "destroys what is not its own", "name the files it made"),
    ("defence-off", "high", "turns a protection off", "work within the protection, and say what it needs"),
    ("obfuscated", "medium", "is written so that nobody can read it", "ship the source"),
    ("dynamic-code", "low", "runs code that is made while it runs", "call functions by name"),
    (
        "shell-injection",
        "low",
        "builds a command line out of values",
        "pass a list of arguments, without a shell",
    ),
    ("tls-off", "low", "does not check certificates", "leave the check on"),
    (
        "binary-program",
        "medium",
        "is a program that cannot be read here",
        "ship the source, or fetch a release with a known digest",
    ),
    ("nested-archive", "low", "is an archive, which is not looked into", "ship the files themselves"),
    (
        "not-parsed",
        "low",
        "could not be parsed, so only words were looked for",
        "split it, or mend its syntax",
    ),
    # What is told to an agent.
    (
        "prompt-injection",
        "high",
        "tells the agent to drop its instructions",
        "say what the skill does, and no more",
    ),
    (
        "prompt-conceal",
        "high",
        "tells the agent to hide something from the user",
        "let the user see everything",
    ),
    ("prompt-exfiltrate", "high", "tells the agent to send secrets away", "remove it"),
    ("prompt-unsafe", "medium", "tells the agent to go around a safeguard", "leave the decision to the user"),
    ("hidden-tags", "critical", "holds text in characters that nobody sees", "remove the characters"),
    ("hidden-direction", "high", "holds characters that reorder what is seen", "remove the characters"),
    (
        "hidden-characters",
        "low",
        "holds characters that nobody sees",
        "remove the characters, or write them as escapes",
    ),
    (
        "hidden-comment",
        "high",
        "has instructions in an HTML comment",
        "write them where a reader sees them, or remove them",
    ),
    ("hidden-markup", "medium", "has text that a page would not show", "show it, or remove it"),
    ("image-beacon", "medium", "has an image whose address carries data away", "use a plain image"),
    # What it brings along.
    ("secret", "medium", "seems to hold a secret", "revoke it where it was issued, and remove it"),
    (
        "dependency-malicious",
        "critical",
        "needs a package that is known to be malicious",
        "remove it, or take a version that is not affected",
    ),
    (
        "dependency-vulnerable",
        "medium",
        "needs a version with a known weakness",
        "raise it to the version that mends it",
    ),
    (
        "dependency-url",
        "medium",
        "takes a package from an address and not from its index",
        "take a release from the index, or pin a commit",
    ),
    (
        "dependency-index",
        "medium",
        "takes packages from another index",
        "use the usual index, or say in SKILL.md whose it is",
    ),
    (
        "dependency-script",
        "medium",
        "runs a script when it is installed",
        "do it in a step that the user starts",
    ),
    (
        "dependency-unpinned",
        "low",
        "has dependencies without an exact version",
        "give exact versions, or ship a lock file",
    ),
    (
        "scan-incomplete",
        "high",
        "repeats what is looked for so often that not all of it was",
        "leave out what repeats",
    ),
)

RULES = {identity: Rule(identity, severity, title, mend) for identity, severity, title, mend in _ROWS}
