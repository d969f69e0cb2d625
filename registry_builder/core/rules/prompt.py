"""Rules about the prompt file (SKILL.md and its like): there once, and read alike by all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from registry_builder.core.folder import Folder
from registry_builder.core.frontmatter import FrontMatter, read_front_matter
from registry_builder.core.problem import Problem
from registry_builder.core.rules.rule import refused, rule
from registry_builder.core.shown import shown

PROMPT_FILES = {"skill": "SKILL.md", "agent": "AGENT.md", "command": "COMMAND.md", "rule": "RULE.md"}

RULES = (
    refused(
        "prompt-missing",
        "The prompt file is missing",
        "Every client looks for it by its exact name at the top of the folder.",
        "add the prompt file",
    ),
    refused(
        "prompt-misspelt",
        "The prompt file is spelt wrongly",
        "Where case counts, clients find only the exact name.",
        "rename it",
    ),
    refused(
        "prompt-twice",
        "There are two prompt files that differ only by case",
        "On Windows and macOS one of them overwrites the other.",
        "remove one of them",
    ),
    rule(
        "prompt-nested",
        "There is another SKILL.md inside the skill",
        "error",
        "warning",
        why="Clients that search folders (Codex, `skills`) load it as a skill of its own.",
        mend="move it to a skill of its own, or give it another name",
    ),
    refused(
        "not-utf8",
        "The prompt file is not UTF-8",
        "Clients refuse it or show other characters than were meant.",
        "save the file as UTF-8",
    ),
    rule(
        "bom",
        "The prompt file begins with a byte order mark",
        "warning",
        "warning",
        why="Some clients (Codex) then see no front matter. We skip the mark.",
        mend="save the file without a byte order mark",
        mechanical=True,
    ),
    refused(
        "front-matter-missing",
        "There is no front matter",
        "Without it a client knows neither name nor description.",
        "begin the file with a line ---, then `name:` and `description:`, then a line ---",
    ),
    refused(
        "front-matter-late",
        "Something stands before the front matter",
        "Front matter counts only from the first byte of the file.",
        "remove what stands before the first ---",
        mechanical=True,
    ),
    refused(
        "front-matter-unclosed",
        "The front matter has no end",
        "All of the file would be front matter.",
        "add a line that is exactly --- after the last key",
    ),
    refused(
        "fence-spaces",
        "There are spaces after ---",
        "Some clients take the line for the end of the front matter, others read on.",
        "remove the spaces",
        mechanical=True,
    ),
    refused(
        "fence-lookalike",
        "A line in the front matter begins with `---` or is `...`",
        "Clients that search for the next `---`, or parse the whole as YAML, end the front matter here.",
        "indent the line, or write it differently",
    ),
    rule(
        "fence-in-value",
        "A value holds an indented `---` line",
        "error",
        "warning",
        why=(
            "Clients that trim lines (Codex) end the front matter there. We end it only at a line "
            "that is exactly `---`."
        ),
        mend="write the line differently",
    ),
    rule(
        "front-matter-crlf",
        "The front matter has CRLF line ends",
        "warning",
        "off",
        why="Simple readers look for a line feed after `---` and see no front matter.",
        mend="use LF line ends",
        mechanical=True,
    ),
    refused(
        "front-matter-control",
        "The front matter has a control character",
        "YAML readers refuse it, or end the line there.",
        "remove the character",
    ),
    refused(
        "front-matter-merge-marker",
        "The front matter has a merge marker",
        "The file was committed in the middle of a merge.",
        "finish the merge",
    ),
    refused(
        "yaml-bad",
        "The front matter is not valid YAML",
        "No client can read it.",
        "mend the line; quote values that hold a colon, a # or a quote, and indent with spaces, not tabs",
    ),
    refused(
        "yaml-not-mapping",
        "The front matter is not a mapping",
        "Clients look up keys.",
        "write `key: value` lines",
    ),
    refused(
        "yaml-duplicate-key",
        "A key is given twice",
        "Some readers take the first, some the last, some refuse the file.",
        "keep one of them",
    ),
    refused(
        "yaml-alias",
        "The front matter uses an anchor, an alias or a merge key",
        "Simple readers take them for text, and they can be made to expand without end.",
        "write the value out, or quote it if it begins with & or *",
    ),
    refused(
        "yaml-tag",
        "The front matter uses a YAML tag",
        "Readers refuse tags they do not know, or build other values.",
        "remove the tag, or quote the value if it begins with !",
    ),
    refused(
        "yaml-key",
        "A key is not a text",
        "It cannot be kept as JSON and readers differ on it.",
        "use a plain word as key",
    ),
    refused(
        "yaml-too-big",
        "The front matter is too large or nested too deeply",
        "Front matter holds a few fields; more is an attack on the reader, or a mistake.",
        "move the text to the body",
    ),
    rule(
        "text-unquoted",
        "Name or description is a number, a boolean, a date or null to YAML",
        "error",
        "warning",
        why="We read it as text; `skills` drops such a skill in silence and Codex refuses it.",
        mend="put the value in quotes",
        mechanical=True,
    ),
)


def read_prompt(folder: Folder) -> tuple[FrontMatter | None, tuple[Problem, ...]]:
    """The front matter of a folder whose type has a prompt file, and what is wrong about the two."""
    prompt = PROMPT_FILES[folder.type]
    problems = list(_others(folder, prompt))
    file = folder.get(prompt)
    if file is None:
        # A skill further down is inside nothing, and may be only a warning: it does not say what is missing.
        misspelt = [problem for problem in problems if problem.rule != "prompt-nested"]
        return None, tuple(misspelt or [_missing(folder, prompt)])
    front, found = read_front_matter(file.data)
    problems += (replace(problem, path=prompt) for problem in found)
    return front, tuple(problems)


def _others(folder: Folder, prompt: str) -> Iterator[Problem]:
    """Prompt files under another spelling, or in another place."""
    present = folder.get(prompt) is not None
    for file in folder.files:
        path = file.path
        if path == prompt or path[-len(prompt) :].lower() != prompt.lower():
            continue
        if len(path) == len(prompt):
            if present:
                yield Problem("prompt-twice", 0, f"{path} stands beside {prompt}", path=path)
            else:
                yield Problem("prompt-misspelt", 0, f"{path} is not {prompt}", f"rename it to {prompt}", path)
        elif folder.type == "skill" and path.endswith("/" + prompt):
            yield Problem("prompt-nested", 0, f"{shown(path)} is a skill inside the skill", path=path)


def _missing(folder: Folder, prompt: str) -> Problem:
    stray = any(stray.path == prompt for stray in folder.strays)
    message = f"{prompt} is no regular file" if stray else f"there is no {prompt}"
    return Problem("prompt-missing", 0, message, f"add {prompt}")
