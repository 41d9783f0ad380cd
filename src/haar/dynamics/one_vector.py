"""Gradients as one vector of real numbers, in double precision."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def one_vector(gradients: Sequence[Tensor]) -> Float[Tensor, " numbers"]:
    """All entries in order: of complex ones both parts, of sparse ones the zeros too.

    Example:
        >>> one_vector([torch.tensor([3.0]), torch.tensor(1 + 2j)]).tolist()
        [3.0, 1.0, 2.0]
    """
    dense = (one.detach().to_dense() for one in gradients)
    real = (torch.view_as_real(one.resolve_conj()) if one.is_complex() else one for one in dense)
    return torch.cat([one.flatten().double() for one in real])
