"""A transform for PyTorch Geometric that writes eigenvectors, eigenvalues, eigenspaces and their record to a graph."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import torch

from haar.data.spectra.eigenvectors import check_options, laplacian_eigs
from haar.errors import ArgumentError


class LaplacianEncoding:
    """Takes the place of ``AddLaplacianEigenvectorPE``, and goes into ``Compose`` and ``pre_transform`` as it does.

    The solver is always the symmetric one, k may exceed the number of nodes, and nothing is lost: the graph gets
    ``<name>`` ``(n, k)``, ``<name>_eigenvalues``, ``<name>_columns`` (which columns are no padding) and
    ``<name>_spaces`` (eigenspaces), each ``(1, k)`` so that a batch holds one row for every graph, and
    ``<name>_health``, the record as a dictionary with ``warnings`` (codes) and ``messages``; a batch has one dictionary
    with one entry for every graph in each value. Networks of a batch take ``spaces=batch.<name>_spaces[batch.batch]``.

    Args:
        k: Number of columns.
        name: Name of the attribute of the graph.
        normalization: Which Laplacian, see `laplacian_eigs`.
        drop: Which trivial eigenvectors are left out, see `laplacian_eigs`.
        scale: How columns are scaled, see `laplacian_eigs`.
        unhealthy: What is done about spectra that cannot be trusted, see `laplacian_eigs`.
        dtype: Precision of the columns and eigenvalues.

    Raises:
        ArgumentError: If k is not positive, or an option is unknown.

    Example:
        >>> LaplacianEncoding(8, drop="null")
        LaplacianEncoding(k=8, drop='null')
    """

    def __init__(
        self,
        k: int,
        *,
        name: str = "laplacian_eigenvector_pe",
        normalization: str = "symmetric",
        drop: str = "trivial",
        scale: str = "sqrt_n",
        unhealthy: str = "warn",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        check_options(k, normalization=normalization, drop=drop, scale=scale, unhealthy=unhealthy)
        if not isinstance(name, str) or not name.isidentifier():
            raise ArgumentError("name", expected="the name of an attribute", got=repr(name))
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise ArgumentError("dtype", expected="a floating-point type of torch", got=repr(dtype))
        self.k, self.name, self.dtype = k, name, dtype
        self.normalization, self.drop, self.scale, self.unhealthy = normalization, drop, scale, unhealthy

    def __call__(self, data: Any) -> Any:
        """A copy of the graph with the encoding.

        Raises:
            ArgumentError: If it has no ``edge_index``, is directed, or is a batch.
        """
        if getattr(data, "edge_index", None) is None or not hasattr(data, "num_nodes"):
            raise ArgumentError("data", expected="a graph with edge_index and num_nodes", got=type(data).__name__)
        if getattr(data, "num_graphs", 1) > 1:
            raise ArgumentError(
                "data",
                expected="one graph",
                got=f"a batch of {data.num_graphs}",
                way_out="encode every graph before they are batched, or columns belong to several graphs at once",
            )
        spectrum = laplacian_eigs(
            data,
            self.k,
            normalization=self.normalization,
            drop=self.drop,
            scale=self.scale,
            unhealthy=self.unhealthy,
        )
        data = copy.copy(data)
        device = data.edge_index.device
        data[self.name] = spectrum.vectors.to(device, self.dtype)
        data[f"{self.name}_eigenvalues"] = spectrum.eigenvalues.to(device, self.dtype).unsqueeze(0)
        data[f"{self.name}_columns"] = spectrum.columns.to(device).unsqueeze(0)
        data[f"{self.name}_spaces"] = spectrum.spaces.to(device).unsqueeze(0)
        found = spectrum.health.warnings
        # Batches merge dictionaries key by key, so that every graph's must have the same keys.
        record = {
            **spectrum.health.to_dict(),
            "warnings": sorted(found),
            "messages": [found[code] for code in sorted(found)],
        }
        data[f"{self.name}_health"] = record
        return data

    def __repr__(self) -> str:
        """All options that differ from their defaults: a stored data set is known again by them."""
        given = []
        for parameter in inspect.signature(type(self)).parameters.values():
            value = getattr(self, parameter.name)
            if value != parameter.default:
                given.append(f"{parameter.name}={value!r}")
        return f"{type(self).__name__}({', '.join(given)})"
