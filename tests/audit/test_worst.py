"""The worst sample of an audit: the right one, of the right element, with the pictures that belong to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.actions import Field, Symmetry, Trivial, Vector
from haar.actions.representation import Defining
from haar.audit import audit
from haar.groups import cyclic, dihedral

D4 = dihedral(4)
SYMMETRY = Symmetry.of_fields(D4, "p, u:vector", history=2)


def model(x):
    """The last time step, whose velocity's x component is one too large where the tracer is above 5."""
    y = x[:, 3:6].clone()
    y[:, 1] += (x[:, 3] > 5).to(x.dtype)
    return y


def data(worst, generator):
    x = torch.randn(12, 6, 4, 4, generator=generator, dtype=torch.float64)
    x[worst, 3, 1, 2] = 9.0
    return x


@pytest.mark.parametrize("batch_size", [5, 12])
def test_the_one_sample_that_breaks_the_symmetry_is_found(batch_size, generator):
    x = data(7, generator)
    report = audit(model, SYMMETRY, x, batch_size=batch_size, layers=False)
    worst = report.worst
    assert worst.number == 7
    g = report.elements[worst.element]
    torch.testing.assert_close(worst.x, x[7])
    torch.testing.assert_close(worst.base, model(x)[7])
    (moved,) = SYMMETRY.act_inputs(g, (x[7:8],))
    back = SYMMETRY.act_outputs(D4.inverse(g), model(moved))[0]
    torch.testing.assert_close(worst.moved, back, rtol=0, atol=1e-12)
    assert D4.describe(g) in ("r180", "mx", "r90", "r270", "d", "d'")
    assert float((worst.moved - worst.base).abs().max()) >= 1


def test_of_one_part_it_is_the_largest_mean_square(generator):
    x = torch.randn(6, 1, 4, 4, generator=generator, dtype=torch.float64)
    symmetry = Symmetry.of_fields(D4, "p")
    report = audit(lambda x: x.cumsum(-1), symmetry, x, batch_size=4, layers=False)
    sizes = []
    for g in D4.elements():
        moved = symmetry.act_outputs(D4.inverse(g), symmetry.act_inputs(g, (x,))[0].cumsum(-1))
        sizes.append((moved - x.cumsum(-1)).square().flatten(1).mean(1))
    sizes = torch.stack(sizes)
    assert report.worst.size == pytest.approx(float(sizes.max()), rel=1e-10)
    assert (report.worst.element, report.worst.number) == divmod(int(sizes.argmax()), 6)


def test_two_processes_find_what_one_finds(generator):
    x = data(7, generator)[:, 3:4]
    symmetry = Symmetry.of_fields(D4, "p")
    whole = audit(lambda x: x.cumsum(-1), symmetry, x, layers=False)
    parts = [audit(lambda x: x.cumsum(-1), symmetry, some, layers=False) for some in (x[:5], x[5:])]
    merged = parts[0].merge(parts[1])
    assert (merged.worst.number, merged.worst.size) == (whole.worst.number, pytest.approx(whole.worst.size, rel=1e-12))
    assert merged.worst.number == 7


def test_the_pictures_show_the_field_of_the_last_step_and_the_difference(generator):
    report = audit(model, SYMMETRY, data(7, generator), layers=False)
    section = report.sections()[1]
    name = D4.describe(report.elements[report.worst.element])
    assert section.title == "Your worst sample"
    assert f"sample 7 and {name} differ most" in section.text
    axes = [one for one in section.figure.axes if one.get_label() != "<colorbar>"]
    titles = [one.get_title(loc="left") for one in axes]
    assert titles[:4] == ["input, p", "f(x)", f"f({name} x), moved back", "difference"]
    assert titles[4] == "input, |u|"
    shown = [np.asarray(one.images[0].get_array()).T for one in axes]
    worst = report.worst
    np.testing.assert_allclose(shown[0], worst.x[3])
    np.testing.assert_allclose(shown[4], torch.linalg.vector_norm(worst.x[4:6], dim=0))
    np.testing.assert_allclose(shown[7], torch.linalg.vector_norm(worst.moved[1:] - worst.base[1:], dim=0))
    assert axes[5].images[0].get_clim() == axes[6].images[0].get_clim()


@pytest.mark.parametrize(("shape", "space"), [((9,), 1), ((3, 4, 5), 3)])
def test_lines_and_volumes_are_shown_too(shape, space, generator):
    group = dihedral(4) if space == 0 else {1: "reflections:1", 3: "reflections:3"}[space]
    symmetry = Symmetry.of_fields(group, "p", dim=space)
    x = torch.randn(3, 1, *shape, generator=generator)
    section = audit(lambda x: x.cumsum(-1), symmetry, x, layers=False).sections()[1]
    assert ("middle slice" in section.text) == (space == 3)
    panels = [one for one in section.figure.axes if one.get_label() != "<colorbar>"]
    assert len(panels) == 4
    assert all(one.images if space == 3 else one.lines for one in panels)


def test_a_model_that_respects_the_group_has_no_pictures():
    symmetry = Symmetry.of_fields(D4, "p")
    section = audit(lambda x: x, symmetry, torch.ones(2, 1, 4, 4), layers=False).sections()[1]
    assert section.figure is None
    assert "alike in every frame" in section.text


def test_what_is_no_field_is_not_shown(generator):
    rotations = cyclic(4)
    vector = Symmetry(rotations, Vector(Defining(rotations)), Vector(Defining(rotations)))
    x = torch.randn(4, 2, generator=generator)
    assert audit(lambda x: x.abs(), vector, x, layers=False).worst is None
    one = Field(Trivial(D4))
    two = Symmetry(D4, (one, one), one)
    fields = torch.randn(4, 1, 4, 4, generator=generator)
    assert audit(lambda x, y: x.cumsum(-1) + y, two, ((fields, fields), None), layers=False).worst is None
