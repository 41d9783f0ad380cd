"""Run a model over the orbit of every input and add up what the audit needs; the model is left as it was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.actions.trees import rebuild, value_leaves
from haar.audit.batches import Batch
from haar.audit.parts import Outputs, check_scale
from haar.audit.sums import OrbitSums, PartBatch
from haar.audit.worst import WorstOf, WorstSample
from haar.average import Averaged, Given
from haar.containers import tensors_of
from haar.errors import ArgumentError, HaarError, ShapeError
from haar.groups import FiniteGroup, Group
from haar.probing import ForwardOnly, undisturbed
from haar.probing.manners import check_weights, unwritten
from haar.seeding import Seed, generator_of


def audited_elements(group: Group, elements: int | Tensor | None, limit: int, seed: Seed) -> tuple[Tensor, str]:
    """The elements to look at, the identity first, and what they are: ``"whole"``, ``"drawn"`` or ``"given"``.

    Args:
        group: The group whose elements are chosen.
        elements: None: all if there are at most `limit`, else `limit` random ones; a number: so many random ones; or
            the elements.
        limit: Largest group that is listed.
        seed: Seed of the draw.

    Raises:
        ArgumentError: If there is no element beside the identity, or `elements` is none of these.
    """
    if isinstance(elements, bool) or not (elements is None or isinstance(elements, (int, Tensor))):
        raise ArgumentError(
            "elements", expected="None, a number, or a tensor of elements", got=repr(elements), way_out="torch.tensor"
        )
    if isinstance(elements, Tensor):
        return _given_elements(group, elements)
    if elements is None and isinstance(group, FiniteGroup) and group.order <= limit:
        return group.elements(), "whole"
    count = limit - 1 if elements is None else elements
    if count < 1:
        raise ArgumentError("elements", expected="at least one element beside the identity", got=count)
    return torch.cat([group.identity().unsqueeze(0), _drawn_elements(group, count, seed)]), "drawn"


def _given_elements(group: Group, elements: Tensor) -> tuple[Tensor, str]:
    _check_elements(group, elements)
    identity = group.identity()
    others = elements[~group.equal(elements, identity.expand(elements.shape))] if len(elements) else elements
    if not len(others):
        got = "none" if not len(elements) else "the identity alone"
        raise ArgumentError("elements", expected="at least one element beside the identity", got=got)
    if isinstance(group, FiniteGroup):
        others = others.unique()
        if len(others) == group.order - 1:
            return group.elements(), "whole"
    return torch.cat([identity.unsqueeze(0), others]), "given"


def _drawn_elements(group: Group, count: int, seed: Seed) -> Tensor:
    generator = generator_of(seed)
    if not isinstance(group, FiniteGroup):
        return group.sample(count, generator)
    # Uniform over the whole group, the identity included: so the mean of <d_k, d_l>, k != l, is without bias.
    drawn = torch.randint(group.order, (count,), generator=generator)
    while group.order > 1 and not bool(drawn.any()):  # the identity alone decides nothing
        drawn = torch.randint(group.order, (count,), generator=generator)
    return drawn


def _check_elements(group: Group, elements: Tensor) -> None:
    expected = f"elements (k, {', '.join(map(str, group.element_shape))}) of {group.name}".replace(", )", ",)")
    if elements.ndim != 1 + len(group.element_shape) or tuple(elements.shape[1:]) != tuple(group.element_shape):
        raise ArgumentError("elements", expected=expected, got=tuple(elements.shape))
    kind_fits = elements.is_floating_point() == group.element_dtype.is_floating_point and elements.dtype != torch.bool
    if len(elements) and not kind_fits:
        raise ArgumentError(
            "elements",
            expected=f"{str(group.element_dtype).removeprefix('torch.')} {expected}",
            got=str(elements.dtype).removeprefix("torch."),
        )
    if isinstance(group, FiniteGroup) and len(elements):
        least, most = (int(bound) for bound in elements.aminmax())
        if least < 0 or most >= group.order:
            got = least if least < 0 else most
            raise ArgumentError("elements", expected=f"numbers 0..{group.order - 1} of {group.name}", got=got)


class OrbitMeter:
    """Adds up `OrbitSums` batch by batch.

    Args:
        model: The model that is run on the whole orbit of every batch.
        symmetry: How the group acts on its inputs and outputs.
        elements: Elements, the identity first.
        scale: Per-channel scale of the outputs (invariant under the group), by which errors are divided; see `audit`.
        capacity: Most rows of sums that are kept apart.
        micro_batch: Elements per forward pass.

    Attributes:
        outputs: The parts that are measured, known from the first batch on.
        worst: Where the last batch breaks the symmetry most, if that can be shown.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        symmetry: Symmetry,
        elements: Tensor,
        *,
        scale: Any = None,
        capacity: int | None = None,
        micro_batch: int | str = 1,
    ) -> None:
        check_weights(model)
        check_scale(symmetry, scale)
        self._model, self._run = model, ForwardOnly(model)
        # A stochastic model is not refused here: finding it out is the audit's work.
        self._averaged = Averaged(self._run, symmetry, Given(elements), micro_batch=micro_batch, check=False)
        self._symmetry, self._scale, self._m, self._capacity = symmetry, scale, len(elements), capacity
        self.outputs: Outputs | None = None
        self.worst: WorstSample | None = None
        self._search = WorstOf(symmetry)

    @property
    def scales(self) -> list[Tensor]:
        """By what errors are divided, where that was given."""
        return (
            []
            if self._scale is None
            else tensors_of(torch.as_tensor(self._scale) if isinstance(self._scale, (int, float)) else self._scale)
        )

    def prepare(self, batch: Batch) -> None:
        """Learn from a first batch what `measure` learns from its own: the parts of the outputs, and their units."""
        with torch.no_grad(), undisturbed(self._model):
            y = self._run(*batch.inputs)
            outputs = self._taken_apart(y)
            spreads = outputs.spread(y, len(batch.clusters), single=batch.single)
            outputs.entries = [part.shape[-1] for part in outputs.flat(y, len(batch.clusters), single=batch.single)]
            self._search.measure_in(torch.stack([energy for energy, _ in spreads], 1))

    def predictions(self, batch: Batch, places: Sequence[int]) -> list[Any]:
        """The model's predictions for some of the elements, in the frame of the input.

        Args:
            batch: The batch.
            places: Which elements, by their places.
        """
        with torch.no_grad(), undisturbed(self._model), unwritten(tensors_of(batch.inputs)):
            return list(self._averaged.predictions(batch.inputs, places))

    def _taken_apart(self, y: Any) -> Outputs:
        if self.outputs is None:
            self.outputs = Outputs(self._symmetry, y, self._scale)
        return self.outputs

    def measure(self, batch: Batch, orbit: Sequence[Any] | None = None) -> OrbitSums:
        """Run the model on the whole orbit of a batch, twice on the identity, and add up.

        Args:
            batch: The batch.
            orbit: What `predictions` gives for all elements, where that is known.

        Raises:
            HaarError: If the model's outputs are not finite.
            ArgumentError: If the model writes into its inputs, or the scale does not fit.
            ShapeError: If labels do not have the outputs' shape.
        """
        given = tensors_of(batch.inputs)
        rows = len(batch.clusters)
        with torch.no_grad(), undisturbed(self._model):
            with unwritten(given):
                orbit = [y for _, y in self._averaged.terms(*batch.inputs)] if orbit is None else list(orbit)
                again = self._run(*batch.inputs)
            outputs = self._taken_apart(again)
            flat = [outputs.flat(y, rows, single=batch.single) for y in orbit]
            predictions = [torch.stack(copies) for copies in zip(*flat, strict=True)]
            self._refuse_nan(predictions)
            repeated = outputs.flat(again, rows, single=batch.single)
            labels = None if batch.labels is None else self._labels(batch, again, outputs)
            spreads = outputs.spread(again, rows, single=batch.single)
            outputs.entries = [part.shape[-1] for part in repeated]
            parts = [
                PartBatch(p, r, None if labels is None else labels[k], *spreads[k])
                for k, (p, r) in enumerate(zip(predictions, repeated, strict=True))
            ]
            sums = OrbitSums(self._m, [part.averaged for part in outputs.parts], capacity=self._capacity)
            deviations = sums.update(parts, batch.units, tied=outputs.tied(again, rows, single=batch.single))
            energies = torch.stack([part.energy for part in parts], 1)
            self.worst = self._search.find(batch, orbit, deviations, energies)
        return sums

    def _labels(self, batch: Batch, y: Any, outputs: Outputs) -> list[Tensor]:
        """Every part of the labels."""
        try:
            self._symmetry.check_outputs(batch.labels)
        except ShapeError as error:
            raise ShapeError(
                "labels", expected=error.expected, got=error.got, way_out="give targets like the model's output"
            ) from error
        actions = self._symmetry.outputs
        pairs = zip(value_leaves(actions, y), value_leaves(actions, batch.labels), strict=True)
        leaves = [_label(made, given) if isinstance(made, Tensor) else given for made, given in pairs]
        return outputs.flat(rebuild(actions, batch.labels, leaves), len(batch.clusters), single=batch.single)

    def _refuse_nan(self, predictions: list[Tensor]) -> None:
        for copies in predictions:
            finite = torch.isfinite(copies.flatten(1)).all(1)
            if not bool(finite.all()):
                k = int(torch.nonzero(~finite)[0])
                raise HaarError(
                    f"model: outputs that are not finite (NaN or infinite) for element {k} of "
                    f"{self._symmetry.group.name}"
                )


def _label(made: Tensor, given: Any) -> Any:
    """The label of one output, in its shape.

    Raises:
        ShapeError: If it has another.
        ArgumentError: If one of them is complex.
    """
    label = given
    if isinstance(given, Tensor) and made.numel() == given.numel() == 1:
        label = given.reshape(made.shape)  # one number, as () or (1,)
    elif isinstance(given, Tensor) and made.shape == (*given.shape, 1):
        label = given.unsqueeze(-1)  # one number a row, as a table has it
    if not isinstance(label, Tensor) or label.shape != made.shape:
        got = tuple(label.shape) if isinstance(label, Tensor) else repr(label)
        classes = isinstance(given, Tensor) and not (given.is_floating_point() or given.is_complex()) and given.ndim < 2
        way_out = "squared errors of classes want torch.nn.functional.one_hot(labels), or no labels" if classes else ""
        raise ShapeError("labels", expected=f"the outputs' {tuple(made.shape)}", got=got, way_out=way_out)
    if made.is_complex() != label.is_complex():
        kinds = ["complex" if one.is_complex() else "real" for one in (made, label)]
        raise ArgumentError("labels", expected=f"{kinds[0]} numbers, like the model's output", got=kinds[1])
    return label
