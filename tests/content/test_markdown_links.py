"""The skill markdown-links: which links are reported, and which are not."""

from __future__ import annotations

import json

import pytest

SCRIPT = "skills/markdown-links/scripts/check_links.py"

GUIDE = """---
title: "[not](a-link.md)"
---
# Guide: 1st run!

Setext *title*
--------------

## Same
## Same
<a id="h"></a>

```
[code](missing.md)
# not a heading
```
`[code](missing.md)` <!-- [comment](missing.md) -->
"""

INDEX = """[a](docs/guide.md) [b](docs/guide.md#guide-1st-run) [c](docs/guide.md#same-1) [d](docs/guide.md#h)
[e](docs/guide.md#setext-title) [f](/docs/guide.md "t") [g](<docs/with space.md>) [h](docs/with%20space.md)
[i](https://example.com/x) <mailto:a@example.com> [j](mailto:a@example.com) [k][good] - [ ][x] [^1]
![pic](docs/pic(1).png) [self](#contents) <img alt="" src="docs/pic(1).png">

[good]: docs/guide.md#same
[^1]: a note, no link

# Contents

[gone](docs/gone.md)
[![badge](docs/no.png)](docs/guide.md#nope)
[near](docs/guide.md#Guide1st-run) [undefined][what] [empty]()
[out](../secret.md) <a href='docs/lost.html'>x</a>
[not a heading](docs/guide.md#not-a-heading)

[bad]: docs/absent.md
"""


def test_every_kind_of_broken_link_is_reported_and_no_good_one(run, tmp_path):
    site = tmp_path / "site"
    (site / "docs").mkdir(parents=True)
    (site / "node_modules").mkdir()
    (site / "node_modules" / "x.md").write_text("[a](b)")
    (site / "docs" / "guide.md").write_text(GUIDE)
    (site / "docs" / "with space.md").write_text("")
    (site / "docs" / "pic(1).png").write_bytes(b"")
    (site / "index.md").write_text(INDEX)
    (tmp_path / "secret.md").write_text("")
    done = run(SCRIPT, ".", cwd=site)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "index.md:11: no such file: [gone](docs/gone.md)",
        "index.md:12: no such heading: [![badge](docs/no.png)](docs/guide.md#nope)",
        "index.md:12: no such file: [badge](docs/no.png)",
        "index.md:13: no such heading; there is #guide-1st-run: [near](docs/guide.md#Guide1st-run)",
        "index.md:13: empty destination: [empty]()",
        "index.md:13: no definition for this reference: [undefined][what]",
        "index.md:14: leads out of site/: [out](../secret.md)",
        "index.md:14: no such file: <a href='docs/lost.html'",
        "index.md:15: no such heading: [not a heading](docs/guide.md#not-a-heading)",
        "index.md:17: no such file: [bad]: docs/absent.md",
        "files: 3, local links: 22, broken: 10",
    ]
    assert done.returncode == 1


def test_good_pages_exit_zero_and_external_links_are_only_listed(run, tmp_path):
    (tmp_path / "a.md").write_text("# A\r\n[up](#a) [x](https://example.com/1) [y](//example.com/2)\r\n")
    good = run(SCRIPT, "a.md")
    assert (good.returncode, good.stdout) == (0, "files: 1, local links: 1, broken: 0\n")
    listed = run(SCRIPT, "a.md", "--external")
    assert (listed.returncode, listed.stdout) == (
        0,
        "a.md:2: https://example.com/1\na.md:2: //example.com/2\n",
    )


def test_json_gives_file_line_link_and_problem(run, tmp_path):
    (tmp_path / "a.md").write_text("\n[x](y.md)")
    done = run(SCRIPT, "a.md", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == [
        {"file": "a.md", "line": 2, "link": "[x](y.md)", "problem": "no such file"}
    ]


def test_a_path_that_cannot_be_read_is_an_error_not_a_pass(run, tmp_path):
    (tmp_path / "latin.md").write_bytes(b"caf\xe9")
    for arguments, message in (
        (["nowhere.md"], "nowhere.md: no such file or folder"),
        (["latin.md"], f"{tmp_path / 'latin.md'} is not UTF-8 (byte 3)"),
        ([".", "--root", "nowhere"], "nowhere: no such folder"),
    ):
        done = run(SCRIPT, *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"check_links: {message}\n")


@pytest.mark.parametrize("text", ["[" * 20_000, "![a[b](c" * 3_000 + "]", "[a](" * 5_000, "<a x" * 3_000])
def test_hostile_brackets_are_read_in_no_time(run, tmp_path, text):
    (tmp_path / "a.md").write_text(text)
    done = run(SCRIPT, "a.md")
    assert (done.returncode, done.stdout) == (0, "files: 1, local links: 0, broken: 0\n")
