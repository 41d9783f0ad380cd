"""Questions to searches for symmetries that nobody has named."""

# ruff: noqa: ARG005 (models that do not look at their inputs)

from __future__ import annotations

import re
from typing import Any

import torch
from questions_to_probing import batched
from recorded import drawn, tried
from torch import Tensor

from haar.actions import Space, Symmetry, Vector
from haar.discover import Fields, Linear, Monomials, discover, law, pairs
from haar.discover.finite.elements import elements
from haar.groups import dihedral, symmetric

D4, S4 = dihedral(4), symmetric(4)
FIELDS = Symmetry.of_fields(D4, "p, u:vector")
VECTORS = Symmetry(D4, Vector(Space(D4)), Vector(Space(D4)))


def near(value: Any) -> Any:
    """A number that rounding does not reach: what is as small as rounding is 0."""
    return None if value is None or value != value else 0.0 if abs(value) < 1e-7 else float(f"{value:.7g}")


def bare(text: str) -> str:
    """A sentence without its numbers, which are told beside it, and without fields, whose signs are free."""
    text = text.split("enerators are fields", maxsplit=1)[0]
    return re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "#", text)


def found(one: Any) -> Any:
    """What a discovery says: words, and numbers that do not hang on the choice of a basis."""
    spectrum, told = one.spectrum, one.to_dict()
    algebra = told["algebra"]
    return {
        "sentence": bare(one.summary),
        "samples": one.samples,
        "trivial": [[t.kind, t.count, bare(t.told), t.stops] for t in one.trivial],
        "steps": [_step(step) for step in one.staircase],
        "gates": [
            [
                g["count"],
                g["failed"],
                near(g["defect"]),
                near(g["beyond"]),
                g["finite"] is None,
                None if g["failed"] else near(g["closure"]),
            ]
            for g in told["gates"]
        ],
        "spectrum": None
        if spectrum is None
        else [near(float(v)) for v in (*spectrum.solved[:8], *spectrum.solved[-3:])],
        "held out": None if spectrum is None else [near(float(v)) for v in spectrum.held_out.sort().values[:8]],
        "linear": near(told["linear_share"]),
        "algebra": algebra and [algebra[k] for k in ("name", "dimension", "killing_signature", "content")],
        "settings": [told["settings"][k] for k in ("kind", "affine", "points", "relative", "tangent")],
        "rest": [
            told["failed_gate"],
            told["form"],
            near(told["scaling"]),
            list(map(bare, told["said"])),
            told["derivative"],
        ],
        "symmetry": one.symmetry,
    }


def _step(step: Any) -> Any:
    return [step.name, step.kind, step.order, step.dimension, step.grade, step.complete, near(step.defect.value),
            near(step.defect.low), near(step.defect.high), near(step.outside), step.symmetry]  # fmt: skip


def claimed(one: Any) -> Any:
    """What a discovery from pairs says."""
    d = one.difference
    said = [one.claimed, one.failed_gate, near(one.error), near(one.plain), one.samples]
    return [
        *said,
        d and [round(x, 1) for x in (d.value, d.low, d.high)],
        len(one.sections()),
        found(one.found)["gates"],
    ]


def lawful(one: Any) -> Any:
    """What a law's discovery says."""
    spectrum = one.spectrum
    kept = [
        one.accepted,
        one.gaussian,
        one.spherical,
        one.samples,
        near(one.clipped),
        one.symmetry,
        len(one.sections()),
    ]
    values = [[near(float(v)) for v in part] for part in (spectrum.values, spectrum.errors)]
    return [*kept, *values, near(spectrum.trace), near(spectrum.strength[0]), [_step(step) for step in one.staircase]]


def listed(one: Any) -> Any:
    """What a search for exchanges says."""
    return [[_step(step) for step in one.steps], list(map(bare, one.said))]


MIXING = [drawn(k, k, seed=k) / 2 for k in range(6)]


def turning(points: int = 2, breaking: float = 0.0, *, scalar: bool = False) -> Any:
    """A function of vectors that turns with them, but for a share."""

    def function(x: Tensor) -> Tensor:
        v = x.unflatten(-1, (points, 3))
        gram = torch.einsum("bij,bkj->bik", v, v)
        weights = torch.tanh(torch.einsum("bij,jk->bik", gram, MIXING[points].to(x))).sum(1)
        if scalar:
            return weights.sum(1, keepdim=True) + breaking * x[:, :1]
        y = (weights[..., None] * v).sum(1) + 0.5 * torch.linalg.cross(v[:, 0], v[:, 1])
        return y + breaking * torch.stack([x[:, 0] * x[:, 4], x[:, 1].square(), x[:, 2] * x[:, 5].tanh()], 1)

    return function


def radial(x: Tensor, breaking: float = 0.0) -> Tensor:
    """A function of the length."""
    return (x.flatten(1).norm(dim=1, keepdim=True) + breaking * x.flatten(1)[:, :1]).tanh()


