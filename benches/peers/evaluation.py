"""Does `ablate val` find what the packages' own `val` finds, with the weights that they trained? Run after parity.py. See README.md."""

import argparse
import json
import pathlib
import subprocess
from collections import defaultdict

from peer import bccd, ours

HERE = pathlib.Path(__file__).resolve().parent
# Their files have three decimals of a box and five of a score.
PIXELS, SCORE = 2e-3, 2e-5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ablate", required=True, help="the binary: target/release/ablate")
    parser.add_argument("--bccd", type=pathlib.Path, required=True, help="the folder with BCCD's Annotations, ImageSets and JPEGImages")
    parser.add_argument("--trained", type=pathlib.Path, default=HERE / "results/parity", help="parity.py's --out")
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--batch", type=int, default=16)
    return parser.parse_args()


def write_pngs(args):
    """The data set that they were evaluated on, with the pixels that they saw: both packages read JPEGs by OpenCV."""
    import cv2

    yolo = args.trained / "bccd"
    folder = args.trained / "png"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    for stem in bccd.stems(args.bccd, "test"):
        cv2.imwrite(str(folder / f"images/{stem}.png"), cv2.imread(str(yolo / f"images/test/{stem}.jpg")))
        (folder / f"labels/{stem}.txt").write_text((yolo / f"labels/test/{stem}.txt").read_text())
    data = folder / "data.yaml"
    data.write_text(f"val: images\nnames: {json.dumps(bccd.NAMES)}\n")
    return data


def found_by_ablate(args, data, folder):
    """Detections of `ablate val` with a package's best weights."""
    found = folder / "ours.json"
    model, weights = folder.name.split("-")[0], folder / "train/weights/best.pt"
    sizes = ["--imgsz", str(args.imgsz), "--batch", str(args.batch)]
    command = [args.ablate, "val", model, "--weights", str(weights), "--data", str(data), "--save-json", str(found), *sizes]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads(found.read_text())


def same(own, other):
    """How many of our detections are among theirs, each of which counts once."""
    left = defaultdict(list)
    for row in other:
        left[row["image_id"], row["category_id"]].append(row)
    count = 0
    for row in own:
        rows = left[row["image_id"], row["category_id"]]
        for place, candidate in enumerate(rows):
            near = max(abs(a - b) for a, b in zip(row["bbox"], candidate["bbox"])) <= PIXELS
            if near and abs(row["score"] - candidate["score"]) <= SCORE:
                del rows[place]
                count += 1
                break
    return count


def main():
    args = arguments()
    data, truth = write_pngs(args), args.trained / "truth.json"
    bccd.write_coco(args.bccd, "test", truth)
    print("| weights | detections, theirs | ours | the same | mAP50-95, theirs | ours |", "| --- | --- | --- | --- | --- | --- |", sep="\n")
    for folder in sorted(path.parent for path in args.trained.glob("yolov*/done.json")):
        own, other = found_by_ablate(args, data, folder), bccd.detections(args.bccd, folder)
        maps = [ours.metrics(args.ablate, truth, rows, args.trained / "compared.json")["AP"] for rows in (other, own)]
        print(f"| {folder.name} | {len(other)} | {len(own)} | {same(own, other)} | {maps[0]:.6f} | {maps[1]:.6f} |", flush=True)


if __name__ == "__main__":
    main()
