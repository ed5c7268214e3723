"""Times ONNX Runtime, PyTorch eager and `ablate` in turn and writes the ratios to tables. See README.md."""

import argparse
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
FAMILIES = ("yolov5", "yolov8")
SCALES = ("n", "s")
VARIANTS = ("", "gsconv", "gsconvns", "slimneck", "asff", "mobilenetv2", "fasternet", "ghost", "ghost-static", "repvgg")
SIDES = ("onnxruntime", "pytorch", "pytorch-folded", "ablate", "ablate-unfolded")
ALL = [f"{family}{scale}" + (f"+{variant}" if variant else "") for scale in SCALES for family in FAMILIES for variant in VARIANTS]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ablate", required=True, help="the binary: target/release/ablate")
    parser.add_argument("--device", default="flex", help="ablate's: flex, tch")
    parser.add_argument("--mode", default="eager", help="ablate's: eager, graph")
    parser.add_argument("--models", nargs="+", default=ALL, help="all baselines and variants at n and s where not given")
    parser.add_argument("--works", nargs="+", choices=("inference", "train"), default=["inference", "train"])
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES, help="those that take turns; a training step has pytorch and ablate alone")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds of timed work a turn")
    parser.add_argument("--warmup", type=int, default=1, help="iterations a turn that are not timed")
    parser.add_argument("--min-iterations", type=int, default=2, help="timed iterations a turn at least")
    parser.add_argument("--quiet", type=float, default=0.05, help="wait before a turn while others use more of the processors; 1: don't")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results/latency.csv", help="results, appended to")
    return parser.parse_args()


def sides(args, detector, model, work, batch):
    """What takes turns: a function for each side that gives samples in milliseconds."""
    from peer import onnx_runtime, ours, timing
    from peer.fold import folded
    from peer.work import inference, train_step

    protocol = (args.warmup, args.budget, args.min_iterations)
    mode = () if args.mode == "eager" else ("--mode", args.mode)

    def ablate(*options):
        return lambda: ours.samples_ms(
            args.ablate, model, args.device, args.imgsz, batch, work == "train", args.threads, *protocol, options=(*mode, *options)
        )

    if work == "train":
        step = train_step(detector, batch, args.imgsz)
        return {"pytorch": lambda: timing.samples_ms(step, *protocol), "ablate": ablate()}
    merged = folded(detector)
    plain, fused = (inference(which, batch, args.imgsz) for which in (detector, merged))
    turns = {
        "pytorch": lambda: timing.samples_ms(plain, *protocol),
        "pytorch-folded": lambda: timing.samples_ms(fused, *protocol),
        "ablate": ablate(),
    }
    if "onnxruntime" in args.sides:
        turns["onnxruntime"] = onnx_runtime.turn(merged, batch, args.imgsz, args.threads, protocol)
    if ours.has_option(args.ablate, "--no-fuse"):
        turns["ablate-unfolded"] = ablate("--no-fuse")
    return {side: samples for side, samples in turns.items() if side in args.sides}


def run(args, model, timed):
    """All works and batches of a model, round by round, each side in turn."""
    from peer import onnx_runtime, ours, quiet, results, table
    from peer.graph import build

    shown = table.show(args.ablate, model, args.imgsz)
    device = args.device if args.mode == "eager" else f"{args.device} {args.mode}"
    versions = ours.build(args.ablate), onnx_runtime.versions()
    for work in args.works:
        for batch in args.batches:
            detector = build(shown)
            turns = sides(args, detector, shown.model, work, batch)
            for number in range(args.rounds):
                for side, samples in turns.items():
                    turn = results.Turn(shown.model, work, batch, args.imgsz, args.threads, device, *versions, side, number)
                    if turn in timed:
                        continue
                    quiet.wait(args.quiet)
                    watch = quiet.Watch()
                    milliseconds = samples()
                    timed[turn] = results.summed_up(turn, milliseconds, watch.others())
                    results.append(args.out, timed[turn])
                    print(f"{shown.model} {work} batch {batch}, round {number}: {side} {timed[turn].median_ms:.1f} ms", flush=True)


def main():
    args = arguments()
    # Before PyTorch starts its threads.
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(args.threads)
    import torch

    from peer import ratios, results, side_by_side
    from peer.graph import NotTheSame

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    timed = results.read(args.out)
    failed = False
    for model in args.models:
        try:
            run(args, model, timed)
        except (NotTheSame, RuntimeError) as error:
            failed = True
            print(f"{model} is left out: {error}", file=sys.stderr)
        tables = [side_by_side.markdown(timed), ratios.markdown(timed)]
        args.out.with_suffix(".md").write_text("\n".join(table for table in tables if table))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
