"""The verb: conventions found from labelled data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.audit.batches import batches
from haar.audit.conventions.convention import Reading
from haar.audit.conventions.report import Choice, ConventionAudit
from haar.audit.conventions.search import Search
from haar.errors import ArgumentError, check_count, known_keywords
from haar.probing import given_data
from haar.seeding import generator_of

#: Fewer trajectories decide nothing: half fit the law, half are compared.
FEWEST = 8


@known_keywords
def audit_conventions(
    symmetry: Symmetry, data: Any, *, clusters: Any | None = None, max_samples: int = 64, seed: int = 0
) -> ConventionAudit:
    """Find out which conventions make data and their labels consistent: no model is asked.

    A local law is fitted to half of the trajectories as they are. The others are moved by elements of the group, inputs
    and labels, as each convention has it: under the right one the law predicts them as well as before. Looked at are
    the centring of a periodic grid, the order of components against the axes of the array, and the parity of every
    field. What the data do not tell is said: where a law is the same at every place, centring moves it along with
    everything else, and a group without reflections says nothing of parities.

    Args:
        symmetry: The group and the fields with the stated conventions, by `Symmetry.of_fields`.
        data: Inputs and labels: a pair of tensors or arrays, or batches of such, as `haar.audit` takes them.
        clusters: Which trajectory every row belongs to.
        max_samples: Stop after so many rows.
        seed: Of the points that are fitted.

    Returns:
        The audit: `.choices`, `.contradicted`, `.warning`, `.table()`, `.figure()`, `.save_html(path)`.

    Raises:
        ArgumentError: If the symmetry is none of named fields, or there are no labels or too few trajectories.

    Example:
        >>> from haar.groups import dihedral
        >>> x = torch.randn(32, 1, 8, 8, dtype=torch.float64)  # a stream function, and its velocity, y first
        >>> slope = [(x.roll(-1, axis) - x.roll(1, axis)) / 2 for axis in (2, 3)]
        >>> symmetry = Symmetry.of_fields(dihedral(4), "psi:pseudoscalar", outputs="u:vector")
        >>> report = audit_conventions(symmetry, (x, torch.cat([-slope[0], slope[1]], 1)))
        >>> [(one.question, one.found) for one in report.contradicted]
        [('order of components: u', 'reversed')]
    """
    check_count("max_samples", max_samples, least=FEWEST)
    reading = Reading(symmetry)
    rows: list[tuple[Tensor, Tensor, Tensor]] = []

    def identity(x: Tensor) -> Tensor:
        return x

    read = given_data(data, identity, symmetry)
    for batch in batches(read, clusters=clusters, max_samples=max_samples, symmetry=symmetry):
        if batch.labels is None:
            continue
        symmetry.check_inputs(batch.inputs)
        symmetry.check_outputs(batch.labels)
        marks = batch.clusters if not batch.numbered else torch.arange(len(batch.clusters)) + 10**6 * len(rows)
        rows.append((batch.inputs[0].double().cpu(), batch.labels.double().cpu(), marks.cpu()))
    if not rows:
        raise ArgumentError("data", expected="inputs and labels", got="no labels", way_out="give (inputs, labels)")
    found = compared(reading, *(torch.cat(side) for side in zip(*rows, strict=True)), seed=seed)
    if found is None:
        count = len(torch.cat([marks for *_, marks in rows]).unique())
        raise ArgumentError("data", expected=f"at least {FEWEST} independent trajectories", got=count)
    return found


def compared(reading: Reading, x: Tensor, y: Tensor, clusters: Tensor, *, seed: int = 0) -> ConventionAudit | None:
    """The audit of labelled rows, in float64; None where there are too few trajectories.

    Args:
        reading: What can be read.
        x: Inputs.
        y: Labels.
        clusters: The trajectory of every row.
        seed: Of the points that are fitted.
    """
    count = len(clusters.unique())
    if count < FEWEST:
        return None
    search = Search(reading, x, y, clusters, generator_of(seed))
    best, asked = search.run()
    choices = []
    for one in asked:
        names = [option.name for option in one.options]
        found = names[one.best] if one.decided else None
        errors = {option.name: option.error for option in one.options}
        choices.append(Choice(one.question, names[0], found, errors, one.deviation))
    sizes = [float(search.sizes(convention).mean()) for convention in (reading.stated, best)]
    return ConventionAudit(choices, reading.group.name, count, sizes[0], sizes[1])
