"""Unequal widths: copies keep the function, are undone, and bring a narrow network near to a wide one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.align import align, as_wide_as
from haar.errors import ArgumentError
from haar.weights import Copies, adapted, expanded, traced, widened, without_copies
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama, SmallViT

X = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def _made(widths, seed=0, activation=nn.Tanh):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        first, second = widths
        return nn.Sequential(
            nn.Linear(4, first), activation(), nn.Linear(first, second), activation(), nn.Linear(second, 3)
        ).double()


def _images(width):
    with torch.random.fork_rng():
        torch.manual_seed(width)
        net = nn.Sequential(
            nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.Linear(4 * width, 3)
        )
    return net.double().eval()


def test_a_unit_that_is_split_keeps_the_function_and_merging_its_copies_is_the_inverse():
    model = _made((5, 6))
    action = traced(model, X)
    copies = {
        "units0": Copies(torch.tensor([0, 1, 2, 2, 3, 4, 2]), torch.tensor([1, 1, 0.2, 0.5, 1, 1, 0.3]).double()),
        "units1": Copies(torch.tensor([5, 4, 3, 2, 1, 0, 0])),
    }
    table, wide = widened(action, model.state_dict(), copies)
    other = _made((7, 7))
    other.load_state_dict(wide)
    torch.testing.assert_close(other(X), model(X), rtol=0, atol=1e-12)
    assert table.sites["units0"].count == 7
    assert set(traced(other, X).sites) == set(table.sites)
    back = without_copies(action, wide, copies)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(back[name], value, rtol=0, atol=1e-14)


def test_a_narrow_network_is_aligned_to_a_wide_one_that_holds_it():
    narrow = _made((5, 6))
    action = traced(narrow, X)
    sources = {"units0": torch.tensor([3, 0, 4, 1, 2, 1, 3, 0]), "units1": torch.tensor([2, 2, 0, 1, 5, 4, 3])}
    wide = _made((8, 7))
    wide.load_state_dict(widened(action, narrow.state_dict(), {n: Copies(s) for n, s in sources.items()})[1])
    found = as_wide_as(wide, narrow, example=X)
    torch.testing.assert_close(found(X), narrow(X), rtol=0, atol=1e-12)
    assert align(wide, found, example=X).distances.total() < 1e-12


def test_channels_with_norms_and_flattened_pixels():
    wide, narrow = _images(7), _images(4)
    x = torch.randn(3, 1, 4, 4, dtype=torch.float64)
    found = as_wide_as(wide, narrow, example=x)
    torch.testing.assert_close(found(x), narrow(x), rtol=0, atol=1e-12)
    assert align(wide, found, example=x).merged()["0.weight"].shape == (7, 1, 3, 3)


def test_hidden_units_of_a_transformer():
    wide, narrow = (SmallGPT2(11, 8, layers=2, dim=12, heads=3, hidden=n).double() for n in (15, 10))
    tokens = torch.randint(11, (2, 6), generator=torch.Generator().manual_seed(0))
    found = as_wide_as(wide, narrow)
    torch.testing.assert_close(found(tokens), narrow(tokens), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Copies(torch.tensor([0, 2])), "source: expected a copy of every unit, got none of unit 1"),
        (lambda: Copies(torch.tensor([0, 0]), torch.tensor([0.5, 0.4])), "shares: expected shares that add up to 1"),
        (lambda: as_wide_as(_made((4, 6)), _made((5, 6)), example=X), "wide: 0.weight: expected at least 5 units at"),
        (
            lambda: as_wide_as(SmallGPT2(11, 8, layers=1, dim=8, heads=2), SmallGPT2(12, 8, layers=1, dim=8, heads=2)),
            r"wide: transformer.wte.weight: expected a tensor of shape \(12, 8\), for only units can be copied, got",
        ),
        (
            lambda: widened(traced(_made((5, 6)), X), _made((5, 6)).state_dict(), {"a": Copies(torch.tensor([0]))}),
            "copies: a: expected a site of units, got no site",
        ),
    ],
)
def test_what_cannot_be_copied(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def _normed(width, norm):
    with torch.random.fork_rng():
        torch.manual_seed(width)
        return nn.Sequential(nn.Linear(4, width), norm(width), nn.Tanh(), nn.Linear(width, 3)).double()


@pytest.mark.parametrize("norm", [nn.LayerNorm, nn.RMSNorm, lambda n: nn.GroupNorm(1, n)])
def test_under_a_norm_over_all_units_each_is_copied_as_often_as_the_others(norm):
    narrow = _normed(5, norm)
    found = as_wide_as(_normed(10, norm), narrow, example=X)
    torch.testing.assert_close(found(X), narrow(X), rtol=0, atol=1e-12)
    with pytest.raises(ArgumentError, match="expected a multiple of 5 units at units0, over which a norm goes, got 9"):
        as_wide_as(_normed(9, norm), narrow, example=X)
    action, copies = traced(narrow, X), {"units0": Copies(torch.tensor([0, 0, 0, 1, 2, 3, 4, 4, 3, 2]))}
    with pytest.raises(ArgumentError, match="copies: units0: expected equally many copies of every unit"):
        widened(action, narrow.state_dict(), copies)


def test_units_in_groups_that_stay_together_are_not_copied():
    narrow, wide = (_normed(width, lambda n: nn.GroupNorm(2, n)) for width in (4, 8))
    with pytest.raises(ArgumentError, match="expected 4 units at units0, for a norm goes over 2 groups, got 8"):
        as_wide_as(wide, narrow, example=X)
    again = as_wide_as(_normed(4, lambda n: nn.GroupNorm(2, n)), narrow, example=X)
    torch.testing.assert_close(again(X), narrow(X), rtol=0, atol=1e-12)
    action, copies = traced(narrow, X), {"units0": Copies(torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]))}
    words = (
        "copies: units0: expected a site whose units change places one by one, got one of 2 groups that stay together"
    )
    with pytest.raises(ArgumentError, match=words):
        widened(action, narrow.state_dict(), copies)


def _gpt2(dim, heads=1, hidden=9):
    return SmallGPT2(11, 8, layers=2, dim=dim, heads=heads, hidden=hidden)


def _llama(dim, experts=0):
    return SmallLlama(LlamaSizes(11, layers=2, dim=dim, heads=4, groups=2, hidden=6, experts=experts, head_size=4))


def _vit(dim, heads=1):
    return SmallViT(4, 2, 10, layers=2, dim=dim, heads=heads, hidden=10)


TOKENS = torch.randint(11, (3, 7), generator=torch.Generator().manual_seed(5))
IMAGES = torch.randn(3, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
STREAMS = {
    "gpt2, one more": (_gpt2(12), _gpt2(13), TOKENS),
    "gpt2, twice, heads and units too": (_gpt2(12, 3), _gpt2(24, 3, 14), TOKENS),
    "llama, one more": (_llama(16), _llama(17), TOKENS),
    "llama, twice": (_llama(16), _llama(32), TOKENS),
    "mixtral, one more": (_llama(16, 3), _llama(17, 3), TOKENS),
    "vit, one more": (_vit(12), _vit(13), IMAGES),
    "vit, twice": (_vit(12, 3), _vit(24, 3), IMAGES),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_wider_residual_stream(name):
    narrow, wide, x = STREAMS[name]
    with torch.no_grad():
        for p in [*narrow.double().parameters(), *wide.double().parameters()]:
            p.add_(0.2 * torch.randn_like(p))
    found = as_wide_as(wide, narrow)
    torch.testing.assert_close(found(x), narrow(x), rtol=0, atol=1e-10)
    torch.testing.assert_close(align(wide, found).model(x), narrow(x), rtol=0, atol=1e-10)


def test_streams_that_cannot_be_made_wider():
    narrow, wide = _gpt2(12), _gpt2(24)
    action = adapted(narrow.state_dict(), narrow.config)
    with pytest.raises(ArgumentError, match="wide: expected models, for the eps of norms over a wider stream is anoth"):
        as_wide_as(wide.state_dict(), narrow, config=narrow.config)
    with pytest.raises(ArgumentError, match="width: expected at least 12, got 11"):
        expanded(action, narrow.state_dict(), 11)
    with pytest.raises(ArgumentError, match="head_size: expected at least 12, of heads0, got 6"):
        expanded(action, narrow.state_dict(), 24, head_size=6)
    with pytest.raises(ArgumentError, match=r"wide: model\.embed_tokens\.weight: expected the tensors of"):
        as_wide_as(wide, _llama(16))
    rotary = SmallLlama(LlamaSizes(11, layers=1, dim=32, heads=4, groups=2, hidden=6))
    with pytest.raises(ArgumentError, match="head_size: expected heads of one size, for their scores are rotary"):
        as_wide_as(rotary, SmallLlama(LlamaSizes(11, layers=1, dim=16, heads=4, groups=2, hidden=6)))
