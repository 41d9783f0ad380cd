"""Distillation: the student learns the teacher, is measured honestly, and goes on where it was cut off."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Invariant, Symmetry, Vector
from haar.average import average, distil
from haar.errors import ArgumentError, DataError
from haar.groups import SO, cyclic, dihedral

FIELDS = Symmetry.of_fields(dihedral(4), "p, u:vector")


def conv(seed=0, *, dropout=False):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 3, 3, padding=1)]
        return nn.Sequential(*layers, *([nn.Dropout(0.1)] if dropout else [])).eval()


def fields(n=24, seed=1):
    return torch.randn(n, 3, 6, 6, generator=torch.Generator().manual_seed(seed))


def test_a_student_learns_the_teacher_and_its_symmetry(told):
    model = conv()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    watch = told()
    made = distil(average(model, FIELDS), fields(), steps=150, learning_rate=0.01, watch=watch)
    report = made.report
    assert report.error < 0.3 * report.defect_before
    assert report.defect_after < 0.3 * report.defect_before
    assert report.gain_kept > 0.9
    assert (watch.stages, watch.steps) == ([("distilling the average over D4", 150)], 150)
    assert not made.student.training
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert torch.equal(torch.get_rng_state(), state)


def test_the_report_is_what_it_says():
    model, x = conv(), fields()
    teacher = average(model, FIELDS, micro_batch=4)
    made = distil(teacher, x, steps=1, held_out=0.5, seed=3)
    test = torch.randperm(24, generator=torch.Generator().manual_seed(3))[:12]
    with torch.no_grad():
        right, plain, student = teacher(x[test]), model(x[test]), made.student(x[test])
        own = average(made.student, FIELDS)(x[test])
    assert made.report.held_out == 12
    assert made.report.error == pytest.approx(float((student - right).norm() / right.norm()), rel=1e-5)
    assert made.report.defect_before == pytest.approx(float((plain - right).norm() / right.norm()), rel=1e-5)
    assert made.report.defect_after == pytest.approx(float((student - own).norm() / own.norm()), rel=1e-5)
    kept = 1 - float((student - right).square().sum() / (plain - right).square().sum())
    assert made.report.gain_kept == pytest.approx(kept, rel=1e-4)
    assert made.report.to_dict()["schema"] == 1


def test_a_run_that_was_cut_off_ends_the_same_bit_for_bit(tmp_path, told):
    options = {"steps": 12, "every": 4, "batch_size": 5}
    student = conv(dropout=True)
    teacher = average(conv(), FIELDS, micro_batch=8)
    whole = distil(teacher, fields(), student=student, **options)
    path = tmp_path / "student"
    with pytest.raises(KeyboardInterrupt):
        distil(teacher, fields(), student=student, checkpoint=path, watch=told(until=10), **options)
    watch = told()
    again = distil(teacher, fields(), student=student, checkpoint=path, watch=watch, **options)
    assert watch.steps == 4
    for a, b in zip(whole.student.parameters(), again.student.parameters(), strict=True):
        assert torch.equal(a, b)
    assert again.report == whole.report
    finished = distil(teacher, fields(), student=student, checkpoint=path, watch=told(until=1), **options)
    assert finished.report == whole.report
    assert [p.name for p in tmp_path.iterdir()] == ["student"]


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    teacher = average(conv(), FIELDS, micro_batch=8)
    path = tmp_path / "run.pt"
    distil(teacher, fields(), steps=2, checkpoint=path)
    with pytest.raises(ArgumentError, match="checkpoint: expected the run it belongs to, got another seed, steps"):
        distil(teacher, fields(), steps=3, seed=1, checkpoint=path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(DataError, match=r"run\.pt: not a readable checkpoint"):
        distil(teacher, fields(), steps=2, checkpoint=path)


def test_several_inputs_and_outputs_and_a_smaller_student():
    group = cyclic(3)
    vector = Vector(Defining(group))
    symmetry = Symmetry(group, (vector, Invariant(group), Invariant(group, batched=False)), (vector, Invariant(group)))

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 1)

        def forward(self, x, t, scale):
            return self.a(x) * t[:, None] * scale, self.b(x)

    def model(x, t, scale):
        return (x + 0.3) * t[:, None] * scale, (x + 0.3).sum(-1, keepdim=True)

    args = (torch.randn(40, 2), torch.rand(40) + 0.5, torch.tensor(2.0))
    torch.manual_seed(0)
    made = distil(average(model, symmetry), args, student=Small(), steps=300, learning_rate=0.05)
    assert made.report.error < 0.2


def test_continuous_groups_are_distilled_too():
    group = SO(2)
    vector = Vector(Defining(group))
    symmetry = Symmetry(group, vector, vector)
    torch.manual_seed(0)
    teacher = average(nn.Linear(2, 2).double(), symmetry, "quadrature")
    made = distil(teacher, torch.randn(30, 2, dtype=torch.float64), steps=200, learning_rate=0.05)
    assert made.report.defect_after < 0.05


def test_bad_input_is_refused():
    teacher = average(conv(), FIELDS)
    with pytest.raises(ArgumentError, match="steps: expected at least 1, got 0"):
        distil(teacher, fields(), steps=0)
    with pytest.raises(ArgumentError, match="batch_size: expected at least 1"):
        distil(teacher, fields(), batch_size=0)
    with pytest.raises(ArgumentError, match="held_out: expected a share between 0 and 1"):
        distil(teacher, fields(), held_out=0.0)
    with pytest.raises(ArgumentError, match="inputs: expected at least two samples on axis 0 of every input"):
        distil(teacher, fields(1))
    with pytest.raises(ArgumentError, match="student: expected a module, got builtin_function_or_method"):
        distil(average(torch.exp, FIELDS), fields())
