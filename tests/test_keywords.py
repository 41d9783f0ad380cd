"""Every verb names its keywords where one is misspelt, and takes the names that it had before."""

from __future__ import annotations

import pytest
import torch

import haar
from haar import average, moments, relax
from haar.actions.eigenspaces import eigenspaces
from haar.average import soft
from haar.errors import ArgumentError, KeywordError, formerly


@formerly(tol="tolerance")
def near(x, *, tolerance=1.0):
    return abs(x) <= tolerance


def test_an_earlier_name_means_what_the_name_of_today_does():
    assert [near(2.0), near(2.0, tol=3.0), near(2.0, tolerance=3.0)] == [False, True, True]
    values = torch.tensor([0.0, 1.0, 1.5])
    assert eigenspaces(values, tol=0.4).tolist() == eigenspaces(values, tolerance=0.4).tolist() == [0, 1, 1]


def test_two_names_for_one_argument_are_refused():
    with pytest.raises(ArgumentError, match="tolerance: expected to be given once, got tol beside it"):
        near(2.0, tol=3.0, tolerance=1.0)


VERBS = {
    "audit": haar.audit,
    "average": haar.average,
    "compare": moments.compare,
    "controlled_mean": moments.controlled_mean,
    "diagnose": relax.diagnose,
    "distil": average.distil,
    "enforce": relax.enforce,
    "fit": relax.fit,
    "homotopise": relax.homotopise,
    "lie_errors": relax.lie_errors,
    "loss_share": relax.loss_share,
    "moment_loss": moments.moment_loss,
    "path": relax.path,
    "propagate": moments.propagate,
    "relax": haar.relax,
    "sample_outputs": moments.sample_outputs,
    "score_test": relax.score_test,
    "select": average.select,
    "soft": soft,
    "symmetry_in_distribution": moments.symmetry_in_distribution,
    "tension": relax.tension,
    "train_on_moments": moments.train_on_moments,
    "write_average": average.write_average,
    "write_student": average.write_student,
}


@pytest.mark.parametrize("name", VERBS)
def test_a_misspelt_keyword_of_a_verb_is_refused_with_those_that_it_has(name):
    with pytest.raises(
        KeywordError, match=rf"sede: expected a keyword of {name} \(\w+, .*\), got an unexpected keyword"
    ):
        VERBS[name](sede=1)
