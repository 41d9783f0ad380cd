"""What the networks learn: the next character of Python's own library, and handwritten digits."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.data.digits import handwritten_digits
from haar.errors import DataError
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama, SmallViT

#: Characters of text; printable ones of ASCII and the end of a line; characters that a network sees at once.
_TEXT, CHARACTERS, CONTEXT = 1_500_000, 96, 32
_LEARNED = 0.9
_DIGITS_LEARNED = 1200
#: Noise on pixels, and how far an image is rolled: more images than there are, for transformers.
_NOISE = 0.1


@dataclass(frozen=True)
class Task:
    """What is learned, and by which network.

    Attributes:
        made: Makes a network with torch's global random state.
        batch: Draws a batch to learn from.
        test: The first so many samples that none was learned from.
        loss: Of a network and a batch.
        baseline: Loss of the best answer that does not look at the input, on the samples not learned from.
    """

    made: Callable[[], nn.Module]
    batch: Callable[[int, torch.Generator], Any]
    test: Callable[[int], Any]
    loss: Callable[..., Tensor]
    baseline: float


@cache
def text() -> Int[Tensor, " characters"]:
    """Python's own library as one text, as numbers of characters.

    Raises:
        DataError: If the library's sources are not there.
    """
    found, size = [], 0
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        written = path.read_text(encoding="utf-8", errors="ignore")
        found.append(written)
        size += len(written)
        if size > _TEXT:
            break
    if size < _TEXT // 3:
        raise DataError("the sources of Python's standard library: expected 500000 characters and more, got fewer")
    return torch.tensor([_code(c) for c in "".join(found)[:_TEXT]])


def _code(character: str) -> int:
    """A character's number: ends of lines first, then ASCII; anything else is a space."""
    if character == "\n":
        return 0
    return ord(character) - 31 if 32 <= ord(character) < 127 else 1


def next_character(made: Callable[[], nn.Module]) -> Task:
    """Learn the next character of a text.

    Args:
        made: Makes a network.
    """
    whole = text()
    cut = int(_LEARNED * len(whole))
    learned, rest = whole[:cut], whole[cut:]

    def windows(source: Tensor, starts: Tensor) -> Tensor:
        return source[starts[:, None] + torch.arange(CONTEXT + 1)]

    def batch(size: int, generator: torch.Generator) -> Tensor:
        return windows(learned, torch.randint(len(learned) - CONTEXT, (size,), generator=generator))

    def test(size: int) -> Tensor:
        return windows(rest, torch.linspace(0, len(rest) - CONTEXT - 1, size).long())

    def loss(model: Callable[..., Tensor], tokens: Tensor) -> Tensor:
        return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

    counts = torch.bincount(learned, minlength=CHARACTERS).double() + 1
    baseline = -(counts / counts.sum()).log()[rest].mean()
    return Task(made, batch, test, loss, float(baseline))


def handwritten(made: Callable[[], nn.Module], *, half: int | None = None, images: bool = False) -> Task:
    """Learn to read digits.

    Args:
        made: Makes a network.
        half: Learn from the first or the second half of the samples (0 or 1) alone.
        images: Whether the network takes images; these are rolled and made noisy.
    """
    x, y = handwritten_digits()
    begin, end = (
        (0, _DIGITS_LEARNED) if half is None else (half * _DIGITS_LEARNED // 2, (half + 1) * _DIGITS_LEARNED // 2)
    )

    def shaped(pixels: Tensor) -> Tensor:
        return pixels.reshape(-1, 1, 8, 8) if images else pixels

    def batch(size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        rows = torch.randint(begin, end, (size,), generator=generator)
        pixels = shaped(x[rows])
        if images:
            by = [int(n) for n in torch.randint(-1, 2, (2,), generator=generator)]
            pixels = pixels.roll(by, (2, 3)) + _NOISE * torch.randn(pixels.shape, generator=generator)
        return pixels, y[rows]

    def test(size: int) -> tuple[Tensor, Tensor]:
        rows = slice(_DIGITS_LEARNED, _DIGITS_LEARNED + size)
        return shaped(x[rows]), y[rows]

    def loss(model: Callable[..., Tensor], both: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(both[0]), both[1])

    return Task(made, batch, test, loss, float(torch.tensor(10.0).log()))


def perceptron(width: int) -> nn.Module:
    """Two hidden layers of a number of ReLU units."""
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


TRANSFORMERS: dict[str, Callable[[], Task]] = {
    "llama": lambda: next_character(
        lambda: SmallLlama(LlamaSizes(CHARACTERS, layers=2, dim=64, heads=4, groups=2, hidden=160))
    ),
    "gpt2": lambda: next_character(lambda: SmallGPT2(CHARACTERS, CONTEXT, layers=2, dim=64, heads=4, hidden=256)),
    "vit": lambda: handwritten(
        lambda: SmallViT(8, 2, 10, layers=2, dim=64, heads=4, hidden=128, channels=1), images=True
    ),
}
"""Transformers by name."""
