"""Trains with the package ultralytics and prints the images a second of each epoch, in JSON: batches with their loading, no evaluation.

    python -m parts.ultralytics_train yolov8n data.yaml --epochs 6 --amp
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time


class Enough(Exception):
    """All epochs that count are over."""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="0")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--amp", action="store_true")
    args = parser.parse_args()
    os.environ |= {"YOLO_OFFLINE": "True", "WANDB_MODE": "disabled", "YOLO_CONFIG_DIR": tempfile.mkdtemp()}
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from ultralytics import YOLO

    seconds = []

    def begin(_):
        if len(seconds) == args.epochs:
            raise Enough
        seconds.append(-time.monotonic())

    def end(_):
        seconds[-1] += time.monotonic()

    model = YOLO(f"{args.model}.yaml")
    model.add_callback("on_train_epoch_start", begin)
    model.add_callback("on_train_epoch_end", end)
    recipe = {"optimizer": "SGD", "lr0": 0.01, "pretrained": False, "amp": args.amp, "close_mosaic": 0, "seed": 0}
    # The last epoch would save a checkpoint, which needs a package more: there is one more than counts, and it does not begin.
    quiet = {"plots": False, "verbose": False, "val": False, "save": False, "project": tempfile.mkdtemp(), "name": "train"}
    sizes = {"epochs": args.epochs + 1, "imgsz": args.imgsz, "batch": args.batch, "workers": args.workers, "cache": "ram"}
    try:
        model.train(data=str(args.data), device=args.device, **sizes, **recipe, **quiet)
    except Enough:
        pass
    images = sum(1 for _ in (args.data.parent / "images/train").iterdir())
    print(json.dumps([images / s for s in seconds]), file=answers, flush=True)
    # Its loading processes need not be waited for.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
