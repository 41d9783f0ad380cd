"""Branches that the user made: any module of theirs added to an equivariant model, times a gamma."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.errors import ArgumentError, NotEquivariantError
from haar.probing import check_finite, disturbed, transformed
from haar.relax.wrapping.homotopy import Homotopy
from haar.relax.wrapping.precision import fitting_precision, one_beside
from haar.relax.wrapping.verification import measured_error
from haar.relax.wrapping.whole_module import WholeModule


class SideBranch(WholeModule):
    """x + gamma f(...) for a module f that need not be equivariant: put where a model computes the equivariant x.

    This is the form f_eq + gamma f_neq of the source, for networks whose symmetry does not come from single layers:
    message passing, attention, vector neurons. `with_side_branches` makes a homotopy of the model.

    Args:
        branch: The module; its output is added to x and must have x's shape, or one that broadcasts to it.

    Attributes:
        branch: The module f beside the equivariant path.
        ratio: ||f|| / ||x|| in the latest forward in training.

    Example:
        >>> branch = SideBranch(nn.Linear(3, 3))
        >>> x = torch.randn(5, 3)
        >>> before = branch.fix(torch.tensor(0.0))
        >>> torch.equal(branch(x, x), x)
        True

    Source: Manolache, Chamon, Niepert, arXiv 2505.13631, section 3.
    """

    mode = "branches"

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.gamma = one_beside(branch)
        self.register_buffer("ratio", torch.zeros_like(self.gamma))
        self._fixed = None

    def forward(self, x: Float[Tensor, "..."], *args: Any) -> Float[Tensor, "..."]:
        """Add the branch.

        Args:
            x: The equivariant part.
            args: What the branch is called with.
        """
        added = self.branch(*args)
        if self.training and not transformed():
            with torch.no_grad():
                self.ratio.copy_(added.norm() / x.norm().clamp(min=torch.finfo(x.dtype).tiny))
        out: Tensor = x + self._gamma() * added
        return out

    def export(self) -> nn.Module:
        """At gamma = 0 a module that gives x back; else this branch with its gamma fixed."""
        if not float(self._gamma().detach()):
            return _Given()
        return self._fixed_copy()

    def extra_repr(self) -> str:
        """That it is one."""
        return "mode=side branch"


class _Given(nn.Module):
    """Its first argument."""

    def forward(self, x: Tensor, *args: Any) -> Tensor:
        del args
        return x


def with_side_branches(
    model: nn.Module, symmetry: Symmetry, *, example: Sequence[Any] | Tensor | None = None
) -> Homotopy:
    """A homotopy of a model whose maker put `SideBranch`es into it, checked: without them it has the symmetry.

    Args:
        model: The model; it is kept, not copied.
        symmetry: What it has with all gammas at 0.
        example: One batch of inputs (a tensor, or a tuple of arguments); by default random ones are made.

    Raises:
        ArgumentError: If the model has no side branch, or no inputs can be made.
        NotEquivariantError: If the model with all gammas at 0 does not have the symmetry (float64, disturbed weights).

    Example:
        >>> from haar.actions import Defining, Vector
        >>> from haar.groups import cyclic
        >>> class Stretched(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.side = SideBranch(nn.Linear(2, 2))
        ...
        ...     def forward(self, x):
        ...         return self.side(x * x.norm(dim=-1, keepdim=True), x)
        >>> turned = Defining(cyclic(4))
        >>> model = with_side_branches(Stretched(), Symmetry(turned.group, Vector(turned), Vector(turned)))
        >>> list(model.layers), model.error < 1e-12
        (['side'], True)
    """
    homotopy = Homotopy(model, symmetry)
    if not homotopy.layers:
        raise ArgumentError(
            "model", expected="a model with SideBranch modules", got=type(model).__name__, way_out="or use homotopise"
        )
    tried = disturbed(homotopy, fixed=("gamma",))
    given = None if example is None else tuple(example) if isinstance(example, (tuple, list)) else (example,)
    check_finite("example", given)
    with tried.at(0.0):
        precision, inputs = fitting_precision(tried, symmetry, given)
    homotopy.error = measured_error(tried, inputs, precision)
    if not homotopy.error <= precision.exact and not symmetry.approximate:
        raise NotEquivariantError(
            f"at gamma = 0 the model is not equivariant under {symmetry.group.name}: relative error "
            f"{homotopy.error:.1e}; something else than its SideBranch modules breaks the symmetry"
        )
    return homotopy
