"""The Lightning callback takes the same steps as a loop by hand, and resumes with the same masks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from haar.compress import Static, sparsity_callback
from haar.errors import MissingExtraError

pytestmark = pytest.mark.referee

# In a process of its own: the package changes warning filters and log handlers when it is imported.
SCRIPT = """
import sys, warnings, logging, torch
warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)
import lightning.pytorch as pl
from torch import nn
from haar.compress import Rigl, sparsify, sparsity_callback
from haar.errors import ArgumentError

x = torch.randn(64, 12, generator=torch.Generator().manual_seed(0))
batches = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x), batch_size=8)
regime = Rigl(0.7, every=2, until=0.9)

class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))
    def training_step(self, batch, index):
        return (self.net(batch[0]) - batch[0][:, :4]).square().mean()
    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2, weight_decay=0.1)

def train(module, epochs, resume=None, regime=regime):
    callback = sparsity_callback(regime, steps=12)
    run = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
                     enable_checkpointing=False, default_root_dir=sys.argv[1], accumulate_grad_batches=2,
                     max_epochs=epochs, callbacks=[callback])
    run.fit(module, batches, ckpt_path=resume)
    return run, callback.sparse

one = Module(); run, sparse = train(one, 3)
model = Module().net
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
hand = sparsify({"net": model}, regime, optimizer, steps=12)
for epoch in range(3):
    parts = x.split(8)
    for pair in range(4):
        optimizer.zero_grad()
        for part in parts[2 * pair : 2 * pair + 2]:
            ((model(part) - part[:, :4]).square().mean() / 2).backward()
        optimizer.step()
gap = max(float((a - b).abs().max()) for a, b in zip(model.parameters(), one.net.parameters()))
same = all(torch.equal(mask, sparse.masks()[name]) for name, mask in hand.masks().items())
print("steps", sparse.layers[0].step, "gap", gap < 1e-6, "masks", same, "grown", sparse.layers[0].moves[1] > 0)

run, _ = train(Module(), 1); run.save_checkpoint(sys.argv[1] + "/part.ckpt")
again = Module(); _, resumed = train(again, 3, sys.argv[1] + "/part.ckpt")
print("resumed", all(torch.equal(a, b) for a, b in zip(again.parameters(), one.parameters())),
      all(torch.equal(mask, resumed.masks()[name]) for name, mask in sparse.masks().items()))
try:
    train(Module(), 3, sys.argv[1] + "/part.ckpt", Rigl(0.8, every=2))
except ArgumentError as error:
    print("refused", "other regimes" in str(error))
"""


def test_the_callback_is_the_loop(tmp_path):
    pytest.importorskip("lightning.pytorch", reason="the extra haar[lightning] is not installed")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], check=True, capture_output=True, text=True, timeout=1200
    )
    assert done.stdout.splitlines() == [
        "steps 12 gap True masks True grown True",
        "resumed True True",
        "refused True",
    ]


def test_without_lightning_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    with pytest.raises(MissingExtraError, match=r"haar\[lightning\]"):
        sparsity_callback(Static(0.5))
