"""Times ONNX Runtime and `ablate` in turn on public tables with random weights, and prints a table. See README.md."""

import argparse
import os
import pathlib
import statistics
import sys

from peer import ours, quiet, timing

HERE = pathlib.Path(__file__).resolve().parent
MODELS = ("yolov8n", "yolov10n", "yolo11n", "yolo12n", "yolo26n", "yolov8n+segment", "yolo11n+segment")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ablate", required=True, help="the binary: target/release/ablate")
    parser.add_argument("--models", nargs="+", default=MODELS, help="as `ablate` names them: Ultralytics' tables, `+segment` for those of masks")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds of timed work a turn")
    parser.add_argument("--warmup", type=int, default=2, help="iterations a turn that are not timed")
    parser.add_argument("--quiet", type=float, default=0.05, help="wait before a turn while others use more of the processors; 1: don't")
    parser.add_argument("--exports", type=pathlib.Path, default=HERE.parents[1] / "target/onnx", help="the folder of exported networks, kept")
    return parser.parse_args()


def exported(args, model):
    """The package's network with random weights, folded, as its own export writes it: boxes decoded, no suppression."""
    name = model.replace("+segment", "-seg")
    file = args.exports / f"{name}-{args.imgsz}.onnx"
    if not file.exists():
        import torch
        from ultralytics.nn.tasks import DetectionModel, SegmentationModel

        table = SegmentationModel if name.endswith("-seg") else DetectionModel
        network = table(f"{name}.yaml", verbose=False).eval().fuse(verbose=False)
        head = network.model[-1]
        head.export, head.format = True, "onnx"
        images = torch.rand(1, 3, args.imgsz, args.imgsz)
        network(images)
        args.exports.mkdir(parents=True, exist_ok=True)
        torch.onnx.export(network, images, str(file), opset_version=17, dynamo=False)
    return file


def session(args, model):
    """A forward pass of ONNX Runtime, all of its optimisations on."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.inter_op_num_threads = 1
    network = onnxruntime.InferenceSession(str(exported(args, model)), options, providers=["CPUExecutionProvider"])
    images = numpy.random.default_rng(0).random((1, 3, args.imgsz, args.imgsz), dtype=numpy.float32)
    return lambda: network.run(None, {network.get_inputs()[0].name: images})


def main():
    args = arguments()
    print("| model | ONNX Runtime, ms | ablate, ms | ratio |\n| --- | --- | --- | --- |")
    for model in args.models:
        theirs = session(args, model)
        protocol = (args.warmup, args.budget, 2)
        sides = (
            lambda: timing.samples_ms(theirs, *protocol),
            lambda: ours.samples_ms(args.ablate, model, "flex", args.imgsz, 1, False, args.threads, *protocol, options=("--within", "0")),
        )
        rounds = []
        for _ in range(args.rounds):
            turn = []
            for side in sides:
                quiet.wait(args.quiet)
                turn.append(statistics.median(side()))
            rounds.append(turn)
        theirs_ms, ours_ms = (statistics.median(side) for side in zip(*rounds))
        ratios = sorted(ours / theirs for theirs, ours in rounds)
        print(f"| {model} | {theirs_ms:.1f} | {ours_ms:.1f} | {statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f}) |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
