"""What the code of a page prints, below each block: a block ``text`` in a ``printed`` frame; code at 88 columns.

    python tools/printed.py audit groups ...

Pages are those of docs, whose blocks run one after the other as one program. To be run again when code changes; a test
holds that the words of what is printed are those of today (numbers may differ from machine to machine).
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
WIDTH = 88
CODE = re.compile(r"```python\n(.*?)```\n", re.DOTALL)
PRINTED = re.compile(
    r"(```python\n.*?```\n)(\n<div class=\"printed\" markdown>\n\n```text\n(.*?)```\n\n</div>\n)?", re.DOTALL
)


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Every block of code, and what stands below it as printed."""
    for found in PRINTED.finditer(text):
        code = CODE.fullmatch(found[1])
        yield code[1] if code else "", found[3] or ""


def run(codes: list[str], name: str) -> list[str]:
    """What each block prints; random numbers begin with those of seed 0."""
    import torch

    torch.manual_seed(0)
    told, names = [], {"__name__": name}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # what a page writes stays out of the tree
        Path("examples").symlink_to(ROOT / "examples")
        for number, code in enumerate(codes):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, f"{name}, block {number}", "exec"), names)
            told.append("\n".join(line.rstrip() for line in printed.getvalue().splitlines()))
    return told


def shaped(code: str) -> str:
    """Code as the formatter writes it for a page; a remark behind a line that is too long stands above it."""
    lines = []
    for line in code.splitlines():
        words = re.fullmatch(r"(\s*)(\S.*?)  # (.*)", line)
        if words and len(line) > WIDTH:
            lines += [f"{words[1]}# {words[3]}", f"{words[1]}{words[2]}"]
        else:
            lines.append(line)
    code = "\n".join(lines) + "\n"
    command = ["ruff", "format", f"--line-length={WIDTH}", "--isolated", "-"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, check=True)
    return done.stdout


def written(text: str, told: list[str]) -> str:
    """A page with what its blocks print."""
    below = iter(told)

    def one(found: re.Match[str]) -> str:
        printed = next(below)
        frame = f'\n<div class="printed" markdown>\n\n```text\n{printed}\n```\n\n</div>\n' if printed else ""
        return found[1] + frame

    return PRINTED.sub(one, text)


def main() -> None:
    """Run the pages that are named."""
    for name in sys.argv[1:]:
        page = ROOT / "docs" / f"{name}.md"
        text = page.read_text(encoding="utf-8")
        text = CODE.sub(lambda found: f"```python\n{shaped(found[1])}```\n", text)
        codes = [code for code, _ in blocks(text)]
        page.write_text(written(text, run(codes, name)), encoding="utf-8")


if __name__ == "__main__":
    main()
