"""One gather for all copies: the same numbers as element after element, and only where that is all elements do."""

from __future__ import annotations

import copy
import io
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from haar.actions import Defining, Invariant, Symmetry, Vector
from haar.average import How, Sampled, WeightedSet, average
from haar.average.orbit_table import OrbitTables
from haar.groups import cyclic, dihedral, hyperoctahedral, shifts, sign

DOUBLE = torch.float64
#: Groups whose elements turn by other angles than right ones mix numbers: no table can do that.
MIXING = ("C5 on vectors", "D3 on vectors", "D3 x signs on vectors", "C3 x S3 on points")


@contextmanager
def counted():
    """Who averages all copies at once, call by call."""
    own, asked = OrbitTables.averaged, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OrbitTables, "averaged", lambda self, passes: asked.append(self) or own(self, passes))
        yield asked


def one_by_one(averaged, *args):
    """The sum as the definition has it, without tables."""
    return sum(w * y for w, y in averaged.terms(*args))


@pytest.mark.parametrize("how", [None, Sampled(2)], ids=["all", "sampled"])
def test_tables_give_the_sum_over_elements(case, name, how):
    model, symmetry, args = case(name)
    averaged = average(model, symmetry, *([] if how is None else [how]))
    with torch.no_grad():
        with counted() as asked:
            y = averaged(*args)
        torch.testing.assert_close(y, one_by_one(averaged, *args), rtol=1e-13, atol=1e-13)
        assert y.is_contiguous()
    if how is None:
        assert len(asked) == (name not in MIXING)


@settings(max_examples=15)
@given(
    n=st.integers(1, 6),
    batch=st.integers(1, 3),
    micro_batch=st.sampled_from(["auto", 1, 3]),
    dtype=st.sampled_from([torch.bfloat16, torch.float16, torch.float32, torch.float64]),
    seed=st.integers(0, 99),
)
def test_any_size_dtype_and_micro_batch(n, batch, micro_batch, dtype, seed):
    torch.manual_seed(seed)
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector, t:tensor, w:pseudoscalar")
    model = nn.Conv2d(8, 8, 3, padding=1, dtype=dtype)
    averaged = average(model, symmetry, micro_batch=micro_batch)
    x = torch.randn(batch, 8, n, n, dtype=dtype)
    with torch.inference_mode(), counted() as asked:
        y, true = averaged(x), one_by_one(averaged, x)
    assert len(asked) == 1
    assert y.dtype == dtype
    torch.testing.assert_close(y, true.to(dtype), rtol=4 * torch.finfo(dtype).eps, atol=4 * torch.finfo(dtype).eps)


def test_complex_numbers():
    group = sign(2)
    action = Vector(Defining(group))
    model = nn.Linear(2, 2, dtype=torch.complex128)
    averaged, x = average(model, Symmetry(group, action, action)), torch.randn(5, 2, dtype=torch.complex128)
    with torch.no_grad(), counted() as asked:
        torch.testing.assert_close(averaged(x), one_by_one(averaged, x), rtol=1e-14, atol=1e-14)
    assert len(asked) == 1


class Layouts(nn.Module):
    """Returns its grid channels last and contiguous, and a number beside them."""

    def forward(self, x, scale, level):
        y = (x * scale + x.roll(1, -1) * level).exp()
        return y.contiguous(memory_format=torch.channels_last), y.mT.mT.contiguous(), y.mean((1, 2, 3)), None


def test_shared_inputs_several_outputs_and_any_layout():
    group = dihedral(4)
    fields = Symmetry.of_fields(group, "p, u:vector").outputs
    symmetry = Symmetry(
        group,
        (fields, Invariant(group), Invariant(group, batched=False)),
        (fields, fields, Invariant(group), Invariant(group)),
    )
    averaged = average(Layouts(), symmetry)
    x, scale = torch.randn(2, 3, 4, 4, dtype=DOUBLE), torch.randn(1, 1, 1, 1, dtype=DOUBLE)
    for strided in (x, x.flip(-1).mT, x.contiguous(memory_format=torch.channels_last)):
        with torch.no_grad():
            with counted() as asked:
                outputs = averaged(strided, scale, torch.tensor(0.3))
            assert len(asked) == 1
            terms = list(averaged.terms(strided, scale, torch.tensor(0.3)))
        for k in range(3):
            torch.testing.assert_close(outputs[k], sum(w * y[k] for w, y in terms), rtol=1e-13, atol=1e-13)
        assert outputs[3] is None


