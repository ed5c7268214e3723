"""A forward pass in ONNX Runtime, of the same module with the same weights."""

import importlib.metadata
import pathlib
import tempfile
import warnings

import torch

from . import timing
from .graph import NotTheSame

# The most by which one of a prediction's numbers may differ, as a share of its largest.
TOLERANCE = 1e-3


def versions():
    """PyTorch's, and ONNX Runtime's where it is installed: figures of other versions are no pair of these."""
    try:
        return f"{torch.__version__}, onnxruntime {importlib.metadata.version('onnxruntime')}"
    except importlib.metadata.PackageNotFoundError:
        return torch.__version__


def exported(detector, batch, imgsz):
    """The ONNX file's bytes of a detector in eval mode, for inputs of this shape alone."""
    detector = detector.eval()
    images = torch.zeros(batch, 3, imgsz, imgsz)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        # Shapes and decoding's grids become constants, which is what is wanted.
        warnings.simplefilter("ignore")
        detector(images)
        file = pathlib.Path(folder) / "model.onnx"
        torch.onnx.export(detector, (images,), str(file), input_names=["images"], dynamo=False)
        return file.read_bytes()


def session(model, threads):
    """All optimisations, which are the default, and so many threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def check(detector, runtime, batch, imgsz):
    """Raises NotTheSame where it does not predict what PyTorch does."""
    images = torch.rand(batch, 3, imgsz, imgsz)
    with torch.no_grad():
        expected = detector.eval()(images)
    found = torch.from_numpy(runtime.run(None, {"images": images.numpy()})[0])
    if found.shape != expected.shape:
        raise NotTheSame(f"ONNX Runtime: expected outputs of {list(expected.shape)}, found {list(found.shape)}")
    difference = ((found - expected).abs().amax((0, 1)) / expected.abs().amax((0, 1))).max().item()
    if not difference <= TOLERANCE:
        raise NotTheSame(f"ONNX Runtime: its outputs differ from PyTorch's by {difference:.1e} of the largest")


def turn(detector, batch, imgsz, threads, protocol):
    """A function that gives samples in milliseconds. Its session lives no longer, since its threads spin beside the other sides."""
    model = exported(detector, batch, imgsz)
    check(detector, session(model, threads), batch, imgsz)
    images = torch.rand(batch, 3, imgsz, imgsz).numpy()

    def samples_ms():
        runtime = session(model, threads)
        return timing.samples_ms(lambda: runtime.run(None, {"images": images}), *protocol)

    return samples_ms
