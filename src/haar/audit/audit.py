"""The verb: does a model respect a symmetry, where does it break, do the data have it, and what is to be gained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from haar.actions import Symmetry
from haar.audit.audited import Audit
from haar.errors import known_keywords
from haar.moments import InputLaw
from haar.watch import Unwatched, Watch


@known_keywords
def audit(
    model: Callable[..., Any],
    symmetry: Symmetry,
    data: Any,
    *,
    elements: int | Tensor | None = None,
    scale: Any = None,
    batch_size: int = 8,
    clusters: Any | None = None,
    max_samples: int | None = None,
    layers: bool = True,
    data_symmetry: bool = True,
    micro_batch: int | str = 1,
    significance: float = 0.05,
    seed: int = 0,
    watch: Watch = Unwatched(),
    law: InputLaw | None = None,
    fabric: Any | None = None,
    shard: str = "data",
    kept: Path | None = None,
) -> Audit:
    """Audit a model against a symmetry on data.

    Source: the orthogonal decomposition of the risk (Elesedy and Zaidi 2021; group averaging arXiv 2511.09573): on data
        that the
    group leaves invariant, and for an equivariant truth, averaging lowers the MSE by exactly ||f - Qf||^2, which needs
    no labels.

    Args:
        model: Any module or callable; evaluated in eval mode, never changed.
        symmetry: How the group acts on its inputs and outputs.
        data: A tensor or numpy array of inputs, a pair ``(inputs, labels)``, or an iterable of batches ``inputs``,
            ``(inputs, labels)`` or ``(inputs, labels, clusters)``, such as a `DataLoader`. A batch may also be a dict
            by the names of the model's arguments, with ``labels`` and ``clusters``; a graph or a batch of graphs of
            PyTorch Geometric; or ASE's `Atoms`, with the results of their calculators as labels.
        elements: None (the whole group up to order 64, else 63 random elements), a number of random elements, or
            elements.
        scale: One positive number per output channel by which errors are divided; of several outputs a tensor for each,
            in the outputs' containers. It must be invariant under the group: one number for all components of a vector.
            Without it several outputs or fields are measured each in its own spread.
        batch_size: Rows per batch, when data are tensors. Inputs without an axis of samples are one sample.
        clusters: Which trajectory every row belongs to, whole numbers or names: rows of one are not independent.
        max_samples: Stop after so many rows.
        layers: Whether to look into the layers of the model.
        data_symmetry: Whether to test the symmetry of the inputs' distribution.
        micro_batch: Elements per forward pass. By default one: batches of data fill the machine already, and the same
            seed gives the same bits. `"auto"` times it once, see `haar.average`.
        significance: Level of the tests.
        seed: Seed of everything random.
        watch: Told of every batch.
        law: A law of the flattened input that the group leaves alone: it is followed through the model (`Audit.follow`,
            order 2), and the output's cumulants are compared with their moved copies.
        fabric: A launched Lightning Fabric (or `haar.processes.Ranks`): every process makes this call with the same
            arguments, reads its own part of the data, and gets the whole audit, the one that a single process makes.
        shard: What the processes divide: ``"data"``, or ``"elements"`` for a large group on few samples.
        kept: Folder where the processes keep the sums of what they have finished, until the audit is complete: the
            same call goes on from there.

    Returns:
        The audit: `.recommendation`, `.findings`, `.layers`, `.lie`, `.to_dict()`, `.table()`, `.figure()`,
        `.save_html(path)`.

    Raises:
        ShapeError: If the data do not fit the symmetry.
        ArgumentError: If an option is out of range.
        DataError: If data contain NaN.
        LostRankError: If another process of the job fails or is lost.

    Example:
        >>> import torch
        >>> from haar.groups import dihedral
        >>> model = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
        >>> x = torch.randn(16, 1, 8, 8)
        >>> report = audit(model, Symmetry.of_fields(dihedral(4), "density"), (x, x))
        >>> len(report.findings.elements)
        7
    """
    report = Audit(
        model,
        symmetry,
        elements=elements,
        scale=scale,
        data_symmetry=data_symmetry,
        micro_batch=micro_batch,
        significance=significance,
        seed=seed,
    )
    report.run(
        data,
        batch_size=batch_size,
        clusters=clusters,
        max_samples=max_samples,
        layers=layers,
        watch=watch,
        fabric=fabric,
        shard=shard,
        kept=kept,
    )
    return report if law is None else report.follow(law)
