"""What a result tells of itself: exact or not and why, in every format; and what is refused."""

from __future__ import annotations

import itertools

import pytest
import torch
from moment_networks import mlp
from torch import nn

from haar.errors import ArgumentError, HaarWarning, ShapeError
from haar.moments import (
    Activation,
    Dense,
    Diagonal,
    ErrorEstimate,
    Exchangeable,
    Gaussian,
    Independent,
    NodeOrbits,
    Orbit,
    Propagation,
    compare,
    propagate,
    sample_outputs,
)
from haar.moments.laws import Exponential, StudentT, UndefinedCumulantError
from haar.moments.layer import Evaluation, LayerReport
from haar.moments.vector import VectorCumulants

ORBIT = {"backend": Orbit(NodeOrbits.complete(3))}


@pytest.mark.parametrize("how", ["linearise", "sample"])
@pytest.mark.parametrize("order", [2, 3])
def test_opt_ins_are_marked(how, order):
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()
    law = Gaussian([1.0, 0.0, -1.0], 1e-4)
    found = propagate(model, law, order=order, on_unsupported=how)
    assert not found.exact
    assert [layer.how for layer in found.layers] == [
        "exact",
        "linearised" if how == "linearise" else "sampled",
        "follows",
    ]
    assert ("linearised" if how == "linearise" else "sampled") in found.summary
    checked = compare(model, law, 20_000, order=order, on_unsupported=how)
    torch.testing.assert_close(found.cov, checked.sampled_cov, rtol=0.1, atol=1e-6)
    torch.testing.assert_close(found.mean, checked.sampled.values[0], rtol=0, atol=2e-3)


def test_opt_ins_beside_a_residual_branch():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(3)

        def forward(self, x):
            return x + self.norm(x)

    law = Gaussian([1.0, 0.0, -1.0], 1e-3)
    model = Normed().double()
    for order, how in itertools.product((2, 3), ("linearise", "sample")):
        found = propagate(model, law, order=order, on_unsupported=how)
        y = sample_outputs(model, law, 50_000)
        torch.testing.assert_close(found.cov, torch.cov(y.mT), rtol=0.1, atol=5e-5)


def test_exactness_is_told_apart():
    law = Gaussian(torch.zeros(3))
    assert propagate(mlp(4, 1, inputs=3), law).exact
    assert not propagate(mlp(4, 2, inputs=3), law).exact
    assert not propagate(mlp(4, 1, inputs=3), law, order=1).exact
    assert not propagate(mlp(4, 1, inputs=3), Independent.same(Exponential(), 3)).exact
    bend = nn.Linear(1, 2).double()
    nn.init.constant_(bend.weight, 1.0)  # the law must reach across the kink, or the truncation is nothing
    nn.init.zeros_(bend.bias)
    elu = propagate(nn.Sequential(bend, nn.ELU()), Gaussian([0.0]))
    assert not elu.exact
    assert elu.layers[1].how == "bounded"
    assert 0 < elu.truncation < 1e-3
    assert "exact" in propagate(nn.Linear(3, 1), law).summary
    deep = propagate(mlp(4, 2, inputs=3), law, order=3)
    assert "approximation" in deep.summary
    assert deep.mean_indicator is not None
    assert propagate(mlp(4, 2, inputs=3), law).mean_indicator is None


def test_results_can_be_read_in_every_way(tmp_path):
    found = propagate(mlp(4, 2, inputs=3), Gaussian(torch.zeros(3)), order=4)
    told = found.to_dict()
    assert told["schema"] == 1
    assert told["order"] == 4
    assert len(told["layers"]) == 5
    assert found.table().row_count == 4
    assert found.figure().axes
    assert found.save_html(tmp_path / "page.html").stat().st_size > 1000
    assert found.kurtosis.shape == (4,)
    assert found.skewness.shape == (4,)
    assert propagate(nn.ReLU(), Gaussian([0.0])).skewness is None
    assert propagate(nn.ReLU(), Gaussian([0.0]), order=3).kurtosis is None
    assert propagate(nn.ReLU(), Gaussian([0.0], 0.0), order=3).skewness.item() == 0.0


