"""What is drawn at the start: from the generator alone, in the dtype asked for, by the law that is told."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from haar import nn as hnn
from haar.actions.representation import Defining, Regular, Trivial
from haar.groups import SO, dihedral, symmetric
from haar.nn import spectral
from haar.nn.drawn import Projection, Unshifted, draw_by_size, linear_of

F64 = torch.float64
D4 = dihedral(4)
REGULAR = 2 * Regular(D4)
VECTOR = Defining(SO(3))

#: Every public class that takes a generator, with arguments that give it parameters in all of its parts.
DRAWN = {
    "Linear": lambda **o: hnn.Linear(REGULAR, REGULAR, **o),
    "Conv": lambda **o: hnn.Conv(REGULAR, REGULAR, 3, **o),
    "Bilinear": lambda **o: hnn.Bilinear(2 * VECTOR, VECTOR, VECTOR, **o),
    "TensorSquare": lambda **o: hnn.TensorSquare(REGULAR, REGULAR, **o),
    "SelfAttention": lambda **o: hnn.SelfAttention(Regular(D4), 4, heads=2, **o),
}


def test_no_class_that_draws_is_left_out():
    takers = {
        name
        for name in hnn.__all__
        if inspect.isclass(kind := getattr(hnn, name))
        and issubclass(kind, nn.Module)
        and not kind.__module__.startswith(("haar.nn.spectral", "haar.nn.frames"))
        and {"generator", "dtype"} <= set(inspect.signature(kind).parameters)
    }
    assert takers == {name.split()[0] for name in DRAWN}


@pytest.mark.parametrize("name", DRAWN)
def test_everything_comes_from_the_generator_and_in_its_dtype(name, drawn_alone):
    drawn_alone(DRAWN[name])


def many(weight):
    """A tight look at a uniform law: nothing outside of the bound, and nearly up to both of its ends."""
    return float(weight.detach().min()), float(weight.detach().max())


def test_laws_of_linear_layers():
    source = torch.Generator().manual_seed(0)
    plain = linear_of(nn.Linear, 16, 1000, generator=source)
    for parameter in (plain.weight, plain.bias):
        assert many(parameter) == pytest.approx((-0.25, 0.25), rel=0.02)
        assert float(parameter.detach().abs().max()) <= 0.25
    unshifted = linear_of(Unshifted, 16, 1000, generator=source)
    assert many(unshifted.weight) == pytest.approx((-0.25, 0.25), rel=0.01)
    assert unshifted.bias.detach().abs().max() == 0
    projected = linear_of(Projection, 16, 1000, generator=source)
    assert float(projected.weight.detach().std()) == pytest.approx(0.25, rel=0.02)
    assert float(projected.weight.detach().abs().max()) > 0.8
    assert projected.bias.detach().abs().max() == 0
    assert linear_of(nn.Linear, 2, 3, bias=False).bias is None
    assert linear_of(Projection, 2, 3, bias=False).bias is None
    assert linear_of(Unshifted, 2, 3, bias=False).bias is None


def test_laws_of_other_parameters():
    one, other = torch.empty(50, 40, 4), torch.empty(2000, 25)
    draw_by_size(one, other, generator=torch.Generator().manual_seed(0))
    assert many(one) == pytest.approx((-0.5, 0.5), rel=0.01)
    assert many(other) == pytest.approx((-0.2, 0.2), rel=0.01)
    assert many(spectral.ColumnLinear(9, 4, 500).weight) == pytest.approx((-0.5, 0.5), rel=0.01)


def test_drawing_again_is_drawing_at_first():
    """`reset_parameters` from an equal generator, whatever stands in the parameters."""
    for make in (
        lambda **o: spectral.ColumnLinear(3, 4, 2, **o),
        lambda **o: linear_of(Projection, 3, 4, **o),
        lambda **o: linear_of(Unshifted, 3, 4, **o),
    ):
        wanted = make(generator=torch.Generator().manual_seed(5))
        module = make()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.fill_(7.0)
        module.reset_parameters(torch.Generator().manual_seed(5))
        for key, value in module.state_dict().items():
            assert torch.equal(value, wanted.state_dict()[key])


@pytest.mark.parametrize("kind", [hnn.Bilinear, hnn.TensorSquare])
def test_a_gain_scales_the_first_weights(kind):
    reps = [VECTOR, VECTOR, VECTOR] if kind is hnn.Bilinear else [VECTOR, Trivial(VECTOR.group)]
    one, three = (kind(*reps, gain=gain, generator=torch.Generator().manual_seed(0)) for gain in (1.0, 3.0))
    plain = kind(*reps, generator=torch.Generator().manual_seed(0))
    for key, value in one.state_dict().items():
        assert torch.equal(value, plain.state_dict()[key])
        if value.is_floating_point() and "weight" in key:
            torch.testing.assert_close(three.state_dict()[key], 3 * value)


def test_a_square_is_the_product_with_itself_and_the_right_factor_is_the_right_one(generator):
    """A bilinear map is tried on a pair of unlike inputs, against the loop over the tensor product."""
    group = symmetric(3)
    left, right, out = Defining(group), Regular(group), Defining(group)
    product = hnn.Bilinear(left, right, out, dtype=F64)
    x, y = torch.randn(2, 3, generator=generator, dtype=F64), torch.randn(2, 6, generator=generator, dtype=F64)
    table = torch.stack(
        [torch.stack([product(a, b) for b in torch.eye(6, dtype=F64)]) for a in torch.eye(3, dtype=F64)]
    )
    torch.testing.assert_close(product(x, y), torch.einsum("bi,bj,ijk->bk", x, y, table))
    for g in group.elements():
        moved = product(left.act(g, x), right.act(g, y))
        torch.testing.assert_close(moved, out.act(g, product(x, y)))
    square = hnn.TensorSquare(left, out, dtype=F64)
    torch.testing.assert_close(square(x), square.product(x, x))
    assert (product.rep_in, product.rep_right, product.rep_out) == (left, right, out)
