"""What must come out, judged on the measures of all seeds; each seed is a pair of networks trained apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haar.systems.claim import Claim, over

Measures = Mapping[str, Any]
_GLMC = "GLMC, table 2"
_OWN = "our first run"
#: Names of the transformers.
NAMES = {"llama": "Llama", "gpt2": "GPT-2", "vit": "ViT"}


def height(pair: Measures, rung: str) -> float:
    """A pair's barrier on a rung."""
    return float(pair["lines"][rung]["barrier"])


def widest(perceptrons: Measures) -> Measures:
    """The pair of the widest perceptrons."""
    return max(perceptrons.values(), key=lambda pair: float(pair["width"]))  # type: ignore[no-any-return]


def narrowest(perceptrons: Measures) -> Measures:
    """The pair of the narrowest."""
    return min(perceptrons.values(), key=lambda pair: float(pair["width"]))  # type: ignore[no-any-return]


def ratio(upper: Callable[[Measures], float], lower: Callable[[Measures], float]) -> Callable[[Measures], float]:
    """One barrier over another of the same pair."""
    return lambda pair: upper(pair) / lower(pair)


def rung(name: str) -> Callable[[Measures], float]:
    """The barrier of a rung."""
    return lambda pair: height(pair, name)


def _ladder(name: str, part: tuple[str, str]) -> tuple[Claim, ...]:
    """Each rung has a lower barrier than the one before."""
    least = ratio(
        rung("learned orthogonal"), lambda pair: min(height(pair, "orthogonal"), height(pair, "learned permutation"))
    )
    told = {
        "permutations": (
            f"{name}: matching by permutations lowers the barrier of plain averages (ratio)",
            _GLMC,
            ratio(rung("permutation"), rung("vanilla")),
            1.0,
        ),
        "rotations": (
            f"{name}: matching by orthogonal maps lowers it further than permutations (ratio)",
            _GLMC,
            ratio(rung("orthogonal"), rung("permutation")),
            1.0,
        ),
        "learned rotations": (
            (
                f"{name}: learned orthogonal maps have at most half the least barrier of matched ones and learned "
                "permutations"
            ),
            f"{_GLMC}: 0.02 to 0.42; {_OWN}",
            least,
            0.5,
        ),
        "learned rotations and permutations": (
            "... and at most 0.35 of what permutations leave (ratio)",
            _OWN,
            ratio(rung("learned orthogonal"), rung("permutation")),
            0.35,
        ),
    }
    return tuple(
        Claim(f"{name}: {key}", claim, source, statistic, at_most=bound, part=part)
        for key, (claim, source, statistic, bound) in told.items()
    )


def _exact(name: str, part: tuple[str, str]) -> tuple[Claim, ...]:
    """What holds of every pair to rounding."""
    told = {
        "no function is changed": (
            f"{name}: an aligned network's outputs are its own (largest relative change, double precision)",
            "by construction",
            "moved",
            1e-10,
        ),
        "single precision": ("... and in the precision that it was trained in", "rounding", "moved_single", 1e-4),
        "planted elements": (
            f"{name}: a network moved by a random element of its whole symmetry is found again (relative distance)",
            _OWN,
            "planted",
            1e-5,
        ),
    }
    return tuple(
        Claim(f"{name}: {key}", claim, source, _number(read), at_most=bound, every=True, part=part)
        for key, (claim, source, read, bound) in told.items()
    )


def _number(key: str) -> Callable[[Measures], float]:
    return lambda pair: pair[key]  # type: ignore[no-any-return]


def _transformer(key: str) -> tuple[Claim, ...]:
    """The claims about one kind of transformer."""
    name, part = NAMES[key], ("transformers", key)
    learned = Claim(
        f"{name}: it has learned",
        f"{name}: both networks are better than the best answer that does not look at the input (loss over its loss)",
        "baseline",
        worse_over_baseline,
        at_most=0.9,
        every=True,
        part=part,
    )
    return (learned, *_ladder(name, part), *_exact(name, part))


def worse_over_baseline(pair: Measures) -> float:
    """The greater loss of the two networks, over that of the best answer that does not look at the input."""
    losses = pair["lines"]["vanilla"]["losses"]
    return float(max(losses[0], losses[-1]) / pair["baseline"])


CLAIMS = (
    Claim(
        "perceptrons: they have learned",
        "both perceptrons are better than the best answer that does not look at the input (loss over its loss)",
        "baseline",
        lambda m: worse_over_baseline(widest(m)),
        at_most=0.5,
        every=True,
        part="perceptrons",
    ),
    Claim(
        "perceptrons: weights",
        "weight matching leaves at most 0.05 of the barrier of plain averages (ratio)",
        f"Git Re-Basin; {_OWN}: 0.01",
        lambda m: height(widest(m), "weights") / height(widest(m), "vanilla"),
        at_most=0.05,
        part="perceptrons",
    ),
    Claim(
        "perceptrons: activations",
        "matching activations lowers it too (ratio)",
        "Git Re-Basin, section 3.1",
        lambda m: height(widest(m), "activations") / height(widest(m), "vanilla"),
        at_most=1.0,
        part="perceptrons",
    ),
    Claim(
        "perceptrons: width",
        "the barrier after matching falls with the width (widest over narrowest)",
        "Git Re-Basin, figure 4",
        lambda m: height(widest(m), "weights") / height(narrowest(m), "weights"),
        at_most=1.0,
        part="perceptrons",
        when=lambda m: len(m) > 1,
    ),
    Claim(
        "perceptrons: planted elements",
        "a perceptron whose units were exchanged is found again (relative distance)",
        _OWN,
        lambda m: over(m, lambda pair: pair["planted"]),
        at_most=1e-5,
        every=True,
        part="perceptrons",
    ),
    Claim(
        "perceptrons: split data",
        "of two that learned from disjoint halves, matching lowers the barrier too (ratio)",
        "Git Re-Basin, section 5.4",
        lambda m: height(m, "weights") / height(m, "vanilla"),
        at_most=0.5,
        part=("halves", "perceptrons"),
    ),
    *(claim for key in NAMES for claim in _transformer(key)),
)
