"""Invariant numbers of equivariant features: what a readout may use."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import Representation, Trivial
from haar.intertwiners import invariants
from haar.nn.module import EquivariantModule, check_channels
from haar.nn.parts import PartRun, part_runs
from haar.nn.precision import check_number, length, widened


class Invariants(EquivariantModule):
    """Invariant channels of every part: its invariant coordinates, and lengths of what moves.

    Invariant coordinates of permuted channels are their means over orbits, up to scale.

    With `products` the inner products of what moves, between all pairs of equal parts, take the place of lengths: by
    the first fundamental theorem they separate orbits of O(n) acting on several vectors.

    Args:
        rep: Any representation; its parts are those of the direct sum.
        products: Whether to take all inner products between equal parts rather than lengths.
        channels: ``"last"`` or ``"first"``.
        eps: Added under the root of lengths, so that gradients stay finite.

    Raises:
        ArgumentError: If `eps` is not positive.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining, Trivial
        >>> from haar.groups import O
        >>> space = O(3)
        >>> rep = Trivial(space, 2) + 3 * Defining(space)
        >>> Invariants(rep).rep_out.dim, Invariants(rep, products=True).rep_out.dim
        (5, 8)
    """

    def __init__(
        self, rep: Representation, *, products: bool = False, channels: str = "last", eps: float = 1e-12
    ) -> None:
        super().__init__()
        self.channels, self.products = check_channels(channels), products
        self.eps = check_number("eps", eps, positive=True)
        self.runs = part_runs(rep)
        counts = []
        for k, run in enumerate(self.runs):
            fixed = invariants(run.rep)
            self.register_constant(f"fixed_{k}", fixed, torch.get_default_dtype())
            moves = fixed.shape[1] < run.rep.dim
            pairs = run.copies * (run.copies + 1) // 2 if products else run.copies
            counts.append(run.copies * fixed.shape[1] + (pairs if moves else 0))
        self.rep_in, self.rep_out = rep, Trivial(rep.group, sum(counts))

    def forward(self, x: Float[Tensor, "*shape_in"]) -> Float[Tensor, "*shape_out"]:
        """Read out.

        Raises:
            ShapeError: If the channel axis does not fit.
        """
        self.check_input(x)
        last = widened(x).movedim(self._axis, -1)
        found = [piece for k, run in enumerate(self.runs) for piece in self._of_run(k, run, last)]
        return torch.cat(found, -1).movedim(-1, self._axis).to(x.dtype)

    def _of_run(self, k: int, run: PartRun, x: Tensor) -> list[Tensor]:
        fixed = self.constant_as(f"fixed_{k}", x.dtype)
        v = run.of(x, -1)
        still = v @ fixed
        if fixed.shape[1] == run.rep.dim:
            return [still.flatten(-2)]
        moves = v - still @ fixed.t() if fixed.shape[1] else v
        if self.products:
            row, column = torch.triu_indices(run.copies, run.copies, device=x.device)
            lengths = (moves @ moves.transpose(-1, -2))[..., row, column]
        else:
            lengths = length(moves, -1, eps=self.eps)
        return [still.flatten(-2), lengths] if fixed.shape[1] else [lengths]
