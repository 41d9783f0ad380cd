"""Files: programs and ONNX graphs that reproduce the average for any batch, or nothing at all."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn

from haar.actions import Defining, Invariant, Symmetry, Vector
from haar.average import anytime, average, save, soft
from haar.errors import ArgumentError, HaarError
from haar.groups import cyclic, grid_group

SYMMETRY = Symmetry.of_fields(cyclic(4), "p, u:vector")


def conv():
    return nn.Conv2d(3, 3, 3, padding=1)


def names_of(path):
    import onnx

    graph = onnx.load(path).graph
    return [one.name for one in graph.input], [one.name for one in graph.output]


def run_onnx(path, *args):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    feed = {node.name: x.numpy() for node, x in zip(session.get_inputs(), args, strict=True)}
    return [torch.from_numpy(y) for y in session.run(None, feed)]


def test_a_program_takes_any_batch(tmp_path):
    averaged = average(conv(), SYMMETRY)
    # An example of one sample is the hard one: a size of 1 would be fixed.
    path = save(averaged, (torch.randn(1, 3, 6, 6),), tmp_path / "deep" / "symmetric.pt2")
    program = torch.export.load(path).module()
    for n in (1, 2, 5):
        x = torch.randn(n, 3, 6, 6)
        torch.testing.assert_close(program(x), averaged(x), rtol=0, atol=1e-5)
    assert [p.name for p in path.parent.iterdir()] == ["symmetric.pt2"]


def test_a_graph_takes_any_batch_and_says_what_it_is(tmp_path):
    import onnx

    group = grid_group(cyclic(2), (6, 6), step=(3, 6))
    averaged = average(conv(), Symmetry.of_fields(group, "p, u:vector"), window="hann", micro_batch=2)
    path = save(averaged, (torch.randn(1, 3, 6, 6),), tmp_path / "symmetric.onnx")
    for n in (1, 4):
        x = torch.randn(n, 3, 6, 6)
        torch.testing.assert_close(run_onnx(path, x)[0], averaged(x), rtol=0, atol=1e-5)
    entries = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(entries["haar.json"])["group"] == group.name
    assert [p.name for p in tmp_path.iterdir()] == ["symmetric.onnx"]
    assert names_of(path) == (["input"], ["output"])


class Two(nn.Module):
    """Several inputs in containers, several outputs."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, state, time):
        y = torch.tanh(self.linear(state["x"])) * state["q"][:, None] + time
        return {"force": y, "energy": y.square().sum(-1)}


@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
def test_several_inputs_and_outputs(tmp_path, suffix):
    group = cyclic(3)
    vector, scalar = Vector(Defining(group)), Invariant(group)
    inputs = ({"x": vector, "q": scalar}, Invariant(group, batched=False))
    averaged = average(Two(), Symmetry(group, inputs, {"force": vector, "energy": scalar}))
    args = ({"x": torch.randn(4, 2), "q": torch.rand(4)}, torch.tensor([0.5]))
    path = save(averaged, args, tmp_path / f"two.{suffix}")
    expected = averaged(*args)
    if suffix == "pt2":
        found = torch.export.load(path).module()(*args)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    else:
        force, energy = run_onnx(path, args[0]["x"], args[0]["q"], args[1])
        torch.testing.assert_close(force, expected["force"], rtol=0, atol=1e-5)
        torch.testing.assert_close(energy, expected["energy"], rtol=0, atol=1e-5)
        assert names_of(path) == (["x", "q", "input_1"], ["force", "energy"])


def test_the_same_model_and_example_are_the_same_file(tmp_path):
    averaged, x = average(conv(), SYMMETRY), torch.randn(2, 3, 6, 6)
    for suffix in ("pt2", "onnx"):
        one, two = (save(averaged, (x,), tmp_path / f"{name}.{suffix}").read_bytes() for name in ("one", "two"))
        assert one == two
        assert str(tmp_path).encode() not in one
        assert b"test_export.py" not in one


def test_soft_and_anytime_averages_are_saved_too(tmp_path):
    model, x = conv(), torch.randn(4, 3, 6, 6)
    made = soft(model, SYMMETRY, [(x, model(x) * 0.5)], draws=10)
    path = save(made, (x,), tmp_path / "soft.pt2")
    torch.testing.assert_close(torch.export.load(path).module()(x), made(x), rtol=0, atol=1e-5)
    whole = anytime(model, SYMMETRY)
    path = save(whole, (x,), tmp_path / "anytime.pt2")
    torch.testing.assert_close(torch.export.load(path).module()(x), whole(x), rtol=0, atol=1e-5)


def test_one_fixed_batch_if_asked(tmp_path):
    averaged = average(conv(), SYMMETRY)
    x = torch.randn(1, 3, 6, 6)
    program = torch.export.load(save(averaged, (x,), tmp_path / "one.pt2", dynamic_batch=False)).module()
    torch.testing.assert_close(program(x), averaged(x), rtol=0, atol=1e-5)
    with pytest.raises((AssertionError, RuntimeError)):
        program(torch.randn(2, 3, 6, 6))


class Branching(nn.Module):
    def forward(self, x):
        return x if float(x.sum()) > 0 else 2 * x


