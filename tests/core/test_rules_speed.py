"""Checking takes time in proportion to the size of a folder, whatever stands in it."""

from __future__ import annotations

import time

import pytest
from core.rule_cases.case import HEAD, skill

from registry_builder.core.rules import Policy, check_folder

# Of the processor, so that what runs beside does not matter. Far above what a linear check takes (a few
# hundredths), far below what a quadratic one does (minutes).
SECONDS = 3.0

PIECES = [
    "x", "x ", "\n", " ", "\t", "`", "#", "-", "- ", "* ", "[a](b) ", "](", "[", "](a", "[a]: b\n",
    "```\n", "<!--", "token=", "secret", "api_key: ", "://a:", "://a:b@", "/home/abc ", "/Users/",
    "<<<<<<< ", ">>>>>>> \n", "AKIA", "-----BEGIN ", "PRIVATE KEY-----", "\u200b", "\u200d",
    "\U0001f3f4", "\U000e0061", "\U0001f3f4\U000e0061", "---\n", "--- \n", "...\n", " ---\n", "=",
    "a" * 21 + " ", "sk-ant-", "xoxb-", "A=b\n", "export ", "é", "\r", "\r\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
def test_a_megabyte_of_one_thing_is_checked_at_once(piece: str) -> None:
    much = piece * (2**20 // len(piece.encode()))
    folders = [
        skill(HEAD + much),
        skill(much),
        skill(f"---\nname: pdf-tools\ndescription: {much}\n---\n"),
        skill(f"---\n{much}\n---\n"),
        skill(files={".env": much, "a.md": much, "b": much}),
    ]
    for folder in folders:
        begun = time.thread_time()
        check_folder(folder, Policy())
        assert time.thread_time() - begun < SECONDS


def test_ten_thousand_files_with_long_paths_are_checked_at_once() -> None:
    files = {f"{'a/' * 90}{n}.md": "[x](y.md)" for n in range(10_000)}
    begun = time.thread_time()
    check_folder(skill(files=files), Policy())
    assert time.thread_time() - begun < SECONDS
