"""The verb: make any trained model exactly symmetric, without training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from haar.actions import Symmetry
from haar.average.engine import Averaged
from haar.average.quadrature import Quadrature, QuasiRandom
from haar.average.sampled import Sampled
from haar.average.weighted import How, Orbit
from haar.errors import ArgumentError, known_keywords
from haar.probing.manners import check_call, mode_dependent_layers, refuse_train_mode

_NAMED: dict[str, Callable[[], How]] = {
    "orbit": Orbit,
    "sampled": lambda: Sampled(8),
    "quadrature": lambda: Quadrature(4),
    "quasirandom": lambda: QuasiRandom(8),
}


@known_keywords
def average(
    model: Callable[..., Any],
    symmetry: Symmetry,
    how: str | How = "orbit",
    *,
    micro_batch: int | str = "auto",
    memory_limit: int | None = None,
    window: Tensor | str | None = None,
    share_stabilisers: bool = False,
    check: bool = True,
) -> Averaged:
    """Average a model over a group: equivariant by construction, usable wherever the model was.

    The average over a full orbit is exactly equivariant (float64: to rounding), and on data whose distribution the
    group preserves its mean squared error is never larger than the model's. Where the data are not invariant it can
    hurt: run `haar.audit` first.

    Args:
        model: Any `torch.nn.Module` or callable; it is wrapped, not copied and not changed. Actions are in the units of
            its inputs and outputs: wrap normalisation inside the model, so that rotations act on physical units.
        symmetry: The group and how it acts on inputs and outputs.
        how: ``"orbit"`` (exact), ``"sampled"``, ``"quadrature"``, ``"quasirandom"``, or a strategy such as
            ``Sampled(m=4)``, ``Cosets(subgroup)``, ``Design(3)``, ``Given(elements, weights)``, ``Frame(choose)``.
        micro_batch: Elements per forward pass, or ``"auto"``: chosen by a one-off timing for each new shape. Fix a
            number for results that are the same to the last bit on every run. Compiled and saved models take all
            elements in one pass under ``"auto"``. Copies are joined only where a trial shows that samples of one batch
            leave each other alone; otherwise elements run one by one, or a given number is refused.
        memory_limit: Bytes that one forward pass may use when the micro-batch is chosen; by default a quarter of what
            is free.
        window: Weight of every output point in the frame of the moved input: ``"hann"``, ``"triangle"`` or a tensor
            ``(*space)``, see `haar.average.hann_window`. For models that are worse near the border.
        share_stabilisers: Run inputs that an element leaves as they are only once. The value is the same; it pays where
            inputs are exactly symmetric.
        check: Refuse a model that is stochastic or keeps state, tried at the first call of every shape on these inputs
            and on inputs of our own. Without it a given `micro_batch` is taken on trust.

    Returns:
        A module with the model's own signature.

    Raises:
        ArgumentError: If the model is in train mode with dropout or batch norm (copies would interact), if the group is
            too large for a full orbit, or an option is unknown. Called, the average refuses a model that is stochastic
            or writes into its inputs.

    Example:
        >>> import torch
        >>> from haar.actions import Symmetry
        >>> from haar.groups import dihedral
        >>> model = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular", dtype=torch.float64)
        >>> symmetric = average(model, Symmetry.of_fields(dihedral(4), "density"))
        >>> x = torch.randn(1, 1, 8, 8, dtype=torch.float64)
        >>> bool((symmetric(x.rot90(1, (2, 3))) - symmetric(x).rot90(1, (2, 3))).abs().max() < 1e-12)
        True
    """
    check_call(model, symmetry)
    refuse_train_mode(mode_dependent_layers(model))
    return Averaged(
        model,
        symmetry,
        named(how),
        micro_batch=micro_batch,
        memory_limit=memory_limit,
        window=window,
        share_stabilisers=share_stabilisers,
        check=check,
    )


def named(how: str | How) -> How:
    """A strategy from its name.

    Raises:
        ArgumentError: If the name is unknown.
    """
    if isinstance(how, How):
        return how
    if not isinstance(how, str) or how not in _NAMED:
        raise ArgumentError(
            "how", expected=f"one of {', '.join(_NAMED)}, or a strategy such as Sampled(m=4)", got=repr(how)
        )
    return _NAMED[how]()
