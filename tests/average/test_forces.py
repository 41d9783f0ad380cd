"""Models that take derivatives inside forward, as every force field does, in every verb and every gradient mode."""

from __future__ import annotations

import pytest
import torch
from plain_loop import DOUBLE
from torch import nn

from haar.actions import Invariant, Points, Space, Symmetry
from haar.average import Sampled, anytime, average, difference, distil, select, soft, standard_error
from haar.errors import ArgumentError
from haar.groups import octahedral

GROUP = octahedral()
POINTS = Points(rotation=Space(GROUP))
SYMMETRY, FORCES = Symmetry(GROUP, POINTS, (Invariant(GROUP), POINTS)), Symmetry(GROUP, POINTS, POINTS)


class Field(nn.Module):
    """Energies and forces; asks for gradients of the very tensor that it is given."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8, dtype=DOUBLE), nn.Tanh(), nn.Linear(8, 1, dtype=DOUBLE))

    def forward(self, x):
        x.requires_grad_()
        energy = self.net(x).sum((1, 2))
        return energy, -torch.autograd.grad(energy.sum(), x, create_graph=self.training)[0]


class Forces(nn.Module):
    """The forces alone."""

    def __init__(self, *, trains=True):
        super().__init__()
        self.field, self.trains = Field(), trains

    def forward(self, x):
        forces = self.field(x.detach())[1]
        return forces if self.trains else forces.detach()


def _by_hand(model, x):
    terms = [SYMMETRY.act_outputs(GROUP.inverse(g), model(POINTS.act(g, x).clone())) for g in GROUP.elements()]
    return [torch.stack([term[k].detach() for term in terms]).mean(0) for k in (0, 1)]


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("options", [{}, {"micro_batch": 5}, {"share_stabilisers": True}, {"check": False}])
def test_averages_in_every_gradient_mode(mode, options):
    model, x = Field().eval(), torch.randn(2, 4, 3, dtype=DOUBLE)
    energy, forces = _by_hand(model, x.clone())
    averaged = average(model, SYMMETRY, **options)
    with mode():
        for _ in range(2):
            found = averaged(x)
            torch.testing.assert_close(found[0], energy, rtol=1e-10, atol=1e-10)
            torch.testing.assert_close(found[1], forces, rtol=1e-10, atol=1e-10)
    assert not x.requires_grad
    assert all(p.grad is None for p in model.parameters())


def test_the_verbs_that_run_without_gradients():
    model, x = Field().eval(), torch.randn(3, 4, 3, dtype=DOUBLE)
    assert difference(average(model, SYMMETRY, Sampled(4)), average(model, SYMMETRY), x) > 0
    with torch.no_grad():
        assert anytime(model, SYMMETRY)(x)[1].shape == x.shape
        assert standard_error(average(model, SYMMETRY, Sampled(4)), x).mean[1].shape == x.shape
    assert len(select(Forces().eval(), FORCES, x, m=2).elements) == 2
    forces = Forces().eval()
    made = soft(forces, FORCES, (x, forces(x).detach()), draws=10)
    assert float(made.alpha) == pytest.approx(1)
    expected = forces(x).detach()
    with torch.no_grad():
        torch.testing.assert_close(made(x), expected)


def test_distillation_of_forces():
    x = torch.randn(10, 4, 3, dtype=DOUBLE)
    report = distil(average(Forces().eval(), FORCES), x, steps=3).report
    assert report.defect_before > 0
    with pytest.raises(ArgumentError, match="student: expected outputs that can be differentiated by its weights"):
        distil(average(Forces(trains=False).eval(), FORCES), x, steps=3)
