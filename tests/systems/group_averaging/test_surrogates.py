from __future__ import annotations

import copy
import pickle
import re

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from haar.errors import ArgumentError, DataError, ShapeError
from haar.systems.group_averaging.surrogates import (
    CATALOGUE,
    FNO,
    ConvNeXtUNet,
    Normaliser,
    Surrogate,
    UNet,
    convnext_unet,
    fno,
    load,
    parameter_count,
    save,
    unet,
)
from haar.systems.group_averaging.surrogates.fno import SpectralConvolution
from haar.systems.group_averaging.surrogates.windows import as_batches, count, gather

SMALL = {
    "fno": {"width": 4, "modes": 6, "layers": 2},
    "unet": {"width": 3, "levels": 2},
    "convnext_unet": {"width": 3, "stages": 2, "blocks": 1},
}


def small(name, in_channels=4, out_channels=2, **options):
    return CATALOGUE[name](in_channels, out_channels, **SMALL[name], **options)


def fields(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def awake(model, dtype=torch.float64):
    """In eval mode, with every parameter drawn anew: BatchNorm and layer scales away from where they start."""
    generator = torch.Generator().manual_seed(7)
    model = model.to(dtype).eval()
    for parameter in model.parameters():
        fan = max(parameter[0].numel(), 1) if parameter.ndim > 1 else 1
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=dtype) / fan**0.5
    for name, buffer in model.named_buffers():
        if "running_var" in name or name.endswith("_std"):
            buffer.uniform_(0.5, 2.0, generator=generator)
        elif "running_mean" in name or name.endswith("_mean"):
            buffer.normal_(generator=generator)
    return model


