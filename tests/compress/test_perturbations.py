"""Every perturbation does to the weights what it says, and nothing at level 0."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from haar.actions import Regular
from haar.compress import (
    PERTURBATIONS,
    Deepen,
    Depth,
    LowRank,
    Magnitude,
    Noise,
    Quantise,
    Random,
    Stacked,
    Surgeon,
    Wanda,
    sweep,
)
from haar.compress.batch import batches_of
from haar.compress.bench import Bench
from haar.compress.entries import lowest
from haar.errors import ArgumentError
from haar.groups import cyclic
from haar.nn import Linear

SPARSE = ("random", "magnitude", "magnitude (row)", "wanda", "ria", "taylor", "obs", "obs (damped 0.01)", "sparsegpt")


def bench_of(model, data, near=(), **more):
    return Bench(model, calibration=batches_of(near) if near else (), example=batches_of(data)[0], **more)


def compressed(bench, one, level, seed=0):
    bench.restore()
    one.apply(bench, float(level), seed)
    return [layer.matrices().clone() for layer in bench.layers]


@pytest.mark.parametrize("name", [name for name, made in PERTURBATIONS.items() if made().identity == 0.0])
def test_level_0_is_the_identity_bit_for_bit(name, llama, texts):
    bench = bench_of(llama, texts, texts)
    one = PERTURBATIONS[name]()
    if name == "decoding":
        with pytest.raises(ArgumentError, match="a model that generates"):
            one.apply(bench, 0.0, 0)
        return
    if name in ("depth", "deepen (0)") or not one.fixed:
        one.apply(bench, 0.0, 0)
    assert all(torch.equal(a, b) for a, b in zip(bench.state.values(), llama.state_dict().values(), strict=True))
    assert torch.equal(bench.model(texts[0]), llama(texts[0]))


def test_many_bits_and_the_full_rank_change_next_to_nothing(perceptron, pairs):
    def drift(one, level):
        return sweep(perceptron, one, ["drift"], pairs, levels=[level], draws=0).curves[0].values[0]

    assert 0 < drift(Quantise(), 16) < 1e-4
    assert drift(Quantise(8), 16) < 1e-4
    bench = bench_of(perceptron, pairs)
    LowRank().apply(bench, 1.0, 0)
    x = pairs[0][0]
    assert float((bench.model(x) - perceptron(x)).abs().max()) < 1e-12


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("level", [0.1, 0.5, 0.77])
def test_as_many_weights_go_as_were_asked_for(name, level, perceptron, pairs, near):
    if name == "taylor":  # a unit that is never active has scores of 0 only, and may keep its weights
        near = [(near[0][0] + 0.3, near[0][1])]
    found = compressed(bench_of(perceptron, pairs, near), PERTURBATIONS[name](), level)
    for weight in found:
        zeros = (weight[0] == 0).sum(1)
        if name in ("random", "magnitude"):
            assert abs(int(zeros.sum()) - level * weight.numel()) <= 1
        else:
            assert bool((zeros - level * weight.shape[2]).abs().max() <= 1)


def test_magnitude_drops_the_smallest_in_its_scope(perceptron, pairs):
    before = [layer.matrices()[0].clone() for layer in bench_of(perceptron, pairs).layers]
    flat = torch.cat([w.flatten() for w in before]).abs()
    for scope, border in (
        ("tensor", [w.abs().flatten().sort().values[w.numel() // 2 - 1] for w in before]),
        ("row", [w.abs().sort(dim=1).values[:, w.shape[1] // 2 - 1 : w.shape[1] // 2] for w in before]),
        ("global", [flat.sort().values[len(flat) // 2 - 1]] * 2),
    ):
        found = compressed(bench_of(perceptron, pairs), Magnitude(scope), 0.5)
        for weight, old, limit in zip(found, before, border, strict=True):
            assert torch.equal(weight[0], torch.where(old.abs() > limit, old, 0.0))


def test_wanda_is_calibrated_behind_layers_that_are_pruned_already(perceptron, pairs, near):
    found = compressed(bench_of(perceptron, pairs, near), Wanda(), 0.5)
    x = near[0][0]
    for weight, layer in zip(found, (perceptron[0], perceptron[2]), strict=True):
        score = layer.weight.detach().abs() * x.norm(dim=0)
        kept = score > score.sort(dim=1).values[:, score.shape[1] // 2 - 1 : score.shape[1] // 2]
        assert torch.equal(weight[0], layer.weight.detach() * kept)
        x = torch.relu(x @ weight[0].T + layer.bias.detach())


def test_obs_scores_are_those_of_the_inverse(perceptron, pairs, near):
    x = near[0][0]
    inverse = torch.linalg.inv(x.T @ x)
    score = perceptron[0].weight.detach().square() / inverse.diagonal()
    kept = score > score.sort(dim=1).values[:, 3:4]
    found = compressed(bench_of(perceptron, pairs, near), Surgeon(), 0.5)[0][0]
    assert torch.equal(found != 0, kept)


def test_sparsegpt_makes_up_for_what_it_drops(perceptron, pairs, near):
    x, weight = near[0][0], perceptron[0].weight.detach()
    x = x + 2 * x[:, :1]  # inputs that know of one another
    bench = bench_of(perceptron, pairs, [(x, near[0][1])])
    errors = {
        name: float((x @ (compressed(bench, PERTURBATIONS[name](), 0.5)[0][0] - weight).T).norm())
        for name in ("magnitude (row)", "obs", "sparsegpt")
    }
    assert errors["sparsegpt"] < 0.8 * min(errors["obs"], errors["magnitude (row)"])


def test_low_rank_by_data_is_the_best_of_its_rank(perceptron, pairs, near):
    x, weight = near[0][0], perceptron[0].weight.detach()
    bench = bench_of(perceptron, pairs, near)
    plain, data = (compressed(bench, PERTURBATIONS[n](), 0.5)[0][0] for n in ("low rank", "low rank (data)"))
    assert torch.linalg.matrix_rank(data) == torch.linalg.matrix_rank(plain) == 4
    left = torch.linalg.svdvals(x @ weight.T)[4:].norm()
    assert float((x @ (data - weight).T).norm()) == pytest.approx(float(left), rel=1e-10)
    assert float((x @ (plain - weight).T).norm()) > float(left)


@pytest.mark.parametrize("name", ["2:4", "4:8", "2:4 (wanda)"])
def test_n_of_m_holds_in_every_group(name, perceptron, pairs, near):
    n, m = map(int, name[:3].split(":"))
    for weight in compressed(bench_of(perceptron, pairs, near), PERTURBATIONS[name](), 0.5):
        assert bool(((weight.unflatten(-1, (-1, m)) != 0).sum(-1) == n).all())


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("one", [Quantise(), Quantise("tensor"), Quantise(8), Quantise(asymmetric=True)])
def test_rounded_weights_take_few_values(one, bits, perceptron, pairs):
    for weight in compressed(bench_of(perceptron, pairs), one, bits):
        shared = {"tensor": weight.reshape(1, -1), 8: weight.unflatten(-1, (-1, 8)).flatten(0, -2)}
        for row in shared.get(one.per, weight[0]):
            assert len(row.unique()) <= 2**bits


def test_rounding_is_to_the_nearest_step():
    from haar.compress.quantise import rounded

    x = torch.tensor([[0.9, -1.4, 0.26, 0.0]])
    assert torch.allclose(rounded(x, 3), torch.tensor([[2, -3, 1, 0]]) * 1.4 / 3)
    step = 2.3 / 7
    assert torch.allclose(rounded(x, 3, asymmetric=True), torch.tensor([[3, -4, 1, 0]]) * step)


def test_noise_and_masks_come_from_the_seed_alone(perceptron, pairs):
    bench = bench_of(perceptron, pairs)
    for one in (Noise(), Random()):
        first, again, other = (compressed(bench, one, 0.3, seed) for seed in (1, 1, 2))
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
        assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    weight = perceptron[0].weight.detach()
    found = compressed(bench, Noise(), 0.5, 1)[0] - weight
    assert float(found.std()) == pytest.approx(0.5 * float(weight.std(correction=0)), rel=0.15)


def test_units_and_heads_are_the_same_as_a_network_without_them(llama, gpt2, texts):
    for model in (llama, gpt2):
        bench = bench_of(model, texts)
        for one, share in ((PERTURBATIONS["units"](), 0.25), (PERTURBATIONS["heads"](), 0.5)):
            bench.restore()
            one.apply(bench, float(share), 0)
            zeros = [name for name, x in bench.state.items() if not torch.equal(x, model.state_dict()[name])]
            assert zeros
            for name in zeros:
                assert bool(((bench.state[name] == 0) | (bench.state[name] == model.state_dict()[name])).all())
            assert bool(bench.model(texts[0]).isfinite().all())
    bench.restore()
    PERTURBATIONS["units"]().apply(bench, 0.25, 0)
    up, down = (gpt2.transformer["h"][0].mlp.c_fc.weight, gpt2.transformer["h"][0].mlp.c_proj.weight)
    sizes = up.norm(dim=0) * down.norm(dim=1)
    gone = (bench.state["transformer.h.0.mlp.c_proj.weight"] == 0).all(1)
    assert torch.equal(gone.nonzero()[:, 0], sizes.argsort()[:16].sort().values)


def test_with_grouped_queries_keys_stay_until_all_their_queries_are_gone(llama, texts):
    bench = bench_of(llama, texts)
    PERTURBATIONS["heads"]().apply(bench, 0.75, 0)
    o = bench.state["model.layers.0.self_attn.o_proj.weight"].unflatten(1, (4, 4))
    k = bench.state["model.layers.0.self_attn.k_proj.weight"].unflatten(0, (2, 4))
    gone = (o == 0).all(0).all(-1)
    assert int(gone.sum()) == 3
    assert torch.equal((k == 0).all(1).all(1), gone.unflatten(0, (2, 2)).all(1))


def test_depth_takes_blocks_out_and_puts_them_back(gpt2, texts):
    bench = bench_of(gpt2, texts)
    Depth((0,)).apply(bench, 1.0, 0)
    alone = copy.deepcopy(gpt2)
    del alone.transformer["h"][0]
    assert torch.equal(bench.model(texts[0]), alone(texts[0]))
    bench.restore()
    assert torch.equal(bench.model(texts[0]), gpt2(texts[0]))


def test_a_doubled_block_whose_outputs_are_0_changes_nothing(gpt2, llama, texts):
    for model in (gpt2, llama):
        bench = bench_of(model, texts)
        Deepen(1, zeroed=True).apply(bench, 2.0, 0)
        assert torch.equal(bench.model(texts[0]), model(texts[0]))
        bench.restore()
        Deepen(1).apply(bench, 1.0, 0)
        assert not torch.allclose(bench.model(texts[0]), model(texts[0]))


def test_activations_are_rounded_token_by_token(perceptron, pairs):
    bench = bench_of(perceptron, pairs)
    PERTURBATIONS["activations"]().apply(bench, 2.0, 0)
    x = torch.tensor([[1.0, -0.6, 0.4, 0, 0, 0, 0, 0], [10.0, -4.0, 6.0, 0, 0, 0, 0, 0]], dtype=torch.float64)
    kept = torch.tensor([[1.0, -1.0, 0, 0, 0, 0, 0, 0], [10.0, 0, 10.0, 0, 0, 0, 0, 0]], dtype=torch.float64)
    seen = []
    bench.model[1].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    bench.model(x)
    assert torch.allclose(seen[0], perceptron[0](kept))


def test_ties_kept_together_keep_a_symmetric_layer_symmetric_and_random_masks_do_not():
    values = torch.tensor([0.5, -0.2, 0.9, 0.1], dtype=torch.float64)
    circulant = torch.stack([values.roll(k) for k in range(4)])
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 1)).double()
    with torch.no_grad():
        model[0].weight.copy_(circulant)
    x = torch.randn(5, 4, dtype=torch.float64)

    def defect(one, level):
        bench = bench_of(model, [x])
        one.apply(bench, float(level), 0)
        layer = bench.model[0]
        return float((layer(x.roll(1, 1)) - layer(x).roll(1, 1)).abs().max())

    assert defect(Magnitude(ties="together"), 0.4) < 1e-14
    assert defect(Quantise("tensor"), 3) < 1e-14
    assert defect(Magnitude(), 0.4) > 0.05
    assert defect(Random(), 0.5) > 0.05
    assert defect(Noise(), 0.5) > 0.05


def test_equivariant_layers_are_compressed_in_their_coordinates_and_stay_equivariant():
    group = cyclic(4)
    rep = 4 * Regular(group)
    model = nn.Sequential(Linear(rep, rep, dtype=torch.float64), Linear(rep, Regular(group), dtype=torch.float64))
    x = torch.randn(5, 16, dtype=torch.float64)
    bench = bench_of(model, [x], layers=["*"])
    for one, level in ((Random(), 0.5), (Magnitude(), 0.5), (Quantise("tensor"), 2)):
        bench.restore()
        one.apply(bench, float(level), 0)
        y = bench.model(x)
        assert not torch.allclose(y, model(x))
        g = group.generators()[0]
        there, here = bench.model(rep.act(g, x)), Regular(group).act(g, y)
        assert float((there - here).abs().max()) < 1e-12
    with pytest.raises(ArgumentError, match="in coordinates"):
        LowRank().apply(bench, 0.5, 0)
    words = (
        "perturbations: expected linear or convolutional layers .* an equivariant layer in coordinates; leave it out"
    )
    with pytest.raises(ArgumentError, match=words):
        sweep(model, "wanda", ["drift"], [x], calibration=[x], layers=["*"], levels=[0.5], draws=0)


def test_stacked_is_one_after_the_other(perceptron, pairs):
    bench = bench_of(perceptron, pairs)
    both = compressed(bench, Stacked(Magnitude(levels=(0.5,)), Quantise()), 3)
    bench.restore()
    Magnitude().apply(bench, 0.5, 0)
    Quantise().apply(bench, 3.0, 0)
    assert all(torch.equal(a, layer.matrices()) for a, layer in zip(both, bench.layers, strict=True))
    with pytest.raises(ArgumentError, match="first: expected one level"):
        Stacked(Magnitude(), Quantise())


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d])
def test_inputs_of_convolutions_are_what_their_matrices_multiply(kind, groups):
    from haar.compress.calibration import rows_of
    from haar.compress.layers import layers_of

    torch.manual_seed(0)
    more = (
        {} if "Transpose" in kind.__name__ else {"dilation": 2, "stride": 2, "padding": 1, "padding_mode": "circular"}
    )
    module = kind(4, 6, 3, groups=groups, bias=False, **more).double()
    x = torch.randn(2, 4, *(7,) * (1 if kind is nn.Conv1d else 2), dtype=torch.float64)
    layer = layers_of(nn.Sequential(module), ["*"])[0]
    product = rows_of(layer, x) @ layer.matrices().mT  # groups, rows, out
    y = module(x)
    if "Transpose" in kind.__name__:
        assert float(product.square().sum()) > 0
        assert product.shape == (groups, x[0, 0].numel() * 2, 6 // groups * 9)
        weight = layer.matrices()
        layer.write(weight)
        assert torch.equal(layer.matrices(), weight)
    else:
        flat = y.movedim(1, -1).flatten(0, -2)
        assert torch.allclose(product.movedim(0, 1).flatten(1), flat)


def test_attention_of_torch_is_calibrated_in_all_its_maps():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0).double().eval()
    model = nn.Sequential(layer, nn.Linear(8, 2).double())
    x = torch.randn(3, 5, 8, dtype=torch.float64)
    bench = bench_of(model, [x], [x])
    assert [one.path for one in bench.layers] == [
        "0.self_attn.in_proj_weight", "0.self_attn.out_proj.weight", "0.linear1.weight", "0.linear2.weight",
    ]  # fmt: skip
    wanda = compressed(bench, Wanda(), 0.5)
    score = layer.self_attn.in_proj_weight.detach().abs() * x.flatten(0, 1).norm(dim=0)
    kept = score > score.sort(dim=1).values[:, 3:4]
    assert torch.equal(wanda[0].flatten(0, 1) != 0, kept)
    # What the output map is given, from the pruned input maps, by hand.
    q, k, v = (x @ w.T + b for w, b in zip(wanda[0], layer.self_attn.in_proj_bias.detach().chunk(3), strict=True))
    heads = [part.unflatten(-1, (2, 4)).transpose(1, 2) for part in (q, k, v)]
    seen = nn.functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2).flatten(0, 1)
    score = layer.self_attn.out_proj.weight.detach().abs() * seen.norm(dim=0)
    assert torch.equal(wanda[1][0] != 0, score > score.sort(dim=1).values[:, 3:4])


@pytest.mark.parametrize("shape", [(100,), (7, 90), (3, 5, 70), (30,)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99, 1.0])
def test_the_lowest_are_those_that_sorting_puts_first(shape, share):
    plain = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    broken = plain.clone()
    broken[..., ::2] = torch.nan
    count = round(share * shape[-1])
    signed = torch.where(plain < 0.5, -0.0, 0.0)
    for scores in (
        plain,
        plain.double(),
        plain.bfloat16(),
        (4 * plain).floor(),
        signed,
        torch.stack([plain, plain], -1)[..., 0],
        broken,
    ):
        first = scores.sort(dim=-1, stable=True).indices[..., :count]
        assert torch.equal(lowest(scores, count), torch.zeros(shape, dtype=torch.bool).scatter(-1, first, True))
