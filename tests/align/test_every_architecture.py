"""What has to hold of every architecture that has a table: known ones, small ones of our own, and traced modules."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from haar.align import align, barrier
from haar.weights import Gauge, ParameterAction, adapted, balancing, folded, traced, verify
from haar.weights.models import with_state
from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama, SmallMixture, SmallViT

Made = tuple[nn.Module, ParameterAction, Tensor]


class Residual(nn.Module):
    """Convolutions with a sum and norms over samples."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.one, self.two = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 6, 1), nn.Conv2d(6, 4, 1)
        self.norm, self.head = nn.BatchNorm2d(6), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x).relu()
        return self.head((h + self.two(self.norm(self.one(h)).relu())).mean((2, 3)))


def _encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(6, 2, 5, dropout=0.0, batch_first=True, norm_first=True)
    return nn.Sequential(nn.Linear(3, 6), nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), nn.Linear(6, 2))


def _llama(experts: int) -> nn.Module:
    return SmallLlama(LlamaSizes(11, layers=1, dim=8, heads=2, groups=1, hidden=5, experts=experts))


TOKENS = torch.randint(11, (3, 6), generator=torch.Generator().manual_seed(5))
ROWS = torch.randn(20, 5, 3, generator=torch.Generator().manual_seed(5)).double()
IMAGES = torch.randn(4, 3, 4, 4, generator=torch.Generator().manual_seed(5)).double()
KINDS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "gpt2": (lambda: SmallGPT2(11, 6, layers=1, dim=8, heads=2, hidden=7, activation="relu"), TOKENS),
    "llama": (lambda: _llama(0), TOKENS),
    "mixtral": (lambda: _llama(3), TOKENS),
    "vit": (lambda: SmallViT(4, 2, 5, layers=1, dim=8, heads=2, hidden=7), IMAGES),
    "mixture, dense": (lambda: SmallMixture(3, 2, dim=4, experts=3, units=5), ROWS[:, 0]),
    "mixture, two chosen": (lambda: SmallMixture(3, 2, dim=4, experts=3, units=5, chosen=2), ROWS[:, 0]),
    "perceptron": (lambda: nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)),
                   ROWS[:, 0]),
    "convolutions": (Residual, IMAGES[:, :2]),
    "encoder": (_encoder, ROWS),
}  # fmt: skip


def _model(name: str, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = KINDS[name][0]().double().eval()
        with torch.no_grad():
            for value in [*model.parameters(), *(b for b in model.buffers() if b.is_floating_point())]:
                value.add_(0.2 * torch.rand_like(value))
    return model


def _table(model: nn.Module, x: Tensor) -> ParameterAction:
    own = getattr(model, "action", None)
    if isinstance(own, ParameterAction):
        return own
    config: Any = getattr(model, "config", None)
    return traced(model, x) if config is None else adapted(model.state_dict(), config)


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest) -> Made:
    """A model, its table and inputs."""
    model, x = _model(request.param), KINDS[request.param][1]
    return model, _table(model, x), x


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest) -> tuple[nn.Module, nn.Module, ParameterAction, Tensor]:
    """Two models of other seeds, their table and inputs."""
    one, other, x = _model(request.param), _model(request.param, 1), KINDS[request.param][1]
    return one, other, _table(one, x), x


def _outputs(model: nn.Module, state: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.func.functional_call(model, dict(state), (x,))


def _plain(action: ParameterAction, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return dict(folded(action, state)) if action.norms else dict(state)


def _apart(one: Any, other: Any) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one if one[name].is_floating_point())


def test_every_site_leaves_the_outputs_alone(made: Made) -> None:
    model, action, x = made
    found = verify(model, action, x)
    assert found.preserved, str(found)
    assert max(found.folding, found.shifts, *found.sites.values()) < 1e-10
    assert set(found.sites) == set(action.sites)


def test_canonical_forms_keep_the_outputs_and_are_found_once(made: Made) -> None:
    model, action, x = made
    state = dict(model.state_dict())
    plain = _plain(action, state)
    torch.testing.assert_close(_outputs(model, plain, x), _outputs(model, state, x), rtol=0, atol=1e-10)
    balanced = action.act(balancing(action, plain), plain)
    torch.testing.assert_close(_outputs(model, balanced, x), _outputs(model, state, x), rtol=0, atol=1e-10)
    assert _apart(action.act(balancing(action, balanced), balanced), balanced) < 1e-9


def test_the_laws_of_an_action(made: Made) -> None:
    model, action, _ = made
    state = _plain(action, dict(model.state_dict()))
    g, h = (action.random(seed, state=state) for seed in (1, 2))
    assert _apart(action.act(action.compose(h, g), state), action.act(h, action.act(g, state))) < 1e-11
    assert _apart(action.act(action.inverse(g), action.act(g, state)), state) < 1e-11
    linear, norms = Gauge(g.sites), {norm.gain for norm in action.norms}
    other = {k: torch.randn_like(v) if v.is_floating_point() and k not in norms else v for k, v in state.items()}
    both = {k: 2 * v - 3 * other[k] if v.is_floating_point() else v for k, v in state.items()}
    one, two = (action.act(linear, each) for each in (state, other))
    sums = {k: 2 * v - 3 * two[k] if v.is_floating_point() else v for k, v in one.items()}
    assert _apart(action.act(linear, both), sums) < 1e-11


def test_a_planted_element_is_found_and_leaves_no_barrier(made: Made) -> None:
    model, action, x = made
    plain = _plain(action, dict(model.state_dict()))
    twin = with_state(model, action.act(action.random(3, state=plain), plain))
    y = _outputs(model, plain, x)
    found = align(model, twin, symmetry=action)
    assert found.distances.total() < 1e-10
    way = barrier(found.model_a, found.model, lambda run, batch: (run(batch) - y).square().mean(), [x], points=5)
    assert max(way.losses["straight"]) < 1e-15


def test_barriers_do_not_see_a_common_element_and_turn_with_the_ends(
    pair: tuple[nn.Module, nn.Module, ParameterAction, Tensor],
) -> None:
    one, other, action, x = pair
    states = [_plain(action, dict(model.state_dict())) for model in (one, other)]
    gauge = Gauge(action.random(4).sites)
    y = torch.randn(_outputs(one, states[0], x).shape, generator=torch.Generator().manual_seed(0)).double()

    def height(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[float]:
        found = barrier(
            a, b, lambda run, batch: (run(batch) - y).square().mean(), [x], model=copy.deepcopy(one), points=5
        )
        return list(found.losses["straight"])

    plain = height(*states)
    assert height(*(action.act(gauge, state) for state in states)) == pytest.approx(plain, rel=1e-9)
    assert height(*states[::-1]) == pytest.approx(plain[::-1], rel=1e-12)


def test_no_sweep_after_the_first_brings_the_two_farther_apart(
    pair: tuple[nn.Module, nn.Module, ParameterAction, Tensor],
) -> None:
    one, other, action, x = pair
    found = align(one, other, symmetry=action)
    assert all(
        after <= before * (1 + 1e-12) for before, after in zip(found.history[1:], found.history[2:], strict=False)
    )
    torch.testing.assert_close(_outputs(other, found.b, x), _outputs(other, other.state_dict(), x), rtol=0, atol=1e-10)
