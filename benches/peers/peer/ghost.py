"""Ghost modules (arXiv:1911.11907), of plain or of dynamic convolutions (CondConv, arXiv:1904.04971)."""

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import conv2d, norm

EXPERTS = 4


class Experts(nn.Module):
    """Each expert's kernel in a row."""

    def __init__(self, size, fan_in):
        super().__init__()
        bound = fan_in**-0.5
        self.weight = nn.Parameter(torch.empty(EXPERTS, size).uniform_(-bound, bound))


class DynamicConv(nn.Module):
    """A convolution with a kernel for each image: the experts' kernels, weighed by what the pooled image says."""

    def __init__(self, c_in, c_out, kernel, groups=1):
        super().__init__()
        self.shape = (c_out, c_in // groups, kernel, kernel)
        self.groups = groups
        self.routing = nn.Linear(c_in, EXPERTS)
        fan_in = c_in // groups * kernel * kernel
        self.cond_conv = Experts(c_out * fan_in, fan_in)

    def forward(self, x):
        batch, c_in, height, width = x.shape
        c_out, per_group, kernel, _ = self.shape
        routing = self.routing(x.mean((2, 3))).sigmoid()
        kernels = (routing @ self.cond_conv.weight).view(batch * c_out, per_group, kernel, kernel)
        # One convolution for the whole batch: every image is a group of its own.
        x = x.reshape(1, batch * c_in, height, width)
        y = F.conv2d(x, kernels, padding=kernel // 2, groups=batch * self.groups)
        return y.view(batch, c_out, height, width)


class GhostModule(nn.Module):
    """Half of the channels by a 1×1 convolution, the other half from those by a 3×3 depthwise one."""

    def __init__(self, channels, conv):
        super().__init__()
        half = (channels + 1) // 2
        self.channels = channels
        self.primary_conv = nn.Sequential(conv(channels, half, 1), norm(half), nn.ReLU(inplace=True))
        self.cheap_operation = nn.Sequential(conv(half, half, 3, groups=half), norm(half), nn.ReLU(inplace=True))

    def forward(self, x):
        primary = self.primary_conv(x)
        return torch.cat((primary, self.cheap_operation(primary)), 1)[:, : self.channels]


class StaticGhost(GhostModule):
    """As a link of C3 or C2f, whose kernels and shortcut mean nothing to it."""

    FOLDS = (("primary_conv.0", "primary_conv.1"), ("cheap_operation.0", "cheap_operation.1"))

    def __init__(self, channels, _kernels, _shortcut):
        super().__init__(channels, conv2d)


class DynamicGhost(GhostModule):
    """The same; its norms can't be folded into kernels that are made anew for each image."""

    def __init__(self, channels, _kernels, _shortcut):
        super().__init__(channels, DynamicConv)
