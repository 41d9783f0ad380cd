"""What must come out, judged on the measures of all seeds; within a seed, networks and episodes are its units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haar.systems.claim import Claim, over
from haar.systems.sample import Sample, difference, ratio, value

Measures = Mapping[str, Any]
_RIGL = "RigL, arXiv 1911.11134"
_SET = "SET, Mocanu et al. 2018"
_MST = "arXiv 2510.12096"
_REVIVAL = "Topology-Aware Revival, arXiv 2602.04166"
#: Episodes at the end of an agent's life whose mean is its return, and those in which it acted at random.
LAST, RANDOM = 5, 5
#: An agent that has not passed this has learned nothing, and says nothing about others.
LEARNED = -400.0


def above(name: str, other: str) -> Callable[[Measures], Sample]:
    """The mean accuracy of a regime minus that of another, of networks with the same first weights."""
    return lambda part: difference(part[name]["accuracy"], part[other]["accuracy"], "mean")


def last(agent: Measures) -> list[float]:
    """The returns of an agent's last episodes."""
    return [float(one) for one in agent["returns"][-LAST:]]


def ended(name: str, other: str) -> Callable[[Measures], Sample]:
    """The mean of the last returns of an agent minus another's, of whom only seeds are the same."""

    def statistic(part: Measures) -> Sample:
        last(part["dense"])  # unless it is known whether that one has learned, nothing is
        return difference(last(part[name]), last(part[other]), "mean", paired=False)

    return statistic


def learned(*names: str) -> Callable[[Measures], bool]:
    """Whether the preset has these agents, and the dense one has learned: else comparisons are void."""
    return lambda part: all(name in part for name in names) and passed(part["dense"])


def best(part: Measures, kind: str) -> list[float]:
    """The last returns of a kind of agent at the best of the rates that it was tried at."""
    return max((last(agent) for name, agent in part.items() if name.split(" at ")[0] == kind), key=sum)


def tried(part: Measures) -> bool:
    """Whether the dense agent and the module-specific one were tried at several rates."""
    return all(any(name.startswith(f"{kind} at ") for name in part) for kind in ("dense", "module-specific"))


def passed(agent: Measures) -> bool:
    """Whether the mean of the last returns is above what counts as learned."""
    returns = agent["returns"][-LAST:]
    known = all(isinstance(one, (int, float)) for one in returns)  # of what is lost nothing follows
    return known and sum(returns) / len(returns) >= LEARNED


def errors(kind: str, other: str) -> Callable[[Measures], Sample]:
    """Test errors of the sparse networks of a kind over those of another."""
    return lambda part: ratio(
        over(sparse(part[kind]), lambda run: run["error"]), over(sparse(part[other]), lambda run: run["error"])
    )


def sparse(runs: Measures) -> list[Measures]:
    """The runs that are sparse."""
    return [run for name, run in runs.items() if name != "dense"]


_DIGITS = (
    Claim(
        "digits: as many dense weights",
        "the wide network with RigL at 97 % reads more digits than a narrow dense one with as many weights, each at "
        "its best rate (accuracy)",
        f"{_RIGL}, figure 2 (Small-Dense)",
        above("RigL, tuned", "narrow"),
        at_least=0.0,
        part="digits",
    ),
    Claim(
        "digits: linear model",
        "... and than a linear model",
        "baseline",
        above("RigL, tuned", "linear"),
        at_least=0.0,
        part="digits",
    ),
    Claim(
        "digits: most frequent digit",
        "it reads more than the answer that is most often right (accuracy)",
        "baseline",
        lambda part: value([right - part["most frequent"] for right in part["RigL"]["accuracy"]], "mean"),
        at_least=0.5,
        part="digits",
    ),
    Claim(
        "digits: dense",
        "the dense network reads more than RigL at 97 % (accuracy)",
        f"{_RIGL}, figure 2; our trial: 0.044",
        above("dense", "RigL"),
        at_least=0.0,
        part="digits",
    ),
    Claim(
        "digits: RigL and SET",
        "RigL reads as many as SET, but for one in a hundred (accuracy)",
        f"{_RIGL}, figure 2; our trial: 0.007",
        above("RigL", "SET"),
        at_least=-0.01,
        part="digits",
    ),
    Claim(
        "digits: SET and static",
        "SET reads at least three in a hundred more than a static mask (accuracy)",
        f"{_SET}; our trial: 0.051",
        above("SET", "static"),
        at_least=0.03,
        part="digits",
    ),
    Claim(
        "digits: tuned",
        "at its best rate RigL is nearer to the dense network: no more than three in a hundred below (accuracy)",
        "ours",
        above("dense, tuned", "RigL, tuned"),
        at_most=0.03,
        part="digits",
    ),
    Claim(
        "digits: 90 %",
        "at 90 % no more than two in a hundred are between RigL and a static mask (accuracy)",
        "our trial: about 0.01",
        above("RigL, lower", "static, lower"),
        at_most=0.02,
        part="digits",
    ),
    Claim(
        "digits: revival",
        "a static mask with one revival reads as many as RigL (accuracy)",
        f"{_REVIVAL}, abstract (of reinforcement learning)",
        above("revival", "RigL"),
        at_least=0.0,
        part="digits",
    ),
)

