"""Errors, spectra and flows of maps that are known."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.moments.laws import Laplace, Normal, StudentT
from haar.systems.renormalisation import LAWS, PerceptronEnsemble, Sizes, evaluate, one_shot
from haar.systems.renormalisation.evaluation import find_law, outputs
from haar.systems.renormalisation.flow import learned_flow
from haar.systems.renormalisation.spectrum import (
    MIRRORED_LAWS,
    SPECTRUM_LAWS,
    learned_spectrum,
    spectrum_and_mirrored,
)


def linear_networks(inputs, gain=1.0, offset=0.0):
    """Two networks that are gain * S + offset."""
    nets = PerceptronEnsemble("sum", "linear", Sizes(inputs, 1, 1), seeds=[0, 1])
    with torch.no_grad():
        for name, value in {
            "weight0": gain * inputs**-0.5,
            "bias0": 0.0,
            "out_weight": 1.0,
            "out_bias": offset,
        }.items():
            nets.free[name].fill_(value)
    return nets


def test_errors_of_a_known_map():
    found = evaluate(linear_networks(4, gain=1.1, offset=0.2), samples=20_000)
    for law in LAWS:
        exact = (
            0.01 * LAWS[law].scaled_sum(4).moment(2) + 2 * 0.1 * 0.2 * LAWS[law].scaled_sum(4).moment(1) + 0.04
        ) / (LAWS[law].cumulant(2))
        at = found.laws.index(law)
        assert float((found.column(law) - float(exact)).abs().max()) < 5 * float(found.standard_error[:, at].max())
    assert not found.dead.any()
    assert torch.equal(found.nmse[0], found.nmse[1])


def test_constant_networks_are_dead_and_counted():
    nets = linear_networks(4)
    with torch.no_grad():
        nets.free["out_weight"][1] = 0.0
    found = evaluate(nets, samples=5000)
    assert found.dead.tolist() == [False, True]
    assert float(found.column("gauss")[0]) < 1e-20
    assert float(found.column("gauss")[1]) == pytest.approx(1.0, abs=0.1)


def test_the_same_seed_gives_the_same_errors():
    nets = PerceptronEnsemble("free", "relu", Sizes(), seeds=range(2))
    assert torch.equal(evaluate(nets, samples=50, seed=3).nmse, evaluate(nets, samples=50, seed=3).nmse)
    assert not torch.equal(evaluate(nets, samples=50, seed=3).nmse, evaluate(nets, samples=50, seed=4).nmse)


def test_outputs_in_chunks_are_outputs(generator):
    nets = PerceptronEnsemble("free", "relu", Sizes(), seeds=range(2))
    x = torch.randn(9000, 4, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(outputs(nets, x), nets(x).detach(), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("inputs", [2, 4])
def test_the_spectrum_of_an_exact_map(inputs):
    found = learned_spectrum(linear_networks(inputs), inputs, samples=4000)
    torch.testing.assert_close(found.learned[0], found.sampled, rtol=1e-10, atol=1e-10)
    assert float(found.relative_error.max()) < 1e-9
    torch.testing.assert_close(found.sampled, found.exact, rtol=0.2, atol=0.1)


def test_a_scaled_map_scales_the_spectrum():
    found = learned_spectrum(linear_networks(2, gain=1.5, offset=3.0), 2, samples=2000)
    powers = torch.tensor([1.5**n for n in range(1, 5)], dtype=torch.float64)
    torch.testing.assert_close(found.learned[0], found.sampled * powers, rtol=1e-9, atol=1e-9)


def test_a_bend_errs_oppositely_on_mirror_images():
    def bent(x):
        s = one_shot(x)
        return (s - 0.03 * (s.square() - 1.0))[None]

    plain = learned_spectrum(bent, 2, samples=20_000)
    mirrored = learned_spectrum(bent, 2, laws=MIRRORED_LAWS, samples=20_000)
    assert float(plain.relative_error[0, 2]) > 0.1
    assert float(mirrored.relative_error[0, 2]) < 0.5 * float(plain.relative_error[0, 2])


def test_the_flow_of_an_exact_map():
    found = learned_flow(linear_networks(2), Laplace(), steps=3, blocks=500)
    assert found.learned.shape == (2, 4, 4)
    torch.testing.assert_close(found.learned[0], found.sampled, rtol=1e-10, atol=1e-10)
    assert float(((found.learned - found.exact) / found.errors).abs().max()) < 5.0
    assert found.exact[:, 3].tolist() == [3.0, 1.5, 0.75, 0.375]
    assert learned_flow(linear_networks(2), StudentT(3), steps=1, blocks=10).exact[:, 3].isnan().all()


def test_refusals():
    nets = linear_networks(2)
    with pytest.raises(ArgumentError, match="samples: expected at least 2, got 1"):
        evaluate(nets, samples=1)
    with pytest.raises(ArgumentError, match="law: expected one of gauss, uniform"):
        find_law("cauchy")
    with pytest.raises(ArgumentError, match="laws: expected laws with different cumulants of order 2, got a, b"):
        learned_spectrum(nets, 2, laws={"a": Normal(), "b": Normal(1, 1)}, samples=10)
    with pytest.raises(ArgumentError, match="steps, blocks: expected at least 1 step and 4 blocks, got 0, 9"):
        learned_flow(nets, Normal(), steps=0, blocks=9)
    assert set(SPECTRUM_LAWS) < set(MIRRORED_LAWS)


def test_both_spectra_are_those_of_their_laws():
    nets = PerceptronEnsemble("free", "tanh", Sizes(2, 4, 1), seeds=[0, 1])
    found, mirrored = spectrum_and_mirrored(nets, 2, samples=300, seed=5)
    for one, laws in ((found, SPECTRUM_LAWS), (mirrored, MIRRORED_LAWS)):
        alone = learned_spectrum(nets, 2, laws=laws, samples=300, seed=5)
        assert torch.equal(one.learned, alone.learned)
        assert torch.equal(one.sampled, alone.sampled)
        assert torch.equal(one.exact, alone.exact)
