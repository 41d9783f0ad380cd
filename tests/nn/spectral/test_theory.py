"""Which maps are equivariant under signs: dimensions, counted without the layers, and the layers beside them."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from haar.nn.spectral import ColumnLinear

F64 = torch.float64


def signs(k: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product([1.0, -1.0], repeat=k)), dtype=F64)


def averaged_projector(n: int, n_out: int, k: int, *, permutations: bool) -> torch.Tensor:
    """The projector on maps R^(n k) -> R^(n_out k) that commute with all signs (and permutations of rows)."""
    total, count = torch.zeros((n * k * n_out * k,) * 2, dtype=F64), 0
    orders = list(itertools.permutations(range(n))) if permutations else [tuple(range(n))]
    for s in signs(k):
        for order in orders:
            rows = torch.eye(n, dtype=F64)[list(order)]
            before = torch.kron(rows, torch.diag(s))
            after = before if permutations else torch.kron(torch.eye(n_out, dtype=F64), torch.diag(s))
            total += torch.kron(after.contiguous(), before.contiguous())
            count += 1
    return total / count


def test_linear_maps_act_column_by_column():
    n, n_out, k = 2, 3, 2
    projector = averaged_projector(n, n_out, k, permutations=False)
    assert torch.linalg.matrix_rank(projector).item() == k * n * n_out == 12
    layer = ColumnLinear(k, n, n_out, dtype=F64)
    assert sum(p.numel() for p in layer.parameters()) == 12
    with torch.no_grad():
        columns = layer(torch.eye(n * k, dtype=F64).reshape(n * k, n, k)).reshape(n * k, n_out * k)
    matrix = columns.T.flatten()
    assert float((projector @ matrix - matrix).abs().max()) <= 1e-12


def test_with_permutations_two_numbers_a_column_are_left():
    projector = averaged_projector(3, 3, 2, permutations=True)
    assert torch.linalg.matrix_rank(projector).item() == 2 * 2


def monomials(v: torch.Tensor, degree: int) -> torch.Tensor:
    """All monomials up to a degree, in columns."""
    k = v.shape[-1]
    powers = [p for p in itertools.product(range(degree + 1), repeat=k) if sum(p) <= degree]
    return torch.stack([v.pow(torch.tensor(p, dtype=F64)).prod(-1) for p in powers], -1)


@pytest.mark.parametrize(("k", "m"), [(2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (3, 2)])
def test_polynomials_are_v_times_polynomials_of_squares(k, m):
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(300, k, generator=generator, dtype=F64).clamp(-2, 2)
    # Every polynomial map, made equivariant by averaging over all signs: component c is averaged with s_c.
    averaged = [
        sum(monomials(v * s, 2 * m + 1) * s[c] for s in signs(k)) / 2**k
        for c in range(k)
    ]  # fmt: skip
    ranks = [torch.linalg.matrix_rank(part, rtol=1e-9).item() for part in averaged]
    assert sum(ranks) == k * math.comb(m + k, k)
    weights = torch.randn(averaged[0].shape[1], generator=generator, dtype=F64)
    for c, part in enumerate(averaged):
        target = part @ weights
        form = v[:, c : c + 1] * monomials(v.square(), m)
        fitted = form @ torch.linalg.lstsq(form, target.unsqueeze(-1)).solution
        assert float((fitted.squeeze(-1) - target).abs().max()) <= 1e-10 * max(1.0, float(target.abs().max()))
