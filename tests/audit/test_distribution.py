"""The audit in distribution: cumulants of the output against their moved copies."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Invariant, Symmetry
from haar.audit import audit
from haar.errors import ArgumentError, ShapeError
from haar.groups import dihedral
from haar.moments import Gaussian, Independent, laws, symmetry_in_distribution

D4 = dihedral(4)
VECTOR = "p, u:vector"


class Turned(nn.Module):
    """A nonlinear layer that is equivariant by construction: the average of a convolution over the group."""

    def __init__(self, weight):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
        with torch.no_grad():
            self.conv.weight.copy_(weight)

    def forward(self, x):
        return torch.relu(self.conv(x) + 0.3)


def _kernel(*, symmetric):
    kernel = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    if symmetric:
        kernel = sum(torch.rot90(k, n) for n in range(4) for k in (kernel, kernel.mT)) / 8
    return kernel[None, None]


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("law", [Gaussian(torch.full((16,), 0.2)), Independent.same(laws.Exponential(), 16)])
def test_an_equivariant_network_has_no_defect_and_a_broken_one_has(order, law):
    symmetry, options = Symmetry.of_fields(D4, "p"), {"input_shape": (1, 4, 4), "order": order}
    kept = symmetry_in_distribution(Turned(_kernel(symmetric=True)), symmetry, law, **options)
    broken = symmetry_in_distribution(Turned(_kernel(symmetric=False)), symmetry, law, **options)
    assert kept.defects.shape == (8, order)
    assert kept.law_is_invariant
    assert kept.worst < 1e-6  # the kernel is symmetric in float32
    assert broken.worst > 1e-2
    assert broken.defects[0].abs().max() == 0  # the identity
    assert kept.names[:2] == ("e", "r90")


def test_components_of_a_vector_turn_with_it():
    """A map that mixes the components of a vector by hand, x -> (p, v, u): a reflection and no rotation."""
    swap = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        swap.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])[..., None, None])
    law = Gaussian(torch.zeros(12), torch.tensor([1.0] * 4 + [2.0] * 8))
    blind = symmetry_in_distribution(swap, Symmetry.of_fields(D4, VECTOR), law, input_shape=(3, 2, 2))
    assert blind.worst < 1e-12  # isotropic noise stays isotropic: a zero proves nothing, as the page says
    grow = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        grow.weight.copy_(torch.diag(torch.tensor([1.0, 1.0, 2.0]))[..., None, None])
    seen = symmetry_in_distribution(grow, Symmetry.of_fields(D4, VECTOR), law, input_shape=(3, 2, 2))
    by_name = dict(zip(seen.names, seen.defects[:, 1].tolist(), strict=True))
    assert by_name["r90"] > 0.05
    assert by_name["r180"] < 1e-14


def test_a_law_that_the_group_moves_is_told():
    law = Gaussian(torch.arange(16.0))
    found = symmetry_in_distribution(nn.ReLU(), Symmetry.of_fields(D4, "p"), law, input_shape=(1, 4, 4))
    assert not found.law_is_invariant
    assert "says nothing about the model" in found.summary


def test_the_section_of_the_audit(tmp_path):
    x = torch.randn(16, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    model = Turned(_kernel(symmetric=False)).train()
    report = audit(model, Symmetry.of_fields(D4, "p"), (x, x), law=Gaussian(torch.zeros(16)))
    assert model.training
    (section,) = [one for one in report.sections() if one.title == "Symmetry in distribution"]
    assert len(section.table.rows) == 8
    told = report.to_dict()["distribution"]
    assert told["worst"] == report.distribution.worst > 1e-2
    report.save_html(tmp_path / "report.html")
    assert "without sampling" in (tmp_path / "report.html").read_text()
    without = audit(model, Symmetry.of_fields(D4, "p"), (x, x))
    assert without.to_dict()["distribution"] is None
    assert len(without.sections()) == len(report.sections()) - 1


def test_refusals():
    symmetry, law = Symmetry.of_fields(D4, "p"), Gaussian(torch.zeros(16))
    with pytest.raises(ArgumentError, match="order: expected 2 or 3, got 4"):
        symmetry_in_distribution(nn.ReLU(), symmetry, law, input_shape=(1, 4, 4), order=4)
    two = Symmetry(D4, inputs=(*symmetry.inputs, Invariant(D4)), outputs=symmetry.outputs)
    with pytest.raises(ArgumentError, match="symmetry: expected one input and one output"):
        symmetry_in_distribution(nn.ReLU(), two, law, input_shape=(1, 4, 4))
    with pytest.raises(ShapeError):
        symmetry_in_distribution(nn.Conv2d(1, 2, 1), symmetry, law, input_shape=(1, 4, 4))
    x = torch.zeros(4, 1, 4, 4)
    with pytest.raises(ArgumentError, match="model: expected a torch module"):
        audit(lambda x: x, symmetry, (x, x), law=law)
