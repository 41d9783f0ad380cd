"""In which arguments each operator of the table is affine, tried on the operator itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.tracing import OPERATORS

Call = tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]
SQUARE, CUBE, IMAGE = (4, 4), (2, 4, 4), (1, 4, 4, 4)
INDEX = torch.tensor([2, 0, 1])


def _set(x: Tensor, y: Tensor) -> Tensor:
    x = x.clone()
    x[1] = y
    return x


def _windows() -> dict[str, Call]:
    calls: dict[str, Call] = {}
    for dim in (1, 2, 3):
        field = (1, 2, *[4] * dim)
        for name in ("conv", "conv_transpose"):
            calls[f"{name}{dim}d"] = (getattr(F, f"{name}{dim}d"), (field, (2, 2, *[2] * dim)))
        calls[f"avg_pool{dim}d"] = (partial(getattr(F, f"avg_pool{dim}d"), kernel_size=2), (field,))
        calls[f"adaptive_avg_pool{dim}d"] = (partial(getattr(F, f"adaptive_avg_pool{dim}d"), output_size=3), (field,))
    return calls


def _transforms() -> dict[str, Call]:
    return {
        f"fft_{inverse}{real}{dims}": (getattr(torch.fft, f"{inverse}{real}{dims}"), (SQUARE,))
        for inverse in ("", "i")
        for real in ("fft", "rfft")
        for dims in ("", "2", "n")
    }


#: Every linear operator with the shapes of its tensor arguments.
CALLS: dict[str, Call] = {
    "linear": (F.linear, (SQUARE, SQUARE)),
    "matmul": (torch.matmul, (SQUARE, SQUARE)),
    "mm": (torch.mm, (SQUARE, SQUARE)),
    "bmm": (torch.bmm, (CUBE, CUBE)),
    "mv": (torch.mv, (SQUARE, (4,))),
    "einsum": (lambda x, y: torch.einsum("ij,jk->ik", x, y), (SQUARE, SQUARE)),
    "tensordot": (lambda x, y: torch.tensordot(x, y, 1), (SQUARE, SQUARE)),
    "addmm": (lambda x, y: torch.addmm(torch.ones(4, 4).double(), x, y), (SQUARE, SQUARE)),
    "sparse_mm": (lambda x, y: torch.sparse.mm(x.to_sparse(), y), (SQUARE, SQUARE)),
    "mul": (torch.mul, (SQUARE, SQUARE)),
    "add": (torch.add, (SQUARE, SQUARE)),
    "sub": (torch.sub, (SQUARE, SQUARE)),
    "neg": (torch.neg, (SQUARE,)),
    "div": (torch.div, (SQUARE, SQUARE)),
    "cumsum": (lambda x: torch.cumsum(x, 0), (SQUARE,)),
    "diff": (torch.diff, (SQUARE,)),
    "scatter_add": (lambda x, y: x.scatter_add(0, INDEX[:, None].expand(3, 4), y), (SQUARE, (3, 4))),
    "index_add": (lambda x, y: x.index_add(0, INDEX, y), (SQUARE, (3, 4))),
    "view_as_real": (lambda x: torch.view_as_real(x.to(torch.complex128)), (SQUARE,)),
    "view_as_complex": (lambda x: torch.view_as_real(torch.view_as_complex(x)), ((3, 2),)),
    "real": (lambda x: torch.real(x * (1 + 2j)), (SQUARE,)),
    "imag": (lambda x: torch.imag(x * (1 + 2j)), (SQUARE,)),
    "conj": (lambda x: torch.conj(x * (1 + 2j)), (SQUARE,)),
    **_transforms(),
    "fft_fftshift": (torch.fft.fftshift, (SQUARE,)),
    "fft_ifftshift": (torch.fft.ifftshift, (SQUARE,)),
    "resolve_conj": (lambda x: torch.resolve_conj(torch.conj(x * (1 + 2j))), (SQUARE,)),
    "masked_fill": (lambda x, y: x.masked_fill(y > 0, 0.5), (SQUARE, SQUARE)),
    **_windows(),
    "convolution": (
        lambda x, y: torch.convolution(x, y, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1),
        (IMAGE, (2, 4, 2, 2)),
    ),
    "interpolate": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), (IMAGE,)),
    "pad": (lambda x: F.pad(x, (1, 2), value=0.5), (IMAGE,)),
    "unfold": (lambda x: F.unfold(x, 2), (IMAGE,)),
    "fold": (lambda x: F.fold(x, (3, 3), 2), ((1, 8, 4),)),
    "flatten": (torch.flatten, (CUBE,)),
    "unflatten": (lambda x: torch.unflatten(x, 1, (2, 2)), (SQUARE,)),
    "reshape": (lambda x: torch.reshape(x, (2, 8)), (SQUARE,)),
    "transpose": (lambda x: torch.transpose(x, 0, 1), (SQUARE,)),
    "movedim": (lambda x: torch.movedim(x, 0, 2), (CUBE,)),
    "t": (torch.t, (SQUARE,)),
    "cat": (lambda x, y: torch.cat([x, y]), (SQUARE, SQUARE)),
    "expand": (lambda x: x.expand(3, 4, 4), (SQUARE,)),
    "getitem": (lambda x: x[1:, 0], (SQUARE,)),
    "setitem": (_set, (SQUARE, (4,))),
    "split": (lambda x: torch.cat(torch.split(x, 3)[::-1]), (SQUARE,)),
    "permute": (lambda x: torch.permute(x, (2, 0, 1)), (CUBE,)),
    "squeeze": (torch.squeeze, (IMAGE,)),
    "unsqueeze": (lambda x: torch.unsqueeze(x, 0), (SQUARE,)),
    "stack": (lambda x, y: torch.stack([x, y]), (SQUARE, SQUARE)),
    "flip": (lambda x: torch.flip(x, (0,)), (SQUARE,)),
    "roll": (lambda x: torch.roll(x, 1, 0), (SQUARE,)),
    "narrow": (lambda x: torch.narrow(x, 0, 1, 2), (SQUARE,)),
    "select": (lambda x: torch.select(x, 0, 1), (SQUARE,)),
    "slice": (lambda x: torch.ops.aten.slice.Tensor(x, 0, 1, 3), (SQUARE,)),
    "index_select": (lambda x: torch.index_select(x, 0, INDEX), (SQUARE,)),
    "gather": (lambda x: torch.gather(x, 0, INDEX[None]), (SQUARE,)),
    "chunk": (lambda x: torch.chunk(x, 2)[1], (SQUARE,)),
    "unbind": (lambda x: torch.unbind(x)[1], (SQUARE,)),
    "repeat": (lambda x: x.repeat(2, 1), (SQUARE,)),
    "tril": (torch.tril, (SQUARE,)),
    "triu": (torch.triu, (SQUARE,)),
    "diagonal": (torch.diagonal, (SQUARE,)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), (IMAGE,)),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2), (IMAGE,)),
    "channel_shuffle": (lambda x: torch.channel_shuffle(x, 2), (IMAGE,)),
    "zeros_like": (torch.zeros_like, (SQUARE,)),
    "ones_like": (torch.ones_like, (SQUARE,)),
    "full_like": (lambda x: torch.full_like(x, 2.0), (SQUARE,)),
    "new_zeros": (lambda x: x.new_zeros(2), (SQUARE,)),
    "new_ones": (lambda x: x.new_ones(2), (SQUARE,)),
    "new_full": (lambda x: x.new_full((2,), 3.0), (SQUARE,)),
    "copy": (torch.ops.aten.copy.default, (SQUARE, SQUARE)),
    "fill": (lambda x: torch.fill(x, 2.0), (SQUARE,)),
    "zero": (torch.ops.aten.zero.default, (SQUARE,)),
    "lift_fresh_copy": (torch.ops.aten.lift_fresh_copy.default, (SQUARE,)),
    "sum": (torch.sum, (SQUARE,)),
    "mean": (torch.mean, (SQUARE,)),
    "identity": (torch.nn.Identity(), (SQUARE,)),
    "contiguous": (lambda x: x.mT.contiguous(), (SQUARE,)),
    "clone": (torch.clone, (SQUARE,)),
    "detach": (torch.detach, (SQUARE,)),
    "alias": (torch.ops.aten.alias.default, (SQUARE,)),
    "data": (lambda x: x.data, (SQUARE,)),
    "as_tensor": (torch.as_tensor, (SQUARE,)),
    "to": (lambda x: x.to(torch.float64), (SQUARE,)),
    "type": (lambda x: x.type(torch.float64), (SQUARE,)),
    "type_as": (lambda x: x.type_as(x), (SQUARE,)),
    "double": (lambda x: x.double(), (SQUARE,)),
    "cpu": (lambda x: x.cpu(), (SQUARE,)),
}
#: They round: what they do to float64 is affine to their own precision only.
ROUNDING = {"float", "half", "bfloat16"}


def _is_affine(call: Callable[..., Tensor], given: list[Tensor], moved: set[int]) -> bool:
    """Whether f(a + b) + f(0) = f(a) + f(b), where some arguments move and the others stay."""
    generator = torch.Generator().manual_seed(1)
    other = [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in given]

    def at(values: list[Tensor]) -> Tensor:
        return call(*(values[k] if k in moved else given[k] for k in range(len(given))))

    both, none = [a + b for a, b in zip(given, other, strict=True)], [0 * a for a in given]
    gap = at(both) + at(none) - at(given) - at(other)
    return bool(gap.isfinite().all()) and float(gap.abs().max()) < 1e-12


def test_every_linear_operator_is_tried():
    linear = {row.name for row in OPERATORS if row.linear is not None}
    assert linear - ROUNDING == set(CALLS)


@pytest.mark.parametrize("row", [row for row in OPERATORS if row.name in CALLS], ids=lambda row: row.name)
def test_operators_are_affine_in_the_arguments_said_and_in_no_others(row, generator):
    call, shapes = CALLS[row.name]
    given = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    alone = [_is_affine(call, given, {place}) for place in range(len(given))]
    together = _is_affine(call, given, set(range(len(given))))
    expected = {"all": [True] * len(given), "one": [True] * len(given), "first": [True] + [False] * (len(given) - 1)}
    assert alone == expected[row.linear]
    assert together is (row.linear == "all")


@pytest.mark.parametrize("row", [row for row in OPERATORS if row.kind == "reduce"], ids=lambda row: row.name)
def test_which_reductions_are_linear(row, generator):
    x = torch.randn(5, generator=generator, dtype=torch.float64)
    call = {"norm": torch.linalg.vector_norm, "logsumexp": lambda x: torch.logsumexp(x, 0)}.get(row.name)
    call = call or getattr(torch, row.name)
    assert _is_affine(lambda x: torch.stack([call(x), call(-x)]), [x], {0}) is (row.linear == "all")
