"""Averaged models as files: a torch.export program or an ONNX graph, checked against the model before they are kept."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from haar.actions import Action, Symmetry
from haar.actions.trees import action_leaves, rebuild, value_leaves
from haar.average.engine import Averaged
from haar.average.joining import has_batch_axis, is_shared
from haar.containers import parts_of, tensors_of
from haar.errors import ArgumentError, HaarError, known_keywords, require
from haar.files import atomic_path
from haar.probing import drawn_like
from haar.probing.beside import all_agree
from haar.programs import OnnxModel, program_bytes
from haar.programs.onnx_inlined import inlined, opset_of

#: Name of the description inside a ``.pt2`` file, and of the metadata entry of an ``.onnx`` file.
DESCRIPTION = "haar.json"
#: The oldest and the newest set of operators that torch.onnx writes.
_OPSETS = (18, 23)


class UntraceableError(HaarError):
    """torch's exporters cannot write a model in the way that was asked for."""


@known_keywords
def save(model: nn.Module, example: Sequence[Any], path: str | os.PathLike[str], *, dynamic_batch: bool = True) -> Path:
    """Write an averaged model as a file that runs without this library.

    ``.pt2`` is read by ``torch.export.load(path).module()``, ``.onnx`` by any ONNX runtime (extra ``haar[onnx]``). The
    file is read back and compared with the model, on the example and on inputs of our own, before it takes its place;
    nothing is left behind on failure. The same model gives the same bytes every time; torch stores the example in a
    ``.pt2`` file.

    Args:
        model: What `average`, `anytime` with tolerance 0, or `soft` returned; in eval mode.
        example: Inputs to trace with, as a tuple of arguments.
        path: Where to write; the suffix decides the format. The average of an ONNX graph (`haar.programs.OnnxModel`) is
            an ONNX graph again, under the names of its input and output.
        dynamic_batch: Whether the file takes any number of samples. Where torch cannot write that, as for some
            Fourier models, the error says whether False would help.

    Returns:
        The path.

    Raises:
        ArgumentError: If the suffix is unknown or the model has no symmetry.
        MissingExtraError: If the ONNX packages are not installed.
        HaarError: If the model cannot be traced, or the file does not reproduce it.

    Example:
        >>> import tempfile
        >>> from haar.average import average
        >>> from haar.groups import dihedral
        >>> symmetric = average(nn.Conv2d(1, 1, 3, padding=1), Symmetry.of_fields(dihedral(4), "p"))
        >>> x = torch.randn(2, 1, 8, 8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save(symmetric, (x,), folder + "/symmetric.pt2")
        ...     again = torch.export.load(path).module()
        >>> bool(torch.allclose(again(x), symmetric(x), atol=1e-5))
        True
    """
    target = Path(path)
    writers = {".pt2": _write_program, ".onnx": _write_onnx}
    if target.suffix not in writers:
        raise ArgumentError("path", expected=f"a name that ends in {' or '.join(writers)}", got=target.name)
    symmetry = getattr(model, "symmetry", None)
    if not isinstance(symmetry, Symmetry):
        raise ArgumentError("model", expected="an averaged model", got=type(model).__name__)
    args = tuple(example)
    symmetry.check_inputs(args)
    graphs = _graphs(model)
    if graphs and target.suffix != ".onnx":
        raise ArgumentError("path", expected="a name that ends in .onnx, for the average of a graph", got=target.name)
    batch = _batched(symmetry, args) if dynamic_batch else []
    with torch.no_grad():
        traced = _enough(symmetry, args, batch, max((graph.batch or 0 for graph in graphs), default=0))
        for averaged in (part for part in model.modules() if isinstance(part, Averaged)):
            averaged.decide(*traced)  # whether copies may be joined: a trace has no numbers to try
        expected = model(*traced)

        def write(part: Path, shapes: Any) -> None:
            writers[target.suffix](model, traced, shapes, part, _describe(model))
            _check(part, target, traced, expected, "the example")
            drawn = _drawn(symmetry, traced, [] if shapes is None else batch)
            try:
                ours = model(*drawn)
            except Exception:  # noqa: BLE001 (numbers that came from nowhere may be out of its domain)
                return
            _check(part, target, drawn, ours, "inputs of our own")

        with atomic_path(target) as part:
            try:
                write(part, _dynamic_shapes(symmetry, traced, batch))
            except HaarError as error:
                if batch and _succeeds(lambda: write(part, None)):
                    message = f"{error}; with dynamic_batch=False it can be written, for one number of samples"
                    kind = UntraceableError if isinstance(error, UntraceableError) else HaarError
                    raise kind(message) from error
                raise
    return target


