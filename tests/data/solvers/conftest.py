"""The symmetries of a square periodic grid written out by hand: an independent reference for the solvers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor


@dataclass(frozen=True)
class Element:
    """How one symmetry moves scalars (run, x, y) and vectors (run, x, y, 2); `det` is the sign of pseudo-scalars."""

    name: str
    move: Callable[[Tensor], Tensor]
    turn: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    det: int
    square_only: bool = False

    def scalar(self, field: Tensor) -> Tensor:
        return self.move(field)

    def pseudoscalar(self, field: Tensor) -> Tensor:
        return self.det * self.move(field)

    def vector(self, field: Tensor) -> Tensor:
        return torch.stack(self.turn(self.move(field[..., 0]), self.move(field[..., 1])), dim=-1)

    def tensor(self, field: Tensor) -> Tensor:
        rows = [torch.stack(self.turn(self.move(field[..., i, 0]), self.move(field[..., i, 1])), -1) for i in (0, 1)]
        columns = [torch.stack(self.turn(rows[0][..., j], rows[1][..., j]), -1) for j in (0, 1)]
        return torch.stack(columns, dim=-1)


def quarter(field: Tensor) -> Tensor:
    return torch.rot90(field, 1, (1, 2))


ELEMENTS = [
    Element("rotation by 90", quarter, lambda u, v: (-v, u), 1, square_only=True),
    Element("rotation by 180", lambda f: f.flip(1, 2), lambda u, v: (-u, -v), 1),
    Element("rotation by 270", lambda f: torch.rot90(f, 3, (1, 2)), lambda u, v: (v, -u), 1, square_only=True),
    Element("reflection of x", lambda f: f.flip(1), lambda u, v: (-u, v), -1),
    Element("reflection of y", lambda f: f.flip(2), lambda u, v: (u, -v), -1),
    Element("exchange of x and y", lambda f: f.transpose(1, 2), lambda u, v: (v, u), -1, square_only=True),
    Element("antidiagonal", lambda f: f.transpose(1, 2).flip(1, 2), lambda u, v: (-v, -u), -1, square_only=True),
    Element("reflection of x about node 0", lambda f: f.flip(1).roll(1, 1), lambda u, v: (-u, v), -1),
    Element("shift", lambda f: f.roll((3, -5), (1, 2)), lambda u, v: (u, v), 1),
]


@pytest.fixture(params=ELEMENTS, ids=lambda element: element.name)
def element(request: pytest.FixtureRequest) -> Element:
    """One symmetry of a square periodic grid."""
    return request.param


@pytest.fixture(params=[e for e in ELEMENTS if not e.square_only], ids=lambda element: element.name)
def rectangle_element(request: pytest.FixtureRequest) -> Element:
    """One symmetry of a rectangular periodic grid."""
    return request.param


@pytest.fixture
def exponax_run(tmp_path: Path) -> Callable[..., Tensor]:
    """Evolve a state with a stepper of exponax, in a process of its own (see exponax_referee.py)."""

    def run(stepper: str, *args: Any, state: Tensor, steps: int, **options: Any) -> Tensor:
        spec, start, result = tmp_path / "spec.json", tmp_path / "state.npy", tmp_path / "result.npy"
        spec.write_text(json.dumps({"stepper": stepper, "args": args, "options": options, "steps": steps}))
        np.save(start, state.numpy())
        script = str(Path(__file__).with_name("exponax_referee.py"))
        subprocess.run([sys.executable, script, str(spec), str(start), str(result)], check=True, capture_output=True)
        return torch.from_numpy(np.load(result))

    return run