_CONTROL = (
    Claim(
        "control: it has learned",
        "the dense agent has learned (mean of its last five returns; below this all comparisons are void)",
        "baseline",
        lambda part: value(last(part["dense"]), "mean"),
        at_least=LEARNED,
        part="control",
    ),
    Claim(
        "control: random actions",
        "the module-specific agent ends better than it began, at random (mean return)",
        "baseline",
        lambda part: difference(
            last(part["module-specific"]), part["module-specific"]["returns"][:RANDOM], "mean", paired=False
        ),
        at_least=0.0,
        part="control",
    ),
    Claim(
        "control: dense",
        "with a RigL critic and a static actor at 60 % an agent ends at least as well as the dense one (mean return)",
        f"{_MST}, abstract",
        ended("module-specific", "dense"),
        at_least=0.0,
        part="control",
        when=learned("module-specific"),
    ),
    Claim(
        "control: each at its best rate",
        "... also when each is trained at the best of the rates 0.0003, 0.001 and 0.003 (mean return)",
        f"{_MST}, abstract; rates of our own",
        lambda part: difference(best(part, "module-specific"), best(part, "dense"), "mean", paired=False),
        at_least=0.0,
        part="control",
        when=lambda part: tried(part) and passed(part["dense"]),
    ),
    Claim(
        "control: as many dense weights",
        "... and as the dense one with as many weights",
        f"{_MST} (a control that it does not have)",
        ended("module-specific", "narrow"),
        at_least=0.0,
        part="control",
        when=learned("module-specific", "narrow"),
    ),
    Claim(
        "control: swapped",
        "a RigL critic and a static actor end at least as well as the reverse (mean return)",
        f"{_MST}, as summaries tell it",
        ended("module-specific", "swapped"),
        at_least=0.0,
        part="control",
        when=learned("module-specific", "swapped"),
    ),
    Claim(
        "control: static",
        "... and as static masks in both",
        f"{_MST}, as summaries tell it",
        ended("module-specific", "static"),
        at_least=0.0,
        part="control",
        when=learned("module-specific", "static"),
    ),
    Claim(
        "control: revival",
        "a critic with one revival ends at least as well as one that is rewired (mean return)",
        f"{_REVIVAL}, abstract",
        ended("revival", "module-specific"),
        at_least=0.0,
        part="control",
        when=learned("revival", "module-specific"),
        reported="+13.5 % (median, SAC and TD3)",
    ),
)

_ORBITS = (
    Claim(
        "orbits: exact",
        "under masks on orbits layers stay equivariant at every update (relative error, double precision)",
        "by construction",
        lambda part: over(list(part["orbits"].values()), lambda run: run["defect"]),
        at_most=1e-12,
        every=True,
        part="orbits",
    ),
    Claim(
        "orbits: entries",
        "random masks on entries break it at once (relative error)",
        "our trial: 4.5 to 4.8, not relative",
        lambda part: value(over(sparse(part["entries"]), lambda run: run["defect"])),
        at_least=0.1,
        part="orbits",
    ),
    Claim(
        "orbits: error",
        "at equal density masks on orbits have a lower test error than masks on entries (ratio)",
        "ours",
        errors("orbits", "entries"),
        at_most=1.0,
        part="orbits",
    ),
    Claim(
        "orbits: rewiring",
        "among masks on orbits RigL has a lower test error than a static one (ratio)",
        f"{_RIGL}, carried over to orbits",
        lambda part: part["orbits"]["RigL"]["error"] / part["orbits"]["static"]["error"],
        at_most=1.0,
        part="orbits",
    ),
)

CLAIMS = (*_DIGITS, *_CONTROL, *_ORBITS)
