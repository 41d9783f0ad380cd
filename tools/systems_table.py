"""The table of systems in README.md and docs/systems.md, as ``haar systems`` lists them.

    python tools/systems_table.py

To be run again when a system is built, or its words change; a test says so.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "systems.md")
BEGIN, END = "<!-- systems -->\n", "<!-- end of systems -->"


def table() -> str:
    """One row a system: what it is about, what its group acts on, its paper, and whether it can be run."""
    from haar.systems import SYSTEMS

    rows = [
        f"| `{s.name}` | {s.title} | {s.acts_on} | {s.paper} | {'**runs**' if s.built else 'not built yet'} |"
        for s in SYSTEMS
    ]
    head = "\n| system | what it is about | acts on | paper | state |\n|---|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n\n"


def written(page: Path) -> str:
    """The table that stands in a page."""
    return page.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]


def main() -> None:
    """Write the table into every page."""
    for page in PAGES:
        before, rest = page.read_text(encoding="utf-8").split(BEGIN)
        page.write_text(before + BEGIN + table() + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
