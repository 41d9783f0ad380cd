from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
import torch
from scipy import integrate, stats

from haar.errors import ArgumentError
from haar.moments import kstats
from haar.moments.cumulants import to_cumulants
from haar.moments.laws import (
    Discrete,
    Exponential,
    Gamma,
    Laplace,
    Normal,
    Poisson,
    Rademacher,
    StudentT,
    SymmetricStable,
    TwoBump,
    UndefinedCumulantError,
    Uniform,
    named_law,
)

ZOO = [
    Normal(),
    Normal(1, 2),
    Uniform(),
    Laplace(),
    Exponential(),
    Gamma(3, 2),
    Gamma(Fraction(1, 2), centred=False),
    Rademacher(),
    TwoBump(),
    StudentT(9),
    Poisson(2),
    Discrete((0, 1, 5), (Fraction(1, 2), Fraction(1, 4), Fraction(1, 4))),
]
names = [law.name for law in ZOO]


@pytest.mark.parametrize("law", ZOO, ids=names)
@pytest.mark.parametrize("b", [2, 4, 9])
def test_the_renormalisation_step_is_diagonal_on_cumulants(law, b):
    image = law.scaled_sum(b)
    for n in range(1, 9):
        before, after = law.cumulant(n), image.cumulant(n)
        if before is None:
            assert after is None
        else:
            assert float(after) == pytest.approx(float(before) * b ** (1 - n / 2), rel=1e-13, abs=0)
            if b in (4, 9) and not isinstance(before, float):
                assert after == before * Fraction(math.isqrt(b)) ** (2 - n)


def test_cumulants_of_sums_of_signs_in_rationals_by_enumeration():
    sums = [sum(signs) for signs in itertools.product((-1, 1), repeat=4)]
    moments = [Fraction(sum(Fraction(s, 2) ** n for s in sums), len(sums)) for n in range(1, 9)]
    image = Rademacher().scaled_sum(4)
    assert [image.cumulant(n) for n in range(1, 9)] == to_cumulants(moments)


@pytest.mark.parametrize("law", ZOO, ids=names)
def test_steps_compose(law):
    twice, once = law.scaled_sum(2).scaled_sum(2), law.scaled_sum(4)
    for n in range(1, 7):
        if law.cumulant(n) is not None:
            assert float(twice.cumulant(n)) == pytest.approx(float(once.cumulant(n)), rel=1e-13, abs=0)


def test_the_standard_normal_and_the_stable_laws_are_fixed_points():
    image = Normal().scaled_sum(7)
    assert isinstance(image, Normal)
    assert (image.mean, image.sd) == (0, 1)
    assert SymmetricStable(1.5).scaled_sum(3, 1.5).name == "stable(1.5)"
    assert Normal(1, 2).scaled_sum(4).cumulant(1) == 2


@pytest.mark.parametrize("law", ZOO, ids=names)
def test_samples_have_the_exact_cumulants(law, generator):
    found = kstats(law.sample((60_000,), generator))
    for n in range(1, 5):
        exact = law.cumulant(n)
        assert abs(float(found.values[n - 1]) - float(exact)) < 5 * float(found.errors[n - 1]) + 1e-12


@pytest.mark.parametrize("law", [law for law in ZOO if not isinstance(law, (Discrete, Poisson))], ids=lambda x: x.name)
def test_densities_have_the_exact_cumulants(law):
    def at(x):
        return float(law.density(torch.tensor(x, dtype=torch.float64)))

    start = -float(law.shape * law.scale) if isinstance(law, Gamma) and law.centred else -60.0
    start = 0.0 if isinstance(law, Gamma) and not law.centred else start
    cuts = [-math.sqrt(3), 0.0, math.sqrt(3)] if start < -10 else None
    moments = [integrate.quad(lambda x, n=n: x**n * at(x), start, 60.0, limit=400, points=cuts)[0] for n in range(4)]
    assert moments[0] == pytest.approx(1.0, abs=1e-6)
    for n, found in enumerate(to_cumulants(moments[1:]), start=1):
        assert found == pytest.approx(float(law.cumulant(n)), abs=2e-4)


@pytest.mark.parametrize("law", [law for law in ZOO if law.cumulant(3) is not None], ids=lambda x: x.name)
def test_absolute_third_moments_agree_with_samples(law, generator):
    x = law.sample((200_000,), generator)
    cubes = (x - float(law.cumulant(1))).abs().pow(3)
    assert abs(float(cubes.mean()) - law.absolute_third()) < 6 * float(cubes.std()) / len(x) ** 0.5 + 1e-9


