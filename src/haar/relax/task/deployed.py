"""The trained model as files: a state dict under the user's own names, and a program."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from haar.files import write_bytes, write_safetensors
from haar.programs import program_bytes
from haar.relax import Fitted
from haar.relax.task.task import RelaxTask


def save_model(done: Fitted, task: RelaxTask, out: Path) -> list[str]:
    """Write the model to deploy.

    Args:
        done: What `fit` returned.
        task: The task that was fitted.
        out: Folder to write into.

    Returns:
        Names of the files.
    """
    rule = done.rule
    gamma = 0.0 if getattr(rule, "problem", None) == "equality" else None
    with rule.deployed():
        model: nn.Module = rule.model.export(gamma).eval()
    kept = ["model.safetensors"]
    write_safetensors(out / kept[0], model.state_dict())
    inputs = task.train[0] if isinstance(task.train[0], tuple) else (task.train[0],)
    example = tuple(x[:2] for x in inputs)
    batch = torch.export.Dim("batch")
    shapes = tuple({0: batch} if isinstance(x, Tensor) else None for x in inputs)
    try:
        program = program_bytes(torch.export.export(model, example, dynamic_shapes=shapes))
    except Exception:  # noqa: BLE001 (torch raises every kind for a model that it cannot export)
        return kept
    write_bytes(out / "model.pt2", program)
    return [*kept, "model.pt2"]
