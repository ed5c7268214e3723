"""The tables that the packages yolov5 and ultralytics ship for detection and segmentation, their models, and what those count."""

import contextlib
import copy
import dataclasses
import functools
import importlib.util
import logging
import os
import pathlib

import yaml

from .packages import old_package

os.environ["YOLO_OFFLINE"] = "True"

# By the last row's module; tables with another head are of another task.
SEGMENTATION = ("Segment", "Segment26")
HEADS = ("Detect", "v10Detect", "RTDETRDecoder", *SEGMENTATION)
SIDE = 640


@dataclasses.dataclass(frozen=True)
class Public:
    package: str
    file: pathlib.Path
    scale: str | None  # None if the table has no scales

    @property
    def key(self):
        """As figures are kept: `yolov5n6` of the package yolov5; `yolo11:n`, and `yolov9t:` without scales, of ultralytics."""
        return self.file.stem if self.package == "yolov5" else f"{self.file.stem}:{self.scale or ''}"

    @property
    def name(self):
        """As `ablate --table FILE` knows it."""
        return f"{self.file.stem}:{self.scale}" if self.scale else self.file.stem

    def table(self):
        return yaml.safe_load(self.file.read_text())


def folder(package):
    return pathlib.Path(importlib.util.find_spec(package).origin).parent


def models():
    """Every table at every scale, in order of their keys."""
    places = {"ultralytics": folder("ultralytics") / "cfg/models", "yolov5": folder("yolov5") / "models"}
    found = []
    for package, place in places.items():
        for file in place.rglob("*.yaml"):
            table = yaml.safe_load(file.read_text())
            if table.get("head") and table["head"][-1][2] in HEADS:
                found += [Public(package, file, scale) for scale in table.get("scales") or [None]]
    return sorted(found, key=lambda public: (public.package, public.key))


@contextlib.contextmanager
def quiet():
    """Without the tables that the packages print."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def build(package, table, scale=None, nc=None):
    """The package's own model of a table, with random weights, in evaluation mode."""
    table = copy.deepcopy(table)
    head = table["head"][-1][2]
    if package == "yolov5":
        old_package()
        from yolov5.models import common
        from yolov5.models.yolo import DetectionModel, SegmentationModel

        activation = common.Conv.default_act
        with quiet():
            model = (SegmentationModel if head in SEGMENTATION else DetectionModel)(table, ch=3, nc=nc)
        common.Conv.default_act = activation  # the package leaves a table's activation to all models after it
        return model.eval()
    from ultralytics.nn.tasks import DetectionModel, RTDETRDetectionModel, SegmentationModel

    kind = RTDETRDetectionModel if head == "RTDETRDecoder" else SegmentationModel if head in SEGMENTATION else DetectionModel
    with quiet():
        return kind(table | {"scale": scale or ""}, ch=3, nc=nc, verbose=False).eval()


def parameters(module):
    """All of them, constants such as the distances of YOLOv8's head among them."""
    return sum(tensor.numel() for tensor in module.parameters())


def count(model, side=SIDE):
    """Parameters, also row by row; GFLOPs as THOP counts them and FLOPs of every convolution and product that runs, of one image."""
    import thop
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    rows = [[str(row.f), row.type.split(".")[-1], parameters(row)] for row in model.model]
    figures = {"params": parameters(model), "rows": rows}
    image = torch.empty(1, 3, side, side, device=next(model.parameters()).device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    figures["exact"] = counter.get_total_flops()
    macs, _ = thop.profile(model, (image,), verbose=False)
    return figures | {"thop": 2 * macs / 1e9}


@contextlib.contextmanager
def shapes_alone():
    """Models that are built here hold no numbers and compute none, but for the strides and anchors that both packages read as they build."""
    import torch

    make = torch.tensor
    torch.tensor = functools.partial(make, device="cpu")
    try:
        with torch.device("meta"):
            yield
    finally:
        torch.tensor = make


def figures(public):
    """What the package counts in a table's model, for 80 classes."""
    with shapes_alone():
        model = build(public.package, public.table(), public.scale)
    if public.package == "yolov5":
        model.to("meta")  # its anchors, too
    return {"key": public.key} | count(model)