def test_what_does_not_exist_is_none_and_never_a_number():
    law = StudentT(5)
    assert [law.cumulant(n) for n in (3, 4)] == [0, 6]
    assert [law.cumulant(n) for n in (5, 6, 8)] == [None, None, None]
    assert law.moment(6) is None
    assert law.scaled_sum(3).cumulant(6) is None
    assert law.affine(2, 1).cumulant(6) is None
    assert SymmetricStable(0.5).cumulant(1) is None
    assert SymmetricStable(1.2).cumulant(2) is None
    assert SymmetricStable(1.2).absolute_third() is None
    assert StudentT(3).affine(2, 0).absolute_third() is None
    with pytest.raises(UndefinedCumulantError, match="cumulant 6 of t5 is undefined"):
        law.require(6)


def test_stable_laws_are_the_known_ones(generator):
    x = torch.tensor([-2.0, 0.0, 0.7, 3.0], dtype=torch.float64)
    cauchy, normal = SymmetricStable(1).density(x), SymmetricStable(2).density(x)
    torch.testing.assert_close(cauchy, torch.as_tensor(stats.cauchy.pdf(x.numpy())), rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(normal, torch.as_tensor(stats.norm.pdf(x.numpy(), scale=2**0.5)), rtol=1e-7, atol=1e-9)
    # The characteristic function of the draws is exp(-|t|^alpha).
    draws = SymmetricStable(1.3).sample((100_000,), generator)
    for t in (0.3, 1.0, 2.0):
        assert abs(float(torch.cos(t * draws).mean()) - math.exp(-(t**1.3))) < 5 / 100_000**0.5
    assert SymmetricStable(2).normal
    assert not SymmetricStable(1.3).normal


@pytest.mark.parametrize(("law", "tolerance"), [(Laplace(), 1e-5), (Exponential(), 2e-3), (Uniform(), 2e-3)])
def test_the_density_of_a_sum_is_the_convolution(law, tolerance):
    x = torch.tensor([-1.1, -0.2, 0.4, 1.3], dtype=torch.float64)
    image = law.scaled_sum(2).density(x)

    def convolved(y):
        def inner(u):
            pair = torch.tensor([u, 2**0.5 * y - u], dtype=torch.float64)
            return float(law.density(pair).prod())

        cuts = sorted({-1.0, 0.0, 2**0.5 * y, 2**0.5 * y + 1, -(3**0.5), 3**0.5})
        return 2**0.5 * integrate.quad(inner, -12, 12, points=cuts, limit=200)[0]

    expected = torch.tensor([convolved(y) for y in x.tolist()], dtype=torch.float64)
    torch.testing.assert_close(image, expected, rtol=0, atol=tolerance)


def test_shifted_laws():
    law = Exponential().affine(-2, 5)
    assert (law.cumulant(1), law.cumulant(2), law.cumulant(3)) == (5, 4, -16)
    x = torch.tensor([5.5, 9.0], dtype=torch.float64)
    torch.testing.assert_close(law.density(x), Exponential().density((x - 5) / -2) / 2)
    assert law.absolute_third() == pytest.approx(8 * Exponential().absolute_third())
    assert Normal().affine(2, 1).normal


def test_draws_repeat_with_their_seed():
    for law in ZOO:
        first, second = (law.sample((5,), torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(first, second)
        assert first.dtype == torch.float64


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(0, -1), "sd: expected a number >= 0"),
        (lambda: Normal(0, math.inf), "sd: expected a number >= 0, got inf"),
        (lambda: Uniform(math.inf), "half_squared: expected a number > 0"),
        (lambda: Gamma(1, 0), "shape, scale: expected numbers > 0, got 1, 0"),
        (lambda: Gamma(1, math.inf), "shape, scale: expected numbers > 0"),
        (lambda: Gamma(math.inf), "shape, scale: expected numbers > 0"),
        (lambda: Discrete((0, 1), (1,)), "probabilities: expected one >= 0 per value"),
        (lambda: Discrete((0, 1), (-0.5, 1.5)), "probabilities: expected one >= 0 per value"),
        (lambda: Discrete((0, 1), (0.5, 0.5 + 2e-12)), "probabilities: expected one >= 0 per value"),
        (lambda: TwoBump(-0.1), "m: expected a number in"),
        (lambda: StudentT(math.inf), "nu: expected more than 2 degrees of freedom"),
        (lambda: Poisson(math.inf), "rate: expected a number > 0"),
        (lambda: SymmetricStable(0), "alpha: expected an index"),
        (lambda: Normal().affine(math.inf, 0), "scale: expected a number other than 0, got inf, shift 0"),
        (lambda: Normal().affine(1, math.nan), "scale: expected a number other than 0, got 1, shift nan"),
        (lambda: Normal(0, math.nan), "sd: expected a number >= 0, got nan"),
        (lambda: Normal(math.inf), "mean: expected a finite number, got inf"),
        (lambda: Discrete((0, math.nan), (0.5, 0.5)), "values: expected finite numbers"),
        (lambda: Discrete((0, 1), (0.5, math.nan)), "probabilities: expected one >= 0 per value"),
        (lambda: Uniform(0), "half_squared: expected a number > 0"),
        (lambda: Gamma(0), "shape, scale: expected numbers > 0"),
        (lambda: Discrete((1, 2), (0.5, 0.6)), "probabilities: expected one >= 0 per value, with sum 1"),
        (lambda: TwoBump(1), "m: expected a number in"),
        (lambda: StudentT(2), "nu: expected more than 2 degrees of freedom"),
        (lambda: Poisson(0), "rate: expected a number > 0"),
        (lambda: SymmetricStable(3), "alpha: expected an index"),
        (lambda: Normal().affine(0, 1), "scale: expected a number other than 0"),
        (lambda: Laplace().scaled_sum(0), "b: expected at least one copy"),
        (lambda: Laplace().scaled_sum(2, 0.0), "index: expected a number > 0"),
        (lambda: Laplace().cumulant(0), "n: expected an order >= 1"),
        (lambda: Rademacher().density(torch.zeros(1)), "law: expected a law with a density, got rademacher"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_a_cumulant_beyond_float64_is_refused():
    assert Normal(0, 1e150).require(2) == pytest.approx(1e300)
    with pytest.raises(
        UndefinedCumulantError, match=r"cumulant 2 of normal\(0, 1e\+200\) is larger than float64 holds"
    ):
        Normal(0, 1e200).require(2)


def test_the_ends_of_what_laws_take():
    assert Normal(2, 0).sample(3).tolist() == [2.0, 2.0, 2.0]
    assert SymmetricStable(2).cumulant(2) == 2
    assert SymmetricStable(2).cumulant(1) == SymmetricStable(2).cumulant(3) == 0
    assert SymmetricStable(1).cumulant(1) is None
    assert TwoBump(0).cumulant(4) == 0
    assert Discrete((0, 1), (0.5, 0.5 + 5e-13)).cumulant(1) == pytest.approx(0.5)
    assert Laplace().scaled_sum(1).cumulant(4) == 3
    assert [StudentT(4).cumulant(n) for n in (3, 4)] == [0, None]
    assert Exponential().moment(0) == 1


def test_names_tell_the_law():
    assert repr(Normal(1, 2)) == "normal(1, 2)"
    assert [law.name for law in (Normal(), Normal(1), Normal(0, 2))] == ["normal", "normal(1, 1)", "normal(0, 2)"]
    assert Exponential().affine(-2, 5).name == "-2*exponential+5"
    assert Laplace().scaled_sum(3).name == "laplace^(3)"
    assert Laplace().scaled_sum(3, 1.5).name == "laplace^(3)/1.5"
    assert (Gamma(3, 2).name, Poisson(2).name, TwoBump().name) == ("gamma(3, 2)", "poisson(2)", "two_bump(0.9)")


def test_sums_of_other_indices_compose_and_draw(generator):
    """Steps of one index are one step; steps of two indices are kept apart; draws are sums over b^(1/index)."""
    one = Laplace().scaled_sum(2, 1.5).scaled_sum(4, 1.5)
    assert one.name == "laplace^(8)/1.5"
    two = Laplace().scaled_sum(2, 1.5).scaled_sum(4)
    assert two.cumulant(2) == Laplace().scaled_sum(2, 1.5).cumulant(2)
    assert Normal(3, 2).scaled_sum(8, 3).require(1) == pytest.approx(3 * 8 / 2)
    assert Normal(3, 2).scaled_sum(8, 3).require(2) == pytest.approx(4 * 8 / 4)
    again = torch.Generator().manual_seed(0)
    total = sum(Laplace().sample((5,), again) for _ in range(3))
    torch.testing.assert_close(Laplace().scaled_sum(3, 1.5).sample((5,), generator), total / 3 ** (1 / 1.5))
    density = Normal(0.5, 1).affine(1, 0).scaled_sum(3).density(torch.tensor([0.2, 1.5]).double())
    exact = stats.norm.pdf([0.2, 1.5], loc=0.5 * 3**0.5)
    torch.testing.assert_close(density, torch.as_tensor(exact), rtol=0, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.3])
def test_stable_draws_have_the_distribution(alpha, generator):
    draws = SymmetricStable(alpha).sample((4000,), generator)
    for t in (0.5, 1.0, 2.0):
        assert abs(float(torch.cos(t * draws).mean()) - math.exp(-(t**alpha))) < 4.5 / 4000**0.5
        assert abs(float(torch.sin(t * draws).mean())) < 4.5 / 4000**0.5


def test_densities_where_the_law_is_not():
    x = torch.tensor([-2.0, -1.0, 1.7320508, 1.7320509], dtype=torch.float64)
    assert Uniform().density(x).tolist() == pytest.approx([0.0, 0.5 / 3**0.5, 0.5 / 3**0.5, 0.0])
    assert Exponential().density(torch.tensor([-1.1, -1.0, -0.9]).double()).tolist() == pytest.approx(
        [0.0, 0.0, math.exp(-0.1)]
    )
    ours = StudentT(5).density(torch.tensor([0.0, 2.0]).double())
    assert ours.tolist() == pytest.approx(stats.t.pdf([0.0, 2.0], 5, scale=(3 / 5) ** 0.5).tolist())


@pytest.mark.parametrize(
    ("text", "cumulants"),
    [
        ("gauss", (0, 1, 0)),
        ("normal(2, 3)", (2, 9, 0)),
        ("exponential", (0, 1, 2)),
        ("gamma(4)", (0, 4, 8)),
        ("rademacher", (0, 1, 0)),
        ("poisson(3)", (3, 3, 3)),
        ("2 * exponential + 1", (1, 4, 16)),
        ("exponential * 2 - 1", (-1, 4, 16)),
        ("1 + exponential", (1, 1, 2)),
        ("1 - exponential", (1, 1, -2)),
        ("-exponential", (0, 1, -2)),
        ("+exponential", (0, 1, 2)),
        ("exponential / 2", (0, 0.25, 0.25)),
        ("gauss(-1, 0.5)", (-1, 0.25, 0)),
        ("  t(5)  ", (0, 1, 0)),
    ],
)
def test_what_an_expression_means(text, cumulants):
    law = named_law(text)
    assert [law.require(n) for n in (1, 2, 3)] == pytest.approx(list(cumulants))


def test_names_that_mean_the_same():
    assert named_law("t5").name == named_law("t(5)").name == "t5"
    assert named_law("gauss(0, 1)").name == named_law("normal").name == "normal"
    assert named_law("uniform").name == "uniform"
    assert named_law("mixture").name == "two_bump(0.9)"
    assert named_law("laplace").name == "laplace"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "cauchy",
        "gauss + gauss",
        "gauss * gauss",
        "2 / gauss",
        "gauss / 0",
        "gauss ** 2",
        "gauss // 2",
        "gauss(mean=1)",
        "gauss(gauss)",
        "True * gauss",
        "'gauss'",
        "gauss; gauss",
        "__import__('os')",
        "gauss.mean",
        "2 + 3",
        "~gauss",
    ],
)
def test_what_is_no_law_is_refused(text):
    with pytest.raises(ArgumentError, match=r"law: expected laws made of gauss, normal, .* with numbers, as in"):
        named_law(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gauss(1, 2, 3)", r"noise: expected gauss with other numbers, got 'gauss\(1, 2, 3\)'"),
        ("gauss(0, -1)", r"sd: expected a number >= 0"),
        ("1e999 * gauss", "noise: expected numbers that float64 holds"),
        ("gauss(0, 1e200)", "noise: expected numbers that float64 holds"),
        ("0 * gauss", "scale: expected a number other than 0"),
    ],
)
def test_numbers_that_a_law_does_not_take_are_named(text, message):
    with pytest.raises(ArgumentError, match=message):
        named_law(text, argument="noise")


def test_whole_numbers_stay_exact():
    """The variance of a t with 5 degrees of freedom is a fraction; beyond 1e15 a whole float is no integer any more."""
    assert isinstance(named_law("poisson(3)").cumulant(1), int)
    assert isinstance(named_law("poisson(1e15)").cumulant(1), float)
    assert isinstance(named_law("poisson(2.5)").cumulant(1), float)
