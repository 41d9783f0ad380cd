"""MODEL on the command line: an exported program, a saved surrogate, or a factory with weights; never a pickle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from haar.cli.made_once import taken
from haar.cli.model_folder import folder_weights, model_in_folder
from haar.cli.options import literal
from haar.cli.program_batches import BatchSizes, batch_sizes, in_batches
from haar.cli.program_file import load_program
from haar.entry import brief, called, imported
from haar.errors import ArgumentError, DataError
from haar.received import read_pickled_tensors, read_tensors

_FORMS = "a .pt2 file of torch.export, an .onnx graph, a .safetensors surrogate, or module:factory"
#: What to do with files that hold models in other formats.
_SCRIPT = "a file of TorchScript is loaded by a function of your own module: def make(): return torch.jit.load(...)"
_STATE = f"a state dict is given by --weights beside module:factory; {_SCRIPT}"
_WAYS = {".pt": _STATE, ".pth": _STATE, ".ckpt": _STATE, ".jit": _SCRIPT, ".ts": _SCRIPT}


class Program(nn.Module):
    """An exported program as a module like others: it was traced in eval mode and stays there, and takes any batch.

    Args:
        program: An exported program, as `torch.export` makes it.
        sizes: The batches that it takes, any by default; rows of another number are cut into these and filled up.
    """

    def __init__(self, program: torch.export.ExportedProgram, sizes: BatchSizes | None = None) -> None:
        super().__init__()
        self.graph = program.module()
        self.training = False
        self.sizes = sizes or BatchSizes()

    def forward(self, x: Tensor) -> Any:
        """Run the program."""
        return self.graph(x) if self.sizes.free else in_batches(self.graph, x, self.sizes)

    def train(self, mode: bool = True) -> Program:  # noqa: FBT001, FBT002 (torch's own signature)
        """Nothing to change: a program refuses to be told."""
        del mode
        return self


@dataclass(frozen=True)
class LoadedModel:
    """A model in eval mode, and what its file says about its input.

    Args:
        module: The model, in eval mode.
        channels: Channels of its input, if known.
        space: Space axes of its input, if the file fixes them.
        batched: Whether its file leaves the batch size free; the module takes any number of rows nevertheless.
        event: Shape of one input, if the file fixes it.
        bare: Whether it is a factory's, with parameters, and no weights were given for them.
    """

    module: nn.Module
    channels: int | None = None
    space: tuple[int, ...] | None = None
    batched: bool = True
    event: tuple[int, ...] | None = None
    bare: bool = False


def load_model(
    model: str, *, weights: Path | None = None, arguments: Sequence[str] = (), fields: bool = True
) -> LoadedModel:
    """Read a model.

    Args:
        model: A ``.pt2`` file, an ``.onnx`` graph, a ``.safetensors`` file of `haar`'s own surrogates,
            ``module:factory``, or a folder such as ``org/name`` with one ``.pt2`` file.
        weights: For a factory: a state dict, ``.safetensors``, or ``.pt`` / ``.pth`` of tensors alone; or a folder such
            as ``org/name`` with ``model.safetensors``, whole or in shards.
        arguments: For a factory: ``name=value``; a value is read as a Python literal, else as a string.
        fields: Whether its input must be fields on a grid, (batch, channel, *space).

    Raises:
        ArgumentError: If `model` is none of these, a factory cannot be imported or called, or options do not fit.
        DataError: If a file is missing, damaged, or would have to be unpickled.
    """
    model = model_in_folder(model)
    is_factory = ":" in model and not model.endswith((".pt2", ".onnx", ".safetensors"))
    if not is_factory and (weights is not None or arguments):
        raise ArgumentError(
            "--weights, --factory-arg", expected="none beside a file that holds a whole model", got=model
        )
    if model.endswith(".pt2"):
        return _program(Path(model), fields=fields)
    if model.endswith(".onnx"):
        return _graph(Path(model), fields=fields)
    if model.endswith(".safetensors"):
        from haar.systems.group_averaging.surrogates import load

        surrogate = load(model).eval()
        return LoadedModel(surrogate, surrogate.in_channels)
    if not is_factory:
        raise ArgumentError("MODEL", expected=_FORMS, got=repr(model), way_out=_WAYS.get(Path(model).suffix, ""))
    module = build(model, arguments)
    if weights is not None:
        load_weights(module, weights)
    channels = getattr(module, "in_channels", None)
    bare = weights is None and any(True for _ in module.parameters())
    return LoadedModel(module.eval(), channels if isinstance(channels, int) else None, bare=bare)


def _graph(path: Path, *, fields: bool) -> LoadedModel:
    from haar.programs import OnnxModel

    graph = OnnxModel(path)
    shape = (graph.batch, *graph.event)
    if fields and len(shape) not in (3, 4, 5):
        got = f"{path}, of {len(shape)} axes"
        raise ArgumentError("MODEL", expected="inputs (batch, channel, *space)", got=got)
    channels, space = (shape[1], _fixed(shape[2:])) if fields else (None, None)
    return LoadedModel(graph, channels, space, graph.batch is None, _fixed(shape[1:]))


def build(model: str, arguments: Sequence[str] = ()) -> nn.Module:
    """Call a factory ``module:factory`` with ``name=value`` arguments; modules of the current folder are found.

    Raises:
        ArgumentError: If it cannot be imported or called, or does not return a module.
    """
    given = dict(argument(text) for text in arguments)
    built = None if given else taken(imported(model, "MODEL", forms=_FORMS))
    if built is None:
        built = called(model, given, "MODEL", forms=_FORMS, way_out="give its arguments by --factory-arg name=value")
    if not isinstance(built, nn.Module):
        way_out = (
            "haar audit --ase, or haar check, takes a calculator" if hasattr(built, "implemented_properties") else ""
        )
        got = f"one of {type(built).__name__}"
        raise ArgumentError("MODEL", expected="a factory of a torch.nn.Module", got=got, way_out=way_out)
    return built


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a state dict into a model, every key of it.

    Raises:
        DataError: If the file is missing, is no state dict of tensors, or does not fit.
    """
    if path.is_dir():
        state: Any = folder_weights(path)
    else:
        state = read_tensors(path)[0] if path.suffix == ".safetensors" else read_pickled_tensors(path)
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(f"{path}: not a state dict, whose values are tensors")
    try:
        module.load_state_dict(state)
    except Exception as error:  # a module may load its own way
        raise DataError(f"{path}: does not fit {type(module).__name__}: {brief(error)}") from error


