"""Factors of least norm, against scipy's minimiser; block-monomial maps against their matrices; wider streams."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from haar.errors import ArgumentError, ShapeError
from haar.weights import BlockMonomial, ParameterAction, Units, adapted, balancing, expanded
from haar.weights.block_monomial import identity
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama
from haar.weights.unit_scales import balanced_units, balancing_factors

F64 = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def factors_of(action, state):
    return {name: element[""].blocks.flatten() for name, element in balanced_units(action, state).items()}


def test_factors_by_hand():
    into, out = torch.tensor([1.0, 16.0, 0.0, 9.0, 0.0]), torch.tensor([16.0, 1.0, 4.0, 0.0, 0.0])
    assert balancing_factors(into, out).tolist() == pytest.approx([2.0, 0.5, 2.0, 1 / 3, 1.0])


CHAIN = ParameterAction(
    {"a": Units(3, "positive"), "b": Units(2, "any"), "c": Units(2)},
    {"w": ("a", None), "bias": ("a",), "v": ("b", "a*"), "u": ("c", "b*"), "t": (None, "c*")},
)


def test_layers_after_one_another_have_the_least_norm_of_all_together():
    shapes = {"w": (3, 4), "bias": (3,), "v": (2, 3), "u": (2, 2), "t": (1, 2)}
    state = {name: drawn(*shape, seed=k) * (k + 1) for k, (name, shape) in enumerate(shapes.items())}
    found = factors_of(CHAIN, state)
    assert set(found) == {"a", "b"}

    def size(logs):
        a, b = np.exp(logs[:3]), np.exp(logs[3:])
        w, bias, v, u = (state[name].numpy() for name in ("w", "bias", "v", "u"))
        scaled = (a[:, None] * w, a * bias, b[:, None] * v / a, u / b)
        return sum((one**2).sum() for one in scaled)

    least = minimize(size, np.zeros(5), tol=1e-14)
    together = torch.cat([found["a"], found["b"]]).log().numpy()
    assert size(together) <= least.fun * (1 + 1e-12)
    np.testing.assert_allclose(together, least.x, atol=1e-5)
    again = CHAIN.act(balancing(CHAIN, state), state)
    assert all(float((one - 1).abs().max()) < 1e-10 for one in factors_of(CHAIN, again).values())


@pytest.mark.parametrize("turned", [False, True])
def test_what_counts_by_its_direction_against_a_minimiser(turned):
    """As a convolution before a batch norm: log of its size stands in what is least, so that no sum sees the size."""
    rows = {"w": ("a", None), "v": ("b.order^", "a*"), "gain": ("b",), "u": (None, "b*"), "skip": (None, "a*")}
    if turned:
        rows["back"] = ("a", "b.order^")
    action = ParameterAction({"a": Units(3, "positive"), "b": Units(2, "positive")}, rows)
    shapes = {"w": (3, 2), "v": (2, 3), "gain": (2,), "u": (1, 2), "skip": (2, 3), "back": (3, 2)}
    state = {name: drawn(*shapes[name], seed=k) * (k + 1) for k, name in enumerate(rows)}
    found = factors_of(action, state)

    def size(logs):
        a, b = np.exp(logs[:3]), np.exp(logs[3:])
        own = {name: state[name].numpy() for name in rows}
        total = sum((one**2).sum() for one in (a[:, None] * own["w"], b * own["gain"], own["u"] / b, own["skip"] / a))
        total += np.log(((own["v"] / a) ** 2).sum(1)).sum()
        return total + (np.log(((a[:, None] * own["back"]) ** 2).sum(0)).sum() if turned else 0)

    least = minimize(size, np.zeros(5), tol=1e-14)
    together = torch.cat([found["a"], found["b"]]).log().numpy()
    assert size(together) <= least.fun + 1e-12 * abs(least.fun)
    np.testing.assert_allclose(together, least.x, atol=1e-5)


def test_a_unit_that_nothing_is_written_to_stands_alone_where_directions_count():
    rows = {"w": ("a", None), "v": ("b.order^", "a*"), "skip": (None, "a*")}
    action = ParameterAction({"a": Units(2, "positive"), "b": Units(2)}, rows)
    state = {"w": torch.tensor([[2.0], [0.0]], dtype=F64), "v": drawn(2, 2), "skip": drawn(1, 2, seed=1)}
    found = action.act(balancing(action, state), state)
    seen = found["v"].square() / found["v"].square().sum(1, keepdim=True)
    read = found["skip"].square()[0] + seen.sum(0)
    torch.testing.assert_close(found["w"].square()[0].sum(), read[0], rtol=1e-10, atol=0)
    torch.testing.assert_close(read[1], torch.ones_like(read[1]), rtol=1e-10, atol=0)


def test_units_of_one_kind_are_balanced_in_one_sweep_and_others_not_at_all():
    alone = ParameterAction({"h": Units(2, "positive")}, {"w": ("h", None), "v": (None, "h*")})
    state = {"w": torch.tensor([[3.0, 4.0], [0.0, 0.0]]), "v": torch.tensor([[2.0, 5.0], [0.0, 0.0]])}
    assert factors_of(alone, state)["h"].tolist() == pytest.approx([(4 / 25) ** 0.25, 5.0])
    assert balanced_units(ParameterAction({"h": Units(2, "signs")}, {"w": ("h", None)}), state) == {}


def test_maps_flattened_with_their_places_are_one_unit():
    action = ParameterAction({"h": Units(2, "positive")}, {"w": ("h", None), "v": (None, "h*")})
    state = {"w": torch.ones(2, 1), "v": torch.arange(1.0, 7)[None]}  # three places of each
    out = torch.tensor([1.0 + 4 + 9, 16.0 + 25 + 36])
    assert factors_of(action, state)["h"].tolist() == pytest.approx((out**0.25).tolist())


def test_what_is_read_again_cancels():
    action = ParameterAction({"h": Units(2, "positive")}, {"w": ("h", None), "loop": ("h", "h*"), "v": (None, "h*")})
    state = {"w": drawn(2, 3), "loop": 100 * drawn(2, 2, seed=1), "v": drawn(1, 2, seed=2)}
    expected = (state["v"].square().sum(0) / state["w"].square().sum(1)) ** 0.25
    torch.testing.assert_close(factors_of(action, state)["h"], expected)


@pytest.mark.parametrize("size", [1, 2])
def test_maps_of_blocks_are_their_matrices(size):
    order, other = torch.tensor([2, 0, 1]), torch.tensor([1, 0, 2])
    one = BlockMonomial(order, drawn(3, size, size) + 3 * torch.eye(size))
    two = BlockMonomial(other, drawn(3, size, size, seed=1) + 3 * torch.eye(size))
    plain = BlockMonomial(order, None, size)
    for first in (one, two, plain, identity(3, size)):
        whole = torch.zeros(3 * size, 3 * size, dtype=F64)
        for i, j in enumerate(first.order.tolist()):
            block = torch.eye(size, dtype=F64) if first.blocks is None else first.blocks[i]
            whole[i * size : (i + 1) * size, j * size : (j + 1) * size] = block
        assert first.dim == 3 * size
        torch.testing.assert_close(first.matrix(), whole)
        torch.testing.assert_close(first.inverse().matrix(), torch.linalg.inv(whole))
        torch.testing.assert_close(first.dual().matrix(), torch.linalg.inv(whole).T)
        x = drawn(2, 3 * size, 5, seed=2)
        torch.testing.assert_close(first.apply(x, 1), torch.einsum("ij,bjk->bik", whole, x))
        torch.testing.assert_close(first.apply(x.mT, -1), torch.einsum("ij,bkj->bki", whole, x.mT))
        for last in (one, two, plain):
            torch.testing.assert_close(last.after(first).matrix(), last.matrix() @ first.matrix())
    copies = drawn(3 * size * 2)
    spread = one.apply(copies, 0)
    expected = torch.einsum("ij,jc->ic", one.matrix(), copies.reshape(3 * size, 2)).flatten()
    torch.testing.assert_close(spread, expected)


@pytest.mark.usefixtures("unchecked_annotations")
def test_which_maps_move_nothing_and_which_do_not_fit():
    assert identity(3).is_identity
    assert not BlockMonomial(torch.tensor([1, 0])).is_identity
    assert not BlockMonomial(torch.tensor([0, 1]), torch.ones(2, 1, 1)).is_identity
    single = BlockMonomial(torch.tensor([0]), drawn(4, 4)[None])
    for x, axis in ((drawn(3, 4), 1), (drawn(4, 3), 0), (drawn(3, 8), 1)):
        front = x.movedim(axis, 0).reshape(4, -1)
        expected = (single.blocks[0] @ front).reshape(x.movedim(axis, 0).shape).movedim(0, axis)
        torch.testing.assert_close(single.apply(x, axis), expected)
    with pytest.raises(ShapeError, match=r"axis 1: expected a multiple of 4, got 6"):
        single.apply(drawn(2, 6), 1)
    with pytest.raises(ShapeError, match=r"blocks: expected 2 matrices, got \(3, 1, 1\)"):
        BlockMonomial(torch.tensor([0, 1]), torch.ones(3, 1, 1))
    for other in (identity(3), identity(4, 2)):
        with pytest.raises(ArgumentError, match="first: expected 4 blocks of 1, got"):
            identity(4).after(other)


def shaken(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.double().eval()


def with_eps(model, factor):
    made = copy.deepcopy(model)
    for module in made.modules():
        if hasattr(module, "eps"):
            module.eps *= factor
    return made


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_wider_stream_computes_the_same(name):
    torch.manual_seed(0)
    if name == "gpt2":
        narrow, wide = (SmallGPT2(11, 8, layers=2, dim=dim, heads=2, hidden=10) for dim in (12, 20))
        options = {"head_size": 10}
    else:
        narrow = SmallLlama(LlamaSizes(11, layers=2, dim=16, heads=4, groups=2, hidden=10))
        wide, options = None, {}
    narrow = shaken(narrow)
    tokens = torch.randint(11, (3, 7))
    table, state = expanded(adapted(narrow.state_dict(), narrow.config), narrow.state_dict(), 20, **options)
    assert table.sites["residual"].count == 20
    if wide is not None:
        wide.double().load_state_dict(state)
        found = with_eps(wide.eval(), 12 / 20)(tokens)
        torch.testing.assert_close(found, narrow(tokens), rtol=1e-9, atol=1e-9)
    embedding = next(value for key, value in state.items() if key.endswith(("wte.weight", "embed_tokens.weight")))
    own = next(v for k, v in narrow.state_dict().items() if k.endswith(("wte.weight", "embed_tokens.weight")))
    own = own - own.mean(-1, keepdim=True) if name == "gpt2" else own
    torch.testing.assert_close(embedding @ embedding.T, own @ own.T)  # an isometry


@pytest.mark.parametrize(
    ("width", "options", "words"),
    [
        (11, {}, "width: expected at least 12, got 11"),
        (12, {"head_size": 5}, r"head_size: expected at least 6, of .*, got 5"),
    ],
)
def test_nothing_becomes_smaller(width, options, words):
    model = SmallGPT2(11, 8, layers=1, dim=12, heads=2, hidden=10)
    with pytest.raises(ArgumentError, match=words):
        expanded(adapted(model.state_dict(), model.config), model.state_dict(), width, **options)


def test_what_has_no_stream_or_turning_heads_does_not_grow():
    with pytest.raises(ArgumentError, match="action: expected a residual stream that may be rotated, got none"):
        expanded(CHAIN, {}, 4)
    model = SmallLlama(LlamaSizes(11, layers=1, dim=16, heads=4, groups=2, hidden=10))
    with pytest.raises(ArgumentError, match=r"head_size: expected heads of one size, .* rotary, got 6 instead of 4 at"):
        expanded(adapted(model.state_dict(), model.config), model.state_dict(), 16, head_size=6)
