"""Images a second of training: each family's own package and `ablate` in turn, loading and augmentation included. See README.md."""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

from peer import bccd, quiet

HERE = pathlib.Path(__file__).resolve().parent
IMAGES = 205


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ablate", required=True, help="the binary: target/release/ablate")
    parser.add_argument("--device", default="tch", help="ablate's")
    parser.add_argument("--package-device", default="cpu", help="the packages': cpu, 0")
    parser.add_argument("--bccd", type=pathlib.Path, required=True, help="the folder with BCCD's Annotations, ImageSets and JPEGImages")
    parser.add_argument("--models", nargs="+", default=["yolov5n", "yolov8n"])
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=4, help="of each turn; the first of them does not count")
    parser.add_argument("--workers", type=int, default=0, help="the packages' loading processes")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--quiet", type=float, default=0.05, help="wait before a turn while others use more of the processors; 1: don't")
    return parser.parse_args()


def package(args, data, model):
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"--epochs": args.epochs, "--imgsz": args.imgsz, "--batch": args.batch, "--seed": 0, "--workers": args.workers}
        options = [str(word) for option in sizes.items() for word in option]
        command = [sys.executable, "-m", "peer.packages", model, "--data", str(data), "--out", folder, "--device", args.package_device, *options]
        subprocess.run(command, check=True, cwd=HERE, capture_output=True)
        return IMAGES / statistics.median(json.loads((pathlib.Path(folder) / "done.json").read_text())["epoch_s"][1:])


def ours(args, data, model):
    recipe = HERE.parents[1] / "configs/recipes" / ("yolov5-scratch-low.yaml" if model.startswith("yolov5") else "yolov8.yaml")
    with tempfile.TemporaryDirectory() as folder:
        command = [args.ablate, "train", model, "--data", str(data), "--recipe", str(recipe), "--out", folder, "--device", args.device]
        command += ["--imgsz", str(args.imgsz), "--batch", str(args.batch), "--epochs", str(args.epochs)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return float(re.search(r"([0-9.]+) images/s", printed).group(1))


def main():
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        data = bccd.write_yolo(args.bccd, pathlib.Path(folder))
        print(f"{os.cpu_count()} processors, {args.device}, {args.imgsz} pixels, batch {args.batch}, {args.rounds} rounds of {args.epochs} epochs\n")
        print("| model | package, images/s | ablate, images/s | ratio |\n| --- | --- | --- | --- |")
        for model in args.models:
            rates = []
            for _ in range(args.rounds):
                turn = []
                for side in (package, ours):
                    quiet.wait(args.quiet)
                    turn.append(side(args, data, model))
                rates.append(turn)
            theirs, own = (statistics.median(rate) for rate in zip(*rates))
            ratios = sorted(b / a for a, b in rates)
            print(f"| {model} | {theirs:.1f} | {own:.1f} | {own / theirs:.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f}) |", flush=True)


if __name__ == "__main__":
    main()
