"""Questions to actions, and to symmetries in words."""

# ruff: noqa: F403, F405 (every name of a face)

from __future__ import annotations

import torch
from questions_to_groups import skew, turn
from recorded import F64, drawn, lifted, seeded, tried

import haar.actions.representation as kinds
from haar.actions import *
from haar.actions.action import RestrictedAction
from haar.actions.axes import FieldAxes, check_axis
from haar.actions.cubic_convolution import cubic_convolution
from haar.actions.eigenspaces import multiplicities as counts_of
from haar.actions.fourier import multiply_modes
from haar.actions.gradient import gradient
from haar.actions.names import named_symmetry
from haar.actions.statistics import mixed_channels
from haar.actions.trees import map_values, paths, rebuild, value_leaves
from haar.groups import *
from haar.intertwiners import irreducible

D4, S4, C3 = dihedral(4), symmetric(4), cyclic(3)


ASKED = [
    lambda: (
        [
            lifted(Vector(Space(D4)), 5, 2),
            lifted(Vector(Defining(SO(2))), 2),
            lifted(Vector(Defining(SO(3)), axis=-2), 3, 4),
            lifted(Vector(Regular(D4) + Trivial(D4)), 9),
            lifted(Vector(Defining(symmetric(7)), axis=-2), 7, 2),
        ]
    ),
    lambda: (
        [
            lifted(Field(rep), rep.dim, 4, 4)
            for rep in (Space(D4), Trivial(D4), Regular(D4), Determinant(Space(D4)) + Space(D4), irreducible(D4, "E"))
        ],
        lifted(Field(Space(octahedral())), 3, 3, 3, 3),
    ),
    lambda: (
        [
            lifted(Field(Space(D4), centring="node"), 2, 4, 4),
            lifted(Field(Space(D4), channels="last"), 4, 4, 2),
            lifted(Field(Trivial(D4), channels=None), 4, 4),
            lifted(Field(Space(reflections(2)), centring=("node", "cell"), periodic=(True, False)), 2, 4, 6),
            lifted(Field(Space(D4), centring="node", periodic=False), 2, 5, 5),
        ]
    ),
    lambda: (
        [
            lifted(Field(Space(grid_group(D4, (4, 4), step=2))), 2, 4, 4),
            lifted(Field(Trivial(shifts((4, 6)))), 1, 4, 6),
            lifted(Field(Space(grid_group(reflections(2), (4, 6))), centring="node"), 2, 4, 6),
            lifted(Field(Defining(SO(2)), space_dim=2), 2, 3, 4),
            lifted(Field(Defining(cyclic(3)), space_dim=1, channels="last"), 5, 2),
        ]
    ),
    lambda: (
        [
            Field(Space(D4), centring="node")
            .act(torch.tensor(g), torch.arange(32.0).reshape(1, 2, 4, 4))
            .flatten()
            .long()
            for g in range(8)
        ],
        [
            Field(Space(D4)).act(torch.tensor(g), torch.arange(18.0).reshape(1, 2, 3, 3)).flatten().long()
            for g in range(8)
        ],
        [
            Field(Trivial(shifts((2, 3)))).act(torch.tensor(g), torch.arange(6).reshape(1, 1, 2, 3)).flatten()
            for g in range(6)
        ],
    ),
    lambda: (
        tried(Field, Trivial(cyclic(3)), Space(D4)),
        tried(
            lambda k: Field(Space(D4), **k),
            {"centring": "edge"},
            {"centring": ("node", "cell")},
            {"centring": ("node", "cell"), "periodic": False},
            {"centring": ("cell",)},
            {"periodic": (True, False)},
            {"periodic": 1},
            {"periodic": "no"},
            {"periodic": (1, 1)},
            {"periodic": (True,)},
            {"channels": None},
            {"channels": "middle"},
            {"space_dim": 2},
            {"space_dim": 3},
        ),
        tried(lambda k: Field(Trivial(cyclic(3)), space_dim=k), 0, 1, 3, 4),
        tried(
            lambda *p: Field(Trivial(shifts((4, 6), periodic=(True, False))), periodic=p), (True, False), (False, True)
        ),
    ),
    lambda: (
        tried(
            Field(Space(D4)).check,
            drawn(1, 2, 4, 4),
            drawn(1, 2, 4, 5),
            drawn(1, 3, 4, 4),
            drawn(2, 4),
            drawn(2, 4, 4),
            torch.ones(1, 2, 4, 4, dtype=torch.uint8),
        ),
        tried(Field(Trivial(D4)).check, torch.ones(1, 1, 4, 4, dtype=torch.bool)),
        tried(Field(Trivial(shifts((4, 4)))).check, drawn(1, 1, 4, 4), drawn(1, 1, 4, 6)),
        tried(
            lambda g: Field(Space(D4)).act(torch.tensor(g), drawn(3, 2, 4, 4)),
            -1,
            0,
            7,
            8,
            [0, 1, 2],
            [0, 1],
            [[0]],
            0.5,
            [0, 1, 9],
        ),
        tried(Field(Space(D4)).act, (torch.tensor([0, 1]), drawn(2, 4, 4))),
    ),
    lambda: (
        [
            lifted(Field(AxisSign(reflections(1), 0)).affine(torch.ones(1, 1, 1).double()), 1, 4),
            lifted(
                Field(AxisSign(reflections(2), 1), channels="last").affine(
                    torch.tensor([1.0, 0.0]).double().reshape(2, 1, 1, 1)
                ),
                4,
                6,
                1,
            ),
        ],
        tried(
            lambda o: Field(AxisSign(reflections(1), 0)).affine(o),
            torch.ones(2, 1, 1).double(),
            torch.ones(1, 2, 1).double(),
            torch.ones(1, 1).double(),
            torch.ones(1, 1, 5).double(),
            torch.arange(4.0).double().reshape(1, 1, 4),
        ),
        tried(Field(Defining(SO(2)), space_dim=2).affine, torch.ones(0, 2, 1, 1).double()),
    ),
    lambda: (
        tried(
            lambda o: Field(AxisSign(reflections(1), 0), offset=o),
            torch.tensor([0.0, 1.0]).reshape(2, 1, 1),
            torch.tensor([1.0, 1.0]).reshape(2, 1, 1),
            torch.tensor([1e-10, 1.0]).double().reshape(2, 1, 1),
            torch.tensor([1e-8, 1.0]).double().reshape(2, 1, 1),
            torch.ones(3, 1, 1),
            torch.tensor([[0.0, 0.0], [1.0, 1.0 + 1e-10]]).double().reshape(2, 1, 2),
            torch.tensor([[0.0, 0.0], [1.0, 2.0]]).double().reshape(2, 1, 2),
        ),
        tried(
            Field(AxisSign(reflections(1), 0)).affine(torch.ones(1, 1, 4).double()).check,
            drawn(1, 1, 4),
            drawn(1, 1, 5),
            torch.ones(1, 1, 4, dtype=torch.int64),
        ),
    ),
    lambda: (
        [
            lifted(Field(Space(D4)).restrict(D4.subgroup([1])), 2, 4, 4),
            lifted(Field(Space(D4)).with_rep(Trivial(D4, 3), channels="last"), 4, 4, 3),
            lifted(Vector(Space(D4)).restrict(D4.subgroup([4])), 2),
            lifted(RestrictedAction(Field(Space(D4)), D4.subgroup([1])), 2, 4, 4),
            lifted(Invariant(D4), 2),
            lifted(Invariant(D4).restrict(D4.subgroup([1])), 2),
            lifted(
                Field(AxisSign(reflections(1), 0))
                .affine(torch.ones(1, 1, 1).double())
                .restrict(reflections(1).subgroup([1])),
                1,
                4,
            ),
        ],
        tried(Invariant(D4).restrict, cyclic(4).subgroup([1])),
        tried(lambda b: Invariant(D4, batched=b).batched, True, False, 1),
    ),
    lambda: (
        [
            lifted(Points(rotation=Defining(SO(3))), 5, 3),
            lifted(Points(relabelling=Defining(S4)), 4, 2),
            lifted(
                Points(
                    rotation=Space(D4).pull_back(product(D4, S4), 0),
                    relabelling=Defining(S4).pull_back(product(D4, S4), 1),
                ),
                4,
                2,
            ),
            lifted(Bilinear(Space(D4)), 2, 2),
            lifted(Bilinear(Defining(SO(3))), 3, 3),
            lifted(Points(rotation=Space(D4)).restrict(D4.subgroup([1])), 4, 2),
            lifted(Bilinear(Space(D4)).restrict(D4.subgroup([1])), 2, 2),
        ],
        tried(lambda a, b: Points(rotation=a, relabelling=b), (None, None), (Space(D4), Defining(S4))),
    ),
    lambda: (
        [lifted(Edges(Defining(S4)), x=torch.randint(4, (3, 2, 5), generator=seeded()))],
        tried(Edges, Defining(D4), Space(D4), Defining(S4)),
        tried(
            Edges(Defining(S4)).check,
            torch.tensor([[0, 3], [1, 2]]),
            torch.tensor([[0, 4], [1, 2]]),
            torch.tensor([[-1, 3], [1, 2]]),
            torch.tensor([0, 1]),
            torch.ones(3, 2, dtype=torch.int64),
            torch.ones(2, 3),
            torch.ones(2, 3, dtype=torch.bool),
        ),
        tried(Edges(Defining(S4)).act, (torch.tensor([0, 1]), torch.ones(2, 3, dtype=torch.int64))),
    ),
    lambda: (
        [
            lifted(
                Keypoints(D4, (8, 8), order=o, coordinates=c),
                x=Keypoints(D4, (8, 8), order=o, coordinates=c).example(3, 2, seeded()),
            )
            for o in ("ij", "xy")
            for c in ("index", "edge")
        ],
        [
            lifted(
                Keypoints(grid_group(reflections(2), (4, 6), step=(2, 1)), (4, 6), centring=c, order=o),
                x=4 * drawn(3, 2, 2),
            )
            for c in ("cell", "node")
            for o in ("ij", "xy")
        ],
    ),
    lambda: (
        [
            lifted(Boxes(D4, (8, 8), form=f, order=o), x=Boxes(D4, (8, 8), form=f, order=o).example(3, 2, seeded()))
            for f in ("xyxy", "cxcywh")
            for o in ("ij", "xy")
        ],
        [
            lifted(Boxes(shifts((4, 6)), (4, 6), form=f, order="ij", coordinates="index"), x=4 * drawn(3, 2, 4))
            for f in ("xyxy", "cxcywh")
        ],
        lifted(Boxes(reflections(2), (4, 6)).restrict(reflections(2).subgroup([1])), 1, 4),
    ),
    lambda: (
        [
            Keypoints(shifts((4, 6)), (4, 6)).act(torch.tensor(g), torch.tensor([[3, 5], [0, 0], [-1, 6]]))
            for g in (0, 1, 7)
        ],
        [
            Keypoints(shifts((4, 6)), (4, 6)).act(torch.tensor(g), torch.tensor([[3.4, 5.6], [-0.5, 0.0], [-0.6, 5.4]]))
            for g in (0, 1, 7)
        ],
        [Boxes(D4, (8, 8)).act(torch.tensor(g), torch.tensor([[1, 2, 4, 8]])) for g in range(8)],
        [Keypoints(D4, (8, 8)).act(torch.tensor(g), torch.tensor([[1, 2]])) for g in range(8)],
    ),
    lambda: (
        tried(
            lambda k: Keypoints(D4, (8, 8), **k),
            {"order": "yx"},
            {"coordinates": "corner"},
            {"centring": "node", "coordinates": "edge"},
            {"centring": "node"},
        ),
        tried(Keypoints, (D4, (8, 6)), (D4, (8,)), (D4, (0, 8)), (cyclic(3), (8, 8))),
        tried(lambda f: Boxes(D4, (8, 8), form=f), "xywh", "xyxy"),
        tried(
            Keypoints(reflections(1), (200,)).check,
            torch.ones(3, 1),
            torch.ones(3, 2),
            torch.ones(3, 1, dtype=torch.int8),
            torch.ones(3, 1, dtype=torch.int16),
            torch.ones(3, 1, dtype=torch.uint8),
            torch.ones(3, 1) * 1j,
            torch.tensor(1.0),
        ),
        tried(Keypoints(reflections(1), (127,)).check, torch.ones(3, 1, dtype=torch.int8)),
        tried(Keypoints(reflections(1), (128,)).check, torch.ones(3, 1, dtype=torch.int8)),
        tried(Keypoints(reflections(1), (200,)).linear().check, torch.ones(3, 1, dtype=torch.int8)),
        tried(Keypoints(D4, (8, 8)).act, (torch.tensor([0, 1]), torch.ones(2))),
    ),
    lambda: (
        [
            lifted(InterpolatedField(Defining(SO(2)), mode=m, padding=p), 2, 7, 7)
            for m in ("linear", "cubic", "nearest")
            for p in ("border", "zeros", "reflection")
        ],
        [
            lifted(InterpolatedField(Trivial(SO(2)), channels=c, spacing=(1.0, 0.5)), *s)
            for c, s in (("last", (7, 9, 1)), (None, (7, 9)))
        ],
        lifted(InterpolatedField(Defining(SO(3)), gradient="spectral"), 3, 5, 5, 5),
        lifted(InterpolatedField(Defining(O(2)), gradient="spectral", mode="cubic"), 2, 6, 6),
    ),
    lambda: (
        [
            InterpolatedField(Trivial(SO(2)), spacing=h).inside(n).flatten().long()
            for h, n in (((1.0, 1.0), (5, 5)), ((1.0, 0.5), (4, 6)), (None, (4, 4)))
        ],
        InterpolatedField(Defining(SO(2))).round_trip_error(turn(20.0), drawn(1, 2, 9, 9)),
        InterpolatedField(Trivial(SO(2)), mode="nearest").act(turn(90.0), torch.arange(9).reshape(1, 1, 3, 3)),
        InterpolatedField(Trivial(SO(2)), mode="nearest").act(turn(90.0), 2**40 + torch.arange(9).reshape(1, 1, 3, 3)),
        InterpolatedField(Defining(SO(2))).act(turn(30.0), drawn(1, 2, 5, 5) * (1 + 2j)),
        InterpolatedField(Trivial(SO(2)), mode="nearest").act(
            turn(90.0), torch.arange(9, dtype=torch.int16).reshape(1, 1, 3, 3)
        ),
        InterpolatedField(Defining(SO(2))).act(turn(30.0), drawn(1, 2, 5, 5).half()),
    ),
    lambda: (
        tried(
            lambda k: InterpolatedField(Defining(SO(2)), **k),
            {"mode": "spline"},
            {"padding": "wrap"},
            {"gradient": "exact"},
            {"dim": 3},
            {"dim": 2},
            {"spacing": (1.0,)},
            {"spacing": (1.0, 0.0)},
            {"channels": None},
        ),
        tried(InterpolatedField, Defining(SO(4)), Defining(cyclic(3)), Regular(cyclic(3))),
        tried(
            InterpolatedField(Trivial(SO(2))).check, torch.ones(1, 1, 4, 4, dtype=torch.int64), torch.ones(1, 2, 4, 4)
        ),
        lifted(InterpolatedField(Defining(cyclic(3))).restrict(cyclic(3).subgroup([1])), 2, 5, 5),
    ),
    lambda: (
        [
            cubic_convolution(drawn(n, 2, 6), drawn(n, 4, 1) * 4 + 2, p)
            for n in (1, 3)
            for p in ("border", "zeros", "reflection")
        ],
        cubic_convolution(drawn(2, 1, 4, 5), drawn(1, 3, 3, 2) * 2 + 2, "zeros"),
        [gradient(drawn(2, 3, n), -1, spectral=s) for n, s in ((5, False), (6, False), (6, True), (5, True))],
        gradient(drawn(7, 3), -2),
        tried(gradient, (drawn(4), -1)),
        multiply_modes(drawn(2, 6) * 1j + drawn(2, 6, seed=1), -1, lambda k: 1j * k, 0.5),
        multiply_modes(drawn(2, 5, 2).half(), -2, lambda k: 1j * k, 0.5),
    ),
    lambda: (
        [
            lifted(ContinuousShift(Torus(1), channels=None), 5),
            lifted(ContinuousShift(Torus(1)), 2, 6),
            lifted(ContinuousShift(Torus(2), channels="last"), 5, 6, 2),
            lifted(ContinuousShift(Torus(1), axes=[1], space_dim=2), 2, 4, 5),
        ],
        tried(
            lambda k: ContinuousShift(Torus(2), **k).shifted,
            {},
            {"axes": [0]},
            {"axes": [0, 0]},
            {"axes": [0, 2]},
            {"axes": [1, 0]},
            {"axes": [-1, 0]},
            {"space_dim": 1},
            {"space_dim": 3},
        ),
        tried(ContinuousShift(Torus(1)).check, drawn(4), torch.ones(2, 4, dtype=torch.int64), drawn(2, 4)),
        tried(ContinuousShift, D4),
    ),
    lambda: (
        [
            lifted(Spectral((1, 2)), 5, 3),
            lifted(Spectral((1, 1, 1)), 5, 3),
            lifted(Spectral((2, 3, 1), axis=-2), 6, 4),
            lifted(Spectral((3,)), 4, 3),
            lifted(Vector(SignCharacter(sign(11), torch.eye(11, dtype=torch.int64)[:3])), 3),
        ],
        tried(Spectral, [], [0], [1, -1], [2]),
        tried(
            lambda g: Spectral((1, 2), group=g), Spectral((1, 2)).group, Spectral((2, 1)).group, Spectral((2,)).group
        ),
        [
            Spectral.of_eigenvalues(torch.tensor(v), tolerance=t).spaces
            for v, t in (
                ([0.5, 0.5, 2.0], 1e-8),
                ([0.0, 0.6, 1.2], 0.5),
                ([0.0, 0.6, 1.2], 0.4),
                ([2.0, 1.0, 1.0], 1e-8),
            )
        ],
        tried(
            SignCharacter,
            (Spectral((1, 1)).group, torch.tensor([[0, 2]])),
            (Spectral((1, 1)).group, torch.tensor([[0, 1, 1]])),
            (Spectral((1, 1)).group, [[0, 1]]),
        ),
    ),
    lambda: (
        tried(
            lambda v, t=1e-8, s=None: eigenspaces(torch.tensor(v), tolerance=t, scale=s),
            [0.0, 1.0, 1.0, 3.0],
            [3.0, 1.0, 2.0],
            [],
            [1.0, float("nan")],
            1.0,
            ([0.0, 1.0], -1.0),
            ([0.0, 1.0], 0.0),
            ([0.0, 1.0], float("nan")),
            ([0.0, 0.5, 2.0], 0.25),
            ([0.0, 0.5, 2.0], 0.249),
            ([[0.0, 1.0], [0.0, 4.0]], 0.5, torch.tensor([2.0, 4.0])),
        ),
        counts_of(torch.tensor([0, 1, 1, 2])),
    ),
    lambda: (
        [
            lifted(Concatenated([(Field(Space(D4)), 2), (Invariant(D4), 1)], axis=-3), 3, 4, 4),
            lifted(Concatenated([(Vector(Space(D4)), 2), (Vector(Trivial(D4, 2)), 2)], axis=-1), 4),
            lifted(Concatenated([(Vector(Defining(SO(2))), 2), (Invariant(SO(2)), 2)], axis=-1), 4),
        ],
        tried(
            lambda p, axis=-1: Concatenated(p, axis=axis),
            [],
            [(Vector(Space(D4)), 0)],
            [(Vector(Space(D4)), 2)],
            [(Vector(Space(D4)), True)],
            [(Vector(Space(D4)),)],
            [(Space(D4), 2)],
            [(Vector(Space(D4)), 2), (Invariant(S4), 1)],
            ([(Vector(Space(D4)), 2)], 0),
        ),
        tried(check_axis, -1, 0, 1, True, -1.0),
    ),
    lambda: (
        [lifted(Vector(AxisSign(reflections(3), k)), 1) for k in (0, 1, 2)],
        tried(
            AxisSign, (D4, 0), (reflections(2), 2), (reflections(2), -1), (cyclic(3), 0), (axial(2), 2), (axial(2), 0)
        ),
    ),
    lambda: tried(
        lambda *a: centring_of(torch.tensor(a[0]), **(a[1] if a[1:] else {})),
        ([0.0, 1.0, 2.0], {}),
        ([0.5, 1.5, 2.5], {}),
        ([0.0, 1.0, 2.0], {"end": 2.0}),
        ([0.0], {}),
        ([0.0, 0.0], {}),
        ([1.0, 0.0], {}),
        ([0.2, 1.2, 2.2], {}),
        ([0.0009, 1.0, 2.0], {}),
        ([0.003, 1.0, 2.0], {}),
        ([0.5009, 1.5, 2.5], {}),
        ([0.504, 1.5, 2.5], {}),
        ([1.0, 2.0, 3.0], {"start": 1.0}),
        ([1.0, 2.0, 3.0], {"start": 1.0, "end": 4.0}),
        ([1.0, 2.0, 3.0], {"start": 1.0, "end": 4.1}),
        ([0.0, 0.5, 2.0], {"end": 3.0}),
        ([0.0, 0.3, 1.7, 2.0], {"end": 2.0}),
    ),
    lambda: tried(
        check_centring,
        (Field(Trivial(reflections(1))), torch.arange(4.0)),
        (Field(Trivial(reflections(1)), centring="node"), torch.arange(4.0)),
        (Field(Trivial(reflections(1)), centring="node", periodic=False), torch.arange(4.0) + 0.5),
        (Field(Trivial(reflections(2)), centring=("cell", "node")), torch.arange(4.0) + 0.5, torch.arange(4.0)),
        (Field(Trivial(reflections(2)), centring=("cell", "node")), torch.arange(4.0) + 0.5, torch.arange(4.0) + 0.5),
        (Field(Trivial(reflections(2))), torch.arange(4.0)),
    ),
    lambda: (
        [
            (
                spec.order,
                spec.parity,
                spec.role,
                spec.kind,
                spec.size(2),
                spec.size(3),
                spec.components(2),
                spec.components(3),
                spec.components(2, ["theta", "phi"]),
            )
            for spec in map(
                FieldSpec.parse,
                (
                    "p",
                    "u:vector",
                    "D:tensor",
                    "w:pseudoscalar",
                    "B:pseudovector",
                    "mask:scalar:constant",
                    "Q:pseudotensor:variable",
                ),
            )
        ],
        tried(FieldSpec.parse, "", ":scalar", "u:vectr", "u:vector:constnt", "u:vector:constant:x", "u:xyz"),
        tried(
            FieldSpec,
            ("u", 3),
            ("u", -1),
            ("u", True),
            ("u", 1, 0),
            ("u", 1, -1),
            ("u", 1, 1, "fixed"),
            ("",),
            (3,),
        ),
    ),
    lambda: (
        [
            (
                lay.channels,
                lay.channel_names(),
                lay.slices(),
                [f.name for f, _ in lay.blocks()],
                lay.output().channel_names(),
                lay.joined_blocks([(0, 1)]),
            )
            for lay in (
                Layout.parse("p, u:vector", history=2),
                Layout.parse("p, u:vector, mask:scalar:constant", history=3),
                Layout.parse("D:tensor, p", dim=3),
                Layout.parse({"a": "scalar", "b": "vector"}, dim=1),
            )
        ],
        tried(lambda k: Layout.parse("p, u:vector, m:scalar:constant", history=2).slices(k), -1, 0, 1, 2),
        tried(Layout.parse("p, u:vector").field, "u", "v", "zz"),
        tried(
            lambda *a: Layout.parse(a[0], **a[1]),
            ("p, p", {}),
            ("p", {"dim": 0}),
            ("p", {"dim": 4}),
            ("p", {"dim": True}),
            ("p", {"history": 0}),
            ("p", {"history": True}),
            ([], {}),
            (3, {}),
            ({"p": 3}, {}),
            (FieldSpec("p"), {}),
            (["p", FieldSpec("u", 1)], {}),
            ("p,", {}),
        ),
        tried(Layout.parse("m:scalar:constant").output),
        Layout.parse("p", history=2).with_history(3).history,
        tried(lambda *axes: Layout((FieldSpec("p"),), 2, 1, axes).axes, ("r",), ("r", "t")),
    ),
    lambda: (
        [
            field_representation(Layout.parse(f, dim=d, history=h), g)
            for f, d, h, g in (
                ("p, u:vector", 2, 2, D4),
                ("w:pseudoscalar, B:pseudovector, D:tensor", 2, 1, D4),
                ("p", 2, 1, cyclic(3)),
                ("u:vector", 3, 1, octahedral()),
            )
        ],
        field_representation(Layout.parse("a, re, im"), SO(2), internal={("re", "im"): Defining(SO(2))}),
        field_representation(Layout.parse("a, b"), reflections(2), internal={"b": AxisSign(reflections(2), 0)}),
        field_representation(Layout.parse("u:vector", dim=2), C3, space=Defining(C3)),
        field_representation(Layout.parse("u:vector", dim=2), SO(2), internal={"u": Trivial(SO(2))}),
    ),
    lambda: (
        tried(
            lambda f, g, k: field_representation(Layout.parse(f), g, internal=k),
            ("a, b, c", D4, {"d": Trivial(D4)}),
            ("a, b, c", D4, {"a": Trivial(S4)}),
            ("a, b, c", D4, {"a": Space(D4)}),
            ("a, b, c", D4, {("a", "c"): Space(D4)}),
            ("a, b:vector", D4, {("a", "b"): Space(D4)}),
            ("a, b, c", D4, {("a", "b"): Space(D4), "b": Trivial(D4)}),
            ("a, b, c", D4, {("b", "c"): Space(D4)}),
            ("u:vector", SO(2), {}),
            ("w:pseudoscalar", SO(2), {}),
            ("p", octahedral(), {}),
            ("a, m:scalar:constant", D4, {("a", "m"): Space(D4)}),
        ),
        tried(
            lambda s: field_representation(Layout.parse("u:vector"), D4, space=s),
            Space(D4),
            Trivial(D4),
            Space(cyclic(4)),
        ),
    ),
    lambda: (
        [
            (
                s,
                s.inputs[0].rep.name,
                s.outputs.rep.name,
                s.inputs[0].channel_blocks(s.inputs[0].rep.dim),
                s.approximate,
                s.linear(),
                s.restrict(s.group.subgroup([1])) if hasattr(s.group, "subgroup") else None,
            )
            for s in (
                Symmetry.of_fields("D4", "p, u:vector", history=2),
                Symmetry.of_fields(D4, "p, mask:scalar:constant", centring="node", channels="last"),
                Symmetry.of_fields("SO2", "u:vector", interpolate="cubic"),
                Symmetry.of_fields("Oh", "p", outputs="u:vector"),
                Symmetry.of_fields("reflections", "p", dim=3),
            )
        ]
    ),
    lambda: tried(
        lambda a, k: Symmetry.of_fields(*a, **k),
        (("D5x", "p"), {}),
        ((cyclic(3), "p"), {}),
        (("SO2", "p"), {"interpolate": "linear", "centring": "node"}),
        (("D4", "p"), {"channels": None}),
        (("D4", "p, u:vector"), {"outputs": "u"}),
        (("D4", "p"), {"internal": {"q": Trivial(D4)}}),
        (("D4", "p"), {"dim": 3}),
        ((cyclic(3), "p"), {"dim": 2}),
        (("reflections", "p"), {}),
        (("D4", "p"), {"centrng": "node"}),
        (("D4", "p"), {"outputs": "q", "internal": {"q": Trivial(dihedral(4))}}),
    ),
    lambda: (
        [
            Symmetry.of_atoms(**k)
            for k in (
                {},
                {"outputs": "energy, forces:vector, stress:tensor"},
                {"outputs": ["energy", "forces"]},
                {"inputs": "positions, m:pseudovector", "graph": True},
                {"group": "SO3", "inputs": "pos, cell, q:scalar", "outputs": "dipole"},
            )
        ],
        tried(
            lambda k: Symmetry.of_atoms(**k),
            {"group": "S3"},
            {"group": D4},
            {"group": SO(4)},
            {"inputs": "a, a"},
            {"inputs": "a:spinor"},
            {"inputs": ","},
            {"group": "nothing"},
        ),
    ),
    lambda: (
        [
            Symmetry.of_graph(5, **k)
            for k in (
                {},
                {"inputs": "x, z, adj, edge_attr, c:pairs", "outputs": ["nodes", "graph"]},
                {"graph": True, "outputs": "edges, numbers"},
            )
        ],
        tried(
            lambda g, k: Symmetry.of_graph(g, **k),
            (D4, {}),
            (5, {"inputs": "x, x"}),
            (5, {"inputs": "w"}),
            (5, {"inputs": "w:foo"}),
            (5, {"inputs": " "}),
            (0, {}),
        ),
    ),
    lambda: (
        [
            named_symmetry(*a)
            for a in (
                ("C4", "3 * vector", "vector + 2 * scalar"),
                ("D4", "field: scalar + vector", "invariant"),
                ("SO3", "points: vector; invariant", "tensor; pseudoscalar"),
                ("S3", "2regular", "Vector: regular"),
            )
        ],
        tried(
            named_symmetry,
            ("C4", "3 * vectr", "vector"),
            ("C4", "fields: vector", "vector"),
            ("C4", "invariant: vector", "vector"),
            ("SO3", "regular", "vector"),
            ("C4x", "vector", "vector"),
            ("C3", "field: vector", "vector"),
            ("C4", "0 * vector", "vector"),
            ("C4", "", "vector"),
        ),
    ),
    lambda: (
        [
            invariant_statistics(rep, drawn(rep.dim), drawn(rep.dim, seed=1).abs())
            for rep in (
                Space(D4),
                Trivial(D4, 2) + Space(D4),
                Regular(D4),
                Defining(SO(3)) + Trivial(SO(3)),
                Determinant(Space(D4)),
                Spectral((1, 2)).rep,
            )
        ],
        [
            mixed_channels(rep)
            for rep in (
                Trivial(D4, 2) + Space(D4),
                Regular(D4),
                Space(reflections(2)),
                Defining(SO(2)) + 2 * Trivial(SO(2)),
                Spectral((1, 2)).rep,
                Trivial(D4, 256),
                Trivial(D4, 257),
            )
        ],
        tried(
            lambda m, s: invariant_statistics(Space(D4), torch.tensor(m), torch.tensor(s)),
            ([0.0, 0.0], [1.0, -0.1]),
            ([0.0, 0.0], [0.0, 1.0]),
            ([0.0], [1.0, 1.0]),
            ([0.0, float("nan")], [1.0, 1.0]),
            ([0, 0], [1.0, 1.0]),
            ([0.0, 0.0], [1, 1]),
            ([1.0, 1.0], [0.0, 0.0]),
            ([1j, 0j], [1.0, 1.0]),
        ),
    ),
    lambda: (
        [
            s.inputs[0].offset[1]
            for s in (
                rayleigh_benard(reflections(2), (torch.arange(4, dtype=F64) + 0.5) / 2, thickness=2.0, history=2),
                rayleigh_benard(reflections(3), torch.tensor([0.0, 1.0], dtype=F64), thickness=1.0, channels="last"),
            )
        ],
        tried(
            lambda h, k: rayleigh_benard(
                reflections(2), torch.tensor(h).double(), **{"thickness": 1.0} | k
            ).outputs.offset[1],
            ([0.25, 0.75], {}),
            ([0.25, 0.7500009], {}),
            ([0.25, 0.750002], {}),
            ([0.25, 0.75], {"thickness": 2.0}),
            ([0.25, 0.75], {"fields": "buoyancy, velocity:vector"}),
            ([0.25, 0.75], {"fields": "buoyancy:vector, pressure"}),
        ),
        tried(lambda g: rayleigh_benard(g, torch.tensor([0.25, 0.75]).double(), thickness=1.0), D4, cyclic(3)),
    ),
    lambda: tried(
        Symmetry,
        (D4, Vector(Space(D4)), Vector(Space(cyclic(4)))),
        (D4, Space(D4), None),
        (D4, Vector, None),
        (D4, "p", Invariant(D4)),
        (D4, (Field(Space(D4)), Field(Space(D4), centring="node")), Invariant(D4)),
        (D4, (Field(Space(D4)), Field(Space(D4), periodic=False)), Invariant(D4)),
        ("D4", Invariant(D4), Invariant(D4)),
        (D4, [Invariant(D4)], {"a": Invariant(D4)}),
        (D4, 3.0, Invariant(D4)),
    ),
    lambda: (
        tried(
            lambda *v: Symmetry(D4, (Vector(Space(D4)), Invariant(D4)), Invariant(D4)).act_inputs(torch.tensor(1), v),
            (drawn(3, 2), 3),
            (drawn(3, 2),),
            (drawn(3, 3), 1),
            ([1.0, 2.0], 3),
            (drawn(3, 2), drawn(4)),
            (torch.ones(3, 2, dtype=torch.uint8), 1),
        ),
        tried(
            lambda v: Symmetry(D4, Invariant(D4), {"u": Vector(Space(D4)), "p": (Invariant(D4),)}).act_outputs(
                torch.tensor(1), v
            ),
            {"u": drawn(2), "p": (1,)},
            {"p": (1,), "u": drawn(2)},
            {"u": drawn(2)},
            {"u": drawn(2), "p": (1,), "q": 1},
            drawn(2),
            {"u": drawn(2), "p": 1},
            {"u": None, "p": (1,)},
        ),
        tried(
            Symmetry(D4, Vector(Space(D4)), Vector(Space(D4))).check_outputs,
            drawn(3, 2),
            [drawn(3, 2), 1],
            {"a": drawn(2)},
            drawn(3, 2).numpy(),
            None,
        ),
    ),
    lambda: (
        paths({"u": 1, "v": (2, 3)}, "outputs"),
        map_values(
            lambda a, b: a + b,
            {"u": Invariant(D4), "v": (Invariant(D4),)},
            {"u": drawn(2), "v": (1,)},
            {"u": drawn(2, seed=1), "v": (2,)},
        ),
        rebuild((Invariant(D4), {"a": Invariant(D4)}), [0, {"a": 0}], [1, 2]),
        tried(lambda v: value_leaves({"u": Invariant(D4)}, v), {"u": 1}, {"v": 1}, [1], {"u": 1, "w": None}),
    ),
    lambda: (
        [FieldAxes(d, c).shape(3, (4, 5, 6)[:d]) for d in (1, 2, 3) for c in ("first", "last", None)],
        [
            (
                FieldAxes(d, c).count,
                FieldAxes(d, c).channel,
                FieldAxes(d, c).space,
                FieldAxes(d, c).channels_first(drawn(2, 3, 4)).shape,
                FieldAxes(d, c).restored(drawn(2, 1, 4)).shape,
            )
            for d, c in ((1, "first"), (1, "last"), (2, "first"))
        ],
        FieldAxes(2, None).channels_first(drawn(2, 3, 4)).shape,
        tried(FieldAxes, (2, "middle")),
    ),
    lambda: (
        [
            symmetry_to_dict(Symmetry(g, Vector(rep), Invariant(g)))
            for g, rep in (
                (SO(3), kinds.Harmonic(SO(3), 1)),
                (O(2), Defining(O(2)) + Trivial(O(2))),
                (SU2(), kinds.Spin(SU2(), 0.5)),
                (S4, Defining(S4)),
                (permutation_group([[2, 3, 1, 0]]), kinds.Entries(permutation_group([[2, 3, 1, 0]]), [0, 2], [1, 3])),
                (LieGroup("G", skew((0, 1), n=3)), Defining(LieGroup("G", skew((0, 1), n=3)))),
                (D4, Space(D4)),
                (D4, Defining(D4)),
            )[:6]
        ],
        tried(
            symmetry_to_dict,
            Symmetry(D4, Field(Space(D4)), Invariant(D4)),
            Symmetry(D4, (Invariant(D4), Invariant(D4)), Invariant(D4)),
            Symmetry(D4, Vector(Space(D4)), Invariant(D4)),
            Symmetry(D4, Vector(Defining(D4)), Invariant(D4)),
        ),
    ),
]
