"""Returns of portfolios: their number, their months, and how the factors explain them."""

from __future__ import annotations

import numpy as np

from haar.data.monthly import french_portfolios


def test_four_factors_explain_thirty_portfolios():
    data = french_portfolios()
    assert data.returns.shape == (819, 30)
    assert data.factors.shape == (819, 4)
    assert (str(data.dates[0]), str(data.dates[-1])) == ("1949-01-01", "2017-03-01")
    assert (data.names[0], data.names[-1]) == ("NoDur", "S5M5")
    centred = data.returns - data.returns.mean(0)
    sizes = np.linalg.svd(centred, compute_uv=False) ** 2
    np.testing.assert_allclose((sizes / sizes.sum())[:4], [0.735, 0.063, 0.040, 0.029], atol=5e-4)
