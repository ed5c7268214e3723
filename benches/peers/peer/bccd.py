"""BCCD as Ultralytics reads it, and its test split's objects in COCO's format."""

import json
import pathlib
import shutil
import xml.etree.ElementTree as ElementTree

NAMES = ["RBC", "WBC", "Platelets"]
SPLITS = ("train", "val", "test")


def annotation(source, stem):
    """Width, height and rows of class, left, top, right, bottom; an object without area is left out."""
    root = ElementTree.parse(source / "Annotations" / f"{stem}.xml").getroot()
    width, height = (int(root.find(f"size/{side}").text) for side in ("width", "height"))
    boxes = []
    for thing in root.iter("object"):
        left, top, right, bottom = (float(thing.find(f"bndbox/{side}").text) for side in ("xmin", "ymin", "xmax", "ymax"))
        if right > left and bottom > top:
            boxes.append((NAMES.index(thing.find("name").text), left, top, right, bottom))
    return width, height, boxes


def stems(source, split):
    return sorted((source / "ImageSets/Main" / f"{split}.txt").read_text().split())


def write_yolo(source, target):
    """Writes images/, labels/ and data.yaml; gives the path of the last."""
    for split in SPLITS:
        images, labels = target / "images" / split, target / "labels" / split
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        for stem in stems(source, split):
            width, height, boxes = annotation(source, stem)
            rows = [
                f"{name} {(left + right) / 2 / width:.8f} {(top + bottom) / 2 / height:.8f} {(right - left) / width:.8f} {(bottom - top) / height:.8f}"
                for name, left, top, right, bottom in boxes
            ]
            (labels / f"{stem}.txt").write_text("\n".join(rows))
            shutil.copy(source / "JPEGImages" / f"{stem}.jpg", images)
    data = target / "data.yaml"
    lines = [f"path: {target.resolve()}", *(f"{split}: images/{split}" for split in SPLITS), f"nc: {len(NAMES)}", f"names: {json.dumps(NAMES)}"]
    data.write_text("\n".join(lines) + "\n")
    return data


def write_coco(source, split, path):
    """Objects of a split; an image's id is its place among the split's sorted names."""
    images, annotations = [], []
    for number, stem in enumerate(stems(source, split)):
        width, height, boxes = annotation(source, stem)
        images.append({"id": number, "file_name": f"{stem}.jpg", "width": width, "height": height})
        for name, left, top, right, bottom in boxes:
            size = (right - left, bottom - top)
            row = {"id": len(annotations) + 1, "image_id": number, "category_id": name, "bbox": [left, top, *size]}
            annotations.append({**row, "area": size[0] * size[1], "iscrowd": 0})
    categories = [{"id": number, "name": name} for number, name in enumerate(NAMES)]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def ids(source, split):
    return {stem: number for number, stem in enumerate(stems(source, split))}


def detections(source, folder):
    """What the best weights of a package's training, in its folder, find on the test split, under the numbers that images and classes have here."""
    places = ids(source, "test")
    # The old package counts classes from 0, the other from 1.
    first = 0 if folder.name.startswith("yolov5") else 1
    rows = json.loads((folder / "detections.json").read_text())
    return [{**row, "image_id": places[row["image_id"]], "category_id": row["category_id"] - first} for row in rows]