def test_widths_beyond_the_limit_are_refused():
    model = nn.Linear(3, 700)
    with pytest.raises(
        ArgumentError, match=r"order: expected an order whose tensors fit 2 GB .* got order 3 with 700 live"
    ):
        propagate(model, Gaussian(torch.zeros(3)), order=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 5}, r"order: expected 1, 2, '2\+', 3 or 4, got 5"),
        ({"backend": "sparse"}, "backend: expected 'dense', 'factored', 'diagonal' or 'orbit', got 'sparse'"),
        ({"backend": "diagonal", "order": 3}, "order: expected at most 2 with backend='diagonal'"),
        ({"backend": "diagonal", "order": 1}, "order: expected 2 with backend='diagonal', which does not linearise"),
        ({**ORBIT, "on_unsupported": "sample"}, "on_unsupported: expected its default with backend='orbit'"),
        ({**ORBIT, "order": 4}, r"order: expected 2, '2\+' or 3 with backend='orbit', got 4"),
        ({**ORBIT, "input_shape": (1, 3)}, r"input_shape: expected \(3, 1\): nodes"),
        ({"backend": "orbit"}, r"input_shape: expected \(nodes, features\), or Orbit\(orbits\)"),
        ({"input_shape": (2, 2)}, r"input_shape: expected 3 components, as the law has, got \(2, 2\)"),
    ],
)
def test_refusals(options, message):
    with pytest.raises((ArgumentError, ShapeError), match=message):
        propagate(nn.ReLU(), Gaussian(torch.zeros(3)), **options)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (Dense, {"samples": 3}, "samples: expected at least 4, got 3"),
        (Dense, {"tolerance": 0.0}, "tolerance: expected a number between 0 and 1, got 0.0"),
        (Dense, {"tolerance": float("nan")}, "tolerance: expected a number between 0 and 1, got nan"),
        (Orbit, {"tolerance": 1.0}, "tolerance: expected a number between 0 and 1, got 1.0"),
    ],
)
def test_options_of_a_backend_out_of_range(make, options, message):
    with pytest.raises(ArgumentError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("make", "option"),
    [(Diagonal, "samples"), (Diagonal, "tolerance"), (Diagonal, "generator"), (Orbit, "samples"), (Dense, "orbits")],
)
def test_a_backend_has_only_the_options_that_it_heeds(make, option):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
        make(**{option: None})


def test_undefined_cumulants_stop_the_orders_that_need_them():
    law = Independent.same(StudentT(3), 2)
    model = nn.Linear(2, 1)
    assert propagate(model, law, order=2).exact
    with pytest.raises(UndefinedCumulantError, match="cumulant 3 of t3 is undefined"):
        propagate(model, law, order=3)


def test_clipping_is_reported(recwarn):
    """A strongly skewed law with few inputs drives order 3 out of the positive matrices."""
    w = torch.tensor([[1.0, 0.0], [1.0, 0.05], [1.0, -0.05]], dtype=torch.float64)
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU()).double()
    with torch.no_grad():
        model[0].weight.copy_(w)
    found = propagate(model, Independent.same(Exponential(), 2), order=3)
    assert torch.linalg.eigvalsh(found.cov.detach()).min() >= -1e-9
    clipped = [layer.clipped for layer in found.layers]
    assert all(value <= 0 for value in clipped)
    assert not [w for w in recwarn if not issubclass(w.category, HaarWarning)]


def test_a_kink_that_was_not_listed_is_reported():
    class Bent(nn.Module):
        def forward(self, z):
            return (z - 0.37).clamp(min=0)

    model, law = nn.Sequential(Bent()), Gaussian([0.2], 0.8)

    def bent(z):
        return (z - 0.37).clamp(min=0)

    blind = propagate(model, law, activations={Bent: Activation(bent, name="bent")})
    told = propagate(model, law, activations={Bent: Activation(bent, name="bent", breaks=(0.37,))})
    assert blind.layers[0].evaluation.quadrature > 1e-6
    assert blind.layers[0].how == "inaccurate"
    assert not blind.exact
    assert told.layers[0].evaluation.quadrature < 1e-12
    # The truth is the clamp that the registry knows in closed form, after a shift.
    shifted = propagate(nn.ReLU(), Gaussian([0.2 - 0.37], 0.8))
    torch.testing.assert_close(told.mean, shifted.mean, rtol=1e-12, atol=0)


