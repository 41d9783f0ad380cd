"""Compiles and exports wrapped models; run by `test_composition` in a process without run-time shape checks."""

from __future__ import annotations

import sys

import torch
from relax_worlds import data, mse, wrapped

from haar.relax import Duals

X, Y = data(16, dtype=torch.float32)


def made(mode):
    model = wrapped(dtype=torch.float32, mode=mode)
    with torch.no_grad():
        for k, gamma in enumerate(model.gammas().values()):
            gamma.fill_(0.5 - 0.2 * k)
    return model


def trained(mode, *, compiled):
    model = made(mode)
    run = torch.compile(model, fullgraph=True, backend="eager") if compiled else model
    duals = Duals(model, steps=100)
    optimizer = torch.optim.SGD(duals.weights(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        duals.lagrangian(mse(run(X), Y)).backward()
        optimizer.step()
        duals.step()
    return [p.detach() for p in model.parameters()]


def close(one, other):
    if not torch.allclose(one, other, rtol=0, atol=1e-5):
        raise SystemExit(f"differ by {(one - other).abs().max()}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for mode in ("weight", "branches"):
        for a, b in zip(trained(mode, compiled=False), trained(mode, compiled=True), strict=True):
            close(a, b)
        sys.stdout.write(f"{mode}:compiled\n")
        model = made(mode).eval()
        batch = {0: torch.export.Dim("batch", min=2)}
        plain = model.export(0.0)
        for module, shapes in ((model, ((batch,),)), *([(plain, (batch,))] if mode == "weight" else [])):
            program = torch.export.export(module, (X,), dynamic_shapes=shapes).module()
            close(program(X[:5]), module(X[:5]))
        sys.stdout.write(f"{mode}:exported\n")
    model = made("function").eval()
    close(torch.compile(model, fullgraph=True, backend="eager")(X), model(X))
    close(torch.export.export(model, (X,), dynamic_shapes=((batch,),)).module()(X[:5]), model(X[:5]))
