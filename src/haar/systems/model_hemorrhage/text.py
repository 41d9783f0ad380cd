"""Text: the topics of Python's own documentation, character by character."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.systems.model_hemorrhage.options import Characters
from haar.training import Plan, Run, seed_of
from haar.watch import Unwatched, Watch

CONTEXT = 64
_LEARNED = 0.9
_CLIP, _RATE, _SCALE = 1.0, 2e-3, 0.02


@dataclass(frozen=True)
class Text:
    """Characters as numbers.

    Attributes:
        learned: What networks learn from.
        held: What they are measured on.
        characters: Number of different ones.
    """

    learned: Int[Tensor, " n"]
    held: Int[Tensor, " m"]
    characters: int

    def drawn(self, count: int, seed: int) -> Int[Tensor, "count context"]:
        """Texts of what is held back."""
        generator = torch.Generator().manual_seed(seed)
        return windows(self.held, count, CONTEXT, generator)


@cache
def topics() -> Text:
    """The topics of Python's documentation, printable ASCII and ends of lines."""
    from pydoc_data import topics as documentation

    whole = "".join(documentation.topics.values())
    kept = "".join(c for c in whole if c == "\n" or (c.isascii() and c.isprintable()))
    number = {c: k for k, c in enumerate(sorted(set(kept)))}
    numbers = torch.tensor([number[c] for c in kept])
    learned = int(_LEARNED * len(numbers))
    return Text(numbers[:learned], numbers[learned:], len(number))


def windows(
    text: Int[Tensor, " n"], count: int, length: int, generator: torch.Generator
) -> Int[Tensor, "count length"]:
    """Pieces of a text from random places."""
    at = torch.randint(0, len(text) - length, (count, 1), generator=generator)
    return text[at + torch.arange(length)]


def trained(model: nn.Module, how: Characters, seed: int, watch: Watch = Unwatched()) -> nn.Module:
    """A network that has learned to say the next character, from small normal weights on.

    Args:
        model: The network.
        how: Steps and batches.
        seed: Of its first weights and of the batches.
        watch: Told of every step.
    """
    generator = torch.Generator().manual_seed(seed_of(seed, 0))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(_SCALE * torch.randn(parameter.shape, generator=generator))

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        texts = windows(topics().learned, how.batch_size, CONTEXT + 1, generator)
        return F.cross_entropy(model(texts[:, :-1]).flatten(0, 1), texts[:, 1:].flatten())

    plan = Plan(
        steps=how.steps, learning_rate=_RATE, schedule="cosine", optimizer="adamw", weight_decay=0.01, clip=_CLIP
    )
    Run(model.parameters(), loss, plan, seed=seed).train(watch)
    return model.eval()


def unigram() -> float:
    """Perplexity of the answer that does not look at the text: how often each character is."""
    found = topics()
    counts = torch.bincount(found.learned, minlength=found.characters).double() + 1
    shares = (counts / counts.sum()).log()
    return float((-shares[found.held].mean()).exp())
