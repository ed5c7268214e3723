"""Checks that PyTorch's side computes what the Rust side computes: both reproduce the fixtures of `crates/model/tests`, folded and not."""

import argparse
import json
import pathlib
import struct
import sys
import tempfile

import torch

from peer import table
from peer.fold import folded
from peer.graph import Detector, make_block

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/model/tests/fixtures"

# Family, variants, weights, outputs.
MODELS = [
    ("yolov5", "", "baseline", "baseline"),
    ("yolov5", "+gsconv", "gsconv", "gsconv"),
    ("yolov5", "+mobilenetv2", "mobilenetv2", "mobilenetv2"),
    ("yolov5", "+ghost", "ghost", "ghost"),
    ("yolov5", "+asff", "asff", "asff-parallel-outputs"),
    ("yolov5", "+asff:order=sequential", "asff", "asff-sequential-outputs"),
    ("yolov8", "", "yolov8-baseline", "yolov8-baseline"),
]

# Fixture, module, its arguments in a printed table.
BLOCKS = [
    ("c2f", "C2f", [16, 24, 2]),
    ("gsconvns_k1s1", "GSConvns", [16, 24, 1, 1]),
    ("vovgscsp", "VoVGSCSP", [16, 24, 2]),
    ("repvgg_identity", "RepVGG", [16, 16, 3, 1]),
    ("repvgg_s2", "RepVGG", [16, 24, 3, 2]),
    ("fasternet_e16_d1221_relu", "FasterNet", [(16, (1, 2, 2, 1), "relu", 0.0)]),
    ("fasternet_e16_d1111_gelu", "FasterNet", [(16, (1, 1, 1, 1), "gelu", 0.0)]),
]


def read(name):
    """A SafeTensors file of 32-bit floats."""
    data = (FIXTURES / f"{name}.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for key, told in header.items():
        begin, end = (8 + size + offset for offset in told["data_offsets"])
        tensors[key] = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32).reshape(told["shape"])
    return tensors


def worst(model, inputs, expected):
    """The largest difference over all outputs, as a share of each one's largest value."""
    with torch.inference_mode():
        outputs = model.eval()(inputs)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return max(((y - e).abs().max() / e.abs().max()).item() for y, e in zip(outputs, expected, strict=True))


def weights(golden, prefix):
    return {key.removeprefix(prefix): tensor for key, tensor in golden.items() if key.startswith(prefix)}


def load(module, state):
    """All of the weights into all of their places, but for the counters and constants that the fixtures leave out."""
    result = module.load_state_dict(state, strict=False)
    missing = [key for key in result.missing_keys if not key.endswith(("num_batches_tracked", "dfl.conv.weight"))]
    if missing or result.unexpected_keys:
        raise SystemExit(f"without weights: {missing}; without a place: {result.unexpected_keys}")
    return module


def narrow(folder, family):
    """The family's table at the width of the fixtures, as a table of one's own."""
    text = (ROOT / f"configs/models/families/{family}.yaml").read_text()
    head, rest = text.split("scales:", 1)
    rows = rest[rest.index("anchors:") if "anchors:" in rest else rest.index("backbone:") :]
    path = pathlib.Path(folder) / f"narrow{family[-1]}.yaml"
    path.write_text(f"{head}scales: {{n: [0.33, 0.0625]}}\n{rows}")
    return path


def check_models(ablate, folder):
    for family, variants, weights_of, outputs_of in MODELS:
        path = narrow(folder, family)
        detector = Detector(table.show(ablate, f"{path.stem}n{variants}", 64, nc=3, files=[path]))
        state = weights(read(f"models/{weights_of}"), "w.")
        if "asff" in variants:  # where the head is called m, not head.m
            state = {key.replace(".24.m.", ".24.head.m."): tensor for key, tensor in state.items()}
        load(detector, state)
        golden = read(f"models/{outputs_of}")
        expected = golden["decoded"]
        if family == "yolov8":  # published without objectness, channels first
            expected = expected.transpose(1, 2)
            expected = torch.cat((expected[..., :4], torch.ones_like(expected[..., :1]), expected[..., 4:]), -1)
        yield f"{family}{variants}", detector, golden["x"], [expected]


def check_blocks():
    for name, module, arguments in BLOCKS:
        golden = read(f"blocks/{name}")
        block = load(make_block(module, arguments), weights(golden, "w.b." if module == "FasterNet" else "w."))
        yield name, block, golden["x0"], [golden[f"y{i}"] for i in range(4) if f"y{i}" in golden]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ablate", required=True, help="the binary: target/release/ablate")
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, module, inputs, expected in [*check_models(args.ablate, folder), *check_blocks()]:
            plain, fused = (worst(which, inputs, expected) for which in (module, folded(module)))
            failed |= max(plain, fused) > 1e-4
            print(f"{name}: off by {plain:.1e}, folded by {fused:.1e}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
