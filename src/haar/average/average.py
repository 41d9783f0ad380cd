"""The verb: make any trained model exactly symmetric, without training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from haar.actions import Symmetry
from haar.average.engine import Averaged
from haar.average.weighted import How, named
from haar.errors import ArgumentError

_MODE_DEPENDENT = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm, nn.RReLU)  # noqa: SLF001


def average(
    model: Callable[..., Any],
    symmetry: Symmetry,
    how: str | How = "orbit",
    *,
    micro_batch: int | str = "auto",
    memory_limit: int | None = None,
    window: Tensor | None = None,
) -> Averaged:
    """Average a model over a group: equivariant by construction, usable wherever the model was.

    The average over a full orbit is exactly equivariant (float64: to rounding), and on data whose distribution the group
    preserves its mean squared error is never larger than the model's. Where the data are not invariant it can hurt: run
    `haar.audit` first.

    Args:
        model: Any `torch.nn.Module` or callable; it is wrapped, not copied and not changed. Actions are in the units of its
            inputs and outputs: wrap normalisation inside the model, so that rotations act on physical units.
        symmetry: The group and how it acts on inputs and outputs.
        how: ``"orbit"`` (exact), ``"sampled"``, ``"quadrature"``, ``"quasirandom"``, or a strategy such as ``Sampled(m=4)``,
            ``Cosets(subgroup)``, ``Design(3)``, ``Given(elements, weights)``, ``Frame(choose)``.
        micro_batch: Elements per forward pass, or ``"auto"``: chosen by a one-off timing for each new shape. Fix a number for
            results that are the same to the last bit on every run.
        memory_limit: Bytes that one forward pass may use when the micro-batch is chosen.
        window: Weight of every output point, ``(*space)``, in the frame of the moved input (`haar.average.windowed`).

    Returns:
        A module with the model's own signature.

    Raises:
        ArgumentError: If the model is in train mode with dropout or batch norm (copies would interact), if the group is too
            large for a full orbit, or an option is unknown.

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
    refuse_train_mode(model)
    return Averaged(model, symmetry, named(how), micro_batch=micro_batch, memory_limit=memory_limit, window=window)


def refuse_train_mode(model: Callable[..., Any]) -> None:
    """Raise if a model in train mode has layers that make copies interact or differ.

    Raises:
        ArgumentError: Naming the first such layer.
    """
    if isinstance(model, nn.Module):
        for name, module in model.named_modules():
            if module.training and isinstance(module, _MODE_DEPENDENT):
                raise ArgumentError(
                    "model",
                    expected="eval mode",
                    got=f"{type(module).__name__} {name!r} in train mode, where copies of one input interact or differ",
                    way_out="call model.eval() first",
                )
