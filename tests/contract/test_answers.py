"""What groups, representations, actions and searches answer is a promise: asked in ``questions_to_*.py``, and recorded.

That the answers are right is proved elsewhere; here nothing changes unseen. Whoever means to change one deletes
``answers.json``, runs the test, and looks at the new one.
"""

from __future__ import annotations

import importlib

import pytest
import torch
from kept import Kept
from recorded import told

# Rounding may grow with the size of what is summed.
KEPT = Kept("answers.json", rel=1e-5, abs=1e-6)
ROOMS = ("groups", "representations", "intertwiners", "actions", "discover", "discover_parts", "probing")
ASKED = {
    f"{room} {place}": ask
    for room in ROOMS
    for place, ask in enumerate(importlib.import_module(f"questions_to_{room}").ASKED)
}


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("name", ASKED)
def test_what_is_answered(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found = told(ASKED[name]())
    KEPT.compare(name, found)


def test_everything_recorded_is_still_asked():
    KEPT.finish(list(ASKED))
