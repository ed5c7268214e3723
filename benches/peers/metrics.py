"""Times COCO metrics: pycocotools, faster-coco-eval and `ablate metrics` in turn, from the same two files to the twelve figures. See README.md."""

import argparse
import contextlib
import io
import json
import os
import pathlib
import random
import statistics
import subprocess
import time

from peer import quiet

IMAGES, CLASSES, OBJECTS, DETECTIONS = 5000, 80, 36_000, 100


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ablate", required=True, help="the binary: target/release/ablate")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--quiet", type=float, default=0.05, help="wait before a turn while others use more of the processors; 1: don't")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent / "results", help="folder of the files")
    return parser.parse_args()


def write(folder):
    """A data set of COCO's size, and detections that find most of it, with misses and false alarms."""
    draw = random.Random(0)
    images = [{"id": number, "width": 640, "height": 480} for number in range(IMAGES)]

    def box():
        w, h = (draw.uniform(8, 300) for _ in range(2))
        return [draw.uniform(0, 640 - w), draw.uniform(0, 480 - h), w, h]

    objects = []
    for number in range(1, OBJECTS + 1):
        x, y, w, h = box()
        place = {"image_id": draw.randrange(IMAGES), "category_id": draw.randrange(CLASSES)}
        objects.append({"id": number, **place, "bbox": [x, y, w, h], "area": w * h, "iscrowd": int(draw.random() < 0.01)})
    by_image = {}
    for thing in objects:
        by_image.setdefault(thing["image_id"], []).append(thing)
    detections = []
    for image in range(IMAGES):
        for place in range(DETECTIONS):
            things = by_image.get(image, [])
            if place < len(things) and draw.random() < 0.8:
                bbox = [side + draw.gauss(0, 4) for side in things[place]["bbox"]]
                bbox[2:] = [max(side, 1.0) for side in bbox[2:]]
                found = {"category_id": things[place]["category_id"], "bbox": bbox, "score": draw.uniform(0.3, 1)}
            else:
                found = {"category_id": draw.randrange(CLASSES), "bbox": box(), "score": draw.random() ** 3}
            detections.append({"image_id": image, **found})
    categories = [{"id": number, "name": f"class {number}"} for number in range(CLASSES)]
    truth = {"images": images, "annotations": objects, "categories": categories}
    files = folder / "truth.json", folder / "detections.json"
    for file, content in zip(files, (truth, detections)):
        file.write_text(json.dumps(content))
    return files


def pycocotools(truth, detections):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return in_python(COCO, COCOeval, truth, detections)


def faster_coco_eval(truth, detections):
    from faster_coco_eval import COCO, COCOeval_faster

    return in_python(COCO, COCOeval_faster, truth, detections)


def in_python(coco, evaluation, truth, detections):
    """The twelve figures, and the seconds of the evaluation without reading."""
    with contextlib.redirect_stdout(io.StringIO()):
        objects = coco(str(truth))
        evaluator = evaluation(objects, objects.loadRes(str(detections)), "bbox")
        start = time.perf_counter()
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return [float(figure) for figure in evaluator.stats[:12]], time.perf_counter() - start


def ablate(binary):
    names = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large"]

    def run(truth, detections):
        command = [binary, "metrics", str(truth), str(detections), "--format", "json"]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return [figures[name] for name in names], None

    return run


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    files = write(args.out)
    sides = {"ablate": ablate(args.ablate), "pycocotools": pycocotools, "faster-coco-eval": faster_coco_eval}
    seconds, alone, figures = {side: [] for side in sides}, {side: [] for side in sides}, {}
    for _ in range(args.rounds):
        for side, run in sides.items():
            quiet.wait(args.quiet)
            start = time.perf_counter()
            figures[side], evaluation = run(*files)
            seconds[side].append(time.perf_counter() - start)
            alone[side].append(evaluation)
    worst = max(abs(a - b) for a, b in zip(figures["ablate"], figures["pycocotools"]))
    print(f"{IMAGES} images, {CLASSES} classes, {OBJECTS} objects, {DETECTIONS} detections an image; {os.cpu_count()} processors, {args.rounds} rounds")
    print(f"largest difference of ablate's twelve figures to pycocotools': {worst:.1e}")
    print("\n| side | reading and evaluating, s | of that evaluating, s | times ablate's |\n| --- | --- | --- | --- |")
    ours = statistics.median(seconds["ablate"])
    for side in sides:
        whole = statistics.median(seconds[side])
        part = "" if alone[side][0] is None else f"{statistics.median(alone[side]):.2f}"
        print(f"| {side} | {whole:.2f} | {part} | {whole / ours:.1f} |")


if __name__ == "__main__":
    main()
