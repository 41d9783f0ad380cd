"""On a flow whose law lacks symmetries of its equations, no element that does harm is ever recommended."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Symmetry
from haar.audit import audit
from haar.average import Given, average
from haar.data import Windows
from haar.data.generators import ShearFlowGenerator
from haar.data.generators.generation import write_runs
from haar.groups import dihedral

RUNS = 24


@pytest.fixture(scope="module")
def flow(tmp_path_factory):
    """Inputs, labels and runs of half of the trajectories, for the audit, and of the others, to judge by."""
    generator = ShearFlowGenerator(
        resolution=(16, 16), n_trajectories=1, n_steps=3, save_every=10, pressure=False, width=(0.7, 1.0)
    )
    root = write_runs(generator, tmp_path_factory.mktemp("flow"), {"train": RUNS, "test": RUNS})
    found = {}
    for split in ("train", "test"):
        windows = Windows(root, history=1, split=split)
        pairs = [windows[index] for index in range(len(windows))]
        runs = torch.tensor([windows.where(index)[0] for index in range(len(windows))])
        found[split] = (torch.stack([x for x, _ in pairs]), torch.stack([y for _, y in pairs]), runs)
    return found


@pytest.fixture(scope="module")
def model(flow):
    """Halfway between the input and the mean of the training flows, and a little askew: bad away from such flows."""
    mean = flow["train"][1].mean(0)
    return lambda x: 0.5 * x + 0.5 * mean + 0.02 * x.roll(1, -1)


@pytest.fixture(scope="module")
def symmetry():
    return Symmetry.of_fields(dihedral(4), "tracer, velocity:vector", history=1, centring="node")


@pytest.fixture(scope="module")
def harm(flow, model, symmetry):
    """What averaging over each element and the identity makes of the squared error, on the other trajectories."""
    x, y, _ = flow["test"]
    base = (model(x) - y).square().mean()
    return {
        symmetry.group.describe(g): float(
            (average(model, symmetry, Given([0, int(g)]), micro_batch=1)(x) - y).square().mean() / base
        )
        for g in symmetry.group.elements()[1:]
    }


def test_all_but_the_mirror_of_y_do_harm(harm):
    assert harm["my"] < 1
    assert min(error for element, error in harm.items() if element != "my") > 4


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("labels", [True, False])
def test_no_element_that_does_harm_is_recommended(flow, model, symmetry, harm, labels, seed):
    x, y, runs = flow["train"]
    found = audit(model, symmetry, [(x, y if labels else None, runs)], layers=False, seed=seed).recommendation
    if not labels:  # with labels its gain, which is small, may not be told from none
        assert found.verdict == "average"
        assert found.elements == ["e", "my"]
    if found.verdict == "average":
        assert all(harm[element] <= 1 for element in found.elements if element != "e")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("few", [8, 12, 19])
def test_from_fewer_trajectories_neither(flow, model, symmetry, harm, few, seed):
    x, y, runs = (part[flow["train"][2] < few] for part in flow["train"])
    for given in (y, None):
        found = audit(model, symmetry, [(x, given, runs)], layers=False, seed=seed).recommendation
        if found.verdict == "average":
            assert all(harm[element] <= 1 for element in found.elements if element != "e")