def write_model(model: nn.Module, x: Tensor, path: Path) -> None:
    """Write a model as a file that `load_model` or its weights' option reads.

    Args:
        model: A surrogate of the house's goes whole into ``.safetensors``; of others the weights go there, under the
            names of the class that it is of. Into ``.pt2`` goes the program.
        x: Two inputs, to trace with.
        path: Where to write; the suffix decides the format.

    Raises:
        HaarError: If it cannot be exported.
    """
    from haar.average import write_student
    from haar.systems.group_averaging.surrogates import Surrogate, save

    whole = path.suffix == ".safetensors"
    if whole and isinstance(model, Surrogate):
        save(model, path)
        return
    # A program keeps the names of the model that it was made of: its state dict fits that model's class.
    write_student(model.graph if whole and isinstance(model, Program) else model, x, path)


def _program(path: Path, *, fields: bool) -> LoadedModel:
    program = load_program(path)
    shape = _input_shape(path, program)
    sizes = batch_sizes(path, program, shape[0]) if len(shape) else BatchSizes()
    try:
        module = Program(program, sizes)
    except Exception as error:  # a graph that does not fit together
        raise DataError(f"{path}: no program that can be called ({brief(error)})") from error
    if len(shape) < (3 if fields else 1):
        raise DataError(f"{path}: expected an input (batch, channel, *space), got {len(shape)} axes")
    known = [size if isinstance(size, int) else None for size in shape]
    return LoadedModel(
        module,
        channels=known[1] if len(shape) > 1 else None,
        space=_fixed(known[2:]) if len(shape) > 1 else None,
        batched=sizes.free,
        event=_fixed(known[1:]),
    )


def _input_shape(path: Path, program: torch.export.ExportedProgram) -> Sequence[int | torch.SymInt]:
    """The shape of the one tensor that a program takes."""
    inputs = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    users = [name for name in program.graph_signature.user_inputs if isinstance(name, str)]
    if len(users) != 1:
        raise DataError(f"{path}: expected a model of one input, got one of {len(users)}")
    given = inputs.get(users[0])
    if not isinstance(given, Tensor):
        raise DataError(f"{path}: expected a model of a tensor, got one of a number")
    return given.shape


def _fixed(sizes: Sequence[int | None]) -> tuple[int, ...] | None:
    """Sizes, if none of them is free."""
    known = tuple(size for size in sizes if size is not None)
    return known if len(known) == len(sizes) else None


def argument(text: str) -> tuple[str, Any]:
    """Name and value of ``name=value``, the value read as a Python literal, else as a string.

    Raises:
        ArgumentError: If it is nothing of the kind.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ArgumentError("--factory-arg", expected="name=value", got=repr(text))
    return name, literal(value)
