from __future__ import annotations

import json

import pytest

from haar.cli.app import main
from haar.cli.generate import make_generator
from haar.data import WellReader, Windows
from haar.data.generators import Medium, Sound, catalogue
from haar.errors import ArgumentError

SMALL = ["--resolution", "16", "--train", "2", "--test", "1", "--steps", "3", "--option", "save_every=2"]


def test_a_generated_folder_is_read_and_inspected(tmp_path, capsys):
    root = tmp_path / "flow"
    assert main(["data", "well", "generate", "turbulence", str(root), *SMALL, "--option", "peak=2.0"]) == 0
    assert len(WellReader(root)) == 2
    assert len(WellReader(root, split="test")) == 1
    assert not (root / "data" / "valid").exists()
    assert Windows(root, history=1)[0][0].shape[-2:] == (16, 16)
    assert "tracer" in WellReader(root).statistics().mean
    capsys.readouterr()
    assert main(["data", "well", "inspect", str(root), "--split", "train", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["split"], found["trajectories"], found["axes"][0]["points"]) == ("train", 2, 16)
    assert {"name": "velocity", "kind": "vector", "role": "variable", "units": ""} in found["fields"]
    assert len(found["symmetry"]["point_group"]) == 8
    assert main(["data", "well", "inspect", str(root)]) == 0
    told = capsys.readouterr().out
    assert "test split: 1 trajectories" in told
    assert "velocity" in told


def test_splits_do_not_share_runs_and_runs_keep_their_parameters(tmp_path):
    root = tmp_path / "gs"
    words = ["--train", "2", "--valid", "1", "--test", "1", "--steps", "2", "--resolution", "16x24"]
    assert main(["data", "well", "generate", "gray_scott", str(root), *words, "--option", "save_every=2"]) == 0
    readers = [WellReader(root, split=split) for split in ("train", "valid", "test")]
    states = [reader.read(k)[0] for reader in readers for k in range(len(reader))]
    assert len({tuple(state.flatten()[:8].tolist()) for state in states}) == 4
    rates = [float(reader.scalars(k)["F"]) for reader in readers for k in range(len(reader))]
    assert len(set(rates)) == 4
    assert readers[0].metadata.resolution == (16, 24)


def test_what_an_interrupted_run_leaves_behind_is_no_data_set(tmp_path):
    (tmp_path / "flow" / "data" / "train").mkdir(parents=True)
    assert main(["data", "well", "generate", "turbulence", str(tmp_path / "flow"), *SMALL]) == 0
    assert main(["data", "well", "generate", "turbulence", str(tmp_path / "flow"), *SMALL]) == 2


def test_the_same_seed_gives_the_same_data(tmp_path):
    for name in ("a", "b"):
        assert main(["data", "well", "generate", "turbulence", str(tmp_path / name), *SMALL, "--seed", "3"]) == 0
    first, second = (WellReader(tmp_path / name).read(1) for name in ("a", "b"))
    assert first.equal(second)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--resolution", "16x"], "--resolution: expected points"),
        (["--option", "viscocity=1"], "did you mean viscosity?"),
        (["--option", "viscosity"], "--option: expected name=value"),
        (["--option", "viscosity=thick"], "--option: expected values that turbulence understands"),
        (["--option", "save_every=0"], "save_every: expected at least 1"),
        (["--option", "device=abacus"], "device: expected a device that torch finds here, got 'abacus'"),
        (["--train", "0"], "--train"),
    ],
)
def test_bad_options_are_one_line(tmp_path, words, message, capsys):
    assert main(["data", "well", "generate", "turbulence", str(tmp_path / "x"), *words]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert message in captured.err
    assert not (tmp_path / "x").exists()


def test_options_of_a_generators_parts_are_words_among_the_others():
    words = ["radius=(0.1,0.2)", "rings=(2,2)", "sponge=0.25"]
    made = make_generator("acoustic_inclusions", "16", steps=2, seed=1, options=words)
    assert (made.medium.radius, made.sound.rings, made.sponge, made.seed) == ((0.1, 0.2), (2, 2), 0.25, 1)
    assert (made.medium.edge, made.sound.height) == (Medium().edge, Sound().height)
    with pytest.raises(ArgumentError, match=r"radius: expected 0 < least <= greatest, got \(0.2, 0.1\)"):
        make_generator("acoustic_inclusions", "16", steps=2, seed=1, options=["radius=(0.2,0.1)"])
    with pytest.raises(ArgumentError, match="did you mean width"):
        make_generator("gray_scott", "16", steps=2, seed=1, options=["witdh=(0.2,0.1)"])
    with pytest.raises(ArgumentError, match="--option: expected name=value with one of"):
        make_generator("gray_scott", "16", steps=2, seed=1, options=["start=1"])


def test_a_data_set_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "data" / "train" / "mine.hdf5").touch()
    assert main(["data", "well", "generate", "turbulence", str(tmp_path)]) == 2
    assert "OUT: expected a folder without a data set" in capsys.readouterr().err


def test_help_names_every_generator_and_its_grid(capsys):
    assert main(["data", "well", "generate", "--help"]) == 0
    told = capsys.readouterr().out
    for name, kind in catalogue().items():
        assert name in told
        assert make_generator(name, None, steps=2, seed=0).resolution == kind.resolution
        assert "x".join(map(str, kind.resolution)) in told
