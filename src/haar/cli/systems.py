"""``haar systems``: which papers' systems there are, and which can be reproduced."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def systems(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every system and its state."""
    from haar.systems import SYSTEMS

    if as_json:
        rows = [
            {"name": s.name, "title": s.title, "acts_on": s.acts_on, "paper": s.paper, "built": s.built}
            for s in SYSTEMS
        ]
        typer.echo(json.dumps({"systems": rows}, indent=2, ensure_ascii=False))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from haar.cli.screen import console

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("system", "what it is about", "acts on", "paper", "built"):
        table.add_column(column, no_wrap=column in ("system", "built"))
    for s in SYSTEMS:
        table.add_row(s.name, s.title, s.acts_on, s.paper, Text("yes", "green") if s.built else Text("no", "dim"))
    console().print(table)
