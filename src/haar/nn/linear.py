"""The equivariant linear layer: one set of parameters, run in blocks or as a dense matrix."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import skip_init

from haar.actions.representation import Representation
from haar.errors import ArgumentError
from haar.groups import Subgroup
from haar.intertwiners import Intertwiners, IsotypicIntertwiners, intertwiners, invariants
from haar.nn.block_form import BlockForm
from haar.nn.computed_weights import check_own, current, effective, take_over
from haar.nn.folded_form import FoldedForm, basis_entries
from haar.nn.folding import Dense, FoldCache
from haar.nn.initial import draw_weights
from haar.nn.module import EquivariantModule
from haar.nn.parts import part_runs
from haar.nn.precision import check_number, check_precision
from haar.nn.representations import check_same_group, restricted

#: Parts of a direct sum above this dimension are not decomposed: their orbits are used. The second is for layers with
#: this many times the entries of the largest part's own matrix, whose orbits would take longer to find and to use.
_DECOMPOSED, _DECOMPOSED_OFTEN, _OFTEN = 256, 1024, 4
#: Layers with at least this many dense entries run in blocks in training, if that multiplies much less (measured).
_WIDE = 224 * 224
#: The same whatever their size, if a dense matrix has this many different tiles.
_MANY_TILES = 4
#: The same without gradients of the weights, where the dense matrix is kept, and from this many rows on.
_WIDE_STILL, _MANY = 448 * 448, 128
#: Blocks multiply much less if they multiply this many times less than a dense matrix.
_LESS = 3
#: Above this many numbers in the bases of tiles no dense matrix is made from tiles.
_TILED = 2**20
#: Layers without tiles run in blocks for at most this many rows for every input channel.
_ROWS = 2


class Linear(EquivariantModule):
    """x -> W x + b with W in Hom_G(V_in, V_out) and b invariant.

    The parameters are coordinates in an orthonormal basis of Hom_G (`haar.intertwiners`). *Blocks*: change to the
    isotypic basis, mix copies, change back: fewer multiplications for wide layers. *Folded*: one dense matrix, made
    from small tiles at every step of training, once in eval and again when parameters change. Both give the same
    function and have the same state_dict.

    Args:
        rep_in: Representation on the last axis of the input.
        rep_out: Representation on the last axis of the output, of the same group object.
        bias: Whether to add a bias in the invariant subspace.
        form: ``"blocks"``, ``"folded"``, or ``"auto"``: the cheaper one, after the layer's width, the number of rows
            and whether gradients of the weights are wanted.
        gain: Factor on the scale of initial weights, see `reset_parameters`.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters; by default torch's default.

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
        form: str = "auto",
        gain: float = 1.0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if form not in ("auto", "blocks", "folded"):
            raise ArgumentError("form", expected="'auto', 'blocks' or 'folded'", got=repr(form))
        check_same_group(rep_in, rep_out)
        self.rep_in, self.rep_out, self.form, self.gain = rep_in, rep_out, form, check_number("gain", gain)
        self.space = _space(rep_in, rep_out)
        fixed = invariants(rep_out) if bias else torch.zeros(rep_out.dim, 0, dtype=torch.float64)
        if self.space.dim == 0 and fixed.shape[1] == 0:
            raise ArgumentError(
                "rep_out",
                expected=f"a representation that shares a component with {rep_in.name}",
                got=rep_out.name,
                way_out="every equivariant map between them is zero",
            )
        self.weight = nn.Parameter(torch.empty(self.space.dim, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(fixed.shape[1], dtype=dtype)) if bias else None
        self.register_constant("fixed", fixed, self.weight.dtype)
        self.fixed: Tensor
        self._wide = False
        self.blocks: BlockForm | None = None
        self.tiles: FoldedForm | None = None
        if isinstance(self.space, IsotypicIntertwiners):
            self.blocks = BlockForm(self.space, self.weight.dtype)
            dense = rep_in.dim * rep_out.dim
            tiles = len(self.space.isotypic_in.runs) * len(self.space.isotypic_out.runs)
            wide = dense >= _WIDE or tiles >= _MANY_TILES
            self._wide = wide and _LESS * self.blocks.multiplications <= dense
            if (form == "folded" or (form == "auto" and not self._wide)) and basis_entries(self.space) <= _TILED:
                self.tiles = FoldedForm(self.space, self.weight.dtype)
        self._still = not self._wide or rep_in.dim * rep_out.dim < _WIDE_STILL
        self._fold = FoldCache()
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw weights so that unit-variance inputs give outputs of variance ``gain ** 2`` in every isotypic class.

        A deep network keeps its scale if each layer's gain undoes what its nonlinearity takes
        (`torch.nn.init.calculate_gain`: the root of 2 for ReLU). The bias starts at zero.
        """
        if self.weight.is_meta:
            return
        check_own(self)
        with torch.no_grad():
            self.weight.copy_(draw_weights(self.space, generator, gain=self.gain))
            if self.bias is not None:
                self.bias.zero_()

    def forward(self, x: Float[Tensor, "*batch n_in"]) -> Float[Tensor, "*batch n_out"]:
        """Apply the layer to the last axis.

        Raises:
            ShapeError: If the last axis is not the input representation's.
        """
        weight, bias = current(self)
        if self._still and self.form != "blocks":
            kept = self._fold.kept((weight, bias))
            if kept is not None:  # nothing to choose or to make
                try:
                    return nn.functional.linear(x, *kept)
                except RuntimeError:
                    self._check_fit(x, kept[0])
                    raise
        self.check_input(x)
        if self.blocks is not None and weight.dtype is self.fixed.dtype and self._in_blocks(x, weight):
            try:
                y: Tensor = self.blocks(weight, x, self.fixed, bias)
            except RuntimeError:
                self._check_fit(x, weight)
                raise
            return y
        dense = self._folded(weight, bias)
        try:
            return nn.functional.linear(x, *dense)
        except RuntimeError:
            self._check_fit(x, weight)
            raise

    def matrix(self) -> Float[Tensor, "n_out n_in"]:
        """The dense matrix W; made once and kept while no gradient of the weights is wanted and they do not change."""
        weight, bias = effective(self)
        return self._folded(weight, bias)[0]

    def offset(self) -> Float[Tensor, " n_out"] | None:
        """The dense bias, or None."""
        return self._shift(effective(self)[1])

    def train(self, mode: bool = True) -> Linear:  # noqa: FBT001, FBT002 (torch's signature)
        """As torch's; the folded matrix is forgotten."""
        self._fold.clear()
        return super().train(mode)

    def restrict(self, subgroup: Subgroup) -> Linear:
        """The same layer with the freedom of a subgroup: its weights start at the same matrix.

        Raises:
            ArgumentError: If it is no subgroup of the layer's group object.
        """
        weight, bias = effective(self)
        looser = Linear(
            restricted(self.rep_in, subgroup),
            restricted(self.rep_out, subgroup),
            bias=self.bias is not None,
            form=self.form,
            gain=self.gain,
            dtype=weight.dtype,
            generator=torch.Generator(),  # these weights are replaced: nothing is drawn from torch's own
        ).to(weight.device)
        if not weight.is_meta:
            looser.set_matrix(self._made(weight).detach(), self._shift(bias))
        take_over(self, looser)
        return looser.train(self.training)

    def set_matrix(self, matrix: Float[Tensor, "n_out n_in"], offset: Float[Tensor, " n_out"] | None = None) -> None:
        """Take the nearest equivariant map to any dense one as the weights, and the invariant part of an offset.

        Raises:
            ArgumentError: If the weights are computed from something else, as by a parametrisation.
        """
        check_own(self)
        with torch.no_grad():
            self.weight.copy_(self.space.parameters_of(matrix.double()))
            if self.bias is not None and offset is not None:
                self.bias.copy_(self.constant_as("fixed", torch.float64).T @ offset.double())

    def export(self) -> nn.Linear:
        """A plain `torch.nn.Linear` with equal outputs."""
        weight, bias = effective(self)
        plain: nn.Linear = skip_init(  # which draws no numbers
            nn.Linear,
            self.rep_in.dim,
            self.rep_out.dim,
            bias=bias is not None,
            dtype=weight.dtype,
            device=weight.device,
        )
        with torch.no_grad():
            plain.weight.copy_(self._made(weight))
            offset = self._shift(bias)
            if offset is not None:
                plain.bias.copy_(offset)
        take_over(self, plain)
        return plain.train(self.training)

    def _check_fit(self, x: Tensor, weight: Tensor) -> None:
        """Say what does not fit, once torch has refused it: autocast mixes precisions."""
        self.check_input(x)
        check_precision(x, weight)

    def extra_repr(self) -> str:
        """Representations, group and form."""
        return f"{super().extra_repr()}, form={self.form}"

    def _folded(self, weight: Tensor, bias: Tensor | None) -> Dense:
        return self._fold.get(self, lambda: self._dense(weight, bias), (weight, bias))

    def _dense(self, weight: Tensor, bias: Tensor | None) -> Dense:
        made = self._made(weight)
        if not (made.requires_grad or torch.compiler.is_compiling()):
            made = made.t().contiguous().t()  # kept for long: products with this layout are quicker (measured)
        return made, self._shift(bias)

    def _shift(self, bias: Tensor | None) -> Tensor | None:
        return None if bias is None else self.constant_as("fixed", bias.dtype) @ bias

    def _made(self, weight: Tensor) -> Tensor:
        """The dense matrix: differentiable through tiles or blocks; where no gradient is wanted, made in float64."""
        wanted = torch.is_grad_enabled() and weight.requires_grad
        if not wanted or weight.dtype is not self.fixed.dtype:  # a weight may be given in another precision
            return self.space.from_parameters(weight.double()).to(weight.dtype)
        if self.tiles is not None:
            tiled: Tensor = self.tiles(weight)
            return tiled
        if self.blocks is None:
            return self.space.from_parameters(weight)
        eye = torch.eye(self.rep_in.dim, dtype=weight.dtype, device=weight.device)
        made: Tensor = self.blocks(weight, eye).t()
        return made

    def _in_blocks(self, x: Tensor, weight: Tensor | None = None) -> bool:
        weight = self.weight if weight is None else weight
        if self.form != "auto":
            return self.form == "blocks"
        # the number of rows must not become a constant of a compiled or exported program
        compiling = torch.compiler.is_compiling()
        if torch.is_grad_enabled() and weight.requires_grad:
            few = not compiling and x.numel() <= _ROWS * self.rep_in.dim**2
            return self._wide or (self.tiles is None and few)
        many = compiling or x.numel() >= _MANY * self.rep_in.dim
        return self._wide and (self.training or (many and self.rep_in.dim * self.rep_out.dim >= _WIDE_STILL))


def _space(rep_in: Representation, rep_out: Representation) -> Intertwiners:
    largest = max(run.rep.dim for rep in (rep_in, rep_out) for run in part_runs(rep))
    often = rep_in.dim * rep_out.dim >= _OFTEN * largest**2
    if largest > (_DECOMPOSED_OFTEN if often else _DECOMPOSED):
        return intertwiners(rep_in, rep_out)
    return intertwiners(rep_in, rep_out, route="isotypic")
