"""The control task: a pendulum is swung up by TD3, whose critic and actor have regimes of their own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from haar.compress import Regime, Revival, Rigl, Sparsifier, Static, sparsify
from haar.errors import ArgumentError, require
from haar.systems.dynamic_sparse_training.options import Control
from haar.training import Plan, Run, draw, seed_of
from haar.watch import Unwatched, Watch

Json = dict[str, Any]
Rules = Mapping[str, Regime | None]
_OBSERVED, _ACTIONS, _LARGEST = 3, 1, 2.0
_EXPLORATION, _NOISE, _CLIPPED = 0.1, 0.2, 0.5
#: Steps of the critic for one of the actor and of the targets.
_DELAY = 2


def network(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two hidden layers with a norm before each ELU.

    Args:
        inputs: Numbers that go in.
        width: Hidden units of each layer.
        outputs: Numbers that come out.
    """
    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.LayerNorm(width),
        nn.ELU(),
        nn.Linear(width, width),
        nn.LayerNorm(width),
        nn.ELU(),
        nn.Linear(width, outputs),
    )


class Twins(nn.Module):
    """Two critics, of which the lower value is believed.

    Args:
        width: Hidden units of each layer.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = network(_OBSERVED + _ACTIONS, width, 1)
        self.second = network(_OBSERVED + _ACTIONS, width, 1)

    def forward(self, observed: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Both values."""
        x = torch.cat([observed, action], 1)
        return self.first(x)[:, 0], self.second(x)[:, 0]


