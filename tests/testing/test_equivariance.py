"""The assertion passes what is equivariant, names what is not, and cannot be fooled."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from haar.actions import Field, Invariant, Points, Space, Symmetry, Vector
from haar.actions.representation import Defining, Trivial
from haar.errors import ArgumentError, NotEquivariantError, ShapeError
from haar.groups import SO, dihedral, octahedral, symmetric
from haar.nn import Linear
from haar.testing import assert_equivariant, equivariance_error, strategies

F64 = torch.float64
D4 = dihedral(4)
SCALAR = Symmetry.of_fields(D4, "p")


@given(st.data())
def test_linear_layers_of_random_groups_and_representations_pass(data):
    group = data.draw(strategies.groups())
    rep_in = data.draw(strategies.representations(group, max_dim=16))
    rep_out = data.draw(strategies.representations(group, max_dim=16))
    # Both carry a scalar, so that there is always a map between them.
    rep_in, rep_out = rep_in + Trivial(group), rep_out + Trivial(group)
    layer = Linear(rep_in, rep_out, dtype=F64, generator=torch.Generator().manual_seed(0))
    assert_equivariant(layer, layer.symmetry, strategies.normal((3, rep_in.dim)))


@given(st.data(), st.integers(1, 3))
def test_pointwise_functions_on_random_grids_pass_and_gradients_along_an_axis_do_not(data, dim):
    group, shape = data.draw(strategies.grids(dim=dim, max_cells=5))
    symmetry = Symmetry.of_fields(group, "p")
    x = strategies.normal((2, 1, *shape))
    assert_equivariant(torch.tanh, symmetry, x)
    with pytest.raises(NotEquivariantError, match="f\\(g x\\) differs"):
        assert_equivariant(lambda u: u.cumsum(-1), symmetry, x)


def test_it_names_the_element_and_both_errors():
    with pytest.raises(
        NotEquivariantError, match=r"for g = \w+'? of D4 by [\d.]+, relative [\d.]+ \(allowed 1e-10, 8 elements\)"
    ):
        assert_equivariant(lambda u: u * torch.arange(4.0, dtype=F64), SCALAR, strategies.normal((1, 1, 4, 4)))


def test_only_the_broken_elements_are_named():
    found = equivariance_error(
        lambda u: u * torch.tensor([1.0, 2, 2, 1], dtype=F64), SCALAR, strategies.normal((1, 1, 4, 4))
    )
    assert found.element in {"r90", "r270", "d", "d'"}
    half = equivariance_error(
        lambda u: u * torch.tensor([1.0, 2, 2, 1], dtype=F64),
        SCALAR,
        strategies.normal((1, 1, 4, 4)),
        elements=torch.tensor([2]),
    )
    assert half.relative == 0


def test_the_tolerance_follows_the_dtype():
    nearly = lambda u: u + 1e-6 * torch.arange(4.0, dtype=u.dtype)  # noqa: E731
    x = strategies.normal((1, 1, 4, 4))
    with pytest.raises(NotEquivariantError):
        assert_equivariant(nearly, SCALAR, x)
    assert_equivariant(nearly, SCALAR, x.float())
    assert_equivariant(nearly, SCALAR, x, tolerance=1e-4)


def test_nan_does_not_pass():
    with pytest.raises(ArgumentError, match="inputs: expected finite outputs, got NaN"):
        assert_equivariant(lambda u: u / 0 * 0, SCALAR, strategies.normal((1, 1, 4, 4)))


def test_a_function_that_does_not_turn_the_vectors_is_caught():
    velocity = Symmetry.of_fields(D4, "u:vector")
    wrong = Symmetry(D4, Field(Trivial(D4, 2)), velocity.outputs)
    assert_equivariant(torch.nn.Identity(), velocity, strategies.normal((1, 2, 4, 4)))
    with pytest.raises(NotEquivariantError):
        assert_equivariant(torch.nn.Identity(), wrong, strategies.normal((1, 2, 4, 4)))


def test_modes_come_back_and_dropout_is_off():
    model = nn.Sequential(nn.Dropout(0.9)).train()
    assert_equivariant(model, SCALAR, strategies.normal((1, 1, 4, 4)))
    assert all(m.training for m in model.modules())


def test_shapes_are_checked_first():
    with pytest.raises(ShapeError, match="expected 1 channels"):
        assert_equivariant(nn.Identity(), SCALAR, torch.zeros(1, 2, 4, 4))
    with pytest.raises(ArgumentError, match="elements: expected at least one"):
        assert_equivariant(nn.Identity(), SCALAR, torch.zeros(1, 1, 4, 4), elements=0)


def test_integer_outputs_are_compared():
    symmetry = Symmetry(D4, Field(Trivial(D4)), Invariant(D4))
    assert_equivariant(lambda u: u.flatten(1).argmax(1) * 0, symmetry, strategies.normal((2, 1, 4, 4)))
    with pytest.raises(NotEquivariantError):
        assert_equivariant(lambda u: u.flatten(1).argmax(1), symmetry, strategies.normal((2, 1, 4, 4)))


def test_the_fixture_is_the_assertion(assert_equivariant):
    assert_equivariant(nn.Identity(), Symmetry(D4, Vector(Trivial(D4)), Vector(Trivial(D4))), strategies.normal((2, 1)))


def test_imaginary_parts_are_compared_too():
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with pytest.raises(NotEquivariantError):
        assert_equivariant(lambda u: torch.complex(u, u.cumsum(-1)), symmetry, x)
    real = equivariance_error(lambda u: u.cumsum(-1), symmetry, x)
    imaginary = equivariance_error(lambda u: 1j * u.cumsum(-1), symmetry, x)
    assert imaginary.absolute == pytest.approx(real.absolute)
    assert imaginary.relative == pytest.approx(real.relative)
    assert_equivariant(lambda u: torch.complex(u, u**2), symmetry, x)


def test_complex64_is_single_precision():
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 1, 8, 8, dtype=torch.complex64, generator=generator)
    offset = 1e-6 * torch.randn(1, 1, 8, 8, dtype=torch.complex64, generator=generator)
    assert_equivariant(lambda u: u * (1 + 1j) + offset, symmetry, x)
    with pytest.raises(NotEquivariantError, match="allowed 1e-10"):
        assert_equivariant(lambda u: u * (1 + 1j) + offset, symmetry, x.to(torch.complex128))


class ForceField(nn.Module):
    def __init__(self, energy=1.0):
        super().__init__()
        self.energy = energy

    def forward(self, x):
        x = x.detach().requires_grad_()
        energy = x[..., 2].square().sum(1) + x.square().sum((1, 2))
        return self.energy * energy, -torch.autograd.grad(energy.sum(), x)[0]


def clouds():
    group = octahedral()
    points = Points(rotation=Space(group))
    return Symmetry(group, points, (Invariant(group), points))


def test_a_model_that_differentiates_inside_forward(generator):
    x = torch.randn(4, 5, 3, generator=generator, dtype=F64)
    assert equivariance_error(ForceField(), clouds(), x).relative > 0.1
    assert_equivariant(lambda z: ForceField()(z * 0 + z.norm(dim=-1, keepdim=True) * z)[0] * 0, _invariant(), x)
    assert not x.requires_grad


def _invariant():
    symmetry = clouds()
    return Symmetry(symmetry.group, symmetry.inputs, symmetry.outputs[0])


def test_no_output_hides_behind_a_larger_one(generator):
    symmetry, x = clouds(), torch.randn(4, 5, 3, generator=generator, dtype=F64)
    weight = 1 + torch.tensor([0.0, 0.0, 1e-3], dtype=F64)
    for size in (1.0, 1e3, 1e6):

        def model(z, size=size):
            return size * z.square().sum((1, 2)), z * weight

        found = equivariance_error(model, symmetry, x)
        assert found.relative > 1e-6, size
        with pytest.raises(NotEquivariantError):
            assert_equivariant(model, symmetry, x)
    # What rounding leaves of a zero is no output of its own.
    zero = lambda z: (z.square().sum((1, 2)), (z + 1 - z - 1) * z)  # noqa: E731
    assert_equivariant(zero, symmetry, x)


def test_the_process_is_left_as_it_was(generator):
    class Manners(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.drop = nn.BatchNorm2d(1, dtype=F64), nn.Dropout()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x):
            self.calls += 1
            torch.rand(1)
            return self.drop(self.norm(x))

    model = Manners().train()
    model.norm.eval()
    state = torch.get_rng_state()
    assert_equivariant(model, SCALAR, torch.randn(2, 1, 4, 4, generator=generator, dtype=F64))
    assert torch.equal(torch.get_rng_state(), state)
    assert model.calls.item() == 0
    assert [m.training for m in model.modules()] == [True, False, True]


def test_dictionaries_are_compared_by_name():
    symmetry = Symmetry(D4, SCALAR.inputs, {"a": SCALAR.outputs, "b": SCALAR.outputs})
    x = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=F64)
    calls = []

    def model(z):
        calls.append(None)
        pairs = [("a", z), ("b", z.sin())]
        return dict(pairs if len(calls) % 2 else reversed(pairs))

    assert_equivariant(model, symmetry, x)


def test_a_batch_without_numbers_shows_nothing():
    with pytest.raises(ArgumentError, match="inputs: expected a batch that gives some output, got outputs without"):
        assert_equivariant(lambda u: u.cumsum(-1), SCALAR, torch.zeros(0, 1, 4, 4, dtype=F64))


def off_by(size):
    """Off by so much of the largest number, for every element but those that leave the last row where it is."""
    return lambda u: u + size * u.abs().amax() * torch.tensor([0.0, 0, 0, 1.0], dtype=u.dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [(F64, 1e-10), (torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_both_sides_of_every_tolerance(dtype, tolerance):
    x = torch.full((1, 1, 4, 4), -0.5).to(dtype)  # f(x) is largest where it is not off
    x[..., 0, 1] = -0.25  # elements move it
    assert_equivariant(off_by(0.9 * tolerance), SCALAR, x)
    with pytest.raises(NotEquivariantError):
        assert_equivariant(off_by(1.2 * tolerance), SCALAR, x)
    with pytest.raises(NotEquivariantError, match=r"allowed 0\.01, 8 elements"):
        assert_equivariant(off_by(0.0115), SCALAR, x.double(), tolerance=0.01)
    assert_equivariant(off_by(0.0095), SCALAR, x.double(), tolerance=0.01)


def test_whole_numbers_alone_are_exact():
    labels = torch.arange(16).reshape(1, 1, 4, 4)
    assert_equivariant(lambda u: u + 1, SCALAR, labels)
    with pytest.raises(NotEquivariantError, match="allowed 1e-10"):
        assert_equivariant(lambda u: u.double() + 1e-8 * torch.arange(4), SCALAR, labels)


def test_which_elements_are_looked_at():
    large = symmetric(6)
    symmetry = Symmetry(large, Vector(Defining(large)), Vector(Defining(large)))
    x = strategies.normal((2, 6))
    count = len(large.generators())
    assert equivariance_error(nn.Identity(), symmetry, x).elements == count + 16
    assert equivariance_error(nn.Identity(), symmetry, x, elements=3).elements == count + 3
    assert equivariance_error(nn.Identity(), symmetry, x, elements=torch.tensor([0, 700])).elements == 2
    weights = torch.arange(6.0, dtype=F64)
    space = Vector(Defining(SO(3)))
    turned = [
        equivariance_error(lambda u: u * weights[:3], Symmetry(space.group, space, space), x[:, :3], elements=2, seed=k)
        for k in (0, 0, 1)
    ]
    assert turned[0] == turned[1] != turned[2]
    with pytest.raises(ArgumentError, match="elements: expected at least 1, got -1"):
        assert_equivariant(nn.Identity(), symmetry, x, elements=-1)
    with pytest.raises(NotEquivariantError):
        assert_equivariant(lambda u: u * weights, symmetry, x, elements=torch.tensor([1]), seed=3)
    assert_equivariant(lambda u: u * weights, symmetry, x, elements=torch.tensor([0]))


@pytest.mark.parametrize("wrong", [2.5, True])
@pytest.mark.usefixtures("unchecked_annotations")
def test_elements_are_counted_in_whole_numbers(wrong):
    with pytest.raises(ArgumentError, match="elements: expected a whole number, at least 1, got"):
        equivariance_error(nn.Identity(), SCALAR, strategies.normal((1, 1, 4, 4)), elements=wrong)


@pytest.mark.parametrize("tolerance", [float("nan"), -1e-3, float("inf")])
def test_a_tolerance_that_nothing_or_everything_meets_is_refused(tolerance):
    with pytest.raises(ArgumentError, match="tolerance: expected a number of at least 0"):
        assert_equivariant(lambda u: u.cumsum(-1), SCALAR, torch.randn(1, 1, 4, 4), tolerance=tolerance)
    assert_equivariant(torch.sin, SCALAR, torch.randn(1, 1, 4, 4), tolerance=0)


@pytest.mark.parametrize("given", [torch.zeros(2, 1, 6, 6), torch.ones(2, 1, 6, 6, dtype=torch.float64)])
def test_inputs_that_no_element_moves_show_nothing(given):
    with pytest.raises(ArgumentError, match=r"inputs: expected some that the group moves.*got a batch that 8 elements"):
        assert_equivariant(lambda u: u * torch.ones_like(u), SCALAR, given)
    with pytest.raises(NotEquivariantError):  # what is seen to be broken is told as before
        assert_equivariant(lambda u: u + torch.arange(6.0), SCALAR, given)


def test_what_nothing_moves_ever_may_be_asserted():
    group = dihedral(4)
    symmetry = Symmetry(group, Invariant(group), Invariant(group))
    assert_equivariant(lambda x: 2 * x, symmetry, torch.zeros(3, 2))


def test_outputs_in_single_precision_of_finer_inputs_are_rounded_to_it():
    class Single(torch.nn.Module):
        def forward(self, u):
            return (u.float() * (u.float() + u.float().flip(-1) + u.float().flip(-2)).sum((-1, -2), keepdim=True)) / 3

    words = torch.randint(1, 9, (2, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    for batch in (words, words.double() / 7):
        assert equivariance_error(Single(), SCALAR, batch).relative < 1e-4
        assert_equivariant(Single(), SCALAR, batch)
