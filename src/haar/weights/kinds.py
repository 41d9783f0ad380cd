"""Which of torch's layers and operators the follower of units treats alike."""

from __future__ import annotations

from torch import nn

RECURRENT = (nn.RNNBase, nn.RNNCellBase)
BATCH_NORMS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d,
)  # fmt: skip
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
#: What takes the largest of some numbers does not take the largest of their negatives.
LARGEST = (
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
)
#: f(a x) = a f(x) for a > 0.
HOMOGENEOUS = ("relu", "leaky_relu", "prelu", *LARGEST)
#: With one tensor: a number is added or multiplied.
NUMBERS = ("add", "sub", "mul", "div", "neg")
KEEPING = ("identity", "dropout", "alpha_dropout", "feature_dropout", "contiguous", "clone", "detach", "interpolate")
