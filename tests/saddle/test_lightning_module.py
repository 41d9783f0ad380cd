"""Lightning takes the same turns as a loop by hand, and goes on from its own checkpoints with the same bits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from saddle_games import Number

from haar.errors import ArgumentError
from haar.saddle import saddle_module

# In a process of its own: the package changes warning filters and log handlers when it is imported.
SCRIPT = """
import sys, warnings, logging, torch
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
torch.set_num_threads(1)
import lightning.pytorch as pl
from saddle_games import batches, regression, same, state
from haar.saddle import saddle_module

given = batches(4)
loader = torch.utils.data.DataLoader(given, batch_size=None)

def trainer(epochs):
    return pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
                      default_root_dir=sys.argv[2], max_epochs=epochs)

by_hand = regression("optimistic")
for batch in 3 * given:
    by_hand.step(batch)

whole = regression("optimistic")
run = trainer(3)
run.fit(saddle_module(whole), loader)
print(same(state(whole), state(by_hand)), run.global_step, run.callback_metrics["objective"].item())
print(by_hand.history[-1].objective)

first = regression("optimistic")
run = trainer(1)
run.fit(saddle_module(first), loader)
kept = run.checkpoint_callback.best_model_path
again = regression("optimistic", seed=7)
trainer(3).fit(saddle_module(again), loader, ckpt_path=kept)
print(same(state(again), state(by_hand)), again.history == by_hand.history)
"""


@pytest.mark.referee
def test_lightning_plays_as_a_loop_by_hand_does(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, objective, last = done.stdout.splitlines()
    assert first.split()[:2] == ["True", "24"]
    assert float(first.split()[2]) == pytest.approx(float(objective), rel=1e-6)
    assert last == "True True"


def test_only_games_are_wrapped():
    with pytest.raises(ArgumentError, match="game: expected Saddle, got Number"):
        saddle_module(Number())
