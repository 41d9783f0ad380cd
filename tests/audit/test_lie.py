"""Lie derivatives against finite differences of the group action."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Field, Invariant, Points, Symmetry, Trivial, Vector, tensor_power
from haar.audit import lie_defects, lie_derivative
from haar.errors import ArgumentError, HaarError
from haar.groups import SO, SU2, O, dihedral, product

F64 = torch.float64


def mlp(n_in, n_out):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(n_in, 16, dtype=F64), nn.Tanh(), nn.Linear(16, n_out, dtype=F64))


@pytest.mark.parametrize("group", [SO(2), SO(3), O(3), SU2()], ids=lambda g: g.name)
def test_it_is_the_derivative_of_the_equivariance_error(group, generator):
    rep_in, rep_out = Defining(group) * 2, tensor_power(Defining(group), 2)
    symmetry = Symmetry(group, Vector(rep_in), Vector(rep_out))
    model = mlp(rep_in.dim, rep_out.dim)
    x = torch.randn(5, rep_in.dim, generator=generator, dtype=F64)
    direction = torch.randn(len(group.algebra), generator=generator, dtype=F64)
    h = 1e-5

    def moved(t):
        g = group.exp(t * direction)
        return symmetry.act_outputs(group.inverse(g), model(*symmetry.act_inputs(g, [x])))

    with torch.no_grad():
        expected = (moved(h) - moved(-h)) / (2 * h)
        torch.testing.assert_close(lie_derivative(model, symmetry, x, direction), expected, atol=1e-8, rtol=1e-7)


def test_equivariant_functions_have_none(generator):
    group = SO(3)
    symmetry = Symmetry(group, Points(rotation=Defining(group)), Invariant(group))
    x = torch.randn(6, 4, 3, generator=generator, dtype=F64)
    distances = lambda p: (p[:, :, None] - p[:, None]).square().sum((1, 2, 3))  # noqa: E731
    assert all(d.relative < 1e-12 for d in lie_defects(distances, symmetry, x))
    assert max(d.relative for d in lie_defects(lambda p: p[..., 0].square().sum(1), symmetry, x)) > 0.5


def test_a_phase_that_turns_channels_of_a_field(generator):
    group = SO(2)
    phase = Field(Defining(group), space_dim=2)
    symmetry = Symmetry(group, phase, phase)
    z = torch.randn(2, 2, 4, 4, generator=generator, dtype=F64)
    assert lie_defects(lambda u: u * u.square().sum(1, keepdim=True), symmetry, z)[0].relative < 1e-12
    assert lie_defects(lambda u: u * u, symmetry, z)[0].relative > 0.1


def test_several_inputs(generator):
    group = SO(3)
    vector = Vector(Defining(group))
    symmetry = Symmetry(group, (vector, vector, Vector(Trivial(group))), vector)
    a, b, c = (torch.randn(4, n, generator=generator, dtype=F64) for n in (3, 3, 1))
    assert all(
        d.relative < 1e-12
        for d in lie_defects(lambda u, v, s: s * torch.linalg.cross(u, v), symmetry, ((a, b, c), None))
    )


def test_a_finite_group_is_refused_and_an_operation_without_forward_mode_is_named(generator):
    group = dihedral(4)
    symmetry = Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))
    with pytest.raises(ArgumentError, match="symmetry: expected a Lie group for Lie derivatives, got D4"):
        lie_defects(lambda x: x, symmetry, torch.zeros(2, 2))

    class NoForward(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x + 0

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, grad):  # noqa: ARG004
            return grad

    so2 = SO(2)
    plane = Symmetry(so2, Vector(Defining(so2)), Vector(Defining(so2)))
    with pytest.raises(HaarError, match=r"no forward-mode derivative .*lie_defects.*differences=True"):
        lie_derivative(NoForward.apply, plane, torch.zeros(2, 2, dtype=F64), torch.ones(1))


@pytest.mark.parametrize(
    "leave",
    [
        lambda y: y.numpy(),
        lambda y: y.detach().numpy(),
        torch.Tensor.tolist,
        lambda y: [[float(v) for v in row] for row in y],
    ],
    ids=["numpy", "detached", "tolist", "float"],
)
def test_what_leaves_torch_has_no_derivative_but_differences(leave, generator):
    x = torch.randn(6, 2, generator=generator, dtype=F64)
    stretch = torch.tensor([1.0, 3.0], dtype=F64)

    def outside(v):
        return torch.as_tensor(leave(v * stretch), dtype=v.dtype)

    with pytest.raises(HaarError, match="takes values out of torch"):
        lie_defects(outside, rotations(VECTOR), x)
    (exact,) = lie_defects(lambda v: v * stretch, rotations(VECTOR), x)
    (found,) = lie_defects(outside, rotations(VECTOR), x, differences=True)
    assert found.relative == pytest.approx(exact.relative, rel=1e-9)
    assert found.defect == pytest.approx(exact.defect, rel=1e-9)
    assert (exact.step, exact.error) == (None, 0.0)


def test_differences_tell_their_error(generator):
    x = torch.randn(6, 2, generator=generator)
    symmetry = rotations(VECTOR, {"a": VECTOR, "k": Invariant(PLANE)})
    model = lambda v: {"a": torch.tanh(v * torch.tensor([1.0, 3.0])), "k": (v[:, 0] > 0).long()}  # noqa: E731
    (exact,) = lie_defects(model, symmetry, x)
    (found,) = lie_defects(model, symmetry, x, differences=True)
    assert found.step == pytest.approx(torch.finfo(torch.float32).eps ** (1 / 3))
    assert 0 < found.error < 1e-3
    assert abs(found.relative - exact.relative) < 4 * found.error
    assert str(found).endswith(f"by differences of 0.005, to about {found.error:.1g}")
    assert "differences" not in str(exact)


PLANE = SO(2)
VECTOR = Vector(Defining(PLANE))


def rotations(actions, outputs=VECTOR):
    return Symmetry(PLANE, actions, outputs)


def test_the_defect_is_that_by_hand_over_all_rows(generator):
    x = torch.randn(11, 2, generator=generator, dtype=F64)
    stretch = torch.tensor([1.0, 3.0], dtype=F64)
    # D (X v) - X (D v) = 2 (y, x) up to signs
    wrong = 4 * x.square().sum()
    for rows in ({}, {"batch_size": 3}):
        (found,) = lie_defects(lambda v: v * stretch, rotations(VECTOR), x, **rows)
        assert found.generator == 0
        assert found.defect == pytest.approx(float((wrong / 22).sqrt()), rel=1e-12)
        assert found.relative == pytest.approx(float((wrong / (x * stretch).square().sum()).sqrt()), rel=1e-12)
    (some,) = lie_defects(lambda v: v * stretch, rotations(VECTOR), x, max_samples=5)
    (five,) = lie_defects(lambda v: v * stretch, rotations(VECTOR), x[:5])
    assert (some.defect, some.relative) == pytest.approx((five.defect, five.relative), rel=1e-12)


def test_batches_of_eight_rows_are_the_default(generator):
    rows = []
    lie_defects(lambda v: (rows.append(len(v)), v)[1], rotations(VECTOR), torch.randn(9, 2, generator=generator))
    assert set(rows) == {8, 1}


def test_several_outputs_are_each_taken_over_their_own(generator):
    x = torch.randn(6, 2, generator=generator, dtype=F64)
    symmetry = rotations(VECTOR, {"a": VECTOR, "n": Invariant(PLANE), "k": Invariant(PLANE)})

    def model(v):
        return {"a": v, "n": 100 * v[:, 0], "k": (v[:, 0] > 0).long()}

    (found,) = lie_defects(model, symmetry, x)
    of_number = float(x[:, 1].square().sum() / x[:, 0].square().sum())
    kept = 2 if found.relative == pytest.approx((of_number / 2) ** 0.5, rel=1e-10) else 3
    assert found.relative == pytest.approx((of_number / kept) ** 0.5, rel=1e-10)  # whole numbers have no derivative
    assert found.defect == found.relative
    y = lie_derivative(model, symmetry, x, torch.ones(1, dtype=F64))
    assert list(y) == ["a", "n", "k"]
    assert y["n"].abs().tolist() == pytest.approx((100 * x[:, 1].abs()).tolist(), rel=1e-12)


def test_the_model_is_asked_in_eval_mode_and_no_gradients_are_recorded(generator):
    x = torch.randn(6, 2, generator=generator, dtype=F64)
    model = nn.Sequential(nn.Linear(2, 2, dtype=F64), nn.Dropout(0.5)).train()
    expected = lie_defects(model[0], rotations(VECTOR), x)
    assert lie_defects(model, rotations(VECTOR), x) == expected
    assert all(module.training for module in model.modules())
    assert model[0].weight.grad is None


def test_whole_numbers_beside_vectors_stay_as_they_are(generator):
    x, kinds = torch.randn(4, 2, generator=generator, dtype=F64), torch.tensor([0, 1, 2, 1])
    symmetry = rotations((Invariant(PLANE), VECTOR))
    (found,) = lie_defects(lambda k, v: v * k[:, None], symmetry, ((kinds, x), None))
    assert found.relative < 1e-12
    single = lie_defects(lambda k, v: v * k[:, None] * torch.tensor([1.0, 2.0]), symmetry, ((kinds, x.float()), None))
    assert single[0].relative > 0.1


def test_of_a_mixed_group_the_lie_factor_is_asked_for():
    finite = dihedral(4)
    for group, way_out in (
        (product(SO(2), finite), "make the symmetry of the Lie factor alone"),
        (finite, "use haar.audit for finite"),
    ):
        symmetry = Symmetry(group, Invariant(group), Invariant(group))
        with pytest.raises(ArgumentError, match=f"symmetry: expected a Lie group for Lie derivatives, .*; {way_out}"):
            lie_defects(lambda x: x, symmetry, torch.zeros(2))


@pytest.mark.parametrize("dtype", [torch.complex128, torch.complex64], ids=str)
def test_complex_inputs_turn_too(dtype, generator):
    x = torch.randn(6, 2, generator=generator, dtype=torch.complex128).to(dtype)
    stretch = torch.tensor([1.0, 3.0], dtype=dtype)
    real = torch.cat([x.real, x.imag])  # what is linear does to both parts what it does to one
    eps = torch.finfo(dtype).eps
    (turned,) = lie_defects(lambda v: v * v.abs().square().sum(-1, keepdim=True), rotations(VECTOR), x)
    assert turned.relative < 20 * eps
    (exact,) = lie_defects(lambda v: v * stretch, rotations(VECTOR), x)
    (parts,) = lie_defects(lambda v: v * stretch.real, rotations(VECTOR), real)
    assert exact.relative == pytest.approx(parts.relative, rel=20 * eps)
    (found,) = lie_defects(lambda v: v * stretch, rotations(VECTOR), x, differences=True)
    assert found.step == pytest.approx(eps ** (1 / 3))
    assert abs(found.relative - exact.relative) < 4 * found.error


def test_differences_of_what_only_whole_numbers_decide_take_the_step_of_double_precision():
    model = lambda k: torch.nn.functional.one_hot(k, 2).double()  # noqa: E731
    (found,) = lie_defects(model, rotations(Invariant(PLANE)), torch.tensor([0, 1, 1]), differences=True)
    assert found.step == pytest.approx(torch.finfo(torch.float64).eps ** (1 / 3))
    assert found.relative == pytest.approx(1.0, abs=4 * found.error)  # it points where it did, whoever turns


def test_complex_outputs_are_measured_in_both_their_parts():
    group = SO(3)
    symmetry = Symmetry(group, Vector(Defining(group)), Invariant(group))
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def lopsided(x):
        return torch.complex(x.square().sum(1, keepdim=True), x[:, :1])

    found = lie_defects(lopsided, symmetry, x)
    parts = lie_defects(lambda x: torch.view_as_real(lopsided(x)).flatten(1), symmetry, x)
    assert max(one.relative for one in found) > 0.1  # the real part alone breaks nothing
    assert [one.relative for one in found] == pytest.approx([one.relative for one in parts], rel=1e-9, abs=1e-12)
