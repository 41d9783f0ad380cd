from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import forward_ad

from haar.moments.mehler import mehler, mehler_tail, several_mehler, symmetric_mehler

# Torch's forward mode writes parts of itself in a script that it calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.:DeprecationWarning")


def plainly(rho, left, right):
    """The sum as it is written, by torch's own derivatives."""
    total = torch.zeros_like(rho)
    for k in range(1, left.shape[-1]):
        total = total + rho**k * left[..., :, None, k] * right[..., None, :, k]
    return total


def draw(shape, terms, seed=0, *, grad=True):
    source = torch.Generator().manual_seed(seed)
    *batch, rows, columns = shape
    rho = 1.8 * torch.rand(shape, generator=source, dtype=torch.float64) - 0.9
    left = torch.randn(*batch, rows, terms, generator=source, dtype=torch.float64)
    right = torch.randn(*batch, columns, terms, generator=source, dtype=torch.float64)
    return tuple(x.requires_grad_(grad) for x in (rho, left, right))


def correlations(n, seed=0):
    """A symmetric matrix that is a function of a square one, for derivatives along it keep it symmetric."""
    source = torch.Generator().manual_seed(seed)
    a = torch.randn(n, n, generator=source, dtype=torch.float64) / n
    return a.requires_grad_(), lambda a: 0.5 * (a + a.mT)


@given(
    st.lists(st.integers(1, 3), max_size=2), st.integers(1, 4), st.integers(1, 4), st.integers(1, 7), st.integers(0, 99)
)
def test_the_sum_is_the_sum(batch, rows, columns, terms, seed):
    given_ = draw((*batch, rows, columns), terms, seed, grad=False)
    torch.testing.assert_close(mehler(*given_), plainly(*given_), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("terms", [2, 3, 6])
@pytest.mark.parametrize("shape", [(3, 2), (2, 1, 3)])
def test_first_and_second_derivatives_are_those_of_the_sum(shape, terms):
    given_ = draw(shape, terms)
    weight = torch.linspace(-1, 2, given_[0].numel(), dtype=torch.float64).reshape(shape)
    found, expected = [], []
    for function, kept in ((mehler, found), (plainly, expected)):
        first = torch.autograd.grad(
            (weight * function(*given_)).sum(), given_, create_graph=True, materialize_grads=True
        )
        length = sum(g.square().sum() for g in first)
        second = torch.autograd.grad(length, given_, materialize_grads=True)
        kept += [*first, *second]
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("moves", [(0,), (1,), (2,), (0, 1, 2)])
def test_derivatives_of_some_arguments_alone(moves):
    given_ = [x.detach() for x in draw((3, 2), 5)]
    tangents = draw((3, 2), 5, seed=1, grad=False)
    asked = [x.clone().requires_grad_(k in moves) for k, x in enumerate(given_)]
    wanted = [asked[k] for k in moves]
    theirs = [x.clone().requires_grad_(k in moves) for k, x in enumerate(given_)]
    expected = torch.autograd.grad(plainly(*theirs).sum(), [theirs[k] for k in moves])
    for a, b in zip(torch.autograd.grad(mehler(*asked).sum(), wanted), expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)
    with forward_ad.dual_level():
        dual = [
            forward_ad.make_dual(x, t) if k in moves else x
            for k, (x, t) in enumerate(zip(given_, tangents, strict=True))
        ]
        pushed = [forward_ad.unpack_dual(f(*dual)).tangent for f in (mehler, plainly)]
    torch.testing.assert_close(*pushed, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("n", [3, 127, 128, 150])
def test_the_triangle_is_the_whole(n):
    terms = 4
    _, a, _ = draw((n, n), terms)
    square, symmetric = correlations(n)
    weight = torch.randn(n, n, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    values = [f(symmetric(square)) for f in (lambda rho: symmetric_mehler(rho, a), lambda rho: plainly(rho, a, a))]
    torch.testing.assert_close(*values, rtol=1e-12, atol=1e-12)
    grads = [torch.autograd.grad((weight * value).sum(), (square, a)) for value in values]
    for mine, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


def test_the_triangle_forwards():
    _, a, _ = draw((130, 130), 3, grad=False)
    (square, symmetric), (along, _) = correlations(130), correlations(130, 1)
    rho, drift, change = symmetric(square.detach()), symmetric(along.detach()), torch.ones_like(a)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(rho, drift), forward_ad.make_dual(a, change)
        found = forward_ad.unpack_dual(symmetric_mehler(*dual)).tangent
        expected = forward_ad.unpack_dual(plainly(dual[0], dual[1], dual[1])).tangent
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_graph_keeps_the_arguments_and_not_a_matrix_an_order(symmetric):
    n, terms = 128, 30
    rho, a, b = draw((n, n), terms)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        value = symmetric_mehler(rho, a) if symmetric else mehler(rho, a, b)
    assert value.requires_grad
    assert sum(kept) <= n * n + 2 * n * terms


def test_no_terms_are_no_covariance():
    rho, a, _ = draw((2, 2), 1)
    assert mehler(rho, a, a).tolist() == symmetric_mehler(rho, a).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_what_a_cut_leaves():
    coefficients = torch.tensor([[9.0, 1.0, 0.5, 0.25]], dtype=torch.float64)
    variance = torch.tensor([2.0], dtype=torch.float64)
    assert mehler_tail(variance, coefficients, 1).item() == 1.0
    assert mehler_tail(variance, coefficients, 2).item() == 0.75
    assert mehler_tail(0.5 * variance, coefficients, 2).item() == 0.0


@pytest.mark.parametrize("shape", [(1, 1), (3, 2, 2), (64, 64), (65, 65)])
def test_several_pairs_are_one_after_the_other(shape):
    """On both sides of the size up to which they are summed together, with their derivatives."""
    rho, a, b = draw(shape, 4)
    pairs = [(a, b), (b, b), (a, a)]
    found, expected = several_mehler(rho, pairs), [mehler(rho, *pair) for pair in pairs]
    assert len(found) == 3
    weights = [torch.linspace(-1, k, rho.numel(), dtype=torch.float64).reshape(shape) for k in (1, 2, 3)]
    slopes = [
        torch.autograd.grad(sum((w * x).sum() for w, x in zip(weights, values, strict=True)), (rho, a, b))
        for values in (found, expected)
    ]
    for one, other in zip([*found, *slopes[0]], [*expected, *slopes[1]], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
