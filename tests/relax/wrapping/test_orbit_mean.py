"""Signed means over orbits, and what is mixed from them, against plain loops."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Defining, Regular
from haar.groups import dihedral
from haar.relax.wrapping.mixing import branched, mixed
from haar.relax.wrapping.orbit_mean import OrbitMean, orbit_mean

DOUBLE = torch.float64
#: Orbits of one size in runs; of one size, scattered; of several sizes; with signs; with entries that become zero.
CASES = {
    "runs": ([0, 0, 1, 1, 2, 2], [1] * 6),
    "scattered": ([0, 1, 2, 0, 1, 2], [1] * 6),
    "no runs": ([1, 1, 0, 0, 2, 2], [1] * 6),
    "sizes": ([0, 1, 1, 2, 2, 2], [1] * 6),
    "signs": ([0, 1, 1, 0, 0, 1], [1, 1, -1, -1, 1, 1]),
    "signed runs": ([0, 0, 1, 1, 2, 2], [1, -1, 1, 1, 1, -1]),
    "zeros": ([0, -1, 1, 0, -1, 1], [1, 1, 1, 1, 1, 1]),
    "all": ([2, -1, 0, 2, 0, 1], [1, 1, 1, -1, -1, 1]),
    "nothing": ([-1] * 6, [1] * 6),
}


def by_loop(label, sign, value):
    out = torch.zeros(6, dtype=DOUBLE)
    for k in range(6):
        members = [j for j in range(6) if label[j] == label[k] >= 0]
        if members:
            out[k] = sign[k] * sum(sign[j] * value[j] for j in members) / len(members)
    return out


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request):
    label, sign = request.param
    return label, sign, OrbitMean(torch.tensor(label), torch.tensor(sign), (2, 3))


def numbers(seed):
    return torch.randn(2, 3, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def test_it_is_the_mean_of_the_loop(case):
    label, sign, mean = case
    value, other = numbers(0), numbers(1)
    expected = by_loop(label, sign, value.flatten()).reshape(2, 3)
    assert torch.allclose(mean(value), expected, rtol=0, atol=1e-15)
    assert mean(value).shape == (2, 3)
    between = mean.between(mean.average(value), other, torch.tensor(0.3, dtype=DOUBLE))
    assert torch.allclose(between, expected + 0.3 * (other - expected), rtol=0, atol=1e-15)
    inner = (expected * by_loop(label, sign, other.flatten()).reshape(2, 3)).sum()
    assert float(mean.dot(mean.average(value), mean.average(other))) == pytest.approx(float(inner), abs=1e-15)
    assert mean(value.float()).dtype == torch.float32


def test_mixtures_and_their_gradients_are_those_of_the_formula(case):
    label, sign, mean = case
    gamma = torch.tensor(0.3, dtype=DOUBLE, requires_grad=True)
    value = numbers(2).requires_grad_()
    other = numbers(3).requires_grad_()
    kappa = torch.tensor(1.7, dtype=DOUBLE)
    D = numbers(4)

    def plain(v):
        return torch.stack(list(_loop(label, sign, v.flatten()))).reshape(2, 3)

    found = mixed((value, other), (mean, mean), gamma, (kappa, None))
    own, beside = plain(value), plain(other)
    factor = (1 + 0.7 * (1 - gamma.detach())) - gamma
    expected = (gamma * value + factor * own, gamma * other + (1 - gamma) * beside)
    for one, two in zip(found, expected, strict=True):
        assert torch.allclose(one, two, rtol=0, atol=1e-14)
    loss = (found[0] * D).sum() + 2 * (found[1] * D).sum()
    wanted = (expected[0] * D).sum() + 2 * (expected[1] * D).sum()
    for one, two in zip(
        torch.autograd.grad(loss, (gamma, value, other)),
        torch.autograd.grad(wanted, (gamma, value, other)),
        strict=True,
    ):
        assert torch.allclose(one, two, rtol=0, atol=1e-13)


def _loop(label, sign, value):
    for k in range(6):
        members = [j for j in range(6) if label[j] == label[k] >= 0]
        total = sum((sign[j] * value[j] for j in members), 0 * value[0])
        yield sign[k] * total / max(len(members), 1)


def test_branches_and_their_gradients_are_those_of_the_formula(case):
    label, sign, mean = case
    gamma = torch.tensor(0.3, dtype=DOUBLE, requires_grad=True)
    value, free = numbers(5).requires_grad_(), numbers(6).requires_grad_()
    kappa, D = torch.tensor(1.7, dtype=DOUBLE), numbers(7)

    def plain(v):
        return torch.stack(list(_loop(label, sign, v.flatten()))).reshape(2, 3)

    own, rest = plain(value), free - plain(free)
    expected = own + gamma * kappa * own.detach().norm() * rest / rest.norm()
    found = branched(value, free, mean, gamma, kappa)
    assert torch.allclose(found, expected, rtol=0, atol=1e-14)
    names = (gamma, value, free)
    for one, two in zip(
        torch.autograd.grad((found * D).sum(), names), torch.autograd.grad((expected * D).sum(), names), strict=True
    ):
        assert torch.allclose(one, two, rtol=0, atol=1e-13)


def test_only_what_is_asked_for_gets_a_gradient():
    label, sign = CASES["all"]
    mean = OrbitMean(torch.tensor(label), torch.tensor(sign), (2, 3))
    fixed, value = torch.tensor(0.3, dtype=DOUBLE), numbers(2).requires_grad_()
    (only,) = mixed((value,), (mean,), fixed, (None,))
    only.sum().backward()
    assert value.grad is not None
    gamma, held = torch.tensor(0.3, dtype=DOUBLE, requires_grad=True), numbers(2)
    (out,) = mixed((held,), (mean,), gamma, (None,))
    out.sum().backward()
    expected = held - by_loop(label, sign, held.flatten()).reshape(2, 3)
    assert float(gamma.grad) == pytest.approx(float(expected.sum()), rel=1e-12)


def test_copies_with_one_pattern_share_its_tables_and_others_do_not():
    group = dihedral(4)
    for base, other in ((Regular(group), Defining(group)), (Defining(group), Regular(group))):
        rows, columns = 3 * base, 2 * Regular(group) + other  # with signs in the second turn
        mean = orbit_mean(rows, columns, (rows.dim, columns.dim))
        value = torch.randn(rows.dim, columns.dim, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
        g = group.elements()
        left, right = rows.matrix(g), columns.matrix(g)
        expected = (left @ value @ right.mT).mean(0)
        assert torch.allclose(mean(value), expected, rtol=0, atol=1e-14)
        average = mean.average(value)
        assert float(mean.dot(average, average)) == pytest.approx(float(expected.square().sum()), rel=1e-12)
    # equal runs of rows whose orbits cross them: the mean is over both
    crossing = OrbitMean(torch.tensor([0, 1, 0, 1]), torch.ones(4, dtype=torch.int64), (2, 2))
    assert crossing(torch.tensor([[1.0, 2.0], [3.0, 6.0]])).tolist() == [[2.0, 4.0], [2.0, 4.0]]
    # equal orbits, unequal signs
    signed = OrbitMean(torch.tensor([0, 0, 1, 1]), torch.tensor([1, 1, 1, -1]), (2, 2))
    assert signed(torch.tensor([[1.0, 2.0], [3.0, 6.0]])).tolist() == [[1.5, 1.5], [-1.5, 1.5]]
