"""A gauge chosen by an objective: the same function, a lower objective, and one answer for all copies of a model."""

from __future__ import annotations

import pytest
import torch

from haar import compress
from haar.compress import canonical_form, optimised
from haar.compress.factors import everything
from haar.compress.optimised import entropy, spread
from haar.compress.table import table_of
from haar.errors import ArgumentError
from haar.weights import ParameterAction, Units
from haar.weights.models import with_state

TOKENS = torch.randint(23, (3, 8), generator=torch.Generator().manual_seed(0))


def _matrices(state):
    return {name: w for name, w in state.items() if w.ndim > 1}


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize("objective", [entropy, spread])
def test_the_function_stays_and_the_objective_falls(name, objective, request):
    model = request.getfixturevalue(name)
    found = optimised(model, objective.__name__, steps=40)
    torch.testing.assert_close(found.model(TOKENS), model(TOKENS), rtol=1e-9, atol=1e-12)
    first = objective(_matrices(canonical_form(model).state))
    assert float(objective(_matrices(found.state))) < 0.95 * float(first)


def test_copies_of_a_model_end_in_one_gauge(llama):
    table = table_of(llama, None)
    moved = with_state(llama, everything(table, llama.state_dict(), torch.Generator().manual_seed(5)))
    one, other = (
        compress.sweep(optimised(each, steps=20).model, compress.Magnitude(levels=(0.6,)), ["perplexity"], [TOKENS])
        for each in (llama, moved)
    )
    values = [float(found.curve("magnitude", "perplexity").values[0]) for found in (one, other)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_an_objective_of_ones_own(perceptron):
    x = torch.randn(4, 8, dtype=torch.float64)

    def largest(matrices):
        return matrices["0.weight"].square().sum()

    found = optimised(perceptron, largest, x, steps=60, learning_rate=0.05)
    torch.testing.assert_close(found.model(x), perceptron(x), rtol=1e-9, atol=1e-12)
    assert float(largest(found.state)) < 0.2 * float(largest(canonical_form(perceptron, x).state))


def test_what_does_not_fit_is_refused(perceptron):
    x = torch.randn(4, 8, dtype=torch.float64)
    with pytest.raises(ArgumentError, match="objective: expected entropy, spread or a function, got 'entropie'"):
        optimised(perceptron, "entropie", x)
    with pytest.raises(ArgumentError, match="steps: expected at least 1"):
        optimised(perceptron, "entropy", x, steps=0)
    for words, objective in {
        r"got a tensor of shape \(32,\)": lambda w: w["0.weight"].sum(1),
        "got 3, a constant": lambda _: torch.tensor(3.0),
        "got nan": lambda w: w["0.weight"].sum() * torch.nan,
    }.items():
        with pytest.raises(
            ArgumentError, match=f"objective: expected a function whose value is one finite .*, {words}"
        ):
            optimised(perceptron, objective, x, steps=2)
    rows = {f"{k}.weight": labels for k, labels in ((0, ("a", None)), (2, ("b", "a*")), (4, (None, "b*")))}
    rows |= {"0.bias": ("a",), "2.bias": ("b",), "4.bias": (None,)}
    orders = ParameterAction({"a": Units(32), "b": Units(32)}, rows)
    with pytest.raises(ArgumentError, match="model: expected a gauge with rotations or scales, got orders of units"):
        optimised(perceptron, "entropy", x, action=orders)
