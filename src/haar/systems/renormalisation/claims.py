"""What must come out: signs and margins, over all networks of all seeds.

Of the main paper the abstract alone was to be had, so no number of its tables stands beside ours; roman numbers count
the consequences of that abstract which must hold on this test bed.
"""

from __future__ import annotations

from functools import partial

from haar.systems.claim import Claim
from haar.systems.renormalisation.evaluation import LAWS
from haar.systems.renormalisation.readings import (
    FAR,
    RESTORED,
    TESTABLE,
    beside_baselines,
    beside_linear,
    column,
    ends,
    everywhere,
    far,
    flows,
    furthest,
    largest_gap,
    largest_z,
    left_over,
    mean_error,
    nearer,
    peaks,
    restored,
    third,
)
from haar.systems.sample import value

ABSTRACT = "arXiv 2510.16591, abstract"
BREAKING = "arXiv 2502.05300"

_abstract = partial(Claim, source=ABSTRACT)
_second_hand = partial(Claim, source="arXiv 2510.16591, as retold by others")
_cumulants = partial(Claim, source="arXiv 2202.04925 and 2510.16591, abstracts", at_most=3.0)
_pushed = partial(Claim, source=ABSTRACT, at_most=0.1)

_ZOO = (
    _abstract(
        "beats the mean and the untrained network",
        "relu free of depth 1 is nearer than the mean of the targets and than itself untrained, on every law",
        statistic=beside_baselines,
        at_most=1.0,
    ),
    _abstract(
        "finds the linear map",
        "quadratic free, sum and odd are the linear map: error on 3 x N(0,1), as the linear model's, at most 1e-12",
        statistic=furthest,
        at_most=1e-12,
    ),
    *(
        _abstract(
            f"relu {family} fails out of distribution",
            f"(i) over-constrained: relu {family} has at least 20 times the error of relu free on 3 x N(0,1)",
            statistic=far(f"relu {family} 1", "relu free 1"),
            at_least=20,
        )
        for family in ("tied", "full")
    ),
    *(
        _abstract(
            f"quadratic {family} fails everywhere",
            f"(i) over-constrained: quadratic {family} is at least 1000 times worse than free on every law",
            statistic=everywhere(f"quadratic {family} 1", "quadratic free 1"),
            at_least=1e3,
        )
        for family in ("tied", "full")
    ),
    *(
        _abstract(
            f"relu {family} helps",
            f"(ii) the task's own symmetry helps: relu {family} is no worse than relu free on 3 x N(0,1), depth 1",
            statistic=far(f"relu {family} 1", "relu free 1"),
            at_most=1.0,
        )
        for family in ("sum", "odd")
    ),
    _abstract(
        "depth hurts without symmetry",
        "(iii) over-complex: a second hidden layer makes quadratic free 1e6 times worse on 3 x N(0,1)",
        statistic=far("quadratic free 2", "quadratic free 1"),
        at_least=1e6,
    ),
    _abstract(
        "the right symmetry tames depth",
        "(iii) quadratic sum of depth 2 stays below 1e-6 on 3 x N(0,1)",
        statistic=lambda m: value(column(m["zoo"]["quadratic sum 2"], FAR)),
        at_most=1e-6,
    ),
    *(
        _abstract(
            f"spectrum of {family}",
            f"(iv) quadratic {family} has learnt lambda_3 within 3 % of an exact map on the same samples",
            statistic=third(f"quadratic {family}"),
            at_most=0.03,
        )
        for family in ("free", "sum", "odd")
    ),
    _abstract(
        "spectrum of tied",
        "(iv) quadratic tied multiplies the third cumulant wrongly, by at least 30 %",
        statistic=third("quadratic tied"),
        at_least=0.3,
    ),
)

_CUMULANTS = (
    _cumulants(
        "errors predicted from cumulants",
        "(v) the error of a quadratic network of depth 1 follows from cumulants, on every law with a finite fourth: "
        "largest |z| over five families and nine laws",
        statistic=largest_z(tuple(LAWS)),
    ),
    _cumulants(
        "errors predicted where they have a standard error",
        f"(v) the same over the {len(TESTABLE)} laws with a finite eighth moment: elsewhere a squared error has no "
        "variance, and |z| no meaning",
        statistic=largest_z(TESTABLE),
    ),
    _pushed(
        "means through graph networks",
        "(vi) propagated means (orders 2 and 3) of trained depth-1 graph networks are within 10 % of a standard "
        "deviation of Monte Carlo: worst over graphs, training law and exponential",
        statistic=largest_gap(("order 2", "order 3"), (0,)),
    ),
    _pushed(
        "variances through graph networks",
        "(vi) the propagated variance (orders 2 and 3) is within 10 %: worst over graphs, training law and exponential",
        statistic=largest_gap(("order 2", "order 3"), (1,)),
    ),
    _pushed(
        "graph networks, order 3 in factors",
        "(vi) the same of mean and variance by order 3 in factors",
        statistic=largest_gap(("order 3, factors",), (0, 1)),
    ),
    _pushed(
        "graph networks, normal input",
        "(vi) on normal input alone, where order 2 is exact for one hidden layer: mean and variance, orders 2 and 3",
        statistic=largest_gap(("order 2", "order 3"), (0, 1), ("gauss",)),
    ),
    _pushed(
        "graph networks, with draws",
        "(vi) order 3 in factors fused with 8192 draws, mean and variance: with four skewed inputs a series in "
        "cumulants needs them",
        statistic=largest_gap(("fused",), (0, 1)),
    ),
)

