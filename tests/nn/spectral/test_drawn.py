"""Layers of columns draw what they start with from their generator alone."""

from __future__ import annotations

import inspect

import pytest
from torch import nn

from haar.nn import spectral

CHI = spectral.column_characters(3)

#: Every public class that takes a generator, with arguments that give it parameters in all of its parts.
DRAWN = {
    "ColumnLinear": lambda **o: spectral.ColumnLinear(3, 4, 2, **o),
    "EigenvalueFilters": lambda **o: spectral.EigenvalueFilters(2, filters=3, hidden=4, **o),
    "GraphConvolution": lambda **o: spectral.GraphConvolution(3, 4, **o),
    "PairScore": lambda **o: spectral.PairScore(3, hidden=4, **o),
    "PearlEncoding": lambda **o: spectral.PearlEncoding(2, filters=3, hidden=4, **o),
    "Perceptron": lambda **o: spectral.Perceptron((3, 4, 2), **o),
    "SignAttention": lambda **o: spectral.SignAttention(3, hidden=4, **o),
    "SignCharacters": lambda **o: spectral.SignCharacters(CHI, CHI, width=2, **o),
    "SignDeepSets": lambda **o: spectral.SignDeepSets(3, hidden=4, layers=2, **o),
    "SignGate": lambda **o: spectral.SignGate(3, hidden=4, **o),
    "SignMLP": lambda **o: spectral.SignMLP(3, hidden=4, layers=2, **o),
    "SignMessagePassing": lambda **o: spectral.SignMessagePassing(3, hidden=4, channels=2, layers=2, **o),
    "SignNet": lambda **o: spectral.SignNet(3, 4, hidden=4, **o),
    "SignNet of sets": lambda **o: spectral.SignNet(3, 4, hidden=4, on="set", **o),
    "SignProduct": lambda **o: spectral.SignProduct(4, 3, 2, hidden=4, **o),
}


def test_no_class_that_draws_is_left_out():
    takers = {
        name
        for name in spectral.__all__
        if inspect.isclass(kind := getattr(spectral, name))
        and issubclass(kind, nn.Module)
        and {"generator", "dtype"} <= set(inspect.signature(kind).parameters)
    }
    assert takers == {name.split()[0] for name in DRAWN}


@pytest.mark.parametrize("name", DRAWN)
def test_everything_comes_from_the_generator_and_in_its_dtype(name, drawn_alone):
    drawn_alone(DRAWN[name])