def even(x: Tensor) -> Tensor:
    """A function that every exchange and reversal of entries leaves alone."""
    return x.square().sigmoid().sum(1, keepdim=True)


def cycled(n: int, breaking: float = 0.0) -> Any:
    """A function with cyclic shifts of the entries, and no other exchange."""
    return lambda x: torch.stack(
        [(x * x.roll(1, 1).tanh() * x.roll(3, 1).sigmoid()).sum(1), x.sin().sum(1) + breaking * x[:, 0]], 1
    )


def elements_of(model: Any, x: Tensor, **options: Any) -> Any:
    return listed(
        elements(model, x, **({"outputs": "auto", "tolerance": 0.2, "significance": 0.05, "seed": 0} | options))
    )


ASKED = [
    lambda: (
        [found(discover(turning(2), drawn(200, 6), kinds="lie", outputs=o)) for o in ("auto", "any")],
        found(discover(turning(2, scalar=True), drawn(200, 6), kinds="lie")),
    ),
    lambda: ([found(discover(turning(2, breaking=b), drawn(200, 6), kinds="lie")) for b in (0.01, 0.05, 0.3)]),
    lambda: (
        [
            found(discover(turning(2, breaking=0.02), drawn(200, 6), kinds="lie", **k))
            for k in (
                {"tolerance": 0.01},
                {"significance": 0.5},
                {"weight": "relative"},
                {"dictionary": Linear()},
                {"seed": 3},
                {"max_samples": 100},
            )
        ]
    ),
    lambda: (
        [found(discover(radial, drawn(150, n), kinds="lie")) for n in (2, 4, 5)],
        found(discover(lambda x: radial(x, 0.1), drawn(150, 4), kinds="lie")),
    ),
    lambda: (
        [
            found(discover(f, drawn(150, 3), kinds="lie"))
            for f in (
                lambda x: x.sum(1, keepdim=True).tanh(),
                lambda x: x[:, :2].norm(dim=1, keepdim=True),
                lambda x: x.prod(1, keepdim=True),
                lambda x: torch.ones_like(x[:, :1]),
                lambda x: x @ MIXING[3],
                lambda x: x / x.norm(dim=1, keepdim=True),
            )
        ]
    ),
    lambda: (
        found(discover(lambda x: x.square().sum(-1).tanh().sum(-1, keepdim=True), drawn(150, 4, 3), kinds="lie")),
        found(
            discover(
                lambda x: x.square().sum(-1).tanh().sum(-1, keepdim=True), drawn(200, 2, 2), kinds="lie", shared=False
            )
        ),
        found(discover(lambda x: x * x.square().sum(-1, keepdim=True).tanh(), drawn(100, 3, 2), kinds="lie")),
        found(
            discover(lambda x: (x[:, 0] ** 2 - x[:, 1:].square().sum(1)).tanh()[:, None], drawn(150, 4), kinds="lie")
        ),
    ),
    lambda: (
        [
            found(discover(radial, drawn(200, 3) / drawn(200, 3).norm(dim=1, keepdim=True), kinds="lie", support=s))
            for s in ("ambient", "tangent")
        ],
        found(discover(lambda x: x[:, :1].tanh(), torch.nn.functional.pad(drawn(150, 2), (0, 1)), kinds="lie")),
    ),
    lambda: (
        [
            found(
                discover(lambda x: (x[:, 0] * x[:, 1].exp()).tanh()[:, None], drawn(200, 2), kinds="lie", dictionary=d)
            )
            for d in (
                Monomials(1),
                Monomials(2),
                Fields([("a", lambda x: torch.stack([x[:, 0], -torch.ones_like(x[:, 0])], 1)), lambda x: x]),
            )
        ]
    ),
    lambda: (
        found(
            discover(
                lambda u: (u.square() + u.roll(1, -1).mul(u)).sum((1, 2, 3))[:, None], drawn(60, 1, 5, 6), kinds="lie"
            )
        ),
        found(discover(lambda u: u.square() * u.roll(1, -1), drawn(40, 3, 4, 4), kinds="lie", layout="p, u:vector")),
    ),
    lambda: (
        [found(discover(even, drawn(120, 4), kinds=k)) for k in ("finite", "lie, finite")],
        elements_of(even, drawn(80, 3)),
        elements_of(lambda x: x.tanh() * x.sum(1, keepdim=True).cos(), drawn(80, 4)),
        elements_of(lambda x: x.norm(dim=2).sum(1, keepdim=True), drawn(80, 4, 2)),
        elements_of(lambda x: x.sort(1).values, drawn(80, 4), outputs="invariant"),
    ),
    lambda: (
        [
            elements_of(cycled(4, b), drawn(60, 4), **k)
            for b, k in ((0.0, {}), (0.05, {}), (0.05, {"tolerance": 0.02}), (0.1, {"significance": 0.4}))
        ],
        elements_of(cycled(6, 0.5), drawn(80, 6)),
    ),
    lambda: (
        [
            elements_of(f, drawn(40, 1, 6, 6))
            for f in (
                lambda x: x.square().mean((1, 2, 3))[:, None],
                lambda x: x * x.roll(1, -1),
                lambda x: (x * x.roll(1, -1)).mean((1, 2, 3))[:, None],
                lambda x: x[..., 0].square().mean((1, 2))[:, None],
                lambda x: x.tanh() * (1 + 0.05 * torch.arange(6.0)),
            )
        ],
        elements_of(lambda x: x.square().roll(1, 1), drawn(60, 6), outputs="same"),
        elements_of(lambda x: torch.stack([x[:, 0] * x[:, 1], x[:, 2] * x[:, 3]], 1), drawn(80, 4), outputs="any"),
    ),
    lambda: tried(
        lambda k: bare(discover(radial, drawn(100, 3), **k).summary),
        {"kinds": "li"},
        {"kinds": ()},
        {"kinds": "lie", "tolerance": 0.0},
        {"kinds": "lie", "tolerance": 1.0},
        {"kinds": "lie", "significance": 0.0},
        {"kinds": "lie", "significance": 1.0},
        {"kinds": "lie", "weight": "all"},
        {"kinds": "lie", "support": "cone"},
        {"kinds": "lie", "max_samples": 3},
        {"kinds": "lie", "max_samples": 4},
        {"kinds": "lie", "max_samples": True},
        {"kinds": "lie", "dictionary": 3},
        {"kinds": "lie", "outputs": "same"},
        {"kinds": "lie", "outputs": "all"},
        {"kinds": "lie", "dictionary": Monomials(1), "weight": "relative"},
        {"kinds": "lie", "dictionary": Monomials(1), "support": "tangent"},
        {"kinds": "lie", "shared": True},
        {"tolerence": 0.1},
        {"kinds": "lie", "seed": -1},
    ),
    lambda: tried(
        lambda f, x: bare(discover(f, x, kinds="lie").summary),
        (radial, drawn(3, 3)),
        (radial, drawn(4, 3)),
        (radial, drawn(8, 3)),
        (radial, drawn(60, 3).round().long()),
        (radial, drawn(60)),
        (radial, torch.ones(60, 3).double()),
        (radial, drawn(60, 3) * float("nan")),
        (lambda x: x.sign().sum(1, keepdim=True), drawn(60, 3)),
        (lambda x: x / 0, drawn(60, 3)),
        (batched, drawn(60, 3)),
        (lambda x: x + torch.rand(()), drawn(60, 3)),
        (lambda x: x.softmax(1), drawn(60, 3)),
        (lambda x, y: x, drawn(60, 3)),
        ("radial", drawn(60, 3)),
        (radial, "data"),
        (radial, (drawn(60, 3), None, torch.arange(59))),
        (radial, (drawn(60, 3), drawn(60), torch.arange(60) // 4)),
    ),
    lambda: (
        claimed(pairs(drawn(200, 2), radial(drawn(200, 2)), model=radial)),
        claimed(pairs(drawn(200, 6), turning(2)(drawn(200, 6)), model=turning(2, breaking=0.05))),
        claimed(pairs(drawn(120, 2), radial(drawn(120, 2)), steps=60)),
        claimed(pairs(drawn(200, 2), radial(drawn(200, 2)) + 0.3 * drawn(200, 1, seed=5), model=radial)),
        claimed(pairs(drawn(200, 2), radial(drawn(200, 2), 0.4), model=radial)),
    ),
    lambda: (
        tried(lambda n, m: pairs(drawn(n, 2), drawn(m, 1), model=radial) and "done", (39, 39), (40, 40), (50, 40)),
        tried(
            lambda x, y: pairs(x, y, model=radial) and "done",
            (drawn(50, 2), torch.ones(50, 1)),
            (drawn(50, 2) * float("inf"), drawn(50, 1)),
            ("x", drawn(50)),
            (torch.ones(()), drawn(50)),
            (drawn(50, 2), drawn(50)),
        ),
    ),
    lambda: (
        lawful(law(drawn(600, 2) / drawn(600, 2).norm(dim=1, keepdim=True))),
        lawful(law(drawn(600, 3))),
        lawful(law(drawn(800, 3).sign() + 0.1 * drawn(800, 3, seed=2))),
        lawful(
            law(torch.cat([drawn(800, 2) / drawn(800, 2).norm(dim=1, keepdim=True), drawn(800, 1, seed=3).sign()], 1))
        ),
        lawful(law(drawn(600, 3) / drawn(600, 1, seed=4).abs())),
    ),
    lambda: tried(
        lambda x: law(x).accepted,
        drawn(199, 2),
        drawn(200, 2),
        drawn(300, 1),
        drawn(300),
        drawn(300, 2) * 1j,
        drawn(300, 2) * float("nan"),
        torch.ones(300, 2),
        "x",
        drawn(300, 1).expand(-1, 2),
    ),
]
