"""The Lightning callback takes the same steps as a loop by hand. (Without the package its absence is said.)"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from haar.errors import ArgumentError
from haar.relax.duals.lightning_callback import LossScale, duals_callback

pytestmark = pytest.mark.referee

# In a process of its own: the package changes warning filters and log handlers when it is imported.
SCRIPT = """
import sys, warnings, logging, torch
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)
import lightning.pytorch as pl
from relax_worlds import data, mse, wrapped
from haar.errors import ArgumentError
from haar.relax.duals.duals import Duals
from haar.relax.duals.lightning_callback import duals_callback

x, y = data(32)
batches = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8)

class Module(pl.LightningModule):
    def __init__(self, all_of_them=False):
        super().__init__()
        self.model = wrapped()
        self.duals = Duals(self.model, "resilient", steps=100)
        self.all_of_them = all_of_them
    def training_step(self, batch, index):
        return mse(self.model(batch[0]), batch[1])
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters() if self.all_of_them else self.duals.weights(), lr=3e-3)

def trainer(**options):
    return pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
                      enable_checkpointing=False, default_root_dir=sys.argv[2], accumulate_grad_batches=2,
                      gradient_clip_val=1.0, **options)

def train(module, epochs, resume=None):
    run = trainer(max_epochs=epochs, callbacks=[duals_callback(module.duals)])
    run.fit(module, batches, ckpt_path=resume)
    return run

one = Module(); train(one, 2)

model = wrapped(); duals = Duals(model, "resilient", steps=100)
optimizer = torch.optim.Adam(duals.weights(), lr=3e-3)
parts = list(zip(x.split(8), y.split(8)))
for _ in range(2):
    for pair in (parts[:2], parts[2:]):
        optimizer.zero_grad()
        for a, b in pair:
            duals.lagrangian(mse(model(a), b) / 2).backward()
        torch.nn.utils.clip_grad_norm_(duals.weights(), 1.0)
        optimizer.step(); duals.step()
gap = max(float((a - b).abs().max()) for a, b in zip(model.state_dict().values(), one.model.state_dict().values()))
print("steps", one.duals.taken, "gap", gap < 1e-13)

first = Module(); run = train(first, 1); run.save_checkpoint(sys.argv[2] + "/half.ckpt")
second = Module(); train(second, 2, sys.argv[2] + "/half.ckpt")
state, whole = second.duals.state_dict(), one.duals.state_dict()
print("resumed", all(torch.equal(state[k], whole[k]) for k in ("gamma", "multiplier", "slack")))
try:
    train(Module(all_of_them=True), 1)
except ArgumentError as error:
    print("refused", "without the gammas" in str(error))
"""


def test_the_callback_is_the_loop(tmp_path):
    pytest.importorskip("lightning.pytorch", reason="the extra haar[lightning] is not installed")
    folder = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert " ".join(done.stdout.split()) == "steps 4 gap True resumed True refused True"


def test_only_duals_are_taken():
    with pytest.raises((ArgumentError, ImportError), match=r"duals: expected Duals|lightning"):
        duals_callback("duals")
    assert LossScale(8.0).is_enabled()
    assert LossScale(8.0).get_scale() == 8.0
