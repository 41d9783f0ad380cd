"""The audit of signs: what is built in, what was learned, what is absent."""

from __future__ import annotations

import pytest
import torch

from haar.audit.signs import SignAudit, audit_signs
from haar.errors import ArgumentError, ShapeError
from haar.nn.spectral import SignDeepSets, SignNet


def vectors(n: int = 9, k: int = 4) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(n, k, generator=torch.Generator().manual_seed(0))).Q * 3


def source() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_exact_models_are_found_out():
    assert audit_signs(SignDeepSets(4, generator=source()), vectors()).summary == "equivariant under signs, built in."
    assert (
        audit_signs(SignNet(4, 3, on="set", generator=source()), vectors()).summary
        == "invariant under signs, built in."
    )
    many = audit_signs(SignDeepSets(8, generator=source()), vectors(9, 8), samples=5)
    assert many.exact("signs") == "equivariant"


def test_a_plain_model_depends_on_signs_before_and_after():
    class Odd(torch.nn.Linear):
        pass

    before, after = Odd(4, 3), Odd(4, 3)
    with torch.no_grad():
        after.weight.mul_(1e-3)
    report = audit_signs(after, vectors(), untrained=before)
    values = report.changes["signs"]
    assert values["invariant"] < report.untrained["signs"]["invariant"]
    assert values["equivariant"] is None
    assert "depends on signs" in report.summary
    assert "before training" in report.summary
    assert len(report.sections()[0].table.rows) == 2
    plain = audit_signs(lambda v: v @ torch.eye(4).roll(1, 0), vectors())
    assert "depends on signs: relative change" in plain.summary
    assert plain.changes["signs"]["answers"] > 0


def test_bases_of_repeated_eigenvalues_are_a_matter_of_their_own():
    spaces = torch.tensor([0, 1, 1, 2])
    net = SignDeepSets(4, generator=source())
    report = audit_signs(net, vectors(), spaces=spaces)
    assert report.exact("signs") == "equivariant"
    assert report.exact("eigenspaces") is None
    whole = audit_signs(lambda v: net(v, spaces=spaces), vectors(), spaces=spaces)
    assert whole.exact("eigenspaces") == "equivariant"
    assert report.to_dict()["kind"] == "sign-audit"


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v: audit_signs(None, v), "model: expected a module or a function"),
        (lambda v: audit_signs(lambda x: x + torch.rand(()), v), "model: expected the same output .* second time"),
        (lambda v: audit_signs(lambda x: x[x[:, 0] > 0], v), "model: expected an output .* for all signs"),
        (lambda v: audit_signs(lambda x: x[:0], v), "model: expected a model with one finite tensor"),
        (lambda v: audit_signs(torch.sin, v[0]), r"vectors: expected \(n, k\)"),
        (lambda v: audit_signs(torch.sin, v * torch.nan), "vectors: expected finite"),
        (lambda v: audit_signs(torch.sin, v, samples=0), "samples: expected at least 1"),
        (lambda v: audit_signs(torch.sin, v, spaces=torch.tensor([0, 1])), r"spaces: expected \(\*batch, 4\)"),
        (lambda v: audit_signs(torch.sin, v, spaces=torch.tensor([0, 1, 0, 2])), "spaces: expected numbers that rise"),
    ],
)
def test_what_cannot_be_audited_is_refused(call, words):
    with pytest.raises(ArgumentError, match=words) as caught:
        call(vectors())
    assert "\n" not in str(caught.value)


def test_what_a_model_says_in_our_words_comes_through():
    def refusing(v):
        raise ShapeError("v", expected="pairs", got=tuple(v.shape))

    with pytest.raises(ShapeError, match=r"^v: expected pairs, got \(9, 4\)$"):
        audit_signs(refusing, vectors())


def test_classes_are_answers_too():
    report = audit_signs(lambda v: v.argmax(-1), vectors())
    assert "depends on signs" in report.summary


def test_a_model_that_gives_no_numbers_is_refused():
    with pytest.raises(ArgumentError, match="model: expected a model with one finite tensor"):
        audit_signs(lambda v: v / 0, vectors())


def test_the_model_and_the_random_state_are_left_as_they_were():
    class Manners(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.drop = torch.nn.Linear(4, 4), torch.nn.Dropout()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, v):
            self.calls += 1
            torch.rand(1)
            v = v.detach().requires_grad_()
            return torch.autograd.grad(self.drop(self.layer(v)).square().sum(), v)[0]

    model = Manners().train()
    model.drop.eval()
    state = torch.get_rng_state()
    assert "depends on signs" in audit_signs(model, vectors()).summary
    assert torch.equal(torch.get_rng_state(), state)
    assert model.calls.item() == 0
    assert [m.training for m in model.modules()] == [True, True, False]


V = torch.tensor([[2.0, 1.0], [-1.0, 0.5], [0.5, 1.5]], dtype=torch.float64)


def test_the_numbers_of_a_model_are_those_by_hand():
    changes = audit_signs(lambda v: v, V).changes["signs"]
    assert changes == {
        "invariant": 2.0,
        "equivariant": 0.0,
        "answers": pytest.approx(1.0),
    }  # -v has its largest elsewhere
    leaning = audit_signs(lambda v: v.abs() + 0.1 * v[:, :1], V).changes["signs"]
    y = V.abs() + 0.1 * V[:, :1]
    assert leaning["invariant"] == pytest.approx(2 * 0.1 * 2 / float(y.max()))  # the first column turned
    assert leaning["equivariant"] == pytest.approx(
        max(
            float((V.abs() + 0.1 * s[0] * V[:, :1] - y * s).abs().max()) / float(y.max())
            for s in torch.tensor([[1, -1], [-1, 1], [-1, -1]])
        )
    )
    assert audit_signs(lambda v: v.abs().sum(), V).changes["signs"]["answers"] is None


