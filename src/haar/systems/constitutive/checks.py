"""What a law must be besides symmetric: stable, conservative or dissipative; a stranger's law too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import from_mandel, to_mandel
from haar.audit import audit
from haar.constants import TINY
from haar.errors import ArgumentError, ShapeError, check_rate
from haar.groups import Group
from haar.report import Report, Section, Table
from haar.systems.constitutive.history import HistoryLaw
from haar.systems.constitutive.law import Law, automatic_response, fourth_order
from haar.systems.constitutive.notation import FileNotation, components_to_mandel, mandel_to_components, named_notation
from haar.systems.constitutive.readings import closed_cycles, cycle_work
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry

#: A law is exactly symmetric up to rounding, and keeps energy up to the cycle's quadrature.
EXACT = 1e-10
#: Eigenvalues of a tangent are compared with its largest entry times this.
_ROUNDING = 1e-10
_DIRECTIONS = 200
#: Of differences, over the largest strain; of no strain at all, over this one.
_STEP, _SMALLEST = 1e-3, 1e-6


@dataclass(frozen=True)
class Finding:
    """One property.

    Attributes:
        name: What was looked at.
        value: The number that tells.
        bound: What it has to be, in words.
        holds: Whether it is; None where it is told and not required.
    """

    name: str
    value: float
    bound: str
    holds: bool | None


class Check(Report):
    """What became of a law's properties.

    Args:
        material: The symmetry that was asked for.
        findings: One a property.
        size: Strain within which states were drawn.
    """

    kind: ClassVar[str] = "constitutive-check"

    def __init__(self, material: str, findings: Sequence[Finding], size: float) -> None:
        self.material, self.findings, self.size = material, tuple(findings), size
        self.title = f"A constitutive law under {material}"

    @property
    def holds(self) -> bool:
        """Whether all that is required holds."""
        return all(one.holds is not False for one in self.findings)

    @property
    def summary(self) -> str:
        """What fails, in a sentence."""
        bad = [one for one in self.findings if one.holds is False]
        if not bad:
            return f"The law is exactly {self.material}, and all that is required holds (strains within {self.size:g})."
        return "Not so: " + "; ".join(f"{one.name} {one.value:.2g}, to be {one.bound}" for one in bad) + "."

    def contents(self) -> dict[str, Any]:
        """All findings."""
        return {"material": self.material, "holds": self.holds, "findings": [asdict(one) for one in self.findings]}

    def sections(self) -> Sequence[Section]:
        """One table."""
        words = {True: "yes", False: "no", None: "told"}
        rows = [(one.name, one.value, one.bound, words[one.holds]) for one in self.findings]
        table = Table(
            "Properties", ("property", "value", "to be", "holds"), rows, f"states within a strain of {self.size:g}"
        )
        return [Section("What the law is", _TEXT, table)]


def check_law(
    law: nn.Module | Callable[[Tensor], Tensor],
    material: str | MaterialSymmetry | Group,
    strain: Float[Tensor, "*batch n"] | None = None,
    *,
    size: float = 0.02,
    seed: int = 0,
) -> Check:
    """Look at a law's symmetry, energy, stability and dissipation.

    Args:
        law: Takes strains (or paths, for laws with history) in Mandel's coordinates; `from_callable` wraps others.
        material: The symmetry that it is to have, see `material_symmetry`.
        strain: States to look at; by default random ones.
        size: Size of random states and of closed cycles.
        seed: Of these.
    """
    material = material_symmetry(material)
    check_rate("size", size)
    source = torch.Generator().manual_seed(seed)
    n = material.tensors.dim
    history = isinstance(law, HistoryLaw)
    if isinstance(law, (Law, HistoryLaw)) and law.material.dim != material.dim:
        expected, got = f"one of {law.material.dim} dimensions, as the law", f"{material}, of {material.dim}"
        raise ArgumentError("material", expected=expected, got=got)
    if strain is not None:
        strain = torch.as_tensor(strain)
        if strain.ndim < (3 if history else 2) or strain.shape[-1] != n:
            expected = f"[paths, steps, {n}]" if history else f"[samples, {n}]"
            raise ShapeError("strain", expected=expected, got=tuple(strain.shape))
        if not bool(strain.isfinite().all()):
            raise ArgumentError("strain", expected="finite numbers", got="NaN or infinity")
    else:
        steps = (12,) if history else ()
        strain = size * torch.randn(64, *steps, n, dtype=torch.float64, generator=source)
    tried = law(strain[:2])
    if not isinstance(tried, Tensor) or tried.shape != strain[:2].shape:
        what: object = tuple(tried.shape) if isinstance(tried, Tensor) else type(tried).__name__
        way_out = "from_callable wraps functions of tensors, of other notations, of numpy arrays"
        raise ShapeError("law", expected=f"stresses {tuple(strain[:2].shape)}", got=what, way_out=way_out)
    found = audit(law, material.laws, strain[:64], layers=False, data_symmetry=False, seed=seed)
    broken = found.findings.worst
    worst = 0.0 if broken is None else float(broken.relative.value)
    findings = [Finding(f"defect under {material} (haar.audit, relative)", worst, f"at most {EXACT:g}", worst <= EXACT)]
    still = law(torch.zeros_like(strain[:1])).detach().abs().max()
    findings.append(Finding("stress at zero strain", float(still), "told", None))
    if history:
        findings += _of_history(law, strain)
    else:
        findings += _of_elastic(law, material, strain, closed_cycles(8, size, source, dim=material.dim))
    return Check(material.name, findings, float(strain.abs().max()))


def _of_elastic(
    law: nn.Module | Callable[[Tensor], Tensor], material: MaterialSymmetry, strain: Tensor, cycles: Tensor
) -> list[Finding]:
    energetic = isinstance(law, Law) and law.has_energy
    work = float(cycle_work(law, cycles).max())
    with torch.no_grad():
        states = strain.flatten(0, -2)
        _, C = law.response(states) if isinstance(law, Law) else stranger_response(law, states)
    scale = C.abs().amax().clamp(min=TINY)
    skew = float((C - C.mT).abs().max() / scale)
    least = float(torch.linalg.eigvalsh(0.5 * (C + C.mT)).min() / scale)
    acoustic = float(least_acoustic(C, material.dim) / scale)
    bound = f"at most {EXACT:g}" if energetic else "told"

    def exact(value: float) -> bool | None:
        return value <= EXACT if energetic else None

    return [
        Finding("work of closed cycles, over what goes through", work, bound, exact(work)),
        Finding("asymmetry of the tangent", skew, bound, exact(skew)),
        Finding("least eigenvalue of the tangent, over its size", least, "at least 0", least >= -_ROUNDING),
        Finding("least eigenvalue of the acoustic tensor", acoustic, "at least 0", acoustic >= -_ROUNDING),
    ]


def _of_history(law: nn.Module | Callable[[Tensor], Tensor], strain: Tensor) -> list[Finding]:
    dissipated: Callable[[Tensor], Tensor] | None = getattr(law, "dissipated", None)
    if dissipated is None:
        return [Finding("dissipation", float("nan"), "no energy is offered: not known", None)]
    with torch.no_grad():
        least = float(dissipated(strain).min())
    return [Finding("least dissipation of an increment", least, "at least 0", least >= -1e-14)]


def stranger_response(
    law: Callable[[Tensor], Tensor], strain: Float[Tensor, "batch n"]
) -> tuple[Float[Tensor, "batch n"], Float[Tensor, "batch n n"]]:
    """Stress and tangent of any law: by automatic differentiation, or by differences where torch does not follow it."""
    with torch.enable_grad():
        followed = law(strain[:1].detach().clone().requires_grad_()).requires_grad
    if followed:
        return automatic_response(law, strain)
    with torch.no_grad():
        step = _STEP * float(strain.abs().max().clamp(min=_SMALLEST))
        columns = []
        for unit in step * torch.eye(strain.shape[-1], dtype=strain.dtype):
            wide, near = law(strain + unit) - law(strain - unit), law(strain + unit / 2) - law(strain - unit / 2)
            columns.append((8 * near - wide) / (6 * step))  # of the fourth order in the step (Richardson)
        return law(strain), torch.stack(columns, -1)


def least_acoustic(C: Float[Tensor, "batch n n"], dim: int) -> float:
    """Least eigenvalue of n . C . n over directions n: at or below 0 waves cease and bands of strain may form."""
    source = torch.Generator().manual_seed(0)
    n = torch.randn(_DIRECTIONS, dim, dtype=torch.float64, generator=source)
    n = n / n.norm(dim=-1, keepdim=True)
    A = torch.einsum("dj,bijkl,dl->bdik", n, fourth_order(C), n)
    return float(torch.linalg.eigvalsh(0.5 * (A + A.mT)).min())


class Foreign(nn.Module):
    """Somebody's law as one between Mandel's coordinates, see `from_callable`."""

    def __init__(self, function: Callable[..., Any], notation: FileNotation | None, *, numpy: bool) -> None:
        super().__init__()
        self.function, self.notation, self.numpy = function, notation, numpy

    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress."""
        given = from_mandel(strain) if self.notation is None else mandel_to_components(strain, self.notation.strain)
        out = self.function(given.detach().numpy() if self.numpy else given)
        if out is None or (not isinstance(out, Tensor) and not self.numpy):
            way_out = "numpy=True is for functions of arrays"
            raise ArgumentError("function", expected="a tensor of stresses", got=type(out).__name__, way_out=way_out)
        stress = torch.as_tensor(out).to(strain)
        if stress.shape != given.shape:
            raise ShapeError("function", expected=f"stresses {tuple(given.shape)}", got=tuple(stress.shape))
        if self.notation is not None:
            return components_to_mandel(stress, self.notation.stress)
        return to_mandel(stress)


def from_callable(function: Callable[..., Any], notation: str = "tensor", *, numpy: bool = False) -> nn.Module:
    """A law of somebody else's, to be audited, averaged or checked.

    Args:
        function: From strains to stresses, over leading axes.
        notation: ``"tensor"`` for (..., d, d), else as `named_notation`.
        numpy: Whether it takes and gives numpy arrays; its tangent is then not known to torch.

    Raises:
        ArgumentError: If the notation is unknown.

    Example:
        >>> law = from_callable(lambda E: 2 * E)
        >>> law(torch.ones(1, 6, dtype=torch.float64)).round(decimals=9).tolist()
        [[2.0, 2.0, 2.0, 2.0, 2.0, 2.0]]
    """
    return Foreign(function, None if notation == "tensor" else named_notation(notation), numpy=numpy)


_TEXT = (
    "Symmetry is looked at by `haar.audit`, element by element. A law with an energy does no work in a closed cycle "
    "and has a symmetric tangent. A tangent that is positive definite makes the finite-element system solvable; a "
    "positive acoustic tensor keeps strains from localising. Laws of the strain E are objective: rotations never enter."
)
