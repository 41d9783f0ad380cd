"""What does not fit is refused in one line, and what stands in rows without a point reaches nothing."""

from __future__ import annotations

import inspect

import pytest
import torch

from haar.errors import ArgumentError, HaarError, ShapeError
from haar.nn.frames import GramMap
from haar.nn.spectral import (
    ColumnLinear,
    EigenvalueFilters,
    GraphConvolution,
    InvariantFeatures,
    PairScore,
    PearlEncoding,
    SignAttention,
    SignCharacters,
    SignDeepSets,
    SignGate,
    SignMessagePassing,
    SignMLP,
    SignNet,
    SignProduct,
    SignRMSNorm,
    canonical_signs,
    column_characters,
    flip_signs,
    neighbour_mean,
    odd_moments,
    pseudovector_characters,
)

F64 = torch.float64
MASK = torch.tensor([[True, True, True, False, False], [True] * 5])
CHI = column_characters(3)


def rand(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


pytestmark = pytest.mark.usefixtures("unchecked_annotations")

SIZES = [
    (SignGate, (3,), ("hidden", "layers")),
    (SignMLP, (3,), ("hidden", "layers")),
    (SignDeepSets, (3,), ("hidden", "layers")),
    (SignMessagePassing, (3,), ("inputs", "outputs", "channels", "hidden", "layers")),
    (SignAttention, (3,), ("channels", "heads", "hidden")),
    (PairScore, (3,), ("hidden", "layers")),
    (SignNet, (3, 4), ("hidden", "inner")),
    (SignProduct, (4, 3, 2), ("inner", "hidden", "features")),
    (ColumnLinear, (3, 4, 2), ()),
    (EigenvalueFilters, (3,), ("filters", "hidden")),
    (GraphConvolution, (3, 4), ()),
    (PearlEncoding, (3,), ("filters", "hidden")),
    (GramMap, (1,), ("outputs", "hidden")),
    (SignCharacters, (CHI, CHI), ("width",)),
]


@pytest.mark.parametrize(("kind", "given", "options"), SIZES)
def test_sizes_are_whole_and_positive(kind, given, options):
    names = list(inspect.signature(kind).parameters)
    for bad in (0, -1, 2.5, "a", None, True):
        for place, value in enumerate(given):
            if isinstance(value, int):
                with pytest.raises(ArgumentError, match=f"^{names[place]}: expected .*at least 1, got"):
                    kind(*given[:place], bad, *given[place + 1 :])
        for option in options:
            if (bad is not None) or option != "inner":
                with pytest.raises(ArgumentError, match=f"^{option}: expected .*at least 1, got"):
                    kind(*given, **{option: bad})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: SignGate(3, extra=-1), "extra: expected at least 0"),
        (lambda: SignMessagePassing(3, invariants=InvariantFeatures(nodes=-1)), "nodes: expected at least 0"),
        (lambda: SignAttention(3, pairs=-1), "pairs: expected at least 0"),
        (lambda: SignCharacters(CHI, CHI, layers=-1), "layers: expected at least 0"),
        (lambda: SignCharacters(CHI, column_characters(2)), r"chi_out: expected \(features, 3\)"),
        (lambda: SignCharacters(torch.tensor([1, 0]), CHI), "chi_in: expected rows of zeros and ones"),
        (lambda: SignCharacters([[1, 0]], CHI), "chi_in: expected rows of zeros and ones, got list"),
        (lambda: column_characters(0), "k: expected at least 1"),
        (lambda: pseudovector_characters("a"), "k: expected a whole number"),
        (lambda: SignRMSNorm("a"), "eps: expected a positive number, got 'a'"),
        (lambda: odd_moments(rand(4, 3), power=3.5), "power: expected an odd positive number"),
        (lambda: odd_moments(rand(4, 3), mask=torch.ones(4)), "mask: expected a tensor of booleans, got float32"),
        (lambda: canonical_signs(rand(2, 4, 3)), r"v: expected \(n, k\), one graph"),
        (lambda: canonical_signs(rand(4, 3), tolerance=float("nan")), "tolerance: expected 0 or more"),
        (lambda: flip_signs(rand(4)), "v: expected"),
        (lambda: flip_signs(rand(4, 3), cloud=torch.zeros(3, dtype=torch.int64)), r"cloud: expected \(4,\)"),
        (lambda: flip_signs(rand(2, 4, 3), cloud=torch.zeros(4, dtype=torch.int64)), "without a batch axis"),
        (lambda: PairScore(3, dtype=F64)(rand(4, 3), rand(5, 3)), "w: expected as many rows as u"),
        (lambda: PairScore(3, dtype=F64)(rand(4, 3), rand(4, 1)), r"w: expected \(\*batch, 3 columns\)"),
        (lambda: EigenvalueFilters(2, dtype=F64)(rand(3), rand(3)), "v: expected"),
        (lambda: ColumnLinear(3, 4, 2)(rand(4, 3)), "x: expected float32, as the module's .* got float64"),
        (lambda: ColumnLinear(3, 4, 2)([1.0]), "x: expected .* got list"),
    ],
)
def test_bad_arguments_are_one_line(call, words):
    with pytest.raises(HaarError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


NETS = {
    "gate": SignGate(3, dtype=F64),
    "mlp": SignMLP(3, dtype=F64),
    "sets": SignDeepSets(3, layers=2, norm="rms", dtype=F64),
    "messages": SignMessagePassing(3, layers=2, dtype=F64),
    "attention": SignAttention(3, dtype=F64),
    "characters": SignCharacters(CHI, CHI, dtype=F64),
    "signnet": SignNet(3, 4, on="set", dtype=F64),
}


@pytest.mark.parametrize("name", NETS)
def test_numbers_of_another_kind_are_refused_by_name(name):
    net = NETS[name]
    for x, words in (
        (rand(2, 5, 3).float(), "expected float64, as the module's other numbers are, got float32; convert"),
        (torch.ones(2, 5, 3, dtype=torch.int64), "expected float64, .* got int64"),
        (None, "expected a tensor .* got NoneType"),
        (torch.tensor(1.0), r"got \(\)"),
    ):
        with pytest.raises((ArgumentError, ShapeError), match=words):
            net(x)


@pytest.mark.parametrize("name", ["sets", "messages", "attention", "characters", "signnet"])
def test_masks_are_booleans_that_fit(name):
    net, x = NETS[name], rand(2, 5, 3)
    for mask, words in (
        (MASK.long(), "mask: expected a tensor of booleans, got int64; convert it with .bool()"),
        (MASK.to(torch.uint8), "mask: expected a tensor of booleans, got uint8"),
        (MASK.tolist(), "mask: expected a tensor of booleans, got list"),
        (MASK[:, :4], r"mask: expected \(2, 5\), one for every row, got \(2, 4\)"),
        (MASK[:, :1], r"mask: expected \(2, 5\)"),
        (torch.ones(3, 5, dtype=torch.bool), r"mask: expected \(2, 5\)"),
        (torch.ones(7, 2, 5, dtype=torch.bool), r"mask: expected \(2, 5\)"),
    ):
        with pytest.raises((ArgumentError, ShapeError), match=words):
            net(x, mask=mask)
    assert torch.equal(net(x, mask=MASK[0]), net(x, mask=MASK[0].expand(2, 5)))


@pytest.mark.parametrize("name", ["gate", "mlp", "sets", "messages", "attention"])
def test_spaces_are_numbers_that_fit(name):
    net, x = NETS[name], rand(2, 5, 3)
    for spaces, words in (
        (torch.tensor([0.0, 0.0, 1.0]), "spaces: expected a tensor of int64, got float32"),
        ([0, 0, 1], "spaces: expected a tensor of int64, got list"),
        (torch.zeros(4, 3, dtype=torch.int64), r"spaces: expected \(\*batch, 3\).* got \(4, 3\)"),
        (torch.zeros(2, 2, dtype=torch.int64), r"spaces: expected \(\*batch, 3\)"),
    ):
        with pytest.raises((ArgumentError, ShapeError), match=words):
            net(x, spaces=spaces)


@pytest.mark.parametrize("net", [NETS["sets"], NETS["messages"], SignNet(3, 4, dtype=F64)])
def test_edges_are_rows_that_there_are(net):
    x = rand(5, 3)
    for edges, words in (
        (torch.tensor([[0, 9], [1, 0]]), "edges: expected rows from 0 to 4, got 9"),
        (torch.tensor([[0, -1], [1, 0]]), "edges: expected rows from 0 to 4, got -1"),
        (torch.tensor([[0, 1], [1, 0], [2, 3]]), r"edges: expected \(2, e\), got \(3, 2\)"),
        (torch.zeros(2, 3), "edges: expected a tensor of int64, got float32"),
        ([[0], [1]], "edges: expected a tensor of int64, got list"),
    ):
        with pytest.raises((ArgumentError, ShapeError), match=words):
            net(x, edges=edges)
    assert net(x, edges=torch.zeros(2, 0, dtype=torch.int64)).isfinite().all()
    assert torch.equal(
        net(x, edges=torch.tensor([[0, 1], [1, 0]], dtype=torch.int32)),
        net(x, edges=torch.tensor([[0, 1], [1, 0]])),
    )


def test_neighbours_fit():
    x = rand(5, 3)
    for given, words in (
        ({"adjacency": torch.ones(4, 4, dtype=F64)}, r"adjacency: expected \(5, 5\)"),
        ({"adjacency": torch.ones(2, 5, 5, dtype=F64)}, r"adjacency: expected \(5, 5\)"),
        ({"adjacency": torch.ones(5, 5)}, "adjacency: expected float64.* got float32"),
        ({"cloud": torch.zeros(4, dtype=torch.int64)}, r"cloud: expected \(5,\)"),
        ({"cloud": torch.tensor([0, 0, -1, 1, 1])}, "cloud: expected numbers from 0, got -1"),
        ({"cloud": torch.zeros(5)}, "cloud: expected a tensor of int64"),
    ):
        with pytest.raises((ArgumentError, ShapeError), match=words):
            neighbour_mean(x, **given)


def padded(value: torch.Tensor, there: torch.Tensor, garbage: float) -> torch.Tensor:
    return torch.where(there.unsqueeze(-1), value, garbage)


@pytest.mark.parametrize("garbage", [torch.nan, torch.inf])
@pytest.mark.parametrize("name", ["sets", "messages", "attention", "characters", "signnet", "filters", "gram"])
def test_what_stands_in_the_padding_reaches_no_derivative(name, garbage):
    made = {"generator": torch.Generator().manual_seed(0), "dtype": F64}
    both, x = MASK.unsqueeze(-1) & MASK.unsqueeze(-2), rand(2, 5, 3)
    nodes, pairs = rand(2, 5, 1, seed=2), rand(2, 5, 5, 1, seed=3)
    nets = {
        "sets": (SignDeepSets(3, norm="rms", extra=1, layers=2, **made), {"extra": nodes, "adjacency": pairs}),
        "messages": (
            SignMessagePassing(3, invariants=InvariantFeatures(nodes=1, pairs=1), layers=2, **made),
            {"nodes": nodes, "pairs": pairs},
        ),
        "attention": (SignAttention(3, pairs=1, **made), {"pairs": pairs}),
        "characters": (SignCharacters(CHI, CHI, **made), {}),
        "signnet": (SignNet(3, 4, on="set", **made), {}),
        "filters": (EigenvalueFilters(2, **made), {}),
        "gram": (GramMap(**made), {}),
    }
    net, given = nets[name]
    more = (rand(3),) if name == "filters" else ()
    found = []
    for fill in (0.0, garbage):
        z = padded(x, MASK, fill).requires_grad_()
        filled = {key: padded(value, both if value is pairs else MASK, fill) for key, value in given.items()}
        if "adjacency" in filled:
            filled["adjacency"] = filled["adjacency"].squeeze(-1).abs()
        net.zero_grad()
        y = net(z, *more, mask=MASK, **filled)
        y.square().sum().backward()
        found.append([y.detach(), z.grad, *[p.grad for p in net.parameters() if p.grad is not None]])
    for clean, other in zip(*found, strict=True):
        assert other.isfinite().all()
        assert torch.equal(clean, other)
