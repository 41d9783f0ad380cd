"""p-values of randomisation tests."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

#: Sums taken in another order differ by less, relative.
_SLACK = 1e-9


def randomisation_p(observed: float, drawn: Float[Tensor, " draws"]) -> float:
    """Share of draws that are at least as large, the observation counted among them: never 0.

    Args:
        observed: The statistic of the data.
        drawn: The same of data moved at random.

    Example:
        >>> import torch
        >>> randomisation_p(3.0, torch.tensor([1.0, 2.0, 4.0]))
        0.5
    """
    # Equality counts against rejection; the slack covers sums taken in another order.
    return (1 + int((drawn >= observed * (1 - _SLACK)).sum())) / (1 + len(drawn))
