"""Meters in a Lightning training: read when it is time, and logged."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.dynamics import Dashboard, GeometricComplexity, dynamics_callback
from haar.errors import ArgumentError

lightning = pytest.importorskip("lightning.pytorch")


class Line(lightning.LightningModule):
    """A line through points."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(1, 1)

    def training_step(self, batch, _):
        x, y = batch
        return (self.net(x) - y).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.mark.filterwarnings("ignore")  # Lightning's own
def test_meters_are_read_every_so_many_steps_and_logged(tmp_path):
    x = torch.linspace(-1, 1, 12)[:, None]
    seen = dynamics_callback(lambda module: Dashboard({"slope": (GeometricComplexity(module.net), x)}), every_n_steps=2)
    trainer = lightning.Trainer(
        max_epochs=1, callbacks=[seen], logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accelerator="cpu", default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(Line(), torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, 2 * x), batch_size=2))
    assert seen.dashboard.steps == [2, 4, 6]
    last = seen.dashboard.series("slope/geometric complexity")[-1]
    assert trainer.callback_metrics["slope/geometric complexity"].item() == pytest.approx(last)


def test_steps_are_counted_from_one():
    with pytest.raises(ArgumentError, match="every_n_steps: expected at least 1"):
        dynamics_callback(lambda module: module, every_n_steps=0)
