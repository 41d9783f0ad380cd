"""Frames by hand: averages as loops over frames, what policies are told and say, on both sides of each threshold."""

from __future__ import annotations

import itertools

import pytest
import torch
from tests.nn.frames.clouds import F64, rand
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.errors import ArgumentError, HaarWarning
from haar.nn.frames import Averaging, GramMap, PCAFrame, WeightedFrame
from haar.nn.principal import principal_axes


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.no_grad():
        yield


def uneven(x, *more, **given):
    """A map of rows without any symmetry."""
    del more, given
    return torch.sin(x + 0.3) * torch.arange(1.0, x.shape[-1] + 1).to(x) + x.exp()


class Seen(nn.Module):
    """Remembers what it was called with."""

    def __init__(self, function=uneven):
        super().__init__()
        self.function, self.calls = function, []

    def forward(self, *inputs, **given):
        self.calls.append((inputs, given))
        return self.function(*inputs, **given)

    @property
    def sizes(self):
        return [len(inputs[0]) for inputs, _ in self.calls]


SQUARE = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]], dtype=F64)


def ellipse(gap):
    """Four points whose eigenvalues are 2 and 2 (1 - gap)."""
    return 2.0 * SQUARE * torch.tensor([1.0, (1 - gap) ** 0.5], dtype=F64)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_an_average_is_the_mean_over_all_signs(d):
    x = rand(2, 5, d)
    found = PCAFrame(uneven, mode="average", outputs="position")(x)
    axes = principal_axes([x])
    expected = torch.zeros_like(x)
    for signs in itertools.product((1.0, -1.0), repeat=d):
        frame = axes.axes * torch.tensor(signs, dtype=F64)
        expected += (uneven((x - axes.centre) @ frame) @ frame.mT + axes.centre) / 2**d
    torch.testing.assert_close(found, expected)


def test_every_choice_of_signs_is_there_once():
    turns = Averaging().all_signs(torch.eye(3, dtype=F64).expand(2, 3, 3))
    assert turns.shape == (2, 8, 3, 3)
    diagonals = {tuple(turn.diagonal().tolist()) for turn in turns[1]}
    assert diagonals == set(itertools.product((1.0, -1.0), repeat=3))
    assert Averaging(most_axes=2).all_signs(torch.eye(2, dtype=F64)[None]).shape == (1, 4, 2, 2)
    with pytest.raises(ArgumentError, match=r"x: expected at most 2 dimensions .* got 3, which is 8 passes"):
        Averaging(most_axes=2).all_signs(torch.eye(3, dtype=F64)[None])
    assert (Averaging().draws, Averaging().most_axes, Averaging().batch_size) == (64, 12, 1024)


def test_passes_are_no_larger_than_a_batch():
    for model, batch_size, sizes in ((Seen(), 10, [8, 8, 8, 8]), (Seen(), 3, [4] * 8), (Seen(), 1024, [32])):
        PCAFrame(model, mode="average", averaging=Averaging(batch_size=batch_size))(rand(4, 5, 3))
        assert model.sizes == sizes
    model = Seen()
    WeightedFrame(model, batch_size=10)(rand(4, 3, 2))
    assert model.sizes == [8, 8, 8]


def test_random_signs_are_drawn_for_each_cloud_from_the_generator():
    def drawn(seed):
        return Averaging(generator=torch.Generator().manual_seed(seed)).random_signs(torch.eye(3).expand(100, 3, 3))

    torch.manual_seed(0)
    first = drawn(1)
    torch.manual_seed(1)
    assert torch.equal(first, drawn(1))
    assert not torch.equal(first, drawn(2))
    assert first.shape == (100, 1, 3, 3)
    signs = first.diagonal(dim1=-2, dim2=-1)
    assert set(signs.flatten().tolist()) == {1.0, -1.0}
    assert bool((signs.mean(0).abs() < 0.4).all())


