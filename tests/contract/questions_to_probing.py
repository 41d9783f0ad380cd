"""Questions about how models and data are met."""

# ruff: noqa: ARG005 (models that do not look at their inputs)

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from recorded import F64, drawn, seeded, tried
from torch import Tensor, nn

import haar.probing as probing
from haar.actions import Space, Symmetry, Vector
from haar.groups import SO, O, dihedral, symmetric
from haar.probing.arrays import own_precision, tensor_of, with_tensors
from haar.probing.beside import agree, all_agree, another_batch, another_order, rows_of_sizes
from haar.probing.dense import check_dense
from haar.probing.fields_by_name import joined_fields
from haar.probing.manners import (
    by_position,
    check_arguments,
    check_call,
    check_model,
    check_symmetry,
    check_weights,
    interacting_layer,
    mode_dependent_layers,
    refuse_interacting,
    refuse_train_mode,
)
from haar.probing.samples import check_samples, separate
from haar.probing.told_apart import counts_rows, told_apart
from haar.probing.trajectory_names import trajectory_marks, trajectory_numbers
from haar.probing.trial import Trial

D4, S4 = dihedral(4), symmetric(4)
FIELDS = Symmetry.of_fields(D4, "p, u:vector")
VECTORS = Symmetry(D4, Vector(Space(D4)), Vector(Space(D4)))


def layered(seed: int, *sizes: int) -> nn.Module:
    """A network with drawn weights."""
    net: list[nn.Module] = []
    for k, (n, m) in enumerate(itertools.pairwise(sizes)):
        layer = nn.Linear(n, m, dtype=F64)
        with torch.no_grad():
            layer.weight.copy_(drawn(m, n, seed=seed + k) / n**0.5)
            layer.bias.copy_(drawn(m, seed=seed + k + 50))
        net += [layer, nn.Tanh()]
    return nn.Sequential(*net[:-1])


