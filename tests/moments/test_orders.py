"""What an activation does to cumulants, order by order."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.moments import Activation, Polynomial
from haar.moments.cumulants import joint_cumulant
from haar.moments.fourth_order import kurtotic
from haar.moments.quadratic import quadratic_form_cumulants
from haar.moments.registry import quadratic, relu
from haar.moments.second_order import diagonal, gaussian, linearised
from haar.moments.third_order import skewed
from haar.moments.vector import VectorCumulants, clip_to_positive, symmetric_product

TANH = Activation(torch.tanh, name="tanh")
STEPS = {2: gaussian, 3: skewed, 4: kurtotic}


def normal(n, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, n, dtype=torch.float64, generator=generator)
    return VectorCumulants(
        torch.randn(n, dtype=torch.float64, generator=generator), scale * (a @ a.mT / n + 0.1 * torch.eye(n))
    )


def skew(n, seed=0, order=4):
    """Cumulants of a linear mixture of independent gammas: every order known exactly."""
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(n, 3 * n, dtype=torch.float64, generator=generator) / (3 * n) ** 0.5
    mean = torch.randn(n, dtype=torch.float64, generator=generator)
    third = 2 * torch.einsum("ai,bi,ci->abc", w, w, w)
    fourth = 6 * torch.einsum("ai,bi,ci,di->abcd", w, w, w, w)
    return VectorCumulants(mean, w @ w.mT, third if order > 2 else None, fourth if order > 3 else None)


def close(a, b, tolerance=1e-11):
    for x, y in ((a.mean, b.mean), (a.cov, b.cov), (a.third, b.third), (a.fourth, b.fourth)):
        assert (x is None) == (y is None)
        if x is not None:
            torch.testing.assert_close(x, y, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("order", [3, 4])
@pytest.mark.parametrize("part", [slice(0, 0), slice(0, 4), slice(1, 3)])
def test_a_linear_activation_is_the_affine_map_at_every_order(order, part):
    before = skew(4, order=order)
    gain = torch.ones(4, dtype=torch.float64)
    gain[part] = -2.0
    shift = torch.zeros(4, dtype=torch.float64)
    shift[part] = 0.5
    after = STEPS[order](Polynomial((0.5, -2.0)), before, part, 1e-13).cumulants
    close(after, before.map(lambda rows: rows * gain, shift))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_what_passes_beside_an_activation_is_untouched(order):
    before = skew(5, order=order)
    after = STEPS[order](relu(), before, slice(2, 4), 1e-13).cumulants
    rest = torch.tensor([0, 1, 4])
    close(after.select(rest), before.select(rest))


@given(st.integers(0, 20))
def test_a_quadratic_of_a_normal_vector_is_exact_to_order_three(seed):
    """Against the moments of the polynomial, expanded by Isserlis' theorem."""
    before, alpha = normal(3, seed), 0.4
    after = skewed(quadratic(alpha), before, slice(0, 3), 1e-13).cumulants
    for i, j, k in itertools.combinations_with_replacement(range(3), 3):
        # Any joint cumulant of y_i = z_i + alpha z_i^2 follows from quadratic forms by polarisation.
        expected = polarised((i, j, k), before, alpha)
        assert after.third[i, j, k].item() == pytest.approx(expected, rel=1e-9, abs=1e-10)
    for i, j in itertools.combinations_with_replacement(range(3), 2):
        assert after.cov[i, j].item() == pytest.approx(polarised((i, j), before, alpha), rel=1e-10, abs=1e-11)
    assert after.mean.tolist() == pytest.approx([polarised((i,), before, alpha) for i in range(3)])


def polarised(indices, before, alpha):
    """Joint cumulant of the quadratics at `indices` as an alternating sum of cumulants of their sums."""
    n, total = len(indices), 0.0
    for signs in itertools.product((0, 1), repeat=n):
        if not any(signs):
            continue
        v = torch.zeros(before.size, dtype=torch.float64)
        for at, sign in zip(indices, signs, strict=True):
            v[at] += sign
        zero = torch.zeros((), dtype=torch.float64)
        form = quadratic_form_cumulants(zero, v, alpha * v.diag(), before.mean, before.cov, order=n)
        total += (-1) ** (n - sum(signs)) * float(form[-1])
    return total / math.factorial(n)