def _succeeds(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except HaarError:
        return False
    return True


def _check(part: Path, target: Path, args: tuple[Any, ...], expected: Any, on: str) -> None:
    """Raise unless the file gives what the model gives."""
    found, ours = _READERS[target.suffix](part, args), tensors_of(expected)
    if len(ours) != len(found) or not all_agree(ours, found):
        message = f"{target.name} does not give what the model gives on {on}; nothing was written"
        raise HaarError(message)


def _drawn(symmetry: Symmetry, args: tuple[Any, ...], batch: Sequence[int]) -> tuple[Any, ...]:
    """Inputs of our own: an example of zeros says nothing. One sample more, where the file takes any number."""
    leaves = value_leaves(symmetry.inputs, args)
    longer = [torch.cat([x, x[:1]]) if k in batch and x.shape[0] > 1 else x for k, x in enumerate(leaves)]
    made: tuple[Any, ...] = rebuild(symmetry.inputs, args, drawn_like(longer))
    return made


def _batched(symmetry: Symmetry, args: tuple[Any, ...]) -> list[int]:
    """Which inputs have an axis that counts samples."""
    pairs = zip(action_leaves(symmetry.inputs), value_leaves(symmetry.inputs, args), strict=True)
    return [k for k, (action, x) in enumerate(pairs) if not is_shared(action, x) and has_batch_axis(action, x)]


def _graphs(model: nn.Module) -> list[OnnxModel]:
    """The graphs of ONNX in a model, each once."""
    return list({part.operator: part for part in model.modules() if isinstance(part, OnnxModel)}.values())


def _enough(symmetry: Symmetry, args: tuple[Any, ...], batch: Sequence[int], rows: int) -> tuple[Any, ...]:
    """The example with two samples or more: a trace with one would be for one sample for ever.

    Args:
        symmetry: Of the model.
        args: The example.
        batch: Inputs whose number of samples is to be free.
        rows: Samples of a graph that takes so many and no others; 0 for none.
    """
    leaves = value_leaves(symmetry.inputs, args)
    if rows:
        counted = _batched(symmetry, args)
        wide = [x[[row % len(x) for row in range(rows)]] if k in counted else x for k, x in enumerate(leaves)]
    else:
        wide = [torch.cat([x, x]) if k in batch and x.shape[0] == 1 else x for k, x in enumerate(leaves)]
    made: tuple[Any, ...] = rebuild(symmetry.inputs, args, wide)
    return made


def _dynamic_shapes(symmetry: Symmetry, args: tuple[Any, ...], batch: Sequence[int]) -> Any:
    if not batch:
        return None
    axis = torch.export.Dim("batch")
    leaves = value_leaves(symmetry.inputs, args)
    return (rebuild(symmetry.inputs, args, [{0: axis} if k in batch else None for k in range(len(leaves))]),)


def _describe(module: nn.Module) -> dict[str, Any]:
    symmetry: Any = module.symmetry
    averaged: Any = getattr(module, "stages", getattr(module, "averaged", module))
    return {
        "schema": 1,
        "group": symmetry.group.name,
        "order": symmetry.group.order,
        "error": getattr(averaged, "error", ""),
    }


class _Plain(nn.Module):
    """The module under a signature of one tuple, which is what varying numbers of arguments trace to."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any) -> Any:
        return self.module(*args)


def _write_program(
    module: nn.Module, args: tuple[Any, ...], shapes: Any, part: Path, description: dict[str, Any]
) -> None:
    with _quiet():
        program = _traced(module, args, shapes)
        try:
            stored = program_bytes(program, {DESCRIPTION: json.dumps(description)})
        except HaarError as error:
            raise UntraceableError(str(error)) from error
    part.write_bytes(stored)


def _write_onnx(module: nn.Module, args: tuple[Any, ...], shapes: Any, part: Path, description: dict[str, Any]) -> None:
    for needed in ("onnx", "onnxscript", "onnxruntime"):
        require(needed, "onnx")
    graphs = _graphs(module)
    with _quiet(), ExitStack() as stack:
        for graph in graphs:
            stack.enter_context(graph.standing_in())
        program = _traced(module, args, shapes)
        _forget_machine(program)
        opset = opset_of(graphs, *_OPSETS) if graphs else None
        ours, theirs = _named(module, len(pytree.tree_leaves(args)), len(program.graph_signature.user_outputs))
        try:
            # not optimised: the rewriter takes numbers up to 1e-8 for zero, such as what guards a division
            made = torch.onnx.export(
                program,
                args,
                dynamo=True,
                verbose=False,
                optimize=False,
                input_names=ours,
                output_names=theirs,
                opset_version=opset,
            )
        except Exception as error:
            message = f"torch.onnx cannot write this model: {_first_line(error)}"
            raise UntraceableError(message) from error
        if made is None:
            message = "torch.onnx returned nothing for this model"
            raise HaarError(message)
        model = inlined(made.model_proto, graphs) if graphs else made.model_proto
    entry = model.metadata_props.add()
    entry.key, entry.value = DESCRIPTION, json.dumps(description)
    part.write_bytes(model.SerializeToString(deterministic=True))


def _named(module: nn.Module, inputs: int, outputs: int) -> tuple[list[str], list[str]]:
    """Names of a graph's inputs and outputs: the keys of dictionaries, else where each stands."""
    symmetry: Any = module.symmetry
    graphs = _graphs(module)
    if len(graphs) == inputs == outputs == 1:  # what takes its place is called as it was
        return [graphs[0].names[0]], [graphs[0].names[1]]
    ours, theirs = symmetry.inputs, symmetry.outputs
    given = [_paths(ours[0] if len(ours) == 1 else ours, "input"), _paths(theirs, "output")]
    short = [[path[-1] if path[-1].isidentifier() else "_".join(path) for path in side] for side in given]
    if len({*short[0], *short[1]}) < len(short[0]) + len(short[1]):
        short = [["_".join(path) for path in side] for side in given]
    if [len(side) for side in short] != [inputs, outputs]:  # what is no tensor, or no output of its own
        short = [[f"{one}_{k}" for k in range(count)] for one, count in (("input", inputs), ("output", outputs))]
    return short[0], short[1]


def _paths(tree: Any, begin: str) -> list[tuple[str, ...]]:
    """Where each action stands, from the top."""
    if isinstance(tree, Action):
        return [(begin,)]
    return [(begin, *path) for key, part in (parts_of(tree) or {}).items() for path in _paths(part, str(key))]


def _traced(module: nn.Module, args: tuple[Any, ...], shapes: Any) -> Any:
    try:
        return torch.export.export(_Plain(module), args, dynamic_shapes=shapes)
    except Exception as error:
        message = f"torch.export cannot trace this model: {_first_line(error)}"
        raise UntraceableError(message) from error


def _forget_machine(program: torch.export.ExportedProgram) -> None:
    """Drop where on this machine each operation was traced, which an ONNX graph would keep as text."""
    for part in program.graph_module.modules():
        if isinstance(part, torch.fx.GraphModule):
            for node in part.graph.nodes:
                node.meta.pop("stack_trace", None)


def _read_program(part: Path, args: tuple[Any, ...]) -> list[Tensor]:
    with _quiet():
        try:
            outputs = torch.export.load(part).module()(*args)
        except Exception as error:
            message = f"torch cannot read again what it wrote of this model: {_first_line(error)}"
            raise UntraceableError(message) from error
    return [y for y in pytree.tree_leaves(outputs) if isinstance(y, Tensor)]


def _read_onnx(part: Path, args: tuple[Any, ...]) -> list[Tensor]:
    onnxruntime = require("onnxruntime", "onnx")
    session = onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])
    values = [x for x in pytree.tree_leaves(args) if isinstance(x, Tensor)]
    feed = {node.name: x.cpu().numpy() for node, x in zip(session.get_inputs(), values, strict=True)}
    return [torch.from_numpy(y).to(values[0].device) for y in session.run(None, feed)]


_READERS = {".pt2": _read_program, ".onnx": _read_onnx}


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = lines[0].partition(" For more information")[0].rstrip(".!") if lines else ""
    return f"{type(error).__name__}: {told}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporters say about their own insides."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
