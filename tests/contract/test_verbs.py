"""Every verb leaves the model, its inputs and the process as it found them; a new one without an example fails."""

from __future__ import annotations

import warnings

import pytest
import torch
from contract_verbs import CHANGE, F64, VERBS, WITHOUT, Marked, public_functions
from left_as_found import left_as_found


def test_every_public_function_is_called_or_has_a_reason():
    assert set(VERBS) | set(CHANGE) | WITHOUT == public_functions()


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_leaves_everything_as_it_was(name):
    make, call = VERBS[name]
    model = make()
    if name in ("average", "anytime"):
        model.eval()
    x = torch.randn(24, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, of an exported program
        with left_as_found(model, x):
            call(model, x)


def test_the_model_of_these_tests_shows_what_is_left():
    model, x = Marked(), torch.randn(4, 2, dtype=F64)
    with pytest.raises(AssertionError, match="the random state"), left_as_found(model, x):
        torch.rand(1)
    with pytest.raises(AssertionError, match="train or eval mode"), left_as_found(model, x):
        model.norm.train()
    with pytest.raises(AssertionError, match="a parameter or a buffer"), left_as_found(model, x):
        model.calls += 1
    with pytest.raises(AssertionError, match="hooks"), left_as_found(model, x):
        model.norm.register_forward_hook(lambda *_: None)
    with pytest.raises(AssertionError, match="a gradient"), left_as_found(model, x):
        model.linear.weight.grad = None
    with pytest.raises(AssertionError, match="a write into an input"), left_as_found(model, x):
        x.add_(1)
