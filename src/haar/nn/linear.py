"""The equivariant linear layer: one set of parameters, run in blocks or as a dense matrix."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import Representation
from haar.errors import ArgumentError, ShapeError
from haar.groups import Subgroup
from haar.intertwiners import Intertwiners, IsotypicIntertwiners, OrbitIntertwiners, intertwiners, invariants
from haar.nn.folding import FoldCache
from haar.nn.module import EquivariantModule
from haar.nn.parts import part_runs

#: Leaves of a direct sum above this size are not decomposed: their orbits are used.
_DECOMPOSED = 256
#: Dense matrices with at least this many entries are run in blocks while training.
_BLOCKS_FROM = 512 * 512


class Linear(EquivariantModule):
    """x -> W x + b with W in Hom_G(V_in, V_out) and b invariant.

    The parameters are coordinates in an orthonormal basis of Hom_G (`haar.intertwiners`). *Blocks*: change to the isotypic
    basis, mix copies, change back: fewer multiplications for wide layers. *Folded*: one dense matrix, made once in eval and
    again when parameters change. Both give the same function and have the same state_dict.

    Args:
        rep_in: Representation on the last axis of the input.
        rep_out: Representation on the last axis of the output, of the same group object.
        bias: Whether to add a bias in the invariant subspace.
        form: ``"blocks"``, ``"folded"``, or ``"auto"``: blocks for wide layers in training, folded else.
        generator: Of the initial weights; by default torch's.
        dtype: Of the parameters; by default torch's default.

    Raises:
        ArgumentError: If the groups differ, the form is unknown, or no map and no bias exists.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> D4 = dihedral(4)
        >>> layer = Linear(4 * Regular(D4), 2 * Regular(D4))
        >>> layer.weight.shape, layer(torch.randn(5, 32)).shape
        (torch.Size([64]), torch.Size([5, 16]))
    """

    def __init__(
        self,
        rep_in: Representation,
        rep_out: Representation,
        *,
        bias: bool = True,
        form: Literal["auto", "blocks", "folded"] = "auto",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if form not in ("auto", "blocks", "folded"):
            raise ArgumentError("form", expected="'auto', 'blocks' or 'folded'", got=repr(form))
        self.rep_in, self.rep_out, self.form = rep_in, rep_out, form
        self.space = _space(rep_in, rep_out)
        fixed = invariants(rep_out) if bias else torch.zeros(rep_out.dim, 0, dtype=torch.float64)
        if self.space.dim == 0 and fixed.shape[1] == 0:
            raise ArgumentError(
                "rep_out", expected=f"a representation that shares a component with {rep_in.name}", got=rep_out.name
            )
        self.weight = nn.Parameter(torch.empty(self.space.dim, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(fixed.shape[1], dtype=dtype)) if bias else None
        self.register_buffer("fixed", fixed.to(self.weight.dtype), persistent=False)
        self.fixed: Tensor
        self._fold = FoldCache()
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weights so that unit-variance inputs give unit-variance outputs in every isotypic class; zero the bias."""
        with torch.no_grad():
            noise = torch.randn(self.space.dim, generator=generator, dtype=torch.float64)
            self.weight.copy_(noise * weight_scale(self.space).to(noise))
            if self.bias is not None:
                self.bias.zero_()

    def forward(self, x: Float[Tensor, "*batch n_in"]) -> Float[Tensor, "*batch n_out"]:
        """Apply the layer to the last axis.

        Raises:
            ShapeError: If the last axis is not the input representation's.
        """
        if x.shape[-1] != self.rep_in.dim:
            raise ShapeError(
                "x", expected=f"{self.rep_in.dim} on the last axis ({self.rep_in.name})", got=tuple(x.shape)
            )
        if self._in_blocks():
            y = self.space.apply(self.weight, x)  # type: ignore[attr-defined]
            return y if self.bias is None else y + self.fixed @ self.bias
        return nn.functional.linear(x, self.matrix(), self.offset())

    def matrix(self) -> Float[Tensor, "n_out n_in"]:
        """The dense matrix W; in eval without gradients made once and kept until the parameters change."""
        return self._fold.get(self, (self.weight,), lambda: self.space.from_parameters(self.weight))

    def offset(self) -> Float[Tensor, " n_out"] | None:
        """The dense bias, or None."""
        return None if self.bias is None else self.fixed @ self.bias

    def restrict(self, subgroup: Subgroup) -> Linear:
        """The same layer with the freedom of a subgroup: its weights start at the same matrix."""
        looser = Linear(
            self.rep_in.restrict(subgroup),
            self.rep_out.restrict(subgroup),
            bias=self.bias is not None,
            form=self.form,
            dtype=self.weight.dtype,
        ).to(self.weight.device)
        with torch.no_grad():
            looser.weight.copy_(looser.space.parameters_of(self.space.from_parameters(self.weight.double())))
            offset = self.offset()
            if looser.bias is not None and offset is not None:
                looser.bias.copy_(looser.fixed.T @ offset)
        return looser.train(self.training)

    def export(self) -> nn.Linear:
        """A plain `torch.nn.Linear` with equal outputs."""
        plain = nn.Linear(self.rep_in.dim, self.rep_out.dim, bias=self.bias is not None, dtype=self.weight.dtype)
        with torch.no_grad():
            plain.weight.copy_(self.space.from_parameters(self.weight))
            offset = self.offset()
            if offset is not None:
                plain.bias.copy_(offset)
        return plain.to(self.weight.device).train(self.training)

    def extra_repr(self) -> str:
        """Representations and number of parameters."""
        return f"{self.rep_in.name} -> {self.rep_out.name} of {self.rep_in.group.name}, form={self.form}"

    def _in_blocks(self) -> bool:
        if not isinstance(self.space, IsotypicIntertwiners):
            return False
        if self.form != "auto":
            return self.form == "blocks"
        wide = self.rep_in.dim * self.rep_out.dim >= _BLOCKS_FROM
        return wide and (self.training or torch.is_grad_enabled())


def weight_scale(space: Intertwiners) -> Float[Tensor, " dim"]:
    """Standard deviations of parameters for which unit variance in gives unit variance out, class by class.

    Isotypic: a component of an output copy is a sum over ``end m_in`` terms p / sqrt(d), hence d / (end m_in). Orbits: every orbit
    that meets a row gives it an equal share.
    """
    scale = torch.zeros(space.dim, dtype=torch.float64)
    if isinstance(space, IsotypicIntertwiners):
        for block in space.structure:
            scale[block.start : block.start + block.size] = (block.dim / (block.end * block.m_in)) ** 0.5
        return scale
    if isinstance(space, OrbitIntertwiners):
        orbits = space.structure
        label = orbits.label.to(torch.int64)
        hit = torch.zeros(label.shape[0], space.dim + 1, dtype=torch.bool)
        hit.scatter_(1, torch.where(label < 0, space.dim, label), value=True)
        hit = hit[:, : space.dim]
        shares = hit.sum(1, keepdim=True).clamp(min=1).to(torch.float64)
        # An orbit's rows are one orbit of rows: size_k / rows entries in each, worth p^2 / size_k each.
        return ((hit / shares).sum(0)).sqrt()
    return scale + 1


def _space(rep_in: Representation, rep_out: Representation) -> Intertwiners:
    largest = max(run.rep.dim for rep in (rep_in, rep_out) for run in part_runs(rep))
    if largest > _DECOMPOSED:
        return intertwiners(rep_in, rep_out)
    return intertwiners(rep_in, rep_out, route="isotypic")
