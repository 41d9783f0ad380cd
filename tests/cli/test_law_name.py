from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.cli.law_name import parse_law
from haar.errors import ArgumentError, DataError
from haar.moments import Empirical, Gaussian, Independent


def test_words_are_the_laws_they_name():
    law = parse_law("exponential - 1; 2 * laplace; t(5) / 2; 3 - gamma(2, 0.5); gauss(1, 2); -poisson(3)", 6)
    assert isinstance(law, Independent)
    assert law.mean.tolist() == [-1, 0, 0, 3, 1, -3]  # exponential and gamma are centred
    second, third = law.diagonal_cumulants(3)
    assert second.tolist() == pytest.approx([1, 4, 0.25, 0.5, 4, 3])
    assert third.tolist() == pytest.approx([2, 0, 0, -0.5, 0, -3])


def test_one_law_stands_for_all_and_normal_laws_become_a_vector():
    law = parse_law("gauss(1, 2)", 3, mean="1, 2, 3", scale="0.5")
    assert isinstance(law, Gaussian)
    assert law.mean.tolist() == [2, 3, 4]
    assert law.variance().tolist() == [1, 1, 1]


def test_a_scale_leaves_the_mean_where_it_is():
    law = parse_law("poisson(4)", 2, scale="0.5, 1", mean="10")
    assert law.mean.tolist() == [14, 14]
    assert law.variance().tolist() == [1, 4]


def test_files_give_samples_means_and_covariances(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).normal(size=(50, 2))
    np.savetxt("rows.csv", rows, delimiter=",", header="a,b", comments="")
    np.save("mean.npy", np.array([5.0, 6.0]))
    np.savetxt("cov.txt", [[2.0, 1.0], [1.0, 2.0]])
    samples = parse_law("rows.csv", 2, mean="mean.npy", scale="2")
    assert isinstance(samples, Empirical)
    assert samples.mean.tolist() == pytest.approx((rows.mean(0) + np.array([5, 6])).tolist())
    assert samples.variance().tolist() == pytest.approx((4 * rows.var(0, ddof=1)).tolist())
    normal = parse_law("gauss", 2, mean="mean.npy", cov="cov.txt")
    assert normal.cumulants(2).cov.tolist() == [[2, 1], [1, 2]]
    assert normal.mean.tolist() == [5, 6]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("cauchy", {}, "--law: expected laws made of gauss"),
        ("gauss + gauss", {}, "--law: expected laws made of"),
        ("3", {}, "--law: expected laws made of"),
        ("__import__('os')", {}, "--law: expected laws made of"),
        ("gauss(", {}, "--law: expected laws made of"),
        ("t(5, 6)", {}, "--law: expected t with other numbers"),
        ("t(1)", {}, "nu: expected more than 2"),
        ("1e308 * gauss * 1e308", {}, "--law: expected numbers that float64 holds"),
        ("gauss(0, 1e200)", {}, "--law: expected numbers that float64 holds"),
        ("gauss - 1e308 - 1e308", {}, "--law: expected numbers that float64 holds"),
        ("1 / gauss", {}, "--law: expected laws made of"),
        ("gauss; uniform", {}, "--law: expected one law, or one for each of 3 components, got 2"),
        ("gauss", {"mean": "1, 2"}, "--mean: expected one finite number, or 3, got 2 numbers"),
        ("gauss", {"scale": "a"}, "--scale: expected numbers divided by commas"),
        ("uniform", {"cov": "c.npy"}, "--cov: expected --law gauss without --scale"),
        ("rows.npy", {"cov": "c.npy"}, "--cov: expected none beside a file of samples"),
    ],
)
def test_refusals(text, options, message):
    with pytest.raises(ArgumentError, match=message):
        parse_law(text, 3, **options)


def test_files_that_do_not_fit_are_refused(tmp_path):
    np.save(tmp_path / "rows.npy", np.zeros((3, 3)))
    with pytest.raises(ArgumentError, match="at least 4 rows of 3 numbers"):
        parse_law(str(tmp_path / "rows.npy"), 3)
    with pytest.raises(ArgumentError, match=r"--cov: expected a matrix \(2, 2\), got \(3, 3\)"):
        parse_law("gauss", 2, cov=str(tmp_path / "rows.npy"))
    torch.save([torch.nn.Linear(1, 1)], tmp_path / "model.pt")
    (tmp_path / "words.csv").write_text("a,b\n1,2\n3\n")
    (tmp_path / "holes.csv").write_text("1,nan\n")
    for name, message in (
        ("none.csv", "no such file"),
        ("model.pt", "not a file of tensors alone"),
        ("words.csv", "rows of equally many numbers"),
        ("holes.csv", "NaN"),
    ):
        with pytest.raises(DataError, match=message):
            parse_law(str(tmp_path / name), 2)


def test_samples_of_a_file_are_rows_however_they_are_written(tmp_path):
    rows = np.random.default_rng(1).normal(size=(4, 2, 3))
    np.save(tmp_path / "fields.npy", rows)
    law = parse_law(str(tmp_path / "fields.npy"), 6, scale="0.5, 1, 1, 1, 1, 2")
    assert law.mean.tolist() == pytest.approx(rows.reshape(4, 6).mean(0).tolist())
    factor = np.array([0.25, 1, 1, 1, 1, 4])
    assert law.variance().tolist() == pytest.approx((factor * rows.reshape(4, 6).var(0, ddof=1)).tolist())
    np.save(tmp_path / "one.npy", np.arange(4.0))
    assert parse_law(str(tmp_path / "one.npy"), 1).mean.tolist() == [1.5]
    for name, array in (("number", np.array(2.0)), ("wide", np.zeros((4, 7))), ("few", rows[:3])):
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(ArgumentError, match="--law: expected at least 4 rows of 6 numbers"):
            parse_law(str(tmp_path / f"{name}.npy"), 6)


def test_a_correlated_law_keeps_its_own_mean(tmp_path):
    np.save(tmp_path / "cov.npy", np.array([[2.0, 1.0], [1.0, 3.0]]))
    law = parse_law("gauss(3, 1); gauss(4, 1)", 2, cov=str(tmp_path / "cov.npy"))
    assert law.mean.tolist() == [3, 4]
    assert parse_law("gauss(3, 1);", 2, cov=str(tmp_path / "cov.npy"), mean="1, 2").mean.tolist() == [4, 5]
    with pytest.raises(ArgumentError, match="--cov: expected --law gauss without --scale"):
        parse_law("gauss", 2, cov=str(tmp_path / "cov.npy"), scale="2")


def test_a_law_without_a_scale_is_not_moved_and_one_mixed_word_keeps_all_laws():
    law = parse_law("gauss(1, 2); exponential", 2, scale="1, 2")
    assert isinstance(law, Independent)
    assert law.mean.tolist() == [1, 0]
    assert law.variance().tolist() == [4, 4]
    for text in ("inf", "1, nan, 2"):
        with pytest.raises(ArgumentError, match="--mean: expected one finite number, or 3"):
            parse_law("gauss", 3, mean=text)