def test_all_repeated_indices_of_order_four_are_exact_for_a_normal_vector():
    """iiii, iiij and iijj of a quadratic; the rest is a tree expansion."""
    before, alpha = normal(3, 4, scale=0.5), 0.4
    after = kurtotic(quadratic(alpha), before, slice(0, 3), 1e-13).cumulants
    for indices in ((0, 0, 0, 0), (0, 0, 0, 1), (1, 2, 1, 1), (0, 0, 2, 2), (2, 1, 2, 1)):
        assert after.fourth[indices].item() == pytest.approx(polarised(indices, before, alpha), rel=1e-8, abs=1e-9)
    third = skewed(quadratic(alpha), before, slice(0, 3), 1e-13).cumulants.third
    torch.testing.assert_close(after.third, third, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("f", [relu(), TANH])
def test_tensors_stay_symmetric(f):
    after = kurtotic(f, skew(4), slice(0, 4), 1e-13).cumulants
    for axes in itertools.permutations(range(3)):
        torch.testing.assert_close(after.third, after.third.permute(axes), rtol=1e-9, atol=1e-12)
    for axes in itertools.permutations(range(4)):
        torch.testing.assert_close(after.fourth, after.fourth.permute(axes), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("order", [3, 4])
def test_units_may_be_permuted(order):
    before, order_of = skew(4, order=order), torch.tensor([2, 0, 3, 1])
    one = STEPS[order](relu(), before.select(order_of), slice(0, 4), 1e-13).cumulants
    other = STEPS[order](relu(), before, slice(0, 4), 1e-13).cumulants.select(order_of)
    close(one, other, 1e-10)


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("f", [relu(), quadratic(0.3)])
def test_batches_are_computed_one_by_one(order, f):
    parts = [skew(3, seed, order) for seed in range(2)]
    stacked = VectorCumulants(
        *(
            None if x[0] is None else torch.stack(x)
            for x in zip(*((p.mean, p.cov, p.third, p.fourth) for p in parts), strict=True)
        )
    )
    whole = STEPS[order](f, stacked, slice(0, 3), 1e-13).cumulants
    for at, part in enumerate(parts):
        own = STEPS[order](f, part, slice(0, 3), 1e-13).cumulants
        for x, y in (
            (whole.mean, own.mean),
            (whole.cov, own.cov),
            (whole.third, own.third),
            (whole.fourth, own.fourth),
        ):
            if y is not None:
                torch.testing.assert_close(x[at], y, rtol=1e-9, atol=1e-11)


def test_order_four_has_exact_mean_and_covariance_of_quadratics_for_any_law():
    """A discrete law of three dependent variables, enumerated; the third cumulants are right to first order."""
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(7, 3, dtype=torch.float64, generator=generator)
    weights = torch.rand(7, dtype=torch.float64, generator=generator)
    weights = weights / weights.sum()

    def moment(values):
        return lambda block: float((weights * values[:, list(block)].prod(-1)).sum())

    def tensors(values):
        n = values.shape[1]
        build = moment(values)
        return [
            torch.tensor(
                [joint_cumulant(build, i) for i in itertools.product(range(n), repeat=r)], dtype=torch.float64
            ).reshape([n] * r)
            for r in (1, 2, 3, 4)
        ]

    before = VectorCumulants(*tensors(points))
    gaps = []
    for a in (0.02, 0.01):
        f = Polynomial((0.0, 1.0, a))
        exact = tensors(f(points))
        after = kurtotic(f, before, slice(0, 3), 1e-13).cumulants
        torch.testing.assert_close(after.mean, exact[0], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(after.cov, exact[1], rtol=1e-11, atol=1e-11)
        gaps.append((after.third - exact[2]).abs().max().item())
    assert gaps[1] < 0.3 * gaps[0]


def test_order_three_has_the_exact_skewness_of_one_quadratic_unit():
    alpha, s = 0.7, 1.3
    before = VectorCumulants(torch.zeros(1, dtype=torch.float64), torch.tensor([[s * s]], dtype=torch.float64))
    after = skewed(quadratic(alpha), before, slice(0, 1), 1e-13).cumulants
    b, c, k2 = 1.0, alpha, s * s
    assert after.third.item() == pytest.approx(3 * b * b * c * 2 * k2**2 + 8 * c**3 * k2**3, rel=1e-12)


def test_linearised_is_the_tangent_map():
    before = normal(3)
    after = linearised(TANH, before, slice(0, 2)).cumulants
    slope = torch.cat([1 - torch.tanh(before.mean[:2]).square(), torch.ones(1, dtype=torch.float64)])
    torch.testing.assert_close(after.cov, before.cov * slope[:, None] * slope)
    torch.testing.assert_close(after.mean, torch.cat([torch.tanh(before.mean[:2]), before.mean[2:]]))


def test_diagonal_is_the_diagonal_of_the_dense_map():
    before = normal(3)
    mean, variance = diagonal(relu(), before.mean, before.variance())
    after = gaussian(relu(), before, slice(0, 3), 1e-13).cumulants
    torch.testing.assert_close(mean, after.mean)
    torch.testing.assert_close(variance, after.variance())


def test_map_acts_on_every_index():
    before = skew(3)
    w = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    after = before.map(lambda rows: rows @ w.mT)
    torch.testing.assert_close(after.third, torch.einsum("ai,bj,ck,ijk->abc", w, w, w, before.third))
    torch.testing.assert_close(after.fourth, torch.einsum("ai,bj,ck,dl,ijkl->abcd", w, w, w, w, before.fourth))
    torch.testing.assert_close(before.map(lambda rows: rows @ w.mT, matrix=w).cov, w @ before.cov @ w.mT)
    assert [skew(2, order=k).order for k in (2, 3, 4)] == [2, 3, 4]


def test_symmetric_products_of_wide_matrices():
    a = torch.randn(300, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(symmetric_product(a, a), a @ a.mT, rtol=1e-12, atol=1e-13)


def test_a_component_that_does_not_move_has_no_cumulants():
    before = VectorCumulants(
        torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64),
        torch.diag(torch.tensor([1.0, 0.0, -1e-18], dtype=torch.float64)),
    )
    for step in (gaussian, skewed, kurtotic):
        after = step(TANH, before, slice(0, 3), 1e-13).cumulants
        torch.testing.assert_close(after.mean[1:], torch.tanh(before.mean[1:]))
        assert after.cov[1:].abs().max() < 1e-28
        assert all(
            bool(torch.isfinite(x).all()) for x in (after.mean, after.cov, after.third, after.fourth) if x is not None
        )


def test_clipping_removes_negative_eigenvalues_and_reports_them():
    q, _ = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    values = torch.tensor([2.0, 1.0, 0.5, -0.1], dtype=torch.float64)
    clipped, worst = clip_to_positive((q * values) @ q.mT)
    assert worst == pytest.approx(-0.05)
    torch.testing.assert_close(
        torch.linalg.eigvalsh(clipped), torch.tensor([0, 0.5, 1, 2.0], dtype=torch.float64), atol=1e-14, rtol=0
    )
    good = (q * values.abs()) @ q.mT
    same, zero = clip_to_positive(good)
    assert same is good
    assert zero == 0.0