def test_a_sample_is_one_frame_in_training_and_the_average_in_evaluation():
    model, x = Seen(), rand(3, 5, 2)
    frame = PCAFrame(model, mode="sample", averaging=Averaging(generator=torch.Generator().manual_seed(0)))
    y = frame.train()(x)
    assert model.sizes == [3]
    axes = principal_axes([x]).axes
    signs = Averaging(generator=torch.Generator().manual_seed(0)).random_signs(axes)[:, 0]
    turned = axes @ signs
    torch.testing.assert_close(y, uneven((x - x.mean(1, keepdim=True)) @ turned) @ turned.mT)
    torch.testing.assert_close(frame.eval()(x), PCAFrame(uneven, mode="average")(x))


def test_rotations_turn_every_eigenspace_by_itself():
    def drawn(seed):
        return Averaging(draws=50, generator=torch.Generator().manual_seed(seed)).rotations(
            torch.tensor([[0, 1, 1, 2]])
        )

    torch.manual_seed(0)
    turns = drawn(3)
    torch.manual_seed(1)
    assert torch.equal(turns, drawn(3))
    assert not torch.equal(turns, drawn(4))
    turns = turns[0]
    assert turns.shape == (50, 4, 4)
    torch.testing.assert_close(turns @ turns.mT, torch.eye(4, dtype=F64).expand(50, 4, 4))
    for axis in (0, 3):
        assert set(turns[:, axis, axis].tolist()) == {1.0, -1.0}
    assert turns[:, 0, 1:].abs().max() == turns[:, 3, :3].abs().max() == 0.0
    assert turns[:, 1, 2].abs().min() > 0
    assert {round(float(value)) for value in torch.linalg.det(turns[:, 1:3, 1:3])} == {1, -1}


@pytest.mark.parametrize("d", [2, 3])
def test_the_weighted_frame_is_a_loop_over_its_frames(d):
    x, v = rand(2, 4, d), rand(2, 4, d, seed=3)
    found = WeightedFrame(lambda x, v: uneven(x) * v.exp(), outputs="position")(x, v)
    for k in range(2):
        centre = x[k].mean(0)
        z, total, weights = x[k] - centre, 0.0, 0.0
        for i, j in itertools.permutations(range(4), 2) if d == 3 else ((i, i) for i in range(4)):
            first = z[i] / z[i].norm()
            if d == 2:
                axes, weight = [first, torch.stack([-first[1], first[0]])], z[i].square().sum()
            else:
                rest = z[j] - (z[j] @ first) * first
                second, weight = rest / rest.norm(), z[i].square().sum() * rest.square().sum()
                axes = [first, second, torch.linalg.cross(first, second)]
            for sign in (1, -1):
                frame = torch.stack([*axes[:-1], sign * axes[-1]], -1)
                total = total + weight * (uneven(z @ frame) * (v[k] @ frame).exp()) @ frame.T
                weights = weights + weight
        torch.testing.assert_close(found[k], total / weights + centre)


