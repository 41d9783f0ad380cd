"""Compress as if there were no symmetry, then take the nearest symmetric weights: the rival of masks on orbits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import Representation
from haar.compress.calibrated import (
    Importance,
    ScaledQuantise,
    SparseGPT,
    Surgeon,
    Wanda,
    WandaNofM,
    WeightedLowRank,
)
from haar.compress.entries import Magnitude, NofM, Noise, Random
from haar.compress.layers import Layer
from haar.compress.low_rank import LowRank
from haar.compress.perturbation import Perturbation
from haar.compress.quantise import Quantise
from haar.compress.sparse.units import orbits
from haar.errors import ArgumentError, ShapeError
from haar.intertwiners import intertwiners
from haar.nn import Conv, Linear

if TYPE_CHECKING:
    from haar.compress.bench import Bench

Representations = Mapping[str, tuple[Representation, Representation]]
#: What changes matrices, one layer at a time or all together, and nothing else of a model.
_OF_MATRICES = (
    *(Noise, Random, Magnitude, NofM, Quantise, LowRank),
    *(Wanda, WandaNofM, Importance, Surgeon, SparseGPT, WeightedLowRank, ScaledQuantise),
)


@dataclass(frozen=True)
class Projected(Perturbation):
    """A perturbation of dense weights, entry by entry, and then the nearest weights that commute with a symmetry.

    `haar.nn.Linear` and `haar.nn.Conv` are compressed as the dense weight that they stand for, which is projected back;
    a plain layer whose representations are given likewise. Other layers are compressed as they are. Without this,
    layers of `haar.nn` are compressed in their coordinates: masks on orbits where a coordinate is an orbit.

    An orbit of which one entry is kept is not zero: what comes out is symmetric, and less sparse than it was asked for.

    Args:
        inner: The perturbation.
        symmetry: For plain layers, by name, the representations on their inputs and on their outputs.

    Raises:
        ArgumentError: If the perturbation changes more than matrices, as one that drops units or blocks does.

    Example:
        >>> from haar.compress import Magnitude
        >>> Projected(Magnitude()).name
        'projected magnitude'

    Source: the projector is the orthogonal one on the commuting matrices, `haar.intertwiners`.
    """

    inner: Perturbation
    symmetry: Representations = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.inner, _OF_MATRICES):
            got = self.inner.name if isinstance(self.inner, Perturbation) else repr(self.inner)
            raise ArgumentError("inner", expected="a perturbation of matrices, such as Magnitude() or Wanda()", got=got)
        for name in ("measure", "levels", "within", "rising", "identity", "whole", "fixed", "calibrated"):
            object.__setattr__(self, name, getattr(self.inner, name))

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of the perturbation."""
        return f"projected {self.inner.name}"

    def check(self, level: float | int) -> float:
        """A level of the perturbation."""
        return self.inner.check(level)

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Compress dense weights; each is projected as soon as it was changed.

        Raises:
            ArgumentError: If no layer has a symmetry, or one that was named is not compressed.
        """
        names = {layer.name for layer in bench.layers}
        for name in self.symmetry:
            if name not in names:
                expected = f"names among {', '.join(sorted(names))}"
                raise ArgumentError("symmetry", expected=expected, got=repr(name))
        layers = [self._seen(layer) for layer in bench.layers]
        if not any(isinstance(layer, _Symmetric) for layer in layers):
            raise ArgumentError(
                "symmetry",
                expected="layers of haar.nn, or the representations of plain ones by name",
                got="neither among those that are compressed",
                way_out=f"{self.inner.name} alone compresses what has no symmetry",
            )
        if level != self.identity:
            with bench.alone(layers):
                self.inner.apply(bench, level, seed)

    def _seen(self, layer: Layer) -> Layer:
        """A layer as it is compressed here."""
        if isinstance(layer.module, Linear) and layer.form == "coordinates":
            return _Folded(layer.name, layer.module, layer.parameter, "linear")
        if isinstance(layer.module, Conv) and layer.form == "coordinates":
            if self.inner.calibrated:
                raise ArgumentError(
                    "inner",
                    expected="a perturbation that looks at no inputs, for haar.nn.Conv",
                    got=f"{self.inner.name} of {layer.name}",
                    way_out="export the model, and give the representations of its plain convolutions",
                )
            return _Folded(layer.name, layer.module, layer.parameter, "convolution")
        if layer.name not in self.symmetry:
            return layer
        given = self.symmetry[layer.name]
        if layer.form not in ("linear", "convolution") or layer.groups > 1:
            got = f"{layer.name}, {type(layer.module).__name__}"
            raise ArgumentError("symmetry", expected="linear layers and convolutions of one group", got=got)
        return replace(_Tied(layer.name, layer.module, layer.parameter, layer.form), given=given)


@dataclass(frozen=True)
class _Symmetric(Layer):
    """A layer whose weight is projected whenever it is written."""


@dataclass(frozen=True)
class _Folded(_Symmetric):
    """An equivariant layer, as the dense weight that it stands for."""

    @property
    def weight(self) -> Tensor:
        """The dense weight, made from the coordinates."""
        module: Any = self.module
        with torch.no_grad():
            found: Tensor = module.matrix() if self.form == "linear" else module.kernel()
        return found.detach()

    @property
    def groups(self) -> int:
        """One matrix."""
        return 1

    def write(self, matrices: Float[Tensor, "groups out into"]) -> None:
        """Take the coordinates of the nearest equivariant weight."""
        module: Any = self.module
        if self.form == "linear":
            module.set_matrix(matrices[0])
        else:
            module.set_kernel(matrices.reshape(self.weight.shape))


@dataclass(frozen=True)
class _Tied(_Symmetric):
    """A plain layer, with the representations on both of its sides."""

    given: tuple[Representation, Representation] | None = None

    def write(self, matrices: Float[Tensor, "groups out into"]) -> None:
        """Put the nearest symmetric matrices in the weight's place."""
        super().write(matrices)
        weight = self.weight
        with torch.no_grad():
            weight.copy_(self._nearest(weight.detach().double()))

    def _nearest(self, weight: Tensor) -> Tensor:
        rep_in, rep_out = self.given  # type: ignore[misc]  # given where it is made
        if weight.shape[:2] != (rep_out.dim, rep_in.dim):
            got = tuple(weight.shape[:2])
            expected = f"representations of {got[1]} inputs and {got[0]} outputs"
            raise ShapeError(f"symmetry: {self.name}", expected=expected, got=f"{rep_in.dim} and {rep_out.dim}")
        try:
            if weight.ndim == 2 or prod(weight.shape[2:]) == 1:
                found: Tensor = intertwiners(rep_in, rep_out).project(weight.flatten(1))
                return found.reshape(weight.shape)
            return orbits(rep_in, rep_out, tuple(weight.shape), tied=True).mean(weight)
        except ArgumentError as error:
            error.in_call(error.argument, f"of layer {self.name!r}")
            raise
