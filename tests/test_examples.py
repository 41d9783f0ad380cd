"""Every example learns better than a plain network of like size, and the audit confirms its symmetry."""

from __future__ import annotations

import ast
import importlib
import math
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[1] / "examples"

#: Script, group, steps (fewer than its own), and the largest ratio of the equivariant network's error to a plain one's.
SCRIPTS = {
    "point_sets": ("SO(3) x S5", 200, 0.8),
    "planar_fields": ("D4", 80, 0.9),
    "volumes": ("Oh", 40, 0.6),
    "matrices": ("S8 x S5", 120, 0.5),
    "tensors": ("SO(3)", 150, 0.8),
    "own_group": ("pyrite", 150, 0.8),
}


@pytest.fixture
def examples(monkeypatch):
    """Import scripts as Python does when they are run: from their own folder."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_example_learns_and_is_confirmed(name, examples, capsys):
    group, steps, margin = SCRIPTS[name]
    with torch.random.fork_rng():
        found = examples(name).main(steps)
    printed = capsys.readouterr().out.splitlines()
    assert f"The model already respects {group}: its relative defect" in printed[-1]
    assert str(found) in printed
    assert found.equivariant < margin * min(found.plain, found.augmented)
    own, plain, wide = found.parameters
    assert 0.75 < own / plain < 1.33
    assert wide > 5 * own


def test_all_scripts_are_tested():
    assert {path.stem for path in FOLDER.glob("*.py")} == {*SCRIPTS, "comparison"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_example_says_what_it_is_and_ends_in_a_check(name):
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    assert ast.get_docstring(tree)
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert {"assert_equivariant", "haar.audit"} <= called


def test_the_laws_of_the_examples_have_the_symmetry(examples):
    """Moved inputs give moved targets, so that there is something for the networks to be right about."""
    generator = torch.Generator().manual_seed(3)
    forces = examples("volumes")
    x, y = forces.volumes(3, generator)
    turned = forces.equivariant_network(1).symmetry
    for g in turned.group.generators():
        moved = turned.act_inputs(g, (x,))[0]
        rho, phi = moved[:, 0], moved[:, 1]
        force = [-(rho * (phi.roll(-1, k) - phi.roll(1, k)) / 2).mean((1, 2, 3)) for k in (1, 2, 3)]
        assert torch.allclose(10 * torch.stack(force, 1), turned.act_outputs(g, y), atol=1e-5)


def test_mandel_components_keep_the_length_and_turn_as_the_representation_says(examples):
    from haar.actions.representation import Defining, symmetric_power
    from haar.groups import SO

    space = SO(3)
    g = space.sample(4, torch.Generator().manual_seed(0))
    t = torch.randn(4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    t = t + t.mT
    mandel = examples("tensors").mandel
    assert torch.allclose(mandel(t).square().sum(-1), t.square().sum((-1, -2)))
    assert torch.allclose(symmetric_power(Defining(space), 2).act(g, mandel(t)), mandel(g @ t @ g.mT))


def test_sinkhorn_targets_make_all_sums_equal(examples):
    matrices = examples("matrices")
    x, change = matrices.scalings(5, torch.Generator().manual_seed(0))
    scaled = (2 * x + change).exp().unflatten(1, (matrices.ROWS, matrices.COLUMNS))
    assert torch.allclose(scaled.sum(1), torch.ones(5, matrices.COLUMNS), atol=1e-5)
    rows = scaled.sum(2)
    assert torch.allclose(rows, torch.full_like(rows, matrices.COLUMNS / matrices.ROWS), atol=1e-3)


def test_the_error_of_predicting_the_mean_is_one(examples):
    comparison = examples("comparison")
    y = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    mean = torch.nn.Linear(1, 2)
    with torch.no_grad():
        mean.weight.zero_()
        mean.bias.copy_(y.mean(0))
    assert math.isclose(comparison.error(mean, torch.zeros(50, 1), y), 1.0, rel_tol=1e-6)
