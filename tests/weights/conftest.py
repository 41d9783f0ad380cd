"""Small models in double precision, with every parameter away from its initial value."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama, SmallViT

Small = tuple[nn.Module, Tensor]


def jiggled(model: nn.Module, seed: int = 0) -> nn.Module:
    """A model in eval mode and double precision, whose gains are not 1 and whose biases are not 0."""
    source = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=source, dtype=p.dtype))
    return model


def _tokens() -> Tensor:
    return torch.randint(11, (3, 7), generator=torch.Generator().manual_seed(5))


def _gpt2() -> Small:
    return SmallGPT2(11, 8, layers=2, dim=12, heads=3, hidden=10), _tokens()


def _llama() -> Small:
    return SmallLlama(LlamaSizes(11, layers=2, dim=16, heads=4, groups=2, hidden=10)), _tokens()


def _mixtral() -> Small:
    return SmallLlama(LlamaSizes(11, layers=2, dim=16, heads=4, groups=4, hidden=6, experts=3)), _tokens()


def _vit() -> Small:
    images = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return SmallViT(4, 2, 10, layers=2, dim=12, heads=3, hidden=10), images


MADE: dict[str, Callable[[], Small]] = {"gpt2": _gpt2, "llama": _llama, "mixtral": _mixtral, "vit": _vit}


@pytest.fixture(params=MADE)
def small(request: pytest.FixtureRequest) -> Small:
    """Each architecture, and inputs."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, inputs = MADE[request.param]()
    return jiggled(model), inputs


@pytest.fixture
def gpt2() -> Small:
    """A GPT-2 alone."""
    return jiggled(_gpt2()[0]), _tokens()


@pytest.fixture
def llama() -> Small:
    """A Llama alone."""
    return jiggled(_llama()[0]), _tokens()