def test_the_average_stays_exactly_equivariant():
    group = hyperoctahedral(3)
    symmetry = Symmetry.of_fields(group, "p, u:vector")
    model = nn.Sequential(nn.Conv3d(4, 5, 3, padding=1), nn.Tanh(), nn.Conv3d(5, 4, 1)).double()
    averaged, x = average(model, symmetry), torch.randn(1, 4, 3, 3, 3, dtype=DOUBLE)
    with torch.no_grad(), counted() as asked:
        y = averaged(x)
        assert len(asked) == 1
        for g in group.elements()[::7]:
            moved = averaged(symmetry.inputs[0].act(g, x))
            torch.testing.assert_close(moved, symmetry.outputs.act(g, y), rtol=1e-13, atol=1e-13)


def test_none_where_gradients_flow_tensors_are_large_or_windows_weigh():
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    averaged, x = average(nn.Identity(), symmetry), torch.randn(1, 1, 4, 4)
    windowed = average(nn.Identity(), symmetry, window=torch.rand(4, 4) + 0.1)
    with counted() as asked:
        averaged(x.clone().requires_grad_())
        with torch.no_grad():
            averaged(torch.randn(1, 1, 256, 256))
            windowed(x)
        assert asked == []
        with torch.no_grad():
            averaged(x)
        assert len(asked) == 1


def test_unequal_weights():
    group = dihedral(4)
    symmetry = Symmetry.of_fields(group, "p, u:vector")

    class Unequal(How):
        def weighted(self, group):
            weights = torch.arange(1.0, 9.0, dtype=DOUBLE)
            return WeightedSet(group.elements(), weights / weights.sum(), "unequal weights")

    averaged = average(nn.Conv2d(3, 3, 3, padding=1, dtype=DOUBLE), symmetry, Unequal())
    x = torch.randn(2, 3, 5, 5, dtype=DOUBLE)
    with torch.no_grad(), counted() as asked:
        torch.testing.assert_close(averaged(x), one_by_one(averaged, x), rtol=1e-13, atol=1e-13)
    assert len(asked) == 1


class GrowsWhereLarge(nn.Module):
    """The number of outputs depends on the values, not on the shape."""

    def forward(self, x):
        return torch.cat([x, x]) if x.abs().max() > 100 else x


def test_another_output_shape_than_before_is_averaged_without_tables():
    symmetry = Symmetry.of_fields(shifts((4,), step=2), "p")
    averaged = average(GrowsWhereLarge(), symmetry, micro_batch=1)
    x = torch.randn(1, 1, 4, dtype=DOUBLE)
    with torch.no_grad(), counted() as asked:
        torch.testing.assert_close(averaged(x), x)
        assert len(asked) == 1
        torch.testing.assert_close(averaged(1000 * x), torch.cat([1000 * x] * 2))


def test_a_copy_and_a_saved_average_make_their_own_tables():
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    averaged, x = average(nn.Conv2d(3, 3, 3, padding=1), symmetry), torch.randn(1, 3, 4, 4)
    with torch.inference_mode():
        y = averaged(x)
    other = copy.deepcopy(averaged)
    file = io.BytesIO()
    torch.save(other, file)
    file.seek(0)
    with torch.no_grad(), counted() as asked:
        torch.testing.assert_close(torch.load(file, weights_only=False)(x), y)
        torch.testing.assert_close(averaged(x), y)  # tables made in inference mode serve outside of it
    assert len(asked) == 2
    assert asked[0] is not asked[1]
    averaged(x).sum().backward()


def test_autocast_does_not_round_the_sum():
    group = cyclic(4)
    action = Vector(Defining(group))
    averaged, x = average(nn.Identity(), Symmetry(group, action, action)), torch.randn(4, 2)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16), counted() as asked:
        torch.testing.assert_close(averaged(x), x, rtol=0, atol=1e-6)
    assert len(asked) == 1