@pytest.fixture
def unchecked(monkeypatch):
    """Without the shape and type checks of the test suite, as a user calls it."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


# Sizes


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


# Symmetries


@given(dim=st.integers(1, 3), data=st.data())
def test_fno_commutes_with_every_integer_shift(dim, data):
    modes = data.draw(st.lists(st.integers(1, 7), min_size=dim, max_size=dim))
    space = [count + data.draw(st.integers(0, 4)) for count in modes]
    shift = data.draw(st.lists(st.integers(-9, 9), min_size=dim, max_size=dim))
    net = FNO(2, 3, width=4, modes=modes, layers=2, dim=dim).double()
    x = fields(2, 2, *space)
    axes = tuple(range(2, 2 + dim))
    torch.testing.assert_close(net(x.roll(shift, axes)), net(x).roll(shift, axes), rtol=0, atol=1e-12)


def test_fno_has_no_reflection_and_no_rotation_symmetry():
    net = FNO(2, 3, width=4, modes=(6, 6), layers=2).double()
    x = fields(1, 2, 8, 8)
    assert (net(x.flip(2)) - net(x).flip(2)).abs().max() > 1e-3
    assert (net(torch.rot90(x, 1, (2, 3))) - torch.rot90(net(x), 1, (2, 3))).abs().max() > 1e-3


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


# The spectral convolution against the definition


@given(modes=st.tuples(st.integers(1, 8), st.integers(1, 8)), extra=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_spectral_convolution_is_a_product_for_every_retained_wave_vector(modes, extra):
    layer = SpectralConvolution(2, 3, modes).double()
    nx, ny = modes[0] + extra[0], modes[1] + extra[1]
    x = fields(2, 2, nx, ny)
    weight = layer.weight.detach().numpy()
    spectrum = np.fft.fft2(x.numpy())
    result = np.zeros((2, 3, nx, ny // 2 + 1), complex)
    for row in range(modes[0]):
        kx = row if row < modes[0] - modes[0] // 2 else row - modes[0]
        for ky in range(modes[1] // 2 + 1):
            matrix = weight[row, ky, :, :3] + 1j * weight[row, ky, :, 3:]
            result[:, :, kx, ky] = spectrum[:, :, kx, ky] @ matrix
    expected = np.fft.irfft2(result, s=(nx, ny))
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=0, atol=1e-12)


def test_spectral_convolution_does_not_depend_on_the_resolution():
    layer = SpectralConvolution(1, 1, (5, 5)).double()
    fine = torch.arange(24, dtype=torch.float64) * (2 * torch.pi / 24)
    x = (torch.sin(fine)[:, None] + torch.cos(2 * fine)[None, :] + 0.5)[None, None]
    torch.testing.assert_close(layer(x)[..., ::2, ::2], layer(x[..., ::2, ::2]), rtol=0, atol=1e-12)


def test_spectral_convolution_has_the_right_gradient():
    layer = SpectralConvolution(2, 1, (3, 2)).double()
    x = fields(2, 2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, w: torch.func.functional_call(layer, {"weight": w}, (x,)), (x, layer.weight)
    )


# Plain modules


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


# Physical units


def test_surrogate_works_in_physical_units():
    x, y = 5 + 3 * fields(6, 5, 4, 4), 2 - 7 * fields(6, 2, 4, 4, seed=1)
    net = nn.Conv2d(5, 2, 1).double()
    for delta in (False, True):
        model = Surrogate(net, in_channels=5, out_channels=2, delta=delta, constants=1).double()
        model.install(Normaliser.fit((x, y), delta=delta, constants=1))
        target = y - x[:, 2:4] if delta else y
        axes = (0, 2, 3)
        normal = (x - x.mean(axes, keepdim=True)) / x.std(axes, correction=0, keepdim=True)
        torch.testing.assert_close(model.normalise(x), normal, rtol=0, atol=1e-12)
        expected = net(normal) * target.std(axes, correction=0, keepdim=True) + target.mean(axes, keepdim=True)
        expected = expected + x[:, 2:4] if delta else expected
        torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-12)
        # A network that hits its target gives the physical next state.
        model.net = _Constant(model.normalise_target(x, y))
        torch.testing.assert_close(model(x), y, rtol=0, atol=1e-12)


class _Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, _):
        return self.value


@given(samples=st.integers(1, 150), offset=st.sampled_from([0.0, 1e6]))
def test_statistics_do_not_depend_on_the_way_windows_come(samples, offset):
    x, y = offset + fields(samples, 2, 3), fields(samples, 1, 3, seed=1)
    stacked = Normaliser.fit((x, y))
    listed = Normaliser.fit(list(zip(x, y, strict=True)))
    torch.testing.assert_close(stacked.input_mean, x.mean((0, 2)), rtol=1e-14, atol=1e-12)
    torch.testing.assert_close(stacked.input_std, x.std((0, 2), correction=0), rtol=1e-8, atol=0)
    for name in ("input_mean", "input_std", "target_mean", "target_std"):
        assert torch.equal(getattr(stacked, name), getattr(listed, name))


def test_a_constant_channel_enters_as_zeros():
    x = fields(70, 2, 3)
    x[:, 1] = 0.1
    statistics = Normaliser.fit((x, x))
    assert statistics.input_std[1] == 1
    assert statistics.input_mean[1] == pytest.approx(0.1, abs=1e-15)


def test_next_states_and_differences_cannot_be_confused():
    with pytest.raises(RuntimeError, match="delta_mean"):
        small("unet").load_state_dict(small("unet", delta=True).state_dict())


def test_windows_of_both_forms():
    x, y = fields(5, 2, 3), fields(5, 1, 3, seed=1)
    pairs = list(zip(x, y, strict=True))
    assert count((x, y)) == count(pairs) == 5
    for source in ((x, y), pairs):
        a, b = gather(source, torch.tensor([4, 1]))
        assert torch.equal(a, x[[4, 1]])
        assert torch.equal(b, y[[4, 1]])
        assert torch.equal(torch.cat([a for a, _ in as_batches(source, 2)]), x)


# Files


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("options", [{}, {"delta": True, "constants": 1, "seed": 3}])
def test_a_saved_surrogate_comes_back_bit_for_bit(name, options, tmp_path):
    model = awake(small(name, **options)).to(memory_format=torch.channels_last)
    save(model, tmp_path / "model.safetensors")
    back = load(tmp_path / "model.safetensors")
    assert (back.training, back.delta, back.constants) == (False, model.delta, model.constants)
    x = fields(1, 4, 8, 8)
    torch.testing.assert_close(back(x), model(x), rtol=0, atol=1e-13)
    for key, value in model.state_dict().items():
        assert torch.equal(back.state_dict()[key], value)
        assert back.state_dict()[key].dtype == value.dtype
    # The same file serves "module:factory plus weights".
    twin = small(name, delta=model.delta, constants=model.constants).double().eval()
    twin.load_state_dict(load_file(tmp_path / "model.safetensors"))
    torch.testing.assert_close(twin(x), model(x), rtol=0, atol=1e-13)


def test_a_loaded_surrogate_can_be_trained(tmp_path):
    save(small("unet"), tmp_path / "model.safetensors")
    back = load(tmp_path / "model.safetensors")
    back(torch.ones(1, 4, 8, 8)).sum().backward()
    assert all(parameter.grad is not None for parameter in back.parameters())


def test_only_networks_of_the_catalogue_are_saved(tmp_path):
    model = Surrogate(nn.Conv2d(1, 1, 1), in_channels=1, out_channels=1)
    with pytest.raises(ArgumentError, match="expected a surrogate around one of fno, unet, convnext_unet, got Conv2d"):
        save(model, tmp_path / "model.safetensors")


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-10])


def _garble(path):
    path.write_bytes(b"not tensors at all")


def _other_kind(path):
    save_file(load_file(path), path)


def _edit(key, value):
    def edit(path):
        from haar.systems.group_averaging.surrogates.storage import read_tensors, write_tensors

        tensors, config = read_tensors(path, header="haar.surrogate")
        config[key] = value
        write_tensors(tensors, path, header="haar.surrogate", config=config)

    return edit


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "not a readable safetensors file"),
        (_truncate, "not a readable safetensors file"),
        (_garble, "not a readable safetensors file"),
        (_other_kind, "has no 'haar.surrogate' entry"),
        (_edit("schema", 99), "schema 99 of saved surrogates"),
        (_edit("network", "transformer"), "no surrogate can be built .*transformer"),
        (_edit("out_channels", 3), "no surrogate can be built .*size mismatch"),
        (_edit("delta", True), "no surrogate can be built .*delta_mean"),
        (_edit("options", {"width": 3, "depth": 2}), "no surrogate can be built .*depth"),
        (_edit("options", {"width": 0}), "no surrogate can be built .*width: expected at least 1"),
    ],
)
def test_a_damaged_file_is_refused(damage, message, tmp_path):
    path = tmp_path / "model.safetensors"
    save(small("unet"), path)
    damage(path)
    with pytest.raises(DataError, match=f"(?s){re.escape(str(path))}.*{message}"):
        load(path)


# Refusals


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
def test_wrong_options_are_refused(build, message, unchecked):
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
def test_fields_that_do_not_fit_are_refused(net, shape, message, unchecked):
    with pytest.raises(ShapeError, match=message):
        net(torch.zeros(shape))


def test_wrong_statistics_are_refused(unchecked):
    one, two = torch.ones(1), torch.ones(2)
    with pytest.raises(ArgumentError, match="input_std: expected 2 values, as many as means, got 1"):
        Normaliser(two, one, one, one)
    with pytest.raises(ArgumentError, match="target_std: expected positive finite standard deviations"):
        Normaliser(one, one, one, 0 * one)
    with pytest.raises(ArgumentError, match="normaliser: expected 4 input and 2 output channels, got \\(2, 1\\)"):
        small("unet").install(Normaliser(two, two, one, one))
    x = torch.ones(3, 2, 4)
    x[1, 1, 2] = torch.nan
    with pytest.raises(DataError, match="inputs: channel 1 holds NaN or infinite values"):
        Normaliser.fit((x, torch.ones(3, 1, 4)))


def test_wrong_windows_are_refused(unchecked):
    with pytest.raises(ArgumentError, match="windows: expected at least one window, got none"):
        count([])
    with pytest.raises(ShapeError, match="windows: expected inputs"):
        count((torch.zeros(2, 1, 4), torch.zeros(2, 1, 5)))
    with pytest.raises(ArgumentError, match="windows: expected a pair of stacked tensors or a sequence"):
        count(3)
