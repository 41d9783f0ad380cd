"""What goes in and out: pairs, files of collisions, lettuce, reports of any collision, the parts of the experiment."""

from __future__ import annotations

import math
import sys
import types

import numpy as np
import pytest
import torch

from haar.average import save
from haar.errors import ArgumentError, DataError, HaarError, ShapeError
from haar.programs import read_program
from haar.systems.lattice_boltzmann import (
    BGK,
    MRT,
    Design,
    Lesson,
    Stencil,
    as_lettuce,
    distil,
    draw_pairs,
    freeze,
    inspect_collision,
    measured_viscosities,
    on_cells,
    read_collision,
    read_pairs,
    write_collision,
)
from haar.systems.lattice_boltzmann.breaking import anisotropic
from haar.systems.lattice_boltzmann.coarse import fit_rollout
from haar.systems.lattice_boltzmann.collision import linearised
from haar.systems.lattice_boltzmann.contenders import LeastSquares, contender
from haar.systems.lattice_boltzmann.fitting import one_cycle, relative_error, validated
from haar.systems.lattice_boltzmann.flows import FLOWS, decaying, double_shear_layer, flow_named, taylor_green
from haar.systems.lattice_boltzmann.observables import velocity, vorticity
from haar.systems.lattice_boltzmann.viscosity import shear_viscosity, waves
from haar.systems.lattice_boltzmann.vortices import pattern_defect

D2Q9 = Stencil.named("D2Q9")


def test_pairs_are_drawn_near_equilibrium_and_conserve():
    pairs = draw_pairs(D2Q9, 300, tau=0.7, speed=0.05, seed=3)
    assert len(pairs) == 300
    torch.testing.assert_close(pairs.before @ D2Q9.conserved, pairs.equilibrium @ D2Q9.conserved)
    torch.testing.assert_close(pairs.after, pairs.before + (pairs.equilibrium - pairs.before) / 0.7)
    assert 0.045 < pairs.speed(D2Q9) < 0.0501
    density = pairs.before.sum(1)
    assert 0.95 <= float(density.min()) < 0.96 < 1.04 < float(density.max()) <= 1.05
    before, _ = pairs.normalised
    torch.testing.assert_close(before.sum(1), torch.ones(300, dtype=torch.float64))
    learned, held_out = pairs.split()
    assert (len(learned), len(held_out)) == (210, 90)


def test_pairs_are_written_and_read_in_the_layout_of_the_authors(tmp_path):
    pairs, path = draw_pairs(D2Q9, 20), tmp_path / "pairs.npz"
    pairs.write(path)
    with np.load(path) as file:
        assert sorted(file) == ["f_eq", "f_post", "f_pre"]
        arrays = {name: file[name] for name in file}
    again = read_pairs(path, D2Q9)
    assert torch.equal(again.after, pairs.after)

    def refused(message, **changed):
        np.savez(path, **{name: array for name, array in {**arrays, **changed}.items() if array is not None})
        with pytest.raises(DataError, match=message):
            read_pairs(path, D2Q9)

    refused("expected the arrays f_pre, f_post and f_eq, got no .*f_eq", f_eq=None)
    refused(
        r"f_post: expected the shape \[samples, 9\] for D2Q9, all alike, got \(20, 8\)", f_post=arrays["f_post"][:, :8]
    )
    refused("f_post: expected finite populations of at least 0", f_post=-arrays["f_post"])
    order = [0, 2, 1, 3, 4, 5, 6, 7, 8]
    refused("f_eq: .* in the order of D2Q9, .*Stencil.permuted", **{name: a[:, order] for name, a in arrays.items()})
    np.savez(path, **{name: array[:, order] for name, array in arrays.items()})
    assert len(read_pairs(path, D2Q9.permuted(order))) == 20
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="expected an npz file of arrays"):
        read_pairs(path, D2Q9)
    with pytest.raises(ArgumentError, match="noise: expected so little that populations stay positive"):
        draw_pairs(D2Q9, 20, noise=1e3)


