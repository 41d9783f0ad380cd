"""The blocks form of an equivariant map: enter the isotypic basis, mix copies, come back; a few large products.

The gradient is written out by hand, since it has the same form: the output's gradient enters by the other side, is
mixed by the transposed matrices, and leaves by the first. It takes as many products as the map takes twice, and keeps
nothing but the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import ConstantsModule
from haar.intertwiners import IsotypicIntertwiners, MapBlock, right_multiplication
from haar.nn.isotypic_side import IsotypicSide, Kind, Share, presence
from haar.probing import transformed


@dataclass(frozen=True)
class _Stack:
    """Classes of equal shape, and how their mixing matrices are made.

    Attributes:
        blocks: The classes' parameters.
        straight: Whether the parameters are the mixing matrices.
        signed: Whether they have to be multiplied by something.
    """

    blocks: tuple[MapBlock, ...]
    straight: bool
    signed: bool

    @property
    def size(self) -> int:
        return sum(block.size for block in self.blocks)


class BlockForm(ConstantsModule):
    """W x for W in Hom_G from its parameters, without W.

    Args:
        space: The maps, in isotypic form.
        dtype: Precision of the bases; by default torch's default.
    """

    def __init__(self, space: IsotypicIntertwiners, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        dtype = torch.get_default_dtype() if dtype is None else dtype
        ins, outs = space.isotypic_in, space.isotypic_out
        stacks = _alike(space)
        shape = [(blocks[0].dim // blocks[0].end, blocks[0].end) for blocks in stacks]
        sources, targets = ([tuple(getattr(b, f"{side}_class") for b in s) for s in stacks] for side in ("in", "out"))
        # a basis of maps has norm 1 if every class is scaled by d^(-1/2): the bases of inputs are
        scales = [blocks[0].dim ** -0.5 for blocks in stacks]
        self.ins = IsotypicSide(
            ins, [Kind(c, *s, scale) for c, s, scale in zip(sources, shape, scales, strict=True)], dtype
        )
        self.outs = IsotypicSide(outs, [Kind(c, *s) for c, s in zip(targets, shape, strict=True)], dtype)
        left = [1.0 if scaled else scale for scale, scaled in zip(scales, self.ins.scaled, strict=True)]
        self._stacks = tuple(self._stack(n, tuple(s), left[n], dtype) for n, s in enumerate(stacks))
        places = _places(stacks)
        self._in_order = bool((places.diff() == 1).all())
        if not self._in_order:
            self.register_constant("places", places, torch.int64)
            self.register_constant("back", places.argsort(), torch.int64)

    @property
    def multiplications(self) -> int:
        """How many one row takes, where a dense matrix takes n_in n_out."""
        mixing = sum(b.dim * b.end * b.m_in * b.m_out for stack in self._stacks for b in stack.blocks)
        return mixing + self.ins.turning + self.outs.turning

    def forward(
        self,
        p: Float[Tensor, " dim"],
        x: Float[Tensor, "*batch n_in"],
        fixed: Float[Tensor, "n_out m"] | None = None,
        bias: Float[Tensor, " m"] | None = None,
    ) -> Float[Tensor, "*batch n_out"]:
        """Apply the map with parameters p to the last axis of x, and add ``fixed @ bias`` if there is one."""
        flat = x if x.ndim == 2 else x.reshape(x.shape[:-1].numel(), self.ins.dim)
        if _is_plain(x):
            y: Tensor = _Step.apply(self, p, flat) if bias is None else _Step.apply(self, p, flat, fixed, bias)
        else:
            y = self.apply_to(p, flat, in_place=False)
            y = y if fixed is None or bias is None else y + fixed @ bias
        return y if x.ndim == 2 else y.reshape(*x.shape[:-1], self.outs.dim)

    def apply_to(self, p: Tensor, x: Float[Tensor, "batch n_in"], *, in_place: bool) -> Float[Tensor, "batch n_out"]:
        """The map, in products that torch can differentiate unless they write in place."""
        mixed = _products(self.ins.enter(x), self._mixing(p), self.outs.widths)
        return self.outs.leave(mixed, x, in_place=in_place)

    def gradients(
        self, p: Tensor, x: Tensor | None, g: Float[Tensor, "batch n_out"], *, of_input: bool, in_place: bool
    ) -> tuple[Tensor | None, Tensor | None]:
        """Of p, unless there is no x, and of x if wanted, from the output's gradient; differentiable as the map is."""
        turned = self.outs.enter(g)
        of_x = of_p = None
        if of_input:
            mixed = _products(turned, [W.transpose(1, 2) for W in self._mixing(p)], self.ins.widths)
            of_x = self.ins.leave(mixed, g, in_place=in_place)
        if x is not None:
            pairs = zip(turned, self.ins.enter(x), strict=True)
            of_p = self._coordinates([torch.bmm(o.transpose(1, 2), i) for o, i in pairs], p)
        return of_p, of_x

    def _stack(self, number: int, blocks: tuple[MapBlock, ...], scale: float, dtype: torch.dtype | None) -> _Stack:
        """Keep where the stack's mixing matrices have their entries from, unless these are the parameters."""
        first = blocks[0]
        i, f = _order(self.ins, number)
        o, g = _order(self.outs, number)
        if first.end == 1 and scale == 1 and bool((i.diff() == 1).all()) and bool((o.diff() == 1).all()):
            return _Stack(blocks, straight=True, signed=False)
        units = right_multiplication(first.end)  # (unit of the parameter, out, in): one of them, with its sign
        which, sign = units.abs().argmax(0), units.sum(0)
        order = (which[g][:, f] * first.m_out + o[:, None]) * first.m_in + i  # (m_out * end, m_in * end)
        ahead = torch.arange(len(blocks))[:, None] * first.size
        whole = (ahead + order.flatten()).flatten()
        self.register_constant(f"order_{number}", whole, torch.int64)
        # every parameter is read `end` times
        self.register_constant(f"back_{number}", whole.argsort(stable=True), torch.int64)
        height = (sign[g][:, f] * scale).flatten().repeat(len(blocks))
        signed = not bool((height == 1).all())
        if signed:
            self.register_constant(f"height_{number}", height, dtype)
        return _Stack(blocks, straight=False, signed=signed)

    def _mixing(self, p: Tensor) -> list[Tensor]:
        """Every stack's mixing matrices ``(classes, m_in * end, m_out * end)``."""
        sizes = [stack.size for stack in self._stacks]
        ordered = p if self._in_order else p.index_select(0, self._kept("places"))
        found = []
        for number, (stack, share) in enumerate(zip(self._stacks, ordered.split(sizes), strict=True)):
            first = stack.blocks[0]
            W = share if stack.straight else share.index_select(0, self._kept(f"order_{number}"))
            W = W * self._kept(f"height_{number}") if stack.signed else W
            found.append(W.view(-1, first.m_out * first.end, first.m_in * first.end).transpose(1, 2))
        return found

    def _coordinates(self, products: Sequence[Tensor], p: Tensor) -> Tensor:
        """The transposed map of `_mixing`, from transposed matrices."""
        found = []
        for number, (stack, product) in enumerate(zip(self._stacks, products, strict=True)):
            share = product.reshape(-1)
            if not stack.straight:
                share = share * self._kept(f"height_{number}") if stack.signed else share
                share = share.index_select(0, self._kept(f"back_{number}"))
                end = stack.blocks[0].end
                share = share if end == 1 else share.view(-1, end).sum(1)
            found.append(share)
        if not found:
            return torch.zeros_like(p)
        ordered = found[0] if len(found) == 1 else torch.cat(found)
        return ordered if self._in_order else ordered.index_select(0, self._kept("back"))

    def _kept(self, name: str) -> Tensor:
        """A constant, in the least time."""
        return self._buffers[name]  # type: ignore[return-value]


