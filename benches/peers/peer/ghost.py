"""Ghost modules (arXiv:1911.11907), of plain or of dynamic convolutions (CondConv, arXiv:1904.04971)."""

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import activation, conv2d, norm

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

    def __init__(self, c_in, c_out, conv=conv2d, act="relu"):
        super().__init__()
        half = (c_out + 1) // 2
        self.channels = c_out
        self.primary_conv = nn.Sequential(conv(c_in, half, 1), norm(half), activation(act))
        self.cheap_operation = nn.Sequential(conv(half, half, 3, groups=half), norm(half), activation(act))

    def forward(self, x):
        primary = self.primary_conv(x)
        return torch.cat((primary, self.cheap_operation(primary)), 1)[:, : self.channels]


class PlainGhost(GhostModule):
    """Of plain convolutions."""

    FOLDS = (("primary_conv.0", "primary_conv.1"), ("cheap_operation.0", "cheap_operation.1"))


class StaticGhost(PlainGhost):
    """As a link of C3 or C2f, whose kernels, shortcut and groups mean nothing to it."""

    def __init__(self, channels, *_bottleneck):
        super().__init__(channels, channels)


class DynamicGhost(GhostModule):
    """The same; its norms can't be folded into kernels that are made anew for each image."""

    def __init__(self, channels, *_bottleneck):
        super().__init__(channels, channels, DynamicConv)


class SqueezeExcite(nn.Module):
    """Channels weighed by what they hold on the whole (arXiv:1709.01507), under a hard sigmoid."""

    def __init__(self, channels, squeezed):
        super().__init__()
        self.conv_reduce = conv2d(channels, squeezed, bias=True)
        self.conv_expand = conv2d(squeezed, channels, bias=True)

    def forward(self, x):
        shares = self.conv_expand(self.conv_reduce(x.mean((2, 3), keepdim=True)).relu())
        return x * F.hardsigmoid(shares)


class Around(nn.Sequential):
    """A depthwise and a 1×1 convolution, each under a norm: the way around a bottleneck that changes shape."""

    FOLDS = (("0", "1"), ("2", "3"))

    def __init__(self, c_in, c_out, kernel, stride):
        super().__init__(conv2d(c_in, c_in, kernel, stride, c_in), norm(c_in), conv2d(c_in, c_out), norm(c_out))


class GhostNetBottleneck(nn.Module):
    """GhostNet's bottleneck (figure 3). `squeezed` are the channels inside squeeze-and-excite; 0: none."""

    def __init__(self, c_in, c_out, expanded, kernel=3, stride=1, squeezed=0):
        super().__init__()
        self.ghost1 = PlainGhost(c_in, expanded)
        self.FOLDS = (("conv_dw", "bn_dw"),) if stride > 1 else ()
        if stride > 1:
            self.conv_dw = conv2d(expanded, expanded, kernel, stride, expanded)
            self.bn_dw = norm(expanded)
        if squeezed:
            self.se = SqueezeExcite(expanded, squeezed)
        self.ghost2 = PlainGhost(expanded, c_out, act="identity")
        self.shortcut = nn.Identity() if c_in == c_out and stride == 1 else Around(c_in, c_out, kernel, stride)

    def forward(self, x):
        y = self.ghost1(x)
        for name in ("conv_dw", "bn_dw", "se"):
            if hasattr(self, name):
                y = getattr(self, name)(y)
        return self.ghost2(y) + self.shortcut(x)
