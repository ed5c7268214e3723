"""A model's table as `ablate show --format json` prints it: the rows resolved, the head's geometry, what it costs."""

import ast
import dataclasses
import json
import re
import subprocess

# Blocks that take their repeats inside; of all others a row makes a chain.
REPEATS_INSIDE = ("C3", "C2f", "VoVGSCSP", "C3StaticGhost", "C2fStaticGhost", "C3DynamicGhost", "C2fDynamicGhost")


@dataclasses.dataclass
class Row:
    sources: list  # indices of the rows that it reads; -1 stands for the image
    module: str
    arguments: list
    chain: int  # blocks one after another
    params: int
    shapes: list  # channels, height and width of each output


@dataclasses.dataclass
class Table:
    model: str
    nc: int
    imgsz: int
    params: int
    strides: list
    anchors: list | None  # width and height in pixels, by level
    rows: list


def read_arguments(text):
    """`[64, 32, 1, False]` or `[80, 3 anchors, [64, 128], parallel]` as a list; what is no number or list of them stays a word."""
    words = re.findall(r"\[[^\[\]]*\]|[^,\[\]]+", text.strip()[1:-1])
    return [read_argument(word.strip()) for word in words if word.strip()]


def read_argument(word):
    try:
        return ast.literal_eval(word)
    except (SyntaxError, ValueError):
        return word


def read_row(layer):
    index, written = layer["index"], ast.literal_eval(layer["from"])
    sources = [index + source if source < 0 else source for source in (written if isinstance(written, list) else [written])]
    chain = 1 if layer["module"] in REPEATS_INSIDE else layer["n"]
    return Row(sources, layer["module"], read_arguments(layer["arguments"]), chain, layer["params"], layer["shapes"])


def show(ablate, model, imgsz, nc=None, files=()):
    """Asks the binary for a model's table; `files` are tables of one's own that the name may need."""
    command = [ablate, "show", model, "--imgsz", str(imgsz), "--format", "json"]
    command += ["--nc", str(nc)] if nc else []
    command += [word for file in files for word in ("--table", str(file))]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows = [read_row(layer) for layer in told["layers"]]
    return Table(told["model"], told["nc"], told["imgsz"], told["params"], told["strides"], told.get("anchors"), rows)
