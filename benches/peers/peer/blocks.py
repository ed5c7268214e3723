"""The YOLO families' own blocks. Attribute names are those of the published checkpoints.

`FOLDS` names the pairs of a convolution and the norm after it that are one convolution at inference: see fold.py.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

ACTIVATIONS = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": lambda inplace: nn.LeakyReLU(0.1, inplace=inplace),
    "gelu": lambda inplace: nn.GELU(),
    "identity": lambda inplace: nn.Identity(),
}


def activation(name):
    return ACTIVATIONS[name](inplace=True)


def conv2d(c_in, c_out, kernel=1, stride=1, groups=1, bias=False, padding=None, dilation=1):
    """Padded to keep the size at stride 1, unless told otherwise."""
    padding = dilation * (kernel - 1) // 2 if padding is None else padding
    return nn.Conv2d(c_in, c_out, kernel, stride, padding, dilation, groups, bias)


def norm(channels):
    """Epsilon and momentum as the YOLO families set them."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03)


class Conv(nn.Module):
    """Convolution, norm, activation."""

    FOLDS = (("conv", "bn"),)

    def __init__(self, c_in, c_out, kernel=1, stride=1, groups=1, act="silu", padding=None, dilation=1):
        super().__init__()
        self.conv = conv2d(c_in, c_out, kernel, stride, groups, padding=padding, dilation=dilation)
        self.bn = norm(c_out)
        self.act = activation(act)

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


def depthwise(c_in, c_out, kernel=1, stride=1, dilation=1, act="silu"):
    """A Conv of the most groups that divide both its input and its output."""
    return Conv(c_in, c_out, kernel, stride, math.gcd(c_in, c_out), act, dilation=dilation)


class Bottleneck(nn.Module):
    """Two convolutions, with a residual connection around them where there is a shortcut. `groups` are the second one's."""

    def __init__(self, channels, kernels, shortcut, groups=1):
        super().__init__()
        self.cv1 = Conv(channels, channels, kernels[0])
        self.cv2 = Conv(channels, channels, kernels[1], groups=groups)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.shortcut else y


class C3(nn.Module):
    """A chain of `link`s beside a 1×1 bypass. `link` makes one from channels, kernels, whether there is a shortcut, and groups."""

    def __init__(self, c_in, c_out, repeats, shortcut=True, groups=1, expansion=0.5, link=Bottleneck):
        super().__init__()
        hidden = int(c_out * expansion)
        self.cv1 = Conv(c_in, hidden)
        self.cv2 = Conv(c_in, hidden)
        self.cv3 = Conv(2 * hidden, c_out)
        self.m = nn.Sequential(*(link(hidden, (1, 3), shortcut, groups) for _ in range(repeats)))

    def forward(self, x):
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))


class C2f(nn.Module):
    """Half of the channels through a chain of `link`s, each step of which goes into the output."""

    def __init__(self, c_in, c_out, repeats, shortcut=True, groups=1, expansion=0.5, link=Bottleneck):
        super().__init__()
        hidden = int(c_out * expansion)
        self.cv1 = Conv(c_in, 2 * hidden)
        self.cv2 = Conv((2 + repeats) * hidden, c_out)
        self.m = nn.ModuleList(link(hidden, (3, 3), shortcut, groups) for _ in range(repeats))

    def forward(self, x):
        steps = list(self.cv1(x).chunk(2, 1))
        for link in self.m:
            steps.append(link(steps[-1]))
        return self.cv2(torch.cat(steps, 1))


class SPPF(nn.Module):
    """Three max pools one after another, all of them and their input put together."""

    def __init__(self, c_in, c_out, kernel):
        super().__init__()
        hidden = c_in // 2
        self.cv1 = Conv(c_in, hidden)
        self.cv2 = Conv(4 * hidden, c_out)
        self.kernel = kernel

    def forward(self, x):
        maps = [self.cv1(x)]
        for _ in range(3):
            maps.append(F.max_pool2d(maps[-1], self.kernel, 1, self.kernel // 2))
        return self.cv2(torch.cat(maps, 1))


class Concat(nn.Module):
    """Maps of one size behind one another by channel."""

    def forward(self, *maps):
        return torch.cat(maps, 1)


class Index(nn.Module):
    """One of several outputs."""

    def __init__(self, which):
        super().__init__()
        self.which = which

    def forward(self, *maps):
        return maps[self.which]


def upsample(_size, factor, mode):
    return nn.Upsample(scale_factor=factor, mode=mode)