def test_how_large_and_how_flat_a_weighted_cloud_may_be():
    assert WeightedFrame(uneven, most_points=5)(rand(5, 2)).shape == (5, 2)
    with pytest.raises(ArgumentError, match="x: expected at most 5 points, got 6"):
        WeightedFrame(uneven, most_points=5)(rand(6, 2))
    assert WeightedFrame(uneven).most_points == 32
    line = torch.tensor([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=F64)
    width = torch.tensor([[0.0, 1, 0], [0, -2, 0], [0, 1, 0]], dtype=F64)
    assert WeightedFrame(uneven)(line + 1e-9 * width).isfinite().all()
    with pytest.raises(ArgumentError, match=r"x: expected points that span 2 dimensions .* got 1 clouds that do not"):
        WeightedFrame(uneven)(torch.stack([line + 1e-12 * width, line + width]))
    with pytest.raises(ArgumentError, match="span 1 dimensions"):
        WeightedFrame(uneven)(torch.ones(3, 2, dtype=F64))


@pytest.mark.parametrize(("gap", "warned"), [(0.69e-3, True), (0.73e-3, False)])
def test_the_trusted_gap_is_that_of_the_precision_or_the_one_given(gap, warned):
    """Each axis holds half of the squares: the prediction is 2^-0.5 of the rounding over the gap."""
    for x, options in ((ellipse(gap).float(), {}), (ellipse(gap), {"tolerance": 1e-3}), (ellipse(gap * 1e-3), {})):
        frame = PCAFrame(uneven, mode="naive", **options)
        if warned:
            with pytest.warns(HaarWarning, match="1 of 1 with close eigenvalues"):
                frame(x)
        else:
            frame(x)
        assert bool(frame.health(x).unhealthy) is warned


def test_what_is_said_of_frames_that_cannot_be_trusted():
    x = torch.cat([SQUARE, ellipse(0.5), ellipse(1e-9)])
    words = r"2 of 3 with close eigenvalues \(predicted relative error up to 7.1e-01\)"
    with pytest.warns(HaarWarning, match=f"PCAFrame: frames that cannot be trusted, {words}; choose a policy"):
        PCAFrame(uneven)(x)
    with pytest.raises(
        ArgumentError, match=f"axes are defined to a relative gap of 1e-06, got {words}; choose another"
    ):
        PCAFrame(uneven, unhealthy="raise")(x)
    assert PCAFrame(uneven, unhealthy="raise")(x[1:2]).shape == (1, 4, 2)


def test_a_fallback_sees_space_around_the_centroid():
    x, v = torch.cat([SQUARE, ellipse(0.5)]) + 5.0, rand(2, 4, 2, seed=3)
    there = torch.tensor([[True] * 4, [True] * 4])
    model = Seen(lambda x, v, **_: x + v)
    frame = PCAFrame(lambda x, *_, **__: x, unhealthy="fallback", fallback=model, outputs="position")
    y = frame(x, v, mask=there, invariants={"charge": torch.tensor([1.0, 2.0]), "all": torch.tensor(3.0)})
    torch.testing.assert_close(y[0], x[0] + v[0])
    ((inputs, given),) = model.calls
    torch.testing.assert_close(inputs[0], SQUARE)
    assert torch.equal(inputs[1], v[:1])
    assert given["charge"].tolist() == [1.0]
    assert given["all"].item() == 3.0
    assert given["mask"].tolist() == [[True] * 4]
    padded = torch.cat([SQUARE + 5.0, torch.full((1, 1, 2), 9.0, dtype=F64)], 1)
    frame = PCAFrame(lambda x, **_: x, unhealthy="fallback", fallback=model)
    model.function, model.calls = (lambda x, **_: x), []
    frame(padded, mask=torch.tensor([[True] * 4 + [False]]))
    torch.testing.assert_close(model.calls[0][0][0], torch.cat([SQUARE, torch.zeros(1, 1, 2, dtype=F64)], 1))


def test_policies_pass_on_what_they_are_given():
    model = Seen(lambda x, **_: x.exp())
    frame = PCAFrame(model, unhealthy="average", averaging=Averaging(draws=7, batch_size=3))
    frame(torch.cat([SQUARE, ellipse(0.5)]), invariants={"charge": torch.tensor([1.0, 2.0])})
    assert model.sizes == [2, 3, 3, 1]
    assert [given["charge"].tolist() for _, given in model.calls] == [[1.0, 2.0], [1.0] * 3, [1.0] * 3, [1.0]]
    model = Seen(lambda x, **_: x.exp())
    frame = PCAFrame(model, unhealthy="weighted", averaging=Averaging(batch_size=5), outputs="position")
    y = frame(SQUARE + 2.0, mask=torch.ones(1, 4, dtype=torch.bool))
    torch.testing.assert_close(y, WeightedFrame(lambda x: x.exp(), outputs="position")(SQUARE + 2.0))
    assert model.sizes == [1, 5, 3]
    assert all(given["mask"].shape[0] == size for (_, given), size in zip(model.calls, model.sizes, strict=True))


def test_guarantees():
    simple = "exact where eigenvalues are simple"
    fallback = {"fallback": uneven}
    told = {
        "warn": f"{simple}; a warning where they are not",
        "raise": f"{simple}; refused where they are not",
        "average": f"{simple}; approximate, by 5 random rotations, where they are not",
        "weighted": "exact; discontinuous where the policy sets in",
        "fallback": f"{simple}; that of the fallback where they are not",
    }
    for policy, words in told.items():
        options = fallback if policy == "fallback" else {}
        frame = PCAFrame(uneven, unhealthy=policy, averaging=Averaging(draws=5), **options)
        assert frame.guarantee == words
        assert frame.extra_repr() == f"mode=sign, outputs=vector, unhealthy={policy}"
        sample = PCAFrame(uneven, mode="sample", unhealthy=policy, averaging=Averaging(draws=5), **options)
        assert sample.guarantee == "in expectation over signs, where eigenvalues are simple"
        assert sample.eval().guarantee == words
    blocks = PCAFrame(lambda x, **_: x, unhealthy="blocks")
    assert blocks.guarantee == "exact; discontinuous where the multiplicities change"
    assert PCAFrame(uneven, mode="naive").guarantee == "none: the signs of the axes are the solver's"


@pytest.mark.parametrize("tolerance", [1.0, -0.1, 2.0])
def test_tolerances_out_of_range(tolerance):
    with pytest.raises(ArgumentError, match="tolerance: expected a relative gap between 0 and 1"):
        PCAFrame(uneven, tolerance=tolerance)


def test_more_axes_of_an_output_are_turned_too():
    x = rand(2, 5, 3)
    pairs = PCAFrame(lambda z: z.unsqueeze(-2) - z.unsqueeze(-3))(x)
    torch.testing.assert_close(pairs, x.unsqueeze(-2) - x.unsqueeze(-3))
    whole = PCAFrame(lambda z: z.square().sum((-1, -2)), outputs="scalar")(x)
    torch.testing.assert_close(whole, (x - x.mean(1, keepdim=True)).square().sum((-1, -2)))


def network(net: nn.Sequential, x: Tensor) -> Tensor:
    layers = [layer for layer in net if hasattr(layer, "weight")]
    for number, layer in enumerate(layers):
        x = x @ layer.weight.T + layer.bias
        x = F.silu(x) if number < len(layers) - 1 else x
    return x


@pytest.mark.parametrize("masked", [False, True])
def test_the_map_of_inner_products_is_its_double_loop(masked):
    n = 3 if masked else 4
    x, v = rand(4, 2), rand(4, 2, seed=3)
    net = GramMap(2, outputs=2, hidden=5, generator=torch.Generator().manual_seed(0), dtype=F64)
    vectors = torch.stack([x - x[:n].mean(0), v], 1)
    expected = torch.zeros(2, 4, 2, dtype=F64)
    for i, j in itertools.product(range(n), repeat=2):
        grams = [vectors[i] @ vectors[j].T, vectors[i] @ vectors[i].T, vectors[j] @ vectors[j].T]
        weights = network(net.weights, torch.cat([gram.flatten() for gram in grams])).reshape(2, 2)
        expected[:, i] += weights.T @ vectors[j] / n
    found = net(x, v, mask=torch.arange(4) < n if masked else None)
    torch.testing.assert_close(torch.stack(found), expected, rtol=1e-10, atol=1e-12)


def test_the_map_of_inner_products_draws_from_its_generator(drawn_alone):
    drawn_alone(lambda **options: GramMap(2, hidden=4, **options))


@pytest.mark.parametrize("make", [PCAFrame, lambda f: PCAFrame(f, mode="average"), WeightedFrame])
def test_no_clouds_at_all_come_out_as_none(make):
    assert make(uneven)(torch.zeros(0, 5, 3, dtype=F64)).shape == (0, 5, 3)
