"""Checkpoints to be aligned, as files name them: their tables, and a model that runs them where one is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from haar.align.align import canonical_of
from haar.align.alignment import Alignment
from haar.align.barrier import Barrier, barrier
from haar.align.losses import Loss
from haar.errors import ArgumentError, require
from haar.report import Report, Section
from haar.watch import Unwatched, Watch
from haar.weights import ADAPTERS, Checkpoint, ParameterAction, untied
from haar.weights.models import action_of, with_state
from haar.weights.verify import Verification, verify

#: Rows and tokens of the inputs that a published architecture is tried on.
_ROWS, _TOKENS = 2, 12


@dataclass(frozen=True)
class Architecture:
    """How the parameters in a file are to be read.

    Args:
        config: What stands in ``config.json``.
        model: A model of that architecture, if there is one: of the user's own, or made of the configuration.
        example: Inputs of the model.
    """

    config: Mapping[str, Any]
    model: nn.Module | None = None
    example: Any = None

    def action(self, state: Mapping[str, Tensor], symmetry: str = "auto") -> ParameterAction:
        """The table of a checkpoint.

        Args:
            state: Its parameters.
            symmetry: As for `haar.align`.
        """
        given = state if self.model is None else self.model
        return action_of(given, state, symmetry, config=self.config, example=self.example)

    def running(self) -> Architecture:
        """The same with a model that can be run, which `transformers` makes where none is given.

        Raises:
            MissingExtraError: If there is none and `transformers` is not installed.
            ArgumentError: If there is none, and no configuration of a known architecture.
        """
        if self.model is not None:
            return self
        kind = str(self.config.get("model_type"))
        if kind not in ADAPTERS:
            raise ArgumentError("model", expected="a model, or a config.json of a known architecture", got=repr(kind))
        transformers = require("transformers", "transformers")
        config = transformers.AutoConfig.for_model(**self.config)
        config.tie_word_embeddings = False
        made = transformers.AutoModelForImageClassification if kind == "vit" else transformers.AutoModelForCausalLM
        model: nn.Module = made.from_config(config, attn_implementation="eager").eval()
        return Architecture(self.config, model, self.example if self.example is not None else _example(config, kind))


def architecture(
    checkpoint: Checkpoint,
    *,
    config: Mapping[str, Any] | None = None,
    adapter: str | None = None,
    model: nn.Module | None = None,
    example: Any = None,
) -> Architecture:
    """How a checkpoint is to be read, by what is given and by the configuration beside it.

    Args:
        checkpoint: The parameters.
        config: A configuration, in place of the one beside it.
        adapter: Name of an architecture, where the configuration has none.
        model: A model of one's own.
        example: Its inputs.

    Raises:
        ArgumentError: If the adapter is not known.
    """
    found = dict(checkpoint.config if config is None else config)
    if adapter is not None:
        if adapter not in ADAPTERS:
            raise ArgumentError("adapter", expected=f"one of {', '.join(ADAPTERS)}", got=repr(adapter))
        found["model_type"] = adapter
    return Architecture(found, model, example)


def verified(
    checkpoint: Mapping[str, Tensor], of: Architecture, *, symmetry: str = "auto", seed: int = 0
) -> Verification:
    """Move a checkpoint within its symmetry and run it: do its outputs stay?

    Args:
        checkpoint: The parameters.
        of: How they are read.
        symmetry: As for `haar.align`.
        seed: Seed of the elements.

    Raises:
        ArgumentError: If the parameters do not fit the model.
    """
    state = untied(checkpoint)
    of.action(state, symmetry).check(state, "a")
    ready = of.running()
    model = with_state(ready.model, _fitting(ready.model, state))  # type: ignore[arg-type]  # running() has one
    return verify(model, ready.action(model.state_dict(), symmetry), ready.example, seed=seed)


def lines(
    alignments: Mapping[str, Alignment],
    raw: tuple[Mapping[str, Tensor], Mapping[str, Tensor]],
    model: nn.Module,
    task: tuple[Loss, Iterable[Any]],
    *,
    points: int,
    watch: Watch = Unwatched(),
) -> Barrier:
    """Losses on the straight lines between two checkpoints: as they came, in canonical form, and after alignments.

    Args:
        alignments: By the kind of symmetry.
        raw: The two as they came.
        model: A model that runs them.
        task: The loss, and batches.
        points: Points on each line.
        watch: Told of the progress.
    """
    loss, data = task[0], list(task[1])
    pairs = {"as they came": raw}
    for name, found in alignments.items():
        if len(pairs) == 1:
            pairs["canonical"] = (dict(found.a), canonical_of(found.action, raw[1])[0])
        pairs[name] = (dict(found.a), dict(found.b))
    measured = {}
    for name, (a, b) in pairs.items():
        first, second = _fitting(model, a), _fitting(model, b)
        found_line = barrier(first, second, loss, data, model=model, points=points, name=name, watch=watch)
        measured[name] = found_line.losses[name]
        shares = found_line.shares
    return Barrier(shares, measured)


class AlignedPair(Report):
    """An alignment and the losses on the way, in one report.

    Args:
        alignment: The last alignment.
        barrier: The losses along the lines before and after each, if there was a loss.
    """

    kind = "alignment"
    title = "Two checkpoints, aligned"

    def __init__(self, alignment: Alignment, barrier: Barrier | None) -> None:
        self.alignment, self.barrier = alignment, barrier

    def contents(self) -> dict[str, Any]:
        """Both."""
        told = {} if self.barrier is None else {"barrier": self.barrier.contents()}
        return {**self.alignment.contents(), **told}

    @property
    def summary(self) -> str:
        """Both."""
        return " ".join(part.summary for part in (self.barrier, self.alignment) if part is not None)

    def sections(self) -> Sequence[Section]:
        """The losses first."""
        return [*([] if self.barrier is None else self.barrier.sections()), *self.alignment.sections()]


def _fitting(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Parameters by the names that the model has for them, where a file has others (see `transformers`)."""
    names = set(model.state_dict())
    if set(state) >= names:
        return {name: state[name] for name in state if name in names}
    if hasattr(model, "from_pretrained"):
        require("transformers.utils.logging", "transformers").disable_progress_bar()
    load = getattr(type(model), "from_pretrained", None)
    if load is None:
        missing = min(names - set(state))
        raise ArgumentError("model", expected="a model of the checkpoint's names", got=f"one with {missing!r}")
    made, told = load(None, config=model.config, state_dict=dict(state), dtype=torch.float32, output_loading_info=True)
    for kind in ("missing", "unexpected"):
        names_told = sorted(map(str, told.get(f"{kind}_keys") or ()))
        if names_told:  # what is missing was drawn at random, what is not expected was left out
            raise ArgumentError(
                "config",
                expected="the configuration of the checkpoint",
                got=f"one of another network: {kind} {', '.join(names_told[:3])}",
            )
    return {name: value.detach() for name, value in made.state_dict().items()}


def _example(config: Any, kind: str) -> dict[str, Tensor]:
    """Inputs of a published architecture."""
    generator = torch.Generator().manual_seed(0)
    if kind == "vit":
        shape = (_ROWS, config.num_channels, config.image_size, config.image_size)
        return {"pixel_values": torch.randn(shape, generator=generator)}
    length = min(_TOKENS, int(getattr(config, "max_position_embeddings", _TOKENS)))
    return {"input_ids": torch.randint(config.vocab_size, (_ROWS, length), generator=generator)}
