"""README.md and the pages of docs/: their fenced blocks, their commands, the files that they print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from paths import ROOT

DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (\w+\.(?:py|toml))\n")


def page_name(page: Path) -> str:
    """`README.md`, `docs/how-to/ci.md`."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[str]:
    """The blocks of a page in these languages, in order."""
    return [body for kind, body in BLOCK.findall(page.read_text(encoding="utf-8")) if kind in languages]


def commands(page: Path) -> Iterator[str]:
    """The lines of its `sh` blocks, without comments, in order."""
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            command = re.sub(r"(^|\s)#.*", "", line).strip()
            if command:
                yield command


def printed_files(page: Path) -> dict[str, str]:
    """Its files by name: a block of Python or TOML that begins with `# NAME` is one."""
    named = {block: FILE.match(block) for block in blocks(page, "python", "toml")}
    return {match[1]: block for block, match in named.items() if match is not None}


def gancross_calls(page: Path) -> Iterator[list[str]]:
    """The arguments of every `gancross …` in its blocks, also behind other programs; variables are 0."""
    for block in blocks(page, "sh", "bash", "yaml"):
        for line in block.replace("\\\n", " ").splitlines():
            match = re.search(r"(?:^\s*(?:- )?|srun |-m )gancross (.*?)(?:\s[#>].*)?$", line)
            if match is not None:
                yield re.sub(r'"?\$\{?\w+(:-\w+)?\}?"?', "0", match[1]).split()
