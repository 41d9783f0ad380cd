"""Clouds as they come: refused in one line, far from the origin, under autocast and function transforms."""

from __future__ import annotations

import copy
import pickle
import warnings

import pytest
import torch
from tests.nn.frames.clouds import F64, molecule, motions, rand
from torch import nn

from haar.audit.frames import audit_frames
from haar.errors import ArgumentError, HaarError, HaarWarning
from haar.nn.frames import Averaging, GramMap, PCAFrame, WeightedFrame
from haar.nn.spectral import SignDeepSets, SignMessagePassing


def options(seed: int = 0) -> dict:
    return {"generator": torch.Generator().manual_seed(seed), "dtype": F64}


def net(**more) -> SignDeepSets:
    return SignDeepSets(3, layers=2, norm="rms", **options(), **more)


def frame(**more) -> PCAFrame:
    return PCAFrame(net(), **more)


CUBE = molecule("cube")[0]


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: PCAFrame(None), "model: expected a module or a function, got None"),
        (lambda: WeightedFrame(3), "model: expected a module or a function, got 3"),
        (lambda: PCAFrame(torch.sin, unhealthy="blocks"), "unhealthy: expected 'blocks' in mode sign"),
        (lambda: frame(weights=1.0), "weights: expected numbers, none negative"),
        (lambda: frame(weights="a"), "weights: expected numbers"),
        (lambda: frame(weights=()), "weights: expected numbers"),
        (lambda: frame(weights=(float("nan"),)), "weights: expected numbers"),
        (lambda: Averaging(draws="a"), "draws: expected a whole number"),
        (lambda: Averaging(batch_size=1.5), "batch_size: expected a whole number"),
        (lambda: Averaging(most_axes="a"), "most_axes: expected a whole number"),
        (lambda: frame(tolerance="a"), "tolerance: expected a relative gap"),
        (lambda: frame(outputs=()), "outputs: expected vector"),
        (lambda: Averaging(generator=3), "generator: expected a torch.Generator, got 3"),
        (lambda: WeightedFrame(net(), most_points="a"), "most_points: expected a whole number"),
        (lambda: WeightedFrame(net(), batch_size=0), "batch_size: expected at least 1"),
        (lambda: frame()(None), r"x: expected a tensor \(\*batch, n, d\), got NoneType"),
        (lambda: frame()(rand(3)), r"x: expected \(\*batch, n, d\)"),
        (lambda: frame()(rand(2, 0, 3)), "x: expected .*at least one point"),
        (lambda: frame()(rand(2, 5, 0)), "x: expected .*one dimension"),
        (lambda: frame()(rand(2, 5, 3), None), r"vectors\[0\]: expected a tensor"),
        (lambda: frame()(rand(2, 5, 3), rand(2, 4, 3)), r"vectors\[0\]: expected the shape of x, \(2, 5, 3\)"),
        (lambda: frame()(1e200 * rand(2, 5, 3)), "x: expected coordinates whose squares are finite.* unit of length"),
        (lambda: frame(weights=(1.0,))(rand(2, 5, 3), rand(2, 5, 3) / 0), r"vectors\[0\]: expected finite coordinates"),
        (lambda: frame()(rand(2, 5, 3), mask=torch.ones(2, 5)), "mask: expected a tensor of booleans, got float32"),
        (lambda: frame()(rand(2, 5, 3), mask=torch.ones(2, 4, dtype=torch.bool)), r"mask: expected \(2, 5\)"),
        (lambda: WeightedFrame(net())(rand(2, 5, 3), mask=torch.ones(2, 5)), "mask: expected a tensor of booleans"),
        (lambda: frame()(rand(2, 5, 3), invariants=[1]), "invariants: expected tensors by name, got list"),
        (lambda: frame()(rand(2, 5, 3), invariants={"extra": 3}), r"invariants\['extra'\]: expected a tensor, got int"),
        (
            lambda: frame(unhealthy="weighted")(torch.cat([CUBE * k - 0.3 * k for k in range(1, 6)])),
            "at most 32 points, got 40; give WeightedFrame most_points=, or PCAFrame another policy",
        ),
        (
            lambda: frame(unhealthy="fallback", fallback=lambda x: x.sum(-2))(CUBE),
            r"fallback: expected \(1, 8, 3\), as from the model",
        ),
        (
            lambda: PCAFrame(lambda x: {"y": x})(CUBE + rand(8, 3)),
            r"output: expected a vector \(1, ..., 3\).* got dict",
        ),
        (lambda: PCAFrame(lambda _: None)(rand(2, 5, 3)), r"output: expected a vector \(2, ..., 3\) .* got NoneType"),
        (
            lambda: PCAFrame(torch.sum, outputs="scalar")(rand(2, 5, 3)),
            r"output: expected a scalar \(2, ...\), got \(\)",
        ),
        (lambda: GramMap(2)(rand(4, 3)), "vectors: expected 2 tensors"),
        (lambda: GramMap(2, dtype=F64)(rand(4, 3), rand(5, 3)), r"vectors\[1\]: expected \(4, 3\)"),
        (lambda: GramMap(dtype=F64)(rand(4, 3), mask=torch.ones(4)), "mask: expected a tensor of booleans"),
        (lambda: GramMap()(rand(4, 3)), "expected float32, as the module's other numbers are, got float64"),
    ],
)
def test_what_does_not_fit_is_one_line(call, words):
    with pytest.raises(HaarError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("distance", [1e3, 1e6])
@pytest.mark.parametrize("gap", [1e-1, 1e-4])
def test_the_prediction_knows_how_far_away_a_cloud_is(distance, gap):
    """Coordinates are rounded in proportion to their size, and the shape is what is left when the centroid is taken."""
    there = PCAFrame(SignMessagePassing(3, layers=1, **options()), unhealthy="blocks")
    start = torch.linalg.qr(rand(12, 3) - rand(12, 3).mean(0)).Q * torch.tensor([1 + gap, 1, 0.25], dtype=F64).sqrt()
    direction = torch.tensor([1.0, 2.0, 2.0], dtype=F64) / 3
    x = torch.stack([start @ torch.linalg.qr(rand(3, 3, seed=k)).Q for k in range(6)])
    x = x + distance * start.norm() / 12**0.5 * direction
    health = there.health(x)
    plain = PCAFrame(there.model)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)
        y = plain(x)
        measured = max(float((plain(x @ q) - y @ q).abs().max() / y.abs().max()) for q in motions(3))
    assert 0.01 <= measured / float(health.predicted.max()) <= 10
    assert health.unhealthy.all() == (distance / gap >= 1e6)
    if distance / gap >= 1e6:
        # Told so in time: the nearly equal axes are one space, and what is left is the rounding of the coordinates.
        with torch.no_grad():
            y = there(x)
            repaired = max(float((there(x @ q) - y @ q).abs().max() / y.abs().max()) for q in motions(3))
        assert repaired < 100 * distance * 2.3e-16
        assert health.multiplicities(0) == ((3,) if distance >= 1e6 else (2, 1))


