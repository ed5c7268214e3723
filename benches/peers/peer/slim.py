"""Slim-neck's blocks (arXiv:2206.02424, figures 3 and 4)."""

import torch
from torch import nn

from .blocks import Conv, conv2d


class GSConv(nn.Module):
    """Half of the channels by a convolution, the other half from those by a 5×5 depthwise one; the even channels, then the odd ones."""

    def __init__(self, c_in, c_out, kernel=1, stride=1, groups=1, act="silu", padding=None, dilation=1):
        super().__init__()
        half = c_out // 2
        self.cv1 = Conv(c_in, half, kernel, stride, groups, act, padding, dilation)
        self.cv2 = Conv(half, half, 5, groups=half, act=act)

    def both(self, x):
        dense = self.cv1(x)
        return torch.cat((dense, self.cv2(dense)), 1)

    def forward(self, x):
        y = self.both(x)
        return y.unflatten(1, (-1, 2)).transpose(1, 2).flatten(1, 2)


class GSConvns(GSConv):
    """A 1×1 convolution and ReLU in place of the shuffle."""

    def __init__(self, c_in, c_out, *conv):
        super().__init__(c_in, c_out, *conv)
        self.shuf = conv2d(c_out, c_out)

    def forward(self, x):
        return self.shuf(self.both(x)).relu_()


class GSBottleneck(nn.Module):
    """Two GSConvs and a 1×1 convolution around them."""

    def __init__(self, c_in, c_out, hidden):
        super().__init__()
        self.conv_lighting = nn.Sequential(GSConv(c_in, hidden), GSConv(hidden, c_out, 3, act="identity"))
        self.shortcut = Conv(c_in, c_out, act="identity")

    def forward(self, x):
        return self.conv_lighting(x) + self.shortcut(x)


class VoVGSCSP(nn.Module):
    """A chain of GS bottlenecks beside a bypass. `res` is never used, as its authors publish it."""

    def __init__(self, c_in, c_out, repeats, _shortcut=True, _groups=1, expansion=0.5):
        super().__init__()
        hidden = int(c_out * expansion)
        self.cv1 = Conv(c_in, hidden)
        self.cv2 = Conv(c_in, hidden)
        self.gsb = nn.Sequential(*(GSBottleneck(hidden, hidden, hidden) for _ in range(repeats)))
        self.res = Conv(hidden, hidden, 3)
        self.cv3 = Conv(2 * hidden, c_out)

    def forward(self, x):
        return self.cv3(torch.cat((self.cv2(x), self.gsb(self.cv1(x))), 1))
