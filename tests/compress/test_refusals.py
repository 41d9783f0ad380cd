"""What cannot be compressed, measured or calibrated is refused in one line; one bad thing at a time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from haar.actions import Invariant, Regular, Symmetry, Vector
from haar.compress import (
    METRICS,
    Activations,
    AnswerCalibration,
    CalibratedAnswers,
    Decoding,
    Deepen,
    Depth,
    Seen,
    canonical,
    canonical_form,
    gauge,
    optimised,
    sensitivity,
    sweep,
)
from haar.compress.batch import answer, batch_of, batches_of
from haar.compress.bench import Bench
from haar.compress.canonical import canonical_state
from haar.compress.orbit_metrics import GroupDefect
from haar.compress.structured import head_sizes
from haar.errors import ArgumentError, ShapeError
from haar.groups import cyclic
from haar.nn import Linear
from haar.weights import Heads, ParameterAction, Rotation, traced

pytestmark = pytest.mark.usefixtures("unchecked_annotations")


FLAT = ParameterAction({}, {"0.weight": (None, None), "0.bias": (None,)})


class Uncopied(nn.Linear):
    def __deepcopy__(self, memo):
        raise TypeError("a file is open")


class Idle(nn.Sequential):
    """A layer whose weights the loss does not see."""

    def forward(self, x):
        self[1](x)
        return self[0](x)


class Headless(nn.Sequential):
    def get_output_embeddings(self):
        return nn.Linear(1, 1)  # none of its own layers


class Strict(nn.Linear):
    def forward(self, x):
        raise ShapeError("x", expected="pairs", got=tuple(x.shape))


class Generates(nn.Linear):
    def generate(self, *_, **__):
        return None


REFUSED = {
    "levels: expected 0.5 for 2:4, got 0.25": lambda m, d: sensitivity(m, "2:4", None, d, level=0.25),
    r"levels: expected a list of numbers, .* got 0\.5": lambda m, d: sweep(m, "magnitude", None, d, levels=0.5),
    "levels: expected a list of numbers, .* got 'all'": lambda m, d: sweep(m, "magnitude", None, d, levels="all"),
    "metrics: expected a list of names, or functions by name, got 'loss'": lambda m, d: sweep(m, "noise", "loss", d),
    "metrics: expected at least one, got none": lambda m, d: sweep(m, "noise", [], d),
    "data: expected batches: .* got a batch of str": lambda m, _: sweep(m, "noise", None, ["words"]),
    "data: expected batches, got int": lambda m, _: sweep(m, "noise", None, 3),
    "data: expected batches for the evaluation, got None": lambda m, _: sensitivity(m, "magnitude"),
    "model: expected a torch.nn.Module, got int": lambda _, d: sweep(3, "noise", None, d),
    "model: expected a model that can be copied, got TypeError: a file is open": lambda _, d: sweep(
        nn.Sequential(Uncopied(8, 3)).double(), "noise", None, d
    ),
    "model: expected layers of hidden units for 'units', got none in the": lambda _, d: sweep(
        nn.Sequential(nn.Linear(8, 3)).double(), "units", None, d, action=FLAT
    ),
    "calibration: expected a loss that depends on every layer, got 1 unused": lambda _, d: sweep(
        Idle(nn.Linear(8, 3), nn.Linear(8, 3)).double(), "taylor", None, d, calibration=d, layers=["*"]
    ),
    "metrics: expected a model with a layer that reads out, for 'cka', got none": lambda m, d: sweep(
        Headless(*m), "noise", ["cka"], d
    ),
    "perturbation: expected one of magnitude, got 'noise'": lambda m, d: gauge(m, ["magnitude"], None, d).row("noise"),
    "factor: expected one of .*, got 'heads'": lambda m, d: gauge(m, ["magnitude"], None, d).gap("magnitude", "heads"),
    "order: expected each block once, got \\(1, 1\\)": lambda *_: Depth((1, 1)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit(perceptron, pairs, message):
    with pytest.raises(ArgumentError, match=message) as told:
        REFUSED[message](perceptron, pairs)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("call", [canonical, canonical_form, lambda model: optimised(model, "spread")])
def test_only_modules_have_a_gauge(call):
    with pytest.raises(ArgumentError, match=r"model: expected a torch.nn.Module, got int"):
        call(3)


def test_blocks_that_there_are_not(gpt2, texts):
    for one, level, message in (
        (Depth((0, 2)), 2, r"levels: expected at most 2 of the blocks 0 to 1, got 2 of \(0, 2\)"),
        (Depth((0,)), 2, r"levels: expected at most 1 of the blocks 0 to 1, got 2 of \(0,\)"),
        (Depth(), 2, r"levels: expected at most 1 of the blocks 0 to 1, got 2 of \(0,\)"),
        (Deepen(2), 1, "block: expected a number from 0 to 1, got 2"),
        (Deepen(-1), 1, "block: expected a number from 0 to 1, got -1"),
    ):
        with pytest.raises(ArgumentError, match=message):
            sweep(gpt2, one, ["drift"], texts, levels=[level], draws=0)
    bench = Bench(gpt2, example=batches_of(texts)[0])
    Depth((1,)).apply(bench, 1.0, 0)
    bench.restore()
    Deepen(0).apply(bench, 1.0, 0)


def test_answers_that_are_no_tensors():
    for found, told in ((None, "NoneType"), ({}, "tuple"), ((3,), "int")):
        with pytest.raises(ArgumentError, match=f"model: expected a model that returns a tensor, got {told}"):
            answer(found)
    read = CalibratedAnswers(SimpleNamespace, AnswerCalibration(2.0, torch.zeros(2), 0.0, 0.0))
    assert read(logits=torch.ones(2)).logits.tolist() == [0.5, 0.5]
    by_name = CalibratedAnswers(lambda x: {"logits": x}, AnswerCalibration(2.0, torch.zeros(2), 0.0, 0.0))
    with pytest.raises(ArgumentError, match="model: expected a model that answers with logits, got dict"):
        by_name(torch.ones(2))


def test_what_a_model_says_of_a_batch_in_our_words_comes_through():
    with pytest.raises(ShapeError, match=r"^x: expected pairs, got \(2, 8\)$"):
        batch_of(torch.zeros(2, 8)).run(Strict(8, 1))
    with pytest.raises(
        ArgumentError, match=r"data: expected batches that Linear takes, got .* with RuntimeError: mat1"
    ):
        batch_of(torch.zeros(2, 8)).run(nn.Linear(3, 1))


def test_memory_that_is_used_up_is_no_fault_of_the_batch():
    class Hungry(nn.Linear):
        def forward(self, _):
            raise torch.OutOfMemoryError("tried to allocate 80 GiB")

    with pytest.raises(torch.OutOfMemoryError, match="tried to allocate 80 GiB"):
        batch_of(torch.zeros(2, 8)).run(Hungry(8, 1))


def test_metrics_of_what_was_not_kept(perceptron, pairs):
    batch = batches_of(pairs)[0]
    for name in ("drift", "kl"):
        for kept in ({}, {"outputs": torch.ones(2, 3)}, {"dense": torch.ones(2, 3)}):
            with pytest.raises(
                ArgumentError, match="metrics: expected outputs of the model before and after, got none"
            ):
                METRICS[name].units(Seen(perceptron, batch, **kept))
    with pytest.raises(
        ArgumentError, match="metrics: expected a layer that reads out, for 'cka', got none that was run"
    ):
        METRICS["cka"].units(Seen(perceptron, batch, representation=torch.ones(5, 2)))
    with pytest.raises(ArgumentError, match="symmetry: expected a model of one output tensor, got NoneType"):
        GroupDefect().units(Seen(perceptron, batch))


def test_symmetries_of_inputs_by_name(perceptron, pairs):
    class Named(nn.Sequential):
        def forward(self, x):
            return super().forward(x)

    group = cyclic(4)
    symmetry = Symmetry(group, Vector(2 * Regular(group)), Invariant(group))
    by_name = [{"x": pairs[0][0]}]
    with pytest.raises(
        ArgumentError, match="data: expected inputs in order for a symmetry, not by name, got inputs by"
    ):
        sweep(Named(*perceptron), "noise", [GroupDefect()], by_name, symmetry=symmetry)


def test_decoding_needs_tokens(pairs):
    with pytest.raises(ArgumentError, match="data: expected batches of tokens for 'decoding', got other inputs"):
        sweep(Generates(8, 3).double(), Decoding(), None, pairs)


def test_activations_of_layers_in_coordinates_and_calibration_that_was_not_given():
    rep = Regular(cyclic(4))
    x = torch.randn(5, 4, dtype=torch.float64)
    bench = Bench(nn.Sequential(Linear(rep, rep, dtype=torch.float64)), example=batch_of(x), layers=["*"])
    with pytest.raises(ArgumentError, match="perturbations: expected linear or convolutional layers for 'activations'"):
        Activations().apply(bench, 8.0, 0)
    with pytest.raises(ArgumentError, match=r"calibration: expected batches, for this perturbation looks .* got none"):
        _ = bench.calibration


def test_tables_without_what_is_asked_for():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    action = traced(model, torch.ones(1, 2))
    with pytest.raises(ArgumentError, match="site: expected heads, got Units"):
        head_sizes(action, model.state_dict(), "units0")
    rows = {"q": ("h.q", "s*"), "v": ("h.v", "s*"), "o": ("s", "h.o")}
    bare = ParameterAction({"h": Heads(2, 2), "s": Rotation(4)}, rows)
    state = {name: torch.randn(4, 4) for name in rows}
    with pytest.raises(
        ArgumentError, match=r"action: expected parameters for port 'k' of heads, got none in the table"
    ):
        canonical_state(bare, state)
    biased = ParameterAction(bare.sites, {**rows, "k": ("h.k",)})
    with pytest.raises(ArgumentError, match=r"action: expected weights for h.k, got none in the table"):
        canonical_state(biased, {**state, "k": torch.randn(4)})
