"""The families' losses as their own packages compute them, called on this graph's outputs.

YOLOv5's is `ComputeLoss` of the package yolov5, YOLOv8's is `v8DetectionLoss` of the package ultralytics: they run here, nothing of them is
written here. Each wants a model to read a few attributes from; `Shim` has those and no more.
"""

import types

import torch

from .heads import REG_MAX, AnchorDetect


class Shim:
    """What the packages' losses read of a model: its parameters' device, its last module, its gains."""

    def __init__(self, detector, gains):
        self.parameters = detector.parameters
        self.model = [detector.head]
        self.hyp = gains
        self.args = types.SimpleNamespace(**gains)


def yolov5_loss(detector, imgsz):
    from yolov5.utils.loss import ComputeLoss

    head = detector.head
    levels = 3 / head.nl
    # The published gains hold for three levels, 80 classes and 640 pixels.
    gains = {
        "box": 0.05 * levels,
        "cls": 0.5 * levels * head.nc / 80,
        "obj": 1.0 * levels * (imgsz / 640) ** 2,
        "cls_pw": 1.0,
        "obj_pw": 1.0,
        "anchor_t": 4.0,
        "fl_gamma": 0.0,
        "label_smoothing": 0.0,
    }
    compute = ComputeLoss(Shim(detector, gains))
    return lambda raw, boxes: compute(raw, boxes)[0]


def yolov8_loss(detector, _imgsz):
    from ultralytics.utils.loss import v8DetectionLoss

    compute = v8DetectionLoss(Shim(detector, {"box": 7.5, "cls": 0.5, "dfl": 1.5}))

    def loss(raw, boxes):
        outputs = torch.cat([x.flatten(2) for x in raw], 2)
        distances, scores = outputs.split((4 * REG_MAX, detector.head.nc), 1)
        batch = {"batch_idx": boxes[:, 0], "cls": boxes[:, 1], "bboxes": boxes[:, 2:]}
        return compute({"boxes": distances, "scores": scores, "feats": raw}, batch)[0].sum()

    return loss


def make_loss(detector, imgsz):
    """Raw maps and rows of image, class, centre and size to what is to be differentiated."""
    return (yolov5_loss if isinstance(detector.head, AnchorDetect) else yolov8_loss)(detector, imgsz)
