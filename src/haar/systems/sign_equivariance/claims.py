"""What must come out, judged on the measures of all seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haar.systems.claim import Claim

Measures = Mapping[str, Any]
THEOREM, PAPER, OURS = "arXiv 2312.02339, proposition", "arXiv 2312.02339, experiment", "our experiment"


def of(measures: Measures, network: str, what: str = "accuracy") -> float:
    """One number of a network."""
    return float(measures["networks"][network][what])


def auc(links: Measures, graph: str, scale: str, network: str) -> float:
    """Area under the curve of a network on one of the graphs."""
    return float(links[graph][scale][network]["auc"])


def untrained(links: Measures, graph: str, name: str) -> float:
    """Area under the curve of what needs no training."""
    return float(links[graph]["untrained"]["auc"][name])


def blind(links: Measures) -> float:
    """The better of the two that the paper has at chance."""
    return max(auc(links, "ER", "unit", network) for network in ("gcn", "signnet_paper"))


def mse(particles: Measures, d: str, network: str) -> float:
    """Squared error of a network in d dimensions."""
    return of(particles["dimensions"][d], network, "mse")


def helped(particles: Measures, d: str) -> float:
    """The worse of the pairs that had equally many steps: the shorter and, where both were run, the longer one."""
    known = set(particles["dimensions"][d]["networks"])
    pairs = [(f"sign{long}", f"none{long}") for long in ("", "_long")]
    return max(mse(particles, d, ours) / mse(particles, d, plain) for ours, plain in pairs if {ours, plain} <= known)


def turned(particles: Measures) -> list[Any]:
    """How far every sign-equivariant network is from turning with the cloud."""
    return [
        network["equivariance_error_99"]
        for found in particles["dimensions"].values()
        for kind, network in found["networks"].items()
        if kind.startswith("sign")
    ]


def dearer(particles: Measures) -> list[float]:
    """What an average over frames costs over mode sign, from the least dimension to the greatest."""
    return [cost["average"] / cost["sign"] for cost in particles["costs"].values()]


def ahead(patterns: Measures) -> float:
    """The best network's accuracy less that of one threshold."""
    best = max(float(network["accuracy"]) for network in patterns["networks"].values())
    return best - float(patterns["untrained"]["degree above one threshold"])


def _signs(part: str) -> tuple[Claim, Claim]:
    """Whose answers depend on signs."""
    return (
        Claim(
            f"{part}: signs do not matter",
            "no answer of the sign-equivariant network or of SignNet depends on signs (share of nodes)",
            THEOREM,
            lambda m: [of(m, network, "changed") for network in ("sign_eq", "signnet")],
            at_most=0.0,
            every=True,
            part=part,
        ),
        Claim(
            f"{part}: flips do not remove signs",
            "... while random flips in training leave answers that do (share of nodes)",
            OURS,
            lambda m: of(m, "flips", "changed"),
            at_least=1e-3,
            every=True,
            part=part,
        ),
    )


_TWINS = (
    Claim(
        "twins tie",
        "an automorphism ties all sign-invariant scores of an edge and its twin, whatever was trained "
        "(largest difference)",
        THEOREM,
        lambda m: [of(m, network, "apart") for network in ("gcn", "signnet")],
        at_most=1e-10,
        every=True,
        part="twins",
    ),
    Claim(
        "twins told apart",
        "the sign-equivariant network tells the edge from its twin (share of pairs; a tie is 0.5)",
        OURS,
        lambda m: of(m, "sign_eq"),
        at_least=0.7,
        every=True,
        part="twins",
    ),
    Claim(
        "twins: beyond products",
        "... more often than an MLP of the raw products (difference)",
        OURS,
        lambda m: of(m, "sign_eq") - of(m, "mlp"),
        at_least=0.0,
        part="twins",
    ),
)

_LINKS = (
    Claim(
        "links: order",
        "unit eigenvectors, ER: sign equivariant > MLP of products > GCN and SignNet at the paper's learning rate "
        "(least AUC difference)",
        PAPER,
        lambda m: min(
            auc(m, "ER", "unit", "sign_eq") - auc(m, "ER", "unit", "mlp"), auc(m, "ER", "unit", "mlp") - blind(m)
        ),
        at_least=0.0,
        part="links",
    ),
    Claim(
        "links: a matter of tuning",
        "... but SignNet's failure is one of its learning rate: another does better (AUC difference)",
        OURS,
        lambda m: auc(m, "ER", "unit", "signnet") - auc(m, "ER", "unit", "signnet_paper"),
        at_least=0.0,
        part="links",
    ),
    Claim(
        "links: near the oracle",
        "... and sign equivariance comes within 0.02 of an oracle told the copies (AUC difference)",
        OURS,
        lambda m: untrained(m, "ER", "same copy (oracle)") - auc(m, "ER", "unit", "sign_eq"),
        at_most=0.02,
        part="links",
    ),
    Claim(
        "links: a matter of scale",
        "with eigenvectors times sqrt(n) the advantage is gone: SignNet or MLP do as well (AUC difference)",
        OURS,
        lambda m: auc(m, "ER", "sqrt_n", "sign_eq") - max(auc(m, "ER", "sqrt_n", k) for k in ("mlp", "signnet")),
        at_most=0.02,
        part="links",
    ),
    Claim(
        "links: one eigenvector",
        "the product of one eigenvector's entries, untrained, reaches the oracle on ER (difference of AUC)",
        OURS,
        lambda m: untrained(m, "ER", "same copy (oracle)") - untrained(m, "ER", "Fiedler product"),
        at_most=0.02,
        part="links",
    ),
    Claim(
        "links: untrained above ours",
        "... and is above the sign-equivariant network on BA (difference of AUC)",
        OURS,
        lambda m: untrained(m, "BA", "Fiedler product") - auc(m, "BA", "unit", "sign_eq"),
        at_least=0.0,
        part="links",
    ),
)