@pytest.mark.parametrize("name", ["gavg", "locked", "nco"])
def test_collisions_are_written_and_read(tmp_path, name):
    path, design = tmp_path / "c.safetensors", Design(name, "D2Q9", 0.05, 0.03, channels=2, speed=0.02)
    collision = design.build(seed=4)
    write_collision(path, collision, design)
    again, told = read_collision(path)
    f = torch.rand(5, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    assert told == design
    assert torch.equal(again(f), collision(f))
    assert getattr(again, "model", again).trained_speed == 0.02
    write_collision(path, collision, Design(name, "D2Q5" if name != "nco" else "D3Q19", 0.05, channels=2))
    with pytest.raises(DataError, match="expected tensors that fit what its header says"):
        read_collision(path)


def test_other_files_are_no_collisions(tmp_path):
    from haar.files import write_safetensors

    path = tmp_path / "c.safetensors"
    write_safetensors(path, {"f": torch.zeros(2)})
    with pytest.raises(DataError, match="expected a learned collision of haar lattice train"):
        read_collision(path)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"expected a \.safetensors file of a learned collision"):
        read_collision(path)


def test_lettuce_calls_a_collision_whatever_the_order_of_its_velocities(monkeypatch):
    module = types.ModuleType("lettuce")
    module.Collision = type("Collision", (), {})
    monkeypatch.setitem(sys.modules, "lettuce", module)
    order = torch.tensor([3, 1, 4, 0, 2, 8, 6, 7, 5])
    f = torch.rand(9, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    theirs = D2Q9.permuted(order)
    flow = types.SimpleNamespace(f=f, stencil=types.SimpleNamespace(e=theirs.velocities.numpy()))
    plugged = as_lettuce(BGK(D2Q9, 0.7), D2Q9)
    assert isinstance(plugged, module.Collision)
    torch.testing.assert_close(plugged(flow), BGK(theirs, 0.7)(f.movedim(0, -1)).movedim(-1, 0))
    flow.stencil.e = Stencil.named("D2Q5").velocities.numpy()
    with pytest.raises(ArgumentError, match="collision: expected a flow on D2Q9, got one on D2Q5"):
        plugged(flow)
    monkeypatch.setitem(sys.modules, "lettuce", None)
    with pytest.raises(HaarError, match="lettuce is needed here and is not installed; pip install lettucecfd"):
        as_lettuce(BGK(D2Q9, 0.7), D2Q9)


def test_a_report_tells_what_is_wrong_with_a_collision():
    good = inspect_collision(MRT(D2Q9, 0.8, {"bulk": 1.3}), D2Q9, points=5)
    assert good.equivariant
    assert good.conserving
    assert good.waves.stable
    assert good.anisotropy == pytest.approx(1.0)
    assert good.eigenvalues["bulk A1"] == pytest.approx(-0.3)
    assert good.to_dict()["viscosity"]["axis"] == pytest.approx(0.1)
    assert good.figure() is not None
    uneven = inspect_collision(MRT(D2Q9, 0.8, {"shear B1": 0.9}), D2Q9, points=5)
    assert uneven.anisotropy == pytest.approx((1 / 0.9 - 0.5) / 0.3)
    bad = inspect_collision(anisotropic(D2Q9), D2Q9, points=5)
    assert not bad.equivariant
    assert bad.conserving
    assert "does not commute with r90, r270, d, d' of D4" in bad.summary
    leaky = inspect_collision(lambda f: 1.01 * BGK(D2Q9, 0.8)(f), D2Q9, points=5)
    assert leaky.equivariant
    assert not leaky.conserving
    assert "a wave grows by 0.01 a step" in leaky.summary
    single = inspect_collision(BGK(D2Q9, 0.8), D2Q9, points=5, precision=torch.float32)
    assert single.equivariant
    numpy_first = on_cells(
        lambda f: BGK(D2Q9, 0.8)(torch.from_numpy(f).movedim(0, -1)).movedim(-1, 0).numpy(), axis=0, numpy=True
    )
    found = inspect_collision(numpy_first, D2Q9, points=5, flow=(0.05, 0.0))
    assert found.viscosity["axis"] == pytest.approx(0.1, rel=1e-4)
    with pytest.raises(ArgumentError, match="points: expected at least 2"):
        inspect_collision(BGK(D2Q9, 0.8), D2Q9, points=1)


def test_viscosities_of_waves_simulations_and_the_jacobian_agree():
    uneven = MRT(D2Q9, 0.8, {"shear B1": 0.9})
    J = linearised(uneven, D2Q9)
    found = waves(J, D2Q9, 6)
    told = [shear_viscosity(J, D2Q9, (1, 0), (0, 1)), shear_viscosity(J, D2Q9, (1, 1), (1, -1))]
    assert told == pytest.approx([0.1, (1 / 0.9 - 0.5) / 3])
    assert found.shear[:, 0].tolist() == pytest.approx(told, rel=1e-3)
    measured = measured_viscosities(uneven, D2Q9, size=24, steps=120)
    assert [measured["axis"].value, measured["diagonal"].value] == pytest.approx(told, rel=0.05)
    assert measured["axis"].low <= measured["axis"].value <= measured["axis"].high
    grow = waves(linearised(lambda f: BGK(D2Q9, 0.8)(f) * 1.1, D2Q9), D2Q9, 3)
    assert not grow.stable
    with pytest.raises(ArgumentError, match="across: expected a direction at right angles"):
        shear_viscosity(J, D2Q9, (1, 0), (1, 0))


def test_least_squares_find_the_polynomial_that_the_exact_collision_is():
    learned, held_out = draw_pairs(D2Q9, 1000, tau=0.6, speed=0.05).split()
    assert validated(LeastSquares(learned, 2), held_out) < 1e-12 < 1e-4 < validated(LeastSquares(learned, 1), held_out)


def test_errors_and_schedules_are_those_of_the_papers():
    y, p = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.1, 2.0]])
    assert float(relative_error(p, y)) == pytest.approx(0.1 / math.sqrt(2), rel=1e-5)
    assert one_cycle(0, 100) == pytest.approx(1 / 25)
    assert one_cycle(30, 100) == pytest.approx(1.0)
    assert one_cycle(99, 100) < 2e-3


