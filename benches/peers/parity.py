"""Is a network that `ablate` trains as good as one that its family's own package trains? Trains with the packages where that hasn't been done,
and compares with the results of a sweep over the same data, recipe, size, epochs and seeds. See README.md."""

import argparse
import csv
import pathlib
import statistics
import subprocess
import sys

from peer import bccd, ours

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = {"yolov5n": "yolov5 7.0.14", "yolov8n": "ultralytics 8.4.190", "yolo11n": "ultralytics 8.4.190"}
# A mean may be so much below the other.
MARGIN = 0.01


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ablate", required=True, help="the binary: target/release/ablate")
    parser.add_argument("--bccd", type=pathlib.Path, required=True, help="the folder with BCCD's Annotations, ImageSets and JPEGImages")
    parser.add_argument("--results", type=pathlib.Path, required=True, help="results.csv of our sweep, parity.yaml")
    parser.add_argument("--models", nargs="+", default=list(PACKAGES), choices=list(PACKAGES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="cpu", help="the packages': cpu, 0")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results/parity", help="folder of the packages' trainings")
    return parser.parse_args()


def train(args, data, model, seed):
    """A training of a package, in a program of its own; the folder with what its best weights find."""
    folder = args.out / f"{model}-{seed}"
    if not (folder / "done.json").exists():
        sizes = {"--epochs": args.epochs, "--imgsz": args.imgsz, "--batch": args.batch, "--seed": seed}
        options = [str(word) for option in sizes.items() for word in option]
        command = [sys.executable, "-m", "peer.packages", model, "--data", str(data), "--out", str(folder), "--device", args.device, *options]
        subprocess.run(command, check=True, cwd=HERE)
    return folder


def figures(args, truth, folder):
    """mAP50-95 and mAP50 of a package's detections, by our evaluation."""
    metrics = ours.metrics(args.ablate, truth, bccd.detections(args.bccd, folder), folder / "mapped.json")
    return metrics["AP"], metrics["AP50"]


def own_maps(args, model):
    """mAP50-95 and mAP50 by seed."""
    with open(args.results, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == model and row["seed"] and row["map50_95"]]
    for row in rows:
        found = int(row["epochs"]), int(row["train_imgsz"]), row["eval_split"]
        if found != (args.epochs, args.imgsz, "test"):
            raise SystemExit(f"{args.results}: {model}, seed {row['seed']}: epochs, pixels and split are {found}")
    return {int(row["seed"]): (float(row["map50_95"]), float(row["map50"])) for row in rows}


def spread(values):
    return statistics.stdev(values) if len(values) > 1 else float("nan")


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    data, truth = bccd.write_yolo(args.bccd, args.out / "bccd"), args.out / "truth.json"
    bccd.write_coco(args.bccd, "test", truth)
    lines = [
        "| model | side | mAP50-95 by seed | mean | spread | mAP50, mean |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    verdicts = []
    for model in args.models:
        own = own_maps(args, model)
        theirs = {seed: figures(args, truth, train(args, data, model, seed)) for seed in args.seeds}
        missing = set(args.seeds) - set(own)
        if missing:
            raise SystemExit(f"{args.results}: no mAP of {model} for the seeds {sorted(missing)}")
        means = {}
        for side, by_seed in (("ablate", own), (PACKAGES[model], theirs)):
            maps = [by_seed[seed][0] for seed in args.seeds]
            means[side] = statistics.mean(maps), spread(maps)
            each = ", ".join(f"{value:.4f}" for value in maps)
            map50 = statistics.mean(by_seed[seed][1] for seed in args.seeds)
            lines.append(f"| {model} | {side} | {each} | {means[side][0]:.4f} | {means[side][1]:.4f} | {map50:.4f} |")
        (our_mean, _), (their_mean, their_spread) = means["ablate"], means[PACKAGES[model]]
        if our_mean > 2 * their_mean:
            raise SystemExit(f"{model}: {our_mean:.4f} against {their_mean:.4f}: are the package's images and classes numbered as ours?")
        holds = our_mean >= their_mean - MARGIN - (their_spread if len(args.seeds) > 1 else 0)
        verdicts.append(f"{model}: {our_mean - their_mean:+.4f}, {'not below' if holds else 'BELOW'} by more than {MARGIN} and their spread")
    print("\n".join([*lines, "", *verdicts]))


if __name__ == "__main__":
    main()