def test_a_readout_that_cancels_is_told():
    law = Gaussian([0.0, 0.0], torch.tensor([[1.0, 0.99], [0.99, 1.0]]))
    model = nn.Sequential(nn.ReLU(), nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False)).double()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        model[3].weight.copy_(torch.tensor([[1.0, -1.0]]))
    found = propagate(model, law)
    expected = found.cov.item() / (2 * propagate(model[:3], law).variance[0].item())
    assert found.layers[-1].cancellation == pytest.approx(expected, rel=1e-9)
    assert "Layer '3' cancels" in found.summary
    pooled = propagate(nn.Sequential(nn.ReLU(), nn.AvgPool1d(4)), Gaussian(torch.zeros(4)), input_shape=(1, 4))
    assert pooled.layers[1].cancellation == pytest.approx(1.0)


def test_both_backends_answer_alike():
    law = Exchangeable(3, [0.1, 0.2], torch.eye(2), 0.3 * torch.eye(2))
    nodes = NodeOrbits.complete(3)
    steep = Activation(lambda z: (z > 0.3).to(z.dtype), name="step")  # a jump that nobody announced
    for model in (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Sequential(nn.Linear(2, 2), nn.Softsign())):
        dense = propagate(model, law, input_shape=(3, 2))
        orbit = propagate(model, law, backend=Orbit(nodes))
        assert type(orbit) is type(dense)
        assert (orbit.exact, orbit.output_shape) == (dense.exact, dense.output_shape)
        torch.testing.assert_close(orbit.variance, dense.variance, rtol=1e-10, atol=1e-12)
        assert dense.to_dense() is dense

    class Jump(nn.Module):
        def forward(self, z):
            return (z > 0.3).to(z.dtype)

    jump, extra = nn.Sequential(nn.Linear(2, 2), Jump()), {Jump: steep}
    dense = propagate(jump, law, input_shape=(3, 2), activations=extra)
    orbit = propagate(jump, law, backend=Orbit(nodes), activations=extra)
    assert (dense.exact, orbit.exact) == (False, False)
    assert orbit.layers[1].evaluation.quadrature == pytest.approx(dense.layers[1].evaluation.quadrature)
    assert orbit.layers[1].evaluation.quadrature > 1e-3


def by_hand(*layers, exact=False, outputs=2, order=4, **error):
    """Means 1, variances 4, 0, 0.., third cumulant 16 and fourth 32 of the first output."""
    mean, one = torch.ones(outputs, dtype=torch.float64), torch.zeros(outputs, dtype=torch.float64)
    one[0] = 1.0
    third, fourth = torch.zeros([outputs] * 3, dtype=torch.float64), torch.zeros([outputs] * 4, dtype=torch.float64)
    third[0, 0, 0], fourth[0, 0, 0, 0] = 16.0, 32.0
    cumulants = VectorCumulants(mean, 4 * one.diag(), third, fourth)
    return Propagation(cumulants, (outputs,), order, "dense", exact, layers, ErrorEstimate(**error))


def layer(how="closure", cancellation=None, name="0", **evaluation):
    return LayerReport(name, "ReLU", 3, 5, how, Evaluation(**evaluation), cancellation, -0.25)


