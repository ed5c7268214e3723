"""Trains a model with its family's own package, and writes what its best weights find. Run as a program: a training each, so that none
inherits another's state.

    python -m peer.packages yolov5n --data data.yaml --seed 0 --epochs 50 --imgsz 160 --batch 16 --out FOLDER
"""

import argparse
import json
import os
import pathlib
import sys
import time
import types


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--imgsz", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that load")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    return parser.parse_args()


class Epochs:
    """Seconds of each epoch's batches, loading included and evaluation not."""

    def __init__(self):
        self.seconds = []

    def begin(self, *_):
        self.started = time.monotonic()

    def end(self, *_):
        self.seconds.append(time.monotonic() - self.started)


def old_package():
    """What yolov5 7.0.14 wants of the world it was written for."""
    import torch

    # It uploads to a service that a training on one's own machine has no use for, and doesn't start without its client.
    for name in ("roboflow", "roboflow.core", "roboflow.core.version"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["roboflow"].Roboflow = object
    sys.modules["roboflow.core.version"].Version = object
    os.environ["WANDB_MODE"] = "disabled"
    # Its checkpoints hold whole modules.
    load = torch.load
    torch.load = lambda *args, **kwargs: load(*args, **{**kwargs, "weights_only": False})

    from yolov5.utils import general, plots

    # It would download a font for pictures that nobody asks for.
    for module in (general, plots):
        module.check_font = lambda *_, **__: None


def train_yolov5(args, epochs):
    old_package()
    import yolov5.train
    import yolov5.val
    from yolov5.utils.callbacks import Callbacks

    run = Callbacks.run

    def timed(self, hook, *rest, **options):
        hear = {"on_train_epoch_start": epochs.begin, "on_train_epoch_end": epochs.end}.get(hook)
        if hear:
            hear()
        return run(self, hook, *rest, **options)

    Callbacks.run = timed

    common = {"data": str(args.data), "imgsz": args.imgsz, "device": args.device, "project": str(args.out), "exist_ok": True}
    started = time.monotonic()
    options = {"epochs": args.epochs, "batch_size": args.batch, "seed": args.seed, "workers": args.workers, "cache": "ram", "noplots": True}
    yolov5.train.run(cfg=f"{args.model}.yaml", weights="", name="train", **common, **options)
    seconds = time.monotonic() - started
    best = args.out / "train/weights/best.pt"
    yolov5.val.run(weights=str(best), batch_size=args.batch, task="test", name="test", save_json=True, plots=False, workers=0, iou_thres=0.6, **common)
    return seconds, args.out / "test/best_predictions.json"


def train_ultralytics(args, epochs):
    os.environ["YOLO_OFFLINE"] = "True"
    from ultralytics import YOLO
    from ultralytics.utils import torch_utils

    # It would leave a processor unused: half of a machine that has two.
    torch_utils.NUM_THREADS = os.cpu_count()
    common = {"data": str(args.data), "imgsz": args.imgsz, "batch": args.batch, "device": args.device, "project": str(args.out.resolve())}
    common |= {"exist_ok": True, "plots": False}
    recipe = {"optimizer": "SGD", "lr0": 0.01, "pretrained": False, "amp": False}
    started = time.monotonic()
    model = YOLO(f"{args.model}.yaml")
    model.add_callback("on_train_epoch_start", epochs.begin)
    model.add_callback("on_train_epoch_end", epochs.end)
    model.train(epochs=args.epochs, seed=args.seed, workers=args.workers, cache="ram", name="train", **common, **recipe)
    seconds = time.monotonic() - started
    # It would evaluate the branches that end-to-end heads leave out at inference, and suppress.
    once = {"nms": False} if args.model.startswith(("yolov10", "yolo26")) else {}
    YOLO(args.out / "train/weights/best.pt").val(split="test", name="test", save_json=True, workers=0, **common, **once)
    return seconds, args.out / "test/predictions.json"


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    train = train_yolov5 if args.model.startswith("yolov5") else train_ultralytics
    epochs = Epochs()
    seconds, detections = train(args, epochs)
    (args.out / "detections.json").write_text(pathlib.Path(detections).read_text())
    # Last, so that it says that the rest is there.
    (args.out / "done.json").write_text(json.dumps({"train_s": seconds, "epoch_s": epochs.seconds}))


if __name__ == "__main__":
    main()
