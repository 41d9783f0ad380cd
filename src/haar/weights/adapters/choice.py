"""Which adapter a checkpoint needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from haar.errors import ArgumentError
from haar.weights.action import ParameterAction
from haar.weights.adapters.gpt2 import gpt2
from haar.weights.adapters.llama import llama
from haar.weights.adapters.rows import Config, State
from haar.weights.adapters.vit import vit

Adapter = Callable[..., ParameterAction]
ADAPTERS: Mapping[str, Adapter] = {
    "gpt2": gpt2,
    "llama": llama,
    "mistral": llama,
    "qwen2": llama,
    "qwen3": llama,
    "mixtral": llama,
    "qwen2_moe": llama,
    "qwen3_moe": llama,
    "vit": vit,
}
"""By the ``model_type`` of a configuration."""


def adapted(
    state: State, config: Config, *, adapter: str | None = None, residual: str = "orthogonal"
) -> ParameterAction:
    """The table of a published architecture, by its configuration.

    Args:
        state: Parameters by name; see `untied`.
        config: What stands in ``config.json``.
        adapter: The architecture, if the configuration's ``model_type`` does not say it.
        residual: What moves the residual stream: ``"orthogonal"``, ``"signed"`` or ``"permutation"``.

    Raises:
        ArgumentError: If the architecture is not known, or the checkpoint is none of it.

    Example:
        >>> from haar.weights.small import SmallViT
        >>> model = SmallViT(4, 2, 3, layers=1, dim=4, heads=2, hidden=6)
        >>> len(adapted(model.state_dict(), model.config).tensors) == len(model.state_dict())
        True
    """
    name = config.get("model_type") if adapter is None else adapter
    if not isinstance(name, str) or name not in ADAPTERS:
        raise ArgumentError(
            "adapter",
            expected=f"one of {', '.join(ADAPTERS)}",
            got=repr(name),
            way_out="or write the table by hand, haar.weights.ParameterAction",
        )
    if config.get("quantization_config"):
        raise ArgumentError("config", expected="a checkpoint that is not quantised", got="quantization_config")
    return ADAPTERS[name](state, config, residual=residual)