class Forgetful(nn.Module):
    """Different every time it is called, in a way that a trace does not see."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x + self.calls


def test_nothing_is_written_for_a_model_that_cannot_be_traced(tmp_path):
    averaged = average(Branching(), SYMMETRY, micro_batch=1)
    with pytest.raises(HaarError, match=r"torch\.export cannot trace this model") as caught:
        save(averaged, (torch.randn(2, 3, 6, 6),), tmp_path / "branching.pt2")
    assert "dynamic_batch" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


class RowByRow(nn.Module):
    """A loop over samples is unrolled when it is traced: for one number of them."""

    def forward(self, x):
        return torch.stack([row * row.abs().mean() for row in x])


def test_a_model_for_one_batch_only_names_the_way_out(tmp_path):
    averaged = average(RowByRow(), SYMMETRY, micro_batch=1)
    x = torch.randn(2, 3, 6, 6)
    with pytest.raises(HaarError, match=r"with dynamic_batch=False it can be written, for one number of samples"):
        save(averaged, (x,), tmp_path / "rows.pt2")
    assert list(tmp_path.iterdir()) == []
    program = torch.export.load(save(averaged, (x,), tmp_path / "rows.pt2", dynamic_batch=False)).module()
    torch.testing.assert_close(program(x), averaged(x), rtol=0, atol=1e-5)


def test_nothing_is_written_if_the_file_does_not_reproduce_the_model(tmp_path):
    averaged = average(Forgetful(), SYMMETRY, micro_batch=4, check=False)
    with pytest.raises(HaarError, match=r"forgetful\.pt2 does not give what the model gives on the example"):
        save(averaged, (torch.randn(2, 3, 6, 6),), tmp_path / "forgetful.pt2")
    assert list(tmp_path.iterdir()) == []


class TracedOtherwise(nn.Module):
    """Takes another way while it is traced; on zeros both are the same."""

    def forward(self, x):
        return 2 * x if torch.compiler.is_compiling() else 3 * x


def test_an_example_of_zeros_does_not_vouch_for_a_file(tmp_path):
    averaged, zeros = average(TracedOtherwise(), SYMMETRY, micro_batch=1), torch.zeros(2, 3, 6, 6)
    with pytest.raises(HaarError, match="does not give what the model gives on inputs of our own"):
        save(averaged, (zeros,), tmp_path / "zeros.pt2")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("example", [torch.zeros(2, 3, 6, 6), torch.randn(1, 3, 6, 6)], ids=["zeros", "one"])
def test_files_of_models_whose_samples_influence_each_other(tmp_path, example):
    inner = conv()
    averaged, x = average(lambda x: inner(x) / x.abs().amax().clamp(min=0.1), SYMMETRY), torch.randn(4, 3, 6, 6)
    program = torch.export.load(save(averaged, (example,), tmp_path / "coupled.pt2")).module()
    with torch.no_grad():
        torch.testing.assert_close(program(x), averaged(x), rtol=0, atol=1e-5)


def test_bad_input_is_refused(tmp_path):
    averaged = average(conv(), SYMMETRY)
    with pytest.raises(ArgumentError, match=r"path: expected a name that ends in \.pt2 or \.onnx, got model\.pt"):
        save(averaged, (torch.randn(1, 3, 6, 6),), tmp_path / "model.pt")
    with pytest.raises(ArgumentError, match="model: expected an averaged model, got Conv2d"):
        save(conv(), (torch.randn(1, 3, 6, 6),), tmp_path / "model.pt2")


def test_averages_compile_to_one_graph():
    """In a process of its own: the run-time checks of the test suite cannot be compiled."""
    script = """
        import torch
        from torch import nn
        from haar.actions import Defining, Symmetry, Vector
        from haar.average import average
        from haar.groups import cyclic, shifts
        torch.manual_seed(0)
        group = shifts((6, 6), step=3)
        fields = Symmetry.of_fields(group, "p, u:vector", history=2)
        C3 = cyclic(3)
        vectors = Symmetry(C3, Vector(Defining(C3)), Vector(Defining(C3)))
        cases = [
            (average(nn.Conv2d(6, 3, 3, padding=1).double(), fields, window="hann"), (2, 6, 6, 6)),
            (average(nn.Linear(2, 2).double(), vectors, micro_batch=2), (4, 2)),
        ]
        for averaged, shape in cases:
            x = torch.randn(shape, dtype=torch.float64)
            compiled = torch.compile(averaged, backend="eager", fullgraph=True)
            torch.testing.assert_close(compiled(x), averaged(x), rtol=1e-12, atol=1e-12)
            compiled(x).square().sum().backward()
    """
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr[-3000:]


class Unit(nn.Module):
    """A field over its size, with a guard."""

    def forward(self, x):
        return x / (x.square().sum((1, 2, 3), keepdim=True).sqrt() + 1e-9)


def test_a_small_guard_of_a_division_is_in_the_onnx_file_too(tmp_path):
    path = save(average(Unit(), Symmetry.of_fields(cyclic(4), "p")), (torch.ones(2, 1, 4, 4),), tmp_path / "unit.onnx")
    assert torch.equal(run_onnx(path, torch.zeros(2, 1, 4, 4))[0], torch.zeros(2, 1, 4, 4))
