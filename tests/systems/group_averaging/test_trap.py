from __future__ import annotations

import pytest
import torch

from haar.data import Windows
from haar.data.generators import ShearFlowGenerator
from haar.data.generators.generation import write_runs
from haar.systems.group_averaging.trap import closed_symmetry

N = 16


def _shear(**options):
    settings = {"resolution": (N, N), "n_trajectories": 1, "n_steps": 2, "save_every": 3, "pressure": False}
    return ShearFlowGenerator(**settings, width=(0.9, 0.9), **options)


@pytest.fixture(scope="module")
def symmetry(tmp_path_factory):
    root = write_runs(_shear(), tmp_path_factory.mktemp("shear"), {"train": 1})
    return closed_symmetry(Windows(root, history=1))


def _stack(state):
    return torch.cat([state["tracer"][:, None], state["velocity"].movedim(-1, 1)], dim=1)


def _unstack(x):
    return {"tracer": x[:, 0], "velocity": x[:, 1:].movedim(1, -1)}


def test_there_are_four_elements(symmetry):
    assert symmetry.group.order == 4


def test_they_commute_with_the_dynamics(symmetry):
    data = _shear(seed=3)
    x = _stack(data.initial([0]))
    for g in symmetry.group.elements():
        moved = symmetry.act_inputs(g, (x,))[0]
        there = _stack(data.evolve(_unstack(moved)))
        torch.testing.assert_close(there, symmetry.act_outputs(g, _stack(data.evolve(_unstack(x)))), rtol=0, atol=1e-10)


def test_they_keep_the_mean_flow_and_quarter_turns_do_not(symmetry):
    x = _stack(_shear(amplitude=(1e-12, 1e-12)).initial([0]))
    for g in symmetry.group.elements():
        torch.testing.assert_close(symmetry.act_inputs(g, (x,))[0], x, rtol=0, atol=1e-10)
    assert float((x.rot90(1, (2, 3)) - x).abs().max()) > 0.5
