"""One call of every verb on the faces, with default arguments, on a model that would show any mark that is left."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import haar.audit
import haar.average
import haar.check
import haar.compress
import haar.discover
import haar.moments
import haar.nn
import haar.relax
import haar.testing
import haar.weights
from haar.actions import Defining, Regular, Symmetry, Vector
from haar.data import Trajectories
from haar.data.well.examples import small_well
from haar.groups import SO, cyclic
from haar.moments import Gaussian

F64 = torch.float64
FACES = (
    haar.nn,
    haar.average,
    haar.relax,
    haar.moments,
    haar.audit,
    haar.testing,
    haar.compress,
    haar.check,
    haar.discover,
)
C4 = cyclic(4)
TURNED = Symmetry(C4, Vector(Defining(C4)), Vector(Defining(C4)))
PLANE = SO(2)
ROTATED = Symmetry(PLANE, Vector(Defining(PLANE)), Vector(Defining(PLANE)))
LAW = Gaussian(torch.zeros(2, dtype=F64))
mse = nn.functional.mse_loss


class Marked(nn.Module):
    """Counts its calls, draws random numbers that it does not use, and holds a frozen batch norm while it trains."""

    def __init__(self, *, frozen: bool = True) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.linear = nn.Linear(2, 2, dtype=F64)
        with torch.no_grad():
            self.linear.weight.copy_(torch.randn(2, 2, generator=generator, dtype=F64))
        self.norm = nn.BatchNorm1d(2, dtype=F64)
        self.register_buffer("calls", torch.zeros(()))
        self.linear.weight.grad = torch.ones(2, 2, dtype=F64)
        self.handle = self.linear.register_forward_hook(lambda *_: None)
        self.train()
        if frozen:
            self.norm.eval()

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        torch.rand(1), np.random.rand(), random.random()  # noqa: NPY002
        return self.norm(self.linear(x)).tanh()


def plain() -> nn.Module:
    """What a law can be followed through, and what layers can be rewritten of."""
    return nn.Sequential(_linear(2, 5), nn.Tanh(), _linear(5, 2))


def _linear(n: int, m: int) -> nn.Linear:
    layer = nn.Linear(n, m, dtype=F64)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(n), dtype=F64))
    return layer


def averaged() -> nn.Module:
    return haar.average.average(_linear(2, 2), TURNED)


def relaxed() -> nn.Module:
    return haar.relax.homotopise(plain(), TURNED)


def branched() -> nn.Module:
    class Branched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.side = haar.relax.SideBranch(_linear(2, 2))

        def forward(self, x: Tensor) -> Tensor:
            return self.side(x * x.norm(dim=-1, keepdim=True), x)

    return Branched()


def regular() -> nn.Module:
    rep = Regular(C4)
    return nn.Sequential(haar.nn.Linear(rep, rep, dtype=F64), nn.ReLU())


def _saved(model: Any, x: Tensor) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        return haar.average.save(model, (x[:2],), Path(folder) / "model.pt2")


def _written(model: Any, x: Tensor) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return str(haar.average.write_average(model, TURNED, x[:1], Path(folder) / "model.pt2"))


def _student(model: Any, x: Tensor) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        return haar.average.write_student(model, x[:2], Path(folder) / "student.pt2")


def _evaluated(model: Any, _: Tensor) -> Any:
    fields = Symmetry.of_fields("D4", "tracer, velocity:vector", centring="node")
    with small_well() as root:
        return haar.average.evaluate(model, fields, Trajectories(root, dtype=F64), windows=["1"], draws=10).to_dict()


def _measured(model: Any, x: Tensor) -> Any:
    metric = haar.audit.defect_metric(model, TURNED)
    metric.update(x)
    return metric.compute()


def _followed(model: Any, x: Tensor) -> Any:
    return haar.testing.assert_function_preserved(model, haar.weights.traced(model, x), x)


def _paired(model: Any, x: Tensor) -> Any:
    linear = haar.discover.Linear()
    return haar.discover.pairs(torch.cat([x, -x]), torch.cat([x, x]), model=model, dictionary=linear).to_dict()


#: Verb: the model that it is given, and the call.
VERBS: dict[str, tuple[Callable[[], Any], Callable[[Any, Tensor], Any]]] = {
    "average": (Marked, lambda f, _: haar.average.average(f, TURNED)),
    "anytime": (Marked, lambda f, _: haar.average.anytime(f, TURNED)),
    "soft": (plain, lambda f, x: haar.average.soft(f, TURNED, [(x, x)], draws=10)),
    "select": (plain, lambda f, x: haar.average.select(f, TURNED, x, share=0.9)),
    "fold": (averaged, lambda f, _: haar.average.fold(f)),
    "save": (averaged, _saved),
    "write_average": (plain, _written),
    "write_student": (plain, _student),
    "distil": (averaged, lambda f, x: haar.average.distil(f, x, steps=2)),
    "evaluate": (lambda: nn.Conv2d(3, 3, 1, dtype=F64), _evaluated),
    "difference": (averaged, lambda f, x: haar.average.difference(f, f, x)),
    "standard_error": (averaged, haar.average.standard_error),
    "homotopise": (plain, lambda f, _: haar.relax.homotopise(f, TURNED)),
    "enforce": (plain, lambda f, _: haar.relax.enforce(f, TURNED)),
    "relax": (plain, lambda f, _: haar.relax.relax(f, TURNED, steps=30)),
    "loss_share": (Marked, lambda f, x: haar.relax.loss_share(f, TURNED, x, x)),
    "score_test": (relaxed, lambda f, x: haar.relax.score_test(f, mse, x, x, draws=39)),
    "tension": (relaxed, lambda f, x: haar.relax.tension(f, mse, x, x)),
    "diagnose": (relaxed, lambda f, x: haar.relax.diagnose(f, mse, x, x, draws=39)),
    "lie_errors": (Marked, lambda f, x: haar.relax.lie_errors(f, x, symmetry=ROTATED)),
    "bounds": (relaxed, lambda f, _: haar.relax.bounds(f)),
    "with_side_branches": (branched, lambda f, _: haar.relax.with_side_branches(f, TURNED)),
    "propagate": (plain, lambda f, _: haar.moments.propagate(f, LAW, on_unsupported="linearise")),
    "compare": (plain, lambda f, _: haar.moments.compare(f, LAW, 100, on_unsupported="linearise")),
    "controlled_mean": (plain, lambda f, _: haar.moments.controlled_mean(f, LAW, 100)),
    "controlled_moments": (plain, lambda f, _: haar.moments.controlled_moments(f, LAW, 100)),
    "moments_within": (plain, lambda f, _: haar.moments.moments_within(f, LAW, 1e-3, on_unsupported="linearise")),
    "sample_outputs": (plain, lambda f, _: haar.moments.sample_outputs(f, LAW, 100)),
    "symmetry_in_distribution": (
        plain,
        lambda f, _: haar.moments.symmetry_in_distribution(f, TURNED, LAW, on_unsupported="linearise"),
    ),
    "audit": (Marked, lambda f, x: haar.audit.audit(f, TURNED, (x, x)).to_dict()),
    "defect_metric": (Marked, _measured),
    "discover": (Marked, lambda f, x: haar.discover.discover(f, x, kinds="lie").to_dict()),
    "pairs": (Marked, _paired),
    "check": (Marked, lambda f, x: haar.check.check(f, (x, x), symmetry=TURNED).to_dict()),
    "lie_defects": (Marked, lambda f, x: haar.audit.lie_defects(f, ROTATED, x)),
    "layer_defects": (
        lambda: nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, dtype=F64), nn.BatchNorm2d(1, dtype=F64)),
        lambda f, x: haar.audit.layer_defects(f, Symmetry.of_fields(C4, "p"), x[:16].reshape(2, 1, 4, 4)),
    ),
    "dynamics_defects": (Marked, lambda f, x: haar.audit.dynamics_defects(f, TURNED, x)),
    "equivariance_error": (Marked, lambda f, x: haar.testing.equivariance_error(f, TURNED, x)),
    "assert_equivariant": (Marked, lambda f, x: haar.testing.assert_equivariant(f, TURNED, x, tolerance=9.0)),
    "assert_function_preserved": (plain, _followed),
    "sweep": (plain, lambda f, x: haar.compress.sweep(f, "magnitude", None, [(x, x)], levels=[0.5])),
    "sensitivity": (plain, lambda f, x: haar.compress.sensitivity(f, "magnitude", None, [(x, x)])),
    "gauge": (plain, lambda f, x: haar.compress.gauge(f, "magnitude", None, [x])),
    "orbit_gap": (plain, lambda f, x: haar.compress.orbit_gap(f, "magnitude", [x])),
    "canonical": (plain, haar.compress.canonical),
    "canonical_form": (plain, haar.compress.canonical_form),
    "optimised": (
        lambda: nn.Sequential(_linear(2, 5), nn.ReLU(), _linear(5, 2)),
        lambda f, x: haar.compress.optimised(f, "entropy", x, steps=2),
    ),
    "calibrate_answers": (
        plain,
        lambda f, x: haar.compress.calibrate_answers(f, f, [(x, torch.zeros(len(x), dtype=torch.long))]),
    ),
    "export": (regular, lambda f, _: haar.nn.export(f)),
    "restrict": (regular, lambda f, _: haar.nn.restrict(f, C4.subgroup([2]))),
}
#: Verbs whose work is to change the model that they are given, or that only evaluate it as it stands.
CHANGE = {
    "fit": "trains the model",
    "path": "trains the model",
    "train_on_moments": "trains the model",
    "sparsify": "clears the weights that are inactive from now on: held in tests/compress/sparse",
    "estimate_statistics": "writes the running statistics",
    "lie_derivative": "is one evaluation, which the caller may differentiate",
    "moment_loss": "is a loss, which the caller differentiates",
    "average_callback": "is what a trainer calls: held in tests/audit/test_defect_callback.py",
    "defect_callback": "is what a trainer calls: held in tests/audit/test_defect_callback.py",
    "sparsity_callback": "is what a trainer calls: held in tests/compress/sparse/test_lightning_callback.py",
    "audit_force_field": "takes calculators of ASE: held in tests/audit/force_field",
    "averaged_calculator": "takes calculators of ASE: held in tests/average/test_calculator.py",
    "propagate_on_orbits": "takes networks on graphs: held in tests/moments",
}
#: Functions that take no model.
WITHOUT = {
    "certificate", "expected_excess", "hann_window", "triangle_window", "duals_callback", "bivariate_cdf",
    "cornish_fisher", "density", "distributional_defect", "edgeworth_expectation", "expected_squared_error",
    "joint_cumulant", "joint_moment", "kstats", "set_partitions", "to_cumulants", "to_moments",
    "from_field_type", "from_irreps", "part_count", "part_runs", "restricted",
    "same_representation", "domain_symmetry", "known_data_set", "audit_conventions", "scaling", "scalings", "fit_law",
    "erdos_renyi", "uniform", "module_specific", "coordinates", "entries", "orbits", "law",
}  # fmt: skip


def public_functions() -> set[str]:
    """Every function on the faces."""
    named = {name: getattr(face, name) for face in FACES for name in face.__all__}
    return {name for name, value in named.items() if callable(value) and not isinstance(value, type)}
