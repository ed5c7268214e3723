"""A table as a PyTorch module that runs, and the proof that it is that table's."""

import functools

import torch
from torch import nn

from . import attention, backbones, blocks, ghost, slim
from .asff import AsffDetect
from .heads import AnchorDetect, AnchorFreeDetect, AnchorFreeSegment, AnchorSegment

BLOCKS = {
    "Conv": blocks.Conv,
    "C3": blocks.C3,
    "C2f": blocks.C2f,
    "DWConv": blocks.depthwise,
    "SPPF": blocks.SPPF,
    "Concat": lambda _dimension: blocks.Concat(),
    "Index": blocks.Index,
    "nn.Upsample": blocks.upsample,
    "GSConv": slim.GSConv,
    "GSConvns": slim.GSConvns,
    "GSBottleneck": slim.GSBottleneck,
    "VoVGSCSP": slim.VoVGSCSP,
    "C3StaticGhost": functools.partial(blocks.C3, link=ghost.StaticGhost),
    "C2fStaticGhost": functools.partial(blocks.C2f, link=ghost.StaticGhost),
    "C3DynamicGhost": functools.partial(blocks.C3, link=ghost.DynamicGhost),
    "C2fDynamicGhost": functools.partial(blocks.C2f, link=ghost.DynamicGhost),
    "InvertedResidual": backbones.InvertedResidual,
    "FasterNet": backbones.FasterNet,
    "RepVGG": backbones.RepVGG,
    "GhostNetBottleneck": ghost.GhostNetBottleneck,
    "conv_bn_relu_maxpool": backbones.Stem,
    "SE": attention.SE,
    "ECA": attention.ECA,
    "SimAM": attention.SimAM,
    "CBAM": attention.CBAM,
    "CoordConv": attention.CoordConv,
    "SPDConv": attention.SPDConv,
    "space_to_depth": attention.SpaceToDepth,
}


class NotTheSame(Exception):
    """The module is not what the table says; it must not be timed against it."""


def make_block(module, arguments):
    if module not in BLOCKS:
        raise NotTheSame(f"no module {module} here; there are: {', '.join(BLOCKS)}")
    return BLOCKS[module](*arguments)


def make_head(table, module, arguments):
    nc, _, channels, *more = arguments
    if module not in ("Detect", "ASFFDetect", "Segment"):
        raise NotTheSame(f"no head {module} here; there are: Detect, ASFFDetect, Segment")
    anchors = [table.anchors] if table.anchors else []
    if module == "Segment":
        masks, hidden = more
        masks = int(str(masks).removesuffix(" masks"))
        return (AnchorSegment if anchors else AnchorFreeSegment)(nc, channels, table.strides, *anchors, masks, hidden)
    head = (AnchorDetect if anchors else AnchorFreeDetect)(nc, channels, table.strides, *anchors)
    return AsffDetect(head, channels, more[0], "rfb" in more) if module == "ASFFDetect" else head


class Detector(nn.Module):
    """Images to the raw maps of the head's levels in training, to predictions otherwise."""

    def __init__(self, table):
        super().__init__()
        *body, last = table.rows
        chains = [[make_block(row.module, row.arguments) for _ in range(row.chain)] for row in body]
        rows = [chain[0] if len(chain) == 1 else nn.Sequential(*chain) for chain in chains]
        self.model = nn.ModuleList([*rows, make_head(table, last.module, last.arguments)])
        self.sources = [row.sources for row in table.rows]
        self.last_use = {source: reader for reader, sources in enumerate(self.sources) for source in sources}

    @property
    def head(self):
        last = self.model[-1]
        return last.head if isinstance(last, AsffDetect) else last

    def forward(self, images, heard=None):
        """`heard` is called with each row's outputs."""
        kept = {-1: [images]}
        for index, (module, sources) in enumerate(zip(self.model, self.sources)):
            outputs = module(*(x for source in sources for x in kept[source]))
            if heard:
                heard(index, outputs)
            kept[index] = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            for source in set(sources):
                if self.last_use[source] == index:
                    del kept[source]
        return outputs


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def build(table):
    """The table's module, with random weights.

    Raises NotTheSame where a row's parameters or the shapes of its outputs are not those that the table says.
    """
    detector = Detector(table)
    shapes = {}

    def hear(index, outputs):
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        shapes[index] = [list(x.shape[1:]) for x in outputs]

    with torch.no_grad():
        detector.eval()(torch.zeros(1, 3, table.imgsz, table.imgsz), hear)
    for index, (row, module) in enumerate(zip(table.rows, detector.model)):
        where = f"{table.model}, row {index} ({row.module})"
        if parameters(module) != row.params:
            raise NotTheSame(f"{where}: {parameters(module)} parameters, the table says {row.params}")
        if row is not table.rows[-1] and shapes[index] != row.shapes:
            raise NotTheSame(f"{where}: outputs {shapes[index]}, the table says {row.shapes}")
    if parameters(detector) != table.params:
        raise NotTheSame(f"{table.model}: {parameters(detector)} parameters, the table says {table.params}")
    return detector
