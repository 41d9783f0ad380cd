"""A followed model is the model, whatever Python stands between torch's calls; what is no graph is refused by name."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.tracing import NotFollowedError, follow, leaves_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # published models still do it

    @torch.jit.script
    def scripted(x, y):
        return torch.sin(x) * y + x


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 2 * x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient * (ctx.saved_tensors[0] > 0)


class Net(nn.Module):
    """A few layers, and what forward does with them."""

    def __init__(self, how):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.recurrent = nn.Linear(4, 4), nn.GRU(4, 4, batch_first=True)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.block = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.by_name = nn.ModuleDict({"a": nn.Linear(4, 4)})
        self.held, self.how = torch.arange(4.0), how

    def forward(self, x):
        return self.how(self, x)


def branches_on_shapes_and_a_dict(m, x):
    if x.shape[-1] == 4 and isinstance(x, torch.Tensor):
        x = m.layer(x)
    for i in range(x.size(1)):
        x = x + i * x[:, i : i + 1]
    return {"out": x, "means": [x.mean(-1)]}


def attention_with_a_mask(m, x):
    rows = len(x)
    q = m.layer(x[:, None, :] * torch.arange(1.0, 4.0)[None, :, None]).reshape(rows, 3, 2, 2).transpose(1, 2)
    mask = torch.ones(3, 3, dtype=torch.bool).tril()
    weights = (q @ q.transpose(-1, -2) / 2**0.5).masked_fill(~mask, float("-inf")).softmax(-1)
    return (weights @ q).transpose(1, 2).reshape(x.shape[0], -1)


def rows_folded_with_windows(m, x):
    rows = x.shape[0]
    windows = x.view(rows, 2, 2).permute(1, 0, 2).reshape(2 * rows, 2)
    return windows.relu().view(2, rows, 2).permute(1, 0, 2).reshape(rows, -1)


def a_fourier_layer(m, x):
    weight = torch.view_as_complex(torch.ones(3, 2))
    return torch.fft.irfft(torch.fft.rfft(x, dim=-1) * weight, n=4)


def messages_on_a_graph(m, x):
    sources, targets = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    out = x.new_zeros(x.shape)
    return out.index_add_(1, targets, m.layer(x)[:, sources])


def modules_of_several_outputs(m, x):
    y, _ = m.attention(x[:, None], x[:, None], x[:, None])
    y, state = m.recurrent(y)
    return m.block(y) + state.transpose(0, 1)


def a_scripted_function(m, x):
    return scripted(m.layer(x), x)


def a_function_with_its_own_derivative(m, x):
    return Doubled.apply(m.layer(x))


def tensors_held_outside_of_parameters(m, x):
    return x * m.held + m.by_name["a"](x)


def writing_in_place(m, x):
    h = m.layer(x)
    h[:, :2] *= 2
    h.relu_()
    h += x
    return h


def what_is_kept_for_later(m, x):
    m.kept = m.layer(x) * 2
    return m.kept + 1


def named_results(m, x):
    largest = x.max(dim=1)
    return largest.values[:, None] + largest.indices[:, None]


def positions_for_every_row(m, x):
    return x + torch.arange(x.shape[1], device=x.device)[None].repeat(x.shape[0], 1)


def a_transform_of_constants(m, x):
    return x + torch.vmap(torch.sin)(m.held)


FOLLOWED = [
    branches_on_shapes_and_a_dict, attention_with_a_mask, rows_folded_with_windows, a_fourier_layer,
    messages_on_a_graph, modules_of_several_outputs, a_scripted_function, a_function_with_its_own_derivative,
    tensors_held_outside_of_parameters, writing_in_place, what_is_kept_for_later, named_results,
    positions_for_every_row, a_transform_of_constants,
]  # fmt: skip


@pytest.mark.parametrize("how", FOLLOWED, ids=lambda how: how.__name__)
def test_the_graph_is_the_model_on_every_number_of_rows(how, generator):
    model = Net(how).double().eval()
    model.held = model.held.double()
    with torch.no_grad():
        scripted(torch.zeros(1), torch.zeros(1))
    x = [torch.randn(rows, 4, dtype=torch.float64, generator=generator) for rows in (2, 3, 7)]
    torch.set_default_dtype(torch.float64)
    try:
        followed = follow(model, [x[0].clone()], again=[x[1].clone()])
        with torch.no_grad():
            found, expected = followed.run(x[2].clone()), model(x[2].clone())
    finally:
        torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


def test_modules_are_named_by_their_path_and_shapes_are_told():
    followed = follow(Net(tensors_held_outside_of_parameters), [torch.zeros(2, 4)])
    steps = {node.name: node for node in followed.graph.nodes}
    assert steps["by_name_a"].target == "by_name.a"
    assert followed.module(steps["by_name_a"]) is followed.model.by_name["a"]
    assert followed.operator(steps["by_name_a"]).name == "linear"
    assert followed.operator(steps["mul"]).name == "mul"
    assert all(node.meta["shape"] == (2, 4) for node in followed.graph.nodes if node.op == "call_method")
    assert followed.attribute("_constant0") is followed.model.held


def test_leaves_are_the_callers():
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.ReLU())
    targets = [
        [node.target for node in follow(model, [torch.zeros(1, 2)], leaves=leaves).graph.nodes][1:-1]
        for leaves in (leaves_of(), leaves_of(nn.Sequential), lambda _, path: path in ("0", "1"))
    ]
    assert targets == [["0.0", "0.1", "1"], [""], ["0", "1"]]


def numbers(m, x):
    return x * x.sum().item()


def branch(m, x):
    return x if x.sum() > 0 else -x


def branch_behind_a_guard(m, x):
    try:
        return x if x.sum() > 0 else -x
    except Exception:  # noqa: BLE001 (what models do)
        return -x


def derivative(m, x):
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(m.layer(x).sum(), x)[0]


def transform(m, x):
    return torch.vmap(torch.sin)(x)


def numpy(m, x):
    return torch.from_numpy(x.numpy() * 2)


def as_many_as_there_are(m, x):
    return x[x > 0].sum() * x


def part_by_part(m, x):
    return torch.stack([F.relu(row) for row in x])


def one_over_the_rows(m, x):
    return x * (1.0 / len(x))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (numbers, r"got Net, with item, a branch or a number taken from a tensor's values \(in 'Net'\)"),
        (branch, "with __bool__, a branch or a number taken from a tensor's values"),
        (branch_behind_a_guard, "with __bool__, a branch or a number taken from a tensor's values"),
        (derivative, "with derivatives taken inside forward"),
        (transform, "with a transform of torch.func"),
        (numpy, "with numpy, a branch or a number"),
        (as_many_as_there_are, "with getitem, whose result's size depends on the numbers"),
        (part_by_part, "expected one graph for every number of rows, got Net, with steps that depend on it"),
        (one_over_the_rows, "expected one graph for every number of rows, got Net, with 0.5 in one run and 0.3333"),
    ],
)
def test_what_is_no_graph_is_refused(how, message):
    with pytest.raises(NotFollowedError, match=message):
        follow(Net(how), [torch.ones(2, 4)], again=[torch.ones(3, 4)])


def test_an_input_that_hides_its_tensors_is_refused():
    class Batch:
        def __init__(self):
            self.x = torch.zeros(1, 4)

    with pytest.raises(NotFollowedError, match=r"inputs: expected tensors, or tuples, lists and dicts .*, got Batch"):
        follow(Net(lambda m, batch: m.layer(batch.x)), [Batch()])


def test_nested_inputs_and_constants():
    class Meeting(nn.Module):
        def forward(self, pair, weight, *, scale=1.0):
            return scale * (pair["a"] @ weight + pair["b"][0])

    pair = {"a": torch.rand(2, 3), "b": [torch.rand(2, 3)]}
    followed = follow(Meeting(), [pair], constants={"weight": torch.eye(3), "scale": 2.0})
    assert [node.target for node in followed.graph.nodes if node.op == "placeholder"] == ["pair", "weight", "scale"]
    torch.testing.assert_close(followed.run(pair, torch.eye(3), 2.0), 2.0 * (pair["a"] + pair["b"][0]))


def test_nothing_stays_behind():
    call = nn.Module.__call__
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        follow(nn.Sequential(nn.Linear(3, 2)), [torch.zeros(1, 4)])
    assert nn.Module.__call__ is call
    assert not torch.overrides._get_current_function_mode_stack()