class Counting(nn.Module):
    """Writes down its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen += 1
        return x * self.calls


def batched(x: Tensor) -> Tensor:
    """Looks at the other samples of a batch."""
    return x - x.mean(0)


class Call:
    """Two inputs of a call, the second of which all copies share."""

    def __init__(self, *leaves: Any, shared: tuple[bool, ...] | None = None) -> None:
        self.leaves = list(leaves)
        self.shared = list(shared or (False,) * len(leaves))

    def joined(self, copies: Any) -> list[Any]:
        pairs = zip(zip(*copies, strict=True), self.shared, strict=True)
        return [parts[0] if shared else torch.cat(list(parts)) for parts, shared in pairs]


def trial(model: Any, *leaves: Any, sizes: tuple[int, ...] = (2, 3)) -> Any:
    """What a trial decides: whether copies are independent, and whether its numbers said something."""
    one = Trial(model, lambda given: [model(*given)], Call(*leaves))
    copies = [[x + k if isinstance(x, Tensor) and x.is_floating_point() else x for x in leaves] for k in range(3)]
    return [
        tried(one.independent, ([copies], sizes)),
        tried(lambda n: one.independent_when_drawn([n]), 1, 4),
        one.informative,
        tried(lambda k: one.refuse_unsteady(copies[k]), 0, 1),
    ]


def witnessed(*leaves: Tensor) -> list[Any]:
    """Everything that a model is given while it is tried."""
    seen: list[Any] = []

    def model(*given: Tensor) -> Tensor:
        seen.append([x.detach().clone() for x in given])
        return given[0].tanh()

    return [trial(model, *leaves), seen]


ASKED = [
    lambda: [
        witnessed(drawn(2, 3)),
        witnessed(torch.arange(6.0).reshape(2, 3)),
        witnessed(0.01 * drawn(2, 3), torch.tensor([[1], [0]])),
        witnessed(drawn(2, 3), torch.ones(2, 1)),
    ],
    lambda: (
        [probing.pieces(drawn(n, 2), m) for n, m in ((9, 4), (10, 4), (1, 4), (8, 4), (3, 2))],
        probing.drawn_like(
            (
                drawn(3, 2) * 5 + 1,
                torch.tensor([1, 2]),
                torch.ones(2),
                torch.full((2,), float("nan")),
                drawn(2) * 1j,
                torch.zeros(0),
            )
        ),
    ),
    lambda: (
        [
            probing.defect(f, s, (x,), s.group.elements(), norm=n)
            for f, s, x in (
                (torch.tanh, VECTORS, drawn(5, 2)),
                (lambda x: x + 1, VECTORS, drawn(5, 2)),
                (lambda x: x * 0, VECTORS, drawn(5, 2)),
                (lambda x: x.cumsum(-1), FIELDS, drawn(2, 3, 4, 4)),
            )
            for n in ("largest", "squares")
        ]
    ),
    lambda: (
        [
            (d.worst, d.mean, d.place if d.relative.numel() else None, str(d))
            for d in (
                probing.defect(lambda x: x + torch.tensor([1.0, 0.0]), VECTORS, (drawn(5, 2),), g)
                for g in ([], D4.elements(), D4.elements()[:1])
            )
        ],
        tried(
            lambda f, x: probing.defect(f, VECTORS, (x,), D4.elements()),
            (torch.tanh, drawn(5, 3)),
            (lambda x: x[:, :1], drawn(5, 2)),
            (torch.tanh, drawn(0, 2)),
            (lambda x: x[:2] if float(x[0, 0]) > 1.6 else x, drawn(5, 2) * 3),
            (lambda x: x / 0, drawn(5, 2)),
        ),
    ),
    lambda: (
        [probing.tolerance_of(e) for e in (1e-16, 9e-13, 1e-12, 9e-5, 1e-4)],
        [
            probing.some_elements(g, every=n, drawn=m, seed=0)
            for g, n, m in ((D4, 7, 3), (D4, 8, 3), (D4, 0, 1), (symmetric(7), 64, 3), (SO(2), 64, 2), (O(2), 64, 3))
        ],
        len(probing.some_elements(dihedral(32))),
        len(probing.some_elements(dihedral(33))),
        [probing.all_or_drawn(g, n, seed=0) for g, n in ((D4, 7), (D4, 8), (D4, 9), (symmetric(7), 3))],
    ),
    lambda: (
        tried(check_model, nn.Linear, nn.Linear(1, 1), 3, torch.sin),
        tried(check_symmetry, VECTORS, D4, "D4"),
        tried(check_weights, nn.Linear(1, 1, device="meta"), nn.Linear(1, 1), torch.sin),
        tried(check_call, (torch.sin, VECTORS), (lambda x, y: x, VECTORS), (3, VECTORS), (torch.sin, D4)),
    ),
    lambda: (
        tried(
            check_arguments,
            (lambda x: x, 1),
            (lambda x: x, 2),
            (lambda x, y: x, 1),
            (lambda x, y=1: x, 1),
            (lambda x, y=1: x, 2),
            (lambda x, y=1: x, 3),
            (lambda *x: x, 5),
            (lambda x, *, y: x, 1),
            (lambda x, *, y=1: x, 1),
            (lambda: 1, 0),
            (lambda: 1, 1),
            (lambda x, **k: x, 1),
            (nn.Linear(1, 1), 2),
            (torch.sin, 3),
        ),
        tried(
            by_position,
            (lambda x, y: x, (1,), {"y": 2}),
            (lambda x, *, y: x, (1,), {"y": 2}),
            (lambda x: x, (1,), {"z": 2}),
            (lambda x, y: x, (), {"y": 2, "x": 1}),
            (lambda x: x, (1,), {}),
        ),
    ),
    lambda: (
        [
            [name for name, _ in mode_dependent_layers(m)]
            for m in (
                nn.Sequential(
                    nn.Dropout(0.0),
                    nn.Dropout(0.1),
                    nn.BatchNorm1d(2),
                    nn.RReLU(),
                    nn.Linear(2, 2),
                    nn.GRU(2, 2),
                    nn.GRU(2, 2, 2, dropout=0.1),
                    nn.MultiheadAttention(2, 1),
                    nn.MultiheadAttention(2, 1, dropout=0.5),
                ),
                torch.sin,
            )
        ],
        [
            interacting_layer(m)
            for m in (
                nn.BatchNorm1d(2),
                nn.BatchNorm1d(2, track_running_stats=False),
                nn.Sequential(nn.InstanceNorm1d(2), nn.LayerNorm(2)),
                torch.sin,
            )
        ],
        tried(
            lambda m: refuse_train_mode(mode_dependent_layers(m)),
            nn.Dropout(0.1),
            nn.Dropout(0.1).eval(),
            nn.Linear(1, 1),
        ),
        tried(refuse_interacting, (2,), (3, "norm")),
    ),
    lambda: (
        [
            trial(f, drawn(2, 3))
            for f in (
                torch.tanh,
                batched,
                lambda x: x * 0,
                lambda x: x + 1e-9 * x.mean(0),
                lambda x: x * (1 + (x.abs().amax() > 1e3)),
                lambda x: x + torch.rand(()),
                lambda x: x.round(),
            )
        ]
    ),
    lambda: (
        [
            trial(f, x)
            for f, x in (
                (torch.tanh, torch.zeros(2, 3)),
                (torch.tanh, torch.arange(6.0).reshape(2, 3)),
                (lambda x: x.sqrt(), drawn(2, 3).abs()),
                (batched, 1e-4 * drawn(2, 3)),
                (nn.Softmax(0), drawn(2, 3)),
                (lambda x: x[:2], drawn(2, 3)),
                (lambda x: x / x, torch.zeros(2, 3)),
                (lambda x: (x + 0.5).long().float(), drawn(2, 3)),
            )
        ],
        trial(Counting(), drawn(2, 3)),
        trial(lambda x, y: x + y, drawn(2, 3), torch.tensor([[1.0], [2.0]])),
        trial(torch.tanh, drawn(2, 3), sizes=(1,)),
    ),
    lambda: (
        [
            [agree(torch.tensor(a), torch.tensor(b), r, **k) for r in (1e-3, 1e-2)]
            for a, b, k in (
                ([1.0, 2.0], [1.0, 2.01], {}),
                ([1.0, 2.0], [1.0, 2.01], {"absolute": 0.01}),
                ([[1.0, 2e-3]], [[1.0, 1e-3]], {"per": "output"}),
                ([[1.0], [2e-3]], [[1.0], [1e-3]], {"per": "row"}),
                ([1.0], [1.0, 1.0], {}),
                ([float("nan"), 1.0], [float("nan"), 1.0], {}),
                ([float("nan"), 1.0], [0.0, 1.0], {}),
                ([0.0, 1.0], [float("nan"), 1.0], {"within": True}),
                ([0.0, 1.0], [float("nan"), 1.0], {}),
                ([0.1], [0.0], {"met": 100.0}),
                ([float("inf")], [float("inf")], {}),
            )
        ],
        agree(torch.zeros(0), torch.zeros(0), 0.0),
        all_agree([drawn(2), drawn(3)], [drawn(2), drawn(3) + 1e-9]),
        all_agree([drawn(2)], [drawn(2) + 1e-7]),
        [
            t(torch.ones(2, dtype=d))
            for t in (another_batch, another_order)
            for d in (torch.float64, torch.float32, torch.float16)
        ],
        rows_of_sizes((3,), (1.0, 0.0, 1e3), seeded()),
    ),
    lambda: (
        tried(
            check_samples,
            ([drawn(3, 2)], 3),
            ([drawn(3, 2)], 2),
            ([drawn(3, 2), drawn(2)], 3),
            ([torch.tensor(1.0)], 1),
            ([3, None], 5),
        ),
        tried(
            separate,
            (drawn(6, 2), 3),
            (drawn(6, 2), 4),
            (drawn(6, 2), 1),
            (None, 2),
            ("a", 2),
            (torch.ones(4, dtype=torch.int64), 2),
            (3, 2),
            (np.ones(3), 3),
            (torch.tensor(1.0), 2),
            (torch.tensor(1.0), 1),
        ),
    ),
    lambda: (
        [
            type(told_apart([x, y], alike=a)).__name__
            for x, y in (
                (drawn(5, 3), drawn(5)),
                (drawn(5, 3), drawn(2, 3)),
                (drawn(5, 3), drawn(5, 3)),
                (drawn(5, 3), torch.ones(5, 3, dtype=torch.int64)),
                (drawn(5, 3), None),
                ((drawn(5),), drawn(5)),
                ({"x": drawn(5)}, drawn(5)),
                (drawn(5, 3) * 1j, drawn(5, 3)),
                (np.ones((5, 3)), np.ones((5, 3), dtype=bool)),
                ("a", "b"),
            )
            for a in ("batches", "pair")
        ],
        [
            type(told_apart(x, alike="pair")).__name__
            for x in (
                [drawn(5, 3), drawn(5), torch.arange(5)],
                [drawn(5, 3), drawn(5), torch.arange(4)],
                [drawn(5, 3), drawn(5), drawn(5)],
                [drawn(5)],
                (drawn(5), drawn(5)),
                [drawn(5, 3)] * 4,
            )
        ],
        [
            counts_rows(m, x)
            for m, x in (
                (torch.arange(5), drawn(5, 3)),
                (torch.arange(5), drawn(5)),
                (torch.arange(4), drawn(5, 3)),
                (drawn(5), drawn(5, 3)),
                (torch.arange(5), {"x": 1}),
                (torch.ones(5, 1, dtype=torch.int64), drawn(5, 3)),
                (np.arange(5), drawn(5, 3)),
            )
        ],
    ),
    lambda: (
        [
            trajectory_numbers(m)
            for m in (
                ["b", "a", "b"],
                np.array(["b", "a"], dtype=object),
                np.array([2, 1]),
                ["a", 1],
                np.array([["a"]]),
                [],
            )
        ],
        tried(
            trajectory_marks,
            ([3, 3, 1], 3),
            ([3, 3, 1], 2),
            ([0.5, 1.0], 2),
            ([True, False], 2),
            ([[1, 2]], 2),
            (["a", "b"], 2),
            (["a", 1], 2),
            (torch.arange(3), 3),
        ),
    ),
    lambda: (
        tried(
            lambda v: joined_fields(FIELDS.outputs, v),
            {"p": drawn(5, 4, 4), "u": drawn(5, 2, 4, 4)},
            {"p": drawn(5, 1, 4, 4), "u": drawn(5, 2, 4, 4)},
            {"p": drawn(5, 4, 4)},
            {"p": drawn(5, 4, 4), "u": drawn(5, 3, 4, 4)},
            {"p": drawn(4, 4), "u": drawn(2, 4, 4)},
            {"p": drawn(5, 4, 5), "u": drawn(5, 2, 4, 4)},
            {"p": 3, "u": drawn(5, 2, 4, 4)},
        ),
        joined_fields(Symmetry.of_fields(D4, "p", history=2).inputs[0], {"p": drawn(5, 4, 4)}),
        joined_fields(VECTORS.outputs, {"p": drawn(5)}),
        joined_fields(Symmetry.of_fields(D4, "p, q").outputs, {"p": drawn(5, 4, 4), "q": drawn(5, 4, 4)}).shape,
        joined_fields(
            Symmetry.of_fields(D4, "p, u:vector", channels="last").outputs,
            {"p": drawn(5, 4, 4), "u": drawn(5, 4, 4, 2)},
        ).shape,
    ),
    lambda: (
        tried(
            lambda *x: probing.check_finite("x", x),
            drawn(3, 2),
            torch.tensor([[1.0], [float("inf")]]),
            torch.tensor(float("nan")),
            (drawn(2), [torch.tensor([0.0, 1.0, float("nan")])]),
            torch.tensor([1, 2]),
            torch.tensor([1j, float("inf") + 0j]),
        ),
        tried(lambda *x: check_dense("x", x), drawn(2), torch.eye(2).to_sparse(), (drawn(2), torch.eye(2).to_sparse())),
        [own_precision(m) for m in (nn.Linear(1, 1), nn.Linear(1, 1).double(), torch.sin, nn.ReLU())],
        [tensor_of(np.array([1, 2], dtype=d), p) for d in (">f4", "<f8", ">i4", "bool") for p in (None, torch.float32)],
        with_tensors({"x": np.ones(2), "y": (np.array(["a"]), 3)}, torch.float64),
    ),
    lambda: (
        [
            probing.in_double_precision(m).weight.dtype
            for m in (
                nn.Linear(1, 1),
                nn.Linear(1, 1).half(),
                nn.Linear(1, 1).bfloat16(),
                nn.Linear(1, 1, dtype=torch.complex64),
            )
        ],
        [
            p
            for m in (nn.Linear(2, 2, dtype=F64), nn.BatchNorm1d(2, dtype=F64))
            for p in probing.disturbed(nn.init.zeros_(m.weight) is None or m, seed=1).state_dict().values()
        ],
        list(probing.disturbed(layered(1, 2, 3), fixed=("bias",), seed=2).state_dict().values()),
    ),
    lambda: (
        [
            [tuple(x.shape) for x in probing.example_inputs(s, 5)]
            for s in (
                FIELDS,
                VECTORS,
                Symmetry.of_graph(4, inputs="edge_index", outputs="graph"),
                Symmetry.of_atoms("O3", inputs="positions", outputs="energy"),
            )
        ],
        [
            [x[0].shape[-1] for x in probing.fitting_inputs(FIELDS, f)]
            for f in (lambda x: x[0], lambda x: nn.MaxPool2d(2)(x[0]).sum() if x[0].shape[-1] % 8 == 0 else 1 / 0)
        ],
        [len(list(probing.fitting_inputs(VECTORS, lambda x: x)))],
        tried(lambda f: len(list(probing.fitting_inputs(FIELDS, f))), lambda x: 1 / 0),
    ),
    lambda: (
        tried(
            lambda f: probing.ForwardOnly(f)(drawn(2)),
            torch.sin,
            lambda x: torch.autograd.grad(x.requires_grad_().square().sum(), x)[0],
            lambda x: {"a": (x, None)},
        ),
        tried(probing.ForwardOnly(nn.Linear(2, 2)), drawn(2), torch.ones(2, dtype=torch.int64)),
        [
            probing.given_data(d, nn.Linear(2, 2).double(), VECTORS)
            for d in (
                drawn(3, 2),
                np.ones((3, 2), dtype="f4"),
                (np.ones((3, 2)), np.ones((3, 2))),
                {"x": np.ones((3, 2)), "labels": np.ones((3, 2))},
                [drawn(3, 2), drawn(3)],
            )
        ],
    ),
    lambda: (
        [
            probing.given_rows(d, torch.sin, VECTORS)
            for d in (
                (drawn(3, 2), drawn(3, 2)),
                [(drawn(3, 2), drawn(3, 2)), (drawn(2, 2), drawn(2, 2))],
                {"x": drawn(3, 2), "y": drawn(3, 2)},
            )
        ],
        tried(lambda d: probing.given_rows(d, torch.sin, VECTORS), drawn(3, 2), [drawn(3, 2), drawn(4, 2)], "x", []),
        tried(
            lambda d: probing.given_data(d, lambda x, t: x, VECTORS),
            {"x": drawn(3, 2), "t": drawn(3), "label": drawn(3)},
            {"a": drawn(3, 2), "b": drawn(3)},
            {"x": drawn(3, 2)},
        ),
    ),
]
