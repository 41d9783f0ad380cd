"""Output heads of their own, where a language model reads out with its embedding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from haar.weights.bare import Unwrapped, wrapped_in

_HEAD = "lm_head.weight"
#: Names of the embedding that a language model without a head of its own reads out with.
_EMBEDDINGS = ("transformer.wte.weight", "wte.weight", "model.embed_tokens.weight")
#: By these names a published architecture is known behind what wrappers put in front of them.
_KNOWN = (*_EMBEDDINGS, "vit.embeddings.cls_token", "embeddings.cls_token")


def untied(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Parameters with an output head of their own, where the head is the embedding and no tensor of its own.

    A rotation that leaves the function alone moves the embedding and the head in the same way, but once the last
    norm's gain is folded into the head the two differ. What wrappers of processes and compilers put in front of all
    names of a published architecture (``module.``, ``_orig_mod.``) is taken off.

    Args:
        state: Parameters by name.

    Returns:
        A dictionary if a dictionary was given; otherwise a mapping that reads when it is asked, as a file's does.

    Example:
        >>> import torch
        >>> list(untied({"transformer.wte.weight": torch.ones(2, 2)}))
        ['transformer.wte.weight', 'lm_head.weight']
    """
    prefix, embedding = wrapped_in(state), None
    if prefix and any(prefix + name in state for name in _KNOWN):
        plain = Unwrapped(state, prefix)
        state = dict(plain) if isinstance(state, dict) else plain
    if not any(name.endswith((_HEAD, "classifier.weight")) for name in state):
        embedding = next((name for name in _EMBEDDINGS if name in state), None)
    if isinstance(state, dict):
        return dict(state) | ({} if embedding is None else {_HEAD: state[embedding]})
    return state if embedding is None else _Untied(state, embedding)


class _Untied(Mapping[str, Tensor]):
    """Parameters whose head is their embedding, by a name of its own."""

    def __init__(self, state: Mapping[str, Tensor], embedding: str) -> None:
        self.state, self.embedding = state, embedding

    def __iter__(self) -> Iterator[str]:
        yield from self.state
        yield _HEAD

    def __len__(self) -> int:
        return len(self.state) + 1

    def __contains__(self, name: object) -> bool:
        return name == _HEAD or name in self.state

    def __getitem__(self, name: str) -> Tensor:
        return self.state[self.embedding if name == _HEAD else name]