_INDUCTIVE = (
    Claim(
        "new graphs: positions help",
        "on graphs never seen, with signs drawn anew, positions are worth more than 0.1 of AUC",
        OURS,
        lambda m: of(m, "sign_eq", "auc") - of(m, "gcn", "auc"),
        at_least=0.1,
        part="inductive",
    ),
    Claim(
        "new graphs: as SignNet",
        "... but there SignNet does as well or better (AUC of sign equivariance less SignNet's)",
        OURS,
        lambda m: of(m, "sign_eq", "auc") - of(m, "signnet", "auc"),
        at_most=0.02,
        part="inductive",
    ),
)

_PARTICLES = (
    Claim(
        "particles: symmetry helps",
        "the sign-equivariant network beats the one without symmetry in every dimension "
        "(largest ratio of MSE at equal steps)",
        PAPER,
        lambda m: max(helped(m, d) for d in m["dimensions"]),
        at_most=1.0,
        part="particles",
    ),
    Claim(
        "particles: one pass",
        "d = 3: in one pass, it beats a random frame and unsigned principal axes (ratio of MSE)",
        PAPER,
        lambda m: mse(m, "3", "sign") / min(mse(m, "3", network) for network in ("sample", "naive")),
        at_most=1.0,
        part="particles",
    ),
    Claim(
        "particles: for its time",
        "... and, trained for longer but for less processor time, an average over frames (ratio of MSE)",
        PAPER,
        lambda m: mse(m, "3", "sign_long") / mse(m, "3", "average"),
        at_most=1.0,
        part="particles",
    ),
    Claim(
        "particles: exact",
        "it turns with the cloud, in float32 (99th percentile of the relative error, every dimension)",
        THEOREM,
        turned,
        at_most=1e-4,
        every=True,
        part="particles",
    ),
    Claim(
        "particles: the data's floor",
        "cutting off components of forces, as the widely used generator does, sets every equivariant predictor a "
        "floor (lower end of the interval, MSE)",
        OURS,
        lambda m: m["floor"]["component"]["low"],
        at_least=1e-6,
        every=True,
        part="particles",
    ),
    Claim(
        "particles: no floor",
        "... and shortening forces sets none (orbit variance)",
        OURS,
        lambda m: m["floor"]["norm"]["value"],
        at_most=1e-10,
        every=True,
        part="particles",
    ),
    Claim(
        "frames grow as 2^d",
        "averaging over frames costs 2^d passes: two more dimensions multiply its cost, over that of mode sign, by "
        "more than 2 (least factor)",
        PAPER,
        lambda m: min(after / before for before, after in zip(dearer(m), dearer(m)[2:], strict=False)),
        at_least=2.0,
        part="particles",
    ),
    Claim(
        "frames out of reach",
        "... up to the greatest dimension (ratio of processor times of a training step)",
        PAPER,
        lambda m: dearer(m)[-1],
        at_least=20.0,
        part="particles",
    ),
    Claim(
        "usual task: symmetry helps",
        "frame 30 to 40, 3000 trajectories: sign equivariance beats no symmetry (ratio of MSE)",
        PAPER,
        lambda m: of(m, "sign", "mse") / of(m, "none", "mse"),
        at_most=1.0,
        part=("particles", "usual"),
    ),
    Claim(
        "usual task: above the floor",
        "... and stays above the floor that cut-off components set (MSE less the interval's lower end)",
        OURS,
        lambda m: of(m, "sign", "mse") - float(m["floor"]["low"]),
        at_least=0.0,
        every=True,
        part=("particles", "usual"),
    ),
)

_COMMUNITIES = (
    Claim(
        "communities: order",
        "CLUSTER: sign equivariant > SignNet >= no positions (least difference of accuracy)",
        PAPER,
        lambda m: min(of(m, "sign_eq") - of(m, "signnet"), of(m, "signnet") - of(m, "none")),
        at_least=0.0,
        part="communities",
    ),
    *_signs("communities"),
    Claim(
        "communities: beyond no training",
        "the sign-equivariant network beats the cosine with the named nodes, untrained (accuracy difference)",
        OURS,
        lambda m: of(m, "sign_eq") - float(m["untrained"]["nearest named node"]),
        at_least=0.0,
        part="communities",
    ),
)

_PATTERNS = (
    *_signs("patterns"),
    Claim(
        "patterns: a matter of degrees",
        "PATTERN: one threshold on the number of neighbours does as well as the best network (accuracy difference)",
        OURS,
        ahead,
        at_most=0.02,
        part="patterns",
    ),
)

CLAIMS = (*_TWINS, *_LINKS, *_INDUCTIVE, *_PARTICLES, *_COMMUNITIES, *_PATTERNS)
