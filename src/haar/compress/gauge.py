"""gauge: does what a compression method gives depend on an accident of the parametrisation?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from haar.compress.batch import Batch, batches_of
from haar.compress.bench import Bench
from haar.compress.canonical import canonical_state
from haar.compress.catalogue import PERTURBATIONS, Wanted, perturbation_of, perturbations_of
from haar.compress.factors import State, everything, factors_of
from haar.compress.gauge_report import Gaps, GaugeAudit
from haar.compress.metrics import Asked, Metric, Seen, metrics_of
from haar.compress.perturbation import Perturbation
from haar.compress.sweep import check_calibration
from haar.compress.table import table_of
from haar.errors import ArgumentError, known_keywords
from haar.probing import KeptDouble, in_double_precision, undisturbed
from haar.seeding import check_seed, generator_of
from haar.watch import Unwatched, Watch
from haar.weights import Heads, ParameterAction
from haar.weights.bare import bare
from haar.weights.models import state_of, with_state

#: What a gauge audit asks for unless it is told: every method that has one setting for every model.
_LEFT_OUT = ("activations", "depth", "deepen (0)", "decoding", "2:4", "4:8", "2:4 (wanda)", "4:8 (wanda)")


@known_keywords
def gauge(
    model: nn.Module,
    perturbations: Wanted | None = None,
    metrics: Asked | None = None,
    data: Iterable[Any] | None = None,
    *,
    levels: Mapping[str, float | int] | None = None,
    calibration: Iterable[Any] | None = None,
    layers: Sequence[str] | None = None,
    action: ParameterAction | None = None,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> GaugeAudit:
    """Compress copies of a model that are one function in other parameters, and see whether they stay one function.

    Every factor of the gauge group (orders and scales of units, gains of norms, the inner maps of heads, the basis of
    the residual stream) is tried alone, then all at once with the canonical gauge before. All is computed in double
    precision, so that 0 means 0.

    Args:
        model: Any module whose units are known: `transformers`' GPT-2, Llama and ViT and their kin, or one that can be
            traced. It is not touched.
        perturbations: Names or perturbations; by default all that suit every model, those that need calibration only
            where there are data for it.
        metrics: What canonical and random gauges gain or lose by; the first one is told. By default as in `sweep`.
        data: Batches.
        levels: The level of each perturbation, by its name; by default the middle one of its own.
        calibration: Batches for perturbations that look at inputs or gradients.
        layers: Patterns of names of the layers that are compressed.
        action: The table of the model's parameters; by default it is found.
        seed: Of the elements and of whatever is random.
        watch: Told of every perturbation.

    Raises:
        ArgumentError: If the model's table cannot be found, or as in `sweep`.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
        >>> found = gauge(model, ["magnitude"], None, [torch.randn(20, 3)])
        >>> found.gap("magnitude", "units: order") < 1e-10 < found.gap("magnitude", "units: scale")
        True
        >>> found.canonical_gap("magnitude") < 1e-8
        True
    """
    if data is None:
        raise ArgumentError("data", expected="batches", got="None")
    model = bare(model)
    batches = [_double(batch) for batch in batches_of(data, model=model)]
    calibrating = (
        [] if calibration is None else [_double(b) for b in batches_of(calibration, "calibration", model=model)]
    )
    table = action or table_of(model, batches_of(data, model=model)[0])
    wanted = _wanted(perturbations, table, calibrated=bool(calibrating))
    check_calibration(wanted, calibration)
    at = _levels(levels, wanted)
    metric = metrics_of(metrics, batches[0])[0]
    check_seed(seed)
    audit = _Audit(model, table, _Setting(batches, calibrating, layers, seed), metric)
    rows = []
    with watch.stage("gauge audit", len(wanted)) as advance:
        for one in wanted:
            rows.append(audit.row(one, at[one.name]))
            advance()
    return GaugeAudit(
        type(model).__name__,
        metric.name,
        metric.absolute,
        audit.dense,
        {factor.name: factor.group for factor in audit.factors},
        tuple(rows),
        audit.undetermined,
        audit.moved,
    )


@known_keywords
def orbit_gap(
    model: nn.Module,
    perturbation: str | Perturbation,
    data: Iterable[Any],
    *,
    level: float | int | None = None,
    factor: str | None = None,
    calibration: Iterable[Any] | None = None,
    layers: Sequence[str] | None = None,
    action: ParameterAction | None = None,
    seed: int = 0,
) -> float:
    """|f_compressed(theta) - f_compressed(g theta)| / |f_compressed(theta)| for a random g of the gauge group.

    Args:
        model: The model.
        perturbation: A name or a perturbation.
        data: Batches.
        level: Its level; by default the middle one of its own.
        factor: The factor that g is of; by default all of them at once.
        calibration: Batches for perturbations that look at inputs or gradients.
        layers: Patterns of names of the layers that are compressed.
        action: The table of the model's parameters.
        seed: Of g.

    Raises:
        ArgumentError: If there is no factor of that name, or as in `gauge`.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
        >>> orbit_gap(model, "magnitude", [torch.randn(20, 3)], factor="units: order") < 1e-10
        True
    """
    model, batches = bare(model), batches_of(data, model=model)
    table = action or table_of(model, batches[0])
    one = perturbation_of(perturbation)
    check_calibration([one], calibration)
    calibrating = (
        [] if calibration is None else [_double(b) for b in batches_of(calibration, "calibration", model=model)]
    )
    check_seed(seed)
    setting = _Setting([_double(batch) for batch in batches], calibrating, layers, seed)
    audit = _Audit(model, table, setting, metrics_of(["drift"], batches[0])[0])
    return audit.gap(one, one.levels[len(one.levels) // 2] if level is None else one.check(level), factor)


def _levels(levels: Mapping[str, float | int] | None, wanted: Sequence[Perturbation]) -> dict[str, float]:
    """The level of each perturbation: what is asked for by its name, else the middle one of its own."""
    names = [one.name for one in wanted]
    given = levels if isinstance(levels, Mapping) or levels is None else [levels]
    for name in given or ():
        if name not in names:
            expected = f"one level for a perturbation, by names among {', '.join(names)}"
            raise ArgumentError("levels", expected=expected, got=repr(name))
    return {one.name: one.check((levels or {}).get(one.name, one.levels[len(one.levels) // 2])) for one in wanted}


@dataclass(frozen=True)
class _Setting:
    """What copies are compressed with, and run on."""

    batches: Sequence[Batch]
    calibration: Sequence[Batch]
    layers: Sequence[str] | None
    seed: int


class _Audit:
    """A model in double precision, and its copies."""

    def __init__(self, model: nn.Module, table: ParameterAction, setting: _Setting, metric: Metric) -> None:
        self.table, self.setting, self.metric = table, setting, metric
        self.model = in_double_precision(with_state(model, state_of(model, "model"))).eval()
        self.factors = factors_of(table)
        self.state = {name: value.detach() for name, value in self.model.state_dict().items()}
        table.check(self.state)
        seeded = generator_of(setting.seed + 1)
        self._moved = everything(table, self.state, seeded)
        self._canonical, self.undetermined = canonical_state(table, self.state)
        self._own_basis, _ = canonical_state(table, self.state, residual="none")
        self._twin, _ = canonical_state(table, self._moved)
        self._copies = self._moved_by_factors()
        dense = self._run(None, 0.0, self.state)
        self._dense = dense
        self.dense = self._value(dense)
        self.moved = max(_far(self._run(None, 0.0, state), dense) for state in (self._moved, self._canonical))

    def _moved_by_factors(self) -> dict[str, tuple[dict[str, Tensor], dict[str, Tensor]]]:
        """For each factor what it starts from, and that moved."""
        found = {}
        for number, factor in enumerate(self.factors):
            base = factor.base(self.state)
            found[factor.name] = base, factor.draw(base, generator_of(self.setting.seed + 2 + number))
        return found

    def gap(self, one: Perturbation, level: float, factor: str | None) -> float:
        """The orbit gap of one factor, or of all."""
        if factor is None:
            return _far(self._run(one, level, self._moved), self._run(one, level, self.state))
        if factor not in self._copies:
            known = ", ".join(self._copies)
            raise ArgumentError("factor", expected=f"one of {known}", got=repr(factor))
        base, moved = self._copies[factor]
        return _far(self._run(one, level, moved), self._run(one, level, base))

    def row(self, one: Perturbation, level: float) -> Gaps:
        """All gaps of one perturbation, and what it costs in each gauge."""
        raw = self._run(one, level, self.state)
        plain = None
        gaps: dict[str, float] = {}
        values = {"as it came": self._value(raw)}
        for factor in self.factors:
            base, moved = self._copies[factor.name]
            if factor.base is dict:
                before = raw
            else:
                plain = self._run(one, level, base) if plain is None else plain
                before = plain
            after = self._run(one, level, moved)
            gaps[factor.name] = _far(after, before)
            if factor.name == "residual stream":
                values["stream rotated"] = self._value(after)
        canonical, twin = (self._run(one, level, state) for state in (self._canonical, self._twin))
        values["random gauge"] = self._value(self._run(one, level, self._moved))
        values["canonical, own basis"] = self._value(self._run(one, level, self._own_basis))
        values["canonical"] = self._value(canonical)
        return Gaps(one.name, one.measure, level, gaps, _far(twin, canonical), values)

    def _run(self, one: Perturbation | None, level: float, state: State) -> list[Tensor]:
        """What a copy with other parameters answers once it was compressed."""
        made = with_state(self.model, state)
        bench = Bench(made, layers=self.setting.layers, calibration=self.setting.calibration, action=self.table)
        with KeptDouble(), torch.no_grad(), undisturbed(bench.model):
            if one is not None:
                one.apply(bench, level, self.setting.seed)
            return [batch.run(bench.model) for batch in self.setting.batches]

    def _value(self, outputs: Sequence[Tensor]) -> float:
        """The metric of some answers."""
        dense = self._dense if hasattr(self, "_dense") else outputs
        rows = [
            self.metric.units(Seen(self.model, batch, found, before))
            for batch, found, before in zip(self.setting.batches, outputs, dense, strict=True)
        ]
        return float(self.metric.value(torch.cat(rows).sum(0)))


def _wanted(wanted: Wanted | None, table: ParameterAction, *, calibrated: bool) -> tuple[Perturbation, ...]:
    if wanted is not None:
        return perturbations_of(wanted)
    heads = any(isinstance(site, Heads) for site in table.sites.values())
    found = [made() for name, made in PERTURBATIONS.items() if name not in _LEFT_OUT and "inputs" not in name]
    return tuple(one for one in found if (calibrated or not one.calibrated) and (heads or one.name != "heads"))


def _far(there: Sequence[Tensor], here: Sequence[Tensor]) -> float:
    apart = sum(float((x - y).abs().square().sum()) for x, y in zip(there, here, strict=True))
    size = sum(float(y.abs().square().sum()) for y in here)
    return float((apart / size) ** 0.5 if size else apart**0.5)


def _double(batch: Batch) -> Batch:
    def wide(x: Any) -> Any:
        return x.double() if isinstance(x, Tensor) and x.is_floating_point() else x

    kwargs = {name: wide(x) for name, x in batch.kwargs.items()}
    return replace(batch, args=tuple(map(wide, batch.args)), kwargs=kwargs, target=wide(batch.target))