def test_what_a_result_shows_by_hand():
    found = by_hand(layer(bound=1e-6, quadrature=2e-6), layer(), mean_indicator=torch.tensor([0.5, 0.25]).double())
    assert (found.sd.tolist(), found.skewness.tolist(), found.kurtosis.tolist()) == ([2.0, 0.0], [2.0, 0.0], [2.0, 0.0])
    assert found.truncation == 1e-6
    assert by_hand().truncation == 0.0
    told = found.to_dict()
    for name, value in {"mean": [1.0, 1.0], "sd": [2.0, 0.0], "skewness": [2.0, 0.0], "kurtosis": [2.0, 0.0]}.items():
        assert told[name] == value
    assert (told["backend"], told["exact"], told["output_shape"], told["truncation"]) == ("dense", False, [2], 1e-6)
    assert (told["mean_indicator"], told["mean_bound"]) == ([0.5, 0.25], None)
    assert told["cov"] == [[4.0, 0.0], [0.0, 0.0]]
    output, layers = found.sections()
    assert dict(zip(output.table.columns, output.table.rows[0], strict=True)) == {
        "output": "0",
        "mean": 1.0,
        "sd": 2.0,
        "skewness": 2.0,
        "excess kurtosis": 2.0,
        "|order 4 - order 2| of the mean (indicator)": 0.5,
    }
    assert dict(zip(layers.table.columns, layers.table.rows[0], strict=True)) == {
        "layer": "0",
        "kind": "ReLU",
        "size": 3,
        "live": 5,
        "how": "closure",
        "coefficients": "",
        "Mehler order": 0,
        "closed pairs": 0,
        "bound": 1e-6,
        "quadrature": 2e-6,
        "cancellation": None,
        "clipped": -0.25,
        "damped": 0,
    }
    (axes,) = output.figure.axes
    ((line, _, (bars,)),) = axes.containers
    assert line.get_ydata().tolist() == [1.0, 1.0]
    assert [[point[1] for point in bar] for bar in bars.get_segments()] == [[-1.0, 3.0], [1.0, 1.0]]
    bounded = by_hand(mean_bound=torch.tensor([0.5, 0.25]).double())
    assert bounded.sections()[0].table.columns[-1] == "bound on the mean's error"
    assert bounded.to_dict()["mean_bound"] == [0.5, 0.25]


@pytest.mark.parametrize(("outputs", "note"), [(20, ""), (21, "first 20 of 21")])
def test_twenty_outputs_are_shown(outputs, note):
    table = by_hand(outputs=outputs).sections()[0].table
    assert (len(table.rows), table.note) == (20, note)


@pytest.mark.parametrize(
    ("layers", "exact", "summary"),
    [
        ([layer(cancellation=0.01)], True, "Order 4: mean and covariance are exact."),
        (
            [layer("sampled"), layer("linearised")],
            False,
            "Order 4: sampled, the moments of draws that went through the whole model.",
        ),
        (
            [layer("linearised"), layer(cancellation=0.1)],
            False,
            (
                "Order 4: an approximation (normal closure between layers), with parts linearised; "
                "check it with `compare`."
            ),
        ),
        (
            [layer(cancellation=0.01), layer(cancellation=0.0999, name="last"), layer(cancellation=0.5)],
            False,
            (
                "Order 4: an approximation (normal closure between layers); check it with `compare`. "
                "Layer 'last' cancels: its output keeps 0.1 of the variance that uncorrelated inputs would give, "
                "and relative errors are largest there."
            ),
        ),
    ],
)
def test_one_sentence_on_how_far_to_trust_a_result(layers, exact, summary):
    found = by_hand(*layers, exact=exact)
    assert found.trust == summary
    assert found.summary == f"{found.answer} {summary}"


def test_the_answer_comes_first_in_words():
    law = Gaussian([1.0, -2.0], [[4.0, 0.0], [0.0, 0.25]])
    few = propagate(nn.Identity(), law)
    assert few.answer == "The output is 1 ± 2, -2 ± 0.5 (mean ± standard deviation)."
    many = propagate(nn.Identity(), Gaussian(torch.arange(5.0), torch.diag(torch.arange(1.0, 6.0).square())))
    assert many.answer == "5 outputs: means from 0 to 4, standard deviations from 1 to 5."


@pytest.mark.parametrize(
    ("evaluation", "converged"),
    [
        ({"bound": 1e-10, "quadrature": 1e-8}, True),
        ({"bound": 1.01e-10}, False),
        ({"quadrature": 1.01e-8}, False),
    ],
)
def test_what_counts_as_converged(evaluation, converged):
    assert Evaluation(**evaluation).converged is converged


