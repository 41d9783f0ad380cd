"""Perturbation of the way in which a model's answers are drawn, for models that generate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.compress.metrics import Metric, Seen
from haar.compress.perturbation import Perturbation
from haar.errors import ArgumentError, check_count
from haar.training import seed_of

if TYPE_CHECKING:
    from haar.compress.bench import Bench


@dataclass(frozen=True)
class Disagreement(Metric):
    """The share of generated tokens that are not those of the greedy answer, a row a prompt.

    Args:
        tokens: How many tokens follow a prompt.
        seed: Of the drawn answers.
    """

    tokens: int
    seed: int = 0
    name: ClassVar[str] = "disagreement"  # type: ignore[misc]
    needs: ClassVar[frozenset[str]] = frozenset()
    absolute: ClassVar[bool] = True

    def units(self, seen: Seen) -> Float[Tensor, "units columns"]:
        """Differing tokens and all tokens of every prompt; the first half of each text is the prompt."""
        check_generates(seen.model)
        prompt = _prompt(seen)
        found = [self._drawn(seen.model, prompt, temperature) for temperature in (0.0, _temperature(seen.model))]
        differ = (found[0] != found[1]).double()
        return torch.stack([differ.sum(1), torch.full_like(differ[:, 0], differ.shape[1])], 1)

    def _drawn(self, model: Any, prompt: Tensor, temperature: float) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(self.seed, 0))
            how = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
            found: Tensor = model.generate(
                prompt, min_new_tokens=self.tokens, max_new_tokens=self.tokens, attention_mask=torch.ones_like(prompt),
                pad_token_id=0, **how,
            )  # fmt: skip
        return found[:, prompt.shape[1] :]


def check_generates(model: object) -> None:
    """Refuse a model that cannot draw answers.

    Raises:
        ArgumentError: If it has no generate().
    """
    if not callable(getattr(model, "generate", None)):
        raise ArgumentError(
            "perturbations",
            expected="a model that generates, for 'decoding'",
            got=f"{type(model).__name__} without generate()",
        )


def _temperature(model: Any) -> float:
    return float(getattr(model, "_haar_temperature", 0.0))


def _prompt(seen: Seen) -> Tensor:
    batch = seen.batch
    tokens = batch.kwargs.get("input_ids", batch.args[0] if batch.args else None)
    if not isinstance(tokens, Tensor) or tokens.is_floating_point() or tokens.ndim != 2:
        raise ArgumentError("data", expected="batches of tokens for 'decoding'", got="other inputs")
    return tokens[:, : max(1, tokens.shape[1] // 2)]


@dataclass(frozen=True)
class Decoding(Perturbation):
    """Answers drawn at a temperature instead of the likeliest token; the level is the temperature.

    The weights stay. What is measured is the share of tokens that differ from the greedy answer.

    Args:
        tokens: How many tokens follow each prompt, which is the first half of a text.

    Example:
        >>> Decoding().metrics[0].name
        'disagreement'
    """

    tokens: int = 16
    name: ClassVar[str] = "decoding"  # type: ignore[misc]
    measure: ClassVar[str] = "temperature"
    levels: tuple[float | int, ...] = (0.25, 0.5, 1.0, 1.5)
    within: ClassVar[tuple[float, float]] = (0.0, 100.0)

    def __post_init__(self) -> None:
        check_count("tokens", self.tokens)

    @property
    def metrics(self) -> tuple[Metric, ...]:  # type: ignore[override]
        """Disagreement with the greedy answer."""
        return (Disagreement(self.tokens),)

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Set the temperature, until the bench is restored."""
        del seed
        check_generates(bench.model)
        object.__setattr__(bench.model, "_haar_temperature", level)
        bench.undo(lambda: object.__setattr__(bench.model, "_haar_temperature", 0.0))
