"""Laws: symmetric under every class, stress from energy, tangents, stability, dissipation, units, files."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.actions.representation import from_mandel
from haar.audit import audit
from haar.errors import ArgumentError, DataError, ShapeError
from haar.groups.crystal import POINT_GROUPS
from haar.systems.constitutive.checks import check_law, from_callable, least_acoustic
from haar.systems.constitutive.convex import ConvexLaw
from haar.systems.constitutive.fitting import fit_law, relative_error
from haar.systems.constitutive.generators import (
    CubicCrystal,
    LatticeCell,
    NeoHookean,
    NonAffineCell,
    PlasticTruss,
    ZenerTruss,
    random_strains,
    strain_paths,
)
from haar.systems.constitutive.history import SlidingElements, StandardMaterial, TensorGRU
from haar.systems.constitutive.hyperelastic import Hyperelastic
from haar.systems.constitutive.law import automatic_response, fourth_order
from haar.systems.constitutive.law_file import KINDS, load_law, make_law, save_law
from haar.systems.constitutive.networks import LearnedAxes, Perceptron
from haar.systems.constitutive.polynomials import invariant_coefficients
from haar.systems.constitutive.readings import closed_cycles, cycle_work
from haar.systems.constitutive.symmetry import material_symmetry
from haar.systems.constitutive.tensor_network import MajorSymmetricLinear, TensorNetwork
from haar.training import Plan

F64 = torch.float64
NAMES = [point.international for point in POINT_GROUPS]


def _strains(n=6, count=4, size=0.3, seed=0):
    return size * torch.randn(count, n, dtype=F64, generator=torch.Generator().manual_seed(seed))


def _defect(law, material, x, elements=None):
    y = law(x)
    moves = material.tensors.matrix(
        material.group.sample(12, torch.Generator().manual_seed(1)) if elements is None else elements
    )
    return max(float((law(x @ R.mT) - y @ R.mT).abs().max() / y.abs().max()) for R in moves)


def _some(group):
    """All elements of a small group; generators and some of a larger or continuous one."""
    sample = group.sample(4, torch.Generator().manual_seed(0))
    return torch.cat([group.generators(), sample]) if group.is_finite else sample


@torch.no_grad()
@pytest.mark.parametrize("name", [*NAMES, "isotropic", "inf/mm", "inf", "plane D6", "plane O(2)"])
def test_energies_of_invariants_are_exactly_symmetric_under_every_class(name):
    material = material_symmetry(name)
    law = Hyperelastic(material, width=4)
    assert _defect(law, material, _strains(material.tensors.dim), _some(material.group)) < 1e-10
    assert law(torch.zeros(1, material.tensors.dim, dtype=F64)).abs().max() < 1e-14


@torch.no_grad()
@pytest.mark.parametrize("name", ["m-3m", "-3m", "isotropic", "inf/mm", "plane D4", "plane D6", "plane D8"])
def test_every_kind_of_law_is_exactly_symmetric(name):
    material = material_symmetry(name)
    x = _strains(material.tensors.dim)
    elements = _some(material.group)
    assert _defect(ConvexLaw(material, units=2), material, x, elements) < 1e-10
    assert _defect(TensorNetwork(material, width=2, depth=1), material, x, elements) < 1e-10
    history = [TensorGRU(material, width=2), StandardMaterial(material, internal=1, units=2)]
    history += [SlidingElements(material, units=2)] if material.group.is_finite else []
    for law in history:
        assert _defect(law, material, x.unflatten(0, (2, 2)), elements) < 1e-10


@torch.no_grad()
def test_laws_are_not_symmetric_under_turns_outside_the_group():
    whole = material_symmetry("isotropic")
    for law in (Hyperelastic("m-3m", width=8), ConvexLaw("m-3m"), TensorNetwork("m-3m", width=4)):
        assert _defect(law, whole, _strains()) > 1e-3


def test_haar_audit_agrees():
    law = Hyperelastic("-42m", width=4)
    found = audit(law, law.symmetry, _strains(count=16), layers=False, data_symmetry=False)
    assert found.findings.worst.relative.value < 1e-12


@pytest.mark.parametrize(
    "law",
    [Hyperelastic("-3m", width=8), ConvexLaw("422", units=3), NeoHookean(), CubicCrystal()],
    ids=lambda law: type(law).__name__,
)
def test_stress_is_the_gradient_of_the_energy_and_the_tangent_that_of_stress(law):
    x = (0.1 * _strains()).requires_grad_()
    (slope,) = torch.autograd.grad(law.energy(x).sum(), x)
    assert torch.allclose(slope, law(x), atol=1e-12)
    S, C = law.response(x.detach())
    S2, C2 = automatic_response(law, x.detach())
    assert torch.allclose(S, S2, atol=1e-12)
    assert torch.allclose(C, C2, atol=1e-10)
    assert torch.allclose(C, C.mT, atol=1e-10)
    assert law.energy(torch.zeros(1, 6, dtype=F64)).abs().max() < 1e-12


def test_tangents_of_tensors_are_derivatives_by_tensors():
    law = CubicCrystal()
    E = 0.05 * torch.randn(3, 3, dtype=F64)
    E = E + E.mT
    step = 1e-6
    C = law.tangent(E)
    for k, m in ((0, 0), (1, 2), (0, 1)):
        d = torch.zeros(3, 3, dtype=F64)
        d[k, m] += 0.5
        d[m, k] += 0.5
        slope = (law.stress(E + step * d) - law.stress(E - step * d)) / (2 * step)
        assert torch.allclose(C[:, :, k, m], slope, atol=1e-8)
    assert torch.allclose(
        fourth_order(torch.eye(6, dtype=F64)), fourth_order(torch.eye(6, dtype=F64)).permute(2, 3, 0, 1)
    )
    with pytest.raises(ShapeError, match=r"E: expected strain tensors, 3 x 3 on the last axes, got \(2, 2\)"):
        law.stress(torch.zeros(2, 2, dtype=F64))


def test_tangents_are_there_without_gradients():
    law = TensorNetwork("m-3m", width=3)
    with torch.no_grad():
        C = law.response(_strains())[1]
    assert C.abs().max() > 1e-3
    assert not C.requires_grad


def test_convex_laws_are_stable_before_they_are_trained():
    for seed in range(3):
        law = ConvexLaw("m-3m", units=4, generator=seed)
        C = law.response(_strains(count=20, size=1.0))[1]
        assert torch.linalg.eigvalsh(C).min() > -1e-12
        assert least_acoustic(C, 3) > -1e-12
    with pytest.raises(ArgumentError, match=r"law: expected a law that derives from an energy, got TensorNetwork"):
        TensorNetwork("m-3m", width=2).energy(_strains())


@torch.no_grad()
def test_laws_with_an_energy_do_no_work_in_cycles():
    cycles = closed_cycles(4, 0.1, torch.Generator().manual_seed(0))
    assert cycle_work(Hyperelastic("432", width=8), cycles).max() < 1e-10
    assert cycle_work(ConvexLaw("432", units=3), cycles).max() < 1e-10
    assert cycle_work(TensorNetwork("432", width=4), cycles).min() > 1e-6
    # a rotation of the stress does work: half the area that a component encloses
    spin = torch.zeros(6, 6, dtype=F64)
    spin[0, 1], spin[1, 0] = 1.0, -1.0
    t = 2 * torch.pi * torch.arange(400, dtype=F64) / 400
    circle = torch.zeros(1, 400, 6, dtype=F64)
    circle[0, :, 0], circle[0, :, 1] = t.cos(), t.sin()
    assert cycle_work(from_callable(lambda x: x @ spin.mT, "mandel"), circle).item() == pytest.approx(1.0)


@torch.no_grad()
@pytest.mark.parametrize("seed", range(3))
def test_history_laws_dissipate_on_every_path_before_they_are_trained(seed):
    source = torch.Generator().manual_seed(seed)
    paths = strain_paths(20, 12, 0.1, source)
    assert StandardMaterial("plane D4", generator=seed).dissipated(paths).min() >= -1e-14
    sliding = SlidingElements("plane D4", generator=seed)
    assert sliding.dissipated(paths).min() >= 0
    assert sliding.dissipated(paths).max() > 0


def test_rate_independence_of_sliding_elements_and_a_bar_by_hand():
    law = SlidingElements("plane D4", units=2)
    path = strain_paths(3, 6, 0.1, torch.Generator().manual_seed(0))
    twice = path.repeat_interleave(2, dim=1)
    assert torch.allclose(law(twice)[:, 1::2], law(path), atol=1e-12)
    truss = PlasticTruss(bars=((0.0, 1.0),))
    e = torch.zeros(1, 3, 3, dtype=F64)
    e[0, :, 0] = torch.tensor([0.002, 0.014, 0.0])
    # elastic; then 0.01 beyond yield, slip 0.01 / 1.07; then unloading of 0.014
    slip = 0.01 / 1.07
    expected = [0.002, 0.014 - slip]
    assert truss(e)[0, :2, 0].tolist() == pytest.approx(expected)
    back = -slip - 0.02 * slip
    more = (abs(back) - 0.004 - 0.05 * slip) / 1.07
    assert truss(e)[0, 2, 0].item() == pytest.approx(-(slip - more))


def test_the_consistent_tangent_of_a_history_law_is_its_derivative():
    law = StandardMaterial("m-3m", internal=1, units=2)
    state = 0.01 * torch.randn(2, law.states, dtype=F64)
    x = _strains(count=2)
    stress, tangent, after = law.response(x, state)
    step = 1e-6
    for k in range(6):
        d = step * torch.eye(6, dtype=F64)[k]
        slope = (law.step(x + d, state)[0] - law.step(x - d, state)[0]) / (2 * step)
        assert torch.allclose(tangent[..., k], slope, atol=1e-7)
    assert torch.allclose(law.step(x, state)[1], after)
    assert stress.shape == (2, 6)


def test_isotropic_networks_are_coaxial_and_features_are_chosen():
    law = TensorNetwork("isotropic", width=4)
    E = torch.randn(5, 3, 3, dtype=F64)
    E = E + E.mT
    S = law.stress(E)
    assert torch.allclose(E @ S, S @ E, atol=1e-10)
    chosen = {"m-3m": "tensor", "plane D6": "bilinear", "plane D8": "regular"}
    assert {name: TensorNetwork(name, width=2).features for name in chosen} == chosen
    assert TensorNetwork("622", width=2, features="tensor").effective == "transversely isotropic"
    assert TensorNetwork("plane D6", width=2).effective == "plane d6"
    with pytest.raises(ArgumentError, match=r"features: expected one of auto, .* got 'vector'"):
        TensorNetwork("622", features="vector")
    with pytest.raises(
        ArgumentError, match=r"features: expected tensor or bilinear for a continuous group, got regular"
    ):
        TensorNetwork("isotropic", features="regular")


@torch.no_grad()
def test_tensor_features_have_the_larger_symmetry_and_products_do_not():
    whole = material_symmetry("plane O(2)")
    x = _strains(3)
    assert _defect(TensorNetwork("plane D6", width=4, features="tensor"), whole, x) < 1e-10
    assert _defect(TensorNetwork("plane D6", width=4), whole, x) > 1e-3
    assert _defect(TensorNetwork("plane D8", width=4, features="bilinear"), whole, x) < 1e-10
    assert _defect(TensorNetwork("plane D8", width=4), whole, x) > 1e-3


def test_the_papers_weights_have_major_symmetry_and_its_numbers_of_parameters():
    def count(name, width):
        return sum(
            p.numel() for p in TensorNetwork(name, width=width, features="tensor", major_symmetry=True).parameters()
        )

    told = {("plane D4", 37): 4404, ("plane D2", 32): 4482, ("plane C1", 26): 4527, ("plane O(2)", 40): 3441}
    # two, where the plane's triclinic classes have 1 and 2
    assert {key: count(*key) for key in told} == told
    layer = MajorSymmetricLinear(material_symmetry("4").tensors, 1, 1)
    K = torch.einsum("k,kab->ab", layer.weight[0, 0], layer.basis)
    assert torch.allclose(K, K.mT, atol=1e-12)


@torch.no_grad()
def test_variance_is_kept_by_the_papers_layer():
    S = material_symmetry("m-3m").tensors
    layer = MajorSymmetricLinear(S, 32, 400, generator=torch.Generator().manual_seed(0))
    x = torch.randn(200, 192, dtype=F64, generator=torch.Generator().manual_seed(1))
    assert layer(x).var().item() == pytest.approx(1.0, rel=0.1)


@torch.no_grad()
def test_learned_axes_turn_a_law():
    law = Hyperelastic("m-3m", width=4)
    model = LearnedAxes(law, 3, torch.Generator().manual_seed(0))
    R = model.frame()
    assert torch.allclose(R @ R.mT, torch.eye(3, dtype=F64), atol=1e-12)
    turned = material_symmetry("m-3m").turned(R.detach())
    assert _defect(model, turned, _strains()) < 1e-10
    plane = LearnedAxes(Perceptron(3, 4, torch.Generator().manual_seed(0)), 2, torch.Generator().manual_seed(0))
    assert torch.linalg.det(plane.frame()).item() == pytest.approx(1.0)


def test_a_fit_learns_and_refuses_what_it_cannot_use():
    law, source = CubicCrystal(), torch.Generator().manual_seed(0)
    x = random_strains(60, 0.1, source)
    y = 1e3 * law(x)
    learned = Hyperelastic("m-3m", width=4)
    begun = Hyperelastic("m-3m", width=0)
    begun.begin(x, y)
    assert relative_error(begun, x, y) < 1e-10
    found = fit_law(learned, x, y, Plan(steps=300, learning_rate=1e-2))
    assert found.error < 1e-4
    assert len(found.losses) == 300
    convex = ConvexLaw("m-3m", units=2)
    before = fit_law(convex, x, y, Plan(steps=1)).error
    assert fit_law(convex, x, y, Plan(steps=60, learning_rate=0.03)).error < 0.5 * before
    bad = y.clone()
    bad[7, 2] = float("nan")
    with pytest.raises(DataError, match=r"stress: sample 7 holds NaN or infinity \(1 do\)"):
        fit_law(learned, x, bad, Plan(steps=1))
    with pytest.raises(ShapeError, match=r"stress: expected one for each strain, \(60, 6\), got \(59, 6\)"):
        fit_law(learned, x, y[:59], Plan(steps=1))
    with pytest.raises(ArgumentError, match=r"stress: expected data that are not all zero, got zeros"):
        fit_law(learned, x, 0 * y, Plan(steps=1))


@pytest.mark.parametrize("kind", KINDS)
def test_laws_are_written_and_read(kind, tmp_path):
    frame = torch.linalg.qr(torch.randn(3, 3, dtype=F64, generator=torch.Generator().manual_seed(0))).Q
    law = make_law(kind, "m-3m", size=3, frame=frame * torch.linalg.det(frame), seed=4)
    law.set_units(torch.tensor([0.01]), torch.tensor([200.0]))
    save_law(tmp_path / "law.safetensors", law, {"note": 1})
    again, notes = load_law(tmp_path / "law.safetensors")
    x = 0.01 * _strains().unsqueeze(0) if kind in ("recurrent", "viscoelastic", "elastoplastic") else 0.01 * _strains()
    assert torch.equal(again(x), law(x))
    assert notes == {"note": 1}


@pytest.mark.parametrize("name", ["m-3m", "-3m", "6/mmm", "4/m", "plane D4"])
def test_invariants_are_the_same_whatever_basis_the_decomposition_gives(name, monkeypatch):
    material = material_symmetry(name)
    expected = [invariant_coefficients(material, degree) for degree in (2, 3)]
    svd, source = torch.linalg.svd, torch.Generator().manual_seed(0)

    def other(A):
        U, values, V = svd(A)
        kept = values < 1e-8
        Q = torch.linalg.qr(torch.randn(int(kept.sum()), int(kept.sum()), dtype=F64, generator=source)).Q
        V = V.clone()
        V[kept] = Q @ V[kept]
        return U, values, V

    monkeypatch.setattr(torch.linalg, "svd", other)
    for degree, one in zip((2, 3), expected, strict=True):
        assert torch.allclose(invariant_coefficients(material, degree), one, atol=1e-12)


def test_refusals_of_laws_and_files(tmp_path):
    with pytest.raises(ArgumentError, match=r"kind: expected one of hyperelastic, .* got 'elastic'"):
        make_law("elastic", "m-3m")
    with pytest.raises(
        ArgumentError, match=r"degre: expected an option of hyperelastic laws \(width, degree\), got degre"
    ):
        make_law("hyperelastic", "m-3m", degre=3)
    with pytest.raises(ArgumentError, match=r"law: expected a law made by make_law, got Hyperelastic"):
        save_law(tmp_path / "law.safetensors", Hyperelastic("m-3m", width=2))
    (tmp_path / "no.safetensors").write_text("nothing")
    with pytest.raises(DataError, match=r"no.safetensors: no law that can be read"):
        load_law(tmp_path / "no.safetensors")
    with pytest.raises(ArgumentError, match=r"group: expected a finite one, for orbits, got isotropic"):
        SlidingElements("isotropic")


# checks


def test_checks_of_good_laws_hold():
    for law in (ConvexLaw("m-3m", units=3), StandardMaterial("plane D4")):
        found = check_law(law, law.material)
        assert found.holds
        assert "exactly" in found.summary
        assert found.to_dict()["holds"]


def test_checks_find_what_is_wrong():
    found = check_law(ConvexLaw("m-3m", units=3), material_symmetry("isotropic"))
    assert not found.holds
    assert "defect under isotropic" in found.summary
    soft = from_callable(lambda E: -E)
    names = {one.name: one.holds for one in check_law(soft, material_symmetry("isotropic")).findings}
    assert names["least eigenvalue of the tangent, over its size"] is False
    assert names["least eigenvalue of the acoustic tensor"] is False
    assert next(value for name, value in names.items() if name.startswith("defect"))


def test_somebody_elses_law_in_voigts_notation():
    law = CubicCrystal(stiffening=0.0)
    C = torch.tensor([[1.68, 1.21, 1.21], [1.21, 1.68, 1.21], [1.21, 1.21, 1.68]], dtype=F64)

    def hooke(e):
        return np.concatenate([e[..., :3] @ C.numpy(), 0.75 * e[..., 3:]], -1)

    x = _strains()
    assert torch.allclose(from_callable(hooke, "voigt", numpy=True)(x), law(x), atol=1e-12)


@torch.no_grad()
def test_generators_are_what_they_say():
    assert NeoHookean(mu=2.0, lam=3.0)(1e-7 * torch.eye(6, dtype=F64))[0, 0].item() == pytest.approx(7e-7, rel=1e-5)
    turned = LatticeCell(turned=0.3)
    assert _defect(turned, turned.material, _strains(3, size=0.1)) < 1e-12
    assert _defect(turned, material_symmetry("plane D4"), _strains(3, size=0.1)) > 1e-2
    for law in (PlasticTruss(), ZenerTruss()):
        assert _defect(law, law.material, strain_paths(3, 5, 0.05, torch.Generator().manual_seed(0))) < 1e-12
    E = from_mandel(random_strains(50, 0.1, torch.Generator().manual_seed(0), principal=True))
    assert torch.linalg.eigvalsh(E).abs().max() <= 0.1
    with pytest.raises(ArgumentError, match=r"size: expected a strain above 0, got 0\.0"):
        random_strains(3, 0.0, torch.Generator())


@pytest.mark.parametrize(("name", "degree"), [("m-3m", 4), ("isotropic", 3), ("1", 2), ("plane D4", 4), ("inf/mm", 1)])
@pytest.mark.parametrize("width", [0, 5])
def test_stress_and_tangent_of_many_points_are_those_that_have_a_graph(name, degree, width):
    law = Hyperelastic(name, width=width, degree=degree, generator=0)
    source = torch.Generator().manual_seed(1)
    torch.nn.init.normal_(law.linear, generator=source)
    n = law.material.tensors.dim
    strain = 0.3 * torch.randn(3, 700, n, dtype=torch.float64, generator=source)
    law.set_units(strain.flatten(0, 1), 7 * strain.flatten(0, 1))
    wanted = law.response(strain.requires_grad_())  # with gradients there is no quick way
    assert wanted[1].requires_grad
    with torch.no_grad():
        found = law.response(strain)
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)
        single = law.float().response(strain.float())
        torch.testing.assert_close(single[1].double(), wanted[1], rtol=1e-3, atol=1e-3)
        assert law.response(strain[0, :0].float())[1].shape == (0, n, n)


@pytest.mark.parametrize(("chiral", "name", "larger"), [(0.0, "plane D4", "plane O(2)"), (0.3, "plane C4", "plane D4")])
def test_cells_with_inner_nodes_are_at_rest_and_as_symmetric_as_they_say(chiral, name, larger):
    cell = NonAffineCell(chiral)
    strain = random_strains(30, 0.05, torch.Generator().manual_seed(0), dim=2)
    assert audit(cell, material_symmetry(name).laws, strain, layers=False).findings.worst.relative.value < 1e-10
    assert audit(cell, material_symmetry(larger).laws, strain, layers=False).findings.worst.relative.value > 0.05
    assert float(cell.inner_nodes(strain).abs().max()) > 0.005
    # the virial is the derivative of the least energy: symmetric, and without work in cycles
    _, tangent = cell.response(strain)
    torch.testing.assert_close(tangent, tangent.mT, rtol=0, atol=1e-9)
    step = 1e-6 * torch.eye(3, dtype=torch.float64)[1]
    slope = (cell(strain[:5] + step) - cell(strain[:5] - step)) / 2e-6
    torch.testing.assert_close(tangent[:5, :, 1], slope, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(cell(torch.zeros(1, 3, dtype=torch.float64)), torch.zeros(1, 3, dtype=torch.float64))
    with pytest.raises(ArgumentError, match=r"chiral: expected an angle between -pi/4 and pi/4, got 1\.0"):
        NonAffineCell(1.0)
