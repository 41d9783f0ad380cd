"""A model of eigenvectors and the graph that it is run on, from the command line."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from haar.cli.model_file import build, load_weights
from haar.constants import ConstantsModule
from haar.data.spectra import adjacency
from haar.errors import DataError
from haar.probing import undisturbed
from haar.received import read_array


class OnGraph(ConstantsModule):
    """A model that is told the graph's edges with every call.

    Args:
        model: A model of nodes that takes ``edges=``.
        edges: Both directions of every edge.
    """

    def __init__(self, model: nn.Module, edges: Tensor) -> None:
        super().__init__()
        self.model = model
        self.edges: Tensor
        self.register_constant("edges", edges)

    def forward(self, v: Tensor) -> Tensor:
        """Run the model."""
        y: Tensor = self.model(v, edges=self.edges)
        return y


def read_graph(path: Path) -> Tensor:
    """The weights of a graph from a ``.npy`` file.

    Raises:
        DataError: If the file is missing or damaged.
        ArgumentError: If it holds no undirected graph.
    """
    array = read_array(path)
    if array.dtype.kind not in "fiub":
        raise DataError(f"{path}: expected numbers, got {array.dtype}")
    return adjacency(array)


def graph_model(
    model: str, weights_matrix: Tensor, *, weights: Path | None = None, arguments: Sequence[str] = ()
) -> nn.Module:
    """Build a model by its factory, in eval mode; one whose forward takes ``edges`` is told the graph's.

    The factory runs with a fixed seed, so that initial weights are the same every time.

    Raises:
        ArgumentError: If it cannot be built.
        DataError: If the weights do not fit.
    """
    with undisturbed():
        torch.manual_seed(0)
        module = build(model, arguments)
    if weights is not None:
        load_weights(module, weights)
    module.eval()
    if "edges" in inspect.signature(module.forward).parameters:
        return OnGraph(module, torch.nonzero(weights_matrix).T.contiguous())
    return module
