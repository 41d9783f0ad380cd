"""The real division algebras R, C and H as matrices of multiplication from the right."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

#: f e = sign * unit, for units 1, i, j, k numbered 0..3: rows f, columns e.
_PRODUCT = (
    ((0, 1), (1, 1), (2, 1), (3, 1)),
    ((1, 1), (0, -1), (3, 1), (2, -1)),
    ((2, 1), (3, -1), (0, -1), (1, 1)),
    ((3, 1), (2, 1), (1, -1), (0, -1)),
)


def right_multiplication(end: int) -> Float[Tensor, "end end end"]:
    """Multiplication from the right by the units 1 (, i (, j, k)): (M_e)_gf = 1 where f e = g, float64.

    Args:
        end: 1 for real numbers, 2 for complex numbers, 4 for quaternions.

    Example:
        >>> right_multiplication(2)[1].tolist()
        [[0.0, -1.0], [1.0, 0.0]]
    """
    out = torch.zeros(end, end, end, dtype=torch.float64, device="cpu")
    for f in range(end):
        for e in range(end):
            unit, sign = _PRODUCT[f][e]
            out[e, unit, f] = sign
    return out
