"""Weak instruments: statistics worked out in plain loops and by linearmodels, sets of every shape, and warnings."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from haar.errors import ArgumentError, HaarWarning
from haar.systems.structural_equations import TwoStageLeastSquares, anderson_rubin, first_stage, wages
from haar.systems.structural_equations.tables import problem
from haar.systems.structural_equations.weak import ConfidenceSet, FirstStage


def _made(strength, rows=200, seed=0, beta=2.0):
    generator = np.random.default_rng(seed)
    z, w = generator.normal(size=(rows, 2)), generator.normal(size=rows)
    e = generator.normal(size=rows) * (1 + 0.5 * abs(z[:, 0]))
    x = strength * z.sum(1) + 0.5 * w + e + generator.normal(size=rows)
    y = beta * x - w + 2 * e
    return problem(np.column_stack([x, w]), y, z, [1])


def _residual(table, on):
    return table - on @ np.linalg.lstsq(on, table, rcond=None)[0]


def test_the_first_stage_is_the_f_test_of_the_excluded_instruments():
    made = _made(0.4)
    x, w, z = made.x.values[:, 0], made.x.values[:, 1], made.z.values
    short = np.column_stack([np.ones(200), w])
    long = np.column_stack([short, z])
    rest, all_of_it = _residual(x, short), _residual(x, long)
    f = ((rest @ rest - all_of_it @ all_of_it) / 2) / (all_of_it @ all_of_it / 196)
    found = first_stage(made)["X0"]
    assert found.f == pytest.approx(f, rel=1e-10)
    assert found.p == pytest.approx(stats.f.sf(f, 2, 196), rel=1e-8)


def test_the_effective_f_is_that_of_olea_and_pflueger():
    """pi' Z'Z pi / tr(V Z'Z) with V the robust covariance of pi, in loops."""
    made = _made(0.4)
    short = np.column_stack([np.ones(200), made.x.values[:, 1]])
    x, z = _residual(made.x.values[:, 0], short), _residual(made.z.values, short)
    gram = z.T @ z
    slope = np.linalg.inv(gram) @ z.T @ x
    meat = np.zeros((2, 2))
    for row, left in zip(z, x - z @ slope, strict=True):
        meat += left**2 * np.outer(row, row)
    covariance = np.linalg.inv(gram) @ meat @ np.linalg.inv(gram) * 200 / 196
    expected = slope @ gram @ slope / np.trace(covariance @ gram)
    assert first_stage(made)["X0"].effective == pytest.approx(expected, rel=1e-10)


def test_with_one_instrument_the_effective_f_is_the_square_of_the_robust_t():
    made = _made(0.4)
    one = problem(made.x.values, made.y, made.z.values[:, :1], [1])
    short = np.column_stack([np.ones(200), made.x.values[:, 1]])
    x, z = _residual(made.x.values[:, 0], short), _residual(made.z.values[:, 0], short)
    slope = z @ x / (z @ z)
    error = ((z * (x - z * slope)) ** 2).sum() / (z @ z) ** 2 * 200 / 197
    assert first_stage(one)["X0"].effective == pytest.approx(slope**2 / error, rel=1e-10)


@pytest.mark.referee
def test_the_first_stage_of_wages_is_that_of_linearmodels():
    from linearmodels.iv import IV2SLS

    given = wages("card")
    made = problem(given.x, given.y, given.z, given.exogenous)
    exogenous = given.x[list(given.exogenous)].assign(constant=1.0)
    fitted = IV2SLS(given.y, exogenous, given.x[["educ"]], given.z).fit(cov_type="unadjusted", debiased=True)
    told = fitted.first_stage.diagnostics.loc["educ"]
    assert first_stage(made)["educ"].f == pytest.approx(told["f.stat"], rel=1e-8)


#: Read once from pyfixest 0.60.0, `feols("lwage ~ exper + ... + smsa | educ ~ ...", vcov="HC1").IV_Diag()`, and from
#: ivmodels 0.10.0, `inverse_anderson_rubin_test(..., C=exogenous, alpha, critical_values="f")`, on linearmodels' data.
PYFIXEST_ONE, PYFIXEST_TWO = 17.51331609688533, 15.485522912173762
IVMODELS = {
    ("card", 0.95): (0.08634371301299952, 0.31655894427002695),
    ("mroz", 0.95): (-0.01899792326965876, 0.13509088609514353),
    ("mroz", 0.9): (-0.007493579985196709, 0.12521327494938583),
}


def _wages(name, instruments=None):
    given = wages(name)
    return problem(given.x, given.y, given.z if instruments is None else given.z[instruments], given.exogenous)


@pytest.mark.referee
def test_the_effective_f_of_one_instrument_is_that_of_pyfixest():
    assert first_stage(_wages("card", ["nearc4"]))["educ"].effective == pytest.approx(PYFIXEST_ONE, rel=1e-9)


@pytest.mark.referee
def test_of_several_pyfixest_gives_another_that_weighs_instruments_before_exogenous_columns_are_taken_off():
    """Olea and Pflueger take them off first, as we do; from raw instruments pyfixest's comes out to the digit."""
    made = _wages("card")
    on = np.column_stack([np.ones(len(made.y)), made.x.values[:, list(made.exogenous)]])
    x, z = _residual(made.x.values[:, 0], on), _residual(made.z.values, on)
    inverse = np.linalg.inv(z.T @ z)
    slope = inverse @ z.T @ x
    scores = z * (x - z @ slope)[:, None]
    covariance = inverse @ scores.T @ scores @ inverse * len(x) / (len(x) - 8)
    found = [slope @ gram @ slope / np.trace(covariance @ gram) for gram in (z.T @ z, made.z.values.T @ made.z.values)]
    assert first_stage(made)["educ"].effective == pytest.approx(found[0], rel=1e-9)
    assert found[1] == pytest.approx(PYFIXEST_TWO, rel=1e-9)


@pytest.mark.referee
@pytest.mark.parametrize(("name", "level"), list(IVMODELS))
def test_anderson_rubin_sets_of_wages_are_those_of_ivmodels(name, level):
    (found,) = anderson_rubin(_wages(name), level).pieces
    assert found == pytest.approx(IVMODELS[name, level], rel=1e-9)


@pytest.mark.parametrize(("f", "effective", "weak"), [(10.0, 10.0, False), (9.99, 50.0, True), (50.0, 9.99, True)])
def test_below_ten_is_weak(f, effective, weak):
    assert FirstStage(f, effective, 0.0).weak is weak


def test_weak_instruments_are_warned_of_with_their_statistics():
    made = _made(0.05)
    stage = first_stage(made)["X0"]
    assert stage.f < 5
    message = f"Z: weak instruments for 'X0': first-stage F {stage.f:.3g}, effective F {stage.effective:.3g}, below 10"
    with pytest.warns(HaarWarning, match=message):
        TwoStageLeastSquares(exogenous=[1]).fit(made.x.values, made.y, made.z.values)
    strong = _made(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TwoStageLeastSquares(exogenous=[1]).fit(strong.x.values, strong.y, strong.z.values)


def _rejected(made, value, level):
    """The Anderson-Rubin test by hand."""
    short = np.column_stack([np.ones(len(made.y)), made.x.values[:, 1]])
    left = made.y - value * made.x.values[:, 0]
    rest, all_of_it = _residual(left, short), _residual(left, np.column_stack([short, made.z.values]))
    f = ((rest @ rest - all_of_it @ all_of_it) / 2) / (all_of_it @ all_of_it / (len(made.y) - 4))
    return stats.f.sf(f, 2, len(made.y) - 4) < 1 - level


@pytest.mark.parametrize("strength", [1.0, 0.1, 0.03])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_set_has_the_values_that_the_test_does_not_reject(strength, level):
    made = _made(strength)
    found = anderson_rubin(made, level)
    for value in np.linspace(-10, 14, 97):
        assert (value in found) is not _rejected(made, value, level)


def test_sets_have_every_shape():
    shapes = set()
    for seed in range(20):
        found = anderson_rubin(_made(0.02, rows=60, seed=seed))
        shapes.add((len(found.pieces), found.bounded))
    assert (2, False) in shapes  # two rays
    assert (1, False) in shapes  # the whole line
    made = _made(1.0)
    assert anderson_rubin(made).bounded
    spoilt = problem(made.x.values, made.y + 5 * (made.z.values[:, 0] - made.z.values[:, 1]), made.z.values, [1])
    assert str(anderson_rubin(spoilt)) == "empty: the instruments contradict each other"
    assert str(ConfidenceSet(0.95, ((-math.inf, 1.0), (2.0, math.inf)))) == "[-inf, 1] or [2, inf]"


def test_it_is_of_one_regressor_and_of_a_level():
    made = _made(1.0)
    two = problem(made.x.values, made.y, made.z.values)
    with pytest.raises(ArgumentError, match="X: expected one endogenous regressor, got 2"):
        anderson_rubin(two)
    with pytest.raises(ArgumentError, match=r"level: expected between 0 and 1, got 1\.0"):
        anderson_rubin(made, 1.0)


def test_too_few_rows_are_refused():
    made = _made(1.0, rows=5)
    with pytest.raises(ArgumentError, match="X: expected more than 5 rows for so many instruments, got 5"):
        TwoStageLeastSquares(exogenous=[1]).fit(made.x.values, made.y, made.z.values)
