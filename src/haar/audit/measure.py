"""Run a model over the orbit of every input and add up what the audit needs; the model is left as it was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from haar.actions import Action, Field, Symmetry
from haar.actions.action import RestrictedAction
from haar.audit.batches import Batch
from haar.audit.sums import OrbitSums
from haar.average import Averaged, Given
from haar.average.probing import unwritten
from haar.errors import ArgumentError, HaarError, ShapeError
from haar.groups import FiniteGroup, Group


@contextmanager
def undisturbed(model: Callable[..., Any]) -> Iterator[None]:
    """Evaluate without gradients, in eval mode, and give back train/eval modes and the random state afterwards."""
    modes = [(m, m.training) for m in model.modules()] if isinstance(model, nn.Module) else []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            for module, _ in modes:
                module.training = False
            yield
        finally:
            for module, training in modes:
                module.training = training


def audited_elements(group: Group, elements: int | Tensor | None, limit: int, seed: int) -> tuple[Tensor, bool]:
    """The elements to look at, the identity first, and whether they are the whole group.

    Args:
        group: The group.
        elements: None: all if there are at most `limit`, else `limit` random ones; a number: so many random ones; or
            the elements.
        limit: Largest group that is listed.
        seed: Seed of the draw.

    Raises:
        ArgumentError: If fewer than one element is asked for, or `elements` is none of these.
    """
    if not (elements is None or isinstance(elements, (int, Tensor))):
        raise ArgumentError(
            "elements", expected="None, a number, or a tensor of elements", got=repr(elements), way_out="torch.tensor"
        )
    identity = group.identity().unsqueeze(0)
    if isinstance(elements, Tensor):
        others = elements[~group.equal(elements, group.identity().expand(elements.shape))]
        whole = isinstance(group, FiniteGroup) and len(others.unique()) == group.order - 1
        if whole:
            return group.elements(), True  # type: ignore[attr-defined]
        return torch.cat([identity, others]), False
    if elements is None and isinstance(group, FiniteGroup) and group.order <= limit:
        return group.elements(), True
    count = limit - 1 if elements is None else elements
    if count < 1:
        raise ArgumentError("elements", expected="at least one element beside the identity", got=count)
    generator = torch.Generator().manual_seed(seed)
    if isinstance(group, FiniteGroup):
        # Uniform over the whole group, the identity included: so the mean of <d_k, d_l>, k != l, is without bias.
        drawn = torch.randint(group.order, (count,), generator=generator)
        return torch.cat([identity, drawn]), False
    return torch.cat([identity, group.sample(count, generator)]), False


class OrbitMeter:
    """Adds up `OrbitSums` batch by batch.

    Args:
        model: The model, in eval mode during `update`.
        symmetry: Its symmetry.
        elements: Elements, the identity first.
        scale: Per-channel scale of the outputs (invariant under the group), by which errors are divided; see `audit`.
        bins: Number of bins of the sums.
        micro_batch: Elements per forward pass.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        symmetry: Symmetry,
        elements: Tensor,
        *,
        scale: Tensor | None,
        bins: int,
        micro_batch: int | str,
    ) -> None:
        # A stochastic model is not refused here: finding it out is the audit's work.
        self._averaged = Averaged(model, symmetry, Given(elements), micro_batch=micro_batch, check=False)
        self._model, self._symmetry, self._scale = model, symmetry, scale
        self.sums = OrbitSums.zeros(len(elements), bins)
        self.seen = 0
        self.dtype = torch.float64

    def update(self, batch: Batch) -> None:
        """Run the model on the whole orbit of a batch, twice on the identity, and add up.

        Raises:
            HaarError: If the model's outputs are not finite.
            ArgumentError: If the model writes into its inputs.
            ShapeError: If labels do not have the outputs' shape.
        """
        given = [x for x in pytree.tree_leaves(batch.inputs) if isinstance(x, Tensor)]
        with undisturbed(self._model), unwritten(given):
            orbit = [self._flat(y) for _, y in self._averaged.terms(*batch.inputs)]
            again_tree = self._model(*batch.inputs)
        predictions = torch.stack(orbit)
        if not bool(torch.isfinite(predictions).all()):
            k = int(torch.nonzero(~torch.isfinite(predictions.flatten(1)).all(1))[0])
            raise HaarError(
                f"model: outputs that are not finite (NaN or infinite) for element {k} of {self._symmetry.group.name}"
            )
        again = self._flat(again_tree)
        self.dtype = next(iter(self._leaves(again_tree)))[1].dtype
        labels = None
        if batch.labels is not None:
            try:
                self._symmetry.check_outputs(batch.labels)
            except ShapeError as error:
                raise ShapeError(
                    "labels", expected=error.expected, got=error.got, way_out="give targets like the model's output"
                ) from error
            labels = self._flat(batch.labels)
            if labels.shape != again.shape:
                raise ShapeError("labels", expected=f"the outputs' {tuple(again.shape)}", got=tuple(labels.shape))
        self.sums.update(predictions, again, labels, self._flat(again_tree, centred=True), batch.clusters)
        self.seen += len(batch.clusters)

    def _leaves(self, tree: Any) -> list[tuple[Action, Tensor]]:
        leaves: list[tuple[Action, Tensor]] = []
        self._symmetry.map_outputs(lambda action, x: leaves.append((action, x)), tree)
        return leaves

    def _flat(self, tree: Any, *, centred: bool = False) -> Float[Tensor, "batch entries"]:
        """All outputs side by side in units of the scale; `centred`: minus every channel's mean over points."""
        parts = []
        for action, leaf in self._leaves(tree):
            x = leaf.detach().to(torch.complex128 if leaf.is_complex() else torch.float64)
            bare = action.action if isinstance(action, RestrictedAction) else action
            if isinstance(bare, Field) and bare.channels is not None:
                x = x.movedim(-1 - bare.dim, -1) if bare.channels == "first" else x
                if self._scale is not None:
                    if len(self._scale) != x.shape[-1]:
                        raise ArgumentError(
                            "scale", expected=f"one number for each of {x.shape[-1]} channels", got=len(self._scale)
                        )
                    x = x / self._scale.to(x)
                if centred:
                    x = x - x.flatten(1, -2).mean(1).reshape(len(x), *([1] * (x.ndim - 2)), -1)
            x = torch.view_as_real(x) if x.is_complex() else x
            parts.append(x.reshape(len(x), -1))
        return torch.cat(parts, 1)