@pytest.mark.parametrize("name", ["gavg", "locked", "nco"])
def test_inference_forms_are_programs_for_any_number_of_cells(tmp_path, name):
    collision = contender(name, D2Q9, viscosity=0.1, channels=2)
    f = torch.rand(5, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.3
    program = read_program(save(freeze(collision).eval(), (f,), tmp_path / "c.pt2")).module()
    for cells in (1, 2, 5):
        torch.testing.assert_close(program(f[:cells]), collision(f[:cells]), rtol=0, atol=1e-13)


def test_learned_rates_are_the_same_in_an_onnx_file_and_finite_at_rest(tmp_path):
    pytest.importorskip("onnxscript", reason="the extra onnx")
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx")
    collision = contender("nco", D2Q9, viscosity=0.1, channels=2)
    noise = torch.randn(5, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    f = D2Q9.weights * (1 + 0.05 * torch.cat([0 * noise[:1], 1e-4 * noise[1:2], noise[2:]]))
    session = onnxruntime.InferenceSession(save(freeze(collision).eval(), (f,), tmp_path / "c.onnx"))
    (found,) = session.run(None, {session.get_inputs()[0].name: f.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), collision(f), rtol=0, atol=1e-13)


def test_a_lock_is_exported_in_its_inference_form_alone():
    collision = contender("locked", D2Q9, viscosity=0.1, channels=2)
    f = torch.rand(5, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.3
    with pytest.raises(ArgumentError, match=r"expected one in its inference form, got a lock; export freeze"):
        torch.export.export(collision, (f,))


def test_what_is_distilled_is_symmetric_and_has_the_viscosity_of_what_it_was_learned_from():
    uneven = MRT(D2Q9, 0.8, {"shear B1": 0.9})
    wanted = inspect_collision(uneven, D2Q9, points=3).viscosity
    found = distil(anisotropic(D2Q9), D2Q9, channels=2, samples=300, viscosity=0.07, lesson=Lesson(epochs=1))
    report = inspect_collision(found.collision, D2Q9, points=3)
    assert report.equivariant
    assert report.conserving
    assert report.viscosity == pytest.approx({"axis": 0.07, "diagonal": 0.07}, rel=1e-9)
    assert found.design.build().trained_speed == pytest.approx(0.05, rel=0.05)
    mean = distil(uneven, D2Q9, channels=2, samples=300, lesson=Lesson(epochs=1)).design.viscosity
    assert mean == pytest.approx((wanted["axis"] + wanted["diagonal"]) / 2, rel=1e-9)
    first = distil(uneven, D2Q9, channels=4, samples=1500, lesson=Lesson(epochs=1, learning_rate=1e-2))
    longer = distil(uneven, D2Q9, channels=4, samples=1500, lesson=Lesson(epochs=12, learning_rate=1e-2))
    assert longer.error < first.error / 2


def test_vorticity_ends_where_the_flow_does():
    x, y = torch.meshgrid(*[torch.arange(6, dtype=torch.float64)] * 2, indexing="ij")
    u = torch.stack([-0.3 * y, 0.2 * x])[None]
    torch.testing.assert_close(vorticity(u, (0, 1)), torch.full((1, 6, 6), 0.5, dtype=torch.float64))
    assert float((vorticity(u, (0,)) - 0.5).abs().max()) > 0.5


def test_flows_have_no_divergence_where_they_should():
    for flow in (taylor_green(D2Q9, 16), decaying(D2Q9, 16, seed=2)):
        u = velocity(flow.populations, D2Q9)
        modes = torch.fft.fft2(u)[0]
        k = torch.fft.fftfreq(16, dtype=torch.float64)
        assert float((k[:, None] * modes[0] + k * modes[1]).abs().max()) < 1e-12
    assert pattern_defect(velocity(taylor_green(D2Q9, 16).populations, D2Q9)) < 1e-12
    assert pattern_defect(velocity(decaying(D2Q9, 16).populations, D2Q9)) > 0.5
    layer = velocity(double_shear_layer(D2Q9, 16).populations, D2Q9)
    assert float(vorticity(layer).abs().max()) > 1e-3
    assert {name for name in FLOWS if flow_named(name, D2Q9, 20, 0.05).populations.ndim == 4} == set(FLOWS)
    with pytest.raises(ArgumentError, match="flow: expected one of taylor-green"):
        flow_named("taylor", D2Q9, 8, 0.1)
    with pytest.raises(ArgumentError, match="stencil: expected one of a square or cubic lattice, got D2Q7"):
        taylor_green(Stencil.named("D2Q7"))
    with pytest.raises(ShapeError, match="stencil: expected 2 dimensions, got D3Q19"):
        flow_named("cavity", Stencil.named("D3Q19"), 8, 0.1)


def test_a_coarse_collision_learns_from_a_run():
    wanted, size = contender("nco", D2Q9, viscosity=0.02, seed=3), 8
    start = decaying(D2Q9, size, 0.08, modes=2, seed=0).populations
    from haar.systems.lattice_boltzmann import simulate

    fine = BGK(D2Q9, 0.56)
    observed = simulate(start, fine, 12, stencil=D2Q9, observers={"u": lambda f: velocity(f, D2Q9)[0]}, every=1)
    losses = fit_rollout(wanted, D2Q9, observed.records["u"], unroll=2, steps=12, learning_rate=3e-2)
    assert float(losses[-3:].mean()) < float(losses[:3].mean())
    assert freeze(fine) is fine
