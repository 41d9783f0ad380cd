"""Signs of components: which heads see them, kept and fitted anew, and between scikit-learn's two conventions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from haar.audit.components import audit_components
from haar.errors import ArgumentError, ShapeError


def table(seed=0):
    rng = np.random.RandomState(seed)
    x = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 8)) + 0.1 * rng.normal(size=(60, 8))
    return x, x[:, 0] + np.sin(x[:, 1])


def audited(head, *, answers=True, classes=False):
    x, y = table()
    y = (y > 0).astype(int) if classes else y
    fitted = make_pipeline(StandardScaler(), PCA(3), *([head] if head is not None else [])).fit(x, y)
    return audit_components(fitted, x, y if answers else None)


def test_a_linear_head_that_is_kept_changes_and_one_that_is_fitted_anew_does_not():
    report = audited(Ridge())
    assert report.changed("kept", "signs")
    assert not report.changed("fitted anew", "signs")
    assert "head kept: depends on signs (relative change" in report.summary
    assert "head fitted anew: invariant under signs." in report.summary
    assert report.component == "pca (PCA)"
    assert report.head == "Ridge"


def test_neighbours_do_not_see_signs_that_change_for_all_and_a_network_does():
    assert not audited(KNeighborsRegressor(3)).changed("fitted anew", "signs")
    network = MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=0, solver="lbfgs")
    with pytest.warns(ConvergenceWarning):  # twenty steps are few
        assert audited(network).changed("fitted anew", "signs")


def test_an_even_head_is_invariant_as_it_is():
    x, y = table()
    fitted = make_pipeline(PCA(3), FunctionTransformer(np.abs), Ridge()).fit(x, y)
    report = audit_components(fitted, x, y)
    assert not report.changed("kept", "signs")
    assert report.summary == "head kept: invariant under signs; head fitted anew: invariant under signs."


def test_classes_that_move_are_counted():
    kept = audited(LogisticRegression(), classes=True).changes["kept"]["signs"]
    assert 0.3 < kept["answers"] <= 1
    assert audited(Ridge()).changes["kept"]["signs"]["answers"] is None
    forest = audited(RandomForestClassifier(5, random_state=0), classes=True)
    assert forest.changes["kept"]["signs"]["answers"] > 0.1


def test_scores_that_are_the_answer_turn_with_their_signs():
    x, _ = table()
    report = audit_components(PCA(2).fit(x), x)
    assert report.head == "none"
    assert list(report.changes) == ["kept"]
    assert report.changed("kept", "signs")


def test_the_two_conventions_differ_where_largest_score_and_largest_loading_do():
    x, y = table()
    pca = PCA(3, svd_solver="full").fit(x)
    scores, loadings = pca.transform(x), pca.components_
    flips = []
    for place in range(3):
        by_score = np.sign(scores[np.abs(scores[:, place]).argmax(), place])
        by_loading = np.sign(loadings[place, np.abs(loadings[place]).argmax()])
        flips += [place + 1] if by_score != by_loading else []
    report = audit_components(make_pipeline(PCA(3, svd_solver="full"), Ridge()).fit(x, y), x, y)
    assert report.flips == tuple(flips)
    assert report.changed("kept", "release") == bool(flips)
    assert not report.changed("fitted anew", "release")


def test_signs_of_one_component_by_hand():
    x, y = table()
    fitted = make_pipeline(PCA(1), Ridge()).fit(x, y)
    said = fitted.predict(x)
    mirrored = fitted[-1].predict(-fitted[:-1].transform(x))
    found = audit_components(fitted, x).changes["kept"]["signs"]["output"]
    assert found == pytest.approx(np.abs(mirrored - said).max() / said.std())


def test_the_estimator_is_left_as_it_was():
    x, y = table()
    fitted = make_pipeline(TruncatedSVD(3, random_state=0), Ridge()).fit(x, y)
    said, before = fitted.predict(x), (fitted[0].components_.copy(), fitted[1].coef_.copy())
    audit_components(fitted, x, y)
    for one, other in zip(before, (fitted[0].components_, fitted[1].coef_), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(fitted.predict(x), said, atol=1e-12)


def test_what_has_no_components_is_refused():
    x, y = table()
    told = "estimator: expected a fitted pipeline with a step that has components_"
    for estimator in (Ridge().fit(x, y), make_pipeline(PCA(2), Ridge()), 3):
        with pytest.raises(ArgumentError, match=told):
            audit_components(estimator, x)
    with pytest.raises(ArgumentError, match=r"estimator: expected PCA\.transform to take these rows, got ValueError"):
        audit_components(PCA(2).fit(x), x[:, :3])


class Drawn(Ridge):
    """Answers at random."""

    def predict(self, x):
        return np.random.default_rng().normal(size=len(x))


def test_a_head_that_draws_its_answers_is_refused():
    with pytest.raises(ArgumentError, match="estimator: expected the same answers for the same rows"):
        audited(Drawn())


def test_what_a_step_says_in_our_words_comes_through():
    class Refuses(Ridge):
        def predict(self, x):
            raise ShapeError("x", expected="pairs", got=x.shape)

    with pytest.raises(ShapeError, match=r"^x: expected pairs, got \(60, 3\)$"):
        audited(Refuses())
