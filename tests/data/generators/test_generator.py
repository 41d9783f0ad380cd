"""What holds for every generator of the catalogue."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from haar.data.generators import Generator, catalogue
from haar.errors import ArgumentError, ShapeError

SMALL = {
    "gray_scott": {"resolution": (16, 24), "save_every": 5, "burn_in": 10},
    "turbulence": {"resolution": (16, 24), "save_every": 5, "burn_in": 10, "vorticity": True, "strain_rate": True},
    "acoustic_inclusions": {"resolution": (16, 24), "save_every": 5, "burn_in": 10},
    "rayleigh_benard": {"resolution": (16, 24), "save_every": 5, "burn_in": 10},
    "shear_flow": {"resolution": (16, 24), "save_every": 5, "width": (0.8, 1.0), "strain_rate": True},
}


@pytest.fixture(params=sorted(catalogue()))
def data(request: pytest.FixtureRequest) -> Generator:
    """Every generator at a size that runs in a moment."""
    return catalogue()[request.param](**SMALL[request.param], n_trajectories=3, n_steps=3, seed=5)


def everything(data: Generator, batch_size: int = 3) -> dict[str, torch.Tensor]:
    batches = list(data.batches(batch_size))
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def test_names_agree(data: Generator) -> None:
    assert catalogue()[data.name] is type(data)


def test_batches_are_laid_out_as_the_fields_say(data: Generator) -> None:
    found = everything(data)
    assert list(found) == [field.name for field in data.fields]
    orders = [field.order for field in data.fields]
    assert orders == sorted(orders)  # scalars, vectors, tensors
    for field in data.fields:
        frames = (data.n_steps,) if field.role == "variable" else ()
        assert found[field.name].shape == (3, *frames, *data.resolution, *(2,) * field.order)
        assert found[field.name].dtype == torch.float64
        assert found[field.name].isfinite().all()


def test_metadata_describes_the_batches(data: Generator) -> None:
    about = data.metadata
    assert [axis.name for axis in about.axes] == ["x", "y"]
    lengths = data.grid.lengths if hasattr(data, "grid") else data.lengths
    for axis, n, length in zip(about.axes, data.resolution, lengths, strict=True):
        assert axis.coordinates.shape == (n,)
        steps = torch.from_numpy(axis.coordinates).diff()
        torch.testing.assert_close(steps, torch.full_like(steps, length / n))
        assert axis.length == pytest.approx(length)
        offset = axis.origin + (length / (2 * n) if axis.centring == "cell" else 0.0)
        assert axis.coordinates[0] == pytest.approx(offset)
        assert axis.centring == "cell" or (axis.centring == "periodic-node" and axis.periodic)
    assert about.time.tolist() == pytest.approx([0.0, data.frame_interval, 2 * data.frame_interval])
    assert about.parameters
    assert all(len(values) == data.n_trajectories for values in about.run_parameters.values())
    assert set(about.symmetric) == {field.name for field in data.fields if field.order == 2}


def test_a_run_depends_on_the_seed_and_its_number_alone(data: Generator) -> None:
    whole = everything(data, 3)
    in_pieces = everything(data, 2)
    longer = everything(replace(data, n_trajectories=5), 4)
    other = everything(replace(data, seed=6))
    for name, values in whole.items():
        torch.testing.assert_close(in_pieces[name], values, rtol=0, atol=1e-12)
        torch.testing.assert_close(longer[name][:3], values, rtol=0, atol=1e-12)
        assert not torch.allclose(other[name], values, rtol=0, atol=1e-6)
        assert not torch.allclose(values[0], values[1], rtol=0, atol=1e-6)


def test_the_same_call_gives_the_same_bytes(data: Generator) -> None:
    state = torch.get_rng_state()
    first, second = everything(data), everything(data)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(torch.get_rng_state(), state)  # the global source of randomness is left alone


def test_the_true_dynamics_leads_from_frame_to_frame(data: Generator) -> None:
    whole = everything(data)
    state = data.initial(range(3))
    later = data.evolve(state, 2, trajectories=range(3))
    for field in data.fields:
        expected = whole[field.name][:, 2] if field.role == "variable" else whole[field.name]
        torch.testing.assert_close(later[field.name], expected, rtol=0, atol=1e-11)
    some = {name: values[1:] for name, values in state.items()}
    for name, values in data.evolve(some, 2, trajectories=(1, 2)).items():
        torch.testing.assert_close(values, later[name][1:], rtol=0, atol=1e-11)


def test_single_precision(data: Generator) -> None:
    single, double = everything(replace(data, dtype=torch.float32)), everything(data)
    for name, values in single.items():
        assert values.dtype == torch.float32
        torch.testing.assert_close(values.double(), double[name], rtol=0, atol=2e-3 * double[name].abs().max().item())


def test_configurations_are_frozen(data: Generator) -> None:
    with pytest.raises(FrozenInstanceError):
        data.seed = 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_trajectories": 0}, "n_trajectories: expected at least 1, got 0"),
        ({"n_steps": 0}, "n_steps: expected at least 1, got 0"),
        ({"seed": -1}, "seed: expected a number that is not negative, got -1"),
        ({"dtype": torch.float16}, "dtype: expected torch.float32 or torch.float64, got torch.float16"),
        ({"resolution": (3, 8)}, r"resolution: expected at least 4 points along x and y, got \(3, 8\)"),
        ({"time_step": 0.0}, "time_step: expected a positive number, got 0.0"),
        ({"save_every": 0}, "save_every: expected at least 1 time step, got 0"),
        ({"burn_in": -1}, "burn_in: expected a number of time steps, got -1"),
    ],
)
def test_refusals(data: Generator, options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        replace(data, **options)


def test_calls_that_make_no_sense_are_refused(data: Generator) -> None:
    with pytest.raises(ArgumentError, match="batch_size: expected at least 1, got 0"):
        next(data.batches(0))
    with pytest.raises(ArgumentError, match="trajectory: expected 0 to 2, got 3"):
        data.random(3)
    with pytest.raises(ArgumentError, match="steps: expected a number of frames, got -1"):
        data.evolve(data.initial([0]), -1)
    with pytest.raises(ArgumentError, match="state: expected the field"):
        data.evolve({})


def test_states_that_do_not_fit_are_refused(data: Generator) -> None:
    state = data.initial([0, 1])
    name = data.state_fields[-1]
    with pytest.raises(ShapeError, match=rf"state\['{name}'\]: expected \(run, 16, 24, ...\), got \(2, 8, 24"):
        data.evolve({**state, name: state[name][:, :8]})
    larger = {**state, name: state[name].repeat_interleave(2, 2)}
    with pytest.raises(ShapeError, match=rf"state\['{name}'\]: expected \(run, 16, 24, ...\), got \(2, 16, 48"):
        data.evolve(larger)
    with pytest.raises(ShapeError, match="trajectories: expected one for each of 2 runs, got 3"):
        data.evolve(state, trajectories=[0, 1, 2])
    with pytest.raises(ShapeError, match=rf"state\['{name}'\]: expected 2 runs, as the others, got 1"):
        data.evolve({**state, name: state[name][:1]})
    for hole in (torch.nan, torch.inf):
        broken = state[name].clone()
        broken[1, 3] = hole
        with pytest.raises(ArgumentError, match=f"{name}: expected finite values, got NaN or infinity"):
            data.evolve({**state, name: broken})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_accelerator_gives_the_same_runs(data: Generator) -> None:
    found = everything(replace(data, device="cuda"))
    for name, values in everything(data).items():
        assert found[name].is_cuda
        torch.testing.assert_close(found[name].cpu(), values, rtol=0, atol=1e-10)