@pytest.mark.parametrize(("size", "kind"), [(1.0e-12, "invariant"), (1.2e-12, None)])
def test_what_is_below_ten_thousand_roundings_is_exact(size, kind):
    # turning a sign changes |v| + size v by 2 size of the largest entry; 1e4 eps is 2.2e-12
    assert audit_signs(lambda v: v.abs() + size * v, V).exact("signs") == kind


@pytest.mark.parametrize(("k", "runs"), [(2, 2 + 3), (6, 2 + 63), (7, 2 + 5)])
def test_all_signs_of_few_columns_are_tried_and_as_many_as_asked_of_more(k, runs):
    calls = []
    audit_signs(lambda v: (calls.append(0), v.abs())[1], torch.randn(8, k, generator=source()), samples=5)
    assert len(calls) == runs


def test_what_was_exact_before_training_is_built_in_and_the_rest_was_learned():
    exact, odd = (lambda v: v.abs()), (lambda v: v + 1)
    assert audit_signs(exact, V, untrained=exact).summary == "invariant under signs, built in."
    assert audit_signs(exact, V, untrained=odd).summary == "invariant under signs, trained."
    rows = audit_signs(exact, V, untrained=odd).sections()[0].table.rows
    assert [row[:3] for row in rows] == [("model", "signs", 0.0), ("untrained", "signs", pytest.approx(4 / 3))]


def test_64_random_signs_and_16_random_bases_are_tried_by_default():
    v, calls = torch.randn(9, 7, generator=source()), []
    audit_signs(lambda x: (calls.append(0), x.abs())[1], v)
    assert len(calls) == 2 + 64
    calls.clear()
    spaces = torch.tensor([0, 0, 1, 2, 3, 4, 5])
    audit_signs(lambda x: (calls.append(0), x.abs())[1], v, spaces=spaces)
    assert len(calls) == 2 + 64 + 16
    calls.clear()
    audit_signs(lambda x: (calls.append(0), x.abs())[1], v, spaces=spaces, samples=5)
    assert len(calls) == 2 + 5 + 5
    lean = lambda x: x.abs() + (x * torch.arange(7.0)).sum()  # noqa: E731
    some = [
        audit_signs(lean, v, samples=3, **seed).changes["signs"]["invariant"] for seed in ({}, {"seed": 0}, {"seed": 1})
    ]
    assert some[0] == some[1] != some[2]


def test_eigenvectors_themselves_turn_with_their_bases():
    report = audit_signs(lambda v: v, vectors(9, 4).double(), spaces=torch.tensor([0, 0, 0, 1]))
    assert report.exact("eigenspaces") == report.exact("signs") == "equivariant"
    assert report.summary == "equivariant under signs, built in; equivariant under eigenspaces, built in."
    simple = audit_signs(lambda v: v, vectors(), spaces=torch.tensor([0, 1, 2, 3]))
    assert list(simple.changes) == ["signs"]


def test_a_summary_tells_the_smaller_change_and_leaves_answers_out():
    numbers = {"invariant": 0.5, "equivariant": 0.25, "answers": 0.0}
    plain = SignAudit({"signs": numbers}, None, 1e-3)
    assert plain.summary == "depends on signs: relative change 0.25."
    trained = SignAudit({"signs": numbers}, {"signs": {"invariant": 2.0, "equivariant": None, "answers": 0.0}}, 1e-3)
    assert trained.summary == "depends on signs: relative change 0.25, 2 before training."
    assert plain.to_dict()["noise"] == 1e-3
    assert plain.to_dict()["changes"] == {"signs": numbers}
    assert [list(row) for row in trained.sections()[0].table.rows] == [
        ["model", "signs", 0.5, 0.25, 0.0],
        ["untrained", "signs", 2.0, None, 0.0],
    ]


@pytest.mark.parametrize(("value", "kind"), [(1e-3, "invariant"), (1.01e-3, None)])
def test_noise_itself_is_exact(value, kind):
    report = SignAudit({"signs": {"invariant": value, "equivariant": None, "answers": None}}, None, 1e-3)
    assert report.exact("signs") == kind


@pytest.mark.usefixtures("unchecked_annotations")
def test_complex_outputs_are_refused_and_whole_numbers_are_not():
    with pytest.raises(ArgumentError, match="model: expected a model with one finite tensor as output, got Tensor"):
        audit_signs(lambda v: v + 1j, V)
    with pytest.raises(ArgumentError, match=r"model: expected a model of eigenvectors \(3, 2\), got IndexError: too"):
        audit_signs(lambda v: v[0, 0, 0], V)
    assert audit_signs(lambda v: (v > 0).long(), V).changes["signs"]["invariant"] == 1
    with pytest.raises(ArgumentError, match="untrained: expected a module or a function, got 3"):
        audit_signs(torch.sin, V, untrained=3)


def test_answers_are_given_by_the_last_axis():
    assert audit_signs(lambda v: v.abs().unsqueeze(-1), V).changes["signs"]["answers"] is None
    assert audit_signs(lambda v: v.abs()[:, 0], V).changes["signs"]["answers"] is None
    assert audit_signs(lambda v: v[:, :1, None] * torch.tensor([1.0, 2.0]), V).changes["signs"]["answers"] == 1