def test_indicators_are_the_gap_to_order_two():
    model, law = mlp(4, 2, inputs=3), Gaussian(torch.zeros(3))
    with torch.no_grad():
        two, three = (propagate(model, law, order=order) for order in (2, 3))
    torch.testing.assert_close(three.mean_indicator, (three.mean - two.mean).abs())
    torch.testing.assert_close(three.cov_indicator, (three.cov - two.cov).abs())
    assert three.mean_indicator.max() > 1e-6
    assert (two.cov_indicator, two.mean_bound) == (None, None)
    skew = Independent.same(Exponential(), 3)
    hidden = mlp(4, 1, inputs=3)
    assert propagate(hidden, skew).mean_bound is not None
    assert propagate(hidden, skew, order=1).mean_bound is None
    assert propagate(hidden, skew, backend="diagonal").mean_bound is not None
    assert propagate(hidden, law, backend="diagonal").mean_bound is None
    sampled = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    assert propagate(sampled, law, order=3, on_unsupported="sample").mean_indicator is None


@pytest.mark.parametrize(("order", "width"), [(2, 15812), (3, 630), (4, 126)])
def test_the_widest_tensor_is_two_gigabytes(order, width):
    """8 n^order bytes: one component less would fit."""
    assert 8 * (width - 1) ** order <= 2e9 < 8 * width**order
    with pytest.raises(ArgumentError) as caught:
        propagate(nn.ReLU(), Gaussian(torch.zeros(width), 1.0), order=order)
    assert str(caught.value) == (
        "order: expected an order whose tensors fit 2 GB at this width, "
        f"got order {order} with {width} live components (2.0 GB); use a lower order"
        + (", or backend='diagonal'" if order == 2 else "")
    )


@pytest.mark.parametrize("tolerance", [1.0, -1e-12])
def test_tolerances_lie_strictly_between_0_and_1(tolerance):
    with pytest.raises(ArgumentError, match="tolerance: expected a number between 0 and 1"):
        Dense(tolerance=tolerance)
    assert (Dense(samples=4).samples, Dense().samples, Dense().tolerance, Orbit().tolerance) == (
        4,
        20_000,
        1e-12,
        1e-12,
    )


def test_a_looser_tolerance_cuts_the_series_earlier():
    model, law = nn.Sequential(nn.Linear(3, 4), nn.Tanh()).double(), Exchangeable(3, [0.1], [[1.0]], [[0.3]])
    orders = [
        propagate(model, law, backend=Dense(tolerance=t)).layers[1].evaluation.mehler_order for t in (1e-2, 1e-12)
    ]
    assert orders[0] < orders[1]
    nodes, graph = NodeOrbits.complete(3), nn.Sequential(nn.Linear(1, 1), nn.Tanh()).double()
    bounds = [
        propagate(graph, law, backend=Orbit(nodes, tolerance=t)).layers[1].evaluation.bound for t in (1e-2, 1e-12)
    ]
    assert bounds[0] > 1e3 * bounds[1]


def test_statistics_that_are_no_numbers_are_named_and_masks_of_infinity_are_not():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).eval()
    model.register_buffer("mask", torch.full((2, 2), -float("inf")))
    law = Gaussian([0.1, 0.2])
    assert bool(propagate(model, law).mean.isfinite().all())
    model[1].running_mean[1] = float("nan")
    with pytest.raises(ArgumentError, match=r"model: expected statistics that are numbers, got NaN in '1\.run"):
        propagate(model, law)


class Shifted(nn.Module):
    """A layer with a constant that is added, and one that nobody reads."""

    def __init__(self, shift):
        super().__init__()
        self.layer = nn.Linear(2, 3)
        self.register_buffer("shift", torch.tensor(shift))
        self.register_buffer("unread", torch.tensor(float("nan")))

    def forward(self, x):
        return self.layer(x) + self.shift


def test_constants_that_are_no_numbers_are_told_where_they_are_read():
    law = Gaussian([0.1, 0.2])
    assert bool(propagate(Shifted(0.5), law).mean.isfinite().all())
    with pytest.raises(ArgumentError, match=r"model: expected affine layers .* got add"):
        propagate(Shifted(float("nan")), law)
