from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.actions.layout import Layout
from haar.data.well import Statistics, WellReader, Windows, ZScore
from haar.errors import ArgumentError, ShapeError


@pytest.mark.parametrize("delta", [False, True])
def test_there_and_back(everything, delta):
    windows = Windows(
        WellReader(everything.root, dtype=torch.float64), history=3, fields=["pressure", "strain", "velocity"]
    )
    score = ZScore(windows.reader.statistics(), windows.inputs, delta=delta)
    x = torch.stack([windows[i][0] for i in range(4)])
    assert torch.allclose(score.denormalise(score(x)), x, rtol=1e-12, atol=1e-12)
    assert torch.equal(score(x), score.normalise(x))


def test_the_training_split_has_mean_zero_and_variance_one(everything):
    reader = WellReader(everything.root, dtype=torch.float64)
    fields = [field.name for field in reader.metadata.variables]
    score = ZScore(reader.statistics(), reader.layout(1, fields))
    states = torch.cat([score(reader.read(i)) for i in range(len(reader))]).movedim(1, 0).flatten(1)
    # The spin has a diagonal of zeros: its std counts as the smallest one.
    varies = states.var(1) > 0
    assert torch.allclose(states.mean(1), torch.zeros(len(states), dtype=torch.float64), atol=1e-6)
    assert torch.allclose(
        states.var(1, correction=0)[varies], torch.ones(int(varies.sum()), dtype=torch.float64), atol=1e-6
    )


def test_every_channel_has_the_numbers_of_its_component():
    statistics = Statistics(
        mean={"p": np.array(1.0), "u": np.array([2.0, 3.0]), "k": np.array(4.0)},
        std={"p": np.array(10.0), "u": np.array([20.0, 30.0]), "k": np.array(1e-9)},
    )
    layout = Layout.parse("p, u:vector, k:scalar:constant", dim=2, history=2)
    score = ZScore(statistics, layout)
    assert score.mean.tolist() == [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 4.0]
    assert score.std.tolist() == [10.0, 20.0, 30.0, 10.0, 20.0, 30.0, 1e-4]
    assert ZScore(statistics, layout, smallest=1e-12).std[-1] == 1e-9


def test_it_moves_and_loads_with_a_model(everything):
    reader = WellReader(everything.root)
    score = ZScore(reader.statistics(), reader.layout())
    other = ZScore(Statistics(mean=score_zeros(reader), std=score_zeros(reader)), reader.layout())
    other.load_state_dict(score.state_dict())
    x = torch.cat([reader.read(0)[0], reader.constants(0)])
    # The layout puts the constants last, as the reader does.
    assert torch.equal(other(x), score(x))
    assert score(x).dtype == torch.float32


def score_zeros(reader):
    return {name: np.zeros_like(value) for name, value in reader.statistics().mean.items()}


def test_wrong_statistics_and_shapes_are_refused():
    statistics = Statistics(mean={"velocity": np.zeros(2)}, std={"velocity": np.ones(3)})
    layout = Layout.parse("velocity:vector", dim=2)
    with pytest.raises(ShapeError, match=r"statistics\.std of velocity: expected shape \(2,\), got shape \(3,\)"):
        ZScore(statistics, layout)
    with pytest.raises(ArgumentError, match=r"statistics\.mean: .* got 'velocit'; did you mean 'velocity'"):
        ZScore(statistics, Layout.parse("velocit:vector", dim=2))
    with pytest.raises(
        ArgumentError, match=r"statistics\.mean_delta: expected a field of this data set \(it has none\)"
    ):
        ZScore(statistics, layout, delta=True)
    with pytest.raises(ArgumentError, match="smallest: expected a positive number, got 0"):
        ZScore(statistics, layout, smallest=0.0)
    score = ZScore(Statistics(mean={"velocity": np.zeros(2)}, std={"velocity": np.ones(2)}), layout)
    for shape in ((3, 4, 4), (2, 4), (4, 2, 4)):
        with pytest.raises(ShapeError, match="x: expected 2 channels before 2 space axes, got shape"):
            score(torch.zeros(shape))
