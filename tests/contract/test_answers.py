"""What groups, representations, actions and searches answer is a promise: asked in ``questions_to_*.py``, and recorded.

That the answers are right is proved elsewhere; here nothing changes unseen. Whoever means to change one deletes
``answers.json``, runs the test, and looks at the new one.
"""

from __future__ import annotations

import functools
import importlib
import json
from pathlib import Path

import pytest
import torch
from recorded import told
from torch.utils import _pytree as pytree

KEPT = Path(__file__).parent / "answers.json"
ROOMS = ("groups", "representations", "intertwiners", "actions", "discover", "discover_parts", "probing")
ASKED = {
    f"{room} {place}": ask
    for room in ROOMS
    for place, ask in enumerate(importlib.import_module(f"questions_to_{room}").ASKED)
}
FOUND: dict[str, object] = {}


@functools.cache
def recorded():
    """All answers as they were."""
    return json.loads(KEPT.read_text(encoding="utf-8"))


def compared(name, found):
    """Whether what is told is what was recorded, number by number."""
    if not KEPT.is_file():
        FOUND[name] = found
        return
    kept = recorded()
    assert name in kept, f"{name} is new: delete {KEPT.name}, and run this file alone"
    found, wanted = (flat(json.loads(json.dumps(one))) for one in (found, kept[name]))
    assert found.keys() == wanted.keys()
    assert {at: (found[at], x) for at, x in wanted.items() if found[at] != near(x)} == {}


def flat(value):
    """Every number and word by its place."""
    return {pytree.keystr(path): leaf for path, leaf in pytree.tree_leaves_with_path(value)}


def near(leaf):
    """What equals a recorded number but for rounding, which may grow with the size of what is summed."""
    return pytest.approx(leaf, rel=1e-5, abs=1e-6) if isinstance(leaf, float) else leaf


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("name", ASKED)
def test_what_is_answered(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found = told(ASKED[name]())
    compared(name, found)


def test_everything_recorded_is_still_asked():
    if not KEPT.is_file() and len(FOUND) == len(ASKED):
        lines = [f"{json.dumps(name)}: {json.dumps(found)}" for name, found in FOUND.items()]
        KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    assert KEPT.is_file(), f"{KEPT.name} is not there: run this file alone"
    assert recorded().keys() == ASKED.keys()
    assert not FOUND, f"{KEPT.name} was not there and has been written: look at it"
