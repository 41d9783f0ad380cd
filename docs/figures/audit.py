"""Draw the picture of the audit page: a flow whose data lack a symmetry that its equations have.

Run it from the root of the project: ``python docs/figures/audit.py``. It takes about a minute.
"""

from __future__ import annotations

from pathlib import Path

import torch

from haar.actions import Layout, Symmetry
from haar.audit import Audit, audit
from haar.data.generators import ShearFlowGenerator
from haar.groups import dihedral
from haar.systems.group_averaging.surrogates import unet
from haar.systems.group_averaging.training import train


def shear_flow_audit() -> Audit:
    """Train a small surrogate on the shear flow and audit it with D4."""
    torch.set_num_threads(1)
    data = ShearFlowGenerator(resolution=(32, 32), n_trajectories=36, n_steps=14)
    fields = next(data.batches(36))
    state = torch.cat(
        [values.unsqueeze(2) if values.ndim == 4 else values.movedim(-1, 2) for values in fields.values()], 2
    ).float()
    runs, steps, channels = state.shape[:3]
    inputs = torch.stack([state[:, t : t + 2].flatten(1, 2) for t in range(steps - 2)], 1)
    targets = state[:, 2:]
    model = unet(2 * channels, channels, padding="circular", width=8, seed=0)
    model = train(model, (inputs[:16].flatten(0, 1), targets[:16].flatten(0, 1)), steps=400, seed=0).eval()
    layout = Layout(data.fields, 2)
    scale = torch.ones(channels)
    for field, where in layout.slices().items():
        scale[where] = targets[:, :, where].std()
        print(f"{field}: spread {float(scale[where][0]):.3g}")
    symmetry = Symmetry.of_fields(dihedral(4), data.fields, history=2, centring="node")
    held_out = (inputs[16:].flatten(0, 1), targets[16:].flatten(0, 1))
    clusters = torch.arange(runs - 16).repeat_interleave(steps - 2)
    return audit(model, symmetry, held_out, clusters=clusters, scale=scale, batch_size=32)


def main() -> None:
    """Draw the overview and print the sentence."""
    report = shear_flow_audit()
    print(report.recommendation.sentence)
    for line in report.recommendation.evidence:
        print("  " + line)
    report.figure().savefig(Path(__file__).parents[1] / "images" / "audit.png", dpi=110)


if __name__ == "__main__":
    main()
