"""The audit of one model, read batch by batch, merged over processes, and told as a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from matplotlib.axes import Axes
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.audit.batches import Batch, batches, count_batches
from haar.audit.closure import Closure, closed_elements
from haar.audit.conventions import ConventionAudit, LabelledRows
from haar.audit.findings import Findings, findings
from haar.audit.layers import LayerDefect
from haar.audit.legend import legend
from haar.audit.lie import LieDefect
from haar.audit.measure import OrbitMeter, audited_elements
from haar.audit.origin import origin
from haar.audit.recommendation import Recommendation, recommend
from haar.audit.sections import audit_sections, beside, draw_defects
from haar.audit.sharded import check_shard, read_sharded
from haar.audit.share import Share, ShareReader
from haar.audit.source import Source
from haar.audit.sums import OrbitSums
from haar.audit.worst import WorstSample, worst_section
from haar.errors import ArgumentError, check_count
from haar.moments import DistributionalDefect, InputLaw, symmetry_in_distribution
from haar.probing import given_data, undisturbed
from haar.probing.manners import check_call
from haar.processes import Ranks, ranks_of
from haar.report import Report, Section
from haar.watch import Unwatched, Watch

#: Groups of at most this order are audited element by element; of larger ones so many elements are drawn.
WHOLE_LIMIT = 64


class Audit(Report):
    """The audit of one model: update / merge / compute over float64 sums, then tables, a figure and a page.

    Args:
        model: Any module or callable.
        symmetry: How the group acts on its inputs and outputs.
        elements: As for `audit`.
        scale: As for `audit`.
        data_symmetry: Whether to test the symmetry of the inputs' distribution.
        bins: Most independent units (samples, trajectories) whose sums are kept apart, so that intervals can tell them
            from each other; by default as many as fit into some megabytes, at least 128. More share rows, turn by turn.
        micro_batch: Elements per forward pass, as for `audit`.
        significance: Level at which closure of the data is rejected (after Holm's correction).
        seed: Seed of drawn elements and of randomisation tests.

    Example:
        >>> import torch
        >>> from haar.groups import dihedral
        >>> model = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
        >>> report = Audit(model, Symmetry.of_fields(dihedral(4), "density"))
        >>> report.run(torch.randn(16, 1, 8, 8)).recommendation.verdict in {"average", "unclear", "do not"}
        True
    """

    kind = "audit"
    schema = 2  # of several outputs or fields, mse, gain and removed are in units of each one's own spread

    def __init__(
        self,
        model: Callable[..., Any],
        symmetry: Symmetry,
        *,
        elements: int | Tensor | None = None,
        scale: Any = None,
        data_symmetry: bool = True,
        bins: int | None = None,
        micro_batch: int | str = 1,
        significance: float = 0.05,
        seed: int = 0,
    ) -> None:
        check_call(model, symmetry)
        if not 0 < significance < 1:
            raise ArgumentError("significance", expected="a level between 0 and 1", got=significance)
        check_count("bins", 1 if bins is None else bins)
        self._model, self._symmetry, self.significance, self.seed = model, symmetry, significance, seed
        self._elements, self._kind = audited_elements(symmetry.group, elements, WHOLE_LIMIT, seed)
        self._scaled = scale is not None
        meter = OrbitMeter(model, symmetry, self._elements, scale=scale, capacity=bins, micro_batch=micro_batch)
        listed = closed_elements(symmetry.group, WHOLE_LIMIT) if data_symmetry else None
        self._reader = ShareReader(meter, symmetry, self._elements, listed)
        # What was read here, and what all processes read, once they have been gathered.
        self._own = self._reader.empty()
        self._all: Share | None = None
        self._computed: dict[tuple[float, int], Findings] = {}
        self.distribution: DistributionalDefect | None = None

    @property
    def model(self) -> Callable[..., Any]:
        """What is audited."""
        return self._model

    @property
    def symmetry(self) -> Symmetry:
        """How the group acts on its inputs and outputs."""
        return self._symmetry

    @property
    def elements(self) -> Tensor:
        """The elements that are looked at, the identity first."""
        return self._elements

    @property
    def elements_kind(self) -> str:
        """What they are: ``"whole"``, ``"drawn"`` or ``"given"``."""
        return self._kind

    @property
    def whole(self) -> bool:
        """Whether all elements of the group are looked at."""
        return self.elements_kind == "whole"

    @property
    def sums(self) -> OrbitSums | None:
        """The sums so far."""
        return self._told.sums

    @property
    def closure(self) -> Closure | None:
        """The sums of the data's features, where the data are tested."""
        return self._told.closure

    @property
    def layers(self) -> list[LayerDefect]:
        """What the first batch said of the layers."""
        return self._told.layers

    @property
    def lie(self) -> list[LieDefect]:
        """What the first batch said of the Lie algebra's generators."""
        return self._told.lie

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """Shape of one input."""
        return self._told.input_shape

    @property
    def worst(self) -> WorstSample | None:
        """The sample and the element with the largest difference, where fields can be shown."""
        return self._told.worst

    @property
    def conventions(self) -> ConventionAudit | None:
        """What the labels of the first reading said of the conventions."""
        return self._told.conventions

    @property
    def remarks(self) -> list[str]:
        """What could not be looked at as usual, and why."""
        return self._told.remarks

    @property
    def made_of(self) -> Mapping[str, object]:
        """Model, data, group and conventions."""
        return origin(self.model, self.symmetry, self._told, seed=self.seed, elements=self.elements_kind)

    @property
    def _told(self) -> Share:
        return self._own if self._all is None else self._all

    def update(self, batch: Batch) -> None:
        """Add one batch of data."""
        self._add(self._reader.read(batch))

    def _add(self, made: Share) -> None:
        self._computed.clear()
        self._own.add(made)
        if self._all is not None:
            self._all.add(made)

    def run(
        self,
        data: Any,
        *,
        batch_size: int = 8,
        clusters: Any | None = None,
        max_samples: int | None = None,
        layers: bool = True,
        watch: Watch = Unwatched(),
        fabric: Any | None = None,
        shard: str = "data",
        kept: Path | None = None,
    ) -> Audit:
        """Read data once, and look into the layers on the first batch.

        Args:
            data: Inputs, ``(inputs, labels)``, ``(inputs, labels, clusters)``, or an iterable of batches (see
                `haar.audit.batches`); graphs, atoms and dictionaries by name as in `haar.probing.given_data`.
            batch_size: Rows per batch, when data are tensors.
            clusters: Which trajectory every row belongs to, whole numbers or names: rows of one are not independent.
                Without them every row is one, and none is that of another audit.
            max_samples: Stop after so many rows.
            layers: Whether to look into the layers of the model.
            watch: Told of every batch.
            fabric: Several processes that divide the work, as for `audit`; likewise `shard` and `kept`.
            shard: See there.
            kept: See there.
        """
        check_shard(shard)
        with ranks_of(fabric) as ranks:
            if ranks is not None:
                source = Source(data, self.model, self.symmetry, batch_size, clusters, max_samples)
                self._computed.clear()
                self._own, self._all = read_sharded(
                    self._reader, source, ranks, seed=self.seed, layers=layers, shard=shard, kept=kept, watch=watch
                )
                return self
        data = given_data(data, self.model, self.symmetry)
        labelled = LabelledRows(self.symmetry)
        sizes: dict[str, Any] = {"batch_size": batch_size, "max_samples": max_samples, "symmetry": self.symmetry}
        with watch.stage(f"audit under {self.symmetry.group.name}", count_batches(data, **sizes)) as advance:
            for number, batch in enumerate(batches(data, clusters=clusters, **sizes)):
                made = self._reader.read(batch)
                if number == 0:
                    made.look_inside(self.model, self.symmetry, batch, layers=layers)
                self._add(made)
                labelled.add(batch)
                advance()
        self._own.conventions = self._own.conventions or labelled.report(self.seed)
        self._own.remark(labelled.remark)
        return self

    def follow(
        self,
        law: InputLaw,
        *,
        input_shape: Sequence[int] | None = None,
        order: int = 2,
        on_unsupported: str = "raise",
    ) -> Audit:
        """Follow a law through the model and compare the output's cumulants with their moved copies; returns self.

        Needs no data and no samples, and sees what no single input shows: a bias in the mean, a spread that depends on
        the direction.

        Args:
            law: Law of the flattened input, one that the group leaves alone.
            input_shape: Shape of one input without the batch axis; by default that of the data.
            order: 2 or 3.
            on_unsupported: What to do with parts that have no closed form, see `haar.moments.propagate`.

        Raises:
            ArgumentError: If the model is no module, or cannot be followed.

        Example:
            >>> import torch
            >>> from haar.groups import dihedral
            >>> from haar.moments import Gaussian
            >>> model = torch.nn.AvgPool2d(3, stride=1, padding=1)
            >>> report = Audit(model, Symmetry.of_fields(dihedral(4), "p", periodic=False))
            >>> report.follow(Gaussian(torch.zeros(16)), input_shape=(1, 4, 4)).distribution.worst < 1e-14
            True
        """
        if not isinstance(self.model, nn.Module):
            raise ArgumentError("model", expected="a torch module to follow a law through", got=repr(self.model))
        shape = self.input_shape if input_shape is None else input_shape
        with undisturbed(self.model), torch.no_grad():
            self.distribution = symmetry_in_distribution(
                self.model,
                self.symmetry,
                law,
                input_shape=shape,
                elements=self.elements,
                order=order,
                on_unsupported=on_unsupported,
            )
        return self

    def merge(self, other: Audit | Share) -> Audit:
        """Add the sums of an audit of the same model and symmetry over other samples; returns self.

        Rows that were given the same trajectory number in both are of one trajectory; rows without are never.

        Args:
            other: The other audit, or its `share`, as it crosses a process border.

        Raises:
            ArgumentError: If the audits looked at different elements, outputs or inputs.
        """
        if not isinstance(share := other.share() if isinstance(other, Audit) else other, Share):
            raise ArgumentError("other", expected="an audit, or its share()", got=type(other).__name__)
        self._add(share)
        return self

    def share(self) -> Share:
        """The sums alone, without the model: what another process needs."""
        return self._reader.empty().add(self._told)

    def gather(self) -> Audit:
        """Add up the sums of all processes of the `torch.distributed` group; every process gets the whole audit.

        All processes hold the same bits. What this process read stays its own: gathering again counts nothing twice.

        Raises:
            ArgumentError: If no process group is initialised.
        """
        if not (dist.is_available() and dist.is_initialized()):
            way_out = "call torch.distributed.init_process_group first, or merge shares yourself"
            raise ArgumentError("audit", expected="an initialised process group", got="none", way_out=way_out)
        with Ranks() as ranks:
            whole = ranks.joined(self._reader.empty().add(self._own), lambda one, other: one.add(other))
        self._computed.clear()
        self._all = whole
        return self

    @property
    def findings(self) -> Findings:
        """Everything computed from the sums.

        Raises:
            ArgumentError: If no data were given yet.
        """
        if (asked := (self.significance, self.seed)) not in self._computed:
            self._computed[asked] = self._compute()
        return self._computed[asked]

    def _compute(self) -> Findings:
        told = self._told
        if told.sums is None or told.outputs is None:
            raise ArgumentError("data", expected="at least one sample", got="none", way_out="call run or update first")
        tests = [] if told.closure is None else told.closure.tests(significance=self.significance, seed=self.seed)
        return findings(
            told.sums,
            told.outputs,
            self.symmetry,
            self.elements,
            kind=self.elements_kind,
            scaled=self._scaled,
            closure=tests,
            significance=self.significance,
            trajectories=0 if told.closure is None else told.closure.trajectories,
        )

    @property
    def recommendation(self) -> Recommendation:
        """What to do, in one sentence, with the evidence."""
        return recommend(self.findings, self.symmetry.group, self.elements, kind=self._kind, moved=self._told.moved)

    @property
    def title(self) -> str:  # type: ignore[override]
        """The page's heading."""
        return f"Does the model respect {self.symmetry.group.name}?"

    @property
    def summary(self) -> str:
        """The recommendation, and a warning where labels contradict the stated conventions."""
        wrong = "" if self.conventions is None else self.conventions.warning
        return f"{self.recommendation.sentence} {wrong}".strip()

    def contents(self) -> dict[str, Any]:
        """Everything that was found."""
        return {
            "group": self.symmetry.group.name,
            "order": self.symmetry.group.order,
            "whole_group": self.whole,
            "samples": self._told.seen,
            "recommendation": self.recommendation.to_dict(),
            **self.findings.to_dict(),
            "layers": [layer.to_dict() for layer in self.layers],
            "lie": [dict(defect.__dict__) for defect in self.lie],
            "distribution": None if self.distribution is None else self.distribution.contents(),
            "conventions": None if self.conventions is None else self.conventions.contents(),
            "remarks": list(self.remarks),
        }

    def sections(self) -> Sequence[Section]:
        """All tables and pictures."""
        group = self.symmetry.group
        told = audit_sections(
            self.findings, self.recommendation, group.name, self.layers, self.lie, remarks=self.remarks
        )
        if self.worst is not None and self._told.outputs is not None:
            name = group.describe(self.elements[self.worst.element])
            told.insert(1, worst_section(self.worst, self._told.outputs, self.symmetry, name))
        told += beside(self.conventions, self.distribution)
        return [*told, *legend(group, self.elements, [one.name for one in self.findings.components])]

    def draw(self, axes: Axes) -> None:
        """The relative defect of every element, on given axes."""
        draw_defects(axes, self.findings)

    def __str__(self) -> str:
        """As other reports, once there are samples."""
        return super().__str__() if self._told.seen else repr(self)

    def __repr__(self) -> str:
        return f"<Audit of {self.symmetry.group.name} over {self._told.seen} samples>"
