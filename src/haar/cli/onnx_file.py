"""An ONNX graph as a model of one tensor, run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from haar.errors import DataError, HaarError, require
from haar.received import check_file

#: Kinds of numbers of graphs, by ONNX Runtime's names.
_KINDS = {"tensor(float)": torch.float32, "tensor(double)": torch.float64, "tensor(float16)": torch.float16}


class OnnxModel(nn.Module):
    """A graph of one input and one output, or more whose first is meant; it has no gradients.

    A graph of a fixed batch size is run for so many rows at a time.

    Args:
        path: The file.

    Raises:
        DataError: If ONNX Runtime cannot read it, or it takes several inputs or no numbers.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        check_file(path)
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
        self._name, self._kind = inputs[0].name, _KINDS[inputs[0].type]
        shape = [size if isinstance(size, int) else None for size in inputs[0].shape]
        self.batch = shape[0] if shape else None
        self.event = tuple(shape[1:])
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        """Run the graph; numbers come back as its own kind.

        Raises:
            HaarError: While torch traces, which cannot look into it.
        """
        if torch.compiler.is_compiling():
            message = "an ONNX graph cannot be traced; give module:factory of the torch model that it was made from"
            raise HaarError(message)
        given = x.detach().to("cpu", self._kind)
        if self.batch is None:
            return self._run(given)
        rest = -len(given) % self.batch
        padded = torch.cat([given, given[-1:].expand(rest, *given.shape[1:])]) if rest else given
        return torch.cat([self._run(part) for part in padded.split(self.batch)])[: len(given)]

    def _run(self, x: Tensor) -> Tensor:
        found: Any = self._session.run(None, {self._name: x.contiguous().numpy()})
        return torch.from_numpy(found[0])

    def __deepcopy__(self, memo: dict[int, object]) -> OnnxModel:
        return self  # nothing of it ever changes

    def train(self, mode: bool = True) -> OnnxModel:  # noqa: FBT001, FBT002 (torch's own signature)
        """Nothing to change: a graph refuses to be told."""
        del mode
        return self
