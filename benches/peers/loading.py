"""Times loading and augmenting alone: Ultralytics' loader and ours in turn, images a second. See README.md."""

import argparse
import os
import pathlib
import statistics
import subprocess
import time

from peer import bccd, quiet


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loading", required=True, help="our side: target/release/examples/loading")
    parser.add_argument("--bccd", type=pathlib.Path, required=True, help="the folder with BCCD's Annotations, ImageSets and JPEGImages")
    parser.add_argument("--imgsz", type=int, nargs="+", default=[160, 640])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--epochs", type=int, default=8, help="of each turn; one more warms up")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--quiet", type=float, default=0.05, help="wait before a turn while others use more of the processors; 1: don't")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent / "results", help="folder of the data set")
    return parser.parse_args()


def ultralytics(args, data, imgsz):
    """Its training loader, with images in memory; the epochs of a turn."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data import build_dataloader, build_yolo_dataset
    from ultralytics.data.utils import check_det_dataset
    from ultralytics.utils import DEFAULT_CFG_DICT

    config = get_cfg({**DEFAULT_CFG_DICT, "imgsz": imgsz, "cache": "ram", "task": "detect"})
    described = check_det_dataset(str(data))
    dataset = build_yolo_dataset(config, described["train"], args.batch, described, mode="train", rect=False, stride=32)
    loader = build_dataloader(dataset, args.batch, args.workers, shuffle=True)

    def epochs(count):
        return sum(len(batch["img"].float().div(255)) for _ in range(count) for batch in loader)

    epochs(1)

    def turn():
        start = time.perf_counter()
        return epochs(args.epochs) / (time.perf_counter() - start)

    return turn


def ours(args, data, imgsz):
    command = [args.loading, str(data), *(str(number) for number in (imgsz, args.batch, args.workers, args.epochs))]
    return lambda: float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    args = arguments()
    data = bccd.write_yolo(args.bccd, args.out / "bccd")
    print(f"{os.cpu_count()} processors, {args.workers} workers, batch {args.batch}, {args.rounds} rounds\n")
    print("| pixels | Ultralytics, images/s | ours, images/s | ratio |\n| --- | --- | --- | --- |")
    for imgsz in args.imgsz:
        sides = [ultralytics(args, data, imgsz), ours(args, data, imgsz)]
        rates = [[], []]
        for _ in range(args.rounds):
            for side, turn in enumerate(sides):
                quiet.wait(args.quiet)
                rates[side].append(turn())
        theirs, own = (statistics.median(rate) for rate in rates)
        ratios = sorted(b / a for a, b in zip(*rates))
        print(f"| {imgsz} | {theirs:.0f} | {own:.0f} | {own / theirs:.1f} ({ratios[0]:.1f}–{ratios[-1]:.1f}) |")


if __name__ == "__main__":
    main()
