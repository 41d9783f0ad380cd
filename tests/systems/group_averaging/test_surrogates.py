"""The catalogue of surrogates: sizes, symmetries, plain modules, and options that are refused."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from small_surrogates import awake, fields, small

from haar.errors import ArgumentError, ShapeError
from haar.systems.group_averaging.surrogates import (
    CATALOGUE,
    FNO,
    ConvNeXtUNet,
    UNet,
    convnext_unet,
    fno,
    parameter_count,
    unet,
)
from haar.systems.group_averaging.surrogates.fno import SpectralConvolution


@pytest.mark.parametrize(
    ("factory", "size", "millions"),
    [
        (fno, "benchmark", 19.0),
        (unet, "benchmark", 17.5),
        (convnext_unet, "benchmark", 18.6),
        (fno, "cpu", 0.925),
        (unet, "cpu", 0.272),
    ],
)
def test_parameter_counts_are_those_of_the_benchmark(factory, size, millions):
    with torch.device("meta"):
        model = factory(8, 2, size=size)
    assert parameter_count(model) == pytest.approx(millions * 1e6, rel=0.004)


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_any_dimension_and_any_channels(name, dim):
    model = awake(small(name, 3, 5, dim=dim))
    x = fields(2, 3, *[8, 12, 16][:dim])
    y = model(x)
    assert y.shape == (2, 5, *x.shape[2:])
    assert y.dtype == torch.float64
    assert torch.isfinite(y).all()
    torch.testing.assert_close(model(x[:1]), y[:1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["unet", "convnext_unet"])
def test_circular_unets_commute_with_shifts_of_the_coarsest_grid_and_no_others(name):
    model = awake(small(name, padding="circular"))
    x = fields(1, 4, 16, 12)
    for shift in ((4, 0), (-4, 8)):
        torch.testing.assert_close(model(x.roll(shift, (2, 3))), model(x).roll(shift, (2, 3)), rtol=0, atol=1e-11)
    for shift in ((2, 0), (0, 1)):
        assert (model(x.roll(shift, (2, 3))) - model(x).roll(shift, (2, 3))).abs().max() > 1e-5


@pytest.mark.parametrize("name", ["unet", "convnext_unet"])
def test_zero_padded_unets_commute_with_no_shift(name):
    model = awake(small(name, padding="zeros"))
    x = fields(1, 4, 16, 16)
    assert (model(x.roll(4, 2)) - model(x).roll(4, 2)).abs().max() > 1e-3


@pytest.mark.parametrize("name", CATALOGUE)
def test_copies_and_state_dicts(name):
    model = awake(small(name))
    x = fields(1, 4, 8, 8)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(x), model(x))
    fresh = small(name).double().eval()
    assert not torch.equal(fresh(x), model(x))
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh(x), model(x))
    assert list(model.train().state_dict()) == list(fresh.eval().state_dict())


@pytest.mark.parametrize("name", CATALOGUE)
def test_memory_layout_does_not_matter(name):
    model = awake(small(name))
    x = fields(2, 4, 8, 8)
    expected = model(x)
    turned = copy.deepcopy(model).to(memory_format=torch.channels_last)
    torch.testing.assert_close(turned(x.contiguous(memory_format=torch.channels_last)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CATALOGUE)
def test_export_with_any_batch(name):
    model = awake(small(name, delta=True), torch.float32)
    x = fields(2, 4, 8, 8, dtype=torch.float32)
    program = torch.export.export(model, (x,), dynamic_shapes={"x": {0: torch.export.Dim("batch", min=1, max=64)}})
    other = fields(5, 4, 8, 8, seed=1, dtype=torch.float32)
    torch.testing.assert_close(program.module()(other), model(other), rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore")  # the exporter's own deprecations
def test_fno_exports_to_onnx(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")
    model = awake(small("fno"), torch.float32)
    x = fields(2, 4, 8, 9, dtype=torch.float32)
    torch.onnx.export(
        model,
        (x,),
        tmp_path / "fno.onnx",
        dynamo=True,
        verbose=False,
        dynamic_shapes={"x": {0: torch.export.Dim("batch", min=1, max=64)}},
    )
    session = onnxruntime.InferenceSession(tmp_path / "fno.onnx")
    other = fields(3, 4, 8, 9, seed=1, dtype=torch.float32)
    (result,) = session.run(None, {session.get_inputs()[0].name: other.numpy()})
    torch.testing.assert_close(torch.from_numpy(result), model(other).detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CATALOGUE)
def test_half_precision(name):
    model = awake(small(name), torch.float32)
    x = fields(2, 4, 8, 8, dtype=torch.float32)
    expected = model(x)
    scale = expected.abs().max()
    with torch.autocast("cpu", torch.bfloat16):
        assert (model(x) - expected).abs().max() < 0.1 * scale
    rough = model.to(torch.bfloat16)(x.to(torch.bfloat16))
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - expected).abs().max() < 0.2 * scale


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_seed_makes_the_weights_and_the_global_state_is_left_alone(name):
    before = torch.get_rng_state()
    first, again, other = small(name), small(name), small(name, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    later = small(name)
    torch.set_rng_state(before)
    different = False
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
        assert torch.equal(value, later.state_dict()[key])
        different |= not torch.equal(value, other.state_dict()[key])
    assert different


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: fno(4, 2, size="huge"), "size: expected 'cpu' or 'benchmark', got 'huge'"),
        (lambda: unet(4, 2, padding="reflect"), "padding: expected 'zeros' or 'circular', got 'reflect'"),
        (lambda: convnext_unet(4, 2, padding="same"), "padding: expected 'zeros' or 'circular', got 'same'"),
        (lambda: unet(4, 2, dim=4), "dim: expected 1, 2 or 3 space dimensions, got 4"),
        (lambda: unet(0, 2), "in_channels: expected at least 1, got 0"),
        (lambda: convnext_unet(4, 2, blocks=0), "blocks: expected at least 1, got 0"),
        (lambda: FNO(4, 2, width=4, modes=(4,)), "modes: expected 2 numbers of at least 1"),
        (lambda: FNO(4, 2, width=4, modes=(4, 0)), "modes: expected 2 numbers of at least 1"),
        (lambda: SpectralConvolution(1, 1, (2, 2, 2, 2)), "modes: expected 4 numbers of at least 1 \\(1 to 3 axes\\)"),
        (lambda: unet(2, 2, delta=True, constants=1), "constants: expected 2 channels of the last state"),
        (lambda: unet(2, 2, constants=-1), "constants: expected"),
    ],
)
def test_wrong_options_are_refused(build, message, unchecked_annotations):
    with pytest.raises(ArgumentError, match=message):
        build()


@pytest.mark.parametrize(
    ("net", "shape", "message"),
    [
        (UNet(2, 1, width=2, levels=2), (1, 3, 8, 8), "expected 2 channels, got 3"),
        (UNet(2, 1, width=2, levels=2), (1, 2, 8, 6), "multiples of 4, got 6 points along axis 3"),
        (ConvNeXtUNet(2, 1, width=2, stages=3), (1, 2, 12, 8), "multiples of 8, got 12 points along axis 2"),
        (UNet(2, 1, width=2, levels=2), (2, 8, 8), "2 spatial axes.*got 3 axes"),
        (FNO(2, 1, width=2, modes=(8, 8)), (1, 2, 8, 7), "at least 8 points along axis 3 for 8 modes, got 7"),
        (fno(2, 1, width=2, modes=4), (1, 1, 8, 8), "expected 2 channels, got 1"),
    ],
)
def test_fields_that_do_not_fit_are_refused(net, shape, message, unchecked_annotations):
    with pytest.raises(ShapeError, match=message):
        net(torch.zeros(shape))
