"""Checkpoints that are read row by row: the same as in memory, with one tensor at a time."""

from __future__ import annotations

import pytest
import torch

import haar
from haar.align import merge
from haar.align.checkpoints import Architecture, verified
from haar.align.states import Mean
from haar.errors import ArgumentError
from haar.weights import Checkpoint, Moved, adapted, folded, write_weights
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama

MADE = {
    "gpt2": lambda: SmallGPT2(11, 8, layers=2, dim=12, heads=3, hidden=10),
    "mixtral": lambda: SmallLlama(LlamaSizes(11, layers=1, dim=16, heads=4, groups=4, hidden=6, experts=3)),
}


@pytest.fixture(params=MADE)
def pair(request, tmp_path):
    """Two networks, and their files."""
    models = []
    for seed in range(2):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            models.append(MADE[request.param]().double())
        write_weights(tmp_path / f"{seed}.safetensors", models[-1].state_dict())
    return models, [Checkpoint(tmp_path / f"{seed}.safetensors") for seed in range(2)]


def test_files_are_aligned_as_models_are(pair, tmp_path):
    models, files = pair
    config = models[0].config
    found, expected = haar.align(*files, config=config), haar.align(*models)
    assert not isinstance(found.b, dict)
    assert found.distances.total() == pytest.approx(expected.distances.total(), rel=1e-12)
    assert found.history == pytest.approx(expected.history, rel=1e-12)
    for name, value in expected.b.items():
        torch.testing.assert_close(found.b[name], value, rtol=0, atol=1e-12)
    written = Checkpoint(write_weights(tmp_path / "b.safetensors", found.b))
    assert set(written) == set(expected.b)
    assert all(torch.equal(written[name], found.b[name]) for name in written)


def test_files_are_merged_as_models_are(pair):
    models, files = pair
    found = merge(files, config=models[0].config, shares=[1, 3])
    assert isinstance(found, Mean)
    expected = merge([one.state_dict() for one in models], config=models[0].config, shares=[1, 3])
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-12)
    assert len(found) == len(expected)
    assert "nothing" not in found


def test_what_is_moved_when_it_is_read_is_what_act_gives(pair):
    models, files = pair
    action = adapted(files[0], models[0].config)
    plain = dict(folded(action, files[0]))
    gauge = action.random(0, state=plain)
    found, expected = Moved(action, gauge, plain), action.act(gauge, plain)
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_a_model_of_other_names_is_refused():
    model = SmallGPT2(7, 6, layers=1, dim=8, heads=2, hidden=32)
    other = torch.nn.ModuleDict({"b": torch.nn.Linear(2, 2), "a": torch.nn.Linear(2, 2)})
    with pytest.raises(ArgumentError, match=r"expected a model of the checkpoint's names, got one with 'a\.bias'"):
        verified(model.state_dict(), Architecture(model.config, other, torch.zeros(1, 2)))


@pytest.mark.parametrize(
    ("change", "layers", "message"),
    [
        ("transformer.h.0.ln_1.weight", 1, r"a: expected a tensor 'transformer\.h\.0\.ln_1\.weight', got none"),
        (None, 2, r"config: expected the configuration of the checkpoint, got one of another network: missing"),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_not_verified(change, layers, message):
    model = SmallGPT2(7, 6, layers=1, dim=8, heads=2, hidden=32)
    state = {name: value for name, value in model.state_dict().items() if name != change}
    config = {"model_type": "gpt2", "n_layer": layers, "n_head": 2, "n_embd": 8, "n_positions": 6, "vocab_size": 7}
    with pytest.raises(ArgumentError, match=message):
        verified(state, Architecture(config))
