"""From matrices that nearly represent a Lie algebra to an exact representation of a known group."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import Defining, DirectSum, Harmonic, Representation, Spin, Subspace, Trivial
from haar.errors import ArgumentError
from haar.groups import SO, SU2, Group, LieGroup
from haar.groups.algebra import LieAlgebra, Signature

#: Casimir eigenvalues, and charges, may be so far from the nearest that a representation has.
LARGEST_DISTANCE = 0.25
#: Largest denominator of charges' ratios.
_DENOMINATOR = 12
#: Charges must be known to one half at least: else their neighbours are as good.
_KNOWN = 0.5
#: Largest charge: turns that are slower beside others are those of a torus, or none that were found with an error.
_LARGEST_CHARGE = 1000


@dataclass(frozen=True)
class Side:
    """One side of a snapped action.

    Attributes:
        rep: An orthogonal representation, in `coordinates`.
        coordinates: y = coordinates x is turned orthogonally; the identity where x itself is.
        content: Spins or charges with their numbers of copies, for a reader.
        distance: How far Casimir eigenvalues or charges were from the nearest that exist.
    """

    rep: Representation
    coordinates: Float[Tensor, "n n"]
    content: str
    distance: float

    def images(self) -> Float[Tensor, "k n n"]:
        """Exact generators in the coordinates of x, for the group's own basis of its algebra."""
        inverse = torch.linalg.inv(self.coordinates)
        found: Tensor = inverse @ self.rep.algebra() @ self.coordinates
        return found


@dataclass(frozen=True)
class Snapped:
    """An exact action near the matrices found.

    Attributes:
        group: A compact group of the catalogue.
        inputs: How it acts on inputs.
        outputs: On outputs.
    """

    group: Group
    inputs: Side
    outputs: Side


def snap(algebra: LieAlgebra, inputs: Tensor, outputs: Tensor, *, orthogonal: bool) -> Snapped | str:
    """The group and exact representations nearest to a compact algebra; or why there is none.

    Args:
        algebra: The compact algebra, with how closely its matrices hold.
        inputs: Its orthonormal basis on inputs, linear, ``(k, n, n)``.
        outputs: On outputs.
        orthogonal: Whether the action must be orthogonal in the coordinates as they are.
    """
    sides = (inputs, outputs)
    if algebra.dim == 1:
        return _circle(sides, algebra.tolerance, orthogonal=orthogonal)
    if algebra.dim == 3 and algebra.signature == Signature(0, 3, 0):
        return _turns(algebra, sides, orthogonal=orthogonal)
    whole = _whole_rotations(algebra, sides, orthogonal=orthogonal)
    if whole is not None:
        return whole
    if algebra.tolerance > 1e-5:
        return f"{algebra.name} found to {algebra.tolerance:.1g} only: nothing exact near it is known here"
    return _as_it_is(algebra, sides)


def _turns(algebra: LieAlgebra, sides: tuple[Tensor, Tensor], *, orthogonal: bool) -> Snapped | str:
    """so(3): spins by the Casimir spectrum of each side."""
    values, vectors = torch.linalg.eigh(-(algebra.killing + algebra.killing.T) / 4)
    e = (vectors * values.rsqrt()).T
    e = e * _handedness(torch.einsum("jk,kab->jab", e, algebra.basis))
    generators = [torch.einsum("jk,kab->jab", e, side) for side in sides]
    spins = [_spins(side) for side in generators]
    for told in spins:
        if isinstance(told, str):
            return told
    known = [pair for pair in spins if not isinstance(pair, str)]
    double = any(2 * l % 2 for content, _ in known for l in content)
    group: LieGroup = SU2() if double else SO(3)
    flip = _handedness(group.algebra)
    made = []
    for side, (found, distance) in zip(generators, known, strict=True):
        parts: list[Representation] = [
            Spin(group, l) if isinstance(group, SU2) else Harmonic(group, int(l))
            for l, copies in found.items()
            for _ in range(copies)
        ]
        content = " + ".join(f"{copies} x spin {l:g}" for l, copies in found.items())
        made.append(_fitted(parts, flip * side, content, distance, orthogonal=orthogonal))
    return _joined(group, made)


def _handedness(m: Float[Tensor, "3 n n"]) -> float:
    """-1 if the bracket of the first two points against the third, else 1."""
    return -1.0 if float(((m[0] @ m[1] - m[1] @ m[0]) * m[2]).sum()) < 0 else 1.0


def _spins(generators: Float[Tensor, "3 n n"]) -> tuple[dict[float, int], float] | str:
    """Copies of every spin on one side, and how far the Casimir was from whole and half-odd spins."""
    n = generators.shape[-1]
    casimir = -torch.einsum("aij,ajk->ik", generators, generators)
    values = torch.linalg.eigvals(casimir).real
    left, distance = sorted(values.tolist(), reverse=True), 0.0
    found: dict[float, int] = {}
    while left:
        value = left[0]
        spin = round(2 * (-1 + math.sqrt(1 + 4 * max(value, 0.0))) / 2) / 2
        size = int(2 * spin + 1) * (2 if (2 * spin) % 2 else 1)
        own, left = left[:size], left[size:]
        nearest = spin * (spin + 1)
        away = max(abs(v - nearest) for v in own) / max(nearest, 1.0)
        distance = max(distance, away)
        if len(own) < size or away > LARGEST_DISTANCE:
            return f"Casimir eigenvalues {_listed(values)} are those of no representation of SO(3) or SU(2) on {n}"
        found[spin] = found.get(spin, 0) + 1
    return dict(sorted(found.items(), reverse=True)), distance


