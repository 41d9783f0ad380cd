"""The trace beside the model: what was rewritten is run on inputs of our own and of the law, and must agree."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.joint import InputLaw
from haar.moments.model_run import ModelRun, WithoutDropout
from haar.moments.program import Program
from haar.moments.step_builder import UnsupportedModuleError
from haar.probing.beside import agree, rows_of_sizes

_ROWS = 8
_MOST = 32
#: What rounding leaves where large numbers inside cancel, relative to them.
_CANCELS = 1e-12
#: A change of the input that is no more than rounding in a few layers.
_ROUNDED = 1e-13


def points(size: int, law: InputLaw | None) -> list[Tensor]:
    """Rows to try, an even number each: draws of the law first, then numbers of our own, near, zero and far.

    Example:
        >>> [len(rows) for rows in points(3, None)]
        [8, 4]
    """
    generator = torch.Generator().manual_seed(0)
    near = rows_of_sizes((size,), (*[1.0] * (_ROWS - 2), 0.0), generator)
    ones = torch.ones(1, size, dtype=torch.float64)
    own = [torch.cat([near, ones]), rows_of_sizes((size,), [100.0] * (_ROWS // 2), generator)]
    if law is None:
        return own
    with torch.no_grad():
        source = torch.Generator(device=law.mean.device).manual_seed(0)
        draws = law.sample(_ROWS, source).reshape(-1, size)[:_MOST].cpu()
        sd = law.variance().sqrt().expand_as(law.mean).reshape(-1, size)[0].cpu()
        wide = law.mean.reshape(-1, size)[0].cpu() + sd * rows_of_sizes((size,), [10.0] * (_ROWS // 2), generator)
    return [draws, torch.cat([own[0], wide]), own[1]]


def compared(program: Program, run: ModelRun, law: InputLaw | None) -> None:
    """Check that a program is the model.

    Args:
        program: The model as it was traced.
        run: The model as it was given.
        law: Law of the input, or None.

    Raises:
        UnsupportedModuleError: If it is not, or the model mixes rows, keeps state from call to call or is random.
    """
    with torch.no_grad(), WithoutDropout():
        for at, rows in enumerate(points(program.size(0), law)):
            try:
                there = _flat(run(rows)) if at else _in_parts(run, rows)
            except ArgumentError:
                if at == 0:
                    raise
                continue  # far from the law a model may refuse what it is given
            x = rows.to(run.device)
            if at == 0 and not run.steady(rows):
                raise stateful(run)
            values = program.values(x, program.output, quiet=True)
            traced = _flat(values[program.output])
            inside = max(
                (float(v.to(torch.float64).abs().nan_to_num().max()) for v in values.values() if v.numel()), default=0.0
            )
            if not _agree(traced, there, run.tolerance, absolute=_CANCELS * inside):
                firm = _firm(run, rows)
                told = bool(firm.any()) and traced.shape == there.shape
                if not told or not _agree(traced[firm], there[firm], run.tolerance, absolute=_CANCELS * inside):
                    _refuse(run, rows, traced, there)


def independent(run: ModelRun, law: InputLaw | None) -> None:
    """Check that a model that will be sampled takes every row by itself, and every call too.

    Raises:
        UnsupportedModuleError: If other rows or calls change a row's output (batch statistics, counters), or all rows
            share a random number.
    """
    with torch.no_grad(), WithoutDropout():
        rows = points(torch.Size(run.shape).numel(), law)[0]
        whole = _flat(_seeded(run, rows, 0))
        if not run.steady(rows):
            raise stateful(run)
        if _agree(_flat(_seeded(run, rows, 1)), whole, run.tolerance):
            if not all(_agree(parts, whole, run.tolerance) for parts in (_in_parts(run, rows), _one_by_one(run, rows))):
                raise _mixed(run)
            return
        calls = [_flat(_seeded(run, rows[:1].expand_as(rows), seed)) for seed in range(4)]
        within = all(_agree(y, y[:1].expand_as(y), run.tolerance) for y in calls)
        if within and not all(_agree(y, calls[0], run.tolerance) for y in calls):
            raise UnsupportedModuleError(
                "model",
                expected="random numbers of its own for every row",
                got=f"{type(run.model).__name__}, which draws one for the whole batch",
                way_out="draw with the shape of the input, as torch.randn_like does",
            )


def _seeded(run: ModelRun, rows: Tensor, seed: int) -> Tensor:
    torch.manual_seed(seed)
    return run(rows)


def _in_parts(run: ModelRun, rows: Tensor) -> Tensor:
    """Outputs of rows that went through the model in batches of several sizes."""
    return torch.cat([_flat(run(part)) for part in rows.tensor_split([2]) if len(part)])


def _one_by_one(run: ModelRun, rows: Tensor) -> Tensor:
    """Outputs of rows that went through the model alone: a branch on a number of the whole batch takes every turn."""
    try:
        return torch.cat([_flat(run(row)) for row in rows.split(1)])
    except ArgumentError:  # not every model takes a single row
        return _in_parts(run, rows)


def _firm(run: ModelRun, rows: Tensor) -> Tensor:
    """Rows at which rounding of the input does not change the output: a norm of constants, say, makes noise of it."""
    generator = torch.Generator().manual_seed(1)
    moved = rows + _ROUNDED * (1.0 + rows.abs()) * torch.randn(rows.shape, generator=generator, dtype=rows.dtype)
    here, there = _flat(run(rows)), _flat(run(moved))
    return ((here - there).abs() <= run.tolerance / 10 * here.abs().amax(0)).all(1)


def _flat(y: Tensor) -> Tensor:
    return y.reshape(y.shape[0], -1)


#: Wherever the model's own numbers are finite, each output by its own scale.
_agree = partial(agree, per="output", within=True)


def _refuse(run: ModelRun, rows: Tensor, traced: Tensor, there: Tensor) -> None:
    whole, again = _flat(run(rows)), _flat(run(rows))
    name = type(run.model).__name__
    if not _agree(again, whole, run.tolerance) or not _agree(_in_parts(run, rows), there, run.tolerance):
        raise stateful(run)
    if not _agree(whole, there, run.tolerance):
        raise _mixed(run)
    shapes = traced.shape == there.shape
    gap = f"{float((traced - there).abs().nan_to_num().max()):.2g}" if shapes else f"shape {tuple(traced.shape[1:])}"
    raise UnsupportedModuleError(
        "model",
        expected="a trace that gives the model's own numbers",
        got=f"{name}, whose trace differs by {gap} (a branch on types or values, a hook, a state, a write in place)",
        way_out="put that part into a module of its own and register it, or pass on_unsupported='sample'",
    )


def stateful(run: ModelRun) -> UnsupportedModuleError:
    """The refusal of a model whose calls do not repeat.

    Example:
        >>> stateful(ModelRun(torch.nn.ReLU(), (1,))).argument
        'model'
    """
    return UnsupportedModuleError(
        "model",
        expected="the same output for the same input",
        got=f"{type(run.model).__name__}, which is random or keeps state from call to call",
        way_out="call model.eval(), or pass on_unsupported='sample' if it is random",
    )


def _mixed(run: ModelRun) -> UnsupportedModuleError:
    return UnsupportedModuleError(
        "model",
        expected="rows that do not change each other's outputs",
        got=f"{type(run.model).__name__}, which mixes the rows of a batch",
        way_out="call model.eval() if it uses batch statistics",
    )