_WHOLE_STEPS = (
    *(
        _abstract(
            f"whole step, {family} fails",
            f"(i) over-constrained: a network R^N -> R^(N/b), {words}, has at least 20 times the error of a free one "
            "on 3 x N(0,1)",
            statistic=far(f"relu {family}", "relu free", "whole_steps"),
            at_least=20,
        )
        for family, words in (("tied", "all channels equal"), ("sum", "invariant under all permutations"))
    ),
    *(
        _abstract(
            f"whole step, {family} helps",
            f"(ii) the step's own symmetry helps: a network {words} is no worse than a free one on 3 x N(0,1)",
            statistic=far(f"relu {family}", "relu free", "whole_steps"),
            at_most=1.0,
        )
        for family, words in (
            ("circulant", "commuting with turns by whole blocks"),
            ("equivariant", "commuting with S_b wr S_(N/b)"),
            ("odd", "commuting with S_b wr S_(N/b), and odd"),
        )
    ),
)

_SECOND_HAND = (
    _second_hand(
        "perceptrons flow better than graph networks",
        "after five steps from the exponential the third cumulant of relu free is nearer than a graph network's",
        statistic=flows("relu free", "relu graph"),
        at_most=1.0,
    ),
    _second_hand(
        "constraints hurt perceptrons",
        "relu odd is further from the exact flow than relu free",
        statistic=flows("relu odd", "relu free"),
        at_least=1.0,
    ),
    _second_hand(
        "constraints hurt graph networks",
        "Ws = Wn on the complete graph is further from the map than Ws, Wn apart, on 3 x N(0,1)",
        statistic=far("gnn complete shared relu 1", "gnn complete distinct relu 1", "graphs"),
        at_least=1.0,
    ),
)

_BREAKING = (
    Claim(
        "equal units stay equal",
        "an exactly symmetric start stays symmetric for ever: largest Delta during the training",
        BREAKING,
        peaks,
        at_most=1e-12,
        every=True,
    ),
    Claim(
        "decay restores",
        "weight decay pulls slightly perturbed equal units together: Delta with over Delta without it",
        BREAKING,
        ends("distance", "decayed", "perturbed"),
        at_most=1.0,
    ),
    Claim(
        "decay restores most networks",
        f"share of networks in which decay leaves at most {RESTORED:g} of the Delta that is without it",
        BREAKING,
        restored,
        at_least=0.5,
    ),
    Claim(
        "a static bias removes the trap",
        "with a static bias the same decay no longer holds units together: loss with over loss without it",
        "arXiv 2408.15495",
        ends("losses", "biased", "decayed"),
        at_most=0.1,
    ),
)

_STARTS = {"U": "started from U(+-1/sqrt fan_in)", "N": "started from N(0, 2/fan_in)"}
_closed = partial(Claim, source="arXiv 2202.04925, abstract", when=lambda found: found["available"])

_CLOSURES = (
    *(
        _closed(
            f"{data}, beats the linear model",
            f"{data}: classifiers have no larger error than ridge regression, on the test split",
            statistic=beside_linear,
            at_most=1.0,
            part=("closure", data),
        )
        for data in ("xor", "digits")
    ),
    *(
        _closed(
            f"{data}, second order from the first layer on, {start}",
            f"{data}, networks {began}: a Gaussian closure after the first hidden layer leaves less than half of the "
            "error that it makes at the input, on the test split",
            statistic=left_over(start),
            at_most=0.5,
            part=("closure", data),
        )
        for data in ("xor", "digits")
        for start, began in _STARTS.items()
    ),
)

MLP_KPROP = {
    "16 wide, 2 hidden": {"order 2+": (0.0177, 0.167), "order 3, factors": (0.0077, 0.033)},
    "64 wide, 3 hidden": {"order 2+": (0.0092, 0.104), "order 3, factors": (0.0016, 0.0151)},
}
"""Errors of mean and covariance of mlp_kprop, augmented, of equal order: measured on networks of these kinds."""

_PEERS = (
    *(
        Claim(
            f"{rule} before mlp_kprop, {what}, {cell}",
            f"{rule} is no further from the {what} of random ReLU networks, {cell}, than mlp_kprop at its equal, "
            "augmented order",
            "arXiv 2605.05179",
            mean_error(rule, part),
            at_most=bounds[part],
            part=("orders", cell),
            reported=f"{bounds[part]:g} (mlp_kprop)",
        )
        for cell, orders in MLP_KPROP.items()
        for rule, bounds in orders.items()
        for part, what in enumerate(("mean", "covariance"))
    ),
    *(
        Claim(
            f"order 2 before network_moments, {cell}",
            f"exact pairs are nearer than pairs as if of mean zero: error of the covariance, {cell}",
            "Bibi et al., CVPR 2018",
            nearer("order 2", "network_moments' rule", 1),
            at_most=1.0,
            part=("orders", cell),
            reported=f"error {told} (network_moments)",
        )
        for cell, told in (("16 wide, 2 hidden", ".40"), ("64 wide, 3 hidden", ".50"))
    ),
)

CLAIMS = (*_ZOO, *_WHOLE_STEPS, *_CUMULANTS, *_SECOND_HAND, *_BREAKING, *_CLOSURES, *_PEERS)
"""The table."""
