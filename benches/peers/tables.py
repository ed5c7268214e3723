"""Compares the costs of every detection and segmentation table of the packages ultralytics and yolov5, at all scales, with what the packages'
own models count: parameters, also row by row, GFLOPs as THOP counts them and exact FLOPs at 640×640. See README.md.

    python tables.py --ablate ../../target/release/ablate
    python tables.py --ablate … --only yolo11 yolov9    # keys that begin so
"""

import argparse
import json
import pathlib
import subprocess
import sys

from peer import public

SHOWN = 3  # differences of one model that are printed


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ablate", default="target/release/ablate", help="the binary [default: target/release/ablate]")
    parser.add_argument("--golden", type=pathlib.Path, metavar="FILE", help="figures of an earlier --save; models that it lacks are computed")
    parser.add_argument("--save", type=pathlib.Path, metavar="FILE", help="write the packages' figures, one JSON object per line")
    parser.add_argument("--only", nargs="+", default=[""], metavar="KEY", help="only models whose key begins so, such as yolo11 or yolov5n6")
    parser.add_argument("--given", action="store_true", help="only models that --golden has")
    return parser.parse_args()


class Refused(Exception):
    """`ablate` does not show the model; its message."""


def shown(ablate, model):
    """What `ablate show` counts, in the form of `peer.public.figures`."""
    command = [ablate, "show", "--table", str(model.file), model.name, "--format", "json", "--imgsz", str(public.SIDE)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise Refused(words[0].removeprefix("error: ").removeprefix(f"{model.file}: ").split("; known: ")[0])
    told = json.loads(done.stdout)
    rows = [[layer["from"], layer["module"], layer["params"]] for layer in told["layers"]]
    return {"params": told["params"], "thop": told["gflops"], "exact": round(told["gflops_exact"] * 1e9), "rows": rows}


def differences(ours, theirs):
    """In words, rows first: they explain the others."""
    if len(ours["rows"]) != len(theirs["rows"]):
        yield f"{len(ours['rows'])} rows, expected {len(theirs['rows'])}"
    for index, ((*_, found), (_, module, expected)) in enumerate(zip(ours["rows"], theirs["rows"])):
        if found != expected:
            yield f"row {index} ({module}): {found} parameters, expected {expected}"
    if ours["params"] != theirs["params"]:
        yield f"{ours['params']} parameters, expected {theirs['params']}"
    if abs(ours["thop"] - theirs["thop"]) > 1e-9 * theirs["thop"]:
        yield f"{ours['thop']:.7f} GFLOPs by THOP, expected {theirs['thop']:.7f}"
    if ours["exact"] != theirs["exact"]:
        yield f"{ours['exact']} FLOPs, expected {theirs['exact']}"


def compare(ablate, model, theirs):
    """What is wrong with a model; nothing if all figures are equal."""
    try:
        found = list(differences(shown(ablate, model), theirs))
    except Refused as refusal:
        return f"refused: {refusal}"
    more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "; ".join(found[:SHOWN] + more)


def read(file):
    lines = file.read_text().splitlines() if file else []
    return {figures["key"]: figures for figures in map(json.loads, lines)}


def main():
    args = arguments()
    golden = read(args.golden)
    models = [model for model in public.models() if model.key.startswith(tuple(args.only)) and (model.key in golden or not args.given)]
    save = args.save.open("w") if args.save else None
    equal = 0
    for model in models:
        try:
            theirs = golden.get(model.key) or public.figures(model)
        except Exception as error:  # a package that fails on its own table must not end the comparison
            print(f"{model.key}: not computed by {model.package}: {type(error).__name__}: {error}", flush=True)
            continue
        if save:
            print(json.dumps(theirs), file=save, flush=True)
        wrong = compare(args.ablate, model, theirs)
        equal += not wrong
        if wrong:
            print(f"{model.key}: {wrong}", flush=True)
    print(f"{equal} of {len(models)}")
    sys.exit(int(equal < len(models)))


if __name__ == "__main__":
    main()
