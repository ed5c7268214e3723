"""Detection heads: raw maps of their levels while they train, decoded boxes otherwise.

Predictions are `[batch, positions, 5 + classes]`: centre and size in pixels, objectness (1 for a head without), class probabilities. A head
that makes masks appends each box's coefficients, and gives the mask prototypes besides (YOLACT, arXiv:1904.02689).
"""

import torch
from torch import nn

from .blocks import Conv, conv2d

REG_MAX = 16


def grid(height, width):
    """The column and row of every cell, `[h · w, 2]`."""
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack((column, row), -1).view(-1, 2).float()


class Head(nn.Module):
    """What both heads have: classes, strides, and what decoding needs of a size of maps, which is made once."""

    def __init__(self, nc, strides):
        super().__init__()
        self.nc = nc
        self.nl = len(strides)
        self.register_buffer("stride", torch.tensor(strides).float(), persistent=False)
        self.places = {}

    def place(self, level, height, width):
        """Made by `make_place` at the first call for a size."""
        key = level, height, width
        if key not in self.places:
            self.places[key] = self.make_place(*key)
        return self.places[key]

    def forward(self, *maps):
        raw = self.raw(maps)
        return raw if self.training else self.decode(raw)


class AnchorDetect(Head):
    """YOLOv5's: a 1×1 convolution for each level."""

    def __init__(self, nc, channels, strides, anchors, more=0):
        """`more` outputs of each box are left to a subclass."""
        super().__init__(nc, strides)
        self.na, self.no = len(anchors[0]), nc + 5 + more
        self.register_buffer("sizes", torch.tensor(anchors).float(), persistent=False)  # in pixels
        self.m = nn.ModuleList(conv2d(c, self.na * self.no, bias=True) for c in channels)

    @property
    def anchors(self):
        """In cells, as YOLOv5's loss wants them."""
        return self.sizes / self.stride.view(-1, 1, 1)

    def raw(self, maps):
        """`[batch, anchors, h, w, outputs]` for each level."""
        maps = [conv(x) for conv, x in zip(self.m, maps)]
        return [x.view(len(x), self.na, self.no, *x.shape[2:]).permute(0, 1, 3, 4, 2).contiguous() for x in maps]

    def make_place(self, _level, height, width):
        return grid(height, width).view(1, 1, height, width, 2) - 0.5

    def decode(self, raw):
        levels = []
        for level, x in enumerate(raw):
            height, width = x.shape[2:4]
            centre, size, scores = x.sigmoid().split((2, 2, self.nc + 1), 4)
            centre = (centre * 2 + self.place(level, height, width)) * self.stride[level]
            size = (size * 2) ** 2 * self.sizes[level].view(1, self.na, 1, 1, 2)
            levels.append(torch.cat((centre, size, scores), 4).flatten(1, 3))
        return torch.cat(levels, 1)


class Expectation(nn.Module):
    """The distances 0 to 15 as a convolution's weights, as the published checkpoints hold them."""

    def __init__(self):
        super().__init__()
        self.conv = conv2d(REG_MAX, 1).requires_grad_(False)
        self.conv.weight.data[:] = torch.arange(REG_MAX).float().view(1, REG_MAX, 1, 1)

    def forward(self, x):
        batch, _, positions = x.shape
        return self.conv(x.view(batch, 4, REG_MAX, positions).transpose(1, 2).softmax(1)).view(batch, 4, positions)


class AnchorFreeDetect(Head):
    """YOLOv8's: a branch to the distributions of the distances to the four sides, a branch to the classes."""

    def __init__(self, nc, channels, strides):
        super().__init__(nc, strides)
        self.reg_max, self.no = REG_MAX, nc + 4 * REG_MAX
        sides, classes = max(channels[0] // 4, 4 * REG_MAX), max(channels[0], min(nc, 100))
        self.cv2 = nn.ModuleList(self.branch(c, sides, 4 * REG_MAX) for c in channels)
        self.cv3 = nn.ModuleList(self.branch(c, classes, nc) for c in channels)
        self.dfl = Expectation()

    @staticmethod
    def branch(c_in, hidden, c_out):
        return nn.Sequential(Conv(c_in, hidden, 3), Conv(hidden, hidden, 3), conv2d(hidden, c_out, bias=True))

    def raw(self, maps):
        """`[batch, 4 · 16 + classes, h, w]` for each level."""
        return [torch.cat((sides(x), classes(x)), 1) for sides, classes, x in zip(self.cv2, self.cv3, maps)]

    def make_place(self, level, height, width):
        centres = (grid(height, width) + 0.5).T
        return centres, self.stride[level].expand(1, height * width)

    def decode(self, raw):
        places = [self.place(level, *x.shape[2:]) for level, x in enumerate(raw)]
        centres, strides = (torch.cat(parts, 1) for parts in zip(*places))
        sides, classes = torch.cat([x.flatten(2) for x in raw], 2).split((4 * REG_MAX, self.nc), 1)
        near, far = self.dfl(sides).chunk(2, 1)
        boxes = torch.cat((centres + (far - near) / 2, near + far), 1) * strides
        return torch.cat((boxes, torch.ones_like(boxes[:, :1]), classes.sigmoid()), 1).transpose(1, 2)


class Proto(nn.Module):
    """Mask prototypes from the finest map, at twice its size."""

    def __init__(self, c_in, hidden, masks, upsample):
        super().__init__()
        self.cv1 = Conv(c_in, hidden, 3)
        self.upsample = upsample
        self.cv2 = Conv(hidden, hidden, 3)
        self.cv3 = Conv(hidden, masks)

    def forward(self, x):
        return self.cv3(self.cv2(self.upsample(self.cv1(x))))


class AnchorSegment(AnchorDetect):
    """YOLOv5's head with masks."""

    def __init__(self, nc, channels, strides, anchors, masks, hidden):
        super().__init__(nc, channels, strides, anchors, masks)
        self.proto = Proto(channels[0], hidden, masks, nn.Upsample(scale_factor=2, mode="nearest"))

    def raw(self, maps):
        """The levels, then the prototypes."""
        return [*super().raw(maps), self.proto(maps[0])]

    def decode(self, raw):
        *levels, protos = raw
        boxes = super().decode([x[..., : 5 + self.nc] for x in levels])
        coefficients = torch.cat([x[..., 5 + self.nc :].flatten(1, 3) for x in levels], 1)
        return torch.cat((boxes, coefficients), 2), protos


class AnchorFreeSegment(AnchorFreeDetect):
    """YOLOv8's head with masks: a third branch, to the coefficients."""

    def __init__(self, nc, channels, strides, masks, hidden):
        super().__init__(nc, channels, strides)
        self.cv4 = nn.ModuleList(self.branch(c, max(channels[0] // 4, masks), masks) for c in channels)
        self.proto = Proto(channels[0], hidden, masks, nn.ConvTranspose2d(hidden, hidden, 2, 2))

    def raw(self, maps):
        """The levels, then the prototypes."""
        levels = [torch.cat((x, branch(y)), 1) for x, branch, y in zip(super().raw(maps), self.cv4, maps)]
        return [*levels, self.proto(maps[0])]

    def decode(self, raw):
        *levels, protos = raw
        known = 4 * REG_MAX + self.nc
        boxes = super().decode([x[:, :known] for x in levels])
        coefficients = torch.cat([x[:, known:].flatten(2) for x in levels], 2).transpose(1, 2)
        return torch.cat((boxes, coefficients), 2), protos
