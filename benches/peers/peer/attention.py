"""Attention, and convolutions that know their place or leave no cell out: what people put into such tables. Attribute names are those of the
usual implementations."""

import torch
from torch import nn

from .blocks import Conv, conv2d


class SE(nn.Module):
    """Squeeze-and-excite (arXiv:1709.01507, figure 2)."""

    def __init__(self, channels, squeezed):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        down, up = nn.Linear(channels, squeezed, bias=False), nn.Linear(squeezed, channels, bias=False)
        self.fc = nn.Sequential(down, nn.ReLU(), up, nn.Sigmoid())

    def forward(self, x):
        return x * self.fc(self.pool(x).flatten(1))[:, :, None, None]


class ECA(nn.Module):
    """Efficient channel attention (arXiv:1910.03151, figure 2c)."""

    def __init__(self, _channels, kernel):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x):
        means = self.pool(x).flatten(2).transpose(1, 2)  # batch, 1, channels
        return x * self.conv(means).sigmoid().transpose(1, 2)[..., None]


class SimAM(nn.Module):
    """Each value by how far it stands out of its channel (SimAM, ICML 2021, equations 5 and 6)."""

    def __init__(self, added):
        super().__init__()
        self.added = added

    def forward(self, x):
        squares = (x - x.mean((2, 3), keepdim=True)) ** 2
        variance = squares.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
        return x * torch.sigmoid(squares / (4 * (variance + self.added)) + 0.5)


class ByChannel(nn.Module):
    """CBAM's first half, with one layer."""

    def __init__(self, channels):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = conv2d(channels, channels, bias=True)

    def forward(self, x):
        return x * self.fc(self.pool(x)).sigmoid()


class ByPlace(nn.Module):
    """CBAM's second half."""

    def __init__(self, kernel):
        super().__init__()
        self.cv1 = conv2d(2, 1, kernel)

    def forward(self, x):
        return x * self.cv1(torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), 1)).sigmoid()


class CBAM(nn.Module):
    """Attention to channels, then to places (arXiv:1807.06521)."""

    def __init__(self, channels, kernel):
        super().__init__()
        self.channel_attention = ByChannel(channels)
        self.spatial_attention = ByPlace(kernel)

    def forward(self, x):
        return self.spatial_attention(self.channel_attention(x))


class CoordConv(nn.Module):
    """A Conv with two more channels: the row and the column, from -1 to 1 (arXiv:1807.03247). The first argument counts them."""

    def __init__(self, c_in, *conv):
        super().__init__()
        self.conv = Conv(c_in, *conv)

    def forward(self, x):
        batch, _, height, width = x.shape
        rows = torch.linspace(-1, 1, height, dtype=x.dtype, device=x.device).view(1, 1, -1, 1)
        columns = torch.linspace(-1, 1, width, dtype=x.dtype, device=x.device).view(1, 1, 1, -1)
        places = [place.expand(batch, 1, height, width) for place in (rows, columns)]
        return self.conv(torch.cat((x, *places), 1))


class SpaceToDepth(nn.Module):
    """Each 2×2 cells as one of four times the channels: left column of the cells first (arXiv:2208.03641)."""

    def __init__(self, _dimension=1):
        super().__init__()

    def forward(self, x):
        return torch.cat([x[..., row::2, column::2] for column in (0, 1) for row in (0, 1)], 1)


class SPDConv(nn.Module):
    """Space to depth, then a Conv, whose input channels the first argument counts."""

    def __init__(self, c_in, c_out, kernel=3, stride=1):
        super().__init__()
        self.conv = Conv(c_in, c_out, kernel, stride)
        self.spread = SpaceToDepth()

    def forward(self, x):
        return self.conv(self.spread(x))