def _circle(sides: tuple[Tensor, Tensor], tolerance: float, *, orthogonal: bool) -> Snapped | str:
    """u(1): charges by the ratios of imaginary eigenvalues."""
    angles = [_frequencies(side[0]) for side in sides]
    every = torch.cat(angles)
    largest = float(every.max()) if len(every) else 0.0
    if largest <= 0:
        return "no turn on either side"
    slack = 2 * tolerance
    moving = every[every > slack * largest]
    least = float(moving.min())
    if max(slack * largest / _KNOWN, largest / _LARGEST_CHARGE) > least:
        return f"a turn {largest / least:.4g} times slower than another: its charge is not known"
    for denominator in range(1, _DENOMINATOR + 1):
        charges = moving / least * denominator
        whole = charges.round()
        if float((charges - whole).abs().max()) <= min(LARGEST_DISTANCE, slack * denominator * largest / least):
            break
    else:
        return f"charges {_listed(moving / least)} are no small fractions of one another: the closure is a larger torus"
    unit = float((whole * moving).sum() / whole.square().sum())
    group = SO(2)
    made = []
    for side, own in zip(sides, angles, strict=True):
        rounded = (own / unit).round().to(torch.int64).tolist()
        distance = float((own / unit - (own / unit).round()).abs().max()) if len(own) else 0.0
        turning = sorted((charge for charge in rounded if charge), reverse=True)
        still = int(side.shape[-1]) - 2 * len(turning)
        parts: list[Representation] = [Harmonic(group, charge) for charge in turning]
        parts += [Trivial(group)] * still
        content = ", ".join(f"charge {charge}" for charge in turning) or "fixed"
        made.append(_fitted(parts, side / unit, content, distance, orthogonal=orthogonal))
    return _joined(group, made)


def _frequencies(m: Float[Tensor, "n n"]) -> Tensor:
    """The positive imaginary parts of a real matrix' eigenvalues, one for every plane."""
    values = torch.linalg.eigvals(m).imag
    found: Tensor = values[values > 1e-9 * max(float(values.abs().max()), 1e-300)]
    return found


