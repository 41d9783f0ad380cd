"""Christoffel symbols and scalar curvature of a metric that is given as a function, beside geomstats.

The metric of the sphere as a plain function on both sides, derivatives taken by the libraries. geomstats computes with
its autograd back end: on torch its curvature of the sphere is 0, which is 2. Both sides' numbers are compared first.
Seconds are per point, each side at a number of points that suits it.

    python benchmarks/geometry.py [--docs] [--rounds 7]

With --docs the table is written into docs/geometry.md, between its markers.
"""

from __future__ import annotations

import argparse
import os
import sys

from peers import Peer, Worker, compare, machine, serve, served, write_docs

GEOMSTATS = Peer("geomstats", ["geomstats==2.8.0", "numpy<2.4", "autograd"])
#: Points a call: ours at once, geomstats's in a loop of its own.
OURS, THEIRS = 20_000, 20
#: What is asked, and the most microseconds a point that it may take.
ASKED = {"christoffel": 3.0, "scalar_curvature": 10.0}


def ours(what: str):
    """Points by torch."""
    import torch

    from haar import geometry
    from haar.geometry.spaces import sphere

    z = torch.rand(OURS, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.5
    first = getattr(geometry, what)(sphere, torch.tensor([[0.7, 0.2]], dtype=torch.float64))
    return (lambda: getattr(geometry, what)(sphere, z)), first.flatten().tolist()


def geomstats(what: str):
    """The same points by geomstats."""
    os.environ["GEOMSTATS_BACKEND"] = "autograd"
    import geomstats.backend as gs
    import numpy as np
    from geomstats.geometry.euclidean import Euclidean
    from geomstats.geometry.riemannian_metric import RiemannianMetric

    class Sphere(RiemannianMetric):
        """As a function alone."""

        def metric_matrix(self, base_point=None):
            """At points."""
            theta = base_point[..., 0]
            one, zero = gs.ones_like(theta), gs.zeros_like(theta)
            rows = [gs.stack([one, zero], -1), gs.stack([zero, gs.sin(theta) ** 2], -1)]
            return gs.stack(rows, -2)

    metric = Sphere(Euclidean(dim=2, equip=False))
    call = metric.christoffels if what == "christoffel" else metric.scalar_curvature
    z = np.random.default_rng(0).random((THEIRS, 2)) + 0.5
    return (lambda: call(z)), np.asarray(call(np.array([[0.7, 0.2]]))).ravel().tolist()


CASES = {"ours": ours, "geomstats": geomstats}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", action="store_true", help="write the table into docs/geometry.md")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(machine(1))
    rows, good = [], True
    with Worker(__file__, "ours") as us, Worker(__file__, "geomstats", GEOMSTATS) as peer:
        for what, most in ASKED.items():
            one = compare(us, peer, {"what": what}, rounds=options.rounds)
            mine, theirs = (1e6 * _median(side) / n for side, n in ((one.ours, OURS), (one.peer, THEIRS)))
            apart = max(abs(a - b) for a, b in zip(*one.values, strict=True))
            good &= mine <= most and theirs / mine >= 300 and apart < 1e-9
            rows.append(f"| {what} | {mine:.2f} | {most:g} | {theirs:.0f} | {theirs / mine:.0f} | {apart:.0e} |")
            print(rows[-1], flush=True)
    if options.docs:
        head = "| | haar, us a point | at most | geomstats, us a point | times | largest difference |"
        about = f"{machine(1)}, {OURS} points a call (geomstats: {THEIRS}), double precision; medians of turns."
        write_docs("geometry", "geometry", "\n".join([about, "", head, "|---" * 6 + "|", *rows]))
    return 0 if good else 1


def _median(seconds) -> float:
    return sorted(seconds)[len(seconds) // 2]


if __name__ == "__main__":
    if (name := served(sys.argv)) is not None:
        serve(CASES[name])
    else:
        raise SystemExit(main())