class Memory:
    """What has happened, to be learned from in random order.

    Args:
        size: Steps that it holds.
    """

    def __init__(self, size: int) -> None:
        self.rows = torch.zeros(size, 2 * _OBSERVED + _ACTIONS + 1)
        self.count = 0

    def keep(self, *row: Any) -> None:
        """One step: observation, action, reward, next observation."""
        self.rows[self.count] = torch.from_numpy(np.concatenate([np.atleast_1d(part) for part in row])).float()
        self.count += 1

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Rows drawn with replacement."""
        rows = self.rows[draw(self.count, size, generator)]
        return rows[:, :3], rows[:, 3:4], rows[:, 4], rows[:, 5:]


@dataclass
class Agent:
    """TD3: twin critics, a deterministic actor, targets that follow them.

    Attributes:
        actor: From observations to actions in [-1, 1].
        critic: Two values of an observation and an action.
    """

    actor: nn.Module
    critic: Twins

    def __post_init__(self) -> None:
        self.actor_target, self.critic_target = copy.deepcopy(self.actor), copy.deepcopy(self.critic)
        self.pairs = [
            (target, p)
            for held, other in ((self.actor_target, self.actor), (self.critic_target, self.critic))
            for target, p in zip(held.parameters(), other.parameters(), strict=True)
        ]
        for target, _ in self.pairs:
            target.requires_grad = False

    def act(self, observed: Tensor) -> Tensor:
        """An action for each observation."""
        return torch.tanh(self.actor(observed))

    def critic_loss(self, batch: tuple[Tensor, ...], discount: float, generator: torch.Generator) -> Tensor:
        """Squared temporal differences of both critics; a pendulum's episodes are cut, never over."""
        observed, action, reward, following = batch
        with torch.no_grad():
            noise = (torch.randn(action.shape, generator=generator) * _NOISE).clamp(-_CLIPPED, _CLIPPED)
            taken = (torch.tanh(self.actor_target(following)) + noise).clamp(-1, 1)
            target = reward + discount * torch.minimum(*self.critic_target(following, taken))
        one, other = self.critic(observed, action)
        return nn.functional.mse_loss(one, target) + nn.functional.mse_loss(other, target)

    def actor_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Minus the value of what the actor would do; the critic is left alone."""
        for p in self.critic.parameters():
            p.requires_grad = False
        x = torch.cat([batch[0], self.act(batch[0])], 1)
        value = self.critic.first(x).mean()
        for p in self.critic.parameters():
            p.requires_grad = True
        return -value  # type: ignore[no-any-return]

    def follow(self, rate: float) -> None:
        """Targets go a part of the way: the only way in which masks reach them."""
        with torch.no_grad():
            torch._foreach_lerp_([target for target, _ in self.pairs], [p.detach() for _, p in self.pairs], rate)


def agents(options: Control) -> dict[str, Callable[..., Json]]:
    """What trains each agent of a preset, by name; those that are tried at other rates have the rate in theirs.

    Args:
        options: The preset.
    """
    s, every = options.sparsity, options.every
    dense: Rules = {"critic": None, "actor": None}
    mst: Rules = {"critic": Rigl(s, every=every), "actor": Static(s)}
    kinds: dict[str, tuple[Rules, int]] = {
        "dense": (dense, options.width),
        "module-specific": (mst, options.width),
        "narrow": (dense, options.narrow),
        "swapped": ({"critic": Static(s), "actor": Rigl(s, every=max(1, every // _DELAY))}, options.width),
        "static": ({"critic": Static(s), "actor": Static(s)}, options.width),
        "revival": ({"critic": Revival(s), "actor": Static(s)}, options.width),
        "dense actor": ({"critic": Rigl(s, every=every), "actor": None}, options.width),
    }
    unknown = next((name for name in options.agents if name not in kinds), None)
    if unknown is not None:
        raise ArgumentError("agents", expected=f"some of {', '.join(kinds)}", got=repr(unknown))
    found: dict[str, Callable[..., Json]] = {}
    for name, rate in options.agents.items():
        rules, width = kinds[name]
        found[name] = partial(learned, options, rules, width=width, learning_rate=rate)
        for other in options.tuned if name in ("dense", "module-specific") else ():
            if other != rate:
                found[f"{name} at {other:g}"] = partial(learned, options, rules, width=width, learning_rate=other)
    return found


def learned(
    options: Control,
    regimes: Rules,
    *,
    width: int,
    learning_rate: float,
    seed: int,
    watch: Watch = Unwatched(),
) -> Json:
    """An agent that learned from nothing; the return of each of its episodes.

    Args:
        options: Steps, discount, batch size.
        regimes: For ``"critic"`` and ``"actor"``; None for dense.
        width: Hidden units of each layer.
        learning_rate: Of both optimisers.
        seed: Of everything random.
        watch: Told of every episode.
    """
    env = require("gymnasium", "control").make("Pendulum-v1")
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(seed, 0))
        agent = Agent(network(_OBSERVED, width, _ACTIONS), Twins(width))
    memory, updates = Memory(options.steps), options.steps - options.random
    adam = partial(torch.optim.Adam, lr=learning_rate, fused=True)  # a third of a step's time less
    plan = Plan(steps=updates, optimizer=adam, every=updates)
    slow = Plan(steps=updates // _DELAY, optimizer=adam, every=updates)

    def critic_loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        return agent.critic_loss(memory.batch(options.batch_size, generator), options.discount, generator)

    def actor_loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        return agent.actor_loss(memory.batch(options.batch_size, generator))

    critic = Run(agent.critic.parameters(), critic_loss, plan, seed=seed)
    actor = Run(agent.actor.parameters(), actor_loss, slow, seed=seed + 1)
    sparse = _sparse(agent, regimes, (critic, actor), updates, seed)
    returns = _lived(options, env, agent, memory, (iter(critic), iter(actor)), seed=seed, watch=watch)
    parts = {} if sparse is None else {one.name: one.active / one.entries for one in sparse.report().layers}
    weights = [p for module in (agent.actor, agent.critic) for p in module.parameters() if p.ndim > 1]
    return {"returns": returns, "densities": parts, "active": sum(int((p != 0).sum()) for p in weights)}


def _sparse(agent: Agent, regimes: Rules, runs: tuple[Run, Run], updates: int, seed: int) -> Sparsifier | None:
    if not any(regimes.values()):
        return None
    held = [run.optimizer for name, run in zip(("critic", "actor"), runs, strict=True) if regimes[name] is not None]
    parts: dict[str, nn.Module] = {"critic": agent.critic, "actor": agent.actor}
    sparse = sparsify(parts, regimes, held, steps=updates, seed=seed)
    for target, p in agent.pairs:  # they begin as what they follow
        target.copy_(p.detach())
    return sparse


def _lived(
    options: Control,
    env: Any,
    agent: Agent,
    memory: Memory,
    learning: tuple[Iterator[int], Iterator[int]],
    *,
    seed: int,
    watch: Watch,
) -> list[float]:
    """Act, remember and learn; what every episode brought."""
    source = np.random.default_rng(seed)
    observed, _ = env.reset(seed=seed)
    returns, so_far = [], 0.0
    critic, actor = learning
    with watch.stage("pendulum", options.steps) as tell:
        for step in range(options.steps):
            if step < options.random:
                action = source.uniform(-1, 1, _ACTIONS)
            else:
                with torch.no_grad():
                    meant = agent.act(torch.from_numpy(observed)[None])[0].numpy()
                action = (meant + _EXPLORATION * source.standard_normal(_ACTIONS)).clip(-1, 1)
            following, reward, _, cut, _ = env.step((_LARGEST * action).astype(np.float32))
            memory.keep(observed, action, reward, following)
            observed, so_far = following, so_far + float(reward)
            if cut:
                returns.append(so_far)
                observed, so_far = env.reset()[0], 0.0
            if step >= options.random:
                number = next(critic)
                if number % _DELAY:
                    next(actor)
                    agent.follow(options.averaging)
            tell()
    return returns
