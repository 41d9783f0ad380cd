"""The verb: a model whose weights are sparse from now on, in whatever loop it is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from haar.compress.sparse.densities import DENSITIES
from haar.compress.sparse.placement import Symmetry, placed
from haar.compress.sparse.regimes import Regime
from haar.compress.sparse.sparsifier import Sparsifier
from haar.compress.sparse.units import SCORES
from haar.errors import ArgumentError, check_count, known_keywords


@known_keywords
def sparsify(
    model: nn.Module | Mapping[str, nn.Module],
    regimes: Regime | Mapping[str, Regime | None],
    optimizers: torch.optim.Optimizer | Iterable[torch.optim.Optimizer] | None = (),
    *,
    steps: int,
    symmetry: Symmetry | None = None,
    seed: int = 0,
    densities: str = "erdos-renyi",
    score: str = "entry",
    state: Mapping[str, Any] | None = None,
) -> Sparsifier:
    """Put masks on a model's weights, which its training then keeps and changes.

    The model is the one that is trained, so its weights are written to: inactive ones are 0 from now on. Masked are
    weights of linear and convolutional layers and whatever else has two axes or more (biases, norms and embeddings are
    not), each in its units:

    - plain layers: every entry;
    - `haar.nn.Linear` and `haar.nn.Conv`: every coordinate, so that they stay exactly equivariant;
    - layers that tell their representations, as those that `haar.relax` wraps do: every orbit of entries;
    - layers in `symmetry`: every orbit of a weight that commutes with it, to which gradients and weights are held.

    Args:
        model: A module, or several by name.
        regimes: A regime for all, or regimes by patterns of names (``"critic.*"``), of which the first that fits
            decides; None for what stays dense, as what no pattern fits does.
        optimizers: Those of the masked parameters, to be attached now; others by `Sparsifier.attach`.
        steps: Number of steps that each optimiser will take.
        symmetry: Of layers by name the representations on input and output; or of parameters by name their `Units`.
        seed: Of all random choices. Processes that train together use the masks of the first.
        densities: How a regime's budget is shared among its layers: ``"erdos-renyi"``, or ``"uniform"``.
        score: How orbits of different sizes compete: by their ``"entry"``, or by the whole ``"orbit"``, whose score is
            the root of its size times larger.
        state: Of the masks of a training that goes on, for a model whose weights were loaded before. Without it the
            masks of the beginning clear weights; `Sparsifier.load_state_dict` and the weights may come after that.

    Returns:
        What holds the masks; part of a checkpoint.

    Raises:
        ArgumentError: If there is nothing to mask, a pattern or name fits nothing, a tensor is one of several layers,
            computed, or without orbits, an optimiser keeps no state of every entry, or the state is another's.
        ShapeError: If units do not fit their parameter.

    Example:
        >>> from haar.compress import Rigl
        >>> model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
        >>> optimizer = torch.optim.AdamW(model.parameters())
        >>> sparse = sparsify(model, Rigl(sparsity=0.9, every=10), optimizer, steps=50)
        >>> for _ in range(50):
        ...     optimizer.zero_grad()
        ...     model(torch.randn(8, 64)).square().mean().backward()
        ...     optimizer.step()
        >>> round(sparse.report().sparsity, 3)
        0.9
    """
    check_count("steps", steps)
    for argument, value, known in (("densities", densities, DENSITIES), ("score", score, SCORES)):
        if value not in known:
            raise ArgumentError(argument, expected=" or ".join(map(repr, known)), got=repr(value))
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ArgumentError("seed", expected="a whole number, which all processes know", got=repr(seed))
    rules: Any = {"*": regimes} if isinstance(regimes, Regime) else regimes
    if not isinstance(rules, Mapping) or not all(rule is None or isinstance(rule, Regime) for rule in rules.values()):
        got = type(regimes).__name__ if not isinstance(rules, Mapping) else "a mapping with something else"
        raise ArgumentError("regimes", expected="a regime, or a mapping of patterns to regimes or None", got=got)
    places, dense = placed(model, rules, symmetry or {})
    made = Sparsifier(places, dense, rules, steps=steps, seed=seed, densities=densities, score=score)
    made.begin(state)
    held: Any = () if optimizers is None else optimizers
    return made.attach(*(held if isinstance(held, Iterable) else [held]))
