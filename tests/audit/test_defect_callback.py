"""The callback logs the defect of each epoch; an average inside a trainer is the average. Each in its own process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from haar.audit.defect_callback import measured
from haar.errors import ArgumentError

pytestmark = pytest.mark.referee

# In a process of its own: the package changes warning filters and log handlers when it is imported.
SCRIPT = """
import csv, json, logging, sys, warnings, torch
warnings.simplefilter("ignore")
torch.set_num_threads(1)
import lightning.pytorch as pl
import haar
from haar import Symmetry, audit, average
from haar.audit import defect_callback
from haar.average import average_callback

lines = []
class Kept(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logging.getLogger("haar").addHandler(Kept())
logging.getLogger("haar").setLevel(logging.INFO)
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

symmetry = Symmetry.of_fields("D4", "p")
generator = torch.Generator().manual_seed(0)
x, y = (torch.randn(16, 1, 6, 6, generator=generator) for _ in range(2))
batches = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=4)

class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
        self.seen = []
    def forward(self, x):
        return self.net(x)
    def training_step(self, batch, index):
        return (self(batch[0]) - batch[1]).square().mean()
    def validation_step(self, batch, index):
        self.log("val", (self(batch[0]) - batch[1]).square().mean())
    test_step = validation_step
    def predict_step(self, batch, index):
        return self(batch[0])
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1e-2)

def trainer(*callbacks, logger=False, **options):
    return pl.Trainer(accelerator="cpu", logger=logger, enable_progress_bar=False, enable_model_summary=False,
                      enable_checkpointing=False, default_root_dir=sys.argv[1], callbacks=list(callbacks), **options)

said = {}
module = Module()
# What a logger is given is the same for TensorBoard and W&B; this one needs no package.
logger = pl.loggers.CSVLogger(sys.argv[1], name="csv", version=0)
run = trainer(defect_callback(symmetry, samples=10, every_n_epochs=2), max_epochs=3, logger=logger)
run.fit(module, batches, batches)
with open(sys.argv[1] + "/csv/version_0/metrics.csv") as file:
    rows = [row for row in csv.DictReader(file) if row["defect/largest"]]
said["written"] = [[int(row["epoch"]), int(row["step"])] for row in rows]
said["columns"] = sorted(name for name in rows[-1] if name.startswith("defect/"))
logged = {name: float(value) for name, value in run.callback_metrics.items() if name.startswith("defect/")}
found = audit(module.eval(), symmetry, x[:10]).findings.elements
said["gap"] = max(abs(logged[f"defect/{one.element}"] - one.relative.value) for one in found)
said["names"] = len(logged)
said["last"] = max(abs(float(rows[-1][name]) - value) for name, value in logged.items())
said["lines"] = [line for line in lines if "defect" in line]

module = Module()
plain, averaged = module(x), average(module, symmetry)(x)
said["broken"] = float((plain - averaged).abs().max())
callback = average_callback(symmetry)
predicted = torch.cat(trainer(callback).predict(module, batches))
said["predicted"] = float((predicted - averaged).abs().max())
tested = trainer(callback).test(module, batches, verbose=False)[0]["val"]
said["tested"] = abs(tested - float((averaged - y).square().mean()))
said["after"] = float((module(x) - plain).abs().max())
said["keys"] = sorted(module.state_dict())

one, two = Module(), Module()
trainer(max_epochs=1).fit(one, batches, batches)
trainer(average_callback(symmetry), max_epochs=1).fit(two, batches, batches)
said["training"] = all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters()))
said["own"] = "forward" not in vars(two)
only = trainer(average_callback(symmetry, stages=("test",)))
said["stages"] = float((torch.cat(only.predict(module, batches)) - plain).abs().max())
said["refused"] = []
for make in (lambda: defect_callback(3), lambda: defect_callback(symmetry, samples=0),
             lambda: average_callback(symmetry, stages=("fit",))):
    try:
        make()
    except haar.ArgumentError as error:
        said["refused"].append(str(error))
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    pytest.importorskip("lightning.pytorch", reason="the extra haar[lightning] is not installed")
    folder = str(tmp_path_factory.mktemp("lightning"))
    run = subprocess.run([sys.executable, "-c", SCRIPT, folder], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


def test_what_is_logged_is_the_audit_of_the_first_samples(said):
    assert said["gap"] < 1e-6
    assert said["names"] == 7 + 2


def test_a_logger_is_given_the_same_under_the_same_names(said):
    elements = ["d", "d'", "largest", "mean", "mx", "my", "r180", "r270", "r90"]
    assert said["columns"] == [f"defect/{name}" for name in elements]
    assert said["written"] == [[0, 3], [2, 11]]
    assert said["last"] < 1e-6


def test_every_second_epoch_is_told_to_logging_too(said):
    assert [line.split(":")[0] for line in said["lines"]] == ["epoch 0", "epoch 2"]
    assert all("defect under D4, largest " in line for line in said["lines"])


def test_prediction_and_test_are_those_of_the_average(said):
    assert said["broken"] > 1e-2
    assert said["predicted"] < 1e-6
    assert said["tested"] < 1e-6
    assert said["stages"] < 1e-6


def test_training_and_the_module_stay_their_own(said):
    assert said["training"]
    assert said["own"]
    assert said["after"] == 0
    assert said["keys"] == ["net.bias", "net.weight"]


class Holder:
    net = len
    number = 3


def test_what_is_measured():
    holder = Holder()
    assert measured(len, None) is len
    assert measured(holder, "net") is len
    assert measured(holder, lambda module: module.net) is len
    with pytest.raises(
        ArgumentError, match="model: expected the name of the module's own network, got 'number' of Hold"
    ):
        measured(holder, "number")


def test_what_is_refused(said):
    assert said["refused"] == [
        "symmetry: expected a haar.Symmetry, got int",
        "samples: expected at least 1, got 0",
        "stages: expected some of validate, test, predict, got fit",
    ]