def _products(
    entered: Sequence[Tensor], matrices: Sequence[Tensor], widths: Sequence[Sequence[int]]
) -> list[list[Tensor]]:
    """Each in pieces of some columns, which are written one after the other."""
    return [
        [torch.bmm(z, W)] if len(sizes) == 1 else [torch.bmm(z, piece) for piece in W.split(sizes, 2)]  # type: ignore[arg-type]
        for z, W, sizes in zip(entered, matrices, widths, strict=True)
    ]


class _Step(torch.autograd.Function):
    """A blocks map with its gradient by hand; differentiable again, since the gradient is made of products too."""

    @staticmethod
    def forward(ctx: Any, form: BlockForm, p: Tensor, x: Tensor, *shift: Tensor) -> Tensor:
        """`shift` is the invariant subspace's basis and the bias in it, or nothing."""
        ctx.form = form
        ctx.save_for_backward(p, x if ctx.needs_input_grad[1] else None, *shift[:1])
        y = form.apply_to(p, x, in_place=True)
        return y.add_(shift[0] @ shift[1]) if shift else y

    @staticmethod
    def backward(ctx: Any, *of_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of every argument."""
        (g,), (p, x, *fixed) = of_outputs, ctx.saved_tensors
        _, _, wants_x, *wants_shift = ctx.needs_input_grad
        of_p, of_x = ctx.form.gradients(p, x, g, of_input=wants_x, in_place=not torch.is_grad_enabled())
        of_shift = (None, fixed[0].t() @ g.sum(0) if wants_shift[1] else None) if fixed else ()
        return None, of_p, of_x, *of_shift


def _places(stacks: list[list[MapBlock]]) -> Tensor:
    """Where each block's parameters stand among all."""
    return torch.cat([torch.arange(b.start, b.start + b.size) for s in stacks for b in s] or [torch.arange(0)])


def _alike(space: IsotypicIntertwiners) -> list[list[MapBlock]]:
    """The blocks of maps, those of one shape between the same runs together."""
    groups: dict[tuple[object, ...], list[MapBlock]] = {}
    for block in space.structure:
        key = (
            block.dim,
            block.end,
            presence(space.isotypic_in, block.in_class),
            presence(space.isotypic_out, block.out_class),
        )
        groups.setdefault(key, []).append(block)
    return list(groups.values())


def _is_plain(x: Tensor) -> bool:
    """Whether torch runs step by step: no compiler, tracer, function transform, forward mode or autocast."""
    return not (transformed() or torch.is_autocast_enabled(x.device.type))


def _order(side: IsotypicSide, number: int) -> tuple[Tensor, Tensor]:
    """The columns of a stack's input or output: which copy of the class each is of, and which unit."""
    shares: tuple[Share, ...] = side.shares[number]
    columns = [
        (share.first + place * side.runs[share.run][1] + part, unit)
        for share in shares
        for place in range(share.mu)
        for unit in range(side.kinds[number].end)
        for part in range(side.runs[share.run][1])
    ]
    copy, unit = torch.tensor(columns).unbind(1)
    return copy, unit
