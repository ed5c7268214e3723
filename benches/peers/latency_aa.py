"""Networks that are the same, timed against each other: how often is one called faster? `--bursts` runs another program now and then meanwhile.

    python latency_aa.py --ablate ../../target/release/ablate --model yolov5n --imgsz 160 --runs 40
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import threading
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ablate", required=True, help="the binary: target/release/ablate")
    parser.add_argument("--model", default="yolov5n")
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--device", default="flex")
    parser.add_argument("--copies", type=int, default=6, help="the first is the baseline of the others")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=600, help="no run begins later")
    parser.add_argument("--budget", type=float, default=0.5)
    parser.add_argument("--limit", type=float, default=3.0)
    parser.add_argument("--within", type=float, default=2.0)
    parser.add_argument("--margin", type=float, default=3.0, help="percent, as the report has it")
    parser.add_argument("--bursts", action="store_true")
    return parser.parse_args()


def bursts(stop):
    """A program that keeps a core busy for a fifth of the time, at random."""
    draw = random.Random(0)
    while not stop.is_set():
        length = draw.uniform(0.1, 1.0)
        end = time.monotonic() + length
        busy = subprocess.Popen(["sh", "-c", "while :; do :; done"])
        while time.monotonic() < end and not stop.is_set():
            time.sleep(0.02)
        busy.kill()
        busy.wait()
        stop.wait(4 * length * draw.uniform(0.5, 1.5))


def run(args):
    command = [args.ablate, "latency", *[args.model] * args.copies, "--device", args.device, "--imgsz", str(args.imgsz), "--format", "json", "-q"]
    command += ["--budget", str(args.budget), "--limit", str(args.limit), "--within", str(args.within), "--warmup", "3"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    return json.loads(done.stdout)["models"]


def main():
    args = arguments()
    stop = threading.Event()
    other = threading.Thread(target=bursts, args=(stop,))
    if args.bursts:
        other.start()
    try:
        runs = measured(args)
    finally:
        # The other program must not outlive this one.
        stop.set()
        if args.bursts:
            other.join()
    tell(args, runs)


def measured(args):
    """The models of each run."""
    end = time.monotonic() + args.seconds
    runs = []
    while len(runs) < args.runs and time.monotonic() < end:
        runs.append(run(args))
    return runs


def tell(args, runs):
    differing, claimed, halves, rounds, others = 0, 0, [], [], []
    wrong_runs = 0
    for models in runs:
        others.append(models[0]["load"]["others"] if models[0].get("load") else float("nan"))
        wrong = False
        for model in models[1:]:
            low, high = (100 * (model[end] - 1) for end in ("ratio_low", "ratio_high"))
            differs = low > 0 or high < 0
            differing += differs
            claimed += differs and not (-args.margin <= low and high <= args.margin)
            wrong |= differs and not (-args.margin <= low and high <= args.margin)
            halves.append((high - low) / 2)
            rounds.append(len(model["rounds"]["medians_ms"]))
        wrong_runs += wrong
    comparisons = len(halves)
    print("| model | load | comparisons | interval excludes 0 | called faster or slower | runs with a false claim | ± %, median and worst | rounds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    load = "bursts" if args.bursts else "quiet"
    print(
        f"| {args.model}, {args.imgsz} px | {load} ({statistics.mean(others):.2f} cores) | {comparisons} | {100 * differing / comparisons:.1f} % |"
        f" {100 * claimed / comparisons:.1f} % | {wrong_runs} of {len(others)} | {statistics.median(halves):.1f}, {max(halves):.1f} |"
        f" {min(rounds)} to {max(rounds)} |"
    )


if __name__ == "__main__":
    main()