def _whole_rotations(algebra: LieAlgebra, sides: tuple[Tensor, Tensor], *, orthogonal: bool) -> Snapped | None:
    """so(n) on R^n itself: all antisymmetric matrices, which need no search for a basis."""
    n = next((s.shape[-1] for s in sides if algebra.dim == s.shape[-1] * (s.shape[-1] - 1) // 2), 0)
    if n < 4:
        return None
    group = SO(n)
    made: list[Side | str] = []
    for side in sides:
        if float(side.norm()) <= 2 * algebra.tolerance * algebra.dim**0.5:
            size = int(side.shape[-1])
            made.append(Side(DirectSum([Trivial(group)] * size), _eye(size), "fixed", 0.0))
        elif side.shape[-1] == n:
            forms = LieAlgebra(side, tolerance=algebra.tolerance).invariant_forms()
            form = _eye(n) if orthogonal or not len(forms) else forms[0] * torch.sign(forms[0].trace())
            values, vectors = torch.linalg.eigh(form)
            if float(values[0]) <= 0:
                return None
            root = vectors * (values / values.prod().pow(1 / n)).sqrt() @ vectors.T
            made.append(Side(Defining(group), root, "vector", 0.0))
        else:
            return None
    both = [side for side in made if isinstance(side, Side)]
    if len(both) == 2 and both[0].content == both[1].content == "vector" and not torch.allclose(sides[0], sides[1]):
        return None  # their relative turn is not known
    return Snapped(group, *both)


def _as_it_is(algebra: LieAlgebra, sides: tuple[Tensor, Tensor]) -> Snapped | str:
    """An exact compact algebra without a name here: its own matrices, in coordinates that make them antisymmetric."""
    roots, turned = [], []
    for side in sides:
        n = int(side.shape[-1])
        if float(side.abs().max()) == 0:
            roots.append(_eye(n))
            turned.append(side)
            continue
        symmetric = side + side.transpose(-1, -2)
        root = _eye(n)
        if float(symmetric.abs().max()) > 1e-7:
            forms = _forms(side)
            form = torch.einsum("f,fij->ij", forms.diagonal(dim1=1, dim2=2).sum(-1), forms)
            values, vectors = torch.linalg.eigh(form)
            if float(values[0]) <= 1e-9 * float(values[-1]):
                return "no positive form is invariant: the action is not compact"
            root = vectors * values.sqrt() @ vectors.T
        moved = root @ side @ torch.linalg.inv(root)
        roots.append(root)
        turned.append((moved - moved.transpose(-1, -2)) / 2)
    joined = torch.stack([torch.block_diag(a, b) for a, b in zip(*turned, strict=True)])
    try:
        group = LieGroup(algebra.name, joined)
        _ = group.maximal_torus
    except ArgumentError as error:
        return f"{algebra.name} is that of no closed group here: {error}"
    n = int(sides[0].shape[-1])
    eye, whole = _eye(len(joined[0])), Defining(group)
    reps = [Subspace(whole, eye[:, :n], "inputs"), Subspace(whole, eye[:, n:], "outputs")]
    return Snapped(group, *(Side(rep, root, algebra.name, 0.0) for rep, root in zip(reps, roots, strict=True)))


def _forms(side: Tensor) -> Tensor:
    independent = torch.linalg.svd(side.flatten(1), full_matrices=False)
    keep = 1e-9 * float(independent.S[0]) < independent.S
    return LieAlgebra(independent.Vh[keep].unflatten(-1, side.shape[1:])).invariant_forms()


def _joined(group: Group, made: list[Side | str]) -> Snapped | str:
    wrong = [side for side in made if isinstance(side, str)]
    if wrong:
        return wrong[0]
    inputs, outputs = (side for side in made if isinstance(side, Side))
    return Snapped(group, inputs, outputs)


def _fitted(
    parts: list[Representation], generators: Tensor, content: str, distance: float, *, orthogonal: bool
) -> Side | str:
    """T with T M_a = rho_a T, as well as it can be, and from it an orthogonal frame."""
    n = int(generators.shape[-1])
    if sum(part.dim for part in parts) != n:
        return f"representations {content} have not dimension {n}"
    whole = DirectSum(parts) if len(parts) > 1 else parts[0]
    t = _intertwiner(parts, generators)
    if float(torch.linalg.svdvals(t)[-1]) < 1e-6:
        return f"no invertible map takes the matrices to {content}"
    left, values, right = torch.linalg.svd(t)
    frame = left @ right
    root = _eye(n) if orthogonal else right.T * (values / values.log().mean().exp()) @ right
    rep = whole if torch.allclose(frame, _eye(n), atol=1e-12) else Subspace(whole, frame, content)
    return Side(rep, root, content, distance)


def _intertwiner(parts: list[Representation], generators: Float[Tensor, "k n n"]) -> Float[Tensor, "n n"]:
    """Rows for every irreducible part: of all maps to it the one that is best and least in the rows found before."""
    n = int(generators.shape[-1])
    rows: list[Tensor] = []
    known: dict[tuple[str, int], Tensor] = {}
    free = _eye(n)
    for part in parts:
        key = (part.name, part.dim)
        if key not in known:
            copies = sum(other.name == part.name and other.dim == part.dim for other in parts)
            known[key] = _maps(part, generators, copies)
        maps = known[key]
        outside = maps @ free
        gram = torch.einsum("fij,gij->fg", outside, outside)
        best = torch.linalg.eigh(gram).eigenvectors[:, -1]
        chosen = torch.einsum("f,fij->ij", best, maps)
        chosen = chosen * (part.dim**0.5 / float(chosen.norm()))
        rows.append(chosen)
        frame = torch.linalg.svd(torch.cat(rows), full_matrices=True)
        free = frame.Vh[len(frame.S) :].T @ frame.Vh[len(frame.S) :] if len(frame.S) < n else torch.zeros_like(free)
    return torch.cat(rows)


def _maps(part: Representation, generators: Float[Tensor, "k n n"], copies: int) -> Float[Tensor, "f d n"]:
    """The space of maps T with T M_a = rho_a T: right singular vectors of the least singular values."""
    images = part.algebra()
    d, n = part.dim, int(generators.shape[-1])
    blocks = [
        torch.kron(_eye(d), m.T.contiguous()) - torch.kron(rho.contiguous(), _eye(n))
        for m, rho in zip(generators, images, strict=True)
    ]
    vectors = torch.linalg.svd(torch.cat(blocks), full_matrices=True).Vh
    found: Tensor = vectors[-copies * _endomorphisms(images) :].unflatten(-1, (d, n))
    return found


def _endomorphisms(images: Float[Tensor, "k d d"]) -> int:
    """Dimension of the commutant of an irreducible representation: 1, 2 or 4."""
    d = int(images.shape[-1])
    blocks = [torch.kron(m.contiguous(), _eye(d)) - torch.kron(_eye(d), m.T.contiguous()) for m in images]
    values = torch.linalg.svdvals(torch.cat(blocks))
    return int((values < 1e-8 * max(float(values.max()), 1e-300)).sum()) if float(values.max()) else d * d


def _eye(n: int) -> Tensor:
    return torch.eye(n, dtype=torch.float64)


def _listed(values: Tensor) -> str:
    shown = ", ".join(f"{value:.2f}" for value in sorted(values.tolist(), reverse=True)[:8])
    return shown + (", ..." if len(values) > 8 else "")
