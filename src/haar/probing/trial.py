"""What is decided by trying: is a model steady, and do samples of one batch leave each other alone?

Tried on the inputs that came and on inputs of our own, for they may be zeros, constants or NaN, which say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from haar.errors import HaarError
from haar.probing.beside import all_agree
from haar.probing.drawn import drawn_like
from haar.probing.manners import refuse_unsteady
from haar.probing.samples import separate
from haar.probing.undisturbed import undisturbed

#: A model for moved inputs: its outputs in the order of the actions.
Run = Callable[[Sequence[Any]], list[Any]]

#: Copies of one pass are made so much larger and smaller than what came: influence often begins with one large sample.
_SIZES = (1.0, -1e3, 10.0, -1e-2, 1e2, -1.0)
_LARGE, _SMALL = 1e3, 1e-3
#: Inputs smaller than this are also tried at size 1: later ones may be.
_TINY = 0.1
#: Small differences are forgiven where inputs that differ by rounding make differences of that size, times this.
_ROUNDING = 100.0
#: So many copies are compared at least, however few stand in one pass.
_LEAST = 4


@runtime_checkable
class Inputs(Protocol):
    """A model's inputs: their leaves, which of them all copies share, and how copies stand side by side."""

    leaves: list[Any]
    shared: list[bool]

    def joined(self, copies: Sequence[Sequence[Any]]) -> list[Any]:
        """Several copies of all leaves, one after the other on the batch axis."""


