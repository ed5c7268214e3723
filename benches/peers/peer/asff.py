"""Adaptively spatial feature fusion before detection (arXiv:1911.09516, section 3.2). Levels count from the coarsest here."""

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import activation, conv2d, norm


class Unit(nn.Module):
    """Convolution, norm, LeakyReLU."""

    FOLDS = (("conv", "batch_norm"),)

    def __init__(self, c_in, c_out, kernel=1, stride=1):
        super().__init__()
        self.conv = conv2d(c_in, c_out, kernel, stride)
        self.batch_norm = norm(c_out)
        self.act = activation("leaky_relu")

    def forward(self, x):
        return self.act(self.batch_norm(self.conv(x)))


class Asff(nn.Module):
    """The fusion of one level from all three."""

    def __init__(self, level, channels, compress):
        super().__init__()
        own = channels[level]
        self.level = level
        for source, c_in in enumerate(channels):
            if source < level:
                setattr(self, f"compress_level_{source}", Unit(c_in, own))
            elif source > level:
                setattr(self, f"stride_level_{source}", Unit(c_in, own, 3, 2))
        for source in range(3):
            setattr(self, f"weight_level_{source}", Unit(own, compress))
        self.weight_levels = conv2d(3 * compress, 3, bias=True)
        self.expand = Unit(own, own, 3)

    def resized(self, source, x):
        """A level's map in the channels and size of this one."""
        if source == self.level:
            return x
        if source < self.level:
            return F.interpolate(getattr(self, f"compress_level_{source}")(x), scale_factor=2 ** (self.level - source), mode="nearest")
        if source == self.level + 2:
            x = F.max_pool2d(x, 3, 2, 1)
        return getattr(self, f"stride_level_{source}")(x)

    def forward(self, coarse_first):
        maps = [self.resized(source, x) for source, x in enumerate(coarse_first)]
        weighed = [getattr(self, f"weight_level_{source}")(x) for source, x in enumerate(maps)]
        shares = self.weight_levels(torch.cat(weighed, 1)).softmax(1)
        return self.expand(sum(x * shares[:, i : i + 1] for i, x in enumerate(maps)))


class AsffDetect(nn.Module):
    """Fusion, then a head on the fused maps. In sequential order a fused level takes the place of the unfused one for those after it."""

    def __init__(self, head, channels, order, rfb):
        super().__init__()
        coarse_first = channels[::-1]
        self.asffs = nn.ModuleList(Asff(level, coarse_first, 8 if rfb else 16) for level in range(3))
        self.head = head
        self.sequential = order == "sequential"

    def forward(self, *maps):
        levels = list(maps[::-1])
        fused = []
        for asff in self.asffs:
            fused.append(asff(levels))
            if self.sequential:
                levels[asff.level] = fused[-1]
        return self.head(*fused[::-1])
