"""Small matrices in closed form against torch's own, and what is no metric."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.geometry.definite import check_metric, inverse, leading_minors_positive, log_volume


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_inverses_volumes_and_signs_are_those_of_eigenvalues(size):
    x = torch.randn(40, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(size))
    g = x @ x.mT + 0.1 * torch.eye(size)
    torch.testing.assert_close(inverse(g), torch.linalg.inv(g))
    torch.testing.assert_close(log_volume(g), torch.linalg.slogdet(g).logabsdet / 2)
    shifted = g - 0.5 * torch.eye(size)
    positive = torch.linalg.eigvalsh(shifted)[:, 0] > 0
    assert positive.any()
    assert not positive.all()
    assert leading_minors_positive(shifted).tolist() == positive.tolist()
    assert not leading_minors_positive(-g).any()


def test_what_is_no_metric_is_named_with_its_point():
    points, good = torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.eye(2).expand(2, 2, 2)
    check_metric(good, points)
    for change, words in {
        (0, 0): "positive definite values, got the eigenvalue -1 ",
        (0, 1): "symmetric values, got entries that differ by 2 ",
    }.items():
        bad = good.clone()
        bad[(1, *change)] -= 2.0
        with pytest.raises(ArgumentError, match=rf"metric: expected {words}at point 1, \(2, 3\)"):
            check_metric(bad, points)
    bad = good.clone()
    bad[0, 1, 1] = torch.inf
    with pytest.raises(ArgumentError, match=r"finite values, got NaN or infinity at point 0, \(0, 1\)"):
        check_metric(bad, points)
    with pytest.raises(ArgumentError, match="values of shape"):
        check_metric(good[:1], points)
    with pytest.raises(ArgumentError, match="real values"):
        check_metric(good.long(), points)