def test_the_audit_leaves_clouds_where_they_are():
    x = rand(8, 3)
    near, far = audit_frames([x, x + 1e8]).to_dict()["clouds"]
    assert near["verdict"] == "EXACT"
    assert far["verdict"] == "ILL-CONDITIONED"
    assert far["measured_error"] > 1e4 * near["measured_error"]
    assert 0.01 < far["measured_error"] / far["predicted_error"] < 100


def test_positions_keep_their_place_under_autocast():
    places = PCAFrame(SignMessagePassing(3, layers=1, generator=torch.Generator().manual_seed(0)), outputs="position")
    x = rand(2, 6, 3).float()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        here, there = places(x), places(x + 100)
    assert here.dtype == torch.float32
    assert float((there - 100 - here).abs().max()) < 1e-3


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # of torch's own rules for forward mode
def test_derivatives_forward_and_of_second_order():
    class Smooth(nn.Module):
        def forward(self, x):
            return x * (x.square().sum(-1, keepdim=True).tanh() + x.square())

    turning = PCAFrame(Smooth(), differentiable=True)
    x = rand(1, 4, 2, seed=4)
    wanted = x.clone().requires_grad_()
    assert torch.autograd.gradcheck(turning, (wanted,), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(turning, (wanted,))
    step = rand(1, 4, 2, seed=5)
    forward = torch.func.jvp(turning, (x,), (step,))[1]
    by_rows = torch.einsum("...ijk,ijk->...", torch.func.jacrev(turning)(x), step)
    assert float((by_rows - forward).abs().max()) < 1e-9 * float(by_rows.abs().max())


@pytest.mark.parametrize("mode", ["sign", "average", "sample"])
def test_frames_are_copied_and_pickled(mode):
    made = frame(mode=mode, averaging=Averaging(generator=torch.Generator().manual_seed(1))).eval()
    with torch.no_grad():
        for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
            assert torch.equal(other(CUBE * torch.tensor([1.0, 2.0, 3.0])), made(CUBE * torch.tensor([1.0, 2.0, 3.0])))
    fresh = PCAFrame(SignDeepSets(3, layers=2, norm="rms", dtype=F64), mode=mode).eval()
    fresh.load_state_dict(made.state_dict())
    with torch.no_grad():
        assert torch.equal(fresh(rand(2, 5, 3)), made(rand(2, 5, 3)))


def test_a_cloud_without_points_comes_out_as_zero_and_moves_nothing():
    x = rand(2, 5, 3).requires_grad_()
    mask = torch.tensor([[True] * 5, [False] * 5])
    for policy in ("warn", "blocks", "average", "weighted"):
        y = frame(unhealthy=policy, differentiable=True, outputs="position")(x, mask=mask)
        (grad,) = torch.autograd.grad(y.square().sum(), x)
        assert torch.equal(y[1], torch.zeros_like(y[1]))
        assert grad.isfinite().all()
        assert torch.equal(grad[1], torch.zeros_like(grad[1]))


def test_refusals_come_before_any_work():
    with pytest.raises(ArgumentError, match="most_axes: expected at least 1"):
        frame(mode="average", averaging=Averaging(most_axes=0))


@pytest.mark.usefixtures("unchecked_annotations")  # which do not know of sizes without a number
def test_a_frame_that_is_told_the_eigenspaces_is_exported():
    made = PCAFrame(SignMessagePassing(3, layers=1, **options()), unhealthy="blocks", outputs="position").eval()
    sizes = {0: torch.export.Dim("clouds", min=2), 1: torch.export.Dim("points", min=2)}
    with torch.no_grad():
        graph = torch.export.export(made, (rand(3, 8, 3),), dynamic_shapes={"x": sizes}).module()
        for x in (rand(5, 12, 3), torch.stack([CUBE, CUBE])):
            assert float((graph(x) - made(x)).abs().max()) <= 1e-12
            for q in motions(3):
                assert float((graph(x @ q + 1) - graph(x) @ q - 1).abs().max()) <= 1e-12
        with pytest.raises(Exception, match=r"unhealthy: expected 'blocks' in a model for torch\.export"):
            torch.export.export(PCAFrame(made.model), (rand(3, 8, 3),))
