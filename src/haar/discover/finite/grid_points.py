"""What an element of a point group does to the channels of a model's input and output, found by trying."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from haar.actions import Field
from haar.actions.representation import Trivial
from haar.discover.finite.evaluation import Evaluation
from haar.groups import FiniteGroup

#: Channels up to which every exchange and every change of sign is tried; above, fields in their order.
FEW_CHANNELS = 4
#: Ways to read the channels as scalars, pseudoscalars and vectors that are tried.
_MOST_LAYOUTS = 400
#: Samples that candidates are compared on, and how many are kept.
_SCREEN, _KEPT = 2, 3

#: Matrices on the channels of the input and of the output, and the relative defect.
Turn = tuple[Tensor, Tensor, float]


class Turns:
    """The exchanges of channels, with signs, that fit best to each element of a point group.

    Args:
        evaluation: The model.
        inputs: Samples ``(rows, channels, *grid)``.
        outputs: Its answers.
        spread: Mean of twice the squared deviation of an answer.
        moving: How the group moves the points: a field whose channels stay.
        fields_out: Whether the answers are fields on the same grid; otherwise nothing moves them.
    """

    def __init__(
        self, evaluation: Evaluation, inputs: Tensor, outputs: Tensor, *, spread: float, moving: Field, fields_out: bool
    ) -> None:
        self._evaluation, self._inputs, self._outputs, self._spread = evaluation, inputs, outputs, spread
        self._moving, self._fields_out = moving, fields_out
        self._group: FiniteGroup = moving.group  # type: ignore[assignment]  # point groups are enumerated
        self._plain = (
            Field(Trivial(self._group, outputs.shape[1]), centring=moving.centring, periodic=moving.periodic)
            if fields_out
            else None
        )

    def of(self, g: int, tolerance: float) -> list[Turn]:
        """The best turns for one element, those of smallest defect first.

        Args:
            g: The element.
            tolerance: Below it, no more than scalars, pseudoscalars and vectors are tried.
        """
        best = self._best(g, self._layouts(g))
        channels = self._inputs.shape[1]
        if best[0][2] > tolerance and 1 < channels <= FEW_CHANNELS:
            best = self._best(g, _signed_exchanges(channels))
        return best

    def _best(self, g: int, turns: list[Tensor]) -> list[Turn]:
        x = self._inputs[:_SCREEN]
        moved = self._moving.act(torch.tensor(g), x)
        tried = torch.cat([torch.einsum("cd,bd...->bc...", turn.to(moved), moved) for turn in turns])
        answers = self._evaluation(tried).split(len(x))
        screened = [self._fitted(g, turn, answer, len(x)) for turn, answer in zip(turns, answers, strict=True)]
        order = sorted(range(len(screened)), key=lambda k: (round(screened[k][2], 6), k))[:_KEPT]
        made = []
        for k in order:
            whole = self._moving.act(torch.tensor(g), self._inputs)
            answer = self._evaluation(torch.einsum("cd,bd...->bc...", turns[k].to(whole), whole))
            made.append(self._fitted(g, turns[k], answer, len(self._inputs)))
        return sorted(made, key=lambda turn: round(turn[2], 6))

    def _fitted(self, g: int, turn: Tensor, answer: Tensor, count: int) -> Turn:
        """The exchange of outputs that fits best, with its defect."""
        before = self._outputs[:count]
        if self._plain is None:
            wrong = (answer - before).square().flatten(1).sum(1).mean()
            return turn, torch.eye(1, dtype=torch.float64), math.sqrt(float(wrong) / self._spread)
        from scipy.optimize import linear_sum_assignment  # type: ignore[attr-defined]  # its stubs

        before = self._plain.act(torch.tensor(g), before)
        cross = torch.einsum("bc...,bd...->cd", answer, before)
        squares = [y.square().transpose(0, 1).flatten(1).sum(1) for y in (answer, before)]
        cost = squares[0][:, None] + squares[1][None, :] - 2 * cross.abs()
        cost = cost - 1e-9 * float(cost.abs().max()) * torch.eye(len(cost), dtype=cost.dtype)
        here, comes = linear_sum_assignment(cost.numpy())
        out = torch.zeros_like(cost)
        out[here, comes] = torch.where(cross[here, comes] < 0, -1.0, 1.0).to(out)
        wrong = (answer - torch.einsum("cd,bd...->bc...", out, before)).square().flatten(1).sum(1).mean()
        return turn, out, math.sqrt(float(wrong) / self._spread)

    def _layouts(self, g: int) -> list[Tensor]:
        """The channels as scalars, pseudoscalars and vectors in every order, the plainest first."""
        matrix = self._group.defining_matrix(torch.tensor(g))
        mirrored = torch.linalg.det(matrix).round().reshape(1, 1)
        parts = {"s": torch.eye(1, dtype=torch.float64), "p": mirrored, "v": matrix}
        sizes = {kind: len(part) for kind, part in parts.items()}
        found: dict[bytes, Tensor] = {}
        words = itertools.islice(_words(self._inputs.shape[1], sizes), _MOST_LAYOUTS)
        for word in sorted(words, key=lambda word: (word.count("p"), word.count("v"))):
            turn = torch.block_diag(*(parts[kind] for kind in word))
            found.setdefault(turn.numpy().tobytes(), turn)
        return list(found.values())


def _words(channels: int, sizes: dict[str, int]) -> Iterator[str]:
    if not channels:
        yield ""
        return
    for kind, size in sizes.items():
        if size <= channels and not (size == 1 and kind == "v"):
            yield from (kind + rest for rest in _words(channels - size, sizes))


def _signed_exchanges(channels: int) -> list[Tensor]:
    """All signed permutation matrices."""
    made = []
    for places in itertools.permutations(range(channels)):
        for signs in itertools.product((1.0, -1.0), repeat=channels):
            turn = torch.zeros(channels, channels, dtype=torch.float64)
            turn[list(range(channels)), list(places)] = torch.tensor(signs, dtype=torch.float64)
            made.append(turn)
    return made
