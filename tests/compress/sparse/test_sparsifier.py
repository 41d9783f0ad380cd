"""Masks in training: what is exact at every step, for every optimiser and regime."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from haar.compress import Gradual, Growing, Revival, Rigl, Set, Static, sparsify
from haar.errors import ArgumentError
from haar.training import Checkpoint, Plan, Run

OPTIMIZERS = {
    "Adadelta": lambda p: torch.optim.Adadelta(p, weight_decay=0.1),
    "Adagrad": lambda p: torch.optim.Adagrad(p, weight_decay=0.1, initial_accumulator_value=0.5),
    "Adam": lambda p: torch.optim.Adam(p, weight_decay=0.1, amsgrad=True),
    "Adam, fused": lambda p: torch.optim.Adam(p, weight_decay=0.1, fused=True),
    "Adam, at once": lambda p: torch.optim.Adam(p, weight_decay=0.1, foreach=True),
    "Adamax": lambda p: torch.optim.Adamax(p, weight_decay=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p, weight_decay=0.1),
    "ASGD": lambda p: torch.optim.ASGD(p, weight_decay=0.1),
    "Muon": lambda p: torch.optim.Muon([each for each in p if each.ndim == 2], weight_decay=0.1),
    "NAdam": lambda p: torch.optim.NAdam(p, weight_decay=0.1),
    "RAdam": lambda p: torch.optim.RAdam(p, weight_decay=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, momentum=0.9, centered=True, weight_decay=0.1),
    "Rprop": torch.optim.Rprop,
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
}
REGIMES = [
    Static(0.7),
    Set(0.7, every=3),
    Rigl(0.7, every=3),
    Rigl(0.7, every=3, regrow="allow"),
    Revival(0.7),
    Gradual(0.7, every=3),
    Growing(0.7, every=3),
]


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 5))


def one_step(model, optimizer, step):
    source = torch.Generator().manual_seed(step)
    optimizer.zero_grad()
    x = torch.randn(8, 12, generator=source)
    (model(x) - x[:, :5]).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=list(OPTIMIZERS))
def test_masked_weights_are_zero_and_new_ones_begin_anew(make):
    model = network()
    optimizer = make(list(model.parameters()))
    sparse = sparsify(model, Rigl(0.7, every=3), optimizer, steps=20)
    start = {"sum": 0.5} if isinstance(optimizer, torch.optim.Adagrad) else {}
    start |= {"step_size": 0.01} if isinstance(optimizer, torch.optim.Rprop) else {}
    for step in range(20):
        before = sparse.masks()
        one_step(model, optimizer, step)
        for layer in sparse.layers:
            weight, mask = layer.place.parameter, sparse.masks()[layer.name]
            assert bool((weight[~mask] == 0).all())
            for key, value in optimizer.state[weight].items():
                if value.shape == weight.shape and key not in start:
                    rest = optimizer.defaults["eps"] if key == "exp_inf" else 0.0  # Adamax's own least value
                    assert bool((value[~mask] <= rest).all()), key
                    assert bool((value[~mask] >= 0).all()), key
                if key in start and not torch.equal(before[layer.name], mask):
                    dropped = before[layer.name] & ~mask
                    assert torch.allclose(value[dropped], torch.tensor(start[key])), key


def masked_by_hand(model, optimizer, sparse, steps):
    """The course of a training whose gradients are masked before every step; no hook is on the optimiser."""
    course = []
    for step in range(steps):
        optimizer.zero_grad()
        x = torch.randn(8, 12, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
        (model(x) - x[:, :5]).square().mean().backward()
        if step % 4 == 3:
            course.append([p.detach().clone() for p in model.parameters()])
        for layer in sparse.layers:
            layer.place.parameter.grad.mul_(layer.mask())
        optimizer.step()
        with torch.no_grad():
            for layer in sparse.layers:
                layer.place.parameter.mul_(layer.mask())
    return course


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_however_masks_are_laid_the_course_is_that_of_gradients_masked_before_the_step(name):
    course, states = [], []
    for hooked in (True, False):
        model = network().double()
        optimizer = OPTIMIZERS[name](list(model.parameters()))
        sparse = sparsify(model, Static(0.7), optimizer, steps=12, seed=3)
        if hooked:
            course.append([])
            for step in range(12):
                optimizer.zero_grad()
                x = torch.randn(8, 12, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
                (model(x) - x[:, :5]).square().mean().backward()
                if step % 4 == 3:
                    course[0].append([p.detach().clone() for p in model.parameters()])
                optimizer.step()
        else:
            sparse.detach()
            course.append(masked_by_hand(model, optimizer, sparse, 12))
        states.append([dict(optimizer.state[p]) for p in model.parameters()])
    for one, other in zip(*course, strict=True):
        for a, b in zip(one, other, strict=True):
            assert torch.allclose(a, b, rtol=1e-11, atol=1e-13)  # the same sums, perhaps by other roots
    for mine, theirs in zip(*states, strict=True):
        assert mine.keys() == theirs.keys()
        for key, value in mine.items():
            if isinstance(value, torch.Tensor):
                assert torch.allclose(value, theirs[key], rtol=1e-11, atol=1e-13), key


@pytest.mark.parametrize("size", [1e25, float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "RAdam", "RMSprop"])
def test_a_gradient_out_of_range_at_a_masked_weight_leaves_nothing(name, size):
    model = nn.Linear(6, 4, bias=False)
    optimizer = OPTIMIZERS[name](list(model.parameters()))
    sparse = sparsify(model, Static(0.5), optimizer, steps=10)
    mask = sparse.masks()["weight"]
    for _ in range(2):
        model.weight.grad = torch.ones(4, 6).masked_fill(~mask, size)  # its square is out of range at the least
        optimizer.step()
        assert bool(model.weight.isfinite().all())
        assert torch.equal(model.weight != 0, mask)
        for value in optimizer.state[model.weight].values():
            if value.shape == mask.shape:
                assert bool((value[~mask] == 0).all())


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_moments_are_masked_in_every_precision(precision):
    model = nn.Linear(6, 4, bias=False).to(precision)
    optimizer = torch.optim.AdamW(model.parameters())
    sparse = sparsify(model, Static(0.5), optimizer, steps=10)
    mask = sparse.masks()["weight"]
    model.weight.grad = torch.ones_like(model.weight)
    optimizer.step()
    for value in (model.weight.detach(), *optimizer.state[model.weight].values()):
        if value.shape == mask.shape:
            assert torch.equal(value != 0, mask)


@pytest.mark.parametrize("regime", REGIMES, ids=repr)
def test_the_budget_is_kept_and_weights_are_zero(regime):
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
    sparse = sparsify(model, regime, optimizer, steps=40)
    shapes = {layer.name: layer.place.units.entries for layer in sparse.layers}
    for step in range(40):
        one_step(model, optimizer, step)
        for layer in sparse.layers:
            mask = sparse.masks()[layer.name]
            last = max((t for t in range(step + 1) if regime.due(t, 40)), default=0)
            budget = round(regime.density(layer.density, last, 40) * shapes[layer.name])
            assert int(mask.sum()) == budget
            assert bool((layer.place.parameter[~mask] == 0).all())


def test_growth_does_not_change_the_function():
    model = network()
    optimizer = torch.optim.AdamW(model.parameters())
    sparse = sparsify(model, Rigl(0.7, every=2, alpha=0.5), optimizer, steps=20)
    x = torch.randn(8, 12)
    one_step(model, optimizer, 0)
    one_step(model, optimizer, 1)
    held = sparse.masks()
    optimizer.zero_grad()
    model(x).square().mean().backward()
    dropped = copy.deepcopy(model)
    sparse.before_step()  # the third: the masks change, nothing has stepped
    changed = sparse.masks()
    assert any(not torch.equal(held[name], changed[name]) for name in held)
    with torch.no_grad():
        for name, p in dropped.named_parameters():
            if name in held:
                p.mul_(held[name] & changed[name])
        assert torch.equal(model(x), dropped(x))


def test_gradients_outside_the_mask_are_read_before_they_are_masked():
    model = nn.Linear(6, 4, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    sparse = sparsify(model, Rigl(0.5, every=1, until=1.0, alpha=0.34), optimizer, steps=100)
    mask = sparse.masks()["weight"]
    model.weight.grad = torch.zeros_like(model.weight)
    one_step_gradient = torch.arange(24.0).view(4, 6) + 1
    sparse.before_step()  # the first step: nothing changes
    model.weight.grad = one_step_gradient.clone()
    sparse.before_step()
    grown = sparse.masks()["weight"] & ~mask
    number = int(grown.sum())
    assert number > 0
    largest = one_step_gradient.masked_fill(mask, 0).flatten().topk(number).indices
    assert set(grown.flatten().nonzero().flatten().tolist()) == set(largest.tolist())
    assert torch.equal(model.weight.grad != 0, sparse.masks()["weight"])


def test_rigl_commutes_with_the_order_of_hidden_units():
    model = network(3)[0:1].double()
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    moved = copy.deepcopy(model)
    masks = []
    for one, rows in ((model, torch.arange(16)), (moved, order)):
        optimizer = torch.optim.SGD(one.parameters(), lr=0.1)
        sparse = sparsify(one, Rigl(0.7, every=1, until=1.0), optimizer, steps=10)
        (layer,) = sparse.layers
        layer.take(torch.arange(192).view(16, 12).remainder(10).lt(3)[rows].flatten())
        weight = torch.linspace(-1, 2, 192, dtype=torch.float64).sin().view(16, 12)[rows]
        with torch.no_grad():
            one[0].weight.copy_(weight * layer.mask())
        for k in range(3):
            one[0].weight.grad = torch.linspace(0.1, 50 + k, 192, dtype=torch.float64).cos().view(16, 12)[rows]
            one[0].bias.grad = torch.zeros_like(one[0].bias)
            optimizer.step()
        masks.append(sparse.masks()["0.weight"])
    assert torch.equal(masks[0][order], masks[1])
    assert not torch.equal(masks[0], masks[1])


def test_dense_modules_are_left_alone_and_the_first_rule_decides():
    model = nn.ModuleDict({"encoder": nn.Linear(6, 8), "critic": nn.Linear(8, 8), "actor": nn.Linear(8, 8)})
    before = copy.deepcopy(model.state_dict())
    rules = {"encoder": None, "critic*": Static(0.75), "*": Static(0.5)}
    sparse = sparsify(model, rules, steps=10)
    assert sparse.dense == ("encoder.weight",)
    assert [(layer.name, layer.regime.sparsity) for layer in sparse.layers] == [
        ("critic.weight", 0.75),
        ("actor.weight", 0.5),
    ]
    after = model.state_dict()
    for name in ("encoder.weight", "encoder.bias", "critic.bias", "actor.bias"):
        assert torch.equal(before[name], after[name])
    assert int((after["critic.weight"] != 0).sum()) == 16


def test_each_optimiser_counts_its_own_steps():
    critic, actor = nn.Linear(4, 4), nn.Linear(4, 4)
    first, second = (torch.optim.SGD(part.parameters(), lr=0.1) for part in (critic, actor))
    rules = {"critic": Rigl(0.5, every=2), "actor": Rigl(0.5, every=2)}
    sparse = sparsify({"critic": critic, "actor": actor}, rules, [first, second], steps=100)
    for step in range(6):
        critic(torch.ones(1, 4)).sum().backward()
        first.step()
        if step % 3 == 2:
            actor(torch.ones(1, 4)).sum().backward()
            second.step()
    assert [layer.step for layer in sparse.layers] == [6, 2]


def test_targets_are_reached_through_their_averaging_alone():
    online = nn.Linear(6, 6)
    target = copy.deepcopy(online)
    before = target.weight.detach().clone()
    optimizer = torch.optim.SGD(online.parameters(), lr=0.1)
    sparsify({"critic": online}, Rigl(0.5, every=1), optimizer, steps=10)
    assert torch.equal(target.weight, before)


def test_an_update_waits_for_a_gradient_that_is_finite():
    model = nn.Linear(6, 6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    sparse = sparsify(model, Rigl(0.5, every=2), optimizer, steps=100)
    mask = sparse.masks()["weight"]
    for gradient, same in ((1.0, True), (1.0, True), (float("inf"), True), (1.0, False)):
        model.weight.grad = torch.rand(6, 6) * gradient
        sparse.before_step()
        assert torch.equal(sparse.masks()["weight"], mask) is same


def test_masks_follow_the_model_to_another_precision():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    sparse = sparsify(model, Static(0.7), optimizer, steps=10)
    model.double()
    source = torch.randn(8, 12, dtype=torch.float64)
    model(source).square().mean().backward()
    optimizer.step()
    assert bool((model[0].weight[~sparse.masks()["0.weight"]] == 0).all())


def test_what_an_optimiser_has_kept_before_is_masked_too():
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    one_step(model, optimizer, 0)
    sparse = sparsify(model, Static(0.7), optimizer, steps=10)
    inactive = ~sparse.masks()["0.weight"]
    assert bool((optimizer.state[model[0].weight]["exp_avg"][inactive] == 0).all())


def test_hooks_come_off():
    model = network()
    optimizer = torch.optim.AdamW(model.parameters())
    sparse = sparsify(model, Static(0.7), optimizer, steps=10)
    sparse.detach()
    one_step(model, optimizer, 0)
    assert bool((model[0].weight[~sparse.masks()["0.weight"]] != 0).any())


def test_seeds_decide():
    masks = [sparsify(network(), Static(0.7), steps=10, seed=seed).masks()["0.weight"] for seed in (1, 1, 2)]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def trained(path, regime, stop=None, seed=0):
    """A run of 30 steps, perhaps killed after some; what is left of it."""
    model = network()
    plan = Plan(steps=30, optimizer="adamw", weight_decay=0.1, every=5)

    def loss(step, generator):
        del step
        x = torch.randn(8, 12, generator=generator)
        return (model(x) - x[:, :5]).square().mean()

    checkpoint = Checkpoint(path, {"model": model})
    run = Run(model.parameters(), loss, plan, checkpoint=checkpoint)
    sparse = sparsify(model, regime, run.optimizer, steps=30, seed=seed)
    checkpoint.states["sparse"] = sparse
    for step in run:
        if step == stop:
            break
    return model, sparse, run


@pytest.mark.parametrize("regime", [Set(0.7, every=4), Rigl(0.7, every=4), Gradual(0.7, every=4)], ids=repr)
def test_a_killed_run_ends_with_the_same_bits(tmp_path, regime):
    whole, masks, run = trained(tmp_path / "whole.pt", regime)
    trained(tmp_path / "killed.pt", regime, stop=17)
    again, resumed, other = trained(tmp_path / "killed.pt", regime)
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert all(torch.equal(mask, resumed.masks()[name]) for name, mask in masks.masks().items())
    assert masks.report().to_dict() == resumed.report().to_dict()
    for p, q in zip(whole.parameters(), again.parameters(), strict=True):
        for key, value in run.optimizer.state[p].items():
            assert torch.equal(value, other.optimizer.state[q][key])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"regime": Rigl(0.8, every=4)}, "got other regimes or layers; resume with the regimes"),
        ({"seed": 1}, "got other seed"),
    ],
)
def test_other_regimes_are_not_resumed(tmp_path, change, message):
    trained(tmp_path / "run.pt", Rigl(0.7, every=4), stop=17)
    with pytest.raises(ArgumentError, match=rf"state: expected masks of the same regimes.* {message}"):
        trained(tmp_path / "run.pt", **{"regime": Rigl(0.7, every=4), **change})


def test_the_report_counts():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    sparse = sparsify(model, Set(0.7, every=3), optimizer, steps=20)
    for step in range(20):
        one_step(model, optimizer, step)
    report = sparse.report()
    assert report.sparsity == pytest.approx(0.7, abs=0.01)
    for one in report.layers:
        assert one.dropped == one.grown > 0
        assert one.active / one.entries < one.explored < 1
        assert one.active == int((dict(model.named_parameters())[one.name] != 0).sum())
    assert "69.9% of the masked weights are zero, 49 units have grown" in str(report)
    assert report.to_dict()["kind"] == "sparsity"


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_weights_are_masked(dtype):
    model = nn.Linear(4, 4, dtype=dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    masks = sparsify(model, Static(0.5), optimizer, steps=3)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.ones(2, 4, dtype=dtype)).abs().square().mean().backward()
        optimizer.step()
    assert int((model.weight != 0).sum()) == 8
    (layer,) = masks.layers
    assert torch.equal(model.weight != 0, layer.mask() != 0)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_a_copy_of_model_optimiser_and_masks_goes_on_by_itself(kind):
    """As whole agents are copied: the copy's masks are those of its own model and optimiser."""
    model = network()
    optimizer = kind(model.parameters(), lr=0.1)
    sparse = sparsify(model, Static(0.7), optimizer, steps=10)
    twin, its_own, masks = copy.deepcopy((model, optimizer, sparse))
    twin(torch.randn(8, 12)).square().mean().backward()
    masks.before_step(its_own)
    its_own.step()
    masks.after_step(its_own)
    inactive = ~masks.masks()["0.weight"]
    assert bool((twin[0].weight[inactive] == 0).all())
    assert bool((twin[0].weight != model[0].weight).any())
    assert [layer.step for layer in masks.layers] == [1] * len(masks.layers)
    assert [layer.step for layer in sparse.layers] == [0] * len(sparse.layers)
