"""An ONNX graph as a model of one tensor, run by ONNX Runtime; in a graph that is exported it is one operator."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from haar.errors import DataError, HaarError, require
from haar.received import check_file

#: Domain of the operators that stand for graphs until these are put in their place.
DOMAIN = "haar.graph"
#: Kinds of numbers of graphs, by ONNX Runtime's names.
_KINDS = {"tensor(float)": torch.float32, "tensor(double)": torch.float64, "tensor(float16)": torch.float16}


class OnnxModel(nn.Module):
    """A graph of one input and one output, or more whose first is meant; it has no gradients.

    A graph of a fixed batch size is run for so many rows at a time. `haar.average.save` writes its average as an
    ``.onnx`` file, with the graph inside; other exporters of torch cannot look into it.

    Args:
        path: The file.

    Attributes:
        path: The file.
        batch: Rows that it takes at a time; None for any number.
        event: Shape of one input, with None for a free size.
        names: Of its input, and of the output that is meant.

    Raises:
        DataError: If ONNX Runtime cannot read it, or it takes several inputs or no numbers.
        MissingExtraError: If ONNX Runtime is not installed.

    Example:
        >>> import tempfile, warnings
        >>> x = torch.randn(2, 3)
        >>> with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        ...     made = torch.onnx.export(nn.ReLU(), (x,), folder + "/relu.onnx", verbose=False)
        ...     graph = OnnxModel(folder + "/relu.onnx")
        >>> bool((graph(x) == x.relu()).all())
        True
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = check_file(path)
        runtime = require("onnxruntime", "onnx")
        options = runtime.SessionOptions()
        options.log_severity_level = 4
        try:
            self._session: Any = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise DataError(f"{path}: not a graph of ONNX ({' '.join(str(error).split())[:160]})") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in _KINDS:
            told = ", ".join(f"{node.name} {node.type}" for node in inputs) or "none"
            raise DataError(f"{path}: expected one input of real numbers, got {told}")
        self._kind = _KINDS[inputs[0].type]
        self.names: tuple[str, str] = (inputs[0].name, self._session.get_outputs()[0].name)
        shape = [size if isinstance(size, int) else None for size in inputs[0].shape]
        self.batch = shape[0] if shape else None
        self.event = tuple(shape[1:])
        self.training = False
        self._answers: dict[tuple[int, ...], Tensor] = {}
        self._stands_in = False

    @property
    def operator(self) -> str:
        """Name of the operator that stands for it, by what its file holds."""
        return f"graph_{hashlib.sha256(Path(self.path).read_bytes()).hexdigest()[:16]}"

    def forward(self, x: Tensor) -> Tensor:
        """Run the graph; numbers come back as its own kind.

        Raises:
            HaarError: While torch traces, which cannot look into it; `haar.average.save` to ``.onnx`` can.
        """
        if torch.compiler.is_compiling() and not self._stands_in:
            message = "torch cannot trace an ONNX graph; haar.average.save writes the average of one as .onnx"
            raise HaarError(message)
        if self.batch is not None and not isinstance(x.shape[0], int):
            message = f"{self.path}: a graph of {self.batch} rows, and no other number, has no free batch size"
            raise HaarError(message)
        given = x.detach().to("cpu", self._kind)
        if self.batch is None:
            return self._run(given)
        rest = -len(given) % self.batch
        padded = torch.cat([given, given[-1:].expand(rest, *given.shape[1:])]) if rest else given
        return torch.cat([self._run(part) for part in padded.split(self.batch)])[: len(given)]

    @contextmanager
    def standing_in(self) -> Iterator[None]:
        """While a graph around it is exported to ONNX, one operator stands for it, which `inlined` replaces."""
        self._stands_in = True
        try:
            yield
        finally:
            self._stands_in = False

    def _run(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            return self._stand_in(x)
        found: Any = self._session.run(None, {self.names[0]: x.contiguous().numpy()})
        y = torch.from_numpy(found[0])
        self._answers[tuple(x.shape[1:])] = y[:0]
        return y

    def _stand_in(self, x: Tensor) -> Tensor:
        """One operator of ONNX, of the shape that the graph gave for such an input before."""
        known = self._answers.get(tuple(x.shape[1:]))
        if known is None:
            message = f"{self.path}: run it on an input of the shape {tuple(x.shape[1:])} before it is exported"
            raise HaarError(message)
        y: Tensor = torch.onnx.ops.symbolic(
            f"{DOMAIN}::{self.operator}", (x,), dtype=known.dtype, shape=(x.shape[0], *known.shape[1:]), version=1
        )
        return y

    def __deepcopy__(self, memo: dict[int, object]) -> OnnxModel:
        return self  # nothing of it ever changes

    def __reduce__(self) -> tuple[type[OnnxModel], tuple[Path]]:
        return OnnxModel, (self.path,)  # a session stays in its process

    def train(self, mode: bool = True) -> OnnxModel:  # noqa: FBT001, FBT002 (torch's own signature)
        """Nothing to change: a graph refuses to be told."""
        del mode
        return self