class Trial:
    """A model tried on one call's inputs.

    Args:
        model: What was given, whose state is put back.
        run: Runs it on input leaves.
        call: Inputs of the call that is decided about.

    Attributes:
        informative: Whether some run so far gave numbers that differ from copy to copy: without, nothing was decided.
    """

    def __init__(self, model: Callable[..., Any], run: Run, call: Inputs) -> None:
        self._model, self._run, self._call = model, run, call
        self._generator = torch.Generator().manual_seed(0)
        self.informative = False

    def refuse_unsteady(self, given: Sequence[Any]) -> None:
        """Raise if the model is stochastic, or remembers what it was given before.

        Args:
            given: One moved copy of the inputs.

        Raises:
            ArgumentError: In both cases.
        """
        drawn = self._drawn()
        with undisturbed(self._model, mode=None):
            fresh = self._run(given)
        with undisturbed(self._model, mode=None):
            own = None if drawn is None else self._tried(drawn)
        self._note([y for y in (fresh, own) if y is not None])
        steadily = given if drawn is None or own is None else drawn

        def others() -> list[Tensor]:
            between = self._run(given)
            if drawn is not None:
                self._tried(self._resized(drawn, _LARGE))  # what a slow mean is moved by
            return _tensors(between)

        with undisturbed(self._model, mode=None):
            refuse_unsteady(lambda: _tensors(self._run(steadily)), others, _tensors(fresh))

    def independent(self, passes: Iterable[Sequence[Sequence[Any]]], sizes: Sequence[int]) -> bool:
        """Whether copies side by side in one batch get the same outputs as alone.

        Args:
            passes: The given inputs as they will really run: for every pass, its moved copies.
            sizes: Number of copies the passes hold.

        Raises:
            HaarError: If the model does not fit its symmetry on the given inputs.
        """
        return all(self._same(copies) for copies in passes) and self.independent_when_drawn(sizes)

    def independent_when_drawn(self, sizes: Sequence[int]) -> bool:
        """The same on inputs of our own alone.

        Args:
            sizes: Number of copies the passes hold.
        """
        for size in dict.fromkeys(size for size in sizes if size > 1):
            for turn in range(max(1, -(-_LEAST // size))):
                for copies, compared in self._draws(size, turn):
                    alone = {k: self._tried(copies[k]) for k in compared}
                    if all(y is None for y in alone.values()):
                        continue  # the model takes no such numbers
                    try:
                        if not self._same(copies, alone):
                            return False
                    except HaarError:
                        return False
        return True

    def _draws(self, size: int, turn: int) -> Iterator[tuple[list[list[Any]], list[int]]]:
        """Passes of independent copies of our own, and which of the copies to look at."""
        alike = [self._drawn() for _ in range(size)]
        if any(leaves is None for leaves in alike):
            return
        like = self._one_for_all([leaves for leaves in alike if leaves is not None])
        some = sorted({0, size // 2, size - 1})
        yield like, some
        yield [self._resized(leaves, _SMALL) for leaves in like], some
        factors = [_SIZES[(k + turn * size) % len(_SIZES)] for k in range(size)]
        yield [self._resized(leaves, factor) for leaves, factor in zip(like, factors, strict=True)], list(range(size))
        larger = [self._of_unit_size(leaves) for leaves in like]
        if any(new is not old for new, old in zip(larger[0], like[0], strict=True)):
            yield [self._resized(leaves, factor) for leaves, factor in zip(larger, factors, strict=True)], some

    def _drawn(self) -> list[Any] | None:
        """One copy of inputs of our own; None where no input could be drawn."""
        drawn: list[Any] = drawn_like(list(self._call.leaves), self._generator)
        pairs = zip(drawn, self._call.leaves, strict=True)
        leaves = [_shuffled(old, self._generator) if _counts(old) else new for new, old in pairs]
        changed = any(new is not old for new, old in zip(leaves, self._call.leaves, strict=True))
        return leaves if changed else None

    def _resized(self, leaves: Sequence[Any], factor: float) -> list[Any]:
        pairs = zip(leaves, self._call.shared, self._call.leaves, strict=True)
        return [x if shared or x is given or _counts(given) else x * factor for x, shared, given in pairs]

    def _of_unit_size(self, leaves: Sequence[Any]) -> list[Any]:
        """Copies of tiny inputs at size 1, the others as they are."""
        pairs = zip(leaves, self._call.shared, self._call.leaves, strict=True)
        return [x if shared or x is given or _counts(given) else _enlarged(x) for x, shared, given in pairs]

    def _one_for_all(self, copies: list[list[Any]]) -> list[list[Any]]:
        """Copies that all share what the copies of a call share."""
        return [
            [first if same else own for own, first, same in zip(copy, copies[0], self._call.shared, strict=True)]
            for copy in copies
        ]

    def _same(self, copies: Sequence[Sequence[Any]], alone: dict[int, list[Any] | None] | None = None) -> bool:
        """Whether some copies give alone what they give side by side."""
        single = {k: self._run(leaves) for k, leaves in enumerate(copies)} if alone is None else alone
        self._note([y for y in single.values() if y is not None])
        if len(copies) == 1:
            return True
        try:
            joined = self._run(self._call.joined(copies))
        except HaarError:
            raise
        except Exception:  # noqa: BLE001 (a model of a fixed batch, such as an exported one, raises what it likes)
            return False
        parts = list(zip(*(separate(y, len(copies)) for y in joined), strict=True))
        for k, own in single.items():
            if own is not None and not self._agree(copies[k], _tensors(own), _tensors(parts[k])):
                return False
        return True

    def _agree(self, leaves: Sequence[Any], alone: Sequence[Tensor], beside: Sequence[Tensor]) -> bool:
        if all_agree(beside, alone):
            return True
        if any(a.shape != b.shape for a, b in zip(alone, beside, strict=True)):
            return False
        noisy = self._tried([_nudged(x, self._generator) for x in leaves])
        if noisy is None:
            return False
        spread = [(a - b).abs() for a, b in zip(alone, _tensors(noisy), strict=True)]
        return all(
            bool(((a - b).abs().nan_to_num() <= _ROUNDING * s.nan_to_num().amax()).all())
            and torch.equal(a.isfinite(), b.isfinite())
            for a, b, s in zip(alone, beside, spread, strict=True)
            if a.numel()
        )

    def _tried(self, leaves: Sequence[Any]) -> list[Any] | None:
        """Outputs for inputs of our own; None if the model does not take them."""
        try:
            return self._run(leaves)
        except Exception:  # noqa: BLE001 (numbers that came from nowhere may be out of its domain)
            return None

    def _note(self, outputs: Sequence[Sequence[Any]]) -> None:
        """Note whether outputs say something: finite numbers that are not all the same."""
        for columns in zip(*map(_tensors, outputs), strict=True):
            if self.informative or not all(y.shape == columns[0].shape for y in columns):
                continue
            values = torch.stack([y.detach().abs() for y in columns])
            values = values[values.isfinite()]
            self.informative = values.numel() > 0 and bool((values != values[0]).any())


def _tensors(leaves: Sequence[Any]) -> list[Tensor]:
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def _counts(x: Any) -> bool:
    """Whether real numbers are whole, and so may be indices or classes of which no others are known to be allowed."""
    if not isinstance(x, Tensor) or not x.is_floating_point() or x.numel() == 0:
        return False
    return bool((x == x.round()).all()) and bool((x != x.reshape(-1)[0]).any())


def _enlarged(x: Tensor) -> Tensor:
    size = float(torch.linalg.vector_norm(x.detach())) / max(x.numel(), 1) ** 0.5
    return x / size if 0 < size < _TINY else x


def _shuffled(x: Tensor, generator: torch.Generator) -> Tensor:
    order = torch.randperm(x.numel(), generator=generator).to(x.device)
    return x.reshape(-1)[order].reshape(x.shape)


def _nudged(x: Any, generator: torch.Generator) -> Any:
    """The same number up to rounding."""
    if not isinstance(x, Tensor) or not (x.is_floating_point() or x.is_complex()):
        return x
    noise = torch.randint(-2, 3, x.shape, generator=generator).to(x.device, x.real.dtype)
    return x * (1 + torch.finfo(x.dtype).eps * noise)
