"""Nonlinearities for any orthogonal representation: every part is stretched by a function of an invariant."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import DirectSum, Representation, Trivial
from haar.actions.representation.representation import check_representation
from haar.nn.module import EquivariantModule, check_channels
from haar.nn.parts import PartRun, part_count, part_runs
from haar.nn.precision import check_number, length
from haar.nn.representations import stands_still


class NormNonlinearity(EquivariantModule):
    """Every part v becomes v f(|v| + b) / |v|, with one bias b for every part.

    Worrall et al., Harmonic Networks (CVPR 2017), eq. 9, for any orthogonal representation. Near 0 the length is
    sqrt(|v|^2 + eps), so that gradients stay finite.

    Args:
        rep: Any representation; its parts are those of the direct sum.
        function: Of the length, for example `torch.relu`.
        bias: Whether to learn b (0 at the start).
        channels: ``"last"`` or ``"first"``.
        eps: Added under the root.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If `channels` is unknown or `eps` is not positive.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import SO
        >>> NormNonlinearity(4 * Defining(SO(3)))(torch.randn(2, 12)).shape
        torch.Size([2, 12])
    """

    def __init__(
        self,
        rep: Representation,
        function: Callable[[Tensor], Tensor] = nn.functional.silu,
        *,
        bias: bool = True,
        channels: str = "last",
        eps: float = 1e-12,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.channels = check_channels(channels)
        self.function, self.eps = function, check_number("eps", eps, positive=True)
        self.runs = part_runs(rep)
        self.rep_in = self.rep_out = rep
        self.bias = nn.Parameter(torch.empty(part_count(rep), dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The bias at 0."""
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Stretch every part.

        Raises:
            ShapeError: If the channel axis does not fit.
        """
        self.check_input(x)
        axis = self._axis % x.ndim
        # f(b) / |v| must be a number of the input's precision, at 0 too
        eps = max(self.eps, torch.finfo(x.dtype).tiny ** 2)
        pieces = []
        for run in self.runs:
            v = run.of(x, axis)
            size = length(v, axis + 1, eps=eps, keepdim=True)
            moved = size
            if self.bias is not None:
                shape = [1] * v.ndim
                shape[axis] = run.copies
                moved = size + self.bias[run.first : run.first + run.copies].reshape(shape)
            pieces.append((v * (self.function(moved) / size)).flatten(axis, axis + 1))
        dtype = x.dtype if self.bias is None else torch.promote_types(x.dtype, self.bias.dtype)
        return torch.cat(pieces, axis).to(dtype)


class Gated(EquivariantModule):
    """Parts that move are multiplied by a gate, a function of an extra invariant channel; the others pass a function.

    The input has one gate more for every part that moves: ``gated.rep_in`` is ``rep + gates trivial``. Weiler et al.,
    3D Steerable CNNs (NeurIPS 2018), section 4.2.

    Args:
        rep: Representation of the output.
        function: On invariant channels.
        gate: On the gates.
        channels: ``"last"`` or ``"first"``.

    Raises:
        ArgumentError: If `channels` is unknown.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining, Trivial
        >>> from haar.groups import SO
        >>> space = SO(3)
        >>> gated = Gated(Trivial(space, 4) + 2 * Defining(space))
        >>> gated.rep_in.dim, gated(torch.randn(5, 12)).shape
        (12, torch.Size([5, 10]))
    """

    def __init__(
        self,
        rep: Representation,
        *,
        function: Callable[[Tensor], Tensor] = nn.functional.silu,
        gate: Callable[[Tensor], Tensor] = torch.sigmoid,
        channels: str = "last",
    ) -> None:
        super().__init__()
        check_representation("rep", rep)
        self.rep_out = rep
        self.channels = check_channels(channels)
        self.function, self.gate = function, gate
        self.runs: tuple[tuple[PartRun, bool], ...] = tuple((run, stands_still(run.rep)) for run in part_runs(rep))
        self.gates = sum(run.copies for run, still in self.runs if not still)
        self.rep_in = rep if self.gates == 0 else DirectSum([rep, Trivial(rep.group, self.gates)])

    def forward(self, x: Float[Tensor, "*shape_in"]) -> Float[Tensor, "*shape_out"]:
        """Gate.

        Raises:
            ShapeError: If the channel axis does not fit.
        """
        self.check_input(x)
        axis = self._axis % x.ndim
        gates = self.gate(x.narrow(axis, self.rep_out.dim, self.gates))
        pieces, first = [], 0
        for run, still in self.runs:
            if still:
                pieces.append(self.function(x.narrow(axis, run.start, run.copies * run.rep.dim)))
                continue
            factor = gates.narrow(axis, first, run.copies).unsqueeze(axis + 1)
            pieces.append((run.of(x, axis) * factor).flatten(axis, axis + 1))
            first += run.copies
        return torch.cat(pieces, axis)
