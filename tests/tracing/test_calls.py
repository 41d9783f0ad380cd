"""A call as a graph writes it: methods by name, properties by getattr; and which sizes hang on numbers."""

from __future__ import annotations

import operator

import pytest
import torch

from haar.tracing.calls import BACKWARDS, TOLD, call_as_written, counts, tensors_in

X = torch.zeros(2, 2)
MASK = torch.tensor([True, False])


@pytest.mark.parametrize(
    ("function", "args", "written"),
    [
        (torch.Tensor.relu, (X,), ("call_method", "relu", (X,))),
        (torch.Tensor.add_, (X, 1), ("call_method", "add_", (X, 1))),
        (torch.relu, (X,), ("call_function", torch.relu, (X,))),
        (torch.Tensor.__getitem__, (X, 0), ("call_function", operator.getitem, (X, 0))),
        (torch.Tensor.__setitem__, (X, 0, 1), ("call_function", operator.setitem, (X, 0, 1))),
        (torch.Tensor.T.__get__, (X,), ("call_function", getattr, (X, "T"))),
        (torch.Tensor.data.__set__, (X, X), ("call_function", torch.Tensor.data.__set__, (X, "data"))),
        (torch.stack, ([X],), ("call_function", torch.stack, ([X],))),
        (torch.Tensor.relu, (3,), ("call_function", torch.Tensor.relu, (3,))),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_calls_are_written_as_fx_writes_them(function, args, written):
    op, target, kept = call_as_written(function, args)
    assert (op, target) == written[:2]
    assert len(kept) == len(written[2])
    assert all(a is b or a == b for a, b in zip(kept, written[2], strict=True))


@pytest.mark.parametrize(
    ("name", "args", "answer"),
    [
        ("nonzero", (X,), True), ("unique", (X,), True), ("masked_select", (X, MASK), True), ("relu", (X,), False),
        ("repeat_interleave", (X, torch.tensor([1, 2])), True), ("repeat_interleave", (X, 2), False),
        ("repeat_interleave", (torch.tensor([1, 2]),), False), ("getitem", (X, MASK), True),
        ("getitem", (X, (slice(None), MASK)), True), ("getitem", (X, torch.tensor([0, 1])), False),
        ("getitem", (MASK, 0), False), ("where", (MASK, X, X), False),
    ],
)  # fmt: skip
def test_how_many_numbers_come_out(name, args, answer):
    assert counts(name, args) is answer


def test_tensors_of_a_nest_with_the_ends_of_slices():
    a, b, c, d = (torch.tensor(k) for k in range(4))
    assert [int(t) for t in tensors_in({"x": [a, 3, (slice(b, None, c),)], "y": d})] == [0, 1, 2, 3]
    assert [int(t) for t in tensors_in(slice(a, b, c))] == [0, 1, 2]
    assert tensors_in((1, "a", None, slice(1, 2))) == []


def test_what_is_told_without_numbers_is_no_step():
    assert {"shape", "dtype", "requires_grad_", "__len__", "broadcast_shapes"} <= TOLD
    assert not TOLD & {"sum", "item", "relu", "view", "detach"}
    assert {"grad", "backward", "_engine_run_backward"} == BACKWARDS
