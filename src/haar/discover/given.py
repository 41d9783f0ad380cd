"""What a caller gives as data: inputs as one tensor, and which rows are independent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from haar.errors import ArgumentError, DataError

#: Samples with which a symmetry can be sought.
FEWEST = 4


class FewSamplesError(ArgumentError):
    """Fewer samples than the unknowns of a generator need.

    Attributes:
        needed: How many are needed, both halves together.
    """

    needed = 0


@dataclass(frozen=True)
class Given:
    """Inputs of a model.

    Attributes:
        inputs: ``(b, *shape)``, in float64.
        dtype: In what they came.
        units: Which trajectory every row belongs to.
        said: What a reader must know.
    """

    inputs: Tensor
    dtype: torch.dtype
    units: Tensor
    said: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""
        return tuple(self.inputs.shape[1:])


def given(data: Any, *, max_samples: int, seed: int) -> Given:
    """Read inputs, drop labels, keep clusters, and draw at most so many rows.

    Args:
        data: Inputs; ``(inputs, labels)``; ``(inputs, labels, clusters)``; or batches of these.
        max_samples: Rows to keep.
        seed: Of the draw.

    Raises:
        ArgumentError: If inputs are whole numbers, complex, or not one tensor.
        DataError: If there are no rows, all are equal, or some are not finite.
    """
    batches = [_batch(data)] if _is_batch(data) else [_batch(one) for one in _several(data)]
    if not batches:
        raise DataError("data: no batches")
    inputs = torch.cat([batch[0] for batch in batches])
    known = [batch[1] for batch in batches]
    units = torch.arange(len(inputs))
    if all(one is not None for one in known):
        labels = torch.cat([one for one in known if one is not None])
        # whole numbers are kept: samples of two calls are told apart by them when the calls are merged
        units = labels.unique(return_inverse=True)[1] if labels.is_floating_point() else labels.to(torch.int64)
    dtype = inputs.dtype
    _check(inputs)
    said: tuple[str, ...] = ()
    if len(inputs) > max_samples:
        chosen = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))[:max_samples].sort().values
        said = (f"{max_samples} of {len(inputs)} rows, drawn (max_samples)",)
        inputs, units = inputs[chosen], units[chosen]
    inputs = inputs.to(torch.float64)
    if bool((inputs == inputs[0]).all()):
        raise DataError("data: all samples are equal, and say nothing of how the model changes")
    return Given(inputs, dtype, units, said)


def kind_of(asked: object, shape: tuple[int, ...], output_shape: tuple[int, ...]) -> str:
    """What is sought: by name, or by shape.

    Raises:
        ArgumentError: If the name is unknown, or ``"same"`` is asked of a model whose outputs have another size.
    """
    n, m = int(np.prod(shape)), int(np.prod(output_shape))
    if asked == "auto":
        return "same" if n == m and n > 1 else "invariant" if m == 1 else "any"
    if asked not in ("any", "same", "invariant"):
        raise ArgumentError("outputs", expected='"auto", "any", "same" or "invariant"', got=repr(asked))
    if asked == "same" and n != m:
        raise ArgumentError(
            "outputs",
            expected='"any" or "invariant" for outputs of another size than inputs',
            got=f'"same", with {n} inputs and {m} outputs',
        )
    return str(asked)


def points_of(shape: tuple[int, ...], output_shape: tuple[int, ...], kind: str, *, shared: bool | None) -> int | None:
    """Number of points on which one matrix acts: by default those of inputs ``(K, d)`` with d up to 4.

    Raises:
        ArgumentError: If inputs have no axis of points, or outputs that are moved alike have other points.
    """
    fits = len(shape) == 2
    if shared is None:
        shared = fits and shape[1] <= 4 and (kind != "same" or shape == output_shape)
    if not shared:
        return None
    if not fits:
        raise ArgumentError(
            "shared",
            expected="inputs (b, K, d), K points on which one d x d matrix acts",
            got=f"inputs of shape {('b', *shape)}",
            way_out="reshape them, x.unflatten(-1, (K, d)), and let the model take that",
        )
    if kind == "same" and output_shape != shape:
        raise ArgumentError("shared", expected=f"outputs of shape {shape}, moved as inputs are", got=f"{output_shape}")
    return shape[0]


def classifier_like(f: Tensor) -> bool:
    """Whether outputs look like probabilities."""
    if f.shape[1] < 2:
        return False
    return bool((f >= 0).all()) and bool((f <= 1).all()) and bool(((f.sum(1) - 1).abs() < 1e-4).all())


def in_training(model: Callable[..., Any]) -> bool:
    """Whether it is a module in training mode: it is evaluated in eval mode."""
    return isinstance(model, nn.Module) and model.training


def _is_batch(data: Any) -> bool:
    return isinstance(data, (Tensor, np.ndarray)) or (
        isinstance(data, (tuple, list))
        and 0 < len(data) <= 3
        and all(isinstance(part, (Tensor, np.ndarray)) or part is None for part in data)
    )


def _several(data: Any) -> Iterable[Any]:
    if not isinstance(data, Iterable):
        raise ArgumentError(
            "data", expected="inputs, (inputs, labels), (inputs, labels, clusters) or batches", got=type(data).__name__
        )
    return data


def _batch(data: Any) -> tuple[Tensor, Tensor | None]:
    parts = data if isinstance(data, (tuple, list)) else (data,)
    if not parts or not isinstance(parts[0], (Tensor, np.ndarray)):
        raise ArgumentError("data", expected="batches whose first part is a tensor of inputs", got=type(data).__name__)
    if isinstance(parts[0], np.ndarray) and parts[0].dtype.kind not in "fciub":
        raise ArgumentError("data", expected="arrays of numbers", got=f"an array of {parts[0].dtype}")
    inputs = torch.as_tensor(parts[0]).detach().cpu()
    if inputs.ndim < 2:
        raise ArgumentError(
            "data", expected="inputs with an axis of samples, (b, ...)", got=f"shape {tuple(inputs.shape)}"
        )
    clusters = None if len(parts) < 3 or parts[2] is None else torch.as_tensor(parts[2]).detach().cpu().flatten()
    if clusters is not None and len(clusters) != len(inputs):
        raise ArgumentError("clusters", expected=f"one for each of {len(inputs)} rows", got=len(clusters))
    return inputs, clusters


def _check(inputs: Tensor) -> None:
    if not inputs.is_floating_point():
        raise ArgumentError(
            "data",
            expected="inputs in floating point, which can be moved a little",
            got=str(inputs.dtype).removeprefix("torch."),
            way_out="convert them, x.double(), if the model takes that",
        )
    bad = torch.nonzero(~inputs.flatten(1).isfinite().all(1)).flatten()
    if len(bad):
        raise DataError(
            f"data: sample {int(bad[0])} is not finite, and {len(bad)} of {len(inputs)} in all; leave it out"
        )
    if len(inputs) < FEWEST:
        raise ArgumentError("data", expected=f"at least {FEWEST} samples, half of them held out", got=len(inputs))
