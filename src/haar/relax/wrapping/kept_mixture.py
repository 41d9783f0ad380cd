"""A mixed weight kept from one forward pass to the next, while what it was made from stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from haar.nn.folding import Seen, comparable

#: Averages over orbits, and the mixtures, of every parameter of a layer.
Mixture = tuple[list[Tensor], list[Tensor]]
#: A mixture that was kept so often in vain is kept no more: every pass has other weights.
_VAIN = 2


class KeptMixture:
    """The numbers of a mixture for all forward passes between two steps of an optimiser, with gradients.

    Nothing is kept before a second pass comes with the same weight, so that training with one pass a step pays nothing.
    What says that nothing has changed is the numbers themselves, as for `haar.nn.folding.FoldCache`: comparing them
    takes a sixth of the time of mixing. Gradients are those of mixing at every pass.
    """

    def __init__(self) -> None:
        self._version: int | None = None
        self._kept: _Kept | None = None

    def get(self, sources: Sequence[Tensor], make: Callable[[], Mixture]) -> Mixture:
        """What is kept if it is still true, else made anew.

        Args:
            sources: All tensors that `make` uses, the weight first.
            make: Makes the mixture.
        """
        kept = self._kept
        if kept is not None:
            if all(seen.still(now) for seen, now in zip(kept.seen, sources, strict=True)):
                kept.vain = 0
                return kept.value
            vain = kept.vain + 1
        else:
            vain = 0
            before, self._version = self._version, sources[0]._version  # noqa: SLF001 (torch's own counter of writes, here a hint alone)
            if before != self._version:
                return make()
        if vain >= _VAIN or not all(comparable(p) for p in sources):
            self._kept = self._version = None
            return make()
        seen = [Seen(p) for p in sources]  # before the mixture: another thread may write
        value = make()
        self._kept = _Kept(seen, value, vain)  # replaced as a whole: threads never see half of it
        return value

    def __getstate__(self) -> dict[str, None]:
        return {"_version": None, "_kept": None}  # copies and pickles make their own

    def __deepcopy__(self, memo: dict[int, object]) -> KeptMixture:
        return KeptMixture()


class _Kept:
    __slots__ = ("seen", "vain", "value")

    def __init__(self, seen: list[Seen], value: Mixture, vain: int) -> None:
        self.seen, self.value, self.vain = seen, value, vain
